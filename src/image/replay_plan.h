/* SPDX-License-Identifier: MIT */
/*
 * What replaying the log would change in the file, page by page, and whose pages they are. For people who decide
 * whether to replay: the overlay already shows the result, this shows the difference.
 */
#ifndef VHDXRAY_IMAGE_REPLAY_PLAN_H
#define VHDXRAY_IMAGE_REPLAY_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "image/image.h"
#include "image/layout_map.h"

enum { REPLAY_PAGE_LEN = 4096 };

struct replay_page {
    uint64_t off;             /* file offset, multiple of REPLAY_PAGE_LEN */
    uint64_t first_off;       /* file offset of the first byte that changes */
    uint64_t changed;         /* bytes that change, >= 1 */
    bool beyond_eof;          /* starts at or behind the end of the file as it is */
    struct extent owner;      /* by the replayed view; kind OWNER_NONE: free space. The header section has no ref */
    const uint8_t *old, *new; /* REPLAY_PAGE_LEN bytes each, until fn returns */
};

/*
 * Calls fn for every page whose bytes really differ, in file order; fn returns false to stop. Nothing when there is no
 * overlay. The owners are complete when img->main is the replayed view and was surveyed. STATUS_IO, or a limit.
 */
enum status replay_plan_visit(struct image *img, bool (*fn)(void *ctx, const struct replay_page *p), void *ctx);

#endif
