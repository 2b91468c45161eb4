/* SPDX-License-Identifier: MIT */
/*
 * Judges the active sequence's targets and builds the overlay that holds its pages ([MS-VHDX] 2.3.3;
 * format.md 8.2, 8.4). One bad target refuses the whole replay: an older sequence is never used instead.
 */
#ifndef VHDXRAY_IMAGE_REPLAY_H
#define VHDXRAY_IMAGE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "image/log_scan.h"
#include "io/source.h"

enum replay_fault_kind {
    REPLAY_FAULT_TRUNCATED,   /* file smaller than the head's FlushedFileOffset: VHDX-LOG-003 */
    REPLAY_FAULT_SIZE_ABSURD, /* LastFileOffset/FlushedFileOffset beyond LIMIT_REPLAYED_SIZE: VHDX-LOG-015 */
    REPLAY_FAULT_BELOW_MIN,   /* target below 0x30000: VHDX-LOG-017 */
    REPLAY_FAULT_IN_LOG,      /* VHDX-LOG-018 */
    REPLAY_FAULT_WRAPS,       /* VHDX-LOG-019 */
    REPLAY_FAULT_BEYOND,      /* ends beyond max(LastFileOffset of any active entry, file size): VHDX-LOG-020 */
};

struct replay_fault {
    enum replay_fault_kind kind;
    uint64_t entry;      /* index into log_scan.entries */
    uint32_t descriptor; /* index in the entry; 0 for the first two kinds */
    uint64_t off, len;   /* target, or the offset complained about */
};

struct replay {
    bool attempted;              /* an active sequence exists */
    bool refused;                /* some fault: the overlay was not built */
    struct replay_fault *faults; /* in ring order; all of them up to LIMIT_FINDINGS_PER_RULE per kind */
    uint64_t fault_count;        /* listed */
    uint64_t fault_totals[6];    /* exact, by kind */
    uint64_t data_descriptors, zero_descriptors;
    uint64_t new_size;       /* file size after replay, bytes */
    uint64_t pages_touched;  /* 4 KiB pages of the normalised patches */
    uint64_t pages_changed;  /* of those, pages whose bytes really differ */
    uint64_t repeated_pages; /* pages written twice inside one entry (VHDX-LOG-033) */
    uint64_t repeated_entry; /* first entry that does so */
    uint64_t repeated_off;   /* and the page */
    bool io_error;           /* the log or a target could not be read again: refused, or pages_changed is too low */
    struct source *overlay;  /* NULL unless attempted and not refused */
};

enum status replay_build(struct arena *a, struct source *file, const struct log_scan *log, struct replay *ret);

#endif
