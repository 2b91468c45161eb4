/* SPDX-License-Identifier: MIT */
/* Blocks in the order of the file: against a sorted list, in one pass and in several, and where memory or the host
 * ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "faulty.h"
#include "image/file_order.h"
#include "image/image.h"

struct opened {
    struct arena *arena;
    struct source *base;
    struct faulty faulty;
    struct image *image;
};

static void open_img(struct opened *o, const struct img *img)
{
    *o = (struct opened){.arena = arena_create(LIMIT_MEMORY_DEFAULT), .base = img_source(img)};
    struct source *s = faulty_over(&o->faulty, o->base);
    assert_int_equal(image_open(o->arena, s, "img", NULL, NULL, &o->image), STATUS_OK);
}

static void done(struct opened *o)
{
    image_close(o->image);
    source_close(o->base);
    arena_destroy(o->arena);
}

static void blocks_come_in_file_order(void **state)
{
    static const struct img_block blocks[] = {
        {.block = 0, .state = 6, .off = 40 * MIB},  {.block = 1, .state = 6, .off = 42 * MIB},
        {.block = 2, .state = 7, .off = 44 * MIB},  {.block = 3, .state = 6, .off = 20 * MIB},
        {.block = 4, .state = 3, .off = 20 * MIB},  {.block = 5, .state = 1, .off = 22 * MIB},
        {.block = 6, .state = 6, .off = 20 * MIB},  {.block = 7, .state = 2},
        {.block = 9, .state = 6, .off = 100 * MIB},
    };
    static const struct placed_blocks want[] = {
        {.off = 20 * MIB, .index = 3, .block = 3, .blocks = 1},
        {.off = 20 * MIB, .index = 6, .block = 6, .blocks = 1},
        {.off = 20 * MIB, .index = 4, .block = 4, .blocks = 2, .anchor = true},
        {.off = 40 * MIB, .index = 0, .block = 0, .blocks = 3},
        {.off = 100 * MIB, .index = 9, .block = 9, .blocks = 1},
    };
    struct img *img = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING, .states = "", .blocks = blocks, .block_count = sizeof(blocks) / sizeof(blocks[0])});
    struct opened o;
    struct file_order *order = NULL;
    struct placed_blocks b;
    bool more = true;
    (void)state;
    open_img(&o, img);
    assert_int_equal(file_order_open(o.image->main, &order), STATUS_OK);
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_int_equal(file_order_next(order, &b, &more), STATUS_OK);
        assert_true(more);
        assert_int_equal(b.off, want[i].off);
        assert_int_equal(b.index, want[i].index);
        assert_int_equal(b.block, want[i].block);
        assert_int_equal(b.blocks, want[i].blocks);
        assert_int_equal(b.anchor, want[i].anchor);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(file_order_next(order, &b, &more), STATUS_OK);
        assert_false(more);
    }
    done(&o);
    img_free(img);
}

/* Runs go on over the slot of a sector bitmap. */
static void a_disk_of_one_block_has_an_order(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.virtual_size = MIB, .states = "6"});
    struct opened o;
    struct file_order *order = NULL;
    struct placed_blocks b;
    bool more = false;
    open_img(&o, img);
    assert_int_equal(file_order_open(o.image->main, &order), STATUS_OK);
    assert_int_equal(file_order_next(order, &b, &more), STATUS_OK);
    assert_true(more);
    assert_int_equal(b.off, img_block_off(img, 0));
    assert_int_equal(b.blocks, 1);
    done(&o);
    img_free(img);
}

static void a_disk_in_order_is_one_run(void **state)
{
    struct img *img = img_create(&(struct img_params){
        .type = IMG_FIXED, .block_size = 256 * MIB, .virtual_size = 64 * 256 * MIB, .data = IMG_DATA_NONE});
    struct opened o;
    struct file_order *order = NULL;
    struct placed_blocks b;
    bool more = true;
    (void)state;
    open_img(&o, img);
    assert_int_equal(file_order_open(o.image->main, &order), STATUS_OK);
    assert_int_equal(file_order_next(order, &b, &more), STATUS_OK);
    assert_true(more);
    assert_int_equal(b.blocks, 64);
    assert_int_equal(b.off, img->payload_off);
    assert_int_equal(file_order_next(order, &b, &more), STATUS_OK);
    assert_false(more);
    done(&o);
    img_free(img);
}

/* How block i of the large table lies in the file, in MiB. */
static uint64_t shuffled(uint64_t i, uint64_t count)
{
    return 4096 + (i * 0x9E3779B1 + 77) % count; /* odd, and count is a power of two: no two are equal */
}

static uint64_t falling(uint64_t i, uint64_t count)
{
    return 4096 + 2 * (count - i);
}

/*
 * Rising, but for block 1, which lies behind the first half of what is held at a time; and one just before it comes
 * after all that are held.
 */
static uint64_t second_is_the_highest(uint64_t i, uint64_t count)
{
    const uint64_t keep = LIMIT_ORDERED_RUNS;
    (void)count;
    if (i == 1)
        return 4096 + 2 * keep;
    if (i == 2 * keep)
        return 4096 + 2 * keep - 1;
    return 4096 + 2 * i + (i < keep ? 0 : 2);
}

static uint64_t all_the_same(uint64_t i, uint64_t count)
{
    (void)i;
    (void)count;
    return 4096;
}

static void more_runs_than_are_held(void **state)
{
    static uint64_t (*const orders[])(uint64_t, uint64_t) = {shuffled, falling, second_is_the_highest, all_the_same};
    const uint64_t count = 2 * LIMIT_ORDERED_RUNS * 2; /* two passes are not enough */
    (void)state;
    for (size_t k = 0; k < sizeof(orders) / sizeof(orders[0]); k++) {
        struct img *img = img_create(
            &(struct img_params){.block_size = MIB, .virtual_size = count * MIB, .states = "", .data = IMG_DATA_NONE});
        uint64_t per_page = IMG_PAGE_LEN / BAT_ENTRY_LEN, chunk = img->geometry.chunk_ratio;
        struct opened o;
        struct file_order *order = NULL;
        struct placed_blocks b, last = {.off = 0};
        bool more = true;
        uint8_t *page = malloc(IMG_PAGE_LEN);
        assert_non_null(page);
        for (uint64_t index = 0; index < img->geometry.entries; index += per_page) {
            for (uint64_t n = 0; n < per_page; n++) {
                uint64_t at = index + n, block = at - at / (chunk + 1);
                bool bitmap = at % (chunk + 1) == chunk;
                put_le64(page + n * BAT_ENTRY_LEN, bitmap || block >= count ? 0 : orders[k](block, count) * MIB | 6);
            }
            img_write(img, img->bat_off + index * BAT_ENTRY_LEN, page, IMG_PAGE_LEN);
        }
        free(page);
        open_img(&o, img);
        assert_int_equal(file_order_open(o.image->main, &order), STATUS_OK);
        uint64_t got = 0, sum = 0;
        for (;; got++) {
            assert_int_equal(file_order_next(order, &b, &more), STATUS_OK);
            if (!more)
                break;
            assert_true(b.off > last.off || (b.off == last.off && b.index > last.index));
            assert_int_equal(b.off, orders[k](b.block, count) * MIB);
            assert_int_equal(b.blocks, 1);
            sum += b.block;
            last = b;
        }
        assert_int_equal(got, count);
        assert_int_equal(sum, count / 2 * (count - 1));
        assert_true(o.faulty.source.read_bytes < 8 * img->geometry.entries * BAT_ENTRY_LEN);
        done(&o);
        img_free(img);
    }
}

static void memory_that_is_gone(void **state)
{
    struct img *img = img_create(NULL);
    struct opened o;
    struct file_order *order = NULL;
    struct placed_blocks b;
    bool more;
    (void)state;
    open_img(&o, img);
    for (uint64_t n = 1; n <= 2; n++) {
        arena_fail_at(o.arena, n, false);
        assert_int_not_equal(file_order_open(o.image->main, &order), STATUS_OK);
    }
    arena_fail_at(o.arena, 0, false);
    assert_int_equal(file_order_open(o.image->main, &order), STATUS_OK);
    arena_fail_at(o.arena, 1, false);
    assert_int_not_equal(file_order_next(order, &b, &more), STATUS_OK);
    done(&o);
    img_free(img);
}

static void a_bat_that_cannot_be_read(void **state)
{
    struct img *img = img_create(NULL);
    struct opened o;
    struct file_order *order = NULL;
    struct placed_blocks b;
    bool more;
    (void)state;
    open_img(&o, img);
    o.faulty.bad_off = img->bat_off;
    o.faulty.bad_len = 1;
    assert_int_equal(file_order_open(o.image->main, &order), STATUS_OK);
    assert_int_equal(file_order_next(order, &b, &more), STATUS_IO);
    done(&o);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_come_in_file_order),  cmocka_unit_test(a_disk_of_one_block_has_an_order),
        cmocka_unit_test(a_disk_in_order_is_one_run), cmocka_unit_test(more_runs_than_are_held),
        cmocka_unit_test(memory_that_is_gone),        cmocka_unit_test(a_bat_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
