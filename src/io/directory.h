/* SPDX-License-Identifier: MIT */
/* Names in a directory that the user allowed to be searched. */
#ifndef VHDXRAY_IO_DIRECTORY_H
#define VHDXRAY_IO_DIRECTORY_H

#include "base/status.h"

enum { DIRECTORY_NAME_SIZE = 256 }; /* NAME_MAX and the NUL */

/*
 * Windows looks names up without regard to case. Finds a name that equals `name` but for the case of ASCII letters (and
 * is not `name`): of several the first in byte order behind `after` (NULL: the first of all), so that the order in
 * which the host lists them plays no part. STATUS_NOT_FOUND: none; STATUS_LIMIT: more than LIMIT_DIRECTORY_ENTRIES
 * entries; STATUS_IO: the directory cannot be listed.
 */
enum status directory_find_variant(int dir_fd, const char *name, const char *after, char ret[DIRECTORY_NAME_SIZE]);

#endif
