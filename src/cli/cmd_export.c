/* SPDX-License-Identifier: MIT */
/* `vhdxray export`: the guest's disk as a raw image. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "cli/guest_session.h"
#include "cli/raw_output.h"
#include "image/chain.h"
#include "image/guest_walk.h"
#include "report/guest.h"

static bool same_file(const struct file_info *info, const struct stat *st)
{
    return info->device == st->st_dev && info->inode == st->st_ino;
}

/* True, after a message, when path is one of the files that are read, by whatever name. */
static bool is_read(const struct run *run, const struct guest_session *gs, const char *path)
{
    const struct options *o = run->options;
    struct stat st = {.st_size = 0}, other = {.st_size = 0};
    bool hit = false;

    if (strcmp(path, "-") == 0 || stat(path, &st) != 0)
        return false;
    for (const struct image *i = gs->session.image; i != NULL; i = i->parent != NULL ? i->parent->image : NULL)
        hit = hit || same_file(&i->host.info, &st);
    hit = hit || (stat(o->args.items[0], &other) == 0 && other.st_dev == st.st_dev && other.st_ino == st.st_ino);
    for (uint32_t i = 0; i < o->parents.count; i++)
        hit = hit || (stat(o->parents.items[i], &other) == 0 && other.st_dev == st.st_dev && other.st_ino == st.st_ino);
    if (hit)
        message("%s is one of the files that are read; the export must go elsewhere", path);
    return hit;
}

static_assert(GUEST_WALK_BUFFER == (int)BEHIND_BUFFER, "what the walk reads into is what is written behind");

/* `step` bytes of the piece to the output. *ret_error: 0, or the errno of what could not be written. */
static enum status copy_piece(struct guest_session *gs, struct guest_walk *walk, struct raw_output *out,
                              const struct guest_piece *piece, uint64_t step, int *ret_error)
{
    const uint8_t *bytes = NULL;
    uint8_t *buf = piece->kind == GUEST_PIECE_DATA ? raw_output_buffer(out) : NULL;

    if (buf != NULL)
        guest_walk_into(walk, buf);
    enum status st = guest_walk_take(walk, step, &bytes, guest_fault_list_note, &gs->faults, NULL);
    if (st != STATUS_OK)
        return st;
    errno = 0;
    bool wrote = bytes != NULL ? raw_output_data(out, piece->off, bytes, step) : raw_output_zeros(out, step);
    *ret_error = wrote ? 0 : errno != 0 ? errno : EIO;
    return STATUS_OK;
}

/* How many bytes from the piece's start on the output shares with the file that they lie in; 0: they are to be copied.
 */
static uint64_t share_piece(const struct guest_session *gs, struct raw_output *out, const struct guest_piece *piece)
{
    const struct guest_extent *e = &piece->extent;

    if (piece->kind != GUEST_PIECE_DATA || !e->data)
        return 0;
    return raw_output_share(out, e->off, guest_layer_source(gs->guest, e->layer), e->file_off,
                            u64_min(e->len, PROGRESS_STEP_MOST));
}

static int copy(struct run *run, struct guest_session *gs, struct raw_output *out)
{
    const bool salvage = run->options->salvage;
    struct progress progress = progress_begin(run, "export", guest_size(gs->guest));
    struct guest_walk *walk = NULL;
    struct guest_piece piece;
    bool more = true, in_time = true;
    int error = 0;

    enum status st = guest_walk_open(gs->guest, 0, guest_size(gs->guest), &walk);
    while (st == STATUS_OK && error == 0 && in_time && (salvage || gs->faults.total == 0)) {
        st = guest_walk_peek(walk, &piece, &more);
        if (st != STATUS_OK || !more)
            break;
        uint64_t step = share_piece(gs, out, &piece);
        if (step > 0) {
            guest_walk_skip(walk, step);
        } else {
            step = u64_min(piece.len, PROGRESS_STEP_MOST);
            st = copy_piece(gs, walk, out, &piece, step, &error);
        }
        in_time = progress_step(&progress, step);
    }
    if (error == 0 && !raw_output_flush(out))
        error = errno;
    progress_end(&progress);
    if (error != 0) {
        gs->error = "the output could not be written";
        return raw_output_failed(out, error);
    }
    if (st != STATUS_OK || !in_time)
        return guest_session_stopped(run, gs, st != STATUS_OK ? st : STATUS_LIMIT);
    return salvage ? EXIT_OK : guest_session_refuse(gs);
}

static int export_disk(struct run *run, struct guest_session *gs, struct raw_output *out)
{
    const struct options *o = run->options;
    const char *path = o->args.items[1];

    if (is_read(run, gs, path)) {
        gs->error = "the output is one of the files that are read";
        return EXIT_USAGE;
    }
    int code = guest_session_foresee(run, gs, 0, guest_size(gs->guest));
    if (code != EXIT_OK)
        return code;
    code = raw_output_resize(out, guest_size(gs->guest));
    if (code != EXIT_OK) {
        gs->error = "the output cannot hold the disk";
        return code;
    }
    out->cannot_share = o->salvage; /* then every byte is read: what cannot be is listed */
    code = copy(run, gs, out);
    if (code == EXIT_OK && guest_session_look_again(gs) != EXIT_OK)
        code = EXIT_IMPOSSIBLE;
    if (code == EXIT_OK && is_read(run, gs, path))
        code = EXIT_USAGE; /* it has come to be one meanwhile */
    if (code == EXIT_OK)
        return raw_output_commit(out);
    raw_output_abandon(out, o->salvage);
    return code;
}

/* Everything that is written is opened before anything is looked at. */
static int confine(struct run *run, const struct words *file, const struct guest_session *gs, struct raw_output *out)
{
    const struct options *o = run->options;

    if (is_read(run, gs, o->args.items[1]))
        return EXIT_USAGE;
    int code = raw_output_open(out, o->args.items[1], o->force);
    if (code != EXIT_OK)
        return code;
    code = run_confine(run, file,
                       &(struct confinement){
                           .needs = SANDBOX_WRITE_FILE,
                           .file = &out->file,
                           .writes_behind = !out->to_stdout,
                       });
    out->behind = run->behind;
    return code;
}

static int export(const struct options *o)
{
    struct words file = {.items = o->args.items, .count = 1};
    const char *path = o->args.items[1];
    struct guest_session gs = {.guest = NULL};
    struct raw_output out = {.fd = -1};
    struct run run;

    if (strcmp(path, "-") == 0 && o->format != REPORT_TEXT && o->output == NULL) {
        message("export: the disk goes to standard output; the report needs -o FILE");
        return EXIT_USAGE;
    }
    if (o->output != NULL && strcmp(path, o->output) == 0) {
        message("export: the disk and the report cannot both go to %s", path);
        return EXIT_USAGE;
    }
    int code = run_begin(&run, o, &file, NULL);
    if (code != EXIT_OK)
        return code;
    code = confine(&run, &file, &gs, &out);
    if (code != EXIT_OK)
        gs.error = "the output could not be opened";
    if (code == EXIT_OK)
        code = guest_session_open(&run, file.items[0], &o->parents, &gs);
    if (code == EXIT_OK) {
        code = export_disk(&run, &gs, &out);
        code = exit_worst(code, o->salvage ? guest_session_list(&gs) : EXIT_OK);
    }
    raw_output_abandon(&out, false);
    report_export(&run.report, &(struct export_report){
                                   .path = file.items[0],
                                   .output = path,
                                   .virtual_size = gs.guest != NULL ? guest_size(gs.guest) : 0,
                                   .written = out.written,
                                   .shared = out.shared,
                                   .complete = code == EXIT_OK,
                                   .faults = &gs.faults,
                                   .error = code != EXIT_OK && code != EXIT_FINDINGS ? gs.error : NULL,
                               });
    guest_session_close(&gs);
    run_note(&run, code);
    return run_end(&run);
}

static const char *const examples[] = {
    "vhdxray export web01.vhdx web01.raw",
    "a sparse file with the guest's disk",
    "vhdxray export --search-dir . c.avhdx c.raw",
    "a differencing disk with its parents",
    "vhdxray export web01.vhdx - | zstd >web01.zst",
    "to a pipe, all zeros included",
    "vhdxray export --salvage bad.vhdx bad.raw",
    "whatever can be read of a damaged one",
    NULL,
};

static const enum option_id options[] = {
    OPT_FORMAT,     OPT_OUTPUT,  OPT_PARENT,   OPT_SEARCH_DIR, OPT_NO_REPLAY, OPT_SALVAGE, OPT_FORCE,
    OPT_MAX_MEMORY, OPT_TIMEOUT, OPT_PROGRESS, OPT_QUIET,      OPT_SANDBOX,   OPT_END,
};

const struct command command_export = {
    .name = "export",
    .arguments = "FILE OUT",
    .summary = "the guest's disk as a raw, sparse file",
    .examples = examples,
    .notes =
        "OUT appears when it is whole; - is standard output. FILE may be - for standard input. Where the file\n"
        "system can (XFS, Btrfs), OUT shares the blocks of an image that lies there as well, which takes a moment\n"
        "and no space, and reads none of them. A dirty log is replayed in memory. Nothing is written when some\n"
        "range is known to be unreadable, unless --salvage: then all is read, zeros stand for such ranges, each is\n"
        "named on standard error (and in the report of -f json), and the exit code is 1.\n"
        "Exit codes: 0 done, 1 done with --salvage and something is missing, 2 usage, 3 could not read or\n"
        "write, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 2,
    .max_args = 2,
    .run = export,
};
