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

size_t span_end_nonzero(struct span s)
{
    size_t end = s.len;

    while (end >= STRIDE && stride_is_zero(s.ptr + end - STRIDE))
        end -= STRIDE;
    for (uint64_t word = 0; end >= sizeof(word); end -= sizeof(word)) {
        memcpy(&word, s.ptr + end - sizeof(word), sizeof(word));
        if (word != 0)
            break;
    }
    while (end > 0 && s.ptr[end - 1] == 0)
        end--;
    return end;
}

typedef uint8_t lanes __attribute__((vector_size(16), aligned(1), may_alias));
enum { LANE_MAX = UINT8_MAX };

/* In `count` vectors, no more than a lane can count. */
static size_t lanes_count_nonzero(const uint8_t *p, size_t count)
{
    const lanes *v = (const lanes *)(const void *)p, zero = {0};
    lanes found = zero;
    size_t sum = 0;

    for (size_t i = 0; i < count; i++)
        found -= (lanes)(v[i] != zero); /* a lane of what is compared is 0 or -1 */
    for (size_t i = 0; i < sizeof(found); i++)
        sum += found[i];
    return sum;
}

size_t span_count_nonzero(struct span s, size_t off)
{
    size_t sum = 0;

    while (s.len - off >= sizeof(lanes)) {
        size_t most = (s.len - off) / sizeof(lanes), count = most < LANE_MAX ? most : LANE_MAX;
        sum += lanes_count_nonzero(s.ptr + off, count);
        off += count * sizeof(lanes);
    }
    for (; off < s.len; off++)
        sum += s.ptr[off] != 0;
    return sum;
}

bool span_equal_but_zeros(struct span a, struct span b)
{
    size_t both = a.len < b.len ? a.len : b.len;
    struct span longer = a.len > b.len ? a : b;

    return memcmp(a.ptr, b.ptr, both) == 0 && span_find_nonzero(longer, both) == longer.len;
}
