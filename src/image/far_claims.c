/* SPDX-License-Identifier: MIT */
/*
 * The list grows by doubling up to twice its limit. When it is full it is sorted, duplicates go, and if more than half
 * remains the upper half is cut off and `bound` lowered: what lies above is the business of a later pass. So memory is
 * bounded and every addition costs a constant number of moves, in whatever order claims come.
 */
#include "image/far_claims.h"

#include <string.h>

#include "base/checked.h"

/* The smallest list: must span more units than two blocks of 256 MiB with three kinds of claims each, or a pass could
 * end without having got anywhere. */
static const uint64_t FAR_CAP_MIN = 8192, FAR_CAP_FIRST = 64;

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS, KEY_BITS = 46 };

struct far_claims far_claims_in(struct arena *a, uint64_t from, uint64_t limit)
{
    return (struct far_claims){.arena = a, .from = from, .bound = UINT64_MAX, .limit = limit};
}

/* Least significant digit first: stable, so equal keys stay in BAT order. */
static void sort_claims(struct far_claims *f)
{
    for (unsigned shift = 0; shift < KEY_BITS; shift += DIGIT_BITS) {
        uint64_t start[DIGITS] = {0}, sum = 0;
        for (uint64_t i = 0; i < f->count; i++)
            start[f->items[i].key >> shift & (DIGITS - 1)]++;
        if (f->count > 0 && start[f->items[0].key >> shift & (DIGITS - 1)] == f->count)
            continue;
        for (unsigned d = 0; d < DIGITS; d++) {
            uint64_t n = start[d];
            start[d] = sum;
            sum += n;
        }
        for (uint64_t i = 0; i < f->count; i++)
            f->spare[start[f->items[i].key >> shift & (DIGITS - 1)]++] = f->items[i];
        struct far_claim *t = f->items;
        f->items = f->spare;
        f->spare = t;
    }
}

static void sort_distinct(struct far_claims *f)
{
    uint64_t kept = 0;
    sort_claims(f);
    for (uint64_t i = 0; i < f->count; i++) {
        if (kept == 0 || f->items[kept - 1].key != f->items[i].key)
            f->items[kept++] = f->items[i];
        else
            f->items[kept - 1].index |= FAR_CLAIM_SHARED;
    }
    f->count = kept;
}

static bool grow(struct far_claims *f)
{
    uint64_t cap = f->cap ? 2 * f->cap : FAR_CAP_FIRST;
    struct far_claim *items, *spare;
    if (f->cap >= FAR_CAP_MIN && f->cap >= 2 * f->limit)
        return false;
    items = arena_array(f->arena, cap, sizeof(*items));
    if (!items)
        return false;
    spare = arena_array(f->arena, cap, sizeof(*spare));
    if (!spare) {
        arena_release(f->arena, items);
        return false;
    }
    if (f->count > 0)
        memcpy(items, f->items, (size_t)f->count * sizeof(*items));
    far_claims_free(f);
    f->items = items;
    f->spare = spare;
    f->cap = cap;
    return true;
}

void far_claims_seal(struct far_claims *f)
{
    if (f->count > 0)
        sort_distinct(f);
    arena_release(f->arena, f->spare);
    f->spare = NULL;
}

static void compact(struct far_claims *f)
{
    sort_distinct(f);
    if (f->count <= f->cap / 2)
        return;
    f->bound = f->items[f->cap / 2].key >> 2;
    f->count = far_claims_lower(f, f->bound << 2);
}

enum status far_claims_add(struct far_claims *f, uint64_t key, uint64_t index)
{
    uint64_t unit = key >> 2;
    if (unit < f->from || unit >= f->bound)
        return STATUS_OK;
    if (f->count == f->cap && !grow(f)) {
        if (f->cap < FAR_CAP_MIN)
            return arena_status(f->arena);
        compact(f);
        if (unit >= f->bound)
            return STATUS_OK;
    }
    f->items[f->count++] = (struct far_claim){.key = key, .index = index};
    return STATUS_OK;
}

bool far_claims_crowded(const struct far_claims *f, const uint64_t len_of[4], bool in_place, struct far_claims *ret)
{
    struct far_claims r = {.arena = f->arena, .from = f->from, .bound = f->bound};
    if (in_place) {
        r.items = f->items;
        r.cap = f->cap;
    }
    uint64_t reach = 0; /* highest end of the items so far */
    for (uint64_t i = 0; i < f->count; i++) {
        struct far_claim item = f->items[i];
        uint64_t unit = item.key >> 2, end = unit + len_of[item.key & 3];
        bool next_inside = i + 1 < f->count && f->items[i + 1].key >> 2 < end;
        if (reach > unit || next_inside || item.index & FAR_CLAIM_SHARED) {
            if (r.count == r.cap && !arena_grow(r.arena, (void **)&r.items, &r.cap, r.count, sizeof(item)))
                return false;
            r.items[r.count++] = item;
        }
        reach = u64_max(reach, end);
    }
    *ret = r;
    return true;
}

uint64_t far_claims_lower(const struct far_claims *f, uint64_t key)
{
    uint64_t low = 0, high = f->count;
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (f->items[mid].key < key)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void far_claims_free(struct far_claims *f)
{
    if (f->items)
        arena_release(f->arena, f->items);
    if (f->spare)
        arena_release(f->arena, f->spare);
    f->items = f->spare = NULL;
    f->cap = 0;
}
