/* SPDX-License-Identifier: MIT */
/* Log entries, descriptors and data sectors, against format.md 2.2 and 8.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/crc32c.h"
#include "base/le.h"
#include "format/layout.h"
#include "format/log_entry.h"

static uint8_t sector[LOG_SECTOR_LEN], page[LOG_SECTOR_LEN], back[LOG_SECTOR_LEN];

static void signs_the_worked_example(void **state)
{
    (void)state;
    struct log_entry_header h = {
        .entry_len = 4096, .sequence_number = 1, .flushed_file_off = 0x400000, .last_file_off = 0x400000};
    static const uint8_t expected[64] = {
        'l', 'o', 'g',  'e', 0xDE, 0x87, 0x06, 0x61, 0, 0x10, 0,    0,  0,  0,  0,  0,  /* checksum, length, tail */
        1,   0,   0,    0,   0,    0,    0,    0,    0, 0,    0,    0,  0,  0,  0,  0,  /* sequence, count, reserved */
        0,   1,   2,    3,   4,    5,    6,    7,    8, 9,    10,   11, 12, 13, 14, 15, /* LogGuid */
        0,   0,   0x40, 0,   0,    0,    0,    0,    0, 0,    0x40, 0,  0,  0,  0,  0,
    };
    for (unsigned i = 0; i < 16; i++)
        h.log_guid.bytes[i] = (uint8_t)i;
    memset(sector, 0, sizeof(sector));
    log_entry_header_encode(&h, sector);
    log_entry_sign(sector, sizeof(sector));
    assert_memory_equal(sector, expected, sizeof(expected));
}

static void header_round_trip(void **state)
{
    (void)state;
    struct log_entry_header h = {
        .checksum = 0x01020304,
        .entry_len = 0x11121314,
        .tail = 0x21222324,
        .sequence_number = 0x3132333435363738ULL,
        .descriptor_count = 0x41424344,
        .reserved = 0x51525354,
        .log_guid = {{1, 2, 3}},
        .flushed_file_off = UINT64_MAX,
        .last_file_off = 0x6162636465666768ULL,
    };
    struct log_entry_header out;
    log_entry_header_encode(&h, sector);
    assert_true(log_entry_header_decode(span_of(sector, 64), &out));
    assert_true(out.signature_ok);
    assert_int_equal(out.checksum, h.checksum);
    assert_int_equal(out.entry_len, h.entry_len);
    assert_int_equal(out.tail, h.tail);
    assert_true(out.sequence_number == h.sequence_number);
    assert_int_equal(out.descriptor_count, h.descriptor_count);
    assert_int_equal(out.reserved, h.reserved);
    assert_true(guid_equal(&out.log_guid, &h.log_guid));
    assert_true(out.flushed_file_off == h.flushed_file_off);
    assert_true(out.last_file_off == h.last_file_off);
    sector[0] = 'L';
    assert_true(log_entry_header_decode(span_of(sector, 64), &out));
    assert_false(out.signature_ok);
    assert_int_equal(out.tail, h.tail);
}

static void short_spans_fail(void **state)
{
    (void)state;
    struct log_entry_header h;
    struct log_descriptor d;
    struct log_data_sector s;
    assert_false(log_entry_header_decode(span_of(sector, 63), &h));
    assert_false(log_descriptor_decode(span_of(sector, 31), &d));
    assert_false(log_data_sector_decode(span_of(sector, 4095), &s));
    assert_false(log_data_sector_decode(span_of(NULL, 0), &s));
}

/* ceil((64 + 32 * count) / 4096): 126 descriptors in the first sector, 128 in each further one. */
static void descriptor_sectors(void **state)
{
    (void)state;
    static const struct {
        uint32_t count;
        uint64_t sectors;
    } rows[] = {{0, 1},
                {1, 1},
                {126, 1},
                {127, 2},
                {254, 2},
                {255, 3},
                {382, 3},
                {383, 4},
                {1u << 27, 1048577},
                {UINT32_MAX, 33554433}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(log_descriptor_sectors(rows[i].count), rows[i].sectors);
}

static void zero_descriptor_layout(void **state)
{
    (void)state;
    static const uint8_t bytes[32] = {'z', 'e', 'r',  'o', 4, 3, 2, 1, 0,    0x20, 0,    0,    0,    0, 0, 0,
                                      0,   0,   0x30, 0,   0, 0, 0, 0, 0x18, 0x17, 0x16, 0x15, 0x14, 0, 0, 0};
    struct log_descriptor d;
    uint8_t out[32];
    assert_true(log_descriptor_decode(span_of(bytes, 32), &d));
    assert_int_equal(d.kind, LOG_DESCRIPTOR_ZERO);
    assert_int_equal(d.zero_reserved, 0x01020304);
    assert_int_equal(d.len, 0x2000);
    assert_int_equal(d.file_off, 0x300000);
    assert_true(d.sequence_number == 0x1415161718ULL);
    log_descriptor_encode(&d, out);
    assert_memory_equal(out, bytes, 32);
}

static void data_descriptor_layout(void **state)
{
    (void)state;
    static const uint8_t bytes[32] = {'d', 'e',  's',  'c', 0xA1, 0xA2, 0xA3, 0xA4, 1, 2, 3, 4, 5, 6, 7, 8,
                                      0,   0x10, 0x30, 0,   0,    0,    0,    0x80, 9, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t trailing[] = {0xA1, 0xA2, 0xA3, 0xA4}, leading[] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct log_descriptor d;
    uint8_t out[32];
    assert_true(log_descriptor_decode(span_of(bytes, 32), &d));
    assert_int_equal(d.kind, LOG_DESCRIPTOR_DATA);
    assert_int_equal(d.len, 4096);
    assert_true(d.file_off == 0x8000000000301000ULL);
    assert_int_equal(d.sequence_number, 9);
    assert_memory_equal(d.trailing, trailing, 4); /* bytes, never swapped */
    assert_memory_equal(d.leading, leading, 8);
    log_descriptor_encode(&d, out);
    assert_memory_equal(out, bytes, 32);
}

static void unknown_descriptor_decodes_as_unknown(void **state)
{
    (void)state;
    uint8_t bytes[32] = {'d', 'a', 't', 'a'};
    struct log_descriptor d;
    put_le64(bytes + 16, 0x1234);
    put_le64(bytes + 24, 77);
    assert_true(log_descriptor_decode(span_of(bytes, 32), &d));
    assert_int_equal(d.kind, LOG_DESCRIPTOR_UNKNOWN);
    assert_int_equal(d.len, 0);
    assert_int_equal(d.file_off, 0x1234);
    assert_int_equal(d.sequence_number, 77);
}

static void page_survives_split_and_assembly(void **state)
{
    (void)state;
    struct log_descriptor d = {.kind = LOG_DESCRIPTOR_DATA};
    struct log_data_sector s;
    for (unsigned i = 0; i < sizeof(page); i++)
        page[i] = (uint8_t)(i * 7 + i / 256 + 1);
    log_data_sector_encode(page, 0xA1A2A3A4B1B2B3B4ULL, &d, sector);
    assert_memory_equal(sector, "data", 4);
    assert_int_equal(le32(sector + 4), 0xA1A2A3A4);
    assert_memory_equal(sector + 8, page + 8, 4084);
    assert_int_equal(le32(sector + 4092), 0xB1B2B3B4);
    assert_memory_equal(d.leading, page, 8);
    assert_memory_equal(d.trailing, page + 4092, 4);

    assert_true(log_data_sector_decode(span_of(sector, sizeof(sector)), &s));
    assert_true(s.signature_ok);
    assert_true(s.sequence_number == 0xA1A2A3A4B1B2B3B4ULL);
    assert_ptr_equal(s.data.ptr, sector + 8);
    assert_int_equal(s.data.len, 4084);
    log_page_assemble(d.leading, sector, d.trailing, back);
    assert_memory_equal(back, page, sizeof(page));

    sector[0] = 'D';
    sector[4095] ^= 0xFF; /* the halves are read from where they lie, also when they disagree */
    assert_true(log_data_sector_decode(span_of(sector, sizeof(sector)), &s));
    assert_false(s.signature_ok);
    assert_true(s.sequence_number == 0xA1A2A3A44EB2B3B4ULL);
}

static void signing_covers_the_whole_entry(void **state)
{
    (void)state;
    static uint8_t entry[3 * LOG_SECTOR_LEN];
    log_entry_header_encode(&(struct log_entry_header){.entry_len = sizeof(entry)}, entry);
    log_entry_sign(entry, sizeof(entry));
    uint32_t before = le32(entry + 4);
    assert_int_equal(crc32c_structure(span_of(entry, sizeof(entry))), before);
    log_entry_sign(entry, sizeof(entry)); /* the old value does not count */
    assert_int_equal(le32(entry + 4), before);
    entry[sizeof(entry) - 1] = 1;
    log_entry_sign(entry, sizeof(entry));
    assert_int_not_equal(le32(entry + 4), before);
}

static void descriptor_of_no_kind_has_no_signature(void **state)
{
    uint8_t out[LOG_DESCRIPTOR_LEN];
    (void)state;
    memset(out, 0xEE, sizeof(out));
    log_descriptor_encode(&(struct log_descriptor){.kind = LOG_DESCRIPTOR_UNKNOWN, .file_off = 4096, .len = 8192}, out);
    assert_true(span_is_zero(span_of(out, 16)));
    assert_int_equal(le64(out + 16), 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_the_worked_example),
        cmocka_unit_test(header_round_trip),
        cmocka_unit_test(short_spans_fail),
        cmocka_unit_test(descriptor_sectors),
        cmocka_unit_test(zero_descriptor_layout),
        cmocka_unit_test(data_descriptor_layout),
        cmocka_unit_test(unknown_descriptor_decodes_as_unknown),
        cmocka_unit_test(page_survives_split_and_assembly),
        cmocka_unit_test(signing_covers_the_whole_entry),
        cmocka_unit_test(descriptor_of_no_kind_has_no_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
