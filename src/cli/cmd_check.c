/* SPDX-License-Identifier: MIT */
/* `vhdxray check`: every rule over every file. */
#include "cli/cli.h"
#include "cli/guest_session.h"

static bool reaches_threshold(const struct check_result *res, enum fail_on threshold)
{
    switch (threshold) {
    case FAIL_ON_INFO:
        return res->counts[SEVERITY_ERROR] + res->counts[SEVERITY_WARNING] + res->counts[SEVERITY_INFO] > 0;
    case FAIL_ON_WARNING:
        return res->counts[SEVERITY_ERROR] + res->counts[SEVERITY_WARNING] > 0;
    case FAIL_ON_ERROR:
        return res->counts[SEVERITY_ERROR] > 0;
    case FAIL_ON_NEVER:
        break;
    }
    return false;
}

static void show_progress(void *ctx, uint64_t off)
{
    struct progress *p = (struct progress *)ctx;

    (void)progress_step(p, off - p->done); /* reads stop by themselves when the time is over */
}

static int check_one(struct run *run, struct session *s)
{
    struct check_options options = {.max_findings = run->options->max_findings, .deep = run->options->deep};
    struct check_result *res = NULL;
    struct progress progress = progress_begin(run, "check", s->source->size);
    int code = EXIT_OK;

    options.progress = show_progress;
    options.progress_ctx = &progress;
    enum status st = check_run(s->image, &options, image_look_again, &res);
    progress_end(&progress);
    if (st != STATUS_OK) {
        message("%s: %s", s->path, session_status_text(run, st));
        report_unopened(&run->report, s->path, session_status_text(run, st));
        return exit_of_status(st);
    }
    struct profile profile = {.kind = PROFILE_NONE};
    if (run->options->profile != PROFILE_NONE) {
        st = profile_make(s->arena, run->options->profile, res, &profile);
        if (st != STATUS_OK) {
            message("%s: %s", s->path, session_status_text(run, st));
            report_unopened(&run->report, s->path, session_status_text(run, st));
            return exit_of_status(st);
        }
        run->report.profile = &profile;
    }
    report_check(&run->report, res);
    run->report.profile = NULL;
    if (res->io_error) {
        message("%s: could not be read everywhere: the report is not complete", s->path);
        code = EXIT_IMPOSSIBLE;
    } else if (res->limited || !res->complete) {
        message("%s: a limit was reached: the report is not complete", s->path);
        code = EXIT_LIMIT;
    } else if (reaches_threshold(res, run->options->fail_on) ||
               (run->options->profile != PROFILE_NONE && !profile.ready && run->options->fail_on != FAIL_ON_NEVER)) {
        code = EXIT_FINDINGS;
    }
    return exit_worst(code, session_parents(s));
}

static int check(const struct options *o)
{
    return for_each_image(o, o->no_replay, true, check_one);
}

static const char *const examples[] = {
    "vhdxray check web01.vhdx",
    "tell what is wrong with it",
    "vhdxray check -f json -o report.json *.vhdx",
    "all of them, for a program",
    "vhdxray check -f html -o report.html *.vhdx",
    "a page with maps, to read, print or send",
    "vhdxray check -f sarif -o report.sarif *.vhdx",
    "for code scanning",
    "vhdxray check --search-dir . child.avhdx",
    "with its parents, found beside it",
    "vhdxray check --deep web01.vhdx",
    "with the content of its blocks and of what nobody owns",
    "vhdxray check --profile azure web01.vhdx",
    "what stands against an upload to Azure",
    "curl -s https://example.org/a.vhdx | vhdxray check -",
    "from a pipe",
    NULL,
};

static const enum option_id options[] = {
    OPT_REPORT_FORMAT, OPT_OUTPUT,       OPT_FAIL_ON,    OPT_DEEP,    OPT_PROFILE,    OPT_PARENT,    OPT_SEARCH_DIR,
    OPT_NO_REPLAY,     OPT_MAX_FINDINGS, OPT_MAX_MEMORY, OPT_TIMEOUT, OPT_FILES_FROM, OPT_RECURSIVE, OPT_SHARD,
    OPT_JOBS,          OPT_COLOR,        OPT_PROGRESS,   OPT_QUIET,   OPT_VERBOSE,    OPT_SANDBOX,   OPT_END,
};

const struct command command_check = {
    .name = "check",
    .arguments = "FILE...",
    .summary = "every rule over each file",
    .examples = examples,
    .notes =
        "FILE may be - for standard input. Files are only read.\n"
        "Verdicts: clean (no error, no warning), suspicious (warnings), corrupt (errors), unreadable (no guest disk "
        "found).\n"
        "With --profile a requirement that is not met, or could not be looked at, counts as an error for --fail-on.\n"
        "Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 usage, 3 could not look, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = UINT32_MAX,
    .run = check,
};
