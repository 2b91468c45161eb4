/* SPDX-License-Identifier: MIT */
/* The bytes of a finding: rows of sixteen around the evidence, which is marked in hexadecimal and in ASCII. */
#include <ctype.h>
#include <inttypes.h>

#include "base/checked.h"
#include "base/text.h"
#include "image/sample.h"
#include "report/html.h"
#include "report/out.h"

/* What is longer than all rows is a region or a file: how it begins is enough. */
enum { ROW = 16, ROWS = 8, LONG_ROWS = 2, LINE_BYTES = 16 };

struct excerpt {
    uint8_t bytes[ROWS * ROW];
    uint64_t off; /* of bytes[0] */
    size_t got;
    uint64_t mark, mark_end; /* the evidence */
    enum status status;
};

/* The view that the finding speaks of. */
static struct view *view_of(const struct image *img, const struct finding *f)
{
    return f->view == VIEW_STORED ? img->stored : img->main;
}

/* Reads the evidence with a row around it when it is short, else its first rows. */
static void read_excerpt(const struct image *img, const struct finding *f, bool around, struct excerpt *ret)
{
    struct excerpt x = {.mark = f->at.off, .mark_end = u64_add_sat(f->at.off, f->at.len)};
    uint64_t rows = LONG_ROWS;

    if (f->at.len <= sizeof(x.bytes))
        rows = u64_div_up(f->at.len + f->at.off % ROW, ROW);
    x.off = around ? f->at.off / ROW * ROW : f->at.off;
    if (around && f->at.len <= sizeof(x.bytes) && rows + 2 <= ROWS) {
        rows += 2;
        if (x.off >= ROW)
            x.off -= ROW;
        else
            rows--;
    }
    x.status = view_sample(view_of(img, f), x.off, x.bytes, (size_t)u64_min(rows * ROW, sizeof(x.bytes)), &x.got);
    *ret = x;
}

static bool is_marked(const struct excerpt *x, size_t i)
{
    return x->off + i >= x->mark && x->off + i < x->mark_end;
}

static void ascii_row(struct report *r, const struct excerpt *x, size_t first, size_t end)
{
    bool open = false;

    for (size_t i = first; i < end; i++) {
        char c = x->bytes[i] < 0x80 && isprint(x->bytes[i]) ? (char)x->bytes[i] : '.';

        if (open != is_marked(x, i)) {
            out_printf(r, open ? "</mark>" : "<mark>");
            open = !open;
        }
        html_safe_bytes(r, &c, 1);
    }
    if (open)
        out_printf(r, "</mark>");
}

/* Spaces between bytes belong to the mark only between two marked bytes. */
static void hex_row(struct report *r, const struct excerpt *x, size_t first, size_t end)
{
    bool open = false;

    for (size_t i = first; i < first + ROW; i++) {
        bool marked = i < end && is_marked(x, i);

        if (open && !marked) {
            out_printf(r, "</mark>");
            open = false;
        }
        if (i > first)
            out_printf(r, i == first + ROW / 2 ? "  " : " ");
        if (marked && !open) {
            out_printf(r, "<mark>");
            open = true;
        }
        if (i < end)
            out_printf(r, "%02x", x->bytes[i]);
        else
            out_printf(r, "  ");
    }
    if (open)
        out_printf(r, "</mark>");
}

static void caption(struct report *r, const struct image *img, const struct finding *f, const struct excerpt *x)
{
    struct arena *a = report_scratch(r);
    uint64_t shown = u64_min(x->off + x->got, x->mark_end);

    out_printf(r, "<figcaption>Bytes at <code>0x%" PRIx64 "</code>%s; what the finding is about is marked", x->off,
               img->replayed && f->view == VIEW_REPLAYED ? ", with the log replayed"
               : img->replayed                           ? ", as stored"
                                                         : "");
    if (shown < x->mark_end)
        out_printf(r, ", its first %s of %s", count_noun(a, shown - x->mark, "byte"),
                   group_digits(a, x->mark_end - x->mark));
    out_printf(r, "</figcaption>\n");
}

void html_evidence(struct report *r, const struct image *img, const struct finding *f)
{
    struct excerpt x;

    if (f->at.len == 0)
        return;
    read_excerpt(img, f, true, &x);
    if (x.status != STATUS_OK) {
        out_printf(r, "<p class=\"hex\">The bytes at <code>0x%" PRIx64 "</code> cannot be read.</p>\n", f->at.off);
        return;
    }
    if (x.off + x.got <= f->at.off) {
        out_printf(
            r, "<p class=\"hex\">The file ends before <code>0x%" PRIx64 "</code>: there are no bytes to show.</p>\n",
            f->at.off);
        return;
    }
    out_printf(r, "<figure class=\"hex\">\n");
    caption(r, img, f, &x);
    out_printf(r, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Bytes at 0x%" PRIx64 "\"><pre>",
               x.off);
    for (size_t at = 0; at < x.got; at += ROW) {
        size_t end = at + ROW < x.got ? at + ROW : x.got;

        (void)report_scratch(r);
        out_printf(r, "<span class=\"offset\">0x%08" PRIx64 "</span>  ", x.off + at);
        hex_row(r, &x, at, end);
        out_printf(r, "  |");
        ascii_row(r, &x, at, end);
        out_printf(r, "|\n");
    }
    out_printf(r, "</pre></div>\n</figure>\n");
}

void html_evidence_line(struct report *r, const struct image *img, const struct finding *f)
{
    struct excerpt x;
    size_t end;

    if (f->at.len == 0)
        return;
    read_excerpt(img, f, false, &x);
    if (x.status != STATUS_OK || x.got == 0) {
        out_printf(r, "none");
        return;
    }
    end = (size_t)u64_min(u64_min(x.got, f->at.len), LINE_BYTES);
    out_printf(r, "<code>");
    for (size_t i = 0; i < end; i++)
        out_printf(r, i > 0 ? " %02x" : "%02x", x.bytes[i]);
    out_printf(r, end < f->at.len ? " ...</code>" : "</code>");
}
