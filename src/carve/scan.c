/* SPDX-License-Identifier: MIT */
/*
 * The one pass over the file: every 1 MiB unit with data is read once, holes are stepped over, and each of its 4 KiB
 * pages is looked at for a signature or the look of a BAT. What needs more than the unit (the other end of a log, the
 * geometry for a table) waits for the stages behind; for them units are remembered as bits.
 */
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "carve/parts.h"

enum { UNIT = 1 << 20, PAGE = BAT_PAGE_LEN, METADATA_GRAIN = 64 * 1024 };

/* Between two words about progress. */
static const uint64_t PROGRESS_UNITS = 16;

struct scan {
    struct carver *c;
    uint8_t *unit;          /* UNIT bytes */
    uint64_t off;           /* of the unit in hand */
    struct bat_table table; /* open while table.end > 0 */
    uint64_t data, hole;    /* the next data of the file, as last asked for: both only move on */
};

static bool starts_with(const uint8_t *page, const char *signature, size_t len)
{
    return memcmp(page, signature, len) == 0;
}

/* ---- structures with a signature ---- */

static bool is_plausible(const struct header *h)
{
    return h->version == 1 && h->log_len % MIB == 0 && h->log_off % MIB == 0 &&
           (h->log_len == 0 || (h->log_off >= HEADER_SECTION_LEN && h->log_off < LIMIT_REPLAYED_SIZE));
}

static enum status found_header(struct scan *s, uint64_t off, const uint8_t *page)
{
    struct carve_item *item = NULL;
    void *description = NULL;
    struct header h;

    if (!header_decode(span_of(page, PAGE), &h))
        return STATUS_INTERNAL;
    enum status st = carver_add(s->c, CARVE_HEADER, off, u64_min(HEADER_LEN, s->c->file->size - off),
                                sizeof(struct carved_header), &item, &description);
    if (description == NULL)
        return st;
    struct carved_header *found = description;
    *found = (struct carved_header){
        .checksum_ok = h.checksum_ok,
        .plausible = is_plausible(&h),
        .sequence_number = h.sequence_number,
        .file_write_guid = h.file_write_guid,
        .data_write_guid = h.data_write_guid,
        .log_guid = h.log_guid,
        .log_version = h.log_version,
        .version = h.version,
        .log_len = h.log_len,
        .log_off = h.log_off,
    };
    item->u.header = found;
    for (int i = 0; i < 2; i++)
        item->in_use = item->in_use || (off == HEADER_OFF[i] && s->c->img->headers[i].valid);
    return STATUS_OK;
}

static void describe_table(struct span bytes, struct carved_region_table *ret)
{
    struct region_table t;
    struct region_entry e;

    if (!region_table_decode(bytes, &t))
        return;
    ret->decoded = true;
    ret->checksum_ok = t.checksum_ok;
    ret->entries = t.entry_count;
    for (uint32_t i = 0; i < t.usable_count && region_entry_decode(&t, i, &e); i++) {
        if (!ret->has_bat && guid_equal(&e.guid, known_guid(KNOWN_REGION_BAT))) {
            ret->has_bat = true;
            ret->bat_off = e.off;
            ret->bat_len = e.len;
        } else if (!ret->has_metadata && guid_equal(&e.guid, known_guid(KNOWN_REGION_METADATA))) {
            ret->has_metadata = true;
            ret->metadata_off = e.off;
            ret->metadata_len = e.len;
        }
    }
}

static enum status found_region_table(struct scan *s, uint64_t off)
{
    struct carver *c = s->c;
    struct carve_item *item = NULL;
    void *description = NULL;

    enum status st = carver_add(c, CARVE_REGION_TABLE, off, u64_min(REGION_TABLE_LEN, c->file->size - off),
                                sizeof(struct carved_region_table), &item, &description);
    if (description == NULL)
        return st;
    struct carved_region_table *found = description;
    item->u.region_table = found;
    for (int i = 0; i < 2; i++)
        item->in_use = item->in_use || (off == REGION_TABLE_OFF[i] && c->img->main->regions[i].valid);
    if (c->listed[CARVE_REGION_TABLE] > LIMIT_CARVED_DECODED)
        return STATUS_OK;
    if (range_in(off - s->off, REGION_TABLE_LEN, UNIT)) {
        describe_table(span_of(s->unit + (off - s->off), REGION_TABLE_LEN), found);
        return STATUS_OK;
    }
    uint8_t *bytes = arena_alloc(c->arena, REGION_TABLE_LEN);
    if (bytes == NULL)
        return arena_status(c->arena);
    st = carver_read(c, off, bytes, REGION_TABLE_LEN);
    if (st == STATUS_OK)
        describe_table(span_of(bytes, REGION_TABLE_LEN), found);
    arena_release(c->arena, bytes);
    return st;
}

/* Decoded once all of the file is known (model.c). */
static enum status found_metadata(struct scan *s, uint64_t off)
{
    const struct region_ref *used = &s->c->img->main->metadata_region;
    struct carve_item *item = NULL;
    void *description = NULL;

    enum status st = carver_add(s->c, CARVE_METADATA, off, u64_min(MIB, s->c->file->size - off),
                                sizeof(struct carved_metadata), &item, &description);
    if (description == NULL)
        return st;
    item->u.metadata = description;
    item->in_use = used->found && used->off == off;
    return unit_map_fill(&s->c->structures, off / MIB, 1, 1);
}

/* ---- BATs ---- */

static enum status close_table(struct scan *s)
{
    struct carver *c = s->c;
    struct bat_table *t = &s->table;
    if (t->end == 0)
        return STATUS_OK;
    bool room = c->table_count < LIMIT_CARVED_ITEMS;
    if (!room)
        c->out->limited = true;
    if (room && !arena_grow(c->arena, (void **)&c->tables, &c->table_cap, c->table_count, sizeof(*t)))
        return arena_status(c->arena);
    if (room)
        c->tables[c->table_count++] = *t;
    t->end = 0;
    return STATUS_OK;
}

/*
 * A page without any place is only taken as the first one of a unit (where regions begin), or right behind one that was
 * taken: small numbers are everywhere.
 */
static bool is_acceptable(const struct scan *s, const struct bat_guess *g, uint64_t off, const uint8_t *page)
{
    if (g->live > 0)
        return true;
    return g->set > 0 && g->odd == 0 && ((off % MIB == 0 && le64(page) != 0) || s->table.end == off);
}

static enum status look_for_bat(struct scan *s, uint64_t off, const uint8_t *page)
{
    struct bat_table *t = &s->table;
    const uint64_t size = s->c->file->size;
    struct bat_guess alone = {.set = 0};
    struct span bytes = span_of(page, PAGE);

    if (!bat_guess_page(&alone, bytes, 0, size) || !is_acceptable(s, &alone, off, page))
        return STATUS_OK;
    if (t->end > 0 && off / MIB > (t->end - 1) / MIB + 1) {
        enum status st = close_table(s);
        if (st != STATUS_OK)
            return st;
    }
    if (t->end == 0)
        *t = (struct bat_table){.off = off - off % MIB};
    (void)bat_guess_page(&t->guess, bytes, (off - t->off) / BAT_ENTRY_LEN, size);
    t->end = off + PAGE;
    return STATUS_OK;
}

/* ---- units ---- */

static enum status page_seen(struct scan *s, uint64_t off, const uint8_t *page)
{
    struct carver *c = s->c;
    enum status st = STATUS_OK;

    if (starts_with(page, SIGNATURE_HEADER, 4))
        return found_header(s, off, page);
    if (starts_with(page, SIGNATURE_REGION_TABLE, 4))
        return found_region_table(s, off);
    if (off % METADATA_GRAIN == 0 && starts_with(page, SIGNATURE_METADATA, 8))
        return found_metadata(s, off);
    if (starts_with(page, SIGNATURE_LOG_ENTRY, 4)) {
        st = unit_map_fill(&c->log_entries, off / MIB, 1, 1);
        return st == STATUS_OK ? unit_map_fill(&c->log_sectors, off / MIB, 1, 1) : st;
    }
    if (starts_with(page, SIGNATURE_LOG_DATA_SECTOR, 4) || starts_with(page, SIGNATURE_LOG_DATA_DESCRIPTOR, 4) ||
        starts_with(page, SIGNATURE_LOG_ZERO_DESCRIPTOR, 4))
        return unit_map_fill(&c->log_sectors, off / MIB, 1, 1);
    return look_for_bat(s, off, page);
}

static enum status note_mark(struct carver *c, uint64_t unit, struct span bytes)
{
    struct content_guess content;
    if (!content_guess(bytes, &content))
        return STATUS_OK;
    if (c->mark_count >= LIMIT_CARVED_ITEMS) {
        c->out->limited = true;
        return STATUS_OK;
    }
    if (!arena_grow(c->arena, (void **)&c->marks, &c->mark_cap, c->mark_count, sizeof(*c->marks)))
        return arena_status(c->arena);
    c->marks[c->mark_count++] = (struct mark){.unit = unit, .content = content};
    return STATUS_OK;
}

/* The unit in hand, whole: zeros where the file has none or ends. */
static enum status unit_seen(struct scan *s)
{
    struct carver *c = s->c;
    struct span bytes = span_of(s->unit, UNIT);
    size_t first = span_find_nonzero(bytes, 0);
    enum status st;

    if (first == UNIT)
        return STATUS_OK;
    st = unit_map_fill(&c->content, s->off / MIB, 1, 1);
    if (st == STATUS_OK)
        st = note_mark(c, s->off / MIB, span_of(s->unit, CONTENT_LOOK));
    for (size_t at = first - first % PAGE; at < UNIT && st == STATUS_OK; at += PAGE)
        st = page_seen(s, s->off + at, s->unit + at);
    return st;
}

/* off: inside the file, and never before the last one's unit. */
static enum status next_data(struct scan *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_end)
{
    const uint64_t size = s->c->file->size;
    if (off >= s->hole) {
        enum status st = source_next_data(s->c->file, off, &s->data, &s->hole);
        if (st != STATUS_OK)
            return st;
        if (s->data >= size) {
            s->data = size;
            s->hole = UINT64_MAX;
        }
    }
    *ret_data = u64_max(off, s->data);
    *ret_end = u64_min(s->hole, size);
    return STATUS_OK;
}

/* Reads the data of the unit at s->off, which has some, and zero-fills the rest. */
static enum status load_unit(struct scan *s)
{
    uint64_t size = s->c->file->size, at = s->off, end = u64_min(s->off + UNIT, size), filled = s->off;
    while (at < end) {
        uint64_t data, data_end;
        enum status st = next_data(s, at, &data, &data_end);
        if (st != STATUS_OK)
            return st;
        if (data >= end)
            break;
        at = u64_min(end, data_end);
        memset(s->unit + (filled - s->off), 0, (size_t)(data - filled));
        st = carver_read(s->c, data, s->unit + (data - s->off), (size_t)(at - data));
        if (st != STATUS_OK)
            return st;
        s->c->out->data_bytes += at - data;
        filled = at;
    }
    memset(s->unit + (filled - s->off), 0, (size_t)(s->off + UNIT - filled));
    return STATUS_OK;
}

static enum status scan_units(struct scan *s)
{
    struct carver *c = s->c;
    const uint64_t size = c->file->size;
    bool skip = c->options->no_payload && c->out->model == CARVE_MODEL_FILE;
    uint64_t told = 0;

    for (s->off = 0; s->off < size && s->off / MIB < c->units;) {
        uint64_t data, data_end;
        enum status st = next_data(s, s->off, &data, &data_end);
        if (st != STATUS_OK)
            return st;
        c->out->scanned_off = s->off;
        if (data >= size)
            break;
        s->off = data - data % MIB;
        if (s->off / MIB >= c->units)
            break;
        if (skip && unit_map_test(&c->live, s->off / MIB)) {
            c->out->left_out += u64_min(UNIT, size - s->off);
            s->off += UNIT;
            continue;
        }
        if (c->options->progress != NULL && s->off / MIB >= told) {
            c->options->progress(c->options->progress_ctx, s->off);
            told = s->off / MIB + PROGRESS_UNITS;
        }
        st = load_unit(s);
        if (st == STATUS_OK)
            st = unit_seen(s);
        if (st != STATUS_OK)
            return st;
        s->off += UNIT;
    }
    c->out->scanned_off = u64_min(size, c->units * MIB);
    return close_table(s);
}

enum status carve_scan(struct carver *c)
{
    struct scan *s = arena_alloc(c->arena, sizeof(*s));
    if (s == NULL)
        return arena_status(c->arena);
    *s = (struct scan){.c = c, .unit = arena_alloc(c->arena, UNIT)};
    if (s->unit == NULL)
        return arena_status(c->arena);
    enum status st = scan_units(s);
    if (st != STATUS_OK)
        (void)close_table(s); /* what was found stays found */
    arena_release(c->arena, s->unit);
    return st;
}
