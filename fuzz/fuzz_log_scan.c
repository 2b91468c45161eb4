/* SPDX-License-Identifier: MIT */
/*
 * The log scan against a search that follows the specification word by word: it tries every sector as the start of an
 * entry, each by itself, and every entry as the start of a sequence.
 *
 * Input: a recipe. Its current header says where the log is and which entries are live. Rings that hold more sectors
 * than the oracle takes are scanned without it.
 *
 * Asserted: the same entries with the same defects, the same runs and active sequence, the same orphans; descriptors
 * come in order with their data sectors; bounded work.
 */
#include "base/crc32c.h"
#include "base/le.h"
#include "format/layout.h"
#include "fuzz/log_input.h"

enum {
    SECTOR = LOG_SECTOR_LEN,
    HELD_MAX = 64,            /* sectors of the ring that are not zero */
    RING_MAX = 1024 * SECTOR, /* bytes of the ring */
    NONE = -1,
};

/* ---- the ring, sector by sector ---- */

struct held {
    uint64_t index;
    uint8_t bytes[SECTOR];
};

struct ring {
    uint64_t sectors;
    struct held held[HELD_MAX];
    size_t count;
};

static const uint8_t zeros[SECTOR];

static const uint8_t *sector_at(const struct ring *r, uint64_t index)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->held[i].index == index % r->sectors)
            return r->held[i].bytes;
    }
    return zeros;
}

/* False when it is too much for the oracle. A sector of which the file has only a part counts as zeros. */
static bool ring_load(struct ring *r, const struct log_input *in)
{
    uint64_t size = in->unwatched->size, data = 0, hole = 0;

    r->sectors = in->len / SECTOR;
    r->count = 0;
    if (r->sectors > RING_MAX / SECTOR)
        return false;
    for (uint64_t i = 0; i < r->sectors; i++) {
        uint64_t at = in->off + i * SECTOR;
        if (at + SECTOR > size)
            break;
        if (at >= hole)
            ASSERT(source_next_data(in->unwatched, at, &data, &hole) == STATUS_OK);
        if (data >= at + SECTOR)
            continue;
        if (r->count == HELD_MAX)
            return false;
        struct held *h = &r->held[r->count];
        ASSERT(source_read(in->unwatched, at, h->bytes, SECTOR) == STATUS_OK);
        h->index = i;
        r->count += !span_is_zero(span_of(h->bytes, SECTOR));
        hole = 0; /* ask again: another range may begin inside this sector */
    }
    return true;
}

/* ---- one entry ---- */

struct judged {
    enum log_defect defect;
    uint64_t item;
    uint64_t index, sectors; /* place and, of a valid one, length */
    uint64_t sequence, descriptors, data, tail;
    bool live, active;
};

static bool starts_with(const uint8_t *p, const char *signature)
{
    return memcmp(p, signature, 4) == 0;
}

static const uint8_t *descriptor_at(const struct ring *r, const struct judged *e, uint64_t i)
{
    uint64_t pos = 64 + 32 * i;
    return sector_at(r, e->index + pos / SECTOR) + pos % SECTOR;
}

static bool descriptor_is_right(const uint8_t *d, uint64_t sequence)
{
    if (!starts_with(d, "desc") && !starts_with(d, "zero"))
        return false;
    return le64(d + 24) == sequence && le64(d + 16) % SECTOR == 0 &&
           (starts_with(d, "desc") || le64(d + 8) % SECTOR == 0);
}

static uint32_t checksum_of(const struct ring *r, uint64_t index, uint64_t sectors)
{
    uint8_t first[SECTOR];

    memcpy(first, sector_at(r, index), SECTOR);
    memset(first + 4, 0, 4);
    uint32_t crc = crc32c_portable(0, first, SECTOR);
    for (uint64_t i = 1; i < sectors; i++)
        crc = crc32c(crc, sector_at(r, index + i), SECTOR);
    return crc;
}

static struct judged failed(struct judged e, enum log_defect defect, uint64_t item)
{
    e.defect = defect;
    e.item = item;
    return e;
}

/* format.md 8.2, in its order. */
static struct judged judge(const struct ring *r, uint64_t index, const struct guid *live)
{
    const uint8_t *p = sector_at(r, index);
    uint64_t len = le32(p + 8), ring_len = r->sectors * SECTOR;
    struct judged e = {
        .index = index,
        .sequence = le64(p + 16),
        .descriptors = le32(p + 24),
        .tail = le32(p + 12),
        .live = !guid_is_nil(live) && memcmp(p + 32, live->bytes, 16) == 0,
    };

    if (len < SECTOR || len % SECTOR != 0 || len > ring_len)
        return failed(e, LOG_DEFECT_LENGTH, 0);
    if (e.tail % SECTOR != 0 || e.tail >= ring_len)
        return failed(e, LOG_DEFECT_TAIL, 0);
    if (e.sequence == 0)
        return failed(e, LOG_DEFECT_SEQUENCE_ZERO, 0);
    if (64 + 32 * e.descriptors > len)
        return failed(e, LOG_DEFECT_DESCRIPTOR_COUNT, 0);
    for (uint64_t i = 0; i < e.descriptors; i++) {
        const uint8_t *d = descriptor_at(r, &e, i);
        if (!descriptor_is_right(d, e.sequence))
            return failed(e, LOG_DEFECT_DESCRIPTOR, i);
        e.data += starts_with(d, "desc");
    }
    uint64_t begin = (64 + 32 * e.descriptors + SECTOR - 1) / SECTOR;
    bool exact = len == SECTOR * (begin + e.data);
    for (uint64_t i = 0; exact && i < e.data; i++) {
        const uint8_t *s = sector_at(r, index + begin + i);
        if (!starts_with(s, "data") || ((uint64_t)le32(s + 4) << 32 | le32(s + SECTOR - 4)) != e.sequence)
            return failed(e, LOG_DEFECT_DATA_SECTOR, i);
    }
    for (uint64_t i = begin; i < len / SECTOR; i++) {
        if (starts_with(sector_at(r, index + i), "loge")) /* only where the length is not exact */
            return failed(e, LOG_DEFECT_CHECKSUM, 0);
    }
    if (checksum_of(r, index, len / SECTOR) != le32(p + 4))
        return failed(e, LOG_DEFECT_CHECKSUM, 0);
    if (!exact)
        return failed(e, LOG_DEFECT_LENGTH_MISMATCH, 0);
    e.sectors = len / SECTOR;
    return e;
}

/* ---- the whole log ---- */

struct verdict {
    struct judged entries[HELD_MAX];
    int count;
    int first, head; /* of the active sequence, or NONE */
    uint64_t active_count, runs;
};

static int entry_at(const struct verdict *v, uint64_t index)
{
    for (int i = 0; i < v->count; i++) {
        if (v->entries[i].index == index)
            return i;
    }
    return NONE;
}

/* The valid live entry at a sector. */
static int live_at(const struct verdict *v, uint64_t index)
{
    int i = entry_at(v, index);
    return i != NONE && v->entries[i].defect == LOG_DEFECT_NONE && v->entries[i].live ? i : NONE;
}

/* format.md 8.3, as the pseudo-code there, without its shortcut. */
static void find_sequence(const struct ring *r, struct verdict *v)
{
    uint64_t best = 0;

    v->first = v->head = NONE;
    for (uint64_t p = 0; p < r->sectors; p++) {
        int run[HELD_MAX];
        uint64_t q = p, used = 0;
        int n = 0;
        for (int e; (e = live_at(v, q)) != NONE && used + v->entries[e].sectors <= r->sectors; n++) {
            if (n > 0 && v->entries[e].sequence - 1 != v->entries[run[n - 1]].sequence)
                break;
            run[n] = e;
            used += v->entries[e].sectors;
            q = (q + v->entries[e].sectors) % r->sectors;
            if (used == r->sectors) {
                n++;
                break;
            }
        }
        for (int i = 0; i < n; i++) {
            const struct judged *head = &v->entries[run[n - 1]];
            if (v->entries[run[i]].index * SECTOR != head->tail || head->sequence <= best)
                continue;
            best = head->sequence;
            v->first = run[i];
            v->head = run[n - 1];
            v->active_count = (uint64_t)(n - i);
        }
    }
    for (int i = v->first; i != NONE; i = live_at(v, (v->entries[i].index + v->entries[i].sectors) % r->sectors)) {
        v->entries[i].active = true;
        if (i == v->head)
            break;
    }
}

/* Runs: valid live entries that none comes before. */
static uint64_t count_runs(const struct ring *r, const struct verdict *v)
{
    uint64_t runs = 0;

    for (int i = 0; i < v->count; i++) {
        const struct judged *e = &v->entries[i];
        if (e->defect != LOG_DEFECT_NONE || !e->live)
            continue;
        bool follows = false;
        for (int k = 0; k < v->count; k++) {
            const struct judged *b = &v->entries[k];
            follows |= b->defect == LOG_DEFECT_NONE && b->live && (b->index + b->sectors) % r->sectors == e->index &&
                       b->sequence + 1 == e->sequence;
        }
        runs += !follows;
    }
    return runs;
}

static void judge_all(const struct ring *r, const struct guid *live, struct verdict *v)
{
    v->count = 0;
    v->active_count = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (starts_with(r->held[i].bytes, "loge"))
            v->entries[v->count++] = judge(r, r->held[i].index, live);
    }
    find_sequence(r, v);
    v->runs = count_runs(r, v);
}

/* ---- comparison ---- */

static void check_entries(const struct log_scan *s, const struct verdict *v)
{
    uint64_t live = 0, stale = 0;

    ASSERT(s->entry_count == (uint64_t)v->count);
    for (int i = 0; i < v->count; i++) {
        const struct log_entry *e = &s->entries[i];
        const struct judged *want = &v->entries[i];
        ASSERT(e->ring_off == want->index * SECTOR);
        ASSERT(e->defect == want->defect, "%u, not %u, at %u", e->defect, want->defect, e->ring_off);
        ASSERT(e->defect_item == (uint32_t)want->item, "%u, not %u", e->defect_item, (uint32_t)want->item);
        ASSERT(e->sequence_number == want->sequence && e->descriptor_count == want->descriptors);
        ASSERT(e->tail == want->tail && e->live == want->live && e->active == want->active);
        ASSERT(want->defect != LOG_DEFECT_NONE || e->data_count == want->data);
        ASSERT(e->guid < s->guid_count && e->live == (!guid_is_nil(&s->guids[e->guid]) && want->live));
        ASSERT(log_scan_at(s, e->ring_off) == (uint64_t)i);
        live += want->defect == LOG_DEFECT_NONE && want->live;
        stale += want->defect == LOG_DEFECT_NONE && !want->live;
    }
    ASSERT(s->valid_live == live && s->valid_stale == stale);
}

static void check_sequence(const struct log_scan *s, const struct verdict *v)
{
    ASSERT(s->run_count == v->runs);
    ASSERT(s->has_active == (v->first != NONE));
    if (!s->has_active)
        return;
    ASSERT(s->active_first == (uint64_t)v->first && s->active_head == (uint64_t)v->head);
    ASSERT(s->active_count == v->active_count);
}

/* Sectors that are set, and that no valid entry and no signature of one claims. */
static void check_orphans(const struct log_scan *s, const struct ring *r, const struct verdict *v)
{
    uint64_t data = 0, descriptors = 0, other = 0, first = UINT64_MAX;

    for (size_t i = 0; i < r->count; i++) {
        const struct held *h = &r->held[i];
        bool claimed = starts_with(h->bytes, "loge");
        for (int k = 0; k < v->count; k++)
            claimed |= (h->index + r->sectors - v->entries[k].index) % r->sectors < v->entries[k].sectors;
        if (claimed)
            continue;
        if (starts_with(h->bytes, "data"))
            data++;
        else if (starts_with(h->bytes, "desc") || starts_with(h->bytes, "zero"))
            descriptors++;
        else
            other++;
        first = u64_min(first, s->off + h->index * SECTOR);
    }
    ASSERT(s->orphan_data == data && s->orphan_descriptors == descriptors && s->orphan_other == other);
    ASSERT(s->orphan_first_off == (first == UINT64_MAX ? 0 : first));
    ASSERT(s->all_zero == (r->count == 0));
}

struct descriptors {
    const struct ring *ring;
    const struct log_scan *scan;
    const struct judged *entry;
    uint64_t seen, data;
};

static bool on_descriptor(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off)
{
    struct descriptors *x = ctx;
    uint64_t begin = (64 + 32 * x->entry->descriptors + SECTOR - 1) / SECTOR;
    uint8_t want[LOG_DESCRIPTOR_LEN];

    ASSERT(i == x->seen++);
    log_descriptor_encode(d, want);
    ASSERT(memcmp(want, descriptor_at(x->ring, x->entry, i), sizeof(want)) == 0);
    if (d->kind == LOG_DESCRIPTOR_ZERO)
        ASSERT(data_off == 0);
    else
        ASSERT(data_off == x->scan->off + (x->entry->index + begin + x->data++) % x->ring->sectors * SECTOR);
    return true;
}

static void check_descriptors(const struct log_scan *s, struct source *file, const struct ring *r,
                              const struct verdict *v)
{
    for (int i = 0; i < v->count; i++) {
        struct descriptors x = {.ring = r, .scan = s, .entry = &v->entries[i]};
        if (x.entry->defect != LOG_DEFECT_NONE)
            continue;
        ASSERT(log_scan_descriptors(s, file, (uint64_t)i, on_descriptor, &x) == STATUS_OK);
        ASSERT(x.seen == x.entry->descriptors && x.data == x.entry->data);
    }
}

static void check_scan(const struct log_input *in, const struct log_scan *s)
{
    static struct ring r;
    static struct verdict v;

    if (!ring_load(&r, in))
        return;
    judge_all(&r, &in->guid, &v);
    check_entries(s, &v);
    check_sequence(s, &v);
    check_orphans(s, &r, &v);
    check_descriptors(s, in->file, &r, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct log_input in;
    struct log_scan s;

    if (log_input_open(data, size, &in)) {
        uint64_t end = 0, file_size = in.file->size;
        bool wraps = !u64_add(in.off, in.len, &end);
        ASSERT(log_scan_run(in.arena, in.file, in.off, in.len, &in.guid, &s) == STATUS_OK);
        ASSERT(s.off == in.off && s.len == in.len && !s.io_error);
        ASSERT(s.scanned == (!wraps && in.len >= SECTOR && in.off < file_size));
        ASSERT(s.truncated == (in.len > 0 && (wraps || end > file_size)));
        if (s.scanned)
            check_scan(&in, &s);
        else
            ASSERT(s.entry_count == 0 && !s.has_active && !s.all_zero);
    }
    log_input_close(&in);
    return 0;
}
