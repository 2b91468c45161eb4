/* SPDX-License-Identifier: MIT */
/*
 * BAT and sector bitmaps of a dump ([MS-VHDX] 2.4, 2.5). A BAT may have 67 million entries: they are streamed, one line
 * each, and entries that are zero are left out unless a range asked for them.
 */
#include <inttypes.h>

#include "base/checked.h"
#include "base/text.h"
#include "format/sector_bitmap.h"
#include "image/bat_walk.h"
#include "image/bitmaps.h"
#include "image/sample.h"
#include "report/dump.h"

static const char *state_name(const struct bat_slot *slot, uint64_t entry)
{
    unsigned state = bat_entry_state(entry);

    if (!slot->is_bitmap)
        return payload_state_name(state);
    return state == BITMAP_NOT_PRESENT ? "not_present" : state == BITMAP_PRESENT ? "present" : "invalid";
}

struct bat_line {
    uint64_t index, entry_off, entry;
    struct bat_slot slot;
    uint64_t guest_off, guest_len; /* 0, 0: describes no guest bytes */
};

static void bat_line_text(struct dump *d, const struct bat_line *l)
{
    out_printf(d->r, "  %-10" PRIu64 " 0x%08" PRIx64 "  0x%016" PRIx64 "  %-7s %-18s 0x%-12" PRIx64, l->index,
               l->entry_off, l->entry, l->slot.is_bitmap ? "bitmap" : "payload", state_name(&l->slot, l->entry),
               bat_entry_off(l->entry));
    if (l->guest_len > 0)
        out_printf(d->r, " 0x%" PRIx64 "-0x%" PRIx64, l->guest_off, l->guest_off + l->guest_len);
    else if (l->slot.is_bitmap)
        out_printf(d->r, " chunk %" PRIu64, l->slot.chunk);
    if (bat_entry_reserved(l->entry) != 0)
        out_printf(d->r, " reserved bits 0x%" PRIx64, bat_entry_reserved(l->entry));
    out_printf(d->r, "\n");
}

static void bat_line_json(struct dump *d, const struct bat_line *l)
{
    struct json *j = &d->r->json;
    cJSON *o = json_object(j);

    json_put_text(j, o, "structure", "bat_entry");
    json_put_u64(j, o, "index", l->index);
    json_put_u64(j, o, "offset", l->entry_off);
    json_put_u64(j, o, "length", BAT_ENTRY_LEN);
    json_put_hex(j, o, "value", l->entry);
    json_put_text(j, o, "kind", l->slot.is_bitmap ? "sector_bitmap" : "payload");
    json_put_text(j, o, "state", state_name(&l->slot, l->entry));
    json_put_hex(j, o, "file_offset", bat_entry_off(l->entry));
    if (l->guest_len > 0) {
        cJSON *g = json_object(j);
        json_put_u64(j, g, "offset", l->guest_off);
        json_put_u64(j, g, "length", l->guest_len);
        json_put(j, o, "guest_range", g);
    } else {
        json_put_null(j, o, "guest_range");
    }
    json_line(j, NULL, o);
}

static void bat_entry(struct dump *d, const struct view *v, uint64_t index, uint64_t entry)
{
    const struct geometry *g = &v->geometry;
    struct bat_line l = {.index = index, .entry_off = v->bat.off + index * BAT_ENTRY_LEN, .entry = entry};

    l.slot = bat_slot_of_index(g, index);
    if (!l.slot.is_bitmap && l.slot.block < g->payload_blocks) {
        l.guest_off = l.slot.block * g->block_size;
        l.guest_len = block_guest_len(g, l.slot.block);
    }
    if (d->r->format == REPORT_TEXT)
        bat_line_text(d, &l);
    else
        bat_line_json(d, &l);
}

static void bat_entries(struct dump *d, struct view *v, uint64_t first, uint64_t end)
{
    bool all = d->options->have_range;
    struct bat_reader reader;
    uint64_t zeros = 0;

    d->status = bat_reader_open(v, &reader);
    for (uint64_t i = first; i < end && d->status == STATUS_OK; i++) {
        uint64_t entry = 0;

        d->status = bat_reader_get(&reader, i, &entry);
        if (d->status != STATUS_OK)
            return;
        if (entry != 0 || all)
            bat_entry(d, v, i, entry);
        else
            zeros++;
    }
    if (d->r->format == REPORT_TEXT && zeros > 0)
        out_printf(d->r, "  (%s not shown: zero, not present)\n",
                   zeros == 1 ? "1 entry"
                              : text_format(d->r->scratch, "%s entries", group_digits(d->r->scratch, zeros)));
}

void dump_bat(struct dump *d)
{
    struct view *v = d->img->main;
    uint64_t first = 0, end = v->bat.walk_entries;

    if (v->bat.absence != ABSENT_NOT) {
        dump_missing(d, "bat", absence_text(v->bat.absence));
        return;
    }
    if (d->options->have_range) {
        end = u64_min(v->bat.slots, d->options->range_end);
        first = u64_min(d->options->range_first, end);
    }
    if (d->r->format == REPORT_TEXT) {
        struct arena *a = report_scratch(d->r);
        out_printf(d->r, "%sbat at 0x%" PRIx64 ", %s entries%s\n", d->begun ? "\n" : "", v->bat.off,
                   group_digits(a, v->bat.walk_entries), v->kind == VIEW_REPLAYED ? ", with the log replayed" : "");
        out_printf(d->r,
                   "  index      at          value               kind    state              file offset    guest\n");
        d->begun = true;
    }
    bat_entries(d, v, first, end);
    if (d->options->hex && d->status == STATUS_OK)
        dump_view_bytes(d, v, v->bat.off + first * BAT_ENTRY_LEN, v->bat.off + end * BAT_ENTRY_LEN);
}

/* ---- sector bitmaps ---- */

struct bitmap_dump {
    struct dump *d;
    struct view *view;
    uint8_t *bits; /* BITMAP_BLOCK_LEN bytes */
    bool runs;     /* list the runs of present sectors */
    uint64_t shown;
};

static enum status read_bits(struct view *v, uint64_t off, uint8_t *bits)
{
    for (uint64_t at = 0; at < BITMAP_BLOCK_LEN; at += SAMPLE_MAX) {
        enum status st = view_sample(v, off + at, bits + at, SAMPLE_MAX, NULL);
        if (st != STATUS_OK)
            return st;
    }
    return STATUS_OK;
}

static void bitmap_runs(struct bitmap_dump *b, const struct bitmap_note *n)
{
    struct span bits = span_of(b->bits, BITMAP_BLOCK_LEN);
    uint64_t sector_size = b->view->geometry.logical_sector_size;
    uint64_t guest = n->chunk * SECTORS_PER_BITMAP * sector_size;
    struct json *j = &b->d->r->json;

    for (uint64_t at = 0; at < SECTORS_PER_BITMAP;) {
        bool present = false;
        uint64_t run = sector_bitmap_run(bits, at, SECTORS_PER_BITMAP - at, &present);

        if (present && b->d->r->format == REPORT_TEXT) {
            uint64_t start = guest + at * sector_size;
            out_printf(b->d->r,
                       "  sectors %" PRIu64 "-%" PRIu64 " are in this file: guest 0x%" PRIx64 "-0x%" PRIx64 "%s\n", at,
                       at + run - 1, start, start + run * sector_size,
                       start >= b->view->geometry.virtual_size ? " (behind the end of the disk)" : "");
        } else if (present) {
            cJSON *o = json_object(j), *g = json_object(j);
            json_put_text(j, o, "structure", "sector_run");
            json_put_u64(j, o, "index", n->index);
            json_put_u64(j, o, "offset", n->off + at / 8);
            json_put_u64(j, o, "length", (at + run - 1) / 8 - at / 8 + 1);
            json_put_u64(j, o, "first_sector", at);
            json_put_u64(j, o, "sectors", run);
            json_put_u64(j, g, "offset", guest + at * sector_size);
            json_put_u64(j, g, "length", run * sector_size);
            json_put(j, o, "guest_range", g);
            json_line(j, NULL, o);
        }
        at += run;
    }
}

static bool dump_bitmap(void *ctx, const struct bitmap_note *n)
{
    struct bitmap_dump *b = ctx;
    struct dump *d = b->d;

    if (d->options->have_range && (n->chunk < d->options->range_first || n->chunk >= d->options->range_end))
        return true;
    (void)report_scratch(d->r);
    b->shown++;
    d->status = read_bits(b->view, n->off, b->bits);
    if (d->status != STATUS_OK)
        return false;
    dump_open(d, &(struct dump_place){.name = "sector_bitmap",
                                      .index = (int64_t)n->index,
                                      .off = n->off,
                                      .len = BITMAP_BLOCK_LEN,
                                      .bytes = span_of(b->bits, BITMAP_BLOCK_LEN),
                                      .note = n->in_file ? NULL : "not wholly in the file",
                                      .view = b->view});
    d->unnamed = true; /* counts over all bits have no place of their own */
    dump_number(d, "chunk", 0, 0, n->chunk, NULL);
    dump_number(d, "sectors_present", 0, BITMAP_BLOCK_LEN, n->bits_total, "bits set");
    dump_number(d, "blocks", 0, 0, n->blocks, "payload blocks of this chunk");
    dump_number(d, "partial_blocks", 0, 0, n->partial_blocks, "of them in state partially_present");
    dump_close(d);
    if (b->runs)
        bitmap_runs(b, n);
    return true;
}

void dump_bitmaps(struct dump *d)
{
    struct view *v = d->img->main;
    struct bitmap_dump b = {.d = d, .view = v, .runs = d->options->parts == DUMP_BITMAP};

    if (v->bat.absence != ABSENT_NOT) {
        dump_missing(d, "bitmap", absence_text(v->bat.absence));
        return;
    }
    if (v->type != DISK_DIFFERENCING) {
        dump_empty(d, "bitmap", "only differencing disks have sector bitmaps");
        return;
    }
    b.bits = (uint8_t *)arena_alloc(d->img->arena, BITMAP_BLOCK_LEN);
    if (b.bits == NULL) {
        d->status = arena_status(d->img->arena);
        return;
    }
    enum status st = bitmaps_visit(v, dump_bitmap, &b);
    if (d->status == STATUS_OK)
        d->status = st;
    if (b.shown == 0 && d->status == STATUS_OK)
        dump_empty(d, "bitmap", "no sector bitmap block is present");
    arena_release(d->img->arena, b.bits);
}
