/* SPDX-License-Identifier: MIT */
/* What a report says, for tests that look for its words. To be included behind cmocka.h. */
#ifndef VHDXRAY_TESTS_SAID_H
#define VHDXRAY_TESTS_SAID_H

#include <stdio.h>
#include <string.h>

#include "report/report.h"

struct said {
    struct report r;
    char *text; /* to be freed */
    size_t len;
};

static inline void said_open(struct said *s, enum report_format format)
{
    *s = (struct said){.r = {.format = format}};
    s->r.out = open_memstream(&s->text, &s->len);
    assert_non_null(s->r.out);
}

static inline void said_close(struct said *s)
{
    assert_int_equal(fclose(s->r.out), 0);
}

static inline void assert_says(const struct said *s, const char *words)
{
    if (strstr(s->text, words) == NULL)
        fail_msg("\"%s\" is not in\n%s", words, s->text);
}

static inline void assert_silent(const struct said *s, const char *words)
{
    if (strstr(s->text, words) != NULL)
        fail_msg("\"%s\" is in\n%s", words, s->text);
}

#endif
