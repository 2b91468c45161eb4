/* SPDX-License-Identifier: MIT */
/* Writing a journal: the records of what a stage changes, then the header; and the marks. */
#ifndef VHDXRAY_REPAIR_JOURNAL_WRITE_H
#define VHDXRAY_REPAIR_JOURNAL_WRITE_H

#include "base/status.h"
#include "io/store.h"
#include "repair/journal.h"
#include "repair/journal_format.h"

/*
 * Records and header for what stage changes in image, into an empty journal; durable, but without a mark: so it still
 * counts as JOURNAL_NONE. *ret: what was written; no changes and equal sizes when there is nothing to do.
 */
enum status journal_write(struct store *journal, struct store *image, struct store *stage, struct journal_header *ret);

/* The state, durable. sequence: one more than that of the mark before, 1 for the first. */
enum status journal_mark(struct store *journal, enum journal_state state, uint64_t sequence, uint32_t header_crc);

#endif
