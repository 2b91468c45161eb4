/* SPDX-License-Identifier: MIT */
/*
 * Plans for two faults at once: the damage of one case on top of that of another, of all tables, by turns as `repair`
 * does it by itself and with consent to everything; and each case with what is in the way of its repair: another
 * region over the structure that is wrong, a block over it, a file that ends early. What is promised of a plan
 * (plan_promises.h) holds all the same; that a finding stays must be told, but may have any reason, since one fault may
 * stand in the way of the other.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan_promises.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static const struct case_table *const tables[] = {&container_cases, &metadata_cases, &block_cases, &log_cases,
                                                  &chain_cases,     &forensic_cases, &tool_cases};
enum { TABLES = sizeof(tables) / sizeof(tables[0]), MOST = 1024 };
enum { PAIRS = 600, OTHER_PAIRS = 100, ALL_OTHER_PAIRS = 3000 };

struct pair {
    const struct test_case *first, *second;
};

static struct pair pairs[PAIRS], other_pairs[ALL_OTHER_PAIRS];
static unsigned pair_count, other_count;
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

/* Whether the builder can bend what the first has left: else it ends the process. */
static bool fit_together(void)
{
    static const int deadly[] = {SIGABRT, SIGSEGV, SIGBUS};
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
            (void)signal(deadly[i], SIG_DFL);
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){.rlim_cur = 0});
        (void)close(STDERR_FILENO);
        both(img_create(first->params));
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The cases that bend the bytes of an image: of the default one, or of one that others bend as well. */
static size_t collect(bool others, const struct test_case *cases[MOST])
{
    size_t count = 0;

    for (size_t t = 0; t < TABLES; t++)
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct test_case *c = &tables[t]->cases[i];
            if ((c->params != NULL) == others && c->mutate != NULL && c->damage == NULL && count < MOST)
                cases[count++] = c;
        }
    return count;
}

static void draw(const struct test_case *const *cases, size_t count, uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    first = cases[(*random >> 33) % count];
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    second = cases[(*random >> 33) % count];
}

/* All at the beginning, while the process is small: a fork of a large one takes longer than a plan. */
static int choose_pairs(void **state)
{
    const unsigned wanted = getenv("VHDXRAY_EVERY_CASE") != NULL ? ALL_OTHER_PAIRS : OTHER_PAIRS;
    static const struct test_case *cases[MOST];
    uint64_t random = 11;
    (void)state;

    size_t count = collect(false, cases);
    for (unsigned n = 0; n < PAIRS && count > 20; n++) {
        draw(cases, count, &random);
        if (fit_together())
            pairs[pair_count++] = (struct pair){first, second};
    }
    random = 5;
    count = collect(true, cases);
    while (other_count < wanted && count > 20) {
        draw(cases, count, &random);
        if (first->params == second->params && first != second && fit_together())
            other_pairs[other_count++] = (struct pair){first, second};
    }
    return 0;
}

static void keeps_promises(const struct pair *p, enum mode mode)
{
    char name[128];

    first = p->first;
    second = p->second;
    assert_true(snprintf(name, sizeof(name), "%s and %s", first->name, second->name) > 0);
    const struct test_case c = {.name = name, .rule = first->rule, .params = first->params, .mutate = both};
    print_message("# %s\n", name);
    plan_keeps_its_promises(&(struct job){.c = &c, .mode = mode, .may_stay = may_stay});
}

static void two_faults(void **state)
{
    (void)state;
    assert_true(pair_count > PAIRS / 2);
    for (unsigned n = 0; n < pair_count; n++)
        keeps_promises(&pairs[n], n % 3 == 0 ? BY_ITSELF : EVERYTHING);
}

/*
 * And any two that bend the same other image: a child, a fixed disk, one with an older place of a block. Some of them,
 * or many (VHDXRAY_EVERY_CASE).
 */
static void two_faults_of_other_images(void **state)
{
    (void)state;
    assert_true(other_count >= OTHER_PAIRS);
    for (unsigned n = 0; n < other_count; n++)
        keeps_promises(&other_pairs[n], n % 4 == 0 ? BY_ITSELF : EVERYTHING);
}

/* ---- what is in the way ---- */

static void region_over(struct img *img, uint64_t off)
{
    static const struct guid stranger = {{0x77, 1, 2, 3}};

    img_region_add(img, &(struct region_entry){.guid = stranger, .off = off, .len = 0x100000, .required_word = 0});
}

static void bat_is_shared(struct img *img)
{
    region_over(img, img->bat_off);
}

static void metadata_is_shared(struct img *img)
{
    region_over(img, img->metadata_off);
}

static void log_is_shared(struct img *img)
{
    region_over(img, img->log_off);
}

static void block_over(struct img *img, uint64_t off)
{
    img_bat_set(img, img_block_index(img, 0), off | PAYLOAD_FULLY_PRESENT);
}

static void block_over_bat(struct img *img)
{
    block_over(img, img->bat_off);
}

static void block_over_metadata(struct img *img)
{
    block_over(img, img->metadata_off);
}

static void block_over_log(struct img *img)
{
    block_over(img, img->log_off);
}

static void block_behind_the_end(struct img *img)
{
    block_over(img, img->size + MIB - img->size % MIB);
}

static void file_ends_early(struct img *img)
{
    img_resize(img, img->size - 0x8001);
}

static void (*const obstacles[])(struct img *img) = {
    bat_is_shared,       metadata_is_shared, log_is_shared,        block_over_bat,
    block_over_metadata, block_over_log,     block_behind_the_end, file_ends_early,
};
static void (*obstacle)(struct img *img);

static void obstacle_first(struct img *img)
{
    obstacle(img);
    first->mutate(img);
}

static void obstacle_last(struct img *img)
{
    first->mutate(img);
    obstacle(img);
}

/* Each case with a third of them, or with all: VHDXRAY_EVERY_CASE in the environment (tools/test-coverage). */
static void obstacles_in_the_way(void **state)
{
    bool all = getenv("VHDXRAY_EVERY_CASE") != NULL;

    (void)state;
    for (size_t o = 0; o < sizeof(obstacles) / sizeof(obstacles[0]); o++)
        for (size_t t = 0; t < TABLES; t++)
            for (size_t i = 0; i < tables[t]->count; i++) {
                struct test_case c = tables[t]->cases[i];
                first = &tables[t]->cases[i];
                obstacle = obstacles[o];
                if (!all && i % 3 != o % 3)
                    continue;
                if (c.mutate == NULL || c.damage != NULL || strncmp(c.name, "meta-no-", 8) == 0 ||
                    strcmp(c.name, "bat-payload-at-256-tib") == 0)
                    continue; /* the builder does not bend what it has removed; we look at every byte of what grows */
                c.mutate = obstacles[o] != file_ends_early && (o < 3 || i % 2 == 0) ? obstacle_first : obstacle_last;
                print_message("# %s and obstacle %zu\n", c.name, o);
                plan_keeps_its_promises(
                    &(struct job){.c = &c, .mode = i % 4 == 0 ? BY_ITSELF : EVERYTHING, .may_stay = may_stay});
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_faults), cmocka_unit_test(two_faults_of_other_images),
                                       cmocka_unit_test(obstacles_in_the_way)};

    return cmocka_run_group_tests(tests, choose_pairs, NULL);
}
