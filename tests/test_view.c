/* SPDX-License-Identifier: MIT */
/* Building a view stage by stage: what is found in healthy images, what is said about each thing that is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "base/utf16.h"
#include "build.h"
#include "faulty.h"
#include "image/bat_walk.h"

struct built {
    struct img *img;
    struct arena *arena;
    struct source *src;
    struct view *view;
};

/* Takes over img. */
static struct built build(struct img *img)
{
    struct built b = {.img = img, .arena = arena_create(LIMIT_MEMORY_DEFAULT), .src = img_source(img)};
    assert_int_equal(view_build(b.arena, b.src, VIEW_REPLAYED, img->log_off, img->log_len, &b.view), STATUS_OK);
    assert_int_equal(view_survey(b.view), STATUS_OK); /* of whatever there is */
    assert_false(b.view->io_error);
    return b;
}

static void done(struct built *b)
{
    source_close(b->src);
    arena_destroy(b->arena);
    img_free(b->img);
}

/* ---- healthy images ---- */

/* Field by field: between them there is padding. */
static void assert_same_geometry(const struct geometry *a, const struct geometry *b)
{
    assert_int_equal(a->virtual_size, b->virtual_size);
    assert_int_equal(a->block_size, b->block_size);
    assert_int_equal(a->logical_sector_size, b->logical_sector_size);
    assert_int_equal(a->sectors_per_block, b->sectors_per_block);
    assert_int_equal(a->chunk_ratio, b->chunk_ratio);
    assert_int_equal(a->chunk_shift, b->chunk_shift);
    assert_int_equal(a->payload_blocks, b->payload_blocks);
    assert_int_equal(a->chunks, b->chunks);
    assert_int_equal(a->entries, b->entries);
    assert_int_equal(a->differencing, b->differencing);
}

static void healthy_images_have_every_stage(void **state)
{
    static const enum disk_type types[] = {
        [IMG_DYNAMIC] = DISK_DYNAMIC, [IMG_FIXED] = DISK_FIXED, [IMG_DIFFERENCING] = DISK_DIFFERENCING};
    (void)state;
    for (unsigned t = 0; t < 6; t++) {
        struct built b = build(img_create(&(struct img_params){.type = (enum img_type)(t % 3),
                                                               .layout = t < 3 ? IMG_WINDOWS : IMG_QEMU,
                                                               .virtual_size = 37 * MIB,
                                                               .block_size = 4 * MIB,
                                                               .logical_sector_size = 4096}));
        const struct view *v = b.view;
        const struct metadata *m = &v->metadata;
        assert_int_equal(v->kind, VIEW_REPLAYED);
        assert_int_equal(v->used_table, 0);
        for (unsigned i = 0; i < 2; i++) {
            assert_true(v->regions[i].valid);
            assert_int_equal(v->regions[i].off, i ? 0x40000 : 0x30000);
            assert_int_equal(v->regions[i].got, 65536);
            assert_int_equal(v->regions[i].table.usable_count, 2);
        }
        assert_true(v->bat_region.found && v->bat_region.in_file && v->bat_region.matches == 1);
        assert_int_equal(v->bat_region.off, b.img->bat_off);
        assert_int_equal(v->metadata_region.off, b.img->metadata_off);
        assert_int_equal(m->absence, ABSENT_NOT);
        assert_false(m->truncated_table);
        assert_true(m->have_file_parameters && m->have_virtual_disk_size && m->have_virtual_disk_id &&
                    m->have_logical_sector_size && m->have_physical_sector_size);
        assert_int_equal(m->virtual_disk_size, 37 * MIB);
        assert_int_equal(m->logical_sector_size, 4096);
        assert_true(guid_equal(&m->virtual_disk_id, &b.img->params.virtual_disk_id));
        assert_int_equal(v->type, types[t % 3]);
        assert_int_equal(v->geometry_absence, ABSENT_NOT);
        assert_same_geometry(&v->geometry, &b.img->geometry);
        assert_int_equal(v->bat.absence, ABSENT_NOT);
        assert_int_equal(v->bat.off, b.img->bat_off);
        assert_int_equal(v->bat.slots, b.img->bat_len / 8);
        assert_int_equal(v->bat.walk_entries, b.img->geometry.entries);
        assert_false(v->bat.short_region);
        assert_int_equal(v->locator.absence, t % 3 == IMG_DIFFERENCING ? ABSENT_NOT : ABSENT_NOT_APPLICABLE);
        assert_non_null(v->survey);
        done(&b);
    }
}

/* ---- region tables ---- */

static void first_valid_region_table_is_used(void **state)
{
    (void)state;
    for (unsigned damage = 0; damage < 4; damage++) {
        struct img *img = img_create(NULL);
        for (unsigned i = 0; i < 2; i++) {
            if (damage & 1u << i)
                img_region_table(img, i)[60000] ^= 1;
        }
        struct built b = build(img);
        assert_int_equal(b.view->used_table, ((const int[]){0, 1, 0, -1})[damage]);
        assert_int_equal(b.view->regions_absence, damage == 3 ? ABSENT_NO_REGION_TABLE : ABSENT_NOT);
        assert_int_equal(b.view->metadata.absence, damage == 3 ? ABSENT_NO_REGION_TABLE : ABSENT_NOT);
        assert_int_equal(b.view->bat.absence, damage == 3 ? ABSENT_NO_REGION_TABLE : ABSENT_NOT);
        assert_int_equal(b.view->geometry_absence, b.view->metadata.absence);
        assert_int_equal(b.view->locator.absence, damage == 3 ? ABSENT_NO_REGION_TABLE : ABSENT_NOT_APPLICABLE);
        assert_int_equal(b.view->survey == NULL, damage == 3);
        assert_int_equal(layout_map_fixed_count(b.view->layout), damage == 3 ? 2 : 4);
        /* A wrong checksum does not keep the entries from being seen. */
        assert_int_equal(b.view->regions[0].table.usable_count, 2);
        assert_memory_equal(&b.view->regions[0].entries[0].guid, img_region_entry(b.img, 0, 0), 16);
        done(&b);
    }
}

/* An entry is looked at when the table holds anything of it, or when EntryCount is one that fits. */
static void empty_entries_of_an_impossible_count_are_left_out(void **state)
{
    static const struct {
        uint32_t count, told;
        int last; /* byte of the table that is not zero; 0: nothing behind the two entries */
    } rows[] = {
        {2, 2, 0},
        {7, 7, 0},
        {2047, 2047, 0},
        {2048, 2, 0},
        {UINT32_MAX, 2, 0},
        {2048, 3, REGION_TABLE_HEADER_LEN + 2 * REGION_ENTRY_LEN},
        {2048, 3, REGION_TABLE_HEADER_LEN + 3 * REGION_ENTRY_LEN - 1},
        {2048, 4, REGION_TABLE_HEADER_LEN + 3 * REGION_ENTRY_LEN},
        {2048, 2047, REGION_TABLE_LEN - REGION_ENTRY_LEN},
        {2048, 2047, REGION_TABLE_LEN - 1}, /* behind the last entry that fits */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct img *img = img_create(NULL);
        put_le32(img_region_table(img, 0) + 8, rows[i].count);
        if (rows[i].last > 0)
            img_region_table(img, 0)[rows[i].last] = 1;
        img_sign_region_table(img, 0);
        struct built b = build(img);
        const struct region_copy *c = &b.view->regions[0];
        assert_true(c->valid);
        assert_int_equal(c->table.usable_count, rows[i].count < 2047 ? rows[i].count : 2047);
        assert_int_equal(c->told, rows[i].told);
        assert_true(guid_is_nil(&c->entries[c->table.usable_count - 1].guid) == (rows[i].count > 2));
        assert_true(b.view->bat_region.found && b.view->metadata_region.found);
        done(&b);
    }
}

static void entries_without_signature_are_none(void **state)
{
    struct img *img = img_create(NULL);
    (void)state;
    img_region_table(img, 1)[0] = 'R';
    img_metadata_table(img)[0] = 'M';
    struct built b = build(img);
    assert_int_equal(b.view->regions[1].table.usable_count, 0);
    assert_int_equal(b.view->metadata.absence, ABSENT_BAD_SIGNATURE);
    assert_int_equal(b.view->metadata.table.usable_count, 0);
    assert_int_equal(b.view->metadata.table.entry_count, 5);
    assert_int_equal(b.view->geometry_absence, ABSENT_BAD_SIGNATURE);
    assert_int_equal(b.view->bat.absence, ABSENT_BAD_SIGNATURE);
    assert_int_equal(b.view->bat.off, b.img->bat_off); /* the place is known: raw entries can be read */
    assert_int_equal(b.view->bat.slots, b.img->bat_len / 8);
    assert_int_equal(b.view->type, DISK_UNKNOWN);
    done(&b);
}

static void regions_are_matched_by_guid(void **state)
{
    struct img *img = img_create(NULL);
    struct region_entry e = {.guid = *known_guid(KNOWN_REGION_BAT), .off = 70 * MIB, .len = (uint32_t)MIB};
    (void)state;
    img_region_add(img, &e); /* a second BAT: the first counts */
    struct built b = build(img);
    assert_int_equal(b.view->bat_region.matches, 2);
    assert_int_equal(b.view->bat_region.off, b.img->bat_off);
    assert_int_equal(layout_map_fixed_count(b.view->layout), 5);
    done(&b);

    img = img_create(NULL);
    memset(img_region_find(img, 0, KNOWN_REGION_BAT), 0xaa, 16);
    memset(img_region_find(img, 0, KNOWN_REGION_METADATA), 0xbb, 16);
    img_sign_region_tables(img);
    b = build(img);
    assert_int_equal(b.view->bat.absence, ABSENT_NO_REGION);
    assert_int_equal(b.view->metadata.absence, ABSENT_NO_REGION);
    done(&b);
}

static void tiny_files_are_zero_filled(void **state)
{
    static const uint64_t sizes[] = {0, 1, 0x30000, 0x30001, 0x3ffff, 0x40010, 0x50000};
    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct img *img = img_create(NULL);
        img_resize(img, sizes[i]);
        struct built b = build(img);
        for (unsigned c = 0; c < 2; c++) {
            uint64_t off = c ? 0x40000 : 0x30000;
            assert_int_equal(b.view->regions[c].got, sizes[i] <= off ? 0 : u64_min(sizes[i] - off, 65536));
            assert_in_range(b.view->regions[c].table.front.len, REGION_TABLE_HEADER_LEN, 65536);
        }
        assert_true(b.view->metadata.absence != ABSENT_NOT && b.view->bat.absence != ABSENT_NOT);
        assert_null(b.view->survey);
        done(&b);
    }
}

/* ---- metadata and geometry ---- */

static void metadata_region_must_be_in_the_file(void **state)
{
    static const uint64_t offs[] = {1 << 30, (uint64_t)0 - MIB, (uint64_t)0 - 1, INT64_MAX};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct img *img = img_create(NULL);
        for (unsigned c = 0; c < 2; c++)
            put_le64(img_region_find(img, c, KNOWN_REGION_METADATA) + 16, offs[i]);
        img_sign_region_tables(img);
        struct built b = build(img);
        assert_int_equal(b.view->metadata.absence, ABSENT_REGION_UNUSABLE);
        assert_int_equal(b.view->geometry_absence, ABSENT_REGION_UNUSABLE);
        assert_int_equal(b.view->bat.absence, ABSENT_REGION_UNUSABLE);
        assert_false(b.view->metadata_region.in_file);
        done(&b);
    }
}

/* QEMU puts the metadata last: cut inside the table, then behind some items. */
static void metadata_is_used_as_far_as_it_goes(void **state)
{
    struct img *img = img_create(&(struct img_params){.layout = IMG_QEMU, .states = "", .data = IMG_DATA_NONE});
    (void)state;
    assert_true(img->metadata_off > img->bat_off);
    img_resize(img, img->metadata_off + 100);
    struct built b = build(img);
    assert_true(b.view->metadata.truncated_table);
    assert_int_equal(b.view->metadata.absence, ABSENT_NOT);
    assert_int_equal(b.view->metadata.table.usable_count, 5);
    assert_true(b.view->metadata.items[KNOWN_ITEM_FILE_PARAMETERS].found);
    assert_false(b.view->metadata.items[KNOWN_ITEM_FILE_PARAMETERS].readable);
    assert_int_equal(b.view->geometry_absence, ABSENT_NO_ITEM);
    done(&b);

    img = img_create(&(struct img_params){.layout = IMG_QEMU, .states = "", .data = IMG_DATA_NONE});
    img_resize(img, img->item_off[KNOWN_ITEM_FILE_PARAMETERS] + 8); /* the first item is all there */
    b = build(img);
    assert_false(b.view->metadata.truncated_table);
    assert_true(b.view->metadata.have_file_parameters);
    assert_int_equal(b.view->type, DISK_DYNAMIC); /* known although the geometry is not */
    assert_false(b.view->metadata.have_virtual_disk_size);
    assert_int_equal(b.view->geometry_absence, ABSENT_NO_ITEM);
    done(&b);
}

static void items_must_lie_in_their_region(void **state)
{
    static const struct {
        uint32_t off, len;
        bool readable, have;
    } cases[] = {
        {0x10000, 8, true, true},
        {0x10000, 7, true, false},
        {0x10000, 0, true, false},
        {0x10000, 9, true, true},
        {0x10000, METADATA_ITEM_MAX - 0x10000, true, true},
        {0x10000, METADATA_ITEM_MAX - 0xffff, false, false},
        {MIB - 8, 8, true, true},
        {MIB - 7, 8, false, false},
        {MIB, 0, true, false},
        {0, 8, true, true},
        {0xffffffff, 8, false, false},
        {0x10000, 0xffffffff, false, false},
        {0xfffffff8, 0x10000, false, false},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct img *img = img_create(NULL);
        uint8_t *e = img_metadata_entry(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
        put_le32(e + 16, cases[i].off);
        put_le32(e + 20, cases[i].len);
        struct built b = build(img);
        const struct metadata_item *item = &b.view->metadata.items[KNOWN_ITEM_VIRTUAL_DISK_SIZE];
        assert_true(item->found);
        assert_int_equal(item->readable, cases[i].readable);
        assert_int_equal(b.view->metadata.have_virtual_disk_size, cases[i].have);
        if (item->readable)
            assert_int_equal(item->data.len, cases[i].len);
        done(&b);
    }
}

static void first_system_item_counts(void **state)
{
    struct img *img = img_create(NULL);
    struct metadata_entry user = {.item_id = *known_guid(KNOWN_ITEM_LOGICAL_SECTOR_SIZE),
                                  .off = 0x20000,
                                  .len = 4,
                                  .flags = METADATA_FLAG_IS_USER};
    struct metadata_entry twice = {.item_id = *known_guid(KNOWN_ITEM_VIRTUAL_DISK_SIZE), .off = 0x20010, .len = 8};
    (void)state;
    img_metadata_add(img, &user, "1234");
    img_metadata_add(img, &twice, "12345678");
    struct built b = build(img);
    assert_int_equal(b.view->metadata.items[KNOWN_ITEM_LOGICAL_SECTOR_SIZE].matches, 1);
    assert_int_equal(b.view->metadata.logical_sector_size, 512);
    assert_int_equal(b.view->metadata.items[KNOWN_ITEM_VIRTUAL_DISK_SIZE].matches, 2);
    assert_int_equal(b.view->metadata.virtual_disk_size, 20 * MIB);
    done(&b);
}

static void geometry_needs_three_items_with_legal_values(void **state)
{
    static const enum known_guid items[] = {KNOWN_ITEM_FILE_PARAMETERS, KNOWN_ITEM_VIRTUAL_DISK_SIZE,
                                            KNOWN_ITEM_LOGICAL_SECTOR_SIZE, KNOWN_ITEM_VIRTUAL_DISK_ID,
                                            KNOWN_ITEM_PHYSICAL_SECTOR_SIZE};
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct img *img = img_create(&(struct img_params){.type = IMG_FIXED});
        img_metadata_remove(img, items[i]);
        struct built b = build(img);
        assert_int_equal(b.view->geometry_absence, i < 3 ? ABSENT_NO_ITEM : ABSENT_NOT);
        assert_int_equal(b.view->bat.absence, i < 3 ? ABSENT_NO_ITEM : ABSENT_NOT);
        assert_int_equal(b.view->type, i == 0 ? DISK_UNKNOWN : DISK_FIXED);
        done(&b);
    }
    for (unsigned i = 0; i < 3; i++) {
        struct img *img = img_create(NULL);
        memset(img_metadata_item(img, items[i]), i == 1 ? 0 : 3, 4); /* 0x03030303, size 0 */
        struct built b = build(img);
        assert_int_equal(b.view->geometry_absence, ABSENT_BAD_VALUE);
        assert_null(b.view->survey);
        done(&b);
    }
}

/* ---- BAT ---- */

static void bat_is_walked_as_far_as_it_goes(void **state)
{
    /* 1 TiB in blocks of 1 MiB: 1,048,831 entries, a region of 9 MiB, here the last object of the file. */
    struct img *img =
        img_create(&(struct img_params){.virtual_size = TIB, .block_size = MIB, .states = "6", .data = IMG_DATA_NONE});
    uint64_t entries = img->geometry.entries;
    (void)state;
    assert_int_equal(entries, (1 << 20) + 255);
    img_resize(img, img->bat_off + 100 * 8 + 7);
    struct built b = build(img);
    assert_int_equal(b.view->bat.absence, ABSENT_NOT);
    assert_int_equal(b.view->bat.slots, 100);
    assert_int_equal(b.view->bat.walk_entries, 100);
    assert_false(b.view->bat.short_region); /* the region is large enough, the file is not */
    assert_int_equal(b.view->survey->states[6], 1);
    assert_int_equal(b.view->survey->states[0], 99);
    done(&b);

    img =
        img_create(&(struct img_params){.virtual_size = TIB, .block_size = MIB, .states = "6", .data = IMG_DATA_NONE});
    for (unsigned c = 0; c < 2; c++)
        put_le32(img_region_find(img, c, KNOWN_REGION_BAT) + 24, (uint32_t)(8 * MIB));
    img_sign_region_tables(img);
    b = build(img);
    assert_true(b.view->bat.short_region);
    assert_int_equal(b.view->bat.walk_entries, MIB);
    done(&b);
}

static void bat_may_have_no_place(void **state)
{
    static const struct {
        uint64_t off;
        uint32_t len;
        enum absence want;
    } cases[] = {
        {3 * MIB, 0, ABSENT_TOO_SMALL},
        {3 * MIB, 7, ABSENT_TOO_SMALL},
        {(uint64_t)1 << 40, 1 << 20, ABSENT_REGION_UNUSABLE},
        {(uint64_t)0 - MIB, 1 << 21, ABSENT_REGION_UNUSABLE},
    };
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct img *img = img_create(NULL);
        for (unsigned c = 0; c < 2; c++) {
            put_le64(img_region_find(img, c, KNOWN_REGION_BAT) + 16, cases[i].off);
            put_le32(img_region_find(img, c, KNOWN_REGION_BAT) + 24, cases[i].len);
        }
        img_sign_region_tables(img);
        struct built b = build(img);
        assert_int_equal(b.view->bat.absence, cases[i].want);
        assert_int_equal(b.view->bat.slots, 0);
        assert_null(b.view->survey);
        done(&b);
    }
}

/* ---- parent locator ---- */

static void locator_texts_and_linkage(void **state)
{
    const struct locator_string pairs[] = {
        {"parent_linkage", "{83ED0EC3-24C8-49A6-A959-5E4BD1288015}"},   {"relative_path", ".\\parent.vhdx"},
        {"volume_path", "\\\\?\\Volume{26a21bda}\\p\xc3\xa4rent.vhdx"}, {"parent_linkage", "second"},
        {"Parent_Linkage2", "{00000000-0000-0000-0000-000000000000}"},  {"parent_linkage2", "nothing"},
    };
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .locator = pairs, .locator_count = 6});
    char text[GUID_TEXT_SIZE];
    (void)state;
    struct built b = build(img);
    const struct locator *l = &b.view->locator;
    assert_int_equal(l->absence, ABSENT_NOT);
    assert_int_equal(l->off, b.img->item_off[KNOWN_ITEM_PARENT_LOCATOR]);
    assert_int_equal(l->pair_count, 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_string_equal(l->pairs[i].key, pairs[i].key);
        assert_string_equal(l->pairs[i].value, pairs[i].value);
        assert_int_equal(l->pairs[i].value_len, strlen(pairs[i].value));
        assert_false(l->pairs[i].key_damaged || l->pairs[i].value_damaged);
    }
    assert_ptr_equal(l->parent_linkage, &l->pairs[0]);
    assert_ptr_equal(l->parent_linkage2, &l->pairs[5]); /* keys are case-sensitive */
    assert_ptr_equal(l->relative_path, &l->pairs[1]);
    assert_ptr_equal(l->volume_path, &l->pairs[2]);
    assert_null(l->absolute_win32_path);
    assert_true(l->have_linkage);
    assert_false(l->have_linkage2 || l->cut);
    assert_string_equal(guid_text(&l->linkage, text), "83ed0ec3-24c8-49a6-a959-5e4bd1288015");
    done(&b);
}

static void put_pair(uint8_t *item, unsigned i, uint32_t key_off, uint16_t key_len, uint32_t value_off,
                     uint16_t value_len)
{
    put_le32(item + 20 + 12 * i, key_off);
    put_le32(item + 24 + 12 * i, value_off);
    put_le16(item + 28 + 12 * i, key_len);
    put_le16(item + 30 + 12 * i, value_len);
}

static void damaged_texts_are_lossy(void **state)
{
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    uint8_t item[200] = {0};
    (void)state;
    guid_store(item, known_guid(KNOWN_LOCATOR_TYPE_VHDX));
    put_le16(item + 18, 9); /* the last one is outside of the item */
    memcpy(item + 160,
           "a\0\x00\xd8"
           "b\0\0\0c\0",
           10);
    put_pair(item, 0, 160, 2, 160, 6);        /* a | a, lone surrogate, b */
    put_pair(item, 1, 164, 4, 160, 3);        /* b NUL | odd length */
    put_pair(item, 2, 168, 2, 199, 2);        /* c | outside */
    put_pair(item, 3, 0xfffffffe, 4, 160, 0); /* wraps | empty */
    img_set_locator_bytes(img, item, 140 - 12);
    struct built b = build(img);
    assert_int_equal(b.view->locator.pair_count, 9);
    done(&b);

    img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    put_le16(item + 18, 4);
    img_set_locator_bytes(img, item, 200);
    b = build(img);
    const struct locator_text *t = b.view->locator.pairs;
    assert_int_equal(b.view->locator.pair_count, 4);
    assert_string_equal(t[0].key, "a");
    assert_string_equal(t[0].value, "a\xef\xbf\xbd"
                                    "b");
    assert_true(!t[0].key_damaged && t[0].value_damaged);
    assert_true(t[1].key_damaged && t[1].key_len == 2 && t[1].value_damaged);
    assert_string_equal(t[1].value, "a");
    assert_true(t[2].pair.key_inside && !t[2].pair.value_inside);
    assert_string_equal(t[2].value, "");
    assert_false(t[3].pair.key_inside);
    assert_string_equal(t[3].key, "");
    assert_null(b.view->locator.parent_linkage);
    done(&b);
}

static void locator_items_may_be_missing_or_short(void **state)
{
    static const uint8_t zeros[40];
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    (void)state;
    img_set_locator_bytes(img, zeros, 19);
    struct built b = build(img);
    assert_int_equal(b.view->locator.absence, ABSENT_BAD_VALUE);
    done(&b);
    img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    img_metadata_remove(img, KNOWN_ITEM_PARENT_LOCATOR);
    b = build(img);
    assert_int_equal(b.view->locator.absence, ABSENT_NOT_APPLICABLE);
    assert_int_equal(b.view->type, DISK_DIFFERENCING);
    done(&b);
    img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    put_le32(img_metadata_entry(img, KNOWN_ITEM_PARENT_LOCATOR) + 16, 0xffffff00);
    b = build(img);
    assert_int_equal(b.view->locator.absence, ABSENT_NO_ITEM);
    done(&b);
}

/* 65,535 pairs that all name the same 64 KiB: 8 GiB of text if one let it. */
static void overlapping_texts_are_bounded(void **state)
{
    const uint32_t len = 20 + 12 * 65535 + 65534;
    uint8_t *item = calloc(len, 1);
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    (void)state;
    put_le16(item + 18, 65535);
    memset(item + 20 + 12 * 65535, 'x', 65534);
    for (unsigned i = 0; i < 65535; i++)
        put_pair(item, i, 20 + 12 * 65535, 65534, 20 + 12 * 65535, 65534);
    img_set_locator_bytes(img, item, len);
    struct built b = build(img);
    assert_true(b.view->locator.cut);
    assert_int_equal(b.view->locator.pair_count, 65535);
    assert_int_equal(b.view->locator.pairs[0].value_len, 3 * 32767); /* U+7878 */
    assert_int_equal(b.view->locator.pairs[65534].value_len, 0);
    assert_true(b.view->locator.pairs[65534].pair.value_inside);
    assert_true(arena_used(b.arena) < 16 * MIB);
    done(&b);
    free(item);
}

/* ---- failures ---- */

static void unreadable_structures_are_no_verdict(void **state)
{
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    struct source *src = img_source(img);
    struct faulty f;
    uint64_t n = 1;
    (void)state;
    for (bool failed = true; failed; n++) {
        for (unsigned sticky = 0; sticky < 2; sticky++) {
            struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
            struct view *v = NULL;
            faulty_over(&f, src);
            f.fail_read = n;
            f.sticky = sticky;
            assert_int_equal(view_build(a, &f.source, VIEW_STORED, img->log_off, img->log_len, &v), STATUS_OK);
            failed = f.reads >= n;
            assert_int_equal(v->io_error, failed);
            if (failed)
                assert_int_equal(v->io_error_errno, EIO);
            if (n == 1)
                assert_true(v->regions[0].io_error && !v->regions[0].valid && v->regions[0].got == 0);
            if (n == 1 && sticky) {
                assert_int_equal(v->regions_absence, ABSENT_IO);
                assert_int_equal(v->bat.absence, ABSENT_IO);
            }
            if (n == 3)
                assert_int_equal(v->metadata.absence, ABSENT_IO);
            arena_destroy(a);
        }
    }
    assert_int_equal(n - 2, 2 + 1 + 6); /* both tables, metadata table, six items */
    source_close(src);
    img_free(img);
}

/* Memory ends when a read has just failed. */
static void a_failed_read_and_no_memory(void **state)
{
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    struct source *src = img_source(img);
    uint64_t ends = 0;
    bool failed = true;
    (void)state;
    for (uint64_t n = 1; failed; n++)
        for (uint64_t next = 1; next <= 3; next++) {
            struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
            struct view *v = NULL;
            struct faulty f;
            (void)faulty_over(&f, src);
            f.fail_read = n;
            f.arena = a;
            f.fail_next = next;
            enum status st = view_build(a, &f.source, VIEW_STORED, img->log_off, img->log_len, &v);
            failed = f.reads >= n;
            assert_int_equal(st, arena_status(a));
            assert_int_equal(v != NULL, st == STATUS_OK);
            if (v != NULL)
                assert_int_equal(v->io_error, failed);
            ends += st == STATUS_NO_MEMORY;
            arena_destroy(a);
        }
    assert_true(ends > 9);
    source_close(src);
    img_free(img);
}

static void memory_may_end_anywhere(void **state)
{
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    struct source *src = img_source(img);
    enum status st = STATUS_NO_MEMORY;
    uint64_t n;
    (void)state;
    for (n = 1; st != STATUS_OK; n++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct view *v = NULL;
        arena_fail_at(a, n, false);
        st = view_build(a, src, VIEW_STORED, 0, 0, &v);
        assert_true(st == STATUS_OK || st == STATUS_NO_MEMORY);
        assert_int_equal(v != NULL, st == STATUS_OK);
        arena_destroy(a);
    }
    assert_true(n > 20);
    source_close(src);
    img_free(img);
}

/* ---- residue ---- */

static void residue_is_counted(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "", .data = IMG_DATA_NONE});
    struct residue r;
    (void)state;
    img_resize(img, ((uint64_t)1 << 50) + 3);
    img_bytes(img, 0x50000, 1)[0] = 1;
    img_bytes(img, 0x58123, 1)[0] = 255;
    img_fill(img, 0xf0000, 100, 7);
    img_bytes(img, (uint64_t)1 << 50, 3)[2] = 9;
    struct built b = build(img);
    uint64_t bytes = b.src->read_bytes;
    assert_int_equal(view_residue(b.view, 0x50000, 0xb0000, &r), STATUS_OK);
    assert_int_equal(r.bytes, 102);
    assert_int_equal(r.first_off, 0x50000);
    assert_int_equal(view_residue(b.view, 0x50001, 0x8122, &r), STATUS_OK);
    assert_int_equal(r.bytes, 0);
    assert_int_equal(view_residue(b.view, 0x50001, 0x8123, &r), STATUS_OK);
    assert_int_equal(r.bytes, 1);
    assert_int_equal(r.first_off, 0x58123);
    assert_int_equal(view_residue(b.view, 64 * MIB, UINT64_MAX, &r), STATUS_OK); /* a petabyte of holes */
    assert_int_equal(r.bytes, 1);
    assert_int_equal(r.first_off, ((uint64_t)1 << 50) + 2);
    assert_int_equal(view_residue(b.view, ((uint64_t)1 << 50) + 3, 1, &r), STATUS_OK);
    assert_int_equal(r.bytes, 0);
    assert_int_equal(view_residue(b.view, UINT64_MAX, UINT64_MAX, &r), STATUS_OK);
    assert_int_equal(r.bytes, 0);
    assert_true(b.src->read_bytes - bytes < 4 * MIB);
    done(&b);
}

static void residue_that_cannot_be_read(void **state)
{
    struct img *img = img_create(NULL);
    struct source *src = img_source(img);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct faulty f;
    struct view *v = NULL;
    struct residue r = {.bytes = 77};
    (void)state;
    img_fill(img, 0x90000, 1, 1);
    assert_int_equal(view_build(a, faulty_over(&f, src), VIEW_STORED, img->log_off, img->log_len, &v), STATUS_OK);
    f.bad_off = img->metadata_off;
    f.bad_len = 1;
    assert_int_equal(view_residue(v, img->metadata_off, MIB, &r), STATUS_IO);
    assert_int_equal(r.bytes, 77);
    assert_true(v->io_error);
    assert_int_equal(v->io_error_off, img->metadata_off);
    source_close(src);
    arena_destroy(a);
    img_free(img);
}

/* ---- names ---- */

static void texts(void **state)
{
    (void)state;
    for (unsigned a = ABSENT_NOT; a <= ABSENT_NOT_APPLICABLE; a++) {
        assert_non_null(absence_text((enum absence)a));
        for (unsigned b = ABSENT_NOT; b < a; b++)
            assert_string_not_equal(absence_text((enum absence)a), absence_text((enum absence)b));
    }
    assert_null(disk_type_name(DISK_UNKNOWN));
    assert_string_equal(disk_type_name(DISK_DYNAMIC), "dynamic");
    assert_string_equal(disk_type_name(DISK_FIXED), "fixed");
    assert_string_equal(disk_type_name(DISK_DIFFERENCING), "differencing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_images_have_every_stage),
        cmocka_unit_test(first_valid_region_table_is_used),
        cmocka_unit_test(empty_entries_of_an_impossible_count_are_left_out),
        cmocka_unit_test(entries_without_signature_are_none),
        cmocka_unit_test(regions_are_matched_by_guid),
        cmocka_unit_test(tiny_files_are_zero_filled),
        cmocka_unit_test(metadata_region_must_be_in_the_file),
        cmocka_unit_test(metadata_is_used_as_far_as_it_goes),
        cmocka_unit_test(items_must_lie_in_their_region),
        cmocka_unit_test(first_system_item_counts),
        cmocka_unit_test(geometry_needs_three_items_with_legal_values),
        cmocka_unit_test(bat_is_walked_as_far_as_it_goes),
        cmocka_unit_test(bat_may_have_no_place),
        cmocka_unit_test(locator_texts_and_linkage),
        cmocka_unit_test(damaged_texts_are_lossy),
        cmocka_unit_test(locator_items_may_be_missing_or_short),
        cmocka_unit_test(overlapping_texts_are_bounded),
        cmocka_unit_test(unreadable_structures_are_no_verdict),
        cmocka_unit_test(a_failed_read_and_no_memory),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(residue_is_counted),
        cmocka_unit_test(residue_that_cannot_be_read),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
