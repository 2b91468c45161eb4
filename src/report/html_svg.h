/* SPDX-License-Identifier: MIT */
/* Cells of equal size as SVG, row by row, and the table that says what they mean. Internal to report/. */
#ifndef VHDXRAY_REPORT_HTML_SVG_H
#define VHDXRAY_REPORT_HTML_SVG_H

#include "report/html.h"

/* What a cell looks like. Names are those of classes (u-NAME) and patterns. */
struct svg_kind {
    const char *class, *words;
    bool plain; /* no pattern: the colour alone, or nothing */
};

struct svg_grid {
    struct report *r;
    uint32_t count, columns, rows;
    unsigned width, height; /* of a cell, in units of the drawing */
};

/* count > 0. */
struct svg_grid svg_grid_of(struct report *r, uint32_t count);
/* id, of the two texts for screen readers, stands behind the number of the image; the texts are plain. */
void svg_begin(const struct svg_grid *g, const char *id, const char *title, const char *description);
/* Cells [first, end) of one row as one shape; a hole leaves its lower half empty. */
void svg_run(const struct svg_grid *g, uint32_t first, uint32_t end, const struct svg_kind *k, bool hole,
             const char *title);
void svg_end(const struct svg_grid *g);

/* A row of the table below a map: how the kind looks, and how much there is. */
void svg_legend_row(struct report *r, const struct svg_kind *k, bool hole, const char *words, const char *amount);

#endif
