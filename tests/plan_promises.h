/* SPDX-License-Identifier: MIT */
/*
 * What is promised of every repair plan, asked of the plan of one case: the two-run rule, no fault that was not there
 * before, guest data as before but for the ranges named, every changed byte in a step, both headers new, consent where
 * it is due.
 */
#ifndef VHDXRAY_TESTS_PLAN_PROMISES_H
#define VHDXRAY_TESTS_PLAN_PROMISES_H

#include "cases.h"
#include "repair/plan.h"

enum mode { BY_ITSELF, CASE_RULE, EVERYTHING, MODES };
extern const char *const mode_names[MODES];

struct job {
    const struct test_case *c;
    enum mode mode;
    bool guard; /* the case's guard instead */
    /* Whether findings of the rule, which the plan was allowed to repair, may stay for the reason that it gives. */
    bool (*may_stay)(const struct job *j, const struct rule *rule, const char *reason);
    /* By another choice than the mode's: rule ids with spaces between; NULL: the mode's. */
    const char *consent;
    bool alone;                           /* no parent is given, whatever the mode */
    bool lend;                            /* one is given, whatever the disk's type */
    const struct img_params *parent;      /* of that parent; NULL: the builder's own */
    void (*bend_parent)(struct img *img); /* NULL: it is right */
    const char *parent_path;              /* NULL: ".\\parent.vhdx"; "": none */
};

struct planned {
    struct case_run run;
    struct img *parent_img; /* of children without one, but for BY_ITSELF */
    struct source *parent_source;
    struct arena *parent_arena;
    char words[512];
    const char *consent[512];
    struct plan_options options;
    struct arena *arena;
    struct plan plan;
    struct check_result *before;
};
void planned_open(struct planned *p, const struct job *j);
void planned_close(struct planned *p);

/* The file after the plan, checked. */
struct after {
    struct store *file; /* a copy of the file, the plan written into it */
    struct arena *arena;
    struct image *image;
    struct check_result *result;
};
void after_open(struct planned *p, struct after *ret);
void after_close(struct after *a);

/* cmocka assertions. */
void plan_keeps_its_promises(const struct job *j);

#endif
