/* SPDX-License-Identifier: MIT */
/*
 * The search for overlaps beyond the survey's pass, in three steps.
 *
 * 1. Bitmap slots in a file without parent that claim to be PRESENT are compared with all claims of payload blocks.
 * 2. Claims above LIMIT_NEAR_UNITS are judged against a sorted list of the lowest of them (image/far_claims.h). If they
 *    do not all fit, a filter sorts out those that nothing overlaps (image/far_filter.h), and each pass over the BAT
 *    judges the rest below the list's bound and collects the next list: the address space is worked off upwards. Lists
 *    grow with the number of far claims, so there are about LIMIT_FAR_PASSES passes at most. Far rivals come with their
 *    owner. An image needs blocks at 128 TiB or above for this to happen at all.
 * 3. Rivals among near claims are known by place only. One pass finds the first entry that claims each of the places
 *    that were remembered; it stops with the last one found, long before the end when overlaps are many.
 */
#include "image/bat_overlaps.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/limits.h"
#include "image/bat_facts.h"
#include "image/bat_stream.h"
#include "image/far_filter.h"

/* What all passes here share: entries that claim a place, in BAT order, at or above a unit. */
struct claim_stream {
    struct bat_stream stream;
    struct bat_window window;
    const struct view *view;
    uint64_t i;           /* next entry in the window */
    struct bat_slot slot; /* of that entry */
    uint64_t slot_in_chunk;
};

struct claim {
    uint64_t index, unit, raw;
    struct bat_slot slot;
    enum claim_kind kind;
};

static void claim_stream_open(struct view *v, struct claim_stream *ret)
{
    *ret = (struct claim_stream){.view = v};
    bat_stream_open(v, 0, v->bat.walk_entries, &ret->stream);
}

static enum status next_window(struct claim_stream *s)
{
    enum status st = bat_stream_next(&s->stream, &s->window);
    s->i = s->slot_in_chunk = 0;
    if (st == STATUS_OK)
        s->slot = bat_slot_of_index(&s->view->geometry, s->window.first);
    return st;
}

static void skip_zeros(struct claim_stream *s)
{
    s->i = bat_window_find(&s->window, s->i);
    s->slot = bat_slot_of_index(&s->view->geometry, s->window.first + s->i);
    s->slot_in_chunk = (s->window.first + s->i) % (s->view->geometry.chunk_ratio + 1);
}

/* Moves on to the next claim at or above from_unit; *ret_end at the end. */
static enum status claim_stream_next(struct claim_stream *s, uint64_t from_unit, struct claim *ret, bool *ret_end)
{
    const struct geometry *g = &s->view->geometry;
    for (;;) {
        if (s->i == s->window.count) {
            enum status st = next_window(s);
            if (st != STATUS_OK)
                return st;
            if (s->window.count == 0) {
                *ret_end = true;
                return STATUS_OK;
            }
        }
        if (bat_window_entry(&s->window, s->i) == 0) {
            skip_zeros(s);
            continue;
        }
        uint64_t raw = bat_window_entry(&s->window, s->i);
        struct bat_slot slot = s->slot;
        bool claims = raw / MIB >= from_unit && (slot.is_bitmap || slot.block < g->payload_blocks) &&
                      claim_of_entry(g, slot.is_bitmap, raw, &ret->kind);
        if (claims) {
            ret->index = s->window.first + s->i;
            ret->unit = raw / MIB;
            ret->raw = raw;
            ret->slot = slot;
        }
        s->i++;
        s->slot_in_chunk = s->slot_in_chunk == g->chunk_ratio ? 0 : s->slot_in_chunk + 1;
        s->slot.is_bitmap = s->slot_in_chunk == g->chunk_ratio;
        s->slot.chunk += s->slot_in_chunk == 0;
        s->slot.block = s->slot.is_bitmap ? 0 : (s->slot.chunk << g->chunk_shift) + s->slot_in_chunk;
        if (claims)
            return STATUS_OK;
    }
}

/* bitmap_usable of a claim: only wanted to know whether it has facts of its own, so one lookup will do. */
static bool claim_is_notable(const struct view *v, const struct claim_stream *s, const struct claim *c)
{
    uint64_t at = bat_index_of_bitmap(&v->geometry, c->slot.chunk);
    bool inside = at - s->window.first < s->window.count; /* it follows its blocks */
    struct bat_note n;
    bat_note_fill(v, c->index, c->slot, c->raw,
                  inside && bat_bitmap_usable(v, bat_window_entry(&s->window, at - s->window.first)), &n);
    return n.facts != 0;
}

/* PRESENT bitmap slots of a file without parent in [from, to), against all claims. Such entries are notable anyway. */
static enum status judge_bitmaps(const struct view *v, const struct claims *c, struct overlap_table *t,
                                 const struct far_claims *far, uint64_t from, uint64_t to)
{
    enum status st = STATUS_OK;
    uint64_t count = v->geometry.differencing ? 0 : t->bitmap_count;
    for (uint64_t i = 0; i < count && st == STATUS_OK; i++) {
        struct bitmap_place b = t->bitmaps[i];
        struct overlap o;
        if (b.unit < from || b.unit >= to)
            continue;
        if (far)
            claims_judge_far(c, far, CLAIM_BITMAP, b.unit, UINT64_MAX, &o);
        else
            claims_judge(c, CLAIM_BITMAP, b.unit, &o);
        if (o.kinds)
            st = overlap_table_add(t, b.index, &o);
    }
    return st;
}

/* What a pass over far claims works with. */
struct far_search {
    struct view *view;
    struct claims *claims;
    struct overlap_table *table;
    struct bat_survey *survey;
    struct far_filter filter; /* no `words`: not needed, or no more */
    uint64_t *suspects;       /* bits by BAT index: what the filter suspects; NULL: everything */
    struct far_claims now;    /* crowded claims, against which those of [from, to) are judged */
    uint64_t from, to;
    struct far_claims next; /* and these are collected; no limit: none */
};

static uint64_t claim_units(const struct far_search *f, enum claim_kind kind)
{
    return kind == CLAIM_BITMAP ? 1 : f->claims->block_units;
}

/* Asks the filter in the first pass; later ones find its answers in BAT order, which costs nothing. */
static bool is_suspect(struct far_search *f, const struct claim *claim)
{
    uint64_t bit = (uint64_t)1 << (claim->index % 64);
    if (!f->suspects)
        return true;
    if (f->filter.words && far_filter_maybe(&f->filter, claim->unit, claim_units(f, claim->kind)))
        f->suspects[claim->index / 64] |= bit;
    return f->suspects[claim->index / 64] & bit;
}

static enum status far_judge(struct far_search *f, const struct claim_stream *stream, const struct claim *claim)
{
    struct overlap o;
    enum status st;
    claims_judge_far(f->claims, &f->now, claim->kind, claim->unit, claim->index, &o);
    if (!o.kinds)
        return STATUS_OK;
    st = overlap_table_add(f->table, claim->index, &o);
    if (st == STATUS_OK && !claim_is_notable(f->view, stream, claim)) {
        f->survey->notable++;
        overlap_table_mark(f->table, claim->index);
    }
    return st;
}

static enum status far_pass(struct far_search *f)
{
    struct claim_stream stream;
    struct claim claim;
    uint64_t lowest = f->next.limit ? u64_min(f->from, f->next.from) : f->from;
    bool end = false;
    enum status st;
    claim_stream_open(f->view, &stream);
    for (;;) {
        st = claim_stream_next(&stream, lowest, &claim, &end);
        if (st != STATUS_OK || end)
            break;
        if (!is_suspect(f, &claim))
            continue;
        if (f->next.limit && far_claims_add(&f->next, claim.unit << 2 | claim.kind, claim.index) != STATUS_OK) {
            f->survey->overlaps_checked = false;
            f->next.limit = 0;
        }
        if (claim.unit >= f->from && claim.unit < f->to)
            st = far_judge(f, &stream, &claim);
        if (st != STATUS_OK)
            break;
    }
    bat_stream_close(&stream.stream);
    return st;
}

static enum status fill_filter(struct far_search *f)
{
    struct claim_stream stream;
    struct claim claim;
    bool end = false;
    enum status st;
    if (!far_filter_create(f->view->arena, f->claims->far_count, f->claims->block_units, &f->filter))
        return STATUS_OK;
    f->suspects = arena_array(f->view->arena, f->view->bat.walk_entries / 64 + 1, sizeof(*f->suspects));
    if (!f->suspects)
        return STATUS_OK;
    claim_stream_open(f->view, &stream);
    for (;;) {
        st = claim_stream_next(&stream, f->claims->far.from, &claim, &end);
        if (st != STATUS_OK || end)
            break;
        far_filter_add(&f->filter, claim.unit, claim_units(f, claim.kind));
    }
    /* Bitmap slots that are no claims have what they hit suspected as well. */
    for (uint64_t i = 0; i < f->table->bitmap_count && !f->view->geometry.differencing; i++)
        far_filter_add(&f->filter, f->table->bitmaps[i].unit, 1);
    bat_stream_close(&stream.stream);
    return st;
}

/*
 * Makes a sealed list the one that is judged against: [from, to) is what nothing outside of the list reaches into. The
 * list is used up unless it is to be kept.
 */
static enum status take_list(struct far_search *f, const struct far_claims *list, bool keep)
{
    uint64_t block = f->claims->block_units;
    const uint64_t len_of[4] = {[CLAIM_LIVE] = block, [CLAIM_ANCHOR] = block, [CLAIM_BITMAP] = 1};
    enum status st;
    f->to = list->bound == UINT64_MAX ? UINT64_MAX : list->bound - (block - 1);
    st = judge_bitmaps(f->view, f->claims, f->table, list, f->from, f->to);
    if (st == STATUS_OK && !far_claims_crowded(list, len_of, !keep, &f->now))
        st = arena_status(f->view->arena);
    return st;
}

static enum status search_upwards(struct far_search *f)
{
    uint64_t limit = u64_max(LIMIT_FAR_CLAIMS, f->claims->far_count / LIMIT_FAR_PASSES);
    for (;;) {
        bool last = f->to == UINT64_MAX;
        enum status st = STATUS_OK;
        f->next =
            far_claims_in(f->view->arena, last ? UINT64_MAX : f->to - (f->claims->block_units - 1), last ? 0 : limit);
        if (f->now.count > 0 || !last)
            st = far_pass(f);
        far_claims_free(&f->now);
        far_filter_free(f->view->arena, &f->filter);
        if (st != STATUS_OK || last || !f->survey->overlaps_checked)
            return st;
        far_claims_seal(&f->next);
        f->from = f->to;
        st = take_list(f, &f->next, false);
        if (st != STATUS_OK)
            return st;
    }
}

static enum status judge_far(struct view *v, struct claims *c, struct overlap_table *t, struct bat_survey *s)
{
    struct far_search f = {.view = v, .claims = c, .table = t, .survey = s, .from = LIMIT_NEAR_UNITS};
    enum status st;

    far_claims_seal(&c->far); /* stays with the claims, for questions to the layout map */
    if (c->far.bound == UINT64_MAX) {
        st = take_list(&f, &c->far, true);
    } else {
        f.to = f.from; /* the first pass only collects */
        st = fill_filter(&f);
    }
    if (st == STATUS_OK)
        st = search_upwards(&f);
    far_filter_free(v->arena, &f.filter);
    if (f.suspects)
        arena_release(v->arena, f.suspects);
    return st;
}

/* ---- owners ---- */

struct place {
    uint64_t key; /* unit << 2 | kind */
    uint64_t owner;
};

static int compare_places(const void *pa, const void *pb)
{
    const struct place *a = pa, *b = pb;
    return u64_compare(a->key, b->key);
}

static struct place *place_find(struct place *places, uint64_t count, uint64_t key)
{
    struct place wanted = {.key = key};
    return bsearch(&wanted, places, (size_t)count, sizeof(*places), compare_places);
}

static enum status find_owners(struct view *v, struct place *places, uint64_t count)
{
    struct claim_stream stream;
    struct claim claim;
    uint64_t missing = count;
    bool end = false;
    enum status st = STATUS_OK;
    claim_stream_open(v, &stream);
    while (st == STATUS_OK && missing > 0) {
        struct place *p;
        st = claim_stream_next(&stream, 0, &claim, &end);
        if (st != STATUS_OK || end)
            break;
        p = place_find(places, count, claim.unit << 2 | claim.kind);
        if (p && p->owner == CLAIM_OWNER_UNKNOWN) {
            p->owner = claim.index;
            missing--;
        }
    }
    bat_stream_close(&stream.stream);
    return st;
}

static enum status name_owners(struct view *v, struct overlap_table *t)
{
    struct place *places;
    uint64_t count = 0, kept = 0;
    enum status st;
    if (t->unnamed == 0)
        return STATUS_OK;
    places = arena_array(v->arena, t->unnamed, sizeof(*places));
    if (!places)
        return STATUS_OK; /* names are a help, no fact depends on them */
    for (uint64_t i = 0; i < t->count; i++) {
        const struct rival *r = &t->conflicts[i].rival;
        if (r->owner == CLAIM_OWNER_UNKNOWN)
            places[count++] = (struct place){.key = r->unit << 2 | r->kind, .owner = CLAIM_OWNER_UNKNOWN};
    }
    qsort(places, (size_t)count, sizeof(*places), compare_places);
    for (uint64_t i = 0; i < count; i++) {
        if (kept == 0 || places[kept - 1].key != places[i].key)
            places[kept++] = places[i];
    }
    st = find_owners(v, places, kept);
    for (uint64_t i = 0; i < t->count && st == STATUS_OK; i++) {
        struct rival *r = &t->conflicts[i].rival;
        const struct place *p = place_find(places, kept, r->unit << 2 | r->kind);
        if (p && r->owner == CLAIM_OWNER_UNKNOWN)
            r->owner = p->owner;
    }
    arena_release(v->arena, places);
    return st;
}

enum status bat_overlaps_finish(struct view *v, struct claims *c, struct overlap_table *t, struct bat_survey *s)
{
    enum status st = judge_bitmaps(v, c, t, NULL, 0, LIMIT_NEAR_UNITS);
    if (st == STATUS_OK && !c->far_failed) {
        bool wanted = c->far_count > 0;
        for (uint64_t i = 0; i < t->bitmap_count; i++)
            wanted = wanted || t->bitmaps[i].unit >= LIMIT_NEAR_UNITS;
        if (wanted)
            st = judge_far(v, c, t, s);
        else
            far_claims_seal(&c->far);
    }
    if (st == STATUS_OK)
        st = name_owners(v, t);
    if (st == STATUS_OK)
        overlap_table_seal(t);
    return st;
}
