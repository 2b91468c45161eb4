/* SPDX-License-Identifier: MIT */
/*
 * Where `export` writes. The size of a file is set first, so that a file system that cannot hold it says so at once,
 * and zeros are just not written: not those that the image has no blocks for, nor those inside blocks, in pieces that
 * file systems allocate. Where the file system can (XFS, Btrfs, ...), and the image lies there as well, nothing is
 * written at all: blocks are shared with the image, in a moment and without taking space, zeros inside blocks as well.
 */
#include "cli/raw_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/span.h"
#include "cli/cli.h"
#include "io/copy.h"
#include "io/host.h"

enum {
    SPARSE_UNIT = 4096,      /* zeros of this size and alignment are left out; no file system allocates less */
    ZERO_CHUNK = 256 * 1024, /* zeros written at a time to standard output */
    SHARED_LEAST = 1 << 20,  /* less in one piece is written: a file in many small pieces is slow to read */
};

static int open_stdout(struct raw_output *out)
{
    if (isatty(STDOUT_FILENO)) {
        message("standard output is a terminal, and a disk is no text: send it to a file or a pipe");
        return EXIT_USAGE;
    }
    out->fd = STDOUT_FILENO;
    return EXIT_OK;
}

int raw_output_failed(const struct raw_output *out, int error)
{
    return new_file_failed(out->to_stdout ? "standard output" : out->file.name, error);
}

int raw_output_open(struct raw_output *out, const char *path, bool replace)
{
    *out = (struct raw_output){.fd = -1, .to_stdout = strcmp(path, "-") == 0};
    if (out->to_stdout)
        return open_stdout(out);
    int code = new_file_begin(&out->file, path, replace, "vhdxray export FILE - writes to standard output");
    if (code != EXIT_OK)
        return code;
    out->fd = open(out->file.temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (out->fd < 0) {
        code = raw_output_failed(out, errno);
        raw_output_abandon(out, false);
        return code;
    }
    new_file_created(&out->file);
    return EXIT_OK;
}

int raw_output_resize(struct raw_output *out, uint64_t size)
{
    if (out->to_stdout)
        return EXIT_OK;
    if (size > INT64_MAX || ftruncate(out->fd, (off_t)size) != 0) {
        int code = raw_output_failed(out, size > INT64_MAX ? EFBIG : errno);
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

/* End of the unit of the file that `at` lies in. */
static size_t unit_end(uint64_t off, size_t at, size_t len)
{
    return (size_t)u64_min(len, at + (SPARSE_UNIT - (off + at) % SPARSE_UNIT));
}

static bool write_part(struct raw_output *out, uint64_t off, const uint8_t *bytes, size_t len)
{
    out->written += len;
    if (out->behind == NULL)
        return host_write(out->fd, bytes, len, off, NULL);
    errno = behind_write(out->behind, out->fd, bytes, len, off);
    return errno == 0;
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
        if (!write_part(out, off + at, bytes + at, end - at))
            return false;
        at = end;
    }
    return true;
}

uint8_t *raw_output_buffer(struct raw_output *out)
{
    return out->behind != NULL && !out->to_stdout ? behind_buffer(out->behind) : NULL;
}

bool raw_output_flush(struct raw_output *out)
{
    if (out->behind != NULL)
        errno = behind_flush(out->behind);
    return out->behind == NULL || errno == 0;
}

bool raw_output_data(struct raw_output *out, uint64_t off, const uint8_t *bytes, uint64_t len)
{
    if (!out->to_stdout)
        return write_sparse(out, off, bytes, (size_t)len);
    out->written += len;
    return write_all(out->fd, bytes, (size_t)len);
}

bool raw_output_zeros(struct raw_output *out, uint64_t len)
{
    static const uint8_t zeros[ZERO_CHUNK];

    if (!out->to_stdout)
        return true;
    for (; len > 0; len -= u64_min(len, sizeof(zeros))) {
        if (!write_all(out->fd, zeros, (size_t)u64_min(len, sizeof(zeros))))
            return false;
    }
    return true;
}

uint64_t raw_output_share(struct raw_output *out, uint64_t off, const struct source *from, uint64_t from_off,
                          uint64_t len)
{
    uint64_t whole = len - len % SPARSE_UNIT;

    if (out->to_stdout || out->cannot_share || whole < SHARED_LEAST || (off | from_off) % SPARSE_UNIT != 0)
        return 0;
    out->cannot_share = !host_share(out->fd, off, from, from_off, whole);
    if (out->cannot_share)
        return 0;
    out->shared += whole;
    return whole;
}

int raw_output_commit(struct raw_output *out)
{
    int fd = out->fd;

    out->fd = -1;
    if (out->to_stdout)
        return EXIT_OK;
    if (close(fd) == 0)
        return new_file_commit(&out->file);
    int code = raw_output_failed(out, errno); /* some file systems tell only at close that there was no room */
    new_file_drop(&out->file, false);
    return code;
}

void raw_output_abandon(struct raw_output *out, bool keep)
{
    if (!out->to_stdout && out->fd >= 0) {
        (void)raw_output_flush(out); /* nobody may write to a descriptor that is another's by then */
        close(out->fd);
    }
    out->fd = -1;
    new_file_drop(&out->file, keep);
}
