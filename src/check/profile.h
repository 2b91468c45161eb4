/* SPDX-License-Identifier: MIT */
/*
 * What a destination asks of a disk beyond being sound, requirement by requirement. One so far: an upload to Azure, as
 * Microsoft documents it for managed disks ("Prepare a Windows VHD or VHDX to upload to Azure", Add-AzVhd,
 * DiskCreationData.UploadSizeBytes, "Introduction to managed disks").
 */
#ifndef VHDXRAY_CHECK_PROFILE_H
#define VHDXRAY_CHECK_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "check/run.h"

enum profile_kind { PROFILE_NONE, PROFILE_AZURE };
const char *profile_name(enum profile_kind k); /* "azure"; NULL for none */
const char *profile_title(enum profile_kind k);

enum requirement_result {
    REQUIREMENT_MET,
    REQUIREMENT_CONVERT, /* the conversion that every VHDX needs on this way takes care of it */
    REQUIREMENT_NOTE,    /* nothing stands against it, but it limits what the disk can be used for */
    REQUIREMENT_UNMET,
    REQUIREMENT_UNKNOWN, /* could not be looked at: as bad as unmet */
};
const char *requirement_result_name(enum requirement_result r); /* "met", "convert", "note", "unmet", "unknown" */

struct requirement {
    const char *id;    /* "virtual_size_step": stable */
    const char *title; /* what is asked for */
    enum requirement_result result;
    const char *found; /* what the image has */
    const char *next;  /* what to do; NULL: nothing */
};

enum { REQUIREMENTS_MAX = 12 };

struct profile {
    enum profile_kind kind;
    struct requirement requirements[REQUIREMENTS_MAX];
    uint32_t count, unmet; /* unmet: unknown ones among them */
    bool ready;            /* none is unmet or unknown */
};

/*
 * Of a checked image whose parents were resolved; reads the first sectors of the guest's disk. Texts live in a. Fails
 * for STATUS_NO_MEMORY, LIMIT and INTERNAL only: what cannot be read makes a requirement unknown.
 */
enum status profile_make(struct arena *a, enum profile_kind kind, const struct check_result *res, struct profile *ret);

#endif
