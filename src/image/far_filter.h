/* SPDX-License-Identifier: MIT */
/*
 * Says of most far claims, without remembering any of them, that nothing overlaps them: a claim is added under the hash
 * of each grid cell (one block size wide) that it touches. Two claims that overlap touch one cell both, so a claim
 * whose cells were touched once has its place to itself. The reverse is a guess: "maybe" must be looked at.
 */
#ifndef VHDXRAY_IMAGE_FAR_FILTER_H
#define VHDXRAY_IMAGE_FAR_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct far_filter {
    uint64_t *words; /* bits by hash, in pairs of words: met once, met again */
    unsigned hash_bits;
    unsigned cell_shift; /* log2 of the block size in units */
};

/* For about `claims` claims; less room than wanted only makes guesses worse. False when there is no memory at all. */
bool far_filter_create(struct arena *a, uint64_t claims, uint64_t block_units, struct far_filter *ret);
/* len in units, at most the block size. */
void far_filter_add(struct far_filter *f, uint64_t unit, uint64_t len);
bool far_filter_maybe(const struct far_filter *f, uint64_t unit, uint64_t len);
void far_filter_free(struct arena *a, struct far_filter *f);

#endif
