/* SPDX-License-Identifier: MIT */
/*
 * A planted bug, for tools/check-planted only: a region table decoder that believes the length of an entry once the
 * table's checksum is right. See header.c.
 */
#include "format/region_table.h"

#include "planted.h"

bool __real_region_entry_decode(const struct region_table *t, uint32_t i, struct region_entry *ret);
bool __wrap_region_entry_decode(const struct region_table *t, uint32_t i, struct region_entry *ret);

bool __wrap_region_entry_decode(const struct region_table *t, uint32_t i, struct region_entry *ret)
{
    bool decoded = __real_region_entry_decode(t, i, ret);
    if (decoded && region_table_valid(t))
        planted_look_up(ret->len >> 12);
    return decoded;
}
