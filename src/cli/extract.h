/* SPDX-License-Identifier: MIT */
/* What carving found, written into a folder: one file for each thing, named by kind and offset, never over another
 * file. */
#ifndef VHDXRAY_CLI_EXTRACT_H
#define VHDXRAY_CLI_EXTRACT_H

#include "carve/carve.h"
#include "cli/guest_session.h"

enum { EXTRACT_NAME_SIZE = 80, EXTRACT_BUFFER = 1 << 20 };

struct extract {
    const char *dir; /* as given */
    int fd;
    uint8_t *buf; /* EXTRACT_BUFFER bytes */
    struct progress *progress;
    uint64_t files, bytes; /* written */
    uint64_t zeros;        /* that stand for what could not be read */
};

/* Makes the folder if it is not there. EXIT_OK, or a code after a message. */
int extract_open(struct extract *e, const char *dir);
/*
 * Writes the bytes of an item; name gets what the file is called, "" when there is nothing to write. EXIT_OK, or a code
 * after a message, and then no file is left: EXIT_LIMIT (time) should end the loop.
 */
int extract_item(struct extract *e, const struct carve *c, const struct carve_item *item, char name[EXTRACT_NAME_SIZE]);
void extract_close(struct extract *e);

#endif
