/* SPDX-License-Identifier: MIT */
/*
 * Writing behind with a second thread: a file that is written takes a lock of its own, so two writers gain nothing,
 * but one core can fill the next buffer while the other gives the last one to the host.
 *
 * One thread asks for buffers, fills them, and queues parts of them; another writes the parts in the order in which
 * they came.
 */
#ifndef VHDXRAY_IO_BEHIND_H
#define VHDXRAY_IO_BEHIND_H

#include <stddef.h>
#include <stdint.h>

enum { BEHIND_BUFFER = 256 * 1024 }; /* bytes */

struct behind;

/* The thread is running when this returns: it asks the kernel for nothing but writes and waits then. NULL: none to be
 * had. */
struct behind *behind_start(void);
/* What is queued is written before. NULL is fine. */
void behind_stop(struct behind *b);

/* A buffer of BEHIND_BUFFER bytes that nothing is queued of; the caller's until it asks for the next one. */
uint8_t *behind_buffer(struct behind *b);
/*
 * Queues len bytes of the buffer asked for last, for the place `off` of fd. 0, or the errno of a part that could not be
 * written: nothing of what was queued behind it is then.
 */
int behind_write(struct behind *b, int fd, const uint8_t *bytes, size_t len, uint64_t off);
/* Waits until all that is queued was written: 0, or the errno of what could not be. */
int behind_flush(struct behind *b);

#endif
