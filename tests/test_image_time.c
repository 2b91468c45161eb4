/* SPDX-License-Identifier: MIT */
/*
 * Time that ends at any read of an image, or of its parent: whatever is done with it, check, guest, plan of a replay,
 * deep look, maps, says that a limit was met, or has the very result of a host with enough of it. And visitors that
 * want no more: nothing follows then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "build.h"
#include "check/run.h"
#include "image/chain.h"
#include "image/deep_scan.h"
#include "image/disk_bins.h"
#include "image/file_order.h"
#include "image/guest.h"
#include "image/guest_faults.h"
#include "image/guest_walk.h"
#include "image/lost.h"
#include "image/replay_plan.h"
#include "io/source.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

/* ---- a source whose time ends ---- */

struct clock {
    uint64_t calls, most; /* most: 0 without end */
    bool counting;
};

struct timed {
    struct source source;
    struct source *base;
    struct clock *clock;
};

static bool over(struct timed *t)
{
    struct clock *k = t->clock;

    return k->counting && ++k->calls >= k->most && k->most > 0;
}

static enum status timed_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    struct timed *t = (struct timed *)s;

    if (over(t))
        return STATUS_LIMIT;
    return source_read(t->base, off, buf, len);
}

static enum status timed_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    struct timed *t = (struct timed *)s;

    if (over(t))
        return STATUS_LIMIT;
    return source_next_data(t->base, off, ret_data, ret_hole);
}

static void timed_close(struct source *s)
{
    (void)s;
}

static struct source *timed_over(struct timed *t, struct source *base, struct clock *clock)
{
    static const struct source_ops ops = {.read = timed_read, .next_data = timed_next_data, .close = timed_close};

    *t = (struct timed){.source = {.ops = &ops, .size = base->size}, .base = base, .clock = clock};
    return &t->source;
}

/* ---- images ---- */

struct looked_at {
    struct arena *arena;
    struct clock clock;
    struct source *base[2];
    struct timed timed[2];
    struct image *image, *parent;
};

static void look(struct looked_at *l, const struct img *img, const struct img *parent)
{
    *l = (struct looked_at){.arena = arena_create(LIMIT_MEMORY_DEFAULT), .base = {img_source(img), NULL}};
    assert_non_null(l->arena);
    assert_int_equal(
        image_open(l->arena, timed_over(&l->timed[0], l->base[0], &l->clock), "child", NULL, NULL, &l->image),
        STATUS_OK);
    if (parent == NULL)
        return;
    l->base[1] = img_source(parent);
    assert_int_equal(
        image_open(l->arena, timed_over(&l->timed[1], l->base[1], &l->clock), "parent", NULL, NULL, &l->parent),
        STATUS_OK);
    assert_int_equal(chain_lend(l->image, l->parent, "parent"), STATUS_OK);
}

static void leave(struct looked_at *l)
{
    image_close(l->image);
    if (l->parent != NULL) {
        image_close(l->parent);
        source_close(l->base[1]);
    }
    source_close(l->base[0]);
    arena_destroy(l->arena);
}

/* ---- what is done with them; each adds up what it saw ---- */

struct sum {
    uint64_t value;
};

static void add(struct sum *s, uint64_t v)
{
    s->value = (s->value ^ v) * 0x100000001b3;
}

static enum status do_check(struct looked_at *l, struct sum *s)
{
    struct check_result *res = NULL;
    enum status st = check_run(l->image, &(struct check_options){.max_findings = 100, .deep = true}, NULL, &res);

    if (st != STATUS_OK)
        return st;
    for (uint64_t i = 0; i < res->finding_count; i++)
        add(s, res->findings[i]->rule_number);
    return res->complete ? STATUS_OK : STATUS_LIMIT;
}

static uint8_t bytes[8 << 20];

static enum status do_guest(struct looked_at *l, struct sum *s)
{
    struct guest_fault_list faults = {.arena = l->arena};
    struct guest_walk *w = NULL;
    struct guest *g = NULL;
    uint64_t bad = 0;
    const char *why;

    enum status st = guest_open(l->image, &(struct guest_options){.salvage = true}, &g, &why);
    size_t len = st == STATUS_OK ? (size_t)u64_min(guest_size(g), sizeof(bytes)) : 0;
    if (st == STATUS_OK)
        st = guest_read(g, 0, bytes, len, NULL, NULL, &bad);
    for (size_t i = 0; st == STATUS_OK && i < len; i += 509)
        add(s, bytes[i]);
    if (st == STATUS_OK)
        st = guest_find_faults(g, 0, guest_size(g), &faults);
    add(s, bad + faults.total);
    if (st == STATUS_OK)
        st = guest_walk_open(g, 0, guest_size(g), &w);
    for (bool more = true; st == STATUS_OK && more;) {
        struct guest_piece piece;
        const uint8_t *data = NULL;
        st = guest_walk_peek(w, &piece, &more);
        if (st != STATUS_OK || !more)
            break;
        st = guest_walk_take(w, piece.len, &data, NULL, NULL, &bad);
        add(s, piece.off + (data != NULL ? data[0] : 0U));
    }
    return st;
}

static bool see_page(void *ctx, const struct replay_page *p)
{
    add(ctx, p->off + p->changed);
    return true;
}

static enum status do_plan(struct looked_at *l, struct sum *s)
{
    return replay_plan_visit(l->image, see_page, s);
}

static bool see_note(void *ctx, const struct deep_note *n)
{
    add(ctx, n->off + n->len);
    return true;
}

static enum status do_deep(struct looked_at *l, struct sum *s)
{
    enum status st = view_survey(l->image->main);

    return st == STATUS_OK ? deep_scan(l->image->main, see_note, s, NULL, NULL) : st;
}

static enum status do_maps(struct looked_at *l, struct sum *s)
{
    struct placed_blocks blocks;
    struct file_order *order;
    struct disk_bins bins;
    bool more = true;

    enum status st = view_survey(l->image->main);
    if (st == STATUS_OK)
        st = disk_bins_make(l->arena, l->image->main, 32, &bins);
    for (uint32_t i = 0; st == STATUS_OK && i < bins.file_count; i++)
        add(s, bins.file[i].stored + 2U * bins.file[i].overlap);
    if (st == STATUS_OK)
        st = file_order_open(l->image->main, &order);
    while (st == STATUS_OK && more) {
        st = file_order_next(order, &blocks, &more);
        if (st == STATUS_OK && more)
            add(s, blocks.off + blocks.blocks);
    }
    return st;
}

static enum status do_lost(struct looked_at *l, struct sum *s)
{
    const struct lost_place nothing = {.log_off = l->image->main->log_off, .log_len = l->image->main->log_len};
    struct lost_fit fit = {.percent = 0};
    bool found = false;
    enum status st = lost_find_pair(l->arena, l->image->file, &nothing, &found, &fit);

    add(s, found ? fit.place.bat_off : 1);
    return st;
}

/* ---- all of it ---- */

typedef enum status doing(struct looked_at *l, struct sum *s);

static uint64_t try_all(const struct img *img, const struct img *parent, doing *fn, const char *name)
{
    struct sum whole = {.value = 7};
    struct looked_at l;
    uint64_t runs = 0;

    look(&l, img, parent);
    l.clock.counting = true;
    assert_int_equal(fn(&l, &whole), STATUS_OK);
    const uint64_t calls = l.clock.calls;
    leave(&l);
    for (uint64_t n = 1; n <= calls; n += 1 + n / 60) {
        struct sum part = {.value = 7};
        look(&l, img, parent);
        l.clock.counting = true;
        l.clock.most = n;
        enum status st = fn(&l, &part);
        if (st != STATUS_OK && st != STATUS_LIMIT)
            fail_msg("%s, call %llu of %llu: %s", name, (unsigned long long)n, (unsigned long long)calls,
                     status_text(st));
        if (st == STATUS_OK && part.value != whole.value)
            fail_msg("%s, call %llu of %llu: another result, and no word of it", name, (unsigned long long)n,
                     (unsigned long long)calls);
        runs += st == STATUS_LIMIT;
        leave(&l);
    }
    return runs;
}

static const struct {
    doing *fn;
    const char *name;
} doings[] = {{do_check, "check"}, {do_guest, "guest"}, {do_plan, "plan"},
              {do_deep, "deep"},   {do_maps, "maps"},   {do_lost, "lost"}};

static void time_ends(void **state)
{
    struct img *parent = img_create(NULL);
    struct img *images[] = {
        img_create(&(struct img_params){.states = "6.62M....6"}),
        img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent}),
        img_create(&(struct img_params){.virtual_size = (uint64_t)4 << 40, .states = "66"}),
        /* entries of blocks and of their bitmap in two windows */
        img_create(&(struct img_params){
            .type = IMG_DIFFERENCING, .block_size = MIB, .logical_sector_size = 4096, .states = "7..7"})};
    uint64_t runs = 0;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct img_log_desc descs[] = {
            {.off = images[i]->bat_off, .page = img_page_copy(images[i], images[i]->bat_off)},
            {.off = images[i]->payload_off, .len = 65536}};
        img_fill(images[i], images[i]->size - MIB, 4096, 0x11);
        img_resize(images[i], images[i]->size + 4 * MIB);
        img_fill(images[i], images[i]->size - 2 * MIB, 9000, 0x12); /* nobody's */
        img_make_dirty(images[i], descs, 2);
    }
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        for (size_t k = 0; k < sizeof(doings) / sizeof(doings[0]); k++)
            if (i < 2 || doings[k].fn != do_plan)
                runs += try_all(images[i], i == 1 ? parent : NULL, doings[k].fn, doings[k].name);
        img_free(images[i]);
    }
    img_free(parent);
    assert_true(runs > 200);
}

/* ---- who wants no more ---- */

struct few {
    uint64_t seen, most;
};

static bool few_pages(void *ctx, const struct replay_page *p)
{
    struct few *f = ctx;

    (void)p;
    return ++f->seen < f->most;
}

static bool few_notes(void *ctx, const struct deep_note *n)
{
    struct few *f = ctx;

    (void)n;
    return ++f->seen < f->most;
}

static void enough_is_enough(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "66MM....66"});
    uint64_t end = img->size;
    struct looked_at l;
    struct few all = {.most = UINT64_MAX};

    (void)state;
    const struct img_log_desc descs[] = {{.off = img->bat_off, .page = img_page_copy(img, img->bat_off)},
                                         {.off = img->payload_off, .len = 65536}};
    img_resize(img, end + 8 * MIB);
    for (uint64_t i = 0; i < 4; i++) /* several things in free space */
        memcpy(img_bytes(img, end + 2 * i * MIB + 0x10040, 8), "_BHRfS_M", 8);
    img_make_dirty(img, descs, 2);
    look(&l, img, NULL);
    assert_int_equal(view_survey(l.image->main), STATUS_OK);
    assert_int_equal(replay_plan_visit(l.image, few_pages, &all), STATUS_OK);
    assert_true(all.seen > 4);
    for (uint64_t n = 1; n <= all.seen; n++) {
        struct few f = {.most = n};
        assert_int_equal(replay_plan_visit(l.image, few_pages, &f), STATUS_OK);
        assert_int_equal(f.seen, n);
    }
    all.seen = 0;
    assert_int_equal(deep_scan(l.image->main, few_notes, &all, NULL, NULL), STATUS_OK);
    assert_true(all.seen >= 4);
    for (uint64_t n = 1; n <= all.seen; n++) {
        struct few f = {.most = n};
        assert_int_equal(deep_scan(l.image->main, few_notes, &f, NULL, NULL), STATUS_OK);
        assert_int_equal(f.seen, n);
    }
    leave(&l);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(time_ends), cmocka_unit_test(enough_is_enough)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
