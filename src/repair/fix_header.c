/* SPDX-License-Identifier: MIT */
/*
 * Headers and identifier. Fixers say what both headers shall hold; headers_write() writes both at the end of each round
 * that changed anything, so that every repair carries a new FileWriteGuid ([MS-VHDX] 2.2.2.1) and no stale header is
 * left that could come back (format.md 6.2). The numbers are those of one double update, however many rounds there
 * were.
 *
 * The order of 2.2.2.1 (one slot, flush, the other slot) is not needed here: the stage is applied as one transaction.
 */
#include "repair/fix_header.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/text.h"
#include "repair/fix_log.h"

static const uint64_t NEW_LOG_LEN = (uint64_t)1 << 20;

void headers_look(struct fixing *x)
{
    struct headers_wanted *w = x->headers;

    w->touched = false;
    w->zero_reserved = fix_consented(x, "VHDX-HDR-011");
    const struct header *h = image_header(x->img);
    if (h == NULL)
        return;
    if (!w->known) {
        w->known = true;
        w->sequence = h->sequence_number;
    }
    w->slot = x->img->current;
    w->h = *h;
}

/* Reserved bytes stay as they are in a valid header: they may be evidence, and the checksum covers them. */
static void encode(const struct fixing *x, int slot, uint8_t out[HEADER_LEN])
{
    const struct headers_wanted *w = x->headers;
    const struct header_slot *old = &x->img->headers[slot];
    struct header h = w->h;

    h.sequence_number = w->sequence + (slot == w->slot ? 2 : 1);
    h.file_write_guid = w->file_write_guid;
    if (w->guest_changed)
        h.data_write_guid = w->data_write_guid;
    header_encode(&h, out);
    if (!old->valid || w->zero_reserved)
        return;
    memcpy(out + HEADER_FIELDS_LEN, old->h.raw.ptr + HEADER_FIELDS_LEN, HEADER_LEN - HEADER_FIELDS_LEN);
    header_sign(out);
}

enum status headers_write(struct fixing *x)
{
    struct headers_wanted *w = x->headers;
    enum status st = STATUS_OK;

    if (!w->known)
        return STATUS_OK;
    x->finding = NULL;
    for (int slot = 0; slot < 2 && st == STATUS_OK; slot++) {
        uint8_t bytes[HEADER_LEN];
        encode(x, slot, bytes);
        st = store_write(x->stage, HEADER_OFF[slot], bytes, sizeof(bytes));
        if (st == STATUS_OK && !w->noted)
            st = fix_note(
                x, HEADER_OFF[slot], HEADER_LEN,
                fix_text(x, "write header %d with the next sequence number and a new FileWriteGuid", slot + 1));
    }
    w->noted = true;
    return st;
}

static enum status touch(struct fixing *x, const struct place *at, const char *action)
{
    x->headers->touched = true;
    return fix_note(x, at->off, at->len, action);
}

/* ---- FID-001 ---- */

enum status fix_signature(struct fixing *x, const struct finding *f)
{
    return fix_write(x, f->at.off, SIGNATURE_FILE_ID, 8, "write the signature \"vhdxfile\"");
}

/* ---- P2 ---- */

enum status fix_both_headers(struct fixing *x, const struct finding *f)
{
    return touch(x, &f->at,
                 fix_text(x, "write both headers anew from header %d, the current one", x->img->current + 1));
}

enum status fix_log_version(struct fixing *x, const struct finding *f)
{
    x->headers->h.log_version = 0;
    return touch(x, &f->at, "set LogVersion to 0 in both headers");
}

enum status fix_header_reserved(struct fixing *x, const struct finding *f)
{
    x->headers->zero_reserved = true;
    return touch(x, &f->at, "fill the reserved bytes of both headers with zeros");
}

enum status fix_data_write_guid(struct fixing *x, const struct finding *f)
{
    fix_guest_changed(x);
    return touch(x, &f->at, "give both headers a new DataWriteGuid; children of this disk must be relinked");
}

enum status fix_sequence_numbers(struct fixing *x, const struct finding *f)
{
    x->headers->sequence = 0;
    return touch(x, &f->at, "number the headers anew, 1 and 2");
}

/* ---- HDR-002, P9 ---- */

/*
 * It is repairable only where both headers are plausible and name the same log. Where the stored checksum is right for
 * the fields with zeros behind them, a reserved byte was hit and the fields are as they were written.
 */
enum status fix_header_checksums(struct fixing *x, const struct finding *f)
{
    enum status st = STATUS_OK;

    (void)f;
    for (int slot = 0; slot < 2 && st == STATUS_OK; slot++) {
        const struct header *h = &x->img->headers[slot].h;
        uint8_t bytes[HEADER_LEN];
        header_encode(h, bytes);
        bool proved = le32(bytes + 4) == h->checksum;
        st = fix_write(
            x, HEADER_OFF[slot], bytes, sizeof(bytes),
            proved ? fix_text(x, "fill the reserved bytes of header %d with zeros: its checksum is right for that",
                              slot + 1)
                   : fix_text(x, "compute the checksum of header %d anew, with zeros in its reserved bytes", slot + 1));
    }
    return st;
}

/* ---- HDR-006 ---- */

/* How the image looks when the other header is not there. */
static enum status try_header(struct fixing *x, int slot, struct trial_sum *ret)
{
    struct trial t;

    enum status st = trial_open(x, &t);
    if (st != STATUS_OK)
        return st;
    st = store_zero(t.store, HEADER_OFF[1 - slot], HEADER_LEN);
    if (st == STATUS_OK)
        st = trial_check(x, &t, ret);
    trial_close(&t);
    return st;
}

enum status fix_header_choice(struct fixing *x, const struct finding *f)
{
    struct headers_wanted *w = x->headers;
    struct trial_sum sums[2];

    for (int slot = 0; slot < 2; slot++) {
        enum status st = try_header(x, slot, &sums[slot]);
        if (st != STATUS_OK)
            return st;
    }
    int order = trial_compare(&sums[0], &sums[1]);
    w->slot = order <= 0 ? 0 : 1; /* most programs take header 1 as well */
    w->h = x->img->headers[w->slot].h;
    w->sequence = w->h.sequence_number;
    return touch(x, &f->at,
                 fix_text(x, "make header %d the current one: %s", w->slot + 1,
                          order == 0 ? "the image is the same with both, and most programs use that one"
                                     : "the image has fewer errors with it"));
}

/* ---- the place of the log ---- */

static enum status new_log(struct fixing *x, const struct finding *f, uint64_t len)
{
    uint64_t off;

    if (!fix_allocate(x, len, &off))
        return STATUS_OK;
    enum status st = fix_grow(
        x, off + len, fix_text(x, "make room for a log of %s behind the end of the file", text_size(x->arena, len)));
    if (st != STATUS_OK)
        return st;
    x->headers->h.log_off = off;
    x->headers->h.log_len = (uint32_t)len;
    return touch(x, &f->at, fix_text(x, "name the new, empty log at 0x%" PRIx64 " in both headers", off));
}

/* Whether a log at that place would lie in the file, or behind it with nothing else there. */
static bool place_will_do(struct fixing *x, uint64_t off, uint64_t len)
{
    bool itself = off == x->view->log_off;

    if (len == 0 || len % MIB != 0 || off % MIB != 0 || off < HEADER_SECTION_LEN || off > store_size(x->stage))
        return false;
    if (fix_owners(x, off, len) > itself)
        return false;
    return !layout_map_payload_at(x->view->layout, off, len);
}

/*
 * A log where none can be may lie over BAT and metadata, which are not believed then. As it is empty it is taken out of
 * the headers, and VHDX-HDR-018, which is found then, gives it a place once it is known where the blocks are. Where
 * that never comes to be known, the plan is made without this.
 */
static enum status take_out(struct fixing *x, const struct finding *f)
{
    struct headers_wanted *w = x->headers;

    w->h.log_off = HEADER_SECTION_LEN;
    w->h.log_len = 0;
    w->log_wanted = f->rule;
    return touch(x, &f->at, "take the log, which is empty, out of both headers until there is a place for it");
}

/* The log is empty, or the rules do not ask for this, so it can be anywhere: where it is, if that can be mended, else
 * behind the end of the file. */
enum status fix_log_place(struct fixing *x, const struct finding *f)
{
    struct header *h = &x->headers->h;
    uint64_t len = h->log_len - h->log_len % MIB;
    struct finding first = *f;

    if (x->headers->log_wanted != NULL && h->log_len == 0) { /* what the user agreed to was the finding before */
        first.rule = x->headers->log_wanted;
        x->finding = f = &first;
    }
    if (x->view->survey == NULL && h->log_len > 0)
        return take_out(x, f);
    if (x->headers->touched && place_will_do(x, h->log_off, h->log_len))
        return STATUS_OK; /* another finding about the same log came first */
    if (!place_will_do(x, h->log_off, len))
        return new_log(x, f, NEW_LOG_LEN);
    enum status st = STATUS_OK;
    if (!range_in(h->log_off, len, store_size(x->stage)))
        st = fix_grow(x, h->log_off + len, "make the file long enough for its log");
    if (st != STATUS_OK || len == h->log_len)
        return st;
    h->log_len = (uint32_t)len;
    return touch(x, &f->at, fix_text(x, "make the log %s long, a multiple of 1 MiB", text_size(x->arena, len)));
}

enum status fix_log_guid_alone(struct fixing *x, const struct finding *f)
{
    uint64_t steps = x->plan->step_count;

    enum status st = new_log(x, f, NEW_LOG_LEN);
    return st == STATUS_OK && x->plan->step_count > steps ? fix_log_discard(x, f) : st;
}
