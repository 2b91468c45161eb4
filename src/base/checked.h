/* SPDX-License-Identifier: MIT */
/* Sums and products of numbers that a file supplied. False means overflow; ret is then untouched. */
#ifndef VHDXRAY_BASE_CHECKED_H
#define VHDXRAY_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))

MUST_CHECK static inline bool u64_add(uint64_t a, uint64_t b, uint64_t *ret)
{
    uint64_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *ret = r;
    return true;
}

MUST_CHECK static inline bool u64_mul(uint64_t a, uint64_t b, uint64_t *ret)
{
    uint64_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *ret = r;
    return true;
}

/* Rounds up to a multiple of `to`, a power of two. */
MUST_CHECK static inline bool u64_align_up(uint64_t v, uint64_t to, uint64_t *ret)
{
    uint64_t r;
    if (__builtin_add_overflow(v, to - 1, &r))
        return false;
    *ret = r & ~(to - 1);
    return true;
}

/* For sums that only serve a message or an upper bound: stays at the maximum instead of wrapping. */
static inline uint64_t u64_add_sat(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t u64_div_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

static inline bool is_pow2(uint64_t v)
{
    return v != 0 && (v & (v - 1)) == 0;
}

static inline uint64_t u64_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t u64_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Below, equal to or above zero, as qsort() and bsearch() want it. */
static inline int u64_compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

#endif
