/* SPDX-License-Identifier: MIT */
/*
 * Host files on a host that misbehaves: interrupted and short transfers, EIO, no space, file systems without holes or
 * unnamed files, a path that changes between two looks. The functions of the C library that io/file.c calls are defined
 * here, so the linker prefers them; each makes the real system call unless `fault` asks for something else.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"
#include "check/run.h"
#include "image/chain.h"
#include "io/source.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static struct {
    int read_error; /* errno of each pread from read_error_at on */
    int64_t read_error_at;
    int interrupts; /* that many calls end with EINTR, then one succeeds, and so on again */
    size_t most;    /* bytes per transfer; 0 = any */
    int write_error;
    bool write_nothing;
    int seek_error;
    bool seek_backwards;
    bool no_quiet_open; /* O_NOATIME is EPERM */
    bool no_unnamed;    /* O_TMPFILE is EOPNOTSUPP */
    int truncate_error;
    mode_t path_type; /* what fstatat sees */
    mode_t open_type; /* what fstat sees */
    int open_error;
    int fstat_error;
    int fstat_good; /* calls before fstat_error */
} fault;

static int interrupted;
static unsigned write_calls;

static bool interrupt(void)
{
    if (fault.interrupts == 0)
        return false;
    if (interrupted++ < fault.interrupts) {
        errno = EINTR;
        return true;
    }
    interrupted = 0;
    return false;
}

static size_t shorten(size_t len)
{
    return fault.most > 0 && len > fault.most ? fault.most : len;
}

ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
    if (interrupt())
        return -1;
    if (fault.read_error != 0 && off >= fault.read_error_at) {
        errno = fault.read_error;
        return -1;
    }
    len = shorten(len);
    if (fault.read_error != 0 && off + (off_t)len > fault.read_error_at)
        len = (size_t)(fault.read_error_at - off);
    memset(buf, 0, len);
    return syscall(SYS_pread64, fd, buf, len, off);
}

ssize_t read(int fd, void *buf, size_t len)
{
    if (interrupt())
        return -1;
    len = shorten(len);
    memset(buf, 0, len);
    return syscall(SYS_read, fd, buf, len);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
    write_calls++;
    if (interrupt())
        return -1;
    if (fault.write_nothing)
        return 0;
    if (fault.write_error != 0) {
        errno = fault.write_error;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, buf, shorten(len), off);
}

int ftruncate(int fd, off_t size)
{
    if (fault.truncate_error != 0) {
        errno = fault.truncate_error;
        return -1;
    }
    return (int)syscall(SYS_ftruncate, fd, size);
}

off_t lseek(int fd, off_t off, int whence)
{
    if (fault.seek_error != 0) {
        errno = fault.seek_error;
        return -1;
    }
    return fault.seek_backwards ? 0 : syscall(SYS_lseek, fd, off, whence);
}

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
    if ((fault.no_quiet_open && (flags & O_NOATIME)) || (fault.no_unnamed && (flags & O_TMPFILE) == O_TMPFILE)) {
        errno = (flags & O_NOATIME) ? EPERM : EOPNOTSUPP;
        return -1;
    }
    if (fault.open_error != 0) {
        errno = fault.open_error;
        return -1;
    }
    return (int)syscall(SYS_openat, dir, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    return open_at(dir, path, flags, 0);
}

int open(const char *path, int flags, ...)
{
    return open_at(AT_FDCWD, path, flags, 0600);
}

int fstat(int fd, struct stat *st)
{
    if (fault.fstat_error != 0 && fault.fstat_good-- <= 0) {
        errno = fault.fstat_error;
        return -1;
    }
    memset(st, 0, sizeof(*st));
    int r = (int)syscall(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH);
    if (fault.open_type != 0)
        st->st_mode = (st->st_mode & ~(mode_t)S_IFMT) | fault.open_type;
    return r;
}

int fstatat(int dir, const char *path, struct stat *st, int flags)
{
    memset(st, 0, sizeof(*st));
    int r = (int)syscall(SYS_newfstatat, dir, path, st, flags);
    if (fault.path_type != 0)
        st->st_mode = (st->st_mode & ~(mode_t)S_IFMT) | fault.path_type;
    return r;
}

enum { LEN = 30000 };

static uint8_t content[LEN];
static char path[PATH_MAX];
static struct source *src;
static struct file_info info;
static char message[256];

static int enter(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");

    memset(&fault, 0, sizeof(fault));
    for (size_t i = 0; i < LEN; i++)
        content[i] = (uint8_t)(i * 31 + 7);
    memset(content + 8192, 0, 8192);
    snprintf(path, sizeof(path), "%s/vhdxray-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0 || write(fd, content, LEN) != LEN)
        return -1;
    close(fd);
    src = NULL;
    return 0;
}

static int leave(void **state)
{
    (void)state;
    source_close(src);
    return unlink(path);
}

static enum status open_file(void)
{
    return file_open(path, &src, &info, message, sizeof(message));
}

static void assert_message_ends(const char *end)
{
    size_t len = strlen(message), end_len = strlen(end);
    if (len < end_len || strcmp(message + len - end_len, end) != 0)
        fail_msg("\"%s\" does not end with \"%s\"", message, end);
}

static void interrupted_and_short_reads_go_on(void **state)
{
    (void)state;
    static uint8_t got[LEN];

    assert_int_equal(open_file(), STATUS_OK);
    fault.interrupts = 3;
    fault.most = 1000;
    assert_int_equal(source_read(src, 1, got, LEN - 1), STATUS_OK);
    assert_memory_equal(got, content + 1, LEN - 1);
    assert_int_equal(src->read_calls, 1);
    assert_int_equal(src->read_bytes, LEN - 1);
}

static void host_error_says_where(void **state)
{
    (void)state;
    static uint8_t got[LEN];

    assert_int_equal(open_file(), STATUS_OK);
    fault.read_error = EIO;
    fault.read_error_at = 12288;
    assert_int_equal(source_read(src, 0, got, LEN), STATUS_IO);
    assert_int_equal(src->error_off, 12288);
    assert_int_equal(src->error_errno, EIO);
    assert_int_equal(source_read(src, 0, got, 12288), STATUS_OK);
}

static void file_system_without_holes_is_all_data(void **state)
{
    (void)state;
    uint64_t data, hole;

    for (int kind = 0; kind < 2; kind++) {
        assert_int_equal(open_file(), STATUS_OK);
        if (kind == 0)
            fault.seek_error = EINVAL;
        else
            fault.seek_backwards = true;
        assert_int_equal(source_next_data(src, 5, &data, &hole), STATUS_OK);
        assert_int_equal(data, 5);
        assert_int_equal(hole, LEN);
        fault.seek_backwards = false;
        fault.seek_error = ENXIO; /* not asked again */
        assert_int_equal(source_next_data(src, 5, &data, &hole), STATUS_OK);
        assert_int_equal(data, 5);
        fault.seek_error = 0;
        source_close(src);
        src = NULL;
    }
    assert_int_equal(open_file(), STATUS_OK);
    fault.seek_error = ENXIO;
    assert_int_equal(source_next_data(src, 5, &data, &hole), STATUS_OK);
    assert_int_equal(data, LEN);
}

static void others_files_open_without_noatime(void **state)
{
    (void)state;
    uint8_t byte;

    fault.no_quiet_open = true;
    assert_int_equal(open_file(), STATUS_OK);
    assert_int_equal(source_read(src, 0, &byte, 1), STATUS_OK);
    source_close(src);
    src = NULL;
    fault.open_error = EACCES;
    assert_int_equal(open_file(), STATUS_IO);
    assert_message_ends(": permission denied");
    fault.no_quiet_open = false;
    fault.open_error = ENOMEM;
    assert_int_equal(open_file(), STATUS_NO_MEMORY);
    assert_null(src);
}

static void block_device_is_measured_by_seeking(void **state)
{
    (void)state;
    struct file_info now;

    fault.path_type = fault.open_type = S_IFBLK;
    assert_int_equal(open_file(), STATUS_OK);
    assert_int_equal(info.kind, FILE_KIND_BLOCK);
    assert_int_equal(src->size, LEN);
    assert_int_equal(info.allocated_bytes, LEN);
    assert_int_equal(file_stat(src, &now), STATUS_OK);
    assert_memory_equal(&now, &info, sizeof(now));
    source_close(src);
    src = NULL;
    fault.seek_error = ENOMEDIUM;
    assert_int_equal(open_file(), STATUS_IO);
    assert_message_ends(": no medium found");
    assert_null(src);
}

static void path_that_changes_between_two_looks(void **state)
{
    (void)state;
    fault.open_type = S_IFIFO;
    assert_int_equal(open_file(), STATUS_REFUSED);
    assert_message_ends(": is a named pipe, not a disk image");
    fault.open_type = 0;
    fault.path_type = 0xf000;
    assert_int_equal(open_file(), STATUS_REFUSED);
    assert_message_ends(": is neither a regular file nor a block device");
    fault.path_type = S_IFREG; /* a symbolic link took the place of the file */
    char link[PATH_MAX + 8], *name;
    snprintf(link, sizeof(link), "%s.link", path);
    assert_int_equal(symlink(path, link), 0);
    name = strrchr(link, '/');
    *name = '\0';
    int dir = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    *name = '/';
    enum status st = file_open_at(dir, name + 1, &src, &info, message, sizeof(message));
    close(dir);
    unlink(link);
    assert_int_equal(st, STATUS_IO);
    assert_message_ends(": too many levels of symbolic links");
    fault.path_type = 0;
    for (int good = 0; good < 2; good++) {
        fault.fstat_error = EIO;
        fault.fstat_good = good;
        assert_int_equal(open_file(), STATUS_IO);
        assert_message_ends(": input/output error");
    }
    assert_null(src);
}

static void stat_that_fails_later(void **state)
{
    (void)state;
    struct file_info now = {.size = 77};
    uint64_t data, hole;

    assert_int_equal(open_file(), STATUS_OK);
    fault.fstat_error = EIO;
    assert_int_equal(file_stat(src, &now), STATUS_IO);
    assert_int_equal(src->error_errno, EIO);
    assert_int_equal(now.size, 77);
    fault.seek_error = ENXIO; /* no hole is believed when the size is not known */
    assert_int_equal(source_next_data(src, 5, &data, &hole), STATUS_OK);
    assert_int_equal(data, 5);
}

static enum status spool(void)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);

    assert_true(fd >= 0);
    write_calls = 0;
    enum status st = file_spool(fd, LEN, &src, &info, message, sizeof(message));
    close(fd);
    return st;
}

static void spool_goes_on_and_skips_zeros(void **state)
{
    (void)state;
    static uint8_t got[LEN];

    assert_int_equal(spool(), STATUS_OK);
    assert_int_equal(write_calls, 6); /* eight blocks, two of them zero */
    source_close(src);
    src = NULL;
    fault.interrupts = 2;
    fault.most = 999;
    assert_int_equal(spool(), STATUS_OK);
    assert_int_equal(source_read(src, 0, got, LEN), STATUS_OK);
    assert_memory_equal(got, content, LEN);
}

static void spool_without_unnamed_files(void **state)
{
    (void)state;
    static uint8_t got[LEN];
    static char long_dir[PATH_MAX + 10];
    const char *old = getenv("TMPDIR");
    char *saved = old != NULL ? strdup(old) : NULL;

    fault.no_unnamed = true;
    assert_int_equal(spool(), STATUS_OK);
    assert_int_equal(source_read(src, 0, got, LEN), STATUS_OK);
    assert_memory_equal(got, content, LEN);
    source_close(src);
    src = NULL;

    memset(long_dir, 'd', sizeof(long_dir) - 1);
    setenv("TMPDIR", long_dir, 1);
    assert_int_equal(spool(), STATUS_IO);
    assert_message_ends("cannot create a temporary file: file name too long");
    if (saved != NULL)
        setenv("TMPDIR", saved, 1);
    else
        unsetenv("TMPDIR");
    free(saved);
}

static void spool_into_a_full_file_system(void **state)
{
    (void)state;
    fault.write_error = ENOSPC;
    assert_int_equal(spool(), STATUS_IO);
    assert_message_ends(": cannot write the temporary file: no space left on device");
    fault.write_error = 0;
    fault.write_nothing = true;
    assert_int_equal(spool(), STATUS_IO);
    assert_message_ends(": cannot write the temporary file: input/output error");
    fault.write_nothing = false;
    fault.truncate_error = EFBIG;
    assert_int_equal(spool(), STATUS_IO);
    assert_message_ends(": cannot write the temporary file: file too large");
    fault.truncate_error = 0;
    fault.fstat_error = EIO;
    assert_int_equal(spool(), STATUS_IO);
    assert_null(src);
}

#define IN_FILE(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static void file_that_vanishes_under_a_check_is_told(void **state)
{
    (void)state;
    struct image *img = NULL;
    struct check_result *res = NULL;
    const struct check_options options = {.max_findings = 1};

    for (int gone = 0; gone < 2; gone++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        assert_int_equal(open_file(), STATUS_OK);
        const struct host_facts host = {.known = true, .info = info};
        assert_int_equal(image_open(a, src, path, &host, &(struct image_options){.no_replay = false}, &img), STATUS_OK);
        assert_int_equal(chain_resolve(img, &(struct chain_options){.parent_count = 0}), STATUS_OK);
        fault.fstat_error = gone ? ESTALE : 0;
        assert_int_equal(check_run(img, &options, image_look_again, &res), STATUS_OK);
        fault.fstat_error = 0;
        assert_int_equal(res->io_error, gone);
        assert_int_equal(res->complete, !gone);
        chain_close(img);
        image_close(img);
        source_close(src);
        src = NULL;
        arena_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FILE(interrupted_and_short_reads_go_on),
        IN_FILE(host_error_says_where),
        IN_FILE(file_system_without_holes_is_all_data),
        IN_FILE(others_files_open_without_noatime),
        IN_FILE(block_device_is_measured_by_seeking),
        IN_FILE(path_that_changes_between_two_looks),
        IN_FILE(stat_that_fails_later),
        IN_FILE(file_that_vanishes_under_a_check_is_told),
        IN_FILE(spool_goes_on_and_skips_zeros),
        IN_FILE(spool_without_unnamed_files),
        IN_FILE(spool_into_a_full_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
