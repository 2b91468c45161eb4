/* SPDX-License-Identifier: MIT */
/*
 * The holes of a source tell where a structure's zeros begin. Where there are none, it is read as a whole and its end
 * is cut off: fresh pages cost a short run more than anything that is done with their bytes.
 */
#include "image/structure.h"

#include <string.h>

#include "base/checked.h"

/* Where the last data of [off, end) ends, off < end; end when the source cannot say. */
static uint64_t data_end(struct source *src, uint64_t off, uint64_t end)
{
    uint64_t last = off, data, hole;

    for (uint64_t at = off; at < end; at = last = hole) {
        if (source_next_data(src, at, &data, &hole) != STATUS_OK)
            return end;
        if (data >= end)
            break;
    }
    return u64_min(last, end);
}

static size_t to_grain(uint64_t used, size_t len, size_t least)
{
    return (size_t)u64_max(u64_min(u64_div_up(used, STRUCTURE_GRAIN) * STRUCTURE_GRAIN, len), least);
}

/* Keeps the first `front` bytes of buf; its memory goes back to the arena, where the next structure finds it. */
static enum status cut(struct arena *a, uint8_t *buf, size_t front, struct span *ret)
{
    uint8_t *kept = arena_room(a, front);

    if (!kept)
        return arena_status(a);
    memcpy(kept, buf, front);
    arena_release(a, buf);
    *ret = span_of(kept, front);
    return STATUS_OK;
}

enum status structure_read(struct arena *a, struct source *src, uint64_t off, size_t len, size_t least,
                           struct span *ret, size_t *ret_got)
{
    size_t there = off < src->size ? (size_t)u64_min(len, src->size - off) : 0;
    uint64_t used = there <= STRUCTURE_GRAIN ? there : data_end(src, off, off + there) - off;
    size_t n = to_grain(used, len, least);
    uint8_t *buf = arena_room(a, n);
    struct span bytes = span_of(buf, n);
    enum status st = STATUS_OK;

    if (!buf)
        return arena_status(a);
    if (used > 0)
        st = source_read(src, off, buf, (size_t)used);
    memset(buf + used, 0, n - (size_t)used);
    if (st == STATUS_OK && n >= ARENA_LARGE)
        st = cut(a, buf, to_grain(span_end_nonzero(bytes), len, least), &bytes);
    if (st != STATUS_OK)
        return st;
    *ret = bytes;
    *ret_got = there;
    return STATUS_OK;
}

enum status structure_extend(struct arena *a, struct span *s, size_t len)
{
    if (s->len >= len)
        return STATUS_OK;
    uint8_t *buf = arena_room(a, len);
    if (!buf)
        return arena_status(a);
    memcpy(buf, s->ptr, s->len);
    memset(buf + s->len, 0, len - s->len);
    *s = span_of(buf, len);
    return STATUS_OK;
}
