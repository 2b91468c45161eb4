/* SPDX-License-Identifier: MIT */
/* Reading ahead: whatever is read in whatever order, bytes, errors and counters are those of a source that does not. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/ahead.h"

enum { KIB = 1024, SIZE = 6 * 1024 * KIB + 777 };

static char path[] = "/tmp/vhdxray-ahead-XXXXXX";
static int file;
static struct ahead *ahead;
static struct source *with, *without;
static uint8_t *a, *b;

static struct source *open_file(void)
{
    struct source *s = NULL;
    struct file_info info;
    char message[256];
    assert_int_equal(file_open(path, &s, &info, message, sizeof(message)), STATUS_OK);
    return s;
}

/* The bytes of a place depend on it, so that a window in another's place is seen. */
static int enter(void **state)
{
    (void)state;
    uint32_t *words = (uint32_t *)calloc(SIZE / 4 + 1, 4);
    strcpy(path, "/tmp/vhdxray-ahead-XXXXXX");
    file = mkstemp(path);
    a = (uint8_t *)malloc(SIZE);
    b = (uint8_t *)malloc(SIZE);
    if (file < 0 || words == NULL || a == NULL || b == NULL)
        return -1;
    for (uint32_t i = 0; i < SIZE / 4 + 1; i++)
        words[i] = i * 2654435761U;
    if (write(file, words, SIZE) != SIZE)
        return -1;
    free(words);
    ahead = ahead_start();
    if (ahead == NULL)
        return -1;
    with = open_file();
    without = open_file();
    file_use_ahead(with, ahead);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    source_close(with);
    source_close(without);
    ahead_stop(ahead);
    free(a);
    free(b);
    close(file);
    return unlink(path);
}

/* One read by both: the same answer. */
static enum status read_both(uint64_t off, size_t len)
{
    memset(a, 0x55, len);
    memset(b, 0xAA, len);
    enum status st = source_read(without, off, b, len);
    assert_int_equal(source_read(with, off, a, len), st);
    if (st == STATUS_OK)
        assert_memory_equal(a, b, len);
    assert_int_equal(with->read_calls, without->read_calls);
    assert_int_equal(with->read_bytes, without->read_bytes);
    assert_int_equal(with->failed_reads, without->failed_reads);
    assert_int_equal(with->error_off, without->error_off);
    assert_int_equal(with->error_errno, without->error_errno);
    return st;
}

static void windows_one_behind_the_other(void **state)
{
    (void)state;
    static const size_t lengths[] = {4 * KIB, 32 * KIB, 100 * KIB + 24, 128 * KIB, 1024 * KIB, 2048 * KIB};
    for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
        for (uint64_t off = 0; off < SIZE; off += lengths[l]) {
            size_t len = SIZE - off < lengths[l] ? (size_t)(SIZE - off) : lengths[l];
            assert_int_equal(read_both(off, len), STATUS_OK);
        }
    }
}

/* Streams that break off, go back, change their length, and a second stream in between. */
static void plans_that_come_to_nothing(void **state)
{
    (void)state;
    uint32_t draw = 1;
    for (unsigned i = 0; i < 400; i++) {
        draw = draw * 1664525 + 1013904223;
        uint64_t off = draw % SIZE;
        size_t len = (size_t)(32 * KIB + draw % (64 * KIB));
        unsigned reads = draw >> 24 & 31;
        for (unsigned r = 0; r < reads && off + len <= SIZE; r++, off += len)
            assert_int_equal(read_both(off, len), STATUS_OK);
        if (draw >> 30 == 0)
            assert_int_equal(read_both(0, 16), STATUS_OK);
    }
}

/* A file that becomes shorter while it is read fails at the window that is not there, and not before. */
static void file_that_shrinks(void **state)
{
    (void)state;
    enum { LEN = 64 * KIB, WHOLE = 3 * 1024 * KIB / LEN };
    assert_int_equal(ftruncate(file, (off_t)WHOLE * LEN + 1000), 0);
    for (uint64_t i = 0; i < SIZE / LEN; i++)
        assert_int_equal(read_both(i * LEN, LEN), i < WHOLE ? STATUS_OK : STATUS_IO);
    assert_int_equal(read_both(0, LEN), STATUS_OK);
}

/* Sources take turns with one thread; one is closed in the middle of its stream. */
static void many_sources(void **state)
{
    (void)state;
    enum { LEN = 40 * KIB };
    struct source *other = open_file();
    file_use_ahead(other, ahead);
    for (uint64_t i = 0; i < 30; i++) {
        assert_int_equal(read_both(i * LEN, LEN), STATUS_OK);
        if (i % 10 == 9) {
            for (uint64_t k = 0; k < 12; k++) {
                assert_int_equal(source_read(other, (i + k) * LEN, a, LEN), STATUS_OK);
                assert_int_equal(source_read(without, (i + k) * LEN, b, LEN), STATUS_OK);
                assert_memory_equal(a, b, LEN);
                with->read_calls++;
                with->read_bytes += LEN;
            }
        }
    }
    source_close(other);
    for (uint64_t i = 0; i < 30; i++)
        assert_int_equal(read_both(i * LEN, LEN), STATUS_OK);
}

/* It is used: a stream's windows are there without a read of the one who asks. */
static void stream_is_read_ahead(void **state)
{
    (void)state;
    enum { LEN = 64 * KIB };
    unsigned taken = 0;
    for (uint64_t i = 0; i < SIZE / LEN; i++) {
        if (ahead_read(ahead, file, SIZE, i * LEN, a, LEN)) {
            taken++;
            assert_int_equal(pread(file, b, LEN, (off_t)(i * LEN)), LEN);
            assert_memory_equal(a, b, LEN);
        }
        usleep(1000);
    }
    assert_true(taken > SIZE / LEN / 2);
    ahead_forget(ahead, file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(windows_one_behind_the_other, enter, leave),
        cmocka_unit_test_setup_teardown(plans_that_come_to_nothing, enter, leave),
        cmocka_unit_test_setup_teardown(file_that_shrinks, enter, leave),
        cmocka_unit_test_setup_teardown(many_sources, enter, leave),
        cmocka_unit_test_setup_teardown(stream_is_read_ahead, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
