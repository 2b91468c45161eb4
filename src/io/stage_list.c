/* SPDX-License-Identifier: MIT */
/*
 * The sorted list of a stage's pieces, in leaves of up to LEAF_PIECES: a change anywhere moves at most one leaf's worth
 * of them and, once in LEAF_PIECES / 2 insertions, the table of leaves. So 10^5 writes in any order are a matter of
 * milliseconds. Bytes live in shared buffers; a piece that is cut in two refers to the same one twice.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/stage_parts.h"

/* ---- memory ---- */

static void *take(struct stage_list *t, size_t size, enum status *ret_status)
{
    if (size > t->held_most - t->held) {
        *ret_status = STATUS_LIMIT;
        return NULL;
    }
    void *p = malloc(size);
    if (p == NULL) {
        *ret_status = STATUS_NO_MEMORY;
        return NULL;
    }
    t->held += size;
    return p;
}

static void give(struct stage_list *t, void *p, size_t size)
{
    free(p);
    t->held -= size;
}

enum status stage_buffer_make(struct stage_list *t, size_t cap, struct stage_buffer **ret)
{
    enum status st = STATUS_OK;
    struct stage_buffer *b =
        cap <= SIZE_MAX - sizeof(*b) ? (struct stage_buffer *)take(t, sizeof(*b) + cap, &st) : NULL;

    if (b == NULL)
        return st != STATUS_OK ? st : STATUS_LIMIT;
    b->refs = 0;
    b->cap = cap;
    b->used = 0;
    *ret = b;
    return STATUS_OK;
}

static void buffer_release(struct stage_list *t, struct stage_buffer *b)
{
    if (b != NULL && --b->refs == 0)
        give(t, b, sizeof(*b) + b->cap);
}

enum status stage_list_reserve(struct stage_list *t)
{
    enum status st = STATUS_OK;

    for (int i = 0; i < SPARE_LEAVES; i++) {
        if (t->spare[i] != NULL)
            continue;
        t->spare[i] = (struct stage_leaf *)take(t, sizeof(struct stage_leaf), &st);
        if (t->spare[i] == NULL)
            return st;
    }
    if (t->leaf_cap - t->leaf_count >= SPARE_LEAVES)
        return STATUS_OK;
    uint64_t cap = t->leaf_cap > 0 ? t->leaf_cap * 2 : 16;
    struct stage_leaf **more = (struct stage_leaf **)reallocarray(t->leaves, (size_t)cap, sizeof(struct stage_leaf *));
    if (more == NULL)
        return STATUS_NO_MEMORY;
    t->leaves = more;
    t->leaf_cap = cap;
    return STATUS_OK;
}

static struct stage_leaf *spare_leaf(struct stage_list *t)
{
    int i = 0;

    while (t->spare[i] == NULL) /* stage_list_reserve() sees to it that there is one */
        i++;
    struct stage_leaf *l = t->spare[i];
    t->spare[i] = NULL;
    return l;
}

/* ---- the sorted list ---- */

struct stage_item *stage_list_at(const struct stage_list *t, struct stage_place p)
{
    return p.leaf < t->leaf_count ? &t->leaves[p.leaf]->pieces[p.index] : NULL;
}

struct stage_place stage_list_after(const struct stage_list *t, struct stage_place p)
{
    if (++p.index == t->leaves[p.leaf]->count)
        p = (struct stage_place){.leaf = p.leaf + 1};
    return p;
}

struct stage_item *stage_list_before(const struct stage_list *t, struct stage_place p)
{
    if (p.index > 0)
        return &t->leaves[p.leaf]->pieces[p.index - 1];
    if (p.leaf == 0)
        return NULL;
    struct stage_leaf *l = t->leaves[p.leaf - 1];
    return &l->pieces[l->count - 1];
}

struct stage_place stage_list_find(const struct stage_list *t, uint64_t off)
{
    uint64_t lo = 0, hi = t->leaf_count;

    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        const struct stage_leaf *l = t->leaves[mid];
        if (l->pieces[l->count - 1].end > off)
            hi = mid;
        else
            lo = mid + 1;
    }
    struct stage_place p = {.leaf = lo};
    if (lo == t->leaf_count)
        return p;
    uint32_t first = 0, end = t->leaves[lo]->count;
    while (first < end) {
        uint32_t mid = first + (end - first) / 2;
        if (t->leaves[lo]->pieces[mid].end > off)
            end = mid;
        else
            first = mid + 1;
    }
    p.index = first;
    return p;
}

static void add_leaf(struct stage_list *t, uint64_t where)
{
    memmove(&t->leaves[where + 1], &t->leaves[where], (size_t)(t->leaf_count - where) * sizeof(*t->leaves));
    t->leaves[where] = spare_leaf(t);
    t->leaves[where]->count = 0;
    t->leaf_count++;
}

/* The place of a new piece in front of p, the leaf split when it is full. Appending does not split: leaves stay full.
 */
static struct stage_place make_room(struct stage_list *t, struct stage_place p)
{
    if (p.leaf == t->leaf_count && p.leaf > 0)
        p = (struct stage_place){.leaf = p.leaf - 1, .index = t->leaves[p.leaf - 1]->count};
    if (t->leaf_count == 0 || p.index == LEAF_PIECES) { /* behind the last piece */
        add_leaf(t, t->leaf_count);
        return (struct stage_place){.leaf = t->leaf_count - 1};
    }
    struct stage_leaf *l = t->leaves[p.leaf];
    if (l->count < LEAF_PIECES)
        return p;
    uint32_t half = l->count / 2;
    add_leaf(t, p.leaf + 1);
    struct stage_leaf *right = t->leaves[p.leaf + 1];
    memcpy(right->pieces, &l->pieces[half], (l->count - half) * sizeof(l->pieces[0]));
    right->count = l->count - half;
    l->count = half;
    return p.index <= half ? p : (struct stage_place){.leaf = p.leaf + 1, .index = p.index - half};
}

void stage_list_insert(struct stage_list *t, struct stage_place p, struct stage_item piece)
{
    p = make_room(t, p);
    struct stage_leaf *l = t->leaves[p.leaf];
    memmove(&l->pieces[p.index + 1], &l->pieces[p.index], (l->count - p.index) * sizeof(l->pieces[0]));
    l->pieces[p.index] = piece;
    l->count++;
    if (piece.buffer != NULL)
        piece.buffer->refs++;
}

/* The place of what followed. */
static struct stage_place drop(struct stage_list *t, struct stage_place p)
{
    struct stage_leaf *l = t->leaves[p.leaf];

    buffer_release(t, l->pieces[p.index].buffer);
    l->count--;
    memmove(&l->pieces[p.index], &l->pieces[p.index + 1], (l->count - p.index) * sizeof(l->pieces[0]));
    if (p.index < l->count)
        return p;
    if (l->count > 0)
        return (struct stage_place){.leaf = p.leaf + 1};
    give(t, l, sizeof(*l));
    t->leaf_count--;
    memmove(&t->leaves[p.leaf], &t->leaves[p.leaf + 1], (size_t)(t->leaf_count - p.leaf) * sizeof(*t->leaves));
    return (struct stage_place){.leaf = p.leaf};
}

struct stage_place stage_list_clear(struct stage_list *t, uint64_t off, uint64_t end)
{
    struct stage_place p = stage_list_find(t, off);
    struct stage_item *x = stage_list_at(t, p);

    t->generation++;

    if (x != NULL && x->off < off) {
        struct stage_item right = *x;
        uint64_t right_off = u64_min(end, right.end);
        x->end = off;
        p = stage_list_after(t, p);
        if (right_off < right.end) {
            right.from += right_off - right.off;
            right.off = right_off;
            stage_list_insert(t, p, right);
            return stage_list_find(t, off);
        }
        x = stage_list_at(t, p);
    }
    while (x != NULL && x->off < end) {
        if (x->end > end) {
            x->from += end - x->off;
            x->off = end;
            break;
        }
        p = drop(t, p);
        x = stage_list_at(t, p);
    }
    return p;
}

bool stage_piece_continues(const struct stage_item *a, const struct stage_item *b)
{
    return a != NULL && b != NULL && a->end == b->off && a->kind == b->kind &&
           (a->kind != STAGE_COPY || a->from + (a->end - a->off) == b->from);
}

void stage_list_put(struct stage_list *t, struct stage_place p, struct stage_item piece)
{
    struct stage_item *prev = stage_list_before(t, p), *next = stage_list_at(t, p);

    if (stage_piece_continues(&piece, next)) {
        piece.end = next->end;
        p = drop(t, p);
        prev = stage_list_before(t, p);
    }
    if (stage_piece_continues(prev, &piece))
        prev->end = piece.end;
    else
        stage_list_insert(t, p, piece);
}

void stage_list_free(struct stage_list *t)
{
    for (uint64_t i = 0; i < t->leaf_count; i++) {
        for (uint32_t k = 0; k < t->leaves[i]->count; k++)
            buffer_release(t, t->leaves[i]->pieces[k].buffer);
        free(t->leaves[i]);
    }
    for (int i = 0; i < SPARE_LEAVES; i++)
        free(t->spare[i]);
    free((void *)t->leaves);
}
