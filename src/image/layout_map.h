/* SPDX-License-Identifier: MIT */
/*
 * Who owns which bytes of the file. Few fixed structures (header section, log, regions, sector bitmap blocks) are a sorted
 * list of extents; payload blocks and soft anchors, up to 2^26 of them, are bits in a map of 1 MiB units kept in small
 * pages, so that any file size works and memory follows what is allocated.
 */
#ifndef VHDXRAY_IMAGE_LAYOUT_MAP_H
#define VHDXRAY_IMAGE_LAYOUT_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

enum owner_kind { OWNER_NONE, OWNER_HEADER_SECTION, OWNER_LOG, OWNER_REGION, OWNER_BITMAP, OWNER_PAYLOAD, OWNER_ANCHOR };
const char *owner_name(enum owner_kind k); /* "header section", "log", "region", "sector bitmap block", ... */

struct extent {
    uint64_t start, end; /* file bytes, start < end */
    enum owner_kind kind;
    uint64_t ref; /* region: entry index; bitmap, payload, anchor: BAT index; else 0 */
};

struct layout_map; /* opaque; arena-owned */

/* An empty map. */
struct layout_map *layout_map_create(struct arena *a);
/* Adds a fixed structure (header section, log, region, bitmap). Empty or wrapping ranges are ignored. */
enum status layout_map_add(struct layout_map *m, struct extent e);
/* Sorts what was added; after the last addition and before any question. */
enum status layout_map_seal(struct layout_map *m);
/* Lends the claims of payload blocks and anchors to the map; without them it knows fixed structures only. */
struct claims;
void layout_map_set_claims(struct layout_map *m, const struct claims *c);
/* Fixed structures, sorted by start, end, kind and ref after layout_map_seal(). */
uint64_t layout_map_fixed_count(const struct layout_map *m);
const struct extent *layout_map_fixed(const struct layout_map *m, uint64_t i);
/* First fixed structure that intersects [off, off + len), or NULL. */
const struct extent *layout_map_fixed_at(const struct layout_map *m, uint64_t off, uint64_t len);
/* The same among regions alone. */
const struct extent *layout_map_region_at(const struct layout_map *m, uint64_t off, uint64_t len);
/* True when some payload block or anchor owns a part of [off, off + len). */
bool layout_map_payload_at(const struct layout_map *m, uint64_t off, uint64_t len);
/* End of the highest structure or block, bytes (0 when nothing is owned). */
uint64_t layout_map_end(const struct layout_map *m);

/*
 * Owned by nobody: maximal MiB-granular ranges below file_size, in order; the unaligned tail counts. A MiB of which
 * something owns a part is owned. Where more blocks than can be listed lie above 128 TiB, the space between them counts as
 * owned too.
 */
struct free_range {
    uint64_t off, len;
};
/* Calls fn for each; stops early when fn returns false. */
void layout_map_free_ranges(const struct layout_map *m, uint64_t file_size, bool (*fn)(void *ctx, struct free_range r),
                            void *ctx);
/* The first of at least `wanted` bytes (> 0); .len == 0: there is none. */
struct free_range layout_map_first_free(const struct layout_map *m, uint64_t file_size, uint64_t wanted);

#endif
