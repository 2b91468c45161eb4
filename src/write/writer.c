/* SPDX-License-Identifier: MIT */
/*
 * Writes into the guest's disk. Invariants, each against a power loss at any moment, with any subset of the writes
 * since the last sync on the medium, torn at any sector ([MS-VHDX] 2.2.2.1, 2.3; format.md 6.2, 8.5, 15):
 *
 *   1. Headers first. Nothing of the file changes before both headers carry the session's new FileWriteGuid and
 *      DataWriteGuid: a child or a cache that knew the old ones sees that the content moved on.
 *   2. Data before its metadata. What a logged BAT entry or bitmap page makes visible is durable before the
 *      log entry is written; so is the size of the file that holds it.
 *   3. Log before place. BAT and bitmap pages are written to their places only from an entry that is durable.
 *      One call of writer_write() fills entries with pages, as many as an entry holds; all that belongs to one
 *      block is in one entry.
 *   4. Place before the next entry. Pages are durable in their places before another entry follows, so a
 *      replay needs the newest entry alone (log_writer.c).
 *   5. No space is used twice. New blocks go behind everything that has a place (allocate.c); nothing is freed.
 *   6. The log is named by the headers (LogGuid) from the first metadata change to the end of the session, and
 *      it holds a valid entry all that time.
 *
 *                       writer_write                                     writer_close
 *     open ──► clean ──► touched (1) ──► data ──► sync (2) ──► entry, sync (3) ──► places ──► ... sync, LogGuid nil
 *
 * Guest data of blocks that are there already is written to its place at once: sectors hold old or new data after a
 * crash, as on any disk.
 *
 * Failures: as long as nothing of a write is logged it can be forgotten (WRITER_CLEAN); behind a failed sync, or in the
 * middle of log, headers or places, the file is left to the log, as after a crash (WRITER_TORN).
 */
#include "write/writer.h"

#include <string.h>

#include "base/checked.h"
#include "base/span.h"
#include "format/layout.h"
#include "image/headers.h"
#include "image/image.h"
#include "write/header_update.h"
#include "write/replay_file.h"
#include "write/writable.h"
#include "write/writer_parts.h"

static const struct guid GUID_NIL;

uint64_t writer_size(const struct writer *w)
{
    return w->geometry.virtual_size;
}

uint32_t writer_sector_size(const struct writer *w)
{
    return w->geometry.logical_sector_size;
}

const struct writer_counts *writer_counts(const struct writer *w)
{
    return &w->counts;
}

/* ---- opening ---- */

/* The headers as they are now; a replay has changed them. */
static enum status read_headers(struct arena *a, struct writer *w)
{
    struct header_slot slots[2];
    enum header_choice choice;
    enum status st = headers_read(a, w->store->source, slots);

    if (st != STATUS_OK)
        return st;
    w->slot = headers_choose(slots, &choice);
    if (w->slot < 0)
        return STATUS_IO; /* there was one a moment ago */
    w->header = slots[w->slot].h;
    w->header.log_guid = GUID_NIL;
    return STATUS_OK;
}

static enum status prepare(struct arena *a, struct writer *w, const struct image *img, const struct writable *ok)
{
    const struct view *v = img->main;

    w->geometry = v->geometry;
    w->fixed = v->type == DISK_FIXED;
    w->bat_off = v->bat.off;
    w->anchors_apart = ok->anchors_apart;
    w->end = w->kept_end = ok->end;
    w->kept_size = store_size(w->store);
    enum status st = read_headers(a, w);
    if (st == STATUS_OK)
        st = page_set_open(a, w->store->source, v->geometry.differencing ? LOG_WRITER_PAGES : LOG_WRITER_PAGES_QEMU,
                           &w->pages);
    if (st == STATUS_OK)
        st = log_writer_open(a, w->store, w->header.log_off, w->header.log_len, &w->log);
    return st;
}

enum status writer_open(struct arena *a, struct store *s, const char *path, struct entropy *e, struct writer **ret,
                        const char **ret_why)
{
    struct image *img = NULL;
    struct writable ok;
    struct writer *w = (struct writer *)arena_alloc(a, sizeof(*w));

    if (w == NULL)
        return arena_status(a);
    *w = (struct writer){.store = s, .entropy = e};
    enum status st = image_open(a, s->source, path, NULL, NULL, &img);
    if (st == STATUS_OK)
        st = writable_judge(img, &ok, ret_why);
    if (st == STATUS_OK && img->log_state == LOG_STATE_DIRTY)
        st = replay_file(s, img, e);
    if (st == STATUS_OK)
        st = prepare(a, w, img, &ok);
    image_close(img);
    if (st == STATUS_OK)
        *ret = w;
    return st;
}

/* ---- the steps of a session ---- */

static enum status sync(struct writer *w)
{
    enum status st = store_sync(w->store);

    if (st == STATUS_OK)
        w->unsynced = false;
    return st;
}

static enum status update_headers(struct writer *w)
{
    enum status st = header_update(w->store, w->slot, w->header.sequence_number, &w->header, &w->slot);

    if (st == STATUS_OK) {
        w->header.sequence_number += 2;
        w->unsynced = false;
    }
    return st;
}

enum status writer_touch(struct writer *w)
{
    if (w->touched)
        return STATUS_OK;
    enum status st = entropy_guid(w->entropy, &w->header.file_write_guid);
    if (st == STATUS_OK)
        st = entropy_guid(w->entropy, &w->header.data_write_guid);
    if (st != STATUS_OK)
        return st;
    st = update_headers(w);
    if (st != STATUS_OK)
        w->trouble = WRITER_TORN;
    w->touched = st == STATUS_OK;
    return st;
}

enum status writer_put(struct writer *w, uint64_t off, const void *buf, uint64_t len)
{
    if (len == 0)
        return STATUS_OK;
    if (off < HEADER_SECTION_LEN || !range_in(off, len, store_size(w->store)))
        return STATUS_REFUSED; /* the table was judged; it changed under us */
    w->unsynced = true;
    return store_write(w->store, off, buf, (size_t)len);
}

static struct log_sizes sizes_now(const struct writer *w)
{
    uint64_t size = store_size(w->store);

    return (struct log_sizes){.flushed = size - size % MIB, .last = MIB * u64_div_up(size, MIB)};
}

static enum status start_log(struct writer *w)
{
    struct guid guid;
    enum status st = entropy_guid(w->entropy, &guid);

    if (st == STATUS_OK)
        st = log_writer_start(&w->log, &guid, sizes_now(w));
    if (st != STATUS_OK)
        return st;
    w->header.log_guid = guid;
    st = update_headers(w);
    w->logging = st == STATUS_OK;
    return st;
}

static enum status put_pages(struct writer *w)
{
    enum status st = STATUS_OK;

    w->unsynced = true;
    for (uint32_t i = 0; i < w->pages.count && st == STATUS_OK; i++)
        st = store_write(w->store, w->pages.pages[i].off, w->pages.pages[i].bytes, PAGE_SET_PAGE_LEN);
    return st;
}

/* Everything that waits becomes visible, all of it or nothing. */
static enum status commit(struct writer *w)
{
    if (w->pages.count == 0)
        return STATUS_OK;
    w->trouble = WRITER_TORN; /* until it is through */
    enum status st = sync(w); /* invariants 2 and 4 */
    if (st == STATUS_OK && !w->logging)
        st = start_log(w);
    if (st == STATUS_OK)
        st = log_writer_append(&w->log, &w->pages, sizes_now(w));
    if (st == STATUS_OK)
        st = put_pages(w);
    if (st != STATUS_OK)
        return st;
    w->counts.log_entries++;
    w->counts.pages += w->pages.count;
    page_set_clear(&w->pages);
    w->kept_end = w->end;
    w->kept_size = store_size(w->store);
    w->trouble = WRITER_FINE;
    return STATUS_OK;
}

/* ---- one piece of a block ---- */

static bool is_zero(const struct piece *p)
{
    return span_is_zero(span_of(p->bytes, (size_t)p->len));
}

/*
 * Zeros for a block that has no place: state ZERO says it without one ([MS-VHDX] 2.5.1.1), where the rest of the block
 * may become zeros as well. It stays as it is in a fixed disk, which keeps room for its blocks, and where a place is
 * kept.
 */
static bool zero_state_will_do(const struct writer *w, const struct piece *p)
{
    unsigned state = bat_entry_state(p->raw);

    if (state == PAYLOAD_ZERO)
        return is_zero(p);
    if (w->fixed || (state != PAYLOAD_NOT_PRESENT && bat_entry_off(p->raw) != 0))
        return false;
    if (state == PAYLOAD_NOT_PRESENT && w->geometry.differencing && !p->whole)
        return false; /* the rest is the parent's */
    return is_zero(p);
}

static enum status write_absent(struct writer *w, const struct piece *p)
{
    const bool parent_below = w->geometry.differencing && bat_entry_state(p->raw) == PAYLOAD_NOT_PRESENT;
    unsigned state = PAYLOAD_FULLY_PRESENT;
    uint64_t off = 0;

    if (zero_state_will_do(w, p)) {
        enum status st = bat_entry_state(p->raw) == PAYLOAD_ZERO ? STATUS_OK : writer_touch(w);
        return st == STATUS_OK && bat_entry_state(p->raw) != PAYLOAD_ZERO ? bat_set(w, p->index, PAYLOAD_ZERO) : st;
    }
    enum status st = writer_touch(w);
    if (st == STATUS_OK)
        st = allocate_block(w, p, &off);
    if (st == STATUS_OK && parent_below && !p->whole) {
        bool all = false;
        st = bitmap_set(w, p, true, &all);
        state = PAYLOAD_PARTIALLY_PRESENT;
    }
    return st == STATUS_OK ? bat_set(w, p->index, bat_entry_make(off, state)) : st;
}

static enum status write_present(struct writer *w, const struct piece *p)
{
    enum status st = writer_touch(w);

    if (st == STATUS_OK)
        st = writer_put(w, bat_entry_off(p->raw) + p->in_block, p->bytes, p->len);
    if (st != STATUS_OK || bat_entry_state(p->raw) == PAYLOAD_FULLY_PRESENT)
        return st;
    bool all = p->whole;
    if (!all)
        st = bitmap_set(w, p, false, &all);
    if (st == STATUS_OK && all) /* no sector of the parent's is left */
        st = bat_set(w, p->index, bat_entry_make(bat_entry_off(p->raw), PAYLOAD_FULLY_PRESENT));
    return st;
}

static enum status write_piece(struct writer *w, struct piece *p)
{
    enum status st = STATUS_OK;

    if (page_set_room(&w->pages) < (w->geometry.differencing ? PIECE_PAGES_DIFFERENCING : 1))
        st = commit(w);
    if (st == STATUS_OK)
        st = bat_get(w, p->index, &p->raw);
    if (st != STATUS_OK)
        return st;
    switch (bat_entry_state(p->raw)) {
    case PAYLOAD_NOT_PRESENT:
    case PAYLOAD_UNDEFINED:
    case PAYLOAD_ZERO:
    case PAYLOAD_UNMAPPED:
        return write_absent(w, p);
    case PAYLOAD_PARTIALLY_PRESENT:
        return w->geometry.differencing ? write_present(w, p) : STATUS_REFUSED;
    case PAYLOAD_FULLY_PRESENT:
        return write_present(w, p);
    default:
        return STATUS_REFUSED;
    }
}

/* Forgets what a failed write did not log: its blocks are cut off again, so nothing is left behind. */
static void give_up(struct writer *w, enum status st)
{
    w->failure = st;
    if (w->trouble != WRITER_FINE)
        return;
    w->trouble = WRITER_CLEAN;
    page_set_clear(&w->pages);
    w->end = w->kept_end;
    (void)store_resize(w->store, w->kept_size); /* else it stays as free space */
}

enum status writer_write(struct writer *w, uint64_t off, const void *buf, uint64_t len)
{
    const struct geometry *g = &w->geometry;
    const uint8_t *bytes = (const uint8_t *)buf;
    enum status st = STATUS_OK;

    if (w->trouble != WRITER_FINE)
        return w->failure;
    if (!range_in(off, len, g->virtual_size) || off % g->logical_sector_size != 0 || len % g->logical_sector_size != 0)
        return STATUS_RANGE;
    while (len > 0 && st == STATUS_OK) {
        uint64_t block = off / g->block_size, in_block = off % g->block_size;
        uint64_t guest_len = block_guest_len(g, block);
        struct piece p = {
            .block = block,
            .index = bat_index_of_block(g, block),
            .in_block = in_block,
            .bytes = bytes,
            .len = u64_min(len, guest_len - in_block),
        };

        p.whole = p.len == guest_len;
        st = write_piece(w, &p);
        off += p.len;
        bytes += p.len;
        len -= p.len;
    }
    if (st == STATUS_OK)
        st = commit(w);
    if (st != STATUS_OK)
        give_up(w, st);
    return st;
}

enum status writer_flush(struct writer *w)
{
    if (w->trouble != WRITER_FINE)
        return w->failure;
    if (!w->unsynced)
        return STATUS_OK;
    enum status st = sync(w);
    if (st != STATUS_OK) {
        w->trouble = WRITER_TORN;
        w->failure = st;
    }
    return st;
}

enum status writer_close(struct writer *w)
{
    enum status st = STATUS_OK;

    if (w == NULL)
        return STATUS_OK;
    if (w->trouble != WRITER_TORN) {
        if (w->unsynced)
            st = sync(w);
        if (st == STATUS_OK && w->logging) {
            w->header.log_guid = GUID_NIL;
            st = update_headers(w);
        }
    }
    if (w->failure == STATUS_OK)
        w->failure = st;
    return w->failure;
}
