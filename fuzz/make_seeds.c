/* SPDX-License-Identifier: MIT */
/*
 * Writes seed inputs for every target: the image of each case and of its guard (tests/cases_*.c), and images named on
 * the command line, as recipes and structure by structure. tools/merge-corpus takes what reaches new code into corpus/.
 *
 *     make_seeds FOLDER [IMAGE...]
 *
 * Writes FOLDER/ENTRY/NAME. Images keep their metadata: a recipe of more than SEED_MAX bytes is left out, and says so.
 * Exit 1 when something could not be written or an image not be read.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/le.h"
#include "format/layout.h"
#include "fuzz/make_seeds.h"
#include "fuzz/recipe.h"
#include "tests/cases.h"

enum { CHAIN_MAX = 4, IMAGE_MAX = 8, SIGN_ALL = RECIPE_SIGN_HEADERS | RECIPE_SIGN_REGIONS | RECIPE_SIGN_LOG };

static const char *folder;
static unsigned long written, left_out;
static bool failed;

/* ---- writing ---- */

static void emit(const char *entry, const char *name, const void *bytes, size_t len)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, entry);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        failed = true;
        return;
    }
    (void)snprintf(path, sizeof(path), "%s/%s/%s", folder, entry, name);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(bytes, 1, len, f) != len) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        failed = true;
    }
    if (f != NULL && fclose(f) != 0)
        failed = true;
    written++;
}

void add(struct input *in, const void *bytes, size_t len)
{
    if (in->full || len > sizeof(in->bytes) - in->len) {
        in->full = true;
        return;
    }
    if (len > 0)
        memcpy(in->bytes + in->len, bytes, len);
    in->len += len;
}

void add_number(struct input *in, uint64_t v, size_t len)
{
    uint8_t le[8];
    put_le64(le, v);
    add(in, le, len);
}

void emit_input(const char *entry, const char *name, const struct input *in)
{
    if (!in->full)
        emit(entry, name, in->bytes, in->len);
}

/* ---- whole images ---- */

void encode(struct source *file, uint8_t flags, uint8_t seed, struct encoded *ret)
{
    ret->len = recipe_encode(file, flags, seed, ret->bytes, sizeof(ret->bytes));
}

/* All that one case sees, nearest first: the image and the files beside it. */
struct scene_images {
    struct source *files[IMAGE_MAX];
    unsigned count;
    unsigned how; /* parents are found: 1 named, 2 searched for (fuzz_chain) */
};

static void seeds_of_recipes(const char *name, const struct scene_images *s, unsigned number)
{
    static struct encoded plain, signed_, others[IMAGE_MAX];
    char full[NAME_SIZE];

    encode(s->files[0], 0, (uint8_t)number, &plain);
    encode(s->files[0], SIGN_ALL, (uint8_t)(number * 7), &signed_);
    if (plain.len == 0 || signed_.len == 0) {
        left_out++;
        return;
    }
    (void)snprintf(full, sizeof(full), "%s-signed", name);

    static const char *const whole[] = {"check", "carve", "read", "walk", "log_scan", "log_replay", "repair"};
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        emit(whole[i], name, plain.bytes, plain.len);
        emit(whole[i], full, signed_.bytes, signed_.len);
    }

    /* Each report and form of it, over the cases in turn. */
    static struct encoded reported;
    encode(s->files[0], SIGN_ALL, (uint8_t)(number * 5 + number / 51), &reported);
    emit("report", name, reported.bytes, reported.len);
    static const char *const paths[] = {"image.vhdx", "C:\\a b\\<&>\"'.vhdx", "\xff\x1b[31m\xe2\x80\xae.vhdx", "",
                                        "%2e/a#?b"};
    struct input titled = {.len = 0};
    const char *path = paths[number % (sizeof(paths) / sizeof(paths[0]))];
    add_number(&titled, strlen(path), 2);
    add(&titled, path, strlen(path));
    add(&titled, signed_.bytes, signed_.len);
    emit_input("html", name, &titled);
    emit_input("sarif", name, &titled);

    /* Faults: kind, read, allocation; of each case another moment. */
    static const uint8_t kinds[] = {0, 1, 1 | 8, 2 | 8, 3, 4, 16, 32};
    struct input fault = {.len = 0};
    add(&fault, signed_.bytes, signed_.len);
    add_number(&fault, kinds[number % sizeof(kinds)], 1);
    add_number(&fault, number % 40, 2);
    add_number(&fault, number % 3 ? 0 : number % 97, 2);
    emit_input("fault", name, &fault);

    struct input api = {.len = 0};
    add(&api, signed_.bytes, signed_.len);
    add_number(&api, number % 32, 1);
    add_number(&api, number % 5 ? 0 : number % 23, 1);
    add_number(&api, number % 6, 1);
    add_number(&api, number, 1);
    emit_input("api", name, &api);

    struct input file = {.len = 0}, chain = {.len = 0};
    add_number(&file, number % 15, 1);
    add_number(&file, number % 5, 1);
    add_number(&file, number % 3 ? 0 : number % 10, 1);
    add_number(&file, number % 7, 1);
    add_number(&file, number * 11, 1);
    for (unsigned i = 1; i < s->count; i++)
        encode(s->files[i], 0, (uint8_t)number, &others[i]);
    if (s->count > 1)
        add_number(&file, plain.len, 2);
    add(&file, plain.bytes, plain.len);
    if (s->count > 1)
        add(&file, others[1].bytes, others[1].len);
    emit_input("file", name, &file);
    if (s->count > 1) {
        for (unsigned i = 1; i < s->count; i++)
            if (others[i].len == 0) {
                left_out++;
                return;
            }
        encode(s->files[0], 0, (uint8_t)(s->how | (number % 16) << 4), &others[0]);
        for (unsigned i = 0; i < s->count && i < CHAIN_MAX; i++) {
            if (i + 1 < CHAIN_MAX)
                add_number(&chain, others[i].len, 2);
            add(&chain, others[i].bytes, others[i].len);
        }
        emit_input("chain", name, &chain);
    }
}

/* ---- structures ---- */

/* Bytes [off, off + len) of the file without the zeros at their end, which targets add themselves. */
static uint8_t piece[REGION_TABLE_LEN];

static size_t read_piece(struct source *file, uint64_t off, size_t len)
{
    size_t got = 0;
    if (source_read_some(file, off, piece, len, &got) != STATUS_OK)
        return 0;
    while (got > 0 && piece[got - 1] == 0)
        got--;
    return got;
}

static void add_piece(struct input *in, struct source *file, uint64_t off, size_t len)
{
    size_t got = read_piece(file, off, len);
    add(in, piece, got);
}

static void seed_of_headers(const char *name, struct source *file, unsigned number)
{
    struct input in = {.len = 0};
    size_t first = read_piece(file, HEADER_OFF[0], HEADER_LEN);
    add_number(&in, number % 4, 1); /* signed or as they are */
    add_number(&in, first, 2);
    add(&in, piece, first);
    add_piece(&in, file, HEADER_OFF[1], HEADER_LEN);
    emit_input("header", name, &in);
}

static void seed_of_region_table(const char *name, struct source *file, unsigned number)
{
    struct input in = {.len = 0};
    add_number(&in, number % 32, 1); /* signed, whole, large count */
    add_piece(&in, file, REGION_TABLE_OFF[0], REGION_TABLE_LEN);
    emit_input("region_table", name, &in);
}

static void seed_of_metadata(const char *name, struct source *file, const struct img *img, unsigned number)
{
    struct input in = {.len = 0};
    size_t table = read_piece(file, img->metadata_off, METADATA_TABLE_LEN);
    add_number(&in, number % 128, 1);
    add_number(&in, table, 2);
    add(&in, piece, table);
    add_piece(&in, file, img->metadata_off + METADATA_TABLE_LEN, METADATA_TABLE_LEN);
    emit_input("metadata", name, &in);
}

/* The locator, and each of its texts: what else is there in UTF-16 is the creator. */
static void seed_of_locator(const char *name, struct source *file, const struct img *img)
{
    uint64_t off = img->item_off[KNOWN_ITEM_PARENT_LOCATOR];
    size_t len = off != 0 ? read_piece(file, off, 2048) : 0;
    if (len > LOCATOR_HEADER_LEN) {
        emit("parent_locator", name, piece, len);
        emit("utf16", name, piece + LOCATOR_HEADER_LEN, len - LOCATOR_HEADER_LEN);
    }
}

static void seed_of_file_id(const char *name, struct source *file)
{
    size_t len = read_piece(file, FILE_ID_OFF, FILE_ID_LEN);
    emit("file_id", name, piece, len < SEED_MAX ? len : FILE_ID_RESERVED_OFF);
    if (len > FILE_ID_CREATOR_OFF && len < FILE_ID_RESERVED_OFF)
        emit("file_id", "creator", piece + FILE_ID_CREATOR_OFF, len - FILE_ID_CREATOR_OFF);
}

/* Of the log's first sector that starts an entry with descriptors: header, first descriptor, data. */
static void seed_of_log_entry(const char *name, struct source *file, const struct img *img)
{
    for (uint64_t at = 0; at + LOG_SECTOR_LEN < img->log_len && at < IMG_PAGE_LEN; at += LOG_SECTOR_LEN) {
        struct input in = {.len = 0};
        static const uint8_t sequence[8] = {1};
        (void)read_piece(file, img->log_off + at, LOG_SECTOR_LEN);
        if (memcmp(piece, SIGNATURE_LOG_ENTRY, 4) != 0)
            continue;
        add(&in, piece, LOG_ENTRY_HEADER_LEN + LOG_DESCRIPTOR_LEN);
        add(&in, sequence, sizeof(sequence));
        size_t len = read_piece(file, img->log_off + at + LOG_SECTOR_LEN, LOG_SECTOR_LEN);
        add(&in, piece + LOG_SECTOR_LEN - 4, 4);
        add(&in, piece, len < 512 ? len : 512);
        emit_input("log_entry", name, &in);
    }
}

static void seed_of_bitmap(const char *name, struct source *file, const struct img *img, unsigned number)
{
    struct input in = {.len = 0};
    if (!img->geometry.differencing || img_bitmap_off(img, 0) == 0)
        return;
    add_number(&in, number % 8, 1);
    add_number(&in, number, 2);
    add_number(&in, number * 3, 2);
    add_piece(&in, file, img_bitmap_off(img, 0), 256);
    emit_input("sector_bitmap", name, &in);
}

/* Geometry, structures and the first entries; fuzz_bat.c says how. Its block sizes are not all there are. */
static void seed_of_bat(const char *name, struct source *file, const struct img *img, unsigned number)
{
    enum { ENTRIES = 16, RAW_FURTHER = 8 | 32 };
    static const uint8_t sizes[9] = {15, 15, 15, 14, 14, 11, 7, 3, 0};
    const struct geometry *g = &img->geometry;
    struct input in = {.len = 0};
    uint64_t last = 0;
    unsigned count = 0;

    unsigned block_size = sizes[__builtin_ctzll(g->block_size / MIB)];
    add_number(
        &in, number % 2 << 3 | (g->differencing ? 1U : 0) | (g->logical_sector_size == 4096 ? 2U : 0) | block_size << 4,
        1);
    add_number(&in, g->payload_blocks - 1, 4);
    add_number(&in, 0, 1);
    add_number(&in, file->size / MIB, 2);
    add_number(&in, img->log_off / MIB, 1);
    add_number(&in, img->log_len / MIB, 1);
    add_number(&in, 4, 1);
    add_number(&in, 2, 1);
    add_number(&in, img->metadata_off / MIB, 1);
    add_number(&in, img->metadata_len / MIB, 1);
    add_number(&in, img->bat_off / MIB, 1);
    add_number(&in, img->bat_len / MIB, 1);
    for (uint64_t i = 0; i < g->entries && i < UINT16_MAX && count < ENTRIES; i++) {
        uint64_t entry = img_bat_get(img, i);
        if (entry == 0)
            continue;
        add_number(&in, RAW_FURTHER, 1);
        add_number(&in, i - last, 2);
        add_number(&in, entry, 8);
        last = i + 1;
        count++;
    }
    emit_input("bat", name, &in);
}

static void seed_of_checksum(const char *name, struct source *file, unsigned number)
{
    struct input in = {.len = 0};
    add_number(&in, number, 1);
    add_number(&in, number % 2 ? 0 : UINT32_MAX, 4);
    add_number(&in, number, 2);
    add_piece(&in, file, HEADER_OFF[0], HEADER_FIELDS_LEN);
    emit_input("crc32c", name, &in);
}

static void seeds_of_structures(const char *name, struct source *file, const struct img *img, unsigned number)
{
    seed_of_headers(name, file, number);
    seed_of_region_table(name, file, number);
    seed_of_metadata(name, file, img, number);
    seed_of_locator(name, file, img);
    seed_of_file_id(name, file);
    seed_of_log_entry(name, file, img);
    seed_of_bat(name, file, img, number);
    seed_of_bitmap(name, file, img, number);
    seed_of_checksum(name, file, number);
}

/* ---- cases ---- */

/* As in cases.c, without payload: guest data is noise that a recipe would have to carry. */
static void make_scene(const struct test_case *c, bool guard, struct scene *s)
{
    const struct img_params *given = guard && c->guard_params ? c->guard_params : c->params;
    struct img_params p = given ? *given : (struct img_params){.type = IMG_DYNAMIC};
    p.data = IMG_DATA_NONE;
    *s = (struct scene){.img = img_create(&p), .path = "case.vhdx"};
    void (*change_image)(struct img *) = guard ? c->inside : c->mutate;
    void (*change)(struct scene *) = guard ? c->guard : c->damage;
    if (change_image)
        change_image(s->img);
    if (change)
        change(s);
}

/* Parents come with payload from the case. */
static void drop_payload(struct img *img)
{
    for (size_t i = 0; i < img->block_count; i++) {
        uint64_t off = img_block_off(img, img->blocks[i].block);
        if (off >= img->payload_off && off < img->size && img->blocks[i].state == 6)
            img_fill(img, off, u64_min(img->geometry.block_size, img->size - off), 0);
    }
}

static void seeds_of_case(const struct test_case *c, bool guard, unsigned number)
{
    struct scene s;
    struct scene_images images = {.count = 1};
    char name[NAME_SIZE];

    make_scene(c, guard, &s);
    (void)snprintf(name, sizeof(name), "%s%s", c->name, guard ? "-guard" : "");
    images.files[0] = img_source(s.img);
    images.how = s.search ? 2 : 1;
    for (uint32_t i = 0; i < s.file_count && images.count < IMAGE_MAX; i++)
        if (s.files[i].img) {
            drop_payload(s.files[i].img);
            images.files[images.count++] = img_source(s.files[i].img);
        }
    seeds_of_recipes(name, &images, number);
    seeds_of_structures(name, images.files[0], s.img, number);
    moments_of_case(name, images.files, images.count, number);
    for (unsigned i = 0; i < images.count; i++)
        source_close(images.files[i]);
    for (uint32_t i = 0; i < s.file_count; i++)
        img_free(s.files[i].img);
    img_free(s.img);
}

static void seeds_of_cases(void)
{
    static const struct case_table *const tables[] = {&container_cases, &metadata_cases, &block_cases, &log_cases,
                                                      &chain_cases,     &forensic_cases, &tool_cases};
    unsigned number = 0;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (size_t i = 0; i < tables[t]->count; i++)
            for (int guard = 0; guard < 2; guard++)
                if (!guard || !tables[t]->cases[i].no_guard)
                    seeds_of_case(&tables[t]->cases[i], guard, number++);
}

/* ---- texts ---- */

static void seeds_of_texts(void)
{
    static const char *const texts[] = {
        "plain",
        "\"\\/\b\f\n\r\t",
        "\xc3\xa4\xe2\x82\xac\xf0\x9f\x92\xbe",
        "\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80",
        "\x1b[2J\x7f\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8",
        "{2dc27766-f623-4200-9d64-115e9bfd4a08}",
        "2DC27766-F623-4200-9D64-115E9BFD4A08",
        "..\\a\\parent.vhdx",
        "\\\\?\\Volume{01234567-89ab-cdef-0123-456789abcdef}\\p.vhdx",
    };
    char name[NAME_SIZE];
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct input json = {.len = 0}, text = {.len = 0};
        (void)snprintf(name, sizeof(name), "text-%zu", i);
        add_number(&json, i * 3, 1);
        add(&json, texts[i], strlen(texts[i]));
        add(&json, texts[(i + 1) % 3], strlen(texts[(i + 1) % 3]));
        emit_input("json", name, &json);
        add_number(&text, i % 3 == 2 ? i : 0, 1);
        add_number(&text, (uint64_t)1234567 << (i * 5), 8);
        add(&text, texts[i], strlen(texts[i]));
        emit_input("text", name, &text);
        emit("utf16", name, texts[i], strlen(texts[i]));
    }
}

/* Arguments of the command, a NUL behind each; in front the number of arguments it takes, and what it lacks. */
static void seeds_of_arguments(void)
{
    static const char *const lines[] = {
        "a.vhdx",
        "-f json a.vhdx",
        "--format=text -q a.vhdx",
        "-qv -- -a.vhdx",
        "--format jsonl --fail-on warning a b c",
        "--format sarif a.vhdx",
        "--format html -o out a.vhdx",
        "--parent p.vhdx --parent q.vhdx a.avhdx",
        "--search-dir . a.avhdx",
        "--no-replay --max-findings 5 a.vhdx",
        "--max-memory 512M --timeout 10 a.vhdx",
        "--offset 1M --length 64K a.vhdx",
        "--range 0:10 --hex a.vhdx",
        "--range 1-2 a.vhdx",
        "--plan --layout a.vhdx",
        "--color always --progress never a.vhdx",
        "--size 10G --type fixed --block-size 2M out.vhdx",
        "--size 1T --type dynamic --log-size 4M --sector-size 4096 --physical-sector-size 512 out.vhdx",
        "--algorithm sha256,md5 --guest --container a.vhdx",
        "--apply --copy out.vhdx --consent VHDX-BAT-002 a.vhdx",
        "--shard 1/4 --jobs 2 -r .",
        "--files-from list --sandbox off",
        "--deep --salvage --force a b",
        "--help",
        "-h",
        "--formt json",
        "--format",
        "--max-findings 0 a",
        "--max-memory 99999999999999999999 a",
        "--",
        "",
        "-",
        "--=",
        "-x",
        "--kind png,jpeg --item 3 --extract folder --no-payload a.vhdx",
        "--like b.vhdx --block-state-zero out.vhdx",
    };
    char name[NAME_SIZE];
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct input in = {.len = 0};
        add_number(&in, i * 5, 1);
        add_number(&in, 0, 1);
        for (const char *c = lines[i]; *c; c++)
            add(&in, *c == ' ' ? "" : c, 1);
        add_number(&in, 0, 1);
        (void)snprintf(name, sizeof(name), "line-%zu", i);
        emit_input("cli_args", name, &in);
    }
}

/* Changes of each kind, each stage of an interruption, and damages of the journal and of the image; fuzz_journal.c. */
static void seeds_of_journals(void)
{
    enum { HOWS = 2, MARKS = 4, KINDS = 4, DAMAGES = 6 };
    static const uint16_t places[DAMAGES] = {0, 0x10, 0x1010, 0x2010, 0x3020, 0x3400};
    char name[NAME_SIZE];

    for (unsigned i = 0; i < HOWS * MARKS * KINDS * DAMAGES; i++) {
        unsigned kind = i % KINDS, place = i / KINDS % DAMAGES, marks = i / (KINDS * DAMAGES) % MARKS;
        struct input in = {.len = 0};
        add_number(&in, i / (KINDS * DAMAGES * MARKS) * 2, 1);
        add_number(&in, i, 1);
        add_number(&in, marks, 1);
        add_number(&in, 3, 1);
        for (unsigned k = 0; k < 3; k++) {
            add_number(&in, kind + k, 1);
            add_number(&in, 100 * k + 8 * kind, 2);
            add_number(&in, 20 * k + 1, 2);
        }
        add_number(&in, place > 0, 1);
        if (place > 0) {
            add_number(&in, places[place], 2);
            add_number(&in, 1U << kind, 1);
        }
        add_number(&in, i % 7 == 6, 1);
        add_number(&in, 6400 * kind, 2);
        add_number(&in, 1, 1);
        (void)snprintf(name, sizeof(name), "journal-%u", i);
        emit_input("journal", name, &in);
    }
}

/* Each type of disk with some block sizes and ends, and writes in front, over block boundaries, and at the end. */
static void seeds_of_disks(void)
{
    static const uint8_t types[] = {0, 1, 2, 3, 4, 8, 9, 16, 24}, blocks[] = {0, 1, 5, 8, 9};
    static const uint32_t sizes[] = {0, 1, 4096, 65537, 1 << 20, (8 << 20) + 77};
    enum { TYPES = sizeof(types), BLOCKS = sizeof(blocks), SIZES = sizeof(sizes) / sizeof(sizes[0]), WRITES = 9 };
    char name[NAME_SIZE];

    for (unsigned i = 0; i < TYPES * BLOCKS * SIZES; i++) {
        uint32_t sectors = sizes[i / (TYPES * BLOCKS)];
        struct input in = {.len = 0};
        add_number(&in, types[i % TYPES], 1);
        add_number(&in, blocks[i / TYPES % BLOCKS], 1);
        add_number(&in, i % 4, 1);
        add_number(&in, sectors, 4);
        for (unsigned k = 0; k < WRITES; k++) {
            static const uint32_t places[WRITES] = {0, 2040, 4095, 8, 0, 70000, 2047, 4096, 1};
            add_number(&in, k == 2 ? 3 : k == 4 ? 1 : k == 6 ? 4 + i % 2 : k == 8 ? 5 : 0, 1);
            add_number(&in, k == 5 && sectors > 9 ? sectors - 9 : places[k], 4);
            add_number(&in, k % 3 == 0 ? 200 : 8, 1);
            add_number(&in, 17 * k + i, 1);
        }
        (void)snprintf(name, sizeof(name), "disk-%u", i);
        emit_input("create_write", name, &in);
    }
}

/* ---- sweeps: each way of failing at each moment, over a few images ---- */

static void sweep_host(const char *name, const struct scene_images *s)
{
    static struct encoded child, parent;
    enum { WAYS = 15, NAMES = 20, CALLS = 11, MOMENTS = 5 };
    static const uint8_t how[] = {0, 1, 2, 4, 7, 32, 64, 65, 128, 129, 130, 134, 96, 160};
    char full[NAME_SIZE];

    encode(s->files[0], 0, 0, &child);
    encode(s->files[1], 0, 0, &parent);
    for (unsigned way = 0; way < WAYS; way++)
        for (unsigned call = 0; call < CALLS; call++)
            for (unsigned moment = 0; moment < (call ? MOMENTS : NAMES); moment++)
                for (size_t h = 0; h < (call ? sizeof(how) : 1); h++) {
                    struct input in = {.len = 0};
                    add_number(&in, way, 1);
                    add_number(&in, call ? h % NAMES : moment, 1);
                    add_number(&in, call, 1);
                    add_number(&in, moment, 1);
                    add_number(&in, how[h], 1);
                    add_number(&in, child.len, 2);
                    add(&in, child.bytes, child.len);
                    add(&in, parent.bytes, parent.len);
                    (void)snprintf(full, sizeof(full), "%s-%u-%u-%u-%zu", name, way, call, moment, h);
                    emit_input("file", full, &in);
                }
}

static void sweep_faults(const char *name, const struct scene_images *s)
{
    static struct encoded image;
    enum { READS = 40, ALLOCATIONS = 400, KINDS = 5, STICKY = 8, ARENA_STICKY = 16 };
    char full[NAME_SIZE];

    encode(s->files[0], 0, 0, &image);
    for (unsigned kind = 1; kind < KINDS; kind++)
        for (unsigned read = 1; read < READS; read++) {
            struct input in = {.len = 0};
            add(&in, image.bytes, image.len);
            add_number(&in, kind | (read % 2 ? STICKY : 0), 1);
            add_number(&in, read, 2);
            add_number(&in, 0, 2);
            (void)snprintf(full, sizeof(full), "%s-%u-%u", name, kind, read);
            emit_input("fault", full, &in);
        }
    for (unsigned n = 1; n < ALLOCATIONS; n++) {
        struct input in = {.len = 0};
        add(&in, image.bytes, image.len);
        add_number(&in, n % 2 ? ARENA_STICKY : 0, 1);
        add_number(&in, 0, 2);
        add_number(&in, n, 2);
        (void)snprintf(full, sizeof(full), "%s-allocation-%u", name, n);
        emit_input("fault", full, &in);
    }
}

static void sweeps(void)
{
    static const struct img_params dynamic = {.data = IMG_DATA_NONE},
                                   child = {.type = IMG_DIFFERENCING, .data = IMG_DATA_NONE};
    struct img *plain = img_create(&dynamic), *differencing = img_create(&child), *dirty = img_create(&dynamic);
    img_make_dirty_bat(dirty, 1, img_bat_get(dirty, 0));
    struct scene_images s = {.files = {img_source(differencing), img_source(plain), img_source(dirty)}, .count = 3};
    sweep_host("host", &s);
    sweep_faults("child", &s);
    sweep_faults("plain", &(struct scene_images){.files = {s.files[1]}, .count = 1});
    sweep_faults("dirty", &(struct scene_images){.files = {s.files[2]}, .count = 1});
    for (unsigned i = 0; i < s.count; i++)
        source_close(s.files[i]);
    img_free(plain);
    img_free(differencing);
    img_free(dirty);
}

/* ---- images of other programs ---- */

static void seeds_of_image(const char *path, unsigned number)
{
    struct scene_images images = {.count = 1};
    struct file_info info;
    char message[256];
    const char *slash = strrchr(path, '/');

    if (file_open(path, &images.files[0], &info, message, sizeof(message)) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", message);
        failed = true;
        return;
    }
    seeds_of_recipes(slash ? slash + 1 : path, &images, number);
    source_close(images.files[0]);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: make_seeds FOLDER [IMAGE...]\n");
        return 2;
    }
    folder = argv[1];
    seeds_of_cases();
    seeds_of_texts();
    seeds_of_arguments();
    seeds_of_journals();
    seeds_of_disks();
    sweeps();
    seeds_of_moments();
    seeds_by_hand();
    for (int i = 2; i < argc; i++)
        seeds_of_image(argv[i], (unsigned)i);
    (void)printf("%lu seeds, %lu images left out\n", written, left_out);
    return failed;
}
