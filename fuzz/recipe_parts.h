/* SPDX-License-Identifier: MIT */
/* What the parts of the recipe share: the encoding, and the state of a kitchen while it reads or writes one. */
#ifndef VHDXRAY_FUZZ_RECIPE_PARTS_H
#define VHDXRAY_FUZZ_RECIPE_PARTS_H

#include <stdbool.h>

#include "format/layout.h"
#include "fuzz/recipe.h"

/* Bits 0-3 of an operation's first byte: what its offset is counted from. */
enum recipe_anchor {
    ANCHOR_START,
    ANCHOR_HEADER_1,
    ANCHOR_HEADER_2,
    ANCHOR_REGION_TABLE_1,
    ANCHOR_REGION_TABLE_2,
    ANCHOR_LOG,         /* as the header with the higher sequence number says so far; else 1 MiB */
    ANCHOR_METADATA,    /* as the first region table with a signature says so far; else 2 MiB */
    ANCHOR_ITEMS,       /* 64 KiB behind it */
    ANCHOR_BAT,         /* else 3 MiB */
    ANCHOR_MIB,         /* u16: MiB from the start */
    ANCHOR_END,         /* of the file, backwards */
    ANCHOR_EXPLICIT,    /* u64 instead of a delta */
    ANCHOR_NEXT,        /* behind the operation before */
    ANCHOR_NEXT_SECTOR, /* the same, rounded up to 4 KiB */
    ANCHOR_NEXT_MIB,    /* the same, rounded up to 1 MiB */
    ANCHOR_SIZE,        /* no bytes: u64, the exact size of the file */
};

/* Bits 4-5: what is laid there. Length and count: u8, or 0 and u16, so that what mutation makes is rarely long. */
enum recipe_content {
    CONTENT_SHORT,    /* u8 length, bytes */
    CONTENT_BYTES,    /* u16 length, bytes */
    CONTENT_FILL,     /* u8 value, length */
    CONTENT_SEQUENCE, /* u64 first, count, u16 step: little-endian u64s, each `step` MiB above the one before */
};

/* Bits 6-7: the delta that the anchor is moved by. */
enum recipe_delta { DELTA_NONE, DELTA_U8, DELTA_U16, DELTA_U32 };

enum { RECIPE_HEAD_LEN = 4, RECIPE_RUN_MAX = UINT16_MAX, RECIPE_SEQUENCE_MAX = 8192 };

/* A structure's bytes as laid down so far: bytes[0, used), zeros behind. */
struct shadow {
    uint64_t off;
    size_t len, used;
    uint8_t *bytes;
};

struct kitchen {
    uint8_t flags;
    uint64_t size;
    uint64_t next;      /* end of the operation before */
    uint64_t generated; /* bytes that sequences made so far */
    struct shadow headers[2], regions[2];
    uint8_t header_bytes[2][HEADER_LEN], region_bytes[2][REGION_TABLE_LEN]; /* behind the fields: shadow.used */
};

void kitchen_open(struct kitchen *k, uint8_t flags);
/* The structures that anchors depend on see these bytes. */
void kitchen_lay(struct kitchen *k, uint64_t off, const uint8_t *ptr, uint64_t len);
/* mib: of ANCHOR_MIB. Not for EXPLICIT and SIZE. */
uint64_t kitchen_anchor(struct kitchen *k, enum recipe_anchor a, uint16_t mib);
/* Zero or more bytes of one value, up to RECIPE_RUN_MAX. */
const uint8_t *recipe_run_of(uint8_t value);
/* Count entries of a sequence that there is still room for. */
uint64_t kitchen_sequence_room(const struct kitchen *k, uint64_t count);

/* The header whose log counts, or NULL. */
const uint8_t *kitchen_header(struct kitchen *k);

/* Memory that lives as long as the recipe; not initialised. */
void *recipe_own(struct recipe *r, size_t len);
void recipe_lay(struct recipe *r, uint64_t off, const uint8_t *ptr, uint64_t len);

/* recipe_log.c: signs the entries of the log [off, off + len) by laying changed sectors on top. */
void recipe_sign_log(struct recipe *r, uint64_t off, uint64_t len);

#endif
