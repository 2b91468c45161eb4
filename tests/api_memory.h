/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the public API share: an image of the builder behind vhdxray_callbacks that count, fail on demand and
 * notice what must not happen.
 */
#ifndef VHDXRAY_TESTS_API_MEMORY_H
#define VHDXRAY_TESTS_API_MEMORY_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "build.h"
#include "vhdxray.h"

struct memory {
    const struct img *img;
    uint64_t reads, closes;
    uint64_t outside;   /* reads that leave the image */
    uint64_t fail_read; /* number of the first read that fails, from 1; 0: none */
    uint64_t bad_off, bad_len;
    long slow_ns; /* that each read takes */
};

static int memory_read(void *context, uint64_t offset, void *buffer, size_t length)
{
    struct memory *m = context;
    struct timespec pause = {.tv_nsec = m->slow_ns};

    m->reads++;
    if (length == 0 || offset > m->img->size || length > m->img->size - offset) {
        m->outside++;
        return EINVAL;
    }
    if (m->slow_ns > 0)
        (void)nanosleep(&pause, NULL);
    if (m->fail_read != 0 && m->reads >= m->fail_read)
        return EIO;
    if (offset < m->bad_off + m->bad_len && m->bad_off < offset + length)
        return EIO;
    img_read(m->img, offset, buffer, length);
    return 0;
}

static void memory_close(void *context)
{
    ((struct memory *)context)->closes++;
}

static inline vhdxray_callbacks memory_callbacks(struct memory *m)
{
    return (vhdxray_callbacks){
        .size_of = sizeof(vhdxray_callbacks),
        .size = m->img->size,
        .context = m,
        .read = memory_read,
        .close = memory_close,
    };
}

static inline vhdxray_status memory_open(struct memory *m, const vhdxray_options *options, vhdxray **ret)
{
    vhdxray_callbacks c = memory_callbacks(m);
    return vhdxray_open_callbacks(&c, "memory.vhdx", options, ret, NULL, 0);
}

#endif
