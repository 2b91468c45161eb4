/* SPDX-License-Identifier: MIT */
/*
 * Files, stages and the public API on a host that fails: each allocation, read, change and question for holes in turn.
 * The caller hears of it, or has the very bytes and facts of a host that does not fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api_memory.h"
#include "disk.h"
#include "fault_sites.h"
#include "io/ahead.h"
#include "io/callbacks.h"
#include "io/copy.h"

static const uint64_t PLENTY = (uint64_t)64 << 20;

static enum status status_for(enum site_kind failed)
{
    return failed == SITE_MEMORY ? STATUS_NO_MEMORY : failed == SITE_TIME ? STATUS_LIMIT : STATUS_IO;
}

/* ---- sources ---- */

static const uint8_t some[] = {1, 2, 3, 4, 5};

static void run_mem(void *ctx)
{
    (void)ctx;
    sites_begin();
    struct source *s = mem_open(some, sizeof(some));
    enum site_kind failed = sites_end();
    assert_true((s == NULL) == (failed == SITE_MEMORY));
    source_close(s);
}

static void run_extents(void *ctx)
{
    const struct mem_extent parts[] = {{.off = 10, .ptr = some, .len = 5}, {.off = 12, .ptr = some, .len = 5}};
    uint8_t buf[20];

    (void)ctx;
    sites_begin();
    struct source *s = extents_open(parts, 2, sizeof(buf));
    enum site_kind failed = sites_end();
    assert_true((s == NULL) == (failed == SITE_MEMORY));
    if (s != NULL) {
        static const uint8_t want[20] = {[10] = 1, 2, 1, 2, 3, 4, 5};
        assert_int_equal(source_read(s, 0, buf, sizeof(buf)), STATUS_OK);
        assert_memory_equal(buf, want, sizeof(buf));
    }
    source_close(s);
}

static int refuse_read(void *context, uint64_t off, void *buf, size_t len)
{
    (void)context;
    (void)off;
    (void)buf;
    return len > 0 ? EIO : 0;
}

static void run_callbacks(void *ctx)
{
    const struct callbacks c = {.read = refuse_read};

    (void)ctx;
    sites_begin();
    struct source *s = callbacks_open(&c, 4096);
    enum site_kind failed = sites_end();
    assert_true((s == NULL) == (failed == SITE_MEMORY));
    source_close(s);
}

static void run_ahead(void *ctx)
{
    (void)ctx;
    sites_begin();
    struct ahead *a = ahead_start();
    enum site_kind failed = sites_end();
    assert_true((a == NULL) == (failed == SITE_MEMORY));
    ahead_stop(a);
}

static void sources(void **state)
{
    (void)state;
    assert_true(sites_try(run_mem, NULL) == 1);
    assert_true(sites_try(run_extents, NULL) == 2);
    assert_true(sites_try(run_callbacks, NULL) == 1);
    assert_true(sites_try(run_ahead, NULL) == 2);
}

/* ---- stages and copies ---- */

static struct disk base, copied;

static void make_base(void)
{
    uint8_t page[DISK_PAGE];

    memset(&base, 0, sizeof(base));
    base.own_from = pool_mark();
    for (uint64_t off = 0; off < 64 * DISK_PAGE; off += 2 * DISK_PAGE) {
        memset(page, (int)(1 + off / DISK_PAGE), sizeof(page));
        disk_write(&base, off, page, sizeof(page));
    }
    disk_resize(&base, 100 * DISK_PAGE);
}

struct staged {
    struct store *under, *stage, *to;
    struct disk out;
    uint64_t mark;
};

static void staged_open(struct staged *s)
{
    static const uint8_t bytes[5000] = {[7] = 1, [4999] = 2};

    s->mark = pool_mark();
    s->under = disk_store(&base, NULL, 0, NULL);
    memset(&s->out, 0, sizeof(s->out));
    s->out.own_from = s->mark;
    s->to = disk_store(&s->out, NULL, 1, NULL);
    assert_int_equal(stage_open(s->under->source, PLENTY, &s->stage), STATUS_OK);
    assert_int_equal(store_write(s->stage, 3000, bytes, sizeof(bytes)), STATUS_OK);
    assert_int_equal(store_zero(s->stage, 20 * DISK_PAGE, 9 * DISK_PAGE), STATUS_OK);
    assert_int_equal(stage_copy(s->stage, 101 * DISK_PAGE, 4 * DISK_PAGE, 5 * DISK_PAGE), STATUS_OK);
}

static void staged_close_all(struct staged *s)
{
    store_close(s->stage);
    store_close(s->to);
    store_close(s->under);
    pool_release(s->mark);
}

static bool heard(void *ctx, uint64_t bytes)
{
    *(uint64_t *)ctx += bytes;
    return true;
}

static void run_copy(void *ctx)
{
    uint64_t *known = ctx, told = 0;
    struct staged s;

    staged_open(&s);
    sites_begin();
    enum status st = store_copy(s.to, s.stage->source, heard, &told);
    enum site_kind failed = sites_end();
    assert_int_equal(st, failed == SITE_NONE ? STATUS_OK : status_for(failed));
    if (failed == SITE_NONE) {
        assert_true(disk_load(&copied, s.stage->source));
        assert_true(disk_equal(&s.out, &copied));
        *known = told;
    }
    assert_true(told <= *known);
    staged_close_all(&s);
}

static void run_put(void *ctx)
{
    struct staged s;

    (void)ctx;
    staged_open(&s);
    disk_copy(&s.out, &base);
    s.out.own_from = pool_mark();
    store_close(s.to);
    s.to = disk_store(&s.out, NULL, 1, NULL);
    sites_begin();
    enum status st = stage_put(s.stage, s.to);
    enum site_kind failed = sites_end();
    assert_int_equal(st, failed == SITE_NONE ? STATUS_OK : status_for(failed));
    if (failed == SITE_NONE) {
        assert_true(disk_load(&copied, s.stage->source));
        assert_true(disk_equal(&s.out, &copied));
    }
    staged_close_all(&s);
}

/* Pieces that change nothing, so that all of them are compared. */
static void run_unchanged(void *ctx)
{
    struct staged s;
    uint8_t page[DISK_PAGE];
    struct store *stage;
    bool same = false;

    (void)ctx;
    staged_open(&s);
    assert_int_equal(stage_open(s.under->source, PLENTY, &stage), STATUS_OK);
    disk_read(&base, 2 * DISK_PAGE, page, sizeof(page));
    assert_int_equal(store_write(stage, 2 * DISK_PAGE, page, sizeof(page)), STATUS_OK);
    assert_int_equal(stage_copy(stage, 4 * DISK_PAGE, 4 * DISK_PAGE, 2 * DISK_PAGE), STATUS_OK);
    assert_int_equal(store_zero(stage, 70 * DISK_PAGE, 9 * DISK_PAGE), STATUS_OK);
    sites_begin();
    enum status st = stage_unchanged(stage, &same);
    enum site_kind failed = sites_end();
    assert_int_equal(st, failed == SITE_NONE ? STATUS_OK : status_for(failed));
    assert_true(same == (st == STATUS_OK));
    store_close(stage);
    staged_close_all(&s);
}

static void stages(void **state)
{
    uint64_t known = UINT64_MAX, mark = pool_mark();

    (void)state;
    make_base();
    assert_true(sites_try(run_copy, &known) >= 5);
    assert_true(sites_try(run_put, NULL) >= 4);
    assert_true(sites_try(run_unchanged, NULL) >= 4);
    pool_release(mark);
}

/* ---- the API ---- */

struct program {
    const struct img *img;
    vhdxray_facts facts;
    vhdxray_summary summary;
    vhdxray_finding finding;
    vhdxray_extent extent;
    uint8_t guest[4096];
    char *json;
    bool known;
};

static bool is_told(vhdxray_status st, enum site_kind failed)
{
    switch (failed) {
    case SITE_MEMORY:
        return st == VHDXRAY_ERROR_NO_MEMORY || st == VHDXRAY_ERROR_LIMIT;
    case SITE_TIME:
        return st == VHDXRAY_ERROR_LIMIT;
    default:
        return st == VHDXRAY_ERROR_IO || st == VHDXRAY_ERROR_REFUSED;
    }
}

static void run_program(void *ctx)
{
    struct program *p = ctx;
    struct memory m = {.img = p->img};
    struct program now = {
        .facts.size_of = sizeof(now.facts),
        .summary.size_of = sizeof(now.summary),
        .finding.size_of = sizeof(now.finding),
        .extent.size_of = sizeof(now.extent),
    };
    vhdxray *h = NULL;
    const char *json = "";
    size_t len = 0;
    uint64_t used = 0;

    sites_begin();
    vhdxray_status st = memory_open(&m, NULL, &h);
    if (st == VHDXRAY_OK)
        st = vhdxray_get_facts(h, &now.facts);
    if (st == VHDXRAY_OK)
        st = vhdxray_check(h, &now.summary);
    if (st == VHDXRAY_OK && now.summary.finding_count > 0)
        st = vhdxray_get_finding(h, 0, &now.finding);
    if (st == VHDXRAY_OK)
        st = vhdxray_get_json(h, &json, &len);
    if (st == VHDXRAY_OK)
        st = vhdxray_read(h, 0, now.guest, sizeof(now.guest));
    for (uint64_t off = 0; st == VHDXRAY_OK && off < now.facts.virtual_size; off += now.extent.length) {
        st = vhdxray_get_extent(h, off, UINT64_MAX, &now.extent);
        used += st == VHDXRAY_OK && now.extent.state == VHDXRAY_STATE_FULLY_PRESENT ? now.extent.length : 0;
    }
    enum site_kind failed = sites_end();
    if (!p->known) {
        if (st != VHDXRAY_OK)
            fail_msg("%s", vhdxray_last_error(h));
        assert_true(used > 0);
        p->json = strdup(json);
        memcpy(p->guest, now.guest, sizeof(p->guest));
        p->known = true;
    } else if (st == VHDXRAY_OK && now.summary.complete) {
        assert_string_equal(json, p->json);
        assert_memory_equal(now.guest, p->guest, sizeof(p->guest));
    } else if (st != VHDXRAY_OK) {
        assert_true(is_told(st, failed));
        assert_true(h == NULL || vhdxray_last_error(h)[0] != '\0');
    }
    assert_int_equal(m.outside, 0);
    vhdxray_close(h);
}

static void programs(void **state)
{
    static const struct img_params kinds[] = {{.states = "6.2666"}, {.type = IMG_FIXED}};
    uint64_t runs = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct img *img = img_create(&kinds[i]);
        struct program p = {.img = img};
        if (i == 0)
            img_make_dirty_bat(img, img_block_index(img, 0), img_bat_get(img, img_block_index(img, 0)));
        runs += sites_try(run_program, &p);
        free(p.json);
        img_free(img);
    }
    printf("# %llu runs with a failure\n", (unsigned long long)runs);
    assert_true(runs >= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sources), cmocka_unit_test(stages), cmocka_unit_test(programs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
