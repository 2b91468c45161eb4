/* SPDX-License-Identifier: MIT */
/*
 * The guest's disk of one image. Input: a recipe; its seed chooses ranges and options.
 *
 * Asserted: the library's reader and the reference reader of the tests refuse the same disks, say of the same bytes
 * that nobody knows them, and agree about all others, however they are asked for; extents cover the disk without gaps;
 * the work stays in proportion to what the recipe lays down.
 */
#include "fuzz/readers.h"
#include "fuzz/whole.h"
#include "image/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct chain_options nothing = {.parent_count = 0};
    struct recipe r;
    struct whole w;

    recipe_decode(data, size, &r);
    whole_open(&w, &r, "image.vhdx", 0);
    ASSERT(chain_resolve(w.image, &nothing) == STATUS_OK);
    readers_compare(w.image, &w.file, 1, r.seed);
    chain_close(w.image);
    whole_close(&w);
    recipe_free(&r);
    return 0;
}
