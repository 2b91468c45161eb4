/* SPDX-License-Identifier: MIT */
/*
 * What the planted bugs do with a number from the file: read a table of sixteen entries at its low five bits. The bits
 * are taken where every healthy image has zeros, so half of all images that reach this with changed bits crash, under
 * AddressSanitizer, and none of the others.
 */
#ifndef VHDXRAY_FUZZ_PLANTED_H
#define VHDXRAY_FUZZ_PLANTED_H

#include <stdint.h>
#include <stdlib.h>

enum { PLANTED_TABLE_LEN = 16, PLANTED_MASK = 31 };

static inline void planted_look_up(uint64_t number)
{
    /* volatile, or the read is optimised away */
    const volatile uint8_t *table = (const volatile uint8_t *)calloc(1, PLANTED_TABLE_LEN);
    if (table)
        (void)table[number & PLANTED_MASK];
    free((void *)(uintptr_t)table);
}

#endif
