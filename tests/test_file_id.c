/* SPDX-License-Identifier: MIT */
/* File type identifier: creator strings as writers leave them, and how the encoder cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/le.h"
#include "format/file_id.h"
#include "format/layout.h"

static uint8_t page[FILE_ID_LEN];

/* "vhdxfile", then "QEMU" in UTF-16LE. */
static const uint8_t qemu_begin[] = {'v', 'h', 'd', 'x', 'f', 'i', 'l', 'e', 'Q', 0, 'E', 0, 'M', 0, 'U', 0, 0, 0};

static void decodes_literal_bytes(void **state)
{
    (void)state;
    struct file_identifier f;
    memset(page, 0, sizeof(page));
    memcpy(page, qemu_begin, sizeof(qemu_begin));
    assert_true(file_identifier_decode(span_of(page, sizeof(page)), &f));
    assert_true(f.signature_ok);
    assert_int_equal(f.creator.len, 512);
    assert_ptr_equal(f.creator.ptr, page + 8);
    assert_int_equal(f.creator_text.len, 8);
    assert_true(f.creator_terminated);
    assert_int_equal(f.raw.len, 65536);
}

static void encodes_literal_bytes(void **state)
{
    (void)state;
    memset(page, 0xEE, sizeof(page));
    file_identifier_encode("QEMU", page);
    assert_memory_equal(page, qemu_begin, sizeof(qemu_begin));
    assert_true(span_is_zero(span_of(page + sizeof(qemu_begin), sizeof(page) - sizeof(qemu_begin))));
}

static void needs_520_bytes_and_no_more(void **state)
{
    (void)state;
    struct file_identifier f = {.signature_ok = true};
    assert_false(file_identifier_decode(span_of(page, 519), &f));
    assert_false(file_identifier_decode(span_of(page, 0), &f));
    assert_true(f.signature_ok); /* untouched */
    assert_true(file_identifier_decode(span_of(page, 520), &f));
    assert_int_equal(f.raw.len, 520);
}

static void wrong_signature_still_decodes(void **state)
{
    (void)state;
    struct file_identifier f;
    memset(page, 0, sizeof(page));
    memcpy(page, "VHDXFILE", 8);
    assert_true(file_identifier_decode(span_of(page, sizeof(page)), &f));
    assert_false(f.signature_ok);
    /* The big-endian reading that the specification prints is not the signature. */
    memcpy(page, "elifxdhv", 8);
    assert_true(file_identifier_decode(span_of(page, sizeof(page)), &f));
    assert_false(f.signature_ok);
    assert_int_equal(f.creator_text.len, 0);
    assert_true(f.creator_terminated);
}

static void creator_may_use_all_256_units(void **state)
{
    (void)state;
    struct file_identifier f;
    memset(page, 0, sizeof(page));
    for (size_t i = 0; i < 256; i++)
        put_le16(page + 8 + 2 * i,
                 (uint16_t)(0x0100 + (i & 1))); /* low bytes are zero: a NUL is two of them, aligned */
    assert_true(file_identifier_decode(span_of(page, sizeof(page)), &f));
    assert_false(f.creator_terminated);
    assert_int_equal(f.creator_text.len, 512);
    put_le16(page + 8 + 512, 0x0041); /* behind the field: reserved, no letter of it */
    assert_true(file_identifier_decode(span_of(page, sizeof(page)), &f));
    assert_false(f.creator_terminated);
    assert_int_equal(f.creator_text.len, 512);
}

static void a_nul_is_a_whole_unit(void **state)
{
    (void)state;
    struct file_identifier f;
    memset(page, 0, sizeof(page));
    put_le16(page + 8, 0x4100);
    put_le16(page + 10, 0x0042); /* bytes 00 41 42 00: zeros, but no aligned zero unit */
    put_le16(page + 14, 0x0043); /* behind the NUL: not part of the text */
    assert_true(file_identifier_decode(span_of(page, sizeof(page)), &f));
    assert_int_equal(f.creator_text.len, 4);
}

static void encoder_cuts_at_255_units(void **state)
{
    (void)state;
    struct file_identifier f;
    char text[301];
    memset(text, 'x', 300);
    text[300] = 0;
    file_identifier_encode(text, page);
    assert_true(file_identifier_decode(span_of(page, sizeof(page)), &f));
    assert_int_equal(f.creator_text.len, 510);
    assert_true(f.creator_terminated);
}

static void encoder_never_splits_a_surrogate_pair(void **state)
{
    (void)state;
    struct file_identifier f;
    char text[260];
    memset(text, 'x', 254);
    memcpy(text + 254, "\xF0\x9F\x92\xBE", 5); /* one unit of room, two needed */
    file_identifier_encode(text, page);
    assert_true(file_identifier_decode(span_of(page, sizeof(page)), &f));
    assert_int_equal(f.creator_text.len, 508);

    memcpy(text + 253, "\xF0\x9F\x92\xBE", 5); /* fits exactly */
    file_identifier_encode(text, page);
    assert_true(file_identifier_decode(span_of(page, sizeof(page)), &f));
    assert_int_equal(f.creator_text.len, 510);
    assert_int_equal(le16(page + 8 + 506), 0xD83D);
    assert_int_equal(le16(page + 8 + 508), 0xDCBE);
}

static void encoder_stops_at_damaged_utf8(void **state)
{
    (void)state;
    static const char *const texts[] = {"ab\xFF", "ab\xC3", "ab\xC3(", "ab\xE2\x82", "ab\x80", "ab\xF0\x9F\x92"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct file_identifier f;
        file_identifier_encode(texts[i], page);
        assert_true(file_identifier_decode(span_of(page, sizeof(page)), &f));
        assert_int_equal(f.creator_text.len, 4);
    }
}

/* The first and the last character of each length of UTF-8. */
static void encoder_takes_every_length_of_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint16_t units[2];
        size_t len;
    } rows[] = {
        {"\x01", {0x0001}, 2},
        {"\x7F", {0x007F}, 2},
        {"\xC2\x80", {0x0080}, 2},
        {"\xDF\xBF", {0x07FF}, 2},
        {"\xE0\xA0\x80", {0x0800}, 2},
        {"\xEF\xBF\xBF", {0xFFFF}, 2},
        {"\xF0\x90\x80\x80", {0xD800, 0xDC00}, 4},
        {"\xF4\x8F\xBF\xBF", {0xDBFF, 0xDFFF}, 4},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct file_identifier f;
        file_identifier_encode(rows[i].text, page);
        assert_true(file_identifier_decode(span_of(page, sizeof(page)), &f));
        assert_int_equal(f.creator_text.len, rows[i].len);
        assert_int_equal(le16(page + 8), rows[i].units[0]);
        assert_int_equal(le16(page + 10), rows[i].units[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_literal_bytes),         cmocka_unit_test(encodes_literal_bytes),
        cmocka_unit_test(needs_520_bytes_and_no_more),   cmocka_unit_test(wrong_signature_still_decodes),
        cmocka_unit_test(creator_may_use_all_256_units), cmocka_unit_test(a_nul_is_a_whole_unit),
        cmocka_unit_test(encoder_cuts_at_255_units),     cmocka_unit_test(encoder_never_splits_a_surrogate_pair),
        cmocka_unit_test(encoder_stops_at_damaged_utf8), cmocka_unit_test(encoder_takes_every_length_of_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
