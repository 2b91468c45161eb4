/* SPDX-License-Identifier: MIT */
/* Random bytes: the host's, or SplitMix64 where the same bytes are wanted again. */
#include "io/entropy.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/le.h"

static enum status host_fill(struct entropy *e, void *buf, size_t len)
{
    uint8_t *out = (uint8_t *)buf;

    (void)e;
    while (len > 0) {
        ssize_t n = getrandom(out, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return STATUS_IO;
        out += n;
        len -= (size_t)n;
    }
    return STATUS_OK;
}

struct entropy entropy_host(void)
{
    return (struct entropy){.fill = host_fill};
}

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static enum status seeded_fill(struct entropy *e, void *buf, size_t len)
{
    uint8_t *out = (uint8_t *)buf;

    while (len > 0) {
        uint8_t bytes[8];
        size_t n = len < sizeof(bytes) ? len : sizeof(bytes);
        put_le64(bytes, next(&e->state));
        memcpy(out, bytes, n);
        out += n;
        len -= n;
    }
    return STATUS_OK;
}

struct entropy entropy_seeded(uint64_t seed)
{
    return (struct entropy){.fill = seeded_fill, .state = seed};
}

enum status entropy_guid(struct entropy *e, struct guid *ret)
{
    struct guid g;
    enum status st = e->fill(e, g.bytes, sizeof(g.bytes));

    if (st != STATUS_OK)
        return st;
    /* The third field is little-endian: its version nibble is in the second of its two bytes. So no GUID made here is
     * nil. */
    g.bytes[7] = (uint8_t)((g.bytes[7] & 0x0f) | 0x40);
    g.bytes[8] = (uint8_t)((g.bytes[8] & 0x3f) | 0x80);
    *ret = g;
    return STATUS_OK;
}
