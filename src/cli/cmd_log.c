/* SPDX-License-Identifier: MIT */
/* `vhdxray log`: what the log holds, which sequence counts, and what its replay would change. */
#include "cli/cli.h"

static int log_one(struct run *run, struct session *s)
{
    enum status st = STATUS_OK;

    if (run->options->plan)
        st = view_survey(s->image->main);
    if (st == STATUS_OK)
        st = report_log(&run->report, s->image, run->options->plan);
    if (st != STATUS_OK) {
        message("%s: %s", s->path, session_status_text(run, st));
        return exit_of_status(st);
    }
    if (s->image->current < 0) {
        message("%s: no valid header says where the log is", s->path);
        return EXIT_IMPOSSIBLE;
    }
    if (s->image->log.io_error) {
        message("%s: the log cannot be read", s->path);
        return EXIT_IMPOSSIBLE;
    }
    return EXIT_OK;
}

static int log_command(const struct options *o)
{
    return for_each_image(o, false, false, log_one);
}

static const char *const examples[] = {
    "vhdxray log web01.vhdx",
    "entries, sequences, earlier sessions",
    "vhdxray log --plan web01.vhdx",
    "what replaying it would change",
    NULL,
};

static const enum option_id options[] = {
    OPT_PLAN, OPT_FORMAT,   OPT_OUTPUT, OPT_MAX_MEMORY, OPT_TIMEOUT, OPT_FILES_FROM, OPT_RECURSIVE, OPT_SHARD,
    OPT_JOBS, OPT_PROGRESS, OPT_COLOR,  OPT_QUIET,      OPT_VERBOSE, OPT_SANDBOX,    OPT_END,
};

const struct command command_log = {
    .name = "log",
    .arguments = "FILE...",
    .summary = "entries, active sequence, stale history",
    .examples = examples,
    .notes = "Nothing is replayed: --plan only tells.\n"
             "Exit codes: 0 done, 2 usage, 3 no log can be found or read, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = UINT32_MAX,
    .run = log_command,
};
