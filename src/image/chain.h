/* SPDX-License-Identifier: MIT */
/*
 * Parents of a differencing disk, [MS-VHDX] 2.6.2.6. Files are opened only when the user named them (--parent) or
 * allowed a directory (--search-dir); a path inside an image only supplies a file name to look for in that directory.
 */
#ifndef VHDXRAY_IMAGE_CHAIN_H
#define VHDXRAY_IMAGE_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "image/image.h"

/* What opening a named file gave, before a sandbox closed. */
struct chain_opened {
    enum status status;
    const struct source *source; /* a host file; borrowed, and opened once more for each use */
    struct file_info info;
    const char *message; /* why it could not be opened */
};

struct chain_options {
    const char *const *parents; /* --parent, nearest first */
    uint32_t parent_count;
    const struct chain_opened *opened; /* one for each parent; NULL: they are opened by name */
    const char *const *search_dirs; /* --search-dir as given, for messages */
    const int *search_fds;          /* the same, opened O_DIRECTORY before any sandbox */
    uint32_t search_count;
    /* Replaces file opening in tests: name is the --parent path or the file name looked for in search dir `dir`
     * (UINT32_MAX for --parent). NULL: io/source.h's file_open()/file_open_at(). */
    enum status (*open)(void *ctx, uint32_t dir, const char *name, struct source **ret, struct file_info *ret_info);
    void *open_ctx;
};

enum parent_state {
    PARENT_NOT_NEEDED, /* no differencing disk (or unknown type) */
    PARENT_NOT_GIVEN,  /* neither --parent nor --search-dir */
    PARENT_NOT_FOUND,  /* looked for, no file fits */
    PARENT_UNOPENABLE, /* named file cannot be opened or read */
    PARENT_CYCLE,      /* the file is already in the chain */
    PARENT_TOO_DEEP,   /* LIMIT_CHAIN_DEPTH */
    PARENT_FOUND,
};

enum linkage_match {
    LINKAGE_NONE,
    LINKAGE_FIRST,  /* parent_linkage == parent's current DataWriteGuid */
    LINKAGE_SECOND, /* non-nil parent_linkage2 does */
};

struct chain_candidate { /* a file of a search directory that was looked at and did not fit */
    const char *name;
    bool opened;
    bool have_guid;
    struct guid data_write_guid;
};

/* The link from an image to its parent. */
struct chain_parent {
    enum parent_state state;
    const char *path;      /* as named or dir/name; NULL when none */
    const char *message;   /* why it could not be opened, for UNOPENABLE */
    struct source *source; /* owned by the chain */
    struct image *image;   /* PARENT_FOUND (also with a mismatched linkage, when named by --parent) */
    enum linkage_match match;
    bool matches_other_header;    /* linkage equals the non-current header's DataWriteGuid (VHDX-CHAIN-013) */
    bool matches_file_write_guid; /* ... the parent's FileWriteGuid (VHDX-CHAIN-012) */
    bool matches_virtual_disk_id;
    struct chain_candidate *rejected;
    uint32_t rejected_count;
    /* Set by the check driver before the child is checked. */
    bool judged;
    uint64_t errors, warnings;
    const char *verdict;
    bool unread; /* the host could not read some of the parent, of its parents, or of a file that may be it */
};

/*
 * Fills img->parent, then the parent's parent and so on (a loop, bounded by LIMIT_CHAIN_DEPTH). Images and names live
 * in img's arena; chain_close() closes what was opened. STATUS_NO_MEMORY/LIMIT/INTERNAL only.
 */
enum status chain_resolve(struct image *img, const struct chain_options *options);
void chain_close(struct image *img);

/*
 * Instead of chain_resolve(): the parent is open already, with its own chain, and stays somebody else's; chain_close() is
 * not for img then. Fills img->parent (PARENT_NOT_NEEDED when the disk has none). STATUS_NO_MEMORY/LIMIT only.
 */
enum status chain_lend(struct image *img, struct image *parent, const char *path);

/* Last path component of a Windows or POSIX path text, as a name that is safe to look up in one directory; NULL if
 * none. */
const char *chain_file_name(struct arena *a, const char *path_text, size_t len);

#endif
