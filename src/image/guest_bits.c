/* SPDX-License-Identifier: MIT */
/*
 * Sector bitmaps for the guest reader ([MS-VHDX] 2.4; format.md 12). The bits of one block are at most 64 KiB and never
 * cross a 64 KiB boundary of their bitmap block, so one such slice is kept; the bitmap's BAT entry is looked up once
 * for a chunk. Only as much of a bitmap must be in the file as the block has sectors.
 */
#include "base/checked.h"
#include "image/guest_parts.h"

enum { SLICE = 65536 };

static enum status enter_chunk(struct guest_layer *l, uint64_t chunk)
{
    struct guest_bits *b = &l->bits;
    uint64_t index = bat_index_of_bitmap(l->geometry, chunk), raw = 0;
    enum guest_fault fault = GUEST_FAULT_NONE;

    b->chunk = UINT64_MAX;
    b->got = 0;
    if (index < l->view->bat.slots) {
        enum status st = guest_bat_entry(l, index, &raw, &fault);
        if (st != STATUS_OK)
            return st;
    }
    b->chunk = chunk;
    b->off = bat_entry_off(raw);
    b->fault = fault;
    if (fault != GUEST_FAULT_NONE)
        return STATUS_OK;
    if (bat_entry_state(raw) != BITMAP_PRESENT || b->off == 0 || b->off >= l->view->src->size)
        b->fault = GUEST_FAULT_NO_BITMAP;
    else if (contested_bitmap(l->contested, b->off))
        b->fault = GUEST_FAULT_OVERLAP;
    return STATUS_OK;
}

/* Makes [first, first + len) of the bitmap block the slice; *ret_bad: it could not be read. */
static enum status read_slice(struct guest_layer *l, uint64_t first, size_t len, bool *ret_bad)
{
    struct guest_bits *b = &l->bits;
    size_t got = 0;
    enum status st = source_read_some(l->view->src, u64_add_sat(b->off, first), b->bytes, len, &got);
    *ret_bad = st == STATUS_IO;
    b->first = first;
    b->got = st == STATUS_OK ? got : 0;
    return st == STATUS_IO ? STATUS_OK : st;
}

enum status guest_bits_of(struct guest_layer *l, uint64_t block, uint64_t sectors, struct span *ret,
                          enum guest_fault *ret_fault)
{
    const struct geometry *g = l->geometry;
    struct guest_bits *b = &l->bits;
    uint64_t chunk = block >> g->chunk_shift, need = u64_div_up(sectors, 8);
    uint64_t at = (block & (g->chunk_ratio - 1)) * (g->sectors_per_block / 8);
    enum status st = STATUS_OK;
    bool bad = false;

    if (!b->bytes)
        b->bytes = arena_alloc(l->view->arena, SLICE);
    if (!b->bytes)
        return arena_status(l->view->arena);
    if (b->chunk != chunk)
        st = enter_chunk(l, chunk);
    if (st != STATUS_OK)
        return st;
    *ret_fault = b->fault;
    if (b->fault != GUEST_FAULT_NONE)
        return STATUS_OK;
    if (at < b->first || !range_in(at - b->first, need, b->got))
        st = read_slice(l, at - at % SLICE, SLICE, &bad);
    if (st == STATUS_OK && bad)
        st = read_slice(l, at, (size_t)need, &bad); /* as little as possible is lost */
    if (st != STATUS_OK)
        return st;
    if (bad)
        *ret_fault = GUEST_FAULT_IO;
    else if (!range_in(at - b->first, need, b->got))
        *ret_fault = GUEST_FAULT_NO_BITMAP;
    else
        *ret = span_of(b->bytes + (at - b->first), (size_t)need);
    return STATUS_OK;
}
