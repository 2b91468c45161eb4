/* SPDX-License-Identifier: MIT */
/*
 * Linked into the programs of the `msan` variant only: MemorySanitizer must know who writes memory, and learns here about
 * two writers that it does not know.
 *
 * The cJSON library is not instrumented, so what it writes byte by byte would count as never written. Memory that arrives
 * zeroed counts as written for good, so cJSON gets only such memory; everything else stays under full watch.
 *
 * The stat family became ordinary functions in glibc 2.33, which the runtime of clang 14 does not intercept. The linker
 * (--wrap, build.ninja) sends the calls through here. The names are those of 64-bit file offsets.
 */
#include <cjson/cJSON.h>
#include <sanitizer/msan_interface.h>
#include <stdlib.h>
#include <sys/stat.h>

static void *zeroed(size_t size)
{
    return calloc(1, size);
}

__attribute__((constructor)) static void give_cjson_zeroed_memory(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = zeroed, .free_fn = free});
}

int __real_stat64(const char *path, struct stat *st);
int __real_lstat64(const char *path, struct stat *st);
int __real_fstat64(int fd, struct stat *st);
int __real_fstatat64(int fd, const char *path, struct stat *st, int flags);
int __wrap_stat64(const char *path, struct stat *st);
int __wrap_lstat64(const char *path, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);
int __wrap_fstatat64(int fd, const char *path, struct stat *st, int flags);

static int written(int result, const struct stat *st)
{
    if (result == 0)
        __msan_unpoison(st, sizeof(*st));
    return result;
}

int __wrap_stat64(const char *path, struct stat *st)
{
    return written(__real_stat64(path, st), st);
}

int __wrap_lstat64(const char *path, struct stat *st)
{
    return written(__real_lstat64(path, st), st);
}

int __wrap_fstat64(int fd, struct stat *st)
{
    return written(__real_fstat64(fd, st), st);
}

int __wrap_fstatat64(int fd, const char *path, struct stat *st, int flags)
{
    return written(__real_fstatat64(fd, path, st, flags), st);
}
