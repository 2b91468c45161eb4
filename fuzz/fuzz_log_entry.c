/* SPDX-License-Identifier: MIT */
/*
 * The parts of a log entry: header, descriptors, data sectors.
 *
 * Input: up to 64 bytes of an entry header, up to 32 of a descriptor, 8 of a sequence number, and of a data sector its
 * first bytes and, before them, its last four; zeros where there is less.
 *
 * Asserted: fields are what their bytes say; each part with its signature comes out of its encoder as it went in; a
 * page taken apart into descriptor and data sector comes together again; a signed entry has the checksum of its bytes.
 */
#include "base/crc32c.h"
#include "base/le.h"
#include "format/layout.h"
#include "format/log_entry.h"
#include "fuzz/property.h"

static void take_bytes(struct taker *in, uint8_t *out, size_t len)
{
    size_t n = in->len < len ? in->len : len;

    memset(out, 0, len);
    if (n > 0)
        memcpy(out, in->ptr, n);
    in->ptr += n;
    in->len -= n;
}

static void check_header(const uint8_t *p)
{
    struct log_entry_header h;
    uint8_t out[LOG_ENTRY_HEADER_LEN];

    ASSERT(!log_entry_header_decode(span_of(p, LOG_ENTRY_HEADER_LEN - 1), &h));
    ASSERT(log_entry_header_decode(span_of(p, LOG_ENTRY_HEADER_LEN), &h));
    ASSERT(h.signature_ok == (memcmp(p, "loge", 4) == 0));
    ASSERT(h.checksum == le32(p + 4) && h.entry_len == le32(p + 8) && h.tail == le32(p + 12));
    ASSERT(h.sequence_number == le64(p + 16) && h.descriptor_count == le32(p + 24) && h.reserved == le32(p + 28));
    ASSERT(memcmp(h.log_guid.bytes, p + 32, 16) == 0);
    ASSERT(h.flushed_file_off == le64(p + 48) && h.last_file_off == le64(p + 56));
    log_entry_header_encode(&h, out);
    ASSERT(memcmp(out + 4, p + 4, sizeof(out) - 4) == 0 && memcmp(out, "loge", 4) == 0);

    /* (64 + 32 n) / 4096, rounded up */
    ASSERT(log_descriptor_sectors(h.descriptor_count) == (64 + 32 * (uint64_t)h.descriptor_count + 4095) / 4096);
}

static void check_descriptor(const uint8_t *p)
{
    struct log_descriptor d;
    uint8_t out[LOG_DESCRIPTOR_LEN];

    ASSERT(!log_descriptor_decode(span_of(p, LOG_DESCRIPTOR_LEN - 1), &d));
    ASSERT(log_descriptor_decode(span_of(p, LOG_DESCRIPTOR_LEN), &d));
    bool data = memcmp(p, "desc", 4) == 0, zero = memcmp(p, "zero", 4) == 0;
    ASSERT(d.kind == (data ? LOG_DESCRIPTOR_DATA : zero ? LOG_DESCRIPTOR_ZERO : LOG_DESCRIPTOR_UNKNOWN));
    ASSERT(d.file_off == le64(p + 16) && d.sequence_number == le64(p + 24));
    log_descriptor_encode(&d, out);
    if (data) {
        ASSERT(d.len == 4096 && memcmp(d.trailing, p + 4, 4) == 0 && memcmp(d.leading, p + 8, 8) == 0);
    } else if (zero) {
        ASSERT(d.len == le64(p + 8) && d.zero_reserved == le32(p + 4));
    } else {
        ASSERT(memcmp(out + 16, p + 16, 16) == 0);
        return;
    }
    ASSERT(memcmp(out, p, sizeof(out)) == 0);
}

static void check_data_sector(const uint8_t *p)
{
    struct log_data_sector s;

    ASSERT(!log_data_sector_decode(span_of(p, LOG_SECTOR_LEN - 1), &s));
    ASSERT(log_data_sector_decode(span_of(p, LOG_SECTOR_LEN), &s));
    ASSERT(s.signature_ok == (memcmp(p, "data", 4) == 0));
    ASSERT(s.sequence_number == ((uint64_t)le32(p + 4) << 32 | le32(p + 4092)));
    ASSERT(s.data.ptr == p + 8 && s.data.len == 4084);
}

/* The sector as a page to be logged. */
static void check_page(const uint8_t *page, uint64_t sequence)
{
    static uint8_t sector[LOG_SECTOR_LEN], back[LOG_SECTOR_LEN], again[LOG_SECTOR_LEN];
    struct log_descriptor d = {.kind = LOG_DESCRIPTOR_DATA, .file_off = 0x30000}, d2 = d;
    struct log_data_sector s;

    log_data_sector_encode(page, sequence, &d, sector);
    ASSERT(log_data_sector_decode(span_of(sector, LOG_SECTOR_LEN), &s));
    ASSERT(s.signature_ok && s.sequence_number == sequence);
    log_page_assemble(d.leading, sector, d.trailing, back);
    ASSERT(memcmp(back, page, LOG_SECTOR_LEN) == 0);
    log_data_sector_encode(back, sequence, &d2, again);
    ASSERT(memcmp(again, sector, LOG_SECTOR_LEN) == 0 && memcmp(d.leading, d2.leading, 8) == 0 &&
           memcmp(d.trailing, d2.trailing, 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t sector[LOG_SECTOR_LEN];
    uint8_t header[LOG_ENTRY_HEADER_LEN], descriptor[LOG_DESCRIPTOR_LEN], sequence[8], end[4];
    struct taker in = {data, size};

    take_bytes(&in, header, sizeof(header));
    take_bytes(&in, descriptor, sizeof(descriptor));
    take_bytes(&in, sequence, sizeof(sequence));
    take_bytes(&in, end, sizeof(end));
    take_bytes(&in, sector, sizeof(sector));
    memcpy(sector + sizeof(sector) - sizeof(end), end, sizeof(end));

    check_header(header);
    check_descriptor(descriptor);
    check_data_sector(sector);
    check_page(sector, le64(sequence));

    /* An entry of one sector out of these parts. */
    memcpy(sector, header, sizeof(header));
    memcpy(sector + sizeof(header), descriptor, sizeof(descriptor));
    log_entry_sign(sector, sizeof(sector));
    ASSERT(le32(sector + 4) == crc32c_structure(span_of(sector, sizeof(sector))));
    ASSERT(memcmp(sector + 8, header + 8, sizeof(header) - 8) == 0);
    return 0;
}
