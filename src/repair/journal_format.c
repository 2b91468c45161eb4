/* SPDX-License-Identifier: MIT */
/* The journal's structures as bytes and back. A decoder accepts only what its encoder could have written. */
#include "repair/journal_format.h"

#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/le.h"
#include "base/span.h"
#include "repair/journal.h"

static const char header_magic[8] = {'v', 'h', 'd', 'x', 'r', 'a', 'y', 'j'};
static const char mark_magic[8] = {'v', 'h', 'd', 'x', 'r', 'a', 'y', 'm'};
static const char record_magic[4] = {'J', 'R', 'E', 'C'};

/* With the four bytes at crc_at as zero. */
static uint32_t checksum(const uint8_t *p, size_t len, size_t crc_at)
{
    static const uint8_t zero[4];
    uint32_t crc = crc32c(0, p, crc_at);

    crc = crc32c(crc, zero, sizeof(zero));
    return crc32c(crc, p + crc_at + sizeof(zero), len - crc_at - sizeof(zero));
}

void journal_header_encode(struct journal_header *h, uint8_t out[JOURNAL_HEADER_SIZE])
{
    memset(out, 0, JOURNAL_HEADER_SIZE);
    memcpy(out, header_magic, sizeof(header_magic));
    put_le32(out + 12, JOURNAL_VERSION);
    put_le64(out + 16, h->old_size);
    put_le64(out + 24, h->new_size);
    put_le64(out + 32, h->records);
    put_le64(out + 40, h->records_len);
    put_le64(out + 48, h->changes);
    put_le64(out + 56, h->change_bytes);
    put_le32(out + 64, h->heads_crc);
    h->crc = checksum(out, JOURNAL_HEADER_SIZE, 8);
    put_le32(out + 8, h->crc);
}

bool journal_header_decode(const uint8_t in[JOURNAL_HEADER_SIZE], struct journal_header *ret)
{
    if (memcmp(in, header_magic, sizeof(header_magic)) != 0 || le32(in + 12) != JOURNAL_VERSION ||
        le32(in + 8) != checksum(in, JOURNAL_HEADER_SIZE, 8))
        return false;
    *ret = (struct journal_header){
        .crc = le32(in + 8),
        .old_size = le64(in + 16),
        .new_size = le64(in + 24),
        .records = le64(in + 32),
        .records_len = le64(in + 40),
        .changes = le64(in + 48),
        .change_bytes = le64(in + 56),
        .heads_crc = le32(in + 64),
    };
    return ret->old_size <= INT64_MAX && ret->new_size <= INT64_MAX;
}

bool journal_header_plausible(const uint8_t in[JOURNAL_HEADER_SIZE])
{
    return memcmp(in, header_magic, sizeof(header_magic)) == 0 || span_is_zero(span_of(in, JOURNAL_MARK_SIZE));
}

void journal_mark_encode(const struct journal_mark *m, uint8_t out[JOURNAL_MARK_SIZE])
{
    memset(out, 0, JOURNAL_MARK_SIZE);
    memcpy(out, mark_magic, sizeof(mark_magic));
    put_le32(out + 12, m->state);
    put_le64(out + 16, m->sequence);
    put_le32(out + 24, m->header_crc);
    put_le32(out + 8, checksum(out, JOURNAL_MARK_SIZE, 8));
}

bool journal_mark_decode(const uint8_t in[JOURNAL_MARK_SIZE], struct journal_mark *ret)
{
    if (memcmp(in, mark_magic, sizeof(mark_magic)) != 0 || le32(in + 8) != checksum(in, JOURNAL_MARK_SIZE, 8))
        return false;
    *ret = (struct journal_mark){.state = le32(in + 12), .sequence = le64(in + 16), .header_crc = le32(in + 24)};
    return ret->state > JOURNAL_NONE && ret->state < JOURNAL_DAMAGED;
}

void journal_record_encode(const struct journal_record *r, uint8_t out[JOURNAL_RECORD_SIZE])
{
    memset(out, 0, JOURNAL_RECORD_SIZE);
    memcpy(out, record_magic, sizeof(record_magic));
    put_le64(out + 8, r->index);
    put_le64(out + 16, r->off);
    put_le64(out + 24, r->len);
    put_le64(out + 32, r->from);
    out[40] = (uint8_t)r->old_side;
    out[41] = (uint8_t)r->new_side;
    put_le32(out + 44, r->old_crc);
    put_le32(out + 48, r->new_crc);
    put_le32(out + 4, checksum(out, JOURNAL_RECORD_SIZE, 4));
}

static bool sides_fit(const struct journal_record *r)
{
    if (r->old_side > SIDE_SAME || r->new_side > SIDE_SAME || r->old_side == SIDE_COPY ||
        (r->old_side == SIDE_SAME) != (r->new_side == SIDE_SAME))
        return false;
    if (r->len == 0 || !range_in(r->off, r->len, INT64_MAX))
        return false;
    if (r->new_side == SIDE_COPY && !range_in(r->from, r->len, INT64_MAX))
        return false;
    return (r->old_side != SIDE_BYTES && r->new_side != SIDE_BYTES) || r->len <= JOURNAL_STORED_MOST;
}

bool journal_record_decode(const uint8_t in[JOURNAL_RECORD_SIZE], struct journal_record *ret)
{
    if (memcmp(in, record_magic, sizeof(record_magic)) != 0 || le32(in + 4) != checksum(in, JOURNAL_RECORD_SIZE, 4))
        return false;
    *ret = (struct journal_record){
        .index = le64(in + 8),
        .off = le64(in + 16),
        .len = le64(in + 24),
        .from = le64(in + 32),
        .old_side = (enum side_kind)in[40],
        .new_side = (enum side_kind)in[41],
        .old_crc = le32(in + 44),
        .new_crc = le32(in + 48),
    };
    return sides_fit(ret);
}

uint64_t journal_record_extent(const struct journal_record *r)
{
    /* The largest number when a hostile length has no sum: no journal is that long. */
    uint64_t with_old = u64_add_sat(JOURNAL_RECORD_SIZE, r->old_side == SIDE_BYTES ? r->len : 0);

    return u64_add_sat(with_old, r->new_side == SIDE_BYTES ? r->len : 0);
}
