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

enum { ESCAPED_MAX = 6 }; /* bytes one input byte can become: \u001b; U+FFFD takes 3 */

/* Characters that act on a terminal, on the order of the text around them, or end lines in JavaScript. */
static bool must_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) ||      /* C0, DEL, C1 */
           c == 0x061c || c == 0x200e || c == 0x200f || /* bidirectional marks */
           c == 0x2028 || c == 0x2029 ||                /* line and paragraph separator */
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static size_t put_escape(char *out, uint32_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *special = c != 0 && c < 0x80 ? strchr(from, (int)c) : NULL;

    out[0] = '\\';
    if (special != NULL) {
        out[1] = to[special - from];
        return 2;
    }
    out[1] = 'u';
    for (unsigned i = 0; i < 4; i++)
        out[2 + i] = hex[c >> (12 - 4 * i) & 15];
    return 6;
}

char *json_escape(const char *s, size_t len, bool *lossy)
{
    bool replaced = false;

    if (len > (SIZE_MAX - 3) / ESCAPED_MAX)
        return NULL;
    char *out = (char *)malloc(len * ESCAPED_MAX + 3);
    if (out == NULL)
        return NULL;
    size_t n = 0;
    out[n++] = '"';
    for (size_t i = 0; i < len;) {
        uint32_t c = 0;
        size_t used = utf8_next(s + i, len - i, &c);

        if (used == 0) {
            memcpy(out + n, "\xef\xbf\xbd", 3);
            n += 3;
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
    return out;
}
