/* SPDX-License-Identifier: MIT */
/* Whether pages look like a piece of a BAT: what counts for it, what against it, and what is never taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/le.h"
#include "build.h"
#include "image/bat_guess.h"

static const uint64_t SIZE = (uint64_t)1 << 40;
static uint8_t page[BAT_PAGE_LEN];

static void set(uint64_t i, uint64_t entry)
{
    put_le64(page + 8 * i, entry);
}

static bool add(struct bat_guess *g, uint64_t first)
{
    return bat_guess_page(g, span_of(page, sizeof(page)), first, SIZE);
}

static struct bat_guess guess(void)
{
    struct bat_guess g = {.set = 0};
    if (!add(&g, 0))
        assert_int_equal(g.set, 0);
    return g;
}

static void blocks(uint64_t count, uint64_t off, uint64_t step)
{
    memset(page, 0, sizeof(page));
    for (uint64_t i = 0; i < count; i++)
        set(i, bat_entry_make(off + i * step, 6));
}

static void sums(void **state)
{
    (void)state;
    blocks(100, 4 * MIB, 32 * MIB);
    set(200, 2);
    set(201, 3);
    set(202, bat_entry_make(5 * MIB, 3));
    set(511, bat_entry_make(99 * MIB, 7));
    struct bat_guess g = guess();
    assert_int_equal(g.set, 104);
    assert_int_equal(g.live, 101);
    assert_int_equal(g.states[6], 100);
    assert_int_equal(g.states[7], 1);
    assert_int_equal(g.states[3], 2);
    assert_int_equal(g.odd, 0);
    assert_int_equal(g.last, 511);
    assert_int_equal(g.lowest_off, 4 * MIB);
    assert_int_equal(g.highest_off, 4 * MIB + 99 * 32 * MIB);
    assert_int_equal(bat_guess_step(&g), MIB); /* 99 MiB is off the grid */
    blocks(100, 4 * MIB, 32 * MIB);
    assert_true(add(&g, 512));
    assert_int_equal(g.last, 611);
    assert_int_equal(g.live, 201);
}

static void step_is_the_block_size(void **state)
{
    (void)state;
    for (uint64_t step = MIB; step <= 256 * MIB; step *= 2) {
        blocks(50, 7 * MIB, step);
        struct bat_guess g = guess();
        assert_int_equal(bat_guess_step(&g), step);
    }
    blocks(1, 7 * MIB, MIB);
    assert_int_equal(bat_guess_step(&(struct bat_guess){.live = 1}), 0);
}

static void scores(void **state)
{
    (void)state;
    blocks(20, 4 * MIB, 2 * MIB);
    struct bat_guess many = guess();
    assert_int_equal(bat_guess_score(&many), 100);
    blocks(2, 4 * MIB, 2 * MIB);
    struct bat_guess few = guess();
    blocks(1, 4 * MIB, 2 * MIB);
    struct bat_guess one = guess();
    assert_true(bat_guess_score(&few) < 100 && bat_guess_score(&one) < bat_guess_score(&few));
    blocks(20, 4 * MIB, 0); /* all in one place */
    struct bat_guess same = guess();
    assert_true(bat_guess_score(&same) <= 20);
    blocks(20, 2 * SIZE, 2 * MIB); /* behind the end of the file */
    struct bat_guess past = guess();
    assert_int_equal(past.past, 20);
    assert_int_equal(bat_guess_score(&past), 50);
    memset(page, 0, sizeof(page));
    assert_int_equal(bat_guess_score(&(struct bat_guess){.set = 0}), 0);
    struct bat_guess none = guess();
    assert_int_equal(bat_guess_score(&none), 0);
    for (uint64_t i = 0; i < 512; i++)
        set(i, 2);
    struct bat_guess states = guess();
    assert_int_equal(bat_guess_score(&states), 20);
    set(7, 0x123456789);
    struct bat_guess odd_state = guess();
    assert_int_equal(odd_state.odd, 1);
    assert_int_equal(bat_guess_score(&odd_state), 0);
}

/* One damaged entry among many is odd; more, or one among few, make the page none of a BAT. */
static void odd_entries(void **state)
{
    (void)state;
    blocks(100, 4 * MIB, 2 * MIB);
    set(50, 0x123456789);
    struct bat_guess g = guess();
    assert_int_equal(g.odd, 1);
    assert_true(bat_guess_score(&g) >= 90);
    for (uint64_t i = 0; i < 10; i++)
        set(i, 4);
    g = guess();
    assert_int_equal(g.set, 0);
    const uint64_t odd[] = {4,
                            5,
                            6,
                            7,
                            8,
                            0x80000,
                            bat_entry_make(4 * MIB, 0),
                            bat_entry_make(4 * MIB, 2),
                            bat_entry_make((uint64_t)1 << 47, 6),
                            UINT64_MAX};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        blocks(5, 4 * MIB, 2 * MIB);
        set(9, odd[i]);
        g = guess();
        assert_int_equal(g.set, 0);
    }
}

static void other_data(void **state)
{
    uint64_t x = 88172645463325252ULL;
    struct bat_guess g = {.set = 0};
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof(page); i += 8) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            put_le64(page + i, x);
        }
        assert_false(add(&g, 0));
    }
    memset(page, 'a', sizeof(page));
    assert_false(add(&g, 0));
    memset(page, 0xff, sizeof(page));
    assert_false(add(&g, 0));
    assert_int_equal(g.set, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),       cmocka_unit_test(step_is_the_block_size),
        cmocka_unit_test(scores),     cmocka_unit_test(odd_entries),
        cmocka_unit_test(other_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
