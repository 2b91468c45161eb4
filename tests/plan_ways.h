/* SPDX-License-Identifier: MIT */
/*
 * Images that a fixer meets in a rare shape: what it needs is missing, another structure is in its way, an earlier step
 * of the plan has changed what it reads. Each says what the plan must do about it.
 */
#ifndef VHDXRAY_TESTS_PLAN_WAYS_H
#define VHDXRAY_TESTS_PLAN_WAYS_H

#include "plan_promises.h"

struct plan_way {
    struct test_case c; /* its rule is the one that is looked at */
    struct job job;     /* without c */
    const char *step;   /* a part of the action of a step for the rule; NULL: there is none */
    const char *stays;  /* a part of the reason why findings of the rule stay; NULL: none do */
    bool no_sums;       /* ranges of terabytes: the promises, which read every byte, are not asked */
};

extern const struct plan_way plan_ways[];
extern const size_t plan_way_count;

#endif
