/* SPDX-License-Identifier: MIT */
/*
 * Rules of the log ([MS-VHDX] 2.3), second part: where the descriptors of the active sequence write. Targets that no
 * writer has were found when the overlay was built and refused the replay; targets in payload or in free space are
 * asked of the replayed view, which knows where blocks are.
 */
#include "check/log_entry.h"

static const char *fault_text(enum replay_fault_kind kind)
{
    switch (kind) {
    case REPLAY_FAULT_BELOW_MIN:
        return "the file identifier or a header, which a log never writes";
    case REPLAY_FAULT_IN_LOG:
        return "the log itself";
    case REPLAY_FAULT_WRAPS:
        return "past the end of 64-bit offsets";
    case REPLAY_FAULT_BEYOND:
        return "past the end of the file and of every LastFileOffset in the sequence";
    case REPLAY_FAULT_TRUNCATED:
    case REPLAY_FAULT_SIZE_ABSURD:
        break;
    }
    return "";
}

static bool is_past_an_end(enum replay_fault_kind kind)
{
    return kind == REPLAY_FAULT_WRAPS || kind == REPLAY_FAULT_BEYOND;
}

/* One finding for each fault of a kind. The replay lists as many as a report keeps; the rest is counted here. */
static void target_faults(struct probe *p, const struct image *img, enum replay_fault_kind kind)
{
    const struct replay *r = &img->replay;
    uint64_t listed = 0;
    for (uint64_t i = 0; i < r->fault_count; i++) {
        const struct replay_fault *x = &r->faults[i];
        if (x->kind != kind)
            continue;
        listed++;
        const struct log_entry *e = &img->log.entries[x->entry];
        struct finding *f =
            fail(p, at_descriptor(img, x->entry, x->descriptor),
                 "descriptor %" PRIu32 " of " LOG_ENTRY " writes %" PRIu64 " bytes at 0x%" PRIx64 ": %s", x->descriptor,
                 LOG_ENTRY_ARGS(e), x->len, x->off, fault_text(kind));
        finding_expected(p, f, "%s",
                         kind == REPLAY_FAULT_WRAPS    ? "an end below 2^64"
                         : kind == REPLAY_FAULT_BEYOND ? "an end inside the file or LastFileOffset"
                                                       : "region tables, metadata, BAT or sector bitmaps");
        finding_actual(p, f, "0x%" PRIx64, x->off);
        if (kind == REPLAY_FAULT_BEYOND && !range_in(x->off, x->len, HOST_OFFSET_MAX))
            finding_stops(f, PEER_HYPERV); /* openvmm replays it and fails there */
        if (kind != REPLAY_FAULT_BEYOND && x->entry != img->log.active_first)
            finding_is_no_matter_to(f, PEER_HYPERV); /* openvmm replays what is before the entry */
    }
    for (; listed < r->fault_totals[kind]; listed++)
        fail(p, at_log(img), "one more descriptor of the sequence writes %s%s", is_past_an_end(kind) ? "" : "over ",
             fault_text(kind));
}

static void target_below(struct probe *p, const struct subject *s)
{
    target_faults(p, s->image, REPLAY_FAULT_BELOW_MIN);
}

static void target_log(struct probe *p, const struct subject *s)
{
    target_faults(p, s->image, REPLAY_FAULT_IN_LOG);
}

static void target_wraps(struct probe *p, const struct subject *s)
{
    target_faults(p, s->image, REPLAY_FAULT_WRAPS);
}

static void target_beyond(struct probe *p, const struct subject *s)
{
    target_faults(p, s->image, REPLAY_FAULT_BEYOND);
}

typedef bool target_fn(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off);

struct target_walk {
    struct probe *p;
    const struct subject *s;
    uint64_t entry;
};

/* Descriptors of the entries that are replayed; who owns their targets is asked of the replayed view. */
static void walk_active(struct probe *p, const struct subject *s, target_fn *fn)
{
    const struct log_scan *log = &s->image->log;
    struct target_walk w = {.p = p, .s = s, .entry = log->active_first};
    if (!s->image->replayed)
        return;
    for (uint64_t n = 0; n < log->active_count; n++) {
        enum status st = log_scan_descriptors(log, s->image->file, w.entry, fn, &w);
        if (st != STATUS_OK) {
            probe_status(p, st);
            return;
        }
        w.entry = log_scan_next(log, w.entry);
    }
}

static bool judge_payload_target(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off)
{
    const struct target_walk *w = ctx;
    (void)data_off;
    if (d->len == 0 || !layout_map_payload_at(w->s->view->layout, d->file_off, d->len))
        return true;
    const struct log_entry *e = &w->s->image->log.entries[w->entry];
    struct finding *f = fail(w->p, at_descriptor(w->s->image, w->entry, i),
                             "descriptor %" PRIu32 " of " LOG_ENTRY " writes %" PRIu64 " bytes at 0x%" PRIx64
                             ", inside a payload block or the old place of one",
                             i, LOG_ENTRY_ARGS(e), d->len, d->file_off);
    finding_expected(w->p, f, "region tables, metadata, BAT or sector bitmaps");
    finding_actual(w->p, f, "0x%" PRIx64, d->file_off);
    return true;
}

static void target_payload(struct probe *p, const struct subject *s)
{
    walk_active(p, s, judge_payload_target);
}

static bool judge_free_target(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off)
{
    const struct target_walk *w = ctx;
    const struct layout_map *layout = w->s->view->layout;
    (void)data_off;
    if (d->len == 0 || layout_map_fixed_at(layout, d->file_off, d->len) ||
        layout_map_payload_at(layout, d->file_off, d->len))
        return true;
    const struct log_entry *e = &w->s->image->log.entries[w->entry];
    struct finding *f = fail(w->p, at_descriptor(w->s->image, w->entry, i),
                             "descriptor %" PRIu32 " of " LOG_ENTRY " writes %" PRIu64 " bytes at 0x%" PRIx64
                             ", where no structure lies",
                             i, LOG_ENTRY_ARGS(e), d->len, d->file_off);
    finding_actual(w->p, f, "0x%" PRIx64, d->file_off);
    return true;
}

static void target_free(struct probe *p, const struct subject *s)
{
    walk_active(p, s, judge_free_target);
}

static const struct rule rules[] = {
    {
        .id = "VHDX-LOG-017",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV,
        .spec = "2.3",
        .title = "log writes over the file identifier or a header",
        .why = "No writer logs these. A crafted entry makes QEMU overwrite them, which changes what the file is.",
        .means = "the log is not replayed: metadata changes that are only in it are missing",
        .next = "do not open FILE with a program that replays logs; vhdxray log FILE",
        .check = target_below,
    },
    {
        .id = "VHDX-LOG-018",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV,
        .spec = "2.3",
        .title = "log writes over itself",
        .why = "A crafted entry that changes the log while it is replayed decides what is replayed next.",
        .means = "the log is not replayed: metadata changes that are only in it are missing",
        .next = "do not open FILE with a program that replays logs; vhdxray log FILE",
        .check = target_log,
    },
    {
        .id = "VHDX-LOG-019",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV,
        .spec = "impl",
        .title = "log writes past the end of 64-bit offsets",
        .why = "Offset and length together wrap to a small number, which slips through careless range checks.",
        .means = "the log is not replayed: metadata changes that are only in it are missing",
        .next = "do not open FILE with a program that replays logs; vhdxray log FILE",
        .check = target_wraps,
    },
    {
        .id = "VHDX-LOG-020",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_ERROR,
        .spec = "2.3.1.1, 2.3.3",
        .title = "log writes past every file size it mentions",
        .why = "LastFileOffset holds every structure. A target beyond makes QEMU grow the file without bound, or write "
               "zeros "
               "for hours.",
        .means = "the log is not replayed: metadata changes that are only in it are missing",
        .next = "do not open FILE with a program that replays logs; vhdxray log FILE",
        .check = target_beyond,
    },
    {
        .id = "VHDX-LOG-021",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG | NEED_LAYOUT,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.3",
        .title = "log writes into a payload block",
        .why = "The log carries metadata only. Either the block was placed where metadata used to be, or the entry was "
               "crafted to change guest data.",
        .means = "replaying changes guest data in the block",
        .next = "vhdxray repair FILE --consent VHDX-LOG-021 (plan only; replays the log all the same)",
        .check = target_payload,
    },
    {
        .id = "VHDX-LOG-022",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG | NEED_LAYOUT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.3",
        .title = "log writes where no structure lies",
        .why = "A crash between a new sector bitmap and its BAT entry leaves this.",
        .means = "guest data is not affected",
        .next = "vhdxray log FILE --plan",
        .check = target_free,
    },
};

const struct rule_group log_target_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
