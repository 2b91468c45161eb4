/* SPDX-License-Identifier: MIT */
/* Parent locator item, [MS-VHDX] 2.6.2.6. */
#ifndef VHDXRAY_FORMAT_PARENT_LOCATOR_H
#define VHDXRAY_FORMAT_PARENT_LOCATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/guid.h"
#include "base/span.h"

struct parent_locator {
    struct guid type;
    uint16_t reserved;
    uint16_t pair_count;   /* stored */
    uint16_t usable_count; /* entries whose 12 bytes lie inside the item */
    struct span raw;       /* the item */
};

struct locator_pair {
    uint32_t key_off, value_off; /* bytes from the start of the item */
    uint16_t key_len, value_len; /* bytes */
    bool key_inside, value_inside; /* the string lies inside the item (64-bit sum) */
    struct span key, value;        /* UTF-16LE bytes; empty when not inside */
};

/* s: at least LOCATOR_HEADER_LEN bytes; false when shorter. Borrows s. */
bool parent_locator_decode(struct span s, struct parent_locator *ret);
/* i < usable_count; false otherwise. */
bool locator_pair_decode(const struct parent_locator *l, uint32_t i, struct locator_pair *ret);

struct locator_string {
    const char *key, *value; /* UTF-8 */
};
/* Table, then the strings in order. Returns the length, or 0 when `cap` or the 16-bit lengths are exceeded. */
uint32_t parent_locator_encode(const struct guid *type, const struct locator_string *pairs, uint16_t count, uint8_t *out,
                               uint32_t cap);

#endif
