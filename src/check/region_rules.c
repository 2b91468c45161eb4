/* SPDX-License-Identifier: MIT */
/*
 * RGN, first part: the two copies of the region table, each for itself and against one another. Content of a copy whose
 * checksum is wrong is not judged, the checksum already says that it means nothing. A file that ends inside the header
 * section is VHDX-FILE-001, and not a missing table as well.
 */
#include <inttypes.h>
#include <string.h>

#include "base/le.h"
#include "base/text.h"
#include "check/region_traits.h"
#include "check/rule.h"
#include "check/wording.h"

/* ---- VHDX-RGN-001..-003: validity of the copies ---- */

static const char *what_is_wrong(const struct region_copy *c)
{
    if (c->io_error)
        return "cannot be read";
    if (c->got == 0)
        return "lies behind the end of the file";
    if (c->got < REGION_TABLE_LEN)
        return "is cut off";
    return c->table.signature_ok ? "has a wrong checksum" : "has no \"regi\" signature";
}

static void one_copy_valid(struct probe *p, const struct subject *s)
{
    const struct region_copy *a = &s->view->regions[0], *b = &s->view->regions[1];
    if (s->view->used_table >= 0 || (a->got < REGION_TABLE_LEN && b->got < REGION_TABLE_LEN))
        return; /* the file does not have them, or they cannot be read: VHDX-FILE-001, -002 */
    struct finding *f =
        fail(p, at_region_copy(0, 0, REGION_TABLE_LEN),
             "no valid region table: copy 1 at 0x30000 %s, copy 2 at 0x40000 %s", what_is_wrong(a), what_is_wrong(b));
    finding_expected(p, f, "signature \"regi\" and CRC-32C right in at least one copy");
    finding_related(p, f, STRUCTURE_REGION_TABLE, 2, REGION_TABLE_OFF[1]);
}

static void copy_is_valid(struct probe *p, const struct subject *s, int copy)
{
    const struct region_copy *c = &s->view->regions[copy];
    if (c->valid || c->got < REGION_TABLE_LEN || !s->view->regions[1 - copy].valid)
        return;
    struct finding *f = fail(p, at_region_copy(copy, 0, REGION_TABLE_LEN), "region table copy %d %s; copy %d is used",
                             copy + 1, what_is_wrong(c), 2 - copy);
    if (!c->table.signature_ok) {
        finding_expected(p, f, "0x69676572 (\"regi\")");
        finding_actual(p, f, "0x%08" PRIx32, le32(c->table.front.ptr));
    } else {
        finding_expected(p, f, "checksum 0x%08" PRIx32, c->table.checksum_computed);
        finding_actual(p, f, "checksum 0x%08" PRIx32, c->table.checksum);
    }
}

static void copy_1_valid(struct probe *p, const struct subject *s)
{
    copy_is_valid(p, s, 0);
}

static void copy_2_valid(struct probe *p, const struct subject *s)
{
    copy_is_valid(p, s, 1);
}

/* ---- VHDX-RGN-004, -007: table header ---- */

static void entry_count_fits(struct probe *p, const struct subject *s)
{
    if (!region_copy_is_valid(s) || s->table->entry_count <= REGION_ENTRIES_MAX)
        return;
    struct finding *f =
        fail(p, at_region_table(s, 8, 4), "region table copy %d has EntryCount %" PRIu32 ", more than fit into it",
             s->copy + 1, s->table->entry_count);
    finding_expected(p, f, "at most 2047");
    finding_actual(p, f, "%" PRIu32, s->table->entry_count);
    if (s->copy != 0)
        finding_stops(f, PEER_LIBVHDI); /* the others look at copy 1 first and are content */
}

static void table_reserved_is_zero(struct probe *p, const struct subject *s)
{
    if (!region_copy_is_valid(s) || s->table->reserved == 0)
        return;
    struct finding *f = fail(p, at_region_table(s, 12, 4), "the reserved field of region table copy %d is 0x%08" PRIx32,
                             s->copy + 1, s->table->reserved);
    finding_expected(p, f, "0");
    finding_actual(p, f, "0x%08" PRIx32, s->table->reserved);
    if (s->copy != 0)
        finding_stops(f, 0);
}

/* ---- VHDX-RGN-005, -006: two valid copies that differ ---- */

/* Behind signature and checksum, which tell nothing by themselves. What one front has more is compared with zeros. */
static uint32_t bytes_that_differ(struct span a, struct span b, uint32_t *ret_first)
{
    enum { FROM = 8, WORD = sizeof(uint64_t) };
    struct span longer = a.len > b.len ? a : b;
    size_t both = a.len < b.len ? a.len : b.len, i = FROM, count = 0;
    *ret_first = 0;
    for (; i < both; i++) {
        while (both - i > WORD && le64(a.ptr + i) == le64(b.ptr + i))
            i += WORD;
        if (a.ptr[i] != b.ptr[i] && count++ == 0)
            *ret_first = (uint32_t)i;
    }
    if (i < longer.len) {
        if (count == 0)
            *ret_first = (uint32_t)span_find_nonzero(longer, i);
        count += span_count_nonzero(longer, i);
    }
    return (uint32_t)count;
}

static void copies_equal(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    if (!region_copies_valid(v) || !region_copies_agree(v))
        return;
    struct span a = v->regions[0].table.front, b = v->regions[1].table.front;
    uint32_t first;
    uint32_t count = bytes_that_differ(a, b, &first);
    if (count == 0)
        return;
    struct finding *f = fail(p, at_region_copy(0, first, REGION_TABLE_LEN - first),
                             "the region tables are both valid and agree on BAT and metadata, but differ in %" PRIu32
                             " byte%s, the first at offset %" PRIu32 "; copy 1 is used",
                             count, plural(count), first);
    finding_expected(p, f, "0x%02x as in copy 2", span_byte_or_zero(b, first));
    finding_actual(p, f, "0x%02x", span_byte_or_zero(a, first));
    finding_related(p, f, STRUCTURE_REGION_TABLE, 2, REGION_TABLE_OFF[1] + first);
}

static const char *place_text(struct probe *p, const struct region_entry *r)
{
    return r ? text_format(probe_arena(p), "0x%" PRIx64 ", 0x%" PRIx32 " bytes", r->off, r->len) : "not listed";
}

static void copies_agree_on_regions(struct probe *p, const struct subject *s)
{
    static const enum known_guid wanted[] = {KNOWN_REGION_BAT, KNOWN_REGION_METADATA};
    const struct view *v = s->view;
    if (!region_copies_valid(v))
        return;
    for (size_t k = 0; k < 2; k++) {
        uint32_t i = 0, j = 0;
        const struct region_entry *a = region_find(&v->regions[0], wanted[k], &i);
        const struct region_entry *b = region_find(&v->regions[1], wanted[k], &j);
        if (region_same_place(a, b))
            continue;
        struct place at = a ? at_region_copy(0, region_entry_off(i), REGION_ENTRY_LEN)
                            : at_region_copy(0, 0, REGION_TABLE_HEADER_LEN);
        struct finding *f =
            fail(p, at, "both region tables are valid, but disagree about the %s region: copy 1 %s%s, copy 2 %s%s",
                 known_guid_name(wanted[k]), a ? "says " : "", a ? place_text(p, a) : "does not list it",
                 b ? "says " : "", b ? place_text(p, b) : "does not list it");
        finding_expected(p, f, "%s", place_text(p, b));
        finding_actual(p, f, "%s", place_text(p, a));
        finding_related(p, f, STRUCTURE_REGION_TABLE, 2, REGION_TABLE_OFF[1] + (b ? region_entry_off(j) : 0));
        if (!a)
            finding_stops(f, PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_LIBVHDI | PEER_VIRTUALBOX);
    }
}

static const char NO_EFFECT[] = "guest data is not affected";
static const char SEE_REGIONS[] = "keep a copy of the file; vhdxray dump FILE regions --hex";

static const struct rule rules[] = {
    {
        .id = "VHDX-RGN-001",
        .scope = SCOPE_VIEW,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.2.3.1",
        .title = "no valid region table",
        .why = "The region table says where BAT and metadata lie. Two copies exist and both fail their signature or "
               "checksum: the start of the file was overwritten, or storage below lost it.",
        .means = "guest data is probably intact, but nothing says where to find it",
        .next = "vhdxray repair FILE --consent VHDX-RGN-001 (plan only; looks for metadata and BAT and "
                "writes both tables anew)",
        .check = one_copy_valid,
    },
    {
        .id = "VHDX-RGN-002",
        .scope = SCOPE_VIEW,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_QEMU | PEER_LIBVHDI | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.2.3",
        .title = "region table copy 1 is not valid",
        .why = "Both copies are normally identical. Copy 2 serves here, but many programs only ever look at copy 1 "
               "and refuse the file.",
        .means = "guest data is not affected",
        .next = "vhdxray repair FILE (plan only; writes copy 1 from copy 2)",
        .check = copy_1_valid,
    },
    {
        .id = "VHDX-RGN-003",
        .scope = SCOPE_VIEW,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_LIBVHDI | PEER_7ZIP,
        .spec = "2.2.3",
        .title = "region table copy 2 is not valid",
        .why = "Both copies are normally identical. Copy 1 serves; the spare is lost.",
        .means = "guest data is not affected while copy 1 is good",
        .next = "vhdxray repair FILE (plan only; writes copy 2 from copy 1)",
        .check = copy_2_valid,
    },
    {
        .id = "VHDX-RGN-004",
        .scope = SCOPE_REGION_TABLE,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.2.3.1",
        .title = "region table has more entries than fit into it",
        .why = "64 KiB hold 2047 entries. A program that believes a higher count reads behind its buffer; the count "
               "is damage under a right checksum, or an attack.",
        .means = "guest data was looked for by the entries that do fit",
        .next = SEE_REGIONS,
        .check = entry_count_fits,
    },
    {
        .id = "VHDX-RGN-005",
        .scope = SCOPE_VIEW,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_7ZIP,
        .spec = "2.2.3",
        .title = "region table copies differ",
        .why =
            "Writers update both copies through the log, so they are equal after every replay. Copies that differ were "
            "written without the log.",
        .means = "guest data is not affected: both lead to the same BAT and metadata",
        .next = "vhdxray repair FILE (plan only; writes copy 2 from copy 1)",
        .check = copies_equal,
    },
    {
        .id = "VHDX-RGN-006",
        .scope = SCOPE_VIEW,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_7ZIP,
        .spec = "2.2.3",
        .title = "region table copies disagree about the BAT or the metadata",
        .why = "The format does not say which copy wins, so programs open different disks in this file. One copy is "
               "older, or was changed on purpose.",
        .means =
            "which guest disk the file holds depends on the program that opens it; copy 1 was used for this report",
        .next = "vhdxray repair FILE --consent VHDX-RGN-006 (plan only; keeps the copy with which the image "
                "has fewer errors)",
        .check = copies_agree_on_regions,
    },
    {
        .id = "VHDX-RGN-007",
        .scope = SCOPE_REGION_TABLE,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.2.3.1",
        .title = "reserved field of a region table is not zero",
        .why = "Writers must write zero there. openvmm refuses the file otherwise.",
        .means = NO_EFFECT,
        .next = "vhdxray repair FILE (plan only; sets the field to 0)",
        .check = table_reserved_is_zero,
    },
};

const struct rule_group region_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
