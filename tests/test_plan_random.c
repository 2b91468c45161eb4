/* SPDX-License-Identifier: MIT */
/*
 * Repair plans of images that were damaged at random: one to six structures of each, from a seed that the test's name
 * tells. Nobody says what the right repair is; what is promised of every plan must hold (plan_promises.h), and a
 * finding that was allowed to be repaired and stays has a reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "plan_promises.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

enum { IMAGES = 400 };

static uint64_t state; /* of the generator; set before an image is built */

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state * 0x2545f4914f6cdd1d >> 16) % below;
}

/* A value that damage or a hostile hand would leave there. */
static uint64_t odd_value(uint64_t old)
{
    switch (draw(8)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return old + 1;
    case 3:
        return old ^ (uint64_t)1 << draw(64);
    case 4:
        return draw(64) << 20;
    case 5:
        return draw(16) << 20 | draw(8);
    case 6:
        return (uint64_t)1 << draw(64);
    default:
        return draw(UINT64_MAX);
    }
}

static void change_field(uint8_t *p, size_t len)
{
    uint8_t bytes[8] = {0};

    memcpy(bytes, p, len);
    put_le64(bytes, odd_value(le64(bytes)));
    memcpy(p, bytes, len);
}

/* ---- kinds of damage ---- */

static void damage_header(struct img *img)
{
    static const struct {
        size_t off, len;
    } fields[] = {{0, 4}, {8, 8}, {16, 8}, {32, 8}, {48, 8}, {64, 2}, {68, 4}, {72, 8}, {80, 8}, {4000, 8}};
    unsigned slot = (unsigned)draw(2);
    size_t i = (size_t)draw(sizeof(fields) / sizeof(fields[0]));

    change_field(img_header(img, slot) + fields[i].off, fields[i].len);
    if (draw(2) == 0)
        img_sign_header(img, slot);
}

static void wipe_structure(struct img *img)
{
    const uint64_t places[] = {0x10000, 0x20000, 0x30000, 0x40000, img->log_off, img->metadata_off, img->bat_off};

    img_fill(img, places[draw(sizeof(places) / sizeof(places[0]))], 4096, 0);
}

static void damage_region_table(struct img *img)
{
    static const size_t fields[] = {0, 8, 16, 24, 28};
    unsigned copy = (unsigned)draw(2);
    uint32_t entry = (uint32_t)draw(2);
    size_t field = fields[draw(5)];

    for (unsigned i = 0; i < 2; i++) {
        if (i != copy && draw(2) == 0)
            continue;
        if (draw(8) == 0)
            change_field(img_region_table(img, i) + 8, 8);
        else
            change_field(img_region_entry(img, i, entry) + field, field == 16 ? 8 : 4);
        if (draw(8) != 0)
            img_sign_region_table(img, i);
    }
}

static enum known_guid any_item(const struct img *img)
{
    static const enum known_guid items[] = {KNOWN_ITEM_FILE_PARAMETERS,      KNOWN_ITEM_VIRTUAL_DISK_SIZE,
                                            KNOWN_ITEM_VIRTUAL_DISK_ID,      KNOWN_ITEM_LOGICAL_SECTOR_SIZE,
                                            KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, KNOWN_ITEM_PARENT_LOCATOR};

    return items[draw(img->params.type == IMG_DIFFERENCING ? 6 : 5)];
}

static void damage_metadata(struct img *img)
{
    static const size_t fields[] = {0, 16, 20, 24, 28};
    enum known_guid which = any_item(img);

    switch (draw(4)) {
    case 0:
        change_field(img_metadata_entry(img, which) + fields[draw(5)], 4);
        break;
    case 1:
        change_field(img_metadata_table(img) + 8, 4);
        break;
    case 2:
        change_field(img_metadata_item(img, which) + (which == KNOWN_ITEM_FILE_PARAMETERS ? 4 * draw(2) : 0), 4);
        break;
    default:
        if (which == KNOWN_ITEM_PARENT_LOCATOR)
            change_field(img_metadata_item(img, which) + 16 + draw(60), 2);
        else
            change_field(img_bytes(img, img->metadata_off + 0x10000 + 8 * draw(64), 8), 8);
    }
}

static uint64_t any_index(const struct img *img)
{
    if (draw(4) == 0)
        return img_bitmap_index(img, 0);
    if (draw(8) == 0)
        return img->geometry.entries + draw(4);
    return draw(u64_min(img->geometry.entries, 16));
}

static void damage_bat(struct img *img)
{
    uint64_t index = any_index(img), old = img_bat_get(img, index), other = img_bat_get(img, any_index(img));

    switch (draw(6)) {
    case 0:
        img_bat_set(img, index, odd_value(old));
        break;
    case 1:
        img_bat_set(img, index, (old & ~(uint64_t)7) | draw(8));
        break;
    case 2:
        img_bat_set(img, index, other);
        break;
    case 3:
        img_bat_set(img, index, draw(24) << 20 | draw(8));
        break;
    case 4:
        img_bat_set(img, index, old | draw(1 << 17) << 3);
        break;
    default:
        img_bat_set(img, index, (img->size - (draw(3) << 20)) | 6);
    }
}

static void damage_size(struct img *img)
{
    uint64_t by = draw(4) * MIB + draw(2) * draw(MIB);

    img_resize(img, draw(3) == 0 || img->size < by + 4 * MIB ? img->size + by : img->size - by);
}

static void dirty_log(struct img *img)
{
    uint64_t index = any_index(img);

    img_make_dirty_bat(img, index, draw(2) ? odd_value(img_bat_get(img, index)) : draw(8));
    if (draw(3) == 0)
        img_fill(img, img->log_off + 4096 * draw(4), 4096, (uint8_t)draw(2));
}

static void scatter(struct img *img)
{
    const uint64_t places[] = {0,
                               0x10000,
                               0x20000,
                               0x30000,
                               0x40000,
                               0x50000,
                               img->log_off,
                               img->metadata_off,
                               img->metadata_off + 0x10000,
                               img->bat_off};
    uint64_t off = places[draw(10)] + draw(draw(2) ? 512 : 65536);

    *img_bytes(img, off, 1) ^= (uint8_t)(1 + draw(255));
}

static void damage_bitmap(struct img *img)
{
    uint64_t off = img->params.type == IMG_DIFFERENCING ? img_bitmap_off(img, 0) : 0;

    if (off >= MIB && off < img->size)
        img_fill(img, off + draw(4096), 1 + draw(64), draw(2) ? 0xff : (uint8_t)draw(256));
}

static void at_random(struct img *img)
{
    static void (*const kinds[])(struct img *) = {
        damage_header, wipe_structure, damage_region_table, damage_metadata, damage_metadata, damage_bat,   damage_bat,
        damage_bat,    damage_size,    dirty_log,           scatter,         scatter,         damage_bitmap};

    for (uint64_t n = 1 + draw(6); n > 0; n--)
        kinds[draw(sizeof(kinds) / sizeof(kinds[0]))](img);
}

/* ---- images ---- */

static const struct img_params images[] = {
    {.type = IMG_DYNAMIC},
    {.type = IMG_FIXED},
    {.type = IMG_DIFFERENCING},
    {.type = IMG_DIFFERENCING, .windows_traces = true},
    {.layout = IMG_QEMU},
    {.layout = IMG_QEMU, .type = IMG_FIXED},
    {.logical_sector_size = 4096, .states = "6.62M6U"},
    {.virtual_size = (uint64_t)5 << 30, .block_size = 1 << 20, .states = "66666"},
    {.windows_traces = true, .states = "66U6M62"},
};

/* Every reason is one: what stays is told (plan_promises.c), and why is up to the fixers. */
static bool may_stay(const struct job *j, const struct rule *rule, const char *reason)
{
    (void)j;
    (void)rule;
    return strcmp(reason, "no way to repair it was found") != 0;
}

struct seeded {
    uint64_t seed;
    enum mode mode;
};

static void run_seed(void **ctx)
{
    const struct seeded *s = *ctx;
    const struct test_case c = {.name = "random",
                                .rule = "VHDX-LOG-002",
                                .params = &images[s->seed % (sizeof(images) / sizeof(images[0]))],
                                .mutate = at_random};
    const struct job j = {.c = &c, .mode = s->mode, .may_stay = may_stay};

    state = 0x9e3779b97f4a7c15 * (s->seed + 1);
    plan_keeps_its_promises(&j);
}

int main(void)
{
    const char *count = getenv("VHDXRAY_RANDOM_PLANS"); /* more of them, for a longer run */
    uint64_t images_wanted = count ? strtoull(count, NULL, 10) : IMAGES, n = 2 * images_wanted;
    struct CMUnitTest *tests = calloc((size_t)n, sizeof(*tests));
    struct seeded *seeds = calloc((size_t)n, sizeof(*seeds));

    if (!tests || !seeds)
        return 1;
    for (uint64_t i = 0; i < n; i++) {
        char *name = NULL;
        seeds[i] = (struct seeded){.seed = i / 2, .mode = i % 2 ? EVERYTHING : BY_ITSELF};
        if (asprintf(&name, "seed %llu, %s", (unsigned long long)seeds[i].seed, mode_names[seeds[i].mode]) < 0)
            return 1;
        tests[i] = (struct CMUnitTest){name, run_seed, NULL, NULL, &seeds[i]};
    }
    int failed = _cmocka_run_group_tests("random damage", tests, (size_t)n, NULL, NULL);
    for (uint64_t i = 0; i < n; i++)
        free((void *)(uintptr_t)tests[i].name);
    free(tests);
    free(seeds);
    return failed;
}
