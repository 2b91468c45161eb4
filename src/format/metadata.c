/* SPDX-License-Identifier: MIT */
/*
 * The metadata table names items, unsorted; each item lies somewhere behind it in the metadata region ([MS-VHDX]
 * 2.6.1). Nothing here is under a checksum, so any value may be damage: everything decodes as it stands and the rules
 * compare. The five fixed-size items are decoded here too; the parent locator has its own file.
 */
#include "format/metadata.h"

#include <string.h>

#include "base/le.h"
#include "format/layout.h"

static uint64_t entry_off(uint32_t i)
{
    return METADATA_TABLE_HEADER_LEN + (uint64_t)METADATA_ENTRY_LEN * i;
}

static uint16_t usable(uint16_t entry_count)
{
    return entry_count < METADATA_ENTRIES_MAX ? entry_count : METADATA_ENTRIES_MAX;
}

size_t metadata_table_front_len(struct span s)
{
    return s.len < METADATA_TABLE_HEADER_LEN ? 0 : (size_t)entry_off(usable(le16(s.ptr + 10)));
}

bool metadata_table_decode(struct span s, struct metadata_table *ret)
{
    struct span whole;
    return span_sub(s, 0, METADATA_TABLE_LEN, &whole) && metadata_table_decode_front(whole, ret);
}

bool metadata_table_decode_front(struct span s, struct metadata_table *ret)
{
    if (s.len < METADATA_TABLE_HEADER_LEN || s.len < metadata_table_front_len(s))
        return false;
    const struct span front = span_of(s.ptr, s.len < METADATA_TABLE_LEN ? s.len : METADATA_TABLE_LEN);
    if (front.len % METADATA_ENTRY_LEN != 0)
        return false;
    struct metadata_table t = {
        .signature_ok = memcmp(front.ptr, SIGNATURE_METADATA, 8) == 0,
        .reserved = le16(front.ptr + 8),
        .entry_count = le16(front.ptr + 10),
        .reserved2_zero = span_is_zero(span_of(front.ptr + 12, 20)),
        .front = front,
    };
    t.usable_count = usable(t.entry_count);
    *ret = t;
    return true;
}

bool metadata_entry_bytes(const struct metadata_table *t, uint32_t i, struct span *ret)
{
    static const uint8_t unused[METADATA_ENTRY_LEN];
    if (i >= METADATA_ENTRIES_MAX)
        return false;
    if (!span_sub(t->front, entry_off(i), METADATA_ENTRY_LEN, ret))
        *ret = span_of(unused, sizeof(unused));
    return true;
}

bool metadata_entry_decode(const struct metadata_table *t, uint32_t i, struct metadata_entry *ret)
{
    struct span s;
    if (!metadata_entry_bytes(t, i, &s))
        return false;
    *ret = (struct metadata_entry){
        .item_id = guid_load(s.ptr),
        .off = le32(s.ptr + 16),
        .len = le32(s.ptr + 20),
        .flags = le32(s.ptr + 24),
        .reserved2 = le32(s.ptr + 28),
    };
    return true;
}

void metadata_entry_encode(const struct metadata_entry *e, uint8_t *out)
{
    guid_store(out, &e->item_id);
    put_le32(out + 16, e->off);
    put_le32(out + 20, e->len);
    put_le32(out + 24, e->flags);
    put_le32(out + 28, e->reserved2);
}

bool metadata_table_encode(const struct metadata_entry *entries, uint32_t count, uint8_t *out)
{
    if (count > METADATA_ENTRIES_MAX)
        return false;
    memset(out, 0, METADATA_TABLE_LEN);
    memcpy(out, SIGNATURE_METADATA, 8);
    put_le16(out + 10, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++)
        metadata_entry_encode(&entries[i], out + entry_off(i));
    return true;
}

bool file_parameters_decode(struct span s, struct file_parameters *ret)
{
    if (s.len < FILE_PARAMETERS_LEN)
        return false;
    uint32_t flags = le32(s.ptr + 4);
    *ret = (struct file_parameters){
        .block_size = le32(s.ptr),
        .flags = flags,
        .leave_block_allocated = (flags & FILE_PARAMETERS_LEAVE_BLOCK_ALLOCATED) != 0,
        .has_parent = (flags & FILE_PARAMETERS_HAS_PARENT) != 0,
    };
    return true;
}

void file_parameters_encode(const struct file_parameters *p, uint8_t out[FILE_PARAMETERS_LEN])
{
    put_le32(out, p->block_size);
    put_le32(out + 4, p->flags);
}

bool virtual_disk_size_decode(struct span s, uint64_t *ret)
{
    if (s.len < VIRTUAL_DISK_SIZE_LEN)
        return false;
    *ret = le64(s.ptr);
    return true;
}

void virtual_disk_size_encode(uint64_t v, uint8_t out[VIRTUAL_DISK_SIZE_LEN])
{
    put_le64(out, v);
}

bool virtual_disk_id_decode(struct span s, struct guid *ret)
{
    if (s.len < VIRTUAL_DISK_ID_LEN)
        return false;
    *ret = guid_load(s.ptr);
    return true;
}

void virtual_disk_id_encode(const struct guid *g, uint8_t out[VIRTUAL_DISK_ID_LEN])
{
    guid_store(out, g);
}

bool sector_size_decode(struct span s, uint32_t *ret)
{
    if (s.len < SECTOR_SIZE_LEN)
        return false;
    *ret = le32(s.ptr);
    return true;
}

void sector_size_encode(uint32_t v, uint8_t out[SECTOR_SIZE_LEN])
{
    put_le32(out, v);
}
