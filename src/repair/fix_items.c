/* SPDX-License-Identifier: MIT */
/*
 * Metadata items that are missing or too short. Their values are guessed from what is there: from the distances in the
 * BAT, from where its last block lies, from what all writers use. A guess that the BAT contradicts is not made:
 * candidates are tried in a stage over the stage and the survey counts what speaks against each.
 */
#include <inttypes.h>

#include "base/checked.h"
#include "base/text.h"
#include "check/metadata_traits.h"
#include "image/bat_walk.h"
#include "image/lost.h"
#include "repair/fix_metadata.h"

enum { USUAL_LOGICAL_SECTOR = 512, USUAL_PHYSICAL_SECTOR = 4096 };

static enum status put(struct fixing *x, enum known_guid which, const void *bytes, uint32_t len, const char *action)
{
    enum status st;

    (void)metadata_item_put(x, which, bytes, len, action, &st);
    return st;
}

/* ---- what the BAT says of a guess ---- */

struct verdict_of_bat {
    bool known;      /* there is a BAT to ask */
    uint64_t faults; /* entries that speak against it */
    uint64_t blocks; /* with a place */
    bool all_present;
};

/* With the item in place, and the rest of the image as it is. */
static enum status ask_bat(struct fixing *x, enum known_guid which, const void *bytes, uint32_t len,
                           struct verdict_of_bat *ret)
{
    struct trial t;
    struct plan steps = {.arena = x->arena, .base = x->stage->source}; /* of the trial, thrown away */
    struct headers_wanted headers = *x->headers;

    enum status st = trial_open(x, &t);
    if (st != STATUS_OK)
        return st;
    struct fixing y = *x;
    y.plan = &steps;
    y.stage = t.store;
    y.headers = &headers;
    (void)metadata_item_put(&y, which, bytes, len, "", &st);
    if (st == STATUS_OK)
        st = trial_survey(x, &t);
    *ret = (struct verdict_of_bat){.known = false};
    if (st == STATUS_OK && t.view->survey != NULL) {
        const struct bat_survey *s = t.view->survey;
        ret->known = true;
        st = lost_contrary(t.view, &ret->faults);
        ret->faults += s->unused_nonzero;
        ret->blocks = s->allocated_blocks;
        ret->all_present = s->states[PAYLOAD_FULLY_PRESENT] == t.view->geometry.payload_blocks;
    }
    trial_close(&t);
    return st;
}

/* ---- META-020 ---- */

/* The largest block size that the BAT does not contradict: smaller ones never make blocks overlap. */
enum status fix_file_parameters(struct fixing *x, const struct finding *f)
{
    bool child = x->view->metadata.items[KNOWN_ITEM_PARENT_LOCATOR].found;
    struct file_parameters best = {.block_size = 0};
    struct verdict_of_bat best_of = {.known = false};
    uint8_t bytes[FILE_PARAMETERS_LEN];

    (void)f;
    for (uint64_t size = BLOCK_SIZE_MIN; size <= BLOCK_SIZE_MAX; size *= 2) {
        struct file_parameters p = {.block_size = (uint32_t)size, .flags = child ? FILE_PARAMETERS_HAS_PARENT : 0};
        struct verdict_of_bat v;
        file_parameters_encode(&p, bytes);
        enum status st = ask_bat(x, KNOWN_ITEM_FILE_PARAMETERS, bytes, sizeof(bytes), &v);
        if (st != STATUS_OK)
            return st;
        if (!v.known || v.blocks == 0 || (best_of.known && v.faults > best_of.faults))
            continue;
        best = p;
        best_of = v;
    }
    if (best.block_size == 0)
        return fix_refuse(x, "the BAT has no blocks to tell the block size from");
    if (!child && best_of.all_present)
        best.flags = FILE_PARAMETERS_LEAVE_BLOCK_ALLOCATED;
    file_parameters_encode(&best, bytes);
    fix_guest(x, 0, u64_min(x->view->metadata.virtual_disk_size, VIRTUAL_SIZE_MAX));
    return put(x, KNOWN_ITEM_FILE_PARAMETERS, bytes, sizeof(bytes),
               fix_text(x, "set file parameters: blocks of %s, the most that the places in the BAT allow; %s",
                        text_size(x->arena, best.block_size),
                        child        ? "a child, as there is a parent locator"
                        : best.flags ? "a fixed disk, as all blocks are present"
                                     : "a dynamic disk"));
}

/* ---- META-021 ---- */

/* Index of the last entry that is not zero. */
static enum status last_entry(struct view *v, uint64_t *ret, bool *ret_found)
{
    struct bat_reader bat = {.window = NULL};

    *ret_found = false;
    enum status st = bat_reader_open(v, &bat);
    for (uint64_t i = 0; st == STATUS_OK && i < v->bat.slots; i++) {
        uint64_t raw = 0;
        st = bat_reader_find(&bat, i, v->bat.slots, &i, &raw);
        if (st != STATUS_OK || i == v->bat.slots)
            break;
        *ret = i;
        *ret_found = true;
    }
    bat_reader_close(&bat);
    return st;
}

enum status fix_lost_disk_size(struct fixing *x, const struct finding *f)
{
    const struct metadata *m = &x->view->metadata;
    uint8_t bytes[VIRTUAL_DISK_SIZE_LEN];
    struct geometry g;
    uint64_t index = 0;
    bool found = false;

    (void)f;
    if (!m->have_file_parameters || !m->have_logical_sector_size ||
        !geometry_derive(VIRTUAL_SIZE_MAX, m->file_parameters.block_size, m->logical_sector_size,
                         m->file_parameters.has_parent, &g))
        return fix_refuse(x, "block size and sector size must be known first");
    if (x->view->bat.slots == 0)
        return fix_refuse(x, "the BAT cannot be read");
    enum status st = last_entry(x->view, &index, &found);
    if (st != STATUS_OK)
        return st;
    if (!found)
        return fix_refuse(x, "the BAT has no blocks to tell the size of the disk from");
    struct bat_slot slot = bat_slot_of_index(&g, index);
    uint64_t blocks = slot.is_bitmap ? (slot.chunk + 1) * g.chunk_ratio : slot.block + 1;
    uint64_t size = u64_min(blocks * g.block_size, VIRTUAL_SIZE_MAX);
    virtual_disk_size_encode(size, bytes);
    fix_guest(x, 0, size);
    return put(
        x, KNOWN_ITEM_VIRTUAL_DISK_SIZE, bytes, sizeof(bytes),
        fix_text(x, "set the size of the disk to %s, where the last block in the BAT ends", text_size(x->arena, size)));
}

/* ---- META-022, -023 ---- */

enum status fix_logical_sector(struct fixing *x, const struct finding *f)
{
    static const uint32_t sizes[] = {USUAL_LOGICAL_SECTOR, 4096};
    struct verdict_of_bat of[2];
    uint8_t bytes[2][SECTOR_SIZE_LEN];

    (void)f;
    for (int i = 0; i < 2; i++) {
        sector_size_encode(sizes[i], bytes[i]);
        enum status st = ask_bat(x, KNOWN_ITEM_LOGICAL_SECTOR_SIZE, bytes[i], SECTOR_SIZE_LEN, &of[i]);
        if (st != STATUS_OK)
            return st;
    }
    int best = of[0].known && of[1].known && of[1].faults < of[0].faults ? 1 : 0;
    if (x->view->metadata.have_virtual_disk_size)
        fix_guest(x, 0, u64_min(x->view->metadata.virtual_disk_size, VIRTUAL_SIZE_MAX));
    return put(x, KNOWN_ITEM_LOGICAL_SECTOR_SIZE, bytes[best], SECTOR_SIZE_LEN,
               fix_text(x, "set the logical sector size to %" PRIu32 "%s", sizes[best],
                        best == 0 ? "" : ": the BAT does not go with 512"));
}

enum status fix_lost_physical_sector(struct fixing *x, const struct finding *f)
{
    uint8_t bytes[SECTOR_SIZE_LEN];

    (void)f;
    sector_size_encode(USUAL_PHYSICAL_SECTOR, bytes);
    return put(x, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, bytes, sizeof(bytes), "set the physical sector size to 4096");
}

/* ---- META-024 ---- */

enum status fix_lost_disk_id(struct fixing *x, const struct finding *f)
{
    const struct image *parent = x->options->parent;
    uint8_t bytes[VIRTUAL_DISK_ID_LEN];
    struct guid id;
    bool of_parent =
        x->view->type == DISK_DIFFERENCING && parent != NULL && parent->main->metadata.have_virtual_disk_id;

    (void)f;
    if (of_parent)
        id = parent->main->metadata.virtual_disk_id;
    else {
        enum status st = entropy_guid(x->entropy, &id);
        if (st != STATUS_OK)
            return st;
    }
    virtual_disk_id_encode(&id, bytes);
    return put(x, KNOWN_ITEM_VIRTUAL_DISK_ID, bytes, sizeof(bytes),
               of_parent ? "set the Virtual Disk ID to that of the parent" : "set a new Virtual Disk ID");
}
