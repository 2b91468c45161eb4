/* SPDX-License-Identifier: MIT */
/* Whether an image may be written to at all. Internal to write/. */
#ifndef VHDXRAY_WRITE_WRITABLE_H
#define VHDXRAY_WRITE_WRITABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "image/image.h"

struct writable {
    uint64_t end;       /* bytes, a multiple of 1 MiB: behind the file and everything that has a place in it */
    bool anchors_apart; /* no soft anchor shares bytes with anything: they can be used again by their blocks */
};

/*
 * Judges the view to believe (img->main), which is surveyed for it. STATUS_REFUSED with a sentence in *ret_why (arena
 * text) when a write could destroy something or be lost; else STATUS_IO, STATUS_LIMIT, STATUS_NO_MEMORY.
 */
enum status writable_judge(struct image *img, struct writable *ret, const char **ret_why);

#endif
