/* SPDX-License-Identifier: MIT */
/* Marks that two known faulty writers leave across many BAT entries; looked for only in a BAT with notable entries. */
#ifndef VHDXRAY_CHECK_BAT_SIGNS_H
#define VHDXRAY_CHECK_BAT_SIGNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "image/view.h"

enum shift_evidence {
    SHIFT_NONE,
    SHIFT_IN_BITMAP_SLOT, /* a bitmap slot holds the payload entry of its left neighbour */
    SHIFT_IN_PADDING,     /* the first slot past the last entry does */
    SHIFT_REPEATED_FIRST, /* the first entry of the page occurs twice, then the blocks go on in order */
};

struct page_shift {
    uint64_t first; /* BAT index of the page's first entry */
    uint64_t index; /* BAT index of the evidence */
    uint64_t raw;   /* the entry found there */
    enum shift_evidence evidence;
};

/*
 * Calls fn for each 4 KiB page of the BAT whose entries were moved up by one slot (QEMU before April 2023, issue 727);
 * fn returns false to stop. Nothing is found in a differencing disk. Needs view->survey.
 */
enum status page_shifts_visit(struct view *v, bool (*fn)(void *ctx, struct page_shift s), void *ctx);

/*
 * True when the BAT looks as if block b stood at index b, without slots for bitmaps (cloud-hypervisor); *ret_index: the
 * first bitmap slot that holds a block. Needs view->survey and view->layout.
 */
enum status bat_lacks_interleave(struct view *v, bool *ret, uint64_t *ret_index);

#endif
