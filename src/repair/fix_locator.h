/* SPDX-License-Identifier: MIT */
/* Fixers of the parent locator. Internal to repair/. */
#ifndef VHDXRAY_REPAIR_FIX_LOCATOR_H
#define VHDXRAY_REPAIR_FIX_LOCATOR_H

#include "repair/fix.h"

fix_fn fix_locator_relink;    /* P12: META-038, PLOC-009 to -011, -013; CHAIN-003, -004, -012, -013 */
fix_fn fix_locator_reserved;  /* PLOC-003 */
fix_fn fix_locator_strings;   /* PLOC-007 */
fix_fn fix_locator_duplicate; /* PLOC-008 */
fix_fn fix_locator_second;    /* PLOC-012 */
fix_fn fix_locator_prefix;    /* PLOC-014 */
fix_fn fix_locator_form;      /* PLOC-015 */
fix_fn fix_locator_names;     /* PLOC-017 */
fix_fn fix_locator_compact;   /* PLOC-019 */
fix_fn fix_locator_case;      /* PLOC-020 */

#endif
