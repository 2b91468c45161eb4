/* SPDX-License-Identifier: MIT */
/*
 * Maps of a bounded size: the file and the guest's disk cut into equal parts (bins), and what lies in each. From one
 * walk over the BAT, and a second one over its notable entries when there are any, so memory does not depend on the
 * disk.
 */
#ifndef VHDXRAY_IMAGE_DISK_BINS_H
#define VHDXRAY_IMAGE_DISK_BINS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "image/view.h"

enum file_use {
    FILE_USE_HEADER, /* header section */
    FILE_USE_LOG,
    FILE_USE_METADATA,
    FILE_USE_BAT,
    FILE_USE_REGION, /* any other region */
    FILE_USE_BITMAP,
    FILE_USE_PAYLOAD,
    FILE_USE_ANCHOR, /* a block that holds no guest data, its place remembered ([MS-VHDX] 2.5.1.1) */
    FILE_USE_COUNT,
};

struct file_bin {
    uint64_t bytes[FILE_USE_COUNT]; /* claimed here; more than the bin has when claims overlap */
    bool overlap;                   /* more than one structure claims some of these bytes */
    bool stored;                    /* the host stores data here; false: a hole, all zeros */
};

struct guest_bin {
    uint64_t blocks;    /* of the disk that lie here */
    uint64_t states[8]; /* of those, by payload state, in this file alone */
    bool fault;         /* some of them cannot be read: past the end, overlapping, invalid */
};

struct disk_bins {
    uint64_t file_size; /* of the view */
    uint64_t unit;      /* file bytes of a bin, a power of two, at least 1 MiB; the last bin may be shorter */
    uint32_t file_count;
    struct file_bin *file;
    uint64_t file_bytes[FILE_USE_COUNT]; /* sums over the bins */
    uint64_t beyond;                     /* bytes that blocks claim behind the end of the file */

    /* No bins when there is no geometry or no BAT. */
    uint64_t guest_unit; /* guest bytes of a bin, the block size times a power of two */
    uint32_t guest_count;
    struct guest_bin *guest;
};

/*
 * Needs view_survey(). At most max_bins of each kind, >= 1. In arena `a`, which may be another than the view's. A file
 * of 0 bytes has no bins. STATUS_IO when the BAT cannot be read (any more), or a limit.
 */
enum status disk_bins_make(struct arena *a, struct view *v, uint32_t max_bins, struct disk_bins *ret);

#endif
