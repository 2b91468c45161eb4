/* SPDX-License-Identifier: MIT */
/*
 * The parent locator: a small table of key and value strings, all offsets relative to the item ([MS-VHDX] 2.6.2.6).
 * The strings come from whoever made the file, and end up as paths, so they stay raw UTF-16LE bytes here; a string
 * that leaves the item is empty and marked, the pair itself still decodes.
 */
#include "format/parent_locator.h"

#include <string.h>

#include "base/le.h"
#include "base/utf16.h"
#include "format/layout.h"

bool parent_locator_decode(struct span s, struct parent_locator *ret)
{
    if (s.len < LOCATOR_HEADER_LEN)
        return false;
    struct parent_locator l = {
        .type = guid_load(s.ptr),
        .reserved = le16(s.ptr + 16),
        .pair_count = le16(s.ptr + 18),
        .raw = s,
    };
    size_t room = (s.len - LOCATOR_HEADER_LEN) / LOCATOR_ENTRY_LEN;
    l.usable_count = l.pair_count < room ? l.pair_count : (uint16_t)room;
    *ret = l;
    return true;
}

bool locator_pair_decode(const struct parent_locator *l, uint32_t i, struct locator_pair *ret)
{
    struct span s;
    if (i >= l->usable_count ||
        !span_sub(l->raw, LOCATOR_HEADER_LEN + (uint64_t)LOCATOR_ENTRY_LEN * i, LOCATOR_ENTRY_LEN, &s))
        return false;
    struct locator_pair p = {
        .key_off = le32(s.ptr),
        .value_off = le32(s.ptr + 4),
        .key_len = le16(s.ptr + 8),
        .value_len = le16(s.ptr + 10),
    };
    p.key_inside = span_sub(l->raw, p.key_off, p.key_len, &p.key);
    p.value_inside = span_sub(l->raw, p.value_off, p.value_len, &p.value);
    *ret = p;
    return true;
}

/* Appends one string at *used; the length must fit the 16-bit field as well as the room left. */
static bool string_append(const char *utf8, uint8_t *out, uint32_t cap, uint32_t *used, uint16_t *ret_len)
{
    size_t room = cap - *used, got;
    if (room > UINT16_MAX)
        room = UINT16_MAX;
    if (!utf16_encode(utf8, strlen(utf8), out + *used, room, &got))
        return false;
    *ret_len = (uint16_t)got;
    *used += (uint32_t)got;
    return true;
}

uint32_t parent_locator_encode(const struct guid *type, const struct locator_string *pairs, uint16_t count,
                               uint8_t *out, uint32_t cap)
{
    uint32_t used = LOCATOR_HEADER_LEN + (uint32_t)LOCATOR_ENTRY_LEN * count;
    if (used > cap)
        return 0;
    memset(out, 0, used);
    guid_store(out, type);
    put_le16(out + 18, count);
    for (uint16_t i = 0; i < count; i++) {
        uint8_t *p = out + LOCATOR_HEADER_LEN + (size_t)LOCATOR_ENTRY_LEN * i;
        uint16_t key_len, value_len;
        put_le32(p, used);
        if (!string_append(pairs[i].key, out, cap, &used, &key_len))
            return 0;
        put_le32(p + 4, used);
        if (!string_append(pairs[i].value, out, cap, &used, &value_len))
            return 0;
        put_le16(p + 8, key_len);
        put_le16(p + 10, value_len);
    }
    return used;
}
