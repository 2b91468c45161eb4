/* SPDX-License-Identifier: MIT */
/*
 * The journal of a transaction: forward and back for any change, nothing stored that need not be, every damaged byte
 * noticed, other images refused, and every failure of the host survived. Power loss is tests/crash.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "bytes_equal.h"
#include "disk.h"
#include "repair/journal.h"
#include "repair/journal_format.h"

static const uint64_t PLENTY = (uint64_t)64 << 20;
static const uint64_t KIB = 1024, MIB = (uint64_t)1 << 20;

static struct disk old_image, image, journal;
static struct store *image_store, *journal_store, *base_store, *stage;
static uint64_t pool_start;

static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % below;
}

/* 2 MiB and a bit: data, a hole of 512 KiB in the middle, an end that is no multiple of anything. */
static void make_old(uint64_t size)
{
    struct store *s;
    uint8_t page[DISK_PAGE];

    memset(&old_image, 0, sizeof(old_image));
    old_image.own_from = pool_mark();
    s = disk_store(&old_image, NULL, 0, NULL);
    for (uint64_t off = 0; off < size; off += DISK_PAGE) {
        for (size_t i = 0; i < DISK_PAGE; i++)
            page[i] = (uint8_t)(off / DISK_PAGE * 7 + i / 512 * 3 + i + 1);
        if (off >= MIB && off < MIB + 512 * KIB)
            continue;
        assert_int_equal(store_write(s, off, page, (size_t)u64_min(DISK_PAGE, size - off)), STATUS_OK);
    }
    assert_int_equal(store_resize(s, size), STATUS_OK);
    store_close(s);
}

static void begin(struct disk_fault *journal_fault, struct disk_fault *image_fault)
{
    disk_copy(&image, &old_image);
    memset(&journal, 0, sizeof(journal));
    journal.own_from = pool_mark();
    base_store = disk_store(&old_image, NULL, 0, NULL);
    image_store = disk_store(&image, NULL, 0, image_fault);
    journal_store = disk_store(&journal, NULL, 1, journal_fault);
    assert_int_equal(stage_open(base_store->source, PLENTY, &stage), STATUS_OK);
}

static void end(void)
{
    store_close(stage);
    store_close(image_store);
    store_close(journal_store);
    store_close(base_store);
    stage = image_store = journal_store = base_store = NULL;
}

static int enter(void **state)
{
    (void)state;
    pool_start = pool_mark();
    random_state = 1;
    make_old(2 * MIB + 5000);
    begin(NULL, NULL);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    end();
    pool_release(pool_start);
    return 0;
}

static struct journal_info info(void)
{
    struct journal_info i, peeked;

    assert_int_equal(journal_read(journal_store, &i), STATUS_OK);
    assert_int_equal(journal_peek(journal_store->source, &peeked), STATUS_OK);
    if (i.state != JOURNAL_DAMAGED)
        assert_memory_equal(&i, &peeked, sizeof(i));
    return i;
}

static void expect_image(struct source *want)
{
    static uint8_t a[64 * 1024], b[64 * 1024];

    assert_int_equal(store_size(image_store), want->size);
    for (uint64_t off = 0; off < want->size; off += sizeof(a)) {
        size_t n = (size_t)u64_min(sizeof(a), want->size - off);
        assert_int_equal(source_read(want, off, a, n), STATUS_OK);
        assert_int_equal(source_read(image_store->source, off, b, n), STATUS_OK);
        assert_bytes_equal(a, b, n);
    }
}

static void put(uint64_t off, uint64_t len, uint8_t seed)
{
    uint8_t *bytes = (uint8_t *)malloc((size_t)len);

    assert_non_null(bytes);
    for (uint64_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(seed + i * 11);
    assert_int_equal(store_write(stage, off, bytes, (size_t)len), STATUS_OK);
    free(bytes);
}

/* A header, a region table, zeros, a copied block, a cut: what a repair does. */
static void stage_repair(void)
{
    put(64 * KIB, 4096, 1);
    put(192 * KIB + 100, 24, 2);
    assert_int_equal(store_zero(stage, 700 * KIB + 3, 5000), STATUS_OK);
    assert_int_equal(stage_copy(stage, 3 * MIB, 512 * KIB, 128 * KIB), STATUS_OK);
}

static void apply(void)
{
    assert_int_equal(journal_apply(journal_store, image_store, stage), STATUS_OK);
}

static void forward_and_back(void **state)
{
    (void)state;
    uint64_t where = 0;

    stage_repair();
    apply();
    expect_image(stage->source);
    struct journal_info i = info();
    assert_int_equal(i.state, JOURNAL_APPLIED);
    assert_int_equal(i.old_size, 2 * MIB + 5000);
    assert_int_equal(i.new_size, 3 * MIB + 128 * KIB);
    assert_int_equal(i.changes, 5); /* with the growth in front of the copy */
    assert_int_equal(i.bytes, 4096 + 24 + 5000 + (MIB - 5000) + 128 * KIB);
    assert_int_equal(journal_finish(journal_store, image_store, &where), STATUS_REFUSED);
    assert_int_equal(where, JOURNAL_NOWHERE);
    assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_OK);
    expect_image(base_store->source);
    assert_int_equal(info().state, JOURNAL_UNDONE);
    assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_REFUSED);
    assert_int_equal(where, JOURNAL_NOWHERE);
    apply(); /* in the same journal file, which has nothing to give any more */
    expect_image(stage->source);
    assert_int_equal(info().state, JOURNAL_APPLIED);
    assert_int_equal(journal_apply(journal_store, image_store, stage), STATUS_REFUSED);
    assert_int_equal(info().state, JOURNAL_APPLIED);
}

static void nothing_to_do_leaves_nothing(void **state)
{
    (void)state;
    uint8_t bytes[100];
    uint64_t writes = image_store->write_calls;

    assert_int_equal(source_read(base_store->source, 5000, bytes, 100), STATUS_OK);
    assert_int_equal(store_write(stage, 5000, bytes, 100), STATUS_OK);
    assert_int_equal(store_zero(stage, MIB, 4096), STATUS_OK);
    assert_int_equal(stage_copy(stage, 90000, 90000, 500), STATUS_OK);
    apply();
    assert_int_equal(store_size(journal_store), 0);
    assert_int_equal(info().state, JOURNAL_NONE);
    assert_int_equal(image_store->write_calls, writes);
}

static void random_change(void)
{
    uint64_t size = store_size(stage), off = draw(4 * MIB), len = 1 + draw(draw(2) ? 300 * KIB : 3000);

    switch (draw(8)) {
    case 0:
        assert_int_equal(store_resize(stage, draw(4) ? size : off), STATUS_OK);
        break;
    case 1:
    case 2:
        if (off < size)
            assert_int_equal(store_zero(stage, off, u64_min(len, size - off)), STATUS_OK);
        break;
    case 3:
    case 4:
        /* Some from where changes are as well, some from the hole. */
        assert_int_equal(stage_copy(stage, off, draw(2 * MIB - len), len), STATUS_OK);
        break;
    default:
        put(off, len, (uint8_t)draw(256));
        break;
    }
}

static void any_change_goes_forward_and_back(void **state)
{
    (void)state;
    uint64_t where = 0;

    for (int round = 0; round < 150; round++) {
        uint64_t mark = pool_mark();
        end();
        begin(NULL, NULL);
        for (uint64_t n = 1 + draw(12); n > 0; n--)
            random_change();
        apply();
        expect_image(stage->source);
        if (info().state == JOURNAL_APPLIED)
            assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_OK);
        expect_image(base_store->source);
        end();
        pool_release(mark);
        begin(NULL, NULL);
    }
}

static void copies_and_zeros_are_not_stored(void **state)
{
    (void)state;
    uint64_t where = 0;

    assert_int_equal(stage_copy(stage, 3 * MIB, 400 * KIB, MIB), STATUS_OK); /* half data, half hole */
    assert_int_equal(store_zero(stage, MIB + 4096, 100 * KIB), STATUS_OK);   /* a hole already */
    assert_int_equal(store_resize(stage, 15 * MIB), STATUS_OK);
    apply();
    assert_true(store_size(journal_store) <= 16 * KIB);
    assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_OK);
    expect_image(base_store->source);
}

/* A copy whose original is overwritten cannot be made twice, so its bytes must be in the journal. */
static void copy_of_what_changes_is_stored(void **state)
{
    (void)state;
    uint64_t where = 0;

    assert_int_equal(stage_copy(stage, 3 * MIB, 400 * KIB, 64 * KIB), STATUS_OK);
    put(410 * KIB, 1, 1);
    apply();
    assert_true(store_size(journal_store) > 64 * KIB);
    expect_image(stage->source);
    assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_OK);
    expect_image(base_store->source);
}

static void set_byte(struct store *s, uint64_t off, uint8_t flip)
{
    uint8_t b;

    assert_int_equal(source_read(s->source, off, &b, 1), STATUS_OK);
    b ^= flip;
    assert_int_equal(store_write(s, off, &b, 1), STATUS_OK);
}

static void image_that_changed_is_not_undone(void **state)
{
    (void)state;
    static const struct {
        uint64_t off, where;
    } cases[] = {
        {64 * 1024 + 17, 64 * 1024 + 17}, /* in a changed range */
        {192 * 1024 + 100, 192 * 1024 + 100},
        {3 << 20, 3 << 20},                   /* in a copy */
        {512 * 1024 + 9, 512 * 1024},         /* in its original */
        {(2 << 20) + 5001, (2 << 20) + 5001}, /* in zeros that the file grew by */
        {128 * 1024 + 5, 128 * 1024},         /* in the other header */
        {10, 0},
    };
    uint64_t where = 0;

    stage_repair();
    apply();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_byte(image_store, cases[i].off, 0x40);
        uint64_t writes = image_store->write_calls;
        assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_REFUSED);
        assert_int_equal(where, cases[i].where);
        assert_int_equal(image_store->write_calls, writes);
        assert_int_equal(info().state, JOURNAL_APPLIED);
        set_byte(image_store, cases[i].off, 0x40);
    }
    uint64_t size = store_size(image_store);
    assert_int_equal(store_resize(image_store, size + 1), STATUS_OK);
    assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_REFUSED);
    assert_int_equal(where, size);
    assert_int_equal(store_resize(image_store, size), STATUS_OK);
    assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_OK);
    expect_image(base_store->source);
}

/* The journal as it is when the power goes right before the last mark. */
static void stop_while(enum journal_state wanted)
{
    struct disk_fault fault = {.error = EIO};
    uint64_t where = 0;

    for (fault.fail_at = 1;; fault.fail_at++) {
        end();
        fault.seen = 0;
        fault.sticky = true;
        begin(&fault, NULL);
        stage_repair();
        enum status st = journal_apply(journal_store, image_store, stage);
        if (wanted == JOURNAL_UNDOING && st == STATUS_OK)
            st = journal_undo(journal_store, image_store, &where);
        if (info().state == wanted)
            break;
        assert_int_not_equal(st, STATUS_OK);
    }
    fault.fail_at = 0;
    store_close(journal_store);
    journal_store = disk_store(&journal, NULL, 1, NULL);
}

static void other_image_is_not_finished(void **state)
{
    (void)state;
    uint64_t where = 0;

    for (int way = 0; way < 2; way++) {
        stop_while(way == 0 ? JOURNAL_APPLYING : JOURNAL_UNDOING);
        set_byte(image_store, 64 * KIB + 300, 0x5a);
        uint64_t writes = image_store->write_calls;
        assert_int_equal(journal_finish(journal_store, image_store, &where), STATUS_REFUSED);
        assert_int_equal(where, 64 * KIB + 300);
        assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_REFUSED);
        assert_int_equal(where, 64 * KIB + 300);
        assert_int_equal(image_store->write_calls, writes);
        set_byte(image_store, 64 * KIB + 300, 0x5a);
        set_byte(image_store, 300 * KIB, 1); /* where nothing changes, in the region tables */
        assert_int_equal(journal_finish(journal_store, image_store, &where), STATUS_REFUSED);
        assert_int_equal(where, 256 * KIB);
        set_byte(image_store, 300 * KIB, 1);
        uint64_t size = store_size(image_store);
        assert_int_equal(store_resize(image_store, 2 * MIB), STATUS_OK);
        assert_int_equal(journal_finish(journal_store, image_store, &where), STATUS_REFUSED);
        assert_int_equal(where, 2 * MIB);
        assert_int_equal(store_resize(image_store, size), STATUS_OK);
    }
}

static void unfinished_goes_either_way(void **state)
{
    (void)state;
    uint64_t where = 0;

    stop_while(JOURNAL_APPLYING);
    assert_int_equal(journal_finish(journal_store, image_store, &where), STATUS_OK);
    expect_image(stage->source);
    assert_int_equal(info().state, JOURNAL_APPLIED);
    stop_while(JOURNAL_APPLYING);
    assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_OK);
    expect_image(base_store->source);
    assert_int_equal(info().state, JOURNAL_UNDONE);
    stop_while(JOURNAL_UNDOING);
    assert_int_equal(journal_finish(journal_store, image_store, &where), STATUS_OK);
    expect_image(base_store->source);
    assert_int_equal(info().state, JOURNAL_UNDONE);
    stop_while(JOURNAL_UNDOING);
    assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_OK);
    expect_image(base_store->source);
}

/* Bytes of a complete journal that mean nothing: the rest of the pages that hold marks. */
static bool is_padding(uint64_t off)
{
    return off >= JOURNAL_MARK_OFF && off < JOURNAL_RECORDS_OFF && off % JOURNAL_MARK_STEP >= JOURNAL_MARK_SIZE;
}

static void every_damaged_byte_is_noticed(void **state)
{
    (void)state;
    uint64_t where = 0;

    put(64 * KIB, 64, 1);
    assert_int_equal(store_zero(stage, 100 * KIB, 32), STATUS_OK);
    apply();
    assert_true(store_size(journal_store) < 16 * KIB);
    for (uint64_t off = 0; off < store_size(journal_store); off++) {
        uint8_t flip = (uint8_t)(1 << off % 8);
        set_byte(journal_store, off, flip);
        assert_int_equal(info().state, is_padding(off) ? JOURNAL_APPLIED : JOURNAL_DAMAGED);
        if (!is_padding(off)) {
            uint64_t writes = image_store->write_calls;
            assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_REFUSED);
            assert_int_equal(where, JOURNAL_NOWHERE);
            assert_int_equal(journal_finish(journal_store, image_store, &where), STATUS_REFUSED);
            assert_int_equal(image_store->write_calls, writes);
        }
        set_byte(journal_store, off, flip);
    }
    assert_int_equal(info().state, JOURNAL_APPLIED);
    for (uint64_t size = store_size(journal_store) - 1; size > 0; size -= size > 50 ? 50 : 1) {
        assert_int_equal(store_resize(journal_store, size), STATUS_OK);
        assert_int_equal(info().state, size > JOURNAL_MARK_OFF || size < 8 ? JOURNAL_DAMAGED : JOURNAL_NONE);
    }
}

static void other_files_are_not_journals(void **state)
{
    (void)state;
    static const char text[] = "Dear diary, today I wrote a file that ends in -journal.\n";
    uint64_t where = 0;

    assert_int_equal(store_write(journal_store, 0, text, sizeof(text)), STATUS_OK);
    assert_int_equal(info().state, JOURNAL_DAMAGED);
    stage_repair();
    assert_int_equal(journal_apply(journal_store, image_store, stage), STATUS_REFUSED);
    assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_REFUSED);
    assert_int_equal(store_size(journal_store), sizeof(text));
    expect_image(base_store->source);
}

/* Zeros, and a header without a mark: left by a run that did not get further. */
static void unfinished_start_is_no_journal(void **state)
{
    (void)state;
    struct journal_header h = {.old_size = 1, .new_size = 2};
    uint8_t bytes[JOURNAL_HEADER_SIZE];

    assert_int_equal(store_resize(journal_store, 50000), STATUS_OK);
    assert_int_equal(info().state, JOURNAL_NONE);
    journal_header_encode(&h, bytes);
    assert_int_equal(store_write(journal_store, 0, bytes, 512), STATUS_OK);
    assert_int_equal(info().state, JOURNAL_NONE);
    stage_repair();
    apply();
    expect_image(stage->source);
    assert_int_equal(info().state, JOURNAL_APPLIED);
}

/* Each operation of the journal and of the image fails in turn, once or from then on, writes half way or not at all. */
static void every_failure_is_survived(void **state)
{
    (void)state;
    uint64_t failures = 0, restored = 0, kept = 0, where = 0;

    for (int kind = 0; kind < 8; kind++) {
        struct disk_fault fault = {.error = kind & 1 ? ENOSPC : EIO, .sticky = kind & 2, .half = kind & 1};
        bool in_journal = kind & 4;
        for (fault.fail_at = 1;; fault.fail_at++) {
            uint64_t mark = pool_mark();
            end();
            fault.seen = 0;
            begin(in_journal ? &fault : NULL, in_journal ? NULL : &fault);
            stage_repair();
            enum status st = journal_apply(journal_store, image_store, stage);
            if (fault.seen < fault.fail_at) {
                assert_int_equal(st, STATUS_OK);
                break;
            }
            failures++;
            fault.fail_at += UINT32_MAX; /* the host is well again */
            enum journal_state now = info().state;
            if (now == JOURNAL_NONE || now == JOURNAL_UNDONE) {
                assert_int_equal(st, STATUS_IO);
                expect_image(base_store->source);
                restored++;
            } else if (now == JOURNAL_APPLYING) {
                assert_int_equal(st, STATUS_IO);
                assert_int_equal(journal_finish(journal_store, image_store, &where), STATUS_OK);
                expect_image(stage->source);
                assert_int_equal(journal_undo(journal_store, image_store, &where), STATUS_OK);
                expect_image(base_store->source);
                kept++;
            } else { /* only the last mark's way to the disk failed */
                assert_int_equal(now, JOURNAL_APPLIED);
                assert_int_equal(st, STATUS_IO);
                expect_image(stage->source);
            }
            fault.fail_at -= UINT32_MAX;
            end();
            pool_release(mark);
            begin(NULL, NULL);
        }
    }
    print_message("%llu failures: %llu put back, %llu left to be finished\n", (unsigned long long)failures,
                  (unsigned long long)restored, (unsigned long long)kept);
    assert_true(failures > 40 && restored > 25 && kept > 10);
}

/* ---- journals that nobody wrote, with every checksum right ---- */

enum { FORGED_RECORDS = 12 };

struct forged {
    struct journal_header h;
    struct journal_record records[FORGED_RECORDS];
};

/* The records of the journal as it is; their bytes stay where they are. */
static void read_forged(struct forged *f)
{
    uint8_t bytes[JOURNAL_HEADER_SIZE];
    uint64_t off = JOURNAL_RECORDS_OFF;

    assert_int_equal(source_read(journal_store->source, 0, bytes, sizeof(bytes)), STATUS_OK);
    assert_true(journal_header_decode(bytes, &f->h));
    assert_true(f->h.records <= FORGED_RECORDS);
    for (uint64_t i = 0; i < f->h.records; i++) {
        assert_int_equal(source_read(journal_store->source, off, bytes, JOURNAL_RECORD_SIZE), STATUS_OK);
        assert_true(journal_record_decode(bytes, &f->records[i]));
        off += journal_record_extent(&f->records[i]);
    }
}

static uint64_t odd_number(void)
{
    static const uint64_t odd[] = {0, 1, 512, 4096, 65536, 1 << 20, 2 << 20, INT64_MAX, UINT64_MAX};

    return draw(2) ? odd[draw(9)] : draw(3 << 20);
}

static void forge(struct forged *f)
{
    struct journal_record *r = &f->records[draw(f->h.records)];

    switch (draw(9)) {
    case 0:
        f->h.old_size = odd_number();
        break;
    case 1:
        f->h.new_size = odd_number();
        break;
    case 2:
        f->h.records = draw(f->h.records + 1);
        break;
    case 3:
        r->off = odd_number();
        break;
    case 4:
        r->len = odd_number();
        break;
    case 5:
        r->from = odd_number();
        break;
    case 6:
        r->old_side = (enum side_kind)draw(SIDE_SAME + 1);
        break;
    case 7:
        r->new_side = (enum side_kind)draw(SIDE_SAME + 1);
        break;
    default:
        r->index = draw(FORGED_RECORDS);
        break;
    }
}

static void write_forged(struct forged *f)
{
    const struct journal_mark m = {.sequence = 1, .state = 1 + (uint32_t)draw(JOURNAL_DAMAGED - 1)};
    uint8_t bytes[JOURNAL_HEADER_SIZE] = {0};
    uint64_t off = JOURNAL_RECORDS_OFF;

    f->h.heads_crc = 0;
    f->h.changes = f->h.change_bytes = 0;
    for (uint64_t i = 0; i < f->h.records; i++) {
        const struct journal_record *r = &f->records[i];
        journal_record_encode(r, bytes);
        f->h.heads_crc = crc32c(f->h.heads_crc, bytes, JOURNAL_RECORD_SIZE);
        if (off < 16 * MIB - DISK_PAGE)
            assert_int_equal(store_write(journal_store, off, bytes, JOURNAL_RECORD_SIZE), STATUS_OK);
        off = u64_add_sat(off, journal_record_extent(r));
        f->h.changes += r->old_side != SIDE_SAME;
        f->h.change_bytes += r->old_side != SIDE_SAME ? r->len : 0;
    }
    f->h.records_len = off - JOURNAL_RECORDS_OFF;
    memset(bytes, 0, sizeof(bytes));
    for (int i = 0; i < 2; i++)
        assert_int_equal(store_write(journal_store, JOURNAL_MARK_OFF + (uint64_t)i * JOURNAL_MARK_STEP, bytes, 512),
                         STATUS_OK);
    journal_header_encode(&f->h, bytes);
    assert_int_equal(store_write(journal_store, 0, bytes, sizeof(bytes)), STATUS_OK);
    struct journal_mark mark = m;
    mark.header_crc = f->h.crc;
    journal_mark_encode(&mark, bytes);
    assert_int_equal(store_write(journal_store, JOURNAL_MARK_OFF + JOURNAL_MARK_STEP, bytes, JOURNAL_MARK_SIZE),
                     STATUS_OK);
}

/* Whatever it says: no harm, an end soon, and a refusal writes nothing. */
static void forged_journals_are_survived(void **state)
{
    (void)state;
    struct forged good, f;
    struct disk kept;
    unsigned refused = 0, done = 0, damaged = 0;

    put(64 * KIB, 300, 1);
    assert_int_equal(store_zero(stage, 100 * KIB, 700), STATUS_OK);
    assert_int_equal(stage_copy(stage, 3 * MIB, 512 * KIB, 8 * KIB), STATUS_OK);
    apply();
    read_forged(&good);
    disk_copy(&kept, &journal);
    for (int round = 0; round < 1500; round++) {
        uint64_t mark = pool_mark(), where = 0;
        struct journal_info i;
        struct store *target;

        store_close(journal_store);
        disk_copy(&journal, &kept);
        journal_store = disk_store(&journal, NULL, 1, NULL);
        /* Sizes that no disk of the tests has: so the image is a stage. */
        assert_int_equal(stage_open(draw(2) ? image_store->source : base_store->source, PLENTY, &target), STATUS_OK);
        f = good;
        for (uint64_t n = 1 + draw(2); n > 0 && f.h.records > 0; n--)
            forge(&f);
        write_forged(&f);
        assert_int_equal(journal_read(journal_store, &i), STATUS_OK);
        uint64_t writes = target->write_calls, before = target->source->read_bytes;
        enum status st =
            draw(2) ? journal_undo(journal_store, target, &where) : journal_finish(journal_store, target, &where);
        assert_true(target->source->read_bytes - before < 64 * MIB);
        if (st == STATUS_REFUSED)
            assert_int_equal(target->write_calls, writes);
        else if (st == STATUS_OK)
            assert_int_equal(journal_read(journal_store, &i), STATUS_OK);
        if (st == STATUS_OK)
            assert_true(i.state == JOURNAL_APPLIED || i.state == JOURNAL_UNDONE);
        refused += st == STATUS_REFUSED;
        done += st == STATUS_OK;
        damaged += i.state == JOURNAL_DAMAGED;
        store_close(target);
        pool_release(mark);
    }
    assert_true(refused > 150 && done > 30 && damaged > 150);
}

/* The header says something else than the records, or than the mark, and all three are signed. */
static void sums_are_checked(void **state)
{
    enum { HEADS, RECORDS_LEN, BYTES, CHANGES, OTHER_HEADER, ODD_MARK, KINDS };
    (void)state;

    for (int kind = 0; kind < KINDS; kind++) {
        uint8_t page[JOURNAL_HEADER_SIZE], bytes[JOURNAL_MARK_SIZE];
        struct journal_header h;
        struct journal_mark m;

        end();
        begin(NULL, NULL);
        stage_repair();
        apply();
        assert_int_equal(source_read(journal_store->source, 0, page, sizeof(page)), STATUS_OK);
        assert_true(journal_header_decode(page, &h));
        uint64_t at = JOURNAL_MARK_OFF; /* the second mark is the one that counts: APPLIED */
        assert_int_equal(source_read(journal_store->source, at, bytes, sizeof(bytes)), STATUS_OK);
        assert_true(journal_mark_decode(bytes, &m));
        h.heads_crc ^= kind == HEADS;
        h.records_len += kind == RECORDS_LEN ? 64 : 0;
        h.change_bytes += kind == BYTES;
        h.changes += kind == CHANGES;
        h.old_size += kind == OTHER_HEADER;
        journal_header_encode(&h, page);
        m.header_crc = kind == OTHER_HEADER ? m.header_crc : h.crc;
        m.sequence += kind == ODD_MARK ? 1 : 0;
        assert_int_equal(store_write(journal_store, 0, page, sizeof(page)), STATUS_OK);
        journal_mark_encode(&m, bytes);
        assert_int_equal(store_write(journal_store, at, bytes, sizeof(bytes)), STATUS_OK);
        if (kind == RECORDS_LEN)
            assert_int_equal(store_resize(journal_store, store_size(journal_store) + 64), STATUS_OK);
        assert_int_equal(info().state, JOURNAL_DAMAGED);
    }
}

static void records_are_checked(void **state)
{
    (void)state;
    static const struct {
        struct journal_record r;
        bool good;
    } cases[] = {
        {{.off = 5, .len = 10, .old_side = SIDE_BYTES, .new_side = SIDE_ZERO, .index = 7, .old_crc = 1}, true},
        {{.off = 5, .len = JOURNAL_STORED_MOST, .old_side = SIDE_ZERO, .new_side = SIDE_BYTES}, true},
        {{.off = 5, .len = JOURNAL_STORED_MOST + 1, .old_side = SIDE_ZERO, .new_side = SIDE_BYTES}, false},
        {{.off = 5, .len = JOURNAL_STORED_MOST + 1, .old_side = SIDE_ABSENT, .new_side = SIDE_COPY, .from = 3}, true},
        {{.off = 5, .len = 1, .old_side = SIDE_COPY, .new_side = SIDE_ZERO}, false},
        {{.off = 5, .len = 1, .old_side = SIDE_SAME, .new_side = SIDE_ZERO}, false},
        {{.off = 5, .len = 1, .old_side = SIDE_ZERO, .new_side = SIDE_SAME}, false},
        {{.off = 5, .len = 1, .old_side = SIDE_SAME, .new_side = SIDE_SAME}, true},
        {{.off = 5, .len = 1, .old_side = (enum side_kind)(SIDE_SAME + 1), .new_side = SIDE_ZERO}, false},
        {{.off = 5, .len = 1, .old_side = SIDE_ZERO, .new_side = (enum side_kind)(SIDE_SAME + 1)}, false},
        {{.off = 5, .len = 0, .old_side = SIDE_ZERO, .new_side = SIDE_BYTES}, false},
        {{.off = INT64_MAX, .len = 1, .old_side = SIDE_ZERO, .new_side = SIDE_BYTES}, false},
        {{.off = 1, .len = 9, .old_side = SIDE_ZERO, .new_side = SIDE_COPY, .from = INT64_MAX - 8}, false},
    };
    uint8_t bytes[JOURNAL_RECORD_SIZE];
    struct journal_record r;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        journal_record_encode(&cases[i].r, bytes);
        assert_int_equal(journal_record_decode(bytes, &r), cases[i].good);
        if (cases[i].good)
            assert_memory_equal(&r, &cases[i].r, sizeof(r));
    }
    journal_record_encode(&cases[0].r, bytes);
    bytes[40] = SIDE_SAME + 1;
    assert_false(journal_record_decode(bytes, &r));
}

static void marks_are_checked(void **state)
{
    (void)state;
    for (uint32_t s = 0; s <= JOURNAL_DAMAGED + 1; s++) {
        const struct journal_mark m = {.state = s, .sequence = 3, .header_crc = 77};
        uint8_t bytes[JOURNAL_MARK_SIZE];
        struct journal_mark read = {.state = 0};
        journal_mark_encode(&m, bytes);
        assert_int_equal(journal_mark_decode(bytes, &read), s > JOURNAL_NONE && s < JOURNAL_DAMAGED);
        assert_int_equal(read.state, s);
        assert_int_equal(read.sequence, 3);
        assert_int_equal(read.header_crc, 77);
        bytes[JOURNAL_MARK_SIZE - 1] ^= 1;
        assert_false(journal_mark_decode(bytes, &read));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(forward_and_back, enter, leave),
        cmocka_unit_test_setup_teardown(nothing_to_do_leaves_nothing, enter, leave),
        cmocka_unit_test_setup_teardown(any_change_goes_forward_and_back, enter, leave),
        cmocka_unit_test_setup_teardown(copies_and_zeros_are_not_stored, enter, leave),
        cmocka_unit_test_setup_teardown(copy_of_what_changes_is_stored, enter, leave),
        cmocka_unit_test_setup_teardown(image_that_changed_is_not_undone, enter, leave),
        cmocka_unit_test_setup_teardown(other_image_is_not_finished, enter, leave),
        cmocka_unit_test_setup_teardown(unfinished_goes_either_way, enter, leave),
        cmocka_unit_test_setup_teardown(every_damaged_byte_is_noticed, enter, leave),
        cmocka_unit_test_setup_teardown(other_files_are_not_journals, enter, leave),
        cmocka_unit_test_setup_teardown(unfinished_start_is_no_journal, enter, leave),
        cmocka_unit_test_setup_teardown(every_failure_is_survived, enter, leave),
        cmocka_unit_test_setup_teardown(forged_journals_are_survived, enter, leave),
        cmocka_unit_test(records_are_checked),
        cmocka_unit_test_setup_teardown(sums_are_checked, enter, leave),
        cmocka_unit_test(marks_are_checked),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
