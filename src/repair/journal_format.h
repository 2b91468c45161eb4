/* SPDX-License-Identifier: MIT */
/*
 * The journal file, version 1; all numbers little-endian, checksums CRC-32C with the checksum field as zero.
 *
 *     0x0000  header    4096 bytes, written once
 *     0x1000  mark 0     512 bytes: the state, written in turn, so that a torn write never takes the last good one
 * along 0x2000  mark 1     512 bytes 0x3000  records   64 bytes each, the old and then the new bytes behind it where
 * they are stored
 *
 * A journal is complete when a mark is valid. The header, with the sizes and a checksum over all record heads, and the
 * records are durable before the first mark is written. A mark carries the header's checksum.
 */
#ifndef VHDXRAY_REPAIR_JOURNAL_FORMAT_H
#define VHDXRAY_REPAIR_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    JOURNAL_VERSION = 1,
    JOURNAL_HEADER_SIZE = 4096,
    JOURNAL_MARK_SIZE = 512,
    JOURNAL_MARK_OFF = 0x1000, /* of the first; the second one follows */
    JOURNAL_MARK_STEP = 0x1000,
    JOURNAL_RECORDS_OFF = 0x3000,
    JOURNAL_RECORD_SIZE = 64,
    JOURNAL_STORED_MOST = 1 << 20, /* bytes of one side that a record stores */
};

struct journal_header {
    uint64_t old_size, new_size; /* of the image */
    uint64_t records, records_len;
    uint64_t changes, change_bytes; /* the records that are not SIDE_SAME */
    uint32_t heads_crc;             /* over all record heads, in order */
    uint32_t crc;                   /* of the header itself; set by encoding and decoding */
};

struct journal_mark {
    uint64_t sequence; /* the larger one is the state; it goes to mark sequence % 2 */
    uint32_t state;    /* enum journal_state */
    uint32_t header_crc;
};

/* What a range of the image holds before or behind the change. */
enum side_kind {
    SIDE_ABSENT, /* behind the end of the file */
    SIDE_ZERO,
    SIDE_BYTES, /* stored in the journal */
    SIDE_COPY,  /* new only: what the image holds at `from`, which the journal does not change */
    SIDE_SAME,  /* both: not changed, not stored, only remembered by its checksum */
};

struct journal_record {
    uint64_t index;
    uint64_t off, len; /* in the image */
    uint64_t from;
    enum side_kind old_side, new_side;
    uint32_t old_crc, new_crc; /* of the bytes; 0 for SIDE_ABSENT and SIDE_ZERO */
};

void journal_header_encode(struct journal_header *h, uint8_t out[JOURNAL_HEADER_SIZE]);
/* False when it is not valid. */
bool journal_header_decode(const uint8_t in[JOURNAL_HEADER_SIZE], struct journal_header *ret);
/* True for a header, valid or not, and for nothing but zeros: what a journal that was never completed begins with. */
bool journal_header_plausible(const uint8_t in[JOURNAL_HEADER_SIZE]);
void journal_mark_encode(const struct journal_mark *m, uint8_t out[JOURNAL_MARK_SIZE]);
bool journal_mark_decode(const uint8_t in[JOURNAL_MARK_SIZE], struct journal_mark *ret);
void journal_record_encode(const struct journal_record *r, uint8_t out[JOURNAL_RECORD_SIZE]);
/* False when it is not valid, or names sides or lengths that no journal has. */
bool journal_record_decode(const uint8_t in[JOURNAL_RECORD_SIZE], struct journal_record *ret);

/* Bytes of the journal that belong to a record, its head included. */
uint64_t journal_record_extent(const struct journal_record *r);

#endif
