/* SPDX-License-Identifier: MIT */
/*
 * Rules of the log ([MS-VHDX] 2.3), third part: how entries follow each other and what replaying them does. In a
 * healthy ring older entries follow the newest one with lower numbers, name Tails long overwritten, and a run may be
 * cut by the ring's seam; none of that is a finding (format.md 8.3).
 */
#include "base/checked.h"
#include "base/text.h"
#include "check/log_entry.h"
#include "check/wording.h"

/* A head this close to the last number: no session writes that many entries. */
static const uint64_t SEQUENCE_NEAR_END = UINT64_MAX - ((uint64_t)1 << 20);

enum { LISTED_RUNS = 8 };

static uint64_t head_number(const struct log_scan *log, const struct log_run *r)
{
    return log->entries[r->head].sequence_number;
}

/* ---- runs, 023 - 026 ---- */

static void newer_run_broken(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct log_scan *log = &img->log;
    if (!log->has_active)
        return;
    const struct log_entry *used = &log->entries[log->active_head];
    for (uint64_t i = 0; i < log->run_count; i++) {
        const struct log_run *r = &log->runs[i];
        if (r->valid || head_number(log, r) <= used->sequence_number)
            continue;
        const struct log_entry *head = &log->entries[r->head];
        struct finding *f =
            fail(p, at_scanned_entry(img, r->head, LOG_FIELD_TAIL, 4),
                 "the newest " LOG_ENTRY " has Tail 0x%" PRIx32
                 ", where no entry of its sequence starts; the older sequence up to " LOG_ENTRY " is used",
                 LOG_ENTRY_ARGS(head), head->tail, LOG_ENTRY_ARGS(used));
        finding_expected(p, f, "the place of an entry of its sequence");
        finding_actual(p, f, "0x%" PRIx32, head->tail);
        finding_related(p, f, STRUCTURE_LOG, used->ring_off / LOG_SECTOR_LEN, log->off + used->ring_off);
    }
}

static void several_sequences(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct log_scan *log = &img->log;
    uint64_t valid = 0, newest = 0;
    for (uint64_t i = 0; i < log->run_count; i++) {
        const struct log_run *r = &log->runs[i];
        valid += r->valid;
        newest += r->valid && log->has_active && head_number(log, r) == log->entries[log->active_head].sequence_number;
    }
    if (valid < 2)
        return;
    struct text t = words_of(p);
    uint64_t listed = 0;
    for (uint64_t i = 0; i < log->run_count && listed < LISTED_RUNS; i++) {
        const struct log_run *r = &log->runs[i];
        if (r->valid)
            text_addf(&t, "%s0x%" PRIx32 " (%" PRIu64 ")", listed++ > 0 ? ", " : "", log->entries[r->head].ring_off,
                      head_number(log, r));
    }
    const struct log_entry *used = &log->entries[log->active_head];
    struct finding *f =
        fail(p, at_scanned_entry(img, log->active_head, 0, LOG_ENTRY_HEADER_LEN),
             "the log has %" PRIu64 " valid sequences; their newest entries (sequence numbers) are at %s%s; " LOG_ENTRY
             " is %s and used",
             valid, text_str(&t), valid > listed ? " ..." : "", LOG_ENTRY_ARGS(used),
             newest > 1 ? "the first found of the newest" : "the newest of all");
    finding_actual(p, f, "%" PRIu64 " sequences", valid);
}

struct run_number {
    uint64_t number, run;
};

/* Sorts run numbers by head sequence number, then by place: a merge sort from the bottom up, linear space, no
 * recursion. */
static void sort_numbers(struct run_number *a, struct run_number *b, uint64_t n)
{
    struct run_number *from = a, *to = b;
    for (uint64_t width = 1; width < n; width *= 2) {
        for (uint64_t low = 0; low < n; low += 2 * width) {
            uint64_t mid = u64_min(low + width, n), high = u64_min(low + 2 * width, n), i = low, j = mid;
            for (uint64_t k = low; k < high; k++)
                to[k] = i < mid && (j >= high || from[i].number <= from[j].number) ? from[i++] : from[j++];
        }
        struct run_number *swap = from;
        from = to;
        to = swap;
    }
    for (uint64_t i = 0; from != a && i < n; i++)
        a[i] = from[i];
}

static void same_head_number(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct log_scan *log = &img->log;
    uint64_t n = log->run_count;
    if (n < 2)
        return;
    struct run_number *a = arena_array(probe_arena(p), n, sizeof(*a)), *b = arena_array(probe_arena(p), n, sizeof(*b));
    if (!a || !b) {
        probe_status(p, arena_status(probe_arena(p)));
        return;
    }
    for (uint64_t i = 0; i < n; i++)
        a[i] = (struct run_number){.number = head_number(log, &log->runs[i]), .run = i};
    sort_numbers(a, b, n);
    for (uint64_t i = 1; i < n; i++) {
        if (a[i].number != a[i - 1].number)
            continue;
        const struct log_run *first = &log->runs[a[i - 1].run], *second = &log->runs[a[i].run];
        struct finding *f = fail(p, at_scanned_entry(img, second->head, LOG_FIELD_SEQUENCE, 8),
                                 "two sequences of the live log end with sequence number %" PRIu64 ", at 0x%" PRIx32
                                 " and at 0x%" PRIx32,
                                 a[i].number, log->entries[first->head].ring_off, log->entries[second->head].ring_off);
        finding_expected(p, f, "different numbers");
        finding_related(p, f, STRUCTURE_LOG, log->entries[first->head].ring_off / LOG_SECTOR_LEN,
                        log->off + log->entries[first->head].ring_off);
    }
    arena_release(probe_arena(p), a);
    arena_release(probe_arena(p), b);
}

/* How far behind entry e its Tail lies in the ring. */
static uint64_t tail_distance(const struct log_entry *e, uint64_t ring_len)
{
    return ((uint64_t)e->ring_off + ring_len - e->tail) % ring_len;
}

static void tail_moves_back(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct log_scan *log = &img->log;
    uint64_t ring_len = log->len - log->len % LOG_SECTOR_LEN, entry = log->active_first;
    for (uint64_t n = 1; log->has_active && n < log->active_count; n++) {
        uint64_t next = log_scan_next(log, entry);
        const struct log_entry *a = &log->entries[entry], *b = &log->entries[next];
        if (tail_distance(b, ring_len) > tail_distance(a, ring_len) + a->len) {
            struct finding *f =
                fail(p, at_scanned_entry(img, next, LOG_FIELD_TAIL, 4),
                     LOG_ENTRY " has Tail 0x%" PRIx32 ", behind Tail 0x%" PRIx32 " of the entry before it",
                     LOG_ENTRY_ARGS(b), b->tail, a->tail);
            finding_expected(p, f, "0x%" PRIx32 " or later", a->tail);
            finding_actual(p, f, "0x%" PRIx32, b->tail);
        }
        entry = next;
    }
}

/* ---- what replaying does, 027 - 029 ---- */

static void changes_nothing(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct replay *r = &img->replay;
    if (img->log_state != LOG_STATE_DIRTY || r->io_error || r->pages_touched == 0 || r->pages_changed > 0 ||
        r->new_size > img->file_size)
        return;
    if (r->pages_touched == 1)
        fail(p, at_log(img), "replaying the log changes nothing: its only page is in the file already");
    else
        fail(p, at_log(img), "replaying the log changes nothing: all %" PRIu64 " pages are in the file already",
             r->pages_touched);
}

/* The driver compares the findings of both views and reports this; a rule sees one view only. */
static void worse_after_replay(struct probe *p, const struct subject *s)
{
    (void)p;
    (void)s;
}

static void only_empty(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    if (img->log_state != LOG_STATE_DIRTY || img->replay.data_descriptors + img->replay.zero_descriptors > 0)
        return;
    fail(p, at_scanned_entry(img, img->log.active_head, 0, LOG_ENTRY_HEADER_LEN),
         "the log is in use but holds only entries without descriptors (%" PRIu64
         "): the file was opened for writing and nothing was logged since",
         img->log.active_count);
}

/* ---- numbers, 030, 031 ---- */

static void forward_gap(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct log_scan *log = &img->log;
    const struct log_entry *e = s->log;
    if (!e->live || e->defect != LOG_DEFECT_NONE)
        return;
    uint64_t next = log_scan_next(log, s->log_index);
    if (next == UINT64_MAX || next == s->log_index || !log->entries[next].live)
        return;
    const struct log_entry *n = &log->entries[next];
    if (n->sequence_number <= e->sequence_number || n->sequence_number - e->sequence_number == 1)
        return;
    struct finding *f =
        fail(p, at_scanned_entry(img, next, LOG_FIELD_SEQUENCE, 8),
             LOG_ENTRY " follows number %" PRIu64 ": numbers go up by one", LOG_ENTRY_ARGS(n), e->sequence_number);
    finding_expected(p, f, "%" PRIu64, e->sequence_number + 1);
    finding_actual(p, f, "%" PRIu64, n->sequence_number);
}

static void number_near_end(struct probe *p, const struct subject *s)
{
    const struct log_entry *e = s->log;
    bool head = s->image->log.has_active && s->image->log.active_head == s->log_index;
    if (!head || e->sequence_number < SEQUENCE_NEAR_END)
        return;
    struct finding *f = fail(p, at_log_entry(s, LOG_FIELD_SEQUENCE, 8),
                             "the newest " LOG_ENTRY " leaves %" PRIu64 " numbers before they wrap", LOG_ENTRY_ARGS(e),
                             UINT64_MAX - e->sequence_number);
    finding_actual(p, f, "0x%" PRIx64, e->sequence_number);
}

/* ---- 032 - 035 ---- */

static void zero_length(struct probe *p, const struct subject *s)
{
    if (s->log->defect != LOG_DEFECT_NONE || !s->log->zero_length)
        return;
    fail(p, at_log_entry(s, 0, s->log->len), LOG_ENTRY " has a zero descriptor of length 0, which writes nothing",
         LOG_ENTRY_ARGS(s->log));
}

static void page_repeated(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct replay *r = &img->replay;
    if (!r->attempted || r->refused || r->repeated_pages == 0)
        return;
    const struct log_entry *e = &img->log.entries[r->repeated_entry];
    struct finding *f = fail(p, at_scanned_entry(img, r->repeated_entry, 0, LOG_ENTRY_HEADER_LEN),
                             LOG_ENTRY " writes the page at 0x%" PRIx64 " more than once (%" PRIu64
                                       " such page%s in the sequence): which bytes stay depends on the order",
                             LOG_ENTRY_ARGS(e), r->repeated_off, r->repeated_pages, plural(r->repeated_pages));
    finding_expected(p, f, "each page once in an entry");
    finding_actual(p, f, "%" PRIu64 " repeated", r->repeated_pages);
}

static void wiped(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    if (img->log_state != LOG_STATE_INVALID || !img->log.all_zero || img->log.truncated)
        return;
    fail(p, at_log(img),
         "the log at 0x%" PRIx64 "-0x%" PRIx64 " is all zeros although the header says that it is in use", img->log.off,
         img->log.off + img->log.len);
}

static void earlier_size(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct log_entry *e = s->log;
    if (!e->active || s->log_index == img->log.active_head || e->flushed_file_off <= img->file_size)
        return;
    struct finding *f =
        fail(p, at_log_entry(s, LOG_FIELD_FLUSHED, 8),
             LOG_ENTRY " says that the file had %" PRIu64 " bytes, it has %" PRIu64 "; only the newest entry decides",
             LOG_ENTRY_ARGS(e), e->flushed_file_off, img->file_size);
    finding_actual(p, f, "%" PRIu64, e->flushed_file_off);
}

static const struct rule rules[] = {
    {
        .id = "VHDX-LOG-023",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.3.3",
        .title = "newest log sequence is broken, an older one is used",
        .why = "The newest entry must name the first entry of its sequence. Where that was overwritten, the "
               "specification says "
               "to use the older sequence that is whole.",
        .means = "metadata changes of the newest entries are not in effect; the disk may be older than it should be",
        .next = "vhdxray repair FILE --consent VHDX-LOG-023 (plan only; replays the older sequence); vhdxray "
                "log FILE shows the newer one",
        .check = newer_run_broken,
    },
    {
        .id = "VHDX-LOG-024",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_INFO,
        .spec = "2.3.3",
        .title = "several valid sequences in the live log",
        .why = "Older sequences of the same log GUID stay in the ring until they are overwritten; the one with the "
               "greatest "
               "sequence number counts.",
        .means = "guest data is not affected",
        .next = "vhdxray log FILE",
        .check = several_sequences,
    },
    {
        .id = "VHDX-LOG-025",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_WARNING,
        .spec = "2.3.3",
        .title = "two log sequences end with the same number",
        .why = "Sequence numbers never repeat under one log GUID, so one of the two was made by something else. The "
               "first one in "
               "the ring is used.",
        .means = "which metadata is current depends on the program that opens the file",
        .next = "vhdxray log FILE",
        .check = same_head_number,
    },
    {
        .id = "VHDX-LOG-026",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_WARNING,
        .spec = "2.3.2",
        .title = "tail of the log moves backwards",
        .why = "What was applied is not logged again: the Tail of each entry is that of the entry before it or later. "
               "openvmm "
               "refuses such a sequence.",
        .means = "guest data is not affected where the sequence is replayed whole",
        .next = "vhdxray log FILE",
        .check = tail_moves_back,
    },
    {
        .id = "VHDX-LOG-027",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.3.3",
        .title = "replaying the log changes nothing",
        .why = "All logged pages reached their places before the crash.",
        .means = "guest data is not affected",
        .next = "vhdxray log FILE --plan",
        .check = changes_nothing,
    },
    {
        .id = "VHDX-LOG-028",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .spec = "impl",
        .title = "replaying the log makes the image worse",
        .why =
            "The file as stored has fewer errors than the replayed one: the log is older than the file, was taken from "
            "another one, or was crafted.",
        .means = "programs that replay the log damage the disk; those that ignore it see the state before",
        .next = "vhdxray repair FILE --consent VHDX-LOG-028 (plan only; gives the log up); until then "
                "nothing should open FILE for writing",
        .check = worse_after_replay,
    },
    {
        .id = "VHDX-LOG-029",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.3.1.1",
        .title = "log holds only empty entries",
        .why = "Windows and openvmm begin a log with an empty entry. The file was open when it was copied or the host "
               "stopped, "
               "but no metadata was being changed.",
        .means = "guest data is not affected",
        .next = "vhdxray log FILE",
        .check = only_empty,
    },
    {
        .id = "VHDX-LOG-030",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_WARNING,
        .spec = "2.3.2",
        .title = "gap between sequence numbers of neighbouring log entries",
        .why = "Entries that lie behind each other have numbers that go up by one, or fall where the newest one meets "
               "the oldest. "
               "A jump means that something in between is missing or foreign.",
        .means = "metadata changes of the missing entries may be lost",
        .next = "vhdxray log FILE",
        .check = forward_gap,
    },
    {
        .id = "VHDX-LOG-031",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.3.1.1",
        .title = "sequence number of the log is close to its end",
        .why = "The number is 64 bits wide and must not wrap. No writer gets there by itself.",
        .means = "guest data is not affected until the log is continued",
        .next = "vhdxray log FILE",
        .check = number_near_end,
    },
    {
        .id = "VHDX-LOG-032",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_INFO,
        .spec = "2.3.1.2",
        .title = "zero descriptor of length 0",
        .why = "It writes nothing; careless loops over it do not end.",
        .means = "guest data is not affected",
        .next = "vhdxray log FILE",
        .check = zero_length,
    },
    {
        .id = "VHDX-LOG-033",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_WARNING,
        .spec = "2.3.3",
        .title = "log entry writes a page more than once",
        .why = "Descriptors are applied in order, so the last one wins; a program that applies them otherwise gets "
               "another "
               "result.",
        .means = "which metadata is current may depend on the program that replays the log",
        .next = "vhdxray log FILE --plan",
        .check = page_repeated,
    },
    {
        .id = "VHDX-LOG-034",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "impl",
        .title = "log in use is all zeros",
        .why = "Someone wiped the log without clearing its GUID, a copy lost it, or QEMU was killed before its first "
               "entry.",
        .means = "metadata changes that were only in the log are lost, if there were any",
        .next = "see VHDX-LOG-002",
        .check = wiped,
    },
    {
        .id = "VHDX-LOG-035",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_INFO,
        .stops = PEER_QEMU,
        .spec = "2.3.3",
        .title = "earlier log entry speaks of a larger file",
        .why = "Only the newest entry says how large the file must be; the file may have been made smaller since. QEMU "
               "refuses "
               "on any entry.",
        .means = "guest data is not affected",
        .next = "vhdxray log FILE",
        .check = earlier_size,
    },
};

const struct rule_group log_sequence_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
