/* SPDX-License-Identifier: MIT */
/*
 * Changes of the metadata table and its items ([MS-VHDX] 2.6.1). The table is unsorted and items may lie anywhere
 * behind it, so a new item goes behind the last one, on a multiple of 8 bytes as all writers do. Places come from the
 * model of the round, which is why an edit that moves entries or items ends the round.
 */
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "check/metadata_traits.h"
#include "repair/fix_metadata.h"

enum { ITEM_ALIGNMENT = 8, FIELD_COUNT = 10 };

static uint64_t slot_off(const struct view *v, uint32_t i)
{
    return v->metadata_region.off + METADATA_TABLE_HEADER_LEN + (uint64_t)METADATA_ENTRY_LEN * i;
}

enum status metadata_value_set(struct fixing *x, enum known_guid which, uint64_t field, const void *bytes, size_t len,
                               const char *action)
{
    const struct view *v = x->view;

    if (!metadata_item_ok(v, which))
        return fix_refuse(x, "the item does not lie where an item may lie");
    if (fix_metadata_is_shared(x))
        return STATUS_OK;
    return fix_write(x, v->metadata_region.off + metadata_item_entry(v, which)->off + field, bytes, len, action);
}

/* Behind all items, from the start of the region. */
static bool free_place(struct fixing *x, uint32_t len, uint32_t *ret)
{
    const struct view *v = x->view;
    uint64_t end = METADATA_TABLE_LEN, room = u64_min(v->metadata_region.len, UINT32_MAX);

    for (uint32_t i = 0; i < v->metadata.table.usable_count; i++) {
        const struct metadata_entry *e = &v->metadata.entries[i];
        if (metadata_entry_place_ok(v, e))
            end = u64_max(end, (uint64_t)e->off + e->len);
    }
    if (!u64_align_up(end, ITEM_ALIGNMENT, &end) || !range_in(end, len, room) ||
        !range_in(v->metadata_region.off + end, len, store_size(x->stage))) {
        (void)fix_refuse(x, "the metadata region has no room for the item");
        return false;
    }
    *ret = (uint32_t)end;
    return true;
}

/* Bytes from the item's start up to the next item or the end of the region: what it may take without moving. */
static uint64_t room_in_place(const struct view *v, const struct metadata_entry *e)
{
    uint64_t end = v->metadata_region.len;

    for (uint32_t i = 0; i < v->metadata.table.usable_count; i++) {
        const struct metadata_entry *o = &v->metadata.entries[i];
        if (o != e && o->len > 0 && o->off >= e->off)
            end = u64_min(end, o->off);
    }
    return end > e->off ? end - e->off : 0;
}

static enum status entry_write(struct fixing *x, uint32_t i, const struct metadata_entry *e, const char *action)
{
    uint8_t bytes[METADATA_ENTRY_LEN];

    metadata_entry_encode(e, bytes);
    return fix_write(x, slot_off(x->view, i), bytes, sizeof(bytes), action);
}

static enum status count_write(struct fixing *x, uint32_t count, const char *action)
{
    uint8_t bytes[2];

    put_le16(bytes, (uint16_t)count);
    return fix_write(x, x->view->metadata_region.off + FIELD_COUNT, bytes, sizeof(bytes), action);
}

static uint32_t standard_flags(enum known_guid which)
{
    bool of_file = which == KNOWN_ITEM_FILE_PARAMETERS || which == KNOWN_ITEM_PARENT_LOCATOR;

    return METADATA_FLAG_IS_REQUIRED | (of_file ? 0 : METADATA_FLAG_IS_VIRTUAL_DISK);
}

/* The item's bytes, and zeros where the old ones were longer. */
static enum status bytes_write(struct fixing *x, const struct metadata_entry *e, const void *bytes, uint32_t old_len,
                               const char *action)
{
    uint64_t off = x->view->metadata_region.off + e->off;

    enum status st = fix_write(x, off, bytes, e->len, action);
    if (st == STATUS_OK && old_len > e->len)
        st = fix_zero(x, off + e->len, old_len - e->len, action);
    return st;
}

bool metadata_item_put(struct fixing *x, enum known_guid which, const void *bytes, uint32_t len, const char *action,
                       enum status *ret_status)
{
    const struct view *v = x->view;
    const struct metadata *m = &v->metadata;
    const struct metadata_item *item = &m->items[which];
    struct metadata_entry e = {.item_id = *known_guid(which), .flags = standard_flags(which)};
    uint32_t slot = m->table.entry_count, old_len = 0;

    *ret_status = STATUS_OK;
    if (fix_metadata_is_shared(x))
        return false;
    if (item->found) {
        slot = item->entry;
        e = m->entries[slot];
    } else if (m->table.entry_count >= METADATA_ENTRIES_MAX) {
        (void)fix_refuse(x, "the metadata table is full");
        return false;
    }
    bool stays = item->found && metadata_entry_place_ok(v, &e) && room_in_place(v, &m->entries[slot]) >= len;
    if (stays)
        old_len = e.len;
    else if (!free_place(x, len, &e.off))
        return false;
    e.len = len;
    *ret_status = bytes_write(x, &e, bytes, old_len, action);
    if (*ret_status == STATUS_OK)
        *ret_status = entry_write(x, slot, &e, action);
    if (*ret_status == STATUS_OK && !item->found)
        *ret_status = count_write(x, slot + 1, action);
    return *ret_status == STATUS_OK;
}

enum status metadata_entry_remove(struct fixing *x, uint32_t i, const char *action)
{
    const struct metadata_table *t = &x->view->metadata.table;
    uint32_t count = t->usable_count;

    if (t->entry_count > METADATA_ENTRIES_MAX)
        return fix_refuse(x, "EntryCount of the metadata table is impossible, so where the table ends is unknown");
    if (fix_metadata_is_shared(x))
        return STATUS_OK;
    size_t len = (size_t)(count - i) * METADATA_ENTRY_LEN;
    uint8_t *bytes = arena_alloc(x->arena, len);
    if (bytes == NULL)
        return arena_status(x->arena);
    enum status st = fix_read(x, slot_off(x->view, i), bytes, len);
    if (st != STATUS_OK)
        return st;
    memmove(bytes, bytes + METADATA_ENTRY_LEN, len - METADATA_ENTRY_LEN);
    memset(bytes + len - METADATA_ENTRY_LEN, 0, METADATA_ENTRY_LEN);
    st = fix_write(x, slot_off(x->view, i), bytes, len, action);
    return st == STATUS_OK ? count_write(x, count - 1, action) : st;
}
