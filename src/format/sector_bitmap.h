/* SPDX-License-Identifier: MIT */
/* Sector bitmap blocks, [MS-VHDX] 2.4: bit n (byte n/8, least significant first) is sector n of the chunk. */
#ifndef VHDXRAY_FORMAT_SECTOR_BITMAP_H
#define VHDXRAY_FORMAT_SECTOR_BITMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* Bits outside the span read as 0. */
bool sector_bitmap_get(struct span bits, uint64_t sector);
void sector_bitmap_set(uint8_t *bits, uint64_t first, uint64_t count, bool value);
/* Number of ones in [first, first + count). */
uint64_t sector_bitmap_count(struct span bits, uint64_t first, uint64_t count);
/* Length of the run of equal bits that starts at `first`, at most `count`; *ret_value = that bit. count >= 1. */
uint64_t sector_bitmap_run(struct span bits, uint64_t first, uint64_t count, bool *ret_value);

#endif
