/* SPDX-License-Identifier: MIT */
/*
 * A guess at what bytes are from how they begin: a partitioned disk, a file system, a volume of another layer, a file,
 * or a structure of VHDX itself. For places that nobody owns any more; nothing is decided by it.
 */
#ifndef VHDXRAY_IMAGE_CONTENT_H
#define VHDXRAY_IMAGE_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* Bytes from the start of a place that content_guess() can make use of: the last signature is that of btrfs, at 64 KiB.
 */
enum { CONTENT_LOOK = 68 * 1024 };

enum content_class {
    CONTENT_STRUCTURE,  /* a structure of VHDX */
    CONTENT_PARTITIONS, /* the first sectors of a partitioned disk */
    CONTENT_FILE_SYSTEM,
    CONTENT_VOLUME,  /* swap space, or a layer between disk and file system: LVM, RAID, encryption */
    CONTENT_RECORDS, /* from inside a file system */
    CONTENT_FILE,
};
const char *
content_class_name(enum content_class c); /* "structure", "partitions", "file_system", "volume", "records", "file" */

struct content_guess {
    enum content_class class;
    const char *key;    /* "ext4" */
    const char *name;   /* "an ext4 file system" */
    uint32_t magic_off; /* where the signature lies, bytes from the start of the span */
};

/* False when nothing known is recognised; ret is then untouched. A span shorter than CONTENT_LOOK is looked at as far
 * as it goes. */
bool content_guess(struct span s, struct content_guess *ret);

#endif
