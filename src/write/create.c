/* SPDX-License-Identifier: MIT */
/*
 * Writes a new image ([MS-VHDX] 2; format.md 16). The store is empty, so whatever is zero in the image is not written;
 * an image costs its structures, not its size.
 *
 * The order makes an unfinished file one that nobody takes for an image: everything else, durable; then the headers,
 * durable; then the identifier. Its signature is in the first sector of the file, so even a torn write of it is all or
 * nothing.
 */
#include "write/create.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "format/file_id.h"
#include "format/header.h"
#include "format/layout.h"
#include "format/metadata.h"
#include "format/parent_locator.h"
#include "format/region_table.h"
#include "write/create_layout.h"

enum {
    PAGE = 4096,         /* of the 64 KiB structures only the first page is not zero */
    BAT_WINDOW = 131072, /* entries written at a time: 1 MiB */
};

struct creation {
    struct store *store;
    const struct create_options *options;
    struct entropy *entropy;
    struct create_layout layout;
    uint8_t *buf; /* REGION_TABLE_LEN, METADATA_TABLE_LEN, FILE_ID_LEN or METADATA_ITEM_MAX bytes */
};

/* ---- metadata ---- */

static enum status locator(const struct creation *c, uint8_t *out, uint32_t *ret_len)
{
    const struct create_options *o = c->options;
    char text[GUID_TEXT_SIZE], linkage[GUID_TEXT_SIZE + 2];
    struct locator_string pairs[4];
    uint16_t count = 0;

    (void)snprintf(linkage, sizeof(linkage), "{%s}", guid_text(&o->parent_data_write_guid, text));
    pairs[count++] = (struct locator_string){"parent_linkage", linkage};
    if (o->absolute_win32_path != NULL)
        pairs[count++] = (struct locator_string){"absolute_win32_path", o->absolute_win32_path};
    if (o->relative_path != NULL)
        pairs[count++] = (struct locator_string){"relative_path", o->relative_path};
    if (o->volume_path != NULL)
        pairs[count++] = (struct locator_string){"volume_path", o->volume_path};
    *ret_len = parent_locator_encode(known_guid(KNOWN_LOCATOR_TYPE_VHDX), pairs, count, out,
                                     (uint32_t)(c->layout.metadata_len - METADATA_TABLE_LEN - PAGE));
    return *ret_len != 0 ? STATUS_OK : STATUS_REFUSED;
}

/* One item into out; its length, 0 when it cannot be made. */
static enum status item(const struct creation *c, enum known_guid id, uint8_t *out, uint32_t *ret_len)
{
    const struct create_options *o = c->options;
    const struct geometry *g = &c->layout.geometry;
    struct file_parameters p = {.block_size = (uint32_t)g->block_size};
    struct guid disk_id = o->virtual_disk_id;
    enum status st = STATUS_OK;

    switch (id) {
    case KNOWN_ITEM_FILE_PARAMETERS:
        if (o->type == CREATE_FIXED)
            p.flags = FILE_PARAMETERS_LEAVE_BLOCK_ALLOCATED;
        else if (o->type == CREATE_DIFFERENCING)
            p.flags = FILE_PARAMETERS_HAS_PARENT;
        file_parameters_encode(&p, out);
        *ret_len = FILE_PARAMETERS_LEN;
        return STATUS_OK;
    case KNOWN_ITEM_VIRTUAL_DISK_SIZE:
        virtual_disk_size_encode(g->virtual_size, out);
        *ret_len = VIRTUAL_DISK_SIZE_LEN;
        return STATUS_OK;
    case KNOWN_ITEM_LOGICAL_SECTOR_SIZE:
        sector_size_encode(g->logical_sector_size, out);
        *ret_len = SECTOR_SIZE_LEN;
        return STATUS_OK;
    case KNOWN_ITEM_PHYSICAL_SECTOR_SIZE:
        sector_size_encode(c->layout.physical_sector_size, out);
        *ret_len = SECTOR_SIZE_LEN;
        return STATUS_OK;
    case KNOWN_ITEM_VIRTUAL_DISK_ID:
        if (guid_is_nil(&disk_id))
            st = entropy_guid(c->entropy, &disk_id);
        if (st == STATUS_OK)
            virtual_disk_id_encode(&disk_id, out);
        *ret_len = VIRTUAL_DISK_ID_LEN;
        return st;
    case KNOWN_ITEM_PARENT_LOCATOR:
        return locator(c, out, ret_len);
    default:
        return STATUS_INTERNAL;
    }
}

/* Content is of the disk where it describes the disk, and of this file alone where it does not (2.6.1.2). */
static uint32_t item_flags(enum known_guid id)
{
    bool of_file = id == KNOWN_ITEM_FILE_PARAMETERS || id == KNOWN_ITEM_PARENT_LOCATOR;

    return METADATA_FLAG_IS_REQUIRED | (of_file ? 0 : METADATA_FLAG_IS_VIRTUAL_DISK);
}

static enum status write_metadata(struct creation *c)
{
    const struct create_layout *l = &c->layout;
    struct metadata_entry entries[CREATE_ITEMS];

    for (uint32_t i = 0; i < l->item_count; i++) {
        uint32_t len = 0;
        enum status st = item(c, l->items[i].id, c->buf, &len);

        if (st == STATUS_OK)
            st = store_write(c->store, l->metadata_off + l->items[i].off, c->buf, len);
        if (st != STATUS_OK)
            return st;
        entries[i] = (struct metadata_entry){
            .item_id = *known_guid(l->items[i].id),
            .off = l->items[i].off,
            .len = len,
            .flags = item_flags(l->items[i].id),
        };
    }
    if (!metadata_table_encode(entries, l->item_count, c->buf))
        return STATUS_INTERNAL;
    return store_write(c->store, l->metadata_off, c->buf, PAGE);
}

/* ---- regions and blocks ---- */

static enum status write_regions(struct creation *c)
{
    const struct create_layout *l = &c->layout;
    struct region_entry entries[] = {
        {.guid = *known_guid(KNOWN_REGION_BAT), .off = l->bat_off, .len = (uint32_t)l->bat_len, .required_word = 1},
        {.guid = *known_guid(KNOWN_REGION_METADATA),
         .off = l->metadata_off,
         .len = (uint32_t)l->metadata_len,
         .required_word = 1},
    };
    enum status st = STATUS_OK;

    if (!region_table_encode(entries, 2, c->buf))
        return STATUS_INTERNAL;
    for (int i = 0; i < 2 && st == STATUS_OK; i++)
        st = store_write(c->store, REGION_TABLE_OFF[i], c->buf, PAGE);
    return st;
}

/* Of a BAT that is written at all: its blocks have places, or are known to be zeros. */
static uint64_t initial_entry(const struct creation *c, uint64_t index)
{
    const struct create_layout *l = &c->layout;
    struct bat_slot slot = bat_slot_of_index(&l->geometry, index);

    if (slot.is_bitmap)
        return BITMAP_NOT_PRESENT;
    if (l->mapped)
        return bat_entry_make(l->payload_off + slot.block * l->geometry.block_size, PAYLOAD_FULLY_PRESENT);
    return PAYLOAD_ZERO;
}

/* Nothing to write for blocks that are not present: their entries are zero. */
static enum status write_bat(struct creation *c)
{
    const struct create_layout *l = &c->layout;
    const uint64_t entries = l->geometry.entries;
    enum status st = STATUS_OK;

    if (!l->mapped && !c->options->block_state_zero)
        return STATUS_OK;
    for (uint64_t first = 0; first < entries && st == STATUS_OK; first += BAT_WINDOW) {
        uint64_t count = u64_min(BAT_WINDOW, entries - first);

        for (uint64_t i = 0; i < count; i++)
            put_le64(c->buf + i * BAT_ENTRY_LEN, initial_entry(c, first + i));
        st = store_write(c->store, l->bat_off + first * BAT_ENTRY_LEN, c->buf, (size_t)(count * BAT_ENTRY_LEN));
    }
    return st;
}

/* ---- headers and identifier ---- */

/* Small numbers, as Windows has them in new files; QEMU draws 32 bits. */
static enum status first_sequence(const struct creation *c, uint64_t *ret)
{
    uint8_t bytes[4];

    *ret = 1;
    if (c->options->like != CREATE_LIKE_QEMU)
        return STATUS_OK;
    enum status st = c->entropy->fill(c->entropy, bytes, sizeof(bytes));
    if (st == STATUS_OK)
        *ret = le32(bytes);
    return st;
}

static enum status write_headers(struct creation *c)
{
    struct header h = {
        .version = 1,
        .log_off = c->layout.log_off,
        .log_len = (uint32_t)c->layout.log_len,
    };
    uint64_t sequence = 0;
    enum status st = first_sequence(c, &sequence);

    if (st == STATUS_OK)
        st = entropy_guid(c->entropy, &h.file_write_guid);
    if (st == STATUS_OK)
        st = entropy_guid(c->entropy, &h.data_write_guid);
    for (unsigned i = 0; i < 2 && st == STATUS_OK; i++) {
        h.sequence_number = sequence + i;
        header_encode(&h, c->buf);
        st = store_write(c->store, HEADER_OFF[i], c->buf, HEADER_LEN);
    }
    return st;
}

static enum status write_identifier(struct creation *c)
{
    file_identifier_encode(c->options->creator != NULL ? c->options->creator : "", c->buf);
    return store_write(c->store, FILE_ID_OFF, c->buf, PAGE);
}

static enum status write_all(struct creation *c)
{
    enum status st = store_resize(c->store, c->layout.file_size);

    if (st == STATUS_OK)
        st = write_metadata(c);
    if (st == STATUS_OK)
        st = write_regions(c);
    if (st == STATUS_OK)
        st = write_bat(c);
    if (st == STATUS_OK)
        st = store_sync(c->store);
    if (st == STATUS_OK)
        st = write_headers(c);
    if (st == STATUS_OK)
        st = store_sync(c->store);
    if (st == STATUS_OK)
        st = write_identifier(c);
    if (st == STATUS_OK)
        st = store_sync(c->store);
    return st;
}

enum status create_image(struct store *s, const struct create_options *o, struct entropy *e)
{
    _Static_assert(BAT_WINDOW * BAT_ENTRY_LEN <= METADATA_ITEM_MAX, "one buffer serves all");
    struct creation c = {.store = s, .options = o, .entropy = e};

    if (store_size(s) != 0 || !create_layout_make(o, &c.layout))
        return STATUS_REFUSED;
    c.buf = (uint8_t *)calloc(1, METADATA_ITEM_MAX);
    if (c.buf == NULL)
        return STATUS_NO_MEMORY;
    enum status st = write_all(&c);
    free(c.buf);
    return st;
}
