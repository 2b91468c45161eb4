/* SPDX-License-Identifier: MIT */
/*
 * Every case of the tables on a host that fails: some reads, questions for holes and allocations of each, one at a time
 * or all from one on, under everything that looks at an image. What could not be looked at is said: a check is
 * complete only when nothing failed, and guest bytes that no fault is told of are the right ones.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "bytes_equal.h"
#include "cases.h"
#include "check/forecast.h"
#include "check/profile.h"
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

/* Instrumented builds are slow and are run together: each takes a third, all of them every case. */
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
static const size_t first_case = 2, case_step = 3;
#elif __has_feature(address_sanitizer)
static const size_t first_case = 0, case_step = 3;
#else
static const size_t first_case = 0, case_step = 1;
#endif
#elif defined(__SANITIZE_ADDRESS__)
static const size_t first_case = 1, case_step = 3;
#else
static const size_t first_case = 0, case_step = 1;
#endif

/* ---- the host ---- */

enum kind { FAULT_READ, FAULT_HOLE, FAULT_MEMORY, FAULT_KINDS };

/* What fails: the at-th call of a kind, from 1, and with sticky all behind it; 0: none. */
static struct {
    enum kind kind;
    uint64_t at;
    bool sticky;
    uint64_t calls[FAULT_KINDS]; /* so far; allocations are counted by the arena, which only tells that one failed */
    uint64_t fired;
    bool own_fault, own_limit; /* of the case itself */
} plan;

static bool fails(enum kind k)
{
    uint64_t n = ++plan.calls[k];
    bool bad = plan.kind == k && plan.at > 0 && (n == plan.at || (plan.sticky && n > plan.at));
    plan.fired += bad;
    return bad;
}

struct failing {
    struct source source;
    struct source *base;
    bool own;
};

static enum status failing_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    if (fails(FAULT_READ)) {
        s->error_off = off;
        s->error_errno = EIO;
        return STATUS_IO;
    }
    return source_read(((struct failing *)s)->base, off, buf, len);
}

static enum status failing_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    if (fails(FAULT_HOLE)) {
        s->error_off = off;
        s->error_errno = EIO;
        return STATUS_IO;
    }
    return source_next_data(((struct failing *)s)->base, off, ret_data, ret_hole);
}

static void failing_close(struct source *s)
{
    struct failing *f = (struct failing *)s;
    if (f->own)
        source_close(f->base);
    free(f);
}

static struct source *failing_over(struct source *base, bool own)
{
    static const struct source_ops ops = {.read = failing_read, .next_data = failing_next_data, .close = failing_close};
    struct failing *f = calloc(1, sizeof(*f));
    if (!f)
        abort();
    *f = (struct failing){.source = {.ops = &ops, .size = base->size}, .base = base, .own = own};
    return &f->source;
}

static void prepare(struct case_run *r)
{
    r->scene.wrap_all = failing_over;
    r->scene.check.deep = true;
    if (plan.kind == FAULT_MEMORY)
        arena_fail_at(r->arena, plan.at, plan.sticky);
    plan.own_fault = r->scene.bad_len > 0;
    plan.own_limit = r->scene.memory > 0 || r->scene.wrap != NULL;
}

/* ---- what is looked at ---- */

/* What the guest sees of the beginning of its disk. */
struct content {
    bool opened;
    uint8_t *bytes;
    uint64_t len, faults;
};

static void assert_status_explained(enum status st)
{
    switch (st) {
    case STATUS_OK:
    case STATUS_REFUSED:
        return;
    case STATUS_LIMIT:
    case STATUS_NO_MEMORY:
        assert_true(plan.own_limit || plan.kind == FAULT_MEMORY);
        return;
    case STATUS_IO:
        assert_true(plan.own_fault || (plan.kind != FAULT_MEMORY && plan.fired > 0));
        return;
    default:
        fail_msg("status %s", status_text(st));
    }
}

static enum status read_guest(struct image *img, struct content *ret)
{
    const struct guest_options options = {.salvage = true};
    struct guest_fault_list list = {.arena = img->arena};
    struct guest *g;
    const char *why;
    enum status st = guest_open(img, &options, &g, &why);
    if (st != STATUS_OK)
        return st;
    uint64_t len = u64_min(guest_size(g), LOOKED_AT);
    uint8_t *bytes = malloc((size_t)len);
    assert_non_null(bytes);
    *ret = (struct content){.opened = true, .bytes = bytes, .len = len};
    st = guest_read(g, 0, bytes, (size_t)len, NULL, NULL, &ret->faults);
    assert_int_not_equal(st, STATUS_IO);
    if (st == STATUS_OK)
        st = guest_find_faults(g, 0, guest_size(g), &list);
    (void)guest_needs_parent(g, &why);
    struct guest_walk *w;
    if (st == STATUS_OK)
        st = guest_walk_open(g, 0, guest_size(g), &w);
    for (unsigned i = 0; st == STATUS_OK && i < WALKED_PIECES; i++) {
        struct guest_piece piece;
        const uint8_t *data;
        uint64_t faults;
        bool more;
        st = guest_walk_peek(w, &piece, &more);
        if (st != STATUS_OK || !more)
            break;
        st = guest_walk_take(w, piece.len, &data, NULL, NULL, &faults);
        if (st == STATUS_OK && data && faults == 0 && piece.off + piece.len <= len && ret->faults == 0)
            assert_bytes_equal(data, bytes + piece.off, piece.len);
    }
    return st;
}

static bool next_page(void *ctx, const struct replay_page *p)
{
    assert_true(p->changed > 0 && p->first_off - p->off < REPLAY_PAGE_LEN);
    return ++*(unsigned *)ctx < WALKED_PIECES;
}

/* Everything else that looks at an image, whatever came of it before. */
static void look_around(struct case_run *r)
{
    struct image *img = r->image;
    struct view *v = img->main;
    struct chain_set set = {.arena = r->arena};
    struct disk_bins bins;
    struct file_order *order;
    struct placed_blocks blocks;
    struct forecast forecast;
    struct profile profile;
    bool more = true, found;
    unsigned pages = 0;

    assert_status_explained(replay_plan_visit(img, next_page, &pages));
    if (v->survey)
        assert_status_explained(disk_bins_make(r->arena, v, 64, &bins));
    if (v->geometry_absence == ABSENT_NOT && v->bat.absence == ABSENT_NOT) {
        enum status st = file_order_open(v, &order);
        for (unsigned i = 0; st == STATUS_OK && more && i < WALKED_PIECES; i++)
            st = file_order_next(order, &blocks, &more);
        assert_status_explained(st);
    }
    if (r->result) {
        assert_status_explained(forecast_make(r->arena, r->result, &forecast));
        assert_status_explained(profile_make(r->arena, PROFILE_AZURE, r->result, &profile));
    }
    enum status st = chain_set_add(&set, "case.vhdx", img, true, NULL);
    if (st == STATUS_OK && img->parent && img->parent->image)
        st = chain_set_add(&set, "parent.vhdx", img->parent->image, true, NULL);
    if (st == STATUS_OK)
        st = chain_set_resolve(&set, NULL, 0);
    assert_status_explained(st);

    const struct lost_place nothing = {.log_off = img->main->log_off, .log_len = img->main->log_len};
    struct lost_fit fit;
    if (r->source->size <= 64 * MIB)
        assert_status_explained(lost_find_pair(r->arena, r->source, &nothing, &found, &fit));
}

/* One run; ret_content->bytes is the caller's to free. */
static void look(const struct test_case *c, bool guard, struct content *ret_content)
{
    struct case_run r;
    *ret_content = (struct content){.opened = false};
    memset(plan.calls, 0, sizeof(plan.calls));
    plan.fired = 0;
    enum status st = case_try(c, guard, prepare, &r);
    bool failed = plan.fired > 0 || arena_status(r.arena) != STATUS_OK;
    assert_status_explained(st);
    if (st == STATUS_OK && failed && plan.kind != FAULT_HOLE && r.result->complete)
        fail_msg("%s%s: complete, although call %llu of kind %d failed", c->name, guard ? ", guard" : "",
                 (unsigned long long)plan.at, (int)plan.kind);
    if (st == STATUS_OK && plan.kind == FAULT_READ && plan.fired > 0 && !r.result->io_error)
        fail_msg("%s%s: read %llu failed, and nobody says so", c->name, guard ? ", guard" : "",
                 (unsigned long long)plan.at);
    if (st == STATUS_OK && plan.kind == FAULT_MEMORY && !plan.own_fault && r.result->io_error)
        fail_msg("%s%s: memory was missing, and the host is blamed", c->name, guard ? ", guard" : "");
    if (r.image) {
        assert_status_explained(read_guest(r.image, ret_content));
        look_around(&r);
    }
    plan.fired += arena_status(r.arena) != STATUS_OK;
    case_close(&r);
}

/* ---- which one fails ---- */

static uint64_t mixed(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
    return x ^ x >> 31;
}

static void fail_some(const struct test_case *c, bool guard, uint64_t seed)
{
    enum { RUNS = 6, ALLOCATIONS = 400 };
    struct content good, now;

    plan.at = 0;
    plan.kind = FAULT_READ;
    look(c, guard, &good);
    const uint64_t calls[FAULT_KINDS] = {plan.calls[FAULT_READ], plan.calls[FAULT_HOLE], ALLOCATIONS};
    for (unsigned i = 0; i < RUNS; i++) {
        plan.kind = i < 3 ? FAULT_MEMORY : i < 5 ? FAULT_READ : FAULT_HOLE;
        plan.sticky = i % 3 == 0;
        plan.at = calls[plan.kind] == 0 ? 0 : 1 + mixed(seed * RUNS + i) % calls[plan.kind];
        do { /* how many allocations there are is not known beforehand */
            look(c, guard, &now);
            /* Untouched by what failed, as far as is said. */
            if (now.opened && good.opened && now.faults == good.faults && plan.kind != FAULT_MEMORY) {
                assert_int_equal(now.len, good.len);
                if (memcmp(now.bytes, good.bytes, (size_t)now.len) != 0)
                    fail_msg("%s: other bytes, and no fault", c->name);
            }
            free(now.bytes);
        } while (plan.kind == FAULT_MEMORY && plan.fired == 0 && (plan.at /= 2) > 0);
    }
    free(good.bytes);
}

static void every_case_on_a_failing_host(void **state)
{
    const struct case_table *table = *state;
    for (size_t i = first_case; i < table->count; i += case_step) {
        fail_some(&table->cases[i], false, 2 * i);
        if (!table->cases[i].no_guard)
            fail_some(&table->cases[i], true, 2 * i + 1);
    }
}

int main(void)
{
    struct CMUnitTest tests[TABLES];
    for (size_t t = 0; t < TABLES; t++)
        tests[t] = (struct CMUnitTest){tables[t]->name, every_case_on_a_failing_host, NULL, NULL,
                                       (void *)(uintptr_t)tables[t]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
