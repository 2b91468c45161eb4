/* SPDX-License-Identifier: MIT */
/* The table of Windows codes against itself and the catalogue; numbers by hand from winerror.h and ntstatus.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "check/windows_codes.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static void rows_are_in_order_and_name_rules_that_exist(void **state)
{
    (void)state;
    assert_true(windows_code_count() > 40);
    for (uint32_t i = 0; i < windows_code_count(); i++) {
        const struct windows_code *c = windows_code_at(i);
        uint32_t last = 0;

        assert_true(i == 0 || windows_code_at(i - 1)->code < c->code);
        assert_true(strncmp(c->name, "ERROR_", 6) == 0);
        assert_true(c->title[0] != '\0' && c->means[0] != '\0' && c->next[0] != '\0');
        for (unsigned k = 0; k < WINDOWS_CODE_RULES && c->rules[k] != NULL; k++) {
            const struct rule *rule = rule_find(c->rules[k]);

            if (rule == NULL)
                fail_msg("%s names %s", c->name, c->rules[k]);
            if (k > 0 && rule_index(rule) <= last)
                fail_msg("%s: %s is out of order", c->name, c->rules[k]);
            last = rule_index(rule);
            assert_true(windows_code_has_rule(c, rule));
        }
    }
}

static void every_code_is_found_in_every_form(void **state)
{
    char text[128];

    (void)state;
    for (uint32_t i = 0; i < windows_code_count(); i++) {
        const struct windows_code *c = windows_code_at(i);
        const char *const forms[] = {"0x%08x", "%08X", "%u", "some/Path/0x%X"};

        for (size_t k = 0; k < sizeof(forms) / sizeof(forms[0]); k++) {
            (void)snprintf(text, sizeof(text), forms[k], (unsigned)c->code);
            assert_ptr_equal(windows_code_find(text), c);
        }
        (void)snprintf(text, sizeof(text), "%d", (int)c->code);
        assert_ptr_equal(windows_code_find(text), c);
        assert_ptr_equal(windows_code_find(c->name), c);
        assert_ptr_equal(windows_code_find(c->name + 6), c);
        (void)snprintf(text, sizeof(text), "status_%s", c->name + 6);
        assert_ptr_equal(windows_code_find(text), c);
        (void)snprintf(text, sizeof(text), "%d", (int)c->code);
        assert_true(windows_code_like(text));
    }
}

static void known_numbers(void **state)
{
    static const struct {
        const char *word, *name;
    } known[] = {
        {"1392", "ERROR_FILE_CORRUPT"},
        {"-2147023504", "ERROR_FILE_CORRUPT"},
        {"0xC0000102", "ERROR_FILE_CORRUPT"},
        {"5", "ERROR_ACCESS_DENIED"},
        {"0xc0000022", "ERROR_ACCESS_DENIED"},
        {"38", "ERROR_HANDLE_EOF"},
        {"112", "ERROR_DISK_FULL"},
        {"1005", "ERROR_UNRECOGNIZED_VOLUME"},
        {"-1069940713", "ERROR_VHD_CHILD_PARENT_SIZE_MISMATCH"},
        {"3225026586", "ERROR_VIRTUAL_DISK_LIMITATION"},
        {"c03a0012", "ERROR_VHD_INVALID_SIZE"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const struct windows_code *c = windows_code_find(known[i].word);

        if (c == NULL || strcmp(c->name, known[i].name) != 0)
            fail_msg("%s", known[i].word);
    }
}

static void other_words_are_none(void **state)
{
    static const char *const words[] = {"",      "0",        "0x",         "-",          "/",  "0x0",         "x1392",
                                        "0x57g", "4711",     "0xC03A00FF", "4294968688", "-5", "0x180070570", "13 92",
                                        "9a5",   "12345678", "notahexa"};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (windows_code_find(words[i]) != NULL)
            fail_msg("%s", words[i]);
    }
    assert_false(windows_code_like("VHDX-BAT-016"));
    assert_false(windows_code_like("bat-016"));
    assert_true(windows_code_like("0x12345678"));
    assert_true(windows_code_like("ERROR_OF_TOMORROW"));
    assert_true(windows_code_like("STATUS_OF_TOMORROW"));
    assert_true(windows_code_like("file_corrupt"));
    const char behind_a_letter[] = "x-1";
    assert_true(windows_code_like(behind_a_letter + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_in_order_and_name_rules_that_exist),
        cmocka_unit_test(every_code_is_found_in_every_form),
        cmocka_unit_test(known_numbers),
        cmocka_unit_test(other_words_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
