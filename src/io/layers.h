/* SPDX-License-Identifier: MIT */
/*
 * Ranges laid over one another, later ones on top, flattened into sorted disjoint pieces of what is visible. Shared by
 * the overlay and the sparse memory source.
 */
#ifndef VHDXRAY_IO_LAYERS_H
#define VHDXRAY_IO_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

struct layer {
    uint64_t off, end; /* [off, end) */
    uint64_t index;    /* position in the caller's list; higher is on top */
};

/* Sorts for layers_next(). Empty ranges are allowed. */
void layers_sort(struct layer *layers, uint64_t count);

struct layers_sweep {
    const struct layer *layers; /* sorted */
    uint64_t count;
    uint64_t *heap; /* room for `count` numbers; owned by the caller */
    uint64_t heap_count;
    uint64_t next;
    uint64_t pos;
};

static inline struct layers_sweep layers_begin(const struct layer *sorted, uint64_t count, uint64_t *heap)
{
    return (struct layers_sweep){.layers = sorted, .count = count, .heap = heap};
}

/*
 * The next visible piece in ascending order, with the index of the layer it shows; false at the end. At most
 * 2 * count - 1 pieces, O(log count) each on average; a piece is cut only where another layer covers it.
 */
bool layers_next(struct layers_sweep *s, struct layer *ret);

#endif
