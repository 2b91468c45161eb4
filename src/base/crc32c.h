/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C (Castagnoli, reflected 0x82F63B78), the checksum of headers, region tables and log entries ([MS-VHDX] 2.2.2,
 * 2.2.3.1, 2.3.1.1). Chainable: start with 0, feed the finished value of the first piece to the next.
 */
#ifndef VHDXRAY_BASE_CRC32C_H
#define VHDXRAY_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

uint32_t crc32c(uint32_t crc, const void *buf, size_t len);          /* the fastest one built in */
uint32_t crc32c_portable(uint32_t crc, const void *buf, size_t len); /* slicing by 8; always there, for cross-tests */
uint32_t crc32c_isal(uint32_t crc, const void *buf, size_t len);     /* only when built with VHDXRAY_WITH_ISAL=1 */

/* As crc32c() over len zero bytes, in time that grows with log(len): holes of sparse files need not be fed byte by
 * byte. */
uint32_t crc32c_zeros(uint32_t crc, uint64_t len);

/* CRC of a structure whose u32 at offset 4 counts as zero while computing. 0 for a span shorter than 8 bytes. */
uint32_t crc32c_structure(struct span s);
/* The same for a structure of len bytes of which s is the front, and the rest zeros. s.len <= len. */
uint32_t crc32c_structure_front(struct span s, uint64_t len);

#endif
