/* SPDX-License-Identifier: MIT */
/*
 * Cases of the container's rules: file, identifier, headers, region tables, metadata, parent locator. Each function
 * below makes one fault; the table at the end says which rule must find it.
 */
#include "cases.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/le.h"
#include "base/span.h"
#include "format/metadata.h"

static const struct guid UNKNOWN = {{0xC0, 0xFF, 0xEE, 0, 0x11, 0x22, 0x33, 0x44, 0x85, 1, 2, 3, 4, 5, 6, 7}};
static const struct guid UNKNOWN_2 = {{0xC0, 0xFF, 0xEF, 0, 0x11, 0x22, 0x33, 0x44, 0x85, 1, 2, 3, 4, 5, 6, 8}};

static const struct img_params WINDOWS = {.windows_traces = true};
static const struct img_params CHILD = {.type = IMG_DIFFERENCING};

/* ---- FILE ---- */

static void cut_in_header_section(struct img *img)
{
    img_resize(img, HEADER_SECTION_LEN - 1);
}

static void cut_behind_header_section(struct img *img)
{
    img_resize(img, HEADER_SECTION_LEN);
}

static void cut_to_nothing(struct img *img)
{
    img_resize(img, 0);
}

static void append_sector(struct img *img)
{
    img_resize(img, img->size + 512);
}

static void append_mib(struct img *img)
{
    img_resize(img, img->size + MIB);
}

static void append_mib_of_bytes(struct img *img)
{
    append_mib(img);
    img_fill(img, img->size - 4096, 100, 0x5A);
}

static const struct img_params ANCHOR_AT_END = {.states = "6.U"};

static void cut_block(struct img *img)
{
    img_resize(img, img->size - 2 * MIB);
}

static const struct img_params FIXED_EMPTY = {.type = IMG_FIXED, .states = "0000000000"};

static void cut_fixed(struct img *img)
{
    img_resize(img, img->payload_off + 9 * MIB);
}

static void room_for_fixed(struct img *img)
{
    img_resize(img, img->payload_off + 20 * MIB);
}

static void vhd_footer(struct img *img)
{
    append_sector(img);
    img_write(img, img->size - 512, "conectix", 8);
}

static void vhd_footer_elsewhere(struct img *img)
{
    append_sector(img);
    img_write(img, img->size - 504, "conectix", 8);
}

static void host_changed(struct image *image)
{
    image->host.changed = true;
    image->host.info_after = image->host.info;
}

static void grew(struct image *image)
{
    host_changed(image);
    image->host.info_after.size += MIB;
}

static void written(struct image *image)
{
    host_changed(image);
    image->host.info_after.mtime_sec++;
}

static void replaced(struct image *image)
{
    host_changed(image);
    image->host.info_after.inode++;
}

static void file_grew(struct scene *s)
{
    s->restat = grew;
}

static void file_written(struct scene *s)
{
    s->restat = written;
}

static void file_replaced(struct scene *s)
{
    s->restat = replaced;
}

static void symbolic_link(struct scene *s)
{
    s->host.info.symlink = true;
}

static void block_device(struct scene *s)
{
    s->host.info.kind = FILE_KIND_BLOCK;
}

static void from_pipe(struct scene *s)
{
    s->host.info.kind = FILE_KIND_PIPE;
}

static void allocated_less(struct scene *s, uint64_t less)
{
    s->host.info.size = s->img->size;
    s->host.info.allocated_bytes = s->img->size - less;
    s->host_given = true;
}

static void sparse(struct scene *s)
{
    allocated_less(s, 1);
}

static void unreadable(struct scene *s, uint64_t off, uint64_t len)
{
    s->bad_off = off;
    s->bad_len = len;
}

static void unreadable_id(struct scene *s)
{
    unreadable(s, FILE_ID_OFF, 1);
}

static void unreadable_header(struct scene *s)
{
    unreadable(s, HEADER_OFF[0], 1);
}

static void unreadable_headers(struct scene *s)
{
    unreadable(s, HEADER_OFF[0], 0x20000);
}

static void unreadable_region_table(struct scene *s)
{
    unreadable(s, REGION_TABLE_OFF[0], 1);
}

static void unreadable_region_tables(struct scene *s)
{
    unreadable(s, REGION_TABLE_OFF[0], 0x20000);
}

static void unreadable_log(struct scene *s)
{
    unreadable(s, s->img->log_off, 1);
}

static void unreadable_metadata(struct scene *s)
{
    unreadable(s, s->img->metadata_off, 1);
}

static void unreadable_bat(struct scene *s)
{
    unreadable(s, s->img->bat_off, 1);
}

static void size_2_63(struct scene *s)
{
    s->claimed_size = (uint64_t)1 << 63;
}

static void many_user_items(struct img *img)
{
    struct metadata_entry e = {.item_id = UNKNOWN, .flags = METADATA_FLAG_IS_USER};
    for (unsigned i = 0; i < METADATA_USER_ENTRIES_MAX; i++) {
        put_le16(e.item_id.bytes + 10, (uint16_t)i);
        img_metadata_add(img, &e, NULL);
    }
}

/* Enough to open a disk with 1024 user items, too little to check it. */
static void little_memory(struct scene *s)
{
    s->memory = 320 << 10;
}

static void named_avhdx(struct scene *s)
{
    s->path = "disk.avhdx";
}

static void named_vhdx_in_vhd(struct scene *s)
{
    s->path = "a.vhd/b.VHDX";
}

static void named_vhdx(struct scene *s)
{
    s->path = "disk.vhdx";
}

static void named_vhd(struct scene *s)
{
    s->path = "disk.Vhd";
}

static void not_named(struct scene *s)
{
    s->path = ".vhd";
}

static void named_rct(struct scene *s)
{
    s->path = "disk.vhdx.rct";
}

/* ---- FID ---- */

static void other_signature(struct img *img)
{
    img_bytes(img, 0, 1)[0] = 'x';
}

static void qcow2_signature(struct img *img)
{
    memcpy(img_bytes(img, 0, 8), "QFI\xfb\0\0\0\3", 8);
}

static void creator_control(struct img *img)
{
    put_le16(img_bytes(img, FILE_ID_CREATOR_OFF, 2), 0x1B);
}

static void creator_surrogate(struct img *img)
{
    put_le16(img_bytes(img, FILE_ID_CREATOR_OFF + 4, 2), 0xD800);
}

static void creator_pair(struct img *img)
{
    put_le16(img_bytes(img, FILE_ID_CREATOR_OFF + 4, 2), 0xD83D);
    put_le16(img_bytes(img, FILE_ID_CREATOR_OFF + 6, 2), 0xDE00);
}

static void creator_residue(struct img *img)
{
    img_bytes(img, FILE_ID_RESERVED_OFF - 1, 1)[0] = 1;
}

static void id_residue(struct img *img)
{
    img_bytes(img, FILE_ID_RESERVED_OFF, 1)[0] = 1;
}

static void creator_unterminated(struct img *img)
{
    for (unsigned i = 0; i < FILE_ID_CREATOR_LEN; i += 2)
        put_le16(img_bytes(img, FILE_ID_CREATOR_OFF + i, 2), 'c');
}

static void creator_255_units(struct img *img)
{
    creator_unterminated(img);
    put_le16(img_bytes(img, FILE_ID_RESERVED_OFF - 2, 2), 0);
}

static const struct img_params NO_CREATOR = {.creator = ""};
static const struct img_params DIGIT_IN_A_WORD = {.creator = "Q4 tool 5.2"};
static const struct img_params CREATOR_LIES = {.creator = "QEMU v7.2.22"};
static const struct img_params QEMU = {.layout = IMG_QEMU};

/* ---- HDR ---- */

static void header_16(struct img *img, unsigned slot, unsigned off, uint16_t v)
{
    put_le16(img_header(img, slot) + off, v);
    img_sign_header(img, slot);
}

static void header_32(struct img *img, unsigned slot, unsigned off, uint32_t v)
{
    put_le32(img_header(img, slot) + off, v);
    img_sign_header(img, slot);
}

static void headers_log(struct img *img, uint64_t off, uint32_t len)
{
    for (unsigned i = 0; i < 2; i++) {
        put_le64(img_header(img, i) + IMG_HEADER_LOG_OFF, off);
        put_le32(img_header(img, i) + IMG_HEADER_LOG_LEN, len);
    }
    img_sign_headers(img);
}

static void header_no_signature(struct img *img)
{
    memset(img_header(img, 0), 0, 4);
    img_sign_header(img, 0);
}

static void header_crc(struct img *img)
{
    img_header(img, 1)[100] ^= 1;
}

static void older_header_crc(struct img *img)
{
    img_header(img, 0)[4095] ^= 1;
}

static void both_headers_crc(struct img *img)
{
    header_crc(img);
    older_header_crc(img);
}

static void version_2(struct img *img)
{
    header_16(img, 0, IMG_HEADER_VERSION, 2);
    header_16(img, 1, IMG_HEADER_VERSION, 2);
}

static void log_version_1(struct img *img)
{
    header_16(img, 0, IMG_HEADER_LOG_VERSION, 1);
    header_16(img, 1, IMG_HEADER_LOG_VERSION, 1);
}

static void log_version_1_live(struct img *img)
{
    img_make_dirty_bat(img, 1, bat_entry_make(0, PAYLOAD_ZERO));
    log_version_1(img);
}

static void same_sequence(struct img *img)
{
    put_le64(img_header(img, 0) + IMG_HEADER_SEQUENCE, 2);
}

static void same_sequence_other_guid(struct img *img)
{
    same_sequence(img);
    img_header(img, 0)[IMG_HEADER_DATA_WRITE_GUID] ^= 1;
    img_sign_headers(img);
}

static void identical_headers(struct img *img)
{
    same_sequence(img);
    img_sign_headers(img);
}

static void same_sequence_other_reserved(struct img *img)
{
    same_sequence(img);
    img_header(img, 0)[IMG_HEADER_RESERVED + 7] = 1;
    img_sign_headers(img);
}

static const struct img_params SEQUENCE_GAP = {.sequence_number = {5, 3}};
static const struct img_params SEQUENCE_STEP = {.sequence_number = {4, 3}};
static const struct img_params SEQUENCE_LAST = {.sequence_number = {UINT64_MAX - 1, UINT64_MAX}};
static const struct img_params SEQUENCE_NEARLY_LAST = {.sequence_number = {UINT64_MAX - 2, UINT64_MAX - 1}};

static void header_reserved(struct img *img)
{
    img_header(img, 1)[4095] = 1;
    img_sign_header(img, 1);
}

static void behind_header(struct img *img)
{
    img_bytes(img, HEADER_OFF[0] + HEADER_LEN, 1)[0] = 1;
}

static void before_next_header(struct img *img)
{
    img_bytes(img, HEADER_OFF[1] + HEADER_SECTION_SLOT_LEN - 1, 1)[0] = 1;
}

static const struct img_params LOG_2_MIB = {.log_len = (uint64_t)2 << 20};
static const struct img_params LOG_AT_END = {.log_off = (uint64_t)40 << 20};

static void log_len_odd(struct img *img)
{
    headers_log(img, img->log_off, 0x180000);
}

static void log_len_shorter(struct img *img)
{
    headers_log(img, img->log_off, 0x100000);
}

static void log_off_odd(struct img *img)
{
    headers_log(img, img->log_off + 4096, 0x100000);
}

static void log_off_later(struct img *img)
{
    headers_log(img, img->log_off + MIB, 0x100000);
}

static void log_at_0(struct img *img)
{
    headers_log(img, 0, 0x100000);
}

static void log_past_end(struct img *img)
{
    headers_log(img, img->size, 0x100000);
}

static void log_wraps(struct img *img)
{
    headers_log(img, UINT64_MAX - MIB + 1, 0x200000);
}

static void log_cut(struct img *img)
{
    img_resize(img, img->size - 1);
}

static void no_log(struct img *img)
{
    headers_log(img, img->log_off, 0);
}

static void no_log_live(struct img *img)
{
    struct guid g = img_guid(IMG_WINDOWS, 'L', 7);
    no_log(img);
    img_set_log_guid(img, &g);
}

static const struct img_params LOG_HUGE = {.log_len = ((uint64_t)1 << 30) + ((uint64_t)1 << 20)};
static const struct img_params LOG_1_GIB = {.log_len = (uint64_t)1 << 30};

static void nil_file_write_guid(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        memset(img_header(img, i) + IMG_HEADER_FILE_WRITE_GUID, 0, 16);
    img_sign_headers(img);
}

static void nil_data_write_guid(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        memset(img_header(img, i) + IMG_HEADER_DATA_WRITE_GUID, 0, 16);
    img_sign_headers(img);
}

static void other_data_write_guid(struct img *img)
{
    img_header(img, 0)[IMG_HEADER_DATA_WRITE_GUID] ^= 1;
    img_sign_header(img, 0);
}

static void older_log_guid(struct img *img)
{
    struct guid g = img_guid(IMG_WINDOWS, 'L', 7);
    guid_store(img_header(img, 0) + IMG_HEADER_LOG_GUID, &g);
    img_sign_header(img, 0);
}

static void older_log_place(struct img *img)
{
    header_32(img, 0, IMG_HEADER_LOG_LEN, 0x200000);
}

static void older_version(struct img *img)
{
    header_16(img, 0, IMG_HEADER_LOG_VERSION, 1);
}

static void older_format(struct img *img)
{
    header_16(img, 0, IMG_HEADER_VERSION, 2);
}

static void sign_fields_only(struct img *img)
{
    uint8_t *h = img_header(img, 0);
    h[HEADER_LEN - 1] = 1; /* else both sums differ all the same, but the case shall not hang on that */
    put_le32(h + 4, crc32c_structure(span_of(h, HEADER_FIELDS_LEN)));
}

static void sign_whole_slot(struct img *img)
{
    uint8_t *h = img_header(img, 0);
    put_le32(h + 4, crc32c_structure(span_of(h, (size_t)HEADER_SECTION_SLOT_LEN)));
}

static void same_write_guids(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        memcpy(img_header(img, i) + IMG_HEADER_DATA_WRITE_GUID, img_header(img, i) + IMG_HEADER_FILE_WRITE_GUID, 16);
    img_sign_headers(img);
}

static void constant_guid(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        guid_store(img_header(img, i) + IMG_HEADER_FILE_WRITE_GUID, known_guid(KNOWN_REGION_BAT));
    img_sign_headers(img);
}

static void filler_guid(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        memset(img_header(img, i) + IMG_HEADER_DATA_WRITE_GUID, 0xFF, 16);
    img_sign_headers(img);
}

static void section_end(struct img *img)
{
    img_bytes(img, HEADER_SECTION_LEN - 1, 1)[0] = 1;
}

/* ---- RGN ---- */

static void no_region_tables(struct img *img)
{
    img_region_table(img, 0)[0] = 'x';
    img_region_table(img, 1)[100] ^= 1;
}

static void bad_table_1(struct img *img)
{
    img_region_table(img, 0)[65535] ^= 1;
}

static void bad_table_2(struct img *img)
{
    img_region_table(img, 1)[0] = 0;
}

static void tables_count(struct img *img, uint32_t count)
{
    put_le32(img_region_table(img, 0) + 8, count);
    put_le32(img_region_table(img, 1) + 8, count);
    img_sign_region_tables(img);
}

static void tables_2048(struct img *img)
{
    tables_count(img, 2048);
}

static void tables_2047(struct img *img)
{
    tables_count(img, 2047);
}

static void tables_max(struct img *img)
{
    tables_count(img, UINT32_MAX);
}

static void table_2_2048(struct img *img)
{
    put_le32(img_region_table(img, 1) + 8, 2048);
    img_sign_region_table(img, 1);
}

static void tables_differ(struct img *img)
{
    img_region_table(img, 1)[65535] = 1;
    img_sign_region_table(img, 1);
}

static void table_2_other_bat(struct img *img)
{
    put_le64(img_region_find(img, 1, KNOWN_REGION_BAT) + 16, img->size);
    img_sign_region_table(img, 1);
}

static void table_1_without_metadata(struct img *img)
{
    put_le32(img_region_table(img, 0) + 8, 1);
    img_sign_region_table(img, 0);
}

static void table_2_short(struct img *img)
{
    put_le32(img_region_table(img, 1) + 8, 1);
    img_sign_region_table(img, 1);
}

static void tables_reserved(struct img *img)
{
    put_le32(img_region_table(img, 0) + 12, 1);
    put_le32(img_region_table(img, 1) + 12, 1);
    img_sign_region_tables(img);
}

static void add_region(struct img *img, const struct guid *g, uint64_t off, uint32_t len, uint32_t required)
{
    img_region_add(img, &(struct region_entry){.guid = *g, .off = off, .len = len, .required_word = required});
}

/* A free MiB at the end of the file. */
static uint64_t free_mib(struct img *img)
{
    append_mib(img);
    return img->size - MIB;
}

static void bat_twice(struct img *img)
{
    add_region(img, known_guid(KNOWN_REGION_BAT), img->bat_off, (uint32_t)img->bat_len, 1);
}

static void bat_twice_elsewhere(struct img *img)
{
    add_region(img, known_guid(KNOWN_REGION_BAT), free_mib(img), 0x100000, 1);
}

static void unknown_region_twice(struct img *img)
{
    add_region(img, &UNKNOWN, free_mib(img), 0x100000, 0);
    add_region(img, &UNKNOWN, free_mib(img), 0x100000, 0);
}

static void unknown_region_of_nothing_twice(struct img *img)
{
    uint64_t off = free_mib(img);
    add_region(img, &UNKNOWN, off, 0, 0);
    add_region(img, &UNKNOWN, off, 0, 0);
}

static void two_unknown_regions(struct img *img)
{
    add_region(img, &UNKNOWN, free_mib(img), 0x100000, 0);
    add_region(img, &UNKNOWN_2, free_mib(img), 0x100000, 0);
}

static void region_off_odd(struct img *img)
{
    uint64_t off = free_mib(img);
    append_mib(img);
    add_region(img, &UNKNOWN, off + 4096, 0x100000, 0);
}

static void region_len_odd(struct img *img)
{
    add_region(img, &UNKNOWN, free_mib(img), 0xFF000, 0);
}

static void optional_region(struct img *img)
{
    add_region(img, &UNKNOWN, free_mib(img), 0x100000, 0);
}

static void optional_region_with_data(struct img *img)
{
    uint64_t off = free_mib(img);
    img_fill(img, off, 512, 0x5A);
    add_region(img, &UNKNOWN, off, 0x100000, 0);
}

static void required_region(struct img *img)
{
    add_region(img, &UNKNOWN, free_mib(img), 0x100000, 1);
}

static void region_in_header_section(struct img *img)
{
    add_region(img, &UNKNOWN, 0, 0x100000, 0);
}

static void region_past_end(struct img *img)
{
    add_region(img, &UNKNOWN, free_mib(img), 0x200000, 0);
}

static void region_wraps(struct img *img)
{
    add_region(img, &UNKNOWN, UINT64_MAX - MIB + 1, 0x200000, 0);
}

static void region_on_metadata(struct img *img)
{
    add_region(img, &UNKNOWN, img->metadata_off, 0x100000, 0);
}

static void region_on_log(struct img *img)
{
    add_region(img, &UNKNOWN, img->log_off, 0x100000, 0);
}

static void bat_on_log(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        put_le64(img_region_find(img, i, KNOWN_REGION_BAT) + 16, img->log_off);
    img_sign_region_tables(img);
}

static void required_word_3(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        put_le32(img_region_find(img, i, KNOWN_REGION_BAT) + 28, 3);
    img_sign_region_tables(img);
}

static void lose_region(struct img *img, enum known_guid which)
{
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *e = img_region_find(img, i, which);
        guid_store(e, &UNKNOWN);
        put_le32(e + 28, 0);
    }
    img_sign_region_tables(img);
}

static void no_bat(struct img *img)
{
    lose_region(img, KNOWN_REGION_BAT);
}

static void no_metadata(struct img *img)
{
    lose_region(img, KNOWN_REGION_METADATA);
}

static void region_set_len(struct img *img, enum known_guid which, uint32_t len)
{
    for (unsigned i = 0; i < 2; i++)
        put_le32(img_region_find(img, i, which) + 24, len);
    img_sign_region_tables(img);
}

static void bat_len_0(struct img *img)
{
    region_set_len(img, KNOWN_REGION_BAT, 0);
}

static void metadata_len_0(struct img *img)
{
    region_set_len(img, KNOWN_REGION_METADATA, 0);
}

static void optional_region_len_0(struct img *img)
{
    add_region(img, &UNKNOWN, free_mib(img), 0, 0);
}

static void behind_last_entry(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        img_region_table(img, i)[16 + 32 * 2 + 5] = 1;
    img_sign_region_tables(img);
}

static void nil_region(struct img *img)
{
    tables_count(img, 3);
}

/* The log holds both region tables with one more region; the file still has the old ones. */
static void logged_region_tables(struct img *img)
{
    struct img *newer = img_clone(img);
    add_region(newer, &UNKNOWN, img->size - MIB, 0x100000, 0);
    struct img_log_desc descs[2];
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *page = img_page_copy(img, REGION_TABLE_OFF[i]);
        img_read(newer, REGION_TABLE_OFF[i], page, LOG_SECTOR_LEN);
        descs[i] = (struct img_log_desc){.off = REGION_TABLE_OFF[i], .page = page};
    }
    img_make_dirty(img, descs, 2);
    img_free(newer);
}

static void logged_new_region(struct img *img)
{
    append_mib(img);
    logged_region_tables(img);
}

/* Neither copy is valid before the log is replayed; both are behind that. */
static void region_tables_in_log_only(struct img *img)
{
    logged_new_region(img);
    no_region_tables(img);
}

static const struct img_params NOT_REQUIRED = {.required = IMG_NO};

#define E SEVERITY_ERROR
#define W SEVERITY_WARNING
#define I SEVERITY_INFO

static const struct test_case cases[] = {
    {"file-cut-in-header-section", "VHDX-FILE-001", E, .verdict = "unreadable", .mutate = cut_in_header_section,
     .inside = cut_behind_header_section, .guard_also = "VHDX-RGN-011 VHDX-HDR-016 VHDX-FILE-004"},
    {"file-empty", "VHDX-FILE-001", E, .verdict = "unreadable", .mutate = cut_to_nothing},
    {"file-header-unreadable", "VHDX-FILE-002", E, .damage = unreadable_header},
    {"file-id-unreadable", "VHDX-FILE-002", E, .damage = unreadable_id},
    {"file-headers-unreadable", "VHDX-FILE-002", E, .damage = unreadable_headers},
    {"file-region-tables-unreadable", "VHDX-FILE-002", E, .verdict = "unreadable", .damage = unreadable_region_tables},
    {"file-region-table-1-unreadable", "VHDX-FILE-002", E, .damage = unreadable_region_table},
    {"file-log-unreadable", "VHDX-FILE-002", E, .params = &WINDOWS, .damage = unreadable_log},
    {"file-metadata-unreadable", "VHDX-FILE-002", E, .verdict = "unreadable", .damage = unreadable_metadata},
    {"file-bat-unreadable", "VHDX-FILE-002", E, .damage = unreadable_bat},
    {"file-trailing-sector", "VHDX-FILE-003", I, .mutate = append_sector, .inside = append_mib},
    {"file-trailing-sector-qemu", "VHDX-FILE-003", I, .params = &QEMU, .mutate = append_sector, .inside = append_mib},
    {"file-anchor-cut", "VHDX-FILE-004", W, .params = &ANCHOR_AT_END, .mutate = cut_block, .also = "VHDX-BAT-019"},
    {"file-trailing-zeros", "VHDX-FILE-005", I, .mutate = append_mib},
    {"file-trailing-bytes", "VHDX-FILE-005", I, .mutate = append_mib_of_bytes},
    {"file-size-past-63-bits", "VHDX-FILE-006", E, .damage = size_2_63},
    {"file-grew", "VHDX-FILE-007", W, .damage = file_grew},
    {"file-written", "VHDX-FILE-007", W, .damage = file_written},
    {"file-replaced", "VHDX-FILE-007", W, .damage = file_replaced},
    {"file-symbolic-link", "VHDX-FILE-008", I, .damage = symbolic_link},
    {"file-block-device", "VHDX-FILE-008", I, .damage = block_device},
    {"file-pipe", "VHDX-FILE-008", I, .damage = from_pipe},
    {"file-sparse", "VHDX-FILE-009", I, .damage = sparse},
    {"file-little-memory", "VHDX-FILE-010", W, .mutate = many_user_items, .inside = many_user_items,
     .damage = little_memory},
    {"file-avhdx-without-parent", "VHDX-FILE-011", I, .damage = named_avhdx, .guard = named_vhdx_in_vhd},
    {"file-vhdx-with-parent", "VHDX-FILE-011", I, .params = &CHILD, .damage = named_vhdx},
    {"file-vhd-extension", "VHDX-FILE-011", I, .damage = named_vhd, .guard = not_named},
    {"file-fixed-without-room", "VHDX-FILE-012", I, .params = &FIXED_EMPTY, .mutate = cut_fixed,
     .inside = room_for_fixed},
    {"file-vhd-footer", "VHDX-FILE-013", I, .mutate = vhd_footer, .inside = vhd_footer_elsewhere},
    {"file-qcow2", "VHDX-FILE-013", I, .also = "VHDX-FID-001", .verdict = "unreadable", .mutate = qcow2_signature},
    {"file-tracking-side-file", "VHDX-FILE-013", I, .also = "VHDX-FID-001", .verdict = "unreadable",
     .mutate = other_signature, .damage = named_rct},

    {"fid-signature", "VHDX-FID-001", E, .verdict = "unreadable", .mutate = other_signature},
    {"fid-creator", "VHDX-FID-002", I, .guard_params = &NO_CREATOR},
    {"fid-creator-with-a-digit-in-a-word", "VHDX-FID-002", I, .params = &DIGIT_IN_A_WORD,
     .guard_params = &NO_CREATOR, .says = "product Q4 tool, version 5.2"},
    {"fid-creator-control", "VHDX-FID-003", W, .mutate = creator_control},
    {"fid-creator-surrogate", "VHDX-FID-003", W, .mutate = creator_surrogate, .inside = creator_pair},
    {"fid-creator-residue", "VHDX-FID-004", I, .mutate = creator_residue, .inside = id_residue},
    {"fid-residue", "VHDX-FID-005", I, .mutate = id_residue, .inside = creator_residue},
    {"fid-creator-empty", "VHDX-FID-006", I, .params = &NO_CREATOR, .guard_params = &QEMU},
    {"fid-creator-unterminated", "VHDX-FID-006", I, .mutate = creator_unterminated, .inside = creator_255_units},
    {"fid-creator-lies", "VHDX-FID-007", I, .params = &CREATOR_LIES, .guard_params = &QEMU},

    {"hdr-signature", "VHDX-HDR-001", W, .mutate = header_no_signature},
    {"hdr-both-checksums", "VHDX-HDR-002", E, .verdict = "unreadable", .mutate = both_headers_crc, .inside = header_crc,
     .guard_also = "VHDX-HDR-003"},
    {"hdr-checksum", "VHDX-HDR-003", W, .mutate = header_crc},
    {"hdr-older-checksum", "VHDX-HDR-003", W, .mutate = older_header_crc},
    {"hdr-version", "VHDX-HDR-004", E, .mutate = version_2},
    {"hdr-log-version", "VHDX-HDR-005", W, .mutate = log_version_1},
    {"hdr-log-version-live", "VHDX-HDR-005", E, .mutate = log_version_1_live, .inside = log_version_1,
     .guard_also = "VHDX-HDR-005"},
    {"hdr-ambiguous", "VHDX-HDR-006", E, .mutate = same_sequence_other_guid, .inside = other_data_write_guid},
    {"hdr-identical", "VHDX-HDR-007", I, .mutate = identical_headers},
    {"hdr-same-fields", "VHDX-HDR-008", W, .mutate = same_sequence_other_reserved, .inside = identical_headers,
     .also = "VHDX-HDR-011"},
    {"hdr-sequence-gap", "VHDX-HDR-009", I, .params = &SEQUENCE_GAP, .guard_params = &SEQUENCE_STEP},
    {"hdr-sequence-last", "VHDX-HDR-010", W, .params = &SEQUENCE_LAST, .guard_params = &SEQUENCE_NEARLY_LAST},
    {"hdr-reserved", "VHDX-HDR-011", W, .mutate = header_reserved, .inside = behind_header},
    {"hdr-behind-header", "VHDX-HDR-012", I, .mutate = behind_header},
    {"hdr-before-next-header", "VHDX-HDR-012", I, .mutate = before_next_header},
    {"hdr-log-length-unaligned", "VHDX-HDR-013", E, .params = &LOG_2_MIB, .mutate = log_len_odd,
     .inside = log_len_shorter},
    {"hdr-log-unaligned", "VHDX-HDR-014", E, .params = &LOG_2_MIB, .mutate = log_off_odd, .inside = log_off_later},
    {"hdr-log-in-header-section", "VHDX-HDR-015", E, .mutate = log_at_0},
    {"hdr-log-past-end", "VHDX-HDR-016", E, .mutate = log_past_end, .guard_params = &LOG_AT_END,
     .also = "VHDX-FILE-004"},
    {"hdr-log-cut", "VHDX-HDR-016", E, .params = &LOG_AT_END, .mutate = log_cut, .also = "VHDX-FILE-004"},
    {"hdr-log-wraps", "VHDX-HDR-016", E, .mutate = log_wraps},
    {"hdr-no-log-live", "VHDX-HDR-017", E, .mutate = no_log_live, .inside = no_log, .guard_also = "VHDX-HDR-018"},
    {"hdr-no-log", "VHDX-HDR-018", W, .mutate = no_log},
    {"hdr-log-huge", "VHDX-HDR-019", W, .params = &LOG_HUGE, .guard_params = &LOG_1_GIB},
    {"hdr-file-write-guid-nil", "VHDX-HDR-020", W, .mutate = nil_file_write_guid},
    {"hdr-data-write-guid-nil", "VHDX-HDR-021", W, .mutate = nil_data_write_guid},
    {"hdr-data-write-guids-differ", "VHDX-HDR-022", I, .mutate = other_data_write_guid},
    {"hdr-older-log-guid", "VHDX-HDR-023", I, .mutate = older_log_guid},
    {"hdr-older-log-place", "VHDX-HDR-024", W, .mutate = older_log_place},
    {"hdr-older-version", "VHDX-HDR-025", W, .mutate = older_version},
    {"hdr-older-format", "VHDX-HDR-025", W, .mutate = older_format},
    {"hdr-checksum-of-fields", "VHDX-HDR-026", I, .mutate = sign_fields_only, .inside = older_header_crc,
     .also = "VHDX-HDR-003", .guard_also = "VHDX-HDR-003"},
    {"hdr-checksum-of-slot", "VHDX-HDR-026", I, .mutate = sign_whole_slot, .also = "VHDX-HDR-003"},
    {"hdr-same-write-guids", "VHDX-HDR-027", I, .mutate = same_write_guids},
    {"hdr-constant-guid", "VHDX-HDR-027", I, .mutate = constant_guid},
    {"hdr-filler-guid", "VHDX-HDR-027", I, .mutate = filler_guid},
    {"hdr-first-is-newer", "VHDX-HDR-028", I, .params = &SEQUENCE_STEP, .inside = identical_headers},
    {"hdr-section-end", "VHDX-HDR-029", I, .mutate = section_end, .inside = before_next_header},

    {"rgn-no-table", "VHDX-RGN-001", E, .verdict = "unreadable", .mutate = no_region_tables, .inside = bad_table_1,
     .guard_also = "VHDX-RGN-002"},
    {"rgn-in-log-only", "VHDX-RGN-001", I, .verdict = "suspicious", .mutate = region_tables_in_log_only,
     .also = "VHDX-LOG-001", .says = "as stored, before the log is replayed"},
    {"rgn-copy-1", "VHDX-RGN-002", W, .mutate = bad_table_1, .inside = bad_table_2, .guard_also = "VHDX-RGN-003"},
    {"rgn-copy-2", "VHDX-RGN-003", W, .mutate = bad_table_2, .inside = bad_table_1, .guard_also = "VHDX-RGN-002"},
    {"rgn-2048-entries", "VHDX-RGN-004", E, .mutate = tables_2048, .inside = tables_2047, .guard_also = "VHDX-RGN-022"},
    {"rgn-4-billion-entries", "VHDX-RGN-004", E, .mutate = tables_max},
    {"rgn-copy-2-2048-entries", "VHDX-RGN-004", E, .mutate = table_2_2048, .also = "VHDX-RGN-005"},
    {"rgn-copies-differ", "VHDX-RGN-005", W, .mutate = tables_differ},
    {"rgn-copies-disagree", "VHDX-RGN-006", E, .mutate = table_2_other_bat, .inside = tables_differ,
     .guard_also = "VHDX-RGN-005"},
    {"rgn-copy-1-lacks-metadata", "VHDX-RGN-006", E, .verdict = "unreadable", .mutate = table_1_without_metadata},
    {"rgn-table-reserved", "VHDX-RGN-007", W, .mutate = tables_reserved},
    {"rgn-bat-twice", "VHDX-RGN-008", E, .mutate = bat_twice},
    {"rgn-bat-twice-elsewhere", "VHDX-RGN-008", E, .mutate = bat_twice_elsewhere},
    {"rgn-unknown-twice", "VHDX-RGN-008", W, .mutate = unknown_region_twice, .inside = two_unknown_regions},
    {"rgn-offset-unaligned", "VHDX-RGN-009", E, .mutate = region_off_odd, .inside = optional_region},
    {"rgn-length-unaligned", "VHDX-RGN-009", E, .mutate = region_len_odd},
    {"rgn-in-header-section", "VHDX-RGN-010", E, .mutate = region_in_header_section, .inside = optional_region},
    {"rgn-past-end", "VHDX-RGN-011", E, .mutate = region_past_end, .inside = optional_region, .also = "VHDX-FILE-004"},
    {"rgn-wraps", "VHDX-RGN-011", E, .mutate = region_wraps},
    {"rgn-on-metadata", "VHDX-RGN-012", E, .mutate = region_on_metadata, .inside = two_unknown_regions},
    {"rgn-bat-on-log", "VHDX-RGN-013", E, .mutate = bat_on_log},
    {"rgn-on-log", "VHDX-RGN-013", E, .mutate = region_on_log, .inside = optional_region},
    {"rgn-not-required", "VHDX-RGN-014", I, .params = &NOT_REQUIRED, .guard_params = &NO_CREATOR},
    {"rgn-required-word", "VHDX-RGN-015", W, .mutate = required_word_3},
    {"rgn-unknown-required", "VHDX-RGN-016", E, .mutate = required_region, .inside = optional_region},
    {"rgn-unknown-optional", "VHDX-RGN-017", I, .mutate = optional_region},
    {"rgn-unknown-with-data", "VHDX-RGN-017", I, .mutate = optional_region_with_data},
    {"rgn-no-bat", "VHDX-RGN-018", E, .mutate = no_bat},
    {"rgn-no-metadata", "VHDX-RGN-019", E, .verdict = "unreadable", .mutate = no_metadata},
    {"rgn-bat-empty", "VHDX-RGN-020", E, .mutate = bat_len_0},
    {"rgn-metadata-empty", "VHDX-RGN-020", E, .verdict = "unreadable", .mutate = metadata_len_0},
    {"rgn-unknown-empty", "VHDX-RGN-020", W, .mutate = optional_region_len_0, .inside = optional_region},
    {"rgn-unknown-of-nothing-twice", "VHDX-RGN-008", W, .mutate = unknown_region_of_nothing_twice,
     .also = "VHDX-RGN-020"},
    {"rgn-behind-last-entry", "VHDX-RGN-021", I, .mutate = behind_last_entry},
    {"rgn-nil-guid", "VHDX-RGN-022", W, .mutate = nil_region, .inside = tables_2048, .guard_also = "VHDX-RGN-004"},
    {"rgn-newer-in-log", "VHDX-RGN-023", I, .mutate = logged_new_region, .also = "VHDX-LOG-001"},
    {"rgn-copy-2-short", "VHDX-RGN-024", I, .also = "VHDX-RGN-006", .mutate = table_2_short,
     .inside = table_2_other_bat, .guard_also = "VHDX-RGN-006"},
};

const struct case_table container_cases = {
    .name = "container", .cases = cases, .count = sizeof(cases) / sizeof(cases[0])};
