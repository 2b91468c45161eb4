/* SPDX-License-Identifier: MIT */
/* Fixers that remove bytes which mean nothing, and set the size of the file. Internal to repair/. */
#ifndef VHDXRAY_REPAIR_FIX_WIPE_H
#define VHDXRAY_REPAIR_FIX_WIPE_H

#include "repair/fix.h"

fix_fn fix_wipe_place;    /* FID-004, -005; HDR-012, -029; FOR-007: the finding's own bytes */
fix_fn fix_wipe_reserved; /* FOR-009 */
fix_fn fix_wipe_entries;  /* META-040 */
fix_fn fix_wipe_metadata; /* META-041 */
fix_fn fix_wipe_free;     /* FOR-004, -006: where nobody owns anything */
fix_fn fix_wipe_gaps;     /* XREF-003 */

fix_fn fix_round_size; /* FILE-003 */
fix_fn fix_trim_size;  /* FILE-005 */
fix_fn fix_fixed_size; /* FILE-012 */

#endif
