/* SPDX-License-Identifier: MIT */
/*
 * A growing string in an arena. Once memory ran out the text is frozen, so a half sentence never gets a wrong ending;
 * the caller may look at `failed` at the very end or not at all. Text that came from an image or a path goes through
 * text_add_printable(): it ends up on terminals, and an escape sequence there is code.
 */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/utf16.h"

enum { TEXT_FIRST = 64, TEXT_BRIEF = 256 };

/* Room for len more bytes and the NUL. */
static bool make_room(struct text *t, size_t len)
{
    uint64_t need = u64_add_sat(u64_add_sat(t->len, len), 1);
    uint64_t cap = t->cap > 0 ? t->cap : TEXT_FIRST;

    if (t->failed)
        return false;
    if (t->str != NULL && need <= t->cap)
        return true;
    while (cap < need)
        cap = u64_add_sat(cap, cap);
    if (t->exact)
        cap = need;
    char *str = (char *)arena_room(t->arena, (size_t)u64_min(cap, SIZE_MAX));
    if (str == NULL) {
        t->failed = true;
        return false;
    }
    if (t->len > 0)
        memcpy(str, t->str, (size_t)t->len);
    arena_release(t->arena, t->str);
    t->str = str;
    t->cap = cap;
    return true;
}

void text_add_bytes(struct text *t, const char *s, size_t len)
{
    if (len == 0 || !make_room(t, len))
        return;
    memcpy(t->str + t->len, s, len);
    t->len += len;
    t->str[t->len] = '\0';
}

void text_add(struct text *t, const char *s)
{
    text_add_bytes(t, s, strlen(s));
}

void text_vaddf(struct text *t, const char *fmt, va_list ap)
{
    char brief[TEXT_BRIEF]; /* nearly all texts fit, and need not be made twice */
    va_list again;

    if (t->failed)
        return;
    va_copy(again, ap);
    int len = vsnprintf(brief, sizeof(brief), fmt, ap);
    if (len < 0)
        t->failed = true;
    else if ((size_t)len < sizeof(brief))
        text_add_bytes(t, brief, (size_t)len);
    else if (make_room(t, (size_t)len)) {
        (void)vsnprintf(t->str + t->len, (size_t)len + 1, fmt, again);
        t->len += (size_t)len;
    }
    va_end(again);
}

void text_addf(struct text *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    text_vaddf(t, fmt, ap);
    va_end(ap);
}

const char *text_str(const struct text *t)
{
    return t->len > 0 ? t->str : "";
}

const char *text_vformat(struct arena *a, const char *fmt, va_list ap)
{
    struct text t = {.arena = a, .exact = true};

    text_vaddf(&t, fmt, ap);
    return text_str(&t);
}

const char *text_format(struct arena *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    const char *s = text_vformat(a, fmt, ap);
    va_end(ap);
    return s;
}

/* Characters that act on a terminal or on the order of the text around them instead of being shown. */
static bool is_unprintable(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) ||      /* C0, DEL, C1 */
           c == 0x061c || c == 0x200e || c == 0x200f || /* bidirectional marks */
           (c >= 0x202a && c <= 0x202e) ||              /* embeddings, overrides */
           (c >= 0x2066 && c <= 0x2069) ||              /* isolates */
           c == 0x2028 || c == 0x2029;                  /* line and paragraph separator */
}

void text_add_printable(struct text *t, const char *s, size_t len)
{
    size_t start = 0; /* of the run that can be copied as it is */
    size_t i = 0;

    while (i < len) {
        uint32_t c = 0;
        size_t n = utf8_next(s + i, len - i, &c);

        if (n > 0 && !is_unprintable(c)) {
            i += n;
            continue;
        }
        text_add_bytes(t, s + start, i - start);
        if (n > 0)
            text_addf(t, "\\u{%x}", (unsigned)c);
        else
            text_addf(t, "\\x{%02x}", (unsigned)(uint8_t)s[i]);
        i += n > 0 ? n : 1;
        start = i;
    }
    text_add_bytes(t, s + start, i - start);
}

const char *text_printable(struct arena *a, const char *s, size_t len)
{
    struct text t = text_in(a);

    text_add_printable(&t, s, len);
    return text_str(&t);
}

/* Exact multiples have no fraction ("1 MiB"), rounded values have one ("1.0 MiB"): they are not the same fact. */
void text_add_size(struct text *t, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;

    while (unit < 6 && bytes >> (10 * (unit + 1)) > 0)
        unit++;
    unsigned shift = (unsigned)(10 * unit);
    uint64_t whole = bytes >> shift;
    uint64_t rest = bytes & (((uint64_t)1 << shift) - 1);
    if (rest == 0) {
        text_addf(t, "%llu %s", (unsigned long long)whole, bytes == 1 ? "byte" : units[unit]);
        return;
    }
    /* Tenths, rounded to nearest; only the top ten bits of the rest matter, so nothing overflows. */
    uint64_t tenths = whole * 10 + ((rest >> (shift - 10)) * 10 + 512) / 1024;
    if (tenths == 10240) { /* not of 16 EiB, the most there is */
        tenths = 10;
        unit++;
    }
    text_addf(t, "%llu.%llu %s", (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10), units[unit]);
}

const char *text_size(struct arena *a, uint64_t bytes)
{
    struct text t = text_in(a);

    text_add_size(&t, bytes);
    return text_str(&t);
}
