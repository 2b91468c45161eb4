/* SPDX-License-Identifier: MIT */
/*
 * JSON in: one text, piece by piece, nothing of it held and nothing recursive. For reports that come back, perhaps from
 * somewhere else: whatever is no JSON is refused, at any depth, with the place. Internal to report/.
 */
#ifndef VHDXRAY_REPORT_JSON_READ_H
#define VHDXRAY_REPORT_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_READ_DEPTH = 64 };

enum json_event {
    JSON_END, /* of the text, and nothing was missing */
    JSON_BAD, /* no JSON: see fault; so is everything behind it */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_reader {
    const char *text;
    size_t len, at;
    const char *fault; /* what is wrong at `at`; NULL: nothing so far */
    const char *token; /* of a key or string: what stands between the quotes; of a number: its characters */
    size_t token_len;
    /* Kept by the reader. */
    unsigned depth;
    uint64_t objects; /* a bit for each level that is an object */
    int expected;
};

struct json_reader json_reader_of(const char *text, size_t len);
enum json_event json_read(struct json_reader *r);
/* Goes over the value that comes next, whatever it is; false: there is none, or no JSON. */
bool json_skip(struct json_reader *r);
/* Goes on behind the end of the object or array that was begun by the last event. */
bool json_skip_rest(struct json_reader *r);

/* The last key or string, decoded and with a NUL behind. False: no valid UTF-8 or UTF-16, or longer than the room. */
bool json_token_text(const struct json_reader *r, char *buf, size_t room, size_t *ret_len);
/* Whether the last key or string is `word`, which has no escapes. */
bool json_token_is(const struct json_reader *r, const char *word);
/* The last number, when it is a whole one that fits. */
bool json_token_u64(const struct json_reader *r, uint64_t *ret);

#endif
