/* SPDX-License-Identifier: MIT */
/*
 * What `write` and `replay` share. The file is locked before it is looked at, so what was checked is what is changed,
 * and nothing but that file can be changed by then. It is checked by all rules: the writer itself refuses only what
 * makes writing unsafe, a person wants to hear of any error before.
 */
#include "cli/change_session.h"

#include <stdarg.h>
#include <string.h>

#include "cli/journal_file.h"

int change_session_refuse(struct change_session *s, int code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(s->message, sizeof(s->message), fmt, ap);
    va_end(ap);
    return code;
}

int change_session_failed(const struct run *run, struct change_session *s, const char *doing, enum status st)
{
    const struct source *source = s->store->source;
    int error = s->store->error_errno != 0 ? s->store->error_errno : source->error_errno;

    if (st == STATUS_IO && error != 0)
        return change_session_refuse(s, EXIT_IMPOSSIBLE, "%s: %s: %s", s->path, doing, error_text(error));
    return change_session_refuse(s, exit_of_status(st), "%s: %s: %s", s->path, doing, session_status_text(run, st));
}

static void close_model(struct change_session *s)
{
    image_close(s->image);
    arena_destroy(s->arena);
    s->image = NULL;
    s->result = NULL;
    s->arena = NULL;
}

int change_session_check(struct run *run, struct change_session *s)
{
    struct check_options options = {.max_findings = run->options->max_findings};

    close_model(s);
    s->arena = arena_create(run->options->max_memory);
    s->store->source->deadline_ns = run->deadline_ns;
    enum status st = s->arena != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (st == STATUS_OK)
        st = image_open(s->arena, s->store->source, s->path, NULL, NULL, &s->image);
    if (st == STATUS_OK)
        st = check_run(s->image, &options, NULL, &s->result);
    s->store->source->deadline_ns = 0; /* a change that has begun is ended */
    if (st != STATUS_OK)
        return change_session_failed(run, s, "could not be checked", st);
    if (s->result->io_error)
        return change_session_refuse(s, EXIT_IMPOSSIBLE, "%s: could not be read everywhere", s->path);
    if (!s->result->complete)
        return change_session_refuse(s, EXIT_LIMIT, "%s: could not be checked wholly: a limit was reached", s->path);
    return EXIT_OK;
}

int change_session_open(struct run *run, const char *path, struct change_session *s)
{
    static const struct words no_files;
    struct confinement needs = {.needs = SANDBOX_WRITE_FILE};
    struct journal_file j;

    *s = (struct change_session){.run = run, .path = path};
    enum status st = store_open_file(path, STORE_EXISTING, &s->store, &s->info, s->message, sizeof(s->message));
    if (st != STATUS_OK)
        return exit_of_status(st);
    int code = journal_file_open(path, &j);
    if (code == EXIT_OK && j.info.state == JOURNAL_UNDOING) /* the journal goes when that is done */
        needs.journal = &j;
    if (code == EXIT_OK && (code = run_confine(run, &no_files, &needs)) != EXIT_OK)
        (void)snprintf(j.message, sizeof(j.message), "%s: not opened", path); /* said why already */
    if (code == EXIT_OK)
        code = journal_file_settle(&j, path, s->store);
    if (code != EXIT_OK)
        (void)change_session_refuse(s, code, "%s", j.message);
    journal_file_close(&j);
    return code == EXIT_OK ? change_session_check(run, s) : code;
}

void change_session_close(struct change_session *s)
{
    if (s->store != NULL)
        run_note_unread(s->run, s->path, s->store->source);
    close_model(s);
    store_close(s->store);
    s->store = NULL;
}

const struct finding *change_session_error(const struct change_session *s, const char *rule)
{
    for (uint64_t i = 0; s->result != NULL && i < s->result->finding_count; i++) {
        const struct finding *f = s->result->findings[i];
        if (f->severity == SEVERITY_ERROR && (rule == NULL || strcmp(f->rule->id, rule) == 0))
            return f;
    }
    return NULL;
}
