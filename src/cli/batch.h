/* SPDX-License-Identifier: MIT */
/*
 * Many images: each share of the list is looked at by a process of its own, confined like any other, as many at a time
 * as
 * --jobs says. A file that brings such a process down costs its own result and no other.
 */
#ifndef VHDXRAY_CLI_BATCH_H
#define VHDXRAY_CLI_BATCH_H

#include <stdbool.h>

#include "cli/cli.h"

/* Whether reports of this format can be put together from parts; the others are made by one process. */
bool batch_can(enum report_format format);

/*
 * Between run_begin() and run_end(); the caller is not confined and looks at no image. The report is the same as that
 * of session_each(), in the order of the list. An interrupt ends the run with what is done; run->code tells. False,
 * after a message: the output is one of the files that were read, and must not get its name.
 */
bool batch_run(struct run *run, const struct words *files, const struct each *e);

#endif
