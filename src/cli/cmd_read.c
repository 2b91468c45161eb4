/* SPDX-License-Identifier: MIT */
/* `vhdxray read`: guest bytes to standard output. */
#include <unistd.h>

#include "base/checked.h"
#include "cli/guest_session.h"
#include "image/guest_walk.h"

enum { ZERO_CHUNK = 64 * 1024 };

static void put_zeros(FILE *f, uint64_t len)
{
    static const uint8_t zeros[ZERO_CHUNK];

    for (; len > 0 && !ferror(f); len -= u64_min(len, sizeof(zeros)))
        (void)fwrite(zeros, 1, (size_t)u64_min(len, sizeof(zeros)), f);
}

/* Stops at the first fault, unless --salvage, and when nobody takes the bytes any more: run_end() says so. */
static int copy(struct run *run, struct guest_session *gs, uint64_t off, uint64_t len)
{
    const bool salvage = run->options->salvage;
    struct progress clock = {.total = len, .deadline_ns = run->deadline_ns};
    struct guest_walk *walk = NULL;
    struct guest_piece piece;
    FILE *out = run->output.file;
    bool more = true, in_time = true;

    enum status st = guest_walk_open(gs->guest, off, len, &walk);
    while (st == STATUS_OK && in_time && !ferror(out)) {
        const uint8_t *bytes = NULL;
        st = guest_walk_peek(walk, &piece, &more);
        if (st != STATUS_OK || !more)
            break;
        uint64_t step = u64_min(piece.len, PROGRESS_STEP_MOST);
        st = guest_walk_take(walk, step, &bytes, guest_fault_list_note, &gs->faults, NULL);
        if (st != STATUS_OK || (!salvage && gs->faults.total > 0))
            break;
        if (bytes != NULL)
            (void)fwrite(bytes, 1, (size_t)step, out);
        else
            put_zeros(out, step);
        in_time = progress_step(&clock, step);
    }
    if (st != STATUS_OK || !in_time)
        return guest_session_stopped(run, gs, st != STATUS_OK ? st : STATUS_LIMIT);
    return salvage ? guest_session_list(gs) : guest_session_refuse(gs);
}

static int read_range(struct run *run, struct guest_session *gs)
{
    const uint64_t off = run->options->offset;
    uint64_t len = 0;

    int code = guest_session_range(run, gs, &len);
    if (code == EXIT_OK)
        code = guest_session_foresee(run, gs, off, len);
    if (code == EXIT_OK)
        code = copy(run, gs, off, len);
    if (code == EXIT_OK || code == EXIT_FINDINGS)
        code = exit_worst(code, guest_session_look_again(gs));
    return code;
}

static int read_command(const struct options *o)
{
    struct words file = {.items = o->args.items, .count = 1};
    struct guest_session gs;
    struct run run;

    if (o->output == NULL && isatty(STDOUT_FILENO)) {
        message(
            "standard output is a terminal, and a disk is no text: send it to a file or a pipe, to xxd for example");
        return EXIT_USAGE;
    }
    int code = run_begin_confined(&run, o, &file, NULL);
    if (code != EXIT_OK)
        return code;
    code = guest_session_open(&run, file.items[0], &o->parents, &gs);
    if (code == EXIT_OK)
        code = read_range(&run, &gs);
    guest_session_close(&gs);
    run_note(&run, code);
    /* A file appears only when it is what was asked for; what went to standard output is gone anyway. */
    return o->output != NULL && code != EXIT_OK && code != EXIT_FINDINGS ? run_abandon(&run) : run_end(&run);
}

static const char *const examples[] = {
    "vhdxray read web01.vhdx --length 512 | xxd",
    "the guest's first sector",
    "vhdxray read web01.vhdx --offset 1M --length 64K -o part.bin",
    "a range, to a file",
    NULL,
};

static const enum option_id options[] = {
    OPT_OFFSET,  OPT_LENGTH,     OPT_OUTPUT,  OPT_PARENT,  OPT_SEARCH_DIR, OPT_NO_REPLAY,
    OPT_SALVAGE, OPT_MAX_MEMORY, OPT_TIMEOUT, OPT_SANDBOX, OPT_END,
};

const struct command command_read = {
    .name = "read",
    .arguments = "FILE",
    .summary = "guest bytes to standard output",
    .examples = examples,
    .notes = "A dirty log is replayed in memory, parents are read where the disk needs them. A range that touches a\n"
             "damaged block is refused before the first byte is written; with --salvage zeros stand for what cannot\n"
             "be read, it is listed on standard error, and the exit code is 1.\n"
             "Exit codes: 0 done, 1 see above, 2 usage, 3 cannot be read or written, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = read_command,
};
