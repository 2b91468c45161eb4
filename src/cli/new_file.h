/* SPDX-License-Identifier: MIT */
/* A file that gets its name when it is whole: made beside it, renamed at the end, never over an existing one unless
 * asked. */
#ifndef VHDXRAY_CLI_NEW_FILE_H
#define VHDXRAY_CLI_NEW_FILE_H

#include <stdbool.h>

struct new_file {
    const char *name; /* as given, for messages */
    char *path;       /* what it will be called: where a symbolic link leads, as with other programs */
    char *temporary;  /* what it is called until then */
    bool replace;     /* an older file of that name */
    bool durable;     /* the name is to outlive a power loss */
    bool created;     /* the temporary is there, and ours */
};

/*
 * Chooses both names; creates nothing. EXIT_OK, or a code after a message; then there is nothing to drop. other: what
 * to do when path is no regular file, or NULL.
 */
int new_file_begin(struct new_file *f, const char *path, bool replace, const char *other);
/* The temporary was created: from now on it goes away when a signal ends the program. */
void new_file_created(struct new_file *f);
/* Whole and closed: gives it its name. EXIT_OK, or a code after a message; then nothing is left. */
int new_file_commit(struct new_file *f);
/* Takes it away; keep: leaves what there is under its temporary name and says so. */
void new_file_drop(struct new_file *f, bool keep);
/* After a failed write: a message. The code for it. */
int new_file_failed(const char *name, int error);

#endif
