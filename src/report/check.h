/* SPDX-License-Identifier: MIT */
/* The two forms of a checked image, and what they share. Internal to report/. */
#ifndef VHDXRAY_REPORT_CHECK_H
#define VHDXRAY_REPORT_CHECK_H

#include "report/report.h"

void check_json(struct report *r, const struct check_result *res);
void check_text(struct report *r, const struct check_result *res);

/* Header lines of a text report: what the image is, who wrote it. */
void facts_lines(struct report *r, const struct image *img);

/* enum peer bits by rule index: who refuses the image because of that rule. Scratch memory; NULL when there is none. */
const unsigned *peers_stopped(struct report *r, const struct check_result *res);

/* The finding's own words, or the rule's. Never NULL. */
const char *finding_means_text(const struct finding *f);
const char *finding_next_text(const struct finding *f);

#endif
