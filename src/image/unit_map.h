/* SPDX-License-Identifier: MIT */
/*
 * A set of 1 MiB units as bits in pages of 512 bytes (4 GiB of file each), allocated when first touched. For one set of
 * `units` numbers chosen beforehand; memory is at most an eighth of a byte per unit, whatever an image says.
 */
#ifndef VHDXRAY_IMAGE_UNIT_MAP_H
#define VHDXRAY_IMAGE_UNIT_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

enum { UNIT_PAGE_SHIFT = 12, UNIT_PAGE_WORDS = 1 << (UNIT_PAGE_SHIFT - 6) };

/* Pages (8 TiB of file) from which a set is worth being flat. */
enum { UNIT_FLAT_FROM = 2048 };

struct unit_map {
    struct arena *arena;
    uint64_t **pages; /* page_count of them; NULL while the set is empty */
    uint64_t *used;   /* a bit for each page that is there, until the set is flat */
    uint64_t page_count, page_limit;
    uint64_t touched; /* pages there are, until the set is flat */
    bool flat_tried;
    uint64_t *flat; /* all pages, one behind the other; NULL: not yet */
};

/* An empty set of numbers below `units`. Allocates nothing yet. */
struct unit_map unit_map_in(struct arena *a, uint64_t units);

static inline bool unit_map_test(const struct unit_map *m, uint64_t unit)
{
    uint64_t page = unit >> UNIT_PAGE_SHIFT;
    if (!m->pages || page >= m->page_count || !m->pages[page])
        return false;
    return m->pages[page][unit >> 6 & (UNIT_PAGE_WORDS - 1)] >> (unit & 63) & 1;
}

/* Adds first, first + step, ... (count of them; step a power of two, at most 256). All must be below `units`. */
enum status unit_map_fill(struct unit_map *m, uint64_t first, uint64_t count, uint64_t step);

/*
 * For who adds members in no order: moves a large set to one allocation for all its pages, which begins a large page of
 * the host (base/arena.h). Without, half of what they cost is looking up addresses. What is never touched of it takes
 * no memory. Does nothing for a small set, or where the budget is too small.
 */
void unit_map_flatten(struct unit_map *m);

/* Lowest member of [from, to). */
bool unit_map_first(const struct unit_map *m, uint64_t from, uint64_t to, uint64_t *ret);

/* Follows unit, unit + step, unit + 2 * step ... as long as they are members; the first that is not. unit is one. */
uint64_t unit_map_chain(const struct unit_map *m, uint64_t unit, uint64_t step);

#endif
