/* SPDX-License-Identifier: MIT */
/* The header update of [MS-VHDX] 2.2.2.1: always the slot that is not current, flushed, then once more for the other.
 */
#ifndef VHDXRAY_WRITE_HEADER_UPDATE_H
#define VHDXRAY_WRITE_HEADER_UPDATE_H

#include "base/status.h"
#include "format/header.h"
#include "io/store.h"

/*
 * Writes `wanted` (its sequence number is ignored) into both slots with sequence numbers current + 1 and current + 2,
 * the slot that is not current first, a sync behind each; reserved bytes are zero. current_slot 0/1. *ret_slot: the
 * slot that is current afterwards. STATUS_REFUSED when the sequence number cannot rise twice (2^64 - 1 is never
 * wrapped).
 */
enum status header_update(struct store *s, int current_slot, uint64_t current_sequence, const struct header *wanted,
                          int *ret_slot);

#endif
