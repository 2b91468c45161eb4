/* SPDX-License-Identifier: MIT */
/*
 * Entries of the log. One entry is in flight at a time, and this keeps the ring simple:
 *
 *  - everything an entry logged is in place and durable before the next one is written (the caller's sync), so
 *    each entry is its own tail, and a replay needs the newest one alone;
 *  - until an entry is durable the one before it counts, so it is never written over: entries take turns at two
 *    places of the ring, its start and half a MiB on, and none is that long;
 *  - the sequence starts with an empty entry, durable before the headers name the log. There is no moment with
 *    a LogGuid and no entry for it.
 *
 * Two places instead of a ring that goes round, because of what replays it. The specification has a replay search every
 * sector for the newest sequence and follow its Tail; QEMU follows runs of adjacent entries instead, takes the one
 * whose first entry is the newest, never ends when a run fills the ring, and refuses one that goes past its end.
 * Entries that are never adjacent are a sequence each, to every reader the same.
 *
 * One LogGuid serves a whole session: what is written over is the entry before the last, which no Tail names any more.
 */
#include "write/log_writer.h"

#include <string.h>

#include "format/log_entry.h"

enum {
    ENTRY_LEN_MAX = (1 + LOG_WRITER_PAGES) * LOG_SECTOR_LEN,
    SECOND_PLACE = ENTRY_LEN_MAX + LOG_SECTOR_LEN, /* ring offset; the sector between stays free */
};

enum status log_writer_open(struct arena *a, struct store *s, uint64_t ring_off, uint64_t ring_len,
                            struct log_writer *ret)
{
    _Static_assert(2 * SECOND_PLACE == 1 << 20, "both places fit the smallest log");
    if (ring_len < (uint64_t)2 * SECOND_PLACE)
        return STATUS_INTERNAL;
    uint8_t *buf = (uint8_t *)arena_alloc(a, ENTRY_LEN_MAX);
    if (buf == NULL)
        return arena_status(a);
    *ret = (struct log_writer){.store = s, .ring_off = ring_off, .ring_len = ring_len, .buf = buf};
    return STATUS_OK;
}

static enum status put(struct log_writer *l, uint64_t len)
{
    enum status st = store_write(l->store, l->ring_off + l->pos, l->buf, (size_t)len);

    if (st == STATUS_OK)
        st = store_sync(l->store);
    if (st == STATUS_OK)
        l->pos = l->pos == 0 ? SECOND_PLACE : 0;
    return st;
}

/* Header and pages become an entry of their own. */
static enum status append(struct log_writer *l, const struct page_set *pages, struct log_sizes sizes)
{
    uint32_t count = pages != NULL ? pages->count : 0;
    uint64_t len = (uint64_t)LOG_SECTOR_LEN * (1 + count);
    struct log_entry_header h = {
        .entry_len = (uint32_t)len,
        .tail = (uint32_t)l->pos,
        .sequence_number = l->sequence_number + 1,
        .descriptor_count = count,
        .log_guid = l->guid,
        .flushed_file_off = sizes.flushed,
        .last_file_off = sizes.last,
    };

    memset(l->buf, 0, LOG_SECTOR_LEN);
    log_entry_header_encode(&h, l->buf);
    for (uint32_t i = 0; i < count; i++) {
        struct log_descriptor d = {
            .kind = LOG_DESCRIPTOR_DATA,
            .file_off = pages->pages[i].off,
            .sequence_number = h.sequence_number,
        };

        log_data_sector_encode(pages->pages[i].bytes, h.sequence_number, &d, l->buf + (size_t)LOG_SECTOR_LEN * (1 + i));
        log_descriptor_encode(&d, l->buf + LOG_ENTRY_HEADER_LEN + (size_t)LOG_DESCRIPTOR_LEN * i);
    }
    log_entry_sign(l->buf, len);
    enum status st = put(l, len);
    if (st == STATUS_OK)
        l->sequence_number = h.sequence_number;
    return st;
}

enum status log_writer_start(struct log_writer *l, const struct guid *guid, struct log_sizes sizes)
{
    l->guid = *guid;
    l->sequence_number = 0;
    l->pos = 0;
    return append(l, NULL, sizes);
}

enum status log_writer_append(struct log_writer *l, const struct page_set *pages, struct log_sizes sizes)
{
    if (pages->count == 0 || pages->count > LOG_WRITER_PAGES)
        return STATUS_INTERNAL;
    return append(l, pages, sizes);
}
