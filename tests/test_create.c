/* SPDX-License-Identifier: MIT */
/*
 * New images: layouts and values against format.md 16 and what qemu-img makes (rows S-45 to S-53 of parity.md), every
 * combination clean to our own rules, what is refused, and that an unfinished file is none. What other programs say of
 * new images is in oracle/write_qemu.py.
 */
#include "changed.h"

#include <errno.h>
#include <stdio.h>

#include "base/le.h"
#include "base/utf16.h"
#include "format/parent_locator.h"
#include "write/create.h"

static const uint64_t PLENTY = (uint64_t)64 << 20;
static const uint64_t K = 1024;

/* A new image in memory, of any size. */
static struct store *created(const struct create_options *o)
{
    struct entropy e = entropy_seeded(1);
    struct store *s = NULL;

    assert_int_equal(stage_open(NULL, PLENTY, &s), STATUS_OK);
    const char *problem = create_problem(o);
    if (problem != NULL)
        print_error("%s\n", problem);
    assert_null(problem);
    assert_int_equal(create_image(s, o, &e), STATUS_OK);
    return s;
}

static const struct view *view_of(const struct looked *l)
{
    assert_int_equal(l->image->main->geometry_absence, ABSENT_NOT);
    assert_int_equal(l->image->main->bat.absence, ABSENT_NOT);
    return l->image->main;
}

/* ---- layouts ---- */

static void the_layout_of_windows(void **state)
{
    static uint8_t table[2][REGION_TABLE_LEN];
    (void)state;
    /* BAT by the formula of differencing disks: 320 blocks in chunks of 128 are 3 * 129 entries, 1 MiB. */
    struct store *s = created(&(struct create_options){.size = 10 * GIB, .creator = "vhdxray test"});
    struct looked l = look_at(s->source);
    const struct view *v = view_of(&l);
    static const struct {
        enum known_guid id;
        uint32_t off, len, flags;
    } items[] = {
        {KNOWN_ITEM_FILE_PARAMETERS, 0x10000, 8, 4},     {KNOWN_ITEM_VIRTUAL_DISK_SIZE, 0x10008, 8, 6},
        {KNOWN_ITEM_LOGICAL_SECTOR_SIZE, 0x10010, 4, 6}, {KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 0x10014, 4, 6},
        {KNOWN_ITEM_VIRTUAL_DISK_ID, 0x10018, 16, 6},
    };

    assert_int_equal(store_size(s), 4 * MIB);
    assert_true(l.image->file_id.signature_ok);
    assert_string_equal(l.image->creator, "vhdxray test");
    assert_int_equal(l.image->headers[0].h.sequence_number, 1);
    assert_int_equal(l.image->headers[1].h.sequence_number, 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct header *h = &l.image->headers[i].h;
        assert_true(l.image->headers[i].valid);
        assert_int_equal(h->version, 1);
        assert_int_equal(h->log_version, 0);
        assert_int_equal(h->log_off, MIB);
        assert_int_equal(h->log_len, MIB);
        assert_true(guid_is_nil(&h->log_guid));
        assert_false(guid_is_nil(&h->file_write_guid));
        assert_false(guid_is_nil(&h->data_write_guid));
        assert_memory_equal(&h->file_write_guid, &l.image->headers[0].h.file_write_guid, 16);
        assert_memory_equal(&h->data_write_guid, &l.image->headers[0].h.data_write_guid, 16);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(source_read(s->source, REGION_TABLE_OFF[i], table[i], REGION_TABLE_LEN), STATUS_OK);
    assert_memory_equal(table[0], table[1], REGION_TABLE_LEN);
    assert_true(v->regions[0].valid && v->regions[1].valid);
    assert_int_equal(v->regions[0].table.entry_count, 2);
    assert_int_equal(v->regions[0].entries[0].required_word, 1);
    assert_int_equal(v->regions[0].entries[1].required_word, 1);
    assert_int_equal(v->metadata_region.off, 2 * MIB);
    assert_int_equal(v->metadata_region.len, MIB);
    assert_int_equal(v->bat_region.off, 3 * MIB);
    assert_int_equal(v->bat_region.len, MIB);
    assert_int_equal(v->metadata.table.entry_count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        const struct metadata_entry *e = &v->metadata.entries[i];
        assert_memory_equal(&e->item_id, known_guid(items[i].id), 16);
        assert_int_equal(e->off, items[i].off);
        assert_int_equal(e->len, items[i].len);
        assert_int_equal(e->flags, items[i].flags);
    }
    assert_int_equal(v->type, DISK_DYNAMIC);
    assert_int_equal(v->geometry.virtual_size, 10 * GIB);
    assert_int_equal(v->geometry.block_size, 32 * MIB);
    assert_int_equal(v->metadata.logical_sector_size, 512);
    assert_int_equal(v->metadata.physical_sector_size, 4096);
    assert_int_equal(v->geometry.entries, 322);
    for (uint64_t i = 0; i < 322; i++)
        assert_int_equal(bat_entry_of(s->source, i), 0);
    looked_close(&l);
    store_close(s);
}

/* S-50, S-51: BAT behind the log, metadata behind it, payload 5 MiB behind the BAT; items in another order. Required is
 * set. */
static void the_layout_of_qemu(void **state)
{
    (void)state;
    struct store *s =
        created(&(struct create_options){.size = 64 * MIB, .like = CREATE_LIKE_QEMU, .block_state_zero = true});
    struct looked l = look_at(s->source);
    const struct view *v = view_of(&l);
    static const uint32_t off[] = {0x10000, 0x10008, 0x10010, 0x10020, 0x10024};
    static const enum known_guid id[] = {KNOWN_ITEM_FILE_PARAMETERS, KNOWN_ITEM_VIRTUAL_DISK_SIZE,
                                         KNOWN_ITEM_VIRTUAL_DISK_ID, KNOWN_ITEM_LOGICAL_SECTOR_SIZE,
                                         KNOWN_ITEM_PHYSICAL_SECTOR_SIZE};

    assert_int_equal(store_size(s), 8 * MIB);
    assert_int_equal(v->bat_region.off, 2 * MIB);
    assert_int_equal(v->metadata_region.off, 3 * MIB);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(v->metadata.entries[i].off, off[i]);
        assert_memory_equal(&v->metadata.entries[i].item_id, known_guid(id[i]), 16);
    }
    assert_int_equal(v->regions[0].entries[0].required_word, 1);
    assert_int_equal(v->geometry.block_size, 8 * MIB);
    assert_int_equal(v->metadata.physical_sector_size, 512);
    uint64_t first = l.image->headers[0].h.sequence_number;
    assert_true(first > 2 && first <= UINT32_MAX);
    assert_int_equal(l.image->headers[1].h.sequence_number, first + 1);
    for (uint64_t i = 0; i < 8; i++)
        assert_int_equal(bat_entry_of(s->source, i), PAYLOAD_ZERO);
    looked_close(&l);
    store_close(s);
}

/*
 * 98,305 blocks in chunks of 32,768: 98,308 entries, but 4 * 32,769 = 131,076 when every chunk has its bitmap slot,
 * which is four more than 1 MiB holds. Ours has room for them whatever the type, QEMU's has not.
 */
static void the_table_has_room_for_another_type(void **state)
{
    (void)state;
    for (unsigned like = 0; like < 2; like++) {
        struct store *s = created(&(struct create_options){
            .size = 98305 * MIB, .block_size = MIB, .logical_sector_size = 4096, .like = (enum create_like)like});
        struct looked l = look_at(s->source);
        assert_int_equal(view_of(&l)->geometry.entries, 98308);
        assert_int_equal(view_of(&l)->bat_region.len, like == CREATE_LIKE_QEMU ? MIB : 2 * MIB);
        looked_close(&l);
        assert_clean_source(s->source, NULL);
        store_close(s);
    }
}

/* S-47, as qemu-img 7.2 chooses; and the defaults of Windows. */
static void default_block_sizes(void **state)
{
    (void)state;
    static const struct {
        enum create_like like;
        enum create_type type;
        uint64_t size, block;
    } cases[] = {
        {CREATE_LIKE_QEMU, CREATE_DYNAMIC, MIB, 8 * MIB},
        {CREATE_LIKE_QEMU, CREATE_DYNAMIC, GIB, 8 * MIB},
        {CREATE_LIKE_QEMU, CREATE_DYNAMIC, GIB + 512, 16 * MIB},
        {CREATE_LIKE_QEMU, CREATE_DYNAMIC, 100 * GIB, 16 * MIB},
        {CREATE_LIKE_QEMU, CREATE_DYNAMIC, 100 * GIB + 512, 32 * MIB},
        {CREATE_LIKE_QEMU, CREATE_DYNAMIC, 32 * TIB, 32 * MIB},
        {CREATE_LIKE_QEMU, CREATE_DYNAMIC, 32 * TIB + 512, 64 * MIB},
        {CREATE_LIKE_QEMU, CREATE_DYNAMIC, 64 * TIB, 64 * MIB},
        {CREATE_LIKE_QEMU, CREATE_FIXED, 2 * GIB, 16 * MIB},
        {CREATE_LIKE_WINDOWS, CREATE_DYNAMIC, 512, 32 * MIB},
        {CREATE_LIKE_WINDOWS, CREATE_DYNAMIC, 64 * TIB, 32 * MIB},
        {CREATE_LIKE_WINDOWS, CREATE_FIXED, 2 * GIB, 2 * MIB},
        {CREATE_LIKE_WINDOWS, CREATE_DIFFERENCING, 2 * GIB, 2 * MIB},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct create_options o = {
            .like = cases[i].like, .type = cases[i].type, .size = cases[i].size, .relative_path = ".\\p.vhdx"};
        struct geometry g = {.block_size = 0};
        uint32_t physical = 0;
        uint64_t log_len = 0;

        o.parent_data_write_guid.bytes[0] = 1;
        create_describe(&o, &g, &physical, &log_len);
        assert_int_equal(g.block_size, cases[i].block);
        assert_int_equal(physical, cases[i].like == CREATE_LIKE_QEMU ? 512 : 4096);
        assert_int_equal(log_len, MIB);
    }
}

/* The BAT has an entry for each block where the interleave puts it, and the file a place for each, the last one whole.
 */
static void a_fixed_disk_has_every_block(void **state)
{
    (void)state;
    struct store *s =
        created(&(struct create_options){.type = CREATE_FIXED, .size = 4 * GIB + 5 * MIB + 512, .block_size = MIB});
    struct looked l = look_at(s->source);
    const struct view *v = view_of(&l);

    assert_int_equal(v->type, DISK_FIXED);
    assert_int_equal(v->geometry.payload_blocks, 4102);
    assert_int_equal(store_size(s), 4 * MIB + 4102 * MIB);
    assert_int_equal(bat_entry_of(s->source, 0), 4 * MIB | 6);
    assert_int_equal(bat_entry_of(s->source, 4095), 4099 * MIB | 6);
    assert_int_equal(bat_entry_of(s->source, 4096), 0); /* the bitmap slot of the first chunk */
    assert_int_equal(bat_entry_of(s->source, 4097), 4100 * MIB | 6);
    assert_int_equal(bat_entry_of(s->source, 4102), 4105 * MIB | 6);
    assert_int_equal(bat_entry_of(s->source, 4103), 0);
    looked_close(&l);
    assert_clean_source(s->source, NULL);
    store_close(s);
}

/* S-52: QEMU's fixed disk with ZERO blocks has the room and maps none of it; with block_state_zero off it maps all. */
static void a_fixed_disk_like_qemu(void **state)
{
    (void)state;
    for (unsigned zero = 0; zero < 2; zero++) {
        struct store *s = created(&(struct create_options){
            .type = CREATE_FIXED, .like = CREATE_LIKE_QEMU, .size = 40 * MIB, .block_state_zero = zero != 0});
        for (uint64_t i = 0; i < 5; i++)
            assert_int_equal(bat_entry_of(s->source, i), zero ? 2 : (8 + 8 * i) * MIB | 6);
        assert_int_equal(store_size(s), 48 * MIB);
        assert_clean_source(s->source, NULL);
        store_close(s);
    }
}

static void a_large_table_of_zero_states(void **state)
{
    (void)state;
    /* 300,000 blocks in chunks of 4096: bitmap slots stay 0 across the windows it is written in. */
    struct store *s = created(&(struct create_options){
        .size = 300000 * MIB, .block_size = MIB, .block_state_zero = true, .log_size = 3 * MIB});
    static const struct {
        uint64_t index, entry;
    } want[] = {{0, 2},      {4095, 2},   {4096, 0},   {4097, 2},  {131071, 2},
                {131072, 2}, {135200, 0}, {300072, 2}, {300073, 0}};

    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_int_equal(bat_entry_of(s->source, want[i].index), want[i].entry);
    store_close(s);
}

/* ---- children ---- */

static const struct create_options child = {
    .type = CREATE_DIFFERENCING,
    .size = 40 * MIB,
    .parent_data_write_guid = {{0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0x4e, 0x80, 1, 2, 3, 4, 5, 6, 0xEF}},
    .virtual_disk_id = {{9, 9, 9, 9, 9, 9, 9, 0x49, 0x89, 9, 9, 9, 9, 9, 9, 9}},
    .relative_path = "..\\b\xc3\xa4se\\parent.vhdx",
};

static void a_child_names_its_parent(void **state)
{
    (void)state;
    struct create_options o = child;
    o.absolute_win32_path = "\\\\?\\C:\\vm\\parent.vhdx";
    o.volume_path = "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\vm\\parent.vhdx";
    struct store *s = created(&o);
    struct looked l = look_at(s->source);
    const struct view *v = view_of(&l);

    assert_int_equal(v->type, DISK_DIFFERENCING);
    assert_int_equal(v->metadata.entries[5].off, 0x10028);
    assert_int_equal(v->metadata.entries[5].flags, 4);
    assert_memory_equal(&v->metadata.virtual_disk_id, &child.virtual_disk_id, 16);
    assert_int_equal(v->locator.pair_count, 4);
    assert_memory_equal(&v->locator.decoded.type, known_guid(KNOWN_LOCATOR_TYPE_VHDX), 16);
    assert_string_equal(v->locator.parent_linkage->value, "{12345678-9abc-4ef0-8001-0203040506ef}");
    assert_null(v->locator.parent_linkage2);
    assert_string_equal(v->locator.relative_path->value, o.relative_path);
    assert_string_equal(v->locator.absolute_win32_path->value, o.absolute_win32_path);
    assert_string_equal(v->locator.volume_path->value, o.volume_path);
    looked_close(&l);
    assert_clean_source(s->source, NULL);
    store_close(s);
}

/* Four strings as long as the format can have them fit the region. */
static void paths_may_be_long(void **state)
{
    (void)state;
    struct create_options o = child;
    char *path = malloc(32769);

    memset(path, 'x', 32768);
    path[32768] = '\0';
    o.relative_path = path + 1; /* 32,767 units are 65,534 bytes */
    o.absolute_win32_path = o.volume_path = o.relative_path;
    struct store *s = created(&o);
    struct looked l = look_at(s->source);
    assert_int_equal(view_of(&l)->locator.volume_path->value_len, 32767);
    looked_close(&l);
    store_close(s);
    o.volume_path = path;
    assert_non_null(create_problem(&o));
    free(path);
}

static void without_an_id_of_the_parent_a_new_one_is_drawn(void **state)
{
    (void)state;
    struct create_options o = child;
    o.virtual_disk_id = (struct guid){.bytes = {0}};
    struct store *s = created(&o);
    struct looked l = look_at(s->source);
    assert_int_equal(guid_form(&view_of(&l)->metadata.virtual_disk_id), GUID_FORM_MICROSOFT);
    looked_close(&l);
    store_close(s);
}

/* ---- every combination ---- */

static void every_combination_is_clean(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {4096, MIB, 40 * MIB + 4096, 33 * GIB};
    unsigned made = 0;

    for (unsigned n = 0; n < 9 * 3 * 3 * 2 * 4; n++) {
        struct create_options o = child;
        unsigned type = n / 9 % 3, log = n / 27 % 3, sector = n / 81 % 2;

        o.type = (enum create_type)type;
        o.block_size = MIB << (n % 9);
        o.log_size = (uint64_t[]){0, 2 * MIB, 16 * MIB}[log];
        o.logical_sector_size = sector ? 4096 : 512;
        o.size = sizes[n / 162];
        o.block_state_zero = type == CREATE_DYNAMIC && n % 2 == 0;
        struct store *s = created(&o);
        assert_clean_source(s->source, NULL);
        assert_int_equal(store_size(s) % MIB, 0);
        store_close(s);
        made++;
    }
    assert_int_equal(made, 648);
}

/* ---- refusals ---- */

static void problems_are_told(void **state)
{
    (void)state;
    static const struct guid nil;
    static const struct {
        struct create_options o;
        const char *says; /* NULL: nothing */
    } cases[] = {
        {{.size = 0}, "at least one sector"},
        {{.size = 512}, NULL},
        {{.size = 100}, "multiple of the logical"},
        {{.size = 512, .logical_sector_size = 4096}, "multiple of the logical"},
        {{.size = ((uint64_t)1 << 46)}, NULL},
        {{.size = ((uint64_t)1 << 46) + 512}, "64 TiB"}, /* S-45 */
        {{.size = UINT64_MAX}, "64 TiB"},
        {{.size = 512, .block_size = 512}, "power of two"},
        {{.size = 512, .block_size = 3 << 20}, "power of two"}, /* S-48 */
        {{.size = 512, .block_size = 512 << 20}, "256 MiB"},
        {{.size = 512, .log_size = 4096}, "1 MiB"},
        {{.size = 512, .log_size = (uint64_t)4 << 30}, "4 GiB"}, /* S-46 */
        {{.size = 512, .log_size = (uint64_t)4095 << 20}, NULL},
        {{.size = 512, .logical_sector_size = 520}, "512 or 4096"},
        {{.size = 512, .physical_sector_size = 1024}, "512 or 4096"},
        {{.size = 4096, .logical_sector_size = 4096, .physical_sector_size = 512}, "smaller than logical"},
        {{.size = 512, .type = CREATE_FIXED, .block_state_zero = true}, "fixed disk"},
        {{.size = 512, .type = CREATE_FIXED, .like = CREATE_LIKE_QEMU, .block_state_zero = true}, NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct entropy e = entropy_seeded(1);
        const char *problem = create_problem(&cases[i].o);
        struct store *s = NULL;

        assert_int_equal(problem == NULL, cases[i].says == NULL);
        if (problem == NULL)
            continue;
        assert_non_null(strstr(problem, cases[i].says));
        assert_int_equal(stage_open(NULL, PLENTY, &s), STATUS_OK);
        assert_int_equal(create_image(s, &cases[i].o, &e), STATUS_REFUSED);
        assert_int_equal(store_size(s), 0);
        store_close(s);
    }
    struct create_options o = child;
    o.block_state_zero = true;
    assert_non_null(strstr(create_problem(&o), "hide the parent"));
    o = child;
    o.like = CREATE_LIKE_QEMU;
    assert_non_null(strstr(create_problem(&o), "differencing"));
    o = child;
    o.parent_data_write_guid = nil;
    assert_non_null(strstr(create_problem(&o), "DataWriteGuid"));
    o = child;
    o.relative_path = NULL;
    assert_non_null(strstr(create_problem(&o), "path"));
    o.relative_path = "a\xffz";
    assert_non_null(strstr(create_problem(&o), "UTF-8"));
    o.relative_path = "";
    assert_non_null(strstr(create_problem(&o), "UTF-8"));
    o.relative_path = NULL; /* any of the three will do */
    o.absolute_win32_path = "C:\\a\xf0\x9f\x92\xbe.vhdx";
    assert_null(create_problem(&o));
    o.absolute_win32_path = NULL;
    o.volume_path = "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\a.vhdx";
    assert_null(create_problem(&o));
    o.absolute_win32_path = "a\xffz";
    assert_non_null(strstr(create_problem(&o), "UTF-8"));
    /* Of what cannot be made nothing is described. */
    struct geometry geometry = {.entries = 77};
    uint32_t sector = 78;
    uint64_t log = 79;
    create_describe(&o, &geometry, &sector, &log);
    assert_int_equal(geometry.entries, 77);
    assert_int_equal(sector, 78);
    assert_int_equal(log, 79);
}

/* S-45, S-46, S-48: qemu-img rounds up instead of refusing. */
static void roundings_of_qemu(void **state)
{
    (void)state;
    static const struct {
        uint64_t size, log, block, rounded_size, rounded_log, rounded_block;
    } cases[] = {
        {1, 1, 1, 512, MIB, MIB},
        {512, 0, 0, 512, 0, 0},
        {513, MIB + 1, 3 * MIB - 1, 1024, 2 * MIB, 3 * MIB},
        {40 * MIB, 8 * MIB, 512 * MIB, 40 * MIB, 8 * MIB, 256 * MIB},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}, /* there is nothing above */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct create_options o = {.size = cases[i].size, .log_size = cases[i].log, .block_size = cases[i].block};
        create_round_like_qemu(&o);
        assert_int_equal(o.size, cases[i].rounded_size);
        assert_int_equal(o.log_size, cases[i].rounded_log);
        assert_int_equal(o.block_size, cases[i].rounded_block);
    }
    struct create_options o = {.size = 512, .log_size = ((uint64_t)4 << 30) - 1};
    create_round_like_qemu(&o);
    assert_non_null(create_problem(&o)); /* rounded up it is 4 GiB */
}

static void a_store_that_holds_something_is_refused(void **state)
{
    (void)state;
    struct create_options o = {.size = 40 * MIB};
    struct entropy e = entropy_seeded(1);
    struct store *s = NULL;

    assert_int_equal(stage_open(NULL, PLENTY, &s), STATUS_OK);
    assert_int_equal(store_resize(s, 1), STATUS_OK);
    assert_int_equal(create_image(s, &o, &e), STATUS_REFUSED);
    assert_int_equal(store_size(s), 1);
    store_close(s);
}

/* ---- unfinished files ---- */

/* S-53, better: the identifier is the last thing written, behind a sync, so what is not finished is no image. */
static void the_identifier_comes_last(void **state)
{
    (void)state;
    static struct disk d;
    struct recording r = {.count = 0};
    struct create_options o = {.size = 9 * MIB, .type = CREATE_FIXED, .block_size = MIB, .creator = "x"};
    struct entropy e = entropy_seeded(1);
    struct store *s = disk_store(&d, &r, 0, NULL);
    uint64_t n = r.count;

    assert_int_equal(create_image(s, &o, &e), STATUS_OK);
    n = r.count;
    assert_true(n >= 9);
    assert_int_equal(r.ops[n - 1].kind, OP_SYNC);
    assert_int_equal(r.ops[n - 2].kind, OP_WRITE);
    assert_int_equal(r.ops[n - 2].off, 0);
    assert_int_equal(r.ops[n - 3].kind, OP_SYNC);
    assert_int_equal(r.ops[n - 4].off, 0x20000);
    assert_int_equal(r.ops[n - 5].off, 0x10000);
    assert_int_equal(r.ops[n - 6].kind, OP_SYNC);
    for (uint64_t i = 0; i < n - 6; i++)
        assert_true(r.ops[i].kind == OP_RESIZE || (r.ops[i].kind == OP_WRITE && r.ops[i].off >= 0x30000));
    store_close(s);
    recording_free(&r);
}

static void every_failure_is_told(void **state)
{
    (void)state;
    static struct disk d;
    const struct create_options o = {.size = 9 * MIB, .type = CREATE_FIXED, .block_size = MIB};
    struct recording r = {.count = 0};
    uint64_t total = 1;

    for (uint64_t n = 0; n <= total; n++) { /* the first time nothing fails */
        uint64_t mark = pool_mark();
        struct entropy e = entropy_seeded(1);
        struct disk_fault fault = {.fail_at = n, .error = ENOSPC, .half = n % 2 == 0};
        struct store *s = NULL;
        uint8_t id[8];

        memset(&d, 0, sizeof(d));
        s = disk_store(&d, n == 0 ? &r : NULL, 0, &fault);
        assert_int_equal(create_image(s, &o, &e), n == 0 ? STATUS_OK : STATUS_IO);
        if (n == 0)
            total = r.count;
        disk_read(&d, 0, id, sizeof(id));
        if (n > 0 && n < total - 1) /* the last two are the identifier and its sync */
            assert_int_equal(le64(id), 0);
        store_close(s);
        pool_release(mark);
    }
    assert_int_equal(total, 16);
    recording_free(&r);
}

static enum status no_entropy(struct entropy *e, void *buf, size_t len)
{
    (void)buf;
    (void)len;
    return e->state-- == 0 ? STATUS_IO : STATUS_OK;
}

static void without_entropy_there_is_no_image(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 4; n++) {
        struct entropy e = {.fill = no_entropy, .state = n};
        struct create_options o = {.size = 9 * MIB, .like = CREATE_LIKE_QEMU};
        struct store *s = NULL;
        uint8_t id[8];

        assert_int_equal(stage_open(NULL, PLENTY, &s), STATUS_OK);
        assert_int_equal(create_image(s, &o, &e), STATUS_IO);
        assert_int_equal(source_read(s->source, 0, id, 8), STATUS_OK);
        assert_int_equal(le64(id), 0);
        store_close(s);
    }
}

/* An empty image of any size costs its structures: the work is counted. */
static void an_image_costs_its_structures(void **state)
{
    (void)state;
    struct store *s = created(&(struct create_options){.size = 64 * TIB, .block_size = MIB});
    assert_int_equal(store_size(s), (3 + 513) * MIB);
    assert_true(s->write_bytes < 64 * K);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout_of_windows),
        cmocka_unit_test(the_layout_of_qemu),
        cmocka_unit_test(the_table_has_room_for_another_type),
        cmocka_unit_test(default_block_sizes),
        cmocka_unit_test(a_fixed_disk_has_every_block),
        cmocka_unit_test(a_fixed_disk_like_qemu),
        cmocka_unit_test(a_large_table_of_zero_states),
        cmocka_unit_test(a_child_names_its_parent),
        cmocka_unit_test(paths_may_be_long),
        cmocka_unit_test(without_an_id_of_the_parent_a_new_one_is_drawn),
        cmocka_unit_test(every_combination_is_clean),
        cmocka_unit_test(problems_are_told),
        cmocka_unit_test(roundings_of_qemu),
        cmocka_unit_test(a_store_that_holds_something_is_refused),
        cmocka_unit_test(the_identifier_comes_last),
        cmocka_unit_test(every_failure_is_told),
        cmocka_unit_test(without_entropy_there_is_no_image),
        cmocka_unit_test(an_image_costs_its_structures),
    };
    return cmocka_run_group_tests_name("create", tests, NULL, NULL);
}
