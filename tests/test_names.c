/* SPDX-License-Identifier: MIT */
/*
 * Words for values: what reports are read by does not change, and a value that has none yields a text that says so,
 * never NULL where a report prints it. Phrases of ranges and owners on both sides of what changes their wording.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "build.h"
#include "check/phrases.h"
#include "check/profile.h"
#include "image/bat_walk.h"
#include "image/chain_set.h"
#include "image/guest_faults.h"
#include "image/image.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

enum { NO_VALUE = 99 };

static void values_without_a_name(void **state)
{
    (void)state;
    assert_string_equal(absence_text((enum absence)NO_VALUE), "unknown");
    assert_string_equal(header_choice_text((enum header_choice)NO_VALUE), "unknown");
    assert_string_equal(log_state_name((enum log_state)NO_VALUE), "invalid");
    assert_string_equal(owner_name((enum owner_kind)NO_VALUE), "nothing");
    assert_string_equal(guest_fault_text((enum guest_fault)NO_VALUE), "unknown fault");
    assert_string_equal(guest_state_name((enum guest_state)NO_VALUE), "past_parent");
    assert_null(disk_type_name((enum disk_type)NO_VALUE));
    assert_null(guest_fault_name((enum guest_fault)NO_VALUE));
    assert_null(guest_fault_text(GUEST_FAULT_NONE));
    assert_null(guest_fault_name(GUEST_FAULT_NONE));
    assert_null(profile_name(PROFILE_NONE));
    assert_null(profile_title(PROFILE_NONE));
}

static void profiles_have_names(void **state)
{
    static const char *const results[] = {"met", "convert", "note", "unmet", "unknown"};
    (void)state;
    assert_string_equal(profile_name(PROFILE_AZURE), "azure");
    assert_string_equal(profile_title(PROFILE_AZURE), "Upload to Azure");
    for (unsigned i = 0; i < sizeof(results) / sizeof(results[0]); i++)
        assert_string_equal(requirement_result_name((enum requirement_result)i), results[i]);
}

/* The rule that names what stands behind a guest range that cannot be read. */
static void rules_behind_faults(void **state)
{
    static const struct {
        struct guest_extent e;
        const char *rule;
    } rows[] = {
        {{.fault = GUEST_FAULT_PAST_EOF}, "VHDX-BAT-012"},
        {{.fault = GUEST_FAULT_STATE, .state = GUEST_INVALID}, "VHDX-BAT-002"},
        {{.fault = GUEST_FAULT_STATE, .state = GUEST_PARTIALLY_PRESENT}, "VHDX-BAT-004"},
        {{.fault = GUEST_FAULT_NO_BITMAP}, "VHDX-BAT-020"},
        {{.fault = GUEST_FAULT_NONE}, NULL},
        {{.fault = (enum guest_fault)NO_VALUE}, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *rule = guest_fault_rule(&rows[i].e);
        assert_int_equal(rule == NULL, rows[i].rule == NULL);
        if (rule)
            assert_string_equal(rule, rows[i].rule);
    }
}

static void guest_ranges(void **state)
{
    static const struct {
        uint64_t off, len;
        const char *phrase;
    } rows[] = {
        {0, 2 * MIB, "guest 0-2 MiB"},
        {GIB - MIB, 16 * MIB, "guest 1023-1039 MiB"},
        {GIB, 16 * MIB, "guest 1.00-1.02 GiB"},
        {GIB, 15 * MIB, "guest 1024-1039 MiB"},
        {16 * GIB, 32 * MIB, "guest 16.00-16.03 GiB"},
        {MIB, 512, "guest bytes 0x100000-0x100200"},
        {512, MIB - 512, "guest bytes 0x200-0x100000"},
    };
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    (void)state;
    assert_non_null(a);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(phrase_guest(a, rows[i].off, rows[i].len), rows[i].phrase);
    arena_destroy(a);
}

static void owners_of_bytes(void **state)
{
    static const struct {
        struct extent e;
        const char *phrase;
    } rows[] = {
        {{.kind = OWNER_HEADER_SECTION}, "the header section"},
        {{.kind = OWNER_LOG}, "the log"},
        {{.kind = OWNER_REGION, .ref = 0}, "the metadata region"},
        {{.kind = OWNER_REGION, .ref = 1}, "the bat region"},
        {{.kind = OWNER_REGION, .ref = 2}, "the 31313131-3131-3131-3131-313131313131 region"},
        {{.kind = OWNER_REGION, .ref = 3}, "a region"},
        {{.kind = OWNER_BITMAP, .ref = 7}, "the sector bitmap block of BAT entry 7"},
        {{.kind = OWNER_PAYLOAD, .ref = 8}, "the payload block of BAT entry 8"},
        {{.kind = OWNER_ANCHOR, .ref = 9}, "the soft anchor of BAT entry 9"},
        {{.kind = OWNER_NONE}, "another structure"},
        {{.kind = (enum owner_kind)NO_VALUE}, "another structure"},
    };
    struct img *img = img_create(NULL);
    struct region_entry extra = {.off = 64 * MIB, .len = (uint32_t)MIB};
    (void)state;
    memset(&extra.guid, 0x31, sizeof(extra.guid));
    img_region_add(img, &extra);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct source *src = img_source(img);
    struct image *image;
    assert_non_null(a);
    assert_int_equal(image_open(a, src, "names.vhdx", NULL, NULL, &image), STATUS_OK);
    bool bat_first = guid_equal(&image->main->regions[0].entries[0].guid, known_guid(KNOWN_REGION_BAT));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct extent e = rows[i].e;
        if (e.kind == OWNER_REGION && e.ref < 2 && bat_first)
            e.ref = 1 - e.ref;
        assert_string_equal(phrase_owner(a, image->main, &e), rows[i].phrase);
    }
    image->main->used_table = -1;
    assert_string_equal(phrase_owner(a, image->main, &rows[2].e), "a region");
    image_close(image);
    source_close(src);
    arena_destroy(a);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_without_a_name), cmocka_unit_test(profiles_have_names),
        cmocka_unit_test(rules_behind_faults),   cmocka_unit_test(guest_ranges),
        cmocka_unit_test(owners_of_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
