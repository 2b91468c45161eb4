/* SPDX-License-Identifier: MIT */
/*
 * Facts about single BAT entries ([MS-VHDX] 2.5.1). They describe and do not judge: a block past the end of the file
 * whose offset also wraps has both facts, and the rules say which matters.
 */
#include "image/bat_facts.h"

#include "base/checked.h"

static const uint64_t FAR_OFF = (uint64_t)1 << 48; /* FileOffsetMB 2^28 */

bool bat_bitmap_usable(const struct view *v, uint64_t raw)
{
    uint64_t off = bat_entry_off(raw);
    return bat_entry_state(raw) == BITMAP_PRESENT && off != 0 && off < v->src->size;
}

static void set_other(struct bat_note *n, enum bat_fact fact, const struct extent *e)
{
    n->facts |= (unsigned)fact;
    n->others[__builtin_ctz((unsigned)fact) - BAT_OTHERS_SHIFT] = *e;
}

/* guest: bytes from the start of the range that mean something; the rest of a last block may be cut off (2.4). */
static void facts_of_range(const struct view *v, struct bat_note *n, uint64_t guest)
{
    uint64_t size = v->src->size, there = n->off < size ? u64_min(n->len, size - n->off) : 0;
    const struct extent *region;

    if (!range_in(n->off, n->len, HOST_OFFSET_MAX))
        n->facts |= BAT_FACT_WRAPS;
    if (n->off >= FAR_OFF)
        n->facts |= BAT_FACT_FAR;
    if (there < guest) {
        n->facts |= BAT_FACT_PAST_EOF;
        n->missing = guest - there;
    } else if (there < n->len) {
        n->facts |= BAT_FACT_CUT_TAIL;
    }
    if (v->log_len > 0 && v->log_off < u64_add_sat(n->off, n->len) && n->off < u64_add_sat(v->log_off, v->log_len))
        set_other(n, BAT_FACT_HITS_LOG,
                  &(struct extent){.start = v->log_off, .end = v->log_off + v->log_len, .kind = OWNER_LOG});
    region = layout_map_region_at(v->layout, n->off, n->len);
    if (region)
        set_other(n, BAT_FACT_HITS_REGION, region);
}

static void facts_of_bitmap(const struct view *v, struct bat_note *n)
{
    unsigned state = bat_entry_state(n->raw);
    if (state != BITMAP_PRESENT) {
        if (state != BITMAP_NOT_PRESENT)
            n->facts |= BAT_FACT_STATE;
        if (n->off != 0)
            n->facts |= BAT_FACT_IDLE_OFFSET;
        return;
    }
    if (!v->geometry.differencing)
        n->facts |= BAT_FACT_STATE;
    n->owns = true;
    n->len = BITMAP_BLOCK_LEN;
}

static void facts_of_payload(const struct view *v, struct bat_note *n, bool bitmap_usable)
{
    switch (bat_entry_state(n->raw)) {
    case PAYLOAD_NOT_PRESENT:
    case PAYLOAD_ZERO:
        if (n->off != 0)
            n->facts |= BAT_FACT_IDLE_OFFSET;
        return;
    case PAYLOAD_UNDEFINED:
    case PAYLOAD_UNMAPPED:
        n->owns = n->anchor = n->off != 0;
        break;
    case PAYLOAD_PARTIALLY_PRESENT:
        if (!v->geometry.differencing)
            n->facts |= BAT_FACT_STATE;
        else if (!bitmap_usable)
            n->facts |= BAT_FACT_NO_BITMAP;
        n->owns = true;
        break;
    case PAYLOAD_FULLY_PRESENT:
        n->owns = true;
        break;
    default:
        n->facts |= BAT_FACT_STATE;
        return;
    }
    n->len = v->geometry.block_size;
}

void bat_note_fill(const struct view *v, uint64_t index, struct bat_slot slot, uint64_t raw, bool bitmap_usable,
                   struct bat_note *ret)
{
    const struct geometry *g = &v->geometry;
    /* Field by field: a note is large, and hostile BATs have many. */
    ret->index = index;
    ret->entry_off = v->bat.off + index * BAT_ENTRY_LEN;
    ret->raw = raw;
    ret->slot.is_bitmap = slot.is_bitmap;
    ret->slot.chunk = slot.chunk;
    ret->slot.block = slot.block;
    ret->facts = 0;
    ret->owns = ret->anchor = false;
    ret->off = bat_entry_off(raw);
    ret->len = ret->missing = ret->guest_off = ret->guest_len = ret->bitmap_raw = 0;
    if (index >= g->entries || (!slot.is_bitmap && slot.block >= g->payload_blocks)) {
        ret->off = 0;
        ret->facts = BAT_FACT_UNUSED_SLOT;
        return;
    }
    if (bat_entry_reserved(raw))
        ret->facts |= BAT_FACT_RESERVED_BITS;
    if (slot.is_bitmap) {
        facts_of_bitmap(v, ret);
    } else {
        facts_of_payload(v, ret, bitmap_usable);
        ret->guest_off = slot.block * g->block_size;
        ret->guest_len = block_guest_len(g, slot.block);
    }
    if (ret->owns && ret->off == 0) {
        ret->owns = false;
        ret->facts |= BAT_FACT_ZERO_OFFSET;
        set_other(ret, BAT_FACT_HITS_HEADER,
                  &(struct extent){.start = 0, .end = HEADER_SECTION_LEN, .kind = OWNER_HEADER_SECTION});
    }
    if (ret->owns)
        facts_of_range(v, ret, slot.is_bitmap ? BITMAP_BLOCK_LEN : ret->guest_len);
    else
        ret->off = ret->len = 0;
}
