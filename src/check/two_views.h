/* SPDX-License-Identifier: MIT */
/* What a dirty image's view as stored says beside the replayed one. */
#ifndef VHDXRAY_CHECK_TWO_VIEWS_H
#define VHDXRAY_CHECK_TWO_VIEWS_H

#include "check/probe.h"

/* Adds to the pass in hand (p->pass, over the replayed view) what the two tell apart. */
void compare_views(struct probe *p, const struct pass *stored);

#endif
