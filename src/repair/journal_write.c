/* SPDX-License-Identifier: MIT */
/*
 * From a stage to a journal. What may change is the stage's pieces, what lies behind the old end, and what is cut off;
 * each such range is cut where the old or the new side turns from data to a hole or back, and becomes records:
 *
 *     old    |bytes......|hole.....|bytes   |absent........
 *     new    |bytes......|copy.....|zero    |zero..........
 *     record   old, new    copy      old      (nothing stored)
 *
 * Only bytes are stored. So a block that is copied to a free place takes 64 bytes of journal, whatever its size -
 * unless its original is changed as well: then a copy could not be made again after a crash, and its bytes are stored.
 * Stored sides come in windows, memory stays at two of them and the buffer that collects records.
 *
 * The first 320 KiB of an image (identifier, headers, region tables) are how it is recognised again: what is not
 * changed there is remembered by checksum. Every program that writes to a VHDX file changes a header, so this also
 * tells that somebody wrote since.
 */
#include "repair/journal_write.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/span.h"
#include "format/layout.h"

enum {
    WITNESS_END = 5 * FILE_ID_LEN, /* [MS-VHDX] 2.2: identifier, two headers, two region tables, 64 KiB each */
    WINDOW = JOURNAL_STORED_MOST,
    BUFFER = JOURNAL_RECORD_SIZE + 2 * WINDOW, /* room for the largest record */
};

struct writer {
    struct store *journal, *image, *stage;
    struct journal_header header;
    uint8_t *buffer; /* journal bytes from buffer_off on that are not written yet */
    uint64_t buffer_off;
    size_t buffered;
    uint8_t *old_bytes, *new_bytes; /* WINDOW each */
};

static enum status flush(struct writer *w)
{
    enum status st = store_write(w->journal, w->buffer_off, w->buffer, w->buffered);

    w->buffer_off += w->buffered;
    w->buffered = 0;
    return st;
}

static void append(struct writer *w, const void *bytes, size_t len)
{
    memcpy(w->buffer + w->buffered, bytes, len);
    w->buffered += len;
}

static enum status add_record(struct writer *w, struct journal_record *rec)
{
    uint64_t extent = journal_record_extent(rec);
    uint8_t head[JOURNAL_RECORD_SIZE];

    if (extent > BUFFER - w->buffered) {
        enum status st = flush(w);
        if (st != STATUS_OK)
            return st;
    }
    rec->index = w->header.records++;
    journal_record_encode(rec, head);
    append(w, head, sizeof(head));
    if (rec->old_side == SIDE_BYTES)
        append(w, w->old_bytes, (size_t)rec->len);
    if (rec->new_side == SIDE_BYTES)
        append(w, w->new_bytes, (size_t)rec->len);
    w->header.heads_crc = crc32c(w->header.heads_crc, head, sizeof(head));
    w->header.records_len += extent;
    if (rec->old_side != SIDE_SAME) {
        w->header.changes++;
        w->header.change_bytes += rec->len;
    }
    return STATUS_OK;
}

/* The checksum of an image range, read in windows into buf. */
static enum status sum(struct source *s, uint64_t off, uint64_t len, uint8_t *buf, uint32_t *ret)
{
    uint32_t crc = 0;

    while (len > 0) {
        size_t n = (size_t)u64_min(len, WINDOW);
        enum status st = source_read(s, off, buf, n);
        if (st != STATUS_OK)
            return st;
        crc = crc32c(crc, buf, n);
        off += n;
        len -= n;
    }
    *ret = crc;
    return STATUS_OK;
}

/* ---- what is not changed ---- */

/* Structure by structure: so it can be told later which one was changed. */
static enum status add_same(struct writer *w, uint64_t off, uint64_t end)
{
    enum status st = STATUS_OK;

    while (off < end && st == STATUS_OK) {
        uint64_t next = u64_min(end, off - off % FILE_ID_LEN + FILE_ID_LEN);
        struct journal_record rec = {.off = off, .len = next - off, .old_side = SIDE_SAME, .new_side = SIDE_SAME};
        st = sum(w->image->source, off, rec.len, w->old_bytes, &rec.old_crc);
        rec.new_crc = rec.old_crc;
        if (st == STATUS_OK)
            st = add_record(w, &rec);
        off = next;
    }
    return st;
}

static enum status add_witnesses(struct writer *w)
{
    uint64_t end = u64_min(WITNESS_END, u64_min(w->header.old_size, w->header.new_size));
    uint64_t pos = 0, n = stage_piece_count(w->stage);

    for (uint64_t i = 0; i < n && pos < end; i++) {
        struct stage_piece p = stage_piece(w->stage, i);
        enum status st = add_same(w, pos, u64_min(p.off, end));
        if (st != STATUS_OK)
            return st;
        pos = p.off + p.len;
    }
    return add_same(w, pos, end);
}

/* ---- what is changed ---- */

/* One side of a range: its kind and how far it reaches. */
static enum status side_at(struct source *s, uint64_t off, uint64_t end, enum side_kind *ret, uint64_t *ret_end)
{
    uint64_t data = 0, hole = 0;

    if (off >= s->size) {
        *ret = SIDE_ABSENT;
        *ret_end = end;
        return STATUS_OK;
    }
    end = u64_min(end, s->size);
    enum status st = source_next_data(s, off, &data, &hole);
    if (st != STATUS_OK)
        return st;
    *ret = data > off ? SIDE_ZERO : SIDE_BYTES;
    *ret_end = u64_min(end, data > off ? data : hole);
    return STATUS_OK;
}

/* True when the copy can be made again from the image, however far the change got. */
static bool copy_holds(const struct writer *w, const struct stage_piece *p, uint64_t off, uint64_t len)
{
    uint64_t from = p->from + (off - p->off);

    return range_in(from, len, u64_min(w->header.old_size, w->header.new_size)) && !stage_touches(w->stage, from, len);
}

/* The bytes of a side that may have to be stored; what is only zeros is not. */
static enum status load(struct source *s, uint64_t off, uint64_t len, uint8_t *buf, enum side_kind *side,
                        uint32_t *ret_crc)
{
    enum status st = source_read(s, off, buf, (size_t)len);

    if (st != STATUS_OK)
        return st;
    if (span_is_zero(span_of(buf, (size_t)len)))
        *side = SIDE_ZERO;
    else
        *ret_crc = crc32c(0, buf, (size_t)len);
    return STATUS_OK;
}

/* [rec->off, +len), both sides of one kind each, at most a window when one of them is to be stored. */
static enum status add_change(struct writer *w, struct journal_record *rec)
{
    enum status st = STATUS_OK;

    if (rec->new_side == SIDE_COPY && rec->len > WINDOW) {
        st = sum(w->stage->source, rec->off, rec->len, w->new_bytes, &rec->new_crc);
    } else if (rec->new_side == SIDE_BYTES || rec->new_side == SIDE_COPY) {
        st = load(w->stage->source, rec->off, rec->len, w->new_bytes, &rec->new_side, &rec->new_crc);
    }
    if (st == STATUS_OK && rec->old_side == SIDE_BYTES)
        st = load(w->image->source, rec->off, rec->len, w->old_bytes, &rec->old_side, &rec->old_crc);
    if (st != STATUS_OK)
        return st;
    if (rec->old_side == SIDE_ZERO && rec->new_side == SIDE_ZERO)
        return STATUS_OK;
    if (rec->old_side == SIDE_BYTES && (rec->new_side == SIDE_BYTES || rec->new_side == SIDE_COPY) &&
        memcmp(w->old_bytes, w->new_bytes, (size_t)rec->len) == 0)
        return STATUS_OK;
    if (rec->new_side != SIDE_COPY)
        rec->from = 0;
    return add_record(w, rec);
}

/* piece: what the stage says of the range; NULL behind the old or the new end. */
static enum status add_range(struct writer *w, const struct stage_piece *piece, uint64_t off, uint64_t end)
{
    while (off < end) {
        struct journal_record rec = {.off = off};
        uint64_t old_end = end, new_end = end;

        enum status st = side_at(w->image->source, off, end, &rec.old_side, &old_end);
        if (st == STATUS_OK)
            st = side_at(w->stage->source, off, end, &rec.new_side, &new_end);
        if (st != STATUS_OK)
            return st;
        rec.len = u64_min(old_end, new_end) - off;
        if (piece != NULL && piece->kind == STAGE_COPY && rec.new_side == SIDE_BYTES) {
            if (!copy_holds(w, piece, off, rec.len))
                rec.len = u64_min(rec.len, WINDOW); /* a part of it may */
            if (copy_holds(w, piece, off, rec.len)) {
                rec.new_side = SIDE_COPY;
                rec.from = piece->from + (off - piece->off);
            }
        }
        if (rec.old_side == SIDE_BYTES || rec.new_side == SIDE_BYTES)
            rec.len = u64_min(rec.len, WINDOW);
        off += rec.len;
        st = add_change(w, &rec);
        if (st != STATUS_OK)
            return st;
    }
    return STATUS_OK;
}

static enum status add_changes(struct writer *w)
{
    uint64_t old_size = w->header.old_size, new_size = w->header.new_size;
    uint64_t n = stage_piece_count(w->stage);
    uint64_t covered = old_size; /* behind the old end: up to where records reach */

    for (uint64_t i = 0; i < n; i++) {
        struct stage_piece p = stage_piece(w->stage, i);
        enum status st = add_range(w, NULL, covered, u64_max(covered, p.off)); /* growth between two pieces */
        if (st == STATUS_OK)
            st = add_range(w, &p, p.off, p.off + p.len);
        if (st != STATUS_OK)
            return st;
        covered = u64_max(covered, p.off + p.len);
    }
    enum status st = add_range(w, NULL, covered, u64_max(covered, new_size));
    return st == STATUS_OK ? add_range(w, NULL, new_size, u64_max(old_size, new_size)) : st;
}

/* ---- the file ---- */

/* Zeros where the marks go as well: a full disk must not be found out when the first mark is written. */
static enum status write_header(struct writer *w)
{
    memset(w->buffer, 0, JOURNAL_RECORDS_OFF);
    journal_header_encode(&w->header, w->buffer);
    return store_write(w->journal, 0, w->buffer, JOURNAL_RECORDS_OFF);
}

static enum status write_all(struct writer *w)
{
    enum status st = add_witnesses(w);

    if (st == STATUS_OK)
        st = add_changes(w);
    if (st != STATUS_OK || w->header.changes == 0)
        return st;
    st = flush(w);
    if (st == STATUS_OK)
        st = write_header(w);
    return st == STATUS_OK ? store_sync(w->journal) : st;
}

enum status journal_write(struct store *journal, struct store *image, struct store *stage, struct journal_header *ret)
{
    struct writer w = {
        .journal = journal,
        .image = image,
        .stage = stage,
        .header = {.old_size = store_size(image), .new_size = store_size(stage)},
        .buffer_off = JOURNAL_RECORDS_OFF,
    };

    w.buffer = (uint8_t *)malloc((size_t)BUFFER + 2 * (size_t)WINDOW);
    if (w.buffer == NULL)
        return STATUS_NO_MEMORY;
    w.old_bytes = w.buffer + BUFFER;
    w.new_bytes = w.old_bytes + WINDOW;
    enum status st = write_all(&w);
    free(w.buffer);
    if (st == STATUS_OK)
        *ret = w.header;
    return st;
}

enum status journal_mark(struct store *journal, enum journal_state state, uint64_t sequence, uint32_t header_crc)
{
    const struct journal_mark m = {.sequence = sequence, .state = (uint32_t)state, .header_crc = header_crc};
    uint8_t out[JOURNAL_MARK_SIZE];

    journal_mark_encode(&m, out);
    enum status st = store_write(journal, JOURNAL_MARK_OFF + sequence % 2 * JOURNAL_MARK_STEP, out, sizeof(out));
    return st == STATUS_OK ? store_sync(journal) : st;
}
