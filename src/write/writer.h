/* SPDX-License-Identifier: MIT */
/*
 * Writes guest data into an image by the format's own rules: data before metadata, every change of BAT and sector
 * bitmaps through the log, first-write GUIDs, no space used twice before the change that freed it is durable
 * ([MS-VHDX] 2.2.2.1, 2.3, 2.5; format.md 8.5, 15). A crash at any moment leaves an image that any implementation
 * recovers.
 */
#ifndef VHDXRAY_WRITE_WRITER_H
#define VHDXRAY_WRITE_WRITER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "io/entropy.h"
#include "io/store.h"

struct writer;

/* What a session did so far. */
struct writer_counts {
    uint64_t blocks, bitmaps;    /* payload blocks and sector bitmap blocks that got a place */
    uint64_t log_entries, pages; /* entries logged, the initial one not counted, and 4 KiB pages in them */
};

/*
 * Opens for writing. A dirty log is replayed on disk first. STATUS_REFUSED, with a sentence in *ret_why (lives as long
 * as a), when the image has an error that makes writing unsafe; nothing was written then. A differencing child needs no
 * parent: partial sectors are never written, so off and len must be multiples of the logical sector size for it and for
 * all.
 */
enum status writer_open(struct arena *a, struct store *s, const char *path, struct entropy *e, struct writer **ret,
                        const char **ret_why);
uint64_t writer_size(const struct writer *w); /* guest bytes */
uint32_t writer_sector_size(const struct writer *w);
const struct writer_counts *writer_counts(const struct writer *w);
/* Guest bytes [off, off + len), inside the disk. Reads of the store see it at once; durable after writer_flush(). */
enum status writer_write(struct writer *w, uint64_t off, const void *buf, uint64_t len);
enum status writer_flush(struct writer *w);
/* Flushes, empties the log (LogGuid nil in both headers) and frees the writer, also on failure. */
enum status writer_close(struct writer *w);

#endif
