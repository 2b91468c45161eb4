/* SPDX-License-Identifier: MIT */
/* Metadata table and the fixed-size items. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/le.h"
#include "format/layout.h"
#include "format/metadata.h"

static uint8_t table[METADATA_TABLE_LEN];

static void places_fields_by_the_specification(void **state)
{
    (void)state;
    /* The first entry of every Windows file: File Parameters, 8 bytes at 0x10000, required. */
    struct metadata_entry e = {*known_guid(KNOWN_ITEM_FILE_PARAMETERS), 0x10000, 8, METADATA_FLAG_IS_REQUIRED, 0};
    static const uint8_t begin[] = {'m', 'e', 't', 'a', 'd', 'a', 't', 'a', 0, 0, 1, 0};
    static const uint8_t entry[] = {0x37, 0x67, 0xA1, 0xCA, 0x36, 0xFA, 0x43, 0x4D, 0xB3, 0xB6, 0x33,
                                    0xF0, 0xAA, 0x44, 0xE7, 0x6B, 0,    0,    1,    0,    8,    0,
                                    0,    0,    4,    0,    0,    0,    0,    0,    0,    0};
    memset(table, 0xEE, sizeof(table));
    assert_true(metadata_table_encode(&e, 1, table));
    assert_memory_equal(table, begin, sizeof(begin));
    assert_true(span_is_zero(span_of(table + 12, 20)));
    assert_memory_equal(table + 32, entry, sizeof(entry));
    assert_true(span_is_zero(span_of(table + 64, sizeof(table) - 64)));
}

static void round_trip_keeps_every_field(void **state)
{
    (void)state;
    static struct metadata_entry in[METADATA_ENTRIES_MAX];
    struct metadata_entry out;
    struct metadata_table t;
    for (uint32_t i = 0; i < METADATA_ENTRIES_MAX; i++) {
        in[i] = (struct metadata_entry){.off = ~i, .len = i * 3, .flags = i | 0x80000000, .reserved2 = i << 20};
        put_le32(in[i].item_id.bytes, i);
    }
    assert_true(metadata_table_encode(in, METADATA_ENTRIES_MAX, table));
    assert_true(metadata_table_decode(span_of(table, sizeof(table)), &t));
    assert_true(t.signature_ok && t.reserved2_zero);
    assert_int_equal(t.entry_count, METADATA_ENTRIES_MAX);
    assert_int_equal(t.usable_count, METADATA_ENTRIES_MAX);
    for (uint32_t i = 0; i < METADATA_ENTRIES_MAX; i++) {
        assert_true(metadata_entry_decode(&t, i, &out));
        assert_memory_equal(&in[i], &out, sizeof(out)); /* no padding in it */
    }
    assert_false(metadata_entry_decode(&t, METADATA_ENTRIES_MAX, &out));
    assert_false(metadata_entry_decode(&t, UINT32_MAX, &out));
}

static void reserved_bytes_and_signature_are_reported(void **state)
{
    (void)state;
    struct metadata_table t;
    for (unsigned i = 12; i < 32; i++) {
        assert_true(metadata_table_encode(NULL, 0, table));
        table[i] = 1;
        assert_true(metadata_table_decode(span_of(table, sizeof(table)), &t));
        assert_false(t.reserved2_zero);
    }
    assert_true(metadata_table_encode(NULL, 0, table));
    put_le16(table + 8, 0xBEEF);
    table[7] = 'A';
    assert_true(metadata_table_decode(span_of(table, sizeof(table)), &t));
    assert_int_equal(t.reserved, 0xBEEF);
    assert_true(t.reserved2_zero);
    assert_false(t.signature_ok);
}

static void counts_above_the_cap_are_kept_but_not_used(void **state)
{
    (void)state;
    struct metadata_table t;
    assert_false(metadata_table_encode(NULL, METADATA_ENTRIES_MAX + 1, table));
    assert_true(metadata_table_encode(NULL, 0, table));
    put_le16(table + 10, 0xFFFF);
    assert_true(metadata_table_decode(span_of(table, sizeof(table)), &t));
    assert_int_equal(t.entry_count, 0xFFFF);
    assert_int_equal(t.usable_count, METADATA_ENTRIES_MAX);
}

/* Windows leaves a copy of the last entry behind it: evidence that must stay reachable. */
static void stale_entries_behind_the_count_decode(void **state)
{
    (void)state;
    struct metadata_table t;
    struct metadata_entry in = {.off = 0x10018, .len = 16, .flags = 6}, out;
    assert_true(metadata_table_encode(&in, 1, table));
    memcpy(table + 64, table + 32, 32);
    assert_true(metadata_table_decode(span_of(table, sizeof(table)), &t));
    assert_int_equal(t.usable_count, 1);
    assert_true(metadata_entry_decode(&t, 1, &out));
    assert_memory_equal(&in, &out, sizeof(out));
}

static void needs_all_64_kib(void **state)
{
    (void)state;
    struct metadata_table t = {.reserved = 3};
    assert_false(metadata_table_decode(span_of(table, METADATA_TABLE_LEN - 1), &t));
    assert_int_equal(t.reserved, 3);
}

static void file_parameters_flags(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[8];
        uint32_t block_size, flags;
        bool leave, parent;
    } rows[] = {
        {{0, 0, 0, 2, 0, 0, 0, 0}, 32 << 20, 0, false, false},
        {{0, 0, 0x20, 0, 1, 0, 0, 0}, 2 << 20, 1, true, false},
        {{0, 0, 0x20, 0, 2, 0, 0, 0}, 2 << 20, 2, false, true},
        {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, UINT32_MAX, UINT32_MAX, true, true},
        {{0, 0, 0, 0, 0xFC, 0xFF, 0xFF, 0xFF}, 0, 0xFFFFFFFC, false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct file_parameters p;
        uint8_t out[FILE_PARAMETERS_LEN];
        assert_true(file_parameters_decode(span_of(rows[i].bytes, 8), &p));
        assert_int_equal(p.block_size, rows[i].block_size);
        assert_int_equal(p.flags, rows[i].flags);
        assert_int_equal(p.leave_block_allocated, rows[i].leave);
        assert_int_equal(p.has_parent, rows[i].parent);
        file_parameters_encode(&p, out);
        assert_memory_equal(out, rows[i].bytes, 8);
    }
}

static void fixed_items_round_trip(void **state)
{
    (void)state;
    uint8_t buf[16];
    uint64_t size = 0;
    uint32_t sector = 0;
    struct guid id = *known_guid(KNOWN_REGION_BAT), back;
    static const uint8_t size_bytes[] = {8, 7, 6, 5, 4, 3, 2, 1};
    virtual_disk_size_encode(0x0102030405060708ULL, buf);
    assert_memory_equal(buf, size_bytes, 8);
    assert_true(virtual_disk_size_decode(span_of(buf, 8), &size));
    assert_true(size == 0x0102030405060708ULL);

    sector_size_encode(4096, buf);
    assert_int_equal(buf[1], 0x10);
    assert_true(sector_size_decode(span_of(buf, 4), &sector));
    assert_int_equal(sector, 4096);

    virtual_disk_id_encode(&id, buf);
    assert_true(virtual_disk_id_decode(span_of(buf, 16), &back));
    assert_true(guid_equal(&id, &back));
}

static void short_items_fail_long_ones_do_not(void **state)
{
    (void)state;
    static const uint8_t bytes[32] = {0};
    struct file_parameters p;
    struct guid g;
    uint64_t size = 5;
    uint32_t sector = 5;
    assert_false(file_parameters_decode(span_of(bytes, 7), &p));
    assert_false(virtual_disk_size_decode(span_of(bytes, 7), &size));
    assert_false(virtual_disk_id_decode(span_of(bytes, 15), &g));
    assert_false(sector_size_decode(span_of(bytes, 3), &sector));
    assert_false(sector_size_decode(span_of(NULL, 0), &sector));
    assert_int_equal(size, 5);
    assert_int_equal(sector, 5);
    assert_true(file_parameters_decode(span_of(bytes, 32), &p));
    assert_true(virtual_disk_size_decode(span_of(bytes, 32), &size));
    assert_true(virtual_disk_id_decode(span_of(bytes, 32), &g));
    assert_true(sector_size_decode(span_of(bytes, 32), &sector));
}

/* A table that is zero behind what it counts may be given without that part; more than a table is no part of it. */
static void front_reaches_over_the_counted_entries(void **state)
{
    static uint8_t longer[METADATA_TABLE_LEN + METADATA_ENTRY_LEN];
    struct metadata_table t, whole;
    (void)state;
    memset(table, 0, sizeof(table));
    put_le16(table + 10, 1);
    assert_int_equal(metadata_table_front_len(span_of(table, sizeof(table))),
                     METADATA_TABLE_HEADER_LEN + METADATA_ENTRY_LEN);
    for (size_t len = 0; len < METADATA_TABLE_HEADER_LEN + METADATA_ENTRY_LEN; len++)
        assert_false(metadata_table_decode_front(span_of(table, len), &t));
    assert_int_equal(metadata_table_front_len(span_of(table, 4)), 0);
    assert_true(metadata_table_decode_front(span_of(table, METADATA_TABLE_HEADER_LEN + METADATA_ENTRY_LEN), &t));
    assert_false(metadata_table_decode_front(span_of(table, METADATA_TABLE_HEADER_LEN + METADATA_ENTRY_LEN + 1), &t));
    memcpy(longer, table, sizeof(table));
    memset(longer + sizeof(table), 0xEE, METADATA_ENTRY_LEN);
    assert_true(metadata_table_decode_front(span_of(longer, sizeof(longer)), &whole));
    assert_int_equal(whole.front.len, METADATA_TABLE_LEN);
    assert_int_equal(whole.usable_count, t.usable_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_fields_by_the_specification),
        cmocka_unit_test(round_trip_keeps_every_field),
        cmocka_unit_test(reserved_bytes_and_signature_are_reported),
        cmocka_unit_test(counts_above_the_cap_are_kept_but_not_used),
        cmocka_unit_test(stale_entries_behind_the_count_decode),
        cmocka_unit_test(needs_all_64_kib),
        cmocka_unit_test(file_parameters_flags),
        cmocka_unit_test(fixed_items_round_trip),
        cmocka_unit_test(short_items_fail_long_ones_do_not),
        cmocka_unit_test(front_reaches_over_the_counted_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
