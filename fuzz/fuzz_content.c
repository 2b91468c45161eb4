/* SPDX-License-Identifier: MIT */
/*
 * What the content of a block looks like. Input: u24 length of the block, then pieces of it: u24 offset, u8 length,
 * bytes; zeros between.
 *
 * Asserted: a signature that is found lies inside, its words are there, and the same bytes say the same; bytes behind
 * the end play no part; where nothing is found, nothing is said.
 */
#include "fuzz/property.h"
#include "image/content.h"

static void lay_pieces(struct taker *in, uint8_t *block, size_t len)
{
    while (in->len > 0 && len > 0) {
        size_t off = (size_t)take(in, 3) % len;
        size_t piece = (size_t)take(in, 1);
        if (piece > in->len)
            piece = in->len;
        if (piece > 0)
            memcpy(block + off, in->ptr, piece < len - off ? piece : len - off);
        in->ptr += piece;
        in->len -= piece;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t larger[CONTENT_LOOK + 64];
    const struct content_guess nothing = {.class = CONTENT_FILE, .key = "nothing", .name = "nothing", .magic_off = 1};
    struct taker in = {data, size};
    size_t len = (size_t)take(&in, 3) % (CONTENT_LOOK + 1);
    struct content_guess got = nothing, again = nothing;

    uint8_t *block = calloc(1, len > 0 ? len : 1); /* of exactly this size: one byte too far is seen */
    ASSERT(block != NULL);
    lay_pieces(&in, block, len);
    memset(larger + len, 0xa5, sizeof(larger) - len);
    memcpy(larger, block, len);

    bool found = content_guess(span_of(block, len), &got);
    ASSERT(content_guess(span_of(larger, len), &again) == found);
    ASSERT(got.class == again.class && got.key == again.key && got.name == again.name &&
           got.magic_off == again.magic_off);
    if (found) {
        ASSERT(got.magic_off < len, "at %u of %zu", got.magic_off, len);
        ASSERT(got.key[0] != '\0' && got.name[0] != '\0' && content_class_name(got.class)[0] != '\0');
    } else {
        ASSERT(got.key == nothing.key && got.magic_off == nothing.magic_off);
    }
    free(block);
    return 0;
}
