/* SPDX-License-Identifier: MIT */
/* UTF-16LE to UTF-8. Strict tells what is wrong; lossy puts U+FFFD there, so hostile strings still reach the report. */
#ifndef VHDXRAY_BASE_UTF16_H
#define VHDXRAY_BASE_UTF16_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"
#include "base/status.h"

struct utf16_text {
    const char *str;       /* UTF-8, NUL-terminated, may hold NULs inside (encoded as they are); arena-owned */
    size_t len;            /* bytes of str without the terminator */
    size_t units;          /* code units decoded */
    bool unpaired;         /* an unpaired surrogate was replaced by U+FFFD */
    bool odd_byte;         /* the span had a trailing odd byte, which was ignored */
    bool has_nul;          /* U+0000 occurs */
    bool has_control;      /* C0, DEL or C1 other than NUL occurs */
    size_t first_bad_unit; /* index of the first unpaired surrogate, when there is one */
};

/* Decodes all of s. STATUS_NO_MEMORY/LIMIT only. */
enum status utf16_decode(struct arena *a, struct span s, struct utf16_text *ret);

/* Well-formed UTF-8 to UTF-16LE at out (cap in bytes); false when invalid or too long. ret_len in bytes. */
bool utf16_encode(const char *utf8, size_t len, uint8_t *out, size_t cap, size_t *ret_len);

/*
 * Length (1-4) of the well-formed UTF-8 sequence that s starts with, its code point in *ret; 0 (ret untouched) when
 * there is none: empty, cut short, overlong, a surrogate or above U+10FFFF.
 */
size_t utf8_next(const char *s, size_t len, uint32_t *ret);

#endif
