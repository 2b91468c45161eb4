/* SPDX-License-Identifier: MIT */
/*
 * The frame of a metadata copy. First all that is not a structure becomes zero, by ranges; then each structure is gone
 * through for what is not its own: names, identities, and bytes that mean nothing to the format. Identities are
 * collected before the first is replaced, so that a copy of one in an unexpected place is found as well. Checksums come
 * last.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "image/sample.h"
#include "write/metadump_parts.h"

enum { BLANK_SHOWN = 64 * 1024, WINDOW = 64 * 1024 };

/* ---- ranges ---- */

static enum status add_range(struct dumper *d, struct metadump_ranges *r, uint64_t off, uint64_t len)
{
    const uint64_t size = d->img->file_size;
    void *items = r->items;

    if (off >= size || len == 0)
        return STATUS_OK;
    if (!arena_grow(d->arena, &items, &r->cap, r->count, sizeof(*r->items)))
        return arena_status(d->arena);
    r->items = (struct metadump_range *)items;
    r->items[r->count++] = (struct metadump_range){.off = off, .end = off + u64_min(len, size - off)};
    return STATUS_OK;
}

static int by_off(const void *a, const void *b)
{
    const struct metadump_range *x = (const struct metadump_range *)a, *y = (const struct metadump_range *)b;

    return u64_compare(x->off, y->off);
}

static void ranges_seal(struct metadump_ranges *r)
{
    uint64_t n = 0;

    if (r->count > 0)
        qsort(r->items, r->count, sizeof(*r->items), by_off);
    for (uint64_t i = 0; i < r->count; i++) {
        if (n > 0 && r->items[i].off <= r->items[n - 1].end)
            r->items[n - 1].end = u64_max(r->items[n - 1].end, r->items[i].end);
        else
            r->items[n++] = r->items[i];
    }
    r->count = n;
}

/* Calls fn for what of [off, end) lies in no range. */
static enum status each_gap(struct dumper *d, const struct metadump_ranges *r, uint64_t off, uint64_t end,
                            enum status (*fn)(struct dumper *d, uint64_t off, uint64_t len))
{
    enum status st = STATUS_OK;

    for (uint64_t i = 0; i < r->count && off < end && st == STATUS_OK; i++) {
        if (r->items[i].end <= off)
            continue;
        if (r->items[i].off > off)
            st = fn(d, off, u64_min(r->items[i].off, end) - off);
        off = u64_max(off, r->items[i].end);
    }
    return st == STATUS_OK && off < end ? fn(d, off, end - off) : st;
}

/* ---- which ---- */

/* Items whose content the format defines; the others are somebody's data. */
static bool is_defined_item(enum known_guid which)
{
    return which >= KNOWN_ITEM_FILE_PARAMETERS && which <= KNOWN_ITEM_INCOMPLETE_FILE &&
           which != KNOWN_LOCATOR_TYPE_VHDX;
}

static enum status add_metadata(struct dumper *d, const struct view *v)
{
    const struct region_ref *region = &v->metadata_region;
    enum status st;

    if (!region->found)
        return STATUS_OK;
    st = add_range(d, &d->soft, region->off, region->len);
    if (st == STATUS_OK)
        st = add_range(d, &d->exact, region->off, u64_min(METADATA_TABLE_LEN, region->len));
    for (uint32_t i = 0; i < v->metadata.table.usable_count && st == STATUS_OK; i++) {
        const struct metadata_entry *e = &v->metadata.entries[i];

        if (is_defined_item(known_guid_find(&e->item_id)) && (e->flags & METADATA_FLAG_IS_USER) == 0 &&
            e->len <= METADATA_ITEM_MAX && range_in(e->off, e->len, region->len))
            st = add_range(d, &d->exact, region->off + e->off, e->len);
    }
    return st;
}

/* The BAT, and the bitmaps that it names. */
static enum status add_bat(struct dumper *d, const struct view *v)
{
    enum status st = v->bat_region.found ? add_range(d, &d->exact, v->bat_region.off, v->bat_region.len) : STATUS_OK;

    for (uint64_t i = 0; i < layout_map_fixed_count(v->layout) && st == STATUS_OK; i++) {
        const struct extent *e = layout_map_fixed(v->layout, i);
        if (e->kind == OWNER_BITMAP)
            st = add_range(d, &d->exact, e->start, e->end - e->start);
    }
    return st;
}

/* Regions that only one of two valid tables lists. */
static enum status add_listed(struct dumper *d, const struct region_copy *c)
{
    enum status st = STATUS_OK;

    for (uint32_t i = 0; c->valid && i < c->table.usable_count && st == STATUS_OK; i++) {
        const enum known_guid which = known_guid_find(&c->entries[i].guid);
        if (which == KNOWN_REGION_BAT)
            st = add_range(d, &d->exact, c->entries[i].off, c->entries[i].len);
        else if (which == KNOWN_REGION_METADATA)
            st = add_range(d, &d->soft, c->entries[i].off, c->entries[i].len);
    }
    return st;
}

static enum status find_ranges(struct dumper *d)
{
    const struct image *img = d->img;
    struct view *const views[2] = {img->main, img->stored};
    enum status st = add_range(d, &d->exact, 0, HEADER_SECTION_LEN);

    if (st == STATUS_OK && img->log.scanned)
        st = add_range(d, &d->exact, img->log.off, img->log.len);
    for (int i = 0; i < (img->main != img->stored ? 2 : 1) && st == STATUS_OK; i++) {
        st = add_metadata(d, views[i]);
        if (st == STATUS_OK)
            st = add_bat(d, views[i]);
        for (int c = 0; c < 2 && st == STATUS_OK; c++)
            st = add_listed(d, &views[i]->regions[c]);
    }
    ranges_seal(&d->exact);
    ranges_seal(&d->soft);
    return st;
}

/* ---- bytes ---- */

enum status metadump_read(struct dumper *d, uint64_t off, void *buf, size_t len)
{
    return source_read(d->stage->source, off, buf, len);
}

enum status metadump_write(struct dumper *d, uint64_t off, const uint8_t *bytes, size_t len)
{
    enum { PAGE = 4096 };
    uint8_t there[PAGE];
    enum status st = STATUS_OK;

    for (size_t at = 0; at < len && st == STATUS_OK; at += PAGE) {
        const size_t n = (size_t)u64_min(PAGE, len - at);

        st = metadump_read(d, off + at, there, n);
        if (st == STATUS_OK && memcmp(there, bytes + at, n) != 0)
            st = store_write(d->stage, off + at, bytes + at, n);
    }
    return st;
}

void metadump_blank_bytes(uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = p[i] != 0 ? METADUMP_FILLER : 0;
}

enum status metadump_blank(struct dumper *d, uint64_t off, uint64_t len)
{
    const uint64_t end = off + len;
    uint8_t buf[WINDOW];
    uint64_t shown = 0, data = 0, hole = 0;

    while (off < end && shown < BLANK_SHOWN) {
        enum status st = source_next_data(d->stage->source, off, &data, &hole);
        if (st != STATUS_OK || data >= end)
            return st;
        size_t n = (size_t)u64_min(u64_min(hole, end) - data, WINDOW);
        st = metadump_read(d, data, buf, n);
        if (st != STATUS_OK)
            return st;
        off = data + n;
        if (span_is_zero(span_of(buf, n)))
            continue;
        metadump_blank_bytes(buf, n);
        shown += n;
        st = store_write(d->stage, data, buf, n);
        if (st != STATUS_OK)
            return st;
    }
    return off < end ? store_zero(d->stage, off, end - off) : STATUS_OK;
}

static enum status zero_gap(struct dumper *d, uint64_t off, uint64_t len)
{
    return store_zero(d->stage, off, len);
}

static enum status leave_out(struct dumper *d)
{
    struct metadump_ranges all = {.items = NULL};
    enum status st = STATUS_OK;

    for (uint64_t i = 0; i < d->exact.count && st == STATUS_OK; i++)
        st = add_range(d, &all, d->exact.items[i].off, d->exact.items[i].end - d->exact.items[i].off);
    for (uint64_t i = 0; i < d->soft.count && st == STATUS_OK; i++)
        st = add_range(d, &all, d->soft.items[i].off, d->soft.items[i].end - d->soft.items[i].off);
    ranges_seal(&all);
    for (uint64_t i = 0; i < all.count; i++)
        d->out.kept_bytes += all.items[i].end - all.items[i].off;
    if (st == STATUS_OK)
        st = each_gap(d, &all, 0, d->img->file_size, zero_gap);
    for (uint64_t i = 0; i < d->soft.count && st == STATUS_OK; i++)
        st = each_gap(d, &d->exact, d->soft.items[i].off, d->soft.items[i].end, metadump_blank);
    return st;
}

/* ---- what lies behind everything ---- */

/* One byte tells that something is there, where the first such byte was. */
static enum status mark_trailing(struct dumper *d)
{
    static const uint8_t filler = METADUMP_FILLER;
    struct view *v = d->img->main;
    const uint64_t end = layout_map_end(v->layout);
    uint64_t budget = LIMIT_RESIDUE_SCAN, looked = 0;
    struct residue r = {.bytes = 0};

    if (end >= d->img->file_size)
        return STATUS_OK;
    enum status st = view_residue_within(v, end, d->img->file_size - end, &budget, &r, &looked);
    if (st == STATUS_OK && r.bytes > 0)
        st = store_write(d->stage, r.first_off, &filler, 1);
    return st;
}

/* The signature of another format, in front of the file or at its end, says what it is. */
static enum status keep_signature(struct dumper *d, const struct foreign_format *f)
{
    uint8_t buf[64];
    const size_t n = (size_t)u64_min(f->len, f->at_end ? 8 : sizeof(buf));

    if (f->name == NULL)
        return STATUS_OK;
    enum status st = source_read(d->img->file, f->off, buf, n);
    return st == STATUS_OK ? store_write(d->stage, f->off, buf, n) : st;
}

/* ---- together ---- */

/* Everything that tells this disk from another is known before the first of it is replaced. */
static enum status collect_guids(struct dumper *d)
{
    const struct image *img = d->img;
    const struct view *const views[2] = {img->main, img->stored};

    for (int i = 0; i < 2; i++) {
        const struct header *h = &img->headers[i].h;
        struct guid guids[3] = {h->file_write_guid, h->data_write_guid, h->log_guid};

        for (int g = 0; g < 3 && h->signature_ok; g++)
            redact_guid(&d->redaction, guids[g].bytes);
        struct guid id = views[i]->metadata.virtual_disk_id, link = views[i]->locator.linkage,
                    link2 = views[i]->locator.linkage2;
        if (views[i]->metadata.have_virtual_disk_id)
            redact_guid(&d->redaction, id.bytes);
        if (views[i]->locator.have_linkage)
            redact_guid(&d->redaction, link.bytes);
        if (views[i]->locator.have_linkage2)
            redact_guid(&d->redaction, link2.bytes);
    }
    for (uint32_t i = 0; i < img->log.guid_count; i++) {
        struct guid g = img->log.guids[i];
        redact_guid(&d->redaction, g.bytes);
    }
    return d->redaction.status;
}

enum status metadump_make(struct image *img, struct store *stage, const struct metadump_options *options,
                          struct metadump *ret)
{
    struct dumper d = {.img = img, .arena = img->arena, .stage = stage, .options = options};
    struct foreign_format foreign = {.name = NULL};

    d.redaction = (struct redaction){.arena = img->arena, .mix = options->mix, .ctx = options->ctx};
    enum status st = view_survey(img->main);
    if (st == STATUS_OK)
        st = view_survey(img->stored);
    /* Without the BAT nobody knows which bitmaps there are, and where the last block ends. */
    if (st == STATUS_OK && (img->main->bat.absence == ABSENT_IO || img->stored->bat.absence == ABSENT_IO))
        st = STATUS_IO;
    if (st == STATUS_OK)
        st = foreign_format_find(img, &foreign);
    if (st == STATUS_OK)
        st = find_ranges(&d);
    if (st == STATUS_OK)
        st = leave_out(&d);
    if (st == STATUS_OK && options->redact)
        st = collect_guids(&d);
    if (st == STATUS_OK && options->redact)
        st = metadump_metadata(&d);
    if (st == STATUS_OK)
        st = metadump_log(&d);
    if (st == STATUS_OK)
        st = metadump_blank_headers(&d);
    if (st == STATUS_OK && options->redact)
        st = metadump_redact_headers(&d);
    if (st == STATUS_OK)
        st = mark_trailing(&d);
    if (st == STATUS_OK)
        st = keep_signature(&d, &foreign);
    if (st == STATUS_OK)
        st = metadump_sign(&d);
    d.out.guids = d.redaction.guid_count;
    d.out.names = d.redaction.name_count;
    *ret = d.out;
    return st;
}
