/* SPDX-License-Identifier: MIT */
/*
 * The driver. It walks every structure once per view and calls each rule of that scope. A rule whose needs are missing
 * is not evaluated, with the reason; "could not look" is never "passed".
 */
#include "check/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "check/needs.h"
#include "check/probe.h"
#include "check/two_views.h"

static const char *const verdict_names[] = {"clean", "suspicious", "corrupt", "unreadable"};

const char *verdict_name(enum verdict v)
{
    return verdict_names[v];
}

struct driver {
    struct probe probe;
    struct image *img;
    const struct check_options *options;
    const struct rule_set *rules;
    bool on[RULE_RUNS_MAX]; /* runs of rules that can run over the view in hand */
    uint64_t notes_on;      /* the same for the rules of SCOPE_BAT_NOTE, as bits counted from the first */
};

static void leave_out(struct driver *d, const struct rule_run *run, const char *reason)
{
    for (uint32_t i = 0; i < run->count; i++) { /* nothing else was ever set */
        struct rule_result *r = &d->probe.pass->rules[run->rules[i].number];
        r->outcome = RULE_NOT_EVALUATED;
        r->reason = reason;
    }
}

/* Which rules can run over view v; notes the reasons of the others in the pass. */
static void enable_rules(struct driver *d, const struct view *v)
{
    const struct obstacles obstacles = obstacles_look(d->img, v);
    const unsigned in_the_way = obstacles.met | (d->options->deep ? 0 : NEED_DEEP);
    const struct rule_set *all = d->rules;
    for (int scope = 0; scope < SCOPE_COUNT; scope++) {
        unsigned needs = scope_needs((enum scope)scope);
        bool chain = scope == SCOPE_CHAIN && v->type == DISK_UNKNOWN;
        for (uint32_t i = all->first_run[scope]; i < all->first_run[scope + 1]; i++) {
            unsigned all_needs = all->runs[i].needs | needs;
            d->on[i] = (all_needs & in_the_way) == 0 && !chain;
            if (d->on[i])
                continue;
            struct obstacle o = obstacles_of(&obstacles, all_needs, d->options->deep);
            const char *reason = o.skip ? o.reason : "the type of the disk is unknown";
            if (reason)
                leave_out(d, &all->runs[i], reason);
        }
    }
    d->notes_on = 0;
    for (uint32_t i = all->first_run[SCOPE_BAT_NOTE]; i < all->first_run[SCOPE_BAT_NOTE + 1]; i++) {
        const struct rule_run *run = &all->runs[i];
        if (d->on[i])
            d->notes_on |= (UINT64_MAX >> (64 - run->count)) << (run->rules - all->notes);
    }
}

static void call_rule(struct driver *d, const struct numbered_rule *r, const struct subject *s)
{
    d->probe.rule_number = r->number;
    d->probe.rule = r->rule;
    r->rule->check(&d->probe, s);
}

static void call_rules(struct driver *d, enum scope scope, const struct subject *s)
{
    const uint32_t first = d->rules->first_run[scope], end = d->rules->first_run[scope + 1];
    for (uint32_t i = first; i < end; i++) {
        if (!d->on[i])
            continue;
        const struct numbered_rule *r = d->rules->runs[i].rules, *last = r + d->rules->runs[i].count;
        for (; r < last; r++)
            call_rule(d, r, s);
    }
}

static void walk_headers(struct driver *d, struct subject s)
{
    for (int i = 0; i < 2; i++) {
        if (d->img->headers[i].got == 0)
            continue;
        s.slot = i;
        s.header = &d->img->headers[i].h;
        call_rules(d, SCOPE_HEADER, &s);
    }
}

static void walk_log(struct driver *d, struct subject s)
{
    for (uint64_t i = 0; i < d->img->log.entry_count; i++) {
        s.log_index = i;
        s.log = &d->img->log.entries[i];
        call_rules(d, SCOPE_LOG_ENTRY, &s);
    }
}

static void walk_regions(struct driver *d, struct subject s)
{
    for (int i = 0; i < 2; i++) {
        if (s.view->regions[i].got == 0)
            continue;
        s.copy = i;
        s.table = &s.view->regions[i].table;
        call_rules(d, SCOPE_REGION_TABLE, &s);
    }
    if (s.view->used_table < 0)
        return;
    const struct region_copy *used = &s.view->regions[s.view->used_table];
    s.copy = s.view->used_table;
    s.table = &used->table;
    for (uint32_t i = 0; i < used->told; i++) {
        s.entry = i;
        s.region = &used->entries[i];
        call_rules(d, SCOPE_REGION_ENTRY, &s);
    }
}

static void walk_metadata(struct driver *d, struct subject s)
{
    const struct metadata *m = &s.view->metadata;
    if (m->absence != ABSENT_NOT)
        return;
    for (uint32_t i = 0; i < m->table.usable_count; i++) {
        s.entry = i;
        s.item = &m->entries[i];
        call_rules(d, SCOPE_METADATA_ENTRY, &s);
    }
    s.item = NULL;
    for (uint32_t i = 0; i < s.view->locator.pair_count; i++) {
        s.entry = i;
        s.pair = &s.view->locator.pairs[i];
        call_rules(d, SCOPE_LOCATOR_PAIR, &s);
    }
}

struct visit {
    struct driver *d;
    struct subject s;
};

/* A hostile BAT has millions of notable entries, each with few facts, so most rules have nothing to say about it. */
static bool visit_note(void *ctx, const struct bat_note *n)
{
    struct visit *v = ctx;
    struct driver *d = v->d;
    uint64_t called = 0;
    v->s.note = n;
    for (unsigned facts = n->facts; facts; facts &= facts - 1)
        called |= d->rules->of_fact[__builtin_ctz(facts)];
    for (called &= d->notes_on; called; called &= called - 1)
        call_rule(d, &d->rules->notes[__builtin_ctzll(called)], &v->s);
    return true;
}

static bool visit_bitmap(void *ctx, const struct bitmap_note *n)
{
    struct visit *v = ctx;
    v->s.bitmap = n;
    call_rules(v->d, SCOPE_BITMAP, &v->s);
    return true;
}

static void walk_blocks(struct driver *d, struct subject s)
{
    if (s.view->bat.absence != ABSENT_NOT || !s.view->survey)
        return;
    struct visit v = {.d = d, .s = s};
    if (s.view->survey->notable > 0)
        probe_status(&d->probe, bat_visit_notable(s.view, visit_note, &v));
    v.s.note = NULL;
    probe_status(&d->probe, bitmaps_visit(s.view, visit_bitmap, &v));
}

static bool visit_content(void *ctx, const struct deep_note *n)
{
    struct visit *v = ctx;
    v->s.content = n;
    call_rules(v->d, SCOPE_CONTENT, &v->s);
    return true;
}

/* Once, over the view to believe: it reads the whole file. */
static void walk_content(struct driver *d)
{
    struct view *v = d->img->main;
    struct visit visit = {.d = d, .s = {.image = d->img, .view = v}};
    if (!d->options->deep || v->bat.absence != ABSENT_NOT || !v->survey)
        return;
    d->probe.result->deep = true;
    probe_status(&d->probe, deep_scan(v, visit_content, &visit, d->options->progress, d->options->progress_ctx));
}

static void walk_view(struct driver *d, struct view *v)
{
    struct subject s = {.image = d->img, .view = v};
    walk_regions(d, s);
    walk_metadata(d, s);
    walk_blocks(d, s);
    call_rules(d, SCOPE_VIEW, &s);
}

static struct rule_result *new_results(struct driver *d)
{
    return arena_array(d->probe.arena, d->rules->count, sizeof(struct rule_result));
}

static enum status check_views(struct driver *d, struct pass *main)
{
    struct image *img = d->img;
    walk_view(d, img->main);
    walk_content(d);
    if (img->stored == img->main)
        return STATUS_OK;
    struct pass stored = {.view = VIEW_STORED, .rules = new_results(d)};
    if (!stored.rules)
        return arena_failure(img->arena);
    d->probe.pass = &stored;
    enable_rules(d, img->stored);
    walk_view(d, img->stored);
    d->probe.pass = main;
    enable_rules(d, img->main);
    compare_views(&d->probe, &stored);
    return STATUS_OK;
}

/* ---- result ---- */

static int compare_findings(const void *a, const void *b)
{
    const struct finding *x = *(struct finding *const *)a, *y = *(struct finding *const *)b;
    if (x->severity != y->severity)
        return u64_compare(y->severity, x->severity);
    if (x->rule_number != y->rule_number)
        return u64_compare(x->rule_number, y->rule_number);
    return u64_compare(x->order, y->order);
}

static bool rule_failed(const struct pass *pass, const char *id)
{
    return pass->rules[rule_index(rule_find(id))].count > 0;
}

/*
 * design: the structures needed to find the guest disk are missing. Region tables are asked for in the view to believe:
 * VHDX-RGN-001 also tells of tables that the log brings.
 */
static bool is_unreadable(const struct image *img, const struct pass *pass)
{
    return rule_failed(pass, "VHDX-FILE-001") || rule_failed(pass, "VHDX-FID-001") ||
           rule_failed(pass, "VHDX-HDR-002") || img->main->used_table < 0 || img->main->metadata.absence != ABSENT_NOT;
}

static void finish(struct driver *d, struct pass *pass)
{
    struct check_result *res = d->probe.result;
    if (pass->list.count > 0)
        qsort(pass->list.items, (size_t)pass->list.count, sizeof(*pass->list.items), compare_findings);
    res->findings = pass->list.items;
    res->finding_count = pass->list.count;
    for (uint32_t i = 0; i < d->rules->count; i++)
        res->evaluated += pass->rules[i].outcome != RULE_NOT_EVALUATED;
    res->complete = !res->io_error && !res->limited;
    if (is_unreadable(d->img, pass))
        res->verdict = VERDICT_UNREADABLE;
    else if (res->counts[SEVERITY_ERROR] > 0)
        res->verdict = VERDICT_CORRUPT;
    else if (res->counts[SEVERITY_WARNING] > 0)
        res->verdict = VERDICT_SUSPICIOUS;
    else
        res->verdict = VERDICT_CLEAN;
}

/* I/O errors the model met while it was built. What the parents are worth is part of the answer. */
static void collect_io_errors(struct driver *d)
{
    const struct image *img = d->img;
    if (img->file_id_absence == ABSENT_IO || img->headers[0].io_error || img->headers[1].io_error ||
        img->headers[0].slot_unread || img->headers[1].slot_unread || img->log.io_error || img->replay.io_error ||
        img->main->io_error || img->stored->io_error || (img->parent && img->parent->unread))
        d->probe.result->io_error = true;
}

/* What was left out of the parent is missing from the answer about the child. */
static void collect_limits(struct driver *d, const struct check_result *parent)
{
    for (uint32_t i = 0; parent && i < parent->limit_count; i++)
        probe_limit(&d->probe, parent->limits[i].name, "a parent was not looked at to the end");
}

/* When there is no memory for one more finding, and that has to be said, the last one gives up its place. */
static void replace_last(struct driver *d, struct pass *pass, const char *message)
{
    struct finding_list *l = &pass->list;
    struct finding *f = l->count > 0 ? l->items[l->count - 1] : NULL;
    if (!f || f->rule == d->probe.rule || pass->rules[d->probe.rule_number].kept >= d->probe.max_findings)
        return;
    pass->rules[f->rule_number].kept--;
    memset(pass->rules[f->rule_number].kept_of, 0, sizeof(pass->rules[f->rule_number].kept_of));
    pass->rules[d->probe.rule_number].kept++;
    *f = (struct finding){
        .rule = d->probe.rule,
        .rule_number = d->probe.rule_number,
        .severity = d->probe.rule->severity,
        .at = at_place(STRUCTURE_FILE, NO_INDEX, 0, 0),
        .view = pass->view,
        .message = message,
        .repair = d->probe.rule->repair,
        .stops = d->probe.rule->stops,
        .order = d->probe.order++,
    };
}

/* VHDX-FILE-010 belongs to the driver: only it knows at the end what was left out. */
static void report_limits(struct driver *d, struct pass *pass)
{
    const struct rule *rule = rule_find("VHDX-FILE-010");
    struct check_result *res = d->probe.result;
    if (!res->limited)
        return;
    d->probe.rule = rule;
    d->probe.rule_number = rule_index(rule);
    uint32_t n = res->limit_count;
    for (uint32_t i = 0; i < n; i++) {
        const char *message = res->limits[i].message;
        struct finding *f = fail(&d->probe, at_place(STRUCTURE_FILE, NO_INDEX, 0, 0), "%s", message);
        if (f)
            f->message = message; /* also when there was no memory for a copy */
        else
            replace_last(d, pass, message);
    }
}

/* parent: the result of its parent's check; NULL when there is none */
static enum status check_one(struct image *img, const struct check_options *options, void (*restat)(struct image *img),
                             const struct check_result *parent, struct check_result **ret)
{
    struct check_result *res = arena_alloc(img->arena, sizeof(*res));
    struct driver d = {.img = img, .options = options, .rules = rule_set()};
    if (!res)
        return arena_failure(img->arena);
    res->image = img;
    res->main_view = img->options.no_replay ? VIEW_STORED : VIEW_REPLAYED;
    d.probe = (struct probe){.arena = img->arena, .result = res, .max_findings = options->max_findings};
    struct pass pass = {.view = res->main_view, .rules = new_results(&d)};
    if (!pass.rules)
        return arena_failure(img->arena);
    d.probe.pass = &pass;
    res->rules = pass.rules;

    probe_status(&d.probe, view_survey(img->main));
    if (img->stored != img->main)
        probe_status(&d.probe, view_survey(img->stored));
    if (img->main->locator.cut)
        probe_limit(&d.probe, "locator", "the parent locator holds more text than is decoded");
    enable_rules(&d, img->main);
    struct subject s = {.image = img, .view = img->main};
    walk_headers(&d, s);
    walk_log(&d, s);
    enum status st = check_views(&d, &pass);
    if (st != STATUS_OK)
        return st;
    if (restat)
        restat(img);
    collect_io_errors(&d);
    call_rules(&d, SCOPE_IMAGE, &s);
    if (img->main->type == DISK_DIFFERENCING && img->parent)
        call_rules(&d, SCOPE_CHAIN, &s);
    /* An allocation that failed left something out, if only the words of a finding. */
    probe_status(&d.probe, arena_status(img->arena));
    collect_limits(&d, parent);
    report_limits(&d, &pass);
    finish(&d, &pass);
    *ret = res;
    return STATUS_OK;
}

enum status check_run(struct image *img, const struct check_options *options, void (*restat)(struct image *img),
                      struct check_result **ret)
{
    struct image *chain[LIMIT_CHAIN_DEPTH] = {img};
    struct check_result *parent = NULL;
    uint32_t n = 1;
    for (struct image *i = img; i->parent && i->parent->image && n < LIMIT_CHAIN_DEPTH; i = i->parent->image)
        chain[n++] = i->parent->image;
    /* Oldest ancestor first, so that each child finds its parent judged. What their blocks hold is no matter here. */
    struct check_options shallow = *options;
    shallow.deep = false;
    while (n > 1) {
        enum status st = check_one(chain[--n], &shallow, restat, parent, &parent);
        if (st != STATUS_OK)
            return st;
        struct chain_parent *link = chain[n - 1]->parent;
        link->judged = true;
        link->errors = parent->counts[SEVERITY_ERROR];
        link->warnings = parent->counts[SEVERITY_WARNING];
        link->verdict = verdict_name(parent->verdict);
        link->unread |= parent->io_error;
    }
    return check_one(img, options, restat, parent, ret);
}
