/* SPDX-License-Identifier: MIT */
/*
 * The metadata stage: table, known items, their values, geometry.
 *
 * Input: u8 options, u16 length of the table's bytes, these bytes, those of the items (at 64 KiB in the region); zeros
 * behind each. Options: 1 force the signature, 2 the region ends behind the items, 4 the file does; and, as they cost
 * time, 8 and 16 together: look at the whole 64 KiB table as well, 32 and 64 together: the count may be more than 255.
 *
 * Asserted: a second, simple search finds the same items, bytes and values; entries are what their bytes say; a healthy
 * table and every value come out of the encoders as they went in; the geometry is what plain arithmetic says.
 */
#include "base/le.h"
#include "base/limits.h"
#include "format/metadata.h"
#include "fuzz/property.h"
#include "image/view_parts.h"

enum {
    FORCE_SIGNATURE = 1,
    SHORT_REGION = 2,
    SHORT_FILE = 4,
    WHOLE = 24,
    LARGE_COUNT = 96,
    ENTRIES_LOOKED_AT = 12,
    BYTES_LOOKED_AT = 48
};

static const uint64_t REGION_OFF = (uint64_t)2 << 20, REGION_LEN = (uint64_t)1 << 20;

static uint8_t table[METADATA_TABLE_LEN], encoded[METADATA_TABLE_LEN];

/* ---- what the bytes say ---- */

struct region {
    struct span items; /* at METADATA_TABLE_LEN */
    uint64_t len;      /* bytes of it that are in the file */
    uint64_t entries;  /* behind these, the table is zeros */
};

static uint8_t region_byte(const struct region *r, uint64_t at)
{
    if (at >= r->len)
        return 0;
    return at < METADATA_TABLE_LEN ? table[at] : span_byte_or_zero(r->items, (size_t)(at - METADATA_TABLE_LEN));
}

static uint64_t region_number(const struct region *r, uint64_t at, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)region_byte(r, at + i) << (8 * i);
    return v;
}

static uint64_t entry_at(uint64_t i)
{
    return METADATA_TABLE_HEADER_LEN + i * METADATA_ENTRY_LEN;
}

static bool entry_is(const struct region *r, uint64_t i, const struct guid *g)
{
    for (unsigned b = 0; b < sizeof(g->bytes); b++) {
        if (region_byte(r, entry_at(i) + b) != g->bytes[b])
            return false;
    }
    return (region_number(r, entry_at(i) + 24, 4) & METADATA_FLAG_IS_USER) == 0;
}

static void check_item(const struct region *r, const struct metadata *m, enum known_guid which)
{
    const struct metadata_item *item = &m->items[which];
    uint32_t matches = 0, first = 0;

    for (uint32_t i = 0; i < m->table.usable_count && i < r->entries; i++) {
        if (!entry_is(r, i, known_guid(which)))
            continue;
        if (matches++ == 0)
            first = i;
    }
    ASSERT(item->matches == matches && item->found == (matches > 0));
    if (matches == 0)
        return;
    uint64_t off = region_number(r, entry_at(first) + 16, 4), len = region_number(r, entry_at(first) + 20, 4);
    ASSERT(item->entry == first);
    ASSERT(item->readable == (len <= METADATA_ITEM_MAX && off + len <= r->len));
    if (!item->readable)
        return;
    ASSERT(item->data.len <= len);
    for (uint64_t i = 0; i < len && i < BYTES_LOOKED_AT; i++)
        ASSERT(span_byte_or_zero(item->data, (size_t)i) == region_byte(r, off + i));
    if (item->data.len > 0)
        sink(item->data.ptr[item->data.len - 1]);
}

/* A value's item: its offset when it can be had. */
static bool item_place(const struct metadata *m, enum known_guid which, uint64_t len, uint64_t *ret)
{
    const struct metadata_item *item = &m->items[which];

    if (!item->readable || m->entries[item->entry].len < len)
        return false;
    *ret = m->entries[item->entry].off;
    return true;
}

static void check_values(const struct region *r, const struct metadata *m)
{
    uint8_t out[16];
    uint64_t at;

    ASSERT(m->have_file_parameters == item_place(m, KNOWN_ITEM_FILE_PARAMETERS, 8, &at));
    if (m->have_file_parameters) {
        ASSERT(m->file_parameters.block_size == region_number(r, at, 4));
        ASSERT(m->file_parameters.flags == region_number(r, at + 4, 4));
        ASSERT(m->file_parameters.leave_block_allocated == (m->file_parameters.flags & 1));
        ASSERT(m->file_parameters.has_parent == (m->file_parameters.flags >> 1 & 1));
        file_parameters_encode(&m->file_parameters, out);
        ASSERT(le64(out) == region_number(r, at, 8));
    }
    ASSERT(m->have_virtual_disk_size == item_place(m, KNOWN_ITEM_VIRTUAL_DISK_SIZE, 8, &at));
    if (m->have_virtual_disk_size) {
        virtual_disk_size_encode(m->virtual_disk_size, out);
        ASSERT(m->virtual_disk_size == region_number(r, at, 8) && le64(out) == m->virtual_disk_size);
    }
    ASSERT(m->have_virtual_disk_id == item_place(m, KNOWN_ITEM_VIRTUAL_DISK_ID, 16, &at));
    if (m->have_virtual_disk_id) {
        virtual_disk_id_encode(&m->virtual_disk_id, out);
        ASSERT(le64(out) == region_number(r, at, 8) && le64(out + 8) == region_number(r, at + 8, 8));
    }
    ASSERT(m->have_logical_sector_size == item_place(m, KNOWN_ITEM_LOGICAL_SECTOR_SIZE, 4, &at));
    if (m->have_logical_sector_size) {
        sector_size_encode(m->logical_sector_size, out);
        ASSERT(m->logical_sector_size == region_number(r, at, 4) && le32(out) == m->logical_sector_size);
    }
    ASSERT(m->have_physical_sector_size == item_place(m, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 4, &at));
    if (m->have_physical_sector_size)
        ASSERT(m->physical_sector_size == region_number(r, at, 4));
}

/* ---- the table ---- */

static void check_entry(const struct region *r, const struct metadata *m, uint32_t i)
{
    const struct metadata_entry *e = &m->entries[i];

    for (unsigned b = 0; b < sizeof(e->item_id.bytes); b++)
        ASSERT(e->item_id.bytes[b] == region_byte(r, entry_at(i) + b));
    ASSERT(e->off == region_number(r, entry_at(i) + 16, 4) && e->len == region_number(r, entry_at(i) + 20, 4));
    ASSERT(e->flags == region_number(r, entry_at(i) + 24, 4) && e->reserved2 == region_number(r, entry_at(i) + 28, 4));
}

static void check_table(const struct region *r, const struct metadata *m)
{
    const struct metadata_table *t = &m->table;
    bool signature = region_number(r, 0, 8) == le64((const uint8_t *)"metadata");

    ASSERT(t->signature_ok == signature && (m->absence == ABSENT_BAD_SIGNATURE) == !signature);
    ASSERT(t->reserved == region_number(r, 8, 2) && t->entry_count == region_number(r, 10, 2));
    ASSERT(t->usable_count == (signature ? u64_min(t->entry_count, METADATA_ENTRIES_MAX) : 0));
    ASSERT(t->reserved2_zero == ((region_number(r, 12, 4) | region_number(r, 16, 8) | region_number(r, 24, 8)) == 0));
    for (uint32_t i = 0; i < t->usable_count && i < ENTRIES_LOOKED_AT; i++)
        check_entry(r, m, i);
    if (t->usable_count > 0)
        check_entry(r, m, t->usable_count - 1u);
}

/* The decoder for whole tables, and the encoder. */
static void check_whole(const struct metadata *m)
{
    struct metadata_table t;
    struct metadata_entry e;

    ASSERT(!metadata_table_decode(span_of(table, sizeof(table) - 1), &t));
    ASSERT(metadata_table_decode(span_of(table, sizeof(table)), &t));
    ASSERT(t.signature_ok && t.entry_count == m->table.entry_count && t.usable_count == m->table.usable_count);
    for (uint32_t i = 0; i < t.usable_count; i++) {
        ASSERT(metadata_entry_decode(&t, i, &e));
        ASSERT(guid_equal(&e.item_id, &m->entries[i].item_id) && e.off == m->entries[i].off &&
               e.len == m->entries[i].len && e.flags == m->entries[i].flags);
    }
    ASSERT(metadata_entry_decode(&t, METADATA_ENTRIES_MAX - 1, &e));
    ASSERT(!metadata_entry_decode(&t, METADATA_ENTRIES_MAX, &e));
    ASSERT(metadata_table_encode(m->entries, t.usable_count, encoded));
    ASSERT(memcmp(encoded + entry_at(0), table + entry_at(0), (size_t)t.usable_count * METADATA_ENTRY_LEN) == 0);
    size_t end = (size_t)entry_at(t.usable_count);
    if (t.reserved == 0 && t.reserved2_zero && t.entry_count <= METADATA_ENTRIES_MAX &&
        span_find_nonzero(span_of(table, sizeof(table)), end) == sizeof(table))
        ASSERT(memcmp(encoded, table, sizeof(table)) == 0);
}

static void check_geometry(const struct metadata *m)
{
    struct geometry g;
    uint64_t size = m->virtual_disk_size, block = m->file_parameters.block_size;
    bool legal = size > 0 && size <= (uint64_t)64 << 40 && block >= 1 << 20 && block <= 1 << 28 &&
                 __builtin_popcountll(block) == 1 && (m->logical_sector_size == 512 || m->logical_sector_size == 4096);

    ASSERT(geometry_derive(size, block, m->logical_sector_size, m->file_parameters.has_parent, &g) == legal);
    if (!legal)
        return;
    ASSERT(g.chunk_ratio * block == ((uint64_t)m->logical_sector_size << 23));
    ASSERT((uint64_t)1 << g.chunk_shift == g.chunk_ratio);
    ASSERT(g.payload_blocks == (size + block - 1) / block && g.chunks == (g.payload_blocks - 1) / g.chunk_ratio + 1);
    ASSERT(g.entries == (g.differencing ? g.chunks * (g.chunk_ratio + 1)
                                        : g.payload_blocks + (g.payload_blocks - 1) / g.chunk_ratio));
    ASSERT(g.entries <= BAT_ENTRIES_MAX);
    ASSERT(block_guest_len(&g, g.payload_blocks - 1) == size - (g.payload_blocks - 1) * block);
}

/* ---- a run ---- */

/* What comes before of a view, by hand. */
static struct view *make_view(struct arena *a, struct source *src, uint64_t region_len)
{
    struct view *v = arena_alloc(a, sizeof(*v));

    ASSERT(v != NULL);
    *v = (struct view){
        .kind = VIEW_STORED,
        .arena = a,
        .src = src,
        .metadata_region = {.found = true, .matches = 1, .off = REGION_OFF, .len = region_len},
    };
    v->metadata_region.in_file = range_in(REGION_OFF, region_len, src->size);
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taker in = {data, size};
    unsigned options = (unsigned)take(&in, 1);
    uint64_t len = take(&in, 2);
    size_t table_len = (size_t)u64_min(len, in.len), items_len = in.len - table_len;

    if (table_len > sizeof(table) || items_len > 65536)
        return 0;
    memset(table, 0, sizeof(table));
    if (table_len > 0)
        memcpy(table, in.ptr, table_len);
    if (options & FORCE_SIGNATURE)
        memcpy(table, "metadata", 8);
    if ((options & LARGE_COUNT) != LARGE_COUNT)
        table[11] = 0;
    struct span items = span_of(in.ptr + table_len, items_len);

    uint64_t used = items_len > 0 ? METADATA_TABLE_LEN + items_len : table_len;
    uint64_t region_len = options & SHORT_REGION ? used : REGION_LEN;
    uint64_t file_size = REGION_OFF + (options & SHORT_FILE ? used : REGION_LEN);
    const struct mem_extent extents[] = {
        {REGION_OFF, table, table_len > 8 ? table_len : 8},
        {REGION_OFF + METADATA_TABLE_LEN, items.ptr, items.len},
    };
    struct source *file = extents_open(extents, 2, file_size);
    struct arena *a = property_arena(LIMIT_MEMORY_DEFAULT);
    struct watched watched;
    struct view *v =
        make_view(a, watched_open(&watched, file, work_bound_of(16, 2, size, 64, (uint64_t)1 << 20)), region_len);
    const struct region region = {
        .items = items,
        .len = u64_min(region_len, file_size - REGION_OFF),
        .entries = table_len / METADATA_ENTRY_LEN + 1,
    };

    ASSERT(view_read_metadata(v) == STATUS_OK);
    ASSERT((v->metadata.absence == ABSENT_REGION_UNUSABLE) == (region.len == 0));
    if (v->metadata.absence != ABSENT_REGION_UNUSABLE)
        check_table(&region, &v->metadata);
    if (v->metadata.absence == ABSENT_NOT) {
        for (unsigned which = KNOWN_ITEM_FILE_PARAMETERS; which < KNOWN_GUID_COUNT; which++) {
            if (which != KNOWN_LOCATOR_TYPE_VHDX)
                check_item(&region, &v->metadata, (enum known_guid)which);
        }
        check_values(&region, &v->metadata);
        check_geometry(&v->metadata);
        if ((options & WHOLE) == WHOLE && region.len >= METADATA_TABLE_LEN)
            check_whole(&v->metadata);
    }
    arena_destroy(a);
    source_close(file);
    return 0;
}
