/* SPDX-License-Identifier: MIT */
/*
 * Rules of the log ([MS-VHDX] 2.3), first part: its state and single entries. What the entries target is in
 * log_target_rules.c, how they follow each other in log_sequence_rules.c.
 *
 * A log is one of three things: empty, dirty (VHDX-LOG-001: a crash left it, replaying is normal) or invalid. Invalid
 * has exactly one cause reported: no sequence at all (VHDX-LOG-002), or a sequence that must not be replayed
 * (VHDX-LOG-003, -015, -017 to -020). Entries that count for nothing, however broken, are information.
 */
#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "check/log_entry.h"

/* ---- state, 001 - 003 ---- */

/*
 * QEMU does not look at Tail: it scans from the start of the ring and keeps the first run that ends with the newest
 * entry. So it misses what a run over the end of the ring holds in front of that end.
 */
static bool qemu_misses_entries(const struct log_scan *log)
{
    const uint32_t from = log->entries[log->active_first].ring_off;
    uint64_t i = log->active_first;
    if (log->entries[log->active_head].ring_off >= from)
        return false;
    for (; log->entries[i].ring_off >= from; i = log_scan_next(log, i))
        if (log->entries[i].descriptor_count > 0)
            return true;
    return false;
}

static void dirty(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct log_scan *log = &img->log;
    const struct replay *r = &img->replay;
    if (img->log_state != LOG_STATE_DIRTY)
        return;
    struct finding *f = fail(p, at_scanned_entry(img, log->active_head, LOG_FIELD_GUID, 16),
                             "the log is dirty: %" PRIu64 " %s to replay, %" PRIu64 " %s of which %" PRIu64
                             " would change; expected an empty log",
                             log->active_count, log->active_count == 1 ? "entry" : "entries", r->pages_touched,
                             r->pages_touched == 1 ? "page" : "pages", r->pages_changed);
    finding_expected(p, f, "LogGuid nil");
    finding_actual(p, f, "%" PRIu64 " %s to replay", log->active_count, log->active_count == 1 ? "entry" : "entries");
    finding_related(p, f, STRUCTURE_LOG, log->entries[log->active_first].ring_off / LOG_SECTOR_LEN,
                    log->off + log->entries[log->active_first].ring_off);
    if (qemu_misses_entries(log)) {
        finding_means(
            p, f,
            "the disk is complete only with the log replayed; programs that ignore it show older or missing data; "
            "QEMU replays only the entries from the start of the ring to 0x%" PRIx32
            ", not those before its end, and then empties the log: their changes are lost",
            log->entries[log->active_head].ring_off);
        finding_next(p, f, "vhdxray repair FILE (plan only; replays the log) before QEMU opens it for writing");
    }
}

/* The header's own fields about the log are right, so that its content can be blamed: not VHDX-HDR-005, -013 to -016.
 */
static bool log_is_placed(const struct image *img)
{
    const struct header *h = image_header(img);
    return h && h->log_version == 0 && h->log_off % MIB == 0 && h->log_off >= HEADER_SECTION_LEN &&
           h->log_len % MIB == 0 && !img->log.truncated;
}

static void no_sequence(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct log_scan *log = &img->log;
    if (img->log_state != LOG_STATE_INVALID || log->has_active || !log_is_placed(img))
        return;
    const struct header *h = image_header(img);
    char guid[GUID_TEXT_SIZE];
    struct finding *f =
        fail(p, at_place(STRUCTURE_LOG, NO_INDEX, log->off, log->len),
             "the header names log %s, but the log at 0x%" PRIx64 " has no valid sequence of its entries: %s",
             guid_text(&h->log_guid, guid), log->off,
             log->run_count > 0     ? "the newest entry's Tail names no entry of its sequence"
             : log->all_zero        ? "the log is all zeros"
             : log->entry_count > 0 ? "no entry with this GUID is valid"
                                    : "there is no entry");
    finding_expected(p, f, "a sequence that ends with an entry whose Tail is its first one");
    finding_related(p, f, STRUCTURE_HEADER, img->current + 1, HEADER_OFF[img->current] + 48);
    if (log->entry_count == 0)
        finding_quirk(f, "qemu");
}

static void truncated_since(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct replay *r = &img->replay;
    for (uint64_t i = 0; i < r->fault_count; i++) {
        const struct replay_fault *x = &r->faults[i];
        if (x->kind != REPLAY_FAULT_TRUNCATED || x->off > LIMIT_REPLAYED_SIZE) /* absurd is not cut: VHDX-LOG-015 */
            continue;
        const struct log_entry *e = &img->log.entries[x->entry];
        struct finding *f = fail(p, at_scanned_entry(img, x->entry, LOG_FIELD_FLUSHED, 8),
                                 "the newest " LOG_ENTRY " says that the file had %" PRIu64
                                 " bytes when it was written, but it has %" PRIu64,
                                 LOG_ENTRY_ARGS(e), x->off, img->file_size);
        finding_expected(p, f, "at least %" PRIu64 " bytes", x->off);
        finding_actual(p, f, "%" PRIu64 " bytes", img->file_size);
    }
}

/* ---- broken entries, 004 - 011 ---- */

/* The valid live entry that ends where e starts, or NULL. Entries are in ring order and valid ones hide no `loge`
 * sector. */
static const struct log_entry *entry_before(const struct log_scan *log, uint64_t i)
{
    uint64_t before = i > 0 ? i - 1 : log->entry_count - 1;
    const struct log_entry *b = &log->entries[before], *e = &log->entries[i];
    uint64_t ring_len = log->len - log->len % LOG_SECTOR_LEN;
    bool adjacent = ((uint64_t)b->ring_off + b->len) % ring_len == e->ring_off;
    return before != i && adjacent && b->live && b->defect == LOG_DEFECT_NONE ? b : NULL;
}

static const struct log_entry *entry_after(const struct log_scan *log, uint64_t i)
{
    const struct log_entry *e = &log->entries[i];
    uint64_t ring_len = log->len - log->len % LOG_SECTOR_LEN;
    uint64_t after = log_scan_at(log, (uint32_t)(((uint64_t)e->ring_off + e->len) % ring_len));
    if (after == UINT64_MAX || after == i)
        return NULL;
    const struct log_entry *a = &log->entries[after];
    return a->live && a->defect == LOG_DEFECT_NONE ? a : NULL;
}

static void checksum_wrong(struct probe *p, const struct subject *s)
{
    const struct log_scan *log = &s->image->log;
    const struct log_entry *e = s->log;
    if (!e->live || e->defect != LOG_DEFECT_CHECKSUM)
        return;
    const struct log_entry *before = entry_before(log, s->log_index), *after = entry_after(log, s->log_index);
    bool inside = before && after && before->sequence_number + 1 == e->sequence_number &&
                  e->sequence_number + 1 == after->sequence_number;
    struct finding *f = fail_as(p, inside ? SEVERITY_WARNING : SEVERITY_INFO, at_log_entry(s, 4, 4),
                                LOG_ENTRY " of the live log has a wrong checksum%s", LOG_ENTRY_ARGS(e),
                                inside ? " and lies between entries that are right" : "");
    if (inside)
        finding_means(p, f, "changes of this entry are lost, and with it the sequence that it held together");
}

static void length_impossible(struct probe *p, const struct subject *s)
{
    const struct log_entry *e = s->log;
    if (e->defect != LOG_DEFECT_LENGTH)
        return;
    struct finding *f = fail(p, at_log_entry(s, LOG_FIELD_ENTRY_LENGTH, 4),
                             LOG_ENTRY " has EntryLength %" PRIu32 ", expected a multiple of 4096 up to %" PRIu64,
                             LOG_ENTRY_ARGS(e), e->len, s->image->log.len);
    finding_expected(p, f, "a multiple of 4096 up to %" PRIu64, s->image->log.len);
    finding_actual(p, f, "%" PRIu32, e->len);
}

static void tail_impossible(struct probe *p, const struct subject *s)
{
    const struct log_entry *e = s->log;
    if (e->defect != LOG_DEFECT_TAIL)
        return;
    struct finding *f = fail(p, at_log_entry(s, LOG_FIELD_TAIL, 4),
                             LOG_ENTRY " has Tail 0x%" PRIx32 ", expected a multiple of 4096 below 0x%" PRIx64,
                             LOG_ENTRY_ARGS(e), e->tail, s->image->log.len);
    finding_expected(p, f, "a multiple of 4096 below 0x%" PRIx64, s->image->log.len);
    finding_actual(p, f, "0x%" PRIx32, e->tail);
}

static void sequence_zero(struct probe *p, const struct subject *s)
{
    if (s->log->defect != LOG_DEFECT_SEQUENCE_ZERO)
        return;
    struct finding *f = fail(p, at_log_entry(s, LOG_FIELD_SEQUENCE, 8), "log entry 0x%" PRIx32 " has SequenceNumber 0",
                             s->log->ring_off);
    finding_expected(p, f, "at least 1");
    finding_actual(p, f, "0");
}

static void descriptor_count_wrong(struct probe *p, const struct subject *s)
{
    const struct log_entry *e = s->log;
    if (e->defect != LOG_DEFECT_DESCRIPTOR_COUNT)
        return;
    struct finding *f =
        fail(p, at_log_entry(s, LOG_FIELD_DESCRIPTOR_COUNT, 4),
             LOG_ENTRY " has %" PRIu32 " descriptors in %" PRIu32 " bytes, at most %" PRIu32 " fit", LOG_ENTRY_ARGS(e),
             e->descriptor_count, e->len, (e->len - LOG_ENTRY_HEADER_LEN) / LOG_DESCRIPTOR_LEN);
    finding_expected(p, f, "at most %" PRIu32, (e->len - LOG_ENTRY_HEADER_LEN) / LOG_DESCRIPTOR_LEN);
    finding_actual(p, f, "%" PRIu32, e->descriptor_count);
}

static void descriptor_wrong(struct probe *p, const struct subject *s)
{
    const struct log_entry *e = s->log;
    if (e->defect != LOG_DEFECT_DESCRIPTOR)
        return;
    struct finding *f =
        fail(p, at_descriptor(s->image, s->log_index, e->defect_item),
             "descriptor %" PRIu32 " of " LOG_ENTRY
             " has another signature or sequence number, or an offset or length that is no multiple of 4096",
             e->defect_item, LOG_ENTRY_ARGS(e));
    finding_expected(p, f, "`desc` or `zero` with sequence number %" PRIu64, e->sequence_number);
}

static void data_sector_wrong(struct probe *p, const struct subject *s)
{
    const struct log_entry *e = s->log;
    if (e->defect != LOG_DEFECT_DATA_SECTOR)
        return;
    struct finding *f = fail(p, at_data_sector(s->image, s->log_index, e->defect_item),
                             "data sector %" PRIu32 " of " LOG_ENTRY " has another signature or sequence number",
                             e->defect_item, LOG_ENTRY_ARGS(e));
    finding_expected(p, f, "`data` with sequence number %" PRIu64 " at both ends", e->sequence_number);
}

static void length_differs(struct probe *p, const struct subject *s)
{
    const struct log_entry *e = s->log;
    if (!e->live || e->defect != LOG_DEFECT_LENGTH_MISMATCH)
        return;
    uint64_t needed = LOG_SECTOR_LEN * (log_descriptor_sectors(e->descriptor_count) + e->data_count);
    struct finding *f = fail(p, at_log_entry(s, LOG_FIELD_ENTRY_LENGTH, 4),
                             LOG_ENTRY " is %" PRIu32 " bytes long, its descriptors and data sectors need %" PRIu64,
                             LOG_ENTRY_ARGS(e), e->len, needed);
    finding_expected(p, f, "%" PRIu64, needed);
    finding_actual(p, f, "%" PRIu32, e->len);
}

/* ---- valid entries, 012 - 016 ---- */

static void reserved_set(struct probe *p, const struct subject *s)
{
    const struct log_entry *e = s->log;
    if (!e->live || e->defect != LOG_DEFECT_NONE || !e->reserved_nonzero)
        return;
    struct finding *f =
        fail(p, at_log_entry(s, 0, e->len), LOG_ENTRY " has reserved bytes set, in its header or in a zero descriptor",
             LOG_ENTRY_ARGS(e));
    finding_expected(p, f, "0");
}

static void size_unaligned(struct probe *p, const struct subject *s)
{
    const struct log_entry *e = s->log;
    if (!e->active || (e->flushed_file_off % MIB == 0 && e->last_file_off % MIB == 0))
        return;
    bool habit = e->flushed_file_off == e->last_file_off;
    struct finding *f = fail_as(p, habit ? SEVERITY_INFO : SEVERITY_WARNING, at_log_entry(s, LOG_FIELD_FLUSHED, 16),
                                LOG_ENTRY " has FlushedFileOffset 0x%" PRIx64 " and LastFileOffset 0x%" PRIx64
                                          ", expected multiples of 1 MiB",
                                LOG_ENTRY_ARGS(e), e->flushed_file_off, e->last_file_off);
    finding_expected(p, f, "multiples of 1 MiB");
    finding_actual(p, f, "0x%" PRIx64 ", 0x%" PRIx64, e->flushed_file_off, e->last_file_off);
    if (habit)
        finding_quirk(f, "openvmm");
}

static void file_must_grow(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    if (!img->log.has_active || img->replay.fault_totals[REPLAY_FAULT_SIZE_ABSURD] > 0)
        return;
    const struct log_entry *head = &img->log.entries[img->log.active_head];
    uint64_t grown;
    if (head->last_file_off <= img->file_size || !u64_align_up(head->last_file_off, MIB, &grown))
        return;
    struct finding *f = fail(p, at_scanned_entry(img, img->log.active_head, LOG_FIELD_LAST, 8),
                             "replaying the log makes the file grow by %" PRIu64 " bytes, to LastFileOffset 0x%" PRIx64
                             " of the newest " LOG_ENTRY "%s",
                             grown - img->file_size, head->last_file_off, LOG_ENTRY_ARGS(head),
                             grown == head->last_file_off ? "" : " and the next MiB boundary");
    finding_actual(p, f, "%" PRIu64 " bytes", img->file_size);
    finding_expected(p, f, "%" PRIu64 " bytes", grown);
}

static void size_absurd(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    for (uint64_t i = 0; i < img->replay.fault_count; i++) {
        const struct replay_fault *x = &img->replay.faults[i];
        if (x->kind != REPLAY_FAULT_SIZE_ABSURD)
            continue;
        const struct log_entry *e = &img->log.entries[x->entry];
        /* Both may be absurd, and the same number: LastFileOffset is judged first, the second fault is the other one.
         */
        bool second = i > 0 && x[-1].kind == x->kind && x[-1].entry == x->entry && x[-1].off == x->off;
        bool flushed = x->off == e->flushed_file_off && (x->off != e->last_file_off || second);
        struct finding *f = fail(p, at_scanned_entry(img, x->entry, flushed ? LOG_FIELD_FLUSHED : LOG_FIELD_LAST, 8),
                                 LOG_ENTRY " has %s 0x%" PRIx64 ", more than any VHDX file can need", LOG_ENTRY_ARGS(e),
                                 flushed ? "FlushedFileOffset" : "LastFileOffset", x->off);
        if (x->off == e->flushed_file_off)
            finding_stops(f, PEER_QEMU);
        finding_expected(p, f, "at most 0x800000000000");
        finding_actual(p, f, "0x%" PRIx64, x->off);
    }
}

static void size_odd(struct probe *p, const struct subject *s)
{
    const struct log_entry *e = s->log;
    if (e->defect != LOG_DEFECT_NONE || (e->flushed_file_off != 0 && e->flushed_file_off <= e->last_file_off))
        return;
    struct finding *f = fail(p, at_log_entry(s, LOG_FIELD_FLUSHED, 16),
                             LOG_ENTRY " has FlushedFileOffset 0x%" PRIx64 " and LastFileOffset 0x%" PRIx64,
                             LOG_ENTRY_ARGS(e), e->flushed_file_off, e->last_file_off);
    finding_expected(p, f, "a FlushedFileOffset above 0, up to LastFileOffset");
    finding_actual(p, f, "0x%" PRIx64, e->flushed_file_off);
    if (e->flushed_file_off == 0)
        finding_quirk(f, "windows");
}

static const struct rule rules[] = {
    {
        .id = "VHDX-LOG-001",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.3.3",
        .title = "log is dirty and must be replayed",
        .why = "The file was not closed cleanly: power loss, a killed program, or a copy taken while it was open. The "
               "log holds "
               "the newest metadata. QEMU refuses to open such a file read-only, 7-Zip, libvhdi and others ignore the "
               "log.",
        .means = "the disk is complete only with the log replayed; programs that ignore it show older or missing data",
        .next = "vhdxray repair FILE (plan only; replays the log; `vhdxray log FILE --plan` shows the pages)",
        .check = dirty,
    },
    {
        .id = "VHDX-LOG-002",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV,
        .spec = "2.3.3",
        .title = "log is in use but has no valid sequence",
        .why = "A log GUID in the header says that there is something to replay. QEMU writes it before the first "
               "entry, so a "
               "QEMU that was killed in between leaves this without damage; otherwise the log was torn or overwritten.",
        .means = "metadata changes that were only in the log are lost; nothing is missing if QEMU was killed before "
                 "its first "
                 "entry",
        .next = "vhdxray repair FILE --consent VHDX-LOG-002 (plan only; gives the log up); vhdxray log FILE "
                "shows what entries are left",
        .check = no_sequence,
    },
    {
        .id = "VHDX-LOG-003",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU,
        .spec = "2.3.3",
        .title = "file is shorter than its log says",
        .why =
            "FlushedFileOffset of the newest entry is the size that was on disk for sure. A shorter file was cut after "
            "that, so what the log points to may be gone.",
        .means = "guest data at the end of the file is lost; the log is not replayed",
        .next = "vhdxray repair FILE --consent VHDX-LOG-003 (plan only; makes the file longer with zeros, "
                "then replays); look for a complete copy of FILE first",
        .check = truncated_since,
    },
    {
        .id = "VHDX-LOG-004",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_INFO,
        .spec = "2.3.1.1",
        .title = "log entry of the live log with a wrong checksum",
        .why = "The last write before a crash may be torn, and older entries are overwritten piece by piece. Between "
               "two valid "
               "neighbours it is damage.",
        .means = "guest data is not affected by a torn last entry: its changes never happened",
        .next = "vhdxray log FILE",
        .check = checksum_wrong,
    },
    {
        .id = "VHDX-LOG-005",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_INFO,
        .spec = "2.3.1.1",
        .title = "log entry with an impossible length",
        .why = "An entry fills whole sectors of 4096 bytes and fits its log. Readers that trust the field loop or read "
               "past "
               "the log.",
        .means = "guest data is not affected: the entry counts for nothing",
        .next = "vhdxray log FILE",
        .check = length_impossible,
    },
    {
        .id = "VHDX-LOG-006",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_INFO,
        .spec = "2.3.1.1",
        .title = "log entry with an impossible Tail",
        .why = "Tail is the place of the oldest entry of the sequence: a sector inside the log.",
        .means = "guest data is not affected: the entry counts for nothing",
        .next = "vhdxray log FILE",
        .check = tail_impossible,
    },
    {
        .id = "VHDX-LOG-007",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_INFO,
        .spec = "2.3.1.1",
        .title = "log entry with sequence number 0",
        .why = "Sequence numbers start at 1; 0 is what a wiped or crafted entry has.",
        .means = "guest data is not affected: the entry counts for nothing",
        .next = "vhdxray log FILE",
        .check = sequence_zero,
    },
    {
        .id = "VHDX-LOG-008",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_INFO,
        .spec = "2.3.1.1",
        .title = "log entry with more descriptors than it has room for",
        .why = "Readers that multiply the count in 32 bits are led past the entry.",
        .means = "guest data is not affected: the entry counts for nothing",
        .next = "vhdxray log FILE",
        .check = descriptor_count_wrong,
    },
    {
        .id = "VHDX-LOG-009",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_INFO,
        .spec = "2.3.1.2, 2.3.1.3",
        .title = "log entry with a broken descriptor",
        .why = "Each descriptor repeats the entry's sequence number, so that a sector of another entry in its place is "
               "noticed.",
        .means = "guest data is not affected: the entry counts for nothing",
        .next = "vhdxray log FILE",
        .check = descriptor_wrong,
    },
    {
        .id = "VHDX-LOG-010",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_INFO,
        .spec = "2.3.1.4",
        .title = "log entry with a torn data sector",
        .why = "The sequence number stands at both ends of every data sector, so that a half-written one is noticed.",
        .means = "guest data is not affected: the entry counts for nothing",
        .next = "vhdxray log FILE",
        .check = data_sector_wrong,
    },
    {
        .id = "VHDX-LOG-011",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_WARNING,
        .spec = "2.3.1",
        .title = "log entry longer than its descriptors and data",
        .why = "The checksum is right, so a writer meant it. Programs disagree: QEMU and DiscUtils replay such an "
               "entry, openvmm "
               "and this program do not.",
        .means = "which metadata is current depends on the program that opens the file",
        .next = "vhdxray log FILE",
        .check = length_differs,
    },
    {
        .id = "VHDX-LOG-012",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_WARNING,
        .spec = "2.3.1.1, 2.3.1.2",
        .title = "reserved bytes set in a log entry",
        .why = "They are zero in every log a known writer makes.",
        .means = "guest data is not affected",
        .next = "vhdxray log FILE",
        .check = reserved_set,
    },
    {
        .id = "VHDX-LOG-013",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_WARNING,
        .spec = "2.3.1.1",
        .title = "file sizes in a log entry are no multiples of 1 MiB",
        .why = "Both sizes are rounded to MiB by the specification. openvmm stores the unrounded size of the file in "
               "both.",
        .means = "guest data is not affected; programs may set another file size when they replay",
        .next = "vhdxray log FILE",
        .check = size_unaligned,
    },
    {
        .id = "VHDX-LOG-014",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.3.3",
        .title = "file grows when the log is replayed",
        .why = "A crash can lose the last growth of the file. LastFileOffset of the newest entry says how large it "
               "must become; "
               "QEMU does not extend it.",
        .means = "the bytes that are added read as zeros",
        .next = "vhdxray log FILE --plan",
        .check = file_must_grow,
    },
    {
        .id = "VHDX-LOG-015",
        .scope = SCOPE_IMAGE,
        .needs = NEED_LOG,
        .severity = SEVERITY_ERROR,
        .spec = "impl",
        .title = "log asks for an absurd file size",
        .why = "A crafted LastFileOffset makes careless programs grow the file until the host is full.",
        .means = "the log is not replayed: metadata changes that are only in it are missing",
        .next = "do not open FILE with a program that replays logs; vhdxray log FILE",
        .check = size_absurd,
    },
    {
        .id = "VHDX-LOG-016",
        .scope = SCOPE_LOG_ENTRY,
        .severity = SEVERITY_INFO,
        .spec = "2.3.1.1",
        .title = "odd file sizes in a log entry",
        .why = "FlushedFileOffset is a size that the file had, LastFileOffset one that holds everything. Windows 8 "
               "wrote a "
               "FlushedFileOffset of 0.",
        .means = "guest data is not affected",
        .next = "nothing needs to be done",
        .check = size_odd,
    },
};

const struct rule_group log_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
