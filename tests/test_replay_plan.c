/* SPDX-License-Identifier: MIT */
/*
 * What a replay would change ([MS-VHDX] 2.3.3), page by page: images whose log is written here, so that every page that
 * differs, its first byte and the number of its bytes are known beforehand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "build.h"
#include "faulty.h"
#include "image/image.h"
#include "image/replay_plan.h"

#include <cmocka.h>

enum { PAGE = 4096, SEEN_MOST = 16 };

struct seen {
    uint64_t count, stop_at;
    struct replay_page pages[SEEN_MOST];
};

static bool see(void *ctx, const struct replay_page *p)
{
    struct seen *s = ctx;
    assert_true(s->count < SEEN_MOST);
    s->pages[s->count++] = *p;
    uint64_t changed = 0;
    for (size_t i = 0; i < PAGE; i++)
        changed += p->old[i] != p->new[i];
    assert_int_equal(p->changed, changed);
    assert_int_equal(p->off % PAGE, 0);
    assert_true(p->first_off >= p->off && p->first_off - p->off < PAGE);
    assert_int_not_equal(p->old[p->first_off - p->off], p->new[p->first_off - p->off]);
    return s->count != s->stop_at;
}

static struct seen visit_as(struct img *img, uint64_t stop_at, bool surveyed)
{
    struct seen s = {.stop_at = stop_at};
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct source *file = img_source(img);
    struct image *image;

    assert_int_equal(image_open(a, file, "plan.vhdx", NULL, &(struct image_options){.no_replay = false}, &image),
                     STATUS_OK);
    assert_int_equal(image->log_state, LOG_STATE_DIRTY);
    if (surveyed)
        assert_int_equal(view_survey(image->main), STATUS_OK);
    assert_int_equal(replay_plan_visit(image, see, &s), STATUS_OK);
    image_close(image);
    source_close(file);
    arena_destroy(a);
    return s;
}

static struct seen visit(struct img *img, uint64_t stop_at)
{
    return visit_as(img, stop_at, true);
}

static void assert_page(const struct seen *s, uint64_t i, uint64_t off, uint64_t first, uint64_t changed)
{
    assert_true(i < s->count);
    assert_int_equal(s->pages[i].off, off);
    assert_int_equal(s->pages[i].first_off, first);
    assert_int_equal(s->pages[i].changed, changed);
}

/* A data descriptor replaces its page, but bytes that stay the same do not count. */
static void a_page_counts_the_bytes_that_differ(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    uint64_t at = img->metadata_off + 64 * 1024 + 3 * PAGE;
    img_fill(img, at, PAGE, 0x11);
    uint8_t *page = img_page_copy(img, at), *same = img_page_copy(img, img->metadata_off);
    page[0] = 0x22;
    page[700] = 0x22;
    page[PAGE - 1] = 0x22;
    const struct img_log_desc descs[] = {{.off = at, .page = page}, {.off = img->metadata_off, .page = same}};
    img_make_dirty(img, descs, 2);
    struct seen s = visit(img, 0);
    assert_int_equal(s.count, 1);
    assert_page(&s, 0, at, at, 3);
    assert_false(s.pages[0].beyond_eof);
    assert_int_equal(s.pages[0].owner.kind, OWNER_REGION);
    assert_int_equal(s.pages[0].owner.start, img->metadata_off);
    assert_int_equal(s.pages[0].owner.end, img->metadata_off + img->metadata_len);
    img_free(img);
}

/* A zero descriptor of six pages: those that hold something in the file change, holes and zeros do not. */
static void zeros_change_what_is_not_zero(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    uint64_t at = img->metadata_off + 512 * 1024;
    img_fill(img, at - 1, 1, 9); /* beside the range, on both sides */
    img_fill(img, at + PAGE + 5, 1, 9);
    img_fill(img, at + 3 * PAGE, 2 * PAGE, 9);
    img_fill(img, at + 6 * PAGE, 1, 9);
    img_make_dirty(img, &(struct img_log_desc){.off = at, .len = 6 * PAGE}, 1);
    struct seen s = visit(img, 0);
    assert_int_equal(s.count, 3);
    assert_page(&s, 0, at + PAGE, at + PAGE + 5, 1);
    assert_page(&s, 1, at + 3 * PAGE, at + 3 * PAGE, PAGE);
    assert_page(&s, 2, at + 4 * PAGE, at + 4 * PAGE, PAGE);
    img_free(img);
}

/* A range of zeros over 64 KiB pieces of data with holes between them; the last piece reaches over its end. */
static void zeros_over_holes_find_each_piece(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    uint64_t at = img->size + MIB;
    img_resize(img, at + 2 * MIB);
    img_fill(img, at + 2 * PAGE, 1, 1);
    img_fill(img, at + 512 * 1024, 1, 2);
    img_fill(img, at + MIB - PAGE + 7, 2 * PAGE, 3); /* its last page and the next one */
    img_make_dirty(img, &(struct img_log_desc){.off = at, .len = MIB}, 1);
    struct seen s = visit(img, 0);
    assert_int_equal(s.count, 3);
    assert_page(&s, 0, at + 2 * PAGE, at + 2 * PAGE, 1);
    assert_page(&s, 1, at + 512 * 1024, at + 512 * 1024, 1);
    assert_page(&s, 2, at + MIB - PAGE, at + MIB - PAGE + 7, PAGE - 7);
    assert_int_equal(s.pages[0].owner.kind, OWNER_NONE);
    assert_int_equal(s.pages[0].owner.start, at + 2 * PAGE);
    assert_int_equal(s.pages[0].owner.end, at + 3 * PAGE);
    s = visit(img, 2);
    assert_int_equal(s.count, 2);
    img_free(img);
}

/* Whose page it is: the header section, the log of old, a block, and what lies behind the end of the file. */
static void pages_know_their_owners(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    uint64_t block = img_block_off(img, 0), end = img->size;
    uint8_t *first = img_page_copy(img, 0x50000), *data = img_page_copy(img, block), *behind = img_page_copy(img, end);
    uint8_t *last = img_page_copy(img, end - PAGE);
    first[PAGE - 1] ^= 1;
    data[8] ^= 1;
    behind[10] ^= 1;
    last[2] ^= 1;
    const struct img_log_desc descs[] = {{.off = 0x50000, .page = first},
                                         {.off = block, .page = data},
                                         {.off = end - PAGE, .page = last},
                                         {.off = end, .page = behind}};
    img_log_begin(img, 0, 5);
    img_log_write(img, 0,
                  &(struct img_log_entry){.sequence_number = 5,
                                          .flushed = end,
                                          .last = end + MIB,
                                          .descs = descs,
                                          .desc_count = sizeof(descs) / sizeof(descs[0])});
    struct seen s = visit(img, 0);
    assert_int_equal(s.count, 4);
    assert_page(&s, 0, 0x50000, 0x50FFF, 1);
    assert_int_equal(s.pages[0].owner.kind, OWNER_HEADER_SECTION);
    assert_int_equal(s.pages[0].owner.end, MIB);
    assert_page(&s, 1, block, block + 8, 1);
    assert_int_equal(s.pages[1].owner.kind, OWNER_PAYLOAD);
    assert_page(&s, 2, end - PAGE, end - PAGE + 2, 1);
    assert_false(s.pages[2].beyond_eof);
    assert_page(&s, 3, end, end + 10, 1);
    assert_true(s.pages[3].beyond_eof);
    assert_int_equal(s.pages[3].owner.kind, OWNER_NONE);
    img_free(img);
}

/* Without a survey the regions are known all the same: from their first page to their last. */
static void regions_are_owners_without_a_survey(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    const uint64_t offs[] = {img->metadata_off, img->metadata_off + img->metadata_len - PAGE, img->bat_off,
                             img->bat_off + img->bat_len - PAGE, img->payload_off};
    struct img_log_desc descs[5];
    for (size_t i = 0; i < 5; i++) {
        uint8_t *page = img_page_copy(img, offs[i]);
        page[PAGE - 6] ^= 1;
        descs[i] = (struct img_log_desc){.off = offs[i], .page = page};
    }
    img_make_dirty(img, descs, 5);
    struct seen s = visit_as(img, 0, false);
    assert_int_equal(s.count, 5);
    for (uint64_t i = 0; i < 5; i++) {
        const uint64_t *off = offs;
        while (*off != s.pages[i].off)
            off++;
        size_t n = (size_t)(off - offs);
        uint64_t start = n < 2 ? img->metadata_off : img->bat_off;
        assert_int_equal(s.pages[i].owner.kind, n < 4 ? OWNER_REGION : OWNER_NONE);
        assert_int_equal(s.pages[i].owner.start, n < 4 ? start : offs[4]);
        assert_int_equal(s.pages[i].owner.end,
                         n < 4 ? start + (n < 2 ? img->metadata_len : img->bat_len) : offs[4] + PAGE);
    }
    img_free(img);
}

/* Zeros are compared with what is stored: when nobody says in time where that is, nothing is told. */
static void time_that_is_over_is_told(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    img_make_dirty(img, &(struct img_log_desc){.off = img->metadata_off + 512 * 1024, .len = 8 * PAGE}, 1);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct source *base = img_source(img);
    struct faulty f;
    struct image *image;
    struct seen s = {.count = 0};
    assert_int_equal(image_open(a, faulty_over(&f, base), "plan.vhdx", NULL, NULL, &image), STATUS_OK);
    f.hole_status = STATUS_LIMIT;
    assert_int_equal(replay_plan_visit(image, see, &s), STATUS_LIMIT);
    f.hole_status = STATUS_OK;
    assert_int_equal(replay_plan_visit(image, see, &s), STATUS_OK);
    assert_int_equal(s.count, 0);
    image_close(image);
    source_close(base);
    arena_destroy(a);
    img_free(img);
}

/* Nothing to replay, nothing to show. */
static void an_empty_log_changes_nothing(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct source *file = img_source(img);
    struct image *image;
    struct seen s = {.count = 0};
    assert_int_equal(image_open(a, file, "plan.vhdx", NULL, &(struct image_options){.no_replay = false}, &image),
                     STATUS_OK);
    assert_int_equal(replay_plan_visit(image, see, &s), STATUS_OK);
    assert_int_equal(s.count, 0);
    image_close(image);
    source_close(file);
    arena_destroy(a);
    img_free(img);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_counts_the_bytes_that_differ), cmocka_unit_test(zeros_change_what_is_not_zero),
        cmocka_unit_test(zeros_over_holes_find_each_piece),    cmocka_unit_test(pages_know_their_owners),
        cmocka_unit_test(regions_are_owners_without_a_survey), cmocka_unit_test(an_empty_log_changes_nothing),
        cmocka_unit_test(time_that_is_over_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
