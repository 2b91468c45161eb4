/* SPDX-License-Identifier: MIT */
/*
 * The guest's disk in pieces: the same content as guest_read(), zeros that are not read, faults in order, work that
 * follows what is stored. And the list of what cannot be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/span.h"
#include "build.h"
#include "faulty.h"
#include "image/guest_faults.h"
#include "image/guest_walk.h"

/* ---- a disk, over an image that the test keeps ---- */

struct disk {
    struct arena *arena;
    struct source *base;
    struct faulty faulty;
    struct image *image;
    struct guest *guest;
    struct source *parent;
};

static enum status open_parent(void *ctx, uint32_t dir, const char *name, struct source **ret,
                               struct file_info *ret_info)
{
    struct disk *d = ctx;
    (void)dir;
    (void)name;
    *ret = d->parent;
    *ret_info = (struct file_info){.device = 1, .inode = 2, .size = d->parent->size};
    return STATUS_OK;
}

static void open_over(struct disk *d, const struct img *img, const struct img *parent, bool salvage)
{
    static const char *const parents[] = {"parent"};
    struct chain_options chain = {
        .parents = parents, .parent_count = parent != NULL, .open = open_parent, .open_ctx = d};
    struct host_facts host = {.known = true, .info = {.device = 1, .inode = 1}};
    struct guest_options options = {.salvage = salvage};
    const char *why = NULL;

    *d = (struct disk){.arena = arena_create(LIMIT_MEMORY_DEFAULT), .base = img_source(img)};
    d->parent = parent ? img_source(parent) : NULL;
    struct source *s = faulty_over(&d->faulty, d->base);
    assert_int_equal(image_open(d->arena, s, "disk", &host, NULL, &d->image), STATUS_OK);
    assert_int_equal(chain_resolve(d->image, &chain), STATUS_OK);
    assert_int_equal(guest_open(d->image, &options, &d->guest, &why), STATUS_OK);
}

static void done(struct disk *d)
{
    chain_close(d->image);
    image_close(d->image);
    source_close(d->base);
    arena_destroy(d->arena);
}

/* ---- walking ---- */

struct result {
    uint64_t zeros, data, faults; /* bytes, by kind of piece */
    uint64_t pieces;
    struct guest_fault_list list;
};

/* Walks in steps of at most `most` bytes and compares with guest_read(). */
static struct result walk(struct disk *d, uint64_t off, uint64_t len, uint64_t most)
{
    struct result r = {.list = {.arena = d->arena}};
    struct guest_walk *w = NULL;
    struct guest_piece p, again;
    uint64_t at = off;
    bool more = true;
    uint8_t *want = malloc(GUEST_WALK_BUFFER);

    assert_non_null(want);
    assert_int_equal(guest_walk_open(d->guest, off, len, &w), STATUS_OK);
    for (;; r.pieces++) {
        const uint8_t *bytes = want;
        uint64_t faults = UINT64_MAX, ignored;
        assert_int_equal(guest_walk_peek(w, &p, &more), STATUS_OK);
        if (!more)
            break;
        assert_int_equal(guest_walk_peek(w, &again, &more), STATUS_OK);
        assert_true(p.off == again.off && p.len == again.len && p.kind == again.kind);
        assert_int_equal(p.off, at);
        assert_true(p.len > 0 && p.len <= off + len - at);
        uint64_t n = u64_min(p.len, most);
        assert_int_equal(guest_walk_take(w, n, &bytes, guest_fault_list_note, &r.list, &faults), STATUS_OK);
        if (p.kind == GUEST_PIECE_DATA) {
            assert_true(p.len <= GUEST_WALK_BUFFER);
            assert_true(at / GUEST_WALK_BUFFER == (at + p.len - 1) / GUEST_WALK_BUFFER);
            assert_non_null(bytes);
            assert_int_equal(guest_read(d->guest, at, want, (size_t)n, NULL, NULL, &ignored), STATUS_OK);
            assert_memory_equal(bytes, want, (size_t)n);
            assert_int_equal(faults, ignored);
            r.data += n;
        } else {
            assert_null(bytes);
            assert_int_equal(faults, p.kind == GUEST_PIECE_FAULT ? n : 0);
            for (uint64_t done_to = 0; p.kind == GUEST_PIECE_ZERO && done_to < u64_min(n, 4 * MIB);) {
                size_t part = (size_t)u64_min(n - done_to, GUEST_WALK_BUFFER);
                assert_int_equal(guest_read(d->guest, at + done_to, want, part, NULL, NULL, &ignored), STATUS_OK);
                assert_true(ignored == 0 && span_is_zero(span_of(want, part)));
                done_to += part;
            }
            *(p.kind == GUEST_PIECE_FAULT ? &r.faults : &r.zeros) += n;
        }
        at += n;
    }
    assert_int_equal(at, off + len);
    free(want);
    return r;
}

static void pieces_have_the_content(void **state)
{
    static const struct img_params cases[] = {
        {.type = IMG_DYNAMIC},
        {.type = IMG_FIXED, .virtual_size = 11 * MIB + 3584},
        {.layout = IMG_QEMU, .states = "6.0.1.2.3.U.M6", .virtual_size = 28 * MIB},
        {.logical_sector_size = 4096, .states = "6123UM.6"},
        {.block_size = MIB, .virtual_size = 9 * MIB + 512, .states = "612360UM.6"},
        {.block_size = 256 * MIB, .virtual_size = 300 * MIB, .states = "66"},
        {.data = IMG_DATA_DENSE, .virtual_size = 6 * MIB, .states = "626"},
        {.states = "646", .virtual_size = 6 * MIB},
    };
    static const uint64_t steps[] = {UINT64_MAX, 100003, GUEST_WALK_BUFFER};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct img *img = img_create(&cases[i]);
        struct disk d;
        open_over(&d, img, NULL, false);
        uint64_t size = guest_size(d.guest);
        for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
            struct result r = walk(&d, 0, size, steps[k]);
            assert_int_equal(r.zeros + r.data + r.faults, size);
            (void)walk(&d, 777, size - 778, steps[k]);
        }
        (void)walk(&d, size, 0, 1);
        (void)walk(&d, size - 1, 1, 1);
        done(&d);
        img_free(img);
    }
}

static void chains_are_walked(void **state)
{
    struct img *parent = img_create(&(struct img_params){.virtual_size = 20 * MIB, .data = IMG_DATA_DENSE});
    struct img *img = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING, .parent = parent, .virtual_size = 24 * MIB, .states = "7.60127"});
    struct disk d;
    (void)state;
    for (uint64_t s = 0; s < 4096; s += 3) /* sectors in turn from here and from there */
        img_bitmap_set(img, 0, s, 1, s % 2 == 0);
    open_over(&d, img, parent, false);
    struct result r = walk(&d, 0, 24 * MIB, UINT64_MAX);
    assert_int_equal(r.faults, 0);
    assert_true(r.pieces < 200);
    done(&d);

    open_over(&d, img, NULL, true); /* without its parent: small faults are inside of pieces */
    r = walk(&d, 0, 24 * MIB, UINT64_MAX);
    assert_true(r.faults > 0 && r.list.bytes > r.faults);
    assert_true(r.list.orphan.len > 0);
    struct guest_fault_list known = {.arena = d.arena};
    assert_int_equal(guest_find_faults(d.guest, 0, 24 * MIB, &known), STATUS_OK);
    assert_int_equal(known.bytes, r.list.bytes);
    assert_int_equal(known.total, r.list.total);
    assert_int_equal(known.count, r.list.count);
    for (uint64_t i = 0; i < known.count; i++) {
        assert_int_equal(known.ranges[i].off, r.list.ranges[i].off);
        assert_int_equal(known.ranges[i].len, r.list.ranges[i].len);
        assert_int_equal(known.ranges[i].fault, r.list.ranges[i].fault);
    }
    done(&d);
    img_free(img);
    img_free(parent);
}

static void holes_are_not_read(void **state)
{
    struct img *img =
        img_create(&(struct img_params){.block_size = 256 * MIB, .virtual_size = 1024 * MIB, .states = "6666"});
    struct disk d;
    struct guest_walk *w = NULL;
    struct guest_piece p;
    bool more = true;
    static uint8_t buf[2][GUEST_WALK_BUFFER];
    unsigned pieces = 0;
    (void)state;
    open_over(&d, img, NULL, false);
    uint64_t before = d.faulty.source.read_bytes;
    assert_int_equal(guest_walk_open(d.guest, 0, 1024 * MIB, &w), STATUS_OK);
    for (;;) {
        const uint8_t *bytes = NULL;
        assert_int_equal(guest_walk_peek(w, &p, &more), STATUS_OK);
        if (!more)
            break;
        uint8_t *mine = buf[pieces++ % 2];
        guest_walk_into(w, mine);
        assert_int_equal(guest_walk_take(w, p.len, &bytes, NULL, NULL, NULL), STATUS_OK);
        assert_true(bytes == (p.kind == GUEST_PIECE_DATA ? mine : NULL));
    }
    assert_true(pieces > 2);
    /* 12 pages of 64 KiB hold anything; the window of the BAT is one more. */
    assert_true(d.faulty.source.read_bytes - before <= 13 * 65536);
    done(&d);
    img_free(img);
}

/* Blocks behind each other in the wrong order: asking for holes again and again would walk the file each time. */
static void useless_questions_end(void **state)
{
    enum { BLOCKS = 2000 };
    struct img_block *blocks = calloc(BLOCKS, sizeof(*blocks));
    struct disk d;
    (void)state;
    for (unsigned i = 0; i < BLOCKS; i++)
        blocks[i] = (struct img_block){.block = i, .state = 6, .off = (uint64_t)(BLOCKS - i + 8) * MIB};
    struct img *img = img_create(&(struct img_params){.block_size = MIB,
                                                      .virtual_size = BLOCKS * MIB,
                                                      .states = "",
                                                      .blocks = blocks,
                                                      .block_count = BLOCKS,
                                                      .data = IMG_DATA_FEW});
    open_over(&d, img, NULL, false);
    struct result r = walk(&d, 0, BLOCKS * MIB, UINT64_MAX);
    /* Holes are found all the same, behind data that was all zeros. */
    assert_true(r.zeros > BLOCKS * MIB / 4);
    done(&d);
    img_free(img);
    free(blocks);
}

static void a_piece_can_be_left_out(void **state)
{
    struct img *img =
        img_create(&(struct img_params){.states = "6626", .virtual_size = 8 * MIB, .data = IMG_DATA_DENSE});
    struct disk d;
    struct guest_walk *w = NULL;
    struct guest_piece p;
    const uint8_t *bytes = NULL;
    bool more = true;
    (void)state;
    open_over(&d, img, NULL, false);
    assert_int_equal(guest_walk_open(d.guest, 0, 8 * MIB, &w), STATUS_OK);
    assert_int_equal(guest_walk_take(w, 1, &bytes, NULL, NULL, NULL), STATUS_RANGE); /* nothing was peeked */
    assert_int_equal(guest_walk_peek(w, &p, &more), STATUS_OK);                      /* reads the BAT */
    uint64_t before = d.faulty.source.read_bytes;
    while (guest_walk_peek(w, &p, &more) == STATUS_OK && more) {
        assert_int_equal(guest_walk_take(w, p.len + 1, NULL, NULL, NULL, NULL), STATUS_RANGE);
        assert_int_equal(guest_walk_take(w, 0, NULL, NULL, NULL, NULL), STATUS_RANGE);
        assert_int_equal(guest_walk_take(w, p.len, NULL, NULL, NULL, NULL), STATUS_OK);
    }
    assert_false(more);
    assert_int_equal(d.faulty.source.read_bytes, before);
    assert_int_equal(guest_walk_open(d.guest, 8 * MIB, 1, &w), STATUS_RANGE);
    assert_int_equal(guest_walk_open(d.guest, UINT64_MAX, UINT64_MAX, &w), STATUS_RANGE);
    done(&d);
    img_free(img);
}

/* What the caller has from elsewhere is neither looked at nor read; behind it all is as ever. */
static void a_stretch_can_be_skipped(void **state)
{
    struct disk d;
    struct img *img = img_create(&(struct img_params){.block_size = MIB, .virtual_size = 4 * MIB, .states = "6606"});
    struct guest_walk *w = NULL;
    struct guest_piece p;
    bool more = false;
    (void)state;

    open_over(&d, img, NULL, false);
    assert_int_equal(guest_walk_open(d.guest, MIB / 2, 3 * MIB, &w), STATUS_OK);
    assert_int_equal(guest_walk_peek(w, &p, &more), STATUS_OK);
    assert_int_equal(p.off, MIB / 2);
    uint64_t reads = d.faulty.reads;
    guest_walk_skip(w, MIB + 4096);
    assert_int_equal(guest_walk_take(w, 1, NULL, NULL, NULL, NULL), STATUS_RANGE); /* nothing was peeked there */
    assert_int_equal(guest_walk_peek(w, &p, &more), STATUS_OK);
    assert_true(more && p.off == MIB / 2 + MIB + 4096 && p.kind == GUEST_PIECE_DATA);
    guest_walk_skip(w, MIB);
    assert_int_equal(guest_walk_peek(w, &p, &more), STATUS_OK);
    assert_true(more && p.off == MIB / 2 + 2 * MIB + 4096 && p.kind == GUEST_PIECE_ZERO);
    assert_int_equal(p.len, MIB / 2 - 4096);
    assert_int_equal(d.faulty.reads, reads);
    guest_walk_skip(w, UINT64_MAX);
    assert_int_equal(guest_walk_peek(w, &p, &more), STATUS_OK);
    assert_false(more);
    done(&d);
    img_free(img);
}

static void host_errors_cost_their_page(void **state)
{
    struct img *img =
        img_create(&(struct img_params){.states = "6666", .virtual_size = 8 * MIB, .data = IMG_DATA_DENSE});
    struct disk d;
    (void)state;
    open_over(&d, img, NULL, false);
    d.faulty.bad_off = img_block_off(img, 2) + 5000;
    d.faulty.bad_len = 1;
    struct result r = walk(&d, 0, 8 * MIB, UINT64_MAX);
    assert_int_equal(r.list.total, 1);
    assert_int_equal(r.list.bytes, 4096);
    assert_int_equal(r.list.ranges[0].off, 4 * MIB + 4096);
    assert_int_equal(r.list.ranges[0].fault, GUEST_FAULT_IO);
    done(&d);
    img_free(img);
}

static void memory_that_is_gone(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "66", .virtual_size = 4 * MIB});
    struct disk d;
    struct guest_walk *w = NULL;
    uint64_t n = 1;
    (void)state;
    open_over(&d, img, NULL, false);
    for (;; n++) {
        arena_fail_at(d.arena, n, false);
        enum status st = guest_walk_open(d.guest, 0, 4 * MIB, &w);
        if (st == STATUS_OK)
            break;
        assert_null(w);
    }
    assert_int_equal(n, 4);
    done(&d);
    img_free(img);
}

/* ---- the list ---- */

static void neighbours_are_one_range(void **state)
{
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct guest_fault_list l = {.arena = a};
    (void)state;
    guest_fault_list_note(&l, &(struct guest_extent){.off = 0, .len = 10, .fault = GUEST_FAULT_IO});
    guest_fault_list_note(&l, &(struct guest_extent){.off = 10, .len = 5, .fault = GUEST_FAULT_IO});
    guest_fault_list_note(&l, &(struct guest_extent){.off = 15, .len = 5, .fault = GUEST_FAULT_IO, .layer = 1});
    guest_fault_list_note(&l, &(struct guest_extent){.off = 20, .len = 5, .fault = GUEST_FAULT_OVERLAP, .layer = 1});
    guest_fault_list_note(&l, &(struct guest_extent){.off = 26, .len = 5, .fault = GUEST_FAULT_OVERLAP, .layer = 1});
    assert_int_equal(l.total, 4);
    assert_int_equal(l.count, 4);
    assert_int_equal(l.bytes, 30);
    assert_int_equal(l.ranges[0].len, 15);
    assert_int_equal(l.orphan.len, 0);
    arena_destroy(a);
}

static void the_list_is_bounded_and_its_sums_are_not(void **state)
{
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct guest_fault_list l = {.arena = a};
    uint64_t n = LIMIT_UNREADABLE_LISTED + 1000;
    (void)state;
    for (uint64_t i = 0; i < n; i++) {
        guest_fault_list_note(&l, &(struct guest_extent){.off = 10 * i, .len = 3, .fault = GUEST_FAULT_STATE});
        guest_fault_list_note(&l, &(struct guest_extent){.off = 10 * i + 3, .len = 3, .fault = GUEST_FAULT_STATE});
    }
    assert_int_equal(l.total, n);
    assert_int_equal(l.bytes, 6 * n);
    assert_int_equal(l.count, LIMIT_UNREADABLE_LISTED);
    assert_int_equal(l.ranges[l.count - 1].len, 6);
    arena_destroy(a);

    a = arena_create(LIMIT_MEMORY_DEFAULT); /* no memory for a list */
    l = (struct guest_fault_list){.arena = a};
    arena_fail_at(a, 1, true);
    for (uint64_t i = 0; i < 100; i++)
        guest_fault_list_note(&l, &(struct guest_extent){.off = 10 * i, .len = 3, .fault = GUEST_FAULT_NO_PARENT});
    assert_int_equal(l.count, 0);
    assert_int_equal(l.total, 100);
    assert_int_equal(l.last.off, 990);
    assert_int_equal(l.orphan.off, 0);
    assert_int_equal(l.orphan.len, 3);
    arena_destroy(a);
}

static void faults_have_names(void **state)
{
    (void)state;
    assert_null(guest_fault_name(GUEST_FAULT_NONE));
    assert_null(guest_fault_rule(&(struct guest_extent){.fault = GUEST_FAULT_NONE}));
    for (enum guest_fault f = GUEST_FAULT_PAST_EOF; f <= GUEST_FAULT_IO; f++) {
        const char *rule = guest_fault_rule(&(struct guest_extent){.fault = f});
        assert_non_null(guest_fault_name(f));
        assert_true(rule == NULL || strncmp(rule, "VHDX-", 5) == 0);
        for (enum guest_fault g = GUEST_FAULT_PAST_EOF; g < f; g++)
            assert_string_not_equal(guest_fault_name(f), guest_fault_name(g));
    }
}

static void only_the_range_asked_for(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "646646", .virtual_size = 12 * MIB});
    struct disk d;
    (void)state;
    open_over(&d, img, NULL, false);
    struct guest_fault_list l = {.arena = d.arena};
    assert_int_equal(guest_find_faults(d.guest, 0, 2 * MIB, &l), STATUS_OK);
    assert_int_equal(l.total, 0);
    assert_int_equal(guest_find_faults(d.guest, 3 * MIB, 6 * MIB, &l), STATUS_OK);
    assert_int_equal(l.total, 2);
    assert_int_equal(l.ranges[0].off, 3 * MIB);
    assert_int_equal(l.ranges[0].len, MIB);
    assert_int_equal(l.bytes, 2 * MIB);
    assert_int_equal(guest_find_faults(d.guest, 1, 12 * MIB, &l), STATUS_RANGE);
    done(&d);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_have_the_content),     cmocka_unit_test(chains_are_walked),
        cmocka_unit_test(holes_are_not_read),          cmocka_unit_test(useless_questions_end),
        cmocka_unit_test(a_piece_can_be_left_out),     cmocka_unit_test(a_stretch_can_be_skipped),
        cmocka_unit_test(host_errors_cost_their_page), cmocka_unit_test(memory_that_is_gone),
        cmocka_unit_test(neighbours_are_one_range),    cmocka_unit_test(the_list_is_bounded_and_its_sums_are_not),
        cmocka_unit_test(faults_have_names),           cmocka_unit_test(only_the_range_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
