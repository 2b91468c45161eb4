/* SPDX-License-Identifier: MIT */
/*
 * One owner of all memory of one image's analysis, with a budget. Everything allocated lives until arena_destroy();
 * arena_grow() is for arrays that grow by doubling. Budget exhausted: NULL and arena_status() says STATUS_LIMIT.
 */
#ifndef VHDXRAY_BASE_ARENA_H
#define VHDXRAY_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct arena;

/* NULL when even the arena itself cannot be allocated. budget in bytes. */
struct arena *arena_create(uint64_t budget);
void arena_destroy(struct arena *a); /* NULL is fine */

/* Zeroed, aligned for any object; size 0 gives a unique pointer. NULL: see arena_status(). */
void *arena_alloc(struct arena *a, size_t size);
/* The same for what is written at once: its bytes are not zeroed. */
void *arena_room(struct arena *a, size_t size);
/* Zeroed array; checks count * size. */
void *arena_array(struct arena *a, uint64_t count, size_t size);
/* Copy of len bytes plus a NUL behind. */
char *arena_copy(struct arena *a, const void *ptr, size_t len);
/*
 * Makes room for one more element in a doubling array: *items (element `size`), *cap in elements, `count` in use. False
 * when out of budget; then nothing changes. Large old arrays are given back.
 */
bool arena_grow(struct arena *a, void **items, uint64_t *cap, uint64_t count, size_t size);
/* Gives back a block of at least ARENA_LARGE bytes early; others are ignored. */
enum { ARENA_LARGE = 64 * 1024 };
/* Blocks of twice this get large pages of the host where they cover one whole, if it has any. */
enum { ARENA_HUGE = 2 << 20 };
void arena_release(struct arena *a, void *ptr);

/* Why the last allocation failed: STATUS_LIMIT (budget) or STATUS_NO_MEMORY; STATUS_OK when none failed so far. */
enum status arena_status(const struct arena *a);
/* The same where one has failed, so that it is never STATUS_OK. */
static inline enum status arena_failure(const struct arena *a)
{
    enum status st = arena_status(a);
    return st != STATUS_OK ? st : STATUS_NO_MEMORY;
}
uint64_t arena_used(const struct arena *a);

/* Test hook: the n-th allocation from now on fails (1 = the next); 0 = off. sticky: all later ones as well. */
void arena_fail_at(struct arena *a, uint64_t n, bool sticky);

#endif
