/* SPDX-License-Identifier: MIT */
/* Arithmetic on hostile numbers, spans and little-endian fields, at their edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/span.h"

static void sums_and_products_refuse_to_wrap(void **state)
{
    (void)state;
    uint64_t r = 5;

    assert_true(u64_add(UINT64_MAX - 1, 1, &r));
    assert_int_equal(r, UINT64_MAX);
    assert_false(u64_add(UINT64_MAX, 1, &r));
    assert_int_equal(r, UINT64_MAX); /* untouched */
    assert_true(u64_mul((uint64_t)1 << 32, ((uint64_t)1 << 32) - 1, &r));
    assert_int_equal(r, UINT64_MAX - 0xffffffff);
    r = 5;
    assert_false(u64_mul((uint64_t)1 << 32, (uint64_t)1 << 32, &r));
    assert_int_equal(r, 5);
    assert_true(u64_mul(0, UINT64_MAX, &r));
    assert_int_equal(r, 0);
    assert_int_equal(u64_add_sat(UINT64_MAX, UINT64_MAX), UINT64_MAX);
    assert_int_equal(u64_add_sat(UINT64_MAX - 3, 3), UINT64_MAX);
    assert_int_equal(u64_add_sat(3, 4), 7);
}

static void rounding(void **state)
{
    (void)state;
    uint64_t r = 5;

    assert_true(u64_align_up(0, 4096, &r));
    assert_int_equal(r, 0);
    assert_true(u64_align_up(1, 4096, &r));
    assert_int_equal(r, 4096);
    assert_true(u64_align_up(4096, 4096, &r));
    assert_int_equal(r, 4096);
    assert_true(u64_align_up(UINT64_MAX - 4095, 4096, &r));
    assert_int_equal(r, UINT64_MAX - 4095);
    assert_false(u64_align_up(UINT64_MAX - 4094, 4096, &r));
    assert_int_equal(r, UINT64_MAX - 4095);
    assert_true(u64_align_up(UINT64_MAX, 1, &r));
    assert_int_equal(u64_div_up(0, 7), 0);
    assert_int_equal(u64_div_up(14, 7), 2);
    assert_int_equal(u64_div_up(15, 7), 3);
    assert_int_equal(u64_div_up(UINT64_MAX, 2), (uint64_t)1 << 63);
    assert_false(is_pow2(0));
    assert_true(is_pow2(1));
    assert_false(is_pow2(3));
    assert_true(is_pow2((uint64_t)1 << 63));
    assert_false(is_pow2(UINT64_MAX));
    assert_int_equal(u64_min(1, UINT64_MAX), 1);
    assert_int_equal(u64_max(1, UINT64_MAX), UINT64_MAX);
}

static void ranges_at_their_edges(void **state)
{
    (void)state;
    assert_true(range_in(0, 0, 0));
    assert_true(range_in(10, 0, 10));
    assert_false(range_in(11, 0, 10));
    assert_true(range_in(0, 10, 10));
    assert_false(range_in(1, 10, 10));
    assert_false(range_in(UINT64_MAX, 2, 10));
    assert_false(range_in(2, UINT64_MAX, 10));
    assert_false(range_in(UINT64_MAX, UINT64_MAX, UINT64_MAX));
    assert_true(range_in(0, UINT64_MAX, UINT64_MAX));
    assert_true(range_in(UINT64_MAX, 0, UINT64_MAX));
}

static void spans_only_narrow(void **state)
{
    (void)state;
    static const uint8_t bytes[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct span s = span_of(bytes, 10), r = {.len = 77};

    assert_true(span_sub(s, 3, 4, &r));
    assert_ptr_equal(r.ptr, bytes + 3);
    assert_int_equal(r.len, 4);
    assert_false(span_sub(r, 1, 4, &r));
    assert_int_equal(r.len, 4);
    assert_true(span_sub(r, 4, 0, &r));
    assert_int_equal(r.len, 0);
    assert_false(span_sub(s, UINT64_MAX, 2, &r));
    assert_false(span_sub(s, 0, (uint64_t)1 << 32, &r));
    assert_false(span_sub(s, (uint64_t)1 << 32, 1, &r));
}

static void first_nonzero_byte_at_any_place(void **state)
{
    (void)state;
    uint8_t buf[64] = {0};

    assert_int_equal(span_find_nonzero(span_of(NULL, 0), 0), 0);
    assert_true(span_is_zero(span_of(NULL, 0)));
    for (size_t start = 0; start < 9; start++) {
        for (size_t at = start; at < sizeof(buf); at++) {
            struct span s = span_of(buf + start, sizeof(buf) - start);
            assert_int_equal(span_find_nonzero(s, 0), s.len);
            buf[at] = 0x80;
            assert_false(span_is_zero(s));
            for (size_t from = 0; from <= s.len + 1; from++)
                assert_int_equal(span_find_nonzero(s, from), from <= at - start ? at - start : s.len);
            for (size_t from = 0; from <= s.len; from++)
                assert_int_equal(span_count_nonzero(s, from), from <= at - start);
            for (size_t len = 0; len <= s.len; len++)
                assert_int_equal(span_end_nonzero(span_of(s.ptr, len)), len > at - start ? at - start + 1 : 0);
            buf[at] = 0;
        }
    }
}

static void nonzero_bytes_of_any_value(void **state)
{
    (void)state;
    uint8_t buf[40];

    for (unsigned value = 0; value < 256; value++) {
        for (size_t i = 0; i < sizeof(buf); i++)
            buf[i] = i % 3 == 0 ? 0 : (uint8_t)value;
        for (size_t len = 0; len <= sizeof(buf); len++) {
            size_t want = 0;
            for (size_t i = 0; i < len; i++)
                want += buf[i] != 0;
            assert_int_equal(span_count_nonzero(span_of(buf, len), 0), want);
        }
    }
}

/* More than a byte can count, at each place of a vector. */
static void many_nonzero_bytes(void **state)
{
    (void)state;
    static uint8_t buf[3 * 255 * 16];

    memset(buf, 1, sizeof(buf));
    for (size_t len = sizeof(buf) / 3 - 17; len <= sizeof(buf); len += 17)
        for (size_t off = 0; off < 3; off++)
            assert_int_equal(span_count_nonzero(span_of(buf + off, len - off), off), len - 2 * off);
    assert_int_equal(span_end_nonzero(span_of(buf, sizeof(buf))), sizeof(buf));
}

static void little_endian_fields(void **state)
{
    (void)state;
    static const uint8_t in[9] = {0xee, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x91};
    uint8_t out[9] = {0xee};

    assert_int_equal(le16(in + 1), 0x7788);
    assert_int_equal(le32(in + 1), 0x55667788);
    assert_int_equal(le64(in + 1), 0x9122334455667788);
    put_le64(out + 1, 0x9122334455667788);
    assert_memory_equal(out, in, 9);
    put_le32(out + 1, 0xfedcba98);
    assert_int_equal(le64(out + 1), 0x91223344fedcba98);
    put_le16(out + 1, 0x8001);
    assert_int_equal(le32(out + 1), 0xfedc8001);
}

static void equal_but_for_zeros(void **state)
{
    static const uint8_t a[] = {1, 2, 0, 0}, b[] = {1, 2}, c[] = {1, 2, 0, 3}, d[] = {1, 3};
    (void)state;
    assert_true(span_equal_but_zeros(span_of(a, 4), span_of(b, 2)));
    assert_true(span_equal_but_zeros(span_of(b, 2), span_of(a, 4)));
    assert_true(span_equal_but_zeros(span_of(b, 2), span_of(b, 2)));
    assert_false(span_equal_but_zeros(span_of(c, 4), span_of(b, 2)));
    assert_false(span_equal_but_zeros(span_of(b, 2), span_of(c, 4)));
    assert_false(span_equal_but_zeros(span_of(d, 2), span_of(a, 4)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_products_refuse_to_wrap),
        cmocka_unit_test(rounding),
        cmocka_unit_test(ranges_at_their_edges),
        cmocka_unit_test(spans_only_narrow),
        cmocka_unit_test(first_nonzero_byte_at_any_place),
        cmocka_unit_test(many_nonzero_bytes),
        cmocka_unit_test(nonzero_bytes_of_any_value),
        cmocka_unit_test(little_endian_fields),
        cmocka_unit_test(equal_but_for_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
