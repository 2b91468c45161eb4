/* SPDX-License-Identifier: MIT */
/*
 * A copy of an image without what the guest stored: header section, region tables, metadata, BAT, log and sector
 * bitmaps byte for byte, damage included; all else reads as zeros. Unless told otherwise, GUIDs that tell disks apart
 * and the names that the image holds are replaced (redact.h), and checksums that were right are made right again.
 */
#ifndef VHDXRAY_WRITE_METADUMP_H
#define VHDXRAY_WRITE_METADUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"
#include "io/store.h"
#include "write/redact.h"

struct metadump_options {
    bool redact;
    bool (*mix)(void *ctx, const struct guid *g, uint8_t out[16]); /* as of struct redaction */
    void *ctx;
};

struct metadump {
    uint64_t kept_bytes;    /* of structures, holes among them */
    uint64_t guids, names;  /* replaced, each counted once */
    uint64_t log_pages_out; /* pages in the log that were the guest's, or nobody's: left out */
};

/*
 * Makes `stage`, which stage_open() laid over img->file, the copy. Views are surveyed. Areas that nobody owns keep the
 * fact that something is there, and nothing of it. STATUS_IO when the host cannot read a structure, LIMIT when the
 * changes take more memory than the stage was given.
 */
enum status metadump_make(struct image *img, struct store *stage, const struct metadump_options *options,
                          struct metadump *ret);

#endif
