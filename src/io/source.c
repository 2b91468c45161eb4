/* SPDX-License-Identifier: MIT */
/*
 * The checks that every source shares, in front of its own operations: an operation is only ever asked for bytes that
 * exist. Also the one place that counts work.
 */
#include "io/source.h"

#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/span.h"

uint64_t source_now_ns(void)
{
    struct timespec now = {.tv_sec = 0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Every loop over an image reads, so this is where the time allowed ends it. */
static bool too_late(const struct source *s)
{
    return s->deadline_ns != 0 && source_now_ns() >= s->deadline_ns;
}

enum status source_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    if (!range_in(off, len, s->size))
        return STATUS_RANGE;
    if (len == 0)
        return STATUS_OK;
    if (too_late(s))
        return STATUS_LIMIT;
    s->read_calls++;
    s->read_bytes += len;
    enum status st = s->ops->read(s, off, buf, len);
    s->failed_reads += st == STATUS_IO;
    return st;
}

enum status source_read_some(struct source *s, uint64_t off, void *buf, size_t len, size_t *ret_got)
{
    size_t got = off < s->size ? (size_t)u64_min(len, s->size - off) : 0;

    if (got > 0) {
        enum status st = source_read(s, off, buf, got);
        if (st != STATUS_OK)
            return st;
    }
    if (got < len)
        memset((uint8_t *)buf + got, 0, len - got);
    *ret_got = got;
    return STATUS_OK;
}

enum status source_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    uint64_t data = off, hole = s->size;

    if (off > s->size)
        return STATUS_RANGE;
    if (off < s->size) {
        if (too_late(s))
            return STATUS_LIMIT;
        enum status st = s->ops->next_data(s, off, &data, &hole);
        if (st != STATUS_OK)
            return st;
    }
    *ret_data = data;
    *ret_hole = hole;
    return STATUS_OK;
}

void source_close(struct source *s)
{
    if (s != NULL)
        s->ops->close(s);
}
