/* SPDX-License-Identifier: MIT */
/*
 * `dump`: what the structures hold, field by field, right or wrong. Nothing is judged beyond what a decoder knows
 * (a checksum is right or not). One structure is in memory at a time.
 */
#include "report/dump.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/element.h"

static const char *view_name(const struct view *v)
{
    return v == NULL || v->kind == VIEW_STORED ? "stored" : "replayed";
}

static void open_text(struct dump *d, const struct dump_place *p)
{
    struct report *r = d->r;

    if (d->begun)
        out_printf(r, "\n");
    for (const char *c = p->name; *c != '\0'; c++)
        out_printf(r, "%c", *c == '_' ? ' ' : *c);
    if (p->index >= 0)
        out_printf(r, " %" PRId64, p->index);
    out_printf(r, " at 0x%" PRIx64 ", %s", p->off, text_size(r->scratch, p->len));
    if (p->view != NULL && d->img->replayed)
        out_printf(r, ", with the log replayed");
    if (p->note != NULL) {
        out_printf(r, ", ");
        out_safe(r, p->note);
    }
    out_printf(r, "\n");
}

void dump_open(struct dump *d, const struct dump_place *p)
{
    struct json *j = &d->r->json;

    d->off = p->off;
    d->bytes = p->bytes;
    d->zeros = p->zeros;
    d->name_count = 0;
    d->unnamed = false;
    if (d->r->format == REPORT_TEXT) {
        open_text(d, p);
        d->begun = true;
        return;
    }
    d->object = json_object(j);
    d->fields = json_array(j);
    json_put_text(j, d->object, "structure", p->name);
    if (p->index >= 0)
        json_put_i64(j, d->object, "index", p->index);
    json_put_u64(j, d->object, "offset", p->off);
    json_put_u64(j, d->object, "length", p->len);
    json_put_text(j, d->object, "view", view_name(p->view));
    json_put_text(j, d->object, "note", p->note);
}

static void remember_name(struct dump *d, const char *name, uint64_t off, uint64_t len)
{
    if (!d->unnamed && d->name_count < DUMP_NAMES_MAX)
        d->names[d->name_count++] = (struct dump_name){.off = d->off + off, .len = len, .name = name};
}

static void field_text(struct dump *d, const char *name, uint64_t off, const char *value, const char *meaning)
{
    struct report *r = d->r;

    out_printf(r, "  0x%08" PRIx64 "  %-22s ", d->off + off, name);
    out_safe(r, value);
    if (meaning != NULL) {
        int pad = 38 - (int)strlen(value);
        out_printf(r, "%*s ", pad > 0 ? pad : 0, "");
        out_safe(r, meaning);
    }
    out_printf(r, "\n");
}

static cJSON *field_json(struct dump *d, const char *name, uint64_t off, uint64_t len)
{
    struct json *j = &d->r->json;
    cJSON *o = json_object(j);

    json_put_text(j, o, "name", name);
    json_put_u64(j, o, "offset", d->off + off);
    json_put_u64(j, o, "length", len);
    return o;
}

static void field_end(struct dump *d, cJSON *field, const char *meaning)
{
    json_put_text(&d->r->json, field, "meaning", meaning);
    json_put(&d->r->json, d->fields, NULL, field);
}

void dump_hex(struct dump *d, const char *name, uint64_t off, uint64_t len, uint64_t value, const char *meaning)
{
    remember_name(d, name, off, len);
    if (d->r->format == REPORT_TEXT) {
        char text[24];
        (void)snprintf(text, sizeof(text), "0x%" PRIx64, value);
        field_text(d, name, off, text, meaning);
        return;
    }
    cJSON *o = field_json(d, name, off, len);
    json_put_hex(&d->r->json, o, "value", value);
    field_end(d, o, meaning);
}

void dump_number(struct dump *d, const char *name, uint64_t off, uint64_t len, uint64_t value, const char *meaning)
{
    remember_name(d, name, off, len);
    if (d->r->format == REPORT_TEXT) {
        char text[24];
        (void)snprintf(text, sizeof(text), "%" PRIu64, value);
        field_text(d, name, off, text, meaning);
        return;
    }
    cJSON *o = field_json(d, name, off, len);
    json_put_u64(&d->r->json, o, "value", value);
    field_end(d, o, meaning);
}

void dump_string(struct dump *d, const char *name, uint64_t off, uint64_t len, const char *s, size_t s_len,
                 const char *meaning)
{
    remember_name(d, name, off, len);
    if (d->r->format == REPORT_TEXT) {
        struct arena *a = d->r->scratch;
        field_text(d, name, off, text_format(a, "\"%s\"", text_printable(a, s, s_len)), meaning);
        return;
    }
    cJSON *o = field_json(d, name, off, len);
    json_put_bytes(&d->r->json, o, "value", s, s_len);
    field_end(d, o, meaning);
}

void dump_range(struct dump *d, const char *name, uint64_t off, uint64_t len, const char *meaning)
{
    remember_name(d, name, off, len);
    if (d->r->format == REPORT_TEXT) {
        field_text(d, name, off, "", meaning);
        return;
    }
    cJSON *o = field_json(d, name, off, len);
    json_put_null(&d->r->json, o, "value");
    field_end(d, o, meaning);
}

void dump_guid(struct dump *d, const char *name, uint64_t off, const struct guid *g, const char *meaning)
{
    char text[GUID_TEXT_SIZE];

    if (meaning == NULL)
        meaning = guid_is_nil(g) ? "nil" : known_guid_name(known_guid_find(g));
    remember_name(d, name, off, sizeof(g->bytes));
    if (d->r->format == REPORT_TEXT) {
        field_text(d, name, off, guid_text(g, text), meaning);
        return;
    }
    cJSON *o = field_json(d, name, off, sizeof(g->bytes));
    json_put_guid(&d->r->json, o, "value", g);
    field_end(d, o, meaning);
}

static void close_hex_text(struct dump *d)
{
    uint64_t zeros = 0;

    for (size_t at = 0; at < d->bytes.len; at += HEX_ROW) {
        size_t n = d->bytes.len - at < HEX_ROW ? d->bytes.len - at : HEX_ROW;

        if (span_is_zero(span_of(d->bytes.ptr + at, n))) {
            zeros += n;
            continue;
        }
        if (zeros > 0)
            out_printf(d->r, "  *           %s\n", count_noun(d->r->scratch, zeros, "zero byte"));
        zeros = 0;
        hex_row_text(d->r, d->off + at, d->bytes.ptr + at, n, d->names, d->name_count);
    }
    zeros += d->zeros;
    if (zeros > 0)
        out_printf(d->r, "  *           %s\n", count_noun(d->r->scratch, zeros, "zero byte"));
}

static cJSON *close_hex_json(struct dump *d)
{
    cJSON *rows = json_array(&d->r->json);

    for (size_t at = 0; at < d->bytes.len; at += HEX_ROW) {
        size_t n = d->bytes.len - at < HEX_ROW ? d->bytes.len - at : HEX_ROW;

        if (!span_is_zero(span_of(d->bytes.ptr + at, n)))
            json_put(&d->r->json, rows, NULL, hex_row_json(&d->r->json, d->off + at, d->bytes.ptr + at, n));
    }
    return rows;
}

void dump_close(struct dump *d)
{
    struct json *j = &d->r->json;

    if (d->r->format == REPORT_TEXT) {
        if (d->options->hex)
            close_hex_text(d);
        return;
    }
    json_put(j, d->object, "fields", d->fields);
    if (d->options->hex)
        json_put(j, d->object, "hex", close_hex_json(d));
    json_node(j, NULL, d->object);
    d->object = d->fields = NULL;
}

void dump_missing(struct dump *d, const char *name, const char *reason)
{
    struct json *j = &d->r->json;
    bool only = (d->options->parts & (d->options->parts - 1)) == 0;

    if (only)
        d->missing = reason;
    if (d->r->format == REPORT_TEXT) {
        if (only)
            return; /* the message goes to standard error */
        out_printf(d->r, "%s%s: not there: %s\n", d->begun ? "\n" : "", name, reason);
        d->begun = true;
        return;
    }
    cJSON *o = json_object(j);
    json_put_text(j, o, "structure", name);
    json_put_text(j, o, "missing", reason);
    json_node(j, NULL, o);
}

void dump_empty(struct dump *d, const char *name, const char *why)
{
    struct json *j = &d->r->json;

    if (d->r->format == REPORT_TEXT) {
        out_printf(d->r, "%s%s: %s\n", d->begun ? "\n" : "", name, why);
        d->begun = true;
        return;
    }
    cJSON *o = json_object(j);
    json_put_text(j, o, "structure", name);
    json_put_text(j, o, "note", why);
    json_node(j, NULL, o);
}

static void dump_bytes(struct dump *d)
{
    if (d->r->format == REPORT_TEXT)
        d->begun = true;
    dump_view_bytes(d, d->img->main, d->options->range_first, d->options->range_end);
}

enum status report_dump(struct report *r, struct image *img, const struct dump_options *options,
                        const char **ret_missing)
{
    static const struct {
        enum dump_part part;
        void (*show)(struct dump *d);
    } parts[] = {
        {DUMP_FILE_ID, dump_file_id},   {DUMP_HEADERS, dump_headers}, {DUMP_REGIONS, dump_regions},
        {DUMP_METADATA, dump_metadata}, {DUMP_LOCATOR, dump_locator}, {DUMP_BAT, dump_bat},
        {DUMP_LOG, dump_log},           {DUMP_BITMAP, dump_bitmaps},  {DUMP_BYTES, dump_bytes},
    };
    struct dump d = {.r = r, .img = img, .options = options};

    if (r->format == REPORT_JSON) {
        json_begin(&r->json, NULL, '{');
        element_envelope(r);
        element_path(r, img->path);
        element_u64(r, "size", img->file_size);
        json_begin(&r->json, "structures", '[');
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && d.status == STATUS_OK; i++) {
        if (options->parts & parts[i].part)
            parts[i].show(&d);
    }
    if (r->format == REPORT_JSON) {
        json_end(&r->json, ']');
        json_end(&r->json, '}');
    }
    r->images++;
    *ret_missing = d.missing;
    return d.status;
}
