/* SPDX-License-Identifier: MIT */
/*
 * Sector bitmap blocks against the states of the blocks they describe ([MS-VHDX] 2.4, 2.5.1.2). A bitmap is 1 MiB and a
 * 64 TiB child has 16384 of them, mostly holes; so a bitmap is walked by its data ranges, and the blocks of the chunk
 * are met in step with them:
 *
 *     bitmap bytes   ....[ data ]..........[ data ]....        holes are zeros and are never read
 *     blocks         0   1   2   3   4   5   6   7   8         each is closed once, with the bits found in it
 *
 * The work is linear in the BAT entries of chunks that have a bitmap and in the allocated bytes of the bitmaps.
 */
#include "image/bitmaps.h"

#include "base/checked.h"
#include "base/le.h"
#include "format/sector_bitmap.h"
#include "image/bat_stream.h"
#include "image/bat_walk.h"

enum { WINDOW_LEN = 65536, WORD_LEN = 8 };

struct chunk_walk {
    struct view *view;
    struct bat_reader *bat;
    struct bitmap_note *note;
    uint64_t first_block; /* of the chunk */
    uint64_t end_bit;     /* bits of the chunk that stand for sectors of the disk */
    uint64_t block;       /* the open one, counted in the chunk */
    uint64_t ones;        /* found in it so far, below end_bit */
    unsigned last_bit;    /* the bit before the next word, for the transitions */
};

/* Judges the open block by its state and the bits found in it, and opens the next one. */
static enum status block_close(struct chunk_walk *w)
{
    const struct geometry *g = &w->view->geometry;
    struct bitmap_note *n = w->note;
    uint64_t block = w->first_block + w->block, entry = 0;

    enum status st = bat_reader_get(w->bat, bat_index_of_block(g, block), &entry);
    if (st != STATUS_OK)
        return st;
    switch (bat_entry_state(entry)) {
    case PAYLOAD_NOT_PRESENT:
        n->not_present_blocks++;
        if (w->ones > 0 && n->bits_not_present == 0)
            n->first_not_present_block = block;
        n->bits_not_present += w->ones;
        break;
    case PAYLOAD_PARTIALLY_PRESENT:
        n->partial_blocks++;
        if (!n->in_file)
            break;
        if (w->ones == 0) {
            if (n->partial_empty++ == 0)
                n->first_partial_empty = block;
        } else if (w->ones == u64_div_up(block_guest_len(g, block), g->logical_sector_size)) {
            if (n->partial_full++ == 0)
                n->first_partial_full = block;
        }
        break;
    default:
        if (w->ones > 0 && n->bits_meaningless == 0)
            n->first_meaningless_block = block;
        n->bits_meaningless += w->ones;
        break;
    }
    w->block++;
    w->ones = 0;
    return STATUS_OK;
}

/* Closes the blocks in front of `block` (counted in the chunk; at most its real ones). */
static enum status blocks_close_before(struct chunk_walk *w, uint64_t block)
{
    enum status st = STATUS_OK;

    while (st == STATUS_OK && w->block < u64_min(block, w->note->blocks))
        st = block_close(w);
    return st;
}

/* Takes the bytes [pos, pos + bits.len) of the bitmap; pos and length are multiples of WORD_LEN, pos only grows. */
static enum status bits_take(struct chunk_walk *w, uint64_t pos, struct span bits)
{
    const uint64_t spb = w->view->geometry.sectors_per_block;
    const uint64_t first = pos * 8, last = (pos + bits.len) * 8;
    struct bitmap_note *n = w->note;

    for (size_t i = 0; i + WORD_LEN <= bits.len; i += WORD_LEN) {
        uint64_t word = le64(bits.ptr + i);
        n->transitions += (uint64_t)__builtin_popcountll(word ^ (word << 1 | w->last_bit));
        n->bits_total += (uint64_t)__builtin_popcountll(word);
        w->last_bit = (unsigned)(word >> 63);
    }
    for (uint64_t bit = first; bit < u64_min(last, w->end_bit);) {
        enum status st = blocks_close_before(w, bit / spb);
        if (st != STATUS_OK)
            return st;
        uint64_t count = u64_min(u64_min(last, w->end_bit), (bit / spb + 1) * spb) - bit;
        w->ones += sector_bitmap_count(bits, bit - first, count);
        bit += count;
    }
    if (last > w->end_bit) {
        uint64_t from = u64_max(first, w->end_bit);
        n->bits_past_end += sector_bitmap_count(bits, from - first, last - from);
    }
    return STATUS_OK;
}

/* Reads the data ranges of the bitmap block, window by window. */
static enum status bitmap_read(struct chunk_walk *w, uint8_t *window)
{
    struct source *src = w->view->src;
    const uint64_t start = w->note->off, end = start + BITMAP_BLOCK_LEN;

    for (uint64_t off = start; off < end;) {
        uint64_t data = 0, hole = 0;
        enum status st = source_next_data(src, off, &data, &hole);
        if (st != STATUS_OK)
            return st;
        if (data >= end)
            break;
        /* Whole words only: the bytes added at either side are zeros of a hole, or were not taken yet. */
        uint64_t pos = u64_max(data - (data - start) % WORD_LEN, off);
        uint64_t stop = u64_min(hole, end);
        stop = u64_min(start + u64_div_up(stop - start, WORD_LEN) * WORD_LEN, end);
        if (pos > off)
            w->last_bit = 0;
        while (pos < stop) {
            size_t len = (size_t)u64_min(WINDOW_LEN, stop - pos);
            st = source_read(src, pos, window, len);
            if (st == STATUS_OK)
                st = bits_take(w, pos - start, span_of(window, len));
            if (st != STATUS_OK)
                return st;
            pos += len;
        }
        off = stop;
    }
    return STATUS_OK;
}

static enum status chunk_count(struct view *v, struct bat_reader *bat, struct bitmap_note *n, uint8_t *window)
{
    const struct geometry *g = &v->geometry;
    const uint64_t sectors = u64_div_up(g->virtual_size, g->logical_sector_size);
    struct chunk_walk w = {
        .view = v,
        .bat = bat,
        .note = n,
        .first_block = n->chunk * g->chunk_ratio,
        .end_bit = u64_min(SECTORS_PER_BITMAP, sectors - n->chunk * SECTORS_PER_BITMAP),
    };

    n->blocks = u64_min(g->chunk_ratio, g->payload_blocks - w.first_block);
    n->in_file = range_in(n->off, BITMAP_BLOCK_LEN, v->src->size);
    enum status st = n->in_file ? bitmap_read(&w, window) : STATUS_OK;
    if (st == STATUS_IO)
        view_note_io_error(v);
    return st == STATUS_OK ? blocks_close_before(&w, n->blocks) : st;
}

enum status bitmaps_visit(struct view *v, bool (*fn)(void *ctx, const struct bitmap_note *n), void *ctx)
{
    const struct geometry *g = &v->geometry;
    struct bat_reader bat = {.window = NULL};

    if (v->geometry_absence != ABSENT_NOT || v->bat.absence != ABSENT_NOT || !g->differencing)
        return STATUS_OK;
    uint8_t *window = NULL;
    enum status st = bat_reader_open(v, &bat);
    for (uint64_t chunk = 0; st == STATUS_OK && chunk < g->chunks; chunk++) {
        uint64_t index = bat_index_of_bitmap(g, chunk), entry = 0;
        if (index >= v->bat.walk_entries)
            break;
        st = bat_reader_get(&bat, index, &entry);
        if (st != STATUS_OK || bat_entry_state(entry) != BITMAP_PRESENT || bat_entry_off(entry) == 0)
            continue;
        struct bitmap_note note = {
            .chunk = chunk,
            .index = index,
            .entry_off = v->bat.off + index * BAT_ENTRY_LEN,
            .off = bat_entry_off(entry),
        };
        if (!window)
            window = (uint8_t *)arena_alloc(v->arena, WINDOW_LEN);
        st = !window ? arena_status(v->arena) : chunk_count(v, &bat, &note, window);
        if (st == STATUS_OK && !fn(ctx, &note))
            break;
    }
    bat_reader_close(&bat);
    arena_release(v->arena, window);
    return st;
}
