/* SPDX-License-Identifier: MIT */
/*
 * The seccomp filters, one for each set of needs, as libseccomp made them when the program was built
 * (cli/make_sandbox_filters.c writes the source of this table). To make one takes longer than everything else that a
 * check of a small image does; what stands in it is the same on every run but for two numbers, which have marks.
 */
#ifndef VHDXRAY_CLI_SANDBOX_FILTERS_H
#define VHDXRAY_CLI_SANDBOX_FILTERS_H

#include <linux/filter.h>

enum {
    SANDBOX_NEEDS = 8,          /* sets of the bits of enum sandbox_need */
    SANDBOX_FILTER_MOST = 1024, /* instructions */
};

/* What an argument is compared with that is not known before the run. No constant of a system call is one of these. */
#define SANDBOX_MARK_PROCESS 0x7ffe4d01U   /* getpid() */
#define SANDBOX_MARK_DIRECTORY 0x7ffe4d02U /* create_dir of the request */

struct sandbox_filter {
    unsigned short count; /* instructions */
    const struct sock_filter *code;
};

extern const struct sandbox_filter sandbox_filters[SANDBOX_NEEDS]; /* by enum sandbox_need */

#endif
