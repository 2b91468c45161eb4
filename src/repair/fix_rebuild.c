/* SPDX-License-Identifier: MIT */
/*
 * Region tables that nothing is left of. Metadata is known by its signature, a BAT by how its entries look and by how
 * well they go with the metadata's geometry (image/lost.h); both tables are then written anew with what was found. It
 * is a search, so the user must name the rule; what was found is said in the plan, and the checks of the stage judge
 * it.
 */
#include <inttypes.h>

#include "base/checked.h"
#include "format/region_table.h"
#include "image/lost.h"
#include "repair/fix_region.h"

static struct lost_place known_place(const struct fixing *x)
{
    const struct header *h = &x->headers->h;
    const struct view *v = x->view;
    struct lost_place p = {.log_off = h->log_off, .log_len = h->log_len};

    if (v->bat_region.found && v->bat_region.in_file && v->bat_region.off % MIB == 0) {
        p.bat_off = v->bat_region.off;
        p.bat_len = v->bat_region.len;
    }
    if (v->metadata.absence == ABSENT_NOT && v->metadata_region.in_file && v->metadata_region.off % MIB == 0) {
        p.metadata_off = v->metadata_region.off;
        p.metadata_len = v->metadata_region.len;
    }
    return p;
}

/* False with a refusal when nothing was found, or *ret_status is not STATUS_OK. */
static bool find(struct fixing *x, struct lost_fit *ret, enum status *ret_status)
{
    const struct lost_place known = known_place(x);
    bool found = false;

    *ret_status = lost_find_pair(x->arena, x->stage->source, &known, &found, ret);
    if (*ret_status == STATUS_OK && !found)
        (void)fix_refuse(
            x, "no metadata and BAT were found in the file that go together; vhdxray carve FILE lists what is "
               "left");
    return *ret_status == STATUS_OK && found;
}

static struct region_entry entry_of(enum known_guid which, uint64_t off, uint64_t len)
{
    return (struct region_entry){.guid = *known_guid(which), .off = off, .len = (uint32_t)len, .required_word = 1};
}

enum status fix_region_tables(struct fixing *x, const struct finding *f)
{
    struct lost_fit fit;
    enum status st;

    (void)f;
    if (!find(x, &fit, &st))
        return st;
    const struct region_entry entries[] = {
        entry_of(KNOWN_REGION_METADATA, fit.place.metadata_off, fit.place.metadata_len),
        entry_of(KNOWN_REGION_BAT, fit.place.bat_off, fit.place.bat_len),
    };
    uint8_t *table = arena_alloc(x->arena, REGION_TABLE_LEN);
    if (table == NULL)
        return arena_status(x->arena);
    if (!region_table_encode(entries, sizeof(entries) / sizeof(entries[0]), table))
        return STATUS_INTERNAL;
    for (int copy = 0; copy < 2 && st == STATUS_OK; copy++)
        st = fix_write(x, REGION_TABLE_OFF[copy], table, REGION_TABLE_LEN,
                       fix_text(x,
                                "write region table copy %d anew: metadata found at 0x%" PRIx64 ", BAT at 0x%" PRIx64
                                " with %" PRIu64 " blocks in place, %u%% of its entries fit",
                                copy + 1, fit.place.metadata_off, fit.place.bat_off, fit.live, fit.percent));
    return st;
}

enum status fix_region_lost_bat(struct fixing *x, const struct finding *f)
{
    struct lost_fit fit;
    enum status st;

    (void)f;
    if (x->view->metadata.absence != ABSENT_NOT)
        return fix_refuse(x, "the metadata must be found first");
    if (!find(x, &fit, &st))
        return st;
    const struct region_entry e = entry_of(KNOWN_REGION_BAT, fit.place.bat_off, fit.place.bat_len);
    (void)region_entry_set(x, &e,
                           fix_text(x,
                                    "add the BAT region, found at 0x%" PRIx64 " with %" PRIu64
                                    " blocks in place, %u%% of its entries fit",
                                    fit.place.bat_off, fit.live, fit.percent),
                           &st);
    return st;
}

enum status fix_region_lost_metadata(struct fixing *x, const struct finding *f)
{
    struct lost_fit fit;
    enum status st;

    (void)f;
    if (!find(x, &fit, &st))
        return st;
    const struct region_entry e = entry_of(KNOWN_REGION_METADATA, fit.place.metadata_off, fit.place.metadata_len);
    if (!region_entry_set(x, &e, fix_text(x, "add the metadata region, found at 0x%" PRIx64, fit.place.metadata_off),
                          &st))
        return st;
    if (x->view->bat_region.found)
        return STATUS_OK;
    const struct region_entry bat = entry_of(KNOWN_REGION_BAT, fit.place.bat_off, fit.place.bat_len);
    (void)region_entry_set(x, &bat, fix_text(x, "add the BAT region, found at 0x%" PRIx64, fit.place.bat_off), &st);
    return st;
}
