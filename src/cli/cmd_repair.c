/* SPDX-License-Identifier: MIT */
/*
 * `vhdxray repair`: the plan; with --apply in place, behind a journal; with --copy in a new file.
 *
 * In place the file is locked before it is looked at, so what was planned is what is changed, and with the journal it
 * is all that can be written to from then on (journal_file.h, attendant.h). Everything that can go wrong behind the
 * plan leaves the file as it was, or a journal that finishes it or puts it back. The copy is in repair_copy.c.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/parent_path.h"
#include "cli/repair_parts.h"

int repair_refuse(struct repair *x, int code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(x->message, sizeof(x->message), fmt, ap);
    va_end(ap);
    return code;
}

int repair_failed(struct repair *x, const char *path, const struct source *s, const struct store *to, enum status st)
{
    int error = to != NULL && to->error_errno != 0 ? to->error_errno : s->error_errno;

    if (st == STATUS_IO && error != 0)
        return repair_refuse(x, EXIT_IMPOSSIBLE, "%s: %s", path, error_text(error));
    if (st == STATUS_IO && s->size > 0)
        return repair_refuse(x, EXIT_IMPOSSIBLE, "%s: became shorter while it was read", path);
    return repair_refuse(x, exit_of_status(st), "%s: %s", path, session_status_text(x->run, st));
}

/* ---- what is asked for ---- */

static bool known_rule(const char *id)
{
    const char *names[1024];
    uint32_t n = 0;

    if (rule_find(id) != NULL)
        return true;
    for (uint32_t i = 0; i < rule_count() && n < sizeof(names) / sizeof(names[0]) - 1; i++)
        names[n++] = rule_at(i)->id;
    names[n] = NULL;
    const char *near = nearest_name(id, names);
    if (near != NULL)
        message("repair: --consent: there is no rule \"%s\"; did you mean %s?", id, near);
    else
        message("repair: --consent: there is no rule \"%s\"; see vhdxray rules", id);
    return false;
}

/* One --consent: "RULE,RULE". The words point into x->consent_text. */
static int read_rules(struct repair *x, char *text)
{
    char *rest = NULL;

    for (char *id = strtok_r(text, ",", &rest); id != NULL; id = strtok_r(NULL, ",", &rest)) {
        if (!known_rule(id))
            return EXIT_USAGE;
        if (!words_add(&x->consent, id))
            return repair_refuse(x, EXIT_LIMIT, "out of memory");
    }
    return EXIT_OK;
}

static int read_consent(struct repair *x)
{
    const struct words *given = &x->run->options->consent;
    size_t size = 1;
    int code = EXIT_OK;

    for (uint32_t i = 0; i < given->count; i++)
        size += strlen(given->items[i]) + 1;
    x->consent_text = (char *)calloc(1, size);
    if (x->consent_text == NULL)
        return repair_refuse(x, EXIT_LIMIT, "out of memory");
    for (uint32_t i = 0, at = 0; i < given->count && code == EXIT_OK; i++) {
        size_t len = strlen(given->items[i]);
        memcpy(x->consent_text + at, given->items[i], len);
        code = read_rules(x, x->consent_text + at);
        at += (uint32_t)len + 1;
    }
    return code;
}

static int judge_words(const struct options *o)
{
    if (o->apply && o->copy != NULL)
        message("repair: --apply changes FILE, --copy leaves it alone: only one of them");
    else if (o->force && o->copy == NULL)
        message("repair: --force is for --copy");
    else if (o->parents.count > 1)
        message("repair: a disk has one parent: the one that it is to be linked to");
    else if (o->copy != NULL && o->output != NULL && strcmp(o->copy, o->output) == 0)
        message("repair: the copy and the report cannot both go to %s", o->copy);
    else
        return EXIT_OK;
    return EXIT_USAGE;
}

int repair_open_parent(struct repair *x)
{
    const struct options *o = x->run->options;

    if (o->parents.count == 0)
        return EXIT_OK;
    int code = session_open(x->run, &x->parent, o->parents.items[0], false);
    return code == EXIT_OK ? code : repair_refuse(x, code, "%s", x->parent.message);
}

/* ---- the plan ---- */

int repair_plan(struct repair *x, struct source *s)
{
    const struct options *o = x->run->options;
    struct plan_options options = {
        .consent = x->consent.items,
        .consent_count = x->consent.count,
        .parent = x->parent.image,
        .parent_path = x->parent_path,
        .max_memory = o->max_memory,
    };

    x->arena = arena_create(o->max_memory);
    s->deadline_ns = x->run->deadline_ns;
    enum status st = x->arena != NULL ? plan_make(x->arena, s, x->path, &options, &x->plan) : STATUS_NO_MEMORY;
    s->deadline_ns = 0; /* a change that has begun is ended */
    if (st != STATUS_OK)
        return repair_failed(x, x->path, s, NULL, st);
    x->planned = true;
    return x->plan.refused ? repair_refuse(x, EXIT_REFUSED, "%s: %s; the file is as it was", x->path, x->plan.refusal)
                           : EXIT_OK;
}

int repair_nothing(struct repair *x)
{
    if (x->plan.errors_before == 0)
        return EXIT_OK;
    for (uint64_t i = 0; i < x->plan.left_count; i++) {
        const struct plan_left *left = &x->plan.left[i];
        if (left->severity == SEVERITY_ERROR && left->class != REPAIR_NONE)
            return repair_refuse(x, EXIT_REFUSED,
                                 "%s: has errors, and nothing is done about them: %s: %s; the file is as it was",
                                 x->path, left->rule->id, left->reason);
    }
    return repair_refuse(x, EXIT_REFUSED, "%s: has errors, and none of them can be repaired; the file is as it was",
                         x->path);
}

/* ---- afterwards ---- */

int repair_check_again(struct repair *x, struct source *s, const char *path)
{
    struct check_options options = {.max_findings = 1};
    struct check_result *result = NULL;
    struct image *img = NULL;
    enum status st = STATUS_NO_MEMORY;

    x->after_arena = arena_create(x->run->options->max_memory);
    if (x->after_arena != NULL)
        st = image_open(x->after_arena, s, path, NULL, NULL, &img);
    if (st == STATUS_OK)
        st = check_run(img, &options, NULL, &result);
    image_close(img);
    if (st != STATUS_OK || !result->complete)
        return repair_refuse(x, st != STATUS_OK ? exit_of_status(st) : EXIT_LIMIT,
                             "%s: is repaired as planned, but could not be checked wholly afterwards", path);
    if (result->counts[SEVERITY_ERROR] == 0)
        return EXIT_REPAIRED;
    return repair_refuse(x, EXIT_REFUSED, "%s: what was planned is done, errors remain: %s %s", path,
                         result->findings[0]->rule->id, result->findings[0]->message);
}

/* ---- in place ---- */

static int apply_plan(struct repair *x)
{
    struct journal_file *j = &x->journal;
    struct journal_info info = {.state = JOURNAL_NONE};

    enum status st = report_plan_look(&x->plan, x->arena, &x->bytes);
    if (st != STATUS_OK)
        return repair_failed(x, x->path, x->image->source, NULL, st);
    int code = journal_file_make(j);
    if (code != EXIT_OK)
        return repair_refuse(x, code, "%s", j->message);
    st = journal_apply(j->store, x->image, x->plan.stage);
    if (st == STATUS_OK) {
        x->applied = true;
        return repair_check_again(x, x->image->source, x->path);
    }
    code = journal_file_failed(j, x->path, x->image, st, JOURNAL_NOWHERE);
    bool known = journal_peek(j->store->source, &info) == STATUS_OK;
    if (known && (info.state == JOURNAL_NONE || info.state == JOURNAL_UNDONE)) {
        code = repair_refuse(x, code, "%s; the file is as it was", j->message);
        (void)journal_file_remove(j);
        return code;
    }
    return repair_refuse(
        x, code,
        "%s; the repair was interrupted: vhdxray undo puts back what was, vhdxray repair --apply goes on "
        "(%s)",
        j->message, j->path);
}

static int repair_in_place(struct repair *x)
{
    static const struct words no_files;
    const struct confinement needs = {.needs = SANDBOX_WRITE_FILE, .journal = &x->journal};
    struct file_info info;

    enum status st = store_open_file(x->path, STORE_EXISTING, &x->image, &info, x->message, sizeof(x->message));
    if (st != STATUS_OK)
        return exit_of_status(st);
    if (info.kind != FILE_KIND_REGULAR)
        return repair_refuse(x, EXIT_REFUSED,
                             "%s: is a device, which a journal cannot be beside; repair a copy (--copy)", x->path);
    int code = journal_file_open(x->path, &x->journal);
    if (code == EXIT_OK)
        code = journal_file_prepare(&x->journal);
    if (code == EXIT_OK && (code = run_confine(x->run, &no_files, &needs)) != EXIT_OK)
        return code; /* said why */
    if (code == EXIT_OK)
        code = journal_file_settle(&x->journal, x->path, x->image);
    if (code != EXIT_OK)
        return repair_refuse(x, code, "%s", x->journal.message);
    code = repair_open_parent(x);
    if (code == EXIT_OK)
        code = repair_plan(x, x->image->source);
    if (code == EXIT_OK)
        code = x->plan.step_count > 0 ? apply_plan(x) : repair_nothing(x);
    return code;
}

/* ---- the command ---- */

static int repair_image(struct repair *x, const struct words *file)
{
    const struct options *o = x->run->options;
    int code = read_consent(x);

    if (code == EXIT_OK && o->parents.count > 0)
        code = parent_path(o->copy != NULL ? o->copy : x->path, o->parents.items[0], &x->parent_path);
    if (code != EXIT_OK)
        return code;
    return o->apply ? repair_in_place(x) : repair_elsewhere(x, file);
}

/* What happened, and why not more. */
static int tell(struct repair *x, int code)
{
    struct report *r = &x->run->report;
    /* As text, a plan without steps says itself why. */
    bool said = r->format == REPORT_TEXT && x->planned && (x->plan.refused || x->plan.step_count == 0);
    struct plan_report p = {
        .path = x->path,
        .plan = x->planned ? &x->plan : NULL,
        .bytes = x->bytes,
        .applied = x->applied,
        .copy = x->applied && x->run->options->copy != NULL ? x->run->options->copy : NULL,
        .journal = x->applied && x->run->options->apply ? x->journal.path : NULL,
        .error = x->message[0] != '\0' && !x->applied && !said ? x->message : NULL,
    };

    if (x->message[0] != '\0' && !said)
        message("%s", x->message);
    enum status st = code != EXIT_USAGE ? report_plan(r, &p) : STATUS_OK;
    if (st == STATUS_OK)
        return code;
    message("%s: the plan could not be printed: %s", x->path, session_status_text(x->run, st));
    return exit_worst(code, exit_of_status(st));
}

static void close_repair(struct repair *x)
{
    run_note_unread(x->run, x->path, x->image != NULL ? x->image->source : x->source);
    if (x->planned)
        plan_close(&x->plan);
    source_close(x->source);
    store_close(x->copy);
    new_file_drop(&x->file, false);
    journal_file_close(&x->journal);
    store_close(x->image);
    session_close(&x->parent);
    arena_destroy(x->after_arena);
    arena_destroy(x->arena);
    free(x->parent_path);
    free(x->consent.items);
    free(x->consent_text);
}

static int repair(const struct options *o)
{
    struct words file = {.items = o->args.items, .count = 1};
    struct run run;
    struct repair x = {.run = &run, .path = o->args.items[0]};

    int code = needs_a_file("repair", x.path);
    if (code == EXIT_OK && o->copy != NULL)
        code = needs_a_file("repair --copy", o->copy);
    if (code == EXIT_OK)
        code = judge_words(o);
    if (code == EXIT_OK)
        code = run_begin(&run, o, &file, NULL);
    if (code != EXIT_OK)
        return code;
    code = tell(&x, repair_image(&x, &file));
    close_repair(&x);
    run_note(&run, code);
    return code != EXIT_USAGE ? run_end(&run) : run_abandon(&run);
}

static const char *const examples[] = {
    "vhdxray repair web01.vhdx",
    "what would be changed, and why",
    "vhdxray repair web01.vhdx --copy fixed.vhdx",
    "repair a copy; web01.vhdx is only read",
    "vhdxray repair web01.vhdx --apply",
    "repair in place; vhdxray undo web01.vhdx goes back",
    "vhdxray repair web01.vhdx --consent VHDX-BAT-016",
    "with a change that guest data depends on",
    "vhdxray repair c.avhdx --parent b.vhdx --consent VHDX-CHAIN-003",
    "link a child to this parent",
    NULL,
};

static const enum option_id options[] = {
    OPT_APPLY,   OPT_COPY,     OPT_CONSENT, OPT_PARENT, OPT_FORCE,   OPT_FORMAT,  OPT_OUTPUT, OPT_MAX_MEMORY,
    OPT_TIMEOUT, OPT_PROGRESS, OPT_COLOR,   OPT_QUIET,  OPT_VERBOSE, OPT_SANDBOX, OPT_END,
};

const struct command command_repair = {
    .name = "repair",
    .arguments = "FILE",
    .summary = "print the plan of a repair; --apply or --copy does it",
    .examples = examples,
    .notes =
        "Without --apply and --copy nothing is changed. The plan lists each change: place, old and new bytes, why, "
        "and\n"
        "the guest data it touches. Changes that guest data depends on, or that destroy evidence, are made only for\n"
        "the rules that --consent names.\n"
        "In place: the old bytes are in FILE.vhdxray-journal first, and stay there for vhdxray undo. A repair that\n"
        "was interrupted is finished by the next --apply and rolled back by undo.\n"
        "Exit codes: 0 nothing to do, 1 a plan was printed (or there are errors that none is for), 2 usage, 3 could "
        "not\n"
        "read or write, 4 repaired: the file or the copy has no error, 5 refused or incomplete: the text says how\n"
        "the file is left, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = repair,
};
