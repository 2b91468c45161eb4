/* SPDX-License-Identifier: MIT */
/*
 * Carving what hardly a file holds: more of something than is listed, structures of several disks side by side, a log
 * with metadata in it, headers that are all that is left, files at the end of what is looked at. What each becomes, by
 * hand, and the words for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "carve/carve.h"
#include "faulty.h"
#include "image/log_descriptors.h"
#include "report/carve.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

struct odd {
    struct arena *arena;
    struct source *source;
    struct image *image;
    struct carve *c;
};

static void odd_open(struct odd *o, struct source *source, bool no_payload)
{
    *o = (struct odd){.arena = arena_create(LIMIT_MEMORY_DEFAULT), .source = source};
    assert_non_null(o->arena);
    assert_int_equal(image_open(o->arena, source, "odd.vhdx", NULL, NULL, &o->image), STATUS_OK);
    assert_int_equal(carve_run(o->image, &(struct carve_options){.no_payload = no_payload}, &o->c), STATUS_OK);
}

static void odd_done(struct odd *o)
{
    carve_close(o->c);
    image_close(o->image);
    source_close(o->source);
    arena_destroy(o->arena);
}

static const struct carve_item *at(const struct odd *o, enum carve_kind kind, uint64_t off)
{
    for (uint64_t i = 0; i < o->c->item_count; i++)
        if (o->c->items[i].kind == kind && o->c->items[i].off == off)
            return &o->c->items[i];
    return NULL;
}

static char *told(const struct odd *o, enum report_format format)
{
    bool *selected = calloc((size_t)o->c->item_count + 1, sizeof(*selected));
    struct report r = {.format = format, .verbose = true};
    char *text = NULL;
    size_t len = 0;

    assert_non_null(selected);
    for (uint64_t i = 0; i < o->c->item_count; i++)
        selected[i] = true;
    r.out = open_memstream(&text, &len);
    assert_non_null(r.out);
    assert_int_equal(report_begin(&r, NULL), STATUS_OK);
    report_carve(&r, &(struct carve_listing){.carve = o->c, .selected = selected});
    assert_int_equal(report_end(&r), STATUS_OK);
    assert_int_equal(fclose(r.out), 0);
    free(selected);
    return text;
}

static void assert_tells(const struct odd *o, enum report_format format, const char *words)
{
    char *text = told(o, format);
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" is not in\n%s", words, text);
    free(text);
}

/* ---- more than is listed ---- */

static void more_than_is_listed(const char *signature, enum carve_kind kind)
{
    enum { PIECE = 1 << 20 };
    const uint64_t pieces = LIMIT_CARVED_ITEMS / 256 + 1;
    uint8_t *piece = calloc(1, PIECE);
    struct mem_extent *extents = calloc((size_t)pieces, sizeof(*extents));
    struct odd o;

    assert_true(piece != NULL && extents != NULL);
    for (size_t off = 0; off < PIECE; off += 4096)
        memcpy(piece + off, signature, 4);
    for (uint64_t i = 0; i < pieces; i++)
        extents[i] = (struct mem_extent){.off = i * PIECE, .ptr = piece, .len = PIECE};
    odd_open(&o, extents_open(extents, pieces, pieces * PIECE), false);
    assert_int_equal(o.c->counts[kind], LIMIT_CARVED_ITEMS + 256);
    assert_int_equal(o.c->item_count, LIMIT_CARVED_ITEMS + o.c->counts[CARVE_ORPHAN]);
    assert_true(o.c->limited);
    assert_false(o.c->complete);
    assert_int_equal(o.c->stopped, STATUS_OK);
    odd_done(&o);
    free(extents);
    free(piece);
}

static void more_headers_than_are_listed(void **state)
{
    (void)state;
    more_than_is_listed("head", CARVE_HEADER);
}

static void more_log_entries_than_are_listed(void **state)
{
    (void)state;
    more_than_is_listed("loge", CARVE_LOG_ENTRY);
}

/* One entry with more descriptors than are listed, and than are kept in memory. */
static void more_log_pages_than_are_listed(void **state)
{
    const uint32_t count = (uint32_t)LIMIT_CARVED_ITEMS + 3;
    const struct guid session = img_guid(IMG_WINDOWS, 'S', 1);
    struct img *img = img_create(&(struct img_params){.states = "6", .log_len = 16 * MIB});
    struct img_log_desc *descs = calloc(count, sizeof(*descs));
    struct odd o;

    (void)state;
    assert_non_null(descs);
    for (uint32_t i = 0; i < count; i++)
        descs[i] = (struct img_log_desc){.off = 4 * MIB + 4096 * (uint64_t)i, .len = 4096};
    img_log_write(img, 0,
                  &(struct img_log_entry){.sequence_number = 7, .guid = session, .descs = descs, .desc_count = count});
    odd_open(&o, img_source(img), false);
    assert_int_equal(o.c->counts[CARVE_LOG_ENTRY], 1);
    assert_int_equal(o.c->counts[CARVE_LOG_PAGE], count);
    assert_int_equal(o.image->log.entries[0].kept, LOG_NOT_KEPT);
    assert_true(o.c->limited);
    assert_false(o.c->complete);
    odd_done(&o);

    /* The same, and descriptors that could be read when the file was opened cannot be read any more. */
    struct faulty faulty;
    struct source *source = img_source(img);
    o = (struct odd){.arena = arena_create(LIMIT_MEMORY_DEFAULT), .source = source};
    assert_non_null(o.arena);
    assert_int_equal(image_open(o.arena, faulty_over(&faulty, source), "odd.vhdx", NULL, NULL, &o.image), STATUS_OK);
    faulty.bad_off = img->log_off + 1024 * 1024;
    faulty.bad_len = 1;
    assert_int_equal(carve_run(o.image, &(struct carve_options){.no_payload = false}, &o.c), STATUS_OK);
    assert_int_equal(o.c->counts[CARVE_LOG_ENTRY], 1);
    assert_true(o.c->counts[CARVE_LOG_PAGE] < count);
    assert_int_equal(o.c->stopped, STATUS_IO);
    assert_int_equal(o.c->unreadable_count, 2); /* the page, and the entry that is not told to the end */
    assert_int_equal(o.c->unreadable[1].off, img->log_off);
    odd_done(&o);
    free(descs);
    img_free(img);
}

/* Each second page cannot be read: all are counted, the first are listed. */
static enum status every_second(struct source *s, uint64_t off, void *buf, size_t len)
{
    (void)s;
    if (off + len > 4096 + off / 8192 * 8192)
        return STATUS_IO;
    memset(buf, 1, len);
    return STATUS_OK;
}

static enum status all_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    *ret_data = off;
    *ret_hole = s->size;
    return STATUS_OK;
}

static void nothing_to_close(struct source *s)
{
    (void)s;
}

static void more_holes_in_the_disk_than_are_listed(void **state)
{
    static const struct source_ops ops = {.read = every_second, .next_data = all_data, .close = nothing_to_close};
    struct source s = {.ops = &ops, .size = 2 * MIB};
    struct odd o;

    (void)state;
    odd_open(&o, &s, false);
    assert_int_equal(o.c->unreadable_count, 256);
    assert_int_equal(o.c->unreadable_bytes, MIB);
    assert_int_equal(o.c->unreadable_listed, LIMIT_LISTED);
    for (uint64_t i = 0; i < LIMIT_LISTED; i++)
        assert_int_equal(o.c->unreadable[i].off, 4096 + 8192 * i);
    assert_false(o.c->complete);
    odd_done(&o);
}

/* ---- files larger than is looked at ---- */

static void the_end_of_what_is_looked_at(void **state)
{
    static const uint8_t byte[1] = {1};
    const uint64_t end = LIMIT_CARVED_UNITS * MIB;
    const struct mem_extent extents[] = {{.off = end - 4096, .ptr = byte, .len = 1},
                                         {.off = end, .ptr = byte, .len = 1}};
    struct odd o;

    (void)state;
    for (uint64_t last = 0; last < 2; last++) {
        odd_open(&o, extents_open(extents + last, 2 - last, end + MIB), false);
        assert_int_equal(o.c->counts[CARVE_ORPHAN], 1 - last); /* of the last unit that counts, and no other */
        assert_int_equal(o.c->scanned_off, end);
        assert_true(o.c->limited);
        assert_false(o.c->complete);
        odd_done(&o);
    }
}

/* ---- several disks side by side ---- */

static void copy_metadata(struct img *img, uint64_t to, uint64_t virtual_size, uint32_t block_size, uint32_t sector)
{
    static uint8_t bytes[65536];

    for (uint64_t off = 0; off < 2 * sizeof(bytes); off += sizeof(bytes)) {
        img_read(img, img->metadata_off + off, bytes, sizeof(bytes));
        img_write(img, to + off, bytes, sizeof(bytes));
    }
    put_le64(img_bytes(img, to + img->item_off[KNOWN_ITEM_VIRTUAL_DISK_SIZE] - img->metadata_off, 8), virtual_size);
    put_le32(img_bytes(img, to + img->item_off[KNOWN_ITEM_FILE_PARAMETERS] - img->metadata_off, 4), block_size);
    put_le32(img_bytes(img, to + img->item_off[KNOWN_ITEM_LOGICAL_SECTOR_SIZE] - img->metadata_off, 4), sector);
}

/*
 * Geometries that differ in one value each, one of them twice, and more than are tried: the fits of the table are in
 * order, best first, and where they are as good the lower place.
 */
static void many_geometries(void **state)
{
    struct img *img =
        img_create(&(struct img_params){.virtual_size = 64 * MIB, .states = "66666666666666666666666666666666"});
    uint64_t end = img->size, off = end;
    struct odd o;

    (void)state;
    img_resize(img, end + 16 * MIB);
    copy_metadata(img, off += MIB, 64 * MIB, 2 << 20, 512);  /* the very same */
    copy_metadata(img, off += MIB, 128 * MIB, 4 << 20, 512); /* blocks would overlap */
    copy_metadata(img, off += MIB, 64 * MIB, 2 << 20, 4096);
    copy_metadata(img, off += MIB, 64 * MIB, 2 << 20, 512); /* again the same */
    copy_metadata(img, off += MIB, 64 * MIB, 2 << 20, 512); /* of a child */
    img_bytes(img, off + img->item_off[KNOWN_ITEM_FILE_PARAMETERS] - img->metadata_off, 8)[4] |= 2;
    for (uint64_t i = 1; i <= 8; i++)
        copy_metadata(img, off += MIB, (64 + 2 * i) * MIB, 2 << 20, 512);
    odd_open(&o, img_source(img), false);
    assert_int_equal(o.c->counts[CARVE_METADATA], 14);
    const struct carve_item *bat = at(&o, CARVE_BAT, img->bat_off);
    assert_non_null(bat);
    assert_true(bat->in_use);
    const struct carved_fit *fits = bat->u.bat->fits;
    assert_int_equal(bat->u.bat->fit_count, LIMIT_CARVED_GEOMETRIES);
    assert_int_equal(fits[0].metadata_off, img->metadata_off); /* that of today, and the lowest */
    assert_int_equal(fits[0].percent, 100);
    assert_int_equal(fits[1].metadata_off, end + 3 * MIB); /* not that of end + MIB: it is the same again */
    assert_int_equal(fits[LIMIT_CARVED_GEOMETRIES - 1].metadata_off, end + 2 * MIB);
    assert_true(fits[LIMIT_CARVED_GEOMETRIES - 1].percent < 100);
    for (uint32_t i = 1; i < bat->u.bat->fit_count; i++)
        assert_true(fits[i - 1].percent > fits[i].percent ||
                    (fits[i - 1].percent == fits[i].percent && fits[i - 1].metadata_off < fits[i].metadata_off));
    odd_done(&o);
    img_free(img);
}

/* More tables than are tried on geometries; the one in use is tried, however bad it looks. */
static void many_tables(void **state)
{
    enum { TABLES = 40 };
    struct img *img = img_create(&(struct img_params){.virtual_size = 64 * MIB, .states = "66......6"});
    uint64_t end = img->size;
    unsigned tried = 0;
    struct odd o;

    (void)state;
    img_block_set(img, 8, 0, 0);
    img_block_set(img, 1, 6, img_block_off(img, 0)); /* both on one place: it looks worst */
    img_resize(img, 250 * MIB);
    for (uint64_t t = 0; t < TABLES; t++)
        for (uint64_t i = 0; i < 6; i++)
            put_le64(img_bytes(img, end + (2 * t + 1) * MIB + 8 * i, 8), bat_entry_make((200 + 2 * i) * MIB, 6));
    odd_open(&o, img_source(img), false);
    assert_int_equal(o.c->counts[CARVE_BAT], TABLES + 1);
    for (uint64_t i = 0; i < o.c->item_count; i++)
        if (o.c->items[i].kind == CARVE_BAT && o.c->items[i].u.bat->fit_count > 0)
            tried++;
    assert_int_equal(tried, LIMIT_CARVED_BATS + 1);
    assert_int_equal(at(&o, CARVE_BAT, img->bat_off)->u.bat->fit_count, 1);
    odd_done(&o);

    /* Without the header section the best of them is the model's: of two that fit as well, the one with more blocks. */
    img_fill(img, 0, MIB, 0);
    put_le64(img_bytes(img, end + 5 * MIB + 8 * 6, 8), bat_entry_make(212 * MIB, 6));
    odd_open(&o, img_source(img), false);
    assert_int_equal(o.c->model, CARVE_MODEL_ASSUMED);
    assert_int_equal(o.c->bat_off, end + 5 * MIB);
    odd_done(&o);
    img_free(img);
}

/* Pages that look a little like a BAT, and are none: a zero first and small numbers, and one entry too odd. */
static void pages_that_are_no_table(void **state)
{
    struct img *img = img_create(&(struct img_params){.virtual_size = 4096 * MIB, .states = "6"});
    uint64_t end = img->size;
    struct odd o;

    (void)state;
    img_resize(img, end + 8 * MIB);
    put_le64(img_bytes(img, end + MIB + 8, 8), 2);
    for (uint64_t i = 0; i < 20; i++)
        put_le64(img_bytes(img, end + 3 * MIB + 8 * i, 8), i == 7 ? 4 : 2);
    odd_open(&o, img_source(img), false);
    assert_int_equal(o.c->counts[CARVE_BAT], 1);
    odd_done(&o);
    /* Two blocks on one place look bad, but among a thousand states that fit it is a table. */
    for (uint64_t i = 0; i < 1000; i++)
        put_le64(img_bytes(img, end + 5 * MIB + 8 * i, 8), i < 2 ? bat_entry_make(end + 6 * MIB, 6) : 2);
    odd_open(&o, img_source(img), false);
    assert_int_equal(o.c->counts[CARVE_BAT], 2);
    assert_non_null(at(&o, CARVE_BAT, end + 5 * MIB));
    assert_true(at(&o, CARVE_BAT, end + 5 * MIB)->u.bat->score < 40);
    odd_done(&o);
    /* Of a table in use odd entries are told. */
    for (uint64_t block = 1; block < 20; block++)
        img_bat_set(img, block, block == 5 ? 4 : 2);
    odd_open(&o, img_source(img), false);
    assert_int_equal(at(&o, CARVE_BAT, img->bat_off)->u.bat->guess.odd, 1);
    assert_tells(&o, REPORT_TEXT, ", 1 odd");
    odd_done(&o);
    img_free(img);
}

/* States and idle places, one for each block, are a table when nothing speaks against any of them. */
static void a_table_without_blocks(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "6666666666", .data = IMG_DATA_NONE});
    uint64_t end = img->size;
    struct odd o;

    (void)state;
    img_resize(img, end + 60 * MIB);
    for (uint64_t i = 0; i < 10; i++)
        put_le64(img_bytes(img, end + MIB + 8 * i, 8), bat_entry_make(end + (10 + 2 * i) * MIB, PAYLOAD_UNMAPPED));
    for (unsigned same = 0; same < 2; same++) {
        odd_open(&o, img_source(img), false);
        assert_int_equal(o.c->counts[CARVE_BAT], same ? 1 : 2);
        assert_int_equal(at(&o, CARVE_BAT, end + MIB) == NULL, same);
        if (!same)
            assert_int_equal(at(&o, CARVE_BAT, end + MIB)->u.bat->guess.live, 0);
        odd_done(&o);
        /* Two blocks had one place. */
        put_le64(img_bytes(img, end + MIB + 8 * 9, 8), bat_entry_make(end + 26 * MIB, PAYLOAD_UNMAPPED));
    }
    img_free(img);
}

/* Metadata that says it is longer than a region can be, than the file is, and than it was taken for. */
static void long_metadata(void **state)
{
    static const struct {
        uint32_t off, len;
        uint64_t expected;
    } rows[] = {
        {.off = 2 << 20, .len = 4096, .expected = 3 * MIB},
        {.off = 64 << 20, .len = 4096, .expected = MIB}, /* behind the end of the file */
        {.off = 0xffe00000, .len = 1 << 20, .expected = MIB},
    };
    struct odd o;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct img *img = img_create(&(struct img_params){.states = "6"});
        uint64_t to = img->size;
        img_resize(img, to + 4 * MIB);
        copy_metadata(img, to, 20 * MIB, 2 << 20, 512);
        uint8_t *entry = img_bytes(img, to + img->item_entry_off[KNOWN_ITEM_VIRTUAL_DISK_ID] - img->metadata_off, 32);
        put_le32(entry + 16, rows[i].off);
        put_le32(entry + 20, rows[i].len);
        odd_open(&o, img_source(img), false);
        assert_non_null(at(&o, CARVE_METADATA, to));
        assert_int_equal(at(&o, CARVE_METADATA, to)->len, rows[i].expected);
        assert_true(at(&o, CARVE_METADATA, to)->u.metadata->decoded);
        odd_done(&o);
        img_free(img);
    }
}

/* ---- what is left of headers ---- */

/* The one that the table goes with is not the first. */
static void a_model_of_later_metadata(void **state)
{
    struct img *img = img_create(&(struct img_params){.virtual_size = 64 * MIB, .states = "6666666666666666"});
    uint64_t end = img->size;
    struct odd o;

    (void)state;
    img_resize(img, end + 2 * MIB);
    copy_metadata(img, end, 64 * MIB, 2 << 20, 512);
    copy_metadata(img, img->metadata_off, 128 * MIB, 4 << 20, 512);
    img_fill(img, 0, MIB, 0);
    odd_open(&o, img_source(img), false);
    assert_int_equal(o.c->model, CARVE_MODEL_ASSUMED);
    assert_int_equal(o.c->metadata_off, end);
    assert_int_equal(o.c->bat_off, img->bat_off);
    assert_int_equal(o.c->view->geometry.block_size, 2 << 20);
    odd_done(&o);
    img_free(img);
}

static void put_header(struct img *img, uint64_t off, uint64_t sequence, uint64_t log_off, bool right)
{
    struct header h;
    uint8_t bytes[HEADER_LEN];

    memcpy(bytes, img_header(img, 0), sizeof(bytes));
    assert_true(header_decode(span_of(bytes, sizeof(bytes)), &h));
    h.sequence_number = sequence;
    h.log_off = log_off;
    h.log_len = MIB;
    header_encode(&h, bytes);
    bytes[4] ^= right ? 0 : 0xff;
    img_write(img, off, bytes, sizeof(bytes));
}

/* The log that an assumed model keeps clear of is that of the best header found anywhere. */
static void the_log_of_the_best_header(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "666.6666.6"});
    uint64_t end = img->size;
    struct odd o;

    (void)state;
    img_resize(img, end + 40 * MIB);
    put_header(img, end + MIB + 0x1000, 9, end + 20 * MIB, false); /* newest, and damaged */
    put_header(img, end + MIB + 0x3000, 4, end + 22 * MIB, true);
    put_header(img, end + MIB + 0x5000, 6, end + 24 * MIB, true); /* the best one */
    put_header(img, end + MIB + 0x7000, 5, end + 26 * MIB, true);
    put_header(img, end + MIB + 0x9000, 8, end + 28 * MIB, false);
    memcpy(img_bytes(img, end + MIB + 0xb000, 4), "head", 4); /* no header at all */
    img_fill(img, 0, MIB, 0);
    odd_open(&o, img_source(img), false);
    assert_int_equal(o.c->model, CARVE_MODEL_ASSUMED);
    assert_int_equal(o.c->counts[CARVE_HEADER], 6);
    assert_int_equal(o.c->view->log_off, end + 24 * MIB);
    assert_int_equal(o.c->view->log_len, MIB);
    odd_done(&o);
    img_free(img);
}

/* ---- logs ---- */

static const struct carved_log_page *page_for(const struct odd *o, uint64_t target)
{
    for (uint64_t i = 0; i < o->c->item_count; i++)
        if (o->c->items[i].kind == CARVE_LOG_PAGE && o->c->items[i].u.log_page->target == target)
            return o->c->items[i].u.log_page;
    fail_msg("no page for 0x%llx", (unsigned long long)target);
    return NULL;
}

/* Pages of metadata, of a region nobody knows, of zeros behind the end: of each is told what it is, and what it says.
 */
static void pages_of_everything(void **state)
{
    const struct guid session = img_guid(IMG_WINDOWS, 'S', 1), other = img_guid(IMG_WINDOWS, 'R', 5);
    struct img *img = img_create(&(struct img_params){.states = "6.62M....6"});
    uint64_t region = img->size, items = img->metadata_off + 65536;
    struct odd o;

    (void)state;
    img_resize(img, region + 4 * MIB);
    img_region_add(img, &(struct region_entry){.guid = other, .off = region, .len = (uint32_t)MIB});
    uint8_t *page = img_page_copy(img, items);
    put_le64(page + img->item_off[KNOWN_ITEM_VIRTUAL_DISK_SIZE] - items, 10 * MIB);
    put_le32(page + img->item_off[KNOWN_ITEM_FILE_PARAMETERS] - items, 4 << 20);
    const struct img_log_desc descs[] = {
        {.off = items, .page = page},
        {.off = img->metadata_off, .page = img_page_copy(img, img->metadata_off)},
        {.off = items + 4096, .page = img_page_copy(img, items + 4096)},
        {.off = region, .page = img_page_copy(img, region)},
        {.off = HEADER_OFF[0], .page = img_page_copy(img, HEADER_OFF[0])},
        {.off = HEADER_SECTION_RESERVED_OFF, .page = img_page_copy(img, HEADER_SECTION_RESERVED_OFF)},
        {.off = REGION_TABLE_OFF[1], .page = img_page_copy(img, REGION_TABLE_OFF[1])},
        {.off = region + 4 * MIB - 4096, .len = 8192},
        {.off = UINT64_MAX - 4095, .len = 8192},
    };
    img_log_write(img, 0x1000,
                  &(struct img_log_entry){.sequence_number = 5,
                                          .tail = 0x1000,
                                          .guid = session,
                                          .descs = descs,
                                          .desc_count = sizeof(descs) / sizeof(descs[0])});
    /* Another log, that a header far behind speaks of. */
    put_header(img, region + 2 * MIB, 3, region + 3 * MIB, true);
    uint64_t len = 0;
    uint8_t *entry = img_log_build(
        img, &(struct img_log_entry){.sequence_number = 2, .guid = session, .descs = descs, .desc_count = 1}, &len);
    img_write(img, region + 3 * MIB, entry, (size_t)len);
    free(entry);
    odd_open(&o, img_source(img), false);
    assert_int_equal(o.c->counts[CARVE_LOG_ENTRY], 2);
    assert_int_equal(o.c->counts[CARVE_LOG_PAGE], 10);
    assert_int_equal(page_for(&o, HEADER_OFF[0])->kind, CARVED_ELSEWHERE);
    assert_int_equal(page_for(&o, HEADER_SECTION_RESERVED_OFF)->kind, CARVED_ELSEWHERE);
    assert_int_equal(page_for(&o, REGION_TABLE_OFF[1])->kind, CARVED_REGION_TABLES);
    const struct carved_log_page *p = page_for(&o, items);
    assert_int_equal(p->kind, CARVED_METADATA);
    assert_int_equal(p->now, CARVED_DIFFERENT);
    assert_true(p->have_virtual_size && p->have_block_size);
    assert_int_equal(p->virtual_size, 10 * MIB);
    assert_int_equal(p->block_size, 4 << 20);
    p = page_for(&o, img->metadata_off); /* items lie behind it */
    assert_int_equal(p->kind, CARVED_METADATA);
    assert_false(p->have_virtual_size || p->have_block_size);
    p = page_for(&o, items + 4096); /* and before this one */
    assert_false(p->have_virtual_size || p->have_block_size);
    assert_int_equal(page_for(&o, region)->kind, CARVED_REGION);
    assert_int_equal(page_for(&o, region)->now, CARVED_SAME);
    assert_int_equal(page_for(&o, region + 4 * MIB - 4096)->now, CARVED_UNKNOWN);
    assert_int_equal(page_for(&o, UINT64_MAX - 4095)->now, CARVED_UNKNOWN);
    /* Pages of the lower log first. */
    uint64_t first = o.c->item_count;
    for (uint64_t i = o.c->item_count; i > 0; i--)
        first = o.c->items[i - 1].kind == CARVE_LOG_PAGE ? i - 1 : first;
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(o.c->items[first + i].u.log_page->log->off, i < 9 ? img->log_off : region + 3 * MIB);
    assert_tells(&o, REPORT_TEXT, ": disk of 10 MiB, blocks of 4 MiB");
    assert_tells(&o, REPORT_JSON, "\"virtual_size\":\"0xa00000\"");
    assert_tells(&o, REPORT_JSON, "\"block_size\":4194304");
    odd_done(&o);

    /* A page without the one item, and a disk without it. */
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
    odd_open(&o, img_source(img), false);
    p = page_for(&o, items);
    assert_int_equal(p->kind, CARVED_METADATA);
    assert_false(p->have_virtual_size);
    assert_true(p->have_block_size);
    assert_tells(&o, REPORT_TEXT, ": blocks of 4 MiB");
    odd_done(&o);
    img_free(img);
}

/* ---- old places of blocks ---- */

/* Two anchors side by side are one run; an anchor and what nobody ever owned behind it are two. */
static void orphans_of_several_owners(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "66MM....66"});
    uint64_t first = img_block_off(img, 2);
    struct odd o;

    (void)state;
    uint64_t end = img->size;
    img_fill(img, first, 4 * MIB, 0x11);
    memcpy(img_bytes(img, end - 2 * MIB + 0x5000, 4), "head", 4);
    img_resize(img, end + 2 * MIB);
    img_fill(img, end, 2 * MIB, 0x22);
    img_block_set(img, 5, 3, end - 2 * MIB); /* the old place of a block in use: that counts more */
    img_block_set(img, 6, 3, end);           /* the half of it: the file ends */
    img_resize(img, end + 4 * MIB);
    img_fill(img, end + 2 * MIB, MIB, 0x33); /* follows the anchor, and was never a block */
    odd_open(&o, img_source(img), false);
    assert_int_equal(img_block_off(img, 3), first + 2 * MIB);
    assert_int_equal(at(&o, CARVE_ORPHAN, first)->len, 4 * MIB);
    assert_int_equal(at(&o, CARVE_ORPHAN, first)->owner, OWNER_ANCHOR);
    assert_int_equal(at(&o, CARVE_ORPHAN, end)->len, 2 * MIB);
    assert_int_equal(at(&o, CARVE_ORPHAN, end)->owner, OWNER_ANCHOR);
    assert_int_equal(at(&o, CARVE_ORPHAN, end + 2 * MIB)->owner, OWNER_NONE);
    assert_int_equal(at(&o, CARVE_HEADER, end - 2 * MIB + 0x5000)->owner, OWNER_PAYLOAD);
    assert_int_equal(at(&o, CARVE_HEADER, end - 2 * MIB + 0x5000)->block, 9);
    /* Behind its last byte an item has no data. */
    const struct carve_item *item = at(&o, CARVE_ORPHAN, first);
    uint64_t data, data_end;
    assert_int_equal(carve_item_next_data(o.c, item, item->len, &data, &data_end), STATUS_OK);
    assert_int_equal(data, item->len);
    odd_done(&o);
    img_free(img);
}

/* A file of nothing: there is nothing to tell. */
static void no_item_at_all(void **state)
{
    struct odd o;

    (void)state;
    odd_open(&o, extents_open(NULL, 0, 8 * MIB), false);
    assert_int_equal(o.c->item_count, 0);
    assert_true(o.c->complete);
    assert_int_equal(o.c->data_bytes, 0);
    odd_done(&o);
}

/* More region tables than are decoded: the rest is counted, and says so. */
static void more_tables_than_are_decoded(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "6"});
    uint64_t end = img->size;
    struct odd o;

    (void)state;
    img_resize(img, end + 8 * MIB);
    for (uint64_t i = 0; i < LIMIT_CARVED_DECODED; i++)
        memcpy(img_bytes(img, end + 4096 * i, 4), "regi", 4);
    odd_open(&o, img_source(img), false);
    assert_int_equal(o.c->counts[CARVE_REGION_TABLE], LIMIT_CARVED_DECODED + 2);
    assert_true(at(&o, CARVE_REGION_TABLE, end + 4096 * (LIMIT_CARVED_DECODED - 3))->u.region_table->decoded);
    assert_false(at(&o, CARVE_REGION_TABLE, end + 4096 * (LIMIT_CARVED_DECODED - 2))->u.region_table->decoded);
    assert_tells(&o, REPORT_TEXT, "not decoded: too many of them");
    assert_tells(&o, REPORT_JSON, "\"decoded\":false");
    odd_done(&o);

    img_resize(img, end + 65 * MIB);
    for (uint64_t i = 0; i < LIMIT_CARVED_DECODED; i++)
        memcpy(img_bytes(img, end + 65536 * i, 8), "metadata", 8);
    odd_open(&o, img_source(img), false);
    assert_int_equal(o.c->counts[CARVE_METADATA], LIMIT_CARVED_DECODED + 1);
    assert_true(at(&o, CARVE_METADATA, end + 65536 * (LIMIT_CARVED_DECODED - 2))->u.metadata->decoded);
    assert_false(at(&o, CARVE_METADATA, end + 65536 * (LIMIT_CARVED_DECODED - 1))->u.metadata->decoded);
    odd_done(&o);
    img_free(img);
}

/* ---- rings ---- */

/* One log entry in each of these units, from 1 MiB on. */
static struct mem_extent *entries_every(uint64_t units, uint64_t step)
{
    static const uint8_t page[4096] = "loge";
    struct mem_extent *extents = calloc((size_t)units, sizeof(*extents));

    assert_non_null(extents);
    for (uint64_t i = 0; i < units; i++)
        extents[i] = (struct mem_extent){.off = (1 + i * step) * MIB, .ptr = page, .len = sizeof(page)};
    return extents;
}

static void more_rings_than_are_looked_at(void **state)
{
    const uint64_t units = LIMIT_CARVED_RINGS + 2;
    struct mem_extent *extents = entries_every(units, 2);
    struct odd o;

    (void)state;
    odd_open(&o, extents_open(extents, units, (2 * units + 1) * MIB), false);
    assert_int_equal(o.c->counts[CARVE_LOG_ENTRY], LIMIT_CARVED_RINGS + 1);
    assert_true(o.c->limited);
    assert_false(o.c->complete);
    odd_done(&o);
    free(extents);
}

/* LogLength is 32 bits wide: what is longer is taken for two logs. */
static void a_ring_longer_than_can_be(void **state)
{
    const uint64_t units = 4096;
    struct mem_extent *extents = entries_every(units, 1);
    struct odd o;

    (void)state;
    odd_open(&o, extents_open(extents, units, (units + 2) * MIB), false);
    assert_int_equal(o.c->counts[CARVE_LOG_ENTRY], units);
    assert_int_equal(at(&o, CARVE_LOG_ENTRY, MIB)->u.log_entry->log->len, 4095 * MIB);
    assert_int_equal(at(&o, CARVE_LOG_ENTRY, units * MIB)->u.log_entry->log->off, units * MIB);
    odd_done(&o);
    free(extents);
}

/* The log of the file itself, behind all that is looked at. */
static void a_log_behind_the_end_of_what_is_looked_at(void **state)
{
    const struct guid session = img_guid(IMG_WINDOWS, 'S', 1);
    const uint64_t off = LIMIT_CARVED_UNITS * MIB + MIB;
    struct img *img = img_create(&(struct img_params){.states = "6"});
    struct odd o;

    (void)state;
    img_resize(img, off + MIB);
    for (unsigned slot = 0; slot < 2; slot++)
        put_le64(img_header(img, slot) + IMG_HEADER_LOG_OFF, off);
    img_sign_headers(img);
    uint64_t len = 0;
    uint8_t *entry = img_log_build(img, &(struct img_log_entry){.sequence_number = 2, .guid = session}, &len);
    img_write(img, off, entry, (size_t)len);
    free(entry);
    odd_open(&o, img_source(img), false);
    assert_non_null(at(&o, CARVE_LOG_ENTRY, off));
    assert_true(o.c->limited);
    odd_done(&o);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_headers_than_are_listed),
        cmocka_unit_test(more_log_entries_than_are_listed),
        cmocka_unit_test(more_rings_than_are_looked_at),
        cmocka_unit_test(a_ring_longer_than_can_be),
        cmocka_unit_test(a_log_behind_the_end_of_what_is_looked_at),
        cmocka_unit_test(a_model_of_later_metadata),
        cmocka_unit_test(more_log_pages_than_are_listed),
        cmocka_unit_test(more_holes_in_the_disk_than_are_listed),
        cmocka_unit_test(the_end_of_what_is_looked_at),
        cmocka_unit_test(many_geometries),
        cmocka_unit_test(many_tables),
        cmocka_unit_test(a_table_without_blocks),
        cmocka_unit_test(pages_that_are_no_table),
        cmocka_unit_test(long_metadata),
        cmocka_unit_test(the_log_of_the_best_header),
        cmocka_unit_test(pages_of_everything),
        cmocka_unit_test(orphans_of_several_owners),
        cmocka_unit_test(no_item_at_all),
        cmocka_unit_test(more_tables_than_are_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
