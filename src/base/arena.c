/* SPDX-License-Identifier: MIT */
/*
 * Small blocks are cut from chunks and never come back before the arena ends. Large ones (ARENA_LARGE and up) are
 * allocations of their own on a list, so that an array that doubled can give its old half back.
 *
 *   small:  chunk | header | block | header | block | ... | untouched |
 *   large:  list links | header | block
 *
 * The 16-byte header in front of every block tells arena_release() which kind it is. The budget is charged per block,
 * rounded up and header included, not per chunk: whether a run hits its limit depends on what it asks for and not on
 * how the chunks happen to fill, and the same image gives the same answer.
 */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"

/* Under AddressSanitizer headers and unused room are off limits: leaving a small block is as fatal as leaving a malloc.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#endif
#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

enum {
    BLOCK_ALIGN = 16,
    CHUNK_FIRST = 32 * 1024, /* a small image needs little more */
    CHUNK_MOST = 96 * 1024,  /* a block that does not fit wastes at most ARENA_LARGE of it */
    GROW_FIRST = 16,         /* elements of an array that starts to grow */
};

struct block {
    uint64_t charged;
    uint64_t large;
};

struct chunk {
    struct chunk *next;
    size_t size; /* bytes behind this struct */
    size_t used;
    size_t pad;
};

struct large {
    struct large *next;
    struct large **link; /* the pointer that points here */
    struct block block __attribute__((aligned(BLOCK_ALIGN)));
};

_Static_assert(sizeof(struct block) % BLOCK_ALIGN == 0, "blocks keep their alignment");
_Static_assert(sizeof(struct chunk) % BLOCK_ALIGN == 0, "the first block of a chunk is aligned");
_Static_assert(sizeof(struct large) == offsetof(struct large, block) + sizeof(struct block), "the header comes last");

struct arena {
    uint64_t budget;
    uint64_t used;
    uint64_t fail_in; /* allocations until the test hook fails one; 0 = off */
    bool fail_sticky;
    enum status status;
    size_t next_chunk;
    struct chunk *chunks; /* the newest first; only that one has room */
    struct large *larges;
};

struct arena *arena_create(uint64_t budget)
{
    struct arena *a = (struct arena *)calloc(1, sizeof(*a));

    if (a == NULL)
        return NULL;
    a->budget = budget;
    a->next_chunk = CHUNK_FIRST;
    return a;
}

void arena_destroy(struct arena *a)
{
    if (a == NULL)
        return;
    for (struct chunk *c = a->chunks, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    for (struct large *l = a->larges, *next; l != NULL; l = next) {
        next = l->next;
        free(l);
    }
    free(a);
}

static void *fail(struct arena *a, enum status st)
{
    a->status = st;
    return NULL;
}

static bool hook_fails(struct arena *a)
{
    if (a->fail_in == 0)
        return false;
    if (a->fail_in > 1) {
        a->fail_in--;
        return false;
    }
    if (!a->fail_sticky)
        a->fail_in = 0;
    return true;
}

static struct block *small_block(struct arena *a, size_t size)
{
    struct chunk *c = a->chunks;

    if (c == NULL || c->size - c->used < size) {
        size_t room = size > a->next_chunk ? size : a->next_chunk;
        c = (struct chunk *)malloc(sizeof(*c) + room);
        if (c == NULL)
            return NULL;
        *c = (struct chunk){.next = a->chunks, .size = room};
        a->chunks = c;
        ASAN_POISON_MEMORY_REGION(c + 1, room);
        a->next_chunk = 2 * a->next_chunk < CHUNK_MOST ? 2 * a->next_chunk : CHUNK_MOST;
    }
    struct block *b = (struct block *)(void *)((uint8_t *)(c + 1) + c->used);
    c->used += size;
    return b;
}

/*
 * Random accesses to megabytes are mostly misses of address translation; a host without large pages says no. For about
 * two large pages and more, so that the end is not before the first of them.
 */
static void advise_huge(uintptr_t start, size_t size)
{
    uintptr_t first = (start + ARENA_HUGE - 1) / ARENA_HUGE * ARENA_HUGE,
              end = (start + size) / ARENA_HUGE * ARENA_HUGE;

    (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
}

static struct block *large_block(struct arena *a, size_t size, bool zeroed)
{
    size_t all = sizeof(struct large) - sizeof(struct block) + size;
    struct large *l = (struct large *)(zeroed ? calloc(1, all) : malloc(all));

    if (l == NULL)
        return NULL;
    if (size >= 2 * (size_t)ARENA_HUGE)
        advise_huge((uintptr_t)(l + 1), size - sizeof(struct block));
    l->next = a->larges;
    l->link = &a->larges;
    if (l->next != NULL)
        l->next->link = &l->next;
    a->larges = l;
    return &l->block;
}

/*
 * Headers of small blocks are off limits to everybody else as long as their chunk lives: opening and closing them each
 * time takes as long as everything else here does.
 */
__attribute__((no_sanitize("address"))) static void put_header(struct block *b, uint64_t charge, bool large)
{
    b->charged = charge;
    b->large = large;
}

__attribute__((no_sanitize("address"))) static bool is_large(const struct block *b)
{
    return b->large != 0;
}

static void *new_block(struct arena *a, size_t size, bool zeroed)
{
    uint64_t charge;

    if (hook_fails(a))
        return fail(a, STATUS_NO_MEMORY);
    /* A block of size 0 still takes room, so its address is its own. */
    if (!u64_add(size > 0 ? size : 1, sizeof(struct block), &charge) || !u64_align_up(charge, BLOCK_ALIGN, &charge) ||
        charge > SIZE_MAX - sizeof(struct large) || charge > a->budget - a->used)
        return fail(a, STATUS_LIMIT);

    bool large = size >= ARENA_LARGE;
    struct block *b = large ? large_block(a, (size_t)charge, zeroed) : small_block(a, (size_t)charge);
    if (b == NULL)
        return fail(a, STATUS_NO_MEMORY);
    put_header(b, charge, large);
    if (large)
        ASAN_POISON_MEMORY_REGION(b, sizeof(*b));
    else
        ASAN_UNPOISON_MEMORY_REGION(b + 1, size);
    a->used += charge;
    if (zeroed && !large) /* room of a chunk is zeroed as it is handed out: much of it never is */
        memset(b + 1, 0, size);
    return b + 1;
}

void *arena_alloc(struct arena *a, size_t size)
{
    return new_block(a, size, true);
}

void *arena_room(struct arena *a, size_t size)
{
    return new_block(a, size, false);
}

void *arena_array(struct arena *a, uint64_t count, size_t size)
{
    uint64_t bytes;

    if (!u64_mul(count, size, &bytes) || bytes > SIZE_MAX)
        return fail(a, STATUS_LIMIT);
    return arena_alloc(a, (size_t)bytes);
}

char *arena_copy(struct arena *a, const void *ptr, size_t len)
{
    if (len == SIZE_MAX)
        return (char *)fail(a, STATUS_LIMIT);
    char *copy = (char *)arena_alloc(a, len + 1);
    if (copy != NULL && len > 0)
        memcpy(copy, ptr, len);
    return copy;
}

bool arena_grow(struct arena *a, void **items, uint64_t *cap, uint64_t count, size_t size)
{
    if (count < *cap)
        return true;

    uint64_t new_cap = GROW_FIRST;
    if (*cap > 0 && !u64_mul(*cap, 2, &new_cap)) {
        fail(a, STATUS_LIMIT);
        return false;
    }
    void *new_items = arena_array(a, new_cap, size);
    if (new_items == NULL)
        return false;
    if (count > 0)
        memcpy(new_items, *items, (size_t)count * size);
    arena_release(a, *items);
    *items = new_items;
    *cap = new_cap;
    return true;
}

void arena_release(struct arena *a, void *ptr)
{
    if (ptr == NULL)
        return;
    struct block *b = (struct block *)ptr - 1;
    if (!is_large(b))
        return;
    ASAN_UNPOISON_MEMORY_REGION(b, sizeof(*b));
    struct large *l = (struct large *)(void *)((uint8_t *)b - offsetof(struct large, block));
    *l->link = l->next;
    if (l->next != NULL)
        l->next->link = l->link;
    a->used -= b->charged;
    free(l);
}

enum status arena_status(const struct arena *a)
{
    return a->status;
}

uint64_t arena_used(const struct arena *a)
{
    return a->used;
}

void arena_fail_at(struct arena *a, uint64_t n, bool sticky)
{
    a->fail_in = n;
    a->fail_sticky = sticky;
}
