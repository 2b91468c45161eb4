/* SPDX-License-Identifier: MIT */
/* Fixers of the log. Internal to repair/. */
#ifndef VHDXRAY_REPAIR_FIX_LOG_H
#define VHDXRAY_REPAIR_FIX_LOG_H

#include "repair/fix.h"

fix_fn fix_log_replay;  /* P1: LOG-001 and what goes with it */
fix_fn fix_log_discard; /* P7: LOG-002, LOG-034; LOG-028 */
fix_fn fix_log_extend;  /* LOG-003 */
fix_fn fix_log_wipe;    /* FOR-001 to -003 */

#endif
