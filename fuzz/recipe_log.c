/* SPDX-License-Identifier: MIT */
/*
 * Signs log entries of a recipe. Without this no engine gets past them: an entry carries its sequence number in every
 * descriptor and in both halves of every data sector, and one checksum over all of it.
 *
 * The sectors that the recipe lays anywhere in the ring are put together first, up to RECIPE_LOG_SECTORS_MAX of them,
 * and found by a small table. Then each that starts with `loge` and could be an entry has its sequence numbers set, its
 * data sectors given their signature (a recipe may leave them out: an empty data sector costs no byte of input) and its
 * checksum computed. What changed is laid on top of the recipe. Lengths come from the input; the sectors walked are
 * bounded.
 */
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/le.h"
#include "format/log_entry.h"
#include "fuzz/recipe_parts.h"

enum {
    GATHERED_MAX = 4 << 20, /* bytes laid in the ring, over and over; beyond that nothing is signed */
    SLOT_BITS = 11,         /* twice as many slots as sectors */
    SLOTS = 1 << SLOT_BITS,
    WALK_MAX = 4 * RECIPE_LOG_SECTORS_MAX, /* sectors of entries, gaps included */
    SECTOR = LOG_SECTOR_LEN,
    SLAB = 8, /* sectors whose memory is asked for at once */
};

_Static_assert(SLOTS >= 2 * RECIPE_LOG_SECTORS_MAX, "the table never fills up");

struct sector {
    uint64_t index; /* in the ring */
    bool changed;
    uint8_t *bytes;
};

struct ring {
    struct recipe *recipe;
    uint64_t off, sectors;
    uint16_t slots[SLOTS]; /* 1 + index into list; 0: free */
    struct sector list[RECIPE_LOG_SECTORS_MAX];
    unsigned count;
    uint8_t *slab; /* of the last sector */
    uint64_t walked;
};

static struct sector *find(struct ring *r, uint64_t index, bool make)
{
    uint64_t slot = (index * 0x9E3779B97F4A7C15U) >> (64 - SLOT_BITS);

    while (r->slots[slot] != 0) {
        struct sector *s = &r->list[r->slots[slot] - 1];
        if (s->index == index)
            return s;
        slot = (slot + 1) % SLOTS;
    }
    if (!make || r->count == RECIPE_LOG_SECTORS_MAX)
        return NULL;
    if (r->count % SLAB == 0)
        r->slab = recipe_own(r->recipe, (size_t)SLAB * SECTOR);
    struct sector *s = &r->list[r->count];
    *s = (struct sector){.index = index, .bytes = r->slab + (size_t)(r->count % SLAB) * SECTOR};
    r->slots[slot] = (uint16_t)++r->count;
    memset(s->bytes, 0, SECTOR);
    return s;
}

static bool meets_ring(const struct ring *r, const struct mem_extent *x)
{
    return x->off < r->off + r->sectors * SECTOR && u64_add_sat(x->off, x->len) > r->off;
}

/* Copies what the extent lays in the ring into its sectors. */
static void gather(struct ring *r, const struct mem_extent *x)
{
    uint64_t from = u64_max(x->off, r->off), to = u64_min(u64_add_sat(x->off, x->len), r->off + r->sectors * SECTOR);

    while (from < to) {
        uint64_t at = (from - r->off) % SECTOR, len = u64_min(SECTOR - at, to - from);
        struct sector *s = find(r, (from - r->off) / SECTOR, true);
        if (s != NULL)
            memcpy(s->bytes + at, x->ptr + (from - x->off), (size_t)len);
        from += len;
    }
}

static void put(struct sector *s, size_t at, const uint8_t *bytes, size_t len)
{
    if (memcmp(s->bytes + at, bytes, len) == 0)
        return;
    memcpy(s->bytes + at, bytes, len);
    s->changed = true;
}

static struct sector *entry_sector(struct ring *r, uint64_t first, uint64_t i, bool make)
{
    return find(r, (first + i) % r->sectors, make);
}

/* Sequence numbers of all descriptors; returns how many are data descriptors. */
static uint64_t sign_descriptors(struct ring *r, uint64_t first, uint32_t count, const uint8_t *sequence)
{
    struct sector *s = NULL;
    uint64_t data = 0;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t pos = LOG_ENTRY_HEADER_LEN + i * LOG_DESCRIPTOR_LEN;
        if (i == 0 || pos % SECTOR == 0)
            s = entry_sector(r, first, pos / SECTOR, false);
        if (s == NULL)
            continue;
        const uint8_t *d = s->bytes + pos % SECTOR;
        bool is_data = memcmp(d, SIGNATURE_LOG_DATA_DESCRIPTOR, 4) == 0;
        if (is_data || memcmp(d, SIGNATURE_LOG_ZERO_DESCRIPTOR, 4) == 0)
            put(s, (size_t)(pos % SECTOR) + 24, sequence, 8);
        data += is_data;
    }
    return data;
}

static void sign_data_sector(struct sector *s, const uint8_t *sequence)
{
    put(s, 0, (const uint8_t *)SIGNATURE_LOG_DATA_SECTOR, 4);
    put(s, 4, sequence + 4, 4);
    put(s, SECTOR - 4, sequence, 4);
}

static uint32_t entry_checksum(struct ring *r, uint64_t first, uint64_t sectors)
{
    static const uint8_t zero_field[4];
    const uint8_t *head = entry_sector(r, first, 0, false)->bytes;
    uint32_t crc = crc32c(crc32c(crc32c(0, head, 4), zero_field, 4), head + 8, SECTOR - 8);
    uint64_t absent = 0;

    for (uint64_t i = 1; i < sectors; i++) {
        const struct sector *s = entry_sector(r, first, i, false);
        if (s == NULL) {
            absent++;
            continue;
        }
        if (absent > 0)
            crc = crc32c_zeros(crc, absent * SECTOR);
        absent = 0;
        crc = crc32c(crc, s->bytes, SECTOR);
    }
    return absent > 0 ? crc32c_zeros(crc, absent * SECTOR) : crc;
}

static void sign_entry(struct ring *r, struct sector *head)
{
    struct log_entry_header h;
    uint8_t sequence[8], field[4];

    if (!log_entry_header_decode(span_of(head->bytes, SECTOR), &h) || !h.signature_ok)
        return;
    uint64_t sectors = h.entry_len / SECTOR;
    if (h.entry_len % SECTOR != 0 || sectors == 0 || sectors > r->sectors || sectors > WALK_MAX - r->walked ||
        h.descriptor_count > (h.entry_len - LOG_ENTRY_HEADER_LEN) / LOG_DESCRIPTOR_LEN)
        return;
    r->walked += sectors;
    put_le64(sequence, h.sequence_number);

    uint64_t data = sign_descriptors(r, head->index, h.descriptor_count, sequence);
    uint64_t begin = log_descriptor_sectors(h.descriptor_count);
    for (uint64_t i = begin; i < sectors && i - begin < data; i++) {
        struct sector *s = entry_sector(r, head->index, i, true);
        if (s != NULL)
            sign_data_sector(s, sequence);
    }
    put_le32(field, entry_checksum(r, head->index, sectors));
    put(head, 4, field, 4);
}

/* False when nothing is laid in the ring, or too much. */
static bool gather_all(struct ring *r)
{
    uint64_t count = r->recipe->count, gathered = 0;

    for (uint64_t i = 0; i < count && gathered <= GATHERED_MAX; i++) {
        const struct mem_extent *x = &r->recipe->extents[i];
        if (!meets_ring(r, x))
            continue;
        gathered += x->len;
        gather(r, x);
    }
    return r->count > 0 && gathered <= GATHERED_MAX;
}

void recipe_sign_log(struct recipe *recipe, uint64_t off, uint64_t len)
{
    struct ring r;
    uint64_t end;

    if (len < LOG_SECTOR_LEN || !u64_add(off, len, &end))
        return;
    r.recipe = recipe;
    r.off = off;
    r.sectors = len / LOG_SECTOR_LEN;
    r.count = 0;
    r.slab = NULL;
    r.walked = 0;
    memset(r.slots, 0, sizeof(r.slots)); /* the list need not be: that would cost more than all the rest */
    if (!gather_all(&r))
        return;
    for (unsigned i = 0; i < r.count; i++)
        sign_entry(&r, &r.list[i]);
    for (unsigned i = 0; i < r.count; i++) {
        if (r.list[i].changed)
            recipe_lay(recipe, off + r.list[i].index * SECTOR, r.list[i].bytes, SECTOR);
    }
}
