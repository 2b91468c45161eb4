/* SPDX-License-Identifier: MIT */
/*
 * RGN, second part: the entries of the table in use, by the entry alone and against one another, and what else the
 * tables show.
 *
 * One damage is one error: a table with an impossible EntryCount is decoded to its last possible entry, and empty
 * entries behind the real ones are not held against it; regions with the same GUID are VHDX-RGN-008 and not an overlap
 * as well; a file that ends inside the header section is VHDX-FILE-001, and not once more for every region.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "check/region_traits.h"
#include "check/rule.h"
#include "check/wording.h"

enum { FIELD_GUID = 0, FIELD_OFF = 16, FIELD_LEN = 24, FIELD_REQUIRED = 28, REQUIRED = 1 };

/* Of an entry without GUID: only an impossible EntryCount makes it one. */
static bool is_beyond_reason(const struct region_table *t, const struct region_entry *r)
{
    return t->entry_count > REGION_ENTRIES_MAX && r->off == 0 && r->len == 0 && r->required_word == 0;
}

static const char *name_of(struct probe *p, const struct region_entry *r)
{
    return shown_guid(p, &r->guid);
}

/* Entry i of the table in use. */
static struct place at_entry(const struct view *v, uint32_t i, uint64_t field, uint64_t len)
{
    return at_place(STRUCTURE_REGION_TABLE, i, REGION_TABLE_OFF[v->used_table] + region_entry_off(i) + field, len);
}

static const struct region_copy *used(const struct view *v)
{
    return &v->regions[v->used_table];
}

/* ---- VHDX-RGN-008, -012: entries against each other ---- */

struct ranked {
    const struct region_entry *r;
    uint32_t index;
};

static int by_guid(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int c = guid_compare(&x->r->guid, &y->r->guid);
    return c ? c : u64_compare(x->index, y->index);
}

static int by_place(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->r->off != y->r->off)
        return u64_compare(x->r->off, y->r->off);
    return u64_compare(x->index, y->index);
}

static bool has_guid(const struct region_entry *r)
{
    return !guid_is_nil(&r->guid); /* each other one is VHDX-RGN-022 */
}

static bool has_range(const struct region_entry *r)
{
    return r->len > 0 && r->off <= UINT64_MAX - r->len;
}

/* The entries of the table in use that matter, sorted; NULL, and none, when memory is gone. */
static struct ranked *ranked_entries(struct probe *p, const struct view *v,
                                     bool (*matters)(const struct region_entry *r),
                                     int (*order)(const void *, const void *), uint32_t *ret_count)
{
    uint32_t n = used(v)->told, count = 0;
    struct ranked *list = arena_array(probe_arena(p), n, sizeof(*list));
    if (!list) {
        probe_status(p, arena_status(probe_arena(p)));
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++)
        if (matters(&used(v)->entries[i]))
            list[count++] = (struct ranked){.r = &used(v)->entries[i], .index = i};
    qsort(list, count, sizeof(*list), order);
    *ret_count = count;
    return list;
}

static void guids_are_unique(struct probe *p, const struct subject *s)
{
    uint32_t n = 0;
    struct ranked *list = ranked_entries(p, s->view, has_guid, by_guid, &n);
    for (uint32_t i = 1, first = 0; i < n; i++) {
        const struct region_entry *a = list[first].r, *b = list[i].r;
        if (!guid_equal(&a->guid, &b->guid)) {
            first = i;
            continue;
        }
        bool needed = region_kind(b) != KNOWN_GUID_NONE || ((a->required_word | b->required_word) & REQUIRED);
        bool equal = region_same_place(a, b) && a->required_word == b->required_word;
        struct finding *f =
            fail_as(p, needed ? SEVERITY_ERROR : SEVERITY_WARNING,
                    at_entry(s->view, list[i].index, FIELD_GUID, REGION_ENTRY_LEN),
                    "region table entry %" PRIu32 " repeats the GUID of entry %" PRIu32 " (%s)%s", list[i].index,
                    list[first].index, name_of(p, b), equal ? "; both are equal" : " with another content");
        finding_expected(p, f, "each GUID once");
        finding_related(p, f, STRUCTURE_REGION_TABLE, list[first].index,
                        REGION_TABLE_OFF[s->view->used_table] + region_entry_off(list[first].index));
        if (equal) {
            finding_repair(f, REPAIR_AUTOMATIC);
            finding_next(p, f, "vhdxray repair FILE (plan only; drops the second entry)");
        }
        if (region_kind(b) == KNOWN_GUID_NONE) /* QEMU takes the name twice, but no place twice */
            finding_stops(f, region_same_place(a, b) && b->len > 0 ? PEER_HYPERV | PEER_QEMU : PEER_HYPERV);
        else
            finding_stops(f, PEER_QEMU | PEER_HYPERV | PEER_7ZIP);
    }
}

/* Sorted by place; an entry overlaps when it starts before the furthest end so far. */
static void regions_disjoint(struct probe *p, const struct subject *s)
{
    uint32_t n = 0;
    struct ranked *list = ranked_entries(p, s->view, has_range, by_place, &n);
    const struct ranked *furthest = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const struct ranked *e = &list[i];
        uint64_t reach = furthest ? furthest->r->off + furthest->r->len : 0;
        if (furthest && e->r->off < reach && !guid_equal(&e->r->guid, &furthest->r->guid)) {
            struct finding *f = fail(p, at_entry(s->view, e->index, FIELD_OFF, 12),
                                     "region %s at 0x%" PRIx64 ", 0x%" PRIx32 " bytes, overlaps region %s at 0x%" PRIx64
                                     ", 0x%" PRIx32 " bytes",
                                     name_of(p, e->r), e->r->off, e->r->len, name_of(p, furthest->r), furthest->r->off,
                                     furthest->r->len);
            finding_expected(p, f, "0x%" PRIx64 " or higher", reach);
            finding_actual(p, f, "0x%" PRIx64, e->r->off);
            finding_related(p, f, STRUCTURE_REGION_TABLE, furthest->index,
                            REGION_TABLE_OFF[s->view->used_table] + region_entry_off(furthest->index));
            if (region_kind(e->r) == KNOWN_GUID_NONE || region_kind(furthest->r) == KNOWN_GUID_NONE)
                finding_is_no_matter_to(f, PEER_7ZIP); /* it looks at the regions that it knows */
        }
        if (!furthest || e->r->off + e->r->len > reach)
            furthest = e;
    }
}

/* ---- VHDX-RGN-009..-011, -013: the place of one region ---- */

static void region_in_mib(struct probe *p, const struct subject *s)
{
    const struct region_entry *r = s->region;
    bool bad_off = r->off % MIB != 0, bad_len = r->len % MIB != 0;
    if (!bad_off && !bad_len)
        return;
    struct finding *f = fail(p, bad_off ? at_region_entry(s, FIELD_OFF, 8) : at_region_entry(s, FIELD_LEN, 4),
                             "region %s: %s 0x%" PRIx64 " is not a multiple of 1 MiB", name_of(p, r),
                             bad_off ? "FileOffset" : "Length", bad_off ? r->off : r->len);
    finding_expected(p, f, "a multiple of 0x100000");
    finding_actual(p, f, "0x%" PRIx64, bad_off ? r->off : r->len);
}

static void region_behind_header_section(struct probe *p, const struct subject *s)
{
    const struct region_entry *r = s->region;
    if (r->len == 0 || r->off >= HEADER_SECTION_LEN)
        return;
    struct finding *f = fail(p, at_region_entry(s, FIELD_OFF, 8),
                             "region %s at 0x%" PRIx64 " lies in the header section", name_of(p, r), r->off);
    finding_expected(p, f, "at least 0x100000");
    finding_actual(p, f, "0x%" PRIx64, r->off);
}

/* True when what the file lacks of a region holds nothing: an optional region, or BAT behind its last entry. */
static bool tail_is_unused(const struct view *v, const struct region_entry *r)
{
    if (region_kind(r) == KNOWN_GUID_NONE)
        return !(r->required_word & REQUIRED);
    return region_kind(r) == KNOWN_REGION_BAT && v->geometry_absence == ABSENT_NOT && r->off <= v->src->size &&
           v->geometry.entries * BAT_ENTRY_LEN <= v->src->size - r->off;
}

/* openvmm, by whose rules Hyper-V is judged, counts the last MiB of the file as whole, and reads pages. */
static bool openvmm_reads(const struct view *v, const struct region_entry *r)
{
    enum { PAGE_LEN = 4096 };
    uint64_t size = v->src->size, whole = 0;
    if (region_kind(r) == KNOWN_GUID_NONE)
        return true;
    if (region_kind(r) != KNOWN_REGION_METADATA || !u64_align_up(size, MIB, &whole) ||
        !range_in(r->off, r->len, whole) || !range_in(r->off, METADATA_TABLE_LEN, size))
        return false;
    for (uint32_t i = 0; i < v->metadata.table.usable_count; i++) {
        const struct metadata_entry *e = &v->metadata.entries[i];
        uint64_t end = 0;
        if (!u64_align_up((uint64_t)e->off + e->len, PAGE_LEN, &end) || end > size - r->off)
            return false;
    }
    return true;
}

static void region_inside_file(struct probe *p, const struct subject *s)
{
    const struct region_entry *r = s->region;
    uint64_t size = s->view->src->size;
    if (range_in(r->off, r->len, size) || size < HEADER_SECTION_LEN)
        return;
    bool wraps = r->off > UINT64_MAX - r->len;
    struct finding *f =
        fail(p, at_region_entry(s, FIELD_OFF, 12),
             "region %s at 0x%" PRIx64 ", 0x%" PRIx32 " bytes, %s (file size 0x%" PRIx64 ")", name_of(p, r), r->off,
             r->len, wraps ? "wraps past 2^64" : "does not lie inside the file", size);
    finding_expected(p, f, "an end at or below 0x%" PRIx64, size);
    if (wraps)
        finding_stops(f, PEER_HYPERV | PEER_7ZIP);
    if (openvmm_reads(s->view, r))
        finding_is_no_matter_to(f, PEER_HYPERV);
    if (wraps) {
        finding_actual(p, f, "0x%" PRIx64 " + 0x%" PRIx32, r->off, r->len);
        finding_repair(f, REPAIR_NONE);
        return;
    }
    finding_actual(p, f, "0x%" PRIx64, r->off + r->len);
    if (!tail_is_unused(s->view, r)) {
        finding_repair(f, REPAIR_NONE);
    } else {
        finding_next(p, f, "vhdxray repair FILE --consent VHDX-RGN-011 (plan only; makes the file longer with zeros)");
    }
    if (region_kind(r) == KNOWN_GUID_NONE)
        finding_means(p, f, "guest data is not affected: the region is not known to hold any");
}

static void region_clear_of_log(struct probe *p, const struct subject *s)
{
    const struct region_entry *r = s->region;
    const struct header *h = image_header(s->image);
    if (!h || !has_range(r) || h->log_len == 0 || h->log_off > UINT64_MAX - h->log_len)
        return;
    if (r->off >= h->log_off + h->log_len || h->log_off >= r->off + r->len)
        return;
    struct finding *f =
        fail(p, at_region_entry(s, FIELD_OFF, 12),
             "region %s at 0x%" PRIx64 ", 0x%" PRIx32 " bytes, overlaps the log at 0x%" PRIx64 ", 0x%" PRIx32 " bytes",
             name_of(p, r), r->off, r->len, h->log_off, h->log_len);
    finding_expected(p, f, "a place outside the log");
    finding_actual(p, f, "0x%" PRIx64, r->off);
    if (region_kind(r) == KNOWN_GUID_NONE)
        finding_is_no_matter_to(f, PEER_HYPERV);
    finding_related(p, f, STRUCTURE_LOG, NO_INDEX, h->log_off);
}

/* ---- VHDX-RGN-014..-017: which regions, and the Required word ---- */

/* One finding for both: it is one habit of one writer. */
static void known_regions_required(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    struct text names = words_of(p);
    uint32_t found[2], n = 0;
    for (uint32_t i = 0; i < used(v)->told && n < 2; i++) {
        const struct region_entry *r = &used(v)->entries[i];
        if (region_kind(r) == KNOWN_GUID_NONE || (r->required_word & REQUIRED))
            continue;
        text_addf(&names, "%s%s", n ? " and " : "", known_guid_name(region_kind(r)));
        found[n++] = i;
    }
    if (n == 0)
        return;
    struct finding *f = fail(p, at_entry(v, found[0], FIELD_REQUIRED, 4), "region%s %s: the Required bit is not set",
                             plural(n), text_str(&names));
    finding_expected(p, f, "1");
    finding_actual(p, f, "0");
    finding_quirk(f, "qemu");
    if (n > 1)
        finding_related(p, f, STRUCTURE_REGION_TABLE, found[1],
                        REGION_TABLE_OFF[v->used_table] + region_entry_off(found[1]) + FIELD_REQUIRED);
}

static void required_word_is_a_bit(struct probe *p, const struct subject *s)
{
    uint32_t word = s->region->required_word;
    if ((word & ~(uint32_t)REQUIRED) == 0)
        return;
    struct finding *f = fail(p, at_region_entry(s, FIELD_REQUIRED, 4),
                             "region %s: reserved bits are set in Required, 0x%08" PRIx32, name_of(p, s->region), word);
    finding_expected(p, f, "0 or 1");
    finding_actual(p, f, "0x%08" PRIx32, word);
}

static bool is_unknown(const struct subject *s)
{
    return region_kind(s->region) == KNOWN_GUID_NONE && !guid_is_nil(&s->region->guid);
}

static void required_regions_known(struct probe *p, const struct subject *s)
{
    if (!is_unknown(s) || !(s->region->required_word & REQUIRED))
        return;
    struct finding *f = fail(p, at_region_entry(s, FIELD_GUID, REGION_ENTRY_LEN),
                             "region %s at 0x%" PRIx64 ", %s, must be understood to open the file, and is unknown",
                             shown_plain_guid(p, &s->region->guid), s->region->off, shown_bytes(p, s->region->len));
    finding_expected(p, f, "BAT and metadata only");
    finding_actual(p, f, "%s", shown_plain_guid(p, &s->region->guid));
}

/* One look at the view, so that thousands of regions over the same bytes share one budget for reading. */
static void optional_regions_known(struct probe *p, const struct subject *s)
{
    uint64_t budget = LIMIT_RESIDUE_SCAN;
    for (uint32_t i = 0; i < used(s->view)->told; i++) {
        const struct region_entry *r = &used(s->view)->entries[i];
        if (region_kind(r) != KNOWN_GUID_NONE || guid_is_nil(&r->guid) || (r->required_word & REQUIRED))
            continue;
        const char *holds = range_in(r->off, r->len, s->view->src->size)
                                ? shown_residue(p, s->view, r->off, r->len, &budget)
                                : "it does not lie inside the file";
        fail(p, at_entry(s->view, i, FIELD_GUID, REGION_ENTRY_LEN),
             "unknown optional region %s at 0x%" PRIx64 ", %s%s%s", shown_plain_guid(p, &r->guid), r->off,
             shown_bytes(p, r->len), r->len > 0 ? "; " : "", r->len > 0 ? holds : "");
    }
}

/* ---- VHDX-RGN-018, -019 ---- */

/* When the other copy lists it, VHDX-RGN-006 has said so. */
static void lists(struct probe *p, const struct subject *s, enum known_guid which)
{
    const struct view *v = s->view;
    uint32_t i;
    if (region_find(used(v), which, &i) || (region_copies_valid(v) && !region_copies_agree_on(v, which)))
        return;
    struct finding *f = fail(p, at_region_copy(v->used_table, 0, region_entry_off(used(v)->table.usable_count)),
                             "the region table lists no %s region among its %" PRIu32 " entries",
                             known_guid_name(which), used(v)->table.entry_count);
    finding_expected(p, f, "one entry");
    finding_actual(p, f, "none");
}

static void lists_bat(struct probe *p, const struct subject *s)
{
    lists(p, s, KNOWN_REGION_BAT);
}

static void lists_metadata(struct probe *p, const struct subject *s)
{
    lists(p, s, KNOWN_REGION_METADATA);
}

/* ---- VHDX-RGN-020, -022 ---- */

static void region_has_length(struct probe *p, const struct subject *s)
{
    if (s->region->len != 0 || guid_is_nil(&s->region->guid))
        return;
    bool known = region_kind(s->region) != KNOWN_GUID_NONE;
    struct finding *f = fail_as(p, known ? SEVERITY_ERROR : SEVERITY_WARNING, at_region_entry(s, FIELD_LEN, 4),
                                "region %s at 0x%" PRIx64 " has length 0", name_of(p, s->region), s->region->off);
    finding_expected(p, f, "at least 0x100000");
    finding_actual(p, f, "0");
    if (!known)
        finding_means(p, f, "guest data is not affected");
}

static void guid_is_set(struct probe *p, const struct subject *s)
{
    if (!guid_is_nil(&s->region->guid) || is_beyond_reason(s->table, s->region))
        return;
    struct finding *f =
        fail(p, at_region_entry(s, FIELD_GUID, 16),
             "region table entry %" PRIu32 " has a nil GUID (offset 0x%" PRIx64 ", length 0x%" PRIx32 ")", s->entry,
             s->region->off, s->region->len);
    finding_expected(p, f, "a GUID");
    finding_actual(p, f, "nil");
    /* Its place is asked about as if the region had a name. */
    if (s->region->required_word & REQUIRED)
        finding_stops(f, PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_VIRTUALBOX);
    else if (s->region->len == 0)
        finding_stops(f, PEER_HYPERV);
}

/* ---- VHDX-RGN-021, -023, -024: what else the tables show ---- */

static void table_rest_is_zero(struct probe *p, const struct subject *s)
{
    if (!region_copy_is_valid(s) || s->table->entry_count > REGION_ENTRIES_MAX)
        return;
    struct span_residue r = span_residue(s->table->front, (size_t)region_entry_off(s->table->usable_count));
    if (r.bytes == 0)
        return;
    struct finding *f =
        fail(p, at_region_table(s, r.first, REGION_TABLE_LEN - r.first),
             "%" PRIu64 " non-zero byte%s behind the last entry of region table copy %d, the first at 0x%" PRIx64,
             r.bytes, plural(r.bytes), s->copy + 1, REGION_TABLE_OFF[s->copy] + r.first);
    finding_expected(p, f, "zeros behind the last entry");
}

static void stored_tables_current(struct probe *p, const struct subject *s)
{
    const struct view *a = s->image->stored, *b = s->image->main;
    if (a == b)
        return;
    for (int i = 0; i < 2; i++) {
        const struct region_copy *x = &a->regions[i], *y = &b->regions[i];
        if (x->io_error || y->io_error || span_equal_but_zeros(x->table.front, y->table.front))
            continue;
        fail(p, at_region_copy(i, 0, REGION_TABLE_LEN),
             "the log carries another region table copy %d than the file holds: %" PRIu32 " entries, %" PRIu32
             " as stored",
             i + 1, y->table.entry_count, x->table.entry_count);
    }
}

static void not_a_truncated_update(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    if (!region_copies_valid(v) || region_copies_agree(v))
        return;
    for (int i = 0; i < 2; i++) {
        uint32_t few = v->regions[i].table.entry_count, more = v->regions[1 - i].table.entry_count;
        if (few > 1 || more <= few)
            continue;
        struct finding *f = fail(p, at_region_copy(i, 8, 4),
                                 "region table copy %d lists %" PRIu32 " of the %" PRIu32
                                 " regions of copy %d: it looks like an update that was cut short",
                                 i + 1, few, more, 2 - i);
        finding_expected(p, f, "%" PRIu32, more);
        finding_actual(p, f, "%" PRIu32, few);
    }
}

static const char NO_EFFECT[] = "guest data is not affected";
static const char SEE_REGIONS[] = "keep a copy of the file; vhdxray dump FILE regions --hex";

static const struct rule rules[] = {
    {
        .id = "VHDX-RGN-008",
        .scope = SCOPE_VIEW,
        .needs = NEED_REGIONS,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV,
        .spec = "2.2.3.2",
        .title = "region is listed twice",
        .why = "A GUID names one region. With two entries programs take the first or the last one.",
        .means = "which guest disk the file holds may depend on the program; the first entry was used for this report",
        .next = SEE_REGIONS,
        .check = guids_are_unique,
    },
    {
        .id = "VHDX-RGN-009",
        .scope = SCOPE_REGION_ENTRY,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.2.3.2",
        .title = "region does not lie on 1 MiB boundaries",
        .why = "All objects behind the header section start on a MiB boundary and are whole MiB long. Another value "
               "is damage under a right checksum, or a faulty writer.",
        .means = "the place of the region cannot be trusted, nor the guest data that is found through it",
        .next = SEE_REGIONS,
        .check = region_in_mib,
    },
    {
        .id = "VHDX-RGN-010",
        .scope = SCOPE_REGION_ENTRY,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV,
        .spec = "2.2.3.2",
        .title = "region overlaps the header section",
        .why = "The first MiB belongs to identifier, headers and region tables. A program that updates a region there "
               "destroys them.",
        .means = "the region is not what it seems, or a write to it destroys headers or region tables",
        .next = "do not attach the disk for writing; vhdxray dump FILE regions --hex",
        .check = region_behind_header_section,
    },
    {
        .id = "VHDX-RGN-011",
        .scope = SCOPE_REGION_ENTRY,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV,
        .spec = "2.2.3.2",
        .title = "region is not wholly inside the file",
        .why = "The file was cut off, or the entry is damaged. An offset near 2^64 whose end wraps is an attack on "
               "programs that add without looking.",
        .means =
            "what the missing part of the region describes is lost; without metadata or BAT no guest data is found",
        .next = "compare the size with the original, copy the file again; vhdxray dump FILE regions --hex",
        .check = region_inside_file,
    },
    {
        .id = "VHDX-RGN-012",
        .scope = SCOPE_VIEW,
        .needs = NEED_REGIONS,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP,
        .spec = "2.2.3.2",
        .title = "regions overlap",
        .why = "Every byte of the file has one owner. Where two regions overlap, an update of one destroys the other.",
        .means = "one of the two regions is not what it seems; guest data found through it may be wrong",
        .next = "do not attach the disk for writing; vhdxray dump FILE regions --hex",
        .check = regions_disjoint,
    },
    {
        .id = "VHDX-RGN-013",
        .scope = SCOPE_REGION_ENTRY,
        .needs = NEED_HEADER,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV,
        .spec = "2.2.3.2",
        .title = "region overlaps the log",
        .why =
            "The next entry that a program writes into the log destroys the region. 7-Zip and libvhdi open such a file "
            "without a word.",
        .means = "guest data found through the region may be wrong; the next write to the log destroys the region",
        .next = "do not attach the disk for writing; vhdxray dump FILE regions --hex",
        .check = region_clear_of_log,
    },
    {
        .id = "VHDX-RGN-014",
        .scope = SCOPE_VIEW,
        .needs = NEED_REGIONS,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_VIRTUALBOX,
        .spec = "2.2.3.2",
        .title = "BAT or metadata region is not marked as required",
        .why = "QEMU leaves the bit out in all files it makes. Most programs do not look; VirtualBox refuses the file.",
        .means = NO_EFFECT,
        .next = "nothing needs to be done, unless VirtualBox is to open the disk",
        .check = known_regions_required,
    },
    {
        .id = "VHDX-RGN-015",
        .scope = SCOPE_REGION_ENTRY,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_HYPERV,
        .spec = "2.2.3.2",
        .title = "reserved bits of the Required word are set",
        .why = "Only bit 0 has a meaning. openvmm refuses the file when another bit is set.",
        .means = NO_EFFECT,
        .next = "vhdxray repair FILE (plan only; clears the bits)",
        .check = required_word_is_a_bit,
    },
    {
        .id = "VHDX-RGN-016",
        .scope = SCOPE_REGION_ENTRY,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.2, 2.2.3.2",
        .title = "unknown region must be understood to open the file",
        .why =
            "The Required bit tells a program that it would read the disk wrongly without knowing this region. No such "
            "region is published.",
        .means = "guest data is read as if the region were not there, which may be wrong",
        .next = "open the disk with the program that made the file; vhdxray dump FILE regions --hex",
        .check = required_regions_known,
    },
    {
        .id = "VHDX-RGN-017",
        .scope = SCOPE_VIEW,
        .needs = NEED_REGIONS,
        .severity = SEVERITY_INFO,
        .spec = "2.2",
        .title = "unknown optional region",
        .why = "An extension of some writer that others may ignore but must preserve. Its bytes are no payload and no "
               "free space.",
        .means = NO_EFFECT,
        .next = "vhdxray dump FILE regions",
        .check = optional_regions_known,
    },
    {
        .id = "VHDX-RGN-018",
        .scope = SCOPE_VIEW,
        .needs = NEED_REGIONS,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_LIBVHDI | PEER_VIRTUALBOX,
        .spec = "2.2.3.2",
        .title = "region table lists no BAT",
        .why = "The BAT says where each block of the disk lies. Its entry was damaged under a right checksum, or the "
               "table was written by a faulty program.",
        .means = "guest data cannot be found, though it is probably still in the file",
        .next = "vhdxray repair FILE --consent VHDX-RGN-018 (plan only; looks for the BAT and lists it)",
        .check = lists_bat,
    },
    {
        .id = "VHDX-RGN-019",
        .scope = SCOPE_VIEW,
        .needs = NEED_REGIONS,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_LIBVHDI | PEER_VIRTUALBOX,
        .spec = "2.2.3.2",
        .title = "region table lists no metadata",
        .why = "The metadata holds size and block size of the disk. Its entry was damaged under a right checksum, or "
               "the table was written by a faulty program.",
        .means = "guest data cannot be found, though it is probably still in the file",
        .next = "vhdxray repair FILE --consent VHDX-RGN-019 (plan only; looks for the metadata and lists it)",
        .check = lists_metadata,
    },
    {
        .id = "VHDX-RGN-020",
        .scope = SCOPE_REGION_ENTRY,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV,
        .spec = "impl",
        .title = "region has length 0",
        .why =
            "An empty BAT or metadata region cannot hold what it must. An empty unknown region has no purpose and is "
            "refused by openvmm.",
        .means = "guest data cannot be found",
        .next = SEE_REGIONS,
        .check = region_has_length,
    },
    {
        .id = "VHDX-RGN-021",
        .scope = SCOPE_REGION_TABLE,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.2.3.2",
        .title = "bytes behind the last entry of a region table",
        .why = "The rest of the 64 KiB is reserved and under the checksum, so a writer put something there: an entry "
               "that was removed without clearing it, or hidden data.",
        .means = NO_EFFECT,
        .next = "vhdxray dump FILE regions --hex shows the bytes",
        .check = table_rest_is_zero,
    },
    {
        .id = "VHDX-RGN-022",
        .scope = SCOPE_REGION_ENTRY,
        .severity = SEVERITY_WARNING,
        .spec = "impl",
        .title = "region table entry has a nil GUID",
        .why = "A nil GUID names no region: an entry that was cleared without lowering EntryCount, or a count that is "
               "too high.",
        .means = NO_EFFECT,
        .next = SEE_REGIONS,
        .check = guid_is_set,
    },
    {
        .id = "VHDX-RGN-023",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.2.3, 2.3.3",
        .title = "log carries a newer region table",
        .why = "The last writer was moving or adding a region when it stopped. Programs that ignore the log use the "
               "old table.",
        .means = "guest data is found by the newer table, through the log",
        .next = "vhdxray log FILE --plan shows what replay changes",
        .check = stored_tables_current,
    },
    {
        .id = "VHDX-RGN-024",
        .scope = SCOPE_VIEW,
        .severity = SEVERITY_INFO,
        .spec = "2.2.3",
        .title = "one region table copy is nearly empty",
        .why = "Explains VHDX-RGN-006: the shorter copy looks like the state between two steps of an update.",
        .means = "the fuller copy is probably the right one",
        .next = SEE_REGIONS,
        .check = not_a_truncated_update,
    },
};

const struct rule_group region_entry_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
