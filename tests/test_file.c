/* SPDX-License-Identifier: MIT */
/* Host files: what is opened and what is refused, in which words; holes; files that change; pipes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fresh_dir.h"
#include "io/source.h"

/* Every test runs inside a fresh directory, so names are short. */
static char dir[PATH_MAX];
static int dir_fd;
static struct source *src;
static struct file_info info;
static char message[256];

static int enter(void **state)
{
    (void)state;
    if (!fresh_dir_make(dir) || chdir(dir) != 0)
        return -1;
    dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    src = NULL;
    memset(&info, 0, sizeof(info));
    memset(message, '?', sizeof(message));
    return dir_fd >= 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    source_close(src);
    close(dir_fd);
    return !fresh_dir_remove(dir);
}

static void make_file(const char *name, const void *bytes, size_t len)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static enum status open_path(const char *path)
{
    return file_open(path, &src, &info, message, sizeof(message));
}

static void regular_file(void **state)
{
    (void)state;
    struct file_info again;
    struct stat st;
    char buf[16] = "";

    make_file("web.vhdx", "0123456789", 10);
    assert_int_equal(stat("web.vhdx", &st), 0);
    assert_int_equal(open_path("web.vhdx"), STATUS_OK);
    assert_int_equal(src->size, 10);
    assert_int_equal(info.kind, FILE_KIND_REGULAR);
    assert_int_equal(info.size, 10);
    assert_int_equal(info.inode, st.st_ino);
    assert_int_equal(info.device, st.st_dev);
    assert_int_equal(info.mtime_sec, st.st_mtim.tv_sec);
    assert_int_equal(info.mtime_nsec, st.st_mtim.tv_nsec);
    assert_int_equal(info.allocated_bytes, st.st_blocks * 512);
    assert_false(info.symlink);
    assert_int_equal(source_read(src, 2, buf, 5), STATUS_OK);
    assert_string_equal(buf, "23456");
    assert_int_equal(source_read(src, 6, buf, 5), STATUS_RANGE);
    assert_int_equal(src->read_calls, 1);
    assert_int_equal(src->read_bytes, 5);
    assert_int_equal(file_stat(src, &again), STATUS_OK);
    assert_memory_equal(&again, &info, sizeof(info));
}

static void empty_file(void **state)
{
    (void)state;
    uint64_t data = 1, hole = 1;

    make_file("empty", "", 0);
    assert_int_equal(open_path("empty"), STATUS_OK);
    assert_int_equal(src->size, 0);
    assert_int_equal(source_next_data(src, 0, &data, &hole), STATUS_OK);
    assert_int_equal(data, 0);
    assert_int_equal(hole, 0);
}

static void refusals_say_what_it_is(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "sock"};
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char long_name[300];

    assert_int_equal(bind(sock, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(mkdir("dir", 0700), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(symlink("missing", "dangling"), 0);
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_int_equal(symlink("dir", "to-dir"), 0);
    make_file("plain", "x", 1);
    memset(long_name, 'n', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';

    const struct {
        const char *path;
        enum status st;
        const char *message;
    } cases[] = {
        {"web.vhdx", STATUS_NOT_FOUND, "web.vhdx: no such file or directory"},
        {"plain/web.vhdx", STATUS_NOT_FOUND, "plain/web.vhdx: not a directory"},
        {"", STATUS_NOT_FOUND, "file: no such file or directory"},
        {"dir", STATUS_REFUSED, "dir: is a directory, not a disk image"},
        {"to-dir", STATUS_REFUSED, "to-dir: is a directory, not a disk image"},
        {"fifo", STATUS_REFUSED, "fifo: is a named pipe, not a disk image"},
        {"sock", STATUS_REFUSED, "sock: is a socket, not a disk image"},
        {"/dev/null", STATUS_REFUSED, "/dev/null: is a character device, not a disk image"},
        {"dangling", STATUS_NOT_FOUND, "dangling: is a symbolic link to a missing file"},
        {"loop", STATUS_IO, "loop: too many levels of symbolic links"},
        {"a\x1b[2Jb\nc\xff\xe2\x80\xae", STATUS_NOT_FOUND,
         "a\\u{1b}[2Jb\\u{a}c\\x{ff}\\u{202e}: no such file or directory"},
        {long_name, STATUS_IO, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(open_path(cases[i].path), cases[i].st);
        assert_null(src);
        if (cases[i].message != NULL)
            assert_string_equal(message, cases[i].message);
    }
    assert_memory_equal(message, "...nnnn", 7);
    assert_non_null(strstr(message, "nnn: file name too long"));
    assert_true(strlen(message) < 200);

    /* The smallest buffers, and none. */
    assert_int_equal(file_open("dir", &src, &info, message, 5), STATUS_REFUSED);
    assert_string_equal(message, "dir:");
    assert_int_equal(file_open("dir", &src, &info, NULL, 0), STATUS_REFUSED);
    close(sock);
}

static void no_permission(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip();
    make_file("secret", "x", 1);
    assert_int_equal(chmod("secret", 0), 0);
    assert_int_equal(open_path("secret"), STATUS_IO);
    assert_string_equal(message, "secret: permission denied");
}

static void symbolic_link_is_followed_and_told(void **state)
{
    (void)state;
    make_file("web.vhdx", "abc", 3);
    assert_int_equal(symlink("web.vhdx", "link"), 0);
    assert_int_equal(open_path("link"), STATUS_OK);
    assert_true(info.symlink);
    assert_int_equal(info.kind, FILE_KIND_REGULAR);
    assert_int_equal(src->size, 3);

    struct file_info again;
    assert_int_equal(file_stat(src, &again), STATUS_OK);
    assert_true(again.symlink);
}

static enum status open_name(const char *name)
{
    return file_open_at(dir_fd, name, &src, &info, message, sizeof(message));
}

static void open_at_stays_in_its_directory(void **state)
{
    (void)state;
    char byte = 0;

    make_file("web.vhdx", "abc", 3);
    assert_int_equal(symlink("web.vhdx", "link"), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(open_name("link"), STATUS_REFUSED);
    assert_string_equal(message, "link: is a symbolic link, and those are not followed here");
    assert_int_equal(open_name("../etc/passwd"), STATUS_REFUSED);
    assert_string_equal(message, "../etc/passwd: is not a plain file name");
    assert_int_equal(open_name("/etc/passwd"), STATUS_REFUSED);
    assert_int_equal(open_name(".."), STATUS_REFUSED);
    assert_int_equal(open_name("."), STATUS_REFUSED);
    assert_int_equal(open_name("fifo"), STATUS_REFUSED);
    assert_int_equal(open_name("none"), STATUS_NOT_FOUND);
    assert_int_equal(open_name(""), STATUS_NOT_FOUND);
    assert_null(src);
    assert_int_equal(open_name("web.vhdx"), STATUS_OK);
    assert_int_equal(source_read(src, 1, &byte, 1), STATUS_OK);
    assert_int_equal(byte, 'b');
}

static void shrinking_is_an_error_not_zeros(void **state)
{
    (void)state;
    static char buf[20000];
    struct file_info now;
    uint64_t data, hole;

    memset(buf, 'x', sizeof(buf));
    make_file("web.vhdx", buf, sizeof(buf));
    assert_int_equal(open_path("web.vhdx"), STATUS_OK);
    assert_int_equal(truncate("web.vhdx", 8192), 0);
    assert_int_equal(source_read(src, 0, buf, 8192), STATUS_OK);
    assert_int_equal(source_read(src, 4096, buf, 8192), STATUS_IO);
    assert_int_equal(src->error_off, 8192);
    assert_int_equal(src->error_errno, 0);
    assert_int_equal(source_next_data(src, 10000, &data, &hole), STATUS_OK);
    assert_int_equal(data, 10000); /* "data", so that whoever skips holes runs into the error */
    assert_int_equal(file_stat(src, &now), STATUS_OK);
    assert_int_equal(now.size, 8192);
    assert_int_not_equal(now.size, info.size);
    assert_int_equal(now.inode, info.inode);
    /* Growing is seen by file_stat() alone. */
    assert_int_equal(truncate("web.vhdx", 40000), 0);
    assert_int_equal(source_read(src, 0, buf, 20000), STATUS_OK);
    assert_int_equal(source_read(src, 20000, buf, 1), STATUS_RANGE);
}

static void holes_are_found(void **state)
{
    (void)state;
    uint64_t size = (uint64_t)1 << 40, data, hole, pos = 0, bytes = 0;
    static const uint64_t places[3] = {0, (uint64_t)5 << 20, ((uint64_t)1 << 40) - 4096};
    int fd = open("sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char page[4096];

    memset(page, 'p', sizeof(page));
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pwrite(fd, page, sizeof(page), (off_t)places[i]), (ssize_t)sizeof(page));
    close(fd);
    assert_int_equal(open_path("sparse"), STATUS_OK);
    assert_int_equal(src->size, size);
    if (info.allocated_bytes == 0 || info.allocated_bytes > (uint64_t)1 << 30)
        skip(); /* this file system has no holes */
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(source_next_data(src, places[i] + 1, &data, &hole), STATUS_OK);
        assert_int_equal(data, places[i] + 1);
        assert_true(hole >= places[i] + 4096);
    }
    while (pos < size) {
        assert_int_equal(source_next_data(src, pos, &data, &hole), STATUS_OK);
        bytes += hole - data;
        pos = hole;
    }
    assert_true(bytes >= 3 * 4096 && bytes <= (uint64_t)4 << 20);
    assert_int_equal(source_read(src, size - 4097, page, 4096), STATUS_OK);
    assert_int_equal(page[0], 0);
    assert_int_equal(page[1], 'p');
}

static void nothing_is_left_open(void **state)
{
    (void)state;
    int before = dup(0);

    close(before);
    make_file("web.vhdx", "abc", 3);
    assert_int_equal(open_path("web.vhdx"), STATUS_OK);
    assert_int_not_equal(fcntl(before, F_GETFD) & FD_CLOEXEC, 0);
    source_close(src);
    src = NULL;
    assert_int_not_equal(open_path("."), STATUS_OK);
    int after = dup(0);
    close(after);
    assert_int_equal(after, before);
}

static void reading_leaves_no_access_time(void **state)
{
    (void)state;
    struct stat st;
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
    char byte;

    make_file("web.vhdx", "abc", 3);
    assert_int_equal(utimensat(AT_FDCWD, "web.vhdx", old, 0), 0);
    assert_int_equal(open_path("web.vhdx"), STATUS_OK);
    assert_int_equal(source_read(src, 0, &byte, 1), STATUS_OK);
    assert_int_equal(stat("web.vhdx", &st), 0);
    assert_int_equal(st.st_atim.tv_sec, 1000);
}

/* Feeds the bytes through a pipe in uneven pieces, from a child process. */
static enum status spool(const uint8_t *bytes, size_t len, uint64_t max_bytes, bool nonblocking)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    if (nonblocking)
        assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        for (size_t at = 0, piece = 1; at < len; piece = piece * 3 % 10007) {
            size_t n = len - at < piece ? len - at : piece;
            ssize_t written = write(ends[1], bytes + at, n);
            if (written <= 0)
                break; /* the reader gave up: its limit */
            at += (size_t)written;
        }
        _exit(0);
    }
    close(ends[1]);
    enum status st = file_spool(ends[0], max_bytes, &src, &info, message, sizeof(message));
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return st;
}

static void pipe_is_spooled(void **state)
{
    (void)state;
    enum { LEN = 1000003 };
    uint8_t *bytes = (uint8_t *)calloc(1, LEN), *got = (uint8_t *)malloc(LEN);
    struct file_info now;

    assert_non_null(bytes);
    assert_non_null(got);
    for (size_t i = 0; i < LEN; i += i < 100000 || i > 900000 ? 1 : 8191)
        bytes[i] = (uint8_t)(i * 7 + 1);
    memset(bytes + 300000, 0, 400000);
    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        assert_int_equal(spool(bytes, LEN, LEN, nonblocking), STATUS_OK);
        assert_int_equal(src->size, LEN);
        assert_int_equal(source_read(src, 0, got, LEN), STATUS_OK);
        assert_memory_equal(got, bytes, LEN);
        assert_int_equal(info.kind, FILE_KIND_PIPE);
        assert_int_equal(info.size, LEN);
        assert_int_equal(info.mtime_sec, 0);
        assert_int_equal(file_stat(src, &now), STATUS_OK);
        assert_memory_equal(&now, &info, sizeof(info));
        source_close(src);
        src = NULL;
    }
    free(bytes);
    free(got);
}

static void pipe_of_zeros_keeps_its_length(void **state)
{
    (void)state;
    static uint8_t zeros[300001];
    uint64_t data, hole;
    uint8_t byte = 1;

    assert_int_equal(spool(zeros, sizeof(zeros), UINT64_MAX, false), STATUS_OK);
    assert_int_equal(src->size, sizeof(zeros));
    assert_int_equal(source_read(src, sizeof(zeros) - 1, &byte, 1), STATUS_OK);
    assert_int_equal(byte, 0);
    assert_int_equal(source_next_data(src, 0, &data, &hole), STATUS_OK);
    source_close(src);
    src = NULL;
    assert_int_equal(spool(zeros, 0, 0, false), STATUS_OK);
    assert_int_equal(src->size, 0);
}

static void pipe_larger_than_the_limit(void **state)
{
    (void)state;
    static uint8_t bytes[200000];

    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(spool(bytes, sizeof(bytes), sizeof(bytes) - 1, false), STATUS_LIMIT);
    assert_string_equal(message, "standard input: is larger than the limit for piped images");
    assert_int_equal(spool(bytes, 1, 0, false), STATUS_LIMIT);
    assert_null(src);
}

static void spool_goes_to_tmpdir_and_vanishes(void **state)
{
    (void)state;
    const char *old = getenv("TMPDIR");
    char *saved = old != NULL ? strdup(old) : NULL;

    setenv("TMPDIR", "no/such", 1);
    assert_int_equal(spool((const uint8_t *)"a", 1, 100, false), STATUS_IO);
    assert_string_equal(message, "no/such: cannot create a temporary file: no such file or directory");
    setenv("TMPDIR", ".", 1);
    assert_int_equal(spool((const uint8_t *)"a", 1, 100, false), STATUS_OK);
    assert_int_equal(info.device, ({
                         struct stat st;
                         stat(".", &st);
                         st.st_dev;
                     }));
    if (saved != NULL)
        setenv("TMPDIR", saved, 1);
    else
        unsetenv("TMPDIR");
    free(saved);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(dir), 0); /* nothing in it, though the source is open */
    assert_int_equal(mkdir(dir, 0700), 0);
}

static void unreadable_pipe(void **state)
{
    (void)state;
    assert_int_equal(file_spool(dir_fd, 100, &src, &info, message, sizeof(message)), STATUS_IO);
    assert_string_equal(message, "standard input: is a directory");
    assert_int_equal(file_spool(-1, 100, &src, &info, message, sizeof(message)), STATUS_IO);
    assert_string_equal(message, "standard input: bad file descriptor");
    assert_null(src);
}

static void file_stat_is_for_files(void **state)
{
    (void)state;
    src = mem_open("x", 1);
    assert_int_equal(file_stat(src, &info), STATUS_INTERNAL);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(regular_file),
        IN_DIR(empty_file),
        IN_DIR(refusals_say_what_it_is),
        IN_DIR(no_permission),
        IN_DIR(symbolic_link_is_followed_and_told),
        IN_DIR(open_at_stays_in_its_directory),
        IN_DIR(shrinking_is_an_error_not_zeros),
        IN_DIR(holes_are_found),
        IN_DIR(nothing_is_left_open),
        IN_DIR(reading_leaves_no_access_time),
        IN_DIR(pipe_is_spooled),
        IN_DIR(pipe_of_zeros_keeps_its_length),
        IN_DIR(pipe_larger_than_the_limit),
        IN_DIR(spool_goes_to_tmpdir_and_vanishes),
        IN_DIR(unreadable_pipe),
        IN_DIR(file_stat_is_for_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
