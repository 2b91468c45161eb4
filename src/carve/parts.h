/* SPDX-License-Identifier: MIT */
/* The stages of carve_run(), one file each, and what they hand on. Internal to carve/. */
#ifndef VHDXRAY_CARVE_PARTS_H
#define VHDXRAY_CARVE_PARTS_H

#include "carve/carve.h"
#include "image/unit_map.h"
#include "io/source.h"

/* Pages that look like a BAT and follow each other, counted from the 1 MiB unit that the first lies in. */
struct bat_table {
    uint64_t off, end; /* file bytes; off a multiple of 1 MiB, end behind the last page */
    struct bat_guess guess;
    struct carved_fit *fits;
    uint32_t fit_count;
};

/* A unit that begins like something known. */
struct mark {
    uint64_t unit;
    struct content_guess content;
};

struct carver {
    struct carve *out;
    struct image *img;
    struct arena *arena;
    struct source *file;
    const struct carve_options *options;
    uint64_t item_cap, listed[CARVE_KINDS];
    uint64_t units; /* of the file, as many as are looked at */

    /* Units by what the scan saw in them. */
    struct unit_map content;     /* any data */
    struct unit_map log_entries; /* a page that begins with `loge` */
    struct unit_map log_sectors; /* that, or another sector of a log */
    /* Units by whom they belong to. */
    struct unit_map live;       /* blocks in use; with anchors, once live_known */
    struct unit_map structures; /* found: metadata, BATs, logs */
    struct unit_map anchors;    /* old places of blocks */
    bool live_known;

    struct mark *marks;
    uint64_t mark_count, mark_cap;
    struct bat_table *tables;
    uint64_t table_count, table_cap;
};

/*
 * Counts one more thing found and, if it is to be listed, appends an item for it with `size` bytes for its description:
 * *ret_description, NULL when it is only counted. The item is good until the next one.
 */
enum status carver_add(struct carver *c, enum carve_kind kind, uint64_t off, uint64_t len, size_t size,
                       struct carve_item **ret, void **ret_description);
/* Zeroed memory of the arena. */
enum status carver_alloc(struct carver *c, size_t size, void **ret);
/* Notes that the host could not read these bytes. */
enum status carver_unreadable(struct carver *c, uint64_t off, uint64_t len);
/*
 * Reads [off, off + len), zeros behind the end of the file and for pages that the host cannot read, which are noted.
 */
enum status carver_read(struct carver *c, uint64_t off, uint8_t *buf, size_t len);

/* scan.c: one pass over the data of the file. Headers, region tables, places of metadata, tables, marks, maps of units.
 */
enum status carve_scan(struct carver *c);

/* model.c: decodes metadata, tries BATs on its geometries, chooses the view that says who owns what. */
enum status carve_metadata(struct carver *c);
enum status carve_bats(struct carver *c);

/* logs.c: entries of the current log, of logs that other headers name, and of any other place that looks like one. */
enum status carve_logs(struct carver *c);
/* pages.c: what one descriptor of an entry holds. */
enum status carve_page_judge(struct carver *c, struct carved_log_page *page, uint64_t data_off);

/* owners.c: fills c->live and c->anchors from v's BAT; what nobody owns, and who owns the places of all other items. */
enum status carve_live(struct carver *c, struct view *v);
enum status carve_owners(struct carver *c);

#endif
