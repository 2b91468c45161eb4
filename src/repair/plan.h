/* SPDX-License-Identifier: MIT */
/*
 * What repair would change, and why. Planning works on a stage in memory: check, let the fixers of the findings change
 * the stage, and check again, until a round changes nothing. So the plan's end state is a checked one, a second repair
 * of it plans nothing, and the file is not touched.
 */
#ifndef VHDXRAY_REPAIR_PLAN_H
#define VHDXRAY_REPAIR_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "check/finding.h"
#include "check/run.h"
#include "image/image.h"
#include "io/store.h"

struct plan_options {
    const char *const *consent; /* rule ids the user agreed to; NULL: none */
    uint32_t consent_count;
    struct image *parent;    /* for relinking a child (P12); NULL: none given */
    const char *parent_path; /* as it goes into the locator as relative_path; NULL: paths stay as they are */
    uint64_t max_memory;     /* bytes the stage and each round's model may take */
};

/*
 * One change of bytes, in the order in which it was planned. Every byte that differs between base and stage lies in a
 * step; steps may overlap, and the bytes of one may have been changed again by a later one.
 */
struct plan_step {
    const struct rule *rule; /* whose finding asked for it; NULL: what every change of a file needs (2.2.2.1) */
    enum repair_class class;
    struct place at;      /* what is repaired */
    uint64_t off, len;    /* file bytes that change; len 0: only the size */
    const char *action;   /* a sentence without full stop: what is done */
    const char *reason;   /* the finding's message; NULL without a rule */
    bool has_guest_range; /* guest data that reads otherwise afterwards */
    uint64_t guest_off, guest_len;
};

/* Findings of a rule that stay, and why: all repairable ones, and errors and warnings that nothing can repair. */
struct plan_left {
    const struct rule *rule;
    enum repair_class class;
    enum severity severity; /* the highest of them */
    uint64_t count;         /* findings of that rule */
    const char *reason;     /* "needs --consent VHDX-BAT-016", "both copies are damaged" ... */
};

struct plan {
    struct arena *arena;
    struct source *base;
    struct store *stage; /* owned; the file as it would be */
    struct plan_step *steps;
    uint64_t step_count, step_cap;
    struct plan_left *left;
    uint64_t left_count, left_cap;
    uint64_t old_size, new_size;
    bool refused; /* nothing may be changed; refusal says why */
    const char *refusal;
    enum verdict before, after;
    uint64_t errors_before, errors_after; /* findings of severity error */
};

/*
 * base: the file; path and host as for image_open(). The plan's memory comes from `a`. A plan without steps is no
 * error. Fails for STATUS_IO, limits and STATUS_INTERNAL; then nothing may be applied. Deterministic: the same file and
 * options give the same plan, fresh GUIDs included (entropy seeded from the file and the options).
 */
enum status plan_make(struct arena *a, struct source *base, const char *path, const struct plan_options *o,
                      struct plan *ret);
void plan_close(struct plan *p); /* closes the stage */

#endif
