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

#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "faulty.h"
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

/* Whatever read or allocation fails: an error, never a table that was half seen. */
static void what_cannot_be_read_is_not_guessed(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    struct source *base = img_source(img);
    struct faulty f;
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct source *s = faulty_over(&f, base);
        struct lost_bat_list bats;
        f.fail_read = n;
        enum status st = lost_find_bats(a, s, &bats);
        failed = f.reads >= n;
        assert_int_equal(st, failed ? STATUS_IO : STATUS_OK);
        arena_destroy(a);
    }
    source_close(base);
    img_free(img);
}

static void a_view_needs_memory(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    const struct lost_place place = {.metadata_off = img->metadata_off,
                                     .metadata_len = img->metadata_len,
                                     .bat_off = img->bat_off,
                                     .bat_len = img->bat_len};
    struct source *s = img_source(img);
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct store *stage = NULL;
        struct view *v = NULL;
        arena_fail_at(a, n, false);
        enum status st = lost_view(a, s, &place, &stage, &v);
        failed = arena_status(a) != STATUS_OK;
        assert_int_equal(st, failed ? STATUS_NO_MEMORY : STATUS_OK);
        assert_int_equal(v == NULL, failed);
        assert_int_equal(stage == NULL, failed);
        store_close(stage);
        arena_destroy(a);
    }
    source_close(s);
    img_free(img);
}

/* A region table of what was found, and nothing else, stands in the view. */
static void the_view_lists_what_was_found(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    for (unsigned with_bat = 0; with_bat < 2; with_bat++) {
        const struct lost_place place = {.metadata_off = img->metadata_off,
                                         .metadata_len = img->metadata_len,
                                         .bat_off = img->bat_off,
                                         .bat_len = with_bat ? img->bat_len : 0};
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct source *s = img_source(img);
        struct store *stage = NULL;
        struct view *v = NULL;
        uint8_t front[16 + 2 * 32 + 32];
        assert_int_equal(lost_view(a, s, &place, &stage, &v), STATUS_OK);
        assert_int_equal(source_read(stage->source, REGION_TABLE_OFF[0], front, sizeof(front)), STATUS_OK);
        assert_int_equal(le32(front + 8), 1 + with_bat);
        assert_int_equal(le64(front + 16 + 16), img->metadata_off);
        assert_int_equal(le64(front + 16 + 32 + 16), with_bat ? img->bat_off : 0);
        assert_true(span_is_zero(span_of(front + 16 + 64, 32)));
        store_close(stage);
        source_close(s);
        arena_destroy(a);
    }
    img_free(img);
}

/* Lengths of regions are numbers of 32 bits and whole MiB: 0xFFF00000 is the largest. */
static void a_region_is_as_long_as_its_items_need(void **state)
{
    (void)state;
    static const struct {
        uint32_t off, len;
        uint64_t want;
    } rows[] = {
        {0x10000, 8, MIB},
        {0xFFFFC, 4, MIB},
        {0xFFFFC, 5, 2 * MIB},
        {MIB, 0, MIB}, /* no item */
        {2 * MIB, 0, MIB},
        {MIB, 1, 2 * MIB},
        {MIB, MIB, 2 * MIB},
        {MIB, MIB + 1, MIB}, /* longer than an item may be */
        {0xFFE00000, MIB, 0xFFF00000},
        {0xFFEFFFFF, 1, 0xFFF00000},
        {0xFFEFFFFF, 2, MIB},
        {0xFFFFFFFF, MIB, MIB},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct metadata_entry e = {.off = rows[i].off, .len = rows[i].len};
        const struct metadata m = {.table = {.usable_count = 1}, .entries = &e};
        if (lost_metadata_len(&m) != rows[i].want)
            fail_msg("row %zu: %llu", i, (unsigned long long)lost_metadata_len(&m));
    }
}

/* A table of as many blocks of 2 MiB in a unit of its own, `off`. */
static void put_table(struct img *img, uint64_t off, uint64_t blocks)
{
    for (uint64_t i = 0; i < blocks; i++)
        put_le64(img_bytes(img, off + 8 * i, 8), bat_entry_make((4 + 2 * i) * MIB, PAYLOAD_FULLY_PRESENT));
}

static void the_best_table_is_the_first(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    const uint64_t end = img->size;
    struct lost_bat_list bats;
    struct lost_metadata_list metadata;
    img_resize(img, end + 7 * MIB);
    img_fill(img, img->bat_off, 4096, 0);
    put_table(img, end + MIB, 2);
    put_table(img, end + 3 * MIB, 9);
    put_table(img, end + 5 * MIB, 9);
    look(img, &bats, &metadata);
    assert_int_equal(bats.count, 3);
    assert_int_equal(bats.items[0].off, end + 3 * MIB);
    assert_int_equal(bats.items[1].off, end + 5 * MIB); /* as good, and behind it */
    assert_int_equal(bats.items[2].off, end + MIB);
    img_free(img);
}

static bool find_pair(struct img *img, struct lost_fit *fit)
{
    const struct lost_place known = {
        .metadata_off = img->metadata_off, .metadata_len = img->metadata_len, .log_off = MIB, .log_len = MIB};
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct source *s = img_source(img);
    bool found = false;
    assert_int_equal(lost_find_pair(a, s, &known, &found, fit), STATUS_OK);
    source_close(s);
    arena_destroy(a);
    return found;
}

/* Entries are counted over all pages of a table, of its first unit and the next. */
static void a_table_may_have_several_pages(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    const uint64_t end = img->size;
    struct lost_bat_list bats;
    struct lost_metadata_list metadata;
    img_resize(img, end + 4 * MIB);
    img_fill(img, img->bat_off, 4096, 0);
    put_table(img, end + MIB, 9);
    put_table(img, end + MIB + 5 * 4096 + 80, 1); /* entry 10 of page 5 */
    look(img, &bats, &metadata);
    assert_int_equal(bats.count, 1);
    assert_int_equal(bats.items[0].off, end + MIB);
    assert_int_equal(bats.items[0].guess.set, 10);
    assert_int_equal(bats.items[0].guess.last, 5 * 512 + 10);
    put_table(img, end + 2 * MIB + 3 * 4096, 4);
    look(img, &bats, &metadata);
    assert_int_equal(bats.count, 1);
    assert_int_equal(bats.items[0].guess.set, 14);
    assert_int_equal(bats.items[0].guess.last, (MIB + 3 * 4096) / 8 + 3);
    img_free(img);
}

/* The file must have all of it, and it lies over nothing else. */
static void places_where_no_table_can_be(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    const struct lost_place good = {.metadata_off = img->metadata_off,
                                    .metadata_len = img->metadata_len,
                                    .bat_off = img->bat_off,
                                    .bat_len = MIB,
                                    .log_off = MIB,
                                    .log_len = MIB};
    const uint64_t last = img->size - img->size % MIB;
    put_table(img, MIB, 10); /* a table, however it came there */
    img_resize(img, last + 4096);
    put_table(img, last, 10);
    struct source *s = img_source(img);
    struct lost_fit fit;
    struct lost_place p = good;
    assert_int_equal(lost_try(s, &p, &fit), STATUS_OK);
    assert_int_equal(fit.percent, 100);
    assert_int_equal(fit.live, 10);
    p.bat_off = last;
    assert_int_equal(lost_try(s, &p, &fit), STATUS_OK);
    assert_int_equal(fit.percent, 0);
    p.bat_off = last + MIB;
    assert_int_equal(lost_try(s, &p, &fit), STATUS_OK);
    assert_int_equal(fit.percent, 0);
    p.bat_off = MIB;
    assert_int_equal(lost_try(s, &p, &fit), STATUS_OK);
    assert_int_equal(fit.percent, 0);
    p.log_len = 0; /* no log is known there */
    assert_int_equal(lost_try(s, &p, &fit), STATUS_OK);
    assert_int_equal(fit.percent, 100);
    p.bat_off = p.metadata_off;
    assert_int_equal(lost_try(s, &p, &fit), STATUS_OK);
    assert_int_equal(fit.percent, 0);
    source_close(s);
    img_free(img);
}

/* More metadata than are listed: the first ones are, and each is tried. */
static void many_metadata_are_tried(void **state)
{
    (void)state;
    enum { COPIES = LIMIT_LOST_METADATA + 2 };
    struct img *img = img_create(&full);
    const struct lost_place nothing = {.log_off = MIB, .log_len = MIB};
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct lost_metadata_list metadata;
    struct lost_bat_list bats;
    struct lost_fit fit;
    bool found = false;
    uint8_t page[4096];
    const uint64_t end = img->size;
    img_resize(img, end + COPIES * MIB);
    img_read(img, img->metadata_off, page, sizeof(page));
    for (uint64_t i = 0; i < COPIES; i++) /* without their items */
        img_write(img, end + i * MIB, page, sizeof(page));
    look(img, &bats, &metadata);
    assert_int_equal(metadata.count, LIMIT_LOST_METADATA);
    assert_int_equal(metadata.items[0].off, img->metadata_off);
    assert_true(metadata.items[0].has_geometry);
    for (uint64_t i = 1; i < LIMIT_LOST_METADATA; i++) {
        assert_int_equal(metadata.items[i].off, end + (i - 1) * MIB);
        assert_false(metadata.items[i].has_geometry);
    }
    struct source *s = img_source(img);
    assert_int_equal(lost_find_pair(a, s, &nothing, &found, &fit), STATUS_OK);
    assert_true(found);
    assert_int_equal(fit.place.metadata_off, img->metadata_off);
    assert_int_equal(fit.place.bat_off, img->bat_off);
    source_close(s);
    arena_destroy(a);
    img_free(img);
}

/* Nine of ten blocks in places of their own, the tenth where the ninth is: one of ten speaks against the table. */
static void the_table_that_fits_best_is_taken(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    const uint64_t end = img->size;
    struct lost_fit fit;
    img_resize(img, end + 3 * MIB);
    put_table(img, end + MIB, 9);
    put_le64(img_bytes(img, end + MIB + 8 * 9, 8), bat_entry_make(20 * MIB, PAYLOAD_FULLY_PRESENT));
    assert_true(find_pair(img, &fit));
    assert_int_equal(fit.percent, 100);
    assert_int_equal(fit.place.bat_off, img->bat_off);
    img_fill(img, img->bat_off, 4096, 0);
    assert_true(find_pair(img, &fit));
    assert_int_equal(fit.percent, 90);
    assert_int_equal(fit.place.bat_off, end + MIB);
    img_free(img);
}

/* Of two that fit, the one with more blocks. */
static void the_table_with_more_blocks_is_taken(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    const uint64_t end = img->size;
    struct lost_fit fit;
    img_resize(img, end + 3 * MIB);
    img_fill(img, img->bat_off, 4096, 0);
    put_table(img, img->bat_off, 4);
    put_table(img, end + MIB, 9);
    assert_true(find_pair(img, &fit));
    assert_int_equal(fit.percent, 100);
    assert_int_equal(fit.place.bat_off, end + MIB);
    put_table(img, img->bat_off, 9);
    assert_true(find_pair(img, &fit));
    assert_int_equal(fit.place.bat_off, img->bat_off); /* as good, and in front */
    img_free(img);
}

/* A disk that was never written has no blocks anywhere. */
static void an_empty_table_is_found_where_no_block_can_be(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    struct lost_fit fit;
    img_fill(img, img->bat_off, 4096, 0);
    assert_true(find_pair(img, &fit));
    assert_int_equal(fit.live, 0);
    *img_bytes(img, 9 * MIB + 5000, 1) = 1;
    assert_false(find_pair(img, &fit));
    img_free(img);
}

/* Where the metadata are is known: nobody looks for others. */
static void known_metadata_are_taken(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    const uint64_t copy = img->size;
    struct lost_fit fit;
    uint8_t bytes[0x11000];
    img_resize(img, copy + 2 * MIB);
    img_read(img, img->metadata_off, bytes, sizeof(bytes));
    img_write(img, copy, bytes, sizeof(bytes));
    assert_true(find_pair(img, &fit));
    assert_int_equal(fit.place.metadata_off, img->metadata_off);
    img->metadata_off = copy;
    img->metadata_len = 2 * MIB;
    assert_true(find_pair(img, &fit));
    assert_int_equal(fit.place.metadata_off, copy);
    assert_int_equal(fit.place.metadata_len, 2 * MIB);
    assert_int_equal(fit.place.bat_off, img->bat_off);
    img_free(img);
}

static enum status all_is_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    *ret_data = off;
    *ret_hole = s->size;
    return STATUS_OK;
}

/* Zeros that are stored are no block either. */
static void an_empty_table_is_found_between_stored_zeros(void **state)
{
    static const struct source_ops no_holes = {.read = faulty_read, .next_data = all_is_data, .close = faulty_close};
    (void)state;
    struct img *img = img_create(&full);
    const struct lost_place known = {
        .metadata_off = img->metadata_off, .metadata_len = img->metadata_len, .log_off = MIB, .log_len = MIB};
    struct faulty f;
    img_fill(img, img->bat_off, 4096, 0);
    img_resize(img, 8 * MIB + 4096);
    for (unsigned set = 0; set < 2; set++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct source *base = img_source(img);
        struct lost_fit fit;
        bool found = false;
        faulty_over(&f, base)->ops = &no_holes;
        assert_int_equal(lost_find_pair(a, &f.source, &known, &found, &fit), STATUS_OK);
        assert_int_equal(found, !set);
        if (found)
            assert_int_equal(fit.place.bat_off, img->bat_off);
        source_close(base);
        arena_destroy(a);
        *img_bytes(img, 8 * MIB + 4095, 1) = 1; /* the last byte of the file */
    }
    img_free(img);
}

/* The file ends with the metadata: only the room in front is left, where no log is known to be. */
static void an_empty_table_may_stand_in_front_of_the_metadata(void **state)
{
    (void)state;
    struct img *img = img_create(&full);
    const struct lost_place known = {.metadata_off = img->metadata_off, .metadata_len = img->metadata_len};
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct lost_fit fit;
    bool found = false;
    img_resize(img, img->metadata_off + img->metadata_len);
    struct source *s = img_source(img);
    assert_int_equal(lost_find_pair(a, s, &known, &found, &fit), STATUS_OK);
    assert_true(found);
    assert_int_equal(fit.place.bat_off, img->metadata_off - MIB);
    source_close(s);
    arena_destroy(a);
    img_free(img);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_front_is_enough),
        cmocka_unit_test(what_is_behind_is_found_when_the_front_has_none),
        cmocka_unit_test(the_view_lists_what_was_found),
        cmocka_unit_test(what_cannot_be_read_is_not_guessed),
        cmocka_unit_test(a_view_needs_memory),
        cmocka_unit_test(the_best_table_is_the_first),
        cmocka_unit_test(a_table_may_have_several_pages),
        cmocka_unit_test(places_where_no_table_can_be),
        cmocka_unit_test(many_metadata_are_tried),
        cmocka_unit_test(the_table_that_fits_best_is_taken),
        cmocka_unit_test(the_table_with_more_blocks_is_taken),
        cmocka_unit_test(an_empty_table_is_found_where_no_block_can_be),
        cmocka_unit_test(known_metadata_are_taken),
        cmocka_unit_test(an_empty_table_is_found_between_stored_zeros),
        cmocka_unit_test(an_empty_table_may_stand_in_front_of_the_metadata),
        cmocka_unit_test(a_region_is_as_long_as_its_items_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
