/* SPDX-License-Identifier: MIT */
/*
 * A dirty image is checked twice with the same rules: over the replayed view, which is the truth, and over the view as
 * stored. Errors and warnings that only the stored view has are reported as information (the log repairs them); errors
 * that only the replayed view has mean that replaying makes things worse (VHDX-LOG-028).
 */
#include "check/two_views.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"

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
static bool sorted_copy(struct probe *p, const struct finding_list *l, struct finding_list *ret)
{
    struct finding **items = arena_array(p->arena, l->count, sizeof(*items));
    if (!items) {
        probe_status(p, arena_status(p->arena));
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
static void report_stored_only(struct probe *p, const struct pass *stored, const struct finding_list *main_sorted)
{
    for (uint64_t i = 0; i < stored->list.count; i++) {
        const struct finding *f = stored->list.items[i];
        if (f->severity == SEVERITY_INFO || contains(main_sorted, stored->list.items[i]))
            continue;
        uint32_t n = f->rule_number;
        if (p->pass->rules[n].outcome == RULE_NOT_EVALUATED)
            continue;
        p->rule = f->rule;
        p->rule_number = n;
        struct finding *g = fail_as(p, SEVERITY_INFO, f->at, "as stored, before the log is replayed: %s", f->message);
        if (!g)
            continue;
        uint64_t order = g->order;
        const char *message = g->message;
        struct finding *kept_before = g->kept_before;
        *g = *f;
        g->kept_before = kept_before;
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
static void report_worse_after_replay(struct probe *p, const struct pass *stored,
                                      const struct finding_list *stored_sorted)
{
    const struct rule *rule = rule_find("VHDX-LOG-028");
    const struct log_scan *log = &p->result->image->log;
    struct text names = text_in(p->arena);
    const struct rule *last = NULL;
    uint64_t worse = 0;
    for (uint64_t i = 0; i < p->pass->list.count; i++) {
        struct finding *f = p->pass->list.items[i];
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
    p->rule = rule;
    p->rule_number = rule_index(rule);
    struct finding *f = fail(p, at_place(STRUCTURE_LOG, NO_INDEX, log->off, log->len),
                             "replaying the log brings %llu %s that the file as stored does not have: %s",
                             (unsigned long long)worse, worse == 1 ? "error" : "errors", text_str(&names));
    finding_expected(p, f, "no new errors after replay");
}

void compare_views(struct probe *p, const struct pass *stored)
{
    struct finding_list main_sorted, stored_sorted;
    if (!sorted_copy(p, &p->pass->list, &main_sorted) || !sorted_copy(p, &stored->list, &stored_sorted))
        return;
    report_worse_after_replay(p, stored, &stored_sorted);
    report_stored_only(p, stored, &main_sorted);
}
