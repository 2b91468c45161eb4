/* SPDX-License-Identifier: MIT */
/*
 * Which file is whose parent. As text a tree from the bases down, with a sentence for every link that is not right; for
 * programs a flat list, in which parents are named.
 */
#include "report/chain.h"

#include <inttypes.h>

#include "base/text.h"
#include "report/element.h"
#include "report/out.h"

enum { DEEPEST_INDENT = 32 }; /* levels that are drawn; a chain may be longer */

static const char *guid_or(const struct guid *g, bool have, char buf[GUID_TEXT_SIZE])
{
    return have ? guid_text(g, buf) : "none";
}

static bool is_unreadable(const struct chain_file *f)
{
    return f->error != NULL || !f->have_data_write_guid;
}

/* The file that is, or could be meant to be, the parent; one without anything when there is none. */
static const struct chain_file *parent_of(const struct chain_set *s, const struct chain_file *f)
{
    static const struct chain_file nobody = {.path = "no file"};

    return f->parent != CHAIN_NONE ? &s->files[f->parent] : &nobody;
}

/* ---- text ---- */

static void indent(struct report *r, uint32_t level)
{
    for (uint32_t i = 0; i < level && i < DEEPEST_INDENT; i++)
        out_printf(r, "  ");
}

static void paths_text(struct report *r, const struct chain_file *f)
{
    const char *const paths[] = {f->relative_path, f->absolute_path, f->volume_path};
    const char *separator = ", known to it as ";

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i] == NULL)
            continue;
        out_printf(r, "%s", separator);
        out_safe(r, paths[i]);
        separator = " or ";
    }
}

/* "DataWriteGuid a (or b)": what the child looks for. */
static void linkage_text(struct report *r, const struct chain_file *f)
{
    char first[GUID_TEXT_SIZE], second[GUID_TEXT_SIZE];

    out_printf(r, "DataWriteGuid %s", guid_or(&f->linkage, f->have_linkage, first));
    if (f->have_linkage2)
        out_printf(r, " or %s", guid_text(&f->linkage2, second));
}

static void link_text(struct report *r, const struct chain_set *s, const struct chain_file *f)
{
    const struct chain_file *p = parent_of(s, f);
    struct arena *a = report_scratch(r);
    char buf[GUID_TEXT_SIZE];

    switch (f->verdict) {
    case LINK_MISSING:
        out_paint(r, PAINT_ERROR, "MISSING PARENT", 0);
        out_printf(r, ": no file here has ");
        linkage_text(r, f);
        paths_text(r, f);
        break;
    case LINK_MISMATCH:
        out_paint(r, PAINT_ERROR, "WRONG PARENT", 0);
        out_printf(r, ": it was made from ");
        linkage_text(r, f);
        out_printf(r, "; ");
        out_safe(r, p->path);
        out_printf(r, " has %s", guid_text(&p->data_write_guid, buf));
        if (f->near_miss != NULL)
            out_printf(r, " (what it looks for is %s)", f->near_miss);
        break;
    case LINK_SECTOR_SIZE:
        out_paint(r, PAINT_ERROR, "WRONG PARENT", 0);
        out_printf(r, ": sectors of %u bytes, those of ", f->logical_sector_size);
        out_safe(r, p->path);
        out_printf(r, " have %u", p->logical_sector_size);
        break;
    case LINK_UNREADABLE:
        out_paint(r, PAINT_ERROR, "UNREADABLE PARENT", 0);
        out_printf(r, ": ");
        out_safe(r, p->path);
        break;
    case LINK_CYCLE:
        out_paint(r, PAINT_ERROR, "CYCLE", 0);
        out_printf(r, ": its parent ");
        out_safe(r, p->path);
        out_printf(r, " descends from it (DataWriteGuid %s)", guid_or(&f->linkage, f->have_linkage, buf));
        break;
    case LINK_TOO_DEEP:
        out_paint(r, PAINT_ERROR, "TOO DEEP", 0);
        out_printf(r, ": %" PRIu32 " files above it", f->depth);
        break;
    case LINK_FITS:
    case LINK_FITS_SECOND:
        out_printf(r, "parent fits: %s %s is the DataWriteGuid of ",
                   f->verdict == LINK_FITS ? "parent_linkage" : "parent_linkage2",
                   guid_text(f->verdict == LINK_FITS ? &f->linkage : &f->linkage2, buf));
        out_safe(r, p->path);
        if (f->also_fits > 0)
            out_printf(r, ", and of %s", count_noun(a, f->also_fits, "other file"));
        break;
    case LINK_UNKNOWN:
    case LINK_NOT_NEEDED:
        break;
    }
}

static void file_text(struct report *r, const struct chain_set *s, const struct chain_file *f, uint32_t level)
{
    struct arena *a = report_scratch(r);
    char buf[GUID_TEXT_SIZE];

    indent(r, level);
    if (level > 0)
        out_printf(r, "+ ");
    out_safe(r, f->path);
    if (f->error != NULL || f->type == DISK_UNKNOWN) {
        out_printf(r, ": ");
        out_paint(r, PAINT_ERROR, "UNREADABLE", 0);
        if (f->error != NULL) {
            out_printf(r, ": ");
            out_safe(r, f->error);
        }
    } else {
        out_printf(r, ": %s", disk_type_name(f->type));
        if (f->have_geometry)
            out_printf(r, ", %s", text_size(a, f->virtual_size));
        out_printf(r, ", DataWriteGuid %s", guid_or(&f->data_write_guid, f->have_data_write_guid, buf));
        if (f->log_state != LOG_STATE_EMPTY)
            out_printf(r, ", log %s", f->log_state == LOG_STATE_DIRTY ? "dirty" : "invalid");
        if (f->head && f->type == DISK_DIFFERENCING)
            out_printf(r, ", head");
    }
    out_printf(r, "\n");
    if (f->type == DISK_DIFFERENCING) {
        indent(r, level + 2);
        link_text(r, s, f);
        out_printf(r, "\n");
    }
}

/* A file and all below it. The way back up is the way that was come down: from a file to its parent. */
static void tree_text(struct report *r, const struct chain_set *s, uint32_t root)
{
    uint32_t at = root, level = 0;

    file_text(r, s, &s->files[at], level);
    for (;;) {
        if (s->files[at].first_child != CHAIN_NONE) {
            at = s->files[at].first_child;
            level++;
        } else {
            while (at != root && s->files[at].next_sibling == CHAIN_NONE) {
                at = s->files[at].parent;
                level--;
            }
            if (at == root)
                return;
            at = s->files[at].next_sibling;
        }
        file_text(r, s, &s->files[at], level);
    }
}

struct sums {
    uint32_t files, heads, orphans, bad, unreadable;
};

static struct sums sum_up(const struct chain_set *s)
{
    struct sums n = {.files = 0};

    for (uint32_t i = 0; i < s->count; i++) {
        const struct chain_file *f = &s->files[i];

        if (!f->used)
            continue;
        n.files++;
        n.heads += f->head;
        n.orphans += f->verdict == LINK_MISSING;
        n.unreadable += is_unreadable(f);
        n.bad += !link_is_good(f->verdict) && f->verdict != LINK_MISSING && f->verdict != LINK_UNKNOWN;
    }
    return n;
}

static void chain_text(struct report *r, const struct chain_set *s)
{
    const struct sums n = sum_up(s);
    struct arena *a;

    for (uint32_t i = 0; i < s->count && !r->quiet; i++) {
        const struct chain_file *f = &s->files[i];

        if (f->used && (f->parent == CHAIN_NONE || f->verdict == LINK_CYCLE))
            tree_text(r, s, i);
    }
    a = report_scratch(r);
    out_printf(r, "%s, %s", count_noun(a, n.files, "file"), count_noun(a, n.heads, "head"));
    if (n.orphans > 0)
        out_printf(r, ", %s", count_noun(a, n.orphans, "missing parent"));
    if (n.bad > 0)
        out_printf(r, ", %s", count_noun(a, n.bad, "bad link"));
    if (n.unreadable > 0)
        out_printf(r, ", %s", count_noun(a, n.unreadable, "unreadable file"));
    out_printf(r, "\n");
}

/* ---- JSON ---- */

static void put_parent(struct report *r, const struct chain_set *s, const struct chain_file *f)
{
    struct json *j = &r->json;
    const struct chain_file *p = parent_of(s, f);
    cJSON *paths;

    if (f->type != DISK_DIFFERENCING) {
        element_null(r, "parent");
        return;
    }
    paths = json_object(j);
    json_begin(j, "parent", '{');
    element_text(r, "verdict", link_verdict_name(f->verdict));
    if (f->parent != CHAIN_NONE)
        element_path(r, p->path);
    else
        element_null(r, "path");
    cJSON *linkage = json_object(j);
    if (f->have_linkage)
        json_put_guid(j, linkage, "parent_linkage", &f->linkage);
    else
        json_put_null(j, linkage, "parent_linkage");
    if (f->have_linkage2)
        json_put_guid(j, linkage, "parent_linkage2", &f->linkage2);
    else
        json_put_null(j, linkage, "parent_linkage2");
    json_line(j, "expected", linkage);
    cJSON *actual = json_object(j);
    if (p->have_data_write_guid)
        json_put_guid(j, actual, "data_write_guid", &p->data_write_guid);
    else
        json_put_null(j, actual, "data_write_guid");
    json_line(j, "actual", actual);
    element_text(r, "near_miss", f->near_miss);
    element_u64(r, "also_fits", f->also_fits);
    json_put_text(j, paths, "relative_path", f->relative_path);
    json_put_text(j, paths, "absolute_win32_path", f->absolute_path);
    json_put_text(j, paths, "volume_path", f->volume_path);
    json_line(j, "paths", paths);
    json_end(j, '}');
}

static void put_u64_or_null(struct report *r, const char *key, bool have, uint64_t v)
{
    if (have)
        element_u64(r, key, v);
    else
        element_null(r, key);
}

static const char *log_text(enum log_state s)
{
    return s == LOG_STATE_EMPTY ? "empty" : s == LOG_STATE_DIRTY ? "dirty" : "invalid";
}

static void put_file(struct report *r, const struct chain_set *s, const struct chain_file *f)
{
    struct json *j = &r->json;

    json_begin(j, NULL, '{');
    if (r->format == REPORT_JSONL)
        element_envelope(r);
    element_path(r, f->path);
    element_bool(r, "readable", !is_unreadable(f));
    element_text(r, "message", f->error);
    element_text(r, "type", disk_type_name(f->type));
    put_u64_or_null(r, "virtual_size", f->have_geometry, f->virtual_size);
    put_u64_or_null(r, "block_size", f->have_geometry, f->block_size);
    put_u64_or_null(r, "logical_sector_size", f->have_geometry, f->logical_sector_size);
    cJSON *guid = json_array(j);
    if (f->have_data_write_guid)
        json_put_guid(j, guid, NULL, &f->data_write_guid);
    else
        json_put_null(j, guid, NULL);
    json_line(j, "data_write_guid", cJSON_DetachItemFromArray(guid, 0));
    cJSON_Delete(guid);
    element_text(r, "log_state", f->have_data_write_guid ? log_text(f->log_state) : NULL);
    element_bool(r, "head", f->head);
    element_u64(r, "depth", f->depth);
    element_u64(r, "children", f->children);
    put_parent(r, s, f);
    json_end(j, '}');
}

static void chain_json(struct report *r, const struct chain_set *s)
{
    const struct sums n = sum_up(s);
    struct json *j = &r->json;

    if (r->format == REPORT_JSON) {
        json_begin(j, NULL, '{');
        element_envelope(r);
        json_begin(j, "files", '[');
    }
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->files[i].used)
            put_file(r, s, &s->files[i]);
    }
    if (r->format != REPORT_JSON)
        return;
    json_end(j, ']');
    json_begin(j, "counts", '{');
    element_u64(r, "files", n.files);
    element_u64(r, "heads", n.heads);
    element_u64(r, "orphans", n.orphans);
    element_u64(r, "bad_links", n.bad);
    element_u64(r, "unreadable", n.unreadable);
    json_end(j, '}');
    json_end(j, '}');
}

void report_chain(struct report *r, const struct chain_set *s)
{
    if (r->format == REPORT_TEXT)
        chain_text(r, s);
    else
        chain_json(r, s);
}
