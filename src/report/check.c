/* SPDX-License-Identifier: MIT */
/* A checked image in the form that was asked for. */
#include "report/check.h"

#include "report/out.h"

const char *finding_means_text(const struct finding *f)
{
    if (f->means != NULL)
        return f->means;
    return f->rule->means != NULL ? f->rule->means : "";
}

const char *finding_next_text(const struct finding *f)
{
    if (f->next != NULL)
        return f->next;
    return f->rule->next != NULL ? f->rule->next : "";
}

const unsigned *peers_stopped(struct report *r, const struct check_result *res)
{
    unsigned *stops = (unsigned *)arena_array(report_scratch(r), rule_count(), sizeof(*stops));
    const struct rule *rule = NULL;
    uint32_t index = 0;

    if (stops == NULL)
        return NULL;
    for (uint64_t i = 0; i < res->finding_count; i++) {
        if (res->findings[i]->stops == 0)
            continue;
        if (res->findings[i]->rule != rule) { /* findings of a rule stand together */
            rule = res->findings[i]->rule;
            index = rule_index(rule);
        }
        stops[index] |= res->findings[i]->stops;
    }
    return stops;
}

void report_check(struct report *r, const struct check_result *res)
{
    r->verdicts[res->verdict]++;
    if (r->format == REPORT_TEXT)
        check_text(r, res);
    else
        check_json(r, res);
    r->images++;
}
