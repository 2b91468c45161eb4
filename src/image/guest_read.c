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

enum status guest_read(struct guest *g, uint64_t off, void *buf, size_t len,
                       void (*fn)(void *ctx, const struct guest_extent *e), void *ctx, uint64_t *ret_faults)
{
    struct reading r = {.guest = g, .fn = fn, .ctx = ctx};
    uint64_t end;
    uint8_t *out = buf;
    if (!range_in(off, len, guest_size(g)))
        return STATUS_RANGE;
    end = off + len;
    while (off < end) {
        struct guest_extent e, next;
        enum status st = guest_extent_at(g, off, end - off, &e);
        while (st == STATUS_OK && e.data && e.len < end - off) {
            st = guest_extent_at(g, off + e.len, end - off - e.len, &next);
            if (st != STATUS_OK || !next.data || next.layer != e.layer || next.file_off != e.file_off + e.len)
                break;
            e.len += next.len;
        }
        if (st == STATUS_OK && e.data)
            st = read_data(&r, &e, out);
        if (st != STATUS_OK)
            return st;
        if (!e.data)
            memset(out, 0, (size_t)e.len);
        if (e.fault != GUEST_FAULT_NONE)
            report(&r, &e);
        off += e.len;
        out += e.len;
    }
    *ret_faults = r.faults;
    return STATUS_OK;
}
