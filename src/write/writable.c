/* SPDX-License-Identifier: MIT */
/*
 * The gate in front of the writer. Reading a damaged image can go around the damage; writing must not touch an image
 * unless it is known where everything lies: a block that shares its place with another one, or with the log, would be
 * two things at once after a write. What is asked here is whether a write is safe, not whether the image is without
 * fault: the rules of check/ say more, and what they say does not stop a write unless it is one of these.
 */
#include "write/writable.h"

#include <inttypes.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "format/layout.h"
#include "image/bat_walk.h"

/* Header updates of one session: replay, first write, log, close; two numbers each. With room to spare. */
static const uint64_t SEQUENCE_NUMBERS = 16;

struct judge {
    struct image *img;
    struct view *view;
    const char *why; /* NULL: nothing so far */
    bool anchors_apart;
};

__attribute__((format(printf, 2, 3))) static void refuse(struct judge *j, const char *fmt, ...)
{
    va_list ap;

    if (j->why != NULL)
        return; /* the first reason is the one that is told */
    va_start(ap, fmt);
    j->why = text_vformat(j->img->arena, fmt, ap);
    va_end(ap);
}

/* ---- identifier, headers, log ---- */

static void judge_header(struct judge *j)
{
    const struct image *img = j->img;
    const struct header *h = image_header(img);

    if (img->file_id_absence != ABSENT_NOT || !img->file_id.signature_ok)
        refuse(j, "it does not start with the signature of a VHDX file (VHDX-FID-001)");
    else if (h == NULL)
        refuse(j, "it has no valid header (VHDX-HDR-002)");
    else if (img->choice == HEADER_AMBIGUOUS)
        refuse(j, "its two headers differ and neither is newer (VHDX-HDR-006)");
    else if (h->version != 1)
        refuse(j, "its header has version %u, and only 1 is known (VHDX-HDR-004)", h->version);
    else if (h->log_version != 0)
        refuse(j, "its log has version %u, and only 0 is known (VHDX-HDR-005)", h->log_version);
    else if (h->sequence_number > UINT64_MAX - SEQUENCE_NUMBERS)
        refuse(j, "the sequence number of its headers is at its end (VHDX-HDR-010)");
}

static void judge_log(struct judge *j)
{
    const struct image *img = j->img;
    const struct header *h = image_header(img);

    if (h == NULL)
        return; /* said already */
    if (h->log_len == 0)
        refuse(j, "it has no log, and without one it cannot be changed safely (VHDX-HDR-018)");
    else if (h->log_len % MIB != 0 || h->log_off % MIB != 0)
        refuse(j, "its log is not a number of whole MiB (VHDX-HDR-013, VHDX-HDR-014)");
    else if (!range_in(h->log_off, h->log_len, img->file_size))
        refuse(j, "its log does not lie inside the file (VHDX-HDR-016)");
    else if (img->log_state == LOG_STATE_INVALID && img->replay.refused)
        refuse(j, "its log must not be replayed: it would write where no log may write, or the file was cut off; "
                  "vhdxray check says more");
    else if (img->log_state == LOG_STATE_INVALID)
        refuse(j, "its header names a log of which no entry is there (VHDX-LOG-002)");
    else if (img->log_state == LOG_STATE_DIRTY && !img->replayed)
        refuse(j, "its log was not replayed");
}

/* ---- regions and metadata ---- */

static const struct region_entry *entry_in(const struct region_copy *c, enum known_guid which)
{
    for (uint32_t i = 0; i < c->table.usable_count; i++) {
        if (guid_equal(&c->entries[i].guid, known_guid(which)))
            return &c->entries[i];
    }
    return NULL;
}

static bool copies_agree(const struct view *v, enum known_guid which)
{
    const struct region_entry *a = entry_in(&v->regions[0], which), *b = entry_in(&v->regions[1], which);

    return a != NULL && b != NULL && a->off == b->off && a->len == b->len;
}

static void judge_regions(struct judge *j)
{
    const struct view *v = j->view;

    if (v->used_table < 0) {
        refuse(j, "it has no valid region table (VHDX-RGN-001)");
        return;
    }
    if (v->regions[0].valid && v->regions[1].valid &&
        !(copies_agree(v, KNOWN_REGION_BAT) && copies_agree(v, KNOWN_REGION_METADATA)))
        refuse(j, "its two region tables disagree about BAT or metadata (VHDX-RGN-006)");
    if (v->bat_region.matches != 1 || v->metadata_region.matches != 1)
        refuse(j, "its region table does not list BAT and metadata once each (VHDX-RGN-008, -018, -019)");
    const struct region_copy *c = &v->regions[v->used_table];
    for (uint32_t i = 0; i < c->table.usable_count; i++) {
        const struct region_entry *e = &c->entries[i];
        enum known_guid known = known_guid_find(&e->guid);

        if (known != KNOWN_REGION_BAT && known != KNOWN_REGION_METADATA && (e->required_word & 1) != 0)
            refuse(j, "entry %u of its region table is one that must be understood and is not known (VHDX-RGN-016)", i);
        if (e->off % MIB != 0 || e->len % MIB != 0 || !range_in(e->off, e->len, v->src->size))
            refuse(j, "entry %u of its region table is not in the file, in whole MiB (VHDX-RGN-009, -011)", i);
    }
}

static bool is_specified(enum known_guid id)
{
    return id >= KNOWN_ITEM_FILE_PARAMETERS && id <= KNOWN_ITEM_PARENT_LOCATOR;
}

static void judge_metadata(struct judge *j)
{
    const struct metadata *m = &j->view->metadata;

    if (m->absence != ABSENT_NOT) {
        refuse(j, "its metadata cannot be used: %s", absence_text(m->absence));
        return;
    }
    for (uint32_t i = 0; i < m->table.usable_count; i++) {
        const struct metadata_entry *e = &m->entries[i];
        enum known_guid id = known_guid_find(&e->item_id);
        bool user = (e->flags & METADATA_FLAG_IS_USER) != 0;

        if (id == KNOWN_ITEM_INCOMPLETE_FILE)
            refuse(j, "its creation was never finished (VHDX-META-026)");
        else if ((e->flags & METADATA_FLAG_IS_REQUIRED) != 0 && (user || !is_specified(id)))
            refuse(j, "metadata entry %u is one that must be understood and is not known (VHDX-META-015)", i);
        else if (!user && is_specified(id) && m->items[id].matches > 1)
            refuse(j, "its metadata lists the item %s more than once (VHDX-META-005)", known_guid_name(id));
    }
}

static void judge_disk(struct judge *j)
{
    const struct view *v = j->view;

    if (v->geometry_absence != ABSENT_NOT)
        refuse(j, "the size and shape of its disk are unknown: %s", absence_text(v->geometry_absence));
    else if (v->geometry.virtual_size % v->geometry.logical_sector_size != 0)
        refuse(j, "its disk does not end with a whole sector (VHDX-META-033)");
    else if (v->bat.absence != ABSENT_NOT)
        refuse(j, "it has no usable block allocation table: %s", absence_text(v->bat.absence));
    else if (v->bat.slots < v->geometry.entries)
        refuse(j, "its block allocation table is too small for the disk (VHDX-BAT-001)");
}

/* ---- places ---- */

static void judge_fixed_places(struct judge *j)
{
    const struct layout_map *m = j->view->layout;
    const struct extent *reaches = NULL; /* of those so far the one that ends last */

    for (uint64_t i = 0; i < layout_map_fixed_count(m); i++) {
        const struct extent *e = layout_map_fixed(m, i);

        if (e->kind == OWNER_BITMAP && !j->view->geometry.differencing)
            continue; /* means nothing to any reader */
        if (reaches != NULL && e->start < reaches->end)
            refuse(j, "%s and %s share bytes at 0x%" PRIx64 " of the file", owner_name(reaches->kind),
                   owner_name(e->kind), e->start);
        if (reaches == NULL || e->end > reaches->end)
            reaches = e;
    }
}

static const struct {
    enum bat_fact fact;
    const char *what;
} dangers[] = {
    {BAT_FACT_ZERO_OFFSET, "has no place in the file (VHDX-BAT-008)"},
    {BAT_FACT_WRAPS, "lies beyond what a file can be (VHDX-BAT-010)"},
    {BAT_FACT_PAST_EOF, "lies behind the end of the file (VHDX-BAT-012, VHDX-SBM-001)"},
    {BAT_FACT_HITS_HEADER, "lies on the header section (VHDX-BAT-008)"},
    {BAT_FACT_HITS_LOG, "lies on the log (VHDX-BAT-014)"},
    {BAT_FACT_HITS_REGION, "lies on a region (VHDX-BAT-015)"},
    {BAT_FACT_SAME_PAYLOAD, "has the same place as another block (VHDX-BAT-016)"},
    {BAT_FACT_PARTIAL_PAYLOAD, "overlaps another block (VHDX-BAT-017)"},
    {BAT_FACT_HITS_BITMAP, "overlaps a sector bitmap (VHDX-BAT-018)"},
    {BAT_FACT_STATE, "has a state that means nothing here (VHDX-BAT-002 to -005)"},
    {BAT_FACT_NO_BITMAP, "is partly present and has no sector bitmap (VHDX-BAT-020)"},
};

static bool judge_entry(void *ctx, const struct bat_note *n)
{
    struct judge *j = (struct judge *)ctx;

    if ((n->facts & BAT_FACT_UNUSED_SLOT) != 0 || (n->slot.is_bitmap && !j->view->geometry.differencing))
        return true;
    for (size_t i = 0; i < sizeof(dangers) / sizeof(dangers[0]); i++) {
        if ((n->facts & (unsigned)dangers[i].fact) == 0)
            continue;
        if (!n->anchor)
            refuse(j, "BAT entry %" PRIu64 " %s", n->index, dangers[i].what);
        else if (dangers[i].fact != BAT_FACT_PAST_EOF)
            j->anchors_apart = false;
    }
    if ((n->facts & BAT_FACT_HITS_ANCHOR) != 0)
        j->anchors_apart = false;
    return j->why == NULL;
}

static enum status judge_places(struct judge *j, uint64_t *ret_end)
{
    struct view *v = j->view;
    uint64_t end = 0;
    enum status st = view_survey(v);

    if (st != STATUS_OK)
        return st;
    if (v->survey == NULL)
        return STATUS_IO; /* it was there when it was looked for */
    if (!v->survey->overlaps_checked)
        refuse(j, "it could not be found out whether blocks overlap");
    judge_fixed_places(j);
    st = bat_visit_notable(v, judge_entry, j);
    if (st != STATUS_OK)
        return st;
    if (!u64_align_up(u64_max(v->src->size, u64_max(v->survey->highest_end, layout_map_end(v->layout))), MIB, &end) ||
        (end > LIMIT_REPLAYED_SIZE && end - MIB >= v->src->size))
        refuse(j, "a block has a place that is too far behind the end of the file");
    *ret_end = end;
    return STATUS_OK;
}

enum status writable_judge(struct image *img, struct writable *ret, const char **ret_why)
{
    struct judge j = {.img = img, .view = img->main, .anchors_apart = true};
    uint64_t end = 0;
    enum status st = STATUS_OK;

    judge_header(&j);
    if (j.why == NULL)
        judge_log(&j);
    if (j.why == NULL)
        judge_regions(&j);
    if (j.why == NULL)
        judge_metadata(&j);
    if (j.why == NULL)
        judge_disk(&j);
    if (img->log.io_error || img->replay.io_error || img->main->io_error)
        return STATUS_IO;
    if (j.why == NULL)
        st = judge_places(&j, &end);
    if (st != STATUS_OK)
        return st;
    if (j.why != NULL) {
        *ret_why = j.why;
        return STATUS_REFUSED;
    }
    *ret = (struct writable){.end = end, .anchors_apart = j.anchors_apart};
    return STATUS_OK;
}
