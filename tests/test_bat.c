/* SPDX-License-Identifier: MIT */
/* BAT arithmetic, against the worked examples of format.md 10 and 11.5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/bat.h"
#include "format/layout.h"

/* Expected numbers are written out, not computed. */
static void worked_examples(void **state)
{
    (void)state;
    const struct {
        uint64_t virtual_size, block_size;
        uint32_t sector;
        uint64_t ratio, blocks, chunks, dynamic_entries, differencing_entries;
    } rows[] = {
        {10 * GIB, 32 * MIB, 512, 128, 320, 3, 322, 387},
        {TIB, 32 * MIB, 512, 128, 32768, 256, 33023, 33024},
        {64 * TIB, MIB, 512, 4096, 67108864, 16384, 67125247, 67125248},
        {64 * TIB, 256 * MIB, 4096, 128, 262144, 2048, 264191, 264192},
        {4 * GIB, MIB, 512, 4096, 4096, 1, 4096, 4097},
        {4 * GIB + 512, MIB, 512, 4096, 4097, 2, 4098, 8194},
        {1, MIB, 4096, 32768, 1, 1, 1, 32769},
        {512, 256 * MIB, 512, 16, 1, 1, 1, 17},
        {4 * MIB, 2 * MIB, 512, 2048, 2, 1, 2, 2049},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct geometry g;
        assert_true(geometry_derive(rows[i].virtual_size, rows[i].block_size, rows[i].sector, false, &g));
        assert_int_equal(g.chunk_ratio, rows[i].ratio);
        assert_true(1ULL << g.chunk_shift == rows[i].ratio);
        assert_int_equal(g.payload_blocks, rows[i].blocks);
        assert_int_equal(g.chunks, rows[i].chunks);
        assert_int_equal(g.entries, rows[i].dynamic_entries);
        assert_int_equal(g.sectors_per_block, rows[i].block_size / rows[i].sector);
        assert_true(geometry_derive(rows[i].virtual_size, rows[i].block_size, rows[i].sector, true, &g));
        assert_int_equal(g.entries, rows[i].differencing_entries);
        assert_int_equal(bat_index_of_bitmap(&g, g.chunks - 1), g.entries - 1);
    }
}

static void largest_bat_is_the_named_cap(void **state)
{
    (void)state;
    struct geometry g;
    assert_true(geometry_derive(VIRTUAL_SIZE_MAX, BLOCK_SIZE_MIN, 512, true, &g));
    assert_int_equal(g.entries, BAT_ENTRIES_MAX);
    assert_int_equal(g.payload_blocks, PAYLOAD_BLOCKS_MAX);
}

/* 10 GiB, 32 MiB, 512: virtual offset 5 GiB + 0x100400. */
static void worked_lookup(void **state)
{
    (void)state;
    struct geometry g;
    assert_true(geometry_derive(10 * GIB, 32 * MIB, 512, false, &g));
    assert_int_equal(g.sectors_per_block, 65536);
    assert_int_equal((5 * GIB + 0x100400) / g.block_size, 160);
    assert_int_equal(bat_index_of_block(&g, 160), 161);
    assert_int_equal(bat_index_of_bitmap(&g, 1), 257);
    assert_int_equal(bat_index_of_bitmap(&g, 0), 128);
    assert_int_equal(bat_index_of_block(&g, 127), 127);
    assert_int_equal(bat_index_of_block(&g, 128), 129);
    assert_int_equal(bat_index_of_block(&g, 319), 321);
}

static void slots_and_blocks_are_inverse(void **state)
{
    (void)state;
    static const struct {
        uint64_t block_size;
        uint32_t sector;
    } rows[] = {{(uint64_t)256 << 20, 512}, {(uint64_t)32 << 20, 512}, {(uint64_t)1 << 20, 4096}};
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        struct geometry g;
        uint64_t bitmaps = 0, next_block = 0;
        assert_true(geometry_derive(100 * GIB, rows[r].block_size, rows[r].sector, true, &g));
        for (uint64_t i = 0; i < g.entries; i++) {
            struct bat_slot s = bat_slot_of_index(&g, i);
            if (s.is_bitmap) {
                assert_int_equal(s.chunk, bitmaps++);
                assert_int_equal(bat_index_of_bitmap(&g, s.chunk), i);
            } else {
                assert_int_equal(s.block, next_block++);
                assert_int_equal(bat_index_of_block(&g, s.block), i);
                assert_int_equal(s.chunk, s.block / g.chunk_ratio);
            }
        }
        assert_int_equal(bitmaps, g.chunks);
        assert_int_equal(next_block, g.chunks * g.chunk_ratio); /* padding slots of the last chunk included */
    }
}

static void slots_past_the_end_do_not_wrap(void **state)
{
    (void)state;
    struct geometry g;
    assert_true(geometry_derive(10 * GIB, 32 * MIB, 512, false, &g));
    struct bat_slot s = bat_slot_of_index(&g, UINT64_MAX);
    assert_true(s.chunk == UINT64_MAX / 129);
    s = bat_slot_of_index(&g, 322);
    assert_false(s.is_bitmap);
    assert_int_equal(s.block, 320);
}

static void geometry_refuses_values_outside_the_format(void **state)
{
    (void)state;
    const struct {
        uint64_t virtual_size, block_size;
        uint32_t sector;
    } rows[] = {
        {0, MIB, 512},          {VIRTUAL_SIZE_MAX + 1, MIB, 512},
        {UINT64_MAX, MIB, 512}, {((uint64_t)1 << 52) + 100 * MIB, MIB, 512},
        {GIB, 0, 512},          {GIB, MIB / 2, 512},
        {GIB, MIB - 1, 512},    {GIB, 3 * MIB, 512},
        {GIB, 512 * MIB, 512},  {GIB, (uint64_t)1 << 63, 512},
        {GIB, UINT64_MAX, 512}, {GIB, MIB, 0},
        {GIB, MIB, 511},        {GIB, MIB, 1024},
        {GIB, MIB, 8192},       {GIB, MIB, UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct geometry g = {.entries = 42};
        assert_false(geometry_derive(rows[i].virtual_size, rows[i].block_size, rows[i].sector, false, &g));
        assert_int_equal(g.entries, 42);
    }
}

static void sizes_off_the_sector_grid_round_up(void **state)
{
    (void)state;
    struct geometry g;
    assert_true(geometry_derive(2 * MIB + 1, MIB, 512, false, &g));
    assert_int_equal(g.payload_blocks, 3);
    assert_int_equal(block_guest_len(&g, 0), MIB);
    assert_int_equal(block_guest_len(&g, 2), 1);
    assert_int_equal(block_guest_len(&g, 3), 0);
    assert_int_equal(block_guest_len(&g, UINT64_MAX), 0);
}

/* 37 MiB in blocks of 8: the last block holds 5 MiB, not 8 and not 0 when the size is a multiple. */
static void guest_length_of_the_last_block(void **state)
{
    (void)state;
    struct geometry g;
    assert_true(geometry_derive(37 * MIB, 8 * MIB, 512, false, &g));
    assert_int_equal(g.payload_blocks, 5);
    assert_int_equal(block_guest_len(&g, 4), 5 * MIB);
    assert_true(geometry_derive(40 * MIB, 8 * MIB, 512, false, &g));
    assert_int_equal(block_guest_len(&g, 4), 8 * MIB);
}

static void entry_fields(void **state)
{
    (void)state;
    assert_int_equal(bat_entry_state(0xFFFFFFFFFFFFFFFFULL), 7);
    assert_true(bat_entry_off(0xFFFFFFFFFFFFFFFFULL) == 0xFFFFFFFFFFF00000ULL);
    assert_true(bat_entry_reserved(0xFFFFFFFFFFFFFFFFULL) == 0xFFFF8);
    assert_true(bat_entry_make(5 * MIB, PAYLOAD_FULLY_PRESENT) == 0x500006);
    assert_true(bat_entry_off(0x500006) == 5 * MIB);
    assert_true(bat_entry_make(5 * MIB + 8, 8 + PAYLOAD_ZERO) == 0x500002); /* nothing spills into reserved bits */
}

static void state_names_are_the_report_keys(void **state)
{
    (void)state;
    static const char *const names[8] = {"not_present", "undefined", "zero",          "unmapped",
                                         "invalid",     "invalid",   "fully_present", "partially_present"};
    for (unsigned i = 0; i < 8; i++)
        assert_string_equal(payload_state_name(i), names[i]);
    assert_string_equal(payload_state_name(8), "invalid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worked_examples),
        cmocka_unit_test(largest_bat_is_the_named_cap),
        cmocka_unit_test(worked_lookup),
        cmocka_unit_test(slots_and_blocks_are_inverse),
        cmocka_unit_test(slots_past_the_end_do_not_wrap),
        cmocka_unit_test(geometry_refuses_values_outside_the_format),
        cmocka_unit_test(sizes_off_the_sector_grid_round_up),
        cmocka_unit_test(guest_length_of_the_last_block),
        cmocka_unit_test(entry_fields),
        cmocka_unit_test(state_names_are_the_report_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
