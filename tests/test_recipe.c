/* SPDX-License-Identifier: MIT */
/*
 * Recipes, the inputs of the fuzzers: every operation against bytes worked out by hand; that any bytes decode; that
 * images come back byte for byte, those of the builder, of all cases and real ones ($VHDXRAY_IMAGES); and that signing
 * makes structures valid again which somebody changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>

#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "cases.h"
#include "format/header.h"
#include "fuzz/recipe.h"
#include "image/log_scan.h"
#include "image/replay.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

enum { CAP = 32 << 20 };

/* ---- small things ---- */

static uint64_t next_random(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15U;
    uint64_t x = *state;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9U;
    x = (x ^ x >> 27) * 0x94D049BB133111EBU;
    return x ^ x >> 31;
}

/* Every operation from the first byte on, as text: two digits for each byte, blanks ignored. */
static size_t from_hex(const char *text, uint8_t *out)
{
    size_t n = 0;

    for (const char *p = text; *p != '\0';) {
        unsigned v;
        if (*p == ' ') {
            p++;
            continue;
        }
        assert_int_equal(sscanf(p, "%2x", &v), 1);
        out[n++] = (uint8_t)v;
        p += 2;
    }
    return n;
}

static bool is_zero(struct source *s, uint64_t from, uint64_t to)
{
    uint8_t buf[4096];

    while (from < to) {
        size_t got, len = to - from < sizeof(buf) ? (size_t)(to - from) : sizeof(buf);
        assert_int_equal(source_read_some(s, from, buf, len, &got), STATUS_OK);
        if (!span_is_zero(span_of(buf, len)))
            return false;
        from += len;
    }
    return true;
}

/* ---- operations, by hand ---- */

static const struct {
    const char *name, *recipe;
    uint64_t size, off; /* where the expected bytes lie */
    const char *bytes;
} operations[] = {
    {"nothing", "", 0, 0, ""},
    {"size in MiB", "00 0400 00", 4 << 20, 0, ""},
    {"exact size", "00 0000 00 0f 3930000000000000", 12345, 0, ""},
    {"size without sign", "00 0000 00 0f ffffffffffffffff", INT64_MAX, 0, ""},
    {"short bytes at 0", "00 0100 00 00 03 616263", 1 << 20, 0, "616263"},
    {"bytes", "00 0100 00 10 0300 616263", 1 << 20, 0, "616263"},
    {"u8 delta", "00 0100 00 40 10 01 61", 1 << 20, 16, "61"},
    {"u16 delta", "00 0100 00 80 0102 01 61", 1 << 20, 0x201, "61"},
    {"u32 delta", "00 0200 00 c0 00001000 01 61", 2 << 20, 1 << 20, "61"},
    {"fill", "00 0100 00 20 ff 05", 1 << 20, 0, "ffffffffff00"},
    {"long fill", "00 0100 00 20 ff 00 0201", 1 << 20, 256, "ffff00"},
    {"sequence", "00 0100 00 30 0600500000000000 03 0200", 1 << 20, 0,
     "0600500000000000 0600700000000000 0600900000000000 00"},
    {"header 1", "00 0100 00 01 01 61", 1 << 20, 0x10000, "61"},
    {"header 2", "00 0100 00 02 01 61", 1 << 20, 0x20000, "61"},
    {"region table 1", "00 0100 00 03 01 61", 1 << 20, 0x30000, "61"},
    {"region table 2", "00 0100 00 04 01 61", 1 << 20, 0x40000, "61"},
    {"log without header", "00 0400 00 05 01 61", 4 << 20, 1 << 20, "61"},
    {"metadata without table", "00 0400 00 06 01 61", 4 << 20, 2 << 20, "61"},
    {"items without table", "00 0400 00 07 01 61", 4 << 20, (2 << 20) + 65536, "61"},
    {"bat without table", "00 0400 00 08 01 61", 4 << 20, 3 << 20, "61"},
    {"log of the header", "00 0900 00 01 04 68656164 41 48 08 0000500000000000 05 01 61", 9 << 20, 5 << 20, "61"},
    {"log of the newer header",
     "00 0900 00 01 0a 68656164 00000000 0100 41 48 08 0000500000000000"
     "02 0a 68656164 00000000 0200 42 48 08 0000600000000000 05 01 61",
     9 << 20, 6 << 20, "61"},
    {"bat of the table",
     "00 0900 00 03 0a 72656769 00000000 0200"
     "43 10 18 06a27c8b90479a4bb8fe575f050f886e 0000500000000000"
     "43 30 18 6677c22d23f600429d64115e9bfd4a08 0000700000000000 08 01 61",
     9 << 20, 7 << 20, "61"},
    {"metadata of the second table",
     "00 0900 00 04 0a 72656769 00000000 0100"
     "44 10 18 06a27c8b90479a4bb8fe575f050f886e 0000500000000000 06 01 61",
     9 << 20, 5 << 20, "61"},
    {"MiB", "00 0900 00 09 0700 01 61", 9 << 20, 7 << 20, "61"},
    {"MiB and delta", "00 0900 00 49 0700 05 01 61", 9 << 20, (7 << 20) + 5, "61"},
    {"before the end", "00 0100 00 4a 03 02 6162", 1 << 20, (1 << 20) - 3, "6162"},
    {"explicit", "00 0900 00 0b 0000800000000000 01 61", 9 << 20, 8 << 20, "61"},
    {"next", "00 0100 00 01 02 6162 4c 01 01 63", 1 << 20, 0x10000, "61620063"},
    {"next sector", "00 0100 00 01 02 6162 0d 01 63", 1 << 20, 0x11000, "63"},
    {"next sector, there already", "00 0100 00 21 61 00 0010 0d 01 63", 1 << 20, 0x11000, "63"},
    {"next MiB", "00 0300 00 01 02 6162 0e 01 63", 3 << 20, 1 << 20, "63"},
    {"later ones win", "00 0100 00 00 04 61626364 40 01 01 7a", 1 << 20, 0, "617a6364"},
    {"behind the end", "00 0100 00 0b 0000800000000000 01 61", 1 << 20, 0, "00"},
    {"cut at the end of the input", "00 0100 00 00 04 6162", 1 << 20, 0, "616200"},
    {"signatures", "08 0400 00", 4 << 20, 0, "7668647866696c65 00"},
    {"header signature", "08 0400 00", 4 << 20, 0x10000, "68656164 00"},
    {"table signature", "08 0400 00", 4 << 20, 0x40000, "72656769 00"},
    {"metadata signature", "08 0400 00", 4 << 20, 2 << 20, "6d65746164617461 00"},
    {"nothing to sign", "07 0400 00", 4 << 20, 0x10000, "0000000000000000"},
};

static void operations_lay_what_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        uint8_t input[256], want[64], have[64];
        size_t want_len = from_hex(operations[i].bytes, want), got;
        struct recipe r;

        recipe_decode(input, from_hex(operations[i].recipe, input), &r);
        struct source *s = recipe_source(&r);
        if (s->size != operations[i].size)
            fail_msg("%s: size %llu", operations[i].name, (unsigned long long)s->size);
        assert_int_equal(source_read_some(s, operations[i].off, have, want_len, &got), STATUS_OK);
        if (memcmp(want, have, want_len) != 0)
            fail_msg("%s", operations[i].name);
        source_close(s);
        recipe_free(&r);
    }
}

static void head_is_read(void **state)
{
    static const uint8_t input[] = {0xf3, 0x02, 0x00, 0x77};
    struct recipe r;
    (void)state;

    recipe_decode(input, sizeof(input), &r);
    assert_int_equal(r.flags, 0xf3);
    assert_int_equal(r.seed, 0x77);
    assert_int_equal(r.size, 2 << 20);
    recipe_free(&r);
}

/* What sequences make is bounded, whatever their number; the rest of the input still counts. */
static void sequences_are_bounded(void **state)
{
    static const uint8_t one[14] = {0x30, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0};
    uint8_t input[4 + 100 * sizeof(one) + 7] = {0};
    struct recipe r;
    (void)state;

    for (size_t i = 0; i < 100; i++)
        memcpy(input + 4 + i * sizeof(one), one, sizeof(one));
    memcpy(input + sizeof(input) - 7, (const uint8_t[]){0x80, 1, 2, 3, 'a', 'b', 'c'}, 7);
    recipe_decode(input, sizeof(input), &r);
    assert_int_equal(recipe_bytes(&r), RECIPE_GENERATED_MAX + 3);
    recipe_free(&r);
}

/* ---- any bytes ---- */

/* Decodes twice: the same both times. Reads all that is there. */
static void run_any(const uint8_t *data, size_t size)
{
    struct recipe r, again;
    uint8_t buf[4096];

    recipe_decode(data, size, &r);
    recipe_decode(data, size, &again);
    assert_true(r.size <= INT64_MAX);
    struct source *s = recipe_source(&r);
    assert_true(recipe_matches(&again, s));
    unsigned reads = 0;
    for (uint64_t pos = 0, hole; pos < s->size && reads < 100; pos = hole, reads++) {
        assert_int_equal(source_next_data(s, pos, &pos, &hole), STATUS_OK);
        size_t got;
        assert_int_equal(source_read_some(s, pos, buf, sizeof(buf), &got), STATUS_OK);
        assert_true(pos == s->size || hole > pos);
    }
    source_close(s);
    recipe_free(&again);
    recipe_free(&r);
}

static void any_bytes_decode(void **state)
{
    uint64_t random = 1;
    uint8_t input[600];
    (void)state;

    for (unsigned n = 0; n < 3000; n++) {
        size_t size = next_random(&random) % (sizeof(input) + 1);
        for (size_t i = 0; i < size; i++)
            input[i] = (uint8_t)next_random(&random);
        if (size > 2)
            input[2] &= 1; /* many files of few MiB */
        run_any(input, size);
    }
}

/* A live log, two regions, a locator: bytes of its recipe changed at random, and cut at every place. */
static void changed_recipes_decode(void **state)
{
    static uint8_t seed[CAP], input[CAP];
    uint64_t random = 2;
    (void)state;

    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .data = IMG_DATA_NONE});
    img_make_dirty_bat(img, 1, 0x500006);
    struct source *s = img_source(img);
    size_t size = recipe_encode(s, RECIPE_FLAGS, 0, seed, sizeof(seed));
    assert_in_range(size, 100, 4096);
    for (size_t i = 0; i <= size; i++)
        run_any(seed, i);
    for (unsigned n = 0; n < 3000; n++) {
        memcpy(input, seed, size);
        for (uint64_t changes = 1 + next_random(&random) % 8; changes > 0; changes--)
            input[next_random(&random) % size] = (uint8_t)next_random(&random);
        run_any(input, size);
    }
    source_close(s);
    img_free(img);
}

/* ---- there and back ---- */

/* The length of the recipe; fails when its flags change a byte. */
static size_t assert_round_trip(const char *name, struct source *s, uint8_t flags)
{
    static uint8_t buf[CAP];
    struct recipe r;

    size_t size = recipe_encode(s, flags, 0x5a, buf, sizeof(buf));
    if (size == 0)
        fail_msg("%s: no recipe", name);
    recipe_decode(buf, size, &r);
    assert_int_equal(r.seed, 0x5a);
    assert_int_equal(r.flags, flags);
    if (!recipe_matches(&r, s))
        fail_msg("%s: not the same bytes with flags %u", name, flags);
    /* One byte less is no room for it. */
    assert_int_equal(recipe_encode(s, flags, 0x5a, buf, size - 1), 0);
    recipe_free(&r);
    return size;
}

static void assert_image_round_trip(const char *name, struct img *img, uint8_t flags)
{
    struct source *s = img_source(img);
    assert_round_trip(name, s, flags);
    source_close(s);
    img_free(img);
}

static void built_images_come_back(void **state)
{
    static const struct img_block far_blocks[] = {{.block = 3, .state = 6, .off = (uint64_t)1 << 40}};
    static const struct img_params params[] = {
        {.type = IMG_DYNAMIC},
        {.type = IMG_FIXED},
        {.type = IMG_DIFFERENCING},
        {.type = IMG_DIFFERENCING, .layout = IMG_QEMU},
        {.layout = IMG_QEMU, .windows_traces = false},
        {.windows_traces = true},
        {.virtual_size = (uint64_t)1 << 46, .block_size = 256 << 20, .states = "6"},
        {.virtual_size = (uint64_t)1 << 33, .block_size = 1 << 20, .states = ""},
        {.data = IMG_DATA_DENSE},
        {.logical_sector_size = 4096, .log_off = 5 << 20, .log_len = 3 << 20},
        {.blocks = far_blocks, .block_count = 1, .data = IMG_DATA_NONE},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "image %zu", i);
        assert_image_round_trip(name, img_create(&params[i]), 0);
        assert_image_round_trip(name, img_create(&params[i]), RECIPE_FLAGS); /* all is signed already */
        struct img *dirty = img_create(&params[i]);
        img_make_dirty_bat(dirty, 0, 0);
        assert_image_round_trip(name, dirty, RECIPE_FLAGS);
        struct img *odd = img_create(&params[i]);
        img_resize(odd, odd->size - 12345);
        assert_image_round_trip(name, odd, 0);
    }
}

static void recipes_of_small_images_are_small(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.data = IMG_DATA_NONE});
    struct source *s = img_source(img);
    assert_in_range(assert_round_trip("small", s, RECIPE_FLAGS), 1, 800);
    source_close(s);
    img_free(img);
    /* 64 GiB, all blocks there in order: 16 chunks, 256 KiB of BAT. */
    img = img_create(&(struct img_params){.type = IMG_FIXED, .virtual_size = (uint64_t)1 << 36, .data = IMG_DATA_NONE});
    s = img_source(img);
    assert_in_range(assert_round_trip("large", s, RECIPE_FLAGS), 1, 1200);
    source_close(s);
    img_free(img);
}

static void images_of_all_cases_come_back(void **state)
{
    static const struct case_table *const tables[] = {&container_cases, &metadata_cases, &block_cases, &log_cases,
                                                      &chain_cases,     &forensic_cases, &tool_cases};
    (void)state;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct test_case *c = &tables[t]->cases[i];
            struct img *img = img_create(c->params);
            if (img->size > (uint64_t)1 << 36 || img->page_count > 2000) { /* as many bytes as a fuzzer never sees */
                img_free(img);
                continue;
            }
            if (c->mutate != NULL)
                c->mutate(img);
            assert_image_round_trip(c->name, img, 0);
        }
    }
}

/* Of a run: zeros, one byte, rising entries, anything. */
static uint8_t random_byte(uint64_t *random, uint64_t kind, uint64_t value, uint64_t at)
{
    switch (kind) {
    case 0:
        return 0;
    case 1:
        return (uint8_t)value;
    case 2:
        return (uint8_t)((value + ((at / 8) << 20)) >> (at % 8 * 8));
    default:
        return (uint8_t)next_random(random);
    }
}

static void random_bytes_come_back(void **state)
{
    static uint8_t bytes[300000];
    uint64_t random = 3;
    (void)state;

    for (unsigned n = 0; n < 60; n++) {
        size_t size = next_random(&random) % sizeof(bytes);
        for (size_t i = 0; i < size;) {
            size_t run = 1 + next_random(&random) % (n % 2 ? 40 : 30000);
            uint64_t kind = next_random(&random) % 4, value = next_random(&random);
            for (size_t k = 0; k < run && i < size; k++, i++)
                bytes[i] = random_byte(&random, kind, value, i);
        }
        struct source *s = mem_open(bytes, size);
        assert_non_null(s);
        assert_round_trip("random", s, 0);
        source_close(s);
    }
}

static void real_images_come_back(void **state)
{
    const char *folder = getenv("VHDXRAY_IMAGES");
    unsigned count = 0;
    (void)state;
    if (folder == NULL)
        skip();

    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[4096], message[256];
        struct file_info info;
        struct source *s;
        size_t len = strlen(e->d_name);
        if (len < 5 || strcmp(e->d_name + len - 5, ".vhdx") != 0)
            continue;
        assert_true(snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) < (int)sizeof(path));
        assert_int_equal(file_open(path, &s, &info, message, sizeof(message)), STATUS_OK);
        assert_round_trip(e->d_name, s, 0);
        source_close(s);
        count++;
    }
    closedir(d);
    assert_true(count >= 5);
}

/* ---- signing ---- */

/* A dirty image, spoilt: checksums, and with `log` the sequence words of its entries, are not right any more. */
static struct img *spoilt(bool log)
{
    static const uint8_t page[LOG_SECTOR_LEN] = {6, 0, 0x60};
    struct img *img = img_create(&(struct img_params){.data = IMG_DATA_NONE});
    const struct img_log_desc descs[] = {{.off = img->bat_off, .page = page}, {.off = 8 << 20, .len = 4096}};

    img_resize(img, 9 << 20);
    img_make_dirty(img, descs, 2);
    for (unsigned i = 0; i < 2; i++) {
        put_le32(img_header(img, i) + 4, 0x12345678);
        put_le32(img_region_table(img, i) + 4, 0x12345678);
    }
    for (uint64_t off = 0; log && off < img->log_len; off += LOG_SECTOR_LEN) {
        uint8_t *sector = img_bytes(img, img->log_off + off, LOG_SECTOR_LEN);
        if (memcmp(sector, "loge", 4) == 0) {
            put_le32(sector + 4, 0x12345678);
            put_le64(sector + LOG_ENTRY_HEADER_LEN + 24, 99);
        } else if (memcmp(sector, "data", 4) == 0) {
            memset(sector, 0, 8);
            put_le32(sector + LOG_SECTOR_LEN - 4, 99);
        }
    }
    return img;
}

static bool header_is_valid(struct source *s, unsigned slot)
{
    uint8_t bytes[HEADER_LEN];
    struct header h;

    assert_int_equal(source_read(s, HEADER_OFF[slot], bytes, sizeof(bytes)), STATUS_OK);
    assert_true(header_decode(span_of(bytes, sizeof(bytes)), &h));
    return header_valid(&h);
}

static bool table_is_valid(struct source *s, unsigned copy)
{
    static uint8_t bytes[REGION_TABLE_LEN];
    struct region_table t;

    assert_int_equal(source_read(s, REGION_TABLE_OFF[copy], bytes, sizeof(bytes)), STATUS_OK);
    assert_true(region_table_decode(span_of(bytes, sizeof(bytes)), &t));
    return region_table_valid(&t);
}

/* The entry that the log's replay puts first into the BAT; 0 when nothing is replayed. */
static uint64_t replayed_entry(struct source *s, const struct img *img)
{
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct guid live;
    struct log_scan log;
    struct replay replay = {.attempted = false};
    uint8_t bytes[16];

    assert_int_equal(source_read(s, HEADER_OFF[0] + 48, bytes, sizeof(bytes)), STATUS_OK);
    live = guid_load(bytes);
    assert_int_equal(log_scan_run(a, s, img->log_off, img->log_len, &live, &log), STATUS_OK);
    assert_int_equal(replay_build(a, s, &log, &replay), STATUS_OK);
    uint64_t entry = 0;
    if (replay.overlay != NULL) {
        assert_int_equal(source_read(replay.overlay, img->bat_off, bytes, 8), STATUS_OK);
        entry = le64(bytes);
        assert_true(is_zero(replay.overlay, 8 << 20, (8 << 20) + 4096));
    }
    source_close(replay.overlay);
    arena_destroy(a);
    return entry;
}

static void signing_makes_structures_valid(void **state)
{
    static uint8_t buf[CAP];
    (void)state;

    struct img *img = spoilt(true);
    struct source *file = img_source(img);
    size_t size = recipe_encode(file, 0, 0, buf, sizeof(buf));
    assert_int_not_equal(size, 0);
    for (unsigned flags = 0; flags <= RECIPE_FLAGS; flags++) {
        struct recipe r;
        buf[0] = (uint8_t)flags;
        recipe_decode(buf, size, &r);
        struct source *s = recipe_source(&r);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(header_is_valid(s, i), (flags & RECIPE_SIGN_HEADERS) != 0);
            assert_int_equal(table_is_valid(s, i), (flags & RECIPE_SIGN_REGIONS) != 0);
        }
        assert_int_equal(replayed_entry(s, img), flags & RECIPE_SIGN_LOG ? 0x600006 : 0);
        source_close(s);
        recipe_free(&r);
    }
    source_close(file);
    img_free(img);
}

/* A log that wraps, lies at an odd place, or is nowhere: nothing happens but that bytes stay in their places. */
static void signing_a_hostile_log_is_harmless(void **state)
{
    static const struct {
        uint64_t off;
        uint32_t len, entry_len, descriptors;
    } rows[] = {
        {UINT64_MAX, 1 << 20, 4096, 0},
        {UINT64_MAX - 4096, 4097, 4096, 0},
        {0, UINT32_MAX, UINT32_MAX & ~4095U, 0},
        {1 << 20, 0, 4096, 0},
        {1 << 20, 4095, 4096, 0},
        {1 << 20, 1 << 20, 0, 0},
        {1 << 20, 1 << 20, 4097, 0},
        {1 << 20, 1 << 20, 2 << 20, 1},
        {1 << 20, 1 << 20, 1 << 20, UINT32_MAX},
        {1 << 20, 1 << 20, 1 << 20, 32000},
        {(1 << 20) - 512, 1 << 20, 4096, 1},
        {0, 1 << 20, 1 << 20, 1}, /* over the headers themselves */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static uint8_t buf[CAP];
        struct recipe r;
        struct img *img = spoilt(true);
        for (unsigned slot = 0; slot < 2; slot++) {
            put_le64(img_header(img, slot) + IMG_HEADER_LOG_OFF, rows[i].off);
            put_le32(img_header(img, slot) + IMG_HEADER_LOG_LEN, rows[i].len);
        }
        put_le32(img_bytes(img, 1 << 20, 64) + 8, rows[i].entry_len);
        put_le32(img_bytes(img, 1 << 20, 64) + 24, rows[i].descriptors);
        struct source *file = img_source(img);
        size_t size = recipe_encode(file, 0, 0, buf, sizeof(buf));
        buf[0] = RECIPE_FLAGS;
        recipe_decode(buf, size, &r);
        struct source *s = recipe_source(&r);
        assert_true(header_is_valid(s, 0) && header_is_valid(s, 1));
        assert_true(is_zero(s, 0x50000, 1 << 20) || rows[i].off < 1 << 20);
        source_close(s);
        recipe_free(&r);
        source_close(file);
        img_free(img);
    }
}

/* ---- several in one ---- */

static void inputs_split_into_parts(void **state)
{
    static const uint8_t two[] = {2, 0, 'a', 'b', 'c', 'd'}, empty[] = {0, 0, 0, 0, 'x'}, cut[] = {9, 0, 'a'};
    struct recipe_part p[3];
    (void)state;

    assert_int_equal(recipe_split(two, sizeof(two), p, 2), 2);
    assert_memory_equal(p[0].data, "ab", 2);
    assert_int_equal(p[0].size, 2);
    assert_memory_equal(p[1].data, "cd", 2);
    assert_int_equal(p[1].size, 2);

    assert_int_equal(recipe_split(two, sizeof(two), p, 1), 1);
    assert_int_equal(p[0].size, sizeof(two));

    assert_int_equal(recipe_split(empty, sizeof(empty), p, 3), 3);
    assert_int_equal(p[0].size, 0);
    assert_int_equal(p[1].size, 0);
    assert_memory_equal(p[2].data, "x", 1);

    assert_int_equal(recipe_split(cut, sizeof(cut), p, 3), 1);
    assert_int_equal(p[0].size, 1);

    assert_int_equal(recipe_split(NULL, 0, p, 3), 1);
    assert_int_equal(p[0].size, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_lay_what_they_say),
        cmocka_unit_test(head_is_read),
        cmocka_unit_test(sequences_are_bounded),
        cmocka_unit_test(any_bytes_decode),
        cmocka_unit_test(changed_recipes_decode),
        cmocka_unit_test(built_images_come_back),
        cmocka_unit_test(recipes_of_small_images_are_small),
        cmocka_unit_test(images_of_all_cases_come_back),
        cmocka_unit_test(random_bytes_come_back),
        cmocka_unit_test(real_images_come_back),
        cmocka_unit_test(signing_makes_structures_valid),
        cmocka_unit_test(signing_a_hostile_log_is_harmless),
        cmocka_unit_test(inputs_split_into_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
