/* SPDX-License-Identifier: MIT */
/*
 * Most pages of a file are none of a BAT, and most of those fail on their first words: any data of some density sets
 * reserved bits. So a page is left as soon as it has too many odd entries, and only one that holds is added.
 */
#include "image/bat_guess.h"

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "format/bat.h"

/* Of 16 entries that are not zero one may be damaged; the one exception of a page with fewer is not worth a guess. */
enum { SET_PER_ODD = 16 };

static bool is_odd(uint64_t raw)
{
    uint64_t off = bat_entry_off(raw);
    if (bat_entry_reserved(raw) != 0)
        return true;
    switch (bat_entry_state(raw)) {
    case PAYLOAD_FULLY_PRESENT:
    case PAYLOAD_PARTIALLY_PRESENT:
        return off < HEADER_SECTION_LEN || off >= LIMIT_REPLAYED_SIZE;
    case PAYLOAD_NOT_PRESENT:
    case PAYLOAD_ZERO:
        return off != 0;
    case PAYLOAD_UNDEFINED:
    case PAYLOAD_UNMAPPED:
        return off >= LIMIT_REPLAYED_SIZE;
    default:
        return true;
    }
}

static void add_live(struct bat_guess *g, uint64_t off, uint64_t file_size)
{
    g->past += off >= file_size;
    if (g->live++ == 0) {
        g->first_off = g->lowest_off = g->highest_off = off;
    } else {
        g->repeats += off == g->last_off;
        g->differences |= off ^ g->first_off;
        g->lowest_off = u64_min(g->lowest_off, off);
        g->highest_off = u64_max(g->highest_off, off);
    }
    g->last_off = off;
}

bool bat_guess_page(struct bat_guess *g, struct span page, uint64_t first, uint64_t file_size)
{
    struct bat_guess sum = *g;
    size_t start = span_find_nonzero(page, 0);

    if (start == page.len)
        return true;
    for (size_t i = start / BAT_ENTRY_LEN; i < page.len / BAT_ENTRY_LEN; i++) {
        uint64_t raw = le64(page.ptr + i * BAT_ENTRY_LEN);
        if (raw == 0)
            continue;
        sum.set++;
        sum.last = first + i;
        if (is_odd(raw)) {
            if (++sum.odd - g->odd > BAT_PAGE_ENTRIES / SET_PER_ODD)
                return false;
            continue;
        }
        sum.states[bat_entry_state(raw)]++;
        if (bat_entry_state(raw) >= PAYLOAD_FULLY_PRESENT)
            add_live(&sum, bat_entry_off(raw), file_size);
    }
    if ((sum.odd - g->odd) * SET_PER_ODD > sum.set - g->set)
        return false;
    *g = sum;
    return true;
}

uint64_t bat_guess_step(const struct bat_guess *g)
{
    return g->differences & -g->differences;
}

unsigned bat_guess_score(const struct bat_guess *g)
{
    uint64_t distinct = g->live - g->repeats, score;
    if (g->set == 0)
        return 0;
    if (distinct == 0)
        return g->odd == 0 ? 20 : 0; /* no place at all */
    score = distinct >= 16 ? 90 : distinct >= 4 ? 70 : distinct >= 2 ? 50 : 40;
    if (distinct >= 3 && bat_guess_step(g) >= 2 * BLOCK_SIZE_MIN)
        score += 10;
    score -= u64_min(score, 100 * g->odd / g->set);
    score -= u64_min(score, 100 * g->repeats / g->live);
    score -= u64_min(score, 50 * g->past / g->live);
    return (unsigned)score;
}
