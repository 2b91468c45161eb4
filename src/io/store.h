/* SPDX-License-Identifier: MIT */
/*
 * A file that may be changed. What was written is durable only behind a sync; between two syncs the host may have made any
 * subset of the writes durable, torn at any sector. Everything that changes an image (write/, repair/) goes through this,
 * so that tests can enumerate power losses and plans can be staged in memory.
 */
#ifndef VHDXRAY_IO_STORE_H
#define VHDXRAY_IO_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "io/source.h"

struct store;

struct store_ops {
    /* Writes exactly len bytes at off; grows the file when the range ends behind it (the gap reads as zeros). */
    enum status (*write)(struct store *s, uint64_t off, const void *buf, size_t len);
    /* Makes [off, off + len) inside the file read as zeros, as a hole where the host can. */
    enum status (*zero)(struct store *s, uint64_t off, uint64_t len);
    enum status (*resize)(struct store *s, uint64_t size); /* growth reads as zeros */
    enum status (*sync)(struct store *s);                  /* all of the above, the size included, is durable */
    void (*close)(struct store *s);                        /* frees the store and its source */
};

struct store {
    const struct store_ops *ops;
    struct source *source; /* reads what was written so far; its size follows. Models over it are stale after a change. */
    uint64_t write_calls, write_bytes, sync_calls; /* since open */
    /* The last STATUS_IO: where, and errno when the host gave one. */
    uint64_t error_off;
    int error_errno;
};

/* STATUS_RANGE when off + len leaves the signed 63-bit range of the host. */
enum status store_write(struct store *s, uint64_t off, const void *buf, size_t len);
enum status store_zero(struct store *s, uint64_t off, uint64_t len); /* STATUS_RANGE behind the end */
enum status store_resize(struct store *s, uint64_t size);
enum status store_sync(struct store *s);
void store_close(struct store *s); /* NULL is fine */

static inline uint64_t store_size(const struct store *s)
{
    return s->source->size;
}

/* ---- io/store_file.c: a host file, locked against other writers while it is open ---- */

enum store_open {
    STORE_EXISTING, /* must exist: a regular file or block device */
    STORE_NEW,      /* must not exist: O_CREAT|O_EXCL, mode 0666 less the umask */
};

/*
 * Opens for reading and writing, O_CLOEXEC|O_NOCTTY|O_NONBLOCK; a symbolic link as last component is followed only for
 * STORE_EXISTING. Takes an exclusive lock (open file description lock, and flock) or fails: STATUS_REFUSED, the message
 * says that another program has it open. STATUS_REFUSED also for a file that nobody has permission to write, whoever we
 * are, and when the file to create exists. The first sync of a new file makes its name durable as well; after a sync that
 * failed every later one fails. message as in file_open().
 */
enum status store_open_file(const char *path, enum store_open how, struct store **ret, struct file_info *ret_info,
                            char *message, size_t message_size);

/* ---- io/stage.c: changes kept in memory over a source that is never written ---- */

enum stage_kind {
    STAGE_BYTES, /* bytes held in memory */
    STAGE_ZERO,
    STAGE_COPY, /* bytes of the base at another offset */
};

struct stage_piece {
    uint64_t off, len;
    enum stage_kind kind;
    uint64_t from; /* STAGE_COPY: offset in the base */
};

/*
 * A store whose writes stay in memory (max_bytes of them: STATUS_LIMIT beyond). base is borrowed, must outlive it, and may be
 * NULL: an empty file. Memory also when base ends early: bytes behind base->size read as zeros.
 */
enum status stage_open(struct source *base, uint64_t max_bytes, struct store **ret);
/* [off, off + len) becomes what the base holds at `from` (inside the base), without taking memory for it. */
enum status stage_copy(struct store *stage, uint64_t off, uint64_t from, uint64_t len);
/* Sorted, disjoint, adjacent pieces of one kind merged; bytes that equal the base may be listed. Quick in ascending order. */
uint64_t stage_piece_count(const struct store *stage);
struct stage_piece stage_piece(const struct store *stage, uint64_t i);
/* True when a piece lies in [off, off + len), in part or whole: the range may read otherwise than in the base. */
bool stage_touches(const struct store *stage, uint64_t off, uint64_t len);
/* Writes the pieces and the size into `to`, a store that holds what the base holds and is not the base itself. */
enum status stage_put(struct store *stage, struct store *to);
/* True when size and every byte equal the base. */
enum status stage_unchanged(struct store *stage, bool *ret);

#endif
