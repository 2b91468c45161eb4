/* SPDX-License-Identifier: MIT */
/* The public API as a program sees it: the guest's disk, its extents and its parents. What is read is the model's
 * affair (test_guest.c); here it is what arrives, and in which words a refusal comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "api_memory.h"
#include "base/checked.h"
#include "fresh_dir.h"

static char dir[PATH_MAX];

static int enter(void **state)
{
    (void)state;
    return !fresh_dir_make(dir) || chdir(dir) != 0;
}

static int leave(void **state)
{
    (void)state;
    return !fresh_dir_remove(dir);
}

/* The whole disk, in pieces of `step` bytes, is what the builder says. */
static void assert_reads(vhdxray *image, const struct img *img, size_t step)
{
    uint8_t *got = malloc(step), *want = malloc(step);

    assert_true(got != NULL && want != NULL);
    for (uint64_t at = 0; at < img->geometry.virtual_size; at += step) {
        size_t n = (size_t)u64_min(step, img->geometry.virtual_size - at);
        assert_int_equal(vhdxray_read(image, at, got, n), VHDXRAY_OK);
        img_expected(img, at, want, n);
        assert_memory_equal(got, want, n);
    }
    free(got);
    free(want);
}

/* Extents cover the disk without gaps; no two neighbours should have been one. Returns how many there are. */
static size_t assert_extents(vhdxray *image, uint64_t size, uint64_t max_length)
{
    vhdxray_extent before = {.length = 0};
    size_t count = 0;

    for (uint64_t at = 0; at < size; count++) {
        vhdxray_extent e = {.size_of = sizeof(e)};
        assert_int_equal(vhdxray_get_extent(image, at, max_length, &e), VHDXRAY_OK);
        assert_int_equal(e.offset, at);
        assert_true(e.length > 0 && e.length <= max_length && e.length <= size - at);
        assert_true(e.has_data || e.is_zero || e.fault != NULL);
        assert_true(e.fault == NULL || (!e.has_data && !e.is_zero));
        if (count > 0 && max_length >= size)
            assert_false(e.state == before.state && e.layer == before.layer && e.is_zero == before.is_zero &&
                         e.has_data == before.has_data && e.fault == before.fault &&
                         (!e.has_data || e.file_offset == before.file_offset + before.length));
        before = e;
        at += e.length;
    }
    return count;
}

/* ---- one file ---- */

static void reads(void **state)
{
    (void)state;
    static const size_t steps[] = {1000003, 512, 3 * MIB};
    struct img *img = img_create(&(struct img_params){.virtual_size = 19 * MIB + 512});
    struct memory m = {.img = img};
    uint8_t buf[16], want[16];
    vhdxray *image;

    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    assert_int_equal(vhdxray_can_read(image), VHDXRAY_OK);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        assert_reads(image, img, steps[i]);

    uint64_t size = img->geometry.virtual_size;
    assert_int_equal(vhdxray_read(image, size - 7, buf, 7), VHDXRAY_OK);
    img_expected(img, size - 7, want, 7);
    assert_memory_equal(buf, want, 7);
    assert_int_equal(vhdxray_read(image, size, buf, 0), VHDXRAY_OK);
    assert_int_equal(vhdxray_read(image, 0, NULL, 0), VHDXRAY_OK);

    /* Not on the disk, whatever the sum wraps to. */
    assert_int_equal(vhdxray_read(image, size - 7, buf, 8), VHDXRAY_ERROR_ARGUMENT);
    assert_string_not_equal(vhdxray_last_error(image), "");
    assert_int_equal(vhdxray_read(image, size, buf, 1), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_read(image, UINT64_MAX, buf, 2), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_read(image, 1, buf, SIZE_MAX), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_read(image, size + 1, buf, 0), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_read(image, 0, NULL, 1), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(m.outside, 0);
    vhdxray_close(image);
    img_free(img);
}

static void extents_of_every_state(void **state)
{
    (void)state;
    /* Behind the named blocks the disk is not present. */
    struct img *img = img_create(&(struct img_params){.states = "6612.3..6"});
    struct memory m = {.img = img};
    const struct {
        uint64_t first, blocks;
        vhdxray_state state;
        bool data;
    } want[] = {
        {0, 2, VHDXRAY_STATE_FULLY_PRESENT, true}, {2, 1, VHDXRAY_STATE_UNDEFINED, false},
        {3, 1, VHDXRAY_STATE_ZERO, false},         {4, 1, VHDXRAY_STATE_NOT_PRESENT, false},
        {5, 1, VHDXRAY_STATE_UNMAPPED, false},     {6, 2, VHDXRAY_STATE_NOT_PRESENT, false},
        {8, 1, VHDXRAY_STATE_FULLY_PRESENT, true}, {9, 1, VHDXRAY_STATE_NOT_PRESENT, false},
    };
    vhdxray_extent e = {.size_of = sizeof(e)};
    vhdxray *image;

    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_int_equal(vhdxray_get_extent(image, want[i].first * 2 * MIB, UINT64_MAX, &e), VHDXRAY_OK);
        assert_int_equal(e.offset, want[i].first * 2 * MIB);
        assert_int_equal(e.length, want[i].blocks * 2 * MIB);
        assert_int_equal(e.state, want[i].state);
        assert_int_equal(e.layer, 0);
        assert_int_equal(e.has_data, want[i].data);
        assert_int_equal(e.is_zero, !want[i].data);
        assert_null(e.fault);
        if (want[i].data)
            assert_int_equal(e.file_offset, img_block_off(img, want[i].first));
    }
    assert_int_equal(assert_extents(image, 20 * MIB, UINT64_MAX), sizeof(want) / sizeof(want[0]));
    (void)assert_extents(image, 20 * MIB, 333333);

    /* From anywhere inside. */
    assert_int_equal(vhdxray_get_extent(image, 3 * MIB + 5, 7, &e), VHDXRAY_OK);
    assert_int_equal(e.offset, 3 * MIB + 5);
    assert_int_equal(e.length, 7);
    assert_int_equal(e.file_offset, img_block_off(img, 1) + MIB + 5);
    assert_int_equal(vhdxray_get_extent(image, 20 * MIB, 1, &e), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_get_extent(image, UINT64_MAX, 1, &e), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_get_extent(image, 0, 0, &e), VHDXRAY_ERROR_ARGUMENT);
    assert_string_equal(vhdxray_last_error(image), "0 bytes at 0 are not in the guest disk of 20971520 bytes");
    vhdxray_close(image);
    img_free(img);
}

/* Neighbours in the disk that are none in the file. */
static void extents_are_one_piece_of_the_file(void **state)
{
    (void)state;
    const struct img_block blocks[] = {{.block = 0, .state = 6, .off = 20 * MIB},
                                       {.block = 1, .state = 6, .off = 18 * MIB},
                                       {.block = 2, .state = 6, .off = 22 * MIB},
                                       {.block = 3, .state = 6, .off = 24 * MIB}};
    struct img *img =
        img_create(&(struct img_params){.states = "", .blocks = blocks, .block_count = 4, .data = IMG_DATA_DENSE});
    struct memory m = {.img = img};
    const uint64_t firsts[] = {0, 1, 2, 4};
    vhdxray_extent e = {.size_of = sizeof(e)};
    vhdxray *image;

    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(vhdxray_get_extent(image, firsts[i] * 2 * MIB, UINT64_MAX, &e), VHDXRAY_OK);
        assert_int_equal(e.length, (firsts[i + 1] - firsts[i]) * 2 * MIB);
        assert_int_equal(e.file_offset, blocks[i].off);
    }
    assert_reads(image, img, 3 * MIB);
    vhdxray_close(image);
    img_free(img);
}

static void faults(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "6666"});
    struct memory m = {.img = img};
    vhdxray_extent e = {.size_of = sizeof(e)};
    uint8_t buf[1024], want[1024];
    vhdxray *image;

    img_block_set(img, 1, PAYLOAD_FULLY_PRESENT, 1ULL << 40);
    img_block_set(img, 3, PAYLOAD_FULLY_PRESENT, 1ULL << 40);
    img_block_set(img, 4, PAYLOAD_FULLY_PRESENT, 0); /* another fault in the same state */
    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    assert_int_equal(vhdxray_can_read(image), VHDXRAY_OK); /* a bad block does not stop the others */
    assert_int_equal(vhdxray_get_extent(image, 6 * MIB, UINT64_MAX, &e), VHDXRAY_OK);
    assert_int_equal(e.length, 2 * MIB);
    const char *other = e.fault;
    assert_int_equal(vhdxray_get_extent(image, 8 * MIB, UINT64_MAX, &e), VHDXRAY_OK);
    assert_int_equal(e.length, 2 * MIB);
    assert_string_not_equal(e.fault, other);
    assert_int_equal(vhdxray_read(image, 8 * MIB - 512, buf, 1024), VHDXRAY_ERROR_REFUSED);
    assert_non_null(strstr(vhdxray_last_error(image), other)); /* the first one */
    assert_int_equal(vhdxray_get_extent(image, 2 * MIB, UINT64_MAX, &e), VHDXRAY_OK);
    assert_int_equal(e.length, 2 * MIB);
    assert_non_null(e.fault);
    assert_false(e.has_data);
    assert_false(e.is_zero);
    (void)assert_extents(image, 20 * MIB, UINT64_MAX);

    assert_int_equal(vhdxray_read(image, 2 * MIB - 512, buf, 1024), VHDXRAY_ERROR_REFUSED);
    assert_non_null(strstr(vhdxray_last_error(image), e.fault));
    assert_non_null(strstr(vhdxray_last_error(image), "2097152"));
    assert_int_equal(vhdxray_read(image, 2 * MIB - 1024, buf, 1024), VHDXRAY_OK);
    img_expected(img, 2 * MIB - 1024, want, 1024);
    assert_memory_equal(buf, want, 1024);
    assert_int_equal(vhdxray_read(image, 4 * MIB, buf, 1024), VHDXRAY_OK);
    vhdxray_close(image);
    img_free(img);
}

static void host_that_cannot_read(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "66"});
    struct memory m = {.img = img};
    uint8_t buf[4096];
    vhdxray *image;

    m.bad_off = img_block_off(img, 0) + 8192;
    m.bad_len = 4096;
    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    assert_int_equal(vhdxray_read(image, 8192, buf, 4096), VHDXRAY_ERROR_IO);
    assert_non_null(strstr(vhdxray_last_error(image), "guest bytes 8192 to 12287"));
    assert_non_null(strstr(vhdxray_last_error(image), strerror(EIO)));
    assert_int_equal(vhdxray_read(image, 4096, buf, 4096), VHDXRAY_OK);
    vhdxray_close(image);
    img_free(img);
}

/* The file is cut off while it is open: the host has no error to tell. */
static void file_that_becomes_shorter(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "66"});
    uint8_t buf[4096];
    vhdxray *image;

    img_save(img, "short.vhdx");
    assert_int_equal(vhdxray_open("short.vhdx", NULL, &image, NULL, 0), VHDXRAY_OK);
    assert_int_equal(vhdxray_can_read(image), VHDXRAY_OK);
    assert_int_equal(truncate("short.vhdx", (off_t)img_block_off(img, 1)), 0);
    assert_int_equal(vhdxray_read(image, img->params.block_size + 8192, buf, sizeof(buf)), VHDXRAY_ERROR_IO);
    assert_non_null(strstr(vhdxray_last_error(image), "it became shorter"));
    vhdxray_close(image);
    img_free(img);
}

static void a_dirty_log_is_replayed_in_memory(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "66", .data = IMG_DATA_DENSE});
    struct memory m = {.img = img};
    vhdxray_options stored = {.size_of = sizeof(stored), .no_replay = 1};
    vhdxray_facts f = {.size_of = sizeof(f)};
    vhdxray_extent e = {.size_of = sizeof(e)};
    uint8_t buf[4096], want[4096], zeros[4096] = {0};
    vhdxray *image;

    img_make_dirty_bat(img, img_block_index(img, 1), 0); /* the log takes the block away */
    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    assert_int_equal(vhdxray_get_facts(image, &f), VHDXRAY_OK);
    assert_int_equal(f.log_state, VHDXRAY_LOG_DIRTY);
    assert_int_equal(vhdxray_read(image, 2 * MIB, buf, sizeof(buf)), VHDXRAY_OK);
    assert_memory_equal(buf, zeros, sizeof(buf));
    assert_int_equal(vhdxray_get_extent(image, 2 * MIB, UINT64_MAX, &e), VHDXRAY_OK);
    assert_int_equal(e.state, VHDXRAY_STATE_NOT_PRESENT);
    vhdxray_close(image);

    assert_int_equal(memory_open(&m, &stored, &image), VHDXRAY_OK);
    assert_int_equal(vhdxray_get_facts(image, &f), VHDXRAY_OK);
    assert_int_equal(f.log_state, VHDXRAY_LOG_DIRTY);
    assert_int_equal(vhdxray_read(image, 2 * MIB, buf, sizeof(buf)), VHDXRAY_OK);
    img_expected(img, 2 * MIB, want, sizeof(want));
    assert_memory_equal(buf, want, sizeof(buf));
    vhdxray_close(image);
    img_free(img);
}

/* A fixed disk is one run of present blocks; what the host's file system has nothing for is known to be zero. */
static void holes_of_the_host_are_zeros(void **state)
{
    (void)state;
    struct img *img =
        img_create(&(struct img_params){.type = IMG_FIXED, .virtual_size = 8 * MIB, .data = IMG_DATA_NONE});
    vhdxray_extent e = {.size_of = sizeof(e)};
    uint64_t zeros = 0;
    vhdxray *image;

    img_fill(img, img_block_off(img, 1), 65536, 0xa5);
    img_save(img, "fixed.vhdx");
    assert_int_equal(vhdxray_open("fixed.vhdx", NULL, &image, NULL, 0), VHDXRAY_OK);
    for (uint64_t at = 0; at < 8 * MIB; at += e.length) {
        assert_int_equal(vhdxray_get_extent(image, at, UINT64_MAX, &e), VHDXRAY_OK);
        assert_true(e.has_data);
        assert_int_equal(e.state, VHDXRAY_STATE_FULLY_PRESENT);
        assert_int_equal(e.file_offset, img_block_off(img, 0) + at);
        if (at <= 2 * MIB && 2 * MIB < at + e.length)
            assert_false(e.is_zero);
        zeros += e.is_zero ? e.length : 0;
    }
    /* How finely it knows is the file system's affair; if it knows nothing, nothing is said to be zero. */
    int fd = open("fixed.vhdx", O_RDONLY | O_CLOEXEC);
    bool knows = lseek(fd, (off_t)img_block_off(img, 3), SEEK_DATA) < 0;
    close(fd);
    assert_true(knows ? zeros >= 6 * MIB : zeros == 0);
    (void)assert_extents(image, 8 * MIB, UINT64_MAX);
    vhdxray_close(image);
    img_free(img);
}

/* ---- holes that callbacks know of ---- */

enum manner { HONEST, BACKWARDS, EMPTY, BEYOND, UNKNOWN };

struct sparse {
    struct memory memory; /* first: shared callbacks */
    enum manner manner;
    uint64_t asked;
};

/* Data is what is not zero, in steps of 64 KiB. */
static int sparse_next_data(void *context, uint64_t offset, uint64_t *ret_data, uint64_t *ret_hole)
{
    struct sparse *s = context;
    const struct img *img = s->memory.img;
    uint64_t at = offset / IMG_PAGE_LEN;
    size_t i = 0;

    s->asked++;
    switch (s->manner) {
    case BACKWARDS:
        *ret_data = 0;
        *ret_hole = 4096;
        return 0;
    case EMPTY:
        *ret_data = *ret_hole = offset;
        return 0;
    case BEYOND:
        *ret_data = offset;
        *ret_hole = UINT64_MAX;
        return 0;
    case UNKNOWN:
        *ret_data = *ret_hole = img->size; /* must not count: it failed */
        return EINVAL;
    case HONEST:
        break;
    }
    while (i < img->page_count && img->pages[i].index < at)
        i++;
    if (i == img->page_count) {
        *ret_data = *ret_hole = img->size;
        return 0;
    }
    *ret_data = u64_max(offset, img->pages[i].index * IMG_PAGE_LEN);
    *ret_hole = u64_min(img->size, (img->pages[i].index + 1) * IMG_PAGE_LEN);
    return 0;
}

static void callbacks_that_know_holes(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "666666"});
    vhdxray *image;

    for (enum manner manner = HONEST; manner <= UNKNOWN; manner++) {
        struct sparse s = {.memory = {.img = img}, .manner = manner};
        vhdxray_callbacks c = memory_callbacks(&s.memory);
        vhdxray_summary summary = {.size_of = sizeof(summary)};
        uint64_t zeros = 0;

        c.next_data = sparse_next_data;
        assert_int_equal(vhdxray_open_callbacks(&c, "sparse", NULL, &image, NULL, 0), VHDXRAY_OK);
        assert_int_equal(vhdxray_check(image, &summary), VHDXRAY_OK);
        assert_int_equal(summary.verdict, VHDXRAY_VERDICT_CLEAN);
        assert_true(s.asked > 0);
        assert_reads(image, img, MIB);
        (void)assert_extents(image, 20 * MIB, UINT64_MAX);
        for (uint64_t at = 0; at < 12 * MIB;) {
            vhdxray_extent e = {.size_of = sizeof(e)};
            assert_int_equal(vhdxray_get_extent(image, at, 12 * MIB - at, &e), VHDXRAY_OK);
            zeros += e.is_zero ? e.length : 0;
            at += e.length;
        }
        assert_true(manner == HONEST ? zeros > 6 * MIB : zeros == 0);
        vhdxray_close(image);
    }
    img_free(img);
}

/* A source may tell of its data in pieces; they are one extent all the same. */
static void data_in_pieces(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "66", .data = IMG_DATA_DENSE});
    struct sparse s = {.memory = {.img = img}};
    vhdxray_callbacks c = memory_callbacks(&s.memory);
    vhdxray_extent e = {.size_of = sizeof(e)};
    vhdxray *image;

    c.next_data = sparse_next_data;
    assert_int_equal(vhdxray_open_callbacks(&c, "pieces", NULL, &image, NULL, 0), VHDXRAY_OK);
    assert_int_equal(vhdxray_get_extent(image, 0, UINT64_MAX, &e), VHDXRAY_OK);
    assert_int_equal(e.length, 4 * MIB);
    assert_true(e.has_data && !e.is_zero);
    vhdxray_close(image);
    img_free(img);
}

/* 64 TiB with nothing in them: 67 million BAT entries that nobody has to look at. */
static void the_largest_empty_disk(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.virtual_size = 1ULL << 46, .block_size = MIB, .states = ""});
    struct sparse s = {.memory = {.img = img}};
    vhdxray_callbacks c = memory_callbacks(&s.memory);
    vhdxray_extent e = {.size_of = sizeof(e)};
    vhdxray *image;

    c.next_data = sparse_next_data;
    assert_int_equal(vhdxray_open_callbacks(&c, "empty", NULL, &image, NULL, 0), VHDXRAY_OK);
    assert_int_equal(vhdxray_can_read(image), VHDXRAY_OK);
    assert_int_equal(vhdxray_get_extent(image, 0, UINT64_MAX, &e), VHDXRAY_OK);
    assert_int_equal(e.length, 1ULL << 46);
    assert_true(e.is_zero);
    assert_true(s.memory.reads < 10000 && s.asked < 10000);
    vhdxray_close(image);
    img_free(img);
}

/* ---- chains ---- */

struct family {
    struct img *base, *middle, *top;
};

static struct family make_family(void)
{
    struct family f;
    f.base = img_create(&(struct img_params){.states = "6666666666", .seed = 11});
    f.middle = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING, .parent = f.base, .parent_name = "base.vhdx", .states = "7.6..7.6..", .seed = 12});
    f.top = img_create(&(struct img_params){.type = IMG_DIFFERENCING,
                                            .parent = f.middle,
                                            .parent_name = "middle.avhdx",
                                            .states = "..7.6.....",
                                            .seed = 13});
    img_save(f.base, "base.vhdx");
    img_save(f.middle, "middle.avhdx");
    img_save(f.top, "top.avhdx");
    return f;
}

static void free_family(struct family *f)
{
    img_free(f->top);
    img_free(f->middle);
    img_free(f->base);
}

static void parents_by_name_and_by_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"middle.avhdx", "base.vhdx"}, *const folders[] = {"."};
    const vhdxray_options ways[] = {
        {.size_of = sizeof(ways[0]), .parents = names, .parent_count = 2},
        {.size_of = sizeof(ways[0]), .search_dirs = folders, .search_dir_count = 1},
        {.size_of = sizeof(ways[0]),
         .parents = names,
         .parent_count = 1,
         .search_dirs = folders,
         .search_dir_count = 1},
    };
    struct family family = make_family();
    bool layers[3] = {false};

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        vhdxray_facts f = {.size_of = sizeof(f)};
        vhdxray *image;

        assert_int_equal(vhdxray_open("top.avhdx", &ways[i], &image, NULL, 0), VHDXRAY_OK);
        assert_int_equal(vhdxray_get_facts(image, &f), VHDXRAY_OK);
        assert_int_equal(f.type, VHDXRAY_TYPE_DIFFERENCING);
        assert_int_equal(f.layer_count, 3);
        assert_int_equal(f.parent_missing, 0);
        assert_string_equal(vhdxray_layer_name(image, 0), "top.avhdx");
        assert_non_null(strstr(vhdxray_layer_name(image, 1), "middle.avhdx"));
        assert_non_null(strstr(vhdxray_layer_name(image, 2), "base.vhdx"));
        assert_null(vhdxray_layer_name(image, 3));
        assert_int_equal(vhdxray_can_read(image), VHDXRAY_OK);
        assert_reads(image, family.top, MIB);
        for (uint64_t at = 0; at < f.virtual_size;) {
            vhdxray_extent e = {.size_of = sizeof(e)};
            assert_int_equal(vhdxray_get_extent(image, at, UINT64_MAX, &e), VHDXRAY_OK);
            assert_true(e.layer < 3);
            layers[e.layer] = true;
            at += e.length;
        }
        vhdxray_close(image);
    }
    assert_true(layers[0] && layers[1] && layers[2]);
    free_family(&family);
}

/* Child and parent keep their blocks at the same places; only the child's file has something there. */
static void layers_have_their_own_files(void **state)
{
    (void)state;
    static const char *const folders[] = {"."};
    vhdxray_options o = {.size_of = sizeof(o), .search_dirs = folders, .search_dir_count = 1};
    const struct img_block low[] = {{.block = 0, .state = 6, .off = 16 * MIB}};
    const struct img_block high[] = {{.block = 1, .state = 6, .off = 16 * MIB},
                                     {.block = 2, .state = 6, .off = 20 * MIB}};
    const struct img_block next[] = {{.block = 3, .state = 6, .off = 18 * MIB},
                                     {.block = 1, .state = 6, .off = 22 * MIB}};
    struct img *base = img_create(
        &(struct img_params){.states = "", .blocks = high, .block_count = 2, .data = IMG_DATA_NONE, .seed = 21});
    struct img *dense = img_create(
        &(struct img_params){.states = "", .blocks = next, .block_count = 2, .data = IMG_DATA_DENSE, .seed = 22});
    struct img *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING,
                                                        .parent = base,
                                                        .states = "",
                                                        .parent_name = "base.vhdx",
                                                        .blocks = low,
                                                        .block_count = 1,
                                                        .data = IMG_DATA_DENSE,
                                                        .seed = 23});
    const struct img_block third[] = {{.block = 2, .state = 6, .off = 16 * MIB}};
    struct img *other = img_create(&(struct img_params){.type = IMG_DIFFERENCING,
                                                        .parent = dense,
                                                        .states = "",
                                                        .parent_name = "dense.vhdx",
                                                        .blocks = third,
                                                        .block_count = 1,
                                                        .data = IMG_DATA_DENSE,
                                                        .seed = 24});
    vhdxray_extent e = {.size_of = sizeof(e)}, f = {.size_of = sizeof(f)};
    vhdxray *image;

    img_save(base, "base.vhdx");
    img_save(child, "child.vhdx");
    img_save(dense, "dense.vhdx");
    img_save(other, "other.vhdx");
    assert_int_equal(vhdxray_open("child.vhdx", &o, &image, NULL, 0), VHDXRAY_OK);
    assert_int_equal(vhdxray_get_extent(image, 0, UINT64_MAX, &e), VHDXRAY_OK);
    assert_int_equal(e.length, 2 * MIB);
    assert_int_equal(e.layer, 0);
    assert_false(e.is_zero);
    assert_int_equal(vhdxray_get_extent(image, 2 * MIB, UINT64_MAX, &e), VHDXRAY_OK);
    assert_int_equal(vhdxray_get_extent(image, 4 * MIB, UINT64_MAX, &f), VHDXRAY_OK);
    assert_int_equal(e.layer, 1);
    assert_int_equal(e.file_offset, 16 * MIB);
    assert_int_equal(e.is_zero, f.is_zero); /* both are holes, where the host knows them */
    vhdxray_close(image);

    /* One behind the other in place and state, but in two files. */
    assert_int_equal(vhdxray_open("other.vhdx", &o, &image, NULL, 0), VHDXRAY_OK);
    assert_int_equal(vhdxray_get_extent(image, 4 * MIB, UINT64_MAX, &e), VHDXRAY_OK);
    assert_int_equal(e.length, 2 * MIB);
    assert_int_equal(e.file_offset, 16 * MIB);
    assert_int_equal(vhdxray_get_extent(image, 6 * MIB, UINT64_MAX, &e), VHDXRAY_OK);
    assert_int_equal(e.layer, 1);
    assert_int_equal(e.file_offset, 18 * MIB);
    vhdxray_close(image);
    img_free(other);
    img_free(child);
    img_free(dense);
    img_free(base);
}

static void a_parent_that_is_missing(void **state)
{
    (void)state;
    static const char *const names[] = {"middle.avhdx"};
    vhdxray_options o = {.size_of = sizeof(o), .parents = names, .parent_count = 1};
    struct family family = make_family();
    vhdxray_facts f = {.size_of = sizeof(f)};
    uint8_t buf[512], want[512];
    vhdxray_extent e = {.size_of = sizeof(e)};
    vhdxray *image;

    assert_int_equal(vhdxray_open("top.avhdx", &o, &image, NULL, 0), VHDXRAY_OK);
    assert_int_equal(vhdxray_get_facts(image, &f), VHDXRAY_OK);
    assert_int_equal(f.layer_count, 2);
    assert_true(f.parent_missing);
    assert_int_equal(vhdxray_can_read(image), VHDXRAY_ERROR_REFUSED);
    assert_non_null(strstr(vhdxray_last_error(image), "base.vhdx"));
    /* What the two files hold between them can be read. */
    assert_int_equal(vhdxray_read(image, 8 * MIB, buf, sizeof(buf)), VHDXRAY_OK);
    img_expected(family.top, 8 * MIB, want, sizeof(want));
    assert_memory_equal(buf, want, sizeof(buf));
    assert_int_equal(vhdxray_read(image, 2 * MIB, buf, sizeof(buf)), VHDXRAY_ERROR_REFUSED);
    assert_non_null(strstr(vhdxray_last_error(image), "base.vhdx"));
    assert_int_equal(vhdxray_get_extent(image, 2 * MIB, UINT64_MAX, &e), VHDXRAY_OK);
    assert_non_null(e.fault);
    vhdxray_close(image);
    free_family(&family);
}

/* A disk that covers its parent completely needs none. */
static void a_parent_that_nobody_needs(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .states = "6666666666"});
    struct memory m = {.img = img};
    vhdxray_facts f = {.size_of = sizeof(f)};
    vhdxray *image;

    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    assert_int_equal(vhdxray_get_facts(image, &f), VHDXRAY_OK);
    assert_true(f.parent_missing);
    assert_int_equal(vhdxray_can_read(image), VHDXRAY_OK);
    assert_reads(image, img, MIB);
    vhdxray_close(image);
    img_free(img);
}

static void a_wrong_parent(void **state)
{
    (void)state;
    static const char *const names[] = {"other.vhdx"};
    vhdxray_options o = {.size_of = sizeof(o), .parents = names, .parent_count = 1};
    struct family family = make_family();
    struct img *other = img_create(&(struct img_params){.seed = 99});
    char want[GUID_TEXT_SIZE], got[GUID_TEXT_SIZE];
    uint8_t byte;
    vhdxray *image;

    img_save(other, "other.vhdx");
    assert_int_equal(vhdxray_open("middle.avhdx", &o, &image, NULL, 0), VHDXRAY_OK);
    for (int i = 0; i < 2; i++) { /* the second time from what is remembered */
        assert_int_equal(vhdxray_can_read(image), VHDXRAY_ERROR_REFUSED);
        assert_non_null(strstr(vhdxray_last_error(image), guid_text(&family.base->params.data_write_guid, want)));
        assert_non_null(strstr(vhdxray_last_error(image), guid_text(&other->params.data_write_guid, got)));
    }
    assert_int_equal(vhdxray_read(image, 0, &byte, 1), VHDXRAY_ERROR_REFUSED);
    vhdxray_close(image);
    img_free(other);
    free_family(&family);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(extents_of_every_state),
        cmocka_unit_test(extents_are_one_piece_of_the_file),
        cmocka_unit_test(faults),
        cmocka_unit_test(host_that_cannot_read),
        cmocka_unit_test_setup_teardown(file_that_becomes_shorter, enter, leave),
        cmocka_unit_test(a_dirty_log_is_replayed_in_memory),
        cmocka_unit_test_setup_teardown(holes_of_the_host_are_zeros, enter, leave),
        cmocka_unit_test(callbacks_that_know_holes),
        cmocka_unit_test(data_in_pieces),
        cmocka_unit_test(the_largest_empty_disk),
        cmocka_unit_test_setup_teardown(parents_by_name_and_by_folder, enter, leave),
        cmocka_unit_test_setup_teardown(layers_have_their_own_files, enter, leave),
        cmocka_unit_test_setup_teardown(a_parent_that_is_missing, enter, leave),
        cmocka_unit_test(a_parent_that_nobody_needs),
        cmocka_unit_test_setup_teardown(a_wrong_parent, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
