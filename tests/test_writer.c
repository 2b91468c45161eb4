/* SPDX-License-Identifier: MIT */
/*
 * The writer: every state of a block in every type of disk, where blocks go, what they cost, and random writes over all
 * of it. Content is read back by the reference reader; other programs read what is written here in
 * oracle/write_qemu.py.
 */
#include "writing.h"

/* ---- each state of a block ---- */

/* Part of a block that has no place: it gets one, and the rest of it reads as zeros (format.md 15). */
static void absent_blocks_are_allocated_with_zeros_around(void **state)
{
    (void)state;
    static const enum img_type types[] = {IMG_DYNAMIC, IMG_FIXED, IMG_DIFFERENCING};
    static const char states[] = "0123";

    for (unsigned t = 0; t < 3; t++) {
        struct img *img = four_blocks(types[t], "0123");
        uint64_t size = img->size;
        for (uint64_t block = types[t] == IMG_DIFFERENCING ? 1 : 0; block < 4; block++) {
            struct writer_counts c = write_pattern(block * MIB + 5 * SECTOR, 3 * SECTOR);
            assert_int_equal(c.blocks, 1);
            assert_int_equal(c.log_entries, 1);
            assert_int_equal(c.pages, 1);
            assert_int_equal(entry(block), size | PAYLOAD_FULLY_PRESENT);
            assert_guest(block * MIB, NULL, 5 * SECTOR);
            assert_pattern(block * MIB + 5 * SECTOR, 3 * SECTOR);
            assert_guest(block * MIB + 8 * SECTOR, NULL, MIB - 8 * SECTOR);
            size += MIB;
            assert_int_equal(disk.size, size);
            assert_int_not_equal(states[block], 0);
        }
        assert_clean(&disk, NULL);
        img_free(img);
    }
}

static void present_blocks_are_written_in_place(void **state)
{
    (void)state;
    struct img *img = four_blocks(IMG_DYNAMIC, "6666");
    uint64_t old[4];

    for (uint64_t i = 0; i < 4; i++)
        old[i] = entry(i);
    struct writer_counts c = write_pattern(MIB - SECTOR, 2 * MIB);
    assert_int_equal(c.blocks + c.log_entries, 0);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(entry(i), old[i]);
    assert_as_built(img, 0, MIB - SECTOR);
    assert_pattern(MIB - SECTOR, 2 * MIB);
    assert_as_built(img, 3 * MIB - SECTOR, MIB + SECTOR);
    assert_int_equal(disk.size, img->size);
    assert_clean(&disk, NULL);
    img_free(img);
}

/* Part of a block that is the parent's: the sectors written are ours, the others stay the parent's. */
static void a_child_takes_only_the_sectors_written(void **state)
{
    (void)state;
    struct img *img = four_blocks(IMG_DIFFERENCING, "0000");
    uint64_t size = img->size;

    struct writer_counts c = write_pattern(2 * MIB + 9 * SECTOR, 20 * SECTOR);
    assert_int_equal(c.blocks, 1);
    assert_int_equal(c.bitmaps, 1);
    assert_int_equal(c.log_entries, 1); /* BAT and bitmap in one entry */
    assert_int_equal(state_of(2), PAYLOAD_PARTIALLY_PRESENT);
    assert_int_equal(state_of(img_bitmap_index(img, 0)), BITMAP_PRESENT);
    assert_int_equal(disk.size, size + 2 * MIB);
    assert_parents(0, 2 * MIB + 9 * SECTOR);
    assert_pattern(2 * MIB + 9 * SECTOR, 20 * SECTOR);
    assert_parents(2 * MIB + 29 * SECTOR, 2 * MIB - 29 * SECTOR);
    assert_clean(&disk, NULL);

    c = write_pattern(2 * MIB + 9 * SECTOR, 20 * SECTOR); /* the bits are set: nothing for the log */
    assert_int_equal(c.log_entries, 0);
    c = write_pattern(SECTOR, SECTOR); /* another block, the same bitmap */
    assert_int_equal(c.blocks, 1);
    assert_int_equal(c.bitmaps, 0);
    img_free(img);
}

static void a_whole_block_of_a_child_needs_no_bitmap(void **state)
{
    (void)state;
    struct img *img = four_blocks(IMG_DIFFERENCING, "0000");

    struct writer_counts c = write_pattern(MIB, 2 * MIB);
    assert_int_equal(c.blocks, 2);
    assert_int_equal(c.bitmaps, 0);
    assert_int_equal(state_of(1), PAYLOAD_FULLY_PRESENT);
    assert_int_equal(state_of(2), PAYLOAD_FULLY_PRESENT);
    assert_parents(0, MIB);
    assert_pattern(MIB, 2 * MIB);
    assert_parents(3 * MIB, MIB);
    assert_clean(&disk, NULL);
    img_free(img);
}

/* The last block is whole when all that the disk has of it is written. */
static void the_last_block_may_be_short(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING, .virtual_size = SIZE - MIB / 2, .block_size = MIB, .states = "0007"});

    changed_load(&disk, img);
    struct writer_counts c = write_pattern(3 * MIB, MIB / 2);
    assert_int_equal(c.bitmaps, 0);
    assert_int_equal(state_of(3), PAYLOAD_FULLY_PRESENT);
    assert_pattern(3 * MIB, MIB / 2);
    assert_clean(&disk, NULL);
    img_free(img);
}

/* Bits that lie under a block of the parent's mean nothing, until the block becomes partially present (openvmm,
 * Hyper-V). */
static void stale_bits_are_cleared(void **state)
{
    (void)state;
    struct img *img = img_create(
        &(struct img_params){.type = IMG_DIFFERENCING, .virtual_size = SIZE, .block_size = MIB, .states = "70.."});

    img_bitmap_set(img, 1, 0, 2048, true);
    img_bitmap_set(img, 3, 5, 100, true);
    changed_load(&disk, img);
    assert_int_equal(write_pattern(MIB + 100 * SECTOR, SECTOR).pages, 2);
    assert_parents(MIB, 100 * SECTOR);
    assert_pattern(MIB + 100 * SECTOR, SECTOR);
    assert_parents(MIB + 101 * SECTOR, MIB - 101 * SECTOR);
    /* Of other blocks they stay. */
    uint8_t byte;
    disk_read(&disk, img_bitmap_off(img, 0) + 3 * 256 + 1, &byte, 1);
    assert_int_equal(byte, 0xFF);
    img_free(img);
}

static void a_partial_block_that_fills_up_becomes_whole(void **state)
{
    (void)state;
    struct img *img = four_blocks(IMG_DIFFERENCING, "0077");

    for (uint64_t at = 0; at < MIB; at += MIB / 4) {
        write_pattern(at, MIB / 4);
        assert_int_equal(state_of(0), at < 3 * MIB / 4 ? PAYLOAD_PARTIALLY_PRESENT : PAYLOAD_FULLY_PRESENT);
    }
    for (uint64_t at = 0; at < MIB; at += MIB / 4)
        assert_pattern(at, MIB / 4);
    uint64_t off = bat_entry_off(entry(2));
    write_pattern(2 * MIB, MIB);
    assert_int_equal(entry(2), off | PAYLOAD_FULLY_PRESENT);
    assert_pattern(2 * MIB, MIB);
    assert_clean(&disk, NULL);
    img_free(img);
}

/* Soft anchors: the block gets its old place again, and nothing of its old content shows. */
static void an_anchored_block_gets_its_place_again(void **state)
{
    (void)state;
    struct img *img = four_blocks(IMG_DYNAMIC, "6UM6");
    uint64_t size = disk.size, places[2] = {bat_entry_off(entry(1)), bat_entry_off(entry(2))};

    for (uint64_t i = 0; i < 2; i++) {
        uint8_t old[512];
        memset(old, 0xEE, sizeof(old));
        disk_write(&disk, places[i], old, sizeof(old));
        disk_write(&disk, places[i] + MIB - 512, old, sizeof(old));
        write_pattern((1 + i) * MIB + MIB / 2, 4096);
        assert_int_equal(entry(1 + i), places[i] | PAYLOAD_FULLY_PRESENT);
        assert_guest((1 + i) * MIB, NULL, MIB / 2);
        assert_pattern((1 + i) * MIB + MIB / 2, 4096);
        assert_guest((1 + i) * MIB + MIB / 2 + 4096, NULL, MIB / 2 - 4096);
    }
    assert_int_equal(disk.size, size);
    assert_clean(&disk, NULL);
    img_free(img);
}

/* An anchor that shares its place with something is no place to write to. */
static void an_anchor_that_is_taken_is_left_alone(void **state)
{
    (void)state;
    static const struct {
        const char *states;
        uint64_t block, other;
    } cases[] = {{"6U..", 1, 0}, {"U6..", 0, 1}, {"UU..", 0, 1}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct img *img =
            img_create(&(struct img_params){.virtual_size = SIZE, .block_size = MIB, .states = cases[i].states});
        img_block_set(img, cases[i].block, PAYLOAD_UNDEFINED, img_block_off(img, cases[i].other));
        changed_load(&disk, img);
        uint64_t size = disk.size;
        write_pattern(cases[i].block * MIB, 4096);
        assert_int_equal(entry(cases[i].block), size | PAYLOAD_FULLY_PRESENT);
        if (bat_entry_state(entry(cases[i].other)) == PAYLOAD_FULLY_PRESENT)
            assert_as_built(img, cases[i].other * MIB, MIB);
        img_free(img);
    }
}

/* An anchor behind the end of the file (Hyper-V trims files): the file grows to it, and new blocks go behind it. */
static void an_anchor_behind_the_end_of_the_file(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.virtual_size = SIZE, .block_size = MIB, .states = "6..."});

    uint64_t end = img->size;
    img_block_set(img, 1, PAYLOAD_UNMAPPED, end + MIB);
    changed_load(&disk, img);
    write_pattern(2 * MIB, 4096);
    assert_int_equal(entry(2), (end + 2 * MIB) | PAYLOAD_FULLY_PRESENT);
    write_pattern(MIB, 4096);
    assert_int_equal(entry(1), (end + MIB) | PAYLOAD_FULLY_PRESENT);
    assert_int_equal(disk.size, end + 3 * MIB);
    assert_pattern(2 * MIB, 4096);
    assert_pattern(MIB, 4096);
    assert_clean(&disk, NULL);
    img_free(img);
}

/* ---- zeros ---- */

static void zeros_need_no_place(void **state)
{
    (void)state;
    static const uint8_t zeros[1 << 20];
    static const struct {
        enum img_type type;
        const char *states;
        uint64_t off, len;
        unsigned before, after; /* state of block 1 */
        uint64_t blocks;        /* allocated */
    } cases[] = {
        {IMG_DYNAMIC, "0000", MIB, 1 << 20, 0, 2, 0},
        {IMG_DYNAMIC, "0000", MIB + 512, 512, 0, 2, 0}, /* the rest has no content that could be lost */
        {IMG_DYNAMIC, "0200", MIB, 512, 2, 2, 0},
        {IMG_DYNAMIC, "0100", MIB, 512, 1, 2, 0},
        {IMG_DYNAMIC, "0300", MIB, 512, 3, 2, 0},
        {IMG_DYNAMIC, "0U00", MIB, 512, 1, 6, 1}, /* keeps its place */
        {IMG_DYNAMIC, "0600", MIB, 1 << 20, 6, 6, 0},
        {IMG_FIXED, "0000", MIB, 1 << 20, 0, 6, 1}, /* a fixed disk is to have its blocks */
        {IMG_FIXED, "0200", MIB, 1 << 20, 2, 2, 0},
        {IMG_DIFFERENCING, "0000", MIB, 1 << 20, 0, 2, 0}, /* hides all of the parent's block */
        {IMG_DIFFERENCING, "0000", MIB, 512, 0, 7, 1},     /* hides one sector */
        {IMG_DIFFERENCING, "0300", MIB, 512, 3, 2, 0},
        {IMG_DIFFERENCING, "0700", MIB, 1 << 20, 7, 6, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct img *img = four_blocks(cases[i].type, cases[i].states);
        assert_int_equal(state_of(1), cases[i].before);
        struct writer_counts c = write_once(cases[i].off, zeros, cases[i].len);
        assert_int_equal(state_of(1), cases[i].after);
        assert_int_equal(c.blocks, cases[i].blocks);
        assert_guest(cases[i].off, NULL, cases[i].len);
        assert_clean(&disk, NULL);
        img_free(img);
    }
}

/* Nothing changes, so nothing is written: no header, no log. RG-HDR-02. */
static void what_changes_nothing_writes_nothing(void **state)
{
    (void)state;
    static const uint8_t zeros[4096];
    struct img *img = four_blocks(IMG_DYNAMIC, "2222");

    struct session s = session(&recording, NULL);
    assert_int_equal(writer_write(s.writer, MIB, zeros, sizeof(zeros)), STATUS_OK);
    assert_int_equal(writer_write(s.writer, SIZE, zeros, 0), STATUS_OK);
    assert_int_equal(writer_flush(s.writer), STATUS_OK);
    end(&s);
    assert_int_equal(recording.count, 0);
    img_free(img);
}

/* A block of 256 MiB costs what is written into it. */
static void large_blocks_cost_what_is_written(void **state)
{
    (void)state;
    struct img *img =
        img_create(&(struct img_params){.virtual_size = 600 * MIB, .block_size = 256 * MIB, .states = ""});
    struct source *base = img_source(img);
    uint8_t *buf = bytes_of(3, 128 * 1024);
    struct store *stage = NULL;

    memset(buf + 4096, 0, 100 * 1024);
    assert_int_equal(stage_open(base, 8 * MIB, &stage), STATUS_OK);
    struct session s = open_store(stage);
    start(&s);
    assert_int_equal(s.status, STATUS_OK);
    assert_int_equal(writer_write(s.writer, 300 * MIB, buf, 128 * 1024), STATUS_OK);
    assert_int_equal(writer_close(s.writer), STATUS_OK);
    assert_true(stage->write_bytes < 256 * 1024);
    assert_int_equal(store_size(stage), img->size + 256 * MIB);
    assert_clean_source(stage->source, NULL);
    store_close(stage);
    arena_destroy(s.arena);
    source_close(base);
    free(buf);
    img_free(img);
}

/* ---- places ---- */

/* QEMU's fixed disk: room for all blocks, none mapped. New blocks go to the end, as QEMU's own do (S-41). */
static void zero_blocks_of_a_fixed_disk_go_to_the_end(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){
        .type = IMG_FIXED, .layout = IMG_QEMU, .virtual_size = SIZE, .block_size = MIB, .states = "2222"});

    img_resize(img, img->payload_off + SIZE);
    changed_load(&disk, img);
    write_pattern(2 * MIB, 512);
    assert_int_equal(entry(2), (img->payload_off + SIZE) | PAYLOAD_FULLY_PRESENT);
    img_free(img);
}

/* The last block is cut off at the end of the file; the next one goes behind where it would end. */
static void a_cut_last_block_keeps_its_place(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){
        .virtual_size = 7 * MIB - MIB / 2, .block_size = 2 * MIB, .states = "0006", .data = IMG_DATA_NONE});

    uint64_t whole = img->size;
    img_resize(img, whole - MIB - MIB / 2);
    changed_load(&disk, img);
    write_pattern(0, 512);
    assert_int_equal(entry(0), whole | PAYLOAD_FULLY_PRESENT);
    write_pattern(6 * MIB, MIB / 2);
    assert_pattern(6 * MIB, MIB / 2);
    assert_clean(&disk, NULL);
    img_free(img);
}

/* Disk2vhd leaves 512 bytes behind the last block: new ones start at the next MiB. */
static void a_file_may_end_anywhere(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.virtual_size = SIZE, .block_size = MIB, .states = "6..."});
    uint64_t end = img->size;

    img_resize(img, end + 512);
    changed_load(&disk, img);
    write_pattern(MIB, 512);
    assert_int_equal(entry(1), (end + MIB) | PAYLOAD_FULLY_PRESENT);
    assert_int_equal(disk.size, end + 2 * MIB);
    assert_clean(&disk, NULL);
    img_free(img);
}

/* S-31, RG-BAT-12: behind the first chunk a block's entry is one further on. */
static void the_second_chunk(void **state)
{
    (void)state;
    static const struct {
        enum img_type type;
        uint64_t block, index;
    } cases[] = {{IMG_DYNAMIC, 4095, 4095}, {IMG_DYNAMIC, 4096, 4097}, {IMG_DIFFERENCING, 4096, 4097}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct img *img = img_create(
            &(struct img_params){.type = cases[i].type, .virtual_size = 4100 * MIB, .block_size = MIB, .states = ""});
        struct source *base = img_source(img);
        uint8_t buf[4096], got[512];
        struct store *stage = NULL;

        memset(buf, 0x5A, sizeof(buf));
        assert_int_equal(stage_open(base, 64 * MIB, &stage), STATUS_OK);
        struct session s = open_store(stage);
        start(&s);
        assert_int_equal(writer_write(s.writer, cases[i].block * MIB + 8192, buf, sizeof(buf)), STATUS_OK);
        assert_int_equal(writer_close(s.writer), STATUS_OK);
        assert_true(bat_entry_state(bat_entry_of(stage->source, cases[i].index)) >= 6);
        if (cases[i].type == IMG_DIFFERENCING)
            assert_int_equal(bat_entry_state(bat_entry_of(stage->source, 2 * 4097 - 1)), BITMAP_PRESENT);
        struct reference *r = reference_over(stage->source);
        assert_true(guest_sector(r, cases[i].block * MIB + 8192, got));
        assert_memory_equal(got, buf, sizeof(got));
        reference_close(r);
        assert_clean_source(stage->source, NULL);
        store_close(stage);
        arena_destroy(s.arena);
        source_close(base);
        img_free(img);
    }
}

/*
 * S-44: an entry at the start of a 4 KiB page of the BAT. QEMU before April 2023 moved the rest of that page by one
 * entry (issue 727); here every other entry is what it was, in the logged page and in the file.
 */
static void the_first_entry_of_a_page(void **state)
{
    (void)state;
    static const struct img_block blocks[] = {{.block = 511, .state = 6},  {.block = 513, .state = 6},
                                              {.block = 514, .state = 3},  {.block = 1022, .state = 2},
                                              {.block = 1023, .state = 6}, {.block = 1024, .state = 6}};
    struct img *img = img_create(&(struct img_params){
        .virtual_size = 1100 * MIB, .block_size = MIB, .states = "", .blocks = blocks, .block_count = 6});
    struct source *base = img_source(img);
    struct store *stage = NULL;
    uint8_t buf[512] = {1};

    assert_int_equal(stage_open(base, 64 * MIB, &stage), STATUS_OK);
    struct session s = open_store(stage);
    start(&s);
    assert_int_equal(s.status, STATUS_OK);
    assert_int_equal(writer_write(s.writer, 512 * MIB, buf, sizeof(buf)), STATUS_OK);
    for (unsigned replayed = 0; replayed < 2; replayed++) {
        if (replayed == 1) /* the log alone has it */
            assert_int_equal(store_write(stage, img->bat_off + 4096, buf, 8), STATUS_OK);
        for (uint64_t i = 0; i < 1100; i++)
            assert_int_equal(bat_entry_of(stage->source, i),
                             i == 512 ? img->size | PAYLOAD_FULLY_PRESENT : img_bat_get(img, i));
    }
    assert_int_equal(writer_close(s.writer), STATUS_OK);
    store_close(stage);
    arena_destroy(s.arena);
    source_close(base);
    img_free(img);
}

/* ---- random writes ---- */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return *state >> 33;
}

/* Against an array: any type, any states, several sessions. */
static void random_writes_read_back(void **state)
{
    (void)state;
    enum { SECTORS = 3 * 2048 + 700 };
    static uint8_t content[SECTORS][SECTOR];
    static bool ours[SECTORS];
    static const char *const states[] = {"6.U1", "76.2", "M07U", "....", "7777"};

    for (uint64_t round = 0; round < 60; round++) {
        uint64_t at_start = pool_mark(), random = round;
        struct img_params p = {.type = (enum img_type)(round % 3),
                               .layout = round % 5 == 4 && round % 3 != 2 ? IMG_QEMU : IMG_WINDOWS,
                               .virtual_size = SECTORS * SECTOR,
                               .block_size = round % 2 ? 2 * MIB : MIB,
                               .seed = round};
        char text[5] = {0};
        memcpy(text, states[round % 5], round % 2 ? 2 : 4); /* as many as there are blocks */
        for (unsigned i = 0; i < 4; i++)
            text[i] = text[i] == '7' && p.type != IMG_DIFFERENCING ? '6' : text[i];
        p.states = text;
        struct img *img = img_create(&p);
        changed_load(&disk, img);

        struct store *before = disk_store(&disk, NULL, 0, NULL);
        struct reference *r = reference_over(before->source);
        for (uint64_t i = 0; i < SECTORS; i++)
            ours[i] = guest_sector(r, i * SECTOR, content[i]);
        reference_close(r);
        store_close(before);

        for (unsigned n = 0; n < 3; n++) {
            struct session s = session(NULL, NULL);
            assert_int_equal(s.status, STATUS_OK);
            for (unsigned k = 0; k < 4; k++) {
                uint64_t first = next_random(&random) % SECTORS;
                uint64_t count = 1 + next_random(&random) % (next_random(&random) % 3 ? 100 : SECTORS - first);
                if (next_random(&random) % 4 == 0)
                    first = first / 2048 * 2048;
                if (count > SECTORS - first)
                    count = SECTORS - first;
                uint8_t *buf = calloc(count, SECTOR);
                uint64_t kind = next_random(&random);
                for (uint64_t i = 0; i < count * SECTOR && kind % 4 != 0; i++)
                    buf[i] = (uint8_t)(kind + i / 37);
                assert_int_equal(writer_write(s.writer, first * SECTOR, buf, count * SECTOR), STATUS_OK);
                memcpy(content[first], buf, count * SECTOR);
                memset(ours + first, true, count);
                free(buf);
            }
            end(&s);
            assert_clean(&disk, "VHDX-BAT-019");
        }
        struct store *after = disk_store(&disk, NULL, 0, NULL);
        r = reference_over(after->source);
        for (uint64_t i = 0; i < SECTORS; i++) {
            uint8_t got[SECTOR];
            assert_int_equal(guest_sector(r, i * SECTOR, got), ours[i]);
            if (ours[i])
                assert_memory_equal(got, content[i], SECTOR);
        }
        reference_close(r);
        store_close(after);
        img_free(img);
        pool_release(at_start);
    }
}

static void sectors_of_4096_bytes(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING,
                                                      .virtual_size = SIZE,
                                                      .block_size = MIB,
                                                      .logical_sector_size = 4096,
                                                      .states = "07"});
    uint8_t *buf = bytes_of(1, 3 * 4096);

    img_bitmap_set(img, 1, 0, 256, false);
    changed_load(&disk, img);
    struct session s = session(NULL, NULL);
    assert_int_equal(writer_sector_size(s.writer), 4096);
    assert_int_equal(writer_size(s.writer), SIZE);
    assert_int_equal(writer_write(s.writer, 512, buf, 4096), STATUS_RANGE);
    assert_int_equal(writer_write(s.writer, 4096, buf, 512), STATUS_RANGE);
    assert_int_equal(writer_write(s.writer, MIB - 4096, buf, 3 * 4096), STATUS_OK);
    end(&s);
    assert_parents(0, MIB - 4096);
    assert_guest(MIB - 4096, buf, 3 * 4096);
    assert_parents(MIB + 2 * 4096, 2 * MIB - 2 * 4096);
    assert_clean(&disk, NULL);
    free(buf);
    img_free(img);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)
    const struct CMUnitTest tests[] = {
        TEST(absent_blocks_are_allocated_with_zeros_around),
        TEST(present_blocks_are_written_in_place),
        TEST(a_child_takes_only_the_sectors_written),
        TEST(a_whole_block_of_a_child_needs_no_bitmap),
        TEST(the_last_block_may_be_short),
        TEST(stale_bits_are_cleared),
        TEST(a_partial_block_that_fills_up_becomes_whole),
        TEST(an_anchored_block_gets_its_place_again),
        TEST(an_anchor_that_is_taken_is_left_alone),
        TEST(an_anchor_behind_the_end_of_the_file),
        TEST(zeros_need_no_place),
        TEST(what_changes_nothing_writes_nothing),
        TEST(large_blocks_cost_what_is_written),
        TEST(zero_blocks_of_a_fixed_disk_go_to_the_end),
        TEST(a_cut_last_block_keeps_its_place),
        TEST(a_file_may_end_anywhere),
        TEST(the_second_chunk),
        TEST(the_first_entry_of_a_page),
        TEST(random_writes_read_back),
        TEST(sectors_of_4096_bytes),
    };
    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
