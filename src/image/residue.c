/* SPDX-License-Identifier: MIT */
/* Counts what is left in areas that should be zero. Holes are stepped over. */
#include "base/checked.h"
#include "image/bat_stream.h"
#include "image/view.h"

enum { WINDOW = 16 * 1024 };

static void count_window(struct span s, uint64_t off, struct residue *r)
{
    size_t first = span_find_nonzero(s, 0);
    if (first == s.len)
        return;
    if (r->bytes == 0)
        r->first_off = off + first;
    r->bytes += span_count_nonzero(s, first);
}

/* Reads [*off, hole) as far as the budget goes. Apart, because most areas are holes and need no buffer on the stack. */
__attribute__((noinline)) static enum status count_data(struct view *v, uint64_t *off, uint64_t hole, uint64_t *budget,
                                                        struct residue *r)
{
    uint8_t buf[WINDOW];
    uint64_t left;

    while ((left = u64_min(hole - *off, *budget)) > 0) {
        size_t n = (size_t)u64_min(left, WINDOW);
        enum status st = source_read(v->src, *off, buf, n);
        if (st != STATUS_OK)
            return st;
        count_window(span_of(buf, n), *off, r);
        *off += n;
        *budget -= n;
    }
    return STATUS_OK;
}

enum status view_residue_within(struct view *v, uint64_t off, uint64_t len, uint64_t *budget, struct residue *ret,
                                uint64_t *ret_looked)
{
    uint64_t start = off, end = off < v->src->size ? off + u64_min(len, v->src->size - off) : off;
    uint64_t data, hole;
    struct residue r = {.bytes = 0};
    enum status st = STATUS_OK;

    while (u64_min(end - off, *budget) > 0 && st == STATUS_OK) {
        st = source_next_data(v->src, off, &data, &hole);
        if (st != STATUS_OK || data >= end) {
            off = end;
            break;
        }
        off = data;
        st = count_data(v, &off, u64_min(hole, end), budget, &r);
    }
    if (st == STATUS_IO)
        view_note_io_error(v);
    if (st != STATUS_OK)
        return st;
    ret->bytes = r.bytes;
    ret->first_off = r.first_off;
    *ret_looked = off - start;
    return STATUS_OK;
}

enum status view_residue(struct view *v, uint64_t off, uint64_t len, struct residue *ret)
{
    uint64_t looked, budget = UINT64_MAX;
    return view_residue_within(v, off, len, &budget, ret, &looked);
}
