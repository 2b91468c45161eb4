/* SPDX-License-Identifier: MIT */
/* GUIDs as the 16 bytes on disk: first three fields little-endian, the rest as printed. Compared as bytes. */
#ifndef VHDXRAY_BASE_GUID_H
#define VHDXRAY_BASE_GUID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/span.h"

struct guid {
    uint8_t bytes[16];
};

enum { GUID_TEXT_SIZE = 37 }; /* 36 characters and the NUL */

struct guid guid_load(const uint8_t *p);
void guid_store(uint8_t *p, const struct guid *g);
/* Tables are searched for GUIDs so often that a call of memcmp() for each would be what a check mostly does. */
static inline bool guid_equal(const struct guid *a, const struct guid *b)
{
    uint64_t x[2], y[2];
    memcpy(&x[0], a->bytes, sizeof(x[0]));
    memcpy(&y[0], b->bytes, sizeof(y[0]));
    memcpy(&x[1], a->bytes + 8, sizeof(x[1]));
    memcpy(&y[1], b->bytes + 8, sizeof(y[1]));
    return x[0] == y[0] && x[1] == y[1];
}
bool guid_is_nil(const struct guid *g);
int guid_compare(const struct guid *a, const struct guid *b); /* as memcmp; for sorting */

/* Lower case, no braces. Returns buf. */
const char *guid_text(const struct guid *g, char buf[GUID_TEXT_SIZE]);

/* Canonical text in either case, braces optional (both or none); nothing else around it. `len` excludes any NUL. */
bool guid_parse(const char *text, size_t len, struct guid *ret);

/*
 * Which family of writers made a random GUID: Microsoft stores field 3 little-endian, so the version-4 nibble is the high
 * nibble of byte 7; QEMU copies an RFC 4122 value unswapped, so it is that of byte 6 (format.md 2.1).
 */
enum guid_form { GUID_FORM_UNKNOWN, GUID_FORM_MICROSOFT, GUID_FORM_RFC };
enum guid_form guid_form(const struct guid *g);

/* Version 1 (Microsoft byte order): 100 ns ticks since 1582-10-15 and the node (MAC) address; false for others. */
bool guid_time_and_node(const struct guid *g, uint64_t *ret_ticks, uint8_t ret_node[6]);

#endif
