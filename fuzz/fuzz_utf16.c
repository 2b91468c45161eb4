/* SPDX-License-Identifier: MIT */
/*
 * UTF-16LE to UTF-8 and back. The input is taken as both: as units to decode and as UTF-8 to encode.
 *
 * Asserted: the text and everything reported about it are what a second, simple decoder finds; the text is well-formed
 * UTF-8; undamaged text encodes to the same units; text that encodes decodes to itself, and text that does not is not
 * well-formed.
 */
#include "base/le.h"
#include "base/text.h"
#include "base/utf16.h"
#include "fuzz/property.h"

enum { INPUT_MAX = 4096 };

/* ---- the second opinion: code points first, bytes later ---- */

struct points {
    uint32_t *at;
    size_t count;
    bool unpaired, nul, control;
    size_t first_bad_unit;
};

static struct points points_of(const uint8_t *p, size_t units)
{
    static uint32_t at[INPUT_MAX];
    struct points r = {.at = at};

    for (size_t i = 0; i < units; i++) {
        uint32_t c = le16(p + 2 * i), next = i + 1 < units ? le16(p + 2 * i + 2) : 0;
        if ((c & 0xfc00) == 0xd800 && (next & 0xfc00) == 0xdc00) {
            c = 0x10000 + (c % 0x400) * 0x400 + next % 0x400;
            i++;
        } else if ((c & 0xf800) == 0xd800) {
            if (!r.unpaired)
                r.first_bad_unit = i;
            r.unpaired = true;
            c = 0xfffd;
        }
        r.nul |= c == 0;
        r.control |= (c > 0 && c < 0x20) || (c >= 0x7f && c < 0xa0);
        r.at[r.count++] = c;
    }
    return r;
}

/* One code point of the text, by its bit pattern; fails on anything that is not the shortest form. */
static uint32_t next_point(const char *s, size_t len, size_t *pos)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t smallest;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t n = 0; n < 4; n++) {
        uint8_t b = (uint8_t)s[*pos];
        if ((b & forms[n].mask) != forms[n].lead)
            continue;
        uint32_t c = b & (uint8_t)~forms[n].mask;
        ASSERT(n < len - *pos);
        for (size_t i = 1; i <= n; i++) {
            ASSERT(((uint8_t)s[*pos + i] & 0xc0) == 0x80);
            c = c << 6 | ((uint8_t)s[*pos + i] & 0x3f);
        }
        ASSERT(c >= forms[n].smallest && c <= 0x10ffff && (c & 0xfffff800) != 0xd800);
        *pos += n + 1;
        return c;
    }
    ASSERT(false, "no lead byte at %zu", *pos);
    return 0;
}

static void check_decode(struct arena *a, const uint8_t *data, size_t size)
{
    struct utf16_text t;
    struct points want = points_of(data, size / 2);
    size_t pos = 0;

    ASSERT(utf16_decode(a, span_of(data, size), &t) == STATUS_OK);
    ASSERT(t.units == size / 2 && t.odd_byte == (size % 2 == 1));
    ASSERT(t.unpaired == want.unpaired && t.has_nul == want.nul && t.has_control == want.control);
    ASSERT(!t.unpaired || t.first_bad_unit == want.first_bad_unit);
    ASSERT(t.str[t.len] == '\0');
    for (size_t i = 0; i < want.count; i++) {
        ASSERT(pos < t.len);
        ASSERT(next_point(t.str, t.len, &pos) == want.at[i]);
    }
    ASSERT(pos == t.len);

    static uint8_t back[2 * INPUT_MAX];
    size_t back_len;
    ASSERT(utf16_encode(t.str, t.len, back, sizeof(back), &back_len));
    ASSERT(back_len == 2 * t.units);
    ASSERT(t.unpaired || memcmp(back, data, back_len) == 0);
    if (back_len > 0)
        ASSERT(!utf16_encode(t.str, t.len, back, back_len - 1, &back_len));
}

static void check_encode(struct arena *a, const char *text, size_t size)
{
    static uint8_t units[2 * INPUT_MAX];
    struct utf16_text t;
    size_t len = 0, pos = 0;
    uint32_t c;

    if (utf16_encode(text, size, units, sizeof(units), &len)) {
        ASSERT(utf16_decode(a, span_of(units, len), &t) == STATUS_OK);
        ASSERT(!t.unpaired && !t.odd_byte && t.len == size && memcmp(t.str, text, size) == 0);
        while (pos < size)
            next_point(text, size, &pos);
        return;
    }
    while (pos < size) {
        size_t n = utf8_next(text + pos, size - pos, &c);
        if (n == 0)
            return;
        size_t again = pos;
        ASSERT(next_point(text, size, &again) == c && again == pos + n);
        pos = again;
    }
    ASSERT(false, "well-formed, and not encoded");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX)
        return 0;
    struct arena *a = property_arena((uint64_t)1 << 20);
    check_decode(a, data, size);
    check_encode(a, (const char *)data, size);
    arena_destroy(a);
    return 0;
}
