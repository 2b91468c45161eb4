/* SPDX-License-Identifier: MIT */
/*
 * The BAT in windows of whole chunks, so that a window holds the bitmap entry of every payload entry in it. What is
 * left out are entries of zero: windows that hold nothing else, and chunks behind them that are a hole of the source.
 */
#ifndef VHDXRAY_IMAGE_BAT_STREAM_H
#define VHDXRAY_IMAGE_BAT_STREAM_H

#include <stdint.h>

#include "base/le.h"
#include "base/status.h"
#include "image/view.h"

struct bat_stream {
    struct view *view;
    uint8_t *buf;
    uint64_t room;               /* entries that fit buf */
    uint64_t chunk_entries;      /* of a whole chunk, its bitmap entry among them */
    uint64_t window_entries;     /* whole chunks; no window crosses a multiple of it */
    uint64_t reach;              /* entries that the next window may have: few at first, then twice as many each time */
    uint64_t next, end;          /* entries */
    uint64_t data_off, data_end; /* the data range of the source last asked for */
};

struct bat_window {
    const uint8_t *bytes;
    uint64_t first, count; /* entries; count 0: the end. first / (chunk_ratio + 1) is the chunk it starts with */
};

/* Entries per window, for a view with a geometry. */
uint64_t bat_stream_window_entries(const struct geometry *g);

/* Entries [first, end), end <= bat.slots; first the start of a chunk, or no matter when chunks do not count. */
void bat_stream_open(struct view *v, uint64_t first, uint64_t end, struct bat_stream *ret);
enum status bat_stream_next(struct bat_stream *s, struct bat_window *ret);
/* Leaves out everything before the multiple of window_entries below entry `index`. */
void bat_stream_skip_to(struct bat_stream *s, uint64_t index);
void bat_stream_close(struct bat_stream *s);

static inline uint64_t bat_window_entry(const struct bat_window *w, uint64_t i)
{
    return le64(w->bytes + i * 8);
}

/* The first entry at or behind i that is not zero, or count. */
static inline uint64_t bat_window_find(const struct bat_window *w, uint64_t i)
{
    return i < w->count ? span_find_nonzero(span_of(w->bytes, (size_t)(w->count * 8)), (size_t)(i * 8)) / 8 : i;
}

/* Records in the view that a structure could not be read ("could not look" is never "ok"). */
void view_note_io_error(struct view *v);

#endif
