/* SPDX-License-Identifier: MIT */
/*
 * Cost follows what is stored, not the size of the disk: long stretches without data are one piece, and inside data the
 * host is asked for holes of its file, so that 64 TiB of blocks which all lie in one hole take no longer than empty
 * ones.
 *
 * Short stretches (a bitmap can alternate sector by sector) are not worth a piece: from there on a buffer is filled as
 * guest_read() does it.
 *
 * Asking for holes has a price: a host may have to walk all the way to the next hole to answer. So the answer is kept
 * until the walk leaves it, and when many answers in a row were of no use the walk only asks behind data that was all
 * zeros.
 */
#include "image/guest_walk.h"

#include "base/checked.h"
#include "base/span.h"
#include "image/guest_parts.h"

enum {
    WORTH_A_PIECE = 64 * 1024, /* bytes */
    USELESS_ANSWERS = 64,      /* answers in a row that showed no hole */
};

/* What the host said last about a layer's file: data in [start, end). */
struct known_data {
    uint64_t start, end;
};

struct guest_walk {
    struct guest *guest;
    uint64_t off, end;
    uint8_t *buf;
    struct known_data *known; /* by layer */
    unsigned useless;
    bool last_was_zero; /* the data read last was all zeros; only kept when answers are useless */
    bool peeked;
    struct guest_piece piece;
};

enum status guest_walk_open(struct guest *g, uint64_t off, uint64_t len, struct guest_walk **ret)
{
    if (!range_in(off, len, guest_size(g)))
        return STATUS_RANGE;
    struct guest_walk *w = arena_alloc(g->arena, sizeof(*w));
    if (!w)
        return arena_status(g->arena);
    w->guest = g;
    w->off = off;
    w->end = off + len;
    w->buf = arena_alloc(g->arena, GUEST_WALK_BUFFER);
    w->known = arena_array(g->arena, g->layer_count, sizeof(*w->known));
    if (!w->buf || !w->known)
        return arena_status(g->arena);
    *ret = w;
    return STATUS_OK;
}

void guest_walk_into(struct guest_walk *w, uint8_t *buf)
{
    w->buf = buf;
}

/* How much of the extent, from its start on, is a hole of the file; else where the data ends that is known there. */
static enum status look_for_hole(struct guest_walk *w, const struct guest_extent *e, uint64_t *ret_hole,
                                 uint64_t *ret_data)
{
    struct source *src = guest_layer_source(w->guest, e->layer);
    struct known_data *k = &w->known[e->layer];
    uint64_t data = 0, hole = 0;

    *ret_hole = 0;
    *ret_data = e->len;
    if (e->file_off >= k->start && e->file_off < k->end) {
        *ret_data = u64_min(e->len, k->end - e->file_off);
        return STATUS_OK;
    }
    if (w->useless >= USELESS_ANSWERS && !w->last_was_zero)
        return STATUS_OK;
    enum status st = source_next_data(src, e->file_off, &data, &hole);
    if (st == STATUS_IO) /* then it is read */
        return STATUS_OK;
    if (st != STATUS_OK)
        return st;
    *k = (struct known_data){.start = data, .end = hole};
    *ret_hole = u64_min(e->len, data - e->file_off);
    if (*ret_hole >= WORTH_A_PIECE)
        w->useless = 0;
    else
        w->useless += w->useless < USELESS_ANSWERS;
    if (*ret_hole == 0)
        *ret_data = u64_min(e->len, hole - e->file_off);
    return STATUS_OK;
}

static enum status find_piece(struct guest_walk *w, struct guest_piece *ret)
{
    uint64_t left = w->end - w->off, hole = 0, data = 0;
    struct guest_piece p = {.off = w->off};
    enum status st = guest_extent_at(w->guest, w->off, left, &p.extent);

    if (st != STATUS_OK)
        return st;
    p.len = p.extent.len;
    if (p.extent.fault != GUEST_FAULT_NONE) {
        p.kind = GUEST_PIECE_FAULT;
    } else if (!p.extent.data && p.len >= WORTH_A_PIECE) {
        p.kind = GUEST_PIECE_ZERO;
    } else {
        p.kind = GUEST_PIECE_DATA;
        p.len = u64_min(left, GUEST_WALK_BUFFER - w->off % GUEST_WALK_BUFFER);
        if (p.extent.data && p.extent.len >= WORTH_A_PIECE) {
            st = look_for_hole(w, &p.extent, &hole, &data);
            if (st != STATUS_OK)
                return st;
            if (hole >= WORTH_A_PIECE) {
                p.kind = GUEST_PIECE_ZERO;
                p.len = hole;
            } else if (data >= WORTH_A_PIECE && data < p.extent.len) {
                p.len = u64_min(p.len, data); /* up to the hole */
            }
        }
    }
    *ret = p;
    return STATUS_OK;
}

enum status guest_walk_peek(struct guest_walk *w, struct guest_piece *ret, bool *ret_more)
{
    *ret_more = w->off < w->end;
    if (!*ret_more)
        return STATUS_OK;
    if (!w->peeked) {
        enum status st = find_piece(w, &w->piece);
        if (st != STATUS_OK)
            return st;
        w->peeked = true;
    }
    *ret = w->piece;
    return STATUS_OK;
}

/* The rest of the piece that was peeked is the next one, unless it is data: those are cut anew. */
static void advance(struct guest_walk *w, uint64_t len)
{
    struct guest_piece *p = &w->piece;

    w->off += len;
    w->peeked = p->kind != GUEST_PIECE_DATA && len < p->len;
    if (w->peeked) {
        p->off += len;
        p->len -= len;
        p->extent.off += len;
        p->extent.len -= len;
        p->extent.file_off += p->extent.data ? len : 0;
    }
}

void guest_walk_skip(struct guest_walk *w, uint64_t len)
{
    w->off += u64_min(len, w->end - w->off);
    w->peeked = false;
}

enum status guest_walk_take(struct guest_walk *w, uint64_t len, const uint8_t **ret_bytes,
                            void (*fn)(void *ctx, const struct guest_extent *e), void *ctx, uint64_t *ret_faults)
{
    enum status st = STATUS_OK;
    const uint8_t *bytes = NULL;
    uint64_t faults = 0;

    if (!w->peeked || len == 0 || len > w->piece.len)
        return STATUS_RANGE;
    if (w->piece.kind == GUEST_PIECE_FAULT) {
        struct guest_extent e = w->piece.extent;
        e.len = faults = len;
        if (fn)
            fn(ctx, &e);
    } else if (w->piece.kind == GUEST_PIECE_DATA && ret_bytes) {
        st = guest_read(w->guest, w->off, w->buf, (size_t)len, fn, ctx, &faults);
        if (st != STATUS_OK)
            return st;
        bytes = w->buf;
        w->last_was_zero = w->useless >= USELESS_ANSWERS && span_is_zero(span_of(bytes, (size_t)len));
    }
    advance(w, len);
    if (ret_bytes)
        *ret_bytes = bytes;
    if (ret_faults)
        *ret_faults = faults;
    return STATUS_OK;
}
