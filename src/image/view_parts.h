/* SPDX-License-Identifier: MIT */
/* The stages of view_build(), one file each. */
#ifndef VHDXRAY_IMAGE_VIEW_PARTS_H
#define VHDXRAY_IMAGE_VIEW_PARTS_H

#include "image/view.h"

/*
 * As structure_read(), through the view. When the host cannot read it the `least` bytes are zeros, *ret_got is 0,
 * *ret_io_error is true and the view remembers where.
 */
enum status view_read_structure(struct view *v, uint64_t off, size_t len, size_t least, struct span *ret,
                                size_t *ret_got, bool *ret_io_error);

/* Bytes of a region that exist in the file, counted from its start. */
uint64_t view_region_bytes(const struct view *v, const struct region_ref *r);

/* Metadata table, items and values; needs regions. */
enum status view_read_metadata(struct view *v);

/* Needs metadata. */
enum status view_read_locator(struct view *v);

#endif
