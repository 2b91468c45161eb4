/* SPDX-License-Identifier: MIT */
/* What a stage changes: its pieces for those who apply them, and whether they change anything. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/span.h"
#include "io/stage_parts.h"

enum {
    COMPARE_WINDOW = 64 * 1024,
    PUT_WINDOW = 1 << 20,
};

static const uint64_t NOT_COUNTED = UINT64_MAX;

/* Counting and the place in the list are remembered; not beyond a change. */
static struct stage *fresh_listing(const struct store *stage)
{
    struct stage *t = (struct stage *)stage;

    if (t->listing_generation != t->list.generation) {
        t->listing_generation = t->list.generation;
        t->listing_count = NOT_COUNTED;
        t->listed = 0;
        t->listed_at = (struct stage_place){.leaf = 0};
    }
    return t;
}

/* The first piece behind those that belong together with the one at p. */
static struct stage_place run_end(const struct stage *t, struct stage_place p)
{
    for (;;) {
        const struct stage_item *x = stage_list_at(&t->list, p);
        p = stage_list_after(&t->list, p);
        if (!stage_piece_continues(x, stage_list_at(&t->list, p)))
            return p;
    }
}

uint64_t stage_piece_count(const struct store *stage)
{
    struct stage *t = fresh_listing(stage);

    if (t->listing_count == NOT_COUNTED) {
        t->listing_count = 0;
        for (struct stage_place p = {.leaf = 0}; stage_list_at(&t->list, p) != NULL; p = run_end(t, p))
            t->listing_count++;
    }
    return t->listing_count;
}

struct stage_piece stage_piece(const struct store *stage, uint64_t i)
{
    struct stage *t = fresh_listing(stage);

    if (i < t->listed) {
        t->listed = 0;
        t->listed_at = (struct stage_place){.leaf = 0};
    }
    for (; t->listed < i; t->listed++)
        t->listed_at = run_end(t, t->listed_at);
    const struct stage_item *x = stage_list_at(&t->list, t->listed_at);
    if (x == NULL)
        return (struct stage_piece){.off = 0};
    struct stage_place end = run_end(t, t->listed_at);
    return (struct stage_piece){
        .off = x->off,
        .len = stage_list_before(&t->list, end)->end - x->off,
        .kind = x->kind,
        .from = x->kind == STAGE_COPY ? x->from : 0,
    };
}

bool stage_touches(const struct store *stage, uint64_t off, uint64_t len)
{
    const struct stage *t = (const struct stage *)stage;
    const struct stage_item *x = stage_list_at(&t->list, stage_list_find(&t->list, off));

    return len > 0 && x != NULL && x->off < u64_add_sat(off, len);
}

static enum status put_bytes(struct stage *t, struct store *to, uint64_t off, uint64_t end, uint8_t *buf)
{
    while (off < end) {
        size_t n = (size_t)u64_min(PUT_WINDOW, end - off);
        enum status st = source_read(&t->source, off, buf, n);
        if (st == STATUS_OK)
            st = store_write(to, off, buf, n);
        if (st != STATUS_OK)
            return st;
        off += n;
    }
    return STATUS_OK;
}

enum status stage_put(struct store *stage, struct store *to)
{
    struct stage *t = (struct stage *)stage;
    uint8_t *buf = (uint8_t *)malloc(PUT_WINDOW);
    enum status st = buf != NULL ? store_resize(to, t->source.size) : STATUS_NO_MEMORY;

    for (struct stage_place p = {.leaf = 0}; st == STATUS_OK && stage_list_at(&t->list, p) != NULL;
         p = stage_list_after(&t->list, p)) {
        const struct stage_item *x = stage_list_at(&t->list, p);
        if (x->kind == STAGE_ZERO)
            st = store_zero(to, x->off, x->end - x->off);
        else
            st = put_bytes(t, to, x->off, x->end, buf);
    }
    free(buf);
    return st;
}

/* Whether the stage shows in [off, end) what the base holds there. */
static enum status range_unchanged(struct stage *t, uint64_t off, uint64_t end, uint8_t *a, uint8_t *b, bool *ret)
{
    while (off < end) {
        size_t n = (size_t)u64_min(COMPARE_WINDOW, end - off);
        enum status st = source_read(&t->source, off, a, n);
        if (st == STATUS_OK)
            st = stage_base_read(t, off, b, n);
        if (st != STATUS_OK)
            return st;
        if (memcmp(a, b, n) != 0) {
            *ret = false;
            return STATUS_OK;
        }
        off += n;
    }
    *ret = true;
    return STATUS_OK;
}

enum status stage_unchanged(struct store *stage, bool *ret)
{
    struct stage *t = (struct stage *)stage;
    enum status st = STATUS_OK;
    bool same = t->source.size == t->base_size;

    if (!same || t->list.leaf_count == 0) {
        *ret = same;
        return STATUS_OK;
    }
    uint8_t *a = (uint8_t *)malloc(2 * (size_t)COMPARE_WINDOW);
    if (a == NULL)
        return STATUS_NO_MEMORY;
    for (struct stage_place p = {.leaf = 0}; st == STATUS_OK && same && stage_list_at(&t->list, p) != NULL;
         p = stage_list_after(&t->list, p)) {
        const struct stage_item *x = stage_list_at(&t->list, p);
        uint64_t off = x->off;
        while (st == STATUS_OK && same && off < x->end) {
            /* Where the file has a hole, zeros over it change nothing. */
            uint64_t data = off, hole = x->end;
            if (x->kind == STAGE_ZERO)
                st = source_next_data(t->base, off, &data, &hole);
            if (st != STATUS_OK || data >= x->end)
                break;
            hole = u64_min(hole, x->end);
            st = range_unchanged(t, data, hole, a, a + COMPARE_WINDOW, &same);
            off = hole;
        }
    }
    free(a);
    if (st == STATUS_OK)
        *ret = same;
    return st;
}
