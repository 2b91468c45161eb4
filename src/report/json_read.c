/* SPDX-License-Identifier: MIT */
/*
 * A reader in the manner of RFC 8259: strict about its grammar, bounded in depth, without memory of its own. Strings
 * are looked through for control characters and broken escapes; their UTF-8 is looked at when they are wanted.
 */
#include "report/json_read.h"

#include <string.h>

#include "base/utf16.h"

enum { EXPECT_VALUE, EXPECT_FIRST_KEY, EXPECT_KEY, EXPECT_COLON, EXPECT_FIRST_ITEM, EXPECT_MORE, EXPECT_NOTHING };

struct json_reader json_reader_of(const char *text, size_t len)
{
    return (struct json_reader){.text = text, .len = len, .expected = EXPECT_VALUE};
}

static enum json_event bad(struct json_reader *r, const char *fault)
{
    if (r->fault == NULL)
        r->fault = fault;
    return JSON_BAD;
}

static bool in_object(const struct json_reader *r)
{
    return r->depth > 0 && (r->objects >> (r->depth - 1) & 1) != 0;
}

static void pass_blanks(struct json_reader *r)
{
    while (r->at < r->len &&
           (r->text[r->at] == ' ' || r->text[r->at] == '\t' || r->text[r->at] == '\r' || r->text[r->at] == '\n'))
        r->at++;
}

/* After a value: more of the same, or the end of what it stands in. */
static void value_done(struct json_reader *r)
{
    r->expected = r->depth == 0 ? EXPECT_NOTHING : EXPECT_MORE;
}

static enum json_event open_level(struct json_reader *r, bool object)
{
    if (r->depth == JSON_READ_DEPTH)
        return bad(r, "nested too deeply");
    const uint64_t bit = (uint64_t)1 << r->depth++;
    r->objects = object ? r->objects | bit : r->objects & ~bit;
    r->at++;
    r->expected = object ? EXPECT_FIRST_KEY : EXPECT_FIRST_ITEM;
    return object ? JSON_OBJECT : JSON_ARRAY;
}

static enum json_event close_level(struct json_reader *r)
{
    const bool object = in_object(r);

    r->at++;
    r->depth--;
    value_done(r);
    return object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* From the opening quote. */
static bool scan_string(struct json_reader *r)
{
    size_t at = r->at + 1;

    r->token = r->text + at;
    for (; at < r->len && r->text[at] != '"'; at++) {
        if ((unsigned char)r->text[at] < 0x20)
            return false;
        if (r->text[at] != '\\')
            continue;
        if (++at >= r->len || strchr("\"\\/bfnrtu", r->text[at]) == NULL || r->text[at] == '\0')
            return false;
        for (int i = 0; r->text[at] == 'u' && i < 4; i++) {
            if (at + 1 + (size_t)i >= r->len || hex_digit(r->text[at + 1 + (size_t)i]) < 0)
                return false;
        }
    }
    if (at >= r->len) {
        r->fault = "ends too early";
        return false;
    }
    r->token_len = (size_t)(r->text + at - r->token);
    r->at = at + 1;
    return true;
}

static size_t digits(const struct json_reader *r, size_t at)
{
    size_t n = 0;

    while (at + n < r->len && r->text[at + n] >= '0' && r->text[at + n] <= '9')
        n++;
    return n;
}

static bool scan_number(struct json_reader *r)
{
    size_t at = r->at, n;

    at += r->text[at] == '-';
    n = digits(r, at);
    if (n == 0 || (n > 1 && r->text[at] == '0'))
        return false;
    at += n;
    if (at < r->len && r->text[at] == '.') {
        n = digits(r, ++at);
        if (n == 0)
            return false;
        at += n;
    }
    if (at < r->len && (r->text[at] == 'e' || r->text[at] == 'E')) {
        at++;
        at += at < r->len && (r->text[at] == '+' || r->text[at] == '-');
        n = digits(r, at);
        if (n == 0)
            return false;
        at += n;
    }
    r->token = r->text + r->at;
    r->token_len = at - r->at;
    r->at = at;
    return true;
}

static bool scan_word(struct json_reader *r, const char *word)
{
    size_t len = strlen(word);

    if (len > r->len - r->at || memcmp(r->text + r->at, word, len) != 0)
        return false;
    r->at += len;
    return true;
}

static enum json_event read_value(struct json_reader *r)
{
    const char c = r->text[r->at];

    if (c == '{' || c == '[')
        return open_level(r, c == '{');
    enum json_event e = JSON_BAD;
    if (c == '"' && scan_string(r))
        e = JSON_STRING;
    else if ((c == '-' || (c >= '0' && c <= '9')) && scan_number(r))
        e = JSON_NUMBER;
    else if (c == 't' && scan_word(r, "true"))
        e = JSON_TRUE;
    else if (c == 'f' && scan_word(r, "false"))
        e = JSON_FALSE;
    else if (c == 'n' && scan_word(r, "null"))
        e = JSON_NULL;
    if (e == JSON_BAD)
        return bad(r, "no value");
    value_done(r);
    return e;
}

static enum json_event read_key(struct json_reader *r)
{
    if (r->text[r->at] != '"' || !scan_string(r))
        return bad(r, "no key");
    r->expected = EXPECT_COLON;
    return JSON_KEY;
}

static enum json_event read_more(struct json_reader *r)
{
    const bool object = in_object(r);

    if (r->text[r->at] == (object ? '}' : ']'))
        return close_level(r);
    if (r->text[r->at] != ',')
        return bad(r, "no comma");
    r->at++;
    pass_blanks(r);
    if (r->at == r->len)
        return bad(r, "ends too early");
    return object ? read_key(r) : read_value(r);
}

enum json_event json_read(struct json_reader *r)
{
    if (r->fault != NULL)
        return JSON_BAD;
    pass_blanks(r);
    if (r->expected == EXPECT_NOTHING)
        return r->at == r->len ? JSON_END : bad(r, "something behind the end");
    if (r->at == r->len)
        return bad(r, "ends too early");
    switch (r->expected) {
    case EXPECT_FIRST_KEY:
        return r->text[r->at] == '}' ? close_level(r) : read_key(r);
    case EXPECT_FIRST_ITEM:
        return r->text[r->at] == ']' ? close_level(r) : read_value(r);
    case EXPECT_MORE:
        return read_more(r);
    case EXPECT_COLON:
        if (r->text[r->at] != ':')
            return bad(r, "no colon");
        r->at++;
        pass_blanks(r);
        return r->at == r->len ? bad(r, "ends too early") : read_value(r);
    default:
        return read_value(r);
    }
}

bool json_skip_rest(struct json_reader *r)
{
    const unsigned outside = r->depth - 1;

    while (r->depth > outside) {
        if (json_read(r) == JSON_BAD)
            return false;
    }
    return true;
}

bool json_skip(struct json_reader *r)
{
    switch (json_read(r)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return json_skip_rest(r);
    case JSON_STRING:
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        return true;
    default:
        return false;
    }
}

/* ---- what a token says ---- */

static uint32_t unit(const char *four)
{
    uint32_t u = 0;

    for (int i = 0; i < 4; i++)
        u = u << 4 | (uint32_t)hex_digit(four[i]);
    return u;
}

/* One code point behind a backslash; at: behind the backslash. */
static bool unescape(const char *s, size_t len, size_t *at, uint32_t *ret)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";

    if (s[*at] != 'u') {
        *ret = (uint32_t)(unsigned char)meanings[strchr(letters, s[*at]) - letters];
        *at += 1;
        return true;
    }
    *ret = unit(s + *at + 1);
    *at += 5;
    if (*ret < 0xd800 || *ret > 0xdfff)
        return true;
    if (*ret > 0xdbff || len - *at < 6 || s[*at] != '\\' || s[*at + 1] != 'u')
        return false;
    const uint32_t low = unit(s + *at + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return false;
    *ret = 0x10000 + ((*ret - 0xd800) << 10) + (low - 0xdc00);
    *at += 6;
    return true;
}

static size_t put_utf8(uint32_t c, char out[4])
{
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    const size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)(leads[n] | c);
    return n;
}

bool json_token_text(const struct json_reader *r, char *buf, size_t room, size_t *ret_len)
{
    size_t at = 0, len = 0;

    while (at < r->token_len) {
        char bytes[4];
        uint32_t c = 0;
        size_t n;

        if (r->token[at] == '\\') {
            at++;
            if (!unescape(r->token, r->token_len, &at, &c))
                return false;
        } else {
            n = utf8_next(r->token + at, r->token_len - at, &c);
            if (n == 0)
                return false;
            at += n;
        }
        n = put_utf8(c, bytes);
        if (room <= len || room - len <= n)
            return false;
        memcpy(buf + len, bytes, n);
        len += n;
    }
    if (room == 0)
        return false;
    buf[len] = '\0';
    *ret_len = len;
    return true;
}

bool json_token_is(const struct json_reader *r, const char *word)
{
    return strlen(word) == r->token_len && memcmp(r->token, word, r->token_len) == 0;
}

bool json_token_u64(const struct json_reader *r, uint64_t *ret)
{
    uint64_t v = 0;

    for (size_t i = 0; i < r->token_len; i++) {
        const char c = r->token[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(v, 10U, &v) ||
            __builtin_add_overflow(v, (uint64_t)(c - '0'), &v))
            return false;
    }
    *ret = v;
    return r->token_len > 0;
}
