/* SPDX-License-Identifier: MIT */
/*
 * The header, of which a file holds two that are written in turn ([MS-VHDX] 2.2.2). Only the first 80 bytes carry
 * fields, but the checksum covers 4096; the rest of the 64 KiB slot belongs to nobody. Which of the two is current,
 * and whether the values make sense, is decided elsewhere: a header with an absurd log offset still decodes.
 */
#include "format/header.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/le.h"
#include "format/layout.h"

bool header_decode(struct span s, struct header *ret)
{
    struct span raw;
    if (!span_sub(s, 0, HEADER_LEN, &raw))
        return false;
    const uint8_t *p = raw.ptr;
    struct header h = {
        .signature_ok = memcmp(p, SIGNATURE_HEADER, 4) == 0,
        .checksum = le32(p + 4),
        .checksum_computed = crc32c_structure(raw),
        .sequence_number = le64(p + 8),
        .file_write_guid = guid_load(p + 16),
        .data_write_guid = guid_load(p + 32),
        .log_guid = guid_load(p + 48),
        .log_version = le16(p + 64),
        .version = le16(p + 66),
        .log_len = le32(p + 68),
        .log_off = le64(p + 72),
        .raw = raw,
    };
    h.checksum_ok = h.checksum == h.checksum_computed;
    *ret = h;
    return true;
}

void header_sign(uint8_t *header)
{
    put_le32(header + 4, crc32c_structure(span_of(header, HEADER_LEN)));
}

void header_encode(const struct header *h, uint8_t *out)
{
    memset(out, 0, HEADER_LEN);
    memcpy(out, SIGNATURE_HEADER, 4);
    put_le64(out + 8, h->sequence_number);
    guid_store(out + 16, &h->file_write_guid);
    guid_store(out + 32, &h->data_write_guid);
    guid_store(out + 48, &h->log_guid);
    put_le16(out + 64, h->log_version);
    put_le16(out + 66, h->version);
    put_le32(out + 68, h->log_len);
    put_le64(out + 72, h->log_off);
    header_sign(out);
}
