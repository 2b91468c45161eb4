/* SPDX-License-Identifier: MIT */
/* Random bytes for GUIDs and sequence numbers, behind a pointer so that tests and plans are reproducible. */
#ifndef VHDXRAY_IO_ENTROPY_H
#define VHDXRAY_IO_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/guid.h"
#include "base/status.h"

struct entropy {
    enum status (*fill)(struct entropy *e, void *buf, size_t len);
    uint64_t state; /* of entropy_seeded() */
};

/* The host's generator (getrandom). STATUS_IO when it fails. */
struct entropy entropy_host(void);
/* The same bytes for the same seed: for plans, which must print what they later apply, and for tests. No secrets. */
struct entropy entropy_seeded(uint64_t seed);

/* A version 4 GUID in Microsoft's byte order, never nil. */
enum status entropy_guid(struct entropy *e, struct guid *ret);

#endif
