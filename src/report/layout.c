/* SPDX-License-Identifier: MIT */
/*
 * The map of the file itself: fixed structures, sector bitmaps and blocks merged in file order, and between them what
 * nobody owns. Blocks that follow each other in the file and in the disk are one range. A range that begins before the
 * end of an earlier one shares bytes with it and says so.
 */
#include <inttypes.h>

#include "base/checked.h"
#include "base/text.h"
#include "format/layout.h"
#include "image/file_order.h"
#include "image/holes.h"
#include "report/element.h"
#include "report/guest.h"
#include "report/lines.h"
#include "report/out.h"

enum { COLUMN = 18 };

struct range {
    uint64_t off, len;
    enum owner_kind kind; /* OWNER_NONE: free */
    uint64_t ref;         /* as in struct extent */
    uint64_t block, blocks;
};

struct layout {
    struct report *r;
    struct view *view;
    struct lines *lines;
    const struct region_entry *regions; /* of the used table */
    uint64_t end;                       /* everything below is printed */
    uint64_t ranges, bytes[OWNER_ANCHOR + 1];
};

/* "bat", "metadata" or a GUID. */
static const char *region_text(const struct layout *l, uint64_t entry, char buf[GUID_TEXT_SIZE])
{
    const struct guid *id = &l->regions[entry].guid;
    enum known_guid known = known_guid_find(id);

    return known == KNOWN_REGION_BAT || known == KNOWN_REGION_METADATA ? known_guid_name(known) : guid_text(id, buf);
}

static const char *owner_key(enum owner_kind k)
{
    static const char *const keys[] = {
        [OWNER_NONE] = "free",          [OWNER_HEADER_SECTION] = "header_section", [OWNER_LOG] = "log",
        [OWNER_REGION] = "region",      [OWNER_BITMAP] = "sector_bitmap",          [OWNER_PAYLOAD] = "payload",
        [OWNER_ANCHOR] = "soft_anchor",
    };
    return keys[k];
}

static bool is_block(const struct range *n)
{
    return n->kind == OWNER_PAYLOAD || n->kind == OWNER_ANCHOR;
}

static void line_json(const struct layout *l, const struct range *n, bool overlaps)
{
    struct lines *o = l->lines;
    char buf[GUID_TEXT_SIZE];

    LINES_LITERAL(o, "{\"offset\":");
    lines_u64(o, n->off);
    LINES_LITERAL(o, ",\"length\":");
    lines_u64(o, n->len);
    LINES_LITERAL(o, ",\"owner\":\"");
    lines_text(o, owner_key(n->kind));
    LINES_LITERAL(o, "\"");
    if (n->kind == OWNER_REGION) {
        LINES_LITERAL(o, ",\"name\":\"");
        lines_text(o, region_text(l, n->ref, buf));
        LINES_LITERAL(o, "\"");
    }
    if (n->kind == OWNER_REGION || n->kind == OWNER_BITMAP || is_block(n)) {
        LINES_LITERAL(o, ",\"index\":");
        lines_u64(o, n->ref);
    }
    if (is_block(n)) {
        LINES_LITERAL(o, ",\"block\":");
        lines_u64(o, n->block);
        LINES_LITERAL(o, ",\"blocks\":");
        lines_u64(o, n->blocks);
        LINES_LITERAL(o, ",\"guest_offset\":");
        lines_u64(o, n->block * l->view->geometry.block_size);
    }
    if (overlaps)
        LINES_LITERAL(o, ",\"overlaps\":true");
    LINES_LITERAL(o, "}");
}

static void line_text(const struct layout *l, const struct range *n, bool overlaps)
{
    struct lines *o = l->lines;
    char buf[GUID_TEXT_SIZE];

    lines_hex(o, n->off, COLUMN);
    lines_hex(o, n->len, COLUMN);
    LINES_LITERAL(o, "  ");
    if (n->kind == OWNER_NONE)
        LINES_LITERAL(o, "free");
    else
        lines_text(o, owner_name(n->kind));
    if (n->kind == OWNER_REGION) {
        LINES_LITERAL(o, " ");
        lines_text(o, region_text(l, n->ref, buf));
    } else if (n->kind == OWNER_BITMAP) {
        LINES_LITERAL(o, ", BAT entry ");
        lines_u64(o, n->ref);
    } else if (is_block(n)) {
        if (n->blocks > 1)
            LINES_LITERAL(o, "s");
        LINES_LITERAL(o, " ");
        lines_u64(o, n->block);
        if (n->blocks > 1) {
            LINES_LITERAL(o, "-");
            lines_u64(o, n->block + n->blocks - 1);
        }
        LINES_LITERAL(o, ", guest ");
        lines_hex(o, n->block * l->view->geometry.block_size, 0);
    }
    if (overlaps)
        LINES_LITERAL(o, "  SHARES BYTES with what is above");
    LINES_LITERAL(o, "\n");
}

static void put_line(struct layout *l, const struct range *n, bool overlaps)
{
    lines_room(l->lines);
    if (l->r->format == REPORT_TEXT) {
        line_text(l, n, overlaps);
    } else if (l->r->format == REPORT_JSON) {
        if (l->ranges > 0)
            LINES_LITERAL(l->lines, ",");
        LINES_LITERAL(l->lines, "\n    ");
        line_json(l, n, overlaps);
    } else {
        line_json(l, n, overlaps);
        LINES_LITERAL(l->lines, "\n");
    }
    l->ranges++;
    l->bytes[n->kind] += n->len;
}

/* What lies between the end of everything before and `off` is free, as far as the file goes. */
static void put_gap(struct layout *l, uint64_t off)
{
    uint64_t stop = u64_min(off, view_size(l->view));

    if (stop > l->end)
        put_line(l, &(struct range){.off = l->end, .len = stop - l->end, .kind = OWNER_NONE}, false);
}

static void put_range(struct layout *l, const struct range *n)
{
    put_gap(l, n->off);
    put_line(l, n, n->off < l->end);
    l->end = u64_max(l->end, u64_add_sat(n->off, n->len));
}

static void put_blocks(struct layout *l, const struct placed_blocks *b)
{
    put_range(l, &(struct range){
                     .off = b->off,
                     .len = b->blocks * l->view->geometry.block_size,
                     .kind = b->anchor ? OWNER_ANCHOR : OWNER_PAYLOAD,
                     .ref = b->index,
                     .block = b->block,
                     .blocks = b->blocks,
                 });
}

/* Both lists are sorted; a fixed structure goes before a block that begins with it. */
static enum status merge(struct layout *l, struct file_order *order)
{
    const struct layout_map *map = l->view->layout;
    const uint64_t fixed = layout_map_fixed_count(map);
    struct placed_blocks b = {.blocks = 0};
    bool more = order != NULL;
    uint64_t i = 0;

    if (more) {
        enum status st = file_order_next(order, &b, &more);
        if (st != STATUS_OK)
            return st;
    }
    while ((more || i < fixed) && !ferror(l->r->out)) {
        const struct extent *e = i < fixed ? layout_map_fixed(map, i) : NULL;
        if (e != NULL && (!more || e->start <= b.off)) {
            put_range(l, &(struct range){.off = e->start, .len = e->end - e->start, .kind = e->kind, .ref = e->ref});
            i++;
            continue;
        }
        put_blocks(l, &b);
        enum status st = file_order_next(order, &b, &more);
        if (st != STATUS_OK)
            return st;
    }
    put_gap(l, UINT64_MAX);
    return STATUS_OK;
}

static void head(const struct layout *l, const struct image *img)
{
    struct report *r = l->r;
    struct arena *a = report_scratch(r);

    if (r->format == REPORT_TEXT) {
        out_safe(r, img->path);
        out_printf(r, ": file of %s%s\n", text_size(a, view_size(l->view)), img->replayed ? ", log replayed" : "");
        out_printf(r, "%*s%*s  OWNER\n", COLUMN, "OFFSET", COLUMN, "LENGTH");
    } else if (r->format == REPORT_JSON) {
        element_begin(r);
        element_path(r, img->path);
        element_u64(r, "size", view_size(l->view));
        element_bool(r, "replayed", img->replayed);
        json_begin(&r->json, "ranges", '[');
    }
}

static void tail(const struct layout *l, bool complete)
{
    struct report *r = l->r;
    struct json *j = &r->json;
    struct arena *a = report_scratch(r);

    if (r->format == REPORT_TEXT) {
        out_printf(r, "%s: %s of payload, %s free\n", count_noun(a, l->ranges, "range"),
                   text_size(a, l->bytes[OWNER_PAYLOAD]), text_size(a, l->bytes[OWNER_NONE]));
    } else if (r->format == REPORT_JSON) {
        j->filled[j->depth] = l->ranges > 0; /* the lines went past the stream */
        json_end(j, ']');
        json_begin(j, "totals", '{');
        element_u64(r, "ranges", l->ranges);
        for (enum owner_kind k = OWNER_NONE; k <= OWNER_ANCHOR; k++)
            element_u64(r, owner_key(k), l->bytes[k]);
        json_end(j, '}');
        element_bool(r, "complete", complete);
        element_end(r);
    }
}

enum status report_layout(struct report *r, struct image *img, const char **ret_missing)
{
    static struct lines lines; /* 64 KiB are much for a stack */
    struct view *v = img->main;
    struct layout l = {.r = r, .view = v, .lines = &lines};
    struct file_order *order = NULL;
    const char *missing = NULL;

    enum status st = view_survey(v);
    if (st == STATUS_OK && v->geometry_absence != ABSENT_NOT)
        missing = absence_text(v->geometry_absence);
    else if (st == STATUS_OK && v->bat.absence != ABSENT_NOT)
        missing = absence_text(v->bat.absence);
    if (st == STATUS_OK && missing == NULL)
        st = file_order_open(v, &order);
    if (st != STATUS_OK)
        return st;
    if (v->used_table >= 0)
        l.regions = v->regions[v->used_table].entries;
    head(&l, img);
    lines_begin(&lines, r->out);
    st = merge(&l, order);
    lines_flush(&lines);
    tail(&l, st == STATUS_OK && missing == NULL);
    *ret_missing = missing;
    return st;
}
