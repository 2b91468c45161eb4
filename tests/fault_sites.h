/* SPDX-License-Identifier: MIT */
/*
 * Every place that can fail, in process: what is to be tried runs once, and each call of an allocation, a read or a
 * change of a file that it makes by a way through the code that was not met before is noted; then it runs again for
 * each of these, and that one call fails. Linked with --wrap (variant.ninja).
 */
#ifndef VHDXRAY_TESTS_FAULT_SITES_H
#define VHDXRAY_TESTS_FAULT_SITES_H

#include <stdbool.h>
#include <stdint.h>

enum site_kind {
    SITE_NONE,
    SITE_MEMORY, /* an arena or malloc() */
    SITE_READ,   /* STATUS_IO */
    SITE_CHANGE, /* a write, a resize, a sync: STATUS_IO */
    SITE_TIME,   /* a question for data and holes: STATUS_LIMIT */
};

/* Makes one run, the same each time: sites_begin() and sites_end() around what may fail. */
typedef void site_run(void *ctx);
void sites_begin(void);
void sites_pause(bool pause);   /* between the two: for what a test does itself */
enum site_kind sites_end(void); /* what failed since; SITE_NONE in the first run */

/* How many runs had a failure. Ways that an earlier call has tried are not tried again. */
uint64_t sites_try(site_run *run, void *ctx);

#endif
