/* SPDX-License-Identifier: MIT */
/* Where a view has data, so that what shows bytes can step over holes. */
#ifndef VHDXRAY_IMAGE_HOLES_H
#define VHDXRAY_IMAGE_HOLES_H

#include <stdint.h>

#include "base/status.h"
#include "image/view.h"

uint64_t view_size(const struct view *v); /* bytes, with the log replayed when the view is */

/*
 * First data range at or after off (off < view_size()): [*ret_data, *ret_hole), *ret_data == view_size() when only
 * zeros follow. May report data where there is none, never the reverse.
 */
enum status view_next_data(struct view *v, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole);

#endif
