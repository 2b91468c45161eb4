/* SPDX-License-Identifier: MIT */
/*
 * Cases of the log. The image is the default one, 12 MiB with a log of 1 MiB; entries are laid into the ring one by
 * one. Bugs that other tools had carry the names of the regressions (rg-log-nn).
 */
#include "cases.h"

#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format/log_entry.h"

/* One live entry at the begin of the ring that is its own tail. */
static void live(struct img *img, struct img_log_entry e)
{
    if (e.sequence_number == 0)
        e.sequence_number = 1;
    img_log_begin(img, 0, e.sequence_number);
    img_log_write(img, 0, &e);
}

/* The same with one descriptor. */
static void live_desc(struct img *img, uint64_t off, const uint8_t *page, uint64_t len)
{
    live(img, (struct img_log_entry){.descs = &(struct img_log_desc){.off = off, .page = page, .len = len},
                                     .desc_count = 1});
}

/* Entries without descriptors, in a ring that is not live. */
static void stale(struct img *img, struct img_log_entry e)
{
    e.guid = img_guid(IMG_WINDOWS, 'S', 1);
    if (e.sequence_number == 0)
        e.sequence_number = 1;
    img_log_write(img, 0, &e);
}

static void stale_entry(struct img *img)
{
    stale(img, (struct img_log_entry){.tail = 0});
}

/* ---- state ---- */

static void dirty_bat(struct img *img)
{
    img_resize(img, img->size + 2 * MIB);
    img_make_dirty_bat(img, img_block_index(img, 5), bat_entry_make(img->size - 2 * MIB, 6));
}

static void dirty_bat_closed(struct img *img)
{
    dirty_bat(img);
    img_log_end(img);
}

/* The second entry goes over the end of the ring. */
static void dirty_over_the_seam(struct img *img)
{
    uint8_t *page = img_page_copy(img, img->bat_off);
    put_le64(page + 40, PAYLOAD_ZERO);
    img_log_begin(img, (uint32_t)(img->log_len - 2 * 4096), 7);
    img_log_append(img, NULL, 0);
    img_log_append(img, &(struct img_log_desc){.off = img->bat_off, .page = page}, 1);
}

/* The third entry is the first one in the ring: QEMU begins and ends with it, and misses the second. */
static void dirty_around_the_seam(struct img *img)
{
    uint8_t *page = img_page_copy(img, img->bat_off);
    img_log_begin(img, (uint32_t)(img->log_len - 3 * 4096), 7);
    img_log_append(img, NULL, 0);
    put_le64(page + 40, PAYLOAD_ZERO);
    img_log_append(img, &(struct img_log_desc){.off = img->bat_off, .page = page}, 1);
    put_le64(page + 40, PAYLOAD_UNMAPPED);
    img_log_append(img, &(struct img_log_desc){.off = img->bat_off, .page = page}, 1);
}

/* As above, but what it misses is empty. */
static void dirty_behind_the_seam(struct img *img)
{
    uint8_t *page = img_page_copy(img, img->bat_off);
    put_le64(page + 40, PAYLOAD_ZERO);
    img_log_begin(img, (uint32_t)(img->log_len - 4096), 7);
    img_log_append(img, NULL, 0);
    img_log_append(img, &(struct img_log_desc){.off = img->bat_off, .page = page}, 1);
}

static void no_entry(struct img *img)
{
    img_log_begin(img, 0, 1);
}

static void no_live_entry(struct img *img)
{
    stale_entry(img);
    img_log_begin(img, 0, 1);
}

static void only_number_zero(struct img *img)
{
    img_log_begin(img, 0, 1);
    img_log_write(img, 0, &(struct img_log_entry){.sequence_number = 0});
}

static void tail_at_nothing(struct img *img)
{
    live(img, (struct img_log_entry){.tail = 0x5000});
}

static void only_torn_entry(struct img *img)
{
    live(img, (struct img_log_entry){.flags = IMG_LOG_BAD_CRC});
}

static void empty_entry(struct img *img)
{
    live(img, (struct img_log_entry){.tail = 0});
}

static void flushed_past_end(struct img *img)
{
    live(img, (struct img_log_entry){.flushed = img->size + MIB, .last = img->size + MIB});
}

static void earlier_flushed_past_end(struct img *img)
{
    img_log_begin(img, 0, 1);
    uint32_t next = img_log_write(
        img, 0, &(struct img_log_entry){.sequence_number = 1, .flushed = img->size + MIB, .last = img->size + MIB});
    img_log_write(img, next, &(struct img_log_entry){.sequence_number = 2});
}

static void two_entries(struct img *img)
{
    img_make_dirty(img, NULL, 0);
    img_log_append(img, NULL, 0);
}

/* ---- broken entries ---- */

static void torn_last_entry(struct img *img)
{
    img_log_begin(img, 0, 1);
    uint32_t next = img_log_write(img, 0, &(struct img_log_entry){.sequence_number = 1});
    img_log_write(img, next, &(struct img_log_entry){.sequence_number = 2, .flags = IMG_LOG_BAD_CRC});
}

static void torn_entry_in_between(struct img *img)
{
    torn_last_entry(img);
    img_log_write(img, 0x2000, &(struct img_log_entry){.sequence_number = 3, .tail = 0x2000});
}

static void torn_entry_before_another(struct img *img)
{
    torn_last_entry(img);
    img_log_write(img, 0x2000, &(struct img_log_entry){.sequence_number = 9, .tail = 0x2000});
}

/* A stale entry with another value in a field of its header; the checksum is right again. */
static void stale_with(struct img *img, size_t field, uint32_t value)
{
    uint64_t len;
    uint8_t *e =
        img_log_build(img, &(struct img_log_entry){.sequence_number = 1, .guid = img_guid(IMG_WINDOWS, 'S', 1)}, &len);
    put_le32(e + field, value);
    log_entry_sign(e, len);
    img_log_put(img, 0, e, len);
    free(e);
}

static void length_0(struct img *img)
{
    stale_with(img, 8, 0);
}

static void length_odd(struct img *img)
{
    stale_with(img, 8, 4096 + 512);
}

static void length_above_log(struct img *img)
{
    stale_with(img, 8, (uint32_t)(img->log_len + 4096));
}

/* As long as the log: possible, but the rest of it is zeros. */
static void length_of_log(struct img *img)
{
    stale_with(img, 8, (uint32_t)img->log_len);
}

static void tail_odd(struct img *img)
{
    stale_with(img, 12, 512);
}

static void tail_at_log_end(struct img *img)
{
    stale_with(img, 12, (uint32_t)img->log_len);
}

static void tail_at_last_sector(struct img *img)
{
    stale_with(img, 12, (uint32_t)(img->log_len - 4096));
}

static void stale_number_zero(struct img *img)
{
    stale_with(img, 16, 0);
}

static void descriptors_127(struct img *img)
{
    stale_with(img, 24, 127);
}

static void descriptors_126(struct img *img)
{
    stale_with(img, 24, 126); /* they fit, and are zeros */
}

static void descriptors_2_27(struct img *img)
{
    stale_with(img, 24, (uint32_t)1 << 27);
}

static void stale_data(struct img *img, unsigned flags)
{
    stale(img, (struct img_log_entry){
                   .descs = &(struct img_log_desc){.off = img->bat_off, .page = img_page_copy(img, img->bat_off)},
                   .desc_count = 1,
                   .flags = flags,
               });
}

static void data_right(struct img *img)
{
    stale_data(img, 0);
}

static void descriptor_signature(struct img *img)
{
    stale_data(img, IMG_LOG_BAD_DESC_SIGNATURE);
}

static void descriptor_sequence(struct img *img)
{
    stale_data(img, IMG_LOG_BAD_DESC_SEQUENCE);
}

static void descriptor_unaligned(struct img *img)
{
    stale(img, (struct img_log_entry){.descs = &(struct img_log_desc){.off = img->bat_off + 512, .len = 4096},
                                      .desc_count = 1});
}

static void zero_length_unaligned(struct img *img)
{
    stale(img,
          (struct img_log_entry){.descs = &(struct img_log_desc){.off = img->bat_off, .len = 512}, .desc_count = 1});
}

static void zero_length_right(struct img *img)
{
    stale(img,
          (struct img_log_entry){.descs = &(struct img_log_desc){.off = img->bat_off, .len = 4096}, .desc_count = 1});
}

static void data_signature(struct img *img)
{
    stale_data(img, IMG_LOG_BAD_DATA_SIGNATURE);
}

static void data_sequence_high(struct img *img)
{
    stale_data(img, IMG_LOG_BAD_DATA_HIGH);
}

static void data_sequence_low(struct img *img)
{
    stale_data(img, IMG_LOG_BAD_DATA_LOW);
}

/* Every sector starts an entry as long as the rest of the ring, with a descriptor that fits and data that does not. */
static void ring_of_near_entries(struct img *img)
{
    for (uint32_t at = 0; at < img->log_len; at += 4096) {
        uint64_t len;
        uint8_t *e =
            img_log_build(img,
                          &(struct img_log_entry){
                              .sequence_number = 1,
                              .guid = img_guid(IMG_WINDOWS, 'S', 1),
                              .descs = &(struct img_log_desc){.off = img->bat_off, .page = img_page_copy(img, 0)},
                              .desc_count = 1,
                          },
                          &len);
        img_log_put(img, at, e, 4096);
        free(e);
    }
}

static void longer_than_needed(struct img *img)
{
    empty_entry(img);
    img_log_write(img, 0x1000, &(struct img_log_entry){.sequence_number = 2, .extra_sectors = 1});
}

/* ---- valid entries ---- */

static void live_with(struct img *img, const struct img_log_desc *descs, uint32_t count, size_t field, uint32_t value)
{
    uint64_t len;
    img_log_begin(img, 0, 1);
    uint8_t *e =
        img_log_build(img, &(struct img_log_entry){.sequence_number = 1, .descs = descs, .desc_count = count}, &len);
    put_le32(e + field, value);
    log_entry_sign(e, len);
    img_log_put(img, 0, e, len);
    free(e);
}

static void header_reserved(struct img *img)
{
    live_with(img, NULL, 0, 28, 1);
}

static void zero_reserved(struct img *img)
{
    live_with(img, &(struct img_log_desc){.off = img->bat_off + 0x10000, .len = 4096}, 1, 64 + 4, 1);
}

static void last_unaligned(struct img *img)
{
    live(img, (struct img_log_entry){.flushed = img->size, .last = img->size + 4 * MIB + 4096});
}

static void last_aligned(struct img *img)
{
    live(img, (struct img_log_entry){.flushed = img->size, .last = img->size + 4 * MIB});
}

static void sizes_equal_unaligned(struct img *img)
{
    live(img, (struct img_log_entry){.flushed = img->size - 512, .last = img->size - 512});
}

static void last_2_50(struct img *img)
{
    live(img, (struct img_log_entry){.flushed = img->size, .last = (uint64_t)1 << 50});
}

static void last_2_47(struct img *img)
{
    live(img, (struct img_log_entry){.flushed = img->size, .last = (uint64_t)1 << 47});
}

static void flushed_2_50(struct img *img)
{
    live(img, (struct img_log_entry){.flushed = (uint64_t)1 << 50, .last = (uint64_t)1 << 50});
}

static void flushed_past_end_last_2_50(struct img *img)
{
    live(img, (struct img_log_entry){.flushed = img->size + MIB, .last = (uint64_t)1 << 50});
}

static void flushed_0(struct img *img)
{
    stale(img, (struct img_log_entry){.last = img->size, .flags = IMG_LOG_NO_FILE_SIZES});
}

static void flushed_above_last(struct img *img)
{
    stale(img, (struct img_log_entry){.flushed = img->size, .last = img->size - MIB});
}

/* ---- targets ---- */

static void into_header(struct img *img)
{
    live_desc(img, HEADER_OFF[1], img_page_copy(img, 0), 0);
}

static void into_last_page_below(struct img *img)
{
    live_desc(img, LOG_TARGET_MIN - 4096, NULL, 4096);
}

static void into_region_table(struct img *img)
{
    live_desc(img, LOG_TARGET_MIN, img_page_copy(img, LOG_TARGET_MIN), 0);
}

static void into_log(struct img *img)
{
    live_desc(img, img->log_off + 0x8000, img_page_copy(img, img->bat_off), 0);
}

static void into_last_page_of_log(struct img *img)
{
    live_desc(img, img->log_off + img->log_len - 4096, NULL, 8192);
}

static void behind_log(struct img *img)
{
    live_desc(img, img->log_off + img->log_len, img_page_copy(img, img->log_off + img->log_len), 0);
}

static void target_wraps(struct img *img)
{
    live_desc(img, UINT64_MAX - 4095, NULL, 8192);
}

static void zeros_of_one_tib(struct img *img)
{
    live_desc(img, img->bat_off, NULL, TIB);
}

static void page_at_one_tib(struct img *img)
{
    live_desc(img, TIB, img_page_copy(img, img->bat_off), 0);
}

static void write_at(struct img *img, uint64_t off, uint64_t last)
{
    live(img, (struct img_log_entry){
                  .flushed = img->size,
                  .last = last,
                  .descs = &(struct img_log_desc){.off = off, .page = img_page_copy(img, 0)},
                  .desc_count = 1,
              });
}

static void page_past_last_offset(struct img *img)
{
    write_at(img, img->size + MIB, img->size + MIB);
}

static void page_before_last_offset(struct img *img)
{
    write_at(img, img->size + MIB - 4096, img->size + MIB);
}

static void into_payload(struct img *img)
{
    write_at(img, img_block_off(img, 2) + MIB, img->size);
}

static void into_bat(struct img *img)
{
    live_desc(img, img->bat_off, img_page_copy(img, img->bat_off), 0);
}

/* ---- sequences ---- */

/* A run of one entry at 0 (number 5) and another further on. */
static void two_runs(struct img *img, uint64_t number, uint32_t tail)
{
    live(img, (struct img_log_entry){.sequence_number = 5});
    img_log_write(img, 0x10000, &(struct img_log_entry){.sequence_number = number, .tail = tail});
}

static void newer_run_broken(struct img *img)
{
    two_runs(img, 9, 0x2000);
}

static void older_run_broken(struct img *img)
{
    two_runs(img, 4, 0x2000);
}

static void two_sequences(struct img *img)
{
    two_runs(img, 9, 0x10000);
}

static void two_sequences_same_number(struct img *img)
{
    two_runs(img, 5, 0x10000);
}

static void three_entries(struct img *img, uint32_t second_tail, uint32_t third_tail)
{
    live(img, (struct img_log_entry){.sequence_number = 1});
    img_log_write(img, 0x1000, &(struct img_log_entry){.sequence_number = 2, .tail = second_tail});
    img_log_write(img, 0x2000, &(struct img_log_entry){.sequence_number = 3, .tail = third_tail});
}

static void tail_back(struct img *img)
{
    three_entries(img, 0xFE000, 0);
}

static void tail_stays(struct img *img)
{
    three_entries(img, 0, 0);
}

static void tail_back_in_last(struct img *img)
{
    three_entries(img, 0x1000, 0);
}

static void tail_moves(struct img *img)
{
    three_entries(img, 0x1000, 0x1000);
}

static void replay_to_state_4(struct img *img)
{
    img_make_dirty_bat(img, 2, bat_entry_make(img_block_off(img, 2), 4));
}

/* The logged region table says that the BAT lies elsewhere. */
static void replay_moves_bat(struct img *img)
{
    uint8_t old[REGION_TABLE_LEN], new[REGION_TABLE_LEN];
    memcpy(old, img_region_table(img, 0), sizeof(old));
    for (unsigned copy = 0; copy < 2; copy++)
        put_le64(img_region_find(img, copy, KNOWN_REGION_BAT) + 16, img->size + 64 * MIB);
    img_sign_region_tables(img);
    memcpy(new, img_region_table(img, 0), sizeof(new));
    for (unsigned copy = 0; copy < 2; copy++)
        memcpy(img_region_table(img, copy), old, sizeof(old));
    img_make_dirty(img, (struct img_log_desc[]){{REGION_TABLE_OFF[0], new, 0}, {REGION_TABLE_OFF[1], new, 0}}, 2);
}

static void number_gap(struct img *img)
{
    live(img, (struct img_log_entry){.sequence_number = 5});
    img_log_write(img, 0x1000, &(struct img_log_entry){.sequence_number = 7, .tail = 0x1000});
}

static void number_falls(struct img *img)
{
    live(img, (struct img_log_entry){.sequence_number = 5});
    img_log_write(img, 0x1000, &(struct img_log_entry){.sequence_number = 3, .tail = 0x1000});
}

static void number_last(struct img *img)
{
    live(img, (struct img_log_entry){.sequence_number = UINT64_MAX});
}

static void number_far_from_last(struct img *img)
{
    live(img, (struct img_log_entry){.sequence_number = UINT64_MAX - ((uint64_t)1 << 20) - 1});
}

static void zeros_of_length_0(struct img *img)
{
    live_desc(img, img->bat_off, NULL, 0);
}

static void zeros_of_one_page(struct img *img)
{
    live_desc(img, img->bat_off + 0x10000, NULL, 4096);
}

static void same_page_twice(struct img *img)
{
    const uint8_t *page = img_page_copy(img, img->bat_off);
    img_make_dirty(img, NULL, 0);
    img_log_append(img, (struct img_log_desc[]){{img->bat_off, page, 0}, {img->bat_off, page, 0}}, 2);
}

static void same_page_in_two_entries(struct img *img)
{
    const uint8_t *page = img_page_copy(img, img->bat_off);
    img_make_dirty(img, (struct img_log_desc[]){{img->bat_off, page, 0}, {img->bat_off, page, 0}}, 2);
}

/* ---- logs of odd places and sizes ---- */

static const struct img_params log_at_end = {.log_off = 16 * MIB, .states = ""};
static const struct img_params log_of_4095_mib = {.log_len = 4095 * MIB, .states = ""};
static const struct img_params log_of_1_gib = {.log_len = GIB, .states = ""};

static void cut_inside_log(struct img *img)
{
    img_resize(img, img->log_off + 0x1020);
}

#define E SEVERITY_ERROR
#define W SEVERITY_WARNING
#define I SEVERITY_INFO
#define DIRTY .also = "VHDX-LOG-001"
#define GUARD_DIRTY .guard_also = "VHDX-LOG-001"

static const struct test_case cases[] = {
    {"rg-log-01-clean-replay", "VHDX-LOG-001", W, .mutate = dirty_bat, .inside = dirty_bat_closed,
     .says = "2 entries to replay, 1 page "},
    {"rg-log-16-entry-over-the-seam", "VHDX-LOG-001", W, .mutate = dirty_over_the_seam,
     .says = "2 entries to replay, 1 page "},
    {"log-dirty-around-the-seam", "VHDX-LOG-001", W, .mutate = dirty_around_the_seam,
     .says = "3 entries to replay, 1 page "},
    {"log-dirty-behind-the-seam", "VHDX-LOG-001", W, .mutate = dirty_behind_the_seam,
     .says = "2 entries to replay, 1 page "},
    {"rg-log-07-no-entry", "VHDX-LOG-002", E, .mutate = no_entry, .inside = empty_entry, GUARD_DIRTY},
    {"log-no-live-entry", "VHDX-LOG-002", E, .mutate = no_live_entry, .inside = stale_entry},
    {"rg-log-08-sequence-number-0", "VHDX-LOG-002", E, .mutate = only_number_zero},
    {"rg-log-06-tail-at-nothing", "VHDX-LOG-002", E, .mutate = tail_at_nothing, .says = "Tail names no entry"},
    {"log-only-a-torn-entry", "VHDX-LOG-002", E, .mutate = only_torn_entry},
    {"rg-log-12-flushed-past-the-end", "VHDX-LOG-003", E, .mutate = flushed_past_end,
     .inside = earlier_flushed_past_end, GUARD_DIRTY},
    {"log-torn-last-entry", "VHDX-LOG-004", I, .mutate = torn_last_entry, .inside = two_entries, DIRTY, GUARD_DIRTY},
    {"log-torn-entry-in-between", "VHDX-LOG-004", W, .mutate = torn_entry_in_between,
     .inside = torn_entry_before_another, DIRTY, GUARD_DIRTY},
    {"log-entry-length-0", "VHDX-LOG-005", I, .mutate = length_0, .inside = stale_entry},
    {"log-entry-length-odd", "VHDX-LOG-005", I, .mutate = length_odd},
    {"log-entry-length-above-log", "VHDX-LOG-005", I, .mutate = length_above_log, .inside = length_of_log},
    {"log-tail-odd", "VHDX-LOG-006", I, .mutate = tail_odd},
    {"log-tail-at-the-end-of-the-log", "VHDX-LOG-006", I, .mutate = tail_at_log_end, .inside = tail_at_last_sector},
    {"log-stale-sequence-number-0", "VHDX-LOG-007", I, .mutate = stale_number_zero, .inside = stale_entry},
    {"rg-log-18-descriptors-beyond-the-entry", "VHDX-LOG-008", I, .mutate = descriptors_127, .inside = descriptors_126},
    {"rg-log-18-descriptor-count-wraps", "VHDX-LOG-008", I, .mutate = descriptors_2_27},
    {"log-descriptor-signature", "VHDX-LOG-009", I, .mutate = descriptor_signature, .inside = data_right},
    {"log-descriptor-sequence", "VHDX-LOG-009", I, .mutate = descriptor_sequence},
    {"log-descriptor-unaligned", "VHDX-LOG-009", I, .mutate = descriptor_unaligned},
    {"log-zero-length-unaligned", "VHDX-LOG-009", I, .mutate = zero_length_unaligned, .inside = zero_length_right},
    {"log-data-signature", "VHDX-LOG-010", I, .mutate = data_signature, .inside = data_right},
    {"rg-log-19-data-sequence-high", "VHDX-LOG-010", I, .mutate = data_sequence_high},
    {"rg-log-19-data-sequence-low", "VHDX-LOG-010", I, .mutate = data_sequence_low},
    {"rg-log-21-quadratic-scan", "VHDX-LOG-010", I, .mutate = ring_of_near_entries, .count = 256},
    {"log-entry-longer-than-needed", "VHDX-LOG-011", W, .mutate = longer_than_needed, .inside = two_entries, DIRTY,
     GUARD_DIRTY},
    {"log-header-reserved", "VHDX-LOG-012", W, .mutate = header_reserved, .inside = empty_entry, DIRTY, GUARD_DIRTY},
    {"log-zero-descriptor-reserved", "VHDX-LOG-012", W, .mutate = zero_reserved, DIRTY},
    {"rg-log-10-last-file-offset-inexact", "VHDX-LOG-013", W, .mutate = last_unaligned, .inside = last_aligned, DIRTY,
     GUARD_DIRTY},
    {"log-sizes-equal-and-unaligned", "VHDX-LOG-013", I, .mutate = sizes_equal_unaligned, .inside = empty_entry, DIRTY,
     GUARD_DIRTY},
    {"rg-log-09-last-file-offset-exact", "VHDX-LOG-014", I, .mutate = last_aligned, .inside = empty_entry, DIRTY,
     GUARD_DIRTY, .says = "grow by 4194304 bytes"},
    {"rg-log-11-last-file-offset-2-50", "VHDX-LOG-015", E, .mutate = last_2_50, .inside = last_2_47, GUARD_DIRTY},
    {"log-flushed-file-offset-2-50", "VHDX-LOG-015", E, .mutate = flushed_2_50},
    {"log-last-file-offset-2-50-of-a-cut-file", "VHDX-LOG-015", E, .mutate = flushed_past_end_last_2_50,
     .also = "VHDX-LOG-003"},
    {"log-flushed-0", "VHDX-LOG-016", I, .mutate = flushed_0, .inside = stale_entry},
    {"log-flushed-above-last", "VHDX-LOG-016", I, .mutate = flushed_above_last},
    {"rg-log-04-target-in-a-header", "VHDX-LOG-017", E, .mutate = into_header, .inside = into_region_table,
     GUARD_DIRTY},
    {"log-target-one-page-too-low", "VHDX-LOG-017", E, .mutate = into_last_page_below},
    {"rg-log-05-target-in-the-log", "VHDX-LOG-018", E, .mutate = into_log, .inside = behind_log, GUARD_DIRTY},
    {"log-target-begins-in-the-log", "VHDX-LOG-018", E, .mutate = into_last_page_of_log},
    {"log-target-wraps", "VHDX-LOG-019", E, .mutate = target_wraps},
    {"rg-log-02-unbounded-zeros", "VHDX-LOG-020", E, .mutate = zeros_of_one_tib},
    {"rg-log-03-far-write", "VHDX-LOG-020", E, .mutate = page_at_one_tib},
    {"log-target-past-last-file-offset", "VHDX-LOG-020", E, .mutate = page_past_last_offset,
     .inside = page_before_last_offset, GUARD_DIRTY},
    {"log-target-in-payload", "VHDX-LOG-021", W, .mutate = into_payload, .inside = into_bat, DIRTY, GUARD_DIRTY},
    {"log-target-in-free-space", "VHDX-LOG-022", I, .mutate = page_before_last_offset, .inside = into_bat, DIRTY,
     GUARD_DIRTY},
    {"log-newer-run-broken", "VHDX-LOG-023", W, .mutate = newer_run_broken, .inside = older_run_broken, DIRTY,
     GUARD_DIRTY},
    {"rg-log-15-two-sequences", "VHDX-LOG-024", I, .mutate = two_sequences, .inside = older_run_broken, DIRTY,
     GUARD_DIRTY, .says = "(sequence number 9) is the newest"},
    {"log-two-sequences-same-number", "VHDX-LOG-025", W, .mutate = two_sequences_same_number, .inside = two_sequences,
     DIRTY, GUARD_DIRTY},
    {"log-tail-moves-back", "VHDX-LOG-026", W, .mutate = tail_back, .inside = tail_stays, DIRTY, GUARD_DIRTY},
    {"log-tail-moves-back-in-the-last-entry", "VHDX-LOG-026", W, .mutate = tail_back_in_last, .inside = tail_moves,
     DIRTY, GUARD_DIRTY},
    {"log-replay-changes-nothing", "VHDX-LOG-027", I, .mutate = into_bat, .inside = dirty_bat, DIRTY, GUARD_DIRTY},
    {"log-replay-makes-it-worse", "VHDX-LOG-028", E, .mutate = replay_to_state_4, .inside = dirty_bat,
     .also = "VHDX-LOG-001 VHDX-BAT-002", GUARD_DIRTY},
    {"rg-log-23-replay-moves-the-bat", "VHDX-LOG-028", E, .mutate = replay_moves_bat,
     .also = "VHDX-LOG-001 VHDX-RGN-011 VHDX-FILE-004"},
    {"log-only-empty-entries", "VHDX-LOG-029", I, .mutate = two_entries, .inside = into_bat, DIRTY, GUARD_DIRTY},
    {"log-gap-in-numbers", "VHDX-LOG-030", W, .mutate = number_gap, .inside = number_falls, DIRTY, GUARD_DIRTY},
    {"log-last-number", "VHDX-LOG-031", I, .mutate = number_last, .inside = number_far_from_last, DIRTY, GUARD_DIRTY},
    {"log-zeros-of-length-0", "VHDX-LOG-032", I, .mutate = zeros_of_length_0, .inside = zeros_of_one_page, DIRTY,
     GUARD_DIRTY},
    {"rg-log-17-same-page-twice", "VHDX-LOG-033", W, .mutate = same_page_twice, .inside = same_page_in_two_entries,
     DIRTY, GUARD_DIRTY},
    {"log-wiped", "VHDX-LOG-034", I, .mutate = no_entry, .inside = no_live_entry, .also = "VHDX-LOG-002",
     .guard_also = "VHDX-LOG-002"},
    {"rg-log-14-earlier-entry-flushed-past-the-end", "VHDX-LOG-035", I, .mutate = earlier_flushed_past_end,
     .inside = two_entries, DIRTY, GUARD_DIRTY},
    {"rg-log-13-file-ends-inside-an-entry-header", "VHDX-HDR-016", E, .params = &log_at_end, .mutate = cut_inside_log,
     .also = "VHDX-FILE-004"},
    {"rg-log-22-log-of-4-gib", "VHDX-HDR-019", W, .params = &log_of_4095_mib, .guard_params = &log_of_1_gib},
};

const struct case_table log_cases = {"log", cases, sizeof(cases) / sizeof(cases[0])};
