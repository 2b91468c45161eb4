/* SPDX-License-Identifier: MIT */
/* Numbers into a buffer, two decimal digits at a time. */
#include "report/lines.h"

static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                            "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

void lines_u64(struct lines *l, uint64_t v)
{
    char digits[20];
    char *p = digits + sizeof(digits);

    for (; v >= 100; v /= 100) {
        p -= 2;
        memcpy(p, pairs + 2 * (v % 100), 2);
    }
    if (v >= 10) {
        p -= 2;
        memcpy(p, pairs + 2 * v, 2);
    } else {
        *--p = (char)('0' + v);
    }
    lines_bytes(l, p, (size_t)(digits + sizeof(digits) - p));
}

static void spaces(struct lines *l, size_t used, unsigned width)
{
    size_t n = used < width ? width - used : 0;

    memset(l->next, ' ', n);
    l->next += n;
}

void lines_right(struct lines *l, const char *s, unsigned width)
{
    spaces(l, strlen(s), width);
    lines_text(l, s);
}

void lines_hex(struct lines *l, uint64_t v, unsigned width)
{
    char digits[18];
    char *p = digits + sizeof(digits);

    do {
        *--p = "0123456789abcdef"[v & 15];
        v >>= 4;
    } while (v > 0);
    *--p = 'x';
    *--p = '0';
    spaces(l, (size_t)(digits + sizeof(digits) - p), width);
    lines_bytes(l, p, (size_t)(digits + sizeof(digits) - p));
}
