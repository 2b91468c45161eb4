/* SPDX-License-Identifier: MIT */
/*
 * The search for stray bytes in areas that have to be zero. Some are whole blocks of a disk, so it goes by 128 bytes at
 * first, in vectors that any compiler with GNU extensions makes of what the machine has, then word by word.
 */
#include "base/span.h"

#include <string.h>

/* Of any alignment, as spans are. Loaded in place: under AddressSanitizer a memcpy() of so much is a call. */
typedef uint64_t vector __attribute__((vector_size(16), aligned(1), may_alias));
enum { STRIDE = 8 * sizeof(vector) };

static bool stride_is_zero(const uint8_t *p)
{
    const vector *v = (const vector *)(const void *)p;
    vector all = ((v[0] | v[1]) | (v[2] | v[3])) | ((v[4] | v[5]) | (v[6] | v[7]));
    return (all[0] | all[1]) == 0;
}

size_t span_find_nonzero(struct span s, size_t off)
{
    while (off < s.len && s.len - off >= STRIDE && stride_is_zero(s.ptr + off))
        off += STRIDE;
    while (off < s.len && s.len - off >= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, s.ptr + off, sizeof(word));
        if (word != 0)
            break;
        off += sizeof(word);
    }
    while (off < s.len && s.ptr[off] == 0)
        off++;
    return off < s.len ? off : s.len;
}

/* Of each byte, its highest bit becomes: is it not zero? */
static unsigned word_count_nonzero(uint64_t word)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7f;

    return (unsigned)__builtin_popcountll((((word & low) + low) | word) & ~low);
}

size_t span_count_nonzero(struct span s, size_t off)
{
    size_t count = 0;

    for (; s.len - off >= sizeof(uint64_t); off += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, s.ptr + off, sizeof(word));
        count += word_count_nonzero(word);
    }
    for (; off < s.len; off++)
        count += s.ptr[off] != 0;
    return count;
}

bool span_equal_but_zeros(struct span a, struct span b)
{
    size_t both = a.len < b.len ? a.len : b.len;
    struct span longer = a.len > b.len ? a : b;

    return memcmp(a.ptr, b.ptr, both) == 0 && span_find_nonzero(longer, both) == longer.len;
}
