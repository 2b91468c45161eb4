/* SPDX-License-Identifier: MIT */
/*
 * Sector bitmaps: bits that nobody reads, and blocks whose state says less than their bits. None of it changes what the
 * guest sees, so all of it is evidence first, and only touched when the user names the rule and nothing else is wrong:
 * a bitmap that another structure lies over, or an entry that leads nowhere, says nothing about its block.
 */
#include "repair/fix_bitmap.h"

#include <string.h>

#include "base/checked.h"
#include "check/bat_entry.h"
#include "format/sector_bitmap.h"
#include "repair/fix_bat.h"

/* One chunk with its bitmap as the stage holds it. */
struct chunk {
    uint64_t number, first, end; /* blocks of the disk */
    uint64_t off;                /* of the bitmap */
    uint8_t *bits;
};

/*
 * False when there are errors, another fixer of this round has given the bitmap up, or *ret_status is not STATUS_OK.
 * Without an error each present bitmap lies in the file, and nothing lies over it: else VHDX-SBM-001, VHDX-BAT-014,
 * -015 or -018 speaks.
 */
static bool chunk_open(struct fixing *x, uint64_t number, struct chunk *ret, enum status *ret_status)
{
    const struct geometry *g = &x->view->geometry;
    struct chunk c = {.number = number, .first = number * g->chunk_ratio};
    uint64_t raw = 0;

    *ret_status = STATUS_OK;
    if (fix_waits_for_errors(x))
        return false;
    c.end = u64_min(c.first + g->chunk_ratio, g->payload_blocks);
    *ret_status = bat_entry_get(x, bat_index_of_bitmap(g, number), &raw);
    if (*ret_status != STATUS_OK || bat_entry_state(raw) != BITMAP_PRESENT)
        return false;
    c.off = bat_entry_off(raw);
    c.bits = arena_alloc(x->arena, BITMAP_BLOCK_LEN);
    if (c.bits == NULL) {
        *ret_status = arena_status(x->arena);
        return false;
    }
    *ret_status = fix_read(x, c.off, c.bits, BITMAP_BLOCK_LEN);
    *ret = c;
    return *ret_status == STATUS_OK;
}

static enum status chunk_close(struct fixing *x, struct chunk *c, const char *action)
{
    enum { PAGE = LOG_SECTOR_LEN };
    enum status st = STATUS_OK;

    for (uint64_t at = 0; action != NULL && st == STATUS_OK && at < BITMAP_BLOCK_LEN; at += PAGE)
        st = fix_write(x, c->off + at, c->bits + at, PAGE, action);
    arena_release(x->arena, c->bits);
    return st;
}

/* Sectors of the block that the disk has. */
static uint64_t block_sectors(const struct geometry *g, uint64_t block)
{
    return u64_div_up(block_guest_len(g, block), g->logical_sector_size);
}

static enum status block_state(struct fixing *x, uint64_t block, uint64_t *ret_raw)
{
    return bat_entry_get(x, bat_index_of_block(&x->view->geometry, block), ret_raw);
}

/* ---- SBM-002 to -004 ---- */

enum stray { STRAY_ABSENT, STRAY_MEANINGLESS, STRAY_BEHIND };

static enum status clear_stray(struct fixing *x, struct chunk *c, enum stray what)
{
    const struct geometry *g = &x->view->geometry;
    uint64_t spb = g->sectors_per_block, last = c->end - 1;

    if (what == STRAY_BEHIND) {
        uint64_t used = (last - c->first) * spb + block_sectors(g, last);
        sector_bitmap_set(c->bits, used, SECTORS_PER_BITMAP - used, false);
        return STATUS_OK;
    }
    for (uint64_t b = c->first; b < c->end; b++) {
        uint64_t raw = 0;
        enum status st = block_state(x, b, &raw);
        if (st != STATUS_OK)
            return st;
        unsigned state = bat_entry_state(raw);
        bool stray = what == STRAY_ABSENT ? state == PAYLOAD_NOT_PRESENT
                                          : state != PAYLOAD_NOT_PRESENT && state != PAYLOAD_PARTIALLY_PRESENT;
        if (stray)
            sector_bitmap_set(c->bits, (b - c->first) * spb, block_sectors(g, b), false);
    }
    return STATUS_OK;
}

enum status fix_stray_bits(struct fixing *x, const struct finding *f)
{
    static const char *const actions[] = {
        [STRAY_ABSENT] = "clear the bits of blocks that are not present",
        [STRAY_MEANINGLESS] = "clear the bits of blocks whose state ignores them",
        [STRAY_BEHIND] = "clear the bits behind the end of the disk",
    };
    enum stray what = strcmp(f->rule->id, "VHDX-SBM-002") == 0   ? STRAY_ABSENT
                      : strcmp(f->rule->id, "VHDX-SBM-003") == 0 ? STRAY_MEANINGLESS
                                                                 : STRAY_BEHIND;
    struct chunk c;
    enum status st;

    if (!chunk_open(x, (uint64_t)f->at.index, &c, &st))
        return st;
    st = clear_stray(x, &c, what);
    return st == STATUS_OK ? chunk_close(x, &c, actions[what]) : st;
}

/* ---- SBM-005, -006 ---- */

static enum status restate(struct fixing *x, const struct finding *f, bool full)
{
    const struct geometry *g = &x->view->geometry;
    struct chunk c;
    enum status st;

    if (!chunk_open(x, (uint64_t)f->at.index, &c, &st))
        return st;
    for (uint64_t b = c.first; b < c.end && st == STATUS_OK; b++) {
        uint64_t raw = 0, sectors = block_sectors(g, b);
        st = block_state(x, b, &raw);
        if (st != STATUS_OK || bat_entry_state(raw) != PAYLOAD_PARTIALLY_PRESENT)
            continue;
        uint64_t ones =
            sector_bitmap_count(span_of(c.bits, BITMAP_BLOCK_LEN), (b - c.first) * g->sectors_per_block, sectors);
        if (full && ones == sectors)
            st = bat_entry_put(x, bat_index_of_block(g, b), bat_entry_make(bat_entry_off(raw), PAYLOAD_FULLY_PRESENT),
                               "set the block to FULLY_PRESENT (state 6): all its bits are set");
        else if (!full && ones == 0)
            st = bat_entry_put(x, bat_index_of_block(g, b), PAYLOAD_NOT_PRESENT,
                               "set the block to NOT_PRESENT (state 0): all its sectors come from the parent anyway");
    }
    return st == STATUS_OK ? chunk_close(x, &c, NULL) : st;
}

enum status fix_full_blocks(struct fixing *x, const struct finding *f)
{
    return restate(x, f, true);
}

enum status fix_empty_blocks(struct fixing *x, const struct finding *f)
{
    return restate(x, f, false);
}

/* ---- SBM-007 ---- */

enum status fix_idle_bitmap(struct fixing *x, const struct finding *f)
{
    struct chunk c;
    enum status st;

    if (!chunk_open(x, (uint64_t)f->at.index, &c, &st))
        return st;
    st = bat_entry_put(x, bat_index_of_bitmap(&x->view->geometry, c.number), 0,
                       "give up the sector bitmap, which serves no block");
    return st == STATUS_OK ? chunk_close(x, &c, NULL) : st;
}

/* ---- SBM-009 ---- */

enum status fix_hidden_sectors(struct fixing *x, const struct finding *f)
{
    const struct geometry *g = &x->view->geometry;
    uint64_t block = (uint64_t)f->at.index, raw = 0;
    struct chunk c;
    enum status st;

    if (!chunk_open(x, block / g->chunk_ratio, &c, &st))
        return st;
    st = block_state(x, block, &raw);
    uint64_t sectors = block_sectors(g, block), first = (block - c.first) * g->sectors_per_block;
    for (uint64_t s = 0; st == STATUS_OK && s < sectors;) {
        bool set = false;
        uint64_t run = sector_bitmap_run(span_of(c.bits, BITMAP_BLOCK_LEN), first + s, sectors - s, &set);
        if (!set)
            st = fix_zero(x, bat_entry_off(raw) + s * g->logical_sector_size, run * g->logical_sector_size,
                          "fill sectors that the guest reads from the parent with zeros");
        s += run;
    }
    return st == STATUS_OK ? chunk_close(x, &c, NULL) : st;
}
