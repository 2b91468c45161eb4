/* SPDX-License-Identifier: MIT */
/*
 * What the tools of today make of damaged images: qemu-img 7.2.22 passes or "repairs" 15 of these, 7-Zip 26.02 passes
 * four and knows no log, libvhdi 20210425 notices illegal geometry only; none names field and rule. Ours has to, in
 * every row.
 */
#include "cases.h"

#include <string.h>

#include "base/le.h"

/* ---- BAT ---- */

static void same_block_twice(struct img *img)
{
    img_bat_set(img, 9, img_bat_get(img, 0));
}

static void payload_at_offset_0(struct img *img)
{
    img_block_set(img, 0, 6, 0);
}

static void entry_over_log(struct img *img)
{
    img_block_set(img, 9, 6, img->log_off);
}

static void entry_over_bat(struct img *img)
{
    img_block_set(img, 9, 6, img->bat_off);
}

static void reserved_bits(struct img *img)
{
    img_bat_set(img, 0, img_bat_get(img, 0) | BAT_RESERVED_MASK);
}

static void state_4(struct img *img)
{
    img_block_set(img, 0, 4, img_block_off(img, 0));
}

static void state_7(struct img *img)
{
    img_block_set(img, 0, 7, img_block_off(img, 0));
}

static void payload_beyond_end(struct img *img)
{
    img_block_set(img, 0, 6, img->size + MIB);
}

static void payload_offset_max(struct img *img)
{
    img_block_set(img, 0, 6, BAT_OFFSET_MASK);
}

/* ---- regions ---- */

static void set_region_off(struct img *img, enum known_guid which, uint64_t off)
{
    for (unsigned copy = 0; copy < 2; copy++)
        put_le64(img_region_find(img, copy, which) + 16, off);
    img_sign_region_tables(img);
}

static void bat_on_log(struct img *img)
{
    set_region_off(img, KNOWN_REGION_BAT, img->log_off);
}

static void bat_on_metadata(struct img *img)
{
    set_region_off(img, KNOWN_REGION_BAT, img->metadata_off);
}

static void optional_region_wraps(struct img *img)
{
    img_region_add(img, &(struct region_entry){
                            .guid = img_guid(IMG_WINDOWS, 'R', 1), .off = UINT64_MAX - MIB + 1, .len = 2 << 20});
}

/* ---- metadata ---- */

static void set_disk_size(struct img *img, uint64_t size)
{
    put_le64(img_metadata_item(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE), size);
}

static void disk_size_odd(struct img *img)
{
    set_disk_size(img, 20 * MIB - 100);
}

static void disk_size_65_tib(struct img *img)
{
    set_disk_size(img, 65 * TIB);
}

static void disk_size_0(struct img *img)
{
    set_disk_size(img, 0);
}

static void block_size_0(struct img *img)
{
    put_le32(img_metadata_item(img, KNOWN_ITEM_FILE_PARAMETERS), 0);
}

static void block_size_3_mib(struct img *img)
{
    put_le32(img_metadata_item(img, KNOWN_ITEM_FILE_PARAMETERS), 3 << 20);
}

static void sector_size_0(struct img *img)
{
    put_le32(img_metadata_item(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE), 0);
}

/* ---- headers ---- */

static void same_sequence_other_guid(struct img *img)
{
    memcpy(img_header(img, 1), img_header(img, 0), HEADER_LEN);
    img_header(img, 1)[IMG_HEADER_DATA_WRITE_GUID] ^= 1;
    img_sign_headers(img);
}

static void identical_headers(struct img *img)
{
    memcpy(img_header(img, 1), img_header(img, 0), HEADER_LEN);
}

/* ---- log ---- */

static void one_entry(struct img *img, struct img_log_entry e)
{
    img_log_begin(img, 0, 1);
    img_log_write(img, 0, &e);
}

static void one_descriptor(struct img *img, struct img_log_desc d)
{
    one_entry(img, (struct img_log_entry){.sequence_number = 1, .descs = &d, .desc_count = 1});
}

static void log_without_entry(struct img *img)
{
    img_log_begin(img, 0, 1);
}

static void log_of_sequence_0(struct img *img)
{
    one_entry(img, (struct img_log_entry){.sequence_number = 0});
}

static void one_bat_update(struct img *img)
{
    img_resize(img, img->size + 2 * MIB);
    img_make_dirty_bat(img, 5, bat_entry_make(img->size - 2 * MIB, 6));
}

static void tail_at_nothing(struct img *img)
{
    one_entry(img, (struct img_log_entry){.sequence_number = 1, .tail = 0x8000});
}

static void descriptor_at_header(struct img *img)
{
    one_descriptor(img, (struct img_log_desc){.off = HEADER_OFF[0], .page = img_page_copy(img, img->bat_off)});
}

static void descriptor_at_log(struct img *img)
{
    one_descriptor(img, (struct img_log_desc){.off = img->log_off, .page = img_page_copy(img, img->bat_off)});
}

static void zeros_of_2_40(struct img *img)
{
    one_descriptor(img, (struct img_log_desc){.off = img->bat_off + 0x10000, .len = TIB});
}

static void page_at_2_40(struct img *img)
{
    one_descriptor(img, (struct img_log_desc){.off = TIB, .page = img_page_copy(img, img->bat_off)});
}

static void grow_to_16_mib(struct img *img)
{
    one_entry(img, (struct img_log_entry){.sequence_number = 1, .flushed = img->size, .last = 16 * MIB});
}

static void grow_to_16_mib_and_a_page(struct img *img)
{
    one_entry(img, (struct img_log_entry){.sequence_number = 1, .flushed = img->size, .last = 16 * MIB + 4096});
}

static void flushed_above_size(struct img *img)
{
    one_entry(img, (struct img_log_entry){.sequence_number = 1, .flushed = img->size + MIB, .last = img->size + MIB});
}

#define E SEVERITY_ERROR
#define W SEVERITY_WARNING
#define I SEVERITY_INFO

/* The default image: blocks 0, 2 and 9 present, BAT at 0x300000, metadata at 0x200000. */
static const struct test_case cases[] = {
    {"tools-two-entries-same-block", "VHDX-BAT-016", E, .mutate = same_block_twice, .at = 0x300000},
    {"tools-payload-at-offset-0", "VHDX-BAT-008", E, .mutate = payload_at_offset_0, .at = 0x300000},
    {"tools-entry-over-log", "VHDX-BAT-014", E, .mutate = entry_over_log, .at = 0x300048},
    {"tools-entry-over-bat", "VHDX-BAT-015", E, .mutate = entry_over_bat, .at = 0x300048},
    {"tools-bat-region-on-log", "VHDX-RGN-013", E, .mutate = bat_on_log},
    {"tools-bat-and-metadata-identical", "VHDX-RGN-012", E, .mutate = bat_on_metadata},
    {"tools-optional-region-wraps", "VHDX-RGN-011", E, .mutate = optional_region_wraps},
    {"tools-reserved-bits", "VHDX-BAT-007", W, .mutate = reserved_bits, .at = 0x300000},
    {"tools-state-4", "VHDX-BAT-002", E, .mutate = state_4, .at = 0x300000},
    {"tools-state-7-without-parent", "VHDX-BAT-004", E, .mutate = state_7, .at = 0x300000},
    {"tools-payload-beyond-end", "VHDX-BAT-012", E, .mutate = payload_beyond_end, .at = 0x300000,
     .also = "VHDX-FILE-004"},
    {"tools-payload-offset-max", "VHDX-BAT-010", E, .mutate = payload_offset_max, .at = 0x300000,
     .also = "VHDX-FILE-004"},
    {"tools-disk-size-odd", "VHDX-META-033", E, .mutate = disk_size_odd, .at = 0x210008},
    {"tools-disk-size-65-tib", "VHDX-META-032", E, .mutate = disk_size_65_tib, .at = 0x210008},
    {"tools-block-size-0", "VHDX-META-028", E, .mutate = block_size_0, .at = 0x210000},
    {"tools-block-size-3-mib", "VHDX-META-028", E, .mutate = block_size_3_mib, .at = 0x210000},
    {"tools-sector-size-0", "VHDX-META-034", E, .mutate = sector_size_0, .at = 0x210010},
    {"tools-disk-size-0", "VHDX-META-031", E, .mutate = disk_size_0, .at = 0x210008},
    {"tools-same-sequence-different-headers", "VHDX-HDR-006", E, .mutate = same_sequence_other_guid},
    {"tools-identical-headers", "VHDX-HDR-007", I, .mutate = identical_headers},
    {"tools-log-without-entry", "VHDX-LOG-002", E, .mutate = log_without_entry, .at = 0x100000},
    {"tools-log-of-sequence-0", "VHDX-LOG-002", E, .mutate = log_of_sequence_0, .at = 0x100000},
    {"tools-dirty-log", "VHDX-LOG-001", W, .mutate = one_bat_update, .says = "2 entries to replay, 1 page "},
    {"tools-dirty-log-shown-replayed", "VHDX-BAT-034", I, .mutate = one_bat_update, .also = "VHDX-LOG-001",
     .says = "entry 5 0x0 -> 0xa00006"},
    {"tools-tail-at-nothing", "VHDX-LOG-002", E, .mutate = tail_at_nothing, .says = "Tail names no entry"},
    {"tools-descriptor-at-header", "VHDX-LOG-017", E, .mutate = descriptor_at_header, .at = 0x100040},
    {"tools-descriptor-at-log", "VHDX-LOG-018", E, .mutate = descriptor_at_log, .at = 0x100040},
    {"tools-zeros-of-2-40", "VHDX-LOG-020", E, .mutate = zeros_of_2_40, .at = 0x100040},
    {"tools-page-at-2-40", "VHDX-LOG-020", E, .mutate = page_at_2_40, .at = 0x100040},
    {"tools-grow-to-16-mib", "VHDX-LOG-014", I, .mutate = grow_to_16_mib, .also = "VHDX-LOG-001",
     .says = "LastFileOffset 0x1000000"},
    {"tools-grow-to-16-mib-and-a-page", "VHDX-LOG-013", W, .mutate = grow_to_16_mib_and_a_page, .also = "VHDX-LOG-001",
     .at = 0x100030},
    {"tools-flushed-above-size", "VHDX-LOG-003", E, .mutate = flushed_above_size, .at = 0x100030},
};

const struct case_table tool_cases = {"tools", cases, sizeof(cases) / sizeof(cases[0])};
