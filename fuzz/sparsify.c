/* SPDX-License-Identifier: MIT */
/*
 * Makes a recipe of an image: a seed for the fuzzers.
 *
 *     sparsify [--flags N] [--seed N] [--structures] IMAGE RECIPE
 *
 * Reading the recipe back must give the image's bytes, or nothing is written. Without --flags the recipe asks for all
 * the signing that changes nothing: what was valid stays valid when an engine changes it, what was broken stays broken.
 * With
 * --structures the guest's data is left out: the payload blocks that the BAT names are zeros. Prints length and flags.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "fuzz/recipe.h"
#include "image/bat_walk.h"
#include "image/image.h"

static const size_t RECIPE_MAX = (size_t)1 << 30;

__attribute__((noreturn)) static void die(const char *what, const char *why)
{
    fprintf(stderr, "sparsify: %s: %s\n", what, why);
    exit(1);
}

/* ---- the image without the guest's data ---- */

/* Payload blocks read as zeros. All have one length and lie at multiples of 1 MiB: a bit for each MiB that is hidden.
 */
struct veil {
    struct source base;
    struct source *below;
    uint8_t *hidden;
};

static enum status veil_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    const struct veil *v = (const struct veil *)s;
    enum status st = source_read(v->below, off, buf, len);

    for (uint64_t at = off, next; at < off + len; at = next) {
        uint64_t unit = at / MIB;
        next = u64_min(off + len, (unit + 1) * MIB);
        if (v->hidden[unit / 8] >> (unit % 8) & 1)
            memset((uint8_t *)buf + (at - off), 0, (size_t)(next - at));
    }
    return st;
}

static enum status veil_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    return source_next_data(((const struct veil *)s)->below, off, ret_data, ret_hole);
}

static void veil_close(struct source *s)
{
    struct veil *v = (struct veil *)s;

    source_close(v->below);
    free(v->hidden);
}

static enum status hide_blocks(struct veil *veil, struct view *v)
{
    struct bat_reader reader;
    enum status st = bat_reader_open(v, &reader);

    for (uint64_t i = 0; st == STATUS_OK && i < v->bat.walk_entries; i++) {
        uint64_t entry;
        st = bat_reader_get(&reader, i, &entry);
        if (st != STATUS_OK || bat_slot_of_index(&v->geometry, i).is_bitmap ||
            bat_entry_state(entry) < PAYLOAD_FULLY_PRESENT || bat_entry_off(entry) == 0)
            continue;
        uint64_t first = bat_entry_off(entry) / MIB, end = u64_div_up(veil->base.size, MIB);
        for (uint64_t unit = first; unit < end && unit - first < v->geometry.block_size / MIB; unit++)
            veil->hidden[unit / 8] |= (uint8_t)(1U << (unit % 8));
    }
    return st;
}

/* Takes the file over. */
static struct source *hide_payload(struct veil *veil, struct source *file)
{
    static const struct source_ops ops = {veil_read, veil_next_data, veil_close};
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct image *img = NULL;

    *veil = (struct veil){.base = {.ops = &ops, .size = file->size}, .below = file};
    veil->hidden = calloc((size_t)(file->size / MIB / 8) + 1, 1);
    enum status st = a == NULL || veil->hidden == NULL ? STATUS_NO_MEMORY : image_open(a, file, "", NULL, NULL, &img);
    if (st == STATUS_OK && img->stored->bat.absence == ABSENT_NOT)
        st = hide_blocks(veil, img->stored);
    if (st != STATUS_OK)
        die("--structures", status_text(st));
    image_close(img);
    arena_destroy(a);
    return &veil->base;
}

/* ---- the recipe ---- */

struct bytes {
    uint8_t *ptr;
    size_t len, cap;
};

static void encode(struct source *file, uint8_t flags, uint8_t seed, struct bytes *out)
{
    for (;; out->cap *= 2) {
        out->ptr = realloc(out->ptr, out->cap);
        if (out->ptr == NULL || out->cap > RECIPE_MAX)
            die("image", "too much data for a recipe");
        out->len = recipe_encode(file, flags, seed, out->ptr, out->cap);
        if (out->len > 0)
            return;
    }
}

static bool is_true(const struct bytes *b, struct source *file)
{
    struct recipe r;

    recipe_decode(b->ptr, b->len, &r);
    bool same = recipe_matches(&r, file);
    recipe_free(&r);
    return same;
}

/* All the flags with which the recipe still gives the same bytes. */
static uint8_t harmless_flags(struct source *file, uint8_t seed, struct bytes *out)
{
    uint8_t flags = 0;

    for (unsigned bit = 1; bit <= RECIPE_FLAGS; bit <<= 1) {
        encode(file, (uint8_t)(flags | bit), seed, out);
        if (is_true(out, file))
            flags = (uint8_t)(flags | bit);
    }
    return flags;
}

static void write_file(const char *path, const struct bytes *b)
{
    FILE *f = fopen(path, "wb");

    if (f == NULL || fwrite(b->ptr, 1, b->len, f) != b->len || fclose(f) != 0)
        die(path, strerror(errno));
}

int main(int argc, char **argv)
{
    bool choose = true, structures = false;
    uint8_t flags = 0, seed = 0;
    const char *paths[2] = {NULL, NULL};
    int count = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--structures") == 0) {
            structures = true;
        } else if (strcmp(argv[i], "--flags") == 0 && i + 1 < argc) {
            flags = (uint8_t)strtoul(argv[++i], NULL, 0);
            choose = false;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = (uint8_t)strtoul(argv[++i], NULL, 0);
        } else if (argv[i][0] != '-' && count < 2) {
            paths[count++] = argv[i];
        } else {
            count = 3;
        }
    }
    if (count != 2) {
        fprintf(stderr, "usage: sparsify [--flags N] [--seed N] [--structures] IMAGE RECIPE\n");
        return 2;
    }

    char message[256];
    struct file_info info;
    struct source *file;
    struct veil veil;
    if (file_open(paths[0], &file, &info, message, sizeof(message)) != STATUS_OK)
        die(paths[0], message);
    if (structures)
        file = hide_payload(&veil, file);

    struct bytes b = {.cap = (size_t)1 << 16};
    if (choose)
        flags = harmless_flags(file, seed, &b);
    encode(file, flags, seed, &b);
    if (!is_true(&b, file))
        die(paths[0], "these flags change bytes of the image");
    write_file(paths[1], &b);
    printf("%zu bytes, flags %u\n", b.len, flags);
    free(b.ptr);
    source_close(file);
    return 0;
}
