/* SPDX-License-Identifier: MIT */
/*
 * Names are made of numbers and words of ours, so that no image chooses one, and are looked up in the opened folder
 * only. A file is made under a temporary name and linked to its own when it is whole: that fails when the name is
 * taken, whoever took it.
 */
#include "cli/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "cli/raw_output.h"

enum { PAGE = 4096 };

static int failed(const struct extract *e, const char *name, int error)
{
    message("cannot write %s/%s: %s", e->dir, name, error_text(error));
    return EXIT_IMPOSSIBLE;
}

int extract_open(struct extract *e, const char *dir)
{
    *e = (struct extract){.dir = dir, .fd = -1};
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        message("--extract %s: %s", dir, error_text(errno));
        return EXIT_IMPOSSIBLE;
    }
    e->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (e->fd < 0) {
        message("--extract %s: %s", dir, error_text(errno));
        return EXIT_IMPOSSIBLE;
    }
    e->buf = (uint8_t *)malloc(EXTRACT_BUFFER);
    if (e->buf == NULL) {
        message("out of memory");
        extract_close(e);
        return EXIT_LIMIT;
    }
    return EXIT_OK;
}

void extract_close(struct extract *e)
{
    if (e->fd >= 0)
        close(e->fd);
    free(e->buf);
    e->fd = -1;
    e->buf = NULL;
}

static void name_of(const struct carve_item *item, char name[EXTRACT_NAME_SIZE])
{
    if (item->kind == CARVE_LOG_PAGE)
        (void)snprintf(name, EXTRACT_NAME_SIZE, "0x%012" PRIx64 "-log_page-for-0x%012" PRIx64 ".bin", item->off,
                       item->u.log_page->target);
    else
        (void)snprintf(name, EXTRACT_NAME_SIZE, "0x%012" PRIx64 "-%s.bin", item->off, carve_kind_name(item->kind));
}

/* What the host cannot read of [off, off + len) becomes zeros, a page at a time. */
static enum status read_item(struct extract *e, const struct carve *c, const struct carve_item *item, uint64_t off,
                             size_t len)
{
    enum status st = carve_item_read(c, item, off, e->buf, len);
    if (st != STATUS_IO)
        return st;
    for (size_t at = 0; at < len; at += PAGE) {
        size_t n = (size_t)u64_min(PAGE, len - at);
        st = carve_item_read(c, item, off + at, e->buf + at, n);
        if (st == STATUS_IO) {
            memset(e->buf + at, 0, n);
            e->zeros += n;
        } else if (st != STATUS_OK) {
            return st;
        }
    }
    return STATUS_OK;
}

/* STATUS_REFUSED: it could not be written, errno says why. */
static enum status copy(struct extract *e, const struct carve *c, const struct carve_item *item, int fd)
{
    struct raw_output out = {.fd = fd};
    uint64_t off = 0;

    while (off < item->len) {
        uint64_t data, end;
        enum status st = carve_item_next_data(c, item, off, &data, &end);
        if (st != STATUS_OK)
            return st;
        if (!progress_step(e->progress, data - off))
            return STATUS_LIMIT;
        for (off = data; off < end;) {
            size_t n = (size_t)u64_min(EXTRACT_BUFFER - off % EXTRACT_BUFFER, end - off);
            st = read_item(e, c, item, off, n);
            if (st != STATUS_OK)
                return st;
            if (!raw_output_data(&out, off, e->buf, n))
                return STATUS_REFUSED;
            off += n;
            if (!progress_step(e->progress, n))
                return STATUS_LIMIT;
        }
    }
    e->bytes += item->len;
    return STATUS_OK;
}

/* Not over another file, whoever made it meanwhile. False: errno says why. */
static bool give_name(const struct extract *e, const char *temporary, const char *name)
{
    if (renameat2(e->fd, temporary, e->fd, name, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS) /* not every file system can do that in one step, but then it can link */
        return false;
    if (linkat(e->fd, temporary, e->fd, name, 0) != 0)
        return false;
    (void)unlinkat(e->fd, temporary, 0);
    return true;
}

static int write_item(struct extract *e, const struct carve *c, const struct carve_item *item, const char *temporary,
                      const char *name)
{
    int fd = openat(e->fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return failed(e, name, errno);
    int code = EXIT_OK;
    enum status st = STATUS_REFUSED;
    if (ftruncate(fd, (off_t)item->len) == 0)
        st = copy(e, c, item, fd);
    if (st == STATUS_REFUSED)
        code = failed(e, name, errno);
    /* Some file systems tell only at close that there was no room. */
    bool closed = close(fd) == 0;
    if (st == STATUS_OK && (!closed || !give_name(e, temporary, name))) {
        code = failed(e, name, errno);
    } else if (st != STATUS_OK && st != STATUS_REFUSED) {
        message("%s/%s: %s", e->dir, name, st == STATUS_LIMIT ? "not written: a limit was reached" : status_text(st));
        code = exit_of_status(st);
    }
    if (code != EXIT_OK)
        (void)unlinkat(e->fd, temporary, 0);
    return code;
}

int extract_item(struct extract *e, const struct carve *c, const struct carve_item *item, char name[EXTRACT_NAME_SIZE])
{
    char temporary[EXTRACT_NAME_SIZE + 32];

    name[0] = '\0';
    if (item->len == 0)
        return EXIT_OK;
    name_of(item, name);
    (void)snprintf(temporary, sizeof(temporary), "%s.%ld.partial", name, (long)getpid());
    output_doom_at(e->fd, temporary);
    int code = write_item(e, c, item, temporary, name);
    output_doom(NULL);
    if (code == EXIT_OK)
        e->files++;
    else
        name[0] = '\0';
    return code;
}
