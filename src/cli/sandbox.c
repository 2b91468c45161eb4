/* SPDX-License-Identifier: MIT */
/*
 * Three fences, the outer ones in case an inner one is missing: resource limits, Landlock (no file of the host can be
 * opened, created or removed, no TCP port reached, no foreign process signalled) and a seccomp filter that lets a short
 * list of system calls pass. Everything else answers EPERM rather than killing: a C library that tries a newer call
 * first then goes on with the older one, and hijacked code gets nothing either way. Calls of a foreign architecture
 * kill.
 */
#include "cli/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sanitizers look at the process from inside (memory maps, a tracing thread for leaks) when they report. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- resource limits ---- */

static void lower(__rlimit_resource_t what, rlim_t most)
{
    struct rlimit l = {.rlim_cur = 0};

    if (getrlimit(what, &l) == 0 && (l.rlim_max == RLIM_INFINITY || l.rlim_max > most)) {
        l = (struct rlimit){.rlim_cur = most, .rlim_max = most};
        (void)setrlimit(what, &l);
    }
}

static void set_limits(void)
{
    lower(RLIMIT_CORE, 0); /* a core file would hold the image's data */
    lower(RLIMIT_NPROC, 0);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* ---- Landlock ---- */

/*
 * The kernel's structure has grown since the headers that distributions ship; it takes any prefix whose rest is zero.
 * Its members by the ABI that brought them: file access (1, more bits in 2, 3 and 5), network (4), scopes (6).
 */
struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

enum {
    ACCESS_FS_ABI_1 = 13, /* EXECUTE .. MAKE_SYM */
    ACCESS_FS_ABI_2 = 14, /* REFER */
    ACCESS_FS_ABI_3 = 15, /* TRUNCATE */
    ACCESS_FS_ABI_5 = 16, /* IOCTL_DEV */
    ACCESS_NET = 2,       /* BIND_TCP, CONNECT_TCP */
    SCOPES = 2,           /* ABSTRACT_UNIX_SOCKET, SIGNAL */
};

static uint64_t low_bits(unsigned n)
{
    return ((uint64_t)1 << n) - 1;
}

static struct ruleset everything(int abi)
{
    unsigned fs = abi >= 5   ? ACCESS_FS_ABI_5
                  : abi >= 3 ? ACCESS_FS_ABI_3
                  : abi == 2 ? ACCESS_FS_ABI_2
                             : ACCESS_FS_ABI_1;

    return (struct ruleset){
        .handled_access_fs = low_bits(fs),
        .handled_access_net = abi >= 4 ? low_bits(ACCESS_NET) : 0,
        .scoped = abi >= 6 ? low_bits(SCOPES) : 0,
    };
}

static size_t ruleset_size(int abi)
{
    return abi >= 6 ? sizeof(struct ruleset) : abi >= 4 ? offsetof(struct ruleset, scoped) : sizeof(uint64_t);
}

static bool allow_creation(int ruleset_fd, const struct sandbox_request *r, int abi)
{
    struct landlock_path_beneath_attr below = {
        .allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE,
        .parent_fd = r->create_dir,
    };

    if ((r->needs & SANDBOX_CREATE_BELOW) == 0)
        return true;
    if (abi >= 3)
        below.allowed_access |= (uint64_t)1 << (ACCESS_FS_ABI_3 - 1); /* TRUNCATE: setting the size of a new file */
    return syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &below, 0) == 0;
}

static bool allow_below(int ruleset_fd, const struct sandbox_request *r)
{
    for (uint32_t i = 0; (r->needs & SANDBOX_OPEN_BELOW) != 0 && i < r->dir_count; i++) {
        struct landlock_path_beneath_attr below = {
            .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
            .parent_fd = r->dirs[i],
        };
        if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &below, 0) != 0)
            return false;
    }
    return true;
}

/* The ABI in force, 0 when the kernel has none or it is switched off. */
static int enter_landlock(const struct sandbox_request *r)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1)
        return 0;
    struct ruleset all = everything((int)abi);
    long fd = syscall(SYS_landlock_create_ruleset, &all, ruleset_size((int)abi), 0);
    if (fd < 0)
        return 0;
    bool in = allow_below((int)fd, r) && allow_creation((int)fd, r, (int)abi) &&
              syscall(SYS_landlock_restrict_self, (int)fd, 0) == 0;
    close((int)fd);
    return in ? (int)abi : 0;
}

/* ---- seccomp ---- */

#define CALL(name) SCMP_SYS(name)

/* Reading what is open, writing the report, memory, time, and leaving. */
static const int always[] = {
    CALL(read),       CALL(pread64),       CALL(readv),           CALL(lseek),
    CALL(write),      CALL(writev),        CALL(fstat),           CALL(newfstatat),
    CALL(fstatat64),  CALL(fstat64),       CALL(statx),           CALL(close),
    CALL(munmap),     CALL(mremap),        CALL(madvise),         CALL(brk),
    CALL(futex),      CALL(clock_gettime), CALL(clock_gettime64), CALL(gettimeofday),
    CALL(getrandom),  CALL(sched_yield),   CALL(restart_syscall), CALL(exit),
    CALL(exit_group), CALL(rt_sigreturn),  CALL(rt_sigprocmask),  CALL(rt_sigaction),
    CALL(getpid),     CALL(gettid),        CALL(sysinfo),         CALL(_llseek),
    CALL(sigreturn),
};

static const int for_files[] = {
    CALL(pwrite64),        CALL(ftruncate), CALL(ftruncate64), CALL(fallocate),
    CALL(copy_file_range), CALL(fsync),     CALL(fdatasync),
};

static const int for_listing[] = {CALL(getdents64)};

static bool allow_list(scmp_filter_ctx f, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        /* A call that this architecture does not have (negative pseudo number) needs no rule. */
        if (calls[i] >= 0 && seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0) != 0)
            return false;
    }
    return true;
}

/* One call, when the bits of `mask` in an argument are those of `value`. */
static bool allow_if(scmp_filter_ctx f, int call, unsigned arg, uint64_t mask, uint64_t value)
{
    struct scmp_arg_cmp fits = {.arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};

    return call < 0 || seccomp_rule_add_array(f, SCMP_ACT_ALLOW, call, 1, &fits) == 0;
}

static const uint64_t whole = UINT32_MAX; /* of an int */

static bool allow_with_arguments(scmp_filter_ctx f)
{
    return allow_if(f, CALL(mmap), 2, PROT_EXEC, 0) && allow_if(f, CALL(mmap2), 2, PROT_EXEC, 0) &&
           allow_if(f, CALL(mprotect), 2, PROT_EXEC, 0) &&
           /* whether a stream is a terminal, and how wide it is */
           allow_if(f, CALL(ioctl), 1, whole, TCGETS) && allow_if(f, CALL(ioctl), 1, whole, TIOCGWINSZ) &&
           allow_if(f, CALL(fcntl), 1, whole, F_GETFL) && allow_if(f, CALL(fcntl), 1, whole, F_DUPFD_CLOEXEC) &&
           /* raise() and abort() */
           allow_if(f, CALL(tgkill), 0, whole, (uint64_t)getpid());
}

/* Names are looked up below open directories (Landlock says which), and what is opened is only read. */
static bool allow_opening(scmp_filter_ctx f)
{
    const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);

    return allow_if(f, CALL(openat), 2, writing, O_RDONLY) && allow_list(f, for_listing, 1) &&
           allow_if(f, CALL(fcntl), 1, whole, F_SETFD); /* fdopendir() does that */
}

/* Names are looked up in one open directory, and what is opened must not have been there. */
static bool allow_creating(scmp_filter_ctx f, int dir_fd)
{
    const uint64_t flags = O_ACCMODE | O_CREAT | O_EXCL, dir = (uint32_t)dir_fd;
    const struct scmp_arg_cmp from = {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = whole, .datum_b = dir};
    const struct scmp_arg_cmp to = {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = whole, .datum_b = dir};
    const struct scmp_arg_cmp both[] = {from, to};
    const struct scmp_arg_cmp fresh[] = {
        from, {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = flags, .datum_b = O_WRONLY | O_CREAT | O_EXCL}};

    return seccomp_rule_add_array(f, SCMP_ACT_ALLOW, CALL(openat), 2, fresh) == 0 &&
           seccomp_rule_add_array(f, SCMP_ACT_ALLOW, CALL(renameat2), 2, both) == 0 &&
           seccomp_rule_add_array(f, SCMP_ACT_ALLOW, CALL(linkat), 2, both) == 0 &&
           allow_if(f, CALL(unlinkat), 0, whole, dir);
}

static bool enter_seccomp(const struct sandbox_request *r)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool in = f != NULL && (r->start_threads == NULL || seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1) == 0) &&
              allow_list(f, always, sizeof(always) / sizeof(always[0])) && allow_with_arguments(f);

    /* A tree, not a list: the kernel tries the filter on every call that there is when it takes it. Older libraries
     * only know lists. */
    if (f != NULL)
        (void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (in && (r->needs & SANDBOX_CREATE_BELOW) != 0)
        in = allow_creating(f, r->create_dir);
    if (in && (r->needs & (SANDBOX_WRITE_FILE | SANDBOX_CREATE_BELOW)) != 0)
        in = allow_list(f, for_files, sizeof(for_files) / sizeof(for_files[0]));
    if (in && (r->needs & SANDBOX_OPEN_BELOW) != 0)
        in = allow_opening(f);
    in = in && seccomp_load(f) == 0;
    if (f != NULL)
        seccomp_release(f);
    return in;
}

static const char *missing_words(const struct sandbox_state *s)
{
    if (s->landlock_abi > 0 && s->seccomp)
        return NULL;
    if (s->seccomp)
        return "this kernel has no Landlock";
    return s->landlock_abi > 0 ? "the seccomp filter could not be installed"
                               : "neither Landlock nor a seccomp filter could be had";
}

static void start_threads(const struct sandbox_request *r)
{
    if (r->start_threads != NULL)
        r->start_threads(r->ctx);
}

bool sandbox_enter(const struct sandbox_request *r, struct sandbox_state *ret)
{
    *ret = (struct sandbox_state){.landlock_abi = 0};
    if (r->mode == SANDBOX_OFF)
        return true;
    if (SANITIZED) {
        start_threads(r);
        ret->missing = "a sanitizer build runs without";
        return r->mode != SANDBOX_REQUIRE;
    }
    ret->no_new_privs = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    if (ret->no_new_privs)
        ret->landlock_abi = enter_landlock(r);
    start_threads(r); /* Landlock is inherited, the filter comes for all threads, and the limits forbid new ones */
    set_limits();
    if (ret->no_new_privs)
        ret->seccomp = enter_seccomp(r);
    ret->missing = missing_words(ret);
    return ret->missing == NULL || r->mode != SANDBOX_REQUIRE;
}
