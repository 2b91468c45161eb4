/* SPDX-License-Identifier: MIT */
/*
 * Headers, and the choice of the current one of two.
 *
 * Input: u8 options, u16 length of the first header's bytes, these bytes, those of the second; zeros behind each.
 * Options: 1 and 2 sign the first and the second, 4 the second is a copy of the first, with its own bytes laid over.
 *
 * Asserted: fields are what their bytes say; encoding a decoded header gives it back, all of it when its reserved bytes
 * are zero; the choice is a valid header with the highest number, and the same whichever slot it lies in.
 */
#include "base/crc32c.h"
#include "base/le.h"
#include "format/header.h"
#include "format/layout.h"
#include "fuzz/property.h"
#include "image/headers.h"

enum { SIGN_FIRST = 1, SIGN_SECOND = 2, COPY_FIRST = 4 };

static void check_fields(const uint8_t *p, const struct header *h)
{
    ASSERT(h->signature_ok == (memcmp(p, "head", 4) == 0));
    ASSERT(h->checksum == le32(p + 4));
    ASSERT(h->checksum_ok == (h->checksum == h->checksum_computed));
    ASSERT(h->sequence_number == le64(p + 8));
    ASSERT(memcmp(h->file_write_guid.bytes, p + 16, 16) == 0);
    ASSERT(memcmp(h->data_write_guid.bytes, p + 32, 16) == 0);
    ASSERT(memcmp(h->log_guid.bytes, p + 48, 16) == 0);
    ASSERT(h->log_version == (p[64] | p[65] << 8) && h->version == (p[66] | p[67] << 8));
    ASSERT(h->log_len == le32(p + 68) && h->log_off == le64(p + 72));
    ASSERT(h->raw.ptr == p && h->raw.len == HEADER_LEN);
}

/* What is encoded is valid and decodes to the same; a healthy header is identical. */
static void check_encoder(const uint8_t *p, const struct header *h)
{
    static uint8_t out[HEADER_LEN];
    struct header again;

    header_encode(h, out);
    ASSERT(header_decode(span_of(out, HEADER_LEN), &again));
    ASSERT(header_valid(&again));
    ASSERT(memcmp(out + 8, p + 8, HEADER_FIELDS_LEN - 8) == 0);
    if (header_valid(h) && span_is_zero(span_of(p + HEADER_FIELDS_LEN, HEADER_LEN - HEADER_FIELDS_LEN)))
        ASSERT(memcmp(out, p, HEADER_LEN) == 0);
}

static void sign(uint8_t *p)
{
    memcpy(p, "head", 4);
    put_le32(p + 4, crc32c_structure(span_of(p, HEADER_LEN)));
}

static void check_choice(const struct header_slot slots[2])
{
    const struct header_slot swapped[2] = {slots[1], slots[0]};
    enum header_choice why, why_swapped;
    int chosen = headers_choose(slots, &why), chosen_swapped = headers_choose(swapped, &why_swapped);
    uint64_t a = slots[0].h.sequence_number, b = slots[1].h.sequence_number;

    ASSERT(why == why_swapped);
    ASSERT((chosen < 0) == (!slots[0].valid && !slots[1].valid) && (chosen < 0) == (chosen_swapped < 0));
    ASSERT((chosen < 0) == (why == HEADER_NONE));
    if (chosen < 0)
        return;
    ASSERT(slots[chosen].valid);
    if (slots[0].valid && slots[1].valid) {
        ASSERT(chosen == (b > a));
        ASSERT(a == b || chosen_swapped == 1 - chosen);
        bool same_bytes = memcmp(slots[0].h.raw.ptr, slots[1].h.raw.ptr, HEADER_LEN) == 0;
        bool same_fields = memcmp(slots[0].h.raw.ptr + 8, slots[1].h.raw.ptr + 8, HEADER_FIELDS_LEN - 8) == 0;
        ASSERT(why == (a != b        ? HEADER_HIGHER_SEQUENCE
                       : same_bytes  ? HEADER_IDENTICAL
                       : same_fields ? HEADER_SAME_FIELDS
                                     : HEADER_AMBIGUOUS));
    } else {
        ASSERT(why == HEADER_ONLY_VALID && chosen_swapped == 1 - chosen);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[2][HEADER_LEN];
    struct header_slot slots[2] = {{.off = HEADER_OFF[0], .got = HEADER_LEN},
                                   {.off = HEADER_OFF[1], .got = HEADER_LEN}};
    struct taker in = {data, size};
    unsigned options = (unsigned)take(&in, 1);
    uint64_t len = take(&in, 2);
    size_t first = (size_t)u64_min(u64_min(len, in.len), HEADER_LEN);
    size_t second = (size_t)u64_min(in.len - first, HEADER_LEN);

    memset(bytes, 0, sizeof(bytes));
    if (first > 0)
        memcpy(bytes[0], in.ptr, first);
    if (options & COPY_FIRST)
        memcpy(bytes[1], bytes[0], HEADER_LEN);
    if (second > 0)
        memcpy(bytes[1], in.ptr + first, second);
    for (unsigned i = 0; i < 2; i++) {
        if (options & (i == 0 ? SIGN_FIRST : SIGN_SECOND))
            sign(bytes[i]);
        ASSERT(!header_decode(span_of(bytes[i], HEADER_LEN - 1), &slots[i].h));
        ASSERT(header_decode(span_of(bytes[i], HEADER_LEN), &slots[i].h));
        slots[i].valid = header_valid(&slots[i].h);
        ASSERT(slots[i].valid || !(options & (i == 0 ? SIGN_FIRST : SIGN_SECOND)));
        check_fields(bytes[i], &slots[i].h);
        check_encoder(bytes[i], &slots[i].h);
    }
    check_choice(slots);
    return 0;
}
