/* SPDX-License-Identifier: MIT */
/*
 * The guest reader against the reference reader on random images: chains of one to four files with any mixture of block
 * sizes, states, sector bitmaps, logs to replay, damage and disk sizes, and random ranges of them. Everything follows
 * from the number of the image; a failure prints it, and `test_random_images NUMBER` runs that one alone.
 *
 * Where the builder wrote nothing, payload is not zero but a pattern of its place in the file, so that a byte from the
 * wrong place is never the right byte by chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "bytes_equal.h"
#include "image/guest.h"
#include "reference_reader.h"

enum { IMAGES = 10000, CHAIN_MAX = 4, RANGES = 8, RANGE_MAX = 48 * 1024, LOG_DESCS_MAX = 5 };

/* Instrumented builds are slow and are run together: each takes a third, all of them every image. */
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
static uint64_t first_image = 2, image_step = 3;
#elif __has_feature(address_sanitizer)
static uint64_t first_image = 0, image_step = 3;
#else
static uint64_t first_image = 0, image_step = 1;
#endif
#elif defined(__SANITIZE_ADDRESS__)
static uint64_t first_image = 1, image_step = 3;
#else
static uint64_t first_image = 0, image_step = 1;
#endif
static uint64_t end_image = IMAGES;

/* ---- random numbers: one call in an expression, or the order would be the compiler's choice ---- */

struct random {
    uint64_t state;
};

static uint64_t mixed(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
    return x ^ x >> 31;
}

static uint64_t below(struct random *r, uint64_t n)
{
    r->state += 0x9E3779B97F4A7C15ULL;
    return mixed(r->state) % n;
}

static bool chance(struct random *r, unsigned percent)
{
    return below(r, 100) < percent;
}

/* ---- a file whose payload is a pattern ---- */

struct file {
    struct source source;
    struct img *img;
    uint64_t size, seed;
};

static bool has_page(const struct img *img, uint64_t index)
{
    size_t lo = 0, hi = img->page_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (img->pages[mid].index == index)
            return true;
        if (img->pages[mid].index < index)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static void file_bytes(void *ctx, uint64_t off, void *buf, size_t len)
{
    const struct file *f = ctx;
    uint8_t *out = buf;
    while (len > 0) {
        size_t n = (size_t)u64_min(len, IMG_PAGE_LEN - off % IMG_PAGE_LEN);
        if (off < f->img->payload_off || has_page(f->img, off / IMG_PAGE_LEN)) {
            img_read(f->img, off, out, n);
        } else {
            for (size_t i = 0; i < n; i++)
                out[i] = (uint8_t)(mixed(f->seed ^ (off + i) / 8) >> (off + i) % 8 * 8);
        }
        off += n;
        out += n;
        len -= n;
    }
}

static enum status file_source_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    file_bytes(s, off, buf, len);
    return STATUS_OK;
}

/* Structures have holes, payload has none. */
static enum status file_source_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    const struct file *f = (const struct file *)s;
    uint64_t limit = u64_min(f->img->payload_off, s->size), data = off;
    while (data < limit && !has_page(f->img, data / IMG_PAGE_LEN))
        data = (data / IMG_PAGE_LEN + 1) * IMG_PAGE_LEN;
    *ret_data = u64_min(data, s->size);
    *ret_hole = data < limit ? u64_min((data / IMG_PAGE_LEN + 1) * IMG_PAGE_LEN, s->size) : s->size;
    return STATUS_OK;
}

static void file_source_close(struct source *s)
{
    (void)s;
}

static void file_source_open(struct file *f)
{
    static const struct source_ops ops = {file_source_read, file_source_next_data, file_source_close};
    f->source = (struct source){.ops = &ops, .size = f->img->size};
    f->size = f->img->size;
}

/* ---- making images ---- */

struct plan { /* of one chain */
    struct random random;
    uint32_t sector;
    uint64_t size;
    bool chunks; /* more than one chunk */
    unsigned depth;
};

static char random_state(struct random *r, bool differencing)
{
    static const char child[] = "0000011222333UM6666677777777", other[] = "000112233UM66666666666";
    if (chance(r, 1))
        return "457"[below(r, 3)];
    return differencing ? child[below(r, sizeof(child) - 1)] : other[below(r, sizeof(other) - 1)];
}

/* Letters for the first blocks, and in a disk of several chunks some blocks around the boundary. */
static struct img *create(struct plan *p, const struct img *parent, bool differencing, uint64_t seed)
{
    struct random *r = &p->random;
    struct img_params params = {
        .virtual_size = p->size,
        .logical_sector_size = p->sector,
        .parent = parent,
        .data = IMG_DATA_NONE,
        .seed = seed,
    };
    params.type = differencing ? IMG_DIFFERENCING : chance(r, 20) ? IMG_FIXED : IMG_DYNAMIC;
    params.layout = chance(r, 30) ? IMG_QEMU : IMG_WINDOWS;
    params.block_size = MIB << (chance(r, 60) ? below(r, 2) : below(r, 9));
    if (chance(r, 1))
        params.logical_sector_size = p->sector == 512 ? 4096 : 512;
    if (chance(r, 20)) { /* another size than the rest of the chain */
        params.virtual_size += below(r, 8 * MIB) / 4096 * 4096;
        params.virtual_size -= u64_min(below(r, 8 * MIB) / 4096 * 4096, params.virtual_size - 4096);
    }
    if (chance(r, 2))
        params.virtual_size -= 100;
    if (p->chunks)
        params.type = differencing ? IMG_DIFFERENCING : IMG_DYNAMIC;
    uint64_t blocks = u64_div_up(params.virtual_size, params.block_size), letters = u64_min(blocks, 24);
    char states[25];
    for (uint64_t i = 0; i < letters; i++)
        states[i] = random_state(r, differencing);
    states[letters] = '\0';
    params.states = states;

    struct img_block more[8];
    uint64_t edge = ((uint64_t)params.logical_sector_size << 23) / params.block_size;
    for (uint64_t b = edge < 4 ? 0 : edge - 4; b < blocks && params.block_count < 8; b++) {
        if (b < letters)
            continue;
        char c = random_state(r, differencing);
        more[params.block_count++] = (struct img_block){
            .block = b,
            .state = c == 'U'   ? 1
                     : c == 'M' ? 3
                                : (unsigned)(c - '0'),
            .anchored = c == 'U' || c == 'M',
        };
    }
    params.blocks = more;
    return img_create(&params);
}

static uint64_t some_block(struct plan *p, const struct img *img)
{
    uint64_t blocks = img->geometry.payload_blocks, edge = img->geometry.chunk_ratio;
    if (blocks > edge && chance(&p->random, 40))
        return edge - 2 + below(&p->random, u64_min(4, blocks - edge + 2));
    return below(&p->random, u64_min(blocks, 24));
}

/* Somewhere an entry can point to: at or near another block, a structure, the end of the file, nowhere. */
static uint64_t some_place(struct plan *p, const struct img *img)
{
    uint64_t near = below(&p->random, 4) * MIB, other = img_block_off(img, some_block(p, img));
    switch (below(&p->random, 12)) {
    case 0:
        return 0;
    case 1:
        return img->log_off;
    case 2:
        return img->bat_off;
    case 3:
        return img->metadata_off;
    case 4:
        return img->size / MIB * MIB - u64_min(near, img->size / MIB * MIB);
    case 5:
        return img->size / MIB * MIB + near;
    case 6:
        return UINT64_MAX - near;
    case 7:
        return (uint64_t)1 << (40 + below(&p->random, 24));
    case 8:
        return img_bitmap_off(img, 0);
    case 9:
        return other + near;
    case 10:
        return other - u64_min(near, other);
    default:
        return other;
    }
}

static uint64_t some_entry(struct plan *p, const struct img *img)
{
    unsigned state = chance(&p->random, 60) ? (chance(&p->random, 60) ? 6 : 7) : (unsigned)below(&p->random, 8);
    uint64_t reserved = chance(&p->random, 5) ? below(&p->random, 1 << 17) << 3 : 0;
    return bat_entry_make(some_place(p, img), state) | reserved;
}

static uint64_t some_index(struct plan *p, const struct img *img)
{
    if (img->geometry.differencing && chance(&p->random, 25))
        return img_bitmap_index(img, below(&p->random, img->geometry.chunks));
    return img_block_index(img, some_block(p, img));
}

static void change_bits(struct plan *p, struct img *img)
{
    const struct geometry *g = &img->geometry;
    for (unsigned i = 0; i < 6; i++) {
        uint64_t block = some_block(p, img), first = below(&p->random, g->sectors_per_block);
        if (img_bitmap_off(img, block >> g->chunk_shift) == 0)
            continue;
        uint64_t count = 1 + below(&p->random, chance(&p->random, 50) ? 40 : g->sectors_per_block);
        img_bitmap_set(img, block, first, u64_min(count, g->sectors_per_block - first), chance(&p->random, 50));
    }
}

static void damage(struct plan *p, struct img *img)
{
    struct random *r = &p->random;
    for (uint64_t n = chance(r, 35) ? 1 + below(r, 4) : 0; n > 0; n--) {
        uint64_t index = some_index(p, img);
        img_bat_set(img, index, some_entry(p, img));
    }
    if (chance(r, 10))
        img_resize(img, img->payload_off + below(r, img->size - img->payload_off + 1));
    else if (chance(r, 10))
        img_resize(img, img->size + below(r, 4 * MIB));
    if (chance(r, 3)) { /* a region too short for the BAT */
        for (unsigned copy = 0; copy < 2; copy++)
            put_le32(img_region_find(img, copy, KNOWN_REGION_BAT) + 24, (uint32_t)(8 * (1 + below(r, 24))));
        img_sign_region_tables(img);
    }
    if (chance(r, 5))
        img_region_table(img, 0)[4] ^= 1;
    if (chance(r, 5))
        img_header(img, (unsigned)below(r, 2))[4] ^= 1;
    if (chance(r, 1)) {
        img_header(img, 0)[4] ^= 1;
        img_header(img, 1)[5] ^= 1;
    }
}

/* One change for the log; page is filled when it is a data descriptor. */
static struct img_log_desc log_desc(struct plan *p, struct img *img, uint64_t end)
{
    struct random *r = &p->random;
    struct img_log_desc d = {.len = 4096 * (1 + below(r, 64))};
    uint64_t payload = img->payload_off + below(r, end - img->payload_off + 1);
    uint8_t *page;
    switch (below(r, 12)) {
    case 0: /* zeros over payload, or what comes after it */
        d.off = payload / 4096 * 4096;
        d.len = u64_min(d.len, (end - d.off) / 4096 * 4096);
        return d;
    case 1: /* zeros over BAT pages */
        d.off = img->bat_off + below(r, 2) * 4096;
        d.len = 4096;
        return d;
    case 2:
    case 3: /* a page of payload, or of a sector bitmap */
        d.off = (chance(r, 50) && img_bitmap_off(img, 0) ? img_bitmap_off(img, 0) + below(r, 64) * 4096 : payload) /
                4096 * 4096;
        if (d.off + 4096 > end)
            d.off = img->payload_off;
        page = img_page_copy(img, d.off);
        for (unsigned i = 0; i < 4096; i++)
            page[i] = (uint8_t)below(r, 256);
        break;
    default: /* BAT entries */
        d.off = img_bat_entry_off(img, some_index(p, img)) / 4096 * 4096;
        page = img_page_copy(img, d.off);
        for (unsigned i = 0; i < 3; i++) {
            uint64_t at = img_bat_entry_off(img, some_index(p, img));
            if (at / 4096 * 4096 == d.off)
                put_le64(page + (at - d.off), some_entry(p, img));
        }
    }
    d.page = page;
    if (chance(r, 1))
        d.off = chance(r, 50) ? 0x20000 : img->log_off + 4096;
    return d;
}

/* What a crash leaves: entries that were never applied, perhaps for a file that was to grow. */
static void make_dirty(struct plan *p, struct img *img)
{
    struct random *r = &p->random;
    uint64_t last = chance(r, 30) ? img->size + below(r, 5) * MIB : img->size, seq = 1 + below(r, 1000);
    uint32_t pos = (uint32_t)(below(r, img->log_len / 4096) * 4096), tail = pos;
    bool size_known = !chance(r, 2);
    img_log_begin(img, pos, seq);
    for (uint64_t entries = 1 + below(r, 4); entries > 0; entries--) {
        struct img_log_desc descs[LOG_DESCS_MAX];
        uint32_t count = (uint32_t)below(r, LOG_DESCS_MAX + 1);
        for (uint32_t i = 0; i < count; i++)
            descs[i] = log_desc(p, img, last);
        if (chance(r, 15)) /* what came before was applied already */
            tail = pos;
        pos = img_log_write(img, pos,
                            &(struct img_log_entry){
                                .sequence_number = seq++,
                                .tail = tail,
                                .flushed = size_known ? img->size : img->size + MIB,
                                .last = last,
                                .descs = descs,
                                .desc_count = count,
                                .flags = chance(r, 3) ? IMG_LOG_BAD_CRC : 0,
                            });
    }
}

static struct plan make_plan(uint64_t number)
{
    struct plan p = {.random = {mixed(number + 1)}};
    p.sector = chance(&p.random, 60) ? 512 : 4096;
    p.depth = chance(&p.random, 40) ? 1 : 1 + (unsigned)below(&p.random, CHAIN_MAX);
    p.chunks = chance(&p.random, 4);
    p.size = MIB * (1 + below(&p.random, 30));
    if (p.chunks)
        p.size = ((uint64_t)p.sector << 23) + MIB * (1 + below(&p.random, 4));
    if (chance(&p.random, 50))
        p.size += below(&p.random, MIB) / p.sector * p.sector;
    return p;
}

/* Files of the chain, the child first. */
static void make_chain(struct plan *p, struct file *files)
{
    const struct img *parent = NULL;
    for (unsigned i = p->depth; i-- > 0;) {
        struct file *f = &files[i];
        bool differencing = parent != NULL || chance(&p->random, 10);
        f->seed = p->random.state;
        f->img = create(p, parent, differencing, f->seed);
        parent = f->img;
        if (differencing)
            change_bits(p, f->img);
    }
    for (unsigned i = 0; i < p->depth; i++) {
        damage(p, files[i].img);
        if (i > 0 && chance(&p->random, 1)) {
            img_header(files[i].img, 0)[IMG_HEADER_DATA_WRITE_GUID] ^= 1;
            img_header(files[i].img, 1)[IMG_HEADER_DATA_WRITE_GUID] ^= 1;
            img_sign_headers(files[i].img);
        }
        if (chance(&p->random, 25))
            make_dirty(p, files[i].img);
        file_source_open(&files[i]);
    }
}

/* ---- comparing ---- */

struct subject {
    struct arena *arena;
    struct image *image;
    struct guest *guest; /* NULL: refused */
    const char *why;
};

static enum status open_file(void *ctx, uint32_t dir, const char *name, struct source **ret, struct file_info *ret_info)
{
    struct file *files = ctx;
    unsigned i = (unsigned)(name[0] - '0');
    (void)dir;
    *ret = &files[i].source;
    *ret_info = (struct file_info){.device = 1, .inode = i + 1, .size = files[i].size};
    return STATUS_OK;
}

static struct subject open_subject(struct file *files, unsigned count, struct guest_options options)
{
    static const char *const names[] = {"1", "2", "3"};
    struct chain_options chain = {.parents = names, .parent_count = count - 1, .open = open_file, .open_ctx = files};
    struct host_facts host = {.known = true, .info = {.device = 1, .inode = 1}};
    struct subject s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    assert_non_null(s.arena);
    assert_int_equal(image_open(s.arena, &files[0].source, "0", &host, NULL, &s.image), STATUS_OK);
    assert_int_equal(chain_resolve(s.image, &chain), STATUS_OK);
    enum status st = guest_open(s.image, &options, &s.guest, &s.why);
    if (st == STATUS_REFUSED)
        assert_non_null(s.why);
    else
        assert_int_equal(st, STATUS_OK);
    return s;
}

struct fault_sum {
    uint64_t bytes, next;
    const uint8_t *faulty; /* per byte of the range */
    uint64_t off, len;
};

static void sum_fault(void *ctx, const struct guest_extent *e)
{
    struct fault_sum *s = ctx;
    assert_true(e->fault != GUEST_FAULT_NONE && !e->data && e->len > 0);
    assert_true(e->off >= s->next && e->off + e->len <= s->off + s->len);
    for (uint64_t i = e->off; i < e->off + e->len; i++)
        assert_int_equal(s->faulty[i - s->off], 1);
    s->next = e->off + e->len;
    s->bytes += e->len;
}

static void check_read(const struct subject *s, uint64_t off, uint64_t len, const uint8_t *want, const uint8_t *faulty)
{
    static uint8_t got[RANGE_MAX];
    struct fault_sum sum = {.faulty = faulty, .off = off, .len = len};
    uint64_t faults = UINT64_MAX, expected = 0;
    memset(got, 0xA5, sizeof(got));
    assert_int_equal(guest_read(s->guest, off, got, (size_t)len, sum_fault, &sum, &faults), STATUS_OK);
    for (uint64_t i = 0; i < len; i++)
        expected += faulty[i];
    assert_int_equal(faults, sum.bytes);
    assert_int_equal(faults, expected);
    assert_bytes_equal(got, want, (size_t)len);
}

/* Extents tile the range, and say the same as reading. */
static void check_extents(const struct subject *s, uint64_t off, uint64_t len, const uint8_t *want,
                          const uint8_t *faulty, bool merged)
{
    static uint8_t got[RANGE_MAX];
    struct guest_extent e, last = {.len = 0};
    for (uint64_t at = 0; at < len; at += e.len, last = e) {
        enum status st = merged ? guest_extent_merged(s->guest, off + at, len - at, &e)
                                : guest_extent_at(s->guest, off + at, len - at, &e);
        assert_int_equal(st, STATUS_OK);
        assert_true(e.off == off + at && e.len > 0 && e.len <= len - at);
        assert_true(e.layer < guest_layer_count(s->guest) && !(e.data && e.fault != GUEST_FAULT_NONE));
        if (merged && at > 0)
            assert_false(e.state == last.state && e.layer == last.layer && e.fault == last.fault &&
                         e.data == last.data && (!e.data || e.file_off == last.file_off + last.len));
        memset(got, 0, (size_t)e.len);
        if (e.data)
            assert_int_equal(source_read(guest_layer_source(s->guest, e.layer), e.file_off, got, (size_t)e.len),
                             STATUS_OK);
        assert_bytes_equal(got, want + at, (size_t)e.len);
        assert_null(memchr(faulty + at, e.fault == GUEST_FAULT_NONE, (size_t)e.len));
    }
}

/* A range that is likely to cross something. */
static uint64_t some_offset(struct random *r, const struct file *files, unsigned count, uint64_t size)
{
    const struct geometry *g = &files[below(r, count)].img->geometry;
    uint64_t near = below(r, RANGE_MAX), off = below(r, size);
    switch (below(r, 6)) {
    case 0:
        off = 0;
        break;
    case 1:
        off = size - u64_min(size, near);
        break;
    case 2:
        off = g->virtual_size;
        break;
    case 3:
        off = g->chunk_ratio * g->block_size;
        break;
    case 4:
        off = below(r, g->payload_blocks + 1) * g->block_size;
        break;
    default:
        break;
    }
    off -= u64_min(off, near);
    return off < size ? off : below(r, size);
}

static void compare_ranges(struct random *r, const struct subject *s, const struct reference *ref,
                           const struct file *files, unsigned count)
{
    static uint8_t want[RANGE_MAX], faulty[RANGE_MAX];
    uint64_t size = reference_size(ref), sector = reference_sector_size(ref);
    assert_int_equal(guest_size(s->guest), size);
    assert_int_equal(guest_sector_size(s->guest), sector);
    for (unsigned n = 0; n < RANGES; n++) {
        uint64_t off = some_offset(r, files, count, size);
        uint64_t len = 1 + below(r, u64_min(chance(r, 50) ? RANGE_MAX : 2 * sector, size - off));
        for (uint64_t at = off; at < off + len;) {
            uint64_t piece = u64_min(sector - at % sector, off + len - at);
            bool ok = reference_piece(ref, at, want + (at - off), (size_t)piece);
            memset(faulty + (at - off), !ok, (size_t)piece);
            at += piece;
        }
        if (chance(r, 50))
            check_extents(s, off, len, want, faulty, false);
        check_read(s, off, len, want, faulty);
        check_extents(s, off, len, want, faulty, true);
    }
}

/* True when the whole disk was looked at and needs no parent; only for disks of few pieces. */
static bool walk_finds_need(const struct subject *s, bool *ret_need)
{
    struct guest_extent e;
    unsigned pieces = 0;
    *ret_need = false;
    for (uint64_t off = 0; off < guest_size(s->guest) && !*ret_need; off += e.len) {
        if (++pieces > 20000)
            return false;
        assert_int_equal(guest_extent_merged(s->guest, off, UINT64_MAX, &e), STATUS_OK);
        *ret_need = e.fault == GUEST_FAULT_NO_PARENT;
    }
    return true;
}

struct tally {
    uint64_t refused, chains, dirty;
};

static void one_image(uint64_t number, struct tally *t)
{
    struct file files[CHAIN_MAX] = {{.img = NULL}};
    struct reference_file reference_files[CHAIN_MAX];
    struct plan p = make_plan(number);
    const char *why = NULL, *text = NULL;
    make_chain(&p, files);
    unsigned given = p.depth > 1 && chance(&p.random, 8) ? p.depth - 1 : p.depth;
    struct guest_options options = {.anchors = chance(&p.random, 15)};
    options.salvage = chance(&p.random, 20);
    for (unsigned i = 0; i < given; i++)
        reference_files[i] = (struct reference_file){files[i].size, file_bytes, &files[i]};

    struct subject s = open_subject(files, given, options);
    struct reference *ref =
        reference_open(reference_files, given,
                       (options.anchors ? REFERENCE_ANCHORS : 0u) | (options.salvage ? REFERENCE_SALVAGE : 0u), &why);
    if (!s.guest != !ref)
        print_error("guest: %s; reference: %s\n", s.guest ? "opens" : s.why, ref ? "opens" : why);
    assert_int_equal(s.guest != NULL, ref != NULL);
    t->refused += s.guest == NULL;
    t->chains += s.image->main->type == DISK_DIFFERENCING;
    t->dirty += s.image->replayed;
    if (s.guest) {
        bool need;
        compare_ranges(&p.random, &s, ref, files, given);
        if (walk_finds_need(&s, &need))
            assert_int_equal(guest_needs_parent(s.guest, &text), need);
    }
    reference_close(ref);
    chain_close(s.image);
    image_close(s.image);
    arena_destroy(s.arena);
    for (unsigned i = 0; i < p.depth; i++)
        img_free(files[i].img);
}

static uint64_t current_image = UINT64_MAX;

static int name_image(void **state)
{
    (void)state;
    if (current_image != UINT64_MAX)
        print_error("image number %llu\n", (unsigned long long)current_image);
    return 0;
}

static void readers_agree(void **state)
{
    struct tally t = {.refused = 0};
    (void)state;
    for (current_image = first_image; current_image < end_image; current_image += image_step)
        one_image(current_image, &t);
    uint64_t made = (current_image - first_image) / image_step;
    current_image = UINT64_MAX;
    if (made < IMAGES / 3)
        return;
    /* What the generator makes must not become dull. */
    assert_in_range(t.refused, made / 100, made / 5);
    assert_in_range(t.chains, made / 4, made);
    assert_in_range(t.dirty, made / 8, made);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(readers_agree, name_image)};
    if (argc > 1) {
        first_image = strtoull(argv[1], NULL, 0);
        end_image = first_image + (argc > 2 ? strtoull(argv[2], NULL, 0) : 1);
        image_step = 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
