/* SPDX-License-Identifier: MIT */
/*
 * Log entries. The log of the current header was judged when the image was opened; other headers, lost ones among them,
 * may name other places. What lies in none of these is taken for a ring of its own as far as units with sectors of a
 * log follow each other: the usual log of 1 MiB is one unit, so that entries which wrap are found whole as well.
 */
#include "base/checked.h"
#include "base/limits.h"
#include "carve/parts.h"

struct logs {
    struct carver *c;
    struct unit_map known; /* units of rings looked at */
    uint64_t rings;
    const struct log_scan *log; /* in hand */
    uint64_t entry;
    enum status status;
};

static bool known_at(const struct logs *l, uint64_t off, uint64_t len)
{
    uint64_t unit;
    return unit_map_first(&l->known, off / MIB, u64_div_up(off + len, MIB), &unit);
}

/* ---- entries and their pages ---- */

static bool add_page(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off)
{
    struct logs *l = ctx;
    const struct log_entry *e = &l->log->entries[l->entry];
    bool zero = d->kind != LOG_DESCRIPTOR_DATA;
    uint64_t off = zero ? l->log->off + e->ring_off : data_off;
    struct carve_item *item = NULL;
    void *description = NULL;

    l->status = carver_add(l->c, CARVE_LOG_PAGE, off, zero ? 0 : LOG_SECTOR_LEN, sizeof(struct carved_log_page), &item,
                           &description);
    if (description == NULL)
        return l->status == STATUS_OK;
    struct carved_log_page *page = description;
    *page = (struct carved_log_page){
        .log = l->log, .entry = l->entry, .descriptor = i, .target = d->file_off, .len = d->len, .zero = zero};
    for (size_t k = 0; k < sizeof(page->leading); k++)
        page->leading[k] = d->leading[k];
    for (size_t k = 0; k < sizeof(page->trailing); k++)
        page->trailing[k] = d->trailing[k];
    item->u.log_page = page;
    item->in_use = e->active; /* that no other log has */
    l->status = carve_page_judge(l->c, page, data_off);
    return l->status == STATUS_OK;
}

static enum status add_entry(struct logs *l, const struct log_entry *e)
{
    struct carve_item *item = NULL;
    void *description = NULL;

    l->status = carver_add(l->c, CARVE_LOG_ENTRY, l->log->off + e->ring_off,
                           e->defect == LOG_DEFECT_NONE ? e->len : LOG_SECTOR_LEN, sizeof(struct carved_log_entry),
                           &item, &description);
    if (l->status != STATUS_OK)
        return l->status;
    if (description != NULL) {
        struct carved_log_entry *entry = description;
        *entry = (struct carved_log_entry){.log = l->log, .entry = l->entry};
        item->u.log_entry = entry;
        item->in_use = e->active;
    }
    if (e->defect != LOG_DEFECT_NONE)
        return STATUS_OK;
    enum status st = log_scan_descriptors(l->log, l->c->file, l->entry, add_page, l);
    if (st == STATUS_IO) /* readable when it was scanned; it is listed without its pages */
        st = carver_unreadable(l->c, l->log->off + e->ring_off, LOG_SECTOR_LEN);
    return st == STATUS_OK ? l->status : st;
}

static enum status add_log(struct logs *l, const struct log_scan *log)
{
    struct carver *c = l->c;
    uint64_t first = log->off / MIB, end = u64_min(u64_div_up(u64_add_sat(log->off, log->len), MIB), c->units);
    enum status st = STATUS_OK;

    l->rings++;
    l->log = log;
    if (first < end)
        st = unit_map_fill(&l->known, first, end - first, 1);
    for (l->entry = 0; l->entry < log->entry_count && st == STATUS_OK; l->entry++)
        st = add_entry(l, &log->entries[l->entry]);
    if (st == STATUS_OK && log->valid_live + log->valid_stale > 0 && first < end)
        st = unit_map_fill(&c->structures, first, end - first, 1);
    return st;
}

/* ---- rings ---- */

/* Looks at [off, off + len) as a ring, unless nothing in it begins like an entry. */
static enum status look_at(struct logs *l, uint64_t off, uint64_t len)
{
    static const struct guid nobody;
    struct carver *c = l->c;
    uint64_t unit;
    void *memory = NULL;

    if (!unit_map_first(&c->log_entries, off / MIB, u64_div_up(off + len, MIB), &unit))
        return STATUS_OK;
    if (l->rings > LIMIT_CARVED_RINGS) {
        c->out->limited = true;
        return STATUS_OK;
    }
    enum status st = carver_alloc(c, sizeof(struct log_scan), &memory);
    if (st != STATUS_OK)
        return st;
    struct log_scan *log = memory;
    st = log_scan_run(c->arena, c->file, off, len, &nobody, log);
    if (st == STATUS_OK && log->io_error)
        st = carver_unreadable(c, off, len);
    return st == STATUS_OK ? add_log(l, log) : st;
}

/* Logs that headers speak of. */
static enum status named_logs(struct logs *l)
{
    struct carver *c = l->c;
    uint64_t count = c->out->item_count; /* entries are appended behind */
    enum status st = STATUS_OK;

    for (uint64_t i = 0; i < count && st == STATUS_OK; i++) {
        const struct carve_item *item = &c->out->items[i];
        if (item->kind != CARVE_HEADER || !item->u.header->plausible)
            continue;
        uint64_t off = item->u.header->log_off, len = item->u.header->log_len;
        if (len > 0 && off < c->file->size && !known_at(l, off, len))
            st = look_at(l, off, len);
    }
    return st;
}

/* The others: runs of units with sectors of a log. */
static enum status nameless_logs(struct logs *l)
{
    struct carver *c = l->c;
    uint64_t unit = 0;
    enum status st = STATUS_OK;

    while (st == STATUS_OK && unit_map_first(&c->log_sectors, unit, c->units, &unit)) {
        uint64_t start = unit, most = UINT32_MAX / MIB;
        while (unit_map_test(&c->log_sectors, unit) && unit - start < most && !unit_map_test(&l->known, unit))
            unit++;
        if (unit > start)
            st = look_at(l, start * MIB, (unit - start) * MIB);
        else
            unit++;
    }
    return st;
}

enum status carve_logs(struct carver *c)
{
    struct logs l = {.c = c, .known = unit_map_in(c->arena, LIMIT_CARVED_UNITS)};
    enum status st = STATUS_OK;

    if (c->img->log.scanned)
        st = add_log(&l, &c->img->log);
    if (st == STATUS_OK)
        st = named_logs(&l);
    if (st == STATUS_OK)
        st = nameless_logs(&l);
    return st;
}
