/* SPDX-License-Identifier: MIT */
/*
 * GUIDs. Kept and compared as the 16 bytes on disk; text is only for people. The order below says which on-disk byte
 * each pair of hexadecimal digits shows: three little-endian fields, then eight bytes as printed.
 */
#include "base/guid.h"

#include <string.h>

#include "base/checked.h"
#include "base/le.h"

static const uint8_t text_order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

struct guid guid_load(const uint8_t *p)
{
    struct guid g;
    memcpy(g.bytes, p, sizeof(g.bytes));
    return g;
}

void guid_store(uint8_t *p, const struct guid *g)
{
    memcpy(p, g->bytes, sizeof(g->bytes));
}

bool guid_is_nil(const struct guid *g)
{
    static const struct guid nil;
    return guid_equal(g, &nil);
}

int guid_compare(const struct guid *a, const struct guid *b)
{
    for (size_t i = 0; i < sizeof(a->bytes); i += 8) {
        uint64_t x = __builtin_bswap64(le64(a->bytes + i)), y = __builtin_bswap64(le64(b->bytes + i));
        if (x != y)
            return u64_compare(x, y);
    }
    return 0;
}

/* True before the byte pairs that a dash precedes: 8-4-4-4-12 digits. */
static bool dash_before(size_t pair)
{
    return pair == 4 || pair == 6 || pair == 8 || pair == 10;
}

const char *guid_text(const struct guid *g, char buf[GUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *out = buf;

    for (size_t i = 0; i < 16; i++) {
        uint8_t byte = g->bytes[text_order[i]];
        if (dash_before(i))
            *out++ = '-';
        *out++ = digits[byte >> 4];
        *out++ = digits[byte & 0xf];
    }
    *out = '\0';
    return buf;
}

/* -1 when not a hexadecimal digit. Not isxdigit(): that depends on the locale. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool guid_parse(const char *text, size_t len, struct guid *ret)
{
    struct guid g;

    if (len == 38 && text[0] == '{' && text[37] == '}') {
        text++;
        len -= 2;
    }
    if (len != 36)
        return false;
    for (size_t i = 0; i < 16; i++) {
        if (dash_before(i) && *text++ != '-')
            return false;
        int hi = hex_value(text[0]);
        int lo = hex_value(text[1]);
        if (hi < 0 || lo < 0)
            return false;
        g.bytes[text_order[i]] = (uint8_t)(hi << 4 | lo);
        text += 2;
    }
    *ret = g;
    return true;
}

/* The two top bits of byte 8 are 10 in every GUID that RFC 4122 defines, whatever the order of the first fields. */
static bool has_rfc_variant(const struct guid *g)
{
    return (g->bytes[8] & 0xc0) == 0x80;
}

enum guid_form guid_form(const struct guid *g)
{
    bool microsoft = g->bytes[7] >> 4 == 4;
    bool rfc = g->bytes[6] >> 4 == 4;

    /* One in sixteen has the nibble in both places by chance; then it proves nothing. */
    if (!has_rfc_variant(g) || microsoft == rfc)
        return GUID_FORM_UNKNOWN;
    return microsoft ? GUID_FORM_MICROSOFT : GUID_FORM_RFC;
}

bool guid_time_and_node(const struct guid *g, uint64_t *ret_ticks, uint8_t ret_node[6])
{
    const uint8_t *p = g->bytes;

    if (!has_rfc_variant(g) || p[7] >> 4 != 1)
        return false;
    *ret_ticks = (uint64_t)(le16(p + 6) & 0x0fff) << 48 | (uint64_t)le16(p + 4) << 32 | le32(p);
    memcpy(ret_node, p + 10, 6);
    return true;
}
