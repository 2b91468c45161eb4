/* SPDX-License-Identifier: MIT */
/*
 * Builds a view in the order of format.md 17: region tables, metadata, type and geometry, locator, place of the BAT.
 * Each stage takes what the ones before it found and says why it is missing when it is. A structure that lies in the
 * file only in part is read as far as it goes: a truncated image still has evidence, and the missing part has its own
 * findings.
 */
#include "image/view.h"

#include "base/checked.h"
#include "image/bat_stream.h"
#include "image/structure.h"
#include "image/view_parts.h"

const char *absence_text(enum absence a)
{
    switch (a) {
    case ABSENT_NOT:
        return "present";
    case ABSENT_NO_REGION_TABLE:
        return "no valid region table";
    case ABSENT_NO_REGION:
        return "not in the region table";
    case ABSENT_REGION_UNUSABLE:
        return "it lies outside the file";
    case ABSENT_REGION_SHARED:
        return "its bytes belong to another structure";
    case ABSENT_BAD_SIGNATURE:
        return "the metadata table has no signature";
    case ABSENT_NO_ITEM:
        return "a metadata item is missing or unreadable";
    case ABSENT_BAD_VALUE:
        return "a metadata item holds an illegal value";
    case ABSENT_TOO_SMALL:
        return "its region is too small";
    case ABSENT_IO:
        return "the host could not read it";
    case ABSENT_LIMIT:
        return "a limit was reached";
    case ABSENT_NOT_APPLICABLE:
        return "this type of disk has none";
    }
    return "unknown";
}

const char *disk_type_name(enum disk_type t)
{
    switch (t) {
    case DISK_DYNAMIC:
        return "dynamic";
    case DISK_FIXED:
        return "fixed";
    case DISK_DIFFERENCING:
        return "differencing";
    case DISK_UNKNOWN:
        break;
    }
    return NULL;
}

void view_note_io_error(struct view *v)
{
    if (v->io_error) /* the first one counts */
        return;
    v->io_error = true;
    v->io_error_off = v->src->error_off;
    v->io_error_errno = v->src->error_errno;
}

enum status view_read_structure(struct view *v, uint64_t off, size_t len, size_t least, struct span *ret,
                                size_t *ret_got, bool *ret_io_error)
{
    enum status st = structure_read(v->arena, v->src, off, len, least, ret, ret_got);
    *ret_io_error = st == STATUS_IO;
    if (st != STATUS_IO)
        return st;
    view_note_io_error(v);
    const uint8_t *zeros = arena_alloc(v->arena, least); /* whatever arrived before the error is no evidence */
    if (!zeros)
        return arena_status(v->arena);
    *ret = span_of(zeros, least);
    *ret_got = 0;
    return STATUS_OK;
}

/* How many entries of table t have anything to say; all of its bytes behind `end` are zeros. */
static uint32_t entries_told(const struct region_table *t, size_t end)
{
    if (t->entry_count <= REGION_ENTRIES_MAX)
        return t->usable_count;
    uint64_t bytes = end - u64_min(end, REGION_TABLE_HEADER_LEN);
    return (uint32_t)u64_min(t->usable_count, u64_div_up(bytes, REGION_ENTRY_LEN));
}

static enum status read_region_copy(struct view *v, unsigned which)
{
    struct region_copy *c = &v->regions[which];
    struct span bytes;
    enum status st;

    c->off = REGION_TABLE_OFF[which];
    st = view_read_structure(v, c->off, REGION_TABLE_LEN, REGION_TABLE_HEADER_LEN, &bytes, &c->got, &c->io_error);
    const size_t end = st == STATUS_OK ? span_end_nonzero(bytes) : 0;
    if (st == STATUS_OK)
        st = structure_extend(v->arena, &bytes, region_table_front_len(bytes));
    if (st != STATUS_OK)
        return st;
    if (!region_table_decode_front(bytes, &c->table))
        return STATUS_INTERNAL;
    /* A copy whose end the file does not have is not there, even when zeros would make its checksum right. */
    c->valid = !c->io_error && region_table_valid(&c->table) && c->got == REGION_TABLE_LEN;
    if (!c->table.signature_ok)
        c->table.usable_count = 0;
    c->entries = arena_array(v->arena, c->table.usable_count, sizeof(*c->entries));
    if (!c->entries)
        return arena_status(v->arena);
    c->told = entries_told(&c->table, end);
    for (uint32_t i = 0; i < c->told; i++) { /* the others are zeros already */
        if (!region_entry_decode(&c->table, i, &c->entries[i]))
            return STATUS_INTERNAL;
    }
    return STATUS_OK;
}

static struct region_ref find_region(const struct view *v, enum known_guid which)
{
    const struct region_copy *c = &v->regions[v->used_table];
    struct region_ref r = {.found = false};
    for (uint32_t i = 0; i < c->told; i++) {
        const struct region_entry *e = &c->entries[i];
        if (!guid_equal(&e->guid, known_guid(which)))
            continue;
        if (r.matches++ > 0)
            continue;
        r.found = true;
        r.entry = i;
        r.off = e->off;
        r.len = e->len;
        r.in_file = range_in(e->off, e->len, v->src->size);
    }
    return r;
}

uint64_t view_region_bytes(const struct view *v, const struct region_ref *r)
{
    return r->off < v->src->size ? u64_min(r->len, v->src->size - r->off) : 0;
}

static enum status read_regions(struct view *v)
{
    for (unsigned i = 0; i < 2; i++) {
        enum status st = read_region_copy(v, i);
        if (st != STATUS_OK)
            return st;
    }
    /* The specification does not say which copy wins; the first valid one does (format.md 7). */
    v->used_table = v->regions[0].valid ? 0 : v->regions[1].valid ? 1 : -1;
    if (v->used_table < 0) {
        v->regions_absence = v->regions[0].io_error || v->regions[1].io_error ? ABSENT_IO : ABSENT_NO_REGION_TABLE;
        return STATUS_OK;
    }
    v->bat_region = find_region(v, KNOWN_REGION_BAT);
    v->metadata_region = find_region(v, KNOWN_REGION_METADATA);
    return STATUS_OK;
}

/* The type needs the File Parameters alone, so it is known even when the geometry is not. */
static void derive_geometry(struct view *v)
{
    const struct metadata *m = &v->metadata;
    if (m->have_file_parameters)
        v->type = m->file_parameters.has_parent              ? DISK_DIFFERENCING
                  : m->file_parameters.leave_block_allocated ? DISK_FIXED
                                                             : DISK_DYNAMIC;
    if (m->absence != ABSENT_NOT)
        v->geometry_absence = m->absence;
    else if (!m->have_file_parameters || !m->have_virtual_disk_size || !m->have_logical_sector_size)
        v->geometry_absence = ABSENT_NO_ITEM;
    else if (!geometry_derive(m->virtual_disk_size, m->file_parameters.block_size, m->logical_sector_size,
                              m->file_parameters.has_parent, &v->geometry))
        v->geometry_absence = ABSENT_BAD_VALUE;
}

static bool ranges_meet(uint64_t off, uint64_t len, uint64_t other_off, uint64_t other_len)
{
    return off < u64_add_sat(other_off, other_len) && other_off < u64_add_sat(off, len);
}

/*
 * The entries in use lie on the header section, the log or the metadata. The overlap is an error of its own
 * (VHDX-RGN-010, -012, -013); reading those bytes as entries would add a thousand that mean nothing.
 */
static bool bat_is_shared(const struct view *v)
{
    uint64_t off = v->bat.off, len = v->bat.walk_entries * BAT_ENTRY_LEN;
    return ranges_meet(off, len, 0, HEADER_SECTION_LEN) || ranges_meet(off, len, v->log_off, v->log_len) ||
           ranges_meet(off, len, v->metadata_region.off, v->metadata_region.len);
}

static void place_bat(struct view *v)
{
    struct bat *b = &v->bat;
    if (v->used_table < 0) {
        b->absence = v->regions_absence;
        return;
    }
    if (!v->bat_region.found) {
        b->absence = ABSENT_NO_REGION;
        return;
    }
    b->off = v->bat_region.off;
    b->region_len = v->bat_region.len;
    b->slots = view_region_bytes(v, &v->bat_region) / BAT_ENTRY_LEN;
    if (b->region_len < BAT_ENTRY_LEN)
        b->absence = ABSENT_TOO_SMALL;
    else if (b->slots == 0)
        b->absence = ABSENT_REGION_UNUSABLE;
    else
        b->absence = v->geometry_absence;
    if (v->geometry_absence != ABSENT_NOT)
        return;
    b->walk_entries = u64_min(v->geometry.entries, b->slots);
    b->short_region = b->region_len / BAT_ENTRY_LEN < v->geometry.entries;
    if (b->absence == ABSENT_NOT && bat_is_shared(v))
        b->absence = ABSENT_REGION_SHARED;
}

enum status view_build(struct arena *a, struct source *src, enum view_kind kind, uint64_t log_off, uint64_t log_len,
                       struct view **ret)
{
    struct view *v = arena_alloc(a, sizeof(*v));
    uint64_t log_end;
    enum status st;
    if (!v)
        return arena_status(a);
    v->kind = kind;
    v->arena = a;
    v->src = src;
    if (u64_add(log_off, log_len, &log_end)) { /* a log that wraps is nowhere */
        v->log_off = log_off;
        v->log_len = log_len;
    }
    st = read_regions(v);
    if (st == STATUS_OK)
        st = view_read_metadata(v);
    if (st != STATUS_OK)
        return st;
    derive_geometry(v);
    place_bat(v);
    st = view_read_locator(v);
    if (st != STATUS_OK)
        return st;
    *ret = v;
    return STATUS_OK;
}
