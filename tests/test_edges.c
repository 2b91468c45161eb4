/* SPDX-License-Identifier: MIT */
/*
 * The edges of rules that the case tables do not stand on: a value on its last side, texts that are worked out by hand.
 * Found by changing the rules (tools/mutate): each row was written because nobody noticed. Rows are those of cases.h,
 * run the same way, but no part of the catalogue of cases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/le.h"
#include "cases.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

/* ---- GUIDs with a time: seconds since 1582-10-15 ---- */

static void set_file_write_guid(struct img *img, const char *text)
{
    struct guid g;
    assert_true(guid_parse(text, strlen(text), &g));
    for (unsigned i = 0; i < 2; i++)
        guid_store(img_header(img, i) + IMG_HEADER_FILE_WRITE_GUID, &g);
    img_sign_headers(img);
}

static void guid_at_23_00(struct img *img)
{
    set_file_write_guid(img, "7dfb9800-d730-11e4-8ac6-00155d010203");
}

static void guid_of_1995(struct img *img)
{
    set_file_write_guid(img, "dd648000-24fd-11ce-8ac6-00155d010203");
}

static void guid_of_1994(struct img *img)
{
    set_file_write_guid(img, "dccbe980-24fd-11ce-8ac6-00155d010203");
}

static void guid_of_2095(struct img *img)
{
    set_file_write_guid(img, "a7896980-6147-123f-8ac6-00155d010203");
}

static void guid_of_2112(struct img *img)
{
    set_file_write_guid(img, "b3cb4000-50ba-1251-8ac6-00155d010203");
}

static void guid_of_leap_day(struct img *img)
{
    set_file_write_guid(img, "53e06980-ef04-11d3-8ac6-00155d010203");
}

static void guid_of_march(struct img *img)
{
    set_file_write_guid(img, "cd3fc000-0dd5-11d5-8ac6-00155d010203");
}

static void guid_of_the_last_day(struct img *img)
{
    set_file_write_guid(img, "0d262f80-5abf-11d9-8ac6-00155d010203");
}

/* ---- BAT pages moved up by one entry (QEMU issue 727): the repeated first entry and three blocks in order behind it
 * ---- */

static const struct img_params four_in_order = {.states = "6666......"}, three_in_order = {.states = "666......."};

static void shift_page(struct img *img)
{
    for (uint64_t i = 9; i > 0; i--)
        img_bat_set(img, i, img_bat_get(img, i - 1));
}

/* ---- regions and items that overlap, repeat, or must be understood: one is needed, whoever says so ---- */

static void add_region(struct img *img, uint64_t which, uint64_t back, uint32_t mib, uint32_t required)
{
    img_region_add(img, &(const struct region_entry){.guid = img_guid(IMG_QEMU, 'R', which),
                                                     .off = img->size - back * MIB,
                                                     .len = mib << 20,
                                                     .required_word = required});
}

static void required_region_twice(struct img *img)
{
    img_resize(img, img->size + 2 * MIB);
    add_region(img, 77, 2, 1, 1);
    add_region(img, 77, 1, 1, 1);
}

static void region_twice_once_required(struct img *img)
{
    img_resize(img, img->size + 2 * MIB);
    add_region(img, 77, 2, 1, 1);
    add_region(img, 77, 1, 1, 0);
}

/* Two short ones inside a long one: both overlap it, and not each other. */
static void two_regions_in_one(struct img *img)
{
    img_resize(img, img->size + 3 * MIB);
    add_region(img, 1, 3, 3, 0);
    add_region(img, 2, 2, 1, 0);
    add_region(img, 3, 1, 1, 0);
}

static void three_regions_in_a_row(struct img *img)
{
    img_resize(img, img->size + 3 * MIB);
    for (uint64_t i = 1; i <= 3; i++)
        add_region(img, i, 4 - i, 1, 0);
}

/* ---- logs ---- */

static void only_an_orphan(struct img *img)
{
    img_log_begin(img, 0, 1);
    memcpy(img_bytes(img, img->log_off + 8192, 4), "data", 4);
}

static void only_a_stale_entry(struct img *img)
{
    img_log_begin(img, 0, 1);
    img_log_write(img, 0, &(struct img_log_entry){.sequence_number = 7, .guid = img_guid(IMG_WINDOWS, 'S', 1)});
}

/* Sequences of one entry each, in no order; gaps keep them apart. */
static void put_sequences(struct img *img, const uint64_t *numbers, uint32_t count)
{
    img_log_begin(img, 0, 1);
    for (uint32_t i = 0; i < count; i++)
        img_log_write(img, i * 8192, &(struct img_log_entry){.sequence_number = numbers[i], .tail = i * 8192});
}

static void one_number_twice_of_seven(struct img *img)
{
    put_sequences(img, (const uint64_t[]){90, 50, 70, 20, 60, 50, 10}, 7);
}

static void seven_numbers(struct img *img)
{
    put_sequences(img, (const uint64_t[]){90, 50, 70, 20, 60, 40, 10}, 7);
}

/* ---- a metadata table that the file ends in: what is behind it is not called missing ---- */

static void cut_behind_second_entry(struct img *img)
{
    img_resize(img, img->metadata_off + 32 + 2 * 32);
}

/* ---- CHS parameters, as openvmm defines them: heads per cylinder, sectors per track ---- */

static void set_chs(struct img *img, uint32_t heads, uint32_t sectors)
{
    uint8_t chs[8];
    put_le32(chs, heads);
    put_le32(chs + 4, sectors);
    img_metadata_add(img, &(struct metadata_entry){*known_guid(KNOWN_ITEM_CHS_PARAMETERS), 0x20000, sizeof(chs), 0, 0},
                     chs);
}

static void sixteen_heads(struct img *img)
{
    set_chs(img, 16, 1);
}

static void one_head(struct img *img)
{
    set_chs(img, 1, 63);
}

/* ---- texts that only some findings of a rule have ---- */

static void wrong_checksum_between_right_entries(struct img *img)
{
    img_log_begin(img, 0, 1);
    for (uint32_t i = 0; i < 3; i++)
        img_log_write(img, i * 4096,
                      &(struct img_log_entry){
                          .sequence_number = 1 + i,
                          .tail = i == 2 ? 2 * 4096 : 0,
                          .flags = i == 1 ? IMG_LOG_BAD_CRC : 0,
                      });
}

static void an_entry_lost_between_others_means_lost_changes(void **state)
{
    (void)state;
    const struct test_case c = {.name = "lost-between", .mutate = wrong_checksum_between_right_entries};
    struct case_run r;
    case_open(&c, false, &r);
    const struct finding *f = case_finding(&r, "VHDX-LOG-004", 0);
    assert_non_null(f);
    assert_int_equal(f->severity, SEVERITY_WARNING);
    assert_non_null(f->means);
    assert_non_null(strstr(f->means, "are lost"));
    case_close(&r);
}

static void two_unknown_items_overlap(struct img *img)
{
    for (uint64_t i = 0; i < 2; i++)
        img_metadata_add(img,
                         &(const struct metadata_entry){
                             .item_id = img_guid(IMG_QEMU, 'M', i), .off = 0x20000 + 15 * (uint32_t)i, .len = 16},
                         NULL);
}

static void unknown_items_that_overlap_are_no_matter(void **state)
{
    (void)state;
    const struct test_case c = {.name = "unknown-overlap", .mutate = two_unknown_items_overlap};
    struct case_run r;
    case_open(&c, false, &r);
    const struct finding *f = case_finding(&r, "VHDX-META-011", 0);
    assert_non_null(f);
    assert_int_equal(f->severity, SEVERITY_WARNING);
    assert_non_null(f->means);
    assert_non_null(strstr(f->means, "not affected"));
    case_close(&r);
}

#define E SEVERITY_ERROR
#define W SEVERITY_WARNING
#define I SEVERITY_INFO

static const struct test_case cases[] = {
    {"time-on-the-hour", "VHDX-FOR-013", I, .mutate = guid_at_23_00, .says = "2015-03-30 23:00:00 UTC"},
    {"time-first-plausible", "VHDX-FOR-013", I, .mutate = guid_of_1995, .inside = guid_of_1994,
     .says = "1995-01-01 00:00:00 UTC"},
    {"time-of-this-century", "VHDX-FOR-013", I, .mutate = guid_of_2095, .inside = guid_of_2112,
     .says = "2095-12-31 23:59:59 UTC"},
    {"time-leap-day", "VHDX-FOR-013", I, .mutate = guid_of_leap_day, .says = "2000-02-29 23:59:59 UTC"},
    {"time-first-of-march", "VHDX-FOR-013", I, .mutate = guid_of_march, .says = "2001-03-01 00:00:00 UTC"},
    {"region-required-twice", "VHDX-RGN-008", E, .mutate = required_region_twice, .also = "VHDX-RGN-016"},
    {"region-twice-once-required", "VHDX-RGN-008", E, .mutate = region_twice_once_required, .also = "VHDX-RGN-016"},
    {"two-regions-in-one", "VHDX-RGN-012", E, .mutate = two_regions_in_one, .inside = three_regions_in_a_row,
     .count = 2},
    {"log-without-any-entry", "VHDX-LOG-002", E, .mutate = only_an_orphan, .says = "there is no entry"},
    {"log-with-a-stale-entry", "VHDX-LOG-002", E, .mutate = only_a_stale_entry,
     .says = "no entry with this GUID is valid"},
    {"log-number-twice-of-seven", "VHDX-LOG-025", W, .mutate = one_number_twice_of_seven, .inside = seven_numbers,
     .count = 1, .says = "sequence number 50, at 0x2000 and at 0xa000", .also = "VHDX-LOG-001",
     .guard_also = "VHDX-LOG-001"},
    {"metadata-table-cut", "VHDX-RGN-011", E, .mutate = cut_behind_second_entry, .also = "VHDX-FILE-004 VHDX-META-006"},
    {"chs-one-sector", "VHDX-META-027", I, .mutate = sixteen_heads,
     .says = "16 heads per cylinder, 1 sector per track"},
    {"chs-one-head", "VHDX-META-027", I, .mutate = one_head, .says = "1 head per cylinder, 63 sectors per track"},
    {"shift-with-three-in-order", "VHDX-BAT-025", W, .params = &four_in_order, .guard_params = &three_in_order,
     .mutate = shift_page, .inside = shift_page, .also = "VHDX-BAT-016", .guard_also = "VHDX-BAT-016"},
    {"time-last-of-december", "VHDX-FOR-013", I, .mutate = guid_of_the_last_day, .says = "2004-12-31 00:00:59 UTC"},
};

static void run_case(void **state)
{
    case_assert(*state);
}

static void run_guard(void **state)
{
    case_assert_guard(*state);
}

int main(void)
{
    enum { CASES = sizeof(cases) / sizeof(cases[0]) };
    static struct CMUnitTest tests[2 * CASES];
    size_t count = 0;
    for (size_t i = 0; i < CASES; i++) {
        void *c = (void *)(uintptr_t)&cases[i];
        tests[count++] = (struct CMUnitTest){.name = cases[i].name, .test_func = run_case, .initial_state = c};
        if (!cases[i].no_guard)
            tests[count++] = (struct CMUnitTest){.name = cases[i].name, .test_func = run_guard, .initial_state = c};
    }
    static const struct CMUnitTest texts[] = {
        cmocka_unit_test(an_entry_lost_between_others_means_lost_changes),
        cmocka_unit_test(unknown_items_that_overlap_are_no_matter),
    };
    return _cmocka_run_group_tests("edges", tests, count, NULL, NULL) +
           cmocka_run_group_tests_name("texts", texts, NULL, NULL);
}
