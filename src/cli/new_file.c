/* SPDX-License-Identifier: MIT */
/*
 * Names for what is written. A name that is there is a whole file: an interrupted run leaves nothing, a failed one
 * neither, and what had the name before is there until the new file is complete.
 */
#include "cli/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/attendant.h"
#include "cli/cli.h"

int new_file_failed(const char *name, int error)
{
    message("cannot write %s: %s", name, error_text(error));
    return EXIT_IMPOSSIBLE;
}

/* NULL after a message. */
static char *target_of(const char *path, bool replace, const char *other, int *ret_code)
{
    struct stat st = {.st_size = 0};
    char *target = NULL;

    *ret_code = EXIT_IMPOSSIBLE;
    if (lstat(path, &st) != 0) {
        target = strdup(path);
    } else if (stat(path, &st) != 0) {
        message("cannot write %s: is a symbolic link to nothing", path);
        return NULL;
    } else if (!S_ISREG(st.st_mode)) {
        const char *what = S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file";
        bool more = other != NULL && !S_ISDIR(st.st_mode);
        message("cannot write %s: %s%s%s", path, what, more ? "; " : "", more ? other : "");
        return NULL;
    } else if (!replace) {
        message("%s exists; --force replaces it", path);
        return NULL;
    } else {
        target = realpath(path, NULL);
    }
    if (target == NULL) {
        int error = errno;
        (void)new_file_failed(path, error);
        *ret_code = error == ENOMEM ? EXIT_LIMIT : EXIT_IMPOSSIBLE;
    }
    return target;
}

int new_file_begin(struct new_file *f, const char *path, bool replace, const char *other)
{
    int code = EXIT_OK;

    *f = (struct new_file){.name = path, .replace = replace};
    f->path = target_of(path, replace, other, &code);
    if (f->path == NULL)
        return code;
    f->temporary = temporary_beside(f->path, "partial");
    if (f->temporary == NULL) {
        message("out of memory");
        new_file_drop(f, false);
        return EXIT_LIMIT;
    }
    return EXIT_OK;
}

void new_file_created(struct new_file *f)
{
    f->created = true;
    output_doom(f->temporary);
}

static bool give_name(const struct new_file *f)
{
    if (f->replace)
        return rename(f->temporary, f->path) == 0;
    if (renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->path, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS) /* not every file system can do that in one step */
        return false;
    if (access(f->path, F_OK) == 0) {
        errno = EEXIST;
        return false;
    }
    return rename(f->temporary, f->path) == 0;
}

/* Not every file system lets a directory be synced; those that answer EINVAL need no such thing. */
static bool sync_name(const struct new_file *f)
{
    const char *slash = strrchr(f->path, '/');
    char *dir = slash == NULL ? strdup(".") : strndup(f->path, slash == f->path ? 1 : (size_t)(slash - f->path));
    int fd = dir != NULL ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
    int error = errno;

    if (fd >= 0)
        close(fd);
    free(dir);
    errno = error;
    return ok;
}

int new_file_commit(struct new_file *f)
{
    int code = EXIT_OK;

    if (attendant_there()) {
        code = attendant_ask(ATTENDANT_NAME_FILE);
        f->created = false;
    } else if (give_name(f)) {
        f->created = false;
        output_doom(NULL);
        if (f->durable && !sync_name(f))
            code = new_file_failed(f->name, errno);
    } else {
        code = new_file_failed(f->name, errno);
    }
    new_file_drop(f, false);
    return code;
}

void new_file_drop(struct new_file *f, bool keep)
{
    if (f->created && f->temporary != NULL) {
        if (attendant_there()) {
            if (keep)
                (void)attendant_ask(ATTENDANT_KEEP_FILE);
        } else if (keep)
            message("what was written so far is in %s", f->temporary);
        else
            (void)unlink(f->temporary);
        output_doom(NULL);
    }
    free(f->temporary);
    free(f->path);
    *f = (struct new_file){.name = f->name};
}
