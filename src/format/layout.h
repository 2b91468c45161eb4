/* SPDX-License-Identifier: MIT */
/* Every on-disk constant of VHDX, with its clause of [MS-VHDX]. "MiB" is 2^20 throughout. */
#ifndef VHDXRAY_FORMAT_LAYOUT_H
#define VHDXRAY_FORMAT_LAYOUT_H

#include <stdint.h>

#include "base/guid.h"

static const uint64_t KIB = 1024;
static const uint64_t MIB = (uint64_t)1 << 20;
static const uint64_t GIB = (uint64_t)1 << 30;
static const uint64_t TIB = (uint64_t)1 << 40;

/* 2.2 header section: fixed places in the first MiB */
static const uint64_t FILE_ID_OFF = 0;
static const uint64_t HEADER_OFF[2] = {0x10000, 0x20000};
static const uint64_t REGION_TABLE_OFF[2] = {0x30000, 0x40000};
static const uint64_t HEADER_SECTION_RESERVED_OFF = 0x50000;
static const uint64_t HEADER_SECTION_LEN = 0x100000;
static const uint64_t HEADER_SECTION_SLOT_LEN = 0x10000;

enum {
    FILE_ID_LEN = 65536, /* 2.2.1 */
    FILE_ID_CREATOR_OFF = 8,
    FILE_ID_CREATOR_LEN = 512,
    FILE_ID_RESERVED_OFF = 520,
    HEADER_LEN = 4096, /* 2.2.2: bytes under the checksum */
    HEADER_FIELDS_LEN = 80,
    REGION_TABLE_LEN = 65536, /* 2.2.3.1 */
    REGION_TABLE_HEADER_LEN = 16,
    REGION_ENTRY_LEN = 32,
    REGION_ENTRIES_MAX = 2047,
    METADATA_TABLE_LEN = 65536, /* 2.6.1.1 */
    METADATA_TABLE_HEADER_LEN = 32,
    METADATA_ENTRY_LEN = 32,
    METADATA_ENTRIES_MAX = 2047,
    METADATA_USER_ENTRIES_MAX = 1024, /* 2.6.1.2 */
    METADATA_ITEM_MAX = 1048576,      /* 2.6.1.2 */
    LOG_SECTOR_LEN = 4096,            /* 2.3 */
    LOG_ENTRY_HEADER_LEN = 64,
    LOG_DESCRIPTOR_LEN = 32,
    LOG_LEADING_LEN = 8,
    LOG_DATA_LEN = 4084,
    LOG_TRAILING_LEN = 4,
    LOCATOR_HEADER_LEN = 20, /* 2.6.2.6.1 */
    LOCATOR_ENTRY_LEN = 12,
    BAT_ENTRY_LEN = 8, /* 2.5.1 */
};

static const uint64_t LOG_TARGET_MIN = 0x30000;            /* a log never touches identifier or headers (2.3) */
static const uint64_t BLOCK_SIZE_MIN = (uint64_t)1 << 20;  /* 2.6.2.1 */
static const uint64_t BLOCK_SIZE_MAX = (uint64_t)1 << 28;  /* 2.6.2.1 */
static const uint64_t VIRTUAL_SIZE_MAX = (uint64_t)1 << 46; /* 2.6.2.2: 64 TiB */
static const uint64_t SECTORS_PER_BITMAP = (uint64_t)1 << 23; /* 2.4: 1 MiB of bits */
static const uint64_t BITMAP_BLOCK_LEN = (uint64_t)1 << 20;
static const uint64_t PAYLOAD_BLOCKS_MAX = (uint64_t)1 << 26;  /* 64 TiB / 1 MiB */
static const uint64_t BAT_ENTRIES_MAX = 67125248;              /* differencing, 1 MiB blocks, 512-byte sectors */
static const uint64_t BAT_OFFSET_MASK = 0xFFFFFFFFFFF00000ULL; /* FileOffsetMB as a byte offset */
static const uint64_t BAT_RESERVED_MASK = 0x00000000000FFFF8ULL;
static const uint64_t BAT_STATE_MASK = 7;
static const uint64_t HOST_OFFSET_MAX = INT64_MAX; /* off_t is signed */

/* Signatures as the bytes on disk (format.md 2.3: the printed numbers of the specification differ in byte order). */
static const char SIGNATURE_FILE_ID[9] = "vhdxfile";
static const char SIGNATURE_HEADER[5] = "head";
static const char SIGNATURE_REGION_TABLE[5] = "regi";
static const char SIGNATURE_METADATA[9] = "metadata";
static const char SIGNATURE_LOG_ENTRY[5] = "loge";
static const char SIGNATURE_LOG_DATA_DESCRIPTOR[5] = "desc";
static const char SIGNATURE_LOG_ZERO_DESCRIPTOR[5] = "zero";
static const char SIGNATURE_LOG_DATA_SECTOR[5] = "data";

/* GUIDs the format or a known implementation defines (2.2.3.2, 2.6.2, 2.6.2.6.1; the last three: openvmm). */
enum known_guid {
    KNOWN_GUID_NONE,
    KNOWN_REGION_BAT,
    KNOWN_REGION_METADATA,
    KNOWN_ITEM_FILE_PARAMETERS,
    KNOWN_ITEM_VIRTUAL_DISK_SIZE,
    KNOWN_ITEM_VIRTUAL_DISK_ID,
    KNOWN_ITEM_LOGICAL_SECTOR_SIZE,
    KNOWN_ITEM_PHYSICAL_SECTOR_SIZE,
    KNOWN_ITEM_PARENT_LOCATOR,
    KNOWN_LOCATOR_TYPE_VHDX,
    KNOWN_ITEM_CHS_PARAMETERS,
    KNOWN_ITEM_INCOMPLETE_FILE,
    KNOWN_ITEM_PMEM_LABEL_STORAGE,
    KNOWN_GUID_COUNT,
};

enum known_guid known_guid_find(const struct guid *g);
const struct guid *known_guid(enum known_guid which);  /* never NULL for a value below KNOWN_GUID_COUNT */
const char *known_guid_name(enum known_guid which);    /* "bat", "file_parameters", ...; NULL for NONE */

#endif
