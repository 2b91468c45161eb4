/* SPDX-License-Identifier: MIT */
/*
 * Checks of images that have more of something than rules look at or list, or a combination that hardly a writer
 * leaves. What is said of them, by hand.
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
#include "build.h"
#include "check/wording.h"
#include "faulty.h"
#include "image/chain.h"
#include "image/log_descriptors.h"
#include "reports.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static const struct finding *said(const struct check_result *res, const char *words)
{
    for (uint64_t i = 0; i < res->finding_count; i++)
        if (strstr(res->findings[i]->message, words) != NULL)
            return res->findings[i];
    return NULL;
}

static void assert_said(const struct check_result *res, const char *words)
{
    if (said(res, words) != NULL)
        return;
    for (uint64_t i = 0; i < res->finding_count; i++)
        printf("# %s: %s\n", res->findings[i]->rule->id, res->findings[i]->message);
    fail_msg("nobody said \"%s\"", words);
}

static void assert_checked(const struct img *img, const char *words, bool expected)
{
    struct checked c = reports_check(img, "x.vhdx", 1000);

    if (expected)
        assert_said(c.result, words);
    else
        assert_null(said(c.result, words));
    reports_done(&c);
}

static unsigned findings_of(const struct img *img, const char *rule)
{
    struct checked c = reports_check(img, "x.vhdx", 1000);
    unsigned n = 0;

    for (uint64_t i = 0; i < c.result->finding_count; i++)
        n += strcmp(c.result->findings[i]->rule->id, rule) == 0;
    reports_done(&c);
    return n;
}

/* ---- logs ---- */

/* More pages and descriptors in stale entries than are compared with the file of today. */
static void more_history_than_is_compared(void **state)
{
    const uint32_t pages = (uint32_t)LIMIT_STALE_PAGES + 4, zeros = (uint32_t)LIMIT_STALE_DESCRIPTORS + 4;
    struct img *img = img_create(&(struct img_params){.states = "6", .log_len = 32 * MIB});
    struct img_log_desc *descs = calloc(zeros, sizeof(*descs));
    static uint8_t old[4096];

    (void)state;
    assert_non_null(descs);
    memset(old, 0x55, sizeof(old));
    for (uint32_t i = 0; i < pages; i++)
        descs[i] = (struct img_log_desc){.off = img->bat_off, .page = old};
    uint32_t pos = img_log_write(
        img, 0,
        &(struct img_log_entry){
            .sequence_number = 5, .guid = img_guid(IMG_WINDOWS, 'S', 1), .descs = descs, .desc_count = pages});
    for (uint32_t i = 0; i < zeros; i++)
        descs[i] = (struct img_log_desc){.off = img->payload_off + 4096 * (uint64_t)i, .len = 4096};
    for (uint32_t k = 0; k < 3; k++)
        pos = img_log_write(img, pos,
                            &(struct img_log_entry){.sequence_number = 6 + k,
                                                    .tail = pos,
                                                    .guid = img_guid(IMG_WINDOWS, 'S', 2 + k),
                                                    .descs = descs,
                                                    .desc_count = k == 1 ? zeros : 1});
    struct checked c = reports_check(img, "x.vhdx", 1000);
    assert_said(c.result, "4096 of 4096 (limit) pages in stale log entries differ");
    assert_said(c.result, "descriptors in 2 stale log entries"); /* of the third nobody asked any more */
    reports_done(&c);
    free(descs);
    img_free(img);
}

/* What a stale entry wrote at the end of a file that was cut since is no page to compare with. */
static void pages_that_the_file_lost(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "6"});
    const struct guid other = img_guid(IMG_WINDOWS, 'R', 5);
    uint64_t region = img->size;
    static uint8_t old[4096];

    (void)state;
    img_region_add(img, &(struct region_entry){.guid = other, .off = region, .len = (uint32_t)MIB});
    img_resize(img, region + 100);
    memset(old, 0x55, sizeof(old));
    const struct img_log_desc d = {.off = region, .page = old};
    img_log_write(img, 0,
                  &(struct img_log_entry){
                      .sequence_number = 5, .guid = img_guid(IMG_WINDOWS, 'S', 1), .descs = &d, .desc_count = 1});
    assert_checked(img, "in stale log entries differ", false);
    img_resize(img, region + MIB);
    assert_checked(img, "1 of 1 page in stale log entries differs", true);
    img_free(img);
}

/* A replay that changes more ranges of the guest's disk than are listed. */
static void many_ranges_change(void **state)
{
    struct img *img = img_create(
        &(struct img_params){.virtual_size = 80 * MIB, .states = "6666666666666666666666666666666666666666"});
    uint8_t *page = img_page_copy(img, img->bat_off);

    (void)state;
    for (uint64_t block = 1; block < 40; block += 2)
        put_le64(page + 8 * block, 0);
    img_make_dirty(img, &(struct img_log_desc){.off = img->bat_off, .page = page}, 1);
    struct checked c = reports_check(img, "x.vhdx", 1000);
    assert_said(c.result, "replaying the log changes what the guest sees in 20 blocks: ");
    const char *message = said(c.result, "changes what the guest sees")->message;
    assert_string_equal(message + strlen(message) - 4, " ...");
    reports_done(&c);
    img_free(img);
}

/* The log changes the size of the blocks as well: then places cannot be compared. */
static void another_block_size_after_replay(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "6666"});
    uint64_t items = img->metadata_off + 65536;
    uint8_t *page = img_page_copy(img, items), *bat = img_page_copy(img, img->bat_off);

    (void)state;
    put_le32(page + img->item_off[KNOWN_ITEM_FILE_PARAMETERS] - items, 4 << 20);
    put_le64(bat + 8, 0);
    const struct img_log_desc descs[] = {{.off = items, .page = page}, {.off = img->bat_off, .page = bat}};
    img_make_dirty(img, descs, 2);
    assert_checked(img, "changes what the guest sees", false);
    img_free(img);
}

/* ---- headers ---- */

/* Its fields are right, and zeros behind the end of the file would make the checksum right. */
static void a_header_that_the_file_cuts(void **state)
{
    struct img *img = img_create(NULL);

    (void)state;
    put_le64(img_header(img, 1) + IMG_HEADER_SEQUENCE, 9);
    img_sign_header(img, 1);
    img_resize(img, 128 * 1024 + 2048);
    assert_checked(img, "an update of the headers looks interrupted", false);
    img_header(img, 1)[4] ^= 1;
    assert_checked(img, "an update of the headers looks interrupted", true);
    img_free(img);
}

/* The one that is wrong is nobody's predecessor: an entry as long as the log follows itself. */
static void an_entry_as_long_as_the_log(void **state)
{
    struct img *img = img_create(NULL);
    const struct guid live = img_guid(IMG_WINDOWS, 'L', 3);

    (void)state;
    img_set_log_guid(img, &live);
    img_log_write(img, 0,
                  &(struct img_log_entry){.sequence_number = 5,
                                          .guid = live,
                                          .extra_sectors = (uint32_t)(img->log_len / 4096 - 1),
                                          .flags = IMG_LOG_BAD_CRC});
    struct checked c = reports_check(img, "x.vhdx", 1000);
    assert_said(c.result, "of the live log has a wrong checksum");
    assert_int_equal(said(c.result, "of the live log has a wrong checksum")->severity, SEVERITY_INFO);
    reports_done(&c);
    img_free(img);
}

/* More targets behind the end of all offsets than a replay lists. */
static void many_targets_that_wrap(void **state)
{
    enum { MANY = 1010 };
    struct img *img = img_create(NULL);
    struct img_log_desc *descs = calloc(MANY, sizeof(*descs));

    (void)state;
    assert_non_null(descs);
    for (uint32_t i = 0; i < MANY; i++)
        descs[i] = (struct img_log_desc){.off = UINT64_MAX - 4095, .len = 8192};
    img_log_begin(img, 0, 3);
    img_log_append(img, NULL, 0);
    img_log_append(img, descs, MANY);
    struct checked c = reports_check(img, "x.vhdx", 2000);
    uint64_t listed = 0, counted = 0;
    for (uint64_t i = 0; i < c.result->finding_count; i++) {
        listed += strstr(c.result->findings[i]->message, " writes 8192 bytes at 0x") != NULL;
        counted += strcmp(c.result->findings[i]->message,
                          "one more descriptor of the sequence writes past the end of 64-bit offsets") == 0;
    }
    assert_int_equal(listed, LIMIT_FINDINGS_PER_RULE);
    assert_int_equal(counted, MANY - LIMIT_FINDINGS_PER_RULE);
    reports_done(&c);
    free(descs);
    img_free(img);
}

/* Headers of which one has a log and the other none: without a later one nobody knows which is the old one. */
static void headers_that_nobody_can_choose(void **state)
{
    struct img *img = img_create(NULL);
    const struct guid live = img_guid(IMG_WINDOWS, 'L', 3);

    (void)state;
    guid_store(img_header(img, 0) + IMG_HEADER_LOG_GUID, &live);
    img_sign_header(img, 0);
    assert_checked(img, "if the current header is lost", true);
    put_le64(img_header(img, 0) + IMG_HEADER_SEQUENCE, 2);
    put_le64(img_header(img, 1) + IMG_HEADER_SEQUENCE, 2);
    img_sign_headers(img);
    assert_checked(img, "if the current header is lost", false);
    img_free(img);
}

/* A newer header that is right, but of another version, was not interrupted while it was written. */
static void a_newer_header_of_another_version(void **state)
{
    struct img *img = img_create(NULL);

    (void)state;
    put_le64(img_header(img, 0) + IMG_HEADER_SEQUENCE, 9);
    put_le16(img_header(img, 0) + IMG_HEADER_VERSION, 2);
    img_sign_header(img, 0);
    assert_checked(img, "an update of the headers looks interrupted", false);
    img_header(img, 0)[4] ^= 1;
    assert_checked(img, "an update of the headers looks interrupted", true);
    img_free(img);
}

/* A wrong entry between two that are right, but not in the line of their numbers, is what another log left. */
static void a_wrong_entry_of_another_number(void **state)
{
    (void)state;
    for (unsigned odd = 0; odd < 2; odd++) {
        struct img *img = img_create(NULL);
        const struct guid live = img_guid(IMG_WINDOWS, 'L', 3);
        const uint64_t numbers[] = {5, odd ? 9 : 6, 7};
        uint32_t pos = 0;

        img_set_log_guid(img, &live);
        for (unsigned i = 0; i < 3; i++)
            pos =
                img_log_write(img, pos,
                              &(struct img_log_entry){
                                  .sequence_number = numbers[i], .guid = live, .flags = i == 1 ? IMG_LOG_BAD_CRC : 0});
        struct checked c = reports_check(img, "x.vhdx", 1000);
        assert_said(c.result, "of the live log has a wrong checksum");
        assert_int_equal(said(c.result, "of the live log has a wrong checksum")->severity,
                         odd ? SEVERITY_INFO : SEVERITY_WARNING);
        reports_done(&c);
        img_free(img);
    }
}

/* Both sizes of an entry, or one of them, larger than any file. */
static void sizes_beyond_reason(void **state)
{
    static const struct {
        uint64_t flushed, last;
        bool says_flushed, says_last;
    } rows[] = {{(uint64_t)1 << 50, (uint64_t)1 << 51, true, true},
                {(uint64_t)1 << 50, (uint64_t)1 << 50, true, true},
                {8 * MIB, (uint64_t)1 << 50, false, true}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct img *img = img_create(NULL);
        const struct guid live = img_guid(IMG_WINDOWS, 'L', 3);

        img_set_log_guid(img, &live);
        img_log_write(img, 0,
                      &(struct img_log_entry){
                          .sequence_number = 5, .guid = live, .flushed = rows[i].flushed, .last = rows[i].last});
        assert_checked(img, "has FlushedFileOffset 0x4000000000000, more than any VHDX file", rows[i].says_flushed);
        assert_checked(img,
                       rows[i].last >> 51 ? "has LastFileOffset 0x8000000000000, more than any VHDX file"
                                          : "has LastFileOffset 0x4000000000000, more than any VHDX file",
                       rows[i].says_last);
        img_free(img);
    }
}

/* Descriptors that are read once more: by then the log cannot be read, or is another one. */
static void logs_that_are_looked_at_again(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "6"});
    const struct img_log_desc d = {.off = img->bat_off, .page = img_page_copy(img, img->bat_off)};
    const struct guid live = img_guid(IMG_WINDOWS, 'L', 3);

    (void)state;
    img_page_copy(img, img->bat_off)[8] = 1;
    uint32_t pos =
        img_log_write(img, 0,
                      &(struct img_log_entry){
                          .sequence_number = 5, .guid = img_guid(IMG_WINDOWS, 'S', 1), .descs = &d, .desc_count = 1});
    img_set_log_guid(img, &live);
    img_log_write(
        img, pos,
        &(struct img_log_entry){.sequence_number = 6, .tail = pos, .guid = live, .descs = &d, .desc_count = 1});
    for (unsigned round = 0; round < 3; round++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct source *base = img_source(img);
        struct check_result *res;
        struct image *image;
        struct faulty faulty;

        assert_non_null(a);
        struct source *src = faulty_over(&faulty, base);
        assert_int_equal(image_open(a, src, "x.vhdx", NULL, NULL, &image), STATUS_OK);
        assert_int_equal(image->log.entry_count, 2);
        for (uint64_t i = 0; i < 2; i++)
            image->log.entries[i].kept = LOG_NOT_KEPT;
        if (round == 1) {
            faulty.bad_off = img->log_off;
            faulty.bad_len = img->log_len;
        }
        if (round == 2)
            for (uint64_t i = 0; i < 2; i++)
                image->log.entries[i].sequence_number += 7;
        assert_int_equal(check_run(image, &(struct check_options){.max_findings = 100}, NULL, &res), STATUS_OK);
        assert_int_equal(res->io_error, round > 0);
        assert_int_equal(res->complete, round == 0);
        image_close(image);
        source_close(base);
        arena_destroy(a);
    }
    img_free(img);
}

/* ---- space ---- */

static void one_byte_behind_everything(void **state)
{
    struct img *img = img_create(NULL);
    uint64_t end = img->size;

    (void)state;
    img_resize(img, end + 1);
    *img_bytes(img, end, 1) = 'x';
    assert_checked(img, "1 byte lies behind", true);
    img_resize(img, end + 2);
    assert_checked(img, "2 bytes lie behind", true);
    img_free(img);
}

static enum status all_is_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    *ret_data = off;
    *ret_hole = s->size;
    return STATUS_OK;
}

/* 64 MiB of zeros that are stored are looked into, and no more. */
static void more_zeros_than_are_looked_into(void **state)
{
    static const struct source_ops no_holes = {.read = faulty_read, .next_data = all_is_data, .close = faulty_close};
    struct img *img = img_create(NULL);
    const uint64_t end = img->size;

    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        img_resize(img, end + LIMIT_RESIDUE_SCAN + more * MIB);
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct source *base = img_source(img);
        struct check_result *res;
        struct image *image;
        struct faulty faulty;

        assert_non_null(a);
        faulty_over(&faulty, base)->ops = &no_holes;
        assert_int_equal(image_open(a, &faulty.source, "x.vhdx", NULL, NULL, &image), STATUS_OK);
        assert_int_equal(check_run(image, &(struct check_options){.max_findings = 100}, NULL, &res), STATUS_OK);
        assert_said(res, more ? "the first 64 MiB of it are zero" : "; all of it is zero");
        image_close(image);
        source_close(base);
        arena_destroy(a);
    }
    img_free(img);
}

static uint64_t small_holes_end; /* each second 4 KiB in front of it; behind it is one hole */

static enum status small_holes(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    enum { PART = 4096 };
    const uint64_t odd = off / PART % 2;

    ((struct faulty *)s)->questions++;
    *ret_data = off >= small_holes_end ? s->size : odd ? (off / PART + 1) * PART : off;
    *ret_hole = off >= small_holes_end ? s->size : (off / PART + 1 + odd) * PART;
    return STATUS_OK;
}

/* Where a host file is full of small holes a large one is looked for, but not without end. */
static void more_holes_than_are_asked_for(void **state)
{
    static const struct source_ops ops = {.read = faulty_read, .next_data = small_holes, .close = faulty_close};
    struct img *img =
        img_create(&(struct img_params){.type = IMG_FIXED, .virtual_size = 300 * MIB, .data = IMG_DATA_NONE});

    (void)state;
    for (unsigned far = 0; far < 2; far++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct host_facts host = {
            .known = true,
            .info = {.kind = FILE_KIND_REGULAR, .size = img->size, .allocated_bytes = 100 * MIB, .mtime_sec = 1}};
        struct source *base = img_source(img);
        struct check_result *res;
        struct image *image;
        struct faulty faulty;

        assert_non_null(a);
        small_holes_end = img->payload_off + (far ? 200 : 100) * MIB; /* 25,600 parts, and 12,800 */
        faulty_over(&faulty, base)->ops = &ops;
        assert_int_equal(image_open(a, &faulty.source, "x.vhdx", &host, NULL, &image), STATUS_OK);
        assert_int_equal(check_run(image, &(struct check_options){.max_findings = 100}, NULL, &res), STATUS_OK);
        assert_int_equal(said(res, "are a hole of the host file") == NULL, far);
        if (!far)
            assert_said(res, "200.0 MiB of payload blocks at 0x");
        assert_true(faulty.questions < LIMIT_HOLE_QUESTIONS + 1000);
        image_close(image);
        source_close(base);
        arena_destroy(a);
    }
    img_free(img);
}

/* Unknown regions share the room for looking: the first uses it up. */
static void no_look_into_the_second_region(void **state)
{
    static const struct source_ops no_holes = {.read = faulty_read, .next_data = all_is_data, .close = faulty_close};
    struct img *img = img_create(NULL);
    const uint64_t end = img->size;
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct check_result *res;
    struct image *image;
    struct faulty faulty;

    (void)state;
    assert_non_null(a);
    img_resize(img, end + LIMIT_RESIDUE_SCAN + MIB);
    img_region_add(img, &(struct region_entry){
                            .guid = img_guid(IMG_WINDOWS, 'R', 1), .off = end, .len = (uint32_t)LIMIT_RESIDUE_SCAN});
    img_region_add(img, &(struct region_entry){.guid = img_guid(IMG_WINDOWS, 'R', 2),
                                               .off = end + LIMIT_RESIDUE_SCAN,
                                               .len = (uint32_t)MIB});
    struct source *base = img_source(img);
    faulty_over(&faulty, base)->ops = &no_holes;
    assert_int_equal(image_open(a, &faulty.source, "x.vhdx", NULL, NULL, &image), STATUS_OK);
    assert_int_equal(check_run(image, &(struct check_options){.max_findings = 100}, NULL, &res), STATUS_OK);
    assert_said(res, "67108864 bytes (64 MiB); all of it is zero");
    assert_said(res, "1048576 bytes (1 MiB); it was not looked into");
    image_close(image);
    source_close(base);
    arena_destroy(a);
    img_free(img);
}

static void entropy_of_nothing(void **state)
{
    static const uint8_t bytes[256] = {1, 2};

    (void)state;
    assert_int_equal(entropy_tenths(bytes, 0), 0);
    assert_int_equal(entropy_tenths(bytes, (size_t)UINT32_MAX + 1), 0);
    assert_int_equal(entropy_tenths(bytes, 2), 10); /* one bit for each of two that differ */
}

/* ---- the creator ---- */

static void a_version_of_one_letter(void **state)
{
    struct img *img = img_create(&(struct img_params){.creator = "Some Tool v"});

    (void)state;
    assert_checked(img, "creator \"Some Tool v\"", true);
    assert_checked(img, "version", false);
    img_free(img);
}

/* ---- blocks ---- */

/* Bitmaps of a child in front of its log, behind it and over it; the log puts the last one elsewhere. */
static void a_log_between_bitmaps(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct img *img = img_create(&(struct img_params){
            .type = IMG_DIFFERENCING, .virtual_size = (uint64_t)9 << 30, .states = "7", .log_off = 40 * MIB});
        const uint64_t second = img_bitmap_index(img, 1);

        assert_true(img_bitmap_off(img, 0) < img->log_off);
        img_resize(img, 64 * MIB);
        img_bat_set(img, second, bat_entry_make((over ? 40 : 50) * MIB, BITMAP_PRESENT));
        img_make_dirty_bat(img, second, bat_entry_make(51 * MIB, BITMAP_PRESENT));
        assert_int_equal(findings_of(img, "VHDX-XREF-001"), over);
        img_free(img);
    }
}

/* No file has an end there: nothing is said of the file that ends in front of it. */
static void a_block_at_the_end_of_all_offsets(void **state)
{
    struct img *img = img_create(NULL);

    (void)state;
    img_block_set(img, 0, 6, UINT64_MAX - MIB + 1);
    assert_checked(img, "no file can reach that far", true);
    assert_int_equal(findings_of(img, "VHDX-BAT-011"), 0);
    img_free(img);
}

/* ---- parents ---- */

static void linkage_in_upper_case(void **state)
{
    static const struct locator_string pairs[] = {{"parent_linkage", "01234567-89AB-CDEF-0123-456789ABCDEF"},
                                                  {"relative_path", "parent.vhdx"},
                                                  {"a", ""},
                                                  {"a", ""}};
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .locator = pairs, .locator_count = 4});

    (void)state;
    assert_checked(img,
                   "parent_linkage is written in upper case and without braces: "
                   "\"01234567-89AB-CDEF-0123-456789ABCDEF\"",
                   true);
    assert_checked(img, "parent locator entry 3 repeats key \"a\" of entry 2 with the same value", true);
    img_free(img);
}

/* Strings may share their bytes: what they say in sum can be more than the item is long. */
static void a_locator_of_many_words(void **state)
{
    enum { PAIRS = 100, TABLE = 20 + 12 * PAIRS, KEY = 4, VALUE = 60000, LEN = TABLE + KEY * PAIRS + VALUE };
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    uint8_t *item = calloc(LEN, 1);

    (void)state;
    assert_non_null(item);
    img_read(img, img->item_off[KNOWN_ITEM_PARENT_LOCATOR], item, 16);
    put_le16(item + 18, PAIRS);
    for (unsigned i = 0; i < PAIRS; i++) {
        uint8_t *e = item + 20 + 12 * (size_t)i, *key = item + TABLE + KEY * (size_t)i;
        put_le32(e, TABLE + KEY * i);
        put_le32(e + 4, TABLE + KEY * PAIRS);
        put_le16(e + 8, KEY);
        put_le16(e + 10, VALUE);
        key[0] = (uint8_t)('a' + i / 10);
        key[2] = (uint8_t)('a' + i % 10);
    }
    for (size_t i = TABLE + KEY * PAIRS; i < LEN; i += 2)
        item[i] = 'x';
    img_set_locator_bytes(img, item, LEN);
    assert_checked(img, "the parent locator holds more text than is decoded", true);
    assert_checked(img, "99 strings of the parent locator overlap others, the first at offset 0x", true);
    assert_checked(img, "together they are so long that only the first 2 MiB were looked at", true);
    assert_checked(img, "has no key parent_linkage", false); /* it may be one of those that were not decoded */
    free(item);
    img_free(img);
}

static void a_child_without_its_bit(void **state)
{
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .states = "7777777777"});

    (void)state;
    img_metadata_item(img, KNOWN_ITEM_FILE_PARAMETERS)[4] &= (uint8_t)~2U;
    struct checked c = reports_check(img, "x.vhdx", 1000);
    assert_said(c.result, "the disk has no parent, but 10 of 10 allocated blocks are partially present");
    assert_int_equal(said(c.result, "the disk has no parent, but")->related_count, 1); /* the locator */
    reports_done(&c);
    img_metadata_remove(img, KNOWN_ITEM_PARENT_LOCATOR);
    c = reports_check(img, "x.vhdx", 1000);
    assert_int_equal(said(c.result, "the disk has no parent, but")->related_count, 0);
    reports_done(&c);
    img_free(img);
}

/* ---- bitmaps ---- */

static void blocks_that_could_be_full(void **state)
{
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .states = "777"});
    const uint64_t sectors = 2 * MIB / 512;

    (void)state;
    for (uint64_t block = 0; block < 2; block++)
        img_bitmap_set(img, block, 0, sectors, true);
    img_bitmap_set(img, 2, 0, sectors, false);
    assert_checked(img,
                   "in chunk 0, 2 of 3 partially present blocks have all their bits set, the first one block 0: "
                   "they could be fully present",
                   true);
    img_bitmap_set(img, 0, 7, 1, false);
    assert_checked(img,
                   "in chunk 0, 1 of 3 partially present blocks has all its bits set, the first one block 1: "
                   "it could be fully present",
                   true);
    img_free(img);
}

/* The bits of a whole chunk, 4 GiB of the disk, are behind the end of the file; of the last one what the disk has. */
static void a_bitmap_behind_the_file(void **state)
{
    struct img *img = img_create(
        &(struct img_params){.type = IMG_DIFFERENCING, .virtual_size = ((uint64_t)5 << 30) + 2 * MIB, .states = ""});

    (void)state;
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->size, BITMAP_PRESENT));
    img_bat_set(img, img_bitmap_index(img, 1), bat_entry_make(img->size + MIB, BITMAP_PRESENT));
    struct checked c = reports_check(img, "x.vhdx", 1000);
    const struct finding *f = said(c.result, "the sector bitmap of chunk 0 (");
    assert_non_null(f);
    assert_true(f->has_guest_range);
    assert_int_equal(f->guest_off, 0);
    assert_int_equal(f->guest_len, (uint64_t)4 << 30);
    f = said(c.result, "the sector bitmap of chunk 1 (");
    assert_non_null(f);
    assert_int_equal(f->guest_off, (uint64_t)4 << 30);
    assert_int_equal(f->guest_len, ((uint64_t)1 << 30) + 2 * MIB);
    reports_done(&c);
    img_free(img);
}

/* ---- tables ---- */

/* Its first entry once more, in the slot behind those in use, which is returned. */
static uint8_t *repeat_first_entry(uint8_t *table)
{
    uint8_t *behind = table + 32 + 32 * (size_t)le16(table + 10);

    memcpy(behind, table + 32, 32);
    return behind;
}

static void stale_entries_of_a_table(void **state)
{
    struct img *img = img_create(NULL);
    uint8_t *table = img_metadata_table(img), *behind = repeat_first_entry(table);

    (void)state;
    memcpy(behind + 32, table + 64, 32);
    assert_checked(img,
                   "2 used slots behind the 5 entries of the metadata table, the first in slot 5; all repeat live "
                   "entries",
                   true);
    behind[0] ^= 1;
    assert_checked(img, "the first in slot 5; some repeat live entries", true);
    behind[32] ^= 1;
    assert_checked(img, "the first in slot 5; none repeats a live entry", true);
    memset(behind + 32, 0, 32);
    assert_checked(img,
                   "1 used slot behind the 5 entries of the metadata table, the first in slot 5; it is unlike any "
                   "live entry",
                   true);
    img_free(img);
}

/* Equal entries can be dropped; one that differs in nothing but the reserved field cannot. */
static void an_item_twice(void **state)
{
    struct img *img = img_create(NULL);
    uint8_t *table = img_metadata_table(img), *behind = repeat_first_entry(table);

    (void)state;
    put_le16(table + 10, (uint16_t)(le16(table + 10) + 1));
    assert_checked(img, "metadata entry 5 repeats the item of entry 0 (file_parameters); both are equal", true);
    put_le32(behind + 28, 1);
    assert_checked(img, "metadata entry 5 repeats the item of entry 0 (file_parameters) with another content", true);
    img_free(img);
}

static void items_of_other_programs(void **state)
{
    static const uint8_t item[28] = {4};
    struct img *img = img_create(NULL);

    (void)state;
    img_metadata_add(img,
                     &(struct metadata_entry){.item_id = *known_guid(KNOWN_ITEM_PMEM_LABEL_STORAGE),
                                              .off = 0x30000,
                                              .len = sizeof(item),
                                              .flags = METADATA_FLAG_IS_VIRTUAL_DISK},
                     item);
    assert_checked(img, "PMEM label storage present: version 4", true);
    put_le32(img_metadata_entry(img, KNOWN_ITEM_PMEM_LABEL_STORAGE) + 16, 0x7ffffff0); /* behind its region */
    assert_checked(img, "PMEM label storage present, but", true);
    img_free(img);
}

/* Others stop at the mark when it says that they have to know it. */
static void a_file_that_was_never_finished(void **state)
{
    struct img *img = img_create(NULL);

    (void)state;
    img_metadata_add(img, &(struct metadata_entry){.item_id = *known_guid(KNOWN_ITEM_INCOMPLETE_FILE)}, NULL);
    struct checked c = reports_check(img, "x.vhdx", 1000);
    assert_said(c.result, "is the incomplete-file marker");
    assert_int_equal(said(c.result, "is the incomplete-file marker")->stops & PEER_QEMU, 0);
    reports_done(&c);
    put_le32(img_metadata_entry(img, KNOWN_ITEM_INCOMPLETE_FILE) + 24, METADATA_FLAG_IS_REQUIRED);
    c = reports_check(img, "x.vhdx", 1000);
    assert_int_not_equal(said(c.result, "is the incomplete-file marker")->stops & PEER_QEMU, 0);
    reports_done(&c);
    img_free(img);
}

/* Copies with one entry each, and not the same, were not cut short; neither was the one that has more. */
static void region_tables_of_one_entry(void **state)
{
    struct img *img = img_create(NULL);

    (void)state;
    put_le32(img_region_table(img, 1) + 8, 1);
    img_sign_region_tables(img);
    assert_checked(img, "region table copy 2 lists 1 of the 2 regions of copy 1: it looks like an update", true);
    put_le32(img_region_table(img, 0) + 8, 1);
    memcpy(img_region_entry(img, 0, 0), img_region_entry(img, 0, 1), 32); /* the other region */
    img_sign_region_tables(img);
    assert_checked(img, "it looks like an update that was cut short", false);
    img_free(img);
}

/* Empty entries of a table that has more than it can are nothing to speak of, but only when they are empty. */
static void entries_beyond_reason(void **state)
{
    struct img *img = img_create(NULL);
    uint8_t *table = img_metadata_table(img);

    (void)state;
    put_le16(table + 10, 3000);
    unsigned before = findings_of(img, "VHDX-META-006"), least = before;
    put_le32(table + 32 + 32 * 100 + 20, 1);
    assert_true(findings_of(img, "VHDX-META-006") >= least);
    put_le32(table + 32 + 32 * 100 + 20, 0);
    put_le32(table + 32 + 32 * 100 + 28, 1);
    assert_true(findings_of(img, "VHDX-META-006") >= least);
    put_le32(img_region_table(img, 0) + 8, 3000);
    put_le32(img_region_entry(img, 0, 50) + 28, 1);
    img_sign_region_table(img, 0);
    img_region_table(img, 1)[0] ^= 1;
    assert_checked(img, "region table entry 50", true);
    img_free(img);
}

static struct source *everybody_source; /* instead of everybody */
static const struct img *everybody;

static enum status open_everybody(void *ctx, uint32_t dir, const char *name, struct source **ret,
                                  struct file_info *ret_info)
{
    (void)ctx;
    (void)name;
    *ret = everybody_source != NULL && dir == 0 ? everybody_source : img_source(everybody);
    *ret_info =
        (struct file_info){.kind = FILE_KIND_REGULAR, .size = everybody->size, .device = 1, .inode = 100U + dir};
    return STATUS_OK;
}

/* More files that might have been the parent than are listed. */
static void many_candidates(void **state)
{
    static const char *const dirs[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
    struct img *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING}), *other = img_create(NULL);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct source *src = img_source(child);
    struct check_result *res;
    struct image *image;

    (void)state;
    assert_non_null(a);
    put_le64(img_header(other, 0) + IMG_HEADER_DATA_WRITE_GUID, 77);
    put_le64(img_header(other, 1) + IMG_HEADER_DATA_WRITE_GUID, 77);
    img_sign_headers(other);
    everybody = other;
    assert_int_equal(image_open(a, src, "child.avhdx", NULL, NULL, &image), STATUS_OK);
    assert_int_equal(
        chain_resolve(image, &(struct chain_options){.search_dirs = dirs, .search_count = 12, .open = open_everybody}),
        STATUS_OK);
    assert_int_equal(image->parent->state, PARENT_NOT_FOUND);
    assert_int_equal(image->parent->rejected_count, 12);
    assert_int_equal(check_run(image, &(struct check_options){.max_findings = 100}, NULL, &res), STATUS_OK);
    assert_said(res, "h/parent.vhdx (DataWriteGuid");
    assert_null(said(res, "i/parent.vhdx"));
    chain_close(image);
    image_close(image);
    source_close(src);
    arena_destroy(a);
    img_free(other);
    img_free(child);
}

/* A file that is no parent and whose headers cannot be read to the end; the parent is in the next folder. */
static void a_candidate_that_cannot_be_read(void **state)
{
    static const char *const dirs[] = {"a", "b"};
    static const struct {
        uint64_t bad_off; /* of a page: the first header, or what is behind it in its slot */
        uint32_t count;
        bool found;
    } rows[] = {{65536, 1, false}, {65536, 2, true}, {65536 + 4096, 1, false}};
    struct img *parent = img_create(NULL),
               *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent});

    (void)state;
    img_bytes(parent, 65536 + 4096, 1)[0] = 1; /* no hole, which nobody would read */
    everybody = parent;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct source *src = img_source(child), *base = img_source(parent);
        struct check_result *res;
        struct faulty faulty;
        struct image *image;

        assert_non_null(a);
        everybody_source = faulty_over(&faulty, base);
        faulty.bad_off = rows[i].bad_off;
        faulty.bad_len = 4096;
        assert_int_equal(image_open(a, src, "child.avhdx", NULL, NULL, &image), STATUS_OK);
        /* The second one is no header meanwhile; nor is the first one by what can be read of its slot. */
        img_header(parent, 1)[4] ^= 1;
        img_header(parent, 0)[4] ^= rows[i].bad_off != 65536;
        assert_int_equal(chain_resolve(image, &(struct chain_options){.search_dirs = dirs,
                                                                      .search_count = rows[i].count,
                                                                      .open = open_everybody}),
                         STATUS_OK);
        img_header(parent, 1)[4] ^= 1;
        img_header(parent, 0)[4] ^= rows[i].bad_off != 65536;
        assert_int_equal(image->parent->state, rows[i].found ? PARENT_FOUND : PARENT_NOT_FOUND);
        assert_int_equal(image->parent->unread, !rows[i].found);
        assert_int_equal(check_run(image, &(struct check_options){.max_findings = 100}, NULL, &res), STATUS_OK);
        assert_int_equal(res->io_error, !rows[i].found);
        chain_close(image);
        image_close(image);
        source_close(src);
        source_close(base);
        arena_destroy(a);
    }
    everybody_source = NULL;
    img_free(child);
    img_free(parent);
}

static void check_over(const struct img *child, const struct img *parent, const char *path, const char *words,
                       bool expected)
{
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct source *src[2] = {img_source(child), img_source(parent)};
    struct image *images[2];
    struct check_result *res;

    assert_non_null(a);
    for (int i = 0; i < 2; i++)
        assert_int_equal(image_open(a, src[i], i == 0 ? "child.avhdx" : "parent.vhdx", NULL, NULL, &images[i]),
                         STATUS_OK);
    assert_int_equal(chain_lend(images[0], images[1], path), STATUS_OK);
    assert_int_equal(check_run(images[0], &(struct check_options){.max_findings = 100}, NULL, &res), STATUS_OK);
    if (expected)
        assert_said(res, words);
    else
        assert_null(said(res, words));
    for (int i = 0; i < 2; i++) {
        image_close(images[i]);
        source_close(src[i]);
    }
    arena_destroy(a);
}

static void parents_of_little_in_common(void **state)
{
    static const struct locator_string no_linkage[] = {{"relative_path", "parent.vhdx"}};
    static const uint8_t note[4] = "abc";
    struct metadata_entry item = {
        .item_id = {{1, 2, 3}}, .off = 0x30000, .len = 4, .flags = METADATA_FLAG_IS_VIRTUAL_DISK};
    struct img *parent = img_create(NULL),
               *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent});

    (void)state;
    img_metadata_add(child, &item, note);
    check_over(child, parent, "parent.vhdx", "describes the disk but is missing in the parent parent.vhdx", true);
    img_metadata_add(parent, &item, note);
    check_over(child, parent, "parent.vhdx", "describes the disk but", false);
    put_le32(img_metadata_table(parent) + 32 + 32 * 5 + 24, METADATA_FLAG_IS_VIRTUAL_DISK | METADATA_FLAG_IS_USER);
    check_over(child, parent, "parent.vhdx", "describes the disk but is missing in the parent parent.vhdx", true);
    img_block_set(parent, 0, 6, parent->size + 64 * MIB);
    check_over(child, parent, "parent.vhdx", "the parent parent.vhdx is ", true);
    check_over(child, parent, NULL, "the parent ? is ", true);
    img_set_locator(child, no_linkage, 1);
    check_over(child, parent, "parent.vhdx", "the child was made for", false);
    img_free(child);
    img_free(parent);
}

static void a_parent_with_one_entry_in_its_log(void **state)
{
    struct img *parent = img_create(NULL),
               *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent});

    (void)state;
    img_log_begin(parent, 0, 3);
    for (unsigned entries = 1; entries <= 2; entries++) {
        img_log_append(parent, NULL, 0);
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct source *src[2] = {img_source(child), img_source(parent)};
        struct image *images[2];
        struct check_result *res;
        assert_non_null(a);
        for (int i = 0; i < 2; i++)
            assert_int_equal(image_open(a, src[i], i == 0 ? "child.avhdx" : "parent.vhdx", NULL, NULL, &images[i]),
                             STATUS_OK);
        assert_int_equal(chain_lend(images[0], images[1], "parent.vhdx"), STATUS_OK);
        assert_int_equal(check_run(images[0], &(struct check_options){.max_findings = 100}, NULL, &res), STATUS_OK);
        assert_said(res, entries == 1 ? "1 entry" : "2 entries");
        for (int i = 0; i < 2; i++) {
            image_close(images[i]);
            source_close(src[i]);
        }
        arena_destroy(a);
    }
    img_free(child);
    img_free(parent);
}

/* ---- the catalogue ---- */

static void the_catalogue_ends(void **state)
{
    (void)state;
    assert_non_null(rule_at(rule_count() - 1));
    assert_int_equal(rule_index(rule_at(rule_count() - 1)), rule_count() - 1);
    assert_null(rule_at(rule_count()));
    assert_null(rule_find("VHDX-BAT-999"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_history_than_is_compared),
        cmocka_unit_test(pages_that_the_file_lost),
        cmocka_unit_test(many_ranges_change),
        cmocka_unit_test(another_block_size_after_replay),
        cmocka_unit_test(an_entry_as_long_as_the_log),
        cmocka_unit_test(many_targets_that_wrap),
        cmocka_unit_test(a_header_that_the_file_cuts),
        cmocka_unit_test(headers_that_nobody_can_choose),
        cmocka_unit_test(a_newer_header_of_another_version),
        cmocka_unit_test(one_byte_behind_everything),
        cmocka_unit_test(a_child_without_its_bit),
        cmocka_unit_test(blocks_that_could_be_full),
        cmocka_unit_test(a_bitmap_behind_the_file),
        cmocka_unit_test(stale_entries_of_a_table),
        cmocka_unit_test(an_item_twice),
        cmocka_unit_test(items_of_other_programs),
        cmocka_unit_test(a_file_that_was_never_finished),
        cmocka_unit_test(region_tables_of_one_entry),
        cmocka_unit_test(entries_beyond_reason),
        cmocka_unit_test(a_wrong_entry_of_another_number),
        cmocka_unit_test(sizes_beyond_reason),
        cmocka_unit_test(logs_that_are_looked_at_again),
        cmocka_unit_test(more_holes_than_are_asked_for),
        cmocka_unit_test(no_look_into_the_second_region),
        cmocka_unit_test(more_zeros_than_are_looked_into),
        cmocka_unit_test(entropy_of_nothing),
        cmocka_unit_test(a_version_of_one_letter),
        cmocka_unit_test(a_log_between_bitmaps),
        cmocka_unit_test(a_block_at_the_end_of_all_offsets),
        cmocka_unit_test(linkage_in_upper_case),
        cmocka_unit_test(a_locator_of_many_words),
        cmocka_unit_test(a_candidate_that_cannot_be_read),
        cmocka_unit_test(parents_of_little_in_common),
        cmocka_unit_test(many_candidates),
        cmocka_unit_test(a_parent_with_one_entry_in_its_log),
        cmocka_unit_test(the_catalogue_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
