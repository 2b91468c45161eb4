/* SPDX-License-Identifier: MIT */
/*
 * The order of the stages:
 *
 *     survey     the file's own structures, if they can be read: what is in use
 *     scan       one pass over the file: signatures, tables, units with data
 *     metadata   is decoded, tables are tried on its geometries; a model is assumed where the file has none
 *     logs       entries and the pages in them, held against the model
 *     owners     what each thing found lies in; the rest are orphans
 *
 * A limit ends the stage it meets and those behind it: each stage only adds, so what is there is right as far as it
 * goes.
 */
#include "carve/carve.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "carve/parts.h"
#include "io/store.h"

static const char *const kind_names[CARVE_KINDS] = {"header",    "region_table", "metadata", "bat",
                                                    "log_entry", "log_page",     "orphan"};

const char *carve_kind_name(enum carve_kind k)
{
    return kind_names[k];
}

bool carve_kind_find(const char *name, enum carve_kind *ret)
{
    for (enum carve_kind k = CARVE_HEADER; k < CARVE_KINDS; k++) {
        if (strcmp(kind_names[k], name) != 0)
            continue;
        *ret = k;
        return true;
    }
    return false;
}

const char *carved_target_name(enum carved_target t)
{
    static const char *const names[] = {
        [CARVED_ELSEWHERE] = NULL,          [CARVED_REGION_TABLES] = "region_table",
        [CARVED_METADATA] = "metadata",     [CARVED_BAT] = "bat",
        [CARVED_BITMAP] = "sector_bitmap",  [CARVED_PAYLOAD] = "payload",
        [CARVED_REGION] = "unknown_region",
    };
    return names[t];
}

/* ---- what the stages share ---- */

enum status carver_add(struct carver *c, enum carve_kind kind, uint64_t off, uint64_t len, size_t size,
                       struct carve_item **ret, void **ret_description)
{
    struct carve *out = c->out;
    *ret = NULL;
    *ret_description = NULL;
    if (c->listed[kind] >= LIMIT_CARVED_ITEMS) {
        out->counts[kind]++;
        out->limited = true;
        return STATUS_OK;
    }
    void *description = arena_alloc(c->arena, size);
    if (description == NULL ||
        !arena_grow(c->arena, (void **)&out->items, &c->item_cap, out->item_count, sizeof(*out->items)))
        return arena_status(c->arena);
    out->counts[kind]++;
    c->listed[kind]++;
    *ret = &out->items[out->item_count++];
    **ret = (struct carve_item){.kind = kind, .off = off, .len = len};
    *ret_description = description;
    return STATUS_OK;
}

enum status carver_alloc(struct carver *c, size_t size, void **ret)
{
    *ret = arena_alloc(c->arena, size);
    return *ret != NULL ? STATUS_OK : arena_status(c->arena);
}

enum status carver_unreadable(struct carver *c, uint64_t off, uint64_t len)
{
    struct carve *out = c->out;
    struct carve_range *last = out->unreadable_listed > 0 ? &out->unreadable[out->unreadable_listed - 1] : NULL;

    out->unreadable_bytes += len;
    if (last != NULL && last->off + last->len == off) {
        last->len += len;
        return STATUS_OK;
    }
    out->unreadable_count++;
    if (out->unreadable_listed >= LIMIT_LISTED)
        return STATUS_OK;
    if (!arena_grow(c->arena, (void **)&out->unreadable, &out->unreadable_cap, out->unreadable_listed,
                    sizeof(*out->unreadable)))
        return arena_status(c->arena);
    out->unreadable[out->unreadable_listed++] = (struct carve_range){.off = off, .len = len};
    return STATUS_OK;
}

enum status carver_read(struct carver *c, uint64_t off, uint8_t *buf, size_t len)
{
    size_t got;
    enum status st = source_read_some(c->file, off, buf, len, &got);
    if (st != STATUS_IO)
        return st;
    if (len <= BAT_PAGE_LEN) {
        memset(buf, 0, len);
        return carver_unreadable(c, off, len);
    }
    for (size_t at = 0; at < len; at += BAT_PAGE_LEN) {
        size_t n = (size_t)u64_min(BAT_PAGE_LEN, len - at);
        st = source_read_some(c->file, off + at, buf + at, n, &got);
        if (st == STATUS_IO) {
            memset(buf + at, 0, n);
            st = carver_unreadable(c, off + at, n);
        }
        if (st != STATUS_OK)
            return st;
    }
    return STATUS_OK;
}

/* ---- order ---- */

static int compare_pages(const struct carved_log_page *a, const struct carved_log_page *b)
{
    const struct log_entry *x = &a->log->entries[a->entry], *y = &b->log->entries[b->entry];
    int c = u64_compare(a->log->off, b->log->off);
    if (c == 0)
        c = u64_compare(x->guid, y->guid);
    if (c == 0)
        c = u64_compare(x->sequence_number, y->sequence_number);
    if (c == 0)
        c = u64_compare(a->entry, b->entry);
    return c != 0 ? c : u64_compare(a->descriptor, b->descriptor);
}

static int compare_items(const void *a, const void *b)
{
    const struct carve_item *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->kind == CARVE_LOG_PAGE ? compare_pages(x->u.log_page, y->u.log_page) : u64_compare(x->off, y->off);
}

/* ---- the run ---- */

static enum status stages(struct carver *c)
{
    struct carve *out = c->out;
    struct view *v = c->img->main;

    enum status st = view_survey(v);
    if (st == STATUS_OK && v->survey != NULL) {
        out->model = CARVE_MODEL_FILE;
        out->view = v;
        out->metadata_off = v->metadata_region.off;
        out->bat_off = v->bat.off;
        if (c->options->no_payload)
            st = carve_live(c, v);
    }
    if (st == STATUS_OK)
        st = carve_scan(c);
    if (st == STATUS_OK)
        st = carve_metadata(c);
    if (st == STATUS_OK)
        st = carve_bats(c);
    if (st == STATUS_OK)
        st = carve_logs(c);
    return st == STATUS_OK ? carve_owners(c) : st;
}

enum status carve_run(struct image *img, const struct carve_options *options, struct carve **ret)
{
    struct carve *out = arena_alloc(img->arena, sizeof(*out));
    if (out == NULL)
        return arena_status(img->arena);
    out->image = img;
    struct carver c = {
        .out = out,
        .img = img,
        .arena = img->arena,
        .file = img->file,
        .options = options,
        .units = u64_min(u64_div_up(img->file->size, MIB), LIMIT_CARVED_UNITS),
    };
    struct unit_map *maps[] = {&c.content, &c.log_entries, &c.log_sectors, &c.live, &c.structures, &c.anchors};
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        *maps[i] = unit_map_in(img->arena, LIMIT_CARVED_UNITS);
    out->limited = u64_div_up(img->file->size, MIB) > LIMIT_CARVED_UNITS;
    const uint64_t failed_before = img->file->failed_reads;
    enum status st = stages(&c);
    /* A stage goes on where it can: what it could not read may be what it would have found. */
    if (st == STATUS_OK && img->file->failed_reads > failed_before)
        st = STATUS_IO;
    out->stopped = st;
    if (out->item_count > 1)
        qsort(out->items, (size_t)out->item_count, sizeof(*out->items), compare_items);
    out->complete = st == STATUS_OK && !out->limited;
    *ret = out;
    return STATUS_OK;
}

void carve_close(struct carve *c)
{
    if (c == NULL)
        return;
    store_close(c->stage);
    c->stage = NULL;
}

/* ---- bytes of an item ---- */

static enum status page_read(const struct carve *c, const struct carve_item *item, uint64_t off, uint8_t *buf,
                             size_t len)
{
    const struct carved_log_page *page = item->u.log_page;
    uint8_t sector[LOG_SECTOR_LEN], bytes[LOG_SECTOR_LEN];

    enum status st = source_read(c->image->file, item->off, sector, sizeof(sector));
    if (st != STATUS_OK)
        return st;
    log_page_assemble(page->leading, sector, page->trailing, bytes);
    memcpy(buf, bytes + off, len);
    return STATUS_OK;
}

/* Entries go on at the start of the ring (2.3). */
static enum status entry_read(const struct carve *c, const struct carved_log_entry *e, uint64_t off, uint8_t *buf,
                              size_t len)
{
    const uint64_t ring = e->log->len - e->log->len % LOG_SECTOR_LEN;
    enum status st = STATUS_OK;

    while (len > 0 && st == STATUS_OK) {
        uint64_t at = (e->log->entries[e->entry].ring_off + off) % ring;
        size_t n = (size_t)u64_min(len, ring - at);
        st = source_read(c->image->file, e->log->off + at, buf, n);
        off += n;
        buf += n;
        len -= n;
    }
    return st;
}

enum status carve_item_read(const struct carve *c, const struct carve_item *item, uint64_t off, void *buf, size_t len)
{
    if (!range_in(off, len, item->len))
        return STATUS_RANGE;
    if (item->kind == CARVE_LOG_PAGE)
        return page_read(c, item, off, buf, len);
    if (item->kind == CARVE_LOG_ENTRY)
        return entry_read(c, item->u.log_entry, off, buf, len);
    return source_read(c->image->file, item->off + off, buf, len);
}

enum status carve_item_next_data(const struct carve *c, const struct carve_item *item, uint64_t off, uint64_t *ret_data,
                                 uint64_t *ret_end)
{
    uint64_t data = item->off + off, end = item->off + item->len;
    if (item->kind != CARVE_LOG_PAGE && item->kind != CARVE_LOG_ENTRY && off < item->len) {
        enum status st = source_next_data(c->image->file, item->off + off, &data, &end);
        if (st != STATUS_OK)
            return st;
    }
    *ret_data = u64_min(data - item->off, item->len);
    *ret_end = u64_min(end - item->off, item->len);
    return STATUS_OK;
}
