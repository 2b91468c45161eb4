/* SPDX-License-Identifier: MIT */
/*
 * Plans for two faults at once: the damage of one case on top of that of another, of all tables, by turns as `repair`
 * does it by itself and with consent to everything. What is promised of a plan (plan_promises.h) holds all the same;
 * that a finding stays must be told, but may have any reason, since one fault may stand in the way of the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "plan_promises.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static const struct case_table *const tables[] = {&container_cases, &metadata_cases, &block_cases, &log_cases,
                                                  &chain_cases,     &forensic_cases, &tool_cases};
enum { MOST = 1024, PAIRS = 600 };

static const struct test_case *cases[MOST];
static size_t count;
static const struct test_case *first, *second;

static bool may_stay(const struct job *j, const struct rule *rule, const char *reason)
{
    (void)j;
    (void)rule;
    return reason != NULL;
}

static void both(struct img *img)
{
    first->mutate(img);
    second->mutate(img);
}

/* Cases that only bend the bytes of the default image, so that any two fit. */
static void collect(void)
{
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct test_case *c = &tables[t]->cases[i];
            if (c->params == NULL && c->mutate != NULL && c->damage == NULL && count < MOST)
                cases[count++] = c;
        }
}

static void two_faults(void **state)
{
    uint64_t random = 11;

    (void)state;
    collect();
    assert_true(count > 20);
    for (unsigned n = 0; n < PAIRS; n++) {
        char name[128];
        random = random * 6364136223846793005u + 1442695040888963407u;
        first = cases[(random >> 33) % count];
        random = random * 6364136223846793005u + 1442695040888963407u;
        second = cases[(random >> 33) % count];
        if (snprintf(name, sizeof(name), "%s and %s", first->name, second->name) < 0)
            return;
        if (strncmp(first->name, "meta-no-", 8) == 0)
            continue; /* the builder does not bend what it has removed */
        const struct test_case c = {.name = name, .rule = first->rule, .mutate = both};
        print_message("# %s\n", name);
        plan_keeps_its_promises(
            &(struct job){.c = &c, .mode = n % 3 == 0 ? BY_ITSELF : EVERYTHING, .may_stay = may_stay});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_faults)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
