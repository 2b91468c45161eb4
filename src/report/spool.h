/* SPDX-License-Identifier: MIT */
/*
 * Output that has to wait for something that is known only at the end (a summary that stands before it). It waits in a
 * temporary file without a name, or in memory where there can be none, so that a report about many images takes no
 * memory for them. Internal to report/.
 */
#ifndef VHDXRAY_REPORT_SPOOL_H
#define VHDXRAY_REPORT_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct spool {
    FILE *file; /* to write to */
    FILE *reader;
    bool in_memory;
    char *memory;
    size_t len;
};

/* Stays where it is until spool_close(). False when out of memory. */
bool spool_open(struct spool *s);
/* All that was written, from its start; nothing more is written then. NULL when something of it was lost. */
FILE *spool_read(struct spool *s);
void spool_close(struct spool *s); /* a zeroed one is fine */

#endif
