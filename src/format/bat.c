/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic between guest offsets, payload blocks, chunks and BAT slots ([MS-VHDX] 2.4, 2.5). A chunk is as many
 * payload blocks as one sector bitmap block can describe; the BAT interleaves after each chunk's payload entries one
 * entry for its bitmap, in fixed and dynamic files too, where that slot stays zero:
 *
 *     slot      0 .. CR-1     CR         CR+1 .. 2*CR    2*CR+1     ...
 *     is block  0 .. CR-1     bitmap 0   CR .. 2*CR-1    bitmap 1
 *
 * Everything derives from four numbers that geometry_derive() accepts only inside the format's ranges; after that no
 * sum or product here can wrap: at most 2^26 blocks and BAT_ENTRIES_MAX slots.
 */
#include "format/bat.h"

#include <stddef.h>

#include "base/checked.h"

const char *payload_state_name(unsigned state)
{
    switch (state) {
    case PAYLOAD_NOT_PRESENT:
        return "not_present";
    case PAYLOAD_UNDEFINED:
        return "undefined";
    case PAYLOAD_ZERO:
        return "zero";
    case PAYLOAD_UNMAPPED:
        return "unmapped";
    case PAYLOAD_FULLY_PRESENT:
        return "fully_present";
    case PAYLOAD_PARTIALLY_PRESENT:
        return "partially_present";
    default:
        return "invalid";
    }
}

bool geometry_derive(uint64_t virtual_size, uint64_t block_size, uint32_t logical_sector_size, bool differencing,
                     struct geometry *ret)
{
    if (virtual_size == 0 || virtual_size > VIRTUAL_SIZE_MAX)
        return false;
    if (!is_pow2(block_size) || block_size < BLOCK_SIZE_MIN || block_size > BLOCK_SIZE_MAX)
        return false;
    if (logical_sector_size != 512 && logical_sector_size != 4096)
        return false;

    struct geometry g = {
        .virtual_size = virtual_size,
        .block_size = block_size,
        .logical_sector_size = logical_sector_size,
        .sectors_per_block = (uint32_t)(block_size / logical_sector_size),
        .chunk_ratio = SECTORS_PER_BITMAP * logical_sector_size / block_size,
        .payload_blocks = u64_div_up(virtual_size, block_size),
        .differencing = differencing,
    };
    g.chunk_shift = (unsigned)__builtin_ctzll(g.chunk_ratio); /* 16 .. 32768: never 0 in these ranges */
    g.chunks = u64_div_up(g.payload_blocks, g.chunk_ratio);
    /* A differencing BAT ends with the last bitmap entry, any other with the last payload entry. */
    g.entries = differencing ? g.chunks * (g.chunk_ratio + 1) : bat_index_of_block(&g, g.payload_blocks - 1) + 1;
    *ret = g;
    return true;
}

struct bat_slot bat_slot_of_index(const struct geometry *g, uint64_t index)
{
    uint64_t per_chunk = g->chunk_ratio + 1, chunk = index / per_chunk, slot = index % per_chunk;
    if (slot == g->chunk_ratio)
        return (struct bat_slot){.is_bitmap = true, .chunk = chunk};
    return (struct bat_slot){.chunk = chunk, .block = chunk * g->chunk_ratio + slot};
}

uint64_t block_guest_len(const struct geometry *g, uint64_t block)
{
    if (block >= g->payload_blocks)
        return 0;
    return u64_min(g->block_size, g->virtual_size - block * g->block_size);
}
