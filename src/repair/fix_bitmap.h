/* SPDX-License-Identifier: MIT */
/* Fixers of sector bitmaps. Internal to repair/. */
#ifndef VHDXRAY_REPAIR_FIX_BITMAP_H
#define VHDXRAY_REPAIR_FIX_BITMAP_H

#include "repair/fix.h"

fix_fn fix_stray_bits;     /* SBM-002, -003, -004 */
fix_fn fix_full_blocks;    /* SBM-005 */
fix_fn fix_empty_blocks;   /* SBM-006 */
fix_fn fix_idle_bitmap;    /* SBM-007 */
fix_fn fix_hidden_sectors; /* SBM-009 */

#endif
