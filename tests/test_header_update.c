/* SPDX-License-Identifier: MIT */
/* The header update: which slot, what order, what is in it, and what is left when it fails half way. */
#include "changed.h"

#include <errno.h>

#include "base/le.h"
#include "image/headers.h"
#include "write/header_update.h"

static struct disk disk;
static struct recording recording;
static struct img *img;
static uint64_t mark;

static int enter(void **state)
{
    (void)state;
    mark = pool_mark();
    img = img_create(&(struct img_params){.sequence_number = {7, 6}});
    changed_load(&disk, img);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    img_free(img);
    recording_free(&recording);
    pool_release(mark);
    return 0;
}

static struct header wanted(void)
{
    struct header h = {.version = 1, .log_len = 0x200000, .log_off = 0x300000};

    for (unsigned i = 0; i < 16; i++) {
        h.file_write_guid.bytes[i] = (uint8_t)(0x10 + i);
        h.data_write_guid.bytes[i] = (uint8_t)(0x40 + i);
        h.log_guid.bytes[i] = (uint8_t)(0x70 + i);
    }
    return h;
}

/* Bit by bit, from the definition of the checksum (2.2.2); no code of the library. RG-HDR-01. */
static uint32_t crc32c_by_hand(const uint8_t *p, size_t len)
{
    uint32_t crc = 0xFFFFFFFF;

    for (size_t i = 0; i < len; i++) {
        crc ^= i >= 4 && i < 8 ? 0 : p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
    }
    return ~crc;
}

static void assert_slot(unsigned slot, uint64_t sequence)
{
    uint8_t page[HEADER_LEN];
    struct header h = wanted();

    disk_read(&disk, HEADER_OFF[slot], page, sizeof(page));
    assert_memory_equal(page, "head", 4);
    assert_int_equal(le32(page + 4), crc32c_by_hand(page, sizeof(page)));
    assert_int_equal(le64(page + 8), sequence);
    assert_memory_equal(page + 16, h.file_write_guid.bytes, 16);
    assert_memory_equal(page + 32, h.data_write_guid.bytes, 16);
    assert_memory_equal(page + 48, h.log_guid.bytes, 16);
    assert_int_equal(le16(page + 64), 0);
    assert_int_equal(le16(page + 66), 1);
    assert_int_equal(le32(page + 68), 0x200000);
    assert_int_equal(le64(page + 72), 0x300000);
    assert_true(span_is_zero(span_of(page + 80, sizeof(page) - 80)));
}

static void both_slots_the_older_one_first_a_sync_behind_each(void **state)
{
    (void)state;
    struct store *s = disk_store(&disk, &recording, 0, NULL);
    struct header h = wanted();
    int slot = -1;

    h.sequence_number = 12345; /* is ignored */
    assert_int_equal(header_update(s, 0, 7, &h, &slot), STATUS_OK);
    assert_int_equal(slot, 0);
    assert_slot(1, 8);
    assert_slot(0, 9);
    assert_int_equal(recording.count, 4);
    for (unsigned i = 0; i < 4; i += 2) {
        assert_int_equal(recording.ops[i].kind, OP_WRITE);
        assert_int_equal(recording.ops[i].off, HEADER_OFF[i == 0 ? 1 : 0]);
        assert_int_equal(recording.ops[i].len, HEADER_LEN);
        assert_int_equal(recording.ops[i + 1].kind, OP_SYNC);
    }
    store_close(s);
}

static void the_second_slot_may_be_the_current_one(void **state)
{
    (void)state;
    struct store *s = disk_store(&disk, NULL, 0, NULL);
    struct header h = wanted();
    int slot = -1;

    assert_int_equal(header_update(s, 1, 41, &h, &slot), STATUS_OK);
    assert_int_equal(slot, 1);
    assert_slot(0, 42);
    assert_slot(1, 43);
    store_close(s);
}

/* RG-HDR-03: the number never wraps, and nothing is written then. */
static void sequence_numbers_end(void **state)
{
    (void)state;
    struct store *s = disk_store(&disk, &recording, 0, NULL);
    struct header h = wanted();
    int slot = -1;

    assert_int_equal(header_update(s, 0, UINT64_MAX, &h, &slot), STATUS_REFUSED);
    assert_int_equal(header_update(s, 0, UINT64_MAX - 1, &h, &slot), STATUS_REFUSED);
    assert_int_equal(recording.count, 0);
    assert_int_equal(slot, -1);
    assert_int_equal(header_update(s, 0, UINT64_MAX - 2, &h, &slot), STATUS_OK);
    assert_slot(0, UINT64_MAX);
    store_close(s);
}

/* RG-WR-03: whatever fails is told; one valid header is there all the time, the old one or the new. */
static void a_failure_leaves_a_valid_header(void **state)
{
    (void)state;
    for (unsigned half = 0; half < 2; half++) {
        for (uint64_t n = 1; n <= 4; n++) {
            struct disk work;
            struct disk_fault fault = {.fail_at = n, .error = EIO, .half = half};
            struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
            struct header h = wanted();
            struct header_slot slots[2];
            enum header_choice choice;
            int slot = -1;

            disk_copy(&work, &disk);
            struct store *s = disk_store(&work, NULL, 0, &fault);
            assert_int_equal(header_update(s, 0, 7, &h, &slot), STATUS_IO);
            assert_int_equal(slot, -1);
            assert_int_equal(headers_read(a, s->source, slots), STATUS_OK);
            int current = headers_choose(slots, &choice);
            assert_true(current >= 0);
            /* The second half of a header is zeros before and after: half of it written is all of it. */
            static const uint64_t sequence[2][4] = {{7, 8, 8, 9}, {8, 8, 9, 9}};
            assert_int_equal(slots[current].h.sequence_number, sequence[half][n - 1]);
            store_close(s);
            arena_destroy(a);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_slots_the_older_one_first_a_sync_behind_each, enter, leave),
        cmocka_unit_test_setup_teardown(the_second_slot_may_be_the_current_one, enter, leave),
        cmocka_unit_test_setup_teardown(sequence_numbers_end, enter, leave),
        cmocka_unit_test_setup_teardown(a_failure_leaves_a_valid_header, enter, leave),
    };
    return cmocka_run_group_tests_name("header_update", tests, NULL, NULL);
}
