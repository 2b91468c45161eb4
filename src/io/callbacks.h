/* SPDX-License-Identifier: MIT */
/* Bytes that only a program knows how to get. */
#ifndef VHDXRAY_IO_CALLBACKS_H
#define VHDXRAY_IO_CALLBACKS_H

#include <stddef.h>
#include <stdint.h>

#include "io/source.h"

struct callbacks {
    void *context;
    /* Both return 0 or an errno value. The range to read lies inside the source; next_data may be NULL, and means what
     * it means in struct source_ops. */
    int (*read)(void *context, uint64_t off, void *buf, size_t len);
    int (*next_data)(void *context, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole);
};

/* The context stays the caller's. NULL when out of memory. */
struct source *callbacks_open(const struct callbacks *callbacks, uint64_t size);

#endif
