/* SPDX-License-Identifier: MIT */
/*
 * One round of planning: the stage is opened and checked like any file, and the fixers of the first phase that has
 * something to do are called. What must be settled before a phase (which header counts, what the log holds) keeps it
 * closed.
 */
#include <string.h>

#include "base/limits.h"
#include "image/chain.h"
#include "repair/planner.h"

enum { STALLED_MOST = 2 };

/* ---- the model ---- */

/* What a round asks of each rule must not cost all findings each time. */
static enum status group(struct round *r)
{
    const struct check_result *res = r->res;
    uint32_t rules = rule_count();
    uint64_t *next = arena_array(r->x.arena, rules, sizeof(*next));

    r->starts = arena_array(r->x.arena, (uint64_t)rules + 1, sizeof(*r->starts));
    r->grouped = arena_array(r->x.arena, res->finding_count, sizeof(*r->grouped));
    if (next == NULL || r->starts == NULL || r->grouped == NULL)
        return arena_status(r->x.arena);
    for (uint64_t i = 0; i < res->finding_count; i++)
        r->starts[res->findings[i]->rule_number + 1]++;
    for (uint32_t k = 0; k < rules; k++) {
        r->starts[k + 1] += r->starts[k];
        next[k] = r->starts[k];
    }
    for (uint64_t i = 0; i < res->finding_count; i++)
        r->grouped[next[res->findings[i]->rule_number]++] = res->findings[i];
    return STATUS_OK;
}

enum status round_open(struct planner *p, struct round *ret)
{
    const struct check_options options = {.max_findings = LIMIT_REPAIR_FINDINGS, .deep = p->deep};
    struct arena *a = arena_create(p->options->max_memory);
    struct check_result *res = NULL;

    *ret = (struct round){.planner = p};
    if (a == NULL)
        return STATUS_NO_MEMORY;
    ret->x = (struct fixing){
        .plan = p->plan,
        .options = p->options,
        .arena = a,
        .stage = p->plan->stage,
        .entropy = &p->entropy,
        .headers = &p->headers,
        .copied = &p->copied,
    };
    enum status st = image_open(a, p->plan->stage->source, p->path, NULL, NULL, &ret->x.img);
    if (st == STATUS_OK && p->options->parent != NULL)
        st = chain_lend(ret->x.img, p->options->parent, p->options->parent->path);
    if (st == STATUS_OK)
        st = check_run(ret->x.img, &options, NULL, &res);
    if (st == STATUS_OK && res->limited)
        st = STATUS_LIMIT;
    if (st == STATUS_OK && res->io_error && p->round > 1)
        st = STATUS_IO; /* in the first round it is refused, with a reason */
    if (st != STATUS_OK)
        return st;
    ret->res = ret->x.found = res;
    ret->x.view = ret->x.img->main;
    headers_look(&ret->x);
    return group(ret);
}

void round_close(struct round *r)
{
    image_close(r->x.img);
    arena_destroy(r->x.arena);
}

/* ---- which findings ---- */

/* Automatic ones that are no fault are offered by name only: a healthy file must not be touched. */
static bool is_wanted(const struct rule_state *s, const struct finding *f)
{
    if (f->repair == REPAIR_NONE)
        return false;
    return s->consented || (f->repair == REPAIR_AUTOMATIC && f->severity >= SEVERITY_WARNING);
}

static bool is_open(const struct rule_state *s)
{
    return s->fixer != NULL && s->fixer->fix != NULL && s->blocked == NULL;
}

/* ---- what stands in the way of a phase ---- */

struct gate {
    enum fix_phase first; /* phases from here on ... */
    const char *except;   /* ... but for the fixer of this rule ... */
    const char *reason;   /* ... wait, because of this; NULL: nothing is in the way */
};

static struct gate gate_of(const struct fixing *x)
{
    const struct image *img = x->img;
    const struct headers_wanted *h = x->headers;

    if (fix_found(x, "VHDX-FID-001") && !fix_consented(x, "VHDX-FID-001"))
        return (struct gate){PHASE_IDENTIFIER, NULL,
                             "the file does not begin like a VHDX: needs --consent VHDX-FID-001"};
    if (img->current < 0)
        return (struct gate){PHASE_LOG, NULL, "no header is valid (VHDX-HDR-002)"};
    if (img->choice == HEADER_AMBIGUOUS)
        return (struct gate){PHASE_IDENTIFIER, "VHDX-HDR-006",
                             "which header counts must be settled first: needs --consent VHDX-HDR-006"};
    if (h->sequence > UINT64_MAX - 2)
        return (struct gate){PHASE_IDENTIFIER, "VHDX-HDR-010",
                             "the sequence numbers of the headers cannot rise any more: needs --consent VHDX-HDR-010"};
    if (!guid_is_nil(&h->h.log_guid))
        return (struct gate){PHASE_REGIONS, NULL, "the log is in use and must be settled first"};
    if (fix_found(x, "VHDX-RGN-006"))
        return (struct gate){PHASE_METADATA, NULL,
                             "which region table counts must be settled first: needs --consent VHDX-RGN-006"};
    return (struct gate){PHASE_COUNT, NULL, NULL};
}

/* NULL, or why the fixer must wait. */
static const char *gate_closed(const struct gate *g, const struct fixer *fixer)
{
    if (g->reason == NULL || fixer->phase < g->first || (g->except != NULL && strcmp(g->except, fixer->rule) == 0))
        return NULL;
    return g->reason;
}

/* ---- one round ---- */

/* The finding, of the rule of s, is one that shall be mended. */
static bool is_in_hand(const struct round *r, const struct rule_state *s, const struct finding *f)
{
    if (finding_is_stored_only(f))
        return false;
    /* The log was taken out of the headers because of another rule, which the user agreed to. */
    bool pending = r->planner->headers.log_wanted != NULL && strcmp(f->rule->id, "VHDX-HDR-018") == 0;
    return pending || is_wanted(s, f);
}

static uint64_t wanted_count(const struct round *r, uint32_t rule)
{
    const struct rule_state *s = &r->planner->rules[rule];
    uint64_t n = 0;

    for (uint64_t i = r->starts[rule]; i < r->starts[rule + 1]; i++)
        n += is_in_hand(r, s, r->grouped[i]);
    /* Those that were only counted are like the others. */
    return n > 0 ? n + r->res->rules[rule].count - r->res->rules[rule].kept : 0;
}

static void note_refusal(struct round *r, struct rule_state *s)
{
    struct fixing *x = &r->x;

    if (x->why_not != NULL)
        s->why_not = arena_copy(r->planner->plan->arena, x->why_not, strlen(x->why_not));
}

/* Calls the fixer for all findings of its rule. */
static enum status mend_rule(struct round *r, uint32_t rule, bool *ret_changed)
{
    struct rule_state *s = &r->planner->rules[rule];
    struct fixing *x = &r->x;
    uint64_t count = wanted_count(r, rule);
    bool before = x->changed;
    enum status st = STATUS_OK;

    if (count > LIMIT_REPAIR_MENDED) {
        s->blocked = "they are more than can be mended one by one; vhdxray carve looks for what is left of the data";
        return STATUS_OK;
    }
    if ((s->acted[0] | s->acted[1]) != 0 && count >= s->count && ++s->stalled > STALLED_MOST) {
        s->blocked = "the repair does not make it go away";
        r->planner->again = true;
        return STATUS_OK;
    }
    s->count = count;
    x->why_not = NULL;
    x->changed = false;
    for (uint64_t i = r->starts[rule]; i < r->starts[rule + 1] && st == STATUS_OK; i++) {
        const struct finding *f = r->grouped[i];
        if (!is_in_hand(r, s, f))
            continue;
        x->finding = f;
        x->has_guest = false;
        st = s->fixer->fix(x, f);
        note_refusal(r, s);
        if (s->fixer->reach == REACH_ONCE && x->changed)
            break;
    }
    if (x->changed)
        s->acted[r->planner->round / 64] |= (uint64_t)1 << (r->planner->round % 64);
    *ret_changed = x->changed;
    x->changed = x->changed || before;
    return st;
}

/* The first phase with something to do does it. */
static enum status mend_phase(struct round *r, enum fix_phase phase, const struct gate *gate)
{
    struct planner *p = r->planner;
    enum status st = STATUS_OK;

    for (uint32_t i = 0; i < rule_count() && st == STATUS_OK; i++) {
        struct rule_state *s = &p->rules[i];
        bool changed = false;
        if (!is_open(s) || s->fixer->phase != phase || wanted_count(r, i) == 0)
            continue;
        const char *closed = gate_closed(gate, s->fixer);
        if (closed != NULL) {
            s->why_not = closed;
            continue;
        }
        st = mend_rule(r, i, &changed);
        if (changed && s->fixer->reach != REACH_SHARED)
            break;
    }
    return st;
}

enum status round_mend(struct round *r)
{
    const struct gate gate = gate_of(&r->x);
    enum status st = STATUS_OK;

    for (int phase = 0; phase < PHASE_COUNT && st == STATUS_OK && !r->x.changed; phase++)
        st = mend_phase(r, (enum fix_phase)phase, &gate);
    return st;
}
