/* SPDX-License-Identifier: MIT */
/* Phrases that several rule files share. All of them live in the arena and never are NULL. */
#ifndef VHDXRAY_CHECK_PHRASES_H
#define VHDXRAY_CHECK_PHRASES_H

#include <stdint.h>

#include "base/arena.h"
#include "image/image.h"

/* A guest range for people: "guest 16.00-16.03 GiB"; in MiB or bytes where GiB would hide it. */
const char *phrase_guest(struct arena *a, uint64_t off, uint64_t len);
/* Guest range of a payload block. */
const char *phrase_block(struct arena *a, const struct geometry *g, uint64_t block);
/* Who owns these bytes: "the log", "region metadata", "sector bitmap block of BAT entry 2048", "BAT entry 12". */
const char *phrase_owner(struct arena *a, const struct view *v, const struct extent *e);

#endif
