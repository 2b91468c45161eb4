/* SPDX-License-Identifier: MIT */
/*
 * The library's reader of the guest's disk against the reference reader of the tests, which shares no code with it:
 * they have to refuse the same disks, say of the same bytes that nobody knows them, and agree about all others.
 */
#ifndef VHDXRAY_FUZZ_READERS_H
#define VHDXRAY_FUZZ_READERS_H

#include <stdbool.h>
#include <stdint.h>

#include "image/guest.h"
#include "image/image.h"
#include "io/source.h"

/*
 * img: with its parents resolved; files: the same files in the same order, of which the library has the first, and each
 * parent that was found. choice: picks options and ranges. Nothing is compared when the reference reader, which is slow
 * on purpose, would take too long.
 */
void readers_compare(struct image *img, struct source *const *files, unsigned count, uint64_t choice);

#endif
