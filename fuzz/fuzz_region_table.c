/* SPDX-License-Identifier: MIT */
/*
 * The region table.
 *
 * Input: u8 options, the table's first bytes; zeros behind. Options: 1 sign it; and, as they cost time, 2 and 4
 * together: look at the whole 64 KiB as well, 8 and 16 together: the count may be more than 255.
 *
 * Asserted: fields are what their bytes say; no entry beyond the usable ones; the front decoder says the same as the
 * one for whole tables, checksum included; a healthy table comes out of the encoder as it went in.
 */
#include "base/crc32c.h"
#include "base/le.h"
#include "format/layout.h"
#include "format/region_table.h"
#include "fuzz/property.h"

enum { SIGN = 1, WHOLE = 6, LARGE_COUNT = 24, ENTRIES_LOOKED_AT = 16 };

static uint8_t encoded[REGION_TABLE_LEN], whole[REGION_TABLE_LEN];

static void check_fields(const uint8_t *p, const struct region_table *t)
{
    ASSERT(t->signature_ok == (memcmp(p, "regi", 4) == 0));
    ASSERT(t->checksum == le32(p + 4) && t->entry_count == le32(p + 8) && t->reserved == le32(p + 12));
    ASSERT(t->checksum_ok == (t->checksum == t->checksum_computed));
    ASSERT(t->usable_count == u64_min(t->entry_count, REGION_ENTRIES_MAX));
}

static void check_entry(const uint8_t *p, const struct region_table *t, uint32_t i)
{
    const uint8_t *e = p + 16 + (size_t)i * 32;
    struct region_entry entry;

    ASSERT(region_entry_decode(t, i, &entry));
    ASSERT(memcmp(entry.guid.bytes, e, 16) == 0 && entry.off == le64(e + 16) && entry.len == le32(e + 24) &&
           entry.required_word == le32(e + 28));
}

static void check_entries(const uint8_t *p, const struct region_table *t)
{
    struct region_entry entry;

    for (uint32_t i = 0; i < t->usable_count && i < ENTRIES_LOOKED_AT; i++)
        check_entry(p, t, i);
    if (t->usable_count > 0)
        check_entry(p, t, t->usable_count - 1);
    ASSERT(!region_entry_decode(t, t->usable_count, &entry));
    ASSERT(!region_entry_decode(t, UINT32_MAX, &entry));
}

/* The other decoder over all 64 KiB, and the encoder. */
static void check_whole(struct span front, const struct region_table *t)
{
    static struct region_entry entries[REGION_ENTRIES_MAX];
    struct region_table w;

    memcpy(whole, front.ptr, front.len);
    memset(whole + front.len, 0, sizeof(whole) - front.len);
    ASSERT(!region_table_decode(span_of(whole, sizeof(whole) - 1), &w));
    ASSERT(region_table_decode(span_of(whole, sizeof(whole)), &w));
    ASSERT(w.checksum_computed == t->checksum_computed && w.usable_count == t->usable_count);
    if (!region_table_valid(t) || t->reserved != 0 || t->entry_count > REGION_ENTRIES_MAX)
        return;
    for (uint32_t i = 0; i < t->usable_count; i++)
        ASSERT(region_entry_decode(t, i, &entries[i]));
    ASSERT(region_table_encode(entries, t->usable_count, encoded));
    size_t end = REGION_TABLE_HEADER_LEN + (size_t)t->usable_count * REGION_ENTRY_LEN;
    ASSERT(memcmp(encoded + 8, whole + 8, end - 8) == 0);
    if (span_find_nonzero(front, end) >= front.len)
        ASSERT(memcmp(encoded, whole, sizeof(whole)) == 0);
    ASSERT(!region_table_encode(entries, REGION_ENTRIES_MAX + 1, encoded));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t front[REGION_TABLE_LEN];
    struct taker in = {data, size};
    unsigned options = (unsigned)take(&in, 1);
    struct region_table t;

    if (in.len > sizeof(front))
        return 0;
    ASSERT(region_table_front_len(span_of(in.ptr, u64_min(in.len, REGION_TABLE_HEADER_LEN - 1))) == 0);
    ASSERT(!region_table_decode_front(span_of(in.ptr, u64_min(in.len, REGION_TABLE_HEADER_LEN - 1)), &t));
    if (in.len < REGION_TABLE_HEADER_LEN)
        return 0;
    memcpy(front, in.ptr, in.len);
    if (options & SIGN)
        memcpy(front, "regi", 4);
    if ((options & LARGE_COUNT) != LARGE_COUNT)
        memset(front + 9, 0, 3);
    size_t need = region_table_front_len(span_of(front, in.len));
    ASSERT(need == REGION_TABLE_HEADER_LEN + REGION_ENTRY_LEN * u64_min(le32(front + 8), REGION_ENTRIES_MAX));
    if (in.len < need)
        ASSERT(!region_table_decode_front(span_of(front, in.len), &t));

    size_t len = in.len > need ? in.len : need;
    uint8_t *bytes = malloc(len); /* of exactly this size: one byte too far is seen */
    ASSERT(bytes != NULL);
    memcpy(bytes, front, in.len);
    memset(bytes + in.len, 0, len - in.len);
    if (options & SIGN)
        put_le32(bytes + 4, crc32c_structure_front(span_of(bytes, len), REGION_TABLE_LEN));
    ASSERT(region_table_decode_front(span_of(bytes, len), &t));
    ASSERT(region_table_valid(&t) || !(options & SIGN));
    check_fields(bytes, &t);
    check_entries(bytes, &t);
    if ((options & WHOLE) == WHOLE)
        check_whole(span_of(bytes, len), &t);
    free(bytes);
    return 0;
}
