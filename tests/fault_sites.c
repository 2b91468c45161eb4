/* SPDX-License-Identifier: MIT */
/*
 * Calls that fail, by the way that leads to them (fault_sites.h). A way is the call and the functions around it, from
 * the stack: a loop is one way, however often it turns. What fails in an arena fails there for the reason of a host
 * without memory.
 */
#include "fault_sites.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "io/store.h"

enum { FRAMES = 7, OWN_FRAMES = 2, WAYS = 1 << 20, NEW_MOST = 1 << 14 };

static uint64_t ways[WAYS]; /* open addressing; 0: free */
static bool active, recording;
static uint64_t calls, fail_at;
static uint64_t fresh[NEW_MOST];
static size_t fresh_count;
static enum site_kind fired;

static uint64_t way_here(void)
{
    void *frames[FRAMES + OWN_FRAMES];
    uint64_t h = 7;
    int n = backtrace(frames, FRAMES + OWN_FRAMES);

    for (int i = OWN_FRAMES; i < n; i++) {
        h = (h ^ (uintptr_t)frames[i]) * 0x9E3779B97F4A7C15ULL;
        h ^= h >> 29;
    }
    return h | 1;
}

static bool is_new(uint64_t way)
{
    size_t i = (size_t)(way % WAYS);

    for (size_t n = 0; n < WAYS; n++, i = (i + 1) % WAYS) {
        if (ways[i] == way)
            return false;
        if (ways[i] == 0) {
            ways[i] = way;
            return true;
        }
    }
    abort(); /* more than the table holds */
}

/* Whether this call is the one that fails. */
static __attribute__((noinline)) bool due(enum site_kind kind)
{
    if (!active)
        return false;
    calls++;
    if (recording) {
        active = false; /* what backtrace() itself calls */
        if (is_new(way_here()) && fresh_count < NEW_MOST)
            fresh[fresh_count++] = calls;
        active = true;
        return false;
    }
    if (calls != fail_at)
        return false;
    fired = kind;
    return true;
}

/* ---- what is wrapped ---- */

#define WRAPPED(type, name, ...)                                                                                       \
    type __real_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__)

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

WRAPPED(void *, malloc, size_t size)
{
    return due(SITE_MEMORY) ? no_memory() : __real_malloc(size);
}

WRAPPED(void *, calloc, size_t n, size_t size)
{
    return due(SITE_MEMORY) ? no_memory() : __real_calloc(n, size);
}

WRAPPED(void *, realloc, void *p, size_t size)
{
    return due(SITE_MEMORY) ? no_memory() : __real_realloc(p, size);
}

WRAPPED(void *, arena_alloc, struct arena *a, size_t size)
{
    if (due(SITE_MEMORY))
        arena_fail_at(a, 1, false);
    return __real_arena_alloc(a, size);
}

WRAPPED(void *, arena_room, struct arena *a, size_t size)
{
    if (due(SITE_MEMORY))
        arena_fail_at(a, 1, false);
    return __real_arena_room(a, size);
}

WRAPPED(void *, arena_array, struct arena *a, uint64_t count, size_t size)
{
    if (due(SITE_MEMORY))
        arena_fail_at(a, 1, false);
    return __real_arena_array(a, count, size);
}

WRAPPED(char *, arena_copy, struct arena *a, const void *ptr, size_t len)
{
    if (due(SITE_MEMORY))
        arena_fail_at(a, 1, false);
    return __real_arena_copy(a, ptr, len);
}

WRAPPED(bool, arena_grow, struct arena *a, void **items, uint64_t *cap, uint64_t count, size_t size)
{
    if (due(SITE_MEMORY))
        arena_fail_at(a, 1, false);
    return __real_arena_grow(a, items, cap, count, size);
}

static enum status source_failed(struct source *s, uint64_t off)
{
    s->error_off = off;
    s->error_errno = EIO;
    s->failed_reads++;
    return STATUS_IO;
}

WRAPPED(enum status, source_read, struct source *s, uint64_t off, void *buf, size_t len)
{
    return due(SITE_READ) ? source_failed(s, off) : __real_source_read(s, off, buf, len);
}

WRAPPED(enum status, source_read_some, struct source *s, uint64_t off, void *buf, size_t len, size_t *ret)
{
    return due(SITE_READ) ? source_failed(s, off) : __real_source_read_some(s, off, buf, len, ret);
}

/* The time that was given is over. */
WRAPPED(enum status, source_next_data, struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    return off < s->size && due(SITE_TIME) ? STATUS_LIMIT : __real_source_next_data(s, off, ret_data, ret_hole);
}

static enum status store_failed(struct store *s, uint64_t off)
{
    s->error_off = off;
    s->error_errno = EIO;
    return STATUS_IO;
}

WRAPPED(enum status, store_write, struct store *s, uint64_t off, const void *buf, size_t len)
{
    return due(SITE_CHANGE) ? store_failed(s, off) : __real_store_write(s, off, buf, len);
}

WRAPPED(enum status, store_zero, struct store *s, uint64_t off, uint64_t len)
{
    return due(SITE_CHANGE) ? store_failed(s, off) : __real_store_zero(s, off, len);
}

WRAPPED(enum status, store_resize, struct store *s, uint64_t size)
{
    return due(SITE_CHANGE) ? store_failed(s, size) : __real_store_resize(s, size);
}

WRAPPED(enum status, store_sync, struct store *s)
{
    return due(SITE_CHANGE) ? store_failed(s, 0) : __real_store_sync(s);
}

WRAPPED(enum status, stage_copy, struct store *s, uint64_t off, uint64_t from, uint64_t len)
{
    return due(SITE_CHANGE) ? store_failed(s, off) : __real_stage_copy(s, off, from, len);
}

/* ---- runs ---- */

/* As tests/msan.c: what cJSON writes counts as written. */
static void *zeroed(size_t size)
{
    return __wrap_calloc(1, size);
}

void sites_begin(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = zeroed, .free_fn = free});
    calls = 0;
    active = true;
}

void sites_pause(bool pause)
{
    active = !pause;
}

enum site_kind sites_end(void)
{
    active = false;
    return fired;
}

uint64_t sites_try(site_run *run, void *ctx)
{
    uint64_t runs = 0;

    fresh_count = 0;
    recording = true;
    fired = SITE_NONE;
    run(ctx);
    recording = false;
    for (size_t i = 0; i < fresh_count; i++) {
        fail_at = fresh[i];
        fired = SITE_NONE;
        run(ctx);
        runs += fired != SITE_NONE;
    }
    return runs;
}
