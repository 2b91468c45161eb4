/* SPDX-License-Identifier: MIT */
/* Seeds put together by hand: signatures of content, sets of files by their facts, and changes of a stage. */
#include <stdio.h>
#include <string.h>

#include "fuzz/make_seeds.h"

/* ---- content; fuzz_content.c ---- */

/* Pieces of a block: offset, length, bytes. */
struct content_piece {
    uint32_t off;
    uint8_t len;
    const char *bytes;
};
enum { PIECES_MAX = 6, BLOCK_LEN = 68 * 1024 };

#define PIECE(off, literal)                                                                                            \
    {                                                                                                                  \
        off, sizeof(literal) - 1, literal                                                                              \
    }
#define BOOT_MARK PIECE(510, "\x55\xaa")

static const struct content_piece contents[][PIECES_MAX] = {
    /* BIOS parameter blocks: right, and each field wrong in turn. */
    {PIECE(11, "\0\2\10\1\0\2"), PIECE(21, "\xf8"), PIECE(54, "FAT16   "), BOOT_MARK},
    {PIECE(11, "\0\2\10\1\0\2"), PIECE(21, "\xf0"), PIECE(82, "FAT32   "), BOOT_MARK},
    {PIECE(11, "\0\2\10\1\0\2"), PIECE(21, "\xf1"), PIECE(54, "FAT12   "), BOOT_MARK},
    {PIECE(11, "\0\2\10\1\0\5"), PIECE(21, "\xf8"), PIECE(54, "FAT12   "), BOOT_MARK},
    {PIECE(11, "\0\2\10\1\0\0"), PIECE(21, "\xf8"), PIECE(54, "FAT     "), BOOT_MARK},
    {PIECE(11, "\0\2\10\0\0\2"), PIECE(21, "\xf8"), PIECE(54, "FAT     "), BOOT_MARK},
    {PIECE(11, "\0\2\3\1\0\2"), PIECE(21, "\xf8"), PIECE(54, "FAT     "), BOOT_MARK},
    {PIECE(11, "\0\1\10\1\0\2"), PIECE(21, "\xf8"), PIECE(54, "FAT16   "), BOOT_MARK},
    {PIECE(11, "\0\x20\10\1\0\2"), PIECE(21, "\xf8"), PIECE(54, "FAT16   "), BOOT_MARK},
    {PIECE(11, "\0\3\10\1\0\2"), PIECE(21, "\xf8"), PIECE(54, "FAT16   "), BOOT_MARK},
    {PIECE(11, "\0\2\10\1\0\2"), PIECE(21, "\xf8"), PIECE(54, "FAT16   ")},
    /* ext: 2, 3, 4 by either feature, a journal of its own, and no superblock at all. */
    {PIECE(1024, "\1\0\0\0\1"), PIECE(1080, "\x53\xef")},
    {PIECE(1024, "\1\0\0\0\1"), PIECE(1080, "\x53\xef"), PIECE(1116, "\4")},
    {PIECE(1024, "\1\0\0\0\1"), PIECE(1080, "\x53\xef"), PIECE(1116, "\4\0\0\0\x40")},
    {PIECE(1024, "\1\0\0\0\1"), PIECE(1080, "\x53\xef"), PIECE(1116, "\4\0\0\0\2\0\0\0\x10")},
    {PIECE(1024, "\1\0\0\0\1"), PIECE(1080, "\x53\xef"), PIECE(1116, "\0\0\0\0\10")},
    {PIECE(1024, "\1\0\0\0\1"), PIECE(1080, "\x53\xef"), PIECE(1100, "\2")},
    {PIECE(1024, "\1\0\0\0\1"), PIECE(1080, "\x53\xef"), PIECE(1048, "\7")},
    {PIECE(1024, "\1"), PIECE(1080, "\x53\xef")},
    {PIECE(1080, "\x53\xef")},
    {PIECE(0, "XFSB\0\0\x10\0")},
    {PIECE(0, "XFSB\0\0\1\0")},
    {PIECE(0, "XFSB\0\4\0\0")},
    {PIECE(0, "XFSB\0\0\x10\1")},
    {PIECE(1024, "H+\0\4")},
    {PIECE(1024, "HX\0\5")},
    {PIECE(1024, "HX\0\6")},
    {PIECE(0, "\xfc\x4e\x2b\xa9\1")},
    {PIECE(4096, "\xfc\x4e\x2b\xa9\1")},
    {PIECE(4096, "\xfc\x4e\x2b\xa9\2")},
    {PIECE(512, "LABELONE"), PIECE(536, "LVM2 001")},
    {PIECE(0, "LABELONE"), PIECE(24, "LVM1 001")},
    {PIECE(446, "\x80\0\0\0\7\0\0\0\1\0\0\0\1"), BOOT_MARK},
    {PIECE(446, "\x80\0\0\0\7\0\0\0\1"), BOOT_MARK},
    {PIECE(446, "\x80\0\0\0\7"), BOOT_MARK},
    {PIECE(446, "\x81"), BOOT_MARK},
    {BOOT_MARK},
    {PIECE(0, "FILE\x30\0\3")},
    {PIECE(0, "FILE\x10\0\3")},
    {PIECE(0, "INDX\x50\0\3")},
    {PIECE(0, "RCRD\x28\0\1")},
    {PIECE(0, "FILE\x28\0\xff")},
    {PIECE(0, "\x1f\x8b\10\0\0\0\0\0\2\xff")},
    {PIECE(0, "\x1f\x8b\10\0\0\0\0\0\4\3")},
    {PIECE(0, "\x1f\x8b\10\0\0\0\0\0\0\x20")},
    {PIECE(0, "\x1f\x8b\10\0\0\0\0\0\3")},
    {PIECE(0, "\x1f\x8b\10\xe0")},
    {PIECE(0, "BZh91AY&SY")},
    {PIECE(0, "BZh91AX&SY")},
    {PIECE(0, "BZh0")},
    {PIECE(0, "BZhz")},
    {PIECE(0, "PK\3\4\x14"), PIECE(26, "\5")},
    {PIECE(0, "PK\3\4\x14")},
    {PIECE(0, "PK\3\4\xff"), PIECE(26, "\5")},
    {PIECE(0, "\xff\xd8\xff\xe0")},
    {PIECE(0, "\xff\xd8\xff\xdb")},
    {PIECE(0, "\xff\xd8\xff\xfe")},
    {PIECE(0, "\xff\xd8\xff\xf5")},
    {PIECE(0, "head"), PIECE(66, "\1\0\0\0\x10")},
    {PIECE(0, "head"), PIECE(66, "\1\0\1")},
    {PIECE(0, "regi\0\0\0\0\xff\xff")},
    {PIECE(0, "loge\0\0\0\0\0\x10"), PIECE(12, "\0\x10")},
    {PIECE(0, "loge\0\0\0\0\0\x10"), PIECE(12, "\1\x10")},
    {PIECE(0, "loge\0\0\0\0\1\x10")},
    {PIECE(3, "ReFS\0\0\0\0"), PIECE(16, "FSRS")},
    {PIECE(0, "MZ"), PIECE(60, "\x80"), PIECE(128, "PE\0\0")},
    {PIECE(0, "\177ELF\2\1\1")},
    {PIECE(0, "\177ELF\2\3\1")},
};

static void seeds_of_content(void)
{
    char name[NAME_SIZE];

    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        struct input in = {.len = 0};
        add_number(&in, BLOCK_LEN, 3);
        for (unsigned k = 0; k < PIECES_MAX && contents[i][k].len > 0; k++) {
            add_number(&in, contents[i][k].off, 3);
            add_number(&in, contents[i][k].len, 1);
            add(&in, contents[i][k].bytes, contents[i][k].len);
        }
        (void)snprintf(name, sizeof(name), "signature-%zu", i);
        emit_input("content", name, &in);
    }
}

/* ---- sets of files; fuzz_chain_set.c has the bits ---- */

enum {
    BASE = 1 | 4 | 8 | 16,
    CHILD = 3 | 4 | 8 | 16 | 64,
    SECOND = 128,
    OTHER = 32,
    UNSHOWN = 4,
    STEP_ALL = 16 | 32 | 64,
    STEP_PLACE = 64,
};

struct set_file {
    uint8_t facts, more, guid, linkage, other, place, names, again;
};
enum { SET_FILES = 5, WITH_NAMED = 1 | 5 << 2 };

static const struct {
    uint8_t how;
    struct set_file files[SET_FILES];
} sets[] = {
    {0, {{BASE, 2, 1, 0, 9, 1, 0, 0}, {CHILD, 2, 2, 1, 9, 2, 8, 0}}},
    {0, {{BASE, 6, 1, 0, 9, 1, 0, 0}, {CHILD, 2, 2, 1, 9, 2, 8, 0}}},
    {0, {{BASE, 0, 1, 0, 9, 1, 0, 0}, {CHILD | SECOND, 0, 2, 7, 1, 2, 8, 0}}},
    {0, {{BASE, 0, 1, 0, 9, 1, 0, 0}, {CHILD | SECOND, 128, 2, 7, 1, 2, 8, 0}}},
    /* One behind the other, more than a chain may have; all copies of one; all the same file. */
    {0, {{CHILD, STEP_ALL, 1, 2, 0, 0, 0, 200}, {CHILD | OTHER, STEP_ALL, 255, 0, 0, 0, 0, 0}}},
    {0, {{CHILD - UNSHOWN, STEP_ALL, 0, 1, 0, 0, 0, 200}, {CHILD, STEP_ALL, 200, 201, 0, 0, 0, 255}}},
    {0,
     {{BASE, STEP_PLACE, 1, 0, 0, 0, 0, 255},
      {BASE - 8, 0, 1, 0, 0, 0, 1, 255},
      {BASE - 8, 0, 1, 0, 0, 0, 2, 255},
      {CHILD, 0, 2, 1, 0, 99, 16, 0}}},
    {0, {{BASE, 0, 1, 0, 0, 1, 0, 3}, {BASE - UNSHOWN, 0, 1, 0, 0, 65, 0, 3}, {BASE - UNSHOWN, 0, 1, 0, 0, 1, 0, 1}}},
    {0, {{BASE - UNSHOWN, 0, 1, 0, 0, 1, 0, 0}, {BASE, 0, 1, 0, 0, 1, 0, 0}, {BASE, 0, 1, 0, 0, 200, 0, 0}}},
    /* Cycles: of two, of itself, and one that leads into another. */
    {0,
     {{CHILD, 0, 1, 2, 9, 1, 8, 0},
      {CHILD, 0, 2, 1, 9, 2, 8, 0},
      {CHILD, 0, 3, 1, 9, 3, 8, 0},
      {CHILD, 0, 4, 3, 0, 4, 0, 0}}},
    {0, {{CHILD, 0, 1, 1, 9, 1, 0, 0}}},
    /* By name: another file, one that cannot be read, the older header, the FileWriteGuid, the disk's id. */
    {0, {{BASE, 0, 1, 0, 9, 1, 0, 0}, {CHILD, 0, 2, 77, 9, 2, 8 | 4, 0}}},
    {0, {{4, 8, 1, 0, 9, 1, 0, 0}, {CHILD, 0, 2, 77, 9, 2, 8 | 4, 0}}},
    {0, {{BASE | OTHER, 0, 1, 0, 9, 1, 0, 0}, {CHILD, 0, 2, 9, 30, 2, 8 | 4, 0}}},
    {0, {{BASE, 0, 1, 0, 9, 1, 0, 0}, {CHILD, 0, 2, 10, 30, 2, 8 | 4, 0}}},
    {0, {{BASE, 1, 1, 0, 9, 1, 0, 0}, {CHILD | SECOND, 0, 2, 40, 11, 2, 8 | 4, 0}}},
    {0, {{BASE, 1, 1, 0, 9, 1, 0, 0}, {CHILD - 64, 0, 2, 40, 11, 2, 8 | 4, 0}}},
    {0, {{BASE, 0, 1, 0, 9, 1, 7, 0}, {CHILD, 0, 2, 40, 11, 2, 6 << 3 | 4, 0}}},
    /* Only the file itself has the name; nobody has; copies of which one is named. */
    {0, {{CHILD, 0, 2, 77, 9, 2, 8, 0}}},
    {0, {{CHILD, 0, 2, 77, 9, 2, 32 | 4, 0}}},
    {0,
     {{BASE, 0, 1, 0, 9, 1, 4, 0},
      {BASE, 0, 1, 0, 9, 2, 0, 0},
      {BASE, 0, 1, 0, 9, 3, 0, 0},
      {CHILD, 0, 2, 1, 9, 4, 8 | 4, 0}}},
    {0, {{BASE, 0, 1, 0, 9, 1, 0, 0}, {BASE, 0, 1, 0, 9, 2, 4, 0}, {CHILD, 0, 2, 1, 9, 4, 8 | 4, 0}}},
    /* Named by the user: where nothing fits, where something does, the first file no child. */
    {WITH_NAMED, {{CHILD, 0, 2, 77, 9, 2, 32 | 4, 0}, {BASE, 0, 5, 0, 9, 3, 0, 0}, {BASE, 0, 6, 0, 9, 3, 0, 0}}},
    {WITH_NAMED | 2, {{CHILD, 0, 2, 5, 9, 2, 32 | 4, 0}, {BASE, 0, 5, 0, 9, 3, 0, 0}, {BASE, 0, 6, 0, 9, 4, 0, 0}}},
    {WITH_NAMED | 2,
     {{CHILD, 0, 2, 5, 9, 2, 32 | 4, 0}, {CHILD, 0, 5, 70, 9, 3, 32 | 4, 0}, {BASE, 0, 6, 0, 9, 4, 0, 0}}},
    {WITH_NAMED, {{BASE, 0, 2, 5, 9, 2, 32 | 4, 0}, {BASE, 0, 5, 0, 9, 3, 0, 0}}},
    {WITH_NAMED, {{0}}},
};

static void seeds_of_sets(void)
{
    enum { FAILING_FIRST = 41, FAILING_END = 64 };
    char name[NAME_SIZE];

    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        for (unsigned failing = FAILING_FIRST - 1; failing < (i == 0 ? FAILING_END : FAILING_FIRST); failing++) {
            struct input in = {.len = 0};
            add_number(&in, failing >= FAILING_FIRST ? failing << 2 : sets[i].how, 1);
            for (unsigned k = 0; k < SET_FILES && (k == 0 || sets[i].files[k].facts != 0); k++)
                add(&in, &sets[i].files[k], i + 1 < sizeof(sets) / sizeof(sets[0]) ? sizeof(sets[i].files[k]) : 0);
            (void)snprintf(name, sizeof(name), "set-%zu-%u", i, failing);
            emit_input("chain_set", name, &in);
        }
}

/* ---- stages; fuzz_stage.c ---- */

static void seeds_of_stages(void)
{
    enum { OPERATIONS = 7, OFFSETS = 4, MEMORIES = 5 };
    static const uint16_t offsets[OFFSETS] = {0, 100, 2048, 8000}, memories[MEMORIES] = {65535, 2, 20, 60, 300};
    char name[NAME_SIZE];

    for (unsigned i = 0; i < OPERATIONS * OPERATIONS * OFFSETS * MEMORIES; i++) {
        unsigned op = i % OPERATIONS, second = i / OPERATIONS % OPERATIONS, at = i / (OPERATIONS * OPERATIONS);
        struct input in = {.len = 0};
        add_number(&in, i % 3 ? 255 : i % 2, 1);
        add_number(&in, memories[at / OFFSETS], 2);
        for (unsigned k = 0; k < 4; k++) {
            add_number(&in, k % 2 ? second : op, 1);
            add_number(&in, offsets[(at + k) % OFFSETS] + k * 3, 2);
            add_number(&in, k == 3 ? 8000 : 40 * k + 9, 2);
        }
        (void)snprintf(name, sizeof(name), "stage-%u", i);
        emit_input("stage", name, &in);
    }
}

/* ---- reading ahead; fuzz_ahead.c ---- */

/* Windows of several lengths one behind the other, up to the end that is told, and what ends a plan in its midst. */
static void seeds_of_reading_ahead(void)
{
    static const uint16_t lengths[] = {2, 7, 8, 15, 63, 127, 255, 300};
    enum {
        LENGTHS = sizeof(lengths) / sizeof(lengths[0]),
        READ = 0,
        JUMP = 1,
        LENGTH = 2,
        FORGET = 3,
        ENDS = 5,
        OFTEN = 4
    };
    static const uint8_t ends[ENDS] = {READ, JUMP, LENGTH, FORGET | 1 << 2, FORGET | 2 << 2};
    char name[NAME_SIZE];

    for (unsigned i = 0; i < LENGTHS * ENDS * 4; i++) {
        struct input in = {.len = 0};
        add_number(&in, i / (LENGTHS * ENDS) * 7, 1);
        add_number(&in, LENGTH, 1);
        add_number(&in, lengths[i % LENGTHS], 2);
        for (unsigned k = 0; k < 3; k++) {
            add_number(&in, READ | (i % 2 ? 12 : 40) * OFTEN, 1);
            add_number(&in, 0, 2);
            add_number(&in, ends[i / LENGTHS % ENDS], 1);
            add_number(&in, k * 16, 2);
        }
        add_number(&in, READ | 63 * OFTEN, 1);
        (void)snprintf(name, sizeof(name), "ahead-%u", i);
        emit_input("ahead", name, &in);
    }
}

void seeds_by_hand(void)
{
    seeds_of_reading_ahead();
    seeds_of_content();
    seeds_of_sets();
    seeds_of_stages();
}
