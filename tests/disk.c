/* SPDX-License-Identifier: MIT */
/* See disk.h. Pages come from one pool that is given back in one step, so a state costs the pages it changes. */
#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/span.h"

/* ---- pages ---- */

static const uint64_t POOL_SIZE = (uint64_t)2 << 30; /* of address space; only what is used takes memory */
static uint8_t *pool;
static uint64_t pool_used;

static uint8_t *pool_page(void)
{
    if (pool == NULL)
        pool = (uint8_t *)malloc(POOL_SIZE);
    if (pool == NULL || POOL_SIZE - pool_used < DISK_PAGE) {
        (void)fprintf(stderr, "disk: out of pages\n");
        abort();
    }
    uint8_t *p = pool + pool_used;
    pool_used += DISK_PAGE;
    return p;
}

uint64_t pool_mark(void)
{
    return pool_used;
}

void pool_release(uint64_t mark)
{
    pool_used = mark;
}

void disk_copy(struct disk *to, const struct disk *from)
{
    uint64_t pages = u64_div_up(from->size, DISK_PAGE);

    memcpy(to->pages, from->pages, pages * sizeof(to->pages[0]));
    memset(&to->pages[pages], 0, (DISK_PAGES - pages) * sizeof(to->pages[0]));
    to->size = from->size;
    to->own_from = pool_used;
}

static uint8_t *own_page(struct disk *d, uint64_t i)
{
    const uint8_t *p = d->pages[i];

    if (p == NULL || p < pool + d->own_from) {
        uint8_t *own = pool_page();
        if (p != NULL)
            memcpy(own, p, DISK_PAGE);
        else
            memset(own, 0, DISK_PAGE);
        d->pages[i] = own;
    }
    return pool + (d->pages[i] - pool);
}

void disk_read(const struct disk *d, uint64_t off, uint8_t *buf, size_t len)
{
    while (len > 0) {
        size_t in = (size_t)(off % DISK_PAGE), n = (size_t)u64_min(len, DISK_PAGE - in);
        const uint8_t *p = d->pages[off / DISK_PAGE];
        if (p != NULL)
            memcpy(buf, p + in, n);
        else
            memset(buf, 0, n);
        buf += n;
        off += n;
        len -= n;
    }
}

void disk_write(struct disk *d, uint64_t off, const uint8_t *buf, size_t len)
{
    if (off + len > (uint64_t)DISK_PAGES * DISK_PAGE) {
        (void)fprintf(stderr, "disk: it grows too large\n");
        abort();
    }
    d->size = u64_max(d->size, off + len);
    while (len > 0) {
        size_t in = (size_t)(off % DISK_PAGE), n = (size_t)u64_min(len, DISK_PAGE - in);
        if (buf != NULL)
            memcpy(own_page(d, off / DISK_PAGE) + in, buf, n);
        else if (n == DISK_PAGE)
            d->pages[off / DISK_PAGE] = NULL;
        else if (d->pages[off / DISK_PAGE] != NULL)
            memset(own_page(d, off / DISK_PAGE) + in, 0, n);
        buf = buf != NULL ? buf + n : NULL;
        off += n;
        len -= n;
    }
}

void disk_resize(struct disk *d, uint64_t size)
{
    if (size < d->size)
        disk_write(d, size, NULL, (size_t)(d->size - size));
    else if (size > d->size)
        disk_write(d, size - 1, NULL, 1);
    d->size = size;
}

bool disk_load(struct disk *d, struct source *from)
{
    uint8_t page[DISK_PAGE];

    if (from->size > (uint64_t)DISK_PAGES * DISK_PAGE)
        return false;
    memset(d, 0, sizeof(*d));
    d->own_from = pool_used;
    for (uint64_t off = 0; off < from->size;) {
        uint64_t data = 0, hole = 0;
        if (source_next_data(from, off, &data, &hole) != STATUS_OK)
            return false;
        for (off = data; off < hole;) {
            size_t n = (size_t)u64_min(DISK_PAGE - off % DISK_PAGE, hole - off);
            if (source_read(from, off, page, n) != STATUS_OK)
                return false;
            if (!span_is_zero(span_of(page, n)))
                disk_write(d, off, page, n);
            off += n;
        }
    }
    d->size = from->size;
    return true;
}

uint64_t disk_difference(const struct disk *a, const struct disk *b)
{
    static const uint8_t zeros[DISK_PAGE];
    uint64_t size = u64_min(a->size, b->size);

    for (uint64_t i = 0; i * DISK_PAGE < size; i++) {
        if (a->pages[i] == b->pages[i])
            continue;
        const uint8_t *x = a->pages[i] != NULL ? a->pages[i] : zeros, *y = b->pages[i] != NULL ? b->pages[i] : zeros;
        size_t n = (size_t)u64_min(DISK_PAGE, size - i * DISK_PAGE);
        if (memcmp(x, y, n) == 0)
            continue;
        for (size_t k = 0; k < n; k++) {
            if (x[k] != y[k])
                return i * DISK_PAGE + k;
        }
    }
    return a->size == b->size ? UINT64_MAX : size;
}

bool disk_equal(const struct disk *a, const struct disk *b)
{
    return disk_difference(a, b) == UINT64_MAX;
}

/* ---- recordings ---- */

static void *grown(void *p, uint64_t *cap, uint64_t need, size_t size)
{
    while (*cap < need)
        *cap = *cap > 0 ? *cap * 2 : 64;
    p = reallocarray(p, (size_t)*cap, size);
    if (p == NULL)
        abort();
    return p;
}

static void record(struct recording *r, struct op op, const void *buf)
{
    if (r == NULL)
        return;
    if (r->count == r->cap)
        r->ops = (struct op *)grown(r->ops, &r->cap, r->count + 1, sizeof(op));
    if (buf != NULL) {
        if (r->room - r->used < op.len)
            r->bytes = (uint8_t *)grown(r->bytes, &r->room, r->used + op.len, 1);
        memcpy(r->bytes + r->used, buf, (size_t)op.len);
        op.data = r->used;
        r->used += op.len;
    }
    r->ops[r->count++] = op;
}

void recording_free(struct recording *r)
{
    free(r->ops);
    free(r->bytes);
    *r = (struct recording){.count = 0};
}

/* ---- stores ---- */

struct disk_file {
    struct store store;
    struct source source;
    struct disk *disk;
    struct recording *recording;
    struct disk_fault *fault;
    uint32_t index;
};

static struct disk_file *of_source(struct source *s)
{
    return (struct disk_file *)((uint8_t *)s - offsetof(struct disk_file, source));
}

static enum status file_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    disk_read(of_source(s)->disk, off, (uint8_t *)buf, len);
    return STATUS_OK;
}

static enum status file_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    const struct disk *d = of_source(s)->disk;
    uint64_t i = off / DISK_PAGE, end = u64_div_up(s->size, DISK_PAGE);

    while (i < end && d->pages[i] == NULL)
        i++;
    *ret_data = i < end ? u64_max(off, i * DISK_PAGE) : s->size;
    while (i < end && d->pages[i] != NULL)
        i++;
    *ret_hole = u64_min(i * DISK_PAGE, s->size);
    return STATUS_OK;
}

static void source_part_close(struct source *s)
{
    (void)s;
}

static bool fails(struct store *s, uint64_t off)
{
    struct disk_fault *f = ((struct disk_file *)s)->fault;

    if (f == NULL)
        return false;
    f->seen++;
    if (f->fail_at == 0 || (f->sticky ? f->seen < f->fail_at : f->seen != f->fail_at))
        return false;
    s->error_off = off;
    s->error_errno = f->error;
    return true;
}

static enum status file_write(struct store *s, uint64_t off, const void *buf, size_t len)
{
    struct disk_file *f = (struct disk_file *)s;
    bool bad = fails(s, off);

    if (bad && !f->fault->half)
        return STATUS_IO;
    if (bad)
        len /= 2;
    record(f->recording, (struct op){.kind = OP_WRITE, .store = f->index, .off = off, .len = len}, buf);
    disk_write(f->disk, off, (const uint8_t *)buf, len);
    f->source.size = f->disk->size;
    return bad ? STATUS_IO : STATUS_OK;
}

static enum status file_zero(struct store *s, uint64_t off, uint64_t len)
{
    struct disk_file *f = (struct disk_file *)s;

    if (fails(s, off))
        return STATUS_IO;
    record(f->recording, (struct op){.kind = OP_ZERO, .store = f->index, .off = off, .len = len}, NULL);
    disk_write(f->disk, off, NULL, (size_t)len);
    return STATUS_OK;
}

static enum status file_resize(struct store *s, uint64_t size)
{
    struct disk_file *f = (struct disk_file *)s;

    if (fails(s, size))
        return STATUS_IO;
    record(f->recording, (struct op){.kind = OP_RESIZE, .store = f->index, .off = size}, NULL);
    disk_resize(f->disk, size);
    f->source.size = size;
    return STATUS_OK;
}

static enum status file_sync(struct store *s)
{
    struct disk_file *f = (struct disk_file *)s;

    if (fails(s, 0))
        return STATUS_IO;
    record(f->recording, (struct op){.kind = OP_SYNC, .store = f->index}, NULL);
    return STATUS_OK;
}

static void file_close(struct store *s)
{
    free(s);
}

struct store *disk_store(struct disk *d, struct recording *recording, uint32_t index, struct disk_fault *fault)
{
    static const struct store_ops store_ops = {
        .write = file_write,
        .zero = file_zero,
        .resize = file_resize,
        .sync = file_sync,
        .close = file_close,
    };
    static const struct source_ops source_ops = {
        .read = file_read,
        .next_data = file_next_data,
        .close = source_part_close,
    };
    struct disk_file *f = (struct disk_file *)calloc(1, sizeof(*f));

    if (f == NULL)
        abort();
    f->store.ops = &store_ops;
    f->store.source = &f->source;
    f->source.ops = &source_ops;
    f->source.size = d->size;
    f->disk = d;
    f->recording = recording;
    f->fault = fault;
    f->index = index;
    return &f->store;
}
