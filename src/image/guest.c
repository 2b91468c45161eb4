/* SPDX-License-Identifier: MIT */
/*
 * Opening the guest's disk: which files take part, and whether they may. A file takes part only when its guest disk can
 * be found and the state of its log is known; a parent, in addition, only when it is the one its child was made from.
 * Where the chain of files simply ends, what needs the missing one becomes a fault of those ranges.
 */
#include "image/guest.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "image/bat_walk.h"
#include "image/guest_parts.h"

const char *guest_fault_text(enum guest_fault f)
{
    switch (f) {
    case GUEST_FAULT_NONE:
        return NULL;
    case GUEST_FAULT_PAST_EOF:
        return "the block lies past the end of the file";
    case GUEST_FAULT_OVERLAP:
        return "the block shares its bytes with another structure";
    case GUEST_FAULT_STATE:
        return "the block has an invalid state";
    case GUEST_FAULT_OFFSET:
        return "the block has no valid place in the file";
    case GUEST_FAULT_NO_BITMAP:
        return "the block's sector bitmap is missing";
    case GUEST_FAULT_BAT:
        return "the block's BAT entry is missing";
    case GUEST_FAULT_NO_PARENT:
        return "the data is in the parent, which is missing";
    case GUEST_FAULT_IO:
        return "the host could not read it";
    }
    return "unknown fault";
}

const char *guest_state_name(enum guest_state s)
{
    switch (s) {
    case GUEST_NOT_PRESENT:
    case GUEST_UNDEFINED:
    case GUEST_ZERO:
    case GUEST_UNMAPPED:
    case GUEST_INVALID:
    case GUEST_FULLY_PRESENT:
    case GUEST_PARTIALLY_PRESENT:
        return payload_state_name((unsigned)s);
    case GUEST_PAST_PARENT:
        break;
    }
    return "past_parent";
}

/* ---- which files may take part ---- */

static const char *printable(struct arena *a, const char *path)
{
    return path ? text_printable(a, path, strlen(path)) : "image";
}

static const char *guid_or_none(struct arena *a, bool have, const struct guid *g)
{
    char buf[GUID_TEXT_SIZE];
    return have ? text_format(a, "%s", guid_text(g, buf)) : "none";
}

/* True when both headers claim to be the current one and name different logs: which one counts is anybody's guess. */
static bool log_ambiguous(const struct image *img)
{
    const struct header *a = &img->headers[0].h, *b = &img->headers[1].h;
    return img->choice == HEADER_AMBIGUOUS && (!guid_equal(&a->log_guid, &b->log_guid) || a->log_off != b->log_off ||
                                               a->log_len != b->log_len || a->log_version != b->log_version);
}

/* Why the state of the log is not known, or NULL. */
static const char *log_problem(const struct image *img)
{
    const struct header *h = image_header(img);
    if (img->options.no_replay)
        return NULL;
    if (h == NULL)
        return "no header is valid, so nobody can say whether a log must be replayed";
    if (log_ambiguous(img))
        return "two headers with one sequence number name different logs";
    if (img->log_state != LOG_STATE_INVALID)
        return NULL;
    if (h->log_version != 0)
        return "the log is in use and has an unknown version";
    if (img->log.io_error || img->replay.io_error)
        return "the log is in use and the host could not read all of it";
    if (img->replay.refused)
        return "the log is in use and must not be replayed: its newest sequence does not fit the file";
    return "the log is in use, and no valid sequence of entries is in it";
}

/* Why this file cannot show a guest disk, or NULL. */
static const char *image_problem(const struct image *img)
{
    const struct view *v = img->main;
    const char *problem = log_problem(img);
    if (problem)
        return problem;
    if (v->geometry_absence != ABSENT_NOT)
        return text_format(img->arena, "the size and shape of the guest disk are unknown: %s",
                           absence_text(v->geometry_absence));
    if (v->bat.absence == ABSENT_IO && v->bat.slots > 0) /* only some of it, perhaps */
        return NULL;
    if (v->bat.absence != ABSENT_NOT)
        return text_format(img->arena, "there is no usable block allocation table: %s", absence_text(v->bat.absence));
    return NULL;
}

static const char *linkage_problem(const struct image *child, const struct chain_parent *link)
{
    struct arena *a = child->arena;
    const struct locator *l = &child->main->locator;
    const struct header *h = image_header(link->image);
    bool second = l->have_linkage2 && !guid_is_nil(&l->linkage2);
    return text_format(a,
                       "%s is not the parent that %s was made from, or was changed since: its DataWriteGuid is %s, "
                       "parent_linkage is %s%s%s",
                       printable(a, link->path), printable(a, child->path),
                       guid_or_none(a, h != NULL, h ? &h->data_write_guid : NULL),
                       guid_or_none(a, l->have_linkage, &l->linkage), second ? ", parent_linkage2 is " : "",
                       second ? guid_or_none(a, true, &l->linkage2) : "");
}

/* Why the link to the parent cannot be followed, or NULL. A parent that is just not there is none. */
static const char *link_problem(const struct image *child, const struct chain_parent *link)
{
    struct arena *a = child->arena;
    const char *problem;
    if (link->state == PARENT_CYCLE)
        return text_format(a, "the chain of parents comes back to a file that is in it: the parent of %s%s%s",
                           printable(a, child->path), link->path ? " is " : "",
                           link->path ? printable(a, link->path) : "");
    if (link->state == PARENT_TOO_DEEP)
        return text_format(a, "the chain of parents has more than %d files", LIMIT_CHAIN_DEPTH);
    if (link->state != PARENT_FOUND)
        return NULL;
    if (link->match == LINKAGE_NONE)
        return linkage_problem(child, link);
    problem = image_problem(link->image);
    if (problem)
        return text_format(a, "the parent %s: %s", printable(a, link->path), problem);
    if (link->image->main->geometry.logical_sector_size != child->main->geometry.logical_sector_size)
        return text_format(a, "the parent %s has sectors of %u bytes, %s of %u", printable(a, link->path),
                           link->image->main->geometry.logical_sector_size, printable(a, child->path),
                           child->main->geometry.logical_sector_size);
    return NULL;
}

/* The problem of the first file or link that has one, or NULL; counts the files. */
static const char *chain_problem(const struct image *img, uint32_t *ret_count)
{
    const char *problem = image_problem(img);
    const struct image *at = img;
    *ret_count = 0;
    while (at && !problem) {
        (*ret_count)++;
        if (!at->main->geometry.differencing || !at->parent)
            break;
        problem = link_problem(at, at->parent);
        at = at->parent->state == PARENT_FOUND ? at->parent->image : NULL;
    }
    return problem;
}

/* ---- the disk ---- */

enum status guest_open(struct image *img, const struct guest_options *options, struct guest **ret, const char **ret_why)
{
    struct guest *g = arena_alloc(img->arena, sizeof(*g));
    const struct image *at = img;
    uint32_t count;
    const char *why = chain_problem(img, &count);
    if (!g)
        return arena_status(img->arena);
    if (why) {
        *ret_why = why;
        return STATUS_REFUSED;
    }
    g->arena = img->arena;
    g->layers = arena_array(img->arena, count, sizeof(*g->layers));
    if (!g->layers)
        return arena_status(img->arena);
    while (g->layer_count < count) {
        enum status st = guest_layer_open(at, options, &g->layers[g->layer_count]);
        if (st != STATUS_OK)
            return st;
        if (++g->layer_count < count)
            at = at->parent->image;
    }
    g->missing_parent = at->main->geometry.differencing;
    g->missing = g->missing_parent ? at->parent : NULL;
    *ret = g;
    return STATUS_OK;
}

uint64_t guest_size(const struct guest *g)
{
    return g->layers[0].geometry->virtual_size;
}

uint32_t guest_sector_size(const struct guest *g)
{
    return g->layers[0].geometry->logical_sector_size;
}

uint32_t guest_block_size(const struct guest *g)
{
    return (uint32_t)g->layers[0].geometry->block_size;
}

struct source *guest_layer_source(const struct guest *g, uint32_t layer)
{
    return g->layers[layer].view->src;
}

const struct image *guest_layer_image(const struct guest *g, uint32_t layer)
{
    return g->layers[layer].image;
}

uint32_t guest_layer_count(const struct guest *g)
{
    return g->layer_count;
}

/* ---- the missing parent ---- */

static void add_path(struct text *t, const struct locator_text *path, const char **separator)
{
    if (!path || path->value_len == 0)
        return;
    text_add(t, *separator);
    text_add_printable(t, path->value, path->value_len);
    *separator = " or ";
}

/* "the parent .\base.vhdx or C:\disks\base.vhdx (DataWriteGuid ...)" */
static const char *describe_missing(const struct guest *g)
{
    const struct image *child = g->layers[g->layer_count - 1].image;
    const struct locator *l = &child->main->locator;
    struct text t = text_in(g->arena);
    const char *separator = " ";
    char buf[GUID_TEXT_SIZE];

    text_add(&t, "the parent");
    if (g->layer_count > 1)
        text_addf(&t, " of %s,", printable(g->arena, child->path));
    add_path(&t, l->relative_path, &separator);
    add_path(&t, l->absolute_win32_path, &separator);
    add_path(&t, l->volume_path, &separator);
    if (l->have_linkage)
        text_addf(&t, " (DataWriteGuid %s)", guid_text(&l->linkage, buf));
    if (g->missing && g->missing->message)
        text_addf(&t, ": %s", g->missing->message);
    return text_str(&t);
}

/* Walks the disk up to the first byte that nobody has. */
static bool find_need(struct guest *g)
{
    const struct bat_survey *s = g->layers[g->layer_count - 1].view->survey;
    struct guest_extent e = {.off = 0};
    if (!g->missing_parent)
        return false;
    if (s && s->states[PAYLOAD_NOT_PRESENT] == 0 && s->states[PAYLOAD_PARTIALLY_PRESENT] == 0)
        return false;
    for (uint64_t off = 0; off < guest_size(g); off += e.len) {
        if (guest_extent_at(g, off, guest_size(g) - off, &e) != STATUS_OK)
            return true; /* reading will say what happened */
        if (e.fault == GUEST_FAULT_NO_PARENT)
            return true;
    }
    return false;
}

bool guest_needs_parent(struct guest *g, const char **ret_text)
{
    if (!g->needs_parent_known) {
        g->needs_parent = find_need(g);
        g->needs_parent_known = true;
    }
    if (g->needs_parent)
        *ret_text = describe_missing(g);
    return g->needs_parent;
}
