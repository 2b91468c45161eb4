/* SPDX-License-Identifier: MIT */
/* File identifier, headers and region tables of a dump ([MS-VHDX] 2.2). */
#include "base/text.h"
#include "format/layout.h"
#include "report/dump.h"

static struct span clip(struct span s, uint64_t off, uint64_t len)
{
    struct span part = {.ptr = s.ptr, .len = 0};

    if (off < s.len) {
        uint64_t rest = s.len - off;
        if (!span_sub(s, off, len < rest ? len : rest, &part))
            part.len = 0;
    }
    return part;
}

void dump_file_id(struct dump *d)
{
    const struct file_identifier *id = &d->img->file_id;
    struct arena *a = report_scratch(d->r);

    if (d->img->file_id_absence != ABSENT_NOT) {
        dump_missing(d, "file_id", absence_text(d->img->file_id_absence));
        return;
    }
    struct span bytes = clip(id->raw, 0, d->img->file_id_got);
    dump_open(d, &(struct dump_place){.name = "file_id",
                                      .index = -1,
                                      .off = FILE_ID_OFF,
                                      .len = FILE_ID_LEN,
                                      .bytes = bytes,
                                      .zeros = d->img->file_id_got - bytes.len});
    const char *signature = (const char *)id->raw.ptr;
    dump_string(d, "signature", 0, 8, signature, 8, id->signature_ok ? "right" : "wrong");
    const char *creator = d->img->creator != NULL ? d->img->creator : "";
    size_t creator_len = 0;
    while (creator[creator_len] != '\0')
        creator_len++;
    dump_string(d, "creator", FILE_ID_CREATOR_OFF, FILE_ID_CREATOR_LEN, creator, creator_len,
                id->creator_terminated ? NULL : "not terminated");
    struct span reserved = clip(id->raw, FILE_ID_RESERVED_OFF, FILE_ID_LEN);
    size_t first = span_find_nonzero(reserved, 0);
    dump_range(d, "reserved", FILE_ID_RESERVED_OFF, FILE_ID_LEN - FILE_ID_RESERVED_OFF,
               first == reserved.len ? "zero"
                                     : text_format(a, "not zero, first at 0x%zx", FILE_ID_RESERVED_OFF + first));
    dump_close(d);
}

static void dump_header(struct dump *d, int slot)
{
    const struct header_slot *s = &d->img->headers[slot];
    const struct header *h = &s->h;
    struct arena *a = report_scratch(d->r);
    const char *note = !s->valid ? "not valid" : d->img->current == slot ? "valid, current" : "valid";

    if (s->got == 0) {
        dump_missing(d, slot == 0 ? "header 1" : "header 2",
                     s->io_error ? "cannot be read" : "the file ends before it");
        return;
    }
    dump_open(d, &(struct dump_place){.name = "header",
                                      .index = slot + 1,
                                      .off = s->off,
                                      .len = HEADER_LEN,
                                      .bytes = clip(h->raw, 0, s->got),
                                      .note = note});
    dump_string(d, "signature", 0, 4, (const char *)h->raw.ptr, 4, h->signature_ok ? "right" : "wrong");
    dump_hex(d, "checksum", 4, 4, h->checksum,
             h->checksum_ok ? "right" : text_format(a, "wrong, computed 0x%08x", (unsigned)h->checksum_computed));
    dump_hex(d, "sequence_number", 8, 8, h->sequence_number, NULL);
    dump_guid(d, "file_write_guid", 16, &h->file_write_guid, NULL);
    dump_guid(d, "data_write_guid", 32, &h->data_write_guid, NULL);
    dump_guid(d, "log_guid", 48, &h->log_guid, guid_is_nil(&h->log_guid) ? "nil: the log is empty" : NULL);
    dump_number(d, "log_version", 64, 2, h->log_version, NULL);
    dump_number(d, "version", 66, 2, h->version, NULL);
    dump_hex(d, "log_length", 68, 4, h->log_len, text_size(a, h->log_len));
    dump_hex(d, "log_offset", 72, 8, h->log_off, NULL);
    struct span reserved = clip(h->raw, HEADER_FIELDS_LEN, HEADER_LEN);
    dump_range(d, "reserved", HEADER_FIELDS_LEN, HEADER_LEN - HEADER_FIELDS_LEN,
               span_is_zero(reserved) ? "zero" : "not zero");
    dump_close(d);
}

void dump_headers(struct dump *d)
{
    dump_header(d, 0);
    dump_header(d, 1);
}

static void dump_region_entry(struct dump *d, const struct region_copy *c, uint32_t i)
{
    const struct region_entry *e = &c->entries[i];
    struct arena *a = report_scratch(d->r);
    uint64_t off = REGION_TABLE_HEADER_LEN + (uint64_t)i * REGION_ENTRY_LEN;

    dump_open(d, &(struct dump_place){.name = "region_entry",
                                      .index = i,
                                      .off = c->off + off,
                                      .len = REGION_ENTRY_LEN,
                                      .bytes = clip(c->table.front, off, REGION_ENTRY_LEN),
                                      .view = d->img->main});
    dump_guid(d, "guid", 0, &e->guid, NULL);
    dump_hex(d, "file_offset", 16, 8, e->off, NULL);
    dump_hex(d, "length", 24, 4, e->len, text_size(a, e->len));
    dump_hex(d, "required", 28, 4, e->required_word, e->required_word & 1 ? "required" : "optional");
    dump_close(d);
}

static void dump_region_table(struct dump *d, int copy)
{
    const struct region_copy *c = &d->img->main->regions[copy];
    struct arena *a = report_scratch(d->r);
    const char *note = !c->valid ? "not valid" : d->img->main->used_table == copy ? "valid, used" : "valid";

    if (c->got == 0) {
        dump_missing(d, copy == 0 ? "region_table 1" : "region_table 2",
                     c->io_error ? "cannot be read" : "the file ends before it");
        return;
    }
    dump_open(d, &(struct dump_place){.name = "region_table",
                                      .index = copy + 1,
                                      .off = c->off,
                                      .len = REGION_TABLE_LEN,
                                      .bytes = clip(c->table.front, 0, REGION_TABLE_HEADER_LEN),
                                      .note = note,
                                      .view = d->img->main});
    dump_string(d, "signature", 0, 4, (const char *)c->table.front.ptr, 4, c->table.signature_ok ? "right" : "wrong");
    dump_hex(d, "checksum", 4, 4, c->table.checksum,
             c->table.checksum_ok ? "right"
                                  : text_format(a, "wrong, computed 0x%08x", (unsigned)c->table.checksum_computed));
    dump_number(d, "entry_count", 8, 4, c->table.entry_count, NULL);
    dump_hex(d, "reserved", 12, 4, c->table.reserved, NULL);
    dump_close(d);
    uint32_t count = c->table.usable_count;
    for (uint32_t i = 0; i < count; i++)
        dump_region_entry(d, c, i);

    uint64_t end = REGION_TABLE_HEADER_LEN + (uint64_t)count * REGION_ENTRY_LEN;
    struct span slack = clip(c->table.front, end, REGION_TABLE_LEN);
    if (!span_is_zero(slack)) {
        dump_open(d, &(struct dump_place){.name = "region_table_slack",
                                          .index = copy + 1,
                                          .off = c->off + end,
                                          .len = REGION_TABLE_LEN - end,
                                          .bytes = slack,
                                          .zeros = REGION_TABLE_LEN - end - slack.len,
                                          .note = "not zero behind the entries",
                                          .view = d->img->main});
        dump_close(d);
    }
}

void dump_regions(struct dump *d)
{
    dump_region_table(d, 0);
    dump_region_table(d, 1);
}
