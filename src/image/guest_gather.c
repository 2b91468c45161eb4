/* SPDX-License-Identifier: MIT */
/*
 * Short pieces that take turns: a differencing disk whose sectors come from a child and from its parent alternately.
 * One read per piece would be a call to the host for each 512 bytes. Pieces that one file holds at the same distance
 * from their place in the disk are read together, with what lies between them, and copied to where they belong.
 */
#include <string.h>

#include "base/checked.h"
#include "image/guest_parts.h"

/* What is read for nothing: at most so many times what is wanted. */
static const uint64_t SPAN_PER_WANTED = 8;

struct group {
    unsigned first, last; /* pieces */
    unsigned count;
    uint64_t wanted; /* bytes */
};

static bool together(const struct guest_extent *a, const struct guest_extent *b)
{
    return b->data && b->layer == a->layer && b->file_off - b->off == a->file_off - a->off;
}

/* The pieces from `first` on that lie as it does. */
static struct group group_of(const struct gather_piece *p, unsigned count, unsigned first)
{
    struct group g = {.first = first, .last = first};
    for (unsigned i = first; i < count; i++) {
        if (p[i].served || !together(&p[first].extent, &p[i].extent))
            continue;
        g.last = i;
        g.count++;
        g.wanted += p[i].extent.len;
    }
    return g;
}

static void distribute(struct gather_piece *p, const struct group *g, const uint8_t *from, uint8_t *out)
{
    const struct guest_extent *first = &p[g->first].extent;
    for (unsigned i = g->first; i <= g->last; i++) {
        const struct guest_extent *e = &p[i].extent;
        if (p[i].served || !together(first, e))
            continue;
        if (from)
            memcpy(out + (e->off - p[0].extent.off), from + (e->off - first->off), (size_t)e->len);
        p[i].served = true;
    }
}

enum status guest_gather(struct guest *g, struct gather_piece *p, unsigned count, uint8_t *out)
{
    bool direct = true; /* the first group is read to its place: what it covers of others is written after it */
    for (unsigned i = 0; i < count; i++) {
        const struct guest_extent *e = &p[i].extent, *last;
        struct group group;
        uint8_t *to = g->scratch;
        enum status st;
        uint64_t span;
        if (p[i].served || !e->data)
            continue;
        group = group_of(p, count, i);
        last = &p[group.last].extent;
        span = last->off + last->len - e->off;
        if (group.count < 2 || span / SPAN_PER_WANTED > group.wanted)
            continue;
        if (direct)
            to = out + (e->off - p[0].extent.off);
        st = source_read(guest_layer_source(g, e->layer), e->file_off, to, (size_t)span);
        if (st == STATUS_IO)
            continue; /* one by one, so that only what is bad is lost */
        if (st != STATUS_OK)
            return st;
        distribute(p, &group, direct ? NULL : to, out);
        direct = false;
    }
    return STATUS_OK;
}
