/* SPDX-License-Identifier: MIT */
/* Digests through OpenSSL's libcrypto: several algorithms over one stream of bytes. */
#ifndef VHDXRAY_CLI_DIGEST_H
#define VHDXRAY_CLI_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"

enum { DIGEST_MOST = 16, DIGEST_NAME_SIZE = 32, DIGEST_HEX_SIZE = 2 * 64 + 1 };

/* For messages and completion: names with blanks between them. Others that libcrypto knows are taken as well. */
extern const char digest_usual_names[];

/* The algorithms of a run. */
struct digest_set {
    uint32_t count;
    char names[DIGEST_MOST][DIGEST_NAME_SIZE]; /* lower case */
    void *methods[DIGEST_MOST];
};

/* words: names, or lists of names with commas; none: sha256. EXIT_OK, or a code after a message; then nothing is held.
 */
int digest_set_open(const struct words *words, struct digest_set *ret);
void digest_set_close(struct digest_set *set);

/* One stream. All return false when libcrypto fails. */
struct digest {
    const struct digest_set *set;
    void *contexts[DIGEST_MOST];
    uint64_t length; /* bytes so far */
    char hex[DIGEST_MOST][DIGEST_HEX_SIZE];
};

bool digest_begin(struct digest *d, const struct digest_set *set);
bool digest_data(struct digest *d, const void *bytes, size_t len);
bool digest_zeros(struct digest *d, uint64_t len);
bool digest_end(struct digest *d); /* fills hex */
void digest_close(struct digest *d);

#endif
