/* SPDX-License-Identifier: MIT */
/* Sector bitmaps: bit order, and the word-wise questions against the same asked bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "format/layout.h"
#include "format/sector_bitmap.h"

static uint8_t block[1 << 20];

/* format.md 11.5: sector 2099202 of a chunk is byte 262400, bit 2. */
static void bits_are_least_significant_first(void **state)
{
    (void)state;
    memset(block, 0, sizeof(block));
    block[262400] = 1 << 2;
    struct span bits = span_of(block, sizeof(block));
    assert_true(sector_bitmap_get(bits, 2099202));
    assert_false(sector_bitmap_get(bits, 2099201));
    assert_false(sector_bitmap_get(bits, 2099203));
    assert_int_equal(sector_bitmap_count(bits, 0, SECTORS_PER_BITMAP), 1);
    bool value = true;
    assert_int_equal(sector_bitmap_run(bits, 0, SECTORS_PER_BITMAP, &value), 2099202);
    assert_false(value);
    assert_int_equal(sector_bitmap_run(bits, 2099202, 100, &value), 1);
    assert_true(value);
}

static void set_writes_exactly_the_range(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 20; first++)
        for (unsigned count = 0; count < 40; count++)
            for (unsigned value = 0; value < 2; value++) {
                uint8_t bytes[8];
                memset(bytes, value ? 0 : 0xFF, sizeof(bytes));
                sector_bitmap_set(bytes, first, count, value != 0);
                for (unsigned i = 0; i < 64; i++) {
                    bool in = i >= first && i < first + count;
                    assert_int_equal(bytes[i / 8] >> (i % 8) & 1, in ? value : !value);
                }
            }
}

static uint64_t slow_count(struct span bits, uint64_t first, uint64_t count)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < count; i++)
        n += sector_bitmap_get(bits, first + i);
    return n;
}

static uint64_t slow_run(struct span bits, uint64_t first, uint64_t count)
{
    uint64_t n = 1;
    while (n < count && sector_bitmap_get(bits, first + n) == sector_bitmap_get(bits, first))
        n++;
    return n;
}

/* Every start and length around word and byte edges, at every alignment, in an exact-size block: ASan sees overreads.
 */
static void words_agree_with_single_bits(void **state)
{
    (void)state;
    uint32_t random = 12345;
    for (size_t len = 0; len <= 21; len++)
        for (unsigned pattern = 0; pattern < 4; pattern++) {
            uint8_t *bytes = malloc(len + 1);
            assert_non_null(bytes);
            for (size_t i = 0; i < len; i++) {
                random = random * 1664525 + 1013904223;
                bytes[i] = pattern == 0   ? 0
                           : pattern == 1 ? 0xFF
                           : pattern == 2 ? (uint8_t)(random >> 24)
                                          : (uint8_t)(i % 5 == 4 ? 0x10 : 0);
            }
            uint8_t *exact = malloc(len ? len : 1);
            assert_non_null(exact);
            memcpy(exact, bytes, len);
            struct span bits = span_of(exact, len);
            for (uint64_t first = 0; first < len * 8 + 70; first++)
                for (uint64_t count = 1; count < len * 8 + 70; count += count < 9 ? 1 : 7) {
                    bool value;
                    assert_int_equal(sector_bitmap_count(bits, first, count), slow_count(bits, first, count));
                    assert_int_equal(sector_bitmap_run(bits, first, count, &value), slow_run(bits, first, count));
                    assert_int_equal(value, sector_bitmap_get(bits, first));
                }
            free(exact);
            free(bytes);
        }
}

static void ranges_that_would_wrap_end_at_the_last_sector(void **state)
{
    (void)state;
    static const uint8_t ones[9] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    struct span bits = span_of(ones, sizeof(ones));
    bool value;
    assert_int_equal(sector_bitmap_count(bits, 5, UINT64_MAX), 67);
    assert_int_equal(sector_bitmap_count(bits, UINT64_MAX, UINT64_MAX), 0);
    assert_int_equal(sector_bitmap_run(bits, 5, UINT64_MAX, &value), 67);
    assert_true(value);
    assert_true(sector_bitmap_run(bits, 72, UINT64_MAX, &value) == UINT64_MAX - 72);
    assert_false(value);
    assert_int_equal(sector_bitmap_count(bits, 0, 0), 0);
    assert_false(sector_bitmap_get(bits, UINT64_MAX));
    assert_int_equal(sector_bitmap_count(span_of(NULL, 0), 0, 1000), 0);
}

static void runs_tile_a_whole_block(void **state)
{
    (void)state;
    struct span bits = span_of(block, sizeof(block));
    memset(block, 0, sizeof(block));
    for (uint64_t i = 0; i < SECTORS_PER_BITMAP; i += 1000)
        sector_bitmap_set(block, i, 300, true);
    uint64_t ones = 0, runs = 0;
    for (uint64_t i = 0; i < SECTORS_PER_BITMAP; runs++) {
        bool value;
        uint64_t n = sector_bitmap_run(bits, i, SECTORS_PER_BITMAP - i, &value);
        assert_int_equal(value, i % 1000 == 0);
        ones += value ? n : 0;
        i += n;
    }
    assert_int_equal(ones, 8388 * 300 + 300); /* 2^23 = 8388 * 1000 + 608 */
    assert_int_equal(sector_bitmap_count(bits, 0, SECTORS_PER_BITMAP), ones);
    assert_int_equal(runs, 2 * 8389);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_least_significant_first),
        cmocka_unit_test(set_writes_exactly_the_range),
        cmocka_unit_test(words_agree_with_single_bits),
        cmocka_unit_test(ranges_that_would_wrap_end_at_the_last_sector),
        cmocka_unit_test(runs_tile_a_whole_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
