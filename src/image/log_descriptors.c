/* SPDX-License-Identifier: MIT */
/* An entry's descriptors, from where the scan kept them, or else read once more. */
#include "image/log_descriptors.h"

#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "format/layout.h"
#include "image/log_ring.h"

bool log_kept_add(struct arena *a, struct log_kept *k, const uint8_t *descriptor)
{
    if (k->count >= LIMIT_KEPT_DESCRIPTORS || !arena_grow(a, (void **)&k->items, &k->cap, k->count, sizeof(*k->items)))
        return false;
    memcpy(k->items[k->count++].bytes, descriptor, LOG_DESCRIPTOR_LEN);
    return true;
}

/* Bytes of descriptor sectors read at a time, on the stack: entries are long, callers many. */
enum { DESCRIPTOR_WINDOW = 4 * LOG_SECTOR_LEN };

struct walk {
    const struct log_scan *scan;
    const struct log_entry *entry;
    bool (*fn)(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off);
    void *ctx;
    uint64_t ring_len;
    uint64_t data_at; /* ring offset of the next data sector, not yet wrapped */
    uint32_t i, data_seen;
    bool stopped;
};

static enum status walk_one(struct walk *w, const uint8_t *descriptor)
{
    const struct log_entry *e = w->entry;
    struct log_descriptor d;

    if (!log_descriptor_decode(span_of(descriptor, LOG_DESCRIPTOR_LEN), &d))
        return STATUS_INTERNAL;
    bool is_data = d.kind == LOG_DESCRIPTOR_DATA;
    if (d.kind == LOG_DESCRIPTOR_UNKNOWN || d.sequence_number != e->sequence_number ||
        d.file_off % LOG_SECTOR_LEN != 0 || d.len % LOG_SECTOR_LEN != 0 || (is_data && w->data_seen == e->data_count))
        return STATUS_IO; /* the file changed under us */
    w->stopped = !w->fn(w->ctx, w->i, &d, is_data ? w->scan->off + w->data_at % w->ring_len : 0);
    w->data_at += is_data ? LOG_SECTOR_LEN : 0;
    w->data_seen += is_data;
    w->i++;
    return STATUS_OK;
}

static enum status walk_kept(struct walk *w)
{
    enum status st = STATUS_OK;

    while (st == STATUS_OK && !w->stopped && w->i < w->entry->descriptor_count)
        st = walk_one(w, w->scan->kept.items[w->entry->kept + w->i].bytes);
    return st;
}

static enum status walk_file(struct walk *w, const struct log_ring *ring)
{
    const struct log_entry *e = w->entry;
    /* No more than they are is read: of a log full of small entries that is a fortieth of their sectors. */
    uint64_t end = LOG_ENTRY_HEADER_LEN + (uint64_t)e->descriptor_count * LOG_DESCRIPTOR_LEN;
    uint8_t window[DESCRIPTOR_WINDOW];

    for (uint64_t done = 0; done < end && !w->stopped; done += sizeof(window)) {
        size_t len = (size_t)u64_min(end - done, sizeof(window));
        enum status st = log_ring_read(ring, e->ring_off + done, window, len);
        for (size_t at = done == 0 ? LOG_ENTRY_HEADER_LEN : 0; st == STATUS_OK && !w->stopped && at < len;
             at += LOG_DESCRIPTOR_LEN)
            st = walk_one(w, window + at);
        if (st != STATUS_OK)
            return st;
    }
    return STATUS_OK;
}

enum status log_scan_descriptors(const struct log_scan *s, struct source *file, uint64_t entry,
                                 bool (*fn)(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off),
                                 void *ctx)
{
    if (entry >= s->entry_count || s->entries[entry].defect != LOG_DEFECT_NONE)
        return STATUS_INTERNAL;
    const struct log_entry *e = &s->entries[entry];
    const struct log_ring ring = log_ring_of(NULL, file, s->off, s->len);
    struct walk w = {
        .scan = s,
        .entry = e,
        .fn = fn,
        .ctx = ctx,
        .ring_len = ring.len,
        .data_at = e->ring_off + LOG_SECTOR_LEN * log_descriptor_sectors(e->descriptor_count),
    };
    return e->kept == LOG_NOT_KEPT ? walk_file(&w, &ring) : walk_kept(&w);
}
