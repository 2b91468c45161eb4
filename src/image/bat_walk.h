/* SPDX-License-Identifier: MIT */
/*
 * Streams over the BAT in windows: at 67 million entries it is 537 MiB and is never held. The survey (one pass) counts and
 * claims; only entries about which some rule could have something to say ("notable") are handed out one by one, with
 * facts about where they point, in a later pass that clean images do not need.
 */
#ifndef VHDXRAY_IMAGE_BAT_WALK_H
#define VHDXRAY_IMAGE_BAT_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "format/bat.h"
#include "image/layout_map.h"
#include "image/view.h"

/* What is remarkable about an entry; several may hold. */
enum bat_fact {
    BAT_FACT_RESERVED_BITS = 1 << 0,   /* bits 3-19 */
    BAT_FACT_STATE = 1 << 1,           /* payload 4, 5; 7 without parent; bitmap slot not 0 or 6; bitmap 6 in non-diff */
    BAT_FACT_ZERO_OFFSET = 1 << 2,     /* payload 6/7 or bitmap 6 with FileOffsetMB 0 */
    BAT_FACT_IDLE_OFFSET = 1 << 3,     /* payload 0/2 or bitmap not 6 with FileOffsetMB != 0 */
    BAT_FACT_WRAPS = 1 << 4,           /* offset + length past 2^64 or past the signed 63-bit range */
    BAT_FACT_PAST_EOF = 1 << 5,        /* guest data (or bitmap, or anchor) lies at or past the end of the view's source */
    BAT_FACT_CUT_TAIL = 1 << 6,        /* end of the block is past EOF, but every guest byte is in the file */
    BAT_FACT_HITS_HEADER = 1 << 7,     /* owned range intersects the header section (offset 0) */
    BAT_FACT_HITS_LOG = 1 << 8,
    BAT_FACT_HITS_REGION = 1 << 9,     /* other.ref: entry of the used region table */
    BAT_FACT_SAME_PAYLOAD = 1 << 10,   /* same FileOffsetMB as another live payload block */
    BAT_FACT_PARTIAL_PAYLOAD = 1 << 11, /* overlaps another live payload block, other offset */
    BAT_FACT_HITS_BITMAP = 1 << 12,    /* payload over bitmap block, or bitmap over another bitmap block */
    BAT_FACT_HITS_ANCHOR = 1 << 13,    /* a live block and a soft anchor, or two anchors, share bytes */
    BAT_FACT_NO_BITMAP = 1 << 14,      /* state 7 whose chunk's bitmap entry is not PRESENT with an offset in the file */
    BAT_FACT_UNUSED_SLOT = 1 << 15,    /* non-zero slot that describes nothing: past the last entry, or payload >= blocks */
    BAT_FACT_FAR = 1 << 16,            /* FileOffsetMB >= 2^28 on an owned range */
};

enum { BAT_OTHERS = 7, BAT_OTHERS_SHIFT = 7 };

/*
 * Offset 0 is the header section: an entry that points there claims nothing (owns is false) and has HITS_HEADER and
 * ZERO_OFFSET; it takes part in no overlap. Blocks past the end of the file do own their range. Slots that describe
 * nothing have UNUSED_SLOT and no other fact.
 */
struct bat_note {
    uint64_t index;    /* BAT index */
    uint64_t entry_off; /* file offset of the entry's 8 bytes */
    uint64_t raw;
    struct bat_slot slot;
    unsigned facts;    /* enum bat_fact bits */
    bool owns;         /* claims bytes: payload 6/7, bitmap 6, payload 1/3 with offset (anchor) */
    bool anchor;
    uint64_t off, len; /* claimed range, when owns */
    uint64_t missing;  /* bytes of guest data (or bitmap, or anchor) past EOF */
    /* For HITS_* and SAME/PARTIAL: the earlier owner, OWNER_NONE when it could not be remembered. Overlaps between blocks
     * are reported once, at the later entry of the pair in BAT order; `other` is the earlier one. With several such facts
     * `other` belongs to the lowest bit; bat_note_other() has one for each. Of several earlier owners it is the one that
     * starts lowest in the file, and the first in BAT order among those on one place.
     * A PRESENT bitmap slot of a file without parent means nothing to any reader, so no payload block is ever said to hit
     * it; the slot itself is compared with all payload blocks and anchors, earlier or later (VHDX-BAT-006). */
    struct extent other;
    struct extent others[BAT_OTHERS]; /* HITS_HEADER .. HITS_ANCHOR, in the order of their bits */
    uint64_t guest_off, guest_len; /* payload slots below payload_blocks, else 0, 0 */
    uint64_t bitmap_raw;           /* with NO_BITMAP: the bitmap entry of the chunk, 0 when the BAT ends before it */
};

/* The other owner that a HITS_*, SAME or PARTIAL fact of the note speaks of. */
static inline const struct extent *bat_note_other(const struct bat_note *n, enum bat_fact fact)
{
    return &n->others[__builtin_ctz((unsigned)fact) - BAT_OTHERS_SHIFT];
}

struct bat_survey {
    uint64_t states[8];        /* payload slots of real blocks, by state */
    uint64_t bitmap_states[8]; /* bitmap slots by state */
    uint64_t bitmaps_present;
    uint64_t allocated_blocks; /* states 6 and 7 */
    uint64_t allocated_bytes;  /* allocated_blocks * block_size */
    uint64_t anchors;          /* states 1/3 with an offset */
    uint64_t unused_nonzero;   /* non-zero slots that describe nothing */
    uint64_t unused_with_offset;
    uint64_t unused_live;      /* of those, state 6/7 with an offset */
    uint64_t bitmap_with_offset; /* bitmap slots with FileOffsetMB != 0 */
    uint64_t runs;             /* maximal runs of blocks that follow each other in the file and in the disk */
    uint64_t out_of_order;     /* allocated blocks whose offset is below that of the previous allocated one */
    uint64_t notable;          /* entries that bat_visit_notable() will hand out */
    uint64_t highest_end;      /* end of the highest owned range, bytes */
    bool all_in_order;         /* every real block is state 6, contiguous and in disk order */
    bool overlaps_checked;     /* false only when a limit stopped the search for overlaps */
    uint64_t first_unallocated_trailing; /* block behind the last allocated one */
};

/* fn returns false to stop. Needs view_survey(). Entries come in BAT order. */
enum status bat_visit_notable(struct view *v, bool (*fn)(void *ctx, const struct bat_note *n), void *ctx);

/* Raw entries one by one, in any order (ascending is fast), for dump, map and reading; index < v->bat.slots. */
struct bat_reader {
    struct view *view;
    uint8_t *window;                     /* from the view's arena */
    uint64_t room;                       /* entries that fit it */
    uint64_t window_first, window_count; /* in entries */
    bool zeros;                          /* those are a hole of the source */
};
enum status bat_reader_open(struct view *v, struct bat_reader *ret);
enum status bat_reader_get(struct bat_reader *r, uint64_t index, uint64_t *ret_entry);
/* The first entry of [index, end) that is not zero, or end; end <= v->bat.slots. Steps over holes. */
enum status bat_reader_find(struct bat_reader *r, uint64_t index, uint64_t end, uint64_t *ret_index, uint64_t *ret_entry);
void bat_reader_close(struct bat_reader *r);

/*
 * Compares the BATs of two views of one image entry by entry: VHDX-BAT-034, VHDX-FOR-018. Calls nothing when they differ in
 * place or number of entries. fn returns false to stop.
 */
struct bat_change {
    uint64_t index, stored, replayed;
};
enum status bat_compare(struct view *stored, struct view *replayed, bool (*fn)(void *ctx, struct bat_change c), void *ctx);

#endif
