/* SPDX-License-Identifier: MIT */
/* State of one run, shared by the driver (run.c) and the functions that rules call (probe.c). Not for rules. */
#ifndef VHDXRAY_CHECK_PROBE_H
#define VHDXRAY_CHECK_PROBE_H

#include "check/run.h"

struct finding_list {
    struct finding **items;
    uint64_t count, cap;
};

/* Findings of one pass: the main one, or the one over the stored view of a dirty image. */
struct pass {
    enum view_kind view;
    struct rule_result *rules; /* rule_count() of them */
    struct finding_list list;
};

struct probe {
    struct arena *arena;
    struct check_result *result;
    uint64_t max_findings;
    struct pass *pass;
    const struct rule *rule;
    uint32_t rule_number;
    uint64_t order;
};

void probe_limit(struct probe *p, const char *name, const char *message);

#endif
