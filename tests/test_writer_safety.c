/* SPDX-License-Identifier: MIT */
/*
 * What makes a write safe: the order of headers, data, log and places, the ring of the log, what is refused untouched,
 * and failures at every step. Power losses are played in crash.c.
 */
#include "writing.h"

#include <errno.h>

#include "base/le.h"
#include "faulty.h"
#include "format/log_entry.h"
#include "image/log_scan.h"
#include "write/log_writer.h"
#include "write/writable.h"
#include "write/writer_parts.h"

/* ---- headers and log ---- */

static bool touches_headers(const struct op *o)
{
    return o->kind == OP_WRITE && o->off < LOG_TARGET_MIN;
}

static const uint8_t *op_bytes(uint64_t i)
{
    return recording.bytes + recording.ops[i].data;
}

/* S-40: before anything else both headers get new GUIDs, one after the other, once in a session. */
static void the_first_write_renews_both_guids(void **state)
{
    (void)state;
    struct img *img = four_blocks(IMG_DYNAMIC, "6666");
    uint8_t buf[512] = {1};

    struct session s = session(&recording, NULL);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(writer_write(s.writer, i * 4096, buf, 512), STATUS_OK);
        assert_int_equal(writer_flush(s.writer), STATUS_OK);
    }
    end(&s);
    uint64_t headers = 0;
    for (uint64_t i = 0; i < recording.count; i++)
        headers += touches_headers(&recording.ops[i]);
    assert_int_equal(headers, 2);                          /* no log is needed for blocks that are there */
    assert_int_equal(recording.ops[0].off, HEADER_OFF[0]); /* the older one */
    assert_int_equal(recording.ops[1].kind, OP_SYNC);
    assert_int_equal(recording.ops[2].off, HEADER_OFF[1]);
    assert_int_equal(recording.ops[3].kind, OP_SYNC);
    assert_int_equal(le64(op_bytes(0) + 8), 3);
    assert_int_equal(le64(op_bytes(2) + 8), 4);
    assert_memory_equal(op_bytes(0) + 16, op_bytes(2) + 16, 48);
    assert_memory_not_equal(op_bytes(0) + 16, img_header(img, 1) + 16, 16);
    assert_memory_not_equal(op_bytes(0) + 32, img_header(img, 1) + 32, 16);
    assert_memory_not_equal(op_bytes(0) + 16, op_bytes(0) + 32, 16);
    img_free(img);
}

/* S-43: data, sync, entry, sync, place. One LogGuid in the headers for the session, however many blocks; nil at its
 * end. */
static void the_log_is_named_once_in_a_session(void **state)
{
    (void)state;
    static const uint8_t nil[16];
    struct img *img = img_create(&(struct img_params){.virtual_size = 8 * MIB, .block_size = MIB, .states = ""});
    uint8_t buf[512] = {1};
    uint64_t named = 0, unnamed = 0, entries = 0;
    bool synced = true;

    changed_load(&disk, img);
    struct session s = session(&recording, NULL);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(writer_write(s.writer, i * MIB, buf, 512), STATUS_OK);
    assert_int_equal(writer_counts(s.writer)->log_entries, 8);
    end(&s);
    for (uint64_t i = 0; i < recording.count; i++) {
        const struct op *o = &recording.ops[i];
        if (o->kind == OP_SYNC) {
            synced = true;
            continue;
        }
        if (touches_headers(o)) {
            bool is_nil = memcmp(op_bytes(i) + 48, nil, 16) == 0;
            named += !is_nil;
            unnamed += is_nil && named > 0;
            assert_true(synced);
        } else if (o->kind == OP_WRITE && o->off >= img->log_off && o->off < img->log_off + img->log_len) {
            struct log_entry_header h;
            assert_true(synced); /* what it makes visible is durable, and so are the places of the entry before */
            assert_true(log_entry_header_decode(span_of(op_bytes(i), o->len), &h));
            assert_int_equal(h.tail, o->off - img->log_off);
            assert_int_equal(h.sequence_number, ++entries);
            assert_int_equal(h.descriptor_count, entries > 1);
            assert_int_equal(h.last_file_off % MIB, 0);
            assert_int_equal(h.flushed_file_off, h.last_file_off);
            assert_true(named == (entries > 1 ? 2 : 0)); /* the first entry is there before the headers name it */
        } else if (o->kind == OP_WRITE && o->off < img->bat_off + img->bat_len) {
            assert_true(o->off >= img->bat_off);
            assert_true(synced); /* its entry is durable */
            assert_int_equal(o->len, 4096);
        }
        synced = false;
    }
    assert_int_equal(entries, 9);
    assert_int_equal(named, 2);
    assert_int_equal(unnamed, 2);
    img_free(img);
}

/* One call with many blocks is one entry, not one for each. */
static void many_blocks_are_one_entry(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.virtual_size = 9 * MIB, .block_size = MIB, .states = ""});

    changed_load(&disk, img);
    struct writer_counts c = write_pattern(512, 9 * MIB - 1024);
    assert_int_equal(c.blocks, 9);
    assert_int_equal(c.log_entries, 1);
    assert_int_equal(c.pages, 1);
    uint64_t syncs = 0;
    for (uint64_t i = 0; i < recording.count; i++)
        syncs += recording.ops[i].kind == OP_SYNC;
    assert_true(syncs <= 10);
    assert_pattern(512, 9 * MIB - 1024);
    assert_clean(&disk, NULL);
    img_free(img);
}

/* A set of pages that is full is logged before the next block; all pages of one block are in one entry. */
static void a_full_set_of_pages_is_logged(void **state)
{
    (void)state;
    struct img *img = img_create(
        &(struct img_params){.type = IMG_DIFFERENCING, .virtual_size = SIZE, .block_size = MIB, .states = ""});
    uint8_t *buf = bytes_of(1, 4 * MIB);

    changed_load(&disk, img);
    struct session s = session(&recording, NULL);
    s.writer->pages.cap = PIECE_PAGES_DIFFERENCING;
    assert_int_equal(writer_write(s.writer, 512, buf, 4 * MIB - 1024), STATUS_OK);
    assert_int_equal(writer_counts(s.writer)->log_entries, 4);
    end(&s);
    assert_parents(0, 512);
    assert_guest(512, buf, 4 * MIB - 1024);
    assert_clean(&disk, NULL);
    free(buf);
    img_free(img);
}

/* Entries take turns at two places, never on the one before and never beside it: the newest is always whole and found.
 */
static void entries_take_turns(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING, .virtual_size = 2 * MIB, .block_size = MIB, .states = "7.", .data = IMG_DATA_NONE});
    uint8_t buf[512] = {7};
    uint64_t entries = 0;

    img_bitmap_set(img, 0, 0, 2048, false);
    changed_load(&disk, img);
    struct session s = session(&recording, NULL);
    for (unsigned i = 0; i < 300; i++) { /* every other sector: each write sets a bit */
        assert_int_equal(writer_write(s.writer, i * 1024, buf, 512), STATUS_OK);
        if (i % 50 != 0)
            continue;
        struct looked l = look_at(s.store->source);
        assert_int_equal(l.image->log_state, LOG_STATE_DIRTY);
        assert_int_equal(l.image->log.active_count, 1);
        assert_int_equal(l.image->log.entries[l.image->log.active_head].sequence_number, i + 2);
        looked_close(&l);
    }
    assert_int_equal(writer_counts(s.writer)->log_entries, 300);
    end(&s);
    for (uint64_t i = 0; i < recording.count; i++) {
        const struct op *o = &recording.ops[i];
        if (o->kind != OP_WRITE || o->off < img->log_off || o->off >= img->log_off + img->log_len)
            continue;
        assert_int_equal(o->off - img->log_off, entries % 2 == 0 ? 0 : 128 * 4096);
        assert_true(o->len <= 127 * 4096);
        entries++;
    }
    assert_int_equal(entries, 301);
    assert_clean(&disk, NULL);
    img_free(img);
}

/* The longest entry there can be: 126 pages in its place of the ring. */
static void an_entry_of_126_pages(void **state)
{
    (void)state;
    static uint8_t ring[2 * 128 * 4096];
    struct img *img = four_blocks(IMG_DYNAMIC, "6...");
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct store *s = disk_store(&disk, NULL, 0, NULL);
    struct log_writer log;
    struct page_set pages;
    uint8_t bytes[4096];
    const struct guid guid = img_guid(IMG_WINDOWS, 'L', 3);
    const struct log_sizes sizes = {.flushed = img->size, .last = img->size};

    assert_int_equal(page_set_open(a, s->source, LOG_WRITER_PAGES, &pages), STATUS_OK);
    assert_int_equal(log_writer_open(a, s, img->log_off, img->log_len, &log), STATUS_OK);
    assert_int_equal(log_writer_start(&log, &guid, sizes), STATUS_OK);
    for (uint64_t i = 0; i < LOG_WRITER_PAGES; i++) {
        memset(bytes, (int)(i + 1), sizeof(bytes));
        assert_int_equal(page_set_write(&pages, img->metadata_off + 0x20000 + i * 4096, bytes, 4096), STATUS_OK);
    }
    assert_int_equal(page_set_room(&pages), 0);
    assert_int_equal(page_set_write(&pages, img->metadata_off + 0x20000 - 4096, bytes, 1), STATUS_INTERNAL);
    assert_int_equal(log_writer_append(&log, &pages, sizes), STATUS_OK);
    assert_int_equal(log_writer_append(&log, &pages, sizes), STATUS_OK);
    disk_read(&disk, img->log_off, ring, sizeof(ring));
    for (unsigned place = 0; place < 2; place++) {
        struct log_entry_header h;
        assert_true(log_entry_header_decode(span_of(ring + place * 128 * 4096, 4096), &h));
        assert_int_equal(h.sequence_number, place == 0 ? 3 : 2);
        assert_int_equal(h.entry_len, 127 * 4096);
        assert_true(span_is_zero(span_of(ring + (place * 128 + 127) * 4096, 4096)));
    }
    store_close(s);

    img_set_log_guid(img, &guid); /* and all of it is replayed */
    for (unsigned slot = 0; slot < 2; slot++)
        disk_write(&disk, HEADER_OFF[slot], img_header(img, slot), HEADER_LEN);
    s = disk_store(&disk, NULL, 0, NULL);
    struct looked l = look_at(s->source);
    assert_int_equal(l.image->log_state, LOG_STATE_DIRTY);
    assert_int_equal(l.image->replay.data_descriptors, 126);
    assert_int_equal(source_read(l.image->replay.overlay, img->metadata_off + 0x20000 + 125 * 4096, bytes, 4096),
                     STATUS_OK);
    assert_int_equal(bytes[0], 126);
    assert_int_equal(bytes[4095], 126);
    looked_close(&l);
    store_close(s);
    arena_destroy(a);
    img_free(img);
}

/* What QEMU can replay stays so when an entry is torn: its header and descriptors share one sector of 512 bytes. */
static void entries_that_qemu_reads_are_short(void **state)
{
    (void)state;
    static const enum img_type types[] = {IMG_DYNAMIC, IMG_FIXED, IMG_DIFFERENCING};

    for (unsigned t = 0; t < 3; t++) {
        struct img *img = four_blocks(types[t], "0000");
        struct session s = session(NULL, NULL);
        assert_int_equal(s.writer->pages.cap, types[t] == IMG_DIFFERENCING ? 126 : (512 - 64) / 32);
        end(&s);
        img_free(img);
    }
}

/* A dirty log is replayed on disk before anything else; the disk then is what the overlay showed. */
static void a_dirty_log_is_replayed_first(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.virtual_size = SIZE, .block_size = MIB, .states = "66.."});
    uint64_t published = img_bat_get(img, 1);

    img_bat_set(img, 1, 0);
    img_make_dirty_bat(img, 1, published);
    changed_load(&disk, img);
    write_pattern(2 * MIB, 512);
    assert_int_equal(entry(1), published);
    assert_as_built(img, MIB, MIB);
    assert_pattern(2 * MIB, 512);
    assert_clean(&disk, NULL);

    changed_load(&disk, img);
    struct session s = session(NULL, NULL); /* only opened and closed: replayed all the same */
    end(&s);
    assert_clean(&disk, NULL);
    assert_int_equal(entry(1), published);
    img_free(img);
}

/* What was in the ring before (13 stale entries in every Windows image) is not taken for ours. */
static void stale_entries_do_no_harm(void **state)
{
    (void)state;
    struct img *img =
        img_create(&(struct img_params){.virtual_size = SIZE, .block_size = MIB, .states = "", .windows_traces = true});

    for (unsigned i = 0; i < 5; i++) {
        img_make_dirty_bat(img, i % 4, PAYLOAD_ZERO);
        img_log_end(img);
    }
    changed_load(&disk, img);
    write_pattern(MIB, 3 * MIB);
    assert_pattern(MIB, 3 * MIB);
    assert_clean(&disk, NULL);
    img_free(img);
}

static void reads_of_the_store_see_it_at_once(void **state)
{
    (void)state;
    struct img *img = four_blocks(IMG_DIFFERENCING, "0000");
    uint8_t *buf = bytes_of(1, 8192);
    uint8_t got[512];

    struct session s = session(NULL, NULL);
    assert_int_equal(writer_write(s.writer, MIB, buf, 8192), STATUS_OK);
    struct reference *r = reference_over(s.store->source);
    assert_true(guest_sector(r, MIB + 512, got));
    assert_memory_equal(got, buf + 512, 512);
    reference_close(r);
    end(&s);
    free(buf);
    img_free(img);
}

/* ---- refusals ---- */

static void ranges_outside_the_disk(void **state)
{
    (void)state;
    struct img *img = four_blocks(IMG_DYNAMIC, "6...");
    uint8_t buf[1024] = {1};
    static const struct {
        uint64_t off, len;
    } bad[] = {{SECTOR - 1, SECTOR},       {0, SECTOR - 1}, {4 << 20, SECTOR}, {(4 << 20) - SECTOR, 1024},
               {UINT64_MAX - 511, SECTOR}, {UINT64_MAX, 1}, {0, UINT64_MAX}};

    struct session s = session(&recording, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(writer_write(s.writer, bad[i].off, buf, bad[i].len), STATUS_RANGE);
    end(&s);
    assert_int_equal(recording.count, 0);
    img_free(img);
}

typedef void bend_fn(struct img *img);

static void both_headers_bad(struct img *i)
{
    img_header(i, 0)[200] ^= 1;
    img_header(i, 1)[200] ^= 1;
}

static void headers_differ(struct img *i)
{
    put_le64(img_header(i, 0) + IMG_HEADER_SEQUENCE, 2);
    img_header(i, 0)[IMG_HEADER_FILE_WRITE_GUID] ^= 1;
    img_sign_headers(i);
}

static void version_two(struct img *i)
{
    put_le16(img_header(i, 1) + IMG_HEADER_VERSION, 2);
    img_sign_headers(i);
}

static void log_version_one(struct img *i)
{
    put_le16(img_header(i, 1) + IMG_HEADER_LOG_VERSION, 1);
    img_sign_headers(i);
}

static void sequence_at_its_end(struct img *i)
{
    put_le64(img_header(i, 1) + IMG_HEADER_SEQUENCE, UINT64_MAX - 3);
    img_sign_headers(i);
}

static void no_log(struct img *i)
{
    put_le32(img_header(i, 1) + IMG_HEADER_LOG_LEN, 0);
    img_sign_headers(i);
}

static void log_outside(struct img *i)
{
    put_le64(img_header(i, 1) + IMG_HEADER_LOG_OFF, (uint64_t)1 << 40);
    img_sign_headers(i);
}

static void log_on_the_metadata(struct img *i)
{
    put_le64(img_header(i, 1) + IMG_HEADER_LOG_OFF, i->metadata_off);
    img_sign_headers(i);
}

static void log_of_odd_length(struct img *i)
{
    put_le32(img_header(i, 1) + IMG_HEADER_LOG_LEN, 0x80000);
    img_sign_headers(i);
}

static void log_without_entries(struct img *i)
{
    struct guid g = img_guid(IMG_WINDOWS, 'L', 1);
    img_set_log_guid(i, &g);
}

static void log_into_a_header(struct img *i)
{
    img_make_dirty(i, &(struct img_log_desc){.off = 0x10000, .len = 4096}, 1);
}

static void no_region_table(struct img *i)
{
    img_region_table(i, 0)[100] ^= 1;
    img_region_table(i, 1)[100] ^= 1;
}

static void tables_disagree(struct img *i)
{
    put_le64(img_region_find(i, 1, KNOWN_REGION_BAT) + 16, 64 * MIB);
    img_sign_region_table(i, 1);
}

static void tables_disagree_on_a_length(struct img *i)
{
    put_le32(img_region_find(i, 1, KNOWN_REGION_METADATA) + 24, 2 * MIB);
    img_sign_region_table(i, 1);
}

static void unknown_required_region(struct img *i)
{
    img_region_add(
        i, &(struct region_entry){.guid = {{1, 2, 3}}, .off = i->size - MIB, .len = 1 << 20, .required_word = 1});
}

static void region_behind_the_end(struct img *i)
{
    img_region_add(i, &(struct region_entry){.guid = {{1, 2, 3}}, .off = i->size, .len = 1 << 20});
}

static void region_on_the_log(struct img *i)
{
    img_region_add(i, &(struct region_entry){.guid = {{1, 2, 3}}, .off = i->log_off, .len = 1 << 20});
}

static void metadata_listed_twice(struct img *i)
{
    img_region_add(
        i, &(struct region_entry){
               .guid = *known_guid(KNOWN_REGION_METADATA), .off = i->metadata_off, .len = 1 << 20, .required_word = 1});
}

static void unknown_required_item(struct img *i)
{
    img_metadata_add(i, &(struct metadata_entry){.item_id = {{1, 2, 3}}, .flags = METADATA_FLAG_IS_REQUIRED}, NULL);
}

static void incomplete_file(struct img *i)
{
    img_metadata_add(i, &(struct metadata_entry){.item_id = *known_guid(KNOWN_ITEM_INCOMPLETE_FILE)}, NULL);
}

static void no_size(struct img *i)
{
    img_metadata_remove(i, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
}

static void odd_size(struct img *i)
{
    put_le64(img_metadata_item(i, KNOWN_ITEM_VIRTUAL_DISK_SIZE), (4 << 20) - 100);
}

static void larger_disk_than_table(struct img *i)
{
    put_le64(img_metadata_item(i, KNOWN_ITEM_VIRTUAL_DISK_SIZE), (uint64_t)1 << 40);
}

static void one_place_for_two(struct img *i)
{
    img_block_set(i, 1, 6, img_block_off(i, 0));
}

static void block_on_the_log(struct img *i)
{
    img_block_set(i, 1, 6, i->log_off);
}

static void block_on_the_bat(struct img *i)
{
    img_block_set(i, 1, 6, i->bat_off);
}

static void block_on_the_headers(struct img *i)
{
    img_block_set(i, 1, 6, 0); /* S-42 */
}

static void block_behind_the_end(struct img *i)
{
    img_block_set(i, 1, 6, i->size);
}

static void block_nowhere(struct img *i)
{
    img_block_set(i, 1, 6, (uint64_t)1 << 62);
}

static void state_four(struct img *i)
{
    img_block_set(i, 1, 4, 0);
}

static void state_five(struct img *i)
{
    img_block_set(i, 1, 5, 0);
}

static void seven_without_parent(struct img *i)
{
    img_block_set(i, 0, 7, img_block_off(i, 0));
}

static void anchor_nowhere(struct img *i)
{
    img_block_set(i, 1, 3, (uint64_t)1 << 60);
}

static void bad_images_are_refused_untouched(void **state)
{
    (void)state;
    static const struct {
        bend_fn *bend;
        const char *says;
    } cases[] = {
        {both_headers_bad, "no valid header"},
        {headers_differ, "VHDX-HDR-006"},
        {version_two, "version 2"},
        {log_version_one, "log has version 1"},
        {sequence_at_its_end, "VHDX-HDR-010"},
        {no_log, "no log"},
        {log_outside, "does not lie inside the file"},
        {log_on_the_metadata, "share bytes"},
        {log_of_odd_length, "whole MiB"},
        {log_without_entries, "VHDX-LOG-002"},
        {log_into_a_header, "must not be replayed"},
        {no_region_table, "no valid region table"},
        {tables_disagree, "VHDX-RGN-006"},
        {tables_disagree_on_a_length, "VHDX-RGN-006"},
        {unknown_required_region, "VHDX-RGN-016"},
        {region_behind_the_end, "VHDX-RGN-009, -011"},
        {region_on_the_log, "share bytes"},
        {metadata_listed_twice, "once each"},
        {unknown_required_item, "VHDX-META-015"},
        {incomplete_file, "VHDX-META-026"},
        {no_size, "size and shape"},
        {odd_size, "VHDX-META-033"},
        {larger_disk_than_table, "too small for the disk"},
        {one_place_for_two, "VHDX-BAT-016"},
        {block_on_the_log, "VHDX-BAT-014"},
        {block_on_the_bat, "VHDX-BAT-015"},
        {block_on_the_headers, "VHDX-BAT-008"},
        {block_behind_the_end, "VHDX-BAT-012"},
        {block_nowhere, "VHDX-BAT-012"},
        {state_four, "state that means nothing"},
        {state_five, "state that means nothing"},
        {seven_without_parent, "state that means nothing"},
        {anchor_nowhere, "too far behind the end"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct img *img = img_create(&(struct img_params){.virtual_size = SIZE, .block_size = MIB, .states = "6..."});
        uint64_t at_start = pool_mark();

        cases[i].bend(img);
        changed_load(&disk, img);
        struct session s = session(&recording, NULL);
        if (s.status != STATUS_REFUSED || strstr(s.why, cases[i].says) == NULL)
            print_error("%zu (%s): status %d: %s\n", i, cases[i].says, (int)s.status, s.why != NULL ? s.why : "");
        assert_int_equal(s.status, STATUS_REFUSED);
        assert_non_null(strstr(s.why, cases[i].says));
        assert_int_equal(recording.count, 0);
        store_close(s.store);
        arena_destroy(s.arena);
        pool_release(at_start);
        img_free(img);
    }
}

static void a_missing_bitmap_is_refused(void **state)
{
    (void)state;
    struct img *img = img_create(
        &(struct img_params){.type = IMG_DIFFERENCING, .virtual_size = SIZE, .block_size = MIB, .states = "7..."});

    img_bat_set(img, img_bitmap_index(img, 0), 0);
    changed_load(&disk, img);
    struct session s = session(&recording, NULL);
    assert_int_equal(s.status, STATUS_REFUSED);
    assert_non_null(strstr(s.why, "VHDX-BAT-020"));
    assert_int_equal(recording.count, 0);
    store_close(s.store);
    arena_destroy(s.arena);
    img_free(img);
}

/* Harmless habits do not stop a write: QEMU's ZERO in a bitmap slot, idle offsets, reserved bits, one bad header or
 * table. */
static void habits_and_warnings_do_not_stop_it(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.virtual_size = 4100 * MIB, .block_size = MIB, .states = "6.2."});
    struct source *base;
    struct store *stage = NULL;
    uint8_t buf[512] = {1};

    img_bat_set(img, img_bitmap_index(img, 0), 2);
    img_bat_set(img, 2, 64 * MIB | 2);
    img_bat_set(img, 0, img_bat_get(img, 0) | 8);
    img_header(img, 0)[300] ^= 1;
    img_region_table(img, 0)[300] ^= 1;
    base = img_source(img);
    assert_int_equal(stage_open(base, 64 * MIB, &stage), STATUS_OK);
    struct session s = open_store(stage);
    start(&s);
    assert_int_equal(s.status, STATUS_OK);
    for (uint64_t block = 0; block < 4; block++)
        assert_int_equal(writer_write(s.writer, block * MIB, buf, 512), STATUS_OK);
    end(&s);
    source_close(base);
    img_free(img);
}

/* ---- failures ---- */

/* A session of several writes over a child; stops at the first failure. */
static enum status some_writes(struct session *s, const uint8_t *buf)
{
    static const struct {
        uint64_t off, len;
    } writes[] = {{512, 1024}, {MIB - 512, MIB}, {2 * MIB, MIB}, {3 * MIB + 4096, 512}};
    enum status st = s->status;

    for (size_t i = 0; i < 4 && st == STATUS_OK; i++)
        st = writer_write(s->writer, writes[i].off, buf, writes[i].len);
    if (st == STATUS_OK)
        st = writer_flush(s->writer);
    return st;
}

/*
 * RG-WR-02, -03: each operation fails in turn, once or from then on, whole or half way. The failure is told; the image
 * has no error, and no sector that was not written shows anything but what it held.
 */
static void a_failure_at_every_step(void **state)
{
    (void)state;
    struct img *img = img_create(
        &(struct img_params){.type = IMG_DIFFERENCING, .virtual_size = SIZE, .block_size = MIB, .states = "7.U."});
    uint8_t *buf = bytes_of(9, MIB);
    struct disk start_disk;
    uint64_t ops = 0, clean = 0, dirty = 0;

    changed_load(&start_disk, img);
    for (unsigned mode = 0; mode < 4; mode++) {
        for (uint64_t n = 0; n <= ops || ops == 0; n++) {
            struct disk_fault fault = {
                .fail_at = n, .error = mode & 1 ? EIO : ENOSPC, .half = mode & 1, .sticky = mode >> 1};
            disk_copy(&disk, &start_disk);
            struct session s = session(NULL, &fault);
            assert_int_equal(s.status, STATUS_OK);
            enum status st = some_writes(&s, buf);
            enum status closed = writer_close(s.writer);
            if (n == 0) {
                assert_int_equal(closed, STATUS_OK);
                ops = fault.seen;
            } else {
                assert_true(st == STATUS_IO || closed == STATUS_IO);
                if (st != STATUS_OK) /* and the session stays failed */
                    assert_int_equal(closed, STATUS_IO);
            }
            store_close(s.store);
            arena_destroy(s.arena);

            struct store *after = disk_store(&disk, NULL, 0, NULL);
            struct looked l = look_at(after->source);
            struct check_options options = {.max_findings = 4};
            struct check_result *r = NULL;
            assert_int_equal(check_run(l.image, &options, NULL, &r), STATUS_OK);
            if (r->counts[SEVERITY_ERROR] > 0)
                print_error("mode %u, operation %llu: %s %s\n", mode, (unsigned long long)n, r->findings[0]->rule->id,
                            r->findings[0]->message);
            assert_int_equal(r->counts[SEVERITY_ERROR], 0);
            clean += l.image->log_state == LOG_STATE_EMPTY;
            dirty += l.image->log_state == LOG_STATE_DIRTY;
            looked_close(&l);
            struct reference *ref = reference_over(after->source);
            uint8_t got[512];
            assert_false(guest_sector(ref, 3 * MIB, got)); /* the parent's still */
            assert_false(guest_sector(ref, 3 * MIB + 8192, got));
            reference_close(ref);
            store_close(after);

            struct session again = session(NULL, NULL); /* the image takes writes as before */
            assert_int_equal(again.status, STATUS_OK);
            assert_int_equal(some_writes(&again, buf), STATUS_OK);
            end(&again);
            assert_clean(&disk, NULL);
        }
    }
    assert_true(ops > 30 && clean > 20 && dirty > 20);
    free(buf);
    img_free(img);
}

/* The room ends while a block is allocated: what was before is closed properly, and the file is not longer than before.
 */
static void no_room_for_a_block(void **state)
{
    (void)state;
    struct img *img = four_blocks(IMG_DYNAMIC, "6...");
    uint8_t buf[512] = {1};
    struct disk_fault fault = {.error = ENOSPC};

    struct session s = session(NULL, &fault);
    assert_int_equal(writer_write(s.writer, MIB, buf, 512), STATUS_OK);
    uint64_t size = disk.size;
    fault.fail_at = fault.seen + 2; /* the file grows, the data does not get in */
    assert_int_equal(writer_write(s.writer, 2 * MIB, buf, 512), STATUS_IO);
    assert_int_equal(s.store->error_errno, ENOSPC);
    assert_int_equal(disk.size, size);
    assert_int_equal(writer_write(s.writer, 0, buf, 512), STATUS_IO); /* nothing more after a failure */
    assert_int_equal(writer_close(s.writer), STATUS_IO);
    assert_clean(&disk, NULL);
    assert_int_equal(state_of(1), PAYLOAD_FULLY_PRESENT);
    assert_int_equal(state_of(2), PAYLOAD_NOT_PRESENT);
    store_close(s.store);
    arena_destroy(s.arena);
    img_free(img);
}

/* RG-WR-06. */
static void memory_runs_out(void **state)
{
    (void)state;
    struct img *img = four_blocks(IMG_DYNAMIC, "6.U.");

    for (uint64_t n = 1;; n++) {
        struct session s = open_store(disk_store(&disk, &recording, 0, NULL));
        arena_fail_at(s.arena, n, false);
        start(&s);
        bool opened = s.status == STATUS_OK;
        if (opened)
            assert_int_equal(writer_close(s.writer), STATUS_OK);
        else
            assert_int_equal(s.status, STATUS_NO_MEMORY);
        store_close(s.store);
        arena_destroy(s.arena);
        if (opened)
            break;
        assert_true(n < 1000);
    }
    assert_int_equal(recording.count, 0);
    img_free(img);
}

static enum status failing_fill(struct entropy *e, void *buf, size_t len)
{
    memset(buf, 0x11, len);
    return e->state-- == 0 ? STATUS_IO : STATUS_OK;
}

static void without_entropy_nothing_is_written(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 3; n++) { /* FileWriteGuid, DataWriteGuid, LogGuid */
        struct img *img = four_blocks(IMG_DYNAMIC, "6...");
        uint8_t buf[512] = {1};
        struct session s = session(NULL, NULL);

        entropy = (struct entropy){.fill = failing_fill, .state = n};
        assert_int_equal(writer_write(s.writer, MIB, buf, 512), STATUS_IO);
        assert_int_equal(writer_close(s.writer), STATUS_IO);
        store_close(s.store);
        arena_destroy(s.arena);
        assert_int_equal(state_of(1), PAYLOAD_NOT_PRESENT);
        assert_clean(&disk, NULL);
        img_free(img);
    }
}

/* Somebody else writes to the file while it is open: what its table says now is not followed. */
static void a_table_that_changes_is_not_believed(void **state)
{
    (void)state;
    const uint64_t wrong[] = {PAYLOAD_FULLY_PRESENT, 400 * MIB | PAYLOAD_FULLY_PRESENT, 8 * MIB | PAYLOAD_RESERVED_4,
                              8 * MIB | PAYLOAD_PARTIALLY_PRESENT};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct img *img = four_blocks(IMG_DYNAMIC, "6666");
        uint8_t buf[512] = {1}, raw[8];
        struct session s = session(NULL, NULL);

        assert_int_equal(s.status, STATUS_OK);
        put_le64(raw, wrong[i]);
        disk_write(&disk, img_bat_entry_off(img, 1), raw, sizeof(raw));
        assert_int_equal(writer_write(s.writer, MIB, buf, 512), STATUS_REFUSED);
        assert_int_equal(writer_close(s.writer), STATUS_REFUSED);
        store_close(s.store);
        arena_destroy(s.arena);
        img_free(img);
    }
    assert_int_equal(writer_close(NULL), STATUS_OK);
}

/* Its callers look before; a mistake of theirs must not become one in the file. */
static void the_log_writer_is_not_misused(void **state)
{
    (void)state;
    struct img *img = four_blocks(IMG_DYNAMIC, "6666");
    struct session s = open_store(disk_store(&disk, &recording, 0, NULL));
    struct page_set none = {.count = 0}, many = {.count = LOG_WRITER_PAGES + 1};
    struct log_sizes sizes = {.flushed = img->size, .last = img->size};
    struct log_writer log;

    assert_int_equal(log_writer_open(s.arena, s.store, img->log_off, MIB - 1, &log), STATUS_INTERNAL);
    assert_int_equal(log_writer_open(s.arena, s.store, img->log_off, MIB, &log), STATUS_OK);
    assert_int_equal(log_writer_append(&log, &none, sizes), STATUS_INTERNAL);
    assert_int_equal(log_writer_append(&log, &many, sizes), STATUS_INTERNAL);
    assert_int_equal(recording.count, 0);
    store_close(s.store);
    arena_destroy(s.arena);
    img_free(img);
}

/* The log lies where the host cannot read, or what it would change does; or it was not asked what it holds. */
static void a_log_that_is_not_known_is_refused(void **state)
{
    (void)state;
    const struct image_options stored = {.no_replay = true};

    for (int i = 0; i < 3; i++) {
        struct img *img = four_blocks(IMG_DYNAMIC, "6666");
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct writable w;
        struct image *image = NULL;
        const char *why = NULL;
        struct faulty faulty;

        assert_non_null(a);
        img_make_dirty(img, &(struct img_log_desc){.off = 0x280000, .page = img_page_copy(img, img->bat_off)}, 1);
        struct source *base = img_source(img), *s = faulty_over(&faulty, base);
        faulty.bad_off = i == 0 ? img->log_off + 8192 : 0x280000;
        faulty.bad_len = i < 2 ? 4096 : 0;
        assert_int_equal(image_open(a, s, "disk.vhdx", NULL, i == 2 ? &stored : NULL, &image), STATUS_OK);
        assert_int_equal(writable_judge(image, &w, &why), i < 2 ? STATUS_IO : STATUS_REFUSED);
        if (i == 2)
            assert_non_null(strstr(why, "was not replayed"));
        image_close(image);
        source_close(base);
        arena_destroy(a);
        img_free(img);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)
    const struct CMUnitTest tests[] = {
        TEST(the_first_write_renews_both_guids),
        TEST(the_log_is_named_once_in_a_session),
        TEST(many_blocks_are_one_entry),
        TEST(a_full_set_of_pages_is_logged),
        TEST(entries_take_turns),
        TEST(an_entry_of_126_pages),
        TEST(entries_that_qemu_reads_are_short),
        TEST(a_dirty_log_is_replayed_first),
        TEST(stale_entries_do_no_harm),
        TEST(reads_of_the_store_see_it_at_once),
        TEST(ranges_outside_the_disk),
        TEST(bad_images_are_refused_untouched),
        TEST(a_missing_bitmap_is_refused),
        TEST(habits_and_warnings_do_not_stop_it),
        TEST(a_failure_at_every_step),
        TEST(no_room_for_a_block),
        TEST(memory_runs_out),
        TEST(without_entropy_nothing_is_written),
        TEST(a_table_that_changes_is_not_believed),
        TEST(the_log_writer_is_not_misused),
        TEST(a_log_that_is_not_known_is_refused),
    };
    return cmocka_run_group_tests_name("writer_safety", tests, NULL, NULL);
}
