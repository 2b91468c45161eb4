/* SPDX-License-Identifier: MIT */
/*
 * `vhdxray hash`: digests of the file as it is, and of the disk that the guest sees. Each of the two is read once, for
 * all algorithms together; where the host's file or the image has nothing, zeros are digested without being read.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "cli/digest.h"
#include "cli/file_list.h"
#include "cli/guest_session.h"
#include "image/guest_walk.h"
#include "report/guest.h"

enum { BUFFER = 256 * 1024 };

static struct digest_set algorithms; /* of this run */

/* One file and its digests. */
struct job {
    struct run *run;
    struct guest_session *gs;
    struct progress progress;
    struct digest digest;
    bool failed; /* libcrypto did */
};

static enum status add_zeros(struct job *j, uint64_t len)
{
    while (len > 0) {
        uint64_t step = u64_min(len, PROGRESS_STEP_MOST);
        j->failed = j->failed || !digest_zeros(&j->digest, step);
        if (!progress_step(&j->progress, step))
            return STATUS_LIMIT;
        len -= step;
    }
    return STATUS_OK;
}

static enum status add_data(struct job *j, const uint8_t *bytes, uint64_t len)
{
    j->failed = j->failed || !digest_data(&j->digest, bytes, (size_t)len);
    return progress_step(&j->progress, len) ? STATUS_OK : STATUS_LIMIT;
}

static enum status digest_container(struct job *j)
{
    struct source *file = j->gs->session.source;
    uint8_t *buf = (uint8_t *)arena_alloc(j->gs->session.arena, BUFFER);
    enum status st = buf != NULL ? STATUS_OK : arena_status(j->gs->session.arena);
    uint64_t data = 0, hole = 0; /* data in [data, hole) is known */

    for (uint64_t off = 0; off < file->size && st == STATUS_OK;) {
        if (off >= hole)
            st = source_next_data(file, off, &data, &hole);
        if (st != STATUS_OK)
            break;
        if (data > off) {
            st = add_zeros(j, data - off);
            off = data;
            continue;
        }
        uint64_t n = u64_min(hole - off, BUFFER - off % BUFFER);
        st = source_read(file, off, buf, (size_t)n);
        if (st == STATUS_OK)
            st = add_data(j, buf, n);
        off += n;
    }
    return st;
}

static enum status digest_guest(struct job *j)
{
    struct guest_session *gs = j->gs;
    const bool salvage = j->run->options->salvage;
    struct guest_walk *walk = NULL;
    struct guest_piece piece;
    bool more = true;

    enum status st = guest_walk_open(gs->guest, 0, guest_size(gs->guest), &walk);
    while (st == STATUS_OK) {
        const uint8_t *bytes = NULL;
        st = guest_walk_peek(walk, &piece, &more);
        if (st != STATUS_OK || !more)
            break;
        st = guest_walk_take(walk, piece.len, &bytes, guest_fault_list_note, &gs->faults, NULL);
        if (st != STATUS_OK || (!salvage && gs->faults.total > 0))
            break;
        st = bytes != NULL ? add_data(j, bytes, piece.len) : add_zeros(j, piece.len);
    }
    return st;
}

/* Runs one of the two; EXIT_OK, or a code after a message. */
static int run_job(struct job *j, const char *what, uint64_t total, enum status (*fn)(struct job *j))
{
    struct guest_session *gs = j->gs;

    j->failed = !digest_begin(&j->digest, &algorithms);
    j->progress = progress_begin(j->run, what, total);
    enum status st = j->failed ? STATUS_OK : fn(j);
    progress_end(&j->progress);
    if (st == STATUS_OK && !j->failed)
        j->failed = !digest_end(&j->digest);
    digest_close(&j->digest);
    if (st == STATUS_IO) {
        const struct source *s = gs->session.source;
        gs->error = s->error_errno != 0 ? error_text(s->error_errno) : "it became shorter while it was read";
        message("%s: cannot be read at offset %llu: %s", gs->session.path, (unsigned long long)s->error_off, gs->error);
        return EXIT_IMPOSSIBLE;
    }
    if (st != STATUS_OK)
        return guest_session_stopped(j->run, gs, st);
    if (j->failed) {
        gs->error = "libcrypto could not compute the digests";
        message("%s: %s", gs->session.path, gs->error);
        return EXIT_INTERNAL;
    }
    return EXIT_OK;
}

static struct digests result_of(const struct job *j, const char **names, const char **hex)
{
    for (uint32_t i = 0; i < algorithms.count; i++) {
        names[i] = algorithms.names[i];
        hex[i] = j->digest.hex[i];
    }
    return (struct digests){.length = j->digest.length, .count = algorithms.count, .names = names, .hex = hex};
}

static int hash_guest(struct job *j)
{
    struct guest_session *gs = j->gs;
    uint64_t size = guest_size(gs->guest);

    int code = guest_session_foresee(j->run, gs, 0, size);
    if (code == EXIT_OK)
        code = run_job(j, "hash of the guest's disk", size, digest_guest);
    if (code == EXIT_OK)
        code = j->run->options->salvage ? guest_session_list(gs) : guest_session_refuse(gs);
    return code;
}

static int hash_one(struct run *run, const char *path)
{
    const struct options *o = run->options;
    const bool want_guest = o->guest || !o->container, want_container = o->container || !o->guest;
    const char *names[DIGEST_MOST], *hex[2][DIGEST_MOST];
    struct guest_session gs;
    struct job container = {.run = run, .gs = &gs}, guest = {.run = run, .gs = &gs};
    struct hash_report report = {.path = path};
    struct digests of_container, of_guest;
    int code = EXIT_OK, part;

    /* Without the guest's disk there is nothing to refuse: any file has a digest. */
    if (want_guest)
        code = guest_session_open(run, path, &o->parents, &gs);
    else
        code = guest_session_open_file(run, path, &gs);
    if (want_container && gs.session.image != NULL) {
        part = run_job(&container, "hash of the file", gs.session.source->size, digest_container);
        code = exit_worst(code, part);
        if (part == EXIT_OK) {
            of_container = result_of(&container, names, hex[0]);
            report.container = &of_container;
        }
    }
    if (want_guest && gs.guest != NULL) {
        part = hash_guest(&guest);
        code = exit_worst(code, part);
        if (part == EXIT_OK || part == EXIT_FINDINGS) {
            of_guest = result_of(&guest, names, hex[1]);
            report.guest = &of_guest;
        }
    }
    if (gs.session.image != NULL)
        code = exit_worst(code, guest_session_look_again(&gs));
    report.faults = report.guest != NULL ? &gs.faults : NULL;
    report.error = gs.error;
    report_hash(&run->report, &report);
    guest_session_close(&gs);
    return code;
}

static int hash(const struct options *o)
{
    struct file_list files = {.text = NULL};
    struct run run;

    int code = digest_set_open(&o->algorithms, &algorithms);
    if (code != EXIT_OK)
        return code;
    code = file_list_make(o, &files);
    if (code == EXIT_OK)
        code = run_begin_confined(&run, o, &files.words, "images");
    if (code == EXIT_OK) {
        run_note(&run, files.code);
        for (uint32_t i = 0; i < files.words.count; i++)
            run_note(&run, hash_one(&run, files.words.items[i]));
        code = run_end(&run);
    }
    digest_set_close(&algorithms);
    file_list_free(&files);
    return code;
}

static const char *const examples[] = {
    "vhdxray hash web01.vhdx",
    "SHA-256 of the file and of the guest's disk",
    "vhdxray hash --guest --algorithm md5,sha1 web01.vhdx",
    "two of the disk, in one pass",
    "vhdxray hash -f json *.vhdx",
    "many files, for a program",
    NULL,
};

static const enum option_id options[] = {
    OPT_FORMAT,     OPT_OUTPUT,    OPT_GUEST,    OPT_CONTAINER,  OPT_ALGORITHM, OPT_PARENT,
    OPT_SEARCH_DIR, OPT_NO_REPLAY, OPT_SALVAGE,  OPT_MAX_MEMORY, OPT_TIMEOUT,   OPT_FILES_FROM,
    OPT_RECURSIVE,  OPT_SHARD,     OPT_PROGRESS, OPT_QUIET,      OPT_SANDBOX,   OPT_END,
};

const struct command command_hash = {
    .name = "hash",
    .arguments = "FILE...",
    .summary = "digests of the file and of the guest's disk",
    .examples = examples,
    .notes = "Lines are: digest, algorithm, container or guest, file. The guest's disk is what a raw export would\n"
             "hold: the log is replayed in memory, parents are read where they are needed. When some of it cannot be\n"
             "read it has no digest, unless --salvage: then zeros stand for that, it is listed on standard error,\n"
             "and the exit code is 1.\n"
             "Exit codes: 0 done, 1 see above, 2 usage, 3 cannot be read, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = UINT32_MAX,
    .run = hash,
};
