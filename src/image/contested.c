/* SPDX-License-Identifier: MIT */
/*
 * The survey reports an overlap once, at the later of two entries, and names only one of the earlier ones. A reader
 * must know all of them. So the places of the later ("noted") entries are kept, and a block is contested when a noted
 * block's place meets its own:
 *
 *     entry 3  [......]                noted: nothing       meets 5: contested
 *     entry 5      [......]            noted: 5 over 3      contested
 *     entry 4          [......]        noted: 5 over 4      contested
 *
 * That is exact. A noted block meets itself; an earlier block meets the noted one that overlaps it; and whoever meets a
 * noted live block does overlap it. It needs no names, so the limit on remembered owners does not matter, and one bit
 * for each MiB of noted places, whatever the number of entries.
 *
 * Soft anchors give way to live blocks: they have sets of their own, which only those who read anchors ask.
 */
#include "image/contested.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/limits.h"
#include "image/bat_walk.h"
#include "image/unit_map.h"

enum contest { /* what was noted, by its size and by whom it disturbs */
               CONTEST_BLOCK,
               CONTEST_BITMAP,
               CONTEST_ANCHOR_BLOCK,  /* an anchor, or a live block over an anchor */
               CONTEST_ANCHOR_BITMAP, /* a bitmap block over an anchor */
               CONTESTS,
};

struct units {
    struct unit_map near; /* below LIMIT_NEAR_UNITS */
    uint64_t *far;        /* the others; sorted when complete */
    uint64_t count, cap;
};

struct contested {
    uint64_t block_units;
    struct units sets[CONTESTS];
};

struct finder {
    struct view *view;
    struct contested *found; /* NULL until there is something */
    enum status st;
};

static int compare_units(const void *pa, const void *pb)
{
    const uint64_t *a = pa, *b = pb;
    return u64_compare(*a, *b);
}

static void sort_far(struct units *u)
{
    uint64_t kept = 0;
    if (u->count == 0)
        return;
    qsort(u->far, (size_t)u->count, sizeof(*u->far), compare_units);
    for (uint64_t i = 0; i < u->count; i++) {
        if (kept == 0 || u->far[kept - 1] != u->far[i])
            u->far[kept++] = u->far[i];
    }
    u->count = kept;
}

static enum status units_add(struct arena *a, struct units *u, uint64_t unit)
{
    if (unit < LIMIT_NEAR_UNITS)
        return unit_map_fill(&u->near, unit, 1, 1);
    if (u->count == u->cap) {
        sort_far(u); /* all entries may name one place; one that stays half empty is not sorted again soon */
        if (u->count >= u->cap / 2 && !arena_grow(a, (void **)&u->far, &u->cap, u->cap, sizeof(*u->far)))
            return arena_status(a);
    }
    u->far[u->count++] = unit;
    return STATUS_OK;
}

/* True when a member lies in [from, to). */
static bool units_any(const struct units *u, uint64_t from, uint64_t to)
{
    uint64_t lo = 0, hi = u->count, found;
    if (unit_map_first(&u->near, from, u64_min(to, LIMIT_NEAR_UNITS), &found))
        return true;
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (u->far[mid] < from)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < u->count && u->far[lo] < to;
}

static struct contested *create(const struct view *v)
{
    struct contested *c = arena_alloc(v->arena, sizeof(*c));
    if (!c)
        return NULL;
    c->block_units = v->geometry.block_size / MIB;
    for (unsigned i = 0; i < CONTESTS; i++)
        c->sets[i].near = unit_map_in(v->arena, LIMIT_NEAR_UNITS);
    return c;
}

static enum status add(struct finder *f, enum contest set, uint64_t off)
{
    if (!f->found)
        f->found = create(f->view);
    if (!f->found)
        return arena_status(f->view->arena);
    return units_add(f->view->arena, &f->found->sets[set], off / MIB);
}

static bool note(void *ctx, const struct bat_note *n)
{
    const unsigned hits = BAT_FACT_HITS_LOG | BAT_FACT_HITS_REGION | BAT_FACT_SAME_PAYLOAD | BAT_FACT_PARTIAL_PAYLOAD |
                          BAT_FACT_HITS_BITMAP;
    struct finder *f = ctx;
    if (!n->owns ||
        (n->slot.is_bitmap && !f->view->geometry.differencing)) /* without parent such a slot means nothing */
        return true;
    if (n->facts & hits)
        f->st = add(f, n->slot.is_bitmap ? CONTEST_BITMAP : n->anchor ? CONTEST_ANCHOR_BLOCK : CONTEST_BLOCK, n->off);
    if (n->facts & BAT_FACT_HITS_ANCHOR && f->st == STATUS_OK)
        f->st = add(f, n->slot.is_bitmap ? CONTEST_ANCHOR_BITMAP : CONTEST_ANCHOR_BLOCK, n->off);
    return f->st == STATUS_OK;
}

enum status contested_find(struct view *v, struct contested **ret)
{
    struct finder f = {.view = v};
    enum status st = bat_visit_notable(v, note, &f);
    if (st == STATUS_OK)
        st = f.st;
    if (st != STATUS_OK)
        return st;
    for (unsigned i = 0; f.found && i < CONTESTS; i++)
        sort_far(&f.found->sets[i]);
    *ret = f.found;
    return STATUS_OK;
}

/* The lowest unit from which a block reaches `unit`. */
static uint64_t reach_from(const struct contested *c, uint64_t unit)
{
    return unit < c->block_units ? 0 : unit - (c->block_units - 1);
}

bool contested_payload(const struct contested *c, uint64_t off)
{
    uint64_t unit = off / MIB;
    return c && (units_any(&c->sets[CONTEST_BLOCK], reach_from(c, unit), unit + c->block_units) ||
                 units_any(&c->sets[CONTEST_BITMAP], unit, unit + c->block_units));
}

bool contested_bitmap(const struct contested *c, uint64_t off)
{
    uint64_t unit = off / MIB;
    return c && (units_any(&c->sets[CONTEST_BLOCK], reach_from(c, unit), unit + 1) ||
                 units_any(&c->sets[CONTEST_BITMAP], unit, unit + 1));
}

bool contested_anchor(const struct contested *c, uint64_t off)
{
    uint64_t unit = off / MIB;
    return c && (contested_payload(c, off) ||
                 units_any(&c->sets[CONTEST_ANCHOR_BLOCK], reach_from(c, unit), unit + c->block_units) ||
                 units_any(&c->sets[CONTEST_ANCHOR_BITMAP], unit, unit + c->block_units));
}
