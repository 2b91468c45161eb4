/* SPDX-License-Identifier: MIT */
/*
 * Identities and names in the metadata. In the file their places are known from the decoded items; pages of metadata in
 * the log may be of another time, so they are searched for texts and known GUIDs as well.
 */
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "image/view.h"
#include "write/metadump_parts.h"

/* ---- the parent locator ---- */

struct locator_pass {
    struct dumper *d;
    uint8_t *bytes; /* of the item */
    uint8_t *done;  /* one for each byte of it: settled */
    size_t len;
};

/* What of [off, off + len) is not settled is redacted as a text; strings may overlap. */
static void settle_text(struct locator_pass *p, uint32_t off, uint32_t len)
{
    for (size_t i = off, end = (size_t)off + len; i < end;) {
        size_t start = i;

        while (i < end && p->done[i] == 0)
            p->done[i++] = 1;
        if (i > start)
            redact_text(&p->d->redaction, p->bytes + start, i - start);
        else
            i++;
    }
}

static bool is_standard_key(const struct locator_text *t)
{
    static const char *const keys[] = {"parent_linkage", "parent_linkage2", "relative_path", "volume_path",
                                       "absolute_win32_path"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (t->key_len == strlen(keys[i]) && strncasecmp(t->key, keys[i], t->key_len) == 0)
            return true;
    }
    return false;
}

static void settle_pairs(struct locator_pass *p, const struct locator *l)
{
    const size_t table = LOCATOR_HEADER_LEN + (size_t)l->decoded.usable_count * LOCATOR_ENTRY_LEN;

    /* A table that says it is longer than the item: some of it is strings, and no entry looks like one. */
    if (l->decoded.usable_count < l->decoded.pair_count && p->len > LOCATOR_HEADER_LEN)
        redact_texts(&p->d->redaction, p->bytes + LOCATOR_HEADER_LEN, p->len - LOCATOR_HEADER_LEN);
    memset(p->done, 1, table < p->len ? table : p->len);
    for (uint32_t i = 0; i < l->pair_count; i++) {
        const struct locator_pair *pair = &l->pairs[i].pair;
        if (pair->key_inside && is_standard_key(&l->pairs[i]))
            memset(p->done + pair->key_off, 1, pair->key_len);
    }
    for (uint32_t i = 0; i < l->pair_count; i++) {
        const struct locator_pair *pair = &l->pairs[i].pair;
        if (pair->value_inside)
            settle_text(p, pair->value_off, pair->value_len);
        if (pair->key_inside)
            settle_text(p, pair->key_off, pair->key_len);
    }
}

static enum status metadump_locator(struct dumper *d, const struct view *v)
{
    const struct metadata_item *item = &v->metadata.items[KNOWN_ITEM_PARENT_LOCATOR];
    struct locator_pass p = {.d = d, .len = item->data.len};

    if (!item->found || !item->readable || p.len == 0)
        return STATUS_OK;
    const uint64_t off = v->metadata_region.off + v->metadata.entries[item->entry].off;
    p.bytes = (uint8_t *)arena_alloc(d->arena, p.len);
    p.done = (uint8_t *)arena_alloc(d->arena, p.len);
    if (p.bytes == NULL || p.done == NULL)
        return arena_status(d->arena);
    enum status st = metadump_read(d, off, p.bytes, p.len);
    if (st != STATUS_OK)
        return st;
    if (v->locator.absence == ABSENT_NOT)
        settle_pairs(&p, &v->locator);
    else
        redact_texts(&d->redaction, p.bytes, p.len);
    for (size_t i = 0; i < p.len && v->locator.absence == ABSENT_NOT; i++) {
        if (p.done[i] == 0)
            metadump_blank_bytes(p.bytes + i, 1);
    }
    return d->redaction.status == STATUS_OK ? metadump_write(d, off, p.bytes, p.len) : d->redaction.status;
}

/* ---- the region ---- */

/* Where the Virtual Disk ID of a view lies; false: nowhere. */
static bool disk_id_place(const struct view *v, uint64_t *ret)
{
    const struct metadata_item *item = &v->metadata.items[KNOWN_ITEM_VIRTUAL_DISK_ID];

    if (!v->metadata.have_virtual_disk_id)
        return false;
    *ret = v->metadata_region.off + v->metadata.entries[item->entry].off;
    return true;
}

/* Known GUIDs, wherever they stand: the Virtual Disk ID among them. */
static enum status sweep(struct dumper *d, uint64_t off, uint64_t end)
{
    enum { WINDOW = 65536 };
    uint8_t *buf = (uint8_t *)arena_alloc(d->arena, WINDOW);
    uint64_t data = 0, hole = 0;
    enum status st = buf != NULL ? STATUS_OK : arena_status(d->arena);

    while (off < end && st == STATUS_OK) {
        st = source_next_data(d->stage->source, off, &data, &hole);
        if (st != STATUS_OK || data >= end)
            break;
        size_t n = (size_t)u64_min(u64_min(hole, end) - data, WINDOW);
        st = metadump_read(d, data, buf, n);
        if (st != STATUS_OK)
            break;
        redact_known_guids(&d->redaction, buf, n);
        off = data + n;
        st = metadump_write(d, data, buf, n);
    }
    if (buf != NULL)
        arena_release(d->arena, buf);
    return st;
}

/* Where the log's pages put a locator the file holds something else, or an older one. */
static enum status metadump_replayed_locator(struct dumper *d)
{
    const struct view *m = d->img->main, *s = d->img->stored;
    const struct metadata_item *item = &m->metadata.items[KNOWN_ITEM_PARENT_LOCATOR];
    const struct metadata_item *other = &s->metadata.items[KNOWN_ITEM_PARENT_LOCATOR];

    if (m == s || !item->found || !item->readable || item->data.len == 0)
        return STATUS_OK;
    const uint64_t off = m->metadata_region.off + m->metadata.entries[item->entry].off;
    if ((other->found && other->readable && s->metadata_region.off + s->metadata.entries[other->entry].off == off) ||
        !range_in(off, item->data.len, d->img->file_size))
        return STATUS_OK;
    uint8_t *bytes = (uint8_t *)arena_alloc(d->arena, item->data.len);
    if (bytes == NULL)
        return arena_status(d->arena);
    enum status st = metadump_read(d, off, bytes, item->data.len);
    if (st != STATUS_OK)
        return st;
    redact_texts(&d->redaction, bytes, item->data.len);
    return d->redaction.status == STATUS_OK ? metadump_write(d, off, bytes, item->data.len) : d->redaction.status;
}

enum status metadump_metadata(struct dumper *d)
{
    enum status st = STATUS_OK;

    for (uint64_t i = 0; i < d->soft.count && st == STATUS_OK; i++)
        st = sweep(d, d->soft.items[i].off, d->soft.items[i].end);
    if (st == STATUS_OK)
        st = metadump_locator(d, d->img->stored);
    return st == STATUS_OK ? metadump_replayed_locator(d) : st;
}

/* In a page of the log the Virtual Disk ID may be one that nothing else names any more; its place is known. */
static size_t redact_disk_id(struct dumper *d, const struct view *v, uint64_t file_off, uint8_t *page)
{
    uint64_t off = 0;

    if (!disk_id_place(v, &off) || off < file_off || !range_in(off - file_off, VIRTUAL_DISK_ID_LEN, LOG_SECTOR_LEN))
        return LOG_SECTOR_LEN;
    redact_guid(&d->redaction, page + (off - file_off));
    return (size_t)(off - file_off);
}

void metadump_metadata_page(struct dumper *d, uint64_t file_off, uint8_t *page)
{
    const struct view *v = d->img->main;
    const bool is_table = v->metadata_region.found && file_off >= v->metadata_region.off &&
                          file_off - v->metadata_region.off < METADATA_TABLE_LEN;
    const size_t id = redact_disk_id(d, v, file_off, page);

    redact_known_guids(&d->redaction, page, id);
    if (id < LOG_SECTOR_LEN)
        redact_known_guids(&d->redaction, page + id + VIRTUAL_DISK_ID_LEN, LOG_SECTOR_LEN - id - VIRTUAL_DISK_ID_LEN);
    if (!is_table)
        redact_texts(&d->redaction, page, LOG_SECTOR_LEN);
}
