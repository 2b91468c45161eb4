/* SPDX-License-Identifier: MIT */
/* File type identifier, [MS-VHDX] 2.2.1. */
#ifndef VHDXRAY_FORMAT_FILE_ID_H
#define VHDXRAY_FORMAT_FILE_ID_H

#include <stdbool.h>

#include "base/span.h"

struct file_identifier {
    bool signature_ok;
    struct span creator;      /* the 512 bytes, whole */
    struct span creator_text; /* up to (not with) the first NUL unit */
    bool creator_terminated;
    struct span raw; /* all bytes given to the decoder */
};

/* s: at least 520 bytes (FILE_ID_RESERVED_OFF); false when shorter. Borrows s. */
bool file_identifier_decode(struct span s, struct file_identifier *ret);
/* Writes FILE_ID_LEN bytes. creator_utf8 is cut at 255 units. */
void file_identifier_encode(const char *creator_utf8, uint8_t *out);

#endif
