/* SPDX-License-Identifier: MIT */
/* What the targets over whole images share: an image from a recipe under a bound of work, and reports in memory. */
#ifndef VHDXRAY_FUZZ_WHOLE_H
#define VHDXRAY_FUZZ_WHOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "check/run.h"
#include "fuzz/property.h"
#include "fuzz/recipe.h"
#include "image/image.h"
#include "report/report.h"

enum whole_option {
    WHOLE_NO_REPLAY = 1 << 0,
    WHOLE_HOST = 1 << 1,   /* facts about a host file are given */
    WHOLE_RAGGED = 1 << 2, /* data is told of in small pieces */
};

struct whole {
    const struct recipe *recipe;
    struct source *file; /* of zeros and extents */
    struct watched watched;
    struct arena *arena;
    struct image *image; /* through the watch */
};

/* Aborts when that takes more reads or bytes than the recipe can account for. Borrows r. */
void whole_open(struct whole *w, const struct recipe *r, const char *path, unsigned options);
/* Facts about a host file as whole_open() makes them. */
struct host_facts whole_host(const struct recipe *r, uint64_t inode);
struct work_bound whole_bound(const struct recipe *r);
void whole_close(struct whole *w);

/* Asserts that counts, outcomes, verdict and findings agree with each other. */
void whole_judge(const struct check_result *res);

/* A report to memory, in one piece of it that lasts until the next one. A NUL stands behind the text. */
FILE *whole_text_begin(void);
const char *whole_text_end(size_t *ret_len);

#endif
