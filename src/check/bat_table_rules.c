/* SPDX-License-Identifier: MIT */
/*
 * Rules of the block allocation table ([MS-VHDX] 2.5), third part: those that look at the table as a whole. They use
 * the sums of the survey, so that a clean BAT is read once; only marks of faulty writers and changes by the log need
 * another pass, and only where the survey found something odd or a log is replayed.
 */
#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "check/bat_entry.h"
#include "check/bat_signs.h"
#include "check/phrases.h"
#include "check/wording.h"
#include "image/holes.h"

/* ---- the disk's type against the BAT, 022 - 024 ---- */

/* Space for the whole disk that nothing refers to, in a fixed file whose blocks are ZERO: QEMU's default. */
static bool reserved_area(const struct view *v, struct free_range *ret)
{
    if (v->type != DISK_FIXED || v->survey->states[PAYLOAD_ZERO] == 0)
        return false;
    *ret = layout_map_first_free(v->layout, v->src->size, v->geometry.virtual_size);
    return ret->len > 0;
}

static void fixed_not_allocated(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const uint64_t *states = v->survey->states;
    uint64_t missing =
        states[PAYLOAD_NOT_PRESENT] + states[PAYLOAD_UNDEFINED] + states[PAYLOAD_ZERO] + states[PAYLOAD_UNMAPPED];
    struct free_range area;
    if (v->type != DISK_FIXED || missing == 0 || reserved_area(v, &area))
        return;
    struct finding *f =
        fail(p, at_bat_table(v),
             "the disk is fixed, but %" PRIu64 " of %" PRIu64
             " payload block%s %s no place in the file, expected all in state 6",
             missing, v->geometry.payload_blocks, plural(v->geometry.payload_blocks), missing == 1 ? "has" : "have");
    finding_expected(p, f, "%" PRIu64 " block%s in state 6", v->geometry.payload_blocks,
                     plural(v->geometry.payload_blocks));
    finding_actual(p, f, "%" PRIu64, states[PAYLOAD_FULLY_PRESENT]);
    finding_quirk(f, states[PAYLOAD_NOT_PRESENT] == v->geometry.payload_blocks ? "openvmm"
                     : states[PAYLOAD_ZERO] > 0                                ? "qemu"
                                                                               : NULL);
}

static void fixed_in_all_but_name(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    if (v->type != DISK_DYNAMIC || !v->survey->all_in_order || v->geometry.payload_blocks < 2)
        return;
    fail(p, at_bat_table(v),
         "all %" PRIu64
         " payload blocks are present, one behind the other in disk order, as in a fixed disk; the disk says "
         "it is dynamic",
         v->geometry.payload_blocks);
}

static void fixed_area_unreferenced(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    struct free_range area;
    if (!reserved_area(v, &area))
        return;
    struct finding *f =
        fail(p, at_bat_table(v),
             "the disk is fixed, but %" PRIu64 " of %" PRIu64 " payload blocks are ZERO, while 0x%" PRIx64 "-0x%" PRIx64
             ", room for the whole disk, is referred to by nothing",
             v->survey->states[PAYLOAD_ZERO], v->geometry.payload_blocks, area.off, area.off + area.len);
    finding_quirk(f, "qemu");
    finding_related(p, f, STRUCTURE_FILE, NO_INDEX, area.off);
}

/* ---- marks of faulty writers, 025, 026 ---- */

struct report {
    struct probe *p;
    const struct subject *s;
};

static bool report_shift(void *ctx, struct page_shift shift)
{
    const struct report *r = ctx;
    const struct view *v = r->s->view;
    const char *what = shift.evidence == SHIFT_IN_BITMAP_SLOT ? "a bitmap slot"
                       : shift.evidence == SHIFT_IN_PADDING   ? "the slot past the last one"
                                                              : "the second slot of the page";
    struct finding *f =
        fail(r->p, at_bat_index(v, shift.index),
             "the 4 KiB page of the BAT from entry %" PRIu64 " (file offset 0x%" PRIx64
             ") looks moved up by one entry: %s, entry %" PRIu64 ", holds 0x%" PRIx64 " of its left neighbour",
             shift.first, bat_index_off(v, shift.first), what, shift.index, shift.raw);
    finding_actual(r->p, f, "0x%" PRIx64, shift.raw);
    finding_quirk(f, "qemu");
    finding_related(r->p, f, STRUCTURE_BAT, (int64_t)shift.first, bat_index_off(v, shift.first));
    return true;
}

static void page_shifted(struct probe *p, const struct subject *s)
{
    struct report r = {.p = p, .s = s};
    probe_status(p, page_shifts_visit(s->view, report_shift, &r));
}

static void interleave_missing(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    bool found = false;
    uint64_t index = 0;
    probe_status(p, bat_lacks_interleave(s->view, &found, &index));
    if (!found)
        return;
    struct finding *f = fail(p, at_bat_index(v, index),
                             "the bitmap slot at BAT entry %" PRIu64 " holds a block and the slots from entry %" PRIu64
                             " on are empty: the BAT looks written without slots for bitmaps",
                             index, v->geometry.payload_blocks);
    finding_expected(p, f, "block %" PRIu64 " at entry %" PRIu64, v->geometry.chunk_ratio,
                     bat_index_of_block(&v->geometry, v->geometry.chunk_ratio));
    finding_quirk(f, "cloud-hypervisor");
}

/* ---- one entry, 028 ---- */

static void offset_far(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    if (bat_is_idle_bitmap(s) || (n->facts & BAT_FACT_WRAPS))
        return;
    struct finding *f =
        fail(p, at_bat_entry(n),
             BAT_ENTRY " places its block at 0x%" PRIx64 ", past 256 TiB; FileOffsetMB should be below 2^28",
             BAT_ENTRY_ARGS(n), bat_entry_off(n->raw));
    finding_expected(p, f, "FileOffsetMB < 0x10000000");
    finding_actual(p, f, "0x%" PRIx64, bat_entry_off(n->raw) / MIB);
    finding_guest_of(f, n);
}

/* ---- facts, 027, 029, 030, 032 - 034 ---- */

static void histogram(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const struct bat_survey *b = v->survey;
    struct text t = words_of(p);
    uint64_t blocks = v->geometry.payload_blocks, counted = 0;
    for (unsigned state = 0; state < 8; state++) {
        counted += b->states[state];
        if (b->states[state] > 0)
            text_addf(&t, "%s%" PRIu64 " %s", t.len > 0 ? ", " : "", b->states[state],
                      state == PAYLOAD_RESERVED_4   ? "reserved (4)"
                      : state == PAYLOAD_RESERVED_5 ? "reserved (5)"
                                                    : payload_state_name(state));
    }
    if (counted < blocks) /* the BAT ends before them: VHDX-BAT-001 */
        text_addf(&t, ", %" PRIu64 " without an entry", blocks - counted);
    fail(p, at_bat_table(v),
         "%" PRIu64 " payload block%s of %s: %s; %s allocated in %" PRIu64 " %s, %" PRIu64 " out of order", blocks,
         plural(blocks), text_size(probe_arena(p), v->geometry.block_size), text_str(&t),
         text_size(probe_arena(p), b->allocated_bytes), b->runs, b->runs == 1 ? "run" : "runs", b->out_of_order);
}

static void region_too_large(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const uint64_t needed = v->geometry.entries * BAT_ENTRY_LEN;
    if (v->bat.region_len <= needed || v->bat.region_len - needed <= MIB)
        return;
    struct finding *f = fail(p, at_place(STRUCTURE_BAT, NO_INDEX, v->bat.off, v->bat.region_len),
                             "the BAT region has %" PRIu64 " bytes, the disk's entries need %" PRIu64
                             ": the disk was larger once, or may grow",
                             v->bat.region_len, needed);
    finding_expected(p, f, "%" PRIu64 " bytes", needed);
    finding_actual(p, f, "%" PRIu64 " bytes", v->bat.region_len);
}

static void undefined_in_use(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    uint64_t undefined = v->survey->states[PAYLOAD_UNDEFINED];
    if (undefined == 0)
        return;
    fail(p, at_bat_table(v),
         "%" PRIu64 " of %" PRIu64 " payload block%s %s UNDEFINED (state 1): %s content is not defined", undefined,
         v->geometry.payload_blocks, plural(v->geometry.payload_blocks), undefined == 1 ? "is" : "are",
         undefined == 1 ? "its" : "their");
}

/* A guard: geometry_derive() accepts no larger disk, so nothing can trip it unless that changes. */
static void count_guard(struct probe *p, const struct subject *s)
{
    const struct geometry *g = &s->view->geometry;
    if (g->payload_blocks > PAYLOAD_BLOCKS_MAX || g->entries > BAT_ENTRIES_MAX)
        fail(p, at_bat_table(s->view),
             "the disk has %" PRIu64 " payload blocks and %" PRIu64 " BAT entries, more than the format allows",
             g->payload_blocks, g->entries);
}

/*
 * Blocks in holes of a host file that has less on disk than its blocks have bytes: where a copy lost data, size and
 * structures are right and the guest reads zeros. Places, not entries, are counted: a pass over the BAT is not worth
 * it.
 */
struct hole_search {
    struct view *view;
    uint64_t owned_end;   /* end of the free range before */
    uint64_t questions;   /* asked of the host */
    uint64_t longest_off; /* the longest owned stretch inside one hole */
    uint64_t longest;
    enum status status;
};

static void stretch_judge(struct hole_search *h, uint64_t from, uint64_t to)
{
    for (uint64_t off = from; off < to && h->questions < LIMIT_HOLE_QUESTIONS;) {
        uint64_t data = 0, hole = 0;
        h->status = view_next_data(h->view, off, &data, &hole);
        h->questions++;
        if (h->status != STATUS_OK)
            return;
        uint64_t end = u64_min(data, to);
        if (end - off > h->longest) {
            h->longest = end - off;
            h->longest_off = off;
        }
        off = u64_max(hole, end);
    }
}

/* What lies between two free ranges is owned; only payload counts. */
static bool owned_before(void *ctx, struct free_range r)
{
    struct hole_search *h = ctx;
    uint64_t from = h->owned_end;
    while (from < r.off) {
        const struct extent *e = layout_map_fixed_at(h->view->layout, from, r.off - from);
        if (!e || e->start > from)
            stretch_judge(h, from, e ? e->start : r.off);
        from = e ? e->end : r.off;
    }
    h->owned_end = r.off + r.len;
    return h->status == STATUS_OK && h->questions < LIMIT_HOLE_QUESTIONS;
}

static void blocks_in_holes(struct probe *p, const struct subject *s)
{
    struct view *v = s->view;
    const struct host_facts *host = &s->image->host;
    struct hole_search h = {.view = v};

    if (host->info.kind != FILE_KIND_REGULAR || host->info.allocated_bytes >= v->survey->allocated_bytes)
        return;
    layout_map_free_ranges(v->layout, v->src->size, owned_before, &h);
    owned_before(&h, (struct free_range){.off = v->src->size});
    probe_status(p, h.status);
    if (h.longest < v->geometry.block_size)
        return;
    struct finding *f =
        fail(p, at_place(STRUCTURE_PAYLOAD, NO_INDEX, h.longest_off, h.longest),
             "%s of payload blocks at 0x%" PRIx64
             " are a hole of the host file: they read as zeros; the host file has %s on disk, its blocks %s",
             text_size(probe_arena(p), h.longest), h.longest_off, text_size(probe_arena(p), host->info.allocated_bytes),
             text_size(probe_arena(p), v->survey->allocated_bytes));
    finding_actual(p, f, "%" PRIu64 " bytes on disk", host->info.allocated_bytes);
}

static void blocks_of_zeros(struct probe *p, const struct subject *s)
{
    const struct deep_note *n = s->content;
    const struct geometry *g = &s->view->geometry;
    if (n->kind != DEEP_ZERO_BLOCKS)
        return;
    uint64_t guest = n->block * g->block_size, len = u64_min(n->blocks * g->block_size, g->virtual_size - guest);
    struct arena *a = probe_arena(p);
    struct place at = at_place(STRUCTURE_PAYLOAD, (int64_t)n->block, n->off, n->len);
    const char *where = phrase_guest(a, guest, len);
    struct finding *f =
        n->blocks == 1
            ? fail(p, at, "block %" PRIu64 " (%s, file offset 0x%" PRIx64 ") is FULLY_PRESENT and holds only zeros",
                   n->block, where, n->off)
            : fail(p, at,
                   "%" PRIu64 " blocks from %" PRIu64 " on (%s, file offset 0x%" PRIx64
                   ") are FULLY_PRESENT and hold only zeros",
                   n->blocks, n->block, where, n->off);
    finding_actual(p, f, "%" PRIu64 " block%s of zeros", n->blocks, plural(n->blocks));
    finding_guest(f, guest, len);
    finding_related(p, f, STRUCTURE_BAT, (int64_t)n->index, s->view->bat.off + n->index * BAT_ENTRY_LEN);
}

struct change_list {
    uint64_t count;
    struct bat_change listed[8];
};

static bool change_note(void *ctx, struct bat_change c)
{
    struct change_list *l = ctx;
    if (l->count < sizeof(l->listed) / sizeof(l->listed[0]))
        l->listed[l->count] = c;
    l->count++;
    return true;
}

static void views_differ(struct probe *p, const struct subject *s)
{
    struct image *img = s->image;
    struct change_list l = {.count = 0};
    if (img->stored == img->main || img->stored->bat.absence != ABSENT_NOT || img->main->bat.absence != ABSENT_NOT)
        return;
    probe_status(p, bat_compare(img->stored, img->main, change_note, &l));
    if (l.count == 0)
        return;
    struct text t = words_of(p);
    uint64_t listed = u64_min(l.count, sizeof(l.listed) / sizeof(l.listed[0]));
    for (uint64_t i = 0; i < listed; i++)
        text_addf(&t, "%sentry %" PRIu64 " 0x%" PRIx64 " -> 0x%" PRIx64, i > 0 ? ", " : "", l.listed[i].index,
                  l.listed[i].stored, l.listed[i].replayed);
    struct finding *f =
        fail(p, at_bat_index(img->main, l.listed[0].index), "replaying the log changes %" PRIu64 " BAT %s: %s%s",
             l.count, l.count == 1 ? "entry" : "entries", text_str(&t), l.count > listed ? " ..." : "");
    for (uint64_t i = 1; i < listed; i++)
        finding_related(p, f, STRUCTURE_BAT, (int64_t)l.listed[i].index, bat_index_off(img->main, l.listed[i].index));
}

static const struct rule rules[] = {
    {
        .id = "VHDX-BAT-022",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.5.1.1",
        .title = "fixed disk with blocks that have no place in the file",
        .why = "A fixed disk is meant to have all its space reserved. QEMU marks untouched blocks ZERO by default, "
               "openvmm "
               "creates fixed files with an empty BAT; both fill them on the first write.",
        .means = "guest data is not affected; the disk can still run out of space on its host",
        .next = "nothing needs to be done",
        .check = fixed_not_allocated,
    },
    {
        .id = "VHDX-BAT-023",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "dynamic disk laid out like a fixed one",
        .why = "All blocks present and in disk order is what converters and Disk2vhd write.",
        .means = "guest data is not affected",
        .next = "nothing needs to be done",
        .check = fixed_in_all_but_name,
    },
    {
        .id = "VHDX-BAT-024",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT | NEED_LAYOUT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.1",
        .title = "fixed disk whose reserved space is referred to by nothing",
        .why = "QEMU's default for a fixed file reserves space for the whole disk but marks every block ZERO without a "
               "place; "
               "the first write to each appends at the end of the file.",
        .means = "guest data is not affected; the reserved space is never used and the file grows beyond it",
        .next = "nothing needs to be done; converting the disk again gives the space back",
        .check = fixed_area_unreferenced,
    },
    {
        .id = "VHDX-BAT-025",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.5",
        .title = "page of the BAT looks moved up by one entry",
        .why = "QEMU before April 2023 (issue 727): a write to the first entry of a 4 KiB page logged the rest of the "
               "page one "
               "entry too high, so every block of the page appears in its neighbour's place and the last one is lost.",
        .means = "guest ranges of this page show each other's content, each moved by one block",
        .next = "vhdxray repair FILE --consent VHDX-BAT-025 (plan only; moves the entries of the page back); "
                "do not let a guest write to FILE before",
        .check = page_shifted,
    },
    {
        .id = "VHDX-BAT-026",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT | NEED_LAYOUT,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.5",
        .title = "BAT looks written without slots for sector bitmaps",
        .why = "The slots for bitmaps exist in fixed and dynamic files too. cloud-hypervisor leaves them out, so that "
               "from the "
               "second chunk on (4 GiB with 512-byte sectors) every block stands too low.",
        .means = "programs that follow the specification show guest data behind the first chunk moved, or miss it",
        .next = "vhdxray repair FILE --consent VHDX-BAT-026 (plan only; moves the entries behind their "
                "bitmap slots); do not let a guest write to FILE before",
        .check = interleave_missing,
    },
    {
        .id = "VHDX-BAT-027",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "states and allocation of the payload blocks",
        .why = "How many blocks are present, in how many runs and in which order says how the disk was used.",
        .means = "guest data is not affected",
        .next = "vhdxray dump FILE bat",
        .check = histogram,
    },
    {
        .id = "VHDX-BAT-028",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_FAR,
        .severity = SEVERITY_WARNING,
        .stops = PEER_HYPERV,
        .spec = "impl",
        .title = "block placed past 256 TiB",
        .why = "The format allows it, but no disk needs a file that large and openvmm refuses offsets of 2^28 MiB and "
               "more.",
        .means = "the block can be read where the file is really that large",
        .next = "vhdxray dump FILE bat",
        .check = offset_far,
    },
    {
        .id = "VHDX-BAT-029",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_INFO,
        .spec = "2.5",
        .title = "BAT region larger than the disk needs",
        .why = "A disk that was made smaller, or was meant to grow, keeps a longer table.",
        .means = "guest data is not affected",
        .next = "nothing needs to be done",
        .check = region_too_large,
    },
    {
        .id = "VHDX-BAT-030",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_INFO,
        .spec = "2.5.1.1",
        .title = "blocks in state UNDEFINED",
        .why = "The content of such blocks is not defined; programs return zeros, and another answer would be allowed.",
        .means = "the guest sees zeros in these blocks, and cannot rely on it",
        .next = "nothing needs to be done",
        .check = undefined_in_use,
    },
    {
        .id = "VHDX-BAT-031",
        .scope = SCOPE_CONTENT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "impl",
        .title = "allocated blocks of zeros",
        .why = "A block that the guest filled with zeros, or that was allocated in advance, could be in state ZERO and "
               "take no space. In a copy that lost data they are what is left of it.",
        .means = "the guest reads zeros there, which may be right",
        .next = "compare with another copy of FILE if the guest misses data",
        .check = blocks_of_zeros,
    },
    {
        .id = "VHDX-BAT-032",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT | NEED_LAYOUT | NEED_HOST,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "payload blocks lie in a hole of the host file",
        .why = "A sparse copy has holes wherever the original has zeros, so this is usual; a copy that lost data looks "
               "the "
               "same: sizes and structures are right, and the guest reads zeros.",
        .means = "the guest reads zeros there; where the original had data, it is lost",
        .next = "compare with another copy of FILE if the guest misses data",
        .check = blocks_in_holes,
    },
    {
        .id = "VHDX-BAT-033",
        .scope = SCOPE_VIEW,
        .needs = NEED_GEOMETRY,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV,
        .spec = "2.6.2.2",
        .title = "guard: more payload blocks or BAT entries than the format allows",
        .why = "64 TiB in blocks of 1 MiB is the most a disk can have. Sizes beyond are refused before this is asked "
               "(VHDX-META-028, VHDX-META-032), so it cannot be raised; the program checks its own arithmetic here.",
        .means = "the disk cannot be read",
        .next = "vhdxray dump FILE metadata",
        .check = count_guard,
    },
    {
        .id = "VHDX-BAT-034",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.3.3",
        .title = "replaying the log changes BAT entries",
        .why = "A crash leaves the newest entries in the log only. Programs that ignore the log see the old ones.",
        .means = "blocks that the log publishes are missing for programs that do not replay it",
        .next = "vhdxray log FILE --plan",
        .check = views_differ,
    },
};

const struct rule_group bat_table_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
