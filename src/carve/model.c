/* SPDX-License-Identifier: MIT */
/*
 * From places to meaning. A metadata region found is decoded by building a view that begins with it; a table that looks
 * like a BAT is tried on each geometry that was found by surveying it in such a view, so that what speaks against it is
 * what the rules would say of it. Where the file's own structures do not lead to a BAT, the pair that goes together
 * best stands in for them: without it free space could not be told from blocks in use.
 */
#include <stdlib.h>

#include "base/checked.h"
#include "base/limits.h"
#include "carve/parts.h"
#include "image/bat_walk.h"
#include "image/lost.h"

/* A table is listed from this score on, or if it goes with a geometry that well; one with less is the model's BAT
 * never. */
enum { SCORE_LISTED = 40, FIT_LISTED = 90, FIT_ASSUMED = 75 };

/* ---- metadata ---- */

static void describe_metadata(const struct view *v, struct carved_metadata *ret)
{
    const struct metadata *m = &v->metadata;
    ret->decoded = true;
    ret->entries = m->table.entry_count;
    ret->type = v->type;
    ret->geometry_absence = v->geometry_absence;
    if (v->geometry_absence == ABSENT_NOT)
        ret->geometry = v->geometry;
    if (m->have_physical_sector_size)
        ret->physical_sector_size = m->physical_sector_size;
    ret->have_disk_id = m->have_virtual_disk_id;
    if (m->have_virtual_disk_id)
        ret->disk_id = m->virtual_disk_id;
}

static enum status decode(struct carver *c, struct carve_item *item, struct carved_metadata *ret)
{
    struct lost_place p = {.metadata_off = item->off, .metadata_len = MIB};
    struct arena *trial = arena_create(LIMIT_CARVED_TRIAL);
    enum status st = trial != NULL ? STATUS_OK : STATUS_NO_MEMORY;

    for (bool again = true; st == STATUS_OK && again;) {
        struct store *stage = NULL;
        struct view *v = NULL;
        st = lost_view(trial, c->file, &p, &stage, &v);
        if (st != STATUS_OK)
            break;
        uint64_t len = lost_metadata_len(&v->metadata);
        again = len > p.metadata_len && range_in(p.metadata_off, len, c->file->size);
        if (again)
            p.metadata_len = len;
        else if (v->metadata.absence == ABSENT_NOT)
            describe_metadata(v, ret);
        store_close(stage);
    }
    item->len = u64_min(p.metadata_len, c->file->size - item->off);
    arena_destroy(trial);
    return st;
}

enum status carve_metadata(struct carver *c)
{
    enum status st = STATUS_OK;
    uint64_t decoded = 0;
    for (uint64_t i = 0; i < c->out->item_count && st == STATUS_OK; i++) {
        struct carve_item *item = &c->out->items[i];
        if (item->kind != CARVE_METADATA || ++decoded > LIMIT_CARVED_DECODED)
            continue;
        void *memory = NULL;
        st = carver_alloc(c, sizeof(struct carved_metadata), &memory);
        if (st != STATUS_OK)
            break;
        item->u.metadata = memory;
        st = decode(c, item, memory);
    }
    return st;
}

/* ---- tables on geometries ---- */

struct candidate {
    struct geometry geometry;
    uint64_t metadata_off, metadata_len;
};

static bool same_geometry(const struct geometry *a, const struct geometry *b)
{
    return a->virtual_size == b->virtual_size && a->block_size == b->block_size &&
           a->logical_sector_size == b->logical_sector_size && a->differencing == b->differencing;
}

/* Distinct geometries, that in use first. */
static uint32_t find_geometries(const struct carver *c, struct candidate *ret)
{
    uint32_t count = 0;
    for (int in_use = 1; in_use >= 0; in_use--) {
        for (uint64_t i = 0; i < c->out->item_count && count < LIMIT_CARVED_GEOMETRIES; i++) {
            const struct carve_item *item = &c->out->items[i];
            bool fresh = true;
            if (item->kind != CARVE_METADATA || item->in_use != (in_use == 1) || !item->u.metadata->decoded ||
                item->u.metadata->geometry_absence != ABSENT_NOT)
                continue;
            for (uint32_t k = 0; k < count; k++)
                fresh = fresh && !same_geometry(&ret[k].geometry, &item->u.metadata->geometry);
            if (fresh)
                ret[count++] = (struct candidate){.geometry = item->u.metadata->geometry,
                                                  .metadata_off = item->off,
                                                  .metadata_len = u64_div_up(item->len, MIB) * MIB};
        }
    }
    return count;
}

static uint64_t bat_len(const struct geometry *g)
{
    return u64_div_up(g->entries * BAT_ENTRY_LEN, MIB) * MIB;
}

static struct lost_place place_of(const struct bat_table *t, const struct candidate *g)
{
    return (struct lost_place){.metadata_off = g->metadata_off,
                               .metadata_len = g->metadata_len,
                               .bat_off = t->off,
                               .bat_len = bat_len(&g->geometry)};
}

/* The pair that the file itself uses, and as stored: it is surveyed already. */
static bool is_model(const struct carver *c, const struct bat_table *t, const struct candidate *g)
{
    const struct carve *out = c->out;
    return out->model == CARVE_MODEL_FILE && out->view == c->img->stored && t->off == out->bat_off &&
           g->metadata_off == out->metadata_off;
}

static int compare_fits(const void *a, const void *b)
{
    const struct carved_fit *x = a, *y = b;
    if (x->percent != y->percent)
        return x->percent > y->percent ? -1 : 1;
    if (x->live != y->live)
        return x->live > y->live ? -1 : 1;
    return x->metadata_off < y->metadata_off ? -1 : x->metadata_off > y->metadata_off;
}

static enum status try_geometries(struct carver *c, struct bat_table *t, const struct candidate *geometries,
                                  uint32_t count)
{
    void *memory = NULL;
    enum status st = carver_alloc(c, count * sizeof(*t->fits), &memory);
    if (st != STATUS_OK)
        return st;
    t->fits = memory;
    for (uint32_t i = 0; i < count && st == STATUS_OK; i++) {
        const struct lost_place p = place_of(t, &geometries[i]);
        struct lost_fit fit = {.percent = 0};
        if (t->guess.last >= geometries[i].geometry.entries)
            continue; /* entries that the disk has no use for: no need to walk the table to see that */
        if (is_model(c, t, &geometries[i]))
            st = lost_fit_of(c->out->view, &p, &fit);
        else
            st = lost_try(c->file, &p, &fit);
        if (st == STATUS_OK && fit.percent > 0)
            t->fits[t->fit_count++] = (struct carved_fit){.metadata_off = p.metadata_off,
                                                          .percent = fit.percent,
                                                          .entries = fit.entries,
                                                          .live = fit.live,
                                                          .faulty = fit.faulty};
    }
    if (t->fit_count > 1)
        qsort(t->fits, t->fit_count, sizeof(*t->fits), compare_fits);
    return st;
}

static bool in_use_at(const struct carver *c, const struct bat_table *t)
{
    const struct region_ref *r = &c->img->main->bat_region;
    return r->found && r->off == t->off;
}

static int compare_tables(const void *a, const void *b)
{
    const struct bat_table *x = *(struct bat_table *const *)a, *y = *(struct bat_table *const *)b;
    unsigned p = bat_guess_score(&x->guess), q = bat_guess_score(&y->guess);
    if (p != q)
        return u64_compare(q, p);
    return u64_compare(x->off, y->off);
}

/* The tables worth a walk: the best ones, and the one in use. */
static enum status try_tables(struct carver *c, const struct candidate *geometries, uint32_t count)
{
    struct bat_table **order = arena_array(c->arena, c->table_count, sizeof(struct bat_table *));
    enum status st = STATUS_OK;

    if (order == NULL)
        return arena_status(c->arena);
    for (uint64_t i = 0; i < c->table_count; i++)
        order[i] = &c->tables[i];
    if (c->table_count > 1)
        qsort(order, (size_t)c->table_count, sizeof(struct bat_table *), compare_tables);
    for (uint64_t i = 0; i < c->table_count && st == STATUS_OK; i++)
        if (i < LIMIT_CARVED_BATS || in_use_at(c, order[i]))
            st = try_geometries(c, order[i], geometries, count);
    return st;
}

/* ---- items ---- */

/* What a table is worth once it was tried: a fit can raise the score by a quarter. */
static unsigned score_of(const struct bat_table *t)
{
    unsigned score = bat_guess_score(&t->guess), best = t->fit_count > 0 ? t->fits[0].percent : 0;
    if (t->guess.live > 0 && best > 50)
        score += (best - 50) / 2;
    return (unsigned)u64_min(100, score);
}

static bool is_listed(const struct carver *c, const struct bat_table *t)
{
    if (in_use_at(c, t))
        return true;
    if (t->guess.live > 0)
        return score_of(t) >= SCORE_LISTED || (t->fit_count > 0 && t->fits[0].percent >= FIT_LISTED);
    /* States alone say nothing unless each block of a disk has one: how QEMU leaves a new image. */
    return t->fit_count > 0 && t->fits[0].percent == 100 && t->guess.set + 1 >= t->fits[0].entries;
}

static uint64_t table_end(const struct carver *c, const struct bat_table *t)
{
    uint64_t end = t->end;
    if (t->fit_count > 0)
        end = u64_max(end, t->off + u64_div_up(t->fits[0].entries * BAT_ENTRY_LEN, MIB) * MIB);
    if (in_use_at(c, t))
        end = u64_max(end, u64_add_sat(t->off, c->img->main->bat_region.len));
    return u64_min(end, c->file->size);
}

static enum status list_tables(struct carver *c)
{
    enum status st = STATUS_OK;
    uint64_t covered = 0; /* end of the last table with a fit */
    for (uint64_t i = 0; i < c->table_count && st == STATUS_OK; i++) {
        const struct bat_table *t = &c->tables[i];
        struct carve_item *item = NULL;
        void *description = NULL;
        if (t->off < covered || !is_listed(c, t))
            continue;
        uint64_t end = table_end(c, t);
        if (t->fit_count > 0 || in_use_at(c, t))
            covered = end;
        st = unit_map_fill(&c->structures, t->off / MIB, u64_min(u64_div_up(end, MIB), c->units) - t->off / MIB, 1);
        if (st == STATUS_OK)
            st = carver_add(c, CARVE_BAT, t->off, end - t->off, sizeof(struct carved_bat), &item, &description);
        if (description == NULL)
            continue;
        struct carved_bat *bat = description;
        *bat = (struct carved_bat){.guess = t->guess, .score = score_of(t), .fits = t->fits, .fit_count = t->fit_count};
        item->u.bat = bat;
        item->in_use = in_use_at(c, t);
    }
    return st;
}

/* ---- the model ---- */

/* The log that the view keeps clear of: of the current header, else of the best header found. */
static void log_place(const struct carver *c, struct lost_place *p)
{
    const struct header *h = image_header(c->img);
    const struct carved_header *best = NULL;

    if (h != NULL) {
        p->log_off = h->log_off;
        p->log_len = h->log_len;
        return;
    }
    for (uint64_t i = 0; i < c->out->item_count; i++) {
        const struct carve_item *item = &c->out->items[i];
        if (item->kind != CARVE_HEADER || !item->u.header->plausible)
            continue;
        const struct carved_header *o = item->u.header;
        if (best == NULL || o->checksum_ok > best->checksum_ok ||
            (o->checksum_ok == best->checksum_ok && o->sequence_number > best->sequence_number))
            best = o;
    }
    if (best != NULL) {
        p->log_off = best->log_off;
        p->log_len = best->log_len;
    }
}

static const struct bat_table *best_table(const struct carver *c)
{
    const struct bat_table *best = NULL;
    for (uint64_t i = 0; i < c->table_count; i++) {
        const struct bat_table *t = &c->tables[i];
        if (t->fit_count == 0 || t->fits[0].percent < FIT_ASSUMED || !is_listed(c, t))
            continue;
        if (best == NULL || compare_fits(&t->fits[0], &best->fits[0]) < 0)
            best = t;
    }
    return best;
}

static enum status assume_model(struct carver *c, const struct candidate *geometries, uint32_t count)
{
    const struct bat_table *t = best_table(c);
    struct carve *out = c->out;
    const struct candidate *g = NULL;

    if (t == NULL)
        return STATUS_OK;
    for (uint32_t i = 0; i < count; i++)
        if (geometries[i].metadata_off == t->fits[0].metadata_off)
            g = &geometries[i];
    if (g == NULL)
        return STATUS_INTERNAL;
    struct lost_place p = place_of(t, g);
    log_place(c, &p);
    struct view *v = NULL;
    enum status st = lost_view(c->arena, c->file, &p, &out->stage, &v);
    if (st == STATUS_OK)
        st = view_survey(v);
    if (st != STATUS_OK || v->survey == NULL)
        return st;
    out->view = v;
    out->model = CARVE_MODEL_ASSUMED;
    out->metadata_off = p.metadata_off;
    out->bat_off = p.bat_off;
    return STATUS_OK;
}

enum status carve_bats(struct carver *c)
{
    struct candidate *geometries = arena_array(c->arena, LIMIT_CARVED_GEOMETRIES, sizeof(*geometries));
    if (geometries == NULL)
        return arena_status(c->arena);
    uint32_t count = find_geometries(c, geometries);
    enum status st = try_tables(c, geometries, count);
    if (st == STATUS_OK)
        st = list_tables(c);
    if (st == STATUS_OK && c->out->model == CARVE_MODEL_NONE)
        st = assume_model(c, geometries, count);
    return st;
}
