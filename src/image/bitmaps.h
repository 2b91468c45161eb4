/* SPDX-License-Identifier: MIT */
/* Sector bitmap blocks of a differencing image, one chunk at a time, counted against the states of their blocks. */
#ifndef VHDXRAY_IMAGE_BITMAPS_H
#define VHDXRAY_IMAGE_BITMAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "image/view.h"

struct bitmap_note {
    uint64_t chunk;
    uint64_t index;     /* BAT index of the bitmap entry */
    uint64_t entry_off; /* file offset of that entry */
    uint64_t off;       /* file offset of the bitmap block */
    bool in_file;       /* all of its 1 MiB */
    /* Set bits by what they stand for, and the first block (or sector) of each kind. */
    uint64_t bits_not_present, first_not_present_block; /* blocks in state 0 */
    uint64_t bits_meaningless, first_meaningless_block; /* blocks in state 1, 2, 3, 5, 6 */
    uint64_t bits_past_end;                             /* sectors at or past the end of the disk */
    uint64_t partial_blocks;                            /* state 7 in this chunk */
    uint64_t partial_full, first_partial_full;          /* of those, all bits of the block's guest sectors set */
    uint64_t partial_empty, first_partial_empty;        /* of those, none set */
    uint64_t not_present_blocks;                        /* state 0 in this chunk */
    uint64_t blocks;                                    /* real blocks of this chunk */
    uint64_t bits_total;
    uint64_t transitions; /* changes between 0 and 1 along the bits, for the plausibility of the run structure */
};

/*
 * Calls fn for each PRESENT bitmap block with an offset, in chunk order; fn returns false to stop. Holes in a bitmap cost
 * nothing. Needs v->bat; a non-differencing view has none.
 */
enum status bitmaps_visit(struct view *v, bool (*fn)(void *ctx, const struct bitmap_note *n), void *ctx);

#endif
