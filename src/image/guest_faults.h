/* SPDX-License-Identifier: MIT */
/* Ranges of a guest's disk that cannot be answered: a list that is bounded, with sums that are exact. */
#ifndef VHDXRAY_IMAGE_GUEST_FAULTS_H
#define VHDXRAY_IMAGE_GUEST_FAULTS_H

#include <stdint.h>

#include "base/status.h"
#include "image/guest.h"

struct guest_fault_list {
    struct arena *arena; /* set it, the rest zero */
    /* Neighbours with the same fault in the same layer are one range. At most LIMIT_UNREADABLE_LISTED of them are kept.
     */
    struct guest_extent *ranges;
    uint64_t count, cap;
    uint64_t total, bytes;      /* exact, also when not all ranges are kept */
    struct guest_extent last;   /* the range noted last, kept or not */
    struct guest_extent orphan; /* the first with GUEST_FAULT_NO_PARENT; len 0: none */
};

/* For guest_read() and guest_walk_take(): list is a struct guest_fault_list. Extents come in ascending order. */
void guest_fault_list_note(void *list, const struct guest_extent *e);

/*
 * Notes what is known beforehand to have a fault in [off, off + len); what the host cannot read shows only when it is
 * read.
 */
enum status guest_find_faults(struct guest *g, uint64_t off, uint64_t len, struct guest_fault_list *list);

/* Words that stay ("past_end_of_file"), and the rule that is about it: NULL when several are. For NONE both are NULL.
 */
const char *guest_fault_name(enum guest_fault f);
const char *guest_fault_rule(const struct guest_extent *e);

#endif
