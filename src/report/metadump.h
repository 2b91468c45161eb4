/* SPDX-License-Identifier: MIT */
/* Report of `metadump`: what was kept and replaced, and whether the copy shows what the image shows. */
#ifndef VHDXRAY_REPORT_METADUMP_H
#define VHDXRAY_REPORT_METADUMP_H

#include "report/report.h"
#include "write/metadump.h"

struct metadump_report {
    const char *path, *output; /* as given */
    uint64_t size;             /* of the file, and of the copy; bytes */
    uint64_t allocated;        /* bytes that the copy takes on the host */
    bool redacted;
    const struct metadump *dump; /* NULL: it was not made */
    const char *verdict;         /* of the image, and of the copy; NULL: not known */
    const char *copy_verdict;
    /* Rules that only one of both breaks, without what the host says about the files. */
    const char *const *lost, *const *added;
    uint32_t lost_count, added_count;
    const char *error; /* why there is no copy; NULL: there is */
};
void report_metadump(struct report *r, const struct metadump_report *m);

#endif
