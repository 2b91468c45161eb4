/* SPDX-License-Identifier: MIT */
/* How a log entry is called in messages, where its parts lie, and whose bytes its descriptors target. */
#ifndef VHDXRAY_CHECK_LOG_ENTRY_H
#define VHDXRAY_CHECK_LOG_ENTRY_H

#include <inttypes.h>

#include "check/rule.h"

/* "log entry 0x5000 (sequence number 7)": the ring offset names it; for the format and its arguments. */
#define LOG_ENTRY "log entry 0x%" PRIx32 " (sequence number %" PRIu64 ")"
#define LOG_ENTRY_ARGS(e) (e)->ring_off, (e)->sequence_number

/* Offsets in the entry header, [MS-VHDX] 2.3.1.1. */
enum {
    LOG_FIELD_ENTRY_LENGTH = 8,
    LOG_FIELD_TAIL = 12,
    LOG_FIELD_SEQUENCE = 16,
    LOG_FIELD_DESCRIPTOR_COUNT = 24,
    LOG_FIELD_RESERVED = 28,
    LOG_FIELD_GUID = 32,
    LOG_FIELD_FLUSHED = 48,
    LOG_FIELD_LAST = 56,
};

/* As at_log_entry(), for an entry of the scan by its index. Fields of the header never wrap: it lies in one sector. */
static inline struct place at_scanned_entry(const struct image *img, uint64_t entry, uint64_t field_off, uint64_t len)
{
    const struct log_entry *e = &img->log.entries[entry];
    return at_place(STRUCTURE_LOG, e->ring_off / LOG_SECTOR_LEN, img->log.off + e->ring_off + field_off, len);
}

/* Place of descriptor i, which may lie behind the ring's seam. */
static inline struct place at_descriptor(const struct image *img, uint64_t entry, uint32_t i)
{
    const struct log_entry *e = &img->log.entries[entry];
    uint64_t ring_len = img->log.len - img->log.len % LOG_SECTOR_LEN;
    uint64_t off = (e->ring_off + LOG_ENTRY_HEADER_LEN + (uint64_t)i * LOG_DESCRIPTOR_LEN) % ring_len;
    return at_place(STRUCTURE_LOG, (int64_t)(off / LOG_SECTOR_LEN), img->log.off + off, LOG_DESCRIPTOR_LEN);
}

/* As at_descriptor(), for data sector i. */
static inline struct place at_data_sector(const struct image *img, uint64_t entry, uint32_t i)
{
    const struct log_entry *e = &img->log.entries[entry];
    uint64_t ring_len = img->log.len - img->log.len % LOG_SECTOR_LEN;
    uint64_t sector = log_descriptor_sectors(e->descriptor_count) + i;
    uint64_t off = (e->ring_off + sector * LOG_SECTOR_LEN) % ring_len;
    return at_place(STRUCTURE_LOG, (int64_t)(off / LOG_SECTOR_LEN), img->log.off + off, LOG_SECTOR_LEN);
}

/* The whole ring. */
static inline struct place at_log(const struct image *img)
{
    return at_place(STRUCTURE_LOG, -1, img->log.off, img->log.len);
}

#endif
