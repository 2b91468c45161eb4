/* SPDX-License-Identifier: MIT */
/*
 * Ranges are chosen around what is there: blocks, chunks, the ends of disks of different size. Of each, reading, the
 * extents that cover it and the walk over it must all say what the reference reader says sector by sector.
 */
#include "fuzz/readers.h"

#include "base/limits.h"
#include "fuzz/property.h"
#include "image/guest_walk.h"
#include "reference_reader.h"

enum {
    FILES_MAX = 8,
    RANGES = 6,
    RANGE_MAX = 12 * 1024,
    EXTENTS_MAX = 256, /* followed from the start of the disk */
};

/* ---- what the reference reader can do ---- */

enum {
    REFERENCE_LOG_MAX = 4 << 20,
    REFERENCE_ENTRIES_MAX = 24,
    REFERENCE_CHANGES_MAX = 512,
    REFERENCE_BLOCKS_MAX = 512,
    REFERENCE_REGIONS_MAX = 64,
    REFERENCE_ITEMS_MAX = 256,
};

/* It looks at everything again and again, so what there is has to be little. */
static bool is_small(const struct image *img)
{
    const struct header *h = image_header(img);
    const struct view *v = img->main;
    uint64_t changes = 0;

    if (h != NULL && h->log_len > REFERENCE_LOG_MAX)
        return false;
    if (img->log.entry_count > REFERENCE_ENTRIES_MAX)
        return false;
    for (uint64_t i = 0; i < img->log.entry_count; i++)
        changes += img->log.entries[i].descriptor_count;
    if (changes > REFERENCE_CHANGES_MAX || v->locator.pair_count > REFERENCE_ITEMS_MAX)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        if (v->regions[i].table.usable_count > REFERENCE_REGIONS_MAX)
            return false;
    }
    if (v->metadata.table.usable_count > REFERENCE_ITEMS_MAX)
        return false;
    return v->geometry_absence != ABSENT_NOT || v->geometry.payload_blocks <= REFERENCE_BLOCKS_MAX;
}

static void file_read(void *ctx, uint64_t off, void *buf, size_t len)
{
    ASSERT(source_read((struct source *)ctx, off, buf, len) == STATUS_OK);
}

/* ---- ranges ---- */

struct reading {
    struct guest *guest;
    const struct reference *reference;
    uint64_t off, len;
    uint8_t want[RANGE_MAX], faulty[RANGE_MAX]; /* what the reference says */
    uint8_t got[RANGE_MAX];
    uint64_t next, sum; /* of faults told of */
};

static uint64_t mixed(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
    return x ^ x >> 31;
}

static uint64_t below(uint64_t *state, uint64_t n)
{
    *state += 0x9E3779B97F4A7C15ULL;
    return mixed(*state) % n;
}

static uint64_t some_offset(uint64_t *state, const struct guest *g)
{
    const struct geometry *layer = &guest_layer_image(g, (uint32_t)below(state, guest_layer_count(g)))->main->geometry;
    uint64_t size = guest_size(g), near = below(state, RANGE_MAX), off = below(state, size);

    switch (below(state, 6)) {
    case 0:
        off = 0;
        break;
    case 1:
        off = size;
        break;
    case 2:
        off = layer->virtual_size;
        break;
    case 3:
        off = layer->chunk_ratio * layer->block_size;
        break;
    case 4:
        off = below(state, layer->payload_blocks + 1) * layer->block_size;
        break;
    default:
        break;
    }
    off -= u64_min(off, near);
    return off < size ? off : below(state, size);
}

static void ask_reference(struct reading *r)
{
    uint64_t sector = reference_sector_size(r->reference);

    for (uint64_t at = r->off; at < r->off + r->len;) {
        uint64_t piece = u64_min(sector - at % sector, r->off + r->len - at);
        bool known = reference_piece(r->reference, at, r->want + (at - r->off), (size_t)piece);
        memset(r->faulty + (at - r->off), !known, (size_t)piece);
        at += piece;
    }
}

static void note_fault(void *ctx, const struct guest_extent *e)
{
    struct reading *r = ctx;

    ASSERT(e->fault != GUEST_FAULT_NONE && !e->data && e->len > 0);
    ASSERT(e->off >= r->next && e->off >= r->off && e->off + e->len <= r->off + r->len);
    for (uint64_t i = e->off; i < e->off + e->len; i++)
        ASSERT(r->faulty[i - r->off], "%llu: %s", (unsigned long long)i, guest_fault_text(e->fault));
    r->next = e->off + e->len;
    r->sum += e->len;
}

static void judge_bytes(const struct reading *r, const uint8_t *got, uint64_t at, uint64_t len, const char *who)
{
    for (uint64_t i = 0; i < len; i++)
        ASSERT(got[i] == r->want[at + i], "%s: byte %llu is %02x, not %02x", who, (unsigned long long)(r->off + at + i),
               got[i], r->want[at + i]);
}

static void judge_read(struct reading *r)
{
    uint64_t faults = UINT64_MAX, expected = 0;

    r->next = r->sum = 0;
    memset(r->got, 0xA5, sizeof(r->got));
    ASSERT(guest_read(r->guest, r->off, r->got, (size_t)r->len, note_fault, r, &faults) == STATUS_OK);
    for (uint64_t i = 0; i < r->len; i++)
        expected += r->faulty[i];
    ASSERT(faults == expected && r->sum == expected, "%llu of %llu bytes", (unsigned long long)faults,
           (unsigned long long)expected);
    judge_bytes(r, r->got, 0, r->len, "read");
}

static void judge_extents(struct reading *r, bool merged)
{
    struct guest_extent e, last = {.len = 0};

    for (uint64_t at = 0; at < r->len; at += e.len, last = e) {
        enum status st = merged ? guest_extent_merged(r->guest, r->off + at, r->len - at, &e)
                                : guest_extent_at(r->guest, r->off + at, r->len - at, &e);
        ASSERT(st == STATUS_OK);
        ASSERT(e.off == r->off + at && e.len > 0 && e.len <= r->len - at);
        ASSERT(e.layer < guest_layer_count(r->guest) && !(e.data && e.fault != GUEST_FAULT_NONE));
        if (merged && at > 0)
            ASSERT(e.state != last.state || e.layer != last.layer || e.fault != last.fault || e.data != last.data ||
                       (e.data && e.file_off != last.file_off + last.len),
                   "two extents are one");
        memset(r->got, 0, (size_t)e.len);
        if (e.data)
            ASSERT(source_read(guest_layer_source(r->guest, e.layer), e.file_off, r->got, (size_t)e.len) == STATUS_OK);
        judge_bytes(r, r->got, at, e.len, "extent");
        for (uint64_t i = 0; i < e.len; i++)
            ASSERT(r->faulty[at + i] == (e.fault != GUEST_FAULT_NONE), "byte %llu: %s",
                   (unsigned long long)(r->off + at + i), guest_fault_text(e.fault));
    }
}

static void judge_walk(struct reading *r)
{
    struct guest_walk *w = NULL;
    struct guest_piece p;
    uint64_t at = 0;
    bool more = true;

    r->next = r->sum = 0;
    ASSERT(guest_walk_open(r->guest, r->off, r->len, &w) == STATUS_OK);
    for (;;) {
        const uint8_t *bytes = NULL;
        ASSERT(guest_walk_peek(w, &p, &more) == STATUS_OK);
        if (!more)
            break;
        ASSERT(p.off == r->off + at && p.len > 0 && p.len <= r->len - at);
        ASSERT(guest_walk_take(w, p.len, &bytes, note_fault, r, NULL) == STATUS_OK);
        ASSERT((bytes != NULL) == (p.kind == GUEST_PIECE_DATA));
        memset(r->got, 0, (size_t)p.len);
        judge_bytes(r, bytes != NULL ? bytes : r->got, at, p.len, "walk");
        at += p.len;
    }
    ASSERT(at == r->len);
}

/* ---- the whole disk ---- */

/* Extents cover the disk without gaps, as far as they are followed. */
static void follow_extents(struct guest *g)
{
    struct guest_extent e;
    unsigned count = 0;

    for (uint64_t off = 0; off < guest_size(g) && count < EXTENTS_MAX; off += e.len, count++) {
        ASSERT(guest_extent_merged(g, off, UINT64_MAX, &e) == STATUS_OK);
        ASSERT(e.off == off && e.len > 0 && e.len <= guest_size(g) - off);
    }
}

static void judge_disk(struct guest *g, const struct reference *reference, uint64_t choice)
{
    static struct reading r;
    uint64_t state = choice;

    r.guest = g;
    r.reference = reference;
    ASSERT(guest_size(g) == reference_size(reference));
    ASSERT(guest_sector_size(g) == reference_sector_size(reference));
    for (unsigned n = 0; n < RANGES; n++) {
        r.off = some_offset(&state, g);
        r.len = 1 + below(&state, u64_min(below(&state, 2) ? RANGE_MAX : 2 * (uint64_t)guest_sector_size(g),
                                          guest_size(g) - r.off));
        ask_reference(&r);
        switch (below(&state, 4)) {
        case 0:
            judge_extents(&r, false);
            break;
        case 1:
            judge_extents(&r, true);
            break;
        case 2:
            judge_walk(&r);
            break;
        default:
            break;
        }
        judge_read(&r);
    }
    follow_extents(g);
}

void readers_compare(struct image *img, struct source *const *files, unsigned count, uint64_t choice)
{
    const struct guest_options options = {.anchors = (choice & 7) == 1, .salvage = (choice >> 3 & 3) == 1};
    unsigned flags = (options.anchors ? REFERENCE_ANCHORS : 0U) | (options.salvage ? REFERENCE_SALVAGE : 0U);
    struct reference_file reference_files[FILES_MAX];
    const char *why = NULL, *reference_why = NULL;
    struct guest *g = NULL;

    for (const struct image *i = img; i != NULL; i = i->parent != NULL ? i->parent->image : NULL) {
        if (!is_small(i))
            return;
    }
    ASSERT(count <= FILES_MAX);
    for (unsigned i = 0; i < count; i++)
        reference_files[i] = (struct reference_file){.size = files[i]->size, .read = file_read, .ctx = files[i]};
    enum status st = guest_open(img, &options, &g, &why);
    ASSERT(st == STATUS_OK || (st == STATUS_REFUSED && why != NULL && why[0] != '\0'), "status %d", (int)st);
    struct reference *reference = reference_open(reference_files, count, flags, &reference_why);
    ASSERT((g != NULL) == (reference != NULL), "%s; the reference reader: %s", g != NULL ? "opens" : why,
           reference != NULL ? "opens" : reference_why);
    if (g != NULL)
        judge_disk(g, reference, choice);
    reference_close(reference);
}
