/* SPDX-License-Identifier: MIT */
/* Images for single ways through the fixers (plan_ways.h), in the order of the catalogue of rules. */
#include "plan_ways.h"

#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"

static const struct guid stranger = {{0x77, 1, 2, 3}};

static void region_over(struct img *img, uint64_t off, uint32_t len)
{
    img_region_add(img, &(struct region_entry){.guid = stranger, .off = off, .len = len});
}

/* Writable pages of the log: copies of what the image holds there. */
static uint8_t *logged(struct img *img, uint64_t off, struct img_log_desc *ret)
{
    uint64_t page = off / LOG_SECTOR_LEN * LOG_SECTOR_LEN;
    uint8_t *copy = img_page_copy(img, page);

    *ret = (struct img_log_desc){.off = page, .page = copy};
    return copy + (off - page);
}

/* ---- size and wiping ---- */

static void reserved_bytes_and_cut(struct img *img)
{
    img_fill(img, 4000, 8, 0x5a);
    img_resize(img, 0x48000);
}

static void reserved_everywhere(struct img *img)
{
    img_fill(img, 4000, 8, 0x5a);
    for (uint64_t off = 0x50000; off < 0x80000; off += 0x10000)
        *img_bytes(img, off, 1) = 0; /* zeros that are stored */
    img_fill(img, 0x7fff0, 8, 0x5a);
    img_header(img, 1)[IMG_HEADER_RESERVED + 4] = 0x5a;
    img_sign_header(img, 1);
}

static void metadata_rest_under_a_region(struct img *img)
{
    img_fill(img, img->metadata_off + 0x8000, 16, 0x5a);
    region_over(img, img->metadata_off, MIB);
}

static void items_apart_under_a_region(struct img *img)
{
    img_fill(img, img->metadata_off + 0x20000, 16, 0x5a);
    region_over(img, img->metadata_off, MIB);
}

static void tail_without_bat(struct img *img)
{
    img_resize(img, img->size + 3 * MIB);
    img_region_find(img, 0, KNOWN_REGION_BAT)[0] ^= 1;
    img_region_find(img, 1, KNOWN_REGION_BAT)[0] ^= 1;
    img_sign_region_tables(img);
}

static void fixed_block_behind_the_end(struct img *img)
{
    img_resize(img, img->size - 2 * MIB);
    img_bat_set(img, 0, img->size | PAYLOAD_FULLY_PRESENT);
    img_bat_set(img, 1, 0);
    img_bat_set(img, 2, 0);
}

static void stale_log(struct img *img)
{
    img_make_dirty_bat(img, 0, img_bat_get(img, 0));
    img_log_end(img);
}

static void stale_log_in_the_headers(struct img *img)
{
    img->log_off = 0x80000;
    for (unsigned slot = 0; slot < 2; slot++)
        put_le64(img_header(img, slot) + IMG_HEADER_LOG_OFF, img->log_off);
    stale_log(img);
}

static void stale_log_under_a_block(struct img *img)
{
    stale_log(img);
    img_bat_set(img, 3, img->log_off | PAYLOAD_FULLY_PRESENT);
}

static void stale_log_under_a_region(struct img *img)
{
    stale_log(img);
    region_over(img, img->log_off, MIB);
}

/* ---- headers and the log's place ---- */

static void log_is(struct img *img, uint64_t off, uint32_t len)
{
    for (unsigned slot = 0; slot < 2; slot++) {
        put_le64(img_header(img, slot) + IMG_HEADER_LOG_OFF, off);
        put_le32(img_header(img, slot) + IMG_HEADER_LOG_LEN, len);
    }
    img_sign_headers(img);
}

static void no_log_in_a_large_file(struct img *img)
{
    img_resize(img, LIMIT_REPLAYED_SIZE);
    log_is(img, 0, 0);
}

static void odd_log(struct img *img)
{
    log_is(img, img->log_off, (uint32_t)img->log_len + 4096);
}

static void odd_log_of_a_later_version(struct img *img)
{
    for (unsigned slot = 0; slot < 2; slot++)
        put_le16(img_header(img, slot) + IMG_HEADER_LOG_VERSION, 1);
    odd_log(img);
}

static void odd_log_and_no_bat(struct img *img)
{
    odd_log(img);
    tail_without_bat(img);
}

static void log_far_behind(struct img *img)
{
    log_is(img, img->size + 7 * MIB, (uint32_t)MIB);
}

static void last_numbers_and_dirty(struct img *img)
{
    img_make_dirty_bat(img, 3, 3);
    put_le64(img_header(img, 0) + IMG_HEADER_SEQUENCE, UINT64_MAX - 3);
    put_le64(img_header(img, 1) + IMG_HEADER_SEQUENCE, UINT64_MAX - 2);
    img_sign_headers(img);
    img_fill(img, 0x10000, 16, 0xee);
}

/* ---- region tables ---- */

static void region_is(struct img *img, enum known_guid which, uint64_t off, uint32_t len)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        put_le64(img_region_find(img, copy, which) + 16, off);
        put_le32(img_region_find(img, copy, which) + 24, len);
    }
    img_sign_region_tables(img);
}

static void region_begins_behind_the_end(struct img *img)
{
    region_over(img, img->size + 4 * MIB, MIB);
}

static void region_without_length_behind(struct img *img)
{
    region_over(img, img->size + 4 * MIB, 0);
}

static void region_over_the_end_of_a_large_file(struct img *img)
{
    img_resize(img, LIMIT_REPLAYED_SIZE);
    region_over(img, LIMIT_REPLAYED_SIZE - MIB, 2 * MIB);
}

static void region_over_the_end_and_a_block(struct img *img)
{
    img_bat_set(img, 3, img->size | PAYLOAD_FULLY_PRESENT);
    region_over(img, img->size - MIB / 2, MIB);
}

static void impossible_count_and_double_entry(struct img *img)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        memcpy(img_region_entry(img, copy, 2), img_region_entry(img, copy, 0), REGION_ENTRY_LEN);
        put_le32(img_region_table(img, copy) + 8, REGION_ENTRIES_MAX + 1);
    }
    img_sign_region_tables(img);
}

/* Of two tables that disagree one has an impossible length. */
static void impossible_count_of_the_other(struct img *img)
{
    memcpy(img_region_entry(img, 0, 2), img_region_entry(img, 0, 0), REGION_ENTRY_LEN);
    put_le32(img_region_table(img, 0) + 8, 3);
    put_le64(img_region_find(img, 1, KNOWN_REGION_BAT) + 16, 8 * MIB);
    put_le32(img_region_table(img, 1) + 8, REGION_ENTRIES_MAX + 1);
    img_sign_region_tables(img);
}

/* The second of two empty entries is none that repeats the other. */
static void double_entry_and_empty_ones(struct img *img)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        memcpy(img_region_entry(img, copy, 4), img_region_entry(img, copy, 0), REGION_ENTRY_LEN);
        put_le32(img_region_table(img, copy) + 8, 5);
    }
    img_sign_region_tables(img);
}

/* Entries of strangers without length up to the last, and the one that is wanted is not among them. */
static void full_table_without(struct img *img, enum known_guid which)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        uint8_t *gone = img_region_find(img, copy, which);
        *gone ^= 1;
        put_le64(gone + 16, 0x7700000);
        for (uint32_t i = 2; i < REGION_ENTRIES_MAX; i++) {
            uint8_t *e = img_region_entry(img, copy, i);
            memcpy(e, stranger.bytes, 16);
            put_le32(e + 4, i);
            put_le64(e + 16, (uint64_t)(0x10000 + i) << 20);
        }
        put_le32(img_region_table(img, copy) + 8, REGION_ENTRIES_MAX);
    }
    img_sign_region_tables(img);
}

static void full_table_without_bat(struct img *img)
{
    full_table_without(img, KNOWN_REGION_BAT);
}

static void full_table_without_metadata(struct img *img)
{
    full_table_without(img, KNOWN_REGION_METADATA);
}

/* Neither is named, and both are there. */
static void no_entries(struct img *img)
{
    for (unsigned copy = 0; copy < 2; copy++)
        put_le32(img_region_table(img, copy) + 8, 0);
    img_sign_region_tables(img);
}

/* The other entry is there and leads where no region can be. */
static void lost_bat_and_odd_metadata(struct img *img)
{
    img_region_find(img, 0, KNOWN_REGION_BAT)[0] ^= 1;
    img_region_find(img, 1, KNOWN_REGION_BAT)[0] ^= 1;
    region_is(img, KNOWN_REGION_METADATA, img->metadata_off + 4096, 0x100000);
}

/* It is there, at no place that a region can have, and where it was it is as well. */
static void lost_bat_and_metadata_in_between(struct img *img)
{
    static uint8_t bytes[0x11000];

    img_read(img, img->metadata_off, bytes, sizeof(bytes));
    img_write(img, img->metadata_off + 0x81000, bytes, sizeof(bytes));
    lost_bat_and_odd_metadata(img);
    region_is(img, KNOWN_REGION_METADATA, img->metadata_off + 0x81000, 0x7f000);
}

static void lost_metadata_and_odd_bat(struct img *img)
{
    img_region_find(img, 0, KNOWN_REGION_METADATA)[0] ^= 1;
    img_region_find(img, 1, KNOWN_REGION_METADATA)[0] ^= 1;
    region_is(img, KNOWN_REGION_BAT, img->bat_off + 4096, 0x100000);
}

static void lost_metadata_and_far_bat(struct img *img)
{
    img_region_find(img, 0, KNOWN_REGION_METADATA)[0] ^= 1;
    img_region_find(img, 1, KNOWN_REGION_METADATA)[0] ^= 1;
    region_is(img, KNOWN_REGION_BAT, img->size + MIB, 0x100000);
}

/* The copy on the place of the metadata still ends in the file only in part. */
static void lost_bat_and_long_metadata(struct img *img)
{
    img_region_find(img, 0, KNOWN_REGION_BAT)[0] ^= 1;
    img_region_find(img, 1, KNOWN_REGION_BAT)[0] ^= 1;
    region_is(img, KNOWN_REGION_METADATA, img->metadata_off, 0x40000000);
}

/* ---- metadata ---- */

static void metadata_ends_with_its_table(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE);
    region_is(img, KNOWN_REGION_METADATA, img->metadata_off, 0x11000);
    for (enum known_guid k = KNOWN_ITEM_FILE_PARAMETERS; k <= KNOWN_ITEM_LOGICAL_SECTOR_SIZE; k++)
        if (img->item_off[k] != 0)
            put_le32(img_metadata_entry(img, k) + 16, 0x10ff8);
}

/* The last item ends with the region, so that no other fits behind it. */
static void no_room_for_another_item(struct img *img)
{
    static const uint8_t bytes[8] = {1};

    img_metadata_remove(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE);
    img_metadata_add(
        img,
        &(struct metadata_entry){
            .item_id = stranger, .off = (uint32_t)img->metadata_len - 8, .len = 8, .flags = METADATA_FLAG_IS_USER},
        bytes);
}

/* The same, at the end of the file. */
static void no_room_in_the_file(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE);
    img_metadata_add(
        img,
        &(struct metadata_entry){.item_id = stranger, .off = 0x20000 - 8, .len = 8, .flags = METADATA_FLAG_IS_USER},
        NULL);
    img_resize(img, img->metadata_off + 0x20000);
}

static void full_metadata_table(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE);
    for (uint32_t i = 0; le16(img_metadata_table(img) + 10) < METADATA_ENTRIES_MAX; i++) {
        struct metadata_entry e = {.item_id = stranger, .flags = METADATA_FLAG_IS_USER};
        put_le32(e.item_id.bytes + 4, i);
        img_metadata_add(img, &e, NULL);
    }
}

static void lost_parameters_and_no_size(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_FILE_PARAMETERS);
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
}

static void lost_size_and_sector(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
    img_metadata_remove(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE);
}

static void lost_size_and_odd_blocks(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
    put_le32(img_metadata_item(img, KNOWN_ITEM_FILE_PARAMETERS), 3 << 20);
}

static void marker_and_impossible_count(struct img *img)
{
    const struct metadata_entry marker = {.item_id = *known_guid(KNOWN_ITEM_INCOMPLETE_FILE), .flags = 4};

    img_metadata_add(img, &marker, NULL);
    put_le16(img_metadata_table(img) + 10, METADATA_ENTRIES_MAX + 1);
}

static void lost_size_and_bat(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
    img_region_find(img, 0, KNOWN_REGION_BAT)[0] ^= 1;
    img_region_find(img, 1, KNOWN_REGION_BAT)[0] ^= 1;
    img_sign_region_tables(img);
    img_fill(img, img->bat_off, MIB, 0);
}

/* The region's very last entry is the last one that is not zero. */
static void lost_size_and_last_entry(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
    img_bat_set(img, img->bat_len / BAT_ENTRY_LEN - 1, PAYLOAD_ZERO);
}

static void lost_logical_sector(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE);
}

static void lost_disk_id(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_ID);
}

static void nil_disk_id(struct img *img)
{
    memset(img_metadata_item(img, KNOWN_ITEM_VIRTUAL_DISK_ID), 0, 16);
}

static void locator_of_the_disk(struct img *img)
{
    uint8_t *flags = img_metadata_entry(img, KNOWN_ITEM_PARENT_LOCATOR) + 24;

    put_le32(flags, le32(flags) | METADATA_FLAG_IS_VIRTUAL_DISK);
}

static void entry_bits_under_a_region(struct img *img)
{
    put_le32(img_metadata_entry(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE) + 28, 0x55);
    region_over(img, img->metadata_off, MIB);
}

/* An item that lies between the entries has a value, which nobody may write. */
static void disk_id_inside_the_table(struct img *img)
{
    img_fill(img, img->metadata_off + 0x8000, 16, 0x5a);
    put_le32(img_metadata_entry(img, KNOWN_ITEM_VIRTUAL_DISK_ID) + 16, 0x8000);
}

static void no_parent_bit(struct img *img)
{
    put_le32(img_metadata_item(img, KNOWN_ITEM_FILE_PARAMETERS) + 4, 0);
}

static void no_parent_bit_and_no_locator(struct img *img)
{
    no_parent_bit(img);
    img_metadata_remove(img, KNOWN_ITEM_PARENT_LOCATOR);
}

static void no_parent_bit_and_no_size(struct img *img)
{
    no_parent_bit(img);
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
}

static void bitmaps_alone_tell(struct img *img)
{
    no_parent_bit(img);
    img_bat_set(img, 0, img_block_off(img, 0) | PAYLOAD_FULLY_PRESENT);
}

/* ---- BAT ---- */

static void no_parent_bit_and_stray_bitmap(struct img *img)
{
    no_parent_bit(img);
}

static void bitmap_state_and_no_place(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), 2);
}

static void bitmap_over_the_bat(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), img->bat_off | BITMAP_PRESENT);
    img_bat_set(img, img_block_index(img, 1), img_bat_get(img, img_block_index(img, 1)) | 8);
}

static void partial_block_behind_the_end(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), 0);
    img_bat_set(img, img_block_index(img, 0), (img->size + MIB) | PAYLOAD_PARTIALLY_PRESENT);
}

/* Two blocks begin in the file's last MiB. */
static void two_cut_at_one_place(struct img *img)
{
    for (uint64_t b = 0; b < 2; b++)
        img_bat_set(img, img_block_index(img, b), (img->size - MIB) | PAYLOAD_FULLY_PRESENT);
    img_bat_set(img, img_block_index(img, 4), 0);
    img_bat_set(img, img_block_index(img, 9), 0);
}

static void two_behind_the_end(struct img *img)
{
    for (uint64_t b = 0; b < 2; b++)
        img_bat_set(img, img_block_index(img, b), (img->size + MIB) | PAYLOAD_FULLY_PRESENT);
}

/* Two blocks on one place, and no room for a copy: a third one is said to lie where the file would grow. */
static void shared_and_no_room(struct img *img)
{
    img_bat_set(img, img_block_index(img, 1), img_bat_get(img, img_block_index(img, 0)));
    img_bat_set(img, img_block_index(img, 3), img->size | PAYLOAD_FULLY_PRESENT);
}

/* By the log the place holds other bytes than the file. */
static void shared_and_logged(struct img *img)
{
    uint64_t place = img_block_off(img, 0);
    struct img_log_desc pages[2];

    memset(logged(img, place + MIB, &pages[0]), 0x77, 64);
    img_bat_set(img, 1, place | PAYLOAD_FULLY_PRESENT);
    put_le64(logged(img, img_bat_entry_off(img, 3), &pages[1]), PAYLOAD_ZERO);
    img_make_dirty(img, pages, 2);
}

/* The file was longer when the log was written, and two blocks lie on one place of what is missing. */
static void shared_where_the_file_ended(struct img *img)
{
    uint64_t size = img->size;

    for (uint64_t b = 0; b < 2; b++)
        img_bat_set(img, img_block_index(img, b), (size + 2 * MIB) | PAYLOAD_FULLY_PRESENT);
    img_log_begin(img, 0, 1);
    img_log_write(img, 0,
                  &(struct img_log_entry){.sequence_number = 1, .flushed = size + 6 * MIB, .last = size + 6 * MIB});
}

static void over_the_log_and_no_room(struct img *img)
{
    img_bat_set(img, img_block_index(img, 1), img->log_off | PAYLOAD_FULLY_PRESENT);
    img_bat_set(img, img_block_index(img, 5), img->size | PAYLOAD_FULLY_PRESENT);
}

static void two_over_the_log(struct img *img)
{
    img_bat_set(img, img_block_index(img, 1), img->log_off | PAYLOAD_FULLY_PRESENT);
    img_bat_set(img, img_block_index(img, 3), (img->log_off + MIB) | PAYLOAD_FULLY_PRESENT);
}

static void bitmaps_of_both_kinds(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), img->size | BITMAP_PRESENT);
    img_bat_set(img, img_bitmap_index(img, 1), img_block_off(img, 0) | BITMAP_PRESENT);
    img_resize(img, img->size + MIB);
}

/* More collisions than are remembered: of the last one nobody knows the other party, which keeps an old place. */
static void anchor_of_nobody(struct img *img)
{
    const uint64_t pairs = LIMIT_CONTESTED_UNITS + 10, last = 2 * pairs;

    for (uint64_t b = 0; b < last; b++)
        img_bat_set(img, img_block_index(img, b), (img->payload_off + b / 2 * MIB) | PAYLOAD_FULLY_PRESENT);
    img_resize(img, img->payload_off + (pairs + 1) * MIB);
    img_bat_set(img, img_block_index(img, last), (img->payload_off + pairs * MIB) | PAYLOAD_UNMAPPED);
    img_bat_set(img, img_block_index(img, last + 1), (img->payload_off + pairs * MIB) | PAYLOAD_FULLY_PRESENT);
}

/* The page behind the only entry that the disk has in it. */
static void padding_holds_the_neighbour(struct img *img)
{
    img_bat_set(img, 513, img_bat_get(img, 512));
    img_bat_set(img, 512, (img->size) | PAYLOAD_FULLY_PRESENT);
    img_resize(img, img->size + MIB);
}

static void shifted_under_a_region(struct img *img)
{
    padding_holds_the_neighbour(img);
    region_over(img, img->bat_off, MIB);
}

/* ---- fixed disks ---- */

static void no_places_under_a_region(struct img *img)
{
    img_bat_set(img, 0, 0);
    region_over(img, img->bat_off, MIB);
}

static void area_under_a_region(struct img *img)
{
    img_resize(img, img->payload_off + img->params.virtual_size);
    region_over(img, img->bat_off, MIB);
}

/* Its rest is no whole block, and a whole one would end behind what a signed offset reaches. */
static void area_in_the_longest_file(struct img *img)
{
    img_resize(img, INT64_MAX);
}

static void area_ends_within_a_block(struct img *img)
{
    img_resize(img, img->payload_off + img->params.virtual_size);
    img_fill(img, img->size - 100, 50, 1);
}

static void area_behind_a_gap(struct img *img)
{
    uint64_t gap = img->payload_off;

    img_resize(img, gap + MIB);
    region_over(img, gap + MIB, MIB);
    img_resize(img, gap + 2 * MIB + img->params.virtual_size + MIB);
}

/* A stranger's region ends the area, not the file. */
static void area_before_a_region(struct img *img)
{
    uint64_t end = img->payload_off + u64_div_up(img->params.virtual_size, 2 * MIB) * 2 * MIB;

    img_resize(img, end + MIB);
    region_over(img, end, MIB);
}

static void area_and_a_block_behind(struct img *img)
{
    area_ends_within_a_block(img);
    img_bat_set(img, 0, img->size | PAYLOAD_FULLY_PRESENT);
}

static void no_places_and_no_room(struct img *img)
{
    img_bat_set(img, 0, 0);
    img_bat_set(img, 1, img->size | PAYLOAD_FULLY_PRESENT);
}

static void anchors_of_all_kinds(struct img *img)
{
    img_bat_set(img, img_block_index(img, 1), img->size | PAYLOAD_UNMAPPED);
    img_resize(img, img->size + 2 * MIB);
    img_bat_set(img, img_bitmap_index(img, 0) - 1, 3);
}

static void small_bat_and_no_room(struct img *img)
{
    region_is(img, KNOWN_REGION_BAT, img->bat_off, 0x1000);
    img_bat_set(img, img_block_index(img, 3), img->size | PAYLOAD_FULLY_PRESENT);
}

static void small_bat_under_a_region(struct img *img)
{
    region_is(img, KNOWN_REGION_BAT, img->bat_off, 0x1000);
    region_over(img, img->bat_off, MIB);
}

static void small_bat_under_the_log(struct img *img)
{
    region_is(img, KNOWN_REGION_BAT, img->bat_off, 0x1000);
    log_is(img, img->bat_off, (uint32_t)MIB);
}

static void small_bat_in_the_log(struct img *img)
{
    struct img_log_desc page;

    region_is(img, KNOWN_REGION_BAT, img->bat_off, 0x1000);
    put_le64(logged(img, img_bat_entry_off(img, 1), &page), PAYLOAD_ZERO);
    img_make_dirty(img, &page, 1);
}

/* ---- logs that are given up ---- */

/* The BAT's page in the log has a block in state 4, which no file may have. */
static void harm(struct img *img, struct img_log_desc *ret)
{
    put_le64(logged(img, img_bat_entry_off(img, 2), ret), bat_entry_make(img_block_off(img, 2), PAYLOAD_RESERVED_4));
}

static void log_ruins_a_header_of_metadata(struct img *img)
{
    struct img_log_desc page;

    put_le32(logged(img, img->item_off[KNOWN_ITEM_PHYSICAL_SECTOR_SIZE], &page), 777);
    img_make_dirty(img, &page, 1);
}

static void log_takes_the_geometry(struct img *img)
{
    struct img_log_desc page;

    put_le64(logged(img, img->item_off[KNOWN_ITEM_VIRTUAL_DISK_SIZE], &page), 0);
    img_make_dirty(img, &page, 1);
}

static void log_brings_the_geometry(struct img *img)
{
    struct img_log_desc pages[2];

    harm(img, &pages[0]);
    put_le32(logged(img, img->item_off[KNOWN_ITEM_PHYSICAL_SECTOR_SIZE], &pages[1]), 777);
    img_make_dirty(img, pages, 2);
    put_le64(img_metadata_item(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE), 0);
}

/* In the region tables of the file itself the metadata lies over the BAT. */
static void log_brings_the_regions(struct img *img)
{
    struct img_log_desc pages[3];

    for (unsigned copy = 0; copy < 2; copy++)
        (void)logged(img, REGION_TABLE_OFF[copy], &pages[copy]);
    put_le32(logged(img, img->item_off[KNOWN_ITEM_PHYSICAL_SECTOR_SIZE], &pages[2]), 777);
    img_make_dirty(img, pages, 3);
    for (unsigned copy = 0; copy < 2; copy++)
        put_le32(img_region_find(img, copy, KNOWN_REGION_METADATA) + 24,
                 (uint32_t)(img->bat_off + MIB - img->metadata_off));
    img_sign_region_tables(img);
}

static void log_makes_the_disk_larger(struct img *img)
{
    struct img_log_desc pages[2];

    harm(img, &pages[0]);
    put_le64(logged(img, img->item_off[KNOWN_ITEM_VIRTUAL_DISK_SIZE], &pages[1]), img->params.virtual_size + 2 * MIB);
    img_make_dirty(img, pages, 2);
}

/* The BAT that it names is another one, with the same harm. */
static void log_moves_the_bat(struct img *img)
{
    struct img_log_desc pages[2];
    uint64_t to = img->size;
    uint8_t *bytes = img_page_copy(img, img->bat_off);

    put_le64(bytes + 16, bat_entry_make(img_block_off(img, 2), PAYLOAD_RESERVED_4));
    img_resize(img, to + MIB);
    img_write(img, to, bytes, LOG_SECTOR_LEN);
    struct img *after = img_clone(img);
    for (unsigned copy = 0; copy < 2; copy++)
        put_le64(img_region_find(after, copy, KNOWN_REGION_BAT) + 16, to);
    img_sign_region_tables(after);
    for (unsigned copy = 0; copy < 2; copy++)
        img_read(after, REGION_TABLE_OFF[copy], logged(img, REGION_TABLE_OFF[copy], &pages[copy]), LOG_SECTOR_LEN);
    img_make_dirty(img, pages, 2);
    img_free(after);
}

static void log_writes_payload(struct img *img)
{
    struct img_log_desc pages[2];

    harm(img, &pages[0]);
    memset(logged(img, img_block_off(img, 0), &pages[1]), 0x33, 64);
    img_make_dirty(img, pages, 2);
}

static void log_writes_a_bitmap(struct img *img)
{
    struct img_log_desc pages[2];

    harm(img, &pages[0]);
    *logged(img, img_bitmap_off(img, 0), &pages[1]) ^= 0xff;
    img_make_dirty(img, pages, 2);
}

/* Nothing of the disk is in the slot that changes. */
static void log_writes_an_unused_slot(struct img *img)
{
    struct img_log_desc pages[2];

    put_le64(logged(img, img_bat_entry_off(img, img_bitmap_index(img, 0) - 1), &pages[0]), 0x500006);
    put_le32(logged(img, img->item_off[KNOWN_ITEM_PHYSICAL_SECTOR_SIZE], &pages[1]), 777);
    img_make_dirty(img, pages, 2);
}

/* ---- the parent locator ---- */

static const char LINK[] = "{83ed3ec3-24d7-4dc0-a1a4-b8eb1d9f6a01}";
static const struct locator_string twice[] = {
    {"parent_linkage", "{83ed3ec3-24d7-4dc0-a1a4-b8eb1d9f6a01}"},
    {"parent_linkage", "{83ed3ec3-24d7-4dc0-a1a4-b8eb1d9f6a02}"},
    {"relative_path", ".\\parent.vhdx"},
};
static const struct locator_string no_paths[] = {{"parent_linkage", LINK}};
static const struct locator_string shared_host[] = {
    {"parent_linkage", LINK},
    {"absolute_win32_path", "//host/share/parent.vhdx"},
};
static const struct locator_string device_volume[] = {
    {"parent_linkage", LINK},
    {"relative_path", "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\parent.vhdx"},
    {"volume_path", "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\parent.vhdx"},
};
static const struct locator_string two_spellings[] = {
    {"parent_linkage", LINK},
    {"relative_path", ".\\parent.vhdx"},
    {"Relative_Path", ".\\parent.vhdx"},
};

static void linked_twice(struct img *img)
{
    img_set_locator(img, twice, 3);
}

static void linked_twice_alike(struct img *img)
{
    const struct locator_string pairs[] = {twice[0], twice[0], twice[2]};

    img_set_locator(img, pairs, 3);
}

static void without_paths(struct img *img)
{
    img_set_locator(img, no_paths, 1);
}

static void on_a_host(struct img *img)
{
    img_set_locator(img, shared_host, 2);
}

static void volume_as_relative(struct img *img)
{
    img_set_locator(img, device_volume, 3);
}

static void spelled_twice(struct img *img)
{
    img_set_locator(img, two_spellings, 3);
}

/* As many pairs as a table can have, with one text for all. */
static void endless_table(struct img *img)
{
    enum { PAIRS = UINT16_MAX, TEXT = 20 + 12 * PAIRS };
    static uint8_t item[TEXT + 4];

    memcpy(item, known_guid(KNOWN_LOCATOR_TYPE_VHDX)->bytes, 16);
    put_le16(item + 18, PAIRS);
    for (size_t i = 0; i < PAIRS; i++) {
        uint8_t *p = item + 20 + 12 * i;
        put_le32(p, TEXT);
        put_le32(p + 4, TEXT + 2);
        put_le16(p + 8, 2);
        put_le16(p + 10, 2);
    }
    put_le16(item + TEXT, 'k');
    put_le16(item + TEXT + 2, 'v');
    img_set_locator_bytes(img, item, sizeof(item));
}

/* Fields of the first pair: KeyOffset 0, ValueOffset 4, KeyLength 8, ValueLength 10. */
static uint8_t *pair(struct img *img, unsigned i)
{
    return img_metadata_item(img, KNOWN_ITEM_PARENT_LOCATOR) + 20 + 12 * i;
}

static void add_nul(struct img *img)
{
    uint8_t *p = pair(img, 1);

    put_le16(img_metadata_item(img, KNOWN_ITEM_PARENT_LOCATOR) + le32(p + 4) + le16(p + 10) - 2, 0);
}

static void locator_of_another_type(struct img *img)
{
    add_nul(img);
    img_metadata_item(img, KNOWN_ITEM_PARENT_LOCATOR)[0] ^= 1;
}

static void odd_key(struct img *img)
{
    add_nul(img);
    put_le16(pair(img, 2) + 8, (uint16_t)(le16(pair(img, 2) + 8) - 1));
}

static void odd_value(struct img *img)
{
    add_nul(img);
    put_le16(pair(img, 2) + 10, (uint16_t)(le16(pair(img, 2) + 10) - 1));
}

static void key_nowhere(struct img *img)
{
    add_nul(img);
    put_le32(pair(img, 2), 0);
}

static void value_nowhere(struct img *img)
{
    add_nul(img);
    put_le32(pair(img, 2) + 4, 0);
}

static void all_paths_are_lost(struct img *img)
{
    uint8_t *locator = img_metadata_item(img, KNOWN_ITEM_PARENT_LOCATOR);

    for (unsigned i = 0; i < le16(locator + 18); i++)
        if (strncmp((const char *)locator + le32(pair(img, i)), "p", 1) != 0)
            put_le16(locator + le32(pair(img, i) + 4), 0);
}

static void other_linkage_and_odd_key(struct img *img)
{
    spelled_twice(img);
    put_le16(pair(img, 2) + 8, (uint16_t)(le16(pair(img, 2) + 8) - 1));
}

static void other_linkage_and_no_sector_size(struct img *img)
{
    linked_twice(img);
    img_metadata_remove(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE);
}

/* ---- parents ---- */

static void no_header(struct img *img)
{
    img_fill(img, 0x10000, 0x20000, 0);
}

static void no_data_write_guid(struct img *img)
{
    for (unsigned slot = 0; slot < 2; slot++)
        memset(img_header(img, slot) + IMG_HEADER_DATA_WRITE_GUID, 0, 16);
    img_sign_headers(img);
}

static void no_disk_size(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
}

static const struct img_params small_blocks = {.virtual_size = 10 << 20, .block_size = 1 << 20, .log_len = 2 << 20};
static const struct img_params wide_child = {
    .type = IMG_DIFFERENCING, .virtual_size = (uint64_t)5 << 30, .block_size = 1 << 20, .states = "7"};
static const struct img_params lone_entry = {.layout = IMG_QEMU,
                                             .virtual_size = 513 << 20,
                                             .block_size = 1 << 20,
                                             .states = "6",
                                             .blocks = &(struct img_block){.block = 512, .state = 6},
                                             .block_count = 1};
static const struct img_params many_blocks = {
    .virtual_size = (uint64_t)200000 << 20, .block_size = 1 << 20, .states = ""};
static const struct img_params zero_blocks = {.states = "66.6", .data = IMG_DATA_NONE};
static const struct img_params three_chunks = {.virtual_size = (uint64_t)9 << 30, .block_size = 1 << 20, .states = "6"};
static const struct img_params parent_of_4096 = {.logical_sector_size = 4096};

/* ---- images ---- */

static const struct img_params child = {.type = IMG_DIFFERENCING};
static const struct img_params fixed_zero = {
    .type = IMG_FIXED, .layout = IMG_QEMU, .virtual_size = 5 << 20, .states = "222"};
static const struct img_params fixed_small = {.type = IMG_FIXED, .virtual_size = 6 << 20};
static const struct img_params last_in_file = {.log_off = 2 << 20, .states = ""};
static const struct img_block far_apart[] = {
    {.block = 15, .state = 6}, {.block = 16, .state = 6}, {.block = 17, .state = 6}};
static const struct img_params blocks_of_4096 = {.logical_sector_size = 4096,
                                                 .virtual_size = (uint64_t)8 << 30,
                                                 .block_size = 256 << 20,
                                                 .states = "",
                                                 .blocks = far_apart,
                                                 .block_count = 3,
                                                 .data = IMG_DATA_NONE};

#define CASE(name_, rule_, ...) .c = {.name = name_, .rule = rule_, __VA_ARGS__}
#define ASKS(...) .job = {.mode = CASE_RULE, __VA_ARGS__}

const struct plan_way plan_ways[] = {
    {CASE("fixed disk, a block behind its end", "VHDX-FILE-012", .params = &fixed_small,
          .mutate = fixed_block_behind_the_end),
     ASKS(.consent = "VHDX-FILE-012"), .stays = "blocks of the disk are said to lie behind its end"},
    {CASE("place of the log in a file as large as any", "VHDX-HDR-018", .mutate = no_log_in_a_large_file),
     ASKS(.consent = "VHDX-HDR-018"), .stays = "larger than any VHDX needs to be", .no_sums = true},
    {CASE("odd log and its version", "VHDX-HDR-013", .mutate = odd_log_of_a_later_version),
     ASKS(.consent = "VHDX-HDR-005 VHDX-HDR-013"), .step = "make the log"},
    {CASE("odd log and no BAT", "VHDX-HDR-013", .mutate = odd_log_and_no_bat), ASKS(.consent = "VHDX-HDR-013")},
    {CASE("log far behind the end", "VHDX-HDR-016", .mutate = log_far_behind), ASKS(.consent = "VHDX-HDR-016"),
     .step = "make room for a log"},
    {CASE("numbers at their end and a log", "VHDX-LOG-001", .mutate = last_numbers_and_dirty), ASKS(.consent = ""),
     .stays = "cannot rise any more"},

    {CASE("region behind the end", "VHDX-RGN-011", .mutate = region_begins_behind_the_end),
     ASKS(.consent = "VHDX-RGN-011"), .stays = "no part of the region"},
    {CASE("region without length behind the end", "VHDX-RGN-011", .mutate = region_without_length_behind),
     ASKS(.consent = "VHDX-RGN-011"), .stays = "no part of the region"},
    {CASE("region over the end of a large file", "VHDX-RGN-011", .mutate = region_over_the_end_of_a_large_file),
     ASKS(.consent = "VHDX-RGN-011"), .stays = "larger than any", .no_sums = true},
    {CASE("region over the end, and a block", "VHDX-RGN-011", .mutate = region_over_the_end_and_a_block),
     ASKS(.consent = "VHDX-RGN-011"), .stays = "behind its end"},
    {CASE("double entry in a table of impossible length", "VHDX-RGN-008", .mutate = impossible_count_and_double_entry),
     ASKS(.consent = ""), .stays = "EntryCount of the region table is impossible"},
    {CASE("double entry, the other table of impossible length", "VHDX-RGN-008",
          .mutate = impossible_count_of_the_other),
     ASKS(.consent = ""), .stays = "EntryCount of the region table is impossible"},
    {CASE("double entry and empty ones", "VHDX-RGN-008", .mutate = double_entry_and_empty_ones), ASKS(.consent = ""),
     .step = "drop region table entries"},
    {CASE("no room for the BAT's entry", "VHDX-RGN-018", .mutate = full_table_without_bat),
     ASKS(.consent = "VHDX-RGN-018"), .stays = "table is full"},
    {CASE("no room for the metadata's entry", "VHDX-RGN-019", .mutate = full_table_without_metadata),
     ASKS(.consent = "VHDX-RGN-019"), .stays = "table is full"},
    {CASE("no entries", "VHDX-RGN-019", .mutate = no_entries), ASKS(.consent = "VHDX-RGN-019"),
     .step = "add the BAT region"},
    {CASE("lost BAT, metadata in between", "VHDX-RGN-018", .mutate = lost_bat_and_odd_metadata),
     ASKS(.consent = "VHDX-RGN-018"), .stays = "metadata must be found first"},
    {CASE("lost BAT, metadata twice", "VHDX-RGN-018", .mutate = lost_bat_and_metadata_in_between),
     ASKS(.consent = "VHDX-RGN-018"), .step = "add the BAT region"},
    {CASE("lost BAT, long metadata", "VHDX-RGN-018", .mutate = lost_bat_and_long_metadata),
     ASKS(.consent = "VHDX-RGN-018"), .step = "add the BAT region"},
    {CASE("lost metadata, BAT in between", "VHDX-RGN-019", .mutate = lost_metadata_and_odd_bat),
     ASKS(.consent = "VHDX-RGN-019"), .step = "add the metadata region"},
    {CASE("lost metadata, far BAT", "VHDX-RGN-019", .mutate = lost_metadata_and_far_bat),
     ASKS(.consent = "VHDX-RGN-019"), .step = "add the metadata region"},

    {CASE("entry bits under another region", "VHDX-META-004", .mutate = entry_bits_under_a_region), ASKS(.consent = ""),
     .stays = "lie over the metadata"},
    {CASE("a locator of the disk", "VHDX-META-018", .params = &child, .mutate = locator_of_the_disk),
     ASKS(.consent = ""), .step = "the item belongs to the file"},
    {CASE("lost parameters and no size", "VHDX-META-020", .mutate = lost_parameters_and_no_size),
     ASKS(.consent = "VHDX-META-020"), .stays = "no blocks to tell"},
    {CASE("lost size and sector size", "VHDX-META-021", .mutate = lost_size_and_sector),
     ASKS(.consent = "VHDX-META-021"), .stays = "must be known first"},
    {CASE("lost size and an impossible block size", "VHDX-META-021", .mutate = lost_size_and_odd_blocks),
     ASKS(.consent = "VHDX-META-021"), .stays = "must be known first"},
    {CASE("lost size and no BAT", "VHDX-META-021", .mutate = lost_size_and_bat), ASKS(.consent = "VHDX-META-021"),
     .stays = "the BAT cannot be read"},
    {CASE("lost size, last entry of the region", "VHDX-META-021", .mutate = lost_size_and_last_entry),
     ASKS(.consent = "VHDX-META-021"), .step = "set the size of the disk"},
    {CASE("lost sector size of 4096", "VHDX-META-022", .params = &blocks_of_4096, .mutate = lost_logical_sector),
     ASKS(.consent = "VHDX-META-022"), .step = "does not go with 512"},
    {CASE("lost sector size and no disk size", "VHDX-META-022", .mutate = lost_size_and_sector),
     ASKS(.consent = "VHDX-META-022"), .step = "set the logical sector size to 512"},
    {CASE("no room for another item", "VHDX-META-023", .mutate = no_room_for_another_item),
     ASKS(.consent = "VHDX-META-023"), .stays = "no room for the item"},
    {CASE("no room for another item in the file", "VHDX-META-023", .params = &last_in_file,
          .mutate = no_room_in_the_file),
     ASKS(.consent = "VHDX-META-023"), .stays = "no room for the item"},
    {CASE("no slot for another item", "VHDX-META-023", .mutate = full_metadata_table), ASKS(.consent = "VHDX-META-023"),
     .stays = "table is full"},
    {CASE("metadata that ends with its table", "VHDX-META-023", .mutate = metadata_ends_with_its_table),
     ASKS(.consent = "VHDX-META-023")},
    {CASE("lost disk id of a child alone", "VHDX-META-024", .params = &child, .mutate = lost_disk_id),
     ASKS(.consent = "VHDX-META-024", .alone = true), .step = "set a new Virtual Disk ID"},
    {CASE("lost disk id of parent and child", "VHDX-META-024", .params = &child, .mutate = lost_disk_id),
     ASKS(.consent = "VHDX-META-024", .bend_parent = lost_disk_id), .step = "set a new Virtual Disk ID"},
    {CASE("nil disk id of a child alone", "VHDX-META-025", .params = &child, .mutate = nil_disk_id),
     ASKS(.consent = "VHDX-META-025", .alone = true), .stays = "needs --parent"},
    {CASE("nil disk id, parent without one", "VHDX-META-025", .params = &child, .mutate = nil_disk_id),
     ASKS(.consent = "VHDX-META-025", .bend_parent = lost_disk_id), .stays = "needs --parent"},
    {CASE("nil disk id of parent and child", "VHDX-META-025", .params = &child, .mutate = nil_disk_id),
     ASKS(.consent = "VHDX-META-025", .bend_parent = nil_disk_id), .stays = "needs --parent"},
    {CASE("incomplete-file marker in a table without an end", "VHDX-META-026", .mutate = marker_and_impossible_count),
     ASKS(.consent = "VHDX-META-026"), .stays = "EntryCount of the metadata table is impossible"},
    {CASE("child without its bit and its size", "VHDX-META-039", .params = &child, .mutate = no_parent_bit_and_no_size),
     ASKS(.consent = "VHDX-META-039"), .stays = "not known"},
    {CASE("child that bitmaps alone tell", "VHDX-META-039", .params = &wide_child, .mutate = bitmaps_alone_tell),
     ASKS(.consent = "VHDX-META-039"), .step = "set HasParent"},
    {CASE("child without its bit and its locator", "VHDX-XREF-006", .params = &wide_child,
          .mutate = no_parent_bit_and_no_locator),
     ASKS(.consent = "VHDX-XREF-006 VHDX-META-038", .lend = true), .step = "set HasParent"},
    {CASE("child without its bit and its locator, no consent", "VHDX-XREF-006", .params = &wide_child,
          .mutate = no_parent_bit_and_no_locator),
     ASKS(.consent = "VHDX-XREF-006", .lend = true), .stays = "needs --consent VHDX-META-038"},
    {CASE("rest of the table under another region", "VHDX-META-040", .mutate = metadata_rest_under_a_region),
     ASKS(.consent = "VHDX-META-040"), .stays = "lie over the metadata"},
    {CASE("room between items under another region", "VHDX-META-041", .mutate = items_apart_under_a_region),
     ASKS(.consent = "VHDX-META-041"), .stays = "lie over the metadata"},

    {CASE("small BAT and no room", "VHDX-BAT-001", .params = &child, .mutate = small_bat_and_no_room),
     ASKS(.consent = "VHDX-BAT-001"), .stays = "claimed by a structure or block"},
    {CASE("small BAT under another region", "VHDX-BAT-001", .params = &child, .mutate = small_bat_under_a_region),
     ASKS(.consent = "VHDX-BAT-001"), .stays = "lie over the BAT"},
    {CASE("small BAT under the log", "VHDX-BAT-001", .params = &child, .mutate = small_bat_under_the_log),
     ASKS(.consent = "VHDX-BAT-001"), .stays = "the BAT cannot be read"},
    {CASE("small BAT that the log has written", "VHDX-BAT-001", .params = &child, .mutate = small_bat_in_the_log),
     ASKS(.consent = "VHDX-BAT-001"), .step = "copy the BAT"},
    {CASE("partial block of a child without its bit", "VHDX-BAT-004", .params = &wide_child, .mutate = no_parent_bit),
     ASKS(.consent = "VHDX-BAT-004"), .stays = "settle VHDX-XREF-006 first"},
    {CASE("bitmap of a child without its bit", "VHDX-BAT-006", .params = &wide_child,
          .mutate = no_parent_bit_and_stray_bitmap),
     ASKS(.consent = "VHDX-BAT-006"), .stays = "settle VHDX-XREF-006 first"},
    {CASE("bitmaps in free space and over a block", "VHDX-BAT-006", .params = &three_chunks,
          .mutate = bitmaps_of_both_kinds),
     ASKS(.consent = ""), .stays = "needs --consent VHDX-BAT-006"},
    {CASE("idle bitmap in a strange state", "VHDX-BAT-005",
          .params = &(struct img_params){.type = IMG_DIFFERENCING, .states = "6.66"},
          .mutate = bitmap_state_and_no_place),
     ASKS(.consent = "VHDX-BAT-005"), .step = "no block of its chunk"},
    {CASE("bitmap over the BAT", "VHDX-BAT-007", .params = &child, .mutate = bitmap_over_the_bat), ASKS(.consent = ""),
     .stays = "lie over the BAT"},
    {CASE("two blocks cut at one place", "VHDX-BAT-012", .mutate = two_cut_at_one_place),
     ASKS(.consent = "VHDX-BAT-012"), .step = "what is missing of the block"},
    {CASE("partial block behind the end, without bitmap", "VHDX-BAT-020", .params = &child,
          .mutate = partial_block_behind_the_end),
     ASKS(.consent = "VHDX-BAT-012 VHDX-BAT-020"), .step = "set the block to FULLY_PRESENT"},
    {CASE("block over the log and no room", "VHDX-BAT-014", .params = &small_blocks,
          .mutate = over_the_log_and_no_room),
     ASKS(.consent = "VHDX-BAT-014"), .stays = "claimed by a structure or block"},
    {CASE("more collisions than are remembered", "VHDX-BAT-019", .params = &many_blocks, .mutate = anchor_of_nobody),
     ASKS(.consent = ""), .stays = "which entry keeps the place is not known", .no_sums = true},
    {CASE("page of one entry", "VHDX-BAT-025", .params = &lone_entry, .mutate = padding_holds_the_neighbour),
     ASKS(.consent = "VHDX-BAT-025"), .step = "move the entries of the BAT page"},
    {CASE("page of one entry, under a region", "VHDX-BAT-025", .params = &lone_entry, .mutate = shifted_under_a_region),
     ASKS(.consent = "VHDX-BAT-025"), .stays = "lie over the BAT"},
    {CASE("two blocks over the log", "VHDX-BAT-014", .params = &small_blocks, .mutate = two_over_the_log),
     ASKS(.consent = "VHDX-BAT-014"), .step = "let the block have its place"},
    {CASE("two blocks behind the end share a place", "VHDX-BAT-016", .mutate = two_behind_the_end),
     ASKS(.consent = "VHDX-BAT-016"), .stays = "settle VHDX-BAT-012 first"},
    {CASE("shared place and no room", "VHDX-BAT-016", .mutate = shared_and_no_room), ASKS(.consent = "VHDX-BAT-016"),
     .stays = "claimed by a structure or block"},
    {CASE("shared place that the log has written", "VHDX-BAT-016", .mutate = shared_and_logged),
     ASKS(.consent = "VHDX-BAT-016 VHDX-LOG-021"), .step = "copy the block"},
    {CASE("shared place that the file had once", "VHDX-BAT-016", .mutate = shared_where_the_file_ended),
     ASKS(.consent = "VHDX-BAT-016 VHDX-LOG-003"), .step = "copy the block"},
    {CASE("fixed disk and no room", "VHDX-BAT-022", .params = &fixed_small, .mutate = no_places_and_no_room),
     ASKS(.consent = "VHDX-BAT-022"), .stays = "claimed by a structure or block"},
    {CASE("fixed disk under a region", "VHDX-BAT-022", .params = &fixed_small, .mutate = no_places_under_a_region),
     ASKS(.consent = "VHDX-BAT-022"), .stays = "lie over the BAT"},
    {CASE("area, and a region over the BAT", "VHDX-BAT-024", .params = &fixed_zero, .mutate = area_under_a_region),
     ASKS(.consent = "VHDX-BAT-024"), .stays = "lie over the BAT"},
    {CASE("area in the longest file there is", "VHDX-BAT-024", .params = &fixed_zero,
          .mutate = area_in_the_longest_file),
     ASKS(.consent = "VHDX-BAT-024"), .stays = "no host holds a longer one"},
    {CASE("area that ends within a block", "VHDX-BAT-024", .params = &fixed_zero, .mutate = area_ends_within_a_block),
     ASKS(.consent = "VHDX-BAT-024"), .step = "make the file hold the last block whole"},
    {CASE("area behind a gap, with room to spare", "VHDX-BAT-024", .params = &fixed_zero, .mutate = area_behind_a_gap),
     ASKS(.consent = "VHDX-BAT-024"), .step = "give the block its place"},
    {CASE("area before a region", "VHDX-BAT-024", .params = &fixed_zero, .mutate = area_before_a_region),
     ASKS(.consent = "VHDX-BAT-024"), .step = "give the block its place"},
    {CASE("area and a block behind it", "VHDX-BAT-024", .params = &fixed_zero, .mutate = area_and_a_block_behind),
     ASKS(.consent = "VHDX-BAT-024"), .stays = "behind its end"},

    {CASE("blocks of zeros", "VHDX-BAT-031", .params = &zero_blocks), ASKS(.consent = "VHDX-BAT-031"),
     .step = "set the block of zeros"},
    {CASE("log that brings a wrong sector size", "VHDX-LOG-028", .mutate = log_ruins_a_header_of_metadata),
     ASKS(.consent = "VHDX-LOG-028"), .step = "what is only in the log"},
    {CASE("log that takes the geometry", "VHDX-LOG-028", .mutate = log_takes_the_geometry),
     ASKS(.consent = "VHDX-LOG-028"), .step = "what is only in the log"},
    {CASE("log that brings the geometry", "VHDX-LOG-028", .mutate = log_brings_the_geometry),
     ASKS(.consent = "VHDX-LOG-028"), .stays = "would have VHDX-META-031"},
    {CASE("log that brings the regions", "VHDX-LOG-028", .mutate = log_brings_the_regions),
     ASKS(.consent = "VHDX-LOG-028"), .stays = "would have VHDX-"},
    {CASE("log that makes the disk larger", "VHDX-LOG-028", .mutate = log_makes_the_disk_larger),
     ASKS(.consent = "VHDX-LOG-028"), .step = "what is only in the log"},
    {CASE("log that moves the BAT", "VHDX-LOG-028", .mutate = log_moves_the_bat), ASKS(.consent = "VHDX-LOG-028"),
     .step = "what is only in the log"},
    {CASE("log that writes to a block", "VHDX-LOG-028", .mutate = log_writes_payload), ASKS(.consent = "VHDX-LOG-028"),
     .step = "what is only in the log"},
    {CASE("log that writes to a bitmap", "VHDX-LOG-028", .params = &child, .mutate = log_writes_a_bitmap),
     ASKS(.consent = "VHDX-LOG-028"), .step = "what is only in the log"},
    {CASE("log that writes to an unused slot", "VHDX-LOG-028", .params = &child, .mutate = log_writes_an_unused_slot),
     ASKS(.consent = "VHDX-LOG-028"), .step = "what is only in the log"},

    {CASE("strings of another type", "VHDX-PLOC-007", .params = &child, .mutate = locator_of_another_type),
     ASKS(.consent = "VHDX-PLOC-007"), .stays = "of another type"},
    {CASE("strings, a key of odd length", "VHDX-PLOC-007", .params = &child, .mutate = odd_key),
     ASKS(.consent = "VHDX-PLOC-007"), .stays = "other strings"},
    {CASE("strings, a value of odd length", "VHDX-PLOC-007", .params = &child, .mutate = odd_value),
     ASKS(.consent = "VHDX-PLOC-007"), .stays = "other strings"},
    {CASE("strings, a key that is nowhere", "VHDX-PLOC-007", .params = &child, .mutate = key_nowhere),
     ASKS(.consent = "VHDX-PLOC-007"), .stays = "other strings"},
    {CASE("strings, a value that is nowhere", "VHDX-PLOC-007", .params = &child, .mutate = value_nowhere),
     ASKS(.consent = "VHDX-PLOC-007"), .stays = "other strings"},
    {CASE("strings, all paths lost", "VHDX-PLOC-007", .params = &child, .mutate = all_paths_are_lost),
     ASKS(.consent = "VHDX-PLOC-007"), .stays = "linkage or path would be lost"},
    {CASE("two linkages", "VHDX-PLOC-008", .params = &child, .mutate = linked_twice), ASKS(.consent = "VHDX-PLOC-008"),
     .step = "keep one pair"},
    {CASE("two linkages that are one", "VHDX-PLOC-008", .params = &child, .mutate = linked_twice_alike),
     ASKS(.consent = "VHDX-PLOC-008", .alone = true), .step = "keep one pair"},
    {CASE("two linkages, no parent", "VHDX-PLOC-008", .params = &child, .mutate = linked_twice),
     ASKS(.consent = "VHDX-PLOC-008", .alone = true), .stays = "needs --parent"},
    {CASE("relink two linkages", "VHDX-CHAIN-003", .params = &child, .mutate = linked_twice),
     ASKS(.consent = "VHDX-CHAIN-003"), .step = "link the disk to the parent"},
    {CASE("relink without a path", "VHDX-PLOC-013", .params = &child, .mutate = without_paths),
     ASKS(.consent = "VHDX-PLOC-013", .parent_path = ""), .stays = "no path to the parent"},
    {CASE("relink to a path that is no text", "VHDX-PLOC-013", .params = &child, .mutate = without_paths),
     ASKS(.consent = "VHDX-PLOC-013", .parent_path = "a\xff"), .stays = "no valid UTF-8"},
    {CASE("relink a table without end", "VHDX-PLOC-009", .params = &child, .mutate = endless_table),
     ASKS(.consent = "VHDX-PLOC-009"), .stays = "a string that is too long"},
    {CASE("relink to a parent without headers", "VHDX-PLOC-013", .params = &child, .mutate = without_paths),
     ASKS(.consent = "VHDX-PLOC-013", .bend_parent = no_header), .stays = "no usable header"},
    {CASE("relink to a parent without DataWriteGuid", "VHDX-PLOC-013", .params = &child, .mutate = without_paths),
     ASKS(.consent = "VHDX-PLOC-013", .bend_parent = no_data_write_guid), .stays = "no usable header"},
    {CASE("relink to a parent without size", "VHDX-PLOC-013", .params = &child, .mutate = without_paths),
     ASKS(.consent = "VHDX-PLOC-013", .bend_parent = no_disk_size), .stays = "no usable header"},
    {CASE("relink to a parent of other sectors", "VHDX-PLOC-013", .params = &child, .mutate = without_paths),
     ASKS(.consent = "VHDX-PLOC-013", .parent = &parent_of_4096), .stays = "another logical sector size"},
    {CASE("relink with a key of odd length", "VHDX-CHAIN-003", .params = &child, .mutate = other_linkage_and_odd_key),
     ASKS(.consent = "VHDX-CHAIN-003"), .step = "link the disk to the parent"},
    {CASE("relink without sector size", "VHDX-CHAIN-003", .params = &child, .mutate = other_linkage_and_no_sector_size),
     ASKS(.consent = "VHDX-CHAIN-003"), .step = "link the disk to the parent"},
    {CASE("disk id inside the table", "VHDX-CHAIN-007", .params = &child, .mutate = disk_id_inside_the_table),
     ASKS(.consent = "VHDX-CHAIN-007"), .stays = "does not lie where an item may lie"},
    {CASE("path on a host, with slashes", "VHDX-PLOC-014", .params = &child, .mutate = on_a_host),
     ASKS(.consent = "VHDX-PLOC-014")},
    {CASE("a volume as relative path", "VHDX-PLOC-015", .params = &child, .mutate = volume_as_relative),
     ASKS(.consent = "VHDX-PLOC-015"), .step = "drop paths"},
    {CASE("a key in two spellings", "VHDX-PLOC-020", .params = &child, .mutate = spelled_twice),
     ASKS(.consent = "VHDX-PLOC-020"), .step = "write the key"},

    {CASE("log in the header section", "VHDX-FOR-001", .mutate = stale_log_in_the_headers),
     ASKS(.consent = "VHDX-FOR-001")},
    {CASE("log under a block", "VHDX-FOR-001", .mutate = stale_log_under_a_block), ASKS(.consent = "VHDX-FOR-001")},
    {CASE("log under a region", "VHDX-FOR-001", .mutate = stale_log_under_a_region), ASKS(.consent = "VHDX-FOR-001")},
    {CASE("anchors, a bitmap, an unused slot", "VHDX-FOR-008", .params = &child, .mutate = anchors_of_all_kinds),
     ASKS(.consent = "VHDX-FOR-008"), .step = "forget the place"},
    {CASE("reserved bytes of a file cut early", "VHDX-FOR-009", .mutate = reserved_bytes_and_cut),
     ASKS(.consent = "VHDX-FOR-009"), .step = "fill the bytes with zeros"},
    {CASE("reserved bytes everywhere", "VHDX-FOR-009", .mutate = reserved_everywhere), ASKS(.consent = "VHDX-FOR-009"),
     .step = "fill the bytes with zeros"},
};
const size_t plan_way_count = sizeof(plan_ways) / sizeof(plan_ways[0]);
