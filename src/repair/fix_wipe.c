/* SPDX-License-Identifier: MIT */
/*
 * Bytes that mean nothing to any reader, and the size of the file. They are evidence of what the file was, so they go
 * only when the user names the rule, and only where nothing owns them.
 */
#include "repair/fix_wipe.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/limits.h"
#include "check/metadata_traits.h"

static const char WIPE[] = "fill the bytes with zeros";

enum status fix_wipe_place(struct fixing *x, const struct finding *f)
{
    if (f->at.structure == STRUCTURE_PAYLOAD && x->found->counts[SEVERITY_ERROR] > 0)
        return fix_refuse(x, "other errors must be settled first: something else may lie there");
    return fix_zero(x, f->at.off, f->at.len, WIPE);
}

enum status fix_wipe_reserved(struct fixing *x, const struct finding *f)
{
    static const struct {
        uint64_t off, len;
    } areas[] = {{FILE_ID_RESERVED_OFF, FILE_ID_LEN - FILE_ID_RESERVED_OFF},
                 {0x10000 + HEADER_LEN, 0x10000 - HEADER_LEN},
                 {0x20000 + HEADER_LEN, 0x10000 - HEADER_LEN},
                 {0x50000, 0x100000 - 0x50000}};
    enum status st = STATUS_OK;

    (void)f;
    for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]) && st == STATUS_OK; i++)
        st = fix_zero(x, areas[i].off, areas[i].len, WIPE);
    for (int slot = 0; slot < 2 && st == STATUS_OK; slot++) { /* these are under the checksum */
        if (!x->img->headers[slot].valid ||
            span_find_nonzero(x->img->headers[slot].h.raw, HEADER_FIELDS_LEN) == HEADER_LEN)
            continue;
        x->headers->zero_reserved = true;
        st = fix_note(x, HEADER_OFF[slot] + HEADER_FIELDS_LEN, HEADER_LEN - HEADER_FIELDS_LEN, WIPE);
    }
    return st;
}

/* ---- metadata ---- */

enum status fix_wipe_entries(struct fixing *x, const struct finding *f)
{
    const struct view *v = x->view;
    uint64_t used = METADATA_TABLE_HEADER_LEN + (uint64_t)METADATA_ENTRY_LEN * v->metadata.table.usable_count;

    (void)f;
    if (fix_metadata_is_shared(x))
        return STATUS_OK;
    return fix_zero(x, v->metadata_region.off + used, METADATA_TABLE_LEN - used,
                    "fill the metadata table behind its last entry with zeros");
}

struct range {
    uint64_t off, end;
};

static int by_off(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return u64_compare(x->off, y->off);
}

enum status fix_wipe_metadata(struct fixing *x, const struct finding *f)
{
    const struct view *v = x->view;
    uint32_t n = 0;
    enum status st = STATUS_OK;

    (void)f;
    if (fix_metadata_is_shared(x))
        return STATUS_OK;
    struct range *items = arena_array(x->arena, (uint64_t)v->metadata.table.usable_count + 1, sizeof(*items));
    if (items == NULL)
        return arena_status(x->arena);
    for (uint32_t i = 0; i < v->metadata.table.usable_count; i++) {
        const struct metadata_entry *e = &v->metadata.entries[i];
        if (metadata_entry_place_ok(v, e))
            items[n++] = (struct range){.off = e->off, .end = (uint64_t)e->off + e->len};
    }
    qsort(items, n, sizeof(*items), by_off);
    uint64_t pos = METADATA_TABLE_LEN, end = v->metadata_region.len;
    for (uint32_t i = 0; i <= n && st == STATUS_OK; i++) {
        uint64_t stop = i < n ? items[i].off : end;
        if (stop > pos)
            st = fix_zero(x, v->metadata_region.off + pos, stop - pos, "fill the room between the items with zeros");
        if (i < n)
            pos = u64_max(pos, items[i].end);
    }
    return st;
}

/* ---- where nobody owns anything ---- */

enum status fix_wipe_free(struct fixing *x, const struct finding *f)
{
    const struct layout_map *m = x->view->layout;

    if (layout_map_fixed_at(m, f->at.off, f->at.len) != NULL || layout_map_payload_at(m, f->at.off, f->at.len))
        return fix_refuse(x, "a part of it belongs to something");
    return fix_zero(x, f->at.off, f->at.len, "fill space that nothing uses with zeros");
}

struct gaps {
    struct fixing *x;
    bool behind_payload;
    enum status status;
};

/* The same gaps that VHDX-XREF-003 counts: whole blocks behind the first block. */
static bool wipe_gap(void *ctx, struct free_range r)
{
    struct gaps *g = ctx;
    const struct view *v = g->x->view;

    if (r.len < v->geometry.block_size)
        return true;
    g->behind_payload = g->behind_payload || layout_map_payload_at(v->layout, 0, r.off);
    if (g->behind_payload)
        g->status = fix_zero(g->x, r.off, r.len, "fill the gap with zeros, so that the host can take the space back");
    return g->status == STATUS_OK;
}

enum status fix_wipe_gaps(struct fixing *x, const struct finding *f)
{
    uint64_t end = layout_map_end(x->view->layout); /* of the highest structure */
    struct gaps g = {.x = x, .status = STATUS_OK};

    (void)f;
    layout_map_free_ranges(x->view->layout, u64_min(x->img->file_size, end), wipe_gap, &g);
    if (g.status == STATUS_OK && !x->changed)
        return fix_refuse(x, "the gaps hold only zeros already; blocks are not moved");
    return g.status;
}

/* ---- the size of the file ---- */

enum status fix_round_size(struct fixing *x, const struct finding *f)
{
    uint64_t size = u64_div_up(store_size(x->stage), MIB) * MIB;

    (void)f;
    if (x->found->counts[SEVERITY_ERROR] + x->found->counts[SEVERITY_WARNING] > 0)
        return fix_refuse(x, "the size is rounded only when nothing else is wrong");
    if (fix_growth_is_too_long(x, size))
        return STATUS_OK;
    return fix_grow(x, size, "make the file a whole number of MiB long");
}

enum status fix_trim_size(struct fixing *x, const struct finding *f)
{
    uint64_t end;

    (void)f;
    if (!u64_align_up(layout_map_end(x->view->layout), MIB, &end) || end >= store_size(x->stage))
        return fix_refuse(x, "the file ends with the MiB that its highest structure ends in");
    return fix_cut(x, end, "cut the file off behind its highest structure or block");
}

/* Room that everything but payload takes up, as VHDX-FILE-012 counts it. */
static uint64_t structures_len(const struct view *v)
{
    uint64_t total = 0, n = layout_map_fixed_count(v->layout);

    for (uint64_t i = 0; i < n; i++) {
        const struct extent *e = layout_map_fixed(v->layout, i);
        total += e->end - e->start;
    }
    return total;
}

enum status fix_fixed_size(struct fixing *x, const struct finding *f)
{
    const struct geometry *g = &x->view->geometry;
    /* 64 TiB at most, and regions of less than 4 GiB each. */
    uint64_t size = u64_div_up(structures_len(x->view) + g->payload_blocks * g->block_size, MIB) * MIB;

    (void)f;
    if (fix_growth_is_claimed(x, size))
        return STATUS_OK;
    return fix_grow(x, size, "make the file long enough for all blocks of the disk");
}
