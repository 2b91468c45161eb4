/* SPDX-License-Identifier: MIT */
/* Metadata table and the fixed-size items, [MS-VHDX] 2.6. The parent locator has its own file. */
#ifndef VHDXRAY_FORMAT_METADATA_H
#define VHDXRAY_FORMAT_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/guid.h"
#include "base/span.h"

struct metadata_table {
    bool signature_ok;
    uint16_t reserved;
    uint16_t entry_count;  /* stored */
    uint16_t usable_count; /* min(entry_count, METADATA_ENTRIES_MAX) */
    bool reserved2_zero;
    struct span front; /* its bytes, all usable entries among them; the rest up to METADATA_TABLE_LEN is zeros */
};

enum {
    METADATA_FLAG_IS_USER = 1,
    METADATA_FLAG_IS_VIRTUAL_DISK = 2,
    METADATA_FLAG_IS_REQUIRED = 4,
    METADATA_FLAGS_KNOWN = 7,
};

struct metadata_entry {
    struct guid item_id;
    uint32_t off; /* bytes from the start of the metadata region */
    uint32_t len; /* bytes */
    uint32_t flags;
    uint32_t reserved2;
};

/* s: at least METADATA_TABLE_LEN bytes; false when shorter. Borrows s. */
bool metadata_table_decode(struct span s, struct metadata_table *ret);
/*
 * The same from the front of a table that has only zeros behind it. False when s cuts an entry
 * or is shorter than what metadata_table_front_len() says, or than METADATA_TABLE_HEADER_LEN.
 */
bool metadata_table_decode_front(struct span s, struct metadata_table *ret);
/* Header and usable entries of the table that begins with these METADATA_TABLE_HEADER_LEN bytes at least; 0 when
 * shorter. */
size_t metadata_table_front_len(struct span s);
/* The 32 bytes of entry i < METADATA_ENTRIES_MAX: a part of `front`, or zeros. False otherwise. */
bool metadata_entry_bytes(const struct metadata_table *t, uint32_t i, struct span *ret);
/* i < METADATA_ENTRIES_MAX (entries past entry_count can be looked at: stale copies are evidence); false otherwise. */
bool metadata_entry_decode(const struct metadata_table *t, uint32_t i, struct metadata_entry *ret);
void metadata_entry_encode(const struct metadata_entry *e, uint8_t *out); /* METADATA_ENTRY_LEN bytes */
/* Writes METADATA_TABLE_LEN bytes. count <= METADATA_ENTRIES_MAX (false, untouched otherwise). */
bool metadata_table_encode(const struct metadata_entry *entries, uint32_t count, uint8_t *out);

/* 2.6.2.1 File Parameters */
struct file_parameters {
    uint32_t block_size; /* bytes */
    uint32_t flags;      /* raw */
    bool leave_block_allocated;
    bool has_parent;
};
enum { FILE_PARAMETERS_LEAVE_BLOCK_ALLOCATED = 1, FILE_PARAMETERS_HAS_PARENT = 2, FILE_PARAMETERS_KNOWN = 3 };

enum {
    FILE_PARAMETERS_LEN = 8,
    VIRTUAL_DISK_SIZE_LEN = 8,
    VIRTUAL_DISK_ID_LEN = 16,
    SECTOR_SIZE_LEN = 4,
};

/* Each needs at least the item's length (longer is accepted, first bytes used); false when shorter. */
bool file_parameters_decode(struct span s, struct file_parameters *ret);
void file_parameters_encode(const struct file_parameters *p,
                            uint8_t out[FILE_PARAMETERS_LEN]); /* from block_size, flags */
bool virtual_disk_size_decode(struct span s, uint64_t *ret);
void virtual_disk_size_encode(uint64_t v, uint8_t out[VIRTUAL_DISK_SIZE_LEN]);
bool virtual_disk_id_decode(struct span s, struct guid *ret);
void virtual_disk_id_encode(const struct guid *g, uint8_t out[VIRTUAL_DISK_ID_LEN]);
bool sector_size_decode(struct span s, uint32_t *ret);
void sector_size_encode(uint32_t v, uint8_t out[SECTOR_SIZE_LEN]);

#endif
