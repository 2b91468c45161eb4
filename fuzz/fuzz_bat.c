/* SPDX-License-Identifier: MIT */
/*
 * The BAT: survey, visit, layout map and readers over a table that the input gives entry by entry, against an oracle
 * that compares each entry with each other one.
 *
 * Input: u8 options, u32 payload blocks (few unless the top bit is set: long tables cost time), u8 sectors that the
 * last one lacks, u16 size of the file and u8 place, u8 length of the log in MiB, u8 slots more or less than needed, u8
 * regions (0-3; 128: far places), for each u8 place, u8 length in MiB; then entries.
 *
 * Options: 1 differencing, 2 sectors of 4096, 4 fewer slots instead of more, 8 look at the rest as well (contested
 * blocks, free space, readers), which costs time, bits 4-7 the block size, see below.
 *
 * An entry: u8, its bits 0-2 the state, 3: u64 follows, the entry as it is (else u8 place in MiB), 4-5 where it lies
 * (next slot, u8 modulo 32 further, u16 further, slot of the chunk's bitmap), 6: where the table has far places, this
 * one is counted from just below the end of the maps of bits, 7: u8, how many blocks more follow it in disk and file.
 *
 * Asserted: all counts, every notable entry with all its facts and others, in order; where nothing is notable, all
 * blocks are disjoint, inside the file and behind the header section; what is said to be free is; contested blocks are
 * those that meet something; readers give every entry.
 */
#include "base/le.h"
#include "base/limits.h"
#include "format/bat.h"
#include "fuzz/property.h"
#include "image/bat_walk.h"
#include "image/contested.h"

enum { DIFFERENCING = 1, SECTORS_4K = 2, FEWER_SLOTS = 4, THE_REST = 8, FAR_PLACES = 128 };
enum { RAW = 8, FAR = 64, RUN = 128 };
enum { ENTRIES_MAX = 24, RUN_MAX = 8, STEP_MAX = 32, REGIONS_MAX = 3, HITS = 7 };

static const uint64_t MANY_BLOCKS = (uint64_t)1 << 31, FEW_BLOCKS = 1024;

static const uint64_t BAT_OFF = (uint64_t)1 << 20;

struct slot {
    uint64_t index, raw;
};

struct table {
    struct source base;
    struct geometry g;
    struct slot slots[ENTRIES_MAX]; /* by index, not zero, one for each */
    size_t count;
    uint64_t slot_count; /* of the region */
    struct region_entry regions[REGIONS_MAX];
    uint32_t region_count;
    uint64_t log_off, log_len;
    bool far;
};

/* ---- the file: nothing but the BAT ---- */

static enum status table_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    const struct table *t = (const struct table *)s;

    memset(buf, 0, len);
    for (size_t i = 0; i < t->count && BAT_OFF + t->slots[i].index * 8 < off + len; i++) {
        uint64_t at = BAT_OFF + t->slots[i].index * 8;
        if (at < off)
            continue;
        ASSERT(at + 8 <= off + len, "half an entry is asked for");
        put_le64((uint8_t *)buf + (at - off), t->slots[i].raw);
    }
    return STATUS_OK;
}

static enum status table_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    const struct table *t = (const struct table *)s;

    *ret_data = *ret_hole = s->size;
    for (size_t i = 0; i < t->count; i++) {
        uint64_t at = BAT_OFF + t->slots[i].index * 8;
        if (at + 8 <= off || at >= s->size)
            continue;
        *ret_data = u64_max(at, off);
        while (i + 1 < t->count && t->slots[i + 1].index == t->slots[i].index + 1)
            i++;
        *ret_hole = BAT_OFF + t->slots[i].index * 8 + 8;
        break;
    }
    return STATUS_OK;
}

static void table_close(struct source *s)
{
    (void)s;
}

/* ---- the input ---- */

static void put(struct table *t, uint64_t index, uint64_t raw)
{
    size_t i = 0;

    if (index >= t->slot_count || raw == 0)
        return;
    while (i < t->count && t->slots[i].index < index)
        i++;
    if (i < t->count && t->slots[i].index == index) {
        t->slots[i].raw = raw;
    } else if (t->count < ENTRIES_MAX) {
        memmove(&t->slots[i + 1], &t->slots[i], (t->count - i) * sizeof(t->slots[0]));
        t->slots[i] = (struct slot){index, raw};
        t->count++;
    }
}

static void take_entry(struct table *t, struct taker *in, uint64_t *index)
{
    static const unsigned step_len[4] = {0, 1, 2, 0};
    unsigned kind = (unsigned)take(in, 1), step = kind >> 4 & 3;
    uint64_t per_chunk = t->g.chunk_ratio + 1;

    uint64_t further = take(in, step_len[step]);
    *index += step == 1 ? further % STEP_MAX : further;
    if (step == 3)
        *index = *index / per_chunk * per_chunk + t->g.chunk_ratio;
    if (*index >= t->slot_count)
        *index %= u64_max(t->slot_count, 1);
    uint64_t unit = kind & RAW ? 0 : take(in, 1) + (kind & FAR && t->far ? LIMIT_NEAR_UNITS - 128 : 0);
    uint64_t raw = kind & RAW ? take(in, 8) : unit * MIB | (kind & 7);
    uint64_t more = kind & RUN ? take(in, 1) % RUN_MAX : 0;
    for (uint64_t i = 0; i <= more; i++)
        put(t, *index + i, raw + i * t->g.block_size);
    *index += more + 1;
}

/* Small blocks make long chunks, which cost time: 16 to 512 entries, 128 to 1024 with large sectors. */
static unsigned block_shift(unsigned options)
{
    static const uint8_t shifts[16] = {8, 8, 8, 7, 8, 8, 8, 6, 8, 8, 8, 5, 8, 8, 4, 3};
    unsigned shift = shifts[options >> 4 & 15];

    return options & SECTORS_4K && shift < 5 ? 5 : shift;
}

static void take_table(struct table *t, struct taker *in)
{
    static const struct source_ops ops = {table_read, table_next_data, table_close};
    unsigned options = (unsigned)take(in, 1);
    uint64_t block_size = MIB << block_shift(options), sector = options & SECTORS_4K ? 4096 : 512;
    uint64_t number = take(in, 4), most = VIRTUAL_SIZE_MAX / block_size;
    uint64_t blocks = 1 + number % (number & MANY_BLOCKS ? most : u64_min(FEW_BLOCKS, most));
    uint64_t lacks = take(in, 1) * sector;

    *t = (struct table){.base = {.ops = &ops}};
    ASSERT(geometry_derive(blocks * block_size - lacks, block_size, (uint32_t)sector, options & DIFFERENCING, &t->g));
    uint64_t file_mib = take(in, 2);
    t->log_off = take(in, 1) * MIB;
    t->log_len = take(in, 1) * MIB;
    uint64_t more = take(in, 1);
    t->slot_count = !(options & FEWER_SLOTS) ? t->g.entries + more : t->g.entries > more ? t->g.entries - more : 1;
    t->base.size = u64_max(file_mib * MIB, BAT_OFF + t->slot_count * 8);
    t->region_count = (uint32_t)take(in, 1);
    t->far = t->region_count & FAR_PLACES;
    t->region_count %= REGIONS_MAX + 1;
    for (uint32_t i = 0; i < t->region_count; i++) {
        t->regions[i].off = take(in, 1) * MIB;
        t->regions[i].len = (uint32_t)(take(in, 1) * MIB);
    }
    for (uint64_t index = 0; in->len > 0;)
        take_entry(t, in, &index);
}

static struct view *make_view(struct arena *a, struct table *t, struct source *src)
{
    struct view *v = arena_alloc(a, sizeof(*v));

    ASSERT(v != NULL);
    *v = (struct view){
        .kind = VIEW_STORED,
        .arena = a,
        .src = src,
        .log_off = t->log_off,
        .log_len = t->log_len,
        .geometry = t->g,
        .bat = {.off = BAT_OFF, .region_len = t->slot_count * 8, .slots = t->slot_count},
    };
    v->regions[0].table.usable_count = t->region_count;
    v->regions[0].entries = t->regions;
    v->regions[0].told = t->region_count;
    v->bat.walk_entries = u64_min(t->g.entries, t->slot_count);
    v->bat.short_region = t->slot_count < t->g.entries;
    return v;
}

/* ---- the oracle ---- */

struct oracle {
    const struct table *t;
    uint64_t walk;                      /* entries that mean something */
    struct bat_note notes[ENTRIES_MAX]; /* one for each slot of the table */
    bool claims[ENTRIES_MAX];           /* takes part in overlaps as an owner */
    struct bat_survey survey;
};

static bool meet(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    return a < u64_add_sat(b, b_len) && b < u64_add_sat(a, a_len);
}

static uint64_t raw_at(const struct table *t, uint64_t index)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->slots[i].index == index)
            return t->slots[i].raw;
    }
    return 0;
}

static uint64_t index_of_bitmap_for(const struct table *t, uint64_t index)
{
    return (index / (t->g.chunk_ratio + 1) + 1) * (t->g.chunk_ratio + 1) - 1;
}

/* Of several the lowest start counts, then the lowest end. */
static void hit(struct bat_note *n, unsigned which, struct extent x)
{
    struct extent *best = &n->others[which];
    unsigned bit = 1U << (which + BAT_OTHERS_SHIFT);

    if (!(n->facts & bit) || x.start < best->start || (x.start == best->start && x.end < best->end))
        *best = x;
    n->facts |= bit;
}

static void judge_range(const struct oracle *o, struct bat_note *n, uint64_t guest)
{
    const struct table *t = o->t;
    uint64_t size = t->base.size, there = n->off >= size ? 0 : u64_min(size - n->off, n->len);

    if (n->off > INT64_MAX || n->len > INT64_MAX - n->off)
        n->facts |= BAT_FACT_WRAPS;
    if (n->off >> 48 != 0)
        n->facts |= BAT_FACT_FAR;
    if (there < guest)
        n->facts |= BAT_FACT_PAST_EOF;
    else if (there < n->len)
        n->facts |= BAT_FACT_CUT_TAIL;
    n->missing = there < guest ? guest - there : 0;
    if (t->log_len > 0 && meet(n->off, n->len, t->log_off, t->log_len))
        hit(n, 1, (struct extent){t->log_off, t->log_off + t->log_len, OWNER_LOG, 0});
    for (uint32_t i = 0; i < t->region_count; i++) {
        const struct region_entry *e = &t->regions[i];
        if (e->len > 0 && meet(n->off, n->len, e->off, e->len))
            hit(n, 2, (struct extent){e->off, e->off + e->len, OWNER_REGION, i});
    }
}

static void judge_bitmap(struct oracle *o, struct bat_note *n, unsigned state, uint64_t off)
{
    o->survey.bitmap_states[state]++;
    o->survey.bitmaps_present += state == 6;
    o->survey.bitmap_with_offset += off != 0;
    if ((state != 0 && state != 6) || (state == 6 && !o->t->g.differencing))
        n->facts |= BAT_FACT_STATE;
    if (state != 6 && off != 0)
        n->facts |= BAT_FACT_IDLE_OFFSET;
    n->owns = state == 6;
}

static void judge_payload(struct oracle *o, struct bat_note *n, unsigned state, uint64_t off)
{
    const struct table *t = o->t;

    o->survey.states[state]++;
    n->guest_off = n->slot.block * t->g.block_size;
    n->guest_len = u64_min(t->g.block_size, t->g.virtual_size - n->guest_off);
    if (state == 4 || state == 5 || (state == 7 && !t->g.differencing))
        n->facts |= BAT_FACT_STATE;
    if ((state == 0 || state == 2) && off != 0)
        n->facts |= BAT_FACT_IDLE_OFFSET;
    if (state == 7 && t->g.differencing) {
        uint64_t at = index_of_bitmap_for(t, n->index), raw = at < o->walk ? raw_at(t, at) : 0;
        if ((raw & 7) != 6 || raw >> 20 == 0 || raw >> 20 << 20 >= t->base.size) {
            n->facts |= BAT_FACT_NO_BITMAP;
            n->bitmap_raw = raw;
        }
    }
    n->anchor = (state == 1 || state == 3) && off != 0;
    n->owns = state >= 6 || n->anchor;
}

static void judge_slot(struct oracle *o, size_t i)
{
    const struct table *t = o->t;
    struct bat_note *n = &o->notes[i];
    uint64_t index = t->slots[i].index, raw = t->slots[i].raw, off = raw >> 20 << 20, per = t->g.chunk_ratio + 1;
    bool is_bitmap = index % per == t->g.chunk_ratio;
    unsigned state = raw & 7;

    *n = (struct bat_note){.index = index, .entry_off = BAT_OFF + index * 8, .raw = raw};
    n->slot.is_bitmap = is_bitmap;
    n->slot.chunk = index / per;
    n->slot.block = is_bitmap ? 0 : index / per * t->g.chunk_ratio + index % per;
    if (index >= t->g.entries || (!is_bitmap && n->slot.block >= t->g.payload_blocks)) {
        n->facts = BAT_FACT_UNUSED_SLOT;
        o->survey.unused_nonzero++;
        o->survey.unused_with_offset += off != 0;
        o->survey.unused_live += off != 0 && state >= 6;
        return;
    }
    if (raw & 0xffff8)
        n->facts |= BAT_FACT_RESERVED_BITS;
    if (is_bitmap)
        judge_bitmap(o, n, state, off);
    else
        judge_payload(o, n, state, off);
    if (n->owns && off == 0) {
        n->owns = false;
        n->facts |= BAT_FACT_ZERO_OFFSET;
        hit(n, 0, (struct extent){0, MIB, OWNER_HEADER_SECTION, 0});
    }
    if (!n->owns)
        return;
    n->off = off;
    n->len = is_bitmap ? MIB : t->g.block_size;
    judge_range(o, n, is_bitmap ? MIB : n->guest_len);
    o->claims[i] = !is_bitmap || t->g.differencing;
    o->survey.anchors += n->anchor;
    if (o->claims[i])
        o->survey.highest_end = u64_max(o->survey.highest_end, u64_add_sat(off, n->len));
}

/* Live blocks before anchors before bitmaps, among those on one place. */
static unsigned rank(enum owner_kind k)
{
    return k == OWNER_PAYLOAD ? 0 : k == OWNER_ANCHOR ? 1 : 2;
}

static void judge_pair(struct bat_note *a, const struct bat_note *b)
{
    enum owner_kind owner = b->slot.is_bitmap ? OWNER_BITMAP : b->anchor ? OWNER_ANCHOR : OWNER_PAYLOAD;
    unsigned which = a->anchor || b->anchor ? 6 : a->slot.is_bitmap || b->slot.is_bitmap ? 5 : a->off == b->off ? 3 : 4;
    struct extent *best = &a->others[which];
    unsigned bit = 1U << (which + BAT_OTHERS_SHIFT);

    if (!(a->facts & bit) || b->off < best->start || (b->off == best->start && rank(owner) < rank(best->kind)))
        *best = (struct extent){b->off, u64_add_sat(b->off, b->len), owner, b->index};
    a->facts |= bit;
}

/* Each with each earlier one; a PRESENT bitmap slot without parent with all. */
static void judge_pairs(struct oracle *o)
{
    for (size_t i = 0; i < o->t->count; i++) {
        struct bat_note *n = &o->notes[i];
        size_t end = n->owns && !o->claims[i] ? o->t->count : n->owns ? i : 0;
        for (size_t k = 0; k < end; k++) {
            if (o->claims[k] && meet(n->off, n->len, o->notes[k].off, o->notes[k].len))
                judge_pair(n, &o->notes[k]);
        }
    }
}

static void judge_order(struct oracle *o)
{
    struct bat_survey *s = &o->survey;
    uint64_t last = 0, last_off = 0;

    for (size_t i = 0; i < o->t->count; i++) {
        const struct bat_note *n = &o->notes[i];
        uint64_t off = n->raw >> 20 << 20;
        if (n->index >= o->walk || n->slot.is_bitmap || (n->raw & 7) < 6 || n->slot.block >= o->t->g.payload_blocks)
            continue;
        s->runs += s->allocated_blocks == 0 || n->slot.block != last + 1 || off != last_off + o->t->g.block_size;
        s->out_of_order += s->allocated_blocks > 0 && off < last_off;
        s->allocated_blocks++;
        last = n->slot.block;
        last_off = off;
    }
    s->first_unallocated_trailing = s->allocated_blocks > 0 ? last + 1 : 0;
    s->allocated_bytes = s->allocated_blocks * o->t->g.block_size;
    s->all_in_order = s->runs == 1 && s->states[6] == o->t->g.payload_blocks;
}

static void judge_all(struct oracle *o, const struct table *t)
{
    uint64_t per = t->g.chunk_ratio + 1;

    /* A note is cleared when its slot is judged, and few of them have one. */
    o->t = t;
    o->walk = u64_min(t->g.entries, t->slot_count);
    o->survey = (struct bat_survey){.states = {0}};
    memset(o->claims, 0, sizeof(o->claims));
    for (size_t i = 0; i < t->count; i++)
        judge_slot(o, i);
    judge_pairs(o);
    for (size_t i = 0; i < t->count; i++) {
        struct bat_note *n = &o->notes[i];
        o->survey.notable += n->facts != 0;
        for (unsigned k = HITS; k-- > 0;) {
            if (n->facts & 1U << (k + BAT_OTHERS_SHIFT))
                n->other = n->others[k];
        }
    }
    judge_order(o);
    o->survey.states[0] = u64_min(o->walk / per * t->g.chunk_ratio + o->walk % per, t->g.payload_blocks);
    o->survey.bitmap_states[0] = o->walk / per;
    for (unsigned i = 1; i < 8; i++) {
        o->survey.states[0] -= o->survey.states[i];
        o->survey.bitmap_states[0] -= o->survey.bitmap_states[i];
    }
    /* Zero states of entries that are not zero were counted among them. */
}

/* ---- comparison ---- */

static bool same_extent(const struct extent *a, const struct extent *b)
{
    return a->start == b->start && a->end == b->end && a->kind == b->kind && a->ref == b->ref;
}

static void check_note(const struct bat_note *got, const struct bat_note *want)
{
    unsigned long long index = want->index;

    ASSERT(got->index == want->index, "%llu, not %llu", (unsigned long long)got->index, index);
    ASSERT(got->facts == want->facts, "%#x, not %#x, at %llu", got->facts, want->facts, index);
    ASSERT(got->entry_off == want->entry_off && got->raw == want->raw);
    ASSERT(got->slot.is_bitmap == want->slot.is_bitmap && got->slot.chunk == want->slot.chunk &&
           got->slot.block == want->slot.block);
    ASSERT(got->owns == want->owns && got->anchor == want->anchor && got->off == want->off && got->len == want->len);
    ASSERT(got->missing == want->missing, "at %llu", index);
    ASSERT(got->guest_off == want->guest_off && got->guest_len == want->guest_len);
    ASSERT(got->bitmap_raw == want->bitmap_raw, "at %llu", index);
    ASSERT(same_extent(&got->other, &want->other), "at %llu", index);
    for (unsigned i = 0; i < HITS; i++)
        ASSERT(same_extent(&got->others[i], &want->others[i]), "%u at %llu", i, index);
}

static void check_survey(const struct bat_survey *got, const struct bat_survey *want)
{
    for (unsigned i = 0; i < 8; i++) {
        ASSERT(got->states[i] == want->states[i], "state %u", i);
        ASSERT(got->bitmap_states[i] == want->bitmap_states[i], "state %u", i);
    }
    ASSERT(got->bitmaps_present == want->bitmaps_present && got->bitmap_with_offset == want->bitmap_with_offset);
    ASSERT(got->allocated_blocks == want->allocated_blocks && got->allocated_bytes == want->allocated_bytes);
    ASSERT(got->anchors == want->anchors && got->unused_nonzero == want->unused_nonzero);
    ASSERT(got->unused_with_offset == want->unused_with_offset && got->unused_live == want->unused_live);
    ASSERT(got->runs == want->runs && got->out_of_order == want->out_of_order);
    ASSERT(got->notable == want->notable && got->highest_end == want->highest_end);
    ASSERT(got->all_in_order == want->all_in_order && got->overlaps_checked);
    ASSERT(got->first_unallocated_trailing == want->first_unallocated_trailing);
}

struct visit {
    const struct oracle *o;
    size_t at;
    uint64_t seen;
};

static bool on_note(void *ctx, const struct bat_note *n)
{
    struct visit *v = ctx;

    while (v->at < v->o->t->count && v->o->notes[v->at].facts == 0)
        v->at++;
    ASSERT(v->at < v->o->t->count, "entry %llu is not notable", (unsigned long long)n->index);
    check_note(n, &v->o->notes[v->at++]);
    v->seen++;
    return true;
}

/* Property 8, in its own words. */
static void check_disjoint(const struct oracle *o)
{
    for (size_t i = 0; i < o->t->count; i++) {
        const struct bat_note *a = &o->notes[i];
        if (!a->owns)
            continue;
        ASSERT(a->off >= MIB && a->off <= o->t->base.size && a->len <= o->t->base.size - a->off);
        for (size_t k = 0; k < i; k++)
            ASSERT(!o->notes[k].owns || a->off >= o->notes[k].off + o->notes[k].len ||
                   o->notes[k].off >= a->off + a->len);
    }
}

static bool on_free(void *ctx, struct free_range r)
{
    const struct oracle *o = ctx;

    ASSERT(r.len > 0 && r.off % MIB == 0 && r.off >= MIB && r.off + r.len <= o->t->base.size);
    for (size_t i = 0; i < o->t->count; i++)
        ASSERT(!o->claims[i] || !meet(r.off, r.len, o->notes[i].off, o->notes[i].len));
    return true;
}

/*
 * A live block or a bitmap block that counts is contested when it meets a structure or another of these, an anchor when
 * it meets anything.
 */
static void check_contested(const struct oracle *o, struct view *v)
{
    const unsigned structures = BAT_FACT_HITS_LOG | BAT_FACT_HITS_REGION;
    struct contested *c = NULL;

    if (o->survey.notable == 0)
        return;
    ASSERT(contested_find(v, &c) == STATUS_OK);
    for (size_t i = 0; i < o->t->count; i++) {
        const struct bat_note *n = &o->notes[i];
        if (!o->claims[i])
            continue;
        bool meets = (n->facts & structures) != 0;
        for (size_t k = 0; k < o->t->count; k++) {
            const struct bat_note *m = &o->notes[k];
            meets |= k != i && o->claims[k] && (n->anchor || !m->anchor) && meet(n->off, n->len, m->off, m->len);
        }
        bool contested = n->slot.is_bitmap ? contested_bitmap(c, n->off)
                         : n->anchor       ? contested_anchor(c, n->off)
                                           : contested_payload(c, n->off);
        ASSERT(contested == meets, "at %llu", (unsigned long long)n->index);
    }
}

static void check_layout(const struct oracle *o, const struct view *v)
{
    for (size_t i = 0; i < o->t->count; i++) {
        const struct bat_note *n = &o->notes[i];
        if (o->claims[i] && !n->slot.is_bitmap && n->off < INT64_MAX)
            ASSERT(layout_map_payload_at(v->layout, n->off, n->len));
    }
    layout_map_free_ranges(v->layout, o->t->base.size, on_free, (void *)(uintptr_t)o);
}

static void check_reader(const struct table *t, struct view *v)
{
    struct bat_reader r;
    uint64_t raw, at = 0;

    ASSERT(bat_reader_open(v, &r) == STATUS_OK);
    for (size_t i = 0; i < t->count; i++) {
        ASSERT(bat_reader_find(&r, at, t->slot_count, &at, &raw) == STATUS_OK);
        ASSERT(at == t->slots[i].index && raw == t->slots[i].raw);
        at++;
    }
    ASSERT(bat_reader_find(&r, at, t->slot_count, &at, &raw) == STATUS_OK && at == t->slot_count);
    for (size_t i = t->count; i-- > 0;) {
        ASSERT(bat_reader_get(&r, t->slots[i].index, &raw) == STATUS_OK && raw == t->slots[i].raw);
        if (i > 0 && t->slots[i - 1].index + 1 < t->slots[i].index)
            ASSERT(bat_reader_get(&r, t->slots[i].index - 1, &raw) == STATUS_OK && raw == 0);
    }
    ASSERT(bat_reader_get(&r, t->slot_count, &raw) == STATUS_RANGE);
    bat_reader_close(&r);
}

static void check_arithmetic(const struct table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        struct bat_slot s = bat_slot_of_index(&t->g, t->slots[i].index);
        ASSERT((s.is_bitmap ? bat_index_of_bitmap(&t->g, s.chunk) : bat_index_of_block(&t->g, s.block)) ==
               t->slots[i].index);
        uint64_t raw = t->slots[i].raw;
        ASSERT(bat_entry_make(bat_entry_off(raw), bat_entry_state(raw)) == (raw & ~bat_entry_reserved(raw)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct table t;
    static struct oracle o;
    struct taker in = {data, size};
    struct watched watched;

    take_table(&t, &in);
    judge_all(&o, &t);
    check_arithmetic(&t);

    struct arena *a = property_arena(LIMIT_MEMORY_DEFAULT);
    struct source *src =
        watched_open(&watched, &t.base, work_bound_of(32, t.count, t.count * 8, 64, (uint64_t)1 << 20));
    struct view *v = make_view(a, &t, src);
    ASSERT(view_survey(v) == STATUS_OK && v->survey != NULL);
    check_survey(v->survey, &o.survey);
    struct visit visit = {.o = &o};
    ASSERT(bat_visit_notable(v, on_note, &visit) == STATUS_OK && visit.seen == o.survey.notable);
    if (o.survey.notable == 0)
        check_disjoint(&o);
    if (size > 0 && data[0] & THE_REST) {
        check_contested(&o, v);
        check_layout(&o, v);
        check_reader(&t, v);
    }
    arena_destroy(a);
    return 0;
}
