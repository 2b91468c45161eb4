/* SPDX-License-Identifier: MIT */
/*
 * Many files and who is whose parent among them, told by their GUIDs ([MS-VHDX] 2.6.2.6.3), without trusting any path
 * that stands in them. For people who have a folder of disks and want to know what belongs together.
 */
#ifndef VHDXRAY_IMAGE_CHAIN_SET_H
#define VHDXRAY_IMAGE_CHAIN_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/guid.h"
#include "base/status.h"
#include "image/image.h"

/* What is to be said about the link from a file to its parent. */
enum link_verdict {
    LINK_NOT_NEEDED,  /* no differencing disk */
    LINK_UNKNOWN,     /* the file's own structures do not say */
    LINK_FITS,        /* parent_linkage is the parent's DataWriteGuid */
    LINK_FITS_SECOND, /* parent_linkage2 is: a merge was interrupted */
    LINK_MISMATCH,    /* a file with the parent's name, or named as the parent, is another one or was changed since */
    LINK_SECTOR_SIZE, /* it fits, but has another logical sector size: cannot be the parent */
    LINK_UNREADABLE,  /* a file with the parent's name cannot be read */
    LINK_CYCLE,       /* the parents come back to this file */
    LINK_TOO_DEEP,    /* more than LIMIT_CHAIN_DEPTH files */
    LINK_MISSING,     /* no file fits */
};
const char *link_verdict_name(enum link_verdict v); /* "fits", "guid_mismatch", ... */
bool link_is_good(enum link_verdict v);

static const uint32_t CHAIN_NONE = UINT32_MAX;

struct chain_file {
    const char *path;  /* as given, or folder/name */
    const char *error; /* why it cannot be read; NULL: it can */
    bool opened;       /* the host let us */
    bool shown;        /* the user asked for it; else it is only there to be found as a parent */
    bool known;        /* device and inode are */
    uint32_t
        same_as; /* the earlier file that this is, under another name or again; CHAIN_NONE. Then nothing below counts */
    uint64_t device, inode;
    enum disk_type type;
    bool have_geometry;
    uint64_t virtual_size;
    uint32_t block_size, logical_sector_size;
    enum log_state log_state;
    bool have_data_write_guid, have_other_guid, have_disk_id, have_linkage, have_linkage2;
    struct guid data_write_guid, file_write_guid;
    struct guid other_data_write_guid; /* of the header that is not current, when it is valid */
    struct guid disk_id, linkage, linkage2;
    /* The paths in the parent locator, and the file names in them; NULL: none. */
    const char *relative_path, *absolute_path, *volume_path;
    const char *names[3];
    /* Filled by chain_set_resolve(). */
    enum link_verdict verdict;
    uint32_t parent;                    /* index, also of one that is no good; CHAIN_NONE */
    uint32_t also_fits;                 /* other files that fit as well (copies) */
    const char *near_miss;              /* what of the parent does equal the linkage, with LINK_MISMATCH; NULL */
    uint32_t children;                  /* that are shown or lead to such */
    uint32_t first_child, next_sibling; /* CHAIN_NONE at the end; files in a cycle are no children */
    uint32_t depth;                     /* files above it */
    bool used;                          /* shown, or leads to one that is */
    bool head;                          /* nobody's parent */
};

struct chain_set {
    struct arena *arena;
    struct chain_file *files;
    uint64_t cap;
    uint32_t count;
};

/*
 * Adds a file that was opened: facts are copied, the image may be closed. Or, with img NULL, one that was not, and
 * error says why.
 */
enum status chain_set_add(struct chain_set *s, const char *path, const struct image *img, bool shown,
                          const char *error);

/*
 * Finds everybody's parent. named: indices of files that the user named as parents, nearest first; they are taken for
 * the chain of the first file where nothing fits.
 */
enum status chain_set_resolve(struct chain_set *s, const uint32_t *named, uint32_t named_count);

#endif
