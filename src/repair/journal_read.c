/* SPDX-License-Identifier: MIT */
/*
 * Reading a journal. Its state comes from the marks alone: no valid mark and none that ever was one means that the
 * image was not touched. A mark that is neither empty nor valid, or a valid one over records that are not, is damage;
 * then nothing is concluded from the rest, because a wrong guess would write over an image.
 */
#include "repair/journal_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/span.h"

/* Small reads through the cache: records are read in order. */
static enum status read_cached(struct journal_reader *r, uint64_t off, void *buf, size_t len)
{
    if (off < r->cache_off || !range_in(off - r->cache_off, len, r->cache_len)) {
        size_t got = 0;
        enum status st = source_read_some(r->source, off, r->cache, JOURNAL_CACHE, &got);
        if (st != STATUS_OK)
            return st;
        r->cache_off = off;
        r->cache_len = JOURNAL_CACHE; /* zeros behind the end, which no record begins with */
    }
    memcpy(buf, r->cache + (size_t)(off - r->cache_off), len);
    return STATUS_OK;
}

/* The mark with the larger sequence number; false when a mark is damaged. Without any: sequence 0. */
static bool choose_mark(const uint8_t *first, struct journal_mark *ret)
{
    *ret = (struct journal_mark){.sequence = 0};
    for (int i = 0; i < 2; i++) {
        const uint8_t *in = first + (size_t)i * JOURNAL_MARK_STEP;
        struct journal_mark m;
        if (span_is_zero(span_of(in, JOURNAL_MARK_SIZE)))
            continue;
        if (!journal_mark_decode(in, &m) || m.sequence % 2 != (unsigned)i)
            return false;
        if (m.sequence > ret->sequence)
            *ret = m;
    }
    return true;
}

/* From the first pages of the journal. */
static enum journal_state state_of(const uint8_t *first, struct journal_mark *mark, struct journal_header *header)
{
    if (!choose_mark(first + JOURNAL_MARK_OFF, mark))
        return JOURNAL_DAMAGED;
    if (mark->sequence == 0)
        return journal_header_plausible(first) ? JOURNAL_NONE : JOURNAL_DAMAGED;
    bool good = journal_header_decode(first, header) && header->crc == mark->header_crc;
    return good ? (enum journal_state)mark->state : JOURNAL_DAMAGED;
}

enum status journal_reader_open(struct source *journal, struct journal_reader *ret)
{
    struct journal_mark mark;
    size_t got = 0;

    *ret = (struct journal_reader){.source = journal};
    ret->cache = (uint8_t *)malloc(JOURNAL_CACHE);
    if (ret->cache == NULL)
        return STATUS_NO_MEMORY;
    /* Also of a file that ends early: one that was never completed may be of any length. */
    enum status st = source_read_some(journal, 0, ret->cache, JOURNAL_RECORDS_OFF, &got);
    if (st != STATUS_OK)
        return st;
    ret->state = state_of(ret->cache, &mark, &ret->header);
    ret->sequence = mark.sequence;
    journal_reader_rewind(ret);
    return STATUS_OK;
}

void journal_reader_close(struct journal_reader *r)
{
    free(r->cache);
    r->cache = NULL;
}

void journal_reader_rewind(struct journal_reader *r)
{
    r->next_off = JOURNAL_RECORDS_OFF;
    r->next_index = 0;
    r->heads_crc = 0;
}

/* Each side must be possible where the record is. */
static bool fits_sizes(const struct journal_record *rec, const struct journal_header *h)
{
    uint64_t least = u64_min(h->old_size, h->new_size), end = rec->off + rec->len;

    if (rec->old_side == SIDE_ABSENT ? rec->off < h->old_size : end > h->old_size)
        return false;
    if (rec->new_side == SIDE_ABSENT ? rec->off < h->new_size : end > h->new_size)
        return false;
    return rec->new_side != SIDE_COPY || range_in(rec->from, rec->len, least);
}

enum status journal_reader_next(struct journal_reader *r, struct journal_record *ret, uint64_t *ret_stored,
                                bool *ret_more)
{
    uint64_t end = u64_add_sat(JOURNAL_RECORDS_OFF, r->header.records_len);
    uint8_t head[JOURNAL_RECORD_SIZE];
    struct journal_record rec;

    *ret_more = false;
    if (r->next_index == r->header.records) {
        if (r->next_off != end || r->heads_crc != r->header.heads_crc)
            r->state = JOURNAL_DAMAGED;
        return STATUS_OK;
    }
    enum status st = read_cached(r, r->next_off, head, sizeof(head));
    if (st != STATUS_OK)
        return st;
    if (!journal_record_decode(head, &rec) || rec.index != r->next_index || !fits_sizes(&rec, &r->header) ||
        !range_in(r->next_off, journal_record_extent(&rec), u64_min(end, r->source->size))) {
        r->state = JOURNAL_DAMAGED;
        return STATUS_OK;
    }
    r->heads_crc = crc32c(r->heads_crc, head, sizeof(head));
    *ret_stored = r->next_off + JOURNAL_RECORD_SIZE;
    *ret = rec;
    *ret_more = true;
    r->next_off += journal_record_extent(&rec);
    r->next_index++;
    return STATUS_OK;
}

/* The checksum of len bytes of the journal. */
static enum status sum(struct journal_reader *r, uint64_t off, uint64_t len, uint32_t *ret)
{
    uint8_t buf[4096];
    uint32_t crc = 0;

    while (len > 0) {
        size_t n = (size_t)u64_min(len, sizeof(buf));
        enum status st = read_cached(r, off, buf, n);
        if (st != STATUS_OK)
            return st;
        crc = crc32c(crc, buf, n);
        off += n;
        len -= n;
    }
    *ret = crc;
    return STATUS_OK;
}

enum status journal_reader_verify(struct journal_reader *r)
{
    uint64_t changes = 0, bytes = 0, last_end = 0;

    if (r->state == JOURNAL_NONE || r->state == JOURNAL_DAMAGED)
        return STATUS_OK;
    journal_reader_rewind(r);
    for (;;) {
        struct journal_record rec;
        uint64_t stored = 0;
        uint32_t old_crc = 0, new_crc = 0;
        bool more = false;

        enum status st = journal_reader_next(r, &rec, &stored, &more);
        if (st != STATUS_OK)
            return st;
        if (!more)
            break;
        if (rec.old_side == SIDE_BYTES) {
            st = sum(r, stored, rec.len, &old_crc);
            if (st != STATUS_OK)
                return st;
            stored += rec.len;
        }
        if (rec.new_side == SIDE_BYTES) {
            st = sum(r, stored, rec.len, &new_crc);
            if (st != STATUS_OK)
                return st;
        }
        bool good = (rec.old_side != SIDE_BYTES || old_crc == rec.old_crc) &&
                    (rec.new_side != SIDE_BYTES || new_crc == rec.new_crc);
        if (rec.old_side != SIDE_SAME) {
            good = good && rec.off >= last_end;
            last_end = rec.off + rec.len;
            changes++;
            bytes += rec.len;
        }
        if (!good) {
            r->state = JOURNAL_DAMAGED;
            return STATUS_OK;
        }
    }
    if (changes != r->header.changes || bytes != r->header.change_bytes)
        r->state = JOURNAL_DAMAGED;
    return STATUS_OK;
}

void journal_reader_info(const struct journal_reader *r, struct journal_info *ret)
{
    *ret = (struct journal_info){.state = r->state};
    if (r->state == JOURNAL_NONE || r->state == JOURNAL_DAMAGED)
        return;
    ret->old_size = r->header.old_size;
    ret->new_size = r->header.new_size;
    ret->changes = r->header.changes;
    ret->bytes = r->header.change_bytes;
}
