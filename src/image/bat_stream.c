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
    struct bat_stream s = {
        .view = v,
        .buf = arena_alloc(v->arena, (size_t)LIMIT_WINDOW),
        .window_entries = bat_stream_window_entries(&v->geometry),
        .next = first,
        .end = end,
    };
    if (!s.buf)
        return arena_status(v->arena);
    *ret = s;
    return STATUS_OK;
}

void bat_stream_close(struct bat_stream *s)
{
    arena_release(s->view->arena, s->buf);
    s->buf = NULL;
}

void bat_stream_skip_to(struct bat_stream *s, uint64_t index)
{
    s->next = u64_max(s->next, index / s->window_entries * s->window_entries);
}

/* Moves next to the window that holds the first data at or after it. */
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
        s->next = u64_max(s->next, (s->data_off - bat_off) / BAT_ENTRY_LEN / s->window_entries * s->window_entries);
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
        goto out;
    if (s->next >= s->end)
        return STATUS_OK;
    count = u64_min(s->end - s->next, s->window_entries - s->next % s->window_entries);
    st = source_read(s->view->src, s->view->bat.off + s->next * BAT_ENTRY_LEN, s->buf, (size_t)(count * BAT_ENTRY_LEN));
    if (st != STATUS_OK)
        goto out;
    *ret = (struct bat_window){.bytes = s->buf, .first = s->next, .count = count};
    s->next += count;
    return STATUS_OK;
out:
    view_note_io_error(s->view);
    return st;
}
