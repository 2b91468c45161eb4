/* SPDX-License-Identifier: MIT */
/*
 * The log scan: defects one by one, sequences as in format.md 8.3 with its traps, evidence, cost, failures; and against
 * a naive search that follows the specification step by step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "faulty.h"
#include "format/log_entry.h"
#include "image/log_descriptors.h"
#include "image/log_ring.h"
#include "image/log_scan.h"

enum { SECTOR = LOG_SECTOR_LEN, RING_OFF = 0x100000 };
static const uint64_t NOWHERE = UINT64_MAX;

/* ---- a ring in memory ---- */

struct ring {
    uint64_t sectors;
    uint8_t *bytes;
    struct source *source; /* the ring at RING_OFF, and nothing else */
    struct arena *arena;
    struct log_scan scan;
};

static const struct guid live_guid = {{1, 2, 3}}, old_guid = {{9, 9}}, older_guid = {{7}}, nil_guid;

static struct ring ring_make(uint64_t sectors)
{
    struct ring r = {.sectors = sectors, .bytes = calloc(sectors, SECTOR)};
    assert_non_null(r.bytes);
    return r;
}

static void scan_as(struct ring *r, const struct guid *live)
{
    struct mem_extent e = {.off = RING_OFF, .ptr = r->bytes, .len = r->sectors * SECTOR};
    r->source = extents_open(&e, 1, RING_OFF + r->sectors * SECTOR);
    r->arena = arena_create(LIMIT_MEMORY_DEFAULT);
    assert_non_null(r->source);
    assert_non_null(r->arena);
    assert_int_equal(log_scan_run(r->arena, r->source, RING_OFF, r->sectors * SECTOR, live, &r->scan), STATUS_OK);
    assert_true(r->scan.scanned);
}

static void scan(struct ring *r)
{
    scan_as(r, &live_guid);
}

static void unscan(struct ring *r)
{
    source_close(r->source);
    arena_destroy(r->arena);
    r->source = NULL;
    r->arena = NULL;
}

static void ring_free(struct ring *r)
{
    if (r->source != NULL)
        unscan(r);
    free(r->bytes);
}

struct entry {
    uint32_t pages, zeros; /* descriptors: first the data ones */
    uint64_t sequence_number;
    uint64_t tail_sector;
    const struct guid *guid; /* NULL: live */
    uint32_t extra;          /* sectors more than EntryLength needs */
};

static uint64_t entry_sectors(const struct entry *e)
{
    return log_descriptor_sectors(e->pages + e->zeros) + e->pages + e->extra;
}

/* The entry's bytes; free() them. */
static uint8_t *entry_bytes(const struct entry *e)
{
    uint64_t len = entry_sectors(e) * SECTOR;
    uint8_t *out = calloc(1, len), page[SECTOR];
    assert_non_null(out);
    struct log_entry_header h = {
        .entry_len = (uint32_t)len,
        .tail = (uint32_t)(e->tail_sector * SECTOR),
        .sequence_number = e->sequence_number,
        .descriptor_count = e->pages + e->zeros,
        .log_guid = e->guid != NULL ? *e->guid : live_guid,
        .flushed_file_off = 0x400000,
        .last_file_off = 0x500000,
    };
    log_entry_header_encode(&h, out);
    uint8_t *data = out + log_descriptor_sectors(h.descriptor_count) * SECTOR;
    for (uint32_t i = 0; i < h.descriptor_count; i++) {
        bool is_page = i < e->pages;
        struct log_descriptor d = {
            .kind = is_page ? LOG_DESCRIPTOR_DATA : LOG_DESCRIPTOR_ZERO,
            .file_off = 0x300000 + (uint64_t)SECTOR * i,
            .len = SECTOR,
            .sequence_number = e->sequence_number,
        };
        if (is_page) {
            memset(page, (int)i + 1, sizeof(page));
            log_data_sector_encode(page, e->sequence_number, &d, data);
            data += SECTOR;
        }
        log_descriptor_encode(&d, out + LOG_ENTRY_HEADER_LEN + (size_t)LOG_DESCRIPTOR_LEN * i);
    }
    log_entry_sign(out, len);
    return out;
}

static uint64_t put_bytes(struct ring *r, uint64_t sector, const uint8_t *bytes, uint64_t sectors)
{
    for (uint64_t i = 0; i < sectors; i++)
        memcpy(r->bytes + (sector + i) % r->sectors * SECTOR, bytes + i * SECTOR, SECTOR);
    return (sector + sectors) % r->sectors;
}

/* Returns the sector behind. */
static uint64_t put(struct ring *r, uint64_t sector, struct entry e)
{
    uint8_t *bytes = entry_bytes(&e);
    sector = put_bytes(r, sector, bytes, entry_sectors(&e));
    free(bytes);
    return sector;
}

static uint64_t at_sector(const struct ring *r, uint64_t sector)
{
    return log_scan_at(&r->scan, (uint32_t)(sector * SECTOR));
}

static const struct log_entry *entry_at(const struct ring *r, uint64_t sector)
{
    uint64_t i = at_sector(r, sector);
    assert_int_not_equal(i, NOWHERE);
    return &r->scan.entries[i];
}

/* The active sequence: its head's and tail's sector and length. */
static void assert_active(const struct ring *r, uint64_t tail_sector, uint64_t head_sector, uint64_t count)
{
    assert_true(r->scan.has_active);
    assert_int_equal(r->scan.active_first, at_sector(r, tail_sector));
    assert_int_equal(r->scan.active_head, at_sector(r, head_sector));
    assert_int_equal(r->scan.active_count, count);
    uint64_t marked = 0, i = r->scan.active_first;
    for (uint64_t n = 1; n < count; n++)
        i = log_scan_next(&r->scan, i);
    assert_int_equal(i, r->scan.active_head);
    for (uint64_t k = 0; k < r->scan.entry_count; k++)
        marked += r->scan.entries[k].active;
    assert_int_equal(marked, count);
}

/* ---- single entries ---- */

static void an_empty_ring_is_all_zero(void **state)
{
    (void)state;
    struct ring r = ring_make(256);
    scan(&r);
    assert_true(r.scan.all_zero);
    assert_false(r.scan.truncated);
    assert_int_equal(r.scan.entry_count, 0);
    assert_int_equal(r.scan.guid_count, 0);
    assert_false(r.scan.has_active);
    ring_free(&r);
}

static void one_entry_is_a_sequence(void **state)
{
    (void)state;
    struct ring r = ring_make(256);
    put(&r, 5, (struct entry){.pages = 2, .zeros = 1, .sequence_number = 77, .tail_sector = 5});
    scan(&r);
    assert_int_equal(r.scan.entry_count, 1);
    const struct log_entry *e = &r.scan.entries[0];
    assert_int_equal(e->defect, LOG_DEFECT_NONE);
    assert_int_equal(e->ring_off, 5 * SECTOR);
    assert_int_equal(e->len, 3 * SECTOR);
    assert_int_equal(e->tail, 5 * SECTOR);
    assert_int_equal(e->sequence_number, 77);
    assert_int_equal(e->descriptor_count, 3);
    assert_int_equal(e->data_count, 2);
    assert_int_equal(e->flushed_file_off, 0x400000);
    assert_int_equal(e->last_file_off, 0x500000);
    assert_true(e->live);
    assert_false(e->reserved_nonzero);
    assert_false(e->zero_length);
    assert_int_equal(r.scan.valid_live, 1);
    assert_int_equal(r.scan.valid_stale, 0);
    assert_int_equal(r.scan.guid_count, 1);
    assert_memory_equal(&r.scan.guids[e->guid], &live_guid, 16);
    assert_int_equal(r.scan.orphan_data + r.scan.orphan_descriptors + r.scan.orphan_other, 0);
    assert_false(r.scan.all_zero);
    assert_active(&r, 5, 5, 1);
    ring_free(&r);
}

/* What to break in an entry of 130 data descriptors (two descriptor sectors) and one zero descriptor; then signed. */
struct break_case {
    const char *name;
    uint64_t off; /* byte of the entry; 32-bit value put there */
    uint32_t value;
    bool unsigned_; /* the checksum stays as it was */
    enum log_defect defect;
    uint32_t item;
};

enum { DESC = LOG_ENTRY_HEADER_LEN, DATA = 2 * SECTOR };
static const struct break_case break_cases[] = {
    {"length 0", 8, 0, false, LOG_DEFECT_LENGTH, 0},
    {"length unaligned", 8, 132 * SECTOR + 512, false, LOG_DEFECT_LENGTH, 0},
    {"length less than a sector", 8, 512, false, LOG_DEFECT_LENGTH, 0},
    {"length above the ring's", 8, 257 * SECTOR, false, LOG_DEFECT_LENGTH, 0},
    {"length close to 2^32", 8, 0xFFFFF000, false, LOG_DEFECT_LENGTH, 0},
    {"tail unaligned", 12, 512, false, LOG_DEFECT_TAIL, 0},
    {"tail at the ring's end", 12, 256 * SECTOR, false, LOG_DEFECT_TAIL, 0},
    {"descriptor count wraps in 32 bits", 24, 0x08000000, false, LOG_DEFECT_DESCRIPTOR_COUNT, 0},
    {"descriptor count 2^32-1", 24, UINT32_MAX, false, LOG_DEFECT_DESCRIPTOR_COUNT, 0},
    {"descriptor count one too many for the length", 24, (132 * SECTOR - 64) / 32 + 1, false,
     LOG_DEFECT_DESCRIPTOR_COUNT, 0},
    {"first descriptor's signature", DESC, 0, false, LOG_DEFECT_DESCRIPTOR, 0},
    {"descriptor of the second sector", SECTOR, 0, false, LOG_DEFECT_DESCRIPTOR, 126},
    {"last descriptor's sequence number", SECTOR + 4 * 32 + 24, 4, false, LOG_DEFECT_DESCRIPTOR, 130},
    {"sequence number's high half", DESC + 32 * 7 + 28, 1, false, LOG_DEFECT_DESCRIPTOR, 7},
    {"offset unaligned", DESC + 32 * 3 + 16, 512, false, LOG_DEFECT_DESCRIPTOR, 3},
    {"zero length unaligned", SECTOR + 4 * 32 + 8, 512, false, LOG_DEFECT_DESCRIPTOR, 130},
    {"data signature", DATA, 0, false, LOG_DEFECT_DATA_SECTOR, 0},
    {"data sequence high", DATA + 5 * SECTOR + 4, 1, false, LOG_DEFECT_DATA_SECTOR, 5},
    {"data sequence low", DATA + 130 * SECTOR - 4, 4, false, LOG_DEFECT_DATA_SECTOR, 129},
    {"checksum", 4, 0x12345678, true, LOG_DEFECT_CHECKSUM, 0},
    {"data byte", DATA + 77, 0, true, LOG_DEFECT_CHECKSUM, 0},
    {"unused bytes of the last descriptor sector", SECTOR + 4000, 1, true, LOG_DEFECT_CHECKSUM, 0},
};

static void every_defect_is_told(void **state)
{
    (void)state;
    struct entry e = {.pages = 130, .zeros = 1, .sequence_number = 3, .tail_sector = 10};
    for (size_t i = 0; i < sizeof(break_cases) / sizeof(break_cases[0]); i++) {
        const struct break_case *c = &break_cases[i];
        struct ring r = ring_make(256);
        uint8_t *bytes = entry_bytes(&e);
        put_le32(bytes + c->off, c->value);
        if (!c->unsigned_)
            log_entry_sign(bytes, entry_sectors(&e) * SECTOR);
        put_bytes(&r, 10, bytes, entry_sectors(&e));
        free(bytes);
        scan(&r);
        const struct log_entry *got = entry_at(&r, 10);
        if (got->defect != c->defect || got->defect_item != c->item)
            fail_msg("%s: defect %d item %u", c->name, got->defect, got->defect_item);
        assert_int_equal(r.scan.valid_live, 0);
        assert_false(r.scan.has_active);
        /* All of its other sectors lie around loose, but for those that were cleared. */
        assert_int_equal(r.scan.orphan_data + r.scan.orphan_descriptors + r.scan.orphan_other, 131);
        assert_int_equal(r.scan.orphan_first_off, RING_OFF + 11 * SECTOR);
        ring_free(&r);
    }
}

/* A sector of descriptors that never reached the ring, where zeros are, or a hole. */
static void descriptors_that_were_not_written_are_a_defect(void **state)
{
    (void)state;
    for (unsigned hole = 0; hole < 2; hole++) {
        struct ring r = ring_make(256);
        put(&r, 10, (struct entry){.zeros = 130, .sequence_number = 3, .tail_sector = 10});
        put(&r, 12, (struct entry){.sequence_number = 4, .tail_sector = 12});
        memset(r.bytes + (uint64_t)11 * SECTOR, 0, SECTOR);
        if (hole) {
            struct mem_extent e[] = {{.off = RING_OFF, .ptr = r.bytes, .len = 11 * SECTOR},
                                     {.off = RING_OFF + 12 * SECTOR,
                                      .ptr = r.bytes + (uint64_t)12 * SECTOR,
                                      .len = (r.sectors - 12) * SECTOR}};
            r.source = extents_open(e, 2, RING_OFF + r.sectors * SECTOR);
            r.arena = arena_create(LIMIT_MEMORY_DEFAULT);
            assert_int_equal(log_scan_run(r.arena, r.source, RING_OFF, r.sectors * SECTOR, &live_guid, &r.scan),
                             STATUS_OK);
        } else {
            scan(&r);
        }
        assert_int_equal(entry_at(&r, 10)->defect, LOG_DEFECT_DESCRIPTOR);
        assert_int_equal(entry_at(&r, 10)->defect_item, 126);
        assert_int_equal(entry_at(&r, 12)->defect, LOG_DEFECT_NONE);
        assert_int_equal(r.scan.orphan_data + r.scan.orphan_descriptors + r.scan.orphan_other, 0);
        ring_free(&r);
    }
}

static void sequence_number_zero_is_a_defect(void **state)
{
    (void)state;
    struct ring r = ring_make(256);
    put(&r, 0, (struct entry){.sequence_number = 0});
    scan(&r);
    assert_int_equal(entry_at(&r, 0)->defect, LOG_DEFECT_SEQUENCE_ZERO);
    assert_false(r.scan.has_active);
    ring_free(&r);
}

static void reserved_bytes_and_empty_zero_descriptors_are_noted(void **state)
{
    (void)state;
    for (int what = 0; what < 3; what++) {
        struct entry e = {.pages = 1, .zeros = 1, .sequence_number = 1};
        struct ring r = ring_make(16);
        uint8_t *bytes = entry_bytes(&e);
        if (what == 0)
            put_le32(bytes + 28, 5);
        else if (what == 1)
            put_le32(bytes + 64 + 32 + 4, 5);
        else
            put_le64(bytes + 64 + 32 + 8, 0);
        log_entry_sign(bytes, 2 * SECTOR);
        put_bytes(&r, 0, bytes, 2);
        free(bytes);
        scan(&r);
        const struct log_entry *got = entry_at(&r, 0);
        assert_int_equal(got->defect, LOG_DEFECT_NONE);
        assert_int_equal(got->reserved_nonzero, what != 2);
        assert_int_equal(got->zero_length, what == 2);
        ring_free(&r);
    }
}

static void a_longer_entry_with_right_checksum_is_no_entry(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    put(&r, 0, (struct entry){.pages = 2, .sequence_number = 1, .extra = 3});
    put(&r, 6, (struct entry){.pages = 1, .sequence_number = 2, .tail_sector = 6});
    scan(&r);
    assert_int_equal(entry_at(&r, 0)->defect, LOG_DEFECT_LENGTH_MISMATCH);
    assert_int_equal(entry_at(&r, 0)->data_count, 2);
    assert_int_equal(entry_at(&r, 6)->defect, LOG_DEFECT_NONE);
    assert_active(&r, 6, 6, 1);
    unscan(&r);

    r.bytes[4 * SECTOR + 9] = 1; /* in the excess */
    scan(&r);
    assert_int_equal(entry_at(&r, 0)->defect, LOG_DEFECT_CHECKSUM);
    unscan(&r);

    /* An entry in the excess ends it: the first one is not verified any more, the second is. */
    put(&r, 4, (struct entry){.sequence_number = 9, .tail_sector = 4});
    scan(&r);
    assert_int_equal(entry_at(&r, 0)->defect, LOG_DEFECT_CHECKSUM);
    assert_int_equal(entry_at(&r, 4)->defect, LOG_DEFECT_NONE);
    assert_active(&r, 4, 4, 1);
    ring_free(&r);
}

static void a_shorter_entry_with_right_checksum_is_no_entry(void **state)
{
    (void)state;
    struct entry e = {.pages = 4, .sequence_number = 1};
    struct ring r = ring_make(64);
    uint8_t *bytes = entry_bytes(&e);
    put_le32(bytes + 8, 3 * SECTOR);
    log_entry_sign(bytes, 3 * SECTOR);
    put_bytes(&r, 0, bytes, 5);
    free(bytes);
    scan(&r);
    assert_int_equal(entry_at(&r, 0)->defect, LOG_DEFECT_LENGTH_MISMATCH);
    assert_int_equal(r.scan.orphan_data, 4);
    ring_free(&r);
}

static void a_torn_entry_ends_where_the_next_begins(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    put(&r, 0, (struct entry){.pages = 9, .sequence_number = 1});
    put(&r, 4, (struct entry){.pages = 1, .sequence_number = 2, .tail_sector = 4});
    scan(&r);
    assert_int_equal(r.scan.entry_count, 2);
    assert_int_equal(entry_at(&r, 0)->defect, LOG_DEFECT_DATA_SECTOR);
    assert_int_equal(entry_at(&r, 0)->defect_item, 3);
    assert_active(&r, 4, 4, 1);
    assert_int_equal(r.scan.orphan_data, 3 + 4); /* sectors 1-3 and 6-9 */
    assert_int_equal(r.scan.orphan_first_off, RING_OFF + 1 * SECTOR);
    ring_free(&r);
}

static void an_entry_inside_descriptor_sectors_ends_the_outer_one(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    put(&r, 0, (struct entry){.zeros = 300, .sequence_number = 1}); /* three descriptor sectors */
    put(&r, 2, (struct entry){.sequence_number = 2, .tail_sector = 2});
    scan(&r);
    assert_int_equal(entry_at(&r, 0)->defect, LOG_DEFECT_DESCRIPTOR);
    assert_int_equal(entry_at(&r, 0)->defect_item, 126 + 128);
    assert_int_equal(r.scan.orphan_descriptors, 1);
    assert_active(&r, 2, 2, 1);
    ring_free(&r);
}

/* ---- the ring ---- */

static void an_entry_goes_on_at_the_rings_start(void **state)
{
    (void)state;
    for (uint64_t start = 59; start < 64; start++) {
        struct ring r = ring_make(64);
        put(&r, start, (struct entry){.pages = 4, .sequence_number = 5, .tail_sector = start});
        memset(r.bytes + 20 * SECTOR, 'x', SECTOR);
        scan(&r);
        assert_int_equal(r.scan.entry_count, 1);
        assert_active(&r, start, start, 1);
        assert_int_equal(r.scan.orphan_data, 0);
        assert_int_equal(r.scan.orphan_other, 1);
        assert_int_equal(r.scan.orphan_first_off, RING_OFF + 20 * SECTOR);
        ring_free(&r);
    }
}

static void a_broken_entry_at_the_rings_end_leaves_orphans_on_both_sides(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    put(&r, 61, (struct entry){.pages = 8, .sequence_number = 5, .tail_sector = 61});
    memset(r.bytes + 5 * SECTOR, 0, SECTOR); /* its last data sector */
    scan(&r);
    assert_int_equal(entry_at(&r, 61)->defect, LOG_DEFECT_DATA_SECTOR);
    assert_int_equal(entry_at(&r, 61)->defect_item, 7);
    assert_int_equal(r.scan.orphan_data, 7);
    assert_int_equal(r.scan.orphan_first_off, RING_OFF);
    ring_free(&r);
}

static void an_entry_may_fill_the_ring(void **state)
{
    (void)state;
    for (uint64_t start = 0; start < 64; start += 21) {
        struct ring r = ring_make(64);
        put(&r, start, (struct entry){.pages = 63, .sequence_number = 5, .tail_sector = start});
        scan(&r);
        assert_active(&r, start, start, 1);
        assert_int_equal(log_scan_next(&r.scan, 0), 0);
        assert_int_equal(r.scan.orphan_data, 0);
        assert_int_equal(r.scan.orphan_first_off, 0);
        ring_free(&r);
    }
}

/* Trap (a): a run that fills the ring, so that its end is its start. */
static void a_run_may_fill_the_ring(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    uint64_t at = 13;
    for (uint64_t n = 0; n < 32; n++)
        at = put(&r, at, (struct entry){.pages = 1, .sequence_number = 100 + n, .tail_sector = 13});
    assert_int_equal(at, 13);
    scan(&r);
    assert_int_equal(r.scan.run_count, 1);
    assert_int_equal(r.scan.runs[0].count, 32);
    assert_active(&r, 13, 11, 32);
    ring_free(&r);
}

/* Trap (c): the scan from offset 0 meets a wrapped sequence in its middle; older entries follow its head. */
static void a_wrapped_sequence_is_found_whole(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    uint64_t at = 40;
    for (uint64_t n = 0; n < 30; n++) /* 60 sectors: 40..63, 0..35; then the numbers before them */
        at = put(&r, at, (struct entry){.pages = 1, .sequence_number = 50 + n, .tail_sector = 60});
    put(&r, at, (struct entry){.pages = 1, .sequence_number = 48, .tail_sector = 60});
    put(&r, at + 2, (struct entry){.pages = 1, .sequence_number = 49, .tail_sector = 60});
    scan(&r);
    assert_int_equal(r.scan.run_count, 1);
    assert_int_equal(r.scan.runs[0].count, 32);
    assert_active(&r, 60, 34, 20);
    ring_free(&r);
}

static void the_active_sequence_starts_at_the_heads_tail(void **state)
{
    (void)state;
    /* As in a Windows file: five entries at 0, 1, 3, 5, 7, the head's Tail is sector 5. */
    struct ring r = ring_make(256);
    uint64_t at = put(&r, 0, (struct entry){.sequence_number = 1000});
    at = put(&r, at, (struct entry){.pages = 1, .sequence_number = 1001, .tail_sector = 0});
    at = put(&r, at, (struct entry){.pages = 1, .sequence_number = 1002, .tail_sector = 0});
    at = put(&r, at, (struct entry){.pages = 1, .sequence_number = 1003, .tail_sector = 1});
    put(&r, at, (struct entry){.pages = 1, .sequence_number = 1004, .tail_sector = 5});
    scan(&r);
    assert_int_equal(r.scan.run_count, 1);
    assert_int_equal(r.scan.runs[0].count, 5);
    assert_active(&r, 5, 7, 2);
    ring_free(&r);
}

static void a_tail_that_is_no_entry_of_the_run_makes_it_invalid(void **state)
{
    (void)state;
    static const uint64_t tails[] = {1, 2, 30, 40, 50, 60};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        struct ring r = ring_make(64);
        uint64_t at = put(&r, 0, (struct entry){.sequence_number = 10});
        put(&r, at, (struct entry){.pages = 1, .sequence_number = 11, .tail_sector = tails[i]});
        put(&r, 30, (struct entry){.sequence_number = 3, .tail_sector = 30, .guid = &old_guid});
        put(&r, 40, (struct entry){.sequence_number = 5, .tail_sector = 41}); /* another run, invalid as well */
        put(&r, 50, (struct entry){.pages = 1, .sequence_number = 5, .tail_sector = 50});
        r.bytes[50 * SECTOR + 4] ^= 1;
        scan(&r);
        assert_int_equal(r.scan.run_count, 2);
        assert_int_equal(r.scan.has_active, tails[i] == 1); /* 1: the head itself */
        assert_int_equal(r.scan.runs[0].valid, tails[i] == 1);
        ring_free(&r);
    }
}

static void the_greatest_head_wins_and_an_invalid_run_does_not(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    put(&r, 0, (struct entry){.pages = 1, .sequence_number = 7, .tail_sector = 0});
    put(&r, 10, (struct entry){.pages = 1, .sequence_number = 9, .tail_sector = 10});
    put(&r, 20, (struct entry){.pages = 1, .sequence_number = 8, .tail_sector = 20});
    put(&r, 30, (struct entry){.pages = 1, .sequence_number = 99, .tail_sector = 5});
    scan(&r);
    assert_int_equal(r.scan.run_count, 4);
    assert_false(r.scan.runs[3].valid);
    assert_active(&r, 10, 10, 1);
    ring_free(&r);
}

static void of_equal_heads_the_first_found_wins(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    put(&r, 20, (struct entry){.pages = 1, .sequence_number = 9, .tail_sector = 20});
    put(&r, 10, (struct entry){.pages = 1, .sequence_number = 9, .tail_sector = 10});
    scan(&r);
    assert_active(&r, 10, 10, 1);
    unscan(&r);

    /* A wrapped run counts as found at its part behind the seam when that holds the tail ... */
    put(&r, 60, (struct entry){.pages = 3, .sequence_number = 8, .tail_sector = 0});
    put(&r, 0, (struct entry){.pages = 1, .sequence_number = 9, .tail_sector = 0});
    scan(&r);
    assert_active(&r, 0, 0, 1);
    unscan(&r);

    /* ... else at its start, which comes last. */
    put(&r, 0, (struct entry){.pages = 1, .sequence_number = 9, .tail_sector = 60});
    scan(&r);
    assert_active(&r, 10, 10, 1);
    ring_free(&r);
}

static void a_gap_in_the_numbers_ends_a_run(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    uint64_t at = put(&r, 0, (struct entry){.sequence_number = 1});
    at = put(&r, at, (struct entry){.sequence_number = 3, .tail_sector = 1});
    put(&r, at, (struct entry){.sequence_number = 2, .tail_sector = 2});
    scan(&r);
    assert_int_equal(r.scan.run_count, 3);
    assert_active(&r, 1, 1, 1);
    ring_free(&r);
}

/* Trap (d): numbers are unsigned 64-bit and do not wrap. */
static void sequence_numbers_do_not_wrap(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    uint64_t at = put(&r, 0, (struct entry){.sequence_number = UINT64_MAX - 1});
    at = put(&r, at, (struct entry){.sequence_number = UINT64_MAX});
    put(&r, at, (struct entry){.sequence_number = 1});
    scan(&r);
    assert_int_equal(r.scan.run_count, 2);
    assert_active(&r, 0, 1, 2);
    ring_free(&r);
}

/* ---- evidence ---- */

static void entries_of_other_guids_are_judged_but_never_live(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    uint64_t at = put(&r, 0, (struct entry){.pages = 1, .sequence_number = 50, .guid = &old_guid});
    at = put(&r, at, (struct entry){.pages = 1, .sequence_number = 51, .guid = &old_guid});
    at = put(&r, at, (struct entry){.pages = 1, .sequence_number = 1, .tail_sector = 4});
    at = put(&r, at, (struct entry){.sequence_number = 2, .guid = &older_guid});
    at = put(&r, at, (struct entry){.sequence_number = 52, .guid = &old_guid});
    put(&r, at, (struct entry){.sequence_number = 53, .guid = &nil_guid});
    r.bytes[2 * SECTOR + 4] ^= 1;
    scan(&r);
    assert_int_equal(r.scan.valid_live, 1);
    assert_int_equal(r.scan.valid_stale, 4);
    assert_int_equal(r.scan.guid_count, 4);
    assert_memory_equal(&r.scan.guids[0], &old_guid, 16);
    assert_memory_equal(&r.scan.guids[1], &live_guid, 16);
    assert_memory_equal(&r.scan.guids[2], &older_guid, 16);
    assert_memory_equal(&r.scan.guids[3], &nil_guid, 16);
    static const uint32_t want[] = {0, 0, 1, 2, 0, 3};
    for (uint64_t i = 0; i < 6; i++)
        assert_int_equal(r.scan.entries[i].guid, want[i]);
    assert_false(r.scan.entries[1].live);
    assert_int_equal(r.scan.entries[1].defect, LOG_DEFECT_CHECKSUM);
    assert_active(&r, 4, 4, 1);
    unscan(&r);

    scan_as(&r, &nil_guid); /* an empty log: entries with a nil GUID are not live either */
    assert_int_equal(r.scan.valid_live, 0);
    assert_int_equal(r.scan.valid_stale, 5);
    assert_false(r.scan.has_active);
    assert_int_equal(r.scan.run_count, 0);
    ring_free(&r);
}

static void many_guids_are_numbered_by_first_appearance(void **state)
{
    (void)state;
    struct ring r = ring_make(512);
    struct guid g[512];
    for (uint64_t i = 0; i < 512; i++) {
        g[i] = img_guid(IMG_WINDOWS, 'L', i * 7919 % 100);
        put(&r, i, (struct entry){.sequence_number = 1, .guid = &g[i]});
    }
    scan(&r);
    assert_int_equal(r.scan.guid_count, 100);
    for (uint64_t i = 0; i < 512; i++) {
        assert_memory_equal(&r.scan.guids[r.scan.entries[i].guid], &g[i], 16);
        if (i < 100)
            assert_int_equal(r.scan.entries[i].guid, i);
    }
    ring_free(&r);
}

static void orphans_are_counted_by_kind(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    memcpy(r.bytes + 3 * SECTOR, "data", 4);
    memcpy(r.bytes + 4 * SECTOR, "desc", 4);
    memcpy(r.bytes + 9 * SECTOR, "zero", 4);
    r.bytes[30 * SECTOR + 4095] = 1;
    put(&r, 10, (struct entry){.pages = 3, .sequence_number = 1, .tail_sector = 10});
    scan(&r);
    assert_int_equal(r.scan.orphan_data, 1);
    assert_int_equal(r.scan.orphan_descriptors, 2);
    assert_int_equal(r.scan.orphan_other, 1);
    assert_int_equal(r.scan.orphan_first_off, RING_OFF + 3 * SECTOR);
    assert_false(r.scan.all_zero);
    ring_free(&r);
}

/* ---- places ---- */

static void rings_outside_the_file_are_not_scanned(void **state)
{
    (void)state;
    static uint8_t bytes[8 * SECTOR];
    struct source *s = mem_open(bytes, sizeof(bytes));
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct log_scan l;
    static const struct {
        uint64_t off, len;
        bool scanned, truncated;
    } cases[] = {
        {0, 0, false, false},
        {0, 8 * SECTOR, true, false},
        {SECTOR, 8 * SECTOR, true, true},
        {8 * SECTOR, SECTOR, false, true},
        {8 * SECTOR, 1, false, true},
        {9 * SECTOR, 0, false, false}, /* no bytes are missing */
        {UINT64_MAX - 100, 200, false, true},
        {UINT64_MAX - SECTOR, SECTOR, false, true},
        {0, 4000, false, false},             /* no whole sector */
        {100, 0xFFFFFFFF, true, true},       /* unaligned, far too long */
        {0, (uint64_t)1 << 40, false, true}, /* no header can say so */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&l, 0xAA, sizeof(l));
        assert_int_equal(log_scan_run(a, s, cases[i].off, cases[i].len, &live_guid, &l), STATUS_OK);
        if (l.scanned != cases[i].scanned || l.truncated != cases[i].truncated)
            fail_msg("case %zu: scanned %d truncated %d", i, l.scanned, l.truncated);
        assert_int_equal(l.off, cases[i].off);
        assert_int_equal(l.len, cases[i].len);
        assert_false(l.has_active);
    }
    arena_destroy(a);
    source_close(s);
}

static void what_the_file_does_not_have_counts_as_zeros(void **state)
{
    (void)state;
    struct ring r = ring_make(64);
    put(&r, 0, (struct entry){.pages = 1, .sequence_number = 1});
    put(&r, 10, (struct entry){.pages = 1, .sequence_number = 9, .tail_sector = 10});
    for (uint64_t cut = 10 * SECTOR; cut < 13 * SECTOR; cut += 512) {
        struct source *s = mem_open(r.bytes, cut);
        r.arena = arena_create(LIMIT_MEMORY_DEFAULT);
        assert_int_equal(log_scan_run(r.arena, s, 0, 64 * SECTOR, &live_guid, &r.scan), STATUS_OK);
        assert_true(r.scan.truncated);
        uint64_t active = cut < 12 * SECTOR ? 0 : 10;
        assert_active(&r, active, active, 1);
        source_close(s);
        arena_destroy(r.arena);
    }
    free(r.bytes);
}

/* Nor do the host's holes begin and end where the ring's sectors do. */
static void the_log_may_start_anywhere(void **state)
{
    (void)state;
    struct entry e = {.pages = 1, .sequence_number = 1};
    uint8_t *entry = entry_bytes(&e);
    assert_int_equal(entry[2 * SECTOR - 3], 0);
    struct mem_extent extent = {.off = 777, .ptr = entry, .len = 2 * SECTOR - 3};
    struct ring r = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    struct source *s = extents_open(&extent, 1, 20 * SECTOR);
    assert_int_equal(log_scan_run(r.arena, s, 777, 16 * SECTOR + 100, &live_guid, &r.scan), STATUS_OK);
    assert_active(&r, 0, 0, 1);
    source_close(s);
    arena_destroy(r.arena);
    free(entry);
}

/* ---- cost ---- */

static void holes_cost_nothing(void **state)
{
    (void)state;
    const uint64_t len = 4095 * MIB, off = 0x7000 * MIB;
    struct entry e = {.pages = 20, .sequence_number = 4, .tail_sector = len / SECTOR - 3};
    uint8_t *bytes = entry_bytes(&e);
    /* Its first three sectors at the ring's end, the rest at the start. */
    struct mem_extent extents[] = {
        {.off = off + len - 3 * SECTOR, .ptr = bytes, .len = 3 * SECTOR},
        {.off = off, .ptr = bytes + 3 * SECTOR, .len = 18 * SECTOR},
    };
    struct source *s = extents_open(extents, 2, off + len + 5);
    struct ring r = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    assert_int_equal(log_scan_run(r.arena, s, off, len, &live_guid, &r.scan), STATUS_OK);
    assert_active(&r, e.tail_sector, e.tail_sector, 1);
    assert_int_equal(r.scan.orphan_data, 0);
    assert_true(s->read_bytes < 64 * SECTOR);
    assert_true(arena_used(r.arena) < 2 * MIB);
    arena_destroy(r.arena);
    source_close(s);
    free(bytes);
}

/* Up to 4095 MiB with an entry in every 4 MiB: reads follow the entries, of which twice the ring has twice as many. */
static void a_sparse_ring_costs_its_entries(void **state)
{
    (void)state;
    enum { ENTRIES_MOST = 1024, APART = 4 << 20 };
    static struct mem_extent extents[ENTRIES_MOST];
    const uint64_t off = MIB;
    struct entry e = {.sequence_number = 4};
    uint8_t *bytes = entry_bytes(&e);
    uint64_t calls[3];
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t entries = ENTRIES_MOST >> (2 - i), len = entries * APART - MIB;
        for (uint64_t n = 0; n < entries; n++)
            extents[n] = (struct mem_extent){.off = off + n * APART, .ptr = bytes, .len = SECTOR};
        struct source *s = extents_open(extents, entries, off + len);
        struct ring r = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
        assert_int_equal(log_scan_run(r.arena, s, off, len, &live_guid, &r.scan), STATUS_OK);
        assert_int_equal(r.scan.valid_live, entries);
        calls[i] = s->read_calls;
        assert_in_range(calls[i], 1, 2 * entries + 8);
        assert_true(s->read_bytes <= 4 * entries * SECTOR);
        arena_destroy(r.arena);
        source_close(s);
    }
    assert_true(calls[1] <= 2 * calls[0] + 8 && calls[2] <= 2 * calls[1] + 8);
    free(bytes);
}

/* What is missing behind the ring's end is a hole at its start; sectors between holes are orphans. */
static void a_wrapped_entry_may_end_in_a_hole(void **state)
{
    (void)state;
    const uint64_t len = 64 * SECTOR, off = 0x7000;
    struct entry e = {.pages = 20, .sequence_number = 4, .tail_sector = 62};
    uint8_t *bytes = entry_bytes(&e);
    struct mem_extent extents[] = {
        {.off = off + len - 2 * SECTOR, .ptr = bytes, .len = 2 * SECTOR},
        {.off = off, .ptr = bytes + 2 * SECTOR, .len = SECTOR},
    };
    struct source *s = extents_open(extents, 2, off + len);
    struct ring r = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    assert_int_equal(log_scan_run(r.arena, s, off, len, &live_guid, &r.scan), STATUS_OK);
    assert_int_equal(entry_at(&r, 62)->defect, LOG_DEFECT_DATA_SECTOR);
    assert_int_equal(entry_at(&r, 62)->defect_item, 2);
    assert_int_equal(r.scan.orphan_data, 2);
    assert_int_equal(r.scan.orphan_first_off, off);
    assert_false(r.scan.has_active);
    arena_destroy(r.arena);
    source_close(s);
    free(bytes);
}

/* Behind the rest of a wrapped entry nothing is looked at for its sake: what cannot be read there does not harm it. */
static void a_bad_sector_behind_a_wrapped_entry_is_no_matter(void **state)
{
    (void)state;
    const uint64_t len = 64 * SECTOR, off = 0x7000;
    struct entry e = {.pages = 2, .sequence_number = 4, .tail_sector = 62};
    uint8_t *bytes = entry_bytes(&e), *other = calloc(1, 8 * SECTOR);
    assert_non_null(other);
    memset(other, 'x', 8 * SECTOR);
    struct mem_extent extents[] = {
        {.off = off + len - 2 * SECTOR, .ptr = bytes, .len = 2 * SECTOR},
        {.off = off, .ptr = bytes + 2 * SECTOR, .len = SECTOR},
        {.off = off + SECTOR, .ptr = other, .len = 8 * SECTOR},
    };
    struct source *mem = extents_open(extents, 3, off + len);
    struct ring r = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    struct faulty f;
    struct source *s = faulty_over(&f, mem);
    f.bad_off = off + SECTOR;
    f.bad_len = 1;
    assert_int_equal(log_scan_run(r.arena, s, off, len, &live_guid, &r.scan), STATUS_OK);
    assert_int_equal(entry_at(&r, 62)->defect, LOG_DEFECT_NONE);
    assert_true(r.scan.io_error);
    arena_destroy(r.arena);
    source_close(mem);
    free(other);
    free(bytes);
}

/* An entry that is too long, all but its first sector a hole: the checksum is still told right from wrong. */
static void the_checksum_of_a_hole_is_computed(void **state)
{
    (void)state;
    const uint64_t len = 4095 * MIB;
    for (int kind = 0; kind < 4; kind++) {
        struct entry e = {.sequence_number = 4};
        uint8_t *bytes = entry_bytes(&e);
        static const uint8_t none[4];
        bool right = kind & 1;
        uint64_t entry_len = kind & 2 ? len : len / 3 * 2; /* to the ring's end, or less far */
        put_le32(bytes + 8, (uint32_t)entry_len);
        uint32_t crc = crc32c(crc32c(crc32c(0, bytes, 4), none, 4), bytes + 8, SECTOR - 8);
        put_le32(bytes + 4, crc32c_zeros(crc, entry_len - SECTOR) + (right ? 0 : 1));
        struct mem_extent extent = {.off = 0, .ptr = bytes, .len = SECTOR};
        struct source *s = extents_open(&extent, 1, len);
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct log_scan l;
        assert_int_equal(log_scan_run(a, s, 0, len, &live_guid, &l), STATUS_OK);
        assert_int_equal(l.entries[0].defect, right ? LOG_DEFECT_LENGTH_MISMATCH : LOG_DEFECT_CHECKSUM);
        assert_true(s->read_bytes <= 2 * SECTOR);
        arena_destroy(a);
        source_close(s);
        free(bytes);
    }
}

static void zeros_and_holes_give_the_same_checksum(void **state)
{
    (void)state;
    static const uint8_t zeros[70000];
    static const size_t lens[] = {0, 1, 7, 8, 4096, 65536, 69999};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        for (uint32_t crc = 0; crc < 5; crc++)
            assert_int_equal(crc32c_zeros(crc * 0x9E3779B9, lens[i]), crc32c(crc * 0x9E3779B9, zeros, lens[i]));
    }
    assert_int_equal(crc32c_zeros(0, 4096), 0x98F94189);
    assert_int_equal(crc32c_zeros(0, 65536), 0x72C0C4A4);
}

/* Near-valid entries in every sector, each claiming the whole ring (regressions: a quadratic search). */
static void hostile_rings_are_read_about_once(void **state)
{
    (void)state;
    const uint64_t sectors = 8192;
    for (int kind = 0; kind < 4; kind++) {
        struct ring r = ring_make(sectors);
        struct entry e = {.pages = kind == 1 ? 60 : 0, .zeros = kind == 2 ? 4000 : 0, .sequence_number = 1};
        uint8_t *bytes = entry_bytes(&e);
        put_le32(bytes + 8, (uint32_t)(sectors * SECTOR));
        for (uint64_t i = 0; i < sectors; i++) {
            if (kind == 3 && i > 0)
                memset(r.bytes + i * SECTOR, 'x', SECTOR);
            else
                put_bytes(&r, i, bytes, 1);
        }
        free(bytes);
        scan(&r);
        assert_int_equal(r.scan.entry_count, kind == 3 ? 1 : sectors);
        assert_int_equal(r.scan.valid_live, 0);
        assert_true(r.source->read_bytes <= sectors * SECTOR + LOG_WINDOW_MOST);
        ring_free(&r);
    }
}

static void a_full_ring_is_read_once(void **state)
{
    (void)state;
    const uint64_t sectors = 16384;
    struct ring r = ring_make(sectors);
    uint64_t at = 1;
    for (uint64_t n = 1; n <= sectors / 2; n++)
        at = put(&r, at, (struct entry){.pages = 1, .sequence_number = n, .tail_sector = 1});
    scan(&r);
    assert_active(&r, 1, sectors - 1, sectors / 2);
    assert_true(r.source->read_bytes <= sectors * SECTOR + LOG_WINDOW_MOST);
    assert_true(r.source->read_calls <= sectors * SECTOR / LOG_WINDOW_MOST + 1);
    ring_free(&r);
}

/* ---- descriptors ---- */

struct seen {
    uint32_t count, stop_at;
    uint64_t data_off[300];
    uint64_t file_off[300];
};

static bool on_descriptor(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off)
{
    struct seen *s = ctx;
    assert_int_equal(i, s->count);
    s->data_off[i] = data_off;
    s->file_off[i] = d->file_off;
    s->count++;
    return s->count != s->stop_at;
}

static void assert_streamed(const struct ring *r)
{
    struct seen s = {0};
    assert_int_equal(log_scan_descriptors(&r->scan, r->source, 0, on_descriptor, &s), STATUS_OK);
    assert_int_equal(s.count, 300);
    for (uint64_t i = 0; i < 300; i++) {
        assert_int_equal(s.file_off[i], 0x300000 + SECTOR * i);
        assert_int_equal(s.data_off[i], i < 200 ? RING_OFF + (2 + i) * SECTOR : 0);
    }
    s = (struct seen){.stop_at = 5};
    assert_int_equal(log_scan_descriptors(&r->scan, r->source, 0, on_descriptor, &s), STATUS_OK);
    assert_int_equal(s.count, 5);
}

static void descriptors_are_streamed_with_their_sectors(void **state)
{
    (void)state;
    struct ring r = ring_make(400);
    put(&r, 399, (struct entry){.pages = 200, .zeros = 100, .sequence_number = 1, .tail_sector = 399});
    scan(&r);
    assert_int_equal(r.scan.kept.count, 300);
    const uint64_t calls = r.source->read_calls;
    assert_streamed(&r);
    assert_int_equal(r.source->read_calls, calls);
    r.scan.entries[0].kept = LOG_NOT_KEPT;
    assert_streamed(&r);
    assert_true(r.source->read_calls > calls);
    struct seen s;

    /* The file changes under us: another number of pages than the scan saw, then no descriptor at all. */
    uint8_t *last = r.bytes + SECTOR + (300 - 126 - 128 - 1) * 32;
    assert_memory_equal(last, "zero", 4);
    memcpy(last, "desc", 4);
    s = (struct seen){0};
    assert_int_equal(log_scan_descriptors(&r.scan, r.source, 0, on_descriptor, &s), STATUS_IO);
    assert_int_equal(s.count, 299);
    memcpy(last, "zero", 4);
    uint64_t *const fields[] = {(uint64_t *)(void *)(last + 8), (uint64_t *)(void *)(last + 16)}; /* length, place */
    for (unsigned i = 0; i < 2; i++) {
        uint64_t was;
        memcpy(&was, fields[i], 8);
        put_le64((uint8_t *)fields[i], was + 1);
        s = (struct seen){0};
        assert_int_equal(log_scan_descriptors(&r.scan, r.source, 0, on_descriptor, &s), STATUS_IO);
        memcpy(fields[i], &was, 8);
    }
    last[0] = 'x';
    s = (struct seen){0};
    assert_int_equal(log_scan_descriptors(&r.scan, r.source, 0, on_descriptor, &s), STATUS_IO);
    ring_free(&r);
}

static bool count_descriptor(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off)
{
    uint64_t *count = ctx;
    assert_int_equal(i, *count);
    assert_int_equal(d->file_off, 0x300000 + SECTOR * (uint64_t)i);
    assert_int_equal(data_off, 0);
    (*count)++;
    return true;
}

/* The first entry is kept, the one that goes past the limit not even in part, the one behind it is again. */
static void descriptors_are_kept_up_to_a_limit(void **state)
{
    (void)state;
    const uint32_t many = (uint32_t)LIMIT_KEPT_DESCRIPTORS - 5;
    const uint64_t sectors = 1 + 1 + (many - 126 + 127) / 128 + 1;
    struct ring r = ring_make(sectors + 8);
    uint64_t at = put(&r, 0, (struct entry){.zeros = 10, .sequence_number = 1});
    at = put(&r, at, (struct entry){.zeros = many, .sequence_number = 2});
    put(&r, at, (struct entry){.zeros = 20, .sequence_number = 3});
    scan(&r);
    assert_int_equal(r.scan.entry_count, 3);
    assert_int_equal(r.scan.entries[0].kept, 0);
    assert_int_equal(r.scan.entries[1].kept, LOG_NOT_KEPT);
    assert_int_equal(r.scan.entries[2].kept, 10);
    const uint64_t want[] = {10, many, 20};
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t count = 0;
        assert_int_equal(log_scan_descriptors(&r.scan, r.source, i, count_descriptor, &count), STATUS_OK);
        assert_int_equal(count, want[i]);
    }
    unscan(&r);
    r.bytes[SECTOR + 4] ^= 1; /* the checksum of the one that is too long */
    scan(&r);
    assert_int_equal(r.scan.entries[0].kept, 0);
    assert_int_equal(r.scan.entries[1].defect, LOG_DEFECT_CHECKSUM);
    assert_int_equal(r.scan.entries[2].kept, 10);
    assert_int_equal(r.scan.kept.count, 30);
    ring_free(&r);
}

/* What an entry that fails had kept goes. */
static void descriptors_of_broken_entries_are_not_kept(void **state)
{
    (void)state;
    struct ring r = ring_make(16);
    uint64_t at = put(&r, 0, (struct entry){.pages = 2, .sequence_number = 1});
    r.bytes[SECTOR] ^= 1; /* its first data sector */
    put(&r, at, (struct entry){.zeros = 3, .sequence_number = 2});
    scan(&r);
    assert_int_equal(r.scan.kept.count, 3);
    assert_int_equal(r.scan.entries[1].kept, 0);
    uint64_t count = 0;
    assert_int_equal(log_scan_descriptors(&r.scan, r.source, 1, count_descriptor, &count), STATUS_OK);
    assert_int_equal(count, 3);
    ring_free(&r);
}

static void only_valid_entries_have_descriptors(void **state)
{
    (void)state;
    struct ring r = ring_make(16);
    put(&r, 0, (struct entry){.pages = 1, .sequence_number = 1});
    r.bytes[4] ^= 1;
    scan(&r);
    struct seen s = {0};
    assert_int_equal(log_scan_descriptors(&r.scan, r.source, 0, on_descriptor, &s), STATUS_INTERNAL);
    assert_int_equal(log_scan_descriptors(&r.scan, r.source, 7, on_descriptor, &s), STATUS_INTERNAL);
    assert_int_equal(log_scan_next(&r.scan, 0), NOWHERE);
    assert_int_equal(log_scan_next(&r.scan, 5), NOWHERE);
    ring_free(&r);
}

/* ---- failures ---- */

/* More than a window, entries on both sides of a place the host cannot read. */
static struct ring ring_for_failures(void)
{
    struct ring r = ring_make(600);
    put(&r, 3, (struct entry){.pages = 1, .sequence_number = 1, .tail_sector = 3});
    put(&r, 250, (struct entry){.pages = 9, .sequence_number = 2, .tail_sector = 250}); /* crosses a window */
    put(&r, 550, (struct entry){.pages = 1, .sequence_number = 3, .tail_sector = 550});
    put(&r, 598, (struct entry){.pages = 3, .sequence_number = 4, .tail_sector = 598});
    return r;
}

static void what_cannot_be_read_is_never_empty(void **state)
{
    (void)state;
    struct ring r = ring_for_failures();
    struct source *mem = mem_open(r.bytes, r.sectors * SECTOR);
    struct faulty f;
    bool reached = true;
    for (uint64_t n = 1; reached; n++) {
        for (int sticky = 0; sticky < 2; sticky++) {
            struct source *s = faulty_over(&f, mem);
            struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
            struct log_scan l;
            f.fail_read = n;
            f.sticky = sticky;
            assert_int_equal(log_scan_run(a, s, 0, r.sectors * SECTOR, &live_guid, &l), STATUS_OK);
            reached = f.reads >= n;
            assert_int_equal(l.io_error, reached);
            assert_int_equal(l.has_active, !reached);
            assert_false(l.all_zero);
            assert_true(l.orphan_data + l.orphan_descriptors + l.orphan_other <= r.sectors);
            for (uint64_t i = 0; i < l.entry_count; i++) /* half seen entries are not called broken */
                assert_int_equal(l.entries[i].defect, LOG_DEFECT_NONE);
            arena_destroy(a);
        }
    }
    source_close(mem);
    ring_free(&r);
}

/* A host that cannot say where holes are can be read all the same; one that has no more time cannot. */
static void the_ring_is_read_without_a_word_about_holes(void **state)
{
    (void)state;
    struct ring r = ring_for_failures();
    struct source *mem = mem_open(r.bytes, r.sectors * SECTOR);
    struct faulty f;
    struct log_scan good, l;
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    assert_int_equal(log_scan_run(a, mem, 0, r.sectors * SECTOR, &live_guid, &good), STATUS_OK);
    struct source *s = faulty_over(&f, mem);
    f.hole_status = STATUS_IO;
    assert_int_equal(log_scan_run(a, s, 0, r.sectors * SECTOR, &live_guid, &l), STATUS_OK);
    assert_true(l.has_active);
    assert_false(l.io_error);
    assert_int_equal(l.entry_count, good.entry_count);
    assert_int_equal(l.active_count, good.active_count);
    f.hole_status = STATUS_LIMIT;
    assert_int_equal(log_scan_run(a, s, 0, r.sectors * SECTOR, &live_guid, &l), STATUS_LIMIT);
    arena_destroy(a);
    source_close(mem);
    ring_free(&r);
}

/* Sixty entries in a row of which every second is cut off by one that its header alone condemns: two to keep at once.
 */
static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    struct ring r = ring_for_failures();
    for (uint64_t i = 0; i < 60; i++)
        put(&r, 300 + i,
            (struct entry){.pages = 1, .sequence_number = 1 - i % 2, .guid = i % 4 ? &old_guid : &older_guid});
    struct source *s = mem_open(r.bytes, r.sectors * SECTOR);
    for (int sticky = 0; sticky < 2; sticky++) {
        enum status st = STATUS_NO_MEMORY;
        for (uint64_t n = 1; st != STATUS_OK; n++) {
            struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
            struct log_scan l = {.len = 12345};
            arena_fail_at(a, n, sticky);
            st = log_scan_run(a, s, 0, r.sectors * SECTOR, &live_guid, &l);
            assert_true(st == STATUS_OK ? n > 8 : st == STATUS_NO_MEMORY);
            assert_int_equal(l.len, st == STATUS_OK ? r.sectors * SECTOR : 12345); /* untouched on failure */
            arena_destroy(a);
        }
    }
    source_close(s);
    ring_free(&r);
}

/* ---- against the specification, step by step ---- */

static uint64_t seed;

static uint64_t next_random(uint64_t below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (seed >> 33) % below;
}

/* Gathers an entry from the ring: NULL unless format.md 8.2 calls it valid. Whatever its GUID. */
static uint8_t *naive_entry(const struct ring *r, uint64_t sector, struct log_entry_header *h)
{
    const uint8_t *first = r->bytes + sector * SECTOR;
    if (!log_entry_header_decode(span_of(first, SECTOR), h) || !h->signature_ok)
        return NULL;
    if (h->entry_len % SECTOR != 0 || h->entry_len < SECTOR || h->entry_len > r->sectors * SECTOR ||
        h->tail % SECTOR != 0 || h->tail >= r->sectors * SECTOR || h->sequence_number == 0 ||
        h->descriptor_count > (h->entry_len - 64) / 32)
        return NULL;
    uint8_t *e = malloc(h->entry_len);
    assert_non_null(e);
    for (uint64_t i = 0; i < h->entry_len / SECTOR; i++)
        memcpy(e + i * SECTOR, r->bytes + (sector + i) % r->sectors * SECTOR, SECTOR);
    uint64_t pages = 0, d = log_descriptor_sectors(h->descriptor_count);
    bool ok = true;
    for (uint64_t i = 0; i < h->descriptor_count; i++) {
        struct log_descriptor desc;
        ok = ok && log_descriptor_decode(span_of(e + 64 + 32 * i, 32), &desc) && desc.kind != LOG_DESCRIPTOR_UNKNOWN &&
             desc.sequence_number == h->sequence_number && desc.file_off % SECTOR == 0 && desc.len % SECTOR == 0;
        pages += ok && desc.kind == LOG_DESCRIPTOR_DATA;
    }
    ok = ok && h->entry_len == SECTOR * (d + pages);
    for (uint64_t i = 0; ok && i < pages; i++) {
        struct log_data_sector data;
        ok = log_data_sector_decode(span_of(e + (d + i) * SECTOR, SECTOR), &data) && data.signature_ok &&
             data.sequence_number == h->sequence_number;
    }
    ok = ok && crc32c_structure(span_of(e, h->entry_len)) == h->checksum;
    if (!ok) {
        free(e);
        return NULL;
    }
    return e;
}

struct naive {
    bool valid, live;
    struct log_entry_header h;
    uint64_t sectors;
};

struct naive_result {
    bool found;
    uint64_t tail, head, count; /* sectors, entries */
};

/* The pseudo code of format.md 8.3, but that after an invalid run it goes on one sector further, as the specification.
 */
static struct naive_result naive_search(const struct ring *r, const struct naive *v)
{
    struct naive_result best = {.found = false};
    uint64_t best_number = 0, run[128];
    for (uint64_t p = 0; p < r->sectors; p++) {
        uint64_t n = 0, used = 0, q = p;
        while (used < r->sectors) {
            if (!v[q].valid || !v[q].live || used + v[q].sectors > r->sectors)
                break;
            if (n > 0 && v[q].h.sequence_number != v[run[n - 1]].h.sequence_number + 1)
                break;
            run[n++] = q;
            used += v[q].sectors;
            q = (q + v[q].sectors) % r->sectors;
        }
        for (uint64_t i = 0; i < n; i++) {
            const struct log_entry_header *head = &v[run[n - 1]].h;
            if (run[i] == head->tail / SECTOR && (!best.found || head->sequence_number > best_number)) {
                best = (struct naive_result){true, run[i], run[n - 1], n - i};
                best_number = head->sequence_number;
            }
        }
    }
    return best;
}

static struct ring random_ring(void)
{
    struct ring r = ring_make(8 + next_random(56));
    uint64_t number = 1 + next_random(50), at = next_random(r.sectors), entries = next_random(20);
    uint64_t starts[20];
    for (uint64_t n = 0; n < entries; n++) {
        struct entry e = {.pages = (uint32_t)next_random(4), .zeros = (uint32_t)next_random(3)};
        if (next_random(12) == 0)
            e.zeros += 130;
        e.extra = next_random(20) == 0;
        e.guid = next_random(6) == 0 ? &old_guid : NULL;
        if (next_random(8) == 0)
            number = 1 + next_random(30);
        if (next_random(8) == 0)
            at = next_random(r.sectors);
        starts[n] = at;
        e.sequence_number = number++;
        e.tail_sector = starts[n - next_random(n + 1 < 5 ? n + 1 : 5)];
        if (entry_sectors(&e) <= r.sectors)
            at = put(&r, at, e);
        if (next_random(12) == 0)
            r.bytes[next_random(r.sectors * SECTOR)] ^= 1;
    }
    return r;
}

static void random_rings_agree_with_the_specification(void **state)
{
    (void)state;
    uint64_t valid_total = 0, active_total = 0, wrapped_total = 0;
    for (seed = 1; seed <= 5000;) {
        uint64_t case_seed = seed;
        struct ring r = random_ring();
        struct naive v[64];
        scan(&r);
        uint64_t valid = 0, covered = 0, orphans = 0;
        bool in_entry[64] = {false};
        for (uint64_t s = 0; s < r.sectors; s++) {
            uint8_t *bytes = naive_entry(&r, s, &v[s].h);
            v[s].valid = bytes != NULL;
            v[s].live = guid_equal(&v[s].h.log_guid, &live_guid);
            v[s].sectors = v[s].h.entry_len / SECTOR;
            free(bytes);
            uint64_t i = at_sector(&r, s);
            bool scan_valid = i != NOWHERE && r.scan.entries[i].defect == LOG_DEFECT_NONE;
            if (scan_valid != v[s].valid || (i != NOWHERE) != v[s].h.signature_ok)
                fail_msg("seed %lu: sector %lu", (unsigned long)case_seed, (unsigned long)s);
            valid += v[s].valid;
            for (uint64_t k = 0; v[s].valid && k < v[s].sectors; k++)
                in_entry[(s + k) % r.sectors] = true;
            covered += v[s].valid && s + v[s].sectors > r.sectors;
        }
        uint64_t first_orphan = 0;
        for (uint64_t s = r.sectors; s-- > 0;) {
            const uint8_t *p = r.bytes + s * SECTOR;
            if (in_entry[s] || v[s].h.signature_ok || span_is_zero(span_of(p, SECTOR)))
                continue;
            orphans++;
            first_orphan = RING_OFF + s * SECTOR;
        }
        struct naive_result want = naive_search(&r, v);
        bool same = want.found == r.scan.has_active && valid == r.scan.valid_live + r.scan.valid_stale &&
                    orphans == r.scan.orphan_data + r.scan.orphan_descriptors + r.scan.orphan_other &&
                    first_orphan == r.scan.orphan_first_off;
        if (same && want.found)
            same = at_sector(&r, want.tail) == r.scan.active_first && at_sector(&r, want.head) == r.scan.active_head &&
                   want.count == r.scan.active_count;
        if (!same)
            fail_msg("seed %lu: sequence differs", (unsigned long)case_seed);
        valid_total += valid;
        active_total += want.found;
        wrapped_total += covered;
        ring_free(&r);
        seed = case_seed + 1;
    }
    /* The generator makes what it is meant to make. */
    assert_true(valid_total > 12000 && active_total > 2000 && wrapped_total > 700);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_ring_is_all_zero),
        cmocka_unit_test(one_entry_is_a_sequence),
        cmocka_unit_test(every_defect_is_told),
        cmocka_unit_test(descriptors_that_were_not_written_are_a_defect),
        cmocka_unit_test(sequence_number_zero_is_a_defect),
        cmocka_unit_test(reserved_bytes_and_empty_zero_descriptors_are_noted),
        cmocka_unit_test(a_longer_entry_with_right_checksum_is_no_entry),
        cmocka_unit_test(a_shorter_entry_with_right_checksum_is_no_entry),
        cmocka_unit_test(a_torn_entry_ends_where_the_next_begins),
        cmocka_unit_test(an_entry_inside_descriptor_sectors_ends_the_outer_one),
        cmocka_unit_test(an_entry_goes_on_at_the_rings_start),
        cmocka_unit_test(a_broken_entry_at_the_rings_end_leaves_orphans_on_both_sides),
        cmocka_unit_test(an_entry_may_fill_the_ring),
        cmocka_unit_test(a_run_may_fill_the_ring),
        cmocka_unit_test(a_wrapped_sequence_is_found_whole),
        cmocka_unit_test(the_active_sequence_starts_at_the_heads_tail),
        cmocka_unit_test(a_tail_that_is_no_entry_of_the_run_makes_it_invalid),
        cmocka_unit_test(the_greatest_head_wins_and_an_invalid_run_does_not),
        cmocka_unit_test(of_equal_heads_the_first_found_wins),
        cmocka_unit_test(a_gap_in_the_numbers_ends_a_run),
        cmocka_unit_test(sequence_numbers_do_not_wrap),
        cmocka_unit_test(entries_of_other_guids_are_judged_but_never_live),
        cmocka_unit_test(many_guids_are_numbered_by_first_appearance),
        cmocka_unit_test(orphans_are_counted_by_kind),
        cmocka_unit_test(rings_outside_the_file_are_not_scanned),
        cmocka_unit_test(what_the_file_does_not_have_counts_as_zeros),
        cmocka_unit_test(the_log_may_start_anywhere),
        cmocka_unit_test(holes_cost_nothing),
        cmocka_unit_test(a_sparse_ring_costs_its_entries),
        cmocka_unit_test(a_wrapped_entry_may_end_in_a_hole),
        cmocka_unit_test(a_bad_sector_behind_a_wrapped_entry_is_no_matter),
        cmocka_unit_test(the_checksum_of_a_hole_is_computed),
        cmocka_unit_test(zeros_and_holes_give_the_same_checksum),
        cmocka_unit_test(hostile_rings_are_read_about_once),
        cmocka_unit_test(a_full_ring_is_read_once),
        cmocka_unit_test(descriptors_are_streamed_with_their_sectors),
        cmocka_unit_test(descriptors_are_kept_up_to_a_limit),
        cmocka_unit_test(descriptors_of_broken_entries_are_not_kept),
        cmocka_unit_test(only_valid_entries_have_descriptors),
        cmocka_unit_test(what_cannot_be_read_is_never_empty),
        cmocka_unit_test(the_ring_is_read_without_a_word_about_holes),
        cmocka_unit_test(memory_that_runs_out_is_told),
        cmocka_unit_test(random_rings_agree_with_the_specification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
