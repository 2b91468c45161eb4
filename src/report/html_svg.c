/* SPDX-License-Identifier: MIT */
/*
 * Draws the maps. Colours come from the style sheet by class, patterns are defined once for the page; every kind but
 * the plainest two has a pattern, so that nothing depends on colour alone.
 */
#include "report/html_svg.h"

#include <inttypes.h>

#include "report/out.h"

/* Units of the drawing: it is as wide as the page, 64 cells or fewer in a row. */
enum { COLUMNS = 64, CELL = 10, WIDTH = COLUMNS * CELL, TALL_CELL = 32 };

/* A pattern is drawn over the colour of its class; classes and patterns have one name. */
static const struct {
    const char *name;
    unsigned size;
    const char *shape;
} patterns[] = {
    {"header", 4, "<path class=\"ink\" d=\"M1 0v4\"/>"},
    {"log", 5, "<path class=\"ink\" d=\"M-1 6L6 -1M-1 1L1 -1M4 6L6 4\"/>"},
    {"metadata", 5, "<path class=\"ink-fill\" d=\"M0 0h2.5v2.5h-2.5zM2.5 2.5h2.5v2.5h-2.5z\"/>"},
    {"bat", 4, "<path class=\"ink\" d=\"M0 1h4\"/>"},
    {"region", 5, "<path class=\"ink\" d=\"M-1 -1L6 6M4 -1L6 1M-1 4L1 6\"/>"},
    {"bitmap", 5, "<circle class=\"ink-fill\" cx=\"2.5\" cy=\"2.5\" r=\"1.3\"/>"},
    {"some", 10, "<path class=\"u-free\" d=\"M0 10L10 0V10z\"/>"},
    {"anchor", 5, "<path class=\"ink\" d=\"M2.5 .5v4M.5 2.5h4\"/>"},
    {"partial", 5, "<path class=\"ink-fill\" d=\"M0 0h2.5v5h-2.5z\"/>"},
    {"zero", 5, "<circle class=\"ring\" cx=\"2.5\" cy=\"2.5\" r=\"1.5\"/>"},
    {"parent", 5, "<path class=\"ring\" d=\"M.5 4L2.5 1L4.5 4\"/>"},
    {"fault", 5, "<path class=\"cross\" d=\"M0 0L5 5M5 0L0 5\"/>"},
};

void html_patterns(struct report *r)
{
    out_printf(r, "<svg class=\"patterns\" width=\"0\" height=\"0\" aria-hidden=\"true\" focusable=\"false\"><defs>\n");
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        out_printf(r, "<pattern id=\"p-%s\" width=\"%u\" height=\"%u\" patternUnits=\"userSpaceOnUse\">%s</pattern>\n",
                   patterns[i].name, patterns[i].size, patterns[i].size, patterns[i].shape);
    out_printf(r, "</defs></svg>\n");
}

struct svg_grid svg_grid_of(struct report *r, uint32_t count)
{
    struct svg_grid g = {.r = r, .count = count, .columns = count < COLUMNS ? count : COLUMNS};

    g.rows = (count + g.columns - 1) / g.columns;
    g.width = WIDTH / g.columns;
    g.height = g.rows == 1 ? TALL_CELL : CELL;
    return g;
}

void svg_begin(const struct svg_grid *g, const char *id, const char *title, const char *description)
{
    uint64_t n = html_image_number(g->r);

    out_printf(g->r,
               "<svg class=\"map\" viewBox=\"0 0 %u %u\" role=\"img\" aria-labelledby=\"i%" PRIu64 "-%s-name i%" PRIu64
               "-%s-desc\">\n<title id=\"i%" PRIu64 "-%s-name\">%s</title>\n<desc id=\"i%" PRIu64 "-%s-desc\">",
               g->columns * g->width, g->rows * g->height, n, id, n, id, n, id, title, n, id);
    html_safe(g->r, description);
    out_printf(g->r, "</desc>\n");
}

static void rectangle(const struct svg_grid *g, uint32_t first, uint32_t end, const char *pattern)
{
    out_printf(g->r, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"", first % g->columns * g->width,
               first / g->columns * g->height, (end - first) * g->width, g->height);
    if (pattern != NULL)
        out_printf(g->r, " fill=\"url(#p-%s)\"", pattern);
    out_printf(g->r, "/>");
}

/* A hole leaves the lower half empty. */
static void hollow(const struct svg_grid *g, uint32_t first, uint32_t end)
{
    out_printf(g->r, "<rect class=\"paper\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"/>",
               first % g->columns * g->width, first / g->columns * g->height + g->height / 2, (end - first) * g->width,
               g->height - g->height / 2);
}

void svg_run(const struct svg_grid *g, uint32_t first, uint32_t end, const struct svg_kind *k, bool hole,
             const char *title)
{
    out_printf(g->r, "<g class=\"u-%s\"><title>", k->class);
    html_safe(g->r, title);
    out_printf(g->r, "</title>");
    rectangle(g, first, end, NULL);
    if (!k->plain)
        rectangle(g, first, end, k->class);
    if (hole)
        hollow(g, first, end);
    out_printf(g->r, "</g>\n");
}

/* Lines between the cells, in the colour of the page. */
void svg_end(const struct svg_grid *g)
{
    out_printf(g->r, "<path class=\"lines\" d=\"");
    for (uint32_t x = 1; x < g->columns; x++)
        out_printf(g->r, "M%u 0v%u", x * g->width, g->rows * g->height);
    for (uint32_t y = 1; y < g->rows; y++)
        out_printf(g->r, "M0 %uh%u", y * g->height, g->columns * g->width);
    out_printf(g->r, "\"/>\n</svg>\n");
}

void svg_legend_row(struct report *r, const struct svg_kind *k, bool hole, const char *words, const char *amount)
{
    out_printf(r,
               "<tr><th scope=\"row\"><svg class=\"swatch\" width=\"32\" height=\"16\" aria-hidden=\"true\" "
               "focusable=\"false\"><g class=\"u-%s\"><rect width=\"32\" height=\"16\"/>",
               k->class);
    if (!k->plain)
        out_printf(r, "<rect width=\"32\" height=\"16\" fill=\"url(#p-%s)\"/>", k->class);
    if (hole)
        out_printf(r, "<rect class=\"paper\" y=\"8\" width=\"32\" height=\"8\"/>");
    out_printf(r, "</g></svg> ");
    html_safe(r, words);
    out_printf(r, "</th>");
    html_cell(r, amount);
    out_printf(r, "</tr>\n");
}
