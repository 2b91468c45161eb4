/* SPDX-License-Identifier: MIT */
/*
 * All cases of all tables: each trips its rule and nothing else, each guard is silent; and the catalogue as a whole:
 * ids in order, rows complete, every rule with at least one case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static const struct case_table *const tables[] = {&container_cases, &metadata_cases, &block_cases, &log_cases,
                                                  &chain_cases,     &forensic_cases, &tool_cases,  &edge_cases};
enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

static void run_case(void **state)
{
    case_assert(*state);
}

static void run_guard(void **state)
{
    case_assert_guard(*state);
}

/* ---- the catalogue ---- */

/* "VHDX-BAT-016": group letters, then three digits. Returns the number, 0 when malformed. */
static unsigned id_number(const char *id)
{
    const char *digits = strrchr(id, '-');
    if (strncmp(id, "VHDX-", 5) != 0 || !digits || strlen(digits) != 4)
        return 0;
    return (unsigned)strtoul(digits + 1, NULL, 10);
}

static bool same_group(const char *a, const char *b)
{
    size_t len = (size_t)(strrchr(a, '-') - a);
    return len == (size_t)(strrchr(b, '-') - b) && strncmp(a, b, len) == 0;
}

static void ids_are_in_order(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < rule_count(); i++) {
        const struct rule *r = rule_at(i);
        if (id_number(r->id) == 0)
            fail_msg("%s is no id", r->id);
        assert_ptr_equal(rule_find(r->id), r);
        assert_int_equal(rule_index(r), i);
        if (i > 0 && same_group(rule_at(i - 1)->id, r->id) && id_number(rule_at(i - 1)->id) >= id_number(r->id))
            fail_msg("%s stands behind %s", r->id, rule_at(i - 1)->id);
        for (uint32_t k = 0; i > 0 && k + 1 < i; k++)
            if (same_group(rule_at(k)->id, r->id) && !same_group(rule_at(i - 1)->id, r->id))
                fail_msg("the group of %s is in two places", r->id);
    }
    assert_null(rule_find("VHDX-XXX-999"));
}

static bool is_sentence(const char *s)
{
    return s && strlen(s) > 3;
}

/* "Region", but neither "BAT" nor "LogOffset": names of fields keep their letters. */
static bool is_capitalised(const char *s)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t word = strcspn(s, " ");
    return strchr(upper, s[0]) && word > 1 && 1 + strcspn(s + 1, upper) >= word;
}

static void rows_are_complete(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < rule_count(); i++) {
        const struct rule *r = rule_at(i);
        if (!is_sentence(r->title) || !is_sentence(r->why) || !is_sentence(r->means) || !is_sentence(r->next) ||
            !r->check)
            fail_msg("%s: a text or the check is missing", r->id);
        if (strcmp(r->spec, "impl") != 0 && (r->spec[0] != '2' || r->spec[1] != '.'))
            fail_msg("%s: \"%s\" is no clause", r->id, r->spec);
        if (r->title[strlen(r->title) - 1] == '.' || is_capitalised(r->title))
            fail_msg("%s: the title is no fault in lower case: %s", r->id, r->title);
        if (r->why[strlen(r->why) - 1] != '.')
            fail_msg("%s: `why` is no sentence", r->id);
        if ((r->scope == SCOPE_BAT_NOTE) != (r->facts != 0))
            fail_msg("%s: facts are what rules of BAT entries have, or are never called", r->id);
    }
}

/* Ids that no image can trip: the catalogue says so, or they guard our own arithmetic. */
static const char *const never_raised[] = {"VHDX-BAT-013", "VHDX-BAT-033", "VHDX-META-037"};

static bool has_case(const char *id)
{
    for (size_t t = 0; t < TABLES; t++)
        for (size_t i = 0; i < tables[t]->count; i++)
            if (strcmp(tables[t]->cases[i].rule, id) == 0)
                return true;
    return false;
}

static void every_rule_has_a_case(void **state)
{
    unsigned missing = 0;
    (void)state;
    for (uint32_t i = 0; i < rule_count(); i++) {
        const char *id = rule_at(i)->id;
        bool never = false;
        for (size_t k = 0; k < sizeof(never_raised) / sizeof(never_raised[0]); k++)
            never = never || strcmp(never_raised[k], id) == 0;
        if (has_case(id) != never)
            continue;
        print_error("%s %s\n", id, never ? "has a case, but nothing can trip it" : "has no case");
        missing++;
    }
    assert_int_equal(missing, 0);
}

/* ---- healthy images, as their producers leave them ---- */

static void healthy_images_are_clean(void **state)
{
    static const struct img_params healthy[] = {
        {.type = IMG_DYNAMIC},
        {.type = IMG_FIXED},
        {.type = IMG_DIFFERENCING},
        {.type = IMG_DYNAMIC, .windows_traces = true},
        {.type = IMG_DIFFERENCING, .windows_traces = true},
        {.logical_sector_size = 4096},
        {.virtual_size = (uint64_t)5 << 30, .block_size = 1 << 20, .states = "6"}, /* two chunks */
        {.states = ""},
        {.creator = ""},
        {.layout = IMG_QEMU},
        {.layout = IMG_QEMU, .type = IMG_FIXED},
        {.log_len = 16 << 20},
        {.virtual_size = (uint64_t)64 << 40, .block_size = 256 << 20, .states = ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(healthy) / sizeof(healthy[0]); i++) {
        const struct test_case c = {.name = "healthy", .params = &healthy[i]};
        struct case_run r;
        case_open(&c, false, &r);
        for (uint64_t k = 0; k < r.result->finding_count; k++)
            if (r.result->findings[k]->severity != SEVERITY_INFO)
                fail_msg("image %zu: %s %s", i, r.result->findings[k]->rule->id, r.result->findings[k]->message);
        assert_int_equal(r.result->verdict, VERDICT_CLEAN);
        assert_true(r.result->complete);
        case_close(&r);
    }
}

/* ---- all of it ---- */

static const char *named(const char *name, const char *suffix)
{
    size_t size = strlen(name) + strlen(suffix) + 1;
    char *s = malloc(size);
    if (!s)
        abort();
    (void)snprintf(s, size, "%s%s", name, suffix);
    return s;
}

int main(void)
{
    static const struct CMUnitTest catalogue[] = {
        cmocka_unit_test(ids_are_in_order),
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(every_rule_has_a_case),
        cmocka_unit_test(healthy_images_are_clean),
    };
    int failed = cmocka_run_group_tests_name("catalogue", catalogue, NULL, NULL);
    for (size_t t = 0; t < TABLES; t++) {
        const struct case_table *table = tables[t];
        struct CMUnitTest *tests = calloc(2 * table->count, sizeof(*tests));
        if (!tests)
            return 1;
        for (size_t i = 0; i < table->count; i++) {
            void *c = (void *)(uintptr_t)&table->cases[i];
            tests[2 * i] = (struct CMUnitTest){named(table->cases[i].name, ""), run_case, NULL, NULL, c};
            tests[2 * i + 1] = (struct CMUnitTest){named(table->cases[i].name, ", guard"), run_guard, NULL, NULL, c};
        }
        failed += _cmocka_run_group_tests(table->name, tests, 2 * table->count, NULL, NULL);
        for (size_t i = 0; i < 2 * table->count; i++)
            free((void *)(uintptr_t)tests[i].name);
        free(tests);
    }
    return failed;
}
