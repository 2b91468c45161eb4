/* SPDX-License-Identifier: MIT */
/*
 * An image on a host that fails: reads that cannot be done, come too late or answer differently the second time, and
 * memory that runs out, at a point that the input chooses. Input: a recipe, and behind it five bytes: kind of fault,
 * number of the read it begins with (u16), number of the allocation that fails (u16); 0 is never.
 *
 * Asserted: what could not be looked at is never reported as looked at. A check that met a failing read or allocation
 * is not `complete` and says which it was, the JSON says so as well, and bytes that the guest could not be given are
 * counted.
 */
#include "fuzz/property.h"

#include <errno.h>

#include "base/le.h"
#include "base/limits.h"
#include "check/run.h"
#include "fuzz/recipe.h"
#include "image/chain.h"
#include "image/file_order.h"
#include "image/guest.h"
#include "image/guest_faults.h"
#include "image/guest_walk.h"
#include "image/image.h"
#include "image/replay_plan.h"
#include "report/report.h"

enum { TAIL_LEN = 5, GUEST_READS = 16, GUEST_READ_LEN = 8192, WALK_MAX = 256 };

enum fault_kind { FAULT_NONE, FAULT_IO, FAULT_LIMIT, FAULT_CHANGED, FAULT_ZEROED, FAULT_KINDS };
/* Bits of the first byte. */
enum { FAULT_STICKY = 8, FAULT_ARENA_STICKY = 16, FAULT_SMALL_BUDGET = 32, FAULT_DEEP = 64, FAULT_WALK = 128 };

struct schedule {
    enum fault_kind kind;
    bool sticky, arena_sticky, small_budget, deep, walk;
    uint64_t read, allocation;
};

/* A source that fails as scheduled. */
struct failing {
    struct source source;
    struct source *base;
    struct schedule schedule;
    uint64_t reads;
    bool failed; /* a read answered with a failure */
};

static enum status failing_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    struct failing *f = (struct failing *)s;
    const struct schedule *c = &f->schedule;

    f->reads++;
    bool due = c->read != 0 && (c->sticky ? f->reads >= c->read : f->reads == c->read);
    if (due && (c->kind == FAULT_IO || c->kind == FAULT_LIMIT)) {
        f->failed = true;
        s->error_off = off;
        s->error_errno = EIO;
        return c->kind == FAULT_IO ? STATUS_IO : STATUS_LIMIT;
    }
    enum status st = source_read(f->base, off, buf, len);
    if (due && c->kind == FAULT_CHANGED && len > 0)
        ((uint8_t *)buf)[f->reads % len] ^= (uint8_t)f->reads | 1;
    if (due && c->kind == FAULT_ZEROED)
        memset(buf, 0, len);
    return st;
}

static enum status failing_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    return source_next_data(((struct failing *)s)->base, off, ret_data, ret_hole);
}

static void failing_close(struct source *s)
{
    (void)s; /* nothing is owned */
}

static struct source *failing_open(struct failing *f, struct source *base, const struct schedule *schedule)
{
    static const struct source_ops ops = {.read = failing_read, .next_data = failing_next_data, .close = failing_close};

    *f = (struct failing){.source = {.ops = &ops, .size = base->size}, .base = base, .schedule = *schedule};
    return &f->source;
}

static struct schedule schedule_of(const uint8_t tail[TAIL_LEN])
{
    return (struct schedule){
        .kind = (enum fault_kind)((tail[0] & 7) % FAULT_KINDS),
        .sticky = tail[0] & FAULT_STICKY,
        .arena_sticky = tail[0] & FAULT_ARENA_STICKY,
        .small_budget = tail[0] & FAULT_SMALL_BUDGET,
        .deep = tail[0] & FAULT_DEEP,
        .walk = tail[0] & FAULT_WALK,
        .read = le16(tail + 1),
        .allocation = le16(tail + 3),
    };
}

static bool has_limit(const struct check_result *res, const char *name)
{
    for (uint32_t i = 0; i < res->limit_count; i++)
        if (strcmp(res->limits[i].name, name) == 0)
            return true;
    return false;
}

static void assert_honest(const struct check_result *res, const struct failing *f, const struct arena *a)
{
    if (f->failed) {
        ASSERT(!res->complete, "read %llu failed", (unsigned long long)f->schedule.read);
        ASSERT(f->schedule.kind != FAULT_IO || res->io_error);
        ASSERT(f->schedule.kind != FAULT_LIMIT || res->limited);
    }
    if (arena_status(a) != STATUS_OK) {
        ASSERT(!res->complete, "an allocation failed");
        ASSERT(res->limited && res->limit_count > 0);
    }
    ASSERT(!res->limited || res->limit_count > 0);
    ASSERT(!res->io_error || !res->complete);
    sink(has_limit(res, "memory"));
}

static void report(const struct check_result *res)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    ASSERT(out != NULL, "out of memory");
    struct report r = {.out = out, .format = REPORT_JSON};
    if (report_begin(&r, NULL) == STATUS_OK) {
        report_check(&r, res);
        ASSERT(report_end(&r) == STATUS_OK);
    }
    ASSERT(fclose(out) == 0);
    ASSERT(res->complete == (strstr(text, "\"complete\": true") != NULL));
    free(text);
}

static void read_guest(struct image *img, struct failing *f, struct arena *a)
{
    static uint8_t buf[GUEST_READ_LEN];
    struct guest *g = NULL;
    const char *why = NULL;
    enum status st = guest_open(img, &(struct guest_options){.salvage = true}, &g, &why);

    ASSERT(st != STATUS_REFUSED || arena_status(a) != STATUS_OK || (why != NULL && *why != '\0'));
    if (st != STATUS_OK)
        return;
    for (uint64_t i = 0; i < GUEST_READS; i++) {
        uint64_t size = guest_size(g), off = size / GUEST_READS * i, faults = 0;
        f->failed = false;
        memset(buf, 0xa5, sizeof(buf));
        st = guest_read(g, off, buf, (size_t)u64_min(sizeof(buf), size - off), NULL, NULL, &faults);
        ASSERT(st != STATUS_IO);
        if (st != STATUS_OK) {
            ASSERT(f->failed || arena_status(a) != STATUS_OK, "%s", status_text(st));
            return;
        }
        ASSERT(!f->failed || !f->schedule.sticky || faults > 0); /* else a second try may do */
        ASSERT(faults <= sizeof(buf));
        sink_bytes(buf, (size_t)u64_min(sizeof(buf), size - off));
    }
}

static bool on_page(void *ctx, const struct replay_page *p)
{
    ++*(uint64_t *)ctx;
    return p->changed > 0;
}

/* A status other than OK has a reason. */
static bool went_well(enum status st, const struct failing *f, const struct arena *a)
{
    ASSERT(st == STATUS_OK || f->failed || arena_status(a) != STATUS_OK, "%s", status_text(st));
    return st == STATUS_OK;
}

/* What the commands do that look at all of an image (fuzz_walk), as far as it goes. */
static void walk(struct image *img, struct failing *f, struct arena *a)
{
    struct guest_fault_list known = {.arena = a}, met = {.arena = a};
    struct guest *g = NULL;
    struct guest_walk *w = NULL;
    struct file_order *order = NULL;
    const char *why = NULL;
    uint64_t pages = 0;
    bool more = true;

    (void)went_well(replay_plan_visit(img, on_page, &pages), f, a);
    if (img->main->geometry_absence == ABSENT_NOT && img->main->bat.absence == ABSENT_NOT &&
        went_well(file_order_open(img->main, &order), f, a)) {
        struct placed_blocks b;
        for (unsigned n = 0; more && n < WALK_MAX && went_well(file_order_next(order, &b, &more), f, a); n++)
            ASSERT(!more || b.blocks > 0);
    }
    if (guest_open(img, &(struct guest_options){.anchors = f->schedule.sticky}, &g, &why) != STATUS_OK)
        return;
    uint64_t size = guest_size(g);
    (void)went_well(guest_find_faults(g, 0, size, &known), f, a);
    if (!went_well(guest_walk_open(g, 0, size, &w), f, a))
        return;
    more = true;
    for (unsigned n = 0; n < WALK_MAX; n++) {
        struct guest_piece p;
        const uint8_t *bytes = NULL;
        uint64_t faults = 0;
        if (!went_well(guest_walk_peek(w, &p, &more), f, a) || !more)
            return;
        f->failed = f->failed && f->schedule.sticky;
        enum status st = guest_walk_take(w, p.len, &bytes, guest_fault_list_note, &met, &faults);
        if (!went_well(st, f, a))
            return;
        ASSERT(faults <= p.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < TAIL_LEN)
        return 0;
    struct schedule schedule = schedule_of(data + size - TAIL_LEN);
    struct recipe recipe;
    recipe_decode(data, size - TAIL_LEN, &recipe);
    struct source *file = recipe_source(&recipe);
    struct failing failing;
    struct source *source = failing_open(&failing, file, &schedule);

    struct arena *a = property_arena(schedule.small_budget ? schedule.allocation * 64 : LIMIT_MEMORY_DEFAULT);
    if (!schedule.small_budget)
        arena_fail_at(a, schedule.allocation, schedule.arena_sticky);
    const struct host_facts host = {.known = true, .info = {.size = file->size, .allocated_bytes = file->size}};
    const struct check_options options = {.max_findings = 1 + recipe.seed % 8, .deep = schedule.deep};
    struct image *img = NULL;
    struct check_result *res = NULL;
    enum status st = image_open(a, source, "fault.vhdx", &host, &(struct image_options){.no_replay = false}, &img);
    if (st == STATUS_OK) {
        st = chain_resolve(img, &(struct chain_options){.parent_count = 0});
        if (st == STATUS_OK)
            st = check_run(img, &options, NULL, &res);
        if (st == STATUS_OK) {
            assert_honest(res, &failing, a);
            report(res);
            if (schedule.walk)
                walk(img, &failing, a);
            else
                read_guest(img, &failing, a);
        }
        chain_close(img);
        image_close(img);
    }
    ASSERT(st == STATUS_OK || failing.failed || arena_status(a) != STATUS_OK, "%s", status_text(st));
    arena_destroy(a);
    source_close(source);
    source_close(file);
    recipe_free(&recipe);
    return 0;
}
