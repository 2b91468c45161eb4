/* SPDX-License-Identifier: MIT */
/* What the two targets of the log share: a recipe whose current header names the log. */
#ifndef VHDXRAY_FUZZ_LOG_INPUT_H
#define VHDXRAY_FUZZ_LOG_INPUT_H

#include "base/limits.h"
#include "fuzz/property.h"
#include "fuzz/recipe.h"
#include "image/headers.h"
#include "image/log_scan.h"

struct log_input {
    struct recipe recipe;
    struct source *file; /* the recipe's, watched */
    struct source *unwatched;
    struct watched watched;
    struct arena *arena;
    uint64_t off, len;
    struct guid guid;
};

/* False when no header is current: then there is no log. Close it in both cases. */
static inline bool log_input_open(const uint8_t *data, size_t size, struct log_input *in)
{
    struct header_slot slots[2];
    enum header_choice why;

    recipe_decode(data, size, &in->recipe);
    in->unwatched = recipe_source(&in->recipe);
    in->file = watched_open(&in->watched, in->unwatched,
                            work_bound_of(64, in->recipe.count, recipe_bytes(&in->recipe), 256, (uint64_t)4 << 20));
    in->arena = property_arena(LIMIT_MEMORY_DEFAULT);
    ASSERT(headers_read(in->arena, in->file, slots) == STATUS_OK);
    int current = headers_choose(slots, &why);
    if (current < 0)
        return false;
    in->off = slots[current].h.log_off;
    in->len = slots[current].h.log_len;
    in->guid = slots[current].h.log_guid;
    return true;
}

static inline void log_input_close(struct log_input *in)
{
    arena_destroy(in->arena);
    source_close(in->unwatched);
    recipe_free(&in->recipe);
}

#endif
