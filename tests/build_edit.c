/* SPDX-License-Identifier: MIT */
/*
 * Changing a built image: accessors hand out the bytes of one structure, tests overwrite what they want broken and sign
 * again where a checksum must stay right. Nothing here refuses a wrong value; that is the point.
 */
#include "build.h"

#include <assert.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/le.h"
#include "base/span.h"
#include "format/sector_bitmap.h"

/* Sets the checksum field (offset 4) of a structure of len bytes. */
static void sign(uint8_t *p, size_t len)
{
    put_le32(p + 4, crc32c_structure(span_of(p, len)));
}

/* ---- headers ---- */

uint8_t *img_header(struct img *img, unsigned slot)
{
    assert(slot < 2);
    return img_bytes(img, HEADER_OFF[slot], HEADER_LEN);
}

void img_sign_header(struct img *img, unsigned slot)
{
    sign(img_header(img, slot), HEADER_LEN);
}

void img_sign_headers(struct img *img)
{
    img_sign_header(img, 0);
    img_sign_header(img, 1);
}

void img_set_log_guid(struct img *img, const struct guid *g)
{
    static const struct guid nil = {{0}};
    for (unsigned i = 0; i < 2; i++)
        guid_store(img_header(img, i) + IMG_HEADER_LOG_GUID, g ? g : &nil);
    img_sign_headers(img);
}

/* ---- region tables ---- */

uint8_t *img_region_table(struct img *img, unsigned copy)
{
    assert(copy < 2);
    return img_bytes(img, REGION_TABLE_OFF[copy], REGION_TABLE_LEN);
}

uint8_t *img_region_entry(struct img *img, unsigned copy, uint32_t i)
{
    assert(i < REGION_ENTRIES_MAX);
    return img_region_table(img, copy) + REGION_TABLE_HEADER_LEN + (size_t)REGION_ENTRY_LEN * i;
}

uint8_t *img_region_find(struct img *img, unsigned copy, enum known_guid which)
{
    for (uint32_t i = 0; i < REGION_ENTRIES_MAX && i < le32(img_region_table(img, copy) + 8); i++)
        if (memcmp(img_region_entry(img, copy, i), known_guid(which)->bytes, 16) == 0)
            return img_region_entry(img, copy, i);
    return NULL;
}

void img_region_add(struct img *img, const struct region_entry *e)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        uint8_t *table = img_region_table(img, copy);
        uint32_t count = le32(table + 8);
        uint8_t *p = img_region_entry(img, copy, count);
        guid_store(p, &e->guid);
        put_le64(p + 16, e->off);
        put_le32(p + 24, e->len);
        put_le32(p + 28, e->required_word);
        put_le32(table + 8, count + 1);
    }
    img_sign_region_tables(img);
}

void img_sign_region_table(struct img *img, unsigned copy)
{
    sign(img_region_table(img, copy), REGION_TABLE_LEN);
}

void img_sign_region_tables(struct img *img)
{
    img_sign_region_table(img, 0);
    img_sign_region_table(img, 1);
}

/* ---- metadata ---- */

uint8_t *img_metadata_table(struct img *img)
{
    return img_bytes(img, img->metadata_off, METADATA_TABLE_LEN);
}

uint8_t *img_metadata_entry(struct img *img, enum known_guid which)
{
    assert(img->item_entry_off[which]);
    return img_bytes(img, img->item_entry_off[which], METADATA_ENTRY_LEN);
}

uint8_t *img_metadata_item(struct img *img, enum known_guid which)
{
    assert(img->item_off[which]);
    return img_bytes(img, img->item_off[which], 1);
}

static uint64_t entry_file_off(const struct img *img, uint32_t i)
{
    return img->metadata_off + METADATA_TABLE_HEADER_LEN + (uint64_t)METADATA_ENTRY_LEN * i;
}

void img_metadata_add(struct img *img, const struct metadata_entry *e, const void *item)
{
    uint8_t *table = img_metadata_table(img);
    uint16_t count = le16(table + 10);
    assert(count < METADATA_ENTRIES_MAX);
    uint64_t off = entry_file_off(img, count);
    uint8_t *p = img_bytes(img, off, METADATA_ENTRY_LEN);
    guid_store(p, &e->item_id);
    put_le32(p + 16, e->off);
    put_le32(p + 20, e->len);
    put_le32(p + 24, e->flags);
    put_le32(p + 28, e->reserved2);
    put_le16(table + 10, (uint16_t)(count + 1));
    if (item)
        img_write(img, img->metadata_off + e->off, item, e->len);
    enum known_guid which = known_guid_find(&e->item_id);
    if (which != KNOWN_GUID_NONE && !img->item_entry_off[which]) {
        img->item_entry_off[which] = off;
        img->item_off[which] = img->metadata_off + e->off;
    }
}

void img_metadata_remove(struct img *img, enum known_guid which)
{
    uint8_t *table = img_metadata_table(img), *gone = img_metadata_entry(img, which);
    uint16_t last = (uint16_t)(le16(table + 10) - 1);
    uint64_t last_off = entry_file_off(img, last);
    uint8_t *moved = img_bytes(img, last_off, METADATA_ENTRY_LEN);
    for (unsigned i = 0; i < KNOWN_GUID_COUNT; i++)
        if (img->item_entry_off[i] == last_off)
            img->item_entry_off[i] = img->item_entry_off[which];
    img->item_entry_off[which] = img->item_off[which] = 0;
    if (moved != gone)
        memcpy(gone, moved, METADATA_ENTRY_LEN);
    memset(moved, 0, METADATA_ENTRY_LEN);
    put_le16(table + 10, last);
}

void img_set_locator_bytes(struct img *img, const void *item, uint32_t len)
{
    const enum known_guid which = KNOWN_ITEM_PARENT_LOCATOR;
    const uint32_t off = METADATA_TABLE_LEN + 0x28;
    assert(len <= MIB - off);
    if (img->item_entry_off[which]) {
        uint8_t *e = img_metadata_entry(img, which);
        img_fill(img, img->item_off[which], le32(e + 20), 0);
        put_le32(e + 20, len);
        img_write(img, img->item_off[which], item, len);
    } else {
        struct metadata_entry e = {*known_guid(which), off, len, METADATA_FLAG_IS_REQUIRED, 0};
        img_metadata_add(img, &e, item);
    }
}

void img_set_locator(struct img *img, const struct locator_string *pairs, uint16_t count)
{
    static uint8_t item[IMG_PAGE_LEN];
    uint32_t len = parent_locator_encode(known_guid(KNOWN_LOCATOR_TYPE_VHDX), pairs, count, item, sizeof(item));
    assert(len);
    img_set_locator_bytes(img, item, len);
}

/* ---- BAT and bitmaps ---- */

uint64_t img_bat_entry_off(const struct img *img, uint64_t index)
{
    return img->bat_off + BAT_ENTRY_LEN * index;
}

uint64_t img_bat_get(const struct img *img, uint64_t index)
{
    uint8_t b[BAT_ENTRY_LEN];
    img_read(img, img_bat_entry_off(img, index), b, sizeof(b));
    return le64(b);
}

void img_bat_set(struct img *img, uint64_t index, uint64_t entry)
{
    uint8_t b[BAT_ENTRY_LEN];
    assert(index < img->bat_len / BAT_ENTRY_LEN);
    put_le64(b, entry);
    if (entry || img_bat_get(img, index)) /* a zero over zeros needs no page */
        img_write(img, img_bat_entry_off(img, index), b, sizeof(b));
}

uint64_t img_block_index(const struct img *img, uint64_t block)
{
    return bat_index_of_block(&img->geometry, block);
}

uint64_t img_block_off(const struct img *img, uint64_t block)
{
    return bat_entry_off(img_bat_get(img, img_block_index(img, block)));
}

void img_block_set(struct img *img, uint64_t block, unsigned state, uint64_t off)
{
    img_bat_set(img, img_block_index(img, block), bat_entry_make(off, state));
}

uint64_t img_bitmap_index(const struct img *img, uint64_t chunk)
{
    return bat_index_of_bitmap(&img->geometry, chunk);
}

uint64_t img_bitmap_off(const struct img *img, uint64_t chunk)
{
    return bat_entry_off(img_bat_get(img, img_bitmap_index(img, chunk)));
}

void img_bitmap_set(struct img *img, uint64_t block, uint64_t first, uint64_t count, bool value)
{
    const struct geometry *g = &img->geometry;
    uint64_t off = img_bitmap_off(img, block >> g->chunk_shift);
    assert(off && first + count <= g->sectors_per_block);
    /* A block owns a power of two of bytes at a multiple of them, 64 KiB at most: never across two pages. */
    uint64_t in_chunk = block & (g->chunk_ratio - 1), bytes = g->sectors_per_block / 8;
    sector_bitmap_set(img_bytes(img, off + in_chunk * bytes, bytes), first, count, value);
}
