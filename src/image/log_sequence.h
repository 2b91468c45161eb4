/* SPDX-License-Identifier: MIT */
/* Runs of entries and the active sequence, [MS-VHDX] 2.3.2; format.md 8.3. Called by log_scan_run(). */
#ifndef VHDXRAY_IMAGE_LOG_SEQUENCE_H
#define VHDXRAY_IMAGE_LOG_SEQUENCE_H

#include "base/arena.h"
#include "base/status.h"
#include "image/log_scan.h"

/* Fills runs and the active sequence from s->entries. STATUS_NO_MEMORY/LIMIT only. */
enum status log_sequence_find(struct arena *a, struct log_scan *s);

#endif
