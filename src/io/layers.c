/* SPDX-License-Identifier: MIT */
/*
 * A sweep over ranges sorted by start. The heap holds every range that has begun, the topmost (highest index) first. A
 * range that has ended stays inside until it comes to the top, so each one enters and leaves the heap once: n log n for
 * any input, however the ranges nest.
 */
#include "io/layers.h"

#include <stdlib.h>

#include "base/checked.h"

static int compare(const void *pa, const void *pb)
{
    const struct layer *a = (const struct layer *)pa;
    const struct layer *b = (const struct layer *)pb;

    if (a->off != b->off)
        return u64_compare(a->off, b->off);
    return u64_compare(a->index, b->index);
}

/* What was laid is mostly in order but for a few: those are put where they belong, as long as that is not far away. */
static bool sort_few(struct layer *layers, uint64_t count)
{
    uint64_t moves = 4 * count;

    for (uint64_t i = 1; i < count; i++) {
        if (compare(&layers[i], &layers[i - 1]) >= 0)
            continue;
        struct layer l = layers[i];
        uint64_t to = i;
        for (; to > 0 && compare(&l, &layers[to - 1]) < 0; to--, moves--) {
            if (moves == 0) {
                layers[to] = l;
                return false;
            }
            layers[to] = layers[to - 1];
        }
        layers[to] = l;
    }
    return true;
}

void layers_sort(struct layer *layers, uint64_t count)
{
    if (!sort_few(layers, count))
        qsort(layers, (size_t)count, sizeof(*layers), compare);
}

static bool above(const struct layers_sweep *s, uint64_t a, uint64_t b)
{
    return s->layers[a].index > s->layers[b].index;
}

static void push(struct layers_sweep *s, uint64_t layer)
{
    uint64_t i = s->heap_count++;

    while (i > 0) {
        uint64_t parent = (i - 1) / 2;
        if (!above(s, layer, s->heap[parent]))
            break;
        s->heap[i] = s->heap[parent];
        i = parent;
    }
    s->heap[i] = layer;
}

static void pop(struct layers_sweep *s)
{
    uint64_t moved = s->heap[--s->heap_count];
    uint64_t i = 0;

    for (;;) {
        uint64_t child = 2 * i + 1;
        if (child >= s->heap_count)
            break;
        if (child + 1 < s->heap_count && above(s, s->heap[child + 1], s->heap[child]))
            child++;
        if (!above(s, s->heap[child], moved))
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = moved;
}

bool layers_next(struct layers_sweep *s, struct layer *ret)
{
    for (;;) {
        while (s->heap_count > 0 && s->layers[s->heap[0]].end <= s->pos)
            pop(s);
        if (s->heap_count == 0) {
            if (s->next == s->count)
                return false;
            s->pos = s->layers[s->next].off;
        }
        while (s->next < s->count && s->layers[s->next].off <= s->pos)
            push(s, s->next++);
        /* What was just pushed may be empty or, coming from behind, may lie on top: look again. */
        if (s->layers[s->heap[0]].end > s->pos)
            break;
    }

    const struct layer *top = &s->layers[s->heap[0]];
    struct layer piece = {.off = s->pos, .end = top->end, .index = top->index};
    while (s->next < s->count && s->layers[s->next].off < piece.end) {
        if (s->layers[s->next].index > piece.index) {
            piece.end = s->layers[s->next].off;
            break;
        }
        push(s, s->next++); /* below the top one: it shows later, if at all */
    }
    s->pos = piece.end;
    *ret = piece;
    return true;
}
