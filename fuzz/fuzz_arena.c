/* SPDX-License-Identifier: MIT */
/*
 * The arena, and the checked arithmetic that it and everything else counts with.
 *
 * Input: u16 budget in KiB, then operations: u8 what, and what that needs.
 *
 * Asserted: blocks are zero, aligned, apart from each other and stay as they were written; the budget holds; a failure
 * has a reason, and changes nothing; sums and products are what arithmetic without a limit says.
 */
#include "base/span.h"
#include "fuzz/property.h"

enum { BLOCKS_MAX = 64, OPERATIONS_MAX = 128, MARKED = 32, SMALL_MAX = 1024, LARGE_STEP = 16384, GROW_MAX = 512 };
enum operation { OP_ALLOC, OP_ARRAY, OP_COPY, OP_GROW, OP_RELEASE, OP_FAIL, OP_ABSURD, OP_NUMBERS, OPERATIONS };

struct block {
    uint8_t *ptr;
    size_t len;
    uint8_t mark; /* in its first and last bytes */
};

struct shelf {
    struct arena *arena;
    uint64_t budget;
    struct block blocks[BLOCKS_MAX];
    size_t count;
    bool may_fail; /* the hook is set */
    void *items;   /* a growing array of u32 */
    uint64_t item_count, item_cap;
};

static void judge_block(const struct block *b)
{
    for (size_t i = 0; i < b->len && i < MARKED; i++)
        ASSERT(b->ptr[i] == b->mark && b->ptr[b->len - 1 - i] == b->mark);
}

static void put(struct shelf *s, void *ptr, size_t len, bool zeroed)
{
    if (ptr == NULL) {
        ASSERT(arena_status(s->arena) == STATUS_LIMIT || (s->may_fail && arena_status(s->arena) == STATUS_NO_MEMORY));
        return;
    }
    ASSERT((uintptr_t)ptr % _Alignof(max_align_t) == 0);
    ASSERT(!zeroed || span_is_zero(span_of(ptr, len)));
    if (s->count == BLOCKS_MAX)
        return;
    struct block *b = &s->blocks[s->count++];
    *b = (struct block){.ptr = ptr, .len = len, .mark = (uint8_t)s->count};
    memset(ptr, b->mark, len < MARKED ? len : MARKED);
    memset((uint8_t *)ptr + len - (len < MARKED ? len : MARKED), b->mark, len < MARKED ? len : MARKED);
}

static void grow(struct shelf *s)
{
    uint64_t cap = s->item_cap;
    void *items = s->items;
    if (!arena_grow(s->arena, &s->items, &s->item_cap, s->item_count, sizeof(uint32_t))) {
        ASSERT(s->items == items && s->item_cap == cap);
        return;
    }
    ASSERT(s->item_count < s->item_cap);
    uint32_t *list = s->items;
    list[s->item_count] = (uint32_t)s->item_count;
    s->item_count++;
    for (uint64_t i = 0; i < s->item_count; i += 1 + s->item_count / 8)
        ASSERT(list[i] == i);
}

static void release(struct shelf *s, uint64_t which)
{
    if (s->count == 0)
        return;
    struct block *b = &s->blocks[which % s->count];
    judge_block(b);
    uint64_t used = arena_used(s->arena);
    bool large = b->len >= ARENA_LARGE;
    arena_release(s->arena, b->ptr);
    ASSERT(large ? arena_used(s->arena) + b->len <= used : arena_used(s->arena) == used);
    if (large)
        *b = s->blocks[--s->count];
}

/* ---- arithmetic ---- */

/* The high half of a product, by halves. */
static uint64_t high_half(uint64_t a, uint64_t b)
{
    uint64_t al = a & UINT32_MAX, ah = a >> 32, bl = b & UINT32_MAX, bh = b >> 32;
    uint64_t middle = ah * bl + (al * bl >> 32);
    return ah * bh + (middle >> 32) + ((al * bh + (middle & UINT32_MAX)) >> 32);
}

static void judge_numbers(uint64_t a, uint64_t b)
{
    const uint64_t untouched = 0xa5a5a5a5a5a5a5a5;
    uint64_t r = untouched, to = (uint64_t)1 << (b % 64);
    bool fits = a <= UINT64_MAX - b;

    ASSERT(u64_add(a, b, &r) == fits && r == (fits ? a + b : untouched));
    ASSERT(u64_add_sat(a, b) == (fits ? a + b : UINT64_MAX));
    r = untouched;
    fits = high_half(a, b) == 0;
    ASSERT(u64_mul(a, b, &r) == fits && r == (fits ? a * b : untouched));
    r = untouched;
    fits = a % to == 0 || a / to < UINT64_MAX / to;
    ASSERT(u64_align_up(a, to, &r) == fits);
    ASSERT(fits ? r % to == 0 && r >= a && r - a < to : r == untouched);
    ASSERT(is_pow2(to) && is_pow2(a) == (__builtin_popcountll(a) == 1));
    ASSERT(u64_min(a, b) <= u64_max(a, b) && (u64_min(a, b) == a || u64_max(a, b) == a));
    if (b != 0)
        ASSERT(u64_div_up(a, b) == a / b + (a % b == 0 ? 0 : 1));
}

/* ---- */

static void run(struct shelf *s, enum operation op, struct taker *in)
{
    uint64_t a, b;

    switch (op) {
    case OP_ALLOC:
        a = take(in, 2);
        a = a & 1 ? a % SMALL_MAX : a % 16 * LARGE_STEP;
        put(s, arena_alloc(s->arena, (size_t)a), (size_t)a, true);
        break;
    case OP_ARRAY:
        a = take(in, 2) % SMALL_MAX;
        b = take(in, 1);
        put(s, arena_array(s->arena, a, (size_t)b), (size_t)(a * b), true);
        break;
    case OP_COPY:
        a = take(in, 1);
        a = u64_min(a, in->len); /* behind what was taken */
        char *copy = arena_copy(s->arena, in->ptr, (size_t)a);
        ASSERT(copy == NULL || ((a == 0 || memcmp(copy, in->ptr, (size_t)a) == 0) && copy[a] == '\0'));
        put(s, copy, (size_t)a, false);
        break;
    case OP_GROW:
        for (uint64_t n = take(in, 2) % GROW_MAX; n > 0; n--)
            grow(s);
        break;
    case OP_RELEASE:
        release(s, take(in, 1));
        arena_release(s->arena, NULL);
        break;
    case OP_FAIL:
        a = take(in, 1);
        arena_fail_at(s->arena, a % 16, a & 16);
        s->may_fail = true;
        break;
    case OP_ABSURD: /* more than there can be */
        a = UINT64_MAX >> take(in, 1) % 24;
        ASSERT(arena_array(s->arena, a, 1 + (size_t)take(in, 2)) == NULL);
        ASSERT(arena_status(s->arena) != STATUS_OK);
        break;
    case OP_NUMBERS:
        a = take(in, 8);
        judge_numbers(a, take(in, 8));
        break;
    case OPERATIONS:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taker in = {data, size};
    struct shelf s = {.budget = take(&in, 2) << 10};

    s.arena = property_arena(s.budget);
    ASSERT(arena_status(s.arena) == STATUS_OK && arena_used(s.arena) == 0);
    for (unsigned n = 0; n < OPERATIONS_MAX && in.len > 0; n++) {
        run(&s, (enum operation)(take(&in, 1) % OPERATIONS), &in);
        ASSERT(arena_used(s.arena) <= s.budget);
    }
    for (size_t i = 0; i < s.count; i++)
        judge_block(&s.blocks[i]);
    arena_destroy(s.arena);
    arena_destroy(NULL);
    return 0;
}
