/* SPDX-License-Identifier: MIT */
/*
 * Files in memory, as tables of pages that copies share, with stores over them: what a program does to one can be
 * recorded (powerloss.h plays it), and can be made to fail.
 */
#ifndef VHDXRAY_TESTS_DISK_H
#define VHDXRAY_TESTS_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "io/store.h"

enum {
    DISK_PAGE = 4096,
    DISK_PAGES = 4096, /* 16 MiB */
};

/*
 * A file. NULL is a page of zeros. A copy shares the pages until it writes them; the original must not be written while
 * its copies are in use.
 */
struct disk {
    uint64_t size;
    const uint8_t *pages[DISK_PAGES];
    uint64_t own_from; /* pool position behind which pages are this disk's own */
};

/* All pages come from one pool. What was taken since a mark is given back at once; disks that hold such pages are gone
 * then. */
uint64_t pool_mark(void);
void pool_release(uint64_t mark);

void disk_copy(struct disk *to, const struct disk *from);
/* False when the source is too large or cannot be read. */
bool disk_load(struct disk *d, struct source *from);
/* Inside the largest size a disk can have; writing grows it, buf NULL writes zeros. Reading goes on over the end with
 * zeros. */
void disk_read(const struct disk *d, uint64_t off, uint8_t *buf, size_t len);
void disk_write(struct disk *d, uint64_t off, const uint8_t *buf, size_t len);
void disk_resize(struct disk *d, uint64_t size);
bool disk_equal(const struct disk *a, const struct disk *b);
/* The first byte that differs; UINT64_MAX when none does. */
uint64_t disk_difference(const struct disk *a, const struct disk *b);

enum op_kind { OP_WRITE, OP_ZERO, OP_RESIZE, OP_SYNC };

struct op {
    enum op_kind kind;
    uint32_t store;
    uint64_t off, len; /* OP_RESIZE: off is the size */
    uint64_t data;     /* OP_WRITE: in the recording's bytes */
};

struct recording {
    struct op *ops;
    uint64_t count, cap;
    uint8_t *bytes;
    uint64_t used, room;
};

void recording_free(struct recording *r);

/* What a store over a disk does wrong: its fail_at-th operation that changes or syncs (from 1; 0: none), and later ones
 * if sticky. */
struct disk_fault {
    uint64_t fail_at, seen;
    int error;
    bool sticky;
    bool half; /* a write that fails got half way */
};

/* A store over a disk that stays the test's. recording and fault may be NULL. index: of the store in the recording. */
struct store *disk_store(struct disk *d, struct recording *recording, uint32_t index, struct disk_fault *fault);

#endif
