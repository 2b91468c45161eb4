/* SPDX-License-Identifier: MIT */
/*
 * The maps: the file and the guest's disk as cells of equal size, drawn as SVG. A cell is a MiB (a block) or, when
 * there are too many of them, a power of two more. Every kind has a pattern besides its colour. Neighbours of one kind
 * are one shape, so a healthy image takes few of them; each has its range as a title, and the table below says the same
 * in numbers.
 */
#include <inttypes.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "image/disk_bins.h"
#include "report/check.h"
#include "report/html_svg.h"
#include "report/out.h"

/* ---- the file ---- */

static const struct svg_kind file_kinds[FILE_USE_COUNT] = {
    [FILE_USE_HEADER] = {"header", "header section", false}, [FILE_USE_LOG] = {"log", "log", false},
    [FILE_USE_METADATA] = {"metadata", "metadata", false},   [FILE_USE_BAT] = {"bat", "BAT", false},
    [FILE_USE_REGION] = {"region", "another region", false}, [FILE_USE_BITMAP] = {"bitmap", "sector bitmaps", false},
    [FILE_USE_PAYLOAD] = {"payload", "blocks", true},        [FILE_USE_ANCHOR] = {"anchor", "soft anchors", false},
};
static const struct svg_kind some_payload = {"some", "blocks in a part of the cell", false};
static const struct svg_kind free_space = {"free", "nothing: no structure owns it", true};
static const struct svg_kind shared_bytes = {"fault", "shared by several structures", false};

static uint64_t bin_len(const struct disk_bins *d, uint32_t i)
{
    return u64_min(d->unit, d->file_size - i * d->unit);
}

/* What matters most in a cell: overlaps, then the structure that has most of it, then blocks. */
static const struct svg_kind *file_kind(const struct disk_bins *d, uint32_t i)
{
    const struct file_bin *b = &d->file[i];
    unsigned best = FILE_USE_COUNT;

    if (b->overlap)
        return &shared_bytes;
    for (unsigned use = FILE_USE_HEADER; use <= FILE_USE_BITMAP; use++) {
        if (b->bytes[use] > 0 && (best == FILE_USE_COUNT || b->bytes[use] > b->bytes[best]))
            best = use;
    }
    if (best < FILE_USE_COUNT)
        return &file_kinds[best];
    if (b->bytes[FILE_USE_PAYLOAD] > 0)
        return b->bytes[FILE_USE_PAYLOAD] < bin_len(d, i) ? &some_payload : &file_kinds[FILE_USE_PAYLOAD];
    return b->bytes[FILE_USE_ANCHOR] > 0 ? &file_kinds[FILE_USE_ANCHOR] : &free_space;
}

/* "0x300000-0x400000: BAT 1 MiB; a hole of the host's file". */
static const char *file_title(struct arena *a, const struct disk_bins *d, uint32_t first, uint32_t end,
                              const struct svg_kind *k)
{
    struct text t = text_in(a);
    const char *gap = ": ";

    text_addf(&t, "0x%" PRIx64 "-0x%" PRIx64, first * d->unit, u64_min(end * d->unit, d->file_size));
    for (unsigned use = 0; use < FILE_USE_COUNT; use++) {
        uint64_t bytes = 0;

        for (uint32_t i = first; i < end; i++)
            bytes += d->file[i].bytes[use];
        if (bytes == 0)
            continue;
        text_addf(&t, "%s%s %s", gap, file_kinds[use].words, text_size(a, bytes));
        gap = ", ";
    }
    if (gap[0] == ':')
        text_addf(&t, ": %s", free_space.words);
    if (k == &shared_bytes)
        text_addf(&t, "; %s", shared_bytes.words);
    if (!d->file[first].stored)
        text_add(&t, "; a hole of the host's file");
    return text_str(&t);
}

/* How much of the file each use has, and what nobody owns, in words. */
static uint64_t free_bytes(const struct disk_bins *d)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < d->file_count; i++) {
        uint64_t used = 0;

        for (unsigned use = 0; use < FILE_USE_COUNT; use++)
            used = u64_add_sat(used, d->file[i].bytes[use]);
        sum += bin_len(d, i) - u64_min(used, bin_len(d, i));
    }
    return sum;
}

static const char *file_description(struct arena *a, const struct disk_bins *d)
{
    struct text t = text_in(a);

    text_addf(&t, "%s in %s of %s each, from the start of the file on", text_size(a, d->file_size),
              count_noun(a, d->file_count, "cell"), text_size(a, d->unit));
    for (unsigned use = 0; use < FILE_USE_COUNT; use++) {
        if (d->file_bytes[use] > 0)
            text_addf(&t, "; %s %s", file_kinds[use].words, text_size(a, d->file_bytes[use]));
    }
    text_addf(&t, "; owned by nothing %s", text_size(a, free_bytes(d)));
    return text_str(&t);
}

static void file_legend(struct report *r, const struct disk_bins *d)
{
    static const char *const heads[] = {"In the file", "Bytes", NULL};
    bool overlaps = false, holes = false, some = false;
    struct arena *a = report_scratch(r);

    for (uint32_t i = 0; i < d->file_count; i++) {
        overlaps = overlaps || d->file[i].overlap;
        holes = holes || !d->file[i].stored;
        some = some || file_kind(d, i) == &some_payload;
    }
    out_printf(r, "<div class=\"legend\">");
    html_table_begin(r, "What the file holds", heads);
    for (unsigned use = 0; use < FILE_USE_COUNT; use++) {
        if (d->file_bytes[use] > 0)
            svg_legend_row(r, &file_kinds[use], false, file_kinds[use].words, text_size(a, d->file_bytes[use]));
    }
    if (some)
        svg_legend_row(r, &some_payload, false, some_payload.words, "");
    if (free_bytes(d) > 0)
        svg_legend_row(r, &free_space, false, free_space.words, text_size(a, free_bytes(d)));
    if (overlaps)
        svg_legend_row(r, &shared_bytes, false, "claimed by more than one structure", "see the findings");
    if (holes)
        svg_legend_row(r, &file_kinds[FILE_USE_PAYLOAD], true, "half filled, of any kind: a hole of the host's file",
                       "");
    html_table_end(r);
    out_printf(r, "</div>\n");
    if (d->beyond > 0)
        out_printf(
            r, "<p class=\"incomplete\">Blocks claim %s behind the end of the file; the map ends with the file.</p>\n",
            text_size(a, d->beyond));
}

static void file_map(struct report *r, const struct disk_bins *d)
{
    struct svg_grid g = svg_grid_of(r, d->file_count);
    struct arena *a = report_scratch(r);

    out_printf(r, "<figure>\n");
    svg_begin(&g, "file-map", "Map of the file", file_description(a, d));
    for (uint32_t i = 0, end; i < g.count; i = end) {
        const struct svg_kind *k = file_kind(d, i);
        uint32_t row_end = (uint32_t)u64_min((i / g.columns + 1) * (uint64_t)g.columns, g.count);

        for (end = i + 1; end < row_end && file_kind(d, end) == k && d->file[end].stored == d->file[i].stored;)
            end++;
        svg_run(&g, i, end, k, !d->file[i].stored, file_title(report_scratch(r), d, i, end, k));
    }
    svg_end(&g);
    a = report_scratch(r);
    out_printf(
        r,
        "<figcaption>From the start of the file to its end at %s, row by row; a cell is %s.</figcaption>\n</figure>\n",
        text_size(a, d->file_size), text_size(a, d->unit));
    file_legend(r, d);
}

/* ---- the guest's disk ---- */

enum guest_kind {
    GUEST_FAULT,
    GUEST_FULL,
    GUEST_SOME,
    GUEST_PARTIAL,
    GUEST_ZEROS,
    GUEST_ABOVE,
    GUEST_EMPTY,
    GUEST_KINDS
};

static const struct svg_kind guest_kinds[GUEST_KINDS] = {
    [GUEST_FAULT] = {"fault", "holds blocks that cannot be read", false},
    [GUEST_FULL] = {"payload", "data", true},
    [GUEST_SOME] = {"some", "data in a part of the cell", false},
    [GUEST_PARTIAL] = {"partial", "partly here, partly in the parent", false},
    [GUEST_ZEROS] = {"zero", "reads as zeros: zero, unmapped or undefined", false},
    [GUEST_ABOVE] = {"parent", "in the parent", false},
    [GUEST_EMPTY] = {"free", "never written", true},
};

static enum guest_kind guest_kind(const struct guest_bin *b, bool differencing)
{
    uint64_t full = b->states[PAYLOAD_FULLY_PRESENT];

    if (b->fault)
        return GUEST_FAULT;
    if (b->states[PAYLOAD_PARTIALLY_PRESENT] > 0)
        return GUEST_PARTIAL;
    if (full > 0)
        return full == b->blocks ? GUEST_FULL : GUEST_SOME;
    if (b->states[PAYLOAD_NOT_PRESENT] < b->blocks)
        return GUEST_ZEROS;
    return differencing ? GUEST_ABOVE : GUEST_EMPTY;
}

static const char *guest_title(struct arena *a, const struct disk_bins *d, const struct geometry *geometry,
                               uint32_t first, uint32_t end, enum guest_kind k)
{
    struct text t = text_in(a);
    const char *gap = ": ";

    text_addf(&t, "guest 0x%" PRIx64 "-0x%" PRIx64, first * d->guest_unit,
              u64_min(end * d->guest_unit, geometry->virtual_size));
    for (unsigned state = 0; state < 8; state++) {
        uint64_t blocks = 0;

        for (uint32_t i = first; i < end; i++)
            blocks += d->guest[i].states[state];
        if (blocks == 0)
            continue;
        text_addf(&t, "%s%s ", gap, count_noun(a, blocks, "block"));
        for (const char *c = payload_state_name(state); *c != '\0'; c++)
            text_add_bytes(&t, *c == '_' ? " " : c, 1);
        gap = ", ";
    }
    if (k == GUEST_FAULT)
        text_addf(&t, "; %s", guest_kinds[k].words);
    return text_str(&t);
}

static void guest_legend(struct report *r, const struct disk_bins *d, const struct geometry *geometry)
{
    static const char *const heads[] = {"On the guest's disk", "Cells", NULL};
    uint32_t cells[GUEST_KINDS] = {0};
    struct arena *a = report_scratch(r);

    for (uint32_t i = 0; i < d->guest_count; i++)
        cells[guest_kind(&d->guest[i], geometry->differencing)]++;
    out_printf(r, "<div class=\"legend\">");
    html_table_begin(r, "What the guest's disk holds", heads);
    for (unsigned k = 0; k < GUEST_KINDS; k++) {
        if (cells[k] > 0)
            svg_legend_row(r, &guest_kinds[k], false, guest_kinds[k].words, group_digits(a, cells[k]));
    }
    html_table_end(r);
    out_printf(r, "</div>\n");
}

static void guest_map(struct report *r, const struct disk_bins *d, const struct geometry *geometry)
{
    struct svg_grid g = svg_grid_of(r, d->guest_count);
    struct arena *a = report_scratch(r);

    out_printf(r, "<figure>\n");
    svg_begin(&g, "disk-map", "Map of the guest's disk",
              text_format(a, "%s in %s of %s each, from the start of the disk on; the table below says what they hold",
                          text_size(a, geometry->virtual_size), count_noun(a, d->guest_count, "cell"),
                          text_size(a, d->guest_unit)));
    for (uint32_t i = 0, end; i < g.count; i = end) {
        enum guest_kind k = guest_kind(&d->guest[i], geometry->differencing);
        uint32_t row_end = (uint32_t)u64_min((i / g.columns + 1) * (uint64_t)g.columns, g.count);

        for (end = i + 1; end < row_end && guest_kind(&d->guest[end], geometry->differencing) == k;)
            end++;
        svg_run(&g, i, end, &guest_kinds[k], false, guest_title(report_scratch(r), d, geometry, i, end, k));
    }
    svg_end(&g);
    a = report_scratch(r);
    out_printf(r, "<figcaption>From the start of the disk to its end at %s, row by row; a cell is %s",
               text_size(a, geometry->virtual_size), text_size(a, d->guest_unit));
    if (d->guest_unit > geometry->block_size)
        out_printf(r, " or %s blocks", group_digits(a, d->guest_unit / geometry->block_size));
    out_printf(r, "%s.</figcaption>\n</figure>\n",
               geometry->differencing ? "; what the parents hold is not in it" : "");
    guest_legend(r, d, geometry);
}

/* ---- both ---- */

static void no_map(struct report *r, const char *why)
{
    out_printf(r, "<p>No map: ");
    html_safe(r, why);
    out_printf(r, ".</p>\n");
}

void html_maps(struct report *r, const struct check_result *res)
{
    struct view *v = res->image->main;
    struct arena *a = arena_create(SCRATCH_BUDGET);
    struct disk_bins d = {.file_size = 0};
    enum status st = a != NULL ? disk_bins_make(a, v, LIMIT_MAP_BINS, &d) : STATUS_NO_MEMORY;

    /* The memory of the image itself is bounded (--max-memory); where it ends the page says so and goes on. */
    const bool bounded = st == STATUS_LIMIT && a != NULL && arena_status(a) == STATUS_OK;

    r->json.failed = r->json.failed || (st != STATUS_OK && !bounded);
    html_section_begin(r, "file", "Map of the file");
    if (st != STATUS_OK)
        no_map(r, status_text(st));
    else if (d.file_count == 0)
        no_map(r, "the file is empty");
    else
        file_map(r, &d);
    html_section_end(r);
    html_section_begin(r, "disk", "Map of the guest disk");
    if (st != STATUS_OK)
        no_map(r, status_text(st));
    else if (v->geometry_absence != ABSENT_NOT)
        no_map(r, absence_text(v->geometry_absence));
    else if (d.guest_count == 0)
        no_map(r, v->bat.absence != ABSENT_NOT
                      ? text_format(report_scratch(r), "no usable BAT: %s", absence_text(v->bat.absence))
                      : "the BAT could not be read");
    else
        guest_map(r, &d, &v->geometry);
    html_section_end(r);
    arena_destroy(a);
}
