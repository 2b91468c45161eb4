/* SPDX-License-Identifier: MIT */
/*
 * Prints the dictionary of the fuzzers, fuzz/vhdx.dict, from the constants that the library itself uses: signatures,
 * GUIDs, sizes, places and states, in the bytes they have on disk. `ninja dict` rewrites the file, and tools/test fails
 * when it is not what this program prints.
 *
 * A line is NAME="\xHH...". libFuzzer takes words of up to 64 bytes, AFL++ of up to 128.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/guid.h"
#include "base/le.h"
#include "base/utf16.h"
#include "format/bat.h"
#include "format/layout.h"
#include "format/metadata.h"

enum { WORD_MAX = 64 };

static void put(const char *group, const char *name, const uint8_t *bytes, size_t len)
{
    (void)printf("%s_%s=\"", group, name);
    for (size_t i = 0; i < len; i++)
        (void)printf("\\x%02X", bytes[i]);
    (void)puts("\"");
}

static void put_signature(const char *text)
{
    put("signature", text, (const uint8_t *)text, strlen(text));
}

static void put_number(const char *group, uint64_t value, size_t len)
{
    uint8_t bytes[8];
    char name[24];
    put_le64(bytes, value);
    (void)snprintf(name, sizeof(name), "%" PRIx64, value);
    put(group, name, bytes, len);
}

/* Keys are ASCII names; in a locator they are UTF-16LE. */
static void put_key(const char *key)
{
    uint8_t bytes[WORD_MAX];
    size_t len = 0;
    if (utf16_encode(key, strlen(key), bytes, sizeof(bytes), &len))
        put("key", key, bytes, len);
}

static void put_signatures(void)
{
    static const char *const all[] = {
        SIGNATURE_FILE_ID,
        SIGNATURE_HEADER,
        SIGNATURE_REGION_TABLE,
        SIGNATURE_METADATA,
        SIGNATURE_LOG_ENTRY,
        SIGNATURE_LOG_DATA_DESCRIPTOR,
        SIGNATURE_LOG_ZERO_DESCRIPTOR,
        SIGNATURE_LOG_DATA_SECTOR,
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        put_signature(all[i]);
}

static void put_guids(void)
{
    for (unsigned i = KNOWN_GUID_NONE + 1; i < KNOWN_GUID_COUNT; i++)
        put("guid", known_guid_name((enum known_guid)i), known_guid((enum known_guid)i)->bytes, sizeof(struct guid));
}

static void put_lengths(void)
{
    static const uint32_t lengths[] = {
        METADATA_TABLE_LEN,        REGION_TABLE_LEN,   LOG_SECTOR_LEN,          LOG_ENTRY_HEADER_LEN,
        LOG_DESCRIPTOR_LEN,        LOCATOR_HEADER_LEN, LOCATOR_ENTRY_LEN,       REGION_ENTRIES_MAX,
        METADATA_USER_ENTRIES_MAX, METADATA_ITEM_MAX,  REGION_TABLE_HEADER_LEN, FILE_PARAMETERS_LEN,
        VIRTUAL_DISK_ID_LEN,
    };
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        put_number("length", lengths[i], 4);
    static const uint32_t sectors[] = {512, 4096};
    for (size_t i = 0; i < sizeof(sectors) / sizeof(sectors[0]); i++)
        put_number("sector_size", sectors[i], 4);
    for (uint64_t size = BLOCK_SIZE_MIN; size <= BLOCK_SIZE_MAX; size *= 2)
        put_number("block_size", size, 4);
    for (uint32_t flags = 0; flags <= METADATA_FLAGS_KNOWN; flags++)
        put_number("metadata_flags", flags, 4);
}

static void put_places(void)
{
    static const uint64_t mib_count[] = {1, 2, 3, 4, 8, 64};
    const uint64_t places[] = {
        HEADER_OFF[0],      HEADER_OFF[1],    REGION_TABLE_OFF[0], REGION_TABLE_OFF[1], HEADER_SECTION_RESERVED_OFF,
        HEADER_SECTION_LEN, VIRTUAL_SIZE_MAX, HOST_OFFSET_MAX,     BAT_OFFSET_MASK,     SECTORS_PER_BITMAP,
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        put_number("place", places[i], 8);
    for (size_t i = 0; i < sizeof(mib_count) / sizeof(mib_count[0]); i++)
        put_number("mib", mib_count[i] * MIB, 8);
    for (unsigned state = 0; state <= BAT_STATE_MASK; state++)
        put_number("bat_entry", bat_entry_make(4 * MIB, state), 8);
}

int main(void)
{
    static const char *const keys[] = {"parent_linkage", "parent_linkage2", "relative_path", "volume_path",
                                       "absolute_win32_path"};
    (void)puts("# Made by fuzz/make_dict.c: run `ninja dict` after a change there or in src/format/layout.h.");
    put_signatures();
    put_guids();
    put_lengths();
    put_places();
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        put_key(keys[i]);
    return ferror(stdout) || fflush(stdout) != 0;
}
