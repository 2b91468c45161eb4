/* SPDX-License-Identifier: MIT */
/* What the files of the public API share: the handle, the way in and out of a call, structures that may grow. */
#ifndef VHDXRAY_API_PARTS_H
#define VHDXRAY_API_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "check/run.h"
#include "image/guest.h"
#include "image/image.h"
#include "io/source.h"
#include "vhdxray.h"

struct vhdxray {
    struct arena *arena; /* owns all below but the sources, the overlays and json */
    struct source *source;
    struct image *image;
    void (*close)(void *context); /* of the callbacks; NULL until opening succeeded */
    void *context;
    uint64_t max_findings;
    uint64_t timeout_ns;

    struct check_result *checked; /* NULL until the rules ran */
    const char **specs;           /* by rule_index(): texts that findings share; entries NULL until needed */
    char *json;                   /* NULL until asked for; from malloc() */
    size_t json_len;

    struct guest *guest;  /* NULL until needed, and when there is none */
    const char *no_guest; /* why there is none, once known */

    char error[1024]; /* of the last call */
};

/*
 * Begins every call on a handle: forgets the last error and starts the clock. False when there is no handle; the call
 * then answers VHDXRAY_ERROR_ARGUMENT.
 */
bool api_enter(vhdxray *h);

/* Both note why a call fails and return the status to return. */
__attribute__((format(printf, 3, 4))) vhdxray_status api_fail(vhdxray *h, vhdxray_status status, const char *fmt, ...);
vhdxray_status api_fail_status(vhdxray *h, enum status st); /* in words of its own; STATUS_OK passes */
vhdxray_status api_public_status(enum status st);

/*
 * Public structures begin with size_of. In: false when the caller's one is no version that we can read. Out: false when
 * it is none that we can fill; then nothing is written. Later fields are zero on either side that does not know them.
 */
bool api_struct_in(void *own, const void *theirs, size_t size);
bool api_struct_out(void *theirs, const void *own, size_t size);

#endif
