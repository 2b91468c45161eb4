/* SPDX-License-Identifier: MIT */
/*
 * One transaction on an image file: a checksummed journal beside it (FILE.vhdxray-journal) holds the old and the new
 * bytes of every change and both sizes. It is durable before the first change and stays as the undo file. Whatever
 * happens in between, the next run finds one of: no usable journal (nothing was changed yet), a journal to finish or
 * roll back, or a finished one. tests/crash.c enumerates it.
 */
#ifndef VHDXRAY_REPAIR_JOURNAL_H
#define VHDXRAY_REPAIR_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "io/store.h"

/* The journal is itself a store: beside the image on a host, in memory in the tests. */

enum journal_state {
    JOURNAL_NONE,     /* empty, or never became complete: the image was not touched by it */
    JOURNAL_APPLYING, /* complete; the image is somewhere between old and new: finish or roll back */
    JOURNAL_APPLIED,  /* the image is the new one; undo is possible */
    JOURNAL_UNDOING,  /* somewhere between new and old, on the way back */
    JOURNAL_UNDONE,   /* the image is the old one again; the journal can go */
    JOURNAL_DAMAGED, /* no journal, or one that was complete and is not any more: neither finished nor rolled back by us
                      */
};

struct journal_info {
    enum journal_state state;
    uint64_t old_size, new_size; /* of the image */
    uint64_t changes;            /* records */
    uint64_t bytes;              /* of the image that they cover */
};

/* *ret_where when no place in the image is to blame. */
static const uint64_t JOURNAL_NOWHERE = UINT64_MAX;

/* What the journal says of itself, by its first pages alone; records are not looked at. */
enum status journal_peek(struct source *journal, struct journal_info *ret);
/* The same with every record and byte of the journal verified. */
enum status journal_read(struct store *journal, struct journal_info *ret);

/*
 * Writes the journal (JOURNAL_NONE or JOURNAL_UNDONE until now, else STATUS_REFUSED) for what `stage` changes in its
 * base, makes it durable, applies it to `image` (whose bytes are those of the base) and makes that durable. Nothing is
 * written when the stage changes nothing. On an error before the first change to the image the journal is empty again.
 * After one behind it the image is put back: JOURNAL_UNDONE when that worked, else JOURNAL_APPLYING.
 */
enum status journal_apply(struct store *journal, struct store *image, struct store *stage);
/*
 * From JOURNAL_APPLYING forward to applied, from JOURNAL_UNDOING on to undone; STATUS_REFUSED otherwise, *ret_where
 * JOURNAL_NOWHERE. Each byte to be changed must be the old or the new one, and what the journal remembers of the rest
 * of the first 320 KiB must be unchanged, else this is another image, or one that was changed since: STATUS_REFUSED and
 * *ret_where is the first such place. Nothing was written then.
 */
enum status journal_finish(struct store *journal, struct store *image, uint64_t *ret_where);
/*
 * From JOURNAL_APPLYING, JOURNAL_APPLIED or JOURNAL_UNDOING back to the exact old bytes and size. With JOURNAL_APPLIED
 * every changed range must still hold the new bytes, and the size be the new one; else as in journal_finish().
 */
enum status journal_undo(struct store *journal, struct store *image, uint64_t *ret_where);

#endif
