/* SPDX-License-Identifier: MIT */
/*
 * Replay in memory: what the overlay shows, what refuses the whole replay, how the file grows, what it costs. Cases
 * that other tools got wrong carry the name of the regression (RG-LOG-nn).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "build.h"
#include "faulty.h"
#include "image/log_descriptors.h"
#include "image/replay.h"

enum { PAGE = 4096 };
static const uint64_t TARGET = 0x200000; /* metadata region: free of log and payload */
static const uint64_t FREE = 0x280000;   /* zeros */

struct setup {
    struct source *source;
    struct arena *arena;
    struct log_scan log;
    struct replay replay;
};

static struct setup replay_source(const struct img *img, struct source *s)
{
    struct setup u = {.source = s, .arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    assert_non_null(u.arena);
    assert_int_equal(log_scan_run(u.arena, s, img->log_off, img->log_len, &img->log.guid, &u.log), STATUS_OK);
    assert_int_equal(replay_build(u.arena, s, &u.log, &u.replay), STATUS_OK);
    return u;
}

static struct setup replay(const struct img *img)
{
    return replay_source(img, img_source(img));
}

static void done(struct setup *u)
{
    source_close(u->replay.overlay);
    source_close(u->source);
    arena_destroy(u->arena);
}

static const uint8_t *page_of(struct img *img, uint8_t value)
{
    uint8_t *page = img_page_copy(img, 0);
    for (size_t i = 0; i < PAGE; i++)
        page[i] = (uint8_t)(value + i % 7);
    return page;
}

static void assert_page(struct setup *u, uint64_t off, const uint8_t *want)
{
    uint8_t got[PAGE];
    assert_non_null(u->replay.overlay);
    assert_int_equal(source_read(u->replay.overlay, off, got, PAGE), STATUS_OK);
    assert_memory_equal(got, want, PAGE);
}

static const uint8_t zero_page[PAGE];

/* ---- what it shows ---- */

static void nothing_to_replay_is_not_attempted(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.windows_traces = true});
    struct setup u = replay(img);
    assert_false(u.replay.attempted);
    assert_false(u.replay.refused);
    assert_null(u.replay.overlay);
    assert_int_equal(u.replay.new_size, img->size);
    done(&u);
    img_free(img);
}

/* RG-LOG-20: the page is put together from descriptor and data sector, byte by byte. RG-LOG-25: without writing. */
static void a_logged_page_replaces_the_stored_one(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    const uint8_t *page = page_of(img, 100);
    img_make_dirty(img, &(struct img_log_desc){.off = TARGET, .page = page}, 1);
    struct setup u = replay(img);
    assert_true(u.replay.attempted);
    assert_false(u.replay.refused);
    assert_int_equal(u.replay.data_descriptors, 1);
    assert_int_equal(u.replay.zero_descriptors, 0);
    assert_int_equal(u.replay.pages_touched, 1);
    assert_int_equal(u.replay.pages_changed, 1);
    assert_int_equal(u.replay.repeated_pages, 0);
    assert_int_equal(u.replay.new_size, img->size);
    assert_int_equal(u.replay.overlay->size, img->size);
    assert_page(&u, TARGET, page);

    uint8_t around[3 * PAGE], stored[3 * PAGE];
    assert_int_equal(source_read(u.replay.overlay, TARGET - PAGE, around, sizeof(around)), STATUS_OK);
    img_read(img, TARGET - PAGE, stored, sizeof(stored));
    assert_memory_equal(around, stored, PAGE);
    assert_memory_equal(around + 2 * PAGE, stored + 2 * PAGE, PAGE);
    done(&u);
    img_free(img);
}

static void an_equal_page_changes_nothing(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct img_log_desc d[] = {{.off = TARGET, .page = img_page_copy(img, TARGET)},
                               {.off = FREE, .page = zero_page},
                               {.off = FREE + 0x10000, .len = 0x20000}};
    img_make_dirty(img, d, 3);
    struct setup u = replay(img);
    assert_int_equal(u.replay.pages_touched, 2 + 32);
    assert_int_equal(u.replay.pages_changed, 0);
    done(&u);
    img_free(img);
}

static void a_zero_range_clears_what_is_there(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    img_fill(img, FREE + 0x1000, 0x1000, 1);
    img_fill(img, FREE + 0x8FFF, 2, 1);
    img_fill(img, FREE + 0x20000, 1, 1); /* the first byte behind the range */
    img_make_dirty(img, &(struct img_log_desc){.off = FREE, .len = 0x20000}, 1);
    struct setup u = replay(img);
    assert_int_equal(u.replay.zero_descriptors, 1);
    assert_int_equal(u.replay.pages_touched, 32);
    assert_int_equal(u.replay.pages_changed, 3);
    assert_page(&u, FREE + 0x1000, zero_page);
    assert_page(&u, FREE + 0x8000, zero_page);
    uint8_t byte;
    assert_int_equal(source_read(u.replay.overlay, FREE + 0x20000, &byte, 1), STATUS_OK);
    assert_int_equal(byte, 1);
    done(&u);
    img_free(img);
}

/* Eight pages are looked at together: all have a byte, or the first alone, or more of them follow. */
static void pages_of_a_zero_range_are_compared_one_by_one(void **state)
{
    (void)state;
    for (uint64_t pages = 1; pages <= 15; pages += 7) {
        struct img *img = img_create(NULL);
        img_fill(img, FREE, pages * PAGE, 0x77);
        img_make_dirty(img, &(struct img_log_desc){.off = FREE, .len = 16 * PAGE}, 1);
        struct setup u = replay(img);
        assert_int_equal(u.replay.pages_touched, 16);
        assert_int_equal(u.replay.pages_changed, pages);
        done(&u);
        img_free(img);
    }
}

/* RG-LOG-17. */
static void later_entries_and_later_descriptors_win(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    const uint8_t *a = page_of(img, 1), *b = page_of(img, 50), *c = page_of(img, 90);
    struct img_log_desc first[] = {{.off = FREE, .page = a}, {.off = FREE + PAGE, .page = a}};
    struct img_log_desc second[] = {{.off = FREE, .len = 4 * PAGE},
                                    {.off = FREE + 2 * PAGE, .page = b},
                                    {.off = FREE + 2 * PAGE, .page = c},
                                    {.off = FREE + PAGE, .page = b}};
    img_log_begin(img, 0, 1);
    img_log_append(img, first, 2);
    img_log_append(img, second, 4);
    struct setup u = replay(img);
    assert_page(&u, FREE, zero_page);
    assert_page(&u, FREE + PAGE, b);
    assert_page(&u, FREE + 2 * PAGE, c);
    assert_page(&u, FREE + 3 * PAGE, zero_page);
    assert_int_equal(u.replay.pages_touched, 4);
    assert_int_equal(u.replay.pages_changed, 2);
    assert_int_equal(u.replay.repeated_pages, 2); /* in the second entry; across entries it is normal */
    assert_int_equal(u.replay.repeated_entry, u.log.active_head);
    assert_int_equal(u.replay.repeated_off, FREE + PAGE);
    done(&u);
    img_free(img);
}

static void repetitions_in_long_ranges_are_counted_once(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    const struct img_log_desc d[] = {{.off = FREE, .len = 0x10000},
                                     {.off = FREE + 0x8000, .len = 0x10000},
                                     {.off = FREE + 0x4000, .len = 0x8000},
                                     {.off = FREE + 0x40000, .len = 0x1000}};
    img_log_begin(img, 0, 1);
    img_log_append(img, d, 4);
    struct setup u = replay(img);
    assert_int_equal(u.replay.repeated_pages, 12); /* 0x4000 .. 0x10000 */
    assert_int_equal(u.replay.repeated_off, FREE + 0x4000);
    done(&u);
    img_free(img);
}

static void entries_before_the_tail_are_not_applied(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    const uint8_t *a = page_of(img, 1), *b = page_of(img, 50);
    img_log_begin(img, 0, 7);
    img_log_append(img, &(struct img_log_desc){.off = FREE, .page = a}, 1);
    img->log.tail = img->log.pos;
    img_log_append(img, &(struct img_log_desc){.off = FREE + PAGE, .page = b}, 1);
    struct setup u = replay(img);
    assert_int_equal(u.log.active_count, 1);
    assert_int_equal(u.replay.data_descriptors, 1);
    assert_page(&u, FREE, zero_page);
    assert_page(&u, FREE + PAGE, b);
    done(&u);
    img_free(img);
}

/* RG-LOG-16. */
static void wrapped_entries_are_replayed(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct img_log_desc d[300];
    for (uint32_t i = 0; i < 300; i++)
        d[i] = (struct img_log_desc){.off = FREE + PAGE * (uint64_t)(i % 100),
                                     .page = page_of(img, (uint8_t)(i / 100 + i))};
    for (uint32_t i = 0; i < 6; i++) {
        struct img *c = img_clone(img);
        img_log_begin(c, (uint32_t)c->log_len - PAGE * (i + 1), 1);
        img_log_append(c, d, 100);
        img_log_append(c, d + 100, 100);
        struct setup u = replay(c);
        assert_int_equal(u.log.active_count, 2);
        for (uint64_t k = 0; k < 100; k++)
            assert_page(&u, FREE + PAGE * k, d[100 + k].page);
        done(&u);
        img_free(c);
    }
    img_free(img);
}

static void empty_entries_only_change_nothing(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    img_make_dirty(img, NULL, 0);
    struct setup u = replay(img);
    assert_true(u.replay.attempted);
    assert_non_null(u.replay.overlay);
    assert_int_equal(u.replay.pages_touched, 0);
    assert_int_equal(u.replay.pages_changed, 0);
    assert_int_equal(u.replay.new_size, img->size);
    done(&u);
    img_free(img);
}

/* ---- what refuses it ---- */

struct target_case {
    const char *name;
    uint64_t off, len;
    bool page;
    unsigned faults; /* bits by kind; 0: replayed */
};

enum {
    F_MIN = 1 << REPLAY_FAULT_BELOW_MIN,
    F_LOG = 1 << REPLAY_FAULT_IN_LOG,
    F_WRAP = 1 << REPLAY_FAULT_WRAPS,
    F_BEYOND = 1 << REPLAY_FAULT_BEYOND,
};

/* Log at [1 MiB, 2 MiB); the file and LastFileOffset end at SIZE. */
static const uint64_t SIZE = 0xA00000;
static const struct target_case target_cases[] = {
    {"identifier", 0, PAGE, true, F_MIN},
    {"header 1 (RG-LOG, descriptor aimed at a header)", 0x10000, PAGE, true, F_MIN},
    {"last page below", 0x2F000, PAGE, true, F_MIN},
    {"zeros that reach up to the limit", 0x2F000, 2 * PAGE, false, F_MIN},
    {"region table 1", 0x30000, PAGE, true, 0},
    {"the page before the log", 0xFF000, PAGE, true, 0},
    {"first page of the log", 0x100000, PAGE, true, F_LOG},
    {"last page of the log", 0x1FF000, PAGE, true, F_LOG},
    {"the page behind the log", 0x200000, PAGE, true, 0},
    {"zeros that touch the log's start", 0xFF000, 2 * PAGE, false, F_LOG},
    {"zeros that end at the log", 0xF0000, 0x10000, false, 0},
    {"zeros around the log", 0x90000, 0x200000, false, F_LOG},
    {"last page", 0x9FF000, PAGE, true, 0},
    {"behind the end", 0xA00000, PAGE, true, F_BEYOND},
    {"zeros across the end", 0x9FF000, 2 * PAGE, false, F_BEYOND},
    {"2^40 (RG-LOG, data descriptor far away)", (uint64_t)1 << 40, PAGE, true, F_BEYOND},
    {"2^40 zeros (RG-LOG, unbounded zero fill)", 0x300000, (uint64_t)1 << 40, false, F_BEYOND},
    {"last page of 64 bits", UINT64_MAX - 4095, PAGE, true, F_WRAP},
    {"wraps", UINT64_MAX - 8191, 0x10000, false, F_WRAP},
    {"ends one page before 2^64", 0x300000, UINT64_MAX - 0x300000 - 4095, false, F_BEYOND},
    {"everything at once", 0, UINT64_MAX - 4095, false, F_MIN | F_LOG | F_BEYOND},
    {"no length, silly place", 0x1000, 0, false, 0},
    {"no length, last place", UINT64_MAX - 4095, 0, false, 0},
};

static void bad_targets_refuse_the_replay(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(target_cases) / sizeof(target_cases[0]); i++) {
        const struct target_case *c = &target_cases[i];
        struct img *img = img_create(NULL);
        img_resize(img, SIZE);
        const uint8_t *page = page_of(img, 3);
        struct img_log_desc d[] = {
            {.off = 0x280000, .page = page},
            {.off = c->off, .page = c->page ? page : NULL, .len = c->len},
            {.off = 0x290000, .page = page},
        };
        img_make_dirty(img, d, 3);
        struct setup u = replay(img);
        unsigned faults = 0;
        for (unsigned k = 0; k < 6; k++)
            faults |= u.replay.fault_totals[k] > 0 ? 1U << k : 0;
        if (faults != c->faults || u.replay.refused != (faults != 0) || (u.replay.overlay == NULL) != (faults != 0))
            fail_msg("%s: faults %x", c->name, faults);
        assert_int_equal(u.replay.fault_count, __builtin_popcount(faults));
        for (uint64_t k = 0; k < u.replay.fault_count; k++) {
            assert_int_equal(u.replay.faults[k].off, c->off);
            assert_int_equal(u.replay.faults[k].len, c->len);
            assert_int_equal(u.replay.faults[k].descriptor, 0);
            assert_int_equal(u.replay.faults[k].entry, 2); /* behind the initial one and the first */
        }
        /* The remaining descriptors were looked at as well. */
        assert_int_equal(u.replay.data_descriptors + u.replay.zero_descriptors, 3);
        if (faults != 0) {
            assert_int_equal(u.replay.new_size, SIZE);
            assert_int_equal(u.replay.pages_touched, 0);
        }
        done(&u);
        img_free(img);
    }
}

static void all_faults_are_counted_and_the_first_listed(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct img_log_desc d[1500];
    for (uint32_t i = 0; i < 1500; i++)
        d[i] = (struct img_log_desc){.off = i % 3 == 0 ? 0x1000 : 0x100000, .len = PAGE};
    img_log_begin(img, 0, 1);
    for (int n = 0; n < 2; n++)
        img_log_append(img, d, 1500);
    struct setup u = replay(img);
    assert_int_equal(u.replay.fault_totals[REPLAY_FAULT_BELOW_MIN], 1000);
    assert_int_equal(u.replay.fault_totals[REPLAY_FAULT_IN_LOG], 2000);
    assert_int_equal(u.replay.fault_count, 2000);
    assert_int_equal(u.replay.faults[0].kind, REPLAY_FAULT_BELOW_MIN);
    assert_int_equal(u.replay.faults[1].kind, REPLAY_FAULT_IN_LOG);
    assert_int_equal(u.replay.faults[1].descriptor, 1);
    assert_int_equal(u.replay.faults[u.replay.fault_count - 1].entry, 1);
    done(&u);
    img_free(img);
}

/* RG-LOG-14: FlushedFileOffset counts in the head entry only. */
static void a_file_shorter_than_the_head_says_is_refused(void **state)
{
    (void)state;
    for (int head = 0; head < 2; head++) {
        struct img *img = img_create(NULL);
        img_set_log_guid(img, &img->log.guid);
        uint64_t larger = img->size + MIB;
        uint32_t at =
            img_log_write(img, 0, &(struct img_log_entry){.sequence_number = 5, .flushed = head ? 0 : larger});
        img_log_write(img, at, &(struct img_log_entry){.sequence_number = 6, .flushed = head ? larger : 0});
        struct setup u = replay(img);
        assert_int_equal(u.replay.refused, head);
        assert_int_equal(u.replay.fault_count, head);
        if (head) {
            assert_int_equal(u.replay.faults[0].kind, REPLAY_FAULT_TRUNCATED);
            assert_int_equal(u.replay.faults[0].off, larger);
            assert_int_equal(u.replay.faults[0].entry, 1);
        }
        done(&u);
        img_free(img);
    }
}

static void absurd_sizes_are_refused(void **state)
{
    (void)state;
    static const uint64_t values[] = {(uint64_t)1 << 47, ((uint64_t)1 << 47) + MIB, (uint64_t)1 << 50, UINT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (int head = 0; head < 2; head++) {
            struct img *img = img_create(NULL);
            img_set_log_guid(img, &img->log.guid);
            uint32_t at =
                img_log_write(img, 0, &(struct img_log_entry){.sequence_number = 5, .last = head ? 0 : values[i]});
            img_log_write(img, at, &(struct img_log_entry){.sequence_number = 6, .last = head ? values[i] : 0});
            struct setup u = replay(img);
            assert_int_equal(u.replay.refused, i > 0);
            assert_int_equal(u.replay.fault_totals[REPLAY_FAULT_SIZE_ABSURD], i > 0);
            if (i == 0) /* only the head's value makes the file grow */
                assert_int_equal(u.replay.new_size, head ? values[i] : img->size);
            else
                assert_true(u.replay.faults[0].off == values[i] && u.replay.faults[0].len == 0);
            done(&u);
            img_free(img);
        }
    }
}

/* A size that the file really has is not absurd. */
static void enormous_files_are_replayed(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    img_resize(img, (uint64_t)1 << 48);
    const uint8_t *page = page_of(img, 9);
    struct img_log_desc d = {.off = img->size - PAGE, .page = page};
    img_make_dirty(img, &d, 1);
    struct setup u = replay(img);
    assert_false(u.replay.refused);
    assert_int_equal(u.replay.new_size, img->size);
    assert_page(&u, d.off, page);
    done(&u);
    img_free(img);
}

/* ---- sizes ---- */

/* RG-LOG, LastFileOffset exact and inexact: the file grows to the next MiB in both cases. */
static void the_file_grows_to_what_the_head_says(void **state)
{
    (void)state;
    static const struct {
        uint64_t file, last, target, want;
    } cases[] = {
        {0xA00000, 0xA00000, TARGET, 0xA00000},
        {0xA00000, 0xE00000, TARGET, 0xE00000},
        {0xA00000, 0xE01000, TARGET, 0xF00000},
        {0xA00000, 0x900000, TARGET, 0xA00000},
        {0xA00000, 0xD00000, 0xCFF000, 0xD00000},
        {0xA00200, 0xA00200, TARGET, 0xB00000}, /* grows to a MiB multiple even for the trailing bytes of the file */
        {0xA00200, 0xA00000, TARGET, 0xA00200},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct img *img = img_create(NULL);
        img_resize(img, cases[i].file);
        img_set_log_guid(img, &img->log.guid);
        const uint8_t *page = page_of(img, 9);
        img_log_write(img, 0,
                      &(struct img_log_entry){.sequence_number = 5,
                                              .flushed = MIB,
                                              .last = cases[i].last,
                                              .descs = &(struct img_log_desc){.off = cases[i].target, .page = page},
                                              .desc_count = 1});
        struct setup u = replay(img);
        assert_false(u.replay.refused);
        assert_int_equal(u.replay.new_size, cases[i].want);
        assert_int_equal(u.replay.overlay->size, cases[i].want);
        assert_page(&u, cases[i].target, page);
        done(&u);
        img_free(img);
    }
}

/* An earlier entry of the sequence saw a larger file: its targets are good, and the file grows as far as they reach. */
static void targets_inside_any_size_of_the_sequence_are_good(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    img_resize(img, SIZE);
    img_set_log_guid(img, &img->log.guid);
    const uint8_t *page = page_of(img, 9);
    struct img_log_desc d = {.off = SIZE + 0x123000, .page = page};
    uint32_t at = img_log_write(
        img, 0, &(struct img_log_entry){.sequence_number = 5, .last = SIZE + 4 * MIB, .descs = &d, .desc_count = 1});
    img_log_write(img, at, &(struct img_log_entry){.sequence_number = 6});
    struct setup u = replay(img);
    assert_false(u.replay.refused);
    assert_int_equal(u.replay.new_size, SIZE + 0x124000);
    assert_int_equal(u.replay.pages_changed, 1);
    assert_page(&u, d.off, page);
    done(&u);
    img_free(img);
}

/* ---- cost ---- */

static void enormous_zero_ranges_cost_nothing(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    img_set_log_guid(img, &img->log.guid);
    const uint64_t end = (uint64_t)1 << 47;
    struct img_log_desc d[100];
    for (uint32_t i = 0; i < 100; i++)
        d[i] =
            (struct img_log_desc){.off = 0x200000 + PAGE * (uint64_t)i, .len = end - 0x200000 - 2 * PAGE * (uint64_t)i};
    img_log_write(img, 0, &(struct img_log_entry){.sequence_number = 5, .last = end, .descs = d, .desc_count = 100});
    struct setup u = replay(img);
    assert_false(u.replay.refused);
    assert_int_equal(u.replay.new_size, end);
    assert_int_equal(u.replay.pages_touched, (end - 0x200000) / PAGE);
    assert_true(u.replay.pages_changed > 0 && u.replay.pages_changed < img->size / PAGE);
    assert_int_equal(u.replay.repeated_pages, (d[1].len + PAGE) / PAGE - 1);
    assert_true(u.source->read_bytes < 16 * MIB);
    assert_true(arena_used(u.arena) < 2 * MIB);
    done(&u);
    img_free(img);
}

static void memory_follows_descriptors_not_pages(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.log_len = 16 * MIB});
    img_log_begin(img, 0, 1);
    struct img_log_desc d[1000];
    for (uint32_t i = 0; i < 1000; i++)
        d[i] =
            (struct img_log_desc){.off = img->bat_off + PAGE * (uint64_t)(i % 200), .page = page_of(img, (uint8_t)i)};
    for (int n = 0; n < 4; n++)
        img_log_append(img, d, 1000);
    struct setup u = replay(img);
    assert_int_equal(u.log.active_count, 4);
    assert_int_equal(u.replay.pages_touched, 200);
    assert_page(&u, img->bat_off + 199 * PAGE, d[999].page);
    assert_true(arena_used(u.arena) < 2 * MIB); /* 4000 pages would be 16 MiB */
    done(&u);
    img_free(img);
}

/* ---- failures ---- */

static struct img *img_for_failures(void)
{
    struct img *img = img_create(NULL);
    img_fill(img, FREE, 0x10000, 1);
    struct img_log_desc d[] = {{.off = TARGET, .page = page_of(img, 100)},
                               {.off = FREE, .len = 0x10000},
                               {.off = FREE, .page = page_of(img, 10)}};
    img_make_dirty(img, d, 3);
    return img;
}

/* kept: the scan has kept the descriptors, and only pages are read. */
static void replay_what_cannot_be_read(bool kept)
{
    struct img *img = img_for_failures();
    struct source *s = img_source(img);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct log_scan log;
    unsigned refused = 0, compared = 0, good = 0;
    assert_int_equal(log_scan_run(a, s, img->log_off, img->log_len, &img->log.guid, &log), STATUS_OK);
    for (uint64_t i = 0; i < log.entry_count && !kept; i++)
        log.entries[i].kept = LOG_NOT_KEPT;
    for (uint64_t n = 1; good == 0; n++) {
        struct faulty f;
        struct replay r;
        struct source *over = faulty_over(&f, s);
        f.fail_read = n;
        assert_int_equal(replay_build(a, over, &log, &r), STATUS_OK);
        assert_true(r.attempted);
        assert_int_equal(r.refused, r.overlay == NULL);
        assert_int_equal(r.io_error, f.reads >= n);
        assert_int_equal(r.fault_count, 0);
        if (r.refused) /* descriptors that could not be read */
            refused++;
        else if (r.io_error) /* only the count of changed pages suffers */
            compared++;
        else
            good++;
        source_close(r.overlay);
    }
    assert_true(kept ? refused == 0 : refused >= 6);
    assert_true(compared >= 3);
    arena_destroy(a);
    source_close(s);
    img_free(img);
}

static void what_cannot_be_read_is_not_replayed(void **state)
{
    (void)state;
    replay_what_cannot_be_read(false);
    replay_what_cannot_be_read(true);
}

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    for (int bad = 0; bad < 2; bad++) { /* building an overlay, listing faults */
        struct img *img = img_for_failures();
        if (bad)
            img_log_append(img, &(struct img_log_desc){.off = 0, .len = PAGE}, 1);
        struct source *s = img_source(img);
        enum status st = STATUS_NO_MEMORY;
        for (uint64_t n = 2; st != STATUS_OK; n++) {
            struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
            struct log_scan log;
            struct replay r = {.new_size = 4711};
            assert_int_equal(log_scan_run(a, s, img->log_off, img->log_len, &img->log.guid, &log), STATUS_OK);
            arena_fail_at(a, n / 2, n % 2);
            st = replay_build(a, s, &log, &r);
            if (st == STATUS_OK)
                source_close(r.overlay);
            else
                assert_int_equal(r.new_size, 4711);
            assert_true(st == STATUS_OK ? n > (bad ? 3 : 8) : st == STATUS_NO_MEMORY);
            arena_destroy(a);
        }
        source_close(s);
        img_free(img);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_replay_is_not_attempted),
        cmocka_unit_test(a_logged_page_replaces_the_stored_one),
        cmocka_unit_test(an_equal_page_changes_nothing),
        cmocka_unit_test(a_zero_range_clears_what_is_there),
        cmocka_unit_test(pages_of_a_zero_range_are_compared_one_by_one),
        cmocka_unit_test(later_entries_and_later_descriptors_win),
        cmocka_unit_test(repetitions_in_long_ranges_are_counted_once),
        cmocka_unit_test(entries_before_the_tail_are_not_applied),
        cmocka_unit_test(wrapped_entries_are_replayed),
        cmocka_unit_test(empty_entries_only_change_nothing),
        cmocka_unit_test(bad_targets_refuse_the_replay),
        cmocka_unit_test(all_faults_are_counted_and_the_first_listed),
        cmocka_unit_test(a_file_shorter_than_the_head_says_is_refused),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(enormous_files_are_replayed),
        cmocka_unit_test(the_file_grows_to_what_the_head_says),
        cmocka_unit_test(targets_inside_any_size_of_the_sequence_are_good),
        cmocka_unit_test(enormous_zero_ranges_cost_nothing),
        cmocka_unit_test(memory_follows_descriptors_not_pages),
        cmocka_unit_test(what_cannot_be_read_is_not_replayed),
        cmocka_unit_test(memory_that_runs_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
