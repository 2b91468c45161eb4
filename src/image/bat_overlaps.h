/* SPDX-License-Identifier: MIT */
/* Further passes over the BAT that only images with overlaps, or with blocks above 128 TiB, need. */
#ifndef VHDXRAY_IMAGE_BAT_OVERLAPS_H
#define VHDXRAY_IMAGE_BAT_OVERLAPS_H

#include "image/bat_walk.h"
#include "image/claims.h"
#include "image/overlap_table.h"

/* After the survey's pass: bitmap slots of a file without parent, far claims, then the owners of contested places.
 * Completes the survey. */
enum status bat_overlaps_finish(struct view *v, struct claims *c, struct overlap_table *t, struct bat_survey *s);

#endif
