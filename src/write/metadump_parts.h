/* SPDX-License-Identifier: MIT */
/* What the files of metadump share. Internal to write/. */
#ifndef VHDXRAY_WRITE_METADUMP_PARTS_H
#define VHDXRAY_WRITE_METADUMP_PARTS_H

#include "write/metadump.h"

struct metadump_range {
    uint64_t off, end;
};

struct metadump_ranges {
    struct metadump_range *items; /* sorted and disjoint after ranges_seal() */
    uint64_t count, cap;
};

struct dumper {
    struct image *img;
    struct arena *arena;
    struct store *stage;
    const struct metadump_options *options;
    struct redaction redaction;
    struct metadump_ranges exact; /* kept as they are, but for what redaction replaces */
    struct metadump_ranges soft;  /* metadata regions: what is not exact there only shows that it is not zero */
    struct metadump out;
};

/* What is left of a byte that only has to show that something was there. */
enum { METADUMP_FILLER = 0xa5 };

enum status metadump_read(struct dumper *d, uint64_t off, void *buf, size_t len); /* of the copy */
/* Into the copy, where it changes anything there. */
enum status metadump_write(struct dumper *d, uint64_t off, const uint8_t *bytes, size_t len);
/* Every byte of [off, off + len) that is not zero becomes the filler; behind the first 64 KiB of such data, zero. */
enum status metadump_blank(struct dumper *d, uint64_t off, uint64_t len);
void metadump_blank_bytes(uint8_t *p, size_t len);

/* metadump_headers.c, in this order: what is no field, identities, and checksums that were right. */
enum status metadump_blank_headers(struct dumper *d);
enum status metadump_redact_headers(struct dumper *d);
enum status metadump_sign(struct dumper *d);
/* metadump_items.c: the metadata of the image as stored, and pages of metadata in the log. */
enum status metadump_metadata(struct dumper *d);
void metadump_metadata_page(struct dumper *d, uint64_t file_off, uint8_t *page);
/* metadump_log.c */
enum status metadump_log(struct dumper *d);

#endif
