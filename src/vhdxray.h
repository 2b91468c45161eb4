/* SPDX-License-Identifier: MIT */
/*
 * libvhdxray: look inside VHDX files that nobody trusts.
 *
 *     char why[256];
 *     vhdxray *image;
 *     vhdxray_summary summary = {.size_of = sizeof(summary)};
 *     if (vhdxray_open("web01.vhdx", NULL, &image, why, sizeof(why)) != VHDXRAY_OK) ...
 *     if (vhdxray_check(image, &summary) != VHDXRAY_OK) ... vhdxray_last_error(image) ...
 *     vhdxray_close(image);
 *
 * An image is opened read-only from a path, a descriptor or callbacks; nothing here ever writes to it. A dirty log is
 * replayed in memory. Offsets and lengths are bytes. What is wrong with an image is a finding; a status only ever says
 * that the library could not do what it was asked for.
 *
 * One handle must not be used by two threads at the same time; different handles may. Strings are UTF-8 and stay valid
 * until their handle is closed, unless it says otherwise. Texts that were made from an image (vhdxray_finding,
 * vhdxray_last_error) are safe on a terminal; `creator` and names that the caller gave are as they are.
 *
 * Structures begin with `size_of`: set it to the sizeof of the structure before every call, so that later versions can
 * add fields behind. An older library accepts a newer structure when the fields it does not know are zero, and returns
 * one with those fields set to zero.
 */
#ifndef VHDXRAY_H
#define VHDXRAY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VHDXRAY_API __attribute__((visibility("default")))
#else
#define VHDXRAY_API
#endif

#define VHDXRAY_VERSION_MAJOR 0
#define VHDXRAY_VERSION_MINOR 1
#define VHDXRAY_VERSION_PATCH 0
#define VHDXRAY_VERSION "0.1.0"

/* "0.1.0", of the library in use. */
VHDXRAY_API const char *vhdxray_version(void);

typedef enum vhdxray_status {
    VHDXRAY_OK = 0,
    VHDXRAY_ERROR_IO = 1,        /* the host could not read, or does not let us */
    VHDXRAY_ERROR_NO_MEMORY = 2, /* an allocation failed */
    VHDXRAY_ERROR_LIMIT = 3,     /* a limit of the options was reached */
    VHDXRAY_ERROR_NOT_FOUND = 4, /* no such file or folder */
    VHDXRAY_ERROR_REFUSED = 5,   /* no file that can hold an image; or the image cannot answer this */
    VHDXRAY_ERROR_ARGUMENT = 6,  /* NULL, a range outside the disk, a wrong size_of */
    VHDXRAY_ERROR_INTERNAL = 7,  /* our own mistake */
} vhdxray_status;

/* A few lower-case words, never NULL. */
VHDXRAY_API const char *vhdxray_status_text(vhdxray_status status);

/* ---- opening ---- */

typedef struct vhdxray vhdxray; /* an open image, with its parents */

typedef struct vhdxray_options {
    size_t size_of;
    const char *const *parents;     /* parent files, nearest first; taken even if their linkage does not fit */
    size_t parent_count;            /* at most 256 */
    const char *const *search_dirs; /* folders where parents are looked for by name; only what fits is taken */
    size_t search_dir_count;        /* at most 256 */
    int no_replay;                  /* not 0: the file as stored; a dirty log is ignored */
    uint64_t max_memory;            /* bytes that the handle may take; 0: the default, 512 MiB */
    uint64_t max_findings;          /* listed for each rule; counts stay exact; 0: the default, 1000 */
    uint64_t timeout_ms;            /* that one call may take; 0: no limit */
} vhdxray_options;

/*
 * Bytes that are in no file. Called only from within functions of this library, by the thread that is in them, and only
 * for bytes inside [0, size).
 */
typedef struct vhdxray_callbacks {
    size_t size_of;
    uint64_t size; /* of the image, at most INT64_MAX */
    void *context;
    /* Fills the buffer and returns 0, or returns an errno value. */
    int (*read)(void *context, uint64_t offset, void *buffer, size_t length);
    /*
     * May be NULL. Where the next bytes at or after offset are that are not known to be zeros: [*ret_data, *ret_hole);
     * *ret_data is size when only zeros follow. Makes sparse images fast. Returns 0, or an errno value for "not known".
     */
    int (*next_data)(void *context, uint64_t offset, uint64_t *ret_data, uint64_t *ret_hole);
    /* May be NULL. Called once, by vhdxray_close(); not when opening fails. */
    void (*close)(void *context);
} vhdxray_callbacks;

/*
 * Anything that can be read opens, however broken it is: ask vhdxray_check() or vhdxray_get_facts() next. Nor does a
 * parent that is not found stop an image from opening (vhdxray_facts.parent_missing). On failure *ret is NULL and
 * message (may be NULL) holds a sentence for people, cut to message_size; on success it is "". options may be NULL.
 */
VHDXRAY_API vhdxray_status vhdxray_open(const char *path, const vhdxray_options *options, vhdxray **ret, char *message,
                                        size_t message_size);
/*
 * The descriptor (a regular file or block device, open for reading) is duplicated and may be closed afterwards; its
 * file position changes. name is for messages and reports.
 */
VHDXRAY_API vhdxray_status vhdxray_open_fd(int fd, const char *name, const vhdxray_options *options, vhdxray **ret,
                                           char *message, size_t message_size);
VHDXRAY_API vhdxray_status vhdxray_open_callbacks(const vhdxray_callbacks *callbacks, const char *name,
                                                  const vhdxray_options *options, vhdxray **ret, char *message,
                                                  size_t message_size);
VHDXRAY_API void vhdxray_close(vhdxray *image); /* NULL is fine */

/* Why the last call on this handle failed; "" when it did not. Valid until the next call on the handle. */
VHDXRAY_API const char *vhdxray_last_error(const vhdxray *image);

/* ---- facts ---- */

typedef enum vhdxray_type {
    VHDXRAY_TYPE_UNKNOWN = 0,
    VHDXRAY_TYPE_DYNAMIC = 1,
    VHDXRAY_TYPE_FIXED = 2,
    VHDXRAY_TYPE_DIFFERENCING = 3,
} vhdxray_type;
VHDXRAY_API const char *vhdxray_type_name(vhdxray_type type); /* "dynamic" ...; "unknown" */

typedef enum vhdxray_log_state {
    VHDXRAY_LOG_EMPTY = 0,
    VHDXRAY_LOG_DIRTY = 1,   /* to be replayed; unless options.no_replay, everything here is as replayed */
    VHDXRAY_LOG_INVALID = 2, /* in use, but it cannot be replayed */
} vhdxray_log_state;
VHDXRAY_API const char *vhdxray_log_state_name(vhdxray_log_state state); /* "empty", "dirty", "invalid" */

/* What the structures say; whether it can be true is what vhdxray_check() says. */
typedef struct vhdxray_facts {
    size_t size_of;
    uint64_t file_size;
    uint64_t virtual_size; /* of the guest disk; 0 when unknown, as the next three */
    uint32_t block_size;
    uint32_t logical_sector_size;
    uint32_t physical_sector_size;
    vhdxray_type type;
    vhdxray_log_state log_state;
    int current_header;          /* 1, 2, or 0 for none */
    uint8_t virtual_disk_id[16]; /* in the byte order of the file; zeros when unknown */
    uint8_t data_write_guid[16]; /* of the current header; what a child remembers of its parent */
    const char *creator;         /* NULL when absent; any character may be in it */
    uint32_t layer_count;        /* files that are open: this one and its parents */
    int parent_missing;          /* not 0: the last of them needs a parent that was not given, found or opened */
} vhdxray_facts;

VHDXRAY_API vhdxray_status vhdxray_get_facts(vhdxray *image, vhdxray_facts *ret);

/* Name of layer 0 (this file), 1 (its parent), ...; NULL when there are fewer. */
VHDXRAY_API const char *vhdxray_layer_name(const vhdxray *image, uint32_t layer);

/* ---- findings ---- */

typedef enum vhdxray_verdict {
    VHDXRAY_VERDICT_CLEAN = 0,      /* no error, no warning */
    VHDXRAY_VERDICT_SUSPICIOUS = 1, /* warnings */
    VHDXRAY_VERDICT_CORRUPT = 2,    /* errors */
    VHDXRAY_VERDICT_UNREADABLE = 3, /* what is needed to find the guest disk is missing */
} vhdxray_verdict;
VHDXRAY_API const char *vhdxray_verdict_name(vhdxray_verdict verdict); /* "clean" ... */

typedef enum vhdxray_severity {
    VHDXRAY_SEVERITY_INFO = 0,
    VHDXRAY_SEVERITY_WARNING = 1,
    VHDXRAY_SEVERITY_ERROR = 2,
} vhdxray_severity;
VHDXRAY_API const char *vhdxray_severity_name(vhdxray_severity severity); /* "info", "warning", "error" */

typedef struct vhdxray_summary {
    size_t size_of;
    vhdxray_verdict verdict; /* of what was looked at */
    int complete;            /* 0: not everything was looked at; such a "clean" is none */
    int io_error;            /* why: the host could not read something */
    int limited;             /* why: a limit was reached */
    uint64_t errors, warnings, infos; /* exact */
    size_t finding_count;             /* listed ones */
} vhdxray_summary;

/* Runs every rule, the first time; later calls, and those of the next two functions, answer from that. */
VHDXRAY_API vhdxray_status vhdxray_check(vhdxray *image, vhdxray_summary *ret);

/* Keys and words are those of the JSON report. Texts are never NULL unless it says so. */
typedef struct vhdxray_finding {
    size_t size_of;
    const char *rule; /* "VHDX-BAT-016" */
    vhdxray_severity severity;
    int as_stored;       /* not 0: of a dirty image before replay */
    const char *title;   /* the rule's */
    const char *message; /* what, where, found, expected */
    const char *means;   /* for the guest's data */
    const char *next;    /* the next safe step */
    const char *expected, *actual; /* NULL when there is nothing to compare */
    const char *structure;         /* "bat", "header", ... */
    int64_t index;                 /* in the structure; -1 for none */
    uint64_t offset, length;       /* in the file */
    int has_guest_range;
    uint64_t guest_offset, guest_length; /* when has_guest_range */
    const char *repair;                  /* "automatic", "consent", "none" */
    const char *spec;                    /* "MS-VHDX 2.5.1", or "impl" */
    const char *quirk;                   /* the producer whose habit this is, or NULL */
} vhdxray_finding;

/* Finding number i < summary.finding_count, errors first. */
VHDXRAY_API vhdxray_status vhdxray_get_finding(vhdxray *image, size_t i, vhdxray_finding *ret);

/* What `vhdxray check -f json` prints for this image, NUL-terminated; length (may be NULL) without the NUL. */
VHDXRAY_API vhdxray_status vhdxray_get_json(vhdxray *image, const char **ret_json, size_t *ret_length);

/* ---- the guest's disk ---- */

/*
 * Whether there is a guest disk to read. VHDXRAY_ERROR_REFUSED when there is none (no geometry, a log that cannot be
 * replayed, a wrong parent), or when a parent is missing that some block needs; vhdxray_last_error() names it. Need not
 * be asked: reading says the same. Blocks with errors are not looked for; their extents have a fault.
 */
VHDXRAY_API vhdxray_status vhdxray_can_read(vhdxray *image);

/*
 * Guest bytes [offset, offset + length), through log and parents. VHDXRAY_ERROR_REFUSED when part of the range cannot
 * be answered truthfully, VHDXRAY_ERROR_IO when the host could not read it; then the buffer's content is of no use.
 */
VHDXRAY_API vhdxray_status vhdxray_read(vhdxray *image, uint64_t offset, void *buffer, size_t length);

typedef enum vhdxray_state { /* numbers as in the BAT where it has them */
    VHDXRAY_STATE_NOT_PRESENT = 0,
    VHDXRAY_STATE_UNDEFINED = 1,
    VHDXRAY_STATE_ZERO = 2,
    VHDXRAY_STATE_UNMAPPED = 3,
    VHDXRAY_STATE_INVALID = 4,
    VHDXRAY_STATE_FULLY_PRESENT = 6,
    VHDXRAY_STATE_PARTIALLY_PRESENT = 7, /* sectors that this layer holds */
    VHDXRAY_STATE_PAST_PARENT = 8,       /* behind the end of a smaller parent */
} vhdxray_state;
VHDXRAY_API const char *vhdxray_state_name(vhdxray_state state); /* "not_present" ... */

typedef struct vhdxray_extent {
    size_t size_of;
    uint64_t offset, length; /* in the guest's disk */
    vhdxray_state state;     /* in the layer that answers */
    uint32_t layer;          /* 0 this file, 1 its parent, ... */
    int has_data;            /* not 0: the bytes are in the file of that layer, at ... */
    uint64_t file_offset;    /* ... this place, once its log is replayed */
    int is_zero;             /* not 0: known to read as zeros: no data, or a hole in the host's file */
    const char *fault;       /* why the range cannot be read; NULL: it can */
} vhdxray_extent;

/*
 * The extent that covers offset (inside the disk), from there on, neighbours merged, at most max_length (not 0) long:
 * it is `length` bytes until something else begins. To walk a disk: go on at offset + length.
 */
VHDXRAY_API vhdxray_status vhdxray_get_extent(vhdxray *image, uint64_t offset, uint64_t max_length,
                                              vhdxray_extent *ret);

#ifdef __cplusplus
}
#endif

#endif
