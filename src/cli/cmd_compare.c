/* SPDX-License-Identifier: MIT */
/*
 * `vhdxray compare`: whether two disks look the same to a guest. Both are walked side by side; what is zeros on both
 * sides is not read, nor is what both have from the same place of the same file (two children of one parent). When one
 * disk is longer they are the same if the rest of it is zeros, as qemu-img compare has it.
 */
#include <string.h>

#include "base/checked.h"
#include "base/span.h"
#include "cli/guest_session.h"
#include "image/guest_walk.h"
#include "report/guest.h"

struct comparison {
    struct run *run;
    struct guest_session gs[2];
    struct guest_walk *walk[2];
    struct progress progress;
    struct compare_report report;
    bool found; /* a difference */
};

/* First byte where they differ, or len. NULL stands for zeros. */
static uint64_t first_difference(const uint8_t *a, const uint8_t *b, uint64_t len)
{
    if (a == NULL && b == NULL)
        return len;
    if (a == NULL || b == NULL)
        return span_find_nonzero(span_of(a == NULL ? b : a, (size_t)len), 0);
    if (memcmp(a, b, (size_t)len) == 0)
        return len;
    uint64_t at = 0;
    while (a[at] == b[at])
        at++;
    return at;
}

/* Both have these bytes from one place of one file that is read as it is stored. */
static bool same_place(const struct comparison *c, const struct guest_piece p[2], uint64_t len)
{
    const struct image *img[2];

    for (int i = 0; i < 2; i++) {
        if (p[i].kind != GUEST_PIECE_DATA || !p[i].extent.data || p[i].extent.len < len)
            return false;
        img[i] = guest_layer_image(c->gs[i].guest, p[i].extent.layer);
        if (!img[i]->host.known || img[i]->replayed)
            return false;
    }
    return img[0]->host.info.device == img[1]->host.info.device && img[0]->host.info.inode == img[1]->host.info.inode &&
           p[0].extent.file_off == p[1].extent.file_off;
}

static void note_difference(struct comparison *c, uint64_t off, const uint8_t *const bytes[2], uint64_t at)
{
    c->found = true;
    c->report.offset = off + at;
    for (int i = 0; i < 2; i++)
        c->report.byte[i] = bytes[i] != NULL ? bytes[i][at] : 0;
}

/*
 * [off, off + len) of both, where len is in the pieces of both. What cannot be read on one side is left out on both:
 * the walk's fault callback notes it, and a difference inside does not count.
 */
static enum status compare_pieces(struct comparison *c, const struct guest_piece p[2], uint64_t len)
{
    const bool wanted = !same_place(c, p, len) && p[0].kind != GUEST_PIECE_FAULT && p[1].kind != GUEST_PIECE_FAULT &&
                        (p[0].kind == GUEST_PIECE_DATA || p[1].kind == GUEST_PIECE_DATA);
    const uint8_t *bytes[2] = {NULL, NULL};
    uint64_t faults[2] = {0, 0}, at;

    for (int i = 0; i < 2; i++) {
        enum status st = guest_walk_take(c->walk[i], len, wanted ? &bytes[i] : NULL, guest_fault_list_note,
                                         &c->gs[i].faults, &faults[i]);
        if (st != STATUS_OK)
            return st;
    }
    if (!wanted || faults[0] + faults[1] > 0)
        return STATUS_OK;
    at = first_difference(bytes[0], bytes[1], len);
    if (at < len)
        note_difference(c, p[0].off, bytes, at);
    return STATUS_OK;
}

/* The common part. */
static enum status compare_both(struct comparison *c)
{
    struct guest_piece p[2];
    bool more[2];

    while (!c->found) {
        for (int i = 0; i < 2; i++) {
            enum status st = guest_walk_peek(c->walk[i], &p[i], &more[i]);
            if (st != STATUS_OK)
                return st;
        }
        if (!more[0] || !more[1])
            break;
        uint64_t len = u64_min(p[0].len, p[1].len);
        enum status st = compare_pieces(c, p, len);
        if (st != STATUS_OK)
            return st;
        if (!progress_step(&c->progress, len))
            return STATUS_LIMIT;
    }
    return STATUS_OK;
}

/* What the longer disk has behind the end of the other one: a byte that is not zero is a difference. */
static enum status compare_rest(struct comparison *c, int longer)
{
    struct guest_walk *w = c->walk[longer];
    struct guest_piece p;
    bool more = true;

    while (!c->found) {
        const uint8_t *bytes[2] = {NULL, NULL};
        uint64_t faults = 0, at;
        enum status st = guest_walk_peek(w, &p, &more);
        if (st != STATUS_OK || !more)
            return st;
        st = guest_walk_take(w, p.len, &bytes[longer], guest_fault_list_note, &c->gs[longer].faults, &faults);
        if (st != STATUS_OK)
            return st;
        at = first_difference(bytes[0], bytes[1], p.len);
        if (faults == 0 && at < p.len)
            note_difference(c, p.off, bytes, at);
        if (!progress_step(&c->progress, p.len))
            return STATUS_LIMIT;
    }
    return STATUS_OK;
}

/* Messages about what could not be compared; the code for it. */
static int tell_faults(struct comparison *c)
{
    int code = EXIT_OK;

    for (int i = 0; i < 2; i++) {
        code = exit_worst(code, guest_session_refuse(&c->gs[i]));
        if (c->gs[i].error != NULL)
            c->report.error = c->gs[i].error;
    }
    return code;
}

static int compare_disks(struct comparison *c)
{
    const uint64_t size[2] = {guest_size(c->gs[0].guest), guest_size(c->gs[1].guest)};
    const int longer = size[1] > size[0];
    enum status st = STATUS_OK;

    for (int i = 0; i < 2 && st == STATUS_OK; i++) {
        c->report.side[i].virtual_size = size[i];
        c->report.side[i].block_size = guest_block_size(c->gs[i].guest);
        st = guest_walk_open(c->gs[i].guest, 0, size[i], &c->walk[i]);
    }
    c->progress = progress_begin(c->run, "compare", size[longer]);
    if (st == STATUS_OK)
        st = compare_both(c);
    if (st == STATUS_OK && size[0] != size[1])
        st = compare_rest(c, longer);
    progress_end(&c->progress);
    if (st != STATUS_OK) {
        int code = guest_session_stopped(c->run, &c->gs[0], st);
        c->report.error = c->gs[0].error;
        return code;
    }
    /* A difference is one, whatever else could not be read; without one, nobody can say. */
    int code = tell_faults(c);
    if (c->found)
        code = EXIT_FINDINGS;
    for (int i = 0; i < 2; i++) {
        if (guest_session_look_again(&c->gs[i]) != EXIT_OK) {
            c->report.error = c->gs[i].error;
            return EXIT_IMPOSSIBLE;
        }
    }
    if (code == EXIT_OK || code == EXIT_FINDINGS)
        c->report.result = c->found ? COMPARE_DIFFERENT : COMPARE_SAME;
    return code;
}

static int compare(const struct options *o)
{
    const struct words *const parents[2] = {&o->parents, &o->parents_b};
    struct comparison c = {.report = {.result = COMPARE_UNKNOWN}};
    const char *parent = NULL;
    struct run run;
    int opened = 0;

    if (strcmp(o->args.items[0], "-") == 0 && strcmp(o->args.items[1], "-") == 0) {
        message("standard input can be read only once");
        return EXIT_USAGE;
    }
    int code = run_begin_confined(&run, o, &o->args, NULL);
    if (code != EXIT_OK)
        return code;
    c.run = &run;
    for (; opened < 2 && code == EXIT_OK; opened++) {
        struct guest_session *gs = &c.gs[opened];
        c.report.side[opened].path = o->args.items[opened];
        c.report.side[opened].faults = &gs->faults;
        code = guest_session_open(&run, o->args.items[opened], parents[opened], gs);
        c.report.error = gs->error;
    }
    c.report.side[1].path = o->args.items[1];
    /* A parent that is missing leaves so much out that nothing is worth comparing. */
    for (int i = 0; i < 2 && code == EXIT_OK; i++) {
        if (guest_needs_parent(c.gs[i].guest, &parent)) {
            code = guest_session_needs_parent(&c.gs[i], parent);
            c.report.error = c.gs[i].error;
        }
    }
    if (code == EXIT_OK)
        code = compare_disks(&c);
    report_compare(&run.report, &c.report);
    while (opened > 0)
        guest_session_close(&c.gs[--opened]);
    run_note(&run, code);
    return run_end(&run);
}

static const char *const examples[] = {
    "vhdxray compare before.vhdx after.vhdx",
    "whether the guest sees the same disk",
    "vhdxray compare --parent base.vhdx a.avhdx merged.vhdx",
    "a differencing disk and what it was merged to",
    "vhdxray compare --search-dir . -f json a.avhdx b.avhdx",
    "two children, parents found by name",
    NULL,
};

static const enum option_id options[] = {
    OPT_FORMAT,     OPT_OUTPUT,  OPT_PARENT,   OPT_PARENT_B, OPT_SEARCH_DIR, OPT_NO_REPLAY,
    OPT_MAX_MEMORY, OPT_TIMEOUT, OPT_PROGRESS, OPT_QUIET,    OPT_SANDBOX,    OPT_END,
};

const struct command command_compare = {
    .name = "compare",
    .arguments = "A B",
    .summary = "whether two disks have the same guest content",
    .examples = examples,
    .notes = "--parent is about A, --parent-b about B, --search-dir about both. Logs are replayed in memory. Disks\n"
             "of different size are the same when the rest of the longer one is zeros. What cannot be read is left\n"
             "out: a difference elsewhere still is one, without one the answer is not known.\n"
             "Exit codes: 0 same, 1 different (the first byte is named), 2 usage, 3 not known, 6 a limit, 7\n"
             "internal.",
    .options = options,
    .min_args = 2,
    .max_args = 2,
    .run = compare,
};
