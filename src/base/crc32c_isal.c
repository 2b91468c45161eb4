/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C by Intel's ISA-L, which picks SSE4.2, AVX-512 or plain C at run time. Empty unless VHDXRAY_WITH_ISAL=1. Its
 * crc32_iscsi() works on the raw register (no inversion) and takes the length as int, so large buffers go through it
 * in pieces.
 */
#include "base/crc32c.h"

#if defined(VHDXRAY_WITH_ISAL) && VHDXRAY_WITH_ISAL

#include <isa-l/crc.h>

static const size_t ISAL_PIECE = (size_t)1 << 30; /* any value that int holds */

uint32_t crc32c_isal(uint32_t crc, const void *buf, size_t len)
{
    /* The prototype lacks const; the bytes are only read. */
    unsigned char *p = (unsigned char *)(uintptr_t)buf;
    uint32_t c = ~crc;

    while (len > 0) {
        size_t n = len < ISAL_PIECE ? len : ISAL_PIECE;
        c = crc32_iscsi(p, (int)n, c);
        p += n;
        len -= n;
    }
    return ~c;
}

#endif
