/* SPDX-License-Identifier: MIT */
/*
 * One view of the disk's structures: region tables, metadata, geometry, BAT, parent locator, as read through one source.
 * An image has the replayed view (the log's pages laid over the file) and, when the log is dirty, the stored view as well.
 * Building a view never judges: what is there is decoded, what is missing is recorded with its reason.
 */
#ifndef VHDXRAY_IMAGE_VIEW_H
#define VHDXRAY_IMAGE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/guid.h"
#include "base/span.h"
#include "base/status.h"
#include "format/bat.h"
#include "format/metadata.h"
#include "format/parent_locator.h"
#include "format/region_table.h"
#include "image/layout_map.h"
#include "io/source.h"

enum view_kind { VIEW_STORED, VIEW_REPLAYED };

/* Why a stage of a view is missing; rules that need the stage become not_evaluated with this reason. */
enum absence {
    ABSENT_NOT,              /* it is there */
    ABSENT_NO_REGION_TABLE,  /* neither copy is valid */
    ABSENT_NO_REGION,        /* the region table does not list it */
    ABSENT_REGION_UNUSABLE,  /* the region lies (partly) outside the file or wraps */
    ABSENT_REGION_SHARED,    /* its bytes are those of another structure: what is there cannot be told from damage */
    ABSENT_BAD_SIGNATURE,    /* the metadata table is none */
    ABSENT_NO_ITEM,          /* a metadata item it is derived from is missing or unusable */
    ABSENT_BAD_VALUE,        /* an item holds an illegal value */
    ABSENT_TOO_SMALL,        /* the BAT region cannot hold the entries */
    ABSENT_IO,               /* the host could not read it */
    ABSENT_LIMIT,            /* a limit of ours was reached */
    ABSENT_NOT_APPLICABLE,   /* this type of disk has none */
};
const char *absence_text(enum absence a); /* "no valid region table" ...; never NULL */

struct region_copy {
    uint64_t off;               /* 0x30000 or 0x40000 */
    size_t got;                 /* bytes of it that exist in the file */
    bool io_error;
    bool valid;                 /* signature and CRC */
    struct region_table table;  /* decoded over zero-filled bytes when got is short */
    struct region_entry *entries; /* table.usable_count, only when the signature is right */
    uint32_t told; /* entries to look at: without the empty ones at the end that an impossible EntryCount brings */
};

/* The entry of one wanted region in the used table. */
struct region_ref {
    bool found;
    uint32_t entry; /* index of the first match in the used table */
    uint32_t matches;
    uint64_t off, len; /* bytes */
    bool in_file;      /* [off, off + len) does not wrap and lies inside the view's source */
};

struct metadata_item {
    uint32_t entry;        /* index into entries */
    uint32_t matches;      /* entries with this (id, not user) */
    bool found;
    bool readable;         /* offset, length lie in the region and the file; then data is set */
    struct span data;      /* whole item, at most METADATA_ITEM_MAX bytes */
};

struct metadata {
    enum absence absence;
    bool truncated_table;        /* the region lies in the file only in part; table zero-filled behind */
    struct metadata_table table; /* meaningful unless absence is NO_REGION* / REGION_UNUSABLE / IO; no usable entries
                                  * when the signature is wrong */
    struct metadata_entry *entries; /* table.usable_count */
    struct metadata_item items[KNOWN_GUID_COUNT]; /* by enum known_guid, the item kinds only */
    /* Decoded values; have_* is false when the item is missing, too short or unreadable. */
    bool have_file_parameters, have_virtual_disk_size, have_virtual_disk_id, have_logical_sector_size,
        have_physical_sector_size;
    struct file_parameters file_parameters;
    uint64_t virtual_disk_size;
    struct guid virtual_disk_id;
    uint32_t logical_sector_size, physical_sector_size;
};

enum disk_type { DISK_UNKNOWN, DISK_DYNAMIC, DISK_FIXED, DISK_DIFFERENCING };
const char *disk_type_name(enum disk_type t); /* NULL for unknown */

/* A locator pair with its texts decoded. */
struct locator_text {
    struct locator_pair pair;
    const char *key, *value; /* lossy UTF-8, "" when outside the item */
    size_t key_len, value_len; /* bytes of UTF-8 */
    bool key_damaged, value_damaged; /* unpaired surrogate, odd length or NUL inside */
};

struct locator {
    enum absence absence; /* NOT_APPLICABLE when the metadata has no locator item */
    uint64_t off;         /* file offset of the item */
    struct parent_locator decoded;
    struct locator_text *pairs; /* decoded.usable_count, at most LIMIT_LOCATOR_PAIRS */
    uint32_t pair_count;
    bool cut; /* strings overlap so much that LIMIT_LOCATOR_TEXT was reached: later texts are "" */
    /* First exact match of each standard key, or NULL. */
    const struct locator_text *parent_linkage, *parent_linkage2, *relative_path, *volume_path, *absolute_win32_path;
    bool have_linkage, have_linkage2; /* the texts parse as GUIDs */
    struct guid linkage, linkage2;
};

/* BAT as a place; entries are streamed (image/bat_walk.h), never held. */
struct bat {
    enum absence absence;
    uint64_t off;          /* file offset of entry 0 */
    uint64_t region_len;   /* bytes */
    uint64_t slots;        /* entries that the region's bytes inside the file hold: what can be walked at most */
    uint64_t walk_entries; /* min(geometry.entries, slots) */
    bool short_region;     /* region too small for geometry.entries */
};

struct view {
    enum view_kind kind;
    struct arena *arena;
    struct source *src;
    uint64_t log_off, log_len; /* as given to view_build() */
    struct region_copy regions[2];
    int used_table; /* 0, 1, or -1 when neither copy is valid */
    enum absence regions_absence;
    struct region_ref bat_region, metadata_region;
    struct metadata metadata;
    enum disk_type type;
    enum absence geometry_absence;
    struct geometry geometry; /* meaningful when geometry_absence == ABSENT_NOT */
    struct locator locator;
    struct bat bat;
    struct layout_map *layout; /* who owns which bytes; NULL until view_survey(). Without a survey: fixed structures only */
    struct bat_survey *survey; /* NULL until view_survey(), or when the BAT is absent or could not be read */
    struct overlap_table *overlaps; /* what the survey found for bat_visit_notable(); image/overlap_table.h */
    bool io_error;             /* some structure could not be read: "could not look" */
    uint64_t io_error_off;
    int io_error_errno;
};

/*
 * Reads region tables, metadata, geometry, locator and the BAT's place. log_off/log_len: the log the current header names
 * (0, 0 for none), for the layout map. Problems of the image never fail it: STATUS_NO_MEMORY/LIMIT/INTERNAL only.
 */
enum status view_build(struct arena *a, struct source *src, enum view_kind kind, uint64_t log_off, uint64_t log_len,
                       struct view **ret);

/*
 * Walks the BAT once (again where blocks overlap, or lie above 128 TiB): fills layout and survey. Idempotent. A BAT that
 * the host cannot read is no failure: bat.absence becomes ABSENT_IO, survey stays NULL. STATUS_LIMIT etc. leave both NULL.
 */
enum status view_survey(struct view *v);

/*
 * Non-zero bytes in [off, off + len) of the view, clipped to the source: how many, and where the first one is. Holes are
 * skipped, so cost follows allocated bytes. Only for areas whose content is no guest data.
 */
struct residue {
    uint64_t bytes;     /* number of non-zero bytes */
    uint64_t first_off; /* file offset of the first one; meaningful when bytes > 0 */
};
enum status view_residue(struct view *v, uint64_t off, uint64_t len, struct residue *ret);
/*
 * The same, reading at most *budget bytes of data, which it takes off the budget. *ret_looked: how much of the range, from
 * off on, that covered.
 */
enum status view_residue_within(struct view *v, uint64_t off, uint64_t len, uint64_t *budget, struct residue *ret,
                                uint64_t *ret_looked);

#endif
