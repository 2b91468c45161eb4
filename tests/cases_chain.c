/* SPDX-License-Identifier: MIT */
/*
 * Cases of differencing chains. The child is the default one; its parent is the default dynamic image, whose GUIDs fit.
 * Bugs that other tools had carry the names of the regressions (rg-dif-nn).
 */
#include "cases.h"

#include <string.h>

#include "base/le.h"

static const struct img_params child = {.type = IMG_DIFFERENCING};

static void add_parent(struct scene *s, const struct img_params *p)
{
    scene_add(s, SCENE_NAMED, "parent.vhdx", img_create(p));
}

static void right_parent(struct scene *s)
{
    add_parent(s, NULL);
}

/* The same disk, whose guest data changed after the child was made. */
static struct img *changed_parent(void)
{
    return img_create(&(struct img_params){.data_write_guid = img_guid(IMG_WINDOWS, 'D', 9)});
}

static void wrong_parent(struct scene *s)
{
    scene_add(s, SCENE_NAMED, "parent.vhdx", changed_parent());
}

/* ---- found or not ---- */

static void searched_in_vain(struct scene *s)
{
    s->search = true;
}

static void searched_among_others(struct scene *s)
{
    s->search = true;
    scene_add(s, 1, "parent.vhdx", changed_parent());
}

static void found_by_search(struct scene *s)
{
    s->search = true;
    scene_add(s, 1, "parent.vhdx", img_create(NULL));
}

static void parent_cannot_be_opened(struct scene *s)
{
    scene_add(s, SCENE_NAMED, "parent.vhdx", NULL);
}

static void corrupt_parent(struct scene *s)
{
    struct img *parent = img_create(NULL);
    img_block_set(parent, 2, 4, 0);
    scene_add(s, SCENE_NAMED, "parent.vhdx", parent);
}

static void doubtful_parent(struct scene *s)
{
    struct img *parent = img_create(NULL);
    img_bat_set(parent, 2, img_bat_get(parent, 2) | 8);
    scene_add(s, SCENE_NAMED, "parent.vhdx", parent);
}

static void empty_parent(struct scene *s)
{
    struct img *parent = img_create(NULL);
    img_fill(parent, 0, MIB, 0);
    scene_add(s, SCENE_NAMED, "parent.vhdx", parent);
}

/* ---- chains that do not end ---- */

/* A child that is the right parent for the default child, and for itself. */
static struct img *own_parent(void)
{
    return img_create(&(struct img_params){.type = IMG_DIFFERENCING, .data_write_guid = img_guid(IMG_WINDOWS, 'D', 0)});
}

static void own_file_as_parent(struct scene *s)
{
    scene_add(s, SCENE_NAMED, "case.avhdx", own_parent())->inode = 1;
}

static void own_file_as_grandparent(struct scene *s)
{
    scene_add(s, SCENE_NAMED, "middle.avhdx", own_parent());
    scene_add(s, SCENE_NAMED, "case.avhdx", own_parent())->inode = 1;
}

static void chain_of_three(struct scene *s)
{
    scene_add(s, SCENE_NAMED, "middle.avhdx", own_parent());
    scene_add(s, SCENE_NAMED, "parent.vhdx", img_create(NULL));
}

static void parents_without_end(struct scene *s)
{
    s->search = true;
    scene_add(s, 0, "parent.vhdx", own_parent())->endless = true;
}

/* ---- the right one ---- */

static const char *braced(const struct guid *g, char buf[GUID_TEXT_SIZE + 2])
{
    char text[GUID_TEXT_SIZE];
    buf[0] = '{';
    memcpy(buf + 1, guid_text(g, text), GUID_TEXT_SIZE - 1);
    memcpy(buf + GUID_TEXT_SIZE, "}", 2);
    return buf;
}

static void link_to(struct img *img, const struct guid *first, const struct guid *second)
{
    char one[GUID_TEXT_SIZE + 2], two[GUID_TEXT_SIZE + 2];
    struct locator_string pairs[3] = {{"parent_linkage", braced(first, one)}, {"relative_path", ".\\parent.vhdx"}};
    if (second)
        pairs[2] = (struct locator_string){"parent_linkage2", braced(second, two)};
    img_set_locator(img, pairs, second ? 3 : 2);
}

static void merge_begun(struct scene *s)
{
    struct guid old = img_guid(IMG_WINDOWS, 'D', 9), future = img_guid(IMG_WINDOWS, 'D', 0);
    link_to(s->img, &old, &future);
    right_parent(s);
}

static void merge_to_come(struct scene *s)
{
    struct guid now = img_guid(IMG_WINDOWS, 'D', 0), future = img_guid(IMG_WINDOWS, 'D', 9);
    link_to(s->img, &now, &future);
    right_parent(s);
}

static void linked_by_file_write_guid(struct scene *s)
{
    struct guid g = img_guid(IMG_WINDOWS, 'F', 0);
    link_to(s->img, &g, NULL);
    right_parent(s);
}

static void linked_by_disk_id(struct scene *s)
{
    struct guid g = img_guid(IMG_WINDOWS, 'P', 0);
    link_to(s->img, &g, NULL);
    right_parent(s);
}

static void parent_with_newer_header(struct scene *s)
{
    struct img *parent = img_create(NULL);
    struct guid g = img_guid(IMG_WINDOWS, 'D', 9);
    guid_store(img_header(parent, 1) + IMG_HEADER_DATA_WRITE_GUID, &g);
    img_sign_headers(parent);
    scene_add(s, SCENE_NAMED, "parent.vhdx", parent);
}

/* ---- fits ---- */

static void parent_with_4096(struct scene *s)
{
    add_parent(s, &(struct img_params){.logical_sector_size = 4096});
}

static void smaller_parent(struct scene *s)
{
    add_parent(s, &(struct img_params){.virtual_size = 20 * MIB - 512});
}

static void larger_parent(struct scene *s)
{
    add_parent(s, &(struct img_params){.virtual_size = 20 * MIB + 512});
}

static void parent_of_other_disk(struct scene *s)
{
    add_parent(s, &(struct img_params){.virtual_disk_id = img_guid(IMG_WINDOWS, 'P', 9)});
}

static void dirty_parent(struct scene *s)
{
    struct img *parent = img_create(NULL);
    img_make_dirty_bat(parent, 5, PAYLOAD_ZERO);
    scene_add(s, SCENE_NAMED, "parent.vhdx", parent);
}

static void parent_with_log_of_the_past(struct scene *s)
{
    struct img *parent = img_create(NULL);
    img_make_dirty_bat(parent, 5, PAYLOAD_ZERO);
    img_log_end(parent);
    scene_add(s, SCENE_NAMED, "parent.vhdx", parent);
}

static void parent_of_other_block_size(struct scene *s)
{
    add_parent(s, &(struct img_params){.block_size = 4 * MIB, .states = "6"});
}

static void parent_modified_later(struct scene *s)
{
    right_parent(s);
    s->files[0].mtime = 1001;
}

static void parent_modified_at_once(struct scene *s)
{
    right_parent(s);
    s->files[0].mtime = 1000;
}

static void add_chs(struct img *img, uint8_t value)
{
    uint8_t item[12] = {value};
    img_metadata_add(img,
                     &(struct metadata_entry){.item_id = *known_guid(KNOWN_ITEM_CHS_PARAMETERS),
                                              .off = METADATA_TABLE_LEN + 0x8000,
                                              .len = sizeof(item),
                                              .flags = METADATA_FLAG_IS_VIRTUAL_DISK},
                     item);
}

static void item_of_child_only(struct scene *s)
{
    add_chs(s->img, 1);
    right_parent(s);
}

static void item_of_both(struct scene *s)
{
    item_of_child_only(s);
    add_chs(s->files[0].img, 1);
}

static void item_differs(struct scene *s)
{
    item_of_child_only(s);
    add_chs(s->files[0].img, 2);
}

#define E SEVERITY_ERROR
#define W SEVERITY_WARNING
#define I SEVERITY_INFO
#define CHILD .params = &child

static const struct test_case cases[] = {
    {"chain-no-parent-given", "VHDX-CHAIN-001", I, CHILD, .guard = right_parent},
    {"chain-parent-not-found", "VHDX-CHAIN-001", W, CHILD, .damage = searched_in_vain, .guard = found_by_search},
    {"chain-parent-not-among-these", "VHDX-CHAIN-001", W, CHILD, .damage = searched_among_others,
     .says = "b/parent.vhdx (DataWriteGuid "},
    {"chain-parent-cannot-be-opened", "VHDX-CHAIN-002", E, CHILD, .damage = parent_cannot_be_opened},
    {"chain-parent-corrupt", "VHDX-CHAIN-002", E, CHILD, .damage = corrupt_parent, .guard = doubtful_parent,
     .says = "corrupt: 1 error"},
    {"chain-parent-is-no-image", "VHDX-CHAIN-002", E, CHILD, .damage = empty_parent, .says = "unreadable"},
    {"rg-dif-02-linkage-mismatch", "VHDX-CHAIN-003", E, CHILD, .damage = wrong_parent, .guard = right_parent},
    {"chain-merge-interrupted", "VHDX-CHAIN-004", I, CHILD, .damage = merge_begun, .guard = merge_to_come,
     .also = "VHDX-PLOC-012", .guard_also = "VHDX-PLOC-012"},
    {"rg-dif-04-other-sector-size", "VHDX-CHAIN-005", E, CHILD, .damage = parent_with_4096, .guard = right_parent},
    {"rg-dif-04-parent-smaller", "VHDX-CHAIN-006", I, CHILD, .damage = smaller_parent, .guard = right_parent},
    {"chain-parent-larger", "VHDX-CHAIN-006", W, CHILD, .damage = larger_parent, .guard = right_parent},
    {"chain-other-disk-id", "VHDX-CHAIN-007", W, CHILD, .damage = parent_of_other_disk, .guard = right_parent},
    {"rg-dif-03-own-parent", "VHDX-CHAIN-008", E, CHILD, .damage = own_file_as_parent, .guard = right_parent,
     .count = 1},
    {"rg-dif-03-own-grandparent", "VHDX-CHAIN-008", E, CHILD, .damage = own_file_as_grandparent,
     .guard = chain_of_three, .count = 1},
    {"rg-dif-05-endless-chain", "VHDX-CHAIN-009", E, CHILD, .damage = parents_without_end, .guard = chain_of_three},
    {"chain-parent-dirty", "VHDX-CHAIN-010", W, CHILD, .damage = dirty_parent, .guard = parent_with_log_of_the_past},
    {"chain-other-block-size", "VHDX-CHAIN-011", I, CHILD, .damage = parent_of_other_block_size, .guard = right_parent},
    {"chain-linked-by-file-write-guid", "VHDX-CHAIN-012", I, CHILD, .damage = linked_by_file_write_guid,
     .guard = wrong_parent, .also = "VHDX-CHAIN-003", .guard_also = "VHDX-CHAIN-003"},
    {"chain-linked-by-disk-id", "VHDX-CHAIN-012", I, CHILD, .damage = linked_by_disk_id, .guard = right_parent,
     .also = "VHDX-CHAIN-003"},
    {"chain-older-header-matches", "VHDX-CHAIN-013", I, CHILD, .damage = parent_with_newer_header,
     .guard = wrong_parent, .also = "VHDX-CHAIN-003", .guard_also = "VHDX-CHAIN-003"},
    {"chain-parent-modified-later", "VHDX-CHAIN-014", I, CHILD, .damage = parent_modified_later,
     .guard = parent_modified_at_once},
    {"chain-disk-item-missing-in-parent", "VHDX-CHAIN-015", I, CHILD, .damage = item_of_child_only,
     .guard = item_of_both},
    {"chain-disk-item-differs", "VHDX-CHAIN-015", I, CHILD, .damage = item_differs, .guard = item_of_both},
};

const struct case_table chain_cases = {"chain", cases, sizeof(cases) / sizeof(cases[0])};
