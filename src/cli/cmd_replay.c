/* SPDX-License-Identifier: MIT */
/* `vhdxray replay`: log replay on disk, and nothing else. */
#include <inttypes.h>

#include "cli/change_session.h"
#include "report/change.h"
#include "write/replay_file.h"

/* Whether replaying is right is for the rules to say; most errors have nothing to do with it. */
static int judge(struct change_session *s)
{
    static const char *const against[] = {"VHDX-LOG-003", "VHDX-LOG-015", "VHDX-LOG-017", "VHDX-LOG-018",
                                          "VHDX-LOG-019", "VHDX-LOG-020", "VHDX-LOG-002", "VHDX-LOG-028"};
    const struct finding *f = NULL;

    for (size_t i = 0; i < sizeof(against) / sizeof(against[0]) && f == NULL; i++)
        f = change_session_error(s, against[i]);
    if (f == NULL && s->image->log_state == LOG_STATE_INVALID)
        f = change_session_error(s, NULL);
    if (f != NULL)
        return change_session_refuse(s, EXIT_REFUSED,
                                     "%s: its log is not replayed, the file stays as it is: %s %s; vhdxray log %s "
                                     "--plan",
                                     s->path, f->rule->id, f->message, s->path);
    if (s->image->log_state == LOG_STATE_INVALID)
        return change_session_refuse(s, EXIT_REFUSED, "%s: its log cannot be replayed; the file stays as it is",
                                     s->path);
    return EXIT_OK;
}

static int replay_log(struct run *run, struct change_session *s, struct replay_report *r)
{
    struct entropy e = entropy_host();

    r->old_size = r->new_size = store_size(s->store);
    int code = judge(s);
    if (code != EXIT_OK)
        return code;
    if (s->image->log_state == LOG_STATE_EMPTY) {
        if (s->result->verdict == VERDICT_UNREADABLE) {
            const struct finding *f = change_session_error(s, NULL);
            return change_session_refuse(s, EXIT_IMPOSSIBLE, "%s: there is no log to be found: %s %s", s->path,
                                         f != NULL ? f->rule->id : "", f != NULL ? f->message : "");
        }
        r->verdict = verdict_name(s->result->verdict);
        r->errors = s->result->counts[SEVERITY_ERROR];
        r->warnings = s->result->counts[SEVERITY_WARNING];
        return EXIT_OK;
    }
    r->entries = s->image->log.active_count;
    r->pages_changed = s->image->replay.pages_changed;
    enum status st = replay_file(s->store, s->image, &e);
    if (st == STATUS_REFUSED)
        return change_session_refuse(s, EXIT_REFUSED,
                                     "%s: the sequence number of its headers is at its end (VHDX-HDR-010); the file "
                                     "stays as it is",
                                     s->path);
    if (st != STATUS_OK)
        return change_session_failed(run, s, "its log could not be replayed wholly (it can be done again)", st);
    r->replayed = true;
    r->new_size = store_size(s->store);
    code = change_session_check(run, s);
    if (code != EXIT_OK)
        return code;
    r->verdict = verdict_name(s->result->verdict);
    r->errors = s->result->counts[SEVERITY_ERROR];
    r->warnings = s->result->counts[SEVERITY_WARNING];
    return r->errors == 0 ? EXIT_REPAIRED : EXIT_FINDINGS;
}

static int replay_command(const struct options *o)
{
    struct words file = {.items = o->args.items, .count = 1};
    struct replay_report r = {.path = o->args.items[0]};
    struct change_session s;
    struct run run;

    int code = needs_a_file("replay", r.path);
    if (code == EXIT_OK)
        code = run_begin(&run, o, &file, NULL);
    if (code != EXIT_OK)
        return code;
    code = change_session_open(&run, file.items[0], &s);
    if (code == EXIT_OK)
        code = replay_log(&run, &s, &r);
    if (s.message[0] != '\0') {
        message("%s", s.message);
        r.error = s.message;
    }
    report_replay(&run.report, &r);
    change_session_close(&s);
    run_note(&run, code);
    return run_end(&run);
}

static const char *const examples[] = {
    "vhdxray log --plan web01.vhdx",
    "what replaying would change",
    "vhdxray replay web01.vhdx",
    "replay the log in the file",
    NULL,
};

static const enum option_id options[] = {
    OPT_FORMAT, OPT_OUTPUT, OPT_MAX_MEMORY, OPT_TIMEOUT, OPT_QUIET, OPT_SANDBOX, OPT_END,
};

const struct command command_replay = {
    .name = "replay",
    .arguments = "FILE",
    .summary = "replay the log in the file itself",
    .examples = examples,
    .notes =
        "For programs that do not replay a log, or only when they may write. The other commands need it not: they\n"
        "replay in memory. An interrupted replay can be done again. Children of FILE go on to fit. Refused when the\n"
        "log is damaged, or would write where no log may write, or would make the file worse.\n"
        "Exit codes: 0 nothing to replay, 1 replayed and the file has (other) errors, 2 usage, 3 could not read or\n"
        "write, 4 replayed and the file has no error, 5 refused, the file is as it was, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = replay_command,
};
