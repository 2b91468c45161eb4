/* SPDX-License-Identifier: MIT */
/* Bytes as rows of sixteen: offset, hexadecimal, ASCII, and the fields that begin there. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "image/holes.h"
#include "image/sample.h"
#include "report/dump.h"

/* Colour of the field that has the byte; neighbours differ. */
static enum paint byte_paint(uint64_t off, const struct dump_name *names, unsigned name_count)
{
    for (unsigned i = 0; i < name_count; i++) {
        if (off >= names[i].off && off - names[i].off < names[i].len)
            return (enum paint)(PAINT_FIELD + (int)(i % PAINT_FIELDS));
    }
    return PAINT_NONE;
}

struct hex_row {
    struct report *r;
    uint64_t off;
    const uint8_t *bytes;
    size_t len;
    const struct dump_name *names;
    unsigned name_count;
};

/* What stands for byte i, with the space in front of it; a stretch of one colour is painted at once. */
static void painted_cells(const struct hex_row *row, size_t count, int (*cell)(const struct hex_row *row, size_t i))
{
    enum paint now = PAINT_NONE;

    for (size_t i = 0; i < count; i++) {
        enum paint p = i < row->len ? byte_paint(row->off + i, row->names, row->name_count) : PAINT_NONE;

        if (p != now && now != PAINT_NONE)
            out_plain(row->r);
        if (p != now && p != PAINT_NONE)
            out_color(row->r, p);
        now = p;
        (void)cell(row, i);
    }
    if (now != PAINT_NONE)
        out_plain(row->r);
}

static int hex_cell(const struct hex_row *row, size_t i)
{
    const char *gap = i == HEX_ROW / 2 ? "  " : i == 0 ? "" : " ";

    if (i < row->len)
        return fprintf(row->r->out, "%s%02x", gap, row->bytes[i]);
    return fprintf(row->r->out, "%s  ", gap);
}

static int ascii_cell(const struct hex_row *row, size_t i)
{
    uint8_t c = i < row->len ? row->bytes[i] : ' ';

    return fputc(c < 0x80 && isprint(c) ? c : '.', row->r->out);
}

/* The names of the fields that begin in the row; where the terminal ends they go on in the next line. */
static void row_names(const struct hex_row *row)
{
    enum { INDENT = 14, BEHIND_ROW = 82 };
    unsigned at = BEHIND_ROW;
    const char *gap = "  ";

    for (unsigned i = 0; i < row->name_count; i++) {
        const struct dump_name *n = &row->names[i];
        unsigned len = (unsigned)strlen(n->name);

        if (n->off < row->off || n->off - row->off >= HEX_ROW)
            continue;
        if (row->r->width > 0 && at + 2 + len > row->r->width) {
            out_printf(row->r, "%s\n%*s", at == BEHIND_ROW ? "" : ",", INDENT, "");
            at = INDENT;
            gap = "";
        }
        out_printf(row->r, "%s", gap);
        out_paint(row->r, byte_paint(n->off, row->names, row->name_count), n->name, 0);
        at += (unsigned)strlen(gap) + len;
        gap = ", ";
    }
    out_printf(row->r, "\n");
}

void hex_row_text(struct report *r, uint64_t off, const uint8_t *p, size_t len, const struct dump_name *names,
                  unsigned name_count)
{
    const struct hex_row row = {.r = r, .off = off, .bytes = p, .len = len, .names = names, .name_count = name_count};

    out_printf(r, "  0x%08" PRIx64 "  ", off);
    painted_cells(&row, HEX_ROW, hex_cell);
    out_printf(r, "  |");
    painted_cells(&row, HEX_ROW, ascii_cell);
    out_printf(r, "|");
    row_names(&row);
}

cJSON *hex_row_json(struct json *j, uint64_t off, const uint8_t *p, size_t len)
{
    char hex[2 * HEX_ROW + 1] = "";
    cJSON *o = json_object(j);

    for (size_t i = 0; i < len; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", p[i]);
    json_put_u64(j, o, "offset", off);
    json_put_u64(j, o, "length", len);
    json_put_text(j, o, "bytes", hex);
    return o;
}

static void zeros_mark(struct dump *d, uint64_t *zeros)
{
    if (*zeros > 0 && d->r->format == REPORT_TEXT)
        out_printf(d->r, "  *           %s\n", count_noun(report_scratch(d->r), *zeros, "zero byte"));
    *zeros = 0;
}

static void show_rows(struct dump *d, uint64_t off, const uint8_t *p, size_t len, uint64_t *zeros)
{
    for (size_t at = 0; at < len; at += HEX_ROW) {
        size_t n = len - at < HEX_ROW ? len - at : HEX_ROW;

        if (span_is_zero(span_of(p + at, n))) {
            *zeros += n;
            continue;
        }
        zeros_mark(d, zeros);
        if (d->r->format == REPORT_TEXT)
            hex_row_text(d->r, off + at, p + at, n, NULL, 0);
        else
            json_line(&d->r->json, NULL, hex_row_json(&d->r->json, off + at, p + at, n));
    }
}

void dump_view_bytes(struct dump *d, struct view *v, uint64_t off, uint64_t end)
{
    uint8_t page[SAMPLE_MAX];
    uint64_t zeros = 0;

    end = u64_min(end, view_size(v));
    while (off < end) {
        uint64_t data = 0, hole = 0;
        size_t got = 0;
        enum status st = view_next_data(v, off, &data, &hole);

        if (st != STATUS_OK) {
            d->status = st;
            return;
        }
        data = u64_min(data, end);
        zeros += data - off;
        for (off = data; off < u64_min(hole, end); off += got) {
            size_t len = (size_t)u64_min(u64_min(hole, end) - off, SAMPLE_MAX);

            st = view_sample(v, off, page, len, &got);
            if (st != STATUS_OK) {
                d->status = st;
                return;
            }
            show_rows(d, off, page, got, &zeros);
        }
    }
    zeros_mark(d, &zeros);
}
