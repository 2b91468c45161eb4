/* SPDX-License-Identifier: MIT */
/*
 * Which programs will open the image, and what stops those that will not: findings that they refuse, and limits of the
 * programs that no healthy image has to respect. tests/oracle/forecast.py asks the programs themselves.
 */
#ifndef VHDXRAY_CHECK_FORECAST_H
#define VHDXRAY_CHECK_FORECAST_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "check/run.h"

/* What stops one program: ids of rules in catalogue order, and behind them its own limits in words. */
struct forecast_peer {
    const char *const *because;
    uint32_t rules; /* of because */
    uint32_t count; /* all of because; 0: it opens the image */
};

struct forecast {
    struct forecast_peer peers[PEER_COUNT];
};

/* About the image as it is on disk, a program that replays a dirty log taken to be allowed to. Lives in a. */
enum status forecast_make(struct arena *a, const struct check_result *res, struct forecast *ret);

#endif
