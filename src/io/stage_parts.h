/* SPDX-License-Identifier: MIT */
/* What the files of the stage share: its pieces, and the sorted list of them. Internal to io/. */
#ifndef VHDXRAY_IO_STAGE_PARTS_H
#define VHDXRAY_IO_STAGE_PARTS_H

#include "io/store.h"

enum {
    LEAF_PIECES = 128,
    SPARE_LEAVES = 3, /* as many as one operation can need */
};

struct stage_buffer {
    uint64_t refs;
    size_t cap, used;
    uint8_t bytes[];
};

struct stage_item {
    uint64_t off, end;
    uint64_t from; /* STAGE_COPY: offset in the base; STAGE_BYTES: in the buffer */
    struct stage_buffer *buffer;
    enum stage_kind kind;
};

struct stage_leaf {
    uint32_t count; /* never 0 while the leaf is in the table */
    struct stage_item pieces[LEAF_PIECES];
};

/* leaf == leaf_count: behind the last piece. */
struct stage_place {
    uint64_t leaf;
    uint32_t index;
};

struct stage_list {
    struct stage_leaf **leaves;
    uint64_t leaf_count, leaf_cap;
    struct stage_leaf *spare[SPARE_LEAVES];
    uint64_t held, held_most; /* bytes of memory */
    uint64_t generation;      /* moves on whenever places stop being valid */
};

/* After this the operation cannot fail for want of leaves. */
enum status stage_list_reserve(struct stage_list *t);
void stage_list_free(struct stage_list *t);

struct stage_item *stage_list_at(const struct stage_list *t, struct stage_place p); /* NULL behind the last */
struct stage_place stage_list_after(const struct stage_list *t, struct stage_place p);
struct stage_item *stage_list_before(const struct stage_list *t, struct stage_place p); /* NULL when p is the first */
struct stage_place stage_list_find(const struct stage_list *t, uint64_t off); /* the first that ends behind off */

/* No piece touches [off, end) afterwards. The place where one that does would go. Takes at most one spare leaf. */
struct stage_place stage_list_clear(struct stage_list *t, uint64_t off, uint64_t end);
/* In front of p, where it is clear; takes a reference to the buffer and at most one spare leaf. p is no longer valid.
 */
void stage_list_insert(struct stage_list *t, struct stage_place p, struct stage_item piece);
/* The same for zeros and copies, joined with their neighbours. */
void stage_list_put(struct stage_list *t, struct stage_place p, struct stage_item piece);
/* True when b goes on where a ends, with more of the same. */
bool stage_piece_continues(const struct stage_item *a, const struct stage_item *b);

enum status stage_buffer_make(struct stage_list *t, size_t cap, struct stage_buffer **ret);

struct stage {
    struct store store;
    struct source source;
    struct source *base; /* NULL: empty */
    uint64_t base_size;
    uint64_t asked, data, hole; /* the base's only data in [asked, hole) is [data, hole); asked above hole: not known */
    struct stage_list list;
    /* stage_listing.c: the piece `listed` of the listing begins at listed_at. */
    uint64_t listing_generation;
    uint64_t listed, listing_count;
    struct stage_place listed_at;
};

/* Of the base; zeros behind its end. */
enum status stage_base_read(struct stage *t, uint64_t off, void *buf, size_t len);

#endif
