/* SPDX-License-Identifier: MIT */
/* Log entries of a dump, with their descriptors ([MS-VHDX] 2.3.1). What they mean together is the `log` command's. */
#include <inttypes.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/text.h"
#include "format/log_entry.h"
#include "image/sample.h"
#include "report/dump.h"

const char *log_defect_text(unsigned defect)
{
    switch ((enum log_defect)defect) {
    case LOG_DEFECT_NONE:
        return "valid";
    case LOG_DEFECT_LENGTH:
        return "impossible length";
    case LOG_DEFECT_TAIL:
        return "impossible tail";
    case LOG_DEFECT_SEQUENCE_ZERO:
        return "sequence number 0";
    case LOG_DEFECT_DESCRIPTOR_COUNT:
        return "more descriptors than fit";
    case LOG_DEFECT_DESCRIPTOR:
        return "bad descriptor";
    case LOG_DEFECT_LENGTH_MISMATCH:
        return "length does not match the descriptors";
    case LOG_DEFECT_DATA_SECTOR:
        return "torn data sector";
    case LOG_DEFECT_CHECKSUM:
        return "wrong checksum";
    }
    return "not valid";
}

/* File offset of a ring position: of an entry, so there is a ring. */
static uint64_t ring_place(const struct log_scan *s, uint64_t ring_off)
{
    return s->off + ring_off % u64_max(s->len, 1);
}

static void dump_entry(struct dump *d, uint64_t i)
{
    const struct log_scan *s = &d->img->log;
    const struct log_entry *e = &s->entries[i];
    struct arena *a = report_scratch(d->r);
    uint8_t raw[LOG_ENTRY_HEADER_LEN];
    struct log_entry_header h;

    d->status = view_sample(d->img->stored, ring_place(s, e->ring_off), raw, sizeof(raw), NULL);
    if (d->status != STATUS_OK || !log_entry_header_decode(span_of(raw, sizeof(raw)), &h))
        return;
    dump_open(d,
              &(struct dump_place){.name = "log_entry",
                                   .index = e->ring_off / LOG_SECTOR_LEN,
                                   .off = ring_place(s, e->ring_off),
                                   .len = e->defect == LOG_DEFECT_NONE ? e->len : LOG_SECTOR_LEN,
                                   .bytes = span_of(raw, sizeof(raw)),
                                   .note = text_format(a, "%s%s%s", log_defect_text(e->defect),
                                                       e->live ? ", live" : ", stale", e->active ? ", active" : "")});
    dump_string(d, "signature", 0, 4, (const char *)raw, 4, h.signature_ok ? "right" : "wrong");
    dump_hex(d, "checksum", 4, 4, h.checksum, e->defect == LOG_DEFECT_CHECKSUM ? "wrong" : NULL);
    dump_hex(d, "entry_length", 8, 4, h.entry_len, text_size(a, h.entry_len));
    dump_hex(d, "tail", 12, 4, h.tail, NULL);
    dump_hex(d, "sequence_number", 16, 8, h.sequence_number, NULL);
    dump_number(d, "descriptor_count", 24, 4, h.descriptor_count, NULL);
    dump_hex(d, "reserved", 28, 4, h.reserved, NULL);
    dump_guid(d, "log_guid", 32, &h.log_guid, NULL);
    dump_hex(d, "flushed_file_offset", 48, 8, h.flushed_file_off, text_size(a, h.flushed_file_off));
    dump_hex(d, "last_file_offset", 56, 8, h.last_file_off, text_size(a, h.last_file_off));
    dump_close(d);
}

struct descriptor_dump {
    struct dump *d;
    const struct log_entry *entry;
};

static void dump_data_sector(struct dump *d, uint64_t off)
{
    uint8_t sector[LOG_SECTOR_LEN];
    struct log_data_sector s;

    d->status = view_sample(d->img->stored, off, sector, sizeof(sector), NULL);
    if (d->status != STATUS_OK || !log_data_sector_decode(span_of(sector, sizeof(sector)), &s))
        return;
    dump_open(d, &(struct dump_place){.name = "log_data_sector",
                                      .index = -1,
                                      .off = off,
                                      .len = LOG_SECTOR_LEN,
                                      .bytes = span_of(sector, sizeof(sector))});
    dump_string(d, "signature", 0, 4, (const char *)sector, 4, s.signature_ok ? "right" : "wrong");
    dump_hex(d, "sequence_high", 4, 4, s.sequence_number >> 32, NULL);
    dump_range(d, "data", 8, LOG_DATA_LEN, NULL);
    dump_hex(d, "sequence_low", LOG_SECTOR_LEN - 4, 4, s.sequence_number & UINT32_MAX, NULL);
    dump_close(d);
}

static bool dump_descriptor(void *ctx, uint32_t i, const struct log_descriptor *desc, uint64_t data_off)
{
    struct descriptor_dump *c = ctx;
    struct dump *d = c->d;
    const struct log_scan *s = &d->img->log;
    uint64_t ring_off = c->entry->ring_off + LOG_ENTRY_HEADER_LEN + (uint64_t)i * LOG_DESCRIPTOR_LEN;
    bool data = desc->kind == LOG_DESCRIPTOR_DATA;
    struct arena *a = report_scratch(d->r);
    uint8_t raw[LOG_DESCRIPTOR_LEN];

    log_descriptor_encode(desc, raw);
    dump_open(d, &(struct dump_place){.name = "log_descriptor",
                                      .index = i,
                                      .off = ring_place(s, ring_off),
                                      .len = LOG_DESCRIPTOR_LEN,
                                      .bytes = span_of(raw, sizeof(raw)),
                                      .note = data ? text_format(a, "data sector at 0x%" PRIx64, data_off) : NULL});
    dump_string(d, "signature", 0, 4, data ? "desc" : "zero", 4, data ? "writes a page" : "writes zeros");
    if (data) {
        dump_hex(d, "trailing_bytes", 4, 4, le32(desc->trailing), "of the page");
        dump_hex(d, "leading_bytes", 8, 8, le64(desc->leading), "of the page");
    } else {
        dump_hex(d, "reserved", 4, 4, desc->zero_reserved, NULL);
        dump_hex(d, "zero_length", 8, 8, desc->len, text_size(a, desc->len));
    }
    dump_hex(d, "file_offset", 16, 8, desc->file_off, NULL);
    dump_hex(d, "sequence_number", 24, 8, desc->sequence_number, NULL);
    dump_close(d);
    if (data && d->options->hex)
        dump_data_sector(d, data_off);
    return d->status == STATUS_OK;
}

void dump_log(struct dump *d)
{
    const struct log_scan *s = &d->img->log;

    if (d->img->current < 0) {
        dump_missing(d, "log", "no valid header says where it is");
        return;
    }
    if (!s->scanned && s->len > 0) {
        dump_missing(d, "log", s->io_error ? "it cannot be read" : "it lies outside the file");
        return;
    }
    if (s->entry_count == 0) {
        dump_empty(d, "log", "it holds no entry");
        return;
    }
    for (uint64_t i = 0; i < s->entry_count && d->status == STATUS_OK; i++) {
        struct descriptor_dump c = {.d = d, .entry = &s->entries[i]};

        dump_entry(d, i);
        if (d->status != STATUS_OK || s->entries[i].defect != LOG_DEFECT_NONE)
            continue;
        enum status st = log_scan_descriptors(s, d->img->file, i, dump_descriptor, &c);
        if (d->status == STATUS_OK)
            d->status = st;
    }
}
