/* SPDX-License-Identifier: MIT */
/* Where everything of a new image goes, and the values that were not asked for. Internal to write/. */
#ifndef VHDXRAY_WRITE_CREATE_LAYOUT_H
#define VHDXRAY_WRITE_CREATE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "format/bat.h"
#include "write/create.h"

enum { CREATE_ITEMS = 6 };

struct create_item {
    enum known_guid id;
    uint32_t off; /* from the start of the metadata region */
};

struct create_layout {
    struct geometry geometry;
    uint32_t physical_sector_size;
    uint64_t log_off, log_len;
    uint64_t metadata_off, metadata_len;
    uint64_t bat_off, bat_len;
    uint64_t payload_off; /* the first block goes here */
    uint64_t file_size;
    bool mapped;                            /* every block has its place from the start */
    struct create_item items[CREATE_ITEMS]; /* in the order of the table; the locator only in a child */
    uint32_t item_count;
};

/* o has no problem (create_problem()). False when it has all the same. */
bool create_layout_make(const struct create_options *o, struct create_layout *ret);

#endif
