/* SPDX-License-Identifier: MIT */
/*
 * What the survey found out about overlaps, for the visit: four bits for each BAT entry that overlaps an earlier one
 * (exact, in pages as needed), who the other one is (for the first LIMIT_CONTESTED_UNITS of them), and which windows of
 * the BAT hold notable entries at all. Nothing is allocated for an image without overlaps.
 */
#ifndef VHDXRAY_IMAGE_OVERLAP_TABLE_H
#define VHDXRAY_IMAGE_OVERLAP_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "image/claims.h"

struct conflict {
    uint64_t index; /* the later entry */
    enum overlap_kind kind;
    struct rival rival;
};

struct bitmap_place {
    uint64_t index, unit;
};

struct overlap_table {
    struct arena *arena;
    uint64_t entries; /* BAT entries it can hold facts for */
    uint8_t **pages;  /* two entries per byte */
    struct conflict *conflicts;
    uint64_t cap, count;
    bool names_full;              /* no memory for more conflicts */
    uint64_t unnamed;             /* conflicts whose owner is unknown yet */
    struct bitmap_place *bitmaps; /* PRESENT bitmap slots with an offset */
    uint64_t bitmap_cap, bitmap_count;
    uint64_t *windows; /* bits: windows of the stream (image/bat_stream.h) with notable entries */
    uint64_t window_entries;
};

struct overlap_table *overlap_table_create(struct arena *a, uint64_t entries, uint64_t window_entries);
enum status overlap_table_add(struct overlap_table *t, uint64_t index, const struct overlap *o);
enum status overlap_table_add_bitmap(struct overlap_table *t, uint64_t index, uint64_t unit);
/* After the last addition: brings conflicts into BAT order. */
void overlap_table_seal(struct overlap_table *t);
/* Bits 1 << enum overlap_kind. */
unsigned overlap_table_kinds(const struct overlap_table *t, uint64_t index);
/* The rival of an entry, or NULL when it was not remembered. */
const struct rival *overlap_table_rival(const struct overlap_table *t, uint64_t index, enum overlap_kind kind);

static inline void overlap_table_mark(struct overlap_table *t, uint64_t index)
{
    uint64_t w = index / t->window_entries;
    t->windows[w / 64] |= (uint64_t)1 << (w % 64);
}

static inline bool overlap_table_marked(const struct overlap_table *t, uint64_t index)
{
    uint64_t w = index / t->window_entries;
    return t->windows[w / 64] >> (w % 64) & 1;
}

#endif
