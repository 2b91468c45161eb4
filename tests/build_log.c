/* SPDX-License-Identifier: MIT */
/*
 * Log entries of the image builder. An entry is first made whole in memory (header, descriptors, data sectors, then the
 * checksum), where a test can still bend any byte of it, and then laid into the ring sector by sector, so that an entry
 * that starts near the ring's end goes on at its begin.
 */
#include "build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "format/log_entry.h"

static uint32_t data_descriptors(const struct img_log_entry *e)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->desc_count; i++)
        n += e->descs[i].page != NULL;
    return n;
}

static void build_header(const struct img *img, const struct img_log_entry *e, uint64_t len, uint8_t *out)
{
    bool given = (e->flags & IMG_LOG_NO_FILE_SIZES) != 0;
    struct log_entry_header h = {
        .entry_len = (uint32_t)len,
        .tail = e->tail,
        .sequence_number = e->sequence_number,
        .descriptor_count = e->desc_count,
        .log_guid = guid_is_nil(&e->guid) && !(e->flags & IMG_LOG_NIL_GUID) ? img->log.guid : e->guid,
        .flushed_file_off = e->flushed || given ? e->flushed : img->size,
        .last_file_off = e->last || given ? e->last : img->size,
    };
    log_entry_header_encode(&h, out);
    if (e->flags & IMG_LOG_BAD_SIGNATURE)
        memcpy(out, "LOGE", 4);
}

/* The last data sector and the last descriptor are the ones to damage: everything before them is checked first. */
static void damage(const struct img_log_entry *e, uint8_t *last_desc, uint8_t *last_data)
{
    if (e->flags & (IMG_LOG_BAD_DESC_SIGNATURE | IMG_LOG_BAD_DESC_SEQUENCE)) {
        assert(last_desc);
        if (e->flags & IMG_LOG_BAD_DESC_SIGNATURE)
            memcpy(last_desc, "DESC", 4);
        if (e->flags & IMG_LOG_BAD_DESC_SEQUENCE)
            put_le64(last_desc + 24, e->sequence_number + 1);
    }
    if (e->flags & (IMG_LOG_BAD_DATA_SIGNATURE | IMG_LOG_BAD_DATA_HIGH | IMG_LOG_BAD_DATA_LOW)) {
        assert(last_data);
        if (e->flags & IMG_LOG_BAD_DATA_SIGNATURE)
            memcpy(last_data, "DATA", 4);
        if (e->flags & IMG_LOG_BAD_DATA_HIGH)
            last_data[4] ^= 1;
        if (e->flags & IMG_LOG_BAD_DATA_LOW)
            last_data[LOG_SECTOR_LEN - 4] ^= 1;
    }
}

uint8_t *img_log_build(const struct img *img, const struct img_log_entry *e, uint64_t *ret_len)
{
    uint64_t head = log_descriptor_sectors(e->desc_count) * LOG_SECTOR_LEN;
    uint64_t len = head + ((uint64_t)data_descriptors(e) + e->extra_sectors) * LOG_SECTOR_LEN;
    assert(len <= UINT32_MAX);
    uint8_t *out = calloc(1, len);
    if (!out)
        abort();
    build_header(img, e, len, out);

    uint8_t *desc = NULL, *data = NULL, *next_data = out + head;
    for (uint32_t i = 0; i < e->desc_count; i++) {
        const struct img_log_desc *given = &e->descs[i];
        struct log_descriptor d = {
            .kind = given->page ? LOG_DESCRIPTOR_DATA : LOG_DESCRIPTOR_ZERO,
            .file_off = given->off,
            .len = given->len,
            .sequence_number = e->sequence_number,
        };
        if (given->page) {
            data = next_data;
            next_data += LOG_SECTOR_LEN;
            log_data_sector_encode(given->page, e->sequence_number, &d, data);
        }
        desc = out + LOG_ENTRY_HEADER_LEN + (size_t)LOG_DESCRIPTOR_LEN * i;
        log_descriptor_encode(&d, desc);
    }
    damage(e, desc, data);
    log_entry_sign(out, len);
    if (e->flags & IMG_LOG_BAD_CRC)
        out[4] ^= 1;
    *ret_len = len;
    return out;
}

uint32_t img_log_put(struct img *img, uint32_t pos, const void *bytes, uint64_t len)
{
    const uint8_t *in = bytes;
    assert(pos < img->log_len && pos % LOG_SECTOR_LEN == 0 && len <= img->log_len);
    while (len) {
        uint64_t n = u64_min(len, img->log_len - pos);
        img_write(img, img->log_off + pos, in, (size_t)n);
        in += n;
        len -= n;
        pos = (uint32_t)((pos + n) % img->log_len);
    }
    return pos;
}

uint32_t img_log_write(struct img *img, uint32_t pos, const struct img_log_entry *e)
{
    uint64_t len;
    uint8_t *bytes = img_log_build(img, e, &len);
    uint32_t end = (uint32_t)((pos + len) % img->log_len);
    (void)img_log_put(img, pos, bytes, e->flags & IMG_LOG_TORN ? len - LOG_SECTOR_LEN : len);
    free(bytes);
    return end;
}

void img_log_begin(struct img *img, uint32_t pos, uint64_t first_sequence_number)
{
    img->log.pos = img->log.tail = pos;
    img->log.sequence_number = first_sequence_number;
    img_set_log_guid(img, &img->log.guid);
}

void img_log_append(struct img *img, const struct img_log_desc *descs, uint32_t count)
{
    img->log.pos = img_log_write(img, img->log.pos,
                                 &(struct img_log_entry){
                                     .sequence_number = img->log.sequence_number++,
                                     .tail = img->log.tail,
                                     .descs = descs,
                                     .desc_count = count,
                                 });
}

void img_log_end(struct img *img)
{
    img_set_log_guid(img, NULL);
}

void img_make_dirty(struct img *img, const struct img_log_desc *descs, uint32_t count)
{
    img_log_begin(img, 0, 1);
    img_log_append(img, NULL, 0);
    for (uint32_t i = 0; i < count; i++)
        img_log_append(img, &descs[i], 1);
}

void img_make_dirty_bat(struct img *img, uint64_t index, uint64_t entry)
{
    uint64_t off = img_bat_entry_off(img, index), page_off = off / LOG_SECTOR_LEN * LOG_SECTOR_LEN;
    uint8_t *page = img_page_copy(img, off);
    put_le64(page + (off - page_off), entry);
    img_make_dirty(img, &(struct img_log_desc){.off = page_off, .page = page}, 1);
}
