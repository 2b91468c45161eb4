/* SPDX-License-Identifier: MIT */
/*
 * Values of cJSON trees. cJSON keeps numbers as doubles and copies string bytes as they are, so both are made here and
 * handed over as raw text. A failed allocation is remembered in the stream instead of being tested at every call: the
 * command asks once, at the end.
 */
#include <inttypes.h>
#include <stdlib.h>
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

void json_put_u64(struct json *j, cJSON *to, const char *key, uint64_t v)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%" PRIu64, v);
    json_put(j, to, key, cJSON_CreateRaw(digits));
}

void json_put_i64(struct json *j, cJSON *to, const char *key, int64_t v)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%" PRId64, v);
    json_put(j, to, key, cJSON_CreateRaw(digits));
}

void json_put_hex(struct json *j, cJSON *to, const char *key, uint64_t v)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "\"0x%" PRIx64 "\"", v);
    json_put(j, to, key, cJSON_CreateRaw(digits));
}

void json_put_bytes(struct json *j, cJSON *to, const char *key, const char *s, size_t len)
{
    char *escaped = json_escape(s, len, NULL);

    json_put(j, to, key, escaped != NULL ? cJSON_CreateRaw(escaped) : NULL);
    free(escaped);
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
