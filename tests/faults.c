/* SPDX-License-Identifier: MIT */
/*
 * Faults under whole commands: each command of fault_scenes.c runs once as it is; then again and again, each time with
 * one call to the host failing, or all from one on. Every run is a process of its own, and must
 *
 * - end by itself, with the exit code for what happened (3, 6; 5 of a repair), or with the very output of the run
 * without a fault, and never with that code after a read of an image failed: what could not be looked at is not clean;
 * - go on as if nothing had happened after an interrupted or a short call;
 * - give back all memory and descriptors;
 * - leave what it reads as it was, make the file it was to make as a whole or not at all, and a changed image old or
 * new.
 *
 *     faults allocations|calls [--most N] [--count] [SCENE]
 *         --most N     at most N runs for each kind of fault and scene, spread over its calls
 *         --count      says how many runs that is, and makes none
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

int program_main(int argc, char **argv); /* main() of the command */
__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

enum { SECONDS_FOR_ONE = 60, SHOWN = 40, WORDS_MOST = 20, DESCRIPTORS = 64 };

struct shared {
    struct fault_counts counts;
    bool returned; /* from the command */
    int left_open; /* descriptors */
    bool leaked;   /* what LeakSanitizer found besides */
};
static struct shared *shared;
static int output; /* what the command writes to standard output */

struct outcome {
    int status; /* of waitpid() */
    int code;   /* -1: died */
    uint64_t output, result;
};

static struct {
    uint64_t runs, fired, same, failed, by_class[CALL_CLASSES];
} total;

/* ---- files ---- */

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(2);
    }
}

static uint64_t hash_add(uint64_t h, const void *buf, size_t len)
{
    for (size_t i = 0; i + 8 <= len; i += 8) {
        uint64_t v;
        memcpy(&v, (const char *)buf + i, 8);
        h = (h ^ v) * 0x9E3779B97F4A7C15ULL;
        h ^= h >> 29;
    }
    for (size_t i = len / 8 * 8; i < len; i++)
        h = (h ^ ((const unsigned char *)buf)[i]) * 0x100000001b3;
    return h;
}

/* Over size and content; zeros count by their place only, so that holes are like zeros. */
static uint64_t hash_fd(int fd)
{
    static char buf[4096];
    static const char zeros[4096];
    struct stat st;
    must(fstat(fd, &st) == 0, "fstat");
    uint64_t h = hash_add(7, &st.st_size, sizeof(st.st_size));
    for (off_t off = 0; (off = lseek(fd, off, SEEK_DATA)) >= 0 && off < st.st_size;) {
        off_t hole = lseek(fd, off, SEEK_HOLE);
        for (; off < hole; off += (off_t)sizeof(buf)) {
            ssize_t n = pread(fd, buf, sizeof(buf), off);
            must(n >= 0, "read");
            if (memcmp(buf, zeros, (size_t)n) != 0) {
                h = hash_add(h, &off, sizeof(off));
                h = hash_add(h, buf, (size_t)n);
            }
        }
        off = hole;
    }
    return h;
}

/* 0: there is none */
static uint64_t hash_file(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    uint64_t h = hash_fd(fd);
    close(fd);
    return h;
}

static void copy(const char *from, const char *to)
{
    static char buf[65536];
    struct stat st;
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    must(in >= 0 && out >= 0 && fstat(in, &st) == 0 && ftruncate(out, st.st_size) == 0, to);
    for (off_t off = 0; (off = lseek(in, off, SEEK_DATA)) >= 0 && off < st.st_size;) {
        off_t hole = lseek(in, off, SEEK_HOLE);
        while (off < hole) {
            ssize_t n = pread(in, buf, hole - off < (off_t)sizeof(buf) ? (size_t)(hole - off) : sizeof(buf), off);
            must(n > 0 && pwrite(out, buf, (size_t)n, off) == n, to);
            off += n;
        }
    }
    close(in);
    close(out);
}

/* ---- one run ---- */

static int open_input(const struct fault_scene *s)
{
    int fd = open(s->input ? s->input : "/dev/null", O_RDONLY | O_CLOEXEC), ends[2];
    if (!s->pipe)
        return fd;
    must(fd >= 0 && pipe(ends) == 0, "pipe");
    pid_t writer = fork();
    must(writer >= 0, "fork");
    if (writer == 0) {
        static char buf[65536];
        (void)signal(SIGPIPE, SIG_DFL);
        close(ends[0]);
        for (ssize_t n; (n = read(fd, buf, sizeof(buf))) > 0;)
            if (write(ends[1], buf, (size_t)n) != n)
                break;
        _exit(0);
    }
    close(fd);
    close(ends[1]);
    return ends[0];
}

static int descriptors(void)
{
    int n = 0;
    for (int fd = 3; fd < DESCRIPTORS; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* In the child. */
static void run_here(const struct fault_scene *s, const char *const *words, const struct fault_plan *plan)
{
    const char *argv[WORDS_MOST] = {"vhdxray"};
    int argc = 1, in = open_input(s), quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    while (words[argc - 1] && argc < WORDS_MOST - 3) {
        argv[argc] = words[argc - 1];
        argc++;
    }
    if (!s->no_sandbox_option) {
        argv[argc++] = "--sandbox";
        argv[argc++] = "off";
    }
    dup2(in, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    if (!getenv("FAULTS_VERBOSE"))
        dup2(quiet, STDERR_FILENO);
    close(in);
    close(quiet);
    int before = descriptors();
    (void)alarm(SECONDS_FOR_ONE);
    fault_begin(plan, &shared->counts);
    int code = program_main(argc, (char **)(uintptr_t)argv);
    fault_end();
    shared->returned = true;
    shared->left_open = descriptors() - before;
    if (__lsan_do_recoverable_leak_check && plan->kind != FAULT_NONE && shared->counts.fired % 16 == 1)
        shared->leaked = __lsan_do_recoverable_leak_check() != 0;
    _exit(code);
}

static void run(const struct fault_scene *s, const char *const *words, const struct fault_plan *plan,
                struct outcome *ret)
{
    memset(shared, 0, sizeof(*shared));
    must(ftruncate(output, 0) == 0 && lseek(output, 0, SEEK_SET) == 0, "output");
    (void)fflush(stdout);
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0)
        run_here(s, words, plan);
    must(waitpid(pid, &ret->status, 0) == pid, "wait");
    ret->code = WIFEXITED(ret->status) ? WEXITSTATUS(ret->status) : -1;
    ret->output = hash_fd(output);
}

static const char journal[] = "w.vhdx.vhdxray-journal";
static const struct fault_plan no_fault = {.kind = FAULT_NONE};

static void prepare(const struct fault_scene *s)
{
    (void)unlink("out");
    if (!s->image)
        return;
    (void)unlink(journal);
    copy(s->image, "w.vhdx");
    if (s->journal)
        copy(s->journal, journal);
}

/* What the scene is about: the file that is made or changed, or the guest's disk. */
static uint64_t result_of(const struct fault_scene *s)
{
    static const char *const guest[] = {"hash", "--guest", "w.vhdx", NULL};
    struct outcome o;
    if (s->result == RESULT_OUT)
        return hash_file("out");
    if (s->result == RESULT_WHOLE)
        return hash_file("w.vhdx");
    if (s->result == RESULT_READS)
        return 0;
    const struct shared kept = *shared;
    run(s, guest, &no_fault, &o);
    *shared = kept;
    return o.code == 0 ? o.output : 1;
}

/* ---- judging ---- */

static void complain(const struct fault_scene *s, const struct fault_plan *p, const struct outcome *o, const char *why)
{
    static const char *const kinds[] = {"nothing", "error", "interrupt", "short", "byte", "end", "smaller", "larger"};
    if (++total.failed > SHOWN)
        return;
    printf("FAIL %s: %s %" PRIu64 "%s: %s%s%s: exit %d", s->name, fault_class_name(p->where), p->at,
           p->sticky ? " and all behind" : "", kinds[p->kind], p->kind == FAULT_ERROR ? " " : "",
           p->kind == FAULT_ERROR ? strerrorname_np(p->error) : "", o->code);
    if (o->code < 0)
        printf(" (signal %d)", WTERMSIG(o->status));
    printf(": %s\n", why);
}

static bool is_transparent(const struct fault_plan *p)
{
    return p->kind == FAULT_INTERRUPT || p->kind == FAULT_SHORT || p->kind == FAULT_BYTE;
}

static bool lies(const struct fault_plan *p)
{
    return p->kind == FAULT_SMALLER || p->kind == FAULT_LARGER;
}

/* What is wrong with the run; NULL: nothing. */
static const char *verdict(const struct fault_scene *s, const struct fault_plan *p, const struct outcome *clean,
                           const struct outcome *o)
{
    bool same = o->code == clean->code && o->output == clean->output && o->result == clean->result;
    if (o->code < 0)
        return "died";
    if (!shared->returned)
        return "did not come back to main()";
    if (shared->counts.live != 0 || shared->leaked)
        return "memory was not given back";
    if (shared->left_open > 0)
        return "a descriptor is still open";
    total.same += same;
    if (is_transparent(p))
        return same ? NULL : "an interrupted or short call made a difference";
    if (o->code == 1 && s->salvages)
        return NULL; /* it lists what it could not read */
    if (s->passes_over && strcmp(s->words[0], "chain") == 0 && p->where == CALL_READ && !p->sticky)
        return NULL; /* whether a file in the folder is a disk is asked once more when it is opened */
    if (p->where == CALL_READ && same)
        return "nobody noticed that a read failed";
    if (same || o->code == 3 || o->code == 6 || (o->code == 5 && strcmp(s->words[0], "repair") == 0) ||
        (o->code == 5 && strcmp(s->words[0], "undo") == 0))
        return NULL;
    if (lies(p)) /* of a smaller or larger file the facts are others */
        return o->code == 7                                        ? "internal error"
               : strcmp(s->words[0], "check") == 0 && o->code == 0 ? "no finding"
                                                                   : NULL;
    if (p->where == CALL_SEEK) /* where the holes are is a fact as well, but not what is in them */
        return o->code == clean->code ? NULL : "holes make a difference";
    if (p->where == CALL_STREAM) /* a pipe that ends early is a shorter file */
        return o->code == 0 && strcmp(s->words[0], "check") == 0 ? "success over half a file" : NULL;
    if (s->passes_over && (p->where == CALL_STAT || p->where == CALL_OPEN))
        return NULL;
    return "the exit code does not say that something failed";
}

/* The files after a run that failed. old: before it. */
static const char *files_verdict(const struct fault_scene *s, const struct outcome *clean, const struct outcome *o,
                                 uint64_t old)
{
    static const char *const healthy[] = {"check", "--fail-on", "error", "w.vhdx", NULL};
    struct outcome after;
    if (s->result == RESULT_READS || o->result == clean->result)
        return NULL;
    if (s->result == RESULT_OUT)
        return o->result == 0 || o->code != clean->code ? NULL : "the file is there, but not whole";
    if (o->result != old && s->result == RESULT_GUEST)
        return "the guest's disk is neither the old nor the new one";
    if (o->result != old) {
        run(s, s->settle, &no_fault, &after);
        after.result = result_of(s);
        if (after.result != old && after.result != clean->result)
            return "the image is neither old nor new, and cannot be brought back";
    }
    if (s->result == RESULT_GUEST) {
        run(s, healthy, &no_fault, &after);
        if (after.code != 0)
            return "the image has errors";
    }
    return NULL;
}

/* ---- all of it ---- */

struct kind {
    enum fault_class where;
    enum fault_kind kind;
    int error;
    bool sticky;
};

static const struct kind allocation_kinds[] = {
    {CALL_ALLOCATION, FAULT_ERROR, ENOMEM, false},
    {CALL_ALLOCATION, FAULT_ERROR, ENOMEM, true},
};

static const struct kind call_kinds[] = {
    {CALL_READ, FAULT_ERROR, EIO, false},     {CALL_READ, FAULT_ERROR, EIO, true},
    {CALL_READ, FAULT_ERROR, EAGAIN, false},  {CALL_READ, FAULT_INTERRUPT, 0, false},
    {CALL_READ, FAULT_SHORT, 0, false},       {CALL_READ, FAULT_SHORT, 0, true},
    {CALL_READ, FAULT_END, 0, false},         {CALL_READ, FAULT_END, 0, true},
    {CALL_READ, FAULT_BYTE, 0, false},        {CALL_READ, FAULT_ERROR, ESTALE, false},
    {CALL_READ, FAULT_ERROR, ENODEV, true},   {CALL_SEEK, FAULT_ERROR, EIO, false},
    {CALL_STREAM, FAULT_ERROR, EIO, false},   {CALL_STREAM, FAULT_ERROR, EAGAIN, false},
    {CALL_STREAM, FAULT_INTERRUPT, 0, false}, {CALL_STREAM, FAULT_SHORT, 0, true},
    {CALL_STREAM, FAULT_END, 0, true},        {CALL_SEEK, FAULT_ERROR, EINVAL, false},
    {CALL_SEEK, FAULT_ERROR, EINVAL, true},   {CALL_STAT, FAULT_ERROR, EIO, false},
    {CALL_STAT, FAULT_ERROR, EIO, true},      {CALL_STAT, FAULT_SMALLER, 0, false},
    {CALL_STAT, FAULT_SMALLER, 0, true},      {CALL_STAT, FAULT_LARGER, 0, false},
    {CALL_STAT, FAULT_LARGER, 0, true},       {CALL_OPEN, FAULT_ERROR, EMFILE, false},
    {CALL_OPEN, FAULT_ERROR, EACCES, true},   {CALL_WRITE, FAULT_ERROR, ENOSPC, false},
    {CALL_WRITE, FAULT_ERROR, ENOSPC, true},  {CALL_WRITE, FAULT_ERROR, EIO, false},
    {CALL_WRITE, FAULT_INTERRUPT, 0, false},  {CALL_WRITE, FAULT_SHORT, 0, false},
    {CALL_SYNC, FAULT_ERROR, EIO, false},     {CALL_SYNC, FAULT_ERROR, EIO, true},
    {CALL_RESIZE, FAULT_ERROR, EFBIG, false}, {CALL_RESIZE, FAULT_ERROR, ENOSPC, true},
    {CALL_NAME, FAULT_ERROR, EACCES, false},  {CALL_NAME, FAULT_ERROR, EIO, true},
};

static void one(const struct fault_scene *s, const struct fault_plan *p, const struct outcome *clean, uint64_t old)
{
    struct outcome o;
    if (lies(p) && s->result != RESULT_READS)
        return; /* a host that lies about the size of what is written: nobody can help */
    prepare(s);
    run(s, s->words, p, &o);
    total.runs++;
    if (shared->counts.fired == 0)
        return;
    total.fired++;
    total.by_class[p->where]++;
    o.result = result_of(s);
    const char *why = verdict(s, p, clean, &o);
    if (!why && o.code != clean->code)
        why = files_verdict(s, clean, &o, old);
    if (why)
        complain(s, p, &o, why);
}

static uint64_t evidence(void)
{
    static const char *const files[] = {"clean.vhdx",  "small.vhdx",      "corrupt.vhdx",  "dirty.vhdx", "stale.vhdx",
                                        "parent.vhdx", "unreadable.vhdx", "mendable.vhdx", "child.avhdx"};
    uint64_t h = 0;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        h = h * 31 + hash_file(files[i]);
    return h;
}

static bool count_only;

static void scene(const struct fault_scene *s, const struct kind *kinds, size_t count, uint64_t most)
{
    struct outcome clean;
    prepare(s);
    uint64_t old = result_of(s), files = evidence();
    run(s, s->words, &no_fault, &clean);
    const struct shared calls = *shared;
    clean.result = result_of(s);
    if (clean.code < 0 || clean.code == 2 || clean.code == 3 || clean.code > 5 || calls.counts.live != 0 ||
        calls.left_open > 0) {
        printf("FAIL %s: without any fault: exit %d, %" PRId64 " allocations and %d descriptors left\n", s->name,
               clean.code, calls.counts.live, calls.left_open);
        total.failed++;
        return;
    }
    for (size_t k = 0; k < count; k++) {
        uint64_t n = calls.counts.calls[kinds[k].where], step = n > most ? (n + most - 1) / most : 1;
        for (uint64_t at = 1; at <= n; at += step) {
            const struct fault_plan p = {kinds[k].where, kinds[k].kind, kinds[k].error, at, kinds[k].sticky};
            if (count_only)
                total.runs += !lies(&p) || s->result == RESULT_READS;
            else
                one(s, &p, &clean, old);
        }
    }
    if (evidence() != files) {
        printf("FAIL %s: a file that is only read has changed\n", s->name);
        total.failed++;
    }
}

/* repaired.vhdx and its journal, for undo */
static void make_repaired(void)
{
    static const struct fault_scene repair = {"repair", {"repair", "--apply", "w.vhdx"}, .image = "mendable.vhdx"};
    struct outcome o;
    prepare(&repair);
    run(&repair, repair.words, &no_fault, &o);
    if (o.code != 4) {
        printf("the image for undo was not repaired: exit %d\n", o.code);
        exit(1);
    }
    copy("w.vhdx", "repaired.vhdx");
    must(rename(journal, "repaired.journal") == 0, "journal");
}

static void finish(bool allocations, size_t scenes)
{
    if (allocations)
        printf("figure allocations that fail: %" PRIu64
               " runs of %zu scenarios with the n-th allocation failing, alone or with all behind it: %" PRIu64
               " failed runs, 0 crashes, 0 leaks; exit 3 or 6, or the same output (%" PRIu64
               "); images untouched, old or new\n",
               total.fired, scenes, total.failed, total.same);
    else
        printf("figure calls that fail: %" PRIu64 " injections under %zu scenarios (%" PRIu64 " reads, %" PRIu64
               " of streams, %" PRIu64 " seeks, %" PRIu64 " stats, %" PRIu64 " opens, %" PRIu64 " writes, %" PRIu64
               " syncs, %" PRIu64 " resizes, %" PRIu64 " names): %" PRIu64
               " failed runs; no success when something could not be read; images untouched, old or new\n",
               total.fired, scenes, total.by_class[CALL_READ], total.by_class[CALL_STREAM], total.by_class[CALL_SEEK],
               total.by_class[CALL_STAT], total.by_class[CALL_OPEN], total.by_class[CALL_WRITE],
               total.by_class[CALL_SYNC], total.by_class[CALL_RESIZE], total.by_class[CALL_NAME], total.failed);
    printf("%d passed, %d failed\n", total.failed == 0 && total.fired > 0, total.failed > 0 || total.fired == 0);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/vhdxray-faults-XXXXXX";
    bool allocations = argc > 1 && strcmp(argv[1], "allocations") == 0;
    uint64_t most = UINT64_MAX;
    const char *only = NULL;
    size_t scenes = 0;
    if (argc < 2 || (!allocations && strcmp(argv[1], "calls") != 0)) {
        (void)fprintf(stderr, "usage: faults allocations|calls [--most N] [--count] [SCENE]\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--most") == 0 && i + 1 < argc)
            most = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--count") == 0)
            count_only = true;
        else
            only = argv[i];
    }
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    output = memfd_create("output", MFD_CLOEXEC);
    must(shared != MAP_FAILED && output >= 0 && most > 0, "setup");
    (void)signal(SIGCHLD, SIG_DFL);
    must(mkdtemp(folder) != NULL && chdir(folder) == 0, folder);
    fault_files_make();
    make_repaired();
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(here >= 0 && syncfs(here) == 0, "sync"); /* how much of a file is allocated is a fact, and settles late */
    close(here);
    for (size_t i = 0; i < fault_scene_count; i++) {
        if (only && strcmp(only, fault_scenes[i].name) != 0)
            continue;
        scene(&fault_scenes[i], allocations ? allocation_kinds : call_kinds,
              allocations ? sizeof(allocation_kinds) / sizeof(allocation_kinds[0])
                          : sizeof(call_kinds) / sizeof(call_kinds[0]),
              most);
        scenes++;
    }
    if (count_only)
        printf("%" PRIu64 " runs under %zu scenarios\n", total.runs, scenes);
    else
        finish(allocations, scenes);
    if (chdir("/") == 0) {
        char command[sizeof(folder) + 16];
        (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        (void)!system(command);
    }
    return total.failed == 0 && (total.fired > 0 || count_only) ? 0 : 1;
}
