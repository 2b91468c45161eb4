/* SPDX-License-Identifier: MIT */
/*
 * Who owns what, by the model. Two passes over the BAT, in its own order: the first marks the units of blocks in use
 * and of soft anchors, so that what the scan saw data in and nobody owns is left over; the second tells the things
 * found, orphans on old places of blocks among them, which block they lie in. Units are marked once, so the work is
 * bounded by the file however blocks overlap.
 */
#include <stdlib.h>

#include "base/checked.h"
#include "base/limits.h"
#include "carve/parts.h"
#include "image/bat_stream.h"
#include "image/claims.h"

/* ---- passes over the BAT ---- */

struct placed {
    uint64_t first, end; /* units, below c->units */
    uint64_t off, block;
    bool anchor;
};

/* Calls fn for each payload block and anchor that has a place in what is looked at. */
static enum status each_block(struct carver *c, struct view *v, enum status (*fn)(void *ctx, const struct placed *b),
                              void *ctx)
{
    const struct geometry *g = &v->geometry;
    struct bat_stream s;
    struct bat_window w;
    enum status st;

    bat_stream_open(v, 0, v->bat.walk_entries, &s);
    for (st = bat_stream_next(&s, &w); st == STATUS_OK && w.count > 0; st = bat_stream_next(&s, &w)) {
        for (uint64_t i = 0; i < w.count && st == STATUS_OK; i++) {
            uint64_t raw = bat_window_entry(&w, i), off = bat_entry_off(raw);
            enum claim_kind kind;
            if (off == 0 || off / MIB >= c->units)
                continue;
            struct bat_slot slot = bat_slot_of_index(g, w.first + i);
            if (slot.is_bitmap || slot.block >= g->payload_blocks || !claim_of_entry(g, false, raw, &kind))
                continue;
            const struct placed b = {.first = off / MIB,
                                     .end = u64_min(off / MIB + g->block_size / MIB, c->units),
                                     .off = off,
                                     .block = slot.block,
                                     .anchor = kind == CLAIM_ANCHOR};
            st = fn(ctx, &b);
        }
        if (st != STATUS_OK)
            break;
    }
    bat_stream_close(&s);
    return st;
}

static enum status mark_block(void *ctx, const struct placed *b)
{
    struct carver *c = ctx;
    return unit_map_fill(b->anchor ? &c->anchors : &c->live, b->first, b->end - b->first, 1);
}

enum status carve_live(struct carver *c, struct view *v)
{
    if (c->live_known)
        return STATUS_OK;
    c->live_known = true;
    return each_block(c, v, mark_block, c);
}

/* ---- orphans ---- */

struct orphan_run {
    uint64_t first, end; /* units */
    const struct mark *mark;
    bool anchored;
};

static enum status add_orphan(struct carver *c, const struct orphan_run *r)
{
    struct carve_item *item = NULL;
    void *description = NULL;
    uint64_t off = r->first * MIB, end = u64_min(r->end * MIB, c->file->size);

    enum status st = carver_add(c, CARVE_ORPHAN, off, end - off, sizeof(struct carved_orphan), &item, &description);
    if (description == NULL)
        return st;
    struct carved_orphan *orphan = description;
    if (r->mark != NULL)
        *orphan = (struct carved_orphan){.known = true, .content = r->mark->content};
    item->u.orphan = orphan;
    return STATUS_OK;
}

/* A run ends where data ends, where somebody owns the next unit, and where that begins like something known. */
static enum status find_orphans(struct carver *c, const struct unit_map *fixed)
{
    struct orphan_run run = {.end = 0};
    uint64_t unit = 0, mark = 0;
    enum status st = STATUS_OK;

    while (st == STATUS_OK && unit_map_first(&c->content, unit, c->units, &unit)) {
        bool owned = unit_map_test(&c->live, unit) || unit_map_test(fixed, unit) || unit_map_test(&c->structures, unit);
        bool anchored = unit_map_test(&c->anchors, unit);
        while (mark < c->mark_count && c->marks[mark].unit < unit)
            mark++;
        const struct mark *m = mark < c->mark_count && c->marks[mark].unit == unit ? &c->marks[mark] : NULL;
        if (run.end > 0 && (owned || m != NULL || run.end != unit || run.anchored != anchored)) {
            st = add_orphan(c, &run);
            run.end = 0;
        }
        if (!owned) {
            if (run.end == 0)
                run = (struct orphan_run){.first = unit, .mark = m, .anchored = anchored};
            run.end = unit + 1;
        }
        unit++;
    }
    return st == STATUS_OK && run.end > 0 ? add_orphan(c, &run) : st;
}

/* ---- owners of items ---- */

struct owners {
    struct carver *c;
    struct carve_item **places; /* items by offset */
    uint64_t place_count;
    struct unit_map told[2]; /* units whose items know their block: in use, anchor */
};

static int compare_places(const void *a, const void *b)
{
    const struct carve_item *x = *(struct carve_item *const *)a, *y = *(struct carve_item *const *)b;
    return u64_compare(x->off, y->off);
}

/* Items in [from, to) of the file lie in block b. A block in use counts more than an old place. */
static void tell_items(const struct owners *o, const struct placed *b, uint64_t block_size, uint64_t from, uint64_t to)
{
    uint64_t low = 0, high = o->place_count;
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (o->places[mid]->off < from)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < o->place_count && o->places[low]->off < to; low++) {
        struct carve_item *item = o->places[low];
        if (item->owner != OWNER_NONE && item->owner != OWNER_ANCHOR)
            continue;
        item->owner = b->anchor ? OWNER_ANCHOR : OWNER_PAYLOAD;
        item->block = b->block + (item->off - b->off) / block_size;
    }
}

static enum status tell_block(void *ctx, const struct placed *b)
{
    struct owners *o = ctx;
    struct unit_map *told = &o->told[b->anchor];
    enum status st = STATUS_OK;
    for (uint64_t unit = b->first; unit < b->end && st == STATUS_OK; unit++) {
        if (unit_map_test(told, unit) || !unit_map_test(&o->c->content, unit))
            continue;
        tell_items(o, b, o->c->out->view->geometry.block_size, unit * MIB, (unit + 1) * MIB);
        st = unit_map_fill(told, unit, 1, 1);
    }
    return st;
}

/* Whether any of them lies in a block at all: else there is nothing to tell. */
static bool sort_places(struct owners *o)
{
    const struct carver *c = o->c;
    bool any = false;
    for (uint64_t i = 0; i < c->out->item_count; i++) {
        uint64_t unit = c->out->items[i].off / MIB;
        any = any || unit_map_test(&c->live, unit) || unit_map_test(&c->anchors, unit);
        o->places[o->place_count++] = &c->out->items[i];
    }
    if (any)
        qsort(o->places, (size_t)o->place_count, sizeof(struct carve_item *), compare_places);
    return any;
}

static enum status tell_owners(struct carver *c, struct view *v)
{
    struct owners o = {.c = c,
                       .told = {unit_map_in(c->arena, LIMIT_CARVED_UNITS), unit_map_in(c->arena, LIMIT_CARVED_UNITS)}};

    for (uint64_t i = 0; i < c->out->item_count; i++) {
        const struct extent *e = layout_map_fixed_at(v->layout, c->out->items[i].off, 1);
        if (e != NULL)
            c->out->items[i].owner = e->kind;
    }
    if (c->out->model == CARVE_MODEL_NONE)
        return STATUS_OK;
    o.places = arena_array(c->arena, c->out->item_count, sizeof(struct carve_item *));
    if (o.places == NULL)
        return arena_status(c->arena);
    return sort_places(&o) ? each_block(c, v, tell_block, &o) : STATUS_OK;
}

enum status carve_owners(struct carver *c)
{
    struct view *v = c->out->view != NULL ? c->out->view : c->img->main;
    struct unit_map fixed = unit_map_in(c->arena, LIMIT_CARVED_UNITS);
    enum status st = STATUS_OK;

    for (uint64_t i = 0; i < layout_map_fixed_count(v->layout) && st == STATUS_OK; i++) {
        const struct extent *e = layout_map_fixed(v->layout, i);
        uint64_t first = e->start / MIB, end = u64_min(u64_div_up(e->end, MIB), c->units);
        if (first < end)
            st = unit_map_fill(&fixed, first, end - first, 1);
    }
    if (st == STATUS_OK && c->out->model != CARVE_MODEL_NONE)
        st = carve_live(c, v);
    if (st == STATUS_OK)
        st = find_orphans(c, &fixed);
    return st == STATUS_OK ? tell_owners(c, v) : st;
}
