/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C: every implementation gives the same value for any bytes, however they are cut and aligned, and the shortcut
 * for zeros the value of as many real ones. The reference is the definition, bit by bit.
 *
 * Input: u8 cut, u32 initial value, u16 zeros, bytes.
 */
#include "base/crc32c.h"
#include "fuzz/property.h"

enum { SLOW_MAX = 512, ZEROS_MAX = 4096 };

static uint32_t crc32c_bitwise(uint32_t crc, const uint8_t *p, size_t len)
{
    uint32_t c = ~crc;

    for (size_t i = 0; i < len; i++) {
        c ^= p[i];
        for (unsigned bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ 0x82F63B78 : c >> 1;
    }
    return ~c;
}

static void check_implementations(uint32_t initial, const uint8_t *p, size_t len, size_t cut)
{
    uint32_t want = crc32c_portable(initial, p, len);

    if (len <= SLOW_MAX)
        ASSERT(crc32c_bitwise(initial, p, len) == want);
    ASSERT(crc32c(initial, p, len) == want);
    ASSERT(crc32c(crc32c(initial, p, cut), p + cut, len - cut) == want);
    ASSERT(crc32c_portable(crc32c_portable(initial, p, cut), p + cut, len - cut) == want);
#if defined(VHDXRAY_WITH_ISAL) && VHDXRAY_WITH_ISAL
    ASSERT(crc32c_isal(initial, p, len) == want);
#endif
}

/* A structure's own checksum counts as zeros. */
static void check_structure(const uint8_t *p, size_t len)
{
    static const uint8_t zero_field[4];
    uint32_t got = crc32c_structure(span_of(p, len));

    if (len < 8)
        ASSERT(got == 0);
    else
        ASSERT(got == crc32c_portable(crc32c_portable(crc32c_portable(0, p, 4), zero_field, 4), p + 8, len - 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t zeros[ZEROS_MAX];
    struct taker in = {data, size};
    size_t cut = (size_t)take(&in, 1);
    uint32_t initial = (uint32_t)take(&in, 4);
    size_t zero_count = (size_t)take(&in, 2), few = zero_count % (ZEROS_MAX + 1);

    check_implementations(initial, in.ptr, in.len, in.len > 0 ? cut % in.len : 0);
    check_structure(in.ptr, in.len);

    uint32_t crc = crc32c(initial, in.ptr, in.len);
    ASSERT(crc32c_zeros(crc, few) == crc32c_portable(crc, zeros, few));
    /* Longer runs: two ways to the same place. */
    uint64_t many = (uint64_t)zero_count << (cut % 48);
    ASSERT(crc32c_zeros(crc32c_zeros(crc, many), few) == crc32c_zeros(crc, many + few));
    ASSERT(crc32c_zeros(crc32c_zeros(crc, many), many) == crc32c_zeros(crc, 2 * many));
    return 0;
}
