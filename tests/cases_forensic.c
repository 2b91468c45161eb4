/* SPDX-License-Identifier: MIT */
/*
 * Cases of cross-checks (XREF) and of forensic observations (FOR). Observations are no faults, so most images here are
 * healthy ones with a past.
 */
#include "cases.h"

#include <string.h>

#include "base/le.h"

/* ---- structures against each other ---- */

static void over_log(struct img *img)
{
    img_block_set(img, 9, 6, img->log_off);
}

static void dirty_bat(struct img *img)
{
    img_resize(img, img->size + 2 * MIB);
    img_make_dirty_bat(img, img_block_index(img, 5), bat_entry_make(img->size - 2 * MIB, 6));
}

static void dirty_zero(struct img *img)
{
    img_make_dirty_bat(img, img_block_index(img, 5), PAYLOAD_ZERO);
}

static void set_state(struct img *img, uint64_t block, unsigned state)
{
    img_block_set(img, block, state, img_block_off(img, block));
}

static const struct img_params child = {.type = IMG_DIFFERENCING};
static const struct img_params all_in_order = {.states = "6666666666"};
static const struct img_params five_chunks = {.virtual_size = 17 * GIB};

static void swap_blocks(struct img *img)
{
    uint64_t a = img_bat_get(img, 1);
    img_bat_set(img, 1, img_bat_get(img, 2));
    img_bat_set(img, 2, a);
}

static void stored_over_log(struct img *img)
{
    uint64_t right = img_bat_get(img, 9);
    over_log(img);
    img_make_dirty_bat(img, 9, right);
}

static void last_offset_small(struct img *img)
{
    img_log_begin(img, 0, 1);
    img_log_write(img, 0,
                  &(struct img_log_entry){.sequence_number = 1, .flushed = img->size - MIB, .last = img->size - MIB});
}

static const struct img_block gap_of_two[] = {{.block = 0, .state = 6, .off = 4 << 20},
                                              {.block = 1, .state = 6, .off = 8 << 20}};
static const struct img_params with_gap = {.states = "", .blocks = gap_of_two, .block_count = 2};
static void close_gap(struct img *img)
{
    img_block_set(img, 1, 6, 6 * MIB);
    img_resize(img, 8 * MIB);
}

static void bitmaps_without_parent(struct img *img)
{
    for (uint64_t chunk = 0; chunk < 3; chunk++)
        img_bat_set(img, img_bitmap_index(img, chunk), bat_entry_make(img->size + chunk * MIB, BITMAP_PRESENT));
    img_resize(img, img->size + 3 * MIB);
}

static void one_bitmap_without_parent(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->size, BITMAP_PRESENT));
    img_resize(img, img->size + MIB);
}

static const struct img_params partial_without_parent = {.states = "666....."};

static void two_of_three_partial(struct img *img)
{
    set_state(img, 0, 7);
    set_state(img, 1, 7);
}

static void one_of_three_partial(struct img *img)
{
    set_state(img, 0, 7);
}

/* ---- old log entries ---- */

static void stale_entry(struct img *img, uint64_t off, const uint8_t *page)
{
    img_log_write(img, 0,
                  &(struct img_log_entry){
                      .sequence_number = 7,
                      .guid = img_guid(IMG_WINDOWS, 'S', 1),
                      .descs = &(struct img_log_desc){.off = off, .page = page},
                      .desc_count = 1,
                  });
}

static void stale_bat_page(struct img *img)
{
    uint8_t *page = img_page_copy(img, img->bat_off);
    put_le64(page + 40, 2);
    stale_entry(img, img->bat_off, page);
}

static void stale_bat_page_same(struct img *img)
{
    stale_entry(img, img->bat_off, img_page_copy(img, img->bat_off));
}

static void stale_metadata_page(struct img *img)
{
    stale_entry(img, img->metadata_off, img_page_copy(img, img->metadata_off));
}

static void stale_moved(struct img *img)
{
    img_resize(img, img->size + MIB);
    stale_entry(img, img->size - MIB, img_page_copy(img, img->bat_off));
}

static const struct img_params with_traces = {.windows_traces = true};

static void stale_entries_of_two(struct img *img)
{
    for (uint32_t i = 0; i < 3; i++)
        img_log_write(img, i * 4096,
                      &(struct img_log_entry){
                          .sequence_number = 7 + i,
                          .tail = i * 4096,
                          .guid = img_guid(IMG_WINDOWS, 'S', i / 2),
                      });
}

static void stale_torn(struct img *img)
{
    img_log_write(
        img, 0,
        &(struct img_log_entry){.sequence_number = 7, .guid = img_guid(IMG_WINDOWS, 'S', 1), .flags = IMG_LOG_BAD_CRC});
}

static void orphan_sector(struct img *img)
{
    memcpy(img_bytes(img, img->log_off + 8192, 4), "data", 4);
}

/* ---- bytes where none are expected ---- */

static void trailing_byte(struct img *img)
{
    img_resize(img, img->size + MIB);
    *img_bytes(img, img->size - 1, 1) = 1;
}

static void deep(struct scene *s)
{
    s->check.deep = true;
}

static const struct img_block apart[] = {{.block = 0, .state = 6, .off = 4 << 20},
                                         {.block = 1, .state = 6, .off = 10 << 20}};
static const struct img_params with_room = {.states = "", .blocks = apart, .block_count = 2};

static void data_between_blocks(struct img *img)
{
    *img_bytes(img, 7 * MIB + 0x1234, 1) = 1;
    *img_bytes(img, 9 * MIB - 1, 1) = 1;
}

static void data_at_the_edges_of_blocks(struct img *img)
{
    *img_bytes(img, 6 * MIB - 1, 1) = 1;
    *img_bytes(img, 10 * MIB, 1) = 1;
}

static void signature_between_blocks(struct img *img)
{
    memcpy(img_bytes(img, 8 * MIB + 0x10040, 8), "_BHRfS_M", 8);
}

static void signature_off_the_grid(struct img *img)
{
    memcpy(img_bytes(img, 8 * MIB + 4096 + 0x10040, 8), "_BHRfS_M", 8);
}

static const struct img_params odd_disk = {.virtual_size = 19 * MIB};

static void byte_behind_disk(struct img *img)
{
    *img_bytes(img, img_block_off(img, 9) + MIB, 1) = 1;
}

static void last_byte_of_disk(struct img *img)
{
    *img_bytes(img, img_block_off(img, 9) + MIB - 1, 1) = 1;
}

static void trailing_zeros(struct img *img)
{
    img_resize(img, img->size + MIB);
}

static void hidden_text(struct img *img)
{
    memcpy(img_bytes(img, 0x50000, 16), "meet me at noon!", 16);
}

static const struct img_params anchored = {.states = "6.62M....6"};
static const struct img_block grid_blocks[] = {{.block = 0, .state = 6, .off = 4 << 20},
                                               {.block = 1, .state = 6, .off = 8 << 20}};
static const struct img_params with_cell = {.states = "", .blocks = grid_blocks, .block_count = 2};
static const struct img_block odd_blocks[] = {{.block = 0, .state = 6, .off = 4 << 20},
                                              {.block = 1, .state = 6, .off = 9 << 20}};
static const struct img_params off_grid = {.states = "", .blocks = odd_blocks, .block_count = 2};

static void no_anchor(struct img *img)
{
    img_block_set(img, 4, 3, 0);
}

/* ---- writers ---- */

static void sequence_one(struct img *img)
{
    put_le64(img_header(img, 0) + IMG_HEADER_SEQUENCE, 0);
    put_le64(img_header(img, 1) + IMG_HEADER_SEQUENCE, 1);
    img_sign_headers(img);
}

static void random_sequence(struct img *img)
{
    put_le64(img_header(img, 0) + IMG_HEADER_SEQUENCE, 0x2000000);
    put_le64(img_header(img, 1) + IMG_HEADER_SEQUENCE, 0x2000001);
    img_sign_headers(img);
}

static void set_file_write_guid(struct img *img, const char *text)
{
    struct guid g;
    if (!guid_parse(text, strlen(text), &g))
        return;
    for (unsigned i = 0; i < 2; i++)
        guid_store(img_header(img, i) + IMG_HEADER_FILE_WRITE_GUID, &g);
    img_sign_headers(img);
}

static void guid_of_2015(struct img *img)
{
    set_file_write_guid(img, "5a2b1c0e-d6a3-11e4-8ac6-00155d010203");
}

static void guid_of_year_2570(struct img *img)
{
    set_file_write_guid(img, "5a2b1c0e-d6a3-1ce4-8ac6-00155d010203");
}

static void written_by_qemu(struct img *img)
{
    struct guid g = img_guid(IMG_QEMU, 'F', 9);
    for (unsigned i = 0; i < 2; i++)
        guid_store(img_header(img, i) + IMG_HEADER_FILE_WRITE_GUID, &g);
    img_sign_headers(img);
}

static void plain_paths(struct img *img)
{
    struct guid parent = img_guid(IMG_WINDOWS, 'D', 0);
    char text[GUID_TEXT_SIZE], braced[GUID_TEXT_SIZE + 2] = "{";
    strcat(strcat(braced, guid_text(&parent, text)), "}");
    img_set_locator(img, (struct locator_string[]){{"parent_linkage", braced}, {"relative_path", ".\\parent.vhdx"}}, 2);
}

static void telling_paths(struct img *img)
{
    struct guid parent = img_guid(IMG_WINDOWS, 'D', 0);
    char text[GUID_TEXT_SIZE], braced[GUID_TEXT_SIZE + 2] = "{";
    strcat(strcat(braced, guid_text(&parent, text)), "}");
    img_set_locator(
        img,
        (struct locator_string[]){{"parent_linkage", braced},
                                  {"relative_path", ".\\parent.vhdx"},
                                  {"absolute_win32_path", "\\\\?\\UNC\\fileserver\\Users\\alice\\parent.vhdx"}},
        3);
}

/* ---- use ---- */

static void no_zero_blocks(struct img *img)
{
    img_block_set(img, 3, 0, 0);
    img_block_set(img, 4, 0, 0);
}

static void newer_header_torn(struct img *img)
{
    img_header(img, 1)[100] ^= 1;
}

static void older_header_torn(struct img *img)
{
    img_header(img, 0)[100] ^= 1;
}

static void state_4(struct img *img)
{
    set_state(img, 2, 4);
}

static void state_4_after_crash(struct img *img)
{
    state_4(img);
    img_make_dirty(img, NULL, 0);
}

#define E SEVERITY_ERROR
#define W SEVERITY_WARNING
#define I SEVERITY_INFO

static const struct test_case cases[] = {
    {"xref-stored-bat-over-the-log-replayed-not", "VHDX-XREF-001", I, .mutate = stored_over_log, .inside = dirty_bat,
     .also = "VHDX-LOG-001", .guard_also = "VHDX-LOG-001"},
    {"xref-lastfileoffset-too-small", "VHDX-XREF-002", I, .mutate = last_offset_small, .inside = dirty_bat,
     .also = "VHDX-LOG-001", .guard_also = "VHDX-LOG-001"},
    {"xref-gap-of-one-block", "VHDX-XREF-003", I, .params = &with_gap, .inside = close_gap},
    {"xref-file-looks-made-by-windows", "VHDX-XREF-004", I, .no_guard = true, .says = "windows"},
    {"xref-dynamic-flag-fixed-bat", "VHDX-XREF-005", I, .params = &all_in_order, .inside = swap_blocks},
    {"xref-bitmaps-in-most-chunks-of-a-disk-without-parent", "VHDX-XREF-006", W, .params = &five_chunks,
     .mutate = bitmaps_without_parent, .inside = one_bitmap_without_parent, .also = "VHDX-BAT-006",
     .guard_also = "VHDX-BAT-006"},
    {"xref-most-blocks-partially-present-without-parent", "VHDX-XREF-006", W, .params = &partial_without_parent,
     .mutate = two_of_three_partial, .inside = one_of_three_partial, .also = "VHDX-BAT-004",
     .guard_also = "VHDX-BAT-004"},
    {"xref-stale-entries-speak-of-other-places", "VHDX-XREF-007", I, .mutate = stale_moved, .inside = stale_bat_page},

    {"for-stale-entries", "VHDX-FOR-001", I, .params = &with_traces, .count = 1, .guard_params = &all_in_order,
     .inside = stale_torn},
    {"for-stale-entries-of-two-sessions", "VHDX-FOR-001", I, .mutate = stale_entries_of_two, .count = 2},
    {"for-stale-entry-of-the-metadata", "VHDX-FOR-001", I, .mutate = stale_metadata_page, .says = "targets: metadata (1)"},
    {"for-older-bat-page", "VHDX-FOR-002", I, .mutate = stale_bat_page, .inside = stale_bat_page_same},
    {"for-orphan-sector", "VHDX-FOR-003", I, .mutate = orphan_sector, .at = 0x102000},
    {"for-data-between-blocks", "VHDX-FOR-004", I, .params = &with_room, .mutate = data_between_blocks, .damage = deep,
     .inside = data_at_the_edges_of_blocks, .guard = deep, .count = 1, .says = "first of it at 0x701234",
     .at = 0x700000},
    {"for-signature-between-blocks", "VHDX-FOR-005", I, .params = &with_room, .mutate = signature_between_blocks,
     .damage = deep, .inside = signature_off_the_grid, .guard = deep, .count = 1, .says = "btrfs", .at = 0x800000},
    {"for-trailing-data", "VHDX-FOR-006", I, .mutate = trailing_byte, .inside = trailing_zeros},
    {"for-byte-behind-the-disk", "VHDX-FOR-007", I, .params = &odd_disk, .mutate = byte_behind_disk, .damage = deep,
     .inside = last_byte_of_disk, .guard = deep, .count = 1, .says = "holds 1 byte other than zero"},
    {"for-soft-anchor", "VHDX-FOR-008", I, .params = &anchored, .inside = no_anchor},
    {"for-reserved-areas", "VHDX-FOR-009", I, .mutate = hidden_text, .says = "meet me at noon!", .at = 0x50000},
    {"for-former-block-grid", "VHDX-FOR-010", I, .params = &with_cell, .guard_params = &off_grid},
    {"for-header-updates", "VHDX-FOR-011", I, .inside = random_sequence},
    {"for-no-header-update", "VHDX-FOR-011", I, .inside = sequence_one},
    {"for-guid-families", "VHDX-FOR-012", I, .no_guard = true, .says = "FileWriteGuid Microsoft"},
    {"for-version-1-guid", "VHDX-FOR-013", I, .mutate = guid_of_2015, .inside = guid_of_year_2570,
     .says = "2015-03-30 06:09:40 UTC on the computer with network address 00:15:5d:01:02:03"},
    {"for-moved-between-hypervisors", "VHDX-FOR-014", I, .mutate = written_by_qemu},
    {"for-paths-disclose-volume", "VHDX-FOR-015", I, .params = &child, .inside = plain_paths,
     .says = "Volume{6f3d4c58"},
    {"for-paths-disclose-host-and-user", "VHDX-FOR-015", I, .params = &child, .mutate = telling_paths,
     .inside = plain_paths, .says = "host \"fileserver\", user \"alice\""},
    {"for-out-of-order", "VHDX-FOR-016", I, .mutate = swap_blocks, .params = &all_in_order},
    {"for-trim", "VHDX-FOR-017", I, .inside = no_zero_blocks},
    {"for-log-changes-guest-data", "VHDX-FOR-018", I, .mutate = dirty_bat, .inside = dirty_zero, .also = "VHDX-LOG-001",
     .guard_also = "VHDX-LOG-001"},
    {"for-interrupted-header-update", "VHDX-FOR-019", I, .mutate = newer_header_torn, .inside = older_header_torn,
     .also = "VHDX-HDR-003", .guard_also = "VHDX-HDR-003"},
    {"for-edited-by-hand", "VHDX-FOR-020", I, .mutate = state_4, .inside = state_4_after_crash, .also = "VHDX-BAT-002",
     .guard_also = "VHDX-BAT-002 VHDX-LOG-001"},
};

const struct case_table forensic_cases = {"forensic", cases, sizeof(cases) / sizeof(cases[0])};
