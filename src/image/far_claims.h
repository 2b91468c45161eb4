/* SPDX-License-Identifier: MIT */
/*
 * Claims on places so high in the address space that no map of bits is kept for them (image/claims.h): a sorted list of
 * the lowest distinct ones at or above `from`, each with the first BAT entry that makes it. When there are more than
 * fit, the list is complete only below `bound`; a further pass over the BAT starts a new list there.
 */
#ifndef VHDXRAY_IMAGE_FAR_CLAIMS_H
#define VHDXRAY_IMAGE_FAR_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct far_claim {
    uint64_t key;   /* unit << 2 | kind: sorts by unit, then kind */
    uint64_t index; /* lowest BAT index; FAR_CLAIM_SHARED set when later entries make the same claim */
};
static const uint64_t FAR_CLAIM_SHARED = (uint64_t)1 << 63;

struct far_claims {
    struct arena *arena;
    struct far_claim *items, *spare; /* spare: as large as items, for sorting */
    uint64_t count, cap, limit;      /* limit: distinct claims kept at most */
    uint64_t from, bound;            /* units; claims in [from, bound) are all there */
};

struct far_claims far_claims_in(struct arena *a, uint64_t from, uint64_t limit);
/* In BAT order. STATUS_LIMIT or STATUS_NO_MEMORY only when not even a small list can be had. */
enum status far_claims_add(struct far_claims *f, uint64_t key, uint64_t index);
/* Sorts and removes duplicates; needed before any look at items, no more additions after it. */
void far_claims_seal(struct far_claims *f);
/*
 * The items of a sealed list that are shared or meet another one, as a list with the same bounds: nothing else can be
 * part of an overlap. len_of: length in units by kind (key & 3). In place, f is used up; else false when out of memory.
 */
bool far_claims_crowded(const struct far_claims *f, const uint64_t len_of[4], bool in_place, struct far_claims *ret);
/* Position of the first item with a key >= key. */
uint64_t far_claims_lower(const struct far_claims *f, uint64_t key);
void far_claims_free(struct far_claims *f);

#endif
