/* SPDX-License-Identifier: MIT */
/*
 * Where `export` writes. A name that is there is a whole image: the file is made beside it and renamed at the end,
 * never over an existing one unless asked, and an interrupted export leaves nothing. Its size is set first, so that a
 * file system that cannot hold such a file says so at once, and zeros are just not written: not those that the image
 * has no blocks for, nor those inside blocks, in pieces that file systems allocate.
 */
#include "cli/raw_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/span.h"
#include "cli/cli.h"

enum {
    SPARSE_UNIT = 4096,      /* zeros of this size and alignment are left out; no file system allocates less */
    ZERO_CHUNK = 256 * 1024, /* zeros written at a time to standard output */
};

int raw_output_failed(const struct raw_output *out, int error)
{
    message("cannot write %s: %s", out->name, error_text(error));
    return EXIT_IMPOSSIBLE;
}

static int open_stdout(struct raw_output *out)
{
    if (isatty(STDOUT_FILENO)) {
        message("standard output is a terminal, and a disk is no text: send it to a file or a pipe");
        return EXIT_USAGE;
    }
    out->name = "standard output";
    out->fd = STDOUT_FILENO;
    return EXIT_OK;
}

/* Where the file will be: behind a symbolic link, as with other programs. NULL after a message. */
static char *target_of(const struct raw_output *out, const char *path, int *ret_code)
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
        message("cannot write %s: %s", path,
                S_ISDIR(st.st_mode) ? "is a directory"
                                    : "is not a regular file; vhdxray export FILE - writes to standard output");
        return NULL;
    } else if (!out->replace) {
        message("%s exists; --force replaces it", path);
        return NULL;
    } else {
        target = realpath(path, NULL);
    }
    if (target == NULL) {
        *ret_code = errno == ENOMEM ? EXIT_LIMIT : EXIT_IMPOSSIBLE;
        message("cannot write %s: %s", path, error_text(errno));
    }
    return target;
}

int raw_output_open(struct raw_output *out, const char *path, uint64_t size, bool replace)
{
    int code = EXIT_OK;

    *out = (struct raw_output){.name = path, .fd = -1, .replace = replace};
    if (strcmp(path, "-") == 0)
        return open_stdout(out);
    out->path = target_of(out, path, &code);
    if (out->path == NULL)
        return code;
    if (asprintf(&out->temporary, "%s.%ld.partial", out->path, (long)getpid()) < 0) {
        out->temporary = NULL;
        message("out of memory");
        raw_output_abandon(out, false);
        return EXIT_LIMIT;
    }
    out->fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (out->fd < 0) {
        code = raw_output_failed(out, errno);
        free(out->temporary);
        out->temporary = NULL;
        raw_output_abandon(out, false);
        return code;
    }
    output_doom(out->temporary);
    if (size > INT64_MAX || ftruncate(out->fd, (off_t)size) != 0) {
        code = raw_output_failed(out, size > INT64_MAX ? EFBIG : errno);
        raw_output_abandon(out, false);
        return code;
    }
    return EXIT_OK;
}

static bool write_all(int fd, const uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static bool write_all_at(int fd, const uint8_t *p, size_t len, uint64_t off)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, p, len, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
        off += (uint64_t)n;
    }
    return true;
}

/* End of the unit of the file that `at` lies in. */
static size_t unit_end(uint64_t off, size_t at, size_t len)
{
    return (size_t)u64_min(len, at + (SPARSE_UNIT - (off + at) % SPARSE_UNIT));
}

/* Units that hold anything, as many as follow each other at once. */
static bool write_sparse(struct raw_output *out, uint64_t off, const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t end = unit_end(off, at, len);
        if (span_is_zero(span_of(bytes + at, end - at))) {
            at = end;
            continue;
        }
        while (end < len) {
            size_t next = unit_end(off, end, len);
            if (span_is_zero(span_of(bytes + end, next - end)))
                break;
            end = next;
        }
        if (!write_all_at(out->fd, bytes + at, end - at, off + at))
            return false;
        out->written += end - at;
        at = end;
    }
    return true;
}

bool raw_output_data(struct raw_output *out, uint64_t off, const uint8_t *bytes, uint64_t len)
{
    if (out->path != NULL)
        return write_sparse(out, off, bytes, (size_t)len);
    out->written += len;
    return write_all(out->fd, bytes, (size_t)len);
}

bool raw_output_zeros(struct raw_output *out, uint64_t len)
{
    static const uint8_t zeros[ZERO_CHUNK];

    if (out->path != NULL)
        return true;
    for (; len > 0; len -= u64_min(len, sizeof(zeros))) {
        if (!write_all(out->fd, zeros, (size_t)u64_min(len, sizeof(zeros))))
            return false;
    }
    return true;
}

static bool give_name(const struct raw_output *out)
{
    if (out->replace)
        return rename(out->temporary, out->path) == 0;
    if (renameat2(AT_FDCWD, out->temporary, AT_FDCWD, out->path, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS) /* not every file system can do that in one step */
        return false;
    if (access(out->path, F_OK) == 0) {
        errno = EEXIST;
        return false;
    }
    return rename(out->temporary, out->path) == 0;
}

int raw_output_commit(struct raw_output *out)
{
    int code = EXIT_OK;

    if (out->path != NULL) {
        int fd = out->fd;
        out->fd = -1;
        /* Some file systems tell only at close that there was no room. */
        if (close(fd) != 0 || !give_name(out)) {
            code = raw_output_failed(out, errno);
        } else {
            output_doom(NULL);
            free(out->temporary);
            out->temporary = NULL;
        }
    }
    raw_output_abandon(out, false);
    return code;
}

void raw_output_abandon(struct raw_output *out, bool keep)
{
    if (out->path != NULL && out->fd >= 0)
        close(out->fd);
    out->fd = -1;
    if (out->temporary != NULL) {
        if (keep)
            message("what was written so far is in %s", out->temporary);
        else
            (void)unlink(out->temporary);
        output_doom(NULL);
        free(out->temporary);
        out->temporary = NULL;
    }
    free(out->path);
    out->path = NULL;
}
