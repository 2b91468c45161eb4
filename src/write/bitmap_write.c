/* SPDX-License-Identifier: MIT */
/*
 * Sector bitmaps of a differencing disk ([MS-VHDX] 2.4): which sectors of a partially present block are this file's.
 * The bits are metadata and go through the log, in the same entry as the BAT entries that belong to them, so data
 * appears all at once.
 *
 * When a block becomes partially present all of its bits are set or cleared, not only those of the sectors written:
 * bits of earlier times may be there (writers leave them when a block is given back to the parent, or set those behind
 * the end of the disk), and each would show a sector of zeros in place of the parent's.
 */
#include <string.h>

#include "format/sector_bitmap.h"
#include "write/writer_parts.h"

enum { BITS_LEN_MAX = 65536 }; /* of the largest block in the smallest sectors */

/* The chunk's bitmap block in the file. A new one is zeros. */
static enum status bitmap_place(struct writer *w, uint64_t chunk, uint64_t *ret_off)
{
    const uint64_t index = bat_index_of_bitmap(&w->geometry, chunk);
    uint64_t raw = 0, off = 0;
    enum status st = bat_get(w, index, &raw);

    if (st != STATUS_OK)
        return st;
    if (bat_entry_state(raw) == BITMAP_PRESENT) {
        *ret_off = bat_entry_off(raw);
        return STATUS_OK;
    }
    st = allocate_end(w, BITMAP_BLOCK_LEN, &off);
    if (st == STATUS_OK)
        st = bat_set(w, index, bat_entry_make(off, BITMAP_PRESENT));
    if (st != STATUS_OK)
        return st;
    w->counts.bitmaps++;
    *ret_off = off;
    return STATUS_OK;
}

enum status bitmap_set(struct writer *w, const struct piece *p, bool fresh, bool *ret_all)
{
    const struct geometry *g = &w->geometry;
    const uint64_t bits_len = g->sectors_per_block / 8;
    const uint64_t sectors = block_guest_len(g, p->block) / g->logical_sector_size;
    uint8_t bits[BITS_LEN_MAX];
    uint64_t off = 0;

    enum status st = bitmap_place(w, p->block >> g->chunk_shift, &off);
    if (st != STATUS_OK)
        return st;
    off += (p->block & (g->chunk_ratio - 1)) * bits_len;
    if (fresh)
        memset(bits, 0, (size_t)bits_len);
    else
        st = page_set_read(&w->pages, off, bits, (size_t)bits_len);
    if (st != STATUS_OK)
        return st;
    sector_bitmap_set(bits, p->in_block / g->logical_sector_size, p->len / g->logical_sector_size, true);
    st = page_set_write(&w->pages, off, bits, (size_t)bits_len);
    if (st == STATUS_OK)
        *ret_all = sector_bitmap_count(span_of(bits, (size_t)bits_len), 0, sectors) == sectors;
    return st;
}
