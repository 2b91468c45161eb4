/* SPDX-License-Identifier: MIT */
/*
 * Sources without a file: one buffer, or extents over zeros. The latter lets a few hundred bytes stand for an image of
 * many megabytes, in tests and in fuzzing. Extents are flattened once, so a read costs what it copies.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/layers.h"
#include "io/source.h"

struct mem_source {
    struct source base;
    const uint8_t *ptr;
};

static enum status mem_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    memcpy(buf, ((const struct mem_source *)s)->ptr + (size_t)off, len);
    return STATUS_OK;
}

static enum status mem_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    *ret_data = off;
    *ret_hole = s->size;
    return STATUS_OK;
}

static void mem_close(struct source *s)
{
    free(s);
}

struct source *mem_open(const void *buf, uint64_t size)
{
    static const struct source_ops ops = {.read = mem_read, .next_data = mem_next_data, .close = mem_close};
    struct mem_source *m = (struct mem_source *)calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    m->base.ops = &ops;
    m->base.size = size;
    m->ptr = (const uint8_t *)buf;
    return (struct source *)m;
}

struct extent_piece {
    uint64_t off, end;
    const uint8_t *ptr;
};

struct extents_source {
    struct source base;
    uint64_t count;
    struct extent_piece pieces[]; /* sorted, disjoint, not empty, inside the file */
};

/* The first piece that ends behind off. */
static uint64_t extents_find(const struct extents_source *e, uint64_t off)
{
    uint64_t lo = 0, hi = e->count;

    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (e->pieces[mid].end <= off)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static enum status extents_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    const struct extents_source *e = (const struct extents_source *)s;
    uint64_t at = off, end = off + len;

    for (uint64_t i = extents_find(e, off); i < e->count && e->pieces[i].off < end; i++) {
        const struct extent_piece *p = &e->pieces[i];
        uint64_t from = u64_max(off, p->off), to = u64_min(end, p->end);
        if (from > at)
            memset((uint8_t *)buf + (size_t)(at - off), 0, (size_t)(from - at));
        memcpy((uint8_t *)buf + (size_t)(from - off), p->ptr + (size_t)(from - p->off), (size_t)(to - from));
        at = to;
    }
    if (end > at)
        memset((uint8_t *)buf + (size_t)(at - off), 0, (size_t)(end - at));
    return STATUS_OK;
}

static enum status extents_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    const struct extents_source *e = (const struct extents_source *)s;
    uint64_t i = extents_find(e, off);

    if (i == e->count) {
        *ret_data = *ret_hole = s->size;
        return STATUS_OK;
    }
    *ret_data = u64_max(off, e->pieces[i].off);
    while (i + 1 < e->count && e->pieces[i + 1].off == e->pieces[i].end)
        i++;
    *ret_hole = e->pieces[i].end;
    return STATUS_OK;
}

static void extents_close(struct source *s)
{
    free(s);
}

struct source *extents_open(const struct mem_extent *extents, uint64_t count, uint64_t size)
{
    static const struct source_ops ops = {.read = extents_read, .next_data = extents_next_data, .close = extents_close};
    uint64_t used = 0;

    if (count > (SIZE_MAX - sizeof(struct extents_source)) / (2 * sizeof(struct extent_piece)))
        return NULL;
    /* One layer more than needed, so that no request is empty: then NULL only ever means that memory ran out. */
    struct extents_source *e =
        (struct extents_source *)malloc(sizeof(*e) + 2 * (size_t)count * sizeof(struct extent_piece));
    struct layer *layers = (struct layer *)malloc((size_t)(count + 1) * (sizeof(*layers) + sizeof(uint64_t)));
    if (e == NULL || layers == NULL) {
        free(e);
        free(layers);
        return NULL;
    }
    uint64_t *heap = (uint64_t *)(void *)(layers + count + 1);
    *e = (struct extents_source){.base = {.ops = &ops, .size = size}};
    for (uint64_t i = 0; i < count; i++) {
        if (extents[i].off >= size || extents[i].len == 0)
            continue;
        uint64_t len = u64_min(extents[i].len, size - extents[i].off);
        layers[used++] = (struct layer){.off = extents[i].off, .end = extents[i].off + len, .index = i};
    }
    layers_sort(layers, used);
    struct layers_sweep sweep = layers_begin(layers, used, heap);
    struct layer piece;
    while (layers_next(&sweep, &piece)) {
        const struct mem_extent *x = &extents[piece.index];
        e->pieces[e->count++] = (struct extent_piece){
            .off = piece.off,
            .end = piece.end,
            .ptr = x->ptr + (size_t)(piece.off - x->off),
        };
    }
    free(layers);
    return (struct source *)e;
}
