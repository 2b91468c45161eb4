/* SPDX-License-Identifier: MIT */
/*
 * Fixed structures and blocks are merged in the order of the file; what lies between them is free. `done` is the end of
 * everything so far, so that no byte is looked at twice however blocks overlap: one that begins below it is somebody
 * else's as well, has errors of its own, and is passed over.
 *
 *     file    [ log ][ block 0 ][ block 5 ]......[ bitmap ][ block 1 ]..............
 *     asked           zeros?     zeros?    free             hidden?    free, up to the end of the file
 *
 * Holes are asked for once each and never read. Blocks that follow each other in disk and file come as one run, however
 * many; with a hole of the host over all of them the loop over them asks nobody.
 */
#include "image/deep_scan.h"

#include "base/checked.h"
#include "base/le.h"
#include "format/sector_bitmap.h"
#include "image/bat_stream.h"
#include "image/bat_walk.h"
#include "image/file_order.h"

enum {
    WINDOW = 1 << 20,
    FIRST_LOOK = 128 * 1024, /* of a block or unit, before more of it is read; holds CONTENT_LOOK */
    BITS_MOST = 64 * 1024,   /* bytes of a sector bitmap that one block can have */
    ENTRIES = 512,           /* BAT entries read at a time */
};

/* Bytes of the file between two words about progress. */
static const uint64_t PROGRESS_BYTES = (uint64_t)16 << 20;

struct deep {
    struct view *view;
    struct source *src;
    const struct geometry *g;
    bool (*fn)(void *ctx, const struct deep_note *n);
    void *ctx;
    void (*progress)(void *ctx, uint64_t off);
    void *progress_ctx;
    uint64_t told; /* to progress */
    bool stopped;

    uint8_t *window; /* WINDOW bytes */
    uint64_t done;   /* everything below is looked at, or has an owner */
    /* Between asked and hole the only data is [data, hole). */
    uint64_t asked, data, hole;

    struct deep_note zeros, free; /* runs still open; len 0: none */

    uint8_t *bits;  /* BITS_MOST bytes; of differencing images only */
    uint64_t chunk; /* whose bitmap lies at bitmap_off (0: nowhere); UINT64_MAX: none yet */
    uint64_t bitmap_off;
    uint64_t entry_first, entry_count; /* BAT entries held */
    uint64_t entries[ENTRIES];
};

static void say(struct deep *d, const struct deep_note *n)
{
    if (!d->stopped && !d->fn(d->ctx, n))
        d->stopped = true;
}

static void tell(struct deep *d, uint64_t off)
{
    if (d->progress != NULL && off >= d->told && off - d->told >= PROGRESS_BYTES) {
        d->told = off;
        d->progress(d->progress_ctx, off);
    }
}

/* ---- bytes ---- */

/* The next data of [off, end), or *ret_data == end. Offsets mostly grow, so that each range is asked for once. */
static enum status next_data(struct deep *d, uint64_t off, uint64_t end, uint64_t *ret_data, uint64_t *ret_end)
{
    if (off < d->asked || off >= d->hole) {
        enum status st = source_next_data(d->src, off, &d->data, &d->hole);
        if (st != STATUS_OK) {
            d->asked = d->hole = 0;
            return st;
        }
        d->asked = off;
        if (d->data >= d->src->size)
            d->hole = UINT64_MAX; /* nothing follows */
    }
    *ret_data = u64_min(end, u64_max(off, d->data));
    *ret_end = u64_min(end, d->hole);
    return STATUS_OK;
}

static enum status read_window(struct deep *d, uint64_t off, size_t len)
{
    tell(d, off);
    return source_read(d->src, off, d->window, len);
}

/* The first byte of [off, end) that is not zero, or *ret == end. Reads a little at first, more when that is zeros. */
static enum status find_nonzero(struct deep *d, uint64_t off, uint64_t end, uint64_t *ret)
{
    size_t most = FIRST_LOOK;
    while (off < end) {
        uint64_t data_end;
        enum status st = next_data(d, off, end, &off, &data_end);
        if (st != STATUS_OK)
            return st;
        while (off < data_end) {
            size_t n = (size_t)u64_min(most, data_end - off);
            st = read_window(d, off, n);
            if (st != STATUS_OK)
                return st;
            size_t at = span_find_nonzero(span_of(d->window, n), 0);
            off += at;
            if (at < n) {
                *ret = off;
                return STATUS_OK;
            }
            most = WINDOW;
        }
    }
    *ret = end;
    return STATUS_OK;
}

/* An error of the host: goes on behind it, and the view remembers. */
static enum status forgive(struct deep *d, enum status st)
{
    if (st != STATUS_IO)
        return st;
    view_note_io_error(d->view);
    return STATUS_OK;
}

/* ---- blocks ---- */

static void close_zeros(struct deep *d)
{
    if (d->zeros.blocks > 0)
        say(d, &d->zeros);
    d->zeros.blocks = 0;
}

static void add_zeros(struct deep *d, uint64_t off, uint64_t len, uint64_t block)
{
    struct deep_note *z = &d->zeros;
    if (z->blocks == 0)
        *z = (struct deep_note){
            .kind = DEEP_ZERO_BLOCKS, .off = off, .index = bat_index_of_block(d->g, block), .block = block};
    z->blocks++;
    z->len += len;
}

/* Entry `index` of the BAT; `more` others are wanted behind it. */
static enum status entry_at(struct deep *d, uint64_t index, uint64_t more, uint64_t *ret)
{
    if (index < d->entry_first || index - d->entry_first >= d->entry_count) {
        uint8_t raw[ENTRIES * BAT_ENTRY_LEN];
        uint64_t count = u64_min(u64_min(ENTRIES, more + 1), d->view->bat.slots - index);
        enum status st =
            source_read(d->src, d->view->bat.off + index * BAT_ENTRY_LEN, raw, (size_t)(count * BAT_ENTRY_LEN));
        d->entry_count = 0;
        if (st != STATUS_OK)
            return st;
        for (uint64_t i = 0; i < count; i++)
            d->entries[i] = le64(raw + i * BAT_ENTRY_LEN);
        d->entry_first = index;
        d->entry_count = count;
    }
    *ret = d->entries[index - d->entry_first];
    return STATUS_OK;
}

/* Where the sector bitmap of a chunk lies: d->bitmap_off, 0 for nowhere. */
static enum status enter_chunk(struct deep *d, uint64_t chunk)
{
    uint64_t index = bat_index_of_bitmap(d->g, chunk);
    uint8_t raw[BAT_ENTRY_LEN];
    if (chunk == d->chunk)
        return STATUS_OK;
    d->chunk = UINT64_MAX;
    d->bitmap_off = 0;
    if (index < d->view->bat.slots) {
        enum status st = source_read(d->src, d->view->bat.off + index * BAT_ENTRY_LEN, raw, sizeof(raw));
        if (st != STATUS_OK)
            return st;
        if (bat_entry_state(le64(raw)) == BITMAP_PRESENT)
            d->bitmap_off = bat_entry_off(le64(raw));
    }
    d->chunk = chunk;
    return STATUS_OK;
}

/* Counts sectors of [off, end) that are not zero; both are multiples of a sector from the start of the block. */
static enum status count_sectors(struct deep *d, uint64_t off, uint64_t end, struct deep_note *n)
{
    const uint64_t sector = d->g->logical_sector_size;
    const uint64_t start = off;
    while (off < end) {
        uint64_t data_end;
        enum status st = next_data(d, off, end, &off, &data_end);
        if (st != STATUS_OK)
            return st;
        off -= (off - start) % sector; /* data may begin and end anywhere in a sector */
        data_end = u64_min(end, start + u64_div_up(data_end - start, sector) * sector);
        while (off < data_end) {
            size_t len = (size_t)u64_min(WINDOW, data_end - off);
            st = read_window(d, off, len);
            if (st != STATUS_OK)
                return st;
            size_t at = span_find_nonzero(span_of(d->window, len), 0);
            while (at < len) {
                if (n->count++ == 0)
                    n->first_off = off + at;
                at = (size_t)u64_min((at / sector + 1) * sector, len);
                at = span_find_nonzero(span_of(d->window, len), at);
            }
            off += len;
        }
    }
    return STATUS_OK;
}

/* Sectors of a PARTIALLY_PRESENT block whose bit is 0 ([MS-VHDX] 2.4) belong to the parent. */
static enum status hidden_sectors(struct deep *d, uint64_t off, uint64_t len, uint64_t block)
{
    const struct geometry *g = d->g;
    uint64_t sectors = len / g->logical_sector_size, bytes = u64_div_up(sectors, 8);
    struct deep_note n = {.kind = DEEP_HIDDEN,
                          .off = off,
                          .len = u64_min(g->block_size, d->src->size - off),
                          .block = block,
                          .blocks = 1};
    size_t got = 0;

    enum status st = enter_chunk(d, block >> g->chunk_shift);
    if (st != STATUS_OK || d->bitmap_off == 0)
        return st;
    uint64_t at = (block & (g->chunk_ratio - 1)) * (g->sectors_per_block / 8);
    st = source_read_some(d->src, u64_add_sat(d->bitmap_off, at), d->bits, (size_t)bytes, &got);
    if (st != STATUS_OK || got < bytes) /* a bitmap outside the file is VHDX-SBM-001 */
        return st;
    struct span bits = span_of(d->bits, got);
    for (uint64_t first = 0; first < sectors && st == STATUS_OK;) {
        bool present;
        uint64_t run = sector_bitmap_run(bits, first, sectors - first, &present);
        if (!present)
            st = count_sectors(d, off + first * g->logical_sector_size, off + (first + run) * g->logical_sector_size,
                               &n);
        first += run;
    }
    n.index = bat_index_of_block(g, block);
    if (st == STATUS_OK && n.count > 0)
        say(d, &n);
    return st;
}

/* What lies in the last block behind the end of the disk, as far as the file has it. */
static enum status past_disk(struct deep *d, uint64_t off, uint64_t block)
{
    uint64_t used = block_guest_len(d->g, block), len = d->g->block_size - used;
    struct residue r = {.bytes = 0};
    enum status st = view_residue(d->view, off + used, len, &r);
    if (st == STATUS_OK && r.bytes > 0)
        say(d, &(struct deep_note){.kind = DEEP_PAST_DISK,
                                   .off = off + used,
                                   .len = u64_min(len, d->src->size - off - used),
                                   .index = bat_index_of_block(d->g, block),
                                   .block = block,
                                   .blocks = 1,
                                   .first_off = r.first_off,
                                   .count = r.bytes});
    return st;
}

/* One block, of which the file has at least the first byte. */
static enum status one_block(struct deep *d, uint64_t off, uint64_t block, uint64_t more)
{
    const struct geometry *g = d->g;
    uint64_t end = u64_min(off + g->block_size, d->src->size), found = end, raw = PAYLOAD_FULLY_PRESENT;
    bool whole = range_in(off, block_guest_len(g, block), d->src->size); /* nobody knows what a cut block held */
    enum status st = STATUS_OK;

    if (g->differencing)
        st = entry_at(d, bat_index_of_block(g, block), more, &raw);
    if (st == STATUS_OK && bat_entry_state(raw) == PAYLOAD_PARTIALLY_PRESENT) {
        close_zeros(d);
        st = hidden_sectors(d, off, u64_min(block_guest_len(g, block), end - off), block);
    } else if (st == STATUS_OK && whole) {
        st = find_nonzero(d, off, end, &found);
        if (st == STATUS_OK && found == end)
            add_zeros(d, off, end - off, block);
        else
            close_zeros(d);
    } else {
        close_zeros(d);
    }
    if (st == STATUS_OK && block + 1 == g->payload_blocks)
        st = past_disk(d, off, block);
    return forgive(d, st);
}

static enum status blocks(struct deep *d, const struct placed_blocks *b)
{
    enum status st = STATUS_OK;
    for (uint64_t i = 0; i < b->blocks && st == STATUS_OK && !d->stopped; i++) {
        uint64_t off = b->off + i * d->g->block_size;
        if (off >= d->src->size)
            break;
        if (off < d->done || b->anchor)
            close_zeros(d);
        else
            st = one_block(d, off, b->block + i, b->blocks - i - 1);
        d->done = u64_max(d->done, off + d->g->block_size);
    }
    close_zeros(d); /* the next run begins elsewhere, in disk or file */
    return st;
}

/* ---- what nobody owns ---- */

static void close_free(struct deep *d)
{
    if (d->free.len > 0)
        say(d, &d->free);
    d->free.len = 0;
}

static void add_free(struct deep *d, uint64_t unit, uint64_t len, uint64_t first_off)
{
    if (d->free.len == 0)
        d->free = (struct deep_note){.kind = DEEP_FREE_DATA, .off = unit, .first_off = first_off};
    d->free.len = unit + len - d->free.off;
}

/* One unit of 1 MiB, or what the file has of it, with data somewhere in it. */
static enum status free_unit(struct deep *d, uint64_t unit, uint64_t end)
{
    size_t look = (size_t)u64_min(FIRST_LOOK, end - unit);
    struct deep_note n = {.kind = DEEP_FREE_CONTENT, .off = unit, .len = end - unit};

    enum status st = read_window(d, unit, look);
    if (st != STATUS_OK)
        return st;
    struct span first = span_of(d->window, look);
    uint64_t found = unit + span_find_nonzero(first, 0);
    bool known = content_guess(first, &n.content);
    if (found == unit + look)
        st = find_nonzero(d, found, end, &found);
    if (st != STATUS_OK)
        return st;
    if (found == end) {
        close_free(d);
        return STATUS_OK;
    }
    n.first_off = found;
    if (known)
        say(d, &n);
    add_free(d, unit, end - unit, found);
    return STATUS_OK;
}

/* Free units up to `end`, a multiple of 1 MiB or the end of the file. */
static enum status gap(struct deep *d, uint64_t end)
{
    uint64_t unit = d->done;
    enum status st = STATUS_OK;
    while (unit < end && st == STATUS_OK && !d->stopped) {
        uint64_t data, data_end, unit_end;
        st = next_data(d, unit, end, &data, &data_end);
        if (st != STATUS_OK || data == end) {
            close_free(d);
            break;
        }
        if (data - data % MIB > unit) {
            close_free(d);
            unit = data - data % MIB;
        }
        unit_end = u64_min(unit + MIB, end);
        st = forgive(d, free_unit(d, unit, unit_end));
        unit = unit_end;
    }
    close_free(d);
    return forgive(d, st);
}

/* A MiB of which something owns a part is not free, as in layout_map_free_ranges(). */
static enum status gap_before(struct deep *d, uint64_t off)
{
    uint64_t end = off >= d->src->size ? d->src->size : off - off % MIB;
    uint64_t start;
    if (!u64_align_up(d->done, MIB, &start) || start >= end)
        return STATUS_OK;
    d->done = start;
    return gap(d, end);
}

/* ---- all of it ---- */

static enum status merge(struct deep *d, struct file_order *order)
{
    const struct layout_map *map = d->view->layout;
    const uint64_t fixed = layout_map_fixed_count(map);
    struct placed_blocks b = {.blocks = 0};
    bool more = false;
    uint64_t i = 0;

    enum status st = file_order_next(order, &b, &more);
    while (st == STATUS_OK && !d->stopped && (more || i < fixed)) {
        const struct extent *e = i < fixed ? layout_map_fixed(map, i) : NULL;
        if (e != NULL && (!more || e->start <= b.off)) {
            st = gap_before(d, e->start);
            d->done = u64_max(d->done, e->end);
            i++;
            continue;
        }
        st = gap_before(d, b.off);
        if (st == STATUS_OK)
            st = blocks(d, &b);
        if (st == STATUS_OK)
            st = file_order_next(order, &b, &more);
    }
    return st == STATUS_OK && !d->stopped ? gap_before(d, UINT64_MAX) : st;
}

enum status deep_scan(struct view *v, bool (*fn)(void *ctx, const struct deep_note *n), void *ctx,
                      void (*progress)(void *ctx, uint64_t off), void *progress_ctx)
{
    struct file_order *order = NULL;
    struct deep *d = arena_alloc(v->arena, sizeof(*d));

    if (d == NULL)
        return arena_status(v->arena);
    *d = (struct deep){.view = v,
                       .src = v->src,
                       .g = &v->geometry,
                       .fn = fn,
                       .ctx = ctx,
                       .progress = progress,
                       .progress_ctx = progress_ctx,
                       .chunk = UINT64_MAX};
    d->window = arena_alloc(v->arena, WINDOW);
    if (v->geometry.differencing)
        d->bits = arena_alloc(v->arena, BITS_MOST);
    if (d->window == NULL || (v->geometry.differencing && d->bits == NULL))
        return arena_status(v->arena);
    enum status st = file_order_open(v, &order);
    if (st == STATUS_OK)
        st = merge(d, order);
    arena_release(v->arena, d->window);
    if (d->bits != NULL)
        arena_release(v->arena, d->bits);
    return st;
}
