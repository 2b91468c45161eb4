/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C in portable C, eight bytes per step ("slicing by 8": eight tables, one for each distance to the end of the
 * step), and the choice of implementation. ISA-L, when built in, selects the processor's instruction by itself at run
 * time; without it the portable code is the only one. Both take and return finished values, so pieces can be chained.
 */
#include "base/crc32c.h"

#include "base/crc32c_table.h"
#include "base/le.h"

uint32_t crc32c_portable(uint32_t crc, const void *buf, size_t len)
{
    const uint8_t *p = (const uint8_t *)buf;
    uint32_t c = ~crc;

    for (; len >= 8; p += 8, len -= 8) {
        uint32_t lo = c ^ le32(p);
        uint32_t hi = le32(p + 4);

        c = crc32c_table[7][lo & 0xff] ^ crc32c_table[6][lo >> 8 & 0xff] ^ crc32c_table[5][lo >> 16 & 0xff] ^
            crc32c_table[4][lo >> 24] ^ crc32c_table[3][hi & 0xff] ^ crc32c_table[2][hi >> 8 & 0xff] ^
            crc32c_table[1][hi >> 16 & 0xff] ^ crc32c_table[0][hi >> 24];
    }
    for (; len > 0; p++, len--)
        c = c >> 8 ^ crc32c_table[0][(c ^ *p) & 0xff];
    return ~c;
}

#if defined(VHDXRAY_WITH_ISAL) && VHDXRAY_WITH_ISAL
/* ISA-L's first call asks the processor what it is. Under a hypervisor each such question takes longer than the sums of all
 * structures of a healthy image, which are a few hundred bytes each with zeros behind them. */
enum { SHORT = 512 };
#endif

uint32_t crc32c(uint32_t crc, const void *buf, size_t len)
{
#if defined(VHDXRAY_WITH_ISAL) && VHDXRAY_WITH_ISAL
    if (len > SHORT)
        return crc32c_isal(crc, buf, len);
#endif
    return crc32c_portable(crc, buf, len);
}

enum { AFTER_CHECKSUM = 8 };

uint32_t crc32c_structure(struct span s)
{
    size_t front = span_end_nonzero(s);

    if (front < AFTER_CHECKSUM)
        front = s.len < AFTER_CHECKSUM ? s.len : AFTER_CHECKSUM;
    return crc32c_structure_front(span_of(s.ptr, front), s.len);
}

uint32_t crc32c_structure_front(struct span s, uint64_t len)
{
    static const uint8_t zero_field[4];

    if (s.len < AFTER_CHECKSUM)
        return 0;
    uint32_t crc = crc32c(0, s.ptr, 4);
    crc = crc32c(crc, zero_field, sizeof(zero_field));
    crc = crc32c(crc, s.ptr + AFTER_CHECKSUM, s.len - AFTER_CHECKSUM);
    return crc32c_zeros(crc, len - s.len);
}
