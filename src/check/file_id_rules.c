/* SPDX-License-Identifier: MIT */
/*
 * FID: the file type identifier. Written once and never again ([MS-VHDX] 2.2.1), so it tells who made the file, and
 * whatever else is in its 64 KiB was put there by somebody. Rules about its content ask for the signature first: the
 * first bytes of a file that is no VHDX mean something else.
 */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "base/utf16.h"
#include "check/rule.h"
#include "check/wording.h"

enum { EVERY_PEER = PEER_QEMU | PEER_HYPERV | PEER_VIRTUALBOX | PEER_7ZIP | PEER_LIBVHDI, SIGNATURE_LEN = 8 };

static struct place at_file_id(uint64_t off, uint64_t len)
{
    return at_place(STRUCTURE_FILE_ID, NO_INDEX, FILE_ID_OFF + off, len);
}

static bool is_vhdx(const struct subject *s)
{
    return s->image->file_id.signature_ok;
}

/* The creator as UTF-8; false when memory is gone. */
static bool creator_text(struct probe *p, const struct subject *s, struct utf16_text *ret)
{
    enum status st = utf16_decode(probe_arena(p), s->image->file_id.creator_text, ret);
    probe_status(p, st);
    return st == STATUS_OK;
}

/* ---- VHDX-FID-001 ---- */

static const char *hex_bytes(struct probe *p, const uint8_t *bytes, size_t len)
{
    struct text t = words_of(p);
    for (size_t i = 0; i < len; i++)
        text_addf(&t, "%s%02x", i ? " " : "", bytes[i]);
    return text_str(&t);
}

static void signature_is_vhdxfile(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    if (is_vhdx(s))
        return;
    const char *found = hex_bytes(p, img->file_id.raw.ptr, SIGNATURE_LEN);
    struct finding *f =
        fail(p, at_file_id(0, SIGNATURE_LEN), "the file does not begin with \"vhdxfile\": found %s", found);
    finding_expected(p, f, "76 68 64 78 66 69 6c 65 (\"vhdxfile\")");
    finding_actual(p, f, "%s", found);
    if (img->current < 0 || img->main->used_table < 0) {
        finding_repair(f, REPAIR_NONE);
        finding_next(p, f,
                     "make sure that this is the right file, and do not write to it; vhdxray dump FILE file-id --hex");
        return;
    }
    finding_means(p, f,
                  "guest data may well be intact: a valid header and region table stand behind the damaged signature");
}

/* ---- VHDX-FID-002 ---- */

/* Builds of Windows that made a disk format or a server release of their own. */
static const struct {
    const char *build;
    const char *name;
} windows_builds[] = {
    {"6.2.9200.", "Windows 8, Server 2012"},
    {"6.3.9600.", "Windows 8.1, Server 2012 R2"},
    {"10.0.10240.", "Windows 10 1507"},
    {"10.0.10586.", "Windows 10 1511"},
    {"10.0.14393.", "Windows 10 1607, Server 2016"},
    {"10.0.15063.", "Windows 10 1703"},
    {"10.0.16299.", "Windows 10 1709"},
    {"10.0.17134.", "Windows 10 1803"},
    {"10.0.17763.", "Windows 10 1809, Server 2019"},
    {"10.0.18362.", "Windows 10 1903"},
    {"10.0.19041.", "Windows 10 2004 to 22H2"},
    {"10.0.20348.", "Server 2022"},
    {"10.0.22000.", "Windows 11 21H2"},
    {"10.0.22621.", "Windows 11 22H2, 23H2"},
    {"10.0.25398.", "Server 23H2"},
    {"10.0.26100.", "Windows 11 24H2, Server 2025"},
};

static const char *windows_name(const char *version)
{
    for (size_t i = 0; i < sizeof(windows_builds) / sizeof(windows_builds[0]); i++)
        if (strncmp(version, windows_builds[i].build, strlen(windows_builds[i].build)) == 0)
            return windows_builds[i].name;
    return NULL;
}

/* Where the version begins: the first word that starts with a digit, or with v and a digit. len when there is none. */
static size_t version_start(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && s[i - 1] != ' ')
            continue;
        size_t d = i + (s[i] == 'v' && i + 1 < len);
        if (s[d] >= '0' && s[d] <= '9')
            return i;
    }
    return len;
}

static void creator_noted(struct probe *p, const struct subject *s)
{
    struct utf16_text t;
    if (!is_vhdx(s) || s->image->file_id.creator_text.len == 0 || !creator_text(p, s, &t))
        return;
    const char *text = shown(p, t.str, t.len, SHOWN_PATH);
    size_t split = version_start(t.str, t.len), product_len = split;
    while (product_len > 0 && t.str[product_len - 1] == ' ')
        product_len--;
    const char *product = shown(p, t.str, product_len, SHOWN_KEY);
    struct place at = at_file_id(FILE_ID_CREATOR_OFF, s->image->file_id.creator_text.len);
    if (strcmp(text, "d2v") == 0) {
        fail(p, at, "creator \"d2v\": made by Sysinternals Disk2vhd");
    } else if (split == t.len || product_len == 0) {
        fail(p, at, "creator \"%s\"", text);
    } else {
        size_t from = split + (t.str[split] == 'v');
        const char *version = shown(p, t.str + from, t.len - from, SHOWN_KEY);
        const char *name = strcmp(product, "Microsoft Windows") == 0 ? windows_name(version) : NULL;
        fail(p, at, "creator \"%s\": product %s, version %s%s%s%s", text, product, version, name ? " (" : "",
             name ? name : "", name ? ")" : "");
    }
}

/* ---- VHDX-FID-003 ---- */

static void creator_is_text(struct probe *p, const struct subject *s)
{
    struct utf16_text t;
    if (!is_vhdx(s) || !creator_text(p, s, &t) || (!t.unpaired && !t.has_control))
        return;
    const char *text = shown(p, t.str, t.len, SHOWN_PATH);
    struct finding *f;
    if (t.unpaired) {
        uint64_t at = FILE_ID_CREATOR_OFF + 2 * (uint64_t)t.first_bad_unit;
        f = fail(p, at_file_id(at, 2), "the creator is not valid UTF-16: unpaired surrogate at 0x%" PRIx64 " in \"%s\"",
                 at, text);
    } else {
        f = fail(p, at_file_id(FILE_ID_CREATOR_OFF, s->image->file_id.creator_text.len),
                 "the creator contains control characters: \"%s\"", text);
    }
    finding_expected(p, f, "printable UTF-16");
    finding_actual(p, f, "%s", text);
}

/* ---- VHDX-FID-004, -005, -006 ---- */

static void nothing_behind_creator(struct probe *p, const struct subject *s)
{
    const struct file_identifier *id = &s->image->file_id;
    if (!is_vhdx(s) || !id->creator_terminated)
        return;
    struct span_residue r = span_residue(id->creator, id->creator_text.len);
    if (r.bytes == 0)
        return;
    uint64_t off = FILE_ID_CREATOR_OFF + (uint64_t)r.first;
    struct finding *f =
        fail(p, at_file_id(off, FILE_ID_RESERVED_OFF - off),
             "%" PRIu64 " non-zero byte%s behind the end of the creator string, the first at 0x%" PRIx64, r.bytes,
             plural(r.bytes), off);
    finding_expected(p, f, "zeros");
}

static void reserved_is_zero(struct probe *p, const struct subject *s)
{
    const struct file_identifier *id = &s->image->file_id;
    if (!is_vhdx(s))
        return;
    struct span_residue r = span_residue(id->raw, FILE_ID_RESERVED_OFF);
    if (r.bytes == 0)
        return;
    struct finding *f = fail(p, at_file_id(r.first, s->image->file_id_got - r.first),
                             "%" PRIu64 " non-zero byte%s in the reserved part of the identifier, the first at 0x%zx",
                             r.bytes, plural(r.bytes), r.first);
    finding_expected(p, f, "zeros");
}

static void creator_present_and_ended(struct probe *p, const struct subject *s)
{
    const struct file_identifier *id = &s->image->file_id;
    if (!is_vhdx(s))
        return;
    if (id->creator_text.len == 0) {
        struct finding *f =
            fail(p, at_file_id(FILE_ID_CREATOR_OFF, FILE_ID_CREATOR_LEN), "the creator string is empty");
        finding_quirk(f, "openvmm");
    } else if (!id->creator_terminated) {
        struct finding *f = fail(p, at_file_id(FILE_ID_CREATOR_OFF, FILE_ID_CREATOR_LEN),
                                 "the creator string fills all 256 units and has no terminator");
        finding_expected(p, f, "a NUL behind the string");
    }
}

/* ---- VHDX-FID-007 ---- */

static void creator_fits_traits(struct probe *p, const struct subject *s)
{
    if (!is_vhdx(s))
        return;
    struct producer made = image_producer(s->image);
    if (!made.contradicted)
        return;
    struct text traits = words_of(p);
    for (unsigned i = 0; i < made.against_count; i++)
        text_addf(&traits, "%s%s", i ? ", " : "", made.against[i]);
    const char *text = shown(p, s->image->creator, strlen(s->image->creator), SHOWN_PATH);
    struct finding *f = fail(p, at_file_id(FILE_ID_CREATOR_OFF, FILE_ID_CREATOR_LEN),
                             "the creator says \"%s\", but other traits speak against it: %s", text, text_str(&traits));
    finding_expected(p, f, "the traits of %s", made.name);
    finding_actual(p, f, "%s", text_str(&traits));
}

static const struct rule rules[] = {
    {
        .id = "VHDX-FID-001",
        .scope = SCOPE_IMAGE,
        .needs = NEED_FILE_ID,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = EVERY_PEER,
        .spec = "2.2.1",
        .title = "file does not begin with the VHDX signature",
        .why =
            "Every program recognises a VHDX by its first eight bytes, which are never written again after creation. "
            "The "
            "file is of another format, was overwritten at its start (a disk initialised by mistake), or is encrypted.",
        .means = "no program finds a guest disk in this file",
        .next = "vhdxray repair FILE --consent VHDX-FID-001 (plan only; writes the signature back)",
        .check = signature_is_vhdxfile,
    },
    {
        .id = "VHDX-FID-002",
        .scope = SCOPE_IMAGE,
        .needs = NEED_FILE_ID,
        .severity = SEVERITY_INFO,
        .spec = "2.2.1",
        .title = "program that created the file",
        .why = "The creator string is for diagnosis only and decides nothing; it says which program made the file, "
               "not which one wrote to it last.",
        .means = "guest data is not affected",
        .next = "nothing needs to be done; vhdxray info FILE",
        .check = creator_noted,
    },
    {
        .id = "VHDX-FID-003",
        .scope = SCOPE_IMAGE,
        .needs = NEED_FILE_ID,
        .severity = SEVERITY_WARNING,
        .spec = "2.2.1",
        .title = "creator string is not plain text",
        .why = "A program writes its name here. Unpaired surrogates and control characters come from damage, or from "
               "somebody who aims at the terminal or the report of whoever looks at the file.",
        .means = "guest data is not affected",
        .next = "treat the file as tampered with; vhdxray dump FILE file-id --hex",
        .check = creator_is_text,
    },
    {
        .id = "VHDX-FID-004",
        .scope = SCOPE_IMAGE,
        .needs = NEED_FILE_ID,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.2.1",
        .title = "bytes behind the end of the creator string",
        .why = "Writers leave zeros there. Other bytes are a buffer that was not cleared, or hidden on purpose.",
        .means = "guest data is not affected",
        .next = "vhdxray dump FILE file-id --hex shows the bytes",
        .check = nothing_behind_creator,
    },
    {
        .id = "VHDX-FID-005",
        .scope = SCOPE_IMAGE,
        .needs = NEED_FILE_ID,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.2.1",
        .title = "bytes in the reserved part of the identifier",
        .why = "65,016 bytes behind the creator are reserved and never written by known programs. What is there was "
               "put there.",
        .means = "guest data is not affected",
        .next = "vhdxray dump FILE file-id --hex shows the bytes",
        .check = reserved_is_zero,
    },
    {
        .id = "VHDX-FID-006",
        .scope = SCOPE_IMAGE,
        .needs = NEED_FILE_ID,
        .severity = SEVERITY_INFO,
        .spec = "2.2.1",
        .title = "creator string is empty or has no end",
        .why =
            "openvmm writes no creator. A string over all 256 units is allowed, but a reader that expects a terminator "
            "runs into the bytes behind it.",
        .means = "guest data is not affected",
        .next = "nothing needs to be done",
        .check = creator_present_and_ended,
    },
    {
        .id = "VHDX-FID-007",
        .scope = SCOPE_IMAGE,
        .needs = NEED_FILE_ID,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "creator contradicts other traits of the file",
        .why = "Order of regions and items, Required bits and the byte order of GUIDs differ from writer to writer. A "
               "creator that does not match them was copied or changed, or the file was rebuilt by another program.",
        .means = "guest data is not affected",
        .next = "do not conclude from the creator alone where the file comes from; vhdxray info FILE",
        .check = creator_fits_traits,
    },
};

const struct rule_group file_id_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
