/* SPDX-License-Identifier: MIT */
/*
 * `vhdxray undo`: back to the exact bytes and size before the last repair. Only what the journal knows is believed:
 * every range that the repair changed must still hold what it wrote, and nothing else is touched.
 */
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/journal_file.h"
#include "report/undo.h"

struct undoing {
    const char *path;
    struct store *store;
    struct journal_file journal;
    char message[512];
    struct undo_report report;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct undoing *u, int code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(u->message, sizeof(u->message), fmt, ap);
    va_end(ap);
    return code;
}

static int undo_journal(struct undoing *u)
{
    struct journal_file *j = &u->journal;
    uint64_t where = JOURNAL_NOWHERE;

    u->report.journal = j->path;
    if (j->store == NULL || j->info.state == JOURNAL_NONE)
        return refuse(u, EXIT_REFUSED, "%s: there is nothing to undo: no repair has left its journal (%s)", u->path,
                      j->path);
    if (j->info.state == JOURNAL_DAMAGED)
        return journal_file_settle(j, u->path, u->store); /* which says what that means */
    u->report.interrupted = j->info.state != JOURNAL_APPLIED;
    u->report.changes = j->info.changes;
    u->report.bytes = j->info.bytes;
    if (j->info.state == JOURNAL_UNDONE)
        return EXIT_OK; /* all but the journal's end */
    enum status st = journal_undo(j->store, u->store, &where);
    return st == STATUS_OK ? EXIT_OK : journal_file_failed(j, u->path, u->store, st, where);
}

static int undo_file(struct undoing *u, struct run *run)
{
    static const struct words no_files;
    const struct confinement needs = {.needs = SANDBOX_WRITE_FILE, .journal = &u->journal};
    struct file_info info;
    struct stat older = {.st_size = 0};

    enum status st = store_open_file(u->path, STORE_EXISTING, &u->store, &info, u->message, sizeof(u->message));
    if (st != STATUS_OK)
        return exit_of_status(st);
    int code = journal_file_open(u->path, &u->journal);
    if (code == EXIT_OK && (code = run_confine(run, &no_files, &needs)) != EXIT_OK)
        return refuse(u, code, "%s: nothing was undone", u->path); /* said why already */
    if (code == EXIT_OK)
        code = journal_file_verify(&u->journal);
    if (code == EXIT_OK)
        code = undo_journal(u);
    u->report.size = store_size(u->store);
    if (code == EXIT_OK) {
        u->report.undone = true;
        code = journal_file_remove(&u->journal);
        u->report.more = code == EXIT_OK && lstat(u->journal.path, &older) == 0;
    }
    if (code != EXIT_OK && u->message[0] == '\0')
        (void)refuse(u, code, "%s", u->journal.message);
    return code;
}

static int undo(const struct options *o)
{
    struct words file = {.items = o->args.items, .count = 1};
    struct undoing u = {.path = o->args.items[0]};
    struct run run;

    int code = needs_a_file("undo", u.path);
    if (code == EXIT_OK)
        code = run_begin(&run, o, &file, NULL);
    if (code != EXIT_OK)
        return code;
    u.report.path = u.path;
    code = undo_file(&u, &run);
    if (code != EXIT_OK) {
        message("%s", u.message);
        u.report.error = u.message;
    }
    report_undo(&run.report, &u.report);
    journal_file_close(&u.journal);
    store_close(u.store);
    run_note(&run, code);
    return run_end(&run);
}

static const char *const examples[] = {
    "vhdxray undo web01.vhdx",
    "as it was before the last repair",
    NULL,
};

static const enum option_id options[] = {OPT_FORMAT, OPT_OUTPUT, OPT_QUIET, OPT_SANDBOX, OPT_END};

const struct command command_undo = {
    .name = "undo",
    .arguments = "FILE",
    .summary = "put back what a repair changed",
    .examples = examples,
    .notes =
        "A repair in place leaves FILE.vhdxray-journal with the old bytes. Undoing restores them and the size, and\n"
        "removes the journal. It is refused when the file was changed after the repair; the place is named, and\n"
        "nothing is touched. Repairs are undone one by one, the last one first; an interrupted one as well.\n"
        "Exit codes: 0 done, 2 usage, 3 could not read or write, 5 refused, the file is as it was, 6 a limit,\n"
        "7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = undo,
};
