/* SPDX-License-Identifier: MIT */
/* Bounded looks at bytes that no decoder asks for: unknown items, the room behind a header, signatures of other
 * formats. */
#ifndef VHDXRAY_IMAGE_SAMPLE_H
#define VHDXRAY_IMAGE_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "image/image.h"
#include "image/view.h"

enum { SAMPLE_MAX = 4096 }; /* bytes of one look */

/*
 * Reads what the view has of [off, off + len), len <= SAMPLE_MAX, and fills the rest of buf with zeros. *ret_got (may
 * be NULL): bytes that exist. STATUS_IO when the host cannot read them.
 */
enum status view_sample(struct view *v, uint64_t off, void *buf, size_t len, size_t *ret_got);

/* Another file format the bytes look like. */
struct foreign_format {
    const char *name; /* "a qcow or qcow2 image"; NULL: nothing known */
    const char *hint; /* what to do with such a file */
    uint64_t off;     /* where its signature lies, bytes */
    uint64_t len;
    bool at_end; /* a VHD footer behind whatever else the file holds */
};

/* Looks at the first 64 KiB (as the model holds them) and the last sector. */
enum status foreign_format_find(const struct image *img, struct foreign_format *ret);

#endif
