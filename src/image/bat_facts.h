/* SPDX-License-Identifier: MIT */
/* What one BAT entry says by itself and about fixed structures; how it meets other blocks is image/claims.h. */
#ifndef VHDXRAY_IMAGE_BAT_FACTS_H
#define VHDXRAY_IMAGE_BAT_FACTS_H

#include "image/bat_walk.h"

/*
 * Fills a note for entry `index` that says `raw` (not 0): facts, claimed range and what it hits among fixed structures.
 * bitmap_usable: for state 7 of a differencing file, the chunk's bitmap can be read (bat_bitmap_usable()).
 * `other`, and of `others` those whose fact does not hold, stay as they are.
 */
void bat_note_fill(const struct view *v, uint64_t index, struct bat_slot slot, uint64_t raw, bool bitmap_usable,
                   struct bat_note *ret);

/* A bitmap entry that says where to read: PRESENT, with an offset inside the file. */
bool bat_bitmap_usable(const struct view *v, uint64_t raw);

#endif
