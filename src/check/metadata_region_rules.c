/* SPDX-License-Identifier: MIT */
/*
 * META, third part: the locator against HasParent, items against what the BAT shows, and what else lies in table and
 * region: old entries, bytes of no item, items of applications.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "check/metadata_traits.h"
#include "check/rule.h"
#include "check/wording.h"

/* ---- VHDX-META-038, -039: HasParent and the locator ---- */

static void child_has_locator(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    if (!metadata_parameters_ok(v) || !v->metadata.file_parameters.has_parent ||
        metadata_item(v, KNOWN_ITEM_PARENT_LOCATOR)->found)
        return;
    struct finding *f = fail(p, at_metadata_value(v, KNOWN_ITEM_FILE_PARAMETERS, 4, 4),
                             "HasParent is set, but the metadata has no parent locator");
    finding_expected(p, f, "a parent locator");
    finding_actual(p, f, "none");
}

static void locator_has_child(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const struct metadata_item *item = metadata_item(v, KNOWN_ITEM_PARENT_LOCATOR);
    if (!metadata_parameters_ok(v) || v->metadata.file_parameters.has_parent || !item->found)
        return;
    struct finding *f =
        fail(p, at_metadata_slot(v, item->entry), "the metadata has a parent locator, but HasParent is not set");
    finding_expected(p, f, "no parent locator, or HasParent set");
    finding_related(p, f, STRUCTURE_METADATA, metadata_item(v, KNOWN_ITEM_FILE_PARAMETERS)->entry,
                    at_metadata_value(v, KNOWN_ITEM_FILE_PARAMETERS, 4, 4).off);
}

/* ---- VHDX-META-040..-044: the rest of table and region ---- */

static bool equals_live_entry(const struct view *v, struct span slot)
{
    struct span live;
    for (uint32_t i = 0; i < v->metadata.table.usable_count; i++)
        if (metadata_entry_bytes(&v->metadata.table, i, &live) && memcmp(live.ptr, slot.ptr, METADATA_ENTRY_LEN) == 0)
            return true;
    return false;
}

/* The first slot from number i on that is not zeros; one that does not exist when none is. Behind the front all are. */
static uint32_t next_used_slot(const struct metadata_table *t, uint32_t i)
{
    uint64_t off = METADATA_TABLE_HEADER_LEN + (uint64_t)METADATA_ENTRY_LEN * i;

    if (off >= t->front.len)
        return UINT32_MAX;
    size_t used = span_find_nonzero(t->front, (size_t)off);
    return used < t->front.len ? (uint32_t)((used - METADATA_TABLE_HEADER_LEN) / METADATA_ENTRY_LEN) : UINT32_MAX;
}

static void no_stale_entries(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const struct metadata_table *t = &v->metadata.table;
    uint32_t count = 0, copies = 0, first = 0;
    struct span slot;
    for (uint32_t i = next_used_slot(t, t->entry_count); metadata_entry_bytes(t, i, &slot);
         i = next_used_slot(t, i + 1)) {
        if (count++ == 0)
            first = i;
        copies += equals_live_entry(v, slot);
    }
    if (count == 0)
        return;
    const char *what = copies == count ? (count == 1 ? "it repeats a live entry" : "all repeat live entries")
                       : copies == 0   ? (count == 1 ? "it is unlike any live entry" : "none repeats a live entry")
                                       : "some repeat live entries";
    struct finding *f =
        fail(p, at_metadata_slot(v, first),
             "%" PRIu32 " used %s behind the %u entries of the metadata table, the first in slot %" PRIu32 "; %s",
             count, count == 1 ? "slot" : "slots", t->entry_count, first, what);
    if (count == 1 && copies == 1)
        finding_quirk(f, "windows");
}

struct range {
    uint64_t off, end;
};

static int by_off(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return u64_compare(x->off, y->off);
}

/* Non-zero bytes between the items, from the end of the table on. */
static void region_rest_is_zero(struct probe *p, const struct subject *s)
{
    struct view *v = s->view;
    uint32_t n = 0;
    struct range *items = arena_array(probe_arena(p), v->metadata.table.usable_count, sizeof(*items));
    if (!items) {
        probe_status(p, arena_status(probe_arena(p)));
        return;
    }
    for (uint32_t i = 0; i < v->metadata.table.usable_count; i++) {
        const struct metadata_entry *e = &v->metadata.entries[i];
        if (metadata_entry_place_ok(v, e))
            items[n++] = (struct range){.off = e->off, .end = (uint64_t)e->off + e->len};
    }
    qsort(items, n, sizeof(*items), by_off);
    uint64_t end = u64_min(v->metadata_region.len, LIMIT_METADATA_SCAN), pos = METADATA_TABLE_LEN, bytes = 0, first = 0;
    for (uint32_t i = 0; i <= n && pos < end; i++) {
        uint64_t stop = i < n ? u64_min(items[i].off, end) : end;
        struct residue r = {0};
        if (stop > pos) {
            enum status st = view_residue(v, v->metadata_region.off + pos, stop - pos, &r);
            probe_status(p, st);
            if (st != STATUS_OK)
                return;
        }
        if (r.bytes > 0 && bytes == 0)
            first = r.first_off;
        bytes += r.bytes;
        if (i < n)
            pos = u64_max(pos, items[i].end);
    }
    if (bytes == 0)
        return;
    struct finding *f =
        fail(p, at_place(STRUCTURE_METADATA, NO_INDEX, first, v->metadata_region.off + v->metadata_region.len - first),
             "%" PRIu64 " non-zero byte%s in the metadata region outside its items, the first at 0x%" PRIx64, bytes,
             plural(bytes), first);
    finding_expected(p, f, "zeros outside the items");
}

static void region_not_oversized(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    uint64_t used = METADATA_TABLE_LEN, needed = 0;
    for (uint32_t i = 0; i < v->metadata.table.usable_count; i++) {
        const struct metadata_entry *e = &v->metadata.entries[i];
        if (metadata_entry_place_ok(v, e))
            used = u64_max(used, (uint64_t)e->off + e->len);
    }
    if (!u64_align_up(used, MIB, &needed) || v->metadata_region.len <= needed + MIB)
        return;
    struct finding *f =
        fail(p, at_metadata(v, 0, v->metadata_region.len), "the metadata region is %s long, its items need %s",
             shown_bytes(p, v->metadata_region.len), shown_bytes(p, needed));
    finding_expected(p, f, "%" PRIu64, needed);
    finding_actual(p, f, "%" PRIu64, v->metadata_region.len);
}

static void disk_size_covers_bat(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const struct geometry *g = &v->geometry;
    uint64_t live = v->survey->unused_live;
    if (live == 0)
        return;
    /* In a child the last block is followed by slots of no block, and then by the last bitmap slot. */
    uint64_t end = bat_index_of_block(g, g->payload_blocks - 1) + 1;
    struct finding *f = fail(p, at_metadata_value(v, KNOWN_ITEM_VIRTUAL_DISK_SIZE, 0, 8),
                             "the virtual disk size, %s, ends the %s at entry %" PRIu64 ", but %" PRIu64
                             " %s behind it in use (state 6 or 7 with an offset)",
                             shown_bytes(p, g->virtual_size), g->differencing ? "blocks of the BAT" : "BAT", end, live,
                             live == 1 ? "entry is" : "entries are");
    finding_expected(p, f, "no such entries");
    finding_actual(p, f, "%" PRIu64, live);
    finding_related(p, f, STRUCTURE_BAT, (int64_t)end, v->bat.off + end * BAT_ENTRY_LEN);
}

static void user_items_listed(struct probe *p, const struct subject *s)
{
    enum { LISTED = 8 };
    const struct view *v = s->view;
    struct text names = words_of(p);
    uint32_t count = 0, first = 0;
    for (uint32_t i = 0; i < v->metadata.table.usable_count; i++) {
        const struct metadata_entry *e = &v->metadata.entries[i];
        if (!metadata_entry_is_user(e))
            continue;
        if (count == 0)
            first = i;
        if (count < LISTED)
            text_addf(&names, "%s%s (%" PRIu32 " bytes)", count ? ", " : "", shown_plain_guid(p, &e->item_id), e->len);
        count++;
    }
    if (count == 0)
        return;
    fail(p, at_metadata_slot(v, first), "%" PRIu32 " user metadata %s: %s%s", count, count == 1 ? "item" : "items",
         text_str(&names), count > LISTED ? ", ..." : "");
}

/* ---- VHDX-META-045 ---- */

static void fixed_items_not_longer(struct probe *p, const struct subject *s)
{
    static const struct {
        enum known_guid which;
        uint32_t len;
    } fixed[] = {
        {KNOWN_ITEM_FILE_PARAMETERS, FILE_PARAMETERS_LEN},  {KNOWN_ITEM_VIRTUAL_DISK_SIZE, VIRTUAL_DISK_SIZE_LEN},
        {KNOWN_ITEM_VIRTUAL_DISK_ID, VIRTUAL_DISK_ID_LEN},  {KNOWN_ITEM_LOGICAL_SECTOR_SIZE, SECTOR_SIZE_LEN},
        {KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, SECTOR_SIZE_LEN},
    };
    const struct view *v = s->view;
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (!metadata_item(v, fixed[i].which)->found)
            continue;
        uint32_t len = metadata_item_entry(v, fixed[i].which)->len;
        if (len <= fixed[i].len || len > METADATA_ITEM_MAX)
            continue;
        struct finding *f = fail(p, at_metadata_slot(v, metadata_item(v, fixed[i].which)->entry),
                                 "metadata item %s is %" PRIu32 " bytes long; its first %" PRIu32 " bytes are used",
                                 known_guid_name(fixed[i].which), len, fixed[i].len);
        finding_expected(p, f, "%" PRIu32 " bytes", fixed[i].len);
        finding_actual(p, f, "%" PRIu32 " bytes", len);
        if (virtualbox_reads(fixed[i].which))
            finding_stops(f, PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP | PEER_VIRTUALBOX);
    }
}

static const char NO_EFFECT[] = "guest data is not affected";
static const char SEE_METADATA[] = "keep a copy of the file; vhdxray dump FILE metadata --hex";

static const struct rule rules[] = {
    {
        .id = "VHDX-META-038",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.2.6",
        .title = "differencing disk has no parent locator",
        .why = "The disk says that a parent exists, but not which. The locator's entry was damaged or removed, or the "
               "HasParent bit is.",
        .means = "blocks that were never written in this disk cannot be read without their parent",
        .next = "vhdxray repair FILE --consent VHDX-META-038 --parent PARENT (plan only; links the disk to "
                "that parent)",
        .check = child_has_locator,
    },
    {
        .id = "VHDX-META-039",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.6.2.6",
        .title = "parent locator in a disk without parent",
        .why = "The HasParent bit was lost, or a child was turned into a whole disk and its locator left behind.",
        .means = "if the bit was lost, blocks that belong to the parent read as zeros",
        .next = "vhdxray repair FILE --consent VHDX-META-039 (plan only; sets HasParent if the BAT is that "
                "of a child, else removes the locator)",
        .check = locator_has_child,
    },
    {
        .id = "VHDX-META-040",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.1.1",
        .title = "old entries behind the end of the metadata table",
        .why =
            "The format allows any bytes there. Windows leaves one copy of the last entry when it removes its creation "
            "marker; other entries are traces of items that were removed.",
        .means = NO_EFFECT,
        .next = "nothing needs to be done; vhdxray dump FILE metadata --hex shows the bytes",
        .check = no_stale_entries,
    },
    {
        .id = "VHDX-META-041",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.1.1",
        .title = "bytes in the metadata region that belong to no item",
        .why = "Remains of an item that was removed or moved, for example the locator of an earlier parent, or hidden "
               "data.",
        .means = NO_EFFECT,
        .next = "the bytes may be evidence: vhdxray dump FILE metadata --hex",
        .check = region_rest_is_zero,
    },
    {
        .id = "VHDX-META-042",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "metadata region is larger than needed",
        .why = "Every known writer makes the region 1 MiB. A larger one had more items once, or hides room for "
               "something else.",
        .means = NO_EFFECT,
        .next = "nothing needs to be done",
        .check = region_not_oversized,
    },
    {
        .id = "VHDX-META-043",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_WARNING,
        .spec = "2.5, 2.6.2.2",
        .title = "BAT is in use behind the end of the disk",
        .why = "Entries past the last block of the disk still point to data: the disk was made smaller without "
               "clearing them, or its size is damaged or understated on purpose.",
        .means = "data behind the stated end of the disk exists in the file, and the guest cannot see it",
        .next = "compare the size with what partition table and backup say: vhdxray info FILE; vhdxray dump FILE bat",
        .check = disk_size_covers_bat,
    },
    {
        .id = "VHDX-META-044",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_INFO,
        .spec = "2.6.1.2",
        .title = "user metadata items present",
        .why = "Applications may keep items of their own in a VHDX. They say something about the software that "
               "handled the disk.",
        .means = NO_EFFECT,
        .next = "vhdxray dump FILE metadata --hex shows the bytes",
        .check = user_items_listed,
    },
    {
        .id = "VHDX-META-045",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_WARNING,
        .stops = PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP,
        .spec = "2.6.2",
        .title = "metadata item is longer than it should be",
        .why = "Sizes, ids and parameters have fixed lengths. The first bytes are used; openvmm and libvhdi refuse "
               "the file.",
        .means = NO_EFFECT,
        .next = SEE_METADATA,
        .check = fixed_items_not_longer,
    },
};

const struct rule_group metadata_region_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
