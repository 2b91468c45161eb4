/* SPDX-License-Identifier: MIT */
/*
 * Sector bitmaps: every question to a bitmap, and changes of it, against one bit at a time.
 *
 * Input: u8 options, u16 first, u16 count, bitmap. Options: 1 the value to set; 2 first is counted from the end of the
 * numbers, where sums would wrap; 4 the count is as large as numbers get.
 */
#include "format/sector_bitmap.h"
#include "fuzz/property.h"

enum { VALUE = 1, FROM_THE_END = 2, ENDLESS = 4, BYTES_MAX = 256, SLACK = 64 };

static bool bit(struct span s, uint64_t sector)
{
    return sector / 8 < s.len && (s.ptr[sector / 8] & 1 << sector % 8) != 0;
}

/* Sectors of [first, first + count) that the span describes; the end of a range that would wrap is the end of all
 * numbers. */
static void check_questions(struct span s, uint64_t first, uint64_t count)
{
    uint64_t end = u64_add_sat(first, count), known = u64_min(end, s.len * 8), ones = 0;

    for (uint64_t i = first; i < known; i++)
        ones += bit(s, i);
    ASSERT(sector_bitmap_count(s, first, count) == ones);
    ASSERT(sector_bitmap_get(s, first) == bit(s, first));

    if (count == 0)
        return;
    bool value, want = bit(s, first);
    uint64_t run = sector_bitmap_run(s, first, count, &value), i = first;
    while (i < known && bit(s, i) == want)
        i++;
    if (i >= known && !want)
        i = end; /* behind the bitmap all is zero */
    ASSERT(value == want);
    ASSERT(run == i - first, "%llu", (unsigned long long)run);
}

static void check_changes(struct span s, uint64_t first, uint64_t count, bool value)
{
    uint8_t changed[BYTES_MAX];

    memcpy(changed, s.ptr, s.len);
    sector_bitmap_set(changed, first, count, value);
    struct span c = span_of(changed, s.len);
    for (uint64_t i = 0; i < s.len * 8; i++)
        ASSERT(sector_bitmap_get(c, i) == (i >= first && i - first < count ? value : bit(s, i)));
    ASSERT(sector_bitmap_count(c, first, count) == (value ? count : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taker in = {data, size};
    unsigned options = (unsigned)take(&in, 1);
    uint64_t first = take(&in, 2), count = take(&in, 2);

    if (in.len > BYTES_MAX)
        return 0;
    uint8_t *bits = malloc(in.len + 1); /* of exactly this size: one byte too far is seen */
    ASSERT(bits != NULL);
    memcpy(bits + 1, in.ptr != NULL ? in.ptr : bits, in.len); /* and not aligned */
    struct span s = span_of(bits + 1, in.len);
    uint64_t sectors = s.len * 8, near = first % (sectors + SLACK);

    check_questions(s, options & FROM_THE_END ? UINT64_MAX - first : near,
                    options & ENDLESS ? UINT64_MAX - count : count);
    if (near < sectors)
        check_changes(s, near, count % (sectors - near + 1), options & VALUE);
    free(bits);
    return 0;
}
