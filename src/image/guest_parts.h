/* SPDX-License-Identifier: MIT */
/* What the files of the guest reader share: one layer of the chain, and what it says about a stretch of the disk. */
#ifndef VHDXRAY_IMAGE_GUEST_PARTS_H
#define VHDXRAY_IMAGE_GUEST_PARTS_H

#include "image/contested.h"
#include "image/guest.h"

/* What one layer says about guest bytes [off, end), without asking its parent. */
struct guest_stretch {
    uint64_t off, end;
    enum guest_state state;
    bool data;         /* the bytes at file_off, of the layer's view */
    bool below;        /* transparent: the parent's bytes */
    uint64_t file_off; /* of off, when data */
    enum guest_fault fault;
};

/* A piece of the BAT. Entries of a bad one could not be read. */
struct guest_window {
    uint8_t *bytes;
    uint64_t first, count; /* entries */
    bool bad;
    uint64_t slow_until; /* up to this entry a large read failed: small ones, so that as little as possible is lost */
};

/* The sector bitmap in use: the entry of one chunk, and a slice of its block. */
struct guest_bits {
    uint8_t *bytes;
    uint64_t chunk;         /* UINT64_MAX: none yet */
    uint64_t off;           /* file offset of the chunk's bitmap block */
    enum guest_fault fault; /* of the whole chunk */
    uint64_t first, got;    /* slice: bytes of the bitmap block; those that the file has */
};

struct guest_layer {
    const struct image *image;
    struct view *view;
    const struct geometry *geometry;
    struct guest_options options;
    unsigned block_shift;
    struct contested *contested; /* NULL: no block shares bytes with anything */
    struct guest_window window;
    uint64_t zero_first, zero_end; /* BAT entries known to be zero */
    struct guest_bits bits;
    struct guest_stretch known; /* the last answer */
};

/* Part of a read: an extent, and whether its bytes are there already. */
struct gather_piece {
    struct guest_extent extent;
    bool served;
};

/*
 * Pieces shorter than GATHER_SHORT_LEN are looked at together, as many as follow each other: GATHER_PIECES at most, and
 * no more once they are GATHER_LEN bytes.
 */
enum { GATHER_SHORT_LEN = 32 * 1024, GATHER_LEN = 256 * 1024, GATHER_PIECES = 512 };

struct guest {
    struct arena *arena;
    struct gather_piece *pieces; /* GATHER_PIECES of them, from the first read on */
    uint8_t *scratch;            /* GATHER_LEN + GATHER_SHORT_LEN bytes, likewise */
    struct guest_layer *layers;
    uint32_t layer_count;
    const struct chain_parent *missing; /* link of the last layer when it has a parent that is not attached; or NULL */
    bool missing_parent;                /* the last layer is a differencing disk without its parent */
    bool needs_parent_known, needs_parent;
};

/* Surveys the BAT and learns which blocks share bytes. The image must have a geometry and a BAT. */
enum status guest_layer_open(const struct image *img, const struct guest_options *options, struct guest_layer *ret);

/*
 * What the layer says about guest byte off (below its disk's size): a stretch that covers off. It is looked for as far
 * as off + len only, and ends earlier where that is no longer cheap.
 */
enum status guest_layer_at(struct guest_layer *l, uint64_t off, uint64_t len, struct guest_stretch *ret);

/*
 * Reads pieces that follow each other in the disk, the first one's bytes to `out`, where few reads of the host do for
 * many of them, and marks those as served. May write to the places of the others.
 */
enum status guest_gather(struct guest *g, struct gather_piece *p, unsigned count, uint8_t *out);

/* Entry `index` of the BAT, below view->bat.slots. *ret_fault GUEST_FAULT_IO: it could not be read. */
enum status guest_bat_entry(struct guest_layer *l, uint64_t index, uint64_t *ret_raw, enum guest_fault *ret_fault);
/* First entry of (index, limit] that may be other than zero, when `index` is zero and in the window. */
enum status guest_bat_zeros(struct guest_layer *l, uint64_t index, uint64_t limit, uint64_t *ret_end);

/* The bits of the sectors of a block in state 7; a span of at least `sectors` bits unless *ret_fault says why not. */
enum status guest_bits_of(struct guest_layer *l, uint64_t block, uint64_t sectors, struct span *ret,
                          enum guest_fault *ret_fault);

#endif
