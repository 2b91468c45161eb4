/* SPDX-License-Identifier: MIT */
/*
 * Sources over sources: extents and log pages laid over a file, read in any pieces.
 *
 * Input: u8 options, u16 bytes in a read, u8 pages of the file, u8 pages behind, then patches (u8 kind and page, u8
 * length in pages) up to one of kind 0, then the bytes of the file, repeated. Options: 1 the file is one buffer, else
 * extents; 2 deadline passed; 4 and up: the allocation that fails.
 *
 * Asserted: every byte is that of the topmost patch, found by laying the patches over a copy one after the other; holes
 * read as zeros, are where no data is, and the walk over data moves forward; pieces are sorted and apart; a range
 * outside is refused.
 */
#include "fuzz/property.h"

#include "base/span.h"

enum { PAGE = 4096, PAGES_MAX = 8, PATCHES_MAX = 16, EXTENTS_MAX = 16, BYTES_MAX = PAGES_MAX * PAGE };
enum { ONE_BUFFER = 1, TOO_LATE = 2 };

static uint8_t content[BYTES_MAX], expected[BYTES_MAX], got[BYTES_MAX];

/* The file: bytes of the input repeated in every other page. */
static void make_content(struct taker *in, uint64_t pages)
{
    memset(content, 0, sizeof(content));
    for (uint64_t p = 0; in->len > 0 && p < pages; p += 2)
        for (uint64_t i = 0, len; i < PAGE; i += len) {
            len = u64_min(in->len, PAGE - i);
            memcpy(content + p * PAGE + i, in->ptr, (size_t)len);
        }
}

static struct source *open_file(uint64_t pages, bool one_buffer)
{
    struct mem_extent extents[EXTENTS_MAX];
    uint64_t count = 0;

    if (one_buffer)
        return mem_open(content, pages * PAGE);
    for (uint64_t p = 0; p < pages; p += 2)
        extents[count++] = (struct mem_extent){.off = p * PAGE, .ptr = content + p * PAGE, .len = PAGE};
    return extents_open(extents, count, pages * PAGE);
}

static uint64_t take_patches(struct taker *in, uint64_t pages, uint64_t new_pages, struct overlay_patch *patches)
{
    uint64_t count = 0;
    while (count < PATCHES_MAX) {
        unsigned first = (unsigned)take(in, 1), kind = first % 3;
        uint64_t page = first / 3 % new_pages, len = take(in, 1);
        if (kind == 0 || pages == 0)
            break;
        struct overlay_patch *p = &patches[count++];
        if (kind == 1) {
            *p = (struct overlay_patch){
                .kind = PATCH_ZERO, .off = page * PAGE, .len = (len % (new_pages - page) + 1) * PAGE};
        } else {
            *p = (struct overlay_patch){
                .kind = PATCH_PAGE, .off = page * PAGE, .len = PAGE, .source_off = len % pages * PAGE};
            memset(p->leading, 0x11, sizeof(p->leading));
            memset(p->trailing, 0x22, sizeof(p->trailing));
        }
    }
    return count;
}

static void lay(const struct overlay_patch *p)
{
    if (p->kind == PATCH_ZERO) {
        memset(expected + p->off, 0, (size_t)p->len);
        return;
    }
    memcpy(expected + p->off, content + p->source_off, PAGE);
    memcpy(expected + p->off, p->leading, sizeof(p->leading));
    memcpy(expected + p->off + PAGE - sizeof(p->trailing), p->trailing, sizeof(p->trailing));
}

static void judge_bytes(struct source *s, uint64_t size, uint64_t cut)
{
    size_t some = 0;

    ASSERT(s->size == size);
    for (uint64_t off = 0, len; off < size; off += len) {
        len = u64_min(cut, size - off);
        ASSERT(source_read(s, off, got + off, (size_t)len) == STATUS_OK);
    }
    ASSERT(memcmp(got, expected, (size_t)size) == 0);
    ASSERT(source_read(s, size, got, 1) == STATUS_RANGE && source_read(s, UINT64_MAX, got, 2) == STATUS_RANGE);
    ASSERT(source_read(s, size, got, 0) == STATUS_OK);
    uint64_t from = cut % (size + 2);
    ASSERT(source_read_some(s, from, got, PAGE, &some) == STATUS_OK);
    ASSERT(some == (from < size ? u64_min(PAGE, size - from) : 0));
    ASSERT(some == 0 || memcmp(got, expected + from, some) == 0);
    ASSERT(span_is_zero(span_of(got + some, PAGE - some)));
}

static void judge_holes(struct source *s, uint64_t size)
{
    uint64_t pos = 0, data, hole;

    while (pos < size) {
        ASSERT(source_next_data(s, pos, &data, &hole) == STATUS_OK);
        ASSERT(data >= pos && data <= size && (data == size || (hole > data && hole <= size)));
        ASSERT(span_is_zero(span_of(expected + pos, (size_t)(data - pos))));
        pos = data == size ? size : hole;
    }
    ASSERT(source_next_data(s, size + 1, &data, &hole) == STATUS_RANGE);
    ASSERT(source_next_data(s, size, &data, &hole) == STATUS_OK && data == size);
}

static void judge_pieces(const struct source *overlay)
{
    uint64_t end = 0, off, len;
    bool zero;
    for (uint64_t i = 0; i < overlay_piece_count(overlay); i++) {
        overlay_piece(overlay, i, &off, &len, &zero);
        ASSERT(len > 0 && (i == 0 || off >= end) && off % PAGE == 0);
        end = off + len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct overlay_patch patches[PATCHES_MAX];
    struct taker in = {data, size};
    unsigned options = (unsigned)take(&in, 1);
    uint64_t cut = take(&in, 2) % BYTES_MAX + 64;
    uint64_t pages = take(&in, 1) % PAGES_MAX, new_pages = u64_min(pages + take(&in, 1) % 8, PAGES_MAX);
    uint64_t count = new_pages > 0 ? take_patches(&in, pages, new_pages, patches) : 0;

    make_content(&in, pages);
    memcpy(expected, content, sizeof(expected));
    struct source *file = open_file(pages, options & ONE_BUFFER);
    ASSERT(file != NULL);
    judge_bytes(file, pages * PAGE, cut);
    judge_holes(file, pages * PAGE);

    struct arena *a = property_arena((uint64_t)1 << 20);
    struct source *overlay = NULL;
    arena_fail_at(a, options >> 2 & 7, options >> 5 & 1);
    enum status st = overlay_open(a, file, patches, count, new_pages * PAGE, &overlay);
    ASSERT(st == STATUS_OK || (st == arena_status(a) && overlay == NULL));
    if (st == STATUS_OK) {
        for (uint64_t i = 0; i < count; i++)
            lay(&patches[i]);
        judge_bytes(overlay, new_pages * PAGE, cut);
        judge_holes(overlay, new_pages * PAGE);
        judge_pieces(overlay);
        if (options & TOO_LATE && new_pages > 0) {
            uint64_t at, hole;
            overlay->deadline_ns = 1;
            ASSERT(source_read(overlay, 0, got, 1) == STATUS_LIMIT);
            ASSERT(source_next_data(overlay, 0, &at, &hole) == STATUS_LIMIT);
        }
        source_close(overlay);
    }
    source_close(NULL);
    source_close(file);
    arena_destroy(a);
    return 0;
}
