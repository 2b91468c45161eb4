/* SPDX-License-Identifier: MIT */
/*
 * Region tables. A copy is changed as a whole: read, bent, signed, written; both valid copies get the same change, so
 * that they stay alike. Where they differ copy 1 wins, as for every reader that looks at both (format.md 7), unless the
 * rules say that it cannot.
 */
#include "repair/fix_region.h"

#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "base/text.h"
#include "check/region_traits.h"

enum { FIELD_COUNT = 8, FIELD_RESERVED = 12, REQUIRED = 1 };
enum { FIELD_OFF = 16, FIELD_REQUIRED = 28 }; /* in an entry */

/* NULL: *ret_status says why. */
static uint8_t *table_read(struct fixing *x, int copy, enum status *ret_status)
{
    uint8_t *table = arena_alloc(x->arena, REGION_TABLE_LEN);

    if (table == NULL) {
        *ret_status = arena_status(x->arena);
        return NULL;
    }
    *ret_status = fix_read(x, REGION_TABLE_OFF[copy], table, REGION_TABLE_LEN);
    return *ret_status == STATUS_OK ? table : NULL;
}

static enum status table_write(struct fixing *x, int copy, uint8_t *table, const char *action)
{
    region_table_sign(table);
    return fix_write(x, REGION_TABLE_OFF[copy], table, REGION_TABLE_LEN, action);
}

/* Calls bend on each valid copy, which returns false to leave it alone. */
static enum status each_copy(struct fixing *x, bool (*bend)(uint8_t *table, void *ctx), void *ctx, const char *action)
{
    for (int copy = 0; copy < 2; copy++) {
        enum status st;
        if (!x->view->regions[copy].valid)
            continue;
        uint8_t *table = table_read(x, copy, &st);
        if (table != NULL && bend(table, ctx))
            st = table_write(x, copy, table, action);
        if (st != STATUS_OK)
            return st;
    }
    return STATUS_OK;
}

static uint8_t *entry_at(uint8_t *table, uint32_t i)
{
    return table + region_entry_off(i);
}

static uint32_t usable(const uint8_t *table)
{
    return (uint32_t)u64_min(le32(table + FIELD_COUNT), REGION_ENTRIES_MAX);
}

/* ---- P3 ---- */

static enum status copy_table(struct fixing *x, int from, const char *why)
{
    enum status st;

    uint8_t *table = table_read(x, from, &st);
    if (table == NULL)
        return st;
    return fix_write(x, REGION_TABLE_OFF[1 - from], table, REGION_TABLE_LEN,
                     fix_text(x, "write region table copy %d from copy %d, %s", 2 - from, from + 1, why));
}

static bool has_possible_count(const struct region_copy *c)
{
    return c->table.entry_count <= REGION_ENTRIES_MAX;
}

enum status fix_region_copy(struct fixing *x, const struct finding *f)
{
    const struct region_copy *c = x->view->regions;

    (void)f;
    if (!c[0].valid || !c[1].valid)
        return copy_table(x, c[0].valid ? 0 : 1, "the valid one");
    if (!has_possible_count(&c[0]) && has_possible_count(&c[1]))
        return copy_table(x, 1, "whose EntryCount is possible");
    return copy_table(x, 0, "the one that is used");
}

/* How the image looks when the other copy is not there. */
static enum status try_copy(struct fixing *x, int copy, struct trial_sum *ret)
{
    struct trial t;

    enum status st = trial_open(x, &t);
    if (st != STATUS_OK)
        return st;
    st = store_zero(t.store, REGION_TABLE_OFF[1 - copy], REGION_TABLE_LEN);
    if (st == STATUS_OK)
        st = trial_check(x, &t, ret);
    trial_close(&t);
    return st;
}

enum status fix_region_choice(struct fixing *x, const struct finding *f)
{
    struct trial_sum sums[2];

    (void)f;
    for (int copy = 0; copy < 2; copy++) {
        enum status st = try_copy(x, copy, &sums[copy]);
        if (st != STATUS_OK)
            return st;
    }
    int order = trial_compare(&sums[0], &sums[1]);
    if (x->view->geometry_absence == ABSENT_NOT)
        fix_guest(x, 0, x->view->geometry.virtual_size);
    fix_guest_changed(x);
    return copy_table(x, order <= 0 ? 0 : 1,
                      order == 0 ? "which most programs use; the image is as good with both"
                                 : "with which the image has fewer errors");
}

/* ---- single fields ---- */

static bool clear_reserved(uint8_t *table, void *ctx)
{
    (void)ctx;
    put_le32(table + FIELD_RESERVED, 0);
    return true;
}

enum status fix_region_reserved(struct fixing *x, const struct finding *f)
{
    (void)f;
    return each_copy(x, clear_reserved, NULL, "set the reserved field of the region table to 0");
}

static bool set_required(uint8_t *table, void *ctx)
{
    (void)ctx;
    for (uint32_t i = 0; i < usable(table); i++) {
        uint8_t *p = entry_at(table, i);
        struct guid g = guid_load(p);
        if (guid_equal(&g, known_guid(KNOWN_REGION_BAT)) || guid_equal(&g, known_guid(KNOWN_REGION_METADATA)))
            put_le32(p + FIELD_REQUIRED, le32(p + FIELD_REQUIRED) | REQUIRED);
    }
    return true;
}

enum status fix_region_required(struct fixing *x, const struct finding *f)
{
    (void)f;
    return each_copy(x, set_required, NULL, "mark BAT and metadata region as required");
}

static bool clear_required_bits(uint8_t *table, void *ctx)
{
    (void)ctx;
    for (uint32_t i = 0; i < usable(table); i++)
        put_le32(entry_at(table, i) + FIELD_REQUIRED, le32(entry_at(table, i) + FIELD_REQUIRED) & REQUIRED);
    return true;
}

enum status fix_region_word(struct fixing *x, const struct finding *f)
{
    (void)f;
    return each_copy(x, clear_required_bits, NULL, "clear the reserved bits of the Required words");
}

static bool clear_rest(uint8_t *table, void *ctx)
{
    (void)ctx;
    memset(entry_at(table, usable(table)), 0, REGION_TABLE_LEN - (size_t)region_entry_off(usable(table)));
    return true;
}

enum status fix_region_rest(struct fixing *x, const struct finding *f)
{
    (void)f;
    return each_copy(x, clear_rest, NULL, "fill the region table behind its last entry with zeros");
}

/* Drops each entry that an earlier one equals in all its bytes. */
static bool drop_equal(uint8_t *table, void *ctx)
{
    uint32_t count = usable(table), kept = 0;

    (void)ctx;
    for (uint32_t i = 0; i < count; i++) {
        struct guid g = guid_load(entry_at(table, i));
        uint32_t k = 0;
        while (k < kept && memcmp(entry_at(table, k), entry_at(table, i), REGION_ENTRY_LEN) != 0)
            k++;
        if (k < kept && !guid_is_nil(&g))
            continue;
        memmove(entry_at(table, kept++), entry_at(table, i), REGION_ENTRY_LEN);
    }
    memset(entry_at(table, kept), 0, (size_t)(count - kept) * REGION_ENTRY_LEN);
    put_le32(table + FIELD_COUNT, kept);
    return kept < count;
}

enum status fix_region_duplicate(struct fixing *x, const struct finding *f)
{
    const struct region_copy *c = x->view->regions; /* both valid by now, or one of them empty */

    (void)f;
    if (!has_possible_count(&c[0]) || !has_possible_count(&c[1]))
        return fix_refuse(x, "EntryCount of the region table is impossible, so where the table ends is unknown");
    return each_copy(x, drop_equal, NULL, "drop region table entries that repeat another one");
}

/* ---- entries ---- */

struct setting {
    const struct region_entry *entry;
    bool full; /* the last table seen has no room */
};

/* The entry with that GUID; else one that names the same place and nothing known: its GUID was damaged; else a new one.
 */
static uint32_t slot_for(uint8_t *table, const struct region_entry *e)
{
    uint32_t count = usable(table), same_place = count;

    for (uint32_t i = 0; i < count; i++) {
        struct guid g = guid_load(entry_at(table, i));
        if (guid_equal(&g, &e->guid))
            return i;
        if (known_guid_find(&g) == KNOWN_GUID_NONE && le64(entry_at(table, i) + FIELD_OFF) == e->off)
            same_place = i;
    }
    return same_place;
}

static bool set_entry(uint8_t *table, void *ctx)
{
    struct setting *s = ctx;
    uint32_t count = usable(table), i = slot_for(table, s->entry);

    s->full = i == REGION_ENTRIES_MAX;
    if (s->full)
        return false;
    region_entry_encode(s->entry, entry_at(table, i));
    if (i == count)
        put_le32(table + FIELD_COUNT, count + 1);
    return true;
}

bool region_entry_set(struct fixing *x, const struct region_entry *e, const char *action, enum status *ret_status)
{
    struct setting s = {.entry = e};

    *ret_status = each_copy(x, set_entry, &s, action);
    if (*ret_status == STATUS_OK && s.full)
        (void)fix_refuse(x, "the region table is full");
    return *ret_status == STATUS_OK && !s.full;
}

/* ---- RGN-011 ---- */

enum status fix_region_extend(struct fixing *x, const struct finding *f)
{
    const struct region_copy *c = &x->view->regions[x->view->used_table];
    uint64_t end;

    const struct region_entry *r = &c->entries[f->at.index];
    if (r->len == 0 || r->off > store_size(x->stage))
        return fix_refuse(x, "no part of the region lies in the file");
    if (!u64_add(r->off, r->len, &end) || !u64_align_up(end, MIB, &end) || end > LIMIT_REPLAYED_SIZE)
        return fix_refuse(x, "the file would become larger than any VHDX needs to be");
    if (fix_growth_is_claimed(x, end))
        return STATUS_OK;
    return fix_grow(x, end, "make the file long enough for the region; what is added are zeros that nothing uses");
}

/* ---- BAT-001 ---- */

/* The bytes of the old region, holes left out. */
static enum status copy_bat(struct fixing *x, uint64_t to, uint64_t from, uint64_t len)
{
    struct source *src = x->stage->source;
    uint64_t end = from + len;
    enum status st = STATUS_OK;

    for (uint64_t off = from; st == STATUS_OK && off < end;) {
        uint64_t data, hole;
        st = source_next_data(src, off, &data, &hole);
        if (st != STATUS_OK || data >= end)
            break;
        hole = u64_min(hole, end);
        st = fix_copy(x, to + (data - from), data, hole - data, "copy the BAT to a larger region");
        off = hole;
    }
    return st;
}

enum status fix_bat_region(struct fixing *x, const struct finding *f)
{
    const struct view *v = x->view;
    uint64_t len, off;

    (void)f;
    if (v->bat.absence != ABSENT_NOT || !u64_align_up(v->geometry.entries * BAT_ENTRY_LEN, MIB, &len))
        return fix_refuse(x, "the BAT cannot be read");
    if (fix_bat_is_shared(x) || !fix_allocate(x, len, &off))
        return STATUS_OK;
    enum status st = fix_grow(
        x, off + len, fix_text(x, "make room for a BAT of %s behind the end of the file", text_size(x->arena, len)));
    if (st == STATUS_OK)
        st = copy_bat(x, off, v->bat.off, v->bat.region_len);
    if (st != STATUS_OK)
        return st;
    const struct region_entry *old = &v->regions[v->used_table].entries[v->bat_region.entry];
    const struct region_entry e = {
        .guid = old->guid, .off = off, .len = (uint32_t)len, .required_word = old->required_word};
    (void)region_entry_set(x, &e, "name the new BAT region in both tables", &st);
    return st;
}
