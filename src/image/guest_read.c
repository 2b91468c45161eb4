/* SPDX-License-Identifier: MIT */
/*
 * Reading the guest's disk. Extents that follow each other in one file are read at once. Where the host fails, the
 * range is read again in pages, so that an unreadable sector of the host costs its page and not a megabyte around it.
 */
#include <string.h>

#include "base/checked.h"
#include "image/guest_parts.h"

static const uint64_t RETRY_LEN = 4096; /* bytes of a retry, aligned in the file */

struct reading {
    struct guest *guest;
    void (*fn)(void *ctx, const struct guest_extent *e);
    void *ctx;
    uint64_t faults; /* bytes */
};

static void report(struct reading *r, const struct guest_extent *e)
{
    r->faults += e->len;
    if (r->fn)
        r->fn(r->ctx, e);
}

/* Page by page; neighbours that cannot be read are one extent. */
static enum status read_carefully(struct reading *r, struct source *src, const struct guest_extent *e, uint8_t *buf)
{
    struct guest_extent bad = {.layer = e->layer, .state = e->state, .fault = GUEST_FAULT_IO};
    for (uint64_t done = 0; done < e->len;) {
        uint64_t at = e->file_off + done, n = u64_min(RETRY_LEN - at % RETRY_LEN, e->len - done);
        enum status st = source_read(src, at, buf + done, (size_t)n);
        if (st == STATUS_IO) {
            memset(buf + done, 0, (size_t)n);
            if (bad.len == 0)
                bad.off = e->off + done;
            bad.len += n;
        } else if (st != STATUS_OK) {
            return st;
        }
        done += n;
        if (bad.len > 0 && (st == STATUS_OK || done == e->len)) {
            report(r, &bad);
            bad.len = 0;
        }
    }
    return STATUS_OK;
}

static enum status read_data(struct reading *r, const struct guest_extent *e, uint8_t *buf)
{
    struct source *src = guest_layer_source(r->guest, e->layer);
    enum status st = source_read(src, e->file_off, buf, (size_t)e->len);
    if (st == STATUS_IO)
        st = read_carefully(r, src, e, buf);
    return st == STATUS_RANGE ? STATUS_INTERNAL : st;
}

/* The extent at off; what follows it in the same file as well. */
static enum status next_extent(struct guest *g, uint64_t off, uint64_t len, struct guest_extent *e)
{
    struct guest_extent next;
    enum status st = guest_extent_at(g, off, len, e);
    while (st == STATUS_OK && e->data && e->len < len) {
        st = guest_extent_at(g, off + e->len, len - e->len, &next);
        if (st != STATUS_OK || !next.data || next.layer != e->layer || next.file_off != e->file_off + e->len)
            break;
        e->len += next.len;
    }
    return st;
}

static enum status reserve(struct guest *g)
{
    if (!g->pieces)
        g->pieces = arena_array(g->arena, GATHER_PIECES, sizeof(*g->pieces));
    if (!g->scratch)
        g->scratch = arena_alloc(g->arena, GATHER_LEN + GATHER_SHORT_LEN);
    return g->pieces && g->scratch ? STATUS_OK : arena_status(g->arena);
}

/* The pieces from off on: short ones, and the first long one. *ret_short: how many are short. */
static enum status next_pieces(struct guest *g, uint64_t off, uint64_t end, unsigned *ret_count, unsigned *ret_short)
{
    const uint64_t start = off;
    *ret_count = *ret_short = 0;
    do {
        struct gather_piece *p = &g->pieces[(*ret_count)++];
        enum status st = next_extent(g, off, end - off, &p->extent);
        if (st != STATUS_OK)
            return st;
        p->served = false;
        off += p->extent.len;
        *ret_short += p->extent.len < GATHER_SHORT_LEN;
    } while (*ret_short == *ret_count && *ret_count < GATHER_PIECES && off < end && off - start < GATHER_LEN);
    return STATUS_OK;
}

static enum status read_piece(struct reading *r, const struct gather_piece *p, uint8_t *out)
{
    const struct guest_extent *e = &p->extent;
    enum status st = e->data && !p->served ? read_data(r, e, out) : STATUS_OK;
    if (!e->data)
        memset(out, 0, (size_t)e->len);
    if (st == STATUS_OK && e->fault != GUEST_FAULT_NONE)
        report(r, e);
    return st;
}

enum status guest_read(struct guest *g, uint64_t off, void *buf, size_t len,
                       void (*fn)(void *ctx, const struct guest_extent *e), void *ctx, uint64_t *ret_faults)
{
    struct reading r = {.guest = g, .fn = fn, .ctx = ctx};
    enum status st = range_in(off, len, guest_size(g)) ? reserve(g) : STATUS_RANGE;
    uint64_t end = off + len;
    uint8_t *out = buf;
    while (st == STATUS_OK && off < end) {
        unsigned count, brief;
        st = next_pieces(g, off, end, &count, &brief);
        if (st == STATUS_OK && brief > 1)
            st = guest_gather(g, g->pieces, brief, out);
        for (unsigned i = 0; i < count && st == STATUS_OK; i++) {
            st = read_piece(&r, &g->pieces[i], out);
            off += g->pieces[i].extent.len;
            out += g->pieces[i].extent.len;
        }
    }
    if (st == STATUS_OK)
        *ret_faults = r.faults;
    return st;
}
