/* SPDX-License-Identifier: MIT */
/*
 * The HTML page: one file that needs nothing else, no script and no network, for all images of a check. Internal to
 * report/.
 *
 * While an image is written, r->out is a temporary file: what stands above the images (title, table of contents) is
 * known only at the end.
 */
#ifndef VHDXRAY_REPORT_HTML_H
#define VHDXRAY_REPORT_HTML_H

#include <stddef.h>

#include "report/report.h"

enum status html_begin(struct report *r);
void html_image(struct report *r, const struct check_result *res);
void html_unopened(struct report *r, const char *path, const char *message);
enum status html_end(struct report *r);

/*
 * A page of another kind: html_document_begin(), its title, html_document_body(), what stands in front of <main>, <main>
 * and what it holds, html_document_end() with a sentence about where it came from.
 */
void html_document_begin(struct report *r);
void html_document_body(struct report *r);
void html_document_end(struct report *r, const char *made_from);

/* ---- html_text.c ---- */

/*
 * Text into an element or into an attribute between double quotes: markup is escaped, and what could act on the order
 * of the text or would not be seen becomes visible, as in all reports. NULL prints nothing.
 */
void html_safe(struct report *r, const char *s);
void html_safe_bytes(struct report *r, const char *s, size_t len);
/* <dt>name</dt><dd>value</dd> */
void html_fact(struct report *r, const char *name, const char *value);
/* <td>value</td>, and the same as code. */
void html_cell(struct report *r, const char *value);
void html_code_cell(struct report *r, const char *value);
/* A number at the right. */
void html_number_cell(struct report *r, uint64_t v);
/*
 * Opens a table in a frame that scrolls when it is wider than the page. heads: NULL at the end; one that begins with
 * '>' is over numbers.
 */
void html_table_begin(struct report *r, const char *caption, const char *const *heads);
void html_table_end(struct report *r);
/* Opens a section of the image with its heading; its id is "i<image>-<id>". */
void html_section_begin(struct report *r, const char *id, const char *title);
void html_section_end(struct report *r);
/* Number of the image that is written, from 1. */
uint64_t html_image_number(const struct report *r);

/* ---- sections ---- */

void html_facts(struct report *r, const struct check_result *res);
void html_maps(struct report *r, const struct check_result *res);
void html_findings(struct report *r, const struct check_result *res);
void html_log(struct report *r, const struct check_result *res);
void html_compatibility(struct report *r, const struct check_result *res);
void html_profile(struct report *r, const struct profile *p); /* r->profile */
void html_coverage(struct report *r, const struct check_result *res);

/* Link text to the first finding of that rule and severity: "#i1-VHDX-BAT-016-error". */
void html_finding_link(struct report *r, const struct finding *f);
/* Bytes around a finding's evidence, the evidence marked. Nothing when it has no bytes. */
void html_evidence(struct report *r, const struct image *img, const struct finding *f);
/* The evidence alone on one line, its first bytes. */
void html_evidence_line(struct report *r, const struct image *img, const struct finding *f);

/* Patterns that the maps are filled with, once for the page. */
void html_patterns(struct report *r);
/* The style sheet, and its digest for the content security policy: base64 of the SHA-256 of exactly these bytes. */
extern const char html_style[];
extern const char html_style_digest[];

#endif
