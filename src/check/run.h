/* SPDX-License-Identifier: MIT */
/* The driver: every rule over one image, both views, with exact counts, caps, and reasons for what was not evaluated.
 */
#ifndef VHDXRAY_CHECK_RUN_H
#define VHDXRAY_CHECK_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "check/finding.h"
#include "check/rule.h"
#include "image/image.h"

struct check_options {
    uint64_t max_findings; /* kept per rule; LIMIT_FINDINGS_PER_RULE by default; 0: they are only counted */
    bool deep; /* the content of blocks and of what nobody owns is looked at as well: all of the file is read */
    /* Hears now and then up to which byte of the file the content is looked at; NULL: nobody does. */
    void (*progress)(void *ctx, uint64_t off);
    void *progress_ctx;
};

enum verdict { VERDICT_CLEAN, VERDICT_SUSPICIOUS, VERDICT_CORRUPT, VERDICT_UNREADABLE };
const char *verdict_name(enum verdict v);

enum rule_outcome { RULE_PASSED, RULE_FAILED, RULE_NOT_EVALUATED };

struct rule_result {
    enum rule_outcome outcome;
    const char *reason;                      /* NOT_EVALUATED: why */
    uint64_t count;                          /* findings, exact */
    uint64_t kept;                           /* the worst of them first, then those found first */
    struct finding *kept_of[SEVERITY_COUNT]; /* the last one kept of each severity, while rules run */
};

struct limit_note {
    const char *name;    /* "memory", "time", "findings" ... */
    const char *message; /* a sentence */
};

struct check_result {
    struct image *image;
    enum view_kind main_view;  /* the view findings speak of unless they say otherwise */
    struct finding **findings; /* errors first, then warnings, then infos; inside: catalogue order, then discovery */
    uint64_t finding_count;
    uint64_t counts[SEVERITY_COUNT]; /* exact, by severity */
    struct rule_result *rules;       /* rule_count() of them */
    uint32_t evaluated;
    enum verdict verdict;
    bool complete; /* false when a limit or an I/O error left something unlooked at */
    bool io_error; /* something could not be read: exit 3 */
    bool limited;  /* a limit was reached: exit 6 */
    bool deep;     /* the content was looked at */
    struct limit_note limits[8];
    uint32_t limit_count;
};

/*
 * Checks img (and, before it, its parents: chain_resolve() must have run for that) and fills *ret, which lives in the
 * image's arena. Host changes during the run are looked up by the caller through `restat` (may be NULL) before FILE
 * rules. Fails only when not even the result could be allocated (STATUS_NO_MEMORY, STATUS_LIMIT); limits are in the
 * result.
 */
enum status check_run(struct image *img, const struct check_options *options, void (*restat)(struct image *img),
                      struct check_result **ret);

#endif
