/* SPDX-License-Identifier: MIT */
/* Windowed reading of the BAT. A BAT that is a hole costs one window and one question to the host, however large it is.
 */
#include "image/bat_stream.h"

#include "base/checked.h"
#include "base/limits.h"

/*
 * Bytes of a window. Small enough that what is read is still in the processor's second cache when it is looked at,
 * which is worth more than the calls that a larger one would save.
 */
enum { WINDOW_LEN = 128 * 1024 };

/* And of the first one, and of the first one behind a hole: many tables hold a few entries at their start. */
enum { FIRST_LEN = 1024 };

/* Windows grow to this as long as there is nothing in them: the room behind a small table is read with little memory.
 */
enum { ZEROS_LEN = 32 * 1024 };

static uint64_t whole_chunks(const struct geometry *g, uint64_t len)
{
    uint64_t chunk = g->chunk_ratio + 1; /* at most 32769 entries */
    return u64_max(len / BAT_ENTRY_LEN / chunk, 1) * chunk;
}

uint64_t bat_stream_window_entries(const struct geometry *g)
{
    return whole_chunks(g, WINDOW_LEN);
}

void bat_stream_open(struct view *v, uint64_t first, uint64_t end, struct bat_stream *ret)
{
    *ret = (struct bat_stream){
        .view = v,
        .chunk_entries = v->geometry.chunk_ratio + 1,
        .window_entries = bat_stream_window_entries(&v->geometry),
        .reach = whole_chunks(&v->geometry, FIRST_LEN),
        .next = first,
        .end = end,
    };
}

void bat_stream_close(struct bat_stream *s)
{
    if (s->buf)
        arena_release(s->view->arena, s->buf);
    s->buf = NULL;
    s->room = 0;
}

void bat_stream_skip_to(struct bat_stream *s, uint64_t index)
{
    s->next = u64_max(s->next, index / s->window_entries * s->window_entries);
}

/*
 * Behind a window of zeros: moves next to the chunk that holds the first data. The host is asked about holes only here,
 * since it walks a long range of data page by page to find its end, which is no news to who reads it all.
 */
static enum status skip_holes(struct bat_stream *s)
{
    uint64_t bat_off = s->view->bat.off, off = bat_off + s->next * BAT_ENTRY_LEN;
    if (off >= s->data_end) {
        enum status st = source_next_data(s->view->src, off, &s->data_off, &s->data_end);
        if (st != STATUS_OK)
            return st;
        if (s->data_off >= s->data_end) /* only holes follow */
            s->data_off = s->data_end = UINT64_MAX;
    }
    if (s->data_off > off) {
        s->reach = whole_chunks(&s->view->geometry, FIRST_LEN);
        s->next = u64_max(s->next, (s->data_off - bat_off) / BAT_ENTRY_LEN / s->chunk_entries * s->chunk_entries);
    }
    return STATUS_OK;
}

/*
 * Room for count entries, as windows grow. A table that may need many passes gets a buffer from the start that the
 * arena takes back: what small ones leave behind in every pass would use up its budget.
 */
static enum status reserve(struct bat_stream *s, uint64_t count)
{
    uint64_t least = u64_max(count, u64_min(s->end, ARENA_LARGE / BAT_ENTRY_LEN));
    uint64_t room = u64_min(u64_max(least, 2 * s->room), s->window_entries);
    if (count <= s->room)
        return STATUS_OK;
    bat_stream_close(s);
    s->buf = arena_room(s->view->arena, (size_t)(room * BAT_ENTRY_LEN));
    if (!s->buf)
        return arena_status(s->view->arena);
    s->room = room;
    return STATUS_OK;
}

/* One window, from next, as far as it may reach, to the next multiple of window_entries at most. */
static enum status read_window(struct bat_stream *s, struct bat_window *ret)
{
    uint64_t most = u64_min(s->reach, s->window_entries - s->next % s->window_entries);
    uint64_t count = u64_min(s->end - s->next, most);
    enum status st = reserve(s, count);
    if (st != STATUS_OK)
        return st;
    st = source_read(s->view->src, s->view->bat.off + s->next * BAT_ENTRY_LEN, s->buf, (size_t)(count * BAT_ENTRY_LEN));
    if (st != STATUS_OK) {
        if (st == STATUS_IO) /* else a limit was reached */
            view_note_io_error(s->view);
        return st;
    }
    *ret = (struct bat_window){.bytes = s->buf, .first = s->next, .count = count};
    s->next += count;
    return STATUS_OK;
}

enum status bat_stream_next(struct bat_stream *s, struct bat_window *ret)
{
    *ret = (struct bat_window){.first = s->end};
    while (s->next < s->end) {
        enum status st = read_window(s, ret);
        if (st != STATUS_OK)
            return st;
        if (bat_window_find(ret, 0) < ret->count) {
            s->reach = u64_min(2 * s->reach, s->window_entries);
            return STATUS_OK;
        }
        s->reach = u64_min(2 * s->reach, u64_max(s->reach, whole_chunks(&s->view->geometry, ZEROS_LEN)));
        *ret = (struct bat_window){.first = s->end};
        if (s->next < s->end)
            st = skip_holes(s);
        if (st != STATUS_OK) {
            if (st == STATUS_IO) /* else a limit was reached */
                view_note_io_error(s->view);
            return st;
        }
    }
    return STATUS_OK;
}
