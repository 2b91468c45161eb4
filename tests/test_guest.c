/* SPDX-License-Identifier: MIT */
/*
 * The guest's disk: content of every kind of image, each fault and who has it, chains and what is refused of them, host
 * errors, work and memory bounds. test_random_images.c compares whole reads with a second reader; here are the cases
 * that have a name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "faulty.h"
#include "image/guest.h"
#include "image/guest_faults.h"

/* ---- opening ---- */

enum { FILES_MAX = 4 };

struct disk {
    struct arena *arena;
    struct source *sources[FILES_MAX]; /* the first is the child's; the others are the chain's to close */
    struct image *image;
    struct guest *guest;
    enum status status; /* of guest_open() */
    const char *why;
};

static enum status open_parent(void *ctx, uint32_t dir, const char *name, struct source **ret,
                               struct file_info *ret_info)
{
    struct disk *d = ctx;
    unsigned i = (unsigned)(name[0] - '0'); /* "1.vhdx" is the second file */
    (void)dir;
    *ret = d->sources[i];
    *ret_info = (struct file_info){.device = 1, .inode = i == 3 ? 1 : i + 1, .size = d->sources[i]->size};
    return STATUS_OK;
}

static const char *const parent_names[] = {"1.vhdx", "2.vhdx", "3.vhdx"};

struct how {
    struct guest_options guest;
    struct image_options image;
    uint64_t budget;
    uint64_t fail_at; /* allocation of guest_open() that fails */
    bool no_chain;
};

/* Takes the sources over; count files, the child first. */
static struct disk open_sources(struct source *const *sources, uint32_t count, const struct how *how)
{
    struct disk d = {.arena = arena_create(how && how->budget ? how->budget : LIMIT_MEMORY_DEFAULT)};
    struct chain_options chain = {
        .parents = parent_names, .parent_count = count - 1, .open = open_parent, .open_ctx = &d};
    struct host_facts host = {.known = true, .info = {.device = 1, .inode = 1}};
    assert_non_null(d.arena);
    memcpy(d.sources, sources, count * sizeof(*sources));
    assert_int_equal(image_open(d.arena, sources[0], "0.vhdx", &host, how ? &how->image : NULL, &d.image), STATUS_OK);
    if (!how || !how->no_chain)
        assert_int_equal(chain_resolve(d.image, &chain), STATUS_OK);
    arena_fail_at(d.arena, how ? how->fail_at : 0, false);
    d.status = guest_open(d.image, how ? &how->guest : NULL, &d.guest, &d.why);
    return d;
}

static struct disk open_chain(struct img *const *imgs, uint32_t count, const struct how *how)
{
    struct source *sources[FILES_MAX];
    for (uint32_t i = 0; i < count; i++)
        sources[i] = img_source(imgs[i]);
    return open_sources(sources, count, how);
}

static struct disk open_disk(struct img *img)
{
    struct disk d = open_chain(&img, 1, NULL);
    assert_int_equal(d.status, STATUS_OK);
    return d;
}

static void done(struct disk *d)
{
    chain_close(d->image);
    image_close(d->image);
    source_close(d->sources[0]);
    arena_destroy(d->arena);
}

static void assert_refused(struct disk *d, const char *words)
{
    assert_int_equal(d->status, STATUS_REFUSED);
    if (strstr(d->why, words) == NULL)
        print_error("says: %s\n", d->why);
    assert_non_null(strstr(d->why, words));
    done(d);
}

/* ---- asking ---- */

static struct guest_extent extent(struct disk *d, uint64_t off)
{
    struct guest_extent e;
    assert_int_equal(guest_extent_merged(d->guest, off, UINT64_MAX, &e), STATUS_OK);
    assert_int_equal(e.off, off);
    return e;
}

static void assert_fault(struct disk *d, uint64_t block, enum guest_fault fault)
{
    struct guest_extent e;
    assert_int_equal(guest_extent_at(d->guest, block * guest_block_size(d->guest), UINT64_MAX, &e), STATUS_OK);
    assert_int_equal(e.fault, fault);
    if (fault != GUEST_FAULT_NONE) {
        assert_false(e.data);
        assert_true(e.len >= 4096);
    }
}

static uint64_t read_faults(struct disk *d, uint64_t off, void *buf, size_t len)
{
    uint64_t faults = UINT64_MAX;
    assert_int_equal(guest_read(d->guest, off, buf, len, NULL, NULL, &faults), STATUS_OK);
    return faults;
}

/* All of a disk that is not too large, in pieces that are no multiple of anything. */
static void assert_content(struct disk *d, const struct img *img)
{
    const size_t PIECE = 300007;
    uint8_t *got = malloc(PIECE), *want = malloc(PIECE);
    uint64_t size = guest_size(d->guest);
    assert_true(got != NULL && want != NULL);
    assert_int_equal(size, img->geometry.virtual_size);
    for (uint64_t off = 0; off < size; off += PIECE) {
        size_t n = (size_t)u64_min(PIECE, size - off);
        img_expected(img, off, want, n);
        assert_int_equal(read_faults(d, off, got, n), 0);
        assert_memory_equal(got, want, n);
    }
    free(got);
    free(want);
}

/* ---- content ---- */

static void every_state_reads_as_it_should(void **state)
{
    static const struct img_params cases[] = {
        {.type = IMG_DYNAMIC},
        {.type = IMG_FIXED, .virtual_size = 11 * MIB + 3584},
        {.layout = IMG_QEMU, .states = "6.0.1.2.3.U.M6", .virtual_size = 28 * MIB},
        {.logical_sector_size = 4096, .states = "6123UM.6"},
        {.block_size = MIB, .virtual_size = 9 * MIB + 512, .states = "612360UM.6"},
        {.block_size = 256 * MIB, .virtual_size = 300 * MIB, .states = "66"},
        {.data = IMG_DATA_DENSE, .virtual_size = 6 * MIB, .states = "626"},
        {.states = "65", .data = IMG_DATA_DENSE, .virtual_size = 4 * MIB},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct img *img = img_create(&cases[i]);
        struct disk d = open_disk(img);
        const char *text = NULL;
        assert_content(&d, img);
        assert_int_equal(guest_sector_size(d.guest), img->geometry.logical_sector_size);
        assert_int_equal(guest_block_size(d.guest), img->geometry.block_size);
        assert_int_equal(guest_layer_count(d.guest), 1);
        assert_ptr_equal(guest_layer_image(d.guest, 0), d.image);
        assert_false(guest_needs_parent(d.guest, &text));
        done(&d);
        img_free(img);
    }
}

static void extents_name_state_and_place(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "66023M5U6", .virtual_size = 18 * MIB});
    static const struct {
        uint64_t block, blocks;
        const char *name;
        enum guest_state state;
        bool data;
    } want[] = {
        {0, 2, "fully_present", GUEST_FULLY_PRESENT, true},
        {2, 1, "not_present", GUEST_NOT_PRESENT, false},
        {3, 1, "zero", GUEST_ZERO, false},
        {4, 3, "unmapped", GUEST_UNMAPPED, false},
        {7, 1, "undefined", GUEST_UNDEFINED, false},
        {8, 1, "fully_present", GUEST_FULLY_PRESENT, true},
    };
    struct disk d = open_disk(img);
    (void)state;
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        struct guest_extent e = extent(&d, want[i].block * 2 * MIB);
        assert_int_equal(e.len, want[i].blocks * 2 * MIB);
        assert_int_equal(e.state, want[i].state);
        assert_string_equal(guest_state_name(e.state), want[i].name);
        assert_int_equal(e.data, want[i].data);
        assert_int_equal(e.layer, 0);
        assert_int_equal(e.file_off, want[i].data ? img_block_off(img, want[i].block) : 0);
    }
    done(&d);
    img_free(img);
}

static void ranges_are_cut_to_what_was_asked(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "66"});
    struct disk d = open_disk(img);
    struct guest_extent e;
    uint8_t buf[16];
    uint64_t faults;
    (void)state;
    assert_int_equal(guest_extent_at(d.guest, 100, 7, &e), STATUS_OK);
    assert_int_equal(e.len, 7);
    assert_int_equal(e.file_off, img_block_off(img, 0) + 100);
    assert_int_equal(guest_extent_merged(d.guest, 2 * MIB - 3, 7, &e), STATUS_OK);
    assert_int_equal(e.len, 7);
    assert_int_equal(guest_extent_at(d.guest, 20 * MIB, 1, &e), STATUS_RANGE);
    assert_int_equal(guest_extent_at(d.guest, 0, 0, &e), STATUS_RANGE);
    assert_int_equal(guest_read(d.guest, 20 * MIB - 15, buf, 16, NULL, NULL, &faults), STATUS_RANGE);
    assert_int_equal(guest_read(d.guest, UINT64_MAX, buf, 16, NULL, NULL, &faults), STATUS_RANGE);
    assert_int_equal(guest_read(d.guest, 20 * MIB, buf, 0, NULL, NULL, &faults), STATUS_OK);
    assert_int_equal(faults, 0);
    done(&d);
    img_free(img);
}

/* RG-BAT-12: the entry behind the first chunk is one further on. */
static void chunks_are_interleaved_with_bitmap_slots(void **state)
{
    static const uint64_t sizes[] = {MIB, 256 * MIB};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (uint32_t sector = 512; sector <= 4096; sector += 3584) {
            uint64_t chunk = (uint64_t)sector << 23, ratio = chunk / sizes[i];
            struct img_block blocks[] = {{.block = ratio - 1, .state = 6}, {.block = ratio, .state = 6}};
            struct img *img = img_create(&(struct img_params){
                .virtual_size = chunk + 3 * MIB,
                .block_size = sizes[i],
                .logical_sector_size = sector,
                .states = "6",
                .blocks = blocks,
                .block_count = 2,
            });
            struct disk d = open_disk(img);
            uint8_t got[65536], want[65536];
            assert_int_equal(read_faults(&d, chunk - 32768, got, sizeof(got)), 0);
            img_expected(img, chunk - 32768, want, sizeof(want));
            assert_memory_equal(got, want, sizeof(got));
            assert_int_equal(extent(&d, chunk).file_off, img_block_off(img, ratio));
            done(&d);
            img_free(img);
        }
    }
}

/* Each chunk has its bitmap, and the same bit of two of them is another sector. */
static void chunks_have_their_own_bitmaps(void **state)
{
    struct img_block blocks[] = {{.block = 4096, .state = 7}};
    struct img *parent = img_create(&(struct img_params){.virtual_size = 4 * GIB + 2 * MIB, .block_size = MIB});
    struct img *child = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING,
        .parent = parent,
        .block_size = MIB,
        .states = "7",
        .blocks = blocks,
        .block_count = 1,
    });
    (void)state;
    img_bitmap_set(child, 4096, 0, 2048, false);
    img_bitmap_set(child, 4096, 100, 1, true);
    struct disk d = open_chain((struct img *[]){child, parent}, 2, NULL);
    struct guest_extent e;
    for (unsigned i = 0; i < 3; i++) { /* there and back */
        e = extent(&d, 0);
        assert_int_equal(e.layer, 0);
        assert_int_equal(e.len, 20 * 512);
        e = extent(&d, 4 * GIB);
        assert_int_equal(e.layer, 1);
        assert_int_equal(e.len, 100 * 512);
        e = extent(&d, 4 * GIB + 51200);
        assert_int_equal(e.layer, 0);
        assert_int_equal(e.len, 512);
    }
    done(&d);
    img_free(child);
    img_free(parent);
}

/* The first entry behind a hole of the BAT, and the last one before. */
static void holes_of_the_bat_end_where_they_end(void **state)
{
    struct img_block blocks[] = {{.block = 24571, .state = 6}}; /* entry 24576: the start of a page */
    struct img *img = img_create(&(struct img_params){
        .virtual_size = 40 * GIB, .block_size = MIB, .states = "6", .blocks = blocks, .block_count = 1});
    struct disk d = open_disk(img);
    (void)state;
    assert_int_equal(img_block_index(img, 24571), 24576);
    assert_int_equal(extent(&d, MIB).len, 24570 * MIB);
    assert_true(extent(&d, 24571 * MIB).data);
    assert_int_equal(extent(&d, 24572 * MIB).len, 40 * GIB - 24572 * MIB);
    done(&d);
    img_free(img);
}

/* A hole of the BAT that ends with the slot of a bitmap ends with its chunk. */
static void holes_of_the_bat_may_end_at_a_bitmap(void **state)
{
    struct img_block blocks[] = {{.block = 32768, .state = 6}}; /* entry 32769; a page begins with the slot before */
    struct img *img = img_create(&(struct img_params){.virtual_size = 64 * GIB,
                                                      .block_size = MIB,
                                                      .logical_sector_size = 4096,
                                                      .states = "",
                                                      .blocks = blocks,
                                                      .block_count = 1});
    struct guest_extent e;
    (void)state;
    assert_int_equal(img_bitmap_index(img, 0), 32768);
    for (unsigned present = 0; present < 2; present++) {
        struct disk d = open_disk(img);
        assert_int_equal(guest_extent_at(d.guest, 0, 20000 * MIB, &e), STATUS_OK); /* behind it holes are asked for */
        assert_int_equal(guest_extent_at(d.guest, 20000 * MIB, 64 * GIB - 20000 * MIB, &e), STATUS_OK);
        assert_int_equal(e.state, GUEST_NOT_PRESENT);
        assert_int_equal(e.len, present ? 64 * GIB - 20000 * MIB : 12768 * MIB);
        assert_int_equal(guest_extent_at(d.guest, 20000 * MIB, 12768 * MIB, &e), STATUS_OK);
        assert_int_equal(e.len, 12768 * MIB);
        assert_int_equal(extent(&d, 32768 * MIB).data, !present);
        done(&d);
        img_block_set(img, 32768, 0, 0);
    }
    img_free(img);
}

static void a_dirty_log_is_read_through(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "6.6", .virtual_size = 6 * MIB});
    uint8_t page[4096], got[4096];
    (void)state;
    memset(page, 0xC3, sizeof(page));
    /* Block 2 goes to block 1's number, a page of block 0 changes, and the log asks for nothing else. */
    uint8_t *bat = img_page_copy(img, img_bat_entry_off(img, 0));
    memcpy(bat + 8, bat + 16, 8);
    memset(bat + 16, 0, 8);
    struct img_log_desc descs[] = {{.off = img->bat_off, .page = bat},
                                   {.off = img_block_off(img, 0) + 8192, .page = page}};
    img_make_dirty(img, descs, 2);

    struct disk d = open_disk(img);
    assert_true(d.image->replayed);
    assert_int_equal(read_faults(&d, 8192, got, sizeof(got)), 0);
    assert_memory_equal(got, page, sizeof(page));
    assert_int_equal(extent(&d, 2 * MIB).state, GUEST_FULLY_PRESENT);
    assert_int_equal(extent(&d, 4 * MIB).state, GUEST_NOT_PRESENT);
    img_expected(img, 4 * MIB, page, sizeof(page));
    assert_int_equal(read_faults(&d, 2 * MIB, got, sizeof(got)), 0);
    assert_memory_equal(got, page, sizeof(page));
    assert_ptr_equal(guest_layer_source(d.guest, 0), d.image->replay.overlay);
    done(&d);

    d = open_chain(&img, 1, &(struct how){.image = {.no_replay = true}});
    assert_int_equal(d.status, STATUS_OK);
    assert_content(&d, img);
    done(&d);
    img_free(img);
}

/* ---- faults ---- */

static void single_entries_have_their_fault(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "66666666", .virtual_size = 20 * MIB});
    uint64_t anywhere = img_block_off(img, 0);
    (void)state;
    img_resize(img, 64 * MIB);
    img_block_set(img, 0, 4, 0);
    img_block_set(img, 1, 7, img_block_off(img, 1));
    img_block_set(img, 2, 6, 0);
    img_block_set(img, 3, 6, UINT64_MAX - MIB + 1);
    img_block_set(img, 4, 6, 64 * MIB);
    img_block_set(img, 5, 6, img->log_off);
    img_block_set(img, 6, 6, img->bat_off - MIB);
    img_block_set(img, 7, 6, (uint64_t)INT64_MAX - 3 * MIB + 1);
    img_block_set(img, 8, 6, anywhere);
    img_block_set(img, 9, 5, anywhere);
    struct disk d = open_disk(img);
    assert_fault(&d, 0, GUEST_FAULT_STATE);
    assert_fault(&d, 1, GUEST_FAULT_STATE);
    assert_fault(&d, 2, GUEST_FAULT_OFFSET);
    assert_fault(&d, 3, GUEST_FAULT_OFFSET);
    assert_fault(&d, 4, GUEST_FAULT_PAST_EOF);
    assert_fault(&d, 5, GUEST_FAULT_OVERLAP);
    assert_fault(&d, 6, GUEST_FAULT_OVERLAP);
    assert_fault(&d, 7, GUEST_FAULT_PAST_EOF);
    assert_fault(&d, 8, GUEST_FAULT_NONE);
    assert_fault(&d, 9, GUEST_FAULT_NONE);
    assert_int_equal(extent(&d, 18 * MIB).state, GUEST_UNMAPPED);
    assert_int_equal(extent(&d, 0).state, GUEST_INVALID);
    done(&d);
    img_free(img);
}

struct seen_faults {
    struct guest_extent list[16];
    unsigned count;
};

static void see_fault(void *ctx, const struct guest_extent *e)
{
    struct seen_faults *s = ctx;
    assert_true(s->count < 16);
    s->list[s->count++] = *e;
}

static void reading_over_faults_fills_zeros_and_reports(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "646", .virtual_size = 6 * MIB});
    struct disk d = open_disk(img);
    struct seen_faults seen = {.count = 0};
    uint8_t *got = malloc(6 * MIB), want[4096];
    uint64_t faults;
    (void)state;
    assert_non_null(got);
    memset(got, 0xEE, 6 * MIB);
    assert_int_equal(guest_read(d.guest, 0, got, 6 * MIB, see_fault, &seen, &faults), STATUS_OK);
    assert_int_equal(faults, 2 * MIB);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.list[0].off, 2 * MIB);
    assert_int_equal(seen.list[0].len, 2 * MIB);
    assert_int_equal(seen.list[0].fault, GUEST_FAULT_STATE);
    assert_true(span_is_zero(span_of(got + 2 * MIB, 2 * MIB)));
    img_expected(img, 4 * MIB, want, sizeof(want));
    assert_memory_equal(got + 4 * MIB, want, sizeof(want));
    free(got);
    done(&d);
    img_free(img);
}

/* Both owners, and also the one that the survey does not name: the third block lies across the other two. */
static void all_owners_of_an_overlap_are_at_fault(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "666666"});
    uint64_t a = img_block_off(img, 0);
    (void)state;
    img_block_set(img, 1, 6, a + 2 * MIB);
    img_block_set(img, 2, 6, a + MIB);
    img_block_set(img, 4, 6, img_block_off(img, 3));
    struct disk d = open_disk(img);
    for (uint64_t b = 0; b < 5; b++)
        assert_fault(&d, b, GUEST_FAULT_OVERLAP);
    assert_fault(&d, 5, GUEST_FAULT_NONE);
    done(&d);
    img_free(img);
}

/* Above 128 TiB places are kept in another way. */
static void overlaps_far_away_are_found(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "66666666"});
    uint64_t far = (uint64_t)1 << 50;
    (void)state;
    img_block_set(img, 0, 6, far);
    img_block_set(img, 1, 6, far + 4 * MIB);
    img_block_set(img, 2, 6, far + 5 * MIB);
    img_block_set(img, 3, 6, far + 8 * MIB);
    img_block_set(img, 4, 6, far + 8 * MIB);
    img_block_set(img, 5, 6, far + 8 * MIB);
    img_block_set(img, 6, 6, far + 10 * MIB);
    img_resize(img, far + 64 * MIB);
    struct disk d = open_disk(img);
    assert_fault(&d, 0, GUEST_FAULT_NONE);
    for (uint64_t b = 1; b < 6; b++)
        assert_fault(&d, b, GUEST_FAULT_OVERLAP);
    assert_fault(&d, 6, GUEST_FAULT_NONE);
    assert_fault(&d, 7, GUEST_FAULT_NONE);
    done(&d);
    img_free(img);
}

/* A place that many entries name costs one note, and places without number do not exhaust memory. */
static void thousands_of_far_overlaps_are_kept(void **state)
{
    enum { BLOCKS = 20000 };
    struct img *img = img_create(&(struct img_params){.virtual_size = BLOCKS * MIB, .block_size = MIB, .states = ""});
    uint64_t far = (uint64_t)1 << 50;
    (void)state;
    for (uint64_t b = 0; b < BLOCKS; b++)
        img_block_set(img, b, 6, far + (b < BLOCKS / 2 ? 0 : b / 2) * MIB);
    img_block_set(img, 7, 6, far - MIB);
    img_resize(img, far + BLOCKS * MIB);
    struct disk d = open_disk(img);
    for (uint64_t b = 0; b < BLOCKS; b++)
        assert_fault(&d, b, b == 7 ? GUEST_FAULT_NONE : GUEST_FAULT_OVERLAP);
    done(&d);
    img_free(img);
}

static void anchors_give_way_to_live_blocks(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "U6MU66", .virtual_size = 12 * MIB});
    const struct how anchors = {.guest = {.anchors = true}};
    uint8_t got[4096], old[4096];
    (void)state;
    memset(old, 0x77, sizeof(old));
    img_write(img, img_block_off(img, 0), old, sizeof(old));
    img_block_set(img, 2, 3, img_block_off(img, 1) + MIB);
    img_block_set(img, 4, 6, img_block_off(img, 3));
    struct disk d = open_disk(img);
    for (uint64_t b = 0; b < 6; b++)
        assert_fault(&d, b, GUEST_FAULT_NONE);
    assert_int_equal(read_faults(&d, 0, got, sizeof(got)), 0);
    assert_true(span_is_zero(span_of(got, sizeof(got))));
    done(&d);

    d = open_chain(&img, 1, &anchors);
    assert_fault(&d, 0, GUEST_FAULT_NONE);
    assert_fault(&d, 1, GUEST_FAULT_NONE);
    assert_fault(&d, 2, GUEST_FAULT_OVERLAP);
    assert_fault(&d, 3, GUEST_FAULT_OVERLAP);
    assert_fault(&d, 4, GUEST_FAULT_NONE);
    assert_int_equal(extent(&d, 0).state, GUEST_UNDEFINED);
    assert_true(extent(&d, 0).data);
    assert_int_equal(read_faults(&d, 0, got, sizeof(got)), 0);
    assert_memory_equal(got, old, sizeof(old));
    done(&d);

    img_block_set(img, 0, 1, img->size + MIB); /* the old content is gone */
    img_block_set(img, 2, 3, 0);               /* and here there never was any */
    d = open_chain(&img, 1, &anchors);
    assert_fault(&d, 0, GUEST_FAULT_PAST_EOF);
    assert_fault(&d, 2, GUEST_FAULT_NONE);
    done(&d);
    img_free(img);
}

static void a_cut_block_is_served_when_only_padding_is_missing(void **state)
{
    struct img *img = img_create(&(struct img_params){.type = IMG_FIXED, .virtual_size = 5 * MIB + 512});
    uint64_t end = img_block_off(img, 2) + MIB + 512;
    (void)state;
    img_resize(img, end);
    struct disk d = open_disk(img);
    assert_content(&d, img);
    assert_int_equal(extent(&d, 4 * MIB).len, MIB + 512);
    done(&d);

    img_resize(img, end - 1);
    d = open_disk(img);
    assert_fault(&d, 1, GUEST_FAULT_NONE);
    assert_fault(&d, 2, GUEST_FAULT_PAST_EOF);
    assert_int_equal(extent(&d, 4 * MIB).len, MIB + 512);
    done(&d);

    /* To salvage: whole sectors that are there. */
    d = open_chain(&img, 1, &(struct how){.guest = {.salvage = true}});
    assert_int_equal(extent(&d, 4 * MIB).fault, GUEST_FAULT_NONE);
    assert_int_equal(extent(&d, 4 * MIB).len, MIB);
    assert_int_equal(extent(&d, 5 * MIB).fault, GUEST_FAULT_PAST_EOF);
    assert_int_equal(extent(&d, 5 * MIB).len, 512);
    assert_int_equal(extent(&d, 5 * MIB + 100).len, 412);
    done(&d);
    img_free(img);
}

static void a_bat_that_ends_early_has_no_entries_behind(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "6666666666"});
    (void)state;
    for (unsigned copy = 0; copy < 2; copy++)
        put_le32(img_region_find(img, copy, KNOWN_REGION_BAT) + 24, 3 * 8);
    img_sign_region_tables(img);
    struct disk d = open_disk(img);
    assert_fault(&d, 2, GUEST_FAULT_NONE);
    assert_fault(&d, 3, GUEST_FAULT_BAT);
    assert_int_equal(extent(&d, 6 * MIB).len, 14 * MIB);
    assert_int_equal(extent(&d, 0).len, 6 * MIB);
    done(&d);
    img_free(img);
}

static void every_fault_has_words(void **state)
{
    (void)state;
    assert_null(guest_fault_text(GUEST_FAULT_NONE));
    for (int f = GUEST_FAULT_PAST_EOF; f <= GUEST_FAULT_IO; f++)
        assert_non_null(guest_fault_text((enum guest_fault)f));
    assert_string_equal(guest_state_name(GUEST_INVALID), "invalid");
    assert_string_equal(guest_state_name(GUEST_PARTIALLY_PRESENT), "partially_present");
    assert_string_equal(guest_state_name(GUEST_PAST_PARENT), "past_parent");
}

/* ---- chains ---- */

static void sectors_come_from_the_layer_that_has_them(void **state)
{
    (void)state;
    for (uint32_t sector = 512; sector <= 4096; sector += 3584) {
        struct img *imgs[3];
        imgs[2] = img_create(&(struct img_params){.logical_sector_size = sector,
                                                  .block_size = 4 * MIB,
                                                  .states = "6.6236",
                                                  .virtual_size = 23 * MIB,
                                                  .data = IMG_DATA_DENSE});
        imgs[1] = img_create(&(struct img_params){
            .type = IMG_DIFFERENCING, .parent = imgs[2], .block_size = MIB, .states = "77660.123777777.7777777"});
        imgs[0] = img_create(&(struct img_params){
            .type = IMG_DIFFERENCING, .parent = imgs[1], .block_size = 2 * MIB, .states = "727.12367777"});
        struct disk d = open_chain(imgs, 3, NULL);
        const char *text;
        assert_int_equal(d.status, STATUS_OK);
        assert_int_equal(guest_layer_count(d.guest), 3);
        assert_ptr_equal(guest_layer_source(d.guest, 2), d.sources[2]);
        assert_content(&d, imgs[0]);
        assert_false(guest_needs_parent(d.guest, &text));
        assert_int_equal(extent(&d, 0).layer, 0);
        assert_int_equal(extent(&d, 0).state, GUEST_PARTIALLY_PRESENT);
        assert_int_equal(extent(&d, 0).len, 20 * sector);
        done(&d);
        for (unsigned i = 0; i < 3; i++)
            img_free(imgs[i]);
    }
}

/* RG-DIF-04: behind the end of a smaller parent there are zeros; what a larger one has more is never seen. */
static void a_parent_may_be_smaller_or_larger(void **state)
{
    struct img *imgs[2];
    (void)state;
    imgs[1] = img_create(&(struct img_params){.virtual_size = 5 * MIB + 512, .states = "666"});
    imgs[0] = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING, .parent = imgs[1], .virtual_size = 12 * MIB, .states = ".7..76"});
    struct disk d = open_chain(imgs, 2, NULL);
    assert_int_equal(d.status, STATUS_OK);
    assert_content(&d, imgs[0]);
    struct guest_extent e = extent(&d, 5 * MIB + 512);
    assert_int_equal(e.state, GUEST_PAST_PARENT);
    assert_int_equal(e.layer, 1);
    assert_int_equal(e.len, 3 * MIB - 512); /* up to the child's next block with bits */
    assert_int_equal(e.fault, GUEST_FAULT_NONE);
    done(&d);
    img_free(imgs[0]);

    imgs[0] = img_create(
        &(struct img_params){.type = IMG_DIFFERENCING, .parent = imgs[1], .virtual_size = 3 * MIB, .states = ".."});
    d = open_chain(imgs, 2, NULL);
    assert_content(&d, imgs[0]);
    done(&d);
    img_free(imgs[0]);
    img_free(imgs[1]);
}

static void a_missing_parent_is_a_fault_of_what_needs_it(void **state)
{
    struct img *parent = img_create(NULL), *child;
    const char *text = NULL;
    uint8_t got[512];
    (void)state;
    child = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING, .parent = parent, .parent_name = "base.vhdx", .states = "6123......"});
    struct disk d = open_disk(child);
    assert_fault(&d, 0, GUEST_FAULT_NONE);
    assert_fault(&d, 3, GUEST_FAULT_NONE);
    assert_fault(&d, 4, GUEST_FAULT_NO_PARENT);
    assert_int_equal(read_faults(&d, 8 * MIB, got, sizeof(got)), sizeof(got));
    assert_true(guest_needs_parent(d.guest, &text));
    assert_non_null(strstr(text, "the parent .\\base.vhdx or C:\\vm\\base.vhdx"));
    done(&d);

    /* The same when nobody looked for parents. */
    d = open_chain(&child, 1, &(struct how){.no_chain = true});
    assert_int_equal(d.status, STATUS_OK);
    assert_fault(&d, 4, GUEST_FAULT_NO_PARENT);
    done(&d);
    img_free(child);

    child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent, .states = "6666666666"});
    d = open_disk(child);
    assert_false(guest_needs_parent(d.guest, &text));
    assert_content(&d, child);
    done(&d);
    img_free(child);

    /* All bits set: nothing is asked of the parent, but only the bits say so. */
    child = img_create(
        &(struct img_params){.type = IMG_DIFFERENCING, .parent = parent, .virtual_size = 4 * MIB, .states = "77"});
    img_bitmap_set(child, 0, 0, 4096, true);
    img_bitmap_set(child, 1, 0, 4096, true);
    d = open_disk(child);
    assert_false(guest_needs_parent(d.guest, &text));
    done(&d);
    img_bitmap_set(child, 1, 4095, 1, false);
    d = open_disk(child);
    assert_true(guest_needs_parent(d.guest, &text));
    assert_int_equal(extent(&d, 4 * MIB - 512).fault, GUEST_FAULT_NO_PARENT);
    done(&d);
    img_free(child);
    img_free(parent);
}

static void partial_blocks_need_their_bitmap(void **state)
{
    struct img *parent = img_create(NULL), *child, *damaged;
    (void)state;
    child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent, .states = "77.6......"});
    uint64_t index = img_bitmap_index(child, 0), off = img_bitmap_off(child, 0);
    struct {
        uint64_t entry, size;
        enum guest_fault faults[4];
    } cases[] = {
        {0, child->size, {GUEST_FAULT_NO_BITMAP, GUEST_FAULT_NO_BITMAP, GUEST_FAULT_NONE, GUEST_FAULT_NONE}},
        {off | 7, child->size, {GUEST_FAULT_NO_BITMAP, GUEST_FAULT_NO_BITMAP, GUEST_FAULT_NONE, GUEST_FAULT_NONE}},
        {6, child->size, {GUEST_FAULT_NO_BITMAP, GUEST_FAULT_NO_BITMAP, GUEST_FAULT_NONE, GUEST_FAULT_NONE}},
        {64 * MIB | 6, 64 * MIB, {GUEST_FAULT_NO_BITMAP, GUEST_FAULT_NO_BITMAP, GUEST_FAULT_NONE, GUEST_FAULT_NONE}},
        /* The bits of the first block are 512 bytes, those of the second are cut. */
        {64 * MIB | 6, 64 * MIB + 512, {GUEST_FAULT_NONE, GUEST_FAULT_NO_BITMAP, GUEST_FAULT_NONE, GUEST_FAULT_NONE}},
        {64 * MIB | 6, 64 * MIB + 1023, {GUEST_FAULT_NONE, GUEST_FAULT_NO_BITMAP, GUEST_FAULT_NONE, GUEST_FAULT_NONE}},
        {64 * MIB | 6, 64 * MIB + 1024, {GUEST_FAULT_NONE, GUEST_FAULT_NONE, GUEST_FAULT_NONE, GUEST_FAULT_NONE}},
        /* The bitmap lies in block 3: neither can be believed. */
        {(img_block_off(child, 3) + MIB) | 6,
         child->size,
         {GUEST_FAULT_OVERLAP, GUEST_FAULT_OVERLAP, GUEST_FAULT_NONE, GUEST_FAULT_OVERLAP}},
        {child->log_off | 6,
         child->size,
         {GUEST_FAULT_OVERLAP, GUEST_FAULT_OVERLAP, GUEST_FAULT_NONE, GUEST_FAULT_NONE}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        damaged = img_clone(child);
        img_bat_set(damaged, index, cases[i].entry);
        img_resize(damaged, cases[i].size);
        struct disk d = open_chain((struct img *[]){damaged, parent}, 2, NULL);
        assert_int_equal(d.status, STATUS_OK);
        for (uint64_t b = 0; b < 4; b++)
            assert_fault(&d, b, cases[i].faults[b]);
        done(&d);
        img_free(damaged);
    }
    img_free(child);
    img_free(parent);
}

static void wrong_parents_are_refused(void **state)
{
    struct img *parent = img_create(NULL), *other = img_create(&(struct img_params){.seed = 99}), *child, *big;
    char have[GUID_TEXT_SIZE], want[GUID_TEXT_SIZE];
    (void)state;
    child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent});
    struct disk d = open_chain((struct img *[]){child, other}, 2, NULL);
    assert_int_equal(d.status, STATUS_REFUSED);
    assert_non_null(strstr(d.why, guid_text(&other->params.data_write_guid, have)));
    assert_non_null(strstr(d.why, guid_text(&parent->params.data_write_guid, want)));
    assert_non_null(strstr(d.why, "1.vhdx"));
    done(&d);

    big = img_create(
        &(struct img_params){.logical_sector_size = 4096, .data_write_guid = parent->params.data_write_guid});
    d = open_chain((struct img *[]){child, big}, 2, NULL);
    assert_refused(&d, "1.vhdx has sectors of 4096 bytes, 0.vhdx of 512");

    img_metadata_remove(parent, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
    d = open_chain((struct img *[]){child, parent}, 2, NULL);
    assert_refused(&d, "the parent 1.vhdx: the size and shape of the guest disk are unknown");

    /* No locator at all: any parent would be a guess. */
    img_metadata_remove(child, KNOWN_ITEM_PARENT_LOCATOR);
    d = open_chain((struct img *[]){child, other}, 2, NULL);
    assert_refused(&d, "parent_linkage is none");
    img_free(big);
    img_free(child);
    img_free(other);
    img_free(parent);
}

/* The third parent is the first file again (open_parent()). */
static void cycles_are_refused(void **state)
{
    struct img *imgs[4];
    (void)state;
    imgs[3] = img_create(NULL);
    for (unsigned i = 3; i > 0; i--)
        imgs[i - 1] = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = imgs[i]});
    struct disk d = open_chain(imgs, 4, NULL);
    assert_refused(&d, "comes back to a file that is in it: the parent of 2.vhdx is 3.vhdx");
    for (unsigned i = 0; i < 4; i++)
        img_free(imgs[i]);
}

static void links_between_any_two_files_are_looked_at(void **state)
{
    struct img *imgs[3], *other = img_create(&(struct img_params){.seed = 99});
    const char *text = NULL;
    (void)state;
    imgs[2] = img_create(NULL);
    imgs[1] = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = imgs[2], .parent_name = "root.vhdx"});
    imgs[0] = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = imgs[1]});
    struct disk d = open_chain((struct img *[]){imgs[0], imgs[1], other}, 3, NULL);
    assert_null(strstr(d.why, "parent_linkage2")); /* it is nil */
    assert_refused(&d, "2.vhdx is not the parent that 1.vhdx was made from");
    d = open_chain(imgs, 2, NULL);
    assert_int_equal(d.status, STATUS_OK);
    assert_true(guest_needs_parent(d.guest, &text));
    assert_non_null(strstr(text, "the parent of 1.vhdx, .\\root.vhdx"));
    done(&d);
    for (unsigned i = 0; i < 3; i++)
        img_free(imgs[i]);
    img_free(other);
}

/* ---- what is refused of one file ---- */

static void disks_that_cannot_be_found_are_refused(void **state)
{
    struct img *img = img_create(NULL), *bad;
    const struct guid *guid = &img->log.guid;
    (void)state;
    bad = img_clone(img);
    img_metadata_remove(bad, KNOWN_ITEM_LOGICAL_SECTOR_SIZE);
    struct disk d = open_chain(&bad, 1, NULL);
    assert_refused(&d, "the size and shape of the guest disk are unknown: a metadata item is missing");
    img_free(bad);

    bad = img_clone(img);
    img_region_find(bad, 0, KNOWN_REGION_BAT)[0] ^= 1;
    img_region_find(bad, 1, KNOWN_REGION_METADATA)[0] ^= 1; /* not found above any more: its own bytes */
    img_sign_region_tables(bad);
    d = open_chain(&bad, 1, NULL);
    assert_refused(&d, "block allocation table: not in the region table");
    img_free(bad);

    bad = img_clone(img);
    img_set_log_guid(bad, guid);
    d = open_chain(&bad, 1, NULL);
    assert_refused(&d, "no valid sequence of entries");
    d = open_chain(&bad, 1, &(struct how){.image = {.no_replay = true}});
    assert_int_equal(d.status, STATUS_OK);
    assert_content(&d, bad);
    done(&d);
    img_free(bad);

    bad = img_clone(img);
    img_make_dirty(bad, &(struct img_log_desc){.off = 0x20000, .len = 4096}, 1);
    d = open_chain(&bad, 1, NULL);
    assert_refused(&d, "must not be replayed");
    img_free(bad);

    bad = img_clone(img);
    put_le16(img_header(bad, 0) + IMG_HEADER_LOG_VERSION, 1);
    put_le16(img_header(bad, 1) + IMG_HEADER_LOG_VERSION, 1);
    img_set_log_guid(bad, guid);
    d = open_chain(&bad, 1, NULL);
    assert_refused(&d, "unknown version");
    img_free(bad);

    bad = img_clone(img);
    img_header(bad, 0)[4] ^= 1;
    img_header(bad, 1)[4] ^= 1;
    d = open_chain(&bad, 1, NULL);
    assert_refused(&d, "no header is valid");
    img_free(bad);

    /* One sequence number, two logs; two DataWriteGuids would not matter here. */
    bad = img_clone(img);
    put_le64(img_header(bad, 1) + IMG_HEADER_SEQUENCE, img->params.sequence_number[0]);
    img_header(bad, 1)[IMG_HEADER_DATA_WRITE_GUID] ^= 1;
    img_sign_headers(bad);
    d = open_disk(bad);
    done(&d);
    put_le64(img_header(bad, 1) + IMG_HEADER_LOG_OFF, 16 * MIB);
    img_sign_headers(bad);
    d = open_chain(&bad, 1, NULL);
    assert_refused(&d, "different logs");
    img_free(bad);
    img_free(img);
}

/* ---- the host ---- */

static void an_unreadable_page_costs_a_page(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "66", .virtual_size = 4 * MIB});
    struct source *base = img_source(img);
    struct seen_faults seen = {.count = 0};
    struct faulty faulty;
    struct disk d = open_sources((struct source *[]){faulty_over(&faulty, base)}, 1, NULL);
    uint8_t *got = malloc(4 * MIB), *want = malloc(4 * MIB);
    uint64_t faults;
    (void)state;
    assert_non_null(got);
    assert_non_null(want);
    assert_int_equal(d.status, STATUS_OK);
    img_expected(img, 0, want, 4 * MIB);
    faulty.bad_off = img_block_off(img, 0) + 8191;
    faulty.bad_len = 2;
    memset(want + 4096, 0, 8192);
    assert_int_equal(guest_read(d.guest, 0, got, 4 * MIB, see_fault, &seen, &faults), STATUS_OK);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.list[0].off, 4096);
    assert_int_equal(seen.list[0].len, 8192);
    assert_int_equal(seen.list[0].fault, GUEST_FAULT_IO);
    assert_int_equal(faults, 8192);
    assert_memory_equal(got, want, 4 * MIB);
    /* At the end of what was asked for as well. */
    assert_int_equal(read_faults(&d, 4000, got, 200), 0);
    assert_int_equal(read_faults(&d, 8000, got, 200), 200);
    assert_int_equal(read_faults(&d, 8191, got, 1), 1);
    done(&d);
    source_close(base);
    free(got);
    free(want);
    img_free(img);
}

static void an_unreadable_part_of_the_bat_costs_its_blocks(void **state)
{
    enum { BLOCKS = 4000 };
    struct img *img = img_create(&(struct img_params){
        .virtual_size = BLOCKS * MIB, .block_size = MIB, .layout = IMG_QEMU, .states = "6", .data = IMG_DATA_NONE});
    struct source *base = img_source(img);
    struct faulty faulty;
    struct source *s = faulty_over(&faulty, base);
    (void)state;
    faulty.bad_off = img->bat_off + 8197;
    faulty.bad_len = 1;
    struct disk d = open_sources(&s, 1, NULL);
    assert_int_equal(d.status, STATUS_OK);
    assert_int_equal(d.image->main->bat.absence, ABSENT_IO);
    assert_fault(&d, 0, GUEST_FAULT_NONE);
    assert_fault(&d, 1023, GUEST_FAULT_NONE);
    assert_fault(&d, 1024, GUEST_FAULT_IO);
    assert_int_equal(extent(&d, 1024 * MIB).len, 512 * MIB);
    assert_fault(&d, 1535, GUEST_FAULT_IO);
    assert_fault(&d, 1536, GUEST_FAULT_NONE);
    done(&d);
    source_close(base);
    img_free(img);
}

static void an_unreadable_bitmap_costs_its_blocks(void **state)
{
    struct img *parent = img_create(NULL);
    struct img *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent, .states = "777"});
    struct source *base = img_source(child);
    struct faulty faulty;
    struct disk d = open_sources((struct source *[]){faulty_over(&faulty, base), img_source(parent)}, 2, NULL);
    (void)state;
    assert_int_equal(d.status, STATUS_OK);
    faulty.bad_off = img_bitmap_off(child, 0) + 600;
    faulty.bad_len = 1;
    assert_fault(&d, 0, GUEST_FAULT_NONE);
    assert_fault(&d, 1, GUEST_FAULT_IO);
    assert_fault(&d, 2, GUEST_FAULT_NONE);
    assert_int_equal(extent(&d, 2 * MIB).len, 2 * MIB);
    done(&d);
    source_close(base);
    img_free(child);
    img_free(parent);
}

/* Time that is over is no fault of the bitmap. */
static void a_bitmap_that_is_not_read_in_time_is_no_fault(void **state)
{
    struct img *parent = img_create(NULL);
    struct img *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent, .states = "7"});
    struct source *base = img_source(child);
    struct faulty faulty;
    struct disk d = open_sources((struct source *[]){faulty_over(&faulty, base), img_source(parent)}, 2, NULL);
    struct guest_extent e;
    (void)state;
    assert_int_equal(d.status, STATUS_OK);
    faulty.bad_off = img_bitmap_off(child, 0);
    faulty.bad_len = MIB;
    faulty.read_status = STATUS_LIMIT;
    assert_int_equal(guest_extent_at(d.guest, 0, UINT64_MAX, &e), STATUS_LIMIT);
    faulty.bad_len = 0;
    assert_fault(&d, 0, GUEST_FAULT_NONE);
    done(&d);
    source_close(base);
    img_free(child);
    img_free(parent);
}

/* Readers of a disk without parent do not look at the slot of a bitmap, so what it names is nobody else's. */
static void a_bitmap_slot_without_parent_contests_nothing(void **state)
{
    struct img *img = img_create(&(struct img_params){
        .virtual_size = 130 * 32 * MIB, .block_size = 32 * MIB, .states = "66", .data = IMG_DATA_NONE});
    (void)state;
    img_bat_set(img, img_bitmap_index(img, 0), img_block_off(img, 1) | BITMAP_PRESENT);
    struct disk d = open_disk(img);
    assert_fault(&d, 0, GUEST_FAULT_NONE);
    assert_fault(&d, 1, GUEST_FAULT_NONE);
    done(&d);
    img_free(img);
}

/* A place counts up to its last MiB and no further, whoever lies in front of it or behind. */
static void neighbours_of_an_overlap_are_sound(void **state)
{
    static const struct {
        uint64_t block, mib;
        enum guest_fault fault;
    } blocks[] = {
        {1, 62, GUEST_FAULT_NONE}, /* ends where a bitmap begins */
        {2, 67, GUEST_FAULT_NONE}, /* begins where one ends */
        {3, 70, GUEST_FAULT_NONE}, /* ends where two others begin to overlap */
        {4, 72, GUEST_FAULT_OVERLAP}, {5, 73, GUEST_FAULT_OVERLAP},
        {6, 75, GUEST_FAULT_NONE},                                  /* begins where they end */
        {7, 79, GUEST_FAULT_OVERLAP}, {8, 79, GUEST_FAULT_OVERLAP}, /* between two bitmaps */
        {9, 83, GUEST_FAULT_OVERLAP},                               /* its second half is a bitmap */
        {10, 85, GUEST_FAULT_NONE},                                 /* behind that */
    };
    static const struct {
        uint64_t mib;
        enum guest_fault fault;
    } bitmaps[] = {
        {64, GUEST_FAULT_NONE}, {65, GUEST_FAULT_OVERLAP}, {65, GUEST_FAULT_OVERLAP}, {66, GUEST_FAULT_NONE},
        {78, GUEST_FAULT_NONE}, {81, GUEST_FAULT_NONE},    {84, GUEST_FAULT_OVERLAP},
    };
    enum { BLOCKS = sizeof(blocks) / sizeof(blocks[0]), BITMAPS = sizeof(bitmaps) / sizeof(bitmaps[0]) };
    const uint64_t chunk = 2048; /* 4 GiB of blocks of 2 MiB */
    struct img *parent = img_create(&(struct img_params){.virtual_size = BITMAPS * chunk * 2 * MIB, .states = ""});
    struct img *child = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING, .parent = parent, .virtual_size = BITMAPS * chunk * 2 * MIB, .states = ""});
    (void)state;
    img_resize(child, 256 * MIB);
    for (unsigned i = 0; i < BLOCKS; i++)
        img_block_set(child, blocks[i].block, PAYLOAD_FULLY_PRESENT, blocks[i].mib * MIB);
    for (unsigned i = 0; i < BITMAPS; i++) {
        img_bat_set(child, img_bitmap_index(child, i), bat_entry_make(bitmaps[i].mib * MIB, BITMAP_PRESENT));
        img_block_set(child, i * chunk, PAYLOAD_PARTIALLY_PRESENT, (100 + 2 * i) * MIB);
        img_bitmap_set(child, i * chunk, 0, 4096, true);
    }
    struct disk d = open_chain((struct img *[]){child, parent}, 2, NULL);
    assert_int_equal(d.status, STATUS_OK);
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_fault(&d, blocks[i].block, blocks[i].fault);
    for (unsigned i = 0; i < BITMAPS; i++)
        assert_fault(&d, i * chunk, bitmaps[i].fault);
    done(&d);
    img_free(child);
    img_free(parent);
}

/* A table of which a part cannot be read serves the other part, also when that is known before. */
static void a_disk_opens_after_its_bat_was_found_unreadable(void **state)
{
    struct img *img = img_create(
        &(struct img_params){.virtual_size = 4000 * MIB, .block_size = MIB, .states = "6", .data = IMG_DATA_NONE});
    struct source *base = img_source(img);
    struct faulty faulty;
    struct disk d = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .sources = {faulty_over(&faulty, base)}};
    (void)state;
    faulty.bad_off = img->bat_off + 8197;
    faulty.bad_len = 1;
    assert_int_equal(image_open(d.arena, d.sources[0], "0.vhdx", NULL, NULL, &d.image), STATUS_OK);
    assert_int_equal(view_survey(d.image->main), STATUS_OK);
    assert_int_equal(d.image->main->bat.absence, ABSENT_IO);
    assert_int_equal(guest_open(d.image, NULL, &d.guest, &d.why), STATUS_OK);
    assert_fault(&d, 0, GUEST_FAULT_NONE);
    assert_fault(&d, 1024, GUEST_FAULT_IO);
    done(&d);
    source_close(base);
    img_free(img);
}

/* Pieces of two files in turn are read together; what lies between them in one file may be bad without being missed. */
static void pieces_in_turn_lose_no_more_than_pieces_alone(void **state)
{
    struct img *parent =
        img_create(&(struct img_params){.states = "6", .virtual_size = 2 * MIB, .data = IMG_DATA_DENSE});
    struct img *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent, .states = "7"});
    struct source *base = img_source(parent);
    struct faulty faulty;
    struct disk d = open_sources((struct source *[]){img_source(child), faulty_over(&faulty, base)}, 2, NULL);
    uint8_t *got = malloc(2 * MIB), *want = malloc(2 * MIB);
    uint64_t faults, calls;
    struct guest_extent e = {.off = 0}, mine = {.off = 0};
    (void)state;
    assert_non_null(got);
    assert_non_null(want);
    assert_int_equal(d.status, STATUS_OK);
    img_expected(child, 0, want, 2 * MIB);
    (void)extent(&d, 0);
    calls = d.sources[0]->read_calls;
    assert_int_equal(guest_read(d.guest, 0, got, 2 * MIB, NULL, NULL, &faults), STATUS_OK);
    assert_int_equal(faults, 0);
    assert_memory_equal(got, want, 2 * MIB);
    assert_true(d.sources[0]->read_calls - calls <= 16); /* of 2 MiB in runs of about 10 KiB */

    while (e.layer != 1 || mine.len == 0) { /* a piece of each */
        assert_int_equal(guest_extent_at(d.guest, e.off + e.len, 2 * MIB, &e), STATUS_OK);
        if (e.layer == 0)
            mine = e;
    }
    faulty.bad_len = 1;
    faulty.bad_off = img_block_off(parent, 0) + mine.off; /* a sector that the child has */
    assert_int_equal(guest_read(d.guest, 0, got, 2 * MIB, NULL, NULL, &faults), STATUS_OK);
    assert_int_equal(faults, 0);
    assert_memory_equal(got, want, 2 * MIB);
    faulty.bad_off = img_block_off(parent, 0) + e.off; /* one that it has not: its page, as far as it is the parent's */
    uint64_t lost = u64_min(4096 - e.off % 4096, e.len);
    memset(want + e.off, 0, (size_t)lost);
    assert_int_equal(guest_read(d.guest, 0, got, 2 * MIB, NULL, NULL, &faults), STATUS_OK);
    assert_int_equal(faults, lost);
    assert_memory_equal(got, want, 2 * MIB);
    done(&d);
    source_close(base);
    free(got);
    free(want);
    img_free(child);
    img_free(parent);
}

/* ---- work and memory ---- */

static void contiguous_blocks_are_read_at_once(void **state)
{
    struct img *img = img_create(&(struct img_params){.type = IMG_FIXED, .virtual_size = 16 * MIB});
    struct disk d = open_disk(img);
    uint8_t *got = malloc(16 * MIB);
    uint64_t before;
    (void)state;
    assert_non_null(got);
    (void)extent(&d, 0); /* the BAT is in the window */
    before = d.sources[0]->read_calls;
    assert_int_equal(read_faults(&d, 1, got, 16 * MIB - 2), 0);
    assert_int_equal(d.sources[0]->read_calls, before + 1);
    free(got);
    for (uint64_t more = 0; more < 3; more++) { /* what was asked for decides where a row of blocks is left */
        struct guest_extent e;
        assert_int_equal(guest_extent_at(d.guest, 4 * MIB, 2 * MIB + more, &e), STATUS_OK);
        assert_int_equal(e.len, 2 * MIB + more);
    }
    done(&d);
    img_free(img);
}

/* Over the slot of a bitmap, and over the end of a window of 8192 entries. */
static void contiguous_blocks_of_two_chunks_are_read_at_once(void **state)
{
    static const struct {
        struct img_params params;
        uint64_t end;     /* of a chunk, or a window */
        uint64_t windows; /* of the BAT that are read on the way */
    } rows[] = {
        {{.type = IMG_FIXED, .virtual_size = 20 * 256 * MIB, .block_size = 256 * MIB, .data = IMG_DATA_NONE},
         16 * 256 * MIB,
         0},
        {{.type = IMG_FIXED,
          .virtual_size = 8300 * MIB,
          .block_size = MIB,
          .logical_sector_size = 4096,
          .physical_sector_size = 4096,
          .data = IMG_DATA_NONE},
         8192 * MIB,
         2},
    };
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct img *img = img_create(&rows[i].params);
        struct disk d = open_disk(img);
        uint8_t got[8192];
        struct guest_extent e = extent(&d, 0);
        assert_int_equal(e.len, rows[i].params.virtual_size);
        assert_int_equal(read_faults(&d, rows[i].end - 4096, got, sizeof(got)), 0);
        uint64_t before = d.sources[0]->read_calls;
        assert_int_equal(read_faults(&d, rows[i].end - 4096, got, sizeof(got)), 0);
        assert_true(d.sources[0]->read_calls - before == rows[i].windows + 1);
        done(&d);
        img_free(img);
    }
}

static void faults_are_looked_for_inside_the_disk(void **state)
{
    struct img *img = img_create(NULL);
    struct disk d = open_disk(img);
    struct guest_fault_list list = {.arena = d.arena};
    const uint64_t size = guest_size(d.guest);
    (void)state;
    assert_int_equal(guest_find_faults(d.guest, size - 512, 512, &list), STATUS_OK);
    assert_int_equal(guest_find_faults(d.guest, size, 0, &list), STATUS_OK);
    assert_int_equal(guest_find_faults(d.guest, size - 512, 513, &list), STATUS_RANGE);
    assert_int_equal(guest_find_faults(d.guest, size + 1, 0, &list), STATUS_RANGE);
    assert_int_equal(guest_find_faults(d.guest, UINT64_MAX, 2, &list), STATUS_RANGE);
    done(&d);
    img_free(img);
}

/* A 64 TiB disk whose BAT is a hole is one extent, and nearly nothing is read to know it. */
static void an_empty_disk_is_one_extent(void **state)
{
    struct img_block last = {.block = ((uint64_t)1 << 26) - 1, .state = 6};
    struct img *img = img_create(&(struct img_params){.virtual_size = 64 * TIB, .block_size = MIB, .states = ""});
    struct disk d = open_disk(img);
    struct guest_extent e = extent(&d, 0);
    (void)state;
    assert_int_equal(e.len, 64 * TIB);
    assert_int_equal(e.state, GUEST_NOT_PRESENT);
    assert_true(d.sources[0]->read_bytes < 4 * MIB);
    done(&d);
    img_free(img);

    img = img_create(&(struct img_params){
        .virtual_size = 64 * TIB, .block_size = MIB, .states = "6", .blocks = &last, .block_count = 1});
    d = open_disk(img);
    e = extent(&d, MIB);
    assert_int_equal(e.len, 64 * TIB - 2 * MIB);
    e = extent(&d, 64 * TIB - MIB);
    assert_true(e.data);
    assert_int_equal(e.len, MIB);
    e = extent(&d, 32 * TIB); /* somewhere in the hole */
    assert_int_equal(e.len, 32 * TIB - MIB);
    assert_true(d.sources[0]->read_bytes < 8 * MIB);
    done(&d);
    img_free(img);
}

/* A parent in small pieces must not make its child's BAT be searched again for each of them. */
static void a_hole_over_many_pieces_is_looked_at_once(void **state)
{
    enum { BLOCKS = 100000 };
    struct img *imgs[2];
    struct guest_extent e;
    uint64_t pieces = 0;
    (void)state;
    imgs[1] = img_create(
        &(struct img_params){.virtual_size = BLOCKS * MIB, .block_size = MIB, .states = "", .data = IMG_DATA_NONE});
    for (uint64_t b = 0; b < BLOCKS; b++)
        img_block_set(imgs[1], b, b % 2 ? 2 : 0, 0);
    imgs[0] =
        img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = imgs[1], .block_size = MIB, .states = ""});
    struct disk d = open_chain(imgs, 2, NULL);
    assert_int_equal(d.status, STATUS_OK);
    uint64_t before = d.sources[0]->read_bytes;
    for (uint64_t off = 0; off < guest_size(d.guest); off += e.len, pieces++)
        assert_int_equal(guest_extent_at(d.guest, off, UINT64_MAX, &e), STATUS_OK);
    assert_true(pieces >= BLOCKS);
    assert_true(d.sources[0]->read_bytes - before < 4 * MIB);
    done(&d);
    img_free(imgs[0]);
    img_free(imgs[1]);
}

static void a_deep_chain_is_walked_by_a_loop(void **state)
{
    enum { DEPTH = 200 };
    struct img *imgs[DEPTH];
    struct image *images[DEPTH];
    struct source *sources[DEPTH];
    struct chain_parent *links = calloc(DEPTH, sizeof(*links));
    struct arena *arena = arena_create(LIMIT_MEMORY_DEFAULT);
    struct guest *guest = NULL;
    struct guest_extent e;
    const char *why = NULL;
    uint8_t got[65536], want[65536];
    uint64_t faults;
    (void)state;
    assert_non_null(arena);
    assert_non_null(links);
    imgs[DEPTH - 1] = img_create(&(struct img_params){.virtual_size = 4 * MIB, .states = "66"});
    for (unsigned i = DEPTH - 1; i > 0; i--)
        imgs[i - 1] = img_create(
            &(struct img_params){.type = IMG_DIFFERENCING, .parent = imgs[i], .states = i % 50 ? "7." : ".."});
    for (unsigned i = 0; i < DEPTH; i++) {
        sources[i] = img_source(imgs[i]);
        assert_int_equal(image_open(arena, sources[i], "n.vhdx", NULL, NULL, &images[i]), STATUS_OK);
        links[i] = (struct chain_parent){.state = PARENT_NOT_NEEDED};
        images[i]->parent = &links[i];
        if (i > 0)
            links[i - 1] = (struct chain_parent){.state = PARENT_FOUND, .image = images[i], .match = LINKAGE_FIRST};
    }
    assert_int_equal(guest_open(images[0], NULL, &guest, &why), STATUS_OK);
    assert_int_equal(guest_layer_count(guest), DEPTH);
    assert_int_equal(guest_extent_at(guest, 3 * MIB, 1, &e), STATUS_OK);
    assert_int_equal(e.layer, DEPTH - 1);
    assert_int_equal(guest_read(guest, 0, got, sizeof(got), NULL, NULL, &faults), STATUS_OK);
    img_expected(imgs[0], 0, want, sizeof(want));
    assert_int_equal(faults, 0);
    assert_memory_equal(got, want, sizeof(got));
    for (unsigned i = 0; i < DEPTH; i++) {
        image_close(images[i]);
        source_close(sources[i]);
        img_free(imgs[i]);
    }
    arena_destroy(arena);
    free(links);
}

static void memory_that_runs_out_is_said(void **state)
{
    struct img *imgs[2];
    unsigned failures = 0;
    (void)state;
    imgs[1] = img_create(&(struct img_params){.states = "666"});
    img_block_set(imgs[1], 1, 6, img_block_off(imgs[1], 0));
    imgs[0] = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = imgs[1], .states = "776"});
    for (uint64_t n = 1;; n++) {
        struct disk d = open_chain(imgs, 2, &(struct how){.fail_at = n});
        struct guest_extent e;
        enum status st = d.status;
        if (st == STATUS_OK)
            st = guest_extent_merged(d.guest, 0, UINT64_MAX, &e);
        if (st != STATUS_OK) {
            assert_int_equal(st, STATUS_NO_MEMORY);
            failures++;
        }
        done(&d);
        if (st == STATUS_OK)
            break;
    }
    assert_true(failures >= 8);
    img_free(imgs[0]);
    img_free(imgs[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_reads_as_it_should),
        cmocka_unit_test(extents_name_state_and_place),
        cmocka_unit_test(ranges_are_cut_to_what_was_asked),
        cmocka_unit_test(chunks_are_interleaved_with_bitmap_slots),
        cmocka_unit_test(chunks_have_their_own_bitmaps),
        cmocka_unit_test(holes_of_the_bat_end_where_they_end),
        cmocka_unit_test(holes_of_the_bat_may_end_at_a_bitmap),
        cmocka_unit_test(a_dirty_log_is_read_through),
        cmocka_unit_test(single_entries_have_their_fault),
        cmocka_unit_test(reading_over_faults_fills_zeros_and_reports),
        cmocka_unit_test(all_owners_of_an_overlap_are_at_fault),
        cmocka_unit_test(overlaps_far_away_are_found),
        cmocka_unit_test(thousands_of_far_overlaps_are_kept),
        cmocka_unit_test(anchors_give_way_to_live_blocks),
        cmocka_unit_test(a_cut_block_is_served_when_only_padding_is_missing),
        cmocka_unit_test(a_bat_that_ends_early_has_no_entries_behind),
        cmocka_unit_test(every_fault_has_words),
        cmocka_unit_test(sectors_come_from_the_layer_that_has_them),
        cmocka_unit_test(a_parent_may_be_smaller_or_larger),
        cmocka_unit_test(a_missing_parent_is_a_fault_of_what_needs_it),
        cmocka_unit_test(partial_blocks_need_their_bitmap),
        cmocka_unit_test(wrong_parents_are_refused),
        cmocka_unit_test(cycles_are_refused),
        cmocka_unit_test(links_between_any_two_files_are_looked_at),
        cmocka_unit_test(disks_that_cannot_be_found_are_refused),
        cmocka_unit_test(an_unreadable_page_costs_a_page),
        cmocka_unit_test(an_unreadable_part_of_the_bat_costs_its_blocks),
        cmocka_unit_test(an_unreadable_bitmap_costs_its_blocks),
        cmocka_unit_test(a_bitmap_that_is_not_read_in_time_is_no_fault),
        cmocka_unit_test(a_bitmap_slot_without_parent_contests_nothing),
        cmocka_unit_test(neighbours_of_an_overlap_are_sound),
        cmocka_unit_test(a_disk_opens_after_its_bat_was_found_unreadable),
        cmocka_unit_test(pieces_in_turn_lose_no_more_than_pieces_alone),
        cmocka_unit_test(contiguous_blocks_are_read_at_once),
        cmocka_unit_test(contiguous_blocks_of_two_chunks_are_read_at_once),
        cmocka_unit_test(faults_are_looked_for_inside_the_disk),
        cmocka_unit_test(an_empty_disk_is_one_extent),
        cmocka_unit_test(a_hole_over_many_pieces_is_looked_at_once),
        cmocka_unit_test(a_deep_chain_is_walked_by_a_loop),
        cmocka_unit_test(memory_that_runs_out_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
