/* SPDX-License-Identifier: MIT */
/*
 * Forensic observations, first part: old log entries, which show earlier BATs and file sizes. Nothing here is a fault;
 * all lists are bounded, and so is what is read.
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

enum { LISTED_PLACES = 8 };

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
    struct finding *f = fail(
        p, at_scanned_entry(img, x->first, 0, LOG_ENTRY_HEADER_LEN),
        "%" PRIu64
        " stale log %s of an earlier session, log GUID %s: sequence %s, targets: %s; size of the file then: %s%s%s",
        x->entries, x->entries == 1 ? "entry" : "entries", guid_text(&img->log.guids[x->guid], guid),
        x->lowest == x->highest ? text_format(a, "number %" PRIu64, x->lowest)
                                : text_format(a, "numbers from %" PRIu64 " to %" PRIu64, x->lowest, x->highest),
        t.len > 0 ? text_str(&t) : "none", text_size(a, x->smallest), x->largest > x->smallest ? " to " : "",
        x->largest > x->smallest ? text_size(a, x->largest) : "");
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
             "%" PRIu64 " of %" PRIu64 "%s page%s in stale log entries %s from what the file holds there "
             "today, the first one at 0x%" PRIx64,
             q.different, q.compared, q.compared == LIMIT_STALE_PAGES ? " (limit)" : "", plural(q.compared),
             q.different == 1 ? "differs" : "differ", q.first_off);
    for (uint64_t i = 0; i < q.different && i < LISTED_PLACES; i++)
        finding_related(p, f, STRUCTURE_FILE, NO_INDEX, q.listed[i]);
    finding_actual(p, f, "%" PRIu64 " page%s", q.different, plural(q.different));
}

static void orphan_sectors(struct probe *p, const struct subject *s)
{
    const struct log_scan *log = &s->image->log;
    uint64_t all = log->orphan_data + log->orphan_descriptors + log->orphan_other;
    if (all == 0 || log->off < HEADER_SECTION_LEN)
        return; /* what a log over the header section would hold is the headers */
    struct finding *f =
        fail(p,
             at_place(STRUCTURE_LOG, (int64_t)((log->orphan_first_off - log->off) / LOG_SECTOR_LEN),
                      log->orphan_first_off, LOG_SECTOR_LEN),
             "%" PRIu64 " sector%s of the log %s to no entry: %" PRIu64 " data sector%s, %" PRIu64
             " with descriptors, %" PRIu64 " with something else; the first one at 0x%" PRIx64,
             all, plural(all), all == 1 ? "belongs" : "belong", log->orphan_data, plural(log->orphan_data),
             log->orphan_descriptors, log->orphan_other, log->orphan_first_off);
    finding_actual(p, f, "%" PRIu64 " sector%s", all, plural(all));
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
};

const struct rule_group forensic_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
