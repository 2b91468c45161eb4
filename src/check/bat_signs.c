/* SPDX-License-Identifier: MIT */
/*
 * Two faulty writers leave marks that no single BAT entry shows.
 *
 * QEMU before April 2023 (issue 727): when the first entry of a 4 KiB BAT page was written, the log got the new entry
 * followed by the page's old bytes from its start, so entry k appears at k + 1 and the last one is lost:
 *
 *     old page    a b c d [0] e f        [0]: slot of a sector bitmap, or the first slot past the end
 *     new page    N a b c [d] 0 e        N is the newest block of the page: its file offset is the largest
 *
 * The displaced d is proof enough only together with what must stand around it. cloud-hypervisor ignores the bitmap
 * slots altogether and keeps block b at index b, so that the slots behind index PB stay empty.
 *
 * Both are judged conservatively: every condition below must hold, and without displaced offsets there is no finding.
 */
#include "check/bat_signs.h"

#include "base/checked.h"
#include "image/bat_walk.h"

enum { PAGE_ENTRIES = LOG_SECTOR_LEN / BAT_ENTRY_LEN, ORDERED_BLOCKS = 3 };

static bool holds_block(uint64_t entry)
{
    return bat_entry_state(entry) == PAYLOAD_FULLY_PRESENT && bat_entry_off(entry) != 0;
}

static bool holds_no_place(uint64_t entry)
{
    return bat_entry_off(entry) == 0;
}

struct page {
    const struct geometry *g;
    uint64_t first, count;            /* slots */
    uint64_t entry[PAGE_ENTRIES + 1]; /* one more: the slot behind a bitmap slot that ends the page */
};

/* No entry behind the first one holds a place above it. */
static bool first_is_newest(const struct page *p)
{
    if (!holds_block(p->entry[0]))
        return false;
    for (uint64_t i = 1; i < p->count; i++)
        if (bat_entry_off(p->entry[i]) >= bat_entry_off(p->entry[0]))
            return false;
    return true;
}

/* The first entry, once more behind itself, and then the blocks that were allocated after it, each behind the other. */
static bool first_is_repeated(const struct page *p)
{
    if (p->count < 2 + ORDERED_BLOCKS || !holds_block(p->entry[0]) || p->entry[1] != p->entry[0])
        return false;
    for (uint64_t i = 2; i < 2 + ORDERED_BLOCKS; i++)
        if (!holds_block(p->entry[i]) || bat_slot_of_index(p->g, p->first + i).is_bitmap ||
            bat_entry_off(p->entry[i]) != bat_entry_off(p->entry[i - 1]) + p->g->block_size)
            return false;
    return true;
}

static struct page_shift page_judge(const struct page *p)
{
    struct page_shift s = {.first = p->first, .evidence = SHIFT_NONE};

    if (first_is_repeated(p)) {
        s.index = p->first + 1;
        s.raw = p->entry[1];
        s.evidence = SHIFT_REPEATED_FIRST;
        return s;
    }
    if (!first_is_newest(p))
        return s;
    for (uint64_t i = 1; i < p->count; i++) {
        uint64_t index = p->first + i;
        if (!holds_block(p->entry[i]))
            continue;
        if (index == p->g->entries)
            s.evidence = SHIFT_IN_PADDING;
        else if (index < p->g->entries && bat_slot_of_index(p->g, index).is_bitmap && holds_no_place(p->entry[i + 1]))
            s.evidence = SHIFT_IN_BITMAP_SLOT;
        if (s.evidence != SHIFT_NONE) {
            s.index = index;
            s.raw = p->entry[i];
            return s;
        }
    }
    return s;
}

enum status page_shifts_visit(struct view *v, bool (*fn)(void *ctx, struct page_shift s), void *ctx)
{
    struct bat_reader bat = {.window = NULL};
    struct page page = {.g = &v->geometry};

    /* QEMU makes no differencing disks, and every mark is an entry that is notable by itself. */
    if (v->geometry.differencing || v->survey->notable == 0)
        return STATUS_OK;
    enum status st = bat_reader_open(v, &bat);
    for (uint64_t first = 0; st == STATUS_OK && first < v->bat.walk_entries; first += PAGE_ENTRIES) {
        /* No mark in pages of zeros. */
        st = bat_reader_find(&bat, first, v->bat.walk_entries, &first, &page.entry[0]);
        if (st != STATUS_OK || first == v->bat.walk_entries)
            break;
        first -= first % PAGE_ENTRIES;
        page.first = first;
        page.count = u64_min(PAGE_ENTRIES, v->bat.slots - first);
        for (uint64_t i = 0; st == STATUS_OK && i <= PAGE_ENTRIES; i++) {
            page.entry[i] = 0;
            if (first + i < v->bat.slots)
                st = bat_reader_get(&bat, first + i, &page.entry[i]);
        }
        if (st != STATUS_OK)
            break;
        struct page_shift s = page_judge(&page);
        if (s.evidence != SHIFT_NONE && !fn(ctx, s))
            break;
    }
    bat_reader_close(&bat);
    return st;
}

/*
 * A block of its own in the slot of a bitmap that is not the last, beside a block in the next or previous slot: one of
 * a series, not a stray entry.
 */
static enum status slot_is_block(struct view *v, struct bat_reader *bat, uint64_t index, bool *ret)
{
    uint64_t entry = 0, before = 0, after = 0;
    enum status st = bat_reader_get(bat, index, &entry);
    if (st == STATUS_OK)
        st = bat_reader_get(bat, index - 1, &before);
    if (st == STATUS_OK)
        st = bat_reader_get(bat, index + 1, &after);
    if (st == STATUS_OK)
        *ret = holds_block(entry) && (holds_block(before) || holds_block(after)) &&
               range_in(bat_entry_off(entry), v->geometry.block_size, v->src->size) &&
               !layout_map_payload_at(v->layout, bat_entry_off(entry), v->geometry.block_size);
    return st;
}

/* The slots that such a writer never reaches are empty. */
static enum status tail_is_empty(struct view *v, struct bat_reader *bat, bool *ret)
{
    uint64_t entry = 0, index;
    enum status st = bat_reader_find(bat, v->geometry.payload_blocks, v->geometry.entries, &index, &entry);
    if (st == STATUS_OK)
        *ret = entry == 0;
    return st;
}

/* At least one bitmap slot holds a place, and each that does holds a block. */
static enum status slots_are_blocks(struct view *v, struct bat_reader *bat, bool *ret, uint64_t *ret_index)
{
    const struct geometry *g = &v->geometry;
    bool found = false;
    for (uint64_t chunk = 0; chunk + 1 < g->chunks; chunk++) {
        uint64_t index = bat_index_of_bitmap(g, chunk), entry = 0;
        bool block = false;
        enum status st = bat_reader_get(bat, index, &entry);
        if (st == STATUS_OK && holds_no_place(entry))
            continue;
        if (st == STATUS_OK)
            st = slot_is_block(v, bat, index, &block);
        if (st != STATUS_OK || !block)
            return st;
        if (!found)
            *ret_index = index;
        found = true;
    }
    *ret = found;
    return STATUS_OK;
}

enum status bat_lacks_interleave(struct view *v, bool *ret, uint64_t *ret_index)
{
    const struct geometry *g = &v->geometry;
    struct bat_reader bat = {.window = NULL};
    bool empty = false;

    *ret = false;
    if (g->differencing || g->chunks < 2 || v->survey->bitmap_with_offset == 0 || v->bat.walk_entries < g->entries)
        return STATUS_OK;
    enum status st = bat_reader_open(v, &bat);
    if (st == STATUS_OK)
        st = tail_is_empty(v, &bat, &empty);
    if (st == STATUS_OK && empty)
        st = slots_are_blocks(v, &bat, ret, ret_index);
    bat_reader_close(&bat);
    return st;
}
