/* SPDX-License-Identifier: MIT */
/*
 * Handing out BAT entries after the survey: the notable ones with their facts, raw ones by index, and the differences
 * between two views. The survey marked the windows that hold anything notable, so a visit costs nothing elsewhere; what
 * entries say by themselves is worked out again, overlaps come from the survey's table.
 */
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "image/bat_facts.h"
#include "image/bat_stream.h"
#include "image/bat_walk.h"
#include "image/overlap_table.h"

static struct extent rival_extent(const struct view *v, const struct rival *r)
{
    static const enum owner_kind owners[CLAIM_KINDS] = {OWNER_PAYLOAD, OWNER_ANCHOR, OWNER_BITMAP};
    uint64_t len = r->kind == CLAIM_BITMAP ? BITMAP_BLOCK_LEN : v->geometry.block_size, start = r->unit * MIB;
    return (struct extent){.start = start, .end = u64_add_sat(start, len), .kind = owners[r->kind], .ref = r->owner};
}

static void add_overlaps(const struct view *v, struct bat_note *n)
{
    unsigned kinds = overlap_table_kinds(v->overlaps, n->index);
    n->facts |= kinds * (unsigned)BAT_FACT_SAME_PAYLOAD;
    for (unsigned k = 0; k < OVERLAP_KINDS; k++) {
        const struct rival *r =
            kinds & 1u << k ? overlap_table_rival(v->overlaps, n->index, (enum overlap_kind)k) : NULL;
        if (r && r->owner != CLAIM_OWNER_UNKNOWN)
            n->others[BAT_OTHERS - OVERLAP_KINDS + k] = rival_extent(v, r);
    }
}

static void choose_other(struct bat_note *n)
{
    unsigned hits = n->facts >> BAT_OTHERS_SHIFT & ((1u << BAT_OTHERS) - 1);
    if (hits)
        n->other = n->others[__builtin_ctz(hits)];
}

/* False when fn wants no more. */
static bool visit_window(struct view *v, const struct bat_window *w, bool (*fn)(void *ctx, const struct bat_note *n),
                         void *ctx)
{
    const struct geometry *g = &v->geometry;
    struct bat_note n;
    for (uint64_t i = 0; i < w->count; i++) {
        uint64_t raw = bat_window_entry(w, i), index = w->first + i, at;
        struct bat_slot slot;
        bool inside;
        if (raw == 0)
            continue;
        slot = bat_slot_of_index(g, index);
        at = bat_index_of_bitmap(g, slot.chunk);
        inside = at >= w->first && at - w->first < w->count;
        bat_note_fill(v, index, slot, raw, inside && bat_bitmap_usable(v, bat_window_entry(w, at - w->first)), &n);
        if (n.facts & BAT_FACT_NO_BITMAP && inside)
            n.bitmap_raw = bat_window_entry(w, at - w->first);
        add_overlaps(v, &n);
        choose_other(&n);
        if (n.facts && !fn(ctx, &n))
            return false;
    }
    return true;
}

static enum status visit_range(struct view *v, uint64_t first, uint64_t end,
                               bool (*fn)(void *ctx, const struct bat_note *n), void *ctx, bool *ret_stopped)
{
    struct bat_stream s;
    struct bat_window w = {.count = 0};
    enum status st = bat_stream_open(v, first, end, &s);
    if (st != STATUS_OK)
        return st;
    while (s.next < s.end && !*ret_stopped) {
        if (!overlap_table_marked(v->overlaps, s.next)) {
            bat_stream_skip_to(&s, s.next + s.window_entries);
            continue;
        }
        st = bat_stream_next(&s, &w);
        if (st != STATUS_OK || w.count == 0)
            break;
        *ret_stopped = !visit_window(v, &w, fn, ctx);
    }
    bat_stream_close(&s);
    return st;
}

enum status bat_visit_notable(struct view *v, bool (*fn)(void *ctx, const struct bat_note *n), void *ctx)
{
    bool stopped = false;
    enum status st;
    if (!v->survey || v->survey->notable == 0)
        return STATUS_OK;
    st = visit_range(v, 0, v->bat.walk_entries, fn, ctx, &stopped);
    if (st == STATUS_OK && !stopped && v->bat.slots > v->geometry.entries)
        st = visit_range(v, v->geometry.entries, v->bat.slots, fn, ctx, &stopped);
    return st;
}

enum status bat_reader_open(struct view *v, struct bat_reader *ret)
{
    struct bat_reader r = {.view = v, .window = arena_alloc(v->arena, (size_t)LIMIT_WINDOW)};
    if (!r.window)
        return arena_status(v->arena);
    *ret = r;
    return STATUS_OK;
}

enum status bat_reader_get(struct bat_reader *r, uint64_t index, uint64_t *ret_entry)
{
    struct view *v = r->view;
    const uint64_t per_window = LIMIT_WINDOW / BAT_ENTRY_LEN;
    if (index >= v->bat.slots)
        return STATUS_RANGE;
    if (index < r->window_first || index - r->window_first >= r->window_count) {
        uint64_t first = index - index % per_window, count = u64_min(per_window, v->bat.slots - first);
        enum status st =
            source_read(v->src, v->bat.off + first * BAT_ENTRY_LEN, r->window, (size_t)(count * BAT_ENTRY_LEN));
        if (st != STATUS_OK) {
            r->window_count = 0;
            view_note_io_error(v);
            return st;
        }
        r->window_first = first;
        r->window_count = count;
    }
    *ret_entry = le64(r->window + (index - r->window_first) * BAT_ENTRY_LEN);
    return STATUS_OK;
}

/* ---- two views ---- */

/* The window of a stream at entry `index`, whose other windows are holes; count 0 when there it is a hole as well. */
struct compare_side {
    struct bat_stream stream;
    struct bat_window window; /* the next one that is no hole */
};

static enum status side_advance(struct compare_side *side)
{
    return bat_stream_next(&side->stream, &side->window);
}

static uint64_t side_entry(const struct compare_side *side, uint64_t index)
{
    const struct bat_window *w = &side->window;
    return index >= w->first && index - w->first < w->count ? bat_window_entry(w, index - w->first) : 0;
}

static bool compare_windows(struct compare_side sides[2], uint64_t first, uint64_t end,
                            bool (*fn)(void *ctx, struct bat_change c), void *ctx)
{
    const struct bat_window *a = &sides[0].window, *b = &sides[1].window;
    if (a->count > 0 && a->first == b->first && a->count == b->count &&
        memcmp(a->bytes, b->bytes, (size_t)(a->count * BAT_ENTRY_LEN)) == 0)
        return true;
    for (uint64_t i = first; i < end; i++) {
        struct bat_change c = {.index = i, .stored = side_entry(&sides[0], i), .replayed = side_entry(&sides[1], i)};
        if (c.stored != c.replayed && !fn(ctx, c))
            return false;
    }
    return true;
}

static enum status compare_sides(struct compare_side sides[2], bool (*fn)(void *ctx, struct bat_change c), void *ctx)
{
    enum status st = side_advance(&sides[0]);
    if (st == STATUS_OK)
        st = side_advance(&sides[1]);
    while (st == STATUS_OK && (sides[0].window.count > 0 || sides[1].window.count > 0)) {
        uint64_t first = UINT64_MAX, end = 0;
        for (unsigned i = 0; i < 2; i++) {
            if (sides[i].window.count > 0 && sides[i].window.first < first) {
                first = sides[i].window.first;
                end = first + sides[i].window.count;
            }
        }
        if (!compare_windows(sides, first, end, fn, ctx))
            return STATUS_OK;
        for (unsigned i = 0; i < 2 && st == STATUS_OK; i++) {
            if (sides[i].window.count > 0 && sides[i].window.first == first)
                st = side_advance(&sides[i]);
        }
    }
    return st;
}

enum status bat_compare(struct view *stored, struct view *replayed, bool (*fn)(void *ctx, struct bat_change c),
                        void *ctx)
{
    struct compare_side sides[2] = {{.window = {.count = 0}}, {.window = {.count = 0}}};
    uint64_t end = u64_min(stored->bat.walk_entries, replayed->bat.walk_entries);
    enum status st;
    if (stored->bat.absence != ABSENT_NOT || replayed->bat.absence != ABSENT_NOT ||
        stored->bat.off != replayed->bat.off || stored->geometry.entries != replayed->geometry.entries ||
        stored->geometry.chunk_ratio != replayed->geometry.chunk_ratio)
        return STATUS_OK;
    st = bat_stream_open(stored, 0, end, &sides[0].stream);
    if (st != STATUS_OK)
        return st;
    st = bat_stream_open(replayed, 0, end, &sides[1].stream);
    if (st == STATUS_OK) {
        st = compare_sides(sides, fn, ctx);
        bat_stream_close(&sides[1].stream);
    }
    bat_stream_close(&sides[0].stream);
    return st;
}
