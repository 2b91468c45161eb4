/* SPDX-License-Identifier: MIT */
/* The writer inside: one session of changes to an image, and the steps of a write. Internal to write/. */
#ifndef VHDXRAY_WRITE_WRITER_PARTS_H
#define VHDXRAY_WRITE_WRITER_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "format/bat.h"
#include "format/header.h"
#include "write/log_writer.h"
#include "write/page_set.h"
#include "write/writer.h"

/* How far a session can be trusted after a failure. */
enum writer_trouble {
    WRITER_FINE,
    WRITER_CLEAN, /* a write failed before anything of it was logged: the image is as it was, and can be closed */
    WRITER_TORN,  /* log, headers or a sync failed: what is in the file must be left to the log */
};

struct writer {
    struct store *store;
    struct entropy *entropy;
    struct geometry geometry;
    bool fixed; /* LeaveBlockAllocated: blocks are not taken away, not even for zeros */
    bool anchors_apart;
    uint64_t bat_off;
    struct header header; /* the current one */
    int slot;             /* where it is */
    bool touched;         /* the first header update of the session was made */
    bool logging;         /* both headers name our log */
    bool unsynced;        /* something was written since the last sync */
    uint64_t end;         /* the next new block goes here; a multiple of 1 MiB, at or behind the end of the file */
    uint64_t kept_end, kept_size; /* end, and size of the file, with all that was logged so far */
    struct log_writer log;
    struct page_set pages; /* changed, not logged yet */
    struct writer_counts counts;
    enum writer_trouble trouble;
    enum status failure; /* the first one */
};

/* A part of one block that is written. */
struct piece {
    uint64_t block;
    uint64_t index;    /* in the BAT */
    uint64_t raw;      /* the entry */
    uint64_t in_block; /* bytes from the start of the block */
    const uint8_t *bytes;
    uint64_t len;
    bool whole; /* all guest bytes of the block */
};

/* ---- writer.c ---- */

/* Before anything else of the session is written: new GUIDs in both headers ([MS-VHDX] 2.2.2). */
enum status writer_touch(struct writer *w);
/* To the file itself; the range lies in it, behind the header section. */
enum status writer_put(struct writer *w, uint64_t off, const void *buf, uint64_t len);

/* ---- allocate.c ---- */

/* Pages that one piece of a differencing disk can change at most: the bits of a block, and two BAT entries. */
enum { PIECE_PAGES_DIFFERENCING = 16 + 2 };

enum status bat_get(const struct writer *w, uint64_t index, uint64_t *ret_raw);
enum status bat_set(struct writer *w, uint64_t index, uint64_t raw);
/* len bytes of zeros at the end of the file; a multiple of 1 MiB. */
enum status allocate_end(struct writer *w, uint64_t len, uint64_t *ret_off);
/* A place, with the piece in it and zeros around, for a block that has none; the entry for it is not set. */
enum status allocate_block(struct writer *w, const struct piece *p, uint64_t *ret_off);

/* ---- bitmap_write.c ---- */

/*
 * The piece's sectors become this file's, in the bitmap of its chunk, which is made when there is none. fresh: the
 * block had no bits that mean anything, so all others become the parent's. *ret_all: every guest sector of the block is
 * set now.
 */
enum status bitmap_set(struct writer *w, const struct piece *p, bool fresh, bool *ret_all);

#endif
