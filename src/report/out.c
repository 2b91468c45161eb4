/* SPDX-License-Identifier: MIT */
/* Text for people. Whatever came from an image is escaped on its way out, a second time if a rule already did so. */
#include "report/out.h"

#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "base/utf16.h"

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

/* Columns of a character on a terminal: none for combining marks, two for the wide ones of East Asia and pictures. */
static unsigned columns_of(uint32_t c)
{
    static const struct {
        uint32_t first, last;
        unsigned columns;
    } ranges[] = {
        {0x0300, 0x036f, 0}, {0x1100, 0x115f, 2}, {0x200b, 0x200d, 0},   {0x20d0, 0x20ff, 0},   {0x2e80, 0xa4cf, 2},
        {0xac00, 0xd7a3, 2}, {0xf900, 0xfaff, 2}, {0xfe00, 0xfe0f, 0},   {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2},
        {0xffe0, 0xffe6, 2}, {0xfeff, 0xfeff, 0}, {0x1f300, 0x1faff, 2}, {0x20000, 0x3fffd, 2},
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (c >= ranges[i].first && c <= ranges[i].last)
            return ranges[i].columns;
    }
    return 1;
}

/* s is printable text: well-formed, and without controls. */
static unsigned columns(const char *s, size_t len)
{
    unsigned n = 0;

    for (size_t i = 0; i < len;) {
        uint32_t c = 0;
        size_t used = utf8_next(s + i, len - i, &c);

        n += columns_of(c);
        i += u64_max(used, 1);
    }
    return n;
}

void out_wrapped(struct report *r, unsigned at, unsigned indent, const char *s)
{
    const char *text;

    if (s == NULL)
        return;
    text = is_plain(s, strlen(s)) ? s : text_printable(r->scratch, s, strlen(s));
    if (r->width == 0) {
        (void)fputs(text, r->out);
        return;
    }
    while (*text != '\0') {
        size_t gap = strspn(text, " "), word = strcspn(text + gap, " ");
        unsigned wide = columns(text + gap, word);

        if (at > indent && at + gap + wide > r->width && word > 0) {
            out_printf(r, "\n%*s", (int)indent, "");
            at = indent;
            gap = 0;
            text += strspn(text, " ");
        }
        (void)fwrite(text, 1, gap + word, r->out);
        at += (unsigned)gap + wide;
        text += gap + word;
    }
}

void out_color(struct report *r, enum paint p)
{
    static const char *const codes[PAINT_COUNT] = {
        [PAINT_ERROR] = "1;31",     [PAINT_WARNING] = "33",     [PAINT_INFO] = "36",        [PAINT_GOOD] = "32",
        [PAINT_DIM] = "2",          [PAINT_FIELD] = "1;36",     [PAINT_FIELD + 1] = "1;33", [PAINT_FIELD + 2] = "1;35",
        [PAINT_FIELD + 3] = "1;32", [PAINT_FIELD + 4] = "1;34", [PAINT_FIELD + 5] = "1;37",
    };

    if (r->color && codes[p] != NULL)
        out_printf(r, "\x1b[%sm", codes[p]);
}

void out_plain(struct report *r)
{
    if (r->color)
        (void)fputs("\x1b[0m", r->out);
}

void out_paint(struct report *r, enum paint p, const char *word, int width)
{
    int pad = width - (int)strlen(word);

    if (p != PAINT_NONE)
        out_color(r, p);
    (void)fputs(word, r->out);
    if (p != PAINT_NONE)
        out_plain(r);
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
