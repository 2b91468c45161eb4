/* SPDX-License-Identifier: MIT */
/* What cannot be read, written down while a disk is walked from its start to its end. */
#include "image/guest_faults.h"

#include "base/limits.h"
#include "base/span.h"

static bool continues(const struct guest_extent *a, const struct guest_extent *b)
{
    return a->fault == b->fault && a->layer == b->layer && a->state == b->state && a->off + a->len == b->off;
}

void guest_fault_list_note(void *list, const struct guest_extent *e)
{
    struct guest_fault_list *l = list;
    const bool listed = l->count == l->total; /* so far all of them are */

    l->bytes += e->len;
    if (e->fault == GUEST_FAULT_NO_PARENT && l->orphan.len == 0)
        l->orphan = *e;
    if (l->total > 0 && continues(&l->last, e)) {
        l->last.len += e->len;
        if (listed)
            l->ranges[l->count - 1].len = l->last.len;
        return;
    }
    l->total++;
    l->last = *e;
    if (!listed || l->count >= LIMIT_UNREADABLE_LISTED)
        return;
    if (l->count < l->cap || arena_grow(l->arena, (void **)&l->ranges, &l->cap, l->count, sizeof(*e)))
        l->ranges[l->count++] = *e;
}

enum status guest_find_faults(struct guest *g, uint64_t off, uint64_t len, struct guest_fault_list *list)
{
    struct guest_extent e;
    if (!range_in(off, len, guest_size(g)))
        return STATUS_RANGE;
    for (uint64_t end = off + len; off < end; off += e.len) {
        enum status st = guest_extent_at(g, off, end - off, &e);
        if (st != STATUS_OK)
            return st;
        if (e.fault != GUEST_FAULT_NONE)
            guest_fault_list_note(list, &e);
    }
    return STATUS_OK;
}

const char *guest_fault_name(enum guest_fault f)
{
    switch (f) {
    case GUEST_FAULT_NONE:
        break;
    case GUEST_FAULT_PAST_EOF:
        return "past_end_of_file";
    case GUEST_FAULT_OVERLAP:
        return "overlap";
    case GUEST_FAULT_STATE:
        return "invalid_state";
    case GUEST_FAULT_OFFSET:
        return "invalid_offset";
    case GUEST_FAULT_NO_BITMAP:
        return "no_sector_bitmap";
    case GUEST_FAULT_BAT:
        return "no_bat_entry";
    case GUEST_FAULT_NO_PARENT:
        return "no_parent";
    case GUEST_FAULT_IO:
        return "host_error";
    }
    return NULL;
}

const char *guest_fault_rule(const struct guest_extent *e)
{
    switch (e->fault) {
    case GUEST_FAULT_PAST_EOF:
        return "VHDX-BAT-012";
    case GUEST_FAULT_STATE:
        return e->state == GUEST_PARTIALLY_PRESENT ? "VHDX-BAT-004" : "VHDX-BAT-002";
    case GUEST_FAULT_NO_BITMAP:
        return "VHDX-BAT-020";
    case GUEST_FAULT_BAT:
        return "VHDX-BAT-001";
    case GUEST_FAULT_NO_PARENT:
        return "VHDX-CHAIN-001";
    case GUEST_FAULT_NONE:
    case GUEST_FAULT_OVERLAP:
    case GUEST_FAULT_OFFSET:
    case GUEST_FAULT_IO:
        break;
    }
    return NULL;
}
