/* SPDX-License-Identifier: MIT */
/*
 * Plans for images that fixers meet in a rare shape (plan_ways.c): the step that must be there, or the reason why what
 * was agreed to stays; and what is promised of every plan.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/limits.h"
#include "plan_ways.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static bool may_stay(const struct job *j, const struct rule *rule, const char *reason)
{
    (void)j;
    (void)rule;
    return reason != NULL;
}

static const char *left_reason(const struct plan *plan, const char *rule)
{
    for (uint64_t i = 0; i < plan->left_count; i++)
        if (strcmp(plan->left[i].rule->id, rule) == 0)
            return plan->left[i].reason;
    return NULL;
}

static void assert_outcome(const struct plan_way *w, const struct planned *p)
{
    const char *reason = left_reason(&p->plan, w->c.rule), *last = NULL;
    bool done = false;

    if (case_findings(&p->run, w->c.rule) == 0 && p->before == p->run.result && w->step == NULL)
        fail_msg("%s is not found", w->c.rule);
    for (uint64_t i = 0; i < p->plan.step_count; i++) {
        const struct plan_step *s = &p->plan.steps[i];
        if (s->rule == NULL || strcmp(s->rule->id, w->c.rule) != 0)
            continue;
        last = s->action;
        done = done || (w->step != NULL && strstr(s->action, w->step) != NULL);
    }
    if (w->step != NULL ? !done : last != NULL)
        fail_msg("%s: %s; left: %s", w->c.rule, last != NULL ? last : "nothing is done",
                 reason != NULL ? reason : "nothing");
    if (w->stays != NULL && (reason == NULL || strstr(reason, w->stays) == NULL))
        fail_msg("%s: left: %s", w->c.rule, reason != NULL ? reason : "nothing");
}

static void run_way(void **state)
{
    const struct plan_way *w = *state;
    struct job job = w->job;
    struct planned p;

    job.c = &w->c;
    job.may_stay = may_stay;
    planned_open(&p, &job);
    assert_outcome(w, &p);
    planned_close(&p);
    if (!w->no_sums)
        plan_keeps_its_promises(&job);
}

/* ---- more than is mended ---- */

enum { TOO_MANY = (1 << 18) + 1 }; /* LIMIT_REPAIR_MENDED, and one */
static const struct img_params absent_blocks = {
    .virtual_size = (TOO_MANY + 64) * MIB, .block_size = (uint32_t)MIB, .states = ""};

/* The blocks are not there, and their entries name a place. */
static void idle_places(struct img *img)
{
    uint8_t raw[BAT_ENTRY_LEN];

    put_le64(raw, 8 * MIB);
    for (uint64_t i = 0; i < TOO_MANY; i++)
        img_write(img, img_bat_entry_off(img, img_block_index(img, i)), raw, sizeof(raw));
}

static void a_bat_that_is_none_is_not_mended(void **state)
{
    const struct test_case c = {
        .name = "idle places", .rule = "VHDX-BAT-009", .params = &absent_blocks, .mutate = idle_places};
    struct job job = {.c = &c, .mode = CASE_RULE, .may_stay = may_stay};
    struct planned p;

    (void)state;
    assert_int_equal(TOO_MANY, LIMIT_REPAIR_MENDED + 1);
    planned_open(&p, &job);
    assert_int_equal(p.plan.step_count, 0);
    assert_int_equal(p.plan.left_count, 1);
    assert_string_equal(p.plan.left[0].rule->id, "VHDX-BAT-009");
    assert_int_equal(p.plan.left[0].count, TOO_MANY);
    assert_non_null(strstr(p.plan.left[0].reason, "more than can be mended one by one"));
    planned_close(&p);
}

int main(void)
{
    struct CMUnitTest *tests = calloc(plan_way_count + 1, sizeof(*tests));

    if (tests == NULL)
        return 1;
    for (size_t i = 0; i < plan_way_count; i++)
        tests[i] = (struct CMUnitTest){plan_ways[i].c.name, run_way, NULL, NULL, (void *)(uintptr_t)&plan_ways[i]};
    tests[plan_way_count] = (struct CMUnitTest)cmocka_unit_test(a_bat_that_is_none_is_not_mended);
    int failed = _cmocka_run_group_tests("ways", tests, plan_way_count + 1, NULL, NULL);
    free(tests);
    return failed;
}
