/* SPDX-License-Identifier: MIT */
/*
 * Reading a structure of fixed size that is mostly zeros, as identifier, region tables and metadata table are: 64 KiB
 * of which a few hundred bytes say something. Only what comes before the last hole is read, and of that only what comes
 * before the last zeros is kept.
 */
#ifndef VHDXRAY_IMAGE_STRUCTURE_H
#define VHDXRAY_IMAGE_STRUCTURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"
#include "base/status.h"
#include "io/source.h"

enum { STRUCTURE_GRAIN = 512 };

/*
 * Reads [off, off + len) into fresh memory. *ret: its bytes up to a multiple of STRUCTURE_GRAIN behind which there is
 * nothing but zeros, and zeros up to `least` bytes if that is more. All others are zeros, also what lies past the end of
 * the source. *ret_got: bytes of [off, off + len) that exist in the source. On failure nothing is set; STATUS_IO when
 * the host could not read it.
 */
enum status structure_read(struct arena *a, struct source *src, uint64_t off, size_t len, size_t least,
                           struct span *ret, size_t *ret_got);

/* The same bytes with zeros behind them up to len, in fresh memory if it takes any. */
enum status structure_extend(struct arena *a, struct span *s, size_t len);

#endif
