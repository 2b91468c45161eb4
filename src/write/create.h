/* SPDX-License-Identifier: MIT */
/* Creates an image: the layout of Windows, Required bits set, identifier written last ([MS-VHDX] 2; format.md 16). */
#ifndef VHDXRAY_WRITE_CREATE_H
#define VHDXRAY_WRITE_CREATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/guid.h"
#include "base/status.h"
#include "format/bat.h"
#include "io/entropy.h"
#include "io/store.h"

enum create_type { CREATE_DYNAMIC, CREATE_FIXED, CREATE_DIFFERENCING };
enum create_like { CREATE_LIKE_WINDOWS, CREATE_LIKE_QEMU };

struct create_options {
    enum create_type type;
    enum create_like like;         /* layout, defaults and habits of which producer */
    uint64_t size;                 /* guest bytes; a multiple of the logical sector size, 1 sector..64 TiB */
    uint64_t block_size;           /* 0: the default; else a power of two, 1..256 MiB */
    uint64_t log_size;             /* 0: 1 MiB; else a multiple of 1 MiB below 4 GiB */
    uint32_t logical_sector_size;  /* 0: 512; else 512 or 4096 */
    uint32_t physical_sector_size; /* 0: the default; else 512 or 4096 */
    const char *creator;           /* UTF-8, for the file identifier; NULL: none */
    bool block_state_zero;         /* new blocks are ZERO instead of NOT_PRESENT */
    /* CREATE_DIFFERENCING */
    struct guid parent_data_write_guid;
    struct guid virtual_disk_id; /* of the parent; nil: a new one */
    const char *relative_path;   /* UTF-8, Windows separators; each NULL: not stored, but at least one */
    const char *absolute_win32_path;
    const char *volume_path;
};

/* The roundings of qemu-img: size to 512 bytes, log and block size to 1 MiB, block size to 256 MiB at most. */
void create_round_like_qemu(struct create_options *o);

/* NULL, or a sentence that says which option is wrong and what is allowed. */
const char *create_problem(const struct create_options *o);

/* What create_image() makes of options without a problem, defaults filled in. */
void create_describe(const struct create_options *o, struct geometry *ret_geometry, uint32_t *ret_physical_sector_size,
                     uint64_t *ret_log_len);

/* s is an empty store. STATUS_REFUSED when create_problem() would say something. */
enum status create_image(struct store *s, const struct create_options *o, struct entropy *e);

#endif
