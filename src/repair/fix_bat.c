/* SPDX-License-Identifier: MIT */
/*
 * Single BAT entries. An entry is never emptied without consent to a rule that names it; what pointed somewhere goes on
 * to point there where the state allows it (UNDEFINED and UNMAPPED keep a place, [MS-VHDX] 2.5.1.1), so that old
 * content can still be carved. In a child no entry becomes NOT_PRESENT that was anything else: the guest would be shown
 * the parent's data, which is older.
 */
#include "repair/fix_bat.h"

#include <inttypes.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "check/bat_entry.h"
#include "repair/fix_header.h"

enum status bat_entry_get(struct fixing *x, uint64_t index, uint64_t *ret)
{
    uint8_t bytes[BAT_ENTRY_LEN];

    enum status st = fix_read(x, bat_index_off(x->view, index), bytes, sizeof(bytes));
    if (st == STATUS_OK)
        *ret = le64(bytes);
    return st;
}

enum status bat_entry_put(struct fixing *x, uint64_t index, uint64_t raw, const char *action)
{
    uint8_t bytes[BAT_ENTRY_LEN];

    put_le64(bytes, raw);
    return fix_write(x, bat_index_off(x->view, index), bytes, sizeof(bytes), action);
}

enum { ANY_STATE = 0xff, BLOCK_IN_FILE = 1 << PAYLOAD_FULLY_PRESENT | 1 << PAYLOAD_PARTIALLY_PRESENT };

/*
 * The entry that a finding is about, which a walk over the BAT has met. states: a bit for each that the rule speaks of.
 * False when no entry can be written, or another fixer of this round has given this one another state: the next round
 * looks again.
 */
static bool entry_of(struct fixing *x, int64_t index, unsigned states, struct bat_slot *ret_slot, uint64_t *ret_raw,
                     enum status *ret_st)
{
    *ret_st = STATUS_OK;
    if (index < 0 || (uint64_t)index >= x->view->bat.slots || fix_bat_is_shared(x)) /* nothing is written elsewhere */
        return false;
    *ret_slot = bat_slot_of_index(&x->view->geometry, (uint64_t)index);
    *ret_st = bat_entry_get(x, (uint64_t)index, ret_raw);
    return *ret_st == STATUS_OK && (states >> bat_entry_state(*ret_raw) & 1) != 0;
}

/* A slot of a block that the disk has. */
static void name_block(struct fixing *x, struct bat_slot slot)
{
    const struct geometry *g = &x->view->geometry;

    fix_guest(x, slot.block * g->block_size, block_guest_len(g, slot.block));
}

/* ---- states ---- */

enum status fix_state_reserved(struct fixing *x, const struct finding *f)
{
    struct bat_slot slot;
    uint64_t raw;
    enum status st;

    if (!entry_of(x, f->at.index, 1 << PAYLOAD_RESERVED_4, &slot, &raw, &st))
        return st;
    name_block(x, slot);
    fix_guest_changed(x);
    return bat_entry_put(x, (uint64_t)f->at.index, bat_entry_make(bat_entry_off(raw), PAYLOAD_UNDEFINED),
                         "set the block to UNDEFINED (state 1): it reads as zeros, and its place is kept");
}

enum status fix_state_draft(struct fixing *x, const struct finding *f)
{
    struct bat_slot slot;
    uint64_t raw;
    enum status st;

    if (!entry_of(x, f->at.index, 1 << PAYLOAD_RESERVED_5, &slot, &raw, &st))
        return st;
    fix_guest_changed(x);
    return bat_entry_put(x, (uint64_t)f->at.index, bat_entry_make(bat_entry_off(raw), PAYLOAD_UNMAPPED),
                         "set the block to UNMAPPED (state 3), what state 5 of the draft was");
}

/* A child without its HasParent bit, which can be given back. */
static bool lost_its_parent(const struct fixing *x)
{
    return fix_found(x, "VHDX-XREF-006") && x->view->metadata.items[KNOWN_ITEM_PARENT_LOCATOR].found;
}

enum status fix_state_partial(struct fixing *x, const struct finding *f)
{
    struct bat_slot slot;
    uint64_t raw;
    enum status st;

    if (!entry_of(x, f->at.index, 1 << PAYLOAD_PARTIALLY_PRESENT, &slot, &raw, &st))
        return st;
    if (lost_its_parent(x))
        return fix_refuse(x, "the disk looks like a child that lost its HasParent bit: settle VHDX-XREF-006 first");
    name_block(x, slot);
    fix_guest_changed(x);
    return bat_entry_put(x, (uint64_t)f->at.index, bat_entry_make(bat_entry_off(raw), PAYLOAD_FULLY_PRESENT),
                         "set the block to FULLY_PRESENT (state 6): all its sectors come from this file");
}

/* ---- bitmap slots ---- */

/* Whether a block of the chunk is read sector by sector. */
static enum status chunk_is_partial(struct fixing *x, uint64_t chunk, bool *ret)
{
    const struct geometry *g = &x->view->geometry;
    uint64_t first = chunk * g->chunk_ratio, end = u64_min(first + g->chunk_ratio, g->payload_blocks);
    struct bat_reader bat = {.window = NULL};

    *ret = false;
    enum status st = bat_reader_open(x->view, &bat);
    for (uint64_t b = first; st == STATUS_OK && !*ret && b < end; b++) {
        uint64_t raw = 0;
        st = bat_reader_get(&bat, bat_index_of_block(g, b), &raw);
        *ret = st == STATUS_OK && bat_entry_state(raw) == PAYLOAD_PARTIALLY_PRESENT;
    }
    bat_reader_close(&bat);
    return st;
}

/* A bitmap could lie there. */
static bool place_is_free(const struct fixing *x, uint64_t off)
{
    const struct view *v = x->view;

    return off >= HEADER_SECTION_LEN && range_in(off, BITMAP_BLOCK_LEN, store_size(x->stage)) &&
           layout_map_fixed_at(v->layout, off, BITMAP_BLOCK_LEN) == NULL &&
           !layout_map_payload_at(v->layout, off, BITMAP_BLOCK_LEN);
}

enum status fix_bitmap_state(struct fixing *x, const struct finding *f)
{
    const struct geometry *g = &x->view->geometry;
    struct bat_slot slot;
    uint64_t raw;
    enum status st;
    bool needed = false;

    if (!entry_of(x, f->at.index, ANY_STATE, &slot, &raw, &st))
        return st;
    uint64_t index = (uint64_t)f->at.index, off = bat_entry_off(raw);
    if (!g->differencing)
        return bat_entry_put(x, index, 0, "empty the bitmap slot, which a disk without parent does not use");
    if (place_is_free(x, off)) {
        uint64_t chunk = g->chunk_ratio * g->block_size;
        fix_guest(x, slot.chunk * chunk, u64_min(chunk, g->virtual_size - slot.chunk * chunk));
        fix_guest_changed(x);
        return bat_entry_put(x, index, bat_entry_make(off, BITMAP_PRESENT),
                             "set the sector bitmap to PRESENT (state 6) where the entry points");
    }
    st = chunk_is_partial(x, slot.chunk, &needed);
    if (st != STATUS_OK)
        return st;
    if (needed)
        return fix_refuse(x, "partially present blocks need the bitmap, and the entry does not say where it could be");
    return bat_entry_put(x, index, 0, "empty the bitmap slot: no block of its chunk is partially present");
}

enum status fix_bitmap_stray(struct fixing *x, const struct finding *f)
{
    static const char *const first[] = {"VHDX-BAT-025", "VHDX-BAT-026"};
    struct bat_slot slot;
    uint64_t raw;
    enum status st;

    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
        if (fix_found(x, first[i]))
            return fix_refuse(x, "the slot may hold the entry of a block: settle %s first", first[i]);
    if (lost_its_parent(x))
        return fix_refuse(x, "the disk looks like a child that lost its HasParent bit: settle VHDX-XREF-006 first");
    if (!entry_of(x, f->at.index, ANY_STATE, &slot, &raw, &st))
        return st;
    fix_guest_changed(x);
    return bat_entry_put(x, (uint64_t)f->at.index, 0,
                         "empty the bitmap slot, which a disk without parent does not use");
}

/* ---- bits and places ---- */

enum status fix_reserved_bits(struct fixing *x, const struct finding *f)
{
    struct bat_slot slot;
    uint64_t raw;
    enum status st;

    if (!entry_of(x, f->at.index, ANY_STATE, &slot, &raw, &st))
        return st;
    return bat_entry_put(x, (uint64_t)f->at.index, raw & ~BAT_RESERVED_MASK,
                         "clear the reserved bits of the BAT entry");
}

enum status fix_idle_offset(struct fixing *x, const struct finding *f)
{
    struct bat_slot slot;
    uint64_t raw;
    enum status st;

    if (!entry_of(x, f->at.index, 1 << PAYLOAD_NOT_PRESENT | 1 << PAYLOAD_ZERO, &slot, &raw, &st))
        return st;
    return bat_entry_put(x, (uint64_t)f->at.index, raw & ~BAT_OFFSET_MASK, "set FileOffsetMB of the absent block to 0");
}

enum status fix_anchor(struct fixing *x, const struct finding *f)
{
    struct bat_slot slot;
    uint64_t raw;
    enum status st;

    if (!entry_of(x, f->at.index, ANY_STATE, &slot, &raw, &st))
        return st;
    unsigned state = bat_entry_state(raw);
    if (slot.is_bitmap || (state != PAYLOAD_UNDEFINED && state != PAYLOAD_UNMAPPED))
        return fix_refuse(x, "which entry keeps the place is not known");
    return bat_entry_put(x, (uint64_t)f->at.index, raw & ~BAT_OFFSET_MASK,
                         "forget the old place of the block, which is not its own any more");
}

enum status fix_unused_slot(struct fixing *x, const struct finding *f)
{
    struct bat_slot slot;
    uint64_t raw;
    enum status st;

    if (fix_found(x, "VHDX-BAT-025"))
        return fix_refuse(x, "the slot may hold the entry of a block: settle VHDX-BAT-025 first");
    if (!entry_of(x, f->at.index, ANY_STATE, &slot, &raw, &st))
        return st;
    return bat_entry_put(x, (uint64_t)f->at.index, 0, "empty the BAT entry that stands for no block");
}

/* ---- the end of the file ---- */

enum status fix_cut_block(struct fixing *x, const struct finding *f)
{
    struct bat_slot slot;
    uint64_t raw;
    enum status st;

    if (!entry_of(x, f->at.index, BLOCK_IN_FILE, &slot, &raw, &st))
        return st;
    return fix_grow(x, bat_entry_off(raw) + x->view->geometry.block_size,
                    "make the file hold the whole block; what is added lies behind the end of the disk");
}

/*
 * What is left of a block that begins in the file is kept, and zeros stand for the rest; a block wholly behind the end
 * is given up. In a child it becomes UNDEFINED, so that the parent's older data does not take its place.
 */
enum status fix_block_past_end(struct fixing *x, const struct finding *f)
{
    const struct geometry *g = &x->view->geometry;
    struct bat_slot slot;
    uint64_t raw;
    enum status st;

    if (!entry_of(x, f->at.index, BLOCK_IN_FILE, &slot, &raw, &st))
        return st;
    uint64_t end = bat_entry_off(raw) + g->block_size; /* no file can reach that far: VHDX-BAT-010, not this rule */
    uint64_t size = x->img->file_size; /* as the finding saw it: the file may have grown in this round */
    name_block(x, slot);
    fix_guest_changed(x);
    if (bat_entry_off(raw) >= size)
        return bat_entry_put(x, (uint64_t)f->at.index, g->differencing ? PAYLOAD_UNDEFINED : PAYLOAD_NOT_PRESENT,
                             g->differencing ? "give the block up: UNDEFINED (state 1), reads as zeros"
                                             : "give the block up: NOT_PRESENT (state 0), reads as zeros");
    if (end > store_size(x->stage))
        return fix_grow(x, end, "make the file hold the whole block; what is missing of it becomes zeros");
    /* Another block that is cut at the same place has made the file grow already. */
    return fix_note(x, size, 0, "what is missing of the block becomes zeros");
}

/* ---- overlaps ---- */

enum status fix_shared_block(struct fixing *x, const struct finding *f)
{
    const struct geometry *g = &x->view->geometry;
    struct bat_slot slot;
    uint64_t raw, to;
    enum status st;
    /* The later entry, which the finding is about itself when the earlier one is not known. */
    int64_t index = f->related_count > 0 ? f->related[0].index : f->at.index;

    if (!entry_of(x, index, BLOCK_IN_FILE, &slot, &raw, &st))
        return st;
    uint64_t from = bat_entry_off(raw);
    if (fix_found(x, "VHDX-BAT-025"))
        return fix_refuse(x, "the entries may only be displaced: settle VHDX-BAT-025 first");
    if (!range_in(from, block_guest_len(g, slot.block), x->img->file_size))
        return fix_refuse(x, "the block does not lie in the file: settle VHDX-BAT-012 first");
    if (*x->copied + g->block_size > LIMIT_REPAIR_COPIED)
        return fix_refuse(x, "so many blocks share places that copies of them would take more than 64 GiB");
    if (!fix_allocate(x, g->block_size, &to))
        return STATUS_OK;
    *x->copied += g->block_size;
    fix_guest_changed(x);
    st = fix_copy(x, to, from, g->block_size,
                  fix_text(x, "copy the block to 0x%" PRIx64 ", a place of its own for BAT entry %" PRId64, to, index));
    if (st != STATUS_OK)
        return st;
    name_block(x, slot);
    return bat_entry_put(x, (uint64_t)index, bat_entry_make(to, bat_entry_state(raw)),
                         "let the later of the two entries point to the copy");
}

/*
 * The log goes elsewhere, and the block is what lies there: its bytes, or what the log left of them, so its range is
 * named. Of a sector bitmap that lies there the rule does not say that it can be repaired.
 */
enum status fix_log_over_block(struct fixing *x, const struct finding *f)
{
    struct bat_slot slot;
    uint64_t raw, steps = x->plan->step_count;
    enum status st;

    if (!entry_of(x, f->at.index, ANY_STATE, &slot, &raw, &st))
        return st;
    name_block(x, slot);
    st = fix_log_place(x, f);
    if (st != STATUS_OK || x->plan->step_count > steps || !x->headers->touched)
        return st;
    name_block(x, slot); /* another block came first, and had the log moved */
    return fix_note(x, bat_entry_off(raw), 0, "let the block have its place, where the log was");
}

/* ---- differencing ---- */

enum status fix_bitmap_missing(struct fixing *x, const struct finding *f)
{
    struct bat_slot slot;
    uint64_t raw;
    enum status st;

    if (!entry_of(x, f->at.index, ANY_STATE, &slot, &raw, &st) || bat_entry_state(raw) != PAYLOAD_PARTIALLY_PRESENT)
        return st;
    name_block(x, slot);
    fix_guest_changed(x);
    return bat_entry_put(x, (uint64_t)f->at.index, bat_entry_make(bat_entry_off(raw), PAYLOAD_FULLY_PRESENT),
                         "set the block to FULLY_PRESENT (state 6): all its sectors come from this file, none from the "
                         "parent");
}
