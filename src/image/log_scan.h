/* SPDX-License-Identifier: MIT */
/*
 * What lies in the log ring: every sector that starts like an entry, judged once; runs of adjacent live entries; the
 * active sequence ([MS-VHDX] 2.3.2; format.md 8.2, 8.3). Linear in the allocated bytes of the ring, because an interior
 * sector of a structurally valid entry cannot itself start like one.
 */
#ifndef VHDXRAY_IMAGE_LOG_SCAN_H
#define VHDXRAY_IMAGE_LOG_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/guid.h"
#include "base/status.h"
#include "format/layout.h"
#include "format/log_entry.h"
#include "io/source.h"

/* First thing found wrong with a `loge` sector, in the order of format.md 8.2. */
enum log_defect {
    LOG_DEFECT_NONE,
    LOG_DEFECT_LENGTH, /* EntryLength 0, unaligned, < 4096 or > LogLength */
    LOG_DEFECT_TAIL,   /* Tail unaligned or >= LogLength */
    LOG_DEFECT_SEQUENCE_ZERO,
    LOG_DEFECT_DESCRIPTOR_COUNT, /* does not fit EntryLength */
    LOG_DEFECT_DESCRIPTOR,       /* signature, sequence number or alignment of a descriptor */
    LOG_DEFECT_LENGTH_MISMATCH,  /* CRC right, but EntryLength != 4096 * (d + k) */
    LOG_DEFECT_DATA_SECTOR,      /* signature or sequence halves */
    LOG_DEFECT_CHECKSUM,         /* also of an entry with a length mismatch, or that another one starts in its excess */
};

struct log_entry {
    uint64_t sequence_number;
    uint64_t flushed_file_off;
    uint64_t last_file_off;
    uint32_t ring_off; /* bytes from LogOffset */
    uint32_t len;      /* EntryLength as stored */
    uint32_t tail;     /* ring offset as stored */
    uint32_t descriptor_count;
    uint32_t data_count;   /* data descriptors, when descriptors were readable */
    uint32_t guid;         /* index into log_scan.guids */
    uint32_t kept;         /* index of its first descriptor in log_scan.kept, or LOG_NOT_KEPT */
    uint32_t defect_item;  /* descriptor or data sector index of the defect */
    uint8_t defect;        /* enum log_defect; 0 = valid entry */
    bool live;             /* LogGuid equals the current header's non-nil one */
    bool reserved_nonzero; /* entry header or a zero descriptor has reserved bytes set */
    bool zero_length;      /* has a zero descriptor of length 0 */
    bool active;           /* member of the active sequence */
};

/* Maximal ring-adjacent run of valid live entries with numbers rising by one. */
struct log_run {
    uint64_t first; /* index into entries; follow with log_scan_next() */
    uint64_t count;
    uint64_t head; /* index of the last entry */
    uint64_t tail; /* index of the entry at head.tail when valid */
    bool valid;    /* head.tail is the start of an entry inside the run */
};

/* Descriptors of valid entries as they are in the ring (image/log_descriptors.h). */
struct log_kept {
    struct log_kept_descriptor {
        uint8_t bytes[LOG_DESCRIPTOR_LEN];
    } * items;
    uint64_t count, cap;
};

enum log_state { LOG_STATE_EMPTY, LOG_STATE_DIRTY, LOG_STATE_INVALID };
const char *log_state_name(enum log_state s);

struct log_scan {
    uint64_t off, len;  /* ring as the current header says, bytes */
    bool scanned;       /* false: no current header, length 0, or the ring is wholly outside the file */
    bool truncated;     /* part of the ring lies outside the file; that part counts as zeros */
    bool io_error;      /* part of the ring could not be read: has_active stays false, the newest entry may be there */
    bool all_zero;      /* scanned, and no byte of it is set */
    struct guid *guids; /* distinct LogGuids seen, in order of first appearance */
    uint32_t guid_count;
    struct log_entry *entries; /* every `loge` sector, sorted by ring_off */
    uint64_t entry_count;
    struct log_kept kept;
    uint64_t valid_live, valid_stale;
    struct log_run *runs;
    uint64_t run_count;
    bool has_active;
    uint64_t active_first; /* tail entry; indices into entries, follow with log_scan_next() */
    uint64_t active_count;
    uint64_t active_head;
    /* Non-zero sectors that belong to no valid entry and do not start with `loge`. */
    uint64_t orphan_data, orphan_descriptors, orphan_other;
    uint64_t orphan_first_off; /* file offset of the first one, when there is any */
};

/*
 * Scans [off, off + len) of file. live: the current header's LogGuid (nil: nothing is live). Never fails because of
 * what the ring holds or because the host cannot read it (io_error): STATUS_NO_MEMORY/LIMIT/INTERNAL only.
 */
enum status log_scan_run(struct arena *a, struct source *file, uint64_t off, uint64_t len, const struct guid *live,
                         struct log_scan *ret);

/* Index of the valid entry that starts where entry i ends (with wrap), or UINT64_MAX. */
uint64_t log_scan_next(const struct log_scan *s, uint64_t i);
/* Index of the `loge` sector at a ring offset, or UINT64_MAX. */
uint64_t log_scan_at(const struct log_scan *s, uint32_t ring_off);

/*
 * Descriptors of a valid entry, streamed: fn returns false to stop. data_off: file offset of its data sector, 0 for
 * zero descriptors. STATUS_IO when they cannot be read or are no longer what the scan saw.
 */
enum status log_scan_descriptors(const struct log_scan *s, struct source *file, uint64_t entry,
                                 bool (*fn)(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off),
                                 void *ctx);

#endif
