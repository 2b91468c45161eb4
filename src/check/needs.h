/* SPDX-License-Identifier: MIT */
/* What stands in the way of rules over one view of an image: "could not look" is never "passed". */
#ifndef VHDXRAY_CHECK_NEEDS_H
#define VHDXRAY_CHECK_NEEDS_H

#include <stdbool.h>

#include "check/rule.h"
#include "image/image.h"

/* Nothing, nothing to compare (skip without a reason: the rule passes silently), or a reason. */
struct obstacle {
    bool skip;
    const char *reason; /* constant */
};

/* What is in the way of each need, by the number of its bit; and the needs that have something in their way. */
struct obstacles {
    struct obstacle of[NEEDS];
    unsigned met; /* enum need, without NEED_DEEP */
};

/* The needs (enum need) that a scope has by itself. */
unsigned scope_needs(enum scope s);

struct obstacles obstacles_look(const struct image *img, const struct view *v);
/* Of rules that need all of `needs`: the first with a reason, else any, else none. deep: content is looked at. */
struct obstacle obstacles_of(const struct obstacles *all, unsigned needs, bool deep);

#endif
