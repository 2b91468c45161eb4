/* SPDX-License-Identifier: MIT */
/*
 * The edges of rules that the case tables do not stand on: a value on its last side, texts that are worked out by hand.
 * Found by changing the rules (tools/mutate): each row was written because nobody noticed. Rows are those of cases.h,
 * run the same way, but no part of the catalogue of cases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/le.h"
#include "base/limits.h"
#include "cases.h"
#include "check/forecast.h"
#include "reports.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

enum { LIMIT_STALE_PAGES_TESTED = 4096 };

/* ---- GUIDs with a time: seconds since 1582-10-15 ---- */

static void set_file_write_guid(struct img *img, const char *text)
{
    struct guid g;
    assert_true(guid_parse(text, strlen(text), &g));
    for (unsigned i = 0; i < 2; i++)
        guid_store(img_header(img, i) + IMG_HEADER_FILE_WRITE_GUID, &g);
    img_sign_headers(img);
}

static void guid_at_23_00(struct img *img)
{
    set_file_write_guid(img, "7dfb9800-d730-11e4-8ac6-00155d010203");
}

static void guid_of_1995(struct img *img)
{
    set_file_write_guid(img, "dd648000-24fd-11ce-8ac6-00155d010203");
}

static void guid_of_1994(struct img *img)
{
    set_file_write_guid(img, "dccbe980-24fd-11ce-8ac6-00155d010203");
}

static void guid_of_2095(struct img *img)
{
    set_file_write_guid(img, "a7896980-6147-123f-8ac6-00155d010203");
}

static void guid_of_2112(struct img *img)
{
    set_file_write_guid(img, "b3cb4000-50ba-1251-8ac6-00155d010203");
}

static void guid_of_leap_day(struct img *img)
{
    set_file_write_guid(img, "53e06980-ef04-11d3-8ac6-00155d010203");
}

static void guid_of_march(struct img *img)
{
    set_file_write_guid(img, "cd3fc000-0dd5-11d5-8ac6-00155d010203");
}

static void guid_of_the_last_day(struct img *img)
{
    set_file_write_guid(img, "0d262f80-5abf-11d9-8ac6-00155d010203");
}

/* ---- BAT pages moved up by one entry (QEMU issue 727): the repeated first entry and three blocks in order behind it
 * ---- */

static const struct img_params child = {.type = IMG_DIFFERENCING};
static const struct img_params four_in_order = {.states = "6666......"}, three_in_order = {.states = "666......."};

static const struct img_params absent_in_child = {.type = IMG_DIFFERENCING, .states = "6.66666666"},
                               absent = {.states = "6.66666666"};
/* Of state 0 two, of state 1 one, of state 2 three, of state 3 five. */
static const struct img_params each_without_a_place = {
    .type = IMG_FIXED, .virtual_size = 40 * MIB, .states = "00122233333666666666"};

static void shift_page(struct img *img)
{
    for (uint64_t i = 9; i > 0; i--)
        img_bat_set(img, i, img_bat_get(img, i - 1));
}

/* Behind the newest block, which is the first, one lies in the padding: in its first entry, or in a later one. */
static void block_in_the_padding(struct img *img, uint64_t index)
{
    img_block_set(img, 0, PAYLOAD_FULLY_PRESENT, img->size);
    img_resize(img, img->size + 2 * MIB);
    img_bat_set(img, index, img_bat_get(img, 2));
}

static void block_in_the_first_of_the_padding(struct img *img)
{
    block_in_the_padding(img, img->geometry.entries);
}

static void block_in_the_second_of_the_padding(struct img *img)
{
    block_in_the_padding(img, img->geometry.entries + 1);
}

static void only_the_next_entry_shows_a_shift(void **state)
{
    const struct test_case first = {.name = "first of the padding", .mutate = block_in_the_first_of_the_padding};
    const struct test_case second = {.name = "second of the padding", .mutate = block_in_the_second_of_the_padding};
    struct case_run r;

    (void)state;
    case_open(&first, false, &r);
    assert_int_equal(case_findings(&r, "VHDX-BAT-025"), 1);
    case_close(&r);
    case_open(&second, false, &r);
    assert_int_equal(case_findings(&r, "VHDX-BAT-025"), 0);
    case_close(&r);
}

/*
 * A page of the BAT that begins with one entry twice and goes on in order: moved up, unless the slot of a bitmap lies
 * between, which the blocks of such a page would go around. With 16 blocks to a chunk, slots are 16, 33 ... 3586.
 */
static void page_with_its_first_entry_twice(struct img *img, uint64_t page)
{
    for (uint64_t i = 0; i < 5; i++)
        img_bat_set(img, 512 * page + i, bat_entry_make((100 + 256 * (i > 0 ? i - 1 : 0)) * MIB, 6));
}

static void twice_in_the_first_page(struct img *img)
{
    page_with_its_first_entry_twice(img, 1);
}

static void twice_beside_a_bitmap(struct img *img)
{
    page_with_its_first_entry_twice(img, 7);
}

static void a_page_with_a_bitmap_in_front_is_not_moved_up(void **state)
{
    const struct img_params wide = {.virtual_size = (uint64_t)1 << 40, .block_size = 256 * MIB, .states = ""};
    const struct test_case moved = {.name = "moved", .params = &wide, .mutate = twice_in_the_first_page};
    const struct test_case beside = {.name = "beside a bitmap", .params = &wide, .mutate = twice_beside_a_bitmap};
    struct case_run r;

    (void)state;
    case_open(&moved, false, &r);
    assert_int_equal(case_findings(&r, "VHDX-BAT-025"), 1);
    case_close(&r);
    case_open(&beside, false, &r);
    assert_true(bat_slot_of_index(&r.image->main->geometry, 7 * 512 + 2).is_bitmap);
    assert_int_equal(case_findings(&r, "VHDX-BAT-025"), 0);
    case_close(&r);
}

/* The file has all of the guest's bytes in the last block; where the block would end no file can. */
static void last_block_at_the_end_of_all_files(struct img *img)
{
    img_block_set(img, 9, PAYLOAD_FULLY_PRESENT, INT64_MAX / MIB * MIB);
    img_resize(img, INT64_MAX);
}

static void a_block_that_no_file_can_hold_is_not_cut(void **state)
{
    const struct img_params odd = {.virtual_size = 18 * MIB + 512, .states = "666666666"};
    const struct test_case c = {.name = "end of all", .params = &odd, .mutate = last_block_at_the_end_of_all_files};
    struct case_run r;

    (void)state;
    case_open(&c, false, &r);
    assert_int_equal(case_findings(&r, "VHDX-BAT-010"), 1);
    assert_int_equal(case_findings(&r, "VHDX-BAT-011"), 0);
    assert_int_equal(case_findings(&r, "VHDX-BAT-012"), 0);
    case_close(&r);
}

/* A place that an absent block keeps is no matter to openvmm below 2^48, and to Hyper-V only when it is ZERO. */
static void idle_places_are_minded_from_2_48_on(void **state)
{
    static const struct {
        uint64_t raw;
        unsigned stops;
    } rows[] = {
        {((uint64_t)1 << 48) - MIB, 0},          {(uint64_t)1 << 48, PEER_HYPERV},
        {(uint64_t)1 << 60, PEER_HYPERV},        {100 * MIB, 0},
        {100 * MIB | PAYLOAD_ZERO, PEER_HYPERV},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct img *img = img_create(NULL);
        img_bat_set(img, 1, rows[i].raw);
        struct checked c = reports_check(img, "x.vhdx", 100);
        bool found = false;
        for (uint64_t k = 0; k < c.result->finding_count; k++) {
            const struct finding *f = c.result->findings[k];
            if (strcmp(f->rule->id, "VHDX-BAT-009") != 0)
                continue;
            found = true;
            assert_int_equal(f->stops & PEER_HYPERV, rows[i].stops);
            assert_int_equal(f->at.index, 1);
        }
        assert_true(found);
        reports_done(&c);
        img_free(img);
    }
}

/* Where EntryCount is impossible, an entry of zeros is none; one that says anything at all lacks its GUID. */
static void a_nameless_entry_is_one_when_it_says_something(void **state)
{
    (void)state;
    for (unsigned field = 0; field < 4; field++) {
        struct img *img = img_create(NULL);
        unsigned found = 0;
        for (unsigned copy = 0; copy < 2; copy++) {
            put_le32(img_region_table(img, copy) + 8, REGION_ENTRIES_MAX + 1);
            if (field < 3)
                put_le32(img_region_entry(img, copy, 2) + (const size_t[]){16, 24, 28}[field], 0x100000);
            put_le32(img_region_entry(img, copy, 5) + 28, 2);
        }
        img_sign_region_tables(img);
        struct checked c = reports_check(img, "x.vhdx", 100);
        for (uint64_t k = 0; k < c.result->finding_count; k++)
            found += strcmp(c.result->findings[k]->rule->id, "VHDX-RGN-022") == 0;
        assert_int_equal(found, field < 3 ? 2 : 1);
        reports_done(&c);
        img_free(img);
    }
}

/* ---- each of several alike ---- */

/* Items of a fixed size, longer by four bytes; each is told by its name, and none of the others. */
static void each_item_may_be_too_long(void **state)
{
    static const enum known_guid items[] = {KNOWN_ITEM_FILE_PARAMETERS, KNOWN_ITEM_VIRTUAL_DISK_SIZE,
                                            KNOWN_ITEM_VIRTUAL_DISK_ID, KNOWN_ITEM_LOGICAL_SECTOR_SIZE,
                                            KNOWN_ITEM_PHYSICAL_SECTOR_SIZE};
    (void)state;
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        struct img *img = img_create(NULL);
        uint8_t *entry = img_metadata_entry(img, items[i]);
        put_le32(entry + 20, le32(entry + 20) + 4);
        struct checked c = reports_check(img, "x.vhdx", 100);
        const struct finding *found = NULL;
        for (uint64_t k = 0; k < c.result->finding_count; k++)
            if (strcmp(c.result->findings[k]->rule->id, "VHDX-META-045") == 0) {
                assert_null(found);
                found = c.result->findings[k];
            }
        assert_non_null(found);
        assert_non_null(strstr(found->message, known_guid_name(items[i])));
        reports_done(&c);
        img_free(img);
    }
}

/* A slot that the file does not have whole is told of as missing bytes, not as a wrong checksum. */
static void header_cut_behind_its_fields(struct img *img)
{
    img_resize(img, HEADER_OFF[1] + 2048);
    *img_bytes(img, HEADER_OFF[1] + 100, 1) = 1;
}

static void a_header_that_is_cut_has_no_wrong_checksum(void **state)
{
    const struct test_case c = {.name = "cut header", .mutate = header_cut_behind_its_fields};
    struct case_run r;

    (void)state;
    case_open(&c, false, &r);
    assert_int_equal(case_findings(&r, "VHDX-FILE-001"), 1);
    assert_int_equal(case_findings(&r, "VHDX-HDR-001"), 0);
    assert_int_equal(case_findings(&r, "VHDX-HDR-003"), 0);
    case_close(&r);
}

/* ---- regions and items that overlap, repeat, or must be understood: one is needed, whoever says so ---- */

static void add_region(struct img *img, uint64_t which, uint64_t back, uint32_t mib, uint32_t required)
{
    img_region_add(img, &(const struct region_entry){.guid = img_guid(IMG_QEMU, 'R', which),
                                                     .off = img->size - back * MIB,
                                                     .len = mib << 20,
                                                     .required_word = required});
}

static void required_region_twice(struct img *img)
{
    img_resize(img, img->size + 2 * MIB);
    add_region(img, 77, 2, 1, 1);
    add_region(img, 77, 1, 1, 1);
}

static void region_twice_once_required(struct img *img)
{
    img_resize(img, img->size + 2 * MIB);
    add_region(img, 77, 2, 1, 1);
    add_region(img, 77, 1, 1, 0);
}

/* Two short ones inside a long one: both overlap it, and not each other. */
static void two_regions_in_one(struct img *img)
{
    img_resize(img, img->size + 3 * MIB);
    add_region(img, 1, 3, 3, 0);
    add_region(img, 2, 2, 1, 0);
    add_region(img, 3, 1, 1, 0);
}

static void three_regions_in_a_row(struct img *img)
{
    img_resize(img, img->size + 3 * MIB);
    for (uint64_t i = 1; i <= 3; i++)
        add_region(img, i, 4 - i, 1, 0);
}

/* The same time in each GUID that a writer draws: header 2 is the current one, at 128 KiB. */
static void times_in_every_guid(struct img *img)
{
    static const char text[] = "7dfb9800-d730-11e4-8ac6-00155d010203";
    struct guid g;
    assert_true(guid_parse(text, strlen(text), &g));
    for (unsigned i = 0; i < 2; i++) {
        guid_store(img_header(img, i) + IMG_HEADER_FILE_WRITE_GUID, &g);
        guid_store(img_header(img, i) + IMG_HEADER_DATA_WRITE_GUID, &g);
        guid_store(img_header(img, i) + IMG_HEADER_LOG_GUID, &g);
    }
    img_sign_headers(img);
    guid_store(img_metadata_item(img, KNOWN_ITEM_VIRTUAL_DISK_ID), &g);
}

static void times_are_found_in_every_guid(void **state)
{
    static const char *const names[] = {"FileWriteGuid ", "DataWriteGuid ", "LogGuid ", "Virtual Disk ID "};
    const struct test_case c = {.name = "times", .mutate = times_in_every_guid};
    struct case_run r;
    (void)state;
    case_open(&c, false, &r);
    assert_int_equal(case_findings(&r, "VHDX-FOR-013"), 4);
    for (unsigned i = 0; i < 4; i++) {
        const struct finding *f = case_finding(&r, "VHDX-FOR-013", i);
        assert_memory_equal(f->message, names[i], strlen(names[i]));
        assert_non_null(strstr(f->message, "2015-03-30 23:00:00 UTC"));
        assert_non_null(strstr(f->message, "00:15:5d:01:02:03"));
        assert_int_equal(f->at.off, i < 3 ? 0x20000 + 16 + 16 * i : r.scene.img->item_off[KNOWN_ITEM_VIRTUAL_DISK_ID]);
        assert_int_equal(f->at.len, 16);
        assert_int_equal(f->at.index, i < 3 ? 2 : 4); /* the header; the fifth item of Windows */
    }
    case_close(&r);
}

/* ---- logs ---- */

/* As many pages as are compared in one stale entry, and one more in another: all differ. */
static const struct img_params long_log = {.log_len = 32 * MIB};

static void too_many_stale_pages(struct img *img)
{
    static struct img_log_desc descs[LIMIT_STALE_PAGES_TESTED];
    uint8_t *page = img_page_copy(img, img->bat_off);
    page[9] ^= 1;
    for (uint32_t i = 0; i < LIMIT_STALE_PAGES_TESTED; i++)
        descs[i] = (struct img_log_desc){.off = img->bat_off, .page = page};
    struct img_log_entry e = {.sequence_number = 7,
                              .guid = img_guid(IMG_WINDOWS, 'S', 1),
                              .descs = descs,
                              .desc_count = LIMIT_STALE_PAGES_TESTED};
    uint32_t pos = img_log_write(img, 0, &e);
    e.desc_count = 1;
    img_log_write(img, pos, &e);
}

static void only_an_orphan(struct img *img)
{
    img_log_begin(img, 0, 1);
    memcpy(img_bytes(img, img->log_off + 8192, 4), "data", 4);
}

static void only_a_stale_entry(struct img *img)
{
    img_log_begin(img, 0, 1);
    img_log_write(img, 0, &(struct img_log_entry){.sequence_number = 7, .guid = img_guid(IMG_WINDOWS, 'S', 1)});
}

/* Sequences of one entry each, in no order; gaps keep them apart. */
static void put_sequences(struct img *img, const uint64_t *numbers, uint32_t count)
{
    img_log_begin(img, 0, 1);
    for (uint32_t i = 0; i < count; i++)
        img_log_write(img, i * 8192, &(struct img_log_entry){.sequence_number = numbers[i], .tail = i * 8192});
}

static void one_number_twice_of_seven(struct img *img)
{
    put_sequences(img, (const uint64_t[]){90, 50, 70, 20, 60, 50, 10}, 7);
}

static void seven_numbers(struct img *img)
{
    put_sequences(img, (const uint64_t[]){90, 50, 70, 20, 60, 40, 10}, 7);
}

/* ---- a metadata table that the file ends in: what is behind it is not called missing ---- */

static void cut_behind_second_entry(struct img *img)
{
    img_resize(img, img->metadata_off + 32 + 2 * 32);
}

/* ---- CHS parameters, as openvmm defines them: heads per cylinder, sectors per track ---- */

static void set_chs(struct img *img, uint32_t heads, uint32_t sectors)
{
    uint8_t chs[8];
    put_le32(chs, heads);
    put_le32(chs + 4, sectors);
    img_metadata_add(img, &(struct metadata_entry){*known_guid(KNOWN_ITEM_CHS_PARAMETERS), 0x20000, sizeof(chs), 0, 0},
                     chs);
}

static void sixteen_heads(struct img *img)
{
    set_chs(img, 16, 1);
}

static void one_head(struct img *img)
{
    set_chs(img, 1, 63);
}

/* ---- texts that only some findings of a rule have ---- */

static void wrong_checksum_between_right_entries(struct img *img)
{
    img_log_begin(img, 0, 1);
    for (uint32_t i = 0; i < 3; i++)
        img_log_write(img, i * 4096,
                      &(struct img_log_entry){
                          .sequence_number = 1 + i,
                          .tail = i == 2 ? 2 * 4096 : 0,
                          .flags = i == 1 ? IMG_LOG_BAD_CRC : 0,
                      });
}

static void an_entry_lost_between_others_means_lost_changes(void **state)
{
    (void)state;
    const struct test_case c = {.name = "lost-between", .mutate = wrong_checksum_between_right_entries};
    struct case_run r;
    case_open(&c, false, &r);
    const struct finding *f = case_finding(&r, "VHDX-LOG-004", 0);
    assert_non_null(f);
    assert_int_equal(f->severity, SEVERITY_WARNING);
    assert_non_null(f->means);
    assert_non_null(strstr(f->means, "are lost"));
    case_close(&r);
}

static void two_unknown_items_overlap(struct img *img)
{
    for (uint64_t i = 0; i < 2; i++)
        img_metadata_add(img,
                         &(const struct metadata_entry){
                             .item_id = img_guid(IMG_QEMU, 'M', i), .off = 0x20000 + 15 * (uint32_t)i, .len = 16},
                         NULL);
}

/* Between others: right ones of the live log, with the numbers before and behind its own, without a gap. */
static const struct {
    uint64_t before, behind;
    unsigned before_flags, behind_flags;
    uint64_t before_stale, behind_stale; /* numbers of GUIDs that are not the log's */
    uint32_t gap_before, gap_behind;     /* in bytes */
    uint64_t first;                      /* the ring's sector that the first one is in; 0: the second */
    bool inside;
} neighbours[] = {
    {.before = 4, .behind = 6, .inside = true},
    {.before = 4, .behind = 6, .first = 255, .inside = true}, /* over the end of the ring of 1 MiB */
    {.before = 4, .behind = 6, .first = 254, .inside = true},
    {.before = 3, .behind = 6},
    {.before = 5, .behind = 6},
    {.before = 4, .behind = 5},
    {.before = 4, .behind = 7},
    {.before = 4, .behind = 6, .before_flags = IMG_LOG_BAD_CRC},
    {.before = 4, .behind = 6, .behind_flags = IMG_LOG_BAD_CRC},
    {.before = 4, .behind = 6, .before_stale = 1},
    {.before = 4, .behind = 6, .behind_stale = 1},
    {.before = 4, .behind = 6, .gap_before = 4096},
    {.before = 4, .behind = 6, .gap_behind = 4096},
    {.before = 4, .behind = 6, .gap_before = 4096, .before_stale = 1},
    {.before = 4, .behind = 6, .gap_before = 4096, .before_flags = IMG_LOG_BAD_CRC},
};
static size_t neighbour;

static void wrong_checksum_between_neighbours(struct img *img)
{
    const size_t n = neighbour;
    const uint32_t first = neighbours[n].first ? (uint32_t)(4096 * neighbours[n].first) : 4096, ring = 1 << 20;
    struct img_log_entry before = {
        .sequence_number = neighbours[n].before, .tail = first, .flags = neighbours[n].before_flags};
    struct img_log_entry behind = {
        .sequence_number = neighbours[n].behind, .tail = first, .flags = neighbours[n].behind_flags};
    if (neighbours[n].before_stale)
        before.guid = img_guid(IMG_WINDOWS, 'S', neighbours[n].before_stale);
    if (neighbours[n].behind_stale)
        behind.guid = img_guid(IMG_WINDOWS, 'S', neighbours[n].behind_stale);
    img_log_begin(img, 0, 1);
    uint32_t pos = (img_log_write(img, first, &before) + neighbours[n].gap_before) % ring;
    pos =
        img_log_write(img, pos, &(struct img_log_entry){.sequence_number = 5, .tail = first, .flags = IMG_LOG_BAD_CRC});
    img_log_write(img, (pos + neighbours[n].gap_behind) % ring, &behind);
}

static void an_entry_lies_between_right_neighbours(void **state)
{
    (void)state;
    for (neighbour = 0; neighbour < sizeof(neighbours) / sizeof(neighbours[0]); neighbour++) {
        const struct test_case c = {.name = "between", .mutate = wrong_checksum_between_neighbours};
        struct case_run r;
        bool seen = false;
        case_open(&c, false, &r);
        for (uint64_t i = 0; i < case_findings(&r, "VHDX-LOG-004"); i++) {
            const struct finding *f = case_finding(&r, "VHDX-LOG-004", i);
            seen = seen || strstr(f->message, "(sequence number 5)") != NULL;
            if (strstr(f->message, "(sequence number 5)") &&
                f->severity != (neighbours[neighbour].inside ? SEVERITY_WARNING : SEVERITY_INFO))
                fail_msg("row %zu: %s", neighbour, f->message);
        }
        case_close(&r);
        assert_true(seen);
    }
}

static void unknown_items_that_overlap_are_no_matter(void **state)
{
    (void)state;
    const struct test_case c = {.name = "unknown-overlap", .mutate = two_unknown_items_overlap};
    struct case_run r;
    case_open(&c, false, &r);
    const struct finding *f = case_finding(&r, "VHDX-META-011", 0);
    assert_non_null(f);
    assert_int_equal(f->severity, SEVERITY_WARNING);
    assert_non_null(f->means);
    assert_non_null(strstr(f->means, "not affected"));
    case_close(&r);
}

/* ---- items that are longer than their fields: other programs do not open the disk when they read them ---- */

static void long_logical_sector_size(struct img *img)
{
    put_le32(img_metadata_entry(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE) + 20, SECTOR_SIZE_LEN + 1);
}

static void long_physical_sector_size(struct img *img)
{
    put_le32(img_metadata_entry(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE) + 20, SECTOR_SIZE_LEN + 1);
}

static unsigned stopped_by(void (*mutate)(struct img *img), const char *rule)
{
    const struct test_case c = {.name = "stops", .mutate = mutate};
    struct case_run r;
    case_open(&c, false, &r);
    const struct finding *f = case_finding(&r, rule, 0);
    assert_non_null(f);
    unsigned stops = f->stops;
    case_close(&r);
    return stops;
}

/* Findings of a rule in an image, and in a scene. */
static uint64_t findings_of(const struct test_case *c, const char *rule)
{
    struct case_run r;
    case_open(c, false, &r);
    uint64_t n = case_findings(&r, rule);
    case_close(&r);
    return n;
}

static void virtualbox_minds_the_length_of_what_it_reads(void **state)
{
    (void)state;
    assert_int_equal(stopped_by(long_logical_sector_size, "VHDX-META-045") & PEER_VIRTUALBOX, PEER_VIRTUALBOX);
    assert_int_equal(stopped_by(long_physical_sector_size, "VHDX-META-045") & PEER_VIRTUALBOX, 0);
}

/* ---- blocks at the front of the file: QEMU refuses those that cross the log or a region ---- */

static void first_block_at_0(struct img *img)
{
    img_block_set(img, 0, PAYLOAD_FULLY_PRESENT, 0);
}

static void qemu_reads_a_block_in_front_of_the_log(void **state)
{
    (void)state;
    static const struct img_params of_1_mib = {.block_size = MIB}, of_2_mib = {.block_size = 2 * MIB};
    const struct img_params *const params[] = {&of_1_mib, &of_2_mib};
    for (unsigned i = 0; i < 2; i++) {
        const struct test_case c = {.name = "front", .params = params[i], .mutate = first_block_at_0};
        struct case_run r;
        case_open(&c, false, &r);
        const struct finding *f = case_finding(&r, "VHDX-BAT-008", 0);
        assert_non_null(f);
        assert_int_equal(f->stops & PEER_QEMU, i == 0 ? 0 : PEER_QEMU); /* the log begins at 1 MiB */
        case_close(&r);
    }
}

/* ---- the log as a neighbour ---- */

static void log_of_no_length_in_the_bat(struct img *img)
{
    for (unsigned i = 0; i < 2; i++) {
        put_le32(img_header(img, i) + IMG_HEADER_LOG_LEN, 0);
        put_le64(img_header(img, i) + IMG_HEADER_LOG_OFF, img->bat_off + 4096);
    }
    img_sign_headers(img);
}

static void log_in_the_bat(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        put_le64(img_header(img, i) + IMG_HEADER_LOG_OFF, img->bat_off);
    img_sign_headers(img);
}

static void no_region_overlaps_a_log_without_bytes(void **state)
{
    (void)state;
    assert_int_equal(
        findings_of(&(struct test_case){.name = "none", .mutate = log_of_no_length_in_the_bat}, "VHDX-RGN-013"), 0);
    assert_int_equal(findings_of(&(struct test_case){.name = "one", .mutate = log_in_the_bat}, "VHDX-RGN-013"), 1);
}

static void log_that_begins_at_its_third_sector(struct img *img)
{
    uint8_t *page = img_page_copy(img, img->metadata_off);
    img_log_begin(img, 8192, 1);
    img_log_append(img, &(struct img_log_desc){.off = img->metadata_off, .page = page}, 1);
}

static void a_dirty_log_is_named_with_its_first_entry(void **state)
{
    (void)state;
    const struct test_case c = {.name = "dirty", .mutate = log_that_begins_at_its_third_sector};
    struct case_run r;
    case_open(&c, false, &r);
    const struct finding *f = case_finding(&r, "VHDX-LOG-001", 0);
    assert_non_null(f);
    assert_int_equal(f->related_count, 1);
    assert_int_equal(f->related[0].index, 2);
    assert_int_equal(f->related[0].off, r.image->log.off + 8192);
    case_close(&r);
}

/* ---- a metadata region that the file ends in: openvmm opens the disk when the pages of the items are there ---- */

static void cut_in_the_first_item(struct img *img)
{
    img_resize(img, img->metadata_off + METADATA_TABLE_LEN + 16);
}

static void cut_behind_the_page_of_the_items(struct img *img)
{
    img_resize(img, img->metadata_off + METADATA_TABLE_LEN + 4096);
}

static unsigned metadata_cut_stops(void (*cut)(struct img *img))
{
    const struct test_case c = {.name = "cut", .mutate = cut};
    struct case_run r;
    unsigned stops = ~0U;
    case_open(&c, false, &r);
    for (uint64_t i = 0; i < case_findings(&r, "VHDX-RGN-011"); i++)
        if (strstr(case_finding(&r, "VHDX-RGN-011", i)->message, "region metadata"))
            stops = case_finding(&r, "VHDX-RGN-011", i)->stops;
    case_close(&r);
    assert_int_not_equal(stops, ~0U);
    return stops;
}

static void hyperv_needs_the_items_alone(void **state)
{
    (void)state;
    assert_int_equal(metadata_cut_stops(cut_in_the_first_item) & PEER_HYPERV, PEER_HYPERV);
    assert_int_equal(metadata_cut_stops(cut_behind_the_page_of_the_items) & PEER_HYPERV, 0);
}

/* ---- what a message names ---- */

static void unreadable_items(struct scene *s)
{
    s->bad_off = s->img->metadata_off + METADATA_TABLE_LEN;
    s->bad_len = 1;
}

static void key_of_one_letter(struct img *img)
{
    static const struct locator_string pairs[] = {
        {"parent_linkage", "{31313131-3131-4131-8131-313131313131}"}, {"relative_path", "parent.vhdx"}, {"x", "y"}};
    img_set_locator(img, pairs, 3);
}

static void chs_of_4_bytes(struct img *img)
{
    static const uint8_t chs[4] = {16};
    img_metadata_add(img, &(struct metadata_entry){*known_guid(KNOWN_ITEM_CHS_PARAMETERS), 0x20000, sizeof(chs), 0, 0},
                     chs);
}

static void two_texts_in_the_header_section(struct img *img)
{
    memcpy(img_bytes(img, 0x50000, 32), "the longer one of two\0the shorter", 32);
}

/* ---- chains: bytes that the parent's file does not have are not compared ---- */

static void add_item(struct img *img, uint8_t last)
{
    const uint8_t item[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, last};
    img_metadata_add(img,
                     &(struct metadata_entry){.item_id = img_guid(IMG_QEMU, 'M', 9),
                                              .off = METADATA_TABLE_LEN + 0x8000,
                                              .len = sizeof(item),
                                              .flags = METADATA_FLAG_IS_VIRTUAL_DISK},
                     item);
}

static void item_of_another_value(struct scene *s)
{
    add_item(s->img, 12);
    add_item(scene_add(s, SCENE_NAMED, "parent.vhdx", img_create(NULL))->img, 13);
}

static void item_that_the_parent_ends_in(struct scene *s)
{
    item_of_another_value(s);
    img_resize(s->files[0].img, s->files[0].img->metadata_off + METADATA_TABLE_LEN + 0x8000 + 6);
}

static void items_are_compared_where_both_are_there(void **state)
{
    (void)state;
    assert_int_equal(
        findings_of(&(struct test_case){.name = "whole", .params = &child, .damage = item_of_another_value},
                    "VHDX-CHAIN-015"),
        1);
    assert_int_equal(
        findings_of(&(struct test_case){.name = "cut", .params = &child, .damage = item_that_the_parent_ends_in},
                    "VHDX-CHAIN-015"),
        0);
}

/* ---- gaps between blocks: one of 3 MiB in front of a bitmap holds one block of 2 MiB, and is not filled by it ---- */

static void gap_in_front_of_a_bitmap(struct img *img)
{
    img_resize(img, 12 * MIB);
    img_block_set(img, 0, PAYLOAD_FULLY_PRESENT, 4 * MIB);
    img_block_set(img, 1, PAYLOAD_FULLY_PRESENT, 10 * MIB);
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(9 * MIB, BITMAP_PRESENT));
}

static void a_gap_may_hold_more_than_its_block(void **state)
{
    (void)state;
    static const struct img_params two = {.type = IMG_DIFFERENCING, .states = "66"};
    const struct test_case c = {.name = "gap", .params = &two, .mutate = gap_in_front_of_a_bitmap};
    struct case_run r;
    case_open(&c, false, &r);
    const struct finding *f = case_finding(&r, "VHDX-FOR-010", 0);
    assert_non_null(f);
    assert_int_equal(f->at.off, 6 * MIB);
    assert_string_equal(f->actual, "1 place, 1 range not filled exactly");
    case_close(&r);
}

/* Blocks in one row: nothing tells of others, whatever follows. */
static void row_in_front_of_a_bitmap(struct img *img)
{
    gap_in_front_of_a_bitmap(img);
    img_block_set(img, 1, PAYLOAD_FULLY_PRESENT, 6 * MIB);
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(11 * MIB, BITMAP_PRESENT));
}

static void a_row_of_blocks_has_no_gaps(void **state)
{
    (void)state;
    static const struct img_params two = {.type = IMG_DIFFERENCING, .states = "66"};
    assert_int_equal(findings_of(&(struct test_case){.name = "row", .params = &two, .mutate = row_in_front_of_a_bitmap},
                                 "VHDX-FOR-010"),
                     0);
}

/* ---- forecasts: what stops a program by itself ---- */

static bool foretold(const struct test_case *c, enum peer peer, const char *words)
{
    struct case_run r;
    struct forecast f;
    bool found = false;
    case_open(c, false, &r);
    assert_int_equal(forecast_make(r.arena, r.result, &f), STATUS_OK);
    const struct forecast_peer *p = &f.peers[__builtin_ctz(peer)];
    for (uint32_t i = p->rules; i < p->count; i++)
        found = found || strstr(p->because[i], words) != NULL;
    case_close(&r);
    return found;
}

/* An entry of 127 descriptors does not fit one sector; `live`: it is one of the log's own. */
static void put_long_entry(struct img *img, bool live)
{
    struct img_log_desc descs[127];
    for (uint32_t i = 0; i < 127; i++)
        descs[i] = (struct img_log_desc){.off = img->payload_off + 4096 * i, .len = 4096};
    img_log_begin(img, 0, 1);
    img_log_append(img, descs, live ? 127 : 1);
    if (!live)
        img_log_write(img, img->log.pos,
                      &(struct img_log_entry){.sequence_number = 9,
                                              .tail = img->log.pos,
                                              .guid = img_guid(IMG_WINDOWS, 'S', 1),
                                              .descs = descs,
                                              .desc_count = 127});
}

static void long_entry(struct img *img)
{
    put_long_entry(img, true);
}

static void long_entry_of_the_past(struct img *img)
{
    put_long_entry(img, false);
}

static void both_tables_in_the_log_only(struct img *img)
{
    img_make_dirty(
        img, &(struct img_log_desc){.off = REGION_TABLE_OFF[0], .page = img_page_copy(img, REGION_TABLE_OFF[0])}, 1);
    for (unsigned i = 0; i < 2; i++)
        *img_bytes(img, REGION_TABLE_OFF[i], 1) ^= 1;
}

static void metadata_region_of_no_length(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        put_le32(img_region_find(img, i, KNOWN_REGION_METADATA) + 24, 0);
    img_sign_region_tables(img);
}

static void sector_of_one_byte(struct img *img, uint32_t block_mib)
{
    put_le32(img_metadata_item(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE), 1);
    put_le32(img_metadata_item(img, KNOWN_ITEM_FILE_PARAMETERS), block_mib << 20);
}

static void chunk_of_one_block(struct img *img)
{
    sector_of_one_byte(img, 8); /* 2^23 sectors */
}

static void chunk_of_half_a_block(struct img *img)
{
    sector_of_one_byte(img, 16);
}

static void without_parameters(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_FILE_PARAMETERS);
}

static void without_logical_sector_size(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE);
}

static void cut_in_the_bat(struct img *img)
{
    img_resize(img, img->bat_off + 4096);
}

static void log_behind_the_end(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        put_le64(img_header(img, i) + IMG_HEADER_LOG_OFF, img->size);
    img_sign_headers(img);
}

static void cut_behind_the_bat(struct img *img)
{
    img_resize(img, img->bat_off + img->bat_len);
}

static void cut_one_byte_into_the_bat_region(struct img *img)
{
    img_resize(img, img->bat_off + img->bat_len - 1);
}

static void cut_behind_the_entries(struct img *img)
{
    img_resize(img, img->bat_off + 8 * img->geometry.entries);
}

static void cut_in_the_last_entry(struct img *img)
{
    img_resize(img, img->bat_off + 8 * img->geometry.entries - 1);
}

/* An entry that the first sector just holds, behind one of a single descriptor. */
static void put_entries(struct img *img, uint32_t first, uint32_t second)
{
    struct img_log_desc descs[127];
    for (uint32_t i = 0; i < 127; i++)
        descs[i] = (struct img_log_desc){.off = img->payload_off + 4096 * i, .len = 4096};
    img_log_begin(img, 0, 1);
    img_log_append(img, descs, first);
    img_log_append(img, descs, second);
}

static void entry_of_126(struct img *img)
{
    put_entries(img, 126, 126);
}

static void second_entry_of_127(struct img *img)
{
    put_entries(img, 1, 127);
}

static void first_entry_of_127(struct img *img)
{
    put_entries(img, 127, 1);
}

static void log_guid_without_a_log(struct img *img)
{
    const struct guid g = img_guid(IMG_WINDOWS, 'L', 9);
    for (unsigned i = 0; i < 2; i++)
        put_le32(img_header(img, i) + IMG_HEADER_LOG_LEN, 0);
    img_set_log_guid(img, &g);
}

static void log_guid_of_a_log(struct img *img)
{
    const struct guid g = img_guid(IMG_WINDOWS, 'L', 9);
    img_set_log_guid(img, &g);
}

static void first_table_in_the_log_only(struct img *img)
{
    img_make_dirty(
        img, &(struct img_log_desc){.off = REGION_TABLE_OFF[0], .page = img_page_copy(img, REGION_TABLE_OFF[0])}, 1);
    *img_bytes(img, REGION_TABLE_OFF[0], 1) ^= 1;
}

static void bat_region_of_no_length(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        put_le32(img_region_find(img, i, KNOWN_REGION_BAT) + 24, 0);
    img_sign_region_tables(img);
}

static void set_entry(struct img *img, uint32_t entry, uint32_t field, uint32_t value)
{
    put_le32(img_metadata_table(img) + METADATA_TABLE_HEADER_LEN + METADATA_ENTRY_LEN * entry + field, value);
}

static void first_item_empty(struct img *img)
{
    set_entry(img, 0, 20, 0);
}

static void last_item_empty(struct img *img)
{
    set_entry(img, 4, 20, 0);
}

static void first_item_in_the_table(struct img *img)
{
    set_entry(img, 0, 16, METADATA_TABLE_LEN - 1);
}

static void item_of_one_byte(struct img *img)
{
    set_entry(img, 4, 20, 1);
}

static void programs_are_stopped_by_their_habits(void **state)
{
    (void)state;
    static const struct {
        void (*mutate)(struct img *img);
        enum peer peer;
        const char *words;
        bool stops;
    } rows[] = {
        {long_entry, PEER_QEMU, "126 descriptors", true},
        {long_entry_of_the_past, PEER_QEMU, "126 descriptors", false},
        {both_tables_in_the_log_only, PEER_LIBVHDI, "none of the region tables", true},
        {metadata_region_of_no_length, PEER_VIRTUALBOX, "region is empty", true},
        {metadata_region_of_no_length, PEER_QEMU, "without blocks", false},
        {cut_in_the_bat, PEER_7ZIP, "file ends before", true},
        {chunk_of_one_block, PEER_VIRTUALBOX, "are no sizes", false},
        {chunk_of_half_a_block, PEER_VIRTUALBOX, "are no sizes", true},
        {without_parameters, PEER_VIRTUALBOX, "are no sizes", false},
        {without_logical_sector_size, PEER_VIRTUALBOX, "are no sizes", false},
        {log_behind_the_end, PEER_7ZIP, "file ends before", true},
        {cut_behind_second_entry, PEER_VIRTUALBOX, "file ends inside", true},
        {cut_behind_the_bat, PEER_7ZIP, "file ends before", false},
        {cut_one_byte_into_the_bat_region, PEER_7ZIP, "file ends before", true},
        {cut_behind_the_entries, PEER_VIRTUALBOX, "file ends inside", false},
        {cut_in_the_last_entry, PEER_VIRTUALBOX, "file ends inside", true},
        {entry_of_126, PEER_QEMU, "126 descriptors", false},
        {second_entry_of_127, PEER_QEMU, "126 descriptors", true},
        {first_entry_of_127, PEER_QEMU, "126 descriptors", true},
        {log_guid_without_a_log, PEER_7ZIP, "log is not empty", false},
        {log_guid_of_a_log, PEER_7ZIP, "log is not empty", true},
        {log_guid_without_a_log, PEER_VIRTUALBOX, "names a log", true},
        {NULL, PEER_VIRTUALBOX, "names a log", false},
        {first_table_in_the_log_only, PEER_LIBVHDI, "none of the region tables", false},
        {bat_region_of_no_length, PEER_QEMU, "without blocks", true},
        {bat_region_of_no_length, PEER_VIRTUALBOX, "region is empty", true},
        {NULL, PEER_VIRTUALBOX, "region is empty", false},
        {first_item_empty, PEER_LIBVHDI, "item that is empty", true},
        {last_item_empty, PEER_LIBVHDI, "item that is empty", true},
        {first_item_in_the_table, PEER_LIBVHDI, "item that is empty", true},
        {item_of_one_byte, PEER_LIBVHDI, "item that is empty", false}, /* the first one lies right behind the table */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct test_case c = {.name = "habit", .mutate = rows[i].mutate};
        if (foretold(&c, rows[i].peer, rows[i].words) != rows[i].stops)
            fail_msg("row %zu: %s", i, rows[i].words);
    }
}

static void programs_are_stopped_by_healthy_disks(void **state)
{
    (void)state;
    static const struct img_params large_sectors = {.logical_sector_size = 4096};
    static const struct img_params even = {.virtual_size = 20 * MIB + 1024}, odd = {.virtual_size = 20 * MIB + 1536};
    static const struct img_params large_and_even = {.logical_sector_size = 4096, .virtual_size = 20 * MIB + 8192};
    static const struct img_params large_and_odd = {.logical_sector_size = 4096, .virtual_size = 20 * MIB + 4096};
    static const struct {
        const struct img_params *params;
        enum peer peer;
        const char *words;
        bool stops;
    } rows[] = {
        {&large_sectors, PEER_QEMU, "logical sectors of 4096", true},
        {NULL, PEER_QEMU, "logical sectors of 4096", false},
        {&even, PEER_7ZIP, "odd number of sectors", false},
        {&odd, PEER_7ZIP, "odd number of sectors", true},
        {&large_and_even, PEER_7ZIP, "odd number of sectors", false},
        {&large_and_odd, PEER_7ZIP, "odd number of sectors", true},
        {&child, PEER_QEMU, "no differencing disk", true},
        {&child, PEER_VIRTUALBOX, "no differencing disk", true},
        {NULL, PEER_QEMU, "no differencing disk", false},
        {NULL, PEER_VIRTUALBOX, "no differencing disk", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct test_case c = {.name = "healthy", .params = rows[i].params};
        if (foretold(&c, rows[i].peer, rows[i].words) != rows[i].stops)
            fail_msg("row %zu: %s", i, rows[i].words);
    }
}

/* ---- what is not said where something worse is ---- */

static void no_signature_and_no_creator(struct img *img)
{
    img_fill(img, 0, 520, 0);
}

static void anchor_over_the_bat(struct img *img)
{
    img_block_set(img, 5, PAYLOAD_UNMAPPED, img->bat_off);
}

/* A region at 1 MiB, where the log was, under a block of 2 MiB at 0. */
static void block_at_0_over_a_region(struct img *img)
{
    img_resize(img, img->size + MIB);
    for (unsigned i = 0; i < 2; i++)
        put_le64(img_header(img, i) + IMG_HEADER_LOG_OFF, img->size - MIB);
    img_sign_headers(img);
    img_region_add(img, &(const struct region_entry){.guid = img_guid(IMG_QEMU, 'R', 5), .off = MIB, .len = 1 << 20});
    first_block_at_0(img);
}

static void anchor_behind_every_file(struct img *img)
{
    img_bat_set(img, img_block_index(img, 5), bat_entry_make((uint64_t)1 << 63, PAYLOAD_UNMAPPED));
}

static void log_between_two_mib(struct img *img)
{
    const struct guid g = img_guid(IMG_WINDOWS, 'L', 9);
    img_set_log_guid(img, &g);
    for (unsigned i = 0; i < 2; i++)
        put_le64(img_header(img, i) + IMG_HEADER_LOG_OFF, img->log_off + 4096);
    img_sign_headers(img);
}

/* The stored tables list no BAT, so there are no two states of the guest to compare. */
static void bat_in_the_log_only(struct img *img)
{
    struct img_log_desc tables[2];
    for (unsigned i = 0; i < 2; i++)
        tables[i] = (struct img_log_desc){.off = REGION_TABLE_OFF[i], .page = img_page_copy(img, REGION_TABLE_OFF[i])};
    img_make_dirty(img, tables, 2);
    for (unsigned i = 0; i < 2; i++)
        *img_region_find(img, i, KNOWN_REGION_BAT) ^= 1;
    img_sign_region_tables(img);
}

/* Headers alike, as Disk2vhd leaves them; of a program that nobody knows one trait says nothing. */
static void one_trait_of_another_program(struct img *img)
{
    img_fill(img, 8, 512, 0);
    *img_bytes(img, 8, 1) = 'X';
    memcpy(img_header(img, 0), img_header(img, 1), HEADER_LEN);
    for (unsigned i = 0; i < 2; i++)
        *img_bytes(img, REGION_TABLE_OFF[i], 1) ^= 1;
}

static void rules_are_silent_where_another_speaks(void **state)
{
    (void)state;
    static const struct {
        void (*mutate)(struct img *img);
        const char *rule, *speaks;
    } rows[] = {
        {no_signature_and_no_creator, "VHDX-FID-006", "VHDX-FID-001"},
        {anchor_over_the_bat, "VHDX-BAT-015", "VHDX-BAT-019"},
        {anchor_behind_every_file, "VHDX-BAT-010", "VHDX-BAT-019"},
        {block_at_0_over_a_region, "VHDX-BAT-015", "VHDX-BAT-008"},
        {log_between_two_mib, "VHDX-LOG-002", "VHDX-HDR-014"},
        {bat_in_the_log_only, "VHDX-FOR-018", "VHDX-LOG-001"},
        {one_trait_of_another_program, "VHDX-XREF-004", "VHDX-RGN-001"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct test_case c = {.name = "silent", .mutate = rows[i].mutate};
        if (findings_of(&c, rows[i].rule) != 0)
            fail_msg("row %zu: %s", i, rows[i].rule);
        if (findings_of(&c, rows[i].speaks) == 0)
            fail_msg("row %zu: no %s", i, rows[i].speaks);
    }
}

/* ---- repairs, and who does not mind ---- */

static const struct finding *finding_in(struct case_run *r, const struct test_case *c, const char *rule)
{
    case_open(c, false, r);
    const struct finding *f = case_finding(r, rule, 0);
    if (!f)
        fail_msg("no %s", rule);
    return f;
}

static void stale_pages_are_compared_up_to_a_limit(void **state)
{
    (void)state;
    const struct test_case c = {.name = "limit", .params = &long_log, .mutate = too_many_stale_pages};
    struct case_run r;
    const struct finding *f = finding_in(&r, &c, "VHDX-FOR-002");
    assert_int_equal(LIMIT_STALE_PAGES_TESTED, LIMIT_STALE_PAGES);
    assert_non_null(strstr(f->message, "4096 of 4096 (limit) pages in stale log entries differ from"));
    case_close(&r);
}

static void block_over_the_log(struct img *img)
{
    img_block_set(img, 0, PAYLOAD_FULLY_PRESENT, img->log_off);
}

static void the_log_of_a_child_moves_away_from_a_block(void **state)
{
    (void)state;
    struct case_run r;
    const struct test_case c = {.name = "over", .params = &child, .mutate = block_over_the_log};
    assert_int_equal(finding_in(&r, &c, "VHDX-BAT-014")->repair, REPAIR_CONSENT);
    case_close(&r);
}

static void damaged_headers_of_two_logs(struct img *img)
{
    img_resize(img, img->size + MIB);
    put_le64(img_header(img, 1) + IMG_HEADER_LOG_OFF, img->size - MIB);
    for (unsigned i = 0; i < 2; i++)
        *img_bytes(img, HEADER_OFF[i] + 4, 1) ^= 1;
}

static void damaged_headers_of_one_log(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        *img_bytes(img, HEADER_OFF[i] + 4, 1) ^= 1;
}

static void damaged_headers_of_a_log_between_two_mib(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        put_le64(img_header(img, i) + IMG_HEADER_LOG_OFF, img->log_off + 4096);
    damaged_headers_of_one_log(img);
}

static void damaged_headers_are_mended_when_they_agree(void **state)
{
    (void)state;
    struct case_run r;
    const struct test_case one = {.name = "one", .mutate = damaged_headers_of_one_log};
    const struct test_case two = {.name = "two", .mutate = damaged_headers_of_two_logs};
    assert_int_not_equal(finding_in(&r, &one, "VHDX-HDR-002")->repair, REPAIR_NONE);
    case_close(&r);
    assert_int_equal(finding_in(&r, &two, "VHDX-HDR-002")->repair, REPAIR_NONE);
    case_close(&r);
    const struct test_case odd = {.name = "odd", .mutate = damaged_headers_of_a_log_between_two_mib};
    assert_int_equal(finding_in(&r, &odd, "VHDX-HDR-002")->repair, REPAIR_NONE);
    case_close(&r);
}

static const struct img_params two_chunks = {.virtual_size = 17 * 256 * MIB, .block_size = 256 * MIB, .states = ""};

static void reserved_bit_of_a_bitmap_slot(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), 8);
}

static void reserved_bit_of_a_block(struct img *img)
{
    img_bat_set(img, img_block_index(img, 1), 8);
}

static void hyperv_does_not_look_at_bitmap_slots_without_parent(void **state)
{
    (void)state;
    struct case_run r;
    const struct test_case slot = {.name = "slot", .params = &two_chunks, .mutate = reserved_bit_of_a_bitmap_slot};
    const struct test_case block = {.name = "block", .params = &two_chunks, .mutate = reserved_bit_of_a_block};
    assert_int_equal(finding_in(&r, &slot, "VHDX-BAT-007")->stops & PEER_HYPERV, 0);
    case_close(&r);
    assert_int_equal(finding_in(&r, &block, "VHDX-BAT-007")->stops & PEER_HYPERV, PEER_HYPERV);
    case_close(&r);
}

static void block_over_the_metadata(struct img *img)
{
    img_block_set(img, 9, PAYLOAD_FULLY_PRESENT, img->metadata_off);
    img_resize(img, img->size + 2 * MIB);
}

static void block_over_an_unknown_region(struct img *img)
{
    img_resize(img, img->size + 2 * MIB);
    add_region(img, 5, 2, 1, 0);
    img_block_set(img, 9, PAYLOAD_FULLY_PRESENT, img->size - 2 * MIB);
}

static void openvmm_keeps_blocks_off_the_regions_that_it_knows(void **state)
{
    (void)state;
    static const struct img_params of_1_mib = {.block_size = MIB};
    struct case_run r;
    const struct test_case known = {.name = "known", .params = &of_1_mib, .mutate = block_over_the_metadata};
    const struct test_case unknown = {.name = "unknown", .params = &of_1_mib, .mutate = block_over_an_unknown_region};
    assert_int_equal(finding_in(&r, &known, "VHDX-BAT-015")->stops & PEER_HYPERV, PEER_HYPERV);
    case_close(&r);
    assert_int_equal(finding_in(&r, &unknown, "VHDX-BAT-015")->stops & PEER_HYPERV, 0);
    case_close(&r);
}

static void bitmap_partially_present(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img_bitmap_off(img, 0), PAYLOAD_PARTIALLY_PRESENT));
}

static void bitmap_partially_present_over_the_log(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->log_off, PAYLOAD_PARTIALLY_PRESENT));
}

static void bitmap_partially_present_behind_the_end(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->size + MIB, PAYLOAD_PARTIALLY_PRESENT));
}

static const struct img_params child_without_partial_blocks = {.type = IMG_DIFFERENCING, .states = "66"};

static void bitmap_zero(struct img *img)
{
    img_bat_set(img, img_bitmap_index(img, 0), PAYLOAD_ZERO);
}

static void openvmm_takes_7_for_a_bitmap_with_a_place(void **state)
{
    (void)state;
    struct case_run r;
    const struct test_case own = {.name = "own", .params = &child, .mutate = bitmap_partially_present};
    const struct test_case log = {.name = "log", .params = &child, .mutate = bitmap_partially_present_over_the_log};
    assert_int_equal(finding_in(&r, &own, "VHDX-BAT-005")->stops & PEER_HYPERV, 0);
    case_close(&r);
    assert_int_equal(finding_in(&r, &log, "VHDX-BAT-005")->stops & PEER_HYPERV, PEER_HYPERV);
    case_close(&r);
    const struct test_case end = {.name = "end", .params = &child, .mutate = bitmap_partially_present_behind_the_end};
    assert_int_equal(finding_in(&r, &end, "VHDX-BAT-005")->stops & PEER_HYPERV, PEER_HYPERV);
    case_close(&r);
}

/* Where no block is partial, nobody asks for the bitmap. */
static void openvmm_minds_a_bitmap_only_where_it_is_needed(void **state)
{
    (void)state;
    struct case_run r;
    const struct test_case needed = {.name = "needed", .params = &child, .mutate = bitmap_zero};
    const struct test_case none = {.name = "none", .params = &child_without_partial_blocks, .mutate = bitmap_zero};
    assert_int_equal(finding_in(&r, &needed, "VHDX-BAT-005")->stops & PEER_HYPERV, PEER_HYPERV);
    case_close(&r);
    assert_int_equal(finding_in(&r, &none, "VHDX-BAT-005")->stops & PEER_HYPERV, 0);
    case_close(&r);
}

/* ---- a BAT without slots for bitmaps looks like one of a child, too: the better reason is told ---- */

static const struct img_params five_chunks = {.virtual_size = (uint64_t)17 << 30, .block_size = 32 * MIB, .states = ""};

static void blocks_in_three_of_four_bitmap_slots(struct img *img)
{
    img_resize(img, (4 + 9 * 32) * MIB);
    for (uint64_t i = 0; i < 9; i++)
        img_bat_set(img, img_bitmap_index(img, i / 3) - 1 + i % 3,
                    bat_entry_make((4 + 32 * i) * MIB, PAYLOAD_FULLY_PRESENT));
}

static void a_missing_interleave_is_no_missing_parent(void **state)
{
    (void)state;
    const struct test_case c = {
        .name = "slots", .params = &five_chunks, .mutate = blocks_in_three_of_four_bitmap_slots};
    assert_int_equal(findings_of(&c, "VHDX-BAT-026"), 1);
    assert_int_equal(findings_of(&c, "VHDX-XREF-006"), 0);
}

/* ---- 257 pairs are too many for openvmm alone ---- */

static void many_pairs(struct img *img)
{
    static struct locator_string pairs[257] = {{"parent_linkage", "{31313131-3131-4131-8131-313131313131}"},
                                               {"relative_path", "parent.vhdx"}};
    for (unsigned i = 2; i < 257; i++)
        pairs[i] = (struct locator_string){"note", "x"};
    img_set_locator(img, pairs, 257);
}

static void many_pairs_do_not_hurt_the_guest(void **state)
{
    (void)state;
    struct case_run r;
    const struct test_case c = {.name = "pairs", .params = &child, .mutate = many_pairs};
    const struct finding *f = finding_in(&r, &c, "VHDX-PLOC-004");
    assert_non_null(f->means);
    assert_non_null(strstr(f->means, "not affected"));
    case_close(&r);
}

/* ---- places ---- */

static void change_tracking_file(struct scene *s)
{
    s->path = "disk.vhdx.rct";
    img_fill(s->img, 0, 16, 'x');
}

/* A name that begins with its only dot has no extension, in a folder either. */
static void vhd_set_in_a_folder(struct scene *s)
{
    change_tracking_file(s);
    s->path = "dir/disk.vhds";
}

static void hidden_file_in_a_folder(struct scene *s)
{
    change_tracking_file(s);
    s->path = "dir/.vhds";
}

static void a_hidden_file_has_no_extension(void **state)
{
    (void)state;
    const struct test_case set = {.name = "set", .damage = vhd_set_in_a_folder};
    const struct test_case hidden = {.name = "hidden", .damage = hidden_file_in_a_folder};
    struct case_run r;
    const struct finding *f = finding_in(&r, &set, "VHDX-FILE-013");
    assert_int_equal(f->at.off, 0);
    assert_int_equal(f->at.len, 0);
    case_close(&r);
    assert_int_equal(findings_of(&hidden, "VHDX-FILE-013"), 0);
}

static void a_side_file_is_told_of_as_a_whole(void **state)
{
    (void)state;
    struct case_run r;
    const struct test_case c = {.name = "side", .damage = change_tracking_file};
    const struct finding *f = finding_in(&r, &c, "VHDX-FILE-013");
    assert_int_equal(f->at.off, 0);
    assert_int_equal(f->at.len, 0);
    case_close(&r);
}

/* A region that ends with the last byte that a number can name does not go round. */
static void region_up_to_the_last_byte(struct img *img)
{
    img_region_add(
        img, &(const struct region_entry){.guid = img_guid(IMG_QEMU, 'R', 5), .off = UINT64_MAX - MIB, .len = 1 << 20});
}

static void region_past_the_last_byte(struct img *img)
{
    img_region_add(img, &(const struct region_entry){
                            .guid = img_guid(IMG_QEMU, 'R', 5), .off = UINT64_MAX - MIB + 1, .len = 1 << 20});
}

static void longer_by_1024(struct img *img)
{
    img_resize(img, img->size + 1024);
    *img_bytes(img, img->size - 1, 1) = 1;
}

static void longer_by_1023(struct img *img)
{
    img_resize(img, img->size + 1023);
    *img_bytes(img, img->size - 1, 1) = 1;
}

static void footer_of_a_vhd(struct img *img)
{
    img_resize(img, img->size + 512);
    img_write(img, img->size - 512, "conectix", 8);
}

static void a_vhdx_with_a_footer_shows_two_disks(void **state)
{
    (void)state;
    struct case_run r;
    const struct test_case c = {.name = "footer", .mutate = footer_of_a_vhd};
    const struct finding *f = finding_in(&r, &c, "VHDX-FILE-013");
    assert_non_null(f->means);
    assert_non_null(strstr(f->means, "take it for a VHD"));
    assert_non_null(strstr(f->next, "name the format"));
    case_close(&r);
}

static void locator_not_required(struct img *img)
{
    uint8_t *flags = img_metadata_entry(img, KNOWN_ITEM_PARENT_LOCATOR) + 24;
    put_le32(flags, le32(flags) & ~(uint32_t)METADATA_FLAG_IS_REQUIRED);
}

static void first_entry_again(struct img *img)
{
    const uint8_t *table = img_metadata_table(img);
    const uint64_t count = le16(table + 10);
    memcpy(img_bytes(img, img->metadata_off + 32 + 32 * count, 32), table + 32, 32);
}

/* Two slots behind the table, one of them a copy: not what Windows leaves. */
static void first_entry_again_and_another(struct img *img)
{
    const uint8_t *table = img_metadata_table(img);
    const uint64_t count = le16(table + 10);
    memcpy(img_bytes(img, img->metadata_off + 32 + 32 * count, 32), table + 32, 32);
    memset(img_bytes(img, img->metadata_off + 32 + 32 * (count + 1), 32), 0x77, 32);
}

static void two_stale_entries_are_no_habit(void **state)
{
    (void)state;
    struct case_run r;
    const struct test_case one = {.name = "one", .mutate = first_entry_again};
    const struct test_case two = {.name = "two", .mutate = first_entry_again_and_another};
    assert_string_equal(finding_in(&r, &one, "VHDX-META-040")->quirk, "windows");
    case_close(&r);
    assert_null(finding_in(&r, &two, "VHDX-META-040")->quirk);
    case_close(&r);
}

static void another_parent_modified_later(struct scene *s)
{
    const struct img_params changed = {.data_write_guid = img_guid(IMG_WINDOWS, 'D', 9)};
    scene_add(s, SCENE_NAMED, "parent.vhdx", img_create(&changed))->mtime = 1001;
}

static void the_age_of_a_wrong_parent_is_no_matter(void **state)
{
    (void)state;
    const struct test_case c = {.name = "age", .params = &child, .damage = another_parent_modified_later};
    assert_int_equal(findings_of(&c, "VHDX-CHAIN-003"), 1);
    assert_int_equal(findings_of(&c, "VHDX-CHAIN-014"), 0);
}

/* The linkage is compared with the current header, whichever of the two that is. */
static void parent_with_its_first_header(struct scene *s)
{
    scene_add(s, SCENE_NAMED, "parent.vhdx", img_create(&(struct img_params){.sequence_number = {7, 6}}));
}

static void parent_with_its_second_header(struct scene *s)
{
    scene_add(s, SCENE_NAMED, "parent.vhdx", img_create(&(struct img_params){.sequence_number = {6, 7}}));
}

static void either_header_tells_what_a_parent_is(void **state)
{
    (void)state;
    const struct test_case first = {.name = "first", .params = &child, .damage = parent_with_its_first_header};
    const struct test_case second = {.name = "second", .params = &child, .damage = parent_with_its_second_header};
    assert_int_equal(findings_of(&first, "VHDX-CHAIN-003"), 0);
    assert_int_equal(findings_of(&second, "VHDX-CHAIN-003"), 0);
}

/* Of one byte nothing can be read: the length is what is wrong. */
static void key_of_one_byte(struct img *img)
{
    put_le16(img_metadata_item(img, KNOWN_ITEM_PARENT_LOCATOR) + 20 + 12 + 8, 1); /* of the second key */
}

static void half_a_letter_is_no_key(void **state)
{
    (void)state;
    const struct test_case c = {.name = "half", .params = &child, .mutate = key_of_one_byte};
    assert_int_not_equal(findings_of(&c, "VHDX-PLOC-006"), 0);
    assert_int_equal(findings_of(&c, "VHDX-PLOC-016"), 0);
}

/* The padding of the last block, behind the end of the disk, is cut: of an anchor nobody reads it. */
static const struct img_params written_2_24_times = {.sequence_number = {5, 1 << 24}};
static const struct img_params written_more_often = {.sequence_number = {5, (1 << 24) + 1}};

static const struct img_params nineteen_mib = {.virtual_size = 19 * MIB, .states = ""};

static void last_block_cut(struct img *img, unsigned state)
{
    img_block_set(img, 9, state, img->size);
    img_resize(img, img->size + MIB);
}

static void last_anchor_cut(struct img *img)
{
    last_block_cut(img, PAYLOAD_UNMAPPED);
}

static void last_block_cut_in_its_padding(struct img *img)
{
    last_block_cut(img, PAYLOAD_FULLY_PRESENT);
}

static void padding_of_an_anchor_is_not_missed(void **state)
{
    (void)state;
    const struct test_case live = {.name = "live", .params = &nineteen_mib, .mutate = last_block_cut_in_its_padding};
    const struct test_case anchor = {.name = "anchor", .params = &nineteen_mib, .mutate = last_anchor_cut};
    assert_int_equal(findings_of(&live, "VHDX-BAT-011"), 1);
    assert_int_equal(findings_of(&anchor, "VHDX-BAT-011"), 0);
}

/* A BAT of exactly 1 MiB in use, 131041 blocks and 31 bitmaps, and the log right behind it. */
static const struct img_params bat_of_a_mib = {.virtual_size = 131041 * MIB, .block_size = 1 << 20, .states = ""};

static void log_behind_the_bat(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        put_le64(img_header(img, i) + IMG_HEADER_LOG_OFF, img->bat_off + MIB);
    img_sign_headers(img);
    img_resize(img, img->bat_off + 2 * MIB);
}

static void a_log_may_follow_the_last_entry(void **state)
{
    (void)state;
    struct case_run r;
    const struct test_case c = {.name = "behind", .params = &bat_of_a_mib, .mutate = log_behind_the_bat};
    case_open(&c, false, &r);
    assert_int_equal(r.image->main->geometry.entries, 131072);
    assert_int_equal(r.image->main->bat.absence, ABSENT_NOT);
    case_close(&r);
}

/* A creator that is a version has no product. */
static void a_version_alone_is_no_product(void **state)
{
    (void)state;
    static const struct img_params p = {.creator = "v1 2"};
    struct case_run r;
    const struct test_case c = {.name = "version", .params = &p};
    assert_string_equal(finding_in(&r, &c, "VHDX-FID-002")->message, "creator \"v1 2\"");
    case_close(&r);
}

/* Of a long text 512 bytes are shown: 170 characters of three bytes, and none in part. */
static void no_character_is_shown_in_part(void **state)
{
    char creator[200 * 3 + 1] = "", want[700] = "creator \"";
    (void)state;

    for (unsigned i = 0; i < 200; i++) {
        strcat(creator, "\xe4\xb8\xad");
        if (i < 170)
            strcat(want, "\xe4\xb8\xad");
    }
    strcat(want, "... (600 bytes)\"");
    const struct img_params p = {.creator = creator};
    struct case_run r;
    const struct test_case c = {.name = "long creator", .params = &p};
    assert_string_equal(finding_in(&r, &c, "VHDX-FID-002")->message, want);
    case_close(&r);
}

static void past_change_of_a_region_table(struct img *img)
{
    img_log_begin(img, 0, 1);
    img_log_append(
        img, &(struct img_log_desc){.off = REGION_TABLE_OFF[0], .page = img_page_copy(img, REGION_TABLE_OFF[0])}, 1);
    img_log_end(img);
}

/* ---- the log as stored, under a bitmap that the log itself moves away ---- */

static const struct img_params child_with_long_log = {.type = IMG_DIFFERENCING, .log_len = 3 * MIB};

static void bitmap_over_the_log_as_stored(struct img *img)
{
    const uint64_t index = img_bitmap_index(img, 0), right = img_bat_get(img, index);
    img_bat_set(img, index, bat_entry_make(img->log_off + MIB, BITMAP_PRESENT));
    img_make_dirty_bat(img, index, right);
}

static void a_bitmap_over_the_stored_log_is_told(void **state)
{
    (void)state;
    const struct test_case c = {
        .name = "bitmap", .params = &child_with_long_log, .mutate = bitmap_over_the_log_as_stored};
    assert_int_equal(findings_of(&c, "VHDX-XREF-001"), 1);
}

/* ---- what a replay changes for the guest ---- */

static const struct img_params log_behind_all = {.states = "6666666666", .log_off = 64 * MIB};
static const struct img_params all_present = {.states = "6666666666"},
                               two_present = {.virtual_size = 4 * MIB, .states = "66"},
                               one_present = {.virtual_size = 2 * MIB, .states = "6"};

/* The log turns blocks into zeros: those whose bit is set. */
static void replay_takes_away(struct img *img, unsigned blocks)
{
    uint8_t *page = img_page_copy(img, img->bat_off);
    for (unsigned i = 0; i < 10; i++)
        if (blocks >> i & 1)
            put_le64(page + 8 * i, PAYLOAD_ZERO);
    img_make_dirty(img, &(struct img_log_desc){.off = img->bat_off, .page = page}, 1);
}

/* Block 1 is not present: in a disk with a parent its bytes are seen, and in state ZERO they are not. */
static void replay_takes_what_the_parent_has(struct img *img)
{
    replay_takes_away(img, 1 << 1);
}

static void unreadable_and_wrong_headers(struct scene *s)
{
    img_header(s->img, 1)[100] ^= 1;
    s->bad_off = HEADER_OFF[0];
    s->bad_len = 1;
}

static void replay_takes_0_1_and_3(struct img *img)
{
    replay_takes_away(img, 1 << 0 | 1 << 1 | 1 << 3);
}

static void replay_takes_the_last(struct img *img)
{
    replay_takes_away(img, 1 << 9);
}

static void replay_takes_four_ranges(struct img *img)
{
    replay_takes_away(img, 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 8);
}

static void replay_takes_five_ranges(struct img *img)
{
    replay_takes_away(img, 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 9);
}

/* ---- more than one ---- */

static void item_in_the_first_one(struct img *img)
{
    img_metadata_add(
        img, &(const struct metadata_entry){.item_id = img_guid(IMG_QEMU, 'M', 1), .off = 0x10007, .len = 1}, NULL);
}

static void stray_bytes_in_two_places(struct img *img)
{
    img_metadata_add(
        img, &(const struct metadata_entry){.item_id = img_guid(IMG_QEMU, 'M', 1), .off = 0x20000, .len = 1}, NULL);
    *img_bytes(img, img->metadata_off + 0x18000, 1) = 1;
    *img_bytes(img, img->metadata_off + 0x28000, 1) = 1;
}

/* All in order but the last one: the first four of a page alone do not make a moved page. */
static void last_block_on_the_one_before(struct img *img)
{
    img_block_set(img, 9, PAYLOAD_FULLY_PRESENT, img_block_off(img, 8));
}

/* Behind the end of the structures of today; an entry in front of them changes the BAT. */
static void moved_in_two_entries(struct img *img)
{
    img_resize(img, img->size + MIB);
    uint32_t pos = 0;
    for (unsigned i = 0; i < 3; i++) {
        const struct img_log_desc d = {.off = i == 0 ? img->bat_off : img->size - MIB + (i - 1) * 4096,
                                       .page = img_page_copy(img, img->bat_off)};
        pos = img_log_write(
            img, pos,
            &(struct img_log_entry){
                .sequence_number = 7 + i, .guid = img_guid(IMG_WINDOWS, 'S', 1), .descs = &d, .desc_count = 1});
    }
}

/* States 1 and 3 without a place, and with one. */
static const struct img_params anchors_behind_others = {.states = "13UM"};

static void number_near_the_last(struct img *img)
{
    put_sequences(img, (const uint64_t[]){UINT64_MAX - ((uint64_t)1 << 20)}, 1);
}

static void number_before_that(struct img *img)
{
    put_sequences(img, (const uint64_t[]){UINT64_MAX - ((uint64_t)1 << 20) - 1}, 1);
}

/* The marks of a moved page, but for the first entry: it holds no block. */
static void two_anchors_and_a_row(struct img *img)
{
    for (unsigned i = 0; i < 2; i++)
        img_block_set(img, i, PAYLOAD_UNMAPPED, img_block_off(img, 2) - 2 * MIB);
}

static const struct img_params two_chunks_of_16 = {
    .virtual_size = 20 * 256 * MIB, .block_size = 256 * MIB, .states = ""};

/* Only the one of the block is an anchor. */
static void anchors_in_and_behind_a_slot(struct img *img)
{
    img_resize(img, img->size + 512 * MIB);
    img_bat_set(img, img_bitmap_index(img, 0), bat_entry_make(img->size - 512 * MIB, PAYLOAD_UNMAPPED));
    img_block_set(img, 16, PAYLOAD_UNMAPPED, img->size - 256 * MIB);
}

static void same_place_before_region(struct img *img)
{
    img_resize(img, img->size + MIB);
    add_region(img, 5, 1, 1, 0);
    img_block_set(img, 3, PAYLOAD_FULLY_PRESENT, img_block_off(img, 2));
}

static void same_place_before_the_log(struct img *img)
{
    for (uint64_t block = 2; block <= 3; block++)
        img_block_set(img, block, PAYLOAD_FULLY_PRESENT, img->log_off - img->params.block_size);
}

static void region_of_a_byte(struct img *img)
{
    img_resize(img, img->size + MIB);
    img_region_add(img,
                   &(const struct region_entry){.guid = img_guid(IMG_QEMU, 'R', 5), .off = img->size - MIB, .len = 1});
}

static void named_vhd_by_a_letter(struct scene *s)
{
    s->path = "dir/a.vhd";
}

static void path_that_ends_in_a_volume(struct img *img)
{
    static const struct locator_string pairs[] = {{"parent_linkage", "{31313131-3131-4131-8131-313131313131}"},
                                                  {"relative_path", "dir\\Volume{"}};
    img_set_locator(img, pairs, 2);
}

static void odd_key(struct img *img)
{
    uint8_t *length = img_metadata_item(img, KNOWN_ITEM_PARENT_LOCATOR) + 20 + 8; /* of the first key */
    put_le16(length, (uint16_t)(le16(length) - 1));
}

static const struct img_params fixed = {.type = IMG_FIXED};

static void two_blocks_gone(struct img *img)
{
    img_block_set(img, 2, PAYLOAD_ZERO, 0);
    img_block_set(img, 4, PAYLOAD_UNMAPPED, 0);
}

static void guid_of_1_march_1997(struct img *img)
{
    set_file_write_guid(img, "bfbb0000-91c6-11d0-8ac6-00155d010203");
}

static void one_number_twice_in_front(struct img *img)
{
    put_sequences(img, (const uint64_t[]){90, 50, 70, 20, 90, 40, 10}, 7);
}

#define E SEVERITY_ERROR
#define W SEVERITY_WARNING
#define I SEVERITY_INFO

static const struct test_case cases[] = {
    {"time-on-the-hour", "VHDX-FOR-013", I, .mutate = guid_at_23_00, .says = "2015-03-30 23:00:00 UTC"},
    {"time-first-plausible", "VHDX-FOR-013", I, .mutate = guid_of_1995, .inside = guid_of_1994,
     .says = "1995-01-01 00:00:00 UTC"},
    {"time-of-this-century", "VHDX-FOR-013", I, .mutate = guid_of_2095, .inside = guid_of_2112,
     .says = "2095-12-31 23:59:59 UTC"},
    {"time-leap-day", "VHDX-FOR-013", I, .mutate = guid_of_leap_day, .says = "2000-02-29 23:59:59 UTC"},
    {"time-first-of-march", "VHDX-FOR-013", I, .mutate = guid_of_march, .says = "2001-03-01 00:00:00 UTC"},
    {"region-required-twice", "VHDX-RGN-008", E, .mutate = required_region_twice, .also = "VHDX-RGN-016"},
    {"region-twice-once-required", "VHDX-RGN-008", E, .mutate = region_twice_once_required, .also = "VHDX-RGN-016"},
    {"two-regions-in-one", "VHDX-RGN-012", E, .mutate = two_regions_in_one, .inside = three_regions_in_a_row,
     .count = 2},
    {"log-without-any-entry", "VHDX-LOG-002", E, .mutate = only_an_orphan, .says = "there is no entry"},
    {"log-with-a-stale-entry", "VHDX-LOG-002", E, .mutate = only_a_stale_entry,
     .says = "no entry with this GUID is valid"},
    {"log-number-twice-of-seven", "VHDX-LOG-025", W, .mutate = one_number_twice_of_seven, .inside = seven_numbers,
     .count = 1, .says = "sequence number 50, at 0x2000 and at 0xa000", .also = "VHDX-LOG-001",
     .guard_also = "VHDX-LOG-001"},
    {"metadata-table-cut", "VHDX-RGN-011", E, .mutate = cut_behind_second_entry, .also = "VHDX-FILE-004 VHDX-META-006"},
    {"chs-one-sector", "VHDX-META-027", I, .mutate = sixteen_heads,
     .says = "16 heads per cylinder, 1 sector per track"},
    {"chs-one-head", "VHDX-META-027", I, .mutate = one_head, .says = "1 head per cylinder, 63 sectors per track"},
    {"shift-with-three-in-order", "VHDX-BAT-025", W, .params = &four_in_order, .guard_params = &three_in_order,
     .mutate = shift_page, .inside = shift_page, .also = "VHDX-BAT-016", .guard_also = "VHDX-BAT-016"},
    {"items-unreadable", "VHDX-FILE-002", E, .damage = unreadable_items,
     .says = "the metadata at 0x210000 cannot be read"},
    {"key-of-one-letter", "VHDX-PLOC-016", I, .params = &child, .mutate = key_of_one_letter},
    {"chs-of-4-bytes", "VHDX-META-027", I, .mutate = chs_of_4_bytes, .says = "not readable (4 bytes)"},
    {"longest-text", "VHDX-FOR-009", I, .mutate = two_texts_in_the_header_section,
     .says = "text \"the longer one of two\""},
    {"first-items-overlap", "VHDX-META-011", E, .mutate = item_in_the_first_one, .count = 1},
    {"stray-bytes-in-two-places", "VHDX-META-041", I, .mutate = stray_bytes_in_two_places,
     .says = "2 non-zero bytes in the metadata region outside its items, the first at 0x218000", .count = 1,
     .at = 0x218000},
    {"anchors-behind-blocks-without", "VHDX-FOR-008", I, .params = &anchors_behind_others, .guard_params = &two_present,
     .says = "2 blocks in state 1 or 3 keep the place of their old content: guest 4-6 MiB at 0x"},
    {"log-number-near-the-last", "VHDX-LOG-031", I, .mutate = number_near_the_last, .inside = number_before_that,
     .says = "leaves 1048576 numbers before they wrap", .also = "VHDX-LOG-001", .guard_also = "VHDX-LOG-001"},
    {"two-anchors-in-front-of-a-row", "VHDX-BAT-019", W, .params = &all_present, .mutate = two_anchors_and_a_row,
     .count = 1},
    {"two-of-a-row-on-one-place", "VHDX-BAT-016", E, .params = &all_present, .mutate = last_block_on_the_one_before,
     .count = 1},
    {"moved-in-two-entries", "VHDX-XREF-007", I, .mutate = moved_in_two_entries, .at = 0x102000,
     .says = "2 descriptors in 2 stale log entries write where no structure lies today, the first one at 0xa00000"},
    {"anchor-behind-a-bitmap-slot", "VHDX-FOR-008", I, .params = &two_chunks_of_16,
     .mutate = anchors_in_and_behind_a_slot,
     .says = "1 block in state 1 or 3 keeps the place of its old content: guest 4.00-4.25 GiB at 0x",
     .also = "VHDX-BAT-005"},
    {"two-blocks-in-front-of-a-region", "VHDX-BAT-016", E, .params = &all_present, .mutate = same_place_before_region,
     .count = 1},
    {"two-blocks-in-front-of-the-log", "VHDX-BAT-016", E, .params = &log_behind_all,
     .mutate = same_place_before_the_log, .count = 1},
    {"region-of-a-byte", "VHDX-RGN-017", I, .mutate = region_of_a_byte, .says = ", 1 byte; ", .also = "VHDX-RGN-009"},
    {"child-named-vhd-in-a-folder", "VHDX-FILE-011", I, .params = &child, .damage = named_vhd_by_a_letter,
     .says = ".vhd, but"},
    {"path-that-ends-in-a-volume", "VHDX-FOR-015", I, .params = &child, .mutate = path_that_ends_in_a_volume,
     .says = "volume \"Volume{\"", .no_guard = true},
    {"first-entry-again", "VHDX-META-040", I, .mutate = first_entry_again, .says = "it repeats a live entry"},
    {"odd-key", "VHDX-PLOC-006", E, .params = &child, .mutate = odd_key, .says = "the key of parent locator entry 0"},
    {"two-blocks-gone", "VHDX-BAT-022", I, .params = &fixed, .mutate = two_blocks_gone, .says = "2 of 10"},
    {"time-first-of-march-1997", "VHDX-FOR-013", I, .mutate = guid_of_1_march_1997, .says = "1997-03-01 00:00:00 UTC"},
    {"log-number-twice-in-front", "VHDX-LOG-025", W, .mutate = one_number_twice_in_front, .count = 1,
     .says = "sequence number 90, at 0x0 and at 0x8000", .also = "VHDX-LOG-001"},
    {"region-up-to-the-last-byte", "VHDX-RGN-011", E, .mutate = region_up_to_the_last_byte,
     .says = "does not lie inside the file", .also = "VHDX-FILE-004 VHDX-RGN-009"},
    {"region-past-the-last-byte", "VHDX-RGN-011", E, .mutate = region_past_the_last_byte, .says = "wraps past 2^64"},
    {"longer-by-1024", "VHDX-FILE-005", I, .mutate = longer_by_1024, .says = "goes on for 1024 bytes (1 KiB)"},
    {"longer-by-1023", "VHDX-FILE-005", I, .mutate = longer_by_1023, .says = "goes on for 1023 bytes behind"},
    {"locator-not-required", "VHDX-META-017", W, .params = &child, .mutate = locator_not_required},
    {"written-2-24-times", "VHDX-FOR-011", I, .params = &written_2_24_times, .guard_params = &written_more_often,
     .says = "SequenceNumber 16777216"},
    {"past-change-of-a-region-table", "VHDX-FOR-001", I, .mutate = past_change_of_a_region_table,
     .says = "targets: region tables (1)"},
    {"replay-takes-the-first-blocks", "VHDX-FOR-018", I, .params = &all_present, .mutate = replay_takes_0_1_and_3,
     .says = "in 3 blocks: guest 0-4 MiB, guest 6-8 MiB", .also = "VHDX-LOG-001", .count = 1, .at = 0x300000},
    {"replay-takes-the-last-block", "VHDX-FOR-018", I, .params = &all_present, .mutate = replay_takes_the_last,
     .says = "in 1 block: guest 18-20 MiB", .also = "VHDX-LOG-001", .at = 0x300048},
    {"replay-takes-four-ranges", "VHDX-FOR-018", I, .params = &all_present, .mutate = replay_takes_four_ranges,
     .says = "in 5 blocks: guest 2-4 MiB, guest 6-8 MiB, guest 10-12 MiB, guest 14-18 MiB", .also = "VHDX-LOG-001"},
    {"replay-takes-five-ranges", "VHDX-FOR-018", I, .params = &all_present, .mutate = replay_takes_five_ranges,
     .says = "in 5 blocks: guest 2-4 MiB, guest 6-8 MiB, guest 10-12 MiB, guest 14-16 MiB ...", .also = "VHDX-LOG-001"},
    {"headers-unreadable-and-wrong", "VHDX-HDR-002", E, .verdict = "unreadable", .damage = unreadable_and_wrong_headers,
     .says = "header 1 at 0x10000 cannot be read, header 2 at 0x20000 has a wrong checksum", .also = "VHDX-FILE-002",
     .no_guard = true},
    {"replay-takes-what-the-parent-has", "VHDX-FOR-018", I, .params = &absent_in_child, .guard_params = &absent,
     .mutate = replay_takes_what_the_parent_has, .inside = replay_takes_what_the_parent_has,
     .says = "in 1 block: guest 2-4 MiB", .also = "VHDX-LOG-001", .guard_also = "VHDX-LOG-001"},
    {"blocks-without-a-place-of-each-state", "VHDX-BAT-022", I, .params = &each_without_a_place,
     .says = "11 of 20 payload blocks have no place", .no_guard = true},
    {"two-blocks-in-order", "VHDX-BAT-023", I, .params = &two_present, .guard_params = &one_present,
     .says = "all 2 payload blocks are present"},
    {"time-last-of-december", "VHDX-FOR-013", I, .mutate = guid_of_the_last_day, .says = "2004-12-31 00:00:59 UTC"},
};

static void run_case(void **state)
{
    case_assert(*state);
}

static void run_guard(void **state)
{
    case_assert_guard(*state);
}

int main(void)
{
    enum { CASES = sizeof(cases) / sizeof(cases[0]) };
    static struct CMUnitTest tests[2 * CASES];
    size_t count = 0;
    for (size_t i = 0; i < CASES; i++) {
        void *c = (void *)(uintptr_t)&cases[i];
        tests[count++] = (struct CMUnitTest){.name = cases[i].name, .test_func = run_case, .initial_state = c};
        if (!cases[i].no_guard)
            tests[count++] = (struct CMUnitTest){.name = cases[i].name, .test_func = run_guard, .initial_state = c};
    }
    static const struct CMUnitTest texts[] = {
        cmocka_unit_test(an_entry_lost_between_others_means_lost_changes),
        cmocka_unit_test(an_entry_lies_between_right_neighbours),
        cmocka_unit_test(unknown_items_that_overlap_are_no_matter),
        cmocka_unit_test(times_are_found_in_every_guid),
        cmocka_unit_test(stale_pages_are_compared_up_to_a_limit),
        cmocka_unit_test(virtualbox_minds_the_length_of_what_it_reads),
        cmocka_unit_test(qemu_reads_a_block_in_front_of_the_log),
        cmocka_unit_test(no_region_overlaps_a_log_without_bytes),
        cmocka_unit_test(a_dirty_log_is_named_with_its_first_entry),
        cmocka_unit_test(hyperv_needs_the_items_alone),
        cmocka_unit_test(items_are_compared_where_both_are_there),
        cmocka_unit_test(a_gap_may_hold_more_than_its_block),
        cmocka_unit_test(a_vhdx_with_a_footer_shows_two_disks),
        cmocka_unit_test(two_stale_entries_are_no_habit),
        cmocka_unit_test(the_age_of_a_wrong_parent_is_no_matter),
        cmocka_unit_test(padding_of_an_anchor_is_not_missed),
        cmocka_unit_test(half_a_letter_is_no_key),
        cmocka_unit_test(openvmm_keeps_blocks_off_the_regions_that_it_knows),
        cmocka_unit_test(either_header_tells_what_a_parent_is),
        cmocka_unit_test(a_log_may_follow_the_last_entry),
        cmocka_unit_test(a_hidden_file_has_no_extension),
        cmocka_unit_test(a_version_alone_is_no_product),
        cmocka_unit_test(no_character_is_shown_in_part),
        cmocka_unit_test(a_row_of_blocks_has_no_gaps),
        cmocka_unit_test(openvmm_minds_a_bitmap_only_where_it_is_needed),
        cmocka_unit_test(a_missing_interleave_is_no_missing_parent),
        cmocka_unit_test(many_pairs_do_not_hurt_the_guest),
        cmocka_unit_test(programs_are_stopped_by_their_habits),
        cmocka_unit_test(programs_are_stopped_by_healthy_disks),
        cmocka_unit_test(rules_are_silent_where_another_speaks),
        cmocka_unit_test(the_log_of_a_child_moves_away_from_a_block),
        cmocka_unit_test(damaged_headers_are_mended_when_they_agree),
        cmocka_unit_test(hyperv_does_not_look_at_bitmap_slots_without_parent),
        cmocka_unit_test(openvmm_takes_7_for_a_bitmap_with_a_place),
        cmocka_unit_test(a_side_file_is_told_of_as_a_whole),
        cmocka_unit_test(only_the_next_entry_shows_a_shift),
        cmocka_unit_test(idle_places_are_minded_from_2_48_on),
        cmocka_unit_test(a_page_with_a_bitmap_in_front_is_not_moved_up),
        cmocka_unit_test(a_nameless_entry_is_one_when_it_says_something),
        cmocka_unit_test(each_item_may_be_too_long),
        cmocka_unit_test(a_header_that_is_cut_has_no_wrong_checksum),
        cmocka_unit_test(a_block_that_no_file_can_hold_is_not_cut),
        cmocka_unit_test(a_bitmap_over_the_stored_log_is_told),
    };
    return _cmocka_run_group_tests("edges", tests, count, NULL, NULL) +
           cmocka_run_group_tests_name("texts", texts, NULL, NULL);
}
