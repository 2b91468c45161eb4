/* SPDX-License-Identifier: MIT */
/*
 * A source over another one that fails on demand: the n-th read, every read from the n-th on, reads that touch a
 * range of bytes, or the questions for holes. It lives where the test puts it; closing does nothing, the base stays the
 * test's.
 */
#ifndef VHDXRAY_TESTS_FAULTY_H
#define VHDXRAY_TESTS_FAULTY_H

#include <errno.h>

#include "base/arena.h"
#include "io/source.h"

struct faulty {
    struct source source;
    struct source *base;
    uint64_t fail_read; /* number of the first read that fails, from 1; 0: none */
    bool sticky;        /* all later ones as well */
    uint64_t bad_off, bad_len;
    uint64_t reads;          /* so far */
    enum status read_status; /* of a read that fails; STATUS_OK stands for STATUS_IO */
    struct arena *arena;     /* NULL: none; when a read fails, an allocation behind it does as well: ... */
    uint64_t fail_next;      /* ... the first, the second ... */
    uint64_t questions;      /* for data and holes, so far */
    enum status hole_status; /* of every question for data and holes; STATUS_OK: the base answers */
};

static inline enum status faulty_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    struct faulty *f = (struct faulty *)s;
    f->reads++;
    bool bad = f->fail_read != 0 && (f->sticky ? f->reads >= f->fail_read : f->reads == f->fail_read);
    if (!bad && off < f->bad_off + f->bad_len && f->bad_off < off + len)
        bad = true;
    if (bad && f->arena != NULL)
        arena_fail_at(f->arena, f->fail_next, false);
    if (bad && f->read_status != STATUS_OK)
        return f->read_status;
    if (bad) {
        s->error_off = off;
        s->error_errno = EIO;
        return STATUS_IO;
    }
    return source_read(f->base, off, buf, len);
}

static inline enum status faulty_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    struct faulty *f = (struct faulty *)s;
    f->questions++;
    return f->hole_status != STATUS_OK ? f->hole_status : source_next_data(f->base, off, ret_data, ret_hole);
}

static inline void faulty_close(struct source *s)
{
    (void)s;
}

static inline struct source *faulty_over(struct faulty *f, struct source *base)
{
    static const struct source_ops ops = {.read = faulty_read, .next_data = faulty_next_data, .close = faulty_close};
    *f = (struct faulty){.source = {.ops = &ops, .size = base->size}, .base = base};
    return &f->source;
}

#endif
