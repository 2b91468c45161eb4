/* SPDX-License-Identifier: MIT */
/*
 * Reports about the guest's data: what was exported, digests, a comparison, the map of the disk and of the file. Text
 * for people goes to the report too, but for `export`, which is silent when it went well.
 */
#ifndef VHDXRAY_REPORT_GUEST_H
#define VHDXRAY_REPORT_GUEST_H

#include "base/status.h"
#include "image/guest.h"
#include "image/guest_faults.h"
#include "report/report.h"

struct export_report {
    const char *path, *output; /* as given */
    uint64_t virtual_size;     /* 0 when there is no disk */
    uint64_t written;          /* bytes of data */
    uint64_t shared;           /* bytes that are stored once, for the image and the output */
    bool complete;             /* everything could be read and written */
    const struct guest_fault_list *faults;
    const char *error; /* why it was refused or failed; NULL: it was not */
};
void report_export(struct report *r, const struct export_report *e);

/* Digests of one content, in the order in which they were asked for. */
struct digests {
    uint64_t length; /* bytes */
    uint32_t count;
    const char *const *names; /* "sha256" */
    const char *const *hex;
};

struct hash_report {
    const char *path;
    const struct digests *container, *guest; /* NULL: not asked for, or not there */
    const struct guest_fault_list *faults;   /* that zeros stand for in the guest's digests; NULL: none */
    const char *error;                       /* why something is not there; NULL */
};
void report_hash(struct report *r, const struct hash_report *h);

enum compare_result { COMPARE_SAME, COMPARE_DIFFERENT, COMPARE_UNKNOWN };

struct compare_side {
    const char *path;
    uint64_t virtual_size, block_size; /* 0 when there is no disk */
    const struct guest_fault_list *faults;
};

struct compare_report {
    struct compare_side side[2];
    enum compare_result result;
    /* When different: the first byte that is. A side that ends before it has no byte there. */
    uint64_t offset;
    uint8_t byte[2];
    const char *error; /* why the result is unknown */
};
void report_compare(struct report *r, const struct compare_report *c);

/* Extents of [off, off + len) of the disk. Those that cannot be read are noted in faults as well. */
enum status report_map(struct report *r, const char *path, struct guest *g, uint64_t off, uint64_t len,
                       struct guest_fault_list *faults);

/* The file's own ranges in file order: structures, blocks and what nobody owns. *ret_missing: why blocks are not
 * listed. */
enum status report_layout(struct report *r, struct image *img, const char **ret_missing);

/* A document that only says that there is nothing to report. */
void report_refused(struct report *r, const char *path, const char *error);

#endif
