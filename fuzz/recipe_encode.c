/* SPDX-License-Identifier: MIT */
/*
 * Makes a recipe of an image. The file is read in windows of 64 KiB, holes are skipped, and what is not zero becomes
 * operations: a sequence where block addresses rise steadily, as in a BAT, a fill where a byte repeats, else bytes,
 * until enough zeros come to be worth a new operation. Each offset is written from the anchor that the bytes belong to,
 * so that the recipe stays whole when an engine moves a structure; the encoder keeps the same shadows as the decoder
 * and so knows where anchors lie.
 *
 * Windows do not overlap and operations do not cross them: any file decodes to its own bytes.
 */
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/span.h"
#include "fuzz/recipe_parts.h"

enum {
    WINDOW = 65536,
    GAP = 8,              /* zeros that end an operation: about what the next one costs */
    FILL_MIN = 16,        /* equal bytes worth an operation */
    SEQUENCE_MIN = 4,     /* u64s worth one */
    ANCHOR_REACH = 65536, /* what lies this near behind a structure's start belongs to it */
};

struct writer {
    struct kitchen kitchen;
    uint8_t *buf;
    size_t cap, len;
    bool full;
};

static void put_bytes(struct writer *w, const void *ptr, size_t len)
{
    if (w->full || len > w->cap - w->len) {
        w->full = true;
        return;
    }
    memcpy(w->buf + w->len, ptr, len);
    w->len += len;
}

static void put_number(struct writer *w, uint64_t v, size_t bytes)
{
    uint8_t le[8];

    put_le64(le, v);
    put_bytes(w, le, bytes);
}

/* ---- places ---- */

struct place {
    enum recipe_anchor anchor;
    uint16_t mib;
    uint64_t delta; /* the offset itself when EXPLICIT */
};

static size_t delta_len(uint64_t delta)
{
    return delta == 0 ? 0 : delta <= UINT8_MAX ? 1 : delta <= UINT16_MAX ? 2 : 4;
}

/* Of the anchors first..last the one whose delta is shortest, if it is below `reach`. */
static bool nearest(struct writer *w, uint64_t off, enum recipe_anchor first, enum recipe_anchor last, uint64_t reach,
                    struct place *ret)
{
    bool found = false;

    for (enum recipe_anchor a = first; a <= last; a++) {
        uint64_t base = a == ANCHOR_MIB ? 0 : kitchen_anchor(&w->kitchen, a, 0);
        if (a == ANCHOR_MIB || a == ANCHOR_END || off < base || off - base >= reach)
            continue;
        if (!found || delta_len(off - base) < delta_len(ret->delta))
            *ret = (struct place){.anchor = a, .delta = off - base};
        found = true;
    }
    return found;
}

static struct place place_of(struct writer *w, uint64_t off)
{
    struct place p;

    if (nearest(w, off, ANCHOR_START, ANCHOR_BAT, ANCHOR_REACH, &p) ||
        nearest(w, off, ANCHOR_NEXT, ANCHOR_NEXT_MIB, ANCHOR_REACH, &p))
        return p;
    if (off / MIB <= UINT16_MAX)
        return (struct place){.anchor = ANCHOR_MIB, .mib = (uint16_t)(off / MIB), .delta = off % MIB};
    return (struct place){.anchor = ANCHOR_EXPLICIT, .delta = off};
}

static void put_place(struct writer *w, uint64_t off, enum recipe_content content)
{
    static const enum recipe_delta kinds[5] = {DELTA_NONE, DELTA_U8, DELTA_U16, DELTA_NONE, DELTA_U32};
    struct place p = place_of(w, off);
    size_t len = p.anchor == ANCHOR_EXPLICIT ? 8 : delta_len(p.delta);
    unsigned kind = p.anchor == ANCHOR_EXPLICIT ? DELTA_NONE : kinds[len];

    put_number(w, (unsigned)p.anchor | (unsigned)content << 4 | kind << 6, 1);
    if (p.anchor == ANCHOR_MIB)
        put_number(w, p.mib, 2);
    put_number(w, p.delta, len);
}

/* ---- operations; each behaves as its decoding will ---- */

static void laid(struct writer *w, uint64_t off, const uint8_t *ptr, uint64_t len)
{
    kitchen_lay(&w->kitchen, off, ptr, len);
    w->kitchen.next = off + len;
}

static void put_count(struct writer *w, uint64_t n)
{
    if (n <= UINT8_MAX) {
        put_number(w, n, 1);
    } else {
        put_number(w, 0, 1);
        put_number(w, n, 2);
    }
}

static void put_content(struct writer *w, uint64_t off, const uint8_t *ptr, size_t len)
{
    put_place(w, off, len <= UINT8_MAX ? CONTENT_SHORT : CONTENT_BYTES);
    put_number(w, len, len <= UINT8_MAX ? 1 : 2);
    put_bytes(w, ptr, len);
    laid(w, off, ptr, len);
}

static void put_fill(struct writer *w, uint64_t off, const uint8_t *ptr, size_t len)
{
    put_place(w, off, CONTENT_FILL);
    put_number(w, *ptr, 1);
    put_count(w, len);
    laid(w, off, ptr, len);
}

static void put_sequence(struct writer *w, uint64_t off, const uint8_t *ptr, uint64_t count)
{
    put_place(w, off, CONTENT_SEQUENCE);
    put_number(w, le64(ptr), 8);
    put_count(w, count);
    put_number(w, (le64(ptr + 8) - le64(ptr)) / MIB, 2);
    w->kitchen.generated += count * 8;
    laid(w, off, ptr, count * 8);
}

/* ---- what the bytes are ---- */

static size_t fill_length(const uint8_t *p, size_t len)
{
    size_t n = 1;

    while (n < len && n < RECIPE_RUN_MAX && p[n] == *p)
        n++;
    return n;
}

/* u64s from p on that a sequence can stand for; 0 when they are too few to be worth it, or all zeros. */
static uint64_t sequence_length(const struct kitchen *k, const uint8_t *p, size_t len)
{
    uint64_t room = kitchen_sequence_room(k, len / 8), n = 2;

    if (room < SEQUENCE_MIN)
        return 0;
    uint64_t step = le64(p + 8) - le64(p);
    if (step % MIB != 0 || step / MIB > UINT16_MAX || (step == 0 && le64(p) == 0))
        return 0;
    while (n < room && le64(p + 8 * n) - le64(p + 8 * (n - 1)) == step)
        n++;
    return n < SEQUENCE_MIN ? 0 : n;
}

/* How many of the bytes from p on belong to one operation with bytes; those before the trailing zeros. */
static size_t content_length(const struct kitchen *k, const uint8_t *window, size_t from, size_t len)
{
    size_t i = from, end = from;

    for (; i < len && i - end < GAP && i - from < RECIPE_RUN_MAX; i++) {
        if (i % 8 == 0 && i > from && sequence_length(k, window + i, len - i) > 0)
            break;
        if (window[i] == 0)
            continue;
        if (len - i >= FILL_MIN && window[i] == window[i + 1] && memcmp(window + i, window + i + 1, FILL_MIN - 1) == 0)
            break;
        end = i + 1;
    }
    return end - from;
}

static void encode_window(struct writer *w, uint64_t off, const uint8_t *window, size_t len)
{
    for (size_t i = span_find_nonzero(span_of(window, len), 0), done = 0; i < len;
         i = span_find_nonzero(span_of(window, len), done)) {
        size_t aligned = i - i % 8;
        uint64_t sequence = aligned >= done ? sequence_length(&w->kitchen, window + aligned, len - aligned) : 0;
        size_t fill = sequence > 0 ? 0 : fill_length(window + i, len - i);

        if (sequence > 0) {
            put_sequence(w, off + aligned, window + aligned, sequence);
            done = aligned + (size_t)sequence * 8;
        } else if (fill >= FILL_MIN) {
            put_fill(w, off + i, window + i, fill);
            done = i + fill;
        } else {
            size_t content = content_length(&w->kitchen, window, i, len);
            put_content(w, off + i, window + i, content);
            done = i + content;
        }
    }
}

size_t recipe_encode(struct source *file, uint8_t flags, uint8_t seed, uint8_t *buf, size_t cap)
{
    struct writer w = {.buf = buf, .cap = cap};
    uint64_t pos = 0, data, hole;
    uint8_t window[WINDOW];
    size_t got;

    kitchen_open(&w.kitchen, flags);
    w.kitchen.size = file->size;
    bool exact = file->size % MIB != 0 || file->size / MIB > UINT16_MAX;
    put_number(&w, flags, 1);
    put_number(&w, exact ? 0 : file->size / MIB, 2);
    put_number(&w, seed, 1);
    if (exact) {
        put_number(&w, ANCHOR_SIZE, 1);
        put_number(&w, file->size, 8);
    }
    while (pos < file->size && !w.full) {
        if (source_next_data(file, pos, &data, &hole) != STATUS_OK)
            return 0;
        if (data >= file->size)
            break;
        for (pos = data - data % WINDOW; pos < hole && !w.full; pos += WINDOW) {
            if (source_read_some(file, pos, window, sizeof(window), &got) != STATUS_OK)
                return 0;
            encode_window(&w, pos, window, got);
        }
    }
    return w.full ? 0 : w.len;
}

/* The next place at or behind pos where one of the two may not be zero; both have the size of a. */
static bool next_of_either(struct source *a, struct source *b, uint64_t pos, uint64_t *ret)
{
    uint64_t data_a, data_b, hole;

    if (source_next_data(a, pos, &data_a, &hole) != STATUS_OK || source_next_data(b, pos, &data_b, &hole) != STATUS_OK)
        return false;
    *ret = u64_min(data_a, data_b);
    return true;
}

bool recipe_matches(const struct recipe *r, struct source *file)
{
    struct source *made = recipe_source(r);
    bool same = made->size == file->size;
    uint8_t want[WINDOW], have[WINDOW];
    size_t got;

    for (uint64_t pos = 0; same && pos < file->size; pos += WINDOW) {
        same = next_of_either(made, file, pos, &pos);
        pos -= pos % WINDOW;
        same = same && source_read_some(file, pos, want, sizeof(want), &got) == STATUS_OK &&
               source_read_some(made, pos, have, sizeof(have), &got) == STATUS_OK &&
               memcmp(want, have, sizeof(want)) == 0;
    }
    source_close(made);
    return same;
}
