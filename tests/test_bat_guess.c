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

/* Places that are named again, and those behind the end of the file, take off their share, cut to whole points. */
static void shares_are_cut(void **state)
{
    static const struct {
        unsigned again, past; /* of 16 places each so often, so many of them behind the end */
        unsigned score;
    } rows[] = {
        {1, 0, 100}, {2, 0, 50}, {3, 0, 34}, /* 100 - 66.67 */
        {1, 8, 75},  {1, 5, 85},             /* 100 - 15.63 */
        {1, 16, 50}, {3, 16, 0},
    };
    (void)state;
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        memset(page, 0, sizeof(page));
        for (unsigned i = 0; i < 16; i++)
            for (unsigned k = 0; k < rows[r].again; k++)
                set(i * rows[r].again + k,
                    bat_entry_make((i < 16 - rows[r].past ? 4 * MIB : SIZE) + (uint64_t)i * 2 * MIB, 6));
        struct bat_guess g = guess();
        assert_int_equal(g.live, 16 * rows[r].again);
        if (bat_guess_score(&g) != rows[r].score)
            fail_msg("row %zu: %u", r, bat_guess_score(&g));
    }
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

/* How much a number of places is worth, with blocks of 1 MiB, which are the least of all, and of 2 MiB. */
static void more_places_are_worth_more(void **state)
{
    static const struct {
        uint64_t count;
        unsigned of_1_mib, of_2_mib;
    } rows[] = {{1, 40, 40}, {2, 50, 50}, {3, 50, 60}, {4, 70, 80}, {15, 70, 80}, {16, 90, 100}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        blocks(rows[i].count, 4 * MIB, MIB);
        struct bat_guess one = guess();
        assert_int_equal(bat_guess_score(&one), rows[i].of_1_mib);
        blocks(rows[i].count, 4 * MIB, 2 * MIB);
        struct bat_guess two = guess();
        assert_int_equal(bat_guess_score(&two), rows[i].of_2_mib);
    }
    blocks(16, SIZE - 8 * MIB, 2 * MIB); /* 12 of 16 begin where the file ends or behind: 50 * 12 / 16 */
    struct bat_guess past = guess();
    assert_int_equal(past.past, 12);
    assert_int_equal(bat_guess_score(&past), 100 - 37);
    blocks(16, 4 * MIB, 2 * MIB);
    set(1, bat_entry_make(4 * MIB, 6)); /* one of 16 repeats the place before it, 15 are left: 70 + 10 - 6 */
    struct bat_guess again = guess();
    assert_int_equal(again.repeats, 1);
    assert_int_equal(bat_guess_score(&again), 74);
    blocks(100, 4 * MIB, 2 * MIB);
    for (uint64_t i = 0; i < 6; i++)
        set(50 + i, UINT64_MAX); /* 6 of 100 is not more than one of 16 */
    struct bat_guess odd = guess();
    assert_int_equal(odd.odd, 6);
    assert_int_equal(bat_guess_score(&odd), 94);
    set(56, UINT64_MAX);
    odd = guess();
    assert_int_equal(odd.set, 0);
}

/* A page may hold a single entry, of a single byte. */
static void the_first_byte_counts(void **state)
{
    (void)state;
    memset(page, 0, sizeof(page));
    set(0, PAYLOAD_ZERO);
    struct bat_guess g = guess();
    assert_int_equal(g.set, 1);
    assert_int_equal(g.states[PAYLOAD_ZERO], 1);
    assert_int_equal(g.last, 0);
}

/* What a state may have for a place: one behind the header section where it needs one, none where it has none. */
static void places_of_blocks(void **state)
{
    static const struct {
        uint64_t mib;
        unsigned state;
        bool odd;
    } rows[] = {
        {0, 6, true},  {1, 6, false}, {1, 7, false}, {0, 0, false}, {1, 0, true}, {1, 2, true},
        {0, 3, false}, {0, 1, false}, {1, 1, false}, {1, 3, false}, {1, 4, true}, {1, 5, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        blocks(100, 4 * MIB, 2 * MIB);
        set(200, bat_entry_make(rows[i].mib * MIB, rows[i].state));
        struct bat_guess g = guess();
        assert_int_equal(g.odd, rows[i].odd);
    }
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
        cmocka_unit_test(sums),
        cmocka_unit_test(step_is_the_block_size),
        cmocka_unit_test(scores),
        cmocka_unit_test(shares_are_cut),
        cmocka_unit_test(odd_entries),
        cmocka_unit_test(more_places_are_worth_more),
        cmocka_unit_test(the_first_byte_counts),
        cmocka_unit_test(places_of_blocks),
        cmocka_unit_test(other_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
