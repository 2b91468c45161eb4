/* SPDX-License-Identifier: MIT */
/* What the two forms of a log report share: sessions, and a page of the plan put into words. Internal to report/. */
#ifndef VHDXRAY_REPORT_LOG_REPORT_H
#define VHDXRAY_REPORT_LOG_REPORT_H

#include "image/replay_plan.h"
#include "report/out.h"

/* Entries that carry one LogGuid: what one open of the file wrote. */
struct log_session {
    uint64_t valid, damaged;
    uint64_t first_sequence, last_sequence; /* of the valid ones */
    bool live;
};

/* By GUID index of the scan, scan->guid_count of them, in the image's arena; NULL when out of memory. */
const struct log_session *log_sessions(const struct image *img);

enum run_state { RUN_ACTIVE, RUN_OLDER, RUN_BROKEN };
enum run_state log_run_state(const struct log_scan *s, const struct log_run *run);

const char *replay_fault_text(enum replay_fault_kind kind);

/* JSON name of the structure a page belongs to; NULL for free space. */
const char *plan_structure_name(const struct image *img, const struct replay_page *p);
/* "the bat region", "region table 1", "free space"; scratch text. */
const char *plan_owner_text(struct report *r, const struct image *img, const struct replay_page *p);
/* Calls fn for each BAT entry of the page that changes. */
void plan_bat_changes(const struct image *img, const struct replay_page *p,
                      void (*fn)(void *ctx, uint64_t index, uint64_t old, uint64_t new), void *ctx);

enum status log_text(struct report *r, struct image *img, bool with_plan);
enum status log_json(struct report *r, struct image *img, bool with_plan);

#endif
