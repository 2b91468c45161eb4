/* SPDX-License-Identifier: MIT */
/* The log report for people: what the ring holds, which sequence counts and why, what its replay would change. */
#include <inttypes.h>

#include "base/limits.h"
#include "base/text.h"
#include "format/bat.h"
#include "format/layout.h"
#include "report/dump.h"
#include "report/log_report.h"

static void row(struct report *r, const char *name)
{
    out_printf(r, "  %-11s ", name);
}

/* At most LIMIT_LISTED lines of a kind, unless -v. */
static uint64_t listed(const struct report *r, uint64_t count)
{
    return r->verbose || count < LIMIT_LISTED ? count : LIMIT_LISTED;
}

static void unlisted(struct report *r, uint64_t count)
{
    if (count > listed(r, count))
        out_printf(r, "  ... and %s more; -v lists all\n", group_digits(report_scratch(r), count - listed(r, count)));
}

static void overview(struct report *r, const struct image *img)
{
    const struct log_scan *s = &img->log;
    const struct header *h = image_header(img);
    struct arena *a = report_scratch(r);
    char guid[GUID_TEXT_SIZE];

    if (h == NULL) {
        row(r, "place");
        out_printf(r, "unknown: no valid header\n");
        return;
    }
    row(r, "place");
    out_printf(r, "%s at 0x%" PRIx64 "%s\n", text_size(a, s->len), s->off,
               s->truncated                ? ", partly outside the file"
               : !s->scanned && s->len > 0 ? ", not readable"
                                           : "");
    row(r, "log id");
    out_printf(r, "%s\n", guid_is_nil(&h->log_guid) ? "nil: nothing to replay" : guid_text(&h->log_guid, guid));
    row(r, "entries");
    out_printf(r, "%s found: %s valid of the log id, %s valid of earlier sessions, %s not valid\n",
               group_digits(a, s->entry_count), group_digits(a, s->valid_live), group_digits(a, s->valid_stale),
               group_digits(a, s->entry_count - s->valid_live - s->valid_stale));
    if (s->orphan_data + s->orphan_descriptors + s->orphan_other > 0) {
        row(r, "orphans");
        out_printf(r, "sectors of no valid entry: %s data, %s descriptors, %s other, the first at 0x%" PRIx64 "\n",
                   group_digits(a, s->orphan_data), group_digits(a, s->orphan_descriptors),
                   group_digits(a, s->orphan_other), s->orphan_first_off);
    }
}

static void active(struct report *r, const struct image *img)
{
    const struct log_scan *s = &img->log;
    const struct replay *p = &img->replay;
    struct arena *a = report_scratch(r);

    row(r, "active");
    if (!s->has_active) {
        out_printf(r, "none%s\n",
                   img->log_state == LOG_STATE_INVALID ? ": the log id is set, but no sequence is complete" : "");
        return;
    }
    const struct log_entry *head = &s->entries[s->active_head], *tail = &s->entries[s->active_first];
    out_printf(r, "%s %s, sequence numbers 0x%" PRIx64 "-0x%" PRIx64 ", from ring offset 0x%x to 0x%x\n",
               group_digits(a, s->active_count), s->active_count == 1 ? "entry" : "entries", tail->sequence_number,
               head->sequence_number, (unsigned)tail->ring_off, (unsigned)head->ring_off);
    row(r, "replay");
    if (p->refused) {
        out_printf(r, "refused:\n");
        for (uint64_t i = 0; i < listed(r, p->fault_count); i++)
            out_printf(r, "              %s (0x%" PRIx64 ", entry at ring offset 0x%x, descriptor %u)\n",
                       replay_fault_text(p->faults[i].kind), p->faults[i].off,
                       (unsigned)s->entries[p->faults[i].entry].ring_off, (unsigned)p->faults[i].descriptor);
        unlisted(r, p->fault_count);
        return;
    }
    out_printf(r, "%s written, %s of them %s; %s and %s\n", count_noun(a, p->pages_touched, "page"),
               group_digits(a, p->pages_changed), p->pages_changed == 1 ? "changes" : "change",
               count_noun(a, p->data_descriptors, "data descriptor"),
               count_noun(a, p->zero_descriptors, "zero descriptor"));
    if (p->new_size > img->file_size) {
        row(r, "");
        out_printf(r, "the file grows from 0x%" PRIx64 " to 0x%" PRIx64 " bytes\n", img->file_size, p->new_size);
    }
}

static void sessions_table(struct report *r, const struct image *img, const struct log_session *sessions)
{
    char guid[GUID_TEXT_SIZE];

    if (img->log.guid_count == 0)
        return;
    out_printf(r, "\nsessions\n  %-38s %-6s %10s %10s  sequence numbers\n", "log id", "", "valid", "not valid");
    for (uint32_t i = 0; i < listed(r, img->log.guid_count); i++) {
        const struct log_session *s = &sessions[i];

        out_printf(r, "  %-38s %-6s %10" PRIu64 " %10" PRIu64, guid_text(&img->log.guids[i], guid),
                   s->live ? "live" : "stale", s->valid, s->damaged);
        if (s->valid > 0)
            out_printf(r, "  0x%" PRIx64 "-0x%" PRIx64, s->first_sequence, s->last_sequence);
        out_printf(r, "\n");
    }
    unlisted(r, img->log.guid_count);
}

static void sequences_table(struct report *r, const struct image *img)
{
    static const char *const states[] = {"active: complete and newest", "complete, but a newer one exists",
                                         "broken: the tail it names is no entry of it"};
    const struct log_scan *s = &img->log;

    if (s->run_count == 0)
        return;
    out_printf(r, "\nsequences of the log id\n");
    for (uint64_t i = 0; i < listed(r, s->run_count); i++) {
        const struct log_run *run = &s->runs[i];

        out_printf(r, "  0x%" PRIx64 "-0x%" PRIx64 ", %" PRIu64 " %s, head at ring offset 0x%x, tail 0x%x: %s\n",
                   s->entries[run->first].sequence_number, s->entries[run->head].sequence_number, run->count,
                   run->count == 1 ? "entry" : "entries", (unsigned)s->entries[run->head].ring_off,
                   (unsigned)s->entries[run->head].tail, states[log_run_state(s, run)]);
    }
    unlisted(r, s->run_count);
}

static void entries_table(struct report *r, const struct image *img)
{
    const struct log_scan *s = &img->log;

    if (s->entry_count == 0)
        return;
    out_printf(r, "\nentries\n  %-10s %-18s %-10s %-10s %11s  state\n", "ring", "sequence number", "length", "tail",
               "descriptors");
    for (uint64_t i = 0; i < listed(r, s->entry_count); i++) {
        const struct log_entry *e = &s->entries[i];

        out_printf(r, "  0x%08x 0x%-16" PRIx64 " 0x%-8x 0x%-8x %11u  %s%s\n", (unsigned)e->ring_off, e->sequence_number,
                   (unsigned)e->len, (unsigned)e->tail, (unsigned)e->descriptor_count, log_defect_text(e->defect),
                   e->active ? ", active"
                   : e->live ? ""
                             : ", stale");
    }
    unlisted(r, s->entry_count);
}

/* ---- plan ---- */

struct plan_text {
    struct report *r;
    struct image *img;
};

static const char *entry_text(struct arena *a, const struct bat_slot *slot, uint64_t entry)
{
    unsigned state = bat_entry_state(entry);
    const char *name = payload_state_name(state);

    if (slot->is_bitmap)
        name = state == BITMAP_NOT_PRESENT ? "not_present" : state == BITMAP_PRESENT ? "present" : "invalid";
    if (bat_entry_off(entry) == 0)
        return text_format(a, "0x%" PRIx64 " (%s)", entry, name);
    return text_format(a, "0x%" PRIx64 " (%s at 0x%" PRIx64 ")", entry, name, bat_entry_off(entry));
}

static void plan_bat_line(void *ctx, uint64_t index, uint64_t old, uint64_t new)
{
    struct plan_text *p = ctx;
    struct arena *a = report_scratch(p->r);
    struct bat_slot slot = bat_slot_of_index(&p->img->main->geometry, index);

    out_printf(p->r, "                BAT entry %" PRIu64 ": %s -> %s\n", index, entry_text(a, &slot, old),
               entry_text(a, &slot, new));
}

static bool plan_page_line(void *ctx, const struct replay_page *page)
{
    struct plan_text *p = ctx;

    (void)report_scratch(p->r);
    out_printf(
        p->r, "  0x%-12" PRIx64 " %s: %s from 0x%" PRIx64 " on%s\n", page->off, plan_owner_text(p->r, p->img, page),
        page->changed == 1 ? "1 byte changes" : text_format(p->r->scratch, "%" PRIu64 " bytes change", page->changed),
        page->first_off, page->beyond_eof ? ", behind the present end of the file" : "");
    plan_bat_changes(p->img, page, plan_bat_line, p);
    return true;
}

static enum status plan(struct report *r, struct image *img)
{
    struct plan_text ctx = {.r = r, .img = img};

    out_printf(r, "\nplan\n");
    if (!img->replay.attempted) {
        out_printf(r, "  nothing to replay\n");
        return STATUS_OK;
    }
    if (img->replay.overlay == NULL) {
        out_printf(r, "  nothing: replay is refused, the file would be damaged\n");
        return STATUS_OK;
    }
    if (img->replay.pages_changed == 0)
        out_printf(r, "  no page would change; only the log id would be cleared\n");
    return replay_plan_visit(img, plan_page_line, &ctx);
}

enum status log_text(struct report *r, struct image *img, bool with_plan)
{
    static const enum paint paints[] = {PAINT_GOOD, PAINT_WARNING, PAINT_ERROR};
    const struct log_session *sessions = log_sessions(img);

    if (sessions == NULL)
        return arena_status(img->arena);
    if (r->images > 0)
        out_printf(r, "\n");
    out_safe(r, img->path);
    out_printf(r, ": log ");
    if (img->current < 0)
        out_paint(r, PAINT_ERROR, "unknown", 0);
    else
        out_paint(r, paints[img->log_state], log_state_name(img->log_state), 0);
    out_printf(r, "\n");
    if (r->quiet)
        return STATUS_OK;
    overview(r, img);
    if (img->current >= 0)
        active(r, img);
    sessions_table(r, img, sessions);
    sequences_table(r, img);
    entries_table(r, img);
    return with_plan ? plan(r, img) : STATUS_OK;
}
