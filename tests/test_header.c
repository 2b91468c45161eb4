/* SPDX-License-Identifier: MIT */
/* Headers, against the worked checksums of format.md 2.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/le.h"
#include "format/header.h"
#include "format/layout.h"

static uint8_t page[HEADER_LEN];

static void encodes_the_worked_example(void **state)
{
    (void)state;
    struct header h = {.sequence_number = 1, .version = 1, .log_len = 0x100000, .log_off = 0x100000};
    static const uint8_t begin[] = {'h', 'e', 'a', 'd', 0x13, 0x47, 0xFD, 0xF1, 1, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t fields[] = {0, 0, 1, 0, 0, 0, 0x10, 0, 0, 0, 0x10, 0, 0, 0, 0, 0}; /* 64..79 */
    memset(page, 0xEE, sizeof(page));
    header_encode(&h, page);
    assert_memory_equal(page, begin, sizeof(begin));
    assert_true(span_is_zero(span_of(page + 16, 48)));
    assert_memory_equal(page + 64, fields, sizeof(fields));
    assert_true(span_is_zero(span_of(page + 80, sizeof(page) - 80)));
}

static void empty_header_has_the_worked_checksum(void **state)
{
    (void)state;
    struct header h;
    memset(page, 0, sizeof(page));
    memcpy(page, "head", 4);
    put_le32(page + 4, 0xFC414EBC);
    assert_true(header_decode(span_of(page, sizeof(page)), &h));
    assert_true(header_valid(&h));
    assert_int_equal(h.checksum_computed, 0xFC414EBC);
}

static void round_trip_keeps_every_field(void **state)
{
    (void)state;
    struct header h = {
        .sequence_number = 0xFFFFFFFFFFFFFFFFULL,
        .log_version = 0xABCD,
        .version = 0x0102,
        .log_len = 0xFFF00000,
        .log_off = 0x8000000000000001ULL,
    };
    struct header back;
    for (unsigned i = 0; i < 16; i++) {
        h.file_write_guid.bytes[i] = (uint8_t)(0x10 + i);
        h.data_write_guid.bytes[i] = (uint8_t)(0x40 + i);
        h.log_guid.bytes[i] = (uint8_t)(0x70 + i);
    }
    header_encode(&h, page);
    assert_int_equal(page[16], 0x10);
    assert_int_equal(page[32], 0x40);
    assert_int_equal(page[63], 0x7F);
    assert_true(header_decode(span_of(page, sizeof(page)), &back));
    assert_true(header_valid(&back));
    assert_true(back.sequence_number == h.sequence_number);
    assert_true(guid_equal(&back.file_write_guid, &h.file_write_guid));
    assert_true(guid_equal(&back.data_write_guid, &h.data_write_guid));
    assert_true(guid_equal(&back.log_guid, &h.log_guid));
    assert_int_equal(back.log_version, 0xABCD);
    assert_int_equal(back.version, 0x0102);
    assert_int_equal(back.log_len, 0xFFF00000);
    assert_true(back.log_off == 0x8000000000000001ULL);
    assert_ptr_equal(back.raw.ptr, page);
    assert_int_equal(back.raw.len, 4096);
}

static void needs_4096_bytes(void **state)
{
    (void)state;
    struct header h = {.version = 77};
    assert_false(header_decode(span_of(page, 4095), &h));
    assert_false(header_decode(span_of(NULL, 0), &h));
    assert_int_equal(h.version, 77);
}

/* 4096 bytes are under the checksum: not 80, not the 64 KiB of the slot. */
static void checksum_covers_exactly_4096_bytes(void **state)
{
    (void)state;
    static uint8_t slot[65536];
    struct header h = {.sequence_number = 7, .version = 1};
    header_encode(&h, slot);
    slot[4096] = 1;
    assert_true(header_decode(span_of(slot, sizeof(slot)), &h));
    assert_true(header_valid(&h));
    assert_int_equal(h.raw.len, 4096);
    static const unsigned inside[] = {8, 79, 80, 4095};
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
        slot[inside[i]] ^= 0x80;
        assert_true(header_decode(span_of(slot, sizeof(slot)), &h));
        assert_true(h.signature_ok);
        assert_false(h.checksum_ok);
        assert_false(header_valid(&h));
        slot[inside[i]] ^= 0x80;
    }
}

/* Values decide nothing about validity (2.2.2), and nothing here corrects them. */
static void absurd_fields_under_a_right_checksum_are_valid(void **state)
{
    (void)state;
    struct header h = {.version = 9, .log_version = 9, .log_len = 1, .log_off = UINT64_MAX}, back;
    header_encode(&h, page);
    assert_true(header_decode(span_of(page, sizeof(page)), &back));
    assert_true(header_valid(&back));
    assert_true(back.log_off == UINT64_MAX);

    memcpy(page, "daeh", 4);
    assert_true(header_decode(span_of(page, sizeof(page)), &back));
    assert_false(back.signature_ok);
    assert_int_equal(back.version, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_the_worked_example),
        cmocka_unit_test(empty_header_has_the_worked_checksum),
        cmocka_unit_test(round_trip_keeps_every_field),
        cmocka_unit_test(needs_4096_bytes),
        cmocka_unit_test(checksum_covers_exactly_4096_bytes),
        cmocka_unit_test(absurd_fields_under_a_right_checksum_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
