/* SPDX-License-Identifier: MIT */
/*
 * PLOC, second part: the paths to the parent, keys that are not standard, and the bytes between the strings. The
 * strings come from whoever made the file and end up as paths in other programs; here they are printed and judged,
 * never opened.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/text.h"
#include "check/locator_traits.h"
#include "check/rule.h"
#include "check/win_path.h"
#include "check/wording.h"

static const char *const known_keys[] = {"parent_linkage", "parent_linkage2", "relative_path", "volume_path",
                                         "absolute_win32_path"};
enum { KNOWN_KEYS = sizeof(known_keys) / sizeof(known_keys[0]) };

/* ---- VHDX-PLOC-013..-015, -017, -018: paths ---- */

enum { PATHS = 3 };

/* relative_path, volume_path, absolute_win32_path; NULL for those that are missing or no text. */
static void paths_of(const struct locator *l, const struct locator_text *ret[PATHS])
{
    ret[0] = l->relative_path;
    ret[1] = l->volume_path;
    ret[2] = l->absolute_win32_path;
    for (size_t i = 0; i < PATHS; i++)
        if (ret[i] && !locator_value_is_judged(l, ret[i]))
            ret[i] = NULL;
}

static struct win_path parse(const struct locator_text *t)
{
    return win_path_parse(t->value, locator_text_len(t));
}

static void some_path_there(struct probe *p, const struct subject *s)
{
    const struct locator *l = &s->view->locator;
    if (l->relative_path || l->volume_path || l->absolute_win32_path || !locator_keys_are_known(l) ||
        !locator_type_is_vhdx(l))
        return;
    struct finding *f =
        fail(p, at_locator(s->view, 0, l->decoded.raw.len), "the parent locator names no path to the parent");
    finding_expected(p, f, "relative_path, volume_path or absolute_win32_path");
    finding_actual(p, f, "none of them");
}

static void absolute_path_verbatim(struct probe *p, const struct subject *s)
{
    const struct locator_text *paths[PATHS];
    paths_of(&s->view->locator, paths);
    if (!paths[2] || parse(paths[2]).verbatim)
        return;
    struct finding *f = fail(p, at_locator_value(s->view, paths[2]),
                             "absolute_win32_path does not begin with \\\\?\\: \"%s\"", shown_value(p, paths[2]));
    finding_expected(p, f, "\\\\?\\...");
    finding_actual(p, f, "%s", shown_value(p, paths[2]));
    if (parse(paths[2]).drive)
        finding_quirk(f, "windows");
}

static void paths_have_their_form(struct probe *p, const struct subject *s)
{
    const struct locator_text *paths[PATHS];
    paths_of(&s->view->locator, paths);
    if (paths[0]) {
        struct win_path w = parse(paths[0]);
        if (w.drive || w.network || w.volume || w.rooted || w.device) {
            struct finding *f = fail(p, at_locator_value(s->view, paths[0]), "relative_path is not relative: \"%s\"",
                                     shown_value(p, paths[0]));
            finding_expected(p, f, "a path without drive, host or root");
            finding_actual(p, f, "%s", shown_value(p, paths[0]));
        }
    }
    if (paths[1] && !parse(paths[1]).volume) {
        struct finding *f = fail(p, at_locator_value(s->view, paths[1]), "volume_path does not name a volume: \"%s\"",
                                 shown_value(p, paths[1]));
        finding_expected(p, f, "\\\\?\\Volume{guid}\\...");
        finding_actual(p, f, "%s", shown_value(p, paths[1]));
    }
}

static void paths_agree(struct probe *p, const struct subject *s)
{
    const struct locator_text *paths[PATHS], *first = NULL;
    struct win_path known = {0};
    paths_of(&s->view->locator, paths);
    for (size_t i = 0; i < PATHS; i++) {
        if (!paths[i])
            continue;
        struct win_path w = parse(paths[i]);
        if (!first) {
            first = paths[i];
            known = w;
        } else if (!win_name_equal(known.file_name, known.file_name_len, w.file_name, w.file_name_len)) {
            const char *a = shown(p, known.file_name, known.file_name_len, SHOWN_PATH);
            const char *b = shown(p, w.file_name, w.file_name_len, SHOWN_PATH);
            struct finding *f =
                fail(p, at_locator_value(s->view, paths[i]), "the paths name different files: %s \"%s\", %s \"%s\"",
                     first->key, a, paths[i]->key, b);
            finding_expected(p, f, "%s", a);
            finding_actual(p, f, "%s", b);
            finding_related(p, f, STRUCTURE_PARENT_LOCATOR, locator_index_of(s->view, first),
                            at_locator_value(s->view, first).off);
            return;
        }
    }
}

static const char *danger_of(const struct win_path *w)
{
    if (w->device)
        return "uses a device namespace";
    if (w->reserved_name)
        return "names a device";
    return w->stream ? "names an alternate data stream" : NULL;
}

/* Every path of a Hyper-V child but the relative one leaves the child's directory: one note tells of all. */
static void paths_stay_near(struct probe *p, const struct subject *s)
{
    const struct locator_text *paths[PATHS], *first = NULL;
    struct text away = words_of(p);
    bool network = false;
    paths_of(&s->view->locator, paths);
    for (size_t i = 0; i < PATHS; i++) {
        if (!paths[i])
            continue;
        struct win_path w = parse(paths[i]);
        const char *danger = danger_of(&w);
        if (danger) {
            struct finding *f = fail(p, at_locator_value(s->view, paths[i]), "%s %s: \"%s\"", paths[i]->key, danger,
                                     shown_value(p, paths[i]));
            finding_expected(p, f, "\\\\?\\X:\\, \\\\?\\UNC\\, \\\\?\\Volume{guid}\\ or a plain path");
            finding_actual(p, f, "%s", shown_value(p, paths[i]));
        } else if (win_path_leaves(&w)) {
            text_addf(&away, "%s%s \"%s\"", first ? ", " : "", paths[i]->key, shown_value(p, paths[i]));
            network |= w.network;
            if (!first)
                first = paths[i];
        }
    }
    if (!first)
        return;
    struct finding *f = fail_as(p, SEVERITY_INFO, at_locator_value(s->view, first),
                                "paths lead out of the directory of this file%s: %s",
                                network ? ", one to a network host" : "", text_str(&away));
    finding_means(
        p, f,
        "guest data is not affected; the paths tell where the parent was, and vhdxray does not open them by itself");
    finding_next(p, f, "vhdxray check FILE --parent PARENT, or --search-dir with the parent's directory");
}

/* ---- VHDX-PLOC-016, -020: other keys ---- */

static bool key_is(const struct locator_text *t, const char *key)
{
    return t->key_len == strlen(key) && memcmp(t->key, key, t->key_len) == 0;
}

static bool is_known_key(const struct locator_text *t)
{
    for (size_t i = 0; i < KNOWN_KEYS; i++)
        if (key_is(t, known_keys[i]))
            return true;
    return false;
}

static const char *near_key(const struct locator_text *t)
{
    for (size_t i = 0; i < KNOWN_KEYS; i++)
        if (t->key_len == strlen(known_keys[i]) && strncasecmp(t->key, known_keys[i], t->key_len) == 0)
            return known_keys[i];
    return NULL;
}

static bool is_unknown_key(const struct locator *l, const struct locator_text *t)
{
    return !locator_table_is_cut(l) && locator_key_placed(l, t) && t->key_len > 0 && !is_known_key(t);
}

static void keys_known(struct probe *p, const struct subject *s)
{
    enum { LISTED = 8 };
    const struct locator *l = &s->view->locator;
    struct text names = words_of(p);
    uint32_t count = 0, first = 0;
    for (uint32_t i = 0; i < l->pair_count; i++) {
        const struct locator_text *t = &l->pairs[i];
        if (!is_unknown_key(l, t) || near_key(t))
            continue;
        if (count == 0)
            first = i;
        if (count < LISTED)
            text_addf(&names, "%s\"%s\"", count ? ", " : "", shown_key(p, t));
        count++;
    }
    if (count > 0)
        fail(p, at_locator_entry(s->view, first, 0, LOCATOR_ENTRY_LEN),
             "%" PRIu32 " unknown %s in the parent locator: %s%s", count, count == 1 ? "key" : "keys", text_str(&names),
             count > LISTED ? ", ..." : "");
}

static void key_case_right(struct probe *p, const struct subject *s)
{
    const struct locator_text *t = s->pair;
    const char *near = is_unknown_key(&s->view->locator, t) ? near_key(t) : NULL;
    if (!near)
        return;
    struct finding *f =
        fail(p, at_locator_entry(s->view, s->entry, 0, LOCATOR_ENTRY_LEN),
             "key \"%s\" of parent locator entry %" PRIu32 " is %s in another case", shown_key(p, t), s->entry, near);
    finding_expected(p, f, "%s", near);
    finding_actual(p, f, "%s", shown_key(p, t));
}

/* ---- VHDX-PLOC-019: the item's bytes ---- */

struct range {
    uint64_t off, end;
};

static int by_off(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    if (x->off != y->off)
        return u64_compare(x->off, y->off);
    return u64_compare(x->end, y->end);
}

static void strings_fill_item(struct probe *p, const struct subject *s)
{
    const struct locator *l = &s->view->locator;
    struct span item = l->decoded.raw;
    uint32_t n = 0;
    if (locator_table_is_cut(l))
        return;
    struct range *strings = arena_array(probe_arena(p), 2 * (uint64_t)l->pair_count, sizeof(*strings));
    if (!strings) {
        probe_status(p, arena_status(probe_arena(p)));
        return;
    }
    for (uint32_t i = 0; i < l->pair_count; i++) {
        const struct locator_pair *r = &l->pairs[i].pair;
        if (locator_key_placed(l, &l->pairs[i]))
            strings[n++] = (struct range){.off = r->key_off, .end = (uint64_t)r->key_off + r->key_len};
        if (locator_value_placed(l, &l->pairs[i]))
            strings[n++] = (struct range){.off = r->value_off, .end = (uint64_t)r->value_off + r->value_len};
    }
    qsort(strings, n, sizeof(*strings), by_off);
    uint64_t pos = locator_table_len(l), overlaps = 0, overlap_off = 0, overlap_len = 0, stray = 0, stray_off = 0;
    for (uint32_t i = 0; i <= n; i++) {
        uint64_t stop = i < n ? strings[i].off : item.len;
        if (stop < pos) {
            if (i < n && overlaps++ == 0) {
                overlap_off = strings[i].off;
                overlap_len = u64_min(pos, strings[i].end) - overlap_off;
            }
        } else {
            struct span gap;
            if (!span_sub(item, pos, stop - pos, &gap))
                return;
            struct span_residue r = span_residue(gap, 0);
            if (r.bytes > 0 && stray == 0)
                stray_off = pos + r.first;
            stray += r.bytes;
        }
        if (i < n)
            pos = u64_max(pos, strings[i].end);
    }
    if (overlaps > 0)
        fail(p, at_locator(s->view, overlap_off, overlap_len),
             "%" PRIu64 " string%s of the parent locator %s, the first at offset 0x%" PRIx64 "%s", overlaps,
             plural(overlaps), overlaps == 1 ? "overlaps another" : "overlap others", overlap_off,
             l->cut ? "; together they are so long that only the first 2 MiB were looked at" : "");
    if (stray > 0)
        fail(p, at_locator(s->view, stray_off, item.len - stray_off),
             "%" PRIu64 " non-zero byte%s of the parent locator outside its strings, the first at offset 0x%" PRIx64,
             stray, plural(stray), stray_off);
}

/* ---- VHDX-PLOC-021 ---- */

static void guid_text_usual(struct probe *p, const struct subject *s)
{
    const struct locator *l = &s->view->locator;
    const struct locator_text *texts[2] = {l->have_linkage ? l->parent_linkage : NULL,
                                           l->have_linkage2 ? l->parent_linkage2 : NULL};
    for (size_t i = 0; i < 2; i++) {
        const struct locator_text *t = texts[i];
        if (!t)
            continue;
        bool braces = t->value[0] == '{', upper = false;
        for (size_t j = 0; j < t->value_len; j++)
            upper |= t->value[j] >= 'A' && t->value[j] <= 'F';
        if (braces && !upper)
            continue;
        struct finding *f = fail(p, at_locator_value(s->view, t), "%s is written %s: \"%s\"", known_keys[i],
                                 braces  ? "in upper case"
                                 : upper ? "in upper case and without braces"
                                         : "without braces",
                                 shown_value(p, t));
        finding_expected(p, f, "lower case in braces");
        if (!braces)
            finding_stops(f, PEER_7ZIP);
        finding_actual(p, f, "%s", shown_value(p, t));
    }
}

static const char NO_EFFECT[] = "guest data is not affected";
static const char SEE_LOCATOR[] = "vhdxray dump FILE locator --hex";
static const char NAME_PARENT[] = "find the parent and check with it: vhdxray check FILE --parent PARENT";
static const char PARENT_UNKNOWN[] =
    "blocks that this disk takes from its parent cannot be read until the parent is known";

static const struct rule rules[] = {
    {
        .id = "VHDX-PLOC-013",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.2.6.3",
        .title = "parent locator names no path",
        .why = "A program that opens this disk has nowhere to look for the parent.",
        .means = PARENT_UNKNOWN,
        .next = "vhdxray repair FILE --consent VHDX-PLOC-013 --parent PARENT (plan only; names the path of "
                "that parent)",
        .check = some_path_there,
    },
    {
        .id = "VHDX-PLOC-014",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.6.3",
        .title = "absolute path of the parent lacks its prefix",
        .why = "The specification demands \\\\?\\ in front; Hyper-V itself writes plain C:\\... paths, and programs "
               "accept both.",
        .means = NO_EFFECT,
        .next = "nothing needs to be done",
        .check = absolute_path_verbatim,
    },
    {
        .id = "VHDX-PLOC-015",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.6.3",
        .title = "path of the parent does not have the form its key demands",
        .why =
            "relative_path is relative to this file, volume_path names a volume by GUID. A path of another form sends "
            "programs to a place the key does not promise.",
        .means = "guest data is not affected; programs may look for different parents",
        .next = "vhdxray repair FILE --consent VHDX-PLOC-015 (plan only; drops paths that do not have their "
                "form)",
        .check = paths_have_their_form,
    },
    {
        .id = "VHDX-PLOC-016",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_INFO,
        .spec = "2.6.2.6.3",
        .title = "unknown keys in the parent locator",
        .why = "Programs ignore keys they do not know. An extension of some writer, or hidden data.",
        .means = NO_EFFECT,
        .next = SEE_LOCATOR,
        .check = keys_known,
    },
    {
        .id = "VHDX-PLOC-017",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.6.3",
        .title = "paths of the parent name different files",
        .why =
            "All paths describe one file. Different names come from moving or relinking this disk with a program that "
            "updates only one of them.",
        .means =
            "guest data is not affected; programs may open different parents, and the linkage tells which one fits",
        .next = NAME_PARENT,
        .check = paths_agree,
    },
    {
        .id = "VHDX-PLOC-018",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_WARNING,
        .spec = "impl",
        .title = "path of the parent leads to unusual places",
        .why = "A program that opens the parent by itself follows these paths. Device names, device namespaces and "
               "alternate streams are never needed there; paths to other directories and hosts are usual, but tell "
               "where the disk was.",
        .means = "opening this disk may make a program open a device or a hidden stream instead of a parent",
        .next = "do not attach the disk; vhdxray dump FILE locator",
        .check = paths_stay_near,
    },
    {
        .id = "VHDX-PLOC-019",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.6.2",
        .title = "strings of the parent locator overlap, or bytes between them are in use",
        .why = "Writers put one string behind the other. Shared bytes are an odd writer or an attempt to make a small "
               "item cost much work; bytes of no string are remains of an earlier locator or hidden data.",
        .means = NO_EFFECT,
        .next = SEE_LOCATOR,
        .check = strings_fill_item,
    },
    {
        .id = "VHDX-PLOC-020",
        .scope = SCOPE_LOCATOR_PAIR,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.6.2",
        .title = "key of the parent locator is in the wrong case",
        .why = "Keys are case-sensitive, so this one is unknown to a program that follows the specification, and "
               "known to one that does not.",
        .means = "guest data is not affected; programs may look for different parents",
        .next = SEE_LOCATOR,
        .check = key_case_right,
    },
    {
        .id = "VHDX-PLOC-021",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_INFO,
        .spec = "2.6.2.6.3",
        .title = "linkage is not written in lower case with braces",
        .why =
            "Hyper-V writes lower case in braces. The specification asks for lower case and shows upper case; programs "
            "accept every form.",
        .means = NO_EFFECT,
        .next = "nothing needs to be done",
        .check = guid_text_usual,
    },
};

const struct rule_group locator_path_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
