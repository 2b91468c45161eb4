/* SPDX-License-Identifier: MIT */
/*
 * Host files that are changed, on a real file system and on one that misbehaves (the C library's functions that
 * io/store_file.c calls are defined here and make the real call unless `fault` asks for something else), and the
 * random bytes that changes use.
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fresh_dir.h"
#include "io/copy.h"
#include "io/entropy.h"
#include "io/store.h"

static struct {
    int write_error;
    int64_t write_good; /* bytes before write_error */
    size_t most;        /* bytes per write; 0 = any */
    int punch_error;
    int sync_error;
    int flock_error;
    int fcntl_error;
    int truncate_error;
    int copy_error;
} fault;

static unsigned data_syncs, directory_syncs, kernel_copies;

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
    if (fault.most > 0 && len > fault.most)
        len = fault.most;
    if (fault.write_error != 0) {
        if (fault.write_good <= 0) {
            errno = fault.write_error;
            return -1;
        }
        if ((int64_t)len > fault.write_good)
            len = (size_t)fault.write_good;
        fault.write_good -= (int64_t)len;
    }
    return syscall(SYS_pwrite64, fd, buf, len, off);
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
    if (fault.punch_error != 0) {
        errno = fault.punch_error;
        return -1;
    }
    return (int)syscall(SYS_fallocate, fd, mode, off, len);
}

int fdatasync(int fd)
{
    data_syncs++;
    if (fault.sync_error != 0) {
        errno = fault.sync_error;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    struct stat st;

    memset(&st, 0, sizeof(st));
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        directory_syncs++;
    return (int)syscall(SYS_fsync, fd);
}

int ftruncate(int fd, off_t size)
{
    if (fault.truncate_error != 0) {
        errno = fault.truncate_error;
        return -1;
    }
    return (int)syscall(SYS_ftruncate, fd, size);
}

int flock(int fd, int how)
{
    if (fault.flock_error != 0) {
        errno = fault.flock_error;
        return -1;
    }
    return (int)syscall(SYS_flock, fd, how);
}

int fcntl(int fd, int command, ...)
{
    va_list ap;

    va_start(ap, command);
    long arg = va_arg(ap, long);
    va_end(ap);
    if (command == F_OFD_SETLK && fault.fcntl_error != 0) {
        errno = fault.fcntl_error;
        return -1;
    }
    return (int)syscall(SYS_fcntl, fd, command, arg);
}

ssize_t copy_file_range(int in, off64_t *in_off, int out, off64_t *out_off, size_t len, unsigned flags)
{
    if (fault.copy_error != 0) {
        errno = fault.copy_error;
        return -1;
    }
    kernel_copies++;
    return syscall(SYS_copy_file_range, in, in_off, out, out_off, len < 5000 ? len : 5000, flags);
}

enum { LEN = 20000 };

static uint8_t content[LEN];
static char dir[PATH_MAX], path[PATH_MAX + 16];
static struct store *store;
static struct file_info info;
static char message[256];

static void make_file(void)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, LEN), LEN);
    close(fd);
}

static int enter(void **state)
{
    (void)state;
    memset(&fault, 0, sizeof(fault));
    data_syncs = directory_syncs = kernel_copies = 0;
    for (size_t i = 0; i < LEN; i++)
        content[i] = (uint8_t)(i * 31 + 7);
    if (!fresh_dir_make(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/disk", dir);
    store = NULL;
    return 0;
}

static int leave(void **state)
{
    (void)state;
    store_close(store);
    unlink(path);
    return rmdir(dir);
}

static enum status open_as(enum store_open how)
{
    message[0] = '\0';
    return store_open_file(path, how, &store, &info, message, sizeof(message));
}

static void assert_message_ends(const char *end)
{
    size_t len = strlen(message), end_len = strlen(end);

    if (len < end_len || strcmp(message + len - end_len, end) != 0)
        fail_msg("\"%s\" does not end with \"%s\"", message, end);
}

/* What another program would read. */
static void assert_file(const uint8_t *want, size_t len)
{
    static uint8_t got[4 * LEN];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, got, sizeof(got));

    close(fd);
    assert_int_equal(n, len);
    assert_memory_equal(got, want, len);
}

static void writes_are_read_back(void **state)
{
    (void)state;
    static uint8_t want[LEN + 5000], got[LEN + 5000];

    make_file();
    assert_int_equal(open_as(STORE_EXISTING), STATUS_OK);
    assert_int_equal(info.size, LEN);
    assert_int_equal(store_size(store), LEN);
    memcpy(want, content, LEN);
    memset(want + 100, 1, 300);
    assert_int_equal(store_write(store, 100, want + 100, 300), STATUS_OK);
    memset(want + LEN + 1000, 2, 50); /* the gap reads as zeros */
    assert_int_equal(store_write(store, LEN + 1000, want + LEN + 1000, 50), STATUS_OK);
    assert_int_equal(store_size(store), LEN + 1050);
    assert_int_equal(source_read(store->source, 0, got, LEN + 1050), STATUS_OK);
    assert_memory_equal(got, want, LEN + 1050);
    memset(want + 5000, 0, 9000);
    assert_int_equal(store_zero(store, 5000, 9000), STATUS_OK);
    assert_file(want, LEN + 1050);
    assert_int_equal(store_resize(store, LEN + 5000), STATUS_OK);
    assert_file(want, LEN + 5000);
    assert_int_equal(store_resize(store, 77), STATUS_OK);
    assert_int_equal(store_size(store), 77);
    assert_file(want, 77);
    assert_int_equal(store_sync(store), STATUS_OK);
    assert_int_equal(data_syncs, 1);
    assert_int_equal(directory_syncs, 0);
    assert_int_equal(store_zero(store, 70, 8), STATUS_RANGE);
    assert_int_equal(store_write(store, INT64_MAX, want, 1), STATUS_RANGE);
    assert_file(want, 77);
}

static void zeroed_range_is_a_hole(void **state)
{
    (void)state;
    uint64_t data = 0, hole = 0;
    struct stat before, after;

    make_file();
    assert_int_equal(open_as(STORE_EXISTING), STATUS_OK);
    memset(&before, 0, sizeof(before));
    memset(&after, 0, sizeof(after));
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(store_zero(store, 0, 16384), STATUS_OK);
    if (stat(path, &after) != 0 || after.st_blocks >= before.st_blocks)
        skip(); /* a file system without holes */
    assert_int_equal(source_next_data(store->source, 0, &data, &hole), STATUS_OK);
    assert_int_equal(data, 16384);
}

static void zeros_are_written_where_holes_cannot_be(void **state)
{
    (void)state;
    static uint8_t want[LEN];

    make_file();
    fault.punch_error = EOPNOTSUPP;
    assert_int_equal(open_as(STORE_EXISTING), STATUS_OK);
    memcpy(want, content, LEN);
    memset(want + 1, 0, LEN - 2);
    assert_int_equal(store_zero(store, 1, LEN - 2), STATUS_OK);
    assert_file(want, LEN);
    fault.punch_error = 0;
    fault.write_error = EIO;
    assert_int_equal(store_zero(store, 0, 1), STATUS_IO); /* not tried again */
    assert_int_equal(store->error_errno, EIO);
}

static void failed_punch_is_an_error(void **state)
{
    (void)state;
    make_file();
    fault.punch_error = ENOSPC;
    assert_int_equal(open_as(STORE_EXISTING), STATUS_OK);
    assert_int_equal(store_zero(store, 4096, 10), STATUS_IO);
    assert_int_equal(store->error_off, 4096);
    assert_int_equal(store->error_errno, ENOSPC);
    assert_file(content, LEN);
}

static void full_host_says_where(void **state)
{
    (void)state;
    static uint8_t more[5000];

    make_file();
    assert_int_equal(open_as(STORE_EXISTING), STATUS_OK);
    fault.write_error = ENOSPC;
    fault.write_good = 3000;
    fault.most = 1000;
    assert_int_equal(store_write(store, LEN, more, sizeof(more)), STATUS_IO);
    assert_int_equal(store->error_off, LEN + 3000);
    assert_int_equal(store->error_errno, ENOSPC);
    assert_int_equal(store_size(store), LEN + 3000); /* as long as the file really is */
    fault.truncate_error = EFBIG;
    assert_int_equal(store_resize(store, 5), STATUS_IO);
    assert_int_equal(store->error_errno, EFBIG);
    assert_int_equal(store_size(store), LEN + 3000);
    fault.truncate_error = 0;
    assert_int_equal(store_resize(store, LEN), STATUS_OK);
    assert_file(content, LEN);
}

static void failed_sync_stays_failed(void **state)
{
    (void)state;
    make_file();
    assert_int_equal(open_as(STORE_EXISTING), STATUS_OK);
    fault.sync_error = EIO;
    assert_int_equal(store_sync(store), STATUS_IO);
    fault.sync_error = 0;
    assert_int_equal(store_sync(store), STATUS_IO);
    assert_int_equal(store->error_errno, EIO);
    assert_int_equal(data_syncs, 1);
}

static void new_file_syncs_its_directory_once(void **state)
{
    (void)state;
    assert_int_equal(open_as(STORE_NEW), STATUS_OK);
    assert_int_equal(store_size(store), 0);
    assert_int_equal(store_write(store, 0, "x", 1), STATUS_OK);
    assert_int_equal(store_sync(store), STATUS_OK);
    assert_int_equal(directory_syncs, 1);
    assert_int_equal(store_sync(store), STATUS_OK);
    assert_int_equal(directory_syncs, 1);
    store_close(store);
    store = NULL;
    assert_int_equal(open_as(STORE_NEW), STATUS_REFUSED);
    assert_message_ends("exists already");
    assert_file((const uint8_t *)"x", 1);
}

static void what_cannot_be_opened_is_said(void **state)
{
    (void)state;
    assert_int_equal(open_as(STORE_EXISTING), STATUS_NOT_FOUND);
    assert_message_ends("cannot be opened for writing: no such file or directory");
    assert_int_equal(mkfifo(path, 0644), 0);
    assert_int_equal(open_as(STORE_EXISTING), STATUS_REFUSED);
    assert_message_ends("is a named pipe, not a disk image");
    unlink(path);
    assert_int_equal(store_open_file(dir, STORE_EXISTING, &store, &info, message, sizeof(message)), STATUS_REFUSED);
    assert_message_ends("is a directory, not a disk image");
    assert_int_equal(store_open_file("/nowhere/at/all", STORE_NEW, &store, &info, message, sizeof(message)),
                     STATUS_NOT_FOUND);
    assert_message_ends("cannot be created: no such file or directory");
    make_file();
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(open_as(STORE_EXISTING), geteuid() == 0 ? STATUS_REFUSED : STATUS_IO);
    if (geteuid() == 0)
        assert_message_ends("is marked read-only (nobody has write permission)");
    assert_file(content, LEN);
}

static void link_is_followed_and_reported(void **state)
{
    (void)state;
    char link[PATH_MAX + 32];

    make_file();
    snprintf(link, sizeof(link), "%s.link", path);
    assert_int_equal(symlink("disk", link), 0);
    assert_int_equal(store_open_file(link, STORE_NEW, &store, &info, message, sizeof(message)), STATUS_REFUSED);
    enum status st = store_open_file(link, STORE_EXISTING, &store, &info, message, sizeof(message));
    unlink(link);
    assert_int_equal(st, STATUS_OK);
    assert_true(info.symlink);
    assert_int_equal(store_write(store, 0, "new", 3), STATUS_OK);
    memcpy(content, "new", 3);
    assert_file(content, LEN);
}

/* Another program, holding a lock of the given kind. */
static pid_t hold(bool ofd, int *ret_pipe)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct flock byte = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1};
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        int held = ofd ? fcntl(fd, F_OFD_SETLK, &byte) : flock(fd, LOCK_SH);
        char go = held == 0 ? 'y' : 'n';
        if (write(ends[1], &go, 1) == 1) {
            for (;;)
                pause();
        }
        _exit(1);
    }
    char said = 0;
    assert_int_equal(read(ends[0], &said, 1), 1);
    assert_int_equal(said, 'y');
    close(ends[1]);
    *ret_pipe = ends[0];
    return pid;
}

static void locked_file_is_left_alone(void **state)
{
    (void)state;
    struct store *second = NULL;

    make_file();
    for (int ofd = 0; ofd < 2; ofd++) { /* one byte locked for reading is how QEMU says that it has an image open */
        int pipe_end = -1, ended = 0;
        pid_t pid = hold(ofd != 0, &pipe_end);
        assert_int_equal(open_as(STORE_EXISTING), STATUS_REFUSED);
        assert_message_ends("is in use: another program has it open and locked");
        kill(pid, SIGKILL);
        waitpid(pid, &ended, 0);
        close(pipe_end);
    }
    assert_int_equal(open_as(STORE_EXISTING), STATUS_OK);
    assert_int_equal(store_open_file(path, STORE_EXISTING, &second, &info, message, sizeof(message)), STATUS_REFUSED);
    store_close(store);
    assert_int_equal(open_as(STORE_EXISTING), STATUS_OK);
}

static void one_kind_of_lock_is_enough(void **state)
{
    (void)state;
    make_file();
    for (int kind = 0; kind < 2; kind++) {
        fault.fcntl_error = kind == 0 ? EOPNOTSUPP : 0;
        fault.flock_error = kind == 1 ? ENOLCK : 0;
        assert_int_equal(open_as(STORE_EXISTING), STATUS_OK);
        store_close(store);
        store = NULL;
    }
    fault.fcntl_error = EINVAL;
    assert_int_equal(open_as(STORE_EXISTING), STATUS_IO);
    assert_message_ends("cannot be locked: no locks available");
    unlink(path);
    assert_int_equal(open_as(STORE_NEW), STATUS_IO);
    assert_int_equal(access(path, F_OK), -1); /* nothing is left behind */
}

/* Data at the start and the end, a hole of a megabyte between; into the file of the test. */
static struct source *sparse_file(char *name, size_t size)
{
    struct source *s = NULL;

    (void)snprintf(name, size, "%s/from", dir);
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(syscall(SYS_pwrite64, fd, content, LEN, (off_t)0), LEN);
    assert_int_equal(syscall(SYS_pwrite64, fd, content, LEN, (off_t)1 << 20), LEN);
    assert_int_equal(syscall(SYS_ftruncate, fd, (off_t)(3 << 20) + 17), 0);
    close(fd);
    assert_int_equal(file_open(name, &s, &info, message, sizeof(message)), STATUS_OK);
    return s;
}

static bool count_bytes(void *ctx, uint64_t bytes)
{
    uint64_t *left = (uint64_t *)ctx;

    if (bytes > *left)
        return false;
    *left -= bytes;
    return true;
}

static void expect_copy(struct source *from)
{
    static uint8_t a[64 * 1024], b[64 * 1024];

    assert_int_equal(store_size(store), from->size);
    for (uint64_t off = 0; off < from->size; off += sizeof(a)) {
        size_t n = from->size - off < sizeof(a) ? (size_t)(from->size - off) : sizeof(a);
        assert_int_equal(source_read(from, off, a, n), STATUS_OK);
        assert_int_equal(source_read(store->source, off, b, n), STATUS_OK);
        assert_memory_equal(a, b, n);
    }
}

static void files_are_copied_sparse(void **state)
{
    (void)state;
    char name[PATH_MAX + 32];
    struct source *from = sparse_file(name, sizeof(name));

    for (int way = 0; way < 2; way++) { /* inside the kernel, in short pieces; through a buffer */
        uint64_t left = 4 * LEN;
        fault.copy_error = way == 0 ? 0 : EXDEV;
        kernel_copies = 0;
        assert_int_equal(open_as(STORE_NEW), STATUS_OK);
        assert_int_equal(store_copy(store, from, count_bytes, &left), STATUS_OK);
        expect_copy(from);
        assert_int_equal(store_copy(store, from, NULL, NULL), STATUS_INTERNAL); /* it is not empty any more */
        store_close(store);
        store = NULL;
        unlink(path);
    }
    uint64_t none = 100;
    assert_int_equal(open_as(STORE_NEW), STATUS_OK);
    assert_int_equal(store_copy(store, from, count_bytes, &none), STATUS_LIMIT);
    store_close(store);
    unlink(path);
    assert_int_equal(open_as(STORE_NEW), STATUS_OK);
    fault.write_error = ENOSPC;
    fault.write_good = 1000;
    assert_int_equal(store_copy(store, from, NULL, NULL), STATUS_IO);
    assert_int_equal(store->error_errno, ENOSPC);
    source_close(from);
    unlink(name);
}

static void bytes_of_a_program_are_copied(void **state)
{
    (void)state;
    struct mem_extent e[] = {{.off = 100, .ptr = content, .len = 5000}, {.off = 70000, .ptr = content, .len = 1}};
    struct source *from = extents_open(e, 2, 90000);

    assert_int_equal(open_as(STORE_NEW), STATUS_OK);
    assert_int_equal(store_copy(store, from, NULL, NULL), STATUS_OK);
    assert_int_equal(kernel_copies, 0);
    expect_copy(from);
    source_close(from);
}

static void seeded_bytes_repeat(void **state)
{
    (void)state;
    struct entropy a = entropy_seeded(0), b = entropy_seeded(0), c = entropy_seeded(1);
    struct guid g[3];

    /* The first number of SplitMix64 for the seed 0, low byte first. */
    static const uint8_t first[] = {0xaf, 0xcd, 0x1d, 0x7b, 0x39, 0xa8, 0x20, 0xe2};
    uint8_t bytes[8], odd[3];
    struct entropy d = entropy_seeded(0);
    assert_int_equal(d.fill(&d, bytes, 8), STATUS_OK);
    assert_memory_equal(bytes, first, 8);
    d = entropy_seeded(0);
    assert_int_equal(d.fill(&d, odd, 3), STATUS_OK);
    assert_memory_equal(odd, first, 3);

    assert_int_equal(entropy_guid(&a, &g[0]), STATUS_OK);
    assert_int_equal(entropy_guid(&b, &g[1]), STATUS_OK);
    assert_int_equal(entropy_guid(&c, &g[2]), STATUS_OK);
    assert_true(guid_equal(&g[0], &g[1]));
    assert_false(guid_equal(&g[0], &g[2]));
    assert_int_equal(entropy_guid(&a, &g[1]), STATUS_OK);
    assert_false(guid_equal(&g[0], &g[1]));
}

static void host_guids_are_version_4(void **state)
{
    (void)state;
    struct entropy e = entropy_host();
    struct guid a, b;
    char text[GUID_TEXT_SIZE];

    for (int i = 0; i < 100; i++) {
        assert_int_equal(entropy_guid(&e, &a), STATUS_OK);
        assert_int_equal(entropy_guid(&e, &b), STATUS_OK);
        assert_false(guid_equal(&a, &b));
        (void)guid_text(&a, text);
        assert_int_equal(text[14], '4');
        assert_non_null(strchr("89ab", text[19]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_are_read_back, enter, leave),
        cmocka_unit_test_setup_teardown(zeroed_range_is_a_hole, enter, leave),
        cmocka_unit_test_setup_teardown(zeros_are_written_where_holes_cannot_be, enter, leave),
        cmocka_unit_test_setup_teardown(failed_punch_is_an_error, enter, leave),
        cmocka_unit_test_setup_teardown(full_host_says_where, enter, leave),
        cmocka_unit_test_setup_teardown(failed_sync_stays_failed, enter, leave),
        cmocka_unit_test_setup_teardown(new_file_syncs_its_directory_once, enter, leave),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_said, enter, leave),
        cmocka_unit_test_setup_teardown(link_is_followed_and_reported, enter, leave),
        cmocka_unit_test_setup_teardown(locked_file_is_left_alone, enter, leave),
        cmocka_unit_test_setup_teardown(one_kind_of_lock_is_enough, enter, leave),
        cmocka_unit_test_setup_teardown(files_are_copied_sparse, enter, leave),
        cmocka_unit_test_setup_teardown(bytes_of_a_program_are_copied, enter, leave),
        cmocka_unit_test(seeded_bytes_repeat),
        cmocka_unit_test(host_guids_are_version_4),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
