/* SPDX-License-Identifier: MIT */
/*
 * Looking at images on a host that fails: for every case of the tables, whatever allocation, read or question for holes
 * fails by a way of its own, a check says that it is not complete or finds the very same, and a reader of the guest's
 * disk says which bytes it could not have or has the very same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "bytes_equal.h"
#include "cases.h"
#include "check/forecast.h"
#include "check/profile.h"
#include "fault_sites.h"
#include "image/chain_set.h"
#include "image/disk_bins.h"
#include "image/file_order.h"
#include "image/guest.h"
#include "image/guest_faults.h"
#include "image/guest_walk.h"
#include "image/lost.h"
#include "image/replay_plan.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static const struct case_table *const tables[] = {&container_cases, &metadata_cases, &block_cases, &log_cases,
                                                  &chain_cases,     &forensic_cases, &tool_cases,  &edge_cases};
enum { TABLES = sizeof(tables) / sizeof(tables[0]), LOOKED_AT = 5 * 1024 * 1024, WALKED_PIECES = 64 };

struct looking {
    const struct test_case *c;
    bool guard;
    /* of the host that does not fail */
    bool known, complete;
    uint64_t counts[4], answers, blocks;
    enum status status;
};

/* ---- the check ---- */

static struct source *begin_here(struct source *base, bool own)
{
    if (!own) /* the image itself, right before it is opened */
        sites_begin();
    return base;
}

static void prepare(struct case_run *r)
{
    r->scene.check.deep = true;
    r->scene.wrap_all = begin_here;
    r->scene.aside = sites_pause;
}

/* A case may be about a host without memory or with bytes that cannot be read: then there is little to say. */
static bool fails_by_itself(const struct case_run *r)
{
    return r->scene.memory > 0 || r->scene.bad_len > 0 || r->scene.wrap != NULL;
}

static void assert_status(const struct looking *l, const struct case_run *r, enum status st, enum site_kind failed)
{
    bool told = st == l->status || st == STATUS_REFUSED || fails_by_itself(r) ||
                (failed == SITE_MEMORY && (st == STATUS_NO_MEMORY || st == STATUS_LIMIT)) ||
                ((failed == SITE_READ || failed == SITE_CHANGE) && st == STATUS_IO) ||
                (failed == SITE_TIME && st == STATUS_LIMIT);

    if (!told)
        fail_msg("%s%s: kind %d failed: %s", l->c->name, l->guard ? ", guard" : "", (int)failed, status_text(st));
}

static void run_check(void *ctx)
{
    struct looking *l = ctx;
    struct case_run r;
    enum status st = case_try(l->c, l->guard, prepare, &r);
    enum site_kind failed = sites_end();

    if (!l->known)
        l->status = st;
    assert_status(l, &r, st, failed);
    const struct check_result *res = st == STATUS_OK ? r.result : NULL;
    if (res != NULL && !l->known) {
        l->complete = res->complete;
        memcpy(l->counts, res->counts, sizeof(res->counts));
    }
    if (res != NULL && failed == SITE_MEMORY && res->complete)
        fail_msg("%s: complete without memory", l->c->name);
    /* A file that might have been the parent does not matter any more when the parent is found. */
    if (res != NULL && failed == SITE_READ && !res->io_error && !r.scene.search)
        fail_msg("%s: a read failed, and nobody says so", l->c->name);
    if (res != NULL && res->complete && memcmp(l->counts, res->counts, sizeof(res->counts)) != 0)
        fail_msg("%s: complete after kind %d failed, and with other findings", l->c->name, (int)failed);
    l->known = true;
    case_close(&r);
}

/* ---- the guest's disk ---- */

static uint8_t bytes[2][LOOKED_AT];
static uint64_t read_len, read_faults;

static bool next_page(void *ctx, const struct replay_page *p)
{
    return p->changed > 0 && ++*(unsigned *)ctx < WALKED_PIECES;
}

static enum status walk(struct guest *g)
{
    struct guest_walk *w;
    enum status st = guest_walk_open(g, 0, guest_size(g), &w);

    for (unsigned i = 0; st == STATUS_OK && i < WALKED_PIECES; i++) {
        struct guest_piece piece;
        const uint8_t *data;
        uint64_t faults;
        bool more;
        st = guest_walk_peek(w, &piece, &more);
        if (st != STATUS_OK || !more)
            break;
        st = guest_walk_take(w, piece.len, &data, NULL, NULL, &faults);
        if (st == STATUS_OK && data != NULL && faults == 0 && read_faults == 0 && piece.off + piece.len <= read_len)
            assert_bytes_equal(data, bytes[0] + piece.off, piece.len);
    }
    return st;
}

static void run_guest(void *ctx)
{
    struct looking *l = ctx;
    const struct guest_options options = {.salvage = true};
    uint64_t faults = 0, len = 0;
    struct guest *g = NULL;
    struct case_run r;
    const char *why;

    assert_int_equal(case_try(l->c, l->guard, NULL, &r), STATUS_OK);
    struct guest_fault_list list = {.arena = r.image->arena};
    sites_begin();
    enum status st = guest_open(r.image, &options, &g, &why);
    if (st == STATUS_OK) {
        len = u64_min(guest_size(g), LOOKED_AT);
        st = guest_read(g, 0, bytes[l->known], (size_t)len, NULL, NULL, &faults);
    }
    if (!l->known && st == STATUS_OK) {
        read_len = len;
        read_faults = faults;
    } else if (st == STATUS_OK) {
        sites_pause(true);
        assert_int_equal(len, read_len);
        if (faults == read_faults && memcmp(bytes[0], bytes[1], (size_t)len) != 0)
            fail_msg("%s: other bytes, and no fault", l->c->name);
        sites_pause(false);
    }
    if (st == STATUS_OK)
        st = guest_find_faults(g, 0, guest_size(g), &list);
    if (st == STATUS_OK) {
        (void)guest_needs_parent(g, &why);
        st = walk(g);
    }
    enum site_kind failed = sites_end();
    if (!l->known)
        l->status = st;
    assert_status(l, &r, st, failed);
    l->known = true;
    case_close(&r);
}

/* ---- and everything else ---- */

/* What was answered, in one number. */
static void mix(uint64_t *answers, uint64_t x)
{
    *answers = (*answers ^ x) * 0x9E3779B97F4A7C15U;
    *answers ^= *answers >> 29;
}

static void mix_bins(uint64_t *answers, const struct disk_bins *d)
{
    for (uint32_t i = 0; i < d->file_count; i++) {
        for (unsigned use = 0; use < FILE_USE_COUNT; use++)
            mix(answers, d->file[i].bytes[use]);
        mix(answers, (uint64_t)d->file[i].overlap << 1 | d->file[i].stored);
    }
    for (uint32_t i = 0; i < d->guest_count; i++) {
        for (unsigned state = 0; state < 8; state++)
            mix(answers, d->guest[i].states[state]);
        mix(answers, d->guest[i].fault);
    }
}

static void mix_words(uint64_t *answers, const struct forecast *f, const struct profile *p)
{
    for (unsigned peer = 0; peer < PEER_COUNT; peer++)
        mix(answers, f->peers[peer].count);
    for (uint32_t i = 0; i < p->count; i++)
        mix(answers, p->requirements[i].result);
}

static enum status place_blocks(struct view *v, uint64_t *ret_blocks)
{
    struct placed_blocks blocks;
    struct file_order *order;
    bool more = true;
    enum status st = file_order_open(v, &order);

    *ret_blocks = 0;
    for (unsigned i = 0; st == STATUS_OK && more && i < WALKED_PIECES; i++) {
        st = file_order_next(order, &blocks, &more);
        *ret_blocks += st == STATUS_OK && more ? blocks.blocks : 0;
    }
    return st;
}

static enum status link_up(struct case_run *r)
{
    struct chain_set set = {.arena = r->arena};
    enum status st = chain_set_add(&set, "case.vhdx", r->image, true, NULL);

    if (st == STATUS_OK && r->image->parent != NULL && r->image->parent->image != NULL)
        st = chain_set_add(&set, "parent.vhdx", r->image->parent->image, true, NULL);
    return st == STATUS_OK ? chain_set_resolve(&set, NULL, 0) : st;
}

static enum status find_log(struct case_run *r, uint64_t *answers)
{
    const struct lost_place nothing = {.log_off = r->image->main->log_off, .log_len = r->image->main->log_len};
    struct lost_fit fit;
    bool found;

    if (r->source->size > 64 * MIB)
        return STATUS_OK;
    enum status st = lost_find_pair(r->arena, r->source, &nothing, &found, &fit);
    if (st == STATUS_OK)
        mix(answers, found ? fit.place.bat_off + fit.percent : 0);
    return st;
}

static void run_others(void *ctx)
{
    struct looking *l = ctx;
    struct disk_bins bins;
    struct forecast forecast;
    struct profile profile;
    struct case_run r;
    uint64_t answers = 0, blocks = 0;
    unsigned pages = 0;

    assert_int_equal(case_try(l->c, l->guard, NULL, &r), STATUS_OK);
    struct view *v = r.image->main;
    sites_begin();
    enum status st = replay_plan_visit(r.image, next_page, &pages);
    mix(&answers, pages);
    if (st == STATUS_OK && v->survey != NULL) {
        st = disk_bins_make(r.arena, v, 64, &bins);
        if (st == STATUS_OK)
            mix_bins(&answers, &bins);
    }
    if (st == STATUS_OK && v->geometry_absence == ABSENT_NOT && v->bat.absence == ABSENT_NOT)
        st = place_blocks(v, &blocks);
    if (st == STATUS_OK)
        st = forecast_make(r.arena, r.result, &forecast);
    if (st == STATUS_OK)
        st = profile_make(r.arena, PROFILE_AZURE, r.result, &profile);
    if (st == STATUS_OK)
        mix_words(&answers, &forecast, &profile);
    if (st == STATUS_OK)
        st = link_up(&r);
    if (st == STATUS_OK)
        st = find_log(&r, &answers);
    enum site_kind failed = sites_end();
    if (!l->known) {
        l->status = st;
        l->blocks = blocks;
        l->answers = answers;
    }
    assert_status(l, &r, st, failed);
    if (st == STATUS_OK && failed != SITE_READ && (blocks != l->blocks || answers != l->answers))
        fail_msg("%s: nothing is said of kind %d, and the answers differ", l->c->name, (int)failed);
    l->known = true;
    case_close(&r);
}

/* ---- all cases ---- */

static void each_case(site_run *run, uint64_t least)
{
    uint64_t runs = 0;

    for (size_t t = 0; t < TABLES; t++)
        for (size_t i = 0; i < tables[t]->count; i++)
            for (int guard = 0; guard < 2; guard++) {
                struct looking l = {.c = &tables[t]->cases[i], .guard = guard};
                if (!guard || !l.c->no_guard)
                    runs += sites_try(run, &l);
            }
    printf("# %llu runs with a failure\n", (unsigned long long)runs);
    assert_true(runs >= least);
}

static void checks(void **state)
{
    (void)state;
    each_case(run_check, 500);
}

static void guests(void **state)
{
    (void)state;
    each_case(run_guest, 50);
}

static void others(void **state)
{
    (void)state;
    each_case(run_others, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(checks), cmocka_unit_test(guests), cmocka_unit_test(others)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
