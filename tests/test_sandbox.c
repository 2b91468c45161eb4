/* SPDX-License-Identifier: MIT */
/*
 * What a process can no longer do behind sandbox_enter(), and what it still can. Each case runs in a child of its own,
 * since nothing is ever given back; its exit code is the number of the step that went otherwise, 0 when none did.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/sandbox.h"

enum { SKIPPED = 77, ENTER_FAILED = 78 };

/* Runs fn in a child behind the sandbox; skips the test where this build or kernel has none. */
static void confined(const struct sandbox_request *r, int (*fn)(void))
{
    int status = 0;

    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sandbox_state s;
        bool in = sandbox_enter(r, &s);
        if (s.missing != NULL)
            _exit(SKIPPED);
        _exit(in ? fn() : ENTER_FAILED);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static const struct sandbox_request strict = {.mode = SANDBOX_REQUIRE};

static bool denied(long result)
{
    return result == -1 && (errno == EPERM || errno == EACCES);
}

/* ---- denied ---- */

static int try_forbidden(void)
{
    static char *const argv[] = {(char *)"true", NULL};
    char page[64];

    if (!denied(open("/etc/passwd", O_RDONLY)))
        return 1;
    if (!denied(syscall(SYS_open, "/etc/passwd", O_RDONLY)))
        return 2;
    if (!denied(openat(AT_FDCWD, "/tmp/vhdxray-sandbox-test", O_WRONLY | O_CREAT, 0600)))
        return 3;
    if (!denied(socket(AF_INET, SOCK_STREAM, 0)) || !denied(socket(AF_UNIX, SOCK_STREAM, 0)))
        return 4;
    if (!denied(execve("/bin/true", argv, NULL)))
        return 5;
    if (!denied(ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
        return 6;
    if (!denied(fork()))
        return 7;
    if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED || errno != EPERM)
        return 8;
    if (!denied(unlink("/etc/passwd")) || !denied(rename("/etc/passwd", "/etc/passwd.old")))
        return 9;
    if (!denied(kill(1, 0)) || !denied(kill(getppid(), SIGTERM)))
        return 10;
    if (!denied(readlink("/proc/self/exe", page, sizeof(page))))
        return 11;
    if (!denied(pwrite(STDOUT_FILENO, "", 0, 0)) || !denied(ftruncate(STDOUT_FILENO, 0)))
        return 12;
    if (!denied(syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL)) || !denied(syscall(SYS_bpf, 0, NULL, 0)))
        return 13;
    struct rlimit l = {.rlim_cur = 1};
    if (getrlimit(RLIMIT_CORE, &l) == 0 && l.rlim_max != 0) /* answers EPERM, or that there will be no core file */
        return 14;
    if (!denied(syscall(SYS_tgkill, getppid(), getppid(), 0)))
        return 15;
    return 0;
}

static void what_is_denied(void **state)
{
    (void)state;
    confined(&strict, try_forbidden);
}

/* ---- still possible ---- */

static int held; /* a descriptor from before */

static int use_what_is_held(void)
{
    char buf[16] = "";
    struct stat st;
    struct timespec now;

    if (pread(held, buf, 4, 0) != 4 || memcmp(buf, "evid", 4) != 0)
        return 1;
    if (fstat(held, &st) != 0 || st.st_size != 8)
        return 2;
    if (lseek(held, 0, SEEK_DATA) != 0)
        return 3;
    char *big = (char *)malloc((size_t)64 << 20);
    if (big == NULL)
        return 4;
    memset(big, 1, (size_t)1 << 20);
    big = (char *)realloc(big, (size_t)96 << 20);
    free(big);
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 5;
    (void)isatty(STDOUT_FILENO);
    if (!denied(pwrite(held, "x", 1, 0)))
        return 6;
    if (raise(SIGURG) != 0) /* which is ignored */
        return 7;
    return 0;
}

static void what_is_possible(void **state)
{
    char path[] = "/tmp/vhdxray-test-XXXXXX";

    (void)state;
    held = mkstemp(path);
    assert_true(held >= 0);
    assert_int_equal(write(held, "evidence", 8), 8);
    confined(&strict, use_what_is_held);
    unlink(path);
    close(held);
}

/* ---- writing open files ---- */

static int change_what_is_held(void)
{
    if (pwrite(held, "E", 1, 0) != 1 || ftruncate(held, 4096) != 0 || fsync(held) != 0)
        return 1;
    return denied(open("/etc/passwd", O_RDONLY)) && denied(socket(AF_INET, SOCK_STREAM, 0)) ? 0 : 2;
}

static void writing(void **state)
{
    const struct sandbox_request r = {.mode = SANDBOX_REQUIRE, .needs = SANDBOX_WRITE_FILE};
    char path[] = "/tmp/vhdxray-test-XXXXXX";

    (void)state;
    held = mkstemp(path);
    assert_true(held >= 0);
    confined(&r, change_what_is_held);
    unlink(path);
    close(held);
}

/* ---- opening below a directory ---- */

static int dir_fd;

static int open_below(void)
{
    int fd = openat(dir_fd, "inside", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 1;
    close(fd);
    if (!denied(openat(dir_fd, "inside", O_RDWR)) || !denied(openat(dir_fd, "new", O_WRONLY | O_CREAT, 0600)))
        return 2;
    if (!denied(openat(dir_fd, "../outside", O_RDONLY)) || !denied(open("/etc/passwd", O_RDONLY)))
        return 3;
    return 0;
}

static void below_a_directory(void **state)
{
    char top[] = "/tmp/vhdxray-test-XXXXXX", path[64], dir[64];

    (void)state;
    assert_non_null(mkdtemp(top));
    (void)snprintf(dir, sizeof(dir), "%s/d", top);
    assert_int_equal(mkdir(dir, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/d/inside", top);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    (void)snprintf(path, sizeof(path), "%s/outside", top);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    assert_true(dir_fd >= 0);
    struct sandbox_request r = {.mode = SANDBOX_REQUIRE, .needs = SANDBOX_OPEN_BELOW, .dirs = &dir_fd, .dir_count = 1};
    confined(&r, open_below);
    close(dir_fd);
    unlink(path);
    (void)snprintf(path, sizeof(path), "%s/d/inside", top);
    unlink(path);
    rmdir(dir);
    rmdir(top);
}

/* ---- making files below a directory ---- */

static int create_below(void)
{
    int fd = openat(dir_fd, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || pwrite(fd, "x", 1, 0) != 1 || ftruncate(fd, 4096) != 0 || close(fd) != 0)
        return 1;
    if (renameat2(dir_fd, "new", dir_fd, "made", RENAME_NOREPLACE) != 0)
        return 2;
    if (renameat2(dir_fd, "made", dir_fd, "inside", RENAME_NOREPLACE) == 0 || errno != EEXIST)
        return 3;
    if (unlinkat(dir_fd, "made", 0) != 0)
        return 4;
    /* What is there is neither read nor written, and nothing is made or removed elsewhere. */
    if (!denied(openat(dir_fd, "inside", O_RDONLY)) || !denied(openat(dir_fd, "inside", O_WRONLY)) ||
        !denied(openat(dir_fd, "inside", O_WRONLY | O_CREAT | O_TRUNC, 0600)))
        return 5;
    if (!denied(openat(dir_fd, "../new", O_WRONLY | O_CREAT | O_EXCL, 0600)) ||
        !denied(unlinkat(dir_fd, "../outside", 0)) || !denied(renameat2(dir_fd, "../outside", dir_fd, "x", 0)) ||
        !denied(unlinkat(AT_FDCWD, "/etc/passwd", 0)) || !denied(open("/etc/passwd", O_RDONLY)))
        return 6;
    return 0;
}

static void creating_below_a_directory(void **state)
{
    char top[] = "/tmp/vhdxray-test-XXXXXX", path[64], dir[64];

    (void)state;
    assert_non_null(mkdtemp(top));
    (void)snprintf(dir, sizeof(dir), "%s/d", top);
    assert_int_equal(mkdir(dir, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/d/inside", top);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    (void)snprintf(path, sizeof(path), "%s/outside", top);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    assert_true(dir_fd >= 0);
    struct sandbox_request r = {.mode = SANDBOX_REQUIRE, .needs = SANDBOX_CREATE_BELOW, .create_dir = dir_fd};
    confined(&r, create_below);
    close(dir_fd);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/d/inside", top);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(rmdir(top), 0);
}

/* ---- off ---- */

static void off_changes_nothing(void **state)
{
    const struct sandbox_request r = {.mode = SANDBOX_OFF};
    struct sandbox_state s;

    (void)state;
    assert_true(sandbox_enter(&r, &s));
    assert_int_equal(s.landlock_abi, 0);
    assert_false(s.seccomp);
    assert_null(s.missing);
    int fd = open("/etc/passwd", O_RDONLY);
    assert_true(fd >= 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(off_changes_nothing), cmocka_unit_test(what_is_denied),
        cmocka_unit_test(what_is_possible),    cmocka_unit_test(writing),
        cmocka_unit_test(below_a_directory),   cmocka_unit_test(creating_below_a_directory),
    };
    return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
