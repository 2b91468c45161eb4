/* SPDX-License-Identifier: MIT */
/*
 * Strings from an image on their way out. Input: a byte that cuts the rest in two, and two strings of any bytes.
 *
 * Asserted: as JSON they are strict strings, that a parser takes for what went in when it was valid UTF-8, and lossy
 * otherwise; numbers keep all their digits; the stream and the trees in it are the same value on one line and indented;
 * what goes to terminals is valid UTF-8 without a control character, and untouched when it was that before.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>

#include "base/guid.h"
#include "base/text.h"
#include "fuzz/property.h"
#include "fuzz/strict.h"
#include "fuzz/whole.h"
#include "report/json.h"

struct piece {
    const char *s;
    size_t len;
};

/* ---- single strings ---- */

static void judge_escape(struct piece p)
{
    bool lossy = false;
    char *out = json_escape(p.s, p.len, &lossy);

    ASSERT(out != NULL, "out of memory");
    size_t len = strlen(out);
    ASSERT(len == json_escaped_len(p.s, p.len));
    ASSERT(lossy == !strict_is_utf8(p.s, p.len));
    out[len] = '\n'; /* in the place of the NUL */
    strict_json(out, len + 1);
    out[len] = '\0';
    cJSON *parsed = cJSON_ParseWithLengthOpts(out, len + 1, NULL, 1);
    /* cJSON ends strings at a NUL, also at an escaped one, or refuses them. */
    if (memchr(p.s, '\0', p.len) == NULL) {
        ASSERT(parsed != NULL && cJSON_IsString(parsed), "%s", out);
        const char *back = parsed->valuestring;
        ASSERT(lossy || (strlen(back) == p.len && memcmp(back, p.s, p.len) == 0), "%s", out);
        ASSERT(!lossy || strstr(back, "\xef\xbf\xbd") != NULL, "%s", out);
    }
    cJSON_Delete(parsed);
    free(out);
}

static bool is_harmless_ascii(struct piece p)
{
    for (size_t i = 0; i < p.len; i++) {
        if (p.s[i] < 0x20 || p.s[i] > 0x7e)
            return false;
    }
    return true;
}

static void judge_printable(struct arena *a, struct piece p)
{
    const char *out = text_printable(a, p.s, p.len), *again;
    size_t len = strlen(out);

    strict_text(out, len);
    ASSERT(strchr(out, '\n') == NULL, "a line feed");
    ASSERT(!is_harmless_ascii(p) || (len == p.len && memcmp(out, p.s, len) == 0), "%s", out);
    again = text_printable(a, out, len);
    ASSERT(strcmp(out, again) == 0, "%s became %s", out, again);
}

/* ---- a document ---- */

static uint64_t number_of(struct piece p)
{
    uint64_t v = 0;

    for (size_t i = 0; i < p.len && i < 8; i++)
        v |= (uint64_t)(uint8_t)p.s[i] << 8 * i;
    return v;
}

static cJSON *make_tree(struct json *j, struct piece a, struct piece b)
{
    cJSON *o = json_object(j), *list = json_array(j), *inner = json_object(j);
    struct guid g = {{0}};

    if (a.len > 0)
        memcpy(g.bytes, a.s, u64_min(a.len, sizeof(g.bytes)));
    json_put_bytes(j, o, "a", a.s, a.len);
    json_put_bytes(j, list, NULL, b.s, b.len);
    json_put_u64(j, list, NULL, number_of(a));
    json_put_i64(j, inner, "signed", (int64_t)number_of(b));
    json_put_hex(j, inner, "hex", number_of(b));
    json_put_guid(j, inner, "guid", &g);
    json_put(j, inner, "empty", json_object(j));
    json_put(j, inner, "none", json_array(j));
    json_put_bool(j, inner, "bool", a.len > b.len);
    json_put_null(j, inner, "null");
    json_put(j, list, NULL, inner);
    json_put(j, o, "list", list);
    return o;
}

static const char *write_document(struct piece a, struct piece b, bool pretty, size_t *ret_len)
{
    struct json j = json_to(whole_text_begin(), pretty);

    json_begin(&j, NULL, '{');
    json_node(&j, "tree", make_tree(&j, a, b));
    json_begin(&j, "lines", '[');
    for (unsigned i = 0; i < (a.len & 3); i++)
        json_line(&j, NULL, make_tree(&j, b, a));
    json_end(&j, ']');
    json_begin(&j, "nothing", '{');
    json_end(&j, '}');
    json_end(&j, '}');
    ASSERT(!j.failed);
    return whole_text_end(ret_len);
}

static cJSON *parse(const char *text, size_t len)
{
    strict_json(text, len);
    return cJSON_ParseWithLengthOpts(text, len + 1, NULL, 1);
}

static void judge_document(struct piece a, struct piece b)
{
    char digits[3][40];
    size_t len;

    (void)snprintf(digits[0], sizeof(digits[0]), "%" PRIu64, number_of(a));
    (void)snprintf(digits[1], sizeof(digits[1]), "\"signed\":%" PRId64 ",", (int64_t)number_of(b));
    (void)snprintf(digits[2], sizeof(digits[2]), "\"hex\":\"0x%" PRIx64 "\"", number_of(b));
    const char *text = write_document(a, b, false, &len);
    for (unsigned i = 0; i < 3; i++)
        ASSERT(strstr(text, digits[i]) != NULL, "no %s in %s", digits[i], text);
    cJSON *compact = parse(text, len);
    text = write_document(a, b, true, &len);
    cJSON *pretty = parse(text, len);
    /* An escaped NUL is more than cJSON takes. */
    if (compact != NULL || pretty != NULL)
        ASSERT(cJSON_Compare(compact, pretty, 1), "%s", text);
    cJSON_Delete(compact);
    cJSON_Delete(pretty);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *s = (const char *)data;
    size_t rest = size > 0 ? size - 1 : 0, cut = rest > 0 ? data[0] % (rest + 1) : 0;
    struct piece a = {s + (size - rest), cut}, b = {s + (size - rest) + cut, rest - cut};
    struct arena *arena = property_arena((uint64_t)64 << 20);

    judge_escape(a);
    judge_escape(b);
    judge_printable(arena, a);
    judge_printable(arena, b);
    judge_document(a, b);
    arena_destroy(arena);
    return 0;
}
