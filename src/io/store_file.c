/* SPDX-License-Identifier: MIT */
/*
 * Host files that are changed. While one is open it is locked, so two programs never change an image at once: an open
 * file description lock over the whole file meets those of QEMU (which locks single bytes) and of other copies of ours,
 * flock meets programs that use only that. A lock that is taken is a refusal, never a wait.
 *
 * A failed sync is final. The host may have dropped the pages it could not write, and the next fsync would then succeed
 * without them; so from then on every sync of the store fails.
 *
 * The sync of a file that did not exist before includes its directory: else a power loss could take the name away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "io/host.h"
#include "io/store.h"

enum { ZERO_BUFFER = 64 * 1024 };

struct file_store {
    struct store store;
    int fd;
    int dir_fd;     /* of a new file whose name is not durable yet, else -1 */
    int sync_errno; /* of the first sync that failed; 0: none did */
    bool no_punch;  /* the file system cannot make holes */
};

static struct file_store *of(struct store *s)
{
    return (struct file_store *)s;
}

static enum status failed(struct store *s, uint64_t off, int error)
{
    s->error_off = off;
    s->error_errno = error;
    return STATUS_IO;
}

static void grown_to(struct store *s, uint64_t end)
{
    if (end > s->source->size)
        s->source->size = end;
}

static enum status file_write(struct store *s, uint64_t off, const void *buf, size_t len)
{
    size_t done = 0;
    bool ok = host_write(of(s)->fd, buf, len, off, &done);
    int error = errno;

    grown_to(s, off + done);
    return ok ? STATUS_OK : failed(s, off + done, error);
}

/* Writes zeros over what is not a hole already. */
static enum status overwrite(struct store *s, uint64_t off, uint64_t len)
{
    static const uint8_t zeros[ZERO_BUFFER];
    uint64_t end = off + len;

    while (off < end) {
        uint64_t data = end, hole = end;
        enum status st = source_next_data(s->source, off, &data, &hole);
        if (st != STATUS_OK)
            return st;
        for (off = data; off < hole && off < end;) {
            size_t n = (size_t)u64_min(ZERO_BUFFER, u64_min(hole, end) - off);
            st = file_write(s, off, zeros, n);
            if (st != STATUS_OK)
                return st;
            off += n;
        }
    }
    return STATUS_OK;
}

static enum status file_zero(struct store *s, uint64_t off, uint64_t len)
{
    struct file_store *f = of(s);

    while (!f->no_punch) {
        if (fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) == 0)
            return STATUS_OK;
        if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL || errno == EPERM)
            f->no_punch = true;
        else if (errno != EINTR)
            return failed(s, off, errno);
    }
    return overwrite(s, off, len);
}

static enum status file_resize(struct store *s, uint64_t size)
{
    while (ftruncate(of(s)->fd, (off_t)size) != 0) {
        if (errno != EINTR)
            return failed(s, size, errno);
    }
    s->source->size = size;
    return STATUS_OK;
}

static enum status file_sync(struct store *s)
{
    struct file_store *f = of(s);

    if (f->sync_errno == 0 && fdatasync(f->fd) != 0)
        f->sync_errno = errno;
    /* Not every file system lets a directory be synced; those that answer EINVAL need no such thing. */
    if (f->sync_errno == 0 && f->dir_fd >= 0) {
        if (fsync(f->dir_fd) != 0 && errno != EINVAL)
            f->sync_errno = errno;
        close(f->dir_fd);
        f->dir_fd = -1;
    }
    return f->sync_errno == 0 ? STATUS_OK : failed(s, 0, f->sync_errno);
}

static void file_close(struct store *s)
{
    struct file_store *f = of(s);

    source_close(s->source);
    if (f->dir_fd >= 0)
        close(f->dir_fd);
    close(f->fd); /* the locks go with it */
    free(f);
}

static const struct store_ops file_ops = {
    .write = file_write,
    .zero = file_zero,
    .resize = file_resize,
    .sync = file_sync,
    .close = file_close,
};

int host_store_fd(const struct store *s)
{
    return s->ops == &file_ops ? ((const struct file_store *)s)->fd : -1;
}

static bool cannot_lock(int error)
{
    return error == ENOLCK || error == EOPNOTSUPP || error == EINVAL || error == ENOSYS || error == EBADF;
}

/* One of the two kinds is enough: not every file system has both. 0, EWOULDBLOCK when it is taken, or another errno. */
static int lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int error = fcntl(fd, F_OFD_SETLK, &whole) == 0 ? 0 : errno;
    int flock_error = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;

    if (error == EACCES || error == EAGAIN || flock_error == EWOULDBLOCK)
        return EWOULDBLOCK;
    if (error != 0 && !cannot_lock(error))
        return error;
    if (flock_error != 0 && !cannot_lock(flock_error))
        return flock_error;
    return error != 0 ? flock_error : 0;
}

/* Looks before it opens, like file_open(): opening a device or a FIFO can already do something. -1 after a message. */
static int open_existing(const char *path, enum status *ret_status, char *message, size_t message_size)
{
    struct stat st = {.st_size = 0};
    const char *problem = NULL;
    int fd = -1;

    if (fstatat(AT_FDCWD, path, &st, 0) != 0)
        goto host_error;
    problem = host_unsuitable(st.st_mode);
    if (problem == NULL) {
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) != 0)
            goto host_error;
        problem = host_unsuitable(st.st_mode); /* the path may have changed in between */
    }
    /* Whoever may do everything can write it all the same; but somebody wanted it to stay as it is. */
    if (problem == NULL && (st.st_mode & 0222) == 0)
        problem = "is marked read-only (nobody has write permission)";
    if (problem == NULL)
        return fd;
    host_say(message, message_size, path, problem);
    *ret_status = STATUS_REFUSED;
    if (fd >= 0)
        close(fd);
    return -1;

host_error:;
    int error = errno;
    if (fd >= 0)
        close(fd);
    host_say_errno(message, message_size, path, "cannot be opened for writing: ", error);
    *ret_status = host_status(error);
    return -1;
}

static int open_new(const char *path, int *ret_dir_fd, enum status *ret_status, char *message, size_t message_size)
{
    int dir_fd = host_open_directory_of(path);
    int fd = dir_fd < 0 ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);

    if (fd >= 0) {
        *ret_dir_fd = dir_fd;
        return fd;
    }
    int error = errno;
    if (dir_fd >= 0)
        close(dir_fd);
    if (error == EEXIST) {
        host_say(message, message_size, path, "exists already");
        *ret_status = STATUS_REFUSED;
    } else {
        host_say_errno(message, message_size, path, "cannot be created: ", error);
        *ret_status = host_status(error);
    }
    return -1;
}

static enum status wrap(int fd, int dir_fd, const char *path, struct store **ret, struct file_info *ret_info,
                        char *message, size_t message_size)
{
    int error = lock(fd);

    if (error == EWOULDBLOCK) {
        host_say(message, message_size, path, "is in use: another program has it open and locked");
        return STATUS_REFUSED;
    }
    if (error != 0) {
        host_say_errno(message, message_size, path, "cannot be locked: ", error);
        return STATUS_IO;
    }
    struct file_store *f = (struct file_store *)calloc(1, sizeof(*f));
    if (f == NULL) {
        host_say(message, message_size, path, "out of memory");
        return STATUS_NO_MEMORY;
    }
    enum status st = file_from_fd(fd, path, &f->store.source, ret_info, message, message_size);
    if (st != STATUS_OK) {
        free(f);
        return st;
    }
    f->store.ops = &file_ops;
    f->fd = fd;
    f->dir_fd = dir_fd;
    *ret = &f->store;
    return STATUS_OK;
}

enum status store_open_file(const char *path, enum store_open how, struct store **ret, struct file_info *ret_info,
                            char *message, size_t message_size)
{
    enum status st = STATUS_INTERNAL;
    struct stat link = {.st_size = 0};
    int dir_fd = -1;
    int fd = how == STORE_NEW ? open_new(path, &dir_fd, &st, message, message_size)
                              : open_existing(path, &st, message, message_size);

    if (fd < 0)
        return st;
    st = wrap(fd, dir_fd, path, ret, ret_info, message, message_size);
    if (st == STATUS_OK) {
        ret_info->symlink = lstat(path, &link) == 0 && S_ISLNK(link.st_mode);
        return STATUS_OK;
    }
    if (how == STORE_NEW)
        unlink(path);
    if (dir_fd >= 0)
        close(dir_fd);
    close(fd);
    return st;
}
