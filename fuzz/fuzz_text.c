/* SPDX-License-Identifier: MIT */
/*
 * Text that people see: made printable, numbers in words, GUIDs.
 *
 * Input: u8 budget (0: enough; else in 16 bytes), u64 number, text.
 *
 * Asserted: printable text is well-formed UTF-8 without a character that acts on a terminal, reads back to what went
 * in, and is itself when made printable again up to its backslashes; a size in words is at most half a tenth off; a
 * GUID reads back from its text in either case, and nothing else reads as one; a text that ran out of memory is a front
 * part of what it should be.
 */
#include "base/text.h"

#include "base/guid.h"
#include "base/status.h"
#include "base/utf16.h"
#include "fuzz/property.h"

enum { INPUT_MAX = 2048 };

static bool acts(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, 0x1f}, {0x7f, 0x9f}, {0x61c, 0x61c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

/* What one escape or character of the printable text stands for; its length. */
static size_t read_back(const char *s, size_t len, const char *in, size_t in_len, size_t *ret_used)
{
    unsigned value = 0;
    uint32_t c = 0;
    int n = 0;

    *ret_used = utf8_next(in, in_len, &c);
    if (*ret_used > 0 && !acts(c)) {
        ASSERT(len >= *ret_used && memcmp(s, in, *ret_used) == 0);
        return *ret_used;
    }
    char piece[16] = "";
    memcpy(piece, s, len < sizeof(piece) - 1 ? len : sizeof(piece) - 1);
    if (*ret_used > 0) {
        ASSERT(sscanf(piece, "\\u{%x}%n", &value, &n) == 1 && value == c);
    } else {
        ASSERT(sscanf(piece, "\\x{%2x}%n", &value, &n) == 1 && value == (uint8_t)in[0]);
        *ret_used = 1;
    }
    ASSERT(n > 0);
    return (size_t)n;
}

static void judge_printable(const char *s, const char *in, size_t in_len)
{
    size_t at = 0, used, len = strlen(s);

    for (size_t i = 0; i < len;) {
        uint32_t c = 0;
        size_t n = utf8_next(s + i, len - i, &c);
        ASSERT(n > 0 && !acts(c));
        i += n;
    }
    for (size_t i = 0; i < in_len; i += used)
        at += read_back(s + at, len - at, in + i, in_len - i, &used);
    ASSERT(at == len);
}

static void judge_size(struct arena *a, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned long long whole = 0, tenth = 0;
    char word[8] = "";
    const char *s = text_size(a, bytes);
    unsigned unit = 0;

    if (bytes == 1) {
        ASSERT(strcmp(s, "1 byte") == 0);
        return;
    }
    bool fraction = strchr(s, '.') != NULL;
    if (fraction)
        ASSERT(sscanf(s, "%llu.%1llu %7s", &whole, &tenth, word) == 3);
    else
        ASSERT(sscanf(s, "%llu %7s", &whole, word) == 2);
    while (unit < 6 && strcmp(units[unit], word) != 0)
        unit++;
    ASSERT(strcmp(units[unit], word) == 0 && (whole < 1024 || unit == 6));
    if (!fraction)
        ASSERT(bytes == whole << (10 * unit));
    else /* in 1/10240 of the unit, or in the unit's bytes when it is a small one */
        ASSERT(unit > 0 &&
               (double)(whole * 10 + tenth) - (double)bytes / (double)((uint64_t)1 << (10 * unit)) * 10 <= 0.51 &&
               (double)bytes / (double)((uint64_t)1 << (10 * unit)) * 10 - (double)(whole * 10 + tenth) <= 0.51);
}

static void judge_guid(const uint8_t *p, size_t len)
{
    struct guid g = {{0}}, again = {{0}};
    char text[GUID_TEXT_SIZE], braced[GUID_TEXT_SIZE + 2];
    uint64_t ticks = 0;
    uint8_t node[6];

    memcpy(g.bytes, p, len < sizeof(g.bytes) ? len : sizeof(g.bytes));
    ASSERT(guid_text(&g, text) == text && strlen(text) == GUID_TEXT_SIZE - 1);
    ASSERT(guid_parse(text, GUID_TEXT_SIZE - 1, &again) && guid_equal(&g, &again));
    snprintf(braced, sizeof(braced), "{%s}", text);
    for (char *c = braced; *c; c++)
        *c = *c >= 'a' && *c <= 'f' ? (char)(*c - 32) : *c;
    again = (struct guid){{0}};
    ASSERT(guid_parse(braced, GUID_TEXT_SIZE + 1, &again) && guid_compare(&g, &again) == 0);
    ASSERT(!guid_parse(braced, GUID_TEXT_SIZE, &again) && !guid_parse(text, GUID_TEXT_SIZE - 2, &again));
    ASSERT(guid_is_nil(&g) == guid_equal(&g, &(struct guid){{0}}));
    if (guid_time_and_node(&g, &ticks, node))
        ASSERT(ticks < (uint64_t)1 << 60 && memcmp(node, g.bytes + 10, 6) == 0);
    ASSERT(guid_form(&g) != GUID_FORM_MICROSOFT || g.bytes[7] >> 4 == 4);
    ASSERT(guid_form(&g) != GUID_FORM_RFC || g.bytes[6] >> 4 == 4);
}

/* What reads as a GUID is one in its canonical text, up to case and braces. */
static void judge_guid_text(const char *s, size_t len)
{
    struct guid g;
    char text[GUID_TEXT_SIZE];

    if (!guid_parse(s, len, &g))
        return;
    ASSERT(len == GUID_TEXT_SIZE - 1 || (len == GUID_TEXT_SIZE + 1 && s[0] == '{' && s[len - 1] == '}'));
    const char *inner = s + (len == GUID_TEXT_SIZE + 1);
    guid_text(&g, text);
    for (size_t i = 0; i < GUID_TEXT_SIZE - 1; i++)
        ASSERT(text[i] == (inner[i] >= 'A' && inner[i] <= 'F' ? inner[i] + 32 : inner[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taker in = {data, size};
    uint64_t budget = take(&in, 1) * 16, number = take(&in, 8);

    if (in.len > INPUT_MAX)
        return 0;
    struct arena *a = property_arena((uint64_t)1 << 20), *small = property_arena(budget);
    const char *s = (const char *)in.ptr;
    const char *whole = text_printable(a, s, in.len);
    judge_printable(whole, s, in.len);
    judge_size(a, number);
    judge_guid(in.ptr, in.len);
    judge_guid_text(s, in.len);
    ASSERT(status_text((enum status)(number % 16))[0] != '\0');

    struct text t = text_in(small);
    text_add_printable(&t, s, in.len);
    ASSERT(strncmp(whole, text_str(&t), strlen(text_str(&t))) == 0);
    ASSERT(t.failed || strcmp(whole, text_str(&t)) == 0);
    text_addf(&t, "%s", whole); /* longer than any line */
    text_add(&t, "");
    ASSERT(strlen(text_str(&t)) == t.len);
    const char *formatted = text_format(small, "%llu", (unsigned long long)number);
    ASSERT(*formatted == '\0' || strtoull(formatted, NULL, 10) == number);
    arena_destroy(small);
    arena_destroy(a);
    return 0;
}
