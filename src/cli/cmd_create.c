/* SPDX-License-Identifier: MIT */
/*
 * `vhdxray create`: a new, empty image. It is made beside its name, which it gets when it is whole; what the options
 * did not say is decided in write/, and a child takes the shape of its disk from the parent, which is read and judged
 * first.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/change_session.h"
#include "cli/new_file.h"
#include "cli/parent_path.h"
#include "report/change.h"
#include "write/create.h"

struct creation {
    struct run *run;
    const char *path;
    struct create_options options;
    struct session parent;
    char *relative_path;
    struct new_file file;
    struct store *store; /* the temporary file */
};

/* ---- what is asked for ---- */

static int judge_words(const struct options *o)
{
    const bool child = o->create.type == CREATE_DIFFERENCING || (!o->have_type && o->parents.count > 0);

    if (o->parents.count > 1)
        message("create: a disk has one parent; its own parents are named in it");
    else if (child && o->parents.count == 0)
        message("create: --type differencing needs --parent PATH");
    else if (!child && o->parents.count > 0)
        message("create: --parent is for --type differencing");
    else if (!child && !o->have_size)
        message("create: needs --size N; see vhdxray create --help");
    else if (o->output != NULL && strcmp(o->args.items[0], o->output) == 0)
        message("create: the disk and the report cannot both go to %s", o->output);
    else
        return EXIT_OK;
    return EXIT_USAGE;
}

/* ---- the parent ---- */

static int parent_refused(const struct creation *c, const char *why)
{
    message("%s: cannot be a parent: %s", c->parent.path, why);
    return EXIT_IMPOSSIBLE;
}

static int judge_parent(struct creation *c)
{
    struct check_options options = {.max_findings = 1};
    struct check_result *res = NULL;
    struct image *img = c->parent.image;

    enum status st = check_run(img, &options, image_look_again, &res);
    if (st != STATUS_OK) {
        message("%s: %s", c->parent.path, session_status_text(c->run, st));
        return exit_of_status(st);
    }
    if (res->io_error || !res->complete) {
        message("%s: could not be checked wholly", c->parent.path);
        return res->io_error ? EXIT_IMPOSSIBLE : EXIT_LIMIT;
    }
    if (res->counts[SEVERITY_ERROR] > 0) {
        const struct finding *f = res->findings[0];
        message("%s: cannot be a parent: it has errors: %s %s; vhdxray check %s", c->parent.path, f->rule->id,
                f->message, c->parent.path);
        return EXIT_IMPOSSIBLE;
    }
    if (img->host.journal != NULL)
        return parent_refused(c, "a repair of it was not finished");
    if (img->log_state == LOG_STATE_DIRTY)
        return parent_refused(c,
                              "its log is dirty, and replaying it later may change its identity; vhdxray replay FILE "
                              "does it now");
    if (img->main->geometry_absence != ABSENT_NOT || !img->main->metadata.have_virtual_disk_id ||
        !img->main->metadata.have_physical_sector_size)
        return parent_refused(c, "the shape of its disk is unknown");
    return EXIT_OK;
}

static int contradicts(const struct creation *c, const char *option, uint64_t theirs)
{
    message("create: --%s is not that of the parent, %llu", option, (unsigned long long)theirs);
    (void)c;
    return EXIT_USAGE;
}

/* A child is the same disk: its size and sectors are the parent's. */
static int take_shape(struct creation *c)
{
    const struct options *o = c->run->options;
    const struct view *v = c->parent.image->main;
    const struct header *h = image_header(c->parent.image);
    const struct geometry *g = &v->geometry;

    if (h == NULL)
        return parent_refused(c, "it has no valid header");
    if (o->have_size && o->create.size != g->virtual_size)
        return contradicts(c, "size", g->virtual_size);
    if (o->create.logical_sector_size != 0 && o->create.logical_sector_size != g->logical_sector_size)
        return contradicts(c, "sector-size", g->logical_sector_size);
    c->options.type = CREATE_DIFFERENCING;
    c->options.size = g->virtual_size;
    c->options.logical_sector_size = g->logical_sector_size;
    if (c->options.physical_sector_size == 0)
        c->options.physical_sector_size = v->metadata.physical_sector_size;
    c->options.virtual_disk_id = v->metadata.virtual_disk_id;
    c->options.parent_data_write_guid = h->data_write_guid;
    return EXIT_OK;
}

static int read_parent(struct creation *c)
{
    int code = session_open(c->run, &c->parent, c->run->options->parents.items[0], false);

    if (code != EXIT_OK) {
        message("%s", c->parent.message);
        return code;
    }
    code = judge_parent(c);
    return code == EXIT_OK ? take_shape(c) : code;
}

/* --force must not replace what the new disk stands on. */
static bool is_parent(const char *path, const char *parent)
{
    struct stat out = {.st_size = 0}, in = {.st_size = 0};

    if (stat(path, &out) != 0 || stat(parent, &in) != 0 || out.st_dev != in.st_dev || out.st_ino != in.st_ino)
        return false;
    message("%s is the parent; the new disk must go elsewhere", path);
    return true;
}

/* ---- the file ---- */

/* All that needs names: the file, the way to the parent. What follows can open nothing any more. */
static int open_files(struct creation *c)
{
    const struct options *o = c->run->options;
    const char *parent = o->parents.count > 0 ? o->parents.items[0] : NULL;
    static const struct words no_files;
    struct confinement needs = {.needs = SANDBOX_WRITE_FILE, .file = &c->file};
    struct file_info info;
    char text[512];
    int code = EXIT_OK;

    if (parent != NULL && is_parent(c->path, parent))
        return EXIT_USAGE;
    if (parent != NULL)
        code = parent_path(c->path, parent, &c->relative_path);
    if (code == EXIT_OK)
        code = new_file_begin(&c->file, c->path, o->force, NULL);
    if (code != EXIT_OK)
        return code;
    c->file.durable = true;
    enum status st = store_open_file(c->file.temporary, STORE_NEW, &c->store, &info, text, sizeof(text));
    if (st != STATUS_OK) {
        message("%s", text);
        return exit_of_status(st);
    }
    new_file_created(&c->file);
    return run_confine(c->run, &no_files, &needs);
}

static int write_image(struct creation *c)
{
    struct entropy e = entropy_host();

    enum status st = create_image(c->store, &c->options, &e);
    if (st == STATUS_OK)
        return EXIT_OK;
    if (st == STATUS_IO && c->store->error_errno != 0)
        return new_file_failed(c->path, c->store->error_errno);
    message("%s: could not be created: %s", c->path, session_status_text(c->run, st));
    return exit_of_status(st);
}

/* What can be told from the words alone, before anything is opened. */
static int judge_options(struct creation *c)
{
    const char *problem;

    if (c->options.like == CREATE_LIKE_QEMU) {
        c->options.block_state_zero = true;
        create_round_like_qemu(&c->options);
    }
    problem = create_problem(&c->options);
    if (problem == NULL)
        return EXIT_OK;
    message("create: %s", problem);
    return EXIT_USAGE;
}

static int create_disk(struct creation *c, struct create_report *r)
{
    const bool child = c->run->options->parents.count > 0;

    int code = child ? EXIT_OK : judge_options(c);
    if (code == EXIT_OK)
        code = open_files(c);
    if (code == EXIT_OK && child) {
        code = read_parent(c);
        c->options.relative_path = c->relative_path;
        if (code == EXIT_OK)
            code = judge_options(c);
    }
    if (code == EXIT_OK)
        code = write_image(c);
    if (code != EXIT_OK)
        return code;
    r->file_size = store_size(c->store);
    create_describe(&c->options, &r->geometry, &r->physical_sector_size, &r->log_len);
    store_close(c->store);
    c->store = NULL;
    return new_file_commit(&c->file);
}

static enum disk_type disk_type_of(enum create_type t)
{
    return t == CREATE_FIXED ? DISK_FIXED : t == CREATE_DIFFERENCING ? DISK_DIFFERENCING : DISK_DYNAMIC;
}

static int create(const struct options *o)
{
    struct run run;
    struct creation c = {.run = &run, .path = o->args.items[0], .options = o->create};
    char creator[64];
    struct create_report r = {.path = c.path};

    int code = needs_a_file("create", c.path);
    if (code == EXIT_OK)
        code = judge_words(o);
    if (code == EXIT_OK)
        code = run_begin(&run, o, NULL, NULL);
    if (code != EXIT_OK)
        return code;
    (void)snprintf(creator, sizeof(creator), "%s %s", TOOL_NAME, TOOL_VERSION);
    c.options.creator = creator;
    code = create_disk(&c, &r);
    r.type = disk_type_of(c.options.type);
    r.parent = o->parents.count > 0 ? o->parents.items[0] : NULL;
    r.error = code != EXIT_OK ? "the image was not created" : NULL;
    report_create(&run.report, &r);
    store_close(c.store);
    new_file_drop(&c.file, false);
    session_close(&c.parent);
    free(c.relative_path);
    run_note(&run, code);
    return run_end(&run);
}

static const char *const examples[] = {
    "vhdxray create new.vhdx --size 127G",
    "a dynamic disk: blocks are allocated when they are written",
    "vhdxray create new.vhdx --size 40G --type fixed",
    "every block has its place from the start",
    "vhdxray create child.avhdx --parent base.vhdx",
    "a differencing disk above base.vhdx",
    "vhdxray create q.vhdx --size 10G --like qemu",
    "as qemu-img would make it",
    NULL,
};

static const enum option_id options[] = {
    OPT_SIZE,       OPT_TYPE,     OPT_PARENT,
    OPT_BLOCK_SIZE, OPT_LOG_SIZE, OPT_SECTOR_SIZE,
    OPT_LIKE,       OPT_FORCE,    OPT_PHYSICAL_SECTOR_SIZE,
    OPT_FORMAT,     OPT_OUTPUT,   OPT_BLOCK_STATE_ZERO,
    OPT_MAX_MEMORY, OPT_TIMEOUT,  OPT_QUIET,
    OPT_SANDBOX,    OPT_END,
};

const struct command command_create = {
    .name = "create",
    .arguments = "OUT",
    .summary = "a new, empty image",
    .examples = examples,
    .notes =
        "OUT appears when it is whole, and is a sparse file. A differencing disk has size and sectors of its parent,\n"
        "which must have no errors and no dirty log, and must not be changed afterwards; the way to it is stored\n"
        "relative to OUT. --like qemu: block size by the size of the disk (8M to 1G, 16M to 100G, 32M to 32T, else\n"
        "64M), sectors 512/512, --block-state-zero, and numbers rounded up as qemu-img does; a fixed disk then has\n"
        "the room for its blocks, but none is mapped.\n"
        "Exit codes: 0 done, 2 usage, 3 could not read the parent or write, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = create,
};
