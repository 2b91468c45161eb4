/* SPDX-License-Identifier: MIT */
/* Text for people. Whatever came from an image is escaped on its way out, a second time if a rule already did so. */
#include "report/out.h"

#include <string.h>

#include "base/text.h"

enum { SCRATCH_RENEW = 256 << 10 };

struct arena *report_scratch(struct report *r)
{
    if (arena_used(r->scratch) > SCRATCH_RENEW && arena_status(r->scratch) == STATUS_OK) {
        struct arena *fresh = arena_create(SCRATCH_BUDGET);
        if (fresh != NULL) {
            arena_destroy(r->scratch);
            r->scratch = fresh;
        }
    }
    return r->scratch;
}

void out_printf(struct report *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vfprintf(r->out, fmt, ap);
    va_end(ap);
}

static bool is_plain(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] < 0x20 || s[i] > 0x7e) /* char may be signed: bytes above 127 are not plain either way */
            return false;
    }
    return true;
}

void out_safe_bytes(struct report *r, const char *s, size_t len)
{
    if (is_plain(s, len))
        (void)fwrite(s, 1, len, r->out);
    else
        (void)fputs(text_printable(r->scratch, s, len), r->out);
}

void out_safe(struct report *r, const char *s)
{
    if (s != NULL)
        out_safe_bytes(r, s, strlen(s));
}

void out_paint(struct report *r, enum paint p, const char *word, int width)
{
    static const char *const codes[] = {
        [PAINT_NONE] = "",   [PAINT_ERROR] = "1;31", [PAINT_WARNING] = "33",
        [PAINT_INFO] = "36", [PAINT_GOOD] = "32",    [PAINT_DIM] = "2",
    };
    int pad = width - (int)strlen(word);

    if (r->color && p != PAINT_NONE)
        out_printf(r, "\x1b[%sm%s\x1b[0m", codes[p], word);
    else
        (void)fputs(word, r->out);
    out_printf(r, "%*s", pad > 0 ? pad : 0, "");
}

enum paint severity_paint(enum severity s)
{
    return s == SEVERITY_ERROR ? PAINT_ERROR : s == SEVERITY_WARNING ? PAINT_WARNING : PAINT_INFO;
}

const char *group_digits(struct arena *a, uint64_t v)
{
    char plain[24], grouped[32];
    int len = snprintf(plain, sizeof(plain), "%llu", (unsigned long long)v);
    size_t n = 0;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            grouped[n++] = ',';
        grouped[n++] = plain[i];
    }
    grouped[n] = '\0';
    return text_format(a, "%s", grouped);
}

const char *count_noun(struct arena *a, uint64_t v, const char *noun)
{
    return text_format(a, "%s %s%s", group_digits(a, v), noun, v == 1 ? "" : "s");
}
