/* SPDX-License-Identifier: MIT */
/*
 * The image builder: a valid VHDX in memory, ready to be damaged. Every test image is made here, so no binary fixtures
 * are needed and a case is a few lines:
 *
 *     struct img *img = img_create(&(struct img_params){.virtual_size = 40 * MIB, .states = "6.27"});
 *     put_le64(img_header(img, 1) + IMG_HEADER_LOG_OFF, 12345);
 *     img_sign_headers(img);
 *     struct source *src = img_source(img);
 *     ...
 *     source_close(src);
 *     img_free(img);
 *
 * In the parameters, zero means "what a healthy file has". The image is a list of 64 KiB pages over zeros: a 64 TiB
 * disk costs what its structures cost. All values are deterministic. The builder asserts on its own misuse.
 */
#ifndef VHDXRAY_TESTS_BUILD_H
#define VHDXRAY_TESTS_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/guid.h"
#include "format/bat.h"
#include "format/layout.h"
#include "format/metadata.h"
#include "format/parent_locator.h"
#include "format/region_table.h"
#include "io/source.h"

enum { IMG_PAGE_LEN = 65536 };

enum img_type { IMG_DYNAMIC, IMG_FIXED, IMG_DIFFERENCING };
/* Order of objects and items, Required bits, GUID byte form, creator, state of untouched blocks. */
enum img_layout { IMG_WINDOWS, IMG_QEMU };
enum img_answer { IMG_DEFAULT, IMG_YES, IMG_NO };
/* Guest data in blocks of state 6 and 7. Few: the first, middle and last 64 KiB of a block; the rest is zeros. */
enum img_data { IMG_DATA_FEW, IMG_DATA_DENSE, IMG_DATA_NONE };

struct img_block {
    uint64_t block;
    unsigned state;
    uint64_t off;  /* file offset; 0: the next free place where the state needs one */
    bool anchored; /* states 1 and 3: keep a place in the file ("soft anchor") */
};

struct img_params {
    enum img_type type;
    enum img_layout layout;
    uint64_t virtual_size;         /* 20 MiB */
    uint64_t block_size;           /* 2 MiB */
    uint32_t logical_sector_size;  /* 512 */
    uint32_t physical_sector_size; /* 4096; QEMU 512 */
    uint64_t log_off, log_len;     /* 1 MiB, 1 MiB; objects behind the log keep clear of it */
    uint64_t sequence_number[2];   /* 1 and 2 */
    const char *creator;           /* by layout; "" writes none */
    enum img_answer required;      /* Required bit of both regions: yes; QEMU no */
    bool windows_traces;           /* stale metadata entry behind the last, initial log entry of an earlier open */

    /*
     * Payload blocks from block 0: '0' to '7' the state, 'U' and 'M': UNDEFINED and UNMAPPED with an anchor, '.'
     * untouched as the layout's writer leaves it (NOT_PRESENT; QEMU: ZERO), as are all blocks not named.
     * Default: "6.623....6" dynamic, "7.623...67" differencing, all 6 fixed. "" none. `blocks` come on top, in any
     * order, and win.
     */
    const char *states;
    const struct img_block *blocks;
    size_t block_count;
    enum img_data data;
    uint64_t seed; /* of pattern and GUIDs; 0, differencing 1, so that child and parent differ */

    /* GUIDs; nil: derived from the seed, version 4, in the byte form of the layout's writer. */
    struct guid file_write_guid, data_write_guid, virtual_disk_id;

    /* Differencing: linkage, disk id and img_expected() follow the parent (borrowed); NULL: a default dynamic image. */
    const struct img *parent;
    const char *parent_name;              /* "parent.vhdx" */
    const struct locator_string *locator; /* instead of the five pairs Hyper-V writes */
    uint16_t locator_count;
};

struct img_page {
    uint64_t index;
    uint8_t *bytes;
};

/* To be read; changed only through the functions below. */
struct img {
    struct img_params params; /* defaults filled in */
    struct geometry geometry;
    uint64_t size; /* bytes of the file */
    uint64_t log_off, log_len;
    uint64_t metadata_off, metadata_len;
    uint64_t bat_off, bat_len;
    uint64_t payload_off; /* first byte behind the structures */

    struct img_page *pages; /* sorted by index */
    size_t page_count, page_cap;
    struct img_block *blocks; /* as built, sorted by block, later ones of the parameters win */
    size_t block_count;
    uint64_t item_entry_off[KNOWN_GUID_COUNT], item_off[KNOWN_GUID_COUNT]; /* file offsets; 0: not there */

    /* Where img_log_append() goes on (build_log.c). */
    struct {
        uint32_t pos, tail;
        uint64_t sequence_number;
        struct guid guid;
    } log;
    uint8_t **scratch; /* pages handed out by img_page_copy() */
    size_t scratch_count;
};

/* NULL parameters: all defaults. */
struct img *img_create(const struct img_params *p);
struct img *img_clone(const struct img *img); /* scratch pages are not cloned */
void img_free(struct img *img);               /* NULL is fine */

/* Bytes. Offsets may lie past the size: the file is not grown by a write, see img_resize(). */
uint8_t *img_bytes(struct img *img, uint64_t off, uint64_t len); /* writable; must not cross a 64 KiB boundary */
void img_read(const struct img *img, uint64_t off, void *buf, size_t len);
void img_write(struct img *img, uint64_t off, const void *buf, size_t len);
void img_fill(struct img *img, uint64_t off, uint64_t len, uint8_t value);
void img_resize(struct img *img, uint64_t size); /* what is cut off is gone */
/* Writable copy of the 4 KiB page that holds off, owned by the image; for log entries. */
uint8_t *img_page_copy(struct img *img, uint64_t off);

/* Out. The source borrows the image's bytes: open it after the last change, close it before img_free(). */
struct source *img_source(const struct img *img);
void img_save(const struct img *img, const char *path); /* a sparse file */

/* Headers: slot 0 or 1. Pointers to all HEADER_LEN bytes; sign after changes. */
enum {
    IMG_HEADER_SEQUENCE = 8,
    IMG_HEADER_FILE_WRITE_GUID = 16,
    IMG_HEADER_DATA_WRITE_GUID = 32,
    IMG_HEADER_LOG_GUID = 48,
    IMG_HEADER_LOG_VERSION = 64,
    IMG_HEADER_VERSION = 66,
    IMG_HEADER_LOG_LEN = 68,
    IMG_HEADER_LOG_OFF = 72,
    IMG_HEADER_RESERVED = 80,
};
uint8_t *img_header(struct img *img, unsigned slot);
void img_sign_header(struct img *img, unsigned slot);
void img_sign_headers(struct img *img);
void img_set_log_guid(struct img *img, const struct guid *g); /* both slots, signed; NULL: nil */

/* Region tables: copy 0 or 1. Entry fields: GUID 0, FileOffset 16, Length 24, Required 28. */
uint8_t *img_region_table(struct img *img, unsigned copy);
uint8_t *img_region_entry(struct img *img, unsigned copy, uint32_t i);
uint8_t *img_region_find(struct img *img, unsigned copy, enum known_guid which); /* NULL when not listed */
void img_region_add(struct img *img, const struct region_entry *e);              /* both copies, signed */
void img_sign_region_table(struct img *img, unsigned copy);
void img_sign_region_tables(struct img *img);

/*
 * Metadata. Entry fields: ItemId 0, Offset 16, Length 20, flags 24, Reserved2 28. An item is still found after its
 * entry was damaged.
 */
uint8_t *img_metadata_table(struct img *img);
uint8_t *img_metadata_entry(struct img *img, enum known_guid which);
uint8_t *img_metadata_item(struct img *img, enum known_guid which);
/* Appends an entry as given, and the item's bytes (NULL: none) at its offset. */
void img_metadata_add(struct img *img, const struct metadata_entry *e, const void *item);
void img_metadata_remove(struct img *img, enum known_guid which); /* the last entry takes its slot */
/* Replaces the parent locator by these bytes, or pairs. */
void img_set_locator_bytes(struct img *img, const void *item, uint32_t len);
void img_set_locator(struct img *img, const struct locator_string *pairs, uint16_t count);

/* BAT, by index (slot) or by block. */
uint64_t img_bat_entry_off(const struct img *img, uint64_t index);
uint64_t img_bat_get(const struct img *img, uint64_t index);
void img_bat_set(struct img *img, uint64_t index, uint64_t entry);
uint64_t img_block_index(const struct img *img, uint64_t block);
uint64_t img_block_off(const struct img *img, uint64_t block); /* FileOffset of the entry as it is now */
void img_block_set(struct img *img, uint64_t block, unsigned state, uint64_t off);
/* Sector bitmaps: the bits of sectors [first, first + count) of a block; the chunk's bitmap must be present. */
uint64_t img_bitmap_index(const struct img *img, uint64_t chunk);
uint64_t img_bitmap_off(const struct img *img, uint64_t chunk);
void img_bitmap_set(struct img *img, uint64_t block, uint64_t first, uint64_t count, bool value);

/*
 * Guest content as built (later damage and img_bitmap_set() do not count): the pattern in blocks of state 6, and of
 * state 7 where img_sector_present(); else the parent's (state 0 and 7), else zeros.
 */
void img_expected(const struct img *img, uint64_t guest_off, void *buf, size_t len);
bool img_sector_present(const struct img *img, uint64_t block, uint64_t sector); /* default bit in a state-7 block */
struct guid img_guid(enum img_layout form, char tag, uint64_t seed);             /* tags: F D P L */

/* ---- build_log.c: log entries ---- */

struct img_log_desc {
    uint64_t off;        /* FileOffset */
    const uint8_t *page; /* 4096 bytes: data descriptor; NULL: zero descriptor */
    uint64_t len;        /* ZeroLength */
};

enum { /* what to break; the CRC is right for all but the first two */
       IMG_LOG_BAD_CRC = 1,
       IMG_LOG_TORN = 2, /* the last sector never reached the ring */
       IMG_LOG_BAD_SIGNATURE = 4,
       IMG_LOG_BAD_DESC_SIGNATURE = 8, /* of the last descriptor */
       IMG_LOG_BAD_DESC_SEQUENCE = 16,
       IMG_LOG_BAD_DATA_SIGNATURE = 32, /* of the last data sector */
       IMG_LOG_BAD_DATA_HIGH = 64,
       IMG_LOG_BAD_DATA_LOW = 128,
       IMG_LOG_NO_FILE_SIZES = 256, /* FlushedFileOffset and LastFileOffset as given, also when 0 */
       IMG_LOG_NIL_GUID = 512,      /* guid as given, also when nil */
};

struct img_log_entry {
    uint64_t sequence_number;
    uint32_t tail;          /* ring offset */
    struct guid guid;       /* nil: the image's log GUID */
    uint64_t flushed, last; /* 0: the size of the file */
    const struct img_log_desc *descs;
    uint32_t desc_count;
    uint32_t extra_sectors; /* zero sectors counted in EntryLength behind the last data sector */
    unsigned flags;
};

/* A whole entry on the heap (free() it), signed; for changes by hand, then log_entry_sign() and img_log_put(). */
uint8_t *img_log_build(const struct img *img, const struct img_log_entry *e, uint64_t *ret_len);
/* Lays bytes into the ring, wrapping. Returns the ring offset behind them. */
uint32_t img_log_put(struct img *img, uint32_t pos, const void *bytes, uint64_t len);
/* Both in one. Returns the ring offset behind the entry. */
uint32_t img_log_write(struct img *img, uint32_t pos, const struct img_log_entry *e);

/*
 * A live log step by step: begin sets LogGuid in both headers and the place of the first entry; each append writes one
 * entry with the next sequence number, its Tail the first entry's place. img_log_end() makes LogGuid nil again; the
 * entries stay as stale ones.
 */
void img_log_begin(struct img *img, uint32_t pos, uint64_t first_sequence_number);
void img_log_append(struct img *img, const struct img_log_desc *descs, uint32_t count);
void img_log_end(struct img *img);
/* What a crash leaves: the initial empty entry at ring offset 0, then one entry for each descriptor. */
void img_make_dirty(struct img *img, const struct img_log_desc *descs, uint32_t count);
/* The same for one BAT entry: the logged page sets it, the file keeps the old value. */
void img_make_dirty_bat(struct img *img, uint64_t index, uint64_t entry);

#endif
