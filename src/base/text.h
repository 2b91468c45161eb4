/* SPDX-License-Identifier: MIT */
/*
 * String builder over an arena. Never fails half-way: when memory runs out the text stays as it is, `failed` is set and
 * text_str() still returns a valid string.
 */
#ifndef VHDXRAY_BASE_TEXT_H
#define VHDXRAY_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

struct text {
    struct arena *arena;
    char *str;
    uint64_t cap;
    uint64_t len;
    bool exact; /* room for one piece, to which nothing is added */
    bool failed;
};

static inline struct text text_in(struct arena *a)
{
    return (struct text){.arena = a};
}

void text_add(struct text *t, const char *s);
void text_add_bytes(struct text *t, const char *s, size_t len);
__attribute__((format(printf, 2, 3))) void text_addf(struct text *t, const char *fmt, ...);
__attribute__((format(printf, 2, 0))) void text_vaddf(struct text *t, const char *fmt, va_list ap);
const char *text_str(const struct text *t); /* "" when empty; owned by the arena */

/* One-shot; "" when out of memory. */
__attribute__((format(printf, 2, 3))) const char *text_format(struct arena *a, const char *fmt, ...);
__attribute__((format(printf, 2, 0))) const char *text_vformat(struct arena *a, const char *fmt, va_list ap);

/*
 * Valid UTF-8 that is safe on a terminal: C0, DEL, C1, bidirectional controls and U+2028/9 become \u{hex}, invalid bytes
 * \x{hex}; everything else is copied. For text that came from an image or a file name.
 */
void text_add_printable(struct text *t, const char *s, size_t len);
const char *text_printable(struct arena *a, const char *s, size_t len);

/* "0x1f" style; and sizes for people: "38.2 GiB", "512 bytes". */
void text_add_size(struct text *t, uint64_t bytes);
const char *text_size(struct arena *a, uint64_t bytes);

#endif
