/* SPDX-License-Identifier: MIT */
/*
 * Fills the bins. Fixed structures come from the layout map, blocks from the BAT as it streams by, overlaps and faults
 * from the notes about notable entries (the same that the rules judge), holes from the host.
 */
#include "image/disk_bins.h"

#include "base/checked.h"
#include "format/layout.h"
#include "image/bat_stream.h"
#include "image/bat_walk.h"
#include "image/claims.h"
#include "image/holes.h"

/* What makes a block unreadable for the guest. That a soft anchor shares its place does not. */
enum {
    SHARING_FACTS = BAT_FACT_HITS_HEADER | BAT_FACT_HITS_LOG | BAT_FACT_HITS_REGION | BAT_FACT_SAME_PAYLOAD |
                    BAT_FACT_PARTIAL_PAYLOAD | BAT_FACT_HITS_BITMAP,
    FAULT_FACTS = SHARING_FACTS | BAT_FACT_ZERO_OFFSET | BAT_FACT_WRAPS | BAT_FACT_PAST_EOF | BAT_FACT_NO_BITMAP,
};

/* Calls for each bin that [off, off + len) has a part in; what lies behind the file is cut off. */
static void each_bin(struct disk_bins *d, uint64_t off, uint64_t len,
                     void (*fn)(struct disk_bins *d, struct file_bin *b, uint64_t part, unsigned arg), unsigned arg)
{
    uint64_t end = u64_min(u64_add_sat(off, len), d->file_size);

    while (off < end) {
        uint64_t i = off / d->unit, stop = u64_min(end, (i + 1) * d->unit);

        fn(d, &d->file[i], stop - off, arg);
        off = stop;
    }
}

static void add_use(struct disk_bins *d, struct file_bin *b, uint64_t part, unsigned use)
{
    b->bytes[use] += part;
    d->file_bytes[use] += part;
}

static void mark_overlap(struct disk_bins *d, struct file_bin *b, uint64_t part, unsigned unused)
{
    (void)d;
    (void)part;
    (void)unused;
    b->overlap = true;
}

static void mark_stored(struct disk_bins *d, struct file_bin *b, uint64_t part, unsigned unused)
{
    (void)d;
    (void)part;
    (void)unused;
    b->stored = true;
}

/* ---- fixed structures ---- */

static enum file_use use_of(const struct view *v, const struct extent *e)
{
    switch (e->kind) {
    case OWNER_HEADER_SECTION:
        return FILE_USE_HEADER;
    case OWNER_LOG:
        return FILE_USE_LOG;
    case OWNER_BITMAP:
        return FILE_USE_BITMAP;
    case OWNER_REGION:
        if (v->bat_region.found && e->ref == v->bat_region.entry)
            return FILE_USE_BAT;
        if (v->metadata_region.found && e->ref == v->metadata_region.entry)
            return FILE_USE_METADATA;
        break;
    case OWNER_PAYLOAD: /* none of these is a fixed structure */
    case OWNER_ANCHOR:
    case OWNER_NONE:
        break;
    }
    return FILE_USE_REGION;
}

/* They are sorted by start: one that begins before the end of another shares bytes with it. */
static void add_fixed(struct disk_bins *d, const struct view *v)
{
    uint64_t reach = 0;

    for (uint64_t i = 0; i < layout_map_fixed_count(v->layout); i++) {
        const struct extent *e = layout_map_fixed(v->layout, i);

        each_bin(d, e->start, e->end - e->start, add_use, use_of(v, e));
        if (e->start < reach)
            each_bin(d, e->start, u64_min(reach, e->end) - e->start, mark_overlap, 0);
        reach = u64_max(reach, e->end);
    }
}

/* ---- blocks ---- */

/* Blocks of one state that follow each other in the disk and, when they have a place, in the file. */
struct block_run {
    uint64_t raw; /* entry of the first */
    uint64_t block, blocks;
    uint64_t step; /* from entry to entry */
    uint64_t next; /* the entry that goes on with the run ... */
    bool ends;     /* ... unless there can be none */
};

static void end_run(struct disk_bins *d, const struct geometry *g, const struct block_run *run)
{
    const uint64_t per_bin = d->guest_unit / g->block_size, off = bat_entry_off(run->raw);
    const uint64_t len = run->blocks * g->block_size, end = u64_add_sat(off, len);
    enum claim_kind kind;

    for (uint64_t block = run->block; block < run->block + run->blocks;) {
        uint64_t next = u64_min((block / per_bin + 1) * per_bin, run->block + run->blocks);

        d->guest[block / per_bin].states[bat_entry_state(run->raw)] += next - block;
        block = next;
    }
    if (run->blocks > 0 && claim_of_entry(g, false, run->raw, &kind)) {
        each_bin(d, off, len, add_use, kind == CLAIM_ANCHOR ? FILE_USE_ANCHOR : FILE_USE_PAYLOAD);
        if (end > d->file_size)
            d->beyond = u64_add_sat(d->beyond, end - u64_max(off, d->file_size));
    }
}

static void add_entry(struct disk_bins *d, const struct geometry *g, uint64_t raw, uint64_t block,
                      struct block_run *run)
{
    enum claim_kind kind;

    if (run->blocks == 0 || block != run->block + run->blocks || run->ends || raw != run->next) {
        end_run(d, g, run);
        *run = (struct block_run){.raw = raw, .block = block};
        run->step = claim_of_entry(g, false, raw, &kind) ? g->block_size : 0;
    }
    run->blocks++;
    run->ends = !u64_add(raw, run->step, &run->next);
}

/* Entries of a window; a bitmap entry between two blocks does not part them. */
static void add_window(struct disk_bins *d, const struct geometry *g, const struct bat_window *w, struct block_run *run)
{
    const uint64_t chunk_entries = g->chunk_ratio + 1;
    uint64_t in_chunk = w->first % chunk_entries, block = w->first - w->first / chunk_entries;

    for (uint64_t i = 0; i < w->count; i++, in_chunk++) {
        uint64_t raw = bat_window_entry(w, i);

        if (in_chunk == g->chunk_ratio) {
            in_chunk = UINT64_MAX; /* the next one is the first of its chunk */
            continue;
        }
        if (raw != 0 && block < g->payload_blocks)
            add_entry(d, g, raw, block, run);
        block++;
    }
}

static enum status add_blocks(struct disk_bins *d, struct view *v)
{
    struct block_run run = {.blocks = 0};
    struct bat_stream s;
    struct bat_window w;
    enum status st;

    bat_stream_open(v, 0, v->bat.walk_entries, &s);
    for (st = bat_stream_next(&s, &w); st == STATUS_OK && w.count > 0; st = bat_stream_next(&s, &w))
        add_window(d, &v->geometry, &w, &run);
    end_run(d, &v->geometry, &run);
    bat_stream_close(&s);
    if (st != STATUS_OK)
        return st;
    /* Entries that are zero, streamed or not, are blocks in state 0. */
    for (uint32_t i = 0; i < d->guest_count; i++) {
        struct guest_bin *b = &d->guest[i];
        uint64_t others = 0;

        for (unsigned state = 1; state < 8; state++)
            others += b->states[state];
        b->states[PAYLOAD_NOT_PRESENT] = b->blocks - others;
    }
    return STATUS_OK;
}

struct notes {
    struct disk_bins *bins;
    const struct geometry *geometry;
};

/* Slots without a block of the disk are nobody's fault. */
static void mark_fault(struct notes *n, uint64_t index)
{
    struct bat_slot slot = bat_slot_of_index(n->geometry, index);

    if (!slot.is_bitmap && slot.block < n->geometry->payload_blocks)
        n->bins->guest[slot.block * n->geometry->block_size / n->bins->guest_unit].fault = true;
}

/* The bytes that the note's block and the other owner have in common; all of the block when he is not known. */
static void mark_shared(struct notes *n, const struct bat_note *note, enum bat_fact fact)
{
    const struct extent *other = bat_note_other(note, fact);
    uint64_t start = note->off, end = u64_add_sat(note->off, note->len);

    if (!note->owns) { /* offset 0: the header section */
        each_bin(n->bins, 0, HEADER_SECTION_LEN, mark_overlap, 0);
        return;
    }
    if (other->kind != OWNER_NONE) {
        start = u64_max(start, other->start);
        end = u64_min(end, other->end);
    }
    if (start < end)
        each_bin(n->bins, start, end - start, mark_overlap, 0);
    if (other->kind == OWNER_PAYLOAD && fact != BAT_FACT_HITS_ANCHOR)
        mark_fault(n, other->ref);
}

static bool is_fault(const struct notes *n, const struct bat_note *note)
{
    unsigned state = bat_entry_state(note->raw);

    if (state == PAYLOAD_RESERVED_4 || (state == PAYLOAD_PARTIALLY_PRESENT && !n->geometry->differencing))
        return true;
    return state >= PAYLOAD_FULLY_PRESENT && note->facts & FAULT_FACTS;
}

static bool add_note(void *ctx, const struct bat_note *note)
{
    struct notes *n = ctx;

    for (unsigned bit = BAT_OTHERS_SHIFT; bit < BAT_OTHERS_SHIFT + BAT_OTHERS; bit++) {
        if (note->facts >> bit & 1)
            mark_shared(n, note, (enum bat_fact)(1U << bit));
    }
    if (is_fault(n, note))
        mark_fault(n, note->index);
    return true;
}

/* ---- holes ---- */

/* One question for each bin at most: where there is some data, there is no hole that could be shown. */
static enum status mark_data(struct disk_bins *d, struct view *v)
{
    uint64_t off = 0, data = 0, hole = 0;

    while (off < d->file_size) {
        enum status st = view_next_data(v, off, &data, &hole);
        if (st == STATUS_IO) { /* nobody knows: not a hole */
            data = off;
            hole = d->file_size;
        } else if (st != STATUS_OK) {
            return st;
        }
        if (data >= d->file_size)
            break;
        each_bin(d, data, hole - data, mark_stored, 0);
        off = ((hole - 1) / d->unit + 1) * d->unit;
    }
    return STATUS_OK;
}

/* ---- all of it ---- */

/* The smallest power of two times `least`, a power of two itself, that cuts size < 2^63 into at most max_bins parts. */
static uint64_t unit_for(uint64_t size, uint64_t least, uint32_t max_bins)
{
    uint64_t unit = least;

    while (u64_div_up(size, unit) > max_bins) /* 2^63 makes one part of anything */
        unit *= 2;
    return unit;
}

static enum status make_guest(struct arena *a, struct view *v, uint32_t max_bins, struct disk_bins *d)
{
    const struct geometry *g = &v->geometry;
    struct notes notes = {.bins = d, .geometry = g};

    d->guest_unit = unit_for(g->payload_blocks * g->block_size, g->block_size, max_bins);
    uint64_t per_bin = d->guest_unit / g->block_size;
    d->guest_count = (uint32_t)u64_div_up(g->payload_blocks, per_bin);
    d->guest = arena_array(a, d->guest_count, sizeof(*d->guest));
    if (!d->guest)
        return arena_status(a);
    for (uint32_t i = 0; i < d->guest_count; i++)
        d->guest[i].blocks = u64_min(per_bin, g->payload_blocks - i * per_bin);
    /* Blocks whose entries the region is too small to hold. */
    if (v->bat.walk_entries < g->entries) {
        struct bat_slot first = bat_slot_of_index(g, v->bat.walk_entries);
        for (uint64_t i = first.is_bitmap ? (first.chunk + 1) * g->chunk_ratio / per_bin : first.block / per_bin;
             i < d->guest_count; i++)
            d->guest[i].fault = true;
    }
    enum status st = add_blocks(d, v);
    if (st == STATUS_OK)
        st = bat_visit_notable(v, add_note, &notes);
    return st;
}

enum status disk_bins_make(struct arena *a, struct view *v, uint32_t max_bins, struct disk_bins *ret)
{
    struct disk_bins d = {.file_size = view_size(v)};
    enum status st = STATUS_OK;

    d.unit = unit_for(d.file_size, MIB, max_bins);
    d.file_count = (uint32_t)u64_div_up(d.file_size, d.unit);
    d.file = arena_array(a, d.file_count, sizeof(*d.file));
    if (!d.file)
        return arena_status(a);
    if (v->layout)
        add_fixed(&d, v);
    if (v->survey)
        st = make_guest(a, v, max_bins, &d);
    if (st == STATUS_OK)
        st = mark_data(&d, v);
    if (st == STATUS_OK)
        *ret = d;
    return st;
}
