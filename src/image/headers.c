/* SPDX-License-Identifier: MIT */
/*
 * The two headers and the question which one counts ([MS-VHDX] 2.2.2). Writers update the older one in place and flush,
 * so after any crash at least one is whole: a header is valid when signature and checksum are right, and the valid one
 * with the higher sequence number is current. Values (versions, log place) play no part in the choice; rules judge them
 * afterwards. Equal numbers are settled here only so that reading can go on: header 1, with the reason kept.
 */
#include "image/headers.h"

#include <string.h>

#include "base/crc32c.h"
#include "format/layout.h"
#include "image/structure.h"

/*
 * Broken writers sum up another range than the 4096 bytes of 2.2.2; telling which helps to name them. A slot that
 * cannot be read whole tells nothing.
 */
static enum status try_other_coverage(struct arena *a, struct source *file, struct header_slot *slot)
{
    const size_t len = (size_t)HEADER_SECTION_SLOT_LEN;
    struct span fields, whole;
    size_t got;
    if (!span_sub(slot->h.raw, 0, HEADER_FIELDS_LEN, &fields))
        return STATUS_INTERNAL;
    slot->checksum_of_fields = crc32c_structure(fields) == slot->h.checksum;

    enum status st = structure_read(a, file, slot->off, len, 0, &whole, &got);
    if (st == STATUS_OK && got == len)
        slot->checksum_of_slot = crc32c_structure_front(whole, len) == slot->h.checksum;
    slot->slot_unread = st == STATUS_IO;
    return st == STATUS_IO ? STATUS_OK : st;
}

static enum status slot_read(struct arena *a, struct source *file, uint64_t off, struct header_slot *slot)
{
    uint8_t *buf = arena_room(a, HEADER_LEN);
    if (buf == NULL)
        return arena_status(a);

    *slot = (struct header_slot){.off = off};
    enum status st = source_read_some(file, off, buf, HEADER_LEN, &slot->got);
    if (st == STATUS_IO) {
        slot->io_error = true;
        slot->got = 0;
        memset(buf, 0, HEADER_LEN);
    } else if (st != STATUS_OK) {
        return st;
    }
    if (!header_decode(span_of(buf, HEADER_LEN), &slot->h))
        return STATUS_INTERNAL;

    /* A header whose end the file does not have is not there, even when zeros would make its checksum right. */
    slot->valid = header_valid(&slot->h) && slot->got == HEADER_LEN;
    if (slot->h.signature_ok && !slot->h.checksum_ok)
        return try_other_coverage(a, file, slot);
    return STATUS_OK;
}

enum status headers_read(struct arena *a, struct source *file, struct header_slot slots[2])
{
    for (int i = 0; i < 2; i++) {
        enum status st = slot_read(a, file, HEADER_OFF[i], &slots[i]);
        if (st != STATUS_OK)
            return st;
    }
    return STATUS_OK;
}

int headers_choose(const struct header_slot slots[2], enum header_choice *ret_choice)
{
    const struct header *h1 = &slots[0].h, *h2 = &slots[1].h;

    if (!slots[0].valid && !slots[1].valid) {
        *ret_choice = HEADER_NONE;
        return -1;
    }
    if (!slots[0].valid || !slots[1].valid) {
        *ret_choice = HEADER_ONLY_VALID;
        return slots[0].valid ? 0 : 1;
    }
    if (h1->sequence_number != h2->sequence_number) {
        *ret_choice = HEADER_HIGHER_SEQUENCE;
        return h1->sequence_number > h2->sequence_number ? 0 : 1;
    }
    /* Signatures and sequence numbers are equal here; bytes 4-7 are the checksum. */
    if (memcmp(h1->raw.ptr, h2->raw.ptr, HEADER_LEN) == 0)
        *ret_choice = HEADER_IDENTICAL;
    else if (memcmp(h1->raw.ptr + 8, h2->raw.ptr + 8, HEADER_FIELDS_LEN - 8) == 0)
        *ret_choice = HEADER_SAME_FIELDS;
    else
        *ret_choice = HEADER_AMBIGUOUS;
    return 0;
}

const char *header_choice_text(enum header_choice c)
{
    switch (c) {
    case HEADER_NONE:
        return "no valid header";
    case HEADER_ONLY_VALID:
        return "the only valid header";
    case HEADER_HIGHER_SEQUENCE:
        return "higher sequence number";
    case HEADER_IDENTICAL:
        return "both headers are identical";
    case HEADER_SAME_FIELDS:
        return "both headers have the same fields";
    case HEADER_AMBIGUOUS:
        return "equal sequence numbers, different fields: header 1 is read";
    }
    return "unknown";
}
