/* SPDX-License-Identifier: MIT */
/*
 * The frame of a dump: structures, each with a table of fields and, when asked for, its bytes beside the names of the
 * fields. The parts (dump_*.c) say what a structure is made of; text and JSON are made here. Internal to report/.
 */
#ifndef VHDXRAY_REPORT_DUMP_H
#define VHDXRAY_REPORT_DUMP_H

#include "base/span.h"
#include "report/out.h"

enum {
    DUMP_NAMES_MAX = 32,
    HEX_ROW = 16, /* bytes on a line */
};

struct dump_name {
    uint64_t off, len; /* file bytes of the field */
    const char *name;
};

struct dump {
    struct report *r;
    struct image *img;
    const struct dump_options *options;
    const char *missing; /* the one part that was asked for is not there */
    enum status status;  /* first failure to read */
    bool begun;          /* something was printed: a blank line goes before the next structure */
    /* The structure that is open. */
    cJSON *object, *fields;
    uint64_t off;
    struct span bytes;
    uint64_t zeros; /* that follow bytes */
    struct dump_name names[DUMP_NAMES_MAX];
    unsigned name_count;
    bool unnamed; /* its fields are not named beside its bytes */
};

struct dump_place {
    const char *name;        /* "header", "region_entry", ... */
    int64_t index;           /* -1: there is only one */
    uint64_t off, len;       /* file bytes */
    struct span bytes;       /* from off on, for --hex; may be shorter than len, or empty */
    uint64_t zeros;          /* zero bytes behind those */
    const char *note;        /* "valid, current"; NULL for none */
    const struct view *view; /* what it was read through; NULL: the file itself */
};

/* Texts given to these may live in the scratch arena: it is renewed by the parts, never in here. */
void dump_open(struct dump *d, const struct dump_place *p);
/* Fields of the open structure; off from its start. meaning: NULL for none. */
void dump_hex(struct dump *d, const char *name, uint64_t off, uint64_t len, uint64_t value, const char *meaning);
void dump_number(struct dump *d, const char *name, uint64_t off, uint64_t len, uint64_t value, const char *meaning);
void dump_guid(struct dump *d, const char *name, uint64_t off, const struct guid *g, const char *meaning);
void dump_string(struct dump *d, const char *name, uint64_t off, uint64_t len, const char *s, size_t s_len,
                 const char *meaning);
/* Bytes that are only described. */
void dump_range(struct dump *d, const char *name, uint64_t off, uint64_t len, const char *meaning);
void dump_close(struct dump *d);

/* A part that should be there and is not, and one that is there and empty. */
void dump_missing(struct dump *d, const char *name, const char *reason);
void dump_empty(struct dump *d, const char *name, const char *why);

/* Rows of bytes of a view, holes and zeros left out. The caller opened a list or a structure around them. */
void dump_view_bytes(struct dump *d, struct view *v, uint64_t off, uint64_t end);
/*
 * A row in text, or an object {offset, bytes} for JSON. names: those that begin in the row stand beside it, and with
 * colours the bytes of each field have that of its name.
 */
void hex_row_text(struct report *r, uint64_t off, const uint8_t *p, size_t len, const struct dump_name *names,
                  unsigned name_count);
cJSON *hex_row_json(struct json *j, uint64_t off, const uint8_t *p, size_t len);

void dump_file_id(struct dump *d);
void dump_headers(struct dump *d);
void dump_regions(struct dump *d);
void dump_metadata(struct dump *d);
void dump_locator(struct dump *d);
void dump_bat(struct dump *d);
void dump_bitmaps(struct dump *d);
void dump_log(struct dump *d);

const char *log_defect_text(unsigned defect); /* enum log_defect; "valid" for none */

#endif
