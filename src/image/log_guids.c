/* SPDX-License-Identifier: MIT */
/*
 * Numbers the GUIDs of up to a million entries. Sorted, not hashed: whoever made the file chose the GUIDs, and could
 * make them collide.
 */
#include "image/log_guids.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/checked.h"

enum status log_guids_note(struct arena *a, struct log_guids *g, const struct guid *guid, uint32_t *ret_sighting)
{
    if (g->count == 0 || !guid_equal(&g->items[g->count - 1].guid, guid)) {
        if (!arena_grow(a, (void **)&g->items, &g->cap, g->count, sizeof(*g->items)))
            return arena_status(a);
        g->items[g->count] = (struct log_guid_sighting){.guid = *guid, .at = (uint32_t)g->count};
        g->count++;
    }
    *ret_sighting = (uint32_t)(g->count - 1);
    return STATUS_OK;
}

static int by_guid(const void *a, const void *b)
{
    const struct log_guid_sighting *x = a, *y = b;
    int order = guid_compare(&x->guid, &y->guid);
    return order != 0 ? order : u64_compare(x->at, y->at);
}

static int by_place(const void *a, const void *b)
{
    const struct log_guid_sighting *x = a, *y = b;
    return u64_compare(x->at, y->at);
}

enum status log_guids_settle(struct arena *a, struct log_guids *g, struct guid **ret_guids, uint32_t *ret_count)
{
    struct log_guid_sighting *s = g->items;
    uint64_t distinct = 0;
    uint32_t next = 0;

    if (g->count == 0)
        return STATUS_OK;
    qsort(s, (size_t)g->count, sizeof(*s), by_guid);
    for (uint64_t i = 0; i < g->count; i++) {
        bool first = i == 0 || !guid_equal(&s[i - 1].guid, &s[i].guid);
        s[i].leader = first ? s[i].at : s[i - 1].leader;
        distinct += first;
    }
    qsort(s, (size_t)g->count, sizeof(*s), by_place);

    struct guid *guids = arena_array(a, distinct, sizeof(*guids));
    if (guids == NULL)
        return arena_status(a);
    for (uint64_t i = 0; i < g->count; i++) {
        if (s[i].leader == i) {
            s[i].id = next;
            guids[next++] = s[i].guid;
        } else {
            s[i].id = s[s[i].leader].id; /* a leader comes before those it leads */
        }
    }
    *ret_guids = guids;
    *ret_count = next;
    return STATUS_OK;
}
