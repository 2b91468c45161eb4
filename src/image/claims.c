/* SPDX-License-Identifier: MIT */
/*
 * The search for overlaps. A claim at unit u of length n meets a claim at unit v of length m exactly when
 * u - m < v < u + n, so "who is in my way" is a look for the lowest bit in a short range of a map. Since entries are
 * judged in BAT order before they are added, what is found was claimed by an earlier entry.
 *
 * The two ways to judge, by bits and by a list of far claims, must agree: both name for each kind of overlap the rival
 * with the lowest unit, and among claims on one unit the kind that comes first in enum claim_kind.
 */
#include "image/claims.h"

#include "base/checked.h"
#include "base/limits.h"

struct claims *claims_create(struct arena *a, uint64_t block_units)
{
    struct claims *c = arena_alloc(a, sizeof(*c));
    if (!c)
        return NULL;
    c->arena = a;
    c->block_units = block_units;
    /* Claims up to one block above the limit are in the map as well, as neighbours of those below it. */
    for (unsigned k = 0; k < CLAIM_KINDS; k++)
        c->near[k] = unit_map_in(a, LIMIT_NEAR_UNITS + block_units);
    c->far = far_claims_in(a, LIMIT_NEAR_UNITS - block_units, LIMIT_FAR_CLAIMS);
    return c;
}

bool claim_of_entry(const struct geometry *g, bool is_bitmap, uint64_t raw, enum claim_kind *ret)
{
    unsigned state = bat_entry_state(raw);
    if (bat_entry_off(raw) == 0)
        return false;
    if (is_bitmap) {
        *ret = CLAIM_BITMAP;
        return state == BITMAP_PRESENT && g->differencing;
    }
    *ret = state >= PAYLOAD_FULLY_PRESENT ? CLAIM_LIVE : CLAIM_ANCHOR;
    return state >= PAYLOAD_FULLY_PRESENT || state == PAYLOAD_UNDEFINED || state == PAYLOAD_UNMAPPED;
}

static uint64_t claim_len(const struct claims *c, enum claim_kind kind)
{
    return kind == CLAIM_BITMAP ? 1 : c->block_units;
}

/* The lowest unit that a claim of length len can have and still reach into `unit`. */
static uint64_t reach_from(uint64_t unit, uint64_t len)
{
    return unit < len ? 0 : unit - (len - 1);
}

static enum overlap_kind relation(enum claim_kind mine, enum claim_kind theirs, bool same_unit)
{
    if (mine == CLAIM_ANCHOR || theirs == CLAIM_ANCHOR)
        return OVERLAP_ANCHOR;
    if (mine == CLAIM_BITMAP || theirs == CLAIM_BITMAP)
        return OVERLAP_BITMAP;
    return same_unit ? OVERLAP_SAME : OVERLAP_PARTIAL;
}

static void note_rival(struct overlap *o, enum overlap_kind kind, struct rival r)
{
    if (!(o->kinds & 1u << kind) || r.unit < o->rivals[kind].unit)
        o->rivals[kind] = r;
    o->kinds |= 1u << kind;
}

static void judge_near_kind(const struct claims *c, enum claim_kind mine, uint64_t unit, enum claim_kind theirs,
                            struct overlap *ret)
{
    const struct unit_map *m = &c->near[theirs];
    uint64_t low = reach_from(unit, claim_len(c, theirs)), high = unit + claim_len(c, mine), found;
    struct rival r = {.kind = theirs, .unit = unit, .owner = CLAIM_OWNER_UNKNOWN};
    if (unit_map_test(m, unit))
        note_rival(ret, relation(mine, theirs, true), r);
    if (unit_map_first(m, low, unit, &found) || unit_map_first(m, unit + 1, high, &found)) {
        r.unit = found;
        note_rival(ret, relation(mine, theirs, false), r);
    }
}

struct claims_quick claims_quick_open(const struct claims *c)
{
    struct claims_quick q = {.margin = c->block_units - 1};
    if (c->near[CLAIM_ANCHOR].pages || c->near[CLAIM_BITMAP].pages || c->block_units > 16)
        return q;
    q.pages = c->near[CLAIM_LIVE].pages;
    q.flat = c->near[CLAIM_LIVE].flat;
    q.near = ((uint64_t)2 << 2 * q.margin) - 1;
    q.limit = u64_min(LIMIT_NEAR_UNITS - 2 * c->block_units, c->near[CLAIM_LIVE].page_count << UNIT_PAGE_SHIFT);
    return q;
}

void claims_quick_close(struct claims *c, uint64_t end_unit)
{
    unit_map_flatten(&c->near[CLAIM_LIVE]);
    c->end_unit = u64_max(c->end_unit, end_unit);
}

void claims_judge(const struct claims *c, enum claim_kind kind, uint64_t unit, struct overlap *ret)
{
    ret->kinds = 0;
    for (unsigned k = 0; k < CLAIM_KINDS; k++) {
        if (c->near[k].pages)
            judge_near_kind(c, kind, unit, (enum claim_kind)k, ret);
    }
}

void claims_judge_far(const struct claims *c, const struct far_claims *far, enum claim_kind kind, uint64_t unit,
                      uint64_t before_index, struct overlap *ret)
{
    uint64_t end = unit + claim_len(c, kind);
    ret->kinds = 0;
    for (uint64_t i = far_claims_lower(far, reach_from(unit, c->block_units) << 2); i < far->count; i++) {
        struct far_claim f = far->items[i];
        uint64_t owner = f.index & ~FAR_CLAIM_SHARED;
        struct rival r = {.kind = (enum claim_kind)(f.key & 3), .unit = f.key >> 2, .owner = owner};
        if (r.unit >= end)
            break;
        if (r.unit + claim_len(c, r.kind) > unit && owner < before_index)
            note_rival(ret, relation(kind, r.kind, r.unit == unit), r);
    }
}

bool claims_run_is_free(const struct claims *c, uint64_t unit, uint64_t count)
{
    uint64_t end = unit + count * c->block_units, found;
    if (end > LIMIT_NEAR_UNITS - c->block_units)
        return false;
    for (unsigned k = 0; k < CLAIM_KINDS; k++) {
        const struct unit_map *m = &c->near[k];
        if (m->pages && unit_map_first(m, reach_from(unit, claim_len(c, (enum claim_kind)k)), end, &found))
            return false;
    }
    return true;
}

enum status claims_add_run(struct claims *c, uint64_t unit, uint64_t count)
{
    c->end_unit = u64_max(c->end_unit, unit + count * c->block_units);
    return unit_map_fill(&c->near[CLAIM_LIVE], unit, count, c->block_units);
}

enum status claims_add(struct claims *c, enum claim_kind kind, uint64_t unit, uint64_t index)
{
    enum status st = STATUS_OK;
    c->end_unit = u64_max(c->end_unit, unit + claim_len(c, kind));
    c->far_count += unit >= LIMIT_NEAR_UNITS;
    if (unit < LIMIT_NEAR_UNITS + c->block_units)
        st = unit_map_fill(&c->near[kind], unit, 1, 1);
    if (unit >= c->far.from && !c->far_failed && far_claims_add(&c->far, unit << 2 | kind, index) != STATUS_OK) {
        c->far_failed = true;
        c->far.bound = c->far.from;
    }
    return st;
}

/* The first far claim that reaches into `from` or lies above it. */
static bool far_run(const struct claims *c, uint64_t from, uint64_t *ret_start, uint64_t *ret_end)
{
    const struct far_claims *f = &c->far;
    for (uint64_t i = far_claims_lower(f, reach_from(from, c->block_units) << 2); i < f->count; i++) {
        if ((f->items[i].key & 3) == CLAIM_BITMAP)
            continue;
        *ret_start = f->items[i].key >> 2;
        *ret_end = *ret_start + c->block_units;
        return true;
    }
    if (f->bound == UINT64_MAX || from >= c->end_unit)
        return false;
    *ret_start = u64_max(from, f->bound);
    *ret_end = c->end_unit;
    return true;
}

bool claims_any(const struct claims *c, uint64_t from, uint64_t to)
{
    uint64_t start, end, low = reach_from(from, c->block_units);
    return unit_map_first(&c->near[CLAIM_LIVE], low, to, &start) ||
           unit_map_first(&c->near[CLAIM_ANCHOR], low, to, &start) ||
           (to > c->far.from && far_run(c, from, &start, &end) && start < to);
}

bool claims_next_run(const struct claims *c, struct claims_position *p, uint64_t from, uint64_t *ret_start,
                     uint64_t *ret_end)
{
    uint64_t low = reach_from(from, c->block_units);
    const struct unit_map *first = NULL;
    for (unsigned k = CLAIM_LIVE; k <= CLAIM_ANCHOR; k++) {
        const struct unit_map *m = &c->near[k];
        if (!p->ended[k] && (!p->started[k] || p->start[k] < low)) /* else the next one is known: no second search */
            p->ended[k] = !unit_map_first(m, low, LIMIT_NEAR_UNITS, &p->start[k]);
        p->started[k] = true;
        if (!p->ended[k] && (!first || p->start[k] < *ret_start)) {
            first = m;
            *ret_start = p->start[k];
        }
    }
    if (!first)
        return far_run(c, from, ret_start, ret_end);
    *ret_end = unit_map_chain(first, *ret_start, c->block_units);
    return true;
}
