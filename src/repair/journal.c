/* SPDX-License-Identifier: MIT */
/*
 * One transaction on an image, with a way forward and a way back at any moment.
 *
 *                  journal_apply                              journal_undo
 *     [none] ──► records, header │ mark ──► [applying] ──► image │ mark ──► [applied] ──► mark ──► [undoing]
 *        ▲          (sync)         (sync)        │  ▲        (sync)  (sync)                (sync)       │
 *        └── error before the mark: emptied      │  └ journal_finish: all of it again                   │
 *                                                │                                                      ▼
 *                                   journal_undo └────► mark ──► [undoing] ──► image │ mark ──────► [undone]
 *                                                                               (sync)  (sync)
 *
 * Invariants:
 *  1. the image is written only while a durable mark says applying or undoing;
 *  2. records and header are durable before the first mark and never change afterwards;
 *  3. forward and back write absolute bytes that come from the journal, or from image ranges that no record changes. So
 *     both can be repeated from any mixture of old and new, and stopped at any point;
 *  4. before a run that did not write the records itself writes to the image, every byte to be changed was seen to be
 * the old or the new one: a journal that belongs to something else is found out while nothing has happened.
 */
#include "repair/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/span.h"
#include "repair/journal_read.h"
#include "repair/journal_write.h"

enum { WINDOW = JOURNAL_STORED_MOST };

enum direction { FORWARD, BACK };

/* What must be in the image before it is changed. */
enum expectation { EXPECT_MIXTURE, EXPECT_NEW };

struct run {
    struct journal_reader reader;
    struct store *journal, *image;
    uint8_t *old_bytes, *new_bytes, *now; /* WINDOW each */
    uint64_t where;                       /* of the first byte that is not what it should be */
    /*
     * What reads right already is not written again. Only while this run itself takes back what it wrote: after a crash
     * the host may show bytes that it could not make durable.
     */
    bool sparing;
};

enum status journal_peek(struct source *journal, struct journal_info *ret)
{
    struct journal_reader r;
    enum status st = journal_reader_open(journal, &r);

    if (st == STATUS_OK)
        journal_reader_info(&r, ret);
    journal_reader_close(&r);
    return st;
}

enum status journal_read(struct store *journal, struct journal_info *ret)
{
    struct journal_reader r;
    enum status st = journal_reader_open(journal->source, &r);

    if (st == STATUS_OK)
        st = journal_reader_verify(&r);
    if (st == STATUS_OK)
        journal_reader_info(&r, ret);
    journal_reader_close(&r);
    return st;
}

static enum status run_open(struct run *run, struct store *journal, struct store *image)
{
    *run = (struct run){.journal = journal, .image = image, .where = JOURNAL_NOWHERE};
    enum status st = journal_reader_open(journal->source, &run->reader);
    if (st == STATUS_OK)
        st = journal_reader_verify(&run->reader);
    if (st != STATUS_OK)
        return st;
    run->old_bytes = (uint8_t *)malloc(3 * (size_t)WINDOW);
    if (run->old_bytes == NULL)
        return STATUS_NO_MEMORY;
    run->new_bytes = run->old_bytes + WINDOW;
    run->now = run->new_bytes + WINDOW;
    return STATUS_OK;
}

static void run_close(struct run *run)
{
    free(run->old_bytes);
    journal_reader_close(&run->reader);
}

/* The next record. A journal that was verified and now is not valid changed under us. */
static enum status next_record(struct run *run, struct journal_record *ret, uint64_t *ret_stored, bool *ret_more)
{
    enum status st = journal_reader_next(&run->reader, ret, ret_stored, ret_more);

    return st == STATUS_OK && run->reader.state == JOURNAL_DAMAGED ? STATUS_IO : st;
}

/* ---- looking ---- */

/* Bytes [at, at + n) of one side of a record; zeros for what is absent. */
static enum status side_bytes(struct run *run, const struct journal_record *rec, uint64_t stored, bool old, uint64_t at,
                              size_t n, uint8_t *out)
{
    enum side_kind side = old ? rec->old_side : rec->new_side;

    if (side == SIDE_COPY)
        return source_read(run->image->source, rec->from + at, out, n);
    if (side != SIDE_BYTES) {
        memset(out, 0, n);
        return STATUS_OK;
    }
    if (!old && rec->old_side == SIDE_BYTES)
        stored += rec->len; /* the new bytes are behind the old ones */
    return source_read(run->journal->source, stored + at, out, n);
}

static uint64_t first_stranger(const uint8_t *now, const uint8_t *a, const uint8_t *b, size_t n)
{
    size_t i = 0;

    if (memcmp(now, a, n) == 0 || memcmp(now, b, n) == 0)
        return n;
    while (i < n && (now[i] == a[i] || now[i] == b[i]))
        i++;
    return i;
}

static bool is_zero_side(enum side_kind side)
{
    return side == SIDE_ZERO || side == SIDE_ABSENT;
}

static enum status refuse(struct run *run, uint64_t where)
{
    run->where = where;
    return STATUS_REFUSED;
}

/* [at, at + n) of the record. Bytes behind the end of the image count as zeros: one side has none there. */
static enum status expect_window(struct run *run, const struct journal_record *rec, uint64_t stored, uint64_t at,
                                 size_t n, enum expectation e)
{
    size_t got;
    enum status st = source_read_some(run->image->source, rec->off + at, run->now, n, &got);

    if (st == STATUS_OK)
        st = side_bytes(run, rec, stored, false, at, n, run->new_bytes);
    if (st == STATUS_OK && e == EXPECT_MIXTURE)
        st = side_bytes(run, rec, stored, true, at, n, run->old_bytes);
    if (st != STATUS_OK)
        return st;
    uint64_t same = first_stranger(run->now, run->new_bytes, e == EXPECT_MIXTURE ? run->old_bytes : run->new_bytes, n);
    return same < n ? refuse(run, rec->off + at + same) : STATUS_OK;
}

static enum status expect_same(struct run *run, const struct journal_record *rec)
{
    uint32_t crc = 0;

    for (uint64_t at = 0; at < rec->len;) {
        size_t n = (size_t)u64_min(rec->len - at, WINDOW), got = 0;
        enum status st = source_read_some(run->image->source, rec->off + at, run->now, n, &got);
        if (st != STATUS_OK)
            return st;
        crc = crc32c(crc, run->now, n);
        at += n;
    }
    return crc == rec->old_crc ? STATUS_OK : refuse(run, rec->off);
}

/* The image's range that is to be copied must still be what it was. */
static enum status expect_origin(struct run *run, const struct journal_record *rec)
{
    uint32_t crc = 0;

    for (uint64_t at = 0; at < rec->len;) {
        size_t n = (size_t)u64_min(rec->len - at, WINDOW);
        enum status st = source_read(run->image->source, rec->from + at, run->now, n);
        if (st != STATUS_OK)
            return st;
        crc = crc32c(crc, run->now, n);
        at += n;
    }
    return crc == rec->new_crc ? STATUS_OK : refuse(run, rec->from);
}

static enum status expect_record(struct run *run, const struct journal_record *rec, uint64_t stored, enum expectation e)
{
    enum status st = STATUS_OK;

    if (rec->old_side == SIDE_SAME)
        return expect_same(run, rec);
    if (rec->new_side == SIDE_ABSENT && e == EXPECT_NEW)
        return STATUS_OK; /* the size says it */
    if (rec->new_side == SIDE_COPY)
        st = expect_origin(run, rec);
    for (uint64_t at = 0; st == STATUS_OK && at < rec->len;) {
        uint64_t size = store_size(run->image), off = rec->off + at;
        if (is_zero_side(rec->old_side) && is_zero_side(rec->new_side) && off < size) {
            /* Holes are zeros: of a file that grew by terabytes only what is not a hole is read. */
            uint64_t data = 0, hole = 0;
            st = source_next_data(run->image->source, off, &data, &hole);
            if (st != STATUS_OK)
                return st;
            at += u64_min(data - off, rec->len - at);
            if (at == rec->len)
                break;
        } else if (off >= size) {
            break; /* not there (any more), as one side says: what has both lies below either size */
        }
        size_t n = (size_t)u64_min(rec->len - at, WINDOW);
        st = expect_window(run, rec, stored, at, n, e);
        at += n;
    }
    return st;
}

static enum status expect(struct run *run, enum expectation e)
{
    const struct journal_header *h = &run->reader.header;
    uint64_t size = store_size(run->image), least = u64_min(h->old_size, h->new_size);

    if (e == EXPECT_NEW ? size != h->new_size : size < least || size > u64_max(h->old_size, h->new_size))
        return refuse(run,
                      e == EXPECT_NEW ? u64_min(size, h->new_size) : u64_min(size, u64_max(h->old_size, h->new_size)));
    journal_reader_rewind(&run->reader);
    for (;;) {
        struct journal_record rec;
        uint64_t stored = 0;
        bool more = false;

        enum status st = next_record(run, &rec, &stored, &more);
        if (st != STATUS_OK || !more)
            return st;
        st = expect_record(run, &rec, stored, e);
        if (st != STATUS_OK)
            return st;
    }
}

/* ---- changing ---- */

/* True when the image holds run->now at off already. */
static bool reads_as(struct run *run, uint64_t off, size_t n)
{
    return source_read(run->image->source, off, run->new_bytes, n) == STATUS_OK &&
           memcmp(run->new_bytes, run->now, n) == 0;
}

static enum status write_record(struct run *run, const struct journal_record *rec, uint64_t stored, enum direction d)
{
    enum side_kind side = d == FORWARD ? rec->new_side : rec->old_side;
    enum side_kind other = d == FORWARD ? rec->old_side : rec->new_side;

    if (side == SIDE_SAME || side == SIDE_ABSENT || (side == SIDE_ZERO && other == SIDE_ABSENT))
        return STATUS_OK; /* the last: growth reads as zeros */
    if (side == SIDE_ZERO)
        return store_zero(run->image, rec->off, rec->len);
    for (uint64_t at = 0; at < rec->len;) {
        size_t n = (size_t)u64_min(rec->len - at, WINDOW);
        enum status st = side_bytes(run, rec, stored, d == BACK, at, n, run->now);
        if (st == STATUS_OK && !(run->sparing && reads_as(run, rec->off + at, n)))
            st = store_write(run->image, rec->off + at, run->now, n);
        if (st != STATUS_OK)
            return st;
        at += n;
    }
    return STATUS_OK;
}

/* All records, the size, and a sync. */
static enum status write_image(struct run *run, enum direction d)
{
    const struct journal_header *h = &run->reader.header;
    uint64_t size = d == FORWARD ? h->new_size : h->old_size;
    enum status st = STATUS_OK;
    bool more = true;

    if (store_size(run->image) < size)
        st = store_resize(run->image, size);
    journal_reader_rewind(&run->reader);
    while (st == STATUS_OK) {
        struct journal_record rec;
        uint64_t stored = 0;
        st = next_record(run, &rec, &stored, &more);
        if (st != STATUS_OK || !more)
            break;
        st = write_record(run, &rec, stored, d);
    }
    if (st == STATUS_OK)
        st = store_resize(run->image, size);
    return st == STATUS_OK ? store_sync(run->image) : st;
}

static enum status mark(struct run *run, enum journal_state state)
{
    enum status st = journal_mark(run->journal, state, run->reader.sequence + 1, run->reader.header.crc);

    if (st == STATUS_OK)
        run->reader.sequence++;
    return st;
}

/* Forward or back, then the mark that says so. */
static enum status complete(struct run *run, enum direction d)
{
    enum status st = write_image(run, d);

    return st == STATUS_OK ? mark(run, d == FORWARD ? JOURNAL_APPLIED : JOURNAL_UNDONE) : st;
}

/* ---- the transaction ---- */

/* An older journal must be gone before anything of the new one can be there. */
static enum status empty(struct store *journal)
{
    enum status st = STATUS_OK;

    if (store_size(journal) > 0) {
        st = store_resize(journal, 0);
        if (st == STATUS_OK)
            st = store_sync(journal);
    }
    return st;
}

static enum status apply_written(struct store *journal, struct store *image)
{
    struct run run;
    bool changing = false;

    /* Read back: what cannot be read now could not be undone later. */
    enum status st = run_open(&run, journal, image);
    if (st == STATUS_OK && run.reader.state != JOURNAL_APPLYING)
        st = STATUS_IO;
    if (st == STATUS_OK) {
        changing = true;
        st = write_image(&run, FORWARD);
        /* The host has no room or a bad place: the image becomes what it was. */
        run.sparing = true;
        if (st != STATUS_OK && write_image(&run, BACK) == STATUS_OK)
            (void)mark(&run, JOURNAL_UNDONE);
        else if (st == STATUS_OK)
            st = mark(&run, JOURNAL_APPLIED);
    }
    run_close(&run);
    if (!changing)
        (void)empty(journal);
    return st;
}

enum status journal_apply(struct store *journal, struct store *image, struct store *stage)
{
    struct journal_header header;
    struct journal_info info;

    enum status st = journal_peek(journal->source, &info);
    if (st != STATUS_OK)
        return st;
    if (info.state != JOURNAL_NONE && info.state != JOURNAL_UNDONE)
        return STATUS_REFUSED;
    st = empty(journal);
    if (st == STATUS_OK)
        st = journal_write(journal, image, stage, &header);
    if (st == STATUS_OK && header.changes == 0) /* a new size is one as well */
        return empty(journal);
    if (st == STATUS_OK)
        st = journal_mark(journal, JOURNAL_APPLYING, 1, header.crc);
    if (st != STATUS_OK) {
        (void)empty(journal);
        return st;
    }
    return apply_written(journal, image);
}

enum status journal_finish(struct store *journal, struct store *image, uint64_t *ret_where)
{
    struct run run;
    enum status st = run_open(&run, journal, image);

    if (st == STATUS_OK) {
        enum journal_state state = run.reader.state;
        st = state == JOURNAL_APPLYING || state == JOURNAL_UNDOING ? expect(&run, EXPECT_MIXTURE) : STATUS_REFUSED;
        if (st == STATUS_OK)
            st = complete(&run, state == JOURNAL_APPLYING ? FORWARD : BACK);
    }
    *ret_where = run.where;
    run_close(&run);
    return st;
}

enum status journal_undo(struct store *journal, struct store *image, uint64_t *ret_where)
{
    struct run run;
    enum status st = run_open(&run, journal, image);

    if (st == STATUS_OK) {
        enum journal_state state = run.reader.state;
        if (state == JOURNAL_APPLYING || state == JOURNAL_UNDOING)
            st = expect(&run, EXPECT_MIXTURE);
        else
            st = state == JOURNAL_APPLIED ? expect(&run, EXPECT_NEW) : STATUS_REFUSED;
        if (st == STATUS_OK && state != JOURNAL_UNDOING)
            st = mark(&run, JOURNAL_UNDOING);
        if (st == STATUS_OK)
            st = complete(&run, BACK);
    }
    *ret_where = run.where;
    run_close(&run);
    return st;
}
