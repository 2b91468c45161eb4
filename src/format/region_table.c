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

bool region_table_decode(struct span s, struct region_table *ret)
{
    struct span raw;
    if (!span_sub(s, 0, REGION_TABLE_LEN, &raw))
        return false;
    const uint8_t *p = raw.ptr;
    struct region_table t = {
        .signature_ok = memcmp(p, SIGNATURE_REGION_TABLE, 4) == 0,
        .checksum = le32(p + 4),
        .checksum_computed = crc32c_structure(raw),
        .entry_count = le32(p + 8),
        .reserved = le32(p + 12),
        .raw = raw,
    };
    t.checksum_ok = t.checksum == t.checksum_computed;
    t.usable_count = t.entry_count < REGION_ENTRIES_MAX ? t.entry_count : REGION_ENTRIES_MAX;
    *ret = t;
    return true;
}

static uint64_t entry_off(uint32_t i)
{
    return REGION_TABLE_HEADER_LEN + (uint64_t)REGION_ENTRY_LEN * i;
}

bool region_entry_decode(const struct region_table *t, uint32_t i, struct region_entry *ret)
{
    struct span s;
    if (i >= t->usable_count || !span_sub(t->raw, entry_off(i), REGION_ENTRY_LEN, &s))
        return false;
    *ret = (struct region_entry){
        .guid = guid_load(s.ptr),
        .off = le64(s.ptr + 16),
        .len = le32(s.ptr + 24),
        .required_word = le32(s.ptr + 28),
    };
    return true;
}

bool region_table_encode(const struct region_entry *entries, uint32_t count, uint8_t *out)
{
    if (count > REGION_ENTRIES_MAX)
        return false;
    memset(out, 0, REGION_TABLE_LEN);
    memcpy(out, SIGNATURE_REGION_TABLE, 4);
    put_le32(out + 8, count);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *p = out + entry_off(i);
        guid_store(p, &entries[i].guid);
        put_le64(p + 16, entries[i].off);
        put_le32(p + 24, entries[i].len);
        put_le32(p + 28, entries[i].required_word);
    }
    put_le32(out + 4, crc32c_structure(span_of(out, REGION_TABLE_LEN)));
    return true;
}
