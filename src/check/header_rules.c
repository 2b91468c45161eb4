/* SPDX-License-Identifier: MIT */
/*
 * HDR, first part: validity of the two headers, the choice between them, versions, and the place of the log. Rules
 * about the values of a header speak of the current one: what the other says counts only when it becomes current, and
 * where it differs is told by header_pair_rules.c.
 */
#include <inttypes.h>

#include "base/le.h"
#include "base/text.h"
#include "check/rule.h"
#include "check/wording.h"

static const uint64_t OPENVMM_LOG_MAX = (uint64_t)1 << 30;

/* Field offsets, 2.2.2. */
enum {
    FIELD_CHECKSUM = 4,
    FIELD_SEQUENCE = 8,
    FIELD_LOG_VERSION = 64,
    FIELD_VERSION = 66,
    FIELD_LOG_LENGTH = 68,
    FIELD_LOG_OFFSET = 72,
};

static bool is_current(const struct subject *s)
{
    return s->slot == s->image->current;
}

static bool other_is_valid(const struct subject *s)
{
    return s->image->headers[1 - s->slot].valid;
}

/* Otherwise VHDX-FILE-001 or -002 tells about the slot. */
static bool is_whole(const struct subject *s)
{
    return s->image->headers[s->slot].got == HEADER_LEN;
}

static bool log_is_live(const struct header *h)
{
    return !guid_is_nil(&h->log_guid);
}

/* ---- VHDX-HDR-001, -003: one slot is bad, the other serves ---- */

static void has_signature(struct probe *p, const struct subject *s)
{
    if (!is_whole(s) || s->header->signature_ok || !other_is_valid(s))
        return;
    struct finding *f =
        fail(p, at_header(s, 0, 4), "header %d has no \"head\" signature: found 0x%08" PRIx32 "; header %d is used",
             s->slot + 1, le32(s->header->raw.ptr), 2 - s->slot);
    finding_expected(p, f, "0x64616568 (\"head\")");
    finding_actual(p, f, "0x%08" PRIx32, le32(s->header->raw.ptr));
}

static void checksum_is_right(struct probe *p, const struct subject *s)
{
    if (!is_whole(s) || !s->header->signature_ok || s->header->checksum_ok || !other_is_valid(s))
        return;
    struct finding *f = fail(p, at_header(s, FIELD_CHECKSUM, 4),
                             "header %d has a wrong checksum: 0x%08" PRIx32
                             " is stored, its 4096 bytes give 0x%08" PRIx32 "; header %d is used",
                             s->slot + 1, s->header->checksum, s->header->checksum_computed, 2 - s->slot);
    finding_expected(p, f, "0x%08" PRIx32, s->header->checksum_computed);
    finding_actual(p, f, "0x%08" PRIx32, s->header->checksum);
}

/* ---- VHDX-HDR-002 ---- */

/* Fields that a mere checksum fault would leave sensible; both copies must tell the same log (format.md 18, P9). */
static bool is_plausible(const struct header *h)
{
    return h->signature_ok && h->version == 1 && h->log_version == 0 && h->log_len % MIB == 0 &&
           h->log_off % MIB == 0 && h->log_off >= HEADER_SECTION_LEN;
}

static bool pair_is_plausible(const struct image *img)
{
    const struct header *a = &img->headers[0].h, *b = &img->headers[1].h;
    return is_plausible(a) && is_plausible(b) && a->log_len == b->log_len && a->log_off == b->log_off &&
           guid_equal(&a->log_guid, &b->log_guid);
}

static const char *what_is_wrong(const struct header_slot *slot)
{
    if (slot->io_error)
        return "cannot be read";
    if (slot->got == 0)
        return "lies behind the end of the file";
    if (!slot->h.signature_ok)
        return "has no \"head\" signature";
    return slot->got < HEADER_LEN ? "is cut off" : "has a wrong checksum";
}

static void one_is_valid(struct probe *p, const struct subject *s)
{
    const struct header_slot *a = &s->image->headers[0], *b = &s->image->headers[1];
    if (s->image->current >= 0 || (a->got < HEADER_LEN && b->got < HEADER_LEN))
        return; /* the file does not have them, or they cannot be read: VHDX-FILE-001, -002 */
    struct finding *f =
        fail(p, at_place(STRUCTURE_HEADER, NO_INDEX, HEADER_OFF[0], HEADER_LEN),
             "no valid header: header 1 at 0x10000 %s, header 2 at 0x20000 %s", what_is_wrong(a), what_is_wrong(b));
    finding_expected(p, f, "signature \"head\" and CRC-32C right in at least one");
    finding_related(p, f, STRUCTURE_HEADER, 2, HEADER_OFF[1]);
    if (!a->h.signature_ok || !b->h.signature_ok)
        finding_stops_also(f, PEER_LIBVHDI); /* it computes no checksum */
    if (!pair_is_plausible(s->image)) {
        finding_repair(f, REPAIR_NONE);
        finding_next(p, f, "keep a copy of the file and do not write to it; vhdxray dump FILE headers --hex");
    }
}

/* ---- VHDX-HDR-004, -005: versions ---- */

static void version_is_1(struct probe *p, const struct subject *s)
{
    if (!is_current(s) || s->header->version == 1)
        return;
    struct finding *f = fail(p, at_header(s, FIELD_VERSION, 2), "header %d, the current one, has Version %u",
                             s->slot + 1, s->header->version);
    finding_expected(p, f, "1");
    finding_actual(p, f, "%u", s->header->version);
    /* QEMU takes such a header for invalid and falls back to the other one. */
    const struct header_slot *other = &s->image->headers[1 - s->slot];
    if (!other->valid || other->h.version != 1)
        finding_stops(f, PEER_QEMU | PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP | PEER_VIRTUALBOX);
}

static void log_version_is_0(struct probe *p, const struct subject *s)
{
    if (!is_current(s) || s->header->log_version == 0)
        return;
    bool live = log_is_live(s->header);
    struct finding *f = fail_as(p, live ? SEVERITY_ERROR : SEVERITY_WARNING, at_header(s, FIELD_LOG_VERSION, 2),
                                "header %d, the current one, has LogVersion %u%s", s->slot + 1, s->header->log_version,
                                live ? "; its log is in use and cannot be replayed" : "; its log is empty");
    finding_expected(p, f, "0");
    finding_actual(p, f, "%u", s->header->log_version);
    if (live)
        return;
    finding_repair(f, REPAIR_AUTOMATIC);
    finding_next(p, f, "vhdxray repair FILE (plan only; sets LogVersion to 0)");
    finding_stops(f, PEER_QEMU);
    finding_means(p, f, "guest data is not affected as long as the log is empty");
}

/* ---- VHDX-HDR-006..-009: equal and distant sequence numbers ---- */

static void field_differs(struct text *t, const char *name, bool differs)
{
    if (differs)
        text_addf(t, "%s%s", t->len > 0 ? ", " : "", name);
}

static const char *differing_fields(struct probe *p, const struct header *a, const struct header *b)
{
    struct text t = words_of(p);
    field_differs(&t, "FileWriteGuid", !guid_equal(&a->file_write_guid, &b->file_write_guid));
    field_differs(&t, "DataWriteGuid", !guid_equal(&a->data_write_guid, &b->data_write_guid));
    field_differs(&t, "LogGuid", !guid_equal(&a->log_guid, &b->log_guid));
    field_differs(&t, "LogVersion", a->log_version != b->log_version);
    field_differs(&t, "Version", a->version != b->version);
    field_differs(&t, "LogLength", a->log_len != b->log_len);
    field_differs(&t, "LogOffset", a->log_off != b->log_off);
    return text_str(&t);
}

static struct place at_sequence_numbers(void)
{
    return at_place(STRUCTURE_HEADER, NO_INDEX, HEADER_OFF[0] + FIELD_SEQUENCE, 8);
}

static void choice_is_clear(struct probe *p, const struct subject *s)
{
    const struct header *a = &s->image->headers[0].h, *b = &s->image->headers[1].h;
    if (s->image->choice != HEADER_AMBIGUOUS)
        return;
    const char *fields = differing_fields(p, a, b);
    struct finding *f =
        fail(p, at_sequence_numbers(),
             "both headers are valid with SequenceNumber 0x%" PRIx64 ", but differ in %s: neither is current",
             a->sequence_number, fields);
    finding_expected(p, f, "different sequence numbers, or equal headers");
    finding_actual(p, f, "different %s", fields);
    finding_related(p, f, STRUCTURE_HEADER, 2, HEADER_OFF[1]);
}

static void headers_not_identical(struct probe *p, const struct subject *s)
{
    if (s->image->choice != HEADER_IDENTICAL)
        return;
    struct finding *f = fail(p, at_sequence_numbers(),
                             "both headers are identical, SequenceNumber 0x%" PRIx64 " included; header 1 is used",
                             s->image->headers[0].h.sequence_number);
    finding_quirk(f, "disk2vhd");
    finding_related(p, f, STRUCTURE_HEADER, 2, HEADER_OFF[1]);
}

static void reserved_bytes_agree(struct probe *p, const struct subject *s)
{
    if (s->image->choice != HEADER_SAME_FIELDS)
        return;
    const uint8_t *a = s->image->headers[0].h.raw.ptr, *b = s->image->headers[1].h.raw.ptr;
    unsigned count = 0, first = 0;
    for (unsigned i = HEADER_FIELDS_LEN; i < HEADER_LEN; i++)
        if (a[i] != b[i] && count++ == 0)
            first = i;
    struct finding *f =
        fail(p, at_place(STRUCTURE_HEADER, NO_INDEX, HEADER_OFF[0] + first, HEADER_LEN - first),
             "both headers have SequenceNumber 0x%" PRIx64
             " and the same fields, but differ in %u reserved byte%s, the first at offset %u; header 1 is used",
             s->image->headers[0].h.sequence_number, count, plural(count), first);
    finding_expected(p, f, "0x%02x", b[first]);
    finding_actual(p, f, "0x%02x", a[first]);
    finding_related(p, f, STRUCTURE_HEADER, 2, HEADER_OFF[1] + first);
}

static void sequence_has_no_gap(struct probe *p, const struct subject *s)
{
    uint64_t a = s->image->headers[0].h.sequence_number, b = s->image->headers[1].h.sequence_number;
    uint64_t gap = a > b ? a - b : b - a;
    if (gap <= 1)
        return;
    struct finding *f =
        fail(p, at_sequence_numbers(),
             "the sequence numbers of the headers, 0x%" PRIx64 " and 0x%" PRIx64 ", are %" PRIu64 " apart", a, b, gap);
    finding_expected(p, f, "1 apart");
    finding_actual(p, f, "%" PRIu64 " apart", gap);
}

static void sequence_can_rise(struct probe *p, const struct subject *s)
{
    if (!is_current(s) || s->header->sequence_number != UINT64_MAX)
        return;
    struct finding *f =
        fail(p, at_header(s, FIELD_SEQUENCE, 8),
             "header %d, the current one, has the highest SequenceNumber there is, 0xffffffffffffffff", s->slot + 1);
    finding_expected(p, f, "less than 0xffffffffffffffff");
    finding_actual(p, f, "0xffffffffffffffff");
}

/* ---- VHDX-HDR-011, -012: reserved bytes ---- */

static void reserved_is_zero(struct probe *p, const struct subject *s)
{
    if (!s->image->headers[s->slot].valid)
        return; /* damage in there already broke the checksum */
    struct span_residue r = span_residue(s->header->raw, HEADER_FIELDS_LEN);
    if (r.bytes == 0)
        return;
    struct finding *f = fail(p, at_header(s, r.first, HEADER_LEN - r.first),
                             "header %d has %" PRIu64 " non-zero reserved byte%s, the first at offset %zu", s->slot + 1,
                             r.bytes, plural(r.bytes), r.first);
    finding_expected(p, f, "zeros in bytes 80 to 4095");
    finding_actual(p, f, "0x%02x", s->header->raw.ptr[r.first]);
}

static void slot_rest_is_zero(struct probe *p, const struct subject *s)
{
    struct residue r = {0};
    uint64_t off = HEADER_OFF[s->slot] + HEADER_LEN, end = HEADER_OFF[s->slot] + HEADER_SECTION_SLOT_LEN;
    probe_status(p, view_residue(s->image->stored, off, end - off, &r));
    if (r.bytes == 0)
        return;
    struct finding *f =
        fail(p, at_place(STRUCTURE_HEADER, s->slot + 1, r.first_off, end - r.first_off),
             "%" PRIu64 " non-zero byte%s in the unused 60 KiB behind header %d, the first at 0x%" PRIx64, r.bytes,
             plural(r.bytes), s->slot + 1, r.first_off);
    finding_expected(p, f, "zeros");
}

/* ---- VHDX-HDR-013..-019: the place of the log ---- */

/* Nobody can say what a log in use holds when its place is wrong, so it can be neither replayed nor moved. */
static void not_repairable(struct probe *p, struct finding *f)
{
    finding_repair(f, REPAIR_NONE);
    finding_next(p, f, "keep a copy of the file and do not write to it; vhdxray dump FILE headers --hex");
}

static void log_len_in_mib(struct probe *p, const struct subject *s)
{
    if (!is_current(s) || s->header->log_len % MIB == 0)
        return;
    struct finding *f =
        fail(p, at_header(s, FIELD_LOG_LENGTH, 4), "header %d: LogLength 0x%" PRIx32 " is not a multiple of 1 MiB",
             s->slot + 1, s->header->log_len);
    finding_expected(p, f, "a multiple of 0x100000");
    finding_actual(p, f, "0x%" PRIx32, s->header->log_len);
    if (log_is_live(s->header)) {
        not_repairable(p, f);
        finding_stops(f, PEER_QEMU | PEER_HYPERV);
    }
}

static void log_off_in_mib(struct probe *p, const struct subject *s)
{
    if (!is_current(s) || s->header->log_off % MIB == 0)
        return;
    struct finding *f =
        fail(p, at_header(s, FIELD_LOG_OFFSET, 8), "header %d: LogOffset 0x%" PRIx64 " is not a multiple of 1 MiB",
             s->slot + 1, s->header->log_off);
    finding_expected(p, f, "a multiple of 0x100000");
    finding_actual(p, f, "0x%" PRIx64, s->header->log_off);
    if (log_is_live(s->header))
        not_repairable(p, f);
}

static void log_behind_header_section(struct probe *p, const struct subject *s)
{
    if (!is_current(s) || s->header->log_len == 0 || s->header->log_off >= HEADER_SECTION_LEN)
        return;
    struct finding *f =
        fail(p, at_header(s, FIELD_LOG_OFFSET, 8), "header %d: LogOffset 0x%" PRIx64 " lies inside the header section",
             s->slot + 1, s->header->log_off);
    finding_expected(p, f, "at least 0x100000");
    finding_actual(p, f, "0x%" PRIx64, s->header->log_off);
    if (log_is_live(s->header))
        not_repairable(p, f);
}

static void log_inside_file(struct probe *p, const struct subject *s)
{
    const struct header *h = s->header;
    uint64_t size = s->image->file_size;
    if (!is_current(s) || h->log_len == 0 || range_in(h->log_off, h->log_len, size) || size < HEADER_SECTION_LEN)
        return;
    bool wraps = h->log_off > UINT64_MAX - h->log_len;
    struct finding *f =
        fail(p, at_header(s, FIELD_LOG_LENGTH, 12),
             "header %d: the log at 0x%" PRIx64 ", 0x%" PRIx32 " bytes long, %s (file size 0x%" PRIx64 ")", s->slot + 1,
             h->log_off, h->log_len, wraps ? "wraps past 2^64" : "does not lie inside the file", size);
    finding_expected(p, f, "an end at or below 0x%" PRIx64, size);
    if (!wraps)
        finding_actual(p, f, "0x%" PRIx64, h->log_off + h->log_len);
    if (wraps || log_is_live(h))
        not_repairable(p, f);
}

static void live_log_has_room(struct probe *p, const struct subject *s)
{
    if (!is_current(s) || s->header->log_len != 0 || !log_is_live(s->header))
        return;
    struct finding *f = fail(p, at_header(s, FIELD_LOG_LENGTH, 4),
                             "header %d: LogLength is 0, but LogGuid %s says there is a log to replay", s->slot + 1,
                             shown_plain_guid(p, &s->header->log_guid));
    finding_expected(p, f, "a log, or a nil LogGuid");
    finding_actual(p, f, "0");
}

static void has_log(struct probe *p, const struct subject *s)
{
    if (!is_current(s) || s->header->log_len != 0 || log_is_live(s->header))
        return;
    struct finding *f =
        fail(p, at_header(s, FIELD_LOG_LENGTH, 4), "header %d: LogLength is 0: the file has no log", s->slot + 1);
    finding_expected(p, f, "at least 0x100000");
    finding_actual(p, f, "0");
}

static void log_len_is_usual(struct probe *p, const struct subject *s)
{
    if (!is_current(s) || s->header->log_len <= OPENVMM_LOG_MAX)
        return;
    struct finding *f =
        fail(p, at_header(s, FIELD_LOG_LENGTH, 4),
             "header %d: LogLength is %" PRIu32 " bytes (%" PRIu32 " MiB); openvmm accepts 1024 MiB at most",
             s->slot + 1, s->header->log_len, s->header->log_len / (uint32_t)MIB);
    finding_expected(p, f, "at most 1073741824");
    finding_actual(p, f, "%" PRIu32, s->header->log_len);
}

static const char SEE_HEADERS[] = "keep a copy of the file; vhdxray dump FILE headers --hex";
static const char NO_EFFECT[] = "guest data is not affected";

static const struct rule rules[] = {
    {
        .id = "VHDX-HDR-001",
        .scope = SCOPE_HEADER,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_LIBVHDI | PEER_7ZIP,
        .spec = "2.2.2",
        .title = "one header has no signature",
        .why =
            "Headers are written in turn so that one survives a crash. A slot without a signature was overwritten or "
            "never written; the file has lost its spare header.",
        .means = "guest data is not affected while the other header is good; one more fault makes the file unreadable",
        .next = "vhdxray repair FILE (plan only; writes the bad header from the good one)",
        .check = has_signature,
    },
    {
        .id = "VHDX-HDR-002",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.2.2",
        .title = "no valid header",
        .why =
            "Without a valid header nobody knows whether the log must be replayed, so the format forbids opening the "
            "file. "
            "Seen after writers with a wrong checksum (cloud-hypervisor before December 2024) and overwritten starts.",
        .means = "guest data may be intact, but changes that are still in the log are unknown",
        .next = "vhdxray repair FILE --consent VHDX-HDR-002 (plan only; computes both checksums anew)",
        .check = one_is_valid,
    },
    {
        .id = "VHDX-HDR-003",
        .scope = SCOPE_HEADER,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_7ZIP,
        .spec = "2.2.2",
        .title = "one header has a wrong checksum",
        .why = "A header write that a crash cut short, or damage. The format has two headers for this case, and the "
               "other one is good.",
        .means =
            "guest data is not affected when the damaged header was the older one; else the last header update is lost",
        .next = "vhdxray repair FILE (plan only; writes the bad header from the good one)",
        .check = checksum_is_right,
    },
    {
        .id = "VHDX-HDR-004",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.2.2",
        .title = "current header has an unknown version",
        .why = "A program that does not know the version must not open the file. No other version than 1 was ever "
               "published, so this is damage under a right checksum, or a forgery.",
        .means = "guest data is read by the rules of version 1, which may be wrong",
        .next = SEE_HEADERS,
        .check = version_is_1,
    },
    {
        .id = "VHDX-HDR-005",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV,
        .spec = "2.2.2",
        .title = "current header has an unknown log version",
        .why =
            "Entries of an unknown version cannot be replayed. With an empty log the number does no harm, though QEMU "
            "refuses the file all the same.",
        .means = "changes that are still in the log are out of reach: guest data may be older than the guest wrote it",
        .next = "keep a copy of the file; vhdxray log FILE lists what the log holds",
        .check = log_version_is_0,
    },
    {
        .id = "VHDX-HDR-006",
        .scope = SCOPE_IMAGE,
        .needs = NEED_BOTH_HEADERS,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_7ZIP,
        .spec = "2.2.2",
        .title = "both headers are valid with the same sequence number and different content",
        .why = "The higher number decides which header counts; with equal numbers neither does, and the format calls "
               "the file corrupt. Two programs wrote to it at once, or it was put together from two states.",
        .means = "which log and which state of the disk is the right one is unknown; header 1 was used for this report",
        .next = "vhdxray repair FILE --consent VHDX-HDR-006 (plan only; keeps the header with which the "
                "image has fewer errors)",
        .check = choice_is_clear,
    },
    {
        .id = "VHDX-HDR-007",
        .scope = SCOPE_IMAGE,
        .needs = NEED_BOTH_HEADERS,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.2.2",
        .title = "both headers are identical",
        .why = "Disk2vhd writes the same header twice. By the letter of the format neither is current, but both say "
               "the same, so every program accepts it.",
        .means = NO_EFFECT,
        .next = "nothing needs to be done",
        .check = headers_not_identical,
    },
    {
        .id = "VHDX-HDR-008",
        .scope = SCOPE_IMAGE,
        .needs = NEED_BOTH_HEADERS,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_QEMU,
        .spec = "2.2.2",
        .title = "headers with the same sequence number differ in reserved bytes",
        .why =
            "All fields agree, so it does not matter which header is used; but the reserved bytes, and with them the "
            "checksums, differ, and QEMU refuses the pair.",
        .means = NO_EFFECT,
        .next = "vhdxray repair FILE (plan only; writes both headers anew)",
        .check = reserved_bytes_agree,
    },
    {
        .id = "VHDX-HDR-009",
        .scope = SCOPE_IMAGE,
        .needs = NEED_BOTH_HEADERS,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.2.2.1",
        .title = "gap between the sequence numbers of the headers",
        .why = "Each update writes the older slot with the next number, so both differ by one. A gap means that "
               "updates of one slot were lost or that a header was put back from an older state.",
        .means = NO_EFFECT,
        .next = SEE_HEADERS,
        .check = sequence_has_no_gap,
    },
    {
        .id = "VHDX-HDR-010",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV,
        .spec = "2.2.2.1",
        .title = "sequence number of the current header cannot rise any more",
        .why = "Every header update needs a higher number than the last. Programs that add one without looking wrap "
               "to 0, and the update they made never counts.",
        .means = "guest data can be read; writing to the disk may lose the changes",
        .next = "vhdxray repair FILE --consent VHDX-HDR-010 (plan only; numbers both headers anew)",
        .check = sequence_can_rise,
    },
    {
        .id = "VHDX-HDR-011",
        .scope = SCOPE_HEADER,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.2.2",
        .title = "reserved bytes of a header are not zero",
        .why = "The 4016 bytes behind the fields must be written as zeros and are under the checksum, so a writer put "
               "something there on purpose or from a buffer that was not cleared.",
        .means = NO_EFFECT,
        .next = "vhdxray repair FILE --consent VHDX-HDR-011 (plan only; fills the bytes with zeros; they may "
                "be evidence)",
        .check = reserved_is_zero,
    },
    {
        .id = "VHDX-HDR-012",
        .scope = SCOPE_HEADER,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.2.2",
        .title = "bytes in the unused room behind a header",
        .why = "A header takes 4 KiB of its 64 KiB. The rest is under no checksum and never written; what is there "
               "was left behind or hidden.",
        .means = NO_EFFECT,
        .next = "vhdxray dump FILE headers --hex shows the bytes",
        .check = slot_rest_is_zero,
    },
    {
        .id = "VHDX-HDR-013",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.2.2",
        .title = "log length is not a multiple of 1 MiB",
        .why = "The log is a ring of whole MiB. With another length programs disagree where it wraps, and so which "
               "entries count.",
        .means = "changes that are still in the log may be lost or replayed wrongly",
        .next = "vhdxray repair FILE --consent VHDX-HDR-013 (plan only; gives the empty log a proper length "
                "or place)",
        .check = log_len_in_mib,
    },
    {
        .id = "VHDX-HDR-014",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP,
        .spec = "2.2.2",
        .title = "log does not start on a 1 MiB boundary",
        .why =
            "All objects behind the header section lie on MiB boundaries. A log elsewhere is damage or a forgery; it "
            "usually overlaps something.",
        .means = "the place of the log cannot be trusted: replaying or writing it may destroy other structures",
        .next = "vhdxray repair FILE --consent VHDX-HDR-014 (plan only; gives the empty log another place)",
        .check = log_off_in_mib,
    },
    {
        .id = "VHDX-HDR-015",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV,
        .spec = "2.2.2, 2.3",
        .title = "log lies inside the header section",
        .why = "A program that writes its log there overwrites identifier, headers and region tables. Damage of "
               "LogOffset, or an attack on the program that opens the file.",
        .means = "guest data is intact as long as nobody writes to this file",
        .next = "vhdxray repair FILE --consent VHDX-HDR-015 (plan only; gives the empty log another place)",
        .check = log_behind_header_section,
    },
    {
        .id = "VHDX-HDR-016",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV,
        .spec = "2.2.2",
        .title = "log is not wholly inside the file",
        .why =
            "The file was cut off, or LogOffset or LogLength is damaged. Entries behind the end of the file are gone.",
        .means = "changes that were only in the missing part of the log are lost",
        .next = "vhdxray repair FILE --consent VHDX-HDR-016 (plan only; makes the file longer, or gives the "
                "empty log another place)",
        .check = log_inside_file,
    },
    {
        .id = "VHDX-HDR-017",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV,
        .spec = "2.2.2",
        .title = "header names a log to replay, but the log has length 0",
        .why = "A LogGuid that is not nil means that changes wait in the log. Without a log they cannot be found: one "
               "of the two fields is damaged.",
        .means = "guest data may be older than the guest wrote it, if there ever were changes in a log",
        .next = "vhdxray repair FILE --consent VHDX-HDR-017 (plan only; gives the log up and makes a new, "
                "empty one)",
        .check = live_log_has_room,
    },
    {
        .id = "VHDX-HDR-018",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV,
        .spec = "2.3",
        .title = "file has no log",
        .why = "Changes of BAT and metadata must go through the log, so no program that follows the format can write "
               "to this disk.",
        .means = "guest data can be read; writing fails, or a crash during it damages the disk",
        .next = "vhdxray repair FILE --consent VHDX-HDR-018 (plan only; makes an empty log behind the end of "
                "the file)",
        .check = has_log,
    },
    {
        .id = "VHDX-HDR-019",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_WARNING,
        .stops = PEER_HYPERV,
        .spec = "impl",
        .title = "log is longer than 1 GiB",
        .why = "The field allows 4 GiB, but logs of real disks have one to a few MiB, and openvmm refuses more than 1 "
               "GiB (qemu-img makes them when asked to). A huge log makes programs that scan it sector by sector very "
               "slow.",
        .means = NO_EFFECT,
        .next = SEE_HEADERS,
        .check = log_len_is_usual,
    },
};

const struct rule_group header_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
