/* SPDX-License-Identifier: MIT */
/*
 * Values of cJSON trees. cJSON keeps numbers as doubles and copies string bytes as they are, so both are made here and
 * handed over as raw text. A failed allocation is remembered in the stream instead of being tested at every call: the
 * command asks once, at the end.
 */
#include <string.h>

#include "report/json.h"

cJSON *json_object(struct json *j)
{
    cJSON *n = cJSON_CreateObject();

    if (n == NULL)
        j->failed = true;
    return n;
}

cJSON *json_array(struct json *j)
{
    cJSON *n = cJSON_CreateArray();

    if (n == NULL)
        j->failed = true;
    return n;
}

void json_put(struct json *j, cJSON *to, const char *key, cJSON *value)
{
    bool done = value != NULL && to != NULL;

    if (done)
        done = key != NULL ? cJSON_AddItemToObjectCS(to, key, value) : cJSON_AddItemToArray(to, value);
    if (!done) {
        cJSON_Delete(value);
        j->failed = true;
    }
}

void json_put_null(struct json *j, cJSON *to, const char *key)
{
    json_put(j, to, key, cJSON_CreateNull());
}

void json_put_bool(struct json *j, cJSON *to, const char *key, bool v)
{
    json_put(j, to, key, cJSON_CreateBool(v));
}

/* Raw text of len bytes, to be filled in by the caller. NULL when out of memory. */
static cJSON *raw_node(size_t len, char **ret_text)
{
    cJSON *n = len < SIZE_MAX ? cJSON_CreateNull() : NULL;
    char *text = n != NULL ? (char *)cJSON_malloc(len + 1) : NULL;

    if (text == NULL) {
        cJSON_Delete(n);
        return NULL;
    }
    text[len] = '\0';
    n->type = cJSON_Raw;
    n->valuestring = text; /* cJSON_Delete() frees it */
    *ret_text = text;
    return n;
}

/* prefix, the digits of v, suffix. */
static void put_digits(struct json *j, cJSON *to, const char *key, const char *prefix, uint64_t v, unsigned base,
                       const char *suffix)
{
    char digits[20], *text = NULL;
    size_t at = sizeof(digits), before = strlen(prefix), behind = strlen(suffix);

    do {
        digits[--at] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v != 0);
    size_t len = sizeof(digits) - at;
    cJSON *n = raw_node(before + len + behind, &text);
    if (n != NULL) {
        memcpy(text, prefix, before);
        memcpy(text + before, digits + at, len);
        memcpy(text + before + len, suffix, behind);
    }
    json_put(j, to, key, n);
}

void json_put_u64(struct json *j, cJSON *to, const char *key, uint64_t v)
{
    put_digits(j, to, key, "", v, 10, "");
}

void json_put_i64(struct json *j, cJSON *to, const char *key, int64_t v)
{
    put_digits(j, to, key, v < 0 ? "-" : "", v < 0 ? -(uint64_t)v : (uint64_t)v, 10, "");
}

void json_put_hex(struct json *j, cJSON *to, const char *key, uint64_t v)
{
    put_digits(j, to, key, "\"0x", v, 16, "\"");
}

void json_put_bytes(struct json *j, cJSON *to, const char *key, const char *s, size_t len)
{
    char *text = NULL;
    cJSON *n = raw_node(json_escaped_len(s, len), &text);

    if (n != NULL)
        json_escape_to(s, len, text, NULL);
    json_put(j, to, key, n);
}

void json_put_text(struct json *j, cJSON *to, const char *key, const char *s)
{
    if (s == NULL)
        json_put_null(j, to, key);
    else
        json_put_bytes(j, to, key, s, strlen(s));
}

void json_put_guid(struct json *j, cJSON *to, const char *key, const struct guid *g)
{
    char text[GUID_TEXT_SIZE];

    json_put_text(j, to, key, guid_text(g, text));
}
