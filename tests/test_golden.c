/* SPDX-License-Identifier: MIT */
/*
 * Golden reports: what `check -f json` prints for chosen cases, compared byte for byte with tests/golden/<case>.json.
 * They were read against the rules before they were committed, so a difference is a decision: `ninja golden` writes
 * them anew, and the diff is reviewed like code. Host facts are those of the scene (cases.h), never of this machine.
 *
 * Runs in the root of the tree, as ninja and tools/unit do.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "cases.h"
#include "report/report.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

#define FOLDER "tests/golden"
#define SUFFIX ".json"

/* ---- images that no table has ---- */

static void parent_given(struct scene *s)
{
    scene_add(s, SCENE_NAMED, "parent.vhdx", img_create(NULL));
}

/* Quotes, an escape sequence, C1 and bidirectional controls, an unpaired surrogate. */
static void hostile_creator(struct img *img)
{
    static const uint16_t creator[] = {'"', '\\', '\'', '<', '/', '\n', '\t', 0x1b,   '[',    '2',
                                       'J', 0x7f, 0x9b, 'm', ' ', 0xe4, ' ',  0xd800, 0x202e, 'x'};
    for (size_t i = 0; i < sizeof(creator) / sizeof(creator[0]); i++)
        put_le16(img_bytes(img, 8 + 2 * i, 2), creator[i]);
    put_le16(img_bytes(img, 8 + sizeof(creator), 2), 0);
}

static void hostile_locator(struct img *img)
{
    static const struct locator_string pairs[] = {
        {"parent_linkage", "\x1b]0;title\x07"},       {"relative_path", "..\\..\\..\\etc\\passwd:stream"},
        {"volume_path", "\\\\?\\Volume{../..}\\CON"}, {"absolute_win32_path", "\\\\.\\PhysicalDrive0"},
        {"Relative_Path", "\"\xe2\x80\xae.vhdx"},     {"\x1b[2J", "\x7f"},
    };
    img_set_locator(img, pairs, sizeof(pairs) / sizeof(pairs[0]));
}

static void many_reserved_states(struct scene *s)
{
    for (uint64_t block = 0; block < 10; block++)
        img_block_set(s->img, block, 4, 0);
    s->check.max_findings = 2;
}

static const struct img_params WINDOWS = {.windows_traces = true};
static const struct img_params WINDOWS_CHILD = {.type = IMG_DIFFERENCING, .windows_traces = true};
static const struct img_params CHILD = {.type = IMG_DIFFERENCING};
static const struct img_params QEMU = {.layout = IMG_QEMU};

static const struct test_case own_cases[] = {
    {.name = "windows-dynamic", .params = &WINDOWS},
    {.name = "windows-differencing", .params = &WINDOWS_CHILD},
    {.name = "windows-differencing-with-parent", .params = &WINDOWS_CHILD, .damage = parent_given},
    {.name = "qemu-dynamic", .params = &QEMU},
    {.name = "hostile-creator", .mutate = hostile_creator},
    {.name = "hostile-locator", .params = &CHILD, .mutate = hostile_locator},
    {.name = "findings-suppressed", .damage = many_reserved_states},
};

/* Rows of other tables. */
static const struct {
    const struct case_table *table;
    const char *name;
} borrowed[] = {
    {&container_cases, "file-empty"},
    {&container_cases, "file-region-tables-unreadable"},
    {&container_cases, "hdr-both-checksums"},
    {&container_cases, "rgn-copies-disagree"},
    {&block_cases, "bat-last-block-cut-behind-the-disk"},
    {&block_cases, "rg-log-20-page-of-the-bat-moved-by-8-bytes"},
    {&log_cases, "log-replay-makes-it-worse"},
    {&log_cases, "log-target-wraps"},
    {&chain_cases, "rg-dif-02-linkage-mismatch"},
};

enum { OWN = sizeof(own_cases) / sizeof(own_cases[0]), BORROWED = sizeof(borrowed) / sizeof(borrowed[0]) };

static size_t golden_count(void)
{
    return tool_cases.count + OWN + BORROWED;
}

static const struct test_case *golden_case(size_t i)
{
    if (i < tool_cases.count)
        return &tool_cases.cases[i];
    i -= tool_cases.count;
    if (i < OWN)
        return &own_cases[i];
    i -= OWN;
    for (size_t k = 0; k < borrowed[i].table->count; k++)
        if (strcmp(borrowed[i].table->cases[k].name, borrowed[i].name) == 0)
            return &borrowed[i].table->cases[k];
    print_error("no case %s in table %s\n", borrowed[i].name, borrowed[i].table->name);
    abort();
}

/* ---- reports ---- */

/* The whole report, its path the case's name with the extension of its type; free() it. */
static char *report_of(const struct test_case *c)
{
    struct case_run run;
    char path[128], *text = NULL;
    size_t len = 0;

    case_open(c, false, &run);
    int n = snprintf(path, sizeof(path), "%s%s", c->name, strrchr(run.scene.path, '.'));
    assert_true(n > 0 && (size_t)n < sizeof(path));
    run.image->path = path;
    struct report r = {.out = open_memstream(&text, &len), .format = REPORT_JSON};
    assert_non_null(r.out);
    assert_int_equal(report_begin(&r, "images"), STATUS_OK);
    report_check(&r, run.result);
    assert_int_equal(report_end(&r), STATUS_OK);
    assert_int_equal(fclose(r.out), 0);
    case_close(&run);
    return text;
}

static void golden_path(const struct test_case *c, char *buf, size_t size)
{
    int n = snprintf(buf, size, FOLDER "/%s" SUFFIX, c->name);
    assert_true(n > 0 && (size_t)n < size);
}

/* The file's bytes, NUL behind them; free() it. NULL when it cannot be opened. */
static char *file_text(const char *path)
{
    char *text = NULL, piece[4096];
    size_t len = 0, n;
    FILE *in = fopen(path, "r");

    if (!in)
        return NULL;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    while ((n = fread(piece, 1, sizeof(piece), in)) > 0)
        assert_int_equal(fwrite(piece, 1, n, out), n);
    assert_int_equal(ferror(in), 0);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static int line_len(const char *s)
{
    return (int)strcspn(s, "\n");
}

/* The first line in which they differ. */
static void fail_at_difference(const char *path, const char *golden, const char *now)
{
    unsigned line = 1;

    while (line_len(golden) == line_len(now) && memcmp(golden, now, (size_t)line_len(golden) + 1) == 0) {
        golden += line_len(golden) + 1;
        now += line_len(now) + 1;
        line++;
    }
    fail_msg("%s:%u\n  golden: %.*s\n  now:    %.*s\n  `ninja golden` writes it anew", path, line, line_len(golden),
             golden, line_len(now), now);
}

static void report_is_golden(void **state)
{
    const struct test_case *c = *state;
    char path[256];
    golden_path(c, path, sizeof(path));
    char *now = report_of(c), *golden = file_text(path);

    if (!golden)
        fail_msg("%s: %s; `ninja golden` writes it", path, strerror(errno));
    else if (strcmp(golden, now) != 0)
        fail_at_difference(path, golden, now);
    free(golden);
    free(now);
}

/* ---- the folder ---- */

static bool is_golden_name(const char *file)
{
    for (size_t i = 0; i < golden_count(); i++) {
        const char *name = golden_case(i)->name;
        size_t len = strlen(name);
        if (strncmp(file, name, len) == 0 && strcmp(file + len, SUFFIX) == 0)
            return true;
    }
    return false;
}

static void no_report_outlives_its_case(void **state)
{
    struct dirent *e;
    unsigned strays = 0;
    (void)state;
    DIR *d = opendir(FOLDER);
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.' || is_golden_name(e->d_name))
            continue;
        print_error("%s/%s belongs to no case\n", FOLDER, e->d_name);
        strays++;
    }
    assert_int_equal(closedir(d), 0);
    assert_int_equal(strays, 0);
}

/* What changed is written; a file that is right keeps its time. */
static int rewrite(void)
{
    unsigned written = 0;

    for (size_t i = 0; i < golden_count(); i++) {
        const struct test_case *c = golden_case(i);
        char path[256];
        golden_path(c, path, sizeof(path));
        char *now = report_of(c), *golden = file_text(path);
        if (!golden || strcmp(golden, now) != 0) {
            FILE *out = fopen(path, "w");
            if (!out || fputs(now, out) < 0 || fclose(out) != 0) {
                perror(path);
                return 1;
            }
            printf("%s\n", path);
            written++;
        }
        free(golden);
        free(now);
    }
    printf("%u of %zu golden reports written\n", written, golden_count());
    return 0;
}

int main(void)
{
    static const struct CMUnitTest folder[] = {cmocka_unit_test(no_report_outlives_its_case)};
    const char *mode = getenv("VHDXRAY_GOLDEN");

    if (mode && strcmp(mode, "rewrite") == 0)
        return rewrite();
    struct CMUnitTest *tests = calloc(golden_count(), sizeof(*tests));
    if (!tests)
        return 1;
    for (size_t i = 0; i < golden_count(); i++) {
        const struct test_case *c = golden_case(i);
        tests[i] = (struct CMUnitTest){c->name, report_is_golden, NULL, NULL, (void *)(uintptr_t)c};
    }
    int failed = _cmocka_run_group_tests("golden", tests, golden_count(), NULL, NULL);
    free(tests);
    return failed + cmocka_run_group_tests_name("golden folder", folder, NULL, NULL);
}
