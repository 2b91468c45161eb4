/* SPDX-License-Identifier: MIT */
/*
 * Guest writes to damaged images, and copies of their metadata: every case of the tables, alone and with a second
 * fault. An image is refused, and then nothing of it is changed; or what is written is read back, and no rule speaks of
 * an error that did not before. A copy of the metadata has the errors of its original, no more and no fewer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cases.h"
#include "image/guest.h"
#include "write/metadump.h"
#include "write/writer.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static const struct case_table *const tables[] = {&container_cases, &metadata_cases, &block_cases, &log_cases,
                                                  &chain_cases,     &forensic_cases, &tool_cases};
enum { TABLES = sizeof(tables) / sizeof(tables[0]), PIECE = 4096 };

/* ---- second faults ---- */

static void none(struct img *img)
{
    (void)img;
}

static void block_over(struct img *img, uint64_t off)
{
    img_bat_set(img, img_block_index(img, 0), off | PAYLOAD_FULLY_PRESENT);
}

static void block_over_log(struct img *img)
{
    block_over(img, img->log_off);
}

static void block_behind_the_end(struct img *img)
{
    block_over(img, img->size + MIB - img->size % MIB);
}

static void old_place_behind_the_end(struct img *img)
{
    img_bat_set(img, img_block_index(img, 0), (img->size + MIB - img->size % MIB) | PAYLOAD_UNMAPPED);
}

static void region_over_metadata(struct img *img)
{
    static const struct guid stranger = {{0x77, 1, 2, 3}};

    img_region_add(img, &(struct region_entry){.guid = stranger, .off = img->metadata_off, .len = 0x100000});
}

static void first_header_bad(struct img *img)
{
    img_header(img, 0)[4] ^= 1;
}

static void both_headers_bad(struct img *img)
{
    img_header(img, 0)[4] ^= 1;
    img_header(img, 1)[4] ^= 1;
}

static void first_table_bad(struct img *img)
{
    img_region_table(img, 0)[4] ^= 1;
}

static void odd_end(struct img *img)
{
    img_resize(img, img->size - 0x8001);
}

static void (*const seconds[])(struct img *img) = {
    none,           region_over_metadata, first_header_bad,         both_headers_bad, first_table_bad,
    block_over_log, block_behind_the_end, old_place_behind_the_end, odd_end,
};
enum { SECONDS = sizeof(seconds) / sizeof(seconds[0]) };

static const struct test_case *first;
static void (*second)(struct img *img);

static void bend(struct img *img)
{
    bool before = second == region_over_metadata; /* while there is room in the table */

    if (before)
        second(img);
    first->mutate(img);
    if (!before)
        second(img);
}

/* ---- what is wrong with a file ---- */

struct faults {
    bool error[CASE_RULES_MOST];
    enum verdict verdict;
};

static void faults_of(struct source *s, struct faults *ret)
{
    ret->verdict = case_errors(s, ret->error);
}

/* ---- writes ---- */

static uint64_t written, refused;

static void assert_reads(const char *name, struct source *s, uint64_t off, const uint8_t *want)
{
    const struct guest_options options = {.salvage = false};
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    uint8_t got[PIECE];
    struct image *img = NULL;
    struct guest *g = NULL;
    const char *why = NULL;
    uint64_t faults = 0;

    assert_non_null(a);
    assert_int_equal(image_open(a, s, "case.vhdx", NULL, NULL, &img), STATUS_OK);
    if (img->main->type != DISK_DIFFERENCING) { /* whose parent is somewhere else */
        if (guest_open(img, &options, &g, &why) != STATUS_OK)
            fail_msg("%s: written to, and cannot be read: %s", name, why != NULL ? why : "");
        assert_int_equal(guest_read(g, off, got, sizeof(got), NULL, NULL, &faults), STATUS_OK);
        assert_int_equal(faults, 0);
        assert_memory_equal(got, want, sizeof(got));
    }
    image_close(img);
    arena_destroy(a);
}

static void write_to(const char *name, struct source *original)
{
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct entropy e = entropy_seeded(3);
    struct faults before, after;
    struct store *store = NULL;
    struct writer *w = NULL;
    const char *why = NULL;
    uint8_t bytes[PIECE];

    assert_non_null(a);
    memset(bytes, 0x5A, sizeof(bytes));
    faults_of(original, &before);
    assert_int_equal(stage_open(original, LIMIT_MEMORY_DEFAULT, &store), STATUS_OK);
    enum status st = writer_open(a, store, "case.vhdx", &e, &w, &why);
    if (st == STATUS_REFUSED) {
        assert_true(why != NULL && why[0] != '\0');
        assert_int_equal(stage_piece_count(store), 0);
        refused++;
    } else {
        assert_int_equal(st, STATUS_OK);
        uint64_t size = writer_size(w), off = size / 2 - size / 2 % PIECE;
        if (size >= 2 * (uint64_t)PIECE) {
            assert_int_equal(writer_write(w, off, bytes, sizeof(bytes)), STATUS_OK);
            assert_int_equal(writer_write(w, 0, bytes, sizeof(bytes)), STATUS_OK);
        }
        assert_int_equal(writer_close(w), STATUS_OK);
        faults_of(store->source, &after);
        for (uint32_t i = 0; i < rule_count(); i++)
            if (after.error[i] && !before.error[i])
                fail_msg("%s: after a write %s speaks", name, rule_at(i)->id);
        if (size >= 2 * (uint64_t)PIECE) {
            assert_reads(name, store->source, off, bytes);
            assert_reads(name, store->source, 0, bytes);
        }
        written++;
    }
    store_close(store);
    arena_destroy(a);
}

/* ---- copies ---- */

static bool mix(void *ctx, const struct guid *g, uint8_t out[16])
{
    (void)ctx;
    memcpy(out, g, 16);
    for (int i = 0; i < 16; i++)
        out[i] = (uint8_t)(out[i] * 7 + 0x31 + i);
    return true;
}

static void copy_of(const char *name, struct source *original)
{
    const struct metadump_options options = {.redact = true, .mix = mix};
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct metadump made = {.names = 0};
    struct faults before, after;
    struct store *store = NULL;
    struct image *img = NULL;

    assert_non_null(a);
    faults_of(original, &before);
    assert_int_equal(image_open(a, original, "case.vhdx", NULL, NULL, &img), STATUS_OK);
    assert_int_equal(view_survey(img->main), STATUS_OK);
    if (img->stored != img->main)
        assert_int_equal(view_survey(img->stored), STATUS_OK);
    assert_int_equal(stage_open(original, LIMIT_MEMORY_DEFAULT, &store), STATUS_OK);
    assert_int_equal(metadump_make(img, store, &options, &made), STATUS_OK);
    faults_of(store->source, &after);
    for (uint32_t i = 0; i < rule_count(); i++)
        if (after.error[i] != before.error[i])
            fail_msg("%s: %s speaks of the %s alone", name, rule_at(i)->id, after.error[i] ? "copy" : "original");
    assert_int_equal(after.verdict, before.verdict);
    store_close(store);
    image_close(img);
    arena_destroy(a);
}

/* ---- all of them ---- */

/* Each second fault with a third of the cases, or with all: VHDXRAY_EVERY_CASE in the environment. */
static void each_case(void (*judge)(const char *name, struct source *original))
{
    bool all = getenv("VHDXRAY_EVERY_CASE") != NULL;

    for (size_t s = 0; s < SECONDS; s++)
        for (size_t t = 0; t < TABLES; t++)
            for (size_t i = 0; i < tables[t]->count; i++) {
                const struct test_case *c = &tables[t]->cases[i];
                char name[128];
                if (!all && s > 0 && i % 3 != s % 3)
                    continue;
                if (c->mutate == NULL || c->damage != NULL || strncmp(c->name, "meta-no-", 8) == 0)
                    continue; /* the builder does not bend what it has removed */
                first = c;
                second = seconds[s];
                (void)snprintf(name, sizeof(name), "%s and fault %zu", c->name, s);
                struct img *img = img_create(c->params);
                bend(img);
                struct source *source = img_source(img);
                judge(name, source);
                source_close(source);
                img_free(img);
            }
}

static void guest_writes(void **state)
{
    (void)state;
    each_case(write_to);
    printf("# %llu images written to, %llu refused\n", (unsigned long long)written, (unsigned long long)refused);
    assert_true(written > 200 && refused > 500);
}

static void copies_of_metadata(void **state)
{
    (void)state;
    each_case(copy_of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(guest_writes), cmocka_unit_test(copies_of_metadata)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
