/* SPDX-License-Identifier: MIT */
/*
 * The Azure profile: limits as Microsoft documents them, on both sides of each; partition tables as their first sectors
 * look (an MBR's entries from byte 446 on, a GPT's header in the second sector). The command is tested in
 * cli/profile.bats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/le.h"
#include "cases.h"
#include "check/profile.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

struct made {
    struct case_run run;
    struct profile profile;
};

static void make(struct made *m, const struct test_case *c)
{
    case_open(c, false, &m->run);
    assert_int_equal(profile_make(m->run.arena, PROFILE_AZURE, m->run.result, &m->profile), STATUS_OK);
    uint32_t unmet = 0;
    for (uint32_t i = 0; i < m->profile.count; i++)
        unmet += m->profile.requirements[i].result == REQUIREMENT_UNMET ||
                 m->profile.requirements[i].result == REQUIREMENT_UNKNOWN;
    assert_int_equal(m->profile.unmet, unmet);
    assert_int_equal(m->profile.ready, unmet == 0);
}

static const struct requirement *of(const struct made *m, const char *id)
{
    for (uint32_t i = 0; i < m->profile.count; i++)
        if (strcmp(m->profile.requirements[i].id, id) == 0)
            return &m->profile.requirements[i];
    fail_msg("no requirement %s", id);
    return NULL;
}

static void assert_result(const struct made *m, const char *id, unsigned want)
{
    const struct requirement *r = of(m, id);
    if (r->result != want)
        fail_msg("%s: %s (%s), not %s", id, requirement_result_name(r->result), r->found,
                 requirement_result_name((enum requirement_result)want));
}

/* ---- sizes ---- */

static void sizes_on_both_sides_of_each_limit(void **state)
{
    (void)state;
    enum { MET = REQUIREMENT_MET, NOTE = REQUIREMENT_NOTE, UNMET = REQUIREMENT_UNMET };
    static const struct {
        uint64_t size;
        unsigned step, least, most, system; /* enum requirement_result */
    } rows[] = {
        {20 * MIB, MET, MET, MET, MET},
        {20 * MIB - 512, UNMET, UNMET, MET, MET},
        {19 * MIB, MET, UNMET, MET, MET},
        {20 * MIB + 512, UNMET, MET, MET, MET},
        {4095 * GIB, MET, MET, MET, MET},
        {4096 * GIB, MET, MET, MET, NOTE},
        {4095 * GIB + MIB, MET, MET, MET, NOTE},
        {(uint64_t)32 << 40, MET, MET, MET, NOTE},
        {((uint64_t)32 << 40) + MIB, MET, MET, UNMET, NOTE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct img_params p = {.virtual_size = rows[i].size, .block_size = 256 * MIB, .states = ""};
        struct made m;
        make(&m, &(const struct test_case){.name = "size", .params = &p});
        assert_result(&m, "virtual_size_step", rows[i].step);
        assert_result(&m, "virtual_size_least", rows[i].least);
        assert_result(&m, "virtual_size_most", rows[i].most);
        assert_result(&m, "system_disk_size", rows[i].system);
        assert_int_equal(of(&m, "virtual_size_least")->next == NULL, rows[i].least == (unsigned)MET);
        case_close(&m.run);
    }
}

/* The next whole MiB, in the advice. */
static void a_size_between_two_mib_is_told_the_next(void **state)
{
    (void)state;
    const struct img_params p = {.virtual_size = 20 * MIB + 512, .states = ""};
    struct made m;
    make(&m, &(const struct test_case){.name = "step", .params = &p});
    assert_non_null(strstr(of(&m, "virtual_size_step")->next, "22020096")); /* 21 MiB */
    case_close(&m.run);
}

/* ---- the beginning of the disk ---- */

static const struct img_params one_block = {.states = "6", .data = IMG_DATA_NONE};
static const struct img_params one_block_of_4096 = {
    .states = "6", .data = IMG_DATA_NONE, .logical_sector_size = 4096, .physical_sector_size = 4096};
static const struct img_params one_block_of_2_tib = {
    .states = "6", .data = IMG_DATA_NONE, .virtual_size = (uint64_t)2 << 40, .block_size = 256 << 20};
static const struct img_params one_block_above_2_tib = {
    .states = "6", .data = IMG_DATA_NONE, .virtual_size = ((uint64_t)2 << 40) + (1 << 20), .block_size = 256 << 20};
static const struct img_params tiny = {.states = "6", .data = IMG_DATA_NONE, .virtual_size = 512};
static const struct img_params two_sectors = {.states = "6", .data = IMG_DATA_NONE, .virtual_size = 1024};

static uint8_t *first_bytes(struct img *img)
{
    return img_bytes(img, img_block_off(img, 0), 8192);
}

static void signature_alone(struct img *img)
{
    put_le16(first_bytes(img) + 510, 0xAA55);
}

/* Behind the four of an MBR stands its signature, and then the next sector. */
static void fifth_entry(struct img *img)
{
    signature_alone(img);
    first_bytes(img)[446 + 4 * 16 + 4] = 7;
    put_le32(first_bytes(img) + 446 + 4 * 16 + 12, 2048);
}

static void half_a_signature(struct img *img)
{
    memcpy(first_bytes(img) + 512, "EFI PART", 8);
    first_bytes(img)[510] = 0x55;
}

static void other_half_of_a_signature(struct img *img)
{
    memcpy(first_bytes(img) + 512, "EFI PART", 8);
    first_bytes(img)[511] = 0xAA;
}

static void gpt(struct img *img)
{
    signature_alone(img);
    memcpy(first_bytes(img) + 512, "EFI PART", 8);
}

static void gpt_in_sectors_of_4096(struct img *img)
{
    signature_alone(img);
    memcpy(first_bytes(img) + 4096, "EFI PART", 8);
}

static void partition(struct img *img, unsigned slot, uint8_t type, uint32_t sectors)
{
    uint8_t *entry = first_bytes(img) + 446 + 16 * (size_t)slot;
    signature_alone(img);
    entry[4] = type;
    put_le32(entry + 12, sectors);
}

static void first_partition(struct img *img)
{
    partition(img, 0, 7, 2048);
}

static void fourth_partition(struct img *img)
{
    partition(img, 3, 0x83, 1);
}

static void partition_without_type(struct img *img)
{
    partition(img, 1, 0, 2048);
}

static void partition_without_sectors(struct img *img)
{
    partition(img, 1, 7, 0);
}

static void unreadable_beginning(struct scene *s)
{
    s->bad_off = img_block_off(s->img, 0);
    s->bad_len = 512;
}

static void partition_tables(void **state)
{
    (void)state;
    static const struct {
        struct test_case c;
        const char *found;
        enum requirement_result table, system;
    } rows[] = {
        {{"nothing", .params = &one_block}, "no partition table", REQUIREMENT_NOTE, REQUIREMENT_MET},
        {{"signature alone", .params = &one_block, .mutate = signature_alone},
         "no partition table",
         REQUIREMENT_NOTE,
         REQUIREMENT_MET},
        {{"a fifth entry", .params = &one_block, .mutate = fifth_entry},
         "no partition table",
         REQUIREMENT_NOTE,
         REQUIREMENT_MET},
        {{"half a signature", .params = &one_block, .mutate = half_a_signature},
         "no partition table",
         REQUIREMENT_NOTE,
         REQUIREMENT_MET},
        {{"the other half", .params = &one_block, .mutate = other_half_of_a_signature},
         "no partition table",
         REQUIREMENT_NOTE,
         REQUIREMENT_MET},
        {{"gpt", .params = &one_block, .mutate = gpt}, "GPT", REQUIREMENT_MET, REQUIREMENT_MET},
        {{"gpt of 4096", .params = &one_block_of_4096, .mutate = gpt_in_sectors_of_4096},
         "GPT",
         REQUIREMENT_MET,
         REQUIREMENT_MET},
        {{"gpt at the wrong sector", .params = &one_block_of_4096, .mutate = gpt},
         "no partition table",
         REQUIREMENT_NOTE,
         REQUIREMENT_MET},
        {{"first", .params = &one_block, .mutate = first_partition}, "MBR", REQUIREMENT_MET, REQUIREMENT_MET},
        {{"fourth", .params = &one_block, .mutate = fourth_partition}, "MBR", REQUIREMENT_MET, REQUIREMENT_MET},
        {{"without type", .params = &one_block, .mutate = partition_without_type},
         "no partition table",
         REQUIREMENT_NOTE,
         REQUIREMENT_MET},
        {{"without sectors", .params = &one_block, .mutate = partition_without_sectors},
         "no partition table",
         REQUIREMENT_NOTE,
         REQUIREMENT_MET},
        {{"MBR of 2 TiB", .params = &one_block_of_2_tib, .mutate = first_partition},
         "MBR",
         REQUIREMENT_MET,
         REQUIREMENT_MET},
        {{"MBR above 2 TiB", .params = &one_block_above_2_tib, .mutate = first_partition},
         "MBR",
         REQUIREMENT_MET,
         REQUIREMENT_NOTE},
        {{"GPT above 2 TiB", .params = &one_block_above_2_tib, .mutate = gpt}, "GPT", REQUIREMENT_MET, REQUIREMENT_MET},
        {{"unreadable", .params = &one_block, .mutate = gpt, .damage = unreadable_beginning},
         "cannot be read",
         REQUIREMENT_NOTE,
         REQUIREMENT_MET},
        {{"one sector", .params = &tiny, .mutate = gpt}, "no partition table", REQUIREMENT_NOTE, REQUIREMENT_MET},
        {{"two sectors", .params = &two_sectors, .mutate = gpt}, "GPT", REQUIREMENT_MET, REQUIREMENT_MET},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made m;
        make(&m, &rows[i].c);
        assert_result(&m, "partition_table", rows[i].table);
        if (strstr(of(&m, "partition_table")->found, rows[i].found) == NULL)
            fail_msg("%s: %s", rows[i].c.name, of(&m, "partition_table")->found);
        assert_result(&m, "system_disk_size", rows[i].system);
        case_close(&m.run);
    }
}

/* ---- what the image is ---- */

static void dirty(struct img *img)
{
    img_make_dirty(img, NULL, 0);
}

static void log_without_entry(struct img *img)
{
    img_log_begin(img, 0, 1);
}

static void no_sector_size(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE);
}

static void no_disk_size(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
}

static void no_file_parameters(struct img *img)
{
    img_metadata_remove(img, KNOWN_ITEM_FILE_PARAMETERS);
}

static void unreadable_bat(struct scene *s)
{
    s->bad_off = s->img->bat_off;
    s->bad_len = 4096;
}

static void what_the_image_is(void **state)
{
    (void)state;
    static const struct img_params fixed = {.type = IMG_FIXED}, child = {.type = IMG_DIFFERENCING};
    static const struct {
        struct test_case c;
        const char *id;
        enum requirement_result want;
    } rows[] = {
        {{.name = "format"}, "format", REQUIREMENT_CONVERT},
        {{.name = "sound"}, "sound", REQUIREMENT_MET},
        {{"error", .mutate = log_without_entry}, "sound", REQUIREMENT_UNMET},
        {{"unreadable BAT", .damage = unreadable_bat}, "sound", REQUIREMENT_UNKNOWN},
        {{.name = "dynamic"}, "type", REQUIREMENT_CONVERT},
        {{"fixed", .params = &fixed}, "type", REQUIREMENT_MET},
        {{"child", .params = &child}, "type", REQUIREMENT_UNMET},
        {{"no type", .mutate = no_file_parameters}, "type", REQUIREMENT_UNKNOWN},
        {{.name = "empty log"}, "log", REQUIREMENT_MET},
        {{"dirty log", .mutate = dirty}, "log", REQUIREMENT_CONVERT},
        {{"invalid log", .mutate = log_without_entry}, "log", REQUIREMENT_UNMET},
        {{.name = "512"}, "logical_sector_size", REQUIREMENT_MET},
        {{"4096", .params = &one_block_of_4096}, "logical_sector_size", REQUIREMENT_UNMET},
        {{"no sector size", .mutate = no_sector_size}, "logical_sector_size", REQUIREMENT_UNKNOWN},
        {{"no size", .mutate = no_disk_size}, "virtual_size_least", REQUIREMENT_UNKNOWN},
        {{"no size", .mutate = no_disk_size}, "system_disk_size", REQUIREMENT_UNKNOWN},
        {{"no table", .mutate = no_disk_size}, "partition_table", REQUIREMENT_NOTE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made m;
        make(&m, &rows[i].c);
        assert_result(&m, rows[i].id, rows[i].want);
        case_close(&m.run);
    }
}

/* Time may be over before the disk's first sectors are read; then there is no profile. */
static void time_that_is_over_is_told(void **state)
{
    (void)state;
    struct case_run r;
    struct profile p;
    case_open(&(const struct test_case){.name = "time", .params = &one_block, .mutate = gpt}, false, &r);
    r.image->file->deadline_ns = 1;
    assert_int_equal(profile_make(r.arena, PROFILE_AZURE, r.result, &p), STATUS_LIMIT);
    case_close(&r);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_on_both_sides_of_each_limit),
        cmocka_unit_test(a_size_between_two_mib_is_told_the_next),
        cmocka_unit_test(partition_tables),
        cmocka_unit_test(what_the_image_is),
        cmocka_unit_test(time_that_is_over_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
