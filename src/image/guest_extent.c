/* SPDX-License-Identifier: MIT */
/*
 * Where guest bytes come from, through the chain: the first layer that does not pass the question on answers it. The
 * piece in question only gets shorter on the way down, since each layer answers for its own stretch. A loop, as deep as
 * the chain is long; what a layer said last is remembered there, so that asking it again is cheap.
 */
#include "base/checked.h"
#include "image/guest_parts.h"

enum status guest_extent_at(struct guest *g, uint64_t off, uint64_t max_len, struct guest_extent *ret)
{
    uint64_t size = guest_size(g), len;
    if (off >= size || max_len == 0)
        return STATUS_RANGE;
    len = u64_min(max_len, size - off);
    for (uint32_t i = 0;; i++) {
        struct guest_layer *l = &g->layers[i];
        struct guest_stretch s;
        enum status st;
        if (off >= l->geometry->virtual_size) { /* only of a parent: its child reaches further */
            *ret = (struct guest_extent){.off = off, .len = len, .state = GUEST_PAST_PARENT, .layer = i};
            return STATUS_OK;
        }
        len = u64_min(len, l->geometry->virtual_size - off);
        st = guest_layer_at(l, off, len, &s);
        if (st != STATUS_OK)
            return st;
        len = u64_min(len, s.end - off);
        if (s.below && i + 1 < g->layer_count)
            continue;
        *ret = (struct guest_extent){
            .off = off,
            .len = len,
            .state = s.state,
            .layer = i,
            .data = s.data,
            .file_off = s.data ? s.file_off + (off - s.off) : 0,
            .fault = s.below ? GUEST_FAULT_NO_PARENT : s.fault,
        };
        return STATUS_OK;
    }
}

static bool continues(const struct guest_extent *a, const struct guest_extent *b)
{
    return a->state == b->state && a->layer == b->layer && a->fault == b->fault && a->data == b->data &&
           (!a->data || a->file_off + a->len == b->file_off);
}

enum status guest_extent_merged(struct guest *g, uint64_t off, uint64_t max_len, struct guest_extent *ret)
{
    struct guest_extent e, next;
    enum status st = guest_extent_at(g, off, max_len, &e);
    uint64_t size = guest_size(g);
    if (st != STATUS_OK)
        return st;
    while (e.len < max_len && e.len < size - off) {
        st = guest_extent_at(g, off + e.len, max_len - e.len, &next);
        if (st != STATUS_OK)
            return st;
        if (!continues(&e, &next))
            break;
        e.len += next.len;
    }
    *ret = e;
    return STATUS_OK;
}
