/* SPDX-License-Identifier: MIT */
/*
 * The images that the sweeps start from, and the list of their on-disk fields. The list is made from the structures as
 * the builder wrote them and names what [MS-VHDX] names, reserved space included, down to single bits where bits have
 * meanings.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format/log_entry.h"
#include "sweep.h"

/* ---- fields ---- */

static void add_bits(struct sweep_image *im, const char *structure, unsigned index, const char *name, uint64_t off,
                     unsigned shift, uint32_t bits, struct sweep_seal seal)
{
    if (im->count == im->cap) {
        im->cap = im->cap ? 2 * im->cap : 256;
        im->fields = realloc(im->fields, im->cap * sizeof(*im->fields));
        if (!im->fields)
            abort();
    }
    assert(bits > 0 && (shift == 0 || shift + bits <= 64) && bits <= 8 * SWEEP_VALUE_MAX);
    im->fields[im->count++] = (struct sweep_field){structure, index, name, off, shift, bits, seal};
}

struct field_row {
    const char *name;
    uint32_t len; /* bytes */
};

/* Fields one behind the other; returns where they end. */
static uint64_t add_rows(struct sweep_image *im, const char *structure, unsigned index, const struct field_row *rows,
                         size_t count, uint64_t off, struct sweep_seal seal)
{
    for (size_t i = 0; i < count; i++) {
        add_bits(im, structure, index, rows[i].name, off, 0, 8 * rows[i].len, seal);
        off += rows[i].len;
    }
    return off;
}

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])
static const struct sweep_seal unsealed = {0, 0, false};

static void add_file_id(struct sweep_image *im)
{
    static const struct field_row rows[] = {
        {"signature", 8}, {"creator", FILE_ID_CREATOR_LEN}, {"reserved", FILE_ID_LEN - FILE_ID_RESERVED_OFF}};
    add_rows(im, "file identifier", 1, ROWS(rows), FILE_ID_OFF, unsealed);
}

static void add_headers(struct sweep_image *im)
{
    static const struct field_row rows[] = {{"signature", 4},
                                            {"checksum", 4},
                                            {"sequence number", 8},
                                            {"file write GUID", 16},
                                            {"data write GUID", 16},
                                            {"log GUID", 16},
                                            {"log version", 2},
                                            {"version", 2},
                                            {"log length", 4},
                                            {"log offset", 8},
                                            {"reserved", HEADER_LEN - HEADER_FIELDS_LEN}};
    for (unsigned i = 0; i < 2; i++)
        add_rows(im, "header", i + 1, ROWS(rows), HEADER_OFF[i], (struct sweep_seal){HEADER_OFF[i], HEADER_LEN, false});
}

static void add_region_tables(struct sweep_image *im)
{
    static const struct field_row head[] = {{"signature", 4}, {"checksum", 4}, {"entry count", 4}, {"reserved", 4}};
    static const struct field_row entry[] = {{"GUID", 16}, {"offset", 8}, {"length", 4}};
    for (unsigned i = 0; i < 2; i++) {
        const struct sweep_seal seal = {REGION_TABLE_OFF[i], REGION_TABLE_LEN, false};
        uint32_t count = le32(img_region_table(im->img, i) + 8);
        uint64_t off = add_rows(im, "region table", i + 1, ROWS(head), REGION_TABLE_OFF[i], seal);
        for (uint32_t k = 0; k < count; k++) {
            off = add_rows(im, "region entry", 10 * (i + 1) + k + 1, ROWS(entry), off, seal);
            add_bits(im, "region entry", 10 * (i + 1) + k + 1, "required", off, 0, 1, seal);
            add_bits(im, "region entry", 10 * (i + 1) + k + 1, "reserved", off, 1, 31, seal);
            off += 4;
        }
        add_bits(im, "region table", i + 1, "unused entries", off, 0,
                 (uint32_t)(8 * (REGION_TABLE_OFF[i] + REGION_TABLE_LEN - off)), seal);
    }
}

static void add_metadata_entry(struct sweep_image *im, unsigned index, uint64_t off)
{
    static const struct field_row head[] = {{"item id", 16}, {"offset", 4}, {"length", 4}};
    off = add_rows(im, "metadata entry", index, ROWS(head), off, unsealed);
    add_bits(im, "metadata entry", index, "is user", off, 0, 1, unsealed);
    add_bits(im, "metadata entry", index, "is virtual disk", off, 1, 1, unsealed);
    add_bits(im, "metadata entry", index, "is required", off, 2, 1, unsealed);
    add_bits(im, "metadata entry", index, "reserved", off, 3, 29, unsealed);
    add_bits(im, "metadata entry", index, "reserved 2", off + 4, 0, 32, unsealed);
}

static void add_locator(struct sweep_image *im, uint64_t item, uint32_t len)
{
    static const struct field_row head[] = {{"type", 16}, {"reserved", 2}, {"pair count", 2}};
    static const struct field_row entry[] = {
        {"key offset", 4}, {"value offset", 4}, {"key length", 2}, {"value length", 2}};
    uint8_t bytes[IMG_PAGE_LEN];
    assert(len <= sizeof(bytes));
    img_read(im->img, item, bytes, len);
    uint64_t off = add_rows(im, "locator", 1, ROWS(head), item, unsealed);
    for (unsigned i = 0; i < le16(bytes + 18); i++) {
        const uint8_t *e = bytes + LOCATOR_HEADER_LEN + (size_t)LOCATOR_ENTRY_LEN * i;
        off = add_rows(im, "locator entry", i + 1, ROWS(entry), off, unsealed);
        add_bits(im, "locator entry", i + 1, "key", item + le32(e), 0, 8U * le16(e + 8), unsealed);
        add_bits(im, "locator entry", i + 1, "value", item + le32(e + 4), 0, 8U * le16(e + 10), unsealed);
    }
}

static void add_metadata(struct sweep_image *im)
{
    static const struct field_row head[] = {{"signature", 8}, {"reserved", 2}, {"entry count", 2}, {"reserved 2", 20}};
    static const struct field_row size[] = {{"virtual disk size", 8}}, id[] = {{"virtual disk id", 16}},
                                  logical[] = {{"logical sector size", 4}}, physical[] = {{"physical sector size", 4}};
    struct img *img = im->img;
    const uint64_t *at = img->item_off;
    uint64_t off = add_rows(im, "metadata table", 1, ROWS(head), img->metadata_off, unsealed);
    for (unsigned i = 0; i < le16(img_metadata_table(img) + 10); i++, off += METADATA_ENTRY_LEN)
        add_metadata_entry(im, i + 1, off);
    add_bits(im, "metadata table", 1, "unused entries", off, 0,
             (uint32_t)(8 * (img->metadata_off + METADATA_TABLE_LEN - off)), unsealed);
    add_bits(im, "file parameters", 1, "block size", at[KNOWN_ITEM_FILE_PARAMETERS], 0, 32, unsealed);
    add_bits(im, "file parameters", 1, "leave blocks allocated", at[KNOWN_ITEM_FILE_PARAMETERS] + 4, 0, 1, unsealed);
    add_bits(im, "file parameters", 1, "has parent", at[KNOWN_ITEM_FILE_PARAMETERS] + 4, 1, 1, unsealed);
    add_bits(im, "file parameters", 1, "reserved", at[KNOWN_ITEM_FILE_PARAMETERS] + 4, 2, 30, unsealed);
    add_rows(im, "metadata item", 1, ROWS(size), at[KNOWN_ITEM_VIRTUAL_DISK_SIZE], unsealed);
    add_rows(im, "metadata item", 1, ROWS(id), at[KNOWN_ITEM_VIRTUAL_DISK_ID], unsealed);
    add_rows(im, "metadata item", 1, ROWS(logical), at[KNOWN_ITEM_LOGICAL_SECTOR_SIZE], unsealed);
    add_rows(im, "metadata item", 1, ROWS(physical), at[KNOWN_ITEM_PHYSICAL_SECTOR_SIZE], unsealed);
    if (at[KNOWN_ITEM_PARENT_LOCATOR])
        add_locator(im, at[KNOWN_ITEM_PARENT_LOCATOR], le32(img_metadata_entry(img, KNOWN_ITEM_PARENT_LOCATOR) + 20));
}

static void add_bat_entry(struct sweep_image *im, const char *structure, uint64_t index)
{
    uint64_t off = img_bat_entry_off(im->img, index);
    add_bits(im, structure, (unsigned)index, "state", off, 0, 3, unsealed);
    add_bits(im, structure, (unsigned)index, "reserved", off, 3, 17, unsealed);
    add_bits(im, structure, (unsigned)index, "file offset", off + 2, 4, 44, unsealed);
}

/* The first entries, those around the first sector bitmap, and what is behind the last one. */
static void add_bat(struct sweep_image *im)
{
    const struct geometry *g = &im->img->geometry;
    bool child = im->img->params.type == IMG_DIFFERENCING;
    for (uint64_t b = 0; b < g->payload_blocks && b < 12; b++)
        add_bat_entry(im, "payload entry", img_block_index(im->img, b));
    for (uint64_t c = 0; c < g->entries / (g->chunk_ratio + 1) && c < 3; c++)
        add_bat_entry(im, "bitmap entry", img_bitmap_index(im->img, c));
    if (g->entries * BAT_ENTRY_LEN + 64 <= im->img->bat_len)
        add_bits(im, "bat", 1, "behind the last entry", img_bat_entry_off(im->img, g->entries), 0, 512, unsealed);
    if (child)
        add_bits(im, "sector bitmap", 1, "bits of block 0", img_bitmap_off(im->img, 0), 0,
                 (uint32_t)g->sectors_per_block, unsealed);
}

static void add_log_entry(struct sweep_image *im, unsigned index, uint64_t off)
{
    static const struct field_row head[] = {
        {"signature", 4},           {"checksum", 4},         {"entry length", 4}, {"tail", 4},
        {"sequence number", 8},     {"descriptor count", 4}, {"reserved", 4},     {"log GUID", 16},
        {"flushed file offset", 8}, {"last file offset", 8}};
    static const struct field_row data[] = {
        {"signature", 4}, {"trailing bytes", 4}, {"leading bytes", 8}, {"file offset", 8}, {"sequence number", 8}};
    static const struct field_row zero[] = {
        {"signature", 4}, {"reserved", 4}, {"zero length", 8}, {"file offset", 8}, {"sequence number", 8}};
    static const struct field_row sector[] = {
        {"signature", 4}, {"sequence high", 4}, {"data", LOG_DATA_LEN}, {"sequence low", 4}};
    uint8_t bytes[LOG_SECTOR_LEN];
    img_read(im->img, off, bytes, sizeof(bytes));
    const struct sweep_seal seal = {off, le32(bytes + 8), true};
    uint32_t count = le32(bytes + 24), pages = 0;
    assert(count <= (LOG_SECTOR_LEN - LOG_ENTRY_HEADER_LEN) / LOG_DESCRIPTOR_LEN);
    uint64_t at = add_rows(im, "log entry", index, ROWS(head), off, seal);
    for (uint32_t i = 0; i < count; i++) {
        bool page = memcmp(bytes + (at - off), SIGNATURE_LOG_DATA_DESCRIPTOR, 4) == 0;
        at = page ? add_rows(im, "data descriptor", index, ROWS(data), at, seal)
                  : add_rows(im, "zero descriptor", index, ROWS(zero), at, seal);
        pages += page;
    }
    add_bits(im, "log entry", index, "unused descriptors", at, 0, (uint32_t)(8 * (off + LOG_SECTOR_LEN - at)), seal);
    for (uint32_t i = 0; i < pages; i++)
        add_rows(im, "data sector", index, ROWS(sector), off + (uint64_t)LOG_SECTOR_LEN * (i + 1), seal);
}

/* All entries of the ring, of this life or an earlier one. */
static void add_log(struct sweep_image *im)
{
    uint8_t head[LOG_ENTRY_HEADER_LEN];
    unsigned index = 0;
    for (uint64_t pos = 0; pos < im->img->log_len;) {
        img_read(im->img, im->img->log_off + pos, head, sizeof(head));
        if (memcmp(head, SIGNATURE_LOG_ENTRY, 4) == 0) {
            add_log_entry(im, ++index, im->img->log_off + pos);
            pos += le32(head + 8);
        } else {
            pos += LOG_SECTOR_LEN;
        }
    }
}

/* ---- images ---- */

/* A log of three entries: an empty one, a page of the BAT, a page of the metadata and zeros over a free place. */
static void dirty(struct img *img)
{
    uint64_t bat = img_bat_entry_off(img, 0) / LOG_SECTOR_LEN * LOG_SECTOR_LEN;
    struct img_log_desc second[2] = {{.off = bat, .page = img_page_copy(img, bat)},
                                     {.off = img->metadata_off + 0x20000, .len = 2 * LOG_SECTOR_LEN}};
    img_log_begin(img, 0, 7);
    img_log_append(img, NULL, 0);
    img_log_append(img, &second[1], 1);
    img_log_append(img, second, 2);
    img_bat_set(img, img_block_index(img, 0), 0); /* the log has it */
}

/* Such a log that was replayed long ago. */
static void stale(struct img *img)
{
    uint64_t entry = img_bat_get(img, img_block_index(img, 0));
    dirty(img);
    img_bat_set(img, img_block_index(img, 0), entry);
    img_log_end(img);
}

static const struct base {
    const char *name;
    struct img_params params;
    bool with_parent;
    void (*change)(struct img *img);
} bases[] = {
    {"dynamic", {.data = IMG_DATA_NONE}, false, NULL},
    {"dynamic-qemu", {.layout = IMG_QEMU, .data = IMG_DATA_NONE}, false, NULL},
    {"fixed", {.type = IMG_FIXED, .data = IMG_DATA_NONE}, false, NULL},
    {"fixed-qemu", {.type = IMG_FIXED, .layout = IMG_QEMU, .data = IMG_DATA_NONE}, false, NULL},
    {"child-alone", {.type = IMG_DIFFERENCING, .data = IMG_DATA_NONE}, false, NULL},
    {"child-with-parent", {.type = IMG_DIFFERENCING, .data = IMG_DATA_NONE}, true, NULL},
    {"dirty", {.data = IMG_DATA_NONE}, false, dirty},
    {"dirty-qemu", {.layout = IMG_QEMU, .data = IMG_DATA_NONE}, false, dirty},
    {"dirty-child", {.type = IMG_DIFFERENCING, .data = IMG_DATA_NONE}, true, dirty},
    {"stale-log", {.data = IMG_DATA_NONE}, false, stale},
    {"windows-traces", {.windows_traces = true, .data = IMG_DATA_NONE}, false, NULL},
    {"sectors-4096", {.logical_sector_size = 4096, .data = IMG_DATA_NONE}, false, NULL},
    {"two-chunks",
     {.virtual_size = (uint64_t)5 << 30, .block_size = 1 << 20, .states = "66", .data = IMG_DATA_NONE},
     false,
     NULL},
    {"largest-blocks",
     {.virtual_size = (uint64_t)1 << 30, .block_size = 256 << 20, .states = "6.2", .data = IMG_DATA_NONE},
     false,
     NULL},
    {"largest-disk",
     {.virtual_size = (uint64_t)64 << 40, .block_size = 32 << 20, .states = "6", .data = IMG_DATA_NONE},
     false,
     NULL},
    {"log-behind", {.log_off = 16 << 20, .log_len = 2 << 20, .states = "6U3M", .data = IMG_DATA_NONE}, false, dirty},
};

size_t sweep_image_count(void)
{
    return sizeof(bases) / sizeof(bases[0]);
}

void sweep_image_make(size_t i, struct sweep_image *ret)
{
    const struct base *b = &bases[i];
    struct img_params p = b->params;
    *ret = (struct sweep_image){.name = b->name};
    if (b->with_parent) {
        ret->parent = img_create(&(struct img_params){.data = IMG_DATA_NONE});
        p.parent = ret->parent;
    }
    ret->img = img_create(&p);
    if (b->change)
        b->change(ret->img);
    add_file_id(ret);
    add_headers(ret);
    add_region_tables(ret);
    add_metadata(ret);
    add_bat(ret);
    add_log(ret);
}

void sweep_image_free(struct sweep_image *im)
{
    img_free(im->img);
    img_free(im->parent);
    free(im->fields);
}
