/* SPDX-License-Identifier: MIT */
/* A source over callbacks: what it hands on, and what it does not believe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "io/callbacks.h"

enum { SIZE = 1000 };

/* Answers with what the test put here. */
struct answer {
    int error;
    uint64_t data, hole;
    uint64_t off;
    size_t len;
    unsigned calls;
};

static int answer_read(void *context, uint64_t off, void *buf, size_t len)
{
    struct answer *a = context;
    a->calls++;
    a->off = off;
    a->len = len;
    memset(buf, 0x5a, len);
    return a->error;
}

static int answer_next_data(void *context, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    struct answer *a = context;
    a->calls++;
    a->off = off;
    *ret_data = a->data;
    *ret_hole = a->hole;
    return a->error;
}

static void reading(void **state)
{
    (void)state;
    struct answer a = {.error = 0};
    struct source *s = callbacks_open(&(struct callbacks){.context = &a, .read = answer_read}, SIZE);
    uint8_t buf[16] = {0};

    assert_non_null(s);
    assert_int_equal(s->size, SIZE);
    assert_int_equal(source_read(s, 984, buf, 16), STATUS_OK);
    assert_int_equal(a.off, 984);
    assert_int_equal(a.len, 16);
    assert_int_equal(buf[15], 0x5a);
    a.error = ENETDOWN;
    assert_int_equal(source_read(s, 7, buf, 16), STATUS_IO);
    assert_int_equal(s->error_off, 7);
    assert_int_equal(s->error_errno, ENETDOWN);
    /* Never asked for what is not there. */
    a.calls = 0;
    assert_int_equal(source_read(s, 985, buf, 16), STATUS_RANGE);
    assert_int_equal(a.calls, 0);
    source_close(s);
}

static void holes(void **state)
{
    (void)state;
    static const struct {
        int error;
        uint64_t data, hole;           /* the answer to "from 100 on" */
        uint64_t want_data, want_hole; /* what is made of it */
    } rows[] = {
        {0, 100, 200, 100, 200},
        {0, 150, 200, 150, 200},
        {0, 150, SIZE, 150, SIZE},
        {0, SIZE, SIZE, SIZE, SIZE},           /* nothing but zeros */
        {0, SIZE, SIZE + 1, SIZE, SIZE},       /* the same; the second number says nothing */
        {0, SIZE, UINT64_MAX, SIZE, SIZE},
        {0, 99, 200, 100, SIZE},               /* data before the place: not believed, everything is data */
        {0, 0, 0, 100, SIZE},
        {0, 100, 100, 100, SIZE},              /* no step forward */
        {0, 150, 149, 100, SIZE},
        {0, SIZE, 5, 100, SIZE},
        {0, 150, SIZE + 1, 100, SIZE},         /* past the end */
        {0, SIZE + 1, SIZE + 2, 100, SIZE},
        {0, UINT64_MAX, UINT64_MAX, 100, SIZE},
        {EINVAL, 150, 200, 100, SIZE},         /* it does not know */
        {EINVAL, SIZE, SIZE, 100, SIZE},
    };
    struct answer a;
    struct callbacks c = {.context = &a, .read = answer_read, .next_data = answer_next_data};
    struct source *s = callbacks_open(&c, SIZE);
    uint64_t data, hole;

    assert_non_null(s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        a = (struct answer){.error = rows[i].error, .data = rows[i].data, .hole = rows[i].hole};
        assert_int_equal(source_next_data(s, 100, &data, &hole), STATUS_OK);
        assert_int_equal(a.off, 100);
        assert_int_equal(data, rows[i].want_data);
        assert_int_equal(hole, rows[i].want_hole);
    }
    source_close(s);

    c.next_data = NULL;
    s = callbacks_open(&c, SIZE);
    assert_non_null(s);
    assert_int_equal(source_next_data(s, 100, &data, &hole), STATUS_OK);
    assert_int_equal(data, 100);
    assert_int_equal(hole, SIZE);
    source_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
