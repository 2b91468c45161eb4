/* SPDX-License-Identifier: MIT */
/* Appends entries to an image's log ([MS-VHDX] 2.3.1; format.md 8.5). Internal to write/. */
#ifndef VHDXRAY_WRITE_LOG_WRITER_H
#define VHDXRAY_WRITE_LOG_WRITER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/guid.h"
#include "base/status.h"
#include "format/layout.h"
#include "io/store.h"
#include "write/page_set.h"

enum {
    /*
     * Half of the smallest log, 128 sectors, less one: a sector with header and descriptors, and 126 pages, as many as
     * that sector describes.
     */
    LOG_WRITER_PAGES = 126,
    /*
     * As many descriptors as fit the first 512 bytes beside the header. An entry of which the medium got only some
     * sectors is not valid, and every reader goes on to the entry before it; but where header and descriptors do not
     * agree, QEMU refuses the image. Of so few they are in one sector.
     */
    LOG_WRITER_PAGES_QEMU = 14,
};

struct log_writer {
    struct store *store;
    uint64_t ring_off, ring_len; /* bytes; ring_len a multiple of 1 MiB, at least 1 MiB */
    struct guid guid;
    uint64_t sequence_number; /* of the last entry */
    uint64_t pos;             /* ring offset of the next entry */
    uint8_t *buf;             /* one entry */
};

/* Sizes of the file for an entry, bytes, multiples of 1 MiB ([MS-VHDX] 2.3.1.1). */
struct log_sizes {
    uint64_t flushed; /* durable: the file has at least that size */
    uint64_t last;    /* holds everything that is allocated */
};

enum status log_writer_open(struct arena *a, struct store *s, uint64_t ring_off, uint64_t ring_len,
                            struct log_writer *ret);
/*
 * The first entry, empty, at the start of the ring, durable on return. The headers must not name a log at this moment;
 * the caller makes them name guid afterwards. From then on the log always has an active sequence.
 */
enum status log_writer_start(struct log_writer *l, const struct guid *guid, struct log_sizes sizes);
/*
 * One entry with all pages of the set (1 to LOG_WRITER_PAGES), durable on return. Its Tail is itself: everything that
 * earlier entries hold must be in its place and durable by now.
 */
enum status log_writer_append(struct log_writer *l, const struct page_set *pages, struct log_sizes sizes);

#endif
