/* SPDX-License-Identifier: MIT */
/*
 * Where a report goes. A file is written beside its name and renamed when it is whole, so a failed run never leaves
 * half a report, nor destroys the one that was there. What is read is never written: an output that is one of the
 * inputs (by whatever name or link) is refused, at the start and again before the rename.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/attendant.h"
#include "cli/cli.h"

/* For the signal handler: an interrupted run takes its temporary files along. */
static char *volatile doomed;
static char *volatile doomed_too;
static volatile sig_atomic_t doomed_dir = AT_FDCWD; /* where doomed_too is looked up */

static void remove_and_die(int sig)
{
    if (doomed != NULL)
        unlink(doomed);
    if (doomed_too != NULL)
        unlinkat((int)doomed_dir, doomed_too, 0);
    signal(sig, SIG_DFL);
    raise(sig);
}

static void watch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction old, new = {.sa_handler = remove_and_die};

        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &new, NULL);
    }
}

void output_doom(char *path)
{
    output_doom_at(AT_FDCWD, path);
}

void output_doom_at(int dir_fd, char *name)
{
    doomed_too = NULL;
    doomed_dir = dir_fd;
    doomed_too = name;
    if (name != NULL)
        watch_signals();
}

void output_undoom(void)
{
    doomed = NULL;
    doomed_too = NULL;
}

char *temporary_beside(const char *path, const char *ending)
{
    const char *slash = strrchr(path, '/');
    size_t dir = slash != NULL ? (size_t)(slash + 1 - path) : 0, name = strlen(path) - dir;
    char end[48], *temporary = NULL;
    size_t len = (size_t)snprintf(end, sizeof(end), ".%ld.%s", (long)getpid(), ending);

    if (name <= NAME_MAX && name + len > NAME_MAX) { /* the name itself will do, so nobody may ask for a shorter one */
        name = NAME_MAX - len;
        while (name > 0 && ((unsigned char)path[dir + name] & 0xC0) == 0x80) /* not inside a UTF-8 sequence */
            name--;
    }
    return asprintf(&temporary, "%.*s%s", (int)(dir + name), path, end) >= 0 ? temporary : NULL;
}

static int open_temporary(struct output *out)
{
    out->temporary = temporary_beside(out->path, "tmp");
    if (out->temporary == NULL) {
        message("out of memory");
        return EXIT_LIMIT;
    }
    int fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        message("cannot write %s: %s", out->path, error_text(errno));
        free(out->temporary);
        out->temporary = NULL;
        return EXIT_IMPOSSIBLE;
    }
    doomed = out->temporary;
    watch_signals();
    out->file = fdopen(fd, "w");
    if (out->file == NULL) {
        message("out of memory");
        close(fd);
        output_abandon(out);
        return EXIT_LIMIT;
    }
    return EXIT_OK;
}

int output_open(struct output *out, const char *path)
{
    struct stat st = {.st_size = 0};

    out->path = path;
    if (path == NULL) {
        out->file = stdout;
        return EXIT_OK;
    }
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return open_temporary(out);
    if (!S_ISCHR(st.st_mode)) {
        message("cannot write %s: %s", path, S_ISDIR(st.st_mode) ? "is a directory" : "not a regular file");
        return EXIT_IMPOSSIBLE;
    }
    out->file = fopen(path, "we"); /* /dev/null, a terminal: nothing to put beside it */
    if (out->file == NULL) {
        message("cannot write %s: %s", path, error_text(errno));
        return EXIT_IMPOSSIBLE;
    }
    return EXIT_OK;
}

void output_protect(struct output *out, const char *path)
{
    struct stat st = {.st_size = 0};

    if (out->path == NULL || path == NULL || stat(path, &st) != 0)
        return;
    if (out->input_count == out->input_cap) {
        uint32_t cap = out->input_cap > 0 ? out->input_cap * 2 : 16;
        struct identity *inputs = (struct identity *)reallocarray(out->inputs, cap, sizeof(*inputs));

        if (inputs == NULL) {
            out->forgot = true;
            return;
        }
        out->inputs = inputs;
        out->input_cap = cap;
    }
    out->inputs[out->input_count++] = (struct identity){.device = st.st_dev, .inode = st.st_ino};
}

int output_refusal(const struct output *out)
{
    struct stat st = {.st_size = 0};

    if (out->forgot) {
        message("out of memory");
        return EXIT_LIMIT;
    }
    if (out->path == NULL || stat(out->path, &st) != 0)
        return EXIT_OK;
    for (uint32_t i = 0; i < out->input_count; i++) {
        if (out->inputs[i].device == st.st_dev && out->inputs[i].inode == st.st_ino) {
            message("%s is one of the files that are read; the report must go elsewhere", out->path);
            return EXIT_USAGE;
        }
    }
    return EXIT_OK;
}

void output_abandon(struct output *out)
{
    if (out->file != NULL && out->file != stdout)
        (void)fclose(out->file);
    out->file = NULL;
    if (out->temporary != NULL) {
        if (!attendant_there())
            (void)unlink(out->temporary);
        doomed = NULL;
        free(out->temporary);
        out->temporary = NULL;
    }
    free(out->inputs);
    out->inputs = NULL;
}

int output_name(struct output *out)
{
    int code = output_refusal(out);

    if (code != EXIT_OK)
        return code;
    if (rename(out->temporary, out->path) != 0) {
        message("cannot write %s: %s", out->path, error_text(errno));
        return EXIT_IMPOSSIBLE;
    }
    doomed = NULL;
    free(out->temporary);
    out->temporary = NULL;
    return EXIT_OK;
}

int output_commit(struct output *out)
{
    const char *name = out->path != NULL ? out->path : "standard output";
    bool failed = ferror(out->file) != 0; /* an earlier write: its errno is gone */
    int error = 0;

    if (fflush(out->file) != 0) {
        failed = true;
        error = errno;
    }
    /* Some file systems tell only at close that there was no room. */
    int closed = out->file == stdout ? close(STDOUT_FILENO) : fclose(out->file);
    if (out->file != stdout)
        out->file = NULL;
    if (closed != 0 && !failed) {
        failed = true;
        error = errno;
    }
    if (failed) {
        message("cannot write %s: %s", name, error != 0 ? error_text(error) : "write error");
        output_abandon(out);
        return EXIT_IMPOSSIBLE;
    }
    int code = EXIT_OK;
    if (out->temporary != NULL)
        code = output_refusal(out); /* parents that were found meanwhile */
    if (out->temporary != NULL && code == EXIT_OK)
        code = attendant_there() ? attendant_ask(ATTENDANT_NAME_REPORT) : output_name(out);
    output_abandon(out);
    return code;
}
