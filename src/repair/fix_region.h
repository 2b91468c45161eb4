/* SPDX-License-Identifier: MIT */
/* Fixers of the region tables. Internal to repair/. */
#ifndef VHDXRAY_REPAIR_FIX_REGION_H
#define VHDXRAY_REPAIR_FIX_REGION_H

#include "format/region_table.h"
#include "repair/fix.h"

fix_fn fix_region_copy;      /* RGN-002, -003, -005: P3 */
fix_fn fix_region_choice;    /* RGN-006 */
fix_fn fix_region_reserved;  /* RGN-007 */
fix_fn fix_region_duplicate; /* RGN-008, where both entries are equal */
fix_fn fix_region_extend;    /* RGN-011, where nothing is lost */
fix_fn fix_region_required;  /* RGN-014: P5 */
fix_fn fix_region_word;      /* RGN-015 */
fix_fn fix_region_rest;      /* RGN-021 */
fix_fn fix_bat_region;       /* BAT-001, where only unused slots are missing: a larger region */

/* fix_rebuild.c: what nothing leads to any more. */
fix_fn fix_region_tables;        /* RGN-001 */
fix_fn fix_region_lost_bat;      /* RGN-018 */
fix_fn fix_region_lost_metadata; /* RGN-019 */

/*
 * The entry of a region in all valid copies: changed, or added behind the last one. False with a refusal when there is
 * no room, or *ret_status is not STATUS_OK.
 */
bool region_entry_set(struct fixing *x, const struct region_entry *e, const char *action, enum status *ret_status);

#endif
