/* SPDX-License-Identifier: MIT */
/* Fixers of the identifier and the headers. Internal to repair/. */
#ifndef VHDXRAY_REPAIR_FIX_HEADER_H
#define VHDXRAY_REPAIR_FIX_HEADER_H

#include "repair/fix.h"

fix_fn fix_signature;        /* FID-001 */
fix_fn fix_both_headers;     /* P2: everything that goes when both are written anew */
fix_fn fix_header_checksums; /* HDR-002, P9 */
fix_fn fix_header_choice;    /* HDR-006 */
fix_fn fix_log_version;      /* HDR-005 */
fix_fn fix_sequence_numbers; /* HDR-010 */
fix_fn fix_header_reserved;  /* HDR-011 */
fix_fn fix_data_write_guid;  /* HDR-021 */
fix_fn fix_log_place;        /* HDR-013 to -016, -018; BAT-014 */
fix_fn fix_log_guid_alone;   /* HDR-017 */

#endif
