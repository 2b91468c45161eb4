/* SPDX-License-Identifier: MIT */
/* Maps of bounded size: what each cell holds, by hand; overlaps, holes, faults; and that 64 TiB cost no more memory. */
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
#include "image/disk_bins.h"
#include "image/image.h"

struct opened {
    struct arena *arena, *bins_arena;
    struct source *base;
    struct faulty faulty;
    struct image *image;
    struct disk_bins bins;
};

static void open_img(struct opened *o, const struct img *img, uint32_t max_bins)
{
    *o = (struct opened){
        .arena = arena_create(LIMIT_MEMORY_DEFAULT), .bins_arena = arena_create(1 << 20), .base = img_source(img)};
    struct source *s = faulty_over(&o->faulty, o->base);
    assert_int_equal(image_open(o->arena, s, "img", NULL, NULL, &o->image), STATUS_OK);
    assert_int_equal(view_survey(o->image->main), STATUS_OK);
    assert_int_equal(disk_bins_make(o->bins_arena, o->image->main, max_bins, &o->bins), STATUS_OK);
}

static void done(struct opened *o)
{
    image_close(o->image);
    source_close(o->base);
    arena_destroy(o->arena);
    arena_destroy(o->bins_arena);
}

/* One letter for each cell: the use with the most bytes, capital with an overlap; '.' for none. */
static const char *file_picture(const struct disk_bins *d, char *out)
{
    static const char letters[] = "hlmbrspa";

    for (uint32_t i = 0; i < d->file_count; i++) {
        unsigned best = FILE_USE_COUNT;
        for (unsigned use = 0; use < FILE_USE_COUNT; use++) {
            if (d->file[i].bytes[use] > 0 && (best == FILE_USE_COUNT || d->file[i].bytes[use] > d->file[i].bytes[best]))
                best = use;
        }
        out[i] = best == FILE_USE_COUNT ? '.' : letters[best];
        if (d->file[i].overlap)
            out[i] = (char)(out[i] - 'a' + 'A');
    }
    out[d->file_count] = '\0';
    return out;
}

/* The state with the most blocks as a digit; 'x' with a fault. */
static const char *guest_picture(const struct disk_bins *d, char *out)
{
    for (uint32_t i = 0; i < d->guest_count; i++) {
        unsigned best = 0;
        for (unsigned state = 1; state < 8; state++) {
            if (d->guest[i].states[state] > d->guest[i].states[best])
                best = state;
        }
        out[i] = d->guest[i].fault ? 'x' : (char)('0' + best);
    }
    out[d->guest_count] = '\0';
    return out;
}

static void cells_show_the_layout(void **state)
{
    static const struct img_block blocks[] = {
        {.block = 0, .state = 6, .off = 4 * MIB},
        {.block = 1, .state = 6, .off = 10 * MIB},
        {.block = 2, .state = 2},
        {.block = 3, .state = 3, .off = 8 * MIB, .anchored = true},
    };
    struct img *img = img_create(&(struct img_params){.states = "", .blocks = blocks, .block_count = 4});
    struct opened o;
    char picture[64];

    (void)state;
    open_img(&o, img, 1024);
    assert_int_equal(o.bins.unit, MIB);
    assert_string_equal(file_picture(&o.bins, picture), "hlmbpp..aapp");
    assert_int_equal(o.bins.guest_unit, 2 * MIB);
    assert_string_equal(guest_picture(&o.bins, picture), "6623000000");
    assert_int_equal(o.bins.file_bytes[FILE_USE_PAYLOAD], 4 * MIB);
    assert_int_equal(o.bins.beyond, 0);
    /* Nothing is written between the blocks, and blocks of IMG_DATA_FEW begin with data. */
    assert_false(o.bins.file[6].stored);
    assert_true(o.bins.file[4].stored);
    done(&o);
    img_free(img);
}

static void larger_cells_hold_sums(void **state)
{
    struct img *img = img_create(&(struct img_params){.virtual_size = 64 * MIB, .block_size = MIB, .states = "666.6"});
    struct opened o;

    (void)state;
    open_img(&o, img, 8); /* 8 MiB of file: header, log, metadata, BAT, 4 blocks */
    assert_int_equal(o.bins.file_count, 8);
    done(&o);
    open_img(&o, img, 4);
    assert_int_equal(o.bins.unit, 2 * MIB);
    assert_int_equal(o.bins.file_count, 4);
    assert_int_equal(o.bins.file[0].bytes[FILE_USE_HEADER], MIB);
    assert_int_equal(o.bins.file[0].bytes[FILE_USE_LOG], MIB);
    assert_int_equal(o.bins.file[2].bytes[FILE_USE_PAYLOAD], 2 * MIB);
    assert_int_equal(o.bins.guest_unit, 16 * MIB);
    assert_int_equal(o.bins.guest_count, 4);
    assert_int_equal(o.bins.guest[0].blocks, 16);
    assert_int_equal(o.bins.guest[0].states[6], 4);
    assert_int_equal(o.bins.guest[0].states[0], 12);
    assert_int_equal(o.bins.guest[3].states[0], 16);
    done(&o);
    open_img(&o, img, 1);
    assert_int_equal(o.bins.file_count, 1);
    assert_int_equal(o.bins.guest_count, 1);
    done(&o);
    img_free(img);
}

static void overlaps_and_faults_are_marked(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "6666666"});
    struct opened o;
    char picture[64];

    (void)state;
    img_bat_set(img, 1, img_bat_get(img, 0));        /* 0 and 1 share a place: both are doubtful */
    img_block_set(img, 2, 6, img->log_off);          /* over the log */
    img_block_set(img, 3, 4, img_block_off(img, 3)); /* a reserved state */
    img_block_set(img, 4, 6, 0);                     /* over the header section */
    img_block_set(img, 5, 6, img->size + 100 * MIB); /* behind the end */
    open_img(&o, img, 1024);
    assert_string_equal(guest_picture(&o.bins, picture), "xxxxxx6000");
    assert_string_equal(file_picture(&o.bins, picture), "HLMbPP..........pp");
    assert_int_equal(o.bins.beyond, 2 * MIB);
    done(&o);
    img_free(img);

    /* A place at 0 has nothing but the header section in common with it. */
    img = img_create(&(struct img_params){.block_size = 4 * MIB, .states = "66"});
    img_block_set(img, 0, 6, 0);
    open_img(&o, img, 1024);
    assert_string_equal(guest_picture(&o.bins, picture), "x6000");
    assert_string_equal(file_picture(&o.bins, picture), "Hlmb....pppp");
    done(&o);
    img_free(img);
}

/* Slots that hold no block are nobody's fault. */
static void slots_without_a_block_are_no_faults(void **state)
{
    struct img *img =
        img_create(&(struct img_params){.virtual_size = 17 * 256 * MIB, .block_size = 256 * MIB, .states = ""});
    struct opened o;
    char picture[64];

    (void)state;
    img_bat_set(img, img_bitmap_index(img, 0), 4);
    img_bat_set(img, img->geometry.entries, 4);
    open_img(&o, img, 1024);
    assert_string_equal(guest_picture(&o.bins, picture), "00000000000000000");
    done(&o);
    img_free(img);
    img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .states = ""}); /* slots for a whole chunk */
    img_bat_set(img, 10, bat_entry_make(img->bat_off, PAYLOAD_FULLY_PRESENT));
    open_img(&o, img, 1024);
    assert_int_equal(o.bins.file_bytes[FILE_USE_PAYLOAD], 0);
    assert_string_equal(guest_picture(&o.bins, picture), "0000000000");
    assert_string_equal(file_picture(&o.bins, picture), "hlmb");
    done(&o);
    img_free(img);
}

static void the_tail_of_the_file_is_a_shorter_cell(void **state)
{
    struct img *img = img_create(NULL);
    struct opened o;

    (void)state;
    img_resize(img, img->size + 5000);
    open_img(&o, img, 1024);
    assert_int_equal(o.bins.file_size % MIB, 5000);
    assert_int_equal(o.bins.file_count, o.bins.file_size / MIB + 1);
    done(&o);
    img_resize(img, img->size - 4999); /* and one of a byte */
    img_fill(img, img->size - 1, 1, 7);
    open_img(&o, img, 1024);
    assert_int_equal(o.bins.file_size % MIB, 1);
    assert_int_equal(o.bins.file_count, o.bins.file_size / MIB + 1);
    done(&o);
    img_resize(img, 0);
    open_img(&o, img, 1024);
    assert_int_equal(o.bins.file_count, 0);
    assert_int_equal(o.bins.guest_count, 0);
    done(&o);
    img_free(img);
}

/* The largest disk there is, with a block every 16 GiB and the last one. */
static void memory_does_not_follow_the_disk(void **state)
{
    enum { BLOCKS = 4096 };
    static struct img_block blocks[BLOCKS];
    struct opened o;
    uint64_t present = 0, all = 0;

    (void)state;
    for (uint64_t i = 0; i < BLOCKS; i++)
        blocks[i] = (struct img_block){.block = (i + 1) * ((uint64_t)1 << 26) / BLOCKS - 1, .state = 6};
    struct img *img = img_create(&(struct img_params){.virtual_size = (uint64_t)1 << 46,
                                                      .block_size = MIB,
                                                      .states = "",
                                                      .blocks = blocks,
                                                      .block_count = BLOCKS,
                                                      .data = IMG_DATA_NONE});
    open_img(&o, img, LIMIT_MAP_BINS); /* bins_arena has a budget of 1 MiB */
    assert_int_equal(o.bins.guest_count, LIMIT_MAP_BINS);
    for (uint32_t i = 0; i < o.bins.guest_count; i++) {
        assert_int_equal(o.bins.guest[i].states[6], BLOCKS / LIMIT_MAP_BINS);
        present += o.bins.guest[i].states[6];
        all += o.bins.guest[i].blocks;
    }
    assert_int_equal(present, BLOCKS);
    assert_int_equal(all, (uint64_t)1 << 26);
    assert_int_equal(o.bins.file_bytes[FILE_USE_PAYLOAD], BLOCKS * MIB);
    done(&o);
    img_free(img);
}

/* ---- against a slow way, entry by entry ---- */

static uint64_t random_entry(uint64_t *x, uint64_t last)
{
    *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
    switch (*x >> 8 & 7) {
    case 0:
        return 0;
    case 1:
        return *x & BAT_STATE_MASK; /* without a place */
    case 2:
        return (*x & BAT_OFFSET_MASK) | 6; /* anywhere in 64 bits */
    case 3:
        return ((*x >> 30 & 4095) * MIB) | (*x >> 20 & BAT_STATE_MASK); /* in the file, any state */
    default:
        return bat_entry_off(last) > 0 ? last + 256 * MIB : (8 * MIB) | 6; /* behind the one before */
    }
}

static uint64_t common(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    unsigned __int128 end_a = (unsigned __int128)a + a_len, end_b = (unsigned __int128)b + b_len;
    uint64_t start = a > b ? a : b;
    unsigned __int128 end = end_a < end_b ? end_a : end_b;

    return end > start ? (uint64_t)(end - start) : 0;
}

static void assert_as_entry_by_entry(const struct opened *o, const struct img *img)
{
    const struct disk_bins *d = &o->bins;
    const struct geometry *g = &o->image->main->geometry;

    for (uint32_t bin = 0; bin < d->guest_count; bin++) {
        uint64_t states[8] = {0}, blocks = 0;
        for (uint64_t b = 0; b < g->payload_blocks; b++) {
            if (b * g->block_size / d->guest_unit != bin)
                continue;
            blocks++;
            states[bat_entry_state(img_bat_get(img, img_block_index(img, b)))]++;
        }
        assert_int_equal(d->guest[bin].blocks, blocks);
        assert_memory_equal(d->guest[bin].states, states, sizeof(states));
    }
    for (uint32_t bin = 0; bin < d->file_count; bin++) {
        uint64_t start = bin * d->unit, len = start + d->unit < d->file_size ? d->unit : d->file_size - start;
        uint64_t payload = 0, anchors = 0;
        for (uint64_t b = 0; b < g->payload_blocks; b++) {
            uint64_t raw = img_bat_get(img, img_block_index(img, b)), off = bat_entry_off(raw);
            unsigned state = bat_entry_state(raw);
            if (off == 0)
                continue;
            if (state >= 6)
                payload += common(off, g->block_size, start, len);
            else if (state == 1 || state == 3)
                anchors += common(off, g->block_size, start, len);
        }
        assert_int_equal(d->file[bin].bytes[FILE_USE_PAYLOAD], payload);
        assert_int_equal(d->file[bin].bytes[FILE_USE_ANCHOR], anchors);
    }
}

static void runs_give_what_entries_give(void **state)
{
    uint64_t x = 0x9e3779b97f4a7c15;

    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        /* 16 blocks to a chunk: runs go on over bitmap entries. */
        struct img *img = img_create(&(struct img_params){
            .virtual_size = 50 * 256 * MIB, .block_size = 256 * MIB, .states = "", .data = IMG_DATA_NONE});
        struct opened o;
        uint64_t last = 0;

        for (uint64_t b = 0; b < 50; b++) {
            last = random_entry(&x, last);
            img_bat_set(img, img_block_index(img, b), last);
        }
        img_resize(img, (4 + round * 61) * MIB);
        open_img(&o, img, round % 2 == 0 ? 1024 : 7);
        assert_as_entry_by_entry(&o, img);
        done(&o);
        img_free(img);
    }
}

/* Up to the largest offset that a host has. */
static void no_file_has_more_cells_than_asked_for(void **state)
{
    static const uint64_t sizes[] = {UINT64_C(1) << 62, (UINT64_C(1) << 62) + 1, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (uint32_t most = 1; most <= 2; most++) {
            struct img *img = img_create(NULL);
            struct opened o;
            img_resize(img, sizes[i]);
            open_img(&o, img, most);
            assert_int_equal(o.bins.file_size, sizes[i]);
            assert_int_equal(o.bins.file_count, most);
            assert_int_equal(o.bins.unit, (UINT64_C(1) << (i == 0 ? 62 : 63)) / most);
            done(&o);
            img_free(img);
        }
    }
}

/* Whatever read fails: a status, never a wrong map. */
static void a_bat_that_cannot_be_read_is_admitted(void **state)
{
    struct img *img = img_create(NULL);
    struct opened o;
    struct disk_bins d;

    (void)state;
    img_block_set(img, 1, 4, 0); /* something notable in what can be read no more */
    open_img(&o, img, 1024);
    o.faulty.bad_off = img->bat_off;
    o.faulty.bad_len = 8;
    assert_int_equal(disk_bins_make(o.bins_arena, o.image->main, 1024, &d), STATUS_IO);
    done(&o);
    img_free(img);
}

/* Where nobody can say what is stored all of it may be; when the time is over there is no map. */
static void holes_may_be_unknown(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "6666666666"});
    struct opened o;
    struct disk_bins d;

    (void)state;
    open_img(&o, img, 1024);
    o.faulty.hole_status = STATUS_IO;
    assert_int_equal(disk_bins_make(o.bins_arena, o.image->main, 1024, &d), STATUS_OK);
    for (uint32_t i = 0; i < d.file_count; i++)
        assert_true(d.file[i].stored);
    o.faulty.hole_status = STATUS_LIMIT;
    assert_int_equal(disk_bins_make(o.bins_arena, o.image->main, 1024, &d), STATUS_LIMIT);
    done(&o);
    img_free(img);
}

static void short_memory_is_admitted(void **state)
{
    struct img *img = img_create(NULL);
    struct opened o;
    struct disk_bins d;

    (void)state;
    img_bat_set(img, 9, img_bat_get(img, 0));
    open_img(&o, img, 1024);
    for (uint64_t n = 1; n <= 2; n++) {
        arena_fail_at(o.bins_arena, n, false);
        assert_int_equal(disk_bins_make(o.bins_arena, o.image->main, 1024, &d), STATUS_NO_MEMORY);
    }
    done(&o);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_show_the_layout),
        cmocka_unit_test(larger_cells_hold_sums),
        cmocka_unit_test(overlaps_and_faults_are_marked),
        cmocka_unit_test(slots_without_a_block_are_no_faults),
        cmocka_unit_test(the_tail_of_the_file_is_a_shorter_cell),
        cmocka_unit_test(memory_does_not_follow_the_disk),
        cmocka_unit_test(runs_give_what_entries_give),
        cmocka_unit_test(no_file_has_more_cells_than_asked_for),
        cmocka_unit_test(a_bat_that_cannot_be_read_is_admitted),
        cmocka_unit_test(holes_may_be_unknown),
        cmocka_unit_test(short_memory_is_admitted),
    };
    return cmocka_run_group_tests_name("disk_bins", tests, NULL, NULL);
}
