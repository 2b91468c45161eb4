/* SPDX-License-Identifier: MIT */
/*
 * BAT entries for the guest reader, in small windows: reads may go anywhere, and a chain of 256 files has as many BATs.
 * Where the host has a hole in the BAT, entries are zero and nothing is read, so that a 64 TiB disk without data is one
 * stretch. A part of the BAT that cannot be read costs the blocks of that part only.
 */
#include "base/checked.h"
#include "base/le.h"
#include "image/guest_parts.h"

enum { WINDOW_ENTRIES = 8192, SMALL_ENTRIES = 512 };

static enum status read_window(struct guest_layer *l, uint64_t index, uint64_t grid)
{
    struct view *v = l->view;
    struct guest_window *w = &l->window;
    w->first = index - index % grid;
    w->count = u64_min(grid, v->bat.slots - w->first);
    return source_read(v->src, v->bat.off + w->first * BAT_ENTRY_LEN, w->bytes, (size_t)(w->count * BAT_ENTRY_LEN));
}

static enum status load_window(struct guest_layer *l, uint64_t index)
{
    struct guest_window *w = &l->window;
    enum status st = STATUS_IO;
    if (!w->bytes)
        w->bytes = arena_alloc(l->view->arena, (size_t)WINDOW_ENTRIES * BAT_ENTRY_LEN);
    if (!w->bytes)
        return arena_status(l->view->arena);
    if (index >= w->slow_until)
        st = read_window(l, index, WINDOW_ENTRIES);
    if (st == STATUS_IO) {
        w->slow_until = u64_max(w->slow_until, index - index % WINDOW_ENTRIES + WINDOW_ENTRIES);
        st = read_window(l, index, SMALL_ENTRIES);
    }
    w->bad = st == STATUS_IO;
    if (st == STATUS_OK || st == STATUS_IO)
        return STATUS_OK;
    w->count = 0;
    return st;
}

enum status guest_bat_entry(struct guest_layer *l, uint64_t index, uint64_t *ret_raw, enum guest_fault *ret_fault)
{
    struct guest_window *w = &l->window;
    if (index < w->first || index - w->first >= w->count) {
        enum status st = load_window(l, index);
        if (st != STATUS_OK)
            return st;
    }
    *ret_fault = w->bad ? GUEST_FAULT_IO : GUEST_FAULT_NONE;
    *ret_raw = w->bad ? 0 : le64(w->bytes + (index - w->first) * BAT_ENTRY_LEN);
    return STATUS_OK;
}

/* Behind a window of zeros: how far the hole goes that may follow it. */
static enum status look_behind(struct guest_layer *l)
{
    const struct guest_window *w = &l->window;
    struct view *v = l->view;
    uint64_t next = w->first + w->count, data, hole;
    enum status st;
    if (next >= v->bat.slots)
        return STATUS_OK;
    st = source_next_data(v->src, v->bat.off + next * BAT_ENTRY_LEN, &data, &hole);
    if (st == STATUS_IO) /* then the next window is read */
        return STATUS_OK;
    if (st != STATUS_OK)
        return st;
    if (data > v->bat.off + next * BAT_ENTRY_LEN) {
        l->zero_first = next;
        l->zero_end = u64_min((data - v->bat.off) / BAT_ENTRY_LEN, v->bat.slots);
    }
    return STATUS_OK;
}

enum status guest_bat_zeros(struct guest_layer *l, uint64_t index, uint64_t limit, uint64_t *ret_end)
{
    const struct guest_window *w = &l->window;
    uint64_t end = w->first + w->count;
    size_t at = (size_t)((index - w->first) * BAT_ENTRY_LEN),
           len = (size_t)((u64_min(end, limit) - w->first) * BAT_ENTRY_LEN);
    size_t stop = span_find_nonzero(span_of(w->bytes, len), at);
    *ret_end = w->first + stop / BAT_ENTRY_LEN;
    if (stop < len || end >= limit)
        return STATUS_OK;
    if (l->zero_first != end) {
        enum status st = look_behind(l);
        if (st != STATUS_OK)
            return st;
    }
    if (l->zero_first == end)
        *ret_end = u64_min(l->zero_end, limit);
    return STATUS_OK;
}
