/* SPDX-License-Identifier: MIT */
/*
 * The driver. It walks every structure once per view and calls each rule of that scope. A rule whose needs are missing
 * is not evaluated, with the reason; "could not look" is never "passed".
 *
 * A dirty image is checked twice with the same rules: over the replayed view, which is the truth, and over the view as
 * stored. Errors and warnings that only the stored view has are reported as information (the log repairs them); errors
 * that only the replayed view has mean that replaying makes things worse (VHDX-LOG-028).
 */
#include "check/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "check/probe.h"

static const char *const verdict_names[] = {"clean", "suspicious", "corrupt", "unreadable"};

const char *verdict_name(enum verdict v)
{
    return verdict_names[v];
}

/* ---- needs ---- */

/* What stands in a rule's way: nothing, nothing to compare (passes silently), or a reason. */
struct obstacle {
    bool skip;
    const char *reason;
};

static const struct obstacle CLEAR = {false, NULL};
static const struct obstacle SKIP = {true, NULL};

static struct obstacle because(const char *reason)
{
    return (struct obstacle){.skip = true, .reason = reason};
}

static struct obstacle absent(enum absence a)
{
    return a == ABSENT_NOT ? CLEAR : because(absence_text(a));
}

static struct obstacle log_obstacle(const struct image *img)
{
    if (img->current < 0)
        return because("no valid header");
    if (img->log.io_error)
        return because("the log could not be read");
    if (img->log.scanned)
        return CLEAR;
    return img->log.len == 0 ? SKIP : because("the log lies outside the file");
}

static struct obstacle parent_obstacle(const struct image *img)
{
    if (img->main->type == DISK_UNKNOWN)
        return because("the type of the disk is unknown");
    if (img->main->type != DISK_DIFFERENCING)
        return SKIP;
    if (!img->parent)
        return because("no parent given");
    switch (img->parent->state) {
    case PARENT_FOUND:
        return CLEAR;
    case PARENT_NOT_FOUND:
        return because("parent not found");
    case PARENT_UNOPENABLE:
        return because("the parent cannot be opened");
    case PARENT_CYCLE:
        return because("the chain is a cycle");
    case PARENT_TOO_DEEP:
        return because("the chain is too long");
    case PARENT_NOT_NEEDED:
    case PARENT_NOT_GIVEN:
        break;
    }
    return because("no parent given");
}

static struct obstacle bat_obstacle(const struct view *v)
{
    if (v->bat.absence != ABSENT_NOT)
        return absent(v->bat.absence);
    return v->survey ? CLEAR : because(v->io_error ? "the BAT could not be read" : "a limit was reached");
}

static struct obstacle both_headers_obstacle(const struct image *img)
{
    return img->headers[0].valid && img->headers[1].valid ? CLEAR : SKIP;
}

static struct obstacle locator_obstacle(const struct view *v)
{
    if (v->locator.absence == ABSENT_NOT_APPLICABLE)
        return SKIP;
    return absent(v->locator.absence);
}

/* What a scope needs by itself. */
static unsigned scope_needs(enum scope s)
{
    switch (s) {
    case SCOPE_LOG_ENTRY:
        return NEED_LOG;
    case SCOPE_REGION_ENTRY:
        return NEED_REGIONS;
    case SCOPE_METADATA_ENTRY:
        return NEED_METADATA;
    case SCOPE_LOCATOR_PAIR:
        return NEED_LOCATOR;
    case SCOPE_BAT_NOTE:
    case SCOPE_BITMAP:
        return NEED_BAT;
    case SCOPE_CONTENT:
        return NEED_DEEP | NEED_BAT | NEED_LAYOUT;
    case SCOPE_HEADER:
    case SCOPE_REGION_TABLE:
    case SCOPE_VIEW:
    case SCOPE_IMAGE:
    case SCOPE_CHAIN:
    case SCOPE_COUNT:
        break;
    }
    return 0;
}

static struct obstacle one_need(enum need n, const struct image *img, const struct view *v)
{
    switch (n) {
    case NEED_FILE_ID:
        return absent(img->file_id_absence);
    case NEED_HEADER:
        return img->current < 0 ? because("no valid header") : CLEAR;
    case NEED_BOTH_HEADERS:
        return both_headers_obstacle(img);
    case NEED_LOG:
        return log_obstacle(img);
    case NEED_REGIONS:
        return absent(v->regions_absence);
    case NEED_METADATA:
        return absent(v->metadata.absence);
    case NEED_GEOMETRY:
        return absent(v->geometry_absence);
    case NEED_BAT:
        return bat_obstacle(v);
    case NEED_LAYOUT:
        return v->layout ? CLEAR : because("the layout of the file is not known");
    case NEED_PARENT:
        return parent_obstacle(img);
    case NEED_HOST:
        return img->host.known ? CLEAR : because("nothing is known of the host file");
    case NEED_LOCATOR:
        return locator_obstacle(v);
    case NEED_DEEP:
        break; /* asked before */
    }
    return CLEAR;
}

/* What is in the way of each need, by the number of its bit; and the needs that have something in their way. */
struct obstacles {
    struct obstacle of[NEEDS];
    unsigned met;
};

static struct obstacles look_at_needs(const struct image *img, const struct view *v)
{
    struct obstacles all = {.met = 0};
    for (unsigned i = 0; i < NEEDS; i++) {
        all.of[i] = one_need((enum need)(1 << i), img, v);
        all.met |= (unsigned)all.of[i].skip << i;
    }
    return all;
}

/* What stands in the way of rules that need all of this. */
static struct obstacle needs_obstacle(unsigned needs, const struct obstacles *all, bool deep)
{
    struct obstacle first = CLEAR;
    if (needs & NEED_DEEP && !deep)
        return because("the content is looked at with --deep only");
    for (needs &= all->met; needs; needs &= needs - 1) {
        struct obstacle o = all->of[__builtin_ctz(needs)];
        if (o.reason)
            return o;
        first = o;
    }
    return first;
}

/* ---- walking ---- */

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
    const struct obstacles obstacles = look_at_needs(d->img, v);
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
            struct obstacle o = needs_obstacle(all_needs, &obstacles, d->options->deep);
            if (!o.skip)
                o = because("the type of the disk is unknown");
            if (o.reason)
                leave_out(d, &all->runs[i], o.reason);
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
    for (uint32_t i = 0; i < used->table.usable_count; i++) {
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

/* ---- two views ---- */

static int compare_places(const void *a, const void *b)
{
    const struct finding *x = *(struct finding *const *)a, *y = *(struct finding *const *)b;
    if (x->rule != y->rule)
        return strcmp(x->rule->id, y->rule->id);
    if (x->at.off != y->at.off)
        return u64_compare(x->at.off, y->at.off);
    if (x->at.index != y->at.index)
        return x->at.index < y->at.index ? -1 : 1;
    return 0;
}

static bool contains(const struct finding_list *sorted, struct finding *f)
{
    return sorted->count > 0 &&
           bsearch(&f, sorted->items, (size_t)sorted->count, sizeof(*sorted->items), compare_places) != NULL;
}

/* A copy of the list sorted by place; false when memory is gone. */
static bool sorted_copy(struct driver *d, const struct finding_list *l, struct finding_list *ret)
{
    struct finding **items = arena_array(d->probe.arena, l->count, sizeof(*items));
    if (!items) {
        probe_status(&d->probe, arena_status(d->probe.arena));
        return false;
    }
    if (l->count > 0) {
        memcpy(items, l->items, (size_t)l->count * sizeof(*items));
        qsort(items, (size_t)l->count, sizeof(*items), compare_places);
    }
    *ret = (struct finding_list){.items = items, .count = l->count};
    return true;
}

/* Faults that only the stored view has: the log repairs them, so they are information. */
static void report_stored_only(struct driver *d, struct pass *main, const struct pass *stored,
                               const struct finding_list *main_sorted)
{
    for (uint64_t i = 0; i < stored->list.count; i++) {
        const struct finding *f = stored->list.items[i];
        if (f->severity == SEVERITY_INFO || contains(main_sorted, stored->list.items[i]))
            continue;
        uint32_t n = f->rule_number;
        if (main->rules[n].outcome == RULE_NOT_EVALUATED)
            continue;
        d->probe.rule = f->rule;
        d->probe.rule_number = n;
        struct finding *g =
            fail_as(&d->probe, SEVERITY_INFO, f->at, "as stored, before the log is replayed: %s", f->message);
        if (!g)
            continue;
        uint64_t order = g->order;
        const char *message = g->message;
        *g = *f;
        g->severity = SEVERITY_INFO;
        g->view = VIEW_STORED;
        g->repair = REPAIR_AUTOMATIC;
        g->stops = 0;
        g->order = order;
        g->message = message;
        g->means = "nothing once the log is replayed; programs that ignore the log meet this fault";
        g->next = "vhdxray log FILE --plan";
    }
}

/* Errors that only the replayed view has. */
static void report_worse_after_replay(struct driver *d, const struct pass *main, uint64_t main_count,
                                      const struct pass *stored, const struct finding_list *stored_sorted)
{
    const struct rule *rule = rule_find("VHDX-LOG-028");
    struct text names = text_in(d->probe.arena);
    const struct rule *last = NULL;
    uint64_t worse = 0;
    for (uint64_t i = 0; i < main_count; i++) {
        struct finding *f = main->list.items[i];
        if (f->severity != SEVERITY_ERROR || f->rule->scope < SCOPE_REGION_TABLE ||
            stored->rules[f->rule_number].outcome == RULE_NOT_EVALUATED || contains(stored_sorted, f))
            continue;
        worse++;
        if (f->rule != last)
            text_addf(&names, "%s%s", names.len ? ", " : "", f->rule->id);
        last = f->rule;
    }
    if (worse == 0)
        return;
    d->probe.rule = rule;
    d->probe.rule_number = rule_index(rule);
    struct finding *f = fail(&d->probe, at_place(STRUCTURE_LOG, NO_INDEX, d->img->log.off, d->img->log.len),
                             "replaying the log brings %llu %s that the file as stored does not have: %s",
                             (unsigned long long)worse, worse == 1 ? "error" : "errors", text_str(&names));
    finding_expected(&d->probe, f, "no new errors after replay");
}

static struct rule_result *new_results(struct driver *d)
{
    return arena_array(d->probe.arena, d->rules->count, sizeof(struct rule_result));
}

/* Why an allocation failed. */
static enum status no_memory(const struct image *img)
{
    enum status st = arena_status(img->arena);
    return st != STATUS_OK ? st : STATUS_NO_MEMORY;
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
        return no_memory(img);
    uint64_t main_count = main->list.count;
    d->probe.pass = &stored;
    enable_rules(d, img->stored);
    walk_view(d, img->stored);
    d->probe.pass = main;
    enable_rules(d, img->main);
    struct finding_list main_sorted, stored_sorted;
    if (!sorted_copy(d, &main->list, &main_sorted) || !sorted_copy(d, &stored.list, &stored_sorted))
        return STATUS_OK;
    report_worse_after_replay(d, main, main_count, &stored, &stored_sorted);
    report_stored_only(d, main, &stored, &main_sorted);
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
        return no_memory(img);
    res->image = img;
    res->main_view = img->options.no_replay ? VIEW_STORED : VIEW_REPLAYED;
    d.probe = (struct probe){.arena = img->arena, .result = res, .max_findings = options->max_findings};
    struct pass pass = {.view = res->main_view, .rules = new_results(&d)};
    if (!pass.rules)
        return no_memory(img);
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
