/* SPDX-License-Identifier: MIT */
/*
 * Bits of 1 MiB units. A member is the first unit of a block, so blocks that follow each other in the file are a
 * regular pattern of bits: with block size 2 MiB 0101..., which is filled and followed 64 units at a time. That makes
 * 67 million blocks in disk order cost a pass over 8 MiB of words, and any order one page lookup per block.
 */
#include "image/unit_map.h"

#include <string.h>

#include "base/checked.h"

enum { PAGES_FIRST = 128 }; /* half a TiB of file */

struct unit_map unit_map_in(struct arena *a, uint64_t units)
{
    return (struct unit_map){.arena = a, .page_limit = u64_div_up(units, (uint64_t)1 << UNIT_PAGE_SHIFT)};
}

/* Every step-th bit, from bit 0; step a power of two below 64. */
static uint64_t pattern(uint64_t step)
{
    return UINT64_MAX / (((uint64_t)1 << step) - 1);
}

/* Makes the table of pages reach past `page`. One entry of a hostile table makes it large and leaves it empty. */
static bool grow_table(struct unit_map *m, uint64_t page)
{
    uint64_t count = u64_min(u64_max(u64_max(2 * m->page_count, page + 1), PAGES_FIRST), m->page_limit);
    uint64_t **pages = page < count ? arena_array(m->arena, count, sizeof(*pages)) : NULL;
    uint64_t *used = pages ? arena_array(m->arena, u64_div_up(count, 64), sizeof(*used)) : NULL;
    if (!used)
        return false;
    for (uint64_t i = 0; m->flat && i < count; i++)
        pages[i] = m->flat + i * UNIT_PAGE_WORDS;
    for (uint64_t i = 0; i < u64_div_up(m->page_count, 64); i++) {
        used[i] = m->used[i];
        for (uint64_t bits = used[i]; bits && !m->flat; bits &= bits - 1) {
            uint64_t at = i * 64 + (uint64_t)__builtin_ctzll(bits);
            pages[at] = m->pages[at];
        }
    }
    arena_release(m->arena, m->pages);
    arena_release(m->arena, m->used);
    m->pages = pages;
    m->used = used;
    m->page_count = count;
    return true;
}

static uint64_t *page_for(struct unit_map *m, uint64_t unit)
{
    uint64_t page = unit >> UNIT_PAGE_SHIFT;
    if (page >= m->page_count && !grow_table(m, page))
        return NULL;
    if (!m->pages[page]) {
        m->pages[page] = arena_array(m->arena, UNIT_PAGE_WORDS, sizeof(uint64_t));
        m->touched++;
        m->used[page >> 6] |= (uint64_t)1 << (page & 63);
    }
    return m->pages[page];
}

void unit_map_flatten(struct unit_map *m)
{
    uint8_t *room;
    if (m->flat_tried || m->touched < UNIT_FLAT_FROM)
        return;
    m->flat_tried = true;
    room = arena_alloc(m->arena, (size_t)(m->page_limit * UNIT_PAGE_WORDS * sizeof(uint64_t) + ARENA_HUGE));
    if (!room)
        return; /* it goes on in pages, for which the budget may be enough */
    room += ARENA_HUGE - (uintptr_t)room % ARENA_HUGE;
    m->flat = (uint64_t *)(void *)room;
    for (uint64_t i = 0; i < m->page_count; i++) {
        uint64_t *page = m->flat + i * UNIT_PAGE_WORDS;
        if (m->pages[i])
            memcpy(page, m->pages[i], UNIT_PAGE_WORDS * sizeof(uint64_t));
        m->pages[i] = page;
    }
}

enum status unit_map_fill(struct unit_map *m, uint64_t first, uint64_t count, uint64_t step)
{
    uint64_t end = first + count * step, unit = first;
    uint64_t bits = step < 64 ? pattern(step) << (first & (step - 1)) : 0;
    while (unit < end) {
        uint64_t *page = page_for(m, unit);
        if (!page)
            return arena_status(m->arena);
        uint64_t *word = &page[unit >> 6 & (UNIT_PAGE_WORDS - 1)];
        if (step >= 64) {
            *word |= (uint64_t)1 << (unit & 63);
            unit += step;
            continue;
        }
        uint64_t add = bits & UINT64_MAX << (unit & 63), next = (unit | 63) + 1;
        if (next > end)
            add &= UINT64_MAX >> (next - end);
        *word |= add;
        unit = next;
    }
    return STATUS_OK;
}

/* The first page from number i on that is there; page_count when none is. The set is not flat. */
static uint64_t page_in_use(const struct unit_map *m, uint64_t i)
{
    for (uint64_t word = i >> 6; i < m->page_count; i = ++word << 6) {
        uint64_t bits = m->used[word] & UINT64_MAX << (i & 63);
        if (bits)
            return word * 64 + (uint64_t)__builtin_ctzll(bits);
    }
    return m->page_count;
}

/* The word of [word, end) in `page` that has members; end: none has. */
static uint64_t word_in_use(const uint64_t *page, uint64_t word, uint64_t end)
{
    enum { AT_ONCE = 8 };
    while (word < end && page[word] == 0) {
        word++;
        while (word + AT_ONCE <= end && (page[word] | page[word + 1] | page[word + 2] | page[word + 3] |
                                         page[word + 4] | page[word + 5] | page[word + 6] | page[word + 7]) == 0)
            word += AT_ONCE;
    }
    return word;
}

bool unit_map_first(const struct unit_map *m, uint64_t from, uint64_t to, uint64_t *ret)
{
    if (!m->pages)
        return false;
    to = u64_min(to, m->page_count << UNIT_PAGE_SHIFT);
    while (from < to) {
        const uint64_t first = from >> UNIT_PAGE_SHIFT << UNIT_PAGE_SHIFT;
        const uint64_t *page = m->pages[from >> UNIT_PAGE_SHIFT];
        if (!page) {
            from = page_in_use(m, (from >> UNIT_PAGE_SHIFT) + 1) << UNIT_PAGE_SHIFT;
            continue;
        }
        uint64_t word = (from - first) >> 6, end = u64_min(u64_div_up(to - first, 64), UNIT_PAGE_WORDS);
        uint64_t bits = page[word] & UINT64_MAX << (from & 63);
        if (bits == 0) {
            word = word_in_use(page, word + 1, end);
            bits = word < end ? page[word] : 0;
        }
        if (bits) {
            *ret = first + word * 64 + (uint64_t)__builtin_ctzll(bits);
            return *ret < to;
        }
        from = first + ((uint64_t)1 << UNIT_PAGE_SHIFT);
    }
    return false;
}

uint64_t unit_map_chain(const struct unit_map *m, uint64_t unit, uint64_t step)
{
    uint64_t full = step < 64 ? pattern(step) << (unit & (step - 1)) : 0;
    for (;;) {
        unit += step;
        while (full && (unit & 63) < step) {
            uint64_t page = unit >> UNIT_PAGE_SHIFT;
            if (page >= m->page_count || !m->pages[page] || m->pages[page][unit >> 6 & (UNIT_PAGE_WORDS - 1)] != full)
                break;
            unit += 64;
        }
        if (!unit_map_test(m, unit))
            return unit;
    }
}
