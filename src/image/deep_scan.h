/* SPDX-License-Identifier: MIT */
/*
 * The content of the file, looked at once in the order of the file: blocks of the guest's disk that hold nothing, bytes
 * in them that the guest can never see, and what lies where nobody owns anything. Cost follows allocated bytes, and of
 * a block in use no more is read than it takes to see that it is not empty.
 */
#ifndef VHDXRAY_IMAGE_DEEP_SCAN_H
#define VHDXRAY_IMAGE_DEEP_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "image/content.h"
#include "image/view.h"

enum deep_kind {
    DEEP_ZERO_BLOCKS,  /* FULLY_PRESENT blocks, one behind the other in disk and file, of zeros alone */
    DEEP_PAST_DISK,    /* the last block holds something behind the end of the disk */
    DEEP_HIDDEN,       /* a PARTIALLY_PRESENT block holds something in sectors that the guest reads from the parent */
    DEEP_FREE_DATA,    /* 1 MiB units owned by nobody, one behind the other, each of which holds something */
    DEEP_FREE_CONTENT, /* one such unit that begins like something known; comes before the DEEP_FREE_DATA it is part of
                        */
};

struct deep_note {
    enum deep_kind kind;
    uint64_t off, len;      /* file bytes: the blocks; what lies behind the end of the disk; the block; the units */
    uint64_t index;         /* of the first block in the BAT */
    uint64_t block, blocks; /* blocks of the disk; 0, 0 for free units */
    uint64_t first_off;     /* file offset of the first byte that is not zero; not for DEEP_ZERO_BLOCKS */
    uint64_t count;         /* DEEP_PAST_DISK: bytes that are not zero; DEEP_HIDDEN: sectors that are not */
    struct content_guess content; /* DEEP_FREE_CONTENT */
};

/*
 * Needs view_survey() with a BAT. fn returns false to stop. progress (may be NULL) hears now and then up to which byte
 * of the file everything is done. What the host cannot read is noted in the view and passed over; nothing is said of
 * blocks and units it belongs to, nor of blocks that begin inside something else's bytes. STATUS_LIMIT etc. end it.
 */
enum status deep_scan(struct view *v, bool (*fn)(void *ctx, const struct deep_note *n), void *ctx,
                      void (*progress)(void *ctx, uint64_t off), void *progress_ctx);

#endif
