/* SPDX-License-Identifier: MIT */
/*
 * The guest's disk for a command. Whatever stands between the user and the data is said here, once for all commands: no
 * disk at all, a parent that is missing, a range that touches a damaged block. A refusal names the range and the
 * reason, and comes before the first byte of output where it can be foreseen.
 */
#include "cli/guest_session.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "image/chain.h"

int guest_session_open_file(struct run *run, const char *path, struct guest_session *ret)
{
    *ret = (struct guest_session){.guest = NULL};
    int code = session_open(run, &ret->session, path, run->options->no_replay);
    if (code != EXIT_OK) {
        ret->error = ret->session.message;
        message("%s", ret->error);
    }
    ret->faults.arena = ret->session.arena;
    return code;
}

int guest_session_open(struct run *run, const char *path, const struct words *parents, struct guest_session *ret)
{
    struct guest_options options = {.salvage = run->options->salvage};
    const char *why = NULL;

    int code = guest_session_open_file(run, path, ret);
    if (code != EXIT_OK)
        return code;
    struct arena *a = ret->session.arena;
    code = session_resolve_with(run, &ret->session, parents);
    if (code != EXIT_OK) {
        ret->error = ret->session.message;
        message("%s", ret->error);
        return code;
    }
    code = session_parents(&ret->session);
    if (code != EXIT_OK) {
        ret->error = "a parent that was named could not be opened";
        return code;
    }
    enum status st = guest_open(ret->session.image, &options, &ret->guest, &why);
    if (st == STATUS_OK)
        return EXIT_OK;
    if (st != STATUS_REFUSED)
        why = session_status_text(run, st);
    ret->guest = NULL;
    ret->error = text_format(a, "%s: %s", path, why);
    message("%s", ret->error);
    return exit_of_status(st);
}

void guest_session_close(struct guest_session *gs)
{
    session_close(&gs->session);
    gs->guest = NULL;
}

int guest_session_range(const struct run *run, struct guest_session *gs, uint64_t *ret_len)
{
    const struct options *o = run->options;
    const uint64_t size = guest_size(gs->guest);
    uint64_t len = o->length;

    if (!o->have_length)
        len = o->offset <= size ? size - o->offset : 0;
    if (!range_in(o->offset, len, size)) {
        gs->error = text_format(gs->session.arena,
                                "%s: the guest's disk has %" PRIu64 " bytes; the range %" PRIu64 "+%" PRIu64
                                " does not lie in it",
                                gs->session.path, size, o->offset, len);
        message("%s", gs->error);
        return EXIT_IMPOSSIBLE;
    }
    *ret_len = len;
    return EXIT_OK;
}

int guest_session_stopped(const struct run *run, struct guest_session *gs, enum status st)
{
    gs->error = text_format(gs->session.arena, "%s: %s", gs->session.path, session_status_text(run, st));
    message("%s", gs->error);
    return exit_of_status(st);
}

/* "guest range 1048576+4096 (block 3): the block lies past the end of the file (VHDX-BAT-012)" */
static const char *fault_words(struct arena *a, const struct guest_session *gs, const struct guest_extent *e)
{
    const struct image *layer = guest_layer_image(gs->guest, e->layer);
    const char *rule = guest_fault_rule(e);
    struct text t = text_in(a);

    text_addf(&t, "guest range at %" PRIu64 ", %" PRIu64 " bytes (block %" PRIu64 ")", e->off, e->len,
              e->off / guest_block_size(gs->guest));
    if (e->layer > 0)
        text_addf(&t, ", in the parent %s", layer->path);
    text_addf(&t, ": %s", guest_fault_text(e->fault));
    if (e->fault == GUEST_FAULT_IO && layer->file->error_errno != 0)
        text_addf(&t, ": %s at file offset %" PRIu64, error_text(layer->file->error_errno), layer->file->error_off);
    if (rule != NULL)
        text_addf(&t, " (%s)", rule);
    return text_str(&t);
}

int guest_session_needs_parent(struct guest_session *gs, const char *parent)
{
    gs->error = text_format(gs->session.arena,
                            "%s: %s is needed and missing; name it with --parent, or its folder with "
                            "--search-dir",
                            gs->session.path, parent);
    message("%s", gs->error);
    return EXIT_IMPOSSIBLE;
}

int guest_session_refuse(struct guest_session *gs)
{
    const struct guest_fault_list *l = &gs->faults;
    const char *path = gs->session.path, *parent = NULL;
    struct text t = text_in(gs->session.arena);

    if (l->total == 0)
        return EXIT_OK;
    if (l->orphan.len > 0 && guest_needs_parent(gs->guest, &parent))
        return guest_session_needs_parent(gs, parent);
    text_addf(&t, "%s: %s", path, fault_words(gs->session.arena, gs, l->count > 0 ? &l->ranges[0] : &l->last));
    if (l->total > 1)
        text_addf(&t, "; %" PRIu64 " ranges in all, %" PRIu64 " bytes", l->total, l->bytes);
    text_add(&t, gs->foreseen ? "; vhdxray check tells more, --salvage goes on over it" : "; vhdxray check tells more");
    gs->error = text_str(&t);
    message("%s", gs->error);
    return EXIT_IMPOSSIBLE;
}

int guest_session_foresee(const struct run *run, struct guest_session *gs, uint64_t off, uint64_t len)
{
    gs->foreseen = true;
    if (run->options->salvage)
        return EXIT_OK;
    enum status st = guest_find_faults(gs->guest, off, len, &gs->faults);
    return st == STATUS_OK ? guest_session_refuse(gs) : guest_session_stopped(run, gs, st);
}

int guest_session_list(struct guest_session *gs)
{
    const struct guest_fault_list *l = &gs->faults;
    const char *path = gs->session.path;

    if (l->total == 0)
        return EXIT_OK;
    for (uint64_t i = 0; i < l->count; i++) {
        struct arena *a = arena_create((uint64_t)1 << 20); /* there may be many: none of their texts stays */
        if (a != NULL)
            message("%s: %s", path, fault_words(a, gs, &l->ranges[i]));
        arena_destroy(a);
    }
    if (l->count < l->total)
        message("%s: ... and %" PRIu64 " more ranges", path, l->total - l->count);
    message("%s: %" PRIu64 " bytes in %" PRIu64 " %s could not be read; zeros stand for them", path, l->bytes, l->total,
            l->total == 1 ? "range" : "ranges");
    return EXIT_FINDINGS;
}

int guest_session_look_again(struct guest_session *gs)
{
    int code = EXIT_OK;

    for (struct image *i = gs->session.image; i != NULL; i = i->parent != NULL ? i->parent->image : NULL) {
        image_look_again(i);
        if (!i->host.changed)
            continue;
        gs->error = text_format(gs->session.arena, "%s: was changed while it was read; the result cannot be relied on",
                                i->path);
        message("%s", gs->error);
        code = EXIT_IMPOSSIBLE;
    }
    return code;
}
