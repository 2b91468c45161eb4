/* SPDX-License-Identifier: MIT */
/* Sources: the checks in front of every read, counters, memory and sparse extents against a plain reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/source.h"

static uint64_t seed;

static uint64_t next_random(uint64_t below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (seed >> 33) % below;
}

static void reads_stay_inside(void **state)
{
    (void)state;
    static const uint8_t bytes[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct source *s = mem_open(bytes, sizeof(bytes));
    uint8_t buf[16] = {0};

    assert_int_equal(s->size, 10);
    assert_int_equal(source_read(s, 0, buf, 10), STATUS_OK);
    assert_memory_equal(buf, bytes, 10);
    assert_int_equal(source_read(s, 9, buf, 1), STATUS_OK);
    assert_int_equal(buf[0], 9);
    assert_int_equal(source_read(s, 10, buf, 0), STATUS_OK);
    assert_int_equal(source_read(s, 10, buf, 1), STATUS_RANGE);
    assert_int_equal(source_read(s, 11, buf, 0), STATUS_RANGE);
    assert_int_equal(source_read(s, 0, buf, 11), STATUS_RANGE);
    assert_int_equal(source_read(s, UINT64_MAX, buf, 2), STATUS_RANGE);
    assert_int_equal(source_read(s, 2, buf, SIZE_MAX), STATUS_RANGE);
    /* Only reads that reach the source count. */
    assert_int_equal(s->read_calls, 2);
    assert_int_equal(s->read_bytes, 11);
    source_close(s);
    source_close(NULL);
}

static void read_some_fills_with_zeros(void **state)
{
    (void)state;
    static const uint8_t bytes[4] = {1, 2, 3, 4};
    struct source *s = mem_open(bytes, sizeof(bytes));
    uint8_t buf[6];
    size_t got = 99;

    memset(buf, 0xff, sizeof(buf));
    assert_int_equal(source_read_some(s, 2, buf, 5, &got), STATUS_OK);
    assert_int_equal(got, 2);
    assert_memory_equal(buf, "\3\4\0\0\0\xff", 6);
    assert_int_equal(source_read_some(s, 0, buf, 4, &got), STATUS_OK);
    assert_int_equal(got, 4);
    memset(buf, 0xff, sizeof(buf));
    assert_int_equal(source_read_some(s, 4, buf, 6, &got), STATUS_OK);
    assert_int_equal(got, 0);
    assert_memory_equal(buf, "\0\0\0\0\0\0", 6);
    assert_int_equal(source_read_some(s, UINT64_MAX, buf, 6, &got), STATUS_OK);
    assert_int_equal(got, 0);
    assert_int_equal(source_read_some(s, 0, NULL, 0, &got), STATUS_OK);
    assert_int_equal(got, 0);
    source_close(s);
}

static enum status broken_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    (void)buf, (void)len;
    s->error_off = off;
    return STATUS_IO;
}

static enum status broken_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    (void)s, (void)off, (void)ret_data, (void)ret_hole;
    return STATUS_IO;
}

static void failure_leaves_results_untouched(void **state)
{
    (void)state;
    static const struct source_ops ops = {.read = broken_read, .next_data = broken_next_data};
    struct source s = {.ops = &ops, .size = 100};
    uint8_t buf[8];
    size_t got = 99;
    uint64_t data = 98, hole = 97;

    assert_int_equal(source_read_some(&s, 50, buf, 8, &got), STATUS_IO);
    assert_int_equal(got, 99);
    assert_int_equal(s.error_off, 50);
    assert_int_equal(source_next_data(&s, 50, &data, &hole), STATUS_IO);
    assert_int_equal(source_next_data(&s, 101, &data, &hole), STATUS_RANGE);
    assert_int_equal(data, 98);
    assert_int_equal(hole, 97);
    assert_int_equal(source_next_data(&s, 100, &data, &hole), STATUS_OK); /* nothing left: not asked */
    assert_int_equal(data, 100);
    assert_int_equal(hole, 100);
}

static void reads_end_at_the_deadline(void **state)
{
    (void)state;
    struct source *s = mem_open("x", 1);
    char byte;
    uint64_t data, hole;

    s->deadline_ns = 1; /* long ago */
    assert_int_equal(source_read(s, 0, &byte, 1), STATUS_LIMIT);
    assert_int_equal(source_next_data(s, 0, &data, &hole), STATUS_LIMIT);
    assert_int_equal(source_read(s, 0, &byte, 2), STATUS_RANGE);
    assert_int_equal(s->read_calls, 0);
    s->deadline_ns = UINT64_MAX;
    assert_int_equal(source_read(s, 0, &byte, 1), STATUS_OK);
    assert_int_equal(source_next_data(s, 0, &data, &hole), STATUS_OK);
    source_close(s);
}

static void memory_is_all_data(void **state)
{
    (void)state;
    static const uint8_t bytes[8];
    struct source *s = mem_open(bytes, 8);
    uint64_t data, hole;

    assert_int_equal(source_next_data(s, 3, &data, &hole), STATUS_OK);
    assert_int_equal(data, 3);
    assert_int_equal(hole, 8);
    source_close(s);

    s = mem_open(NULL, 0);
    assert_int_equal(source_read(s, 0, NULL, 0), STATUS_OK);
    assert_int_equal(source_next_data(s, 0, &data, &hole), STATUS_OK);
    assert_int_equal(data, 0);
    source_close(s);
}

static void extents_later_ones_win(void **state)
{
    (void)state;
    enum { SIZE = 300, MOST = 12 };
    uint8_t pool[64];

    for (size_t i = 0; i < sizeof(pool); i++)
        pool[i] = (uint8_t)(i + 1);
    for (seed = 0; seed < 2000000; seed += 1000) {
        uint64_t saved = seed;
        struct mem_extent extents[MOST];
        uint8_t expected[SIZE + 100] = {0}, got[SIZE];
        bool covered[SIZE + 100] = {false};
        uint64_t count = next_random(MOST + 1);

        for (uint64_t i = 0; i < count; i++) {
            extents[i].off = next_random(SIZE + 30);
            extents[i].len = next_random(64);
            extents[i].ptr = pool + next_random(64 - extents[i].len + 1);
            memcpy(expected + extents[i].off, extents[i].ptr, (size_t)extents[i].len);
            for (uint64_t k = 0; k < extents[i].len; k++)
                covered[extents[i].off + k] = true;
        }
        struct source *s = extents_open(extents, count, SIZE);
        memset(extents, 0xff, sizeof(extents)); /* the table was copied */
        assert_int_equal(source_read(s, 0, got, SIZE), STATUS_OK);
        assert_memory_equal(got, expected, SIZE);
        for (int k = 0; k < 10; k++) {
            size_t off = (size_t)next_random(SIZE), len = (size_t)next_random(SIZE - off + 1);
            assert_int_equal(source_read(s, off, got, len), STATUS_OK);
            assert_memory_equal(got, expected + off, len);
        }
        for (uint64_t off = 0; off < SIZE; off++) {
            uint64_t data, hole, first = off, end;
            while (first < SIZE && !covered[first])
                first++;
            for (end = first; end < SIZE && covered[end];)
                end++;
            assert_int_equal(source_next_data(s, off, &data, &hole), STATUS_OK);
            assert_int_equal(data, first);
            assert_int_equal(hole, end);
        }
        source_close(s);
        seed = saved;
    }
}

static void extents_reach_to_the_end_of_numbers(void **state)
{
    (void)state;
    const struct mem_extent extents[] = {
        {UINT64_MAX - 3, (const uint8_t *)"abcdefgh", 8}, /* wraps: cut at the size */
        {0, (const uint8_t *)"0123", 4},
        {UINT64_MAX, (const uint8_t *)"z", 1}, /* behind the end */
        {5, NULL, 0},
    };
    struct source *s = extents_open(extents, 4, UINT64_MAX);
    uint8_t buf[8];
    uint64_t data, hole;

    assert_int_equal(source_read(s, UINT64_MAX - 5, buf, 5), STATUS_OK);
    assert_memory_equal(buf, "\0\0abc", 5);
    assert_int_equal(source_read(s, 2, buf, 4), STATUS_OK);
    assert_memory_equal(buf, "23\0\0", 4);
    assert_int_equal(source_next_data(s, 4, &data, &hole), STATUS_OK);
    assert_int_equal(data, UINT64_MAX - 3);
    assert_int_equal(hole, UINT64_MAX);
    source_close(s);

    s = extents_open(NULL, 0, 100);
    assert_int_equal(source_read(s, 0, buf, 8), STATUS_OK);
    assert_memory_equal(buf, "\0\0\0\0\0\0\0\0", 8);
    source_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_stay_inside),
        cmocka_unit_test(read_some_fills_with_zeros),
        cmocka_unit_test(failure_leaves_results_untouched),
        cmocka_unit_test(reads_end_at_the_deadline),
        cmocka_unit_test(memory_is_all_data),
        cmocka_unit_test(extents_later_ones_win),
        cmocka_unit_test(extents_reach_to_the_end_of_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
