/* SPDX-License-Identifier: MIT */
/* What `create`, `write` and `replay` have to say at their end. Text is a line or two, and nothing when it failed. */
#include "report/change.h"

#include <inttypes.h>

#include "base/text.h"
#include "report/element.h"
#include "report/out.h"

/* ---- create ---- */

static void create_text(struct report *r, const struct create_report *c)
{
    struct arena *a = report_scratch(r);
    const struct geometry *g = &c->geometry;

    if (c->error != NULL || r->quiet)
        return; /* a message said why */
    out_safe(r, c->path);
    out_printf(r, ": %s, %s guest disk", disk_type_name(c->type), text_size(a, g->virtual_size));
    out_printf(r, ", %s blocks", text_size(a, g->block_size));
    out_printf(r, ", sectors %u/%u, ", g->logical_sector_size, c->physical_sector_size);
    out_printf(r, "log %s\n", text_size(a, c->log_len));
    if (c->parent != NULL) {
        out_printf(r, "  parent ");
        out_safe(r, c->parent);
        out_printf(r, ": from now on it must not be changed\n");
    }
}

static void create_json(struct report *r, const struct create_report *c)
{
    const struct geometry *g = &c->geometry;

    element_begin(r);
    element_path(r, c->path);
    element_bool(r, "complete", c->error == NULL);
    if (c->error == NULL) {
        element_text(r, "type", disk_type_name(c->type));
        element_u64(r, "virtual_size", g->virtual_size);
        element_u64(r, "block_size", g->block_size);
        element_u64(r, "logical_sector_size", g->logical_sector_size);
        element_u64(r, "physical_sector_size", c->physical_sector_size);
        element_u64(r, "log_length", c->log_len);
        element_u64(r, "size", c->file_size);
        element_text(r, "parent", c->parent);
    }
    json_line(&r->json, "sandbox", element_sandbox(r));
    element_error(r, c->error);
    element_end(r);
}

void report_create(struct report *r, const struct create_report *c)
{
    if (r->format == REPORT_TEXT)
        create_text(r, c);
    else
        create_json(r, c);
}

/* ---- write ---- */

static void write_text(struct report *r, const struct write_report *w)
{
    struct arena *a = report_scratch(r);

    if (w->error != NULL || r->quiet)
        return;
    out_safe(r, w->path);
    if (w->len == 0) {
        out_printf(r, ": nothing to write%s\n", w->replayed ? "; its log was replayed" : "");
        return;
    }
    out_printf(r, ": %s bytes written at guest byte ", group_digits(a, w->len));
    out_printf(r, "%" PRIu64 " (0x%" PRIx64 ")", w->off, w->off);
    if (w->counts.blocks > 0)
        out_printf(r, ", %s allocated", count_noun(a, w->counts.blocks, "block"));
    out_printf(r, "%s\n", w->replayed ? "; its log was replayed first" : "");
}

static void write_json(struct report *r, const struct write_report *w)
{
    element_begin(r);
    element_path(r, w->path);
    element_bool(r, "complete", w->complete);
    element_bool(r, "log_replayed", w->replayed);
    element_u64(r, "offset", w->off);
    element_u64(r, "length", w->len);
    element_u64(r, "blocks_allocated", w->counts.blocks);
    element_u64(r, "bitmap_blocks_allocated", w->counts.bitmaps);
    element_u64(r, "log_entries", w->counts.log_entries);
    json_line(&r->json, "sandbox", element_sandbox(r));
    element_error(r, w->error);
    element_end(r);
}

void report_write(struct report *r, const struct write_report *w)
{
    if (r->format == REPORT_TEXT)
        write_text(r, w);
    else
        write_json(r, w);
}

/* ---- replay ---- */

static void replay_text(struct report *r, const struct replay_report *p)
{
    struct arena *a = report_scratch(r);

    if (p->error != NULL || r->quiet)
        return;
    out_safe(r, p->path);
    if (!p->replayed) {
        out_printf(r, ": the log is empty, nothing to replay\n");
        return;
    }
    out_printf(r, ": log replayed: %" PRIu64 " %s", p->entries, p->entries == 1 ? "entry" : "entries");
    out_printf(r, ", %s changed", count_noun(a, p->pages_changed, "page"));
    if (p->new_size != p->old_size)
        out_printf(r, ", file grown to %s", text_size(a, p->new_size));
    out_printf(r, "; now %s\n", p->verdict);
}

static void replay_json(struct report *r, const struct replay_report *p)
{
    element_begin(r);
    element_path(r, p->path);
    element_bool(r, "complete", p->error == NULL);
    element_bool(r, "replayed", p->replayed);
    element_u64(r, "entries", p->entries);
    element_u64(r, "pages_changed", p->pages_changed);
    element_u64(r, "size", p->new_size);
    element_text(r, "verdict", p->verdict);
    if (p->verdict != NULL) {
        element_u64(r, "errors", p->errors);
        element_u64(r, "warnings", p->warnings);
    }
    json_line(&r->json, "sandbox", element_sandbox(r));
    element_error(r, p->error);
    element_end(r);
}

void report_replay(struct report *r, const struct replay_report *p)
{
    if (r->format == REPORT_TEXT)
        replay_text(r, p);
    else
        replay_json(r, p);
}
