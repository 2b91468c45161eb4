/* SPDX-License-Identifier: MIT */
/*
 * The BAT in windows of whole chunks, so that a window holds the bitmap entry of every payload entry in it. Windows lie
 * on a fixed grid from entry 0; those that are wholly a hole of the source are left out: their entries are zero.
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
    uint64_t window_entries;
    uint64_t next, end;          /* entries */
    uint64_t data_off, data_end; /* the data range of the source last asked for */
};

struct bat_window {
    const uint8_t *bytes;
    uint64_t first, count; /* entries; count 0: the end. first / (chunk_ratio + 1) is the chunk it starts with */
};

/* Entries per window for a view with a geometry. */
uint64_t bat_stream_window_entries(const struct geometry *g);

/* Entries [first, end), end <= bat.slots; first a multiple of window_entries, or no matter when chunks do not count. */
enum status bat_stream_open(struct view *v, uint64_t first, uint64_t end, struct bat_stream *ret);
enum status bat_stream_next(struct bat_stream *s, struct bat_window *ret);
/* Leaves out everything before the window that holds entry `index`. */
void bat_stream_skip_to(struct bat_stream *s, uint64_t index);
void bat_stream_close(struct bat_stream *s);

static inline uint64_t bat_window_entry(const struct bat_window *w, uint64_t i)
{
    return le64(w->bytes + i * 8);
}

/* Records in the view that a structure could not be read ("could not look" is never "ok"). */
void view_note_io_error(struct view *v);

#endif
