/* SPDX-License-Identifier: MIT */
/*
 * PLOC, first part: header and table of the parent locator, its strings, and the linkages. Hyper-V writes five pairs:
 * two linkages and three paths (format.md 13); the paths are judged in locator_path_rules.c.
 *
 * One damage is one error: what cannot be found because a string or the table is broken (a missing linkage, say) is not
 * reported beside the broken string.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/utf16.h"
#include "check/locator_traits.h"
#include "check/rule.h"
#include "check/wording.h"

enum { FIELD_KEY_OFF = 0, FIELD_VALUE_OFF = 4, FIELD_KEY_LEN = 8, FIELD_VALUE_LEN = 10 };
enum { PAIRS_MAX = 256 }; /* openvmm */

/* ---- VHDX-PLOC-001..-004: header and table ---- */

/* Also for an item too short to be decoded, so it looks at the metadata and not at the locator. */
static void item_holds_table(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const struct metadata_item *item = &v->metadata.items[KNOWN_ITEM_PARENT_LOCATOR];
    if (!item->found || !item->readable)
        return; /* no locator, or VHDX-META-008, -009 */
    uint64_t len = item->data.len,
             needed = len < LOCATOR_HEADER_LEN ? LOCATOR_HEADER_LEN : locator_table_len(&v->locator);
    if (len >= needed)
        return;
    struct finding *f =
        len < LOCATOR_HEADER_LEN
            ? fail(p, at_locator(v, 0, len), "the parent locator is %" PRIu64 " bytes long, shorter than its header",
                   len)
            : fail(p, at_locator(v, 18, 2),
                   "the parent locator is %" PRIu64 " bytes long, but its %u entries need %" PRIu64 " bytes", len,
                   v->locator.decoded.pair_count, needed);
    finding_expected(p, f, "at least %" PRIu64 " bytes", needed);
    finding_actual(p, f, "%" PRIu64 " bytes", len);
}

static void locator_type_known(struct probe *p, const struct subject *s)
{
    const struct locator *l = &s->view->locator;
    if (locator_type_is_vhdx(l))
        return;
    struct finding *f =
        fail(p, at_locator(s->view, 0, 16), "the parent locator has type %s", shown_plain_guid(p, &l->decoded.type));
    finding_expected(p, f, "%s", shown_plain_guid(p, known_guid(KNOWN_LOCATOR_TYPE_VHDX)));
    finding_actual(p, f, "%s", shown_plain_guid(p, &l->decoded.type));
}

static void header_reserved_is_zero(struct probe *p, const struct subject *s)
{
    uint16_t reserved = s->view->locator.decoded.reserved;
    if (reserved == 0)
        return;
    struct finding *f =
        fail(p, at_locator(s->view, 16, 2), "the reserved field of the parent locator is 0x%04x", reserved);
    finding_expected(p, f, "0");
    finding_actual(p, f, "0x%04x", reserved);
}

static void pair_count_usual(struct probe *p, const struct subject *s)
{
    const struct locator *l = &s->view->locator;
    uint16_t count = l->decoded.pair_count;
    if ((count > 0 && count <= PAIRS_MAX) || locator_table_is_cut(l))
        return;
    struct finding *f = fail_as(p, count == 0 ? SEVERITY_ERROR : SEVERITY_WARNING, at_locator(s->view, 18, 2),
                                "the parent locator has %u entries", count);
    finding_expected(p, f, "1 to 256");
    finding_actual(p, f, "%u", count);
    if (count > 0)
        finding_means(p, f, "guest data is not affected, but openvmm refuses the file");
}

/* ---- VHDX-PLOC-005..-008: strings ---- */

static void report_place(struct probe *p, const struct subject *s, const char *what, uint64_t field, uint32_t off,
                         uint16_t len, bool inside)
{
    const struct locator *l = &s->view->locator;
    const char *fault = len == 0   ? "is empty"
                        : !inside  ? "leaves the item"
                        : off == 0 ? "has offset 0"
                                   : "lies inside the table";
    struct finding *f =
        fail(p, at_locator_entry(s->view, s->entry, field, 4),
             "the %s of parent locator entry %" PRIu32 " %s: offset 0x%" PRIx32 ", %u bytes, item of %zu bytes", what,
             s->entry, fault, off, len, l->decoded.raw.len);
    finding_expected(p, f, "a string between 0x%" PRIx64 " and 0x%zx",
                     u64_min(locator_table_len(l), l->decoded.raw.len), l->decoded.raw.len);
    finding_actual(p, f, "0x%" PRIx32 ", %u bytes", off, len);
}

static void strings_inside_item(struct probe *p, const struct subject *s)
{
    const struct locator_pair *r = &s->pair->pair;
    const struct locator *l = &s->view->locator;
    if (locator_table_is_cut(l))
        return; /* the last entries are made of string bytes */
    if (!locator_key_placed(l, s->pair))
        report_place(p, s, "key", FIELD_KEY_OFF, r->key_off, r->key_len, r->key_inside);
    if (!locator_value_placed(l, s->pair))
        report_place(p, s, "value", FIELD_VALUE_OFF, r->value_off, r->value_len, r->value_inside);
}

static void report_odd(struct probe *p, const struct subject *s, const char *what, uint64_t off_field, uint32_t off,
                       uint64_t len_field, uint16_t len)
{
    bool odd_len = len % 2 != 0;
    if (!odd_len && off % 2 == 0)
        return;
    struct finding *f = fail_as(p, odd_len ? SEVERITY_ERROR : SEVERITY_WARNING,
                                at_locator_entry(s->view, s->entry, odd_len ? len_field : off_field, odd_len ? 2 : 4),
                                "the %s of parent locator entry %" PRIu32 " has an odd %s, %" PRIu32, what, s->entry,
                                odd_len ? "length" : "offset", odd_len ? (uint32_t)len : off);
    finding_expected(p, f, "an even number");
    finding_actual(p, f, "%" PRIu32, odd_len ? (uint32_t)len : off);
    if (!odd_len)
        finding_means(p, f, "guest data is not affected, but openvmm refuses the file");
}

static void strings_are_even(struct probe *p, const struct subject *s)
{
    const struct locator_pair *r = &s->pair->pair;
    if (locator_table_is_cut(&s->view->locator))
        return;
    if (locator_key_placed(&s->view->locator, s->pair))
        report_odd(p, s, "key", FIELD_KEY_OFF, r->key_off, FIELD_KEY_LEN, r->key_len);
    if (locator_value_placed(&s->view->locator, s->pair))
        report_odd(p, s, "value", FIELD_VALUE_OFF, r->value_off, FIELD_VALUE_LEN, r->value_len);
}

static void report_damage(struct probe *p, const struct subject *s, const char *what, struct span bytes, uint32_t off)
{
    struct utf16_text t;
    enum status st = utf16_decode(probe_arena(p), bytes, &t);
    probe_status(p, st);
    if (st != STATUS_OK || (!t.unpaired && !t.has_nul))
        return; /* the odd byte is VHDX-PLOC-006 */
    struct finding *f = fail(p, at_place(STRUCTURE_PARENT_LOCATOR, s->entry, s->view->locator.off + off, bytes.len),
                             "the %s of parent locator entry %" PRIu32 " %s: \"%s\"", what, s->entry,
                             t.unpaired ? "is not valid UTF-16" : "contains a NUL", shown(p, t.str, t.len, SHOWN_PATH));
    finding_expected(p, f, "UTF-16 text without NUL");
}

static void strings_are_text(struct probe *p, const struct subject *s)
{
    const struct locator_pair *r = &s->pair->pair;
    if (locator_table_is_cut(&s->view->locator))
        return;
    if (s->pair->key_damaged && locator_key_placed(&s->view->locator, s->pair))
        report_damage(p, s, "key", r->key, r->key_off);
    if (s->pair->value_damaged && locator_value_placed(&s->view->locator, s->pair))
        report_damage(p, s, "value", r->value, r->value_off);
}

struct ranked {
    const struct locator_text *t;
    uint32_t index;
};

static int by_key(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->t->key_len != y->t->key_len)
        return u64_compare(x->t->key_len, y->t->key_len);
    int c = memcmp(x->t->key, y->t->key, x->t->key_len);
    return c ? c : u64_compare(x->index, y->index);
}

static bool same_value(const struct locator_text *a, const struct locator_text *b)
{
    return a->pair.value.len == b->pair.value.len &&
           (a->pair.value.len == 0 || memcmp(a->pair.value.ptr, b->pair.value.ptr, a->pair.value.len) == 0);
}

static void keys_are_unique(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const struct locator *l = &v->locator;
    struct ranked *list = arena_array(probe_arena(p), l->pair_count, sizeof(*list));
    uint32_t n = 0;
    if (locator_table_is_cut(l))
        return;
    if (!list) {
        probe_status(p, arena_status(probe_arena(p)));
        return;
    }
    for (uint32_t i = 0; i < l->pair_count; i++)
        if (l->pairs[i].key_len > 0 && !l->pairs[i].key_damaged && locator_key_placed(l, &l->pairs[i]))
            list[n++] = (struct ranked){.t = &l->pairs[i], .index = i};
    qsort(list, n, sizeof(*list), by_key);
    for (uint32_t i = 1, first = 0; i < n; i++) {
        const struct locator_text *a = list[first].t, *b = list[i].t;
        if (a->key_len != b->key_len || memcmp(a->key, b->key, a->key_len) != 0) {
            first = i;
            continue;
        }
        bool same = same_value(a, b);
        struct finding *f = fail_as(
            p, same ? SEVERITY_WARNING : SEVERITY_ERROR, at_locator_entry(v, list[i].index, 0, LOCATOR_ENTRY_LEN),
            "parent locator entry %" PRIu32 " repeats key \"%s\" of entry %" PRIu32 " with %s value", list[i].index,
            shown_key(p, b), list[first].index, same ? "the same" : "another");
        finding_expected(p, f, "each key once");
        finding_related(p, f, STRUCTURE_PARENT_LOCATOR, list[first].index,
                        at_locator_entry(v, list[first].index, 0, 0).off);
        if (same)
            finding_means(p, f, "guest data is not affected: both values are the same");
    }
}

/* ---- VHDX-PLOC-009..-012: linkages ---- */

static void linkage_there(struct probe *p, const struct subject *s)
{
    const struct locator *l = &s->view->locator;
    if (l->parent_linkage || !locator_keys_are_known(l) || !locator_type_is_vhdx(l))
        return;
    struct finding *f =
        fail(p, at_locator(s->view, 0, l->decoded.raw.len), "the parent locator has no key parent_linkage");
    finding_expected(p, f, "parent_linkage with the DataWriteGuid of the parent");
    finding_actual(p, f, "no such key");
}

static void linkage_is_guid(struct probe *p, const struct subject *s)
{
    const struct locator_text *t = s->view->locator.parent_linkage;
    struct guid g;
    if (!t || !locator_value_is_judged(&s->view->locator, t) || guid_parse(t->value, locator_text_len(t), &g))
        return;
    struct finding *f =
        fail(p, at_locator_value(s->view, t), "parent_linkage is not a GUID: \"%s\"", shown_value(p, t));
    finding_expected(p, f, "{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}");
    finding_actual(p, f, "%s", shown_value(p, t));
}

static void linkage_not_nil(struct probe *p, const struct subject *s)
{
    const struct locator *l = &s->view->locator;
    if (!l->have_linkage || !guid_is_nil(&l->linkage))
        return;
    struct finding *f = fail(p, at_locator_value(s->view, l->parent_linkage), "parent_linkage is the nil GUID");
    finding_expected(p, f, "the DataWriteGuid of the parent");
    finding_actual(p, f, "nil");
}

static void no_second_linkage(struct probe *p, const struct subject *s)
{
    const struct locator *l = &s->view->locator;
    const struct locator_text *t = l->parent_linkage2;
    if (!t || !locator_value_is_judged(l, t))
        return;
    if (l->have_linkage2 && guid_is_nil(&l->linkage2)) {
        struct finding *f =
            fail_as(p, SEVERITY_INFO, at_locator_value(s->view, t), "parent_linkage2 is present and nil");
        finding_quirk(f, "windows");
        finding_means(p, f, "guest data is not affected");
        finding_next(p, f, "nothing needs to be done");
        return;
    }
    struct finding *f = fail(p, at_locator_value(s->view, t), "parent_linkage2 is present and %s: \"%s\"",
                             l->have_linkage2 ? "not nil" : "not a GUID", shown_value(p, t));
    finding_expected(p, f, "no such key, or the nil GUID");
    finding_actual(p, f, "%s", shown_value(p, t));
}

static const char NO_EFFECT[] = "guest data is not affected";
static const char SEE_LOCATOR[] = "vhdxray dump FILE locator --hex";
static const char PARENT_UNKNOWN[] =
    "blocks that this disk takes from its parent cannot be read until the parent is known";

static const struct rule rules[] = {
    {
        .id = "VHDX-PLOC-001",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP,
        .spec = "2.6.2.6.1",
        .title = "parent locator is too short",
        .why = "The item cannot hold its header, or the table of as many entries as it claims. It was cut, or the "
               "count is damaged.",
        .means = PARENT_UNKNOWN,
        .next = SEE_LOCATOR,
        .check = item_holds_table,
    },
    {
        .id = "VHDX-PLOC-002",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV | PEER_LIBVHDI,
        .spec = "2.6.2.6.1",
        .title = "parent locator is of an unknown type",
        .why = "Only one type is defined: a VHDX parent. With another type the keys mean nothing that is known.",
        .means = PARENT_UNKNOWN,
        .next = SEE_LOCATOR,
        .check = locator_type_known,
    },
    {
        .id = "VHDX-PLOC-003",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_7ZIP,
        .spec = "2.6.2.6.1",
        .title = "reserved field of the parent locator is not zero",
        .why = "Writers must write zero there.",
        .means = NO_EFFECT,
        .next = "vhdxray repair FILE (plan only; sets the field to 0)",
        .check = header_reserved_is_zero,
    },
    {
        .id = "VHDX-PLOC-004",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.2.6.1",
        .title = "unusual number of parent locator entries",
        .why = "Without an entry no parent is named. Real locators have two to five; openvmm refuses more than 256.",
        .means = PARENT_UNKNOWN,
        .next = SEE_LOCATOR,
        .check = pair_count_usual,
    },
    {
        .id = "VHDX-PLOC-005",
        .scope = SCOPE_LOCATOR_PAIR,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP,
        .spec = "2.6.2.6.2",
        .title = "string of the parent locator lies in the wrong place",
        .why = "Keys and values lie inside the item behind its table and are not empty. Other offsets are damage, or "
               "aim at programs that read without looking.",
        .means = PARENT_UNKNOWN,
        .next = SEE_LOCATOR,
        .check = strings_inside_item,
    },
    {
        .id = "VHDX-PLOC-006",
        .scope = SCOPE_LOCATOR_PAIR,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.2.6.2",
        .title = "string of the parent locator has an odd length or offset",
        .why = "UTF-16 characters take two bytes, so a string with an odd length lacks half of its last one.",
        .means = PARENT_UNKNOWN,
        .next = SEE_LOCATOR,
        .check = strings_are_even,
    },
    {
        .id = "VHDX-PLOC-007",
        .scope = SCOPE_LOCATOR_PAIR,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.2.6.2",
        .title = "string of the parent locator is not plain text",
        .why = "The strings are UTF-16 without terminator. A NUL inside makes programs that stop there see another "
               "path than programs that do not.",
        .means = "guest data is not affected; programs may look for different parents",
        .next = "vhdxray repair FILE --consent VHDX-PLOC-007 (plan only; ends strings at their first NUL and "
                "drops what is no text)",
        .check = strings_are_text,
    },
    {
        .id = "VHDX-PLOC-008",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.6.2",
        .title = "key of the parent locator is listed twice",
        .why = "With two values for a key programs take the first or the last one, and so open different parents.",
        .means = "which parent this disk builds on depends on the program",
        .next = "vhdxray repair FILE --consent VHDX-PLOC-008 (plan only; keeps one pair of each key)",
        .check = keys_are_unique,
    },
    {
        .id = "VHDX-PLOC-009",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.2.6.3",
        .title = "parent linkage is missing",
        .why = "parent_linkage holds the DataWriteGuid of the parent as it was; without it nobody can tell whether a "
               "file is the right parent, unchanged.",
        .means = "data through the parent may be wrong: nothing proves that a parent fits",
        .next = "vhdxray repair FILE --consent VHDX-PLOC-009 --parent PARENT (plan only; links the disk to "
                "that parent)",
        .check = linkage_there,
    },
    {
        .id = "VHDX-PLOC-010",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.2.6.3",
        .title = "parent linkage is not a GUID",
        .why = "The value cannot be compared with the DataWriteGuid of a parent: it was damaged or written by a "
               "faulty program.",
        .means = "data through the parent may be wrong: nothing proves that a parent fits",
        .next = "vhdxray repair FILE --consent VHDX-PLOC-010 --parent PARENT (plan only; links the disk to "
                "that parent)",
        .check = linkage_is_guid,
    },
    {
        .id = "VHDX-PLOC-011",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.6.3",
        .title = "parent linkage is nil",
        .why = "No sound parent has a nil DataWriteGuid, so the linkage matches only parents that lack one as well.",
        .means = "data through the parent may be wrong: nothing proves that a parent fits",
        .next = "vhdxray repair FILE --consent VHDX-PLOC-011 --parent PARENT (plan only; links the disk to "
                "that parent)",
        .check = linkage_not_nil,
    },
    {
        .id = "VHDX-PLOC-012",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.6.3",
        .title = "second parent linkage present",
        .why = "During a merge the future GUID of the parent is stored here first. Hyper-V leaves the key with a nil "
               "GUID, which is harmless; any other value means that a merge did not come to its end.",
        .means = "the parent may hold part of a merge: its data may be older or newer than this disk expects",
        .next = "vhdxray repair FILE --consent VHDX-PLOC-012 (plan only; drops the second linkage)",
        .check = no_second_linkage,
    },
};

const struct rule_group locator_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
