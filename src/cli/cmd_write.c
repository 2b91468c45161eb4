/* SPDX-License-Identifier: MIT */
/*
 * `vhdxray write`: standard input into the guest's disk. Read in chunks whose ends lie on multiples of their size, so
 * that blocks come whole wherever the input covers them: a whole block of zeros needs no place, and the log has fewer
 * entries.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "cli/change_session.h"
#include "cli/guest_session.h"
#include "report/change.h"
#include "write/writer.h"

static const uint64_t CHUNK = (uint64_t)32 << 20;

struct guest_write {
    struct run *run;
    struct change_session session;
    struct arena *arena; /* the writer's */
    struct writer *writer;
    uint8_t *buf;
    uint64_t size; /* of the disk */
    uint32_t sector;
    struct write_report report;
};

/* Up to len bytes of standard input; fewer only at its end. False: errno says why. */
static bool read_chunk(uint8_t *buf, uint64_t len, uint64_t *ret_got)
{
    uint64_t got = 0;

    while (got < len) {
        ssize_t n = read(STDIN_FILENO, buf + got, (size_t)(len - got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        got += (uint64_t)n;
    }
    *ret_got = got;
    return true;
}

/* Bytes that standard input still holds, when it is a file and says so; else `other`. */
static uint64_t input_length(uint64_t other)
{
    struct stat st = {.st_size = 0};
    off_t at = 0;

    if (fstat(STDIN_FILENO, &st) != 0 || !S_ISREG(st.st_mode) || (at = lseek(STDIN_FILENO, 0, SEEK_CUR)) < 0)
        return other;
    return st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
}

static int refuse_excess(struct guest_write *g)
{
    return change_session_refuse(
        &g->session, EXIT_IMPOSSIBLE, "%s: standard input goes on behind the end of the disk (%llu bytes)%s",
        g->session.path, (unsigned long long)g->size, g->report.len > 0 ? "; what fits was written" : "");
}

static int refuse_rest(struct guest_write *g, uint64_t rest)
{
    return change_session_refuse(&g->session, EXIT_IMPOSSIBLE,
                                 "%s: standard input ends inside a sector: %llu bytes less, or %llu more, are needed%s",
                                 g->session.path, (unsigned long long)rest, (unsigned long long)(g->sector - rest),
                                 g->report.len > 0 ? "; the sectors before it were written" : "");
}

/* What can be said before anything is written, the log included. */
static int foresee(struct guest_write *g)
{
    const struct geometry *disk = &g->session.image->main->geometry;
    const uint64_t off = g->run->options->offset;
    struct stat in = {.st_size = 0};

    g->size = disk->virtual_size;
    g->sector = disk->logical_sector_size;
    if (fstat(STDIN_FILENO, &in) == 0 && in.st_dev == g->session.info.device && in.st_ino == g->session.info.inode)
        return change_session_refuse(&g->session, EXIT_USAGE, "write: standard input is the image itself");
    if (off % g->sector != 0)
        return change_session_refuse(&g->session, EXIT_USAGE,
                                     "write: --offset must be a multiple of the sector size, %u", g->sector);
    if (off > g->size)
        return change_session_refuse(&g->session, EXIT_USAGE, "write: --offset lies behind the end of the disk (%llu)",
                                     (unsigned long long)g->size);
    uint64_t length = input_length(0);
    if (length > g->size - off)
        return refuse_excess(g);
    return length % g->sector != 0 ? refuse_rest(g, length % g->sector) : EXIT_OK;
}

static int copy(struct guest_write *g)
{
    const uint64_t size = g->size, first = g->run->options->offset;
    struct progress progress = progress_begin(g->run, "write", input_length(size - first));
    int code = EXIT_OK;

    for (uint64_t off = first; code == EXIT_OK;) {
        uint64_t want = u64_min(CHUNK - off % CHUNK, size - off), got = 0;
        const bool at_end = want == 0;

        if (!read_chunk(g->buf, at_end ? 1 : want, &got)) {
            code = change_session_refuse(&g->session, EXIT_IMPOSSIBLE, "standard input: %s", error_text(errno));
            break;
        }
        if (at_end) {
            code = got > 0 ? refuse_excess(g) : EXIT_OK;
            break;
        }
        uint64_t rest = got % g->sector, whole = got - rest;
        enum status st = whole > 0 ? writer_write(g->writer, off, g->buf, whole) : STATUS_OK;
        if (st != STATUS_OK) {
            code = change_session_failed(g->run, &g->session, "could not be written", st);
            break;
        }
        off += whole;
        g->report.len += whole;
        if (rest > 0)
            code = refuse_rest(g, rest);
        else if (!progress_step(&progress, whole))
            code = change_session_failed(g->run, &g->session, "not written wholly", STATUS_LIMIT);
        if (got < want)
            break;
    }
    progress_end(&progress);
    return code;
}

/* All of the image is sound, and there is a disk. */
static int judge(struct change_session *s)
{
    const struct finding *f = change_session_error(s, NULL);

    if (f != NULL)
        return change_session_refuse(s, EXIT_IMPOSSIBLE,
                                     "%s: has errors and is not written to: %s %s; vhdxray check %s", s->path,
                                     f->rule->id, f->message, s->path);
    if (s->image->main->geometry_absence != ABSENT_NOT)
        return change_session_refuse(s, EXIT_IMPOSSIBLE, "%s: the size and shape of its disk are unknown: %s", s->path,
                                     absence_text(s->image->main->geometry_absence));
    return EXIT_OK;
}

static int open_writer(struct guest_write *g, struct entropy *e)
{
    struct change_session *s = &g->session;
    const bool dirty = s->image->log_state == LOG_STATE_DIRTY;
    const char *why = NULL;

    g->arena = arena_create(g->run->options->max_memory);
    g->buf = (uint8_t *)malloc(CHUNK);
    if (g->arena == NULL || g->buf == NULL)
        return change_session_failed(g->run, s, "not written", STATUS_NO_MEMORY);
    enum status st = writer_open(g->arena, s->store, s->path, e, &g->writer, &why);
    if (st == STATUS_REFUSED && why != NULL)
        return change_session_refuse(s, EXIT_IMPOSSIBLE, "%s: is not written to: %s", s->path, why);
    if (st != STATUS_OK)
        return change_session_failed(g->run, s, "could not be opened for writing", st);
    g->report.replayed = dirty;
    return EXIT_OK;
}

static int write_disk(struct guest_write *g)
{
    struct entropy e = entropy_host();

    int code = judge(&g->session);
    if (code == EXIT_OK)
        code = foresee(g);
    if (code == EXIT_OK)
        code = open_writer(g, &e);
    if (code != EXIT_OK)
        return code;
    code = copy(g);
    g->report.counts = *writer_counts(g->writer);
    /* What was written is made durable whatever stopped the rest; a failure before this one is the one to tell. */
    enum status st = writer_close(g->writer);
    if (st != STATUS_OK && code == EXIT_OK)
        code = change_session_failed(g->run, &g->session, "could not be closed", st);
    return code;
}

static int write_command(const struct options *o)
{
    struct words file = {.items = o->args.items, .count = 1};
    struct run run;
    struct guest_write g = {.run = &run, .report = {.path = o->args.items[0], .off = o->offset}};

    if (isatty(STDIN_FILENO)) {
        message("standard input is a terminal; what is written comes from a file or a pipe");
        return EXIT_USAGE;
    }
    int code = needs_a_file("write", file.items[0]);
    if (code == EXIT_OK)
        code = run_begin(&run, o, &file, NULL);
    if (code != EXIT_OK)
        return code;
    code = change_session_open(&run, file.items[0], &g.session);
    if (code == EXIT_OK)
        code = write_disk(&g);
    if (code != EXIT_OK)
        message("%s", g.session.message);
    g.report.complete = code == EXIT_OK;
    g.report.error = code != EXIT_OK ? g.session.message : NULL;
    report_write(&run.report, &g.report);
    free(g.buf);
    arena_destroy(g.arena);
    change_session_close(&g.session);
    run_note(&run, code);
    return run_end(&run);
}

static const char *const examples[] = {
    "vhdxray write web01.vhdx --offset 1M <boot.img",
    "a file into the guest's disk",
    "zcat disk.raw.gz | vhdxray write new.vhdx",
    "a whole disk; blocks of zeros take no space",
    NULL,
};

static const enum option_id options[] = {
    OPT_OFFSET, OPT_FORMAT, OPT_OUTPUT, OPT_MAX_MEMORY, OPT_TIMEOUT, OPT_PROGRESS, OPT_QUIET, OPT_SANDBOX, OPT_END,
};

const struct command command_write = {
    .name = "write",
    .arguments = "FILE",
    .summary = "standard input into the guest's disk",
    .examples = examples,
    .notes =
        "Offset and length are multiples of the disk's sector size. Changes of the allocation go through the log of\n"
        "the format, so an interrupted write leaves a file that any program recovers; sectors hold old or new\n"
        "data. A dirty log is replayed first. A differencing disk needs no parent for this; whoever has FILE as a\n"
        "parent does not fit any more. A file with errors is not written to.\n"
        "Exit codes: 0 done, 2 usage, 3 could not read or write, or the file has errors, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = write_command,
};
