/* SPDX-License-Identifier: MIT */
/*
 * The map of a guest's disk: extents in order and without gaps, neighbours that continue each other as one. They are
 * printed as they are found, so memory does not depend on their number.
 */
#include <inttypes.h>

#include "base/text.h"
#include "report/element.h"
#include "report/guest.h"
#include "report/lines.h"
#include "report/out.h"

enum { COLUMN = 18 }; /* "0x" and 16 digits */

struct map {
    struct report *r;
    struct lines *lines;
    bool many_layers;
    uint64_t extents, data, zeros;
};

static void line_json(struct lines *l, const struct guest_extent *e)
{
    LINES_LITERAL(l, "{\"offset\":");
    lines_u64(l, e->off);
    LINES_LITERAL(l, ",\"length\":");
    lines_u64(l, e->len);
    LINES_LITERAL(l, ",\"state\":\"");
    lines_text(l, guest_state_name(e->state));
    LINES_LITERAL(l, "\",\"file_offset\":");
    if (e->data)
        lines_u64(l, e->file_off);
    else
        LINES_LITERAL(l, "null");
    LINES_LITERAL(l, ",\"layer\":");
    lines_u64(l, e->layer);
    if (e->fault != GUEST_FAULT_NONE) {
        LINES_LITERAL(l, ",\"fault\":\"");
        lines_text(l, guest_fault_name(e->fault));
        LINES_LITERAL(l, "\"");
    }
    LINES_LITERAL(l, "}");
}

static void line_text(const struct map *m, const struct guest_extent *e)
{
    struct lines *l = m->lines;

    lines_hex(l, e->off, COLUMN);
    lines_hex(l, e->len, COLUMN);
    if (e->data)
        lines_hex(l, e->file_off, COLUMN);
    else
        lines_right(l, "-", COLUMN);
    LINES_LITERAL(l, "  ");
    if (m->many_layers) {
        lines_u64(l, e->layer);
        LINES_LITERAL(l, "  ");
    }
    lines_text(l, guest_state_name(e->state));
    if (e->fault != GUEST_FAULT_NONE) {
        LINES_LITERAL(l, "  UNREADABLE: ");
        lines_text(l, guest_fault_text(e->fault));
    }
    LINES_LITERAL(l, "\n");
}

static void extent_line(struct map *m, const struct guest_extent *e)
{
    lines_room(m->lines);
    switch (m->r->format) {
    case REPORT_TEXT:
        line_text(m, e);
        break;
    case REPORT_JSON:
        if (m->extents > 0)
            LINES_LITERAL(m->lines, ",");
        LINES_LITERAL(m->lines, "\n    ");
        line_json(m->lines, e);
        break;
    case REPORT_JSONL:
        line_json(m->lines, e);
        LINES_LITERAL(m->lines, "\n");
        break;
    case REPORT_SARIF:
    case REPORT_HTML:
        break;
    }
}

static void head(const struct map *m, const char *path, const struct guest *g, uint64_t off, uint64_t len)
{
    struct report *r = m->r;
    struct json *j = &r->json;
    struct arena *a = report_scratch(r);

    if (r->format == REPORT_TEXT) {
        out_safe(r, path);
        out_printf(r, ": guest disk of %s, blocks of %s\n", text_size(a, guest_size(g)),
                   text_size(a, guest_block_size(g)));
        for (uint32_t i = 0; m->many_layers && i < guest_layer_count(g); i++) {
            out_printf(r, "  layer %" PRIu32 ": ", i);
            out_safe(r, guest_layer_image(g, i)->path);
            out_printf(r, "\n");
        }
        out_printf(r, "%*s%*s%*s  %sSTATE\n", COLUMN, "OFFSET", COLUMN, "LENGTH", COLUMN, "FILE OFFSET",
                   m->many_layers ? "LAYER  " : "");
    }
    if (r->format != REPORT_JSON)
        return;
    element_begin(r);
    element_path(r, path);
    element_u64(r, "virtual_size", guest_size(g));
    element_u64(r, "block_size", guest_block_size(g));
    element_u64(r, "logical_sector_size", guest_sector_size(g));
    element_u64(r, "offset", off);
    element_u64(r, "length", len);
    json_begin(j, "layers", '[');
    for (uint32_t i = 0; i < guest_layer_count(g); i++) {
        json_begin(j, NULL, '{');
        element_u64(r, "layer", i);
        element_path(r, guest_layer_image(g, i)->path);
        json_end(j, '}');
    }
    json_end(j, ']');
    json_begin(j, "extents", '[');
}

static void tail(const struct map *m, const struct guest_fault_list *faults, bool complete)
{
    struct report *r = m->r;
    struct json *j = &r->json;
    struct arena *a = report_scratch(r);

    if (r->format == REPORT_TEXT) {
        out_printf(r, "%s: %s of data, %s of zeros", count_noun(a, m->extents, "extent"), text_size(a, m->data),
                   text_size(a, m->zeros));
        if (faults->total > 0)
            out_printf(r, ", %s that cannot be read", text_size(a, faults->bytes));
        out_printf(r, "\n");
    }
    if (r->format != REPORT_JSON)
        return;
    j->filled[j->depth] = m->extents > 0; /* the lines went past the stream */
    json_end(j, ']');
    json_begin(j, "totals", '{');
    element_u64(r, "extents", m->extents);
    element_u64(r, "data_bytes", m->data);
    element_u64(r, "zero_bytes", m->zeros);
    element_u64(r, "unreadable_bytes", faults->bytes);
    json_end(j, '}');
    element_bool(r, "complete", complete);
    element_end(r);
}

enum status report_map(struct report *r, const char *path, struct guest *g, uint64_t off, uint64_t len,
                       struct guest_fault_list *faults)
{
    static struct lines lines; /* 64 KiB are much for a stack */
    struct map m = {.r = r, .lines = &lines, .many_layers = guest_layer_count(g) > 1};
    const uint64_t end = off + len;
    enum status st = STATUS_OK;

    head(&m, path, g, off, len);
    lines_begin(&lines, r->out);
    while (off < end && !ferror(r->out)) {
        struct guest_extent e;
        st = guest_extent_merged(g, off, end - off, &e);
        if (st != STATUS_OK)
            break;
        extent_line(&m, &e);
        m.extents++;
        if (e.fault != GUEST_FAULT_NONE)
            guest_fault_list_note(faults, &e);
        else
            *(e.data ? &m.data : &m.zeros) += e.len;
        off += e.len;
    }
    lines_flush(&lines);
    tail(&m, faults, st == STATUS_OK);
    return st;
}
