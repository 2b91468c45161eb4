/* SPDX-License-Identifier: MIT */
/*
 * The image builder's core: pages over a zero-filled virtual file, and laying out a valid image on them. Changing a
 * finished image is in build_edit.c, log entries are in build_log.c.
 *
 * An image is built in the order of its dependencies: geometry from the parameters, places of log, BAT and metadata by
 * layout, then block by block a place in the file, a BAT entry and the pattern; the structures follow through the
 * encoders of format/, whose values the unit tests check against the specification. The builder keeps the list of
 * blocks it built, and img_expected() answers from that list and never from the bytes: tests compare a reader with it.
 */
#include "build.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/span.h"
#include "format/file_id.h"
#include "format/header.h"
#include "format/sector_bitmap.h"

enum { HOLE_UNIT = 4096, FEW_BLOCKS = 64, ALL_BLOCKS_MAX = 256, BITMAP_RUN_SECTORS = 20 };

static void *must(void *p)
{
    if (!p) {
        (void)fputs("image builder: out of memory\n", stderr);
        abort();
    }
    return p;
}

/* ---- pages ---- */

/* Place of the page, or where it belongs. Appending at the end, the usual case, takes no search. */
static size_t page_slot(const struct img *img, uint64_t index)
{
    size_t lo = 0, hi = img->page_count;
    if (hi && img->pages[hi - 1].index < index)
        return hi;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (img->pages[mid].index < index)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static const uint8_t *page_find(const struct img *img, uint64_t index)
{
    size_t i = page_slot(img, index);
    return i < img->page_count && img->pages[i].index == index ? img->pages[i].bytes : NULL;
}

static uint8_t *page_make(struct img *img, uint64_t index)
{
    size_t i = page_slot(img, index);
    if (i < img->page_count && img->pages[i].index == index)
        return img->pages[i].bytes;
    if (img->page_count == img->page_cap) {
        img->page_cap = img->page_cap ? 2 * img->page_cap : 64;
        img->pages = must(realloc(img->pages, img->page_cap * sizeof(*img->pages)));
    }
    memmove(&img->pages[i + 1], &img->pages[i], (img->page_count - i) * sizeof(*img->pages));
    img->page_count++;
    img->pages[i] = (struct img_page){.index = index, .bytes = must(calloc(1, IMG_PAGE_LEN))};
    return img->pages[i].bytes;
}

uint8_t *img_bytes(struct img *img, uint64_t off, uint64_t len)
{
    assert(len <= IMG_PAGE_LEN - off % IMG_PAGE_LEN);
    return page_make(img, off / IMG_PAGE_LEN) + off % IMG_PAGE_LEN;
}

void img_read(const struct img *img, uint64_t off, void *buf, size_t len)
{
    uint8_t *out = buf;
    while (len) {
        size_t in = off % IMG_PAGE_LEN, n = (size_t)u64_min(len, IMG_PAGE_LEN - in);
        const uint8_t *page = page_find(img, off / IMG_PAGE_LEN);
        if (page)
            memcpy(out, page + in, n);
        else
            memset(out, 0, n);
        out += n;
        off += n;
        len -= n;
    }
}

void img_write(struct img *img, uint64_t off, const void *buf, size_t len)
{
    const uint8_t *in = buf;
    while (len) {
        size_t n = (size_t)u64_min(len, IMG_PAGE_LEN - off % IMG_PAGE_LEN);
        memcpy(img_bytes(img, off, n), in, n);
        in += n;
        off += n;
        len -= n;
    }
}

void img_fill(struct img *img, uint64_t off, uint64_t len, uint8_t value)
{
    while (len) {
        uint64_t n = u64_min(len, IMG_PAGE_LEN - off % IMG_PAGE_LEN);
        if (value || page_find(img, off / IMG_PAGE_LEN))
            memset(img_bytes(img, off, n), value, (size_t)n);
        off += n;
        len -= n;
    }
}

void img_resize(struct img *img, uint64_t size)
{
    if (size < img->size) {
        while (img->page_count && img->pages[img->page_count - 1].index >= u64_div_up(size, IMG_PAGE_LEN))
            free(img->pages[--img->page_count].bytes);
        if (size % IMG_PAGE_LEN)
            img_fill(img, size, IMG_PAGE_LEN - size % IMG_PAGE_LEN, 0);
    }
    img->size = size;
}

uint8_t *img_page_copy(struct img *img, uint64_t off)
{
    uint8_t *page = must(malloc(LOG_SECTOR_LEN));
    img->scratch = must(realloc(img->scratch, (img->scratch_count + 1) * sizeof(*img->scratch)));
    img->scratch[img->scratch_count++] = page;
    img_read(img, off / LOG_SECTOR_LEN * LOG_SECTOR_LEN, page, LOG_SECTOR_LEN);
    return page;
}

/* The next run of 4 KiB units that hold a non-zero byte, inside one page, at or after unit *unit of it. */
static bool next_run(const struct img_page *page, size_t *unit, size_t *ret_end)
{
    const size_t units = IMG_PAGE_LEN / HOLE_UNIT;
    while (*unit < units && span_is_zero(span_of(page->bytes + *unit * HOLE_UNIT, HOLE_UNIT)))
        (*unit)++;
    *ret_end = *unit;
    while (*ret_end < units && !span_is_zero(span_of(page->bytes + *ret_end * HOLE_UNIT, HOLE_UNIT)))
        (*ret_end)++;
    return *ret_end > *unit;
}

/* Calls visit for every run of the file that is not zero, in order. */
static void each_run(const struct img *img, void (*visit)(void *arg, uint64_t off, const uint8_t *ptr, uint64_t len),
                     void *arg)
{
    for (size_t i = 0; i < img->page_count; i++) {
        const struct img_page *page = &img->pages[i];
        for (size_t unit = 0, end; next_run(page, &unit, &end); unit = end) {
            uint64_t off = page->index * IMG_PAGE_LEN + unit * HOLE_UNIT;
            if (off < img->size)
                visit(arg, off, page->bytes + unit * HOLE_UNIT, u64_min((end - unit) * HOLE_UNIT, img->size - off));
        }
    }
}

struct extent_list {
    struct mem_extent *items;
    size_t count, cap;
};

static void extent_add(void *arg, uint64_t off, const uint8_t *ptr, uint64_t len)
{
    struct extent_list *l = arg;
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->items = must(realloc(l->items, l->cap * sizeof(*l->items)));
    }
    l->items[l->count++] = (struct mem_extent){.off = off, .ptr = ptr, .len = len};
}

struct source *img_source(const struct img *img)
{
    struct extent_list l = {0};
    each_run(img, extent_add, &l);
    struct source *s = must(extents_open(l.items, l.count, img->size));
    free(l.items);
    return s;
}

static void run_save(void *arg, uint64_t off, const uint8_t *ptr, uint64_t len)
{
    if (pwrite(*(int *)arg, ptr, len, (off_t)off) != (ssize_t)len) {
        perror("image builder: write");
        abort();
    }
}

void img_save(const struct img *img, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, (off_t)img->size)) {
        perror(path);
        abort();
    }
    each_run(img, run_save, &fd);
    if (close(fd)) {
        perror(path);
        abort();
    }
}

/* ---- pattern and expectation ---- */

/* A good mixer (the finaliser of splitmix64): neighbours in give strangers out. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15ULL;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
    return x ^ x >> 31;
}

struct guid img_guid(enum img_layout form, char tag, uint64_t seed)
{
    struct guid g;
    put_le64(g.bytes, mix(seed * 256 + (unsigned char)tag));
    put_le64(g.bytes + 8, mix(~(seed * 256 + (unsigned char)tag)));
    unsigned version = form == IMG_WINDOWS ? 7 : 6; /* format.md 2.1: which byte carries the version nibble */
    g.bytes[version] = (uint8_t)(0x40 | (g.bytes[version] & 0x0F));
    g.bytes[13 - version] = 0x5A; /* the other candidate must not look like one: neither 4 nor 1 on top */
    g.bytes[8] = (uint8_t)(0x80 | (g.bytes[8] & 0x3F));
    return g;
}

static const struct img_block *block_find(const struct img *img, uint64_t block)
{
    size_t lo = 0, hi = img->block_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (img->blocks[mid].block == block)
            return &img->blocks[mid];
        if (img->blocks[mid].block < block)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

bool img_sector_present(const struct img *img, uint64_t block, uint64_t sector)
{
    (void)img;
    return (sector / BITMAP_RUN_SECTORS + block) % 2 == 0;
}

/* In images of many blocks only these have data, so that a fixed disk of three chunks stays small. */
static bool block_has_data(const struct img *img, uint64_t block)
{
    uint64_t in_chunk = block % img->geometry.chunk_ratio;
    return img->params.data != IMG_DATA_NONE &&
           (img->block_count <= ALL_BLOCKS_MAX || block < FEW_BLOCKS || in_chunk == 0 ||
            in_chunk == img->geometry.chunk_ratio - 1 || block == img->geometry.payload_blocks - 1);
}

/* Whether the 64 KiB piece of the block carries the pattern. */
static bool piece_has_data(const struct img *img, uint64_t block, uint64_t piece)
{
    uint64_t pieces = u64_div_up(block_guest_len(&img->geometry, block), IMG_PAGE_LEN);
    return piece < pieces &&
           (img->params.data == IMG_DATA_DENSE || piece == 0 || piece == pieces / 2 || piece == pieces - 1);
}

/* One sector of a block as this image holds it: pattern, or zeros where it has none. */
static void sector_pattern(const struct img *img, uint64_t block, uint64_t sector, uint8_t *out)
{
    uint32_t len = img->geometry.logical_sector_size;
    uint64_t off = sector * len;
    if (!block_has_data(img, block) || !piece_has_data(img, block, off / IMG_PAGE_LEN) ||
        off >= block_guest_len(&img->geometry, block)) {
        memset(out, 0, len);
        return;
    }
    uint64_t base = mix(mix(img->params.seed) ^ (block << 20 | sector));
    for (uint32_t i = 0; i < len; i += 8)
        put_le64(out + i, (base + i) | 1); /* never zero */
}

/* Of blocks the parameters do not name. */
static unsigned untouched_state(const struct img *img)
{
    return img->params.layout == IMG_QEMU ? PAYLOAD_ZERO : PAYLOAD_NOT_PRESENT;
}

/* The sector at a guest offset, through the chain. Loops towards the parents instead of recursing. */
static void expected_sector(const struct img *img, uint64_t guest_off, uint8_t *out, uint32_t len)
{
    memset(out, 0, len);
    for (; img && guest_off < img->geometry.virtual_size; img = img->params.parent) {
        const struct geometry *g = &img->geometry;
        uint64_t block = guest_off / g->block_size, sector = guest_off % g->block_size / g->logical_sector_size;
        const struct img_block *b = block_find(img, block);
        unsigned state = b ? b->state : untouched_state(img);
        assert(g->logical_sector_size == len);
        if (state == PAYLOAD_FULLY_PRESENT ||
            (state == PAYLOAD_PARTIALLY_PRESENT && img_sector_present(img, block, sector))) {
            sector_pattern(img, block, sector, out);
            return;
        }
        if (state != PAYLOAD_NOT_PRESENT && state != PAYLOAD_PARTIALLY_PRESENT)
            return;
    }
}

void img_expected(const struct img *img, uint64_t guest_off, void *buf, size_t len)
{
    uint8_t sector[4096], *out = buf;
    uint32_t sector_len = img->geometry.logical_sector_size;
    while (len) {
        size_t in = guest_off % sector_len, n = (size_t)u64_min(len, sector_len - in);
        expected_sector(img, guest_off - in, sector, sector_len);
        memcpy(out, sector + in, n);
        out += n;
        guest_off += n;
        len -= n;
    }
}

/* ---- laying out ---- */

static void set_defaults(struct img_params *p)
{
    bool qemu = p->layout == IMG_QEMU, child = p->type == IMG_DIFFERENCING;
    static const struct guid nil = {{0}};
    if (!p->block_size)
        p->block_size = 2 * MIB;
    if (!p->virtual_size)
        p->virtual_size = p->parent ? p->parent->params.virtual_size : 20 * MIB;
    if (!p->logical_sector_size)
        p->logical_sector_size = p->parent ? p->parent->params.logical_sector_size : 512;
    if (!p->physical_sector_size)
        p->physical_sector_size = qemu ? p->logical_sector_size : 4096;
    if (!p->log_off)
        p->log_off = HEADER_SECTION_LEN;
    if (!p->log_len)
        p->log_len = MIB;
    if (!p->sequence_number[0] && !p->sequence_number[1]) {
        p->sequence_number[0] = qemu ? 0x2B5A1F07 : 1;
        p->sequence_number[1] = p->sequence_number[0] + 1;
    }
    if (!p->creator)
        p->creator = qemu ? "QEMU v7.2.22" : "Microsoft Windows 10.0.19041.0";
    if (p->required == IMG_DEFAULT)
        p->required = qemu ? IMG_NO : IMG_YES;
    if (!p->states && p->type != IMG_FIXED)
        p->states = child ? "7.623...67" : qemu ? "6.62.....6" : "6.623....6";
    if (!p->states)
        p->states = "";
    if (child && !p->seed)
        p->seed = p->parent ? p->parent->params.seed + 1 : 1;
    if (guid_equal(&p->file_write_guid, &nil))
        p->file_write_guid = img_guid(p->layout, 'F', p->seed);
    if (guid_equal(&p->data_write_guid, &nil))
        p->data_write_guid = img_guid(p->layout, 'D', p->seed);
    if (guid_equal(&p->virtual_disk_id, &nil))
        p->virtual_disk_id =
            p->parent ? p->parent->params.virtual_disk_id : img_guid(p->layout, 'P', child ? p->seed - 1 : p->seed);
    if (!p->parent_name)
        p->parent_name = "parent.vhdx";
}

static struct img_block block_of_letter(uint64_t block, char c)
{
    switch (c) {
    case 'U':
        return (struct img_block){.block = block, .state = PAYLOAD_UNDEFINED, .anchored = true};
    case 'M':
        return (struct img_block){.block = block, .state = PAYLOAD_UNMAPPED, .anchored = true};
    default:
        assert(c >= '0' && c <= '7');
        return (struct img_block){.block = block, .state = (unsigned)(c - '0')};
    }
}

static int by_block(const void *a, const void *b)
{
    const struct img_block *x = a, *y = b;
    return (x->block > y->block) - (x->block < y->block);
}

/* Letters, then the explicit list; one record per block, the list winning. */
static void collect_blocks(struct img *img)
{
    const struct img_params *p = &img->params;
    uint64_t all = p->type == IMG_FIXED ? img->geometry.payload_blocks : 0;
    size_t letters = (size_t)u64_max(strlen(p->states), all), total = letters + p->block_count;
    struct img_block *b = must(calloc(total + 1, sizeof(*b)));
    for (size_t i = 0; i < letters; i++) {
        char c = i < strlen(p->states) ? p->states[i] : '6';
        b[i] = c == '.' ? (struct img_block){.block = i, .state = untouched_state(img)} : block_of_letter(i, c);
    }
    for (size_t i = 0; i < p->block_count; i++) {
        size_t at = letters;
        while (at < letters + i && b[at].block != p->blocks[i].block)
            at++;
        if (p->blocks[i].block < letters)
            b[p->blocks[i].block] = p->blocks[i];
        else {
            assert(at == letters + i); /* listed twice */
            b[at] = p->blocks[i];
        }
    }
    size_t n = 0;
    for (size_t i = 0; i < total; i++) /* list entries that replaced a letter left their own slot empty */
        if (i < letters || b[i].block >= letters)
            b[n++] = b[i];
    qsort(b, n, sizeof(*b), by_block);
    assert(!n || b[n - 1].block < img->geometry.payload_blocks);
    img->blocks = b;
    img->block_count = n;
}

/* The next len bytes from *cursor on that keep clear of the log, wherever the caller put it. */
static uint64_t place(const struct img *img, uint64_t *cursor, uint64_t len)
{
    if (*cursor < img->log_off + img->log_len && img->log_off < *cursor + len)
        *cursor = img->log_off + img->log_len;
    uint64_t off = *cursor;
    *cursor += len;
    return off;
}

/* Metadata and BAT in the order of the layout's writer (format.md 16), and where payload begins. */
static void place_structures(struct img *img)
{
    const struct img_params *p = &img->params;
    struct geometry sized;
    /* Room for the differencing formula, so that a later conversion needs no move. */
    bool ok = geometry_derive(p->virtual_size, p->block_size, p->logical_sector_size, true, &sized) &&
              u64_align_up(sized.entries * BAT_ENTRY_LEN, MIB, &img->bat_len);
    assert(ok);
    (void)ok;
    img->metadata_len = MIB;
    img->log_off = p->log_off;
    img->log_len = p->log_len;

    uint64_t cursor = HEADER_SECTION_LEN;
    if (p->layout == IMG_QEMU) {
        img->bat_off = place(img, &cursor, img->bat_len);
        img->metadata_off = place(img, &cursor, img->metadata_len);
        img->payload_off = img->bat_off + img->bat_len + 5 * MIB;
    } else {
        img->metadata_off = place(img, &cursor, img->metadata_len);
        img->bat_off = place(img, &cursor, img->bat_len);
        img->payload_off = cursor;
    }
    /* A log behind all else pushes the payload up only when it stands right there. */
    if (img->payload_off < img->log_off + img->log_len && img->log_off < img->payload_off + MIB)
        img->payload_off = img->log_off + img->log_len;
}

static bool block_takes_space(const struct img_block *b)
{
    return b->state == PAYLOAD_FULLY_PRESENT || b->state == PAYLOAD_PARTIALLY_PRESENT || b->anchored;
}

static void write_block(struct img *img, const struct img_block *b)
{
    const struct geometry *g = &img->geometry;
    uint8_t sector[4096];
    bool whole = b->state == PAYLOAD_FULLY_PRESENT;
    if ((!whole && b->state != PAYLOAD_PARTIALLY_PRESENT) || !block_has_data(img, b->block))
        return;
    uint32_t per_piece = IMG_PAGE_LEN / g->logical_sector_size;
    for (uint64_t piece = 0; piece < g->block_size / IMG_PAGE_LEN; piece++)
        for (uint64_t s = piece * per_piece; piece_has_data(img, b->block, piece) && s < (piece + 1) * per_piece; s++)
            if (whole || img_sector_present(img, b->block, s)) {
                sector_pattern(img, b->block, s, sector);
                img_write(img, b->off + s * g->logical_sector_size, sector, g->logical_sector_size);
            }
}

/* Bits of the sectors below the end of the disk. */
static void write_bitmap(struct img *img, uint64_t block)
{
    uint64_t sectors = block_guest_len(&img->geometry, block) / img->geometry.logical_sector_size;
    for (uint64_t s = 0; s < sectors; s += BITMAP_RUN_SECTORS)
        if (img_sector_present(img, block, s))
            img_bitmap_set(img, block, s, u64_min(BITMAP_RUN_SECTORS, sectors - s), true);
}

static void place_blocks(struct img *img)
{
    const struct geometry *g = &img->geometry;
    uint64_t next = img->payload_off;
    if (img->params.layout == IMG_QEMU)
        for (uint64_t b = 0; b < g->payload_blocks; b++)
            img_block_set(img, b, PAYLOAD_ZERO, 0);

    for (size_t i = 0; i < img->block_count; i++) {
        struct img_block *b = &img->blocks[i];
        uint64_t bitmap = img_bitmap_index(img, b->block >> g->chunk_shift);
        bool partial = b->state == PAYLOAD_PARTIALLY_PRESENT;
        if (partial && g->differencing && bat_entry_state(img_bat_get(img, bitmap)) != BITMAP_PRESENT)
            img_bat_set(img, bitmap, bat_entry_make(place(img, &next, BITMAP_BLOCK_LEN), BITMAP_PRESENT));
        if (!b->off && block_takes_space(b))
            b->off = place(img, &next, g->block_size);
        else if (block_takes_space(b) && b->off < HOST_OFFSET_MAX - g->block_size)
            next = u64_max(next, b->off + g->block_size);
        img_block_set(img, b->block, b->state, b->off);
        write_block(img, b);
        if (partial && g->differencing)
            write_bitmap(img, b->block);
    }
    img->size = u64_max(next, img->log_off + img->log_len);
}

/* ---- structures ---- */

static void write_header_section(struct img *img)
{
    const struct img_params *p = &img->params;
    file_identifier_encode(p->creator, img_bytes(img, FILE_ID_OFF, FILE_ID_LEN));
    for (unsigned i = 0; i < 2; i++)
        header_encode(
            &(struct header){
                .sequence_number = p->sequence_number[i],
                .file_write_guid = p->file_write_guid,
                .data_write_guid = p->data_write_guid,
                .version = 1,
                .log_len = (uint32_t)img->log_len,
                .log_off = img->log_off,
            },
            img_header(img, i));

    uint32_t required = p->required == IMG_YES;
    struct region_entry bat = {*known_guid(KNOWN_REGION_BAT), img->bat_off, (uint32_t)img->bat_len, required};
    struct region_entry metadata = {*known_guid(KNOWN_REGION_METADATA), img->metadata_off, (uint32_t)img->metadata_len,
                                    required};
    struct region_entry entries[2] = {bat, metadata};
    for (unsigned i = 0; i < 2; i++)
        (void)region_table_encode(entries, 2, img_region_table(img, i));
}

static void add_item(struct img *img, enum known_guid which, uint32_t off, uint32_t flags, const void *item,
                     uint32_t len)
{
    struct metadata_entry e = {.item_id = *known_guid(which), .off = off, .len = len, .flags = flags};
    img_metadata_add(img, &e, item);
}

/* The five pairs in the order Hyper-V writes them. */
static void add_locator(struct img *img)
{
    const struct img_params *p = &img->params;
    char linkage[GUID_TEXT_SIZE], braced[GUID_TEXT_SIZE + 2], absolute[512], relative[512], volume[512];
    struct guid parent = p->parent ? p->parent->params.data_write_guid : img_guid(p->layout, 'D', p->seed - 1);
    (void)snprintf(braced, sizeof(braced), "{%s}", guid_text(&parent, linkage));
    (void)snprintf(absolute, sizeof(absolute), "C:\\vm\\%s", p->parent_name);
    (void)snprintf(relative, sizeof(relative), ".\\%s", p->parent_name);
    (void)snprintf(volume, sizeof(volume), "\\\\?\\Volume{6f3d4c58-2b1a-4e90-8d7c-0a1b2c3d4e5f}\\vm\\%s",
                   p->parent_name);
    struct locator_string pairs[] = {
        {"parent_linkage", braced},
        {"absolute_win32_path", absolute},
        {"relative_path", relative},
        {"volume_path", volume},
        {"parent_linkage2", "{00000000-0000-0000-0000-000000000000}"},
    };
    if (p->locator)
        img_set_locator(img, p->locator, p->locator_count);
    else
        img_set_locator(img, pairs, sizeof(pairs) / sizeof(pairs[0]));
}

static void write_metadata(struct img *img)
{
    const struct img_params *p = &img->params;
    const uint32_t disk = METADATA_FLAG_IS_VIRTUAL_DISK | METADATA_FLAG_IS_REQUIRED, base = METADATA_TABLE_LEN;
    bool qemu = p->layout == IMG_QEMU;
    uint8_t parameters[FILE_PARAMETERS_LEN], size[VIRTUAL_DISK_SIZE_LEN], id[VIRTUAL_DISK_ID_LEN];
    uint8_t logical[SECTOR_SIZE_LEN], physical[SECTOR_SIZE_LEN];
    uint32_t flags = p->type == IMG_FIXED          ? FILE_PARAMETERS_LEAVE_BLOCK_ALLOCATED
                     : p->type == IMG_DIFFERENCING ? FILE_PARAMETERS_HAS_PARENT
                                                   : 0;
    file_parameters_encode(&(struct file_parameters){.block_size = (uint32_t)p->block_size, .flags = flags},
                           parameters);
    virtual_disk_size_encode(p->virtual_size, size);
    virtual_disk_id_encode(&p->virtual_disk_id, id);
    sector_size_encode(p->logical_sector_size, logical);
    sector_size_encode(p->physical_sector_size, physical);

    (void)metadata_table_encode(NULL, 0, img_metadata_table(img));
    add_item(img, KNOWN_ITEM_FILE_PARAMETERS, base, METADATA_FLAG_IS_REQUIRED, parameters, sizeof(parameters));
    add_item(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE, base + 0x08, disk, size, sizeof(size));
    if (qemu)
        add_item(img, KNOWN_ITEM_VIRTUAL_DISK_ID, base + 0x10, disk, id, sizeof(id));
    add_item(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE, base + (qemu ? 0x20 : 0x10), disk, logical, sizeof(logical));
    add_item(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, base + (qemu ? 0x24 : 0x14), disk, physical, sizeof(physical));
    if (!qemu)
        add_item(img, KNOWN_ITEM_VIRTUAL_DISK_ID, base + 0x18, disk, id, sizeof(id));
    if (p->type == IMG_DIFFERENCING)
        add_locator(img);
}

/* Windows leaves a copy of the last metadata entry behind it, and the log of the open that created the file. */
static void write_windows_traces(struct img *img)
{
    uint8_t *table = img_metadata_table(img);
    uint8_t *end = table + METADATA_TABLE_HEADER_LEN + (size_t)METADATA_ENTRY_LEN * le16(table + 10);
    memcpy(end, end - METADATA_ENTRY_LEN, METADATA_ENTRY_LEN);
    img_log_write(img, 0,
                  &(struct img_log_entry){
                      .sequence_number = mix(img->params.seed) >> 1,
                      .guid = img_guid(img->params.layout, 'L', img->params.seed + 1000),
                      .flushed = img->payload_off,
                      .last = img->payload_off,
                  });
}

struct img *img_create(const struct img_params *p)
{
    struct img *img = must(calloc(1, sizeof(*img)));
    if (p)
        img->params = *p;
    p = &img->params;
    set_defaults(&img->params);
    bool ok = geometry_derive(p->virtual_size, p->block_size, p->logical_sector_size, p->type == IMG_DIFFERENCING,
                              &img->geometry);
    assert(ok); /* impossible values are for mutations, not for parameters */
    (void)ok;
    collect_blocks(img);
    place_structures(img);
    write_header_section(img);
    write_metadata(img);
    place_blocks(img);
    if (p->windows_traces)
        write_windows_traces(img);
    img->log.guid = img_guid(p->layout, 'L', p->seed);
    /* The lists belong to the caller and may be gone by the time the image is used. */
    img->params.states = NULL;
    img->params.blocks = NULL;
    img->params.block_count = 0;
    img->params.locator = NULL;
    return img;
}

struct img *img_clone(const struct img *img)
{
    struct img *c = must(calloc(1, sizeof(*c)));
    *c = *img;
    c->scratch = NULL;
    c->scratch_count = 0;
    c->page_cap = img->page_count;
    c->pages = must(calloc(img->page_count + 1, sizeof(*c->pages)));
    for (size_t i = 0; i < img->page_count; i++) {
        c->pages[i] = (struct img_page){.index = img->pages[i].index, .bytes = must(malloc(IMG_PAGE_LEN))};
        memcpy(c->pages[i].bytes, img->pages[i].bytes, IMG_PAGE_LEN);
    }
    c->blocks = must(calloc(img->block_count + 1, sizeof(*c->blocks)));
    memcpy(c->blocks, img->blocks, img->block_count * sizeof(*c->blocks));
    return c;
}

void img_free(struct img *img)
{
    if (!img)
        return;
    for (size_t i = 0; i < img->page_count; i++)
        free(img->pages[i].bytes);
    for (size_t i = 0; i < img->scratch_count; i++)
        free(img->scratch[i]);
    free(img->pages);
    free(img->scratch);
    free(img->blocks);
    free(img);
}
