/* SPDX-License-Identifier: MIT */
/*
 * The guest's disk from one byte to another, in pieces, for whatever looks at all of it (export, hash, compare). What
 * reads as zeros because nothing is stored there, in the image or in the host's file, is told and never read.
 */
#ifndef VHDXRAY_IMAGE_GUEST_WALK_H
#define VHDXRAY_IMAGE_GUEST_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "image/guest.h"

enum { GUEST_WALK_BUFFER = 256 * 1024 }; /* bytes of a piece with data: it stays in a core's second-level cache */

enum guest_piece_kind {
    GUEST_PIECE_ZERO,  /* zeros, and nobody has to look */
    GUEST_PIECE_DATA,  /* to be read; a small part of it may still turn out to have a fault */
    GUEST_PIECE_FAULT, /* cannot be answered */
};

struct guest_piece {
    uint64_t off, len; /* guest bytes, len > 0; data at most GUEST_WALK_BUFFER, and ends where a multiple of it does */
    enum guest_piece_kind kind;
    struct guest_extent extent; /* that covers off; of data the piece may reach behind it */
};

struct guest_walk; /* opaque; in the arena of the image */

/* [off, off + len) must lie in the disk. Several walks over one guest disturb each other's pace, nothing else. */
enum status guest_walk_open(struct guest *g, uint64_t off, uint64_t len, struct guest_walk **ret);

/* GUEST_WALK_BUFFER bytes that data is read into from now on instead of the walk's own; they stay the caller's. */
void guest_walk_into(struct guest_walk *w, uint8_t *buf);

/* The next piece; false at the end. Asking again gives the same piece. */
enum status guest_walk_peek(struct guest_walk *w, struct guest_piece *ret, bool *ret_more);

/* Goes on by len bytes, at most as many as are left, without looking at them: the caller has them from elsewhere. */
void guest_walk_skip(struct guest_walk *w, uint64_t len);

/*
 * Goes on by len bytes of the piece that was peeked last. *ret_bytes (may be NULL: they are not wanted): the bytes of
 * data, in its buffer and valid until the next call on this walk; NULL for zeros and faults. What cannot be answered
 * goes to fn, as in guest_read(), and reads as zeros; *ret_faults (may be NULL) counts its bytes.
 */
enum status guest_walk_take(struct guest_walk *w, uint64_t len, const uint8_t **ret_bytes,
                            void (*fn)(void *ctx, const struct guest_extent *e), void *ctx, uint64_t *ret_faults);

#endif
