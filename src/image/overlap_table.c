/* SPDX-License-Identifier: MIT */
/*
 * Facts about overlapping entries are kept, not worked out again by the visit: half a byte per entry is less than the
 * claims themselves would take a second time. 67 million overlapping entries make 34 MiB.
 */
#include "image/overlap_table.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/limits.h"

enum { PAGE_SHIFT = 13, PAGE_BYTES = 1 << (PAGE_SHIFT - 1) };

struct overlap_table *overlap_table_create(struct arena *a, uint64_t entries, uint64_t window_entries)
{
    struct overlap_table *t = arena_alloc(a, sizeof(*t));
    if (!t)
        return NULL;
    t->arena = a;
    t->entries = entries;
    t->window_entries = window_entries;
    t->windows = arena_array(a, u64_div_up(entries, window_entries) / 64 + 1, sizeof(*t->windows));
    return t->windows ? t : NULL;
}

static uint8_t *page_for(struct overlap_table *t, uint64_t index)
{
    uint64_t page = index >> PAGE_SHIFT;
    if (!t->pages)
        t->pages = arena_array(t->arena, (t->entries >> PAGE_SHIFT) + 1, sizeof(*t->pages));
    if (!t->pages)
        return NULL;
    if (!t->pages[page])
        t->pages[page] = arena_alloc(t->arena, PAGE_BYTES);
    return t->pages[page];
}

enum status overlap_table_add(struct overlap_table *t, uint64_t index, const struct overlap *o)
{
    uint8_t *page = page_for(t, index);
    if (!page)
        return arena_status(t->arena);
    page[(index & ((1u << PAGE_SHIFT) - 1)) >> 1] |= (uint8_t)(o->kinds << (index & 1) * 4);
    for (unsigned k = 0; k < OVERLAP_KINDS; k++) {
        if (!(o->kinds & 1u << k) || t->count >= LIMIT_CONTESTED_UNITS || t->names_full)
            continue;
        if (t->count == t->cap &&
            !arena_grow(t->arena, (void **)&t->conflicts, &t->cap, t->count, sizeof(*t->conflicts))) {
            t->names_full = true; /* names are a help, no fact depends on them */
            continue;
        }
        t->conflicts[t->count++] =
            (struct conflict){.index = index, .kind = (enum overlap_kind)k, .rival = o->rivals[k]};
        t->unnamed += o->rivals[k].owner == CLAIM_OWNER_UNKNOWN;
    }
    return STATUS_OK;
}

enum status overlap_table_add_bitmap(struct overlap_table *t, uint64_t index, uint64_t unit)
{
    if (t->bitmap_count == t->bitmap_cap &&
        !arena_grow(t->arena, (void **)&t->bitmaps, &t->bitmap_cap, t->bitmap_count, sizeof(*t->bitmaps)))
        return arena_status(t->arena);
    t->bitmaps[t->bitmap_count++] = (struct bitmap_place){.index = index, .unit = unit};
    return STATUS_OK;
}

static int compare_conflicts(const void *pa, const void *pb)
{
    const struct conflict *a = pa, *b = pb;
    if (a->index != b->index)
        return u64_compare(a->index, b->index);
    return u64_compare(a->kind, b->kind);
}

void overlap_table_seal(struct overlap_table *t)
{
    if (t->count > 0)
        qsort(t->conflicts, (size_t)t->count, sizeof(*t->conflicts), compare_conflicts);
}

unsigned overlap_table_kinds(const struct overlap_table *t, uint64_t index)
{
    const uint8_t *page = t->pages && index < t->entries ? t->pages[index >> PAGE_SHIFT] : NULL;
    return page ? (unsigned)page[(index & ((1u << PAGE_SHIFT) - 1)) >> 1] >> (index & 1) * 4 & 15u : 0;
}

const struct rival *overlap_table_rival(const struct overlap_table *t, uint64_t index, enum overlap_kind kind)
{
    struct conflict key = {.index = index, .kind = kind};
    const struct conflict *c =
        t->count == 0 ? NULL : bsearch(&key, t->conflicts, (size_t)t->count, sizeof(*t->conflicts), compare_conflicts);
    return c ? &c->rival : NULL;
}
