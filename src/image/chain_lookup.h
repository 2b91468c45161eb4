/* SPDX-License-Identifier: MIT */
/* Finding files of a set: by GUID, by name, and one file under several names. Internal to image/. */
#ifndef VHDXRAY_IMAGE_CHAIN_LOOKUP_H
#define VHDXRAY_IMAGE_CHAIN_LOOKUP_H

#include <stdint.h>

#include "base/status.h"
#include "image/chain_set.h"

struct chain_index_entry;

struct chain_index {
    struct chain_index_entry *guids, *names; /* sorted; in the set's arena */
    uint32_t guid_count, name_count;
};

/* Sets same_as of files that are an earlier one (same device and inode), and hands `shown` on to that. */
enum status chain_lookup_same(struct chain_set *s);
/* Over all files that are no earlier one. */
enum status chain_lookup_open(const struct chain_set *s, struct chain_index *ret);

/*
 * The file whose DataWriteGuid is g. Of several (copies) one that has the name the child remembers, then the first one;
 * the child itself only when nobody else fits. *ret_others: how many more there are, as far as they were looked at.
 */
uint32_t chain_lookup_guid(const struct chain_set *s, const struct chain_index *x, uint32_t child, const struct guid *g,
                           uint32_t *ret_others);
/* A file, not the child itself, with one of the names that the child remembers its parent by; CHAIN_NONE. */
uint32_t chain_lookup_name(const struct chain_set *s, const struct chain_index *x, uint32_t child);

#endif
