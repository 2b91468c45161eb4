/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C over a run of zero bytes without feeding them. A CRC register is a polynomial over GF(2); one zero byte
 * multiplies it by x^8 modulo the CRC polynomial, so n zero bytes multiply it by x^(8n): one multiplication for each
 * digit of n that is not zero. Digits are 1, 0 and -1 (the non-adjacent form), since what follows a structure's fields
 * is mostly a little less than a power of two: 65536 - 64 - 16 zeros are three multiplications instead of eleven.
 * Reflected order: bit 31 is x^0.
 */
#include "base/crc32c.h"

#include <stdbool.h>

static const uint32_t POLYNOMIAL = 0x82F63B78;
static const uint32_t ONE = 0x80000000; /* x^0 */

/* x^(8 * 2^i), each the square of the one before. The square of the last is the first. */
enum { POWERS = 31 };
static const uint32_t powers[POWERS] = {
    0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c, 0x18b8ea18, 0x510ac59a, 0xb82be955, 0xb8fdb1e7,
    0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a, 0x35d73a62, 0x28461564, 0xbf455269, 0xe2ea32dc,
    0xfe7740e6, 0xf946610b, 0x3c204f8f, 0x538586e3, 0x59726915, 0x734d5309, 0xbc1ac763, 0x7d0722cc,
    0xd289cabe, 0xe94ca9bc, 0x05b74f3f, 0xa51e1f42, 0x40000000, 0x20000000, 0x08000000,
};

/* x^(-8 * 2^i): what the above are multiplied by to give x^0. */
static const uint32_t inverses[POWERS] = {
    0xfde39562, 0xbef0965e, 0xd610d67e, 0xe67cce65, 0xa268b79e, 0x134fb088, 0x32998d96, 0xcedac2cc,
    0x70118575, 0x0e004a40, 0xa7864c8b, 0xbc7be916, 0x10ba2894, 0x6077197b, 0x98448e4e, 0x8baf845d,
    0xe93e07fc, 0xf58027d7, 0x5e2b422d, 0x9db2851c, 0x9270ed25, 0x5984e7b3, 0x7af026f1, 0xe0f4116b,
    0xace8a6b0, 0x9e09f006, 0x6a60ea71, 0x4fd04875, 0x05ec76f1, 0x0bd8ede2, 0x2f63b788,
};

/* Without branches: they would be as random as the bits. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (; a != 0; a <<= 1) {
        product ^= a & ONE ? b : 0;
        b = b >> 1 ^ (b & 1 ? POLYNOMIAL : 0);
    }
    return product;
}

uint32_t crc32c_zeros(uint32_t crc, uint64_t len)
{
    uint32_t c = ~crc;

    for (unsigned i = 0; len != 0; i++) {
        bool minus = (len & 3) == 3;
        if (len & 1)
            c = multiply(minus ? inverses[i % POWERS] : powers[i % POWERS], c);
        len = (len >> 1) + minus;
    }
    return ~c;
}
