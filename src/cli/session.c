/* SPDX-License-Identifier: MIT */
/*
 * The life of one image in a command: open the file (or spool a pipe), build the model in an arena of its own, find its
 * parents, close everything. One image that cannot be opened does not stop the others.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/attendant.h"
#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/file_list.h"
#include "cli/journal_file.h"
#include "image/chain.h"

const char *session_status_text(const struct run *run, enum status st)
{
    if (st == STATUS_LIMIT)
        return run->deadline_ns != 0 && source_now_ns() >= run->deadline_ns ? "stopped by --timeout"
                                                                            : "stopped by --max-memory";
    return status_text(st);
}

/* ---- the run ---- */

static bool want_color(const struct options *o, FILE *f)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    if (o->color != COLOR_AUTO)
        return o->color == COLOR_ALWAYS;
    return (no_color == NULL || no_color[0] == '\0') && (term == NULL || strcmp(term, "dumb") != 0) &&
           isatty(fileno(f));
}

/*
 * Columns that text is broken at: those of the terminal that it goes to, or of COLUMNS there. Anything else gets lines
 * as long as they are, so that a report does not depend on the window it was made in.
 */
static unsigned terminal_width(const struct options *o, FILE *f)
{
    enum { LEAST = 60, MOST = 1000 };
    const char *columns = getenv("COLUMNS");
    struct winsize size = {.ws_col = 0};
    char *end = NULL;
    unsigned long width = 0;

    if (o->format != REPORT_TEXT || !isatty(fileno(f)))
        return 0;
    if (columns != NULL)
        width = strtoul(columns, &end, 10);
    if (columns == NULL || end == columns || *end != '\0' || width == 0)
        width = ioctl(fileno(f), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    if (width == 0 || width > MOST)
        return 0;
    return width < LEAST ? LEAST : (unsigned)width;
}

/* Search directories are opened before any image is looked at; later only names inside them are. */
static int open_search_dirs(struct run *run)
{
    const struct words *dirs = &run->options->search_dirs;

    if (dirs->count == 0)
        return EXIT_OK;
    run->search_fds = (int *)reallocarray(NULL, dirs->count, sizeof(int));
    if (run->search_fds == NULL) {
        message("out of memory");
        return EXIT_LIMIT;
    }
    for (uint32_t i = 0; i < dirs->count; i++)
        run->search_fds[i] = -1;
    for (uint32_t i = 0; i < dirs->count; i++) {
        run->search_fds[i] = open(dirs->items[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (run->search_fds[i] < 0) {
            message("--search-dir %s: %s", dirs->items[i], error_text(errno));
            return EXIT_IMPOSSIBLE;
        }
    }
    return EXIT_OK;
}

static void close_search_dirs(struct run *run)
{
    for (uint32_t i = 0; run->search_fds != NULL && i < run->options->search_dirs.count; i++) {
        if (run->search_fds[i] >= 0)
            close(run->search_fds[i]);
    }
    free(run->search_fds);
    run->search_fds = NULL;
}

/* The output may be none of what is read. */
static int protect_inputs(struct run *run, const struct words *files)
{
    const struct options *o = run->options;

    run->output.path = o->output;
    for (uint32_t i = 0; files != NULL && i < files->count; i++)
        output_protect(&run->output, files->items[i]);
    for (uint32_t i = 0; i < o->parents.count; i++)
        output_protect(&run->output, o->parents.items[i]);
    for (uint32_t i = 0; i < o->parents_b.count; i++)
        output_protect(&run->output, o->parents_b.items[i]);
    output_protect(&run->output, o->files_from);
    return output_refusal(&run->output);
}

int run_begin(struct run *run, const struct options *o, const struct words *files, const char *list)
{
    *run = (struct run){.options = o};
    if (o->timeout > 0)
        run->deadline_ns = source_now_ns() + o->timeout * 1000000000U;
    int code = protect_inputs(run, files);
    if (code == EXIT_OK)
        code = open_search_dirs(run);
    if (code == EXIT_OK)
        code = output_open(&run->output, o->output);
    if (code != EXIT_OK) {
        output_abandon(&run->output);
        close_search_dirs(run);
        return code;
    }
    run->report = (struct report){
        .out = run->output.file,
        .format = o->format,
        .color = want_color(o, run->output.file),
        .quiet = o->quiet,
        .verbose = o->verbose,
        .width = terminal_width(o, run->output.file),
    };
    if (report_begin(&run->report, list) != STATUS_OK) {
        message("out of memory");
        output_abandon(&run->output);
        close_search_dirs(run);
        return EXIT_LIMIT;
    }
    return EXIT_OK;
}

/* Below this a file is read, or copied, faster than a thread is started. */
static const uint64_t THREAD_WORTH = (uint64_t)64 << 20;

static bool worth_a_thread(const struct inputs *in)
{
    cpu_set_t cores;

    if (sched_getaffinity(0, sizeof(cores), &cores) != 0 || CPU_COUNT(&cores) < 2)
        return false;
    for (uint32_t i = 0; i < in->count; i++) {
        if (in->items[i].status == STATUS_OK && in->items[i].info.allocated_bytes >= THREAD_WORTH)
            return true;
    }
    return false;
}

static void start_behind(void *ctx)
{
    ((struct run *)ctx)->behind = behind_start();
}

static void start_ahead(void *ctx)
{
    struct run *run = (struct run *)ctx;

    run->ahead = ahead_start();
    for (uint32_t i = 0; run->ahead != NULL && i < run->inputs.count; i++) {
        if (run->inputs.items[i].source != NULL)
            file_use_ahead(run->inputs.items[i].source, run->ahead);
    }
}

int run_confine(struct run *run, const struct words *files, const struct confinement *c)
{
    const struct options *o = run->options;
    struct sandbox_request request = {
        .mode = o->sandbox,
        .needs = c->needs,
        .dirs = c->dirs,
        .dir_count = c->dir_count,
        .create_dir = c->create_dir,
    };
    struct sandbox_state state;

    if (o->sandbox == SANDBOX_OFF)
        return EXIT_OK;
    if (!inputs_open(&run->inputs, files) || !inputs_open(&run->inputs, &o->parents) ||
        !inputs_open(&run->inputs, &o->parents_b)) {
        message("out of memory");
        return EXIT_LIMIT;
    }
    if (c->dirs == NULL && o->search_dirs.count > 0) {
        request.dirs = run->search_fds;
        request.dir_count = o->search_dirs.count;
    }
    if (request.dir_count > 0)
        request.needs |= SANDBOX_OPEN_BELOW;
    int code = attendant_begin(&run->output, c->file, c->journal);
    if (code != EXIT_OK)
        return code;
    /* Who writes to a file that is read, reads it as it is at that moment. */
    const bool reads_only = (c->needs & SANDBOX_WRITE_FILE) == 0 || c->file != NULL;
    if (reads_only && !c->one_of_many && worth_a_thread(&run->inputs)) {
        request.start_threads = c->writes_behind ? start_behind : start_ahead;
        request.ctx = run;
    }
    if (!sandbox_enter(&request, &state)) {
        message("--sandbox require: %s", state.missing);
        return EXIT_IMPOSSIBLE;
    }
    run->report.landlock_abi = state.landlock_abi;
    run->report.seccomp = state.seccomp;
    return EXIT_OK;
}

int run_begin_confined(struct run *run, const struct options *o, const struct words *files, const char *list)
{
    int code = run_begin(run, o, files, list);

    if (code != EXIT_OK)
        return code;
    code = run_confine(run, files, &(struct confinement){.needs = 0});
    if (code != EXIT_OK)
        (void)run_abandon(run);
    return code;
}

void run_note(struct run *run, int code)
{
    run->code = exit_worst(run->code, code);
}

int run_end(struct run *run)
{
    run->report.exit_code = run->code;
    enum status st = report_end(&run->report);
    if (st == STATUS_IO) {
        message("a temporary file could not be written: the report is not complete");
        run_note(run, EXIT_IMPOSSIBLE);
    } else if (st != STATUS_OK) {
        message("out of memory: the report is not complete");
        run_note(run, EXIT_LIMIT);
    }
    run_note(run, output_commit(&run->output));
    inputs_close(&run->inputs);
    ahead_stop(run->ahead);
    behind_stop(run->behind);
    close_search_dirs(run);
    return run->code;
}

int run_abandon(struct run *run)
{
    (void)report_end(&run->report);
    output_abandon(&run->output);
    inputs_close(&run->inputs);
    ahead_stop(run->ahead);
    behind_stop(run->behind);
    close_search_dirs(run);
    return run->code;
}

/* ---- one image ---- */

/* What was opened before the process was confined, or opens it now. */
static enum status open_source(struct run *run, struct session *s, struct host_facts *ret)
{
    struct input *in = inputs_take(&run->inputs, s->path);

    if (in == NULL) {
        enum status st = input_open(s->path, &s->source, &ret->info, s->message, sizeof(s->message));
        if (st == STATUS_OK)
            ret->journal = input_journal(s->path, &ret->info);
        return st;
    }
    if (in->status != STATUS_OK) {
        (void)snprintf(s->message, sizeof(s->message), "%s", in->message);
        return in->status;
    }
    s->source = in->source;
    in->source = NULL;
    ret->info = in->info;
    ret->journal = in->journal;
    return STATUS_OK;
}

int session_open(struct run *run, struct session *s, const char *path, bool no_replay)
{
    struct host_facts host = {.known = true};
    struct image_options options = {.no_replay = no_replay};

    *s = (struct session){.run = run, .path = path};
    enum status st = open_source(run, s, &host);
    if (st != STATUS_OK)
        return exit_of_status(st);
    s->source->deadline_ns = run->deadline_ns;
    s->arena = arena_create(run->options->max_memory);
    st = s->arena != NULL ? image_open(s->arena, s->source, path, &host, &options, &s->image) : STATUS_NO_MEMORY;
    if (st != STATUS_OK) {
        (void)snprintf(s->message, sizeof(s->message), "%s: %s", path, session_status_text(run, st));
        session_close(s);
        return exit_of_status(st);
    }
    return EXIT_OK;
}

int session_resolve(struct run *run, struct session *s)
{
    return session_resolve_with(run, s, &run->options->parents);
}

int session_resolve_with(struct run *run, struct session *s, const struct words *parents)
{
    const struct options *o = run->options;
    struct chain_options chain = {
        .parents = parents->items,
        .parent_count = parents->count,
        .search_dirs = o->search_dirs.items,
        .search_fds = run->search_fds,
        .search_count = o->search_dirs.count,
    };
    struct chain_opened *opened = inputs_parents(&run->inputs, parents);

    chain.opened = opened;
    enum status st = opened == NULL && run->inputs.count > 0 ? STATUS_NO_MEMORY : chain_resolve(s->image, &chain);
    free(opened);
    if (st != STATUS_OK) {
        (void)snprintf(s->message, sizeof(s->message), "%s: %s", s->path, session_status_text(run, st));
        return exit_of_status(st);
    }
    for (const struct image *i = s->image; i != NULL && i->parent != NULL; i = i->parent->image)
        output_protect(&run->output, i->parent->path);
    return EXIT_OK;
}

int session_parents(const struct session *s)
{
    for (const struct image *i = s->image; i != NULL && i->parent != NULL; i = i->parent->image) {
        if (i->parent->state == PARENT_UNOPENABLE) {
            message("%s: parent: %s", s->path, i->parent->message != NULL ? i->parent->message : i->parent->path);
            return EXIT_IMPOSSIBLE;
        }
    }
    return EXIT_OK;
}

void run_note_unread(struct run *run, const char *path, const struct source *s)
{
    if (s == NULL || s->failed_reads == 0 || run->options->salvage)
        return;
    message("%s: could not be read at offset %" PRIu64 ": %s", path, s->error_off,
            s->error_errno != 0 ? error_text(s->error_errno) : "the file became shorter");
    run_note(run, EXIT_IMPOSSIBLE);
}

static void note_unread(const struct session *s)
{
    if (s->image == NULL)
        run_note_unread(s->run, s->path, s->source);
    for (const struct image *i = s->image; i != NULL; i = i->parent != NULL ? i->parent->image : NULL)
        run_note_unread(s->run, i->path, i->file);
}

void session_close(struct session *s)
{
    if (s->run != NULL)
        note_unread(s);
    if (s->image != NULL) {
        chain_close(s->image);
        image_close(s->image);
    }
    source_close(s->source);
    arena_destroy(s->arena);
    s->image = NULL;
    s->source = NULL;
    s->arena = NULL;
}

/* ---- many images ---- */

void session_each(struct run *run, const struct words *files, const struct each *e)
{
    for (uint32_t i = 0; i < files->count; i++) {
        struct session s;
        int code = session_open(run, &s, files->items[i], e->no_replay);

        if (code == EXIT_OK && e->resolve)
            code = session_resolve(run, &s);
        if (code != EXIT_OK) {
            message("%s", s.message);
            report_unopened(&run->report, files->items[i], s.message);
        } else {
            code = e->one(run, &s);
        }
        session_close(&s);
        run_note(run, code);
        if (e->done != NULL)
            (void)__atomic_add_fetch(e->done, 1, __ATOMIC_RELAXED);
    }
}

int for_each_image(const struct options *o, bool no_replay, bool resolve,
                   int (*one)(struct run *run, struct session *s))
{
    const struct each e = {.no_replay = no_replay, .resolve = resolve, .one = one};
    struct file_list files;
    struct run run;

    int code = file_list_make(o, &files);
    if (code == EXIT_OK && files.words.count > 1 && batch_can(o->format)) {
        code = run_begin(&run, o, &files.words, "images");
        if (code == EXIT_OK) {
            run_note(&run, files.code);
            code = batch_run(&run, &files.words, &e) ? run_end(&run) : run_abandon(&run);
        }
    } else if (code == EXIT_OK) {
        code = run_begin_confined(&run, o, &files.words, "images");
        if (code == EXIT_OK) {
            run_note(&run, files.code);
            session_each(&run, &files.words, &e);
            code = run_end(&run);
        }
    }
    file_list_free(&files);
    return code;
}
