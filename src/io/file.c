/* SPDX-License-Identifier: MIT */
/*
 * Host files. An image may be named by another, hostile image (a parent path), so opening looks at what the path is
 * before it opens it - opening a device or a FIFO can already do something or block - and once more on the open
 * descriptor, because the path may have changed in between. A pipe is copied to an unlinked temporary file first:
 * everything above needs positional reads.
 *
 * Reads are preads in a loop. A file that became shorter is STATUS_IO with errno 0, not zeros: bytes that vanished are
 * not evidence of anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/span.h"
#include "io/ahead.h"
#include "io/host.h"
#include "io/source.h"

enum {
    SPOOL_BUFFER = 64 * 1024,
    SPOOL_BLOCK = 4096, /* zero blocks of this size are not written */
};

struct file_source {
    struct source source;
    int fd;
    bool no_seek_data; /* the file system cannot tell holes: everything is data */
    struct file_info info;
    struct ahead *ahead; /* or NULL */
};

static enum status file_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    struct file_source *f = (struct file_source *)s;
    size_t done = 0;

    if (f->ahead != NULL && ahead_read(f->ahead, f->fd, s->size, off, buf, len))
        return STATUS_OK;
    if (host_read(f->fd, buf, len, off, &done))
        return STATUS_OK;
    s->error_off = off + done;
    s->error_errno = errno; /* 0: the file shrank */
    return STATUS_IO;
}

/* Whether the file still has all the bytes it had; if it does not, a hole at its end is no hole. */
static bool still_whole(const struct file_source *f)
{
    struct stat st = {.st_size = 0};

    return fstat(f->fd, &st) == 0 && (uint64_t)st.st_size >= f->source.size;
}

static enum status file_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    struct file_source *f = (struct file_source *)s;
    uint64_t data = off, hole = s->size;

    if (!f->no_seek_data) {
        off_t at = lseek(f->fd, (off_t)off, SEEK_DATA);
        if (at >= 0 && (uint64_t)at >= off) {
            data = u64_min((uint64_t)at, s->size);
            at = lseek(f->fd, (off_t)data, SEEK_HOLE);
            if (at >= 0 && (uint64_t)at > data)
                hole = u64_min((uint64_t)at, s->size);
        } else if (at < 0 && errno == ENXIO) {
            if (still_whole(f))
                data = s->size;
        } else {
            f->no_seek_data = true;
        }
    }
    *ret_data = data;
    *ret_hole = hole;
    return STATUS_OK;
}

static void file_close(struct source *s)
{
    struct file_source *f = (struct file_source *)s;

    if (f->ahead != NULL)
        ahead_forget(f->ahead, f->fd);
    close(f->fd);
    free(f);
}

static const struct source_ops file_ops = {.read = file_read, .next_data = file_next_data, .close = file_close};

/* Takes the descriptor over; closes it on failure. */
static enum status wrap(int fd, const struct file_info *info, struct source **ret)
{
    struct file_source *f = (struct file_source *)calloc(1, sizeof(*f));

    if (f == NULL) {
        close(fd);
        return STATUS_NO_MEMORY;
    }
    f->source.ops = &file_ops;
    f->source.size = info->size;
    f->fd = fd;
    f->info = *info;
    *ret = (struct source *)f;
    return STATUS_OK;
}

/* Without touching the access time where the host lets us: an examination leaves no trace. */
static int open_quietly(int dir_fd, const char *path, int flags)
{
    int fd = openat(dir_fd, path, flags | O_NOATIME, 0);

    if (fd < 0 && errno == EPERM)
        fd = openat(dir_fd, path, flags, 0);
    return fd;
}

static enum status open_common(int dir_fd, const char *path, bool follow, struct source **ret,
                               struct file_info *ret_info, char *message, size_t message_size)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW);
    struct file_info info = {.symlink = false};
    struct stat st = {.st_size = 0};
    const char *problem;
    int fd;

    if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        goto host_error;
    if (S_ISLNK(st.st_mode) && follow) {
        info.symlink = true;
        if (fstatat(dir_fd, path, &st, 0) != 0) {
            if (errno != ENOENT)
                goto host_error;
            host_say(message, message_size, path, "is a symbolic link to a missing file");
            return STATUS_NOT_FOUND;
        }
    }
    problem = host_unsuitable(st.st_mode);
    if (problem != NULL) {
        host_say(message, message_size, path, problem);
        return STATUS_REFUSED;
    }

    fd = open_quietly(dir_fd, path, flags);
    if (fd < 0)
        goto host_error;
    if (fstat(fd, &st) == 0 && (problem = host_unsuitable(st.st_mode)) != NULL) {
        host_say(message, message_size, path, problem);
        close(fd);
        return STATUS_REFUSED;
    }
    if (!host_describe(fd, &info)) {
        int error = errno;
        close(fd);
        errno = error;
        goto host_error;
    }
    if (wrap(fd, &info, ret) != STATUS_OK) {
        host_say(message, message_size, path, "out of memory");
        return STATUS_NO_MEMORY;
    }
    *ret_info = info;
    return STATUS_OK;

host_error:;
    int error = errno;
    host_say_errno(message, message_size, path, "", error);
    return host_status(error);
}

enum status file_open(const char *path, struct source **ret, struct file_info *ret_info, char *message,
                      size_t message_size)
{
    return open_common(AT_FDCWD, path, true, ret, ret_info, message, message_size);
}

enum status file_open_at(int dir_fd, const char *name, struct source **ret, struct file_info *ret_info, char *message,
                         size_t message_size)
{
    if (strchr(name, '/') != NULL) {
        host_say(message, message_size, name, "is not a plain file name");
        return STATUS_REFUSED;
    }
    return open_common(dir_fd, name, false, ret, ret_info, message, message_size);
}

enum status file_from_fd(int fd, const char *name, struct source **ret, struct file_info *ret_info, char *message,
                         size_t message_size)
{
    struct file_info info = {.symlink = false};
    struct stat st = {.st_size = 0};
    const char *problem = NULL;
    int flags = fcntl(fd, F_GETFL);
    int own = -1;

    if (flags < 0 || fstat(fd, &st) != 0)
        goto host_error;
    if ((flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH) != 0)
        problem = "is not open for reading";
    else
        problem = host_unsuitable(st.st_mode);
    if (problem != NULL) {
        host_say(message, message_size, name, problem);
        return STATUS_REFUSED;
    }
    own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0 || !host_describe(own, &info))
        goto host_error;
    if (wrap(own, &info, ret) != STATUS_OK) {
        host_say(message, message_size, name, "out of memory");
        return STATUS_NO_MEMORY;
    }
    *ret_info = info;
    return STATUS_OK;

host_error:;
    int error = errno;
    if (own >= 0)
        close(own);
    host_say_errno(message, message_size, name, "", error);
    return host_status(error);
}

/* A file without a name, gone when it is closed. -1 with errno set. */
static int temporary_file(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    char path[PATH_MAX];

    if (fd >= 0)
        return fd;
    /* Not every file system has it, and old kernels take it for something else: try the portable way. */
    int n = snprintf(path, sizeof(path), "%s/vhdxray-XXXXXX", dir);
    if ((size_t)n >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

/* Reads until buf is full or the input ends. -1 with errno set. */
static ssize_t read_full(int fd, uint8_t *buf, size_t len)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = read(fd, buf + got, len - got);
        if (n == 0)
            break;
        if (n > 0) {
            got += (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLIN};
            if (poll(&p, 1, -1) < 0 && errno != EINTR)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return (ssize_t)got;
}

/* Writes what is not zero, so that a sparse image stays sparse. */
static bool write_sparse(int fd, const uint8_t *buf, size_t len, uint64_t off)
{
    for (size_t at = 0; at < len; at += SPOOL_BLOCK) {
        size_t n = len - at < SPOOL_BLOCK ? len - at : SPOOL_BLOCK;
        if (!span_is_zero(span_of(buf + at, n)) && !host_write(fd, buf + at, n, off + at, NULL))
            return false;
    }
    return true;
}

enum status file_spool(int fd, uint64_t max_bytes, struct source **ret, struct file_info *ret_info, char *message,
                       size_t message_size)
{
    const char *dir = secure_getenv("TMPDIR");
    uint8_t *buf = NULL;
    struct file_info info = {.symlink = false};
    uint64_t size = 0;
    enum status st = STATUS_OK;

    if (dir == NULL || *dir == '\0')
        dir = "/tmp";
    int spool = temporary_file(dir);
    if (spool < 0) {
        host_say_errno(message, message_size, dir, "cannot create a temporary file: ", errno);
        return STATUS_IO;
    }
    buf = (uint8_t *)malloc(SPOOL_BUFFER);
    if (buf == NULL) {
        host_say(message, message_size, "standard input", "out of memory");
        st = STATUS_NO_MEMORY;
        goto out;
    }
    for (;;) {
        ssize_t n = read_full(fd, buf, SPOOL_BUFFER);
        if (n < 0) {
            host_say_errno(message, message_size, "standard input", "", errno);
            st = STATUS_IO;
            goto out;
        }
        if (n == 0)
            break;
        if ((uint64_t)n > max_bytes - size) {
            host_say(message, message_size, "standard input", "is larger than the limit for piped images");
            st = STATUS_LIMIT;
            goto out;
        }
        if (!write_sparse(spool, buf, (size_t)n, size)) {
            host_say_errno(message, message_size, dir, "cannot write the temporary file: ", errno);
            st = STATUS_IO;
            goto out;
        }
        size += (uint64_t)n;
    }
    if (ftruncate(spool, (off_t)size) != 0 || !host_describe(spool, &info)) {
        host_say_errno(message, message_size, dir, "cannot write the temporary file: ", errno);
        st = STATUS_IO;
        goto out;
    }
    /* The temporary file's own times and blocks say nothing about the image, and reports must not depend on them. */
    info.kind = FILE_KIND_PIPE;
    info.allocated_bytes = info.size;
    info.mtime_sec = info.mtime_nsec = 0;
    st = wrap(spool, &info, ret);
    spool = -1;
    if (st == STATUS_OK)
        *ret_info = info;
    else
        host_say(message, message_size, "standard input", "out of memory");

out:
    free(buf);
    if (spool >= 0)
        close(spool);
    return st;
}

enum status file_again(const struct source *s, struct source **ret)
{
    const struct file_source *f = (const struct file_source *)s;

    if (s->ops != &file_ops)
        return STATUS_INTERNAL;
    int own = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
    return own >= 0 ? wrap(own, &f->info, ret) : STATUS_IO;
}

enum status file_stat(struct source *s, struct file_info *ret_info)
{
    const struct file_source *f = (const struct file_source *)s;
    struct file_info info = {.symlink = false};

    if (s->ops != &file_ops)
        return STATUS_INTERNAL;
    if (f->info.kind == FILE_KIND_PIPE) {
        *ret_info = f->info; /* ours alone: nobody else can change it */
        return STATUS_OK;
    }
    if (!host_describe(f->fd, &info)) {
        s->error_off = 0;
        s->error_errno = errno;
        return STATUS_IO;
    }
    info.symlink = f->info.symlink;
    *ret_info = info;
    return STATUS_OK;
}

void file_use_ahead(struct source *s, struct ahead *a)
{
    if (s->ops == &file_ops)
        ((struct file_source *)s)->ahead = a;
}

int host_source_fd(const struct source *s)
{
    return s->ops == &file_ops ? ((const struct file_source *)s)->fd : -1;
}
