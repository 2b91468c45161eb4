/* SPDX-License-Identifier: MIT */
/*
 * Changes kept in memory over a source that is never written: what a file would be, before anybody touches it.
 *
 *     base      |.................................|
 *     pieces       [bytes][zero     ]  [copy of base at `from`]          offset ->
 *     reads        [bytes][zero     ]..[copy     ]|000000000000|  size
 *
 * Invariants:
 *  1. pieces are ascending, disjoint, not empty and end within the size;
 *  2. zero pieces end within the base: behind it everything that is not written is zero anyway;
 *  3. what the base holds behind the smallest size there ever was is covered by pieces: it does not come back;
 *  4. zero pieces never touch one another, nor do copies that continue each other.
 *
 * A write that continues a piece goes into the room behind it, so a file written from front to back has few pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/span.h"
#include "io/stage_parts.h"

enum {
    BUFFER_GROWTH_MOST = 1 << 20, /* bytes of room made at once for a piece that keeps growing */
    NEXT_DATA_PIECES = 256,       /* adjacent pieces that next_data joins */
};

static struct stage *of(struct store *s)
{
    return (struct stage *)s;
}

/* Growth reads as zeros, also where the base goes on. Takes at most two spare leaves. */
static void grow(struct stage *t, uint64_t size)
{
    uint64_t from = t->source.size, to = u64_min(size, t->base_size);

    if (from < to)
        stage_list_put(&t->list, stage_list_clear(&t->list, from, to),
                       (struct stage_item){.off = from, .end = to, .kind = STAGE_ZERO});
    t->source.size = size;
}

/* ---- the store ---- */

/* True when bytes in memory cover all of it; then they were replaced. */
static bool overwrite(struct stage *t, uint64_t off, const uint8_t *buf, size_t len)
{
    uint64_t end = off + len, pos = off;

    for (struct stage_place p = stage_list_find(&t->list, off); pos < end; p = stage_list_after(&t->list, p)) {
        const struct stage_item *x = stage_list_at(&t->list, p);
        if (x == NULL || x->kind != STAGE_BYTES || x->off > pos)
            return false;
        pos = x->end;
    }
    pos = off;
    for (struct stage_place p = stage_list_find(&t->list, off); pos < end; p = stage_list_after(&t->list, p)) {
        const struct stage_item *x = stage_list_at(&t->list, p);
        size_t n = (size_t)(u64_min(x->end, end) - pos);
        memcpy(x->buffer->bytes + x->from + (pos - x->off), buf + (pos - off), n);
        pos += n;
    }
    return true;
}

/* Room behind the bytes of a piece that ends at off. */
static struct stage_buffer *room_behind(const struct stage_item *prev, uint64_t off, size_t len)
{
    if (prev == NULL || prev->kind != STAGE_BYTES || prev->end != off)
        return NULL;
    struct stage_buffer *b = prev->buffer;
    return prev->from + (prev->end - prev->off) == b->used && b->cap - b->used >= len ? b : NULL;
}

/* A piece that is being continued gets more room than it needs now. */
static size_t buffer_size(const struct stage_item *prev, uint64_t off, size_t len)
{
    size_t size = len;

    if (prev != NULL && prev->kind == STAGE_BYTES && prev->end == off)
        size = prev->buffer->cap > BUFFER_GROWTH_MOST / 2 ? BUFFER_GROWTH_MOST : prev->buffer->cap * 2;
    return size > len ? size : len;
}

static enum status stage_write(struct store *s, uint64_t off, const void *buf, size_t len)
{
    struct stage *t = of(s);
    struct stage_buffer *b = NULL;
    enum status st;

    if (overwrite(t, off, (const uint8_t *)buf, len))
        return STATUS_OK;
    st = stage_list_reserve(&t->list);
    if (st != STATUS_OK)
        return st;
    struct stage_place p = stage_list_find(&t->list, off);
    const struct stage_item *prev = stage_list_at(&t->list, p);
    if (prev == NULL || prev->off >= off) /* else the piece will be cut here */
        prev = stage_list_before(&t->list, p);
    bool append = room_behind(prev, off, len) != NULL;
    if (!append) {
        size_t want = buffer_size(prev, off, len);
        st = stage_buffer_make(&t->list, want, &b);
        if (st == STATUS_LIMIT && want > len)
            st = stage_buffer_make(&t->list, len, &b);
        if (st != STATUS_OK)
            return st;
    }
    if (off + len > t->source.size)
        grow(t, off + len);
    p = stage_list_clear(&t->list, off, off + len);
    if (append) {
        struct stage_item *x = stage_list_before(&t->list, p);
        memcpy(x->buffer->bytes + x->buffer->used, buf, len);
        x->buffer->used += len;
        x->end += len;
        return STATUS_OK;
    }
    memcpy(b->bytes, buf, len);
    b->used = len;
    stage_list_insert(&t->list, p, (struct stage_item){.off = off, .end = off + len, .kind = STAGE_BYTES, .buffer = b});
    return STATUS_OK;
}

static enum status stage_zero(struct store *s, uint64_t off, uint64_t len)
{
    struct stage *t = of(s);
    uint64_t end = u64_min(off + len, t->base_size);
    enum status st = stage_list_reserve(&t->list);

    if (st != STATUS_OK)
        return st;
    struct stage_place p = stage_list_clear(&t->list, off, off + len);
    if (off < end)
        stage_list_put(&t->list, p, (struct stage_item){.off = off, .end = end, .kind = STAGE_ZERO});
    return STATUS_OK;
}

static enum status stage_resize(struct store *s, uint64_t size)
{
    struct stage *t = of(s);
    enum status st = stage_list_reserve(&t->list);

    if (st != STATUS_OK)
        return st;
    if (size > t->source.size) {
        grow(t, size);
    } else {
        (void)stage_list_clear(&t->list, size, UINT64_MAX);
        t->source.size = size;
    }
    return STATUS_OK;
}

enum status stage_copy(struct store *stage, uint64_t off, uint64_t from, uint64_t len)
{
    struct stage *t = of(stage);

    if (!range_in(from, len, t->base_size) || !range_in(off, len, INT64_MAX))
        return STATUS_RANGE;
    if (len == 0)
        return STATUS_OK;
    enum status st = stage_list_reserve(&t->list);
    if (st != STATUS_OK)
        return st;
    stage->write_calls++;
    if (off + len > t->source.size)
        grow(t, off + len);
    struct stage_place p = stage_list_clear(&t->list, off, off + len);
    stage_list_put(&t->list, p, (struct stage_item){.off = off, .end = off + len, .kind = STAGE_COPY, .from = from});
    return STATUS_OK;
}

static enum status stage_sync(struct store *s)
{
    (void)s;
    return STATUS_OK;
}

static void stage_close(struct store *s)
{
    struct stage *t = of(s);

    stage_list_free(&t->list);
    free(t);
}

/* ---- reading ---- */

static struct stage *stage_of_source(struct source *s)
{
    return (struct stage *)((uint8_t *)s - offsetof(struct stage, source));
}

enum status stage_base_read(struct stage *t, uint64_t off, void *buf, size_t len)
{
    size_t in_base = off < t->base_size ? (size_t)u64_min(len, t->base_size - off) : 0;

    if (in_base > 0) {
        enum status st = source_read(t->base, off, buf, in_base);
        if (st != STATUS_OK) {
            t->source.error_off = t->base->error_off;
            t->source.error_errno = t->base->error_errno;
            return st;
        }
    }
    if (in_base < len)
        memset((uint8_t *)buf + in_base, 0, len - in_base);
    return STATUS_OK;
}

static enum status staged_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    struct stage *t = stage_of_source(s);
    uint8_t *out = (uint8_t *)buf;
    struct stage_place p = stage_list_find(&t->list, off);

    while (len > 0) {
        const struct stage_item *x = stage_list_at(&t->list, p);
        enum status st = STATUS_OK;
        size_t n;

        if (x == NULL || off < x->off) {
            n = x != NULL ? (size_t)u64_min(len, x->off - off) : len;
            st = stage_base_read(t, off, out, n);
        } else {
            n = (size_t)u64_min(len, x->end - off);
            if (x->kind == STAGE_ZERO)
                memset(out, 0, n);
            else if (x->kind == STAGE_BYTES)
                memcpy(out, x->buffer->bytes + x->from + (off - x->off), n);
            else
                st = stage_base_read(t, x->from + (off - x->off), out, n);
            p = stage_list_after(&t->list, p);
        }
        if (st != STATUS_OK)
            return st;
        off += n;
        out += n;
        len -= n;
    }
    return STATUS_OK;
}

/* The host walks over all of a range of data to find its end, and a file that is mended has many pieces in one. */
static enum status ask_base(struct stage *t, uint64_t from)
{
    if (from >= t->asked && from < t->hole)
        return STATUS_OK;
    enum status st = source_next_data(t->base, from, &t->data, &t->hole);
    t->asked = st == STATUS_OK ? from : UINT64_MAX;
    return st;
}

/* Data of the base in [from, from + len), as it shows at pos; *ret_data == pos + len when there is none. */
static enum status base_data(struct stage *t, uint64_t from, uint64_t len, uint64_t pos, uint64_t *ret_data,
                             uint64_t *ret_hole)
{
    uint64_t data = from + len, hole = from + len;

    if (from < t->base_size) {
        enum status st = ask_base(t, from);
        if (st != STATUS_OK)
            return st;
        data = u64_max(t->data, from);
        hole = t->hole;
        if (data >= t->base_size) /* nothing follows, however long it becomes here */
            data = hole = from + len;
    }
    *ret_data = pos + u64_min(data - from, len);
    *ret_hole = pos + u64_min(hole - from, len);
    return STATUS_OK;
}

/* The stretch that starts at pos: the piece at p when pos lies in it, else the gap in front of it. */
static enum status stretch(struct stage *t, uint64_t pos, const struct stage_item *x, uint64_t *ret_data,
                           uint64_t *ret_hole, uint64_t *ret_end)
{
    if (x == NULL || pos < x->off) {
        *ret_end = x != NULL ? x->off : t->source.size;
        return base_data(t, pos, *ret_end - pos, pos, ret_data, ret_hole);
    }
    *ret_end = x->end;
    if (x->kind == STAGE_COPY)
        return base_data(t, x->from + (pos - x->off), x->end - pos, pos, ret_data, ret_hole);
    *ret_data = x->kind == STAGE_ZERO ? x->end : pos;
    *ret_hole = x->end;
    return STATUS_OK;
}

static enum status staged_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    struct stage *t = stage_of_source(s);
    uint64_t first = s->size, last = s->size; /* the range found; first == size: none yet */
    uint64_t joined = 0, pos = off;

    for (struct stage_place p = stage_list_find(&t->list, off); pos < s->size && joined < NEXT_DATA_PIECES;) {
        const struct stage_item *x = stage_list_at(&t->list, p);
        uint64_t data, hole, end;
        enum status st = stretch(t, pos, x, &data, &hole, &end);
        if (st != STATUS_OK)
            return st;
        if (first < s->size && data > pos) /* a hole right behind the range */
            break;
        if (data < end) {
            if (first == s->size)
                first = data;
            last = hole;
            joined++;
            if (hole < end)
                break;
        }
        if (x != NULL && end == x->end)
            p = stage_list_after(&t->list, p);
        pos = end;
    }
    *ret_data = first;
    *ret_hole = last;
    return STATUS_OK;
}

static void staged_close(struct source *s)
{
    (void)s; /* part of the stage */
}

enum status stage_open(struct source *base, uint64_t max_bytes, struct store **ret)
{
    static const struct store_ops store_ops = {
        .write = stage_write,
        .zero = stage_zero,
        .resize = stage_resize,
        .sync = stage_sync,
        .close = stage_close,
    };
    static const struct source_ops source_ops = {
        .read = staged_read,
        .next_data = staged_next_data,
        .close = staged_close,
    };
    struct stage *t = (struct stage *)calloc(1, sizeof(*t));

    if (t == NULL)
        return STATUS_NO_MEMORY;
    t->store.ops = &store_ops;
    t->store.source = &t->source;
    t->source.ops = &source_ops;
    t->base = base;
    t->base_size = base != NULL ? base->size : 0;
    t->source.size = t->base_size;
    t->list.held_most = max_bytes;
    *ret = (struct store *)t;
    return STATUS_OK;
}
