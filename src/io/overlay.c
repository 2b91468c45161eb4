/* SPDX-License-Identifier: MIT */
/*
 * What the file would look like after its log is replayed, without writing a byte ([MS-VHDX] 2.3.3).
 *
 * A log gives two kinds of changes, applied in order: "this 4 KiB page becomes that data sector" and "this range
 * becomes zero". Opening flattens them into pieces, sorted and disjoint, each showing the last change of its bytes:
 *
 *     base      |.................................|
 *     patches      [page]   [zero       ]             offset ->
 *                               [page]
 *     pieces       [page]   [zer][page][o]  [end of base: zeros up to the new size
 *
 * Invariants, after overlay_open():
 *  1. pieces are ascending, disjoint, not empty and end within the source's size;
 *  2. offsets and lengths are multiples of 4096, and a page piece is one whole page: a patch covers all of it or
 *     nothing;
 *  3. two zero pieces never touch (they are merged).
 *
 * Pages are not held in memory: a data sector stores bytes 8..4091 of its page in place, so they are read from the log
 * in the base source when asked for, and only the 12 displaced bytes, which the descriptor holds, are kept here.
 */
#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/span.h"
#include "io/layers.h"
#include "io/source.h"

enum {
    PAGE = 4096,
    LEADING = 8,            /* page bytes [0, 8) are in the descriptor */
    TRAILING_AT = PAGE - 4, /* and so are [4092, 4096) */
    NEXT_DATA_PIECES = 256, /* adjacent pieces that next_data joins: as many pages as one read window has */
};

struct piece {
    uint64_t off, end;
    uint64_t source_off;
    uint8_t leading[LEADING];
    uint8_t trailing[PAGE - TRAILING_AT];
    uint32_t zero;
};

struct overlay {
    struct source source;
    struct source *base;
    const struct piece *pieces;
    uint64_t count;
    uint64_t last; /* the piece found last; reads mostly go forward */
};

static bool ends_behind(const struct overlay *o, uint64_t i, uint64_t off)
{
    return i == o->count || o->pieces[i].end > off;
}

/* Index of the first piece that ends behind off; count when none does. */
static uint64_t find(struct overlay *o, uint64_t off)
{
    uint64_t lo = 0, hi = o->count;

    for (uint64_t i = o->last; i <= o->count && i - o->last < 2; i++) {
        if (ends_behind(o, i, off) && (i == 0 || !ends_behind(o, i - 1, off)))
            return o->last = i;
    }
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (ends_behind(o, mid, off))
            hi = mid;
        else
            lo = mid + 1;
    }
    return o->last = lo;
}

static enum status base_read(struct overlay *o, uint64_t off, void *buf, size_t len)
{
    enum status st = source_read(o->base, off, buf, len);

    /* The place in the host's file is what the message needs; for a page that is inside the log. */
    if (st != STATUS_OK) {
        o->source.error_off = o->base->error_off;
        o->source.error_errno = o->base->error_errno;
    }
    return st;
}

/* Bytes [from, to) of a page. */
static enum status page_read(struct overlay *o, const struct piece *p, size_t from, size_t to, uint8_t *out)
{
    size_t at = from;

    for (; at < to && at < LEADING; at++)
        *out++ = p->leading[at];
    if (at < to && at < TRAILING_AT) {
        size_t n = (to < TRAILING_AT ? to : TRAILING_AT) - at;
        enum status st = base_read(o, p->source_off + at, out, n);
        if (st != STATUS_OK)
            return st;
        out += n;
        at += n;
    }
    for (; at < to; at++)
        *out++ = p->trailing[at - TRAILING_AT];
    return STATUS_OK;
}

/* Bytes that no piece covers. */
static enum status gap_read(struct overlay *o, uint64_t off, uint8_t *out, size_t len)
{
    size_t in_base = off < o->base->size ? (size_t)u64_min(len, o->base->size - off) : 0;

    if (in_base > 0) {
        enum status st = base_read(o, off, out, in_base);
        if (st != STATUS_OK)
            return st;
    }
    memset(out + in_base, 0, len - in_base);
    return STATUS_OK;
}

static enum status overlay_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    struct overlay *o = (struct overlay *)s;
    uint8_t *out = (uint8_t *)buf;

    for (uint64_t i = find(o, off); len > 0;) {
        const struct piece *p = i < o->count ? &o->pieces[i] : NULL;
        enum status st = STATUS_OK;
        size_t n;

        if (p == NULL || off < p->off) {
            n = p != NULL ? (size_t)u64_min(len, p->off - off) : len;
            st = gap_read(o, off, out, n);
        } else {
            n = (size_t)u64_min(len, p->end - off);
            if (p->zero)
                memset(out, 0, n);
            else
                st = page_read(o, p, (size_t)(off - p->off), (size_t)(off - p->off) + n, out);
            i += off + n == p->end;
            o->last = i;
        }
        if (st != STATUS_OK)
            return st;
        off += n;
        out += n;
        len -= n;
    }
    return STATUS_OK;
}

/*
 * The stretch that starts at pos: piece i when pos lies in it, else the gap in front of it. Its end, and the data in it
 * (*ret_data == *ret_end when there is none).
 */
static enum status stretch(struct overlay *o, uint64_t pos, uint64_t i, uint64_t *ret_data, uint64_t *ret_hole,
                           uint64_t *ret_end)
{
    const struct piece *p = i < o->count ? &o->pieces[i] : NULL;

    if (p != NULL && pos >= p->off) {
        *ret_data = p->zero ? p->end : pos;
        *ret_hole = *ret_end = p->end;
        return STATUS_OK;
    }
    uint64_t end = p != NULL ? p->off : o->source.size;
    uint64_t data = end, hole = end;
    if (pos < o->base->size) {
        enum status st = source_next_data(o->base, pos, &data, &hole);
        if (st != STATUS_OK)
            return st;
        if (data >= o->base->size) /* what follows the base, up to the new size, is a hole as well */
            data = hole = end;
    }
    *ret_data = u64_min(data, end);
    *ret_hole = u64_min(hole, end);
    *ret_end = end;
    return STATUS_OK;
}

static enum status overlay_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    struct overlay *o = (struct overlay *)s;
    uint64_t first = s->size, last = s->size; /* the range found; first == size: none yet */
    uint64_t joined = 0;
    uint64_t pos = off;

    for (uint64_t i = find(o, off); pos < s->size && joined < NEXT_DATA_PIECES;) {
        uint64_t data, hole, end;
        enum status st = stretch(o, pos, i, &data, &hole, &end);
        if (st != STATUS_OK)
            return st;
        bool found = first < s->size;
        if (found && data > pos) /* a hole right behind the range */
            break;
        if (data < end) {
            if (!found)
                first = data;
            last = hole;
            joined++;
            if (hole < end)
                break;
        }
        if (i < o->count && end == o->pieces[i].end)
            i++;
        pos = end;
    }
    *ret_data = first;
    *ret_hole = last;
    return STATUS_OK;
}

static void overlay_close(struct source *s)
{
    (void)s; /* all of it is the arena's */
}

static const struct source_ops overlay_ops = {
    .read = overlay_read,
    .next_data = overlay_next_data,
    .close = overlay_close,
};

/* The caller validated the log; this keeps the invariants even when it did not. */
static enum status patch_check(const struct overlay_patch *p, uint64_t base_size, uint64_t new_size)
{
    if (p->off % PAGE != 0 || p->len % PAGE != 0 || (p->kind == PATCH_PAGE && p->len != PAGE))
        return STATUS_INTERNAL;
    if (!range_in(p->off, p->len, new_size))
        return STATUS_RANGE;
    if (p->kind == PATCH_PAGE && !range_in(p->source_off, PAGE, base_size))
        return STATUS_RANGE;
    return STATUS_OK;
}

/*
 * Walks the visible pieces of the sorted layers, zero pieces that touch merged. Run twice: with pieces == NULL it only
 * counts, so that the table gets its exact size.
 */
static uint64_t flatten(const struct layer *layers, uint64_t count, uint64_t *heap, const struct overlay_patch *patches,
                        struct piece *pieces)
{
    struct layers_sweep sweep = layers_begin(layers, count, heap);
    struct layer visible;
    uint64_t n = 0;
    uint64_t zero_end = 0; /* where the last piece ended if it was zeros; no piece ends at 0 */

    while (layers_next(&sweep, &visible)) {
        const struct overlay_patch *patch = &patches[visible.index];
        bool zero = patch->kind == PATCH_ZERO;

        if (zero && n > 0 && visible.off == zero_end) {
            if (pieces != NULL)
                pieces[n - 1].end = visible.end;
        } else {
            if (pieces != NULL) {
                struct piece *p = &pieces[n];
                *p = (struct piece){.off = visible.off, .end = visible.end, .zero = zero};
                if (!zero) {
                    p->source_off = patch->source_off;
                    memcpy(p->leading, patch->leading, sizeof(p->leading));
                    memcpy(p->trailing, patch->trailing, sizeof(p->trailing));
                }
            }
            n++;
        }
        zero_end = zero ? visible.end : 0;
    }
    return n;
}

enum status overlay_open(struct arena *a, struct source *base, const struct overlay_patch *patches, uint64_t count,
                         uint64_t new_size, struct source **ret)
{
    struct layer *layers = NULL;
    uint64_t *heap = NULL;
    uint64_t used = 0;
    enum status st = STATUS_OK;

    if (new_size < base->size)
        return STATUS_RANGE;
    for (uint64_t i = 0; i < count && st == STATUS_OK; i++)
        st = patch_check(&patches[i], base->size, new_size);
    if (st != STATUS_OK)
        return st;

    struct overlay *o = (struct overlay *)arena_alloc(a, sizeof(*o));
    layers = (struct layer *)arena_array(a, count, sizeof(*layers));
    heap = (uint64_t *)arena_array(a, count, sizeof(*heap));
    if (o == NULL || layers == NULL || heap == NULL) {
        st = arena_status(a);
        goto out;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (patches[i].len > 0)
            layers[used++] = (struct layer){.off = patches[i].off, .end = patches[i].off + patches[i].len, .index = i};
    }
    layers_sort(layers, used);
    o->count = flatten(layers, used, heap, patches, NULL);
    struct piece *pieces = (struct piece *)arena_array(a, o->count, sizeof(*pieces));
    if (pieces == NULL) {
        st = arena_status(a);
        goto out;
    }
    flatten(layers, used, heap, patches, pieces);
    o->pieces = pieces;
    o->base = base;
    o->source.ops = &overlay_ops;
    o->source.size = new_size;
    *ret = &o->source;

out:
    arena_release(a, layers);
    arena_release(a, heap);
    return st;
}

uint64_t overlay_piece_count(const struct source *overlay)
{
    return overlay->ops == &overlay_ops ? ((const struct overlay *)overlay)->count : 0;
}

void overlay_piece(const struct source *overlay, uint64_t i, uint64_t *ret_off, uint64_t *ret_len, bool *ret_zero)
{
    const struct piece *p = &((const struct overlay *)overlay)->pieces[i];

    *ret_off = p->off;
    *ret_len = p->end - p->off;
    *ret_zero = p->zero;
}
