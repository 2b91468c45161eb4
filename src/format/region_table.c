/* SPDX-License-Identifier: MIT */
/*
 * The region table, kept twice, says where BAT and metadata lie ([MS-VHDX] 2.2.3). Its 64 KiB are under one checksum.
 * A stored count above 2047 cannot be true, yet the entries that fit the table still decode, for they may be the only
 * trace of where things were.
 */
#include "format/region_table.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/le.h"
#include "format/layout.h"

static uint64_t entry_off(uint32_t i)
{
    return REGION_TABLE_HEADER_LEN + (uint64_t)REGION_ENTRY_LEN * i;
}

static uint32_t usable(uint32_t entry_count)
{
    return entry_count < REGION_ENTRIES_MAX ? entry_count : REGION_ENTRIES_MAX;
}

size_t region_table_front_len(struct span s)
{
    return s.len < REGION_TABLE_HEADER_LEN ? 0 : (size_t)entry_off(usable(le32(s.ptr + 8)));
}

bool region_table_decode(struct span s, struct region_table *ret)
{
    struct span whole;
    return span_sub(s, 0, REGION_TABLE_LEN, &whole) && region_table_decode_front(whole, ret);
}

bool region_table_decode_front(struct span s, struct region_table *ret)
{
    if (s.len < REGION_TABLE_HEADER_LEN || s.len < region_table_front_len(s))
        return false;
    const struct span front = span_of(s.ptr, s.len < REGION_TABLE_LEN ? s.len : REGION_TABLE_LEN);
    const uint8_t *p = front.ptr;
    struct region_table t = {
        .signature_ok = memcmp(p, SIGNATURE_REGION_TABLE, 4) == 0,
        .checksum = le32(p + 4),
        .checksum_computed = crc32c_structure_front(front, REGION_TABLE_LEN),
        .entry_count = le32(p + 8),
        .reserved = le32(p + 12),
        .front = front,
    };
    t.checksum_ok = t.checksum == t.checksum_computed;
    t.usable_count = usable(t.entry_count);
    *ret = t;
    return true;
}

bool region_entry_decode(const struct region_table *t, uint32_t i, struct region_entry *ret)
{
    struct span s;
    if (i >= t->usable_count || !span_sub(t->front, entry_off(i), REGION_ENTRY_LEN, &s))
        return false;
    *ret = (struct region_entry){
        .guid = guid_load(s.ptr),
        .off = le64(s.ptr + 16),
        .len = le32(s.ptr + 24),
        .required_word = le32(s.ptr + 28),
    };
    return true;
}

void region_entry_encode(const struct region_entry *e, uint8_t *out)
{
    guid_store(out, &e->guid);
    put_le64(out + 16, e->off);
    put_le32(out + 24, e->len);
    put_le32(out + 28, e->required_word);
}

void region_table_sign(uint8_t *table)
{
    put_le32(table + 4, crc32c_structure(span_of(table, REGION_TABLE_LEN)));
}

bool region_table_encode(const struct region_entry *entries, uint32_t count, uint8_t *out)
{
    if (count > REGION_ENTRIES_MAX)
        return false;
    memset(out, 0, REGION_TABLE_LEN);
    memcpy(out, SIGNATURE_REGION_TABLE, 4);
    put_le32(out + 8, count);
    for (uint32_t i = 0; i < count; i++)
        region_entry_encode(&entries[i], out + entry_off(i));
    region_table_sign(out);
    return true;
}
