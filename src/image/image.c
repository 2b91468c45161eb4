/* SPDX-License-Identifier: MIT */
/*
 * Opens an image: builds the model stage by stage, in the order every conforming reader must follow (format.md 1).
 *
 *   file identifier -> headers, choice of the current one -> log scan -> replay in memory -> views of the rest
 *
 * A stage that is missing or wrong is recorded and the next ones go on with what there is; nothing here judges. The log
 * is scanned even when the header says that it is empty: old entries are evidence. When the log is dirty there are two
 * views of everything behind the headers, as stored and as replayed, and the replayed one is believed.
 */
#include "image/image.h"

#include <string.h>

#include "base/utf16.h"
#include "format/layout.h"
#include "image/headers.h"
#include "image/structure.h"

const char *log_state_name(enum log_state s)
{
    switch (s) {
    case LOG_STATE_EMPTY:
        return "empty";
    case LOG_STATE_DIRTY:
        return "dirty";
    case LOG_STATE_INVALID:
        return "invalid";
    }
    return "invalid";
}

static enum status read_file_id(struct image *img)
{
    static const uint8_t unread[FILE_ID_RESERVED_OFF];
    struct span bytes;
    enum status st = structure_read(img->arena, img->file, FILE_ID_OFF, FILE_ID_LEN, FILE_ID_RESERVED_OFF, &bytes,
                                    &img->file_id_got);
    if (st == STATUS_IO) {
        img->file_id_absence = ABSENT_IO;
        img->file_id_got = 0;
        bytes = span_of(unread, sizeof(unread));
    } else if (st != STATUS_OK) {
        return st;
    } else if (img->file_id_got < FILE_ID_CREATOR_OFF) {
        img->file_id_absence = ABSENT_REGION_UNUSABLE; /* not even the signature is there */
    }
    return file_identifier_decode(bytes, &img->file_id) ? STATUS_OK : STATUS_INTERNAL;
}

/* Of a file that shows no sign of being VHDX the "creator" would be arbitrary bytes. */
static enum status decode_creator(struct image *img)
{
    struct utf16_text text;
    if (img->file_id_absence != ABSENT_NOT || (!img->file_id.signature_ok && img->current < 0))
        return STATUS_OK;
    enum status st = utf16_decode(img->arena, img->file_id.creator_text, &text);
    if (st == STATUS_OK)
        img->creator = text.str;
    return st;
}

/* Scans the log that the current header names, and builds the overlay when there is something to replay. */
static enum status read_log(struct image *img)
{
    const struct header *h = image_header(img);
    if (h == NULL)
        return STATUS_OK; /* LOG_STATE_EMPTY: nobody says that there is a log */

    enum status st = log_scan_run(img->arena, img->file, h->log_off, h->log_len, &h->log_guid, &img->log);
    if (st != STATUS_OK || guid_is_nil(&h->log_guid))
        return st;

    img->log_state = LOG_STATE_INVALID;
    if (h->log_version != 0)
        return STATUS_OK; /* entries of another version mean nothing to us (2.2.2) */
    st = replay_build(img->arena, img->file, &img->log, &img->replay);
    if (st == STATUS_OK && img->replay.overlay != NULL)
        img->log_state = LOG_STATE_DIRTY;
    return st;
}

static enum status build_views(struct image *img)
{
    const struct header *h = image_header(img);
    uint64_t log_off = h != NULL ? h->log_off : 0, log_len = h != NULL ? h->log_len : 0;

    enum status st = view_build(img->arena, img->file, VIEW_STORED, log_off, log_len, &img->stored);
    if (st != STATUS_OK)
        return st;
    img->main = img->stored;
    if (img->replay.overlay == NULL || img->options.no_replay)
        return STATUS_OK;
    st = view_build(img->arena, img->replay.overlay, VIEW_REPLAYED, log_off, log_len, &img->main);
    img->replayed = st == STATUS_OK;
    return st;
}

enum status image_open(struct arena *a, struct source *file, const char *path, const struct host_facts *host,
                       const struct image_options *options, struct image **ret)
{
    struct image *img = arena_alloc(a, sizeof(*img));
    if (img == NULL)
        return arena_status(a);
    *img = (struct image){
        .arena = a,
        .file = file,
        .file_size = file->size,
        .path = path,
        .current = -1,
        .log_state = LOG_STATE_EMPTY,
    };
    if (host != NULL)
        img->host = *host;
    if (options != NULL)
        img->options = *options;

    enum status st = read_file_id(img);
    if (st == STATUS_OK)
        st = headers_read(a, file, img->headers);
    if (st == STATUS_OK) {
        img->current = headers_choose(img->headers, &img->choice);
        st = decode_creator(img);
    }
    if (st == STATUS_OK)
        st = read_log(img);
    if (st == STATUS_OK)
        st = build_views(img);
    if (st != STATUS_OK) {
        image_close(img);
        return st;
    }
    *ret = img;
    return STATUS_OK;
}

void image_close(struct image *img)
{
    if (img == NULL)
        return;
    source_close(img->replay.overlay);
    img->replay.overlay = NULL;
}

void image_look_again(struct image *img)
{
    struct host_facts *h = &img->host;

    if (!h->known)
        return;
    enum status st = file_stat(img->file, &h->info_after);
    if (st == STATUS_IO) /* gone, perhaps with its server: nobody knows whether it is what was read */
        img->main->io_error = true;
    if (st != STATUS_OK)
        return;
    h->changed = h->info.size != h->info_after.size || h->info.mtime_sec != h->info_after.mtime_sec ||
                 h->info.mtime_nsec != h->info_after.mtime_nsec || h->info.inode != h->info_after.inode ||
                 h->info.device != h->info_after.device;
}
