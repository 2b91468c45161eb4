/* SPDX-License-Identifier: MIT */
/*
 * Replays the active sequence of the log, in memory ([MS-VHDX] 2.3.3; format.md 8.2-8.4).
 *
 *   1. judge     every target of every entry, before anything is built. A log touches nothing below 0x30000, where the
 *                identifier and the headers lie, nor itself, nor what no file size in the sequence reaches; ranges do
 *                not wrap. One fault refuses the whole replay. An older sequence is never used instead: that would show
 *                a state of the disk that no writer left behind.
 *   2. collect   one patch per descriptor, in the order of the sequence, so that later entries win. A patch names the
 *                data sector in the log; page contents are not copied. Zero ranges are two numbers, however long.
 *   3. overlay   lays the patches over the file. All later reading goes through it; the file stays as it is.
 *   4. compare   counts the pages whose bytes really differ, reading only where one side may hold data.
 *
 * The judging does not look at the structures that the targets belong to: before the replay those are not known. What
 * the pages contain is judged afterwards, when the replayed view is read like any other.
 */
#include "image/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/span.h"
#include "format/layout.h"

enum { PAGE = LOG_SECTOR_LEN, FAULT_KINDS = sizeof(((struct replay *)0)->fault_totals) / sizeof(uint64_t) };

struct target {
    uint64_t off, len;
};

struct replayer {
    struct arena *arena;
    struct source *file;
    const struct log_scan *log;
    struct replay *out;
    uint64_t limit;    /* no target ends beyond: largest LastFileOffset of the sequence, or the file size */
    uint64_t entry;    /* being walked */
    uint64_t last_end; /* end of the last byte that some target writes */
    uint64_t fault_cap;
    struct overlay_patch *patches;
    uint64_t patch_count, patch_cap;
    uint64_t entry_patches; /* index of the first patch of the entry being walked */
    enum status status;
};

typedef bool descriptor_fn(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off);

/* ---- 1. judge ---- */

static void fault(struct replayer *r, enum replay_fault_kind kind, uint32_t descriptor, uint64_t off, uint64_t len)
{
    struct replay *out = r->out;
    out->refused = true;
    if (out->fault_totals[kind]++ >= LIMIT_FINDINGS_PER_RULE)
        return;
    if (!arena_grow(r->arena, (void **)&out->faults, &r->fault_cap, out->fault_count, sizeof(*out->faults))) {
        r->status = arena_status(r->arena);
        return;
    }
    out->faults[out->fault_count++] =
        (struct replay_fault){.kind = kind, .entry = r->entry, .descriptor = descriptor, .off = off, .len = len};
}

static void judge_size(struct replayer *r, uint64_t size)
{
    if (size > LIMIT_REPLAYED_SIZE && size > r->file->size)
        fault(r, REPLAY_FAULT_SIZE_ABSURD, 0, size, 0);
}

static bool judge_target(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off)
{
    struct replayer *r = ctx;
    uint64_t log_end = r->log->off + r->log->len, end;
    (void)data_off;

    if (d->kind == LOG_DESCRIPTOR_DATA)
        r->out->data_descriptors++;
    else
        r->out->zero_descriptors++;
    if (d->len == 0)
        return true; /* writes nothing */
    if (!u64_add(d->file_off, d->len, &end)) {
        fault(r, REPLAY_FAULT_WRAPS, i, d->file_off, d->len);
        return r->status == STATUS_OK;
    }
    if (d->file_off < LOG_TARGET_MIN)
        fault(r, REPLAY_FAULT_BELOW_MIN, i, d->file_off, d->len);
    if (d->file_off < log_end && end > r->log->off)
        fault(r, REPLAY_FAULT_IN_LOG, i, d->file_off, d->len);
    if (end > r->limit)
        fault(r, REPLAY_FAULT_BEYOND, i, d->file_off, d->len);
    r->last_end = u64_max(r->last_end, end);
    return r->status == STATUS_OK;
}

/* Calls fn for each descriptor of the active sequence, tail to head, and `after` (or NULL) behind each entry. */
static enum status walk(struct replayer *r, descriptor_fn *fn, enum status (*after)(struct replayer *))
{
    r->entry = r->log->active_first;
    for (uint64_t n = 0; n < r->log->active_count; n++) {
        enum status st = log_scan_descriptors(r->log, r->file, r->entry, fn, r);
        if (st == STATUS_OK)
            st = r->status;
        if (st == STATUS_OK && after != NULL)
            st = after(r);
        if (st != STATUS_OK)
            return st;
        r->entry = log_scan_next(r->log, r->entry);
    }
    return STATUS_OK;
}

static enum status judge(struct replayer *r)
{
    const struct log_scan *log = r->log;
    const struct log_entry *head = &log->entries[log->active_head];

    r->limit = r->file->size;
    r->entry = log->active_first;
    for (uint64_t n = 0; n < log->active_count; n++) {
        const struct log_entry *e = &log->entries[r->entry];
        r->limit = u64_max(r->limit, e->last_file_off);
        judge_size(r, e->last_file_off);
        judge_size(r, e->flushed_file_off);
        r->entry = log_scan_next(log, r->entry);
    }
    /* Only the head says how large the file must be (format.md 8.3); earlier entries may tell of a larger past. */
    r->entry = log->active_head;
    if (head->flushed_file_off > r->file->size)
        fault(r, REPLAY_FAULT_TRUNCATED, 0, head->flushed_file_off, 0);
    return r->status == STATUS_OK ? walk(r, judge_target, NULL) : r->status;
}

/* ---- 2. collect ---- */

static bool collect_patch(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off)
{
    struct replayer *r = ctx;
    (void)i;
    if (d->len == 0)
        return true;
    if (r->patch_count == r->patch_cap) { /* counted while judging: the file changed under us */
        r->status = STATUS_IO;
        return false;
    }
    struct overlay_patch *p = &r->patches[r->patch_count++];
    *p = (struct overlay_patch){.kind = PATCH_ZERO, .off = d->file_off, .len = d->len};
    if (d->kind == LOG_DESCRIPTOR_DATA) {
        p->kind = PATCH_PAGE;
        p->source_off = data_off;
        memcpy(p->leading, d->leading, sizeof(p->leading));
        memcpy(p->trailing, d->trailing, sizeof(p->trailing));
    }
    return true;
}

static int by_off(const void *a, const void *b)
{
    const struct target *x = a, *y = b;
    return u64_compare(x->off, y->off);
}

/* Counts the pages that more than one of an entry's targets writes. t is sorted. */
static void count_repeated(struct replayer *r, const struct target *t, uint64_t count)
{
    uint64_t covered = 0; /* end of the highest target so far */
    uint64_t counted = 0; /* end of what was counted as repeated */
    for (uint64_t i = 0; i < count; i++) {
        uint64_t end = t[i].off + t[i].len;
        uint64_t from = u64_max(t[i].off, counted), to = u64_min(end, covered);
        if (from < to) {
            if (r->out->repeated_pages == 0) {
                r->out->repeated_entry = r->entry;
                r->out->repeated_off = from;
            }
            r->out->repeated_pages += (to - from) / PAGE;
            counted = to;
        }
        covered = u64_max(covered, end);
    }
}

/* Looks for repetitions in the patches of the entry that was just collected. */
static enum status note_repeated(struct replayer *r)
{
    uint64_t count = r->patch_count - r->entry_patches;
    const struct overlay_patch *p = r->patches + r->entry_patches;
    r->entry_patches = r->patch_count;
    bool ascending = true;
    for (uint64_t i = 1; i < count && ascending; i++)
        ascending = p[i].off >= p[i - 1].off + p[i - 1].len;
    if (ascending)
        return STATUS_OK;

    struct target *t = arena_array(r->arena, count, sizeof(*t));
    if (t == NULL)
        return arena_status(r->arena);
    for (uint64_t i = 0; i < count; i++)
        t[i] = (struct target){.off = p[i].off, .len = p[i].len};
    qsort(t, (size_t)count, sizeof(*t), by_off);
    count_repeated(r, t, count);
    arena_release(r->arena, t);
    return STATUS_OK;
}

static enum status collect(struct replayer *r)
{
    r->patch_cap = r->out->data_descriptors + r->out->zero_descriptors;
    r->patches = arena_array(r->arena, r->patch_cap, sizeof(*r->patches));
    if (r->patches == NULL)
        return arena_status(r->arena);
    return walk(r, collect_patch, note_repeated);
}

/* At least head.LastFileOffset, and every target inside; a MiB multiple when the log asks for growth (8.4). */
static uint64_t size_after(const struct replayer *r)
{
    uint64_t wanted = r->log->entries[r->log->active_head].last_file_off;
    if (!u64_align_up(wanted, MIB, &wanted))
        wanted = UINT64_MAX; /* not reached: judge_size() */
    return u64_max(r->file->size, u64_max(wanted, r->last_end));
}

/* ---- 4. compare ---- */

enum { COMPARE_LEN = 8 * PAGE };

/* Counts the pages of [off, off + len), at most COMPARE_LEN bytes, that differ. Past its end the file is zeros. */
static enum status compare_pages(struct replayer *r, uint64_t off, uint64_t len, bool zero)
{
    uint8_t old[COMPARE_LEN], new[COMPARE_LEN];
    size_t got;
    enum status st = source_read_some(r->file, off, old, (size_t)len, &got);
    if (st == STATUS_OK && !zero)
        st = source_read(r->out->overlay, off, new, (size_t)len);
    if (st != STATUS_OK)
        return st;
    for (size_t at = 0; at < len; at += PAGE) {
        bool differs = zero ? !span_is_zero(span_of(old + at, PAGE)) : memcmp(old + at, new + at, PAGE) != 0;
        r->out->pages_changed += differs;
    }
    return STATUS_OK;
}

static enum status compare_range(struct replayer *r, uint64_t off, uint64_t len, bool zero)
{
    for (uint64_t done = 0; done < len;) {
        uint64_t part = u64_min(len - done, COMPARE_LEN);
        enum status st = compare_pages(r, off + done, part, zero);
        if (st != STATUS_OK)
            return st;
        done += part;
    }
    return STATUS_OK;
}

/* A zeroed range changes only what the file holds there: visits the file's data in it, in whole pages. */
static enum status compare_zeroed(struct replayer *r, uint64_t off, uint64_t len)
{
    uint64_t end = u64_min(off + len, r->file->size);
    for (uint64_t pos = off; pos < end;) {
        uint64_t data, hole;
        enum status st = source_next_data(r->file, pos, &data, &hole);
        if (st != STATUS_OK)
            return st;
        uint64_t from = data - data % PAGE;
        if (from >= end)
            return STATUS_OK;
        uint64_t to = u64_min(PAGE * u64_div_up(hole, PAGE), PAGE * u64_div_up(end, PAGE));
        st = compare_range(r, from, to - from, true);
        if (st != STATUS_OK)
            return st;
        pos = to;
    }
    return STATUS_OK;
}

static enum status compare(struct replayer *r)
{
    struct source *overlay = r->out->overlay;
    uint64_t count = overlay_piece_count(overlay);
    enum status st = STATUS_OK;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t off, len;
        bool zero;
        overlay_piece(overlay, i, &off, &len, &zero);
        r->out->pages_touched += len / PAGE;
        if (st == STATUS_OK)
            st = zero ? compare_zeroed(r, off, len) : compare_range(r, off, len, false);
    }
    return st;
}

enum status replay_build(struct arena *a, struct source *file, const struct log_scan *log, struct replay *ret)
{
    struct replay out = {.attempted = log->has_active, .new_size = file->size};
    struct replayer r = {.arena = a, .file = file, .log = log, .out = &out};
    enum status st = STATUS_OK;

    _Static_assert(FAULT_KINDS == REPLAY_FAULT_BEYOND + 1, "a total per kind of fault");
    if (!out.attempted)
        goto done;
    st = judge(&r);
    if (st != STATUS_OK || out.refused)
        goto done;
    st = collect(&r);
    if (st != STATUS_OK)
        goto done;
    out.new_size = size_after(&r);
    st = overlay_open(a, file, r.patches, r.patch_count, out.new_size, &out.overlay);
    if (st != STATUS_OK)
        goto done;
    st = compare(&r);

done:
    arena_release(a, r.patches);
    if (st == STATUS_IO) { /* what could not be read is not replayed; without the comparison only a count is too low */
        out.io_error = true;
        out.refused = out.overlay == NULL;
        st = STATUS_OK;
    }
    if (st != STATUS_OK) {
        source_close(out.overlay);
        return st;
    }
    *ret = out;
    return STATUS_OK;
}
