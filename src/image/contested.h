/* SPDX-License-Identifier: MIT */
/*
 * Places of the file that more than one structure claims, as seen by somebody who wants to read a block. Of an overlap
 * both sides are contested, whichever comes first in the BAT, and however many others there are.
 */
#ifndef VHDXRAY_IMAGE_CONTESTED_H
#define VHDXRAY_IMAGE_CONTESTED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "image/view.h"

struct contested; /* opaque; in the view's arena */

/* *ret NULL when nothing is contested. Needs view_survey(). */
enum status contested_find(struct view *v, struct contested **ret);

/* Each is false for NULL. off: of the block; its length is the block size, of a bitmap block 1 MiB. */
bool contested_payload(const struct contested *c, uint64_t off); /* a live block; soft anchors do not count */
bool contested_bitmap(const struct contested *c, uint64_t off);
bool contested_anchor(const struct contested *c, uint64_t off);

#endif
