/* SPDX-License-Identifier: MIT */
/* Reports of cases, for the tests that hold every report of every case to something. */
#ifndef VHDXRAY_TESTS_REPORTS_H
#define VHDXRAY_TESTS_REPORTS_H

#include <sys/resource.h>

#include "cases.h"
#include "report/report.h"

/* Calls fn for every case of every table, and once more for its guard. */
void reports_each_case(void (*fn)(const struct test_case *c, bool guard, void *ctx), void *ctx);

/* What `check -f FORMAT` prints for a case, under the path NAME.vhdx (NAME-guard.vhdx); free() it. */
char *reports_of_case(const struct test_case *c, bool guard, enum report_format format);

/* An image made by a test, opened without parents and checked. */
struct checked {
    struct arena *arena;
    struct source *source;
    struct image *image;
    struct check_result *result;
};
struct checked reports_check(const struct img *img, const char *path, uint64_t max_findings);
void reports_done(struct checked *c);

/* What a report of the images in that order prints; exit_code: as the program would end. free() it. */
char *reports_of(const struct checked *list, size_t count, enum report_format format, int exit_code,
                 enum status *ret_status);

/* The same while a resource (RLIMIT_NOFILE, RLIMIT_FSIZE) ends at `most`; SIGXFSZ is ignored from then on. */
char *reports_within(int resource, rlim_t most, const struct checked *c, enum report_format format,
                     enum status *ret_status);

#endif
