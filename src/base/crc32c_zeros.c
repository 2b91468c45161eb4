/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C over a run of zero bytes without feeding them. A CRC register is a polynomial over GF(2); one zero byte
 * multiplies it by x^8 modulo the CRC polynomial, so n zero bytes multiply it by x^(8n): one multiplication for each
 * bit set in n. Reflected order: bit 31 is x^0.
 */
#include "base/crc32c.h"

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

    for (unsigned i = 0; len != 0; len >>= 1, i++) {
        if (len & 1)
            c = multiply(powers[i % POWERS], c);
    }
    return ~c;
}
