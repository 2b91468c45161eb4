/* SPDX-License-Identifier: MIT */
/*
 * SARIF 2.1.0 (OASIS): one log with one run for all files of a check. Results wait in temporary files, by severity, so
 * that the cap keeps the worst whatever the order of the files. Internal to report/.
 */
#ifndef VHDXRAY_REPORT_SARIF_H
#define VHDXRAY_REPORT_SARIF_H

#include "report/report.h"

enum sarif_note { SARIF_NOTE_UNREADABLE, SARIF_NOTE_INCOMPLETE, SARIF_NOTE_LEFT_OUT, SARIF_NOTE_NOT_EVALUATED };

enum status sarif_begin(struct report *r);
void sarif_image(struct report *r, const struct check_result *res);
void sarif_unopened(struct report *r, const char *path, const char *message);
enum status sarif_end(struct report *r);

/* ---- sarif_rules.c: tool.driver ---- */

void sarif_driver(struct report *r);
/* Page of [MS-VHDX] for the first clause of a rule's spec ("2.5.1, 2.5.1.1"), or of the nearest one around it; NULL for
 * a rule that no clause is behind. */
const char *sarif_clause_uri(struct arena *a, const char *spec);
const char *sarif_level(enum severity s);
const char *sarif_note_id(enum sarif_note n);

/* ---- sarif_result.c ---- */

/* artifact: its number in run.artifacts. */
cJSON *sarif_result_json(struct json *j, struct arena *a, const struct image *img, const struct finding *f,
                         uint64_t artifact);
/* {"text": ...}; s need not end with a full stop. Brackets that SARIF would read as a link are escaped. */
cJSON *sarif_message_json(struct json *j, struct arena *a, const char *s);
/* The path as a URI reference: relative as it was given, absolute as file:///. */
const char *sarif_uri(struct arena *a, const char *path);
/* 16 hexadecimal digits that depend on what the finding is about and on the disk's id, not on path, order or wording.
 */
const char *sarif_fingerprint(struct arena *a, const struct image *img, const struct finding *f);

#endif
