/* SPDX-License-Identifier: MIT */
/*
 * Forensic observations, first part: what the file still holds of its past. Old log entries show earlier BATs and file
 * sizes, unmapped blocks keep their old place, reserved areas and the end of the file may hold anything. Nothing here
 * is a fault; all lists are bounded, and so is what is read.
 */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "check/log_entry.h"
#include "check/phrases.h"
#include "check/wording.h"
#include "image/sample.h"

enum { LISTED_PLACES = 8, TEXT_MIN = 6 };

/* ---- old log entries, 001 - 003 ---- */

enum target {
    TARGET_HEADER_SECTION,
    TARGET_BAT,
    TARGET_METADATA,
    TARGET_REGION,
    TARGET_BITMAP,
    TARGET_ELSEWHERE,
    TARGETS
};
static const char *const target_names[TARGETS] = {"region tables",  "BAT",           "metadata",
                                                  "another region", "sector bitmap", "no structure of today"};

/* Valid entries under one log GUID that is not the live one: one session of a writer, or one write of QEMU. */
struct session {
    uint32_t guid;
    uint64_t entries, first;    /* first: index of the one that lies lowest in the ring */
    uint64_t lowest, highest;   /* sequence numbers */
    uint64_t smallest, largest; /* LastFileOffset */
    uint64_t targets[TARGETS];
};

struct history {
    const struct view *view;
    struct session *session; /* the one being added to */
    uint64_t looked_at;
};

static enum target target_of(const struct view *v, uint64_t off, uint64_t len)
{
    const struct extent *e = layout_map_fixed_at(v->layout, off, len);
    if (!e || e->kind == OWNER_LOG)
        return TARGET_ELSEWHERE;
    if (e->kind == OWNER_HEADER_SECTION)
        return TARGET_HEADER_SECTION;
    if (e->kind == OWNER_BITMAP)
        return TARGET_BITMAP;
    if (v->bat_region.found && e->start == v->bat_region.off)
        return TARGET_BAT;
    return v->metadata_region.found && e->start == v->metadata_region.off ? TARGET_METADATA : TARGET_REGION;
}

static bool add_target(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off)
{
    struct history *h = ctx;
    (void)i;
    (void)data_off;
    h->session->targets[target_of(h->view, d->file_off, d->len)]++;
    return ++h->looked_at < LIMIT_STALE_DESCRIPTORS;
}

static void session_add(struct session *x, const struct log_entry *e, uint64_t index)
{
    if (x->entries++ == 0) {
        x->guid = e->guid;
        x->first = index;
        x->lowest = x->highest = e->sequence_number;
        x->smallest = x->largest = e->last_file_off;
    }
    x->lowest = u64_min(x->lowest, e->sequence_number);
    x->highest = u64_max(x->highest, e->sequence_number);
    x->smallest = u64_min(x->smallest, e->last_file_off);
    x->largest = u64_max(x->largest, e->last_file_off);
}

static void report_session(struct probe *p, const struct image *img, const struct session *x)
{
    struct arena *a = probe_arena(p);
    struct text t = text_in(a);
    for (unsigned i = 0; i < TARGETS; i++)
        if (x->targets[i] > 0)
            text_addf(&t, "%s%s (%" PRIu64 ")", t.len > 0 ? ", " : "", target_names[i], x->targets[i]);
    char guid[GUID_TEXT_SIZE];
    struct finding *f =
        fail(p, at_scanned_entry(img, x->first, 0, LOG_ENTRY_HEADER_LEN),
             "%" PRIu64 " stale log %s of an earlier session, log GUID %s: sequence numbers from %" PRIu64
             " to %" PRIu64 ", targets: %s; size of the file then: %s%s%s",
             x->entries, x->entries == 1 ? "entry" : "entries", guid_text(&img->log.guids[x->guid], guid), x->lowest,
             x->highest, t.len > 0 ? text_str(&t) : "none", text_size(a, x->smallest),
             x->largest > x->smallest ? " to " : "", x->largest > x->smallest ? text_size(a, x->largest) : "");
    finding_actual(p, f, "%" PRIu64 " %s", x->entries, x->entries == 1 ? "entry" : "entries");
}

/* Sessions in the order of the ring; the first LIMIT_LISTED one by one, the others as one sum. */
static void stale_entries(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct log_scan *log = &img->log;
    if (log->valid_stale == 0)
        return;
    struct session *sessions = arena_array(probe_arena(p), LIMIT_LISTED + 1, sizeof(*sessions));
    uint32_t *number =
        arena_array(probe_arena(p), log->guid_count, sizeof(*number)); /* of a GUID's session, plus one */
    if (!sessions || !number) {
        probe_status(p, arena_status(probe_arena(p)));
        return;
    }
    struct history h = {.view = s->view};
    uint32_t count = 0;
    for (uint64_t i = 0; i < log->entry_count; i++) {
        const struct log_entry *e = &log->entries[i];
        if (e->live || e->defect != LOG_DEFECT_NONE)
            continue;
        if (number[e->guid] == 0)
            number[e->guid] = ++count;
        h.session = &sessions[u64_min(number[e->guid] - 1, LIMIT_LISTED)];
        session_add(h.session, e, i);
        if (h.looked_at < LIMIT_STALE_DESCRIPTORS)
            probe_status(p, log_scan_descriptors(log, img->file, i, add_target, &h));
    }
    for (uint32_t i = 0; i < count && i < LIMIT_LISTED; i++)
        report_session(p, img, &sessions[i]);
    if (count > LIMIT_LISTED)
        fail(p, at_log(img), "%" PRIu64 " more stale log entries under %" PRIu64 " other log GUIDs",
             sessions[LIMIT_LISTED].entries, count - LIMIT_LISTED);
    arena_release(probe_arena(p), sessions);
    arena_release(probe_arena(p), number);
}

struct page_search {
    struct probe *p;
    struct image *img;
    struct view *view;
    uint64_t entry;
    uint64_t compared, different, entries;
    uint64_t first_off, first_entry;
    uint64_t listed[LISTED_PLACES];
    enum status status;
};

/* Whether the logged page is what the target holds today; payload is never looked at. */
static bool compare_page(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off)
{
    struct page_search *q = ctx;
    uint8_t sector[LOG_SECTOR_LEN], logged[LOG_SECTOR_LEN], today[LOG_SECTOR_LEN];
    size_t got = 0;
    (void)i;
    if (d->kind != LOG_DESCRIPTOR_DATA || !layout_map_fixed_at(q->view->layout, d->file_off, LOG_SECTOR_LEN))
        return true;
    q->status = view_sample(q->img->stored, data_off, sector, sizeof(sector), NULL);
    if (q->status == STATUS_OK)
        q->status = view_sample(q->view, d->file_off, today, sizeof(today), &got);
    if (q->status != STATUS_OK)
        return false;
    log_page_assemble(d->leading, sector, d->trailing, logged);
    if (got == sizeof(today) && memcmp(logged, today, sizeof(today)) != 0) {
        if (q->different == 0) {
            q->first_entry = q->entry;
            q->first_off = d->file_off;
        }
        if (q->different < LISTED_PLACES)
            q->listed[q->different] = d->file_off;
        q->different++;
    }
    return ++q->compared < LIMIT_STALE_PAGES;
}

static void older_pages(struct probe *p, const struct subject *s)
{
    struct image *img = s->image;
    const struct log_scan *log = &img->log;
    struct page_search q = {.p = p, .img = img, .view = s->view};
    for (uint64_t i = 0; i < log->entry_count && q.compared < LIMIT_STALE_PAGES && q.status == STATUS_OK; i++) {
        const struct log_entry *e = &log->entries[i];
        if (e->live || e->defect != LOG_DEFECT_NONE || e->data_count == 0)
            continue;
        q.entry = i;
        enum status st = log_scan_descriptors(log, img->file, i, compare_page, &q);
        if (st != STATUS_OK)
            q.status = st;
    }
    probe_status(p, q.status);
    if (q.different == 0)
        return;
    struct finding *f =
        fail(p, at_scanned_entry(img, q.first_entry, 0, log->entries[q.first_entry].len),
             "%" PRIu64 " of %" PRIu64 "%s pages in stale log entries differ from what the file holds there "
             "today, the first one at 0x%" PRIx64,
             q.different, q.compared, q.compared == LIMIT_STALE_PAGES ? " (limit)" : "", q.first_off);
    for (uint64_t i = 0; i < q.different && i < LISTED_PLACES; i++)
        finding_related(p, f, STRUCTURE_FILE, -1, q.listed[i]);
    finding_actual(p, f, "%" PRIu64 " pages", q.different);
}

static void orphan_sectors(struct probe *p, const struct subject *s)
{
    const struct log_scan *log = &s->image->log;
    uint64_t all = log->orphan_data + log->orphan_descriptors + log->orphan_other;
    if (all == 0)
        return;
    struct finding *f = fail(p,
                             at_place(STRUCTURE_LOG, (int64_t)((log->orphan_first_off - log->off) / LOG_SECTOR_LEN),
                                      log->orphan_first_off, LOG_SECTOR_LEN),
                             "%" PRIu64 " sectors of the log belong to no entry: %" PRIu64 " data sectors, %" PRIu64
                             " with descriptors, %" PRIu64 " with something else; the first one at 0x%" PRIx64,
                             all, log->orphan_data, log->orphan_descriptors, log->orphan_other, log->orphan_first_off);
    finding_actual(p, f, "%" PRIu64 " sectors", all);
}

/* ---- end of the file, 006 ---- */

static void trailing_bytes(struct probe *p, const struct subject *s)
{
    struct view *v = s->view;
    uint64_t end = layout_map_end(v->layout);
    struct residue r = {.bytes = 0};
    if (end >= v->src->size)
        return;
    uint64_t len = u64_min(v->src->size - end, LIMIT_RESIDUE_SCAN);
    probe_status(p, view_residue(v, end, len, &r));
    if (r.bytes == 0)
        return;
    struct finding *f =
        fail(p, at_place(STRUCTURE_FILE, -1, end, v->src->size - end),
             "%" PRIu64 " bytes lie behind the last structure, from 0x%" PRIx64 "; %" PRIu64 " of %s%" PRIu64
             " looked at are not zero, the first one at 0x%" PRIx64,
             v->src->size - end, end, r.bytes, len < v->src->size - end ? "the first " : "", len, r.first_off);
    finding_expected(p, f, "0 bytes");
    finding_actual(p, f, "%" PRIu64 " bytes", v->src->size - end);
}

/* ---- blocks, 008, 010 ---- */

struct anchors {
    uint64_t count, block[LISTED_PLACES], off[LISTED_PLACES];
};

static enum status find_anchors(struct view *v, struct anchors *a)
{
    struct bat_reader bat = {.window = NULL};
    uint64_t wanted = u64_min(v->survey->anchors, LISTED_PLACES);
    enum status st = bat_reader_open(v, &bat);
    for (uint64_t i = 0; st == STATUS_OK && a->count < wanted && i < v->bat.walk_entries; i++) {
        struct bat_slot slot = bat_slot_of_index(&v->geometry, i);
        uint64_t entry = 0;
        st = bat_reader_get(&bat, i, &entry);
        unsigned state = bat_entry_state(entry);
        if (st != STATUS_OK || slot.is_bitmap || slot.block >= v->geometry.payload_blocks ||
            bat_entry_off(entry) == 0 || (state != PAYLOAD_UNDEFINED && state != PAYLOAD_UNMAPPED))
            continue;
        a->block[a->count] = slot.block;
        a->off[a->count++] = bat_entry_off(entry);
    }
    arena_release(v->arena, bat.window);
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
    struct text t = text_in(probe_arena(p));
    for (uint64_t i = 0; i < a.count; i++)
        text_addf(&t, "%s%s at 0x%" PRIx64, i > 0 ? ", " : "", phrase_block(probe_arena(p), g, a.block[i]), a.off[i]);
    uint64_t index = bat_index_of_block(g, a.block[0]);
    struct finding *f =
        fail(p, at_place(STRUCTURE_BAT, (int64_t)index, v->bat.off + index * BAT_ENTRY_LEN, BAT_ENTRY_LEN),
             "%" PRIu64 " unmapped %s the place of %s old content: %s%s", v->survey->anchors,
             v->survey->anchors == 1 ? "block keeps" : "blocks keep", v->survey->anchors == 1 ? "its" : "their",
             text_str(&t), v->survey->anchors > a.count ? " ..." : "");
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
    if (r.off >= g->end)
        return false;
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
        st = bat_reader_get(&bat, i, &entry);
        if (st != STATUS_OK || bat_slot_of_index(&v->geometry, i).is_bitmap || bat_entry_off(entry) == 0 ||
            bat_entry_state(entry) < PAYLOAD_FULLY_PRESENT)
            continue;
        uint64_t phase = bat_entry_off(entry) % v->geometry.block_size;
        same = seen++ == 0 || phase == *ret_phase;
        *ret_phase = phase;
    }
    *ret = st == STATUS_OK && same && seen > 1;
    arena_release(v->arena, bat.window);
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
    struct finding *f = fail(p, at_place(STRUCTURE_FILE, -1, g.first_off, g.block_size),
                             "%" PRIu64 " unused %s on the grid of the disk's blocks (offset 0x%" PRIx64
                             " modulo the block size), the first one at 0x%" PRIx64 ": blocks may have been there",
                             g.cells, g.cells == 1 ? "place lies" : "places lie", g.phase, g.first_off);
    finding_actual(p, f, "%" PRIu64 " place%s, %" PRIu64 " range%s with a part more", g.cells, plural(g.cells), g.parts,
                   plural(g.parts));
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
    if (st != STATUS_OK || got == 0)
        return;
    unsigned entropy = entropy_tenths(bytes, got);
    struct span run = printable_run(bytes, got);
    text_addf(t, ", %u.%u bits per byte", entropy / 10, entropy % 10);
    if (run.len >= TEXT_MIN)
        text_addf(t, ", text \"%s\"", shown(p, (const char *)run.ptr, run.len, SHOWN_KEY));
}

static void reserved_not_zero(struct probe *p, const struct subject *s)
{
    struct view *v = s->image->stored;
    struct text t = text_in(probe_arena(p));
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
        describe_area(p, v, &t, a, &r);
    }
    if (all == 0)
        return;
    struct finding *f = fail(p, at_place(STRUCTURE_FILE, -1, first.first_off, 1),
                             "%" PRIu64 " bytes of reserved areas are not zero (%s)", all, text_str(&t));
    finding_expected(p, f, "zeros");
    finding_actual(p, f, "%" PRIu64 " bytes", all);
}

static const struct rule rules[] = {
    {
        .id = "VHDX-FOR-001",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG | NEED_LAYOUT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.3",
        .title = "stale log entries of earlier sessions",
        .why = "Entries stay in the ring until they are overwritten. They tell what was changed, how large the file "
               "was, and "
               "hold earlier versions of BAT and metadata pages. QEMU draws a new GUID for every write.",
        .means = "guest data is not affected",
        .next = "vhdxray log FILE",
        .check = stale_entries,
    },
    {
        .id = "VHDX-FOR-002",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG | NEED_LAYOUT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.3",
        .title = "stale log pages hold older BAT or metadata",
        .why =
            "A page that differs from today's shows where blocks were before: older states of the disk can be rebuilt.",
        .means = "guest data is not affected",
        .next = "vhdxray log FILE",
        .check = older_pages,
    },
    {
        .id = "VHDX-FOR-003",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.3.1.4",
        .title = "sectors of the log that belong to no entry",
        .why = "Where the first sector of an entry was overwritten its data sectors stay behind. Anything else was put "
               "there by "
               "hand.",
        .means = "guest data is not affected",
        .next = "vhdxray dump FILE log --hex",
        .check = orphan_sectors,
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
        .id = "VHDX-FOR-008",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.5.1.1",
        .title = "unmapped blocks keep the place of their old content",
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

const struct rule_group forensic_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
