/* SPDX-License-Identifier: MIT */
/*
 * Plans on a host that fails: for every case of the tables, whatever allocation, read or change of the stage fails
 * while its plan is made, there is no plan, or the very plan of a host that does not fail; after a read, also none that
 * changes anything. A plan that was made of less than the whole file, or lost a step on the way, would damage the
 * image.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "fault_sites.h"
#include "plan_ways.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static const struct case_table *const tables[] = {&container_cases, &metadata_cases, &block_cases, &log_cases,
                                                  &chain_cases,     &forensic_cases, &tool_cases,  &edge_cases};

struct trial_case {
    struct planned planned;
    const struct test_case *c;
    uint64_t runs;
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_plan(const struct plan *a, const struct plan *b)
{
    bool same = a->step_count == b->step_count && a->left_count == b->left_count && a->new_size == b->new_size &&
                a->refused == b->refused && a->after == b->after && a->errors_after == b->errors_after &&
                stage_piece_count(a->stage) == stage_piece_count(b->stage);

    for (uint64_t i = 0; same && i < a->step_count; i++) {
        const struct plan_step *s = &a->steps[i], *t = &b->steps[i];
        same = s->rule == t->rule && s->off == t->off && s->len == t->len && same_text(s->action, t->action) &&
               same_text(s->reason, t->reason);
    }
    for (uint64_t i = 0; same && i < a->left_count; i++)
        same = a->left[i].rule == b->left[i].rule && a->left[i].count == b->left[i].count &&
               same_text(a->left[i].reason, b->left[i].reason);
    for (uint64_t i = 0; same && i < stage_piece_count(a->stage); i++) {
        struct stage_piece s = stage_piece(a->stage, i), t = stage_piece(b->stage, i);
        same = s.off == t.off && s.len == t.len && s.kind == t.kind;
    }
    return same;
}

static void run(void *ctx)
{
    struct trial_case *s = ctx;
    struct planned *p = &s->planned;
    struct arena *arena = arena_create(LIMIT_MEMORY_DEFAULT);
    struct plan plan = {.stage = NULL};

    assert_non_null(arena);
    /* The parent is lent to all runs; one that was without memory, or not read, in an earlier run says so for good. */
    const struct image *parent = p->options.parent;
    bool harmless = parent != NULL && (arena_status(parent->arena) != STATUS_OK || parent->file->failed_reads > 0);
    sites_begin();
    enum status st = plan_make(arena, p->run.source, p->run.scene.path, &p->options, &plan);
    enum site_kind failed = sites_end();
    if (failed == SITE_NONE && st != STATUS_OK && !harmless)
        fail_msg("%s: status %d", s->c->name, (int)st);
    if (failed == SITE_MEMORY && st != STATUS_NO_MEMORY && st != STATUS_LIMIT && st != STATUS_OK)
        fail_msg("%s: without memory: status %d", s->c->name, (int)st);
    harmless = harmless || (failed == SITE_READ && (plan.refused || plan.step_count == 0));
    if (st == STATUS_OK && !harmless && !same_plan(&p->plan, &plan))
        fail_msg("%s: %s failed, and the plan is another one: %llu steps instead of %llu, %llu left instead of %llu",
                 s->c->name,
                 failed == SITE_MEMORY ? "an allocation"
                 : failed == SITE_READ ? "a read"
                                       : "a change",
                 (unsigned long long)plan.step_count, (unsigned long long)p->plan.step_count,
                 (unsigned long long)plan.left_count, (unsigned long long)p->plan.left_count);
    if (st == STATUS_OK)
        plan_close(&plan);
    arena_destroy(arena);
}

static void plans_of_every_case(void **state)
{
    struct trial_case s = {.runs = 0};

    (void)state;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (size_t i = 0; i < tables[t]->count; i++)
            for (int mode = BY_ITSELF; mode < MODES; mode++) {
                struct job job = {.c = &tables[t]->cases[i], .mode = (enum mode)mode};
                s.c = job.c;
                planned_open(&s.planned, &job);
                s.runs += sites_try(run, &s);
                planned_close(&s.planned);
            }
    printf("# %llu runs with a failure\n", (unsigned long long)s.runs);
    assert_true(s.runs > 300);
}

static void plans_of_rare_shapes(void **state)
{
    struct trial_case s = {.runs = 0};

    (void)state;
    for (size_t i = 0; i < plan_way_count; i++) {
        struct job job = plan_ways[i].job;
        job.c = s.c = &plan_ways[i].c;
        planned_open(&s.planned, &job);
        s.runs += sites_try(run, &s);
        planned_close(&s.planned);
    }
    printf("# %llu runs with a failure\n", (unsigned long long)s.runs);
    assert_true(s.runs > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plans_of_every_case), cmocka_unit_test(plans_of_rare_shapes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
