/* SPDX-License-Identifier: MIT */
/*
 * Three fences, the outer ones in case an inner one is missing: resource limits, Landlock (no file of the host can be
 * opened, created or removed, no TCP port reached, no foreign process signalled) and a seccomp filter that lets a short
 * list of system calls pass (cli/make_sandbox_filters.c).
 */
#include "cli/sandbox.h"
#include "cli/sandbox_filters.h"

#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
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

/* The filter with this process's numbers for the marks (cli/sandbox_filters.h). False when there is none such. */
static bool complete(const struct sandbox_filter *f, const struct sandbox_request *r,
                     struct sock_filter to[static SANDBOX_FILTER_MOST])
{
    if (f->count == 0)
        return false;
    for (unsigned i = 0; i < f->count; i++) {
        to[i] = f->code[i];
        if (to[i].code == (BPF_JMP | BPF_JEQ | BPF_K) && to[i].k == SANDBOX_MARK_PROCESS)
            to[i].k = (uint32_t)getpid();
        else if (to[i].code == (BPF_JMP | BPF_JEQ | BPF_K) && to[i].k == SANDBOX_MARK_DIRECTORY)
            to[i].k = (uint32_t)r->create_dir;
    }
    return true;
}

static bool enter_seccomp(const struct sandbox_request *r)
{
    struct sock_filter code[SANDBOX_FILTER_MOST];
    const struct sandbox_filter *f = &sandbox_filters[r->needs & (SANDBOX_NEEDS - 1)];
    struct sock_fprog program = {.len = f->count, .filter = code};
    unsigned flags = r->start_threads != NULL ? SECCOMP_FILTER_FLAG_TSYNC : 0;

    return complete(f, r, code) && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0;
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
