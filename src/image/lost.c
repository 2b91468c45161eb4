/* SPDX-License-Identifier: MIT */
/*
 * Looking for lost metadata and a lost BAT. What is found is judged by the code that reads any image: a region table in
 * memory is laid over the file (lost_view()), the BAT is surveyed, and what the survey finds notable speaks against it.
 */
#include "image/lost.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "format/region_table.h"
#include "image/bat_walk.h"

enum { STAGE_ROOM = 1 << 20, FIT_LEAST = 75, SIGNATURE_LEN = 8 };

/* ---- a view of what could be ---- */

enum status lost_view(struct arena *a, struct source *file, const struct lost_place *p, struct store **ret_stage,
                      struct view **ret)
{
    const struct region_entry entries[] = {
        {.guid = *known_guid(KNOWN_REGION_METADATA),
         .off = p->metadata_off,
         .len = (uint32_t)p->metadata_len,
         .required_word = 1},
        {.guid = *known_guid(KNOWN_REGION_BAT), .off = p->bat_off, .len = (uint32_t)p->bat_len, .required_word = 1},
    };
    uint8_t *table = arena_alloc(a, REGION_TABLE_LEN);
    struct store *stage = NULL;

    if (table == NULL)
        return arena_failure(a);
    (void)region_table_encode(entries, p->bat_len > 0 ? 2 : 1, table); /* two fit */
    enum status st = stage_open(file, STAGE_ROOM, &stage);
    if (st == STATUS_OK)
        st = store_write(stage, REGION_TABLE_OFF[0], table, REGION_TABLE_LEN);
    struct view *v = NULL;
    if (st == STATUS_OK)
        st = view_build(a, stage->source, VIEW_STORED, p->log_off, p->log_len, &v);
    arena_release(a, table);
    if (st != STATUS_OK) {
        store_close(stage);
        return st;
    }
    *ret = v;
    *ret_stage = stage;
    return STATUS_OK;
}

/* ---- units with data ---- */

struct units {
    struct source *file;
    uint64_t next, end;  /* file offsets */
    uint64_t left;       /* units that may still be looked at */
    uint64_t data, hole; /* the data range last asked for */
};

/* Behind the header section. */
static struct units units_open(struct source *file, uint64_t from, uint64_t most)
{
    return (struct units){.file = file, .next = u64_max(from, HEADER_SECTION_LEN), .end = file->size, .left = most};
}

/* The next unit that is not all a hole; UINT64_MAX when there is none. The first pages of a BAT may well be one. */
static enum status units_next(struct units *u, uint64_t *ret)
{
    while (u->next < u->end && u->left > 0) {
        uint64_t unit = u->next;
        if (unit >= u->hole) {
            enum status st = source_next_data(u->file, unit, &u->data, &u->hole);
            if (st != STATUS_OK)
                return st;
        }
        if (u->data >= u->end)
            break;
        if (u->data >= unit + MIB) {
            u->next = u->data - u->data % MIB;
            continue;
        }
        u->next = unit + MIB;
        u->left--;
        *ret = unit;
        return STATUS_OK;
    }
    *ret = UINT64_MAX;
    return STATUS_OK;
}

/* ---- metadata ---- */

/* The longest region of whole units that an entry can tell of. */
static const uint64_t REGION_MOST = UINT32_MAX / MIB * MIB;

uint64_t lost_metadata_len(const struct metadata *m)
{
    uint64_t end = METADATA_TABLE_LEN;

    for (uint32_t i = 0; i < m->table.usable_count; i++) {
        const struct metadata_entry *e = &m->entries[i];
        if (e->len > 0 && e->len <= METADATA_ITEM_MAX && (uint64_t)e->off + e->len <= REGION_MOST)
            end = u64_max(end, (uint64_t)e->off + e->len);
    }
    return u64_div_up(end, MIB) * MIB;
}

static enum status metadata_judge(struct arena *a, struct source *file, uint64_t off, struct lost_metadata *ret)
{
    struct lost_place p = {.metadata_off = off, .metadata_len = MIB};
    struct lost_metadata found = {.off = off};
    enum status st = STATUS_OK;

    for (bool again = true; again;) {
        struct store *stage = NULL;
        struct view *v = NULL;
        st = lost_view(a, file, &p, &stage, &v);
        if (v == NULL)
            break;
        uint64_t len = lost_metadata_len(&v->metadata);
        again = len > p.metadata_len && range_in(off, len, file->size);
        found.len = p.metadata_len;
        found.has_geometry = v->metadata.absence == ABSENT_NOT && v->geometry_absence == ABSENT_NOT;
        found.geometry = v->geometry;
        store_close(stage);
        if (again)
            p.metadata_len = len;
    }
    if (st == STATUS_OK)
        *ret = found;
    return st;
}

static enum status find_metadata(struct arena *a, struct source *file, uint64_t from, uint64_t most,
                                 struct lost_metadata_list *list)
{
    struct units u = units_open(file, from, most);
    enum status st;

    for (uint64_t unit = 0; list->count < LIMIT_LOST_METADATA;) {
        uint8_t bytes[SIGNATURE_LEN];
        size_t got;
        st = units_next(&u, &unit);
        if (st != STATUS_OK || unit == UINT64_MAX)
            return st;
        st = source_read_some(file, unit, bytes, sizeof(bytes), &got);
        if (st != STATUS_OK)
            return st;
        if (memcmp(bytes, SIGNATURE_METADATA, sizeof(bytes)) != 0)
            continue;
        st = metadata_judge(a, file, unit, &list->items[list->count]);
        if (st != STATUS_OK)
            return st;
        list->count++;
    }
    return STATUS_OK;
}

enum status lost_find_metadata(struct arena *a, struct source *file, struct lost_metadata_list *ret)
{
    ret->count = 0;
    enum status st = find_metadata(a, file, 0, LIMIT_LOST_FRONT_UNITS, ret);
    if (st != STATUS_OK || ret->count > 0)
        return st;
    return find_metadata(a, file, 0, LIMIT_LOST_UNITS, ret);
}

/* ---- tables ---- */

/* Adds up the pages of one unit; false when one of them is no piece of a BAT. */
static enum status unit_guess(struct source *file, uint64_t unit, uint64_t first, struct bat_guess *g, bool *ret)
{
    uint64_t end = u64_min(unit + MIB, file->size);
    uint8_t page[BAT_PAGE_LEN];

    *ret = false;
    for (uint64_t off = unit; off < end;) {
        uint64_t data, hole;
        enum status st = source_next_data(file, off, &data, &hole);
        if (st != STATUS_OK)
            return st;
        if (data >= end)
            break;
        off = data - data % BAT_PAGE_LEN;
        for (; off < u64_min(hole, end); off += BAT_PAGE_LEN) {
            size_t got;
            st = source_read_some(file, off, page, sizeof(page), &got);
            if (st != STATUS_OK)
                return st;
            if (!bat_guess_page(g, span_of(page, sizeof(page)), first + (off - unit) / BAT_ENTRY_LEN, file->size))
                return STATUS_OK;
        }
    }
    *ret = true;
    return STATUS_OK;
}

/* Keeps the best ones; the list stays sorted. */
static void bats_add(struct lost_bat_list *list, const struct lost_bat *b)
{
    unsigned score = bat_guess_score(&b->guess);
    uint32_t at = list->count;

    while (at > 0 && bat_guess_score(&list->items[at - 1].guess) < score)
        at--;
    if (at == LIMIT_LOST_BATS)
        return;
    if (list->count < LIMIT_LOST_BATS)
        list->count++;
    memmove(&list->items[at + 1], &list->items[at], (size_t)(list->count - 1 - at) * sizeof(*list->items));
    list->items[at] = *b;
}

static enum status find_bats(struct source *file, uint64_t most, struct lost_bat_list *list)
{
    struct units u = units_open(file, 0, most);
    struct lost_bat run = {.off = 0};
    uint64_t run_end = 0; /* of the table so far; 0: there is none */
    enum status st;

    for (;;) {
        uint64_t unit;
        bool like = false;
        st = units_next(&u, &unit);
        if (st != STATUS_OK)
            return st;
        if (run_end != 0 && unit != run_end) {
            bats_add(list, &run);
            run_end = 0;
        }
        if (unit == UINT64_MAX)
            return STATUS_OK;
        struct bat_guess g = run.guess;
        if (run_end == 0)
            g = (struct bat_guess){.set = 0};
        st = unit_guess(file, unit, run_end == 0 ? 0 : (unit - run.off) / BAT_ENTRY_LEN, &g, &like);
        if (st != STATUS_OK)
            return st;
        if (like && g.set > 0) {
            if (run_end == 0)
                run.off = unit;
            run.guess = g;
            run_end = unit + MIB;
        } else if (run_end != 0) {
            bats_add(list, &run);
            run_end = 0;
        }
    }
}

enum status lost_find_bats(struct arena *a, struct source *file, struct lost_bat_list *ret)
{
    (void)a;
    ret->count = 0;
    enum status st = find_bats(file, LIMIT_LOST_FRONT_UNITS, ret);
    if (st != STATUS_OK || ret->count > 0)
        return st;
    return find_bats(file, LIMIT_LOST_UNITS, ret);
}

/* ---- pairs ---- */

/* len: not 0. */
static bool ranges_meet(uint64_t off, uint64_t len, uint64_t other_off, uint64_t other_len)
{
    return other_len > 0 && off < other_off + other_len && other_off < off + len;
}

/* Where blocks that the table names could lie at all, before anybody walks it. */
static bool place_is_possible(const struct source *file, const struct lost_place *p)
{
    return range_in(p->bat_off, p->bat_len, file->size) &&
           !ranges_meet(p->bat_off, p->bat_len, p->metadata_off, p->metadata_len) &&
           !ranges_meet(p->bat_off, p->bat_len, p->log_off, p->log_len);
}

/* Faults that an entry may have where it belongs: each is mended without a guess. */
static bool is_contrary(const struct bat_note *n)
{
    return (n->facts & ~(unsigned)(BAT_FACT_RESERVED_BITS | BAT_FACT_IDLE_OFFSET | BAT_FACT_CUT_TAIL)) != 0;
}

static bool count_contrary(void *ctx, const struct bat_note *n)
{
    uint64_t *contrary = ctx;

    *contrary += is_contrary(n);
    return true;
}

enum status lost_contrary(struct view *v, uint64_t *ret)
{
    *ret = 0;
    return bat_visit_notable(v, count_contrary, ret);
}

enum status lost_fit_of(struct view *v, const struct lost_place *p, struct lost_fit *ret)
{
    const struct bat_survey *s = v->survey;
    struct lost_fit fit = {
        .place = *p, .entries = v->geometry.entries, .live = s->allocated_blocks, .faulty = s->notable};
    uint64_t set = s->unused_nonzero, contrary = 0;

    enum status st = lost_contrary(v, &contrary);
    for (unsigned state = 1; state < 8; state++)
        set += s->states[state] + s->bitmap_states[state];
    if (set == 0)
        fit.percent = 100;
    else if (set > contrary)
        fit.percent = (unsigned)(100 * (set - contrary) / set);
    *ret = fit;
    return st;
}

enum status lost_try(struct source *file, const struct lost_place *p, struct lost_fit *ret)
{
    struct store *stage = NULL;
    struct view *v = NULL;

    *ret = (struct lost_fit){.place = *p};
    if (!place_is_possible(file, p))
        return STATUS_OK;
    struct arena *trial = arena_create(LIMIT_CARVED_TRIAL);
    if (trial == NULL)
        return STATUS_NO_MEMORY;
    enum status st = lost_view(trial, file, p, &stage, &v);
    if (st == STATUS_OK)
        st = view_survey(v);
    if (st == STATUS_OK && v->survey != NULL)
        st = lost_fit_of(v, p, ret);
    if (st == STATUS_LIMIT && arena_status(trial) != STATUS_OK)
        st = STATUS_OK;
    store_close(stage);
    arena_destroy(trial);
    return st;
}

static bool is_better(const struct lost_fit *a, const struct lost_fit *b)
{
    if (a->percent != b->percent)
        return a->percent > b->percent;
    return a->live != b->live ? a->live > b->live : a->place.bat_off < b->place.bat_off;
}

struct search {
    struct source *file;
    bool found;
    struct lost_fit best;
};

static enum status search_try(struct search *s, const struct lost_place *p)
{
    struct lost_fit fit;

    enum status st = lost_try(s->file, p, &fit);
    if (st == STATUS_OK && fit.percent >= FIT_LEAST && (!s->found || is_better(&fit, &s->best))) {
        s->found = true;
        s->best = fit;
    }
    return st;
}

static uint64_t bat_len_of(const struct geometry *g)
{
    return u64_div_up(g->entries * BAT_ENTRY_LEN, MIB) * MIB;
}

/* Data that neither log nor metadata nor header section explain: blocks may be there. */
static enum status has_other_data(struct source *file, const struct lost_place *p, bool *ret)
{
    struct units u = units_open(file, 0, LIMIT_LOST_UNITS);
    uint64_t unit = 0;

    *ret = false;
    for (;;) {
        enum status st = units_next(&u, &unit);
        if (st != STATUS_OK || unit == UINT64_MAX)
            return st;
        uint64_t end = u64_min(unit + MIB, file->size);
        if (ranges_meet(unit, MIB, p->metadata_off, p->metadata_len) || ranges_meet(unit, MIB, p->log_off, p->log_len))
            continue;
        for (uint64_t off = unit; off < end; off += BAT_PAGE_LEN) {
            uint8_t page[BAT_PAGE_LEN];
            size_t got;
            st = source_read_some(file, off, page, sizeof(page), &got);
            if (st != STATUS_OK)
                return st;
            if (!span_is_zero(span_of(page, sizeof(page)))) {
                *ret = true;
                return STATUS_OK;
            }
        }
    }
}

/* A disk that was never written has a BAT of zeros: behind the metadata as Windows places it, or before, as QEMU does.
 */
static enum status try_empty(struct search *s, struct lost_place p)
{
    bool data = true;

    enum status st = has_other_data(s->file, &p, &data);
    if (st != STATUS_OK || data)
        return st;
    p.bat_off = p.metadata_off + p.metadata_len;
    st = search_try(s, &p);
    if (st != STATUS_OK || s->found || p.metadata_off < HEADER_SECTION_LEN + p.bat_len)
        return st;
    p.bat_off = p.metadata_off - p.bat_len;
    return search_try(s, &p);
}

static enum status try_metadata(struct search *s, const struct lost_place *known, const struct lost_metadata *m,
                                const struct lost_bat_list *bats)
{
    struct lost_place p = *known;
    enum status st = STATUS_OK;

    if (!m->has_geometry)
        return STATUS_OK;
    p.metadata_off = m->off;
    p.metadata_len = m->len;
    if (known->bat_len > 0)
        return search_try(s, &p);
    p.bat_len = bat_len_of(&m->geometry);
    for (uint32_t i = 0; i < bats->count && st == STATUS_OK; i++) {
        p.bat_off = bats->items[i].off;
        st = search_try(s, &p);
    }
    if (st == STATUS_OK && !s->found)
        st = try_empty(s, p);
    return st;
}

enum status lost_find_pair(struct arena *a, struct source *file, const struct lost_place *known, bool *ret_found,
                           struct lost_fit *ret)
{
    struct lost_metadata_list *metadata = arena_alloc(a, sizeof(*metadata));
    struct lost_bat_list *bats = arena_alloc(a, sizeof(*bats));
    struct search s = {.file = file};
    enum status st = STATUS_OK;

    if (metadata == NULL || bats == NULL)
        return arena_status(a);
    if (known->metadata_len > 0) {
        metadata->count = 1;
        st = metadata_judge(a, file, known->metadata_off, &metadata->items[0]);
        metadata->items[0].len = known->metadata_len;
    } else {
        st = lost_find_metadata(a, file, metadata);
    }
    if (st == STATUS_OK && known->bat_len == 0)
        st = lost_find_bats(a, file, bats);
    for (uint32_t i = 0; i < metadata->count && st == STATUS_OK; i++)
        st = try_metadata(&s, known, &metadata->items[i], bats);
    *ret_found = s.found;
    if (s.found)
        *ret = s.best;
    return st;
}
