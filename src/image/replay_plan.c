/* SPDX-License-Identifier: MIT */
/*
 * Walks the overlay's pieces and compares each page with the file. A zeroed range can be as long as the file's limit,
 * so only what the file holds there is looked at; the rest of the work is bounded by the number of descriptors.
 */
#include "image/replay_plan.h"

#include <string.h>

#include "base/checked.h"
#include "base/span.h"
#include "format/layout.h"
#include "io/source.h"

struct planner {
    struct image *img;
    bool (*fn)(void *ctx, const struct replay_page *p);
    void *ctx;
    bool stopped;
};

static struct extent page_owner(const struct view *v, uint64_t off)
{
    if (off < HEADER_SECTION_LEN)
        return (struct extent){.start = 0, .end = HEADER_SECTION_LEN, .kind = OWNER_HEADER_SECTION};
    if (v->layout != NULL) {
        const struct extent *e = layout_map_fixed_at(v->layout, off, REPLAY_PAGE_LEN);
        if (e != NULL)
            return *e;
        if (layout_map_payload_at(v->layout, off, REPLAY_PAGE_LEN))
            return (struct extent){.start = off, .end = off + REPLAY_PAGE_LEN, .kind = OWNER_PAYLOAD};
    }
    const struct region_ref *regions[] = {&v->bat_region, &v->metadata_region};
    for (size_t i = 0; i < 2; i++) {
        if (regions[i]->found && regions[i]->in_file && off >= regions[i]->off &&
            off - regions[i]->off < regions[i]->len)
            return (struct extent){.start = regions[i]->off,
                                   .end = regions[i]->off + regions[i]->len,
                                   .kind = OWNER_REGION,
                                   .ref = regions[i]->entry};
    }
    return (struct extent){.start = off, .end = off + REPLAY_PAGE_LEN, .kind = OWNER_NONE};
}

static enum status plan_page(struct planner *p, uint64_t off)
{
    uint8_t old[REPLAY_PAGE_LEN], new[REPLAY_PAGE_LEN];
    struct replay_page page = {.off = off, .old = old, .new = new};
    size_t got;

    enum status st = source_read_some(p->img->file, off, old, sizeof(old), &got);
    if (st == STATUS_OK)
        st = source_read_some(p->img->replay.overlay, off, new, sizeof(new), &got);
    if (st != STATUS_OK || memcmp(old, new, sizeof(old)) == 0)
        return st;
    for (size_t i = 0; i < sizeof(old); i++) {
        if (old[i] == new[i])
            continue;
        if (page.changed++ == 0)
            page.first_off = off + i;
    }
    page.beyond_eof = off >= p->img->file_size;
    page.owner = page_owner(p->img->main, off);
    p->stopped = !p->fn(p->ctx, &page);
    return STATUS_OK;
}

static enum status plan_range(struct planner *p, uint64_t off, uint64_t end)
{
    enum status st = STATUS_OK;

    for (; off < end && st == STATUS_OK && !p->stopped; off += REPLAY_PAGE_LEN)
        st = plan_page(p, off);
    return st;
}

/* Where the file has a hole, or ends, zeros change nothing. */
static enum status plan_zeroed(struct planner *p, uint64_t off, uint64_t end)
{
    uint64_t last = u64_min(end, p->img->file_size);

    while (off < last && !p->stopped) {
        uint64_t data, hole;
        enum status st = source_next_data(p->img->file, off, &data, &hole);

        if (st != STATUS_OK || data >= last)
            return st;
        uint64_t from = u64_max(off, data - data % REPLAY_PAGE_LEN);
        uint64_t to = u64_min(end, REPLAY_PAGE_LEN * u64_div_up(u64_min(hole, last), REPLAY_PAGE_LEN));
        st = plan_range(p, from, to);
        if (st != STATUS_OK)
            return st;
        off = to;
    }
    return STATUS_OK;
}

enum status replay_plan_visit(struct image *img, bool (*fn)(void *ctx, const struct replay_page *p), void *ctx)
{
    struct planner p = {.img = img, .fn = fn, .ctx = ctx};
    enum status st = STATUS_OK;

    if (img->replay.overlay == NULL)
        return STATUS_OK;
    uint64_t count = overlay_piece_count(img->replay.overlay);
    for (uint64_t i = 0; i < count && st == STATUS_OK && !p.stopped; i++) {
        uint64_t off, len;
        bool zero;

        overlay_piece(img->replay.overlay, i, &off, &len, &zero);
        st = zero ? plan_zeroed(&p, off, off + len) : plan_range(&p, off, off + len);
    }
    return st;
}
