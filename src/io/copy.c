/* SPDX-License-Identifier: MIT */
/*
 * Copying a file without reading what need not be read: file systems that share extents clone it in one step; others
 * copy inside the kernel where they can; at last through a window of our own. Only data is copied, so a disk of
 * terabytes with little in it is quick.
 */
#include "io/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/checked.h"
#include "io/host.h"

enum {
    WINDOW = 1 << 20,
    RANGE_MOST = 64 << 20, /* bytes of one copy inside the kernel, so that progress and time are looked at */
};

struct copying {
    struct store *to;
    struct source *from;
    int to_fd, from_fd; /* -1: no host file */
    bool by_hand;
    uint8_t *window;
    bool (*step)(void *ctx, uint64_t bytes);
    void *ctx;
};

/* True when the kernel made the copy, in part or whole; then off and len are moved on. False: it cannot, or should not.
 */
static bool copy_in_kernel(struct copying *c, uint64_t off, uint64_t len, uint64_t *ret_done)
{
    off64_t in = (off64_t)off, out = (off64_t)off;

    if (c->by_hand || c->to_fd < 0 || c->from_fd < 0)
        return false;
    ssize_t n = copy_file_range(c->from_fd, &in, c->to_fd, &out, (size_t)u64_min(len, RANGE_MOST), 0);
    if (n <= 0 && !(n < 0 && errno == EINTR)) {
        c->by_hand = true; /* whatever it was: the next one says it in our words, or can do it */
        return false;
    }
    *ret_done = n > 0 ? (uint64_t)n : 0;
    if (off + *ret_done > c->to->source->size)
        c->to->source->size = off + *ret_done;
    return true;
}

static enum status copy_by_hand(struct copying *c, uint64_t off, uint64_t len, uint64_t *ret_done)
{
    size_t n = (size_t)u64_min(len, WINDOW);

    if (c->window == NULL)
        c->window = (uint8_t *)malloc(WINDOW);
    if (c->window == NULL)
        return STATUS_NO_MEMORY;
    enum status st = source_read(c->from, off, c->window, n);
    if (st == STATUS_OK)
        st = store_write(c->to, off, c->window, n);
    if (st == STATUS_OK)
        *ret_done = n;
    return st;
}

static enum status copy_range(struct copying *c, uint64_t off, uint64_t end)
{
    while (off < end) {
        uint64_t done = 0;
        enum status st = STATUS_OK;

        if (!copy_in_kernel(c, off, end - off, &done))
            st = copy_by_hand(c, off, end - off, &done);
        if (st == STATUS_OK && c->step != NULL && !c->step(c->ctx, done))
            st = STATUS_LIMIT;
        if (st != STATUS_OK)
            return st;
        off += done;
    }
    return STATUS_OK;
}

static enum status copy_data(struct copying *c)
{
    enum status st = STATUS_OK;

    for (uint64_t off = 0; st == STATUS_OK && off < c->from->size;) {
        uint64_t data = 0, hole = 0;
        st = source_next_data(c->from, off, &data, &hole);
        if (st == STATUS_OK)
            st = copy_range(c, data, hole);
        off = hole;
    }
    return st == STATUS_OK ? store_resize(c->to, c->from->size) : st;
}

bool host_share(int to, uint64_t to_off, const struct source *from, uint64_t off, uint64_t len)
{
    int fd = host_source_fd(from);
    struct file_clone_range range = {.src_fd = fd, .src_offset = off, .src_length = len, .dest_offset = to_off};

    return fd >= 0 && ioctl(to, FICLONERANGE, &range) == 0;
}

enum status store_copy(struct store *to, struct source *from, bool (*step)(void *ctx, uint64_t bytes), void *ctx)
{
    struct copying c = {
        .to = to,
        .from = from,
        .to_fd = host_store_fd(to),
        .from_fd = host_source_fd(from),
        .step = step,
        .ctx = ctx,
    };

    if (store_size(to) != 0)
        return STATUS_INTERNAL;
    if (c.to_fd >= 0 && c.from_fd >= 0 && ioctl(c.to_fd, FICLONE, c.from_fd) == 0) {
        /* The clone has the size the file has now; what was looked at has ours. */
        struct file_info info;
        if (!host_describe(c.to_fd, &info))
            return STATUS_IO;
        to->source->size = info.size;
        return store_resize(to, from->size);
    }
    enum status st = copy_data(&c);
    free(c.window);
    return st;
}
