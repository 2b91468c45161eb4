/* SPDX-License-Identifier: MIT */
/* What is kept of a structure of 64 KiB: the same bytes whether its zeros are a hole, stored, or behind the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/structure.h"

enum { LEN = 64 * 1024, LEAST = 16 };

static uint8_t bytes[LEN];

struct kept {
    struct arena *arena;
    struct span span;
    size_t got;
};

/* Reads LEN bytes at 0 of a source in which `stored` bytes of `bytes` are data, the rest up to size a hole. */
static struct kept read_it(uint64_t stored, uint64_t size)
{
    struct kept k = {.arena = arena_create(1 << 20)};
    struct mem_extent data = {.off = 0, .ptr = bytes, .len = stored};
    struct source *src = extents_open(&data, 1, size);

    assert_non_null(k.arena);
    assert_non_null(src);
    assert_int_equal(structure_read(k.arena, src, 0, LEN, LEAST, &k.span, &k.got), STATUS_OK);
    source_close(src);
    return k;
}

static void assert_kept(struct kept k, size_t len, size_t got)
{
    assert_int_equal(k.span.len, len);
    assert_memory_equal(k.span.ptr, bytes, len);
    assert_int_equal(k.got, got);
    arena_destroy(k.arena);
}

static void zeros_that_are_stored_are_not_kept(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof(bytes));
    memset(bytes, 0x5a, 600);
    assert_kept(read_it(LEN, LEN), 1024, LEN); /* to the next multiple of 512 */
    assert_kept(read_it(600, LEN), 1024, LEN); /* as with a hole */
    bytes[1023] = 1;
    assert_kept(read_it(LEN, LEN), 1024, LEN);
    bytes[1024] = 1;
    assert_kept(read_it(LEN, LEN), 1536, LEN);
}

static void a_last_byte_keeps_all(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof(bytes));
    bytes[LEN - 1] = 7;
    assert_kept(read_it(LEN, LEN), LEN, LEN);
    assert_kept(read_it(LEN - 1, LEN), LEAST, LEN); /* and the byte before it is zero */
}

static void zeros_alone_keep_what_a_decoder_needs(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof(bytes));
    assert_kept(read_it(LEN, LEN), LEAST, LEN);
    assert_kept(read_it(0, LEN), LEAST, LEN); /* a hole from the start */
}

static void memory_that_ends_says_so(void **state)
{
    struct mem_extent data = {.off = 0, .ptr = bytes, .len = LEN};
    (void)state;
    memset(bytes, 0, sizeof(bytes));
    for (uint64_t n = 1; n <= 2; n++) { /* for the whole, and for what is kept */
        struct arena *a = arena_create(1 << 20);
        struct source *src = extents_open(&data, 1, LEN);
        struct span s = {.ptr = NULL};
        size_t got = 99;

        arena_fail_at(a, n, false);
        assert_int_equal(structure_read(a, src, 0, LEN, LEAST, &s, &got), STATUS_NO_MEMORY);
        assert_null(s.ptr);
        assert_int_equal(got, 99); /* nothing is set */
        source_close(src);
        arena_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeros_that_are_stored_are_not_kept),
        cmocka_unit_test(a_last_byte_keeps_all),
        cmocka_unit_test(zeros_alone_keep_what_a_decoder_needs),
        cmocka_unit_test(memory_that_ends_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
