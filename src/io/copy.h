/* SPDX-License-Identifier: MIT */
/* Whole files copied: shared where the host can, sparse where it cannot. */
#ifndef VHDXRAY_IO_COPY_H
#define VHDXRAY_IO_COPY_H

#include "base/status.h"
#include "io/store.h"

/*
 * Makes `to`, an empty store, hold the bytes and the size of `from`; holes stay holes. Not durable until it is synced.
 * step (NULL: none) hears of each piece of data copied, in bytes; false stops with STATUS_LIMIT.
 */
enum status store_copy(struct store *to, struct source *from, bool (*step)(void *ctx, uint64_t bytes), void *ctx);

#endif
