/* SPDX-License-Identifier: MIT */
/* Text: building, escaping of what would act on a terminal, sizes, and what is left when memory runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#include "base/status.h"
#include "base/text.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_create(1 << 22);
    return arena == NULL;
}

static int teardown(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

static void builds_strings_of_any_length(void **state)
{
    (void)state;
    struct text t = text_in(arena);

    assert_string_equal(text_str(&t), "");
    text_add(&t, "");
    text_add_bytes(&t, NULL, 0);
    text_addf(&t, "%s", "");
    assert_string_equal(text_str(&t), "");
    text_add(&t, "block ");
    text_addf(&t, "%d of %d", 7, 40);
    text_add_bytes(&t, "; not this", 2);
    assert_string_equal(text_str(&t), "block 7 of 40; ");
    for (int i = 0; i < 100000; i++)
        text_add(&t, "x");
    text_addf(&t, "%0*d", 5000, 1);
    assert_int_equal(t.len, 15 + 100000 + 5000);
    assert_int_equal(strlen(text_str(&t)), t.len);
    assert_false(t.failed);
    assert_string_equal(text_format(arena, "%s-%u", "a", 1U), "a-1");
    assert_string_equal(text_format(arena, "%s", ""), "");
}

static void exact_fit_and_one_more(void **state)
{
    (void)state;
    for (size_t n = 60; n < 70; n++) {
        struct text t = text_in(arena);
        char s[80] = "";
        memset(s, 'y', n);
        text_addf(&t, "%s", s);
        text_add(&t, "z");
        assert_int_equal(strlen(text_str(&t)), n + 1);
    }
}

/* What is there stays when room is made, and be it one character. */
static void growth_keeps_what_is_there(void **state)
{
    (void)state;
    char many[1001];
    memset(many, 'y', 1000);
    many[1000] = '\0';
    for (size_t first = 0; first < 3; first++) {
        struct text t = text_in(arena);
        text_add_bytes(&t, "xz", first);
        text_add(&t, many);
        assert_int_equal(t.len, first + 1000);
        assert_memory_equal(text_str(&t), "xz", first);
        assert_string_equal(text_str(&t) + first, many);
    }
}

static void frozen_when_memory_ends(void **state)
{
    (void)state;
    struct arena *a = arena_create(300);
    struct text t = text_in(a);

    while (!t.failed)
        text_add(&t, "0123456789");
    uint64_t len = t.len;
    assert_true(len > 0);
    assert_int_equal(strlen(text_str(&t)), len);
    text_add(&t, "!"); /* there is room for that, but the sentence is broken already */
    text_addf(&t, "%d", 1);
    text_add_printable(&t, "a\n", 2);
    assert_int_equal(t.len, len);
    assert_int_equal(strlen(text_str(&t)), len);

    arena_fail_at(a, 1, true);
    assert_string_equal(text_format(a, "%d", 12345), "");
    assert_string_equal(text_printable(a, "abc", 3), "");
    assert_string_equal(text_size(a, 5), "");
    arena_destroy(a);
}

#define B(x) (x), sizeof(x) - 1

static void printable_escapes_what_acts(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        const char *out;
    } cases[] = {
        {B(""), ""},
        {B("web.vhdx"), "web.vhdx"},
        {B("back\\slash \"q\""), "back\\slash \"q\""},
        {B("a\nb\tc\r"), "a\\u{a}b\\u{9}c\\u{d}"},
        {B("\x1b[31m"), "\\u{1b}[31m"},
        {B("a\0b"), "a\\u{0}b"},
        {B(" ~\x7f"), " ~\\u{7f}"},
        {B("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0"), "\\u{80}\\u{9b}\\u{9f}\xc2\xa0"},
        {B("\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad\xe2\x80\xae\xe2\x80\xaf"),
         "\\u{202a}\\u{202b}\\u{202c}\\u{202d}\\u{202e}\xe2\x80\xaf"},
        {B("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9\xe2\x81\xaa"),
         "\xe2\x81\xa5\\u{2066}\\u{2067}\\u{2068}\\u{2069}\xe2\x81\xaa"},
        {B("\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c\xe2\x80\xa8\xe2\x80\xa9"), "\\u{200e}\\u{200f}\\u{61c}\\u{2028}\\u{2029}"},
        {B("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {B("\xff"
           "a\xfe"),
         "\\x{ff}a\\x{fe}"},
        {B("\xc0\x80"), "\\x{c0}\\x{80}"},
        {B("\xed\xa0\x80"), "\\x{ed}\\x{a0}\\x{80}"},
        {B("\xf4\x90\x80\x80"), "\\x{f4}\\x{90}\\x{80}\\x{80}"},
        {B("\xe2\x82"), "\\x{e2}\\x{82}"},
        {B("\xe2\x82z"), "\\x{e2}\\x{82}z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(text_printable(arena, cases[i].in, cases[i].len), cases[i].out);
}

static void sizes_for_people(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 bytes"},
        {1, "1 byte"},
        {512, "512 bytes"},
        {1023, "1023 bytes"},
        {1024, "1 KiB"},
        {1025, "1.0 KiB"},
        {1280, "1.3 KiB"}, /* 1.25 */
        {1536, "1.5 KiB"},
        {4096, "4 KiB"},
        {1048575, "1.0 MiB"},
        {1048576, "1 MiB"},
        {1048577, "1.0 MiB"},
        {(uint64_t)127 << 30, "127 GiB"},
        {41003515904U, "38.2 GiB"},
        {(uint64_t)64 << 40, "64 TiB"},
        {((uint64_t)1 << 50) - 1, "1.0 PiB"},
        {(uint64_t)1 << 63, "8 EiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(text_size(arena, cases[i].bytes), cases[i].text);
}

static void every_status_has_words(void **state)
{
    (void)state;
    for (int st = STATUS_OK; st <= STATUS_INTERNAL; st++) {
        const char *s = status_text((enum status)st);
        assert_non_null(s);
        assert_string_not_equal(s, status_text((enum status)(STATUS_INTERNAL + 1)));
        for (int other = STATUS_OK; other < st; other++)
            assert_string_not_equal(s, status_text((enum status)other));
    }
    assert_string_equal(status_text(STATUS_IO), "i/o error");
}

static void long_texts_when_memory_ends(void **state)
{
    (void)state;
    struct text t = text_in(arena);
    arena_fail_at(arena, 1, false);
    text_addf(&t, "%0300d", 7);
    assert_true(t.failed);
    assert_int_equal(arena_status(arena), STATUS_NO_MEMORY);
}

static void what_cannot_be_formatted_is_a_failure(void **state)
{
    static const wchar_t no_character[] = {(wchar_t)0x110000, 0};
    (void)state;
    struct text t = text_in(arena);
    text_addf(&t, "%ls", no_character);
    assert_true(t.failed);
}

static void largest_sizes(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *words;
    } rows[] = {
        {(uint64_t)1 << 60, "1 EiB"},
        {UINT64_MAX, "16.0 EiB"},
        {((uint64_t)1 << 60) - 1, "1.0 EiB"},
        {(uint64_t)3 << 59, "1.5 EiB"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text t = text_in(arena);
        text_add_size(&t, rows[i].bytes);
        assert_string_equal(text_str(&t), rows[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(builds_strings_of_any_length, setup, teardown),
        cmocka_unit_test_setup_teardown(exact_fit_and_one_more, setup, teardown),
        cmocka_unit_test_setup_teardown(growth_keeps_what_is_there, setup, teardown),
        cmocka_unit_test(frozen_when_memory_ends),
        cmocka_unit_test_setup_teardown(printable_escapes_what_acts, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes_for_people, setup, teardown),
        cmocka_unit_test(every_status_has_words),
        cmocka_unit_test_setup_teardown(long_texts_when_memory_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_formatted_is_a_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(largest_sizes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
