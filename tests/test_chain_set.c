/* SPDX-License-Identifier: MIT */
/* Who is whose parent among many files; what a folder of real ones shows is in cli/tree.bats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "build.h"
#include "image/chain_set.h"

/* A file of the set, by numbers: GUID n is n in its first byte. */
struct member {
    const char *path;
    unsigned guid, linkage; /* linkage 0: a dynamic disk */
    bool hidden;            /* only there to be found */
    uint64_t inode;         /* 0: none known */
};

static struct guid guid_of(unsigned n)
{
    struct guid g = {.bytes = {(uint8_t)n, (uint8_t)(n >> 8), 1}};
    return g;
}

static enum status add(struct chain_set *s, const struct member *m, const struct img *parent)
{
    struct img_params p = {.type = m->linkage ? IMG_DIFFERENCING : IMG_DYNAMIC,
                           .data_write_guid = guid_of(m->guid),
                           .states = "",
                           .parent = m->linkage ? parent : NULL};
    struct host_facts host = {.known = m->inode != 0, .info = {.device = 1, .inode = m->inode}};
    struct img *img = img_create(&p);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct source *src = img_source(img);
    struct image *image = NULL;

    assert_int_equal(image_open(a, src, m->path, &host, NULL, &image), STATUS_OK);
    if (m->linkage) {
        image->main->locator.linkage = guid_of(m->linkage);
        image->main->locator.have_linkage = true;
        image->main->locator.have_linkage2 = false;
    }
    enum status st = chain_set_add(s, m->path, image, !m->hidden, NULL);
    image_close(image);
    source_close(src);
    arena_destroy(a);
    img_free(img);
    return st;
}

static enum status build(struct chain_set *s, const struct member *m, size_t count)
{
    struct img *parent = img_create(NULL);
    enum status st = STATUS_OK;
    for (size_t i = 0; i < count && st == STATUS_OK; i++)
        st = add(s, &m[i], parent);
    img_free(parent);
    return st;
}

static void every_kind_of_link(void **state)
{
    static const struct member m[] = {
        {.path = "base", .guid = 1},
        {.path = "child", .guid = 2, .linkage = 1},
        {.path = "grandchild", .guid = 3, .linkage = 2},
        {.path = "orphan", .guid = 4, .linkage = 99},
        {.path = "x/parent.vhdx", .guid = 5, .hidden = true},
        {.path = "a", .guid = 6, .linkage = 7},
        {.path = "b", .guid = 7, .linkage = 6},
        {.path = "below a", .guid = 8, .linkage = 6},
        {.path = "self", .guid = 9, .linkage = 9},
        {.path = "unneeded", .guid = 10, .hidden = true},
    };
    static const struct {
        enum link_verdict verdict;
        uint32_t parent, depth;
        bool used, head;
    } want[] = {
        {LINK_NOT_NEEDED, CHAIN_NONE, 0, true, false},
        {LINK_FITS, 0, 1, true, false},
        {LINK_FITS, 1, 2, true, true},
        {LINK_MISMATCH, 4, 1, true, true},
        {LINK_NOT_NEEDED, CHAIN_NONE, 0, true, false},
        {LINK_CYCLE, 6, 0, true, false},
        {LINK_CYCLE, 5, 0, true, false},
        {LINK_FITS, 5, 1, true, true},
        {LINK_CYCLE, 8, 0, true, false},
        {LINK_NOT_NEEDED, CHAIN_NONE, 0, false, false},
    };
    struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    (void)state;
    assert_int_equal(build(&s, m, sizeof(m) / sizeof(m[0])), STATUS_OK);
    assert_int_equal(chain_set_resolve(&s, NULL, 0), STATUS_OK);
    for (uint32_t i = 0; i < s.count; i++) {
        const struct chain_file *f = &s.files[i];
        assert_string_equal(f->path, m[i].path);
        assert_int_equal(f->verdict, want[i].verdict);
        assert_int_equal(f->parent, want[i].parent);
        assert_int_equal(f->depth, want[i].depth);
        assert_int_equal(f->used, want[i].used);
        assert_int_equal(f->head, want[i].head);
    }
    assert_int_equal(s.files[0].first_child, 1);
    assert_int_equal(s.files[5].first_child, 7);
    arena_destroy(s.arena);
}

/* The order in which files come says nothing: here each child comes before its parent. */
static void children_before_their_parents(void **state)
{
    static const struct member m[] = {
        {.path = "grandchild", .guid = 3, .linkage = 2},
        {.path = "child", .guid = 2, .linkage = 1},
        {.path = "base", .guid = 1},
    };
    struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    (void)state;

    assert_int_equal(build(&s, m, 3), STATUS_OK);
    assert_int_equal(chain_set_resolve(&s, NULL, 0), STATUS_OK);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(s.files[i].depth, 2 - i);
        assert_int_equal(s.files[i].parent, i == 2 ? CHAIN_NONE : i + 1);
    }
    arena_destroy(s.arena);
}

static void one_file_by_two_names(void **state)
{
    static const struct member m[] = {
        {.path = "a", .guid = 1, .inode = 5, .hidden = true},
        {.path = "b", .guid = 2, .linkage = 1, .inode = 6},
        {.path = "c", .guid = 1, .inode = 5},
    };
    struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    (void)state;
    assert_int_equal(build(&s, m, 3), STATUS_OK);
    assert_int_equal(chain_set_resolve(&s, NULL, 0), STATUS_OK);
    assert_int_equal(s.files[2].same_as, 0);
    assert_false(s.files[2].used);
    assert_true(s.files[0].shown);
    assert_int_equal(s.files[1].parent, 0);
    assert_int_equal(s.files[1].also_fits, 0);
    arena_destroy(s.arena);
}

static void a_named_parent_is_taken_where_nothing_fits(void **state)
{
    static const struct member m[] = {
        {.path = "child", .guid = 2, .linkage = 99},
        {.path = "named", .guid = 3, .hidden = true},
    };
    static const uint32_t named[] = {1, 1};
    struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    (void)state;
    assert_int_equal(build(&s, m, 2), STATUS_OK);
    assert_int_equal(chain_set_resolve(&s, named, 2), STATUS_OK);
    assert_int_equal(s.files[0].verdict, LINK_MISMATCH);
    assert_int_equal(s.files[0].parent, 1);
    arena_destroy(s.arena);
}

/* It is named by its second name; the first is the file's. */
static void a_named_parent_may_have_two_names(void **state)
{
    static const struct member m[] = {
        {.path = "child", .guid = 2, .linkage = 99, .inode = 4},
        {.path = "other", .guid = 4, .hidden = true, .inode = 6},
        {.path = "a", .guid = 3, .hidden = true, .inode = 5},
        {.path = "b", .guid = 3, .hidden = true, .inode = 5},
    };
    static const uint32_t named[] = {3};
    struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    (void)state;
    assert_int_equal(build(&s, m, 4), STATUS_OK);
    assert_int_equal(chain_set_resolve(&s, named, 1), STATUS_OK);
    assert_int_equal(s.files[3].same_as, 2);
    assert_int_equal(s.files[0].verdict, LINK_MISMATCH);
    assert_int_equal(s.files[0].parent, 2);
    assert_int_equal(s.files[2].children, 1);
    assert_int_equal(s.files[3].children, 0);
    arena_destroy(s.arena);
}

static void one_guid_on_all_files(void **state)
{
    struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    struct img *parent = img_create(NULL);
    struct member m = {.path = "copy", .guid = 1, .linkage = 1};
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(add(&s, &m, parent), STATUS_OK);
    assert_int_equal(chain_set_resolve(&s, NULL, 0), STATUS_OK);
    assert_int_equal(s.files[0].verdict, LINK_CYCLE); /* each is the other's parent */
    assert_int_equal(s.files[1].verdict, LINK_CYCLE);
    img_free(parent);
    arena_destroy(s.arena);
}

/* Of copies, the one that has the name which the child knows, whatever the order; and else the first. */
static void copies_are_told_by_their_names(void **state)
{
    static const struct member rows[][4] = {
        {{.path = "child", .guid = 2, .linkage = 1},
         {.path = "a/other.vhdx", .guid = 1},
         {.path = "b/Parent.vhdx", .guid = 1},
         {.path = "c/parent.vhdx", .guid = 1}},
        {{.path = "child", .guid = 2, .linkage = 1},
         {.path = "a/other.vhdx", .guid = 3},
         {.path = "b/parent.vhd", .guid = 1},
         {.path = "c/parent.vhdx2", .guid = 1}},
    };
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
        assert_int_equal(build(&s, rows[i], 4), STATUS_OK);
        assert_int_equal(chain_set_resolve(&s, NULL, 0), STATUS_OK);
        assert_int_equal(s.files[0].verdict, LINK_FITS);
        assert_int_equal(s.files[0].parent, 2);
        assert_int_equal(s.files[0].also_fits, i == 0 ? 2 : 1);
        arena_destroy(s.arena);
    }
}

static void nothing_at_all(void **state)
{
    struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    (void)state;
    assert_int_equal(chain_set_resolve(&s, NULL, 0), STATUS_OK);
    assert_int_equal(chain_set_add(&s, "gone", NULL, true, "no such file"), STATUS_OK);
    assert_int_equal(chain_set_resolve(&s, NULL, 0), STATUS_OK);
    assert_int_equal(s.files[0].verdict, LINK_UNKNOWN);
    assert_string_equal(s.files[0].error, "no such file");
    arena_destroy(s.arena);
}

static void verdicts_have_names(void **state)
{
    (void)state;
    for (enum link_verdict v = LINK_NOT_NEEDED; v <= LINK_MISSING; v++)
        assert_non_null(link_verdict_name(v));
    assert_true(link_is_good(LINK_FITS) && link_is_good(LINK_FITS_SECOND) && link_is_good(LINK_NOT_NEEDED));
    assert_false(link_is_good(LINK_MISMATCH) || link_is_good(LINK_MISSING) || link_is_good(LINK_UNKNOWN));
}

static void memory_that_is_gone(void **state)
{
    static const struct member m[] = {
        {.path = "base", .guid = 1, .inode = 1},
        {.path = "child", .guid = 2, .linkage = 1, .inode = 2},
    };
    bool done = false;
    (void)state;
    for (uint64_t n = 1; !done; n++) {
        struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
        arena_fail_at(s.arena, n, true);
        enum status st = build(&s, m, 2);
        if (st == STATUS_OK)
            st = chain_set_resolve(&s, NULL, 0);
        done = st == STATUS_OK;
        assert_true(done || st == STATUS_NO_MEMORY || st == STATUS_LIMIT);
        assert_true(n < 100);
        arena_destroy(s.arena);
    }
}

/* What the parent has instead of the GUID that the child asks for tells what happened to it. */
static void near_misses(void **state)
{
    enum {
        OLDER_HEADER,
        FILE_WRITE,
        DISK_ID,
        NOTHING,
        NO_HEADER,
        SECOND,
        SECTOR_SIZE,
        NO_SECTOR_SIZE,        /* of the child */
        NO_PARENT_SECTOR_SIZE, /* each is not known: nothing speaks against it */
        FIRST,
        ROWS
    };
    static const struct {
        enum link_verdict verdict;
        const char *near_miss;
    } want[ROWS] = {
        [OLDER_HEADER] = {LINK_MISMATCH, "the DataWriteGuid of the parent's older header"},
        [FILE_WRITE] = {LINK_MISMATCH, "the parent's FileWriteGuid"},
        [DISK_ID] = {LINK_MISMATCH, "the parent's Virtual Disk ID"},
        [NOTHING] = {LINK_MISMATCH, NULL},
        [NO_HEADER] = {LINK_UNREADABLE, NULL},
        [SECOND] = {LINK_FITS_SECOND, NULL},
        [SECTOR_SIZE] = {LINK_SECTOR_SIZE, NULL},
        [NO_SECTOR_SIZE] = {LINK_FITS, NULL},
        [NO_PARENT_SECTOR_SIZE] = {LINK_FITS, NULL},
        [FIRST] = {LINK_FITS, NULL}, /* then the second linkage is not asked for */
    };
    static const struct member m[] = {
        {.path = "child", .guid = 2, .linkage = 99},
        {.path = "x/parent.vhdx", .guid = 3},
    };
    static const uint32_t named[] = {1};
    (void)state;
    for (unsigned by_name = 0; by_name < 2; by_name++) {
        for (unsigned row = 0; row < ROWS; row++) {
            struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
            assert_int_equal(build(&s, m, 2), STATUS_OK);
            struct chain_file *child = &s.files[0], *parent = &s.files[1];
            parent->have_other_guid = row == OLDER_HEADER;
            parent->other_data_write_guid = guid_of(row == OLDER_HEADER ? 99 : 98);
            parent->file_write_guid = guid_of(row == FILE_WRITE || row == NO_HEADER ? 99 : 97);
            parent->have_disk_id = row == DISK_ID;
            parent->disk_id = guid_of(99); /* counts only when it is there */
            parent->have_data_write_guid = row != NO_HEADER;
            child->have_linkage2 = row == SECOND || row == NOTHING || row == FIRST;
            child->linkage2 = guid_of(row == SECOND ? 3 : 96);
            if (row >= SECTOR_SIZE)
                child->linkage = guid_of(3);
            if (row >= SECTOR_SIZE && row <= NO_PARENT_SECTOR_SIZE)
                parent->logical_sector_size = 4096;
            child->have_geometry = row != NO_SECTOR_SIZE;
            parent->have_geometry = row != NO_PARENT_SECTOR_SIZE;
            assert_int_equal(chain_set_resolve(&s, by_name ? NULL : named, by_name ? 0 : 1), STATUS_OK);
            child = &s.files[0];
            assert_int_equal(child->verdict, want[row].verdict);
            assert_int_equal(child->parent, 1);
            assert_int_equal(child->near_miss == NULL, want[row].near_miss == NULL);
            if (child->near_miss)
                assert_string_equal(child->near_miss, want[row].near_miss);
            arena_destroy(s.arena);
        }
    }
}

static void chains_that_are_too_deep(void **state)
{
    struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    struct img *parent = img_create(NULL);
    const uint32_t files = (uint32_t)LIMIT_CHAIN_DEPTH + 2;
    (void)state;
    for (unsigned i = 1; i <= files; i++)
        assert_int_equal(add(&s, &(struct member){.path = "file", .guid = i, .linkage = i - 1}, parent), STATUS_OK);
    s.files[files - 1].logical_sector_size = 4096; /* what speaks against the link itself is said, however deep it is */
    assert_int_equal(chain_set_resolve(&s, NULL, 0), STATUS_OK);
    assert_int_equal(s.files[files - 3].verdict, LINK_FITS);
    assert_int_equal(s.files[files - 3].depth, LIMIT_CHAIN_DEPTH - 1);
    assert_int_equal(s.files[files - 2].verdict, LINK_TOO_DEEP);
    assert_int_equal(s.files[files - 1].depth, LIMIT_CHAIN_DEPTH + 1);
    assert_int_equal(s.files[files - 1].verdict, LINK_SECTOR_SIZE);
    img_free(parent);
    arena_destroy(s.arena);
}

/* Inodes are numbers of their device. */
static void same_inode_on_another_device(void **state)
{
    static const struct member m[] = {
        {.path = "a", .guid = 1, .inode = 5},
        {.path = "b", .guid = 2, .inode = 5},
        {.path = "c", .guid = 3, .inode = 5},
    };
    struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    (void)state;
    assert_int_equal(build(&s, m, 3), STATUS_OK);
    s.files[1].device = 2;
    s.files[0].device = 3;
    assert_int_equal(chain_set_resolve(&s, NULL, 0), STATUS_OK);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(s.files[i].same_as, CHAIN_NONE);
    arena_destroy(s.arena);
}

/* What a locator does not say, or says with no letters, is no path. */
static void paths_that_are_not_there(void **state)
{
    static const struct locator_string pairs[] = {{"parent_linkage", "{31313131-3131-4131-8131-313131313131}"},
                                                  {"relative_path", "dir\\parent.vhdx"},
                                                  {"volume_path", ""}};
    struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .states = ""});
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct host_facts host = {.known = false};
    struct image *image = NULL;
    (void)state;
    img_set_locator(img, pairs, 3);
    struct source *src = img_source(img);
    assert_int_equal(image_open(a, src, "child", &host, NULL, &image), STATUS_OK);
    assert_int_equal(chain_set_add(&s, "child", image, true, NULL), STATUS_OK);
    assert_string_equal(s.files[0].relative_path, "dir\\parent.vhdx");
    assert_string_equal(s.files[0].names[0], "parent.vhdx");
    assert_null(s.files[0].absolute_path);
    assert_null(s.files[0].names[1]);
    assert_null(s.files[0].volume_path);
    assert_null(s.files[0].names[2]);
    image_close(image);
    source_close(src);
    arena_destroy(a);
    img_free(img);
    arena_destroy(s.arena);
}

/* Letters of names are compared without their case, as Windows does. */
static void a_name_in_capitals_is_the_same(void **state)
{
    static const struct member m[] = {
        {.path = "PARENT.VHDX", .guid = 9},
        {.path = "child", .guid = 2, .linkage = 5},
    };
    struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    (void)state;
    assert_int_equal(build(&s, m, 2), STATUS_OK);
    assert_int_equal(chain_set_resolve(&s, NULL, 0), STATUS_OK);
    assert_int_equal(s.files[1].verdict, LINK_MISMATCH);
    assert_int_equal(s.files[1].parent, 0);
    arena_destroy(s.arena);
}

/* More parents are named than there are links: what needs no parent gets none. */
static void parents_end_with_a_disk_that_needs_none(void **state)
{
    static const struct member m[] = {
        {.path = "child", .guid = 2, .linkage = 1},
        {.path = "base", .guid = 1},
        {.path = "other", .guid = 3},
    };
    struct chain_set s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    (void)state;
    assert_int_equal(build(&s, m, 3), STATUS_OK);
    assert_int_equal(chain_set_resolve(&s, (const uint32_t[]){1, 2}, 2), STATUS_OK);
    assert_int_equal(s.files[0].verdict, LINK_FITS);
    assert_int_equal(s.files[1].verdict, LINK_NOT_NEEDED);
    assert_int_equal(s.files[1].parent, CHAIN_NONE);
    arena_destroy(s.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_link),
        cmocka_unit_test(children_before_their_parents),
        cmocka_unit_test(paths_that_are_not_there),
        cmocka_unit_test(a_name_in_capitals_is_the_same),
        cmocka_unit_test(parents_end_with_a_disk_that_needs_none),
        cmocka_unit_test(one_file_by_two_names),
        cmocka_unit_test(copies_are_told_by_their_names),
        cmocka_unit_test(a_named_parent_is_taken_where_nothing_fits),
        cmocka_unit_test(a_named_parent_may_have_two_names),
        cmocka_unit_test(one_guid_on_all_files),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(verdicts_have_names),
        cmocka_unit_test(memory_that_is_gone),
        cmocka_unit_test(near_misses),
        cmocka_unit_test(chains_that_are_too_deep),
        cmocka_unit_test(same_inode_on_another_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
