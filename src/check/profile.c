/* SPDX-License-Identifier: MIT */
/*
 * The Azure profile. Azure takes fixed VHD files only, so every VHDX is converted on the way: what the conversion mends
 * by itself (format, type, log, a parent that is there) is told apart from what no conversion mends (sizes, sectors,
 * damage). The partition table is looked at because it decides the generation of a virtual machine that boots from the
 * disk.
 */
#include "check/profile.h"

#include <string.h>

#include "base/le.h"
#include "base/text.h"
#include "format/layout.h"
#include "image/guest.h"

/* Sizes of the disk as documented: an upload has 512 bytes of footer more. */
static const uint64_t AZURE_STEP = (uint64_t)1 << 20;
static const uint64_t AZURE_LEAST = (uint64_t)20 << 20;
static const uint64_t AZURE_MOST = (uint64_t)32 << 40;
static const uint64_t AZURE_SYSTEM_MOST = (uint64_t)4095 << 30;
static const uint64_t MBR_MOST = (uint64_t)2 << 40;

const char *profile_name(enum profile_kind k)
{
    return k == PROFILE_AZURE ? "azure" : NULL;
}

const char *profile_title(enum profile_kind k)
{
    return k == PROFILE_AZURE ? "Upload to Azure" : NULL;
}

const char *requirement_result_name(enum requirement_result r)
{
    static const char *const names[] = {"met", "convert", "note", "unmet", "unknown"};

    return names[r];
}

static void add(struct profile *p, struct requirement r)
{
    p->requirements[p->count++] = r;
    p->unmet += r.result == REQUIREMENT_UNMET || r.result == REQUIREMENT_UNKNOWN;
}

/* ---- soundness, format, type ---- */

static void add_sound(struct profile *p, struct arena *a, const struct check_result *res)
{
    struct requirement r = {.id = "sound", .title = "the image has no errors", .result = REQUIREMENT_MET};

    r.found =
        text_format(a, "%s%s", verdict_name(res->verdict), res->verdict == VERDICT_SUSPICIOUS ? ", warnings only" : "");
    if (!res->complete) {
        r.result = REQUIREMENT_UNKNOWN;
        r.found = text_format(a, "%s, as far as it was looked at", r.found);
        r.next = "lift the limit that the report names, and check again";
    } else if (res->counts[SEVERITY_ERROR] > 0) {
        r.result = REQUIREMENT_UNMET;
        r.next = "vhdxray repair FILE: see what can be mended";
    }
    add(p, r);
}

static void add_format(struct profile *p)
{
    add(p, (struct requirement){
               .id = "format",
               .title = "a VHD, not a VHDX",
               .result = REQUIREMENT_CONVERT,
               .found = "VHDX",
               .next = "Convert-VHD -VHDType Fixed, or vhdxray export FILE OUT and "
                       "qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on OUT OUT.vhd",
           });
}

static void add_type(struct profile *p, const struct image *img)
{
    struct requirement r = {.id = "type", .title = "a fixed disk", .result = REQUIREMENT_CONVERT};
    const struct chain_parent *parent = img->parent;

    r.found = disk_type_name(img->main->type);
    switch (img->main->type) {
    case DISK_FIXED:
        r.result = REQUIREMENT_MET;
        break;
    case DISK_DYNAMIC:
        r.next = "the conversion makes a fixed one";
        break;
    case DISK_DIFFERENCING:
        r.next = "the conversion merges it with its parents";
        if (parent == NULL || parent->state != PARENT_FOUND) {
            r.result = REQUIREMENT_UNMET;
            r.found = "differencing, and its parent was not looked at";
            r.next = "name the parents: --parent PATH or --search-dir DIR; the conversion merges the chain";
        }
        break;
    case DISK_UNKNOWN:
        r.result = REQUIREMENT_UNKNOWN;
        r.found = "unknown";
        r.next = "vhdxray repair FILE: see what can be mended";
        break;
    }
    add(p, r);
}

static void add_log(struct profile *p, const struct image *img)
{
    struct requirement r = {.id = "log", .title = "nothing waits in the log", .result = REQUIREMENT_MET};

    r.found = log_state_name(img->log_state);
    if (img->log_state == LOG_STATE_DIRTY) {
        r.result = REQUIREMENT_CONVERT;
        r.next = "vhdxray export reads through the log; Convert-VHD replays it in the file";
    } else if (img->log_state == LOG_STATE_INVALID) {
        r.result = REQUIREMENT_UNMET;
        r.next = "vhdxray log FILE";
    }
    add(p, r);
}

/* ---- numbers ---- */

static void add_sectors(struct profile *p, struct arena *a, const struct metadata *m)
{
    struct requirement r = {.id = "logical_sector_size", .title = "logical sectors of 512 bytes"};

    if (!m->have_logical_sector_size) {
        r.result = REQUIREMENT_UNKNOWN;
        r.found = "unknown";
    } else {
        r.result = m->logical_sector_size == 512 ? REQUIREMENT_MET : REQUIREMENT_UNMET;
        r.found = text_format(a, "%u bytes", (unsigned)m->logical_sector_size);
        if (r.result == REQUIREMENT_UNMET)
            r.next = "a VHD has no other sectors: copy the content to a disk that has them, file system by file system";
    }
    add(p, r);
}

static const char *size_words(struct arena *a, uint64_t bytes)
{
    return text_format(a, "%llu bytes (%s)", (unsigned long long)bytes, text_size(a, bytes));
}

static void add_size(struct profile *p, struct arena *a, const struct metadata *m, struct requirement r, bool met,
                     const char *next)
{
    if (!m->have_virtual_disk_size) {
        r.result = REQUIREMENT_UNKNOWN;
        r.found = "unknown";
    } else {
        r.result = met ? REQUIREMENT_MET : REQUIREMENT_UNMET;
        r.found = size_words(a, m->virtual_disk_size);
        r.next = met ? NULL : next;
    }
    add(p, r);
}

static void add_sizes(struct profile *p, struct arena *a, const struct metadata *m)
{
    const uint64_t size = m->have_virtual_disk_size ? m->virtual_disk_size : 0;
    const uint64_t rounded = (size / AZURE_STEP + 1) * AZURE_STEP;

    add_size(p, a, m, (struct requirement){.id = "virtual_size_step", .title = "a size that is a multiple of 1 MiB"},
             size % AZURE_STEP == 0,
             text_format(a, "make the disk larger: Resize-VHD -SizeBytes %llu, or truncate -s %llu on the exported OUT",
                         (unsigned long long)rounded, (unsigned long long)rounded));
    add_size(p, a, m, (struct requirement){.id = "virtual_size_least", .title = "20 MiB at least"}, size >= AZURE_LEAST,
             "make the disk larger: Resize-VHD, or truncate -s 20M on the exported OUT");
    add_size(p, a, m, (struct requirement){.id = "virtual_size_most", .title = "32 TiB at most"}, size <= AZURE_MOST,
             "make the last partition smaller, then the disk; or divide the content among several disks");
}

/* ---- what it can be used for ---- */

enum table { TABLE_UNKNOWN, TABLE_NONE, TABLE_MBR, TABLE_GPT };

/* The partition table in the first two sectors, at either sector size. */
static enum table table_of(const uint8_t *bytes, uint32_t sector)
{
    enum { SIGNATURE = 510, ENTRIES = 446, ENTRY = 16, TYPE = 4 };
    bool any = false;

    if (bytes[SIGNATURE] != 0x55 || bytes[SIGNATURE + 1] != 0xaa)
        return TABLE_NONE;
    if (memcmp(bytes + sector, "EFI PART", 8) == 0)
        return TABLE_GPT;
    for (size_t i = 0; i < 4; i++)
        any = any || (bytes[ENTRIES + i * ENTRY + TYPE] != 0 && le32(bytes + ENTRIES + i * ENTRY + 12) != 0);
    return any ? TABLE_MBR : TABLE_NONE;
}

static enum status read_table(const struct check_result *res, enum table *ret)
{
    const struct guest_options options = {.salvage = true};
    uint8_t bytes[2 * 4096];
    struct guest *g = NULL;
    const char *why = NULL;
    uint64_t faults = 0;

    *ret = TABLE_UNKNOWN;
    enum status st = guest_open(res->image, &options, &g, &why);
    if (st == STATUS_REFUSED)
        return STATUS_OK;
    if (st != STATUS_OK)
        return st;
    const uint32_t sector = guest_sector_size(g);
    if (guest_size(g) < 2 * (uint64_t)sector) {
        *ret = TABLE_NONE;
        return STATUS_OK;
    }
    st = guest_read(g, 0, bytes, (size_t)2 * sector, NULL, NULL, &faults);
    if (st == STATUS_OK && faults == 0)
        *ret = table_of(bytes, sector);
    return st;
}

static void add_boot(struct profile *p, enum table table)
{
    static const struct {
        enum requirement_result result;
        const char *found, *next;
    } rows[] = {
        [TABLE_UNKNOWN] = {REQUIREMENT_NOTE, "the beginning of the disk cannot be read",
                           "vhdxray read FILE --length 1024 says why"},
        [TABLE_NONE] = {REQUIREMENT_NOTE, "no partition table: a data disk", NULL},
        [TABLE_MBR] = {REQUIREMENT_MET, "MBR: for a generation 1 machine", NULL},
        [TABLE_GPT] = {REQUIREMENT_MET, "GPT: for a generation 2 machine", NULL},
    };

    add(p, (struct requirement){
               .id = "partition_table",
               .title = "a partition table that a machine can start from",
               .result = rows[table].result,
               .found = rows[table].found,
               .next = rows[table].next,
           });
}

static void add_system_disk(struct profile *p, struct arena *a, const struct metadata *m, enum table table)
{
    struct requirement r = {.id = "system_disk_size",
                            .title = "4095 GiB at most to start from, 2 TiB with an MBR",
                            .result = REQUIREMENT_MET};

    if (!m->have_virtual_disk_size) {
        r.result = REQUIREMENT_UNKNOWN;
        r.found = "unknown";
    } else {
        r.found = size_words(a, m->virtual_disk_size);
        if (m->virtual_disk_size > AZURE_SYSTEM_MOST || (table == TABLE_MBR && m->virtual_disk_size > MBR_MOST)) {
            r.result = REQUIREMENT_NOTE;
            r.next = "it can be a data disk only, or the part of it behind the limit is not used";
        }
    }
    add(p, r);
}

enum status profile_make(struct arena *a, enum profile_kind kind, const struct check_result *res, struct profile *ret)
{
    const struct metadata *m = &res->image->main->metadata;
    enum table table = TABLE_UNKNOWN;

    *ret = (struct profile){.kind = kind};
    enum status st = read_table(res, &table);
    if (st != STATUS_OK)
        return st;
    add_sound(ret, a, res);
    add_format(ret);
    add_type(ret, res->image);
    add_log(ret, res->image);
    add_sectors(ret, a, m);
    add_sizes(ret, a, m);
    add_boot(ret, table);
    add_system_disk(ret, a, m, table);
    ret->ready = ret->unmet == 0;
    return arena_status(a);
}
