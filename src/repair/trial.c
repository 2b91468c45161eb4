/* SPDX-License-Identifier: MIT */
/*
 * Trying before choosing: where the format does not say which of two structures is right, each is put in force in a
 * stage over the stage, and what the rules say of the result decides. Nothing of a trial stays.
 */
#include "repair/fix.h"

#include "base/checked.h"
#include "base/limits.h"

enum { TRIAL_ROOM = 4 << 20 }; /* bytes that a trial may write */

enum status trial_open(struct fixing *x, struct trial *ret)
{
    struct trial t = {.arena = arena_create(x->options->max_memory)};

    if (t.arena == NULL)
        return STATUS_NO_MEMORY;
    enum status st = stage_open(x->stage->source, TRIAL_ROOM, &t.store);
    if (st != STATUS_OK) {
        arena_destroy(t.arena);
        return st;
    }
    *ret = t;
    return STATUS_OK;
}

enum status trial_check(struct fixing *x, struct trial *t, struct trial_sum *ret)
{
    const struct check_options options = {.max_findings = 1};
    struct image *img = NULL;
    struct check_result *res = NULL;

    enum status st = image_open(t->arena, t->store->source, x->img->path, NULL, NULL, &img);
    if (st != STATUS_OK)
        return st;
    st = check_run(img, &options, NULL, &res);
    if (st == STATUS_OK && res->limited)
        st = STATUS_LIMIT;
    if (st == STATUS_OK && res->io_error)
        st = STATUS_IO; /* what could not be looked at would count as right */
    if (st == STATUS_OK)
        *ret = (struct trial_sum){.verdict = res->verdict, .errors = res->counts[SEVERITY_ERROR]};
    image_close(img);
    return st;
}

enum status trial_survey(struct fixing *x, struct trial *t)
{
    enum status st = view_build(t->arena, t->store->source, VIEW_STORED, x->view->log_off, x->view->log_len, &t->view);

    if (st == STATUS_OK)
        st = view_survey(t->view);
    return st == STATUS_OK && t->view->io_error ? STATUS_IO : st; /* as in trial_check() */
}

void trial_close(struct trial *t)
{
    store_close(t->store);
    arena_destroy(t->arena);
    *t = (struct trial){.store = NULL};
}

/* An unreadable image may have fewer errors than a corrupt one, because less of it could be looked at. */
int trial_compare(const struct trial_sum *a, const struct trial_sum *b)
{
    bool lost_a = a->verdict == VERDICT_UNREADABLE, lost_b = b->verdict == VERDICT_UNREADABLE;

    if (lost_a != lost_b)
        return lost_a ? 1 : -1;
    return u64_compare(a->errors, b->errors);
}
