/* SPDX-License-Identifier: MIT */
/*
 * Writes the images of the case table as sparse files, for programs that read files: write_cases FOLDER. Left out are
 * cases about the world around the image (host facts, faults, parents) and images larger than a file system takes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"

static const struct case_table *const tables[] = {&container_cases, &metadata_cases, &block_cases, &log_cases,
                                                  &chain_cases,     &forensic_cases, &tool_cases};

static const uint64_t SIZE_MOST = (uint64_t)1 << 43; /* ext4 ends at 16 TiB */

static int save(const char *folder, const char *name, const char *suffix, const struct case_run *r)
{
    char path[4096];
    uint8_t buf[65536];
    struct source *s = r->base;
    uint64_t data = 0, hole = 0;

    if (r->scene.wrap != NULL || r->scene.bad_len != 0 || r->scene.claimed_size != 0 || s->size > SIZE_MOST)
        return 0;
    (void)snprintf(path, sizeof(path), "%s/%s%s.vhdx", folder, name, suffix);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0 || ftruncate(fd, (off_t)s->size) != 0) {
        perror(path);
        return -1;
    }
    for (uint64_t off = 0; off < s->size; off = hole) {
        if (source_next_data(s, off, &data, &hole) != STATUS_OK)
            return -1;
        for (uint64_t at = data; at < hole && at < s->size; at += sizeof(buf)) {
            size_t n = (size_t)(hole - at < sizeof(buf) ? hole - at : sizeof(buf));
            if (source_read(s, at, buf, n) != STATUS_OK || pwrite(fd, buf, n, (off_t)at) != (ssize_t)n) {
                perror(path);
                return -1;
            }
        }
    }
    close(fd);
    return 1;
}

int main(int argc, char **argv)
{
    int written = 0;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: write_cases FOLDER\n");
        return 2;
    }
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            for (int guard = 0; guard < 2; guard++) {
                const struct test_case *c = &tables[t]->cases[i];
                struct case_run r;

                if (guard && c->inside == NULL && c->guard == NULL)
                    continue; /* the undamaged image, again */
                case_open(c, guard != 0, &r);
                int n = save(argv[1], c->name, guard ? "-inside" : "", &r);
                case_close(&r);
                if (n < 0)
                    return 1;
                written += n;
            }
        }
    }
    printf("%d images\n", written);
    return 0;
}
