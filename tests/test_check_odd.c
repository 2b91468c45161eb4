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
#include "image/chain.h"
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

/* ---- parents ---- */

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

static const struct img *everybody;

static enum status open_everybody(void *ctx, uint32_t dir, const char *name, struct source **ret,
                                  struct file_info *ret_info)
{
    (void)ctx;
    (void)name;
    *ret = img_source(everybody);
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
        cmocka_unit_test(a_newer_header_of_another_version),
        cmocka_unit_test(one_byte_behind_everything),
        cmocka_unit_test(a_child_without_its_bit),
        cmocka_unit_test(many_candidates),
        cmocka_unit_test(a_parent_with_one_entry_in_its_log),
        cmocka_unit_test(the_catalogue_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
