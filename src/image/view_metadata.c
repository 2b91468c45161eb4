/* SPDX-License-Identifier: MIT */
/*
 * The metadata stage of a view: the table, the items that are known, their values. Item places are checked against the
 * region and the file before a byte is read or allocated, and no item is longer than the format allows (1 MiB).
 */
#include "base/checked.h"
#include "image/structure.h"
#include "image/view_parts.h"

static enum status read_table(struct view *v)
{
    struct metadata *m = &v->metadata;
    uint64_t there = view_region_bytes(v, &v->metadata_region);
    size_t len = (size_t)u64_min(there, METADATA_TABLE_LEN); /* what lies behind the region is no part of the table */
    struct span bytes;
    size_t got;
    bool io_error;
    enum status st;

    if (there == 0) {
        m->absence = ABSENT_REGION_UNUSABLE;
        return STATUS_OK;
    }
    st = view_read_structure(v, v->metadata_region.off, len, METADATA_TABLE_HEADER_LEN, &bytes, &got, &io_error);
    if (st != STATUS_OK)
        return st;
    if (io_error) {
        m->absence = ABSENT_IO;
        return STATUS_OK;
    }
    m->truncated_table = len < METADATA_TABLE_LEN;
    st = structure_extend(v->arena, &bytes, (size_t)u64_div_up(bytes.len, METADATA_ENTRY_LEN) * METADATA_ENTRY_LEN);
    if (st == STATUS_OK)
        st = structure_extend(v->arena, &bytes, metadata_table_front_len(bytes));
    if (st != STATUS_OK)
        return st;
    if (!metadata_table_decode_front(bytes, &m->table))
        return STATUS_INTERNAL;
    if (!m->table.signature_ok) {
        m->absence = ABSENT_BAD_SIGNATURE;
        m->table.usable_count = 0;
    }
    m->entries = arena_array(v->arena, m->table.usable_count, sizeof(*m->entries));
    if (!m->entries)
        return arena_status(v->arena);
    for (uint32_t i = 0; i < m->table.usable_count; i++) {
        if (!metadata_entry_decode(&m->table, i, &m->entries[i]))
            return STATUS_INTERNAL;
    }
    return STATUS_OK;
}

static enum status read_item(struct view *v, struct metadata_item *item)
{
    const struct metadata_entry *e = &v->metadata.entries[item->entry];
    struct span bytes;
    size_t got;
    bool io_error;
    enum status st;

    if (e->len > METADATA_ITEM_MAX || !range_in(e->off, e->len, view_region_bytes(v, &v->metadata_region)))
        return STATUS_OK;
    st = view_read_structure(v, v->metadata_region.off + e->off, e->len, e->len, &bytes, &got, &io_error);
    if (st != STATUS_OK || io_error)
        return st;
    item->readable = true;
    item->data = bytes;
    return STATUS_OK;
}

static enum status find_items(struct view *v)
{
    struct metadata *m = &v->metadata;
    for (uint32_t i = 0; i < m->table.usable_count; i++) {
        enum known_guid which = known_guid_find(&m->entries[i].item_id);
        struct metadata_item *item = &m->items[which];
        bool is_item = which >= KNOWN_ITEM_FILE_PARAMETERS && which != KNOWN_LOCATOR_TYPE_VHDX;
        if (!is_item || m->entries[i].flags & METADATA_FLAG_IS_USER)
            continue;
        if (item->matches++ == 0) {
            item->found = true;
            item->entry = i;
        }
    }
    for (unsigned which = KNOWN_ITEM_FILE_PARAMETERS; which < KNOWN_GUID_COUNT; which++) {
        enum status st = m->items[which].found ? read_item(v, &m->items[which]) : STATUS_OK;
        if (st != STATUS_OK)
            return st;
    }
    return STATUS_OK;
}

static void decode_values(struct metadata *m)
{
    const struct metadata_item *items = m->items;
    m->have_file_parameters = items[KNOWN_ITEM_FILE_PARAMETERS].readable &&
                              file_parameters_decode(items[KNOWN_ITEM_FILE_PARAMETERS].data, &m->file_parameters);
    m->have_virtual_disk_size =
        items[KNOWN_ITEM_VIRTUAL_DISK_SIZE].readable &&
        virtual_disk_size_decode(items[KNOWN_ITEM_VIRTUAL_DISK_SIZE].data, &m->virtual_disk_size);
    m->have_virtual_disk_id = items[KNOWN_ITEM_VIRTUAL_DISK_ID].readable &&
                              virtual_disk_id_decode(items[KNOWN_ITEM_VIRTUAL_DISK_ID].data, &m->virtual_disk_id);
    m->have_logical_sector_size =
        items[KNOWN_ITEM_LOGICAL_SECTOR_SIZE].readable &&
        sector_size_decode(items[KNOWN_ITEM_LOGICAL_SECTOR_SIZE].data, &m->logical_sector_size);
    m->have_physical_sector_size =
        items[KNOWN_ITEM_PHYSICAL_SECTOR_SIZE].readable &&
        sector_size_decode(items[KNOWN_ITEM_PHYSICAL_SECTOR_SIZE].data, &m->physical_sector_size);
}

enum status view_read_metadata(struct view *v)
{
    struct metadata *m = &v->metadata;
    enum status st;
    if (v->used_table < 0) {
        m->absence = v->regions_absence;
        return STATUS_OK;
    }
    if (!v->metadata_region.found) {
        m->absence = ABSENT_NO_REGION;
        return STATUS_OK;
    }
    st = read_table(v);
    if (st != STATUS_OK || m->absence != ABSENT_NOT)
        return st;
    st = find_items(v);
    if (st == STATUS_OK)
        decode_values(m);
    return st;
}
