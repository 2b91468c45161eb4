/* SPDX-License-Identifier: MIT */
/* What carving found, numbered, for people and programs. */
#ifndef VHDXRAY_REPORT_CARVE_H
#define VHDXRAY_REPORT_CARVE_H

#include "carve/carve.h"
#include "report/report.h"

struct carve_listing {
    const struct carve *carve;
    const bool *selected;     /* by item: whether it is to be listed */
    const char *const *files; /* by item: where its bytes were written, or NULL; NULL: nothing was written */
    bool filtered;            /* not everything found is selected */
};

void report_carve(struct report *r, const struct carve_listing *l);

/* ---- the two forms; internal to report/ ---- */

void carve_text(struct report *r, const struct carve_listing *l);
void carve_json(struct report *r, const struct carve_listing *l);
/* "payload" ...; NULL for nothing. */
const char *carve_owner_key(enum owner_kind k);
/* "active", "live", "stale", "damaged". */
const char *carve_entry_state(const struct carve_item *item);

#endif
