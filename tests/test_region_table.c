/* SPDX-License-Identifier: MIT */
/* Region tables, and the table of known GUIDs against the bytes of format.md 3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/le.h"
#include "format/layout.h"
#include "format/region_table.h"

static uint8_t table[REGION_TABLE_LEN];

static void known_guids_lie_on_disk_as_specified(void **state)
{
    (void)state;
    static const struct {
        enum known_guid which;
        const char *text, *name;
        uint8_t disk[16];
    } rows[] = {
        {KNOWN_REGION_BAT,
         "2dc27766-f623-4200-9d64-115e9bfd4a08",
         "bat",
         {0x66, 0x77, 0xC2, 0x2D, 0x23, 0xF6, 0x00, 0x42, 0x9D, 0x64, 0x11, 0x5E, 0x9B, 0xFD, 0x4A, 0x08}},
        {KNOWN_REGION_METADATA,
         "8b7ca206-4790-4b9a-b8fe-575f050f886e",
         "metadata",
         {0x06, 0xA2, 0x7C, 0x8B, 0x90, 0x47, 0x9A, 0x4B, 0xB8, 0xFE, 0x57, 0x5F, 0x05, 0x0F, 0x88, 0x6E}},
        {KNOWN_ITEM_FILE_PARAMETERS,
         "caa16737-fa36-4d43-b3b6-33f0aa44e76b",
         "file_parameters",
         {0x37, 0x67, 0xA1, 0xCA, 0x36, 0xFA, 0x43, 0x4D, 0xB3, 0xB6, 0x33, 0xF0, 0xAA, 0x44, 0xE7, 0x6B}},
        {KNOWN_ITEM_VIRTUAL_DISK_SIZE,
         "2fa54224-cd1b-4876-b211-5dbed83bf4b8",
         "virtual_disk_size",
         {0x24, 0x42, 0xA5, 0x2F, 0x1B, 0xCD, 0x76, 0x48, 0xB2, 0x11, 0x5D, 0xBE, 0xD8, 0x3B, 0xF4, 0xB8}},
        {KNOWN_ITEM_VIRTUAL_DISK_ID,
         "beca12ab-b2e6-4523-93ef-c309e000c746",
         "virtual_disk_id",
         {0xAB, 0x12, 0xCA, 0xBE, 0xE6, 0xB2, 0x23, 0x45, 0x93, 0xEF, 0xC3, 0x09, 0xE0, 0x00, 0xC7, 0x46}},
        {KNOWN_ITEM_LOGICAL_SECTOR_SIZE,
         "8141bf1d-a96f-4709-ba47-f233a8faab5f",
         "logical_sector_size",
         {0x1D, 0xBF, 0x41, 0x81, 0x6F, 0xA9, 0x09, 0x47, 0xBA, 0x47, 0xF2, 0x33, 0xA8, 0xFA, 0xAB, 0x5F}},
        {KNOWN_ITEM_PHYSICAL_SECTOR_SIZE,
         "cda348c7-445d-4471-9cc9-e9885251c556",
         "physical_sector_size",
         {0xC7, 0x48, 0xA3, 0xCD, 0x5D, 0x44, 0x71, 0x44, 0x9C, 0xC9, 0xE9, 0x88, 0x52, 0x51, 0xC5, 0x56}},
        {KNOWN_ITEM_PARENT_LOCATOR,
         "a8d35f2d-b30b-454d-abf7-d3d84834ab0c",
         "parent_locator",
         {0x2D, 0x5F, 0xD3, 0xA8, 0x0B, 0xB3, 0x4D, 0x45, 0xAB, 0xF7, 0xD3, 0xD8, 0x48, 0x34, 0xAB, 0x0C}},
        {KNOWN_LOCATOR_TYPE_VHDX,
         "b04aefb7-d19e-4a81-b789-25b8e9445913",
         "vhdx_parent",
         {0xB7, 0xEF, 0x4A, 0xB0, 0x9E, 0xD1, 0x81, 0x4A, 0xB7, 0x89, 0x25, 0xB8, 0xE9, 0x44, 0x59, 0x13}},
        {KNOWN_ITEM_CHS_PARAMETERS,
         "da02d7bc-3d3a-423c-ac88-2a36ab21479b",
         "chs_parameters",
         {0xBC, 0xD7, 0x02, 0xDA, 0x3A, 0x3D, 0x3C, 0x42, 0xAC, 0x88, 0x2A, 0x36, 0xAB, 0x21, 0x47, 0x9B}},
        {KNOWN_ITEM_INCOMPLETE_FILE,
         "71cc85f0-1b69-4e28-9558-c3bf83ae75d3",
         "incomplete_file",
         {0xF0, 0x85, 0xCC, 0x71, 0x69, 0x1B, 0x28, 0x4E, 0x95, 0x58, 0xC3, 0xBF, 0x83, 0xAE, 0x75, 0xD3}},
        {KNOWN_ITEM_PMEM_LABEL_STORAGE,
         "10e1ae8a-4b7e-4169-a40f-cd70de928393",
         "pmem_label_storage",
         {0x8A, 0xAE, 0xE1, 0x10, 0x7E, 0x4B, 0x69, 0x41, 0xA4, 0x0F, 0xCD, 0x70, 0xDE, 0x92, 0x83, 0x93}},
    };
    assert_int_equal(sizeof(rows) / sizeof(rows[0]), KNOWN_GUID_COUNT - 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[GUID_TEXT_SIZE];
        struct guid g = guid_load(rows[i].disk);
        assert_memory_equal(known_guid(rows[i].which)->bytes, rows[i].disk, 16);
        assert_string_equal(guid_text(&g, text), rows[i].text);
        assert_string_equal(known_guid_name(rows[i].which), rows[i].name);
        assert_int_equal(known_guid_find(&g), rows[i].which);
        g.bytes[15] ^= 1;
        assert_int_equal(known_guid_find(&g), KNOWN_GUID_NONE);
    }
}

static void nil_is_no_known_guid(void **state)
{
    (void)state;
    struct guid nil = {{0}};
    assert_int_equal(known_guid_find(&nil), KNOWN_GUID_NONE);
    assert_null(known_guid_name(KNOWN_GUID_NONE));
    assert_non_null(known_guid(KNOWN_GUID_NONE));
    assert_null(known_guid_name(KNOWN_GUID_COUNT));
    assert_null(known_guid(KNOWN_GUID_COUNT));
}

/* An empty table of 65536 bytes has the worked checksum once EntryCount is 0. */
static void empty_table_has_the_worked_checksum(void **state)
{
    (void)state;
    static const uint8_t begin[] = {'r', 'e', 'g', 'i', 0xEF, 0x09, 0x6E, 0x91, 0, 0, 0, 0, 0, 0, 0, 0};
    struct region_table t;
    memset(table, 0xEE, sizeof(table));
    assert_true(region_table_encode(NULL, 0, table));
    assert_memory_equal(table, begin, sizeof(begin));
    assert_true(region_table_decode(span_of(table, sizeof(table)), &t));
    assert_true(region_table_valid(&t));
    assert_int_equal(t.entry_count, 0);
    struct region_entry e;
    assert_false(region_entry_decode(&t, 0, &e));
}

static void round_trip_keeps_every_field(void **state)
{
    (void)state;
    static struct region_entry in[REGION_ENTRIES_MAX];
    struct region_entry out;
    struct region_table t;
    for (uint32_t i = 0; i < REGION_ENTRIES_MAX; i++) {
        in[i] = (struct region_entry){*known_guid(KNOWN_REGION_BAT), (uint64_t)i << 40 | 5, ~i, i | 0x80000000};
        put_le32(in[i].guid.bytes, i);
    }
    assert_true(region_table_encode(in, REGION_ENTRIES_MAX, table));
    assert_true(region_table_decode(span_of(table, sizeof(table)), &t));
    assert_true(region_table_valid(&t));
    assert_int_equal(t.usable_count, REGION_ENTRIES_MAX);
    for (uint32_t i = 0; i < REGION_ENTRIES_MAX; i++) {
        assert_true(region_entry_decode(&t, i, &out));
        assert_true(guid_equal(&in[i].guid, &out.guid));
        assert_true(in[i].off == out.off && in[i].len == out.len && in[i].required_word == out.required_word);
    }
    assert_false(region_entry_decode(&t, REGION_ENTRIES_MAX, &out));
    assert_false(region_entry_decode(&t, UINT32_MAX, &out));
    assert_true(span_is_zero(span_of(table + 65520, 16))); /* 16 + 2047 * 32 */
}

static void places_fields_by_the_specification(void **state)
{
    (void)state;
    struct region_entry e[2] = {
        {*known_guid(KNOWN_REGION_BAT), 0x300000, 0x100000, 1},
        {*known_guid(KNOWN_REGION_METADATA), 0x200000, 0x100000, 1},
    };
    static const uint8_t second[] = {0x06, 0xA2, 0x7C, 0x8B, 0x90, 0x47, 0x9A, 0x4B, 0xB8, 0xFE, 0x57,
                                     0x5F, 0x05, 0x0F, 0x88, 0x6E, 0,    0,    0x20, 0,    0,    0,
                                     0,    0,    0,    0,    0x10, 0,    1,    0,    0,    0};
    assert_true(region_table_encode(e, 2, table));
    assert_int_equal(le32(table + 8), 2);
    assert_memory_equal(table + 48, second, sizeof(second));
}

static void too_many_entries_are_refused_by_the_encoder_only(void **state)
{
    (void)state;
    struct region_table t;
    struct region_entry e;
    memset(table, 0x5A, sizeof(table));
    assert_false(region_table_encode(NULL, REGION_ENTRIES_MAX + 1, table));
    assert_int_equal(table[0], 0x5A);

    static const uint32_t counts[] = {2048, 0x08000000, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        put_le32(table + 8, counts[i]);
        assert_true(region_table_decode(span_of(table, sizeof(table)), &t));
        assert_int_equal(t.entry_count, counts[i]);
        assert_int_equal(t.usable_count, REGION_ENTRIES_MAX);
        assert_true(region_entry_decode(&t, REGION_ENTRIES_MAX - 1, &e));
        assert_false(region_entry_decode(&t, REGION_ENTRIES_MAX, &e));
    }
}

static void needs_all_64_kib(void **state)
{
    (void)state;
    struct region_table t = {.reserved = 3};
    assert_false(region_table_decode(span_of(table, REGION_TABLE_LEN - 1), &t));
    assert_int_equal(t.reserved, 3);
}

static void checksum_covers_the_last_byte(void **state)
{
    (void)state;
    struct region_table t;
    assert_true(region_table_encode(NULL, 0, table));
    table[REGION_TABLE_LEN - 1] = 1;
    assert_true(region_table_decode(span_of(table, sizeof(table)), &t));
    assert_true(t.signature_ok);
    assert_false(t.checksum_ok);
    assert_false(region_table_valid(&t));
}

/* A table that is zero behind what it counts may be given without that part; more than a table is no part of it. */
static void front_reaches_over_the_counted_entries(void **state)
{
    static uint8_t longer[REGION_TABLE_LEN + REGION_ENTRY_LEN];
    struct region_table t, whole;
    (void)state;
    memset(table, 0, sizeof(table));
    put_le32(table + 8, 1);
    assert_int_equal(region_table_front_len(span_of(table, sizeof(table))), REGION_TABLE_HEADER_LEN + REGION_ENTRY_LEN);
    for (size_t len = 0; len < REGION_TABLE_HEADER_LEN + REGION_ENTRY_LEN; len++)
        assert_false(region_table_decode_front(span_of(table, len), &t));
    assert_int_equal(region_table_front_len(span_of(table, 4)), 0);
    assert_true(region_table_decode_front(span_of(table, REGION_TABLE_HEADER_LEN + REGION_ENTRY_LEN), &t));
    memcpy(longer, table, sizeof(table));
    memset(longer + sizeof(table), 0xEE, REGION_ENTRY_LEN);
    assert_true(region_table_decode_front(span_of(longer, sizeof(longer)), &whole));
    assert_int_equal(whole.front.len, REGION_TABLE_LEN);
    assert_int_equal(whole.usable_count, t.usable_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_guids_lie_on_disk_as_specified),
        cmocka_unit_test(nil_is_no_known_guid),
        cmocka_unit_test(empty_table_has_the_worked_checksum),
        cmocka_unit_test(round_trip_keeps_every_field),
        cmocka_unit_test(places_fields_by_the_specification),
        cmocka_unit_test(too_many_entries_are_refused_by_the_encoder_only),
        cmocka_unit_test(needs_all_64_kib),
        cmocka_unit_test(checksum_covers_the_last_byte),
        cmocka_unit_test(front_reaches_over_the_counted_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
