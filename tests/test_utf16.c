/* SPDX-License-Identifier: MIT */
/* UTF-16LE and UTF-8: every scalar value there and back, every kind of damage named and replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/le.h"
#include "base/utf16.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_create(1 << 20);
    return arena == NULL;
}

static int teardown(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

#define B(x) (x), sizeof(x) - 1

static const struct {
    const char *units;
    size_t len;
    const char *text;
    size_t text_len;
    bool unpaired, odd_byte, has_nul, has_control;
    size_t first_bad;
} cases[] = {
    {B(""), B(""), false, false, false, false, 0},
    {B("A\0b\0"), B("Ab"), false, false, false, false, 0},
    {B("\xe4\x00\xac\x20"), B("\xc3\xa4\xe2\x82\xac"), false, false, false, false, 0},
    {B("\x3d\xd8\x00\xde"), B("\xf0\x9f\x98\x80"), false, false, false, false, 0},
    {B("\x00\xd8\x00\xdc"), B("\xf0\x90\x80\x80"), false, false, false, false, 0},
    {B("\xff\xdb\xff\xdf"), B("\xf4\x8f\xbf\xbf"), false, false, false, false, 0},
    {B("\xff\xd7\x00\xe0"), B("\xed\x9f\xbf\xee\x80\x80"), false, false, false, false, 0},
    {B("a\0\x3d\xd8"), B("a\xef\xbf\xbd"), true, false, false, false, 1},
    {B("\x3d\xd8z\0"), B("\xef\xbf\xbdz"), true, false, false, false, 0},
    {B("\x3d\xd8\x00\xe0"), B("\xef\xbf\xbd\xee\x80\x80"), true, false, false, false, 0},
    {B("a\0b\0\x00\xdc\x3d\xd8"), B("ab\xef\xbf\xbd\xef\xbf\xbd"), true, false, false, false, 2},
    {B("\x3d\xd8\x3d\xd8\x00\xde"), B("\xef\xbf\xbd\xf0\x9f\x98\x80"), true, false, false, false, 0},
    {B("a\0x"), B("a"), false, true, false, false, 0},
    {B("x"), B(""), false, true, false, false, 0},
    {B("a\0\0\0b\0"), B("a\0b"), false, false, true, false, 0},
    {B("\x1f\x00"), B("\x1f"), false, false, false, true, 0},
    {B("\x7f\x00"), B("\x7f"), false, false, false, true, 0},
    {B("\x9f\x00"), B("\xc2\x9f"), false, false, false, true, 0},
    {B("\xa0\x00"), B("\xc2\xa0"), false, false, false, false, 0},
    {B(" \0~\0"), B(" ~"), false, false, false, false, 0},
};

static void decode_reports_damage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct utf16_text t;
        assert_int_equal(utf16_decode(arena, span_of(cases[i].units, cases[i].len), &t), STATUS_OK);
        assert_int_equal(t.len, cases[i].text_len);
        assert_memory_equal(t.str, cases[i].text, cases[i].text_len + 1);
        assert_int_equal(t.units, cases[i].len / 2);
        assert_int_equal(t.unpaired, cases[i].unpaired);
        assert_int_equal(t.odd_byte, cases[i].odd_byte);
        assert_int_equal(t.has_nul, cases[i].has_nul);
        assert_int_equal(t.has_control, cases[i].has_control);
        if (t.unpaired)
            assert_int_equal(t.first_bad_unit, cases[i].first_bad);
    }
}

static void every_scalar_value_goes_round(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c += c < 0x11000 ? 1 : 251) {
        struct arena *a;
        struct utf16_text t;
        uint8_t units[4], back[4];
        size_t len = c < 0x10000 ? 2 : 4, back_len;
        uint32_t got = 0;

        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        if (len == 2) {
            put_le16(units, (uint16_t)c);
        } else {
            put_le16(units, (uint16_t)(0xd7c0 + (c >> 10)));
            put_le16(units + 2, (uint16_t)(0xdc00 | (c & 0x3ff)));
        }
        a = arena_create(4096);
        assert_int_equal(utf16_decode(a, span_of(units, len), &t), STATUS_OK);
        assert_false(t.unpaired);
        assert_int_equal(utf8_next(t.str, t.len, &got), t.len);
        assert_int_equal(got, c);
        assert_true(utf16_encode(t.str, t.len, back, sizeof(back), &back_len));
        assert_int_equal(back_len, len);
        assert_memory_equal(back, units, len);
        assert_false(utf16_encode(t.str, t.len, back, len - 1, &back_len));
        arena_destroy(a);
    }
}

static void utf8_is_strict(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        size_t len;
    } bad[] = {
        {B("")},
        {B("\x80")},
        {B("\xbf")},
        {B("\xc0\x80")}, /* overlong */
        {B("\xc1\xbf")},
        {B("\xe0\x9f\xbf")},
        {B("\xf0\x8f\xbf\xbf")},
        {B("\xed\xa0\x80")}, /* surrogates */
        {B("\xed\xbf\xbf")},
        {B("\xf4\x90\x80\x80")}, /* above U+10FFFF */
        {B("\xf5\x80\x80\x80")},
        {B("\xf8\x88\x80\x80\x80")},
        {B("\xff")},
        {B("\xc3")}, /* cut short */
        {B("\xe2\x82")},
        {B("\xf0\x9f\x98")},
        {B("\xc3(")}, /* not continued */
        {B("\xe2\x82(")},
        {B("\xe2(\xac")},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint32_t c = 77;
        uint8_t out[16];
        size_t len = 99;
        assert_int_equal(utf8_next(bad[i].s, bad[i].len, &c), 0);
        assert_int_equal(c, 77);
        if (bad[i].len > 0) {
            assert_false(utf16_encode(bad[i].s, bad[i].len, out, sizeof(out), &len));
            assert_int_equal(len, 99);
        }
    }
}

static void encode_respects_its_buffer(void **state)
{
    (void)state;
    uint8_t out[8];
    size_t len = 99;

    assert_true(utf16_encode("", 0, out, 0, &len));
    assert_int_equal(len, 0);
    assert_true(utf16_encode(B("a\xf0\x9f\x98\x80z"), out, 8, &len));
    assert_int_equal(len, 8);
    assert_memory_equal(out, "a\0\x3d\xd8\x00\xdez", 8);
    for (size_t cap = 0; cap < 8; cap++)
        assert_false(utf16_encode(B("a\xf0\x9f\x98\x80z"), out, cap, &len));
}

/* Each unit up to the first that is not ASCII, at each place of texts around four units, which is how they are read. */
static void units_are_looked_at_wherever_they_stand(void **state)
{
    uint8_t bytes[2 * 9];

    (void)state;
    for (size_t len = 1; len <= sizeof(bytes) / 2; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned unit = 0; unit <= 0x81; unit++) {
                struct arena *a = arena_create(1 << 12);
                struct utf16_text t;
                for (size_t i = 0; i < len; i++)
                    put_le16(bytes + 2 * i, (uint16_t)(i == at ? unit : 'a' + i));
                assert_int_equal(utf16_decode(a, span_of(bytes, 2 * len), &t), STATUS_OK);
                assert_int_equal(t.has_nul, unit == 0);
                assert_int_equal(t.has_control, (unit > 0 && unit < ' ') || unit > '~');
                assert_false(t.unpaired || t.odd_byte);
                assert_int_equal(t.units, len);
                assert_int_equal(t.len, len + (unit >= 0x80));
                for (size_t i = 0; i < at; i++)
                    assert_int_equal(t.str[i], 'a' + i);
                assert_int_equal((unsigned char)t.str[at], unit < 0x80 ? unit : 0xc2);
                for (size_t i = at + 1; i < len; i++)
                    assert_int_equal(t.str[i + (unit >= 0x80)], 'a' + i);
                assert_int_equal(t.str[t.len], '\0');
                arena_destroy(a);
            }
        }
    }
}

static void decode_says_why_memory_ended(void **state)
{
    (void)state;
    struct arena *a = arena_create(64);
    struct utf16_text t = {.len = 99};
    static const uint8_t many[256];

    assert_int_equal(utf16_decode(a, span_of(many, sizeof(many)), &t), STATUS_LIMIT);
    arena_fail_at(a, 1, false);
    assert_int_equal(utf16_decode(a, span_of(many, 2), &t), STATUS_NO_MEMORY);
    assert_int_equal(t.len, 99);
    assert_int_equal(utf16_decode(a, span_of(many, 2), &t), STATUS_OK);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(decode_reports_damage, setup, teardown),
        cmocka_unit_test(every_scalar_value_goes_round),
        cmocka_unit_test(utf8_is_strict),
        cmocka_unit_test(encode_respects_its_buffer),
        cmocka_unit_test(units_are_looked_at_wherever_they_stand),
        cmocka_unit_test(decode_says_why_memory_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
