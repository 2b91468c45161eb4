/* SPDX-License-Identifier: MIT */
/* Reading both headers and choosing the current one (format.md 6.1). */
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
#include "image/headers.h"

struct fixture {
    struct arena *arena;
    struct source *source;
    struct header_slot slots[2];
    enum header_choice choice;
    int current;
};

static struct fixture read_source(struct source *s)
{
    struct fixture f = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .source = s};
    assert_non_null(f.arena);
    assert_int_equal(headers_read(f.arena, s, f.slots), STATUS_OK);
    f.current = headers_choose(f.slots, &f.choice);
    return f;
}

static struct fixture read_image(const struct img *img)
{
    return read_source(img_source(img));
}

static void done(struct fixture *f)
{
    source_close(f->source);
    arena_destroy(f->arena);
}

enum { BOTH = 0, BAD_1 = 1, BAD_2 = 2 };
enum change { SAME, FIELD_OF_2, RESERVED_OF_2 };

static void the_choice_follows_validity_then_number(void **state)
{
    (void)state;
    static const struct {
        uint64_t sequence[2];
        unsigned bad;
        enum change change;
        int current;
        enum header_choice choice;
    } cases[] = {
        {{1, 2}, BOTH, SAME, 1, HEADER_HIGHER_SEQUENCE},
        {{2, 1}, BOTH, SAME, 0, HEADER_HIGHER_SEQUENCE},
        {{0, 1}, BOTH, FIELD_OF_2, 1, HEADER_HIGHER_SEQUENCE},
        {{UINT64_MAX, 0}, BOTH, SAME, 0, HEADER_HIGHER_SEQUENCE}, /* unsigned, and no wrap */
        {{1, (uint64_t)1 << 63}, BOTH, SAME, 1, HEADER_HIGHER_SEQUENCE},
        {{1, 2}, BAD_2, SAME, 0, HEADER_ONLY_VALID},
        {{1, 2}, BAD_1, SAME, 1, HEADER_ONLY_VALID},
        {{5, 5}, BAD_1, SAME, 1, HEADER_ONLY_VALID},
        {{5, 5}, BOTH, SAME, 0, HEADER_IDENTICAL},
        {{5, 5}, BOTH, RESERVED_OF_2, 0, HEADER_SAME_FIELDS},
        {{5, 5}, BOTH, FIELD_OF_2, 0, HEADER_AMBIGUOUS},
        {{1, 2}, BAD_1 | BAD_2, SAME, -1, HEADER_NONE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct img *img = img_create(NULL);
        for (unsigned slot = 0; slot < 2; slot++)
            put_le64(img_header(img, slot) + IMG_HEADER_SEQUENCE, cases[i].sequence[slot]);
        if (cases[i].change == FIELD_OF_2)
            img_header(img, 1)[IMG_HEADER_DATA_WRITE_GUID] ^= 1;
        if (cases[i].change == RESERVED_OF_2)
            img_header(img, 1)[4095] ^= 1;
        img_sign_headers(img);
        for (unsigned slot = 0; slot < 2; slot++)
            if (cases[i].bad & (1U << slot))
                img_header(img, slot)[4] ^= 1;
        struct fixture f = read_image(img);
        if (f.current != cases[i].current || f.choice != cases[i].choice)
            fail_msg("case %zu: header %d, %s", i, f.current, header_choice_text(f.choice));
        done(&f);
        img_free(img);
    }
}

/* Nothing but signature and checksum decides: versions and log places are judged later. */
static void other_fields_play_no_part(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    put_le16(img_header(img, 1) + IMG_HEADER_VERSION, 2);
    put_le16(img_header(img, 1) + IMG_HEADER_LOG_VERSION, 7);
    put_le64(img_header(img, 1) + IMG_HEADER_LOG_OFF, UINT64_MAX);
    img_sign_headers(img);
    struct fixture f = read_image(img);
    assert_int_equal(f.current, 1);
    assert_int_equal(f.slots[1].h.version, 2);
    assert_int_equal(f.slots[1].h.log_off, UINT64_MAX);
    done(&f);
    img_free(img);
}

/* A header update that was cut off: the older one is current, whichever part of the new one arrived. */
static void a_torn_header_loses_to_the_older_one(void **state)
{
    (void)state;
    for (unsigned keep = 0; keep <= 4096; keep += 512) {
        struct img *img = img_create(NULL);
        uint8_t old[HEADER_LEN], *slot = img_header(img, 0);
        memcpy(old, slot, sizeof(old));
        put_le64(slot + IMG_HEADER_SEQUENCE, 3);
        memset(slot + IMG_HEADER_RESERVED, 0x55, HEADER_LEN - IMG_HEADER_RESERVED); /* so that every sector differs */
        img_sign_header(img, 0);
        memcpy(slot + keep, old + keep, HEADER_LEN - keep);
        struct fixture f = read_image(img);
        assert_int_equal(f.current, keep == 4096 ? 0 : 1);
        assert_int_equal(f.slots[0].valid, keep == 0 || keep == 4096);
        done(&f);
        img_free(img);
    }
}

static void a_wrong_signature_is_not_valid_even_if_summed_up(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    memcpy(img_header(img, 1), "daeh", 4);
    img_sign_header(img, 1);
    struct fixture f = read_image(img);
    assert_int_equal(f.current, 0);
    assert_true(f.slots[1].h.checksum_ok);
    assert_false(f.slots[1].h.signature_ok);
    assert_false(f.slots[1].checksum_of_slot || f.slots[1].checksum_of_fields);
    done(&f);
    img_free(img);
}

static void short_files_have_short_headers(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        size_t got[2];
        int current;
    } cases[] = {
        {0, {0, 0}, -1},          {0x10000, {0, 0}, -1},   {0x10050, {80, 0}, -1}, /* the zeros that follow would make
                                                                                      the checksum right */
        {0x10FFF, {4095, 0}, -1}, {0x11000, {4096, 0}, 0}, {0x20FFF, {4096, 4095}, 0}, {0x21000, {4096, 4096}, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct img *img = img_create(NULL);
        img_resize(img, cases[i].size);
        struct fixture f = read_image(img);
        assert_int_equal(f.slots[0].got, cases[i].got[0]);
        assert_int_equal(f.slots[1].got, cases[i].got[1]);
        assert_int_equal(f.current, cases[i].current);
        assert_int_equal(f.slots[0].off, 0x10000);
        assert_int_equal(f.slots[1].off, 0x20000);
        done(&f);
        img_free(img);
    }
}

/* Writers that summed up the slot, or only the fields (VHDX-HDR-026). */
static void other_coverages_are_recognised(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    uint8_t *slot = img_bytes(img, 0x20000, 0x10000);
    slot[0x8000] = 1;
    put_le32(slot + 4, crc32c_structure(span_of(slot, 0x10000)));
    put_le32(img_header(img, 0) + 4, crc32c_structure(span_of(img_header(img, 0), 80)));
    struct fixture f = read_image(img);
    assert_int_equal(f.choice, HEADER_NONE);
    assert_true(f.slots[0].checksum_of_fields && !f.slots[0].checksum_of_slot);
    assert_true(f.slots[1].checksum_of_slot && !f.slots[1].checksum_of_fields);
    done(&f);

    img_resize(img, 0x2FFFF); /* without the whole slot there is nothing to sum up */
    f = read_image(img);
    assert_false(f.slots[1].checksum_of_slot);
    done(&f);
    img_free(img);
}

static void an_unreadable_header_is_neither_valid_nor_wrong(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct source *s = img_source(img);
    for (unsigned slot = 0; slot < 2; slot++) {
        struct faulty faulty;
        struct source *over = faulty_over(&faulty, s);
        faulty.bad_off = 0x10000 * (slot + 1) + 4000;
        faulty.bad_len = 1;
        struct fixture f = read_source(over);
        assert_true(f.slots[slot].io_error);
        assert_false(f.slots[slot].valid);
        assert_int_equal(f.slots[slot].got, 0);
        assert_false(f.slots[1 - slot].io_error);
        assert_int_equal(f.current, 1 - slot);
        assert_int_equal(f.choice, HEADER_ONLY_VALID);
        done(&f);
    }
    source_close(s);

    /* The rest of the slot is only wanted for a guess; that it cannot be read harms nothing. */
    img_header(img, 1)[4] ^= 1;
    s = img_source(img);
    struct faulty faulty;
    struct source *over = faulty_over(&faulty, s);
    faulty.bad_off = 0x28000;
    faulty.bad_len = 1;
    struct fixture f = read_source(over);
    assert_false(f.slots[1].io_error);
    assert_true(f.slots[1].h.signature_ok);
    assert_int_equal(f.current, 0);
    done(&f);
    source_close(s);
    img_free(img);
}

static void every_choice_has_its_words(void **state)
{
    (void)state;
    for (int i = HEADER_NONE; i <= HEADER_AMBIGUOUS; i++)
        for (int k = HEADER_NONE; k < i; k++)
            assert_string_not_equal(header_choice_text((enum header_choice)i),
                                    header_choice_text((enum header_choice)k));
    assert_string_equal(header_choice_text(HEADER_HIGHER_SEQUENCE), "higher sequence number");
}

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    img_header(img, 0)[4] ^= 1;
    struct source *s = img_source(img);
    enum status st = STATUS_NO_MEMORY;
    for (uint64_t n = 2; st != STATUS_OK; n++) {
        struct header_slot slots[2];
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        arena_fail_at(a, n / 2, n % 2);
        st = headers_read(a, s, slots);
        assert_true(st == STATUS_OK ? n > 6 : st == STATUS_NO_MEMORY);
        arena_destroy(a);
    }
    source_close(s);
    img_free(img);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_choice_follows_validity_then_number),
        cmocka_unit_test(other_fields_play_no_part),
        cmocka_unit_test(a_torn_header_loses_to_the_older_one),
        cmocka_unit_test(a_wrong_signature_is_not_valid_even_if_summed_up),
        cmocka_unit_test(short_files_have_short_headers),
        cmocka_unit_test(other_coverages_are_recognised),
        cmocka_unit_test(an_unreadable_header_is_neither_valid_nor_wrong),
        cmocka_unit_test(every_choice_has_its_words),
        cmocka_unit_test(memory_that_runs_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
