/* SPDX-License-Identifier: MIT */
/*
 * HDR, second part: GUIDs of the current header, what the two valid headers say differently, and the reserved end of
 * the header section. Differences between the headers are history, not damage, as long as both agree on the log: the
 * older one is the state before the last update.
 */
#include <inttypes.h>
#include <string.h>

#include "check/rule.h"
#include "check/wording.h"

/* Field offsets, 2.2.2. */
enum {
    FIELD_SEQUENCE = 8,
    FIELD_FILE_WRITE_GUID = 16,
    FIELD_DATA_WRITE_GUID = 32,
    FIELD_LOG_GUID = 48,
    FIELD_VERSIONS = 64,
    FIELD_LOG_PLACE = 68,
};

static bool is_current(const struct subject *s)
{
    return s->slot == s->image->current;
}

static const struct header *current(const struct subject *s)
{
    return &s->image->headers[s->image->current].h;
}

static const struct header *other(const struct subject *s)
{
    return &s->image->headers[1 - s->image->current].h;
}

/* A field of the current header, the other one related. */
static struct finding *pair_related(struct probe *p, struct finding *f, const struct subject *s, uint64_t field)
{
    int slot = 1 - s->image->current;
    finding_related(p, f, STRUCTURE_HEADER, slot + 1, HEADER_OFF[slot] + field);
    return f;
}

static struct place at_current(const struct subject *s, uint64_t field, uint64_t len)
{
    return at_place(STRUCTURE_HEADER, s->image->current + 1, HEADER_OFF[s->image->current] + field, len);
}

/* ---- VHDX-HDR-020, -021 ---- */

static void file_write_guid_set(struct probe *p, const struct subject *s)
{
    if (!is_current(s) || !guid_is_nil(&s->header->file_write_guid))
        return;
    struct finding *f = fail(p, at_header(s, FIELD_FILE_WRITE_GUID, 16),
                             "header %d, the current one, has a nil FileWriteGuid", s->slot + 1);
    finding_expected(p, f, "a unique GUID");
    finding_actual(p, f, "nil");
}

static void data_write_guid_set(struct probe *p, const struct subject *s)
{
    if (!is_current(s) || !guid_is_nil(&s->header->data_write_guid))
        return;
    struct finding *f = fail(p, at_header(s, FIELD_DATA_WRITE_GUID, 16),
                             "header %d, the current one, has a nil DataWriteGuid", s->slot + 1);
    finding_expected(p, f, "a unique GUID");
    finding_actual(p, f, "nil");
}

/* ---- VHDX-HDR-022..-025: what the headers say differently ---- */

static void write_guids_agree(struct probe *p, const struct subject *s)
{
    const struct header *a = current(s), *b = other(s);
    bool file = !guid_equal(&a->file_write_guid, &b->file_write_guid);
    bool data = !guid_equal(&a->data_write_guid, &b->data_write_guid);
    if ((!file && !data) || s->image->choice == HEADER_AMBIGUOUS)
        return; /* VHDX-HDR-006 already lists the fields */
    const char *what = file && data ? "FileWriteGuid and DataWriteGuid" : file ? "FileWriteGuid" : "DataWriteGuid";
    struct finding *f = fail(p, at_current(s, data ? FIELD_DATA_WRITE_GUID : FIELD_FILE_WRITE_GUID, 16),
                             "the headers differ in %s: a writer updated them one after the other", what);
    finding_expected(p, f, "%s", shown_plain_guid(p, data ? &b->data_write_guid : &b->file_write_guid));
    finding_actual(p, f, "%s", shown_plain_guid(p, data ? &a->data_write_guid : &a->file_write_guid));
    pair_related(p, f, s, data ? FIELD_DATA_WRITE_GUID : FIELD_FILE_WRITE_GUID);
    if (data && !file && guid_form(&a->data_write_guid) == GUID_FORM_RFC)
        finding_quirk(f, "qemu");
}

static void other_header_has_no_old_log(struct probe *p, const struct subject *s)
{
    const struct header *a = current(s), *b = other(s);
    bool clean = guid_is_nil(&a->log_guid);
    if (clean == guid_is_nil(&b->log_guid) || s->image->choice == HEADER_AMBIGUOUS)
        return;
    struct finding *f;
    if (clean) {
        f = fail(
            p,
            at_place(STRUCTURE_HEADER, 2 - s->image->current, HEADER_OFF[1 - s->image->current] + FIELD_LOG_GUID, 16),
            "header %d is current and has an empty log, header %d still names log %s: if the current header is lost, "
            "that old log is replayed",
            s->image->current + 1, 2 - s->image->current, shown_plain_guid(p, &b->log_guid));
        finding_expected(p, f, "nil");
        finding_actual(p, f, "%s", shown_plain_guid(p, &b->log_guid));
        finding_quirk(f, "openvmm");
    } else {
        f = fail(
            p,
            at_place(STRUCTURE_HEADER, 2 - s->image->current, HEADER_OFF[1 - s->image->current] + FIELD_LOG_GUID, 16),
            "header %d is current and names log %s, header %d says the log is empty: if the current header is lost, "
            "the log is not replayed",
            s->image->current + 1, shown_plain_guid(p, &a->log_guid), 2 - s->image->current);
        finding_expected(p, f, "%s", shown_plain_guid(p, &a->log_guid));
        finding_actual(p, f, "nil");
    }
}

static void log_place_agrees(struct probe *p, const struct subject *s)
{
    const struct header *a = current(s), *b = other(s);
    if ((a->log_off == b->log_off && a->log_len == b->log_len) || s->image->choice == HEADER_AMBIGUOUS)
        return;
    struct finding *f =
        fail(p, at_current(s, FIELD_LOG_PLACE, 12),
             "the headers differ in the place of the log: header %d says 0x%" PRIx64 ", 0x%" PRIx32
             " bytes, header %d 0x%" PRIx64 ", 0x%" PRIx32 " bytes",
             s->image->current + 1, a->log_off, a->log_len, 2 - s->image->current, b->log_off, b->log_len);
    finding_expected(p, f, "the same log in both");
    pair_related(p, f, s, FIELD_LOG_PLACE);
}

static void versions_agree(struct probe *p, const struct subject *s)
{
    const struct header *a = current(s), *b = other(s);
    if ((a->version == b->version && a->log_version == b->log_version) || s->image->choice == HEADER_AMBIGUOUS)
        return;
    struct finding *f =
        fail(p, at_current(s, FIELD_VERSIONS, 4),
             "the headers differ in their versions: header %d has Version %u and LogVersion %u, header %d %u and %u",
             s->image->current + 1, a->version, a->log_version, 2 - s->image->current, b->version, b->log_version);
    finding_expected(p, f, "Version 1 and LogVersion 0 in both");
    if (b->version != 1) /* they look at both headers */
        finding_stops(f, PEER_7ZIP | PEER_LIBVHDI);
    pair_related(p, f, s, FIELD_VERSIONS);
}

/* ---- VHDX-HDR-026 ---- */

static void checksum_covers_the_header(struct probe *p, const struct subject *s)
{
    const struct header_slot *slot = &s->image->headers[s->slot];
    if (is_current(s) || (!slot->checksum_of_fields && !slot->checksum_of_slot))
        return;
    struct finding *f =
        fail(p, at_header(s, 4, 4), "the checksum of header %d is that of %s instead of its 4096 bytes", s->slot + 1,
             slot->checksum_of_fields ? "the 80 bytes of fields" : "the whole 64 KiB slot");
    finding_expected(p, f, "0x%08" PRIx32, s->header->checksum_computed);
    finding_actual(p, f, "0x%08" PRIx32, s->header->checksum);
}

/* ---- VHDX-HDR-027 ---- */

/* One byte repeated: a buffer filled with a pattern, not a GUID. */
static bool is_filler(const struct guid *g)
{
    return !guid_is_nil(g) && memcmp(g->bytes, g->bytes + 1, sizeof(g->bytes) - 1) == 0;
}

static void guids_are_unique(struct probe *p, const struct subject *s)
{
    const struct header *h = s->header;
    if (!is_current(s))
        return;
    if (!guid_is_nil(&h->data_write_guid) && guid_equal(&h->data_write_guid, &h->file_write_guid))
        fail(p, at_header(s, FIELD_DATA_WRITE_GUID, 16),
             "header %d, the current one, has the same FileWriteGuid and DataWriteGuid, %s", s->slot + 1,
             shown_plain_guid(p, &h->data_write_guid));
    const struct {
        const char *name;
        uint64_t off;
        const struct guid *guid;
    } fields[] = {
        {"FileWriteGuid", FIELD_FILE_WRITE_GUID, &h->file_write_guid},
        {"DataWriteGuid", FIELD_DATA_WRITE_GUID, &h->data_write_guid},
        {"LogGuid", FIELD_LOG_GUID, &h->log_guid},
    };
    for (size_t i = 0; i < 3; i++) {
        enum known_guid known = known_guid_find(fields[i].guid);
        if (known != KNOWN_GUID_NONE)
            fail(p, at_header(s, fields[i].off, 16),
                 "%s of header %d, the current one, is a constant of the format (%s)", fields[i].name, s->slot + 1,
                 known_guid_name(known));
        else if (is_filler(fields[i].guid))
            fail(p, at_header(s, fields[i].off, 16), "%s of header %d, the current one, is one byte repeated: %s",
                 fields[i].name, s->slot + 1, shown_plain_guid(p, fields[i].guid));
    }
}

/* ---- VHDX-HDR-028, -029 ---- */

/* Writers fill slot 1 first when they create a file, so header 2 is the newer one after every whole number of updates.
 */
static void second_is_newer(struct probe *p, const struct subject *s)
{
    uint64_t a = s->image->headers[0].h.sequence_number, b = s->image->headers[1].h.sequence_number;
    if (a <= b)
        return;
    fail(p, at_place(STRUCTURE_HEADER, 1, HEADER_OFF[0] + FIELD_SEQUENCE, 8),
         "header 1 is newer than header 2 (sequence numbers 0x%" PRIx64 " and 0x%" PRIx64 ") and is the current one", a,
         b);
}

static void section_end_is_zero(struct probe *p, const struct subject *s)
{
    struct residue r = {0};
    uint64_t off = HEADER_SECTION_RESERVED_OFF;
    probe_status(p, view_residue(s->image->main, off, HEADER_SECTION_LEN - off, &r));
    if (r.bytes == 0)
        return;
    struct finding *f =
        fail(p, at_place(STRUCTURE_FILE, NO_INDEX, r.first_off, HEADER_SECTION_LEN - r.first_off),
             "%" PRIu64 " non-zero byte%s in the reserved end of the header section, the first at 0x%" PRIx64, r.bytes,
             plural(r.bytes), r.first_off);
    finding_expected(p, f, "zeros from 0x50000 to 0xfffff");
}

static const char NO_EFFECT[] = "guest data is not affected";
static const char SEE_HEADERS[] = "keep a copy of the file; vhdxray dump FILE headers --hex";

static const struct rule rules[] = {
    {
        .id = "VHDX-HDR-020",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.2.2",
        .title = "nil FileWriteGuid",
        .why = "Every writable open gives the file a new FileWriteGuid; backup and cache software recognises changes "
               "by it. Nil means that the writer ignores the field or that it was wiped.",
        .means = "guest data is not affected, but software that compares this GUID misses changes",
        .next = "vhdxray repair FILE (plan only; gives both headers a new FileWriteGuid)",
        .check = file_write_guid_set,
    },
    {
        .id = "VHDX-HDR-021",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.2.2",
        .title = "nil DataWriteGuid",
        .why = "A differencing disk names its parent's DataWriteGuid to make sure that the parent did not change. "
               "With nil there is nothing to compare.",
        .means =
            "the data of this disk is not affected; differencing disks on top of it cannot tell whether it changed",
        .next = "vhdxray repair FILE --consent VHDX-HDR-021 (plan only; gives both headers a new "
                "DataWriteGuid, and children must be relinked)",
        .check = data_write_guid_set,
    },
    {
        .id = "VHDX-HDR-022",
        .scope = SCOPE_IMAGE,
        .needs = NEED_BOTH_HEADERS,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.2.2.1",
        .title = "headers differ in FileWriteGuid or DataWriteGuid",
        .why = "QEMU draws a new DataWriteGuid for each of its two header updates; other writers leave this state "
               "when a crash comes between the updates.",
        .means = "guest data is not affected; if the current header is lost, children of this disk no longer match it",
        .next = "nothing needs to be done; vhdxray dump FILE headers",
        .check = write_guids_agree,
    },
    {
        .id = "VHDX-HDR-023",
        .scope = SCOPE_IMAGE,
        .needs = NEED_BOTH_HEADERS,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.2.2.1",
        .title = "headers disagree whether the log is empty",
        .why = "openvmm clears LogGuid in one header only when it closes a file; any writer leaves this state when a "
               "crash comes between its two updates. It matters when the current header is damaged later.",
        .means = "guest data is not affected as long as the current header is good",
        .next = "nothing needs to be done; vhdxray dump FILE headers",
        .check = other_header_has_no_old_log,
    },
    {
        .id = "VHDX-HDR-024",
        .scope = SCOPE_IMAGE,
        .needs = NEED_BOTH_HEADERS,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.2.2.1",
        .title = "headers disagree about the place of the log",
        .why = "The log is moved or resized only while it is empty, and both headers are updated then. Different "
               "places are an interrupted move, or one header that was tampered with.",
        .means = "guest data is not affected as long as the current header is good; the other one leads to another log",
        .next = "vhdxray repair FILE (plan only; writes both headers from the current one)",
        .check = log_place_agrees,
    },
    {
        .id = "VHDX-HDR-025",
        .scope = SCOPE_IMAGE,
        .needs = NEED_BOTH_HEADERS,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.2.2.1",
        .title = "headers disagree about versions",
        .why =
            "Versions never change during the life of a file. Programs choose differently here: QEMU takes a header of "
            "another version for invalid and silently goes back to the older one.",
        .means = "programs may open different states of this disk",
        .next = "vhdxray repair FILE (plan only; writes both headers from the current one)",
        .check = versions_agree,
    },
    {
        .id = "VHDX-HDR-026",
        .scope = SCOPE_HEADER,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "impl",
        .title = "checksum of a header covers the wrong bytes",
        .why = "The checksum is that of the fields alone or of the whole slot: the header was not damaged, its writer "
               "computes the checksum wrongly.",
        .means = "guest data is not affected; the fields of this header are probably right",
        .next = "report the writer's fault to its makers; vhdxray dump FILE headers --hex",
        .check = checksum_covers_the_header,
    },
    {
        .id = "VHDX-HDR-027",
        .scope = SCOPE_HEADER,
        .needs = NEED_HEADER,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "GUID of the header is not unique",
        .why = "FileWriteGuid, DataWriteGuid and LogGuid are drawn at random, each for itself. Equal or constant ones "
               "come from a faulty writer or from a file made by hand.",
        .means = "guest data is not affected; changes of the file may go unnoticed",
        .next = SEE_HEADERS,
        .check = guids_are_unique,
    },
    {
        .id = "VHDX-HDR-028",
        .scope = SCOPE_IMAGE,
        .needs = NEED_BOTH_HEADERS,
        .severity = SEVERITY_INFO,
        .spec = "2.2.2",
        .title = "header 1 is the newer one",
        .why =
            "Slots are written in turn, so either may be newer. Most writers update both when they close a file, which "
            "leaves header 2 as the newer one; an odd number of updates leaves header 1.",
        .means = NO_EFFECT,
        .next = "nothing needs to be done",
        .check = second_is_newer,
    },
    {
        .id = "VHDX-HDR-029",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.2",
        .title = "bytes in the reserved end of the header section",
        .why = "704 KiB behind the region tables are reserved and written by no known program. What is there was left "
               "behind by an earlier use of the disk or hidden.",
        .means = NO_EFFECT,
        .next = "the bytes may be evidence: vhdxray dump FILE --range 0x50000:0x100000",
        .check = section_end_is_zero,
    },
};

const struct rule_group header_pair_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
