/* SPDX-License-Identifier: MIT */
/* What the two files of region rules ask of tables and entries alike. */
#ifndef VHDXRAY_CHECK_REGION_TRAITS_H
#define VHDXRAY_CHECK_REGION_TRAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check/rule.h"

static inline enum known_guid region_kind(const struct region_entry *r)
{
    enum known_guid k = known_guid_find(&r->guid);
    return k == KNOWN_REGION_BAT || k == KNOWN_REGION_METADATA ? k : KNOWN_GUID_NONE;
}

static inline bool region_copy_is_valid(const struct subject *s)
{
    return s->view->regions[s->copy].valid;
}

static inline bool region_copies_valid(const struct view *v)
{
    return v->regions[0].valid && v->regions[1].valid;
}

static inline struct place at_region_copy(int copy, uint64_t off, uint64_t len)
{
    return at_place(STRUCTURE_REGION_TABLE, copy + 1, REGION_TABLE_OFF[copy] + off, len);
}

static inline uint64_t region_entry_off(uint32_t i)
{
    return REGION_TABLE_HEADER_LEN + (uint64_t)REGION_ENTRY_LEN * i;
}

static inline const struct region_entry *region_find(const struct region_copy *c, enum known_guid which,
                                                     uint32_t *ret_entry)
{
    const struct guid *wanted = known_guid(which);
    for (uint32_t i = 0; i < c->told; i++)
        if (guid_equal(&c->entries[i].guid, wanted)) {
            *ret_entry = i;
            return &c->entries[i];
        }
    return NULL;
}

static inline bool region_same_place(const struct region_entry *a, const struct region_entry *b)
{
    return a == b || (a && b && a->off == b->off && a->len == b->len);
}

/* BAT and metadata entries of both copies agree, or are missing in both. */
static inline bool region_copies_agree_on(const struct view *v, enum known_guid which)
{
    uint32_t i;
    return region_same_place(region_find(&v->regions[0], which, &i), region_find(&v->regions[1], which, &i));
}

static inline bool region_copies_agree(const struct view *v)
{
    return region_copies_agree_on(v, KNOWN_REGION_BAT) && region_copies_agree_on(v, KNOWN_REGION_METADATA);
}

#endif
