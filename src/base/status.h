/* SPDX-License-Identifier: MIT */
/*
 * Operational status: why the tool could not do something. What is wrong with an image is never a status, it is a finding
 * (check/finding.h). A function that can fail returns a status and leaves its ret_* parameters untouched on failure.
 */
#ifndef VHDXRAY_BASE_STATUS_H
#define VHDXRAY_BASE_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_IO,        /* the host could not read or write (EIO, vanished bytes, permission) */
    STATUS_RANGE,     /* a read outside [0, size) was asked for: the bytes do not exist */
    STATUS_NO_MEMORY, /* allocation failed */
    STATUS_LIMIT,     /* a named limit was reached: memory budget, time, count */
    STATUS_NOT_FOUND, /* a host file is missing */
    STATUS_REFUSED,   /* the image does not allow what was asked; a finding says why */
    STATUS_INTERNAL,  /* our own mistake */
};

/* Stable lower-case words for messages ("i/o error"); never NULL. */
const char *status_text(enum status st);

#endif
