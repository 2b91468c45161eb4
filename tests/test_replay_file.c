/* SPDX-License-Identifier: MIT */
/*
 * Log replay on disk: that the file becomes what the overlay showed, in the right order; which GUIDs change; growth;
 * what is refused untouched; and that a replay that failed half way can be done again with the same result. Power
 * losses during a replay are played in crash.c.
 */
#include "changed.h"

#include <errno.h>

#include "base/le.h"
#include "write/replay_file.h"

enum { PAGE = 4096 };

static struct disk disk, work;
static struct recording recording;
static uint64_t mark;

static int enter(void **state)
{
    (void)state;
    mark = pool_mark();
    return 0;
}

static int leave(void **state)
{
    (void)state;
    recording_free(&recording);
    pool_release(mark);
    return 0;
}

static uint8_t *page_of(struct img *img, uint8_t value)
{
    uint8_t *page = img_page_copy(img, 0);

    for (size_t i = 0; i < PAGE; i++)
        page[i] = (uint8_t)(value + i % 251);
    return page;
}

/* A dirty image: BAT entry, a page and zeros in free space of the metadata region. */
static struct img *dirty(void)
{
    struct img *img = img_create(NULL);
    struct img_log_desc d[] = {{.off = 0x280000, .page = page_of(img, 1)}, {.off = 0x290000, .len = 3 * PAGE}};

    img_fill(img, 0x290000 - 1, 3 * PAGE + 2, 0xEE);
    img_make_dirty(img, d, 2);
    img_log_append(img, &(struct img_log_desc){.off = 0x281000, .page = page_of(img, 2)}, 1);
    return img;
}

static enum status replay(struct disk *d, struct recording *r, struct disk_fault *fault)
{
    struct store *s = disk_store(d, r, 0, fault);
    struct looked l = look_at(s->source);
    struct entropy e = entropy_seeded(1);

    enum status st = replay_file(s, l.image, &e);
    looked_close(&l);
    store_close(s);
    return st;
}

/* Everything but the headers is what the overlay says. */
static void assert_as_overlay(struct disk *before, struct disk *after)
{
    struct store *old = disk_store(before, NULL, 0, NULL), *new = disk_store(after, NULL, 0, NULL);
    struct looked l = look_at(old->source);
    struct source *overlay = l.image->replay.overlay;
    uint8_t want[PAGE], got[PAGE];

    assert_non_null(overlay);
    assert_int_equal(store_size(new), overlay->size);
    for (uint64_t off = 0; off < overlay->size; off += PAGE) {
        if (off == HEADER_OFF[0] || off == HEADER_OFF[1])
            continue;
        size_t n;
        assert_int_equal(source_read_some(overlay, off, want, PAGE, &n), STATUS_OK);
        assert_int_equal(source_read_some(new->source, off, got, PAGE, &n), STATUS_OK);
        assert_memory_equal(got, want, PAGE);
    }
    looked_close(&l);
    store_close(old);
    store_close(new);
}

static void the_file_becomes_what_the_overlay_showed(void **state)
{
    (void)state;
    struct img *img = dirty();

    changed_load(&disk, img);
    disk_copy(&work, &disk);
    assert_int_equal(replay(&work, &recording, NULL), STATUS_OK);
    assert_as_overlay(&disk, &work);
    img_free(img);
}

/* Both headers with the live LogGuid and a new FileWriteGuid; size; pages; both headers with a nil LogGuid
 * (format.md 8.4). */
static void the_order_is_one_that_can_be_interrupted(void **state)
{
    (void)state;
    static const uint64_t headers[] = {0x10000, 0x20000, 0x10000, 0x20000};
    struct img *img = dirty();
    uint64_t header_writes = 0, syncs_since = 1, pages = 0;

    changed_load(&disk, img); /* slot 1 (0x20000) is current */
    assert_int_equal(replay(&disk, &recording, NULL), STATUS_OK);
    for (uint64_t i = 0; i < recording.count; i++) {
        const struct op *o = &recording.ops[i];
        if (o->kind == OP_SYNC) {
            syncs_since++;
            continue;
        }
        if (o->kind == OP_WRITE && o->off < LOG_TARGET_MIN) {
            static const uint8_t nil[16];
            assert_true(header_writes < 4);
            assert_int_equal(o->off, headers[header_writes]);
            assert_true(syncs_since > 0); /* durable before the next step */
            assert_int_equal(memcmp(recording.bytes + o->data + 48, nil, 16) == 0, header_writes >= 2);
            header_writes++;
        } else {
            assert_int_equal(header_writes, 2);
            assert_true(pages > 0 || syncs_since > 0);
            assert_false(o->off < img->log_off + img->log_len && o->off + o->len > img->log_off);
            pages++;
        }
        syncs_since = 0;
    }
    assert_int_equal(header_writes, 4);
    assert_true(syncs_since > 0);
    assert_true(pages >= 3);
    img_free(img);
}

static void only_the_file_write_guid_is_new(void **state)
{
    (void)state;
    struct img *img = dirty();

    changed_load(&disk, img);
    disk_copy(&work, &disk);
    assert_int_equal(replay(&work, NULL, NULL), STATUS_OK);
    struct store *old = disk_store(&disk, NULL, 0, NULL), *new = disk_store(&work, NULL, 0, NULL);
    struct looked before = look_at(old->source), after = look_at(new->source);
    const struct header *b = image_header(before.image);
    for (unsigned slot = 0; slot < 2; slot++) {
        const struct header *h = &after.image->headers[slot].h;
        assert_true(after.image->headers[slot].valid);
        assert_true(guid_is_nil(&h->log_guid));
        assert_memory_equal(h->data_write_guid.bytes, b->data_write_guid.bytes, 16);
        assert_memory_not_equal(h->file_write_guid.bytes, b->file_write_guid.bytes, 16);
        assert_int_equal(h->log_off, b->log_off);
        assert_int_equal(h->log_len, b->log_len);
    }
    assert_int_equal(image_header(after.image)->sequence_number, b->sequence_number + 4);
    assert_int_equal(after.image->log_state, LOG_STATE_EMPTY);
    looked_close(&before);
    looked_close(&after);
    store_close(old);
    store_close(new);
    img_free(img);
}

static void a_replayed_image_is_clean(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);

    img_make_dirty_bat(img, img_block_index(img, 1), bat_entry_make(img_block_off(img, 0) + 8 * MIB, 2));
    img_make_dirty_bat(img, img_block_index(img, 1), PAYLOAD_ZERO);
    changed_load(&disk, img);
    assert_clean(&disk, "VHDX-LOG-001");
    assert_int_equal(replay(&disk, NULL, NULL), STATUS_OK);
    assert_clean(&disk, NULL);
    img_free(img);
}

/* LastFileOffset behind the end, a MiB multiple or not: qemu-img does not extend for the first, S-18. */
static void the_file_grows_to_last_file_offset(void **state)
{
    (void)state;
    static const struct {
        uint64_t more, grown;
    } cases[] = {{MIB, MIB}, {4 * MIB, 4 * MIB}, {PAGE, MIB}, {2 * MIB + 1, 3 * MIB}};
    static const uint8_t zeros[PAGE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct img *img = img_create(&(struct img_params){.virtual_size = 4 * MIB, .states = ""});
        struct img_log_desc d = {.off = 0x280000, .page = page_of(img, 1)};
        struct img_log_entry e = {
            .sequence_number = 5, .last = img->size + cases[i].more, .descs = &d, .desc_count = 1};
        uint8_t end[PAGE];

        img_log_begin(img, 0, 5);
        img_log_write(img, 0, &e);
        changed_load(&disk, img);
        assert_int_equal(replay(&disk, NULL, NULL), STATUS_OK);
        assert_int_equal(disk.size, img->size + cases[i].grown);
        disk_read(&disk, disk.size - PAGE, end, PAGE);
        assert_memory_equal(end, zeros, PAGE);
        img_free(img);
    }
}

/* Entries before the head's Tail were applied long ago; their pages may be payload by now (S-15). */
static void entries_before_the_tail_stay_out(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct img_log_desc old = {.off = 0x280000, .page = page_of(img, 1)},
                        new = {.off = 0x281000, .page = page_of(img, 2)};
    uint8_t before[PAGE], after[PAGE];

    img_log_begin(img, 0, 5);
    uint32_t pos = img_log_write(img, 0, &(struct img_log_entry){.sequence_number = 5, .descs = &old, .desc_count = 1});
    img_log_write(img, pos, &(struct img_log_entry){.sequence_number = 6, .tail = pos, .descs = &new, .desc_count = 1});
    img_read(img, 0x280000, before, PAGE);
    changed_load(&disk, img);
    assert_int_equal(replay(&disk, NULL, NULL), STATUS_OK);
    disk_read(&disk, 0x280000, after, PAGE);
    assert_memory_equal(after, before, PAGE);
    disk_read(&disk, 0x281000, after, PAGE);
    assert_memory_equal(after, new.page, PAGE);
    img_free(img);
}

static void assert_untouched(const struct img *img)
{
    changed_load(&disk, img);
    disk_copy(&work, &disk);
    assert_int_equal(replay(&work, &recording, NULL), STATUS_REFUSED);
    assert_int_equal(recording.count, 0);
    assert_true(disk_equal(&disk, &work));
}

static void nothing_to_replay_is_refused_untouched(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.windows_traces = true}); /* stale entries alone */
    assert_untouched(img);
    const struct guid live = img_guid(IMG_WINDOWS, 'L', 9);
    img_set_log_guid(img, &live); /* a log that has no entry */
    assert_untouched(img);
    img_free(img);
}

/* RG-LOG: into a header, into the log, at 1 TiB, of a file that was cut off. */
static void bad_targets_are_refused_untouched(void **state)
{
    (void)state;
    static const struct img_log_desc bad[] = {
        {.off = 0x10000, .len = PAGE},           {.off = 0x2F000, .len = 2 * PAGE},
        {.off = 0x100000, .len = PAGE},          {.off = 0x1FF000, .len = PAGE},
        {.off = (uint64_t)1 << 40, .len = PAGE}, {.off = 0x280000, .len = (uint64_t)1 << 40},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct img *img = img_create(NULL);
        img_make_dirty(img, &bad[i], 1);
        assert_untouched(img);
        img_free(img);
    }
    struct img *img = dirty();
    img_resize(img, img->size - MIB);
    assert_untouched(img);
    img_free(img);
}

static void sequence_numbers_at_their_end_are_refused_untouched(void **state)
{
    (void)state;
    for (uint64_t left = 0; left <= 4; left++) {
        struct img *img = dirty();
        put_le64(img_header(img, 1) + IMG_HEADER_SEQUENCE, UINT64_MAX - left);
        img_sign_headers(img);
        changed_load(&disk, img);
        disk_copy(&work, &disk);
        assert_int_equal(replay(&work, NULL, NULL), left < 4 ? STATUS_REFUSED : STATUS_OK);
        assert_int_equal(disk_equal(&disk, &work), left < 4);
        img_free(img);
    }
}

static enum status failing_fill(struct entropy *e, void *buf, size_t len)
{
    (void)e;
    memset(buf, 0x11, len);
    return STATUS_IO;
}

static void without_a_new_guid_nothing_is_written(void **state)
{
    (void)state;
    struct img *img = dirty();
    struct entropy e = {.fill = failing_fill};

    changed_load(&disk, img);
    disk_copy(&work, &disk);
    struct store *s = disk_store(&work, &recording, 0, NULL);
    struct looked l = look_at(s->source);
    assert_int_equal(replay_file(s, l.image, &e), STATUS_IO);
    assert_int_equal(recording.count, 0);
    assert_true(disk_equal(&disk, &work));
    looked_close(&l);
    store_close(s);
    img_free(img);
}

/* RG-WR-02, -03: each operation fails in turn, whole or half way. The log is still there; once more, and all is done.
 */
static void a_failed_replay_can_be_done_again(void **state)
{
    (void)state;
    struct img *img = dirty();
    struct disk whole;
    uint64_t failed = 0;

    changed_load(&disk, img);
    disk_copy(&whole, &disk);
    assert_int_equal(replay(&whole, &recording, NULL), STATUS_OK);
    for (unsigned half = 0; half < 2; half++) {
        for (uint64_t n = 1; n <= recording.count; n++) {
            struct disk_fault fault = {.fail_at = n, .error = n % 2 ? EIO : ENOSPC, .half = half};
            disk_copy(&work, &disk);
            enum status st = replay(&work, NULL, &fault);
            assert_int_equal(st, STATUS_IO);
            failed++;
            struct store *s = disk_store(&work, NULL, 0, NULL);
            struct looked l = look_at(s->source);
            bool still_dirty = l.image->log_state == LOG_STATE_DIRTY;
            assert_true(still_dirty || l.image->log_state == LOG_STATE_EMPTY);
            looked_close(&l);
            store_close(s);
            if (still_dirty)
                assert_int_equal(replay(&work, NULL, NULL), STATUS_OK);
            assert_as_overlay(&disk, &work);
        }
    }
    assert_true(failed >= 20);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_file_becomes_what_the_overlay_showed, enter, leave),
        cmocka_unit_test_setup_teardown(the_order_is_one_that_can_be_interrupted, enter, leave),
        cmocka_unit_test_setup_teardown(only_the_file_write_guid_is_new, enter, leave),
        cmocka_unit_test_setup_teardown(a_replayed_image_is_clean, enter, leave),
        cmocka_unit_test_setup_teardown(the_file_grows_to_last_file_offset, enter, leave),
        cmocka_unit_test_setup_teardown(entries_before_the_tail_stay_out, enter, leave),
        cmocka_unit_test_setup_teardown(nothing_to_replay_is_refused_untouched, enter, leave),
        cmocka_unit_test_setup_teardown(bad_targets_are_refused_untouched, enter, leave),
        cmocka_unit_test_setup_teardown(sequence_numbers_at_their_end_are_refused_untouched, enter, leave),
        cmocka_unit_test_setup_teardown(without_a_new_guid_nothing_is_written, enter, leave),
        cmocka_unit_test_setup_teardown(a_failed_replay_can_be_done_again, enter, leave),
    };
    return cmocka_run_group_tests_name("replay_file", tests, NULL, NULL);
}
