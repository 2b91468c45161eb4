/* SPDX-License-Identifier: MIT */
/* What the readers and the writers of host files share: what a path is, and how a failure is put into words. */
#ifndef VHDXRAY_IO_HOST_H
#define VHDXRAY_IO_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/status.h"
#include "io/source.h"
#include "io/store.h"

/* "web.vhdx: is a directory, not a disk image". The name is escaped; of a very long one the end is shown. */
void host_say(char *message, size_t size, const char *name, const char *what);
/* The same with the host's words for an errno behind prefix, in lower case like every other message. */
void host_say_errno(char *message, size_t size, const char *name, const char *prefix, int error);
enum status host_status(int error);

/* NULL for the kinds of files that can hold an image, else what it is: "is a directory, ...". */
const char *host_unsuitable(mode_t mode);
/* Fills everything but `symlink`. False with errno set. */
bool host_describe(int fd, struct file_info *ret);

/* All len bytes at off, over interruptions and short reads. False with errno set, 0 when the file ends before them;
 * *ret_done, unless NULL, is how many were read. */
bool host_read(int fd, void *buf, size_t len, uint64_t off, size_t *ret_done);

/* All of buf at off, over interruptions and short writes. False with errno set; *ret_done, unless NULL, is what got
 * there. */
bool host_write(int fd, const void *buf, size_t len, uint64_t off, size_t *ret_done);

/* The directory that a path's last name is in, open to be synced: a new, renamed or removed name lasts only then. -1:
 * errno. */
int host_open_directory_of(const char *path);

/* The descriptor of a source or store of a host file, still theirs; -1 when it is none. */
int host_source_fd(const struct source *s);
int host_store_fd(const struct store *s);

#endif
