/* SPDX-License-Identifier: MIT */
/*
 * The look at the content of a file: what is said of random images equals what a naive look at every byte says; and the
 * work, which stays linear whatever the BAT says, follows allocated bytes, survives what the host cannot read, and ends
 * when it is told to.
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
#include "image/deep_scan.h"
#include "image/image.h"

enum { UNITS = 64, BLOCKS = 40 };

/* What was said, or is to be said: by block, and by unit of the file. */
struct said {
    bool zeros[BLOCKS];
    uint64_t hidden[BLOCKS], hidden_first[BLOCKS];
    uint64_t past, past_first;
    bool free_data[UNITS];
    uint64_t free_first[UNITS]; /* of the first unit of a run */
    const char *content[UNITS];
    uint64_t notes, wanted; /* wanted: after so many it says stop; 0: never */
};

struct opened {
    struct arena *arena;
    struct source *base;
    struct faulty faulty;
    struct image *image;
    uint64_t progress;
};

static struct opened *open_image(const struct img *img)
{
    struct opened *o = calloc(1, sizeof(*o));
    assert_non_null(o);
    o->arena = arena_create(LIMIT_MEMORY_DEFAULT);
    assert_non_null(o->arena);
    o->base = img_source(img);
    assert_int_equal(image_open(o->arena, faulty_over(&o->faulty, o->base), "deep.vhdx", NULL, NULL, &o->image),
                     STATUS_OK);
    assert_int_equal(view_survey(o->image->main), STATUS_OK);
    return o;
}

static void done(struct opened *o)
{
    image_close(o->image);
    source_close(o->base);
    arena_destroy(o->arena);
    free(o);
}

static bool keep(void *ctx, const struct deep_note *n)
{
    struct said *s = ctx;
    s->notes++;
    if (n->kind != DEEP_FREE_DATA && n->kind != DEEP_FREE_CONTENT)
        assert_true(n->block + n->blocks <= BLOCKS);
    else
        assert_true(n->off % MIB == 0 && n->off + n->len <= UNITS * MIB);
    switch (n->kind) {
    case DEEP_ZERO_BLOCKS:
        for (uint64_t i = 0; i < n->blocks; i++) {
            assert_false(s->zeros[n->block + i]);
            s->zeros[n->block + i] = true;
        }
        break;
    case DEEP_PAST_DISK:
        assert_int_equal(s->past, 0);
        s->past = n->count;
        s->past_first = n->first_off;
        break;
    case DEEP_HIDDEN:
        assert_int_equal(s->hidden[n->block], 0);
        s->hidden[n->block] = n->count;
        s->hidden_first[n->block] = n->first_off;
        break;
    case DEEP_FREE_DATA:
        s->free_first[n->off / MIB] = n->first_off;
        for (uint64_t u = n->off / MIB; u * MIB < n->off + n->len; u++) {
            assert_false(s->free_data[u]);
            s->free_data[u] = true;
        }
        break;
    case DEEP_FREE_CONTENT:
        assert_null(s->content[n->off / MIB]);
        s->content[n->off / MIB] = n->content.key;
        break;
    }
    return s->notes != s->wanted;
}

static void scan(struct opened *o, struct said *ret)
{
    memset(ret, 0, sizeof(*ret));
    assert_int_equal(deep_scan(o->image->main, keep, ret, NULL, NULL), STATUS_OK);
}

/* ---- the naive look ---- */

static uint64_t first_set(const struct img *img, uint64_t off, uint64_t end)
{
    static uint8_t bytes[1 << 20];
    for (; off < end; off += sizeof(bytes)) {
        size_t n = end - off < sizeof(bytes) ? (size_t)(end - off) : sizeof(bytes);
        img_read(img, off, bytes, n);
        if (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0)
            continue; /* all zeros */
        for (size_t i = 0; i < n; i++)
            if (bytes[i] != 0)
                return off + i;
    }
    return UINT64_MAX;
}

static void naive(const struct img *img, struct said *ret)
{
    const struct geometry *g = &img->geometry;
    bool owned[UNITS] = {true, true, true, true}; /* header section, log, metadata, BAT of a small image */
    memset(ret, 0, sizeof(*ret));
    for (uint64_t b = 0; b < g->payload_blocks; b++) {
        uint64_t raw = img_bat_get(img, img_block_index(img, b)), off = bat_entry_off(raw);
        unsigned state = bat_entry_state(raw);
        if (off == 0 || state == 0 || state == 2)
            continue;
        for (uint64_t u = off / MIB; u < (off + g->block_size) / MIB; u++)
            owned[u] = true;
        if (state < 6)
            continue;
        uint64_t used = block_guest_len(g, b);
        if (state == 6)
            ret->zeros[b] = first_set(img, off, off + g->block_size) == UINT64_MAX;
        for (uint64_t s = 0; state == 7 && s < used / g->logical_sector_size; s++) {
            uint64_t at = off + s * g->logical_sector_size, bit = (b % g->chunk_ratio) * g->sectors_per_block + s;
            uint8_t bits;
            img_read(img, img_bitmap_off(img, 0) + bit / 8, &bits, 1);
            uint64_t first = first_set(img, at, at + g->logical_sector_size);
            if (bits >> bit % 8 & 1 || first == UINT64_MAX)
                continue;
            if (ret->hidden[b]++ == 0)
                ret->hidden_first[b] = first;
        }
        for (uint64_t at = off + used; b == g->payload_blocks - 1 && at < off + g->block_size; at++) {
            at = first_set(img, at, off + g->block_size);
            if (at == UINT64_MAX)
                break;
            if (ret->past++ == 0)
                ret->past_first = at;
        }
    }
    if (g->differencing)
        owned[img_bitmap_off(img, 0) / MIB] = true;
    for (uint64_t u = 0; u * MIB < img->size; u++) {
        uint64_t end = (u + 1) * MIB < img->size ? (u + 1) * MIB : img->size, first = first_set(img, u * MIB, end);
        if (owned[u] || first == UINT64_MAX)
            continue;
        ret->free_data[u] = true;
        if (u == 0 || !ret->free_data[u - 1])
            ret->free_first[u] = first;
        uint8_t mark[8];
        img_read(img, u * MIB, mark, sizeof(mark));
        if (memcmp(mark, "metadata", 8) == 0)
            ret->content[u] = "vhdx_metadata";
    }
}

static void same(const struct said *a, const struct said *b)
{
    assert_memory_equal(a->zeros, b->zeros, sizeof(a->zeros));
    assert_memory_equal(a->hidden, b->hidden, sizeof(a->hidden));
    assert_memory_equal(a->hidden_first, b->hidden_first, sizeof(a->hidden_first));
    assert_int_equal(a->past, b->past);
    assert_int_equal(a->past_first, b->past_first);
    assert_memory_equal(a->free_data, b->free_data, sizeof(a->free_data));
    assert_memory_equal(a->free_first, b->free_first, sizeof(a->free_first));
    for (unsigned u = 0; u < UNITS; u++) {
        assert_true((a->content[u] == NULL) == (b->content[u] == NULL));
        if (a->content[u])
            assert_string_equal(a->content[u], b->content[u]);
    }
}

/* ---- random images ---- */

static uint32_t rnd_state;

static uint32_t rnd(uint32_t below)
{
    rnd_state = rnd_state * 1664525 + 1013904223;
    return (rnd_state >> 8) % below;
}

/* Blocks in any order, with gaps; then zeros over some of them and bytes over anything. */
static struct img *random_image(bool differencing)
{
    uint64_t block_size = MIB << rnd(3), at = 0;
    uint32_t sector = rnd(4) == 0 ? 4096 : 512;
    uint64_t disk = (16 + rnd(8)) * MIB + rnd(2) * rnd(100) * 4096;
    struct img *img = img_create(&(struct img_params){.type = differencing ? IMG_DIFFERENCING : IMG_DYNAMIC,
                                                      .virtual_size = disk,
                                                      .block_size = block_size,
                                                      .logical_sector_size = sector,
                                                      .states = differencing ? "7" : "",
                                                      .data = IMG_DATA_NONE});
    const struct geometry *g = &img->geometry;
    uint64_t end = img->size, blocks = g->payload_blocks, order[BLOCKS];
    for (uint64_t i = 0; i < blocks; i++)
        order[i] = i;
    for (uint64_t i = blocks; i-- > 1;) {
        uint64_t k = rnd((uint32_t)i + 1), t = order[i];
        if (rnd(3) == 0) {
            order[i] = order[k];
            order[k] = t;
        }
    }
    for (uint64_t i = 0; i < blocks && end + block_size <= (UNITS - 2) * MIB; i++) {
        unsigned state = (unsigned[]){0, 6, 6, 6, 6, differencing ? 7 : 6, 1, 3, 2}[rnd(9)];
        if (differencing && order[i] == 0)
            continue; /* as built: its bitmap is there */
        end += rnd(4) == 0 ? MIB * rnd(3) : 0;
        bool placed = state >= 6 || (state != 0 && state != 2 && rnd(2) == 0);
        img_block_set(img, order[i], state, placed ? end : 0);
        if (!placed)
            continue;
        at = end;
        end += block_size;
        for (uint32_t k = rnd(3); k > 0; k--) {
            uint64_t off = at + (uint64_t)rnd((uint32_t)(block_size / 512)) * 512;
            img_fill(img, off + rnd(500), 1 + rnd(8), (uint8_t)(1 + rnd(255)));
        }
        if (state == 7)
            for (uint32_t k = rnd(4); k > 0; k--)
                img_bitmap_set(img, order[i], rnd(g->sectors_per_block - 64), 1 + rnd(64), true);
    }
    img_resize(img, end + MIB * rnd(3) + rnd(2) * 777);
    for (uint32_t k = rnd(6); k > 0; k--) {
        uint64_t off = (4 + rnd(UNITS)) * MIB + (rnd(2) ? 0 : (uint64_t)rnd(255) * 4096);
        if (off + 8 <= img->size)
            img_write(img, off, "metadata", 8);
    }
    return img;
}

static void random_images(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 150; i++) {
        struct said ours, theirs;
        rnd_state = i;
        struct img *img = random_image(i % 2 == 0);
        struct opened *o = open_image(img);
        scan(o, &ours);
        naive(img, &theirs);
        same(&ours, &theirs);
        done(o);
        img_free(img);
    }
}

/* ---- the work ---- */

static void blocks_on_one_place_are_read_once(void **state)
{
    struct said s;
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "6666666666", .data = IMG_DATA_NONE});
    for (uint64_t b = 1; b < 10; b++)
        img_block_set(img, b, 6, img_block_off(img, 0) + (b % 2) * MIB);
    img_fill(img, 4 * MIB, 24 * MIB, 0);
    *img_bytes(img, 6 * MIB - 1, 1) = 1; /* the last byte of the place */
    struct opened *o = open_image(img);
    uint64_t before = o->faulty.source.read_bytes;
    scan(o, &s);
    assert_false(s.zeros[0]); /* and nobody else is judged */
    assert_int_equal(s.notes, 0);
    assert_true(o->faulty.source.read_bytes - before <= 4 * MIB);
    done(o);
    img_free(img);
}

static void holes_are_not_read(void **state)
{
    const struct img_block far[] = {{.block = 0, .state = 6, .off = (uint64_t)50 << 40}};
    (void)state;
    struct img *img = img_create(&(struct img_params){
        .virtual_size = (uint64_t)64 << 40, .block_size = 32 * MIB, .states = "", .blocks = far, .block_count = 1});
    img_resize(img, (uint64_t)60 << 40);
    struct opened *o = open_image(img);
    uint64_t before = o->faulty.source.read_bytes;
    struct said s = {.notes = 0};
    assert_int_equal(deep_scan(o->image->main, keep, &s, NULL, NULL), STATUS_OK);
    assert_int_equal(s.notes, 0);
    assert_true(o->faulty.source.read_bytes - before < 16 * MIB); /* the BAT in front */
    done(o);
    img_free(img);
}

static void unreadable_bytes_are_passed_over(void **state)
{
    struct said s;
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "6666666666"});
    img_fill(img, img_block_off(img, 2), 4 * MIB, 0);          /* blocks 2 and 3 */
    *img_bytes(img, img_block_off(img, 2) + MIB + 100, 1) = 1; /* no hole, so it is asked for */
    img_resize(img, img->size + 3 * MIB);
    img_fill(img, img->size - MIB, 1, 1);
    struct opened *o = open_image(img);
    o->faulty.bad_off = img_block_off(img, 2) + MIB;
    o->faulty.bad_len = 1;
    scan(o, &s);
    assert_false(s.zeros[2]);
    assert_true(s.zeros[3]);
    assert_true(s.free_data[(img->size - MIB) / MIB]);
    assert_true(o->image->main->io_error);
    done(o);
    img_free(img);
}

static bool count_note(void *ctx, const struct deep_note *n)
{
    (void)n;
    ++*(uint64_t *)ctx;
    return true;
}

/* Whatever read fails, of blocks, bitmaps or the table: it is said. */
static void no_read_fails_unsaid(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .states = "67.76.66"});
    bool failed = true;
    /* And of two units that nobody owns, with data near their end, and with none. */
    img_resize(img, img->size + 2 * MIB);
    img_fill(img, img->size - 2 * MIB, 2 * MIB, 0x5a);
    img_fill(img, img->size - 2 * MIB, 2 * MIB, 0);
    *img_bytes(img, img->size - MIB - 8192, 1) = 1;
    for (uint64_t n = 1; failed; n++) {
        struct opened *o = open_image(img);
        uint64_t notes = 0, before = o->faulty.reads;
        o->faulty.fail_read = before + n;
        enum status st = deep_scan(o->image->main, count_note, &notes, NULL, NULL);
        failed = o->faulty.reads >= before + n;
        assert_true(st == STATUS_OK || st == STATUS_IO);
        assert_int_equal(st == STATUS_IO || o->image->main->io_error, failed);
        done(o);
    }
    img_free(img);
}

/* Whatever allocation fails: there is no look, and none that misses something. */
static void memory_may_end_anywhere(void **state)
{
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .states = "67.76.66"});
    uint64_t ends = 0;
    bool failed = true;
    (void)state;
    for (uint64_t n = 1; failed; n++) {
        struct opened *o = open_image(img);
        uint64_t notes = 0;
        arena_fail_at(o->arena, n, false);
        enum status st = deep_scan(o->image->main, count_note, &notes, NULL, NULL);
        failed = arena_status(o->arena) != STATUS_OK;
        assert_int_equal(st, arena_status(o->arena));
        ends += failed;
        done(o);
    }
    assert_true(ends > 4);
    img_free(img);
}

/* Of a block cut by the end of the file nobody knows whether it was zeros. */
static void cut_blocks_are_not_judged(void **state)
{
    struct said s;
    (void)state;
    struct img *img = img_create(&(struct img_params){.virtual_size = 19 * MIB, .states = "6666666666"});
    img_fill(img, img_block_off(img, 8), 4 * MIB, 0);
    img_resize(img, img_block_off(img, 9) + MIB - 512); /* the last block has 1 MiB of the disk */
    struct opened *o = open_image(img);
    scan(o, &s);
    assert_true(s.zeros[8]);
    assert_false(s.zeros[9]);
    done(o);
    img_resize(img, img_block_off(img, 9) + MIB);
    o = open_image(img);
    scan(o, &s);
    assert_true(s.zeros[9]);
    done(o);
    img_free(img);
}

static bool sum_zero_blocks(void *ctx, const struct deep_note *n)
{
    uint64_t *blocks = ctx;
    *blocks += n->kind == DEEP_ZERO_BLOCKS ? n->blocks : 0;
    return true;
}

/* More blocks in a row than entries of the BAT are read at a time. */
static void a_long_row_of_blocks_is_looked_at(void **state)
{
    enum { MANY = 1100 };
    char states[MANY + 1];
    uint64_t zeros = 0;
    (void)state;
    memset(states, '6', MANY);
    states[MANY] = '\0';
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING,
                                                      .virtual_size = MANY * MIB,
                                                      .block_size = MIB,
                                                      .states = states,
                                                      .data = IMG_DATA_NONE});
    struct opened *o = open_image(img);
    assert_int_equal(deep_scan(o->image->main, sum_zero_blocks, &zeros, NULL, NULL), STATUS_OK);
    assert_int_equal(zeros, MANY);
    done(o);
    img_free(img);
}

/* The file ends one byte into a unit that nobody owns. */
static void a_single_free_byte_is_told(void **state)
{
    struct said s;
    (void)state;
    struct img *img = img_create(NULL);
    const uint64_t last = img->size;
    img_resize(img, last + 1);
    *img_bytes(img, last, 1) = 0x55;
    struct opened *o = open_image(img);
    scan(o, &s);
    assert_true(s.free_data[last / MIB]);
    assert_int_equal(s.free_first[last / MIB], last);
    done(o);
    img_free(img);
}

static void ends_when_told(void **state)
{
    struct said s = {.wanted = 1};
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "6.6.6.6", .data = IMG_DATA_NONE});
    img_fill(img, 4 * MIB, img->size - 4 * MIB, 0);
    struct opened *o = open_image(img);
    assert_int_equal(deep_scan(o->image->main, keep, &s, NULL, NULL), STATUS_OK);
    assert_int_equal(s.notes, 1);
    o->faulty.source.deadline_ns = 1;
    assert_int_equal(deep_scan(o->image->main, keep, &s, NULL, NULL), STATUS_LIMIT);
    assert_int_equal(s.notes, 1);
    done(o);
    img_free(img);
}

static void note_progress(void *ctx, uint64_t off)
{
    struct opened *o = ctx;
    assert_true(off < o->image->file_size);
    assert_int_equal(off, o->progress + 16 * MIB); /* blocks of 1 MiB, one behind the other */
    o->progress = off;
}

static void tells_how_far_it_is(void **state)
{
    struct said s = {.notes = 0};
    (void)state;
    struct img *img = img_create(
        &(struct img_params){.virtual_size = 48 * MIB, .block_size = MIB, .states = "", .data = IMG_DATA_NONE});
    for (uint64_t b = 0; b < BLOCKS; b++)
        img_block_set(img, b, 6, (4 + b) * MIB);
    img_resize(img, (4 + BLOCKS) * MIB);
    struct opened *o = open_image(img);
    img_fill(img, 4 * MIB, BLOCKS * MIB, 7);
    done(o);
    o = open_image(img);
    assert_int_equal(deep_scan(o->image->main, keep, &s, note_progress, o), STATUS_OK);
    assert_int_equal(o->progress, 32 * MIB);
    done(o);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_images),
        cmocka_unit_test(blocks_on_one_place_are_read_once),
        cmocka_unit_test(holes_are_not_read),
        cmocka_unit_test(unreadable_bytes_are_passed_over),
        cmocka_unit_test(no_read_fails_unsaid),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(cut_blocks_are_not_judged),
        cmocka_unit_test(a_single_free_byte_is_told),
        cmocka_unit_test(a_long_row_of_blocks_is_looked_at),
        cmocka_unit_test(ends_when_told),
        cmocka_unit_test(tells_how_far_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
