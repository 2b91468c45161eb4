/* SPDX-License-Identifier: MIT */
/* A journal as it is read: its state, its records in order, their bytes. */
#ifndef VHDXRAY_REPAIR_JOURNAL_READ_H
#define VHDXRAY_REPAIR_JOURNAL_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "io/source.h"
#include "repair/journal.h"
#include "repair/journal_format.h"

enum { JOURNAL_CACHE = 64 * 1024 };

struct journal_reader {
    struct source *source;
    enum journal_state state;
    struct journal_header header; /* unless JOURNAL_NONE or JOURNAL_DAMAGED */
    uint64_t sequence;            /* of the mark that counts */
    /* The record that comes next. */
    uint64_t next_off, next_index;
    uint32_t heads_crc; /* of those before */
    uint8_t *cache;     /* journal bytes [cache_off, cache_off + cache_len) */
    uint64_t cache_off;
    size_t cache_len;
};

/* Header and marks. Fails only when the source does, or memory; journal_reader_close() then as well. */
enum status journal_reader_open(struct source *journal, struct journal_reader *ret);
void journal_reader_close(struct journal_reader *r);
/* Every record and byte; the state becomes JOURNAL_DAMAGED when something is not as it was written. */
enum status journal_reader_verify(struct journal_reader *r);

void journal_reader_rewind(struct journal_reader *r);
/*
 * The next record; false at the end or when there is none that is valid (state JOURNAL_DAMAGED then). *ret_stored:
 * where in the journal its bytes are.
 */
enum status journal_reader_next(struct journal_reader *r, struct journal_record *ret, uint64_t *ret_stored,
                                bool *ret_more);

void journal_reader_info(const struct journal_reader *r, struct journal_info *ret);

#endif
