/* SPDX-License-Identifier: MIT */
/*
 * Finds and judges every log entry in one pass over the ring ([MS-VHDX] 2.3.1; format.md 8.2).
 *
 * The ring is walked front to back (log_ring.c). At most one entry is "in flight": its sectors are checked in the order
 * they arrive, descriptors first, then data sectors, and the checksum is summed up while the bytes are at hand, but
 * looked at last. A sector that starts with `loge` always ends the entry in flight, since the sectors inside an entry
 * start with `desc`, `zero` or `data`, and begins the next one. So two entries never compete for a sector and the work
 * is linear, whatever the ring holds. An entry that is still in flight at the ring's end goes on at its start: a second
 * lap that ends with that entry.
 *
 * Entries of other LogGuids are judged like live ones: they cannot be replayed, but they are evidence.
 *
 * Sectors that are set but belong to no valid entry are counted as orphans. What an entry in flight covers is counted
 * aside and joins the orphans only if the entry fails. A wrapped entry that turns out valid takes the sectors of its
 * second lap, counted as orphans in the first, back out.
 */
#include "image/log_scan.h"

#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "format/layout.h"
#include "image/log_descriptors.h"
#include "image/log_guids.h"
#include "image/log_ring.h"
#include "image/log_sequence.h"

struct tally {
    uint64_t data, descriptors, other;
    uint64_t first_off; /* file offset; UINT64_MAX: none */
};

static const struct tally TALLY_NONE = {.first_off = UINT64_MAX};

struct flight {
    bool on;
    struct log_entry entry;
    struct guid guid;
    uint64_t done;           /* bytes judged so far */
    uint64_t descriptor_end; /* bytes of header and descriptor sectors */
    uint32_t descriptors_seen;
    bool exact; /* EntryLength is 4096 * (d + k); known once the descriptors are read */
    uint32_t checksum, computed;
    struct tally passed[2]; /* its sectors, by lap */
};

struct scanner {
    struct arena *arena;
    struct log_ring ring;
    struct log_scan *out;
    struct guid live;
    struct flight flight;
    unsigned lap;             /* 0 or 1 */
    uint64_t first_entry_off; /* ring offset of the first `loge` sector; UINT64_MAX before it was met */
    uint64_t wrapped_len;     /* bytes at the ring's start that belong to a valid entry from its end */
    struct tally lead;        /* orphans before the first `loge` sector */
    struct tally rest;
    uint64_t entry_cap;
    struct log_guids guids;
    enum status status;
};

static bool starts_with(const uint8_t *sector, const char *signature)
{
    return memcmp(sector, signature, 4) == 0;
}

static void tally_sector(struct tally *t, const uint8_t *sector, uint64_t off)
{
    if (starts_with(sector, SIGNATURE_LOG_DATA_SECTOR))
        t->data++;
    else if (starts_with(sector, SIGNATURE_LOG_DATA_DESCRIPTOR) || starts_with(sector, SIGNATURE_LOG_ZERO_DESCRIPTOR))
        t->descriptors++;
    else if (!span_is_zero(span_of(sector, LOG_SECTOR_LEN)))
        t->other++;
    else
        return;
    t->first_off = u64_min(t->first_off, off);
}

static void tally_add(struct tally *t, const struct tally *more)
{
    t->data += more->data;
    t->descriptors += more->descriptors;
    t->other += more->other;
    t->first_off = u64_min(t->first_off, more->first_off);
}

static bool tally_empty(const struct tally *t)
{
    return t->data == 0 && t->descriptors == 0 && t->other == 0;
}

static void orphan(struct scanner *c, uint64_t ring_off, const uint8_t *sector)
{
    tally_sector(c->first_entry_off == UINT64_MAX ? &c->lead : &c->rest, sector, c->out->off + ring_off);
}

/* ---- one entry ---- */

static void entry_append(struct scanner *c, struct log_entry e, enum log_defect defect, uint32_t item,
                         const struct guid *guid)
{
    struct log_scan *out = c->out;

    if (c->status != STATUS_OK) /* an entry before this one could not be kept */
        return;
    c->status = log_guids_note(c->arena, &c->guids, guid, &e.guid);
    if (c->status == STATUS_OK &&
        !arena_grow(c->arena, (void **)&out->entries, &c->entry_cap, out->entry_count, sizeof(*out->entries)))
        c->status = arena_status(c->arena);
    if (c->status != STATUS_OK)
        return;
    e.defect = (uint8_t)defect;
    e.defect_item = item;
    e.live = !guid_is_nil(&c->live) && guid_equal(guid, &c->live);
    if (defect == LOG_DEFECT_NONE && e.live)
        out->valid_live++;
    else if (defect == LOG_DEFECT_NONE)
        out->valid_stale++;
    out->entries[out->entry_count++] = e;
}

static void flight_end(struct scanner *c, bool valid)
{
    struct flight *f = &c->flight;
    if (f->on && !valid && f->entry.kept != LOG_NOT_KEPT)
        c->out->kept.count = f->entry.kept;
    f->on = false;
}

static void flight_fail(struct scanner *c, enum log_defect defect, uint64_t item)
{
    struct flight *f = &c->flight;
    flight_end(c, false);
    tally_add(&c->rest, &f->passed[0]); /* what it passed in the second lap is among the orphans already */
    entry_append(c, f->entry, defect, (uint32_t)item, &f->guid);
}

/* An end before EntryLength: blamed on the part that should have come next. */
static void flight_cut(struct scanner *c)
{
    const struct flight *f = &c->flight;
    if (f->done < f->descriptor_end)
        flight_fail(c, LOG_DEFECT_DESCRIPTOR, f->descriptors_seen);
    else if (f->exact)
        flight_fail(c, LOG_DEFECT_DATA_SECTOR, (f->done - f->descriptor_end) / LOG_SECTOR_LEN);
    else
        flight_fail(c, LOG_DEFECT_CHECKSUM, 0);
}

/* All EntryLength bytes passed by. */
static void flight_land(struct scanner *c)
{
    struct flight *f = &c->flight;
    if (f->computed != f->checksum) {
        flight_fail(c, LOG_DEFECT_CHECKSUM, 0);
        return;
    }
    if (!f->exact) {
        flight_fail(c, LOG_DEFECT_LENGTH_MISMATCH, 0);
        return;
    }
    flight_end(c, true);
    if (c->lap == 1) {
        c->wrapped_len = f->done - (c->ring.len - f->entry.ring_off);
        /* Not below 0: what the host could not read in the first lap, it may have read in the second. */
        c->lead.data -= u64_min(c->lead.data, f->passed[1].data);
        c->lead.descriptors -= u64_min(c->lead.descriptors, f->passed[1].descriptors);
    }
    entry_append(c, f->entry, LOG_DEFECT_NONE, 0, &f->guid);
}

static void flight_keep(struct scanner *c, const uint8_t *descriptor)
{
    struct log_entry *e = &c->flight.entry;
    if (e->kept == LOG_NOT_KEPT || log_kept_add(c->arena, &c->out->kept, descriptor))
        return;
    c->status = arena_status(c->arena); /* when it is not the limit */
    c->out->kept.count = e->kept;
    e->kept = LOG_NOT_KEPT;
}

/* Judges the descriptors of one sector, from byte `from`. */
static bool flight_descriptors(struct scanner *c, const uint8_t *sector, size_t from)
{
    struct flight *f = &c->flight;

    for (size_t at = from; at < LOG_SECTOR_LEN && f->descriptors_seen < f->entry.descriptor_count;
         at += LOG_DESCRIPTOR_LEN) {
        struct log_descriptor d;
        if (!log_descriptor_decode(span_of(sector + at, LOG_DESCRIPTOR_LEN), &d) || d.kind == LOG_DESCRIPTOR_UNKNOWN ||
            d.sequence_number != f->entry.sequence_number || d.file_off % LOG_SECTOR_LEN != 0 ||
            d.len % LOG_SECTOR_LEN != 0)
            return false;
        if (d.kind == LOG_DESCRIPTOR_DATA)
            f->entry.data_count++;
        else if (d.len == 0)
            f->entry.zero_length = true;
        if (d.kind == LOG_DESCRIPTOR_ZERO && d.zero_reserved != 0)
            f->entry.reserved_nonzero = true;
        flight_keep(c, sector + at);
        f->descriptors_seen++;
    }
    return true;
}

/* One more sector was right; its bytes are in the checksum. */
static void flight_advance(struct scanner *c, uint64_t len)
{
    struct flight *f = &c->flight;
    f->done += len;
    if (f->done == f->descriptor_end)
        f->exact = f->entry.len == f->descriptor_end + (uint64_t)LOG_SECTOR_LEN * f->entry.data_count;
    if (f->done == f->entry.len)
        flight_land(c);
}

/* A sector inside the entry in flight that does not start with `loge`. False: the entry failed on it. */
static bool flight_sector(struct scanner *c, uint64_t ring_off, const uint8_t *sector)
{
    struct flight *f = &c->flight;
    struct log_data_sector data;

    if (f->done < f->descriptor_end) {
        if (!flight_descriptors(c, sector, 0)) {
            flight_fail(c, LOG_DEFECT_DESCRIPTOR, f->descriptors_seen);
            return false;
        }
    } else if (f->exact && (!log_data_sector_decode(span_of(sector, LOG_SECTOR_LEN), &data) || !data.signature_ok ||
                            data.sequence_number != f->entry.sequence_number)) {
        flight_fail(c, LOG_DEFECT_DATA_SECTOR, (f->done - f->descriptor_end) / LOG_SECTOR_LEN);
        return false;
    }
    tally_sector(&f->passed[c->lap], sector, c->out->off + ring_off);
    f->computed = crc32c(f->computed, sector, LOG_SECTOR_LEN);
    flight_advance(c, LOG_SECTOR_LEN);
    return true;
}

/* Zeros inside the entry in flight: only an entry that is too long has room for them. */
static void flight_zeros(struct scanner *c, uint64_t sectors)
{
    struct flight *f = &c->flight;
    if (f->done < f->descriptor_end || f->exact) {
        flight_cut(c);
        return;
    }
    uint64_t len = LOG_SECTOR_LEN * u64_min(sectors, (f->entry.len - f->done) / LOG_SECTOR_LEN);
    f->computed = crc32c_zeros(f->computed, len);
    flight_advance(c, len);
}

/* A `loge` sector: judges what its header says alone, and takes off when that is possible. */
static void entry_begin(struct scanner *c, uint64_t ring_off, const uint8_t *sector)
{
    struct log_entry_header h;
    if (!log_entry_header_decode(span_of(sector, LOG_ENTRY_HEADER_LEN), &h)) {
        c->status = STATUS_INTERNAL;
        return;
    }
    struct log_entry e = {
        .sequence_number = h.sequence_number,
        .flushed_file_off = h.flushed_file_off,
        .last_file_off = h.last_file_off,
        .ring_off = (uint32_t)ring_off,
        .len = h.entry_len,
        .tail = h.tail,
        .descriptor_count = h.descriptor_count,
        .kept = (uint32_t)c->out->kept.count,
        .reserved_nonzero = h.reserved != 0,
    };
    enum log_defect defect = LOG_DEFECT_NONE;
    if (h.entry_len % LOG_SECTOR_LEN != 0 || h.entry_len < LOG_SECTOR_LEN || h.entry_len > c->ring.len)
        defect = LOG_DEFECT_LENGTH;
    else if (h.tail % LOG_SECTOR_LEN != 0 || h.tail >= c->ring.len)
        defect = LOG_DEFECT_TAIL;
    else if (h.sequence_number == 0)
        defect = LOG_DEFECT_SEQUENCE_ZERO;
    else if (h.descriptor_count > (h.entry_len - LOG_ENTRY_HEADER_LEN) / LOG_DESCRIPTOR_LEN)
        defect = LOG_DEFECT_DESCRIPTOR_COUNT;

    c->first_entry_off = u64_min(c->first_entry_off, ring_off);
    if (defect != LOG_DEFECT_NONE) {
        entry_append(c, e, defect, 0, &h.log_guid);
        return;
    }
    static const uint8_t no_checksum[4];
    uint32_t crc = crc32c(0, sector, 4); /* the checksum at 4 counts as zero */
    crc = crc32c(crc, no_checksum, sizeof(no_checksum));
    c->flight = (struct flight){
        .on = true,
        .entry = e,
        .guid = h.log_guid,
        .descriptor_end = LOG_SECTOR_LEN * log_descriptor_sectors(h.descriptor_count),
        .checksum = h.checksum,
        .computed = crc32c(crc, sector + 8, LOG_SECTOR_LEN - 8),
        .passed = {TALLY_NONE, TALLY_NONE},
    };
    if (flight_descriptors(c, sector, LOG_ENTRY_HEADER_LEN))
        flight_advance(c, LOG_SECTOR_LEN);
    else
        flight_fail(c, LOG_DEFECT_DESCRIPTOR, c->flight.descriptors_seen);
}

/* ---- the ring ---- */

/* An entry that reaches into what the host could not read is not judged at all. */
static void unreadable(struct scanner *c)
{
    c->out->io_error = true;
    flight_end(c, false);
}

static bool on_first_lap(void *ctx, const struct log_part *p)
{
    struct scanner *c = ctx;
    if (p->kind == LOG_PART_UNREADABLE) {
        unreadable(c);
    } else if (p->kind == LOG_PART_ZEROS) {
        if (c->flight.on)
            flight_zeros(c, p->sectors);
    } else if (starts_with(p->sector, SIGNATURE_LOG_ENTRY)) {
        if (c->flight.on)
            flight_cut(c);
        entry_begin(c, p->ring_off, p->sector);
    } else if (!c->flight.on || !flight_sector(c, p->ring_off, p->sector)) {
        orphan(c, p->ring_off, p->sector);
    }
    return c->status == STATUS_OK;
}

/* Only finishes the entry that ran past the ring's end. */
static bool on_second_lap(void *ctx, const struct log_part *p)
{
    struct scanner *c = ctx;
    if (p->kind == LOG_PART_UNREADABLE)
        unreadable(c);
    else if (p->kind == LOG_PART_ZEROS)
        flight_zeros(c, p->sectors);
    else if (starts_with(p->sector, SIGNATURE_LOG_ENTRY))
        flight_cut(c);
    else
        flight_sector(c, p->ring_off, p->sector);
    return c->status == STATUS_OK && c->flight.on;
}

/* Which orphan is the first, now that a wrapped entry took the ones before it. */
static bool on_lead(void *ctx, const struct log_part *p)
{
    struct scanner *c = ctx;
    if (p->kind == LOG_PART_SECTOR && !span_is_zero(span_of(p->sector, LOG_SECTOR_LEN))) {
        c->lead.first_off = c->out->off + p->ring_off;
        return false;
    }
    return true;
}

static enum status lap(struct scanner *c, uint64_t from, uint64_t to, bool (*fn)(void *ctx, const struct log_part *p))
{
    enum status st = log_ring_walk(&c->ring, from, to, fn, c);
    return st == STATUS_OK ? c->status : st;
}

static enum status ring_scan(struct scanner *c)
{
    enum status st = lap(c, 0, c->ring.len, on_first_lap);
    if (st != STATUS_OK || !c->flight.on)
        return st;

    c->lap = 1;
    st = lap(c, 0, c->flight.entry.len - c->flight.done, on_second_lap);
    if (st != STATUS_OK || c->wrapped_len == 0)
        return st;
    if (tally_empty(&c->lead)) {
        c->lead = TALLY_NONE;
        return STATUS_OK;
    }
    c->lead.first_off = c->out->off + c->wrapped_len; /* not before there */
    return lap(c, c->wrapped_len, c->first_entry_off, on_lead);
}

/* ---- results ---- */

static enum status settle_guids(struct scanner *c)
{
    struct log_scan *out = c->out;
    enum status st = log_guids_settle(c->arena, &c->guids, &out->guids, &out->guid_count);
    for (uint64_t i = 0; i < out->entry_count && st == STATUS_OK; i++)
        out->entries[i].guid = log_guids_id(&c->guids, out->entries[i].guid);
    return st;
}

static void settle_orphans(struct scanner *c)
{
    struct log_scan *out = c->out;
    struct tally all = c->lead;
    tally_add(&all, &c->rest);
    out->all_zero = c->first_entry_off == UINT64_MAX && !out->io_error && tally_empty(&all);
    out->orphan_data = all.data;
    out->orphan_descriptors = all.descriptors;
    out->orphan_other = all.other;
    out->orphan_first_off = tally_empty(&all) ? 0 : all.first_off;
}

enum status log_scan_run(struct arena *a, struct source *file, uint64_t off, uint64_t len, const struct guid *live,
                         struct log_scan *ret)
{
    struct log_scan out = {.off = off, .len = len};
    uint64_t end;
    out.truncated = len > 0 && (!u64_add(off, len, &end) || end > file->size);

    /* Ring offsets are 32 bits wide in entries; LogLength, where they come from, is as well. */
    if (len < LOG_SECTOR_LEN || len > UINT32_MAX || off >= file->size || !u64_add(off, len, &end)) {
        *ret = out;
        return STATUS_OK;
    }

    struct scanner c = {
        .arena = a,
        .ring = log_ring_of(a, file, off, len),
        .out = &out,
        .live = *live,
        .first_entry_off = UINT64_MAX,
        .lead = TALLY_NONE,
        .rest = TALLY_NONE,
    };
    out.scanned = true;
    enum status st = ring_scan(&c);
    if (st == STATUS_OK)
        st = settle_guids(&c);
    if (st == STATUS_OK) {
        settle_orphans(&c);
        st = log_sequence_find(a, &out);
    }
    log_ring_close(&c.ring);
    arena_release(a, c.guids.items);
    if (st == STATUS_OK)
        *ret = out;
    return st;
}
