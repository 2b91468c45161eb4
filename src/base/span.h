/* SPDX-License-Identifier: MIT */
/* Borrowed, read-only bytes. span_sub() is the only way to narrow one, so every access is checked in one place. */
#ifndef VHDXRAY_BASE_SPAN_H
#define VHDXRAY_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const uint8_t *ptr;
    size_t len;
};

static inline struct span span_of(const void *ptr, size_t len)
{
    return (struct span){.ptr = (const uint8_t *)ptr, .len = len};
}

/* True when [off, off + len) lies in a container of `size` bytes; never overflows. */
static inline bool range_in(uint64_t off, uint64_t len, uint64_t size)
{
    return off <= size && len <= size - off;
}

/* Narrows to [off, off + len); false (ret untouched) when that leaves the span. */
__attribute__((warn_unused_result)) static inline bool span_sub(struct span s, uint64_t off, uint64_t len,
                                                                struct span *ret)
{
    if (!range_in(off, len, s.len))
        return false;
    *ret = (struct span){.ptr = s.ptr + (size_t)off, .len = (size_t)len};
    return true;
}

/* First offset >= off whose byte is not zero, or s.len. */
size_t span_find_nonzero(struct span s, size_t off);

/* Behind the last byte that is not zero; 0 when there is none. */
size_t span_end_nonzero(struct span s);

/* Bytes at or behind off that are not zero; off <= s.len. */
size_t span_count_nonzero(struct span s, size_t off);

static inline bool span_is_zero(struct span s)
{
    return span_find_nonzero(s, 0) == s.len;
}

/* The byte at i of a span behind which only zeros follow. */
static inline uint8_t span_byte_or_zero(struct span s, size_t i)
{
    return i < s.len ? s.ptr[i] : 0;
}

/* True when they differ in nothing but zeros at the end of one of them. */
bool span_equal_but_zeros(struct span a, struct span b);

#endif
