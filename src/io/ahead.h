/* SPDX-License-Identifier: MIT */
/*
 * Reading ahead with a second thread. Long structures are read in windows of one size, one behind the other; a file in
 * the page cache costs more to copy than to look at, so a second core that copies the next windows meanwhile is worth
 * nearly as much as two programs. Nothing depends on it: what was not read ahead is read as ever, and bytes, errors and
 * counters are the same.
 *
 * For files that this process does not write: what was read ahead is as old as a window.
 */
#ifndef VHDXRAY_IO_AHEAD_H
#define VHDXRAY_IO_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/source.h"

struct ahead;

/* The thread is running when this returns: it asks the kernel for nothing but reads and waits then. NULL: none to be
 * had. */
struct ahead *ahead_start(void);
/* After the last source that uses it was closed. NULL is fine. */
void ahead_stop(struct ahead *a);

/* Reads of the source, when it is one of io/file.c, go through `a` from now on. */
void file_use_ahead(struct source *s, struct ahead *a);

/*
 * For io/file.c: len bytes at off of a file of `size` bytes. True: buf has them. False: it is for the caller to read
 * them. One thread may ask.
 */
bool ahead_read(struct ahead *a, int fd, uint64_t size, uint64_t off, void *buf, size_t len);
/* The descriptor is about to be closed. */
void ahead_forget(struct ahead *a, int fd);

#endif
