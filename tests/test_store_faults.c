/* SPDX-License-Identifier: MIT */
/*
 * A host file that is written, on a host that misbehaves: file systems without holes, without locks, with directories
 * that cannot be synced, interrupted calls, a path that changes between two looks, a generator that fails. The
 * functions of the C library are defined here, so the linker prefers them; each makes the real system call unless
 * `fault` asks for something else.
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
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "fresh_dir.h"
#include "io/entropy.h"
#include "io/host.h"
#include "io/store.h"

enum { LEN = 64 * 1024 };

static struct {
    int punch, flock, fsync, resize, random; /* errno of the call; 0: it works */
    int interrupts;                          /* that many calls end with EINTR first */
    unsigned punches;                        /* tried */
    mode_t open_type;                        /* what fstat sees */
    off_t open_size;                         /* -1: what a host says that is broken */
    int fstat_error;
} fault;

static char dir[PATH_MAX], path[PATH_MAX + 8], message[512];

static int result_of(int error, long number)
{
    if (fault.interrupts > 0) {
        fault.interrupts--;
        errno = EINTR;
        return -1;
    }
    if (error != 0) {
        errno = error;
        return -1;
    }
    return (int)number;
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
    fault.punches++;
    int r = result_of(fault.punch, 0);
    return r != 0 ? r : (int)syscall(SYS_fallocate, fd, mode, off, len);
}

int flock(int fd, int how)
{
    int r = result_of(fault.flock, 0);
    return r != 0 ? r : (int)syscall(SYS_flock, fd, how);
}

int fsync(int fd)
{
    int r = result_of(fault.fsync, 0);
    return r != 0 ? r : (int)syscall(SYS_fsync, fd);
}

int ftruncate(int fd, off_t size)
{
    int r = result_of(fault.resize, 0);
    return r != 0 ? r : (int)syscall(SYS_ftruncate, fd, size);
}

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
    int r = result_of(fault.random, 0);
    return r != 0 ? r : syscall(SYS_getrandom, buf, len, flags);
}

int fstat(int fd, struct stat *st)
{
    if (fault.fstat_error != 0) {
        errno = fault.fstat_error;
        return -1;
    }
    memset(st, 0, sizeof(*st));
    int r = (int)syscall(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH);
    if (fault.open_type != 0)
        st->st_mode = (st->st_mode & ~(mode_t)S_IFMT) | fault.open_type;
    if (fault.open_size != 0)
        st->st_size = fault.open_size;
    return r;
}

static int set_up(void **state)
{
    (void)state;
    memset(&fault, 0, sizeof(fault));
    if (!fresh_dir_make(dir))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/file", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    memset(&fault, 0, sizeof(fault));
    (void)unlink(path);
    return rmdir(dir);
}

static struct store *open_store(enum store_open how)
{
    struct store *s = NULL;
    struct file_info info;
    assert_int_equal(store_open_file(path, how, &s, &info, message, sizeof(message)), STATUS_OK);
    return s;
}

static enum status try_store(enum store_open how)
{
    struct store *s = NULL;
    struct file_info info;
    enum status st = store_open_file(path, how, &s, &info, message, sizeof(message));
    store_close(s);
    return st;
}

/* Ones from end to end. */
static struct store *filled(void)
{
    static uint8_t ones[LEN];
    struct store *s = open_store(STORE_NEW);
    memset(ones, 1, sizeof(ones));
    assert_int_equal(store_resize(s, LEN), STATUS_OK);
    assert_int_equal(store_write(s, 0, ones, sizeof(ones)), STATUS_OK);
    assert_int_equal(store_write(s, 0, NULL, 0), STATUS_OK);
    return s;
}

static void assert_zeroed(struct store *s)
{
    uint8_t bytes[LEN];
    assert_int_equal(source_read(s->source, 0, bytes, sizeof(bytes)), STATUS_OK);
    for (size_t i = 0; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], i < 4096 || i >= LEN - 4096 ? 1 : 0);
}

/* Where holes cannot be made, zeros are written; it is tried once. */
static void file_systems_without_holes(void **state)
{
    static const int errors[] = {EOPNOTSUPP, ENOSYS, EINVAL, EPERM};
    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct store *s = filled();
        fault.punch = errors[i];
        fault.punches = 0;
        assert_int_equal(store_zero(s, 4096, LEN - 8192), STATUS_OK);
        assert_int_equal(store_zero(s, 8192, 4096), STATUS_OK);
        assert_int_equal(fault.punches, 1);
        assert_zeroed(s);
        store_close(s);
        (void)unlink(path);
    }
}

static void calls_that_are_interrupted_or_fail(void **state)
{
    struct store *s = filled();
    (void)state;
    fault.interrupts = 3;
    assert_int_equal(store_zero(s, 4096, LEN - 8192), STATUS_OK);
    assert_zeroed(s);
    fault.interrupts = 3;
    assert_int_equal(store_resize(s, LEN + 4096), STATUS_OK);
    assert_int_equal(store_size(s), LEN + 4096);
    fault.resize = EFBIG;
    assert_int_equal(store_resize(s, 2 * LEN), STATUS_IO);
    assert_int_equal(store_size(s), LEN + 4096);
    fault.punch = EIO;
    assert_int_equal(store_zero(s, 4096, 4096), STATUS_IO);
    assert_int_equal(s->error_errno, EIO);
    assert_int_equal(s->error_off, 4096);
    store_close(s);
}

/* A directory that has no sync of its own is fine; one whose sync fails leaves every later one in doubt. */
static void directories_that_cannot_be_synced(void **state)
{
    struct store *s = filled();
    (void)state;
    fault.fsync = EINVAL;
    assert_int_equal(store_sync(s), STATUS_OK);
    store_close(s);
    (void)unlink(path);
    s = filled();
    fault.fsync = EIO;
    assert_int_equal(store_sync(s), STATUS_IO);
    fault.fsync = 0;
    assert_int_equal(store_sync(s), STATUS_IO);
    store_close(s);
}

static void file_systems_without_locks(void **state)
{
    static const int none[] = {ENOLCK, EOPNOTSUPP, EINVAL, ENOSYS, EBADF};
    (void)state;
    store_close(filled());
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        fault.flock = none[i];
        assert_int_equal(try_store(STORE_EXISTING), STATUS_OK); /* the other kind of lock is there */
    }
    fault.flock = EWOULDBLOCK;
    assert_int_equal(try_store(STORE_EXISTING), STATUS_REFUSED);
    assert_non_null(strstr(message, "is in use"));
    fault.flock = EIO;
    assert_int_equal(try_store(STORE_EXISTING), STATUS_IO);
    assert_non_null(strstr(message, "cannot be locked"));
}

/* A file that was made and then could not be used is gone again. */
static void new_files_that_cannot_be_used(void **state)
{
    (void)state;
    fault.flock = EIO;
    assert_int_equal(try_store(STORE_NEW), STATUS_IO);
    assert_int_equal(access(path, F_OK), -1);
    fault.flock = 0;
    fault.open_type = S_IFIFO;
    assert_int_equal(try_store(STORE_NEW), STATUS_REFUSED);
    assert_int_equal(access(path, F_OK), -1);
}

static void paths_that_change_between_two_looks(void **state)
{
    (void)state;
    store_close(filled());
    fault.open_type = S_IFCHR;
    assert_int_equal(try_store(STORE_EXISTING), STATUS_REFUSED);
    fault.open_type = 0;
    fault.fstat_error = EIO;
    assert_int_equal(try_store(STORE_EXISTING), STATUS_IO);
    fault.fstat_error = 0;
    fault.open_size = -1;
    assert_int_not_equal(try_store(STORE_EXISTING), STATUS_OK);
}

/* A program that runs cannot be opened for writing; in an emulator it is a file like any other. */
static void files_that_run(void **state)
{
    struct store *s = NULL;
    struct file_info info;
    char self[PATH_MAX] = "";
    (void)state;
    assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    int fd = open(self, O_RDWR | O_CLOEXEC);
    assert_int_equal(store_open_file(self, STORE_EXISTING, &s, &info, message, sizeof(message)) == STATUS_OK, fd >= 0);
    if (fd < 0)
        assert_non_null(strstr(message, "cannot be opened for writing"));
    else
        assert_int_equal(close(fd), 0);
    store_close(s);
}

static void directories_of_paths(void **state)
{
    static const struct {
        const char *path, *directory;
    } rows[] = {{"x", "."}, {"/x", "/"}, {"/proc/self", "/proc"}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stat a, b;
        int fd = host_open_directory_of(rows[i].path);
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &a), 0);
        assert_int_equal(stat(rows[i].directory, &b), 0);
        assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
        close(fd);
    }
    assert_int_equal(host_open_directory_of("/nowhere/at/all"), -1);
}

static void random_numbers_that_do_not_come(void **state)
{
    struct entropy e = entropy_host();
    struct guid g;
    (void)state;
    fault.interrupts = 2;
    assert_int_equal(entropy_guid(&e, &g), STATUS_OK);
    fault.random = ENOSYS;
    assert_int_equal(entropy_guid(&e, &g), STATUS_IO);
}

/* Names are shown with nothing in them that a terminal acts on, the end of long ones. */
static void long_names_in_messages(void **state)
{
    char name[600], text[256];
    (void)state;
    for (unsigned shift = 0; shift < 2; shift++) { /* whatever the cut falls on */
        memset(name, 'x', sizeof(name));
        for (size_t i = shift; i + 2 < sizeof(name); i += 2)
            memcpy(name + i, "\xc3\xa4", 2);
        name[sizeof(name) - 1] = '\0';
        host_say(text, sizeof(text), name, "is long");
        assert_true(strlen(text) < sizeof(text));
        assert_non_null(strstr(text, "is long"));
        for (size_t i = 0; text[i] != '\0'; i++)
            if (text[i] == '\xa4')
                assert_true(i > 0 && text[i - 1] == '\xc3');
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(file_systems_without_holes),
        TEST(calls_that_are_interrupted_or_fail),
        TEST(directories_that_cannot_be_synced),
        TEST(file_systems_without_locks),
        TEST(new_files_that_cannot_be_used),
        TEST(paths_that_change_between_two_looks),
        TEST(files_that_run),
        TEST(directories_of_paths),
        TEST(random_numbers_that_do_not_come),
        TEST(long_names_in_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
