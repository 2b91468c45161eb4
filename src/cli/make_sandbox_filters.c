/* SPDX-License-Identifier: MIT */
/*
 * Writes the C source of the table of cli/sandbox_filters.h on its standard output: part of the build, not of the
 * program. The lists of system calls are here; libseccomp makes filters of them.
 *
 * What is not on a list answers EPERM rather than killing: a C library that tries a newer call first then goes on with
 * the older one, and hijacked code gets nothing either way. Calls of a foreign architecture kill.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "cli/sandbox.h"
#include "cli/sandbox_filters.h"

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
           allow_if(f, CALL(tgkill), 0, whole, SANDBOX_MARK_PROCESS);
}

static bool allow_writing(scmp_filter_ctx f)
{
    return allow_list(f, for_files, sizeof(for_files) / sizeof(for_files[0])) &&
           /* bytes that a file shares with another one that is open */
           allow_if(f, CALL(ioctl), 1, whole, FICLONE) && allow_if(f, CALL(ioctl), 1, whole, FICLONERANGE);
}

/* Names are looked up below open directories (Landlock says which), and what is opened is only read. */
static bool allow_opening(scmp_filter_ctx f)
{
    const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);

    return allow_if(f, CALL(openat), 2, writing, O_RDONLY) && allow_list(f, for_listing, 1) &&
           allow_if(f, CALL(fcntl), 1, whole, F_SETFD); /* fdopendir() does that */
}

/* Names are looked up in one open directory, and what is opened must not have been there. */
static bool allow_creating(scmp_filter_ctx f)
{
    const uint64_t flags = O_ACCMODE | O_CREAT | O_EXCL, dir = SANDBOX_MARK_DIRECTORY;
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

/* NULL when libseccomp refuses something. The caller releases it. */
static scmp_filter_ctx filter_for(unsigned needs)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool made = f != NULL && allow_list(f, always, sizeof(always) / sizeof(always[0])) && allow_with_arguments(f);

    if (made && (needs & SANDBOX_CREATE_BELOW) != 0)
        made = allow_creating(f);
    if (made && (needs & (SANDBOX_WRITE_FILE | SANDBOX_CREATE_BELOW)) != 0)
        made = allow_writing(f);
    if (made && (needs & SANDBOX_OPEN_BELOW) != 0)
        made = allow_opening(f);
    /* A tree, not a list: the kernel tries the filter on every call that there is when it takes it. Older libraries
     * only know lists. */
    if (made)
        (void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (!made && f != NULL)
        seccomp_release(f);
    return made ? f : NULL;
}

/* The instructions of the filter; 0 when there are too many, or none. */
static size_t exported(scmp_filter_ctx f, struct sock_filter code[static SANDBOX_FILTER_MOST])
{
    FILE *to = tmpfile();
    size_t count = 0;

    if (to != NULL && seccomp_export_bpf(f, fileno(to)) == 0 && fseek(to, 0, SEEK_SET) == 0)
        count = fread(code, sizeof(code[0]), SANDBOX_FILTER_MOST, to);
    if (to != NULL && (ferror(to) || fgetc(to) != EOF))
        count = 0;
    if (to != NULL)
        (void)fclose(to);
    return count;
}

static bool write_filter(unsigned needs, size_t *count)
{
    struct sock_filter code[SANDBOX_FILTER_MOST];
    scmp_filter_ctx f = filter_for(needs);

    *count = f != NULL ? exported(f, code) : 0;
    if (f != NULL)
        seccomp_release(f);
    printf("\nstatic const struct sock_filter needs_%u[] = {\n", needs);
    for (size_t i = 0; i < *count; i++)
        printf("    {0x%04x, %u, %u, 0x%08" PRIx32 "},\n", code[i].code, code[i].jt, code[i].jf, code[i].k);
    printf("};\n");
    return *count != 0;
}

int main(void)
{
    size_t count[SANDBOX_NEEDS];

    printf("/* Written by cli/make_sandbox_filters.c. */\n#include \"cli/sandbox_filters.h\"\n");
    for (unsigned needs = 0; needs < SANDBOX_NEEDS; needs++) {
        if (!write_filter(needs, &count[needs])) {
            fprintf(stderr, "make_sandbox_filters: libseccomp makes no filter for the needs %u\n", needs);
            return 1;
        }
    }
    printf("\nconst struct sandbox_filter sandbox_filters[SANDBOX_NEEDS] = {\n");
    for (unsigned needs = 0; needs < SANDBOX_NEEDS; needs++)
        printf("    {%zu, needs_%u},\n", count[needs], needs);
    printf("};\n");
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
