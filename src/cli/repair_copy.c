/* SPDX-License-Identifier: MIT */
/*
 * `vhdxray repair` without --apply. The plan alone needs nothing but reading. A copy is made of a file that is only
 * read: nothing can be lost there, so it needs no journal, and it gets its name when it is whole.
 */
#include <string.h>
#include <sys/stat.h>

#include "cli/guest_session.h"
#include "cli/repair_parts.h"
#include "io/copy.h"

/* --force must not replace what is read. */
static bool is_read(const struct repair *x)
{
    const struct options *o = x->run->options;
    const char *read[] = {x->path, o->parents.count > 0 ? o->parents.items[0] : NULL};
    struct stat out = {.st_size = 0}, in = {.st_size = 0};

    for (size_t i = 0; i < 2; i++) {
        if (read[i] != NULL && stat(o->copy, &out) == 0 && stat(read[i], &in) == 0 && out.st_dev == in.st_dev &&
            out.st_ino == in.st_ino) {
            message("%s is one of the files that are read; the copy must go elsewhere", o->copy);
            return true;
        }
    }
    return false;
}

static bool copy_step(void *ctx, uint64_t bytes)
{
    return progress_step((struct progress *)ctx, bytes);
}

static enum status copy_and_change(struct repair *x, struct source *from, struct store *to, uint64_t allocated)
{
    struct progress progress = progress_begin(x->run, "copy", allocated);

    enum status st = store_copy(to, from, copy_step, &progress);
    progress_end(&progress);
    if (st == STATUS_OK)
        st = stage_put(x->plan.stage, to);
    return st == STATUS_OK ? store_sync(to) : st;
}

/* The file is not locked: a program that writes it meanwhile would get us a copy of nothing that ever was. */
static bool moved(struct source *s, const struct file_info *before)
{
    struct file_info now;

    return file_stat(s, &now) != STATUS_OK || now.size != before->size || now.mtime_sec != before->mtime_sec ||
           now.mtime_nsec != before->mtime_nsec;
}

static int repair_copy(struct repair *x, struct source *from, const struct file_info *before)
{
    enum status st = copy_and_change(x, from, x->copy, before->allocated_bytes);
    int code;

    if (st != STATUS_OK)
        code = repair_failed(x, x->copy->error_errno != 0 ? x->file.name : x->path, from, x->copy, st);
    else if (moved(from, before))
        code = repair_refuse(x, EXIT_IMPOSSIBLE, "%s: was written to while it was copied", x->path);
    else
        code = repair_check_again(x, x->copy->source, x->file.name);
    store_close(x->copy);
    x->copy = NULL;
    if (code != EXIT_REPAIRED && code != EXIT_REFUSED)
        return code;
    int named = new_file_commit(&x->file);
    if (named != EXIT_OK)
        return named;
    x->applied = true;
    return code;
}

/* Everything is opened before anything is looked at; then the rest is given up. */
static int confine(struct repair *x, const struct words *file)
{
    const struct options *o = x->run->options;
    struct confinement c = {.needs = 0};
    struct file_info info;

    if (o->copy != NULL) {
        if (is_read(x))
            return EXIT_USAGE;
        int code = new_file_begin(&x->file, o->copy, o->force, NULL);
        if (code != EXIT_OK)
            return code;
        x->file.durable = true;
        enum status st = store_open_file(x->file.temporary, STORE_NEW, &x->copy, &info, x->message, sizeof(x->message));
        if (st != STATUS_OK)
            return exit_of_status(st);
        new_file_created(&x->file);
        c = (struct confinement){.needs = SANDBOX_WRITE_FILE, .file = &x->file};
    }
    return run_confine(x->run, file, &c);
}

/* NULL: *ret_code says why. */
static struct source *open_image(struct repair *x, struct file_info *ret_info, const char **ret_journal, int *ret_code)
{
    struct input *in = inputs_take(&x->run->inputs, x->path);
    struct source *s = NULL;

    if (in == NULL) {
        enum status st = input_open(x->path, &s, ret_info, x->message, sizeof(x->message));
        *ret_code = exit_of_status(st);
        if (st != STATUS_OK)
            return NULL;
        *ret_journal = input_journal(x->path, ret_info);
        return s;
    }
    if (in->status != STATUS_OK) {
        *ret_code = repair_refuse(x, exit_of_status(in->status), "%s", in->message);
        return NULL;
    }
    s = in->source;
    in->source = NULL;
    *ret_info = in->info;
    *ret_journal = in->journal;
    *ret_code = EXIT_OK;
    return s;
}

/* The plan, and what is to be done with it. */
static int plan_elsewhere(struct repair *x, struct source *s, const struct file_info *info, const char *journal)
{
    int code;

    if (journal != NULL && strcmp(journal, "damaged") != 0)
        return repair_refuse(x, EXIT_REFUSED, "%s: is half changed, so nothing is planned for it", x->path);
    code = repair_plan(x, s);
    if (code != EXIT_OK)
        return code;
    if (x->run->options->copy == NULL)
        return x->plan.step_count > 0 || x->plan.errors_before > 0 ? EXIT_FINDINGS : EXIT_OK;
    return x->plan.step_count > 0 ? repair_copy(x, s, info) : repair_nothing(x);
}

int repair_elsewhere(struct repair *x, const struct words *file)
{
    struct file_info info = {.size = 0};
    const char *journal = NULL;

    int code = confine(x, file);
    if (code == EXIT_OK)
        code = repair_open_parent(x);
    if (code == EXIT_OK)
        x->source = open_image(x, &info, &journal, &code);
    return x->source != NULL ? plan_elsewhere(x, x->source, &info, journal) : code;
}
