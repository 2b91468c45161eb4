/* SPDX-License-Identifier: MIT */
/* What all text reports share: safe strings, numbers for people, colours. Internal to report/. */
#ifndef VHDXRAY_REPORT_OUT_H
#define VHDXRAY_REPORT_OUT_H

#include <stdarg.h>

#include "report/report.h"

enum paint {
    PAINT_NONE,
    PAINT_ERROR,
    PAINT_WARNING,
    PAINT_INFO,
    PAINT_GOOD,
    PAINT_DIM,
    PAINT_FIELD, /* and the five behind it: neighbouring fields of a structure */
    PAINT_COUNT = PAINT_FIELD + 6,
};
enum { PAINT_FIELDS = PAINT_COUNT - PAINT_FIELD };

/*
 * Strings for one piece of output. Valid until the next call of report_scratch(): call it once per finding or section,
 * then use the arena as often as needed.
 */
enum { SCRATCH_BUDGET = 16 << 20 }; /* the longest locator, every byte of it escaped */
struct arena *report_scratch(struct report *r);

__attribute__((format(printf, 2, 3))) void out_printf(struct report *r, const char *fmt, ...);
/* Text that came from an image or a path: escaped by text_printable(). NULL prints nothing. */
void out_safe(struct report *r, const char *s);
void out_safe_bytes(struct report *r, const char *s, size_t len);
/*
 * The same, for a terminal of r->width columns: broken at spaces, further lines begin with `indent` spaces. at: columns
 * that are used of the first line. A word that is longer than a line stays whole: it is a path or a command to be
 * copied.
 */
void out_wrapped(struct report *r, unsigned at, unsigned indent, const char *s);
/* `word` in colour, padded to `width` with spaces outside it. */
void out_paint(struct report *r, enum paint p, const char *word, int width);
/* Everything up to out_plain() is in that colour. */
void out_color(struct report *r, enum paint p);
void out_plain(struct report *r);
enum paint severity_paint(enum severity s);
/* "4,095"; lives as long as the scratch arena. */
const char *group_digits(struct arena *a, uint64_t v);
/* "1 error", "2 errors": the number grouped, the noun with an s unless 1. */
const char *count_noun(struct arena *a, uint64_t v, const char *noun);

#endif
