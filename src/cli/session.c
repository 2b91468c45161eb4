/* SPDX-License-Identifier: MIT */
/*
 * The life of one image in a command: open the file (or spool a pipe), build the model in an arena of its own, find its
 * parents, close everything. One image that cannot be opened does not stop the others.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "image/chain.h"

static const uint64_t SPOOL_MAX = (uint64_t)1 << 42;     /* bytes of a piped image: 4 TiB of temporary file */
static const uint64_t FILE_LIST_MAX = (uint64_t)1 << 27; /* bytes of a list of files */

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
    return output_is_input(&run->output) ? EXIT_USAGE : EXIT_OK;
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
    };
    if (report_begin(&run->report, list) != STATUS_OK) {
        message("out of memory");
        output_abandon(&run->output);
        close_search_dirs(run);
        return EXIT_LIMIT;
    }
    return EXIT_OK;
}

void run_note(struct run *run, int code)
{
    run->code = exit_worst(run->code, code);
}

int run_end(struct run *run)
{
    if (report_end(&run->report) != STATUS_OK) {
        message("out of memory: the report is not complete");
        run_note(run, EXIT_LIMIT);
    }
    run_note(run, output_commit(&run->output));
    close_search_dirs(run);
    return run->code;
}

int run_abandon(struct run *run)
{
    (void)report_end(&run->report);
    output_abandon(&run->output);
    close_search_dirs(run);
    return run->code;
}

/* ---- one image ---- */

static enum status open_stdin(struct session *s, struct file_info *info)
{
    struct stat st = {.st_size = 0};

    if (isatty(STDIN_FILENO)) {
        (void)snprintf(s->message, sizeof(s->message), "standard input is a terminal, not an image");
        return STATUS_REFUSED;
    }
    /* A file that the shell opened needs no copy. */
    if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode) && lseek(STDIN_FILENO, 0, SEEK_CUR) == 0 &&
        file_open("/dev/stdin", &s->source, info, s->message, sizeof(s->message)) == STATUS_OK) {
        info->symlink = false;
        return STATUS_OK;
    }
    return file_spool(STDIN_FILENO, SPOOL_MAX, &s->source, info, s->message, sizeof(s->message));
}

int session_open(struct run *run, struct session *s, const char *path, bool no_replay)
{
    struct host_facts host = {.known = true};
    struct image_options options = {.no_replay = no_replay};

    *s = (struct session){.path = path};
    enum status st = strcmp(path, "-") == 0 ? open_stdin(s, &host.info)
                                            : file_open(path, &s->source, &host.info, s->message, sizeof(s->message));
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

    enum status st = chain_resolve(s->image, &chain);
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

void session_close(struct session *s)
{
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

/* ---- lists of files ---- */

/* All of a stream, NUL-terminated, on the heap; NULL with errno set (EFBIG: too long). */
static char *read_all(FILE *f, size_t *ret_len)
{
    size_t len = 0, cap = (size_t)64 * 1024;
    char *text = (char *)malloc(cap);

    while (text != NULL) {
        errno = 0;
        len += fread(text + len, 1, cap - 1 - len, f);
        if (ferror(f) || cap > FILE_LIST_MAX) {
            int error = ferror(f) ? errno : EFBIG;
            free(text);
            errno = error;
            return NULL;
        }
        if (len < cap - 1)
            break;
        cap *= 2;
        char *more = (char *)realloc(text, cap);
        if (more == NULL)
            free(text);
        text = more;
    }
    if (text != NULL)
        text[len] = '\0';
    *ret_len = len;
    return text;
}

/* Names end with a NUL when there is one in the list, else with a line feed. */
static bool split_list(char *text, size_t len, struct words *ret)
{
    char end = memchr(text, '\0', len) != NULL ? '\0' : '\n';

    for (size_t at = 0; at < len;) {
        char *stop = memchr(text + at, end, len - at);
        size_t next = stop != NULL ? (size_t)(stop - text) + 1 : len;

        if (stop != NULL)
            *stop = '\0';
        if (text[at] != '\0' && !words_add(ret, text + at))
            return false;
        at = next;
    }
    return true;
}

static int read_list(const char *path, struct words *ret, char **ret_text)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "re");
    size_t len = 0;
    char *text = f != NULL ? read_all(f, &len) : NULL;
    int error = errno;

    if (f != NULL && !standard)
        (void)fclose(f);
    if (text == NULL) {
        message("--files-from %s: %s", path, error_text(error));
        return error == ENOMEM || error == EFBIG ? EXIT_LIMIT : EXIT_IMPOSSIBLE;
    }
    *ret_text = text;
    if (!split_list(text, len, ret)) {
        message("out of memory");
        return EXIT_LIMIT;
    }
    return EXIT_OK;
}

int session_files(const struct options *o, struct words *ret, char **ret_text)
{
    unsigned standard_input = o->files_from != NULL && strcmp(o->files_from, "-") == 0;

    for (uint32_t i = 0; i < o->args.count; i++) {
        if (!words_add(ret, o->args.items[i])) {
            message("out of memory");
            return EXIT_LIMIT;
        }
        standard_input += strcmp(o->args.items[i], "-") == 0;
    }
    if (standard_input > 1) {
        message("standard input can be read only once");
        return EXIT_USAGE;
    }
    if (o->files_from != NULL) {
        int code = read_list(o->files_from, ret, ret_text);
        if (code != EXIT_OK)
            return code;
    }
    if (ret->count == 0) {
        message("--files-from %s: names no file", o->files_from);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

static void one_image(struct run *run, const char *path, bool no_replay, bool resolve,
                      int (*one)(struct run *run, struct session *s))
{
    struct session s;
    int code = session_open(run, &s, path, no_replay);

    if (code == EXIT_OK && resolve)
        code = session_resolve(run, &s);
    if (code != EXIT_OK) {
        message("%s", s.message);
        report_unopened(&run->report, path, s.message);
    } else {
        code = one(run, &s);
    }
    session_close(&s);
    run_note(run, code);
}

int for_each_image(const struct options *o, bool no_replay, bool resolve,
                   int (*one)(struct run *run, struct session *s))
{
    struct words files = {.count = 0};
    char *text = NULL;
    struct run run;

    int code = session_files(o, &files, &text);
    if (code == EXIT_OK)
        code = run_begin(&run, o, &files, "images");
    if (code == EXIT_OK) {
        for (uint32_t i = 0; i < files.count; i++)
            one_image(&run, files.items[i], no_replay, resolve, one);
        code = run_end(&run);
    }
    free(files.items);
    free(text);
    return code;
}
