/* SPDX-License-Identifier: MIT */
/*
 * Access to the log's bytes. A ring may be gigabytes of nothing: walking asks the source for its data ranges first and
 * reads only those, a window at a time, each byte once. Data ranges begin and end anywhere; parts are whole sectors of
 * the ring, wherever the header says that it begins.
 */
#include "image/log_ring.h"

#include "base/checked.h"
#include "format/layout.h"

struct log_ring log_ring_of(struct arena *a, struct source *file, uint64_t off, uint64_t len)
{
    struct log_ring r = {.arena = a, .file = file, .off = off, .len = len - len % LOG_SECTOR_LEN};
    r.whole_len = off < file->size ? u64_min(r.len, file->size - off) : 0;
    r.whole_len -= r.whole_len % LOG_SECTOR_LEN;
    return r;
}

void log_ring_close(struct log_ring *r)
{
    if (r->window != NULL)
        arena_release(r->arena, r->window);
    r->window = NULL;
    r->window_len = 0;
}

/* Room for `len` bytes, or a window's worth of them. Twice as much each time, for small pieces of data may be many. */
static enum status window_reserve(struct log_ring *r, uint64_t len)
{
    uint64_t want = u64_min(u64_max(len, 2 * (uint64_t)r->window_len), LOG_WINDOW_MOST);

    if (r->window_len >= u64_min(len, LOG_WINDOW_MOST))
        return STATUS_OK;
    log_ring_close(r);
    r->window = arena_alloc(r->arena, (size_t)want);
    if (r->window == NULL)
        return arena_status(r->arena);
    r->window_len = (size_t)want;
    return STATUS_OK;
}

/* Whole zero sectors at ring offset pos (0: there may be data), and where the data behind them ends. */
static enum status next_data(const struct log_ring *r, uint64_t pos, uint64_t to, uint64_t *ret_zero_sectors,
                             uint64_t *ret_data_end)
{
    uint64_t at = r->off + pos, data = at, hole = r->file->size;
    uint64_t end = u64_min(to, r->whole_len);

    if (pos >= r->whole_len) {
        *ret_zero_sectors = (to - pos) / LOG_SECTOR_LEN;
        *ret_data_end = to;
        return STATUS_OK;
    }
    enum status st = source_next_data(r->file, at, &data, &hole);
    if (st != STATUS_OK && st != STATUS_IO) /* after STATUS_IO reading will tell */
        return st;
    *ret_zero_sectors = u64_min(data - at, end - pos) / LOG_SECTOR_LEN;
    *ret_data_end = u64_min(end, pos + LOG_SECTOR_LEN * u64_div_up(hole - at, LOG_SECTOR_LEN));
    return STATUS_OK;
}

enum status log_ring_walk(struct log_ring *r, uint64_t from, uint64_t to,
                          bool (*fn)(void *ctx, const struct log_part *p), void *ctx)
{
    uint64_t data_end = from; /* up to here there may be data */

    for (uint64_t pos = from; pos < to;) {
        struct log_part part = {.kind = LOG_PART_ZEROS, .ring_off = pos};
        enum status st;
        if (pos >= data_end) {
            st = next_data(r, pos, to, &part.sectors, &data_end);
            if (st != STATUS_OK)
                return st;
        }
        if (part.sectors > 0) {
            if (!fn(ctx, &part))
                return STATUS_OK;
            pos += part.sectors * LOG_SECTOR_LEN;
            continue;
        }
        st = window_reserve(r, data_end - pos);
        if (st != STATUS_OK)
            return st;
        uint64_t len = u64_min(r->window_len, data_end - pos);
        st = source_read(r->file, r->off + pos, r->window, (size_t)len);
        if (st == STATUS_IO) {
            part.kind = LOG_PART_UNREADABLE;
            part.sectors = len / LOG_SECTOR_LEN;
            if (!fn(ctx, &part))
                return STATUS_OK;
        } else if (st != STATUS_OK) {
            return st;
        }
        part = (struct log_part){.kind = LOG_PART_SECTOR, .sectors = 1};
        for (uint64_t i = 0; i < len && st == STATUS_OK; i += LOG_SECTOR_LEN) {
            part.ring_off = pos + i;
            part.sector = r->window + i;
            if (!fn(ctx, &part))
                return STATUS_OK;
        }
        pos += len;
    }
    return STATUS_OK;
}

enum status log_ring_read(const struct log_ring *r, uint64_t ring_off, uint8_t *buf, size_t len)
{
    for (size_t done = 0; done < len;) {
        uint64_t at = (ring_off + done) % r->len;
        size_t part = (size_t)u64_min(r->len - at, len - done);
        enum status st = source_read(r->file, r->off + at, buf + done, part);
        if (st != STATUS_OK)
            return st == STATUS_RANGE ? STATUS_IO : st;
        done += part;
    }
    return STATUS_OK;
}
