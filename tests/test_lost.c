/* SPDX-License-Identifier: MIT */
/*
 * Where lost metadata and a lost BAT are looked for: in the front of the file, LIMIT_LOST_FRONT_UNITS of 1 MiB, and
 * behind it only when nothing is found there. What is made of them is tested with the repairs (test_fixes.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "build.h"
#include "image/lost.h"

#include <cmocka.h>

static const struct img_params full = {.states = "6666666666", .data = IMG_DATA_NONE};

/* A page of the BAT, and the metadata's table, once more at this place; each unit before it holds something. */
static void put_again(struct img *img, uint64_t off)
{
    uint8_t page[4096];
    const uint64_t end = img->size;
    img_resize(img, off + 2 * MIB);
    for (uint64_t unit = end; unit < off; unit += MIB)
        *img_bytes(img, unit + 77, 1) = 1;
    img_read(img, img->bat_off, page, sizeof(page));
    img_write(img, off, page, sizeof(page));
    img_read(img, img->metadata_off, page, sizeof(page));
    img_write(img, off + MIB, page, sizeof(page));
}

static void look(struct img *img, struct lost_bat_list *bats, struct lost_metadata_list *metadata)
{
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct source *s = img_source(img);
    assert_int_equal(lost_find_bats(a, s, bats), STATUS_OK);
    assert_int_equal(lost_find_metadata(a, s, metadata), STATUS_OK);
    source_close(s);
    arena_destroy(a);
}

static void what_is_in_front_is_enough(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    struct lost_bat_list bats;
    struct lost_metadata_list metadata;
    put_again(img, (LIMIT_LOST_FRONT_UNITS + 100) * MIB);
    look(img, &bats, &metadata);
    assert_int_equal(bats.count, 1);
    assert_int_equal(bats.items[0].off, img->bat_off);
    assert_int_equal(metadata.count, 1);
    assert_int_equal(metadata.items[0].off, img->metadata_off);
    img_free(img);
}

static void what_is_behind_is_found_when_the_front_has_none(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    struct lost_bat_list bats;
    struct lost_metadata_list metadata;
    const uint64_t off = (LIMIT_LOST_FRONT_UNITS + 100) * MIB;
    put_again(img, off);
    img_fill(img, img->bat_off, 4096, 0);
    img_fill(img, img->metadata_off, 4096, 0);
    look(img, &bats, &metadata);
    assert_int_equal(bats.count, 1);
    assert_int_equal(bats.items[0].off, off);
    assert_int_equal(metadata.count, 1);
    assert_int_equal(metadata.items[0].off, off + MIB);
    img_free(img);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_front_is_enough),
        cmocka_unit_test(what_is_behind_is_found_when_the_front_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
