/* SPDX-License-Identifier: MIT */
/*
 * Questions to a sector bitmap block ([MS-VHDX] 2.4), answered 64 sectors at a time: one is asked for each read of a
 * partially present block and for every bitmap of a checked chain, and a bitmap is 2^23 bits. A word is loaded
 * bytewise (compilers make one load of it), so that alignment and the host's byte order do not matter, and its bit i
 * is sector 64 * word + i. Bits behind the end of the span read as zero, so a bitmap cut short needs no special case;
 * the end of a range that would wrap counts as the last sector there can be.
 */
#include "format/sector_bitmap.h"

#include <string.h>

#include "base/checked.h"
#include "base/le.h"

enum { WORD_BITS = 64 };

/* Bits [64 * index, 64 * index + 64); zeros where the span has ended. index <= 2^58, so 8 * index cannot wrap. */
static uint64_t word_at(struct span bits, uint64_t index)
{
    uint64_t off = index * 8, word = 0;
    if (range_in(off, 8, bits.len))
        return le64(bits.ptr + off);
    for (uint64_t i = off; i < bits.len; i++)
        word |= (uint64_t)bits.ptr[i] << (8 * (i - off));
    return word;
}

/* Ones in the lowest n bits, 1 <= n <= 64. */
static uint64_t low_mask(uint64_t n)
{
    return UINT64_MAX >> (WORD_BITS - n);
}

bool sector_bitmap_get(struct span bits, uint64_t sector)
{
    return sector / 8 < bits.len && (bits.ptr[sector / 8] >> (sector % 8) & 1) != 0;
}

void sector_bitmap_set(uint8_t *bits, uint64_t first, uint64_t count, bool value)
{
    uint64_t i = first, end = first + count;
    while (i < end) {
        if (i % 8 == 0 && end - i >= 8) {
            memset(bits + i / 8, value ? 0xFF : 0, (size_t)((end - i) / 8));
            i += (end - i) / 8 * 8;
            continue;
        }
        uint8_t bit = (uint8_t)(1U << (i % 8));
        bits[i / 8] = (uint8_t)(value ? bits[i / 8] | bit : bits[i / 8] & ~bit);
        i++;
    }
}

/* First sector that the span no longer describes. */
static uint64_t span_sectors(struct span bits)
{
    return (uint64_t)bits.len > UINT64_MAX / 8 ? UINT64_MAX : (uint64_t)bits.len * 8;
}

uint64_t sector_bitmap_count(struct span bits, uint64_t first, uint64_t count)
{
    uint64_t end = u64_min(u64_add_sat(first, count), span_sectors(bits)), ones = 0;
    for (uint64_t i = first; i < end;) {
        uint64_t shift = i % WORD_BITS, n = u64_min(WORD_BITS - shift, end - i);
        ones += (uint64_t)__builtin_popcountll(word_at(bits, i / WORD_BITS) >> shift & low_mask(n));
        i += n;
    }
    return ones;
}

uint64_t sector_bitmap_run(struct span bits, uint64_t first, uint64_t count, bool *ret_value)
{
    bool value = sector_bitmap_get(bits, first);
    uint64_t limit = span_sectors(bits), end = u64_add_sat(first, count), known = u64_min(end, limit);
    *ret_value = value;
    for (uint64_t i = first; i < known;) {
        uint64_t shift = i % WORD_BITS, n = u64_min(WORD_BITS - shift, known - i);
        uint64_t word = word_at(bits, i / WORD_BITS);
        uint64_t differ = (value ? ~word : word) >> shift & low_mask(n);
        if (differ != 0)
            return i + (uint64_t)__builtin_ctzll(differ) - first;
        i += n;
    }
    /* Behind the span all is zero: a run of ones ends there, a run of zeros goes on to the end. */
    return (value ? known : end) - first;
}
