/* SPDX-License-Identifier: MIT */
/*
 * The journal of a repair: hostile, damaged, and beside an image that is not the one it was made for.
 *
 * Input: u8 how (bit 0: the rest of the input is the journal as it is; bit 1: undo, else finish), u8 seed of the
 * image's bytes, u8 state that the journal's last marks are taken back to, u8 number of changes and those: u8 what, u16
 * place and u16 length in 64 bytes; u8 number of damages of the journal, u16 place, u8 bits each; then the same of the
 * image.
 *
 * Asserted: what is refused, or cannot be read, leaves the image as it is; what is done leads to the exact bytes and
 * size before the repair, or after it; nothing but the bytes that the repair changed is ever written; a journal that
 * was damaged is never believed in part: with it the image ends as one of the two as well, or as it is; doing it again
 * changes nothing.
 */
#include "fuzz/property.h"

#include "repair/journal.h"

enum {
    IMAGE_LEN = 1 << 16,
    UNIT = 64,
    CHANGES_MAX = 8,
    DAMAGES_MAX = 4,
    HOW_RAW = 1,
    HOW_UNDO = 2,
    MARK_LEN = 512,
};
static const uint64_t MEMORY = (uint64_t)16 << 20, MARKS[2] = {0x1000, 0x2000};

static uint8_t content[IMAGE_LEN];

static void fill(uint8_t seed)
{
    uint32_t x = seed * 2654435761U + 1;

    for (size_t i = 0; i < IMAGE_LEN; i++) {
        x = x * 1664525 + 1013904223;
        content[i] = (i / 4096 + seed) % 3 == 0 ? 0 : (uint8_t)(x >> 24);
    }
}

/* ---- three states of an image ---- */

struct bytes {
    uint8_t *ptr;
    uint64_t size;
};

static struct bytes bytes_of(struct source *s)
{
    struct bytes b = {.ptr = malloc((size_t)s->size + 1), .size = s->size};

    ASSERT(b.ptr != NULL, "out of memory");
    ASSERT(source_read(s, 0, b.ptr, (size_t)s->size) == STATUS_OK);
    return b;
}

static bool same(const struct bytes *a, const struct bytes *b)
{
    return a->size == b->size && memcmp(a->ptr, b->ptr, (size_t)a->size) == 0;
}

/* ---- the transaction ---- */

static void change(struct store *stage, struct taker *t)
{
    static uint8_t fresh[IMAGE_LEN];
    unsigned what = (unsigned)take(t, 1) % 4;
    uint64_t off = take(t, 2) * UNIT % (IMAGE_LEN * 2), len = (take(t, 2) % 256 + 1) * UNIT;
    enum status st = STATUS_OK;

    memset(fresh, (int)(off / UNIT + 1), sizeof(fresh));
    if (what == 0)
        st = store_write(stage, off, fresh, (size_t)u64_min(len, IMAGE_LEN));
    else if (what == 1)
        st = store_zero(stage, off, len);
    else if (what == 2)
        st = store_resize(stage, off);
    else if (off + len <= store_size(stage))
        st = stage_copy(stage, off, off % UNIT, u64_min(len, IMAGE_LEN - off % UNIT));
    ASSERT(st == STATUS_OK || st == STATUS_RANGE || st == STATUS_LIMIT, "status %d", (int)st);
}

/* Flips bits; true when a byte became another one. */
static bool damage(struct store *s, struct taker *t)
{
    bool damaged = false;

    for (uint64_t n = take(t, 1) % (DAMAGES_MAX + 1); n > 0 && store_size(s) > 0; n--) {
        uint64_t off = take(t, 2) % store_size(s);
        uint8_t byte, bits = (uint8_t)take(t, 1);
        ASSERT(source_read(s->source, off, &byte, 1) == STATUS_OK);
        byte ^= bits;
        ASSERT(store_write(s, off, &byte, 1) == STATUS_OK);
        damaged = damaged || bits != 0;
    }
    return damaged;
}

/* As an interruption leaves it: the newer mark, or both, were never written. */
static void take_back(struct store *journal, unsigned marks)
{
    static const uint8_t zeros[MARK_LEN];

    for (unsigned i = 0; i < 2 && store_size(journal) > MARKS[i] + MARK_LEN; i++)
        if (marks & 1U << i)
            ASSERT(store_write(journal, MARKS[i], zeros, sizeof(zeros)) == STATUS_OK);
}

/* ---- what is done with it ---- */

static enum status act(struct store *journal, struct store *image, bool undo)
{
    uint64_t where = JOURNAL_NOWHERE;

    return undo ? journal_undo(journal, image, &where) : journal_finish(journal, image, &where);
}

static void judge_again(struct store *journal, struct store *image, bool undo)
{
    struct bytes first = bytes_of(image->source);

    (void)act(journal, image, undo);
    struct bytes second = bytes_of(image->source);
    ASSERT(same(&first, &second), "doing it again changes something");
    free(first.ptr);
    free(second.ptr);
}

static void run(struct store *journal, struct store *image, bool undo, const struct bytes *before,
                const struct bytes *after, bool strange)
{
    struct journal_info peeked = {.state = JOURNAL_NONE}, read = {.state = JOURNAL_NONE};
    struct bytes was = bytes_of(image->source);

    enum status st = journal_peek(journal->source, &peeked);
    ASSERT(st == STATUS_OK, "status %d", (int)st);
    st = journal_read(journal, &read);
    ASSERT(st == STATUS_OK || st == STATUS_NO_MEMORY, "status %d", (int)st);
    ASSERT(read.state == peeked.state || read.state == JOURNAL_DAMAGED, "states %d and %d", (int)peeked.state,
           (int)read.state);
    st = act(journal, image, undo);
    struct bytes is = bytes_of(image->source);
    if (st != STATUS_OK) {
        ASSERT(same(&is, &was), "it was refused, and the image changed");
    } else if (before != NULL && !strange) {
        ASSERT(same(&is, before) || (!undo && same(&is, after)), "the image is neither the old nor the new one");
    }
    if (st == STATUS_OK)
        judge_again(journal, image, undo);
    free(is.ptr);
    free(was.ptr);
}

static void run_raw(struct taker *t, struct source *base, bool undo)
{
    struct store *journal = NULL, *image = NULL;

    ASSERT(stage_open(NULL, MEMORY, &journal) == STATUS_OK && stage_open(base, MEMORY, &image) == STATUS_OK);
    if (t->len > 0)
        ASSERT(store_write(journal, 0, t->ptr, t->len) == STATUS_OK);
    run(journal, image, undo, NULL, NULL, true);
    store_close(journal);
    store_close(image);
}

static void run_made(struct taker *t, struct source *base, bool undo)
{
    struct store *journal = NULL, *image = NULL, *stage = NULL;
    unsigned marks = (unsigned)take(t, 1) & 3;

    ASSERT(stage_open(NULL, MEMORY, &journal) == STATUS_OK && stage_open(base, MEMORY, &image) == STATUS_OK &&
           stage_open(base, MEMORY, &stage) == STATUS_OK);
    for (uint64_t n = take(t, 1) % (CHANGES_MAX + 1); n > 0; n--)
        change(stage, t);
    struct bytes before = bytes_of(image->source);
    ASSERT(journal_apply(journal, image, stage) == STATUS_OK);
    struct bytes after = bytes_of(image->source), planned = bytes_of(stage->source);
    ASSERT(same(&after, &planned), "the image is not what was planned");
    take_back(journal, marks);
    (void)damage(journal, t);
    bool strange = damage(image, t);
    run(journal, image, undo, &before, &after, strange);
    free(before.ptr);
    free(after.ptr);
    free(planned.ptr);
    store_close(journal);
    store_close(image);
    store_close(stage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taker t = {.ptr = data, .len = size};
    unsigned how = (unsigned)take(&t, 1);

    fill((uint8_t)take(&t, 1));
    struct source *base = mem_open(content, IMAGE_LEN);
    ASSERT(base != NULL, "out of memory");
    if (how & HOW_RAW)
        run_raw(&t, base, (how & HOW_UNDO) != 0);
    else
        run_made(&t, base, (how & HOW_UNDO) != 0);
    source_close(base);
    return 0;
}
