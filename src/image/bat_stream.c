/* SPDX-License-Identifier: MIT */
/* Windowed reading of the BAT. A BAT that is a hole costs one question to the host, however large it claims to be. */
#include "image/bat_stream.h"

#include "base/checked.h"
#include "base/limits.h"

uint64_t bat_stream_window_entries(const struct geometry *g)
{
    uint64_t chunk = g->chunk_ratio + 1; /* at most 32769 entries, so a window holds several */
    return LIMIT_WINDOW / BAT_ENTRY_LEN / chunk * chunk;
}

enum status bat_stream_open(struct view *v, uint64_t first, uint64_t end, struct bat_stream *ret)
{
    *ret = (struct bat_stream){
        .view = v,
        .chunk_entries = v->geometry.chunk_ratio + 1,
        .window_entries = bat_stream_window_entries(&v->geometry),
        .next = first,
        .end = end,
    };
    return STATUS_OK;
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

/* Moves next to the chunk that holds the first data at or after it. */
static enum status skip_holes(struct bat_stream *s)
{
    uint64_t bat_off = s->view->bat.off, off = bat_off + s->next * BAT_ENTRY_LEN;
    enum status st;
    if (off >= s->data_end) {
        st = source_next_data(s->view->src, off, &s->data_off, &s->data_end);
        if (st != STATUS_OK)
            return st;
        if (s->data_off >= s->data_end) /* only holes follow */
            s->data_off = s->data_end = UINT64_MAX;
    }
    if (s->data_off > off)
        s->next = u64_max(s->next, (s->data_off - bat_off) / BAT_ENTRY_LEN / s->chunk_entries * s->chunk_entries);
    return STATUS_OK;
}

/* From next to the end of the chunk in which the data ends, if the window reaches that far. */
static uint64_t window_count(const struct bat_stream *s)
{
    uint64_t most = u64_min(s->end - s->next, s->window_entries - s->next % s->window_entries);
    uint64_t data = u64_div_up(s->data_end - s->view->bat.off, BAT_ENTRY_LEN); /* entries that may hold something */
    return u64_min(most, u64_div_up(data, s->chunk_entries) * s->chunk_entries - s->next);
}

/* Room for count entries. Twice as much each time, for small windows may be many. */
static enum status reserve(struct bat_stream *s, uint64_t count)
{
    uint64_t room = u64_min(u64_max(count, 2 * s->room), s->window_entries);
    if (count <= s->room)
        return STATUS_OK;
    bat_stream_close(s);
    s->buf = arena_array(s->view->arena, room, BAT_ENTRY_LEN);
    if (!s->buf)
        return arena_status(s->view->arena);
    s->room = room;
    return STATUS_OK;
}

enum status bat_stream_next(struct bat_stream *s, struct bat_window *ret)
{
    enum status st;
    uint64_t count;
    *ret = (struct bat_window){.first = s->end};
    if (s->next >= s->end)
        return STATUS_OK;
    st = skip_holes(s);
    if (st != STATUS_OK)
        goto unreadable;
    if (s->next >= s->end)
        return STATUS_OK;
    count = window_count(s);
    st = reserve(s, count);
    if (st != STATUS_OK)
        return st;
    st = source_read(s->view->src, s->view->bat.off + s->next * BAT_ENTRY_LEN, s->buf, (size_t)(count * BAT_ENTRY_LEN));
    if (st != STATUS_OK)
        goto unreadable;
    *ret = (struct bat_window){.bytes = s->buf, .first = s->next, .count = count};
    s->next += count;
    return STATUS_OK;
unreadable:
    view_note_io_error(s->view);
    return st;
}
