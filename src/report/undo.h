/* SPDX-License-Identifier: MIT */
/* The report of `undo`. */
#ifndef VHDXRAY_REPORT_UNDO_H
#define VHDXRAY_REPORT_UNDO_H

#include <stdbool.h>
#include <stdint.h>

#include "report/report.h"

struct undo_report {
    const char *path;
    const char *journal; /* its file; NULL: there is none */
    bool undone;
    bool interrupted;              /* what was undone was not complete */
    bool more;                     /* an older repair can be undone next */
    uint64_t changes, bytes, size; /* records, bytes of the file that they cover, its size now */
    const char *error;
};
void report_undo(struct report *r, const struct undo_report *u);

#endif
