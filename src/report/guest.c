/* SPDX-License-Identifier: MIT */
/* What `export`, `hash` and `compare` have to say at their end. */
#include "report/guest.h"

#include <inttypes.h>

#include "base/text.h"
#include "report/element.h"
#include "report/out.h"

void report_refused(struct report *r, const char *path, const char *error)
{
    if (r->format == REPORT_TEXT)
        return; /* the message went to standard error */
    element_begin(r);
    element_path(r, path);
    element_bool(r, "complete", false);
    element_error(r, error);
    element_end(r);
}

/* "unreadable": sums, and the ranges that were kept. */
static void put_unreadable(struct report *r, const struct guest_fault_list *l)
{
    struct json *j = &r->json;

    json_begin(j, "unreadable", '{');
    element_u64(r, "bytes", l != NULL ? l->bytes : 0);
    element_u64(r, "count", l != NULL ? l->total : 0);
    json_begin(j, "ranges", '[');
    for (uint64_t i = 0; l != NULL && i < l->count; i++) {
        const struct guest_extent *e = &l->ranges[i];
        cJSON *o = json_object(j);

        json_put_u64(j, o, "offset", e->off);
        json_put_u64(j, o, "length", e->len);
        json_put_text(j, o, "fault", guest_fault_name(e->fault));
        json_put_text(j, o, "reason", guest_fault_text(e->fault));
        json_put_text(j, o, "rule", guest_fault_rule(e));
        json_put_u64(j, o, "layer", e->layer);
        json_line(j, NULL, o);
    }
    json_end(j, ']');
    json_end(j, '}');
}

void report_export(struct report *r, const struct export_report *e)
{
    struct json *j = &r->json;
    cJSON *holder;

    if (r->format == REPORT_TEXT)
        return;
    holder = json_object(j);
    element_begin(r);
    element_path(r, e->path);
    json_put_text(j, holder, "path", e->output);
    json_put_u64(j, holder, "data_bytes", e->written);
    json_put_u64(j, holder, "shared_bytes", e->shared);
    json_line(j, "output", holder);
    element_u64(r, "virtual_size", e->virtual_size);
    element_bool(r, "complete", e->complete);
    put_unreadable(r, e->faults);
    element_error(r, e->error);
    element_end(r);
}

/* ---- hash ---- */

/* As sha256sum prints it, with a label: the digest first, then what it is of. */
static void digests_text(struct report *r, const char *label, const char *path, const struct digests *d)
{
    for (uint32_t i = 0; d != NULL && i < d->count; i++) {
        out_printf(r, "%s  %s %s  ", d->hex[i], d->names[i], label);
        out_safe(r, path);
        out_printf(r, "\n");
    }
}

static void digests_json(struct report *r, const char *key, const struct digests *d)
{
    struct json *j = &r->json;
    cJSON *values;

    if (d == NULL) {
        element_null(r, key);
        return;
    }
    values = json_object(j);
    for (uint32_t i = 0; i < d->count; i++)
        json_put_text(j, values, d->names[i], d->hex[i]);
    json_begin(j, key, '{');
    element_u64(r, "length", d->length);
    json_node(j, "digests", values);
    json_end(j, '}');
}

void report_hash(struct report *r, const struct hash_report *h)
{
    if (r->format == REPORT_TEXT) {
        digests_text(r, "container", h->path, h->container);
        digests_text(r, "guest    ", h->path, h->guest);
        return;
    }
    element_begin(r);
    element_path(r, h->path);
    element_bool(r, "complete", h->error == NULL && (h->faults == NULL || h->faults->total == 0));
    digests_json(r, "container", h->container);
    digests_json(r, "guest", h->guest);
    put_unreadable(r, h->faults);
    element_error(r, h->error);
    element_end(r);
}

/* ---- compare ---- */

static const char *result_name(enum compare_result c)
{
    return c == COMPARE_SAME ? "same" : c == COMPARE_DIFFERENT ? "different" : "unknown";
}

static bool has_byte(const struct compare_report *c, int side)
{
    return c->side[side].block_size > 0 && c->offset < c->side[side].virtual_size;
}

static void byte_text(struct report *r, const struct compare_report *c, int side)
{
    const struct compare_side *s = &c->side[side];

    out_printf(r, "  ");
    out_safe(r, s->path);
    if (has_byte(c, side))
        out_printf(r, ": 0x%02x, in block %" PRIu64 "\n", (unsigned)c->byte[side], c->offset / s->block_size);
    else
        out_printf(r, ": ends before it\n");
}

static void compare_text(struct report *r, const struct compare_report *c)
{
    struct arena *a = report_scratch(r);
    const uint64_t size[2] = {c->side[0].virtual_size, c->side[1].virtual_size};
    const int longer = size[1] > size[0];

    if (c->result == COMPARE_UNKNOWN)
        return; /* messages said why */
    out_safe(r, c->side[0].path);
    out_printf(r, " and ");
    out_safe(r, c->side[1].path);
    if (c->result == COMPARE_DIFFERENT) {
        out_printf(r, ": DIFFERENT from guest byte %" PRIu64 " (0x%" PRIx64 ") on\n", c->offset, c->offset);
        byte_text(r, c, 0);
        byte_text(r, c, 1);
    } else {
        out_printf(r, ": same guest content, %s\n", text_size(a, size[!longer]));
    }
    if (size[0] != size[1]) {
        out_printf(r, "  sizes differ: ");
        out_safe(r, c->side[longer].path);
        out_printf(r, " is %" PRIu64 " bytes longer%s\n", size[longer] - size[!longer],
                   c->result == COMPARE_SAME ? ", all of them zeros" : "");
    }
}

static void compare_json(struct report *r, const struct compare_report *c)
{
    struct json *j = &r->json;
    cJSON *difference = NULL, *bytes, *blocks;

    element_begin(r);
    element_text(r, "result", result_name(c->result));
    json_begin(j, "images", '[');
    for (int i = 0; i < 2; i++) {
        json_begin(j, NULL, '{');
        element_path(r, c->side[i].path);
        if (c->side[i].block_size > 0)
            element_u64(r, "virtual_size", c->side[i].virtual_size);
        else
            element_null(r, "virtual_size");
        put_unreadable(r, c->side[i].faults);
        json_end(j, '}');
    }
    json_end(j, ']');
    if (c->result != COMPARE_DIFFERENT) {
        element_null(r, "first_difference");
    } else {
        difference = json_object(j);
        bytes = json_array(j);
        blocks = json_array(j);
        json_put_u64(j, difference, "offset", c->offset);
        for (int i = 0; i < 2; i++) {
            if (has_byte(c, i)) {
                json_put_u64(j, bytes, NULL, c->byte[i]);
                json_put_u64(j, blocks, NULL, c->offset / c->side[i].block_size);
            } else {
                json_put_null(j, bytes, NULL);
                json_put_null(j, blocks, NULL);
            }
        }
        json_put(j, difference, "bytes", bytes);
        json_put(j, difference, "blocks", blocks);
        json_line(j, "first_difference", difference);
    }
    element_error(r, c->error);
    element_end(r);
}

void report_compare(struct report *r, const struct compare_report *c)
{
    if (r->format == REPORT_TEXT)
        compare_text(r, c);
    else
        compare_json(r, c);
}
