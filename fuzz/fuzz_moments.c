/* SPDX-License-Identifier: MIT */
/*
 * One operation of the library over and over, each time with another of its calls to the host or for memory failing,
 * one after the other. What comes before the operation (opening the image, its survey) goes well, so that few moments
 * reach far.
 *
 * Input: u8 operation, u8 what fails (bits 0-2) and how, u16 the first moment, u8 how many of them; then up to four
 * recipes, each but the last preceded by its length. The first one is the image, the others may be its parents. The
 * seed of the first chooses among the things that an operation can do.
 *
 * Asserted: an operation fails only when one of its calls did; a moment that is never reached changes nothing of the
 * result; what is counted stays inside the file and the disk.
 */
#include "fuzz/property.h"

#include <errno.h>

#include "base/limits.h"
#include "check/profile.h"
#include "check/run.h"
#include "fuzz/whole.h"
#include "image/bat_walk.h"
#include "image/bitmaps.h"
#include "image/chain.h"
#include "image/chain_set.h"
#include "image/deep_scan.h"
#include "image/disk_bins.h"
#include "image/file_order.h"
#include "image/guest.h"
#include "image/guest_faults.h"
#include "image/guest_walk.h"
#include "image/lost.h"
#include "image/replay_plan.h"
#include "io/store.h"

enum { FILES_MAX = 4, STEPS_MAX = 64, SAMPLE_LEN = 8192, SAMPLES = 8, MOMENTS_MAX = 128 };

/* Odd ones but the last: with a limit instead of an error. */
enum what { WHAT_READ, WHAT_READ_LIMIT, WHAT_HOLE, WHAT_HOLE_LIMIT, WHAT_OPEN, WHAT_OPEN_LIMIT, WHAT_MEMORY, WHAT_LIE };
/* Bits of the second byte. */
enum { HOW_WHAT = 7, HOW_STICKY = 8, HOW_NO_REPLAY = 16, HOW_FROM_START = 32, HOW_NAMED = 64, HOW_SEARCHED = 128 };
/* Bits of the seed, each of which an operation takes as it likes. */
enum { SEED_FIRST = 1, SEED_SECOND = 2, SEED_THIRD = 4, SEED_PATH_SHIFT = 4 };

/* ---- the host ---- */

static struct {
    enum what what;
    bool sticky, on, failed;
    uint64_t at, calls; /* the at-th call of the kind fails; 0: none */
} moment;

static bool is_due(enum what kind)
{
    if (!moment.on || (moment.what == WHAT_LIE ? WHAT_READ : moment.what & ~1U) != kind)
        return false;
    moment.calls++;
    bool due = moment.at != 0 && (moment.sticky ? moment.calls >= moment.at : moment.calls == moment.at);
    moment.failed |= due;
    return due;
}

struct failing {
    struct source source;
    struct source *base;
};

static enum status fail_at(struct source *s, uint64_t off)
{
    s->error_off = off;
    s->error_errno = EIO;
    return moment.what & 1U ? STATUS_LIMIT : STATUS_IO;
}

/* WHAT_LIE: a byte that is another one than the last time. */
static enum status failing_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    bool due = is_due(WHAT_READ);

    if (due && moment.what != WHAT_LIE)
        return fail_at(s, off);
    enum status st = source_read(((struct failing *)s)->base, off, buf, len);
    if (due && len > 0)
        ((uint8_t *)buf)[moment.at * 7 % len] ^= (uint8_t)(moment.at | 1);
    return st;
}

static enum status failing_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    return is_due(WHAT_HOLE) ? fail_at(s, off) : source_next_data(((struct failing *)s)->base, off, ret_data, ret_hole);
}

static void failing_close(struct source *s)
{
    source_close(((struct failing *)s)->base);
    free(s);
}

/* Over a source of its own. */
static struct source *failing_open(const struct recipe *r)
{
    static const struct source_ops ops = {.read = failing_read, .next_data = failing_next_data, .close = failing_close};
    struct failing *f = calloc(1, sizeof(*f));

    ASSERT(f != NULL, "out of memory");
    f->base = recipe_source(r);
    f->source = (struct source){.ops = &ops, .size = f->base->size};
    return &f->source;
}

/* ---- the files ---- */

static struct {
    struct recipe recipes[FILES_MAX];
    unsigned count;
    unsigned searched, opened;
    uint8_t how, seed;
} files;

static const char *const parent_names[] = {"1", "2", "3"};
static const char *const paths[] = {"d/image.vhdx", "image.avhdx", "image.vhd", "image.vhdx.mrt",
                                    "image.rct",    "image.vhds",  ".vhdx",     "image.AVHD",
                                    "image",        "\xff:.vhdx",  "image.txt", "",
                                    "a\nb.vhdx",    "image.qcow2", "image.iso"};
enum { PATHS = sizeof(paths) / sizeof(paths[0]) };

static enum status open_parent(void *ctx, uint32_t dir, const char *name, struct source **ret,
                               struct file_info *ret_info)
{
    unsigned i = dir == UINT32_MAX ? (unsigned)(name[0] - '0') : 1 + files.searched++ % FILES_MAX;

    (void)ctx;
    if (is_due(WHAT_OPEN))
        return moment.what == WHAT_OPEN_LIMIT ? STATUS_LIMIT : moment.at % 2 ? STATUS_IO : STATUS_NO_MEMORY;
    if (i >= files.count)
        return STATUS_NOT_FOUND;
    *ret = failing_open(&files.recipes[i]);
    /* One file again and again, or always another one. */
    uint64_t inode = files.seed & SEED_FIRST ? 1 : files.seed & SEED_SECOND ? 2 + files.opened++ : i + 1;
    *ret_info = whole_host(&files.recipes[i], inode).info;
    return STATUS_OK;
}

/* Everything of one run. */
struct run {
    struct arena *a;
    struct source *file;
    struct image *img;
    uint64_t digest;
};

static void note(struct run *r, uint64_t v)
{
    r->digest = (r->digest ^ v) * 0x9E3779B97F4A7C15U;
    r->digest ^= r->digest >> 29;
}

static enum status open_chain(struct run *r)
{
    const char *const dirs[] = {"a", "b"};
    const struct chain_options options = {
        .parents = parent_names,
        .parent_count = files.how & HOW_NAMED ? files.count - 1 : 0,
        .search_dirs = dirs,
        .search_count = files.how & HOW_SEARCHED ? 2 : 0,
        .open = open_parent,
    };
    enum status st = chain_resolve(r->img, &options);

    for (const struct image *i = r->img; st == STATUS_OK && i != NULL; i = i->parent->image)
        note(r, i->parent->state);
    return st;
}

static enum status open_image(struct run *r)
{
    struct host_facts host = whole_host(&files.recipes[0], 1);
    const char *path = files.seed >> SEED_PATH_SHIFT < PATHS ? paths[files.seed >> SEED_PATH_SHIFT] : NULL;

    return image_open(r->a, r->file, path, &host, &(struct image_options){.no_replay = files.how & HOW_NO_REPLAY},
                      &r->img);
}

/* ---- the operations ---- */

static enum status op_open(struct run *r)
{
    enum status st = view_survey(r->img->main);

    note(r, r->img->log_state);
    note(r, r->img->main->survey != NULL);
    return st;
}

/* The host says at the end that the file is another one. */
static void look_again(struct image *img)
{
    struct host_facts *h = &img->host;

    h->info_after = h->info;
    h->info_after.inode += files.seed & SEED_FIRST ? 1 : 0;
    h->info_after.mtime_sec += files.seed & SEED_SECOND ? 1 : 0;
    h->info_after.device += files.seed & SEED_THIRD ? 1 : 0;
    h->changed = files.seed & (SEED_FIRST | SEED_SECOND | SEED_THIRD);
}

static void on_progress(void *ctx, uint64_t off)
{
    note(ctx, off);
}

static enum status check(struct run *r, struct check_result **ret)
{
    const struct check_options options = {.max_findings = 1 + files.seed % 8,
                                          .deep = files.seed & SEED_SECOND,
                                          .progress = on_progress,
                                          .progress_ctx = r};
    return check_run(r->img, &options, files.seed & SEED_THIRD ? look_again : NULL, ret);
}

static enum status op_check(struct run *r)
{
    struct check_result *res = NULL;
    enum status st = check(r, &res);

    if (st != STATUS_OK)
        return st;
    if (!moment.failed && arena_status(r->a) == STATUS_OK)
        whole_judge(res);
    ASSERT(!res->complete || !moment.failed || moment.what != WHAT_READ, "what was not read was not looked at");
    note(r, res->finding_count);
    note(r, res->verdict);
    return STATUS_OK;
}

static enum status op_profile(struct run *r)
{
    struct check_result *res = NULL;
    struct profile p = {.kind = PROFILE_NONE};

    moment.on = files.how & HOW_FROM_START;
    enum status st = check(r, &res);
    moment.on = true;
    if (st != STATUS_OK)
        return st;
    st = profile_make(r->a, PROFILE_AZURE, res, &p);
    for (uint32_t i = 0; st == STATUS_OK && i < p.count; i++) {
        ASSERT(p.requirements[i].found != NULL && p.requirements[i].found[0] != '\0');
        note(r, p.requirements[i].result);
    }
    return st;
}

static enum status op_lost(struct run *r)
{
    static struct lost_metadata_list metadata;
    static struct lost_bat_list bats;
    const struct view *v = r->img->main;
    struct lost_place known = {.log_off = v->log_off, .log_len = v->log_len};
    struct lost_fit fit = {.percent = 0};
    bool found = false;
    enum status st = STATUS_OK;

    if (files.seed & SEED_FIRST) {
        st = lost_find_metadata(r->a, r->file, &metadata);
        for (uint32_t i = 0; st == STATUS_OK && i < metadata.count; i++)
            note(r, metadata.items[i].off);
        if (st == STATUS_OK)
            st = lost_find_bats(r->a, r->file, &bats);
        for (uint32_t i = 0; st == STATUS_OK && i < bats.count; i++) {
            ASSERT(bats.items[i].off < r->file->size);
            note(r, bats.items[i].off);
        }
    }
    if (files.seed & SEED_SECOND && v->metadata_region.found) {
        known.metadata_off = v->metadata_region.off;
        known.metadata_len = v->metadata_region.len;
    }
    if (files.seed & SEED_THIRD && v->bat_region.found) {
        known.bat_off = v->bat_region.off;
        known.bat_len = v->bat_region.len;
    }
    if (st == STATUS_OK)
        st = lost_find_pair(r->a, r->file, &known, &found, &fit);
    if (st == STATUS_OK && found) {
        ASSERT(range_in(fit.place.metadata_off, fit.place.metadata_len, r->file->size));
        ASSERT(range_in(fit.place.bat_off, fit.place.bat_len, r->file->size) && fit.percent <= 100);
        note(r, fit.place.bat_off);
        note(r, fit.live);
    }
    return st;
}

static bool on_deep(void *ctx, const struct deep_note *n)
{
    note(ctx, n->off);
    return !(files.seed & SEED_FIRST) || n->kind != (enum deep_kind)(files.seed >> SEED_PATH_SHIFT & 3);
}

static enum status op_deep(struct run *r)
{
    struct view *v = r->img->main;

    if (v->survey == NULL || v->bat.absence != ABSENT_NOT)
        return STATUS_OK;
    return deep_scan(v, on_deep, r, files.seed & SEED_SECOND ? on_progress : NULL, r);
}

static enum status op_bins(struct run *r)
{
    struct disk_bins b;
    enum status st = disk_bins_make(r->a, r->img->main, 1U << (files.seed & 7), &b);

    if (st != STATUS_OK)
        return st;
    ASSERT(b.file_count <= 1U << (files.seed & 7) && b.guest_count <= 1U << (files.seed & 7));
    for (unsigned u = 0; u < FILE_USE_COUNT; u++)
        note(r, b.file_bytes[u]);
    for (uint64_t i = 0; i < layout_map_fixed_count(r->img->main->layout); i++)
        ASSERT(owner_name(layout_map_fixed(r->img->main->layout, i)->kind)[0] != '\0');
    return STATUS_OK;
}

static bool has_bat(const struct view *v)
{
    return v->geometry_absence == ABSENT_NOT && v->bat.absence == ABSENT_NOT;
}

static enum status op_order(struct run *r)
{
    struct file_order *order = NULL;
    struct placed_blocks b;
    bool more = has_bat(r->img->main);
    enum status st = more ? file_order_open(r->img->main, &order) : STATUS_OK;

    for (unsigned n = 0; st == STATUS_OK && more && n < STEPS_MAX; n++) {
        st = file_order_next(order, &b, &more);
        note(r, st == STATUS_OK && more ? b.off : 0);
    }
    return st;
}

static bool on_page(void *ctx, const struct replay_page *p)
{
    note(ctx, p->off);
    ASSERT(p->changed > 0 && owner_name(p->owner.kind)[0] != '\0');
    return !(files.seed & SEED_FIRST) || p->changed > 8;
}

static bool on_change(void *ctx, struct bat_change c)
{
    note(ctx, c.index);
    return !(files.seed & SEED_FIRST);
}

static bool on_bitmap(void *ctx, const struct bitmap_note *n)
{
    note(ctx, n->off);
    return !(files.seed & SEED_FIRST);
}

static enum status op_plan(struct run *r)
{
    enum status st = replay_plan_visit(r->img, on_page, r);

    if (st == STATUS_OK)
        st = bat_compare(r->img->stored, r->img->main, on_change, r);
    if (st == STATUS_OK && has_bat(r->img->main))
        st = bitmaps_visit(r->img->main, on_bitmap, r);
    return st;
}

static enum status open_guest(struct run *r, struct guest **ret)
{
    const char *why = NULL;
    enum status st = guest_open(
        r->img, &(struct guest_options){.anchors = files.seed & SEED_FIRST, .salvage = files.seed & SEED_SECOND}, ret,
        &why);

    ASSERT(st != STATUS_REFUSED || (why != NULL && *why != '\0') || moment.failed || arena_status(r->a) != STATUS_OK);
    return st;
}

static enum status op_read(struct run *r)
{
    static uint8_t buf[SAMPLE_LEN];
    struct guest *g = NULL;
    enum status st = open_guest(r, &g);
    const char *text = "";

    if (st != STATUS_OK)
        return st == STATUS_REFUSED ? STATUS_OK : st;
    note(r, guest_needs_parent(g, &text));
    uint64_t size = guest_size(g), step = size / SAMPLES + 1;
    for (uint64_t i = 0, off = files.seed; st == STATUS_OK && off < size && i < SAMPLES; i++, off += step) {
        uint64_t faults = 0;
        struct guest_extent e = {.len = 0};
        size_t len = (size_t)u64_min(SAMPLE_LEN, size - off);
        st = files.seed & SEED_THIRD ? guest_extent_at(g, off, size - off, &e)
                                     : guest_extent_merged(g, off, size - off, &e);
        ASSERT(st != STATUS_OK || (e.off == off && e.len > 0 && e.len <= size - off));
        note(r, st == STATUS_OK ? e.len : 0);
        ASSERT(guest_state_name(e.state)[0] != '\0' && (e.fault == 0 || guest_fault_text(e.fault)[0] != '\0'));
        if (st == STATUS_OK)
            st = guest_read(g, off, buf, len, NULL, NULL, &faults);
        ASSERT(faults <= len);
        note(r, faults);
    }
    uint64_t faults;
    ASSERT(guest_read(g, size, buf, 1, NULL, NULL, &faults) != STATUS_OK, "a byte behind the disk's end");
    return st;
}

static enum status op_walk(struct run *r)
{
    struct guest_fault_list known = {.arena = files.seed & SEED_THIRD ? NULL : r->a}, met = {.arena = r->a};
    struct guest *g = NULL;
    struct guest_walk *w = NULL;
    struct guest_piece p;
    bool more = true;
    enum status st = open_guest(r, &g);

    if (st != STATUS_OK)
        return st == STATUS_REFUSED ? STATUS_OK : st;
    uint64_t size = guest_size(g);
    ASSERT(guest_walk_open(g, size, 1, &w) != STATUS_OK && guest_find_faults(g, size, 1, &met) != STATUS_OK);
    if (known.arena != NULL)
        st = guest_find_faults(g, 0, size, &known);
    if (st == STATUS_OK)
        st = guest_walk_open(g, 0, size, &w);
    for (unsigned n = 0; st == STATUS_OK && n < STEPS_MAX; n++) {
        const uint8_t *bytes = NULL;
        uint64_t faults = 0;
        st = guest_walk_peek(w, &p, &more);
        if (st != STATUS_OK || !more)
            break;
        ASSERT(guest_walk_take(w, 0, &bytes, NULL, NULL, &faults) == STATUS_RANGE);
        ASSERT(guest_walk_take(w, p.len + 1, &bytes, NULL, NULL, &faults) == STATUS_RANGE);
        uint64_t len = files.seed & SEED_THIRD ? p.len - p.len / 2 : p.len; /* less than there is: it is split */
        st = guest_walk_take(w, len, n % 3 == 2 ? NULL : &bytes, n % 2 ? guest_fault_list_note : NULL, &met, &faults);
        ASSERT(faults <= len);
        note(r, p.kind);
        note(r, faults);
    }
    for (uint64_t i = 0; i < met.count; i++) {
        ASSERT(guest_fault_name(met.ranges[i].fault)[0] != '\0');
        sink(guest_fault_rule(&met.ranges[i]) != NULL);
    }
    return st;
}

static enum status op_set(struct run *r)
{
    struct chain_set set = {.arena = r->a};
    enum status st = chain_set_add(&set, "0", r->img, true, NULL);
    const uint32_t named[] = {files.count - 1};

    for (const struct image *i = r->img->parent->image; st == STATUS_OK && i != NULL; i = i->parent->image)
        st = chain_set_add(&set, "d/parent.vhdx", i, true, NULL);
    if (st == STATUS_OK)
        st = chain_set_add(&set, "unreadable", NULL, false, "cannot be read");
    if (st == STATUS_OK)
        st = chain_set_resolve(&set, named, files.seed & SEED_FIRST && set.count > files.count ? 1 : 0);
    for (uint32_t i = 0; st == STATUS_OK && i < set.count; i++)
        note(r, set.files[i].verdict);
    return st;
}

/* The parent lent to the image, as tools do that have opened both; to a disk that needs none, itself. */
static enum status op_lend(struct run *r)
{
    struct image *parent = r->img->main->type == DISK_DIFFERENCING ? r->img->parent->image : r->img;
    struct chain_parent *own = r->img->parent;
    enum status st = parent != NULL ? chain_lend(r->img, parent, "lent") : STATUS_OK;

    if (st == STATUS_OK && parent != NULL) {
        ASSERT((r->img->parent->state == PARENT_FOUND) == (r->img->main->type == DISK_DIFFERENCING));
        note(r, r->img->parent->match);
    }
    r->img->parent = own;
    return st;
}

static const struct operation {
    enum status (*run)(struct run *r);
    bool surveyed; /* needs view_survey() */
} operations[] = {
    {op_open, false}, {op_check, false}, {op_profile, false}, {op_lost, false}, {op_deep, true}, {op_bins, true},
    {op_order, true}, {op_plan, true},   {op_read, true},     {op_walk, true},  {op_set, false}, {op_lend, false},
};
enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

/* ---- the moments ---- */

static void arm(const struct run *r, uint64_t at)
{
    moment.on = true;
    moment.at = at;
    if (moment.what == WHAT_MEMORY)
        arena_fail_at(r->a, at, moment.sticky);
}

/* The operation with its at-th call failing, 0: none; whether there was such a call, and what came out. */
static bool run_moment(const struct operation *op, uint64_t at, uint64_t *ret_digest)
{
    struct run r = {.a = property_arena(LIMIT_MEMORY_DEFAULT), .file = failing_open(&files.recipes[0])};

    files.searched = files.opened = 0;
    moment.on = moment.failed = false;
    moment.calls = 0;
    if (files.how & HOW_FROM_START)
        arm(&r, at);
    enum status st = open_image(&r);
    if (st == STATUS_OK)
        st = open_chain(&r);
    if (st == STATUS_OK && op->surveyed)
        st = view_survey(r.img->main);
    if (!moment.on)
        arm(&r, at);
    if (st == STATUS_OK)
        st = op->run(&r);
    moment.on = false;
    arena_fail_at(r.a, 0, false);
    bool failed = moment.failed || arena_status(r.a) != STATUS_OK;
    ASSERT(st == STATUS_OK || failed, "%s", status_text(st));
    if (r.img != NULL) {
        if (r.img->parent != NULL)
            chain_close(r.img);
        image_close(r.img);
    }
    source_close(r.file);
    arena_destroy(r.a);
    *ret_digest = r.digest;
    return failed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taker in = {data, size};
    const struct operation *op = &operations[take(&in, 1) % OPERATIONS];
    struct recipe_part parts[FILES_MAX];
    uint64_t without, digest;

    files.how = (uint8_t)take(&in, 1);
    uint64_t first = take(&in, 2), count = take(&in, 1);
    files.count = recipe_split(in.ptr, in.len, parts, FILES_MAX);
    for (unsigned i = 0; i < files.count; i++)
        recipe_decode(parts[i].data, parts[i].size, &files.recipes[i]);
    files.seed = files.recipes[0].seed;
    moment.what = (enum what)(files.how & HOW_WHAT);
    moment.sticky = files.how & HOW_STICKY;

    bool failed = run_moment(op, 0, &without);
    for (uint64_t n = 0; !failed && n < count && n < MOMENTS_MAX; n++) {
        if (run_moment(op, first + n + 1, &digest))
            continue;
        ASSERT(digest == without, "nothing failed, and the result is another one");
        break;
    }
    for (unsigned i = 0; i < files.count; i++)
        recipe_free(&files.recipes[i]);
    return 0;
}
