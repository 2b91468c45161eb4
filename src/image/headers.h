/* SPDX-License-Identifier: MIT */
/* Reads both headers and chooses the current one, [MS-VHDX] 2.2.2; format.md 6.1. */
#ifndef VHDXRAY_IMAGE_HEADERS_H
#define VHDXRAY_IMAGE_HEADERS_H

#include "base/arena.h"
#include "base/status.h"
#include "image/image.h"
#include "io/source.h"

/*
 * Fills both slots; what the file or the host does not give is recorded there. The raw bytes live in the arena.
 * STATUS_NO_MEMORY/LIMIT/INTERNAL only.
 */
enum status headers_read(struct arena *a, struct source *file, struct header_slot slots[2]);

/* Which slot is current: 0, 1, or -1 when neither is valid. */
int headers_choose(const struct header_slot slots[2], enum header_choice *ret_choice);

#endif
