/* SPDX-License-Identifier: MIT */
/*
 * Where bytes come from: a file, memory, sparse extents or an overlay over another source. Reads are positional; nothing
 * is mapped, a truncated mapping would be SIGBUS. Counters let tests bound the work.
 */
#ifndef VHDXRAY_IO_SOURCE_H
#define VHDXRAY_IO_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct source;

struct source_ops {
    /* Reads exactly len bytes at off; the range lies inside [0, size). STATUS_IO when the host cannot. */
    enum status (*read)(struct source *s, uint64_t off, void *buf, size_t len);
    /*
     * The next data range at or after off (off < size): [*ret_data, *ret_hole), *ret_data == size when only holes follow.
     * Holes read as zeros. May report data where there is a hole, never the reverse. The range may end early, so that
     * more data follows at *ret_hole: go on from there.
     */
    enum status (*next_data)(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole);
    void (*close)(struct source *s); /* frees the source; not those below it */
};

struct source {
    const struct source_ops *ops;
    uint64_t size;       /* bytes; fixed when opened */
    uint64_t read_calls; /* since open */
    uint64_t read_bytes;
    uint64_t failed_reads; /* that were STATUS_IO */
    uint64_t deadline_ns; /* CLOCK_MONOTONIC time after which reads answer STATUS_LIMIT; 0 = never */
    /* The last STATUS_IO: where, and errno when the host gave one. For the message. */
    uint64_t error_off;
    int error_errno;
};

/* STATUS_RANGE when the range leaves the source. */
enum status source_read(struct source *s, uint64_t off, void *buf, size_t len);

/* Reads what exists of the range, zero-fills the rest of buf; *ret_got = bytes that existed (0 when off >= size). */
enum status source_read_some(struct source *s, uint64_t off, void *buf, size_t len, size_t *ret_got);

enum status source_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole);

void source_close(struct source *s); /* NULL is fine */

uint64_t source_now_ns(void); /* the clock of deadline_ns */

/* ---- io/file.c: a host file, opened read-only ---- */

enum file_kind { FILE_KIND_REGULAR, FILE_KIND_BLOCK, FILE_KIND_PIPE };

struct file_info {
    enum file_kind kind;
    bool symlink;             /* the path's last component is a symbolic link */
    uint64_t device, inode;   /* identity, for cycles in chains */
    uint64_t size;            /* at open */
    uint64_t allocated_bytes; /* st_blocks * 512 of a regular file, else size */
    int64_t mtime_sec;        /* 0 for a pipe */
    int64_t mtime_nsec;
};

/*
 * Opens O_RDONLY|O_CLOEXEC|O_NOCTTY|O_NONBLOCK; only regular files and block devices. A directory, FIFO, socket or
 * character device is STATUS_REFUSED. message (at least 256 bytes) gets a sentence for people on any failure.
 */
enum status file_open(const char *path, struct source **ret, struct file_info *ret_info, char *message, size_t message_size);
/* As file_open(), for a name (no slash) inside an already opened directory; symbolic links are not followed. */
enum status file_open_at(int dir_fd, const char *name, struct source **ret, struct file_info *ret_info, char *message,
                         size_t message_size);
/*
 * As file_open(), for a descriptor of the caller's, open for reading. It is duplicated: the caller may close it; its
 * file position moves. name is for the message.
 */
enum status file_from_fd(int fd, const char *name, struct source **ret, struct file_info *ret_info, char *message,
                         size_t message_size);
/* A second source on the same open file: nothing is looked up by name. s is a file source. */
enum status file_again(const struct source *s, struct source **ret);
/* Copies a pipe (fd) into an unlinked temporary file and opens that. max_bytes bounds the spool (STATUS_LIMIT). */
enum status file_spool(int fd, uint64_t max_bytes, struct source **ret, struct file_info *ret_info, char *message,
                       size_t message_size);
/* Current identity, size and mtime of an open file source; to see whether it changed under us (VHDX-FILE-007). */
enum status file_stat(struct source *s, struct file_info *ret_info);

/* ---- io/mem.c: bytes in memory, and sparse extents over zeros (tests, fuzzing) ---- */

/* Borrows buf. NULL when out of memory. */
struct source *mem_open(const void *buf, uint64_t size);

struct mem_extent {
    uint64_t off;
    const uint8_t *ptr; /* borrowed */
    uint64_t len;
};
/* A file of `size` zero bytes with extents laid over it, later ones winning. Copies the table, borrows the bytes. */
struct source *extents_open(const struct mem_extent *extents, uint64_t count, uint64_t size);

/* ---- io/overlay.c: replayed log pages over another source ([MS-VHDX] 2.3.3 without touching the file) ---- */

enum patch_kind { PATCH_PAGE, PATCH_ZERO };

struct overlay_patch {
    enum patch_kind kind;
    uint64_t off;        /* where it lands in the file; multiple of 4096 */
    uint64_t len;        /* 4096 for PATCH_PAGE; multiple of 4096 */
    uint64_t source_off; /* PATCH_PAGE: offset in the base source of the data sector that holds bytes 8..4091 */
    uint8_t leading[8];  /* PATCH_PAGE: target bytes 0..7 */
    uint8_t trailing[4]; /* PATCH_PAGE: target bytes 4092..4095 */
};

/*
 * Later patches win. new_size >= base->size: the virtual file size. Memory comes from the arena (about 48 bytes per
 * patch); page contents are read from the base source on demand. The base must stay open.
 */
enum status overlay_open(struct arena *a, struct source *base, const struct overlay_patch *patches, uint64_t count,
                         uint64_t new_size, struct source **ret);

/* Normalised, sorted, disjoint patches of an overlay; for "what would replay change". */
uint64_t overlay_piece_count(const struct source *overlay);
void overlay_piece(const struct source *overlay, uint64_t i, uint64_t *ret_off, uint64_t *ret_len, bool *ret_zero);

#endif
