/* SPDX-License-Identifier: MIT */
/* Header, [MS-VHDX] 2.2.2. */
#ifndef VHDXRAY_FORMAT_HEADER_H
#define VHDXRAY_FORMAT_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/guid.h"
#include "base/span.h"

struct header {
    bool signature_ok;
    bool checksum_ok;
    uint32_t checksum;          /* stored */
    uint32_t checksum_computed; /* over HEADER_LEN bytes, field taken as zero */
    uint64_t sequence_number;
    struct guid file_write_guid;
    struct guid data_write_guid;
    struct guid log_guid;
    uint16_t log_version;
    uint16_t version;
    uint32_t log_len; /* bytes */
    uint64_t log_off; /* bytes from the start of the file */
    struct span raw;  /* HEADER_LEN bytes */
};

/* s: at least HEADER_LEN bytes; false when shorter. Borrows s. */
bool header_decode(struct span s, struct header *ret);
/* A header is valid when signature and checksum are right, and nothing else (2.2.2). */
static inline bool header_valid(const struct header *h)
{
    return h->signature_ok && h->checksum_ok;
}
/* Sets the checksum of HEADER_LEN bytes in memory. */
void header_sign(uint8_t *header);
/* Writes HEADER_LEN bytes: fields, zero reserved bytes, right signature and checksum (the two flags are ignored). */
void header_encode(const struct header *h, uint8_t *out);

#endif
