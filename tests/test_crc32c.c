/* SPDX-License-Identifier: MIT */
/* CRC-32C: known values, both implementations against a bit-by-bit one, chaining at every kind of split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "base/le.h"

static uint32_t crc32c_bitwise(uint32_t crc, const uint8_t *p, size_t len)
{
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void assert_crc(uint32_t expected, const void *p, size_t len)
{
    assert_int_equal(crc32c(0, p, len), expected);
    assert_int_equal(crc32c_portable(0, p, len), expected);
    assert_int_equal(crc32c_bitwise(0, (const uint8_t *)p, len), expected);
}

static void known_values(void **state)
{
    (void)state;
    static uint8_t buf[65536];

    assert_crc(0xe3069283, "123456789", 9);
    assert_crc(0, "", 0);
    assert_crc(0, NULL, 0);
    assert_crc(0x8a9136aa, buf, 32);
    assert_crc(0x98f94189, buf, 4096);
    assert_crc(0x72c0c4a4, buf, 65536);
    memcpy(buf, "head", 4);
    assert_crc(0xfc414ebc, buf, 4096);
    memcpy(buf, "regi", 4);
    assert_crc(0x916e09ef, buf, 65536);
    memset(buf, 0xff, 32);
    assert_crc(0x62a8ab43, buf, 32);
    for (size_t i = 0; i < 32; i++)
        buf[i] = (uint8_t)i;
    assert_crc(0x46dd794e, buf, 32);
}

static void structure_counts_its_checksum_as_zero(void **state)
{
    (void)state;
    uint8_t header[4096] = "head";
    uint8_t entry[4096] = "loge";

    put_le64(header + 8, 1);         /* SequenceNumber */
    put_le16(header + 66, 1);        /* Version */
    put_le32(header + 68, 0x100000); /* LogLength */
    put_le64(header + 72, 0x100000); /* LogOffset */
    assert_int_equal(crc32c_structure(span_of(header, sizeof(header))), 0xf1fd4713);
    put_le32(header + 4, 0xdeadbeef);
    assert_int_equal(crc32c_structure(span_of(header, sizeof(header))), 0xf1fd4713);
    header[0] ^= 1;
    assert_int_not_equal(crc32c_structure(span_of(header, sizeof(header))), 0xf1fd4713);

    put_le32(entry + 8, 4096); /* EntryLength */
    put_le64(entry + 16, 1);   /* SequenceNumber */
    for (size_t i = 0; i < 16; i++)
        entry[32 + i] = (uint8_t)i; /* LogGuid */
    put_le64(entry + 48, 0x400000); /* FlushedFileOffset */
    put_le64(entry + 56, 0x400000); /* LastFileOffset */
    put_le32(entry + 4, 0xffffffff);
    assert_int_equal(crc32c_structure(span_of(entry, sizeof(entry))), 0x610687de);
}

static void zeros_are_as_good_as_fed(void **state)
{
    (void)state;
    static const uint8_t zeros[65536];
    static const uint32_t starts[] = {0, 1, 0xffffffff, 0xe3069283};

    for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
        for (size_t len = 0; len <= 300; len++)
            assert_int_equal(crc32c_zeros(starts[s], len), crc32c_portable(starts[s], zeros, len));
        for (size_t len = 512; len <= sizeof(zeros); len *= 2) {
            assert_int_equal(crc32c_zeros(starts[s], len), crc32c_portable(starts[s], zeros, len));
            assert_int_equal(crc32c_zeros(starts[s], len - 80), crc32c_portable(starts[s], zeros, len - 80));
        }
        for (unsigned i = 16; i < 63; i++) { /* too long to feed: two halves instead */
            uint64_t half = (uint64_t)1 << i;
            assert_int_equal(crc32c_zeros(starts[s], 2 * half), crc32c_zeros(crc32c_zeros(starts[s], half), half));
        }
    }
}

static void structure_shorter_than_its_checksum_is_zero(void **state)
{
    (void)state;
    uint8_t bytes[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    uint8_t blanked[9] = {1, 2, 3, 4, 0, 0, 0, 0, 9};

    for (size_t len = 0; len < 8; len++)
        assert_int_equal(crc32c_structure(span_of(bytes, len)), 0);
    for (size_t len = 8; len <= 9; len++)
        assert_int_equal(crc32c_structure(span_of(bytes, len)), crc32c_bitwise(0, blanked, len));
}

/* Wherever the zeros at its end begin: in front of the checksum, inside it, or behind. */
static void structure_that_ends_in_zeros(void **state)
{
    (void)state;
    uint8_t bytes[600], blanked[600];

    for (size_t used = 0; used <= sizeof(bytes); used = used < 40 ? used + 1 : used + 35) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = i < used ? (uint8_t)(i * 7 + 1) : 0;
        memcpy(blanked, bytes, sizeof(bytes));
        memset(blanked + 4, 0, 4);
        for (size_t len = 8; len <= sizeof(bytes); len = len < 40 ? len + 1 : len + 56)
            assert_int_equal(crc32c_structure(span_of(bytes, len)), crc32c_bitwise(0, blanked, len));
    }
}

static void implementations_agree_on_any_length_alignment_and_split(void **state)
{
    (void)state;
    uint64_t seed = 1;

    for (int round = 0; round < 3000; round++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        size_t len = (size_t)(seed >> 33) % (round % 10 == 0 ? 5000 : 80);
        size_t skew = (size_t)(seed >> 20) % 16;
        size_t split = len > 0 ? (size_t)(seed >> 40) % (len + 1) : 0;
        uint32_t start = (uint32_t)(seed >> 13);
        uint8_t *block = (uint8_t *)malloc(skew + len + 1);
        assert_non_null(block);
        uint8_t *p = block + skew;
        for (size_t i = 0; i < len; i++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            p[i] = (uint8_t)(seed >> 56);
        }
        uint32_t expected = crc32c_bitwise(start, p, len);
        assert_int_equal(crc32c(start, p, len), expected);
        assert_int_equal(crc32c_portable(start, p, len), expected);
        assert_int_equal(crc32c(crc32c(start, p, split), p + split, len - split), expected);
        assert_int_equal(crc32c_portable(crc32c_portable(start, p, split), p + split, len - split), expected);
        free(block);
    }
}

/* Lengths that no int of the routine behind it holds go in pieces. */
static void more_than_a_piece(void **state)
{
    (void)state;
    const size_t len = ((size_t)1 << 30) + 5;
    void *p = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_true(p != MAP_FAILED);
    assert_int_equal(crc32c(0x12345678, p, len), crc32c_zeros(0x12345678, len));
    assert_int_equal(munmap(p, len), 0);
}

static void front_shorter_than_its_checksum_is_zero(void **state)
{
    static const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    (void)state;
    for (size_t len = 0; len < 8; len++)
        assert_int_equal(crc32c_structure_front(span_of(bytes, len), 64), 0);
    assert_int_not_equal(crc32c_structure_front(span_of(bytes, 8), 64), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(structure_counts_its_checksum_as_zero),
        cmocka_unit_test(zeros_are_as_good_as_fed),
        cmocka_unit_test(structure_shorter_than_its_checksum_is_zero),
        cmocka_unit_test(structure_that_ends_in_zeros),
        cmocka_unit_test(implementations_agree_on_any_length_alignment_and_split),
        cmocka_unit_test(more_than_a_piece),
        cmocka_unit_test(front_shorter_than_its_checksum_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
