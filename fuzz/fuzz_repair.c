/* SPDX-License-Identifier: MIT */
/*
 * The plan of a repair for a whole image, applied through the journal, and taken back. Input: a recipe. Bits 0 and 1 of
 * its seed say what is consented to: nothing, everything, or one half of the rules or the other; the replay does all.
 *
 * Asserted of the plan: every byte that it changes lies in a step; nothing that takes consent is done without; no rule
 * fails afterwards that passed before, and what stays has its reason; a second plan, of the result, is empty (the
 * two-run rule); guest data that could be read before reads the same afterwards but for the ranges that steps name, and
 * no sector of a child comes to be the parent's; the same plan comes out twice. Of the journal: the image is then what
 * the plan said, and after the undo every byte and the size are as they were.
 */
#include "base/limits.h"
#include "fuzz/whole.h"
#include "image/guest.h"
#include "repair/journal.h"
#include "repair/plan.h"

enum { CONSENT_LAST = 3, CONSENTS_MAX = 512, PIECE = 4096, BLOCKS_FRONT = 48, SECTOR = 512 };
static const uint64_t MEMORY = (uint64_t)64 << 20;

struct planned {
    struct arena *arena;
    const char *consent[CONSENTS_MAX];
    struct plan_options options;
    struct plan plan;
};

/* ---- making ---- */

static void consent_to(struct planned *p, unsigned which)
{
    p->options = (struct plan_options){.consent = p->consent, .max_memory = MEMORY};
    for (uint32_t i = 0; which != 0 && i < rule_count(); i++)
        if (which == 1 || (i & 1) == (which & 1)) {
            ASSERT(p->options.consent_count < CONSENTS_MAX);
            p->consent[p->options.consent_count++] = rule_at(i)->id;
        }
}

static bool make(struct planned *p, struct source *file, unsigned consent)
{
    consent_to(p, consent);
    p->arena = property_arena(MEMORY);
    enum status st = plan_make(p->arena, file, "image.vhdx", &p->options, &p->plan);
    if (st != STATUS_OK) {
        ASSERT(st == STATUS_LIMIT || st == STATUS_NO_MEMORY, "status %d", (int)st);
        arena_destroy(p->arena);
        return false;
    }
    return true;
}

static void drop(struct planned *p)
{
    plan_close(&p->plan);
    arena_destroy(p->arena);
}

static bool consented(const struct planned *p, const struct rule *rule)
{
    for (uint32_t i = 0; i < p->options.consent_count; i++)
        if (strcmp(p->options.consent[i], rule->id) == 0)
            return true;
    return false;
}

/* ---- steps ---- */

static bool in_a_step(const struct plan *plan, uint64_t off)
{
    for (uint64_t i = 0; i < plan->step_count; i++)
        if (off >= plan->steps[i].off && off - plan->steps[i].off < plan->steps[i].len)
            return true;
    return false;
}

/* Page by page; of what is long the ends are enough, as it is a copy or zeros. */
static uint64_t next_off(uint64_t start, uint64_t end, uint64_t off)
{
    enum { ENDS = 32 };

    off += PIECE;
    if (end - start > 2 * ENDS * PIECE && off - start == ENDS * PIECE)
        off = end - ENDS * PIECE;
    return off;
}

static void judge_piece(const struct plan *plan, struct stage_piece piece)
{
    uint64_t end = u64_min(piece.off + piece.len, u64_min(plan->old_size, plan->new_size));
    static uint8_t a[PIECE], b[PIECE];

    for (uint64_t off = piece.off; off < end; off = next_off(piece.off, end, off)) {
        size_t n = (size_t)u64_min(PIECE, end - off);
        ASSERT(source_read(plan->base, off, a, n) == STATUS_OK);
        ASSERT(source_read(plan->stage->source, off, b, n) == STATUS_OK);
        for (size_t k = 0; k < n && memcmp(a, b, n) != 0; k++)
            ASSERT(a[k] == b[k] || in_a_step(plan, off + k), "byte %llu", (unsigned long long)(off + k));
    }
}

static void judge_steps(const struct planned *p)
{
    const struct plan *plan = &p->plan;

    ASSERT(!plan->refused || (plan->step_count == 0 && plan->refusal != NULL));
    for (uint64_t i = 0; i < plan->step_count; i++) {
        const struct plan_step *s = &plan->steps[i];
        ASSERT(s->action != NULL && (s->rule == NULL) == (s->reason == NULL));
        ASSERT(s->class != REPAIR_CONSENT || (s->rule != NULL && consented(p, s->rule)), "%s",
               s->rule ? s->rule->id : "?");
        ASSERT(!s->has_guest_range || s->guest_len > 0);
    }
    for (uint64_t i = 0; i < plan->left_count; i++)
        ASSERT(plan->left[i].reason != NULL && plan->left[i].count > 0);
    ASSERT(plan->old_size == plan->base->size && plan->new_size == store_size(plan->stage));
    for (uint64_t i = 0; i < stage_piece_count(plan->stage); i++)
        judge_piece(plan, stage_piece(plan->stage, i));
    if (plan->step_count == 0) {
        bool same = false;
        ASSERT(stage_unchanged(plan->stage, &same) == STATUS_OK && same);
    }
}

/* ---- the image before and afterwards ---- */

struct looked {
    struct arena *arena;
    struct image *image;
    struct check_result *result;
};

static bool look(struct source *file, struct looked *ret)
{
    const struct check_options options = {.max_findings = LIMIT_FINDINGS_PER_RULE};

    *ret = (struct looked){.arena = property_arena(MEMORY)};
    return image_open(ret->arena, file, "image.vhdx", NULL, NULL, &ret->image) == STATUS_OK &&
           check_run(ret->image, &options, NULL, &ret->result) == STATUS_OK && ret->result->complete;
}

static void look_away(struct looked *l)
{
    image_close(l->image);
    arena_destroy(l->arena);
}

static bool fails(const struct check_result *res, const struct rule *rule)
{
    for (uint64_t i = 0; i < res->finding_count; i++)
        if (res->findings[i]->rule == rule && res->findings[i]->severity >= SEVERITY_WARNING)
            return true;
    return false;
}

static void judge_rules(const struct planned *p, const struct looked *before, const struct looked *after)
{
    for (uint32_t i = 0; i < rule_count(); i++) {
        const struct rule *rule = rule_at(i);
        if (before->result->rules[i].outcome == RULE_NOT_EVALUATED || fails(before->result, rule))
            continue;
        ASSERT(!fails(after->result, rule), "%s fails, and passed before", rule->id);
    }
    ASSERT(p->plan.after == after->result->verdict);
    ASSERT(p->plan.errors_after == after->result->counts[SEVERITY_ERROR]);
    /* A fault that may be repaired without consent is gone, or the plan says why not. */
    for (uint64_t i = 0; i < after->result->finding_count; i++) {
        const struct finding *f = after->result->findings[i];
        bool told = f->repair != REPAIR_AUTOMATIC || f->severity == SEVERITY_INFO;
        for (uint64_t k = 0; k < p->plan.left_count && !told; k++)
            told = p->plan.left[k].rule == f->rule;
        ASSERT(told, "%s stays without a reason", f->rule->id);
    }
}

/* ---- guest data ---- */

static bool is_named(const struct plan *plan, uint64_t off, uint64_t len)
{
    for (uint64_t i = 0; i < plan->step_count; i++) {
        const struct plan_step *s = &plan->steps[i];
        if (s->has_guest_range && s->guest_off < off + len && off < u64_add_sat(s->guest_off, s->guest_len))
            return true;
    }
    return false;
}

static void compare_at(const struct plan *plan, struct guest *a, struct guest *b, uint64_t off)
{
    uint64_t len = u64_min(SECTOR, u64_min(guest_size(a), guest_size(b)) - off), faults_a = 0, faults_b = 0;
    uint8_t bytes_a[SECTOR], bytes_b[SECTOR];
    struct guest_extent was, is;

    if (is_named(plan, off, len) || guest_extent_at(a, off, len, &was) != STATUS_OK ||
        guest_read(a, off, bytes_a, (size_t)len, NULL, NULL, &faults_a) != STATUS_OK)
        return;
    ASSERT(guest_extent_at(b, off, len, &is) == STATUS_OK);
    /* Of a partially present block that lay over another one, its bitmap has always left some to the parent. */
    const bool was_shared = was.fault == GUEST_FAULT_OVERLAP && was.state == GUEST_PARTIALLY_PRESENT;
    ASSERT(is.fault != GUEST_FAULT_NO_PARENT || was.fault == GUEST_FAULT_NO_PARENT || was_shared,
           "guest byte %llu is the parent's now", (unsigned long long)off);
    if (faults_a > 0)
        return;
    ASSERT(guest_read(b, off, bytes_b, (size_t)len, NULL, NULL, &faults_b) == STATUS_OK);
    ASSERT(faults_b == 0, "guest byte %llu cannot be read any more", (unsigned long long)off);
    ASSERT(memcmp(bytes_a, bytes_b, (size_t)len) == 0, "guest byte %llu reads otherwise", (unsigned long long)off);
}

static void judge_guest(const struct plan *plan, struct looked *before, struct looked *after)
{
    const struct guest_options options = {.salvage = false};
    struct guest *a = NULL, *b = NULL;
    const char *why = NULL;

    if (guest_open(before->image, &options, &a, &why) != STATUS_OK)
        return;
    /* When all of the disk is named, there may be none afterwards that can be read. */
    if (guest_open(after->image, &options, &b, &why) != STATUS_OK) {
        ASSERT(is_named(plan, 0, 1), "there is no guest disk any more: %s", why ? why : "");
        return;
    }
    uint64_t size = u64_min(guest_size(a), guest_size(b)), block = guest_block_size(a);
    for (uint64_t i = 0; i < BLOCKS_FRONT && i * block < size; i++) {
        compare_at(plan, a, b, i * block);
        compare_at(plan, a, b, u64_min(i * block + block, size) - u64_min(SECTOR, size));
    }
    compare_at(plan, a, b, size - u64_min(SECTOR, size));
}

/* ---- the journal ---- */

static bool same_bytes(struct source *a, struct source *b, const struct store *pieces)
{
    static uint8_t x[PIECE], y[PIECE];

    if (a->size != b->size)
        return false;
    for (uint64_t i = 0; i < stage_piece_count(pieces); i++) {
        struct stage_piece piece = stage_piece(pieces, i);
        uint64_t end = u64_min(piece.off + piece.len, a->size);
        for (uint64_t off = piece.off; off < end; off = next_off(piece.off, end, off)) {
            size_t n = (size_t)u64_min(PIECE, end - off);
            if (source_read(a, off, x, n) != STATUS_OK || source_read(b, off, y, n) != STATUS_OK ||
                memcmp(x, y, n) != 0)
                return false;
        }
    }
    return true;
}

static void judge_journal(struct plan *plan)
{
    struct store *journal = NULL, *image = NULL;
    struct journal_info info = {.state = JOURNAL_NONE};
    uint64_t where = JOURNAL_NOWHERE;
    bool same = false;

    ASSERT(stage_open(NULL, MEMORY, &journal) == STATUS_OK && stage_open(plan->base, MEMORY, &image) == STATUS_OK);
    enum status st = journal_apply(journal, image, plan->stage);
    if (st == STATUS_OK) {
        ASSERT(same_bytes(image->source, plan->stage->source, plan->stage), "the image is not what was planned");
        ASSERT(journal_read(journal, &info) == STATUS_OK && info.state == JOURNAL_APPLIED);
        ASSERT(info.old_size == plan->old_size && info.new_size == plan->new_size);
        st = journal_undo(journal, image, &where);
        ASSERT(st == STATUS_OK, "undo: status %d at %llu", (int)st, (unsigned long long)where);
    } else {
        ASSERT(st == STATUS_LIMIT || st == STATUS_NO_MEMORY, "status %d", (int)st);
    }
    ASSERT(stage_unchanged(image, &same) == STATUS_OK && same, "the image is not what it was");
    store_close(journal);
    store_close(image);
}

/* ---- all of it ---- */

static void judge_again(const struct planned *p, struct source *file, unsigned consent)
{
    struct planned again = {.arena = NULL};

    if (make(&again, p->plan.stage->source, consent)) {
        ASSERT(again.plan.step_count == 0, "a second repair: %s: %s",
               again.plan.steps[0].rule ? again.plan.steps[0].rule->id : "", again.plan.steps[0].action);
        drop(&again);
    }
    if (!is_replay() || !make(&again, file, consent))
        return;
    ASSERT(again.plan.step_count == p->plan.step_count && again.plan.left_count == p->plan.left_count);
    ASSERT(same_bytes(again.plan.stage->source, p->plan.stage->source, p->plan.stage),
           "the plan differs the second time");
    drop(&again);
}

static void run(struct source *file, unsigned consent)
{
    struct planned p = {.arena = NULL};
    struct looked before, after;

    if (!make(&p, file, consent))
        return;
    judge_steps(&p);
    if (p.plan.step_count > 0) {
        bool whole = look(file, &before);
        if (look(p.plan.stage->source, &after) && whole) {
            judge_rules(&p, &before, &after);
            judge_guest(&p.plan, &before, &after);
        }
        look_away(&after);
        look_away(&before);
        judge_again(&p, file, consent);
        judge_journal(&p.plan);
    }
    drop(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct recipe r;

    recipe_decode(data, size, &r);
    struct source *file = recipe_source(&r);
    for (unsigned consent = 0; consent <= CONSENT_LAST; consent++)
        if (is_replay() || consent == (r.seed & CONSENT_LAST))
            run(file, consent);
    source_close(file);
    recipe_free(&r);
    return 0;
}
