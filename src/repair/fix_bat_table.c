/* SPDX-License-Identifier: MIT */
/*
 * Fixes of many BAT entries at once: pages and tables that a faulty writer moved, and disks whose type promises
 * something else than their BAT holds. Entries are read and written in windows; the BAT is never held.
 */
#include <inttypes.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "check/bat_entry.h"
#include "check/bat_signs.h"
#include "repair/fix_bat.h"

enum { PAGE_ENTRIES = LOG_SECTOR_LEN / BAT_ENTRY_LEN };

/* ---- BAT-025, P10 ---- */

/* Guest bytes of the blocks of BAT entries [first, end), all in use. */
static void name_entries(struct fixing *x, uint64_t first, uint64_t end)
{
    const struct geometry *g = &x->view->geometry;
    uint64_t from = UINT64_MAX, to = 0;

    for (uint64_t i = first; i < end; i++) {
        struct bat_slot slot = bat_slot_of_index(g, i);
        if (slot.is_bitmap)
            continue;
        from = u64_min(from, slot.block * g->block_size);
        to = slot.block * g->block_size + block_guest_len(g, slot.block);
    }
    if (to > from)
        fix_guest(x, from, to - from);
}

/*
 * The page holds the new entry, and behind it what the page held before from its start on. So each entry but the first
 * goes one place down. What stood in the last place is lost; the page behind the last entry of the table held nothing.
 */
static enum status unshift(struct fixing *x, uint64_t first)
{
    const struct view *v = x->view;
    uint64_t count = u64_min(PAGE_ENTRIES, v->bat.slots - first);
    uint8_t page[LOG_SECTOR_LEN] = {0};
    uint64_t off = bat_index_off(v, first);

    enum status st = fix_read(x, off, page, (size_t)count * BAT_ENTRY_LEN);
    if (st != STATUS_OK)
        return st;
    for (uint64_t i = 1; i + 1 < count; i++)
        put_le64(page + i * BAT_ENTRY_LEN, le64(page + (i + 1) * BAT_ENTRY_LEN));
    put_le64(page + (count - 1) * BAT_ENTRY_LEN, 0);
    name_entries(x, first + 1, u64_min(first + count, v->geometry.entries));
    fix_guest_changed(x);
    const char *lost = first + count > v->geometry.entries
                           ? ""
                           : fix_text(x, "; entry %" PRIu64 " was lost and becomes 0", first + count - 1);
    return fix_write(
        x, off, page, (size_t)count * BAT_ENTRY_LEN,
        fix_text(x, "move the entries of the BAT page from entry %" PRIu64 " on down by one%s", first, lost));
}

enum status fix_page_shift(struct fixing *x, const struct finding *f)
{
    if (fix_bat_is_shared(x))
        return STATUS_OK;
    return unshift(x, (uint64_t)f->at.index / PAGE_ENTRIES * PAGE_ENTRIES);
}

/* ---- BAT-026 ---- */

/*
 * Block b stands at index b and belongs behind one more bitmap slot for each chunk before it. From the last chunk down,
 * so that nothing is overwritten before it was read.
 */
enum status fix_interleave(struct fixing *x, const struct finding *f)
{
    const struct geometry *g = &x->view->geometry;
    enum status st = STATUS_OK;

    (void)f;
    if (fix_bat_is_shared(x))
        return STATUS_OK;
    uint8_t *bytes = arena_alloc(x->arena, (size_t)(g->chunk_ratio + 1) * BAT_ENTRY_LEN);
    if (bytes == NULL)
        return arena_status(x->arena);
    fix_guest_changed(x);
    for (uint64_t chunk = g->chunks - 1; chunk > 0 && st == STATUS_OK; chunk--) {
        uint64_t block = chunk * g->chunk_ratio, count = u64_min(g->chunk_ratio, g->payload_blocks - block);
        put_le64(bytes, 0); /* the slot in front of the chunk */
        st = fix_read(x, bat_index_off(x->view, block), bytes + BAT_ENTRY_LEN, (size_t)count * BAT_ENTRY_LEN);
        if (st != STATUS_OK)
            break;
        fix_guest(x, block * g->block_size, u64_min(count * g->block_size, g->virtual_size - block * g->block_size));
        st = fix_write(x, bat_index_off(x->view, bat_index_of_bitmap(g, chunk - 1)), bytes,
                       (size_t)(count + 1) * BAT_ENTRY_LEN,
                       fix_text(x, "move the entries of chunk %" PRIu64 " behind their bitmap slots", chunk));
    }
    arena_release(x->arena, bytes);
    return st;
}

/* ---- BAT-022, -024 ---- */

/* The next block at or behind `block` without a place; payload_blocks when there is none. */
static enum status next_unplaced(struct fixing *x, struct bat_reader *bat, uint64_t block, uint64_t *ret)
{
    const struct geometry *g = &x->view->geometry;
    uint64_t raw = 0;
    enum status st = STATUS_OK;

    for (; block < g->payload_blocks; block++) {
        st = bat_reader_get(bat, bat_index_of_block(g, block), &raw);
        if (st != STATUS_OK || bat_entry_state(raw) <= PAYLOAD_UNMAPPED)
            break;
    }
    *ret = block;
    return st;
}

/* Gives blocks without a place the next one from *off on, below end. */
static enum status place_blocks(struct fixing *x, uint64_t off, uint64_t end, const char *action)
{
    const struct geometry *g = &x->view->geometry;
    struct bat_reader bat = {.window = NULL};
    uint64_t block = 0;

    enum status st = bat_reader_open(x->view, &bat);
    while (st == STATUS_OK && range_in(off, g->block_size, end)) {
        st = next_unplaced(x, &bat, block, &block);
        if (st != STATUS_OK || block == g->payload_blocks)
            break;
        st = bat_entry_put(x, bat_index_of_block(g, block), bat_entry_make(off, PAYLOAD_FULLY_PRESENT), action);
        off += g->block_size;
        block++;
    }
    bat_reader_close(&bat);
    return st;
}

enum status fix_fixed_blocks(struct fixing *x, const struct finding *f)
{
    const struct view *v = x->view;
    const uint64_t *states = v->survey->states;
    uint64_t missing =
        states[PAYLOAD_NOT_PRESENT] + states[PAYLOAD_UNDEFINED] + states[PAYLOAD_ZERO] + states[PAYLOAD_UNMAPPED];
    uint64_t off, len = missing * v->geometry.block_size; /* at most that of the disk */

    (void)f;
    if (fix_bat_is_shared(x) || !fix_allocate(x, len, &off))
        return STATUS_OK;
    enum status st = fix_grow(x, off + len, "make room for all blocks behind the end of the file");
    if (st != STATUS_OK)
        return st;
    return place_blocks(x, off, off + len, "give the block a place, where it is all zeros");
}

/* The area is what VHDX-BAT-024 found: room for the whole disk that nothing refers to. */
enum status fix_fixed_area(struct fixing *x, const struct finding *f)
{
    const struct view *v = x->view;
    const struct geometry *g = &v->geometry;

    (void)f;
    if (fix_bat_is_shared(x))
        return STATUS_OK;
    struct free_range area = layout_map_first_free(v->layout, x->img->file_size, g->virtual_size);
    uint64_t off = u64_div_up(area.off, MIB) * MIB, end = area.off + area.len;
    if (end == x->img->file_size) /* the last block may be cut: then the file grows */
        end = off + u64_div_up(end - off, g->block_size) * g->block_size;
    if (fix_growth_is_too_long(x, end) || fix_growth_is_claimed(x, end))
        return STATUS_OK;
    enum status st = fix_zero(x, off, end - off, "fill the space that nothing refers to with zeros");
    if (st == STATUS_OK && end > store_size(x->stage))
        st = fix_grow(x, end, "make the file hold the last block whole");
    if (st != STATUS_OK)
        return st;
    return place_blocks(x, off, end, "give the block its place in the space that was reserved for it");
}

/* ---- BAT-031 ---- */

enum status fix_zero_blocks(struct fixing *x, const struct finding *f)
{
    const struct geometry *g = &x->view->geometry;
    uint64_t first = bat_slot_of_index(g, (uint64_t)f->related[0].index).block;
    uint64_t end = first + u64_div_up(f->guest_len, g->block_size);
    enum status st = STATUS_OK;

    if (fix_waits_for_errors(x)) /* also where something lies over the BAT */
        return STATUS_OK;
    if (x->view->type == DISK_FIXED)
        return fix_refuse(x, "the blocks of a fixed disk keep their places");
    for (uint64_t b = first; b < end && st == STATUS_OK; b++)
        st = bat_entry_put(x, bat_index_of_block(g, b), PAYLOAD_ZERO,
                           "set the block of zeros to ZERO (state 2), which takes no space");
    return st;
}

/* ---- FOR-008 ---- */

enum status fix_all_anchors(struct fixing *x, const struct finding *f)
{
    const struct view *v = x->view;
    struct bat_reader bat = {.window = NULL};

    (void)f;
    if (fix_bat_is_shared(x))
        return STATUS_OK;
    enum status st = bat_reader_open(x->view, &bat);
    for (uint64_t i = 0; st == STATUS_OK && i < v->bat.walk_entries; i++) {
        uint64_t raw = 0;
        st = bat_reader_find(&bat, i, v->bat.walk_entries, &i, &raw);
        if (st != STATUS_OK || i == v->bat.walk_entries)
            break;
        struct bat_slot slot = bat_slot_of_index(&v->geometry, i);
        unsigned state = bat_entry_state(raw);
        if (!slot.is_bitmap && slot.block < v->geometry.payload_blocks && bat_entry_off(raw) != 0 &&
            (state == PAYLOAD_UNDEFINED || state == PAYLOAD_UNMAPPED))
            st = bat_entry_put(x, i, raw & ~BAT_OFFSET_MASK, "forget the place of the unmapped block's old content");
    }
    bat_reader_close(&bat);
    return st;
}
