/* SPDX-License-Identifier: MIT */
/*
 * Copies of metadata of images in rare shapes: a locator that is nothing but its table, a log over the metadata, a log
 * that moves it. The copy has the errors of its original, no more and no fewer, and holds no secret of it; it is told
 * when a GUID cannot be replaced, when the changes take more memory than they may, and when the host fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "cases.h"
#include "fault_sites.h"
#include "format/log_entry.h"
#include "write/metadump.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

enum { PIECE = 65536, SECRET_UNITS = 10 };

static const struct guid stranger = {{0x77, 1, 2, 3}};

static void put_secret(uint8_t *p)
{
    for (int i = 0; i < SECRET_UNITS; i++)
        put_le16(p + 2 * i, (uint16_t) "Schatztruhe"[i]);
}

/* ---- shapes ---- */

static uint8_t *logged(struct img *img, uint64_t off, struct img_log_desc *ret)
{
    uint64_t page = off / LOG_SECTOR_LEN * LOG_SECTOR_LEN;
    uint8_t *copy = img_page_copy(img, page);

    *ret = (struct img_log_desc){.off = page, .page = copy};
    return copy + (off - page);
}

static void lose_region(struct img *img, enum known_guid which)
{
    for (unsigned copy = 0; copy < 2; copy++)
        img_region_find(img, copy, which)[0] ^= 1;
    img_sign_region_tables(img);
}

static void item_of_the_locator_type(struct img *img)
{
    uint8_t bytes[2 * SECRET_UNITS];

    put_secret(bytes);
    img_metadata_add(
        img,
        &(struct metadata_entry){.item_id = *known_guid(KNOWN_LOCATOR_TYPE_VHDX), .off = 0x20000, .len = sizeof(bytes)},
        bytes);
}

static void endless_item(struct img *img)
{
    for (unsigned copy = 0; copy < 2; copy++)
        put_le32(img_region_find(img, copy, KNOWN_REGION_METADATA) + 24, 0x400000);
    img_sign_region_tables(img);
    put_le32(img_metadata_entry(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE) + 20, METADATA_ITEM_MAX + 8);
}

static void table_signature_alone(struct img *img)
{
    img_fill(img, 0, 8, 0x11);
    for (unsigned i = 0; i < 2; i++) {
        img_header(img, i)[100] ^= 1;
        img_region_table(img, i)[100] ^= 1;
    }
}

static void one_signature_left(struct img *img)
{
    table_signature_alone(img);
    img_header(img, 1)[0] ^= 1;
    img_region_table(img, 1)[0] ^= 1;
    put_secret(img_header(img, 1) + 200);
}

static void cut_in_a_table(struct img *img)
{
    img_resize(img, 0x48000);
}

static void key_of_the_same_length(struct img *img)
{
    static const struct locator_string pairs[] = {{"parent_linkage", "{83ed3ec3-24d7-4dc0-a1a4-b8eb1d9f6a01}"},
                                                  {"pfad_zu_ihm", "Schatztruhe"}};

    img_set_locator(img, pairs, 2);
}

static void locator_of_a_header(struct img *img)
{
    uint8_t item[20] = {0};

    memcpy(item, known_guid(KNOWN_LOCATOR_TYPE_VHDX)->bytes, 16);
    put_le16(item + 18, 5);
    img_set_locator_bytes(img, item, sizeof(item));
}

static void locator_of_a_table(struct img *img)
{
    uint8_t item[32] = {0};

    memcpy(item, known_guid(KNOWN_LOCATOR_TYPE_VHDX)->bytes, 16);
    put_le16(item + 18, 1);
    img_set_locator_bytes(img, item, sizeof(item));
}

static void locator_outside(struct img *img)
{
    put_le32(img_metadata_entry(img, KNOWN_ITEM_PARENT_LOCATOR) + 16, (uint32_t)img->metadata_len);
}

static void locator_of_nothing(struct img *img)
{
    put_le32(img_metadata_entry(img, KNOWN_ITEM_PARENT_LOCATOR) + 20, 0);
}

/* A page of metadata in the log, of another place than the disk's id, or of an image that has none. */
static void log_writes_items(struct img *img)
{
    struct img_log_desc pages[2];

    put_secret(logged(img, img->metadata_off + 0x11000, &pages[0]));
    put_secret(logged(img, img->metadata_off + 0x30000, &pages[1]));
    img_make_dirty(img, pages, 2);
}

static void log_writes_items_without_id(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_ID);
    log_writes_items(img);
}

static void log_writes_everywhere(struct img *img)
{
    struct img_log_desc pages[5];

    put_secret(logged(img, 0x60000, &pages[0]));
    *logged(img, img->bat_off + 0x80000, &pages[1]) ^= 1;
    put_secret(logged(img, img->metadata_off + 0x30000, &pages[2]));
    put_secret(logged(img, img->payload_off, &pages[3]));
    pages[4] = (struct img_log_desc){.off = img->metadata_off + 0xf0000, .page = img_page_copy(img, img->size + MIB)};
    img_make_dirty(img, pages, 5);
}

static void log_writes_and_nothing_is_named(struct img *img)
{
    lose_region(img, KNOWN_REGION_BAT);
    lose_region(img, KNOWN_REGION_METADATA);
    log_writes_everywhere(img);
}

/* Where an unknown region lies, which nobody knows what it holds. */
static void log_writes_to_another_region(struct img *img)
{
    struct img_log_desc page;

    img_resize(img, img->size + MIB);
    img_region_add(img, &(struct region_entry){
                            .guid = img_guid(IMG_WINDOWS, 'R', 1), .off = img->size - MIB, .len = (uint32_t)MIB});
    put_secret(logged(img, img->size - MIB, &page));
    img_make_dirty(img, &page, 1);
}

static void log_writes_zeros_to_a_block(struct img *img)
{
    struct img_log_desc page;

    memset(logged(img, img->payload_off, &page), 0, LOG_SECTOR_LEN);
    img_make_dirty(img, &page, 1);
}

/* By the log both tables name other metadata, or none. */
static void log_changes_tables(struct img *img, bool elsewhere)
{
    struct img_log_desc pages[3];
    struct img *after = img_clone(img);

    for (unsigned copy = 0; copy < 2; copy++) {
        if (elsewhere)
            put_le64(img_region_find(after, copy, KNOWN_REGION_METADATA) + 16, img->size - MIB);
        else
            img_region_find(after, copy, KNOWN_REGION_METADATA)[0] ^= 1;
    }
    img_sign_region_tables(after);
    for (unsigned copy = 0; copy < 2; copy++)
        img_read(after, REGION_TABLE_OFF[copy], logged(img, REGION_TABLE_OFF[copy], &pages[copy]), LOG_SECTOR_LEN);
    put_secret(logged(img, img->metadata_off + 0x30000, &pages[2]));
    img_make_dirty(img, pages, 3);
    img_free(after);
}

static void log_moves_the_metadata(struct img *img)
{
    log_changes_tables(img, true);
}

static void log_forgets_the_metadata(struct img *img)
{
    log_changes_tables(img, false);
}

/* The log has the locator's entry as it is now; what the file has is another one. */
static void log_brings_the_locator(struct img *img)
{
    struct img_log_desc page;

    (void)logged(img, img->metadata_off, &page);
    img_make_dirty(img, &page, 1);
}

static void log_brings_the_locator_back(struct img *img)
{
    log_brings_the_locator(img);
    img_metadata_entry(img, KNOWN_ITEM_PARENT_LOCATOR)[0] ^= 1;
}

static void log_brings_the_locator_into_the_region(struct img *img)
{
    log_brings_the_locator(img);
    put_le32(img_metadata_entry(img, KNOWN_ITEM_PARENT_LOCATOR) + 16, (uint32_t)img->metadata_len);
}

static void log_brings_the_locator_to_its_place(struct img *img)
{
    log_brings_the_locator(img);
    put_le32(img_metadata_entry(img, KNOWN_ITEM_PARENT_LOCATOR) + 16, 0x20000);
}

/* By the log there is an entry for it, and no item. */
static void log_takes_the_locator(struct img *img, size_t field, uint32_t value)
{
    struct img_log_desc page;
    uint64_t entry = img->item_entry_off[KNOWN_ITEM_PARENT_LOCATOR];

    put_le32(logged(img, entry, &page) + field, value);
    img_make_dirty(img, &page, 1);
}

static void log_moves_the_locator_out(struct img *img)
{
    log_takes_the_locator(img, 16, (uint32_t)img->metadata_len);
}

static void log_empties_the_locator(struct img *img)
{
    log_takes_the_locator(img, 20, 0);
}

/* Many descriptors of an entry that cannot be read: their second sector begins with one. */
static void unreadable(struct img *img, bool pages)
{
    static struct img_log_desc descs[150];

    for (size_t i = 0; i < 150; i++)
        descs[i] = (struct img_log_desc){.off = img->payload_off + i * LOG_SECTOR_LEN,
                                         .page = pages ? img_page_copy(img, img->payload_off) : NULL,
                                         .len = pages ? 0 : LOG_SECTOR_LEN};
    img_log_begin(img, 0, 1);
    (void)img_log_write(
        img, 0,
        &(struct img_log_entry){.sequence_number = 1, .descs = descs, .desc_count = 150, .flags = IMG_LOG_BAD_CRC});
}

static void unreadable_zeros(struct img *img)
{
    unreadable(img, false);
}

static void unreadable_pages(struct img *img)
{
    unreadable(img, true);
}

static void log_ends_with_the_file(struct img *img)
{
    put_secret(img_bytes(img, img->log_off + 0x8000, 64));
    img_resize(img, img->log_off + 0x8000 + 100);
}

static void log_of_no_sector(struct img *img)
{
    for (unsigned slot = 0; slot < 2; slot++)
        put_le32(img_header(img, slot) + IMG_HEADER_LOG_LEN, 100);
    img_sign_headers(img);
}

/* The ring goes on over the metadata, and an entry lies there. */
static void log_over_metadata(struct img *img)
{
    struct img_log_desc page;
    uint64_t len = img->log_len;

    for (unsigned slot = 0; slot < 2; slot++)
        put_le32(img_header(img, slot) + IMG_HEADER_LOG_LEN, (uint32_t)(len + MIB));
    img_sign_headers(img);
    (void)logged(img, img->bat_off, &page);
    img->log_len = len + MIB;
    img_log_begin(img, 0, 1);
    (void)img_log_write(img, (uint32_t)len - LOG_SECTOR_LEN,
                        &(struct img_log_entry){.sequence_number = 1,
                                                .tail = (uint32_t)len - LOG_SECTOR_LEN,
                                                .descs = &page,
                                                .desc_count = 1,
                                                .extra_sectors = 2});
    img->log_len = len;
}

/* A header says that the log goes on over the metadata, which lies there all the same. */
static void long_log(struct img *img)
{
    for (unsigned slot = 0; slot < 2; slot++)
        put_le32(img_header(img, slot) + IMG_HEADER_LOG_LEN, (uint32_t)(img->log_len + MIB));
    img_sign_headers(img);
}

/* What only the second header knows is met when headers are written. */
static void header_without_signature(struct img *img)
{
    img_header(img, 1)[0] ^= 1;
    img_header(img, 1)[IMG_HEADER_FILE_WRITE_GUID] ^= 1;
}

/* And of an entry that cannot be read when its sector is. */
static void unreadable_entry_of_another_log(struct img *img)
{
    (void)img_log_write(
        img, 0,
        &(struct img_log_entry){.sequence_number = 1, .guid = img_guid(IMG_WINDOWS, 'S', 7), .flags = IMG_LOG_BAD_CRC});
}

/* Descriptors of more than a sector. */
static void many_descriptors(struct img *img)
{
    static struct img_log_desc descs[150];

    for (size_t i = 0; i < 150; i++)
        descs[i] =
            (struct img_log_desc){.off = img->metadata_off + 0x20000 + i * LOG_SECTOR_LEN, .len = LOG_SECTOR_LEN};
    img_log_begin(img, 0, 1);
    (void)img_log_write(
        img, 0, &(struct img_log_entry){.sequence_number = 1, .descs = descs, .desc_count = 150, .extra_sectors = 2});
}

static void many_strangers(struct img *img)
{
    for (uint32_t i = 0; i < 40; i++) {
        struct metadata_entry e = {.item_id = stranger, .off = 0x30000 + i * 0x1000, .len = 32};
        uint8_t bytes[32] = {1, 2, 3};
        put_le32(e.item_id.bytes + 4, i);
        put_secret(bytes + 8);
        img_metadata_add(img, &e, bytes);
    }
}

struct shape {
    const char *name;
    struct img_params params;
    void (*bend)(struct img *img);
};
static const struct shape shapes[] = {
    {"an item of the locator type", {.type = IMG_DYNAMIC}, item_of_the_locator_type},
    {"an item without end", {.type = IMG_DYNAMIC}, endless_item},
    {"signatures alone", {.type = IMG_DYNAMIC}, table_signature_alone},
    {"one signature", {.type = IMG_DYNAMIC}, one_signature_left},
    {"cut in a table", {.type = IMG_DYNAMIC}, cut_in_a_table},
    {"a key of the same length", {.type = IMG_DIFFERENCING}, key_of_the_same_length},
    {"a locator of a header", {.type = IMG_DIFFERENCING}, locator_of_a_header},
    {"a locator of a table", {.type = IMG_DIFFERENCING}, locator_of_a_table},
    {"a locator outside", {.type = IMG_DIFFERENCING}, locator_outside},
    {"a locator of nothing", {.type = IMG_DIFFERENCING}, locator_of_nothing},
    {"items in the log", {.type = IMG_DIFFERENCING}, log_writes_items},
    {"items in the log, no id", {.type = IMG_DYNAMIC}, log_writes_items_without_id},
    {"pages of all kinds", {.type = IMG_DYNAMIC}, log_writes_everywhere},
    {"pages of all kinds, nothing is named", {.type = IMG_DYNAMIC}, log_writes_and_nothing_is_named},
    {"a page of another region", {.type = IMG_DYNAMIC}, log_writes_to_another_region},
    {"zeros to a block", {.type = IMG_DYNAMIC}, log_writes_zeros_to_a_block},
    {"the log moves the metadata", {.type = IMG_DYNAMIC}, log_moves_the_metadata},
    {"the log forgets the metadata", {.type = IMG_DYNAMIC}, log_forgets_the_metadata},
    {"the log brings the locator", {.type = IMG_DIFFERENCING}, log_brings_the_locator},
    {"the log brings the locator back", {.type = IMG_DIFFERENCING}, log_brings_the_locator_back},
    {"the log brings the locator into the region", {.type = IMG_DIFFERENCING}, log_brings_the_locator_into_the_region},
    {"the log brings the locator to its place", {.type = IMG_DIFFERENCING}, log_brings_the_locator_to_its_place},
    {"the log moves the locator out", {.type = IMG_DIFFERENCING}, log_moves_the_locator_out},
    {"the log empties the locator", {.type = IMG_DIFFERENCING}, log_empties_the_locator},
    {"zeros that cannot be read", {.type = IMG_DYNAMIC}, unreadable_zeros},
    {"pages that cannot be read", {.type = IMG_DYNAMIC}, unreadable_pages},
    {"a log that ends with the file", {.log_off = 32 << 20}, log_ends_with_the_file},
    {"a log of no sector", {.type = IMG_DYNAMIC}, log_of_no_sector},
    {"a log over the metadata", {.type = IMG_DYNAMIC}, log_over_metadata},
    {"a long log", {.type = IMG_DYNAMIC}, long_log},
    {"a header without signature", {.type = IMG_DYNAMIC}, header_without_signature},
    {"an unreadable entry of another log", {.type = IMG_DYNAMIC}, unreadable_entry_of_another_log},
    {"many descriptors", {.type = IMG_DYNAMIC}, many_descriptors},
    {"many strangers", {.type = IMG_DYNAMIC}, many_strangers},
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

/* ---- copies ---- */

struct mixing {
    uint64_t left; /* GUIDs that can still be replaced */
};

static bool mix(void *ctx, const struct guid *g, uint8_t out[16])
{
    struct mixing *m = ctx;

    for (int i = 0; i < 16; i++)
        out[i] = (uint8_t)(g->bytes[i] * 7 + 0x31 + i);
    return m->left-- > 0;
}

struct copying {
    const char *name;
    struct source *original;
    uint64_t size;
    uint64_t crc; /* of the copy when nothing fails */
    bool known;
};

static enum status copy(struct source *original, bool redact, uint64_t room, uint64_t guids, struct store **ret)
{
    struct mixing m = {.left = guids};
    const struct metadump_options options = {.redact = redact, .mix = mix, .ctx = &m};
    struct metadump made;
    struct image *img = NULL;

    *ret = NULL;
    sites_pause(true);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    assert_non_null(a);
    assert_int_equal(image_open(a, original, "case.vhdx", NULL, NULL, &img), STATUS_OK);
    sites_pause(false);
    enum status st = stage_open(original, room, ret);
    if (st == STATUS_OK)
        st = metadump_make(img, *ret, &options, &made);
    sites_pause(true);
    image_close(img);
    arena_destroy(a);
    sites_pause(false);
    return st;
}

/* A number that two copies only share when they are equal, as good as always. */
static uint64_t sum_of(struct source *s)
{
    static uint8_t buf[PIECE];
    uint64_t h = 0xcbf29ce484222325;

    for (uint64_t off = 0; off < s->size; off += PIECE) {
        size_t n = (size_t)u64_min(PIECE, s->size - off);
        assert_int_equal(source_read(s, off, buf, n), STATUS_OK);
        for (size_t i = 0; i < n; i += 8)
            h = (h ^ buf[i] ^ (uint64_t)buf[i + 1 < n ? i + 1 : i] << 9 ^ off) * 0x100000001b3;
    }
    return h;
}

static void assert_no_secret(const char *name, struct source *s)
{
    uint8_t secret[2 * SECRET_UNITS];
    uint8_t *all = malloc((size_t)s->size);

    assert_non_null(all);
    put_secret(secret);
    assert_int_equal(source_read(s, 0, all, (size_t)s->size), STATUS_OK);
    if (memmem(all, (size_t)s->size, secret, sizeof(secret)) != NULL)
        fail_msg("%s: the copy holds what it must not", name);
    free(all);
}

static void assert_errors_kept(const struct copying *c, bool redact)
{
    bool before[CASE_RULES_MOST], after[CASE_RULES_MOST];
    struct store *store = NULL;

    (void)case_errors(c->original, before);
    assert_int_equal(copy(c->original, redact, LIMIT_MEMORY_DEFAULT, UINT64_MAX, &store), STATUS_OK);
    (void)case_errors(store->source, after);
    for (uint32_t i = 0; i < rule_count(); i++)
        if (after[i] != before[i])
            fail_msg("%s: %s speaks of the %s alone", c->name, rule_at(i)->id, after[i] ? "copy" : "original");
    if (redact)
        assert_no_secret(c->name, store->source);
    store_close(store);
}

/* With room for less than all changes, and then for all: the same copy, or the word that there is none. */
static void assert_limits_told(const struct copying *c)
{
    enum status st = STATUS_LIMIT;
    uint64_t refused = 0;

    for (uint64_t room = 0; st != STATUS_OK; room += 1024) {
        struct store *store = NULL;
        st = copy(c->original, true, room, UINT64_MAX, &store);
        if (st == STATUS_OK)
            assert_int_equal(sum_of(store->source), c->crc);
        else
            assert_int_equal(st, STATUS_LIMIT);
        refused += st != STATUS_OK;
        store_close(store);
    }
    assert_true(refused > 0);
}

static void assert_mixing_told(const struct copying *c)
{
    enum status st = STATUS_INTERNAL;

    for (uint64_t guids = 0; st != STATUS_OK; guids++) {
        struct store *store = NULL;
        st = copy(c->original, true, LIMIT_MEMORY_DEFAULT, guids, &store);
        if (st == STATUS_OK)
            assert_int_equal(sum_of(store->source), c->crc);
        else
            assert_int_equal(st, STATUS_INTERNAL);
        store_close(store);
    }
}

static void run_copy(void *ctx)
{
    struct copying *c = ctx;
    struct store *store = NULL;

    sites_begin();
    enum status st = copy(c->original, true, LIMIT_MEMORY_DEFAULT, UINT64_MAX, &store);
    enum site_kind failed = sites_end();
    if (!c->known) {
        assert_int_equal(st, STATUS_OK);
        c->crc = sum_of(store->source);
    }
    c->known = true;
    if (st == STATUS_OK && sum_of(store->source) != c->crc)
        fail_msg("%s: kind %d failed, nobody noticed, and the copy is another one", c->name, (int)failed);
    if (st == STATUS_OK)
        goto out;
    if (failed == SITE_MEMORY)
        assert_true(st == STATUS_NO_MEMORY || st == STATUS_LIMIT);
    else
        assert_int_equal(st, failed == SITE_TIME ? STATUS_LIMIT : STATUS_IO);
out:
    store_close(store);
}

static void copies(void **state)
{
    uint64_t runs = 0;

    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        struct img *img = img_create(&shapes[i].params);
        print_message("# %s\n", shapes[i].name);
        shapes[i].bend(img);
        struct copying c = {.name = shapes[i].name, .original = img_source(img), .size = img->size};
        assert_errors_kept(&c, true);
        assert_errors_kept(&c, false);
        runs += sites_try(run_copy, &c);
        assert_limits_told(&c);
        assert_mixing_told(&c);
        source_close(c.original);
        img_free(img);
    }
    print_message("# %llu runs with a failure\n", (unsigned long long)runs);
    assert_true(runs > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(copies)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
