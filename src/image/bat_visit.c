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

enum {
    READER_ENTRIES = 8192, /* of a reader's window; at least */
    READER_GRID = 512,     /* it begins at a multiple of this: a step back costs no reading */
};

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

/* Which of the note's others there are, a bit each. */
static unsigned hits_of(const struct bat_note *n)
{
    return n->facts >> BAT_OTHERS_SHIFT & ((1u << BAT_OTHERS) - 1);
}

static void choose_other(struct bat_note *n)
{
    unsigned hits = hits_of(n);
    if (hits)
        n->other = n->others[__builtin_ctz(hits)];
}

/* Nothing is left of the note before. */
static void forget_others(struct bat_note *n)
{
    for (unsigned hits = hits_of(n); hits; hits &= hits - 1)
        n->others[__builtin_ctz(hits)] = n->other = (struct extent){.kind = OWNER_NONE};
}

/* False when fn wants no more. */
static bool visit_window(struct view *v, const struct bat_window *w, bool (*fn)(void *ctx, const struct bat_note *n),
                         void *ctx)
{
    const struct geometry *g = &v->geometry;
    struct bat_note n = {.facts = 0};
    for (uint64_t i = bat_window_find(w, 0); i < w->count; i = bat_window_find(w, i + 1)) {
        uint64_t raw = bat_window_entry(w, i), index = w->first + i;
        const struct bat_slot slot = bat_slot_of_index(g, index);
        uint64_t at = bat_index_of_bitmap(g, slot.chunk);
        bool inside = at - w->first < w->count; /* it follows its blocks */
        forget_others(&n);
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
    enum status st = STATUS_OK;
    bat_stream_open(v, first, end, &s);
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
    *ret = (struct bat_reader){.view = v};
    return STATUS_OK;
}

void bat_reader_close(struct bat_reader *r)
{
    if (r->window)
        arena_release(r->view->arena, r->window);
    *r = (struct bat_reader){.view = r->view};
}

/* Room for count entries. Twice as much each time, for small windows may be many. */
static enum status reader_reserve(struct bat_reader *r, uint64_t count)
{
    struct arena *a = r->view->arena;
    uint64_t room = u64_min(u64_max(count, 2 * r->room), READER_ENTRIES);
    if (count <= r->room)
        return STATUS_OK;
    bat_reader_close(r);
    r->window = arena_array(a, room, BAT_ENTRY_LEN);
    if (!r->window)
        return arena_status(a);
    r->room = room;
    return STATUS_OK;
}

/* Makes the window one that holds index < slots: a hole from there on, or the data around it. */
static enum status reader_load(struct bat_reader *r, uint64_t index)
{
    struct view *v = r->view;
    uint64_t off = v->bat.off + index * BAT_ENTRY_LEN, data = off, hole = v->src->size;
    enum status st = source_next_data(v->src, off, &data, &hole);
    r->window_count = 0;
    if (st == STATUS_IO) /* reading will tell */
        data = off;
    else if (st != STATUS_OK)
        return st;
    if (data - off >= BAT_ENTRY_LEN) {
        r->window_first = index;
        r->window_count = u64_min((data - off) / BAT_ENTRY_LEN, v->bat.slots - index);
        r->zeros = true;
        return STATUS_OK;
    }
    uint64_t first = index - index % READER_GRID,
             end = u64_min(u64_div_up(hole - v->bat.off, BAT_ENTRY_LEN), v->bat.slots);
    uint64_t count = u64_min(u64_max(end, index + 1) - first, READER_ENTRIES);
    st = reader_reserve(r, count);
    if (st == STATUS_OK)
        st = source_read(v->src, v->bat.off + first * BAT_ENTRY_LEN, r->window, (size_t)(count * BAT_ENTRY_LEN));
    if (st != STATUS_OK)
        return st;
    r->window_first = first;
    r->window_count = count;
    r->zeros = false;
    return STATUS_OK;
}

static bool reader_holds(const struct bat_reader *r, uint64_t index)
{
    return index >= r->window_first && index - r->window_first < r->window_count;
}

enum status bat_reader_get(struct bat_reader *r, uint64_t index, uint64_t *ret_entry)
{
    if (index >= r->view->bat.slots)
        return STATUS_RANGE;
    if (!reader_holds(r, index)) {
        enum status st = reader_load(r, index);
        if (st != STATUS_OK) {
            r->window_count = 0;
            if (st == STATUS_IO) /* else a limit was reached */
                view_note_io_error(r->view);
            return st;
        }
    }
    *ret_entry = r->zeros ? 0 : le64(r->window + (index - r->window_first) * BAT_ENTRY_LEN);
    return STATUS_OK;
}

enum status bat_reader_find(struct bat_reader *r, uint64_t index, uint64_t end, uint64_t *ret_index,
                            uint64_t *ret_entry)
{
    for (; index < end; index = r->window_first + r->window_count) {
        uint64_t entry = 0;
        enum status st = bat_reader_get(r, index, &entry);
        if (st != STATUS_OK)
            return st;
        if (r->zeros)
            continue;
        size_t at = (size_t)((index - r->window_first) * BAT_ENTRY_LEN),
               len = (size_t)(r->window_count * BAT_ENTRY_LEN);
        size_t set = span_find_nonzero(span_of(r->window, len), at) / BAT_ENTRY_LEN;
        if (set < r->window_count && r->window_first + set < end) {
            *ret_index = r->window_first + set;
            *ret_entry = le64(r->window + set * BAT_ENTRY_LEN);
            return STATUS_OK;
        }
    }
    *ret_index = end;
    *ret_entry = 0;
    return STATUS_OK;
}

/* ---- two views ---- */

/* One of the two BATs; between its windows entries are zero. */
struct compare_side {
    struct bat_stream stream;
    struct bat_window window; /* count 0: no more of them */
};

static const uint8_t *side_at(const struct compare_side *side, uint64_t index)
{
    const struct bat_window *w = &side->window;
    return index >= w->first && index - w->first < w->count ? w->bytes + (index - w->first) * BAT_ENTRY_LEN : NULL;
}

/* Entries [first, end), which each side has in its window or between its windows. */
static bool compare_stretch(const struct compare_side sides[2], uint64_t first, uint64_t end,
                            bool (*fn)(void *ctx, struct bat_change c), void *ctx)
{
    const uint8_t *a = side_at(&sides[0], first), *b = side_at(&sides[1], first);
    if (a && b && memcmp(a, b, (size_t)((end - first) * BAT_ENTRY_LEN)) == 0)
        return true;
    for (uint64_t i = 0; i < end - first; i++) {
        struct bat_change c = {
            .index = first + i,
            .stored = a ? le64(a + i * BAT_ENTRY_LEN) : 0,
            .replayed = b ? le64(b + i * BAT_ENTRY_LEN) : 0,
        };
        if (c.stored != c.replayed && !fn(ctx, c))
            return false;
    }
    return true;
}

/* The first entry from pos on that a window of this side has; UINT64_MAX: none. */
static enum status side_advance(struct compare_side *side, uint64_t pos, uint64_t *ret_first)
{
    struct bat_window *w = &side->window;
    if (w->first + w->count <= pos) {
        enum status st = bat_stream_next(&side->stream, w);
        if (st != STATUS_OK)
            return st;
    }
    *ret_first = w->count > 0 ? u64_max(w->first, pos) : UINT64_MAX;
    return STATUS_OK;
}

/* Where the side's window that has entry `first`, or the room in front of it, ends. */
static uint64_t side_end(const struct compare_side *side, uint64_t first)
{
    const struct bat_window *w = &side->window;
    if (w->count == 0)
        return UINT64_MAX;
    return w->first > first ? w->first : w->first + w->count;
}

/* Windows of the two sides need not begin or end alike: stretches end where any of them does. */
static enum status compare_sides(struct compare_side sides[2], bool (*fn)(void *ctx, struct bat_change c), void *ctx)
{
    for (uint64_t pos = 0;;) {
        uint64_t first, other;
        enum status st = side_advance(&sides[0], pos, &first);
        if (st == STATUS_OK)
            st = side_advance(&sides[1], pos, &other);
        if (st != STATUS_OK)
            return st;
        first = u64_min(first, other);
        if (first == UINT64_MAX)
            return STATUS_OK;
        uint64_t end = u64_min(side_end(&sides[0], first), side_end(&sides[1], first));
        if (!compare_stretch(sides, first, end, fn, ctx))
            return STATUS_OK;
        pos = end;
    }
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
    bat_stream_open(stored, 0, end, &sides[0].stream);
    bat_stream_open(replayed, 0, end, &sides[1].stream);
    st = compare_sides(sides, fn, ctx);
    bat_stream_close(&sides[1].stream);
    bat_stream_close(&sides[0].stream);
    return st;
}
