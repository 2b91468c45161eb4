/* SPDX-License-Identifier: MIT */
/*
 * A BAT is in the order of the disk, and 67 million of its blocks can lie in the file in any order. They are sorted, as
 * runs of blocks that follow each other, in bounded memory: each pass over the BAT keeps the lowest of those that were
 * not handed out yet. A pass has twice the room; whenever that is full the lower half stays, and what is above it is
 * not even looked at for the rest of the pass.
 */
#include "image/file_order.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/limits.h"
#include "format/layout.h"
#include "image/bat_stream.h"
#include "image/claims.h"

/* Blocks that follow each other in the disk and in the file. */
struct key {
    uint64_t off;   /* of the first; a multiple of 1 MiB, plus 1 for anchors */
    uint32_t index; /* of the first in the BAT; so no two are equal. A BAT has far less than 2^32 entries in use */
    uint32_t blocks;
};

struct file_order {
    struct view *view;
    struct key *keys; /* sorted: next..count are to be handed out */
    uint64_t keep, next, count;
    bool started, complete; /* what is in `keys` is all that is left */
    struct key last;        /* handed out last */
};

enum status file_order_open(struct view *v, struct file_order **ret)
{
    struct file_order *o = arena_alloc(v->arena, sizeof(*o));
    if (!o)
        return arena_status(v->arena);
    o->view = v;
    o->keep = u64_max(1, u64_min(LIMIT_ORDERED_RUNS, v->bat.walk_entries));
    o->keys = arena_array(v->arena, 2 * o->keep, sizeof(*o->keys));
    if (!o->keys)
        return arena_status(v->arena);
    *ret = o;
    return STATUS_OK;
}

static bool below(const struct key *a, const struct key *b)
{
    return a->off != b->off ? a->off < b->off : a->index < b->index;
}

static int compare_keys(const void *a, const void *b)
{
    return below(a, b) ? -1 : below(b, a);
}

static void swap(struct key *a, struct key *b)
{
    struct key t = *a;
    *a = *b;
    *b = t;
}

/*
 * Puts the `keep` lowest of `count` in front, in no order. Halves the candidates a bounded number of times; an image
 * that was made to resist that is sorted instead.
 */
static void select_lowest(struct key *k, uint64_t count, uint64_t keep)
{
    uint64_t low = 0, high = count;
    for (int rounds = 0; high - low > 1; rounds++) {
        uint64_t store = low, middle = low + (high - low) / 2;
        if (rounds > 100) {
            qsort(k + low, (size_t)(high - low), sizeof(*k), compare_keys);
            return;
        }
        /* The median of three as pivot, parked at the end. */
        if (below(&k[middle], &k[low]))
            swap(&k[middle], &k[low]);
        if (below(&k[high - 1], &k[low]))
            swap(&k[high - 1], &k[low]);
        if (below(&k[middle], &k[high - 1]))
            swap(&k[middle], &k[high - 1]);
        for (uint64_t i = low; i < high - 1; i++) {
            if (below(&k[i], &k[high - 1]))
                swap(&k[i], &k[store++]);
        }
        swap(&k[store], &k[high - 1]);
        if (store == keep)
            return;
        if (store > keep)
            high = store;
        else
            low = store + 1;
    }
}

/* Whatever is above what a full pass has kept is of no interest any more. */
static void make_room(struct file_order *o, struct key *limit)
{
    select_lowest(o->keys, o->count, o->keep);
    o->count = o->keep;
    *limit = o->keys[0];
    for (uint64_t n = 1; n < o->count; n++) {
        if (below(limit, &o->keys[n]))
            *limit = o->keys[n];
    }
    o->complete = false;
}

static void end_run(struct file_order *o, struct key *run, struct key *limit)
{
    if (run->blocks > 0 && below(run, limit) && (!o->started || below(&o->last, run))) {
        o->keys[o->count++] = *run;
        if (o->count == 2 * o->keep)
            make_room(o, limit);
    }
    run->blocks = 0;
}

/* One pass over the BAT. Runs are the same in each, so one that was handed out is known by its key. */
static enum status fill(struct file_order *o)
{
    const struct geometry *g = &o->view->geometry;
    struct key limit = {.off = UINT64_MAX, .index = UINT32_MAX}, run = {.blocks = 0};
    uint64_t expected_off = 0, expected_index = 0; /* of an entry that goes on with the run */
    struct bat_stream s;
    struct bat_window w;
    enum status st;

    bat_stream_open(o->view, 0, o->view->bat.walk_entries, &s);
    o->next = o->count = 0;
    o->complete = true;
    for (st = bat_stream_next(&s, &w); st == STATUS_OK && w.count > 0; st = bat_stream_next(&s, &w)) {
        for (uint64_t i = 0; i < w.count; i++) {
            uint64_t raw = bat_window_entry(&w, i), index = w.first + i;
            enum claim_kind kind;
            if (raw == 0)
                continue;
            struct bat_slot slot = bat_slot_of_index(g, index);
            if (slot.is_bitmap || slot.block >= g->payload_blocks || !claim_of_entry(g, false, raw, &kind))
                continue;
            uint64_t off = bat_entry_off(raw) | (kind == CLAIM_ANCHOR);
            if (run.blocks > 0 && off == expected_off && index == expected_index) {
                run.blocks++;
            } else {
                end_run(o, &run, &limit);
                run = (struct key){.off = off, .index = (uint32_t)index, .blocks = 1};
            }
            expected_off = off + g->block_size;
            expected_index = bat_index_of_block(g, slot.block + 1);
        }
    }
    end_run(o, &run, &limit);
    bat_stream_close(&s);
    qsort(o->keys, (size_t)o->count, sizeof(*o->keys), compare_keys);
    o->started = true;
    return st;
}

enum status file_order_next(struct file_order *o, struct placed_blocks *ret, bool *ret_more)
{
    const struct geometry *g = &o->view->geometry;
    if (o->next == o->count && !(o->started && o->complete)) {
        enum status st = fill(o);
        if (st != STATUS_OK)
            return st;
    }
    *ret_more = o->next < o->count;
    if (!*ret_more)
        return STATUS_OK;
    const struct key *k = &o->keys[o->next++];
    o->last = *k;
    *ret = (struct placed_blocks){
        .off = k->off & ~(MIB - 1),
        .index = k->index,
        .block = bat_slot_of_index(g, k->index).block,
        .blocks = k->blocks,
        .anchor = (k->off & 1) != 0,
    };
    return STATUS_OK;
}
