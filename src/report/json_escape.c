/* SPDX-License-Identifier: MIT */
/*
 * Any bytes to a JSON string. Strings from an image attack whoever reads the report: a lone byte above 127 breaks JSON
 * parsers, an escape sequence or a right-to-left override the terminal they are shown on. So nothing but well-formed
 * UTF-8 without controls leaves this function as it came.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"
#include "report/json.h"

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD */
enum { REPLACEMENT_LEN = 3, QUOTES = 2, ESCAPED_MOST = 6 /* bytes one byte can become: \u001b */ };

/* Characters that act on a terminal, on the order of the text around them, or end lines in JavaScript. */
static bool must_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) ||      /* C0, DEL, C1 */
           c == 0x061c || c == 0x200e || c == 0x200f || /* bidirectional marks */
           c == 0x2028 || c == 0x2029 ||                /* line and paragraph separator */
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static const char short_from[] = "\"\\\b\f\n\r\t", short_to[] = "\"\\bfnrt";

/* The letter of a two-byte escape, or 0. */
static char short_escape(uint32_t c)
{
    const char *at = c != 0 && c < 0x80 ? strchr(short_from, (int)c) : NULL;

    return at != NULL ? short_to[at - short_from] : '\0';
}

static size_t put_escape(char *out, uint32_t c)
{
    static const char hex[] = "0123456789abcdef";

    out[0] = '\\';
    out[1] = short_escape(c);
    if (out[1] != '\0')
        return 2;
    out[1] = 'u';
    for (unsigned i = 0; i < 4; i++)
        out[2 + i] = hex[c >> (12 - 4 * i) & 15];
    return ESCAPED_MOST;
}

/* How many bytes from s on are ASCII that stays as it is: nearly always all of them. */
static size_t plain_len(const char *s, size_t len)
{
    size_t i = 0;

    while (i < len && s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\')
        i++;
    return i;
}

size_t json_escaped_len(const char *s, size_t len)
{
    size_t plain = plain_len(s, len), n = plain + QUOTES;

    if (len - plain > (SIZE_MAX - n) / ESCAPED_MOST)
        return SIZE_MAX;
    for (size_t i = plain; i < len;) {
        uint32_t c = 0;
        size_t used = utf8_next(s + i, len - i, &c);

        if (used == 0)
            n += REPLACEMENT_LEN;
        else if (c == '"' || c == '\\' || must_escape(c))
            n += short_escape(c) != '\0' ? 2 : ESCAPED_MOST;
        else
            n += used;
        i += used > 0 ? used : 1;
    }
    return n;
}

void json_escape_to(const char *s, size_t len, char *out, bool *lossy)
{
    size_t i = plain_len(s, len), n = 0;
    bool replaced = false;

    out[n++] = '"';
    memcpy(out + n, s, i);
    n += i;
    while (i < len) {
        uint32_t c = 0;
        size_t used = utf8_next(s + i, len - i, &c);

        if (used == 0) {
            memcpy(out + n, REPLACEMENT, REPLACEMENT_LEN);
            n += REPLACEMENT_LEN;
            i++;
            replaced = true;
            continue;
        }
        if (c == '"' || c == '\\' || must_escape(c)) {
            n += put_escape(out + n, c);
        } else {
            memcpy(out + n, s + i, used);
            n += used;
        }
        i += used;
    }
    out[n++] = '"';
    out[n] = '\0';
    if (lossy != NULL)
        *lossy = replaced;
}

char *json_escape(const char *s, size_t len, bool *lossy)
{
    size_t need = json_escaped_len(s, len);
    char *out = need < SIZE_MAX ? (char *)malloc(need + 1) : NULL;

    if (out != NULL)
        json_escape_to(s, len, out, lossy);
    return out;
}
