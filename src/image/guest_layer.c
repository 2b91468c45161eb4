/* SPDX-License-Identifier: MIT */
/*
 * What one file of a chain says about its guest's disk (format.md 14; [MS-VHDX] 2.4, 2.5.1).
 *
 * The BAT is read as a sequence of stretches: blocks that are all zeros for the same reason, blocks that follow each
 * other in the file, runs of equal bits in a partially present block. The last stretch is remembered, and its end is
 * where the next one is looked for, so a walk over the disk looks at each entry once, also when the other layers of the
 * chain cut the disk into small pieces.
 *
 * A block is only served when every guest byte of it is in the file and nobody else claims them. With
 * guest_options.salvage the whole sectors of a cut block that are still there are served, which nothing contradicts.
 */
#include "base/checked.h"
#include "base/le.h"
#include "format/sector_bitmap.h"
#include "image/bat_walk.h"
#include "image/guest_parts.h"

enum status guest_layer_open(const struct image *img, const struct guest_options *options, struct guest_layer *ret)
{
    struct view *v = img->main;
    struct guest_layer l = {
        .image = img,
        .view = v,
        .geometry = &v->geometry,
        .block_shift = (unsigned)__builtin_ctzll(v->geometry.block_size),
        .bits = {.chunk = UINT64_MAX},
    };
    enum status st = view_survey(v);
    if (options)
        l.options = *options;
    if (st != STATUS_OK)
        return st;
    if (v->survey && !v->survey->overlaps_checked)
        return STATUS_LIMIT; /* a block could be somebody else's */
    st = contested_find(v, &l.contested);
    if (st == STATUS_OK)
        *ret = l;
    return st;
}

/* A block as one stretch without data: zeros, the parent's, or a fault. */
static void whole_block(const struct guest_layer *l, uint64_t block, struct guest_stretch *ret)
{
    ret->off = block << l->block_shift;
    ret->end = ret->off + block_guest_len(l->geometry, block);
}

static void fault_block(const struct guest_layer *l, uint64_t block, enum guest_fault fault, struct guest_stretch *ret)
{
    whole_block(l, block, ret);
    ret->fault = fault;
}

/* What is wrong with the place of a block, but for the end of the file. */
static enum guest_fault place_fault(const struct guest_layer *l, uint64_t file_off, bool anchor)
{
    if (file_off == 0 || !range_in(file_off, l->geometry->block_size, HOST_OFFSET_MAX))
        return GUEST_FAULT_OFFSET;
    if (anchor ? contested_anchor(l->contested, file_off) : contested_payload(l->contested, file_off))
        return GUEST_FAULT_OVERLAP;
    return GUEST_FAULT_NONE;
}

/* Cuts ret, which shows a part of the block at file_off, to the side of the end of the file that `off` is on. */
static void cut_at_eof(const struct guest_layer *l, uint64_t block, uint64_t file_off, uint64_t off,
                       struct guest_stretch *ret)
{
    uint64_t size = l->view->src->size, there = file_off < size ? size - file_off : 0;
    uint64_t eof = (block << l->block_shift) + (there - there % l->geometry->logical_sector_size); /* in the disk */
    if (off < eof) {
        ret->end = u64_min(ret->end, eof);
        return;
    }
    ret->off = u64_max(ret->off, eof);
    ret->data = false;
    ret->fault = GUEST_FAULT_PAST_EOF;
}

/* Blocks of one state that follow the first one in the file as well: how many, `most` at most. */
static uint64_t contiguous_blocks(const struct guest_layer *l, uint64_t index, uint64_t raw, uint64_t most, bool anchor)
{
    const struct guest_window *w = &l->window;
    const uint64_t step = l->geometry->block_size, size = l->view->src->size;
    uint64_t n = 1;
    for (; n < most; n++) {
        raw += step; /* cannot wrap: the block before it ends inside the file */
        if (le64(w->bytes + (index + n - w->first) * BAT_ENTRY_LEN) != raw ||
            !range_in(bat_entry_off(raw), step, size) ||
            (l->contested && place_fault(l, bat_entry_off(raw), anchor) != GUEST_FAULT_NONE))
            break;
    }
    return n;
}

/* State 6, or an anchor whose old content is wanted. most: blocks that may be taken together, all in the window. */
static void data_blocks(const struct guest_layer *l, uint64_t block, uint64_t off, uint64_t raw, uint64_t most,
                        struct guest_stretch *ret)
{
    const struct geometry *g = l->geometry;
    const bool anchor = bat_entry_state(raw) != PAYLOAD_FULLY_PRESENT;
    uint64_t file_off = bat_entry_off(raw), size = l->view->src->size;
    enum guest_fault fault = place_fault(l, file_off, anchor);

    whole_block(l, block, ret);
    if (fault == GUEST_FAULT_NONE && !range_in(file_off, ret->end - ret->off, size) && !l->options.salvage)
        fault = GUEST_FAULT_PAST_EOF;
    if (fault != GUEST_FAULT_NONE) {
        ret->fault = fault;
        return;
    }
    ret->data = true;
    ret->file_off = file_off;
    if (!range_in(file_off, ret->end - ret->off, size)) {
        cut_at_eof(l, block, file_off, off, ret);
    } else if (range_in(file_off, g->block_size, size)) {
        uint64_t n = contiguous_blocks(l, bat_index_of_block(g, block), raw, most, anchor);
        ret->end = u64_min((block + n) << l->block_shift, g->virtual_size);
    }
}

/* The sectors around `off` of a block in state 7. */
static enum status partial_block(struct guest_layer *l, uint64_t block, uint64_t off, uint64_t raw,
                                 struct guest_stretch *ret)
{
    const struct geometry *g = l->geometry;
    uint64_t file_off = bat_entry_off(raw), start = block << l->block_shift, len = block_guest_len(g, block);
    uint64_t sectors = u64_div_up(len, g->logical_sector_size), first = (off - start) / g->logical_sector_size, run;
    bool cut = !range_in(file_off, len, l->view->src->size), here;
    enum guest_fault fault;
    struct span bits;
    enum status st;

    if (!g->differencing)
        fault = GUEST_FAULT_STATE;
    else
        fault = place_fault(l, file_off, false);
    if (fault == GUEST_FAULT_NONE && cut && !l->options.salvage)
        fault = GUEST_FAULT_PAST_EOF;
    if (fault == GUEST_FAULT_NONE) {
        st = guest_bits_of(l, block, sectors, &bits, &fault);
        if (st != STATUS_OK)
            return st;
    }
    if (fault != GUEST_FAULT_NONE) {
        fault_block(l, block, fault, ret);
        return STATUS_OK;
    }
    run = sector_bitmap_run(bits, first, sectors - first, &here);
    ret->off = start + first * g->logical_sector_size;
    ret->end = start + u64_min((first + run) * g->logical_sector_size, len);
    ret->below = !here;
    ret->data = here;
    ret->file_off = file_off + (ret->off - start);
    if (here && cut)
        cut_at_eof(l, block, file_off, off, ret);
    return STATUS_OK;
}

/* Blocks that have no place in the file and one state: `index` and those behind it, up to limit and in the window. */
static enum status empty_blocks(struct guest_layer *l, uint64_t index, uint64_t raw, uint64_t limit,
                                struct guest_stretch *ret)
{
    const struct geometry *g = l->geometry;
    const struct guest_window *w = &l->window;
    uint64_t end = index + 1;
    struct bat_slot slot;
    if (raw == 0) {
        enum status st = guest_bat_zeros(l, index, limit, &end);
        if (st != STATUS_OK)
            return st;
    } else {
        uint64_t stop = u64_min(limit, w->first + w->count); /* a bitmap slot in between does not matter */
        while (end < stop && bat_entry_state(le64(w->bytes + (end - w->first) * BAT_ENTRY_LEN)) == bat_entry_state(raw))
            end++;
    }
    slot = bat_slot_of_index(g, end);
    ret->end =
        u64_min((slot.is_bitmap ? (slot.chunk + 1) << g->chunk_shift : slot.block) << l->block_shift, g->virtual_size);
    return STATUS_OK;
}

static enum status decode(struct guest_layer *l, uint64_t block, uint64_t off, uint64_t raw, uint64_t limit,
                          struct guest_stretch *ret)
{
    const struct geometry *g = l->geometry;
    const struct guest_window *w = &l->window;
    uint64_t index = bat_index_of_block(g, block), in_chunk = g->chunk_ratio - (block & (g->chunk_ratio - 1));
    uint64_t most = u64_min(u64_min(limit - index, w->first + w->count - index), in_chunk);

    ret->off = block << l->block_shift;
    switch (bat_entry_state(raw)) {
    case PAYLOAD_NOT_PRESENT:
        ret->state = GUEST_NOT_PRESENT;
        ret->below = g->differencing;
        return empty_blocks(l, index, raw, limit, ret);
    case PAYLOAD_ZERO:
        ret->state = GUEST_ZERO;
        return empty_blocks(l, index, raw, limit, ret);
    case PAYLOAD_UNDEFINED:
    case PAYLOAD_UNMAPPED:
        ret->state = bat_entry_state(raw) == PAYLOAD_UNDEFINED ? GUEST_UNDEFINED : GUEST_UNMAPPED;
        if (!l->options.anchors)
            return empty_blocks(l, index, raw, limit, ret);
        if (bat_entry_off(raw) != 0)
            data_blocks(l, block, off, raw, most, ret);
        else
            whole_block(l, block, ret);
        return STATUS_OK;
    case PAYLOAD_RESERVED_5: /* UNMAPPED of the draft; it never had an anchor */
        ret->state = GUEST_UNMAPPED;
        return empty_blocks(l, index, raw, limit, ret);
    case PAYLOAD_FULLY_PRESENT:
        ret->state = GUEST_FULLY_PRESENT;
        data_blocks(l, block, off, raw, most, ret);
        return STATUS_OK;
    case PAYLOAD_PARTIALLY_PRESENT:
        ret->state = GUEST_PARTIALLY_PRESENT;
        return partial_block(l, block, off, raw, ret);
    default:
        ret->state = GUEST_INVALID;
        fault_block(l, block, GUEST_FAULT_STATE, ret);
        return STATUS_OK;
    }
}

static enum status find_stretch(struct guest_layer *l, uint64_t off, uint64_t len, struct guest_stretch *ret)
{
    const struct geometry *g = l->geometry;
    uint64_t block = off >> l->block_shift, index = bat_index_of_block(g, block), raw = 0, limit;
    enum guest_fault fault = GUEST_FAULT_NONE;
    enum status st;

    *ret = (struct guest_stretch){.state = GUEST_INVALID};
    if (index >= l->view->bat.slots) { /* and so are all blocks behind it */
        ret->off = block << l->block_shift;
        ret->end = g->virtual_size;
        ret->fault = GUEST_FAULT_BAT;
        return STATUS_OK;
    }
    limit = bat_index_of_block(g, (off + (len - 1)) >> l->block_shift) + 1;
    limit = u64_min(limit, l->view->bat.slots);
    if (index >= l->zero_first && index < l->zero_end) { /* a hole of the BAT, not read at all */
        struct bat_slot slot = bat_slot_of_index(g, u64_min(l->zero_end, limit));
        ret->off = block << l->block_shift;
        ret->end = u64_min((slot.is_bitmap ? (slot.chunk + 1) << g->chunk_shift : slot.block) << l->block_shift,
                           g->virtual_size);
        ret->state = GUEST_NOT_PRESENT;
        ret->below = g->differencing;
        return STATUS_OK;
    }
    st = guest_bat_entry(l, index, &raw, &fault);
    if (st != STATUS_OK)
        return st;
    if (fault != GUEST_FAULT_NONE) {
        fault_block(l, block, fault, ret);
        return STATUS_OK;
    }
    return decode(l, block, off, raw, limit, ret);
}

enum status guest_layer_at(struct guest_layer *l, uint64_t off, uint64_t len, struct guest_stretch *ret)
{
    if (off < l->known.off || off >= l->known.end) {
        struct guest_stretch s;
        enum status st = find_stretch(l, off, len, &s);
        if (st != STATUS_OK)
            return st;
        l->known = s;
    }
    *ret = l->known;
    return STATUS_OK;
}
