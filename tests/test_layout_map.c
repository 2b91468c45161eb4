/* SPDX-License-Identifier: MIT */
/*
 * Who owns which bytes: fixed structures that overlap as they like against a plain loop, the set of units, free ranges.
 * Payload from real BATs is compared in test_bat_walk.c.
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
#include "format/layout.h"
#include "image/claims.h"
#include "image/layout_map.h"
#include "image/unit_map.h"

static uint64_t seed;

static uint64_t next_random(uint64_t below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (seed >> 33) % below;
}

/* ---- units ---- */

/* Members up to the end of a page, of which the next is not there, though a later one is. */
static void chains_end_with_their_page(void **state)
{
    const uint64_t page = (uint64_t)1 << UNIT_PAGE_SHIFT;
    (void)state;
    for (uint64_t step = 1; step <= 256; step *= 2) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct unit_map m = unit_map_in(a, LIMIT_NEAR_UNITS);
        assert_int_equal(unit_map_fill(&m, page, page / step, step), STATUS_OK);
        assert_int_equal(unit_map_fill(&m, 4 * page, 1, 1), STATUS_OK);
        assert_int_equal(unit_map_chain(&m, page, step), 2 * page);
        assert_int_equal(unit_map_chain(&m, 2 * page - step, step), 2 * page);
        assert_int_equal(unit_map_chain(&m, 4 * page, step), 4 * page + step);
        arena_destroy(a);
    }
}

static void units_are_a_set(void **state)
{
    enum { UNITS = 3 << UNIT_PAGE_SHIFT };
    static const uint64_t steps[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
    (void)state;
    seed = 3;
    for (unsigned round = 0; round < 60; round++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct unit_map m = unit_map_in(a, UNITS);
        uint8_t *want = calloc(UNITS + 256, 1);
        uint64_t step = steps[round % 9], found;
        assert_int_equal(arena_used(a), 0);
        assert_false(unit_map_first(&m, 0, UINT64_MAX, &found));
        for (unsigned i = 0; i < 5; i++) {
            uint64_t first = next_random(UNITS), room = (UNITS - 1 - first) / step + 1;
            uint64_t count = next_random(2) ? 1 + next_random(u64_min(room, 70)) : 1 + next_random(room);
            assert_int_equal(unit_map_fill(&m, first, count, step), STATUS_OK);
            for (uint64_t k = 0; k < count; k++)
                want[first + k * step] = 1;
        }
        for (uint64_t u = 0; u < UNITS; u++)
            assert_int_equal(unit_map_test(&m, u), want[u]);
        assert_false(unit_map_test(&m, UNITS));
        assert_false(unit_map_test(&m, UINT64_MAX));
        for (unsigned i = 0; i < 200; i++) {
            uint64_t from = next_random(UNITS), to = from + next_random(next_random(2) ? 300 : UNITS), first = from;
            while (first < to && (first >= UNITS || !want[first]))
                first++;
            bool got = unit_map_first(&m, from, to, &found);
            assert_int_equal(got, first < to);
            if (!got)
                continue;
            assert_int_equal(found, first);
            uint64_t end = first;
            while (end < UNITS && want[end])
                end += step;
            assert_int_equal(unit_map_chain(&m, first, step), end);
        }
        free(want);
        arena_destroy(a);
    }
}

static int compare_units(const void *pa, const void *pb)
{
    const uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
    return (a > b) - (a < b);
}

/* A few units far from each other, in any order, before and after the set is flat: found are they and nothing between.
 */
static void units_far_apart_are_found(void **state)
{
    enum { FEW = 40, FILLED = UNIT_FLAT_FROM << UNIT_PAGE_SHIFT };
    (void)state;
    seed = 5;
    for (unsigned round = 0; round < 40; round++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct unit_map m = unit_map_in(a, LIMIT_NEAR_UNITS);
        uint64_t units[FEW], at = 0, found;
        bool flat = round % 4 == 0;
        for (unsigned i = 0; i < FEW; i++) {
            units[i] = FILLED + next_random((LIMIT_NEAR_UNITS - FILLED) >> next_random(12));
            if (flat && i == FEW / 2) {
                assert_int_equal(unit_map_fill(&m, 0, FILLED / 64, 64), STATUS_OK);
                unit_map_flatten(&m);
                assert_non_null(m.flat);
            }
            assert_int_equal(unit_map_fill(&m, units[i], 1, 1), STATUS_OK);
        }
        qsort(units, FEW, sizeof(units[0]), compare_units);
        for (unsigned i = 0; i < FEW; i++) {
            if (i > 0 && units[i] == units[i - 1])
                continue;
            assert_true(unit_map_first(&m, i == 0 ? FILLED : at, UINT64_MAX, &found));
            assert_int_equal(found, units[i]);
            at = found + 1;
            assert_false(unit_map_first(&m, found, found, &found));
        }
        assert_false(unit_map_first(&m, at, UINT64_MAX, &found));
        arena_destroy(a);
    }
}

static void units_take_memory_where_touched(void **state)
{
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct unit_map m = unit_map_in(a, LIMIT_NEAR_UNITS);
    (void)state;
    assert_int_equal(unit_map_fill(&m, 5, 1, 1), STATUS_OK);
    assert_int_equal(unit_map_fill(&m, LIMIT_NEAR_UNITS - 1, 1, 1), STATUS_OK);
    const uint64_t table = (LIMIT_NEAR_UNITS >> UNIT_PAGE_SHIFT) * 8, room = table + 16 * KIB;
    assert_true(arena_used(a) < room);
    assert_int_equal(unit_map_fill(&m, 0, 1 << 22, 1), STATUS_OK);
    assert_true(arena_used(a) < room + ((1 << 22) / 8) * 11 / 10);
    arena_destroy(a);
}

/* ---- fixed structures ---- */

static bool meet(const struct extent *e, uint64_t off, uint64_t len)
{
    return len > 0 && e->start < u64_add_sat(off, len) && off < e->end;
}

/* Field by field: there is padding between them. */
static void assert_same_extent(const struct extent *a, const struct extent *b)
{
    assert_int_equal(a->start, b->start);
    assert_int_equal(a->end, b->end);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->ref, b->ref);
}

static bool before(const struct extent *a, const struct extent *b)
{
    if (a->start != b->start)
        return a->start < b->start;
    if (a->end != b->end)
        return a->end < b->end;
    return a->kind != b->kind ? a->kind < b->kind : a->ref < b->ref;
}

static void fixed_structures_are_found(void **state)
{
    enum { MOST = 40 };
    (void)state;
    seed = 5;
    for (unsigned round = 0; round < 200; round++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct layout_map *m = layout_map_create(a);
        struct extent all[MOST];
        uint64_t count = next_random(MOST), end = 0;
        for (uint64_t i = 0; i < count; i++) {
            uint64_t start = next_random(1000);
            all[i] = (struct extent){start, start + 1 + next_random(next_random(4) ? 30 : 500),
                                     (enum owner_kind)(OWNER_HEADER_SECTION + next_random(4)), i};
            end = u64_max(end, all[i].end);
            assert_int_equal(layout_map_add(m, all[i]), STATUS_OK);
        }
        assert_int_equal(layout_map_seal(m), STATUS_OK);
        assert_int_equal(layout_map_fixed_count(m), count);
        assert_int_equal(layout_map_end(m), end);
        for (uint64_t i = 1; i < count; i++)
            assert_true(before(layout_map_fixed(m, i - 1), layout_map_fixed(m, i)));
        for (unsigned t = 0; t < 200; t++) {
            uint64_t off = next_random(1600), len = next_random(3) ? next_random(60) : UINT64_MAX - next_random(2000);
            const struct extent *any = NULL, *region = NULL, *got = layout_map_fixed_at(m, off, len);
            for (uint64_t i = 0; i < count; i++) {
                if (!meet(&all[i], off, len))
                    continue;
                if (!any || before(&all[i], any))
                    any = &all[i];
                if (all[i].kind == OWNER_REGION && (!region || before(&all[i], region)))
                    region = &all[i];
            }
            assert_int_equal(got != NULL, any != NULL);
            if (got)
                assert_same_extent(got, any);
            got = layout_map_region_at(m, off, len);
            assert_int_equal(got != NULL, region != NULL);
            if (got)
                assert_same_extent(got, region);
        }
        arena_destroy(a);
    }
}

static void empty_and_wrapping_ranges_are_nowhere(void **state)
{
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct layout_map *m = layout_map_create(a);
    (void)state;
    assert_int_equal(layout_map_seal(m), STATUS_OK);
    assert_int_equal(layout_map_end(m), 0);
    assert_int_equal(layout_map_add(m, (struct extent){5, 5, OWNER_LOG, 0}), STATUS_OK);
    assert_int_equal(layout_map_add(m, (struct extent){UINT64_MAX - 5, 3, OWNER_REGION, 0}), STATUS_OK);
    assert_int_equal(layout_map_seal(m), STATUS_OK);
    assert_int_equal(layout_map_fixed_count(m), 0);
    assert_null(layout_map_fixed_at(m, 0, UINT64_MAX));
    assert_false(layout_map_payload_at(m, 0, UINT64_MAX));
    arena_destroy(a);
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    for (uint64_t n = 1, ok = 0; !ok; n++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        enum status st = STATUS_OK;
        arena_fail_at(a, n, true);
        struct layout_map *m = layout_map_create(a);
        for (uint64_t i = 0; m && i < 40 && st == STATUS_OK; i++)
            st = layout_map_add(m, (struct extent){i, i + 2, OWNER_REGION, i});
        if (m && st == STATUS_OK)
            st = layout_map_seal(m);
        ok = m && st == STATUS_OK;
        assert_true(!m || st == STATUS_OK || st == STATUS_NO_MEMORY);
        assert_true(n < 20);
        arena_destroy(a);
    }
}

/* ---- free ranges ---- */

struct ranges {
    struct free_range items[16];
    size_t count, stop_after;
};

static bool collect(void *ctx, struct free_range r)
{
    struct ranges *l = ctx;
    assert_true(l->count < 16);
    l->items[l->count++] = r;
    return l->count != l->stop_after;
}

static void check_ranges(const struct layout_map *m, uint64_t size, const struct free_range *want, size_t count)
{
    struct ranges l = {.count = 0};
    layout_map_free_ranges(m, size, collect, &l);
    assert_int_equal(l.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(l.items[i].off, want[i].off);
        assert_int_equal(l.items[i].len, want[i].len);
    }
}

static void free_ranges_lie_between_owners(void **state)
{
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct layout_map *m = layout_map_create(a);
    struct claims *c = claims_create(a, 2);
    struct ranges one = {.stop_after = 1};
    (void)state;
    check_ranges(m, 0, NULL, 0);
    check_ranges(m, 7, &(struct free_range){0, 7}, 1);
    assert_int_equal(layout_map_add(m, (struct extent){0, MIB, OWNER_HEADER_SECTION, 0}), STATUS_OK);
    assert_int_equal(layout_map_add(m, (struct extent){3 * MIB + 5, 4 * MIB + 1, OWNER_REGION, 0}),
                     STATUS_OK); /* unaligned */
    assert_int_equal(layout_map_add(m, (struct extent){3 * MIB + 6, 3 * MIB + 7, OWNER_REGION, 1}),
                     STATUS_OK); /* inside */
    assert_int_equal(layout_map_add(m, (struct extent){30 * MIB, 31 * MIB, OWNER_LOG, 0}), STATUS_OK);
    assert_int_equal(layout_map_seal(m), STATUS_OK);
    layout_map_set_claims(m, c);
    /* Two blocks in a row, one that overlaps the second, an anchor, one over the log, one far above. */
    assert_int_equal(claims_add_run(c, 8, 2), STATUS_OK);
    assert_int_equal(claims_add(c, CLAIM_LIVE, 11, 2), STATUS_OK);
    assert_int_equal(claims_add(c, CLAIM_ANCHOR, 20, 3), STATUS_OK);
    assert_int_equal(claims_add(c, CLAIM_LIVE, 29, 4), STATUS_OK);
    assert_int_equal(claims_add(c, CLAIM_BITMAP, 25, 5), STATUS_OK); /* bitmap blocks are fixed structures: not asked */
    assert_int_equal(claims_add(c, CLAIM_LIVE, (uint64_t)1 << 40, 6), STATUS_OK);
    far_claims_seal(&c->far);
    const struct free_range want[] = {
        {1 * MIB, 2 * MIB}, {5 * MIB, 3 * MIB}, {13 * MIB, 7 * MIB}, {22 * MIB, 7 * MIB}, {31 * MIB, MIB / 2}};
    check_ranges(m, 31 * MIB + MIB / 2, want, 5); /* the tail that is no whole MiB counts */
    check_ranges(m, 25 * MIB, (const struct free_range[]){want[0], want[1], want[2], {22 * MIB, 3 * MIB}}, 4);
    check_ranges(m, 2 * MIB, (const struct free_range[]){{MIB, MIB}}, 1);
    check_ranges(m, ((uint64_t)1 << 60) + 3 * MIB,
                 (const struct free_range[]){want[0],
                                             want[1],
                                             want[2],
                                             want[3],
                                             {31 * MIB, ((uint64_t)1 << 60) - 31 * MIB},
                                             {((uint64_t)1 << 60) + 2 * MIB, MIB}},
                 6);
    layout_map_free_ranges(m, 25 * MIB, collect, &one);
    assert_int_equal(one.count, 1);
    struct free_range fits = layout_map_first_free(m, 31 * MIB, 2 * MIB + 1);
    assert_true(fits.off == 5 * MIB && fits.len == 3 * MIB);
    fits = layout_map_first_free(m, 31 * MIB, 7 * MIB);
    assert_true(fits.off == 13 * MIB && fits.len == 7 * MIB);
    assert_int_equal(layout_map_first_free(m, 31 * MIB, 7 * MIB + 1).len, 0);

    assert_int_equal(layout_map_end(m), ((uint64_t)1 << 60) + 2 * MIB);
    assert_false(layout_map_payload_at(m, 0, 8 * MIB));
    assert_true(layout_map_payload_at(m, 0, 8 * MIB + 1));
    assert_true(layout_map_payload_at(m, 13 * MIB - 1, 1));
    assert_false(layout_map_payload_at(m, 13 * MIB, 7 * MIB));
    assert_true(layout_map_payload_at(m, 21 * MIB + 5, 1));
    assert_false(layout_map_payload_at(m, 21 * MIB + 5, 0));
    assert_false(layout_map_payload_at(m, 25 * MIB, MIB));
    assert_true(layout_map_payload_at(m, 31 * MIB, UINT64_MAX));
    assert_true(layout_map_payload_at(m, ((uint64_t)1 << 60) + MIB, 1));
    assert_false(layout_map_payload_at(m, ((uint64_t)1 << 60) + 2 * MIB, UINT64_MAX));
    arena_destroy(a);
}

static void owners_have_names(void **state)
{
    (void)state;
    for (unsigned k = OWNER_NONE; k <= OWNER_ANCHOR; k++) {
        for (unsigned other = OWNER_NONE; other < k; other++)
            assert_string_not_equal(owner_name((enum owner_kind)k), owner_name((enum owner_kind)other));
    }
    assert_string_equal(owner_name(OWNER_BITMAP), "sector bitmap block");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_a_set),
        cmocka_unit_test(units_far_apart_are_found),
        cmocka_unit_test(units_take_memory_where_touched),
        cmocka_unit_test(fixed_structures_are_found),
        cmocka_unit_test(empty_and_wrapping_ranges_are_nowhere),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(free_ranges_lie_between_owners),
        cmocka_unit_test(chains_end_with_their_page),
        cmocka_unit_test(owners_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
