/* SPDX-License-Identifier: MIT */
/*
 * Cases of blocks and of what lies around them: BAT, sector bitmaps, cross-checks. Regressions of other tools carry
 * their names (RG-BAT-nn, RG-DIF-nn) or, for the table of what today's tools accept, the row's words.
 */
#include "cases.h"

#include <string.h>

#include "base/le.h"

/* Ten blocks of 2 MiB unless a row says otherwise: 0, 2 and 9 fully present at 4, 6 and 8 MiB, 3 zero, 4 unmapped. */
static const struct img_params child = {.type = IMG_DIFFERENCING};

/* ---- BAT: the region ---- */

/* 1 MiB holds 131072 entries; with blocks of 1 MiB and a bitmap slot after 4096 of them, 131041 blocks fit exactly. */
static const struct img_params fits_one_mib = {.virtual_size = 131041 * MIB, .block_size = MIB, .states = "6"};
static const struct img_params child_fits_but_tail = {
    .type = IMG_DIFFERENCING, .virtual_size = 131041 * MIB, .block_size = MIB, .states = "6"};

static void set_bat_region_len(struct img *img, uint32_t len)
{
    for (unsigned copy = 0; copy < 2; copy++)
        put_le32(img_region_find(img, copy, KNOWN_REGION_BAT) + 24, len);
    img_sign_region_tables(img);
}

static void bat_one_mib(struct img *img)
{
    set_bat_region_len(img, (uint32_t)MIB);
}

static void bat_one_entry_short(struct img *img)
{
    bat_one_mib(img);
    put_le64(img_metadata_item(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE), 131042 * MIB);
}

static const struct img_block at_eight[] = {{.block = 0, .state = 6, .off = 8 << 20}};
static const struct img_params bat_with_room = {.states = "", .blocks = at_eight, .block_count = 1};

static void bat_three_mib(struct img *img)
{
    set_bat_region_len(img, (uint32_t)(3 * MIB));
}

/* ---- BAT: states ---- */

static void set_state(struct img *img, uint64_t block, unsigned state)
{
    img_block_set(img, block, state, img_block_off(img, block));
}

static void state_4(struct img *img)
{
    set_state(img, 2, 4);
}

static void state_5(struct img *img)
{
    set_state(img, 2, 5);
}

static void state_3(struct img *img)
{
    img_block_set(img, 2, 3, 0);
}

static void state_7(struct img *img)
{
    set_state(img, 2, 7);
}

static void state_6(struct img *img)
{
    set_state(img, 2, 6);
}

static void child_state_7(struct img *img)
{
    set_state(img, 2, 7);
    img_bitmap_set(img, 2, 0, 8, true);
}

static void bitmap_state_3(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img_bitmap_off(img, 0), 3));
}

/* Five chunks, so that one bitmap slot is not most of them. */
static const struct img_params five_chunks = {.virtual_size = 17 * GIB};
static const struct img_params five_chunks_of_32 = {.virtual_size = 17 * GIB, .block_size = 32 * MIB, .states = ""};

static void slot_zero_state(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), PAYLOAD_ZERO);
}

static void slot_zero_state_with_place(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->size, PAYLOAD_ZERO));
}

static void slot_present_free(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->size, BITMAP_PRESENT));
    img_resize(img, img->size + MIB);
}

static void slot_present_taken(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img_block_off(img, 2) + MIB, BITMAP_PRESENT));
}

static void slot_present_nowhere(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), BITMAP_PRESENT);
}

static void slot_present_past_end(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->size, BITMAP_PRESENT));
}

/* ---- BAT: offsets ---- */

static void reserved_bits(struct img *img)
{
    img_bat_set(img, 2, img_bat_get(img, 2) | 8);
}

static void reserved_bit_19(struct img *img)
{
    img_bat_set(img, 1, (uint64_t)1 << 19);
}

static void offset_zero(struct img *img)
{
    img_block_set(img, 2, 6, 0);
}

static void bitmap_offset_zero(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), BITMAP_PRESENT);
}

static void absent_with_place(struct img *img)
{
    img_block_set(img, 2, 0, img_block_off(img, 2));
}

static void zero_with_place(struct img *img)
{
    img_block_set(img, 2, 2, img_block_off(img, 2));
}

static void offset_wraps(struct img *img)
{
    img_block_set(img, 2, 6, BAT_OFFSET_MASK);
}

static void offset_signed(struct img *img)
{
    img_block_set(img, 2, 6, ((uint64_t)1 << 63) - MIB); /* ends 1 MiB past 2^63 */
}

static void offset_far_outside(struct img *img)
{
    img_block_set(img, 2, 6, ((uint64_t)1 << 63) - 4 * MIB);
}

static void place_far(struct img *img, uint64_t off)
{
    img_block_set(img, 9, 6, off);
    img_resize(img, off + img->params.block_size);
}

static void offset_2_28(struct img *img)
{
    place_far(img, (uint64_t)1 << 48);
}

static void offset_below_2_28(struct img *img)
{
    place_far(img, ((uint64_t)1 << 48) - 2 * MIB);
}

/* ---- BAT: the end of the file ---- */

/* 512 KiB of the last block lie behind the end of the disk. */
static const struct img_params cut_disk = {.virtual_size = 19 * MIB + 512 * KIB};

static void cut_padding(struct img *img)
{
    img_resize(img, img->size - 512 * KIB);
}

static void cut_one_guest_byte(struct img *img)
{
    img_resize(img, img->size - 512 * KIB - 1);
}

static void cut_one_mib(struct img *img)
{
    img_resize(img, img->size - MIB);
}

static void starts_at_end(struct img *img)
{
    img_block_set(img, 9, 6, img->size);
}

static void one_tib(struct img *img)
{
    img_block_set(img, 2, 6, TIB);
}

static void bitmap_past_end(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->size, BITMAP_PRESENT));
}

static void bitmap_half_past_end(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->size, BITMAP_PRESENT));
    img_resize(img, img->size + 512 * KIB);
}

static void move_bitmap(struct img *img, uint64_t off)
{
    img_write(img, off, img_bytes(img, img_bitmap_off(img, 0), IMG_PAGE_LEN), IMG_PAGE_LEN);
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(off, BITMAP_PRESENT));
}

static void bitmap_moved_to_end(struct img *img)
{
    img_resize(img, img->size + MIB);
    move_bitmap(img, img->size - MIB);
}

/* ---- BAT: collisions ---- */

static void over_log(struct img *img)
{
    img_block_set(img, 9, 6, img->log_off);
}

static void behind_log(struct img *img)
{
    img_resize(img, img->size + 2 * MIB);
    img_block_set(img, 9, 6, img->size - 2 * MIB);
}

static void bitmap_over_log(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->log_off, BITMAP_PRESENT));
}

static void over_metadata(struct img *img)
{
    img_block_set(img, 9, 6, img->metadata_off);
}

static void over_bat(struct img *img)
{
    img_block_set(img, 9, 6, img->bat_off);
}

static void bitmap_over_bat(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->bat_off, BITMAP_PRESENT));
}

static void same_place(struct img *img)
{
    img_block_set(img, 9, 6, img_block_off(img, 0));
}

static void same_place_thrice(struct img *img)
{
    img_block_set(img, 2, 6, img_block_off(img, 0));
    img_block_set(img, 9, 6, img_block_off(img, 0));
}

static void half_over(struct img *img)
{
    img_block_set(img, 9, 6, img_block_off(img, 0) + MIB);
}

static void payload_over_bitmap(struct img *img)
{
    img_resize(img, img->size + 2 * MIB);
    move_bitmap(img, img->size - MIB);
    img_block_set(img, 2, 6, img->size - 2 * MIB);
}

static void bitmap_over_payload(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img_block_off(img, 2) + MIB, BITMAP_PRESENT));
}

/* Two chunks with a bitmap each. */
static const struct img_block two_partial[] = {{.block = 0, .state = 7}, {.block = 2048, .state = 7}};
static const struct img_params two_bitmaps = {
    .type = IMG_DIFFERENCING, .virtual_size = 5 * GIB, .states = "", .blocks = two_partial, .block_count = 2};

static void bitmaps_share_place(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 1), img_bat_get(img, img_bitmap_index(img, 0)));
}

static const struct img_params anchored = {.states = "6.62M....6"};

static void anchor_over_block(struct img *img)
{
    img_block_set(img, 4, 3, img_block_off(img, 0));
}

static void anchor_over_later_block(struct img *img)
{
    img_block_set(img, 4, 1, img_block_off(img, 9));
}

static void anchor_past_end(struct img *img)
{
    img_block_set(img, 4, 3, img->size);
}

static void anchor_over_log(struct img *img)
{
    img_block_set(img, 4, 3, img->log_off);
}

static void no_bitmap(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), 0);
}

/* ---- BAT: slots without a block ---- */

static void padding_state(struct img *img)
{
    img_bat_set(img, img->geometry.entries, PAYLOAD_ZERO);
}

static void padding_place(struct img *img)
{
    img_bat_set(img, img->geometry.entries, bat_entry_make(4 * MIB, PAYLOAD_ZERO));
}

static void padding_live(struct img *img)
{
    img_bat_set(img, img->geometry.entries, bat_entry_make(img->size, PAYLOAD_FULLY_PRESENT));
    img_resize(img, img->size + 2 * MIB);
}

static void child_slot_behind_disk(struct img *img)
{
    img_bat_set(img, img->geometry.payload_blocks, bat_entry_make(4 * MIB, PAYLOAD_NOT_PRESENT));
}

static void child_live_behind_disk(struct img *img)
{
    img_bat_set(img, img->geometry.payload_blocks, bat_entry_make(img->size, PAYLOAD_FULLY_PRESENT));
    img_resize(img, img->size + 2 * MIB);
}

static void child_state_behind_disk(struct img *img)
{
    img_bat_set(img, img->geometry.payload_blocks, PAYLOAD_ZERO);
}

/* ---- BAT: type ---- */

static const struct img_params fixed = {.type = IMG_FIXED};
static const struct img_params fixed_zeros = {.type = IMG_FIXED, .layout = IMG_QEMU, .states = "2222222222"};
static const struct img_params all_in_order = {.states = "6666666666"};

static void one_block_zero(struct img *img)
{
    img_block_set(img, 5, 2, 0);
}

static void room_for_disk(struct img *img)
{
    img_resize(img, img->metadata_off + img->metadata_len + 20 * MIB);
}

static void room_for_disk_but_one(struct img *img)
{
    img_resize(img, img->metadata_off + img->metadata_len + 19 * MIB);
}

static void swap_blocks(struct img *img)
{
    uint64_t a = img_bat_get(img, 1);
    img_bat_set(img, 1, img_bat_get(img, 2));
    img_bat_set(img, 2, a);
}

/* ---- BAT: faulty writers ---- */

static const struct img_block shift_base[] = {{.block = 0, .state = 6, .off = 8 << 20},
                                              {.block = 4, .state = 6, .off = 4 << 20}};
static const struct img_params shift_params = {.states = "", .blocks = shift_base, .block_count = 2};

/* The last entry went into the slot behind the end; entry 0 is the newest block. */
static void shift_into_padding(struct img *img)
{
    img_bat_set(img, 10, bat_entry_make(6 * MIB, 6));
}

/* A newer block elsewhere: whatever stands in the padding did not come by this way. */
static void shift_but_not_newest(struct img *img)
{
    shift_into_padding(img);
    img_block_set(img, 0, 6, 4 * MIB);
    img_block_set(img, 4, 6, 8 * MIB);
}

static void shift_into_slot(struct img *img)
{
    img_resize(img, 100 * MIB);
    img_bat_set(img, 0, bat_entry_make(68 * MIB, 6));
    img_bat_set(img, 128, bat_entry_make(36 * MIB, 6)); /* the bitmap slot; 129 took its zero */
}

static void slot_taken_both_sides(struct img *img)
{
    shift_into_slot(img);
    img_resize(img, 132 * MIB);
    img_bat_set(img, 129, bat_entry_make(4 * MIB, 6));
}

/* What the faulty writer logs: the first entry, then the old page from its begin. */
static void shift_whole_page(struct img *img)
{
    for (uint64_t i = 10; i > 0; i--)
        img_bat_set(img, i, img_bat_get(img, i - 1));
}

/* Blocks on both sides of the slot and in it, and nothing behind index PB: as cloud-hypervisor writes. */
static void no_interleave(struct img *img)
{
    for (uint64_t i = 0; i < 3; i++)
        img_bat_set(img, 127 + i, bat_entry_make((4 + 32 * i) * MIB, 6));
    img_resize(img, 100 * MIB);
}

static void interleave(struct img *img)
{
    img_bat_set(img, 127, bat_entry_make(4 * MIB, 6));
    img_bat_set(img, 129, bat_entry_make(36 * MIB, 6));
    img_resize(img, 68 * MIB);
}

/* ---- BAT: facts ---- */

static void undefined_block(struct img *img)
{
    img_block_set(img, 5, 1, 0);
}

static const struct img_params no_data = {.states = "6", .data = IMG_DATA_NONE};

/* The blocks are holes, and the host has less on disk than they should hold. */
static void deep(struct scene *s)
{
    s->check.deep = true;
}

static void blocks_zeroed(struct img *img)
{
    img_fill(img, img_block_off(img, 3), 3 * img->params.block_size, 0);
}

static void blocks_zeroed_but_one_byte_each(struct img *img)
{
    blocks_zeroed(img);
    *img_bytes(img, img_block_off(img, 3) + MIB, 1) = 1;
    *img_bytes(img, img_block_off(img, 4), 1) = 1;
    *img_bytes(img, img_block_off(img, 6) - 1, 1) = 1;
}

static void host_is_sparse(struct scene *s)
{
    s->host_given = true;
    s->host.info.size = s->img->size;
    s->host.info.allocated_bytes = MIB;
}

static void host_is_not_sparse(struct scene *s)
{
    s->host_given = true;
    s->host.info.size = s->img->size;
    s->host.info.allocated_bytes = 2 * MIB;
}

static void dirty_bat(struct img *img)
{
    img_resize(img, img->size + 2 * MIB);
    img_make_dirty_bat(img, img_block_index(img, 5), bat_entry_make(img->size - 2 * MIB, 6));
}

/* Of block 1 and block 0, so that the second one is told behind the first. */
static void dirty_bat_of_two(struct img *img)
{
    uint8_t *page = img_page_copy(img, img->bat_off);
    put_le64(page, PAYLOAD_ZERO);
    put_le64(page + 8, PAYLOAD_UNMAPPED);
    img_make_dirty(img, &(struct img_log_desc){.off = img->bat_off, .page = page}, 1);
}

static void dirty_empty(struct img *img)
{
    img_make_dirty(img, NULL, 0);
}

/* ---- sector bitmaps ---- */

static void bits_of_absent(struct img *img)
{
    img_bitmap_set(img, 1, 0, 8, true);
}

static void bits_of_present(struct img *img)
{
    img_bitmap_set(img, 2, 0, 8, true);
}

static void bits_behind_disk(struct img *img)
{
    img_bitmap_set(img, 10, 0, 1, true);
}

static const struct img_params odd_child = {.type = IMG_DIFFERENCING, .virtual_size = 19 * MIB + 512};

static void bits_behind_sector(struct img *img)
{
    img_bitmap_set(img, 9, 2049, 1, true); /* sectors 0 .. 2048 of block 9 exist */
}

static void bits_all(struct img *img)
{
    img_bitmap_set(img, 0, 0, 4096, true);
}

static void bits_all_but_one(struct img *img)
{
    bits_all(img);
    img_bitmap_set(img, 0, 4095, 1, false);
}

static void bits_none(struct img *img)
{
    img_bitmap_set(img, 0, 0, 4096, false);
}

static void bits_one(struct img *img)
{
    bits_none(img);
    img_bitmap_set(img, 0, 4095, 1, true);
}

static void bitmap_idle(struct img *img)
{
    bits_none(img);
    img_bitmap_set(img, 9, 0, 4096, false);
    set_state(img, 0, 6);
    set_state(img, 9, 6);
}

/* The first sector of block 0 (state 7) whose bit is `value`, filled. */
static void fill_sector(struct img *img, bool value)
{
    uint64_t sector = 0;
    while (img_sector_present(img, 0, sector) != value)
        sector++;
    img_fill(img, img_block_off(img, 0) + sector * 512, 512, 0x5a);
}

static void parents_sector_filled(struct img *img)
{
    fill_sector(img, false);
}

static void own_sector_filled(struct img *img)
{
    fill_sector(img, true);
}

static void bits_alternate(struct img *img)
{
    for (uint64_t i = 0; i < 4096; i++)
        img_bitmap_set(img, 0, i, 1, i % 2 == 0);
}

static void dirty_bitmap(struct img *img)
{
    uint8_t *page = img_page_copy(img, img_bitmap_off(img, 0));
    page[0] ^= 0xFF;
    img_make_dirty(img, &(struct img_log_desc){.off = img_bitmap_off(img, 0), .page = page}, 1);
}

static void dirty_child_bat(struct img *img)
{
    img_make_dirty_bat(img, img_block_index(img, 5), PAYLOAD_ZERO);
}

#define E SEVERITY_ERROR
#define W SEVERITY_WARNING
#define I SEVERITY_INFO

static const struct test_case cases[] = {
    {"rg-bat-14-bat-region-one-entry-too-small", "VHDX-BAT-001", E, .params = &fits_one_mib,
     .mutate = bat_one_entry_short, .inside = bat_one_mib},
    {"bat-child-bat-lacks-slots-behind-the-disk-only", "VHDX-BAT-001", W, .params = &child_fits_but_tail,
     .mutate = bat_one_mib},
    {"bat-child-bat-one-payload-entry-too-small", "VHDX-BAT-001", E, .params = &child_fits_but_tail,
     .mutate = bat_one_entry_short},
    {"rg-bat-08-state-4", "VHDX-BAT-002", E, .mutate = state_4, .inside = state_6, .at = 0x300010},
    {"rg-bat-08-state-5-unmapped-of-the-draft", "VHDX-BAT-003", E, .mutate = state_5, .inside = state_3},
    {"bat-state-7-in-a-disk-without-parent", "VHDX-BAT-004", E, .mutate = state_7, .inside = state_6},
    {"rg-bat-17-bitmap-slot-of-a-child-in-state-3", "VHDX-BAT-005", E, .params = &child, .mutate = bitmap_state_3,
     .also = "VHDX-BAT-020"},
    {"bat-bitmap-slot-of-a-dynamic-disk-in-state-2-with-a-place", "VHDX-BAT-005", E, .params = &five_chunks,
     .mutate = slot_zero_state_with_place},
    {"bat-bitmap-slot-of-a-dynamic-disk-in-state-2", "VHDX-BAT-005", I, .params = &five_chunks,
     .mutate = slot_zero_state},
    {"bat-bitmap-without-parent-in-free-space", "VHDX-BAT-006", W, .params = &five_chunks, .mutate = slot_present_free},
    {"bat-bitmap-without-parent-over-a-block", "VHDX-BAT-006", E, .params = &five_chunks, .mutate = slot_present_taken},
    {"bat-bitmap-without-parent-and-place", "VHDX-BAT-006", E, .params = &five_chunks, .mutate = slot_present_nowhere},
    {"bat-bitmap-without-parent-past-the-end", "VHDX-BAT-006", E, .params = &five_chunks,
     .mutate = slot_present_past_end},
    {"rg-bat-07-reserved-bit-3", "VHDX-BAT-007", W, .mutate = reserved_bits},
    {"rg-bat-07-reserved-bit-19", "VHDX-BAT-007", W, .mutate = reserved_bit_19},
    {"rg-bat-01-payload-at-file-offset-0", "VHDX-BAT-008", E, .mutate = offset_zero, .at = 0x300010},
    {"bat-sector-bitmap-at-file-offset-0", "VHDX-BAT-008", E, .params = &child, .mutate = bitmap_offset_zero},
    {"bat-absent-block-with-a-place", "VHDX-BAT-009", W, .mutate = absent_with_place, .inside = state_3},
    {"rg-bat-09-zero-with-a-place", "VHDX-BAT-009", W, .mutate = zero_with_place},
    {"rg-bat-06-payload-offset-2-44-1-mib", "VHDX-BAT-010", E, .mutate = offset_wraps, .also = "VHDX-FILE-004"},
    {"bat-payload-ends-past-2-63", "VHDX-BAT-010", E, .mutate = offset_signed, .inside = offset_far_outside,
     .guard_also = "VHDX-BAT-012 VHDX-BAT-028 VHDX-FILE-004", .also = "VHDX-FILE-004"},
    {"bat-last-block-cut-behind-the-disk", "VHDX-BAT-011", W, .params = &cut_disk, .mutate = cut_padding},
    {"rg-bat-05-last-block-one-guest-byte-short", "VHDX-BAT-012", E, .params = &cut_disk, .mutate = cut_one_guest_byte,
     .inside = cut_padding, .also = "VHDX-FILE-004", .guard_also = "VHDX-BAT-011"},
    {"rg-bat-05-file-one-mib-short", "VHDX-BAT-012", E, .mutate = cut_one_mib, .also = "VHDX-FILE-004"},
    {"rg-bat-05-block-starts-at-the-end-of-the-file", "VHDX-BAT-012", E, .mutate = starts_at_end,
     .also = "VHDX-FILE-004"},
    {"bat-payload-beyond-eof", "VHDX-BAT-012", E, .mutate = one_tib, .also = "VHDX-FILE-004"},
    {"rg-bat-04-bat-entry-over-the-log", "VHDX-BAT-014", E, .mutate = over_log, .inside = behind_log},
    {"rg-bat-04-sector-bitmap-over-the-log", "VHDX-BAT-014", E, .params = &child, .mutate = bitmap_over_log},
    {"rg-bat-04-bat-entry-over-the-metadata-region", "VHDX-BAT-015", E, .mutate = over_metadata, .inside = behind_log},
    {"rg-bat-04-bat-entry-over-the-bat-region", "VHDX-BAT-015", E, .mutate = over_bat},
    {"rg-bat-04-sector-bitmap-over-the-bat-region", "VHDX-BAT-015", E, .params = &child, .mutate = bitmap_over_bat},
    {"rg-bat-02-two-bat-entries-same-payload-block", "VHDX-BAT-016", E, .mutate = same_place, .at = 0x300000,
     .count = 1, .says = "BAT entries 0 and 9"},
    {"bat-three-bat-entries-same-payload-block", "VHDX-BAT-016", E, .mutate = same_place_thrice, .count = 2},
    {"rg-bat-03-payload-blocks-overlap-by-half", "VHDX-BAT-017", E, .mutate = half_over},
    {"bat-payload-over-a-sector-bitmap", "VHDX-BAT-018", E, .params = &child, .mutate = payload_over_bitmap},
    {"bat-sector-bitmap-over-payload", "VHDX-BAT-018", E, .params = &child, .mutate = bitmap_over_payload},
    {"bat-two-sector-bitmaps-at-one-place", "VHDX-BAT-018", E, .params = &two_bitmaps, .mutate = bitmaps_share_place},
    {"bat-soft-anchor-over-an-earlier-block", "VHDX-BAT-019", W, .params = &anchored, .mutate = anchor_over_block},
    {"bat-soft-anchor-over-a-later-block", "VHDX-BAT-019", W, .params = &anchored, .mutate = anchor_over_later_block},
    {"bat-soft-anchor-past-the-end", "VHDX-BAT-019", W, .params = &anchored, .mutate = anchor_past_end,
     .also = "VHDX-FILE-004"},
    {"bat-soft-anchor-over-the-log", "VHDX-BAT-019", W, .params = &anchored, .mutate = anchor_over_log},
    {"rg-bat-17-partially-present-without-a-bitmap", "VHDX-BAT-020", E, .params = &child, .mutate = no_bitmap,
     .inside = child_state_7, .count = 2},
    {"bat-state-bits-behind-the-last-entry", "VHDX-BAT-021", I, .mutate = padding_state},
    {"bat-place-behind-the-last-entry", "VHDX-BAT-021", W, .mutate = padding_place},
    {"bat-live-block-behind-the-last-entry", "VHDX-BAT-021", W, .mutate = padding_live, .also = "VHDX-META-043"},
    {"bat-place-behind-the-last-block-of-a-child", "VHDX-BAT-021", W, .params = &child,
     .mutate = child_slot_behind_disk},
    {"bat-live-block-behind-the-last-block-of-a-child", "VHDX-META-043", W, .params = &child,
     .mutate = child_live_behind_disk, .also = "VHDX-BAT-021"},
    {"bat-state-bits-behind-the-last-block-of-a-child", "VHDX-BAT-021", I, .params = &child,
     .mutate = child_state_behind_disk},
    {"rg-bat-16-fixed-disk-with-an-absent-block", "VHDX-BAT-022", I, .params = &fixed, .mutate = one_block_zero},
    {"bat-dynamic-disk-laid-out-like-a-fixed-one", "VHDX-BAT-023", I, .params = &all_in_order, .inside = swap_blocks},
    {"bat-fixed-disk-of-qemu-space-reserved-and-unused", "VHDX-BAT-024", I, .params = &fixed_zeros,
     .mutate = room_for_disk, .inside = room_for_disk_but_one},
    {"bat-page-shift-into-the-padding", "VHDX-BAT-025", W, .params = &shift_params, .mutate = shift_into_padding,
     .inside = shift_but_not_newest, .also = "VHDX-BAT-021 VHDX-META-043", .guard_also = "VHDX-BAT-021 VHDX-META-043"},
    {"bat-page-shift-into-a-bitmap-slot", "VHDX-BAT-025", W, .params = &five_chunks_of_32, .mutate = shift_into_slot,
     .inside = slot_taken_both_sides, .also = "VHDX-BAT-006", .guard_also = "VHDX-BAT-006 VHDX-BAT-026"},
    {"rg-log-20-page-of-the-bat-moved-by-8-bytes", "VHDX-BAT-025", W, .params = &all_in_order,
     .mutate = shift_whole_page, .also = "VHDX-BAT-016 VHDX-BAT-021 VHDX-META-043"},
    {"rg-bat-12-bat-without-slots-for-bitmaps", "VHDX-BAT-026", W, .params = &five_chunks_of_32,
     .mutate = no_interleave, .inside = interleave, .also = "VHDX-BAT-006"},
    {"bat-histogram", "VHDX-BAT-027", I, .no_guard = true, .count = 1},
    {"bat-payload-at-256-tib", "VHDX-BAT-028", W, .mutate = offset_2_28, .inside = offset_below_2_28},
    {"bat-bat-region-two-mib-larger-than-needed", "VHDX-BAT-029", I, .params = &bat_with_room, .mutate = bat_three_mib},
    {"bat-undefined-block", "VHDX-BAT-030", I, .mutate = undefined_block},
    {"bat-blocks-of-zeros", "VHDX-BAT-031", I, .params = &all_in_order, .mutate = blocks_zeroed, .damage = deep,
     .inside = blocks_zeroed_but_one_byte_each, .guard = deep, .count = 1, .says = "3 blocks from 3 on",
     .at = 0xa00000},
    {"bat-blocks-in-holes", "VHDX-BAT-032", I, .params = &no_data, .damage = host_is_sparse,
     .guard = host_is_not_sparse},
    {"bat-log-changes-the-bat", "VHDX-BAT-034", I, .mutate = dirty_bat, .inside = dirty_empty, .also = "VHDX-LOG-001",
     .guard_also = "VHDX-LOG-001"},
    {"bat-log-changes-two-entries", "VHDX-BAT-034", I, .mutate = dirty_bat_of_two, .also = "VHDX-LOG-001",
     .says = "2 BAT entries: entry 0 0x400006 -> 0x2, entry 1 0x0 -> 0x3", .at = 0x300000},
    {"sbm-sector-bitmap-past-the-end", "VHDX-SBM-001", E, .params = &child, .mutate = bitmap_past_end,
     .inside = bitmap_moved_to_end, .also = "VHDX-FILE-004"},
    {"sbm-sector-bitmap-half-past-the-end", "VHDX-SBM-001", E, .params = &child, .mutate = bitmap_half_past_end,
     .also = "VHDX-FILE-004"},
    {"sbm-bits-of-an-absent-block", "VHDX-SBM-002", I, .params = &child, .mutate = bits_of_absent},
    {"sbm-bits-of-a-present-block", "VHDX-SBM-003", I, .params = &child, .mutate = bits_of_present},
    {"sbm-bits-of-a-block-behind-the-disk", "VHDX-SBM-004", I, .params = &child, .mutate = bits_behind_disk},
    {"sbm-bits-of-a-sector-behind-the-disk", "VHDX-SBM-004", I, .params = &odd_child, .mutate = bits_behind_sector},
    {"sbm-all-bits-of-a-block", "VHDX-SBM-005", I, .params = &child, .mutate = bits_all, .inside = bits_all_but_one},
    {"sbm-no-bit-of-a-block", "VHDX-SBM-006", I, .params = &child, .mutate = bits_none, .inside = bits_one},
    {"sbm-bitmap-without-a-partially-present-block", "VHDX-SBM-007", I, .params = &child, .mutate = bitmap_idle},
    {"sbm-log-changes-a-sector-bitmap", "VHDX-SBM-008", I, .params = &child, .mutate = dirty_bitmap,
     .inside = dirty_child_bat, .also = "VHDX-LOG-001", .guard_also = "VHDX-LOG-001"},
    {"sbm-data-in-a-sector-of-the-parent", "VHDX-SBM-009", I, .params = &child, .mutate = parents_sector_filled,
     .damage = deep, .inside = own_sector_filled, .guard = deep, .count = 1, .says = "1 of its 4096 sectors"},
    {"sbm-bits-that-alternate", "VHDX-SBM-010", I, .params = &child, .mutate = bits_alternate},
};

const struct case_table block_cases = {"blocks", cases, sizeof(cases) / sizeof(cases[0])};
