/* SPDX-License-Identifier: MIT */
/* Files copied: shared where the host can, sparse where it cannot. */
#ifndef VHDXRAY_IO_COPY_H
#define VHDXRAY_IO_COPY_H

#include "base/status.h"
#include "io/store.h"

/*
 * Makes `to`, an empty store, hold the bytes and the size of `from`; holes stay holes. Not durable until it is synced.
 * step (NULL: none) hears of each piece of data copied, in bytes; false stops with STATUS_LIMIT.
 */
enum status store_copy(struct store *to, struct source *from, bool (*step)(void *ctx, uint64_t bytes), void *ctx);

/*
 * Makes [to_off, to_off + len) of a file share the bytes of `from` at off, without reading them: nothing is copied, and
 * neither file notices when the other is written later. All three are multiples of the host's block size, or the source
 * ends there. False: this cannot be had, and what is there now may be the bytes of `from` or what was there before.
 */
bool host_share(int to, uint64_t to_off, const struct source *from, uint64_t off, uint64_t len);

#endif
