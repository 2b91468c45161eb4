/* SPDX-License-Identifier: MIT */
/*
 * Which of the entries in the log count ([MS-VHDX] 2.3.2; format.md 8.3).
 *
 * Valid live entries that follow each other in the ring with numbers rising by one form a run. No two valid entries
 * share a sector, so each has at most one successor and one predecessor, runs are disjoint, and walking each once is
 * linear. The numbers rise along a run, so that walking one ends, however the ring wraps.
 *
 * The last entry of a run, its head, names the oldest entry that still matters, the tail. A run is valid when that is
 * one of its own entries. The active sequence is, of the valid run with the greatest head number, the part from tail to
 * head: what comes before the tail was applied and flushed long ago, and its target pages may have been reused since.
 *
 * A search that starts at ring offset 0, as the specification words it, meets a wrapped run twice: cut off by the
 * ring's seam, then whole. Both have the same head and so the same answer; only for the order of equal candidates (the
 * first one found wins) the place of the cut part counts, if it holds the tail.
 */
#include "image/log_sequence.h"

#include "format/layout.h"
#include "image/log_ring.h"

static const uint64_t NONE = UINT64_MAX;

/* As log_ring.len. */
static uint64_t ring_len(const struct log_scan *s)
{
    return s->len - s->len % LOG_SECTOR_LEN;
}

uint64_t log_scan_at(const struct log_scan *s, uint32_t ring_off)
{
    uint64_t low = 0, high = s->entry_count;
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (s->entries[mid].ring_off < ring_off)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->entry_count && s->entries[low].ring_off == ring_off ? low : NONE;
}

uint64_t log_scan_next(const struct log_scan *s, uint64_t i)
{
    if (i >= s->entry_count || s->entries[i].defect != LOG_DEFECT_NONE)
        return NONE;
    uint32_t off = (uint32_t)(((uint64_t)s->entries[i].ring_off + s->entries[i].len) % ring_len(s));
    uint64_t next = i + 1 < s->entry_count && s->entries[i + 1].ring_off == off ? i + 1 : log_scan_at(s, off);
    return next != NONE && s->entries[next].defect == LOG_DEFECT_NONE ? next : NONE;
}

static bool counts(const struct log_entry *e)
{
    return e->live && e->defect == LOG_DEFECT_NONE;
}

/* The entry that goes on with i's run, or NONE. */
static uint64_t successor(const struct log_scan *s, uint64_t i)
{
    uint64_t next = log_scan_next(s, i);
    /* Behind 2^64-1 nothing follows: a valid entry's number is not 0. */
    bool follows = next != NONE && counts(&s->entries[next]) &&
                   s->entries[next].sequence_number == s->entries[i].sequence_number + 1;
    return follows ? next : NONE;
}

static struct log_run run_from(const struct log_scan *s, uint64_t first)
{
    struct log_run r = {.first = first, .count = 1, .head = first};
    for (uint64_t next = successor(s, first); next != NONE; next = successor(s, next)) {
        r.head = next;
        r.count++;
    }
    uint64_t tail = log_scan_at(s, s->entries[r.head].tail);
    if (tail == NONE || !counts(&s->entries[tail]))
        return r;
    for (uint64_t i = first; i != NONE && !r.valid; i = successor(s, i))
        r.valid = i == tail;
    if (r.valid)
        r.tail = tail;
    return r;
}

/* Where a search from ring offset 0 on first meets the run with its tail inside. */
static uint32_t found_at(const struct log_scan *s, const struct log_run *r)
{
    uint32_t first = s->entries[r->first].ring_off, tail = s->entries[r->tail].ring_off;
    return tail < first ? tail : first;
}

static bool better(const struct log_scan *s, const struct log_run *r, const struct log_run *than)
{
    uint64_t a = s->entries[r->head].sequence_number, b = s->entries[than->head].sequence_number;
    return a != b ? a > b : found_at(s, r) < found_at(s, than);
}

static void activate(struct log_scan *s, const struct log_run *r)
{
    s->has_active = true;
    s->active_first = r->tail;
    s->active_head = r->head;
    for (uint64_t i = r->tail;; i = successor(s, i)) {
        s->entries[i].active = true;
        s->active_count++;
        if (i == r->head)
            return;
    }
}

enum status log_sequence_find(struct arena *a, struct log_scan *s)
{
    if (s->valid_live == 0)
        return STATUS_OK;

    uint8_t *follows = arena_alloc(a, (size_t)s->entry_count);
    if (follows == NULL)
        return arena_status(a);
    for (uint64_t i = 0; i < s->entry_count; i++) {
        uint64_t next = counts(&s->entries[i]) ? successor(s, i) : NONE;
        if (next != NONE)
            follows[next] = 1;
    }

    enum status st = STATUS_OK;
    uint64_t cap = 0, best = NONE;
    for (uint64_t i = 0; i < s->entry_count; i++) {
        if (!counts(&s->entries[i]) || follows[i])
            continue;
        if (!arena_grow(a, (void **)&s->runs, &cap, s->run_count, sizeof(*s->runs))) {
            st = arena_status(a);
            break;
        }
        struct log_run r = run_from(s, i);
        s->runs[s->run_count] = r;
        if (r.valid && (best == NONE || better(s, &r, &s->runs[best])))
            best = s->run_count;
        s->run_count++;
    }
    arena_release(a, follows);
    if (st == STATUS_OK && best != NONE && !s->io_error)
        activate(s, &s->runs[best]);
    return st;
}
