/* SPDX-License-Identifier: MIT */
/*
 * Power loss, enumerated. What a program did to files in memory (disk.h) was recorded; then every moment at which the
 * power could have gone is played: all that was synced is there, of the rest any subset, each write whole or torn. One
 * recording has one order of all stores, so a journal and its image are played together.
 */
#ifndef VHDXRAY_TESTS_POWERLOSS_H
#define VHDXRAY_TESTS_POWERLOSS_H

#include "disk.h"

enum {
    POWER_STORES = 2,
    POWER_SUBSETS_OF = 12, /* unsynced writes of which every subset is played */
};

struct power_options {
    uint64_t samples; /* subsets played of more than POWER_SUBSETS_OF unsynced writes */
    /* Random mixtures of lost, whole and torn writes after each write, besides every single torn one. */
    uint64_t torn_samples;
    uint64_t seed;
    uint64_t every; /* play only each n-th state (0, 1: all), and so bound the time */
};

/*
 * Calls visit for every state that a power loss during the recording can leave, each once: start[i] is the file of
 * store i before, issued the number of operations that had begun. disks are visit's to change. Stops when visit returns
 * false. Returns how many states there are, or were until then; visit NULL: only counts them.
 */
uint64_t power_play(const struct recording *r, const struct disk *start, uint32_t stores, const struct power_options *o,
                    bool (*visit)(void *context, struct disk *disks, uint64_t issued), void *context);

#endif
