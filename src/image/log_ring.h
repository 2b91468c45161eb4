/* SPDX-License-Identifier: MIT */
/* The log as a ring of sectors ([MS-VHDX] 2.3): walking over it front to back, and reading pieces that wrap. */
#ifndef VHDXRAY_IMAGE_LOG_RING_H
#define VHDXRAY_IMAGE_LOG_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "io/source.h"

/* Bytes read at a time: they stay in the second cache until they are judged, also where a thread has read them ahead.
 */
enum { LOG_WINDOW_MOST = 256 * 1024 };

struct log_ring {
    struct arena *arena;
    struct source *file;
    uint64_t off;       /* LogOffset */
    uint64_t len;       /* bytes in whole sectors: LogLength should be a multiple of 1 MiB, but need not be */
    uint64_t whole_len; /* bytes of it in sectors that lie in the file with all their bytes; behind: zeros */
    uint8_t *window;    /* of log_ring_walk(): as large as the data it met asked for, at most LOG_WINDOW_MOST */
    size_t window_len;
};

/* The ring that [off, off + len), which must not wrap, makes in the file. a: for walking; else NULL. */
struct log_ring log_ring_of(struct arena *a, struct source *file, uint64_t off, uint64_t len);

enum log_part_kind { LOG_PART_SECTOR, LOG_PART_ZEROS, LOG_PART_UNREADABLE };

struct log_part {
    enum log_part_kind kind;
    uint64_t ring_off;     /* bytes */
    uint64_t sectors;      /* 1 for LOG_PART_SECTOR */
    const uint8_t *sector; /* LOG_PART_SECTOR; may be zeros as well */
};

/*
 * Calls fn for the parts of [from, to), ring offsets, in order, until it returns false. Holes of the file and what lies
 * past its end come as zeros without being read. STATUS_NO_MEMORY/LIMIT/INTERNAL only.
 */
enum status log_ring_walk(struct log_ring *r, uint64_t from, uint64_t to,
                          bool (*fn)(void *ctx, const struct log_part *p), void *ctx);

/* Gives back what walking took from the ring's arena. */
void log_ring_close(struct log_ring *r);

/* Reads [ring_off, ring_off + len), wrapped. STATUS_IO also when the file has not got the bytes. */
enum status log_ring_read(const struct log_ring *r, uint64_t ring_off, uint8_t *buf, size_t len);

#endif
