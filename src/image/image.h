/* SPDX-License-Identifier: MIT */
/*
 * The model of one image: what was read, stage by stage, and which stages exist. Opening never judges and never writes.
 * Stages: file identifier, headers, log scan, replay overlay, views (view.h), parent (chain.h).
 */
#ifndef VHDXRAY_IMAGE_IMAGE_H
#define VHDXRAY_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "format/file_id.h"
#include "format/header.h"
#include "image/log_scan.h"
#include "image/replay.h"
#include "image/view.h"
#include "io/source.h"

struct header_slot {
    uint64_t off;
    size_t got; /* bytes of it that exist in the file */
    bool io_error;
    bool slot_unread; /* the rest of the slot could not be read, so checksum_of_slot is not known to be false */
    bool valid;
    struct header h; /* over zero-filled bytes when got is short */
    /* Signature right, checksum wrong, but right for another coverage: the whole 64 KiB slot, the 80 bytes of fields.
     */
    bool checksum_of_slot, checksum_of_fields;
};

enum header_choice {
    HEADER_NONE,            /* no valid header */
    HEADER_ONLY_VALID,      /* the other slot is not valid */
    HEADER_HIGHER_SEQUENCE, /* both valid */
    HEADER_IDENTICAL,       /* equal sequence, all 4096 bytes equal: header 1 */
    HEADER_SAME_FIELDS,     /* equal sequence, only reserved bytes differ: header 1 */
    HEADER_AMBIGUOUS,       /* equal sequence, fields differ: header 1 is read, VHDX-HDR-006 */
};
const char *header_choice_text(enum header_choice c); /* "higher sequence number" ... */

/* Facts about the host file, given by the opener; the model itself only knows bytes. */
struct host_facts {
    bool known;
    struct file_info info; /* at open */
    bool changed;          /* set by the driver at the end: size, mtime or inode moved (VHDX-FILE-007) */
    const char *journal; /* an unfinished repair beside the file: "applying", "undoing" or "damaged"; NULL: none */
    struct file_info info_after;
};

struct image_options {
    bool no_replay; /* the stored view is the only one */
};

struct chain_parent; /* chain.h */

struct image {
    struct arena *arena;
    struct source *file;
    uint64_t file_size;
    const char *path; /* as given, for messages; raw bytes: escape before printing */
    struct host_facts host;
    struct image_options options;

    enum absence file_id_absence;
    struct file_identifier file_id; /* raw: at least 520 bytes; those of file_id_got behind it are zeros */
    size_t file_id_got;             /* bytes of the 64 KiB that exist */
    const char *creator; /* UTF-8, lossy; NULL when absent */

    struct header_slot headers[2];
    int current; /* 0, 1, or -1 */
    enum header_choice choice;

    struct log_scan log;
    struct replay replay;
    enum log_state log_state;
    bool replayed; /* `main` reads through the overlay */

    struct view *main;   /* the view to believe: replayed when the log is dirty, else the file as stored */
    struct view *stored; /* == main unless replayed */

    struct chain_parent *parent; /* NULL unless chain_resolve() ran */
};

/*
 * Builds the model; views are built, not surveyed (view_survey()). The arena and the source stay the caller's and must
 * outlive the image. Fails only for STATUS_NO_MEMORY, STATUS_LIMIT and STATUS_INTERNAL.
 */
enum status image_open(struct arena *a, struct source *file, const char *path, const struct host_facts *host,
                       const struct image_options *options, struct image **ret);
/* Closes the overlay; the rest goes with the arena. */
void image_close(struct image *img);

/*
 * Looks once more at the host file: what moved since it was opened makes the answer doubtful (host.changed), and so does
 * a file that cannot be asked any more (main->io_error).
 */
void image_look_again(struct image *img);

static inline const struct header *image_header(const struct image *img)
{
    return img->current < 0 ? 0 : &img->headers[img->current].h;
}

/* Writer family from traits that agree; NULL when nothing is known. `because` names the traits, count entries. */
struct producer {
    const char *name; /* "windows", "qemu", "disk2vhd", "openvmm", "discutils", NULL */
    const char *because[8];
    unsigned because_count;
    bool contradicted;      /* creator says one product, other traits another (VHDX-FID-007, VHDX-FOR-014) */
    const char *against[8]; /* the traits that say otherwise, when contradicted */
    unsigned against_count;
    const char *last_writer; /* family of the last FileWriteGuid: "microsoft", "rfc4122" or NULL */
};
struct producer image_producer(const struct image *img);

#endif
