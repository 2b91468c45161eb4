/* SPDX-License-Identifier: MIT */
/*
 * Hosts that are odd rather than broken: folders that cannot be listed to the end, threads and descriptors that there
 * are no more of, transfers larger than a call takes, clones. Calls are stood in for by --wrap (variant.ninja); what is
 * not asked to fail does what it always does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "io/ahead.h"
#include "io/behind.h"
#include "io/copy.h"
#include "io/directory.h"
#include "io/host.h"
#include "io/layers.h"
#include "io/store.h"

enum { KIB64 = 64 * 1024 };

/* ---- calls ---- */

/* errno that a call ends with; 0: it works. */
static struct {
    int readdir, fdopendir, dup, lock, poll, poll_once, thread, calloc, strndup, punch, seek;
    bool clone, copy_nothing, many, long_name, blind;
    uint64_t entries, transfers;
} fault;

static char dir[PATH_MAX], path[PATH_MAX + 16], message[512];

static bool fails(int error)
{
    if (error != 0)
        errno = error;
    return error != 0;
}

struct dirent *__real_readdir64(DIR *d);
struct dirent *__wrap_readdir64(DIR *d);
struct dirent *__wrap_readdir64(DIR *d)
{
    static struct dirent e;

    if (fails(fault.readdir))
        return NULL;
    if (!fault.many)
        return __real_readdir64(d);
    (void)snprintf(e.d_name, sizeof(e.d_name), "file-%llu", (unsigned long long)fault.entries++);
    return &e;
}

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
    return fails(fault.fdopendir) ? NULL : __real_fdopendir(fd);
}

int __real_fcntl64(int fd, int what, ...);
int __wrap_fcntl64(int fd, int what, ...);
int __wrap_fcntl64(int fd, int what, ...)
{
    va_list ap;

    va_start(ap, what);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    if ((what == F_DUPFD_CLOEXEC && fails(fault.dup)) || (what == F_OFD_SETLK && fails(fault.lock)))
        return -1;
    return __real_fcntl64(fd, what, arg);
}

int __real_poll(struct pollfd *p, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *p, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *p, nfds_t n, int timeout)
{
    int once = fault.poll_once;

    fault.poll_once = 0;
    return fails(once) || fails(fault.poll) ? -1 : __real_poll(p, n, timeout);
}

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *ctx);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *ctx);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *ctx)
{
    return fault.thread != 0 ? fault.thread : __real_pthread_create(t, a, fn, ctx);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return fails(fault.calloc) ? NULL : __real_calloc(n, size);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fault.blind && size >= (1 << 20) ? NULL : __real_malloc(size);
}

char *__real_strndup(const char *s, size_t n);
char *__wrap_strndup(const char *s, size_t n);
char *__wrap_strndup(const char *s, size_t n)
{
    return fails(fault.strndup) ? NULL : __real_strndup(s, n);
}

int __real_fallocate64(int fd, int mode, off_t off, off_t len);
int __wrap_fallocate64(int fd, int mode, off_t off, off_t len);
int __wrap_fallocate64(int fd, int mode, off_t off, off_t len)
{
    return fails(fault.punch) ? -1 : __real_fallocate64(fd, mode, off, len);
}

off_t __real_lseek64(int fd, off_t off, int whence);
off_t __wrap_lseek64(int fd, off_t off, int whence);
off_t __wrap_lseek64(int fd, off_t off, int whence)
{
    return fails(fault.seek) ? -1 : __real_lseek64(fd, off, whence);
}

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
    char buf[4096];
    off_t at = 0;
    ssize_t n;

    if (request == FICLONERANGE && fault.clone) {
        const struct file_clone_range *r = (const struct file_clone_range *)arg;
        for (uint64_t done = 0; done < r->src_length; done += sizeof(buf)) {
            assert_int_equal(pread((int)r->src_fd, buf, sizeof(buf), (off_t)(r->src_offset + done)), sizeof(buf));
            assert_int_equal(pwrite(fd, buf, sizeof(buf), (off_t)(r->dest_offset + done)), sizeof(buf));
        }
        return 0;
    }
    if (request != FICLONE || !fault.clone)
        return __real_ioctl(fd, request, arg);
    /* What a file system does that can: both files have the same bytes from then on. */
    for (; (n = pread((int)(intptr_t)arg, buf, sizeof(buf), at)) > 0; at += n)
        assert_int_equal(pwrite(fd, buf, (size_t)n, at), n);
    return 0;
}

ssize_t __real_copy_file_range(int in, off_t *in_off, int out, off_t *out_off, size_t len, unsigned flags);
ssize_t __wrap_copy_file_range(int in, off_t *in_off, int out, off_t *out_off, size_t len, unsigned flags);
ssize_t __wrap_copy_file_range(int in, off_t *in_off, int out, off_t *out_off, size_t len, unsigned flags)
{
    return fault.copy_nothing ? 0 : __real_copy_file_range(in, in_off, out, out_off, len, flags);
}

/* Transfers without memory behind them: as many bytes as were asked for. */
ssize_t __real_pread64(int fd, void *buf, size_t len, off_t off);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t off);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t off)
{
    if (fd >= 0)
        return __real_pread64(fd, buf, len, off);
    fault.transfers++;
    return (ssize_t)len;
}

ssize_t __real_pwrite64(int fd, const void *buf, size_t len, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t off)
{
    if (fd >= 0)
        return __real_pwrite64(fd, buf, len, off);
    fault.transfers++;
    return (ssize_t)len;
}

/* ---- files ---- */

static int begin(void **state)
{
    (void)state;
    memset(&fault, 0, sizeof(fault));
    (void)snprintf(dir, sizeof(dir), "/tmp/vhdxray-io-odd-XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/file", dir);
    return 0;
}

static int end(void **state)
{
    (void)state;
    memset(&fault, 0, sizeof(fault));
    (void)unlink(path);
    (void)rmdir(dir);
    return 0;
}

static struct store *new_file(void)
{
    struct file_info info;
    struct store *s;

    assert_int_equal(store_open_file(path, STORE_NEW, &s, &info, message, sizeof(message)), STATUS_OK);
    return s;
}

static struct source *open_file(const char *name)
{
    struct file_info info;
    struct source *s;

    assert_int_equal(file_open(name, &s, &info, message, sizeof(message)), STATUS_OK);
    return s;
}

/* ---- folders ---- */

static void folders_that_cannot_be_listed(void **state)
{
    char found[DIRECTORY_NAME_SIZE];
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    store_close(new_file());
    assert_int_equal(directory_find_variant(fd, "FILE", NULL, found), STATUS_OK);
    assert_string_equal(found, "file");
    assert_int_equal(directory_find_variant(fd, "FILE", "file", found), STATUS_NOT_FOUND);
    fault.readdir = EIO;
    assert_int_equal(directory_find_variant(fd, "FILE", NULL, found), STATUS_IO);
    fault.readdir = 0;
    fault.fdopendir = ENOMEM;
    assert_int_equal(directory_find_variant(fd, "FILE", NULL, found), STATUS_IO);
    fault.fdopendir = 0;
    assert_int_equal(directory_find_variant(-1, "FILE", NULL, found), STATUS_IO);
    fault.many = true;
    assert_int_equal(directory_find_variant(fd, "FILE", NULL, found), STATUS_LIMIT);
    assert_int_equal(fault.entries, LIMIT_DIRECTORY_ENTRIES + 1);
    fault.strndup = ENOMEM;
    assert_int_equal(host_open_directory_of(path), -1);
    assert_int_equal(errno, ENOMEM);
    close(fd);
}

/* ---- descriptors ---- */

static void descriptors_that_are_no_use(void **state)
{
    struct file_info info;
    struct source *s, *twin;

    (void)state;
    store_close(new_file());
    int fd = open(path, O_PATH | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(file_from_fd(fd, "file", &s, &info, message, sizeof(message)), STATUS_REFUSED);
    assert_string_equal(message, "file: is not open for reading");
    close(fd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    fault.dup = EMFILE;
    assert_int_not_equal(file_from_fd(fd, "file", &s, &info, message, sizeof(message)), STATUS_OK);
    assert_string_equal(message, "file: too many open files");
    fault.dup = 0;
    assert_int_equal(file_from_fd(fd, "file", &s, &info, message, sizeof(message)), STATUS_OK);
    assert_int_equal(file_again(s, &twin), STATUS_OK);
    source_close(twin);
    fault.dup = EMFILE;
    assert_int_equal(file_again(s, &twin), STATUS_IO);
    source_close(s);
    close(fd);

    /* A source that is no file has no second descriptor, and nothing to read ahead of. */
    s = extents_open(NULL, 0, 4096);
    assert_non_null(s);
    assert_int_equal(file_again(s, &twin), STATUS_INTERNAL);
    assert_int_equal(file_stat(s, &info), STATUS_INTERNAL);
    file_use_ahead(s, NULL);
    assert_int_equal(host_source_fd(s), -1);
    source_close(s);
    assert_null(extents_open(NULL, UINT64_MAX, 4096));
}

static void locks_of_other_kinds(void **state)
{
    static const struct {
        int error;
        enum status status;
        const char *words;
    } rows[] = {{EACCES, STATUS_REFUSED, "another program"},
                {EAGAIN, STATUS_REFUSED, "another program"},
                {EINVAL, STATUS_OK, NULL}, /* a host that does not know them has the other kind */
                {EDEADLK, STATUS_IO, "deadlock"}};
    struct file_info info;
    struct store *s;

    (void)state;
    store_close(new_file());
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fault.lock = rows[i].error;
        enum status st = store_open_file(path, STORE_EXISTING, &s, &info, message, sizeof(message));
        assert_int_equal(st == STATUS_OK, rows[i].status == STATUS_OK);
        if (st == STATUS_OK)
            store_close(s);
        else if (strstr(message, rows[i].words) == NULL)
            fail_msg("%s", message);
    }
}

/* ---- pipes ---- */

static enum status spool(int fd, struct source **ret)
{
    struct file_info info;

    return file_spool(fd, 1 << 20, ret, &info, message, sizeof(message));
}

static void pipes_without_data_yet(void **state)
{
    struct source *s = NULL;
    int fds[2];
    char byte;

    (void)state;
    assert_int_equal(setenv("TMPDIR", "", 1), 0); /* as if it were not set */
    assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    fault.poll = EBADF;
    assert_int_equal(spool(fds[0], &s), STATUS_IO);
    assert_string_equal(message, "standard input: bad file descriptor");
    /* A signal while it waits is no failure: it asks again, and by then there is something. */
    assert_int_equal(write(fds[1], "x", 1), 1);
    fault.poll = 0;
    fault.poll_once = EINTR;
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    close(fds[1]);
    assert_int_equal(spool(fds[0], &s), STATUS_OK);
    assert_int_equal(s->size, 1);
    assert_int_equal(source_read(s, 0, &byte, 1), STATUS_OK);
    assert_int_equal(byte, 'x');
    source_close(s);
    close(fds[0]);
    assert_int_equal(unsetenv("TMPDIR"), 0);
}

static void *write_late(void *ctx)
{
    const int *fd = ctx;

    (void)usleep(20000);
    (void)!write(*fd, "y", 1);
    close(*fd);
    return NULL;
}

static void pipes_that_wait(void **state)
{
    struct source *s = NULL;
    pthread_t t;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&t, NULL, write_late, &fds[1]), 0);
    fault.poll_once = EINTR;
    assert_int_equal(spool(fds[0], &s), STATUS_OK);
    assert_int_equal(s->size, 1);
    source_close(s);
    close(fds[0]);
    assert_int_equal(pthread_join(t, NULL), 0);
}

/* ---- transfers ---- */

static void transfers_larger_than_a_call(void **state)
{
    const uint64_t gib = (uint64_t)1 << 30;
    size_t done = 0;
    char byte = 0;

    (void)state;
    assert_true(host_read(-1, &byte, (size_t)(3 * gib + 5), 0, &done));
    assert_int_equal(done, 3 * gib + 5);
    assert_int_equal(fault.transfers, 4);
    fault.transfers = 0;
    assert_true(host_write(-1, &byte, (size_t)(2 * gib), 0, &done));
    assert_int_equal(done, 2 * gib);
    assert_int_equal(fault.transfers, 2);
}

/* ---- threads ---- */

static void threads_that_cannot_be_had(void **state)
{
    (void)state;
    fault.thread = EAGAIN;
    assert_null(ahead_start());
    assert_null(behind_start());
    fault.thread = 0;
    fault.calloc = ENOMEM;
    assert_null(ahead_start());
    assert_null(behind_start());
    fault.calloc = 0;
    fault.blind = true;
    assert_null(ahead_start());
    assert_null(behind_start());
}

/* Windows behind the end of the file, which was longer once: the reader reads them itself, and hears of it there. */
static void windows_that_cannot_be_read_ahead(void **state)
{
    static uint8_t buf[2 << 20];
    struct store *s = new_file();
    struct ahead *a = ahead_start();
    unsigned taken = 0;

    (void)state;
    assert_non_null(a);
    assert_int_equal(store_resize(s, 10 * KIB64), STATUS_OK);
    int fd = host_store_fd(s);
    for (unsigned i = 0; i < 64; i++) {
        memset(buf, 7, KIB64);
        if (ahead_read(a, fd, 64 * KIB64, (uint64_t)i * KIB64, buf, KIB64)) {
            assert_true(i < 10);
            assert_int_equal(buf[0], 0);
            taken++;
        } else {
            assert_int_equal(buf[0], 7);
        }
        usleep(500); /* the thread is ahead then */
    }
    assert_true(taken > 0);
    /* Another file's end ends no plan of this one. */
    for (unsigned i = 0; i < 8; i++)
        (void)ahead_read(a, fd, 64 * KIB64, (uint64_t)i * KIB64, buf, KIB64);
    ahead_forget(a, fd + 1);
    ahead_forget(a, fd);
    /* Windows too large for the room are never read ahead. */
    for (unsigned i = 0; i < 10; i++)
        assert_false(ahead_read(a, fd, (uint64_t)64 << 20, (uint64_t)i * sizeof(buf), buf, sizeof(buf)));
    ahead_stop(a);
    store_close(s);
}

/* ---- copies ---- */

static void fill(struct store *s, uint64_t off, uint8_t value)
{
    static uint8_t buf[KIB64];

    memset(buf, value, sizeof(buf));
    assert_int_equal(store_write(s, off, buf, sizeof(buf)), STATUS_OK);
}

static void assert_filled(struct source *s, uint64_t off, uint8_t value)
{
    static uint8_t buf[KIB64];

    assert_int_equal(source_read(s, off, buf, sizeof(buf)), STATUS_OK);
    for (size_t i = 0; i < sizeof(buf); i++)
        assert_int_equal(buf[i], value);
}

static void copies_of_every_kind(void **state)
{
    char other[PATH_MAX + 16];
    struct file_info info;
    struct store *from = new_file(), *to;

    (void)state;
    (void)snprintf(other, sizeof(other), "%s/copy", dir);
    fill(from, 0, 1);
    fill(from, 4 * KIB64, 2);
    for (int kind = 0; kind < 3; kind++) {
        fault.clone = kind == 0;
        fault.copy_nothing = kind == 1;
        struct source *s = open_file(path);
        assert_int_equal(store_open_file(other, STORE_NEW, &to, &info, message, sizeof(message)), STATUS_OK);
        if (kind == 0)
            fill(from, 5 * KIB64, 3); /* grown since it was looked at: the clone has that, the copy has not */
        assert_int_equal(store_copy(to, s, NULL, NULL), STATUS_OK);
        assert_int_equal(store_size(to), kind == 0 ? 5 * KIB64 : 6 * KIB64);
        assert_filled(to->source, 0, 1);
        assert_filled(to->source, KIB64, 0);
        assert_filled(to->source, 4 * KIB64, 2);
        store_close(to);
        source_close(s);
        assert_int_equal(unlink(other), 0);
    }
    store_close(from);
}

/* Of a file that has it elsewhere, and of nothing that is no file of the host. */
static void a_range_is_shared(void **state)
{
    struct store *s = new_file();
    struct source *memory = mem_open("abc", 3);

    (void)state;
    fill(s, 0, 1);
    fill(s, KIB64, 2);
    struct source *from = open_file(path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    fault.clone = true;
    assert_true(host_share(fd, 3 * KIB64, from, KIB64, KIB64));
    assert_false(host_share(fd, 5 * KIB64, memory, 0, KIB64));
    source_close(memory);
    close(fd);
    source_close(from);
    from = open_file(path);
    assert_int_equal(from->size, 4 * KIB64);
    assert_filled(from, 0, 1);
    assert_filled(from, KIB64, 2);
    assert_filled(from, 2 * KIB64, 0);
    assert_filled(from, 3 * KIB64, 2);
    source_close(from);
    store_close(s);
}

/* Where no holes can be punched zeros are written, over data alone. */
static void zeros_without_holes(void **state)
{
    struct store *s = new_file();

    (void)state;
    fill(s, 0, 1);
    fill(s, 4 * KIB64, 2);
    fill(s, 8 * KIB64, 3);
    fault.punch = EOPNOTSUPP;
    uint64_t calls = s->write_calls;
    assert_int_equal(store_zero(s, KIB64 / 2, 4 * KIB64), STATUS_OK);
    assert_true(s->write_calls >= calls);
    uint8_t byte;
    assert_int_equal(source_read(s->source, KIB64 / 2 - 1, &byte, 1), STATUS_OK);
    assert_int_equal(byte, 1);
    assert_int_equal(source_read(s->source, KIB64 / 2, &byte, 1), STATUS_OK);
    assert_int_equal(byte, 0);
    assert_int_equal(source_read(s->source, 4 * KIB64 + KIB64 / 2 - 1, &byte, 1), STATUS_OK);
    assert_int_equal(byte, 0);
    assert_int_equal(source_read(s->source, 4 * KIB64 + KIB64 / 2, &byte, 1), STATUS_OK);
    assert_int_equal(byte, 2);
    s->source->deadline_ns = 1; /* the time is over before it is known where data is */
    assert_int_equal(store_zero(s, 0, 9 * KIB64), STATUS_LIMIT);
    s->source->deadline_ns = 0;
    assert_filled(s->source, 8 * KIB64, 3);
    store_close(s);
}

/* ---- pieces ---- */

/* More pieces side by side than one question joins: the next one goes on where it ended. */
static void questions_over_many_pieces(void **state)
{
    enum { PIECES = 300, PAGE = 4096 };
    static struct overlay_patch patches[PIECES];
    struct source *base = extents_open(NULL, 0, (uint64_t)PIECES * 2 * PAGE), *over;
    struct arena *a = arena_create(1 << 22);
    struct store *stage;
    uint64_t data, hole;
    uint8_t byte = 1;

    (void)state;
    assert_true(base != NULL && a != NULL);
    for (uint64_t i = 0; i < PIECES; i++)
        patches[i] = (struct overlay_patch){.kind = PATCH_PAGE, .off = i * PAGE, .len = PAGE, .source_off = 0};
    assert_int_equal(overlay_open(a, base, patches, PIECES, base->size, &over), STATUS_OK);
    assert_int_equal(source_next_data(over, 0, &data, &hole), STATUS_OK);
    assert_int_equal(data, 0);
    assert_true(hole < PIECES * PAGE);
    assert_int_equal(source_next_data(over, hole, &data, &hole), STATUS_OK);
    assert_int_equal(hole, PIECES * PAGE);
    source_close(over);
    patches[0].off = 1; /* of many the first is no page */
    assert_int_not_equal(overlay_open(a, base, patches, PIECES, base->size, &over), STATUS_OK);

    assert_int_equal(stage_open(base, 1 << 24, &stage), STATUS_OK);
    for (uint64_t i = PIECES; i-- > 0;) /* kinds in turn, so that no two are merged */
        assert_int_equal(i % 2 == 0 ? store_write(stage, i * PAGE, &byte, 1) : stage_copy(stage, i * PAGE, 0, PAGE),
                         STATUS_OK);
    source_close(stage->source); /* is part of the stage: nothing happens */
    assert_int_equal(source_read(stage->source, 2 * PAGE, &byte, 1), STATUS_OK);
    assert_int_equal(byte, 1);
    assert_int_equal(stage_piece_count(stage), PIECES);
    assert_int_equal(stage_piece(stage, PIECES).len, 0); /* there is none */
    store_close(stage);
    source_close(base);
    arena_destroy(a);
}

/* Copies from places side by side are one piece, from others they are two. */
static void copies_that_continue(void **state)
{
    struct source *base = extents_open(NULL, 0, 16 << 20);
    struct store *stage;

    (void)state;
    assert_non_null(base);
    assert_int_equal(stage_open(base, 1 << 20, &stage), STATUS_OK);
    assert_int_equal(stage_copy(stage, 0, 8 << 20, 4096), STATUS_OK);
    assert_int_equal(stage_copy(stage, 4096, (8 << 20) + 4096, 4096), STATUS_OK);
    assert_int_equal(stage_piece_count(stage), 1);
    assert_int_equal(stage_piece(stage, 0).len, 8192);
    assert_int_equal(stage_copy(stage, 8192, 4 << 20, 4096), STATUS_OK);
    assert_int_equal(stage_piece_count(stage), 2);
    assert_int_equal(stage_piece(stage, 1).from, 4 << 20);
    store_close(stage);
    source_close(base);
}

/* Layers of no length are passed over, and where two begin together the higher is on top. */
static void layers_of_no_length(void **state)
{
    struct layer layers[] = {{.off = 8, .end = 8, .index = 3},
                             {.off = 8, .end = 16, .index = 1},
                             {.off = 0, .end = 0, .index = 0},
                             {.off = 8, .end = 12, .index = 2}};
    uint64_t heap[4];
    struct layer piece;

    (void)state;
    layers_sort(layers, 4);
    struct layers_sweep sweep = layers_begin(layers, 4, heap);
    assert_true(layers_next(&sweep, &piece));
    assert_int_equal(piece.off, 8);
    assert_int_equal(piece.end, 12);
    assert_int_equal(piece.index, 2);
    assert_true(layers_next(&sweep, &piece));
    assert_int_equal(piece.off, 12);
    assert_int_equal(piece.end, 16);
    assert_int_equal(piece.index, 1);
    assert_false(layers_next(&sweep, &piece));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folders_that_cannot_be_listed, begin, end),
        cmocka_unit_test_setup_teardown(descriptors_that_are_no_use, begin, end),
        cmocka_unit_test_setup_teardown(locks_of_other_kinds, begin, end),
        cmocka_unit_test_setup_teardown(pipes_without_data_yet, begin, end),
        cmocka_unit_test_setup_teardown(pipes_that_wait, begin, end),
        cmocka_unit_test_setup_teardown(transfers_larger_than_a_call, begin, end),
        cmocka_unit_test_setup_teardown(threads_that_cannot_be_had, begin, end),
        cmocka_unit_test_setup_teardown(windows_that_cannot_be_read_ahead, begin, end),
        cmocka_unit_test_setup_teardown(copies_of_every_kind, begin, end),
        cmocka_unit_test_setup_teardown(a_range_is_shared, begin, end),
        cmocka_unit_test_setup_teardown(zeros_without_holes, begin, end),
        cmocka_unit_test(questions_over_many_pieces),
        cmocka_unit_test(copies_that_continue),
        cmocka_unit_test(layers_of_no_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
