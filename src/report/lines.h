/* SPDX-License-Identifier: MIT */
/*
 * Many short lines, quickly: a map can have tens of millions, and printf() would take longer than finding them. Numbers
 * are written by hand into a buffer; what is written here needs no escaping. Internal to report/.
 */
#ifndef VHDXRAY_REPORT_LINES_H
#define VHDXRAY_REPORT_LINES_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LINES_BUFFER = 64 * 1024, LINE_MOST = 512 /* bytes between two calls of lines_room() */ };

struct lines {
    FILE *out;
    char *next;
    char buf[LINES_BUFFER];
};

static inline void lines_begin(struct lines *l, FILE *out)
{
    l->out = out;
    l->next = l->buf;
}

static inline void lines_flush(struct lines *l)
{
    (void)fwrite(l->buf, 1, (size_t)(l->next - l->buf), l->out);
    l->next = l->buf;
}

/* Makes room for the next line. */
static inline void lines_room(struct lines *l)
{
    if (LINES_BUFFER - (l->next - l->buf) < LINE_MOST)
        lines_flush(l);
}

static inline void lines_bytes(struct lines *l, const char *s, size_t len)
{
    memcpy(l->next, s, len);
    l->next += len;
}

/* A string literal. */
#define LINES_LITERAL(l, s) lines_bytes(l, s, sizeof(s) - 1)

static inline void lines_text(struct lines *l, const char *s)
{
    lines_bytes(l, s, strlen(s));
}

/* Decimal, or hexadecimal with 0x, right-aligned in `width` columns. */
void lines_u64(struct lines *l, uint64_t v);
void lines_hex(struct lines *l, uint64_t v, unsigned width);
void lines_right(struct lines *l, const char *s, unsigned width);

#endif
