/* SPDX-License-Identifier: MIT */
/* Payload blocks and soft anchors in the order in which they lie in the file. */
#ifndef VHDXRAY_IMAGE_FILE_ORDER_H
#define VHDXRAY_IMAGE_FILE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "image/view.h"

/* Blocks that follow each other in the disk and in the file. */
struct placed_blocks {
    uint64_t off;           /* in the file; each block is geometry.block_size long */
    uint64_t index;         /* of the first one in the BAT */
    uint64_t block, blocks; /* of the guest's disk: the first one, and how many */
    bool anchor;            /* no guest data: old places, remembered ([MS-VHDX] 2.5.1.1) */
};

struct file_order; /* opaque; in the view's arena */

/*
 * Needs a geometry and a BAT. Ascending by off, blocks before anchors, then by index; of the entries that describe
 * blocks of the disk those that have a place, as many in one piece as there are. A BAT that the host cannot read is
 * STATUS_IO.
 */
enum status file_order_open(struct view *v, struct file_order **ret);
enum status file_order_next(struct file_order *o, struct placed_blocks *ret, bool *ret_more);

#endif
