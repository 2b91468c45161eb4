/* SPDX-License-Identifier: MIT */
/* Seeds for fuzz_moments.c: its operations over the images of the cases, and sweeps over what can fail in each. */
#include <stdio.h>

#include "base/checked.h"
#include "format/layout.h"
#include "fuzz/make_seeds.h"
#include "tests/build.h"

/* As in fuzz_moments.c. */
enum {
    OPERATIONS = 12,
    OP_CHECK = 1,
    OP_LOST = 3,
    WHATS = 8,
    WHAT_OPEN = 4,
    WHAT_MEMORY = 6,
    STICKY = 8,
    FROM_START = 32,
    NAMED = 64,
    SEARCHED = 128,
    FILES_MAX = 4,
    MOMENTS = 128,
};

/* The first file with this seed, the others as they are. */
static void emit_moments(const char *name, unsigned operation, unsigned how, unsigned first, unsigned count,
                         struct source *const *sources, unsigned source_count, unsigned seed)
{
    static struct encoded file;
    struct input in = {.len = 0};

    add_number(&in, operation, 1);
    add_number(&in, how, 1);
    add_number(&in, first, 2);
    add_number(&in, count, 1);
    for (unsigned i = 0; i < source_count && i < FILES_MAX; i++) {
        encode(sources[i], 0, i == 0 ? (uint8_t)seed : 0, &file);
        if (file.len == 0)
            return;
        if (i + 1 < FILES_MAX)
            add_number(&in, file.len, 2);
        add(&in, file.bytes, file.len);
    }
    emit_input("moments", name, &in);
}

void moments_of_case(const char *name, struct source *const *sources, unsigned count, unsigned number)
{
    char full[NAME_SIZE + 32];

    for (unsigned op = 0; op < OPERATIONS; op++) {
        unsigned how = number % 3 == 0 ? SEARCHED : NAMED;
        (void)snprintf(full, sizeof(full), "%s-%u", name, op);
        emit_moments(full, op, how, 0, op == number % OPERATIONS ? MOMENTS : 0, sources, count, number * 7 + op);
    }
    (void)snprintf(full, sizeof(full), "%s-lost", name);
    emit_moments(full, OP_LOST, NAMED, 0, 0, sources, count, 7);
}

static void sweep(const char *name, struct source *const *sources, unsigned count)
{
    enum { STEPS = 8, SEEDS = 4 };
    static const uint8_t seeds[SEEDS] = {0, 7, 2, 5};
    char full[NAME_SIZE];

    for (unsigned op = 0; op < OPERATIONS; op++)
        for (unsigned what = 0; what < WHATS; what++)
            for (unsigned step = 0; step < (what == WHAT_MEMORY ? STEPS : 2); step++)
                for (unsigned variant = 0; variant < SEEDS; variant++) {
                    unsigned how = what | (variant % 2 ? STICKY : 0) | (variant % 2 ? SEARCHED : NAMED) |
                                   (op == 0 || what / 2 == WHAT_OPEN / 2 ? FROM_START : 0);
                    (void)snprintf(full, sizeof(full), "%s-sweep-%u-%u-%u-%u", name, op, what, step, variant);
                    emit_moments(full, op, how, step * MOMENTS, MOMENTS, sources, count, seeds[variant]);
                }
}

/* ---- images ---- */

/* Under each operation, with the seeds that choose most. */
static void emit_each(const char *name, struct source *const *sources, unsigned count)
{
    static const uint8_t seeds[] = {0, 7, 2, 5};
    char full[NAME_SIZE];

    for (unsigned op = 0; op < OPERATIONS; op++)
        for (unsigned i = 0; i < sizeof(seeds); i++) {
            (void)snprintf(full, sizeof(full), "%s-each-%u-%u", name, op, i);
            emit_moments(full, op, NAMED, 0, 0, sources, count, seeds[i]);
        }
}

static void emit_image(const char *name, const struct img *img)
{
    struct source *file = img_source(img);

    emit_each(name, &file, 1);
    source_close(file);
}

/* A disk of its own kind of data in the blocks that are there, and some of nothing. */
static void lay_content(struct img *img)
{
    static const uint8_t gzip[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3};

    img_write(img, img_block_off(img, 0) + 4096, "something", 9);
    img_write(img, img->size - MIB, gzip, sizeof(gzip));
}

/* Structures that no region table leads to. */
static void lose_regions(struct img *img)
{
    for (unsigned copy = 0; copy < 2; copy++)
        img_fill(img, REGION_TABLE_OFF[copy], REGION_TABLE_LEN, 0);
}

/* The page at `from` once more behind the end, each time in a MiB of its own. */
static void repeat_page(struct img *img, uint64_t from, unsigned times)
{
    uint8_t page[4096];

    img_read(img, from, page, sizeof(page));
    for (unsigned i = 0; i < times; i++) {
        img_resize(img, img->size + MIB);
        img_write(img, img->size - MIB, page, sizeof(page));
    }
}

/* Lost metadata and BATs: once, more than once, more often than is listed; without a block; each layout. */
static void seeds_of_lost(void)
{
    static const unsigned bats[] = {0, 1, 3, 20}, metadata[] = {0, 1, 10};
    static const char *const states[] = {"", "6", NULL};
    char name[NAME_SIZE];

    for (unsigned i = 0; i < 4 * 3 * 3 * 2; i++) {
        const struct img_params p = {.layout = i % 2 ? IMG_QEMU : IMG_WINDOWS,
                                     .states = states[i / 2 % 3],
                                     .data = IMG_DATA_NONE,
                                     .log_off = i % 3 ? 0 : 6 * MIB};
        struct img *img = img_create(&p);
        lose_regions(img);
        repeat_page(img, img->bat_off, bats[i / 6 % 4]);
        if (i % 5 == 1) /* a table that knows less */
            img_bat_set(img, 0, 0);
        if (i % 5 == 2)
            img_bat_set(img, 0, 4);
        repeat_page(img, img->metadata_off, metadata[i / 24]);
        (void)snprintf(name, sizeof(name), "find-%u", i);
        emit_image(name, img);
        img_free(img);
    }
}

/* Partition tables, as a profile looks for them. */
static void seeds_of_boot(void)
{
    static const struct {
        uint64_t size;
        uint32_t sector;
        bool mark, half, gpt, mbr;
    } kinds[] = {
        {0, 0, true, false, false, false},         {0, 0, false, true, false, false},
        {0, 0, true, false, true, false},          {0, 4096, true, false, true, false},
        {0, 0, true, false, false, true},          {3ULL << 40, 0, true, false, false, true},
        {1ULL << 40, 0, true, false, true, false}, {8ULL << 40, 0, true, false, true, false},
    };
    char name[NAME_SIZE];

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct img_params p = {.virtual_size = kinds[i].size,
                                     .block_size = kinds[i].size > 0 ? 256 * MIB : 0,
                                     .logical_sector_size = kinds[i].sector,
                                     .states = "6",
                                     .data = IMG_DATA_NONE};
        struct img *img = img_create(&p);
        uint64_t at = img_block_off(img, 0);
        if (kinds[i].mark || kinds[i].half)
            img_write(img, at + 510, kinds[i].half ? "\x55\xab" : "\x55\xaa", 2);
        if (kinds[i].gpt)
            img_write(img, at + img->geometry.logical_sector_size, "EFI PART", 8);
        if (kinds[i].mbr)
            img_write(img, at + 446 + 16, "\0\0\0\0\7\0\0\0\1\0\0\0\1", 13);
        (void)snprintf(name, sizeof(name), "boot-%u", i);
        emit_image(name, img);
        img_free(img);
    }
}

/* A log that writes zeros over all there is, and names, dates and sizes that are not what they were. */
static void seeds_of_surroundings(void)
{
    static const struct img_params p = {.data = IMG_DATA_NONE};
    struct img *zeros = img_create(&p), *plain = img_create(&p), *nothing = img_create(&p);
    const struct img_log_desc wipe[] = {{.off = img_block_off(zeros, 0), .len = 2 * MIB},
                                        {.off = zeros->metadata_off, .len = 4096},
                                        {.off = zeros->bat_off + 4096, .len = MIB - 4096}};
    char name[NAME_SIZE];

    img_write(zeros, img_block_off(zeros, 0) + MIB, "something", 9);
    img_make_dirty(zeros, wipe, 1);
    emit_image("zeros", zeros);
    img_make_dirty(zeros, wipe, 3);
    emit_image("zeros-over-all", zeros);
    img_fill(nothing, 0, 8, 'x');
    struct source *files[2] = {img_source(plain), img_source(nothing)};
    for (unsigned seed = 0; seed < 256; seed++)
        for (unsigned i = 0; i < 2; i++) {
            (void)snprintf(name, sizeof(name), "name-%u-%u", seed, i);
            emit_moments(name, OP_CHECK, NAMED, 0, 0, files + i, 1, seed);
        }
    source_close(files[0]);
    source_close(files[1]);
    img_free(zeros);
    img_free(plain);
    img_free(nothing);
}

/* A child that is its own parent, by its GUIDs. */
static void sweep_own_parent(const struct img *parent)
{
    const struct img_params p = {.type = IMG_DIFFERENCING,
                                 .parent = parent,
                                 .data = IMG_DATA_NONE,
                                 .data_write_guid = parent->params.data_write_guid};
    struct img *img = img_create(&p);
    struct source *files[2] = {img_source(img), img_source(img)};
    char full[NAME_SIZE];

    for (unsigned op = 0; op < OPERATIONS; op++)
        for (unsigned seed = 0; seed < 4; seed++)
            for (unsigned how = NAMED; how <= SEARCHED; how += NAMED) {
                (void)snprintf(full, sizeof(full), "own-parent-%u-%u-%u", op, seed, how);
                emit_moments(full, op, how, 0, 0, files, 2, seed | 4U);
            }
    source_close(files[0]);
    source_close(files[1]);
    img_free(img);
}

void seeds_of_moments(void)
{
    static const struct guid linkage = {.bytes = {0x42, 1, 2, 3, 4, 5, 0x46, 7, 0x88, 9}};
    const struct img_params base = {.data_write_guid = linkage, .data = IMG_DATA_NONE};
    struct img *plain = img_create(&base), *dirty = img_create(&base), *lost = img_create(&base);
    const struct img_params middle_params = {
        .type = IMG_DIFFERENCING, .parent = plain, .data = IMG_DATA_NONE, .seed = 2};
    struct img *middle = img_create(&middle_params);
    const struct img_params top_params = {.type = IMG_DIFFERENCING, .parent = middle, .data = IMG_DATA_NONE, .seed = 3};
    struct img *top = img_create(&top_params);

    lay_content(plain);
    lay_content(middle);
    lay_content(top);
    img_make_dirty_bat(dirty, 1, img_bat_get(dirty, 0));
    lose_regions(lost);
    struct source *chain[3] = {img_source(top), img_source(middle), img_source(plain)};
    struct source *dirty_file = img_source(dirty), *lost_file = img_source(lost);
    sweep("chain", chain, 3);
    sweep("plain", chain + 2, 1);
    sweep("dirty", &dirty_file, 1);
    sweep("lost", &lost_file, 1);
    sweep_own_parent(plain);
    seeds_of_lost();
    seeds_of_boot();
    seeds_of_surroundings();
    for (unsigned i = 0; i < 3; i++)
        source_close(chain[i]);
    source_close(dirty_file);
    source_close(lost_file);
    img_free(top);
    img_free(middle);
    img_free(plain);
    img_free(dirty);
    img_free(lost);
}
