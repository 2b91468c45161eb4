/* SPDX-License-Identifier: MIT */
/*
 * The GUIDs that [MS-VHDX] or a known implementation gives a meaning. The table holds them as they lie on disk, so
 * looking one up is a comparison of 16 bytes; the comment beside each is the canonical text. A value in a file decides
 * nothing by itself: whether, say, an item GUID may occur as a region is a matter for the rules.
 */
#include "format/layout.h"

#include <stddef.h>

static const struct {
    struct guid guid;
    const char *name;
} known[KNOWN_GUID_COUNT] = {
    [KNOWN_GUID_NONE] = {{{0}}, NULL},
    /* 2DC27766-F623-4200-9D64-115E9BFD4A08 */
    [KNOWN_REGION_BAT] = {{{0x66, 0x77, 0xC2, 0x2D, 0x23, 0xF6, 0x00, 0x42, 0x9D, 0x64, 0x11, 0x5E, 0x9B, 0xFD, 0x4A,
                            0x08}},
                          "bat"},
    /* 8B7CA206-4790-4B9A-B8FE-575F050F886E */
    [KNOWN_REGION_METADATA] = {{{0x06, 0xA2, 0x7C, 0x8B, 0x90, 0x47, 0x9A, 0x4B, 0xB8, 0xFE, 0x57, 0x5F, 0x05, 0x0F,
                                 0x88, 0x6E}},
                               "metadata"},
    /* CAA16737-FA36-4D43-B3B6-33F0AA44E76B */
    [KNOWN_ITEM_FILE_PARAMETERS] = {{{0x37, 0x67, 0xA1, 0xCA, 0x36, 0xFA, 0x43, 0x4D, 0xB3, 0xB6, 0x33, 0xF0, 0xAA,
                                      0x44, 0xE7, 0x6B}},
                                    "file_parameters"},
    /* 2FA54224-CD1B-4876-B211-5DBED83BF4B8 */
    [KNOWN_ITEM_VIRTUAL_DISK_SIZE] = {{{0x24, 0x42, 0xA5, 0x2F, 0x1B, 0xCD, 0x76, 0x48, 0xB2, 0x11, 0x5D, 0xBE, 0xD8,
                                        0x3B, 0xF4, 0xB8}},
                                      "virtual_disk_size"},
    /* BECA12AB-B2E6-4523-93EF-C309E000C746 ("Page 83 Data" in early drafts) */
    [KNOWN_ITEM_VIRTUAL_DISK_ID] = {{{0xAB, 0x12, 0xCA, 0xBE, 0xE6, 0xB2, 0x23, 0x45, 0x93, 0xEF, 0xC3, 0x09, 0xE0,
                                      0x00, 0xC7, 0x46}},
                                    "virtual_disk_id"},
    /* 8141BF1D-A96F-4709-BA47-F233A8FAAB5F */
    [KNOWN_ITEM_LOGICAL_SECTOR_SIZE] = {{{0x1D, 0xBF, 0x41, 0x81, 0x6F, 0xA9, 0x09, 0x47, 0xBA, 0x47, 0xF2, 0x33, 0xA8,
                                          0xFA, 0xAB, 0x5F}},
                                        "logical_sector_size"},
    /* CDA348C7-445D-4471-9CC9-E9885251C556 */
    [KNOWN_ITEM_PHYSICAL_SECTOR_SIZE] = {{{0xC7, 0x48, 0xA3, 0xCD, 0x5D, 0x44, 0x71, 0x44, 0x9C, 0xC9, 0xE9, 0x88, 0x52,
                                           0x51, 0xC5, 0x56}},
                                         "physical_sector_size"},
    /* A8D35F2D-B30B-454D-ABF7-D3D84834AB0C */
    [KNOWN_ITEM_PARENT_LOCATOR] = {{{0x2D, 0x5F, 0xD3, 0xA8, 0x0B, 0xB3, 0x4D, 0x45, 0xAB, 0xF7, 0xD3, 0xD8, 0x48, 0x34,
                                     0xAB, 0x0C}},
                                   "parent_locator"},
    /* B04AEFB7-D19E-4A81-B789-25B8E9445913 */
    [KNOWN_LOCATOR_TYPE_VHDX] = {{{0xB7, 0xEF, 0x4A, 0xB0, 0x9E, 0xD1, 0x81, 0x4A, 0xB7, 0x89, 0x25, 0xB8, 0xE9, 0x44,
                                   0x59, 0x13}},
                                 "vhdx_parent"},
    /* DA02D7BC-3D3A-423C-AC88-2A36AB21479B */
    [KNOWN_ITEM_CHS_PARAMETERS] = {{{0xBC, 0xD7, 0x02, 0xDA, 0x3A, 0x3D, 0x3C, 0x42, 0xAC, 0x88, 0x2A, 0x36, 0xAB, 0x21,
                                     0x47, 0x9B}},
                                   "chs_parameters"},
    /* 71CC85F0-1B69-4E28-9558-C3BF83AE75D3: present while a file is being created */
    [KNOWN_ITEM_INCOMPLETE_FILE] = {{{0xF0, 0x85, 0xCC, 0x71, 0x69, 0x1B, 0x28, 0x4E, 0x95, 0x58, 0xC3, 0xBF, 0x83,
                                      0xAE, 0x75, 0xD3}},
                                    "incomplete_file"},
    /* 10E1AE8A-4B7E-4169-A40F-CD70DE928393 */
    [KNOWN_ITEM_PMEM_LABEL_STORAGE] = {{{0x8A, 0xAE, 0xE1, 0x10, 0x7E, 0x4B, 0x69, 0x41, 0xA4, 0x0F, 0xCD, 0x70, 0xDE,
                                         0x92, 0x83, 0x93}},
                                       "pmem_label_storage"},
};

/* Which one begins with a byte: no two begin with the same. */
static const uint8_t by_first_byte[256] = {
    [0x66] = KNOWN_REGION_BAT,
    [0x06] = KNOWN_REGION_METADATA,
    [0x37] = KNOWN_ITEM_FILE_PARAMETERS,
    [0x24] = KNOWN_ITEM_VIRTUAL_DISK_SIZE,
    [0xAB] = KNOWN_ITEM_VIRTUAL_DISK_ID,
    [0x1D] = KNOWN_ITEM_LOGICAL_SECTOR_SIZE,
    [0xC7] = KNOWN_ITEM_PHYSICAL_SECTOR_SIZE,
    [0x2D] = KNOWN_ITEM_PARENT_LOCATOR,
    [0xB7] = KNOWN_LOCATOR_TYPE_VHDX,
    [0xBC] = KNOWN_ITEM_CHS_PARAMETERS,
    [0xF0] = KNOWN_ITEM_INCOMPLETE_FILE,
    [0x8A] = KNOWN_ITEM_PMEM_LABEL_STORAGE,
};

enum known_guid known_guid_find(const struct guid *g)
{
    enum known_guid one = (enum known_guid)by_first_byte[g->bytes[0]];

    return one != KNOWN_GUID_NONE && guid_equal(g, &known[one].guid) ? one : KNOWN_GUID_NONE;
}

const struct guid *known_guid(enum known_guid which)
{
    return (unsigned)which < KNOWN_GUID_COUNT ? &known[which].guid : NULL;
}

const char *known_guid_name(enum known_guid which)
{
    return (unsigned)which < KNOWN_GUID_COUNT ? known[which].name : NULL;
}
