/* SPDX-License-Identifier: MIT */
/*
 * Changes staged in memory, against a plain array that gets the same changes: contents, holes, the listing, memory, and
 * that many writes stay quick in any order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/span.h"
#include "faulty.h"
#include "io/store.h"

static const uint64_t PLENTY = (uint64_t)256 << 20;

enum { BASE = 3000, MODEL = 8192 };

static uint8_t base_bytes[BASE];
static struct source *base;
static struct store *stage;

/* Every third stretch of 100 bytes of the base is a hole. */
static int enter(void **state)
{
    struct mem_extent extents[BASE / 300];

    (void)state;
    memset(base_bytes, 0, sizeof(base_bytes));
    for (size_t i = 0; i < BASE / 300; i++) {
        for (size_t k = 0; k < 200; k++)
            base_bytes[i * 300 + k] = (uint8_t)(1 + (i * 300 + k) % 251);
        extents[i] = (struct mem_extent){.off = i * 300, .ptr = base_bytes + i * 300, .len = 200};
    }
    base = extents_open(extents, BASE / 300, BASE);
    return base != NULL && stage_open(base, PLENTY, &stage) == STATUS_OK ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    store_close(stage);
    source_close(base);
    return 0;
}

static void expect_bytes(const uint8_t *want, uint64_t size)
{
    static uint8_t got[MODEL];

    assert_int_equal(store_size(stage), size);
    assert_int_equal(source_read(stage->source, 0, got, (size_t)size), STATUS_OK);
    assert_memory_equal(got, want, size);
}

/* Data ranges in order and not empty, zeros wherever there is none. */
static void expect_holes(const uint8_t *want, uint64_t size)
{
    for (uint64_t off = 0; off < size;) {
        uint64_t data = 0, hole = 0;
        assert_int_equal(source_next_data(stage->source, off, &data, &hole), STATUS_OK);
        assert_true(data >= off && data <= size && hole <= size);
        for (uint64_t i = off; i < data; i++)
            assert_int_equal(want[i], 0);
        if (data == size)
            break;
        assert_true(hole > data);
        off = hole;
    }
}

/* The listing is sorted, disjoint and merged, and whatever differs from the base is in it with the right kind. */
static void expect_listing(const uint8_t *want, uint64_t size)
{
    uint64_t n = stage_piece_count(stage), pos = 0;
    struct stage_piece last = {.len = 0};

    for (uint64_t i = 0; i <= n; i++) {
        struct stage_piece p = i < n ? stage_piece(stage, i) : (struct stage_piece){.off = size};
        assert_true(p.off >= pos);
        if (pos < p.off)
            assert_int_equal(stage_touches(stage, pos, p.off - pos), false);
        for (; pos < p.off; pos++)
            assert_int_equal(want[pos], pos < BASE ? base_bytes[pos] : 0);
        if (i == n)
            break;
        assert_true(p.len > 0 && range_in(p.off, p.len, size));
        assert_true(stage_touches(stage, p.off + p.len - 1, 1));
        if (last.len > 0 && last.off + last.len == p.off && last.kind == p.kind)
            assert_true(p.kind == STAGE_COPY && last.from + last.len != p.from);
        for (uint64_t k = 0; k < p.len; k++) {
            if (p.kind == STAGE_ZERO)
                assert_int_equal(want[p.off + k], 0);
            if (p.kind == STAGE_COPY)
                assert_int_equal(want[p.off + k], base_bytes[p.from + k]);
        }
        pos = p.off + p.len;
        last = p;
    }
}

static void expect(const uint8_t *want, uint64_t size)
{
    bool same = false;

    expect_bytes(want, size);
    expect_holes(want, size);
    expect_listing(want, size);
    assert_int_equal(stage_unchanged(stage, &same), STATUS_OK);
    assert_int_equal(same, size == BASE && memcmp(want, base_bytes, BASE) == 0);
}

/* The changes carried over to another file that holds the base. */
static void expect_put(const uint8_t *want, uint64_t size)
{
    static uint8_t got[MODEL];
    struct store *to = NULL;

    assert_int_equal(stage_open(base, PLENTY, &to), STATUS_OK);
    assert_int_equal(stage_put(stage, to), STATUS_OK);
    assert_int_equal(store_size(to), size);
    assert_int_equal(source_read(to->source, 0, got, (size_t)size), STATUS_OK);
    assert_memory_equal(got, want, size);
    store_close(to);
}

static void fresh_stage_is_the_base(void **state)
{
    (void)state;
    assert_int_equal(stage_piece_count(stage), 0);
    expect(base_bytes, BASE);
}

static void one_of_each(void **state)
{
    (void)state;
    static uint8_t want[MODEL];

    memcpy(want, base_bytes, BASE);
    memset(want + 10, 7, 20);
    assert_int_equal(store_write(stage, 10, want + 10, 20), STATUS_OK);
    memset(want + 100, 0, 50);
    assert_int_equal(store_zero(stage, 100, 50), STATUS_OK);
    memcpy(want + 1000, base_bytes + 5, 100); /* of the base, not of what was written over it */
    assert_int_equal(stage_copy(stage, 1000, 5, 100), STATUS_OK);
    expect(want, BASE);
    assert_int_equal(stage_piece_count(stage), 3);
    struct stage_piece p = stage_piece(stage, 2);
    assert_int_equal(p.kind, STAGE_COPY);
    assert_int_equal(p.off, 1000);
    assert_int_equal(p.len, 100);
    assert_int_equal(p.from, 5);
    p = stage_piece(stage, 0);
    assert_int_equal(p.kind, STAGE_BYTES);
    assert_int_equal(p.off, 10);
    assert_int_equal(p.len, 20);
    assert_int_equal(stage->write_calls, 3);
    assert_int_equal(stage->write_bytes, 20);
}

static void what_was_cut_off_does_not_come_back(void **state)
{
    (void)state;
    static uint8_t want[MODEL];

    memcpy(want, base_bytes, 500);
    assert_int_equal(store_resize(stage, 500), STATUS_OK);
    expect(want, 500);
    assert_int_equal(store_resize(stage, 4000), STATUS_OK);
    expect(want, 4000);
    want[5000] = 9;
    assert_int_equal(store_write(stage, 5000, want + 5000, 1), STATUS_OK);
    expect(want, 5001);
    assert_int_equal(store_resize(stage, BASE), STATUS_OK);
    expect(want, BASE);
}

static void same_bytes_are_no_change(void **state)
{
    (void)state;
    bool same = false;

    assert_int_equal(store_write(stage, 17, base_bytes + 17, 1000), STATUS_OK);
    assert_int_equal(store_zero(stage, 2320, 50), STATUS_OK); /* inside a hole */
    assert_int_equal(stage_copy(stage, 2500, 2500, 300), STATUS_OK);
    assert_int_equal(stage_unchanged(stage, &same), STATUS_OK);
    assert_true(same);
    assert_int_equal(store_zero(stage, 2250, 1), STATUS_OK);
    assert_int_equal(stage_unchanged(stage, &same), STATUS_OK);
    assert_false(same);
}

static void ranges_are_checked(void **state)
{
    (void)state;
    uint8_t byte = 1;

    assert_int_equal(store_write(stage, INT64_MAX, &byte, 1), STATUS_RANGE);
    assert_int_equal(store_write(stage, UINT64_MAX, &byte, 1), STATUS_RANGE);
    assert_int_equal(store_zero(stage, BASE - 1, 2), STATUS_RANGE);
    assert_int_equal(store_resize(stage, (uint64_t)INT64_MAX + 1), STATUS_RANGE);
    assert_int_equal(stage_copy(stage, 0, BASE - 1, 2), STATUS_RANGE);
    assert_int_equal(stage_copy(stage, INT64_MAX, 0, 1), STATUS_RANGE);
    assert_int_equal(store_write(stage, 0, &byte, 0), STATUS_OK);
    expect(base_bytes, BASE);
}

static void nothing_below(void **state)
{
    (void)state;
    struct store *s = NULL;
    uint8_t got[6] = {0};
    bool same = false;

    assert_int_equal(stage_open(NULL, PLENTY, &s), STATUS_OK);
    assert_int_equal(store_size(s), 0);
    assert_int_equal(stage_unchanged(s, &same), STATUS_OK);
    assert_true(same);
    assert_int_equal(store_write(s, 3, "abc", 3), STATUS_OK);
    assert_int_equal(source_read(s->source, 0, got, 6), STATUS_OK);
    assert_memory_equal(got, "\0\0\0abc", 6);
    assert_int_equal(store_zero(s, 4, 1), STATUS_OK);
    assert_int_equal(source_read(s->source, 0, got, 6), STATUS_OK);
    assert_memory_equal(got, "\0\0\0a\0c", 6);
    assert_int_equal(stage_piece_count(s), 2);
    store_close(s);
}

static void base_error_is_passed_on(void **state)
{
    (void)state;
    struct faulty f;
    struct store *s = NULL;
    uint8_t got[100];
    bool same = false;

    faulty_over(&f, base);
    f.bad_off = 1000;
    f.bad_len = 1;
    assert_int_equal(stage_open(&f.source, PLENTY, &s), STATUS_OK);
    assert_int_equal(source_read(s->source, 950, got, 100), STATUS_IO);
    assert_int_equal(s->source->error_off, 950);
    assert_int_equal(s->source->error_errno, EIO);
    assert_int_equal(store_write(s, 990, base_bytes, 20), STATUS_OK); /* no need to read what is replaced */
    assert_int_equal(source_read(s->source, 950, got, 100), STATUS_OK);
    assert_int_equal(stage_unchanged(s, &same), STATUS_IO);
    store_close(s);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    static uint8_t block[4096];
    struct store *s = NULL;
    enum status st = STATUS_OK;
    uint64_t n = 0;

    assert_int_equal(stage_open(base, 1 << 20, &s), STATUS_OK);
    for (; st == STATUS_OK && n < 1000; n++) {
        memset(block, (int)(n + 1), sizeof(block));
        st = store_write(s, n * 8192, block, sizeof(block));
    }
    assert_int_equal(st, STATUS_LIMIT);
    assert_true(n > 200 && n <= 256);
    uint64_t size = store_size(s);
    assert_int_equal(source_read(s->source, size - 4096, block, 4096), STATUS_OK);
    assert_int_equal(block[0], (uint8_t)(n - 1)); /* what was there before the failure still is */
    for (uint64_t i = 0; i < 1000; i++)           /* the same place again takes nothing more */
        assert_int_equal(store_write(s, 8192, block, sizeof(block)), STATUS_OK);
    assert_int_equal(store_resize(s, 8192), STATUS_OK); /* and what is cut off is given back */
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(store_write(s, 8192 + i * 4096, block, sizeof(block)), STATUS_OK);
    assert_int_equal(stage_copy(s, 0, 0, BASE), STATUS_OK);
    store_close(s);
}

static void random_changes_agree_with_an_array(void **state)
{
    static uint8_t want[MODEL], bytes[MODEL];
    uint64_t random = 1;

    for (int round = 0; round < 300; round++) {
        uint64_t size = BASE;
        assert_int_equal(leave(state), 0);
        assert_int_equal(enter(state), 0);
        memset(want, 0, sizeof(want));
        memcpy(want, base_bytes, BASE);
        for (int op = 0; op < 60; op++) {
            uint64_t r[4];
            for (int i = 0; i < 4; i++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                r[i] = random >> 33;
            }
            uint64_t longest = r[3] % 2 ? 700 : 40, off = r[0] % MODEL, len = 1 + r[1] % longest;
            len = u64_min(len, MODEL - off);
            switch (r[2] % 8) {
            case 0:
                size = r[0] % 16 < 14 ? size : off;
                if (size < MODEL)
                    memset(want + size, 0, MODEL - size);
                assert_int_equal(store_resize(stage, size), STATUS_OK);
                break;
            case 1:
            case 2:
                if (off >= size)
                    break;
                len = u64_min(len, size - off);
                memset(want + off, 0, len);
                assert_int_equal(store_zero(stage, off, len), STATUS_OK);
                break;
            case 3:
            case 4: {
                uint64_t from = r[3] % (BASE - 700);
                memcpy(want + off, base_bytes + from, len);
                assert_int_equal(stage_copy(stage, off, from, len), STATUS_OK);
                size = u64_max(size, off + len);
                break;
            }
            default:
                for (uint64_t i = 0; i < len; i++)
                    bytes[i] = (uint8_t)(r[3] + i * 13);
                memcpy(want + off, bytes, len);
                assert_int_equal(store_write(stage, off, bytes, len), STATUS_OK);
                size = u64_max(size, off + len);
                break;
            }
        }
        expect(want, size);
        expect_put(want, size);
    }
}

/* 200,000 pages in order and in no order. Quadratic work would not end in time. */
static void many_writes_stay_quick(void **state)
{
    (void)state;
    enum { PAGES = 200000 };
    static const uint64_t step = 7919 * 13; /* no divisor of PAGES: visits every page once */

    for (int order = 0; order < 3; order++) {
        struct store *s = NULL;
        assert_int_equal(stage_open(base, PLENTY, &s), STATUS_OK);
        for (uint64_t i = 0, page = 0; i < PAGES; i++) {
            uint64_t mark[2] = {page, ~page};
            uint64_t off = order == 0 ? page * 16 : page * 4096;
            assert_int_equal(store_write(s, off, mark, sizeof(mark)), STATUS_OK);
            page = order < 2 ? page + 1 : (page + step) % PAGES;
        }
        uint64_t n = stage_piece_count(s);
        assert_int_equal(n, order == 0 ? 1 : PAGES);
        for (uint64_t i = 0; i < n; i++) {
            struct stage_piece p = stage_piece(s, i);
            uint64_t mark[2] = {0};
            assert_int_equal(p.off, i * 4096);
            assert_int_equal(p.len, order == 0 ? (uint64_t)PAGES * 16 : 16);
            assert_int_equal(source_read(s->source, p.off + p.len - 16, mark, 16), STATUS_OK);
            assert_int_equal(mark[0], order == 0 ? PAGES - 1 : i);
            assert_int_equal(mark[1], ~mark[0]);
        }
        store_close(s);
    }
}

/* A host walks over a whole range of data to find its end: many pieces in one must not ask for it each time. */
static void a_range_of_data_is_asked_for_once(void **state)
{
    (void)state;
    struct faulty f;
    struct store *s = NULL;
    uint64_t data = 0, hole = 0;

    faulty_over(&f, base);
    assert_int_equal(stage_open(&f.source, PLENTY, &s), STATUS_OK);
    for (uint64_t off = 10; off < 190; off += 20)
        assert_int_equal(store_write(s, off, "new", 3), STATUS_OK);
    for (uint64_t off = 0; off < 200; off += 50) {
        assert_int_equal(source_next_data(s->source, off, &data, &hole), STATUS_OK);
        assert_int_equal(data, off);
        assert_int_equal(hole, 200);
    }
    assert_int_equal(f.questions, 1);
    assert_int_equal(source_next_data(s->source, 200, &data, &hole), STATUS_OK);
    assert_int_equal(data, 300);
    assert_int_equal(hole, 500);
    assert_int_equal(source_next_data(s->source, 0, &data, &hole), STATUS_OK); /* back */
    assert_int_equal(hole, 200);
    assert_int_equal(f.questions, 3);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fresh_stage_is_the_base, enter, leave),
        cmocka_unit_test_setup_teardown(one_of_each, enter, leave),
        cmocka_unit_test_setup_teardown(what_was_cut_off_does_not_come_back, enter, leave),
        cmocka_unit_test_setup_teardown(same_bytes_are_no_change, enter, leave),
        cmocka_unit_test_setup_teardown(a_range_of_data_is_asked_for_once, enter, leave),
        cmocka_unit_test_setup_teardown(ranges_are_checked, enter, leave),
        cmocka_unit_test_setup_teardown(nothing_below, enter, leave),
        cmocka_unit_test_setup_teardown(base_error_is_passed_on, enter, leave),
        cmocka_unit_test_setup_teardown(memory_is_bounded, enter, leave),
        cmocka_unit_test_setup_teardown(random_changes_agree_with_an_array, enter, leave),
        cmocka_unit_test_setup_teardown(many_writes_stay_quick, enter, leave),
    };
    return cmocka_run_group_tests_name("stage", tests, NULL, NULL);
}
