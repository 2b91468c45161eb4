/* SPDX-License-Identifier: MIT */
/*
 * Who owns which bytes. Fixed structures (at most a few thousand regions and 16,384 sector bitmap blocks) are sorted
 * lists that may overlap as the image likes. `reach` answers "what intersects this range" in logarithmic time all the
 * same: it is the highest end of an item and all before it, so the first item whose reach passes the range's start is
 * the first one that can intersect it, and items behind it start later. Payload blocks are the survey's claims
 * (image/claims.h).
 */
#include "image/layout_map.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "format/layout.h"
#include "image/claims.h"

struct extent_list {
    struct extent *items;
    uint64_t cap, count;
    uint64_t *reach;
    uint64_t reach_cap;
};

struct layout_map {
    struct arena *arena;
    struct extent_list fixed;   /* all of them */
    struct extent_list regions; /* OWNER_REGION alone */
    const struct claims *claims;
};

const char *owner_name(enum owner_kind k)
{
    switch (k) {
    case OWNER_HEADER_SECTION:
        return "header section";
    case OWNER_LOG:
        return "log";
    case OWNER_REGION:
        return "region";
    case OWNER_BITMAP:
        return "sector bitmap block";
    case OWNER_PAYLOAD:
        return "payload block";
    case OWNER_ANCHOR:
        return "soft anchor";
    case OWNER_NONE:
        break;
    }
    return "nothing";
}

struct layout_map *layout_map_create(struct arena *a)
{
    struct layout_map *m = arena_alloc(a, sizeof(*m));
    if (m)
        m->arena = a;
    return m;
}

static bool list_add(struct arena *a, struct extent_list *l, struct extent e)
{
    if (l->count == l->cap && !arena_grow(a, (void **)&l->items, &l->cap, l->count, sizeof(e)))
        return false;
    l->items[l->count++] = e;
    return true;
}

enum status layout_map_add(struct layout_map *m, struct extent e)
{
    if (e.start >= e.end)
        return STATUS_OK;
    if (!list_add(m->arena, &m->fixed, e))
        return arena_status(m->arena);
    if (e.kind == OWNER_REGION && !list_add(m->arena, &m->regions, e))
        return arena_status(m->arena);
    return STATUS_OK;
}

static int compare_extents(const void *pa, const void *pb)
{
    const struct extent *a = pa, *b = pb;
    int c = u64_compare(a->start, b->start);
    if (c == 0)
        c = u64_compare(a->end, b->end);
    if (c == 0)
        c = u64_compare(a->kind, b->kind);
    return c ? c : u64_compare(a->ref, b->ref);
}

/* Structures mostly come in the order of their places. */
static bool is_sorted(const struct extent_list *l)
{
    uint64_t i = 1;
    while (i < l->count && compare_extents(&l->items[i - 1], &l->items[i]) <= 0)
        i++;
    return i >= l->count;
}

static bool list_seal(struct arena *a, struct extent_list *l)
{
    uint64_t reach = 0;
    if (l->count == 0)
        return true;
    if (l->reach_cap < l->count) {
        uint64_t *fresh = arena_array(a, l->count, sizeof(*l->reach));
        if (!fresh)
            return false;
        if (l->reach)
            arena_release(a, l->reach);
        l->reach = fresh;
        l->reach_cap = l->count;
    }
    if (!is_sorted(l))
        qsort(l->items, (size_t)l->count, sizeof(*l->items), compare_extents);
    for (uint64_t i = 0; i < l->count; i++)
        l->reach[i] = reach = u64_max(reach, l->items[i].end);
    return true;
}

enum status layout_map_seal(struct layout_map *m)
{
    if (!list_seal(m->arena, &m->fixed) || !list_seal(m->arena, &m->regions))
        return arena_status(m->arena);
    return STATUS_OK;
}

void layout_map_set_claims(struct layout_map *m, const struct claims *c)
{
    m->claims = c;
}

uint64_t layout_map_fixed_count(const struct layout_map *m)
{
    return m->fixed.count;
}

const struct extent *layout_map_fixed(const struct layout_map *m, uint64_t i)
{
    assert(i < m->fixed.count);
    return &m->fixed.items[i];
}

static const struct extent *list_at(const struct extent_list *l, uint64_t off, uint64_t len)
{
    uint64_t low = 0, high = l->count;
    if (l->count == 0 || len == 0 || l->reach[l->count - 1] <= off)
        return NULL;
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (l->reach[mid] <= off)
            low = mid + 1;
        else
            high = mid;
    }
    return l->items[low].start < u64_add_sat(off, len) ? &l->items[low] : NULL;
}

const struct extent *layout_map_fixed_at(const struct layout_map *m, uint64_t off, uint64_t len)
{
    return list_at(&m->fixed, off, len);
}

const struct extent *layout_map_region_at(const struct layout_map *m, uint64_t off, uint64_t len)
{
    return list_at(&m->regions, off, len);
}

bool layout_map_payload_at(const struct layout_map *m, uint64_t off, uint64_t len)
{
    return m->claims && len > 0 && claims_any(m->claims, off / MIB, (u64_add_sat(off, len) - 1) / MIB + 1);
}

uint64_t layout_map_end(const struct layout_map *m)
{
    uint64_t end = m->fixed.count ? m->fixed.reach[m->fixed.count - 1] : 0, blocks;
    if (!m->claims)
        return end;
    if (!u64_mul(m->claims->end_unit, MIB, &blocks))
        blocks = UINT64_MAX;
    return u64_max(end, blocks);
}

void layout_map_free_ranges(const struct layout_map *m, uint64_t file_size, bool (*fn)(void *ctx, struct free_range r),
                            void *ctx)
{
    uint64_t units = u64_div_up(file_size, MIB), unit = 0, fixed = 0;
    uint64_t run_start = 0, run_end = 0; /* the next run of blocks that reaches to or past unit */
    struct claims_position position = {0};
    bool have_run = m->claims && claims_next_run(m->claims, &position, 0, &run_start, &run_end);

    /* Everything below `unit` is dealt with. Whatever of the two lists starts first either leaves a gap or moves on. */
    while (unit < units) {
        uint64_t start = units, end = units;
        if (have_run && run_end <= unit)
            have_run = claims_next_run(m->claims, &position, unit, &run_start, &run_end);
        while (fixed < m->fixed.count && u64_div_up(m->fixed.items[fixed].end, MIB) <= unit)
            fixed++;
        if (have_run) {
            start = run_start;
            end = run_end;
        }
        if (fixed < m->fixed.count && m->fixed.items[fixed].start / MIB < start) {
            start = m->fixed.items[fixed].start / MIB;
            end = u64_div_up(m->fixed.items[fixed].end, MIB);
        }
        if (start > unit) {
            uint64_t off = unit * MIB, to = start < units ? start * MIB : file_size;
            if (!fn(ctx, (struct free_range){.off = off, .len = to - off}))
                return;
        }
        unit = u64_max(unit + 1, end);
    }
}

struct search {
    uint64_t wanted;
    struct free_range found;
};

static bool search_on(void *ctx, struct free_range r)
{
    struct search *s = ctx;
    if (r.len < s->wanted)
        return true;
    s->found = r;
    return false;
}

struct free_range layout_map_first_free(const struct layout_map *m, uint64_t file_size, uint64_t wanted)
{
    struct search s = {.wanted = wanted};
    layout_map_free_ranges(m, file_size, search_on, &s);
    return s.found;
}
