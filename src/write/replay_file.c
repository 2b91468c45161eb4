/* SPDX-License-Identifier: MIT */
/*
 * Log replay on disk. The model of the image has judged the log and flattened it into pieces (image/replay.h); here
 * they are written, in an order in which a crash at any moment leaves a file that can be replayed again
 * ([MS-VHDX] 2.3.3; format.md 8.4):
 *
 *   1. headers   a new FileWriteGuid in both, the same LogGuid: the file is about to change, and the log stays live
 *   2. size      at least the head's LastFileOffset, and room for every target; durable
 *   3. pieces    absolute writes from the log, which is not touched; durable
 *   4. headers   LogGuid nil in both: only now is the log empty
 *
 * Everything up to the first header of step 4 can be done again from the start with the same result. DataWriteGuid
 * stays: what the guest sees does not change by it, and children of this image go on to fit.
 */
#include "write/replay_file.h"

#include "base/checked.h"
#include "base/guid.h"
#include "write/header_update.h"

enum { COPY_LEN = 64 * 1024 };

static const uint64_t SEQUENCE_NUMBERS = 4; /* two header updates of two slots each */

static enum status copy_piece(struct store *s, struct source *from, uint64_t off, uint64_t len)
{
    uint8_t buf[COPY_LEN];

    while (len > 0) {
        size_t n = (size_t)u64_min(len, sizeof(buf));
        enum status st = source_read(from, off, buf, n);
        if (st == STATUS_OK)
            st = store_write(s, off, buf, n);
        if (st != STATUS_OK)
            return st;
        off += n;
        len -= n;
    }
    return STATUS_OK;
}

static enum status write_pieces(struct store *s, struct source *overlay)
{
    enum status st = STATUS_OK;

    for (uint64_t i = 0; i < overlay_piece_count(overlay) && st == STATUS_OK; i++) {
        uint64_t off, len;
        bool zero;

        overlay_piece(overlay, i, &off, &len, &zero);
        st = zero ? store_zero(s, off, len) : copy_piece(s, overlay, off, len);
    }
    return st;
}

enum status replay_file(struct store *s, struct image *img, struct entropy *e)
{
    const struct header *current = image_header(img);
    struct source *overlay = img->replay.overlay;
    int slot = img->current;

    if (current == NULL || overlay == NULL || current->sequence_number > UINT64_MAX - SEQUENCE_NUMBERS)
        return STATUS_REFUSED;
    struct header h = *current;
    enum status st = entropy_guid(e, &h.file_write_guid);
    if (st == STATUS_OK)
        st = header_update(s, slot, current->sequence_number, &h, &slot);
    if (st == STATUS_OK)
        st = store_resize(s, u64_max(store_size(s), img->replay.new_size));
    if (st == STATUS_OK)
        st = store_sync(s);
    if (st == STATUS_OK)
        st = write_pieces(s, overlay);
    if (st == STATUS_OK)
        st = store_sync(s);
    if (st != STATUS_OK)
        return st;
    h.log_guid = (struct guid){.bytes = {0}};
    return header_update(s, slot, current->sequence_number + 2, &h, &slot);
}
