/* SPDX-License-Identifier: MIT */
/* The report of `repair`: what the plan changes, why, what stays, and what became of it. */
#ifndef VHDXRAY_REPORT_PLAN_H
#define VHDXRAY_REPORT_PLAN_H

#include <stdbool.h>

#include "base/status.h"
#include "repair/plan.h"
#include "report/report.h"

struct plan_bytes;

struct plan_report {
    const char *path;
    const struct plan *plan; /* NULL: there is none, and error says why */
    /* Of each step, by report_plan_look(): once a plan is applied in place, its base shows the new bytes. NULL: look now. */
    const struct plan_bytes *bytes;
    bool applied;            /* the file, or the copy, is the repaired one now */
    const char *copy;        /* the new file that was repaired instead; NULL: none */
    const char *journal;     /* that undoes a repair in place; NULL: none */
    const char *error;       /* why it was not applied although that was asked for; NULL: it was not, or it worked */
};

/*
 * Reads old and new bytes of each step unless p->bytes has them, so the plan's base and stage must be open. STATUS_IO etc.
 * when it could not.
 */
enum status report_plan(struct report *r, const struct plan_report *p);
enum status report_plan_look(const struct plan *p, struct arena *a, const struct plan_bytes **ret);

/* ---- the two forms; internal to report/ ---- */

enum { PLAN_BYTES = 32 }; /* bytes of a step that are shown */

/* What a step changes, before and after. */
struct plan_bytes {
    uint64_t off;          /* of the first byte that differs, or of the step */
    size_t old_len, new_len; /* bytes that are shown; fewer than the step has when the file ends */
    uint8_t old_bytes[PLAN_BYTES], new_bytes[PLAN_BYTES];
    bool summed; /* the checksums are there: the step is not too long (LIMIT_PLAN_DIGEST) */
    uint32_t old_crc, new_crc; /* CRC-32C of all of the step's bytes that exist before and after */
};
enum status plan_step_bytes(const struct plan *p, const struct plan_step *s, struct plan_bytes *ret);
/* Of step i, looked at before or now. */
enum status plan_report_bytes(const struct plan_report *p, uint64_t i, struct plan_bytes *ret);

enum status plan_text(struct report *r, const struct plan_report *p);
enum status plan_json(struct report *r, const struct plan_report *p);

#endif
