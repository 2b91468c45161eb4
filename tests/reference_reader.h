/* SPDX-License-Identifier: MIT */
/*
 * A second reader of the guest's disk, written from the description of the format alone and as simply as can be: no
 * caches, no windows, one sector at a time, every question answered from the bytes again. It shares no code with the
 * library, not even the checksum, so that a mistake must be made twice to go unseen. Slow and not hardened: for images
 * of tests.
 */
#ifndef VHDXRAY_TESTS_REFERENCE_READER_H
#define VHDXRAY_TESTS_REFERENCE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reference_file {
    uint64_t size;
    void (*read)(void *ctx, uint64_t off, void *buf, size_t len); /* [off, off + len) lies in the file */
    void *ctx;
};

enum { REFERENCE_ANCHORS = 1, REFERENCE_SALVAGE = 2 }; /* as guest_options */

struct reference;

/*
 * Files of the chain, the child first; fewer than the chain needs is fine. NULL when there is no disk to read: *ret_why
 * says why in a word or two.
 */
struct reference *reference_open(const struct reference_file *files, unsigned count, unsigned flags,
                                 const char **ret_why);
void reference_close(struct reference *r);
uint64_t reference_size(const struct reference *r);
unsigned reference_sector_size(const struct reference *r);

/* The piece of a sector [off, off + len) of the disk, len > 0; false and zeros when it cannot be answered truly. */
bool reference_piece(const struct reference *r, uint64_t off, void *buf, size_t len);

#endif
