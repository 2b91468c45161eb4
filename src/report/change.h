/* SPDX-License-Identifier: MIT */
/* Reports about what was changed: an image created, guest data written, a log replayed. */
#ifndef VHDXRAY_REPORT_CHANGE_H
#define VHDXRAY_REPORT_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "image/view.h"
#include "report/report.h"
#include "write/writer.h"

struct create_report {
    const char *path;
    enum disk_type type;
    struct geometry geometry; /* of the new disk; all zero when it was not made */
    uint32_t physical_sector_size;
    uint64_t log_len, file_size; /* bytes */
    const char *parent;          /* as given; NULL: none */
    const char *error;           /* why it was refused or failed; NULL: it was not */
};
void report_create(struct report *r, const struct create_report *c);

struct write_report {
    const char *path;
    uint64_t off, len; /* guest bytes that were written */
    struct writer_counts counts;
    bool replayed; /* a dirty log was replayed first */
    bool complete;
    const char *error;
};
void report_write(struct report *r, const struct write_report *w);

struct replay_report {
    const char *path;
    bool replayed;                   /* else there was nothing to replay, or error says why it was not */
    uint64_t entries, pages_changed; /* of the log; 4 KiB pages of the file */
    uint64_t old_size, new_size;     /* of the file, bytes */
    const char *verdict;             /* of the file afterwards; NULL: not looked at */
    uint64_t errors, warnings;       /* findings afterwards */
    const char *error;
};
void report_replay(struct report *r, const struct replay_report *p);

#endif
