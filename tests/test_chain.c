/* SPDX-License-Identifier: MIT */
/*
 * Chains of differencing disks: which files are opened at all, which are taken as parents, where a chain ends. Files in
 * memory through chain_options.open, and real ones in a temporary folder for what the host's file system decides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "image/chain.h"
#include "io/directory.h"

/* ---- files in memory ---- */

struct named_file {
    uint32_t dir; /* UINT32_MAX: by --parent */
    const char *name;
    const struct img *img; /* NULL: opening fails with `status` */
    uint64_t inode;
    enum status status;
    uint64_t device; /* above 1 */
};

struct store {
    const struct named_file *files;
    size_t count;
    char asked[4096]; /* everything that was asked for, in order */
};

static enum status store_open(void *ctx, uint32_t dir, const char *name, struct source **ret,
                              struct file_info *ret_info)
{
    struct store *s = ctx;
    size_t used = strlen(s->asked);
    if (dir == UINT32_MAX)
        (void)snprintf(s->asked + used, sizeof(s->asked) - used, "%s ", name);
    else
        (void)snprintf(s->asked + used, sizeof(s->asked) - used, "%u:%s ", dir, name);
    for (size_t i = 0; i < s->count; i++) {
        const struct named_file *f = &s->files[i];
        if (f->dir != dir || strcmp(f->name, name) != 0)
            continue;
        if (f->img == NULL)
            return f->status;
        *ret = img_source(f->img);
        *ret_info = (struct file_info){.device = 1 + f->device, .inode = f->inode, .size = f->img->size};
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

struct opened {
    struct arena *arena;
    struct source *source;
    struct image *image;
};

/* The child is inode 1 of device 1. */
static struct opened open_child(const struct img *img)
{
    struct opened o = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .source = img_source(img)};
    struct host_facts host = {.known = true, .info = {.device = 1, .inode = 1}};
    assert_non_null(o.arena);
    assert_int_equal(image_open(o.arena, o.source, "child.avhdx", &host, NULL, &o.image), STATUS_OK);
    return o;
}

static void done(struct opened *o)
{
    chain_close(o->image);
    assert_null(o->image->parent);
    image_close(o->image);
    source_close(o->source);
    arena_destroy(o->arena);
}

static const char *const two_dirs[] = {"a", "b"};

static const struct chain_parent *resolve(struct opened *o, struct store *store, const char *const *parents,
                                          uint32_t parent_count, uint32_t search_count)
{
    struct chain_options options = {
        .parents = parents,
        .parent_count = parent_count,
        .search_dirs = two_dirs,
        .search_count = search_count,
        .open = store_open,
        .open_ctx = store,
    };
    assert_int_equal(chain_resolve(o->image, &options), STATUS_OK);
    assert_non_null(o->image->parent);
    return o->image->parent;
}

struct family {
    struct img *grandparent, *parent, *child;
};

static struct family family_make(void)
{
    struct family f;
    f.grandparent = img_create(NULL);
    f.parent =
        img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = f.grandparent, .parent_name = "base.vhdx"});
    f.child =
        img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = f.parent, .parent_name = "mid.avhdx"});
    return f;
}

static void family_free(struct family *f)
{
    img_free(f->child);
    img_free(f->parent);
    img_free(f->grandparent);
}

/* ---- named parents ---- */

static void a_disk_of_its_own_needs_no_parent(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    static const char *const parents[] = {"parent.vhdx"};
    struct store store = {0};
    struct opened o = open_child(img);
    const struct chain_parent *p = resolve(&o, &store, parents, 1, 2);
    assert_int_equal(p->state, PARENT_NOT_NEEDED);
    assert_string_equal(store.asked, ""); /* nothing was touched */
    done(&o);
    img_free(img);
}

static void nothing_is_opened_unless_named_or_allowed(void **state)
{
    (void)state;
    struct family f = family_make();
    struct store store = {0};
    struct opened o = open_child(f.child);
    assert_int_equal(resolve(&o, &store, NULL, 0, 0)->state, PARENT_NOT_GIVEN);
    assert_string_equal(store.asked, "");
    done(&o);
    family_free(&f);
}

static void named_parents_go_from_near_to_far(void **state)
{
    (void)state;
    struct family f = family_make();
    const struct named_file files[] = {{.dir = UINT32_MAX, .name = "x/p1", .img = f.parent, .inode = 2},
                                       {.dir = UINT32_MAX, .name = "p2", .img = f.grandparent, .inode = 3}};
    static const char *const parents[] = {"x/p1", "p2", "p3"};
    struct store store = {.files = files, .count = 2};
    struct opened o = open_child(f.child);
    const struct chain_parent *p = resolve(&o, &store, parents, 3, 0);
    assert_int_equal(p->state, PARENT_FOUND);
    assert_string_equal(p->path, "x/p1");
    assert_int_equal(p->match, LINKAGE_FIRST);
    assert_false(p->matches_file_write_guid || p->matches_virtual_disk_id);
    assert_true(p->matches_other_header); /* both headers hold the same */
    assert_true(p->image->host.known);
    assert_int_equal(p->image->host.info.inode, 2);
    assert_string_equal(p->image->path, "x/p1");
    const struct chain_parent *g = p->image->parent;
    assert_int_equal(g->state, PARENT_FOUND);
    assert_int_equal(g->match, LINKAGE_FIRST);
    assert_int_equal(g->image->parent->state, PARENT_NOT_NEEDED);
    assert_string_equal(store.asked, "x/p1 p2 "); /* and never the third */
    done(&o);

    /* Fewer names than links. */
    store = (struct store){.files = files, .count = 2};
    o = open_child(f.child);
    p = resolve(&o, &store, parents, 1, 0);
    assert_int_equal(p->image->parent->state, PARENT_NOT_GIVEN);
    done(&o);
    family_free(&f);
}

static void a_named_parent_that_does_not_fit_is_taken_all_the_same(void **state)
{
    (void)state;
    struct family f = family_make();
    struct img *other = img_create(&(struct img_params){.seed = 77});
    struct img *wreck = img_create(&(struct img_params){.seed = 78});
    img_resize(wreck, 100);
    const struct named_file files[] = {{.dir = UINT32_MAX, .name = "other", .img = other, .inode = 2},
                                       {.dir = UINT32_MAX, .name = "wreck", .img = wreck, .inode = 2}};
    for (size_t i = 0; i < 2; i++) {
        struct store store = {.files = files, .count = 2};
        struct opened o = open_child(f.child);
        const struct chain_parent *p = resolve(&o, &store, &files[i].name, 1, 0);
        assert_int_equal(p->state, PARENT_FOUND);
        assert_non_null(p->image);
        assert_int_equal(p->match, LINKAGE_NONE);
        assert_false(p->matches_other_header || p->matches_file_write_guid || p->matches_virtual_disk_id);
        assert_int_equal(p->image->parent->state, PARENT_NOT_NEEDED);
        done(&o);
    }
    img_free(wreck);
    img_free(other);
    family_free(&f);
}

/* What else the linkage may be equal to (VHDX-CHAIN-004, -012, -013). */
static void near_misses_of_the_linkage_are_told(void **state)
{
    (void)state;
    enum { SECOND, OTHER_HEADER, FILE_WRITE, DISK_ID, NIL_SECOND, INVALID_OTHER, KINDS };
    for (int kind = 0; kind < KINDS; kind++) {
        struct img *parent = img_create(NULL);
        struct guid g = img_guid(IMG_WINDOWS, 'D', 4711);
        uint8_t *h1 = img_header(parent, 0), *h2 = img_header(parent, 1);
        if (kind == SECOND)
            memcpy(h2 + IMG_HEADER_DATA_WRITE_GUID, g.bytes, 16);
        if (kind == OTHER_HEADER || kind == INVALID_OTHER)
            memcpy(h1 + IMG_HEADER_DATA_WRITE_GUID, g.bytes, 16);
        if (kind == FILE_WRITE)
            memcpy(h2 + IMG_HEADER_FILE_WRITE_GUID, g.bytes, 16);
        if (kind == DISK_ID)
            memcpy(img_metadata_item(parent, KNOWN_ITEM_VIRTUAL_DISK_ID), g.bytes, 16);
        if (kind == NIL_SECOND) /* a nil parent_linkage2 stands for nothing, even beside a nil DataWriteGuid */
            memset(h2 + IMG_HEADER_DATA_WRITE_GUID, 0, 16);
        img_sign_headers(parent);
        if (kind == INVALID_OTHER)
            h1[4] ^= 1;

        char text[GUID_TEXT_SIZE];
        const char *none = "{11111111-2222-3333-4444-555555555555}", *nil = "00000000-0000-0000-0000-000000000000";
        guid_text(&g, text);
        struct locator_string pairs[] = {{"parent_linkage", kind == SECOND || kind == NIL_SECOND ? none : text},
                                         {"parent_linkage2", kind == SECOND ? text : nil},
                                         {"relative_path", "x"}};
        struct img *child = img_create(
            &(struct img_params){.type = IMG_DIFFERENCING, .parent = parent, .locator = pairs, .locator_count = 3});
        const struct named_file file = {.dir = UINT32_MAX, .name = "p", .img = parent, .inode = 2};
        struct store store = {.files = &file, .count = 1};
        struct opened o = open_child(child);
        const struct chain_parent *p = resolve(&o, &store, &file.name, 1, 0);
        assert_int_equal(p->state, PARENT_FOUND);
        assert_int_equal(p->match, kind == SECOND ? LINKAGE_SECOND : LINKAGE_NONE);
        assert_int_equal(p->matches_other_header, kind == OTHER_HEADER);
        assert_int_equal(p->matches_file_write_guid, kind == FILE_WRITE);
        assert_int_equal(p->matches_virtual_disk_id, kind == DISK_ID);
        done(&o);
        img_free(child);
        img_free(parent);
    }
}

static void a_parent_is_read_through_its_own_log(void **state)
{
    (void)state;
    struct family f = family_make();
    img_make_dirty_bat(f.grandparent, img_block_index(f.grandparent, 1), bat_entry_make(0x700000, 6));
    const struct named_file files[] = {{.dir = UINT32_MAX, .name = "p", .img = f.parent, .inode = 2},
                                       {.dir = UINT32_MAX, .name = "g", .img = f.grandparent, .inode = 3}};
    static const char *const parents[] = {"p", "g"};
    struct store store = {.files = files, .count = 2};
    struct opened o = open_child(f.child);
    const struct chain_parent *p = resolve(&o, &store, parents, 2, 0);
    assert_true(p->image->parent->image->replayed);
    assert_int_equal(p->image->parent->match, LINKAGE_FIRST);
    done(&o);
    family_free(&f);
}

static void a_named_file_that_cannot_be_opened_is_told(void **state)
{
    (void)state;
    struct family f = family_make();
    static const char *const parents[] = {"/nonexistent/dir/p.vhdx", "/", "/dev/null"};
    for (size_t i = 0; i < 3; i++) {
        struct opened o = open_child(f.child);
        struct chain_options options = {.parents = parents + i, .parent_count = 1};
        assert_int_equal(chain_resolve(o.image, &options), STATUS_OK);
        const struct chain_parent *p = o.image->parent;
        assert_int_equal(p->state, PARENT_UNOPENABLE);
        assert_string_equal(p->path, parents[i]);
        assert_non_null(strstr(p->message, parents[i]));
        assert_null(p->image);
        done(&o);
    }
    /* Opened before, or not. */
    for (size_t i = 0; i < 2; i++) {
        const struct chain_opened before = {.status = STATUS_IO, .message = i == 0 ? "the door is shut" : NULL};
        struct opened o = open_child(f.child);
        struct chain_options options = {.parents = parents, .parent_count = 1, .opened = &before};
        assert_int_equal(chain_resolve(o.image, &options), STATUS_OK);
        assert_int_equal(o.image->parent->state, PARENT_UNOPENABLE);
        assert_string_equal(o.image->parent->message, i == 0 ? "the door is shut" : status_text(STATUS_IO));
        assert_null(o.image->parent->image);
        done(&o);
    }
    /* Without words from the opener there is at least the status. */
    const struct named_file file = {.dir = UINT32_MAX, .name = "p", .status = STATUS_IO};
    struct store store = {.files = &file, .count = 1};
    struct opened o = open_child(f.child);
    assert_string_equal(resolve(&o, &store, &file.name, 1, 0)->message, status_text(STATUS_IO));
    done(&o);
    family_free(&f);
}

static void a_file_twice_in_a_chain_is_a_cycle(void **state)
{
    (void)state;
    struct family f = family_make();
    const struct named_file files[] = {{.dir = UINT32_MAX, .name = "self", .img = f.child, .inode = 1},
                                       {.dir = UINT32_MAX, .name = "p", .img = f.parent, .inode = 2},
                                       {.dir = UINT32_MAX, .name = "p again", .img = f.parent, .inode = 2}};
    static const char *const self[] = {"self"}, *const back[] = {"p", "self"}, *const twice[] = {"p", "p again"};
    struct store store = {.files = files, .count = 3};

    struct opened o = open_child(f.child);
    const struct chain_parent *p = resolve(&o, &store, self, 1, 0);
    assert_int_equal(p->state, PARENT_CYCLE);
    assert_string_equal(p->path, "self");
    assert_null(p->image);
    done(&o);

    for (int i = 0; i < 2; i++) {
        o = open_child(f.child);
        p = resolve(&o, &store, i == 0 ? back : twice, 2, 0);
        assert_int_equal(p->state, PARENT_FOUND);
        assert_int_equal(p->image->parent->state, PARENT_CYCLE);
        done(&o);
    }
    family_free(&f);
}

static void the_same_inode_of_another_device_is_another_file(void **state)
{
    (void)state;
    struct family f = family_make();
    const struct named_file file = {.dir = UINT32_MAX, .name = "p", .img = f.parent, .inode = 1, .device = 1};
    struct store store = {.files = &file, .count = 1};
    struct opened o = open_child(f.child);
    assert_int_equal(resolve(&o, &store, &file.name, 1, 0)->state, PARENT_FOUND);
    done(&o);
    family_free(&f);
}

/* RG-DIF-05: a chain of a thousand. Every file is the same child, but each time another file of the host. */
struct endless {
    const struct img *img;
    uint64_t opened;
};

static enum status endless_open(void *ctx, uint32_t dir, const char *name, struct source **ret,
                                struct file_info *ret_info)
{
    struct endless *e = ctx;
    (void)dir;
    (void)name;
    *ret = img_source(e->img);
    *ret_info = (struct file_info){.device = 1, .inode = 2 + e->opened++};
    return STATUS_OK;
}

static void chains_end_at_the_limit(void **state)
{
    (void)state;
    struct family f = family_make();
    struct endless e = {.img = f.child};
    const char *parents[1000];
    for (size_t i = 0; i < 1000; i++)
        parents[i] = "p";
    struct opened o = open_child(f.child);
    struct chain_options options = {.parents = parents, .parent_count = 1000, .open = endless_open, .open_ctx = &e};
    assert_int_equal(chain_resolve(o.image, &options), STATUS_OK);
    uint64_t files = 1;
    const struct image *last = o.image;
    for (; last->parent->image != NULL; last = last->parent->image)
        files++;
    assert_int_equal(files, LIMIT_CHAIN_DEPTH);
    assert_int_equal(last->parent->state, PARENT_TOO_DEEP);
    assert_int_equal(e.opened, LIMIT_CHAIN_DEPTH - 1);
    done(&o);
    family_free(&f);
}

/* ---- searching ---- */

static void a_parent_is_searched_by_file_name_and_linkage(void **state)
{
    (void)state;
    struct family f = family_make();
    struct img *other = img_create(&(struct img_params){.seed = 77});
    const struct named_file files[] = {
        {.dir = 0, .name = "mid.avhdx", .img = other, .inode = 9}, /* the right name, another disk */
        {.dir = 1, .name = "mid.avhdx", .img = f.parent, .inode = 2},
        {.dir = 0, .name = "base.vhdx", .img = other, .inode = 9},
        {.dir = 1, .name = "base.vhdx", .img = f.grandparent, .inode = 3},
    };
    struct store store = {.files = files, .count = 4};
    struct opened o = open_child(f.child);
    const struct chain_parent *p = resolve(&o, &store, NULL, 0, 2);
    assert_int_equal(p->state, PARENT_FOUND);
    assert_string_equal(p->path, "b/mid.avhdx");
    assert_int_equal(p->match, LINKAGE_FIRST);
    assert_int_equal(p->rejected_count, 1);
    assert_string_equal(p->rejected[0].name, "a/mid.avhdx");
    assert_true(p->rejected[0].opened && p->rejected[0].have_guid);
    assert_memory_equal(&p->rejected[0].data_write_guid, &other->params.data_write_guid, 16);
    assert_int_equal(p->image->parent->state, PARENT_FOUND);
    assert_string_equal(p->image->parent->path, "b/base.vhdx");
    assert_int_equal(p->image->parent->rejected_count, 1);
    assert_string_equal(p->image->parent->rejected[0].name, "a/base.vhdx");
    assert_string_equal(store.asked, "0:mid.avhdx 1:mid.avhdx 0:base.vhdx 1:base.vhdx ");
    done(&o);
    img_free(other);
    family_free(&f);
}

/* RG-DIF-01: paths from the image give a name to look for and nothing else. */
static void paths_of_the_image_only_supply_names(void **state)
{
    (void)state;
    struct img *parent = img_create(NULL);
    static const struct locator_string pairs[] = {
        {"parent_linkage", "{11111111-2222-3333-4444-555555555555}"},
        {"absolute_win32_path", "\\\\?\\UNC\\host\\share\\third.vhdx"},
        {"relative_path", "..\\..\\../etc\\first.vhdx"},
        {"volume_path", "\\\\?\\Volume{00000000-0000-0000-0000-000000000000}\\second.vhdx"},
    };
    struct img *child = img_create(
        &(struct img_params){.type = IMG_DIFFERENCING, .parent = parent, .locator = pairs, .locator_count = 4});
    struct store store = {0};
    struct opened o = open_child(child);
    const struct chain_parent *p = resolve(&o, &store, NULL, 0, 2);
    assert_int_equal(p->state, PARENT_NOT_FOUND);
    assert_int_equal(p->rejected_count, 0);
    assert_string_equal(store.asked,
                        "0:first.vhdx 1:first.vhdx 0:second.vhdx 1:second.vhdx 0:third.vhdx 1:third.vhdx ");
    done(&o);
    img_free(child);
    img_free(parent);
}

static void names_that_are_no_file_names_are_not_looked_for(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t len;
        const char *name;
    } cases[] = {
        {"..\\dir\\parent.vhdx", 0, "parent.vhdx"},
        {"/a/b", 0, "b"},
        {"a\\b/c", 0, "c"},
        {"a/b\\c", 0, "c"},
        {"parent.vhdx", 0, "parent.vhdx"},
        {"C:parent.vhdx", 0, "parent.vhdx"},
        {"C:", 0, "C:"},
        {"C:\\x:y", 0, "x:y"},
        {"", 0, NULL},
        {"dir\\", 0, NULL},
        {"dir/", 0, NULL},
        {".", 0, NULL},
        {"..", 0, NULL},
        {"a\\..", 0, NULL},
        {"c:..", 0, NULL},
        {"...", 0, "..."},
        {"a\\nul\0in.vhdx", 13, NULL},
        {"nul\0in\\after.vhdx", 17, "after.vhdx"},
        {"\xEF\xBF\xBD.vhdx", 0, "\xEF\xBF\xBD.vhdx"},
    };
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = cases[i].len != 0 ? cases[i].len : strlen(cases[i].path);
        const char *name = chain_file_name(a, cases[i].path, len);
        if (cases[i].name == NULL)
            assert_null(name);
        else
            assert_string_equal(name, cases[i].name);
    }
    char longest[300];
    memset(longest, 'x', sizeof(longest));
    assert_int_equal(strlen(chain_file_name(a, longest, 255)), 255);
    assert_null(chain_file_name(a, longest, 256));
    arena_destroy(a);
}

static void a_search_that_only_finds_the_chain_itself_is_a_cycle(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    char linkage[GUID_TEXT_SIZE];
    struct locator_string pairs[] = {{"parent_linkage", guid_text(&img->params.data_write_guid, linkage)},
                                     {"relative_path", ".\\self.avhdx"}};
    img_set_locator(img, pairs, 2);
    const struct named_file file = {.dir = 0, .name = "self.avhdx", .img = img, .inode = 1};
    struct store store = {.files = &file, .count = 1};
    struct opened o = open_child(img);
    const struct chain_parent *p = resolve(&o, &store, NULL, 0, 1);
    assert_int_equal(p->state, PARENT_CYCLE);
    assert_int_equal(p->rejected_count, 1);
    done(&o);
    img_free(img);
}

static void unopenable_and_headless_candidates_are_remembered(void **state)
{
    (void)state;
    struct family f = family_make();
    struct img *wreck = img_create(NULL);
    img_resize(wreck, 60000);
    const struct named_file files[] = {{.dir = 0, .name = "mid.avhdx", .status = STATUS_REFUSED},
                                       {.dir = 1, .name = "mid.avhdx", .img = wreck, .inode = 5}};
    struct store store = {.files = files, .count = 2};
    struct opened o = open_child(f.child);
    const struct chain_parent *p = resolve(&o, &store, NULL, 0, 2);
    assert_int_equal(p->state, PARENT_NOT_FOUND);
    assert_int_equal(p->rejected_count, 2);
    assert_false(p->rejected[0].opened);
    assert_true(p->rejected[1].opened);
    assert_false(p->rejected[1].have_guid);
    done(&o);
    img_free(wreck);
    family_free(&f);
}

static void a_child_without_linkage_accepts_nobody(void **state)
{
    (void)state;
    struct img *parent = img_create(NULL);
    static const struct locator_string pairs[] = {{"parent_linkage", "not a guid"}, {"relative_path", "p.vhdx"}};
    struct img *child = img_create(
        &(struct img_params){.type = IMG_DIFFERENCING, .parent = parent, .locator = pairs, .locator_count = 2});
    const struct named_file file = {.dir = 0, .name = "p.vhdx", .img = parent, .inode = 2};
    struct store store = {.files = &file, .count = 1};
    struct opened o = open_child(child);
    const struct chain_parent *p = resolve(&o, &store, NULL, 0, 1);
    assert_int_equal(p->state, PARENT_NOT_FOUND);
    assert_int_equal(p->rejected_count, 1);
    done(&o);
    img_free(child);
    img_free(parent);
}

static void named_parents_come_first_then_the_directories(void **state)
{
    (void)state;
    struct family f = family_make();
    const struct named_file files[] = {{.dir = UINT32_MAX, .name = "p", .img = f.parent, .inode = 2},
                                       {.dir = 0, .name = "base.vhdx", .img = f.grandparent, .inode = 3}};
    static const char *const parents[] = {"p"};
    struct store store = {.files = files, .count = 2};
    struct opened o = open_child(f.child);
    const struct chain_parent *p = resolve(&o, &store, parents, 1, 2);
    assert_string_equal(p->path, "p");
    assert_string_equal(p->image->parent->path, "a/base.vhdx");
    assert_string_equal(store.asked, "p 0:base.vhdx ");
    done(&o);
    family_free(&f);
}

/* ---- the host's directories ---- */

struct folder {
    char path[64];
    int fd;
};

static struct folder folder_make(void)
{
    struct folder d;
    (void)snprintf(d.path, sizeof(d.path), "/tmp/vhdxray-chain-XXXXXX");
    assert_non_null(mkdtemp(d.path));
    d.fd = open(d.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(d.fd >= 0);
    return d;
}

static void folder_save(const struct folder *d, const char *name, const struct img *img)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", d->path, name);
    img_save(img, path);
}

static void folder_free(struct folder *d, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(unlinkat(d->fd, names[i], 0), 0);
    close(d->fd);
    assert_int_equal(rmdir(d->path), 0);
}

static const struct chain_parent *search_folder(struct opened *o, const struct folder *d)
{
    const char *dir = d->path;
    struct chain_options options = {.search_dirs = &dir, .search_fds = &d->fd, .search_count = 1};
    assert_int_equal(chain_resolve(o->image, &options), STATUS_OK);
    return o->image->parent;
}

static void letter_case_does_not_matter_in_a_search(void **state)
{
    (void)state;
    struct family f = family_make();
    struct img *other = img_create(&(struct img_params){.seed = 77});
    struct folder d = folder_make();
    static const char *const names[] = {"MID.AVHDX", "Mid.avhdx", "mid.AVHDX", "mid.avhdy", "BASE.vhdx"};
    folder_save(&d, names[0], other);
    folder_save(&d, names[1], other);
    folder_save(&d, names[2], f.parent);
    folder_save(&d, names[3], f.parent);
    folder_save(&d, names[4], f.grandparent);
    struct opened o = open_child(f.child);
    const struct chain_parent *p = search_folder(&o, &d);
    char want[128];
    assert_int_equal(p->state, PARENT_FOUND);
    (void)snprintf(want, sizeof(want), "%s/mid.AVHDX", d.path);
    assert_string_equal(p->path, want);
    assert_int_equal(p->rejected_count, 2); /* in byte order, however the host lists them */
    assert_non_null(strstr(p->rejected[0].name, "/MID.AVHDX"));
    assert_non_null(strstr(p->rejected[1].name, "/Mid.avhdx"));
    assert_int_equal(p->image->parent->state, PARENT_FOUND);
    done(&o);
    folder_free(&d, names, 5);
    img_free(other);
    family_free(&f);
}

static void links_and_folders_are_not_followed_in_a_search(void **state)
{
    (void)state;
    struct family f = family_make();
    struct folder d = folder_make();
    static const char *const names[] = {"elsewhere", "mid.avhdx"};
    folder_save(&d, names[0], f.parent);
    assert_int_equal(symlinkat("elsewhere", d.fd, "mid.avhdx"), 0);
    assert_int_equal(mkdirat(d.fd, "MID.AVHDX", 0700), 0);
    struct opened o = open_child(f.child);
    const struct chain_parent *p = search_folder(&o, &d);
    assert_int_equal(p->state, PARENT_NOT_FOUND);
    assert_int_equal(p->rejected_count, 2);
    assert_false(p->rejected[0].opened || p->rejected[1].opened);
    done(&o);
    assert_int_equal(unlinkat(d.fd, "MID.AVHDX", AT_REMOVEDIR), 0);
    folder_free(&d, names, 2);
    family_free(&f);
}

static void variants_come_in_byte_order(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct folder d = folder_make();
    static const char *const names[] = {"ab.x", "Ab.x", "aB.x", "AB.X", "abc.x"};
    for (size_t i = 0; i < 5; i++)
        folder_save(&d, names[i], img);
    char got[DIRECTORY_NAME_SIZE];
    assert_int_equal(directory_find_variant(d.fd, "ab.x", NULL, got), STATUS_OK);
    assert_string_equal(got, "AB.X");
    assert_int_equal(directory_find_variant(d.fd, "ab.x", "AB.X", got), STATUS_OK);
    assert_string_equal(got, "Ab.x");
    assert_int_equal(directory_find_variant(d.fd, "ab.x", "Ab.x", got), STATUS_OK);
    assert_string_equal(got, "aB.x");
    assert_int_equal(directory_find_variant(d.fd, "ab.x", "aB.x", got), STATUS_NOT_FOUND);
    assert_int_equal(directory_find_variant(d.fd, "nothing", NULL, got), STATUS_NOT_FOUND);
    assert_int_equal(directory_find_variant(-1, "ab.x", NULL, got), STATUS_IO);
    folder_free(&d, names, 5);
    img_free(img);
}

static void a_folder_that_cannot_be_listed_is_told(void **state)
{
    (void)state;
    struct family f = family_make();
    struct folder d = {.path = "nowhere", .fd = -1};
    struct opened o = open_child(f.child);
    const struct chain_parent *p = search_folder(&o, &d);
    assert_int_equal(p->state, PARENT_NOT_FOUND);
    assert_non_null(strstr(p->message, "cannot be listed"));
    assert_int_equal(p->rejected_count, 1); /* the name itself could not be looked for either */
    assert_false(p->rejected[0].opened);
    done(&o);
    family_free(&f);
}

/* ---- failures ---- */

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    struct family f = family_make();
    struct img *other = img_create(&(struct img_params){.seed = 77});
    const struct named_file files[] = {
        {.dir = UINT32_MAX, .name = "p", .img = f.parent, .inode = 2},
        {.dir = 0, .name = "base.vhdx", .img = other, .inode = 9},
        {.dir = 1, .name = "base.vhdx", .img = f.grandparent, .inode = 3},
    };
    static const char *const parents[] = {"p"};
    for (int sticky = 0; sticky < 2; sticky++) {
        enum status st = STATUS_NO_MEMORY;
        for (uint64_t n = 1; st != STATUS_OK; n++) {
            struct store store = {.files = files, .count = 3};
            struct chain_options options = {.parents = parents,
                                            .parent_count = 1,
                                            .search_dirs = two_dirs,
                                            .search_count = 2,
                                            .open = store_open,
                                            .open_ctx = &store};
            struct opened o = open_child(f.child);
            arena_fail_at(o.arena, n, sticky);
            st = chain_resolve(o.image, &options);
            assert_true(st == STATUS_OK ? n > 20 : st == STATUS_NO_MEMORY);
            done(&o); /* the sanitizer sees what stays open */
        }
    }
    img_free(other);
    family_free(&f);
}

/* ---- real images ---- */

static void the_real_child_finds_its_parent(void **state)
{
    (void)state;
    const char *folder = getenv("VHDXRAY_IMAGES");
    if (folder == NULL)
        skip();
    char path[4096], message[256];
    struct opened o = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    struct host_facts host = {.known = true};
    (void)snprintf(path, sizeof(path), "%s/fat-differential.vhdx", folder);
    if (file_open(path, &o.source, &host.info, message, sizeof(message)) != STATUS_OK)
        fail_msg("%s", message);
    assert_int_equal(image_open(o.arena, o.source, path, &host, NULL, &o.image), STATUS_OK);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct chain_options options = {.search_dirs = &folder, .search_fds = &fd, .search_count = 1};
    assert_int_equal(chain_resolve(o.image, &options), STATUS_OK);
    const struct chain_parent *p = o.image->parent;
    assert_int_equal(p->state, PARENT_FOUND);
    assert_non_null(strstr(p->path, "/fat-parent.vhdx"));
    assert_int_equal(p->match, LINKAGE_FIRST);
    assert_int_equal(p->image->parent->state, PARENT_NOT_NEEDED);
    close(fd);
    done(&o);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_of_its_own_needs_no_parent),
        cmocka_unit_test(nothing_is_opened_unless_named_or_allowed),
        cmocka_unit_test(named_parents_go_from_near_to_far),
        cmocka_unit_test(a_named_parent_that_does_not_fit_is_taken_all_the_same),
        cmocka_unit_test(near_misses_of_the_linkage_are_told),
        cmocka_unit_test(a_parent_is_read_through_its_own_log),
        cmocka_unit_test(a_named_file_that_cannot_be_opened_is_told),
        cmocka_unit_test(a_file_twice_in_a_chain_is_a_cycle),
        cmocka_unit_test(the_same_inode_of_another_device_is_another_file),
        cmocka_unit_test(chains_end_at_the_limit),
        cmocka_unit_test(a_parent_is_searched_by_file_name_and_linkage),
        cmocka_unit_test(paths_of_the_image_only_supply_names),
        cmocka_unit_test(names_that_are_no_file_names_are_not_looked_for),
        cmocka_unit_test(a_search_that_only_finds_the_chain_itself_is_a_cycle),
        cmocka_unit_test(unopenable_and_headless_candidates_are_remembered),
        cmocka_unit_test(a_child_without_linkage_accepts_nobody),
        cmocka_unit_test(named_parents_come_first_then_the_directories),
        cmocka_unit_test(letter_case_does_not_matter_in_a_search),
        cmocka_unit_test(links_and_folders_are_not_followed_in_a_search),
        cmocka_unit_test(variants_come_in_byte_order),
        cmocka_unit_test(a_folder_that_cannot_be_listed_is_told),
        cmocka_unit_test(memory_that_runs_out_is_told),
        cmocka_unit_test(the_real_child_finds_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
