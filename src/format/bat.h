/* SPDX-License-Identifier: MIT */
/* BAT entries and the arithmetic of blocks, chunks and slots, [MS-VHDX] 2.4, 2.5. */
#ifndef VHDXRAY_FORMAT_BAT_H
#define VHDXRAY_FORMAT_BAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "format/layout.h"

enum payload_state { /* 2.5.1.1 */
    PAYLOAD_NOT_PRESENT = 0,
    PAYLOAD_UNDEFINED = 1,
    PAYLOAD_ZERO = 2,
    PAYLOAD_UNMAPPED = 3,
    PAYLOAD_RESERVED_4 = 4,
    PAYLOAD_RESERVED_5 = 5, /* UNMAPPED of the v0.95 draft */
    PAYLOAD_FULLY_PRESENT = 6,
    PAYLOAD_PARTIALLY_PRESENT = 7,
};

enum bitmap_state { BITMAP_NOT_PRESENT = 0, BITMAP_PRESENT = 6 }; /* 2.5.1.2 */

static inline unsigned bat_entry_state(uint64_t e)
{
    return (unsigned)(e & BAT_STATE_MASK);
}

static inline uint64_t bat_entry_off(uint64_t e) /* bytes; a multiple of 1 MiB by construction */
{
    return e & BAT_OFFSET_MASK;
}

static inline uint64_t bat_entry_reserved(uint64_t e)
{
    return e & BAT_RESERVED_MASK;
}

static inline uint64_t bat_entry_make(uint64_t off, unsigned state)
{
    return (off & BAT_OFFSET_MASK) | (state & BAT_STATE_MASK);
}

const char *payload_state_name(unsigned state); /* key of `bat.states`: "not_present" ... "invalid" (4 and 5) */

struct geometry {
    uint64_t virtual_size;        /* bytes, 1 .. 2^46, a multiple of logical_sector_size */
    uint64_t block_size;          /* bytes, power of two, 2^20 .. 2^28 */
    uint32_t logical_sector_size; /* 512 or 4096 */
    uint32_t sectors_per_block;
    uint64_t chunk_ratio;    /* payload entries per bitmap entry, a power of two */
    unsigned chunk_shift;    /* log2(chunk_ratio) */
    uint64_t payload_blocks; /* blocks that hold guest data */
    uint64_t chunks;         /* = bitmap blocks */
    uint64_t entries;        /* BAT entries this disk type uses */
    bool differencing;
};

/*
 * False when a value is outside the ranges above (virtual_size need not be a sector multiple here: VHDX-META-033 says so
 * and blocks still round up).
 */
bool geometry_derive(uint64_t virtual_size, uint64_t block_size, uint32_t logical_sector_size, bool differencing,
                     struct geometry *ret);

static inline uint64_t bat_index_of_block(const struct geometry *g, uint64_t block)
{
    return block + (block >> g->chunk_shift);
}

static inline uint64_t bat_index_of_bitmap(const struct geometry *g, uint64_t chunk)
{
    return (chunk + 1) * g->chunk_ratio + chunk;
}

struct bat_slot {
    bool is_bitmap;
    uint64_t chunk;
    uint64_t block; /* payload slots; may be >= payload_blocks in the last chunk */
};
struct bat_slot bat_slot_of_index(const struct geometry *g, uint64_t index);

/* Guest bytes that block holds: block_size but for the last one. 0 when block >= payload_blocks. */
uint64_t block_guest_len(const struct geometry *g, uint64_t block);

#endif
