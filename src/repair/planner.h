/* SPDX-License-Identifier: MIT */
/* Planning inside: what is kept from round to round (plan.c), and one round (round.c). Internal to repair/. */
#ifndef VHDXRAY_REPAIR_PLANNER_H
#define VHDXRAY_REPAIR_PLANNER_H

#include "repair/fix.h"

/* What is known of a rule over all rounds. */
struct rule_state {
    const struct fixer *fixer; /* NULL: none */
    bool consented;
    bool passed_before;    /* it was evaluated in the file as it is, and had no error or warning */
    const char *blocked;   /* why its fixer is not called any more; over all attempts */
    const char *why_not;   /* the last refusal of its fixer */
    uint64_t count;        /* findings when its fixer was called last */
    unsigned stalled;      /* calls that did not make them fewer */
    uint32_t failed_since; /* round in which it first failed after having passed; 0: it does not */
    uint64_t acted[2];     /* bits: rounds in which its fixer changed something */
};

struct planner {
    struct plan *plan;
    const struct plan_options *options;
    const char *path;
    struct entropy entropy;
    struct headers_wanted headers;
    struct rule_state *rules; /* rule_count() of them */
    uint64_t copied;
    uint32_t round;
    bool deep;
    bool again; /* a fixer proved useless: what it did must not stay */
};

struct round {
    struct planner *planner;
    struct fixing x;
    const struct check_result *res;
    const struct finding **grouped; /* the findings, those of a rule together, in their order */
    uint64_t *starts;               /* of rule i: [starts[i], starts[i + 1]) of them */
};

/* The model of the stage as it is now, checked. To be closed also when it fails. */
enum status round_open(struct planner *p, struct round *ret);
void round_close(struct round *r);
/* The first phase with something to do does it; r->x.changed says whether there was one. */
enum status round_mend(struct round *r);

#endif
