/* SPDX-License-Identifier: MIT */
/* How a BAT entry is called in messages, and what kind of entry it is; for the two files of BAT rules. */
#ifndef VHDXRAY_CHECK_BAT_ENTRY_H
#define VHDXRAY_CHECK_BAT_ENTRY_H

#include <inttypes.h>

#include "base/checked.h"
#include "check/rule.h"

/* "BAT entry 512 (payload block 508, file offset 0x301000)"; for the format and its arguments. */
#define BAT_ENTRY "BAT entry %" PRIu64 " (%s %" PRIu64 ", file offset 0x%" PRIx64 ")"
#define BAT_ENTRY_ARGS(n) (n)->index, bat_slot_noun(n), bat_slot_number(n), (n)->entry_off

static inline const char *bat_slot_noun(const struct bat_note *n)
{
    return n->slot.is_bitmap ? "sector bitmap of chunk" : "payload block";
}

static inline uint64_t bat_slot_number(const struct bat_note *n)
{
    return n->slot.is_bitmap ? n->slot.chunk : n->slot.block;
}

/* For rules of other facts than BAT_FACT_UNUSED_SLOT: a slot that describes nothing has no other. */
static inline bool bat_is_payload(const struct bat_note *n)
{
    return !n->slot.is_bitmap;
}

/* A bitmap slot of a fixed or dynamic disk: nobody looks at it. */
static inline bool bat_is_idle_bitmap(const struct subject *s)
{
    return s->note->slot.is_bitmap && !s->view->geometry.differencing;
}

/*
 * For rules of facts about places: whether the place counts, in states 6 and 7 of payload and for bitmaps of a
 * differencing disk, which have a place in state 6 alone.
 */
static inline bool bat_is_live(const struct subject *s)
{
    return s->note->slot.is_bitmap ? s->view->geometry.differencing
                                   : bat_entry_state(s->note->raw) >= PAYLOAD_FULLY_PRESENT;
}

/* openvmm, by whose rules Hyper-V is judged, counts the last MiB of the file as whole. */
static inline bool bat_ends_in_last_mib(const struct view *v, uint64_t end)
{
    return u64_div_up(end, MIB) <= u64_div_up(v->src->size, MIB);
}

static inline void finding_guest_of(struct finding *f, const struct bat_note *n)
{
    if (n->guest_len > 0)
        finding_guest(f, n->guest_off, n->guest_len);
}

static inline uint64_t bat_index_off(const struct view *v, uint64_t index) /* file bytes */
{
    return v->bat.off + index * BAT_ENTRY_LEN;
}

static inline struct place at_bat_index(const struct view *v, uint64_t index)
{
    return at_place(STRUCTURE_BAT, (int64_t)index, bat_index_off(v, index), BAT_ENTRY_LEN);
}

/* All entries of this disk. */
static inline struct place at_bat_table(const struct view *v)
{
    return at_place(STRUCTURE_BAT, -1, v->bat.off, v->bat.walk_entries * BAT_ENTRY_LEN);
}

#endif
