/* SPDX-License-Identifier: MIT */
/*
 * The calls of the program that can fail, each with a counter and the planned fault. Linked with --wrap: what the
 * program calls f() ends in __wrap_f() here, and __real_f() is the host's. Allocations are remembered, so that one that
 * is not given back is noticed in every single run.
 */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "faults.h"

static struct fault_plan plan;
static struct fault_counts *counts; /* NULL: nothing is counted, nothing fails */
static pid_t owner;                 /* whose allocations are remembered: workers end without giving anything back */
static unsigned char entropy;

static const char *const class_names[CALL_CLASSES] = {"allocation", "read",  "stream", "seek",   "stat",
                                                      "open",       "write", "sync",   "resize", "name"};

const char *fault_class_name(enum fault_class c)
{
    return class_names[c];
}

/* Counts the call. What is to happen to it. */
static enum fault_kind due(enum fault_class c)
{
    if (counts == NULL)
        return FAULT_NONE;
    uint64_t n = ++counts->calls[c];
    if (plan.kind == FAULT_NONE || plan.where != c || n < plan.at || (n > plan.at && !plan.sticky))
        return FAULT_NONE;
    if (plan.kind == FAULT_INTERRUPT && n != plan.at)
        return FAULT_NONE; /* for ever would be no interrupt */
    counts->fired++;
    return plan.kind;
}

/* True, with errno set, for a fault that is an error of the whole call. */
static bool is_error(enum fault_kind kind)
{
    switch (kind) {
    case FAULT_ERROR:
        errno = plan.error;
        return true;
    case FAULT_INTERRUPT:
        errno = EINTR;
        return true;
    default:
        return false;
    }
}

static bool fails(enum fault_class c)
{
    return is_error(due(c));
}

/* ---- memory ---- */

enum { SLOTS = 1 << 16 };
static void *blocks[SLOTS]; /* open addressing; removed ones are `gone` */
static char gone;

static size_t slot_of(const void *p)
{
    return (size_t)(((uintptr_t)p >> 4) * 0x9E3779B97F4A7C15ULL >> 48);
}

static void *remember(void *p)
{
    if (p == NULL || counts == NULL || getpid() != owner)
        return p;
    for (size_t n = 0, i = slot_of(p); n < SLOTS; n++, i = (i + 1) % SLOTS)
        if (blocks[i] == NULL || blocks[i] == &gone) {
            blocks[i] = p;
            counts->live++;
            return p;
        }
    abort(); /* more than the table holds */
}

static void forget(const void *p)
{
    for (size_t n = 0, i = slot_of(p); p != NULL && n < SLOTS && blocks[i] != NULL; n++, i = (i + 1) % SLOTS)
        if (blocks[i] == p) {
            blocks[i] = &gone;
            if (counts != NULL && getpid() == owner)
                counts->live--;
            return;
        }
}

#define WRAPPED(type, name, ...)                                                                                       \
    type __real_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__)

WRAPPED(void *, malloc, size_t size)
{
    return fails(CALL_ALLOCATION) ? NULL : remember(__real_malloc(size));
}

WRAPPED(void *, calloc, size_t n, size_t size)
{
    return fails(CALL_ALLOCATION) ? NULL : remember(__real_calloc(n, size));
}

WRAPPED(void *, realloc, void *p, size_t size)
{
    if (fails(CALL_ALLOCATION))
        return NULL;
    forget(p);
    return remember(__real_realloc(p, size));
}

WRAPPED(void *, reallocarray, void *p, size_t n, size_t size)
{
    if (fails(CALL_ALLOCATION))
        return NULL;
    forget(p);
    return remember(__real_reallocarray(p, n, size));
}

WRAPPED(void, free, void *p)
{
    forget(p);
    __real_free(p);
}

WRAPPED(char *, strdup, const char *s)
{
    return fails(CALL_ALLOCATION) ? NULL : remember(__real_strdup(s));
}

WRAPPED(char *, strndup, const char *s, size_t n)
{
    return fails(CALL_ALLOCATION) ? NULL : remember(__real_strndup(s, n));
}

int __real_vasprintf(char **ret, const char *fmt, va_list ap);

static int formatted(char **ret, const char *fmt, va_list ap)
{
    if (fails(CALL_ALLOCATION))
        return -1;
    int n = __real_vasprintf(ret, fmt, ap);
    if (n >= 0)
        (void)remember(*ret);
    return n;
}

int __wrap_vasprintf(char **ret, const char *fmt, va_list ap);
int __wrap_vasprintf(char **ret, const char *fmt, va_list ap)
{
    return formatted(ret, fmt, ap);
}

int __wrap___vasprintf_chk(char **ret, int flag, const char *fmt, va_list ap);
int __wrap___vasprintf_chk(char **ret, int flag, const char *fmt, va_list ap)
{
    (void)flag;
    return formatted(ret, fmt, ap);
}

int __wrap_asprintf(char **ret, const char *fmt, ...);
int __wrap_asprintf(char **ret, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = formatted(ret, fmt, ap);
    va_end(ap);
    return n;
}

int __wrap___asprintf_chk(char **ret, int flag, const char *fmt, ...);
int __wrap___asprintf_chk(char **ret, int flag, const char *fmt, ...)
{
    (void)flag;
    va_list ap;
    va_start(ap, fmt);
    int n = formatted(ret, fmt, ap);
    va_end(ap);
    return n;
}

WRAPPED(FILE *, open_memstream, char **text, size_t *len)
{
    return fails(CALL_ALLOCATION) ? NULL : __real_open_memstream(text, len);
}

WRAPPED(FILE *, fmemopen, void *buf, size_t size, const char *mode)
{
    return fails(CALL_ALLOCATION) ? NULL : __real_fmemopen(buf, size, mode);
}

WRAPPED(char *, realpath, const char *path, char *resolved)
{
    return fails(CALL_ALLOCATION) ? NULL : __real_realpath(path, resolved);
}

/* ---- reading ---- */

/* What a faulty read does instead, in *ret; false: it reads len bytes, which may have become fewer. */
static bool instead_of_reading(enum fault_class c, size_t *len, ssize_t *ret)
{
    const enum fault_kind kind = due(c);
    *ret = -1;
    if (is_error(kind))
        return true;
    switch (kind) {
    case FAULT_END:
        *ret = 0;
        return true;
    case FAULT_SHORT:
        *len = (*len + 1) / 2;
        return false;
    case FAULT_BYTE:
        *len = *len < 1 ? *len : 1;
        return false;
    default:
        return false;
    }
}

WRAPPED(ssize_t, pread64, int fd, void *buf, size_t len, off_t off)
{
    ssize_t n;
    return instead_of_reading(CALL_READ, &len, &n) ? n : __real_pread64(fd, buf, len, off);
}

WRAPPED(ssize_t, read, int fd, void *buf, size_t len)
{
    ssize_t n;
    return instead_of_reading(CALL_STREAM, &len, &n) ? n : __real_read(fd, buf, len);
}

WRAPPED(off_t, lseek64, int fd, off_t off, int whence)
{
    return fails(CALL_SEEK) ? -1 : __real_lseek64(fd, off, whence);
}

/* MemorySanitizer has wrappers of its own for these (tests/msan.c); there they do not fail. */
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#define STATS_ARE_TAKEN 1
#endif
#endif
#ifndef STATS_ARE_TAKEN
static int lying(int result, enum fault_kind kind, struct stat *st)
{
    if (kind == FAULT_SMALLER)
        st->st_size /= 2;
    if (kind == FAULT_LARGER)
        st->st_size += 65536;
    return result;
}

#define STAT_CALL(name, parameters, arguments)                                                                         \
    int __real_##name parameters;                                                                                      \
    int __wrap_##name parameters;                                                                                      \
    int __wrap_##name parameters                                                                                       \
    {                                                                                                                  \
        enum fault_kind kind = due(CALL_STAT);                                                                         \
        if (kind == FAULT_ERROR) {                                                                                     \
            errno = plan.error;                                                                                        \
            return -1;                                                                                                 \
        }                                                                                                              \
        return lying(__real_##name arguments, kind, st);                                                               \
    }
STAT_CALL(fstat64, (int fd, struct stat *st), (fd, st))
STAT_CALL(stat64, (const char *path, struct stat *st), (path, st))
STAT_CALL(lstat64, (const char *path, struct stat *st), (path, st))
STAT_CALL(fstatat64, (int fd, const char *path, struct stat *st, int flags), (fd, path, st, flags))
#endif

/* ---- opening ---- */

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode)
{
    return fails(CALL_OPEN) ? -1 : __real_open64(path, flags, mode);
}

int __real_openat64(int dir, const char *path, int flags, ...);
int __wrap_openat64(int dir, const char *path, int flags, mode_t mode);
int __wrap_openat64(int dir, const char *path, int flags, mode_t mode)
{
    return fails(CALL_OPEN) ? -1 : __real_openat64(dir, path, flags, mode);
}

WRAPPED(FILE *, fopen64, const char *path, const char *mode)
{
    return fails(CALL_OPEN) ? NULL : __real_fopen64(path, mode);
}

WRAPPED(FILE *, fdopen, int fd, const char *mode)
{
    return fails(CALL_OPEN) ? NULL : __real_fdopen(fd, mode);
}

WRAPPED(FILE *, tmpfile64, void)
{
    return fails(CALL_OPEN) ? NULL : __real_tmpfile64();
}

WRAPPED(DIR *, opendir, const char *path)
{
    return fails(CALL_OPEN) ? NULL : __real_opendir(path);
}

WRAPPED(DIR *, fdopendir, int fd)
{
    return fails(CALL_OPEN) ? NULL : __real_fdopendir(fd);
}

/* ---- writing ---- */

static bool instead_of_writing(size_t *len, ssize_t *ret)
{
    const enum fault_kind kind = due(CALL_WRITE);
    *ret = -1;
    if (is_error(kind))
        return true;
    switch (kind) {
    case FAULT_SHORT:
        *len = (*len + 1) / 2;
        return false;
    default:
        return false;
    }
}

WRAPPED(ssize_t, pwrite64, int fd, const void *buf, size_t len, off_t off)
{
    ssize_t n;
    return instead_of_writing(&len, &n) ? n : __real_pwrite64(fd, buf, len, off);
}

WRAPPED(ssize_t, write, int fd, const void *buf, size_t len)
{
    ssize_t n;
    return instead_of_writing(&len, &n) ? n : __real_write(fd, buf, len);
}

WRAPPED(ssize_t, copy_file_range, int in, off_t *in_off, int out, off_t *out_off, size_t len, unsigned flags)
{
    ssize_t n;
    return instead_of_writing(&len, &n) ? n : __real_copy_file_range(in, in_off, out, out_off, len, flags);
}

/* Nothing is half done, and what a signal interrupts goes on: only errors. */
WRAPPED(int, fflush, FILE *f)
{
    bool other = plan.where == CALL_WRITE && plan.kind != FAULT_ERROR;
    return !other && fails(CALL_WRITE) ? -1 : __real_fflush(f);
}

WRAPPED(int, fsync, int fd)
{
    return fails(CALL_SYNC) ? -1 : __real_fsync(fd);
}

WRAPPED(int, fdatasync, int fd)
{
    return fails(CALL_SYNC) ? -1 : __real_fdatasync(fd);
}

WRAPPED(int, ftruncate64, int fd, off_t size)
{
    return fails(CALL_RESIZE) ? -1 : __real_ftruncate64(fd, size);
}

WRAPPED(int, fallocate64, int fd, int mode, off_t off, off_t len)
{
    return fails(CALL_RESIZE) ? -1 : __real_fallocate64(fd, mode, off, len);
}

WRAPPED(int, rename, const char *from, const char *to)
{
    return fails(CALL_NAME) ? -1 : __real_rename(from, to);
}

WRAPPED(int, renameat2, int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return fails(CALL_NAME) ? -1 : __real_renameat2(from_dir, from, to_dir, to, flags);
}

WRAPPED(int, linkat, int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    return fails(CALL_NAME) ? -1 : __real_linkat(from_dir, from, to_dir, to, flags);
}

WRAPPED(int, unlink, const char *path)
{
    return fails(CALL_NAME) ? -1 : __real_unlink(path);
}

WRAPPED(int, unlinkat, int dir, const char *path, int flags)
{
    return fails(CALL_NAME) ? -1 : __real_unlinkat(dir, path, flags);
}

/* New GUIDs are the same in every run, so that results can be compared. */
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)buf)[i] = entropy += 73;
    return (ssize_t)len;
}

/* ---- beginning and end ---- */

void fault_begin(const struct fault_plan *p, struct fault_counts *c)
{
    plan = *p;
    counts = c;
    owner = getpid();
    memset(c, 0, sizeof(*c));
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = __wrap_malloc, .free_fn = __wrap_free});
}

void fault_end(void)
{
    counts = NULL;
}
