/* SPDX-License-Identifier: MIT */
/*
 * What every target uses to state its properties. A property that does not hold ends the process, in every build, so
 * that an engine or the replay driver reports the input; so does work beyond a bound, which makes a crash of what would
 * be a hang.
 */
#ifndef VHDXRAY_FUZZ_PROPERTY_H
#define VHDXRAY_FUZZ_PROPERTY_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "io/source.h"
#include "io/store.h"

/* Called by the engine. Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ASSERT(cond) or ASSERT(cond, "format", ...). Not assert(): NDEBUG plays no part. */
#define ASSERT(cond, ...)                                                                                              \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            property_failed(__FILE__, __LINE__, #cond, " " __VA_ARGS__);                                               \
    } while (0)

__attribute__((noreturn, cold, unused, format(printf, 4, 5))) static void
property_failed(const char *file, int line, const char *what, const char *format, ...)
{
    va_list ap;

    fprintf(stderr, "%s:%d: property failed: %s:", file, line, what);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}

/* The driver that replays inputs defines this, not 0; engines do not. What costs an engine too much is for the replay.
 */
extern char property_replays __attribute__((weak));

__attribute__((unused)) static inline bool is_replay(void)
{
    return &property_replays != NULL && property_replays != 0;
}

/* Results that nothing asserts on go here, or the optimiser removes what made them. */
static volatile uint64_t property_sink_value __attribute__((unused));

__attribute__((unused)) static inline void sink(uint64_t v)
{
    property_sink_value = property_sink_value + v;
}

/* Looks at every byte: MSan then knows that they were all written. */
__attribute__((unused)) static inline void sink_bytes(const void *ptr, size_t len)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += ((const uint8_t *)ptr)[i];
    sink(sum);
}

/* ---- the rest of an input, taken from its front ---- */

struct taker {
    const uint8_t *ptr;
    size_t len;
};

/* n bytes as a little-endian number, n <= 8; what is missing is zero. */
__attribute__((unused)) static inline uint64_t take(struct taker *t, unsigned n)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < n && t->len > 0; i++) {
        v |= (uint64_t)*t->ptr << (8 * i);
        t->ptr++;
        t->len--;
    }
    return v;
}

/* ---- bounded work ---- */

/* Reads, questions for holes, and bytes that a run may cost. */
struct work_bound {
    uint64_t calls, bytes;
};

/*
 * c1 * what is there + c2. The structures of an image are read in windows of LIMIT_WINDOW, those that are holes are
 * not, so what is there is `ranges` pieces of data of together `bytes` bytes, and a piece costs a window or two.
 */
__attribute__((unused)) static inline struct work_bound work_bound_of(uint64_t c1, uint64_t ranges, uint64_t bytes,
                                                                      uint64_t c2_calls, uint64_t c2_bytes)
{
    const uint64_t window = (uint64_t)1 << 20, page = 4096;

    return (struct work_bound){
        .calls = c1 * (ranges + bytes / page) + c2_calls,
        .bytes = c1 * (ranges * 2 * window + bytes) + c2_bytes,
    };
}

/* A source that hands everything on to the one below until the bound is passed: then it aborts. Its counters are the
 * sum. */
struct watched {
    struct source base;
    struct source *below;
    struct work_bound bound;
    uint64_t questions; /* for holes */
};

__attribute__((unused)) static void watched_judge(const struct watched *w)
{
    ASSERT(w->base.read_calls + w->questions <= w->bound.calls, "%llu reads and %llu questions for holes",
           (unsigned long long)w->base.read_calls, (unsigned long long)w->questions);
    ASSERT(w->base.read_bytes <= w->bound.bytes, "%llu bytes read", (unsigned long long)w->base.read_bytes);
}

__attribute__((unused)) static enum status watched_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    struct watched *w = (struct watched *)s;

    watched_judge(w);
    return source_read(w->below, off, buf, len);
}

__attribute__((unused)) static enum status watched_next_data(struct source *s, uint64_t off, uint64_t *ret_data,
                                                             uint64_t *ret_hole)
{
    struct watched *w = (struct watched *)s;

    w->questions++;
    watched_judge(w);
    return source_next_data(w->below, off, ret_data, ret_hole);
}

__attribute__((unused)) static void watched_close(struct source *s)
{
    (void)s; /* nothing is owned */
}

/* Borrows both, w must stay in place. Closing it does nothing. */
__attribute__((unused)) static struct source *watched_open(struct watched *w, struct source *below,
                                                           struct work_bound bound)
{
    static const struct source_ops ops = {watched_read, watched_next_data, watched_close};

    *w = (struct watched){.base = {.ops = &ops, .size = below->size}, .below = below, .bound = bound};
    return &w->base;
}

/* A store for code that must not change anything: every change aborts. Borrows the source; closing it does nothing. */
__attribute__((unused)) static enum status untouched_write(struct store *s, uint64_t off, const void *buf, size_t len)
{
    (void)s;
    (void)buf;
    property_failed(__FILE__, __LINE__, "nothing is written", " %zu bytes at %llu", len, (unsigned long long)off);
}

__attribute__((unused)) static enum status untouched_zero(struct store *s, uint64_t off, uint64_t len)
{
    (void)s;
    property_failed(__FILE__, __LINE__, "nothing is zeroed", " %llu bytes at %llu", (unsigned long long)len,
                    (unsigned long long)off);
}

__attribute__((unused)) static enum status untouched_resize(struct store *s, uint64_t size)
{
    (void)s;
    property_failed(__FILE__, __LINE__, "nothing is resized", " to %llu", (unsigned long long)size);
}

__attribute__((unused)) static enum status untouched_sync(struct store *s)
{
    (void)s;
    return STATUS_OK;
}

__attribute__((unused)) static void untouched_close(struct store *s)
{
    (void)s;
}

__attribute__((unused)) static struct store *untouched_open(struct store *s, struct source *below)
{
    static const struct store_ops ops = {untouched_write, untouched_zero, untouched_resize, untouched_sync,
                                         untouched_close};

    *s = (struct store){.ops = &ops, .source = below};
    return s;
}

/* An arena for one run. Its budget is a bound for the engine, far above what an input of a few KiB has a right to. */
__attribute__((unused)) static struct arena *property_arena(uint64_t budget)
{
    struct arena *a = arena_create(budget);

    ASSERT(a != NULL, "out of memory");
    return a;
}

/* Memory as well follows what is there: c1 bytes for each byte of the structures, and c2. */
__attribute__((unused)) static void assert_arena_used(const struct arena *a, uint64_t c1, uint64_t structure_bytes,
                                                      uint64_t c2)
{
    ASSERT(arena_used(a) <= c1 * structure_bytes + c2, "%llu bytes for %llu", (unsigned long long)arena_used(a),
           (unsigned long long)structure_bytes);
}

#endif
