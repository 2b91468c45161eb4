/* SPDX-License-Identifier: MIT */
/*
 * What reports say that hardly an image makes them say: VHDX structures inside blocks of the guest, more of something
 * than is listed, copies of metadata that show something else, lines of the same file. The words by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "build.h"
#include "repair/plan.h"
#include "report/carve.h"
#include "report/dump.h"
#include "report/log_report.h"
#include "report/metadump.h"
#include "report/plan.h"
#include "report/summary.h"

#include <cmocka.h> /* behind the others: its macro fail() would eat the function of check/rule.h */

#include "said.h"

static void say_begin(struct said *s, enum report_format format, bool verbose)
{
    said_open(s, format);
    s->r.verbose = verbose;
    assert_int_equal(report_begin(&s->r, NULL), STATUS_OK);
}

static void say_end(struct said *s)
{
    assert_int_equal(report_end(&s->r), STATUS_OK);
    said_close(s);
}

/* ---- plans ---- */

static void say_plan(struct said *s, const struct plan_report *p, bool verbose, bool quiet)
{
    say_begin(s, REPORT_TEXT, verbose);
    s->r.quiet = quiet;
    assert_int_equal(report_plan(&s->r, p), STATUS_OK);
    say_end(s);
}

/* Ten entries with one fault: eight are told in full, or all of them. */
static void steps_of_one_kind(void **state)
{
    struct img *img = img_create(&(struct img_params){.virtual_size = 40 * MIB, .states = "66666666666666666666"});
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct plan_report p = {.path = "x.vhdx"};
    const struct plan_bytes *bytes;
    struct plan plan;
    struct said s;

    (void)state;
    assert_non_null(a);
    for (uint64_t block = 0; block < 20; block += 2)
        img_bat_set(img, block, img_bat_get(img, block) | 8);
    struct source *src = img_source(img);
    assert_int_equal(plan_make(a, src, "x.vhdx", &(struct plan_options){.max_memory = LIMIT_MEMORY_DEFAULT}, &plan),
                     STATUS_OK);
    assert_true(plan.step_count >= 10);
    p.plan = &plan;
    say_plan(&s, &p, false, false);
    assert_says(&s, "... and 2 more like these (-v lists them)");
    free(s.text);
    say_plan(&s, &p, true, false);
    assert_silent(&s, "more like these");
    free(s.text);
    say_plan(&s, &p, false, true);
    assert_silent(&s, "where");
    free(s.text);
    p.applied = true; /* and nobody said where the old bytes are */
    say_plan(&s, &p, false, false);
    assert_silent(&s, "to take it back");
    assert_silent(&s, "written to");
    free(s.text);
    p.journal = "x.vhdx.journal";
    say_plan(&s, &p, false, false);
    assert_says(&s, "to take it back: vhdxray undo x.vhdx  (keeps the old bytes in x.vhdx.journal)");
    free(s.text);
    arena_fail_at(a, 1, false);
    assert_int_not_equal(report_plan_look(&plan, a, &bytes), STATUS_OK);
    plan_close(&plan);
    source_close(src);
    arena_destroy(a);
    img_free(img);
}

/* ---- images ---- */

static void say_image(const struct img *img, struct said *s, enum status (*say)(struct report *r, struct image *image))
{
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct source *src = img_source(img);
    struct image *image;

    assert_non_null(a);
    assert_int_equal(image_open(a, src, "x.vhdx", NULL, NULL, &image), STATUS_OK);
    (void)view_survey(image->main);
    say_begin(s, REPORT_TEXT, true);
    assert_int_equal(say(&s->r, image), STATUS_OK);
    say_end(s);
    image_close(image);
    source_close(src);
    arena_destroy(a);
}

static enum status say_dump(struct report *r, struct image *image)
{
    const char *missing = NULL;
    return report_dump(r, image, &(struct dump_options){.parts = DUMP_ALL}, &missing);
}

static enum status say_log(struct report *r, struct image *image)
{
    return report_log(r, image, true);
}

static void a_table_that_the_file_cuts(void **state)
{
    struct img *img = img_create(&(struct img_params){.layout = IMG_QEMU}); /* its metadata is behind the BAT */
    struct said s;

    (void)state;
    say_image(img, &s, say_dump);
    assert_silent(&s, "cut by the end of the file");
    free(s.text);
    img_resize(img, img->metadata_off + 4096);
    say_image(img, &s, say_dump);
    assert_says(&s, "cut by the end of the file");
    free(s.text);
    img_free(img);
}

static void bytes_behind_the_regions(void **state)
{
    struct img *img = img_create(NULL);
    struct said s;

    (void)state;
    say_image(img, &s, say_dump);
    assert_silent(&s, "not zero behind the entries");
    free(s.text);
    img_region_table(img, 1)[16 + 5 * 32] = 1;
    img_sign_region_table(img, 1);
    say_image(img, &s, say_dump);
    assert_says(&s, "not zero behind the entries");
    free(s.text);
    img_free(img);
}

static void a_replay_that_places_a_bitmap(void **state)
{
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .states = "7"});
    const uint64_t index = img_bitmap_index(img, 0), entry = img_bat_get(img, index);
    char words[64];
    struct said s;

    (void)state;
    img_bat_set(img, index, 0);
    img_make_dirty_bat(img, index, entry);
    say_image(img, &s, say_log);
    (void)snprintf(words, sizeof(words), "(present at 0x%llx)", (unsigned long long)(entry & ~(uint64_t)0xfffff));
    assert_says(&s, words);
    assert_says(&s, "(not_present)");
    free(s.text);
    img_free(img);

    img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .states = "7"});
    img_make_dirty_bat(img, index, entry - BITMAP_PRESENT + 4);
    say_image(img, &s, say_log);
    (void)snprintf(words, sizeof(words), "(invalid at 0x%llx)", (unsigned long long)(entry & ~(uint64_t)0xfffff));
    assert_says(&s, words);
    free(s.text);
    img_free(img);
}

static void runs_of_a_log_that_was_not_read(void **state)
{
    const struct log_run run = {.valid = true};

    (void)state;
    assert_int_equal(log_run_state(&(struct log_scan){.has_active = false}, &run), RUN_OLDER);
    assert_int_equal(log_run_state(&(struct log_scan){.has_active = true}, &run), RUN_ACTIVE);
}

/* ---- carving ---- */

struct carved {
    struct arena *arena;
    struct source *source;
    struct image *image;
    struct carve *carve;
    bool *selected;
};

static void carve_begin(struct carved *c, const struct img *img)
{
    const struct carve_options options = {.no_payload = false};

    *c = (struct carved){.arena = arena_create(LIMIT_MEMORY_DEFAULT), .source = img_source(img)};
    assert_non_null(c->arena);
    assert_int_equal(image_open(c->arena, c->source, "outer.vhdx", NULL, NULL, &c->image), STATUS_OK);
    assert_int_equal(carve_run(c->image, &options, &c->carve), STATUS_OK);
    c->selected = calloc((size_t)c->carve->item_count + 1, sizeof(bool));
    assert_non_null(c->selected);
    for (uint64_t i = 0; i < c->carve->item_count; i++)
        c->selected[i] = true;
}

static void carve_end(struct carved *c)
{
    free(c->selected);
    carve_close(c->carve);
    image_close(c->image);
    source_close(c->source);
    arena_destroy(c->arena);
}

static void carve_says(const struct carved *c, struct said *s, enum report_format format, bool verbose, bool filtered)
{
    say_begin(s, format, verbose);
    report_carve(&s->r, &(struct carve_listing){.carve = c->carve, .selected = c->selected, .filtered = filtered});
    say_end(s);
}

static void copy_into(struct img *img, const struct img *from, uint64_t at)
{
    static uint8_t bytes[65536];

    for (uint64_t off = 0; off < from->size && off < 4 * MIB; off += sizeof(bytes)) {
        img_read(from, off, bytes, sizeof(bytes));
        img_write(img, at + off, bytes, sizeof(bytes));
    }
}

/* A virtual disk on the virtual disk: each of its structures lies in a block, some where a block was before. */
static void image_inside_a_block(void **state)
{
    struct img *inner = img_create(
        &(struct img_params){.virtual_size = 4 * MIB, .block_size = MIB, .states = "6...", .data = IMG_DATA_NONE});
    struct img *img = img_create(&(struct img_params){.states = "666M666666", .data = IMG_DATA_DENSE});
    struct carved c;
    struct said s;

    (void)state;
    img_make_dirty_bat(inner, 0, img_bat_get(inner, 0));
    assert_true(img->params.block_size >= 2 * MIB);
    copy_into(img, inner, img_block_off(img, 2));
    memcpy(img_bytes(img, img_block_off(img, 3) + 0x5000, 4), "head", 4);
    carve_begin(&c, img);

    carve_says(&c, &s, REPORT_TEXT, false, false);
    assert_says(&s, " inside blocks of the guest's disk, perhaps of a VHDX file in there; -v lists all");
    assert_silent(&s, "inside block 2 of the guest's disk");
    assert_says(&s, "old place of block 3");
    free(s.text);

    carve_says(&c, &s, REPORT_TEXT, true, false);
    assert_says(&s, "inside block 2 of the guest's disk");
    assert_silent(&s, "-v lists all");
    free(s.text);

    /* Chosen by the user: all of them, but for one that is not. */
    c.selected[0] = false;
    carve_says(&c, &s, REPORT_TEXT, false, true);
    assert_says(&s, "inside block 2 of the guest's disk");
    free(s.text);

    carve_says(&c, &s, REPORT_JSON, false, false);
    assert_says(&s, "\"owner\":\"payload\",\"block\":2,");
    assert_says(&s, "\"block\":3,");
    free(s.text);
    carve_end(&c);
    img_free(img);
    img_free(inner);
}

static void more_than_is_listed(void **state)
{
    const uint64_t most = LIMIT_LISTED;
    struct img *img = img_create(&(struct img_params){.states = "6"});
    uint64_t end = img->size;
    struct carved c;
    struct said s;
    char words[64];

    (void)state;
    img_resize(img, end + MIB);
    for (uint64_t i = 0; i < most + 5; i++)
        memcpy(img_bytes(img, end + i * 4096, 4), "head", 4);
    carve_begin(&c, img);
    uint64_t headers = c.carve->counts[CARVE_HEADER];
    assert_true(headers >= most + 5);
    carve_says(&c, &s, REPORT_TEXT, false, false);
    (void)snprintf(words, sizeof(words), "... and %llu more; -v lists all", (unsigned long long)(headers - most));
    assert_says(&s, words);
    free(s.text);
    carve_says(&c, &s, REPORT_TEXT, true, false);
    assert_silent(&s, "-v lists all");
    free(s.text);
    carve_end(&c);
    img_free(img);
}

/* ---- copies of metadata ---- */

static void copies_that_show_something_else(void **state)
{
    static const char *const lost[] = {"VHDX-BAT-012", "VHDX-FOR-001"}, *const added[] = {"VHDX-BAT-016"};
    const struct metadump made = {.kept_bytes = 4096, .guids = 1, .names = 2, .log_pages_out = 3};
    struct metadump_report m = {
        .path = "a.vhdx",
        .output = "b.vhdx",
        .size = 8 * MIB,
        .allocated = 65536,
        .dump = &made,
        .verdict = "corrupt",
        .copy_verdict = "corrupt",
    };
    struct said s;

    (void)state;
    for (int kind = 0; kind < 5; kind++) {
        m.lost = kind == 1 || kind == 4 ? lost : NULL;
        m.lost_count = m.lost != NULL ? 2 : 0;
        m.added = kind == 2 || kind == 4 ? added : NULL;
        m.added_count = m.added != NULL ? 1 : 0;
        m.copy_verdict = kind == 3 ? "suspicious" : "corrupt";
        say_begin(&s, REPORT_TEXT, false);
        report_metadump(&s.r, &m);
        say_end(&s);
        assert_says(&s, "  not redacted: it holds the GUIDs and names of the image\n");
        if (kind > 0)
            assert_says(&s, kind == 3 ? "  checked: the image is corrupt, the copy suspicious\n"
                                      : "  checked: the image is corrupt, the copy corrupt\n");
        else
            assert_silent(&s, "the copy corrupt");
        if (m.lost != NULL)
            assert_says(&s, "  only in the image: VHDX-BAT-012 VHDX-FOR-001\n");
        else
            assert_silent(&s, "only in the image");
        if (m.added != NULL)
            assert_says(&s, "  only in the copy: VHDX-BAT-016\n");
        else
            assert_silent(&s, "only in the copy");
        free(s.text);
    }
    say_begin(&s, REPORT_JSON, false);
    report_metadump(&s.r, &m);
    say_end(&s);
    assert_says(&s, "\"redacted\": false");
    assert_says(&s, "\"VHDX-BAT-012\"");
    assert_says(&s, "\"VHDX-BAT-016\"");
    free(s.text);
}

/* ---- summaries ---- */

enum { MANY_RULES = 30, MANY_BAD = 200 };

static size_t many_findings(char *line, size_t room)
{
    size_t n = (size_t)snprintf(line, room,
                                "{\"schema_version\":\"1.0\",\"tool\":{\"name\":\"vhdxray\",\"version\":\"9\"},"
                                "\"path\":\"a.vhdx\",\"size\":4096,\"verdict\":\"corrupt\",\"complete\":false,"
                                "\"findings\":[");

    for (int i = 1; i <= MANY_RULES; i++)
        n += (size_t)snprintf(line + n, room - n, "%s{\"rule\":\"VHDX-BAT-%03d\",\"severity\":\"error\"}",
                              i > 1 ? "," : "", i);
    n += (size_t)snprintf(line + n, room - n,
                          "],\"counts\":{\"error\":%d,\"warning\":0,\"info\":0},\"suppressed\":{},\"limits\":[]}",
                          MANY_RULES);
    assert_true(n < room);
    return n;
}

static void files_counted_twice(void **state)
{
    static const enum report_format formats[] = {REPORT_TEXT, REPORT_HTML, REPORT_JSON};
    static char line[8192];
    size_t len = many_findings(line, sizeof(line));

    (void)state;
    for (size_t k = 0; k < sizeof(formats) / sizeof(formats[0]); k++) {
        struct arena *a = arena_create(16 << 20);
        const char *reason = NULL;
        struct summary sum;
        struct said s;
        assert_non_null(a);
        assert_true(summary_begin(&sum, a));
        for (int i = 0; i < 2; i++) {
            assert_int_equal(summary_add(&sum, line, len, &reason), STATUS_OK);
            assert_null(reason);
        }
        for (uint64_t i = 1; i <= MANY_BAD; i++)
            assert_int_equal(summary_note(&sum, "all.jsonl", i, "it is no report"), STATUS_OK);
        assert_int_equal(summary_sort(&sum), STATUS_OK);
        s = (struct said){.r = {.format = formats[k]}};
        s.r.out = open_memstream(&s.text, &s.len);
        assert_non_null(s.r.out);
        struct report outer = s.r;
        outer.format = formats[k] == REPORT_HTML ? REPORT_TEXT : formats[k];
        assert_int_equal(report_begin(&outer, NULL), STATUS_OK);
        enum report_format as = outer.format;
        outer.format = formats[k];
        report_summary(&outer, &sum);
        outer.format = as;
        assert_int_equal(report_end(&outer), STATUS_OK);
        assert_int_equal(fclose(s.r.out), 0);
        if (formats[k] != REPORT_JSON) {
            assert_says(&s, "a path that has one already");
            assert_says(&s, "(incomplete)");
            assert_says(&s, " more");
        }
        if (formats[k] == REPORT_TEXT)
            assert_says(&s, "2 files not looked at to the end\n");
        free(s.text);
        arena_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_one_kind),
        cmocka_unit_test(a_table_that_the_file_cuts),
        cmocka_unit_test(bytes_behind_the_regions),
        cmocka_unit_test(a_replay_that_places_a_bitmap),
        cmocka_unit_test(runs_of_a_log_that_was_not_read),
        cmocka_unit_test(image_inside_a_block),
        cmocka_unit_test(more_than_is_listed),
        cmocka_unit_test(copies_that_show_something_else),
        cmocka_unit_test(files_counted_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
