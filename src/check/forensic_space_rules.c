/* SPDX-License-Identifier: MIT */
/*
 * Forensic observations, second part: what the file holds where the guest sees nothing of it. Space that nothing refers
 * to, the end of the last block, unmapped blocks that keep their old place, reserved areas and the end of the file may
 * hold anything. Nothing here is a fault, and all lists are bounded.
 */
#include <inttypes.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "check/phrases.h"
#include "check/wording.h"
#include "image/sample.h"

enum { LISTED_PLACES = 8, TEXT_MIN = 6, ENTROPY_MIN = 16 };

/* ---- content of what nobody owns, 004, 005, and of the end of the last block, 007 ---- */

static void unreferenced_data(struct probe *p, const struct subject *s)
{
    const struct deep_note *n = s->content;
    if (n->kind != DEEP_FREE_DATA)
        return;
    struct finding *f =
        fail(p, at_place(STRUCTURE_FILE, NO_INDEX, n->off, n->len),
             "0x%" PRIx64 "-0x%" PRIx64 " (%s) belongs to nothing and holds data, the first of it at 0x%" PRIx64,
             n->off, n->off + n->len, text_size(probe_arena(p), n->len), n->first_off);
    finding_expected(p, f, "zeros");
    finding_actual(p, f, "data in each MiB of %" PRIu64 " bytes", n->len);
}

static void unreferenced_signature(struct probe *p, const struct subject *s)
{
    const struct deep_note *n = s->content;
    if (n->kind != DEEP_FREE_CONTENT)
        return;
    struct finding *f =
        fail(p, at_place(STRUCTURE_FILE, NO_INDEX, n->off, n->len),
             "what begins at 0x%" PRIx64 " belongs to nothing and looks like %s (signature at 0x%" PRIx64 ")", n->off,
             n->content.name, n->off + n->content.magic_off);
    finding_actual(p, f, "%s", n->content.key);
}

static void behind_the_disk(struct probe *p, const struct subject *s)
{
    const struct deep_note *n = s->content;
    if (n->kind != DEEP_PAST_DISK)
        return;
    struct finding *f = fail(p, at_place(STRUCTURE_PAYLOAD, (int64_t)n->block, n->off, n->len),
                             "the last block (%" PRIu64 ") holds %" PRIu64
                             " byte%s other than zero behind the end of the disk, the first one at 0x%" PRIx64,
                             n->block, n->count, plural(n->count), n->first_off);
    finding_expected(p, f, "zeros from 0x%" PRIx64 " on", n->off);
    finding_actual(p, f, "%" PRIu64 " byte%s", n->count, plural(n->count));
    finding_related(p, f, STRUCTURE_BAT, (int64_t)n->index, s->view->bat.off + n->index * BAT_ENTRY_LEN);
    finding_next(p, f, "vhdxray dump FILE --range 0x%" PRIx64 ":0x%" PRIx64, n->off, n->off + n->len);
}

/* ---- end of the file, 006 ---- */

static void trailing_bytes(struct probe *p, const struct subject *s)
{
    struct view *v = s->view;
    uint64_t end = layout_map_end(v->layout);
    struct residue r = {.bytes = 0};
    if (end >= v->src->size)
        return;
    uint64_t trail = v->src->size - end, len = u64_min(trail, LIMIT_RESIDUE_SCAN);
    probe_status(p, view_residue(v, end, len, &r));
    if (r.bytes == 0)
        return;
    struct finding *f = fail(p, at_place(STRUCTURE_FILE, NO_INDEX, end, trail),
                             "%" PRIu64 " byte%s behind the last structure, from 0x%" PRIx64 "; %" PRIu64
                             " of %s%" PRIu64 " looked at %s not zero, the first one at 0x%" PRIx64,
                             trail, trail == 1 ? " lies" : "s lie", end, r.bytes, len < trail ? "the first " : "", len,
                             r.bytes == 1 ? "is" : "are", r.first_off);
    finding_expected(p, f, "0 bytes");
    finding_actual(p, f, "%" PRIu64 " byte%s", trail, plural(trail));
}

/* ---- blocks, 008, 010 ---- */

struct anchors {
    uint64_t total, count, block[LISTED_PLACES], off[LISTED_PLACES]; /* count: of those listed */
};

/* Old content can only be where the file goes on and no structure came to lie since: VHDX-BAT-019. */
static bool anchor_may_hold(const struct view *v, uint64_t off)
{
    return off < v->src->size && !layout_map_fixed_at(v->layout, off, v->geometry.block_size);
}

static enum status find_anchors(struct view *v, struct anchors *a)
{
    struct bat_reader bat = {.window = NULL};
    uint64_t seen = 0;
    enum status st = bat_reader_open(v, &bat);
    for (uint64_t i = 0; st == STATUS_OK && seen < v->survey->anchors && i < v->bat.walk_entries; i++) {
        uint64_t entry = 0;
        st = bat_reader_find(&bat, i, v->bat.walk_entries, &i, &entry);
        struct bat_slot slot = bat_slot_of_index(&v->geometry, i);
        unsigned state = bat_entry_state(entry);
        if (st != STATUS_OK || slot.is_bitmap || slot.block >= v->geometry.payload_blocks ||
            bat_entry_off(entry) == 0 || (state != PAYLOAD_UNDEFINED && state != PAYLOAD_UNMAPPED))
            continue;
        seen++;
        if (!anchor_may_hold(v, bat_entry_off(entry)))
            continue;
        a->total++;
        if (a->count == LISTED_PLACES)
            continue;
        a->block[a->count] = slot.block;
        a->off[a->count++] = bat_entry_off(entry);
    }
    bat_reader_close(&bat);
    return st;
}

static void soft_anchors(struct probe *p, const struct subject *s)
{
    struct view *v = s->view;
    const struct geometry *g = &v->geometry;
    struct anchors a = {.count = 0};
    if (v->survey->anchors == 0)
        return;
    probe_status(p, find_anchors(v, &a));
    if (a.count == 0)
        return;
    struct text t = words_of(p);
    for (uint64_t i = 0; i < a.count; i++)
        text_addf(&t, "%s%s at 0x%" PRIx64, i > 0 ? ", " : "", phrase_block(probe_arena(p), g, a.block[i]), a.off[i]);
    uint64_t index = bat_index_of_block(g, a.block[0]);
    struct finding *f = fail(
        p, at_place(STRUCTURE_BAT, (int64_t)index, v->bat.off + index * BAT_ENTRY_LEN, BAT_ENTRY_LEN),
        "%" PRIu64 " block%s in state 1 or 3 %s the place of %s old content: %s%s", a.total, plural(a.total),
        a.total == 1 ? "keeps" : "keep", a.total == 1 ? "its" : "their", text_str(&t), a.total > a.count ? " ..." : "");
    finding_guest(f, a.block[0] * g->block_size, block_guest_len(g, a.block[0]));
    for (uint64_t i = 0; i < a.count; i++)
        finding_related(p, f, STRUCTURE_PAYLOAD, (int64_t)a.block[i], a.off[i]);
}

/* Places where a block of the disk's grid could have lain: all blocks here have the same offset modulo the block size.
 */
struct grid {
    const struct view *view;
    uint64_t end, block_size, phase;
    uint64_t cells, parts, first_off;
};

static bool count_cells(void *ctx, struct free_range r)
{
    struct grid *g = ctx;
    if (!layout_map_payload_at(g->view->layout, 0, r.off))
        return true;
    uint64_t lead = (g->phase + g->block_size - r.off % g->block_size) % g->block_size;
    uint64_t cells = r.len > lead ? (r.len - lead) / g->block_size : 0;
    g->parts += cells > 0 && (lead > 0 || (r.len - lead) % g->block_size > 0);
    if (cells > 0 && g->cells == 0)
        g->first_off = r.off + lead;
    g->cells += cells;
    return true;
}

/* True when the first blocks of the disk share their phase; *ret_phase. */
static enum status common_phase(struct view *v, bool *ret, uint64_t *ret_phase)
{
    struct bat_reader bat = {.window = NULL};
    uint64_t seen = 0;
    bool same = true;
    enum status st = bat_reader_open(v, &bat);
    for (uint64_t i = 0; st == STATUS_OK && same && seen < LIMIT_LISTED && i < v->bat.walk_entries; i++) {
        uint64_t entry = 0;
        st = bat_reader_find(&bat, i, v->bat.walk_entries, &i, &entry);
        if (st != STATUS_OK || bat_slot_of_index(&v->geometry, i).is_bitmap || bat_entry_off(entry) == 0 ||
            bat_entry_state(entry) < PAYLOAD_FULLY_PRESENT)
            continue;
        uint64_t phase = bat_entry_off(entry) % v->geometry.block_size;
        same = seen++ == 0 || phase == *ret_phase;
        *ret_phase = phase;
    }
    *ret = st == STATUS_OK && same && seen > 1;
    bat_reader_close(&bat);
    return st;
}

static void former_grid(struct probe *p, const struct subject *s)
{
    struct view *v = s->view;
    struct grid g = {.view = v, .end = layout_map_end(v->layout), .block_size = v->geometry.block_size};
    bool same = false;
    /* A block that begins where the layout ends leaves no gap, and one block alone makes no grid. */
    if (v->survey->allocated_blocks < 2 || v->survey->runs < 2)
        return;
    probe_status(p, common_phase(v, &same, &g.phase));
    if (!same)
        return;
    layout_map_free_ranges(v->layout, u64_min(v->src->size, g.end), count_cells, &g);
    if (g.cells == 0)
        return;
    struct finding *f = fail(p, at_place(STRUCTURE_FILE, NO_INDEX, g.first_off, g.block_size),
                             "%" PRIu64 " unused %s on the grid of the disk's blocks (offset 0x%" PRIx64
                             " modulo the block size), the first one at 0x%" PRIx64 ": blocks may have been there",
                             g.cells, g.cells == 1 ? "place lies" : "places lie", g.phase, g.first_off);
    finding_actual(p, f, "%" PRIu64 " place%s, %" PRIu64 " range%s not filled exactly", g.cells, plural(g.cells),
                   g.parts, plural(g.parts));
}

/* ---- reserved areas, 009 ---- */

struct area {
    const char *name;
    uint64_t off, len;
};

static const struct area reserved_areas[] = {
    {"file identifier", 520, 65536 - 520},
    {"header 1", 0x10000 + 80, 65536 - 80},
    {"header 2", 0x20000 + 80, 65536 - 80},
    {"end of the header section", 0x50000, 0x100000 - 0x50000},
};

/* The longest run of printable ASCII in the first bytes. */
static struct span printable_run(const uint8_t *bytes, size_t len)
{
    struct span best = {.ptr = bytes, .len = 0};
    for (size_t start = 0; start < len;) {
        size_t end = start;
        while (end < len && bytes[end] >= 0x20 && bytes[end] < 0x7f)
            end++;
        if (end - start > best.len)
            best = (struct span){.ptr = bytes + start, .len = end - start};
        start = end + 1;
    }
    return best;
}

static void describe_area(struct probe *p, struct view *v, struct text *t, const struct area *a,
                          const struct residue *r)
{
    uint8_t bytes[SAMPLE_MAX];
    size_t got = 0;
    text_addf(t, "%s%s: %" PRIu64 " byte%s from 0x%" PRIx64, t->len > 0 ? "; " : "", a->name, r->bytes,
              plural(r->bytes), r->first_off);
    uint64_t len = u64_min(SAMPLE_MAX, a->off + a->len - r->first_off);
    enum status st = view_sample(v, r->first_off, bytes, (size_t)len, &got);
    probe_status(p, st);
    if (st != STATUS_OK)
        return;
    got = span_end_nonzero(span_of(bytes, got)); /* the zeros behind it say nothing of what was put there */
    if (got >= ENTROPY_MIN) {
        unsigned entropy = entropy_tenths(bytes, got);
        text_addf(t, ", %u.%u bits per byte", entropy / 10, entropy % 10);
    }
    struct span run = printable_run(bytes, got);
    if (run.len >= TEXT_MIN)
        text_addf(t, ", text \"%s\"", shown(p, (const char *)run.ptr, run.len, SHOWN_KEY));
}

static void reserved_not_zero(struct probe *p, const struct subject *s)
{
    struct view *v = s->image->stored;
    struct text t = words_of(p);
    struct residue first = {.bytes = 0};
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof(reserved_areas) / sizeof(reserved_areas[0]); i++) {
        const struct area *a = &reserved_areas[i];
        struct residue r = {.bytes = 0};
        enum status st = view_residue(v, a->off, a->len, &r);
        probe_status(p, st);
        if (st != STATUS_OK || r.bytes == 0)
            continue;
        if (all == 0)
            first = r;
        all += r.bytes;
        if (!only_counts(p))
            describe_area(p, v, &t, a, &r);
    }
    if (all == 0)
        return;
    struct finding *f = fail(p, at_place(STRUCTURE_FILE, NO_INDEX, first.first_off, 1),
                             "%" PRIu64 " byte%s of reserved areas %s not zero (%s)", all, plural(all),
                             all == 1 ? "is" : "are", text_str(&t));
    finding_expected(p, f, "zeros");
    finding_actual(p, f, "%" PRIu64 " byte%s", all, plural(all));
}

static const struct rule rules[] = {
    {
        .id = "VHDX-FOR-004",
        .scope = SCOPE_CONTENT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.1",
        .title = "data in space that nothing refers to",
        .why = "Blocks that were given up and structures that moved leave their bytes behind. So does a BAT that lost "
               "entries.",
        .means = "the guest does not see it; deleted or lost content may be recoverable",
        .next = "vhdxray carve FILE",
        .check = unreferenced_data,
    },
    {
        .id = "VHDX-FOR-005",
        .scope = SCOPE_CONTENT,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "known signature in space that nothing refers to",
        .why = "A file system, a partition table or a structure of VHDX that begins there tells what the space was.",
        .means = "the guest does not see it; deleted or lost content may be recoverable",
        .next = "vhdxray carve FILE --extract DIR",
        .check = unreferenced_signature,
    },
    {
        .id = "VHDX-FOR-006",
        .scope = SCOPE_VIEW,
        .needs = NEED_LAYOUT | NEED_BAT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "impl",
        .title = "data behind the last structure",
        .why = "Blocks that lost their entry, the rest of an interrupted growth, or something appended to the file.",
        .means = "guest data is not affected; a lost block may be there",
        .next = "vhdxray dump FILE bat: see what the highest blocks are",
        .check = trailing_bytes,
    },
    {
        .id = "VHDX-FOR-007",
        .scope = SCOPE_CONTENT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.4",
        .title = "data in the last block behind the end of the disk",
        .why = "A block takes its whole size in the file, also where the disk ends inside it. A disk that was made "
               "smaller leaves data there; nothing else reads or writes it.",
        .means = "the guest does not see it",
        .next = "vhdxray dump FILE --range A:B: look at the bytes",
        .check = behind_the_disk,
    },
    {
        .id = "VHDX-FOR-008",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.5.1.1",
        .title = "undefined or unmapped blocks keep the place of their old content",
        .why = "In states 1 and 3 an entry may keep its offset (a soft anchor). The guest reads zeros; the old bytes "
               "are often "
               "still there.",
        .means = "guest data is not affected; deleted content may be recoverable",
        .next = "vhdxray dump FILE bat",
        .check = soft_anchors,
    },
    {
        .id = "VHDX-FOR-009",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.2",
        .title = "reserved areas of the header section are not zero",
        .why = "Known writers leave them zero. Sums up VHDX-FID-005, VHDX-HDR-011, VHDX-HDR-012 and VHDX-HDR-029.",
        .means = "guest data is not affected; something may be hidden there",
        .next = "vhdxray dump FILE headers --hex",
        .check = reserved_not_zero,
    },
    {
        .id = "VHDX-FOR-010",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT | NEED_LAYOUT,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "unused space on the grid of the disk's blocks",
        .why = "Blocks are allocated one behind the other, so a gap of whole blocks between them is where blocks were "
               "given up.",
        .means = "guest data is not affected; deleted content may be there",
        .next = "vhdxray dump FILE bat",
        .check = former_grid,
    },
};

const struct rule_group forensic_space_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
