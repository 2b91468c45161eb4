/* SPDX-License-Identifier: MIT */
/*
 * The survey of the BAT: counts, claims, overlaps, in one pass over its windows.
 *
 * At 67 million entries the pass must cost little more than reading them, so live blocks that follow each other in the
 * disk and in the file are gathered in a run: the inner loop only compares entries with the expected next value. A run
 * is claimed in pieces. A piece that lies inside the file, meets no structure and no earlier claim is filled in word by
 * word; any other is judged block by block by the same code that judges all entries that are no plain live blocks.
 * Claims happen in BAT order, so the open run is closed before anything else is claimed. Blocks that follow nothing (an
 * image filled in random order) have a loop of their own, as short as it can be: it lives from many claims being under
 * way at once.
 *
 * What one pass cannot say is added by image/bat_overlaps.c: the owners that overlapping entries met, and overlaps
 * among blocks above 128 TiB. Only images that have such things pay for it.
 */
#include "image/bat_walk.h"

#include "base/checked.h"
#include "base/limits.h"
#include "image/bat_facts.h"
#include "image/bat_overlaps.h"
#include "image/bat_stream.h"
#include "image/claims.h"
#include "image/overlap_table.h"

/* Blocks of a run that are claimed at once: a bad block makes only its own piece slow. */
static const uint64_t RUN_PIECE = 1024;

/* Blocks in no order that are claimed at once: their words of the map fit the first cache. */
static const uint64_t SCATTERED_PIECE = 128;

struct pass {
    struct view *v;
    const struct geometry *g;
    struct bat_survey *s;
    struct claims *claims;
    struct overlap_table *table;
    uint64_t real_slots,
        bitmap_slots; /* payload slots of real blocks and bitmap slots in the walk; zero ones included */

    /* The open run: count live blocks from `block` on, at `off` on; state 6, or 7 with a usable bitmap. */
    uint64_t block, count, off;

    uint64_t seen_block, seen_off; /* the last allocated block, when allocated_blocks > 0 */
    uint64_t fixed_end;            /* end of the highest fixed structure */
};

static enum status judge(struct pass *p, uint64_t index, struct bat_slot slot, uint64_t raw, bool bitmap_usable)
{
    enum status st = STATUS_OK;
    enum claim_kind kind;
    struct overlap o;
    struct bat_note n;

    bat_note_fill(p->v, index, slot, raw, bitmap_usable, &n);
    if (n.owns && claim_of_entry(p->g, slot.is_bitmap, raw, &kind)) {
        p->s->highest_end = u64_max(p->s->highest_end, u64_add_sat(n.off, n.len));
        p->s->anchors += n.anchor;
        if (n.off / MIB < LIMIT_NEAR_UNITS) {
            claims_judge(p->claims, kind, n.off / MIB, &o);
            if (o.kinds) {
                n.facts |= o.kinds * (unsigned)BAT_FACT_SAME_PAYLOAD;
                st = overlap_table_add(p->table, index, &o);
            }
        }
        if (st == STATUS_OK)
            st = claims_add(p->claims, kind, n.off / MIB, index);
    }
    if (n.facts) {
        p->s->notable++;
        overlap_table_mark(p->table, index);
    }
    return st;
}

static enum status claim_piece(struct pass *p, uint64_t block, uint64_t off, uint64_t count)
{
    uint64_t len = count * p->g->block_size;
    enum status st = STATUS_OK;
    if (range_in(off, len, p->v->src->size) && !layout_map_fixed_at(p->v->layout, off, len) &&
        claims_run_is_free(p->claims, off / MIB, count)) {
        p->s->highest_end = u64_max(p->s->highest_end, off + len);
        return claims_add_run(p->claims, off / MIB, count);
    }
    for (uint64_t i = 0; i < count && st == STATUS_OK; i++) {
        uint64_t index = bat_index_of_block(p->g, block + i);
        uint64_t raw = bat_entry_make(off + i * p->g->block_size, PAYLOAD_FULLY_PRESENT); /* 7 would claim the same */
        st = judge(p, index, bat_slot_of_index(p->g, index), raw, true);
    }
    return st;
}

static enum status close_run(struct pass *p)
{
    enum status st = STATUS_OK;
    uint64_t done = 0;
    while (done < p->count && st == STATUS_OK) {
        uint64_t n = u64_min(p->count - done, RUN_PIECE);
        st = claim_piece(p, p->block + done, p->off + done * p->g->block_size, n);
        done += n;
    }
    p->count = 0;
    return st;
}

/* Counts `count` allocated blocks that follow each other in the disk and in the file. */
static void count_allocated(struct pass *p, uint64_t block, uint64_t off, uint64_t count)
{
    struct bat_survey *s = p->s;
    if (s->allocated_blocks == 0) {
        s->runs = 1;
    } else {
        s->runs += block != p->seen_block + 1 || off != p->seen_off + p->g->block_size;
        s->out_of_order += off < p->seen_off;
    }
    s->allocated_blocks += count;
    p->seen_block = block + count - 1;
    p->seen_off = off + (count - 1) * p->g->block_size;
}

/* Whether the four entries from p on are e, e + step, ... Written out: compilers keep the loop a loop. */
static bool four_follow(const uint8_t *p, uint64_t e, uint64_t step)
{
    return ((le64(p) ^ e) | (le64(p + 8) ^ (e + step)) | (le64(p + 16) ^ (e + 2 * step)) |
            (le64(p + 24) ^ (e + 3 * step))) == 0;
}

/* How many entries from p on continue e, e + step, ...; n entries are there and none of them wraps. */
static uint64_t run_length(const uint8_t *p, uint64_t n, uint64_t e, uint64_t step)
{
    uint64_t k = 0;
    for (; n - k >= 8 && four_follow(p + 8 * k, e, step) && four_follow(p + 8 * k + 32, e + 4 * step, step); k += 8)
        e += 8 * step;
    for (; k < n && le64(p + 8 * k) == e; k++)
        e += step;
    return k;
}

static uint64_t zero_length(const uint8_t *p, uint64_t n)
{
    return span_find_nonzero(span_of(p, (size_t)(n * 8)), 0) / 8;
}

/* Limits of what survey_scattered() takes, as entries: fully present, at [low, low + room). */
struct plain {
    uint64_t low, room, step;
};

/*
 * How many of the n entries are fully present blocks in that range that no neighbour follows; one more entry is there.
 * The words of the map that they will want are on their way after it.
 */
static uint64_t plain_length(const struct claims_quick *quick, const uint8_t *entries, uint64_t n, struct plain plain)
{
    uint64_t next = le64(entries), i = 0;
    for (; i < n; i++) {
        uint64_t raw = next, off = raw & BAT_OFFSET_MASK;
        next = le64(entries + 8 * (i + 1));
        if ((raw & (BAT_STATE_MASK | BAT_RESERVED_MASK)) != PAYLOAD_FULLY_PRESENT || off < plain.low ||
            off - plain.low >= plain.room || next == raw + plain.step)
            break;
        __builtin_prefetch(claims_quick_word(quick, raw / MIB), 1);
    }
    return i;
}

/* What take_scattered() took. */
struct taken {
    uint64_t count, falls, highest, last; /* the last two as entries */
};

/* Claims the n blocks, as far as that goes. last: the entry before the first one. */
static inline __attribute__((always_inline)) struct taken take_all(const struct claims_quick quick,
                                                                   const uint8_t *entries, uint64_t n, uint64_t last)
{
    struct taken t = {.last = last};
    for (; t.count < n; t.count++) {
        uint64_t raw = le64(entries + 8 * t.count);
        if (!claims_quick_take(&quick, raw / MIB))
            break;
        t.falls += raw < t.last;
        t.highest = u64_max(t.highest, raw);
        t.last = raw;
    }
    return t;
}

static struct taken take_scattered(const struct claims_quick *quick, const uint8_t *entries, uint64_t n, uint64_t last)
{
    struct claims_quick q = *quick;
    if (q.margin != 0 || !q.flat)
        return take_all(q, entries, n, last);
    q = (struct claims_quick){.flat = q.flat, .near = 1}; /* known here: a loop of half the length */
    return take_all(q, entries, n, last);
}

/* Counts what was taken, at least one block; first: its entry. No block of it follows the one before it. */
static void count_scattered(struct pass *p, const struct taken *t, uint64_t first, uint64_t block)
{
    struct bat_survey *s = p->s;
    count_allocated(p, block, bat_entry_off(first), 1);
    s->runs += t->count - 1;
    s->out_of_order += t->falls;
    s->allocated_blocks += t->count - 1;
    s->states[PAYLOAD_FULLY_PRESENT] += t->count;
    s->highest_end = u64_max(s->highest_end, bat_entry_off(t->highest) + p->g->block_size);
    p->seen_block = block + t->count - 1;
    p->seen_off = bat_entry_off(t->last);
    claims_quick_close(p->claims, (t->highest + p->g->block_size) / MIB);
}

/*
 * Fully present blocks that follow nothing and are plainly all right: how many of the n entries were dealt with. No run
 * is open. In pieces, each looked at twice: what claims cost are misses of the cache, and it matters how many of them
 * are under way at once.
 */
static uint64_t survey_scattered(struct pass *p, const uint8_t *entries, uint64_t n, uint64_t block)
{
    const struct claims_quick quick = claims_quick_open(p->claims);
    const uint64_t step = p->g->block_size, size = u64_min(p->v->src->size, quick.limit * MIB), low = p->fixed_end;
    const struct plain plain = {
        .low = low, .room = size > low && size - low >= step ? size - low - step + 1 : 0, .step = step};
    struct taken t;
    uint64_t i = 0;
    if (!quick.pages || n == 0)
        return 0;
    do {
        const uint8_t *piece = entries + 8 * i;
        uint64_t first = le64(piece), count = plain_length(&quick, piece, u64_min(n - i - 1, SCATTERED_PIECE), plain);
        t = take_scattered(&quick, piece, count, first); /* count_allocated() says whether the first one falls */
        if (t.count > 0)
            count_scattered(p, &t, first, block + i);
        i += t.count;
    } while (t.count == SCATTERED_PIECE);
    return i;
}

/* n payload entries of real blocks from `block` on, all in one chunk. */
static enum status survey_payload(struct pass *p, const uint8_t *entries, uint64_t n, uint64_t block,
                                  bool bitmap_usable)
{
    const uint64_t step = p->g->block_size;
    enum status st = STATUS_OK;
    for (uint64_t i = 0; i < n && st == STATUS_OK;) {
        uint64_t raw = le64(entries + 8 * i), off = bat_entry_off(raw), length;
        unsigned state = bat_entry_state(raw);
        if (raw == 0) {
            i += zero_length(entries + 8 * i, n - i);
            continue;
        }
        if (state >= PAYLOAD_FULLY_PRESENT && off != 0 && !bat_entry_reserved(raw) &&
            (state == PAYLOAD_FULLY_PRESENT || (p->g->differencing && bitmap_usable))) {
            length = run_length(entries + 8 * i, u64_min(n - i, (UINT64_MAX - raw) / step + 1), raw, step);
            if (p->count == 0 || block + i != p->block + p->count || off != p->off + p->count * step) {
                st = close_run(p);
                p->block = block + i;
                p->off = off;
            }
            count_allocated(p, block + i, off, length);
            p->s->states[state] += length;
            p->count += length;
            i += length;
            if (length > 1 || p->count > 1 || st != STATUS_OK)
                continue;
            st = close_run(p);
            if (st == STATUS_OK)
                i += survey_scattered(p, entries + 8 * i, n - i, block + i);
            continue;
        }
        p->s->states[state]++;
        if (state >= PAYLOAD_FULLY_PRESENT)
            count_allocated(p, block + i, off, 1);
        st = close_run(p);
        if (st == STATUS_OK) {
            uint64_t index = bat_index_of_block(p->g, block + i);
            st = judge(p, index, bat_slot_of_index(p->g, index), raw, bitmap_usable);
        }
        i++;
    }
    return st;
}

static enum status survey_bitmap(struct pass *p, uint64_t chunk, uint64_t raw)
{
    uint64_t index = bat_index_of_bitmap(p->g, chunk), off = bat_entry_off(raw);
    enum status st;
    if (raw == 0)
        return STATUS_OK;
    p->s->bitmap_states[bat_entry_state(raw)]++;
    p->s->bitmaps_present += bat_entry_state(raw) == BITMAP_PRESENT;
    p->s->bitmap_with_offset += off != 0;
    st = close_run(p);
    if (st == STATUS_OK)
        st = judge(p, index, bat_slot_of_index(p->g, index), raw, false);
    if (st == STATUS_OK && bat_entry_state(raw) == BITMAP_PRESENT && off != 0)
        st = overlap_table_add_bitmap(p->table, index, off / MIB);
    return st;
}

static void survey_unused(struct pass *p, const uint8_t *entries, uint64_t n, uint64_t index)
{
    for (uint64_t i = zero_length(entries, n); i < n; i += 1 + zero_length(entries + 8 * (i + 1), n - i - 1)) {
        uint64_t raw = le64(entries + 8 * i), off = bat_entry_off(raw);
        p->s->unused_nonzero++;
        p->s->unused_with_offset += off != 0;
        p->s->unused_live += off != 0 && bat_entry_state(raw) >= PAYLOAD_FULLY_PRESENT;
        p->s->notable++;
        overlap_table_mark(p->table, index + i);
    }
}

static enum status survey_window(struct pass *p, const struct bat_window *w)
{
    const struct geometry *g = p->g;
    uint64_t chunk = w->first / (g->chunk_ratio + 1), done = 0;
    enum status st = STATUS_OK;
    for (; done < w->count && st == STATUS_OK; chunk++) {
        uint64_t block = chunk << g->chunk_shift, payload = u64_min(w->count - done, g->chunk_ratio);
        uint64_t real = block < g->payload_blocks ? u64_min(payload, g->payload_blocks - block) : 0;
        const uint8_t *entries = w->bytes + 8 * done;
        bool has_bitmap = w->count - done > g->chunk_ratio;
        uint64_t bitmap = has_bitmap ? le64(entries + 8 * g->chunk_ratio) : 0;

        st = survey_payload(p, entries, real, block, bat_bitmap_usable(p->v, bitmap));
        survey_unused(p, entries + 8 * real, payload - real, w->first + done + real);
        if (has_bitmap && st == STATUS_OK)
            st = survey_bitmap(p, chunk, bitmap);
        done += payload + has_bitmap;
    }
    return st;
}

/* Slots of the walk by kind, so that zero entries need not be counted. */
static void count_slots(struct pass *p)
{
    const struct geometry *g = p->g;
    uint64_t walk = p->v->bat.walk_entries, chunks = walk / (g->chunk_ratio + 1), rest = walk % (g->chunk_ratio + 1);
    p->bitmap_slots = chunks;
    p->real_slots = u64_min(chunks * g->chunk_ratio + rest, g->payload_blocks);
}

static enum status survey_used(struct pass *p)
{
    struct bat_stream stream;
    struct bat_window w;
    enum status st;
    bat_stream_open(p->v, 0, p->v->bat.walk_entries, &stream);
    do {
        st = bat_stream_next(&stream, &w);
        if (st == STATUS_OK)
            st = survey_window(p, &w);
    } while (st == STATUS_OK && w.count > 0);
    bat_stream_close(&stream);
    return st == STATUS_OK ? close_run(p) : st;
}

/* Slots of the region behind the last entry: should be zero, can be gigabytes, are usually a hole. */
static enum status survey_rest(struct pass *p)
{
    struct bat_stream stream;
    struct bat_window w;
    enum status st;
    bat_stream_open(p->v, p->g->entries, p->v->bat.slots, &stream);
    do {
        st = bat_stream_next(&stream, &w);
        if (st == STATUS_OK)
            survey_unused(p, w.bytes, w.count, w.first);
    } while (st == STATUS_OK && w.count > 0);
    bat_stream_close(&stream);
    return st;
}

static void finish_counts(struct pass *p)
{
    struct bat_survey *s = p->s;
    for (unsigned i = 1; i < 8; i++) {
        p->real_slots -= s->states[i];
        p->bitmap_slots -= s->bitmap_states[i];
    }
    s->states[0] = p->real_slots; /* most of which were not looked at one by one */
    s->bitmap_states[0] = p->bitmap_slots;
    s->allocated_bytes = s->allocated_blocks * p->g->block_size;
    s->all_in_order = s->states[PAYLOAD_FULLY_PRESENT] == p->g->payload_blocks && s->runs == 1;
    s->first_unallocated_trailing = s->allocated_blocks ? p->seen_block + 1 : 0;
    s->overlaps_checked = !p->claims->far_failed;
}

static enum status add_bitmaps(struct view *v, const struct overlap_table *t)
{
    enum status st = STATUS_OK;
    for (uint64_t i = 0; i < t->bitmap_count && st == STATUS_OK; i++) {
        uint64_t off = t->bitmaps[i].unit * MIB, end;
        if (u64_add(off, BITMAP_BLOCK_LEN, &end)) /* the last MiB of 2^64 is in no file */
            st = layout_map_add(v->layout, (struct extent){off, end, OWNER_BITMAP, t->bitmaps[i].index});
    }
    return st;
}

static enum status survey_bat(struct view *v, struct bat_survey **ret)
{
    uint64_t window = bat_stream_window_entries(&v->geometry);
    struct pass p = {
        .v = v,
        .g = &v->geometry,
        .s = arena_alloc(v->arena, sizeof(*p.s)),
        .claims = claims_create(v->arena, v->geometry.block_size / MIB),
        .table = overlap_table_create(v->arena, u64_max(v->bat.slots, 1), window),
    };
    enum status st;
    if (!p.s || !p.claims || !p.table)
        return arena_status(v->arena);
    p.fixed_end = layout_map_end(v->layout);
    count_slots(&p);
    st = survey_used(&p);
    if (st == STATUS_OK)
        st = survey_rest(&p);
    if (st == STATUS_OK)
        finish_counts(&p);
    if (st == STATUS_OK)
        st = bat_overlaps_finish(v, p.claims, p.table, p.s);
    if (st == STATUS_OK && v->geometry.differencing)
        st = add_bitmaps(v, p.table);
    if (st != STATUS_OK)
        return st;
    layout_map_set_claims(v->layout, p.claims);
    v->overlaps = p.table;
    *ret = p.s;
    return STATUS_OK;
}

/* Header section, log and regions; blocks of sector bitmaps come from the BAT. */
static enum status add_structures(struct view *v)
{
    enum status st =
        layout_map_add(v->layout, (struct extent){.start = 0, .end = HEADER_SECTION_LEN, .kind = OWNER_HEADER_SECTION});
    if (st == STATUS_OK)
        st = layout_map_add(v->layout,
                            (struct extent){.start = v->log_off, .end = v->log_off + v->log_len, .kind = OWNER_LOG});
    if (v->used_table >= 0) {
        const struct region_copy *c = &v->regions[v->used_table];
        for (uint32_t i = 0; i < c->told && st == STATUS_OK; i++) {
            const struct region_entry *e = &c->entries[i];
            uint64_t end; /* what wraps owns nothing */
            if (u64_add(e->off, e->len, &end))
                st = layout_map_add(v->layout, (struct extent){e->off, end, OWNER_REGION, i});
        }
    }
    return st == STATUS_OK ? layout_map_seal(v->layout) : st;
}

enum status view_survey(struct view *v)
{
    struct bat_survey *survey = NULL;
    enum status st;
    if (v->layout)
        return STATUS_OK;
    v->layout = layout_map_create(v->arena);
    if (!v->layout)
        return arena_status(v->arena);
    st = add_structures(v);
    if (st == STATUS_OK && v->bat.absence == ABSENT_NOT) {
        st = survey_bat(v, &survey);
        if (st == STATUS_IO) {
            v->bat.absence = ABSENT_IO;
            st = STATUS_OK;
        }
    }
    if (st == STATUS_OK)
        st = layout_map_seal(v->layout);
    if (st != STATUS_OK) {
        v->layout = NULL;
        v->overlaps = NULL;
        return st;
    }
    v->survey = survey;
    return STATUS_OK;
}
