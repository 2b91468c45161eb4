/* SPDX-License-Identifier: MIT */
/* Region table, [MS-VHDX] 2.2.3. */
#ifndef VHDXRAY_FORMAT_REGION_TABLE_H
#define VHDXRAY_FORMAT_REGION_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/guid.h"
#include "base/span.h"

struct region_table {
    bool signature_ok;
    bool checksum_ok;
    uint32_t checksum;
    uint32_t checksum_computed;
    uint32_t entry_count; /* stored; may exceed REGION_ENTRIES_MAX */
    uint32_t reserved;
    uint32_t usable_count; /* min(entry_count, REGION_ENTRIES_MAX): entries that can be decoded */
    struct span front;     /* its bytes, all usable entries among them; the rest up to REGION_TABLE_LEN is zeros */
};

struct region_entry {
    struct guid guid;
    uint64_t off; /* FileOffset, bytes */
    uint32_t len; /* bytes */
    uint32_t required_word;
};

/* s: at least REGION_TABLE_LEN bytes; false when shorter. Borrows s. */
bool region_table_decode(struct span s, struct region_table *ret);
/*
 * The same from the front of a table that has only zeros behind it. False when s is shorter than what
 * region_table_front_len() says, or than REGION_TABLE_HEADER_LEN.
 */
bool region_table_decode_front(struct span s, struct region_table *ret);
/* Header and usable entries of the table that begins with these REGION_TABLE_HEADER_LEN bytes at least; 0 when shorter. */
size_t region_table_front_len(struct span s);
/* Signature and checksum are right (2.2.3.1). */
static inline bool region_table_valid(const struct region_table *t)
{
    return t->signature_ok && t->checksum_ok;
}
/* i < usable_count; false otherwise. */
bool region_entry_decode(const struct region_table *t, uint32_t i, struct region_entry *ret);
void region_entry_encode(const struct region_entry *e, uint8_t *out); /* REGION_ENTRY_LEN bytes */
/* Sets the checksum of a whole table in memory. */
void region_table_sign(uint8_t *table);
/* Writes REGION_TABLE_LEN bytes with the right checksum. count <= REGION_ENTRIES_MAX (false, untouched otherwise). */
bool region_table_encode(const struct region_entry *entries, uint32_t count, uint8_t *out);

#endif
