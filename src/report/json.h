/* SPDX-License-Identifier: MIT */
/*
 * JSON out. Small pieces (a finding, the facts) are cJSON trees; what may be long is streamed around them, so that a
 * report of any length needs the memory of its largest piece. Numbers are written with all their digits (cJSON's own
 * are doubles), strings by json_escape(), whatever bytes they hold.
 */
#ifndef VHDXRAY_REPORT_JSON_H
#define VHDXRAY_REPORT_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/guid.h"

/*
 * s as a JSON string, quotes included; free() it; NULL when out of memory. Always valid UTF-8 and safe on a terminal:
 * control characters (C1 and bidirectional ones too) are escaped, bytes that are no UTF-8 become U+FFFD and set *lossy.
 * lossy may be NULL.
 */
char *json_escape(const char *s, size_t len, bool *lossy);
/* The same into memory of the caller's: json_escaped_len() bytes and a NUL; SIZE_MAX when no memory could hold them. */
size_t json_escaped_len(const char *s, size_t len);
void json_escape_to(const char *s, size_t len, char *out, bool *lossy);

/* ---- streaming ---- */

enum { JSON_DEPTH_MAX = 12 };

struct json {
    FILE *out;
    bool pretty; /* two spaces a level, else everything on one line */
    bool failed; /* out of memory: what was written is not whole */
    unsigned depth;
    bool filled[JSON_DEPTH_MAX]; /* by depth: something stands before the next member */
};

static inline struct json json_to(FILE *out, bool pretty)
{
    return (struct json){.out = out, .pretty = pretty};
}

/* bracket: '{' or '['. key: NULL in arrays and at the top. Closing the outermost one ends the line. */
void json_begin(struct json *j, const char *key, char bracket);
void json_end(struct json *j, char bracket); /* '}' or ']' */
/* Writes a tree and deletes it. NULL counts as out of memory. */
void json_node(struct json *j, const char *key, cJSON *node);
/* The same on one line, also when pretty: for long lists of small things. */
void json_line(struct json *j, const char *key, cJSON *node);

/* ---- trees ---- */

cJSON *json_object(struct json *j);
cJSON *json_array(struct json *j);
/* key: NULL appends to an array. All accept to == NULL (after a failed allocation) and note failures in j. */
void json_put(struct json *j, cJSON *to, const char *key, cJSON *value); /* takes value, also on failure */
void json_put_null(struct json *j, cJSON *to, const char *key);
void json_put_bool(struct json *j, cJSON *to, const char *key, bool v);
void json_put_u64(struct json *j, cJSON *to, const char *key, uint64_t v);
void json_put_i64(struct json *j, cJSON *to, const char *key, int64_t v);
void json_put_hex(struct json *j, cJSON *to, const char *key, uint64_t v);     /* "0x1f" */
void json_put_text(struct json *j, cJSON *to, const char *key, const char *s); /* NULL: null */
void json_put_bytes(struct json *j, cJSON *to, const char *key, const char *s, size_t len);
void json_put_guid(struct json *j, cJSON *to, const char *key, const struct guid *g);

#endif
