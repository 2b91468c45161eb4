/* SPDX-License-Identifier: MIT */
/* The distinct LogGuids of a ring, numbered by first appearance; a part of the log scan. */
#ifndef VHDXRAY_IMAGE_LOG_GUIDS_H
#define VHDXRAY_IMAGE_LOG_GUIDS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/guid.h"
#include "base/status.h"

/* A GUID as it came along; a stretch of entries with the same one shares a sighting. */
struct log_guid_sighting {
    struct guid guid;
    uint32_t at;     /* its number in the list */
    uint32_t leader; /* number of the first sighting of the same GUID */
    uint32_t id;     /* index into the distinct GUIDs */
};

struct log_guids {
    struct log_guid_sighting *items;
    uint64_t count, cap;
};

/* Notes the GUID of the next entry; *ret_sighting is its number until log_guids_settle(). STATUS_NO_MEMORY/LIMIT only.
 */
enum status log_guids_note(struct arena *a, struct log_guids *g, const struct guid *guid, uint32_t *ret_sighting);

/* Makes the list of distinct GUIDs; afterwards log_guids_id() translates. STATUS_NO_MEMORY/LIMIT only. */
enum status log_guids_settle(struct arena *a, struct log_guids *g, struct guid **ret_guids, uint32_t *ret_count);

static inline uint32_t log_guids_id(const struct log_guids *g, uint32_t sighting)
{
    return g->items[sighting].id;
}

#endif
