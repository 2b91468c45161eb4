/* SPDX-License-Identifier: MIT */
/*
 * Two maps of bits, word by word beside each other: hashes met once, and those met again. At four bits per claim about
 * one honest claim in five is suspected for nothing. Whoever chooses offsets so that hashes collide makes every claim
 * suspected, and the passes that follow as slow as they were without this.
 */
#include "image/far_filter.h"

enum { HASH_BITS_MIN = 19, HASH_BITS_MAX = 28, BITS_PER_CLAIM_SHIFT = 2 };

bool far_filter_create(struct arena *a, uint64_t claims, uint64_t block_units, struct far_filter *ret)
{
    struct far_filter f = {.hash_bits = HASH_BITS_MIN, .cell_shift = (unsigned)__builtin_ctzll(block_units)};
    while (f.hash_bits < HASH_BITS_MAX && (uint64_t)1 << f.hash_bits < claims << BITS_PER_CLAIM_SHIFT)
        f.hash_bits++;
    for (; f.hash_bits >= HASH_BITS_MIN; f.hash_bits--) {
        f.words = arena_array(a, (uint64_t)2 << (f.hash_bits - 6), sizeof(*f.words));
        if (f.words) {
            *ret = f;
            return true;
        }
    }
    return false;
}

static uint64_t hash(const struct far_filter *f, uint64_t cell)
{
    return cell * 0x9e3779b97f4a7c15U >> (64 - f->hash_bits);
}

static void add_cell(struct far_filter *f, uint64_t cell)
{
    uint64_t h = hash(f, cell), bit = (uint64_t)1 << (h & 63), *pair = &f->words[h >> 6 << 1];
    pair[1] |= pair[0] & bit;
    pair[0] |= bit;
}

void far_filter_add(struct far_filter *f, uint64_t unit, uint64_t len)
{
    uint64_t first = unit >> f->cell_shift, last = (unit + len - 1) >> f->cell_shift;
    add_cell(f, first);
    if (last != first)
        add_cell(f, last);
}

static bool cell_twice(const struct far_filter *f, uint64_t cell)
{
    uint64_t h = hash(f, cell);
    return f->words[(h >> 6 << 1) + 1] >> (h & 63) & 1;
}

bool far_filter_maybe(const struct far_filter *f, uint64_t unit, uint64_t len)
{
    return cell_twice(f, unit >> f->cell_shift) || cell_twice(f, (unit + len - 1) >> f->cell_shift);
}

void far_filter_free(struct arena *a, struct far_filter *f)
{
    if (f->words)
        arena_release(a, f->words);
    f->words = NULL;
}
