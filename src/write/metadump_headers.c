/* SPDX-License-Identifier: MIT */
/* The header section of a metadata copy: identifier, headers and region tables stay, all around them is blanked. */
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/le.h"
#include "write/metadump_parts.h"

/* [off, off + len) of the file, as far as it reaches. */
static enum status blank_clipped(struct dumper *d, uint64_t off, uint64_t len)
{
    const uint64_t size = d->img->file_size;

    return off < size ? metadump_blank(d, off, u64_min(len, size - off)) : STATUS_OK;
}

/* Nothing valid is there: what stands in the places of the structures may be of another format, and somebody's data. */
static bool is_foreign(const struct image *img)
{
    return (img->file_id_absence != ABSENT_NOT || !img->file_id.signature_ok) && image_header(img) == NULL &&
           !img->stored->regions[0].valid && !img->stored->regions[1].valid;
}

/* Behind the creator's end nothing is text any more. */
static enum status blank_file_id(struct dumper *d)
{
    const struct image *img = d->img;
    uint64_t end = FILE_ID_CREATOR_OFF;

    if (img->file_id_absence != ABSENT_NOT || is_foreign(img))
        return blank_clipped(d, 0, FILE_ID_LEN);
    while (end < FILE_ID_RESERVED_OFF && le16(img->file_id.raw.ptr + end) != 0)
        end += 2;
    return blank_clipped(d, end, FILE_ID_LEN - end);
}

enum status metadump_blank_headers(struct dumper *d)
{
    enum status st = blank_file_id(d);

    for (int i = 0; i < 2 && st == STATUS_OK; i++) {
        const bool lost = is_foreign(d->img) && !d->img->headers[i].h.signature_ok;
        const uint64_t kept = lost ? 0 : HEADER_LEN;
        st = blank_clipped(d, HEADER_OFF[i] + kept, HEADER_SECTION_SLOT_LEN - kept);
        if (st == STATUS_OK && is_foreign(d->img) && !d->img->stored->regions[i].table.signature_ok)
            st = blank_clipped(d, REGION_TABLE_OFF[i], REGION_TABLE_LEN);
    }
    if (st == STATUS_OK)
        st = blank_clipped(d, HEADER_SECTION_RESERVED_OFF, HEADER_SECTION_LEN - HEADER_SECTION_RESERVED_OFF);
    return st;
}

/* GUIDs of both headers, and copies of any identity elsewhere in the section. */
enum status metadump_redact_headers(struct dumper *d)
{
    static const size_t GUIDS_OFF = 16, GUIDS = 3, GUID_LEN = 16;
    const size_t len = (size_t)u64_min(HEADER_SECTION_LEN, d->img->file_size);
    uint8_t *bytes = (uint8_t *)arena_alloc(d->arena, HEADER_SECTION_LEN);

    if (bytes == NULL)
        return arena_status(d->arena);
    enum status st = metadump_read(d, 0, bytes, len);
    if (st != STATUS_OK)
        return st;
    for (int slot = 0; slot < 2; slot++) {
        for (size_t g = 0; g < GUIDS; g++)
            redact_guid(&d->redaction, bytes + HEADER_OFF[slot] + GUIDS_OFF + g * GUID_LEN);
    }
    /* Each of the pieces alone: replacing must not reach over from one into what was replaced in another. */
    redact_known_guids(&d->redaction, bytes, FILE_ID_LEN);
    for (int slot = 0; slot < 2; slot++) /* not in the fields: numbers of them can look like a GUID */
        redact_known_guids(&d->redaction, bytes + HEADER_OFF[slot] + HEADER_FIELDS_LEN,
                           (size_t)HEADER_SECTION_SLOT_LEN - HEADER_FIELDS_LEN);
    redact_known_guids(&d->redaction, bytes + REGION_TABLE_OFF[0], (size_t)(HEADER_SECTION_LEN - REGION_TABLE_OFF[0]));
    if (d->redaction.status == STATUS_OK)
        st = metadump_write(d, 0, bytes, len);
    arena_release(d->arena, bytes);
    return st == STATUS_OK ? d->redaction.status : st;
}

static enum status sign(struct dumper *d, uint64_t off, size_t len)
{
    uint8_t *bytes = (uint8_t *)arena_alloc(d->arena, len);
    uint8_t checksum[4];

    if (bytes == NULL)
        return arena_status(d->arena);
    enum status st = metadump_read(d, off, bytes, len);
    put_le32(checksum, st == STATUS_OK ? crc32c_structure(span_of(bytes, len)) : 0);
    arena_release(d->arena, bytes);
    return st == STATUS_OK ? store_write(d->stage, off + 4, checksum, sizeof(checksum)) : st;
}

/* What was right is right again; what was wrong stays wrong, also where it was right by another reckoning. */
enum status metadump_sign(struct dumper *d)
{
    enum status st = STATUS_OK;

    for (int i = 0; i < 2 && st == STATUS_OK; i++) {
        const struct header_slot *s = &d->img->headers[i];
        if (s->valid)
            st = sign(d, s->off, HEADER_LEN);
        else if (s->checksum_of_slot)
            st = sign(d, s->off, (size_t)HEADER_SECTION_SLOT_LEN);
        else if (s->checksum_of_fields)
            st = sign(d, s->off, HEADER_FIELDS_LEN);
    }
    for (int i = 0; i < 2 && st == STATUS_OK; i++) {
        const struct region_copy *c = &d->img->stored->regions[i];
        if (c->valid)
            st = sign(d, c->off, REGION_TABLE_LEN);
    }
    return st;
}
