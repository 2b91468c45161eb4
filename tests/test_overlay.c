/* SPDX-License-Identifier: MIT */
/* The replay overlay: against a byte array patched step by step, and its invariants, errors and cost one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "bytes_equal.h"
#include "io/source.h"

enum { PAGE = 4096 };

static uint64_t seed;

static uint64_t next_random(uint64_t below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (seed >> 33) % below;
}

static uint8_t base_byte(uint64_t off)
{
    return (uint8_t)((off * 0x9e3779b97f4a7c15U) >> 56 | 1); /* never zero */
}

static struct overlay_patch page_patch(uint64_t page, uint64_t source_page, char mark)
{
    struct overlay_patch p = {.kind = PATCH_PAGE, .off = page * PAGE, .len = PAGE, .source_off = source_page * PAGE};
    memset(p.leading, mark, sizeof(p.leading));
    memset(p.trailing, mark + 1, sizeof(p.trailing));
    return p;
}

static struct overlay_patch zero_patch(uint64_t page, uint64_t pages)
{
    return (struct overlay_patch){.kind = PATCH_ZERO, .off = page * PAGE, .len = pages * PAGE};
}

static void apply(uint8_t *file, const uint8_t *base, const struct overlay_patch *p)
{
    if (p->kind == PATCH_ZERO) {
        memset(file + p->off, 0, (size_t)p->len);
        return;
    }
    memcpy(file + p->off, base + p->source_off, PAGE);
    memcpy(file + p->off, p->leading, 8);
    memcpy(file + p->off + PAGE - 4, p->trailing, 4);
}

/* Sorted, disjoint, aligned, inside; zero pieces do not touch; zero pieces read as zeros. */
static void check_pieces(const struct source *overlay, const uint8_t *file)
{
    uint64_t end = 0;
    bool last_zero = false;

    for (uint64_t i = 0; i < overlay_piece_count(overlay); i++) {
        uint64_t off, len;
        bool zero;
        overlay_piece(overlay, i, &off, &len, &zero);
        assert_true(off >= end && len > 0 && off + len <= overlay->size);
        assert_int_equal(off % PAGE, 0);
        if (zero) {
            assert_int_equal(len % PAGE, 0);
            assert_false(last_zero && off == end);
            for (uint64_t k = off; k < off + len; k++)
                assert_int_equal(file[k], 0);
        } else {
            assert_int_equal(len, PAGE);
        }
        end = off + len;
        last_zero = zero;
    }
}

/* From any place on, exactly the bytes of is_data are reported. */
static void check_holes(struct source *overlay, const bool *is_data)
{
    for (uint64_t off = 0; off < overlay->size; off += 1 + next_random(9000)) {
        uint64_t pos = off;
        while (pos < overlay->size) {
            uint64_t data, hole;
            assert_int_equal(source_next_data(overlay, pos, &data, &hole), STATUS_OK);
            assert_true(data >= pos && hole <= overlay->size);
            assert_true(hole > data || data == overlay->size);
            if (memchr(is_data + pos, true, (size_t)(data - pos)) != NULL)
                fail_msg("data between %llu and %llu", (unsigned long long)pos, (unsigned long long)data);
            if (memchr(is_data + data, false, (size_t)(hole - data)) != NULL)
                fail_msg("no data somewhere from %llu to %llu", (unsigned long long)data, (unsigned long long)hole);
            pos = hole;
        }
    }
}

static void same_as_patching_a_copy(void **state)
{
    (void)state;
    enum { PAGES = 24, MOST = 30, NEW_PAGES = 32 };
    static uint8_t base[PAGES * PAGE], file[NEW_PAGES * PAGE], got[NEW_PAGES * PAGE];
    static bool is_data[NEW_PAGES * PAGE];

    for (uint64_t round = 0; round < 300; round++) {
        seed = round;
        struct arena *a = arena_create(1 << 20);
        struct overlay_patch patches[MOST];
        uint64_t count = next_random(MOST + 1);
        uint64_t base_size = sizeof(base) - next_random(2 * PAGE); /* files need not end on a page */
        uint64_t new_size = round % 3 == 0 ? sizeof(file) : sizeof(file) - next_random(PAGE);
        struct mem_extent extents[5];
        struct source *below, *s = NULL;

        /* A base with holes, or without. */
        memset(base, 0, sizeof(base));
        memset(is_data, 0, sizeof(is_data));
        for (uint64_t i = 0; i < 5; i++) {
            uint64_t off = round % 4 == 0 ? 0 : next_random(base_size);
            uint64_t len = round % 4 == 0 ? base_size : next_random(u64_min(base_size - off, 6 * PAGE) + 1);
            for (uint64_t k = off; k < off + len; k++)
                base[k] = base_byte(k);
            memset(is_data + off, true, (size_t)len);
            extents[i] = (struct mem_extent){off, base + off, len};
        }
        memset(file, 0, sizeof(file));
        memcpy(file, base, (size_t)base_size);
        for (uint64_t i = 0; i < count; i++) {
            uint64_t page = next_random(NEW_PAGES - 1); /* the last page may be cut short */
            if (next_random(3) > 0)
                patches[i] = page_patch(page, next_random(PAGES - 2), (char)('a' + i % 20));
            else
                patches[i] = zero_patch(page, next_random(NEW_PAGES - page));
            apply(file, base, &patches[i]);
            memset(is_data + patches[i].off, patches[i].kind == PATCH_PAGE, (size_t)patches[i].len);
        }
        below = round % 8 == 0 ? mem_open(base, base_size) : extents_open(extents, 5, base_size);
        assert_int_equal(overlay_open(a, below, patches, count, new_size, &s), STATUS_OK);
        memset(patches, 0xff, sizeof(patches)); /* they were copied */
        assert_int_equal(s->size, new_size);
        check_pieces(s, file);
        assert_int_equal(source_read(s, 0, got, (size_t)new_size), STATUS_OK);
        assert_bytes_equal(got, file, (size_t)new_size);
        for (int k = 0; k < 60; k++) {
            size_t off = (size_t)next_random(new_size);
            size_t len = (size_t)next_random(k % 2 ? new_size - off + 1 : 1 + (new_size - off < 20 ? 0 : 20));
            memset(got, 0xaa, len + 1 < sizeof(got) ? len + 1 : len);
            assert_int_equal(source_read(s, off, got, len), STATUS_OK);
            assert_bytes_equal(got, file + off, len);
        }
        check_holes(s, is_data);
        source_close(s);
        source_close(below);
        arena_destroy(a);
    }
}

static void page_is_put_together_from_three_places(void **state)
{
    (void)state;
    static uint8_t base[4 * PAGE];
    struct arena *a = arena_create(1 << 20);
    struct overlay_patch p = page_patch(1, 3, 'L');
    struct source *below, *s;
    uint8_t got[PAGE];

    memset(base + 3 * PAGE, 'd', PAGE);
    memcpy(base + 3 * PAGE, "data-seq", 8);
    memcpy(base + 3 * PAGE + PAGE - 4, "seq!", 4);
    below = mem_open(base, sizeof(base));
    assert_int_equal(overlay_open(a, below, &p, 1, sizeof(base), &s), STATUS_OK);
    assert_int_equal(source_read(s, PAGE, got, PAGE), STATUS_OK);
    assert_memory_equal(got, "LLLLLLLLdddd", 12);
    assert_memory_equal(got + PAGE - 8, "ddddMMMM", 8);
    /* Parts that begin or end inside each of the three. */
    for (size_t from = 0; from < PAGE; from += from < 16 || from > PAGE - 16 ? 1 : PAGE / 2 - 8) {
        for (size_t to = from; to <= PAGE; to += to < 16 || to > PAGE - 16 ? 1 : PAGE / 2 - 8) {
            uint8_t part[PAGE];
            assert_int_equal(source_read(s, PAGE + from, part, to - from), STATUS_OK);
            assert_memory_equal(part, got + from, to - from);
        }
    }
    /* Only the 4084 bytes in the middle come from the base. */
    uint64_t before = below->read_bytes;
    assert_int_equal(source_read(s, PAGE, got, PAGE), STATUS_OK);
    assert_int_equal(below->read_bytes - before, PAGE - 12);
    before = below->read_calls;
    assert_int_equal(source_read(s, PAGE, got, 8), STATUS_OK);
    assert_int_equal(source_read(s, 2 * PAGE - 4, got, 4), STATUS_OK);
    assert_int_equal(below->read_calls, before);
    source_close(s);
    source_close(below);
    arena_destroy(a);
}

static void growth_reads_as_zeros(void **state)
{
    (void)state;
    static uint8_t base[100], got[PAGE];
    struct arena *a = arena_create(1 << 20);
    struct source *below = mem_open(base, sizeof(base)), *s;
    struct overlay_patch p = zero_patch(0, 1);
    uint64_t new_size = (uint64_t)1 << 47, data, hole;

    memset(base, 7, sizeof(base));
    p.off = new_size - PAGE;
    assert_int_equal(overlay_open(a, below, &p, 1, new_size, &s), STATUS_OK);
    assert_int_equal(source_read(s, 90, got, 20), STATUS_OK);
    assert_memory_equal(got, "\7\7\7\7\7\7\7\7\7\7\0\0\0\0\0\0\0\0\0\0", 20);
    assert_int_equal(source_read(s, new_size - 1, got, 1), STATUS_OK);
    assert_int_equal(source_read(s, new_size, got, 1), STATUS_RANGE);
    assert_int_equal(source_next_data(s, 0, &data, &hole), STATUS_OK);
    assert_int_equal(data, 0);
    assert_int_equal(hole, 100);
    assert_int_equal(source_next_data(s, 100, &data, &hole), STATUS_OK);
    assert_int_equal(data, new_size);
    source_close(s);
    source_close(below);
    arena_destroy(a);
}

static void touching_zeros_merge_and_pages_cut_them(void **state)
{
    (void)state;
    static uint8_t base[32 * PAGE];
    const struct overlay_patch patches[] = {
        page_patch(9, 0, 'x'), /* covered by the next: gone */
        zero_patch(8, 4),      zero_patch(12, 2), zero_patch(2, 1), page_patch(10, 0, 'a'), page_patch(14, 0, 'b'),
    };
    static const struct {
        uint64_t page, pages;
        bool zero;
    } expected[] = {{2, 1, true}, {8, 2, true}, {10, 1, false}, {11, 3, true}, {14, 1, false}};
    struct arena *a = arena_create(1 << 20);
    struct source *below = mem_open(base, sizeof(base)), *s;

    assert_int_equal(overlay_open(a, below, patches, 6, sizeof(base), &s), STATUS_OK);
    assert_int_equal(overlay_piece_count(s), 5);
    for (uint64_t i = 0; i < 5; i++) {
        uint64_t off, len;
        bool zero;
        overlay_piece(s, i, &off, &len, &zero);
        assert_int_equal(off, expected[i].page * PAGE);
        assert_int_equal(len, expected[i].pages * PAGE);
        assert_int_equal(zero, expected[i].zero);
    }
    assert_int_equal(overlay_piece_count(below), 0); /* not an overlay */
    source_close(s);
    source_close(below);
    arena_destroy(a);
}

static void bad_patches_are_refused(void **state)
{
    (void)state;
    static uint8_t base[4 * PAGE];
    struct arena *a = arena_create(1 << 20);
    struct source *below = mem_open(base, sizeof(base)), *s = NULL;
    const struct {
        struct overlay_patch patch;
        uint64_t new_size;
        enum status expected;
    } cases[] = {
        {{.kind = PATCH_ZERO, .off = 1, .len = PAGE}, sizeof(base), STATUS_INTERNAL},
        {{.kind = PATCH_ZERO, .off = 0, .len = 1}, sizeof(base), STATUS_INTERNAL},
        {{.kind = PATCH_PAGE, .off = 0, .len = 2 * PAGE}, sizeof(base), STATUS_INTERNAL},
        {{.kind = PATCH_PAGE, .off = 0, .len = 0}, sizeof(base), STATUS_INTERNAL},
        {{.kind = PATCH_ZERO, .off = 4 * PAGE, .len = PAGE}, sizeof(base), STATUS_RANGE},
        {{.kind = PATCH_ZERO, .off = 3 * PAGE, .len = 2 * PAGE}, sizeof(base), STATUS_RANGE},
        {{.kind = PATCH_ZERO, .off = UINT64_MAX - PAGE + 1, .len = PAGE}, UINT64_MAX, STATUS_RANGE},
        {{.kind = PATCH_ZERO, .off = PAGE, .len = UINT64_MAX - PAGE + 1}, UINT64_MAX, STATUS_RANGE},
        {{.kind = PATCH_PAGE, .off = 0, .len = PAGE, .source_off = 3 * PAGE + 1}, sizeof(base), STATUS_RANGE},
        {{.kind = PATCH_PAGE, .off = 0, .len = PAGE, .source_off = UINT64_MAX}, sizeof(base), STATUS_RANGE},
        {{.kind = PATCH_ZERO, .off = 0, .len = PAGE}, sizeof(base) - 1, STATUS_RANGE},
        {{.kind = PATCH_PAGE, .off = 4 * PAGE, .len = PAGE, .source_off = 3 * PAGE}, 5 * PAGE, STATUS_OK},
        {{.kind = PATCH_ZERO, .off = 0, .len = 0}, sizeof(base), STATUS_OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s = NULL;
        assert_int_equal(overlay_open(a, below, &cases[i].patch, 1, cases[i].new_size, &s), cases[i].expected);
        assert_int_equal(s != NULL, cases[i].expected == STATUS_OK);
    }
    assert_int_equal(overlay_piece_count(s), 0); /* the empty patch */
    source_close(below);
    arena_destroy(a);
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    static uint8_t base[4 * PAGE];
    struct overlay_patch patches[2] = {page_patch(0, 1, 'a'), zero_patch(2, 1)};
    struct source *below = mem_open(base, sizeof(base)), *s = NULL;
    uint64_t n;
    enum status st = STATUS_NO_MEMORY;

    for (n = 1; st != STATUS_OK; n++) {
        struct arena *a = arena_create(1 << 20);
        arena_fail_at(a, n, false);
        st = overlay_open(a, below, patches, 2, sizeof(base), &s);
        assert_true(st == STATUS_OK || (st == STATUS_NO_MEMORY && s == NULL));
        arena_destroy(a);
    }
    assert_true(n > 4);
    struct arena *a = arena_create(128);
    s = NULL;
    assert_int_equal(overlay_open(a, below, patches, 2, sizeof(base), &s), STATUS_LIMIT);
    assert_null(s);
    arena_destroy(a);
    source_close(below);
}

static enum status broken_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    if (off + len > 2 * PAGE) {
        s->error_off = off;
        s->error_errno = 5;
        return STATUS_IO;
    }
    memset(buf, 1, len);
    return STATUS_OK;
}

static enum status broken_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    (void)s, (void)off, (void)ret_data, (void)ret_hole;
    return STATUS_IO;
}

static void errors_of_the_base_come_through(void **state)
{
    (void)state;
    static const struct source_ops ops = {.read = broken_read, .next_data = broken_next_data};
    struct source below = {.ops = &ops, .size = 8 * PAGE}, *s;
    struct overlay_patch p = page_patch(0, 6, 'a');
    struct arena *a = arena_create(1 << 20);
    static uint8_t got[8 * PAGE];
    uint64_t data, hole;

    assert_int_equal(overlay_open(a, &below, &p, 1, below.size, &s), STATUS_OK);
    assert_int_equal(source_read(s, PAGE, got, PAGE), STATUS_OK);
    assert_int_equal(source_read(s, 0, got, PAGE), STATUS_IO);
    assert_int_equal(s->error_off, 6 * PAGE + 8); /* where the host failed, not where the page is shown */
    assert_int_equal(s->error_errno, 5);
    assert_int_equal(source_read(s, 7 * PAGE, got, PAGE), STATUS_IO);
    assert_int_equal(s->error_off, 7 * PAGE);
    assert_int_equal(source_next_data(s, 0, &data, &hole), STATUS_IO);
    source_close(s);
    arena_destroy(a);
}

static void overlays_stack(void **state)
{
    (void)state;
    static uint8_t base[4 * PAGE];
    struct arena *a = arena_create(1 << 20);
    struct source *below, *first, *second;
    struct overlay_patch p = page_patch(0, 2, 'a'), q = page_patch(1, 0, 'q');
    uint8_t got[PAGE];

    memset(base + 2 * PAGE, 's', PAGE);
    below = mem_open(base, sizeof(base));
    assert_int_equal(overlay_open(a, below, &p, 1, sizeof(base), &first), STATUS_OK);
    assert_int_equal(overlay_open(a, first, &q, 1, sizeof(base), &second), STATUS_OK);
    assert_int_equal(source_read(second, PAGE, got, PAGE), STATUS_OK);
    assert_memory_equal(got, "qqqqqqqqss", 10);
    assert_int_equal(source_read(second, 0, got, PAGE), STATUS_OK);
    assert_memory_equal(got, "aaaaaaaass", 10);
    source_close(second);
    source_close(first);
    source_close(below);
    arena_destroy(a);
}

/* Shapes that cost quadratic time when done naively; the whole test takes well below a second when it is linear. */
static void many_patches_of_every_shape(void **state)
{
    (void)state;
    enum { N = 200000 };
    static uint8_t base[PAGE], window[64 * PAGE];
    struct source *below = mem_open(base, sizeof(base));
    struct overlay_patch *patches = (struct overlay_patch *)calloc(N, sizeof(*patches));

    assert_non_null(patches);
    for (int shape = 0; shape < 5; shape++) {
        struct arena *a = arena_create((uint64_t)64 << 20);
        struct source *s;
        uint64_t size = (uint64_t)2 * N * PAGE, calls = 0;

        for (uint64_t i = 0; i < N; i++) {
            switch (shape) {
            case 0: /* nested, the inner ones on top */
                patches[i] = zero_patch(i, 2 * N - 2 * i);
                break;
            case 1: /* nested, the outer ones on top */
                patches[i] = zero_patch(N - 1 - i, 2 * i + 2);
                break;
            case 2: /* the same page again and again */
                patches[i] = page_patch(5, 0, 'a');
                break;
            case 3: /* one long range, cut by pages everywhere */
                patches[i] = i == 0 ? zero_patch(0, 2 * N) : page_patch(2 * i, 0, 'a');
                break;
            default: /* backwards, with gaps */
                patches[i] = zero_patch(2 * (N - 1 - i), 1);
            }
        }
        assert_int_equal(overlay_open(a, below, patches, N, size, &s), STATUS_OK);
        assert_true(arena_used(a) <= (uint64_t)N * 2 * 48);
        assert_int_equal(overlay_piece_count(s), ((const uint64_t[]){1, 1, 1, 2 * N - 1, N})[shape]);
        for (uint64_t off = 0; off < size; off += sizeof(window) * (shape == 3 ? 16 : 1))
            assert_int_equal(source_read(s, off, window, sizeof(window)), STATUS_OK);
        for (uint64_t pos = 0; pos < size; calls++) {
            uint64_t data;
            assert_int_equal(source_next_data(s, pos, &data, &pos), STATUS_OK);
        }
        assert_true(calls <= N + 2);
        source_close(s);
        arena_destroy(a);
    }
    free(patches);
    source_close(below);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_patching_a_copy),         cmocka_unit_test(page_is_put_together_from_three_places),
        cmocka_unit_test(growth_reads_as_zeros),           cmocka_unit_test(touching_zeros_merge_and_pages_cut_them),
        cmocka_unit_test(bad_patches_are_refused),         cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(errors_of_the_base_come_through), cmocka_unit_test(overlays_stack),
        cmocka_unit_test(many_patches_of_every_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
