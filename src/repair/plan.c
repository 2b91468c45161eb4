/* SPDX-License-Identifier: MIT */
/*
 * Planning. The file is checked through a stage in memory; the fixers of what was found change the stage; then it is
 * checked again as if it were a file, until a round changes nothing:
 *
 *     base ──► stage ──► model ──► findings ──► fixers of one phase ──┐
 *                ▲                                                    │
 *                └────────────────── both headers ◄───────────────────┘
 *
 * A round does the first phase (repair/fix.h) that has something to do: what comes later is found through what comes
 * earlier, and is judged anew in the next round. So fixers never fight: a phase sees the ones before it settled.
 *
 * What is promised of the result is checked on the result. A rule that passed before and fails afterwards was brought
 * about by the repair: then the fixers of the round that did it are left out and everything is planned again from the
 * start. A rule whose findings do not become fewer by its fixer is left out as well.
 */
#include "repair/plan.h"

#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "base/text.h"
#include "repair/planner.h"

enum { CONTINUATIONS_MOST = 4 };
_Static_assert(LIMIT_REPAIR_ROUNDS < 128, "rounds are bits of two words");

/* ---- seed ---- */

static uint64_t fold(uint64_t h, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    for (size_t i = 0; i < len; i++) /* FNV-1a */
        h = (h ^ p[i]) * 0x100000001b3;
    return h;
}

/* From what tells this state of this file from others: both headers, whose GUIDs change with every writable open. */
static enum status seed(struct planner *p, uint64_t *ret)
{
    uint64_t h = 0xcbf29ce484222325;
    uint8_t bytes[HEADER_LEN];
    size_t got;

    for (int slot = 0; slot < 2; slot++) {
        enum status st = source_read_some(p->plan->base, HEADER_OFF[slot], bytes, sizeof(bytes), &got);
        if (st == STATUS_OK)
            h = fold(h, bytes, sizeof(bytes));
        else if (st != STATUS_IO) /* a file that cannot be read is refused later, with a reason */
            return st;
    }
    put_le64(bytes, p->plan->base->size);
    h = fold(h, bytes, 8);
    for (uint32_t i = 0; i < p->options->consent_count; i++)
        h = fold(h, p->options->consent[i], strlen(p->options->consent[i]) + 1);
    *ret = h;
    return STATUS_OK;
}

/* ---- over all rounds ---- */

static void look_before(struct planner *p, const struct check_result *res)
{
    struct plan *plan = p->plan;

    plan->before = res->verdict;
    plan->errors_before = res->counts[SEVERITY_ERROR];
    for (uint32_t i = 0; i < rule_count(); i++)
        p->rules[i].passed_before = res->rules[i].outcome != RULE_NOT_EVALUATED;
    for (uint64_t i = 0; i < res->finding_count; i++)
        if (res->findings[i]->severity >= SEVERITY_WARNING)
            p->rules[rule_index(res->findings[i]->rule)].passed_before = false;
}

/* Notes in which round a rule that passed in the file began to fail. */
static void look_for_harm(struct planner *p, const struct round *r)
{
    for (uint32_t i = 0; i < rule_count(); i++) {
        struct rule_state *s = &p->rules[i];
        bool fails = false;
        if (!s->passed_before)
            continue;
        for (uint64_t k = r->starts[i]; k < r->starts[i + 1] && !fails; k++)
            fails = r->grouped[k]->severity >= SEVERITY_WARNING;
        if (!fails)
            s->failed_since = 0;
        else if (s->failed_since == 0)
            s->failed_since = p->round;
    }
}

/* The highest severity of a rule's findings, and the class that goes with repair: the strongest that is offered. */
static void sum_up(const struct round *r, uint32_t rule, struct plan_left *left)
{
    for (uint64_t i = r->starts[rule]; i < r->starts[rule + 1]; i++) {
        const struct finding *f = r->grouped[i];
        if (finding_is_stored_only(f))
            continue;
        if (left->count++ == 0 || f->severity > left->severity)
            left->severity = f->severity;
        if (f->repair != REPAIR_NONE)
            left->class = f->repair;
    }
}

static const char *reason_of(struct planner *p, const struct rule_state *s, const struct plan_left *left)
{
    if (left->class == REPAIR_NONE)
        return "cannot be repaired";
    if (p->plan->refused)
        return p->plan->refusal;
    if (s->fixer->fix == NULL) /* what can be repaired has a row in the table of fixers */
        return s->fixer->no_fixer;
    if (s->blocked != NULL)
        return s->blocked;
    if (!s->consented && (left->class == REPAIR_CONSENT || left->severity < SEVERITY_WARNING))
        return text_format(p->plan->arena, "needs --consent %s", left->rule->id);
    return s->why_not != NULL ? s->why_not : "no way to repair it was found";
}

static enum status list_left(struct planner *p, const struct round *r)
{
    const struct check_result *res = r->res;
    struct plan *plan = p->plan;

    for (uint32_t i = 0; i < rule_count(); i++) {
        struct plan_left left = {.rule = rule_at(i)};
        if (res->rules[i].count == 0)
            continue;
        sum_up(r, i, &left);
        if (left.count == 0 || (left.class == REPAIR_NONE && left.severity < SEVERITY_WARNING))
            continue;
        left.count += res->rules[i].count - res->rules[i].kept;
        left.reason = reason_of(p, &p->rules[i], &left);
        if (plan->left_count == plan->left_cap &&
            !arena_grow(plan->arena, (void **)&plan->left, &plan->left_cap, plan->left_count, sizeof(*plan->left)))
            return arena_status(plan->arena);
        plan->left[plan->left_count++] = left;
    }
    return STATUS_OK;
}

/* ---- refusing ---- */

static void refuse(struct plan *plan, const char *why)
{
    plan->refused = true;
    plan->refusal = why;
}

/* What must not be touched at all. */
static void refuse_some(struct planner *p, const struct round *r)
{
    const struct header *h = image_header(r->x.img);

    if (r->res->io_error)
        refuse(p->plan,
               "parts of the file cannot be read: copy it with a tool that goes on after read errors, and repair "
               "the copy");
    else if (h != NULL && h->version != 1)
        refuse(p->plan,
               text_format(p->plan->arena,
                           "the current header has Version %u, of which nothing is known (VHDX-HDR-004)", h->version));
}

/* ---- rounds ---- */

static enum status parent_memory(const struct planner *p)
{
    return p->options->parent != NULL ? arena_status(p->options->parent->arena) : STATUS_OK;
}

/*
 * A fixer that cannot read or has no memory may take what it looked for as not there, or lose a text: what came of that
 * is no plan. What cannot be read of the file as it is was refused in the first round.
 */
static enum status round_status(const struct planner *p, const struct round *r, uint64_t failed_before,
                                enum status parent_before)
{
    enum status st = arena_status(r->x.arena);

    if (st == STATUS_OK)
        st = arena_status(p->plan->arena);
    if (st == STATUS_OK && parent_before == STATUS_OK)
        st = parent_memory(p); /* the parent is checked in each round as well */
    if (st == STATUS_OK && !p->plan->refused && p->plan->base->failed_reads > failed_before)
        st = STATUS_IO;
    return st;
}

/* Checks, mends, and says whether anything was changed. The last round fills the plan's end. */
static enum status one_round(struct planner *p, bool *ret_more)
{
    struct plan *plan = p->plan;
    uint64_t failed_before = plan->base->failed_reads;
    enum status parent_before = parent_memory(p);
    struct round r;

    *ret_more = false;
    enum status st = round_open(p, &r);
    if (st != STATUS_OK)
        goto out;
    if (p->round == 1) {
        look_before(p, r.res);
        refuse_some(p, &r);
    }
    look_for_harm(p, &r);
    if (!plan->refused && p->round < LIMIT_REPAIR_ROUNDS)
        st = round_mend(&r);
    /* The headers come last, but they come: also when what was mended is why there was none before. */
    bool due = plan->step_count > 0 && p->headers.known && !p->headers.noted && r.x.img->choice != HEADER_AMBIGUOUS;
    bool more = r.x.changed || due;
    if (st == STATUS_OK && more)
        st = headers_write(&r.x);
    if (st == STATUS_OK && !more) {
        plan->after = r.res->verdict;
        plan->errors_after = r.res->counts[SEVERITY_ERROR];
        st = list_left(p, &r);
    }
    if (st == STATUS_OK)
        st = round_status(p, &r, failed_before, parent_before);
    *ret_more = more;
out:
    round_close(&r);
    return st;
}

/* Everything from the start. */
static enum status one_attempt(struct planner *p)
{
    struct plan *plan = p->plan;
    uint64_t from = 0;
    bool more = true;

    store_close(plan->stage);
    plan->stage = NULL;
    plan->step_count = plan->left_count = 0;
    p->headers = (struct headers_wanted){.known = false};
    p->copied = 0;
    p->again = false;
    for (uint32_t i = 0; i < rule_count(); i++) {
        struct rule_state *s = &p->rules[i];
        *s = (struct rule_state){.fixer = s->fixer, .consented = s->consented, .blocked = s->blocked};
    }
    enum status st = seed(p, &from);
    if (st == STATUS_OK)
        st = stage_open(plan->base, p->options->max_memory, &plan->stage);
    if (st != STATUS_OK)
        return st;
    p->entropy = entropy_seeded(from);
    st = entropy_guid(&p->entropy, &p->headers.file_write_guid);
    if (st == STATUS_OK)
        st = entropy_guid(&p->entropy, &p->headers.data_write_guid);
    for (p->round = 1; st == STATUS_OK && more; p->round++)
        st = one_round(p, &more);
    return st;
}

/* ---- harm ---- */

static bool acted_in(const struct rule_state *s, uint32_t round)
{
    return s->acted[round / 64] >> (round % 64) & 1;
}

/*
 * The result has an error or a warning of a rule that passed before: the fixers that changed something in the round
 * before it first showed are left out from now on. Where there is none to leave out, nothing is repaired.
 */
static void leave_out(struct planner *p, uint32_t harmed)
{
    const char *id = rule_at(harmed)->id, *why = p->rules[harmed].why_not;
    uint32_t round = p->rules[harmed].failed_since - 1;
    bool found = false;

    for (uint32_t i = 0; i < rule_count(); i++) {
        struct rule_state *s = &p->rules[i];
        if (s->blocked != NULL || !acted_in(s, round))
            continue;
        s->blocked = text_format(p->plan->arena, "the image would have %s afterwards, which it has not now%s%s", id,
                                 why != NULL ? ": " : "", why != NULL ? why : "");
        found = true;
    }
    if (!found)
        refuse(p->plan, text_format(p->plan->arena, "repairing the file would bring %s, which it has not now", id));
}

static bool has_harmed(struct planner *p)
{
    for (uint32_t i = 0; i < rule_count(); i++) {
        if (p->rules[i].failed_since == 0)
            continue;
        leave_out(p, i);
        return true;
    }
    return false;
}

static enum status planner_open(struct planner *p)
{
    p->rules = arena_array(p->plan->arena, rule_count(), sizeof(*p->rules));
    if (p->rules == NULL)
        return arena_status(p->plan->arena);
    const struct fixer *next = fixer_at(0);
    for (uint32_t i = 0, n = 0; i < rule_count(); i++) {
        const struct rule *rule = rule_at(i);
        if (next != NULL && strcmp(next->rule, rule->id) == 0) { /* both tables are in catalogue order */
            p->rules[i].fixer = next;
            next = fixer_at(++n);
        }
        for (uint32_t k = 0; k < p->options->consent_count; k++)
            p->rules[i].consented = p->rules[i].consented || strcmp(p->options->consent[k], rule->id) == 0;
        if (p->rules[i].consented && rule->scope == SCOPE_CONTENT)
            p->deep = true;
    }
    return STATUS_OK;
}

/* *ret_blocked: some fixer was left out, for what the file looked like at that moment. */
static enum status plan_once(struct arena *a, struct source *base, const char *path, const struct plan_options *o,
                             struct plan *ret, bool *ret_blocked)
{
    struct plan plan = {.arena = a, .base = base, .old_size = base->size};
    struct planner p = {.plan = &plan, .options = o, .path = path};

    enum status st = planner_open(&p);
    if (st == STATUS_OK)
        st = one_attempt(&p);
    while (st == STATUS_OK && (p.again || has_harmed(&p))) {
        st = arena_status(a); /* of what is left out, and why */
        if (st == STATUS_OK)
            st = one_attempt(&p);
    }
    if (st != STATUS_OK) {
        store_close(plan.stage);
        return st;
    }
    *ret_blocked = false;
    for (uint32_t i = 0; i < rule_count(); i++)
        *ret_blocked = *ret_blocked || p.rules[i].blocked != NULL;
    plan.new_size = store_size(plan.stage);
    *ret = plan;
    return STATUS_OK;
}

/* What `next` does to the plan's stage becomes part of the plan. */
static enum status append(struct plan *plan, const struct plan *next)
{
    enum status st = stage_put(next->stage, plan->stage);

    for (uint64_t i = 0; i < next->step_count && st == STATUS_OK; i++) {
        if (plan->step_count == plan->step_cap &&
            !arena_grow(plan->arena, (void **)&plan->steps, &plan->step_cap, plan->step_count, sizeof(*plan->steps)))
            st = arena_status(plan->arena);
        else
            plan->steps[plan->step_count++] = next->steps[i];
    }
    plan->left = next->left;
    plan->left_count = next->left_count;
    plan->left_cap = next->left_cap;
    plan->after = next->after;
    plan->errors_after = next->errors_after;
    plan->new_size = store_size(plan->stage);
    return st;
}

enum status plan_make(struct arena *a, struct source *base, const char *path, const struct plan_options *o,
                      struct plan *ret)
{
    struct plan plan;
    bool again = false;

    enum status st = plan_once(a, base, path, o, &plan, &again);
    if (st != STATUS_OK)
        return st;
    /* What could not be done to the file as it is may be possible in what the plan makes of it. */
    for (unsigned i = 0; again && plan.step_count > 0 && i < CONTINUATIONS_MOST; i++) {
        struct plan next;
        st = plan_once(a, plan.stage->source, path, o, &next, &again);
        if (st != STATUS_OK)
            break;
        again = again && next.step_count > 0;
        if (next.step_count > 0)
            st = append(&plan, &next);
        plan_close(&next);
        if (st != STATUS_OK)
            break;
    }
    if (st != STATUS_OK) {
        plan_close(&plan);
        return st;
    }
    *ret = plan;
    return STATUS_OK;
}

void plan_close(struct plan *p)
{
    store_close(p->stage);
    p->stage = NULL;
}
