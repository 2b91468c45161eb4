/* SPDX-License-Identifier: MIT */
/*
 * Names and GUIDs replaced by others of the same length and kind, each always by the same one: what was equal stays
 * equal, what was different stays different. A GUID becomes what a one-way function makes of it, so that files of one
 * chain still fit each other; a name becomes one of a sequence, because names can be guessed.
 */
#ifndef VHDXRAY_WRITE_REDACT_H
#define VHDXRAY_WRITE_REDACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/guid.h"
#include "base/status.h"

struct redact_guid_pair {
    struct guid old, new;
};

struct redact_name {
    const uint8_t *old, *new; /* UTF-16LE units, ASCII letters in lower case */
    uint32_t len;             /* bytes */
};

struct redaction {
    struct arena *arena;
    /* 16 bytes that say nothing about the GUID but always the same; false: it could not be made. */
    bool (*mix)(void *ctx, const struct guid *g, uint8_t out[16]);
    void *ctx;
    enum status status; /* the first failure; everything later does nothing */
    struct redact_guid_pair *guids;
    uint64_t guid_count, guid_cap;
    uint32_t *guid_slots; /* hash of the first 8 bytes: number in guids plus one */
    uint64_t slot_count;
    struct redact_name *names;
    uint64_t name_count, name_cap;
};

/*
 * 16 bytes in place. Nil, one byte repeated and the GUIDs that the format itself defines stay. What rules read from a
 * GUID (byte order, version, that a version 1 time is a possible one) stays as well.
 */
void redact_guid(struct redaction *r, uint8_t *p);
/* All GUIDs in [p, p + len) that redact_guid() met so far, at any place. */
void redact_known_guids(struct redaction *r, uint8_t *p, size_t len);

/*
 * UTF-16LE text in place: every word of more than one letter becomes another one, GUIDs as above. What parts the words
 * (separators of paths, dots, controls, unpaired surrogates), usual extensions, device names and the keys of a parent
 * locator stay, so that the text has the form that it had.
 */
void redact_text(struct redaction *r, uint8_t *p, size_t len);
/* The same for each run of 4 or more printable units in bytes that may be anything, at even places. */
void redact_texts(struct redaction *r, uint8_t *p, size_t len);

#endif
