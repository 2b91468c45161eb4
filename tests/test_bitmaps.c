/* SPDX-License-Identifier: MIT */
/*
 * Sector bitmaps against the states of their blocks: counts equal to those of a naive walk over every bit, for random
 * bits and states; places in and out of the file; and the work, which follows the allocated bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "build.h"
#include "faulty.h"
#include "image/bat_walk.h"
#include "image/bitmaps.h"
#include "image/image.h"

struct opened {
    struct arena *arena;
    struct source *source;
    struct image *image;
    struct bitmap_note notes[8];
    unsigned count, wanted;
};

static struct opened open_image(const struct img *img)
{
    struct opened o = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .source = img_source(img), .wanted = 8};
    assert_non_null(o.arena);
    assert_int_equal(image_open(o.arena, o.source, "child.avhdx", NULL, NULL, &o.image), STATUS_OK);
    return o;
}

static void done(struct opened *o)
{
    image_close(o->image);
    source_close(o->source);
    arena_destroy(o->arena);
}

static bool keep(void *ctx, const struct bitmap_note *n)
{
    struct opened *o = ctx;
    assert_true(o->count < 8);
    o->notes[o->count++] = *n;
    return o->count < o->wanted;
}

static void visit(struct opened *o)
{
    assert_int_equal(bitmaps_visit(o->image->main, keep, o), STATUS_OK);
}

/* ---- the naive walk ---- */

static uint8_t whole[1 << 20]; /* the bitmap under the naive eye */

static bool bit_of(uint64_t bit)
{
    return whole[bit / 8] >> bit % 8 & 1;
}

static void note_first(uint64_t count_before, uint64_t *first, uint64_t block)
{
    if (count_before == 0)
        *first = block;
}

/* Adds the ones of a block to what they stand for. */
static void naive_block(const struct img *img, struct bitmap_note *n, uint64_t block, uint64_t ones, uint64_t sectors)
{
    switch (bat_entry_state(img_bat_get(img, img_block_index(img, block)))) {
    case PAYLOAD_NOT_PRESENT:
        n->not_present_blocks++;
        if (ones > 0)
            note_first(n->bits_not_present, &n->first_not_present_block, block);
        n->bits_not_present += ones;
        break;
    case PAYLOAD_PARTIALLY_PRESENT:
        n->partial_blocks++;
        if (ones == 0)
            note_first(n->partial_empty++, &n->first_partial_empty, block);
        else if (ones == sectors)
            note_first(n->partial_full++, &n->first_partial_full, block);
        break;
    default:
        if (ones > 0)
            note_first(n->bits_meaningless, &n->first_meaningless_block, block);
        n->bits_meaningless += ones;
        break;
    }
}

static struct bitmap_note naive(const struct img *img, uint64_t chunk)
{
    const struct geometry *g = &img->geometry;
    struct bitmap_note n = {
        .chunk = chunk,
        .index = img_bitmap_index(img, chunk),
        .entry_off = img_bat_entry_off(img, img_bitmap_index(img, chunk)),
        .off = img_bitmap_off(img, chunk),
        .in_file = true,
    };
    img_read(img, n.off, whole, sizeof(whole));
    uint64_t bits = SECTORS_PER_BITMAP, disk = g->virtual_size / g->logical_sector_size - chunk * bits;
    bool last = false;
    for (uint64_t bit = 0; bit < bits; bit++) {
        bool one = bit_of(bit);
        n.transitions += one != last;
        n.bits_total += one;
        n.bits_past_end += one && bit >= disk;
        last = one;
    }
    for (uint64_t b = 0; b < g->chunk_ratio && chunk * g->chunk_ratio + b < g->payload_blocks; b++) {
        uint64_t block = chunk * g->chunk_ratio + b, ones = 0;
        uint64_t sectors = block_guest_len(g, block) / g->logical_sector_size;
        for (uint64_t s = 0; s < sectors; s++)
            ones += bit_of(b * g->sectors_per_block + s);
        n.blocks++;
        naive_block(img, &n, block, ones, sectors);
    }
    return n;
}

static void assert_notes_equal(const struct bitmap_note *a, const struct bitmap_note *b)
{
    assert_int_equal(a->chunk, b->chunk);
    assert_int_equal(a->index, b->index);
    assert_int_equal(a->entry_off, b->entry_off);
    assert_int_equal(a->off, b->off);
    assert_int_equal(a->in_file, b->in_file);
    assert_int_equal(a->bits_not_present, b->bits_not_present);
    assert_int_equal(a->first_not_present_block, b->first_not_present_block);
    assert_int_equal(a->bits_meaningless, b->bits_meaningless);
    assert_int_equal(a->first_meaningless_block, b->first_meaningless_block);
    assert_int_equal(a->bits_past_end, b->bits_past_end);
    assert_int_equal(a->partial_blocks, b->partial_blocks);
    assert_int_equal(a->partial_full, b->partial_full);
    assert_int_equal(a->first_partial_full, b->first_partial_full);
    assert_int_equal(a->partial_empty, b->partial_empty);
    assert_int_equal(a->first_partial_empty, b->first_partial_empty);
    assert_int_equal(a->not_present_blocks, b->not_present_blocks);
    assert_int_equal(a->blocks, b->blocks);
    assert_int_equal(a->bits_total, b->bits_total);
    assert_int_equal(a->transitions, b->transitions);
}

/* ---- counts ---- */

static void default_child(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    struct opened o = open_image(img);
    visit(&o);
    assert_int_equal(o.count, 1);
    struct bitmap_note want = naive(img, 0);
    assert_notes_equal(&o.notes[0], &want);
    assert_int_equal(o.notes[0].partial_blocks, 2);
    assert_int_equal(o.notes[0].blocks, 10);
    done(&o);
    img_free(img);
}

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (*seed >> 33) % below;
}

static void random_bits(uint64_t seed, const struct img_params *p)
{
    struct img *img = img_create(p);
    for (unsigned i = 0; i < 40; i++) {
        uint64_t block = draw(&seed, 12), count = 1 + draw(&seed, img->geometry.sectors_per_block);
        uint64_t first = draw(&seed, img->geometry.sectors_per_block - count + 1);
        img_bitmap_set(img, block, first, count, draw(&seed, 3) > 0);
    }
    for (uint64_t block = 0; block < img->geometry.payload_blocks && block < 12; block++)
        if (draw(&seed, 2))
            img_block_set(img, block, (unsigned)draw(&seed, 8), 0);
    if (draw(&seed, 2)) /* bits at the very end of the bitmap */
        img_fill(img, img_bitmap_off(img, 0) + MIB - 3, 3, 0xFF);
    struct opened o = open_image(img);
    visit(&o);
    assert_int_equal(o.count, 1);
    struct bitmap_note want = naive(img, 0);
    assert_notes_equal(&o.notes[0], &want);
    done(&o);
    img_free(img);
}

static void random_bits_and_states(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        random_bits(seed, &(struct img_params){.type = IMG_DIFFERENCING});
        random_bits(seed, &(struct img_params){.type = IMG_DIFFERENCING, .virtual_size = 21 * MIB + 512});
        random_bits(seed,
                    &(struct img_params){
                        .type = IMG_DIFFERENCING, .logical_sector_size = 4096, .block_size = MIB, .states = "77"});
    }
}

/* 64 KiB of a bitmap are the bits of 128 blocks of 2 MiB, and are read at once. */
static void blocks_on_both_sides_of_what_is_read_at_once(void **state)
{
    char states[301];
    (void)state;
    memset(states, '7', 300);
    states[300] = '\0';
    struct img *img = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING, .virtual_size = 600 * MIB, .states = states, .data = IMG_DATA_NONE});
    img_fill(img, img_bitmap_off(img, 0), MIB, 0);
    for (uint64_t block = 0; block < 300; block++)
        img_bitmap_set(img, block, 7, block == 140 ? 0 : 1, true);
    img_bitmap_set(img, 128, 0, 4096, true);
    struct opened o = open_image(img);
    visit(&o);
    assert_int_equal(o.count, 1);
    assert_int_equal(o.notes[0].bits_total, 298 + 4096);
    assert_int_equal(o.notes[0].partial_blocks, 300);
    assert_int_equal(o.notes[0].partial_empty, 1);
    assert_int_equal(o.notes[0].first_partial_empty, 140);
    assert_int_equal(o.notes[0].partial_full, 1);
    assert_int_equal(o.notes[0].first_partial_full, 128);
    struct bitmap_note want = naive(img, 0);
    assert_notes_equal(&o.notes[0], &want);
    done(&o);
    img_free(img);
}

/* A disk that ends inside the last sector: sizes that are no multiple are a finding elsewhere, and nothing may break.
 */
static void disk_of_half_a_sector(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .virtual_size = 20 * MIB - 256});
    img_bitmap_set(img, 9, 0, 4096, true);
    struct opened o = open_image(img);
    visit(&o);
    assert_int_equal(o.count, 1);
    assert_int_equal(o.notes[0].partial_full, 1);
    assert_int_equal(o.notes[0].bits_past_end, 0);
    done(&o);
    img_free(img);
}

/* ---- several, none, elsewhere ---- */

static const struct img_block in_three_chunks[] = {
    {.block = 5, .state = 7}, {.block = 2048, .state = 7}, {.block = 4099, .state = 7}};
static const struct img_params three_chunks = {
    .type = IMG_DIFFERENCING, .virtual_size = 9 * GIB, .states = "", .blocks = in_three_chunks, .block_count = 3};

static void chunks_in_order(void **state)
{
    (void)state;
    struct img *img = img_create(&three_chunks);
    struct opened o = open_image(img);
    visit(&o);
    assert_int_equal(o.count, 3);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(o.notes[i].chunk, i);
        assert_int_equal(o.notes[i].off, img_bitmap_off(img, i));
        assert_int_equal(o.notes[i].partial_blocks, 1);
    }
    assert_int_equal(o.notes[2].blocks, 512);
    done(&o);
    img_free(img);
}

static void stops_when_told(void **state)
{
    (void)state;
    struct img *img = img_create(&three_chunks);
    struct opened o = open_image(img);
    o.wanted = 2;
    visit(&o);
    assert_int_equal(o.count, 2);
    done(&o);
    img_free(img);
}

static void without_parent_there_are_none(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.virtual_size = 9 * GIB});
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(4 * MIB, BITMAP_PRESENT));
    struct opened o = open_image(img);
    visit(&o);
    assert_int_equal(o.count, 0);
    done(&o);
    img_free(img);
}

static void past_the_end_nothing_is_counted(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->size, BITMAP_PRESENT));
    img_resize(img, img->size + MIB - 1);
    struct opened o = open_image(img);
    visit(&o);
    assert_int_equal(o.count, 1);
    assert_false(o.notes[0].in_file);
    assert_int_equal(o.notes[0].bits_total, 0);
    assert_int_equal(o.notes[0].partial_blocks, 2);
    assert_int_equal(o.notes[0].partial_empty, 0);
    done(&o);
    img_free(img);
}

static void largest_offset_is_no_wrap(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(BAT_OFFSET_MASK, BITMAP_PRESENT));
    struct opened o = open_image(img);
    visit(&o);
    assert_int_equal(o.count, 1);
    assert_false(o.notes[0].in_file);
    done(&o);
    img_free(img);
}

/* ---- work ---- */

static void holes_cost_nothing(void **state)
{
    (void)state;
    struct img *img = img_create(&three_chunks);
    for (uint64_t i = 0; i < 3; i++)
        img_fill(img, img_bitmap_off(img, i), MIB, 0);
    struct opened o = open_image(img);
    uint64_t before = o.source->read_bytes;
    visit(&o);
    assert_int_equal(o.count, 3);
    assert_int_equal(o.notes[0].partial_empty, 1);
    assert_in_range(o.source->read_bytes - before, 1,
                    o.image->main->bat.slots * BAT_ENTRY_LEN); /* the BAT alone, once */
    done(&o);
    img_free(img);
}

static void each_byte_is_read_once(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    img_fill(img, img_bitmap_off(img, 0), MIB, 0x5A);
    struct opened o = open_image(img);
    uint64_t before = o.source->read_bytes;
    visit(&o);
    assert_in_range(o.source->read_bytes - before, MIB + 1, MIB + o.image->main->bat.slots * BAT_ENTRY_LEN);
    done(&o);
    img_free(img);
}

static void unreadable_bitmap_is_said(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    struct opened o = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .wanted = 8};
    struct source *base = img_source(img);
    struct faulty faulty;
    o.source = faulty_over(&faulty, base);
    faulty.bad_off = img_bitmap_off(img, 0);
    faulty.bad_len = 1;
    assert_int_equal(image_open(o.arena, o.source, "child.avhdx", NULL, NULL, &o.image), STATUS_OK);
    assert_int_equal(bitmaps_visit(o.image->main, keep, &o), STATUS_IO);
    assert_int_equal(o.count, 0);
    assert_true(o.image->main->io_error);
    done(&o);
    source_close(base);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_child),
        cmocka_unit_test(random_bits_and_states),
        cmocka_unit_test(blocks_on_both_sides_of_what_is_read_at_once),
        cmocka_unit_test(disk_of_half_a_sector),
        cmocka_unit_test(chunks_in_order),
        cmocka_unit_test(stops_when_told),
        cmocka_unit_test(without_parent_there_are_none),
        cmocka_unit_test(past_the_end_nothing_is_counted),
        cmocka_unit_test(largest_offset_is_no_wrap),
        cmocka_unit_test(holes_cost_nothing),
        cmocka_unit_test(each_byte_is_read_once),
        cmocka_unit_test(unreadable_bitmap_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
