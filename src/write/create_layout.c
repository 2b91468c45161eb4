/* SPDX-License-Identifier: MIT */
/*
 * The plan of a new image (format.md 16). Two producers are imitated, because their images are what all readers know:
 *
 *   Windows  header section, log, metadata, BAT, blocks. The BAT is sized by the formula of differencing disks
 *            for all types, so that a disk can become another type without moving anything.
 *   QEMU     header section, log, BAT, metadata, blocks 5 MiB behind the end of the BAT. The block size follows
 *            the size of the disk; a "fixed" disk with block_state_zero has the room for all blocks, but none of
 *            them is mapped.
 *
 * Where QEMU departs from the specification it is not followed: Required is set on both regions, and the file of a
 * fixed disk has room for the whole of its last block.
 */
#include "write/create_layout.h"

#include <string.h>

#include "base/checked.h"
#include "base/utf16.h"
#include "format/layout.h"

static const uint64_t QEMU_PAYLOAD_DISTANCE = (uint64_t)5 << 20;

/* ---- defaults ---- */

/* The steps of QEMU's "auto" (tests/parity.md, S-47). */
static uint64_t qemu_block_size(uint64_t size)
{
    if (size > 32 * TIB)
        return 64 * MIB;
    if (size > 100 * GIB)
        return 32 * MIB;
    return size > GIB ? 16 * MIB : 8 * MIB;
}

static uint64_t block_size_of(const struct create_options *o)
{
    if (o->block_size != 0)
        return o->block_size;
    if (o->like == CREATE_LIKE_QEMU)
        return qemu_block_size(o->size);
    return o->type == CREATE_DYNAMIC ? 32 * MIB : 2 * MIB;
}

static uint32_t logical_of(const struct create_options *o)
{
    return o->logical_sector_size != 0 ? o->logical_sector_size : 512;
}

static uint32_t physical_of(const struct create_options *o)
{
    if (o->physical_sector_size != 0)
        return o->physical_sector_size;
    return o->like == CREATE_LIKE_QEMU ? logical_of(o) : 4096;
}

void create_round_like_qemu(struct create_options *o)
{
    uint64_t rounded;

    if (u64_align_up(o->size, 512, &rounded))
        o->size = rounded;
    if (u64_align_up(o->log_size, MIB, &rounded))
        o->log_size = rounded;
    if (u64_align_up(o->block_size, MIB, &rounded))
        o->block_size = u64_min(rounded, BLOCK_SIZE_MAX);
}

/* ---- what is not possible ---- */

static bool is_sector_size(uint32_t v)
{
    return v == 0 || v == 512 || v == 4096;
}

/* NULL is fine. A string of the locator has a 16-bit length, in bytes of UTF-16 ([MS-VHDX] 2.6.2.6.2). */
static bool path_fits(const char *path)
{
    size_t len = path != NULL ? strlen(path) : 0, units = 0;

    for (size_t at = 0; at < len;) {
        uint32_t code = 0;
        size_t n = utf8_next(path + at, len - at, &code);
        if (n == 0)
            return false;
        units += code >= 0x10000 ? 2 : 1;
        at += n;
    }
    return path == NULL || (units > 0 && units <= UINT16_MAX / 2);
}

static const char *child_problem(const struct create_options *o)
{
    if (o->like == CREATE_LIKE_QEMU)
        return "QEMU makes no differencing disks";
    if (o->block_state_zero)
        return "blocks in state ZERO would hide the parent's data";
    if (guid_is_nil(&o->parent_data_write_guid))
        return "the parent has no DataWriteGuid to be known by";
    if (o->relative_path == NULL && o->absolute_win32_path == NULL && o->volume_path == NULL)
        return "a differencing disk needs a path to its parent";
    if (!path_fits(o->relative_path) || !path_fits(o->absolute_win32_path) || !path_fits(o->volume_path))
        return "a path to the parent must be UTF-8, and not empty or longer than 32,767 characters";
    return NULL;
}

const char *create_problem(const struct create_options *o)
{
    if (o->size == 0)
        return "the size must be at least one sector";
    if (o->size > VIRTUAL_SIZE_MAX)
        return "the size is too large; the most is 64 TiB";
    if (!is_sector_size(o->logical_sector_size) || !is_sector_size(o->physical_sector_size))
        return "a sector has 512 or 4096 bytes";
    if (physical_of(o) < logical_of(o))
        return "physical sectors cannot be smaller than logical ones";
    if (o->size % logical_of(o) != 0)
        return "the size must be a multiple of the logical sector size";
    if (o->block_size != 0 &&
        (!is_pow2(o->block_size) || o->block_size < BLOCK_SIZE_MIN || o->block_size > BLOCK_SIZE_MAX))
        return "the block size must be a power of two, from 1 MiB to 256 MiB";
    if (o->log_size % MIB != 0 || o->log_size > UINT32_MAX)
        return "the log size must be a multiple of 1 MiB, smaller than 4 GiB";
    if (o->type == CREATE_FIXED && o->block_state_zero && o->like != CREATE_LIKE_QEMU)
        return "a fixed disk has a place for every block; the state ZERO is for blocks without one";
    return o->type == CREATE_DIFFERENCING ? child_problem(o) : NULL;
}

/* ---- places ---- */

static void place_items(const struct create_options *o, struct create_layout *l)
{
    static const struct create_item windows[CREATE_ITEMS] = {
        {KNOWN_ITEM_FILE_PARAMETERS, 0x10000},     {KNOWN_ITEM_VIRTUAL_DISK_SIZE, 0x10008},
        {KNOWN_ITEM_LOGICAL_SECTOR_SIZE, 0x10010}, {KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 0x10014},
        {KNOWN_ITEM_VIRTUAL_DISK_ID, 0x10018},     {KNOWN_ITEM_PARENT_LOCATOR, 0x10028},
    };
    static const struct create_item qemu[CREATE_ITEMS] = {
        {KNOWN_ITEM_FILE_PARAMETERS, 0x10000},      {KNOWN_ITEM_VIRTUAL_DISK_SIZE, 0x10008},
        {KNOWN_ITEM_VIRTUAL_DISK_ID, 0x10010},      {KNOWN_ITEM_LOGICAL_SECTOR_SIZE, 0x10020},
        {KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 0x10024}, {KNOWN_ITEM_PARENT_LOCATOR, 0x10028},
    };
    const struct create_item *items = o->like == CREATE_LIKE_QEMU ? qemu : windows;

    l->item_count = o->type == CREATE_DIFFERENCING ? CREATE_ITEMS : CREATE_ITEMS - 1;
    for (uint32_t i = 0; i < l->item_count; i++)
        l->items[i] = items[i];
}

static uint64_t bat_len_of(const struct create_options *o, const struct geometry *g)
{
    uint64_t entries = o->like == CREATE_LIKE_QEMU ? g->entries : g->chunks * (g->chunk_ratio + 1);

    return MIB * u64_div_up(entries * BAT_ENTRY_LEN, MIB);
}

bool create_layout_make(const struct create_options *o, struct create_layout *ret)
{
    struct create_layout l = {.physical_sector_size = physical_of(o)};
    struct geometry *g = &l.geometry;

    if (create_problem(o) != NULL ||
        !geometry_derive(o->size, block_size_of(o), logical_of(o), o->type == CREATE_DIFFERENCING, g))
        return false;
    l.log_off = HEADER_SECTION_LEN;
    l.log_len = o->log_size != 0 ? o->log_size : MIB;
    l.metadata_len = MIB;
    l.bat_len = bat_len_of(o, g);
    if (o->like == CREATE_LIKE_QEMU) {
        l.bat_off = l.log_off + l.log_len;
        l.metadata_off = l.bat_off + l.bat_len;
        l.payload_off = l.metadata_off + QEMU_PAYLOAD_DISTANCE;
    } else {
        l.metadata_off = l.log_off + l.log_len;
        l.bat_off = l.metadata_off + l.metadata_len;
        l.payload_off = l.bat_off + l.bat_len;
    }
    l.mapped = o->type == CREATE_FIXED && !o->block_state_zero;
    l.file_size = l.payload_off + (o->type == CREATE_FIXED ? g->payload_blocks * g->block_size : 0);
    place_items(o, &l);
    *ret = l;
    return true;
}

void create_describe(const struct create_options *o, struct geometry *ret_geometry, uint32_t *ret_physical_sector_size,
                     uint64_t *ret_log_len)
{
    struct create_layout l;

    if (!create_layout_make(o, &l))
        return;
    *ret_geometry = l.geometry;
    *ret_physical_sector_size = l.physical_sector_size;
    *ret_log_len = l.log_len;
}
