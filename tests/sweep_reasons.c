/* SPDX-License-Identifier: MIT */
/*
 * Changes that no finding speaks of, each with the reason why it does not matter: the changed image is as right as it
 * was, and nothing else in the file says that it once was otherwise. A row is for a field, and for those changes of it
 * that `when` lets pass; every row must be needed by the sweep of the fields, so that none outlives its reason.
 */
#include <string.h>

#include "base/guid.h"
#include "base/le.h"
#include "format/bat.h"
#include "sweep.h"

static bool log_is_live(const struct sweep_change *c)
{
    static const struct guid nil = {{0}};
    return memcmp(img_header(c->image->img, 1) + IMG_HEADER_LOG_GUID, nil.bytes, sizeof(nil.bytes)) != 0;
}

static bool log_is_over(const struct sweep_change *c)
{
    return !log_is_live(c);
}

/* A page of the live log comes over it. */
static bool under_log(const struct sweep_change *c)
{
    for (size_t i = 0; log_is_live(c) && i < c->image->count; i++) {
        const struct sweep_field *f = &c->image->fields[i];
        uint8_t page[8];
        if (strcmp(f->structure, "data descriptor") != 0 || strcmp(f->name, "file offset") != 0)
            continue;
        img_read(c->image->img, f->off, page, sizeof(page));
        if (c->field->off >= le64(page) && c->field->off < le64(page) + LOG_SECTOR_LEN)
            return true;
    }
    return false;
}

/* There is an entry behind it in the sequence. */
static bool entry_is_not_the_last(const struct sweep_change *c)
{
    for (size_t i = 0; i < c->image->count; i++)
        if (strcmp(c->image->fields[i].structure, "log entry") == 0 && c->image->fields[i].index > c->field->index)
            return log_is_live(c);
    return false;
}

static bool whole_mib_before_the_last(const struct sweep_change *c)
{
    return entry_is_not_the_last(c) && sweep_new(c) % MIB == 0;
}

static bool fewer(const struct sweep_change *c)
{
    return log_is_live(c) && sweep_new(c) < sweep_old(c);
}

static bool whole_pages(const struct sweep_change *c)
{
    return log_is_live(c) && sweep_new(c) % LOG_SECTOR_LEN == 0;
}

static bool all_zero(const struct sweep_change *c)
{
    for (uint32_t i = 0; i < c->field->bits / 8; i++)
        if (c->new_value[i])
            return false;
    return true;
}

static bool in_the_older_header(const struct sweep_change *c)
{
    return c->field->index == 1 && log_is_live(c);
}

/* The paths; and the GUID of the parent when there is none to compare it with, or in other letter case. */
static bool names_another_file(const struct sweep_change *c)
{
    bool same = true;
    for (uint32_t i = 0; i < c->field->bits / 8; i++)
        same = same && (c->old_value[i] | 0x20) == (c->new_value[i] | 0x20);
    return c->field->index <= 5 && (c->field->index >= 2 || c->image->parent == NULL || same);
}

static bool of_the_locator_longer(const struct sweep_change *c)
{
    return c->field->index == 6 && sweep_new(c) > sweep_old(c);
}

static bool without_a_parent(const struct sweep_change *c)
{
    return c->image->parent == NULL;
}

static bool a_sector_size(const struct sweep_change *c)
{
    return sweep_new(c) == 512 || sweep_new(c) == 4096;
}

static bool a_size_the_bat_has_room_for(const struct sweep_change *c)
{
    const struct geometry *now = &c->image->img->geometry;
    struct geometry g;
    return geometry_derive(sweep_new(c), now->block_size, now->logical_sector_size,
                           c->image->img->params.type == IMG_DIFFERENCING, &g) &&
           g.entries * BAT_ENTRY_LEN <= c->image->img->bat_len;
}

/* NOT_PRESENT, ZERO, UNMAPPED */
static bool needs_no_place(uint64_t state)
{
    return state == PAYLOAD_NOT_PRESENT || state == PAYLOAD_ZERO || state == PAYLOAD_UNMAPPED;
}

static bool between_states_without_a_place(const struct sweep_change *c)
{
    return needs_no_place(sweep_old(c)) && needs_no_place(sweep_new(c));
}

static bool into_the_gap_before(const struct sweep_change *c)
{
    const struct img *img = c->image->img;
    return img->params.layout == IMG_QEMU && (sweep_new(c) + 1) * MIB == img->payload_off;
}

static bool behind_a_trace(const struct sweep_change *c)
{
    return c->image->img->params.windows_traces;
}

static const char replaced[] = "the live log brings this page; what the file has there is not used";
static const char left_over[] =
    "no header names this log: what it left is history, and the notes on it say what it holds";

const struct sweep_reason sweep_reasons[] = {
    {"file identifier", "creator", NULL, "a name for people: any text is one"},
    {"header", "log GUID", in_the_older_header, "the older header may name the log of an earlier open"},
    {"metadata table", "unused entries", behind_a_trace,
     "the note that something is left behind the last entry is there already, and does not say what"},
    {"metadata entry", "length", of_the_locator_longer, "the locator may have room behind its last string"},
    {"metadata item", "virtual disk size", a_size_the_bat_has_room_for,
     "a whole number of sectors that the BAT has room for: no other place says the size"},
    {"metadata item", "virtual disk id", without_a_parent, "any GUID will do; only a parent must have the same"},
    {"metadata item", "logical sector size", a_sector_size, "both sizes are right, and what depends on it fits both"},
    {"metadata item", "physical sector size", a_sector_size, "both sizes are right"},
    {"locator entry", "value", names_another_file,
     "any file may be the parent, wherever it is, and none is here to compare with"},
    {"bat", "behind the last entry", under_log, replaced},
    {"payload entry", "state", under_log, replaced},
    {"payload entry", "file offset", under_log, replaced},
    {"payload entry", "state", between_states_without_a_place,
     "a block without a place may be in any of these states, and nothing else says in which it was"},
    {"payload entry", "file offset", into_the_gap_before, "a free place is as right as the other one"},
    {"sector bitmap", "bits of block 0", NULL, "any sector may come from either file"},
    {"log entry", "tail", entry_is_not_the_last, "only the Tail of the newest entry says where the sequence begins"},
    {"log entry", "last file offset", whole_mib_before_the_last, "only that of the newest entry is applied"},
    {"log entry", "descriptor count", fewer,
     "what was the last descriptor writes zeros over zeros: the entry without it is a whole one"},
    {"log entry", "unused descriptors", log_is_live, "nothing is said of the bytes behind the last descriptor"},
    {"zero descriptor", "zero length", whole_pages, "a log may zero pages of a structure that are not in use"},
    {"zero descriptor", "file offset", whole_pages, "a log may zero pages of a structure that are not in use"},
    {"data sector", "data", all_zero, "a logged BAT page may name no block at all"},
    {"log entry", "*", log_is_over, left_over},
    {"zero descriptor", "*", log_is_over, left_over},
};
const size_t sweep_reason_count = sizeof(sweep_reasons) / sizeof(sweep_reasons[0]);
