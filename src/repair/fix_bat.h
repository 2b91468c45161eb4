/* SPDX-License-Identifier: MIT */
/* Fixers of the BAT. Internal to repair/. */
#ifndef VHDXRAY_REPAIR_FIX_BAT_H
#define VHDXRAY_REPAIR_FIX_BAT_H

#include "repair/fix.h"

fix_fn fix_state_reserved; /* BAT-002 */
fix_fn fix_state_draft;    /* BAT-003: P11 */
fix_fn fix_state_partial;  /* BAT-004: P11 */
fix_fn fix_bitmap_state;   /* BAT-005 */
fix_fn fix_bitmap_stray;   /* BAT-006: P11 */
fix_fn fix_reserved_bits;  /* BAT-007: P4 */
fix_fn fix_idle_offset;    /* BAT-009: P4 */
fix_fn fix_cut_block;      /* BAT-011: P6 */
fix_fn fix_block_past_end; /* BAT-012: P8, P6 */
fix_fn fix_log_over_block; /* BAT-014 */
fix_fn fix_shared_block;   /* BAT-016 */
fix_fn fix_anchor;         /* BAT-019 */
fix_fn fix_bitmap_missing; /* BAT-020 */
fix_fn fix_unused_slot;    /* BAT-021 */

/* fix_bat_table.c: many entries at once. */
fix_fn fix_fixed_blocks; /* BAT-022 */
fix_fn fix_fixed_area;   /* BAT-024 */
fix_fn fix_page_shift;   /* BAT-025: P10 */
fix_fn fix_interleave;   /* BAT-026 */
fix_fn fix_zero_blocks;  /* BAT-031 */
fix_fn fix_all_anchors;  /* FOR-008 */

/* One entry of the stage, by its BAT index. */
enum status bat_entry_get(struct fixing *x, uint64_t index, uint64_t *ret);
enum status bat_entry_put(struct fixing *x, uint64_t index, uint64_t raw, const char *action);

#endif
