/* SPDX-License-Identifier: MIT */
/*
 * Where new blocks go: to the end of the file. Free ranges inside it are left alone: they may hold what somebody wants
 * back (carving), and space at the end needs no zeros to be written, so a block costs what is written into it, whatever
 * its size. One exception: a block in state UNDEFINED or UNMAPPED may still own its old place, and gets it again,
 * zeroed.
 *
 * Nothing here is final. The BAT entry that gives a place its meaning is in the set of pages until it is logged, and
 * the log comes behind a sync; whatever a crash leaves of a block before that is space at the end that nobody refers
 * to.
 */
#include "base/checked.h"
#include "base/le.h"
#include "base/span.h"
#include "write/writer_parts.h"

/* Zeros of this length and alignment are left out where the file has none but zeros. */
static const uint64_t SPARSE_UNIT = 65536;

enum status bat_get(const struct writer *w, uint64_t index, uint64_t *ret_raw)
{
    uint8_t bytes[BAT_ENTRY_LEN];
    enum status st = page_set_read(&w->pages, w->bat_off + index * BAT_ENTRY_LEN, bytes, sizeof(bytes));

    if (st == STATUS_OK)
        *ret_raw = le64(bytes);
    return st;
}

enum status bat_set(struct writer *w, uint64_t index, uint64_t raw)
{
    uint8_t bytes[BAT_ENTRY_LEN];

    put_le64(bytes, raw);
    return page_set_write(&w->pages, w->bat_off + index * BAT_ENTRY_LEN, bytes, sizeof(bytes));
}

static enum status grow(struct writer *w, uint64_t size)
{
    if (size <= store_size(w->store))
        return STATUS_OK;
    w->unsynced = true;
    return store_resize(w->store, size);
}

enum status allocate_end(struct writer *w, uint64_t len, uint64_t *ret_off)
{
    uint64_t off = w->end, end;

    if (!u64_add(off, len, &end))
        return STATUS_RANGE;
    enum status st = grow(w, end);
    if (st != STATUS_OK)
        return st;
    w->end = end;
    *ret_off = off;
    return STATUS_OK;
}

/* Into a range that holds zeros: only what is not zero. */
static enum status put_sparse(struct writer *w, uint64_t off, const uint8_t *bytes, uint64_t len)
{
    uint64_t from = 0; /* start of the data that is not written yet */

    for (uint64_t at = 0; at < len;) {
        uint64_t n = u64_min(len - at, SPARSE_UNIT - (off + at) % SPARSE_UNIT);
        if (span_is_zero(span_of(bytes + at, (size_t)n))) {
            enum status st = writer_put(w, off + from, bytes + from, at - from);
            if (st != STATUS_OK)
                return st;
            from = at + n;
        }
        at += n;
    }
    return writer_put(w, off + from, bytes + from, len - from);
}

/* The old place of the block; 0: it has none that can be used. */
static uint64_t anchor_of(const struct writer *w, const struct piece *p)
{
    unsigned state = bat_entry_state(p->raw);

    return w->anchors_apart && (state == PAYLOAD_UNDEFINED || state == PAYLOAD_UNMAPPED) ? bat_entry_off(p->raw) : 0;
}

enum status allocate_block(struct writer *w, const struct piece *p, uint64_t *ret_off)
{
    const uint64_t block_size = w->geometry.block_size, size = store_size(w->store);
    uint64_t off = anchor_of(w, p);
    enum status st;

    if (off == 0) {
        st = allocate_end(w, block_size, &off);
    } else {
        st = grow(w, off + block_size);
        w->unsynced = true;
        if (st == STATUS_OK && off < size)
            st = store_zero(w->store, off, u64_min(block_size, size - off));
    }
    if (st == STATUS_OK)
        st = put_sparse(w, off + p->in_block, p->bytes, p->len);
    if (st != STATUS_OK)
        return st;
    w->counts.blocks++;
    *ret_off = off;
    return STATUS_OK;
}
