/* SPDX-License-Identifier: MIT */
/*
 * Sweeps over the on-disk fields (sweep.c): the images they start from with a list of all fields of each, and the table
 * of changes that no rule can speak of, each with the reason why it does not matter.
 */
#ifndef VHDXRAY_TESTS_SWEEP_H
#define VHDXRAY_TESTS_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build.h"

enum { SWEEP_VALUE_MAX = 65536 };

/* The checksum over the structure that a field lies in. len 0: nothing protects it. */
struct sweep_seal {
    uint64_t off, len;
    bool log; /* of a log entry: EntryLength says how far it goes, if that is possible */
};

struct sweep_field {
    const char *structure; /* "header", "log entry" ... */
    unsigned index;        /* which of them, from 1 */
    const char *name;
    uint64_t off;   /* file offset of the byte that has its lowest bit */
    unsigned shift; /* of the lowest bit in that byte; fields of bytes: 0 */
    uint32_t bits;
    struct sweep_seal seal;
};

struct sweep_image {
    const char *name;
    struct img *img;
    struct img *parent;         /* given to the check; NULL: none */
    struct sweep_field *fields; /* in the order of the file within each structure */
    size_t count, cap;
};

size_t sweep_image_count(void);
/* The i-th image and all its fields. */
void sweep_image_make(size_t i, struct sweep_image *ret);
void sweep_image_free(struct sweep_image *im);

/* One change, as the reasons see it. Values: the bits of the field, lowest first, whole bytes. */
struct sweep_change {
    const struct sweep_image *image; /* as changed */
    const struct sweep_field *field;
    const uint8_t *old_value, *new_value;
    bool sealed; /* the checksum was made right again, or there is none */
};
/* Fields of up to 64 bits as numbers. */
uint64_t sweep_old(const struct sweep_change *c);
uint64_t sweep_new(const struct sweep_change *c);

struct sweep_reason {
    const char *structure, *name;               /* name: "*": any */
    bool (*when)(const struct sweep_change *c); /* NULL: whatever the value, as long as the checksum is right */
    const char *because;
};
extern const struct sweep_reason sweep_reasons[];
extern const size_t sweep_reason_count;

#endif
