/* SPDX-License-Identifier: MIT */
/* `vhdxray carve`: what can be found in a file without following a pointer. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/extract.h"
#include "cli/sandbox.h"
#include "report/carve.h"
#include "report/guest.h"

enum { WORD_SIZE = 32 };

/* One run over one file. */
struct job {
    struct run *run;
    struct session session;
    struct carve *carve;
    struct progress progress;
    struct extract extract; /* open with --extract */
    bool kinds[CARVE_KINDS];
    bool *selected;
    const char **files;
};

/* ---- what was asked for ---- */

/* Calls fn for each word of lists with commas; stops at the first code that is not EXIT_OK. */
static int each_word(const struct words *lists, int (*fn)(struct job *j, const char *word), struct job *j)
{
    char word[WORD_SIZE];

    for (uint32_t i = 0; i < lists->count; i++) {
        for (const char *at = lists->items[i]; at != NULL;) {
            size_t len = strcspn(at, ",");
            if (len >= sizeof(word))
                len = sizeof(word) - 1;
            memcpy(word, at, len);
            word[len] = '\0';
            int code = fn(j, word);
            if (code != EXIT_OK)
                return code;
            at = strchr(at, ',');
            at = at != NULL ? at + 1 : NULL;
        }
    }
    return EXIT_OK;
}

static int add_kind(struct job *j, const char *word)
{
    const char *names[CARVE_KINDS + 1];
    enum carve_kind kind;

    if (carve_kind_find(word, &kind)) {
        j->kinds[kind] = true;
        return EXIT_OK;
    }
    for (enum carve_kind k = CARVE_HEADER; k < CARVE_KINDS; k++)
        names[k] = carve_kind_name(k);
    names[CARVE_KINDS] = NULL;
    const char *near = nearest_name(word, names);
    message("carve: \"%s\" is no kind; %s%s", word, near != NULL ? "did you mean " : "see vhdxray carve --help",
            near != NULL ? near : "");
    return EXIT_USAGE;
}

/* "7" or "7-12". */
static bool parse_numbers(const char *word, uint64_t *ret_first, uint64_t *ret_last)
{
    char first[WORD_SIZE];
    size_t len = strcspn(word, "-");

    memcpy(first, word, len);
    first[len] = '\0';
    if (!parse_size(first, ret_first) || *ret_first == 0)
        return false;
    *ret_last = *ret_first;
    return word[len] == '\0' || (parse_size(word + len + 1, ret_last) && *ret_last >= *ret_first);
}

static int check_numbers(struct job *j, const char *word)
{
    uint64_t first, last;

    (void)j;
    if (parse_numbers(word, &first, &last))
        return EXIT_OK;
    message("carve: \"%s\" is no value for --item; it takes numbers as a list gives them, like 3,7-12", word);
    return EXIT_USAGE;
}

static int add_numbers(struct job *j, const char *word)
{
    uint64_t first = 1, last = 0;

    (void)parse_numbers(word, &first, &last);
    if (last > j->carve->item_count) {
        message("%s: there is no item %s: the last one is %llu", j->session.path, word,
                (unsigned long long)j->carve->item_count);
        return EXIT_IMPOSSIBLE;
    }
    for (uint64_t n = first; n <= last; n++)
        j->selected[n - 1] = true;
    return EXIT_OK;
}

static int select_items(struct job *j)
{
    const struct options *o = j->run->options;
    const struct carve *c = j->carve;
    int code = EXIT_OK;

    j->selected = (bool *)calloc((size_t)c->item_count + 1, sizeof(bool));
    j->files = (const char **)calloc((size_t)c->item_count + 1, sizeof(char *));
    if (j->selected == NULL || j->files == NULL) {
        message("out of memory");
        return EXIT_LIMIT;
    }
    if (o->items.count > 0)
        code = each_word(&o->items, add_numbers, j);
    for (uint64_t i = 0; i < c->item_count; i++) {
        bool named = o->items.count == 0 || j->selected[i];
        j->selected[i] = named && (o->kinds.count == 0 || j->kinds[c->items[i].kind]);
    }
    return code;
}

/* ---- extraction ---- */

static int extract(struct job *j)
{
    const struct carve *c = j->carve;
    struct extract *e = &j->extract;
    uint64_t total = 0;
    int code = EXIT_OK, worst = EXIT_OK;

    for (uint64_t i = 0; i < c->item_count; i++)
        total += j->selected[i] ? c->items[i].len : 0;
    j->progress = progress_begin(j->run, "extract", total);
    e->progress = &j->progress;
    for (uint64_t i = 0; i < c->item_count && code != EXIT_LIMIT; i++) {
        char name[EXTRACT_NAME_SIZE];
        if (!j->selected[i])
            continue;
        code = extract_item(e, c, &c->items[i], name);
        worst = exit_worst(worst, code);
        if (name[0] != '\0') {
            j->files[i] = arena_copy(j->session.arena, name, strlen(name));
            if (j->files[i] == NULL)
                code = EXIT_LIMIT;
        }
    }
    progress_end(&j->progress);
    if (e->zeros > 0) {
        message("%s: %llu bytes could not be read; zeros stand for them", j->session.path,
                (unsigned long long)e->zeros);
        worst = exit_worst(worst, EXIT_IMPOSSIBLE);
    }
    return exit_worst(worst, code);
}

/* ---- the command ---- */

static void show_progress(void *ctx, uint64_t off)
{
    struct progress *p = (struct progress *)ctx;

    (void)progress_step(p, off - p->done); /* reads stop by themselves when the time is over */
}

/* What the result lacks, on standard error. */
static int judge(const struct job *j)
{
    const struct carve *c = j->carve;
    int code = EXIT_OK;

    if (c->stopped == STATUS_IO || c->unreadable_bytes > 0) {
        message("%s: could not be read everywhere: the result is not complete", j->session.path);
        code = EXIT_IMPOSSIBLE;
    }
    if (c->stopped != STATUS_OK && c->stopped != STATUS_IO) {
        message("%s: %s: the result is not complete", j->session.path, session_status_text(j->run, c->stopped));
        code = exit_worst(code, exit_of_status(c->stopped));
    } else if (c->limited) {
        message("%s: more was found than is kept: the result is not complete", j->session.path);
        code = exit_worst(code, EXIT_LIMIT);
    }
    image_look_again(c->image);
    if (c->image->host.changed) {
        message("%s: was changed while it was read; the result cannot be relied on", j->session.path);
        code = exit_worst(code, EXIT_IMPOSSIBLE);
    }
    return code;
}

static int carve_file(struct job *j)
{
    const struct options *o = j->run->options;
    struct carve_options options = {
        .no_payload = o->no_payload, .progress = show_progress, .progress_ctx = &j->progress};

    j->progress = progress_begin(j->run, "carve", j->session.source->size);
    enum status st = carve_run(j->session.image, &options, &j->carve);
    progress_end(&j->progress);
    if (st != STATUS_OK) {
        const char *why = session_status_text(j->run, st);
        message("%s: %s", j->session.path, why);
        report_refused(&j->run->report, j->session.path, why);
        return exit_of_status(st);
    }
    int code = select_items(j);
    if (code != EXIT_OK) {
        report_refused(&j->run->report, j->session.path, "the items asked for are not there");
        return code;
    }
    if (o->extract != NULL)
        code = extract(j);
    code = exit_worst(code, judge(j));
    report_carve(&j->run->report, &(struct carve_listing){
                                      .carve = j->carve,
                                      .selected = j->selected,
                                      .files = o->extract != NULL ? j->files : NULL,
                                      .filtered = o->kinds.count > 0 || o->items.count > 0,
                                  });
    return code;
}

/* What is written goes into a folder that is opened before anything is looked at. */
static int confine(struct job *j, const struct words *file)
{
    struct confinement c = {.needs = 0};

    if (j->run->options->extract != NULL) {
        int code = extract_open(&j->extract, j->run->options->extract);
        if (code != EXIT_OK)
            return code;
        c.needs = SANDBOX_CREATE_BELOW;
        c.create_dir = j->extract.fd;
    }
    return run_confine(j->run, file, &c);
}

static int carve(const struct options *o)
{
    struct words file = {.items = o->args.items, .count = 1};
    struct run run;
    struct job j = {.run = &run, .extract = {.fd = -1}};

    int code = each_word(&o->kinds, add_kind, &j);
    if (code == EXIT_OK)
        code = each_word(&o->items, check_numbers, &j);
    if (code == EXIT_OK)
        code = run_begin(&run, o, &file, NULL);
    if (code != EXIT_OK)
        return code;
    code = confine(&j, &file);
    if (code != EXIT_OK) {
        run_note(&run, code);
        code = run_abandon(&run);
        extract_close(&j.extract);
        return code;
    }
    code = session_open(&run, &j.session, file.items[0], false);
    if (code != EXIT_OK) {
        message("%s", j.session.message);
        report_refused(&run.report, file.items[0], j.session.message);
    } else {
        code = carve_file(&j);
    }
    run_note(&run, code);
    carve_close(j.carve);
    session_close(&j.session);
    code = run_end(&run);
    extract_close(&j.extract);
    free(j.selected);
    free(j.files);
    return code;
}

static const char *const examples[] = {
    "vhdxray carve web01.vhdx",
    "lost structures, log history, data that nothing refers to",
    "vhdxray carve --kind log_page web01.vhdx",
    "what earlier versions of BAT and metadata said",
    "vhdxray carve --kind orphan --extract found web01.vhdx",
    "and write it into the folder found",
    "vhdxray carve --item 3,7-9 --extract found web01.vhdx",
    "of all that was found these four",
    NULL,
};

static const enum option_id options[] = {
    OPT_FORMAT,  OPT_OUTPUT, OPT_KIND,     OPT_ITEM,    OPT_EXTRACT, OPT_NO_PAYLOAD, OPT_MAX_MEMORY,
    OPT_TIMEOUT, OPT_COLOR,  OPT_PROGRESS, OPT_SANDBOX, OPT_QUIET,   OPT_VERBOSE,    OPT_END,
};

const struct command command_carve = {
    .name = "carve",
    .arguments = "FILE",
    .summary = "lost headers, tables, metadata, log entries, orphan blocks",
    .examples = examples,
    .notes =
        "Kinds: header, region_table, metadata, bat, log_entry, log_page (what a log entry puts where), orphan.\n"
        "FILE need not be a VHDX any more: nothing in it has to be right. All of its data is read, holes are not.\n"
        "Numbers stay the same as long as FILE does. Extracted files are named by the offset of what they hold,\n"
        "lie in DIR itself, and replace nothing.\n"
        "Exit codes: 0 done, 2 usage, 3 not all of it could be read or written, 6 a limit: the result is partial,\n"
        "7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = carve,
};
