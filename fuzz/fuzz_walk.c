/* SPDX-License-Identifier: MIT */
/*
 * What the commands that look at all of an image do with it: the guest's disk from one end to the other, its blocks in
 * the order of the file, what cannot be answered, and what a replay would change.
 *
 * Input: a recipe, or two, the second a parent (the first then preceded by its length, and bit 7 of its seed set).
 * Seed: bit 0 without the log, bits 1 to 6 where the walk begins.
 *
 * Asserted: a walk has no gaps, its zeros and data are what reading gives, its faults are those found beforehand;
 * blocks in the order of the file are ascending, and are exactly those that the BAT, read entry by entry, gives a
 * place; pages of a plan differ, ascend, and are as many as the replay counted.
 */
#include "base/le.h"
#include "base/limits.h"
#include "base/span.h"
#include "fuzz/whole.h"
#include "image/chain.h"
#include "image/file_order.h"
#include "image/guest.h"
#include "image/guest_faults.h"
#include "image/guest_walk.h"
#include "image/replay_plan.h"

enum {
    SEED_NO_REPLAY = 1,
    SEED_PARENT = 128,
    PIECES_MAX = 512,     /* of a walk */
    COMPARED_MAX = 65536, /* bytes of a piece */
    BLOCKS_MAX = 1 << 14, /* of a BAT that is read once more */
    PLACES_MAX = 1 << 15, /* pieces in the order of the file */
};

/* ---- the disk from one end to the other ---- */

static void judge_piece(struct guest *g, const struct guest_piece *p, const uint8_t *bytes, uint64_t faults)
{
    static uint8_t want[COMPARED_MAX];
    uint64_t len = u64_min(p->len, COMPARED_MAX), unknown = 0;

    ASSERT(guest_read(g, p->off, want, (size_t)len, NULL, NULL, &unknown) == STATUS_OK);
    switch (p->kind) {
    case GUEST_PIECE_ZERO:
        ASSERT(bytes == NULL && faults == 0 && unknown == 0);
        ASSERT(span_is_zero(span_of(want, (size_t)len)));
        break;
    case GUEST_PIECE_DATA:
        ASSERT(p->len <= GUEST_WALK_BUFFER && bytes != NULL);
        ASSERT(memcmp(bytes, want, (size_t)len) == 0);
        ASSERT(len < p->len || faults == unknown);
        break;
    case GUEST_PIECE_FAULT:
        ASSERT(bytes == NULL && faults == p->len && unknown == len);
        break;
    }
}

static void walk(struct guest *g, struct arena *a, uint64_t from)
{
    struct guest_walk *w = NULL;
    struct guest_piece p, again;
    struct guest_fault_list met = {.arena = a}, known = {.arena = a};
    uint64_t size = guest_size(g), pos = size / 64 * from, sum = 0;
    bool more = true;

    ASSERT(guest_walk_open(g, pos, size - pos, &w) == STATUS_OK);
    uint64_t first = pos;
    for (unsigned n = 0; n < PIECES_MAX; n++) {
        const uint8_t *bytes = NULL;
        uint64_t faults = 0;
        ASSERT(guest_walk_peek(w, &p, &more) == STATUS_OK);
        if (!more)
            break;
        ASSERT(p.off == pos && p.len > 0 && p.len <= size - pos);
        ASSERT(guest_walk_peek(w, &again, &more) == STATUS_OK && more && again.off == p.off && again.len == p.len);
        ASSERT(guest_walk_take(w, p.len, &bytes, guest_fault_list_note, &met, &faults) == STATUS_OK);
        judge_piece(g, &p, bytes, faults);
        pos += p.len;
        sum += faults;
    }
    ASSERT(more || pos == size);
    ASSERT(met.bytes == sum);
    if (pos > first)
        ASSERT(guest_find_faults(g, first, pos - first, &known) == STATUS_OK);
    ASSERT(known.bytes == met.bytes && known.total == met.total, "%llu and %llu bytes", (unsigned long long)known.bytes,
           (unsigned long long)met.bytes);
    for (uint64_t i = 0; i < met.count; i++) {
        ASSERT(known.ranges[i].off == met.ranges[i].off && known.ranges[i].fault == met.ranges[i].fault);
        ASSERT(guest_fault_name(met.ranges[i].fault) != NULL && guest_fault_text(met.ranges[i].fault) != NULL);
        sink(guest_fault_rule(&met.ranges[i]) != NULL);
    }
}

/* ---- in the order of the file ---- */

/* The BAT once more: blocks of the disk with a place, and the sum of their numbers and places. */
struct census {
    uint64_t blocks, anchors, sum;
};

static void count_block(struct census *c, uint64_t block, uint64_t off, bool anchor)
{
    c->blocks += !anchor;
    c->anchors += anchor;
    c->sum += (block + 1) * 0x9E3779B97F4A7C15U ^ off;
}

static bool take_census(const struct view *v, struct census *ret)
{
    const struct geometry *g = &v->geometry;

    *ret = (struct census){.blocks = 0};
    if (g->entries > BLOCKS_MAX)
        return false;
    for (uint64_t block = 0; block < g->payload_blocks; block++) {
        uint64_t index = bat_index_of_block(g, block);
        uint8_t entry[BAT_ENTRY_LEN];
        if (index >= v->bat.slots)
            break;
        ASSERT(source_read(v->src, v->bat.off + index * BAT_ENTRY_LEN, entry, sizeof(entry)) == STATUS_OK);
        uint64_t raw = le64(entry), off = bat_entry_off(raw);
        unsigned state = bat_entry_state(raw);
        bool live = state == PAYLOAD_FULLY_PRESENT || state == PAYLOAD_PARTIALLY_PRESENT;
        bool anchor = state == PAYLOAD_UNDEFINED || state == PAYLOAD_UNMAPPED;
        if (off != 0 && (live || anchor))
            count_block(ret, block, off, anchor);
    }
    return true;
}

static void judge_order(struct view *v)
{
    struct file_order *order = NULL;
    struct placed_blocks b, last = {.off = 0};
    struct census met = {.blocks = 0}, want;
    bool more = true;

    ASSERT(file_order_open(v, &order) == STATUS_OK);
    for (unsigned n = 0; more && n < PLACES_MAX; n++) {
        ASSERT(file_order_next(order, &b, &more) == STATUS_OK);
        if (!more)
            break;
        ASSERT(b.blocks > 0 && b.block < v->geometry.payload_blocks &&
               b.blocks <= v->geometry.payload_blocks - b.block);
        ASSERT(n == 0 || b.off > last.off || (b.off == last.off && b.anchor >= last.anchor), "%llu behind %llu",
               (unsigned long long)b.off, (unsigned long long)last.off);
        for (uint64_t i = 0; i < b.blocks && v->geometry.entries <= BLOCKS_MAX; i++)
            count_block(&met, b.block + i, b.off + i * v->geometry.block_size, b.anchor);
        last = b;
    }
    if (!more && take_census(v, &want))
        ASSERT(met.blocks == want.blocks && met.anchors == want.anchors && met.sum == want.sum,
               "%llu and %llu blocks, %llu and %llu anchors", (unsigned long long)met.blocks,
               (unsigned long long)want.blocks, (unsigned long long)met.anchors, (unsigned long long)want.anchors);
}

/* ---- what a replay would change ---- */

struct pages {
    uint64_t count, next;
};

static bool on_page(void *ctx, const struct replay_page *p)
{
    struct pages *all = ctx;
    uint64_t changed = 0, first = REPLAY_PAGE_LEN;

    for (uint64_t i = 0; i < REPLAY_PAGE_LEN; i++) {
        if (p->old[i] != p->new[i] && changed++ == 0)
            first = i;
    }
    ASSERT(changed > 0 && changed == p->changed && p->first_off == p->off + first);
    ASSERT(p->off % REPLAY_PAGE_LEN == 0 && p->off >= all->next);
    all->next = p->off + REPLAY_PAGE_LEN;
    all->count++;
    return true;
}

static void judge_plan(struct image *img)
{
    struct pages all = {.count = 0};

    ASSERT(replay_plan_visit(img, on_page, &all) == STATUS_OK);
    ASSERT(all.count == (img->replay.overlay != NULL ? img->replay.pages_changed : 0), "%llu of %llu",
           (unsigned long long)all.count, (unsigned long long)img->replay.pages_changed);
}

/* ---- */

struct parent {
    const struct recipe *recipe; /* NULL: there is none */
};

static enum status open_parent(void *ctx, uint32_t dir, const char *name, struct source **ret,
                               struct file_info *ret_info)
{
    const struct parent *p = ctx;

    sink(dir + strlen(name));
    if (p->recipe == NULL)
        return STATUS_NOT_FOUND;
    *ret = recipe_source(p->recipe);
    *ret_info = whole_host(p->recipe, 2).info;
    return STATUS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"parent.vhdx"};
    struct recipe_part parts[2] = {{data, size}, {NULL, 0}};
    struct recipe r, second;
    struct whole w;
    struct guest *g = NULL;
    const char *why = NULL;

    bool two = size > 3 && data[3] & SEED_PARENT && recipe_split(data, size, parts, 2) == 2;
    recipe_decode(two ? parts[0].data : data, two ? parts[0].size : size, &r);
    recipe_decode(parts[1].data, two ? parts[1].size : 0, &second);
    whole_open(&w, &r, "walk.vhdx", WHOLE_HOST | (r.seed & SEED_NO_REPLAY ? WHOLE_NO_REPLAY : 0U));
    struct parent parent = {.recipe = two ? &second : NULL};
    const struct chain_options options = {
        .parents = names, .parent_count = two ? 1 : 0, .open = open_parent, .open_ctx = &parent};
    ASSERT(chain_resolve(w.image, &options) == STATUS_OK);
    ASSERT(view_survey(w.image->main) == STATUS_OK);
    enum status st = guest_open(w.image, &(struct guest_options){.salvage = r.seed & 2}, &g, &why);
    ASSERT(st == STATUS_OK || (st == STATUS_REFUSED && why != NULL && *why != '\0'));
    if (st == STATUS_OK)
        walk(g, w.arena, r.seed >> 1 & 63);
    if (w.image->main->geometry_absence == ABSENT_NOT && w.image->main->bat.absence == ABSENT_NOT) {
        w.watched.bound.calls += 2 * BLOCKS_MAX; /* the census reads entry by entry, from the log at times */
        w.watched.bound.bytes += BLOCKS_MAX * LOG_SECTOR_LEN;
        judge_order(w.image->main);
    }
    judge_plan(w.image);
    chain_close(w.image);
    whole_close(&w);
    recipe_free(&second);
    recipe_free(&r);
    return 0;
}
