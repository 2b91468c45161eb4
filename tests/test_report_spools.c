/* SPDX-License-Identifier: MIT */
/*
 * SARIF and HTML keep parts of a report aside until its end, in temporary files or, where there are none, in memory.
 * Each of these in turn cannot be had, cannot take what is written, or cannot be read back: the report is the very
 * same, or says that it is not whole. Calls are stood in for by --wrap (variant.ninja).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include "build.h"
#include "reports.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

/* ---- calls ---- */

enum broken { NOTHING, OPENING, READING, WRITING };

static struct {
    bool no_files;
    enum broken what;
    unsigned calls, fail_at;
} fault;

static bool fails(enum broken what)
{
    if (what != fault.what || ++fault.calls != fault.fail_at)
        return false;
    errno = ENOMEM;
    return true;
}

FILE *__real_tmpfile64(void);
FILE *__wrap_tmpfile64(void);
FILE *__wrap_tmpfile64(void)
{
    FILE *full;

    if (fault.no_files) {
        errno = ENOSPC;
        return NULL;
    }
    if (!fails(WRITING))
        return __real_tmpfile64();
    full = fopen("/dev/full", "w+"); /* takes nothing, and says so late */
    assert_non_null(full);
    return full;
}

FILE *__real_open_memstream(char **text, size_t *len);
FILE *__wrap_open_memstream(char **text, size_t *len);
FILE *__wrap_open_memstream(char **text, size_t *len)
{
    return fails(OPENING) ? NULL : __real_open_memstream(text, len);
}

FILE *__real_fmemopen(void *buf, size_t len, const char *mode);
FILE *__wrap_fmemopen(void *buf, size_t len, const char *mode);
FILE *__wrap_fmemopen(void *buf, size_t len, const char *mode)
{
    return fails(READING) ? NULL : __real_fmemopen(buf, len, mode);
}

/* ---- reports ---- */

/* Two images, so that there is a table of contents; free() it. */
static char *report(const struct checked *c, enum report_format format, enum status *ret_begun, enum status *ret_ended)
{
    char *text = NULL;
    size_t len = 0;
    struct report r = {.format = format};

    r.out = __real_open_memstream(&text, &len);
    assert_non_null(r.out);
    FILE *out = r.out;
    *ret_ended = STATUS_OK;
    *ret_begun = report_begin(&r, "images");
    if (*ret_begun == STATUS_OK) {
        report_check(&r, c->result);
        report_check(&r, c->result);
        report_unopened(&r, "gone.vhdx", "it is not there");
        *ret_ended = report_end(&r);
    }
    assert_int_equal(fclose(out), 0);
    return text;
}

static void parts_that_cannot_be_kept(void **state)
{
    struct img *img = img_create(NULL);
    enum status begun, ended;

    (void)state;
    img_bat_set(img, 9, img_bat_get(img, 0));
    struct checked c = reports_check(img, "x.vhdx", 1000);
    for (enum report_format f = REPORT_SARIF; f <= REPORT_HTML; f++) {
        memset(&fault, 0, sizeof(fault));
        char *whole = report(&c, f, &begun, &ended);
        assert_int_equal(ended, STATUS_OK);
        fault.no_files = true;
        char *same = report(&c, f, &begun, &ended);
        assert_int_equal(ended, STATUS_OK);
        assert_string_equal(same, whole);
        free(same);
        for (enum broken what = OPENING; what <= WRITING; what++) {
            unsigned failures = 0, told = 0;
            fault.what = what;
            fault.no_files = what != WRITING;
            for (bool failed = true; failed; failures += failed) {
                fault.calls = 0;
                fault.fail_at = failures + 1;
                char *text = report(&c, f, &begun, &ended);
                failed = fault.calls >= fault.fail_at;
                if (begun != STATUS_OK)
                    assert_int_equal(begun, STATUS_NO_MEMORY);
                assert_int_equal(begun != STATUS_OK, failed && what == OPENING);
                if (what == READING)
                    assert_int_equal(ended != STATUS_OK, failed);
                if (begun == STATUS_OK && ended == STATUS_OK) /* a part may have had nothing to keep */
                    assert_string_equal(text, whole);
                told += begun != STATUS_OK || ended != STATUS_OK;
                free(text);
            }
            assert_true(told > 0);
            assert_int_equal(failures, f == REPORT_HTML ? 2 : 5); /* body and contents; results, artifacts, notes */
        }
        free(whole);
    }
    reports_done(&c);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts_that_cannot_be_kept)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
