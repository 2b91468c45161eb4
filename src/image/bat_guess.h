/* SPDX-License-Identifier: MIT */
/*
 * Whether bytes look like a piece of a BAT ([MS-VHDX] 2.5). A BAT has no signature and no checksum, but entries leave
 * 17 of their 64 bits zero and name places of one file, so pages of one are told from most other data at a glance.
 */
#ifndef VHDXRAY_IMAGE_BAT_GUESS_H
#define VHDXRAY_IMAGE_BAT_GUESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum { BAT_PAGE_LEN = 4096, BAT_PAGE_ENTRIES = 512 };

/* Sums over the entries of one page, or of pages added up. */
struct bat_guess {
    uint64_t states[8]; /* non-zero entries by state */
    uint64_t set;       /* entries that are not zero */
    uint64_t live;      /* of those in state 6 or 7, with a place that a file can have */
    uint64_t past;      /* live ones whose place lies behind the end of this file */
    uint64_t odd;     /* entries that no writer leaves: reserved bits, state 4 or 5, 6 or 7 without such a place, 0 or 2
                       * with     one */
    uint64_t repeats; /* live entries that name the place of the live one before them */
    uint64_t last;    /* number of the last entry that is not zero, when set > 0 */
    uint64_t first_off, last_off; /* places of the first and the last live entry */
    uint64_t lowest_off, highest_off;
    uint64_t differences; /* all bits in which a live place differs from the first one */
};

/*
 * Adds the entries of one page, BAT_PAGE_LEN bytes; first: the number that its first entry gets; file_size: that places
 * are held against. False, nothing added: the page is no piece of a BAT. A page of zeros adds nothing and is true.
 */
bool bat_guess_page(struct bat_guess *g, struct span page, uint64_t first, uint64_t file_size);

/*
 * The largest power of two, bytes, that all distances between live places are multiples of: the block size or a
 * multiple of it, unless sector bitmaps lie between the blocks. 0: fewer than two places.
 */
uint64_t bat_guess_step(const struct bat_guess *g);

/*
 * 0 to 100: how much speaks for a BAT. 0: nothing to go by. More places make it more likely; odd entries, places that
 * repeat and places behind the end of the file less. States alone, without any place, never get above 20.
 */
unsigned bat_guess_score(const struct bat_guess *g);

#endif
