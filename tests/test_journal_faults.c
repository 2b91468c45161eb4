/* SPDX-License-Identifier: MIT */
/*
 * The journal on a host that fails (repair/journal.h): whatever allocation, read, change or question for holes fails
 * while a change is applied, finished, taken back or only read, the caller hears of it, and from what is on the disk
 * then the next run gets back to the old image, byte for byte. Without a word of failure it is all done.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "disk.h"
#include "fault_sites.h"
#include "repair/journal.h"

static const uint64_t KIB = 1024, MIB = (uint64_t)1 << 20, PLENTY = (uint64_t)64 << 20;
static const uint64_t LAST = UINT32_MAX; /* an operation that never comes */

/* One transaction, and where a run begins in it. */
struct trial {
    void (*change)(struct store *stage);
    struct disk old, new;         /* the image before and after it */
    struct disk image, journal;   /* as the run finds them */
    enum journal_state state;     /* of this journal */
    struct journal_info expected; /* what the journal says of itself */
    uint64_t runs;
};

static void bytes(struct store *stage, uint64_t off, uint64_t len, uint8_t seed)
{
    uint8_t *p = malloc((size_t)len);

    assert_non_null(p);
    for (uint64_t i = 0; i < len; i++)
        p[i] = (uint8_t)(seed + i * 11);
    assert_int_equal(store_write(stage, off, p, (size_t)len), STATUS_OK);
    free(p);
}

/* A header, a region table, zeros, a block at a new place behind the end. */
static void grow(struct store *stage)
{
    bytes(stage, 64 * KIB, 4096, 1);
    bytes(stage, 192 * KIB + 100, 24, 2);
    assert_int_equal(store_zero(stage, 700 * KIB + 3, 5000), STATUS_OK);
    bytes(stage, MIB + 64 * KIB, 300, 3); /* in the hole */
    assert_int_equal(stage_copy(stage, 3 * MIB, 512 * KIB, 128 * KIB), STATUS_OK);
}

/* Cut, with a block that is larger than a record, its original changed; what replaces a hole is zeros. */
static void shrink(struct store *stage)
{
    assert_int_equal(stage_copy(stage, 300 * KIB, 64 * KIB, MIB + 5000), STATUS_OK);
    bytes(stage, 80 * KIB, 10, 9);
    assert_int_equal(store_zero(stage, MIB + 500 * KIB, 64 * KIB), STATUS_OK);
    assert_int_equal(store_resize(stage, 2 * MIB - 700), STATUS_OK);
}

/* A large block at a new place, its original as it was. */
static void move(struct store *stage)
{
    assert_int_equal(stage_copy(stage, 2 * MIB, 0, MIB + 5000), STATUS_OK);
}

/* More than a record stores, to where nothing is. */
static void move_much(struct store *stage)
{
    assert_int_equal(stage_copy(stage, 3 * MIB, 0, 2 * MIB), STATUS_OK);
}

/* Down, and what it came from is cut off. */
static void move_down(struct store *stage)
{
    assert_int_equal(stage_copy(stage, 0, MIB + 512 * KIB, 256 * KIB), STATUS_OK);
    assert_int_equal(store_resize(stage, MIB), STATUS_OK);
}

/* More bytes than are collected in memory. */
static void many(struct store *stage)
{
    bytes(stage, 320 * KIB, 1, 1);
    bytes(stage, 3 * MIB, 2 * MIB, 7);
    bytes(stage, 5 * MIB + 5, MIB, 5);
}

/* 2 MiB and a bit, with a hole of 512 KiB. */
static void make_old(struct disk *d)
{
    uint8_t page[DISK_PAGE];

    memset(d, 0, sizeof(*d));
    d->own_from = pool_mark();
    for (uint64_t off = 0; off < 2 * MIB; off += DISK_PAGE) {
        for (size_t i = 0; i < DISK_PAGE; i++)
            page[i] = (uint8_t)(off / DISK_PAGE * 7 + i / 512 * 3 + i + 1);
        if (off < MIB || off >= MIB + 512 * KIB)
            disk_write(d, off, page, DISK_PAGE);
    }
    disk_resize(d, 2 * MIB + 5000);
}

static enum status status_for(enum site_kind failed)
{
    return failed == SITE_MEMORY ? STATUS_NO_MEMORY : failed == SITE_TIME ? STATUS_LIMIT : STATUS_IO;
}

/* What a run works on, made anew each time. */
struct fresh {
    uint64_t mark;
    struct disk image, journal;
    struct store *image_store, *journal_store, *base_store, *stage;
};

static void fresh_open(struct trial *t, struct fresh *f, struct disk_fault *fault)
{
    f->mark = pool_mark();
    disk_copy(&f->image, &t->image);
    disk_copy(&f->journal, &t->journal);
    f->image.own_from = f->journal.own_from = f->mark;
    f->image_store = disk_store(&f->image, NULL, 0, fault);
    f->journal_store = disk_store(&f->journal, NULL, 1, fault);
    f->base_store = disk_store(&t->old, NULL, 0, NULL);
    assert_int_equal(stage_open(f->base_store->source, PLENTY, &f->stage), STATUS_OK);
    t->change(f->stage);
}

static void fresh_close(struct fresh *f, bool keep)
{
    store_close(f->stage);
    store_close(f->base_store);
    store_close(f->image_store);
    store_close(f->journal_store);
    if (!keep)
        pool_release(f->mark);
}

/* Whatever state the run has left: the way back leads to the old image. */
static void assert_way_back(struct trial *t, struct fresh *f, enum status st, enum site_kind failed)
{
    struct journal_info now;
    uint64_t where = 0;

    if (failed == SITE_NONE)
        assert_int_equal(st, STATUS_OK);
    else if (st != STATUS_OK)
        assert_int_equal(st, status_for(failed));
    assert_int_equal(journal_read(f->journal_store, &now), STATUS_OK);
    switch (now.state) {
    case JOURNAL_APPLIED:
        assert_true(disk_equal(&f->image, &t->new));
        break;
    case JOURNAL_NONE:
    case JOURNAL_UNDONE:
        assert_true(disk_equal(&f->image, &t->old));
        return;
    default:
        assert_int_not_equal(st, STATUS_OK);
        assert_true(now.state == JOURNAL_APPLYING || now.state == JOURNAL_UNDOING);
        break;
    }
    assert_int_equal(journal_undo(f->journal_store, f->image_store, &where), STATUS_OK);
    assert_true(disk_equal(&f->image, &t->old));
}

static void run_apply(void *ctx)
{
    struct trial *t = ctx;
    struct fresh f;

    fresh_open(t, &f, NULL);
    sites_begin();
    enum status st = journal_apply(f.journal_store, f.image_store, f.stage);
    enum site_kind failed = sites_end();
    if (st == STATUS_OK)
        assert_true(disk_equal(&f.image, &t->new));
    assert_way_back(t, &f, st, failed);
    fresh_close(&f, false);
}

static void run_finish(void *ctx)
{
    struct trial *t = ctx;
    uint64_t where = 0;
    struct fresh f;

    fresh_open(t, &f, NULL);
    sites_begin();
    enum status st = journal_finish(f.journal_store, f.image_store, &where);
    enum site_kind failed = sites_end();
    assert_int_equal(where, JOURNAL_NOWHERE);
    if (st == STATUS_OK)
        assert_true(disk_equal(&f.image, t->state == JOURNAL_APPLYING ? &t->new : &t->old));
    assert_way_back(t, &f, st, failed);
    fresh_close(&f, false);
}

static void run_undo(void *ctx)
{
    struct trial *t = ctx;
    uint64_t where = 0;
    struct fresh f;

    fresh_open(t, &f, NULL);
    sites_begin();
    enum status st = journal_undo(f.journal_store, f.image_store, &where);
    enum site_kind failed = sites_end();
    assert_int_equal(where, JOURNAL_NOWHERE);
    if (st == STATUS_OK)
        assert_true(disk_equal(&f.image, &t->old));
    assert_way_back(t, &f, st, failed);
    fresh_close(&f, false);
}

static void run_read(void *ctx)
{
    struct trial *t = ctx;
    struct journal_info read, peeked;
    struct fresh f;

    fresh_open(t, &f, NULL);
    sites_begin();
    enum status st = journal_read(f.journal_store, &read);
    enum status peek = journal_peek(f.journal_store->source, &peeked);
    enum site_kind failed = sites_end();
    if (failed == SITE_NONE)
        t->expected = read;
    else
        assert_true((st == STATUS_OK) != (peek == STATUS_OK));
    if (st == STATUS_OK)
        assert_memory_equal(&read, &t->expected, sizeof(read));
    else
        assert_int_equal(st, status_for(failed));
    if (peek == STATUS_OK)
        assert_memory_equal(&peeked, &t->expected, sizeof(peeked));
    else
        assert_int_equal(peek, status_for(failed));
    fresh_close(&f, false);
}

static void try_from_here(struct trial *t)
{
    struct store *s = disk_store(&t->journal, NULL, 1, NULL);
    struct journal_info now;

    assert_int_equal(journal_read(s, &now), STATUS_OK);
    store_close(s);
    t->state = now.state;
    t->runs += sites_try(run_read, t);
    if (t->state == JOURNAL_NONE || t->state == JOURNAL_UNDONE)
        t->runs += sites_try(run_apply, t);
    if (t->state == JOURNAL_APPLYING || t->state == JOURNAL_UNDOING)
        t->runs += sites_try(run_finish, t);
    if (t->state == JOURNAL_APPLYING || t->state == JOURNAL_UNDOING || t->state == JOURNAL_APPLIED)
        t->runs += sites_try(run_undo, t);
}

/*
 * From every state in which a host can leave the files that stops in the midst of `t`, or of taking it back: nothing is
 * written from some operation on. first: the operation to begin with.
 */
static void try_from(struct trial *t, bool back, uint64_t first)
{
    const struct disk image = t->image, journal = t->journal;
    struct disk_fault fault = {.error = EIO, .sticky = true};
    uint64_t where = 0;

    for (fault.fail_at = first;; fault.fail_at++) {
        struct fresh f;
        fault.seen = 0;
        fresh_open(t, &f, &fault);
        enum status st = back ? journal_undo(f.journal_store, f.image_store, &where)
                              : journal_apply(f.journal_store, f.image_store, f.stage);
        disk_copy(&t->image, &f.image);
        disk_copy(&t->journal, &f.journal);
        fresh_close(&f, true);
        try_from_here(t);
        if (st == STATUS_OK)
            break; /* t is at the end of it */
        assert_int_equal(st, STATUS_IO);
        pool_release(f.mark);
        t->image = image;
        t->journal = journal;
    }
}

static void transaction(void (*change)(struct store *stage), uint64_t first, uint64_t least)
{
    uint64_t here = pool_mark();
    static struct trial t;
    struct fresh f;

    t = (struct trial){.change = change};
    make_old(&t.old);
    t.journal.own_from = pool_mark();
    disk_copy(&t.image, &t.old);
    fresh_open(&t, &f, NULL);
    assert_true(disk_load(&t.new, f.stage->source));
    fresh_close(&f, true);
    try_from_here(&t); /* no journal yet */
    try_from(&t, false, first);
    try_from(&t, true, first);
    printf("# %llu runs with a failure\n", (unsigned long long)t.runs);
    assert_true(t.runs >= least);
    pool_release(here);
}

static void growing(void **state)
{
    (void)state;
    transaction(grow, 1, 20);
}

static void shrinking(void **state)
{
    (void)state;
    transaction(shrink, 1, 5);
}

static void moving(void **state)
{
    (void)state;
    transaction(move, LAST, 5);
}

static void moving_much(void **state)
{
    (void)state;
    transaction(move_much, LAST, 0); /* no way of its own: what counts is what becomes of the file */
}

static void moving_down(void **state)
{
    (void)state;
    transaction(move_down, LAST, 0);
}

static void many_records(void **state)
{
    (void)state;
    transaction(many, LAST, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(moving),      cmocka_unit_test(growing),
                                       cmocka_unit_test(shrinking),   cmocka_unit_test(many_records),
                                       cmocka_unit_test(moving_much), cmocka_unit_test(moving_down)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
