/* SPDX-License-Identifier: MIT */
/*
 * Guesses at content. Whether real file systems are recognised is asked of those who make them (oracle/carve_blkid.py);
 * here it is the other side: what misses its second sign, what is cut, what is arbitrary.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/le.h"
#include "image/content.h"

static uint8_t bytes[CONTENT_LOOK];

struct patch {
    uint32_t off, len;
    const char *bytes;
};
enum { PATCHES = 5 };

struct content_case {
    const char *key; /* NULL: nothing is recognised */
    struct patch patches[PATCHES];
};

#define AT(at, literal)                                                                                                \
    {                                                                                                                  \
        at, sizeof(literal) - 1, literal                                                                               \
    }

static const struct content_case cases[] = {
    {"vhdx", {AT(0, "vhdxfile")}},
    {"vhdx_metadata", {AT(0, "metadata")}},
    {"vhdx_header", {AT(0, "head"), AT(66, "\1\0")}},
    {NULL, {AT(0, "head"), AT(66, "\1\0"), AT(68, "\1")}}, /* LogLength is no number of MiB */
    {NULL, {AT(0, "head lines of the news")}},
    {"vhdx_log", {AT(0, "loge"), AT(8, "\0\x20\0\0")}},
    {"vhdx_log", {AT(0, "loge"), AT(8, "\0\x10\0\0")}},
    {NULL, {AT(0, "loge")}}, /* an entry has a sector at least */
    {NULL, {AT(0, "loge"), AT(8, "\0\x21\0\0")}},
    {"ntfs", {AT(3, "NTFS    "), AT(510, "\x55\xaa")}},
    {NULL, {AT(3, "NTFS    ")}},
    {"refs", {AT(3, "ReFS\0\0\0\0"), AT(16, "FSRS\1\2")}}, /* a length follows */
    {NULL, {AT(3, "ReFS\0\0\0\0")}},
    {"fat32", {AT(82, "FAT32   "), AT(11, "\0\2\1\1\0\1"), AT(21, "\xf8"), AT(510, "\x55\xaa")}},
    {NULL, {AT(82, "FAT32   "), AT(11, "\0\2\3\1\0\1"), AT(21, "\xf8"), AT(510, "\x55\xaa")}}, /* 3 sectors a cluster */
    {"mbr", {AT(446, "\x80"), AT(450, "\x07"), AT(454, "\1"), AT(458, "\1"), AT(510, "\x55\xaa")}},
    {NULL, {AT(446, "\x81"), AT(450, "\x07"), AT(454, "\1"), AT(458, "\1"), AT(510, "\x55\xaa")}},
    {NULL, {AT(510, "\x55\xaa")}}, /* an empty table, or the end of any boot sector */
    {"gpt", {AT(510, "\x55\xaa"), AT(450, "\xee"), AT(454, "\1"), AT(458, "\1"), AT(512, "EFI PART")}},
    {"ext2", {AT(1024, "\1"), AT(1028, "\1"), AT(1080, "\x53\xef")}},
    {"ext3", {AT(1024, "\1"), AT(1028, "\1"), AT(1080, "\x53\xef"), AT(1116, "\4")}},
    {"ext4", {AT(1024, "\1"), AT(1028, "\1"), AT(1080, "\x53\xef"), AT(1116, "\4"), AT(1120, "\x40")}},
    {NULL, {AT(1024, "\1"), AT(1028, "\1"), AT(1080, "\x53\xef"), AT(1120, "\x08")}}, /* an external journal */
    {NULL, {AT(1080, "\x53\xef")}},
    {"xfs", {AT(0, "XFSB\0\0\x10\0")}},
    {NULL, {AT(0, "XFSB\0\0\x11\0")}},
    {NULL, {AT(0, "XFSB\0\0\1\0")}},
    {"xfs", {AT(0, "XFSB\0\0\2\0")}},
    {"xfs", {AT(0, "XFSB\0\1\0\0")}},
    {NULL, {AT(0, "XFSB\0\2\0\0")}},
    {"btrfs", {AT(65600, "_BHRfS_M")}},
    {"swap", {AT(4086, "SWAPSPACE2")}},
    {"lvm2", {AT(512, "LABELONE"), AT(536, "LVM2 001")}},
    {NULL, {AT(512, "LABELONE")}},
    {"iso9660", {AT(32769, "CD001"), AT(446, "\x80"), AT(450, "\x17"), AT(458, "\1"), AT(510, "\x55\xaa")}},
    {"ntfs_mft", {AT(0, "FILE\x30\0\3\0")}},
    {NULL, {AT(0, "FILE not found")}},
    {"gzip", {AT(0, "\x1f\x8b\x08\0\0\0\0\0\0\3")}},
    {NULL, {AT(0, "\x1f\x8b\x08\xff\0\0\0\0\0\3")}},
    {"zip", {AT(0, "PK\3\4\x14\0"), AT(26, "\4\0name")}},
    {"zip", {AT(0, "PK\3\4\x14\0"), AT(26, "\1\0\0")}}, /* a name of one byte */
    {NULL, {AT(0, "PK\3\4\xff\xff")}},
    {"pe", {AT(0, "MZ"), AT(60, "\x80"), AT(128, "PE\0\0")}},
    {NULL, {AT(0, "MZ"), AT(60, "\x80\0\0\xff"), AT(128, "PE\0\0")}}, /* points out of sight */

    /* Each second sign alone is wrong, or just right. */
    {NULL, {AT(0, "loge"), AT(8, "\0\x20\0\0"), AT(12, "\1")}},
    {"fat16", {AT(54, "FAT16   "), AT(11, "\0\x10\x80\1\0\4"), AT(21, "\xf0"), AT(510, "\x55\xaa")}},
    {"fat12", {AT(54, "FAT12   "), AT(11, "\0\2\1\1\0\2"), AT(21, "\xff"), AT(510, "\x55\xaa")}},
    {NULL, {AT(54, "FAT16   "), AT(11, "\0\3\1\1\0\1"), AT(21, "\xf8"), AT(510, "\x55\xaa")}},   /* sectors of 768 */
    {NULL, {AT(54, "FAT16   "), AT(11, "\0\1\1\1\0\1"), AT(21, "\xf8"), AT(510, "\x55\xaa")}},   /* of 256 */
    {NULL, {AT(54, "FAT16   "), AT(11, "\0\x20\1\1\0\1"), AT(21, "\xf8"), AT(510, "\x55\xaa")}}, /* of 8192 */
    {NULL, {AT(54, "FAT16   "), AT(11, "\0\2\1\0\0\1"), AT(21, "\xf8"), AT(510, "\x55\xaa")}},   /* no boot sector */
    {NULL, {AT(54, "FAT16   "), AT(11, "\0\2\1\1\0\0"), AT(21, "\xf8"), AT(510, "\x55\xaa")}},   /* no table */
    {NULL, {AT(54, "FAT16   "), AT(11, "\0\2\1\1\0\5"), AT(21, "\xf8"), AT(510, "\x55\xaa")}},   /* five */
    {NULL, {AT(54, "FAT16   "), AT(11, "\0\2\1\1\0\1"), AT(21, "\xf7"), AT(510, "\x55\xaa")}},   /* no such medium */
    {"ext4", {AT(1024, "\1"), AT(1028, "\1"), AT(1080, "\x53\xef"), AT(1124, "\x8")}},           /* huge files */
    {"ext2", {AT(1024, "\1"), AT(1028, "\1"), AT(1048, "\6"), AT(1080, "\x53\xef"), AT(1100, "\1")}},
    {NULL, {AT(1024, "\1"), AT(1080, "\x53\xef")}},                                 /* no blocks */
    {NULL, {AT(1028, "\1"), AT(1080, "\x53\xef")}},                                 /* no inodes */
    {NULL, {AT(1024, "\1"), AT(1028, "\1"), AT(1048, "\7"), AT(1080, "\x53\xef")}}, /* blocks of 128 KiB */
    {NULL, {AT(1024, "\1"), AT(1028, "\1"), AT(1080, "\x53\xef"), AT(1100, "\2")}}, /* revision 2 */
    {"hfsplus", {AT(1024, "H+\0\4")}},
    {"hfsplus", {AT(1024, "HX\0\5")}},
    {NULL, {AT(1024, "H+\0\3")}},
    {"linux_raid", {AT(0, "\xfc\x4e\x2b\xa9\1")}},
    {"linux_raid", {AT(4096, "\xfc\x4e\x2b\xa9\1")}},
    {NULL, {AT(0, "\xfc\x4e\x2b\xa9\2")}},
    {"mbr", {AT(450, "\x07"), AT(454, "\1"), AT(458, "\1"), AT(510, "\x55\xaa")}},
    {NULL, {AT(450, "\x07"), AT(454, "\1"), AT(510, "\x55\xaa")}}, /* a partition of no sectors */
    {NULL, {AT(450, "\x07"), AT(458, "\1"), AT(510, "\x55\xaa")}}, /* over the table itself */
    {"ntfs_index", {AT(0, "INDX\x28\0\x09\0")}},
    {NULL, {AT(0, "INDX\x27\0\x09\0")}},
    {NULL, {AT(0, "INDX\x41\0\x09\0")}},
    {NULL, {AT(0, "INDX\x28\0\1\0")}},
    {"ntfs_index", {AT(0, "INDX\x40\0\x81\0")}},
    {NULL, {AT(0, "INDX\x40\0\x82\0")}},
    {"gzip", {AT(0, "\x1f\x8b\x08\x1f\0\0\0\0\2\x0d")}},
    {"gzip", {AT(0, "\x1f\x8b\x08\0\0\0\0\0\4\xff")}},
    {NULL, {AT(0, "\x1f\x8b\x09\0\0\0\0\0\0\3")}},
    {NULL, {AT(0, "\x1f\x8b\x08\0\0\0\0\0\1\3")}},
    {NULL, {AT(0, "\x1f\x8b\x08\0\0\0\0\0\0\x0e")}},
    {"bzip2", {AT(0, "BZh91AY&SY")}},
    {"bzip2", {AT(0, "BZh11AY&SY")}},
    {NULL, {AT(0, "BZh01AY&SY")}},
    {NULL, {AT(0, "BZh:1AY&SY")}},
    {NULL, {AT(0, "BZh9\x17\x72\x45\x38\x50\x90")}}, /* the end of a stream: nothing in it */
    {NULL, {AT(0, "PK\3\4\x14\0")}},                 /* a name without a letter */
    {"jpeg", {AT(0, "\xff\xd8\xff\xe0")}},
    {"jpeg", {AT(0, "\xff\xd8\xff\xef")}},
    {"jpeg", {AT(0, "\xff\xd8\xff\xdb")}},
    {"jpeg", {AT(0, "\xff\xd8\xff\xfe")}},
    {NULL, {AT(0, "\xff\xd8\xff\xdf")}},
    {NULL, {AT(0, "\xff\xd8\xff\xf0")}},
    {"elf", {AT(0, "\177ELF\1\1\1")}},
    {"elf", {AT(0, "\177ELF\2\2\1")}},
    {NULL, {AT(0, "\177ELF\3\1\1")}},
    {NULL, {AT(0, "\177ELF\1\3\1")}},
    {NULL, {AT(0, "\177ELF\1\1\2")}},
};

static void build(const struct content_case *c)
{
    memset(bytes, 0, sizeof(bytes));
    for (size_t i = 0; i < PATCHES; i++)
        if (c->patches[i].len > 0)
            memcpy(bytes + c->patches[i].off, c->patches[i].bytes, c->patches[i].len);
}

static void signatures_and_second_signs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct content_guess g = {.key = NULL};
        build(&cases[i]);
        bool known = content_guess(span_of(bytes, sizeof(bytes)), &g);
        if (known != (cases[i].key != NULL))
            fail_msg("case %zu: %s", i, known ? g.key : "not recognised");
        if (!known)
            continue;
        assert_string_equal(g.key, cases[i].key);
        assert_true(strlen(g.name) > 3 && g.magic_off < CONTENT_LOOK);
        assert_non_null(content_class_name(g.class));
    }
}

/* Spans of any length are looked at as far as they go; what is recognised lies in them. */
static void cut_spans(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        build(&cases[i]);
        for (size_t len = 0; len < 2048; len++) {
            uint8_t *exact = malloc(len + 1); /* a read behind it is seen by the sanitizer */
            struct content_guess g;
            assert_non_null(exact);
            memcpy(exact, bytes, len);
            bool known = content_guess(span_of(exact, len), &g);
            free(exact);
            if (!known)
                continue;
            assert_true(g.magic_off < len);
            if (len % 4 != 0) /* of a number that is cut nothing counts */
                continue;
            struct content_guess with_zeros = {.key = "nothing"}; /* what is not there counts as zeros */
            memset(bytes + len, 0, sizeof(bytes) - len);
            assert_true(content_guess(span_of(bytes, sizeof(bytes)), &with_zeros));
            assert_string_equal(g.key, with_zeros.key);
            build(&cases[i]);
        }
    }
}

/* Of random places hardly any is taken for something. */
static void random_bytes(void **state)
{
    uint64_t x = 88172645463325252ULL, known = 0;
    struct content_guess g;
    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        for (size_t i = 0; i < 4096; i += 8) { /* where the short signatures are */
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            put_le64(bytes + i, x);
        }
        known += content_guess(span_of(bytes, 4096), &g);
    }
    assert_int_equal(known, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_and_second_signs),
        cmocka_unit_test(cut_spans),
        cmocka_unit_test(random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
