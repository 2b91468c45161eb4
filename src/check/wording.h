/* SPDX-License-Identifier: MIT */
/* How messages word what they found: text from an image, sizes, residue, randomness. Everything lives in the run's
 * arena. */
#ifndef VHDXRAY_CHECK_WORDING_H
#define VHDXRAY_CHECK_WORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/guid.h"
#include "base/text.h"
#include "check/rule.h"

enum {
    SHOWN_KEY = 64,   /* bytes of a key, a name */
    SHOWN_PATH = 512, /* of a path */
};

/* Whether a finding of the rule that runs was not kept already (--max-findings), so that the next needs no words. */
bool only_counts(const struct probe *p);
/* For its words; what is added to them then goes nowhere. So their length is nothing to judge by. */
struct text words_of(struct probe *p);

/*
 * Words for a finding of the rule that runs, before fail() or behind it; "" when it would not be kept anyway.
 *
 * Text that came from an image or a path, safe on a terminal, cut behind at most `max` bytes on a character boundary; a
 * cut text ends with "..." and its true length.
 */
const char *shown(struct probe *p, const char *s, size_t len, size_t max);
/* "12582912 bytes (12 MiB)"; small or odd sizes without the rounding. */
const char *shown_bytes(struct probe *p, uint64_t bytes);
/* The name of a known GUID, else its text. */
const char *shown_guid(struct probe *p, const struct guid *g);
/* "nil" or the text. */
const char *shown_plain_guid(struct probe *p, const struct guid *g);

/*
 * Whether [off, off + len) of a view holds anything, in words: "all of it is zero", "some of it is not zero", "the
 * first 64 MiB of it are zero". Data that is read counts against *budget, LIMIT_RESIDUE_SCAN at first. Read errors go
 * to the report.
 */
const char *shown_residue(struct probe *p, struct view *v, uint64_t off, uint64_t len, uint64_t *budget);

/* The ending of a noun behind a number. */
static inline const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* Shannon entropy in tenths of a bit per byte, 0..80. */
unsigned entropy_tenths(const uint8_t *bytes, size_t len);

/* Non-zero bytes of a span from `off` on: how many, and the offset in the span of the first. */
struct span_residue {
    uint64_t bytes;
    size_t first;
};
struct span_residue span_residue(struct span s, size_t off);

#endif
