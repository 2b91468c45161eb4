/* SPDX-License-Identifier: MIT */
/* What the parts of make_seeds share: inputs put together piece by piece, and written into the folder of an entry. */
#ifndef VHDXRAY_FUZZ_MAKE_SEEDS_H
#define VHDXRAY_FUZZ_MAKE_SEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/source.h"

enum { SEED_MAX = 16384, NAME_SIZE = 128 };

/* An input put together. What does not fit makes it too long, and it is left out. */
struct input {
    uint8_t bytes[SEED_MAX + 64];
    size_t len;
    bool full;
};

void add(struct input *in, const void *bytes, size_t len);
void add_number(struct input *in, uint64_t v, size_t len); /* little-endian */
void emit_input(const char *entry, const char *name, const struct input *in);

/* A file as a recipe. */
struct encoded {
    uint8_t bytes[SEED_MAX];
    size_t len; /* 0: too long */
};

void encode(struct source *file, uint8_t flags, uint8_t seed, struct encoded *ret);

/* One case of the tests under each operation of fuzz_moments.c: the image, and the files beside it. */
void moments_of_case(const char *name, struct source *const *sources, unsigned count, unsigned number);
/* Each operation of fuzz_moments.c with each of its calls failing, over a few images. */
void seeds_of_moments(void);
/* What no case of the tests has. */
void seeds_by_hand(void);

#endif
