/* SPDX-License-Identifier: MIT */
/* What a Windows path says about where it leads, without asking any file system. */
#ifndef VHDXRAY_CHECK_WIN_PATH_H
#define VHDXRAY_CHECK_WIN_PATH_H

#include <stdbool.h>
#include <stddef.h>

struct win_path {
    bool verbatim;         /* starts with \\?\ */
    bool device;           /* device namespace other than \\?\X:\, \\?\UNC\ and \\?\Volume{guid}\ */
    bool drive;            /* starts with a drive letter, verbatim or not */
    bool network;          /* \\host\... or \\?\UNC\host\... */
    bool volume;           /* \\?\Volume{guid}\... */
    bool rooted;           /* starts with one backslash */
    bool parent_dir;       /* some component is .. */
    bool reserved_name;    /* some component is a device name: CON, NUL, COM1 ... */
    bool stream;           /* names an alternate data stream */
    const char *file_name; /* last component, inside the text; empty when the path ends with a separator */
    size_t file_name_len;
};

/* Both separators count. path: UTF-8, len bytes. */
struct win_path win_path_parse(const char *path, size_t len);

/* Leads somewhere else than into the directory that the path is relative to. */
static inline bool win_path_leaves(const struct win_path *w)
{
    return w->drive || w->network || w->volume || w->rooted || w->device || w->parent_dir;
}

/* Equal but for the case of ASCII letters. */
bool win_name_equal(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
