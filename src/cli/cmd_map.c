/* SPDX-License-Identifier: MIT */
/* `vhdxray map`: where the guest's data is, or what each part of the file is for. */
#include "cli/guest_session.h"
#include "report/guest.h"

static int map_guest(struct run *run, const char *path)
{
    const struct options *o = run->options;
    struct guest_session gs;
    uint64_t len = 0;

    int code = guest_session_open(run, path, &o->parents, &gs);
    if (code == EXIT_OK)
        code = guest_session_range(run, &gs, &len);
    if (code != EXIT_OK) {
        report_refused(&run->report, path, gs.error);
    } else {
        enum status st = report_map(&run->report, path, gs.guest, o->offset, len, &gs.faults);
        if (st != STATUS_OK)
            code = guest_session_stopped(run, &gs, st);
        code = exit_worst(code, o->salvage ? guest_session_list(&gs) : guest_session_refuse(&gs));
        code = exit_worst(code, guest_session_look_again(&gs));
    }
    guest_session_close(&gs);
    return code;
}

static int map_layout(struct run *run, const char *path)
{
    struct session s;
    const char *missing = NULL;

    int code = session_open(run, &s, path, run->options->no_replay);
    if (code != EXIT_OK) {
        message("%s", s.message);
        report_refused(&run->report, path, s.message);
    } else {
        enum status st = report_layout(&run->report, s.image, &missing);
        if (st != STATUS_OK) {
            message("%s: %s", path, session_status_text(run, st));
            code = exit_of_status(st);
        } else if (missing != NULL) {
            message("%s: not all ranges are known: %s", path, missing);
            code = EXIT_IMPOSSIBLE;
        }
    }
    session_close(&s);
    return code;
}

static int map(const struct options *o)
{
    struct words file = {.items = o->args.items, .count = 1};
    struct run run;

    if (o->layout && (o->offset > 0 || o->have_length || o->salvage)) {
        message("map: --offset, --length and --salvage are about the guest's disk and do not go with --layout");
        return EXIT_USAGE;
    }
    int code = run_begin_confined(&run, o, &file, NULL);
    if (code != EXIT_OK)
        return code;
    run_note(&run, o->layout ? map_layout(&run, file.items[0]) : map_guest(&run, file.items[0]));
    return run_end(&run);
}

static const char *const examples[] = {
    "vhdxray map web01.vhdx",
    "the guest's disk: where its data is",
    "vhdxray map -f jsonl web01.vhdx",
    "a line of JSON for each extent",
    "vhdxray map --offset 16G --length 32M web01.vhdx",
    "a part of it",
    "vhdxray map --layout web01.vhdx",
    "the file: who owns which bytes",
    NULL,
};

static const enum option_id options[] = {
    OPT_FORMAT,    OPT_OUTPUT,  OPT_OFFSET,     OPT_LENGTH,  OPT_LAYOUT,  OPT_PARENT, OPT_SEARCH_DIR,
    OPT_NO_REPLAY, OPT_SALVAGE, OPT_MAX_MEMORY, OPT_TIMEOUT, OPT_SANDBOX, OPT_END,
};

const struct command command_map = {
    .name = "map",
    .arguments = "FILE",
    .summary = "where the guest's data is; --layout: what the file is made of",
    .examples = examples,
    .notes = "Extents come in order and without gaps. Layer 0 is this file, 1 its parent, and so on; a file offset\n"
             "counts in that file once its log is replayed. What cannot be read is shown with its reason, and the\n"
             "exit code is 3 (1 with --salvage).\n"
             "Exit codes: 0 done, 1 see above, 2 usage, 3 no guest disk, or not all of it can be read, 6 a limit, 7\n"
             "internal.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = map,
};
