/* SPDX-License-Identifier: MIT */
/* Host files seen from outside: their kind, their identity, and sentences about what went wrong with them. */
#include "io/host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"

enum {
    MESSAGE_NAME_MOST = 160,           /* bytes of a file name in a message */
    MESSAGE_ARENA = 16 * 6 * PATH_MAX, /* an escaped name doubles its buffer until it fits */
    TRANSFER_MOST = 1 << 30,           /* Linux transfers less than 2 GiB per call */
};

void host_say(char *message, size_t size, const char *name, const char *what)
{
    struct arena *a = arena_create(MESSAGE_ARENA);
    const char *shown = a != NULL ? text_printable(a, name, strlen(name)) : "";
    size_t len = strlen(shown);
    const char *cut = "";

    if (len > MESSAGE_NAME_MOST) {
        shown += len - MESSAGE_NAME_MOST;
        while (((unsigned char)*shown & 0xc0) == 0x80) /* not inside a UTF-8 sequence */
            shown++;
        cut = "...";
    }
    snprintf(message, size, "%s%s: %s", cut, *shown != '\0' ? shown : "file", what);
    arena_destroy(a);
}

void host_say_errno(char *message, size_t size, const char *name, const char *prefix, int error)
{
    char buf[128];
    char what[256];
    const char *words = strerror_r(error, buf, sizeof(buf));

    snprintf(what, sizeof(what), "%s%c%s", prefix, tolower((unsigned char)words[0]), words + 1);
    host_say(message, size, name, what);
}

enum status host_status(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return STATUS_NOT_FOUND;
    case ENOMEM:
        return STATUS_NO_MEMORY;
    default:
        return STATUS_IO;
    }
}

const char *host_unsuitable(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
    case S_IFBLK:
        return NULL;
    case S_IFDIR:
        return "is a directory, not a disk image";
    case S_IFIFO:
        return "is a named pipe, not a disk image";
    case S_IFSOCK:
        return "is a socket, not a disk image";
    case S_IFCHR:
        return "is a character device, not a disk image";
    case S_IFLNK:
        return "is a symbolic link, and those are not followed here";
    default:
        return "is neither a regular file nor a block device";
    }
}

bool host_describe(int fd, struct file_info *ret)
{
    struct stat st = {.st_size = 0};
    off_t size;

    if (fstat(fd, &st) != 0)
        return false;
    size = st.st_size;
    if (S_ISBLK(st.st_mode)) {
        size = lseek(fd, 0, SEEK_END);
        if (size < 0)
            return false;
    }
    if (size < 0) {
        errno = EOVERFLOW;
        return false;
    }
    ret->kind = S_ISBLK(st.st_mode) ? FILE_KIND_BLOCK : FILE_KIND_REGULAR;
    ret->device = st.st_dev;
    ret->inode = st.st_ino;
    ret->size = (uint64_t)size;
    ret->allocated_bytes = S_ISBLK(st.st_mode) ? ret->size : (uint64_t)st.st_blocks * 512;
    ret->mtime_sec = st.st_mtim.tv_sec;
    ret->mtime_nsec = st.st_mtim.tv_nsec;
    return true;
}

bool host_read(int fd, void *buf, size_t len, uint64_t off, size_t *ret_done)
{
    uint8_t *to = (uint8_t *)buf;
    size_t done = 0;

    while (done < len) {
        size_t most = len - done < TRANSFER_MOST ? len - done : TRANSFER_MOST;
        ssize_t n = pread(fd, to + done, most, (off_t)(off + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = 0;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (ret_done != NULL)
        *ret_done = done;
    return done == len;
}

bool host_write(int fd, const void *buf, size_t len, uint64_t off, size_t *ret_done)
{
    const uint8_t *from = (const uint8_t *)buf;
    size_t done = 0;

    while (done < len) {
        size_t most = len - done < TRANSFER_MOST ? len - done : TRANSFER_MOST;
        ssize_t n = pwrite(fd, from + done, most, (off_t)(off + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (ret_done != NULL)
        *ret_done = done;
    return done == len;
}

int host_open_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (dir == NULL) {
        errno = ENOMEM;
        return -1;
    }
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = errno;
    free(dir);
    errno = error;
    return fd;
}
