/* SPDX-License-Identifier: MIT */
/*
 * FILE: the container as a file of the host. Its size against what lies in it, what the host says about it, and whether
 * it is a VHDX at all. Size rules are summaries: the structure or block that does not fit has its own finding.
 */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "check/rule.h"
#include "check/wording.h"
#include "image/sample.h"

enum { EVERY_PEER = PEER_QEMU | PEER_HYPERV | PEER_VIRTUALBOX | PEER_7ZIP | PEER_LIBVHDI };

static struct place at_file(uint64_t off, uint64_t len)
{
    return at_place(STRUCTURE_FILE, NO_INDEX, off, len);
}

/* ---- VHDX-FILE-001 ---- */

static void header_section_complete(struct probe *p, const struct subject *s)
{
    uint64_t size = s->image->file_size;
    if (size >= HEADER_SECTION_LEN)
        return;
    struct finding *f =
        size == 0
            ? fail(p, at_file(0, 0), "the file is empty; a VHDX starts with a header section of 1 MiB")
            : fail(p, at_file(0, size), "the file ends at 0x%" PRIx64 ", inside the header section of 1 MiB", size);
    finding_expected(p, f, "at least 1048576 bytes");
    finding_actual(p, f, "%s", shown_bytes(p, size));
}

/* ---- VHDX-FILE-002 ---- */

static void report_unreadable(struct probe *p, struct place at, const char *what, int error)
{
    const char *reason = error != 0 ? strerrordesc_np(error) : NULL;
    struct finding *f = fail(p, at, "%s at 0x%" PRIx64 " cannot be read: %s", what, at.off,
                             reason ? reason : "the host reports an input/output error");
    finding_expected(p, f, "readable bytes");
}

static bool region_holds(const struct region_ref *r, uint64_t off)
{
    return r->found && off >= r->off && off - r->off < r->len;
}

static const char *structure_at(const struct view *v, uint64_t off)
{
    if (region_holds(&v->metadata_region, off))
        return "the metadata";
    return region_holds(&v->bat_region, off) ? "the BAT" : "a structure";
}

static struct place at_structure(const struct view *v, uint64_t off)
{
    enum structure what = region_holds(&v->metadata_region, off) ? STRUCTURE_METADATA
                          : region_holds(&v->bat_region, off)    ? STRUCTURE_BAT
                                                                 : STRUCTURE_FILE;
    return at_place(what, -1, off, 1);
}

/* The view's first failed read, unless it is one of the region tables just named. */
static void report_view(struct probe *p, const struct view *v)
{
    static const char *const names[] = {"region table 1", "region table 2"};
    bool named = false;
    for (int i = 0; i < 2; i++) {
        const struct region_copy *c = &v->regions[i];
        if (!c->io_error)
            continue;
        report_unreadable(p, at_place(STRUCTURE_REGION_TABLE, i + 1, c->off, REGION_TABLE_LEN), names[i],
                          v->io_error_errno);
        named |= v->io_error_off >= c->off && v->io_error_off - c->off < REGION_TABLE_LEN;
    }
    if (v->io_error && !named)
        report_unreadable(p, at_structure(v, v->io_error_off), structure_at(v, v->io_error_off), v->io_error_errno);
}

static void structures_readable(struct probe *p, const struct subject *s)
{
    static const char *const names[] = {"header 1", "header 2"};
    const struct image *img = s->image;
    int error = img->file->error_errno;
    if (img->file_id_absence == ABSENT_IO)
        report_unreadable(p, at_place(STRUCTURE_FILE_ID, NO_INDEX, FILE_ID_OFF, FILE_ID_LEN),
                          "the file type identifier", error);
    for (int i = 0; i < 2; i++)
        if (img->headers[i].io_error)
            report_unreadable(p, at_place(STRUCTURE_HEADER, i + 1, HEADER_OFF[i], HEADER_LEN), names[i], error);
    if (img->log.io_error)
        report_unreadable(p, at_place(STRUCTURE_LOG, NO_INDEX, img->log.off, img->log.len), "the log", error);
    report_view(p, img->main);
    if (img->stored != img->main && !img->main->io_error)
        report_view(p, img->stored);
}

/* ---- VHDX-FILE-003 ---- */

/* Disk2vhd appends a sector; QEMU ends a fixed file with the last guest byte. */
static void size_in_mib(struct probe *p, const struct subject *s)
{
    uint64_t size = s->image->file_size, tail = size % MIB;
    if (size < HEADER_SECTION_LEN || tail == 0)
        return;
    struct finding *f =
        fail(p, at_file(size - tail, tail),
             "the file is %" PRIu64 " bytes long, %" PRIu64 " bytes more than a whole number of MiB", size, tail);
    finding_expected(p, f, "a multiple of 1048576");
    finding_actual(p, f, "%" PRIu64, size);
    const char *producer = image_producer(s->image).name;
    bool fixed = s->image->main->type == DISK_FIXED;
    if (producer && (strcmp(producer, "disk2vhd") == 0 || (fixed && strcmp(producer, "qemu") == 0)))
        finding_quirk(f, producer);
}

/* ---- VHDX-FILE-004 ---- */

struct overhang {
    bool real; /* something more than the padding of the last block is missing */
};

static bool find_missing(void *ctx, const struct bat_note *n)
{
    struct overhang *o = ctx;
    o->real |= n->missing > 0;
    return !o->real;
}

static bool fixed_structure_missing(const struct view *v)
{
    uint64_t n = layout_map_fixed_count(v->layout);
    for (uint64_t i = 0; i < n; i++)
        if (layout_map_fixed(v->layout, i)->end > v->src->size)
            return true;
    return false;
}

static void holds_every_structure(struct probe *p, const struct subject *s)
{
    struct view *v = s->view;
    uint64_t size = v->src->size, end = layout_map_end(v->layout);
    if (size < HEADER_SECTION_LEN || end <= size)
        return;
    struct overhang o = {.real = fixed_structure_missing(v)};
    if (!o.real && v->survey)
        probe_status(p, bat_visit_notable(v, find_missing, &o));
    if (!o.real)
        return;
    if (end > INT64_MAX) { /* no file can be that long, and the sum of offset and length may have been cut */
        struct finding *f =
            fail(p, at_file(size, 0),
                 "the file ends at 0x%" PRIx64 ", but its highest structure or block ends at or past 2^63", size);
        finding_expected(p, f, "an end below 2^63");
        finding_actual(p, f, "an end at or past 2^63");
        return;
    }
    struct finding *f =
        fail(p, at_file(size, 0),
             "the file ends at 0x%" PRIx64 ", but its highest structure or block ends at 0x%" PRIx64 ": %s missing",
             size, end, text_size(probe_arena(p), end - size));
    finding_expected(p, f, "at least 0x%" PRIx64, end);
    finding_actual(p, f, "0x%" PRIx64, size);
}

/* ---- VHDX-FILE-005 ---- */

static void ends_with_last_structure(struct probe *p, const struct subject *s)
{
    struct view *v = s->view;
    /* What replaying the log would add is not there yet: VHDX-LOG-014. */
    uint64_t size = u64_min(v->src->size, s->image->file_size), end = layout_map_end(v->layout);
    uint64_t budget = LIMIT_RESIDUE_SCAN;
    if (size <= end)
        return;
    struct finding *f =
        fail(p, at_file(end, size - end),
             "the file goes on for %s behind the end of its highest structure or block at 0x%" PRIx64 "; %s",
             shown_bytes(p, size - end), end, shown_residue(p, v, end, size - end, &budget));
    finding_expected(p, f, "0x%" PRIx64, end);
    finding_actual(p, f, "0x%" PRIx64, size);
    if (v->type == DISK_FIXED)
        finding_repair(f, REPAIR_NONE);
    const char *producer = image_producer(s->image).name;
    if (producer &&
        (strcmp(producer, "qemu") == 0 || strcmp(producer, "openvmm") == 0 || strcmp(producer, "disk2vhd") == 0))
        finding_quirk(f, producer);
}

/* ---- VHDX-FILE-006 ---- */

static void size_in_host_range(struct probe *p, const struct subject *s)
{
    uint64_t size = s->image->file_size; /* a replay ends at LIMIT_REPLAYED_SIZE, far below */
    if (size <= HOST_OFFSET_MAX)
        return;
    struct finding *f =
        fail(p, at_file(0, 0), "the file is 0x%" PRIx64 " bytes long, past the signed 63-bit range of a host", size);
    finding_expected(p, f, "at most 0x%" PRIx64, HOST_OFFSET_MAX);
    finding_actual(p, f, "0x%" PRIx64, size);
}

/* ---- VHDX-FILE-007 ---- */

static void stayed_the_same(struct probe *p, const struct subject *s)
{
    const struct file_info *a = &s->image->host.info, *b = &s->image->host.info_after;
    if (!s->image->host.changed)
        return;
    if (a->size != b->size) {
        struct finding *f = fail(p, at_file(0, 0),
                                 "the file changed while it was looked at: it was %" PRIu64 " bytes long, now %" PRIu64,
                                 a->size, b->size);
        finding_expected(p, f, "%" PRIu64 " bytes", a->size);
        finding_actual(p, f, "%" PRIu64 " bytes", b->size);
    } else if (a->device != b->device || a->inode != b->inode) {
        fail(p, at_file(0, 0), "the path led to another file at the end of the analysis than at its start");
    } else {
        fail(p, at_file(0, 0), "the file was written to while it was looked at: its modification time moved");
    }
}

/* ---- VHDX-FILE-008, -009 ---- */

static void is_plain_file(struct probe *p, const struct subject *s)
{
    const struct file_info *info = &s->image->host.info;
    if (info->kind == FILE_KIND_PIPE)
        fail(p, at_file(0, 0), "the image came through a pipe; a spooled copy of it was checked");
    else if (info->kind == FILE_KIND_BLOCK)
        fail(p, at_file(0, 0),
             "the image is a block device, not a regular file; what lies behind the VHDX belongs to the device");
    if (info->symlink)
        fail(p, at_file(0, 0), "the path is a symbolic link; the file it leads to was checked");
}

static void is_not_sparse(struct probe *p, const struct subject *s)
{
    const struct file_info *info = &s->image->host.info;
    if (info->kind != FILE_KIND_REGULAR || info->allocated_bytes >= info->size)
        return;
    struct finding *f = fail(p, at_file(0, 0), "the host file is sparse: %s of %s are allocated",
                             shown_bytes(p, info->allocated_bytes), shown_bytes(p, info->size));
    finding_expected(p, f, "%" PRIu64 " bytes allocated", info->size);
    finding_actual(p, f, "%" PRIu64 " bytes allocated", info->allocated_bytes);
}

/* ---- VHDX-FILE-010: raised by the driver, which alone knows at the end what was left out ---- */

static void budget_exhausted(struct probe *p, const struct subject *s)
{
    (void)p;
    (void)s;
}

/* ---- VHDX-FILE-011 ---- */

/* The extension of the last path component without the dot; "" when it has none. */
static const char *extension(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return dot && dot != name ? dot + 1 : "";
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(word, *list) == 0)
            return true;
    return false;
}

static void extension_fits(struct probe *p, const struct subject *s)
{
    static const char *const child[] = {"avhdx", NULL}, *const whole[] = {"vhdx", NULL},
                             *const old[] = {"vhd", "avhd", NULL};
    enum disk_type type = s->image->main->type;
    if (!s->image->path || !s->image->file_id.signature_ok)
        return;
    const char *ext = extension(s->image->path);
    const char *expected = NULL, *what = NULL;
    if (is_one_of(ext, child) && (type == DISK_DYNAMIC || type == DISK_FIXED)) {
        what = "a disk without a parent";
        expected = ".vhdx";
    } else if (is_one_of(ext, whole) && type == DISK_DIFFERENCING) {
        what = "a differencing disk";
        expected = ".avhdx";
    } else if (is_one_of(ext, old)) {
        what = "a VHDX, not the older VHD";
        expected = type == DISK_DIFFERENCING ? ".avhdx" : ".vhdx";
    }
    if (!expected)
        return;
    struct finding *f =
        fail(p, at_file(0, 0), "the file is named .%s, but holds %s", shown(p, ext, strlen(ext), SHOWN_KEY), what);
    finding_expected(p, f, "%s", expected);
    finding_actual(p, f, ".%s", shown(p, ext, strlen(ext), SHOWN_KEY));
}

/* ---- VHDX-FILE-012 ---- */

/* Room that everything but payload takes up. */
static uint64_t structures_len(const struct view *v)
{
    uint64_t total = 0, n = layout_map_fixed_count(v->layout);
    for (uint64_t i = 0; i < n; i++) {
        const struct extent *e = layout_map_fixed(v->layout, i);
        total = u64_add_sat(total, e->end - e->start);
    }
    return total;
}

static void fixed_file_has_room(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const struct geometry *g = &v->geometry;
    if (v->type != DISK_FIXED || v->survey->allocated_blocks >= g->payload_blocks)
        return;
    uint64_t structures = structures_len(v);
    uint64_t needed = u64_add_sat(structures, g->payload_blocks * g->block_size);
    if (v->src->size >= needed)
        return;
    struct finding *f =
        fail(p, at_file(0, v->src->size),
             "fixed disk: the file has %s, %s are needed for structures and all %" PRIu64
             " payload blocks, of which %" PRIu64 " have a place",
             shown_bytes(p, v->src->size), shown_bytes(p, needed), g->payload_blocks, v->survey->allocated_blocks);
    finding_expected(p, f, "at least %" PRIu64 " bytes", needed);
    finding_actual(p, f, "%" PRIu64 " bytes", v->src->size);
    if (v->src->size >= u64_add_sat(structures, g->virtual_size))
        finding_quirk(f, "qemu");
    else if (v->survey->states[PAYLOAD_NOT_PRESENT] == g->payload_blocks)
        finding_quirk(f, "openvmm");
}

/* ---- VHDX-FILE-013 ---- */

static void is_no_other_format(struct probe *p, const struct subject *s)
{
    static const char *const tracking[] = {"rct", "mrt", NULL}, *const set[] = {"vhds", NULL};
    const struct image *img = s->image;
    struct foreign_format other;
    enum status st = foreign_format_find(img, &other);
    if (st != STATUS_OK) {
        probe_status(p, st);
        return;
    }
    bool vhdx = img->file_id_absence == ABSENT_NOT && img->file_id.signature_ok;
    if (other.name) {
        struct finding *f = fail(p, at_file(other.off, other.len), "the file %s like %s: signature at 0x%" PRIx64,
                                 vhdx ? "also looks" : "looks", other.name, other.off);
        finding_next(p, f, "%s", other.hint);
        if (vhdx) {
            finding_means(p, f,
                          "programs that go by the end of the file take it for a VHD and show other data than this "
                          "VHDX holds");
            finding_next(p, f, "name the format whenever the file is opened; vhdxray dump FILE file-id --hex");
        }
        return;
    }
    const char *ext = vhdx || !img->path ? "" : extension(img->path);
    if (is_one_of(ext, tracking))
        fail(p, at_file(0, 0), "by its name the file is a change-tracking side file of a VHDX, not a disk");
    else if (is_one_of(ext, set))
        fail(p, at_file(0, 0),
             "by its name the file is the descriptor of a VHD Set; the disk itself is the .avhdx beside it");
}

static const struct rule rules[] = {
    {
        .id = "VHDX-FILE-001",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_ERROR,
        .stops = EVERY_PEER,
        .spec = "2.2",
        .title = "file is smaller than the header section",
        .why = "Identifier, headers and region tables fill the first MiB of every VHDX. A shorter file was cut off "
               "while it was copied or written, or never was a VHDX.",
        .means = "no guest data can be found: everything that leads to it lies behind the end of the file",
        .next = "copy the file again from its source; vhdxray dump FILE headers shows what is left",
        .check = header_section_complete,
    },
    {
        .id = "VHDX-FILE-002",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_LIBVHDI,
        .spec = "impl",
        .title = "structure cannot be read from the host",
        .why =
            "The host reported an error for bytes that must exist: a failing disk, a broken network mount, a hole in "
            "the storage below. Nothing is known about the structure in question, so it does not count as sound.",
        .means = "guest data that is found through this structure is out of reach until the file can be read",
        .next =
            "look at the kernel log of the host, copy the file with a tool that goes on after read errors, and check "
            "the copy",
        .check = structures_readable,
    },
    {
        .id = "VHDX-FILE-003",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.1, 2.3.1.1",
        .title = "file size is not a multiple of 1 MiB",
        .why = "All objects of a VHDX start and end on MiB boundaries, so writers keep the file a whole number of "
               "MiB. Disk2vhd leaves 512 bytes more; QEMU ends a fixed file with the last guest byte.",
        .means = "guest data is not affected",
        .next = "nothing needs to be done",
        .check = size_in_mib,
    },
    {
        .id = "VHDX-FILE-004",
        .scope = SCOPE_VIEW,
        .needs = NEED_LAYOUT,
        .severity = SEVERITY_WARNING,
        .spec = "2.5.1",
        .title = "file ends before its highest structure or block",
        .why =
            "Sums up the structures and blocks that lie behind the end of the file; each has its own finding. Typical "
            "of interrupted copies, of a host disk that ran full, and of a damaged BAT entry far away.",
        .means = "guest data of the blocks behind the end of the file is missing",
        .next = "compare the size with the original; copy the file again where it came from",
        .check = holds_every_structure,
    },
    {
        .id = "VHDX-FILE-005",
        .scope = SCOPE_VIEW,
        .needs = NEED_LAYOUT | NEED_BAT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "impl",
        .title = "file goes on behind its highest structure or block",
        .why =
            "Nothing in the image points to these bytes. QEMU leaves room behind its structures and reserves the whole "
            "disk of a fixed file, openvmm grows in 32 MiB steps, compaction leaves old blocks, and somebody may have "
            "appended data.",
        .means = "the guest cannot see these bytes; they may hold remains of deleted blocks",
        .next = "leave them: they are evidence, and room for new blocks; vhdxray info FILE",
        .check = ends_with_last_structure,
    },
    {
        .id = "VHDX-FILE-006",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_ERROR,
        .spec = "impl",
        .title = "file size is past the range of the host",
        .why = "File offsets of hosts are signed 64-bit numbers. A size beyond 2^63-1 cannot be that of a file; "
               "arithmetic that takes it as one overflows.",
        .means = "bytes past the range cannot be read by any program",
        .next = "do not let a program write to this image; vhdxray info FILE",
        .check = size_in_host_range,
    },
    {
        .id = "VHDX-FILE-007",
        .scope = SCOPE_IMAGE,
        .needs = NEED_HOST,
        .severity = SEVERITY_WARNING,
        .spec = "impl",
        .title = "file changed during the analysis",
        .why =
            "The findings mix two states of the file when a virtual machine or a copy writes to it at the same time.",
        .means = "what is said about the guest's data may hold for neither state",
        .next = "stop the program that uses the file, or take a snapshot, and check again",
        .check = stayed_the_same,
    },
    {
        .id = "VHDX-FILE-008",
        .scope = SCOPE_IMAGE,
        .needs = NEED_HOST,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "image is no regular file, or reached through a symbolic link",
        .why = "A block device has a size of its own, a pipe is spooled, and a link may lead to another file than the "
               "name promises. A report has to say which bytes it speaks of.",
        .means = "guest data is not affected",
        .next = "make sure that this is the file you meant",
        .check = is_plain_file,
    },
    {
        .id = "VHDX-FILE-009",
        .scope = SCOPE_IMAGE,
        .needs = NEED_HOST,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "host file is sparse",
        .why =
            "Ranges that were never written take no space on the host and read as zeros. Copies become sparse without "
            "harm; Windows refuses to attach a VHDX whose file carries the sparse attribute.",
        .means = "guest data is not affected: holes read as the zeros they stand for",
        .next = "nothing needs to be done; copy without sparseness (cp --sparse=never) for use under Windows",
        .check = is_not_sparse,
    },
    {
        .id = "VHDX-FILE-010",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_WARNING,
        .spec = "impl",
        .title = "a limit of the analysis was reached; the result is incomplete",
        .why = "Memory, time and the number of findings are bounded whatever the image says. What was left out is not "
               "known to be sound.",
        .means = "parts of the image were not looked at",
        .next = "check again with a higher --max-memory, --timeout or --max-findings",
        .check = budget_exhausted,
    },
    {
        .id = "VHDX-FILE-011",
        .scope = SCOPE_IMAGE,
        .needs = NEED_FILE_ID,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "file name extension does not fit the content",
        .why = "Hyper-V names differencing disks of checkpoints .avhdx, all other disks .vhdx, and chooses the format "
               "by the extension. A child named .vhdx is common for manual differencing disks.",
        .means = "guest data is not affected; Windows may refuse the file or open it as the wrong format",
        .next = "nothing, or give the file the extension that fits",
        .check = extension_fits,
    },
    {
        .id = "VHDX-FILE-012",
        .scope = SCOPE_VIEW,
        .needs = NEED_LAYOUT | NEED_BAT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.6.2.1",
        .title = "fixed file is too small for all its blocks",
        .why =
            "LeaveBlocksAllocated promises space for every block. openvmm creates fixed files without any block; QEMU "
            "reserves the size of the disk, not whole blocks.",
        .means = "no guest data is missing: blocks without a place read as zeros. Writing them makes the file grow",
        .next = "keep enough free space on the host for the file to grow",
        .check = fixed_file_has_room,
    },
    {
        .id = "VHDX-FILE-013",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "file looks like another format",
        .why = "A VHD, an archive or a side file of Hyper-V with the wrong name is a frequent reason for \"not a "
               "VHDX\". A VHDX that also ends like a VHD can be read two ways.",
        .means = "guest data must be looked for in the format the file really has",
        .next = "for a side file, check the disk it belongs to instead",
        .check = is_no_other_format,
    },
};

const struct rule_group file_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
