/* SPDX-License-Identifier: MIT */
/* Writing behind: whatever is queued in whatever sizes, the file ends as if it had been written at once. */
#include <errno.h>
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

#include "io/behind.h"
#include "io/host.h"

enum { ROUNDS = 60, SIZE = ROUNDS * BEHIND_BUFFER };

static char path[] = "/tmp/vhdxray-behind-XXXXXX";
static int file;
static struct behind *behind;
static uint8_t *expected, *found;

static int enter(void **state)
{
    (void)state;
    strcpy(path, "/tmp/vhdxray-behind-XXXXXX");
    file = mkstemp(path);
    expected = (uint8_t *)calloc(1, SIZE);
    found = (uint8_t *)calloc(1, SIZE);
    behind = behind_start();
    return file < 0 || expected == NULL || found == NULL || behind == NULL || ftruncate(file, SIZE) != 0 ? -1 : 0;
}

static int leave(void **state)
{
    (void)state;
    behind_stop(behind);
    free(expected);
    free(found);
    close(file);
    return unlink(path);
}

static void assert_written(void)
{
    assert_int_equal(behind_flush(behind), 0);
    assert_true(host_read(file, found, SIZE, 0, NULL));
    assert_memory_equal(found, expected, SIZE);
}

/* Every round fills a buffer with bytes of its own, and queues parts of it, the gaps between them growing. */
static void parts_get_to_their_places(void **state)
{
    (void)state;
    for (size_t round = 0; round < ROUNDS; round++) {
        uint8_t *buf = behind_buffer(behind);
        const size_t base = round * BEHIND_BUFFER, len = round % 7 == 0 ? BEHIND_BUFFER : 1 + round * 331;
        for (size_t i = 0; i < BEHIND_BUFFER; i++)
            buf[i] = (uint8_t)(1 + (i * 7 + round * 131) % 251);
        for (size_t at = 0; at + len <= BEHIND_BUFFER; at += len + round) {
            assert_int_equal(behind_write(behind, file, buf + at, len, base + at), 0);
            memcpy(expected + base + at, buf + at, len);
        }
    }
    assert_written();
}

/* More parts than can wait. */
static void many_small_parts(void **state)
{
    (void)state;
    uint8_t *buf = behind_buffer(behind);
    for (size_t i = 0; i < BEHIND_BUFFER; i++)
        buf[i] = expected[i] = (uint8_t)(i * 13 + 5);
    for (size_t at = 0; at < BEHIND_BUFFER; at += 64)
        assert_int_equal(behind_write(behind, file, buf + at, 64, at), 0);
    assert_written();
}

/* Later parts come later, also onto the same place. */
static void in_the_order_of_the_queue(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 100; round++) {
        uint8_t *buf = behind_buffer(behind);
        memset(buf, (int)round, BEHIND_BUFFER);
        assert_int_equal(behind_write(behind, file, buf, BEHIND_BUFFER, 512), 0);
    }
    memset(expected + 512, 99, BEHIND_BUFFER);
    assert_written();
}

/* What is queued when it is stopped gets there. */
static void stopping_writes(void **state)
{
    (void)state;
    uint8_t *buf = behind_buffer(behind);
    memset(buf, 3, BEHIND_BUFFER);
    memset(expected, 3, BEHIND_BUFFER);
    assert_int_equal(behind_write(behind, file, buf, BEHIND_BUFFER, 0), 0);
    behind_stop(behind);
    behind = behind_start();
    assert_non_null(behind);
    assert_written();
}

/* After a part that could not be written nothing else is, and who asks is told why. */
static void the_first_error_stays(void **state)
{
    (void)state;
    int reads_only = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *buf = behind_buffer(behind);
    memset(buf, 4, BEHIND_BUFFER);
    memset(expected, 4, 100);
    assert_int_equal(behind_write(behind, file, buf, 100, 0), 0);
    (void)behind_write(behind, reads_only, buf, 100, 100);
    (void)behind_write(behind, file, buf, 100, 200);
    assert_int_equal(behind_flush(behind), EBADF);
    assert_int_equal(behind_write(behind, file, buf, 100, 300), EBADF);
    assert_int_equal(behind_flush(behind), EBADF);
    close(reads_only);
    assert_true(host_read(file, found, SIZE, 0, NULL));
    assert_memory_equal(found, expected, SIZE);
}

static void nothing_to_stop(void **state)
{
    (void)state;
    behind_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_get_to_their_places, enter, leave),
        cmocka_unit_test_setup_teardown(many_small_parts, enter, leave),
        cmocka_unit_test_setup_teardown(in_the_order_of_the_queue, enter, leave),
        cmocka_unit_test_setup_teardown(stopping_writes, enter, leave),
        cmocka_unit_test_setup_teardown(the_first_error_stays, enter, leave),
        cmocka_unit_test(nothing_to_stop),
    };
    return cmocka_run_group_tests_name("behind", tests, NULL, NULL);
}
