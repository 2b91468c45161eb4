/* SPDX-License-Identifier: MIT */
/*
 * The guest's disk: what each byte is and where it comes from, through the replay overlay and the chain of parents
 * (format.md 14; [MS-VHDX] 2.4, 2.5.1, 2.6.2.6). Reading never touches a file and never guesses: a range it cannot answer
 * truly has a fault, and the caller decides (refuse, or fill with zeros and say so).
 */
#ifndef VHDXRAY_IMAGE_GUEST_H
#define VHDXRAY_IMAGE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "image/chain.h"
#include "image/image.h"

enum guest_fault {
    GUEST_FAULT_NONE,
    GUEST_FAULT_PAST_EOF,      /* the block's bytes lie outside the file */
    GUEST_FAULT_OVERLAP,       /* the block shares bytes with another block, the log, a region or the header section */
    GUEST_FAULT_STATE,         /* reserved state 4, or 7 without a parent */
    GUEST_FAULT_OFFSET,        /* FULLY/PARTIALLY_PRESENT with offset 0, or wrapping */
    GUEST_FAULT_NO_BITMAP,     /* state 7 and no usable sector bitmap */
    GUEST_FAULT_BAT,           /* the BAT entry itself lies outside the region or the file */
    GUEST_FAULT_NO_PARENT,     /* the parent is needed and not there */
    GUEST_FAULT_IO,            /* the host could not read it */
};
const char *guest_fault_text(enum guest_fault f); /* a phrase for messages; NULL for NONE */

/* Payload states plus what only a chain knows. Names as in `bat.states`. */
enum guest_state {
    GUEST_NOT_PRESENT = 0,
    GUEST_UNDEFINED = 1,
    GUEST_ZERO = 2,
    GUEST_UNMAPPED = 3, /* also the draft's state 5 */
    GUEST_INVALID = 4,
    GUEST_FULLY_PRESENT = 6,
    GUEST_PARTIALLY_PRESENT = 7, /* sectors of a state-7 block that this layer holds */
    GUEST_PAST_PARENT = 8,       /* past the end of a smaller parent: zeros */
};
const char *guest_state_name(enum guest_state s);

struct guest_extent {
    uint64_t off, len;      /* guest bytes, len > 0 */
    enum guest_state state; /* in the layer that answers */
    uint32_t layer;         /* 0 this file, 1 its parent, ... */
    bool data;              /* bytes come from a file; else they read as zeros */
    uint64_t file_off;      /* when data: offset in the layer's view (its overlay when dirty) */
    enum guest_fault fault; /* the range cannot be answered; data is false */
};

struct guest; /* opaque; lives in the image's arena */

struct guest_options {
    bool anchors; /* return the old content of soft-anchored blocks (forensic); where it is gone, that is a fault */
    bool salvage; /* of a block that the end of the file cuts, serve the sectors that are there; else all is a fault */
};

/*
 * Needs img->main with geometry, a log that is empty or replayed (or options.no_replay at image_open), and chain_resolve()
 * for differencing disks. STATUS_REFUSED with *ret_why (arena text, a sentence for people) when there is no guest disk to
 * speak of: no geometry, no BAT, a log that must not be replayed, a parent with another sector size or a wrong linkage
 * (both GUIDs named), a cycle. A parent that is needed but missing is NOT refused here: ranges that need it have
 * GUEST_FAULT_NO_PARENT; guest_needs_parent() tells beforehand.
 */
enum status guest_open(struct image *img, const struct guest_options *options, struct guest **ret, const char **ret_why);
uint64_t guest_size(const struct guest *g);        /* bytes */
uint32_t guest_sector_size(const struct guest *g); /* logical */
uint32_t guest_block_size(const struct guest *g);
/* True when some block asks for the parent and none is attached; text names it (its paths) for the message. */
bool guest_needs_parent(struct guest *g, const char **ret_text);

/* The extent that starts at off (off < size), at most max_len long; as long as is cheap to know, not merged. */
enum status guest_extent_at(struct guest *g, uint64_t off, uint64_t max_len, struct guest_extent *ret);
/* As above, merging neighbours that continue each other (same state, layer, fault, contiguous in the file). */
enum status guest_extent_merged(struct guest *g, uint64_t off, uint64_t max_len, struct guest_extent *ret);

/*
 * Reads [off, off + len), which must lie in the disk. Ranges with a fault are zero-filled and reported through fn (may be
 * NULL) as extents; *ret_faults counts their bytes. Never returns STATUS_IO: that is a fault of a range.
 */
enum status guest_read(struct guest *g, uint64_t off, void *buf, size_t len,
                       void (*fn)(void *ctx, const struct guest_extent *e), void *ctx, uint64_t *ret_faults);

/* The source an extent's file_off counts in, for copying straight from it. */
struct source *guest_layer_source(const struct guest *g, uint32_t layer);
const struct image *guest_layer_image(const struct guest *g, uint32_t layer);
uint32_t guest_layer_count(const struct guest *g);

#endif
