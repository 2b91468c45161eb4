/* SPDX-License-Identifier: MIT */
/*
 * META, second part: the items the format knows. Which must be there, and what they may say. A value is judged only
 * when its entry leads to a proper place; where it does not, metadata_rules.c has said so.
 */
#include <inttypes.h>

#include "base/checked.h"
#include "base/le.h"
#include "check/metadata_traits.h"
#include "check/rule.h"
#include "check/wording.h"

static bool sector_size_ok(uint32_t size)
{
    return size == 512 || size == 4096;
}

static bool block_size_ok(uint32_t size)
{
    return is_pow2(size) && size >= BLOCK_SIZE_MIN && size <= BLOCK_SIZE_MAX;
}

/* ---- VHDX-META-020..-024: items of fixed size ---- */

static void item_there(struct probe *p, const struct subject *s, enum known_guid which, uint32_t min_len)
{
    const struct view *v = s->view;
    const struct metadata_item *item = metadata_item(v, which);
    if (!item->found) {
        if (v->metadata.truncated_table)
            return; /* its entry lies behind the end of the file: VHDX-RGN-011 */
        struct finding *f =
            fail(p, at_metadata(v, 0, METADATA_TABLE_LEN), "metadata item %s is missing", known_guid_name(which));
        finding_expected(p, f, "an item of %" PRIu32 " bytes", min_len);
        finding_actual(p, f, "none");
        if (which == KNOWN_ITEM_PHYSICAL_SECTOR_SIZE || which == KNOWN_ITEM_VIRTUAL_DISK_ID)
            finding_stops(f, PEER_QEMU | PEER_HYPERV); /* the others can do without */
        return;
    }
    uint32_t len = metadata_item_entry(v, which)->len;
    if (len >= min_len)
        return;
    struct finding *f = fail(p, at_metadata_slot(v, item->entry),
                             "metadata item %s is %" PRIu32 " bytes long, too short", known_guid_name(which), len);
    finding_expected(p, f, "%" PRIu32 " bytes", min_len);
    finding_actual(p, f, "%" PRIu32 " bytes", len);
    const unsigned stops = PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP; /* QEMU reads on behind its end */
    finding_stops(f, virtualbox_reads(which) ? stops | PEER_VIRTUALBOX : stops);
}

static void file_parameters_there(struct probe *p, const struct subject *s)
{
    item_there(p, s, KNOWN_ITEM_FILE_PARAMETERS, FILE_PARAMETERS_LEN);
}

static void disk_size_there(struct probe *p, const struct subject *s)
{
    item_there(p, s, KNOWN_ITEM_VIRTUAL_DISK_SIZE, VIRTUAL_DISK_SIZE_LEN);
}

static void logical_sector_there(struct probe *p, const struct subject *s)
{
    item_there(p, s, KNOWN_ITEM_LOGICAL_SECTOR_SIZE, SECTOR_SIZE_LEN);
}

static void physical_sector_there(struct probe *p, const struct subject *s)
{
    item_there(p, s, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, SECTOR_SIZE_LEN);
}

static void disk_id_there(struct probe *p, const struct subject *s)
{
    item_there(p, s, KNOWN_ITEM_VIRTUAL_DISK_ID, VIRTUAL_DISK_ID_LEN);
}

/* ---- VHDX-META-025..-027 ---- */

static void disk_id_set(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    if (!metadata_item_ok(v, KNOWN_ITEM_VIRTUAL_DISK_ID) || !v->metadata.have_virtual_disk_id ||
        !guid_is_nil(&v->metadata.virtual_disk_id))
        return;
    struct finding *f =
        fail(p, at_metadata_value(v, KNOWN_ITEM_VIRTUAL_DISK_ID, 0, VIRTUAL_DISK_ID_LEN), "the virtual disk id is nil");
    finding_expected(p, f, "a unique GUID");
    finding_actual(p, f, "nil");
}

static void creation_finished(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const struct metadata_item *item = metadata_item(v, KNOWN_ITEM_INCOMPLETE_FILE);
    if (!item->found)
        return;
    struct finding *f =
        fail(p, at_metadata_slot(v, item->entry),
             "metadata entry %" PRIu32 " is the incomplete-file marker: the program that created the file never "
             "finished",
             item->entry);
    finding_expected(p, f, "no such item");
    if (metadata_item_entry(v, KNOWN_ITEM_INCOMPLETE_FILE)->flags & METADATA_FLAG_IS_REQUIRED)
        finding_stops(f, PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_VIRTUALBOX);
}

static void stop_if_required(struct finding *f, const struct view *v, enum known_guid which)
{
    if (metadata_item_entry(v, which)->flags & METADATA_FLAG_IS_REQUIRED)
        finding_stops(f, PEER_QEMU);
}

enum { CHS_LEN = 8, PMEM_LABEL_LEN = 28 }; /* as openvmm defines them */

static void extra_items_noted(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const struct metadata_item *chs = metadata_item(v, KNOWN_ITEM_CHS_PARAMETERS),
                               *pmem = metadata_item(v, KNOWN_ITEM_PMEM_LABEL_STORAGE);
    if (chs->found) {
        struct finding *f =
            chs->readable && chs->data.len >= CHS_LEN
                ? fail(p, at_metadata_slot(v, chs->entry),
                       "CHS parameters present: %" PRIu32 " head%s per cylinder, %" PRIu32 " sector%s per track",
                       le32(chs->data.ptr), plural(le32(chs->data.ptr)), le32(chs->data.ptr + 4),
                       plural(le32(chs->data.ptr + 4)))
                : fail(p, at_metadata_slot(v, chs->entry),
                       "CHS parameters present, but not readable (%" PRIu32 " byte%s)",
                       metadata_item_entry(v, KNOWN_ITEM_CHS_PARAMETERS)->len,
                       plural(metadata_item_entry(v, KNOWN_ITEM_CHS_PARAMETERS)->len));
        stop_if_required(f, v, KNOWN_ITEM_CHS_PARAMETERS);
    }
    if (pmem->found) {
        struct guid type = {{0}};
        bool readable = pmem->readable && pmem->data.len >= PMEM_LABEL_LEN;
        if (readable)
            type = guid_load(pmem->data.ptr + 4);
        struct finding *f = readable ? fail(p, at_metadata_slot(v, pmem->entry),
                                            "PMEM label storage present: version %u, address abstraction %s, %" PRIu32
                                            " byte%s of labels at offset 0x%" PRIx32,
                                            le16(pmem->data.ptr), shown_plain_guid(p, &type), le32(pmem->data.ptr + 24),
                                            plural(le32(pmem->data.ptr + 24)), le32(pmem->data.ptr + 20))
                                     : fail(p, at_metadata_slot(v, pmem->entry),
                                            "PMEM label storage present, but not readable (%" PRIu32 " byte%s)",
                                            metadata_item_entry(v, KNOWN_ITEM_PMEM_LABEL_STORAGE)->len,
                                            plural(metadata_item_entry(v, KNOWN_ITEM_PMEM_LABEL_STORAGE)->len));
        stop_if_required(f, v, KNOWN_ITEM_PMEM_LABEL_STORAGE);
    }
}

/* ---- VHDX-META-028..-037: values ---- */

static void block_size_legal(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    uint32_t size = v->metadata.file_parameters.block_size;
    if (!metadata_parameters_ok(v) || block_size_ok(size))
        return;
    struct finding *f = fail(p, at_metadata_value(v, KNOWN_ITEM_FILE_PARAMETERS, 0, 4),
                             "BlockSize is %" PRIu32 " (0x%" PRIx32 ")", size, size);
    finding_expected(p, f, "a power of two from 1048576 to 268435456");
    finding_actual(p, f, "%" PRIu32, size);
}

static void parameter_flags_known(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    uint32_t flags = v->metadata.file_parameters.flags;
    if (!metadata_parameters_ok(v) || (flags & ~(uint32_t)FILE_PARAMETERS_KNOWN) == 0)
        return;
    struct finding *f = fail(p, at_metadata_value(v, KNOWN_ITEM_FILE_PARAMETERS, 4, 4),
                             "reserved bits of the file parameters are set: flags 0x%08" PRIx32, flags);
    finding_expected(p, f, "no bits but 0x3");
    finding_actual(p, f, "0x%08" PRIx32, flags);
}

static void child_is_not_fixed(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    if (!metadata_parameters_ok(v) || !v->metadata.file_parameters.has_parent ||
        !v->metadata.file_parameters.leave_block_allocated)
        return;
    struct finding *f = fail(p, at_metadata_value(v, KNOWN_ITEM_FILE_PARAMETERS, 4, 4),
                             "LeaveBlocksAllocated and HasParent are both set; the disk is differencing");
    finding_expected(p, f, "one of the two bits");
    finding_actual(p, f, "0x%08" PRIx32, v->metadata.file_parameters.flags);
}

static bool disk_size_ok(const struct view *v)
{
    return metadata_item_ok(v, KNOWN_ITEM_VIRTUAL_DISK_SIZE) && v->metadata.have_virtual_disk_size;
}

static void disk_size_not_zero(struct probe *p, const struct subject *s)
{
    if (!disk_size_ok(s->view) || s->view->metadata.virtual_disk_size != 0)
        return;
    struct finding *f =
        fail(p, at_metadata_value(s->view, KNOWN_ITEM_VIRTUAL_DISK_SIZE, 0, 8), "the virtual disk size is 0");
    finding_expected(p, f, "at least one sector");
    finding_actual(p, f, "0");
}

static void disk_size_not_too_large(struct probe *p, const struct subject *s)
{
    uint64_t size = s->view->metadata.virtual_disk_size;
    if (!disk_size_ok(s->view) || size <= VIRTUAL_SIZE_MAX)
        return;
    struct finding *f = fail(p, at_metadata_value(s->view, KNOWN_ITEM_VIRTUAL_DISK_SIZE, 0, 8),
                             "the virtual disk size is %s, more than 64 TiB", shown_bytes(p, size));
    finding_expected(p, f, "at most %" PRIu64, VIRTUAL_SIZE_MAX);
    finding_actual(p, f, "%" PRIu64, size);
}

static bool logical_sector_ok(const struct view *v)
{
    return metadata_item_ok(v, KNOWN_ITEM_LOGICAL_SECTOR_SIZE) && v->metadata.have_logical_sector_size;
}

static bool physical_sector_ok(const struct view *v)
{
    return metadata_item_ok(v, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE) && v->metadata.have_physical_sector_size;
}

static void disk_size_in_sectors(struct probe *p, const struct subject *s)
{
    const struct metadata *m = &s->view->metadata;
    if (!disk_size_ok(s->view) || !logical_sector_ok(s->view) || !sector_size_ok(m->logical_sector_size) ||
        m->virtual_disk_size % m->logical_sector_size == 0)
        return;
    struct finding *f =
        fail(p, at_metadata_value(s->view, KNOWN_ITEM_VIRTUAL_DISK_SIZE, 0, 8),
             "the virtual disk size, %" PRIu64 " bytes, is not a multiple of the logical sector size, %" PRIu32,
             m->virtual_disk_size, m->logical_sector_size);
    finding_expected(p, f, "a multiple of %" PRIu32, m->logical_sector_size);
    finding_actual(p, f, "%" PRIu64, m->virtual_disk_size);
}

static void logical_sector_legal(struct probe *p, const struct subject *s)
{
    uint32_t size = s->view->metadata.logical_sector_size;
    if (!logical_sector_ok(s->view) || sector_size_ok(size))
        return;
    struct finding *f = fail(p, at_metadata_value(s->view, KNOWN_ITEM_LOGICAL_SECTOR_SIZE, 0, 4),
                             "the logical sector size is %" PRIu32, size);
    finding_expected(p, f, "512 or 4096");
    finding_actual(p, f, "%" PRIu32, size);
}

static void physical_sector_legal(struct probe *p, const struct subject *s)
{
    uint32_t size = s->view->metadata.physical_sector_size;
    if (!physical_sector_ok(s->view) || sector_size_ok(size))
        return;
    struct finding *f = fail(p, at_metadata_value(s->view, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 0, 4),
                             "the physical sector size is %" PRIu32, size);
    finding_expected(p, f, "512 or 4096");
    finding_actual(p, f, "%" PRIu32, size);
}

static void physical_not_below_logical(struct probe *p, const struct subject *s)
{
    const struct metadata *m = &s->view->metadata;
    if (!logical_sector_ok(s->view) || !physical_sector_ok(s->view) || !sector_size_ok(m->physical_sector_size) ||
        !sector_size_ok(m->logical_sector_size) || m->physical_sector_size >= m->logical_sector_size)
        return;
    struct finding *f = fail(p, at_metadata_value(s->view, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 0, 4),
                             "the physical sector size, %" PRIu32 ", is smaller than the logical one, %" PRIu32,
                             m->physical_sector_size, m->logical_sector_size);
    finding_expected(p, f, "at least %" PRIu32, m->logical_sector_size);
    finding_actual(p, f, "%" PRIu32, m->physical_sector_size);
}

static void chunk_ratio_sound(struct probe *p, const struct subject *s)
{
    uint64_t ratio = s->view->geometry.chunk_ratio;
    if (is_pow2(ratio))
        return;
    struct finding *f = fail(p, at_metadata_value(s->view, KNOWN_ITEM_FILE_PARAMETERS, 0, 4),
                             "block size and sector size give a chunk ratio of %" PRIu64, ratio);
    finding_expected(p, f, "a power of two");
    finding_actual(p, f, "%" PRIu64, ratio);
}

static const char NO_EFFECT[] = "guest data is not affected";
static const char SEE_METADATA[] = "keep a copy of the file; vhdxray dump FILE metadata --hex";
static const char BLOCKS_LOST[] = "the layout of the disk is unknown, so no guest data can be found";

static const struct rule rules[] = {
    {
        .id = "VHDX-META-020",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.6.2.1",
        .title = "item File Parameters is missing or too short",
        .why = "They hold the block size and the type of the disk. The entry was damaged or removed.",
        .means = BLOCKS_LOST,
        .next = "vhdxray repair FILE --consent VHDX-META-020 (plan only; guesses the block size from the BAT)",
        .check = file_parameters_there,
    },
    {
        .id = "VHDX-META-021",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.6.2.2",
        .title = "item Virtual Disk Size is missing or too short",
        .why = "Without it nobody knows where the disk ends. The entry was damaged or removed.",
        .means = "the size of the disk is unknown, so no guest data can be found reliably",
        .next = "vhdxray repair FILE --consent VHDX-META-021 (plan only; takes the end of the last block in "
                "the BAT)",
        .check = disk_size_there,
    },
    {
        .id = "VHDX-META-022",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.6.2.4",
        .title = "item Logical Sector Size is missing or too short",
        .why = "The sector size decides how BAT entries and bitmaps interleave. The entry was damaged or removed.",
        .means = BLOCKS_LOST,
        .next = "vhdxray repair FILE --consent VHDX-META-022 (plan only; takes 512, unless the BAT speaks "
                "for 4096)",
        .check = logical_sector_there,
    },
    {
        .id = "VHDX-META-023",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP,
        .spec = "2.6.2.5",
        .title = "item Physical Sector Size is missing or too short",
        .why = "The format demands the item, though it only advises the guest. The entry was damaged or removed.",
        .means = "guest data is not affected, but most programs refuse the file",
        .next = "vhdxray repair FILE --consent VHDX-META-023 (plan only; takes 4096)",
        .check = physical_sector_there,
    },
    {
        .id = "VHDX-META-024",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP,
        .spec = "2.6.2.3",
        .title = "item Virtual Disk ID is missing or too short",
        .why = "The format demands the item; guests recognise the disk by it. The entry was damaged or removed.",
        .means = "guest data is not affected, but most programs refuse the file",
        .next = "vhdxray repair FILE --consent VHDX-META-024 (plan only; draws a new id)",
        .check = disk_id_there,
    },
    {
        .id = "VHDX-META-025",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.3",
        .title = "nil Virtual Disk ID",
        .why =
            "Guests use the id to tell disks apart (multipath, clustering); several disks with a nil id look like one.",
        .means = "guest data is not affected; a guest may mistake this disk for another",
        .next = "vhdxray repair FILE --consent VHDX-META-025 (plan only; draws a new id)",
        .check = disk_id_set,
    },
    {
        .id = "VHDX-META-026",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "impl",
        .title = "creation of the file was never finished",
        .why = "Microsoft's writers put a marker into the metadata while they create or convert a disk, and remove it "
               "at the end. It is still there: the program was stopped before.",
        .means = "guest data may be missing or incomplete: the copy or conversion did not come to its end",
        .next = "vhdxray repair FILE --consent VHDX-META-026 (plan only; removes the marker; what was never "
                "copied stays missing); better create or convert the disk again",
        .check = creation_finished,
    },
    {
        .id = "VHDX-META-027",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "CHS parameters or PMEM labels present",
        .why = "Items of Microsoft's own that the specification does not list: the disk geometry of an older machine, "
               "or the labels of a persistent-memory disk.",
        .means = NO_EFFECT,
        .next = "nothing needs to be done; vhdxray dump FILE metadata",
        .check = extra_items_noted,
    },
    {
        .id = "VHDX-META-028",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_LIBVHDI,
        .spec = "2.6.2.1",
        .title = "block size is not legal",
        .why = "Block sizes are powers of two from 1 MiB to 256 MiB. Others break the arithmetic of programs "
               "(CVE-2014-0148); the item is damaged, or the file is an attack.",
        .means = BLOCKS_LOST,
        .next = SEE_METADATA,
        .check = block_size_legal,
    },
    {
        .id = "VHDX-META-029",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.6.2.1",
        .title = "reserved bits of the file parameters are set",
        .why = "Two bits have a meaning, the others must be zero. openvmm refuses the file otherwise.",
        .means = NO_EFFECT,
        .next = "vhdxray repair FILE (plan only; clears the bits)",
        .check = parameter_flags_known,
    },
    {
        .id = "VHDX-META-030",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_LIBVHDI,
        .spec = "2.6.2.1",
        .title = "disk is marked both as fixed and as differencing",
        .why = "LeaveBlocksAllocated has no meaning for a differencing disk and is ignored there. libvhdi refuses the "
               "file.",
        .means = NO_EFFECT,
        .next = "nothing needs to be done",
        .check = child_is_not_fixed,
    },
    {
        .id = "VHDX-META-031",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_LIBVHDI | PEER_VIRTUALBOX,
        .spec = "impl",
        .title = "virtual disk size is 0",
        .why = "A disk without a sector holds nothing; programs that subtract one from the number of blocks run wild.",
        .means = "no guest data can be found: the item is damaged, or the disk never had a size",
        .next = SEE_METADATA,
        .check = disk_size_not_zero,
    },
    {
        .id = "VHDX-META-032",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.6.2.2",
        .title = "virtual disk size is more than 64 TiB",
        .why = "The format ends at 64 TiB. Larger sizes make programs with 32-bit block numbers show a smaller disk.",
        .means = "the item is damaged: where the disk really ends is unknown",
        .next = SEE_METADATA,
        .check = disk_size_not_too_large,
    },
    {
        .id = "VHDX-META-033",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV,
        .spec = "2.6.2.2",
        .title = "virtual disk size is not a multiple of the sector size",
        .why = "A disk ends with a whole sector. QEMU, 7-Zip and libvhdi open such a file without a word and disagree "
               "about its end.",
        .means = "the last, incomplete sector of the disk is shown by some programs and not by others",
        .next = "vhdxray repair FILE --consent VHDX-META-033 (plan only; ends the disk with its last whole "
                "sector)",
        .check = disk_size_in_sectors,
    },
    {
        .id = "VHDX-META-034",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_LIBVHDI,
        .spec = "2.6.2.4",
        .title = "logical sector size is not 512 or 4096",
        .why = "No other size is allowed; the item is damaged, or the file is an attack on programs that divide by it.",
        .means = BLOCKS_LOST,
        .next = SEE_METADATA,
        .check = logical_sector_legal,
    },
    {
        .id = "VHDX-META-035",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_HYPERV | PEER_LIBVHDI | PEER_7ZIP,
        .spec = "2.6.2.5",
        .title = "physical sector size is not 512 or 4096",
        .why = "No other size is allowed. It only advises the guest how to align its writes.",
        .means = "guest data is not affected, but several programs refuse the file",
        .next = "vhdxray repair FILE (plan only; takes 4096)",
        .check = physical_sector_legal,
    },
    {
        .id = "VHDX-META-036",
        .scope = SCOPE_VIEW,
        .needs = NEED_METADATA,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.5",
        .title = "physical sectors are smaller than logical ones",
        .why = "The format does not forbid it, but no medium is built so. Some guests refuse the disk.",
        .means = NO_EFFECT,
        .next = "nothing needs to be done",
        .check = physical_not_below_logical,
    },
    {
        .id = "VHDX-META-037",
        .scope = SCOPE_VIEW,
        .needs = NEED_GEOMETRY,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV,
        .spec = "2.4",
        .title =
            "chunk ratio is not a power of two (never raised: guards the arithmetic behind VHDX-META-028 and -034)",
        .why = "Legal block and sector sizes always give a power of two from 16 to 32768, and others have their own "
               "finding, so this can only be a mistake in this program.",
        .means = BLOCKS_LOST,
        .next = "report this as a fault of vhdxray",
        .check = chunk_ratio_sound,
    },
};

const struct rule_group metadata_item_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
