/* SPDX-License-Identifier: MIT */
/*
 * The shape of JSON reports, after tools/report.schema.json: which keys there are and what their values look like. The
 * schema itself is checked by tests/oracle with a validator; this is fast enough to be asked for every input. A report
 * that has another shape ends the process.
 */
#ifndef VHDXRAY_FUZZ_SCHEMA_CHECK_H
#define VHDXRAY_FUZZ_SCHEMA_CHECK_H

#include <stddef.h>

enum schema_kind {
    SCHEMA_CHECK,
    SCHEMA_INFO,
    SCHEMA_LOG,
    SCHEMA_DUMP,
    SCHEMA_MAP,
    SCHEMA_LAYOUT,
    SCHEMA_CHAIN,
};

/*
 * text: one report, a NUL behind it. Parses it with cJSON, which has to accept it, and returns the tree: cJSON_Delete()
 * it. One line of JSON lines is such a report as well, but has the element of a list in the place of the list.
 */
struct cJSON *schema_check(const char *text, size_t len, enum schema_kind kind);
struct cJSON *schema_check_line(const char *text, size_t len, enum schema_kind kind);

#endif
