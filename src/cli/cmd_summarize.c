/* SPDX-License-Identifier: MIT */
/*
 * `vhdxray summarize`: one table from the reports of many runs. The reports are read like images: opened first, then
 * the process is confined, then the first byte is looked at; lines are bounded, and what is none is named and left out.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "cli/cli.h"
#include "report/summary.h"

enum { MESSAGES_MOST = 10 }; /* about lines, on standard error */

struct job {
    struct run *run;
    struct summary summary;
    const char *path; /* of the report that is read */
    uint64_t line;
    char *text; /* of the line, as far as it was read */
    size_t len, room;
    bool too_long;
    bool no_report; /* all of it */
};

static int out_of(const struct job *j, enum status st)
{
    message("%s: %s", j->path, session_status_text(j->run, st));
    return exit_of_status(st);
}

static int left_out(struct job *j, const char *reason)
{
    run_note(j->run, EXIT_IMPOSSIBLE);
    if (j->summary.bad_count < MESSAGES_MOST)
        message("%s: line %" PRIu64 ": left out: %s", j->path, j->line, reason);
    else if (j->summary.bad_count == MESSAGES_MOST)
        message("further lines are left out without a message");
    enum status st = summary_note(&j->summary, j->path, j->line, reason);
    return st == STATUS_OK ? EXIT_OK : out_of(j, st);
}

static bool is_blank(const char *s, size_t len)
{
    return strspn(s, " \t\r") >= len;
}

/* The line is whole. */
static int take_line(struct job *j)
{
    const char *reason = NULL;

    j->line++;
    if (j->too_long) {
        j->too_long = false;
        j->len = 0;
        return left_out(j, "longer than 64 MiB");
    }
    if (j->len == 0)
        return EXIT_OK;
    j->text[j->len] = '\0';
    const size_t len = j->len;
    j->len = 0;
    if (is_blank(j->text, len))
        return EXIT_OK;
    j->no_report = j->line == 1 && len == 1 && j->text[0] == '{';
    if (j->no_report)
        return left_out(j, "this looks like check -f json; the lines of -f jsonl are needed");
    enum status st = summary_add(&j->summary, j->text, len, &reason);
    if (st != STATUS_OK)
        return out_of(j, st);
    return reason != NULL ? left_out(j, reason) : EXIT_OK;
}

/* Room for `more` bytes and a NUL. */
static bool make_room(struct job *j, size_t more)
{
    size_t need = j->len + more + 1, room = j->room > 0 ? j->room : LIMIT_WINDOW;

    if (need <= j->room)
        return true;
    while (room < need)
        room *= 2;
    char *text = (char *)realloc(j->text, room);
    if (text == NULL)
        return false;
    j->text = text;
    j->room = room;
    return true;
}

static int take_piece(struct job *j, const char *piece, size_t len)
{
    if (j->too_long || len > LIMIT_REPORT_LINE - j->len) {
        j->too_long = true;
        return EXIT_OK;
    }
    if (!make_room(j, len))
        return out_of(j, STATUS_NO_MEMORY);
    memcpy(j->text + j->len, piece, len);
    j->len += len;
    return EXIT_OK;
}

static int take_window(struct job *j, const char *window, size_t len)
{
    int code = EXIT_OK;

    for (size_t at = 0; at < len && code == EXIT_OK && !j->no_report;) {
        const char *feed = (const char *)memchr(window + at, '\n', len - at);
        size_t end = feed != NULL ? (size_t)(feed - window) : len;
        code = take_piece(j, window + at, end - at);
        if (code == EXIT_OK && feed != NULL)
            code = take_line(j);
        at = end + (feed != NULL);
    }
    return code;
}

static int read_report(struct job *j, struct source *src)
{
    char *window = (char *)malloc(LIMIT_WINDOW);
    int code = EXIT_OK;

    if (window == NULL)
        return out_of(j, STATUS_NO_MEMORY);
    j->line = 0;
    j->len = 0;
    j->no_report = false;
    src->deadline_ns = j->run->deadline_ns;
    for (uint64_t off = 0; off < src->size && code == EXIT_OK && !j->no_report;) {
        size_t n = (size_t)u64_min(LIMIT_WINDOW, src->size - off);
        enum status st = source_read(src, off, window, n);
        code = st == STATUS_OK ? take_window(j, window, n) : out_of(j, st);
        off += n;
    }
    if (code == EXIT_OK && (j->len > 0 || j->too_long))
        code = take_line(j);
    free(window);
    return code;
}

static int open_report(struct job *j, struct source **ret)
{
    struct input *in = inputs_take(&j->run->inputs, j->path);
    struct file_info info;
    char text[512];

    if (in != NULL && in->status == STATUS_OK) {
        *ret = in->source;
        in->source = NULL;
        return EXIT_OK;
    }
    if (in != NULL) {
        message("%s", in->message);
        return exit_of_status(in->status);
    }
    enum status st = input_open(j->path, ret, &info, text, sizeof(text));
    if (st != STATUS_OK)
        message("%s", text);
    return st == STATUS_OK ? EXIT_OK : exit_of_status(st);
}

static int read_all(struct job *j)
{
    const struct words *files = &j->run->options->args;

    for (uint32_t i = 0; i < files->count; i++) {
        struct source *src = NULL;
        j->path = files->items[i];
        int code = open_report(j, &src);
        if (code != EXIT_OK || src == NULL) {
            run_note(j->run, code);
            continue;
        }
        j->summary.report_count++;
        code = read_report(j, src);
        source_close(src);
        if (code != EXIT_OK)
            return code; /* memory or time: what comes now would not be better */
    }
    enum status st = summary_sort(&j->summary);
    return st == STATUS_OK ? EXIT_OK : out_of(j, st);
}

static int summarize(const struct options *o)
{
    struct options frame = *o; /* a page of reports has another frame */
    struct job j = {.text = NULL};
    struct run run;

    frame.format = o->format == REPORT_HTML ? REPORT_TEXT : o->format;
    int code = run_begin_confined(&run, &frame, &o->args, NULL);
    if (code != EXIT_OK)
        return code;
    j.run = &run;
    struct arena *a = arena_create(o->max_memory);
    if (a == NULL || !summary_begin(&j.summary, a)) {
        message("out of memory");
        run_note(&run, EXIT_LIMIT);
        code = run_abandon(&run);
    } else {
        code = read_all(&j);
        run_note(&run, code);
        run.report.format = o->format;
        if (code == EXIT_OK)
            report_summary(&run.report, &j.summary);
        code = code == EXIT_OK ? run_end(&run) : run_abandon(&run);
    }
    free(j.text);
    arena_destroy(a);
    return code;
}

static const char *const examples[] = {
    "vhdxray summarize reports/*.jsonl",
    "verdicts, the worst files, findings by rule",
    "vhdxray summarize -f html -o fleet.html reports/*.jsonl",
    "a page to send",
    "vhdxray check -f jsonl -r -j 0 /disks | vhdxray summarize -",
    "from a pipe",
    NULL,
};

static const enum option_id options[] = {
    OPT_SUMMARY_FORMAT, OPT_OUTPUT,  OPT_MAX_MEMORY, OPT_TIMEOUT, OPT_COLOR,
    OPT_QUIET,          OPT_VERBOSE, OPT_SANDBOX,    OPT_END,
};

const struct command command_summarize = {
    .name = "summarize",
    .arguments = "REPORT.jsonl...",
    .summary = "one table from the reports of many files",
    .examples = examples,
    .notes =
        "REPORT.jsonl is what vhdxray check -f jsonl wrote, here or elsewhere; - is standard input. A line that is\n"
        "no such report is named and left out, and the exit code is 3: the rest is summed up. A path that occurs\n"
        "twice counts twice, and is told.\n"
        "Exit codes: 0 all lines were read, whatever they say, 2 usage, 3 something could not be read, 6 a limit,\n"
        "7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = UINT32_MAX,
    .run = summarize,
};
