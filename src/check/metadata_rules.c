/* SPDX-License-Identifier: MIT */
/*
 * META, first part: the metadata table and its entries, by the entry alone and against one another. What the items say
 * is judged in metadata_item_rules.c. Metadata is under no checksum, so damage of single bytes shows up only here.
 *
 * One damage is one error: an entry whose item lies in an impossible place is not reported again for overlapping
 * others, nor its value for being odd; two entries of one item are VHDX-META-005 and not an overlap as well.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/text.h"
#include "check/metadata_traits.h"
#include "check/rule.h"
#include "check/wording.h"
#include "image/sample.h"

enum { FIELD_ID = 0, FIELD_OFF = 16, FIELD_LEN = 20, FIELD_FLAGS = 24, FIELD_RESERVED2 = 28 };

enum { SYSTEM_ENTRIES_MAX = 1023 };                     /* openvmm */
static const uint64_t REGION_MAX = (uint64_t)128 << 20; /* openvmm */
static const uint64_t CLASS_MAX = (uint64_t)40 << 20;   /* openvmm: items of one class together */

static bool skip(const struct subject *s)
{
    return metadata_entry_is_beyond_reason(&s->view->metadata.table, s->item);
}

static bool is_required(const struct metadata_entry *e)
{
    return (e->flags & METADATA_FLAG_IS_REQUIRED) != 0;
}

static const char *name_of(struct probe *p, const struct metadata_entry *e)
{
    return shown_guid(p, &e->item_id);
}

/* ---- VHDX-META-001..-003: the table's header ---- */

static void has_signature(struct probe *p, const struct subject *s)
{
    const struct metadata *m = &s->view->metadata;
    if (m->absence != ABSENT_BAD_SIGNATURE)
        return;
    struct text t = words_of(p);
    for (size_t i = 0; i < 8; i++)
        text_addf(&t, "%s%02x", i ? " " : "", m->table.front.ptr[i]);
    struct finding *f = fail(p, at_metadata(s->view, 0, 8),
                             "the metadata region at 0x%" PRIx64 " does not begin with \"metadata\": found %s",
                             s->view->metadata_region.off, text_str(&t));
    finding_expected(p, f, "6d 65 74 61 64 61 74 61 (\"metadata\")");
    finding_actual(p, f, "%s", text_str(&t));
}

static void entry_count_fits(struct probe *p, const struct subject *s)
{
    uint16_t count = s->view->metadata.table.entry_count;
    if (count <= METADATA_ENTRIES_MAX)
        return;
    struct finding *f =
        fail(p, at_metadata(s->view, 10, 2), "the metadata table has EntryCount %u, more than fit into it", count);
    finding_expected(p, f, "at most 2047");
    finding_actual(p, f, "%u", count);
}

static void table_reserved_is_zero(struct probe *p, const struct subject *s)
{
    const struct metadata_table *t = &s->view->metadata.table;
    if (t->reserved == 0 && t->reserved2_zero)
        return;
    struct finding *f =
        fail(p, at_metadata(s->view, t->reserved ? 8 : 12, t->reserved ? 2 : 20),
             "the %s field of the metadata table's header is not zero", t->reserved ? "Reserved" : "Reserved2");
    finding_expected(p, f, "0");
    if (t->reserved)
        finding_actual(p, f, "0x%04x", t->reserved);
}

/* ---- VHDX-META-004, -006..-010, -012, -015, -017..-019: one entry ---- */

static void entry_reserved_is_zero(struct probe *p, const struct subject *s)
{
    uint32_t odd = s->item->flags & ~(uint32_t)METADATA_FLAGS_KNOWN;
    if (odd == 0 && s->item->reserved2 == 0)
        return;
    struct finding *f =
        fail(p, at_metadata_entry(s, odd ? FIELD_FLAGS : FIELD_RESERVED2, 4),
             "metadata entry %" PRIu32 " (%s): %s 0x%08" PRIx32, s->entry, name_of(p, s->item),
             odd ? "reserved flag bits are set, flags" : "Reserved2 is", odd ? s->item->flags : s->item->reserved2);
    finding_expected(p, f, odd ? "no bits but 0x7" : "0");
    finding_actual(p, f, "0x%08" PRIx32, odd ? s->item->flags : s->item->reserved2);
}

static void id_is_set(struct probe *p, const struct subject *s)
{
    if (!guid_is_nil(&s->item->item_id) || skip(s))
        return;
    struct finding *f =
        fail(p, at_metadata_entry(s, FIELD_ID, 16), "metadata entry %" PRIu32 " has a nil ItemId", s->entry);
    finding_expected(p, f, "a GUID");
    finding_actual(p, f, "nil");
}

static void item_behind_table(struct probe *p, const struct subject *s)
{
    if (s->item->len == 0 || s->item->off >= METADATA_TABLE_LEN)
        return;
    struct finding *f = fail(p, at_metadata_entry(s, FIELD_OFF, 4),
                             "metadata entry %" PRIu32 " (%s): the item at offset 0x%" PRIx32 " lies inside the table",
                             s->entry, name_of(p, s->item), s->item->off);
    finding_expected(p, f, "at least 0x10000");
    finding_actual(p, f, "0x%" PRIx32, s->item->off);
}

static void item_inside_region(struct probe *p, const struct subject *s)
{
    uint64_t region = s->view->metadata_region.len;
    if (s->item->len == 0 || s->item->len > METADATA_ITEM_MAX || range_in(s->item->off, s->item->len, region))
        return;
    struct finding *f = fail(p, at_metadata_entry(s, FIELD_OFF, 8),
                             "metadata entry %" PRIu32 " (%s): the item at offset 0x%" PRIx32 ", 0x%" PRIx32
                             " bytes, leaves the region of 0x%" PRIx64 " bytes",
                             s->entry, name_of(p, s->item), s->item->off, s->item->len, region);
    finding_expected(p, f, "an end at or below 0x%" PRIx64, region);
    finding_actual(p, f, "0x%" PRIx64, (uint64_t)s->item->off + s->item->len);
}

static void item_len_fits(struct probe *p, const struct subject *s)
{
    if (s->item->len <= METADATA_ITEM_MAX)
        return;
    struct finding *f =
        fail(p, at_metadata_entry(s, FIELD_LEN, 4), "metadata entry %" PRIu32 " (%s): the item is %s long", s->entry,
             name_of(p, s->item), shown_bytes(p, s->item->len));
    finding_expected(p, f, "at most 1048576");
    finding_actual(p, f, "%" PRIu32, s->item->len);
}

static void empty_item_has_no_place(struct probe *p, const struct subject *s)
{
    if (s->item->len != 0 || s->item->off == 0)
        return;
    struct finding *f = fail(p, at_metadata_entry(s, FIELD_OFF, 4),
                             "metadata entry %" PRIu32 " (%s): Length is 0, but Offset is 0x%" PRIx32, s->entry,
                             name_of(p, s->item), s->item->off);
    finding_expected(p, f, "0");
    finding_actual(p, f, "0x%" PRIx32, s->item->off);
}

static void user_item_is_optional(struct probe *p, const struct subject *s)
{
    if (!metadata_entry_is_user(s->item) || !is_required(s->item))
        return;
    struct finding *f =
        fail(p, at_metadata_entry(s, FIELD_FLAGS, 4),
             "metadata entry %" PRIu32 " (%s) has both IsUser and IsRequired set", s->entry, name_of(p, s->item));
    finding_expected(p, f, "one of the two bits at most");
    finding_actual(p, f, "0x%08" PRIx32, s->item->flags);
}

static void required_items_known(struct probe *p, const struct subject *s)
{
    if (!is_required(s->item) || metadata_item_kind(&s->item->item_id) != KNOWN_GUID_NONE)
        return;
    struct finding *f = fail(p, at_metadata_entry(s, FIELD_ID, METADATA_ENTRY_LEN),
                             "metadata entry %" PRIu32 ": item %s must be understood to open the file, and is unknown",
                             s->entry, shown_plain_guid(p, &s->item->item_id));
    finding_expected(p, f, "a known item");
    finding_actual(p, f, "%s", shown_plain_guid(p, &s->item->item_id));
}

/* One of the six items of the specification, as system item. */
static bool is_standard(const struct metadata_entry *e)
{
    enum known_guid k = metadata_item_kind(&e->item_id);
    return !metadata_entry_is_user(e) && k != KNOWN_GUID_NONE && k <= KNOWN_ITEM_PARENT_LOCATOR;
}

static void standard_item_is_required(struct probe *p, const struct subject *s)
{
    if (!is_standard(s->item) || is_required(s->item))
        return;
    struct finding *f = fail(p, at_metadata_entry(s, FIELD_FLAGS, 4),
                             "metadata entry %" PRIu32 " (%s): IsRequired is not set, flags 0x%08" PRIx32, s->entry,
                             name_of(p, s->item), s->item->flags);
    finding_expected(p, f, "0x%08" PRIx32, s->item->flags | METADATA_FLAG_IS_REQUIRED);
    finding_actual(p, f, "0x%08" PRIx32, s->item->flags);
    if (metadata_item_kind(&s->item->item_id) == KNOWN_ITEM_PHYSICAL_SECTOR_SIZE)
        finding_stops(f, 0); /* VirtualBox knows of images in which it is not */
}

static void virtual_disk_bit_is_right(struct probe *p, const struct subject *s)
{
    if (!is_standard(s->item))
        return;
    enum known_guid k = metadata_item_kind(&s->item->item_id);
    bool of_file = k == KNOWN_ITEM_FILE_PARAMETERS || k == KNOWN_ITEM_PARENT_LOCATOR;
    uint32_t want = of_file ? 0 : METADATA_FLAG_IS_VIRTUAL_DISK;
    if ((s->item->flags & METADATA_FLAG_IS_VIRTUAL_DISK) == want)
        return;
    struct finding *f = fail(p, at_metadata_entry(s, FIELD_FLAGS, 4),
                             "metadata entry %" PRIu32 " (%s): IsVirtualDisk is %s, flags 0x%08" PRIx32, s->entry,
                             name_of(p, s->item), want ? "not set" : "set", s->item->flags);
    finding_expected(p, f, "0x%08" PRIx32, (s->item->flags & ~(uint32_t)METADATA_FLAG_IS_VIRTUAL_DISK) | want);
    finding_actual(p, f, "0x%08" PRIx32, s->item->flags);
}

static void system_item_is_not_user(struct probe *p, const struct subject *s)
{
    if (!metadata_entry_is_user(s->item) || metadata_item_kind(&s->item->item_id) == KNOWN_GUID_NONE)
        return;
    struct finding *f = fail(p, at_metadata_entry(s, FIELD_FLAGS, 4),
                             "metadata entry %" PRIu32 " has the id of the system item %s, but IsUser is set", s->entry,
                             name_of(p, s->item));
    finding_expected(p, f, "IsUser clear");
    finding_actual(p, f, "0x%08" PRIx32, s->item->flags);
    if (metadata_item_kind(&s->item->item_id) > KNOWN_ITEM_PARENT_LOCATOR)
        finding_stops(f, PEER_QEMU | PEER_7ZIP | PEER_LIBVHDI); /* VirtualBox knows the standard ones alone */
}

/* ---- VHDX-META-005, -011: entries against one another ---- */

struct ranked {
    const struct metadata_entry *e;
    uint32_t index;
};

static int by_id(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int c = guid_compare(&x->e->item_id, &y->e->item_id);
    if (c)
        return c;
    if (metadata_entry_is_user(x->e) != metadata_entry_is_user(y->e))
        return metadata_entry_is_user(x->e) ? 1 : -1;
    return u64_compare(x->index, y->index);
}

static int by_place(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->e->off != y->e->off)
        return u64_compare(x->e->off, y->e->off);
    return u64_compare(x->index, y->index);
}

static bool has_id(const struct view *v, const struct metadata_entry *e)
{
    (void)v;
    return !guid_is_nil(&e->item_id); /* each other one is VHDX-META-006 */
}

/* The entries that matter, sorted; NULL, and none, when memory is gone. */
static struct ranked *ranked_entries(struct probe *p, const struct view *v,
                                     bool (*matters)(const struct view *v, const struct metadata_entry *e),
                                     int (*order)(const void *, const void *), uint32_t *ret_count)
{
    uint32_t n = v->metadata.table.usable_count, count = 0;
    struct ranked *list = arena_array(probe_arena(p), n, sizeof(*list));
    if (!list) {
        probe_status(p, arena_status(probe_arena(p)));
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++)
        if (matters(v, &v->metadata.entries[i]))
            list[count++] = (struct ranked){.e = &v->metadata.entries[i], .index = i};
    qsort(list, count, sizeof(*list), order);
    *ret_count = count;
    return list;
}

static bool same_key(const struct metadata_entry *a, const struct metadata_entry *b)
{
    return guid_equal(&a->item_id, &b->item_id) && metadata_entry_is_user(a) == metadata_entry_is_user(b);
}

static void relate_entry(struct probe *p, struct finding *f, const struct view *v, uint32_t i)
{
    finding_related(p, f, STRUCTURE_METADATA, i, at_metadata_slot(v, i).off);
}

static void items_are_unique(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    uint32_t n = 0;
    struct ranked *list = ranked_entries(p, v, has_id, by_id, &n);
    for (uint32_t i = 1, first = 0; i < n; i++) {
        const struct metadata_entry *a = list[first].e, *b = list[i].e;
        if (!same_key(a, b)) {
            first = i;
            continue;
        }
        bool equal = a->off == b->off && a->len == b->len && a->flags == b->flags && a->reserved2 == b->reserved2;
        if (equal && v->metadata.table.entry_count > METADATA_ENTRIES_MAX)
            continue; /* nobody knows where the entries end (VHDX-META-002), and Windows leaves a copy behind them */
        struct finding *f =
            fail(p, at_metadata_slot(v, list[i].index),
                 "metadata entry %" PRIu32 " repeats the item of entry %" PRIu32 " (%s)%s", list[i].index,
                 list[first].index, name_of(p, b), equal ? "; both are equal" : " with another content");
        finding_expected(p, f, "each item once");
        relate_entry(p, f, v, list[first].index);
        if (equal) {
            finding_repair(f, REPAIR_AUTOMATIC);
            finding_next(p, f, "vhdxray repair FILE (plan only; drops the second entry)");
        }
        if (metadata_item_kind(&b->item_id) == KNOWN_GUID_NONE)
            finding_stops(f, PEER_HYPERV);
    }
}

static bool is_unknown_optional(const struct metadata_entry *e)
{
    return metadata_item_kind(&e->item_id) == KNOWN_GUID_NONE && !is_required(e);
}

static uint64_t end_of(const struct metadata_entry *e)
{
    return (uint64_t)e->off + e->len;
}

/* Sorted by place; an item overlaps when it starts before the furthest end so far. */
static void items_disjoint(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    uint32_t n = 0;
    struct ranked *list = ranked_entries(p, v, metadata_entry_place_ok, by_place, &n);
    const struct ranked *furthest = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const struct ranked *r = &list[i];
        if (furthest && r->e->off < end_of(furthest->e) && !same_key(r->e, furthest->e)) {
            bool harmless = is_unknown_optional(r->e) && is_unknown_optional(furthest->e);
            struct finding *f =
                fail_as(p, harmless ? SEVERITY_WARNING : SEVERITY_ERROR, at_metadata_slot(v, r->index),
                        "metadata entry %" PRIu32 " (%s, offset 0x%" PRIx32 ", %" PRIu32
                        " bytes) overlaps entry %" PRIu32 " (%s, offset 0x%" PRIx32 ", %" PRIu32 " bytes)",
                        r->index, name_of(p, r->e), r->e->off, r->e->len, furthest->index, name_of(p, furthest->e),
                        furthest->e->off, furthest->e->len);
            finding_expected(p, f, "offset 0x%" PRIx64 " or higher", end_of(furthest->e));
            finding_actual(p, f, "0x%" PRIx32, r->e->off);
            relate_entry(p, f, v, furthest->index);
            if (harmless)
                finding_means(p, f, "guest data is not affected: both items are unknown and optional");
        }
        if (!furthest || end_of(r->e) > end_of(furthest->e))
            furthest = r;
    }
}

/* ---- VHDX-META-013, -014: how many, how much ---- */

struct census {
    uint32_t user, system;
    uint64_t user_len, system_len;
};

static struct census count_items(const struct view *v)
{
    struct census c = {0};
    for (uint32_t i = 0; i < v->metadata.table.usable_count; i++) {
        const struct metadata_entry *e = &v->metadata.entries[i];
        if (metadata_entry_is_beyond_reason(&v->metadata.table, e))
            continue;
        if (metadata_entry_is_user(e)) {
            c.user++;
            c.user_len += e->len;
        } else {
            c.system++;
            c.system_len += e->len;
        }
    }
    return c;
}

static void user_entries_fit(struct probe *p, const struct subject *s)
{
    struct census c = count_items(s->view);
    if (c.user <= METADATA_USER_ENTRIES_MAX)
        return;
    struct finding *f = fail(p, at_metadata(s->view, 10, 2), "the metadata table has %" PRIu32 " user entries", c.user);
    finding_expected(p, f, "at most 1024");
    finding_actual(p, f, "%" PRIu32, c.user);
}

static void report_class(struct probe *p, const struct view *v, const char *name, uint64_t len)
{
    if (len <= CLASS_MAX)
        return;
    struct finding *f = fail(p, at_metadata(v, 0, METADATA_TABLE_LEN), "the %s items of the metadata take %s together",
                             name, shown_bytes(p, len));
    finding_expected(p, f, "at most 41943040");
    finding_actual(p, f, "%" PRIu64, len);
}

static void amounts_are_usual(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    struct census c = count_items(v);
    if (c.system > SYSTEM_ENTRIES_MAX) {
        struct finding *f =
            fail(p, at_metadata(v, 10, 2), "the metadata table has %" PRIu32 " system entries", c.system);
        finding_expected(p, f, "at most 1023");
        finding_actual(p, f, "%" PRIu32, c.system);
    }
    if (v->metadata_region.len > REGION_MAX) {
        struct finding *f = fail(p, at_metadata(v, 0, v->metadata_region.len), "the metadata region is %s long",
                                 shown_bytes(p, v->metadata_region.len));
        finding_expected(p, f, "at most 134217728");
        finding_actual(p, f, "%" PRIu64, v->metadata_region.len);
    }
    report_class(p, v, "system", c.system_len);
    report_class(p, v, "user", c.user_len);
}

/* ---- VHDX-META-016 ---- */

static void optional_items_known(struct probe *p, const struct subject *s)
{
    const struct metadata_entry *e = s->item;
    if (!is_unknown_optional(e) || guid_is_nil(&e->item_id))
        return;
    const char *entropy = "";
    uint8_t sample[SAMPLE_MAX];
    size_t got = 0;
    if (!only_counts(p) && metadata_entry_place_ok(s->view, e)) {
        size_t len = e->len < SAMPLE_MAX ? e->len : SAMPLE_MAX;
        probe_status(p, view_sample(s->view, s->view->metadata_region.off + e->off, sample, len, &got));
    }
    if (got > 0) {
        unsigned tenths = entropy_tenths(sample, got);
        entropy = text_format(probe_arena(p), ", entropy %u.%u bits per byte", tenths / 10, tenths % 10);
    }
    fail(p, at_metadata_entry(s, FIELD_ID, METADATA_ENTRY_LEN),
         "unknown optional item %s in metadata entry %" PRIu32 ": flags 0x%" PRIx32 ", %" PRIu32
         " byte%s at offset 0x%" PRIx32 "%s",
         shown_plain_guid(p, &e->item_id), s->entry, e->flags, e->len, plural(e->len), e->off, entropy);
}

static const char NO_EFFECT[] = "guest data is not affected";
static const char SEE_METADATA[] = "keep a copy of the file; vhdxray dump FILE metadata --hex";

static const struct rule rules[] = {
    {
        .id = "VHDX-META-001",
        .scope = SCOPE_VIEW,
        .needs = NEED_REGIONS,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.6.1.1",
        .title = "metadata table has no signature",
        .why = "The metadata region does not hold a metadata table: it was overwritten, the region table points to "
               "the wrong place, or a host disk lost the write.",
        .means = "size and block size of the disk are unknown, so no guest data can be found",
        .next = "keep a copy of the file and do not write to it; vhdxray dump FILE regions --hex",
        .check = has_signature,
    },
    {
        .id = "VHDX-META-002",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.6.1.1",
        .title = "metadata table has more entries than fit into it",
        .why = "64 KiB hold 2047 entries. A program that believes a higher count reads item bytes as entries.",
        .means = "guest data is read by the entries that do fit",
        .next = SEE_METADATA,
        .check = entry_count_fits,
    },
    {
        .id = "VHDX-META-003",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.1.1",
        .title = "reserved bytes of the metadata table's header are not zero",
        .why = "Writers must write zeros there. openvmm refuses the file otherwise.",
        .means = NO_EFFECT,
        .next = "vhdxray repair FILE (plan only; fills the bytes with zeros)",
        .check = table_reserved_is_zero,
    },
    {
        .id = "VHDX-META-004",
        .scope = SCOPE_METADATA_ENTRY,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.1.2",
        .title = "reserved bits of a metadata entry are set",
        .why = "Three flag bits have a meaning, all else must be zero. openvmm refuses the file otherwise.",
        .means = NO_EFFECT,
        .next = "vhdxray repair FILE (plan only; clears the bits)",
        .check = entry_reserved_is_zero,
    },
    {
        .id = "VHDX-META-005",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.1.2",
        .title = "metadata item is listed twice",
        .why = "ItemId and IsUser together name one item. With two entries programs take the first or the last one.",
        .means = "size or layout of the disk may depend on the program; the first entry was used for this report",
        .next = SEE_METADATA,
        .check = items_are_unique,
    },
    {
        .id = "VHDX-META-006",
        .scope = SCOPE_METADATA_ENTRY,
        .severity = SEVERITY_WARNING,
        .stops = PEER_HYPERV,
        .spec = "impl",
        .title = "metadata entry has a nil ItemId",
        .why = "A nil id names no item: an entry that was cleared without lowering EntryCount, or a count that is too "
               "high.",
        .means = NO_EFFECT,
        .next = SEE_METADATA,
        .check = id_is_set,
    },
    {
        .id = "VHDX-META-007",
        .scope = SCOPE_METADATA_ENTRY,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.1.2",
        .title = "metadata item lies inside the metadata table",
        .why =
            "Items start behind the 64 KiB of the table. An item inside the table is read from the bytes of entries.",
        .means = "what the item says about the disk cannot be trusted",
        .next = SEE_METADATA,
        .check = item_behind_table,
    },
    {
        .id = "VHDX-META-008",
        .scope = SCOPE_METADATA_ENTRY,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.1.2",
        .title = "metadata item leaves the metadata region",
        .why = "Offset and Length together pass the end of the region. Programs that add them in 32 bits or do not "
               "look read other structures as the item.",
        .means = "what the item says about the disk is lost",
        .next = SEE_METADATA,
        .check = item_inside_region,
    },
    {
        .id = "VHDX-META-009",
        .scope = SCOPE_METADATA_ENTRY,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.1.2",
        .title = "metadata item is longer than 1 MiB",
        .why =
            "The format allows 1 MiB for an item. A larger length is damage, or aimed at programs that allocate by it.",
        .means = "what the item says about the disk cannot be trusted",
        .next = SEE_METADATA,
        .check = item_len_fits,
    },
    {
        .id = "VHDX-META-010",
        .scope = SCOPE_METADATA_ENTRY,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.1.2",
        .title = "empty metadata item has an offset",
        .why = "An item of length 0 has no place, and Offset must be 0. openvmm refuses the file otherwise.",
        .means = NO_EFFECT,
        .next = "vhdxray repair FILE (plan only; sets Offset to 0)",
        .check = empty_item_has_no_place,
    },
    {
        .id = "VHDX-META-011",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV,
        .spec = "2.6.1.2",
        .title = "metadata items overlap",
        .why =
            "Two items share bytes, so at least one is not what its writer meant: damage of an Offset or Length, or a "
            "faulty writer.",
        .means = "one of the two items says something wrong about the disk",
        .next = SEE_METADATA,
        .check = items_disjoint,
    },
    {
        .id = "VHDX-META-012",
        .scope = SCOPE_METADATA_ENTRY,
        .severity = SEVERITY_WARNING,
        .stops = PEER_HYPERV | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "impl",
        .title = "user item is marked as required",
        .why =
            "User items belong to applications, so no program that opens the disk can be required to understand one. "
            "openvmm refuses the file.",
        .means = NO_EFFECT,
        .next = SEE_METADATA,
        .check = user_item_is_optional,
    },
    {
        .id = "VHDX-META-013",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV,
        .spec = "2.6.1.2",
        .title = "more than 1024 user items",
        .why = "The format limits user items so that system items always find room.",
        .means = NO_EFFECT,
        .next = SEE_METADATA,
        .check = user_entries_fit,
    },
    {
        .id = "VHDX-META-014",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_WARNING,
        .stops = PEER_HYPERV,
        .spec = "impl",
        .title = "unusually much metadata",
        .why = "openvmm refuses more than 1023 system entries, a region above 128 MiB and more than 40 MiB of items "
               "of one class. Real disks have five or six small items.",
        .means = NO_EFFECT,
        .next = SEE_METADATA,
        .check = amounts_are_usual,
    },
    {
        .id = "VHDX-META-015",
        .scope = SCOPE_METADATA_ENTRY,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.6.1.2",
        .title = "unknown metadata item must be understood to open the file",
        .why = "IsRequired tells a program that it would read the disk wrongly without knowing this item. A later "
               "version of the format, or a damaged ItemId.",
        .means = "guest data is read as if the item were not there, which may be wrong",
        .next = "open the disk with the program that made the file; vhdxray dump FILE metadata --hex",
        .check = required_items_known,
    },
    {
        .id = "VHDX-META-016",
        .scope = SCOPE_METADATA_ENTRY,
        .severity = SEVERITY_INFO,
        .spec = "2.6.1.2",
        .title = "unknown optional metadata item",
        .why = "An extension that others may ignore but must preserve. The entropy of its first 4 KiB tells text and "
               "tables (low) from compressed or encrypted data (near 8).",
        .means = NO_EFFECT,
        .next = "vhdxray dump FILE metadata --hex shows the bytes",
        .check = optional_items_known,
    },
    {
        .id = "VHDX-META-017",
        .scope = SCOPE_METADATA_ENTRY,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_VIRTUALBOX,
        .spec = "2.6.2",
        .title = "standard metadata item is not marked as required",
        .why = "All items of the specification carry IsRequired. Early images lack it on the physical sector size; "
               "cloud-hypervisor refuses them.",
        .means = NO_EFFECT,
        .next = "vhdxray repair FILE (plan only; sets the bit)",
        .check = standard_item_is_required,
    },
    {
        .id = "VHDX-META-018",
        .scope = SCOPE_METADATA_ENTRY,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_HYPERV | PEER_VIRTUALBOX,
        .spec = "2.6.2",
        .title = "wrong IsVirtualDisk bit of a standard metadata item",
        .why =
            "The bit tells which items a child copies from its parent: sizes, sector sizes and disk id, but not file "
            "parameters and parent locator. openvmm refuses a wrong one.",
        .means = "guest data is not affected; differencing disks made from this one may copy the wrong items",
        .next = "vhdxray repair FILE (plan only; sets or clears the bit)",
        .check = virtual_disk_bit_is_right,
    },
    {
        .id = "VHDX-META-019",
        .scope = SCOPE_METADATA_ENTRY,
        .severity = SEVERITY_WARNING,
        .stops = PEER_7ZIP | PEER_QEMU | PEER_LIBVHDI | PEER_VIRTUALBOX,
        .spec = "2.6.2",
        .title = "id of a system item is used for a user item",
        .why = "ItemId and IsUser together name an item, so this is another one than the system item. Programs that "
               "compare the id alone take it for that.",
        .means = "programs may disagree about size or layout of the disk",
        .next = SEE_METADATA,
        .check = system_item_is_not_user,
    },
};

const struct rule_group metadata_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
