/* SPDX-License-Identifier: MIT */
/* Metadata table, items and parent locator of a dump ([MS-VHDX] 2.6). */
#include "base/text.h"
#include "format/layout.h"
#include "report/dump.h"

static const char *flags_text(struct arena *a, uint32_t flags)
{
    struct text t = text_in(a);

    text_add(&t, flags & METADATA_FLAG_IS_USER ? "user" : "system");
    text_add(&t, flags & METADATA_FLAG_IS_VIRTUAL_DISK ? ", virtual disk" : ", file");
    text_add(&t, flags & METADATA_FLAG_IS_REQUIRED ? ", required" : ", optional");
    if (flags & ~(uint32_t)METADATA_FLAGS_KNOWN)
        text_add(&t, ", unknown bits");
    return text_str(&t);
}

static void dump_entry(struct dump *d, const struct view *v, uint32_t i, const struct metadata_entry *e,
                       const char *name)
{
    const struct metadata *m = &v->metadata;
    struct arena *a = report_scratch(d->r);
    uint64_t off = METADATA_TABLE_HEADER_LEN + (uint64_t)i * METADATA_ENTRY_LEN;
    struct span bytes;

    if (!metadata_entry_bytes(&m->table, i, &bytes))
        return;
    dump_open(d, &(struct dump_place){.name = name,
                                      .index = i,
                                      .off = v->metadata_region.off + off,
                                      .len = METADATA_ENTRY_LEN,
                                      .bytes = bytes,
                                      .view = v});
    dump_guid(d, "item_id", 0, &e->item_id, NULL);
    dump_hex(d, "item_offset", 16, 4, e->off,
             text_format(a, "file offset 0x%llx", (unsigned long long)v->metadata_region.off + e->off));
    dump_hex(d, "item_length", 20, 4, e->len, text_size(a, e->len));
    dump_hex(d, "flags", 24, 4, e->flags, flags_text(a, e->flags));
    dump_hex(d, "reserved", 28, 4, e->reserved2, NULL);
    dump_close(d);
}

static const char *file_parameters_text(struct arena *a, uint32_t flags)
{
    return text_format(a, "%s, %s%s",
                       flags & FILE_PARAMETERS_LEAVE_BLOCK_ALLOCATED ? "blocks stay allocated" : "dynamic",
                       flags & FILE_PARAMETERS_HAS_PARENT ? "has a parent" : "no parent",
                       flags & ~(uint32_t)FILE_PARAMETERS_KNOWN ? ", unknown bits" : "");
}

static void item_fields(struct dump *d, enum known_guid which, struct span s)
{
    struct arena *a = d->r->scratch;
    struct file_parameters p;
    struct guid id;
    uint64_t size;
    uint32_t sector;

    if (which == KNOWN_ITEM_FILE_PARAMETERS && file_parameters_decode(s, &p)) {
        dump_hex(d, "block_size", 0, 4, p.block_size, text_size(a, p.block_size));
        dump_hex(d, "flags", 4, 4, p.flags, file_parameters_text(a, p.flags));
    } else if (which == KNOWN_ITEM_VIRTUAL_DISK_SIZE && virtual_disk_size_decode(s, &size)) {
        dump_hex(d, "virtual_disk_size", 0, 8, size, text_size(a, size));
    } else if (which == KNOWN_ITEM_VIRTUAL_DISK_ID && virtual_disk_id_decode(s, &id)) {
        dump_guid(d, "virtual_disk_id", 0, &id, NULL);
    } else if ((which == KNOWN_ITEM_LOGICAL_SECTOR_SIZE || which == KNOWN_ITEM_PHYSICAL_SECTOR_SIZE) &&
               sector_size_decode(s, &sector)) {
        dump_number(d, "sector_size", 0, 4, sector, NULL);
    } else if (which == KNOWN_ITEM_PARENT_LOCATOR) {
        dump_range(d, "parent_locator", 0, s.len, "see the part locator");
    } else {
        dump_range(d, "data", 0, s.len, "not decoded");
    }
}

static void dump_item(struct dump *d, const struct view *v, enum known_guid which)
{
    const struct metadata_item *item = &v->metadata.items[which];
    uint64_t off = v->metadata_region.off + v->metadata.entries[item->entry].off;
    const char *name = known_guid_name(which);

    (void)report_scratch(d->r);
    dump_open(d, &(struct dump_place){.name = "metadata_item",
                                      .index = item->entry,
                                      .off = off,
                                      .len = item->data.len,
                                      .bytes = item->data,
                                      .note = name,
                                      .view = v});
    item_fields(d, which, item->data);
    dump_close(d);
}

static void dump_table_slack(struct dump *d, const struct view *v)
{
    const struct metadata *m = &v->metadata;
    struct metadata_entry e;

    /* Entries behind the last one are what a removed item leaves. */
    for (uint32_t i = m->table.usable_count; i < METADATA_ENTRIES_MAX; i++) {
        if (metadata_entry_decode(&m->table, i, &e) && !guid_is_nil(&e.item_id))
            dump_entry(d, v, i, &e, "stale_metadata_entry");
    }
}

void dump_metadata(struct dump *d)
{
    const struct view *v = d->img->main;
    const struct metadata *m = &v->metadata;
    struct span head = {.ptr = m->table.front.ptr, .len = 0};

    if (m->absence != ABSENT_NOT || !span_sub(m->table.front, 0, METADATA_TABLE_HEADER_LEN, &head)) {
        dump_missing(d, "metadata", absence_text(m->absence));
        return;
    }
    (void)report_scratch(d->r);
    dump_open(d, &(struct dump_place){.name = "metadata_table",
                                      .index = -1,
                                      .off = v->metadata_region.off,
                                      .len = METADATA_TABLE_LEN,
                                      .bytes = head,
                                      .note = m->truncated_table ? "cut by the end of the file" : NULL,
                                      .view = v});
    dump_string(d, "signature", 0, 8, (const char *)head.ptr, 8, "right"); /* else there would be no table */
    dump_hex(d, "reserved", 8, 2, m->table.reserved, NULL);
    dump_number(d, "entry_count", 10, 2, m->table.entry_count, NULL);
    dump_range(d, "reserved2", 12, 20, m->table.reserved2_zero ? "zero" : "not zero");
    dump_close(d);
    for (uint32_t i = 0; i < m->table.usable_count; i++)
        dump_entry(d, v, i, &m->entries[i], "metadata_entry");
    dump_table_slack(d, v);
    for (int which = KNOWN_GUID_NONE + 1; which < KNOWN_GUID_COUNT; which++) {
        if (m->items[which].found && m->items[which].readable)
            dump_item(d, v, (enum known_guid)which);
    }
}

static void dump_pair(struct dump *d, const struct view *v, uint32_t i)
{
    const struct locator_text *t = &v->locator.pairs[i];
    const struct locator_pair *p = &t->pair;
    uint64_t off = LOCATOR_HEADER_LEN + (uint64_t)i * LOCATOR_ENTRY_LEN;
    struct span bytes = {.ptr = v->locator.decoded.raw.ptr, .len = 0};

    if (!span_sub(v->locator.decoded.raw, off, LOCATOR_ENTRY_LEN, &bytes))
        return;
    (void)report_scratch(d->r);
    dump_open(d, &(struct dump_place){.name = "locator_pair",
                                      .index = i,
                                      .off = v->locator.off + off,
                                      .len = LOCATOR_ENTRY_LEN,
                                      .bytes = bytes,
                                      .view = v});
    dump_hex(d, "key_offset", 0, 4, p->key_off, p->key_inside ? NULL : "outside the item");
    dump_hex(d, "value_offset", 4, 4, p->value_off, p->value_inside ? NULL : "outside the item");
    dump_number(d, "key_length", 8, 2, p->key_len, NULL);
    dump_number(d, "value_length", 10, 2, p->value_len, NULL);
    if (p->key_inside)
        dump_string(d, "key", p->key_off - off, p->key_len, t->key, t->key_len, t->key_damaged ? "damaged text" : NULL);
    if (p->value_inside)
        dump_string(d, "value", p->value_off - off, p->value_len, t->value, t->value_len,
                    t->value_damaged ? "damaged text" : NULL);
    dump_close(d);
}

void dump_locator(struct dump *d)
{
    const struct view *v = d->img->main;
    const struct locator *l = &v->locator;
    struct span raw = l->decoded.raw;

    if (l->absence == ABSENT_NOT_APPLICABLE) {
        dump_empty(d, "locator", "the metadata lists none");
        return;
    }
    if (l->absence != ABSENT_NOT) {
        dump_missing(d, "locator", absence_text(l->absence));
        return;
    }
    (void)report_scratch(d->r);
    dump_open(d, &(struct dump_place){
                     .name = "parent_locator", .index = -1, .off = l->off, .len = raw.len, .bytes = raw, .view = v});
    dump_guid(d, "locator_type", 0, &l->decoded.type, NULL);
    dump_hex(d, "reserved", 16, 2, l->decoded.reserved, NULL);
    dump_number(d, "key_value_count", 18, 2, l->decoded.pair_count, NULL);
    dump_close(d);
    for (uint32_t i = 0; i < l->pair_count; i++)
        dump_pair(d, v, i);
}
