/* SPDX-License-Identifier: MIT */
/*
 * Carving: what can be found in a file without following a pointer. Headers, region tables, metadata and log entries
 * are known by their signatures, BATs by how their entries look, and what is left over and holds data is an orphan.
 * Works on any file, whatever is missing; where the file's own structures can be read, each thing found says whether
 * they lead to it. Nothing is written.
 */
#ifndef VHDXRAY_CARVE_CARVE_H
#define VHDXRAY_CARVE_CARVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/guid.h"
#include "base/status.h"
#include "format/bat.h"
#include "image/bat_guess.h"
#include "image/content.h"
#include "image/image.h"

enum carve_kind {
    CARVE_HEADER,       /* 4 KiB-aligned `head` */
    CARVE_REGION_TABLE, /* 4 KiB-aligned `regi` */
    CARVE_METADATA,     /* 64 KiB-aligned `metadata` */
    CARVE_BAT,          /* pages that look like a BAT, as one table as far as they follow each other */
    CARVE_LOG_ENTRY,    /* 4 KiB-aligned `loge`, live, stale or damaged */
    CARVE_LOG_PAGE,     /* what a descriptor of a valid log entry puts where: the history of BAT and metadata */
    CARVE_ORPHAN,       /* 1 MiB units with data that nothing owns */
    CARVE_KINDS,
};
const char *
carve_kind_name(enum carve_kind k); /* "header", "region_table", "metadata", "bat", "log_entry", "log_page", "orphan" */
bool carve_kind_find(const char *name, enum carve_kind *ret);

struct carved_header {
    bool checksum_ok;
    bool plausible; /* Version 1, and a log that a file could have; with a wrong checksum the only sign besides the
                       signature */
    uint64_t sequence_number;
    struct guid file_write_guid, data_write_guid, log_guid;
    uint16_t log_version, version;
    uint32_t log_len; /* bytes */
    uint64_t log_off;
};

struct carved_region_table {
    bool decoded; /* false: only counted, as many were decoded before (LIMIT_CARVED_DECODED), or it could not be read */
    bool checksum_ok;
    uint32_t entries;
    bool has_bat, has_metadata;
    uint64_t bat_off, metadata_off;
    uint32_t bat_len, metadata_len; /* bytes */
};

struct carved_metadata {
    bool decoded; /* as above */
    uint32_t entries;
    enum disk_type type;
    enum absence geometry_absence; /* ABSENT_NOT: geometry is set */
    struct geometry geometry;
    uint32_t physical_sector_size; /* 0: unknown */
    bool have_disk_id;
    struct guid disk_id;
};

/* How a table goes with the geometry of one metadata region. */
struct carved_fit {
    uint64_t metadata_off;
    unsigned percent;      /* of the entries that are not zero: those that nothing speaks against (image/lost.h) */
    uint64_t entries;      /* that the disk has */
    uint64_t live, faulty; /* blocks with a place in the file; entries with a fault */
};

struct carved_bat {
    struct bat_guess guess;
    unsigned score;          /* bat_guess_score(), raised by the best fit */
    struct carved_fit *fits; /* best first */
    uint32_t fit_count;
};

struct carved_log_entry {
    const struct log_scan *log;
    uint64_t entry; /* index in log->entries */
};

enum carved_now { CARVED_SAME, CARVED_DIFFERENT, CARVED_UNKNOWN /* behind the end of the file, or unreadable */ };
enum carved_target {
    CARVED_ELSEWHERE, /* no structure of today */
    CARVED_REGION_TABLES,
    CARVED_METADATA,
    CARVED_BAT,
    CARVED_BITMAP,
    CARVED_PAYLOAD,
    CARVED_REGION, /* another region */
};
const char *carved_target_name(enum carved_target t); /* "bat" ...; NULL for ELSEWHERE */

struct carved_change {
    uint64_t index, then, now; /* BAT entry */
};
enum { CARVED_CHANGES = 4 };

struct carved_log_page {
    const struct log_scan *log;
    uint64_t entry;       /* index in log->entries */
    uint32_t descriptor;  /* number in the entry */
    uint64_t target, len; /* file bytes that it is for */
    bool zero;            /* a zero descriptor: no bytes of its own */
    uint8_t leading[8], trailing[4];
    enum carved_target kind;
    enum carved_now now; /* against what the file holds at target */
    /* A page of a BAT, by its target or (kind ELSEWHERE) by its look; guess.set 0 when it is none. */
    struct bat_guess guess;
    uint64_t first_entry;                         /* CARVED_BAT */
    uint64_t changed;                             /* CARVED_BAT: entries that differ from those of today */
    struct carved_change changes[CARVED_CHANGES]; /* the first of them */
    /* CARVED_METADATA, where the page has the item. */
    bool have_virtual_size, have_block_size;
    uint64_t virtual_size;
    uint32_t block_size;
};

struct carved_orphan {
    bool known;
    struct content_guess content; /* when known */
};

struct carve_item {
    enum carve_kind kind;
    uint64_t off; /* file offset; of log pages that of their data sector, of zero descriptors that of the entry */
    uint64_t len; /* bytes; of log pages 4096, or 0 */
    bool in_use;  /* the file's own structures lead here */
    enum owner_kind owner; /* what they say lies at off; OWNER_NONE: nothing */
    uint64_t block;        /* OWNER_PAYLOAD, OWNER_ANCHOR: of the disk */
    union {
        const struct carved_header *header;
        const struct carved_region_table *region_table;
        const struct carved_metadata *metadata;
        const struct carved_bat *bat;
        const struct carved_log_entry *log_entry;
        const struct carved_log_page *log_page;
        const struct carved_orphan *orphan;
    } u;
};

enum carve_model {
    CARVE_MODEL_NONE,    /* no BAT could be read or found: blocks in use and free space cannot be told apart */
    CARVE_MODEL_FILE,    /* the file's own structures */
    CARVE_MODEL_ASSUMED, /* metadata and BAT as found: no valid region table leads to them */
};

struct carve_options {
    bool no_payload; /* blocks in use are not read, where the file's own structures tell which */
    void (*progress)(void *ctx, uint64_t off); /* hears now and then how far the file is read; NULL: nobody does */
    void *progress_ctx;
};

struct carve_range {
    uint64_t off, len;
};

struct carve {
    struct image *image;
    enum carve_model model;
    struct view *view;              /* that tells who owns what; NULL for CARVE_MODEL_NONE */
    uint64_t metadata_off, bat_off; /* of the model */
    struct store *stage;            /* below an assumed view */

    struct carve_item *items; /* by kind, then by offset; log pages by LogGuid (order in the ring), sequence number and
                               * descriptor. An item's number is its index plus 1 */
    uint64_t item_count;
    uint64_t counts[CARVE_KINDS]; /* exact; more than are listed when LIMIT_CARVED_ITEMS was reached */

    uint64_t scanned_off;           /* the file was read up to here */
    uint64_t data_bytes;            /* read; the rest were holes */
    uint64_t left_out;              /* bytes of blocks in use, with no_payload */
    bool complete;                  /* all was looked at */
    enum status stopped;            /* why not: STATUS_LIMIT (time, memory), STATUS_NO_MEMORY, STATUS_IO */
    bool limited;                   /* more was found than is listed, or the file is larger than is looked at */
    struct carve_range *unreadable; /* the first of them */
    uint64_t unreadable_count, unreadable_bytes, unreadable_listed, unreadable_cap;
};

/*
 * Looks through the whole file. The result lives in the image's arena. What the host cannot read is listed; a limit
 * ends the search, and the result holds what was found before (complete is false). Fails only when not even that is
 * possible.
 */
enum status carve_run(struct image *img, const struct carve_options *options, struct carve **ret);
void carve_close(struct carve *c); /* NULL is fine */

/* Bytes [off, off + len) of an item, off + len <= item->len: wrapped log entries in one piece, log pages put together.
 */
enum status carve_item_read(const struct carve *c, const struct carve_item *item, uint64_t off, void *buf, size_t len);
/* The next of them that is no hole of the file: [*ret_data, *ret_end), *ret_data == item->len when none follows. */
enum status carve_item_next_data(const struct carve *c, const struct carve_item *item, uint64_t off, uint64_t *ret_data,
                                 uint64_t *ret_end);

#endif
