/* SPDX-License-Identifier: MIT */
/* Bytes as rows of sixteen: offset, hexadecimal, ASCII, and the fields that begin there. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "image/holes.h"
#include "image/sample.h"
#include "report/dump.h"

void hex_row_text(struct report *r, uint64_t off, const uint8_t *p, size_t len, const struct dump_name *names,
                  unsigned name_count)
{
    char hex[3 * HEX_ROW + 2] = "", ascii[HEX_ROW + 1] = "";
    size_t at = 0;
    const char *gap = "  ";

    for (size_t i = 0; i < HEX_ROW; i++) {
        if (i < len)
            at += (size_t)snprintf(hex + at, sizeof(hex) - at, i == 8 ? "  %02x" : i == 0 ? "%02x" : " %02x", p[i]);
        if (i < len)
            ascii[i] = p[i] < 0x80 && isprint(p[i]) ? (char)p[i] : '.';
    }
    out_printf(r, "  0x%08" PRIx64 "  %-*s  |%-*s|", off, 3 * HEX_ROW, hex, HEX_ROW, ascii);
    for (unsigned i = 0; i < name_count; i++) {
        if (names[i].off < off || names[i].off - off >= HEX_ROW)
            continue;
        out_printf(r, "%s%s", gap, names[i].name);
        gap = ", ";
    }
    out_printf(r, "\n");
}

cJSON *hex_row_json(struct json *j, uint64_t off, const uint8_t *p, size_t len)
{
    char hex[2 * HEX_ROW + 1] = "";
    cJSON *o = json_object(j);

    for (size_t i = 0; i < len && i < HEX_ROW; i++)
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
            if (st != STATUS_OK || got == 0) {
                d->status = st != STATUS_OK ? st : STATUS_IO;
                return;
            }
            show_rows(d, off, page, got, &zeros);
        }
    }
    zeros_mark(d, &zeros);
}
