/* SPDX-License-Identifier: MIT */
/* Parent locators: layout, strings that leave the item, and the encoder's limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format/layout.h"
#include "format/parent_locator.h"

static uint8_t item[200000];

static void places_fields_by_the_specification(void **state)
{
    (void)state;
    struct locator_string pair = {"ab", "c"};
    static const uint8_t expected[] = {
        0xB7, 0xEF, 0x4A, 0xB0, 0x9E, 0xD1, 0x81, 0x4A, 0xB7, 0x89, 0x25, 0xB8, 0xE9, 0x44, 0x59, 0x13, /* type */
        0,    0,    1,    0,                                                                            /* count 1 */
        32,   0,    0,    0,    36,   0,    0,    0,    4,    0,    2,    0,                            /* entry */
        'a',  0,    'b',  0,    'c',  0,
    };
    memset(item, 0xEE, sizeof(item));
    assert_int_equal(parent_locator_encode(known_guid(KNOWN_LOCATOR_TYPE_VHDX), &pair, 1, item, sizeof(item)),
                     sizeof(expected));
    assert_memory_equal(item, expected, sizeof(expected));
    assert_int_equal(item[sizeof(expected)], 0xEE);
}

static void round_trip_keeps_pairs_and_order(void **state)
{
    (void)state;
    static const struct locator_string in[] = {
        {"parent_linkage", "{8b7ca206-4790-4b9a-b8fe-575f050f886e}"},
        {"relative_path", ".\\\xC3\xA4.vhdx"}, /* non-ASCII: one unit, two UTF-8 bytes */
        {"", ""},                              /* empty strings are representable; rules complain */
    };
    struct parent_locator l;
    struct locator_pair p;
    uint32_t len = parent_locator_encode(known_guid(KNOWN_LOCATOR_TYPE_VHDX), in, 3, item, sizeof(item));
    assert_int_equal(len, 20 + 3 * 12 + 2 * (14 + 38 + 13 + 8));
    assert_true(parent_locator_decode(span_of(item, len), &l));
    assert_true(guid_equal(&l.type, known_guid(KNOWN_LOCATOR_TYPE_VHDX)));
    assert_int_equal(l.pair_count, 3);
    assert_int_equal(l.usable_count, 3);
    assert_true(locator_pair_decode(&l, 0, &p));
    assert_true(p.key_inside && p.value_inside);
    assert_int_equal(p.key.len, 28);
    assert_int_equal(p.value.len, 76);
    assert_int_equal(p.value.ptr[0], '{');
    assert_true(locator_pair_decode(&l, 1, &p));
    assert_int_equal(p.value.len, 16);
    assert_int_equal(le16(p.value.ptr + 4), 0xE4);
    assert_true(locator_pair_decode(&l, 2, &p));
    assert_true(p.key_inside && p.value_inside);
    assert_int_equal(p.key.len, 0);
    assert_false(locator_pair_decode(&l, 3, &p));
}

/* All sums that could wrap in 32 bits must not. */
static void strings_outside_the_item_are_marked(void **state)
{
    (void)state;
    static const struct {
        uint32_t off;
        uint16_t len;
        bool inside;
    } rows[] = {
        {100, 0, true},         {0, 100, true},
        {99, 1, true},          {99, 2, false},
        {100, 1, false},        {101, 0, false},
        {UINT32_MAX, 1, false}, {UINT32_MAX, UINT16_MAX, false},
        {UINT32_MAX, 0, false}, {0xFFFF0001, 0xFFFF, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t *exact = calloc(1, 100);
        struct parent_locator l;
        struct locator_pair p;
        assert_non_null(exact);
        put_le16(exact + 18, 1);
        put_le32(exact + 20, rows[i].off);
        put_le16(exact + 28, rows[i].len);
        put_le32(exact + 24, 4);
        put_le16(exact + 30, 6);
        assert_true(parent_locator_decode(span_of(exact, 100), &l));
        assert_true(locator_pair_decode(&l, 0, &p));
        assert_int_equal(p.key_off, rows[i].off);
        assert_int_equal(p.key_len, rows[i].len);
        assert_int_equal(p.key_inside, rows[i].inside);
        assert_int_equal(p.key.len, rows[i].inside ? rows[i].len : 0);
        assert_true(p.value_inside); /* one bad string does not take the other along */
        assert_ptr_equal(p.value.ptr, exact + 4);
        free(exact);
    }
}

static void usable_pairs_stop_at_the_item(void **state)
{
    (void)state;
    static const struct {
        size_t item_len;
        uint16_t stored, usable;
    } rows[] = {{20, 0xFFFF, 0}, {31, 1, 0}, {32, 1, 1}, {32, 2, 1},
                {43, 3, 1},      {44, 3, 2}, {44, 0, 0}, {20 + 12 * 65535, 0xFFFF, 0xFFFF}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t *exact = calloc(1, rows[i].item_len);
        struct parent_locator l;
        struct locator_pair p;
        assert_non_null(exact);
        put_le16(exact + 18, rows[i].stored);
        assert_true(parent_locator_decode(span_of(exact, rows[i].item_len), &l));
        assert_int_equal(l.pair_count, rows[i].stored);
        assert_int_equal(l.usable_count, rows[i].usable);
        assert_false(locator_pair_decode(&l, rows[i].usable, &p));
        if (rows[i].usable)
            assert_true(locator_pair_decode(&l, rows[i].usable - 1U, &p));
        free(exact);
    }
}

static void needs_the_header(void **state)
{
    (void)state;
    struct parent_locator l = {.reserved = 9};
    assert_false(parent_locator_decode(span_of(item, 19), &l));
    assert_int_equal(l.reserved, 9);
}

static void encoder_refuses_what_does_not_fit(void **state)
{
    (void)state;
    static char text[32769];
    struct locator_string pair = {"k", text};
    const struct guid *type = known_guid(KNOWN_LOCATOR_TYPE_VHDX);
    assert_int_equal(parent_locator_encode(type, NULL, 0, item, 19), 0);
    assert_int_equal(parent_locator_encode(type, NULL, 0, item, 20), 20);
    memset(text, 'x', 3);
    assert_int_equal(parent_locator_encode(type, &pair, 1, item, 31), 0);
    assert_int_equal(parent_locator_encode(type, &pair, 1, item, 39), 0);
    assert_int_equal(parent_locator_encode(type, &pair, 1, item, 40), 40);
    memset(text, 'x', 32767); /* 65534 bytes: the longest even length of 16 bits */
    assert_int_equal(parent_locator_encode(type, &pair, 1, item, sizeof(item)), 34 + 65534);
    text[32767] = 'x';
    assert_int_equal(parent_locator_encode(type, &pair, 1, item, sizeof(item)), 0);
    pair.value = "\xFF";
    assert_int_equal(parent_locator_encode(type, &pair, 1, item, sizeof(item)), 0);
}

static void encoder_refuses_a_key_that_does_not_fit(void **state)
{
    static const struct locator_string pairs[] = {{"relative_path", "a"}};
    uint8_t out[LOCATOR_HEADER_LEN + LOCATOR_ENTRY_LEN + 26 + 2];
    const struct guid *type = known_guid(KNOWN_LOCATOR_TYPE_VHDX);
    (void)state;
    assert_int_equal(parent_locator_encode(type, pairs, 1, out, sizeof(out)), sizeof(out));
    for (uint32_t cap = 0; cap < sizeof(out); cap++)
        assert_int_equal(parent_locator_encode(type, pairs, 1, out, cap), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_fields_by_the_specification),
        cmocka_unit_test(round_trip_keeps_pairs_and_order),
        cmocka_unit_test(strings_outside_the_item_are_marked),
        cmocka_unit_test(usable_pairs_stop_at_the_item),
        cmocka_unit_test(needs_the_header),
        cmocka_unit_test(encoder_refuses_what_does_not_fit),
        cmocka_unit_test(encoder_refuses_a_key_that_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
