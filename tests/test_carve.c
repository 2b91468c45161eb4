/* SPDX-License-Identifier: MIT */
/*
 * Carving: each kind of thing is found where it was put and says what it was; what is in use, lost, or nobody's is told
 * apart, with the file's own structures and without them; bytes come back as they were; and whatever the file holds,
 * the work and the memory stay bounded and the result is the same twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "carve/carve.h"
#include "faulty.h"
#include "image/bat_walk.h"

struct carved {
    struct arena *arena;
    struct source *base;
    struct faulty faulty;
    struct image *image;
    struct carve *c;
};

static struct carved *open_source(struct source *src)
{
    struct carved *o = calloc(1, sizeof(*o));
    assert_non_null(o);
    o->arena = arena_create(LIMIT_MEMORY_DEFAULT);
    assert_non_null(o->arena);
    o->base = src;
    assert_int_equal(image_open(o->arena, faulty_over(&o->faulty, src), "lost.vhdx", NULL, NULL, &o->image), STATUS_OK);
    return o;
}

static struct carved *carve_with(const struct img *img, struct carve_options options)
{
    struct carved *o = open_source(img_source(img));
    assert_int_equal(carve_run(o->image, &options, &o->c), STATUS_OK);
    return o;
}

static struct carved *carve_image(const struct img *img)
{
    return carve_with(img, (struct carve_options){.no_payload = false});
}

static void done(struct carved *o)
{
    carve_close(o->c);
    image_close(o->image);
    source_close(o->base);
    arena_destroy(o->arena);
    free(o);
}

static const struct carve_item *find(const struct carved *o, enum carve_kind kind, uint64_t off)
{
    for (uint64_t i = 0; i < o->c->item_count; i++)
        if (o->c->items[i].kind == kind && o->c->items[i].off == off)
            return &o->c->items[i];
    return NULL;
}

static const struct carve_item *must_find(const struct carved *o, enum carve_kind kind, uint64_t off)
{
    const struct carve_item *item = find(o, kind, off);
    if (!item)
        fail_msg("no %s at 0x%llx", carve_kind_name(kind), (unsigned long long)off);
    return item;
}

static void wipe_header_section(struct img *img)
{
    img_fill(img, 0, MIB, 0);
}

/* ---- what is found ---- */

static void healthy_image_in_use(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct carved *o = carve_image(img);
    assert_true(o->c->complete);
    assert_int_equal(o->c->model, CARVE_MODEL_FILE);
    assert_int_equal(o->c->counts[CARVE_HEADER], 2);
    assert_int_equal(o->c->counts[CARVE_REGION_TABLE], 2);
    assert_int_equal(o->c->counts[CARVE_METADATA], 1);
    assert_int_equal(o->c->counts[CARVE_BAT], 1);
    assert_int_equal(o->c->counts[CARVE_LOG_ENTRY], 0);
    assert_int_equal(o->c->counts[CARVE_ORPHAN], 0);
    for (uint64_t i = 0; i < o->c->item_count; i++)
        assert_true(o->c->items[i].in_use);
    const struct carved_metadata *m = must_find(o, CARVE_METADATA, img->metadata_off)->u.metadata;
    assert_true(m->decoded && m->geometry_absence == ABSENT_NOT && m->type == DISK_DYNAMIC);
    assert_int_equal(m->geometry.virtual_size, img->params.virtual_size);
    assert_int_equal(m->geometry.block_size, img->params.block_size);
    const struct carved_bat *b = must_find(o, CARVE_BAT, img->bat_off)->u.bat;
    assert_int_equal(b->guess.states[PAYLOAD_FULLY_PRESENT], 3);
    assert_int_equal(b->guess.states[PAYLOAD_ZERO], 1);
    assert_int_equal(b->guess.states[PAYLOAD_UNMAPPED], 1);
    assert_int_equal(b->fit_count, 1);
    assert_int_equal(b->fits[0].percent, 100);
    assert_int_equal(b->fits[0].metadata_off, img->metadata_off);
    done(o);
    img_free(img);
}

static const struct img_block apart[] = {{.block = 0, .state = 6, .off = 4 << 20},
                                         {.block = 1, .state = 6, .off = 16 << 20}};
static const struct img_params with_room = {.states = "", .blocks = apart, .block_count = 2};

/* Behind the last whole MiB lie 1 KiB that begin as a header does, and then the file ends. */
static void header_cut_by_the_end_of_the_file(void **state)
{
    uint8_t bytes[1024];
    (void)state;
    struct img *img = img_create(NULL);
    uint64_t off = img->size;
    img_read(img, 0x10000, bytes, sizeof(bytes));
    img_resize(img, off + sizeof(bytes));
    img_write(img, off, bytes, sizeof(bytes));

    struct carved *o = carve_image(img);
    const struct carve_item *i = must_find(o, CARVE_HEADER, off);
    assert_int_equal(i->len, sizeof(bytes));
    assert_int_equal(must_find(o, CARVE_HEADER, 0x10000)->len, HEADER_LEN);
    done(o);
    img_free(img);
}

static void lost_headers_and_tables(void **state)
{
    uint8_t bytes[HEADER_LEN], *table = malloc(REGION_TABLE_LEN);
    (void)state;
    assert_non_null(table);
    struct img *img = img_create(&with_room);
    img_read(img, 0x10000, bytes, sizeof(bytes));
    img_write(img, 8 * MIB + 0x7000, bytes, sizeof(bytes));
    bytes[20] ^= 1; /* the checksum is wrong, the fields are not */
    img_write(img, 8 * MIB + 0xff000, bytes, sizeof(bytes));
    bytes[66] = 9;
    img_write(img, 17 * MIB, bytes, sizeof(bytes)); /* in block 1, and of no version */
    img_read(img, 0x30000, table, REGION_TABLE_LEN);
    img_write(img, 10 * MIB - 4096, table, REGION_TABLE_LEN); /* across units */
    table[8] ^= 1;
    img_write(img, 10 * MIB + 0x20000, table, REGION_TABLE_LEN);

    struct carved *o = carve_image(img);
    assert_int_equal(o->c->counts[CARVE_HEADER], 5);
    const struct carve_item *i = must_find(o, CARVE_HEADER, 8 * MIB + 0x7000);
    assert_true(i->u.header->checksum_ok && i->u.header->plausible && !i->in_use && i->owner == OWNER_NONE);
    assert_int_equal(i->u.header->sequence_number, 1);
    assert_int_equal(i->u.header->log_off, img->log_off);
    i = must_find(o, CARVE_HEADER, 8 * MIB + 0xff000);
    assert_true(!i->u.header->checksum_ok && i->u.header->plausible);
    i = must_find(o, CARVE_HEADER, 17 * MIB);
    assert_false(i->u.header->plausible);
    assert_int_equal(i->owner, OWNER_PAYLOAD);
    assert_int_equal(i->block, 1);
    assert_int_equal(must_find(o, CARVE_HEADER, 0x10000)->owner, OWNER_HEADER_SECTION);
    assert_int_equal(o->c->counts[CARVE_REGION_TABLE], 4);
    const struct carved_region_table *t = must_find(o, CARVE_REGION_TABLE, 10 * MIB - 4096)->u.region_table;
    assert_true(t->decoded && t->checksum_ok && t->has_bat && t->has_metadata);
    assert_int_equal(t->bat_off, img->bat_off);
    assert_int_equal(t->metadata_off, img->metadata_off);
    t = must_find(o, CARVE_REGION_TABLE, 10 * MIB + 0x20000)->u.region_table;
    assert_true(t->decoded && !t->checksum_ok);
    done(o);
    img_free(img);
    free(table);
}

/* Copies [from, from + len) of an image, 64 KiB at a time. */
static void copy_range(struct img *img, uint64_t from, uint64_t to, uint64_t len)
{
    static uint8_t bytes[65536];
    for (uint64_t at = 0; at < len; at += sizeof(bytes)) {
        img_read(img, from + at, bytes, sizeof(bytes));
        img_write(img, to + at, bytes, sizeof(bytes));
    }
}

static void lost_metadata(void **state)
{
    (void)state;
    struct img *img = img_create(&with_room);
    copy_range(img, img->metadata_off, 8 * MIB, 2 * 65536);
    /* An older disk of half the size. */
    put_le64(img_bytes(img, 8 * MIB + (img->item_off[KNOWN_ITEM_VIRTUAL_DISK_SIZE] - img->metadata_off), 8), 10 * MIB);
    memcpy(img_bytes(img, 9 * MIB + 65536, 8), "metadata", 8); /* a table, and nothing in it */
    memcpy(img_bytes(img, 9 * MIB + 4096, 8), "metadata", 8);  /* off the grid */
    struct carved *o = carve_image(img);
    assert_int_equal(o->c->counts[CARVE_METADATA], 3);
    const struct carved_metadata *m = must_find(o, CARVE_METADATA, 8 * MIB)->u.metadata;
    assert_true(m->decoded && m->geometry_absence == ABSENT_NOT);
    assert_int_equal(m->geometry.virtual_size, 10 * MIB);
    assert_true(m->have_disk_id);
    m = must_find(o, CARVE_METADATA, 9 * MIB + 65536)->u.metadata;
    assert_true(m->decoded && m->geometry_absence == ABSENT_NO_ITEM);
    /* The BAT fits the disk of today and, having so few blocks, the older one. */
    const struct carved_bat *b = must_find(o, CARVE_BAT, img->bat_off)->u.bat;
    assert_int_equal(b->fit_count, 2);
    done(o);
    img_free(img);
}

/* ---- without the file's own structures ---- */

static void model_without_header_section(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "666.6666.6"});
    uint64_t lost = img_block_off(img, 5);
    img_block_set(img, 5, 0, 0);
    wipe_header_section(img);
    struct carved *o = carve_image(img);
    assert_true(o->c->complete);
    assert_int_equal(o->c->model, CARVE_MODEL_ASSUMED);
    assert_int_equal(o->c->metadata_off, img->metadata_off);
    assert_int_equal(o->c->bat_off, img->bat_off);
    assert_int_equal(o->c->counts[CARVE_ORPHAN], 1);
    assert_int_equal(must_find(o, CARVE_ORPHAN, lost)->len, 2 * MIB);
    done(o);
    /* Without metadata nothing tells blocks from free space. */
    img_fill(img, img->metadata_off, MIB, 0);
    o = carve_image(img);
    assert_int_equal(o->c->model, CARVE_MODEL_NONE);
    assert_int_equal(o->c->counts[CARVE_BAT], 1);
    assert_int_equal(must_find(o, CARVE_BAT, img->bat_off)->u.bat->fit_count, 0);
    assert_true(o->c->counts[CARVE_ORPHAN] > 0);
    assert_null(find(o, CARVE_ORPHAN, lost)); /* one piece with what lies before it */
    done(o);
    img_free(img);
}

/* The geometry that the BAT was made for is told from another one that was found as well. */
static void bat_finds_its_geometry(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.virtual_size = 64 * MIB, .states = "6666666666666666"});
    uint64_t end = img->size;
    img_resize(img, end + 2 * MIB);
    copy_range(img, img->metadata_off, end, 2 * 65536);
    uint64_t item = end + (img->item_off[KNOWN_ITEM_FILE_PARAMETERS] - img->metadata_off);
    put_le32(img_bytes(img, item, 4), 4 * MIB); /* blocks of 4 MiB would overlap each other */
    wipe_header_section(img);
    struct carved *o = carve_image(img);
    const struct carved_bat *b = must_find(o, CARVE_BAT, img->bat_off)->u.bat;
    assert_int_equal(b->fit_count, 2);
    assert_int_equal(b->fits[0].metadata_off, img->metadata_off);
    assert_int_equal(b->fits[0].percent, 100);
    assert_true(b->fits[1].percent < 100);
    assert_int_equal(o->c->metadata_off, img->metadata_off);
    assert_int_equal(o->c->view->geometry.block_size, 2 * MIB);
    done(o);
    img_free(img);
}

/* A BAT of several MiB is one table, also where a MiB of it is zero, and what looks like one inside it is a part of it.
 */
static void large_bat(void **state)
{
    const struct img_block far[] = {{.block = 5, .state = 6, .off = 64 << 20},
                                    {.block = 400000, .state = 6, .off = 96 << 20}};
    (void)state;
    struct img *img = img_create(&(struct img_params){
        .virtual_size = (uint64_t)1 << 40, .block_size = 2 << 20, .states = "", .blocks = far, .block_count = 2});
    assert_int_equal(img->bat_len, 5 * MIB);
    wipe_header_section(img);
    struct carved *o = carve_image(img);
    assert_int_equal(o->c->model, CARVE_MODEL_ASSUMED);
    assert_int_equal(o->c->counts[CARVE_BAT], 1);
    assert_int_equal(must_find(o, CARVE_BAT, img->bat_off)->len, 5 * MIB);
    assert_int_equal(o->c->view->survey->allocated_blocks, 2);
    done(o);
    img_free(img);
}

/* What QEMU leaves of a new image: a state for each block, and no place at all. */
static void bat_of_states_alone(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.layout = IMG_QEMU, .states = "2222222222"});
    wipe_header_section(img);
    struct carved *o = carve_image(img);
    assert_non_null(find(o, CARVE_BAT, img->bat_off));
    assert_int_equal(o->c->model, CARVE_MODEL_ASSUMED);
    done(o);
    img_block_set(img, 3, 0, 0); /* small numbers here and there are no BAT */
    img_block_set(img, 4, 0, 0);
    o = carve_image(img);
    assert_null(find(o, CARVE_BAT, img->bat_off));
    done(o);
    img_free(img);
}

/* ---- logs ---- */

static const uint8_t *history_page(struct img *img, uint64_t index, uint64_t entry)
{
    uint8_t *page = img_page_copy(img, img->bat_off);
    put_le64(page + index * 8, entry);
    return page;
}

/* Three entries of an earlier session, the last one across the end of the ring. */
static void write_history(struct img *img, const struct guid *session)
{
    const uint32_t pos[] = {0x1000, 0x3000, (uint32_t)img->log_len - 4096};
    for (uint32_t i = 0; i < 3; i++) {
        const struct img_log_desc d = {.off = img->bat_off,
                                       .page = history_page(img, 1, bat_entry_make((4 + i) * MIB, 6))};
        img_log_write(img, pos[i],
                      &(struct img_log_entry){
                          .sequence_number = 30 - i, .tail = pos[i], .guid = *session, .descs = &d, .desc_count = 1});
    }
}

static void check_history(const struct carved *o, const struct img *img)
{
    assert_int_equal(o->c->counts[CARVE_LOG_ENTRY], 3);
    assert_int_equal(o->c->counts[CARVE_LOG_PAGE], 3);
    uint64_t first = o->c->item_count;
    while (first > 0 && o->c->items[first - 1].kind != CARVE_LOG_PAGE)
        first--;
    first -= 3;
    for (uint64_t i = 0; i < 3; i++) { /* by sequence number, not by place */
        const struct carve_item *item = &o->c->items[first + i];
        const struct carved_log_page *p = item->u.log_page;
        assert_int_equal(p->log->entries[p->entry].sequence_number, 28 + i);
        assert_int_equal(p->target, img->bat_off);
        assert_int_equal(p->kind, CARVED_BAT);
        assert_int_equal(p->now, CARVED_DIFFERENT);
        assert_int_equal(p->first_entry, 0);
        assert_int_equal(p->changed, 1);
        assert_int_equal(p->changes[0].index, 1);
        assert_int_equal(p->changes[0].then, bat_entry_make((6 - i) * MIB, 6));
        assert_int_equal(p->changes[0].now, img_bat_get(img, 1));
    }
}

static void log_history(void **state)
{
    const struct guid session = img_guid(IMG_WINDOWS, 'S', 1);
    (void)state;
    struct img *img = img_create(NULL);
    write_history(img, &session);
    struct carved *o = carve_image(img);
    check_history(o, img);
    const struct carve_item *wrapped = must_find(o, CARVE_LOG_ENTRY, img->log_off + img->log_len - 4096);
    assert_int_equal(wrapped->len, 8192);
    uint8_t bytes[8192], sector[4096], page[4096];
    assert_int_equal(carve_item_read(o->c, wrapped, 0, bytes, sizeof(bytes)), STATUS_OK);
    assert_memory_equal(bytes, "loge", 4);
    img_read(img, img->log_off, sector, sizeof(sector));
    assert_memory_equal(bytes + 4096, sector, sizeof(sector));
    assert_int_equal(carve_item_read(o->c, wrapped, 1, bytes, sizeof(bytes)), STATUS_RANGE);
    /* A page comes back as it was logged, its first and last bytes too. */
    const struct carve_item *item = must_find(o, CARVE_LOG_PAGE, img->log_off + 0x2000);
    assert_int_equal(carve_item_read(o->c, item, 0, page, sizeof(page)), STATUS_OK);
    img_read(img, img->bat_off, sector, sizeof(sector));
    assert_int_equal(le64(page + 8), bat_entry_make(4 * MIB, 6));
    put_le64(sector + 8, bat_entry_make(4 * MIB, 6));
    assert_memory_equal(page, sector, sizeof(page));
    done(o);

    /* The same without anything that says where the log is. */
    wipe_header_section(img);
    o = carve_image(img);
    check_history(o, img);
    assert_int_equal(must_find(o, CARVE_LOG_ENTRY, img->log_off + img->log_len - 4096)->len, 8192);
    assert_null(find(o, CARVE_ORPHAN, img->log_off));
    done(o);
    img_free(img);
}

static void log_entries_by_state(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    img_resize(img, img->size + 2 * MIB);
    img_make_dirty_bat(img, img_block_index(img, 5), bat_entry_make(img->size - 2 * MIB, 6));
    img_log_write(
        img, 0x10000,
        &(struct img_log_entry){
            .sequence_number = 7, .guid = img_guid(IMG_WINDOWS, 'S', 1), .tail = 0x10000, .flags = IMG_LOG_BAD_CRC});
    struct carved *o = carve_image(img);
    uint64_t active = 0, damaged = 0;
    for (uint64_t i = 0; i < o->c->item_count; i++) {
        const struct carve_item *item = &o->c->items[i];
        if (item->kind != CARVE_LOG_ENTRY)
            continue;
        const struct log_entry *e = &item->u.log_entry->log->entries[item->u.log_entry->entry];
        active += item->in_use;
        damaged += e->defect != LOG_DEFECT_NONE;
        assert_int_equal(item->owner, OWNER_LOG);
    }
    assert_true(active > 0);
    assert_int_equal(damaged, 1);
    /* The replayed view is the model: the block that the log publishes is in use. */
    assert_int_equal(o->c->view->survey->states[PAYLOAD_FULLY_PRESENT], 4);
    done(o);
    img_free(img);
}

/* A log that moved: a lost header still says where it was. */
static void log_of_a_lost_header(void **state)
{
    const struct guid session = img_guid(IMG_WINDOWS, 'S', 2);
    uint8_t bytes[HEADER_LEN];
    struct header h;
    (void)state;
    struct img *img = img_create(&with_room);
    img_read(img, 0x10000, bytes, sizeof(bytes));
    assert_true(header_decode(span_of(bytes, sizeof(bytes)), &h));
    h.log_off = 8 * MIB;
    h.log_len = 2 * MIB;
    header_encode(&h, bytes);
    img_write(img, 12 * MIB, bytes, sizeof(bytes));
    uint64_t len = 0;
    const struct img_log_entry e = {.sequence_number = 3, .tail = 0x1ff000, .guid = session};
    uint8_t *entry = img_log_build(img, &e, &len);
    img_write(img, 8 * MIB + 0x1ff000, entry, (size_t)len); /* its Tail lies in a ring of 2 MiB only */
    free(entry);
    struct carved *o = carve_image(img);
    const struct carve_item *item = must_find(o, CARVE_LOG_ENTRY, 8 * MIB + 0x1ff000);
    assert_int_equal(item->u.log_entry->log->len, 2 * MIB);
    assert_int_equal(item->u.log_entry->log->entries[item->u.log_entry->entry].defect, LOG_DEFECT_NONE);
    done(o);
    img_free(img);
}

/* ---- orphans ---- */

static void orphans_and_anchors(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "6.62M....6", .block_size = 2 << 20});
    uint64_t anchor = img_block_off(img, 4), end = img->size;
    img_fill(img, anchor, MIB + 1, 0x11);
    img_resize(img, end + 8 * MIB + 100);
    img_fill(img, end, 3 * MIB, 0x22);                             /* three units in one piece, ... */
    memcpy(img_bytes(img, end + MIB + 0x10040, 8), "_BHRfS_M", 8); /* ... of which the second begins something */
    img_fill(img, end + 8 * MIB + 99, 1, 0x33);                    /* the last byte of a unit that the file cuts */
    struct carved *o = carve_image(img);
    assert_int_equal(o->c->counts[CARVE_ORPHAN], 4);
    const struct carve_item *i = must_find(o, CARVE_ORPHAN, anchor);
    assert_int_equal(i->len, 2 * MIB);
    assert_int_equal(i->owner, OWNER_ANCHOR);
    assert_int_equal(i->block, 4);
    i = must_find(o, CARVE_ORPHAN, end);
    assert_int_equal(i->len, MIB);
    assert_false(i->u.orphan->known);
    i = must_find(o, CARVE_ORPHAN, end + MIB);
    assert_int_equal(i->len, 2 * MIB);
    assert_true(i->u.orphan->known);
    assert_string_equal(i->u.orphan->content.key, "btrfs");
    assert_int_equal(i->u.orphan->content.magic_off, 0x10040);
    assert_int_equal(must_find(o, CARVE_ORPHAN, end + 8 * MIB)->len, 100);
    uint8_t bytes[100];
    assert_int_equal(carve_item_read(o->c, must_find(o, CARVE_ORPHAN, end + 8 * MIB), 0, bytes, 100), STATUS_OK);
    assert_int_equal(bytes[99], 0x33);
    done(o);
    img_free(img);
}

static void payload_can_be_left_out(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "666M666666", .data = IMG_DATA_DENSE});
    memcpy(img_bytes(img, img_block_off(img, 2) + 0x5000, 4), "head", 4);
    memcpy(img_bytes(img, img_block_off(img, 3) + 0x5000, 4), "head", 4);
    struct carved *o = carve_image(img);
    assert_int_equal(o->c->counts[CARVE_HEADER], 4);
    assert_true(o->c->data_bytes > 18 * MIB);
    done(o);
    o = carve_with(img, (struct carve_options){.no_payload = true});
    assert_int_equal(o->c->counts[CARVE_HEADER], 3); /* the old place of block 3 is looked at */
    assert_int_equal(o->c->left_out, 18 * MIB);
    assert_true(o->faulty.source.read_bytes < 6 * MIB);
    done(o);
    img_free(img);
}

/* ---- what goes wrong ---- */

static void unreadable_pages(void **state)
{
    (void)state;
    struct img *img = img_create(&with_room);
    memcpy(img_bytes(img, 8 * MIB + 0x3000, 4), "head", 4);
    *img_bytes(img, 8 * MIB + 0x4000, 1) = 1; /* no hole */
    memcpy(img_bytes(img, 8 * MIB + 0x5000, 4), "head", 4);
    memcpy(img_bytes(img, 8 * MIB + 0x7000, 4), "head", 4);
    struct carved *o = open_source(img_source(img));
    o->faulty.bad_off = 8 * MIB + 0x4800;
    o->faulty.bad_len = 0x1000; /* touches two pages */
    assert_int_equal(carve_run(o->image, &(struct carve_options){.no_payload = false}, &o->c), STATUS_OK);
    assert_int_equal(o->c->counts[CARVE_HEADER], 4);
    assert_null(find(o, CARVE_HEADER, 8 * MIB + 0x5000));
    assert_false(o->c->complete);
    assert_int_equal(o->c->unreadable_count, 1);
    assert_int_equal(o->c->unreadable_bytes, 8192);
    assert_int_equal(o->c->unreadable[0].off, 8 * MIB + 0x4000);
    done(o);
    img_free(img);
}

struct clock {
    struct carved *o;
    uint64_t calls;
};

static void stop_the_clock(void *ctx, uint64_t off)
{
    struct clock *k = ctx;
    (void)off;
    if (++k->calls == 2)
        k->o->faulty.source.deadline_ns = 1;
}

static void time_ends_it(void **state)
{
    (void)state;
    struct img *img = img_create(&with_room);
    img_resize(img, 200 * MIB);
    for (uint64_t u = 30; u < 200; u++)
        *img_bytes(img, u * MIB, 1) = 1;
    struct carved *o = open_source(img_source(img));
    struct clock k = {.o = o};
    const struct carve_options options = {.progress = stop_the_clock, .progress_ctx = &k};
    assert_int_equal(carve_run(o->image, &options, &o->c), STATUS_OK);
    assert_int_equal(o->c->stopped, STATUS_LIMIT);
    assert_false(o->c->complete);
    assert_int_equal(o->c->counts[CARVE_HEADER], 2); /* what was found stays found */
    assert_true(o->c->scanned_off < 100 * MIB);
    done(o);
    img_free(img);
}

/* Memory that ends at any allocation leaves a result that says so, or none. */
static void allocations_fail_in_turn(void **state)
{
    const struct guid session = img_guid(IMG_WINDOWS, 'S', 1);
    bool ended = false;
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "6.62M....6"});
    write_history(img, &session);
    for (uint64_t n = 1; !ended; n++) {
        struct carved *o = open_source(img_source(img));
        arena_fail_at(o->arena, n, true);
        enum status st = carve_run(o->image, &(struct carve_options){.no_payload = n % 2 == 0}, &o->c);
        ended = arena_status(o->arena) == STATUS_OK;
        if (st == STATUS_OK)
            assert_true(o->c->complete == ended);
        else
            assert_false(ended);
        for (uint64_t i = 0; st == STATUS_OK && i < o->c->item_count; i++)
            assert_non_null(o->c->items[i].u.header);
        done(o);
        assert_true(n < 2000);
    }
    img_free(img);
}

static void empty_and_tiny_files(void **state)
{
    static const uint8_t text[] = "headers are in here, perhaps";
    static const uint64_t sizes[] = {0, 1, 29, 4096, 65536 + 1};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const struct mem_extent e = {.off = 0, .ptr = text, .len = sizes[i] < sizeof(text) ? sizes[i] : sizeof(text)};
        struct carved *o = open_source(extents_open(&e, 1, sizes[i]));
        assert_int_equal(carve_run(o->image, &(struct carve_options){.no_payload = false}, &o->c), STATUS_OK);
        assert_true(o->c->complete);
        assert_int_equal(o->c->counts[CARVE_HEADER], sizes[i] >= 4);
        for (uint64_t k = 0; k < o->c->item_count; k++)
            assert_true(o->c->items[k].off < sizes[i]);
        done(o);
    }
}

/* A signature in each page: all are counted, as many are kept as the limit says. */
static void a_signature_in_each_page(void **state)
{
    enum { PIECES = 18000, PIECE = 65536 };
    uint8_t *piece = calloc(1, PIECE);
    struct mem_extent *extents = calloc(PIECES, sizeof(*extents));
    (void)state;
    assert_true(piece != NULL && extents != NULL);
    for (size_t at = 0; at < PIECE; at += 4096)
        memcpy(piece + at, at % 8192 ? "head" : "regi", 4);
    for (uint64_t i = 0; i < PIECES; i++)
        extents[i] = (struct mem_extent){.off = i * PIECE, .ptr = piece, .len = PIECE};
    struct carved *o = open_source(extents_open(extents, PIECES, (uint64_t)PIECES * PIECE));
    assert_int_equal(carve_run(o->image, &(struct carve_options){.no_payload = false}, &o->c), STATUS_OK);
    assert_int_equal(o->c->counts[CARVE_HEADER], PIECES * 8);
    assert_int_equal(o->c->counts[CARVE_REGION_TABLE], PIECES * 8);
    assert_true(o->c->complete); /* 144,000 of each: below the limit */
    assert_true(o->faulty.source.read_bytes < 2 * (uint64_t)PIECES * PIECE);
    done(o);
    free(extents);
    free(piece);
}

static uint32_t rnd_state;

static uint32_t rnd(uint32_t below)
{
    rnd_state = rnd_state * 1664525 + 1013904223;
    return (rnd_state >> 8) % below;
}

static bool same_items(const struct carve *a, const struct carve *b)
{
    if (a->item_count != b->item_count || a->model != b->model)
        return false;
    for (uint64_t i = 0; i < a->item_count; i++) {
        const struct carve_item *x = &a->items[i], *y = &b->items[i];
        if (x->kind != y->kind || x->off != y->off || x->len != y->len || x->owner != y->owner || x->block != y->block)
            return false;
    }
    return true;
}

/* Images bent at random places: nothing leaves the file, items are in order, and a second look says the same. */
static void bent_images(void **state)
{
    static const char *const words[] = {"head", "regi", "metadata", "loge", "data", "desc", "zero", "vhdxfile"};
    const struct guid session = img_guid(IMG_WINDOWS, 'S', 1);
    (void)state;
    for (uint32_t seed = 0; seed < 60; seed++) {
        rnd_state = seed;
        struct img *img = img_create(&(struct img_params){.type = seed % 3 == 2 ? IMG_DIFFERENCING : IMG_DYNAMIC,
                                                          .states = seed % 3 == 2 ? NULL : "6.62M....6"});
        write_history(img, &session);
        for (uint32_t k = rnd(40); k > 0; k--) {
            uint64_t off = (uint64_t)rnd((uint32_t)(img->size / 4096)) * 4096;
            const char *word = words[rnd(8)];
            switch (rnd(4)) {
            case 0:
                img_write(img, off, word, strlen(word));
                break;
            case 1:
                img_fill(img, off, 1 + rnd(4096), (uint8_t)rnd(256));
                break;
            case 2:
                put_le64(img_bytes(img, img->bat_off + 8 * (uint64_t)rnd(600), 8), (uint64_t)rnd(64) << 20 | rnd(8));
                break;
            default:
                put_le32(img_bytes(img, (uint64_t)rnd(2) * 0x100000 + 8 * (uint64_t)rnd(0x4000), 4), rnd(1 << 24));
                break;
            }
        }
        if (rnd(2))
            img_fill(img, 0, rnd(5) * 65536, 0);
        img_resize(img, img->size - rnd(3) * 12345);
        struct carved *a = carve_image(img), *b = carve_image(img);
        assert_true(same_items(a->c, b->c));
        for (uint64_t i = 0; i < a->c->item_count; i++) {
            const struct carve_item *item = &a->c->items[i];
            uint8_t first;
            assert_true(item->off < img->size);
            assert_true(i == 0 || a->c->items[i - 1].kind <= item->kind);
            if (item->kind != CARVE_LOG_ENTRY)
                assert_true(range_in(item->off, item->len, img->size));
            if (item->len > 0)
                assert_int_equal(carve_item_read(a->c, item, item->len - 1, &first, 1), STATUS_OK);
        }
        done(a);
        done(b);
        img_free(img);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_image_in_use),
        cmocka_unit_test(header_cut_by_the_end_of_the_file),
        cmocka_unit_test(lost_headers_and_tables),
        cmocka_unit_test(lost_metadata),
        cmocka_unit_test(model_without_header_section),
        cmocka_unit_test(bat_finds_its_geometry),
        cmocka_unit_test(large_bat),
        cmocka_unit_test(bat_of_states_alone),
        cmocka_unit_test(log_history),
        cmocka_unit_test(log_entries_by_state),
        cmocka_unit_test(log_of_a_lost_header),
        cmocka_unit_test(orphans_and_anchors),
        cmocka_unit_test(payload_can_be_left_out),
        cmocka_unit_test(unreadable_pages),
        cmocka_unit_test(time_ends_it),
        cmocka_unit_test(allocations_fail_in_turn),
        cmocka_unit_test(empty_and_tiny_files),
        cmocka_unit_test(a_signature_in_each_page),
        cmocka_unit_test(bent_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
