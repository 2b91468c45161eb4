/* SPDX-License-Identifier: MIT */
/* Log entries, descriptors and data sectors, [MS-VHDX] 2.3.1. */
#ifndef VHDXRAY_FORMAT_LOG_ENTRY_H
#define VHDXRAY_FORMAT_LOG_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/guid.h"
#include "base/span.h"

struct log_entry_header {
    bool signature_ok;
    uint32_t checksum;
    uint32_t entry_len; /* bytes */
    uint32_t tail;      /* ring offset, bytes */
    uint64_t sequence_number;
    uint32_t descriptor_count;
    uint32_t reserved;
    struct guid log_guid;
    uint64_t flushed_file_off; /* FlushedFileOffset, bytes */
    uint64_t last_file_off;    /* LastFileOffset, bytes */
};

/* s: at least LOG_ENTRY_HEADER_LEN bytes; false when shorter. */
bool log_entry_header_decode(struct span s, struct log_entry_header *ret);
/* Writes LOG_ENTRY_HEADER_LEN bytes with `checksum` as given; log_entry_sign() computes it over the whole entry. */
void log_entry_header_encode(const struct log_entry_header *h, uint8_t *out);
/* Sets the checksum of a whole contiguous entry in memory (len = EntryLength). */
void log_entry_sign(uint8_t *entry, uint64_t len);

/* Sectors that header and descriptors fill: ceil((64 + 32 * count) / 4096), at least 1. */
uint64_t log_descriptor_sectors(uint32_t descriptor_count);

enum log_descriptor_kind { LOG_DESCRIPTOR_UNKNOWN, LOG_DESCRIPTOR_DATA, LOG_DESCRIPTOR_ZERO };

struct log_descriptor {
    enum log_descriptor_kind kind;
    uint64_t file_off; /* bytes */
    uint64_t len;      /* bytes it writes: ZeroLength, or 4096 */
    uint64_t sequence_number;
    uint32_t zero_reserved; /* zero descriptors: the reserved word */
    uint8_t leading[8];     /* data descriptors */
    uint8_t trailing[4];
};

/* s: at least LOG_DESCRIPTOR_LEN bytes; false when shorter. */
bool log_descriptor_decode(struct span s, struct log_descriptor *ret);
void log_descriptor_encode(const struct log_descriptor *d, uint8_t *out); /* LOG_DESCRIPTOR_LEN bytes */

struct log_data_sector {
    bool signature_ok;
    uint64_t sequence_number; /* SequenceHigh << 32 | SequenceLow */
    struct span data;         /* the 4084 bytes */
};

/* s: at least LOG_SECTOR_LEN bytes; false when shorter. Borrows s. */
bool log_data_sector_decode(struct span s, struct log_data_sector *ret);
/* page: the 4096 bytes to log. Fills d's leading/trailing bytes and writes the sector to out. */
void log_data_sector_encode(const uint8_t *page, uint64_t sequence_number, struct log_descriptor *d, uint8_t *out);
/* Puts leading bytes, sector data and trailing bytes together: the 4096 bytes to write (2.3.1.2, 2.3.1.4). */
void log_page_assemble(const uint8_t leading[8], const uint8_t *sector, const uint8_t trailing[4], uint8_t *out);

#endif
