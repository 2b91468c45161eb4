/* SPDX-License-Identifier: MIT */
/*
 * The BAT survey and visit against a reference that compares every entry with every other one, on random small BATs
 * full of damage; and single cases, large BATs and budgets, where numbers are known beforehand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "faulty.h"
#include "image/bat_walk.h"

static uint64_t seed;

static uint64_t next_random(uint64_t below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (uint64_t)((unsigned __int128)(seed >> 8) * below >> 56);
}

static struct view *build_view(struct arena *a, struct source *src, const struct img *img)
{
    struct view *v = NULL;
    assert_int_equal(view_build(a, src, VIEW_STORED, img->log_off, img->log_len, &v), STATUS_OK);
    assert_int_equal(v->bat.absence, ABSENT_NOT);
    return v;
}

struct notes {
    struct bat_note *items;
    size_t count, cap, stop_after;
};

static bool collect(void *ctx, const struct bat_note *n)
{
    struct notes *l = ctx;
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->items = realloc(l->items, l->cap * sizeof(*l->items));
        assert_non_null(l->items);
    }
    l->items[l->count++] = *n;
    return l->count != l->stop_after;
}

static struct notes visit(struct view *v)
{
    struct notes l = {.count = 0};
    assert_int_equal(bat_visit_notable(v, collect, &l), STATUS_OK);
    assert_int_equal(l.count, v->survey->notable);
    return l;
}

/* ---- the reference ---- */

struct ref_entry {
    struct bat_note n;
    bool claims; /* takes part in overlaps as an owner */
};

enum { BEHIND = 6 }; /* slots after the last entry that random damage fills */

struct reference {
    const struct img *img;
    struct view *v;
    struct ref_entry *entries;
    uint64_t slots;
    struct bat_survey s;
};

static bool meet(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    return (unsigned __int128)a < (unsigned __int128)b + b_len && (unsigned __int128)b < (unsigned __int128)a + a_len;
}

static void ref_range(const struct reference *r, struct bat_note *n, uint64_t guest)
{
    uint64_t size = r->v->src->size, there = n->off >= size ? 0 : u64_min(size - n->off, n->len);
    if ((unsigned __int128)n->off + n->len > INT64_MAX)
        n->facts |= BAT_FACT_WRAPS;
    if (n->off >> 20 >= (uint64_t)1 << 28)
        n->facts |= BAT_FACT_FAR;
    if (there < guest)
        n->facts |= BAT_FACT_PAST_EOF;
    else if (there < n->len)
        n->facts |= BAT_FACT_CUT_TAIL;
    n->missing = there < guest ? guest - there : 0;
    if (meet(n->off, n->len, r->img->log_off, r->img->log_len)) {
        n->facts |= BAT_FACT_HITS_LOG;
        n->others[1] = (struct extent){r->img->log_off, r->img->log_off + r->img->log_len, OWNER_LOG, 0};
    }
    const struct region_copy *c = &r->v->regions[r->v->used_table];
    for (uint32_t i = 0; i < c->table.usable_count; i++) {
        const struct region_entry *e = &c->entries[i];
        struct extent x = {e->off, e->off + e->len, OWNER_REGION, i}, *best = &n->others[2];
        if (!meet(n->off, n->len, e->off, e->len))
            continue;
        if (!(n->facts & BAT_FACT_HITS_REGION) || x.start < best->start ||
            (x.start == best->start && x.end < best->end))
            *best = x;
        n->facts |= BAT_FACT_HITS_REGION;
    }
}

static void ref_single(struct reference *r, uint64_t index)
{
    const struct geometry *g = &r->v->geometry;
    struct ref_entry *e = &r->entries[index];
    uint64_t raw = img_bat_get(r->img, index), per = g->chunk_ratio + 1, off = raw & ~(uint64_t)0xfffff;
    uint64_t block = index / per * g->chunk_ratio + index % per;
    unsigned state = raw & 7;
    bool is_bitmap = index % per == g->chunk_ratio, diff = g->differencing;

    e->n = (struct bat_note){.index = index, .entry_off = r->v->bat.off + 8 * index, .raw = raw};
    e->n.slot = (struct bat_slot){is_bitmap, index / per, is_bitmap ? 0 : block};
    if (index >= g->entries || (!is_bitmap && block >= g->payload_blocks)) {
        e->n.facts = raw ? BAT_FACT_UNUSED_SLOT : 0;
        r->s.unused_nonzero += raw != 0;
        r->s.unused_with_offset += off != 0;
        r->s.unused_live += off != 0 && state >= 6;
        return;
    }
    if (raw & 0xffff8)
        e->n.facts |= BAT_FACT_RESERVED_BITS;
    if (is_bitmap) {
        r->s.bitmap_states[state]++;
        r->s.bitmaps_present += state == 6;
        r->s.bitmap_with_offset += off != 0;
        if (state != 6 && state != 0)
            e->n.facts |= BAT_FACT_STATE;
        if (state != 6 && off)
            e->n.facts |= BAT_FACT_IDLE_OFFSET;
        if (state == 6 && !diff)
            e->n.facts |= BAT_FACT_STATE;
        e->n.owns = state == 6;
    } else {
        r->s.states[state]++;
        e->n.guest_off = block * g->block_size;
        e->n.guest_len = u64_min(g->block_size, g->virtual_size - e->n.guest_off);
        if (state == 4 || state == 5 || (state == 7 && !diff))
            e->n.facts |= BAT_FACT_STATE;
        if ((state == 0 || state == 2) && off)
            e->n.facts |= BAT_FACT_IDLE_OFFSET;
        if (state == 7 && diff) {
            uint64_t bitmap = img_bat_get(r->img, (index / per + 1) * per - 1),
                     bitmap_off = bitmap & ~(uint64_t)0xfffff;
            if ((index / per + 1) * per - 1 >= r->v->bat.walk_entries || (bitmap & 7) != 6 || bitmap_off == 0 ||
                bitmap_off >= r->v->src->size)
                e->n.facts |= BAT_FACT_NO_BITMAP;
        }
        e->n.owns = state >= 6 || ((state == 1 || state == 3) && off);
        e->n.anchor = state < 6 && e->n.owns;
    }
    if (e->n.owns && off == 0) {
        e->n.owns = false;
        e->n.facts |= BAT_FACT_ZERO_OFFSET | BAT_FACT_HITS_HEADER;
        e->n.others[0] = (struct extent){0, MIB, OWNER_HEADER_SECTION, 0};
    }
    if (!e->n.owns)
        return;
    e->n.off = off;
    e->n.len = is_bitmap ? MIB : g->block_size;
    ref_range(r, &e->n, is_bitmap ? MIB : e->n.guest_len);
    e->claims = !is_bitmap || diff;
    r->s.anchors += e->n.anchor;
    if (e->claims)
        r->s.highest_end = u64_max(r->s.highest_end, u64_add_sat(off, e->n.len));
}

static enum owner_kind ref_owner(const struct bat_note *n)
{
    return n->slot.is_bitmap ? OWNER_BITMAP : n->anchor ? OWNER_ANCHOR : OWNER_PAYLOAD;
}

/* Live blocks before anchors before bitmaps, as among claims on one place. */
static unsigned ref_rank(const struct bat_note *n)
{
    return n->slot.is_bitmap ? 2 : n->anchor ? 1 : 0;
}

static void ref_pair(struct ref_entry *later, const struct ref_entry *earlier)
{
    struct bat_note *a = &later->n;
    const struct bat_note *b = &earlier->n;
    unsigned i = a->anchor || b->anchor ? 6 : a->slot.is_bitmap || b->slot.is_bitmap ? 5 : a->off == b->off ? 3 : 4;
    struct extent *best = &a->others[i];
    static const unsigned rank[] = {[OWNER_PAYLOAD] = 0, [OWNER_ANCHOR] = 1, [OWNER_BITMAP] = 2};
    if (!(a->facts & 1u << (i + 7)) || b->off < best->start ||
        (b->off == best->start && ref_rank(b) < rank[best->kind]))
        *best = (struct extent){b->off, u64_add_sat(b->off, b->len), ref_owner(b), b->index};
    a->facts |= 1u << (i + 7);
}

static void ref_allocations(struct reference *r)
{
    const struct geometry *g = &r->v->geometry;
    uint64_t last = 0, last_off = 0;
    for (uint64_t b = 0; b < g->payload_blocks; b++) {
        uint64_t index = b + b / g->chunk_ratio, raw = index < r->v->bat.walk_entries ? img_bat_get(r->img, index) : 0;
        uint64_t off = raw & ~(uint64_t)0xfffff;
        if ((raw & 7) < 6)
            continue;
        if (r->s.allocated_blocks == 0 || b != last + 1 || off != last_off + g->block_size)
            r->s.runs++;
        r->s.out_of_order += r->s.allocated_blocks > 0 && off < last_off;
        r->s.allocated_blocks++;
        last = b;
        last_off = off;
    }
    r->s.first_unallocated_trailing = r->s.allocated_blocks ? last + 1 : 0;
    r->s.allocated_bytes = r->s.allocated_blocks * g->block_size;
    r->s.all_in_order = r->s.runs == 1 && r->s.states[6] == g->payload_blocks;
    r->s.overlaps_checked = true;
}

static void ref_choose_other(struct bat_note *n)
{
    for (unsigned i = 0; i < BAT_OTHERS; i++) {
        if (n->facts & 1u << (i + 7)) {
            n->other = n->others[i];
            return;
        }
    }
}

static struct reference reference(const struct img *img, struct view *v)
{
    /* Slots behind the random part are zero. */
    struct reference r = {.img = img, .v = v, .slots = u64_min(v->bat.slots, v->geometry.entries + BEHIND)};
    uint64_t limit = r.slots;
    while (limit > 0 && img_bat_get(img, limit - 1) == 0)
        limit--;
    r.entries = calloc(r.slots, sizeof(*r.entries));
    assert_non_null(r.entries);
    for (uint64_t i = 0; i < r.slots; i++)
        ref_single(&r, i);
    for (uint64_t i = 0; i < limit; i++) {
        struct ref_entry *e = &r.entries[i];
        bool bogus = e->n.owns && !e->claims; /* PRESENT bitmap slot without parent: against all payload, later too */
        for (uint64_t k = 0; k < (bogus ? limit : i) && e->n.owns; k++) {
            if (r.entries[k].claims && meet(e->n.off, e->n.len, r.entries[k].n.off, r.entries[k].n.len))
                ref_pair(e, &r.entries[k]);
        }
    }
    for (uint64_t i = 0; i < r.slots; i++) {
        ref_choose_other(&r.entries[i].n);
        r.s.notable += r.entries[i].n.facts != 0;
    }
    ref_allocations(&r);
    return r;
}

static void compare_extent(const struct extent *a, const struct extent *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->start, b->start);
    assert_int_equal(a->end, b->end);
    assert_int_equal(a->ref, b->ref);
}

static void compare_note(const struct bat_note *a, const struct bat_note *b)
{
    assert_int_equal(a->index, b->index);
    assert_int_equal(a->facts, b->facts);
    assert_int_equal(a->entry_off, b->entry_off);
    assert_int_equal(a->raw, b->raw);
    assert_int_equal(a->slot.is_bitmap, b->slot.is_bitmap);
    assert_int_equal(a->slot.chunk, b->slot.chunk);
    assert_int_equal(a->slot.block, b->slot.block);
    assert_int_equal(a->owns, b->owns);
    assert_int_equal(a->anchor, b->anchor);
    assert_int_equal(a->off, b->off);
    assert_int_equal(a->len, b->len);
    assert_int_equal(a->missing, b->missing);
    assert_int_equal(a->guest_off, b->guest_off);
    assert_int_equal(a->guest_len, b->guest_len);
    compare_extent(&a->other, &b->other);
    for (unsigned i = 0; i < BAT_OTHERS; i++)
        compare_extent(&a->others[i], &b->others[i]);
}

static void compare_notes(const struct reference *ref)
{
    const struct reference r = *ref;
    struct notes l = visit(r.v);
    size_t at = 0;
    for (uint64_t i = 0; i < r.slots; i++) {
        if (r.entries[i].n.facts == 0)
            continue;
        assert_true(at < l.count);
        compare_note(&l.items[at++], &r.entries[i].n);
    }
    assert_int_equal(at, l.count);
    assert_memory_equal(&r.s, r.v->survey, sizeof(r.s));
    free(l.items);
}

/* Layout map against one flag per MiB, up to `units`. */
static bool mark_free(void *ctx, struct free_range r)
{
    uint8_t *units = ctx;
    assert_true(r.len > 0 && r.off % MIB == 0);
    for (uint64_t u = r.off / MIB; u < u64_div_up(r.off + r.len, MIB); u++) {
        assert_int_equal(units[u], 0);
        units[u] = 2;
    }
    if (r.off > 0)
        assert_int_equal(units[r.off / MIB - 1], 1); /* maximal */
    return true;
}

static void compare_layout(const struct reference *ref)
{
    const struct reference r = *ref;
    struct view *v = r.v;
    uint64_t size = v->src->size, units = u64_div_up(size, MIB);
    if (units > 1 << 14)
        return;
    uint8_t *owned = calloc(units + 1, 1), *payload = calloc(units + 1, 1);
    assert_true(owned && payload);
    for (uint64_t u = 0; u < units; u++) {
        owned[u] = layout_map_fixed_at(v->layout, u * MIB, MIB) != NULL;
        for (uint64_t i = 0; i < r.slots; i++) {
            const struct bat_note *n = &r.entries[i].n;
            if (n->len && r.entries[i].claims && meet(u * MIB, MIB, n->off, n->len)) {
                payload[u] |= !n->slot.is_bitmap;
                owned[u] = 1;
            }
        }
        assert_int_equal(layout_map_payload_at(v->layout, u * MIB + 4096, 4096), payload[u]);
    }
    for (unsigned t = 0; t < 100; t++) {
        uint64_t from = next_random(units), to = from + 1 + next_random(units - from);
        bool any = false;
        for (uint64_t u = from; u < to; u++)
            any = any || payload[u];
        assert_int_equal(layout_map_payload_at(v->layout, from * MIB, (to - from) * MIB), any);
    }
    layout_map_free_ranges(v->layout, size, mark_free, owned);
    for (uint64_t u = 0; u < units; u++)
        assert_int_not_equal(owned[u], 0);
    free(owned);
    free(payload);
}

/* ---- random damage ---- */

enum { AREAS = 4 };

static uint64_t only_area; /* AREAS: any */

/* Offsets meet: few places around the structures, the near limit of the maps, the far limit of openvmm, the end. */
static uint64_t random_off(uint64_t block_units, uint64_t spread)
{
    static const uint64_t around[AREAS] = {0, (uint64_t)1 << 27, (uint64_t)1 << 28, ((uint64_t)1 << 44) - 1};
    uint64_t reach = spread * block_units, area = next_random(10), base;
    base = around[only_area < AREAS ? only_area : area < 7 ? 0 : area - 6];
    if (base > 0)
        base -= reach / 2;
    return (base + next_random(reach + 4)) << 20;
}

static uint64_t random_entry(uint64_t previous, uint64_t block_size, uint64_t spread)
{
    static const unsigned states[] = {0, 0, 1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6, 7, 7, 7};
    unsigned state = states[next_random(sizeof(states) / sizeof(*states))];
    uint64_t reserved = next_random(12) ? 0 : next_random(1 << 17) << 3;
    switch (next_random(8)) {
    case 0:
        return 0;
    case 1:
        return state;
    case 2:
    case 3:
    case 4:
        return previous + block_size; /* a run */
    case 5:
        return bat_entry_make(previous + block_size, state);
    default:
        return random_off(block_size / MIB, spread) | state | reserved;
    }
}

static void random_image(unsigned round)
{
    static const uint64_t block_sizes[] = {1, 2, 4, 16, 32, 64, 128, 256};
    uint64_t block_size = block_sizes[next_random(8)] * MIB, blocks = 1 + next_random(70);
    if (block_size == 16 * MIB)
        blocks += 256; /* a second chunk */
    uint64_t size = blocks * block_size - next_random(block_size / 512) * 512;
    uint64_t spread = 1 + next_random(blocks + 20);
    struct img *img = img_create(&(struct img_params){
        .type = next_random(2)   ? IMG_DIFFERENCING
                : next_random(2) ? IMG_DYNAMIC
                                 : IMG_FIXED,
        .virtual_size = size,
        .block_size = block_size,
        .states = "",
        .data = IMG_DATA_NONE,
    });
    uint64_t previous = 8 * MIB | 6, slots = img->bat_len / 8, entries = img->geometry.entries;
    unsigned calm = (unsigned)next_random(4);
    only_area = next_random(2 * AREAS);

    for (uint64_t i = 0; i < u64_min(slots, entries + BEHIND); i++) {
        bool is_bitmap = bat_slot_of_index(&img->geometry, i).is_bitmap;
        uint64_t e = random_entry(previous, block_size, spread);
        if (calm == 0 && next_random(10))
            e = previous + block_size;
        if (calm == 3) /* no order, few accidents */
            e = (16 + next_random(4 * spread * block_size / MIB)) << 20 | (next_random(6) ? 6 : next_random(2) ? 3 : 7);
        if (is_bitmap && calm != 2)
            e = next_random(2) ? 0 : random_off(block_size / MIB, spread) | 6;
        if (i >= entries && next_random(2))
            e = 0;
        if (!is_bitmap && e != 0)
            previous = e;
        img_bat_set(img, i, e);
    }
    if (next_random(3) == 0)
        img_region_add(img, &(struct region_entry){.guid = img_guid(IMG_WINDOWS, 'F', 77),
                                                   .off = next_random(spread * block_size) / 4096 * 4096 + 512,
                                                   .len = (uint32_t)next_random(8 * MIB)});
    if (next_random(4) == 0)
        img_resize(img, img->bat_off + 8 * (1 + next_random(slots))); /* the BAT is cut */
    else if (next_random(only_area == 1 ? 2 : 8) == 0)
        img_resize(img, ((uint64_t)1 << 48) + next_random(4 * MIB)); /* a sparse giant */
    else
        img_resize(img, img->payload_off + next_random((calm == 3 ? 8 : 1) * spread * block_size));

    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct source *src = img_source(img);
    struct view *v = build_view(a, src, img);
    assert_int_equal(view_survey(v), STATUS_OK);
    struct reference r = reference(img, v);
    compare_notes(&r);
    if (round % 4 == 0)
        compare_layout(&r);
    free(r.entries);
    source_close(src);
    arena_destroy(a);
    img_free(img);
}

static void same_as_comparing_each_with_each(void **state)
{
    (void)state;
    seed = 1;
    for (unsigned round = 0; round < 600; round++)
        random_image(round);
}

/* ---- single cases ---- */

struct walk {
    struct img *img;
    struct arena *arena;
    struct source *src;
    struct view *view;
    struct notes notes;
};

static struct walk walk(struct img *img)
{
    struct walk w = {.img = img, .arena = arena_create(LIMIT_MEMORY_DEFAULT), .src = img_source(img)};
    w.view = build_view(w.arena, w.src, img);
    assert_int_equal(view_survey(w.view), STATUS_OK);
    assert_int_equal(view_survey(w.view), STATUS_OK); /* idempotent */
    w.notes = visit(w.view);
    return w;
}

static void walk_free(struct walk *w)
{
    free(w->notes.items);
    source_close(w->src);
    arena_destroy(w->arena);
    img_free(w->img);
}

static void healthy_images_have_nothing_notable(void **state)
{
    static const enum img_type types[] = {IMG_DYNAMIC, IMG_FIXED, IMG_DIFFERENCING};
    (void)state;
    for (unsigned t = 0; t < 3; t++) {
        for (unsigned layout = 0; layout < 2; layout++) {
            struct walk w = walk(img_create(&(struct img_params){.type = types[t], .layout = (enum img_layout)layout}));
            assert_int_equal(w.notes.count, 0);
            assert_true(w.view->survey->overlaps_checked);
            assert_int_equal(w.view->survey->all_in_order, types[t] == IMG_FIXED);
            assert_int_equal(w.view->survey->bitmaps_present, types[t] == IMG_DIFFERENCING);
            assert_int_equal(layout_map_end(w.view->layout), w.src->size);
            walk_free(&w);
        }
    }
}

/* 37 MiB in blocks of 8 MiB: the last block has 5 MiB of guest data (format.md 11.4). */
static void last_block_may_be_cut_behind_the_guest_data(void **state)
{
    (void)state;
    for (unsigned cut = 0; cut < 4; cut++) {
        struct img *img = img_create(&(struct img_params){
            .type = IMG_FIXED, .virtual_size = 37 * MIB, .block_size = 8 * MIB, .data = IMG_DATA_NONE});
        uint64_t last = img_block_off(img, 4);
        img_resize(img, last + (const uint64_t[]){8, 5, 5, 0}[cut] * MIB - (cut == 2));
        struct walk w = walk(img);
        assert_int_equal(w.notes.count, cut != 0);
        if (cut != 0) {
            const struct bat_note *n = &w.notes.items[0];
            assert_int_equal(n->index, 4);
            assert_int_equal(n->facts, cut == 1 ? BAT_FACT_CUT_TAIL : BAT_FACT_PAST_EOF);
            assert_int_equal(n->missing, ((const uint64_t[]){0, 0, 1, 5 * MIB})[cut]);
            assert_int_equal(n->guest_off, 32 * MIB);
            assert_int_equal(n->guest_len, 5 * MIB);
        }
        walk_free(&w);
    }
}

/* VHDX-BAT-006: readers of a file without parent ignore bitmap slots, so only the slot is at fault, and only if it
 * hits. */
static void a_bitmap_slot_without_parent_disturbs_nobody(void **state)
{
    const uint64_t slot = 128; /* block size 32 MiB, sectors of 512 bytes */
    (void)state;
    for (unsigned c = 0; c < 4; c++) {
        struct img *img = img_create(&(struct img_params){
            .virtual_size = 130 * 32 * MIB,
            .block_size = 32 * MIB,
            .states = "6",
            .blocks = (const struct img_block[]){{.block = 129, .state = 6}},
            .block_count = 1,
            .data = IMG_DATA_NONE,
        });
        uint64_t free_off = img->size;
        img_resize(img, img->size + 4 * MIB);
        uint64_t off = (const uint64_t[]){free_off, img_block_off(img, 0) + 5 * MIB, img_block_off(img, 129), 0}[c];
        img_bat_set(img, slot, off | 6);
        struct walk w = walk(img);
        assert_int_equal(w.notes.count, 1);
        const struct bat_note *n = &w.notes.items[0];
        assert_int_equal(n->index, slot);
        assert_int_equal(n->owns, c != 3);
        assert_int_equal(n->facts, BAT_FACT_STATE | (c == 3   ? BAT_FACT_ZERO_OFFSET | BAT_FACT_HITS_HEADER
                                                     : c != 0 ? BAT_FACT_HITS_BITMAP
                                                              : 0));
        if (c == 1 || c == 2) {
            assert_int_equal(n->other.kind, OWNER_PAYLOAD);
            assert_int_equal(n->other.ref, c == 1 ? 0 : 130); /* the later block too */
            assert_ptr_equal(bat_note_other(n, BAT_FACT_HITS_BITMAP), &n->others[5]);
        }
        assert_int_equal(layout_map_fixed_count(w.view->layout), 4); /* the slot's MiB stays free */
        assert_int_equal(layout_map_end(w.view->layout), free_off);
        walk_free(&w);
    }
}

static void state_7_needs_a_bitmap_inside_the_file(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 5; c++) {
        struct img *img =
            img_create(&(struct img_params){.type = IMG_DIFFERENCING, .states = "7", .data = IMG_DATA_NONE});
        uint64_t index = img_bitmap_index(img, 0), off = img_bitmap_off(img, 0);
        uint64_t size = img->size;
        img_bat_set(img, index, (const uint64_t[]){off | 6, 0, 6, off | 7, size | 6}[c]);
        struct walk w = walk(img);
        unsigned facts = 0;
        for (size_t i = 0; i < w.notes.count; i++)
            facts |= w.notes.items[i].index == 0 ? w.notes.items[i].facts : 0;
        assert_int_equal(facts, c == 0 ? 0 : BAT_FACT_NO_BITMAP);
        walk_free(&w);
    }
}

/* The table ends right before the slot of the second chunk's bitmap; that of the first says nothing about it. */
static void state_7_needs_the_slot_of_its_bitmap(void **state)
{
    const struct img_block blocks[] = {
        {.block = 0, .state = 7}, {.block = 1, .state = 4}, {.block = 32768, .state = 7}};
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING,
                                                      .virtual_size = 65536 * MIB,
                                                      .block_size = MIB,
                                                      .logical_sector_size = 4096,
                                                      .states = "",
                                                      .blocks = blocks,
                                                      .block_count = 3,
                                                      .data = IMG_DATA_NONE});
    (void)state;
    assert_int_equal(img->geometry.entries, 2 * 32769);
    for (unsigned cut = 0; cut < 2; cut++) {
        struct img *one = img_clone(img);
        for (unsigned c = 0; c < 2; c++)
            put_le32(img_region_find(one, c, KNOWN_REGION_BAT) + 24, (uint32_t)((2 * 32769 - cut) * BAT_ENTRY_LEN));
        img_sign_region_tables(one);
        struct walk w = walk(one);
        assert_int_equal(w.notes.count, 1 + cut);
        assert_int_equal(w.notes.items[0].index, 1);
        assert_int_equal(w.notes.items[0].facts, BAT_FACT_STATE);
        if (cut) {
            assert_int_equal(w.notes.items[1].index, 32769);
            assert_int_equal(w.notes.items[1].facts, BAT_FACT_NO_BITMAP);
            assert_int_equal(w.notes.items[1].bitmap_raw, 0);
        }
        walk_free(&w);
    }
    img_free(img);
}

static void slots_behind_the_last_entry_are_unused(void **state)
{
    struct img *img = img_create(NULL);
    uint64_t slots = img->bat_len / 8;
    (void)state;
    assert_int_equal(img->geometry.entries, 10);
    img_bat_set(img, 10, 2);
    img_bat_set(img, 4096, img_block_off(img, 0) | 6); /* also a chunk's bitmap slot: means nothing here */
    img_bat_set(img, slots - 1, 7 * MIB | 3);
    struct walk w = walk(img);
    assert_int_equal(w.notes.count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(w.notes.items[i].facts, BAT_FACT_UNUSED_SLOT);
        assert_int_equal(w.notes.items[i].index, ((const uint64_t[]){10, 4096, slots - 1})[i]);
    }
    assert_int_equal(w.view->survey->unused_nonzero, 3);
    assert_int_equal(w.view->survey->unused_with_offset, 2);
    assert_int_equal(w.view->survey->unused_live, 1);
    walk_free(&w);
}

static void visit_stops_when_told(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "4444"});
    struct walk w = walk(img);
    struct notes l = {.stop_after = 2};
    (void)state;
    assert_int_equal(w.notes.count, 4);
    assert_int_equal(bat_visit_notable(w.view, collect, &l), STATUS_OK);
    assert_int_equal(l.count, 2);
    free(l.items);
    walk_free(&w);
}

static void reader_gives_any_entry(void **state)
{
    struct img *img = img_create(NULL);
    struct bat_reader r;
    uint64_t e, slots = img->bat_len / 8;
    (void)state;
    img_bat_set(img, slots - 1, 77 * MIB | 5);
    struct walk w = walk(img);
    assert_int_equal(bat_reader_open(w.view, &r), STATUS_OK);
    for (uint64_t i = 0; i < 20; i++) {
        uint64_t index = i % 2 ? i : slots - 1 - i;
        assert_int_equal(bat_reader_get(&r, index, &e), STATUS_OK);
        assert_int_equal(e, img_bat_get(img, index));
    }
    assert_int_equal(bat_reader_get(&r, slots, &e), STATUS_RANGE);
    walk_free(&w);
}

/* The file ends with the table: nothing behind its last entry is asked for. */
static void reader_ends_with_the_file(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = ""});
    struct bat_reader r;
    uint64_t e, slots = img->bat_len / 8;
    (void)state;
    img_bat_set(img, slots - 1, 5);
    img_resize(img, img->bat_off + img->bat_len);
    struct walk w = walk(img);
    assert_int_equal(bat_reader_open(w.view, &r), STATUS_OK);
    assert_int_equal(bat_reader_get(&r, slots - 1, &e), STATUS_OK);
    assert_int_equal(e, 5);
    bat_reader_close(&r);
    walk_free(&w);
}

/* A host that cannot say where holes are can be read all the same; one that has no more time cannot. */
static void reader_needs_no_word_about_holes(void **state)
{
    struct img *img = img_create(NULL);
    struct source *src = img_source(img);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct faulty f;
    struct view *v = build_view(a, faulty_over(&f, src), img);
    struct bat_reader r;
    uint64_t e;
    (void)state;
    f.hole_status = STATUS_IO;
    assert_int_equal(bat_reader_open(v, &r), STATUS_OK);
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(bat_reader_get(&r, i, &e), STATUS_OK);
        assert_int_equal(e, img_bat_get(img, i));
    }
    bat_reader_close(&r);
    assert_false(v->io_error);
    f.hole_status = STATUS_LIMIT;
    assert_int_equal(bat_reader_get(&r, 0, &e), STATUS_LIMIT);
    arena_destroy(a);
    source_close(src);
    img_free(img);
}

/* ---- two views ---- */

struct changes {
    struct bat_change items[8];
    size_t count, stop_after;
};

static bool collect_change(void *ctx, struct bat_change c)
{
    struct changes *l = ctx;
    assert_true(l->count < 8);
    l->items[l->count++] = c;
    return l->count != l->stop_after;
}

static void compare_lists_what_differs(void **state)
{
    /* 64 TiB in blocks of 1 MiB: windows that are holes on both sides, on one, on none. */
    struct img_params params = {.virtual_size = 64 * TIB, .block_size = MIB, .states = "6666", .data = IMG_DATA_NONE};
    struct img *a = img_create(&params), *b = img_create(&params);
    struct changes all = {.count = 0}, two = {.stop_after = 2};
    static const uint64_t at[] = {1, 300000, 40000000, 67125246};
    (void)state;
    img_bat_set(a, 1, 5);
    img_bat_set(a, 300000, 1);
    img_bat_set(b, 40000000, 2);
    img_bat_set(a, 67125246, 3);
    img_bat_set(b, 67125246, 9 * MIB | 3);
    img_bat_set(a, 5000000, 2);
    img_bat_set(b, 5000000, 2);
    struct walk wa = walk(a), wb = walk(b);
    uint64_t calls = wa.src->read_calls;
    assert_int_equal(bat_compare(wa.view, wb.view, collect_change, &all), STATUS_OK);
    assert_int_equal(all.count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(all.items[i].index, at[i]);
        assert_int_equal(all.items[i].stored, img_bat_get(a, at[i]));
        assert_int_equal(all.items[i].replayed, img_bat_get(b, at[i]));
    }
    assert_true(wa.src->read_calls - calls <= 10); /* of a: four places, and a window of zeros behind each */
    assert_int_equal(bat_compare(wa.view, wb.view, collect_change, &two), STATUS_OK);
    assert_int_equal(two.count, 2);
    walk_free(&wa);
    walk_free(&wb);
}

/* A whole chunk of blocks, each on its own, and in the slot of its bitmap what looks like one more. */
static void a_bitmap_slot_behind_scattered_blocks_is_no_block(void **state)
{
    enum { CHUNK = 128 };
    static const struct img_params p = {.virtual_size = 2 * CHUNK * 32 * MIB, .block_size = 32 << 20, .states = ""};
    (void)state;
    struct img *img = img_create(&p);
    const uint64_t low = img->size;
    img_resize(img, low + 2 * (CHUNK + 1) * 32 * MIB);
    for (uint64_t i = 0; i < CHUNK; i++)
        img_block_set(img, i, PAYLOAD_FULLY_PRESENT, low + 2 * (CHUNK - i) * 32 * MIB);
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(low, BITMAP_PRESENT));
    struct walk w = walk(img);
    assert_int_equal(w.view->survey->allocated_blocks, CHUNK);
    assert_int_equal(w.view->survey->states[6], CHUNK);
    assert_int_equal(w.view->survey->bitmaps_present, 1);
    walk_free(&w);
}

static bool count_below_20000(void *ctx, struct bat_change c)
{
    uint64_t *count = ctx;
    assert_true(c.index < 20000 && c.stored == 0 && c.replayed == 1);
    ++*count;
    return true;
}

/* One side has nothing in front of what both have: its windows begin there, those of the other before. */
static void compare_has_windows_that_begin_elsewhere(void **state)
{
    struct img_params params = {
        .virtual_size = (uint64_t)100000 * 32 * MIB, .block_size = 32 * MIB, .states = "", .data = IMG_DATA_NONE};
    struct img *a = img_create(&params), *b = img_create(&params);
    uint64_t count = 0;
    (void)state;
    for (uint64_t i = 0; i < 60000; i += 100) {
        if (i >= 20000)
            img_bat_set(a, i, 1);
        img_bat_set(b, i, 1);
    }
    struct walk wa = walk(a), wb = walk(b);
    assert_int_equal(bat_compare(wa.view, wb.view, count_below_20000, &count), STATUS_OK);
    assert_int_equal(count, 200);
    walk_free(&wa);
    walk_free(&wb);
}

static void compare_needs_the_same_place(void **state)
{
    struct walk a = walk(img_create(&(struct img_params){.states = "66"}));
    struct walk b = walk(img_create(&(struct img_params){.states = "22", .log_len = 3 * MIB}));
    struct walk c = walk(img_create(&(struct img_params){.states = "22", .virtual_size = 40 * MIB}));
    struct walk d =
        walk(img_create(&(struct img_params){.states = "22", .virtual_size = 40 * MIB, .block_size = 4 * MIB}));
    struct changes l = {.count = 0};
    (void)state;
    assert_int_not_equal(a.view->bat.off, b.view->bat.off);
    assert_int_equal(a.view->bat.off, d.view->bat.off);
    assert_int_equal(a.view->geometry.entries, d.view->geometry.entries); /* as many, for blocks twice as large */
    assert_int_equal(bat_compare(a.view, d.view, collect_change, &l), STATUS_OK);
    walk_free(&d);
    assert_int_equal(bat_compare(a.view, b.view, collect_change, &l), STATUS_OK);
    assert_int_equal(bat_compare(a.view, c.view, collect_change, &l), STATUS_OK);
    assert_int_equal(l.count, 0);
    walk_free(&a);
    walk_free(&b);
    walk_free(&c);
}

/* ---- blocks in no order, by the hundred ---- */

/* 300 blocks downwards, each on its own, and then one that follows the last in disk and file. */
static void a_block_behind_scattered_ones_goes_on_with_the_last(void **state)
{
    enum { SCATTERED = 300 };
    static const struct img_params p = {.virtual_size = 400 * MIB, .block_size = MIB, .states = ""};
    (void)state;
    struct img *img = img_create(&p);
    const uint64_t low = img->size;
    img_resize(img, low + 2 * SCATTERED * MIB);
    for (uint64_t i = 0; i < SCATTERED; i++)
        img_block_set(img, i, PAYLOAD_FULLY_PRESENT, low + 2 * (SCATTERED - 1 - i) * MIB);
    img_block_set(img, SCATTERED, PAYLOAD_FULLY_PRESENT, low + MIB);
    struct walk w = walk(img);
    const struct bat_survey *s = w.view->survey;
    assert_int_equal(s->allocated_blocks, SCATTERED + 1);
    assert_int_equal(s->runs, SCATTERED);
    assert_int_equal(s->out_of_order, SCATTERED - 1);
    assert_int_equal(s->first_unallocated_trailing, SCATTERED + 1);
    assert_int_equal(s->highest_end, low + (2 * SCATTERED - 1) * MIB);
    assert_int_equal(s->notable, 0);
    struct img *without = img_clone(img);
    walk_free(&w);
    img_bat_set(without, SCATTERED, 0);
    w = walk(without);
    assert_int_equal(w.view->survey->runs, SCATTERED);
    assert_int_equal(w.view->survey->first_unallocated_trailing, SCATTERED);
    walk_free(&w);
}

/* ---- failures ---- */

static struct img *damaged_image(enum img_type type)
{
    struct img *img = img_create(&(struct img_params){
        .type = type,
        .virtual_size = 70 * 64 * MIB,
        .block_size = 64 * MIB,
        .states = "666U67M",
        .data = IMG_DATA_NONE,
    });
    for (uint64_t b = 20; b < 60; b++) /* overlaps near and far, payload and bitmap slot */
        img_block_set(img, b, b % 5 ? 6 : 1, (b % 3 ? 40 * MIB : (uint64_t)1 << 48) + b / 2 * 32 * MIB);
    img_bat_set(img, img_bitmap_index(img, 0), 50 * MIB | 6);
    return img;
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    for (unsigned t = 0; t < 2; t++) {
        struct img *img = damaged_image(t ? IMG_DIFFERENCING : IMG_DYNAMIC);
        struct source *src = img_source(img);
        uint64_t failed = 0, n = 1;
        for (bool done = false; !done; n++) {
            struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
            struct view *v = build_view(a, src, img);
            struct notes l = {.count = 0};
            arena_fail_at(a, n, n % 2);
            enum status st = view_survey(v);
            if (st == STATUS_OK) {
                done = v->survey->overlaps_checked;
                st = bat_visit_notable(v, collect, &l);
                done = done && st == STATUS_OK;
            } else {
                assert_true(!v->layout && !v->survey && !v->overlaps);
            }
            assert_true(st == STATUS_OK || st == STATUS_NO_MEMORY);
            failed += st != STATUS_OK;
            free(l.items);
            arena_destroy(a);
        }
        assert_true(failed > 10);
        source_close(src);
        img_free(img);
    }
}

/* Two blocks on one place above 128 TiB and one elsewhere: whatever allocation fails, the pair is told, or an error. */
static void no_far_overlap_is_lost_without_memory(void **state)
{
    const uint64_t far = (uint64_t)1 << 47;
    struct img *img = img_create(&(struct img_params){.states = "666", .data = IMG_DATA_NONE});
    (void)state;
    img_block_set(img, 0, 6, far);
    img_block_set(img, 1, 6, far);
    img_block_set(img, 2, 6, far + 8 * MIB);
    img_resize(img, far + 16 * MIB);
    struct source *src = img_source(img);
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct view *v = build_view(a, src, img);
        arena_fail_at(a, n, false);
        enum status st = view_survey(v);
        failed = arena_status(a) != STATUS_OK;
        assert_int_equal(st == STATUS_OK || st == STATUS_NO_MEMORY, true);
        if (st == STATUS_OK && v->survey->overlaps_checked)
            assert_int_equal(v->survey->notable, 1);
        else
            assert_true(failed);
        arena_destroy(a);
    }
    source_close(src);
    img_free(img);
}

static void unreadable_bat_is_no_verdict(void **state)
{
    struct img *img = damaged_image(IMG_DYNAMIC);
    struct source *src = img_source(img);
    struct faulty f;
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct view *v = build_view(a, faulty_over(&f, src), img);
        uint64_t before = f.reads;
        f.fail_read = before + n;
        assert_int_equal(view_survey(v), STATUS_OK);
        bool failed = f.reads >= f.fail_read;
        assert_non_null(v->layout);
        assert_int_equal(v->io_error, failed);
        assert_int_equal(v->survey == NULL, failed);
        assert_int_equal(v->bat.absence, failed ? ABSENT_IO : ABSENT_NOT);
        if (failed)
            assert_int_equal(v->io_error_errno, EIO);
        arena_destroy(a);
        if (!failed) {
            assert_true(n > 3);
            break;
        }
    }
    source_close(src);
    img_free(img);
}

/* The host reads, but does not say where data is: that is no table without blocks. */
static void a_bat_whose_holes_are_not_known_is_no_verdict(void **state)
{
    static const enum status why[] = {STATUS_IO, STATUS_LIMIT};
    struct img *img =
        img_create(&(struct img_params){.virtual_size = TIB, .block_size = MIB, .states = "", .data = IMG_DATA_NONE});
    struct source *src = img_source(img);
    (void)state;
    img_bat_set(img, 900000, 100 * MIB | 6);
    for (unsigned i = 0; i < 2; i++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct faulty f;
        struct view *v = build_view(a, faulty_over(&f, src), img);
        f.hole_status = why[i];
        assert_int_equal(view_survey(v), i == 0 ? STATUS_OK : why[i]);
        assert_true(f.questions > 0);
        assert_int_equal(v->io_error, i == 0);
        assert_null(v->survey);
        assert_int_equal(v->bat.absence, i == 0 ? ABSENT_IO : ABSENT_NOT);
        arena_destroy(a);
    }
    source_close(src);
    img_free(img);
}

/* ---- large BATs, made up on the fly ---- */

struct made_up {
    struct source source;
    uint64_t bat_off, bat_len;
    const struct geometry *g;
    uint64_t (*entry)(uint64_t block);
    uint64_t (*bitmap)(uint64_t chunk); /* NULL: zeros */
};

static enum status made_up_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    const struct made_up *m = (const struct made_up *)s;
    uint64_t first = (off - m->bat_off) / 8, count = len / 8, per = m->g->chunk_ratio + 1;
    uint64_t chunk = first / per, slot = first % per;
    assert_true(off >= m->bat_off && off % 8 == 0 && len % 8 == 0);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t block = chunk * m->g->chunk_ratio + slot;
        uint64_t e = slot == m->g->chunk_ratio      ? m->bitmap ? m->bitmap(chunk) : 0
                     : block < m->g->payload_blocks ? m->entry(block)
                                                    : 0;
        put_le64((uint8_t *)buf + 8 * i, e);
        slot = slot + 1 == per ? 0 : slot + 1;
        chunk += slot == 0;
    }
    return STATUS_OK;
}

static enum status made_up_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    const struct made_up *m = (const struct made_up *)s;
    uint64_t end = m->bat_off + m->bat_len;
    *ret_data = off < m->bat_off ? m->bat_off : off < end ? off : s->size;
    *ret_hole = *ret_data < end ? end : s->size;
    return STATUS_OK;
}

static void made_up_close(struct source *s)
{
    (void)s;
}

struct large {
    struct made_up source;
    struct arena *arena;
    struct view view;
};

static void large_open(struct large *l, uint64_t blocks, uint64_t block_size, uint64_t (*entry)(uint64_t),
                       uint64_t budget)
{
    static const struct source_ops ops = {.read = made_up_read, .next_data = made_up_next_data, .close = made_up_close};
    *l = (struct large){.arena = arena_create(budget)};
    assert_true(geometry_derive(blocks * block_size, block_size, 512, false, &l->view.geometry));
    uint64_t len = u64_div_up(l->view.geometry.entries * 8, MIB) * MIB;
    l->source = (struct made_up){.source = {.ops = &ops, .size = INT64_MAX},
                                 .bat_off = 3 * MIB,
                                 .bat_len = len,
                                 .g = &l->view.geometry,
                                 .entry = entry};
    l->view.arena = l->arena;
    l->view.src = &l->source.source;
    l->view.used_table = -1;
    l->view.log_off = l->view.log_len = MIB;
    l->view.bat =
        (struct bat){.off = 3 * MIB, .region_len = len, .slots = len / 8, .walk_entries = l->view.geometry.entries};
}

static const uint64_t FIRST_UNIT = 1024;

static uint64_t in_order(uint64_t block)
{
    return (FIRST_UNIT + block) << 20 | 6;
}

static bool count_range(void *ctx, struct free_range r)
{
    (void)r;
    ++*(uint64_t *)ctx;
    return true;
}

/* 64 TiB, all there: one pass over 513 MiB, about 8 MiB of memory besides windows. */
static void full_disk_in_order_takes_one_pass(void **state)
{
    struct large l;
    uint64_t ranges = 0;
    (void)state;
    large_open(&l, PAYLOAD_BLOCKS_MAX, MIB, in_order, 64 * MIB);
    assert_int_equal(view_survey(&l.view), STATUS_OK);
    const struct bat_survey *s = l.view.survey;
    assert_int_equal(s->states[6], PAYLOAD_BLOCKS_MAX);
    assert_true(s->all_in_order && s->overlaps_checked);
    assert_int_equal(s->runs, 1);
    assert_int_equal(s->notable, 0);
    assert_int_equal(s->highest_end, (FIRST_UNIT + PAYLOAD_BLOCKS_MAX) * MIB);
    assert_true(l.source.source.read_bytes <= l.source.bat_len);
    assert_true(arena_used(l.arena) < 10 * MIB);
    layout_map_free_ranges(l.view.layout, layout_map_end(l.view.layout), count_range, &ranges);
    assert_int_equal(ranges, 1); /* between log and first block: the made-up regions are in no table */
    arena_destroy(l.arena);
}

static uint64_t shuffled(uint64_t block)
{
    return (FIRST_UNIT + 2 * (block * 0x9e3779b1 % (1 << 22))) << 20 | 6;
}

static void any_order_takes_one_pass(void **state)
{
    struct large l;
    (void)state;
    large_open(&l, 1 << 22, 2 * MIB, shuffled, 64 * MIB);
    assert_int_equal(view_survey(&l.view), STATUS_OK);
    assert_int_equal(l.view.survey->notable, 0);
    assert_true(l.view.survey->runs > 1 << 21);
    assert_int_equal(l.view.survey->highest_end, (FIRST_UNIT + 2 * (1 << 22)) * MIB);
    assert_true(l.source.source.read_bytes <= l.source.bat_len);
    uint64_t ranges = 0;
    layout_map_free_ranges(l.view.layout, layout_map_end(l.view.layout), count_range, &ranges);
    assert_int_equal(ranges, 1);
    arena_destroy(l.arena);
}

static uint64_t few_notable(uint64_t block)
{
    return block == 77 || block == (1 << 21) + 5 ? 4 : shuffled(block);
}

/* Of 32 MiB of entries that are all in use, only those around the two that are notable are read again. */
static void notable_entries_are_visited_alone(void **state)
{
    struct large l;
    (void)state;
    large_open(&l, 1 << 22, MIB, few_notable, 64 * MIB);
    assert_int_equal(view_survey(&l.view), STATUS_OK);
    assert_int_equal(l.view.survey->notable, 2);
    const uint64_t before = l.source.source.read_bytes;
    struct notes n = visit(&l.view);
    assert_int_equal(n.count, 2);
    assert_int_equal(n.items[0].slot.block, 77);
    assert_int_equal(n.items[1].slot.block, (1 << 21) + 5);
    assert_true(l.source.source.read_bytes - before < MIB);
    free(n.items);
    arena_destroy(l.arena);
}

/* The smallest blocks, all over a file of 8 TiB. */
static void small_blocks_in_any_order(void **state)
{
    struct large l;

    (void)state;
    large_open(&l, 1 << 22, MIB, shuffled, 64 * MIB);
    assert_int_equal(view_survey(&l.view), STATUS_OK);
    assert_int_equal(l.view.survey->notable, 0);
    assert_int_equal(l.view.survey->highest_end, (FIRST_UNIT + 2 * (1 << 22) - 1) * MIB);
    assert_true(l.source.source.read_bytes <= l.source.bat_len);
    arena_destroy(l.arena);
}

enum { SCATTER = 1 << 20 };

static uint64_t overlapping(uint64_t block)
{
    return (FIRST_UNIT + (block * 0x9e3779b97f4a7c15U >> 44) % SCATTER) << 20 | 6;
}

struct count {
    uint64_t notes, named;
    bool *seen;
};

static bool count_same(void *ctx, const struct bat_note *n)
{
    struct count *c = ctx;
    assert_int_equal(n->facts, BAT_FACT_SAME_PAYLOAD);
    if (n->other.kind != OWNER_NONE) {
        assert_int_equal(n->other.start, n->off);
        assert_true(n->other.ref < n->index);
        c->named++;
    }
    c->notes++;
    return true;
}

/* Exact counts, however many; names for as many as the limit says. */
static void random_overlaps_stay_linear(void **state)
{
    struct large l;
    struct count c = {.seen = calloc(SCATTER, 1)};
    uint64_t expected = 0;
    (void)state;
    large_open(&l, 3 << 20, MIB, overlapping, 64 * MIB);
    for (uint64_t b = 0; b < 3 << 20; b++) {
        uint64_t at = (overlapping(b) >> 20) - FIRST_UNIT;
        expected += c.seen[at];
        c.seen[at] = true;
    }
    assert_int_equal(view_survey(&l.view), STATUS_OK);
    assert_int_equal(l.view.survey->notable, expected);
    assert_int_equal(bat_visit_notable(&l.view, count_same, &c), STATUS_OK);
    assert_int_equal(c.notes, expected);
    assert_int_equal(c.named, LIMIT_CONTESTED_UNITS);
    /* The survey, the start of a second pass for owners, the visit. */
    assert_true(l.source.source.read_bytes < 3 * l.source.bat_len);
    free(c.seen);
    arena_destroy(l.arena);
}

/* Far above the maps: every place twice, and the last block over the middle of one before it. */
static uint64_t far_twice(uint64_t block)
{
    uint64_t place = (block / 2) * 0x9e3779b1 % (1 << 18);
    return (((uint64_t)1 << 30) + place * 8 + (block == (1 << 19) - 1)) << 20 | 6;
}

static bool count_far(void *ctx, const struct bat_note *n)
{
    struct count *c = ctx;
    bool partial = n->index == bat_index_of_block(&(struct geometry){.chunk_shift = 11}, (1 << 19) - 1);
    bool odd = n->slot.block % 2;
    assert_int_equal(n->facts, BAT_FACT_FAR | (partial ? BAT_FACT_PARTIAL_PAYLOAD : odd ? BAT_FACT_SAME_PAYLOAD : 0));
    if (n->other.kind != OWNER_NONE) {
        assert_int_equal(n->other.start, partial ? n->off - MIB : n->off);
        assert_int_equal(
            bat_slot_of_index(&(struct geometry){.chunk_shift = 11, .chunk_ratio = 1 << 11}, n->other.ref).block,
            n->slot.block - 1);
        c->named++;
    }
    c->notes++;
    return true;
}

static void many_far_blocks_take_several_passes(void **state)
{
    struct large l;
    struct count c = {.notes = 0};
    (void)state;
    large_open(&l, 1 << 19, 2 * MIB, far_twice, 64 * MIB);
    assert_int_equal(view_survey(&l.view), STATUS_OK);
    assert_true(l.view.survey->overlaps_checked);
    assert_int_equal(l.view.survey->notable, 1 << 19);
    assert_int_equal(bat_visit_notable(&l.view, count_far, &c), STATUS_OK);
    assert_int_equal(c.notes, 1 << 19);
    assert_int_equal(c.named, LIMIT_CONTESTED_UNITS);
    /* Above what the list holds, everything up to the last block counts as taken. */
    assert_true(layout_map_payload_at(l.view.layout, l.view.survey->highest_end - MIB, MIB));
    assert_false(layout_map_payload_at(l.view.layout, l.view.survey->highest_end, MIB));
    assert_true(l.source.source.read_bytes < 10 * l.source.bat_len);
    assert_true(arena_used(l.arena) < 16 * MIB);
    arena_destroy(l.arena);
}

/* Above the maps, but not so far that it is a fact of its own: blocks of 4 MiB, one to every 4 MiB. */
enum { CROWD = 1 << 21 };

static uint64_t far_crowd(uint64_t block)
{
    uint64_t x = (block + 1) * 0x9e3779b97f4a7c15U;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return (LIMIT_NEAR_UNITS + (x >> 43)) << 20 | 6;
}

struct crowd {
    uint8_t *facts; /* by block: bit 0 same, bit 1 partial */
    uint64_t notes;
};

static bool compare_crowd(void *ctx, const struct bat_note *n)
{
    struct crowd *c = ctx;
    unsigned want = c->facts[n->slot.block];
    assert_int_equal(n->facts, want * BAT_FACT_SAME_PAYLOAD);
    c->notes++;
    return true;
}

static void crowded_far_blocks_are_judged_exactly(void **state)
{
    struct large l;
    struct crowd c = {.facts = calloc(1 << 19, 1)};
    uint8_t *seen = calloc(CROWD + 8, 1);
    uint64_t expected = 0;
    (void)state;
    for (uint64_t b = 0; b < 1 << 19; b++) {
        uint64_t at = (far_crowd(b) >> 20) - LIMIT_NEAR_UNITS + 4;
        c.facts[b] = seen[at];
        for (uint64_t u = at - 3; u <= at + 3; u++)
            c.facts[b] |= (uint8_t)(u != at && seen[u] ? 2 : 0);
        seen[at] = 1;
        expected += c.facts[b] != 0;
    }
    assert_true(expected > 1 << 18);
    for (unsigned little = 0; little < 2; little++) { /* the less memory, the more passes */
        c.notes = 0;
        large_open(&l, 1 << 19, 4 * MIB, far_crowd, little ? 8 * MIB : 32 * MIB);
        assert_int_equal(view_survey(&l.view), STATUS_OK);
        assert_true(l.view.survey->overlaps_checked);
        assert_int_equal(l.view.survey->notable, expected);
        assert_true((l.source.source.read_bytes > 10 * l.source.bat_len) == little);
        assert_int_equal(bat_visit_notable(&l.view, compare_crowd, &c), STATUS_OK);
        assert_int_equal(c.notes, expected);
        arena_destroy(l.arena);
    }
    free(seen);
    free(c.facts);
}

/* In a sparse giant: a run over the limit of the maps, and a block that overlaps its second half. */
static void runs_may_cross_the_limit_of_the_maps(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "", .data = IMG_DATA_NONE});
    (void)state;
    img_resize(img, (uint64_t)1 << 48);
    img_block_set(img, 0, 6, (LIMIT_NEAR_UNITS - 2) * MIB);
    img_block_set(img, 1, 6, LIMIT_NEAR_UNITS * MIB);
    img_block_set(img, 3, 6, (LIMIT_NEAR_UNITS + 1) * MIB);
    struct walk w = walk(img);
    assert_int_equal(w.view->survey->runs, 2);
    assert_int_equal(w.notes.count, 1);
    assert_int_equal(w.notes.items[0].facts, BAT_FACT_PARTIAL_PAYLOAD);
    assert_int_equal(w.notes.items[0].other.ref, 1);
    walk_free(&w);
}

static uint64_t far_once(uint64_t block)
{
    return (((uint64_t)1 << 30) + 2 * (block * 0x9e3779b97f4a7c15U % ((uint64_t)1 << 41))) << 20 | 6;
}

/* The bitmap slot of chunk 7 lies on the second MiB of block 5. */
static uint64_t bitmap_over_block(uint64_t chunk)
{
    return chunk == 7 ? far_once(5) + MIB : 0;
}

static bool only_far(void *ctx, const struct bat_note *n)
{
    if (n->slot.is_bitmap) {
        assert_int_equal(n->slot.chunk, 7);
        assert_int_equal(n->facts, BAT_FACT_FAR | BAT_FACT_STATE | BAT_FACT_HITS_BITMAP);
        assert_int_equal(n->other.kind, OWNER_PAYLOAD);
        assert_int_equal(n->other.ref, 5);
        *(bool *)ctx = true;
        return true;
    }
    assert_int_equal(n->facts, BAT_FACT_FAR);
    return true;
}

/* No two overlap: the filter leaves few to look at, and memory stays small. */
static void many_far_blocks_without_overlap(void **state)
{
    struct large l;
    (void)state;
    bool bitmap_seen = false;
    large_open(&l, 1 << 20, 2 * MIB, far_once, 32 * MIB);
    l.source.bitmap = bitmap_over_block;
    assert_int_equal(view_survey(&l.view), STATUS_OK);
    assert_true(l.view.survey->overlaps_checked);
    assert_int_equal(l.view.survey->notable, (1 << 20) + 1);
    assert_int_equal(bat_visit_notable(&l.view, only_far, &bitmap_seen), STATUS_OK);
    assert_true(bitmap_seen);
    assert_int_equal(layout_map_end(l.view.layout), l.view.survey->highest_end);
    /* Above what can be listed everything counts as owned, so no range is called free that is not. */
    uint64_t ranges = 0;
    layout_map_free_ranges(l.view.layout, INT64_MAX, count_range, &ranges);
    assert_true(ranges <= 2 * LIMIT_FAR_CLAIMS + 3);
    arena_destroy(l.arena);
}

/* In a child the bitmap of a chunk is a claim like any other. */
static bool count_hits(void *ctx, const struct bat_note *n)
{
    if (n->slot.is_bitmap && n->slot.chunk == 7) {
        assert_int_equal(n->facts, BAT_FACT_FAR | BAT_FACT_HITS_BITMAP);
        assert_int_equal(n->other.kind, OWNER_PAYLOAD);
        assert_int_equal(n->other.ref, 5);
        ++*(unsigned *)ctx;
    } else if (!n->slot.is_bitmap && n->slot.block == 5) {
        assert_int_equal(n->facts & ~(unsigned)BAT_FACT_HITS_BITMAP, BAT_FACT_FAR);
    } else {
        assert_int_equal(n->facts, BAT_FACT_FAR);
    }
    return true;
}

static void many_far_blocks_of_a_child(void **state)
{
    struct large l;
    unsigned hits = 0;

    (void)state;
    large_open(&l, 1 << 18, 2 * MIB, far_once, 32 * MIB);
    l.view.geometry.differencing = true;
    l.source.bitmap = bitmap_over_block;
    assert_int_equal(view_survey(&l.view), STATUS_OK);
    assert_true(l.view.survey->overlaps_checked);
    assert_int_equal(bat_visit_notable(&l.view, count_hits, &hits), STATUS_OK);
    assert_int_equal(hits, 1);
    arena_destroy(l.arena);
}

/* With whatever memory: the very count, or that overlaps were not looked for, or that there was too little. */
static void counts_are_right_with_any_memory(void **state)
{
    enum { BLOCKS = 1 << 18 };
    static const uint8_t quarters[] = {4, 7, 8, 10, 12, 14, 16, 18, 19, 21, 24, 31}; /* of a MiB */
    uint8_t *seen = calloc(CROWD + 8, 1);
    uint64_t expected = 0, outcomes[3] = {0};

    (void)state;
    assert_non_null(seen);
    for (uint64_t b = 0; b < BLOCKS; b++) {
        uint64_t at = (far_crowd(b) >> 20) - LIMIT_NEAR_UNITS + 4;
        bool overlaps = false;
        for (uint64_t u = at - 3; u <= at + 3; u++)
            overlaps = overlaps || seen[u];
        seen[at] = 1;
        expected += overlaps;
    }
    for (size_t i = 0; i < sizeof(quarters) / sizeof(quarters[0]); i++) {
        struct large l;
        large_open(&l, BLOCKS, 4 * MIB, far_crowd, quarters[i] * MIB / 4);
        enum status st = view_survey(&l.view);
        if (st == STATUS_OK && l.view.survey->overlaps_checked)
            assert_int_equal(l.view.survey->notable, expected);
        else
            assert_true(st == STATUS_OK || st == STATUS_LIMIT);
        outcomes[st != STATUS_OK ? 0 : !l.view.survey->overlaps_checked ? 1 : 2]++;
        arena_destroy(l.arena);
    }
    assert_true(outcomes[0] > 0 && outcomes[1] > 0 && outcomes[2] > 0);
    free(seen);
}

static void too_little_memory_is_said(void **state)
{
    struct large l;
    (void)state;
    large_open(&l, 1 << 20, 2 * MIB, far_once, 3 * MIB / 2); /* window and bits fit, a list does not */
    enum status st = view_survey(&l.view);
    assert_true(st == STATUS_LIMIT || (st == STATUS_OK && !l.view.survey->overlaps_checked));
    arena_destroy(l.arena);
    large_open(&l, PAYLOAD_BLOCKS_MAX, MIB, in_order, 4 * MIB);
    assert_int_equal(view_survey(&l.view), STATUS_LIMIT);
    assert_null(l.view.layout);
    assert_null(l.view.survey);
    arena_destroy(l.arena);
}

/* 64 TiB and nothing in it: 512 MiB of table, of which one window is read before the host is asked. */
static void a_bat_that_is_a_hole_costs_one_window(void **state)
{
    struct img *img = img_create(
        &(struct img_params){.virtual_size = 64 * TIB, .block_size = MIB, .states = "", .data = IMG_DATA_NONE});
    struct source *src = img_source(img);
    struct arena *a = arena_create(8 * MIB);
    struct view *v = build_view(a, src, img);
    uint64_t bytes = src->read_bytes;
    (void)state;
    assert_int_equal(view_survey(v), STATUS_OK);
    assert_true(src->read_bytes - bytes <= (uint64_t)2 * 128 * KIB); /* of the entries, and of what follows them */
    assert_int_equal(v->survey->states[0], PAYLOAD_BLOCKS_MAX);
    assert_int_equal(v->survey->bitmap_states[0], 16383);
    assert_int_equal(v->survey->notable, 0);
    source_close(src);
    arena_destroy(a);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_comparing_each_with_each),
        cmocka_unit_test(healthy_images_have_nothing_notable),
        cmocka_unit_test(last_block_may_be_cut_behind_the_guest_data),
        cmocka_unit_test(a_bitmap_slot_without_parent_disturbs_nobody),
        cmocka_unit_test(state_7_needs_a_bitmap_inside_the_file),
        cmocka_unit_test(state_7_needs_the_slot_of_its_bitmap),
        cmocka_unit_test(slots_behind_the_last_entry_are_unused),
        cmocka_unit_test(visit_stops_when_told),
        cmocka_unit_test(a_block_behind_scattered_ones_goes_on_with_the_last),
        cmocka_unit_test(compare_has_windows_that_begin_elsewhere),
        cmocka_unit_test(a_bitmap_slot_behind_scattered_blocks_is_no_block),
        cmocka_unit_test(reader_gives_any_entry),
        cmocka_unit_test(reader_ends_with_the_file),
        cmocka_unit_test(reader_needs_no_word_about_holes),
        cmocka_unit_test(compare_lists_what_differs),
        cmocka_unit_test(compare_needs_the_same_place),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(no_far_overlap_is_lost_without_memory),
        cmocka_unit_test(unreadable_bat_is_no_verdict),
        cmocka_unit_test(a_bat_whose_holes_are_not_known_is_no_verdict),
        cmocka_unit_test(full_disk_in_order_takes_one_pass),
        cmocka_unit_test(any_order_takes_one_pass),
        cmocka_unit_test(notable_entries_are_visited_alone),
        cmocka_unit_test(small_blocks_in_any_order),
        cmocka_unit_test(random_overlaps_stay_linear),
        cmocka_unit_test(many_far_blocks_take_several_passes),
        cmocka_unit_test(crowded_far_blocks_are_judged_exactly),
        cmocka_unit_test(runs_may_cross_the_limit_of_the_maps),
        cmocka_unit_test(many_far_blocks_without_overlap),
        cmocka_unit_test(many_far_blocks_of_a_child),
        cmocka_unit_test(counts_are_right_with_any_memory),
        cmocka_unit_test(too_little_memory_is_said),
        cmocka_unit_test(a_bat_that_is_a_hole_costs_one_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
