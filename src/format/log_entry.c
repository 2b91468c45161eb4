/* SPDX-License-Identifier: MIT */
/*
 * A log entry is a header, its descriptors and one data sector per data descriptor ([MS-VHDX] 2.3.1):
 *
 *     sector 0         header (64 bytes), up to 126 descriptors of 32 bytes
 *     sectors 1..d-1   up to 128 descriptors each
 *     then             the data sectors, in descriptor order
 *
 * To mark every sector of an entry with the entry's sequence number, a data sector gives up 12 of its 4096 bytes;
 * those bytes of the logged page travel in the descriptor: the first 8 as LeadingBytes, the last 4 as TrailingBytes.
 * They are bytes and are never swapped. What makes an entry valid, and which entries form a sequence, is not decided
 * here.
 */
#include "format/log_entry.h"

#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/le.h"
#include "format/layout.h"

enum { DESCRIPTORS_PER_SECTOR = LOG_SECTOR_LEN / LOG_DESCRIPTOR_LEN, SLOTS_OF_HEADER = 2 };

bool log_entry_header_decode(struct span s, struct log_entry_header *ret)
{
    if (s.len < LOG_ENTRY_HEADER_LEN)
        return false;
    const uint8_t *p = s.ptr;
    *ret = (struct log_entry_header){
        .signature_ok = memcmp(p, SIGNATURE_LOG_ENTRY, 4) == 0,
        .checksum = le32(p + 4),
        .entry_len = le32(p + 8),
        .tail = le32(p + 12),
        .sequence_number = le64(p + 16),
        .descriptor_count = le32(p + 24),
        .reserved = le32(p + 28),
        .log_guid = guid_load(p + 32),
        .flushed_file_off = le64(p + 48),
        .last_file_off = le64(p + 56),
    };
    return true;
}

void log_entry_header_encode(const struct log_entry_header *h, uint8_t *out)
{
    memcpy(out, SIGNATURE_LOG_ENTRY, 4);
    put_le32(out + 4, h->checksum);
    put_le32(out + 8, h->entry_len);
    put_le32(out + 12, h->tail);
    put_le64(out + 16, h->sequence_number);
    put_le32(out + 24, h->descriptor_count);
    put_le32(out + 28, h->reserved);
    guid_store(out + 32, &h->log_guid);
    put_le64(out + 48, h->flushed_file_off);
    put_le64(out + 56, h->last_file_off);
}

void log_entry_sign(uint8_t *entry, uint64_t len)
{
    put_le32(entry + 4, crc32c_structure(span_of(entry, (size_t)len)));
}

uint64_t log_descriptor_sectors(uint32_t descriptor_count)
{
    return u64_div_up((uint64_t)descriptor_count + SLOTS_OF_HEADER, DESCRIPTORS_PER_SECTOR);
}

bool log_descriptor_decode(struct span s, struct log_descriptor *ret)
{
    if (s.len < LOG_DESCRIPTOR_LEN)
        return false;
    const uint8_t *p = s.ptr;
    struct log_descriptor d = {.file_off = le64(p + 16), .sequence_number = le64(p + 24)};
    if (memcmp(p, SIGNATURE_LOG_DATA_DESCRIPTOR, 4) == 0) {
        d.kind = LOG_DESCRIPTOR_DATA;
        d.len = LOG_SECTOR_LEN;
        memcpy(d.trailing, p + 4, LOG_TRAILING_LEN);
        memcpy(d.leading, p + 8, LOG_LEADING_LEN);
    } else if (memcmp(p, SIGNATURE_LOG_ZERO_DESCRIPTOR, 4) == 0) {
        d.kind = LOG_DESCRIPTOR_ZERO;
        d.zero_reserved = le32(p + 4);
        d.len = le64(p + 8);
    }
    *ret = d;
    return true;
}

void log_descriptor_encode(const struct log_descriptor *d, uint8_t *out)
{
    memset(out, 0, LOG_DESCRIPTOR_LEN);
    if (d->kind == LOG_DESCRIPTOR_DATA) {
        memcpy(out, SIGNATURE_LOG_DATA_DESCRIPTOR, 4);
        memcpy(out + 4, d->trailing, LOG_TRAILING_LEN);
        memcpy(out + 8, d->leading, LOG_LEADING_LEN);
    } else if (d->kind == LOG_DESCRIPTOR_ZERO) {
        memcpy(out, SIGNATURE_LOG_ZERO_DESCRIPTOR, 4);
        put_le32(out + 4, d->zero_reserved);
        put_le64(out + 8, d->len);
    }
    put_le64(out + 16, d->file_off);
    put_le64(out + 24, d->sequence_number);
}

bool log_data_sector_decode(struct span s, struct log_data_sector *ret)
{
    struct span sector;
    if (!span_sub(s, 0, LOG_SECTOR_LEN, &sector))
        return false;
    const struct span data = span_of(sector.ptr + LOG_LEADING_LEN, LOG_DATA_LEN);
    *ret = (struct log_data_sector){
        .signature_ok = memcmp(sector.ptr, SIGNATURE_LOG_DATA_SECTOR, 4) == 0,
        .sequence_number = (uint64_t)le32(sector.ptr + 4) << 32 | le32(sector.ptr + LOG_LEADING_LEN + LOG_DATA_LEN),
        .data = data,
    };
    return true;
}

void log_data_sector_encode(const uint8_t *page, uint64_t sequence_number, struct log_descriptor *d, uint8_t *out)
{
    const uint8_t *end = page + LOG_LEADING_LEN + LOG_DATA_LEN;
    memcpy(d->leading, page, LOG_LEADING_LEN);
    memcpy(d->trailing, end, LOG_TRAILING_LEN);
    memcpy(out, SIGNATURE_LOG_DATA_SECTOR, 4);
    put_le32(out + 4, (uint32_t)(sequence_number >> 32));
    memcpy(out + LOG_LEADING_LEN, page + LOG_LEADING_LEN, LOG_DATA_LEN);
    put_le32(out + LOG_LEADING_LEN + LOG_DATA_LEN, (uint32_t)sequence_number);
}

void log_page_assemble(const uint8_t leading[8], const uint8_t *sector, const uint8_t trailing[4], uint8_t *out)
{
    memcpy(out, leading, LOG_LEADING_LEN);
    memcpy(out + LOG_LEADING_LEN, sector + LOG_LEADING_LEN, LOG_DATA_LEN);
    memcpy(out + LOG_LEADING_LEN + LOG_DATA_LEN, trailing, LOG_TRAILING_LEN);
}
