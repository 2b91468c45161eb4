/* SPDX-License-Identifier: MIT */
/* `vhdxray info`: what an image says about itself, without judging it. */
#include "cli/cli.h"

static int info_one(struct run *run, struct session *s)
{
    const struct view *v = s->image->main;
    enum status st = view_survey(s->image->main);
    int code = exit_of_status(st);

    report_info(&run->report, s->image);
    if (st != STATUS_OK) {
        message("%s: %s", s->path, session_status_text(run, st));
    } else if (v->geometry_absence != ABSENT_NOT) {
        message("%s: there are no facts about a guest disk: %s; see vhdxray check", s->path,
                absence_text(v->geometry_absence));
        code = EXIT_IMPOSSIBLE;
    } else if (v->survey == NULL) {
        message("%s: the block states are missing: %s", s->path,
                v->bat.absence != ABSENT_NOT ? absence_text(v->bat.absence) : "the BAT cannot be read");
        code = EXIT_IMPOSSIBLE;
    }
    return exit_worst(code, session_parents(s));
}

static int info(const struct options *o)
{
    return for_each_image(o, o->no_replay, true, info_one);
}

static const char *const examples[] = {
    "vhdxray info web01.vhdx",
    "size, type, headers, log, block states",
    "vhdxray info -f jsonl *.vhdx",
    "a line of JSON for each file",
    NULL,
};

static const enum option_id options[] = {
    OPT_FORMAT,    OPT_OUTPUT, OPT_PARENT, OPT_SEARCH_DIR, OPT_NO_REPLAY, OPT_MAX_MEMORY, OPT_TIMEOUT, OPT_FILES_FROM,
    OPT_RECURSIVE, OPT_SHARD,  OPT_JOBS,   OPT_PROGRESS,   OPT_COLOR,     OPT_SANDBOX,    OPT_END,
};

const struct command command_info = {
    .name = "info",
    .arguments = "FILE...",
    .summary = "facts only",
    .examples = examples,
    .notes = "Exit codes: 0 done, 2 usage, 3 facts are missing or the file cannot be read, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = UINT32_MAX,
    .run = info,
};
