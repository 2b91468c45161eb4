/* SPDX-License-Identifier: MIT */
/* The arena: zeroed and aligned blocks, a budget that holds, large blocks given back, failures on demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/span.h"

static void blocks_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct arena *a = arena_create((uint64_t)64 << 20);
    static const size_t sizes[] = {0, 1, 15, 16, 17, 4096, 10000, 60000, ARENA_LARGE - 1, ARENA_LARGE, 300000, 0, 3};
    enum { ROUNDS = 20, KINDS = sizeof(sizes) / sizeof(sizes[0]) };
    uint8_t *blocks[ROUNDS * KINDS];

    for (size_t i = 0; i < ROUNDS * KINDS; i++) {
        size_t size = sizes[i % KINDS];
        blocks[i] = (uint8_t *)arena_alloc(a, size);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        assert_true(span_is_zero(span_of(blocks[i], size)));
        memset(blocks[i], (int)(i & 0xff), size);
    }
    for (size_t i = 0; i < ROUNDS * KINDS; i++) {
        for (size_t k = 0; k < sizes[i % KINDS]; k++) {
            if (blocks[i][k] != (i & 0xff))
                fail_msg("block %zu was overwritten", i);
        }
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(blocks[i], blocks[k]);
    }
    assert_int_equal(arena_status(a), STATUS_OK);
    arena_destroy(a);
    arena_destroy(NULL);
}

static void budget_holds_and_frees_with_release(void **state)
{
    (void)state;
    struct arena *a = arena_create(200000);
    void *p = arena_alloc(a, 100000);

    assert_non_null(p);
    assert_true(arena_used(a) >= 100000);
    assert_null(arena_alloc(a, 100000));
    assert_int_equal(arena_status(a), STATUS_LIMIT);
    assert_non_null(arena_alloc(a, 1000)); /* a failure does not spoil the rest */
    arena_release(a, p);
    arena_release(a, NULL);
    assert_true(arena_used(a) < 5000);
    p = arena_alloc(a, 150000);
    assert_non_null(p);

    uint64_t before = arena_used(a);
    void *small = arena_alloc(a, 10);
    uint64_t with = arena_used(a);
    assert_true(with > before);
    arena_release(a, small); /* too small to come back */
    assert_int_equal(arena_used(a), with);
    arena_destroy(a);

    a = arena_create((uint64_t)1 << 20);
    void *one = arena_alloc(a, 1);
    with = arena_used(a);
    void *none = arena_alloc(a, 0), *none_again = arena_alloc(a, 0);
    assert_true(one != none && none != none_again);
    assert_int_equal(arena_used(a), 3 * with); /* what has no bytes costs what a byte does */
    arena_destroy(a);

    a = arena_create(0);
    assert_null(arena_alloc(a, 0));
    assert_int_equal(arena_status(a), STATUS_LIMIT);
    arena_destroy(a);
}

static void releasing_in_any_order_keeps_the_rest(void **state)
{
    (void)state;
    enum { N = 9 };
    for (size_t first = 0; first < N; first++) {
        struct arena *a = arena_create((uint64_t)64 << 20);
        uint8_t *p[N];
        for (size_t i = 0; i < N; i++) {
            p[i] = (uint8_t *)arena_alloc(a, ARENA_LARGE);
            memset(p[i], (int)i, ARENA_LARGE);
        }
        for (size_t k = 0; k < N; k += 2)
            arena_release(a, p[(first + k * 4) % N]);
        assert_int_equal(arena_used(a), 4 * (ARENA_LARGE + 16));
        arena_destroy(a);
    }
}

static void sizes_that_wrap_are_limits(void **state)
{
    (void)state;
    struct arena *a = arena_create(UINT64_MAX);

    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 15));
    assert_null(arena_alloc(a, SIZE_MAX - 40));
    assert_null(arena_array(a, UINT64_MAX, 16));
    assert_null(arena_array(a, (uint64_t)1 << 61, 16));
    assert_null(arena_copy(a, "", SIZE_MAX));
    assert_int_equal(arena_status(a), STATUS_LIMIT);
    assert_int_equal(arena_used(a), 0);
    assert_non_null(arena_array(a, 0, 16));
    assert_non_null(arena_array(a, 16, 0));
    arena_destroy(a);
}

static void copy_adds_a_nul(void **state)
{
    (void)state;
    struct arena *a = arena_create(4096);

    assert_string_equal(arena_copy(a, "abcdef", 3), "abc");
    assert_string_equal(arena_copy(a, NULL, 0), "");
    arena_destroy(a);
}

static void growing_doubles_and_keeps_content(void **state)
{
    (void)state;
    struct arena *a = arena_create((uint64_t)64 << 20);
    uint64_t *items = NULL, cap = 0, count;

    for (count = 0; count < 100000; count++) {
        assert_true(arena_grow(a, (void **)&items, &cap, count, sizeof(*items)));
        assert_true(count < cap);
        if (count == 0)
            assert_int_equal(cap, 16);
        items[count] = count * 3;
    }
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(items[i], i * 3);
    assert_int_equal(cap, 131072);
    /* The old halves are gone: what is left is the array and the small beginnings. */
    assert_true(arena_used(a) < cap * sizeof(*items) + 2 * ARENA_LARGE + 1024);
    arena_destroy(a);
}

static void growing_over_budget_changes_nothing(void **state)
{
    (void)state;
    struct arena *a = arena_create(10000);
    uint32_t *items = NULL;
    uint64_t cap = 0, count = 0;

    while (arena_grow(a, (void **)&items, &cap, count, sizeof(*items))) {
        items[count] = (uint32_t)count;
        count++;
    }
    assert_int_equal(arena_status(a), STATUS_LIMIT);
    assert_int_equal(count, cap);
    assert_true(cap >= 512);
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(items[i], i);

    cap = UINT64_MAX;
    assert_false(arena_grow(a, (void **)&items, &cap, UINT64_MAX, 1));
    assert_int_equal(cap, UINT64_MAX);
    arena_destroy(a);
}

static void nth_allocation_fails_on_demand(void **state)
{
    (void)state;
    struct arena *a = arena_create(1 << 20);

    arena_fail_at(a, 3, false);
    assert_non_null(arena_alloc(a, 1));
    assert_non_null(arena_copy(a, "x", 1));
    assert_int_equal(arena_status(a), STATUS_OK);
    assert_null(arena_array(a, 1, 1));
    assert_int_equal(arena_status(a), STATUS_NO_MEMORY);
    assert_non_null(arena_alloc(a, 1));

    arena_fail_at(a, 2, true);
    assert_non_null(arena_alloc(a, 1));
    assert_null(arena_alloc(a, 1));
    assert_null(arena_alloc(a, 1));
    arena_fail_at(a, 0, false);
    assert_non_null(arena_alloc(a, 1));
    arena_destroy(a);
}

/* It costs what a zeroed block costs, fails as one, and is given back as one. */
static void room_is_a_block_whose_bytes_are_not_zeroed(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 2 * (size_t)ARENA_LARGE; size *= 2) {
        struct arena *a = arena_create(1 << 20), *b = arena_create(1 << 20);
        uint8_t *p = arena_room(a, size);
        assert_non_null(p);
        assert_non_null(arena_alloc(b, size));
        assert_int_equal(arena_used(a), arena_used(b));
        memset(p, 0xa5, size);
        arena_release(a, p);
        assert_int_equal(arena_used(a) == 0, size >= ARENA_LARGE);
        const uint8_t *again = arena_alloc(a, size); /* also where the one before was */
        assert_non_null(again);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(again[i], 0);
        assert_null(arena_room(a, 1 << 20));
        assert_int_equal(arena_status(a), STATUS_LIMIT);
        arena_fail_at(a, 1, false);
        assert_null(arena_room(a, size));
        assert_int_equal(arena_status(a), STATUS_NO_MEMORY);
        arena_destroy(a);
        arena_destroy(b);
    }
}

/* The sum of size and header is past every number, then past every budget. */
static void sizes_at_the_end_of_numbers(void **state)
{
    struct arena *a = arena_create(1 << 20);
    (void)state;
    assert_non_null(a);
    for (size_t d = 0; d < 64; d++) {
        assert_null(arena_alloc(a, SIZE_MAX - d));
        assert_int_equal(arena_status(a), STATUS_LIMIT);
    }
    assert_int_equal(arena_used(a), 0);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zeroed_aligned_and_apart),
        cmocka_unit_test(budget_holds_and_frees_with_release),
        cmocka_unit_test(releasing_in_any_order_keeps_the_rest),
        cmocka_unit_test(sizes_that_wrap_are_limits),
        cmocka_unit_test(copy_adds_a_nul),
        cmocka_unit_test(growing_doubles_and_keeps_content),
        cmocka_unit_test(growing_over_budget_changes_nothing),
        cmocka_unit_test(nth_allocation_fails_on_demand),
        cmocka_unit_test(room_is_a_block_whose_bytes_are_not_zeroed),
        cmocka_unit_test(sizes_at_the_end_of_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
