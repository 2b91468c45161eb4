/* SPDX-License-Identifier: MIT */
/*
 * Cases of the metadata rules, the parent locator included. Each function below makes one fault; the table at the end
 * says which rule must find it.
 */
#include "cases.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/le.h"
#include "format/metadata.h"
#include "format/parent_locator.h"

static const struct guid UNKNOWN = {{0xC0, 0xFF, 0xEE, 0, 0x11, 0x22, 0x33, 0x44, 0x85, 1, 2, 3, 4, 5, 6, 7}};
static const struct guid UNKNOWN_2 = {{0xC0, 0xFF, 0xEF, 0, 0x11, 0x22, 0x33, 0x44, 0x85, 1, 2, 3, 4, 5, 6, 8}};

static const struct img_params QEMU = {.layout = IMG_QEMU};

/* ---- META ---- */

static void no_metadata_signature(struct img *img)
{
    img_metadata_table(img)[7] = 'x';
}

static void metadata_count(struct img *img, uint16_t count)
{
    put_le16(img_metadata_table(img) + 10, count);
}

static void metadata_2048(struct img *img)
{
    metadata_count(img, 2048);
}

static void metadata_2047(struct img *img)
{
    metadata_count(img, 2047);
}

static void metadata_65535(struct img *img)
{
    metadata_count(img, UINT16_MAX);
}

static void metadata_reserved(struct img *img)
{
    img_metadata_table(img)[8] = 1;
}

static void metadata_reserved2(struct img *img)
{
    img_metadata_table(img)[31] = 1;
}

static void add_entry(struct img *img, const struct guid *id, uint32_t off, uint32_t len, uint32_t flags)
{
    img_metadata_add(img, &(struct metadata_entry){.item_id = *id, .off = off, .len = len, .flags = flags}, NULL);
}

static uint8_t *flags_of(struct img *img, enum known_guid which)
{
    return img_metadata_entry(img, which) + 24;
}

static void entry_flag_8(struct img *img)
{
    put_le32(flags_of(img, KNOWN_ITEM_VIRTUAL_DISK_ID), 0xE);
}

static void entry_reserved2(struct img *img)
{
    put_le32(img_metadata_entry(img, KNOWN_ITEM_VIRTUAL_DISK_ID) + 28, 1);
}

static void item_twice(struct img *img)
{
    add_entry(img, known_guid(KNOWN_ITEM_FILE_PARAMETERS), 0x20000, 8, METADATA_FLAG_IS_REQUIRED);
}

static void item_copy(struct img *img)
{
    add_entry(img, known_guid(KNOWN_ITEM_FILE_PARAMETERS), 0x10000, 8, METADATA_FLAG_IS_REQUIRED);
}

static void same_id_as_user(struct img *img)
{
    add_entry(img, &UNKNOWN, 0x20000, 8, 0);
    add_entry(img, &UNKNOWN, 0x20100, 8, METADATA_FLAG_IS_USER);
}

static void nil_item(struct img *img)
{
    add_entry(img, &(struct guid){{0}}, 0, 0, 0);
}

static void item_in_table(struct img *img)
{
    add_entry(img, &UNKNOWN, 0xFFFF, 1, 0);
}

static void item_behind_table(struct img *img)
{
    add_entry(img, &UNKNOWN, 0x20000, 1, 0);
}

static void standard_item_in_table(struct img *img)
{
    put_le32(img_metadata_entry(img, KNOWN_ITEM_FILE_PARAMETERS) + 16, 0x8000);
}

static void item_past_region(struct img *img)
{
    add_entry(img, &UNKNOWN, 0xFFFF0, 17, 0);
}

static void item_to_region_end(struct img *img)
{
    add_entry(img, &UNKNOWN, 0xFFFF0, 16, 0);
}

static void item_wraps(struct img *img)
{
    add_entry(img, &UNKNOWN, 0xFFFFFFF0, 0x20, 0);
}

static void standard_item_past_region(struct img *img)
{
    put_le32(img_metadata_entry(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE) + 16, 0x100000);
}

static void item_too_long(struct img *img)
{
    add_entry(img, &UNKNOWN, 0x20000, METADATA_ITEM_MAX + 1, 0);
}

static void item_of_1_mib(struct img *img)
{
    add_entry(img, &UNKNOWN, 0x20000, METADATA_ITEM_MAX, 0);
}

static void empty_item_with_place(struct img *img)
{
    add_entry(img, &UNKNOWN, 0x20000, 0, 0);
}

static void empty_item(struct img *img)
{
    add_entry(img, &UNKNOWN, 0, 0, 0);
}

static void item_on_disk_id(struct img *img)
{
    add_entry(img, &UNKNOWN, 0x10027, 4, 0);
}

static void item_behind_disk_id(struct img *img)
{
    add_entry(img, &UNKNOWN, 0x10028, 4, 0);
}

static void two_unknown_items_overlap(struct img *img)
{
    add_entry(img, &UNKNOWN, 0x20000, 16, 0);
    add_entry(img, &UNKNOWN_2, 0x2000F, 16, 0);
}

static void required_user_item(struct img *img)
{
    add_entry(img, known_guid(KNOWN_ITEM_CHS_PARAMETERS), 0, 0, METADATA_FLAG_IS_USER | METADATA_FLAG_IS_REQUIRED);
}

static void add_many(struct img *img, unsigned count, uint32_t off, uint32_t len, uint32_t flags)
{
    struct guid g = UNKNOWN;
    for (unsigned i = 0; i < count; i++) {
        put_le16(g.bytes + 10, (uint16_t)i);
        add_entry(img, &g, off, len, flags);
        off += len;
    }
}

static void user_items_1025(struct img *img)
{
    add_many(img, 1025, 0, 0, METADATA_FLAG_IS_USER);
}

static void user_items_1024(struct img *img)
{
    add_many(img, 1024, 0, 0, METADATA_FLAG_IS_USER);
}

static void system_items_1024(struct img *img)
{
    add_many(img, 1024 - 5, 0, 0, 0);
}

static void system_items_1023(struct img *img)
{
    add_many(img, 1023 - 5, 0, 0, 0);
}

/* Moves the metadata region to the end of the file, with another length. */
static void move_metadata(struct img *img, uint32_t len)
{
    uint8_t bytes[METADATA_TABLE_LEN + 4096];
    uint64_t to = img->size;
    img_resize(img, to + len);
    img_read(img, img->metadata_off, bytes, sizeof(bytes));
    img_fill(img, img->metadata_off, sizeof(bytes), 0);
    img_write(img, to, bytes, sizeof(bytes));
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *e = img_region_find(img, i, KNOWN_REGION_METADATA);
        put_le64(e + 16, to);
        put_le32(e + 24, len);
    }
    img_sign_region_tables(img);
    img->metadata_off = to;
    img->metadata_len = len;
}

static void metadata_129_mib(struct img *img)
{
    move_metadata(img, 129 << 20);
}

static void metadata_128_mib(struct img *img)
{
    move_metadata(img, 128 << 20);
}

static void items_of_41_mib(struct img *img)
{
    move_metadata(img, 48 << 20);
    add_many(img, 41, 0x20000, 1 << 20, METADATA_FLAG_IS_USER);
}

static void items_of_40_mib(struct img *img)
{
    move_metadata(img, 48 << 20);
    add_many(img, 40, 0x20000, 1 << 20, METADATA_FLAG_IS_USER);
}

static void metadata_3_mib(struct img *img)
{
    move_metadata(img, 3 << 20);
}

static void metadata_2_mib(struct img *img)
{
    move_metadata(img, 2 << 20);
}

static void required_item(struct img *img)
{
    add_entry(img, &UNKNOWN, 0x20000, 16, METADATA_FLAG_IS_REQUIRED);
}

static void optional_item(struct img *img)
{
    add_entry(img, &UNKNOWN, 0x20000, 16, 0);
    memcpy(img_bytes(img, img->metadata_off + 0x20000, 16), "0123456789abcdef", 16);
}

static void item_not_required(struct img *img)
{
    put_le32(flags_of(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE), METADATA_FLAG_IS_VIRTUAL_DISK);
}

static void parameters_of_virtual_disk(struct img *img)
{
    put_le32(flags_of(img, KNOWN_ITEM_FILE_PARAMETERS), METADATA_FLAG_IS_VIRTUAL_DISK | METADATA_FLAG_IS_REQUIRED);
}

static void size_not_of_virtual_disk(struct img *img)
{
    put_le32(flags_of(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE), METADATA_FLAG_IS_REQUIRED);
}

static void system_id_as_user(struct img *img)
{
    add_entry(img, known_guid(KNOWN_ITEM_VIRTUAL_DISK_SIZE), 0x20000, 8, METADATA_FLAG_IS_USER);
}

static void no_parameters(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_FILE_PARAMETERS);
}

static void no_disk_size(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
}

static void no_logical_sector(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE);
}

static void no_physical_sector(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE);
}

static void no_disk_id(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_ID);
}

static void item_shorter(struct img *img, enum known_guid which)
{
    uint8_t *len = img_metadata_entry(img, which) + 20;
    put_le32(len, le32(len) - 1);
}

static void short_parameters(struct img *img)
{
    item_shorter(img, KNOWN_ITEM_FILE_PARAMETERS);
}

static void short_disk_size(struct img *img)
{
    item_shorter(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
}

static void short_logical_sector(struct img *img)
{
    item_shorter(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE);
}

static void short_physical_sector(struct img *img)
{
    item_shorter(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE);
}

static void short_disk_id(struct img *img)
{
    item_shorter(img, KNOWN_ITEM_VIRTUAL_DISK_ID);
}

static void nil_disk_id(struct img *img)
{
    memset(img_metadata_item(img, KNOWN_ITEM_VIRTUAL_DISK_ID), 0, VIRTUAL_DISK_ID_LEN);
}

static void incomplete_marker(struct img *img)
{
    add_entry(img, known_guid(KNOWN_ITEM_INCOMPLETE_FILE), 0, 0, METADATA_FLAG_IS_REQUIRED);
}

static void chs_parameters(struct img *img)
{
    static const uint8_t chs[8] = {16, 0, 0, 0, 63, 0, 0, 0};
    struct metadata_entry e = {*known_guid(KNOWN_ITEM_CHS_PARAMETERS), 0x20000, sizeof(chs), 0, 0};
    img_metadata_add(img, &e, chs);
}

static void pmem_labels(struct img *img)
{
    static const uint8_t label[28] = {1, 0, 0, 0, 0xAA, [20] = 28, [24] = 0};
    struct metadata_entry e = {*known_guid(KNOWN_ITEM_PMEM_LABEL_STORAGE), 0x20000, sizeof(label), 0, 0};
    img_metadata_add(img, &e, label);
}

static void set_block_size(struct img *img, uint32_t size)
{
    put_le32(img_metadata_item(img, KNOWN_ITEM_FILE_PARAMETERS), size);
}

static void block_size_0(struct img *img)
{
    set_block_size(img, 0);
}

static void block_size_3_mib(struct img *img)
{
    set_block_size(img, 3 << 20);
}

static void block_size_512_kib(struct img *img)
{
    set_block_size(img, 512 << 10);
}

static void block_size_512_mib(struct img *img)
{
    set_block_size(img, 512 << 20);
}

static void block_size_1_mib(struct img *img)
{
    set_block_size(img, 1 << 20);
}

static void set_parameter_flags(struct img *img, uint32_t flags)
{
    put_le32(img_metadata_item(img, KNOWN_ITEM_FILE_PARAMETERS) + 4, flags);
}

static void parameters_reserved(struct img *img)
{
    set_parameter_flags(img, 4);
}

static void fixed_child(struct img *img)
{
    set_parameter_flags(img, FILE_PARAMETERS_LEAVE_BLOCK_ALLOCATED | FILE_PARAMETERS_HAS_PARENT);
}

static void set_disk_size(struct img *img, uint64_t size)
{
    put_le64(img_metadata_item(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE), size);
}

static void disk_size_0(struct img *img)
{
    set_disk_size(img, 0);
}

static void disk_size_1_sector(struct img *img)
{
    set_disk_size(img, 512);
}

static void disk_size_above_64_tib(struct img *img)
{
    set_disk_size(img, VIRTUAL_SIZE_MAX + 512);
}

static void disk_size_max(struct img *img)
{
    set_disk_size(img, UINT64_MAX - 511);
}

static void disk_size_64_tib(struct img *img)
{
    set_disk_size(img, VIRTUAL_SIZE_MAX);
}

static void disk_size_odd(struct img *img)
{
    set_disk_size(img, 20 * MIB - 1);
}

static void disk_size_a_sector_less(struct img *img)
{
    set_disk_size(img, 20 * MIB - 512);
}

static void set_sector(struct img *img, enum known_guid which, uint32_t size)
{
    put_le32(img_metadata_item(img, which), size);
}

static void logical_sector_0(struct img *img)
{
    set_sector(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE, 0);
}

static void logical_sector_520(struct img *img)
{
    set_sector(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE, 520);
}

static void logical_sector_4096(struct img *img)
{
    set_sector(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE, 4096);
}

static void physical_sector_520(struct img *img)
{
    set_sector(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 520);
}

static void physical_sector_512(struct img *img)
{
    set_sector(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 512);
}

static const struct img_params SECTORS_4096 = {.logical_sector_size = 4096};
static const struct img_params CHILD = {.type = IMG_DIFFERENCING};
static const struct img_params CHILD_WHOLE = {.type = IMG_DIFFERENCING, .states = "6...."};
static const struct img_params WINDOWS = {.windows_traces = true};

static void no_locator(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_PARENT_LOCATOR);
}

static void no_has_parent(struct img *img)
{
    set_parameter_flags(img, 0);
}

static void byte_between_items(struct img *img)
{
    img_bytes(img, img->metadata_off + img->metadata_len - 1, 1)[0] = 1;
}

static void byte_behind_item(struct img *img)
{
    img_bytes(img, img->metadata_off + 0x10028, 1)[0] = 1;
}

static void block_behind_end(struct img *img)
{
    img_resize(img, img->size + 2 * MIB);
    img_bat_set(img, 10, bat_entry_make(img->size - 2 * MIB, PAYLOAD_FULLY_PRESENT));
}

static void user_item(struct img *img)
{
    add_entry(img, &UNKNOWN, 0x20000, 16, METADATA_FLAG_IS_USER);
}

static void long_disk_id(struct img *img)
{
    put_le32(img_metadata_entry(img, KNOWN_ITEM_VIRTUAL_DISK_ID) + 20, VIRTUAL_DISK_ID_LEN + 1);
}

/* ---- PLOC ---- */

static uint8_t *locator(struct img *img)
{
    return img_metadata_item(img, KNOWN_ITEM_PARENT_LOCATOR);
}

/* Entry of pair i: KeyOffset 0, ValueOffset 4, KeyLength 8, ValueLength 10. The default child has five. */
static uint8_t *pair(struct img *img, unsigned i)
{
    return locator(img) + LOCATOR_HEADER_LEN + LOCATOR_ENTRY_LEN * (size_t)i;
}

enum { LINKAGE, ABSOLUTE, RELATIVE, VOLUME, LINKAGE2 }; /* as Hyper-V orders them */

static void locator_19_bytes(struct img *img)
{
    put_le32(img_metadata_entry(img, KNOWN_ITEM_PARENT_LOCATOR) + 20, 19);
}

static void locator_too_many(struct img *img)
{
    put_le16(locator(img) + 18, 1000);
}

static void locator_type(struct img *img)
{
    locator(img)[0] ^= 1;
}

static void locator_reserved(struct img *img)
{
    put_le16(locator(img) + 16, 1);
}

static void locator_no_pairs(struct img *img)
{
    put_le16(locator(img) + 18, 0);
}

#define A_GUID "{01234567-89ab-4cde-8f01-23456789abcd}"
#define VOLUME_PATH "\\\\?\\Volume{6f3d4c58-2b1a-4e90-8d7c-0a1b2c3d4e5f}\\vm\\parent.vhdx"

static void locator_of(struct img *img, const struct locator_string *pairs, size_t count)
{
    img_set_locator(img, pairs, (uint16_t)count);
}

#define LOCATOR(img, ...)                                                                                              \
    do {                                                                                                               \
        const struct locator_string pairs[] = {__VA_ARGS__};                                                           \
        locator_of(img, pairs, sizeof(pairs) / sizeof(pairs[0]));                                                      \
    } while (0)

static void many_pairs(struct img *img, unsigned count)
{
    static struct locator_string pairs[300];
    static char keys[300][8];
    pairs[0] = (struct locator_string){"parent_linkage", A_GUID};
    pairs[1] = (struct locator_string){"relative_path", "parent.vhdx"};
    for (unsigned i = 2; i < count; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "k%u", i);
        pairs[i] = (struct locator_string){keys[i], "v"};
    }
    locator_of(img, pairs, count);
}

static void locator_257(struct img *img)
{
    many_pairs(img, 257);
}

static void locator_256(struct img *img)
{
    many_pairs(img, 256);
}

static void key_past_item(struct img *img)
{
    put_le32(pair(img, LINKAGE), 0xFFFFFFF0);
}

static void value_past_item(struct img *img)
{
    put_le32(pair(img, VOLUME) + 4, le32(pair(img, VOLUME) + 4) + 0x10000);
}

static void value_at_0(struct img *img)
{
    put_le32(pair(img, RELATIVE) + 4, 0);
}

static void value_in_table(struct img *img)
{
    put_le32(pair(img, LINKAGE) + 4, 18);
}

static void value_empty(struct img *img)
{
    put_le16(pair(img, LINKAGE) + 10, 0);
}

static void value_len_odd(struct img *img)
{
    put_le16(pair(img, LINKAGE) + 10, 75);
}

static void value_off_odd(struct img *img)
{
    uint8_t *p = pair(img, RELATIVE);
    put_le32(p + 4, le32(p + 4) + 1);
    put_le16(p + 10, (uint16_t)(le16(p + 10) - 2));
}

static void value_char(struct img *img, unsigned which, unsigned i, uint16_t unit)
{
    put_le16(locator(img) + le32(pair(img, which) + 4) + 2 * (size_t)i, unit);
}

static void value_nul(struct img *img)
{
    value_char(img, RELATIVE, 3, 0);
}

static void linkage_nul(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID "x"}, {"relative_path", "parent.vhdx"});
    value_char(img, 0, sizeof(A_GUID) - 1, 0);
}

static void value_surrogate(struct img *img)
{
    value_char(img, RELATIVE, 3, 0xDC00);
}

static void key_twice(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "a.vhdx"}, {"relative_path", "b.vhdx"});
}

static void key_twice_same(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "a.vhdx"}, {"relative_path", "a.vhdx"});
}

static void no_linkage(struct img *img)
{
    LOCATOR(img, {"relative_path", "parent.vhdx"});
}

static void linkage_no_guid(struct img *img)
{
    LOCATOR(img, {"parent_linkage", "{01234567-89ab-4cde-8f01-23456789abc}"}, {"relative_path", "parent.vhdx"});
}

static void linkage_nil(struct img *img)
{
    LOCATOR(img, {"parent_linkage", "{00000000-0000-0000-0000-000000000000}"}, {"relative_path", "parent.vhdx"});
}

static void linkage2_set(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"parent_linkage2", A_GUID}, {"relative_path", "parent.vhdx"});
}

static void no_paths(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID});
}

static void plain_locator(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "parent.vhdx"});
}

static void absolute_verbatim(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"absolute_win32_path", "\\\\?\\C:\\vm\\parent.vhdx"});
}

static void relative_with_drive(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "C:\\vm\\parent.vhdx"});
}

static void relative_rooted(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "/etc/parent.vhdx"});
}

static void relative_upwards(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "..\\parent.vhdx"});
}

static void volume_without_guid(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"volume_path", "\\\\?\\Volume{1}\\parent.vhdx"});
}

static void volume_right(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"volume_path", VOLUME_PATH});
}

static void unknown_key(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "parent.vhdx"}, {"note", "\x1b[31mred"});
}

static void other_file_name(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "parent2.vhdx"}, {"volume_path", VOLUME_PATH});
}

static void same_file_name(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "..\\PARENT.vhdx"}, {"volume_path", VOLUME_PATH});
}

static void path_to_device(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"absolute_win32_path", "\\\\.\\PhysicalDrive0"});
}

static void path_to_global_root(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"absolute_win32_path", "\\\\?\\GLOBALROOT\\Device\\parent.vhdx"});
}

static void path_reserved_name(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "vm\\nul.vhdx"});
}

static void path_nearly_reserved(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "vm\\null.vhdx"});
}

static void path_stream(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "parent.vhdx:hidden"});
}

static void path_to_host(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"absolute_win32_path", "\\\\?\\UNC\\server\\share\\parent.vhdx"});
}

static void strings_overlap(struct img *img)
{
    memcpy(pair(img, LINKAGE2) + 4, pair(img, LINKAGE) + 4, 4);
    memcpy(pair(img, LINKAGE2) + 10, pair(img, LINKAGE) + 10, 2);
}

static void bytes_behind_strings(struct img *img)
{
    uint8_t item[512] = {0};
    const struct locator_string pairs[] = {{"parent_linkage", A_GUID}, {"relative_path", "parent.vhdx"}};
    uint32_t len = parent_locator_encode(known_guid(KNOWN_LOCATOR_TYPE_VHDX), pairs, 2, item, sizeof(item));
    assert(len && len + 8 <= sizeof(item));
    item[len + 5] = 1;
    img_set_locator_bytes(img, item, len + 8);
}

static void key_other_case(struct img *img)
{
    LOCATOR(img, {"parent_linkage", A_GUID}, {"relative_path", "parent.vhdx"}, {"Volume_Path", VOLUME_PATH});
}

static void linkage_upper_case(struct img *img)
{
    LOCATOR(img, {"parent_linkage", "{01234567-89AB-4CDE-8F01-23456789ABCD}"}, {"relative_path", "parent.vhdx"});
}

static void linkage_no_braces(struct img *img)
{
    LOCATOR(img, {"parent_linkage", "01234567-89ab-4cde-8f01-23456789abcd"}, {"relative_path", "parent.vhdx"});
}

#define E SEVERITY_ERROR
#define W SEVERITY_WARNING
#define I SEVERITY_INFO

static const struct test_case cases[] = {
    {"meta-signature", "VHDX-META-001", E, .verdict = "unreadable", .mutate = no_metadata_signature},
    {"meta-2048-entries", "VHDX-META-002", E, .mutate = metadata_2048, .inside = metadata_2047,
     .guard_also = "VHDX-META-006 VHDX-META-014"},
    {"meta-65535-entries", "VHDX-META-002", E, .mutate = metadata_65535},
    {"meta-65535-entries-of-windows", "VHDX-META-002", E, .params = &WINDOWS, .mutate = metadata_65535},
    {"meta-table-reserved", "VHDX-META-003", W, .mutate = metadata_reserved},
    {"meta-table-reserved2", "VHDX-META-003", W, .mutate = metadata_reserved2},
    {"meta-entry-flag", "VHDX-META-004", W, .mutate = entry_flag_8},
    {"meta-entry-reserved2", "VHDX-META-004", W, .mutate = entry_reserved2},
    {"meta-item-twice", "VHDX-META-005", E, .mutate = item_twice, .inside = same_id_as_user},
    {"meta-item-copy", "VHDX-META-005", E, .mutate = item_copy},
    {"meta-nil-id", "VHDX-META-006", W, .mutate = nil_item, .inside = metadata_2048, .guard_also = "VHDX-META-002"},
    {"meta-item-in-table", "VHDX-META-007", E, .mutate = item_in_table, .inside = item_behind_table},
    {"meta-standard-item-in-table", "VHDX-META-007", E, .mutate = standard_item_in_table},
    {"meta-item-past-region", "VHDX-META-008", E, .mutate = item_past_region, .inside = item_to_region_end},
    {"meta-item-wraps-32-bits", "VHDX-META-008", E, .mutate = item_wraps},
    {"meta-standard-item-past-region", "VHDX-META-008", E, .mutate = standard_item_past_region},
    {"meta-item-too-long", "VHDX-META-009", E, .mutate = item_too_long, .inside = item_of_1_mib,
     .guard_also = "VHDX-META-008"},
    {"meta-empty-item-with-place", "VHDX-META-010", W, .mutate = empty_item_with_place, .inside = empty_item},
    {"meta-items-overlap", "VHDX-META-011", E, .mutate = item_on_disk_id, .inside = item_behind_disk_id},
    {"meta-unknown-items-overlap", "VHDX-META-011", W, .mutate = two_unknown_items_overlap,
     .inside = item_behind_disk_id},
    {"meta-user-required", "VHDX-META-012", W, .mutate = required_user_item, .inside = user_item,
     .also = "VHDX-META-019"},
    {"meta-1025-user-items", "VHDX-META-013", E, .mutate = user_items_1025, .inside = user_items_1024},
    {"meta-1024-system-items", "VHDX-META-014", W, .mutate = system_items_1024, .inside = system_items_1023},
    {"meta-region-of-129-mib", "VHDX-META-014", W, .mutate = metadata_129_mib, .inside = metadata_128_mib},
    {"meta-41-mib-of-items", "VHDX-META-014", W, .mutate = items_of_41_mib, .inside = items_of_40_mib},
    {"meta-unknown-required", "VHDX-META-015", E, .mutate = required_item, .inside = optional_item},
    {"meta-unknown-optional", "VHDX-META-016", I, .mutate = optional_item, .inside = chs_parameters},
    {"meta-not-required", "VHDX-META-017", W, .mutate = item_not_required},
    {"meta-parameters-of-disk", "VHDX-META-018", W, .mutate = parameters_of_virtual_disk},
    {"meta-size-not-of-disk", "VHDX-META-018", W, .mutate = size_not_of_virtual_disk},
    {"meta-system-id-as-user", "VHDX-META-019", W, .mutate = system_id_as_user, .inside = user_item},
    {"meta-no-parameters", "VHDX-META-020", E, .mutate = no_parameters},
    {"meta-short-parameters", "VHDX-META-020", E, .mutate = short_parameters},
    {"meta-no-disk-size", "VHDX-META-021", E, .mutate = no_disk_size},
    {"meta-short-disk-size", "VHDX-META-021", E, .mutate = short_disk_size},
    {"meta-no-logical-sector", "VHDX-META-022", E, .mutate = no_logical_sector},
    {"meta-short-logical-sector", "VHDX-META-022", E, .mutate = short_logical_sector},
    {"meta-no-physical-sector", "VHDX-META-023", E, .mutate = no_physical_sector},
    {"meta-short-physical-sector", "VHDX-META-023", E, .mutate = short_physical_sector},
    {"meta-no-disk-id", "VHDX-META-024", E, .mutate = no_disk_id},
    {"meta-short-disk-id", "VHDX-META-024", E, .mutate = short_disk_id},
    {"meta-nil-disk-id", "VHDX-META-025", W, .mutate = nil_disk_id},
    {"meta-incomplete", "VHDX-META-026", E, .mutate = incomplete_marker},
    {"meta-chs", "VHDX-META-027", I, .mutate = chs_parameters, .inside = optional_item},
    {"meta-pmem", "VHDX-META-027", I, .mutate = pmem_labels},
    {"meta-block-size-0", "VHDX-META-028", E, .mutate = block_size_0, .inside = block_size_1_mib},
    {"meta-block-size-3-mib", "VHDX-META-028", E, .mutate = block_size_3_mib},
    {"meta-block-size-512-kib", "VHDX-META-028", E, .mutate = block_size_512_kib},
    {"meta-block-size-512-mib", "VHDX-META-028", E, .mutate = block_size_512_mib},
    {"meta-parameters-reserved", "VHDX-META-029", W, .mutate = parameters_reserved},
    {"meta-fixed-child", "VHDX-META-030", I, .params = &CHILD, .mutate = fixed_child},
    {"meta-disk-size-0", "VHDX-META-031", E, .mutate = disk_size_0, .inside = disk_size_1_sector,
     .guard_also = "VHDX-BAT-021 VHDX-META-043"},
    {"meta-disk-size-above-64-tib", "VHDX-META-032", E, .mutate = disk_size_above_64_tib, .inside = disk_size_64_tib,
     .guard_also = "VHDX-BAT-001"},
    {"meta-disk-size-max", "VHDX-META-032", E, .mutate = disk_size_max},
    {"meta-disk-size-odd", "VHDX-META-033", E, .mutate = disk_size_odd, .inside = disk_size_a_sector_less},
    {"meta-logical-sector-0", "VHDX-META-034", E, .mutate = logical_sector_0, .inside = logical_sector_4096},
    {"meta-logical-sector-520", "VHDX-META-034", E, .mutate = logical_sector_520},
    {"meta-physical-sector-520", "VHDX-META-035", E, .mutate = physical_sector_520, .inside = physical_sector_512},
    {"meta-physical-below-logical", "VHDX-META-036", I, .params = &SECTORS_4096, .mutate = physical_sector_512},
    {"meta-no-locator", "VHDX-META-038", E, .params = &CHILD, .mutate = no_locator},
    {"meta-locator-without-parent", "VHDX-META-039", W, .params = &CHILD_WHOLE, .mutate = no_has_parent},
    {"meta-stale-entry", "VHDX-META-040", I, .params = &WINDOWS, .guard_params = &QEMU},
    {"meta-byte-at-region-end", "VHDX-META-041", I, .mutate = byte_between_items, .inside = item_behind_disk_id},
    {"meta-byte-behind-item", "VHDX-META-041", I, .mutate = byte_behind_item},
    {"meta-region-oversized", "VHDX-META-042", I, .mutate = metadata_3_mib, .inside = metadata_2_mib},
    {"meta-bat-behind-end", "VHDX-META-043", W, .mutate = block_behind_end, .also = "VHDX-BAT-021"},
    {"meta-user-item", "VHDX-META-044", I, .mutate = user_item, .inside = optional_item},
    {"meta-long-item", "VHDX-META-045", W, .mutate = long_disk_id},

    {"ploc-19-bytes", "VHDX-PLOC-001", E, .params = &CHILD, .mutate = locator_19_bytes},
    {"ploc-table-cut", "VHDX-PLOC-001", E, .params = &CHILD, .mutate = locator_too_many},
    {"ploc-type", "VHDX-PLOC-002", E, .params = &CHILD, .mutate = locator_type},
    {"ploc-reserved", "VHDX-PLOC-003", W, .params = &CHILD, .mutate = locator_reserved},
    {"ploc-no-pairs", "VHDX-PLOC-004", E, .params = &CHILD, .mutate = locator_no_pairs},
    {"ploc-257-pairs", "VHDX-PLOC-004", W, .params = &CHILD, .mutate = locator_257, .inside = locator_256},
    {"ploc-key-past-item", "VHDX-PLOC-005", E, .params = &CHILD, .mutate = key_past_item},
    {"ploc-value-past-item", "VHDX-PLOC-005", E, .params = &CHILD, .mutate = value_past_item},
    {"ploc-value-at-0", "VHDX-PLOC-005", E, .params = &CHILD, .mutate = value_at_0},
    {"ploc-value-in-table", "VHDX-PLOC-005", E, .params = &CHILD, .mutate = value_in_table},
    {"ploc-value-empty", "VHDX-PLOC-005", E, .params = &CHILD, .mutate = value_empty},
    {"ploc-odd-length", "VHDX-PLOC-006", E, .params = &CHILD, .mutate = value_len_odd, .inside = value_off_odd,
     .guard_also = "VHDX-PLOC-006"},
    {"ploc-odd-offset", "VHDX-PLOC-006", W, .params = &CHILD, .mutate = value_off_odd},
    {"ploc-nul", "VHDX-PLOC-007", W, .params = &CHILD, .mutate = value_nul},
    {"ploc-linkage-with-nul", "VHDX-PLOC-007", W, .params = &CHILD, .mutate = linkage_nul},
    {"ploc-surrogate", "VHDX-PLOC-007", W, .params = &CHILD, .mutate = value_surrogate},
    {"ploc-key-twice", "VHDX-PLOC-008", E, .params = &CHILD, .mutate = key_twice, .inside = key_twice_same,
     .guard_also = "VHDX-PLOC-008"},
    {"ploc-key-twice-same", "VHDX-PLOC-008", W, .params = &CHILD, .mutate = key_twice_same},
    {"ploc-no-linkage", "VHDX-PLOC-009", E, .params = &CHILD, .mutate = no_linkage, .inside = plain_locator},
    {"ploc-linkage-no-guid", "VHDX-PLOC-010", E, .params = &CHILD, .mutate = linkage_no_guid, .inside = plain_locator},
    {"ploc-linkage-nil", "VHDX-PLOC-011", W, .params = &CHILD, .mutate = linkage_nil, .inside = plain_locator},
    {"ploc-linkage2-nil", "VHDX-PLOC-012", I, .params = &CHILD, .inside = plain_locator},
    {"ploc-linkage2", "VHDX-PLOC-012", W, .params = &CHILD, .mutate = linkage2_set},
    {"ploc-no-path", "VHDX-PLOC-013", W, .params = &CHILD, .mutate = no_paths, .inside = plain_locator},
    {"ploc-absolute-plain", "VHDX-PLOC-014", I, .params = &CHILD, .inside = absolute_verbatim},
    {"ploc-relative-with-drive", "VHDX-PLOC-015", W, .params = &CHILD, .mutate = relative_with_drive,
     .inside = relative_upwards},
    {"ploc-relative-rooted", "VHDX-PLOC-015", W, .params = &CHILD, .mutate = relative_rooted},
    {"ploc-volume-without-guid", "VHDX-PLOC-015", W, .params = &CHILD, .mutate = volume_without_guid,
     .inside = volume_right, .also = "VHDX-PLOC-018"},
    {"ploc-unknown-key", "VHDX-PLOC-016", I, .params = &CHILD, .mutate = unknown_key},
    {"ploc-other-file-name", "VHDX-PLOC-017", I, .params = &CHILD, .mutate = other_file_name, .inside = same_file_name},
    {"ploc-device", "VHDX-PLOC-018", W, .params = &CHILD, .mutate = path_to_device, .inside = path_to_host},
    {"ploc-global-root", "VHDX-PLOC-018", W, .params = &CHILD, .mutate = path_to_global_root},
    {"ploc-reserved-name", "VHDX-PLOC-018", W, .params = &CHILD, .mutate = path_reserved_name,
     .inside = path_nearly_reserved},
    {"ploc-stream", "VHDX-PLOC-018", W, .params = &CHILD, .mutate = path_stream},
    {"ploc-host", "VHDX-PLOC-018", I, .params = &CHILD, .mutate = path_to_host, .inside = plain_locator},
    {"ploc-upwards", "VHDX-PLOC-018", I, .params = &CHILD, .mutate = relative_upwards, .inside = plain_locator},
    {"ploc-strings-overlap", "VHDX-PLOC-019", I, .params = &CHILD, .mutate = strings_overlap, .also = "VHDX-PLOC-012"},
    {"ploc-bytes-behind-strings", "VHDX-PLOC-019", I, .params = &CHILD, .mutate = bytes_behind_strings},
    {"ploc-key-other-case", "VHDX-PLOC-020", I, .params = &CHILD, .mutate = key_other_case, .inside = unknown_key},
    {"ploc-linkage-upper-case", "VHDX-PLOC-021", I, .params = &CHILD, .mutate = linkage_upper_case},
    {"ploc-linkage-no-braces", "VHDX-PLOC-021", I, .params = &CHILD, .mutate = linkage_no_braces},
};

const struct case_table metadata_cases = {
    .name = "metadata", .cases = cases, .count = sizeof(cases) / sizeof(cases[0])};
