/* SPDX-License-Identifier: MIT */
/*
 * The log of a metadata copy, sector by sector. Entries that can be read keep header and descriptors; their pages keep
 * what belongs to a structure of the image and lose what would be the guest's. Of sectors outside such entries only
 * signatures and sequence numbers stay. An entry whose checksum was right is signed again, last.
 */
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/le.h"
#include "image/log_scan.h"
#include "write/metadump_parts.h"

struct log_pass {
    struct dumper *d;
    const struct log_scan *log;
    uint64_t len;     /* bytes of the ring in whole sectors */
    uint64_t wrapped; /* bytes at its start that belong to a readable entry from its end */
    uint64_t next;    /* entry: all before it end at or before the place that is looked at */
};

/* Its checksum is right. */
static bool is_readable(const struct log_entry *e)
{
    return e->defect == LOG_DEFECT_NONE || e->defect == LOG_DEFECT_LENGTH_MISMATCH;
}

/* File offset of sector `number` of an entry. */
static uint64_t sector_off(const struct log_pass *p, const struct log_entry *e, uint64_t number)
{
    return p->log->off + (e->ring_off + number * LOG_SECTOR_LEN) % p->len;
}

/* ---- pages ---- */

enum page_kind { PAGE_OUT, PAGE_EXACT, PAGE_HEADER_SECTION, PAGE_METADATA };

static enum page_kind kind_in(const struct view *v, uint64_t off)
{
    const struct extent *e = layout_map_region_at(v->layout, off, LOG_SECTOR_LEN); /* though the log be there as well */

    if (e == NULL)
        e = layout_map_fixed_at(v->layout, off, LOG_SECTOR_LEN);
    if (e == NULL)
        return PAGE_OUT;
    if (e->kind == OWNER_BITMAP)
        return PAGE_EXACT;
    if (e->kind == OWNER_HEADER_SECTION)
        return PAGE_HEADER_SECTION;
    if (e->kind != OWNER_REGION)
        return PAGE_OUT;
    if (v->bat_region.found && e->start == v->bat_region.off)
        return PAGE_EXACT;
    return v->metadata_region.found && e->start == v->metadata_region.off ? PAGE_METADATA : PAGE_OUT;
}

/* The page that goes to file offset off: what it must not hold is taken out. */
static void clean_page(struct dumper *d, uint64_t off, uint8_t *page)
{
    enum page_kind kind = kind_in(d->img->main, off);

    if (kind == PAGE_OUT)
        kind = kind_in(d->img->stored, off);
    if (kind == PAGE_OUT) {
        const bool empty = span_is_zero(span_of(page, LOG_SECTOR_LEN));
        memset(page, 0, LOG_SECTOR_LEN);
        page[LOG_LEADING_LEN] = empty ? 0 : METADUMP_FILLER; /* a place in the data sector, not in its descriptor */
        d->out.log_pages_out += !empty;
    } else if (d->options->redact && kind == PAGE_METADATA) {
        metadump_metadata_page(d, off, page);
    } else if (d->options->redact && kind == PAGE_HEADER_SECTION) {
        redact_known_guids(&d->redaction, page, LOG_SECTOR_LEN);
    }
}

/* ---- entries that can be read ---- */

static enum status clean_data(struct log_pass *p, uint8_t *descriptor, uint64_t data_off)
{
    struct log_descriptor d = {.kind = LOG_DESCRIPTOR_UNKNOWN};
    uint8_t sector[LOG_SECTOR_LEN], page[LOG_SECTOR_LEN], before[LOG_SECTOR_LEN];

    if (!log_descriptor_decode(span_of(descriptor, LOG_DESCRIPTOR_LEN), &d))
        return STATUS_INTERNAL;
    enum status st = metadump_read(p->d, data_off, sector, sizeof(sector));
    if (st != STATUS_OK)
        return st;
    log_page_assemble(d.leading, sector, d.trailing, page);
    memcpy(before, page, sizeof(before));
    clean_page(p->d, d.file_off, page);
    if (memcmp(before, page, sizeof(before)) == 0)
        return STATUS_OK;
    /* The fields keep their bytes; only the page's are put in their places. */
    memcpy(descriptor + 8, page, LOG_LEADING_LEN);
    memcpy(descriptor + 4, page + LOG_SECTOR_LEN - LOG_TRAILING_LEN, LOG_TRAILING_LEN);
    memcpy(sector + 8, page + LOG_LEADING_LEN, LOG_DATA_LEN);
    return metadump_write(p->d, data_off, sector, sizeof(sector));
}

static bool is_data(const uint8_t *descriptor)
{
    return memcmp(descriptor, SIGNATURE_LOG_DATA_DESCRIPTOR, 4) == 0;
}

/* One sector of descriptors and the pages they speak of. first: number of its first descriptor; *data: of data sectors
 * so far. */
static enum status clean_descriptors(struct log_pass *p, const struct log_entry *e, uint64_t number, uint64_t *data)
{
    const uint64_t front = log_descriptor_sectors(e->descriptor_count);
    const uint64_t end = LOG_ENTRY_HEADER_LEN + (uint64_t)e->descriptor_count * LOG_DESCRIPTOR_LEN;
    const uint64_t start = number * LOG_SECTOR_LEN;
    const uint64_t off = sector_off(p, e, number);
    uint8_t sector[LOG_SECTOR_LEN];

    enum status st = metadump_read(p->d, off, sector, sizeof(sector));
    if (st != STATUS_OK)
        return st;
    if (number == 0 && p->d->options->redact)
        redact_guid(&p->d->redaction, sector + 32);
    for (uint64_t at = number == 0 ? LOG_ENTRY_HEADER_LEN : 0; at < LOG_SECTOR_LEN && st == STATUS_OK;
         at += LOG_DESCRIPTOR_LEN) {
        if (start + at >= end) {
            metadump_blank_bytes(sector + at, LOG_DESCRIPTOR_LEN);
        } else if (is_data(sector + at) && *data < e->data_count) {
            st = clean_data(p, sector + at, sector_off(p, e, front + *data));
            ++*data;
        }
    }
    return st == STATUS_OK ? metadump_write(p->d, off, sector, sizeof(sector)) : st;
}

static enum status sign_entry(struct log_pass *p, const struct log_entry *e)
{
    uint8_t sector[LOG_SECTOR_LEN], checksum[4];
    uint32_t crc = 0;

    for (uint64_t i = 0; i < e->len / LOG_SECTOR_LEN; i++) {
        enum status st = metadump_read(p->d, sector_off(p, e, i), sector, sizeof(sector));
        if (st != STATUS_OK)
            return st;
        if (i == 0)
            memset(sector + 4, 0, 4);
        crc = crc32c(crc, sector, sizeof(sector));
    }
    put_le32(checksum, crc);
    return store_write(p->d->stage, sector_off(p, e, 0) + 4, checksum, sizeof(checksum));
}

/* Where a header puts its log over other structures, those win. */
static bool is_other_structure(const struct dumper *d, uint64_t off)
{
    const struct view *const views[2] = {d->img->main, d->img->stored};

    for (int i = 0; i < 2; i++) {
        if (kind_in(views[i], off) != PAGE_OUT)
            return true;
    }
    return off < HEADER_SECTION_LEN;
}

static enum status clean_entry(struct log_pass *p, const struct log_entry *e)
{
    const uint64_t front = log_descriptor_sectors(e->descriptor_count), sectors = e->len / LOG_SECTOR_LEN;
    enum status st = STATUS_OK;
    uint64_t data = 0;

    for (uint64_t i = 0; i < front && i < sectors && st == STATUS_OK; i++)
        st = clean_descriptors(p, e, i, &data);
    for (uint64_t i = front + data; i < sectors && st == STATUS_OK; i++) {
        if (!is_other_structure(p->d, sector_off(p, e, i)))
            st = metadump_blank(p->d, sector_off(p, e, i), LOG_SECTOR_LEN);
    }
    if (st == STATUS_OK)
        st = p->d->redaction.status;
    return st == STATUS_OK ? sign_entry(p, e) : st;
}

/* ---- other sectors ---- */

/* A descriptor outside a readable entry keeps all but the twelve bytes of its page. */
static void blank_descriptor(uint8_t *p)
{
    if (is_data(p)) {
        metadump_blank_bytes(p + 4, LOG_TRAILING_LEN);
        metadump_blank_bytes(p + 8, LOG_LEADING_LEN);
    } else if (memcmp(p, SIGNATURE_LOG_ZERO_DESCRIPTOR, 4) != 0) {
        metadump_blank_bytes(p, LOG_DESCRIPTOR_LEN);
    }
}

static void blank_sector(struct dumper *d, uint8_t *sector)
{
    size_t at = 0;

    if (memcmp(sector, SIGNATURE_LOG_DATA_SECTOR, 4) == 0) {
        memset(sector + 8, 0, LOG_DATA_LEN);
        return;
    }
    if (memcmp(sector, SIGNATURE_LOG_ENTRY, 4) == 0) {
        if (d->options->redact)
            redact_guid(&d->redaction, sector + 32);
        at = LOG_ENTRY_HEADER_LEN;
    } else if (!is_data(sector) && memcmp(sector, SIGNATURE_LOG_ZERO_DESCRIPTOR, 4) != 0) {
        metadump_blank_bytes(sector, LOG_SECTOR_LEN);
        return;
    }
    for (; at < LOG_SECTOR_LEN; at += LOG_DESCRIPTOR_LEN)
        blank_descriptor(sector + at);
}

static bool in_readable(struct log_pass *p, uint64_t ring_off)
{
    const struct log_scan *s = p->log;

    if (ring_off < p->wrapped)
        return true;
    while (p->next < s->entry_count && (!is_readable(&s->entries[p->next]) ||
                                        (uint64_t)s->entries[p->next].ring_off + s->entries[p->next].len <= ring_off))
        p->next++;
    return p->next < s->entry_count && s->entries[p->next].ring_off <= ring_off;
}

static enum status clean_sector(struct log_pass *p, uint64_t ring_off)
{
    const uint64_t off = p->log->off + ring_off;
    uint8_t sector[LOG_SECTOR_LEN];

    if (in_readable(p, ring_off) || is_other_structure(p->d, off))
        return STATUS_OK;
    enum status st = metadump_read(p->d, off, sector, sizeof(sector));
    if (st != STATUS_OK || span_is_zero(span_of(sector, sizeof(sector))))
        return st;
    blank_sector(p->d, sector);
    return p->d->redaction.status == STATUS_OK ? metadump_write(p->d, off, sector, sizeof(sector))
                                               : p->d->redaction.status;
}

/* All sectors with data, those of readable entries apart. */
static enum status clean_rest(struct log_pass *p)
{
    const uint64_t size = p->d->img->file_size, start = p->log->off, end = u64_min(start + p->len, size);
    uint64_t data = 0, hole = 0;

    for (uint64_t off = start; off < end;) {
        enum status st = source_next_data(p->d->stage->source, off, &data, &hole);
        if (st != STATUS_OK || data >= end)
            return st;
        uint64_t first = (data - start) / LOG_SECTOR_LEN, last = u64_div_up(u64_min(hole, end) - start, LOG_SECTOR_LEN);
        for (uint64_t i = first; i < last && st == STATUS_OK; i++) {
            const uint64_t at = start + i * LOG_SECTOR_LEN;
            if (range_in(at, LOG_SECTOR_LEN, size))
                st = clean_sector(p, i * LOG_SECTOR_LEN);
            else if (!is_other_structure(p->d, at))
                st = metadump_blank(p->d, at, size - at); /* the file ends in it */
        }
        if (st != STATUS_OK)
            return st;
        off = start + last * LOG_SECTOR_LEN;
    }
    return STATUS_OK;
}

enum status metadump_log(struct dumper *d)
{
    const struct log_scan *log = &d->img->log;
    struct log_pass p = {.d = d, .log = log, .len = log->len - log->len % LOG_SECTOR_LEN};
    enum status st = STATUS_OK;

    if (!log->scanned || p.len == 0)
        return STATUS_OK;
    for (uint64_t i = 0; i < log->entry_count && st == STATUS_OK; i++) {
        const struct log_entry *e = &log->entries[i];
        if (!is_readable(e))
            continue;
        if ((uint64_t)e->ring_off + e->len > p.len)
            p.wrapped = (uint64_t)e->ring_off + e->len - p.len;
        st = clean_entry(&p, e);
    }
    return st == STATUS_OK ? clean_rest(&p) : st;
}
