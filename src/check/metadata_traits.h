/* SPDX-License-Identifier: MIT */
/* What the files of metadata rules ask of entries and items alike. */
#ifndef VHDXRAY_CHECK_METADATA_TRAITS_H
#define VHDXRAY_CHECK_METADATA_TRAITS_H

#include <stdbool.h>
#include <stdint.h>

#include "check/rule.h"

/* Which item the format or a known implementation means by this id; NONE for others, and for GUIDs of other kinds. */
static inline enum known_guid metadata_item_kind(const struct guid *id)
{
    enum known_guid k = known_guid_find(id);
    bool item = (k >= KNOWN_ITEM_FILE_PARAMETERS && k <= KNOWN_ITEM_PARENT_LOCATOR) || k >= KNOWN_ITEM_CHS_PARAMETERS;
    return item ? k : KNOWN_GUID_NONE;
}

static inline bool metadata_entry_is_user(const struct metadata_entry *e)
{
    return (e->flags & METADATA_FLAG_IS_USER) != 0;
}

/* An empty entry that only an impossible EntryCount makes one: VHDX-META-002 has said it. */
static inline bool metadata_entry_is_beyond_reason(const struct metadata_table *t, const struct metadata_entry *e)
{
    return t->entry_count > METADATA_ENTRIES_MAX && guid_is_nil(&e->item_id) && e->off == 0 && e->len == 0 &&
           e->flags == 0 && e->reserved2 == 0;
}

/* The item's bytes lie where an item may lie; otherwise VHDX-META-007, -008 or -009 has said it. */
static inline bool metadata_entry_place_ok(const struct view *v, const struct metadata_entry *e)
{
    return e->len > 0 && e->len <= METADATA_ITEM_MAX && e->off >= METADATA_TABLE_LEN &&
           range_in(e->off, e->len, v->metadata_region.len);
}

/* The item is there and its value can be judged. */
static inline bool metadata_item_ok(const struct view *v, enum known_guid which)
{
    const struct metadata_item *item = &v->metadata.items[which];
    return item->found && item->readable && metadata_entry_place_ok(v, &v->metadata.entries[item->entry]);
}

/* Bytes of the metadata region as a whole, or of the table's header. */
static inline struct place at_metadata(const struct view *v, uint64_t off, uint64_t len)
{
    return at_place(STRUCTURE_METADATA, -1, v->metadata_region.off + off, len);
}

/* Entry i. */
static inline struct place at_metadata_slot(const struct view *v, uint32_t i)
{
    return at_place(STRUCTURE_METADATA, i,
                    v->metadata_region.off + METADATA_TABLE_HEADER_LEN + (uint64_t)METADATA_ENTRY_LEN * i,
                    METADATA_ENTRY_LEN);
}

/* VirtualBox takes three items for the disk's; it reads neither the physical sector size nor the disk's id. */
static inline bool virtualbox_reads(enum known_guid which)
{
    return which != KNOWN_ITEM_PHYSICAL_SECTOR_SIZE && which != KNOWN_ITEM_VIRTUAL_DISK_ID;
}

static inline const struct metadata_item *metadata_item(const struct view *v, enum known_guid which)
{
    return &v->metadata.items[which];
}

static inline const struct metadata_entry *metadata_item_entry(const struct view *v, enum known_guid which)
{
    return &v->metadata.entries[metadata_item(v, which)->entry];
}

/* A field of an item whose value can be judged. */
static inline struct place at_metadata_value(const struct view *v, enum known_guid which, uint64_t field_off,
                                             uint64_t len)
{
    return at_metadata_item(v, metadata_item(v, which), field_off, len);
}

static inline bool metadata_parameters_ok(const struct view *v)
{
    return metadata_item_ok(v, KNOWN_ITEM_FILE_PARAMETERS) && v->metadata.have_file_parameters;
}

#endif
