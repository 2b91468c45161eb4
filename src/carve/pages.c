/* SPDX-License-Identifier: MIT */
/*
 * What a logged page is a former or future version of, judged by where it goes: by the model's structures, or by its
 * look where they say nothing. Compared with what the file holds there, so that history shows what changed since.
 */
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "carve/parts.h"
#include "image/bat_walk.h"

/* Zero descriptors may be of any length; so much of one is compared. */
static const uint64_t ZEROS_COMPARED = (uint64_t)1 << 20;

static bool lies_in(uint64_t off, const struct region_ref *r)
{
    return r->found && off >= r->off && off - r->off < r->len;
}

static enum carved_target target_of(const struct carver *c, const struct view *v, uint64_t off)
{
    if (off >= REGION_TABLE_OFF[0] && off < HEADER_SECTION_RESERVED_OFF)
        return CARVED_REGION_TABLES;
    if (lies_in(off, &v->bat_region))
        return CARVED_BAT;
    if (lies_in(off, &v->metadata_region))
        return CARVED_METADATA;
    const struct extent *e = layout_map_fixed_at(v->layout, off, LOG_SECTOR_LEN);
    if (e != NULL && e->kind == OWNER_BITMAP)
        return CARVED_BITMAP;
    if (e != NULL && e->kind == OWNER_REGION)
        return CARVED_REGION;
    if (c->out->model != CARVE_MODEL_NONE && layout_map_payload_at(v->layout, off, LOG_SECTOR_LEN))
        return CARVED_PAYLOAD;
    return CARVED_ELSEWHERE;
}

/* The file's bytes at off; *ret_there: all of them exist and could be read. */
static enum status read_today(struct carver *c, uint64_t off, uint8_t *buf, bool *ret_there)
{
    *ret_there = false;
    if (!range_in(off, LOG_SECTOR_LEN, c->file->size))
        return STATUS_OK;
    enum status st = source_read(c->file, off, buf, LOG_SECTOR_LEN);
    *ret_there = st == STATUS_OK;
    return st == STATUS_IO ? STATUS_OK : st;
}

static enum status judge_zeros(struct carver *c, struct carved_log_page *page)
{
    uint8_t today[LOG_SECTOR_LEN];
    bool there = true;

    page->now = CARVED_SAME;
    for (uint64_t at = 0; at < u64_min(page->len, ZEROS_COMPARED); at += LOG_SECTOR_LEN) {
        enum status st = read_today(c, u64_add_sat(page->target, at), today, &there);
        if (st != STATUS_OK)
            return st;
        if (!there || !span_is_zero(span_of(today, sizeof(today)))) {
            page->now = there ? CARVED_DIFFERENT : CARVED_UNKNOWN;
            return STATUS_OK;
        }
    }
    if (page->len > ZEROS_COMPARED)
        page->now = CARVED_UNKNOWN;
    return STATUS_OK;
}

static void judge_bat(const struct view *v, struct carved_log_page *page, const uint8_t *then, const uint8_t *today)
{
    page->first_entry = (page->target - v->bat_region.off) / BAT_ENTRY_LEN;
    for (uint64_t i = 0; today != NULL && i < BAT_PAGE_ENTRIES; i++) {
        uint64_t a = le64(then + i * BAT_ENTRY_LEN), b = le64(today + i * BAT_ENTRY_LEN);
        if (a == b)
            continue;
        if (page->changed < CARVED_CHANGES)
            page->changes[page->changed] = (struct carved_change){.index = page->first_entry + i, .then = a, .now = b};
        page->changed++;
    }
}

/* The bytes of a known item, when all of them lie in the page. */
static bool item_in_page(const struct view *v, enum known_guid which, const struct carved_log_page *page,
                         const uint8_t *then, uint64_t len, struct span *ret)
{
    const struct metadata_item *item = &v->metadata.items[which];
    if (!item->found)
        return false;
    uint64_t off = v->metadata_region.off + v->metadata.entries[item->entry].off;
    return off >= page->target && span_sub(span_of(then, LOG_SECTOR_LEN), off - page->target, len, ret);
}

static void judge_metadata(const struct view *v, struct carved_log_page *page, const uint8_t *then)
{
    struct file_parameters p = {.block_size = 0};
    struct span s;
    if (item_in_page(v, KNOWN_ITEM_VIRTUAL_DISK_SIZE, page, then, VIRTUAL_DISK_SIZE_LEN, &s))
        page->have_virtual_size = virtual_disk_size_decode(s, &page->virtual_size);
    if (item_in_page(v, KNOWN_ITEM_FILE_PARAMETERS, page, then, FILE_PARAMETERS_LEN, &s)) {
        page->have_block_size = file_parameters_decode(s, &p);
        page->block_size = p.block_size;
    }
}

enum status carve_page_judge(struct carver *c, struct carved_log_page *page, uint64_t data_off)
{
    const struct view *v = c->out->view != NULL ? c->out->view : c->img->main;
    uint8_t sector[LOG_SECTOR_LEN], then[LOG_SECTOR_LEN], today[LOG_SECTOR_LEN];
    bool there = false;

    page->kind = target_of(c, v, page->target);
    if (page->zero)
        return judge_zeros(c, page);
    enum status st = carver_read(c, data_off, sector, sizeof(sector));
    if (st == STATUS_OK)
        st = read_today(c, page->target, today, &there);
    if (st != STATUS_OK)
        return st;
    log_page_assemble(page->leading, sector, page->trailing, then);
    page->now = !there ? CARVED_UNKNOWN : memcmp(then, today, sizeof(then)) == 0 ? CARVED_SAME : CARVED_DIFFERENT;
    if (page->kind == CARVED_BAT || page->kind == CARVED_ELSEWHERE)
        (void)bat_guess_page(&page->guess, span_of(then, sizeof(then)), 0, c->file->size);
    if (page->kind == CARVED_BAT)
        judge_bat(v, page, then, there ? today : NULL);
    if (page->kind == CARVED_METADATA)
        judge_metadata(v, page, then);
    return STATUS_OK;
}
