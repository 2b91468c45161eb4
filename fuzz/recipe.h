/* SPDX-License-Identifier: MIT */
/*
 * Fuzz inputs: a recipe for a sparse virtual file, a few hundred bytes for an image of many MiB. Any bytes decode. Flag
 * bits have checksums signed again while decoding, innermost first, so that changed structures pass them the same way
 * under every engine; other inputs keep the checksums they bring. recipe_parts.h has the encoding.
 */
#ifndef VHDXRAY_FUZZ_RECIPE_H
#define VHDXRAY_FUZZ_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/source.h"

enum recipe_flag {
    RECIPE_SIGN_HEADERS = 1 << 0,
    RECIPE_SIGN_REGIONS = 1 << 1,
    RECIPE_SIGN_LOG = 1 << 2,         /* entries: sequence words of descriptors and data sectors, then the checksum */
    RECIPE_FORCE_SIGNATURES = 1 << 3, /* vhdxfile, head, regi, metadata */
    RECIPE_FLAGS = 15,                /* the other bits are the target's */
};

/* Bounds of what a decoded recipe may take, beside the input itself. */
enum {
    RECIPE_GENERATED_MAX = 1 << 19, /* bytes that sequences make */
    RECIPE_LOG_SECTORS_MAX = 1024,  /* sectors of the log that signing looks at, and may add */
};

struct recipe_block;

struct recipe {
    uint8_t flags;
    uint8_t seed;               /* chooses what a target reads, and similar */
    uint64_t size;              /* of the virtual file, bytes, up to INT64_MAX */
    struct mem_extent *extents; /* in the order of the input, later ones win; point into bytes owned by the recipe */
    uint64_t count;
    uint64_t cap; /* of extents */
    struct recipe_block *owned;
};

/* Never fails for any input (aborts when out of memory); size 0 gives an empty file. recipe_free() it. */
void recipe_decode(const uint8_t *data, size_t size, struct recipe *ret);
void recipe_free(struct recipe *r);
/* The virtual file. Borrows the recipe. */
struct source *recipe_source(const struct recipe *r);
/* Bytes that the extents lay down, those hidden by others or behind the end included: what bounds of work are made of.
 */
uint64_t recipe_bytes(const struct recipe *r);

/*
 * Several recipes in one input: each is preceded by its length (u16, little-endian, cut to what is there) but for the
 * one that would be number `max`, which is what is left. Ends where the input does. Returns how many, 1..max; parts
 * borrow data.
 */
struct recipe_part {
    const uint8_t *data;
    size_t size;
};
unsigned recipe_split(const uint8_t *data, size_t size, struct recipe_part *parts, unsigned max);

/*
 * The reverse, for tools and seeds: writes to buf (cap bytes) and returns the length, 0 when it does not fit or the
 * file cannot be read. With flags 0 it decodes to the same bytes; the others may repair what the file has wrong.
 */
size_t recipe_encode(struct source *file, uint8_t flags, uint8_t seed, uint8_t *buf, size_t cap);

/* True when the virtual file has the size and the bytes of this one; false as well when the file cannot be read. */
bool recipe_matches(const struct recipe *r, struct source *file);

#endif
