/* SPDX-License-Identifier: MIT */
/* JSON pieces that several reports share. Internal to report/. */
#ifndef VHDXRAY_REPORT_ELEMENT_H
#define VHDXRAY_REPORT_ELEMENT_H

#include "check/windows_codes.h"
#include "report/report.h"

/* schema_version and tool, into the object that is open. */
void element_envelope(struct report *r);
/* Opens an object of the list; in JSON lines every one carries the envelope. */
void element_begin(struct report *r);
void element_end(struct report *r);
/* A finished tree as an element of the list, envelope and all; takes it. */
void element_object(struct report *r, cJSON *o);
/* One member with a scalar. */
void element_text(struct report *r, const char *key, const char *s); /* NULL: null */
void element_u64(struct report *r, const char *key, uint64_t v);
void element_bool(struct report *r, const char *key, bool v);
void element_null(struct report *r, const char *key);
/* "error": {"message": ...}; nothing when there was none (NULL). */
void element_error(struct report *r, const char *error);
/* "path"; and "path_lossy": true behind it when the name is no UTF-8. */
void element_path(struct report *r, const char *path);
/* The member `sandbox`. */
cJSON *element_sandbox(struct report *r);

/* The member `facts`. */
cJSON *facts_json(struct json *j, const struct image *img);
cJSON *facts_log_json(struct json *j, const struct image *img); /* its `log`; null without a current header */

/* Everything about a rule but what it did. */
cJSON *rule_json(struct json *j, const struct rule *rule, struct arena *a);
/* "MS-VHDX 2.5.1", or "impl"; scratch text. */
const char *rule_spec_text(struct arena *a, const struct rule *rule);

/* "0xC03A000D"; scratch text. */
const char *windows_code_text(struct arena *a, const struct windows_code *c);
/* The codes that Windows shows where this rule has something to say: [{code, name}]. */
cJSON *rule_windows_codes_json(struct json *j, struct arena *a, const struct rule *rule);

#endif
