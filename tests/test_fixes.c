/* SPDX-License-Identifier: MIT */
/*
 * Fixers one by one: what exactly is in the file afterwards, against the specification or against the image as it was
 * before it was damaged; and the planner's own rules: consent, order, refusal, the same plan twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "bytes_equal.h"
#include "faulty.h"
#include "format/sector_bitmap.h"
#include "image/guest.h"
#include "image/lost.h"
#include "repair/fix.h"
#include "repair/plan.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

enum { CONSENTS = 8, PIECE = 65536 };

/* ---- a plan, and the file that it makes ---- */

struct fixture {
    struct img *img; /* damaged; freed with the fixture */
    struct source *source;
    struct img *parent_img; /* freed with the fixture; NULL: none */
    struct source *parent_source;
    struct image *parent;
    struct arena *arena, *parent_arena;
    char words[256];
    const char *consent[CONSENTS];
    struct plan plan;
};

/* consent: ids with spaces between. parent: of a child to be relinked; taken over. */
static void plan_for(struct fixture *x, struct img *img, const char *consent, struct img *parent)
{
    struct plan_options o = {.consent = x->consent, .max_memory = LIMIT_MEMORY_DEFAULT};

    *x = (struct fixture){.img = img, .source = img_source(img), .arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    assert_non_null(x->arena);
    (void)snprintf(x->words, sizeof(x->words), "%s", consent);
    for (char *w = strtok(x->words, " "); w != NULL; w = strtok(NULL, " ")) {
        assert_true(o.consent_count < CONSENTS);
        x->consent[o.consent_count++] = w;
    }
    if (parent != NULL) {
        x->parent_img = parent;
        x->parent_source = img_source(parent);
        x->parent_arena = arena_create(LIMIT_MEMORY_DEFAULT);
        assert_int_equal(image_open(x->parent_arena, x->parent_source, "new.vhdx", NULL, NULL, &x->parent), STATUS_OK);
        o.parent = x->parent;
        o.parent_path = ".\\new.vhdx";
    }
    assert_int_equal(plan_make(x->arena, x->source, "case.vhdx", &o, &x->plan), STATUS_OK);
}

static void done(struct fixture *x)
{
    plan_close(&x->plan);
    if (x->parent != NULL) {
        image_close(x->parent);
        arena_destroy(x->parent_arena);
        source_close(x->parent_source);
        img_free(x->parent_img);
    }
    source_close(x->source);
    img_free(x->img);
    arena_destroy(x->arena);
}

static void read_after(const struct fixture *x, uint64_t off, void *buf, size_t len)
{
    assert_int_equal(source_read(x->plan.stage->source, off, buf, len), STATUS_OK);
}

static uint64_t u64_after(const struct fixture *x, uint64_t off)
{
    uint8_t b[8];
    read_after(x, off, b, sizeof(b));
    return le64(b);
}

static uint32_t u32_after(const struct fixture *x, uint64_t off)
{
    uint8_t b[4];
    read_after(x, off, b, sizeof(b));
    return le32(b);
}

static uint64_t entry_after(const struct fixture *x, uint64_t index)
{
    return u64_after(x, img_bat_entry_off(x->img, index));
}

/* [off, off + len) is as it is in the other image. */
static void assert_as_in(const struct fixture *x, const struct img *img, uint64_t off, uint64_t len)
{
    static uint8_t a[PIECE], b[PIECE];

    while (len > 0) {
        size_t n = (size_t)u64_min(len, PIECE);
        read_after(x, off, a, n);
        img_read(img, off, b, n);
        assert_bytes_equal(a, b, n);
        off += n;
        len -= n;
    }
}

/* All of the file but the two headers. */
static void assert_as_before_damage(const struct fixture *x, struct img *img)
{
    assert_int_equal(store_size(x->plan.stage), img->size);
    assert_as_in(x, img, 0, 0x10000);
    assert_as_in(x, img, 0x30000, img->size - 0x30000);
}

static void assert_clean(const struct fixture *x)
{
    if (x->plan.errors_after > 0 || x->plan.after != VERDICT_CLEAN)
        fail_msg("%s afterwards; %s: %s", verdict_name(x->plan.after),
                 x->plan.left_count ? x->plan.left[0].rule->id : "", x->plan.left_count ? x->plan.left[0].reason : "");
}

static bool told(const struct fixture *x, const char *rule, const char *reason)
{
    for (uint64_t i = 0; i < x->plan.left_count; i++)
        if (strcmp(x->plan.left[i].rule->id, rule) == 0 && strstr(x->plan.left[i].reason, reason) != NULL)
            return true;
    return false;
}

static bool has_step(const struct fixture *x, const char *rule)
{
    for (uint64_t i = 0; i < x->plan.step_count; i++)
        if (x->plan.steps[i].rule && strcmp(x->plan.steps[i].rule->id, rule) == 0)
            return true;
    return false;
}

/* What the guest reads afterwards is what was built. */
static void assert_guest_as_built(const struct fixture *x, const struct img *built)
{
    static uint8_t a[PIECE], b[PIECE];
    struct arena *arena = arena_create(LIMIT_MEMORY_DEFAULT);
    const struct guest_options o = {.salvage = false};
    struct image *img = NULL;
    struct guest *g = NULL;
    const char *why = NULL;

    assert_int_equal(image_open(arena, x->plan.stage->source, "after", NULL, NULL, &img), STATUS_OK);
    if (x->parent != NULL)
        assert_int_equal(chain_lend(img, x->parent, "new.vhdx"), STATUS_OK);
    if (guest_open(img, &o, &g, &why) != STATUS_OK)
        fail_msg("%s", why);
    assert_int_equal(guest_size(g), built->params.virtual_size);
    for (uint64_t off = 0; off < guest_size(g);) {
        size_t n = (size_t)u64_min(PIECE, guest_size(g) - off);
        uint64_t faults = 0;
        assert_int_equal(guest_read(g, off, a, n, NULL, NULL, &faults), STATUS_OK);
        assert_int_equal(faults, 0);
        img_expected(built, off, b, n);
        assert_bytes_equal(a, b, n);
        off += n;
    }
    image_close(img);
    arena_destroy(arena);
}

/* ---- the table of fixers ---- */

static void every_repairable_rule_has_a_row(void **ctx)
{
    (void)ctx;
    for (uint32_t i = 0; i < rule_count(); i++) {
        uint32_t k = 0;
        while (k < fixer_count() && strcmp(fixer_at(k)->rule, rule_at(i)->id) != 0)
            k++;
        if (rule_at(i)->repair != REPAIR_NONE && k == fixer_count())
            fail_msg("%s can be repaired and has no fixer", rule_at(i)->id);
    }
}

static void every_row_has_a_rule(void **ctx)
{
    uint32_t last = 0;
    (void)ctx;
    for (uint32_t i = 0; i < fixer_count(); i++) {
        const struct fixer *f = fixer_at(i);
        const struct rule *rule = rule_find(f->rule);
        assert_non_null(rule);
        if ((f->fix == NULL) == (f->no_fixer == NULL))
            fail_msg("%s: a fixer, or the reason why there is none", f->rule);
        if (i > 0 && rule_index(rule) <= last)
            fail_msg("%s stands out of order", f->rule);
        last = rule_index(rule);
    }
    assert_null(fixer_at(fixer_count()));
}

/* ---- healthy files ---- */

static void healthy_files_are_left_alone(void **ctx)
{
    static const struct img_params healthy[] = {
        {.type = IMG_DYNAMIC},
        {.type = IMG_FIXED},
        {.type = IMG_DIFFERENCING},
        {.type = IMG_DYNAMIC, .windows_traces = true},
        {.type = IMG_DIFFERENCING, .windows_traces = true},
        {.logical_sector_size = 4096},
        {.states = ""},
        {.creator = ""},
        {.layout = IMG_QEMU},
        {.layout = IMG_QEMU, .type = IMG_FIXED},
        {.virtual_size = (uint64_t)64 << 40, .block_size = 256 << 20, .states = ""},
    };
    (void)ctx;
    for (size_t i = 0; i < sizeof(healthy) / sizeof(healthy[0]); i++) {
        struct fixture x;
        bool same = false;
        plan_for(&x, img_create(&healthy[i]), "", NULL);
        assert_int_equal(x.plan.step_count, 0);
        assert_false(x.plan.refused);
        assert_int_equal(stage_unchanged(x.plan.stage, &same), STATUS_OK);
        assert_true(same);
        assert_int_equal(x.plan.before, VERDICT_CLEAN);
        assert_int_equal(x.plan.after, VERDICT_CLEAN);
        for (uint64_t k = 0; k < x.plan.left_count; k++)
            assert_int_equal(x.plan.left[k].severity, SEVERITY_INFO);
        done(&x);
    }
}

static void disk2vhd_is_left_alone(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.type = IMG_DYNAMIC, .creator = "d2v", .states = "6666666666"});
    uint8_t header[HEADER_LEN];
    (void)ctx;

    memcpy(header, img_header(img, 0), sizeof(header));
    memcpy(img_header(img, 1), header, sizeof(header));
    img_resize(img, img->size + 512);
    plan_for(&x, img, "", NULL);
    assert_int_equal(x.plan.step_count, 0);
    assert_true(told(&x, "VHDX-HDR-007", "needs --consent VHDX-HDR-007"));
    assert_true(told(&x, "VHDX-FILE-003", "needs --consent VHDX-FILE-003"));
    done(&x);
}

/* Rounded up to a MiB it would have one byte more than a signed offset reaches. */
static void the_longest_file_does_not_grow(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL);
    (void)ctx;

    img_resize(img, INT64_MAX);
    plan_for(&x, img, "VHDX-FILE-003", NULL);
    assert_int_equal(x.plan.step_count, 0);
    assert_true(told(&x, "VHDX-FILE-003", "no host holds a longer one"));
    done(&x);
}

/* ---- headers ---- */

/* [MS-VHDX] 2.2.2: CRC-32C of 4096 bytes with the field taken as zero, bit by bit. */
static uint32_t crc_of(const uint8_t *bytes, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= i >= 4 && i < 8 ? 0 : bytes[i];
        for (int k = 0; k < 8; k++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

static void bad_header_is_written_from_the_other(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL); /* numbers 1 and 2: header 2 is current */
    uint8_t old[HEADER_LEN], a[HEADER_LEN], b[HEADER_LEN];
    (void)ctx;

    memcpy(old, img_header(img, 1), sizeof(old));
    memset(img_header(img, 0), 0xee, HEADER_LEN);
    plan_for(&x, img, "", NULL);
    assert_true(has_step(&x, "VHDX-HDR-001"));
    read_after(&x, 0x10000, a, sizeof(a));
    read_after(&x, 0x20000, b, sizeof(b));
    assert_memory_equal(a, "head", 4);
    assert_memory_equal(b, "head", 4);
    assert_int_equal(le32(a + 4), crc_of(a, HEADER_LEN));
    assert_int_equal(le32(b + 4), crc_of(b, HEADER_LEN));
    assert_int_equal(le64(a + 8), 3);
    assert_int_equal(le64(b + 8), 4);
    assert_memory_not_equal(a + 16, old + 16, 16); /* FileWriteGuid is new, and a version 4 GUID */
    assert_int_equal(a[16 + 7] >> 4, 4);
    assert_memory_equal(a + 16, b + 16, 16);
    assert_memory_equal(a + 32, old + 32, HEADER_LEN - 32); /* all else is that of header 2 */
    assert_memory_equal(b + 32, old + 32, HEADER_LEN - 32);
    assert_clean(&x);
    done(&x);
}

static void reserved_bytes_of_a_header_are_kept(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL);
    uint8_t b[HEADER_LEN];
    (void)ctx;

    memset(img_header(img, 1) + 200, 0x5a, 8);
    img_sign_header(img, 1);
    img_header(img, 0)[100] = 1; /* not signed */
    plan_for(&x, img, "", NULL);
    read_after(&x, 0x20000, b, sizeof(b));
    assert_int_equal(b[200], 0x5a);
    assert_int_equal(le32(b + 4), crc_of(b, HEADER_LEN));
    assert_true(told(&x, "VHDX-HDR-011", "needs --consent VHDX-HDR-011"));
    done(&x);
}

static void both_checksums_are_computed_anew(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL), *healthy = img_clone(img);
    (void)ctx;

    put_le32(img_header(img, 0) + 4, 0x11111111);
    put_le32(img_header(img, 1) + 4, 0x22222222);
    plan_for(&x, img, "", NULL);
    assert_int_equal(x.plan.step_count, 0);
    assert_true(told(&x, "VHDX-HDR-002", "needs --consent VHDX-HDR-002"));
    done(&x);
    img = img_clone(healthy);
    put_le32(img_header(img, 0) + 4, 0x11111111);
    put_le32(img_header(img, 1) + 4, 0x22222222);
    plan_for(&x, img, "VHDX-HDR-002", NULL);
    assert_clean(&x);
    assert_as_before_damage(&x, healthy);
    assert_guest_as_built(&x, healthy);
    img_free(healthy);
    done(&x);
}

/* Both headers have the same number; the log that one of them names lies nowhere. */
static void of_two_headers_the_better_one_is_taken(void **ctx)
{
    (void)ctx;
    for (unsigned bad = 0; bad < 2; bad++) {
        struct fixture x;
        struct img *img = img_create(&(struct img_params){.sequence_number = {7, 7}});
        put_le64(img_header(img, bad) + IMG_HEADER_LOG_OFF, 12345);
        img_sign_headers(img);
        plan_for(&x, img, "VHDX-HDR-006", NULL);
        assert_int_equal(u64_after(&x, 0x10000 + IMG_HEADER_LOG_OFF), img->log_off);
        assert_int_equal(u64_after(&x, 0x20000 + IMG_HEADER_LOG_OFF), img->log_off);
        assert_clean(&x);
        done(&x);
    }
}

static void nothing_goes_before_the_choice_of_a_header(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.sequence_number = {7, 7}});
    (void)ctx;

    img_header(img, 0)[IMG_HEADER_DATA_WRITE_GUID] ^= 1;
    img_sign_headers(img);
    img_region_table(img, 0)[100] = 1; /* copy 1 is not valid: mended without consent else */
    plan_for(&x, img, "", NULL);
    assert_int_equal(x.plan.step_count, 0);
    assert_true(told(&x, "VHDX-RGN-002", "--consent VHDX-HDR-006"));
    done(&x);
}

static void numbers_at_their_end_need_consent(void **ctx)
{
    struct fixture x;
    struct img_params last = {.sequence_number = {UINT64_MAX - 1, UINT64_MAX}};
    struct img *img = img_create(&last);
    (void)ctx;

    img_region_table(img, 0)[100] = 1;
    plan_for(&x, img, "", NULL);
    assert_int_equal(x.plan.step_count, 0);
    assert_true(told(&x, "VHDX-RGN-002", "--consent VHDX-HDR-010"));
    done(&x);
    img = img_create(&last);
    img_region_table(img, 0)[100] = 1;
    plan_for(&x, img, "VHDX-HDR-010", NULL);
    assert_int_equal(u64_after(&x, 0x10000 + IMG_HEADER_SEQUENCE), 1);
    assert_int_equal(u64_after(&x, 0x20000 + IMG_HEADER_SEQUENCE), 2);
    assert_clean(&x);
    done(&x);
}

static void later_versions_are_not_touched(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL);
    (void)ctx;

    put_le16(img_header(img, 1) + IMG_HEADER_VERSION, 2);
    img_sign_headers(img);
    img_region_table(img, 0)[100] = 1;
    plan_for(&x, img, "VHDX-RGN-014", NULL);
    assert_true(x.plan.refused);
    assert_non_null(strstr(x.plan.refusal, "VHDX-HDR-004"));
    assert_int_equal(x.plan.step_count, 0);
    done(&x);
}

static void new_log_behind_the_file(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL);
    uint64_t size = img->size;
    (void)ctx;

    for (unsigned slot = 0; slot < 2; slot++) {
        put_le32(img_header(img, slot) + IMG_HEADER_LOG_LEN, 0);
        put_le64(img_header(img, slot) + IMG_HEADER_LOG_OFF, 0);
    }
    img_sign_headers(img);
    plan_for(&x, img, "VHDX-HDR-018", NULL);
    for (uint64_t header = 0x10000; header <= 0x20000; header += 0x10000) {
        assert_int_equal(u32_after(&x, header + IMG_HEADER_LOG_LEN), MIB);
        assert_int_equal(u64_after(&x, header + IMG_HEADER_LOG_OFF), size);
    }
    assert_int_equal(store_size(x.plan.stage), size + MIB);
    assert_clean(&x);
    done(&x);
}

static void signature_needs_consent_and_comes_first(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL), *healthy = img_clone(img);
    (void)ctx;

    img_fill(img, 0, 8, 0);
    img_region_table(img, 1)[100] = 1;
    plan_for(&x, img, "", NULL);
    assert_int_equal(x.plan.step_count, 0);
    assert_true(told(&x, "VHDX-RGN-003", "--consent VHDX-FID-001"));
    done(&x);
    img = img_clone(healthy);
    img_fill(img, 0, 8, 0);
    img_region_table(img, 1)[100] = 1;
    plan_for(&x, img, "VHDX-FID-001", NULL);
    assert_clean(&x);
    assert_as_before_damage(&x, healthy);
    img_free(healthy);
    done(&x);
}

/* ---- log ---- */

static void log_is_replayed(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL);
    uint8_t old[16], new[16];
    (void)ctx;

    img_make_dirty_bat(img, 3, 3); /* ZERO becomes UNMAPPED */
    memcpy(old, img_header(img, 1) + IMG_HEADER_DATA_WRITE_GUID, 16);
    plan_for(&x, img, "", NULL);
    assert_true(has_step(&x, "VHDX-LOG-001"));
    assert_int_equal(entry_after(&x, 3), 3);
    for (uint64_t header = 0x10000; header <= 0x20000; header += 0x10000) {
        static const uint8_t nil[16] = {0};
        read_after(&x, header + IMG_HEADER_LOG_GUID, new, 16);
        assert_memory_equal(new, nil, 16);
        read_after(&x, header + IMG_HEADER_DATA_WRITE_GUID, new, 16);
        assert_memory_equal(new, old, 16);
    }
    assert_clean(&x);
    done(&x);
}

static void lost_log_is_given_up_by_consent_only(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL), *healthy = img_clone(img);
    struct guid guid = img_guid(IMG_QEMU, 'L', 9);
    (void)ctx;

    img_set_log_guid(img, &guid);
    img_bat_set(img, 3, img_bat_get(img, 3) | 8); /* a reserved bit, which waits for the log */
    plan_for(&x, img, "", NULL);
    assert_int_equal(x.plan.step_count, 0);
    assert_true(told(&x, "VHDX-LOG-002", "needs --consent VHDX-LOG-002"));
    assert_true(told(&x, "VHDX-BAT-007", "the log is in use"));
    done(&x);
    img = img_clone(healthy);
    img_set_log_guid(img, &guid);
    img_bat_set(img, 3, img_bat_get(img, 3) | 8);
    plan_for(&x, img, "VHDX-LOG-002", NULL);
    assert_clean(&x);
    assert_as_before_damage(&x, healthy);
    img_free(healthy);
    done(&x);
}

/* The log would put a block into state 4: given up, the file is what it was. */
static void harmful_log_is_given_up_by_consent_only(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL);
    uint64_t old = img_bat_get(img, 2);
    (void)ctx;

    img_make_dirty_bat(img, 2, (old & ~(uint64_t)7) | 4);
    plan_for(&x, img, "VHDX-LOG-028", NULL);
    assert_int_equal(entry_after(&x, 2), old);
    assert_clean(&x);
    for (uint64_t i = 0; i < x.plan.step_count; i++)
        if (x.plan.steps[i].rule && strcmp(x.plan.steps[i].rule->id, "VHDX-LOG-028") == 0) {
            assert_true(x.plan.steps[i].has_guest_range);
            assert_int_equal(x.plan.steps[i].guest_off, 2 * img->params.block_size);
            assert_int_equal(x.plan.steps[i].guest_len, img->params.block_size);
        }
    done(&x);
}

/* By the log the disk is as many blocks of twice the size: nothing of it reads as it does without. */
static void a_log_that_changes_the_block_size_is_about_the_whole_disk(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL);
    const uint64_t table = img->metadata_off;
    bool named = false;
    (void)ctx;

    uint64_t page = img->item_off[KNOWN_ITEM_FILE_PARAMETERS] / 4096 * 4096;
    struct img_log_desc desc = {.off = page, .page = img_page_copy(img, page)};
    uint8_t *bytes = (uint8_t *)(uintptr_t)desc.page;
    assert_true(page > table && img->item_off[KNOWN_ITEM_VIRTUAL_DISK_SIZE] / 4096 * 4096 == page);
    put_le32(bytes + (img->item_off[KNOWN_ITEM_FILE_PARAMETERS] - page), (uint32_t)(4 * MIB));
    put_le64(bytes + (img->item_off[KNOWN_ITEM_VIRTUAL_DISK_SIZE] - page), 40 * MIB);
    img_make_dirty(img, &desc, 1);
    plan_for(&x, img, "VHDX-LOG-028", NULL);
    assert_clean(&x);
    for (uint64_t i = 0; i < x.plan.step_count; i++)
        if (x.plan.steps[i].rule && strcmp(x.plan.steps[i].rule->id, "VHDX-LOG-028") == 0) {
            assert_true(x.plan.steps[i].has_guest_range);
            assert_int_equal(x.plan.steps[i].guest_off, 0);
            assert_int_equal(x.plan.steps[i].guest_len, 40 * MIB);
            named = true;
        }
    assert_true(named);
    done(&x);
}

static enum status all_is_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    *ret_data = off;
    *ret_hole = s->size;
    return STATUS_OK;
}

/* On a host without holes the log is read through, up to what is left in it. */
static void a_log_of_stored_zeros_is_wiped(void **ctx)
{
    static const struct source_ops no_holes = {.read = faulty_read, .next_data = all_is_data, .close = faulty_close};
    const char *const consent[] = {"VHDX-FOR-003"};
    const struct plan_options o = {.consent = consent, .consent_count = 1, .max_memory = LIMIT_MEMORY_DEFAULT};
    struct img *img = img_create(NULL);
    struct arena *arena = arena_create(LIMIT_MEMORY_DEFAULT);
    struct plan plan;
    struct faulty f;
    uint8_t left[4096];
    (void)ctx;

    memcpy(img_bytes(img, img->log_off + 0x80000, 4), "desc", 4);
    struct source *base = img_source(img);
    faulty_over(&f, base)->ops = &no_holes;
    assert_int_equal(plan_make(arena, &f.source, "case.vhdx", &o, &plan), STATUS_OK);
    assert_true(plan.step_count > 0);
    assert_string_equal(plan.steps[0].rule->id, "VHDX-FOR-003");
    assert_int_equal(plan.steps[0].off, img->log_off);
    assert_int_equal(plan.steps[0].len, img->log_len);
    assert_int_equal(source_read(plan.stage->source, img->log_off + 0x80000, left, sizeof(left)), STATUS_OK);
    assert_true(span_is_zero(span_of(left, sizeof(left))));
    plan_close(&plan);
    source_close(base);
    arena_destroy(arena);
    img_free(img);
}

/* ---- region tables ---- */

static void bad_copy_is_written_from_the_other(void **ctx)
{
    (void)ctx;
    for (unsigned copy = 0; copy < 2; copy++) {
        struct fixture x;
        struct img *img = img_create(NULL), *healthy = img_clone(img);
        memset(img_region_table(img, copy), 0, 4096);
        plan_for(&x, img, "", NULL);
        assert_clean(&x);
        assert_as_before_damage(&x, healthy);
        img_free(healthy);
        done(&x);
    }
}

static void of_two_tables_the_better_one_is_taken(void **ctx)
{
    (void)ctx;
    for (unsigned bad = 0; bad < 2; bad++) {
        struct fixture x;
        struct img *img = img_create(NULL), *healthy = img_clone(img);
        put_le64(img_region_find(img, bad, KNOWN_REGION_METADATA) + 16, 5 * MIB);
        img_sign_region_tables(img);
        plan_for(&x, img, "VHDX-RGN-006", NULL);
        assert_clean(&x);
        assert_as_before_damage(&x, healthy);
        img_free(healthy);
        done(&x);
    }
}

static const struct img_block in_chunk_1[] = {{.block = 4096, .state = 6}, {.block = 4099, .state = 6}};
static const struct img_params shapes[] = {
    {.type = IMG_DYNAMIC},
    {.type = IMG_FIXED},
    {.layout = IMG_QEMU},
    {.layout = IMG_QEMU, .type = IMG_FIXED},
    {.windows_traces = true},
    {.logical_sector_size = 4096},
    {.states = ""},                     /* a BAT of zeros */
    {.layout = IMG_QEMU, .states = ""}, /* of ZERO entries without a place */
    {.virtual_size = (uint64_t)5 << 30, .block_size = 1 << 20, .states = "66", .blocks = in_chunk_1, .block_count = 2},
    {.log_off = 8 << 20, .log_len = 2 << 20},
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

/* The region that each table names, whichever entry says so. */
static void assert_regions_found(const struct fixture *x, const struct img *healthy)
{
    for (int copy = 0; copy < 2; copy++) {
        static uint8_t table[REGION_TABLE_LEN];
        unsigned found = 0;
        read_after(x, REGION_TABLE_OFF[copy], table, sizeof(table));
        assert_memory_equal(table, "regi", 4);
        assert_int_equal(le32(table + 4), crc_of(table, sizeof(table)));
        for (uint32_t i = 0; i < le32(table + 8); i++) {
            const uint8_t *e = table + 16 + 32 * i;
            if (memcmp(e, known_guid(KNOWN_REGION_BAT)->bytes, 16) == 0) {
                assert_int_equal(le64(e + 16), healthy->bat_off);
                assert_int_equal(le32(e + 24), healthy->bat_len);
                found++;
            } else if (memcmp(e, known_guid(KNOWN_REGION_METADATA)->bytes, 16) == 0) {
                assert_int_equal(le64(e + 16), healthy->metadata_off);
                assert_int_equal(le32(e + 24), healthy->metadata_len);
                found++;
            } else {
                continue;
            }
            assert_int_equal(le32(e + 28), 1);
        }
        assert_int_equal(found, 2);
    }
}

static void lost_tables_are_written_anew(void **ctx)
{
    (void)ctx;
    for (size_t i = 0; i < SHAPES; i++) {
        struct fixture x;
        struct img *img = img_create(&shapes[i]), *healthy = img_clone(img);
        img_fill(img, 0x30000, 0x20000, 0);
        plan_for(&x, img, "VHDX-RGN-001", NULL);
        assert_regions_found(&x, healthy);
        assert_clean(&x);
        assert_guest_as_built(&x, healthy);
        img_free(healthy);
        done(&x);
    }
}

/* A fixed disk whose first 320 KiB were filled with zeros but for the identifier and one header. */
static void partial_zero_fill_is_undone(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.type = IMG_FIXED, .data = IMG_DATA_DENSE});
    struct img *healthy = img_clone(img);
    (void)ctx;

    img_fill(img, 0x10000, 0x10000, 0);
    img_fill(img, 0x30000, 0x20000, 0);
    plan_for(&x, img, "", NULL);
    assert_true(told(&x, "VHDX-RGN-001", "needs --consent VHDX-RGN-001"));
    assert_true(has_step(&x, "VHDX-HDR-001"));
    done(&x);
    img = img_clone(healthy);
    img_fill(img, 0x10000, 0x10000, 0);
    img_fill(img, 0x30000, 0x20000, 0);
    plan_for(&x, img, "VHDX-RGN-001", NULL);
    assert_regions_found(&x, healthy);
    assert_clean(&x);
    assert_guest_as_built(&x, healthy);
    img_free(healthy);
    done(&x);
}

static void lost_entries_are_found_again(void **ctx)
{
    static const struct {
        enum known_guid which;
        const char *rule;
    } lost[] = {{KNOWN_REGION_BAT, "VHDX-RGN-018"}, {KNOWN_REGION_METADATA, "VHDX-RGN-019"}};
    (void)ctx;
    for (size_t i = 0; i < 2 * SHAPES; i++) {
        struct fixture x;
        struct img *img = img_create(&shapes[i / 2]), *healthy = img_clone(img);
        for (unsigned copy = 0; copy < 2; copy++) {
            uint8_t *table = img_region_table(img, copy), *e = img_region_find(img, copy, lost[i % 2].which);
            if (i < SHAPES) { /* only its GUID is damaged; else it is gone */
                e[0] ^= 1;
                continue;
            }
            memmove(table + 16, e == table + 16 ? table + 48 : table + 16, 32);
            memset(table + 48, 0, 32);
            put_le32(table + 8, 1);
        }
        img_sign_region_tables(img);
        plan_for(&x, img, lost[i % 2].rule, NULL);
        assert_int_equal(x.plan.errors_after, 0);
        assert_guest_as_built(&x, healthy);
        img_free(healthy);
        done(&x);
    }
}

/* Several damages, each in the way of what mends another: all of the disk comes back, and the new log lies over
 * nothing. */
static void damages_do_not_hide_each_other(void **ctx)
{
    enum { NO_TABLES = 1, NO_SECTOR_SIZE = 2, NO_BLOCK_SIZE = 4, LOG_IN_HEADERS = 8, LOG_OVER_ALL = 16, CUT = 32 };
    static const struct {
        unsigned damage;
        const char *consent;
    } cases[] = {
        {NO_TABLES | CUT, "VHDX-RGN-001"},
        {LOG_IN_HEADERS | CUT, "VHDX-HDR-015"},
        {LOG_OVER_ALL | CUT, "VHDX-HDR-014"},
        {LOG_IN_HEADERS | NO_SECTOR_SIZE | CUT, "VHDX-HDR-015 VHDX-META-022"},
        {LOG_OVER_ALL | NO_SECTOR_SIZE | CUT, "VHDX-HDR-014 VHDX-META-022"},
        {LOG_OVER_ALL | NO_BLOCK_SIZE | CUT, "VHDX-HDR-014 VHDX-META-020"},
        {LOG_OVER_ALL | NO_TABLES | CUT, "VHDX-HDR-014 VHDX-RGN-001"},
    };
    (void)ctx;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct img_params params = {.virtual_size = (10 << 20) + 512, .block_size = 2 << 20, .states = "666666"};
        struct img *img = img_create(&params), *healthy = img_clone(img);
        unsigned damage = cases[i].damage;
        struct fixture x;

        if (damage & CUT)
            img_resize(img, img_block_off(img, 5) + (1 << 20));
        if (damage & NO_TABLES)
            img_fill(img, 0x30000, 0x20000, 0);
        if (damage & NO_SECTOR_SIZE)
            img_metadata_remove(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE);
        if (damage & NO_BLOCK_SIZE)
            img_metadata_remove(img, KNOWN_ITEM_FILE_PARAMETERS);
        for (unsigned slot = 0; slot < 2 && damage & (LOG_IN_HEADERS | LOG_OVER_ALL); slot++) {
            put_le32(img_header(img, slot) + 68, damage & LOG_IN_HEADERS ? 1 << 20 : 4 << 20);
            put_le64(img_header(img, slot) + 72, damage & LOG_IN_HEADERS ? 0 : (1 << 20) + 512);
        }
        img_sign_headers(img);
        plan_for(&x, img, cases[i].consent, NULL);
        assert_clean(&x);
        assert_guest_as_built(&x, healthy);
        if (damage & (LOG_IN_HEADERS | LOG_OVER_ALL))
            for (unsigned slot = 0; slot < 2; slot++)
                assert_true(u64_after(&x, HEADER_OFF[slot] + 72) >= img_block_off(healthy, 5) + params.block_size);
        img_free(healthy);
        done(&x);
    }
}

/* Without a BAT nobody knows what lies behind the end of the file: nothing is put there. */
static void no_log_over_unknown_blocks(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.states = "66"});
    (void)ctx;

    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
    for (unsigned slot = 0; slot < 2; slot++)
        put_le64(img_header(img, slot) + 72, 0);
    img_sign_headers(img);
    plan_for(&x, img, "VHDX-HDR-015", NULL);
    assert_int_equal(x.plan.step_count, 0);
    assert_true(told(&x, "VHDX-HDR-015", "must be known first"));
    done(&x);
}

/* A child's bitmap over the log, whose zeros would say that all of the chunk is the parent's. */
static void bitmap_under_the_log_is_not_believed(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    (void)ctx;

    img_bat_set(img, img_bitmap_index(img, 0), (1 << 20) | 6);
    plan_for(&x, img, "VHDX-BAT-014 VHDX-SBM-002 VHDX-SBM-006 VHDX-SBM-007", NULL);
    assert_int_equal(x.plan.step_count, 0);
    assert_true(told(&x, "VHDX-BAT-014", "cannot be repaired"));
    done(&x);
}

/* Of a payload block the guest gets to see what the log left: that is said. */
static void block_under_the_log_is_named(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.block_size = 1 << 20, .states = "66"});
    bool named = false;
    (void)ctx;

    img_block_set(img, 1, 6, 1 << 20);
    plan_for(&x, img, "VHDX-BAT-014", NULL);
    for (uint64_t i = 0; i < x.plan.step_count; i++) {
        const struct plan_step *s = &x.plan.steps[i];
        named = named || (s->has_guest_range && s->guest_off == img->params.block_size &&
                          s->guest_len == img->params.block_size);
    }
    assert_true(named);
    assert_int_equal(x.plan.errors_after, 0);
    assert_true(u64_after(&x, HEADER_OFF[0] + 72) >= img->size);
    assert_int_equal(entry_after(&x, img_block_index(img, 1)), (1 << 20) | 6);
    done(&x);
}

static void nothing_is_found_where_nothing_is(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL);
    (void)ctx;

    img_fill(img, 0x30000, 0x20000, 0);
    img_fill(img, img->metadata_off, 65536, 0);
    plan_for(&x, img, "VHDX-RGN-001", NULL);
    assert_int_equal(x.plan.step_count, 0);
    assert_true(told(&x, "VHDX-RGN-001", "vhdxray carve"));
    done(&x);
}

/* The guest keeps a VHDX of its own on the disk: its metadata begins on a MiB of the file as well. */
static void disk_inside_the_disk_is_not_taken_for_it(void **ctx)
{
    struct fixture x;
    struct img *inner = img_create(&(struct img_params){.virtual_size = 4 << 20, .states = "66"});
    struct img *img = img_create(&(struct img_params){.states = "6666666666", .data = IMG_DATA_NONE});
    static uint8_t piece[PIECE];
    (void)ctx;

    for (uint64_t off = 0; off < inner->size; off += PIECE) {
        img_read(inner, off, piece, PIECE);
        img_write(img, img_block_off(img, 0) + off, piece, PIECE);
    }
    img_fill(img, 0x30000, 0x20000, 0);
    plan_for(&x, img, "VHDX-RGN-001", NULL);
    assert_regions_found(&x, img);
    img_free(inner);
    done(&x);
}

/* ---- metadata ---- */

static void lost_items_are_written_anew(void **ctx)
{
    static const struct {
        enum known_guid which;
        const char *rule;
    } lost[] = {
        {KNOWN_ITEM_FILE_PARAMETERS, "VHDX-META-020"},
        {KNOWN_ITEM_VIRTUAL_DISK_SIZE, "VHDX-META-021"},
        {KNOWN_ITEM_LOGICAL_SECTOR_SIZE, "VHDX-META-022"},
        {KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, "VHDX-META-023"},
    };
    (void)ctx;
    for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
        for (int cut = 0; cut < 2; cut++) {
            struct fixture x;
            struct img *img = img_create(&(struct img_params){.states = "66.6.6...6"}), *healthy = img_clone(img);
            if (cut)
                put_le32(img_metadata_entry(img, lost[i].which) + 20, 3); /* too short */
            else
                img_metadata_remove(img, lost[i].which);
            plan_for(&x, img, lost[i].rule, NULL);
            assert_int_equal(x.plan.errors_after, 0);
            assert_guest_as_built(&x, healthy);
            img_free(healthy);
            done(&x);
        }
    }
}

static void lost_disk_id_is_new_or_that_of_the_parent(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING}), *parent = img_create(NULL);
    uint8_t id[16];
    bool found = false;
    (void)ctx;

    memcpy(id, img_metadata_item(parent, KNOWN_ITEM_VIRTUAL_DISK_ID), 16);
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_ID);
    plan_for(&x, img, "VHDX-META-024", parent);
    for (uint64_t off = img->metadata_off + 0x10000; off < img->metadata_off + 0x11000 && !found; off += 8) {
        uint8_t bytes[16];
        read_after(&x, off, bytes, sizeof(bytes));
        found = memcmp(bytes, id, 16) == 0;
    }
    assert_true(found);
    assert_int_equal(x.plan.errors_after, 0);
    done(&x);
}

static void flags_of_entries_are_mended(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL), *healthy = img_clone(img);
    (void)ctx;

    put_le32(img_metadata_entry(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE) + 24, 0x80000000); /* 6 is right */
    put_le32(img_metadata_entry(img, KNOWN_ITEM_FILE_PARAMETERS) + 24, 2);            /* 4 is right */
    put_le32(img_metadata_entry(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE) + 28, 77);
    put_le32(img_metadata_item(img, KNOWN_ITEM_FILE_PARAMETERS) + 4, 0xf0);
    put_le16(img_metadata_table(img) + 8, 3);
    img_fill(img, img->metadata_off + 12, 20, 9);
    plan_for(&x, img, "", NULL);
    assert_clean(&x);
    assert_as_before_damage(&x, healthy);
    img_free(healthy);
    done(&x);
}

static void marker_and_double_entry_are_removed(void **ctx)
{
    const struct metadata_entry marker = {.item_id = *known_guid(KNOWN_ITEM_INCOMPLETE_FILE), .flags = 4};
    struct fixture x;
    struct img *img = img_create(NULL), *healthy = img_clone(img);
    uint8_t entry[METADATA_ENTRY_LEN];
    (void)ctx;

    memcpy(entry, img_metadata_entry(img, KNOWN_ITEM_VIRTUAL_DISK_ID), sizeof(entry));
    img_metadata_add(img, &marker, NULL);
    uint32_t count = le16(img_metadata_table(img) + 10);
    memcpy(img_metadata_table(img) + 32 + 32 * count, entry, sizeof(entry));
    put_le16(img_metadata_table(img) + 10, (uint16_t)(count + 1));
    plan_for(&x, img, "VHDX-META-026", NULL);
    assert_clean(&x);
    assert_as_before_damage(&x, healthy);
    img_free(healthy);
    done(&x);
}

static void lost_parent_bit_is_given_back(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING}), *healthy = img_clone(img);
    (void)ctx;

    put_le32(img_metadata_item(img, KNOWN_ITEM_FILE_PARAMETERS) + 4, 0);
    plan_for(&x, img, "VHDX-XREF-006 VHDX-META-039", NULL);
    assert_int_equal(u32_after(&x, img->item_off[KNOWN_ITEM_FILE_PARAMETERS] + 4), 2);
    assert_clean(&x);
    assert_as_before_damage(&x, healthy);
    img_free(healthy);
    done(&x);
}

/* ---- BAT ---- */

/* Entry 2 is FULLY_PRESENT at 6 MiB, 4 UNMAPPED. */
static void single_entries(void **ctx)
{
    static const struct {
        const char *consent;
        enum img_type type;
        uint64_t index, damaged, expected;
    } rows[] = {
        {"VHDX-BAT-002", IMG_DYNAMIC, 2, 0x600004, 0x600001},
        {"VHDX-BAT-003", IMG_DYNAMIC, 3, 5, 3},
        {"VHDX-BAT-004", IMG_DYNAMIC, 2, 0x600007, 0x600006},
        {"VHDX-BAT-005", IMG_DYNAMIC, 2048, 2, 0}, /* information, by name */
        {"", IMG_DYNAMIC, 2, 0x6ffffe, 0x600006},
        {"", IMG_DYNAMIC, 3, 0x700002, 2},
        {"", IMG_DYNAMIC, 1, 0x700000, 0},
        {"VHDX-BAT-012", IMG_DYNAMIC, 1, 0x10000000006, 0},
        {"VHDX-BAT-012", IMG_DIFFERENCING, 1, 0x10000000006, 1}, /* never the parent's data */
        {"", IMG_DYNAMIC, 4, 0x10000000003, 3},
        {"", IMG_DYNAMIC, 4, 0x600003, 3},
        {"VHDX-BAT-021", IMG_DYNAMIC, 12, 0x700000, 0},
    };
    (void)ctx;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture x;
        struct img *img = img_create(&(struct img_params){.type = rows[i].type});
        if (rows[i].index == 2048)
            img_free(img);
        if (rows[i].index == 2048)
            img = img_create(&(struct img_params){.virtual_size = (uint64_t)5 << 30});
        img_bat_set(img, rows[i].index, rows[i].damaged);
        plan_for(&x, img, rows[i].consent, NULL);
        if (entry_after(&x, rows[i].index) != rows[i].expected)
            fail_msg("row %zu: 0x%llx", i, (unsigned long long)entry_after(&x, rows[i].index));
        assert_int_equal(x.plan.errors_after, 0);
        done(&x);
    }
}

static void nothing_is_blanked_without_consent(void **ctx)
{
    static const uint64_t damaged[] = {0x10000000006, 0x600004, 0x600005, 0x600007, 0x400006, 0x100006, 6};
    (void)ctx;
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        struct fixture x;
        struct img *img = img_create(NULL);
        img_bat_set(img, 2, damaged[i]);
        plan_for(&x, img, "", NULL);
        assert_int_equal(x.plan.step_count, 0);
        assert_int_equal(entry_after(&x, 2), damaged[i]);
        assert_true(x.plan.left_count > 0);
        done(&x);
    }
}

static void cut_block_keeps_what_is_there(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.data = IMG_DATA_DENSE});
    uint64_t size = img->size, last = img_block_off(img, 9);
    struct img *healthy = img_clone(img);
    (void)ctx;

    img_resize(img, size - MIB);
    plan_for(&x, img, "VHDX-BAT-012", NULL);
    assert_int_equal(store_size(x.plan.stage), size);
    assert_int_equal(entry_after(&x, 9), img_bat_get(healthy, 9));
    assert_as_in(&x, healthy, last, size - MIB - last);
    assert_int_equal(u64_after(&x, size - 8), 0);
    assert_clean(&x);
    img_free(healthy);
    done(&x);
}

static void shared_block_gets_a_copy(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.data = IMG_DATA_DENSE});
    uint64_t size = img->size, from = img_block_off(img, 0);
    static uint8_t a[2 << 20], b[2 << 20];
    (void)ctx;

    img_block_set(img, 9, 6, from);
    plan_for(&x, img, "VHDX-BAT-016", NULL);
    assert_int_equal(entry_after(&x, 0), from | 6);
    assert_int_equal(entry_after(&x, 9), size | 6);
    assert_int_equal(store_size(x.plan.stage), size + sizeof(a));
    read_after(&x, from, a, sizeof(a));
    read_after(&x, size, b, sizeof(b));
    assert_memory_equal(a, b, sizeof(a));
    assert_clean(&x);
    done(&x);
}

static void copies_are_not_without_end(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){
        .virtual_size = (uint64_t)1 << 40, .block_size = 256 << 20, .states = "6", .data = IMG_DATA_NONE});
    (void)ctx;

    for (uint64_t block = 1; block < 400; block++)
        img_block_set(img, block, 6, img_block_off(img, 0));
    plan_for(&x, img, "VHDX-BAT-016", NULL);
    assert_true(told(&x, "VHDX-BAT-016", "more than 64 GiB"));
    assert_true(store_size(x.plan.stage) <= img->size + LIMIT_REPAIR_COPIED);
    done(&x);
}

/* QEMU before April 2023 logged the new first entry, and behind it the old page from its start (format.md 19). */
static void shifted_page_is_moved_back(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.states = "6666666666"}), *healthy = img_clone(img);
    (void)ctx;

    for (uint64_t i = 10; i > 0; i--)
        img_bat_set(img, i, img_bat_get(img, i - 1));
    plan_for(&x, img, "VHDX-BAT-025", NULL);
    assert_clean(&x);
    assert_as_before_damage(&x, healthy);
    assert_guest_as_built(&x, healthy);
    img_free(healthy);
    done(&x);
}

/* cloud-hypervisor keeps block b at index b: the slots for bitmaps are missing. */
static void bitmap_slots_are_put_in(void **ctx)
{
    static const struct img_block blocks[] = {
        {.block = 127, .state = 6}, {.block = 128, .state = 6}, {.block = 129, .state = 6}, {.block = 300, .state = 6}};
    struct fixture x;
    struct img *img = img_create(&(struct img_params){
        .virtual_size = (uint64_t)17 << 30, .block_size = 32 << 20, .states = "", .blocks = blocks, .block_count = 4});
    struct img *healthy = img_clone(img);
    (void)ctx;

    for (uint64_t block = 0; block < img->geometry.payload_blocks; block++)
        img_bat_set(img, block, img_bat_get(healthy, img_block_index(healthy, block)));
    for (uint64_t i = img->geometry.payload_blocks; i < img->geometry.entries; i++)
        img_bat_set(img, i, 0);
    plan_for(&x, img, "VHDX-BAT-026", NULL);
    assert_clean(&x);
    assert_as_before_damage(&x, healthy);
    img_free(healthy);
    done(&x);
}

static void small_bat_is_moved(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(
        &(struct img_params){.type = IMG_DIFFERENCING, .virtual_size = 131041 * MIB, .block_size = MIB, .states = "6"});
    uint64_t size = img->size;
    (void)ctx;

    for (unsigned copy = 0; copy < 2; copy++)
        put_le32(img_region_find(img, copy, KNOWN_REGION_BAT) + 24, (uint32_t)MIB);
    img_sign_region_tables(img);
    plan_for(&x, img, "VHDX-BAT-001", NULL);
    assert_int_equal(store_size(x.plan.stage), size + 2 * MIB);
    assert_int_equal(u64_after(&x, size), img_bat_get(img, 0));
    for (unsigned copy = 0; copy < 2; copy++) {
        uint64_t e = REGION_TABLE_OFF[copy] +
                     (uint64_t)(img_region_find(img, copy, KNOWN_REGION_BAT) - img_region_table(img, copy));
        assert_int_equal(u64_after(&x, e + 16), size);
        assert_int_equal(u32_after(&x, e + 24), 2 * MIB);
    }
    assert_clean(&x);
    done(&x);
}

/* A file that lost its end must not grow over what is missing for another reason: the guest would read zeros there. */
static void missing_blocks_do_not_become_zeros_by_the_way(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(NULL);
    (void)ctx;

    for (unsigned slot = 0; slot < 2; slot++)
        put_le32(img_header(img, slot) + IMG_HEADER_LOG_LEN, 0);
    img_sign_headers(img);
    img_resize(img, img->size - 2 * MIB);
    plan_for(&x, img, "VHDX-HDR-018", NULL);
    assert_int_equal(x.plan.step_count, 0);
    assert_true(told(&x, "VHDX-HDR-018", "claimed by a structure or block"));
    done(&x);
}

/* ---- sector bitmaps ---- */

static void stray_bits_are_cleared(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING}), *healthy = img_clone(img);
    (void)ctx;

    /* The builder, as Hyper-V, sets bits behind the end of the disk. */
    uint64_t used = img->params.virtual_size / 512;
    sector_bitmap_set(img_bytes(healthy, img_bitmap_off(healthy, 0), 65536), used, 524288 - used, false);
    img_bitmap_set(img, 1, 8, 16, true); /* block 1 is not present, block 2 is FULLY_PRESENT */
    img_bitmap_set(img, 2, 0, 24, true);
    plan_for(&x, img, "VHDX-SBM-002 VHDX-SBM-003 VHDX-SBM-004", NULL);
    assert_as_before_damage(&x, healthy);
    img_free(healthy);
    done(&x);
}

static void state_7_without_bitmap_shows_no_parent(void **ctx)
{
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    uint64_t raw = img_bat_get(img, 0);
    (void)ctx;

    img_bat_set(img, img_bitmap_index(img, 0), 0);
    plan_for(&x, img, "VHDX-BAT-020", NULL);
    assert_int_equal(entry_after(&x, 0), (raw & ~(uint64_t)7) | 6);
    assert_int_equal(x.plan.errors_after, 0);
    done(&x);
}

/* ---- locator ---- */

/* The locator's pairs afterwards, as "key=value;" one behind the other. */
static const char *locator_after(const struct fixture *x, char *buf, size_t size)
{
    struct arena *arena = arena_create(LIMIT_MEMORY_DEFAULT);
    struct image *img = NULL;
    size_t used = 0;

    assert_int_equal(image_open(arena, x->plan.stage->source, "after", NULL, NULL, &img), STATUS_OK);
    const struct locator *l = &img->main->locator;
    assert_int_equal(l->absence, ABSENT_NOT);
    buf[0] = '\0';
    for (uint32_t i = 0; i < l->pair_count; i++) {
        int n = snprintf(buf + used, size - used, "%s=%s;", l->pairs[i].key, l->pairs[i].value);
        assert_true(n > 0 && (size_t)n < size - used);
        used += (size_t)n;
    }
    image_close(img);
    arena_destroy(arena);
    return buf;
}

static void child_is_linked_to_the_parent_named(void **ctx)
{
    struct fixture x;
    struct img *parent = img_create(&(struct img_params){.seed = 5});
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING}); /* of another parent */
    char text[1024], want[128], guid[GUID_TEXT_SIZE];
    (void)ctx;

    struct guid g = guid_load(img_header(parent, 1) + IMG_HEADER_DATA_WRITE_GUID);
    (void)snprintf(want, sizeof(want), "parent_linkage={%s};relative_path=.\\new.vhdx;", guid_text(&g, guid));
    plan_for(&x, img, "VHDX-CHAIN-003", parent);
    assert_true(has_step(&x, "VHDX-CHAIN-003"));
    assert_string_equal(locator_after(&x, text, sizeof(text)), want); /* the other paths led to another name */
    for (uint64_t i = 0; i < x.plan.step_count; i++)
        if (x.plan.steps[i].rule && strcmp(x.plan.steps[i].rule->id, "VHDX-CHAIN-003") == 0) {
            assert_true(x.plan.steps[i].has_guest_range);
            assert_int_equal(x.plan.steps[i].guest_len, img->params.virtual_size);
            break;
        }
    assert_int_equal(x.plan.errors_after, 0);
    done(&x);
}

static void child_is_not_linked_without_consent(void **ctx)
{
    struct fixture x;
    (void)ctx;

    plan_for(&x, img_create(&(struct img_params){.type = IMG_DIFFERENCING}), "",
             img_create(&(struct img_params){.seed = 5}));
    assert_int_equal(x.plan.step_count, 0);
    assert_true(told(&x, "VHDX-CHAIN-003", "needs --consent VHDX-CHAIN-003"));
    done(&x);
}

static void parent_must_be_named(void **ctx)
{
    static const char *const consents[] = {"VHDX-META-038", "VHDX-PLOC-009"};
    static const struct locator_string no_linkage[] = {{"relative_path", ".\\parent.vhdx"}};
    (void)ctx;
    for (int i = 0; i < 2; i++) {
        struct fixture x;
        struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
        if (i == 0)
            img_metadata_remove(img, KNOWN_ITEM_PARENT_LOCATOR);
        else
            img_set_locator(img, no_linkage, 1);
        plan_for(&x, img, consents[i], NULL);
        assert_int_equal(x.plan.step_count, 0);
        assert_true(told(&x, consents[i], "--parent"));
        done(&x);
    }
}

static void lost_locator_is_written_anew(void **ctx)
{
    struct fixture x;
    struct img *parent = img_create(NULL);
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent});
    struct img *healthy = img_clone(img);
    (void)ctx;

    img_metadata_remove(img, KNOWN_ITEM_PARENT_LOCATOR);
    plan_for(&x, img, "VHDX-META-038", parent);
    assert_int_equal(x.plan.errors_after, 0);
    assert_guest_as_built(&x, healthy);
    img_free(healthy);
    done(&x);
}

static void strings_of_the_locator_are_mended(void **ctx)
{
    static const struct locator_string pairs[] = {
        {"parent_linkage", "{01234567-89ab-4cde-8f01-23456789abcd}"},
        {"Relative_Path", ".\\a.vhdx"},
        {"absolute_win32_path", "\\\\host\\share\\a.vhdx"},
        {"parent_linkage2", "{00000000-0000-0000-0000-000000000000}"},
        {"mine", "x"},
        {"mine", "x"},
    };
    struct fixture x;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    char text[1024];
    (void)ctx;

    img_set_locator(img, pairs, sizeof(pairs) / sizeof(pairs[0]));
    plan_for(&x, img, "VHDX-PLOC-008 VHDX-PLOC-012 VHDX-PLOC-014 VHDX-PLOC-020", NULL);
    assert_string_equal(locator_after(&x, text, sizeof(text)),
                        "parent_linkage={01234567-89ab-4cde-8f01-23456789abcd};relative_path=.\\a.vhdx;"
                        "absolute_win32_path=\\\\?\\UNC\\host\\share\\a.vhdx;mine=x;");
    done(&x);
}

/* ---- the planner ---- */

static void assert_same_stage(struct store *a, struct store *b)
{
    assert_int_equal(store_size(a), store_size(b));
    assert_int_equal(stage_piece_count(a), stage_piece_count(b));
    for (uint64_t i = 0; i < stage_piece_count(a); i++) {
        struct stage_piece p = stage_piece(a, i), q = stage_piece(b, i);
        static uint8_t u[PIECE], w[PIECE];
        assert_int_equal(p.off, q.off);
        assert_int_equal(p.len, q.len);
        for (uint64_t off = 0; off < p.len; off += PIECE) {
            size_t n = (size_t)u64_min(PIECE, p.len - off);
            assert_int_equal(source_read(a->source, p.off + off, u, n), STATUS_OK);
            assert_int_equal(source_read(b->source, p.off + off, w, n), STATUS_OK);
            assert_bytes_equal(u, w, n);
        }
    }
}

static void the_same_file_gives_the_same_plan(void **ctx)
{
    struct img *img = img_create(NULL);
    struct fixture x, y, z;
    uint8_t a[16], b[16];
    (void)ctx;

    memset(img_header(img, 0), 0, 80);
    img_bat_set(img, 5, 0x700008);
    put_le32(img_metadata_item(img, KNOWN_ITEM_VIRTUAL_DISK_ID), 0);
    plan_for(&x, img_clone(img), "", NULL);
    plan_for(&y, img_clone(img), "", NULL);
    assert_true(x.plan.step_count > 2);
    assert_int_equal(x.plan.step_count, y.plan.step_count);
    assert_same_stage(x.plan.stage, y.plan.stage);
    /* Another state of the file gets another FileWriteGuid. */
    img_header(img, 1)[IMG_HEADER_FILE_WRITE_GUID] ^= 1;
    img_sign_header(img, 1);
    plan_for(&z, img, "", NULL);
    read_after(&x, 0x10000 + IMG_HEADER_FILE_WRITE_GUID, a, 16);
    read_after(&z, 0x10000 + IMG_HEADER_FILE_WRITE_GUID, b, 16);
    assert_memory_not_equal(a, b, 16);
    done(&x);
    done(&y);
    done(&z);
}

/* A disk that needs no parent is mended, whatever became of the one that was named. */
static void a_parent_that_nobody_asks_may_be_without_memory(void **ctx)
{
    struct arena *arena = arena_create(LIMIT_MEMORY_DEFAULT);
    struct img *img = img_create(NULL);
    struct plan_options o = {.max_memory = LIMIT_MEMORY_DEFAULT, .parent_path = ".\\new.vhdx"};
    struct fixture x;
    struct plan plan;
    (void)ctx;

    memset(img_header(img, 0), 0, 80);
    plan_for(&x, img, "", img_create(NULL));
    assert_true(x.plan.step_count > 0);
    arena_fail_at(x.parent_arena, 1, false);
    assert_null(arena_alloc(x.parent_arena, 1));
    o.parent = x.parent;
    assert_int_equal(plan_make(arena, x.source, "case.vhdx", &o, &plan), STATUS_OK);
    assert_int_equal(plan.step_count, x.plan.step_count);
    assert_int_equal(plan.errors_after, 0);
    assert_same_stage(plan.stage, x.plan.stage);
    plan_close(&plan);
    arena_destroy(arena);
    done(&x);
}

static struct img *stray_bits(void)
{
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    img_bitmap_set(img, 1, 5, 1, true); /* of a block that is not present */
    return img;
}

/* Giving up the log would leave a disk without size: the step is taken back, with the reason. */
static struct img *size_in_the_log_alone(void)
{
    struct img *img = img_create(NULL);
    const uint64_t page = img->item_off[KNOWN_ITEM_VIRTUAL_DISK_SIZE] / 4096 * 4096;
    uint8_t *bytes = img_page_copy(img, page);
    put_le32(bytes + (img->item_off[KNOWN_ITEM_PHYSICAL_SECTOR_SIZE] - page), 777);
    img_make_dirty(img, &(struct img_log_desc){.off = page, .page = bytes}, 1);
    put_le64(img_metadata_item(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE), 0);
    return img;
}

/* Whichever read or allocation fails: the very plan, or none that changes anything. */
static void a_plan_is_whole_or_is_none(void **ctx)
{
    static const struct {
        struct img *(*make)(void);
        const char *consent;
    } rows[] = {{stray_bits, "VHDX-SBM-002"}, {size_in_the_log_alone, "VHDX-LOG-028"}};
    (void)ctx;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *consent[] = {rows[i].consent};
        const struct plan_options o = {.consent = consent, .consent_count = 1, .max_memory = LIMIT_MEMORY_DEFAULT};
        struct fixture x;
        plan_for(&x, rows[i].make(), rows[i].consent, NULL);
        for (unsigned memory = 0; memory < 2; memory++) {
            bool failed = true;
            for (uint64_t n = 1; failed; n++) {
                struct arena *arena = arena_create(LIMIT_MEMORY_DEFAULT);
                struct plan plan = {.stage = NULL};
                struct faulty f;
                (void)faulty_over(&f, x.source);
                f.fail_read = memory ? 0 : n;
                arena_fail_at(arena, memory ? n : 0, false);
                enum status st = plan_make(arena, &f.source, "case.vhdx", &o, &plan);
                failed = memory ? arena_status(arena) != STATUS_OK : f.reads >= n;
                if (memory)
                    assert_int_equal(st, failed ? STATUS_NO_MEMORY : STATUS_OK);
                else
                    assert_true(st == STATUS_OK || st == STATUS_IO);
                if (st == STATUS_OK && !failed)
                    assert_same_stage(plan.stage, x.plan.stage);
                /* New GUIDs follow from what was read of the headers. */
                if (st == STATUS_OK && !plan.refused && plan.step_count > 0)
                    assert_int_equal(plan.step_count, x.plan.step_count);
                if (st == STATUS_OK)
                    plan_close(&plan);
                arena_destroy(arena);
            }
        }
        done(&x);
    }
}

/* Time that is over is no plan, whatever it is over at. */
static void there_is_no_plan_without_time(void **ctx)
{
    struct img *img = img_create(NULL);
    const struct plan_options o = {.max_memory = LIMIT_MEMORY_DEFAULT};
    (void)ctx;

    memset(img_header(img, 0), 0, 80);
    struct source *base = img_source(img);
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        struct arena *arena = arena_create(LIMIT_MEMORY_DEFAULT);
        struct plan plan = {.stage = NULL};
        struct faulty f;
        (void)faulty_over(&f, base);
        f.fail_read = n;
        f.sticky = true;
        f.read_status = STATUS_LIMIT;
        enum status st = plan_make(arena, &f.source, "case.vhdx", &o, &plan);
        failed = f.reads >= n;
        assert_int_equal(st, failed ? STATUS_LIMIT : STATUS_OK);
        if (st == STATUS_OK)
            plan_close(&plan);
        arena_destroy(arena);
    }
    source_close(base);
    img_free(img);
}

static void unreadable_files_are_refused(void **ctx)
{
    struct img *img = img_create(NULL);
    struct source *base = img_source(img);
    struct faulty faulty;
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    const struct plan_options o = {.max_memory = LIMIT_MEMORY_DEFAULT};
    struct plan plan;
    (void)ctx;

    memset(img_header(img, 0), 0, 80);
    struct source *s = faulty_over(&faulty, base);
    faulty.bad_off = img->bat_off;
    faulty.bad_len = 1;
    assert_int_equal(plan_make(a, s, "case.vhdx", &o, &plan), STATUS_OK);
    assert_true(plan.refused);
    assert_int_equal(plan.step_count, 0);
    plan_close(&plan);
    arena_destroy(a);
    source_close(base);
    img_free(img);
}

/* Each read fails in turn, and each allocation of the plan: a status or a whole plan, never half of one. */
static void failures_leave_nothing_behind(void **ctx)
{
    struct img *img = img_create(NULL);
    struct source *base = img_source(img);
    const struct plan_options o = {.max_memory = LIMIT_MEMORY_DEFAULT};
    (void)ctx;

    memset(img_header(img, 0), 0, 80);
    img_bat_set(img, 5, 0x700008);
    for (uint64_t n = 1; n < 400; n++) {
        struct faulty faulty;
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct plan plan;
        struct source *s = faulty_over(&faulty, base);
        faulty.fail_read = n % 2 ? (n + 1) / 2 : 0;
        if (n % 2 == 0)
            arena_fail_at(a, n / 2, true);
        enum status st = plan_make(a, s, "case.vhdx", &o, &plan);
        if (st == STATUS_OK) {
            assert_true(plan.refused ? plan.step_count == 0 : plan.after == VERDICT_CLEAN);
            plan_close(&plan);
        } else {
            assert_true(st == STATUS_IO || st == STATUS_NO_MEMORY || st == STATUS_LIMIT || st == STATUS_INTERNAL);
        }
        arena_destroy(a);
    }
    source_close(base);
    img_free(img);
}

static void too_little_memory_is_said(void **ctx)
{
    struct img *img = img_create(NULL);
    struct source *base = img_source(img);
    const struct plan_options o = {.max_memory = 64 << 10};
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct plan plan;
    (void)ctx;

    assert_int_equal(plan_make(a, base, "case.vhdx", &o, &plan), STATUS_LIMIT);
    arena_destroy(a);
    source_close(base);
    img_free(img);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_repairable_rule_has_a_row),
        cmocka_unit_test(every_row_has_a_rule),
        cmocka_unit_test(healthy_files_are_left_alone),
        cmocka_unit_test(disk2vhd_is_left_alone),
        cmocka_unit_test(the_longest_file_does_not_grow),
        cmocka_unit_test(bad_header_is_written_from_the_other),
        cmocka_unit_test(reserved_bytes_of_a_header_are_kept),
        cmocka_unit_test(both_checksums_are_computed_anew),
        cmocka_unit_test(of_two_headers_the_better_one_is_taken),
        cmocka_unit_test(nothing_goes_before_the_choice_of_a_header),
        cmocka_unit_test(numbers_at_their_end_need_consent),
        cmocka_unit_test(later_versions_are_not_touched),
        cmocka_unit_test(new_log_behind_the_file),
        cmocka_unit_test(signature_needs_consent_and_comes_first),
        cmocka_unit_test(log_is_replayed),
        cmocka_unit_test(lost_log_is_given_up_by_consent_only),
        cmocka_unit_test(harmful_log_is_given_up_by_consent_only),
        cmocka_unit_test(a_log_that_changes_the_block_size_is_about_the_whole_disk),
        cmocka_unit_test(a_log_of_stored_zeros_is_wiped),
        cmocka_unit_test(bad_copy_is_written_from_the_other),
        cmocka_unit_test(of_two_tables_the_better_one_is_taken),
        cmocka_unit_test(lost_tables_are_written_anew),
        cmocka_unit_test(partial_zero_fill_is_undone),
        cmocka_unit_test(lost_entries_are_found_again),
        cmocka_unit_test(damages_do_not_hide_each_other),
        cmocka_unit_test(no_log_over_unknown_blocks),
        cmocka_unit_test(bitmap_under_the_log_is_not_believed),
        cmocka_unit_test(block_under_the_log_is_named),
        cmocka_unit_test(nothing_is_found_where_nothing_is),
        cmocka_unit_test(disk_inside_the_disk_is_not_taken_for_it),
        cmocka_unit_test(lost_items_are_written_anew),
        cmocka_unit_test(lost_disk_id_is_new_or_that_of_the_parent),
        cmocka_unit_test(flags_of_entries_are_mended),
        cmocka_unit_test(marker_and_double_entry_are_removed),
        cmocka_unit_test(lost_parent_bit_is_given_back),
        cmocka_unit_test(single_entries),
        cmocka_unit_test(nothing_is_blanked_without_consent),
        cmocka_unit_test(cut_block_keeps_what_is_there),
        cmocka_unit_test(shared_block_gets_a_copy),
        cmocka_unit_test(copies_are_not_without_end),
        cmocka_unit_test(shifted_page_is_moved_back),
        cmocka_unit_test(bitmap_slots_are_put_in),
        cmocka_unit_test(small_bat_is_moved),
        cmocka_unit_test(missing_blocks_do_not_become_zeros_by_the_way),
        cmocka_unit_test(stray_bits_are_cleared),
        cmocka_unit_test(state_7_without_bitmap_shows_no_parent),
        cmocka_unit_test(child_is_linked_to_the_parent_named),
        cmocka_unit_test(child_is_not_linked_without_consent),
        cmocka_unit_test(parent_must_be_named),
        cmocka_unit_test(lost_locator_is_written_anew),
        cmocka_unit_test(strings_of_the_locator_are_mended),
        cmocka_unit_test(the_same_file_gives_the_same_plan),
        cmocka_unit_test(a_parent_that_nobody_asks_may_be_without_memory),
        cmocka_unit_test(there_is_no_plan_without_time),
        cmocka_unit_test(a_plan_is_whole_or_is_none),
        cmocka_unit_test(unreadable_files_are_refused),
        cmocka_unit_test(failures_leave_nothing_behind),
        cmocka_unit_test(too_little_memory_is_said),
    };
    return cmocka_run_group_tests_name("fixes", tests, NULL, NULL);
}
