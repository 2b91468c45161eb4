/* SPDX-License-Identifier: MIT */
/*
 * The log: replayed (P1), given up (P7), or, once it is empty, wiped. Replaying is what any program that opens the disk
 * for writing does, so it needs no consent, unless the rules say that it would do harm: then the user decides.
 * Everything behind the log in the order of phases waits until it is empty, because a log that is replayed later would
 * undo it.
 */
#include "repair/fix_log.h"

#include "base/checked.h"
#include "base/limits.h"
#include "image/bat_walk.h"
#include "write/replay_file.h"

enum { LOG_GUID_OFF = 48 }; /* in a header, [MS-VHDX] 2.2.2 */

/* What must be agreed to before the log is replayed. */
static const char *const needs_consent[] = {"VHDX-LOG-021", "VHDX-LOG-023"};

/* One step for each stretch that the log wrote. */
static enum status note_pieces(struct fixing *x, const struct source *overlay)
{
    enum status st = STATUS_OK;

    for (uint64_t i = 0; i < overlay_piece_count(overlay) && st == STATUS_OK; i++) {
        uint64_t off, len;
        bool zero;
        overlay_piece(overlay, i, &off, &len, &zero);
        st = fix_note(x, off, len, zero ? "replay the log: zeros" : "replay the log: pages that it holds");
    }
    return st;
}

enum status fix_log_replay(struct fixing *x, const struct finding *f)
{
    const struct image *img = x->img;
    uint64_t old = store_size(x->stage);

    (void)f;
    if (img->log_state != LOG_STATE_DIRTY)
        return fix_refuse(x, "the log must not be replayed");
    if (fix_found(x, "VHDX-LOG-028"))
        return fix_refuse(
            x, "replaying the log makes the image worse (VHDX-LOG-028); `vhdxray replay` does it all the same");
    for (size_t i = 0; i < sizeof(needs_consent) / sizeof(needs_consent[0]); i++)
        if (fix_found(x, needs_consent[i]) && !fix_consented(x, needs_consent[i]))
            return fix_refuse(x, "replaying the log may do harm (%s): needs --consent %s", needs_consent[i],
                              needs_consent[i]);
    enum status st = replay_file(x->stage, x->img, x->entropy);
    if (st == STATUS_REFUSED)
        return fix_refuse(x, "the sequence numbers of the headers cannot rise any more: needs --consent VHDX-HDR-010");
    if (st == STATUS_OK)
        st = note_pieces(x, img->replay.overlay);
    if (st == STATUS_OK && store_size(x->stage) > old)
        st = fix_note(x, old, 0, "replay the log: make the file as long as it says");
    if (st != STATUS_OK)
        return st;
    x->headers->h.log_guid = (struct guid){.bytes = {0}};
    return fix_note(x, HEADER_OFF[x->headers->slot] + LOG_GUID_OFF, 16,
                    "clear LogGuid in both headers: the log is replayed");
}

/* ---- P7 ---- */

struct hull {
    const struct geometry *geometry;
    uint64_t first, end; /* guest bytes */
};

static bool widen(void *ctx, struct bat_change c)
{
    struct hull *h = ctx;
    struct bat_slot slot = bat_slot_of_index(h->geometry, c.index);
    uint64_t chunk_len = h->geometry->chunk_ratio * h->geometry->block_size;
    uint64_t off = slot.is_bitmap ? slot.chunk * chunk_len : slot.block * h->geometry->block_size;
    uint64_t len = slot.is_bitmap ? chunk_len : h->geometry->block_size;

    if (off >= h->geometry->virtual_size)
        return true;
    h->first = u64_min(h->first, off);
    h->end = u64_max(h->end, u64_min(off + len, h->geometry->virtual_size));
    return true;
}

/* Guest data that reads otherwise without the log's pages: what lies between the first and the last block concerned. */
static enum status name_guest_range(struct fixing *x)
{
    struct view *a = x->img->stored, *b = x->img->main;
    struct hull h = {.geometry = &b->geometry, .first = UINT64_MAX};

    if (a == b || b->geometry_absence != ABSENT_NOT)
        return STATUS_OK;
    if (a->geometry_absence != ABSENT_NOT || a->bat.absence != ABSENT_NOT || b->bat.absence != ABSENT_NOT ||
        a->bat.off != b->bat.off || a->bat.walk_entries != b->bat.walk_entries ||
        a->geometry.block_size != b->geometry.block_size || fix_found(x, "VHDX-SBM-008") ||
        fix_found(x, "VHDX-LOG-021")) {
        fix_guest(x, 0, b->geometry.virtual_size);
        return STATUS_OK;
    }
    enum status st = bat_compare(a, b, widen, &h);
    if (st == STATUS_OK && h.end > h.first)
        fix_guest(x, h.first, h.end - h.first);
    return st;
}

enum status fix_log_discard(struct fixing *x, const struct finding *f)
{
    struct headers_wanted *w = x->headers;

    (void)f;
    enum status st = name_guest_range(x);
    if (st != STATUS_OK)
        return st;
    if (x->has_guest)
        fix_guest_changed(x);
    w->h.log_guid = (struct guid){.bytes = {0}};
    w->touched = true;
    return fix_note(x, HEADER_OFF[w->slot] + LOG_GUID_OFF, 16,
                    "clear LogGuid in both headers: what is only in the log is given up");
}

/* ---- LOG-003 ---- */

enum status fix_log_extend(struct fixing *x, const struct finding *f)
{
    const struct log_scan *log = &x->img->log;
    const uint64_t *faults = x->img->replay.fault_totals;
    uint64_t size;

    (void)f;
    if (faults[REPLAY_FAULT_SIZE_ABSURD] + faults[REPLAY_FAULT_BELOW_MIN] + faults[REPLAY_FAULT_IN_LOG] +
            faults[REPLAY_FAULT_WRAPS] >
        0)
        return fix_refuse(x, "the log must not be replayed, however long the file is");
    /* More than the file has, and not absurd. */
    size = u64_div_up(log->entries[log->active_head].flushed_file_off, MIB) * MIB;
    return fix_grow(x, size, "make the file as long as the log says that it was; what is missing becomes zeros");
}

/* ---- FOR-001 to -003 ---- */

enum status fix_log_wipe(struct fixing *x, const struct finding *f)
{
    (void)f;
    if (fix_log_is_taken(x))
        return STATUS_OK;
    return fix_zero(x, x->img->log.off, x->img->log.len, "fill the empty log with zeros");
}
