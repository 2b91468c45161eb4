/* SPDX-License-Identifier: MIT */
/*
 * Rules that hold two structures against each other: the log against the layout, the file's size against what it holds,
 * the type of the disk against its BAT, old log entries against where things are today. They run after the rules of the
 * single structures, and some only sum those up.
 */
#include <inttypes.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "check/log_entry.h"
#include "check/rule.h"
#include "check/wording.h"

enum { LISTED_RANGES = 4 };

/* ---- log, 001, 002, 007 ---- */

/* True when a region, a bitmap or a payload block of the view lies over its log. */
static bool log_is_covered(const struct view *v)
{
    uint64_t off = v->log_off, end = v->log_off + v->log_len;
    if (!v->layout)
        return false;
    if (layout_map_region_at(v->layout, off, v->log_len) || layout_map_payload_at(v->layout, off, v->log_len))
        return true;
    /* One by one: the log itself is among them, and in front of the bitmaps in it. */
    for (uint64_t i = 0; i < layout_map_fixed_count(v->layout); i++) {
        const struct extent *e = layout_map_fixed(v->layout, i);
        if (e->kind == OWNER_BITMAP && e->start < end && off < e->end)
            return true;
    }
    return false;
}

static void log_covered_as_stored(struct probe *p, const struct subject *s)
{
    struct image *img = s->image;
    if (img->stored == img->main || !log_is_covered(img->stored) || log_is_covered(img->main))
        return;
    fail(p, at_log(img),
         "as stored, something else lies over the log at 0x%" PRIx64 "-0x%" PRIx64
         "; with the log replayed nothing does",
         img->log.off, img->log.off + img->log.len);
}

static void last_offset_small(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    if (img->log_state != LOG_STATE_DIRTY)
        return;
    const struct log_entry *head = &img->log.entries[img->log.active_head];
    uint64_t end = layout_map_end(img->main->layout);
    if (head->last_file_off >= end)
        return;
    struct finding *f =
        fail(p, at_scanned_entry(img, img->log.active_head, LOG_FIELD_LAST, 8),
             LOG_ENTRY " has LastFileOffset 0x%" PRIx64 ", but the highest structure ends at 0x%" PRIx64,
             LOG_ENTRY_ARGS(head), head->last_file_off, end);
    finding_expected(p, f, "at least 0x%" PRIx64, end);
    finding_actual(p, f, "0x%" PRIx64, head->last_file_off);
    finding_quirk(f, head->last_file_off == head->flushed_file_off ? "openvmm" : NULL);
}

struct moved {
    const struct view *view;
    uint64_t looked_at, elsewhere, first_off;
};

static bool is_elsewhere(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off)
{
    struct moved *m = ctx;
    (void)i;
    (void)data_off;
    if (d->len > 0 && !layout_map_fixed_at(m->view->layout, d->file_off, d->len)) {
        if (m->elsewhere++ == 0)
            m->first_off = d->file_off;
    }
    return ++m->looked_at < LIMIT_STALE_DESCRIPTORS;
}

static void structures_moved(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct log_scan *log = &img->log;
    struct moved m = {.view = s->view};
    uint64_t entries = 0, first = 0;
    for (uint64_t i = 0; i < log->entry_count && m.looked_at < LIMIT_STALE_DESCRIPTORS; i++) {
        const struct log_entry *e = &log->entries[i];
        uint64_t before = m.elsewhere;
        if (e->live || e->defect != LOG_DEFECT_NONE)
            continue;
        enum status st = log_scan_descriptors(log, img->file, i, is_elsewhere, &m);
        if (st != STATUS_OK) {
            probe_status(p, st);
            return;
        }
        if (m.elsewhere > before && entries++ == 0)
            first = i;
    }
    if (entries == 0)
        return;
    struct finding *f = fail(p, at_scanned_entry(img, first, 0, LOG_ENTRY_HEADER_LEN),
                             "%" PRIu64 " descriptor%s in %" PRIu64
                             " stale log %s where no structure lies today, the first one at 0x%" PRIx64
                             ": BAT, metadata or a bitmap may have been there",
                             m.elsewhere, plural(m.elsewhere), entries,
                             m.elsewhere == 1 ? "entry writes"
                             : entries == 1   ? "entry write"
                                              : "entries write",
                             m.first_off);
    finding_actual(p, f, "0x%" PRIx64, m.first_off);
}

/* ---- space, 003 ---- */

struct leaks {
    const struct view *view;
    uint64_t end; /* of the highest structure */
    bool behind_payload;
    uint64_t count, bytes;
    struct free_range listed[LISTED_RANGES];
};

/* Gaps smaller than a block, and those in front of the first block, are how writers place things. */
static bool note_leak(void *ctx, struct free_range r)
{
    struct leaks *l = ctx;
    if (r.len < l->view->geometry.block_size)
        return true;
    l->behind_payload = l->behind_payload || layout_map_payload_at(l->view->layout, 0, r.off);
    if (!l->behind_payload)
        return true;
    if (l->count < LISTED_RANGES)
        l->listed[l->count] = r;
    l->count++;
    l->bytes += r.len;
    return true;
}

static void space_leaked(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    struct leaks l = {.view = v, .end = layout_map_end(v->layout)};
    if (probe_count(p, "VHDX-BAT-024") > 0)
        return;
    layout_map_free_ranges(v->layout, u64_min(v->src->size, l.end), note_leak, &l);
    if (l.count == 0)
        return;
    struct text t = words_of(p);
    for (uint64_t i = 0; i < l.count && i < LISTED_RANGES; i++)
        text_addf(&t, "%s0x%" PRIx64 "-0x%" PRIx64, i > 0 ? ", " : "", l.listed[i].off,
                  l.listed[i].off + l.listed[i].len);
    struct finding *f =
        fail(p, at_place(STRUCTURE_FILE, NO_INDEX, l.listed[0].off, l.listed[0].len),
             "%s between the blocks, in %" PRIu64 " %s, is used by nothing: %s%s", text_size(probe_arena(p), l.bytes),
             l.count, l.count == 1 ? "range" : "ranges", text_str(&t), l.count > LISTED_RANGES ? " ..." : "");
    for (uint64_t i = 1; i < l.count && i < LISTED_RANGES; i++)
        finding_related(p, f, STRUCTURE_FILE, NO_INDEX, l.listed[i].off);
    finding_actual(p, f, "%" PRIu64 " bytes", l.bytes);
}

/* ---- type and family, 004 - 006 ---- */

static const char *traits_against(struct probe *p, const struct producer *who)
{
    struct text t = words_of(p);
    for (unsigned i = 0; i < who->against_count; i++)
        text_addf(&t, "%s%s", i > 0 ? ", " : "", who->against[i]);
    return text_str(&t);
}

static void fingerprint(struct probe *p, const struct subject *s)
{
    struct producer who = image_producer(s->image);
    if (!who.name)
        return;
    struct text t = words_of(p);
    for (unsigned i = 0; i < who.because_count; i++)
        text_addf(&t, "%s%s", i > 0 ? ", " : "", who.because[i]);
    struct place whole = at_place(STRUCTURE_FILE, NO_INDEX, 0, s->image->file_size);
    if (who.contradicted) {
        struct finding *f =
            fail(p, whole, "the creator names %s, but %s speak against it", who.name, traits_against(p, &who));
        finding_actual(p, f, "%s", who.name);
        return;
    }
    struct finding *f =
        fail(p, whole, "the file looks made by %s: %s%s%s", who.name, text_str(&t),
             who.last_writer ? "; GUID form of the last writer: " : "", who.last_writer ? who.last_writer : "");
    finding_actual(p, f, "%s", who.name);
}

static void type_contradicted(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    bool absent = probe_count(p, "VHDX-BAT-022") > 0, unreferenced = probe_count(p, "VHDX-BAT-024") > 0;
    bool fixed = absent || unreferenced;
    if (!fixed && probe_count(p, "VHDX-BAT-023") == 0)
        return;
    fail(p, at_metadata_item(v, &v->metadata.items[KNOWN_ITEM_FILE_PARAMETERS], 4, 4),
         "the disk says it is %s, its BAT is that of a %s one (%s)", disk_type_name(v->type),
         fixed ? "dynamic" : "fixed",
         absent && unreferenced ? "VHDX-BAT-022, VHDX-BAT-024"
         : absent               ? "VHDX-BAT-022"
         : unreferenced         ? "VHDX-BAT-024"
                                : "VHDX-BAT-023");
}

/*
 * Most allocated blocks partially present, or bitmaps in most chunks: that is a child without its HasParent bit. The
 * last bitmap slot lies behind the last entry of a disk without parent, so the chunks before it are asked.
 */
static void parent_bit_lost(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const struct bat_survey *b = v->survey;
    uint64_t slots = v->geometry.chunks - 1;
    bool partial = b->states[PAYLOAD_PARTIALLY_PRESENT] * 2 > b->allocated_blocks;
    bool bitmaps = b->bitmap_states[BITMAP_PRESENT] * 2 > slots && b->bitmap_with_offset > 0;
    if (v->geometry.differencing || (!partial && !bitmaps) || probe_count(p, "VHDX-BAT-026") > 0)
        return;
    struct finding *f =
        fail(p, at_metadata_item(v, &v->metadata.items[KNOWN_ITEM_FILE_PARAMETERS], 4, 4),
             "the disk has no parent, but %" PRIu64 " of %" PRIu64
             " allocated blocks are partially present and %" PRIu64 " sector bitmaps are there",
             b->states[PAYLOAD_PARTIALLY_PRESENT], b->allocated_blocks, b->bitmap_states[BITMAP_PRESENT]);
    finding_expected(p, f, "HasParent set");
    finding_actual(p, f, "HasParent clear");
    if (v->metadata.items[KNOWN_ITEM_PARENT_LOCATOR].found)
        finding_related(p, f, STRUCTURE_PARENT_LOCATOR, NO_INDEX, v->locator.off);
}

static const struct rule rules[] = {
    {
        .id = "VHDX-XREF-001",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG | NEED_LAYOUT,
        .severity = SEVERITY_INFO,
        .spec = "2.2.2",
        .title = "something lies over the log as stored, nothing with the log replayed",
        .why = "The log carries the entry that moves it away. Programs that ignore the log may write over it.",
        .means = "nothing once the log is replayed",
        .next = "vhdxray log FILE --plan",
        .check = log_covered_as_stored,
    },
    {
        .id = "VHDX-XREF-002",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG | NEED_LAYOUT,
        .severity = SEVERITY_INFO,
        .spec = "2.3.1.1",
        .title = "LastFileOffset below the end of the highest structure",
        .why = "It should hold everything. openvmm keeps the size that the file had when it was opened; a last block "
               "that is "
               "cut at the end of the file does the same.",
        .means = "guest data is not affected",
        .next = "nothing needs to be done",
        .check = last_offset_small,
    },
    {
        .id = "VHDX-XREF-003",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT | NEED_LAYOUT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "impl",
        .title = "space between the blocks is used by nothing",
        .why = "Blocks that were given up leave their place behind; it may still hold what the guest deleted.",
        .means = "guest data is not affected; the file is larger than it must be",
        .next = "vhdxray dump FILE bat",
        .check = space_leaked,
    },
    {
        .id = "VHDX-XREF-004",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "which program made the file",
        .why = "Order of regions and items, flags and the byte order of GUIDs differ between writers and are harder to "
               "fake than "
               "the creator string.",
        .means = "guest data is not affected",
        .next = "vhdxray info FILE",
        .check = fingerprint,
    },
    {
        .id = "VHDX-XREF-005",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.1",
        .title = "fixed or dynamic flag does not fit the BAT",
        .why = "Sums up VHDX-BAT-022, VHDX-BAT-023 and VHDX-BAT-024.",
        .means = "guest data is not affected",
        .next = "nothing needs to be done",
        .check = type_contradicted,
    },
    {
        .id = "VHDX-XREF-006",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.5.1.1",
        .title = "disk without parent has the BAT of a child",
        .why = "One lost bit, HasParent, turns a child into a disk that seems complete and shows nonsense.",
        .means = "sectors that should come from a parent are missing",
        .next = "vhdxray repair FILE --consent VHDX-XREF-006 (plan only; sets HasParent if there is a parent "
                "locator)",
        .check = parent_bit_lost,
    },
    {
        .id = "VHDX-XREF-007",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG | NEED_LAYOUT,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "old log entries speak of structures at other places",
        .why = "BAT, metadata or bitmaps were moved since, for instance when the disk was made larger.",
        .means = "guest data is not affected",
        .next = "vhdxray log FILE",
        .check = structures_moved,
    },
};

const struct rule_group cross_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
