/* SPDX-License-Identifier: MIT */
/*
 * Reports without memory: for every case of the tables, whatever allocation fails while something is reported, the
 * report says that it is not whole, or it is the very report of a host with enough. Besides, nothing that fails while
 * an image is looked at, carved or copied for its metadata may end the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "carve/carve.h"
#include "fault_sites.h"
#include "image/bat_walk.h"
#include "plan_promises.h"
#include "report/carve.h"
#include "report/metadump.h"
#include "report/plan.h"
#include "report/report.h"
#include "write/metadump.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static const struct case_table *const tables[] = {&container_cases, &metadata_cases, &block_cases, &log_cases,
                                                  &chain_cases,     &forensic_cases, &tool_cases,  &edge_cases};

struct subject_case {
    const struct test_case *c;
    struct planned planned;
    enum report_format format;
    char *expected;
    uint64_t runs;
};

/* What a run works on, made anew each time. */
struct fresh {
    struct arena *arena;
    struct image *image;
    struct report report;
    char *text;
    size_t len;
};

static void fresh_open(struct subject_case *s, struct fresh *f, bool model)
{
    *f = (struct fresh){.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    assert_non_null(f->arena);
    if (model) {
        assert_int_equal(image_open(f->arena, s->planned.run.source, "case.vhdx", NULL, NULL, &f->image), STATUS_OK);
        assert_int_equal(view_survey(f->image->main), STATUS_OK);
    }
    f->report = (struct report){
        .out = open_memstream(&f->text, &f->len), .format = s->format, .color = true, .verbose = true, .width = 72};
    assert_non_null(f->report.out);
}

/* whole: what was reported claims to be all of it. */
static void fresh_close(struct subject_case *s, struct fresh *f, bool whole, enum site_kind failed)
{
    assert_int_equal(fclose(f->report.out), 0);
    if (failed == SITE_NONE && s->expected == NULL) {
        s->expected = f->text;
    } else {
        if (whole && failed == SITE_MEMORY && strcmp(f->text, s->expected) != 0)
            fail_msg("%s, format %d: something is missing, and the report does not say so:\n%s\nand not\n%s",
                     s->c->name, (int)s->format, f->text, s->expected);
        free(f->text);
    }
    image_close(f->image);
    arena_destroy(f->arena);
}

static void run_check(void *ctx)
{
    struct subject_case *s = ctx;
    struct fresh f;

    fresh_open(s, &f, false);
    sites_begin();
    enum status st = report_begin(&f.report, "images");
    if (st == STATUS_OK) {
        report_check(&f.report, s->planned.run.result);
        report_unopened(&f.report, "another.vhdx", "it is not there");
        st = report_end(&f.report);
    }
    fresh_close(s, &f, st == STATUS_OK, sites_end());
}

static void run_facts(void *ctx)
{
    struct subject_case *s = ctx;
    const struct dump_options all = {.parts = DUMP_ALL, .hex = true};
    const char *missing = NULL;
    struct fresh f;

    fresh_open(s, &f, true);
    sites_begin();
    enum status st = report_begin(&f.report, NULL);
    if (st == STATUS_OK) {
        report_info(&f.report, f.image);
        enum status logged = report_log(&f.report, f.image, true);
        enum status dumped = report_dump(&f.report, f.image, &all, &missing);
        st = report_end(&f.report);
        st = st != STATUS_OK ? st : logged != STATUS_OK ? logged : dumped;
    }
    enum site_kind failed = sites_end();
    fresh_close(s, &f, st == STATUS_OK && arena_status(f.arena) == STATUS_OK, failed);
}

static void run_plan(void *ctx)
{
    struct subject_case *s = ctx;
    const struct plan_report report = {.path = "case.vhdx", .plan = &s->planned.plan};
    struct fresh f;

    fresh_open(s, &f, false);
    sites_begin();
    enum status st = report_begin(&f.report, NULL);
    if (st == STATUS_OK) {
        enum status planned = report_plan(&f.report, &report);
        st = report_end(&f.report);
        st = st != STATUS_OK ? st : planned;
    }
    fresh_close(s, &f, st == STATUS_OK, sites_end());
}

static void run_carve(void *ctx)
{
    struct subject_case *s = ctx;
    const struct carve_options options = {.no_payload = false};
    struct carve *carve = NULL;
    struct fresh f;
    bool *selected = NULL, complete = false;

    fresh_open(s, &f, true);
    sites_begin();
    enum status st = carve_run(f.image, &options, &carve);
    if (st == STATUS_OK)
        selected = calloc((size_t)carve->item_count + 1, sizeof(*selected));
    if (selected != NULL && report_begin(&f.report, NULL) == STATUS_OK) {
        for (uint64_t i = 0; i < carve->item_count; i++)
            selected[i] = true;
        report_carve(&f.report, &(struct carve_listing){.carve = carve, .selected = selected});
        complete = report_end(&f.report) == STATUS_OK && carve->complete;
    }
    enum site_kind failed = sites_end();
    carve_close(carve);
    free(selected);
    fresh_close(s, &f, complete, failed);
}

static bool mix(void *ctx, const struct guid *g, uint8_t out[16])
{
    (void)ctx;
    (void)g;
    memset(out, 0x77, 16);
    return true;
}

static void run_metadump(void *ctx)
{
    struct subject_case *s = ctx;
    const struct metadump_options options = {.redact = true, .mix = mix};
    struct metadump made = {.names = 0};
    struct store *stage = NULL;
    struct fresh f;

    fresh_open(s, &f, true);
    sites_begin();
    enum status st = stage_open(s->planned.run.source, LIMIT_MEMORY_DEFAULT, &stage);
    if (st == STATUS_OK)
        st = metadump_make(f.image, stage, &options, &made);
    enum site_kind failed = sites_end();
    if (failed == SITE_CHANGE && st == STATUS_OK)
        fail_msg("%s: a change of the copy failed, and nobody noticed", s->c->name);
    if (st == STATUS_OK)
        for (uint64_t i = 0; i < stage_piece_count(stage); i++) {
            struct stage_piece p = stage_piece(stage, i);
            (void)fprintf(f.report.out, "%llx %llx %d\n", (unsigned long long)p.off, (unsigned long long)p.len,
                          (int)p.kind);
        }
    store_close(stage);
    fresh_close(s, &f, st == STATUS_OK, failed);
}

/*
 * One in `step` of the cases: to look for new ways takes longer than to go them. With VHDXRAY_EVERY_CASE in the
 * environment it is every one (tools/test-coverage).
 */
static void each_case(site_run *run, const enum report_format *formats, size_t count, size_t step, enum mode mode)
{
    uint64_t runs = 0;
    size_t n = 0;

    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (size_t i = 0; i < tables[t]->count; i++) {
            struct job job = {.c = &tables[t]->cases[i], .mode = mode};
            struct subject_case s = {.c = job.c};
            if (n++ % step != 0 && getenv("VHDXRAY_EVERY_CASE") == NULL)
                continue;
            planned_open(&s.planned, &job);
            for (size_t k = 0; k < count; k++) {
                s.format = formats[k];
                runs += sites_try(run, &s);
                free(s.expected);
                s.expected = NULL;
            }
            planned_close(&s.planned);
        }
    printf("# %llu runs with a failure\n", (unsigned long long)runs);
    assert_true(runs >= 10);
}

static const enum report_format all_formats[] = {REPORT_TEXT, REPORT_JSON, REPORT_JSONL, REPORT_SARIF, REPORT_HTML};

static void checks(void **state)
{
    (void)state;
    each_case(run_check, all_formats, 5, 13, BY_ITSELF);
}

static void facts(void **state)
{
    (void)state;
    each_case(run_facts, all_formats, 2, 9, BY_ITSELF);
}

static void plans(void **state)
{
    (void)state;
    each_case(run_plan, all_formats, 2, 7, EVERYTHING);
}

static void carving(void **state)
{
    (void)state;
    each_case(run_carve, all_formats, 2, 13, BY_ITSELF);
}

static void metadata_copies(void **state)
{
    (void)state;
    each_case(run_metadump, all_formats, 1, 3, BY_ITSELF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(checks), cmocka_unit_test(facts), cmocka_unit_test(plans),
                                       cmocka_unit_test(carving), cmocka_unit_test(metadata_copies)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
