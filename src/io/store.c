/* SPDX-License-Identifier: MIT */
/* The checks that every store shares, in front of its own operations. Also the one place that counts work. */
#include "io/store.h"

#include "base/span.h"

/* Offsets of host files are signed 64-bit numbers. */
static bool host_can(uint64_t off, uint64_t len)
{
    return range_in(off, len, INT64_MAX);
}

enum status store_write(struct store *s, uint64_t off, const void *buf, size_t len)
{
    if (!host_can(off, len))
        return STATUS_RANGE;
    if (len == 0)
        return STATUS_OK;
    s->write_calls++;
    s->write_bytes += len;
    return s->ops->write(s, off, buf, len);
}

enum status store_zero(struct store *s, uint64_t off, uint64_t len)
{
    if (!range_in(off, len, s->source->size))
        return STATUS_RANGE;
    if (len == 0)
        return STATUS_OK;
    s->write_calls++;
    return s->ops->zero(s, off, len);
}

enum status store_resize(struct store *s, uint64_t size)
{
    if (!host_can(size, 0))
        return STATUS_RANGE;
    if (size == s->source->size)
        return STATUS_OK;
    s->write_calls++;
    return s->ops->resize(s, size);
}

enum status store_sync(struct store *s)
{
    s->sync_calls++;
    return s->ops->sync(s);
}

void store_close(struct store *s)
{
    if (s != NULL)
        s->ops->close(s);
}
