/* SPDX-License-Identifier: MIT */
/*
 * The public C API (vhdxray.h): what all of its calls share. A handle is one image with its parents, and an arena that
 * owns everything made from them, so that strings stay valid until the handle is closed. What is costly - running the
 * rules, looking at the guest's disk - happens when it is first asked for (api_check.c, api_guest.c).
 *
 * Every call ends with a status and, when it failed, a sentence in the handle. A limit of time is one of each call: the
 * clock starts anew in api_enter(), and every loop over an image reads, which is where the time allowed ends it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "base/checked.h"
#include "image/chain.h"
#include "report/report.h"

enum { STRUCT_MOST = 4096 }; /* a larger size_of was never set */

const char *vhdxray_version(void)
{
    return TOOL_VERSION;
}

/* ---- structures that may grow ---- */

static size_t size_of(const void *theirs)
{
    size_t size;

    memcpy(&size, theirs, sizeof(size));
    return size;
}

/* The sizes of this version are the first there are: smaller ones are mistakes. */
bool api_struct_in(void *own, const void *theirs, size_t size)
{
    size_t given = size_of(theirs);

    if (given < size || given > STRUCT_MOST || !span_is_zero(span_of((const uint8_t *)theirs + size, given - size)))
        return false;
    memcpy(own, theirs, size);
    return true;
}

bool api_struct_out(void *theirs, const void *own, size_t size)
{
    size_t given = size_of(theirs);

    if (given < size || given > STRUCT_MOST)
        return false;
    memcpy(theirs, own, size);
    memset((uint8_t *)theirs + size, 0, given - size);
    memcpy(theirs, &given, sizeof(given));
    return true;
}

/* ---- statuses ---- */

const char *vhdxray_status_text(vhdxray_status status)
{
    switch (status) {
    case VHDXRAY_OK:
        return status_text(STATUS_OK);
    case VHDXRAY_ERROR_IO:
        return status_text(STATUS_IO);
    case VHDXRAY_ERROR_NO_MEMORY:
        return status_text(STATUS_NO_MEMORY);
    case VHDXRAY_ERROR_LIMIT:
        return status_text(STATUS_LIMIT);
    case VHDXRAY_ERROR_NOT_FOUND:
        return status_text(STATUS_NOT_FOUND);
    case VHDXRAY_ERROR_REFUSED:
        return status_text(STATUS_REFUSED);
    case VHDXRAY_ERROR_ARGUMENT:
        return "wrong argument";
    case VHDXRAY_ERROR_INTERNAL:
        return status_text(STATUS_INTERNAL);
    }
    return "unknown status";
}

vhdxray_status api_public_status(enum status st)
{
    switch (st) {
    case STATUS_OK:
        return VHDXRAY_OK;
    case STATUS_IO:
        return VHDXRAY_ERROR_IO;
    case STATUS_RANGE:
        return VHDXRAY_ERROR_ARGUMENT;
    case STATUS_NO_MEMORY:
        return VHDXRAY_ERROR_NO_MEMORY;
    case STATUS_LIMIT:
        return VHDXRAY_ERROR_LIMIT;
    case STATUS_NOT_FOUND:
        return VHDXRAY_ERROR_NOT_FOUND;
    case STATUS_REFUSED:
        return VHDXRAY_ERROR_REFUSED;
    case STATUS_INTERNAL:
        break;
    }
    return VHDXRAY_ERROR_INTERNAL;
}

vhdxray_status api_fail(vhdxray *h, vhdxray_status status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(h->error, sizeof(h->error), fmt, ap);
    va_end(ap);
    return status;
}

vhdxray_status api_fail_status(vhdxray *h, enum status st)
{
    const char *why = status_text(st);

    if (st == STATUS_OK)
        return VHDXRAY_OK;
    if (st == STATUS_LIMIT)
        why = arena_status(h->arena) == STATUS_LIMIT ? "stopped by max_memory" : "stopped by timeout_ms";
    return api_fail(h, api_public_status(st), "%s", why);
}

bool api_enter(vhdxray *h)
{
    if (h == NULL)
        return false;
    h->error[0] = '\0';
    uint64_t deadline_ns = h->timeout_ns != 0 ? u64_add_sat(source_now_ns(), h->timeout_ns) : 0;
    for (const struct image *i = h->image; i != NULL; i = i->parent->image) /* all were resolved */
        i->file->deadline_ns = deadline_ns;
    return true;
}

const char *vhdxray_last_error(const vhdxray *image)
{
    return image != NULL ? image->error : "";
}

void vhdxray_close(vhdxray *image)
{
    if (image == NULL)
        return;
    if (image->image != NULL)
        chain_close(image->image);
    image_close(image->image);
    source_close(image->source);
    arena_destroy(image->arena);
    free(image->json);
    if (image->close != NULL)
        image->close(image->context);
    free(image);
}
