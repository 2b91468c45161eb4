/* SPDX-License-Identifier: MIT */
/* The files that a command is about: its arguments, --files-from, folders with --recursive, a --shard of all that. */
#ifndef VHDXRAY_CLI_FILE_LIST_H
#define VHDXRAY_CLI_FILE_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "cli/options.h"

struct file_list {
    struct words words;  /* in the order given; the files of a folder in byte order of their paths */
    char *text;          /* of --files-from; the words point into it */
    int code;            /* EXIT_IMPOSSIBLE: some folder could not be looked into */
    struct arena *found; /* paths below folders */
};

/* EXIT_OK, or a code after a message. file_list_free() in any case. */
int file_list_make(const struct options *o, struct file_list *ret);
void file_list_free(struct file_list *l);

/* A regular file that begins like a VHDX file or is called like one. Nothing else is opened: that could block. */
bool file_is_disk(int dir_fd, const char *name);

#endif
