/* SPDX-License-Identifier: MIT */
/*
 * Who is whose parent. Links are looked up by DataWriteGuid, and by file name (image/chain_lookup.h). A GUID that fits
 * decides; a name alone makes nobody a parent, it only tells whom the child probably meant when no GUID fits.
 *
 * Every file has at most one parent, so following parents from each file ends at a file without one or in a cycle. All
 * of that is done with marks in one pass, however long the chains are.
 */
#include "image/chain_set.h"

#include <string.h>

#include "base/limits.h"
#include "image/chain.h"
#include "image/chain_lookup.h"

const char *link_verdict_name(enum link_verdict v)
{
    static const char *const names[] = {
        [LINK_NOT_NEEDED] = "not_needed",
        [LINK_UNKNOWN] = "unknown",
        [LINK_FITS] = "fits",
        [LINK_FITS_SECOND] = "fits_second",
        [LINK_MISMATCH] = "guid_mismatch",
        [LINK_SECTOR_SIZE] = "sector_size_mismatch",
        [LINK_UNREADABLE] = "unreadable",
        [LINK_CYCLE] = "cycle",
        [LINK_TOO_DEEP] = "too_deep",
        [LINK_MISSING] = "missing",
    };
    return names[v];
}

bool link_is_good(enum link_verdict v)
{
    return v == LINK_NOT_NEEDED || v == LINK_FITS || v == LINK_FITS_SECOND;
}

/* ---- facts ---- */

static const char *copy_text(struct arena *a, const char *s, size_t len)
{
    return s ? arena_copy(a, s, len) : NULL;
}

/* Paths of the locator, and the file names in them. False: out of memory. */
static bool copy_paths(struct arena *a, const struct locator *l, struct chain_file *f)
{
    const struct locator_text *paths[3] = {l->relative_path, l->absolute_win32_path, l->volume_path};
    const char **texts[3] = {&f->relative_path, &f->absolute_path, &f->volume_path};
    for (int i = 0; i < 3; i++) {
        if (!paths[i] || paths[i]->value_len == 0)
            continue;
        *texts[i] = copy_text(a, paths[i]->value, paths[i]->value_len);
        if (!*texts[i])
            return false;
        f->names[i] = chain_file_name(a, paths[i]->value, paths[i]->value_len);
    }
    return true;
}

static bool copy_facts(struct arena *a, const struct image *img, struct chain_file *f)
{
    const struct view *v = img->main;
    const struct metadata *m = &v->metadata;
    const struct locator *l = &v->locator;
    const struct header *h = image_header(img);

    f->known = img->host.known;
    f->device = img->host.info.device;
    f->inode = img->host.info.inode;
    f->type = v->type;
    f->have_geometry = v->geometry_absence == ABSENT_NOT;
    if (f->have_geometry) {
        f->virtual_size = v->geometry.virtual_size;
        f->block_size = (uint32_t)v->geometry.block_size;
        f->logical_sector_size = v->geometry.logical_sector_size;
    }
    f->log_state = img->log_state;
    if (h) {
        const struct header_slot *other = &img->headers[1 - img->current];
        f->have_data_write_guid = true;
        f->data_write_guid = h->data_write_guid;
        f->file_write_guid = h->file_write_guid;
        f->have_other_guid = other->valid;
        f->other_data_write_guid = other->h.data_write_guid;
    }
    f->have_disk_id = m->have_virtual_disk_id;
    f->disk_id = m->virtual_disk_id;
    if (f->type != DISK_DIFFERENCING)
        return true;
    f->have_linkage = l->have_linkage;
    f->linkage = l->linkage;
    f->have_linkage2 = l->have_linkage2 && !guid_is_nil(&l->linkage2);
    f->linkage2 = l->linkage2;
    return copy_paths(a, l, f);
}

enum status chain_set_add(struct chain_set *s, const char *path, const struct image *img, bool shown, const char *error)
{
    struct chain_file f = {
        .same_as = CHAIN_NONE, .parent = CHAIN_NONE, .first_child = CHAIN_NONE, .next_sibling = CHAIN_NONE};
    f.path = copy_text(s->arena, path, strlen(path));
    f.error = copy_text(s->arena, error, error ? strlen(error) : 0);
    f.opened = img != NULL;
    f.shown = shown;
    if (!f.path || (error && !f.error) || (img && !copy_facts(s->arena, img, &f)))
        return arena_status(s->arena);
    if (s->count == s->cap && !arena_grow(s->arena, (void **)&s->files, &s->cap, s->count, sizeof(f)))
        return arena_status(s->arena);
    s->files[s->count++] = f;
    return STATUS_OK;
}

/* ---- links ---- */

static bool is_linkage(const struct chain_file *child, const struct guid *g)
{
    return (child->have_linkage && guid_equal(&child->linkage, g)) ||
           (child->have_linkage2 && guid_equal(&child->linkage2, g));
}

/* A parent that is there and is not the right one. */
static void mismatch(struct chain_set *s, struct chain_file *child, uint32_t parent)
{
    const struct chain_file *p = &s->files[parent];
    child->parent = parent;
    child->verdict = p->have_data_write_guid ? LINK_MISMATCH : LINK_UNREADABLE;
    if (!p->have_data_write_guid)
        return;
    if (p->have_other_guid && is_linkage(child, &p->other_data_write_guid))
        child->near_miss = "the DataWriteGuid of the parent's older header";
    else if (is_linkage(child, &p->file_write_guid))
        child->near_miss = "the parent's FileWriteGuid";
    else if (p->have_disk_id && is_linkage(child, &p->disk_id))
        child->near_miss = "the parent's Virtual Disk ID";
}

static void find_parent(struct chain_set *s, const struct chain_index *x, uint32_t i)
{
    struct chain_file *f = &s->files[i];
    uint32_t parent = CHAIN_NONE;

    if (f->type != DISK_DIFFERENCING) {
        f->verdict = f->type == DISK_UNKNOWN ? LINK_UNKNOWN : LINK_NOT_NEEDED;
        return;
    }
    f->verdict = LINK_FITS;
    if (f->have_linkage)
        parent = chain_lookup_guid(s, x, i, &f->linkage, &f->also_fits);
    if (parent == CHAIN_NONE && f->have_linkage2) {
        parent = chain_lookup_guid(s, x, i, &f->linkage2, &f->also_fits);
        f->verdict = LINK_FITS_SECOND;
    }
    if (parent != CHAIN_NONE) {
        const struct chain_file *p = &s->files[parent];
        f->parent = parent;
        if (p->have_geometry && f->have_geometry && p->logical_sector_size != f->logical_sector_size)
            f->verdict = LINK_SECTOR_SIZE;
        return;
    }
    parent = chain_lookup_name(s, x, i);
    if (parent != CHAIN_NONE)
        mismatch(s, f, parent);
    else
        f->verdict = LINK_MISSING;
}

/* Where nothing fits above the first file, the files that the user named. */
static void take_named(struct chain_set *s, const uint32_t *named, uint32_t count)
{
    uint32_t at = 0;
    for (uint32_t k = 0; k < count && at < s->count; k++) {
        struct chain_file *f = &s->files[at];
        if (f->type != DISK_DIFFERENCING)
            return;
        if (f->parent == CHAIN_NONE)
            mismatch(s, f, s->files[named[k]].same_as != CHAIN_NONE ? s->files[named[k]].same_as : named[k]);
        at = f->parent;
    }
}

/*
 * Marks files in a cycle, and the depth of all others. state: 0 not seen, 1 on the path that is being followed, 2 done.
 * A path is followed upwards to something done, then walked once more to set the depths.
 */
static enum status find_cycles(struct chain_set *s)
{
    uint8_t *state = arena_array(s->arena, s->count, sizeof(*state));
    uint32_t *path = arena_array(s->arena, s->count, sizeof(*path));
    if (!state || !path)
        return arena_status(s->arena);
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t at = i, n = 0;
        while (at != CHAIN_NONE && state[at] == 0) {
            state[at] = 1;
            path[n++] = at;
            at = s->files[at].parent;
        }
        if (at != CHAIN_NONE && state[at] == 1) {
            uint32_t member = at;
            do {
                s->files[member].verdict = LINK_CYCLE;
                member = s->files[member].parent;
            } while (member != at);
        }
        while (n > 0) {
            struct chain_file *f = &s->files[path[--n]];
            state[path[n]] = 2;
            if (f->verdict == LINK_CYCLE || f->parent == CHAIN_NONE)
                continue;
            f->depth = s->files[f->parent].depth + 1;
            if (f->depth >= LIMIT_CHAIN_DEPTH && link_is_good(f->verdict))
                f->verdict = LINK_TOO_DEEP;
        }
    }
    return STATUS_OK;
}

/* Who leads to something shown; then the lists of children, in the order of the files. */
static void make_tree(struct chain_set *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t at = i;
        if (!s->files[i].shown)
            continue;
        while (at != CHAIN_NONE && !s->files[at].used) {
            s->files[at].used = true;
            at = s->files[at].parent;
        }
    }
    for (uint32_t i = s->count; i-- > 0;) {
        struct chain_file *f = &s->files[i];
        if (!f->used || f->parent == CHAIN_NONE)
            continue;
        struct chain_file *p = &s->files[f->parent];
        p->children++;
        if (f->verdict == LINK_CYCLE)
            continue;
        f->next_sibling = p->first_child;
        p->first_child = i;
    }
    for (uint32_t i = 0; i < s->count; i++)
        s->files[i].head = s->files[i].used && s->files[i].children == 0;
}

enum status chain_set_resolve(struct chain_set *s, const uint32_t *named, uint32_t named_count)
{
    struct chain_index x = {.guid_count = 0};
    enum status st = chain_lookup_same(s);
    if (st == STATUS_OK)
        st = chain_lookup_open(s, &x);
    if (st != STATUS_OK)
        return st;
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->files[i].same_as == CHAIN_NONE)
            find_parent(s, &x, i);
    }
    take_named(s, named, named_count);
    st = find_cycles(s);
    if (st == STATUS_OK)
        make_tree(s);
    return st;
}
