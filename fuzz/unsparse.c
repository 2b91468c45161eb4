/* SPDX-License-Identifier: MIT */
/*
 * Makes the image that a recipe stands for, as a sparse file: for other programs, or a debugger.
 *
 *     unsparse [--skip N] [--tail N] [--part I/MAX] RECIPE IMAGE
 *
 * RECIPE may be `-`. Of inputs that hold more than a recipe, the first `skip` and the last `tail` bytes are left out,
 * and of those with several recipes (recipe_split() with MAX) number I is taken, from 0. IMAGE must not exist. Prints
 * its size.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/span.h"
#include "fuzz/recipe.h"

enum { PARTS_MAX = 16, WINDOW = 65536 };

__attribute__((noreturn)) static void die(const char *what, const char *why)
{
    fprintf(stderr, "unsparse: %s: %s\n", what, why);
    exit(1);
}

/* Grows as it reads: what comes through a pipe has no size. */
static uint8_t *read_all(const char *path, size_t *ret_len)
{
    FILE *f = fopen(strcmp(path, "-") == 0 ? "/dev/stdin" : path, "rb");
    uint8_t *buf = NULL;
    size_t len = 0, cap = 0, got;

    if (f == NULL)
        die(path, strerror(errno));
    do {
        if (len == cap) {
            cap = cap == 0 ? 4096 : 2 * cap;
            uint8_t *more = realloc(buf, cap);
            if (more == NULL) {
                free(buf);
                fclose(f);
                die(path, "out of memory");
            }
            buf = more;
        }
        got = fread(buf + len, 1, cap - len, f);
        len += got;
    } while (got > 0);
    bool failed = ferror(f);
    fclose(f);
    if (failed) {
        free(buf);
        die(path, "cannot be read");
    }
    *ret_len = len;
    return buf;
}

static void write_window(int fd, const char *path, const uint8_t *buf, size_t len, uint64_t off)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(fd, buf + done, len - done, (off_t)(off + done));
        if (n < 0 && errno != EINTR)
            die(path, strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
}

/* Only what is not zero is written, so holes stay holes. */
static void write_image(struct source *s, const char *path)
{
    uint8_t buf[WINDOW];
    size_t got;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd < 0 || ftruncate(fd, (off_t)s->size) != 0)
        die(path, strerror(errno));
    for (uint64_t pos = 0, hole = 0; pos < s->size;) {
        if (pos >= hole && source_next_data(s, pos, &pos, &hole) != STATUS_OK)
            die(path, "the recipe cannot be read");
        size_t len = (size_t)u64_min(sizeof(buf), hole - pos);
        if (source_read_some(s, pos, buf, len, &got) != STATUS_OK)
            die(path, "the recipe cannot be read");
        if (!span_is_zero(span_of(buf, got)))
            write_window(fd, path, buf, got, pos);
        pos += len;
    }
    if (close(fd) != 0)
        die(path, strerror(errno));
}

/* I/MAX; a maximum of 0 is refused later. */
static void read_part(const char *text, unsigned *ret_part, unsigned *ret_max)
{
    char *end;

    *ret_part = (unsigned)strtoul(text, &end, 10);
    *ret_max = *end == '/' ? (unsigned)strtoul(end + 1, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    unsigned part = 0, max = 1;
    size_t skip = 0, tail = 0, len;
    const char *paths[2] = {NULL, NULL};
    int count = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--skip") == 0 && i + 1 < argc)
            skip = strtoul(argv[++i], NULL, 0);
        else if (strcmp(argv[i], "--tail") == 0 && i + 1 < argc)
            tail = strtoul(argv[++i], NULL, 0);
        else if (strcmp(argv[i], "--part") == 0 && i + 1 < argc)
            read_part(argv[++i], &part, &max);
        else if ((argv[i][0] != '-' || argv[i][1] == '\0') && count < 2)
            paths[count++] = argv[i];
        else
            count = 3;
    }
    if (count != 2 || paths[0] == NULL || paths[1] == NULL || max == 0 || max > PARTS_MAX) {
        fprintf(stderr, "usage: unsparse [--skip N] [--tail N] [--part I/MAX] RECIPE IMAGE\n");
        return 2;
    }

    struct recipe_part parts[PARTS_MAX];
    struct recipe r;
    uint8_t *input = read_all(paths[0], &len);
    if (skip > len || tail > len - skip)
        die(paths[0], "shorter than that");
    if (part >= recipe_split(input + skip, len - skip - tail, parts, max))
        die(paths[0], "has no such part");
    recipe_decode(parts[part].data, parts[part].size, &r);
    struct source *s = recipe_source(&r);
    write_image(s, paths[1]);
    printf("%" PRIu64 " bytes, flags %u, seed %u\n", r.size, r.flags, r.seed);
    source_close(s);
    recipe_free(&r);
    free(input);
    return 0;
}
