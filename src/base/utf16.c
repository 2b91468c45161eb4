/* SPDX-License-Identifier: MIT */
/*
 * UTF-16LE as Windows writes it, to UTF-8 and back. Windows strings are any sequence of 16-bit units, so decoding never
 * refuses: what is not text becomes U+FFFD and is reported. Decoding makes two passes, one to measure (and to look for
 * damage) and one to write, so the arena gets one block of the right size.
 */
#include "base/utf16.h"

#include "base/le.h"

static const uint32_t REPLACEMENT = 0xfffd;

/* Of a surrogate. */
static bool is_high_surrogate(uint32_t u)
{
    return u <= 0xdbff;
}

static bool is_low_surrogate(uint32_t u)
{
    return u >= 0xdc00 && u <= 0xdfff;
}

/* The same where unit i is a surrogate. */
static size_t surrogate_next(const uint8_t *p, size_t i, size_t units, uint32_t *ret, bool *ret_bad)
{
    uint32_t u = le16(p + 2 * i);

    if (is_high_surrogate(u) && i + 1 < units) {
        uint32_t low = le16(p + 2 * (i + 1));
        if (is_low_surrogate(low)) {
            *ret = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
            return 2;
        }
    }
    *ret_bad = true;
    *ret = REPLACEMENT;
    return 1;
}

/* The code point at unit i of `units`, and how many units it takes. Sets *ret_bad when it is an unpaired surrogate. */
static inline size_t utf16_next(const uint8_t *p, size_t i, size_t units, uint32_t *ret, bool *ret_bad)
{
    uint32_t u = le16(p + 2 * i);

    *ret_bad = false;
    if ((u & 0xf800) == 0xd800)
        return surrogate_next(p, i, units, ret, ret_bad);
    *ret = u;
    return 1;
}

static size_t utf8_length(uint32_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static size_t utf8_put(char *out, uint32_t c)
{
    size_t n = utf8_length(c);

    if (n == 1) {
        out[0] = (char)c;
        return n;
    }
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00U >> n & 0xffU) | c);
    return n;
}

/* Most text is ASCII, which goes four units at a time. */
enum { QUAD = 4 };
#define IN_QUAD(lane) (UINT64_C(0x0001000100010001) * (lane))

/* Whether the four units at unit i are ASCII; these in any case. */
static inline bool utf16_quad(struct span s, size_t i, size_t units, uint64_t *ret)
{
    if (units - i < QUAD)
        return false;
    *ret = le64(s.ptr + 2 * i);
    return (*ret & IN_QUAD(0xff80)) == 0;
}

/* Units are below 0x80, so a sum with what is missing to 0x80 tells which of them have reached something. */
static inline void quad_note(struct utf16_text *t, uint64_t quad)
{
    uint64_t not_nul = (quad + IN_QUAD(0x7f)) & IN_QUAD(0x80), printable = (quad + IN_QUAD(0x60)) & IN_QUAD(0x80);
    uint64_t del = (quad + IN_QUAD(0x01)) & IN_QUAD(0x80);

    t->has_nul |= not_nul != IN_QUAD(0x80);
    t->has_control |= ((not_nul & ~printable) | del) != 0;
}

enum status utf16_decode(struct arena *a, struct span s, struct utf16_text *ret)
{
    struct utf16_text t = {.units = s.len / 2, .odd_byte = s.len % 2 != 0};
    uint64_t len = 0, quad;
    uint32_t c;
    bool bad;

    for (size_t i = 0; i < t.units;) {
        if (utf16_quad(s, i, t.units, &quad)) {
            quad_note(&t, quad);
            len += QUAD;
            i += QUAD;
            continue;
        }
        size_t taken = utf16_next(s.ptr, i, t.units, &c, &bad);
        if (bad && !t.unpaired) {
            t.unpaired = true;
            t.first_bad_unit = i;
        }
        if (c == 0)
            t.has_nul = true;
        else if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
            t.has_control = true;
        len += utf8_length(c);
        i += taken;
    }

    char *out = (char *)arena_array(a, len + 1, 1);
    if (out == NULL)
        return arena_status(a);
    t.str = out;
    t.len = (size_t)len;
    for (size_t i = 0; i < t.units;) {
        if (utf16_quad(s, i, t.units, &quad)) {
            for (unsigned k = 0; k < QUAD; k++)
                *out++ = (char)(quad >> 16 * k & 0x7f);
            i += QUAD;
            continue;
        }
        i += utf16_next(s.ptr, i, t.units, &c, &bad);
        out += utf8_put(out, c);
    }
    *ret = t;
    return STATUS_OK;
}

size_t utf8_next(const char *s, size_t len, uint32_t *ret)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n;
    uint32_t c;

    if (len == 0)
        return 0;
    uint8_t lead = (uint8_t)s[0];
    if (lead < 0x80) {
        *ret = lead;
        return 1;
    } else if (lead >> 5 == 0x06) {
        n = 2;
        c = lead & 0x1fU;
    } else if (lead >> 4 == 0x0e) {
        n = 3;
        c = lead & 0x0fU;
    } else if (lead >> 3 == 0x1e) {
        n = 4;
        c = lead & 0x07U;
    } else {
        return 0;
    }
    if (len < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        uint8_t byte = (uint8_t)s[i];
        if (byte >> 6 != 0x02)
            return 0;
        c = c << 6 | (byte & 0x3fU);
    }
    if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *ret = c;
    return n;
}

bool utf16_encode(const char *utf8, size_t len, uint8_t *out, size_t cap, size_t *ret_len)
{
    size_t used = 0;

    while (len > 0) {
        uint32_t c;
        size_t n = utf8_next(utf8, len, &c);
        size_t need = n == 4 ? 4 : 2;

        if (n == 0 || cap - used < need)
            return false;
        if (need == 4) {
            put_le16(out + used, (uint16_t)(0xd800 + ((c - 0x10000) >> 10)));
            put_le16(out + used + 2, (uint16_t)(0xdc00 + ((c - 0x10000) & 0x3ff)));
        } else {
            put_le16(out + used, (uint16_t)c);
        }
        used += need;
        utf8 += n;
        len -= n;
    }
    *ret_len = used;
    return true;
}
