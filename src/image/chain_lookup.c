/* SPDX-License-Identifier: MIT */
/*
 * Two sorted indices over a set of files: DataWriteGuids, and file names without regard to ASCII case. The file's
 * number is the last criterion, so what is found does not depend on how qsort() works.
 */
#include "image/chain_lookup.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"

/* ---- one file under several names ---- */

struct identity_entry {
    uint64_t device, inode;
    uint32_t file;
};

static int compare_identities(const void *pa, const void *pb)
{
    const struct identity_entry *a = pa, *b = pb;
    if (a->device != b->device)
        return u64_compare(a->device, b->device);
    if (a->inode != b->inode)
        return u64_compare(a->inode, b->inode);
    return u64_compare(a->file, b->file);
}

enum status chain_lookup_same(struct chain_set *s)
{
    struct identity_entry *e = arena_array(s->arena, s->count, sizeof(*e));
    uint32_t n = 0, first = 0;
    if (!e)
        return arena_status(s->arena);
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->files[i].known)
            e[n++] = (struct identity_entry){s->files[i].device, s->files[i].inode, i};
    }
    qsort(e, n, sizeof(*e), compare_identities);
    for (uint32_t i = 1; i < n; i++) {
        if (e[i].device != e[first].device || e[i].inode != e[first].inode) {
            first = i;
            continue;
        }
        s->files[e[i].file].same_as = e[first].file;
        s->files[e[first].file].shown = s->files[e[first].file].shown || s->files[e[i].file].shown;
        s->files[e[i].file].shown = false;
    }
    return STATUS_OK;
}

/* ---- indices ---- */

struct chain_index_entry {
    const struct guid *guid;
    const char *name; /* of the file, without folders */
    uint32_t file;
};

static int compare_guids(const void *pa, const void *pb)
{
    const struct chain_index_entry *a = pa, *b = pb;
    int c = memcmp(a->guid, b->guid, sizeof(*a->guid));
    return c ? c : u64_compare(a->file, b->file);
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static int compare_text(const char *a, const char *b)
{
    while (*a && lower((unsigned char)*a) == lower((unsigned char)*b)) {
        a++;
        b++;
    }
    return lower((unsigned char)*a) - lower((unsigned char)*b);
}

static int compare_names(const void *pa, const void *pb)
{
    const struct chain_index_entry *a = pa, *b = pb;
    int c = compare_text(a->name, b->name);
    return c ? c : u64_compare(a->file, b->file);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

enum status chain_lookup_open(const struct chain_set *s, struct chain_index *ret)
{
    struct chain_index x = {
        .guids = arena_array(s->arena, s->count, sizeof(*x.guids)),
        .names = arena_array(s->arena, s->count, sizeof(*x.names)),
    };
    if (!x.guids || !x.names)
        return arena_status(s->arena);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct chain_file *f = &s->files[i];
        struct chain_index_entry e = {.guid = &f->data_write_guid, .name = base_name(f->path), .file = i};
        if (f->same_as != CHAIN_NONE)
            continue;
        if (f->have_data_write_guid)
            x.guids[x.guid_count++] = e;
        x.names[x.name_count++] = e;
    }
    qsort(x.guids, x.guid_count, sizeof(*x.guids), compare_guids);
    qsort(x.names, x.name_count, sizeof(*x.names), compare_names);
    *ret = x;
    return STATUS_OK;
}

/* First entry that is not below key by `compare`, whose last criterion is the file: 0 in the key. */
static uint32_t lower_bound(const struct chain_index_entry *e, uint32_t count, const struct chain_index_entry *key,
                            int (*compare)(const void *, const void *))
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (compare(&e[mid], key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool has_name(const struct chain_file *child, const char *path)
{
    for (int i = 0; i < 3; i++) {
        if (child->names[i] && compare_text(child->names[i], base_name(path)) == 0)
            return true;
    }
    return false;
}

uint32_t chain_lookup_guid(const struct chain_set *s, const struct chain_index *x, uint32_t child, const struct guid *g,
                           uint32_t *ret_others)
{
    struct chain_index_entry key = {.guid = g, .file = 0};
    uint32_t i = lower_bound(x->guids, x->guid_count, &key, compare_guids);
    uint32_t best = CHAIN_NONE, others = 0;
    bool best_named = false, self = false;
    for (; i < x->guid_count && guid_equal(x->guids[i].guid, g); i++) {
        uint32_t file = x->guids[i].file;
        bool named = has_name(&s->files[child], s->files[file].path);
        if (file == child) {
            self = true;
            continue;
        }
        if (best == CHAIN_NONE || (named && !best_named)) {
            best = file;
            best_named = named;
        }
        if (++others == LIMIT_CHAIN_COPIES)
            break;
    }
    *ret_others = best != CHAIN_NONE ? others - 1 : 0;
    return best == CHAIN_NONE && self ? child : best;
}

uint32_t chain_lookup_name(const struct chain_set *s, const struct chain_index *x, uint32_t child)
{
    for (int n = 0; n < 3; n++) {
        struct chain_index_entry key = {.name = s->files[child].names[n], .file = 0};
        if (!key.name)
            continue;
        uint32_t i = lower_bound(x->names, x->name_count, &key, compare_names);
        for (; i < x->name_count && compare_text(x->names[i].name, key.name) == 0; i++) {
            if (x->names[i].file != child)
                return x->names[i].file;
        }
    }
    return CHAIN_NONE;
}
