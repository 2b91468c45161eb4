/* SPDX-License-Identifier: MIT */
/* Replays an image's log on disk, crash-safe in place ([MS-VHDX] 2.3.3; the order of format.md 8.4). */
#ifndef VHDXRAY_WRITE_REPLAY_FILE_H
#define VHDXRAY_WRITE_REPLAY_FILE_H

#include "base/status.h"
#include "image/image.h"
#include "io/entropy.h"
#include "io/store.h"

/*
 * img is a model over s->source and is stale afterwards. DataWriteGuid stays as it is (children keep fitting);
 * FileWriteGuid is new; LogGuid is nil in both headers at the end. STATUS_REFUSED when there is no active sequence or
 * its replay is refused (img->replay says why).
 */
enum status replay_file(struct store *s, struct image *img, struct entropy *e);

#endif
