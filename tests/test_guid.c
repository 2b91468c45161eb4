/* SPDX-License-Identifier: MIT */
/* GUIDs: the mixed-endian text form against known on-disk bytes, a strict parser, what a GUID says about its writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/guid.h"

static const struct {
    const char *text;
    uint8_t bytes[16];
} known[] = {
    {"2dc27766-f623-4200-9d64-115e9bfd4a08",
     {0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42, 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08}},
    {"8b7ca206-4790-4b9a-b8fe-575f050f886e",
     {0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e}},
    {"caa16737-fa36-4d43-b3b6-33f0aa44e76b",
     {0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b}},
    {"b04aefb7-d19e-4a81-b789-25b8e9445913",
     {0xb7, 0xef, 0x4a, 0xb0, 0x9e, 0xd1, 0x81, 0x4a, 0xb7, 0x89, 0x25, 0xb8, 0xe9, 0x44, 0x59, 0x13}},
    {"00000000-0000-0000-0000-000000000000", {0}},
};

static void text_and_bytes_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char buf[GUID_TEXT_SIZE], braced[39], upper[GUID_TEXT_SIZE];
        uint8_t stored[16];
        struct guid g = guid_load(known[i].bytes), parsed;

        assert_ptr_equal(guid_text(&g, buf), buf);
        assert_string_equal(buf, known[i].text);
        assert_true(guid_parse(buf, 36, &parsed));
        assert_true(guid_equal(&g, &parsed));

        snprintf(braced, sizeof(braced), "{%s}", buf);
        assert_true(guid_parse(braced, 38, &parsed));
        assert_true(guid_equal(&g, &parsed));

        for (size_t k = 0; k < sizeof(upper); k++)
            upper[k] = (char)(buf[k] >= 'a' ? buf[k] - 32 : buf[k]);
        assert_true(guid_parse(upper, 36, &parsed));
        guid_store(stored, &parsed);
        assert_memory_equal(stored, known[i].bytes, 16);
    }
}

static void parser_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2dc27766",
        "2dc27766-f623-4200-9d64-115e9bfd4a0",
        "2dc27766-f623-4200-9d64-115e9bfd4a088",
        "{2dc27766-f623-4200-9d64-115e9bfd4a08",
        "2dc27766-f623-4200-9d64-115e9bfd4a08}",
        "(2dc27766-f623-4200-9d64-115e9bfd4a08)",
        " 2dc27766-f623-4200-9d64-115e9bfd4a08",
        "2dc27766-f623-4200-9d64-115e9bfd4a0g",
        "2dc277660f623-4200-9d64-115e9bfd4a08",
        "2dc2776-6f623-4200-9d64-115e9bfd4a08",
        "2dc27766-f623-4200-9d64-115e9bfd-a08",
        "2dc27766-f623-4200-9d64-+15e9bfd4a08",
        "{{dc27766-f623-4200-9d64-115e9bfd4a0}}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        /* An exact-size copy without a NUL, so that reading on is seen. */
        size_t len = strlen(bad[i]);
        char *copy = (char *)malloc(len + 1);
        struct guid g;
        assert_non_null(copy);
        memset(&g, 0xa5, sizeof(g));
        memcpy(copy, bad[i], len);
        copy = (char *)realloc(copy, len > 0 ? len : 1);
        assert_false(guid_parse(copy, len, &g));
        assert_int_equal(g.bytes[0], 0xa5);
        free(copy);
    }
}

static void nil_and_order(void **state)
{
    (void)state;
    struct guid nil = {{0}}, last = {{0}}, first = {{0}};

    last.bytes[15] = 1;
    first.bytes[0] = 1;
    assert_true(guid_is_nil(&nil));
    assert_false(guid_is_nil(&last));
    assert_false(guid_is_nil(&first));
    assert_true(guid_compare(&nil, &last) < 0);
    assert_true(guid_compare(&first, &last) > 0); /* as bytes, not as numbers */
    assert_int_equal(guid_compare(&last, &last), 0);
    assert_false(guid_equal(&first, &last));
}

static void form_tells_the_writer(void **state)
{
    (void)state;
    struct guid g = {{0}};

    assert_int_equal(guid_form(&g), GUID_FORM_UNKNOWN);
    g.bytes[8] = 0x9d;
    g.bytes[7] = 0x42;
    assert_int_equal(guid_form(&g), GUID_FORM_MICROSOFT);
    g.bytes[6] = 0x4f; /* both: by chance, no evidence */
    assert_int_equal(guid_form(&g), GUID_FORM_UNKNOWN);
    g.bytes[7] = 0x17;
    assert_int_equal(guid_form(&g), GUID_FORM_RFC);
    g.bytes[8] = 0xdd; /* not a variant that has versions */
    assert_int_equal(guid_form(&g), GUID_FORM_UNKNOWN);
}

static void version_1_holds_time_and_node(void **state)
{
    (void)state;
    struct guid g;
    uint64_t ticks = 7;
    uint8_t node[6];
    static const uint8_t mac[6] = {0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};

    assert_true(guid_parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8", 36, &g));
    assert_true(guid_time_and_node(&g, &ticks, node));
    assert_int_equal(ticks, 0x1d19dad6ba7b810);
    assert_memory_equal(node, mac, 6);

    ticks = 7;
    assert_true(guid_parse("6ba7b810-9dad-41d1-80b4-00c04fd430c8", 36, &g));
    assert_false(guid_time_and_node(&g, &ticks, node));
    assert_true(guid_parse("6ba7b810-9dad-11d1-c0b4-00c04fd430c8", 36, &g));
    assert_false(guid_time_and_node(&g, &ticks, node));
    assert_int_equal(ticks, 7);
}

static void braces_come_in_pairs(void **state)
{
    struct guid g;
    (void)state;
    assert_true(guid_parse("{12345678-1234-1234-1234-123456789abc}", 38, &g));
    assert_false(guid_parse("{12345678-1234-1234-1234-123456789abc)", 38, &g));
    assert_false(guid_parse("(12345678-1234-1234-1234-123456789abc}", 38, &g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_bytes_match),
        cmocka_unit_test(parser_is_strict),
        cmocka_unit_test(nil_and_order),
        cmocka_unit_test(form_tells_the_writer),
        cmocka_unit_test(version_1_holds_time_and_node),
        cmocka_unit_test(braces_come_in_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
