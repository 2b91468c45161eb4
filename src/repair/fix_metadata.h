/* SPDX-License-Identifier: MIT */
/* Fixers of the metadata region, and changes of its table that several of them need. Internal to repair/. */
#ifndef VHDXRAY_REPAIR_FIX_METADATA_H
#define VHDXRAY_REPAIR_FIX_METADATA_H

#include "format/metadata.h"
#include "repair/fix.h"

fix_fn fix_metadata_reserved; /* META-003 */
fix_fn fix_entry_reserved;    /* META-004 */
fix_fn fix_entry_duplicate;   /* META-005, where both entries are equal */
fix_fn fix_entry_offset;      /* META-010 */
fix_fn fix_entry_flags;       /* META-017, -018 */
fix_fn fix_disk_id;           /* META-025; CHAIN-007 */
fix_fn fix_incomplete_marker; /* META-026 */
fix_fn fix_parameter_flags;   /* META-029, -030 */
fix_fn fix_disk_size;         /* META-033 */
fix_fn fix_physical_sector;   /* META-035, -036 */
fix_fn fix_parent_flag;       /* META-039; XREF-006 */
fix_fn fix_fixed_flag;        /* XREF-005 */

/* fix_items.c: items that are missing or too short. */
fix_fn fix_file_parameters;      /* META-020 */
fix_fn fix_lost_disk_size;       /* META-021 */
fix_fn fix_logical_sector;       /* META-022 */
fix_fn fix_lost_physical_sector; /* META-023 */
fix_fn fix_lost_disk_id;         /* META-024 */

/* ---- changes of table and items; each adds its steps ---- */

/* Writes bytes of an item, or of its place, from `field` on. */
enum status metadata_value_set(struct fixing *x, enum known_guid which, uint64_t field, const void *bytes, size_t len,
                               const char *action);
/*
 * Gives a system item new bytes: in its place where they fit, else behind the last item; adds the entry when there is
 * none. False with a refusal when there is no room, or *ret_status is not STATUS_OK.
 */
bool metadata_item_put(struct fixing *x, enum known_guid which, const void *bytes, uint32_t len, const char *action,
                       enum status *ret_status);
/* Takes entry i out of the table; those behind it move up. */
enum status metadata_entry_remove(struct fixing *x, uint32_t i, const char *action);

#endif
