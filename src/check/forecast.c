/* SPDX-License-Identifier: MIT */
/*
 * Most of the forecast is a column of the catalogue (struct rule's `stops`, or what a finding says instead). What is
 * left are limits of single programs; they are listed below, each with a test.
 */
#include "check/forecast.h"

#include "check/rule.h"
#include "format/layout.h"

/* ---- limits of programs ---- */

static bool is_differencing(const struct image *img)
{
    return img->main->type == DISK_DIFFERENCING;
}

static bool has_large_sectors(const struct image *img)
{
    const struct metadata *m = &img->main->metadata;

    return m->have_logical_sector_size && m->logical_sector_size == 4096;
}

static bool has_long_active_entry(const struct image *img)
{
    enum { DESCRIPTORS_MOST = 126 }; /* those of the first sector */
    const struct log_scan *log = &img->log;

    if (!log->has_active)
        return false;
    uint64_t at = log->active_first;
    for (uint64_t n = 0; n < log->active_count && at != UINT64_MAX; n++) {
        if (log->entries[at].descriptor_count > DESCRIPTORS_MOST)
            return true;
        at = log_scan_next(log, at);
    }
    return false;
}

static bool has_log_guid(const struct image *img)
{
    const struct header *h = image_header(img);

    return h != NULL && !guid_is_nil(&h->log_guid);
}

static bool has_log_to_replay(const struct image *img)
{
    const struct header *h = image_header(img);

    return has_log_guid(img) && h != NULL && h->log_len > 0;
}

static bool is_outside(const struct image *img, uint64_t off, uint64_t len)
{
    return off > img->file_size || len > img->file_size - off;
}

/* The log, or a region that any program needs. */
static bool ends_early(const struct image *img)
{
    const struct view *v = img->main;
    const struct region_ref *const regions[2] = {&v->bat_region, &v->metadata_region};

    const struct header *h = image_header(img);

    if (h == NULL)
        return false;
    if (is_outside(img, h->log_off, h->log_len))
        return true;
    for (int i = 0; i < 2; i++) {
        if (regions[i]->found && (regions[i]->len == 0 || is_outside(img, regions[i]->off, regions[i]->len)))
            return true;
    }
    return false;
}

static bool has_empty_bat(const struct image *img)
{
    return img->main->bat_region.found && img->main->bat_region.len == 0;
}

static bool has_empty_region(const struct image *img)
{
    const struct view *v = img->main;

    return has_empty_bat(img) || (v->metadata_region.found && v->metadata_region.len == 0);
}

/* It looks at one bit of the size: rests of a sector are all the same to it. */
static bool has_odd_sectors(const struct image *img)
{
    const struct metadata *m = &img->main->metadata;

    return m->have_virtual_disk_size && m->have_logical_sector_size &&
           (m->virtual_disk_size & m->logical_sector_size) != 0;
}

static bool has_empty_item(const struct image *img)
{
    const struct metadata *m = &img->main->metadata;

    for (uint32_t i = 0; m->absence == ABSENT_NOT && i < m->table.usable_count; i++) {
        if (m->entries[i].len == 0 || m->entries[i].off < METADATA_TABLE_LEN)
            return true;
    }
    return false;
}

/* Sizes of which no chunk can be made: it divides by how many blocks a chunk has. */
static bool has_no_chunk(const struct image *img)
{
    enum { SECTORS_SHIFT = 23 }; /* of a chunk, [MS-VHDX] 2.5 */
    const struct metadata *m = &img->main->metadata;

    if (!m->have_file_parameters || !m->have_logical_sector_size)
        return false;
    return m->file_parameters.block_size == 0 ||
           (uint64_t)m->logical_sector_size << SECTORS_SHIFT < m->file_parameters.block_size;
}

/* What is read at once, and not as far as it is there. */
static bool has_table_behind_the_end(const struct image *img)
{
    const struct view *v = img->main;
    const struct metadata *m = &v->metadata;

    if (v->metadata_region.found && is_outside(img, v->metadata_region.off, METADATA_TABLE_HEADER_LEN))
        return true;
    if (m->truncated_table)
        return true;
    return v->bat_region.found && v->geometry_absence == ABSENT_NOT &&
           is_outside(img, v->bat_region.off, v->geometry.entries * BAT_ENTRY_LEN);
}

static bool has_regions_in_log_only(const struct image *img)
{
    return img->stored != img->main && img->stored->used_table < 0 && img->main->used_table >= 0;
}

static const struct habit {
    unsigned peer;
    bool (*stops)(const struct image *img);
    const char *text;
} habits[] = {
    {PEER_QEMU, is_differencing, "opens no differencing disk"},
    {PEER_QEMU, has_large_sectors, "opens no disk with logical sectors of 4096 bytes"},
    {PEER_QEMU, has_long_active_entry, "replays no log entry with more than 126 descriptors"},
    {PEER_7ZIP, has_log_to_replay, "opens no image whose log is not empty"},
    {PEER_QEMU, has_empty_bat, "opens no disk without blocks"},
    {PEER_7ZIP, ends_early,
     "opens no image whose file ends before the log, the BAT region or the metadata region does"},
    {PEER_7ZIP, has_odd_sectors, "opens no disk with an odd number of sectors"},
    {PEER_VIRTUALBOX, is_differencing, "opens no differencing disk"},
    {PEER_VIRTUALBOX, has_log_guid, "opens no image whose header names a log to replay"},
    {PEER_VIRTUALBOX, has_empty_region, "opens no image whose BAT or metadata region is empty"},
    {PEER_VIRTUALBOX, has_no_chunk, "computes with block and sector sizes that are no sizes"},
    {PEER_VIRTUALBOX, has_table_behind_the_end, "opens no image whose file ends inside the metadata table or the BAT"},
    {PEER_LIBVHDI, has_empty_item, "opens no image with a metadata item that is empty or lies inside the table"},
    {PEER_LIBVHDI, has_regions_in_log_only, "replays no log, and none of the region tables is valid without"},
};
enum { HABITS = sizeof(habits) / sizeof(habits[0]) };

/* ---- together ---- */

/* By rule: the programs that some finding of it stops. Findings of a rule stand together. */
static void note_rules(const struct check_result *res, unsigned *stops)
{
    const struct rule *rule = NULL;
    uint32_t index = 0;

    for (uint64_t i = 0; i < res->finding_count; i++) {
        const struct finding *f = res->findings[i];
        if (f->stops == 0)
            continue;
        if (f->rule != rule) {
            rule = f->rule;
            index = rule_index(rule);
        }
        stops[index] |= f->stops;
    }
}

enum status forecast_make(struct arena *a, const struct check_result *res, struct forecast *ret)
{
    unsigned *stops = (unsigned *)arena_array(a, rule_count(), sizeof(*stops));
    unsigned of_habit[HABITS];

    if (stops == NULL)
        return arena_status(a);
    note_rules(res, stops);
    for (uint32_t i = 0; i < HABITS; i++)
        of_habit[i] = habits[i].stops(res->image) ? habits[i].peer : 0;
    for (unsigned bit = 0; bit < PEER_COUNT; bit++) {
        const char **because = (const char **)arena_array(a, (uint64_t)rule_count() + HABITS, sizeof(*because));
        uint32_t count = 0;

        if (because == NULL)
            return arena_status(a);
        for (uint32_t i = 0; i < rule_count(); i++) {
            if (stops[i] >> bit & 1)
                because[count++] = rule_at(i)->id;
        }
        ret->peers[bit].rules = count;
        for (uint32_t i = 0; i < HABITS; i++) {
            if (of_habit[i] >> bit & 1)
                because[count++] = habits[i].text;
        }
        ret->peers[bit].because = because;
        ret->peers[bit].count = count;
    }
    return STATUS_OK;
}
