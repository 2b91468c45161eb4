/* SPDX-License-Identifier: MIT */
/* Writes reports into memory, as the command writes them into a file. */
#include "reports.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#include <cmocka.h> /* last: its macro fail() is the name of a function in check/rule.h */

static const struct case_table *const tables[] = {&container_cases, &metadata_cases, &block_cases, &log_cases,
                                                  &chain_cases,     &forensic_cases, &tool_cases};

void reports_each_case(void (*fn)(const struct test_case *c, bool guard, void *ctx), void *ctx)
{
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            fn(&tables[t]->cases[i], false, ctx);
            fn(&tables[t]->cases[i], true, ctx);
        }
    }
}

char *reports_of(const struct checked *list, size_t count, enum report_format format, int exit_code,
                 enum status *ret_status)
{
    char *text = NULL;
    size_t len = 0;
    struct report r = {.out = open_memstream(&text, &len), .format = format, .exit_code = exit_code};

    assert_non_null(r.out);
    *ret_status = report_begin(&r, "images");
    if (*ret_status == STATUS_OK) {
        for (size_t i = 0; i < count; i++)
            report_check(&r, list[i].result);
        *ret_status = report_end(&r);
    }
    assert_int_equal(fclose(r.out), 0);
    return text;
}

char *reports_within(int resource, rlim_t most, const struct checked *c, enum report_format format,
                     enum status *ret_status)
{
    struct rlimit before, now;

    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit((__rlimit_resource_t)resource, &before), 0);
    now = before;
    now.rlim_cur = most;
    assert_int_equal(setrlimit((__rlimit_resource_t)resource, &now), 0);
    char *text = reports_of(c, 1, format, 0, ret_status);
    assert_int_equal(setrlimit((__rlimit_resource_t)resource, &before), 0);
    return text;
}

char *reports_of_case(const struct test_case *c, bool guard, enum report_format format)
{
    struct case_run run;
    char path[128];
    enum status st;

    case_open(c, guard, &run);
    int n = snprintf(path, sizeof(path), "%s%s%s", c->name, guard ? "-guard" : "", strrchr(run.scene.path, '.'));
    assert_true(n > 0 && (size_t)n < sizeof(path));
    run.image->path = path;
    char *text = reports_of(&(struct checked){.result = run.result}, 1, format, 0, &st);
    assert_int_equal(st, STATUS_OK);
    case_close(&run);
    return text;
}

struct checked reports_check(const struct img *img, const char *path, uint64_t max_findings)
{
    struct checked c = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .source = img_source(img)};
    struct check_options options = {.max_findings = max_findings};
    struct chain_options chain = {.parent_count = 0};

    assert_non_null(c.arena);
    assert_non_null(c.source);
    assert_int_equal(image_open(c.arena, c.source, path, NULL, NULL, &c.image), STATUS_OK);
    assert_int_equal(chain_resolve(c.image, &chain), STATUS_OK);
    assert_int_equal(check_run(c.image, &options, NULL, &c.result), STATUS_OK);
    return c;
}

void reports_done(struct checked *c)
{
    chain_close(c->image);
    image_close(c->image);
    source_close(c->source);
    arena_destroy(c->arena);
}
