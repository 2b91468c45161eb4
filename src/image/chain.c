/* SPDX-License-Identifier: MIT */
/*
 * Parents of differencing disks ([MS-VHDX] 2.6.2.6; format.md 13).
 *
 * The paths in a parent locator come from whoever made the image: absolute paths, network shares, `..`, device names.
 * None is ever opened. A file is opened because the user named it (--parent, the k-th for the k-th link), or because it
 * lies in a directory that the user named (--search-dir) under the last component of one of those paths. A file found
 * by searching must also fit: its DataWriteGuid is what the child remembers. A file that the user named is taken as the
 * parent in any case, and the mismatch is reported; the user may know better.
 *
 * The chain is followed by a loop and ends at LIMIT_CHAIN_DEPTH files, at a disk that needs no parent, or at a file
 * that is in it already, told by device and inode.
 */
#include "image/chain.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/span.h"
#include "base/text.h"
#include "image/headers.h"
#include "io/directory.h"

enum {
    MESSAGE_SIZE = 256,
    VARIANTS_MAX = 8, /* names that differ only in case, tried one after the other */
    NAMES_MAX = 3,    /* relative_path, volume_path, absolute_win32_path */
};

struct resolver {
    struct arena *arena;
    struct image *root;
    struct image *child;
    struct chain_parent *link; /* of child */
    const struct chain_options *options;
    uint64_t rejected_cap;
    bool met_chain; /* a file that fits is in the chain already */
};

/* The part of a path that can be looked up in a directory; empty when there is none. */
static struct span last_component(const char *path_text, size_t len)
{
    struct span none = {.ptr = NULL}, name;
    size_t start = len;
    while (start > 0 && path_text[start - 1] != '/' && path_text[start - 1] != '\\')
        start--;
    /* "c:name": a name in the current directory of a drive. */
    if (start == 0 && len > 2 && path_text[1] == ':')
        start = 2;
    name = span_of(path_text + start, len - start);
    if (name.len == 0 || name.len >= DIRECTORY_NAME_SIZE || memchr(name.ptr, '\0', name.len) != NULL)
        return none;
    if (name.ptr[0] == '.' && (name.len == 1 || (name.len == 2 && name.ptr[1] == '.')))
        return none;
    return name;
}

const char *chain_file_name(struct arena *a, const char *path_text, size_t len)
{
    struct span name = last_component(path_text, len);
    return name.len > 0 ? arena_copy(a, name.ptr, name.len) : NULL;
}

/* ---- does it fit ---- */

static enum linkage_match linkage_of(const struct locator *l, const struct guid *g)
{
    if (l->have_linkage && guid_equal(&l->linkage, g))
        return LINKAGE_FIRST;
    if (l->have_linkage2 && !guid_is_nil(&l->linkage2) && guid_equal(&l->linkage2, g))
        return LINKAGE_SECOND;
    return LINKAGE_NONE;
}

static void compare_linkage(const struct image *child, struct chain_parent *link)
{
    const struct locator *l = &child->main->locator;
    const struct image *parent = link->image;
    const struct metadata *m = &parent->main->metadata;

    if (parent->current >= 0) {
        const struct header_slot *other = &parent->headers[1 - parent->current];
        const struct header *h = image_header(parent);
        link->match = linkage_of(l, &h->data_write_guid);
        link->matches_other_header = other->valid && linkage_of(l, &other->h.data_write_guid) != LINKAGE_NONE;
        link->matches_file_write_guid = linkage_of(l, &h->file_write_guid) != LINKAGE_NONE;
    }
    link->matches_virtual_disk_id = m->have_virtual_disk_id && linkage_of(l, &m->virtual_disk_id) != LINKAGE_NONE;
}

static bool in_chain(const struct image *root, const struct file_info *info)
{
    for (const struct image *i = root; i != NULL; i = i->parent->image) { /* the last one's parent is looked for */
        if (i->host.known && i->host.info.device == info->device && i->host.info.inode == info->inode)
            return true;
    }
    return false;
}

/* ---- opening ---- */

/* name is one of the options' own pointers. */
static enum status take_opened(const struct chain_options *o, const char *name, struct source **ret,
                               struct file_info *ret_info, char message[MESSAGE_SIZE])
{
    uint32_t i = 0;

    while (i < o->parent_count && o->parents[i] != name)
        i++;
    if (i == o->parent_count)
        return STATUS_INTERNAL;
    const struct chain_opened *f = &o->opened[i];
    if (f->status != STATUS_OK) {
        (void)snprintf(message, MESSAGE_SIZE, "%s", f->message != NULL ? f->message : status_text(f->status));
        return f->status;
    }
    *ret_info = f->info;
    return file_again(f->source, ret);
}

static enum status open_file(const struct resolver *r, uint32_t dir, const char *name, struct source **ret,
                             struct file_info *ret_info, char message[MESSAGE_SIZE])
{
    const struct chain_options *o = r->options;
    enum status st;
    if (o->open != NULL)
        st = o->open(o->open_ctx, dir, name, ret, ret_info);
    else if (dir == UINT32_MAX && o->opened != NULL)
        st = take_opened(o, name, ret, ret_info, message);
    else if (dir == UINT32_MAX)
        st = file_open(name, ret, ret_info, message, MESSAGE_SIZE);
    else
        st = file_open_at(o->search_fds[dir], name, ret, ret_info, message, MESSAGE_SIZE);
    if (st == STATUS_OK)
        (*ret)->deadline_ns = r->root->file->deadline_ns; /* one clock for the whole chain */
    return st;
}

/* Takes the source over, also on failure. */
static enum status attach(struct resolver *r, const char *path, struct source *source, const struct file_info *info)
{
    struct host_facts host = {.known = true, .info = *info};
    struct chain_parent *link = r->link;

    enum status st = image_open(r->arena, source, path, &host, &r->child->options, &link->image);
    if (st != STATUS_OK) {
        link->image = NULL;
        source_close(source);
        return st;
    }
    link->source = source;
    link->path = path;
    link->state = PARENT_FOUND;
    link->unread = false; /* of files that it might have been */
    compare_linkage(r->child, link);
    return STATUS_OK;
}

/* The file that the user named. */
static enum status take_named(struct resolver *r, const char *path)
{
    struct source *source = NULL;
    struct file_info info = {.kind = FILE_KIND_REGULAR};
    char message[MESSAGE_SIZE] = "";

    r->link->path = path;
    enum status st = open_file(r, UINT32_MAX, path, &source, &info, message);
    if (st == STATUS_NO_MEMORY || st == STATUS_LIMIT)
        return st;
    if (st != STATUS_OK) {
        r->link->state = PARENT_UNOPENABLE;
        r->link->message = message[0] != '\0' ? arena_copy(r->arena, message, strlen(message)) : status_text(st);
        return r->link->message != NULL ? STATUS_OK : arena_status(r->arena);
    }
    if (in_chain(r->root, &info)) {
        r->link->state = PARENT_CYCLE;
        source_close(source);
        return STATUS_OK;
    }
    return attach(r, path, source, &info);
}

/* ---- searching ---- */

static enum status reject(struct resolver *r, const struct chain_candidate *c)
{
    struct chain_parent *link = r->link;
    if (!arena_grow(r->arena, (void **)&link->rejected, &r->rejected_cap, link->rejected_count, sizeof(*c)))
        return arena_status(r->arena);
    link->rejected[link->rejected_count++] = *c;
    return STATUS_OK;
}

/* Reads no more than the headers of a file, to see whether it may be the parent. */
static enum status peek(struct resolver *r, struct source *source, struct chain_candidate *c)
{
    struct header_slot slots[2];
    enum header_choice choice;
    enum status st = headers_read(r->arena, source, slots);
    if (st != STATUS_OK)
        return st;
    for (unsigned i = 0; i < 2; i++)
        r->link->unread = r->link->unread || slots[i].io_error || slots[i].slot_unread;
    int current = headers_choose(slots, &choice);
    if (current >= 0) {
        c->have_guid = true;
        c->data_write_guid = slots[current].h.data_write_guid;
    }
    return STATUS_OK;
}

/* One name in one directory. STATUS_NOT_FOUND: there is no such file; STATUS_OK: see link->state. */
static enum status try_name(struct resolver *r, uint32_t dir, const char *name)
{
    struct source *source = NULL;
    struct file_info info = {.kind = FILE_KIND_REGULAR};
    char message[MESSAGE_SIZE];
    struct chain_candidate c = {.name = NULL};

    enum status st = open_file(r, dir, name, &source, &info, message);
    if (st == STATUS_NOT_FOUND || st == STATUS_NO_MEMORY || st == STATUS_LIMIT)
        return st;
    c.opened = st == STATUS_OK;

    struct text path = text_in(r->arena);
    text_addf(&path, "%s/%s", r->options->search_dirs[dir], name);
    c.name = text_str(&path);
    st = path.failed ? arena_status(r->arena) : STATUS_OK;
    if (st == STATUS_OK && c.opened)
        st = peek(r, source, &c);
    if (st != STATUS_OK) {
        source_close(source);
        return st;
    }
    bool fits = c.have_guid && linkage_of(&r->child->main->locator, &c.data_write_guid) != LINKAGE_NONE;
    if (fits && !in_chain(r->root, &info))
        return attach(r, c.name, source, &info);
    r->met_chain = r->met_chain || fits;
    source_close(source);
    return reject(r, &c);
}

/* The name in other letter cases; the file may have been copied here by a system that changed them. */
static enum status try_variants(struct resolver *r, uint32_t dir, const char *name)
{
    char variant[DIRECTORY_NAME_SIZE], after[DIRECTORY_NAME_SIZE];
    if (r->options->open != NULL)
        return STATUS_OK;
    for (int n = 0; n < VARIANTS_MAX && r->link->state != PARENT_FOUND; n++) {
        enum status st = directory_find_variant(r->options->search_fds[dir], name, n > 0 ? after : NULL, variant);
        if (st == STATUS_LIMIT || st == STATUS_IO)
            r->link->message = st == STATUS_LIMIT
                                   ? "a search directory has too many entries to compare names regardless of case"
                                   : "a search directory cannot be listed";
        if (st != STATUS_OK)
            return STATUS_OK;
        st = try_name(r, dir, variant);
        if (st != STATUS_OK && st != STATUS_NOT_FOUND)
            return st;
        memcpy(after, variant, sizeof(after));
    }
    return STATUS_OK;
}

/* File names to look for, without repetitions, in the specification's order of the paths. */
static enum status names_to_try(struct resolver *r, const char *names[NAMES_MAX], unsigned *ret_count)
{
    const struct locator *l = &r->child->main->locator;
    const struct locator_text *paths[NAMES_MAX] = {l->relative_path, l->volume_path, l->absolute_win32_path};
    unsigned count = 0;

    for (unsigned i = 0; i < NAMES_MAX; i++) {
        struct span found = {.ptr = NULL};
        if (paths[i] != NULL)
            found = last_component(paths[i]->value, paths[i]->value_len);
        if (found.len == 0)
            continue;
        const char *name = arena_copy(r->arena, found.ptr, found.len);
        if (name == NULL)
            return arena_status(r->arena);
        bool known = false;
        for (unsigned k = 0; k < count; k++)
            known = known || strcmp(names[k], name) == 0;
        if (!known)
            names[count++] = name;
    }
    *ret_count = count;
    return STATUS_OK;
}

static enum status search(struct resolver *r)
{
    const char *names[NAMES_MAX];
    unsigned count = 0;
    enum status st = names_to_try(r, names, &count);
    if (st != STATUS_OK)
        return st;

    r->link->state = PARENT_NOT_FOUND;
    r->rejected_cap = 0;
    r->met_chain = false;
    for (unsigned n = 0; n < count; n++) {
        for (uint32_t dir = 0; dir < r->options->search_count; dir++) {
            st = try_name(r, dir, names[n]);
            if (st == STATUS_OK || st == STATUS_NOT_FOUND)
                st = r->link->state == PARENT_FOUND ? STATUS_OK : try_variants(r, dir, names[n]);
            if (st != STATUS_OK || r->link->state == PARENT_FOUND)
                return st;
        }
    }
    if (r->met_chain)
        r->link->state = PARENT_CYCLE;
    return STATUS_OK;
}

/* ---- the chain ---- */

enum status chain_resolve(struct image *img, const struct chain_options *options)
{
    struct resolver r = {.arena = img->arena, .root = img, .options = options};

    r.child = img;
    for (uint64_t files = 1; r.child != NULL; files++) {
        struct chain_parent *link = arena_alloc(r.arena, sizeof(*link));
        if (link == NULL)
            return arena_status(r.arena);
        *link = (struct chain_parent){.state = PARENT_NOT_GIVEN};
        r.child->parent = link;
        r.link = link;

        enum status st = STATUS_OK;
        if (r.child->main->type != DISK_DIFFERENCING)
            link->state = PARENT_NOT_NEEDED;
        else if (files >= LIMIT_CHAIN_DEPTH)
            link->state = PARENT_TOO_DEEP;
        else if (files <= options->parent_count)
            st = take_named(&r, options->parents[files - 1]);
        else if (options->search_count > 0)
            st = search(&r);
        if (st != STATUS_OK)
            return st;
        r.child = link->image;
    }
    return STATUS_OK;
}

enum status chain_lend(struct image *img, struct image *parent, const char *path)
{
    struct chain_parent *link = arena_alloc(img->arena, sizeof(*link));
    if (link == NULL)
        return arena_status(img->arena);
    img->parent = link;
    if (img->main->type != DISK_DIFFERENCING) {
        link->state = PARENT_NOT_NEEDED;
        return STATUS_OK;
    }
    link->state = PARENT_FOUND;
    link->image = parent;
    link->path = path;
    compare_linkage(img, link);
    return STATUS_OK;
}

void chain_close(struct image *img)
{
    while (img != NULL && img->parent != NULL) {
        struct chain_parent *link = img->parent;
        img->parent = NULL;
        image_close(link->image);
        source_close(link->source);
        img = link->image;
    }
}
