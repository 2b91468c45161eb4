/* SPDX-License-Identifier: MIT */
/*
 * A metadata copy of a whole image. Input: a recipe; bit 0 of its seed: not redacted.
 *
 * Asserted: it is made, in memory in proportion to the image; it has the size of the image; its headers are valid where
 * they were; no GUID of a header, but such as stay, is one of the copy's; it can be opened and copied again.
 */
#include "base/limits.h"
#include "format/layout.h"
#include "fuzz/whole.h"
#include "write/metadump.h"

enum { SEED_PLAIN = 1 };

/* Tells GUIDs apart, and is no more one-way than a test needs. */
static bool mix(void *ctx, const struct guid *g, uint8_t out[16])
{
    uint64_t x = 0x243f6a8885a308d3;

    (void)ctx;
    for (int i = 0; i < 32; i++) {
        x = (x ^ g->bytes[i % 16]) * 0x100000001b3;
        x ^= x >> 29;
        if (i >= 16)
            out[i - 16] = (uint8_t)(x >> 32);
    }
    return true;
}

static struct store *copy_of(struct image *img, struct source *file, bool redact)
{
    const struct metadump_options options = {.redact = redact, .mix = mix};
    struct store *stage = NULL;
    struct metadump dump;

    ASSERT(stage_open(file, (uint64_t)1 << 30, &stage) == STATUS_OK);
    enum status st = metadump_make(img, stage, &options, &dump);
    ASSERT(st == STATUS_OK || st == STATUS_LIMIT, "status %d", (int)st);
    if (st == STATUS_OK)
        return stage;
    store_close(stage);
    return NULL;
}

static void judge(const struct image *before, const struct image *after, bool redact)
{
    ASSERT(after->file_size == before->file_size);
    for (int i = 0; i < 2; i++) {
        const struct header_slot *old = &before->headers[i], *new = &after->headers[i];

        ASSERT(old->valid == new->valid, "header %d", i + 1);
        if (!old->valid)
            continue;
        ASSERT(old->h.sequence_number == new->h.sequence_number && old->h.log_off == new->h.log_off);
        if (redact && guid_form(&old->h.file_write_guid) != GUID_FORM_UNKNOWN &&
            known_guid_find(&old->h.file_write_guid) == KNOWN_GUID_NONE)
            ASSERT(!guid_equal(&old->h.file_write_guid, &new->h.file_write_guid), "header %d keeps its GUID", i + 1);
        if (!redact)
            ASSERT(guid_equal(&old->h.file_write_guid, &new->h.file_write_guid));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct image_options plain = {.no_replay = false};
    struct image *copy = NULL;
    struct recipe r;
    struct whole w;

    recipe_decode(data, size, &r);
    const bool redact = (r.seed & SEED_PLAIN) == 0;
    whole_open(&w, &r, "image.vhdx", 0);
    struct store *stage = copy_of(w.image, w.image->file, redact);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    ASSERT(a != NULL, "out of memory");
    if (stage != NULL && image_open(a, stage->source, "copy.vhdx", NULL, &plain, &copy) == STATUS_OK) {
        judge(w.image, copy, redact);
        store_close(copy_of(copy, stage->source, redact));
    }
    if (copy != NULL)
        image_close(copy);
    arena_destroy(a);
    store_close(stage);
    whole_close(&w);
    recipe_free(&r);
    return 0;
}
