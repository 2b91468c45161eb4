/* SPDX-License-Identifier: MIT */
/*
 * A check on a host that fails: whatever could not be looked at, the result says that it is not complete, and why.
 * Every read and every allocation of a check fails in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "build.h"
#include "check/run.h"
#include "faulty.h"
#include "image/chain.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

/* A dirty image with errors in both views, so that findings of every kind of wording are made. */
static struct img *dirty_image(void)
{
    struct img *img = img_create(&(struct img_params){.data = IMG_DATA_NONE});
    img_make_dirty_bat(img, img_block_index(img, 1), img_bat_get(img, 0));
    img_bat_set(img, img_block_index(img, 2), 4);
    img_header(img, 0)[IMG_HEADER_RESERVED] = 1;
    img_sign_header(img, 0);
    return img;
}

struct checked {
    struct arena *arena;
    struct source *base;
    struct faulty faulty;
    struct image *image;
    struct check_result *result;
    enum status status;
};

static void open_and_check(struct checked *c, const struct img *img)
{
    const struct host_facts host = {.known = true, .info = {.size = img->size, .allocated_bytes = img->size}};
    c->status = image_open(c->arena, &c->faulty.source, "faults.vhdx", &host,
                           &(struct image_options){.no_replay = false}, &c->image);
    if (c->status == STATUS_OK)
        c->status = chain_resolve(c->image, &(struct chain_options){.parent_count = 0});
    if (c->status == STATUS_OK)
        c->status = check_run(c->image, &(struct check_options){.max_findings = 100}, NULL, &c->result);
}

static void check_with_bad_bytes(struct checked *c, const struct img *img, uint64_t off, uint64_t len)
{
    *c = (struct checked){.arena = arena_create(LIMIT_MEMORY_DEFAULT), .base = img_source(img)};
    assert_non_null(c->arena);
    (void)faulty_over(&c->faulty, c->base);
    c->faulty.bad_off = off;
    c->faulty.bad_len = len;
    open_and_check(c, img);
}

/* fail_read, fail_allocation: number of the one that fails, and with sticky all behind it; 0: none. */
static void check(struct checked *c, const struct img *img, uint64_t fail_read, uint64_t fail_allocation, bool sticky)
{
    *c = (struct checked){.arena = arena_create(LIMIT_MEMORY_DEFAULT), .base = img_source(img)};
    assert_non_null(c->arena);
    (void)faulty_over(&c->faulty, c->base);
    c->faulty.fail_read = fail_read;
    c->faulty.sticky = sticky;
    arena_fail_at(c->arena, fail_allocation, sticky);
    open_and_check(c, img);
}

static void drop(struct checked *c)
{
    if (c->image) {
        chain_close(c->image);
        image_close(c->image);
    }
    source_close(c->base);
    arena_destroy(c->arena);
}

static void reads_fail_in_turn(bool sticky)
{
    struct img *img = dirty_image();
    struct checked c;
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        check(&c, img, n, 0, sticky);
        failed = c.faulty.reads >= n;
        assert_int_equal(c.status, STATUS_OK);
        assert_int_equal(c.result->io_error, failed);
        assert_int_equal(c.result->complete, !failed);
        assert_true(n < 10000);
        drop(&c);
    }
    img_free(img);
}

/* What was found comes back as it was found, but for the last, which gives way to the word about memory. */
static void assert_only_the_last_is_gone(const struct check_result *res)
{
    uint64_t seen = 0;
    for (uint64_t i = 0; i < res->finding_count; i++) {
        const struct finding *f = res->findings[i];
        assert_true(f->order < 63);
        if (strcmp(f->rule->id, "VHDX-FILE-010") != 0)
            seen |= UINT64_C(1) << f->order;
        else
            assert_true(f->at.structure == STRUCTURE_FILE && f->at.index == NO_INDEX && f->at.off == 0 &&
                        f->at.len == 0);
    }
    assert_int_equal(seen & (seen + 1), 0);
}

static void the_last_finding_gives_way(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "66666", .data = IMG_DATA_NONE});
    struct checked c;
    bool failed = true;
    uint64_t gone = 0;
    (void)state;
    img_block_set(img, 1, 4, 0);
    img_block_set(img, 2, 6, img_block_off(img, 0));
    img_block_set(img, 3, 6, img->log_off);
    img_header(img, 0)[IMG_HEADER_RESERVED] = 1;
    img_sign_header(img, 0);
    for (uint64_t n = 1; failed; n++) {
        check(&c, img, 0, n, true);
        failed = arena_status(c.arena) != STATUS_OK;
        if (c.result) {
            assert_only_the_last_is_gone(c.result);
            gone += failed && c.result->finding_count > 2;
        }
        drop(&c);
    }
    assert_true(gone > 0);
    img_free(img);
}

static void allocations_fail_in_turn(bool sticky)
{
    struct img *img = dirty_image();
    struct checked c;
    bool failed = true;
    uint64_t results = 0;
    for (uint64_t n = 1; failed; n++) {
        check(&c, img, 0, n, sticky);
        failed = arena_status(c.arena) != STATUS_OK;
        if (c.result) {
            assert_int_equal(c.result->limited, failed);
            assert_int_equal(c.result->complete, !failed);
            results += failed;
        } else {
            assert_int_not_equal(c.status, STATUS_OK);
        }
        assert_true(n < 100000);
        drop(&c);
    }
    assert_true(results > 0); /* some of them leave a result behind */
    img_free(img);
}

/* A checksum that is wrong is compared over the whole slot as well; where that cannot be read, nobody knows. */
static void rest_of_a_header_slot(void **state)
{
    struct img *img = img_create(NULL);
    struct checked c;
    (void)state;
    img_header(img, 0)[4] ^= 1;
    img_fill(img, HEADER_OFF[0] + HEADER_LEN, 16, 1); /* holes are not read */
    for (uint64_t bad_len = 0; bad_len < 2; bad_len++) {
        check_with_bad_bytes(&c, img, bad_len > 0 ? HEADER_OFF[0] + HEADER_LEN : 0, bad_len);
        assert_int_equal(c.status, STATUS_OK);
        assert_false(c.image->headers[0].io_error);
        assert_int_equal(c.image->headers[0].slot_unread, bad_len > 0);
        assert_int_equal(c.result->io_error, bad_len > 0);
        drop(&c);
    }
    img_free(img);
}

/* The time is over when the rules begin: the limit is named, and nothing is called complete. */
static void time_that_is_over(void **state)
{
    struct img *img = dirty_image();
    struct checked c = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .base = img_source(img)};
    (void)state;
    struct source *s = faulty_over(&c.faulty, c.base);
    assert_int_equal(image_open(c.arena, s, "faults.vhdx", NULL, NULL, &c.image), STATUS_OK);
    assert_int_equal(chain_resolve(c.image, &(struct chain_options){.parent_count = 0}), STATUS_OK);
    s->deadline_ns = 1;
    assert_int_equal(check_run(c.image, &(struct check_options){.max_findings = 100}, NULL, &c.result), STATUS_OK);
    assert_true(c.result->limited);
    assert_false(c.result->complete);
    assert_false(c.result->io_error);
    assert_int_equal(c.result->limit_count, 1);
    assert_string_equal(c.result->limits[0].name, "time");
    drop(&c);
    img_free(img);
}

/* Bytes between two items cannot be read: what lies behind the second one is not told as if it were all. */
static void rest_of_the_metadata_region(void **state)
{
    struct img *img = img_create(NULL);
    struct checked c;
    (void)state;
    const struct metadata_entry e = {.item_id = {{1, 2, 3}}, .off = 512 * 1024, .len = 16, .flags = 1};
    img_metadata_add(img, &e, "0123456789abcdef");
    *img_bytes(img, img->metadata_off + 300 * 1024, 1) = 1;
    *img_bytes(img, img->metadata_off + 600 * 1024, 1) = 1;
    for (uint64_t bad_len = 0; bad_len < 2; bad_len++) {
        check_with_bad_bytes(&c, img, img->metadata_off + 300 * 1024, bad_len);
        uint64_t told = 0;
        for (uint64_t i = 0; i < c.result->finding_count; i++)
            told += strcmp(c.result->findings[i]->rule->id, "VHDX-META-041") == 0;
        assert_int_equal(told, bad_len == 0);
        assert_int_equal(c.result->io_error, bad_len > 0);
        drop(&c);
    }
    img_free(img);
}

static struct source *late;

static void time_again(struct image *img)
{
    (void)img;
    late->deadline_ns = 0;
}

/* The time is over while the parent is looked at, and only then: the answer about the child is not complete either. */
static void parent_that_is_not_looked_at(void **state)
{
    struct img *parent_img = img_create(NULL), *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    struct checked parent = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .base = img_source(parent_img)};
    struct checked c = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .base = img_source(img)};
    late = faulty_over(&parent.faulty, parent.base);
    (void)state;
    assert_int_equal(image_open(parent.arena, late, "parent.vhdx", NULL, NULL, &parent.image), STATUS_OK);
    assert_int_equal(chain_resolve(parent.image, &(struct chain_options){.parent_count = 0}), STATUS_OK);
    assert_int_equal(image_open(c.arena, c.base, "child.avhdx", NULL, NULL, &c.image), STATUS_OK);
    assert_int_equal(chain_lend(c.image, parent.image, "parent.vhdx"), STATUS_OK);
    late->deadline_ns = 1;
    assert_int_equal(check_run(c.image, &(struct check_options){.max_findings = 100}, time_again, &c.result),
                     STATUS_OK);
    assert_true(c.result->limited);
    assert_false(c.result->complete);
    assert_int_equal(c.result->limit_count, 1);
    assert_string_equal(c.result->limits[0].name, "time");
    assert_string_equal(c.result->limits[0].message, "a parent was not looked at to the end");
    image_close(c.image);
    source_close(c.base);
    arena_destroy(c.arena);
    drop(&parent);
    img_free(img);
    img_free(parent_img);
}

/* Memory ends when a read has just failed: what is missing is said all the same. */
static void a_read_and_an_allocation_fail(void **state)
{
    struct img *images[] = {dirty_image(), img_create(&(struct img_params){.type = IMG_DIFFERENCING}),
                            img_create(&(struct img_params){.windows_traces = true, .states = "46.6U7"})};
    uint64_t both = 0;
    (void)state;
    *img_bytes(images[2], MIB - 1, 1) = 1;
    *img_bytes(images[2], images[2]->metadata_off + MIB - 1, 1) = 1;
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        bool failed = true;
        for (uint64_t n = 1; failed; n++)
            for (uint64_t next = 1; next <= 4; next++) {
                struct checked c = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .base = img_source(images[i])};
                (void)faulty_over(&c.faulty, c.base);
                c.faulty.fail_read = n;
                c.faulty.arena = c.arena;
                c.faulty.fail_next = next;
                open_and_check(&c, images[i]);
                failed = c.faulty.reads >= n;
                both += arena_status(c.arena) != STATUS_OK;
                assert_true(c.status == STATUS_OK || c.status == STATUS_NO_MEMORY);
                if (c.status == STATUS_OK) {
                    assert_int_equal(c.result->complete, !failed);
                    assert_int_equal(c.result->io_error, failed);
                }
                drop(&c);
            }
        img_free(images[i]);
    }
    assert_true(both > 100);
}

static void every_read_fails_in_turn(void **state)
{
    (void)state;
    reads_fail_in_turn(false);
    reads_fail_in_turn(true);
}

static void every_allocation_fails_in_turn(void **state)
{
    (void)state;
    allocations_fail_in_turn(false);
    allocations_fail_in_turn(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rest_of_a_header_slot),
        cmocka_unit_test(rest_of_the_metadata_region),
        cmocka_unit_test(time_that_is_over),
        cmocka_unit_test(the_last_finding_gives_way),
        cmocka_unit_test(parent_that_is_not_looked_at),
        cmocka_unit_test(a_read_and_an_allocation_fail),
        cmocka_unit_test(every_read_fails_in_turn),
        cmocka_unit_test(every_allocation_fails_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
