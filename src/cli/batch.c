/* SPDX-License-Identifier: MIT */
/*
 * The list is cut into chunks. A worker process opens the files of its chunk, confines itself, and writes its part of
 * the report to an unlinked file; what it counted goes through shared memory. The parts are put together in the order
 * of the list, so the report does not depend on how many workers there are or which is faster. At most WINDOW chunks
 * per worker are under way or waiting for an earlier one, so neither files nor memory grow with the list.
 */
#include "cli/batch.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"

enum {
    CHUNK_MOST = 256,   /* files: a worker's start, which costs as much as ten of them, is shared by that many */
    CHUNKS_PER_JOB = 4, /* so that workers end at about the same time */
    WINDOW = 4,
    TICK_NS = 2000000, /* between two looks at the workers while progress is shown */
};

/* What a worker tells. */
struct tally {
    int code;
    bool whole;  /* it got to its end */
    bool taken;  /* the output would replace a parent that was found */
    bool failed; /* out of memory: its part of the report is not whole */
    uint64_t unopened, verdicts[REPORT_VERDICTS];
};

enum state { SLOT_FREE, SLOT_RUNNING, SLOT_ENDED };

struct slot {
    enum state state;
    uint32_t first, count; /* files */
    pid_t pid;
    int status;
    FILE *part;
    struct tally *tally; /* shared */
};

struct board {
    struct run *run;
    const struct words *files;
    const struct each *each;
    struct slot *slots;
    uint32_t slot_count, jobs, chunk;
    uint32_t next, emitted; /* files: started, and written out */
    uint32_t *done;         /* shared */
    struct tally *tallies;  /* shared, one for each slot */
    uint64_t start_ns, next_ns;
    bool shown, on_screen;
    bool taken; /* as of struct tally, of any */
};

static volatile sig_atomic_t interrupted;

static void note_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

bool batch_can(enum report_format format)
{
    return format == REPORT_TEXT || format == REPORT_JSON || format == REPORT_JSONL;
}

/* ---- the worker ---- */

static _Noreturn void work(struct board *b, struct slot *s, pid_t parent)
{
    struct run *run = b->run;
    struct report *r = &run->report;
    struct options o = *run->options;
    const struct words files = {.items = b->files->items + s->first, .count = s->count};
    struct each e = *b->each;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
        _exit(EXIT_INTERNAL);
    output_undoom();
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    o.progress = PROGRESS_NEVER;
    run->options = &o;
    run->code = EXIT_OK;
    run->output.file = s->part;
    run->output.temporary = NULL; /* the parent's */
    r->out = s->part;
    r->json.out = s->part;
    r->json.filled[r->json.depth] = s->first > 0;
    r->images = s->first;
    r->unopened = 0;
    memset(r->verdicts, 0, sizeof(r->verdicts));
    e.done = b->done;
    int code = run_confine(run, &files, &(struct confinement){.one_of_many = true});
    if (code == EXIT_OK)
        session_each(run, &files, &e);
    else
        run_note(run, code);
    s->tally->code = run->code;
    s->tally->failed = !report_is_whole(r) || fflush(s->part) != 0;
    s->tally->unopened = r->unopened;
    memcpy(s->tally->verdicts, r->verdicts, sizeof(r->verdicts));
    s->tally->taken = output_refusal(&run->output) != EXIT_OK;
    s->tally->whole = true;
    _exit(EXIT_OK);
}

/* Starts files [first, first + count). False after a message. */
static bool start(struct board *b, struct slot *s, uint32_t first, uint32_t count)
{
    const pid_t parent = getpid();

    *s->tally = (struct tally){.code = EXIT_OK};
    s->first = first;
    s->count = count;
    s->part = tmpfile();
    if (s->part == NULL) {
        message("cannot create a temporary file: %s", error_text(errno));
        return false;
    }
    (void)fflush(NULL); /* what is buffered would be written twice */
    s->pid = fork();
    if (s->pid == 0)
        work(b, s, parent);
    if (s->pid < 0) {
        message("cannot start a process: %s", error_text(errno));
        (void)fclose(s->part);
        return false;
    }
    s->state = SLOT_RUNNING;
    return true;
}

/* ---- putting the parts together ---- */

static void append(struct run *run, FILE *part)
{
    char buf[16384];
    size_t n;

    rewind(part);
    while ((n = fread(buf, 1, sizeof(buf), part)) > 0)
        (void)fwrite(buf, 1, n, run->output.file);
    if (ferror(part)) {
        message("a temporary file could not be read: the report is not complete");
        run_note(run, EXIT_IMPOSSIBLE);
    }
}

static void add_part(struct board *b, const struct slot *s)
{
    struct report *r = &b->run->report;

    append(b->run, s->part);
    r->json.filled[r->json.depth] = true;
    r->json.failed = r->json.failed || s->tally->failed;
    r->images += s->count - s->tally->unopened;
    r->unopened += s->tally->unopened;
    for (int v = 0; v < REPORT_VERDICTS; v++)
        r->verdicts[v] += s->tally->verdicts[v];
    b->taken = b->taken || s->tally->taken;
    run_note(b->run, s->tally->code);
}

/* One file whose worker died. */
static void add_crash(struct board *b, const struct slot *s)
{
    const char *path = b->files->items[s->first];
    char text[128];

    if (WIFSIGNALED(s->status))
        (void)snprintf(text, sizeof(text), "internal error: the analysis was ended by signal %d (%s)",
                       WTERMSIG(s->status), strsignal(WTERMSIG(s->status)));
    else
        (void)snprintf(text, sizeof(text), "internal error: the analysis ended with code %d", WEXITSTATUS(s->status));
    message("%s: %s", path, text);
    report_unopened(&b->run->report, path, text);
    run_note(b->run, EXIT_INTERNAL);
}

static void wait_for(struct slot *s)
{
    while (waitpid(s->pid, &s->status, 0) < 0 && errno == EINTR)
        ;
    s->state = SLOT_ENDED;
}

static void release(struct slot *s)
{
    (void)fclose(s->part);
    s->state = SLOT_FREE;
}

/* A worker died: its files one by one, so that only the culprit is lost. */
static void retry(struct board *b, struct slot *s)
{
    const uint32_t first = s->first, count = s->count;

    if (count == 1) {
        add_crash(b, s);
        return;
    }
    for (uint32_t i = 0; i < count && !interrupted; i++) {
        (void)fclose(s->part);
        s->part = NULL;
        if (!start(b, s, first + i, 1)) {
            s->part = NULL;
            run_note(b->run, EXIT_IMPOSSIBLE);
            return;
        }
        wait_for(s);
        if (s->tally->whole)
            add_part(b, s);
        else
            add_crash(b, s);
    }
    s->first = first;
    s->count = count;
}

/* Everything that is next in the list and has ended. */
static void emit(struct board *b)
{
    for (bool found = true; found && !interrupted;) {
        found = false;
        for (uint32_t i = 0; i < b->slot_count; i++) {
            struct slot *s = &b->slots[i];
            if (s->state != SLOT_ENDED || s->first != b->emitted)
                continue;
            b->emitted += s->count;
            if (s->tally->whole)
                add_part(b, s);
            else
                retry(b, s);
            if (s->part != NULL)
                release(s);
            s->state = SLOT_FREE;
            found = true;
        }
    }
    if (b->run->options->format == REPORT_JSONL)
        (void)fflush(b->run->output.file);
}

/* ---- the loop ---- */

static void show(struct board *b)
{
    uint64_t now = source_now_ns(), ns = now - b->start_ns;
    uint32_t done = __atomic_load_n(b->done, __ATOMIC_RELAXED);

    if (now < b->next_ns)
        return;
    b->next_ns = now + 200000000;
    double rate = ns > 0 ? done * 1e9 / (double)ns : 0;
    double left = rate > 0 ? (b->files->count - done) / rate : 0;
    (void)fprintf(stderr, "\r%" PRIu32 " of %" PRIu32 " files, %.0f/s, %.0f s left    ", done, b->files->count, rate,
                  left);
    b->on_screen = true;
}

static void clear(struct board *b)
{
    if (b->on_screen)
        (void)fprintf(stderr, "\r%78s\r", "");
    b->on_screen = false;
}

/* Waits until some worker ends, or an interrupt. */
static void wait_any(struct board *b)
{
    const struct timespec tick = {.tv_nsec = TICK_NS};
    int status = 0;
    pid_t pid;

    while ((pid = waitpid(-1, &status, b->shown ? WNOHANG : 0)) == 0 && !interrupted) {
        show(b);
        (void)nanosleep(&tick, NULL);
    }
    for (uint32_t i = 0; i < b->slot_count && pid > 0; i++) {
        if (b->slots[i].state == SLOT_RUNNING && b->slots[i].pid == pid) {
            b->slots[i].state = SLOT_ENDED;
            b->slots[i].status = status;
        }
    }
}

static uint32_t running(const struct board *b)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->slot_count; i++)
        n += b->slots[i].state == SLOT_RUNNING;
    return n;
}

/* False after a message. */
static bool start_more(struct board *b)
{
    for (uint32_t i = 0; i < b->slot_count; i++) {
        if (b->next >= b->files->count || running(b) >= b->jobs)
            return true;
        if (b->slots[i].state != SLOT_FREE)
            continue;
        uint32_t count = (uint32_t)u64_min(b->chunk, b->files->count - b->next);
        if (!start(b, &b->slots[i], b->next, count))
            return false;
        b->next += count;
    }
    return true;
}

/* What is under way is given up; what has ended is written out, also behind a gap. */
static void stop(struct board *b)
{
    for (uint32_t i = 0; i < b->slot_count; i++) {
        struct slot *s = &b->slots[i];
        if (s->state != SLOT_RUNNING)
            continue;
        (void)kill(s->pid, SIGKILL);
        wait_for(s);
    }
    for (uint32_t at = b->emitted; at < b->next; at++) {
        for (uint32_t i = 0; i < b->slot_count; i++) {
            struct slot *s = &b->slots[i];
            if (s->state != SLOT_ENDED || s->first != at)
                continue;
            if (s->tally->whole) {
                add_part(b, s);
                b->emitted += s->count;
            }
            release(s);
        }
    }
}

static void *shared(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return p != MAP_FAILED ? p : NULL;
}

static bool prepare(struct board *b)
{
    const struct options *o = b->run->options;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    const char *term = getenv("TERM");
    bool terminal = isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);

    b->jobs = o->jobs > 0 ? o->jobs : cpus > 0 ? (uint32_t)u64_min((uint64_t)cpus, JOBS_MOST) : 1;
    uint64_t share = b->files->count / ((uint64_t)b->jobs * CHUNKS_PER_JOB);
    b->chunk = (uint32_t)u64_max(1, u64_min(u64_min(CHUNK_MOST, share), inputs_room() / 2));
    b->slot_count = b->jobs * WINDOW;
    b->shown = o->progress == PROGRESS_ALWAYS || (o->progress == PROGRESS_AUTO && terminal && !o->quiet);
    b->start_ns = source_now_ns();
    b->next_ns = o->progress == PROGRESS_ALWAYS ? 0 : b->start_ns + 200000000;
    b->slots = (struct slot *)calloc(b->slot_count, sizeof(*b->slots));
    b->done = (uint32_t *)shared(sizeof(*b->done));
    b->tallies = (struct tally *)shared(b->slot_count * sizeof(*b->tallies));
    for (uint32_t i = 0; i < b->slot_count && b->slots != NULL && b->tallies != NULL; i++)
        b->slots[i].tally = &b->tallies[i];
    return b->slots != NULL && b->done != NULL && b->tallies != NULL;
}

static void finish(struct board *b)
{
    if (b->tallies != NULL)
        munmap(b->tallies, b->slot_count * sizeof(*b->tallies));
    if (b->done != NULL)
        munmap(b->done, sizeof(*b->done));
    free(b->slots);
}

bool batch_run(struct run *run, const struct words *files, const struct each *e)
{
    struct board b = {.run = run, .files = files, .each = e};
    const struct sigaction note = {.sa_handler = note_interrupt};
    struct sigaction before;
    bool able = true;

    if (!prepare(&b)) {
        message("out of memory");
        run_note(run, EXIT_LIMIT);
        finish(&b);
        return true;
    }
    (void)sigaction(SIGINT, &note, &before);
    while (able && !interrupted && b.emitted < files->count) {
        able = start_more(&b);
        if (running(&b) > 0)
            wait_any(&b);
        emit(&b);
    }
    stop(&b);
    clear(&b);
    (void)sigaction(SIGINT, &before, NULL);
    if (interrupted) {
        message("interrupted: %" PRIu32 " of %" PRIu32 " files are in the report", b.emitted, files->count);
        run_note(run, EXIT_LIMIT);
    } else if (!able) {
        run_note(run, EXIT_IMPOSSIBLE);
    }
    finish(&b);
    if (b.taken)
        run_note(run, EXIT_USAGE);
    return !b.taken;
}
