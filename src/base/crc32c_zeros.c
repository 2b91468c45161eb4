/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C over a run of zero bytes without feeding them. A CRC register is a polynomial over GF(2); one zero byte
 * multiplies it by x^8 modulo the CRC polynomial, so n zero bytes multiply it by x^(8n), found by repeated squaring.
 * Reflected order: bit 31 is x^0.
 */
#include "base/crc32c.h"

static const uint32_t POLYNOMIAL = 0x82F63B78;
static const uint32_t ONE = 0x80000000;    /* x^0 */
static const uint32_t X_TO_8 = 0x00800000; /* x^8: one zero byte */

static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (uint32_t bit = ONE; bit != 0; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b & 1 ? b >> 1 ^ POLYNOMIAL : b >> 1;
    }
    return product;
}

uint32_t crc32c_zeros(uint32_t crc, uint64_t len)
{
    uint32_t factor = ONE;
    for (uint32_t power = X_TO_8; len != 0; len >>= 1) {
        if (len & 1)
            factor = multiply(factor, power);
        power = multiply(power, power);
    }
    return ~multiply(~crc, factor);
}
