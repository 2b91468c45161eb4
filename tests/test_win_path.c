/* SPDX-License-Identifier: MIT */
/* Windows paths by what they are, from Microsoft's "Naming Files, Paths, and Namespaces"; texts that end anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check/win_path.h"

enum {
    VERBATIM = 1,
    DEVICE = 2,
    DRIVE = 4,
    NETWORK = 8,
    VOLUME = 16,
    ROOTED = 32,
    PARENT = 64,
    RESERVED = 128,
    STREAM = 256,
    LEAVES = DEVICE | DRIVE | NETWORK | VOLUME | ROOTED | PARENT,
};

static unsigned traits(const struct win_path *w)
{
    return (w->verbatim ? VERBATIM : 0) | (w->device ? DEVICE : 0) | (w->drive ? DRIVE : 0) |
           (w->network ? NETWORK : 0) | (w->volume ? VOLUME : 0) | (w->rooted ? ROOTED : 0) |
           (w->parent_dir ? PARENT : 0) | (w->reserved_name ? RESERVED : 0) | (w->stream ? STREAM : 0);
}

#define VOLUME_0 "\\\\?\\Volume{01234567-89ab-CDEF-0123-456789abcdef}"

static const struct {
    const char *path;
    unsigned traits;
    const char *file_name;
} cases[] = {
    {"", 0, ""},
    {"parent.vhdx", 0, "parent.vhdx"},
    {".\\parent.vhdx", 0, "parent.vhdx"},
    {"..\\parent.vhdx", PARENT, "parent.vhdx"},
    {"a/../parent.vhdx", PARENT, "parent.vhdx"},
    {".x\\a.", 0, "a."},
    {"disks\\", 0, ""},
    {"C:\\disks\\parent.vhdx", DRIVE, "parent.vhdx"},
    {"z:parent.vhdx", DRIVE, "parent.vhdx"},
    {"C:", DRIVE, ""},
    {"{:x", STREAM, "{:x"},
    {"@:x", STREAM, "@:x"},
    {"1:x", STREAM, "1:x"},
    {"C", 0, "C"},
    {"\\parent.vhdx", ROOTED, "parent.vhdx"},
    {"/parent.vhdx", ROOTED, "parent.vhdx"},
    {"\\", ROOTED, ""},
    {"/", ROOTED, ""},
    {"a", 0, "a"},
    {"..", PARENT, ".."},
    {".", 0, "."},
    {"\\\\", NETWORK, ""},
    {" ", 0, " "},
    {"a\\ \\b", 0, "b"},
    {":", STREAM, ":"},
    {"\\\\host\\share\\parent.vhdx", NETWORK, "parent.vhdx"},
    {"//host/share/parent.vhdx", NETWORK, "parent.vhdx"},
    {"\\\\?\\C:\\parent.vhdx", VERBATIM | DRIVE, "parent.vhdx"},
    {"\\\\?\\C:", VERBATIM | DEVICE | STREAM, "C:"},
    {"\\\\?\\C:parent.vhdx", VERBATIM | DEVICE | STREAM, "C:parent.vhdx"},
    {"\\\\?\\unc\\host\\share\\parent.vhdx", VERBATIM | NETWORK, "parent.vhdx"},
    {"\\\\?\\GLOBALROOT\\x", VERBATIM | DEVICE, "x"},
    {"\\\\?\\", VERBATIM | DEVICE, ""},
    {VOLUME_0 "\\parent.vhdx", VERBATIM | VOLUME, "parent.vhdx"},
    {VOLUME_0, VERBATIM | VOLUME, ""},
    {VOLUME_0 "x", VERBATIM | DEVICE, "Volume{01234567-89ab-CDEF-0123-456789abcdef}x"},
    {"\\\\?\\Volume{01234567-89ab-CDEF-0123-456789abcde}}\\x", VERBATIM | DEVICE, "x"},
    {"\\\\?\\Volume{g1234567-89ab-CDEF-0123-456789abcdef}\\x", VERBATIM | DEVICE, "x"},
    {"\\\\?\\Volume{01234567+89ab-CDEF-0123-456789abcdef}\\x", VERBATIM | DEVICE, "x"},
    {"\\\\?\\Volume{01234567-89ab-CDEG-0123-456789abcdef}\\x", VERBATIM | DEVICE, "x"},
    {"\\\\?\\Volume{01234567-89ab-cde`-0123-456789abcdef}\\x", VERBATIM | DEVICE, "x"},
    {"\\\\?\\Volume{01234567-89ab-CDEF-0123-456789abcdef)\\x", VERBATIM | DEVICE, "x"},
    {"\\\\?\\Volume{0123456", VERBATIM | DEVICE, "Volume{0123456"},
    {"\\\\.\\PhysicalDrive0", DEVICE, "PhysicalDrive0"},
    {"\\??\\C:\\parent.vhdx", DEVICE | STREAM, "parent.vhdx"},
    {"NUL", RESERVED, "NUL"},
    {"a\\nul.vhdx", RESERVED, "nul.vhdx"},
    {"con .txt", RESERVED, "con .txt"},
    {"CONIN$", RESERVED, "CONIN$"},
    {"CONE", 0, "CONE"},
    {"com1", RESERVED, "com1"},
    {"COM9.x", RESERVED, "COM9.x"},
    {"DISK", 0, "DISK"},
    {"DSK1", 0, "DSK1"},
    {"COP1", 0, "COP1"},
    {"DSK\xc2\xb9", 0, "DSK\xc2\xb9"},
    {"LPT0", RESERVED, "LPT0"},
    {"LPT\xc2\xb2.vhdx", RESERVED, "LPT\xc2\xb2.vhdx"},
    {"COM\xc2\xb9", RESERVED, "COM\xc2\xb9"},
    {"COM\xc2\xb4", 0, "COM\xc2\xb4"},
    {"COM\xc3\xb9", 0, "COM\xc3\xb9"},
    {"COM/", 0, ""},
    {"COM:", STREAM, "COM:"},
    {"COM!", 0, "COM!"},
    {"COMX", 0, "COMX"},
    {"COM10", 0, "COM10"},
    {"COM\xc2\xb3", RESERVED, "COM\xc2\xb3"},
    {"COM\xc2\xb3x", 0, "COM\xc2\xb3x"},
    {"COMPUTER", 0, "COMPUTER"},
    {"parent.vhdx:stream", STREAM, "parent.vhdx:stream"},
    {"AUX:x", RESERVED | STREAM, "AUX:x"},
};

static void paths_are_what_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct win_path w = win_path_parse(cases[i].path, strlen(cases[i].path));
        if (traits(&w) != cases[i].traits)
            fail_msg("%s: 0x%x, expected 0x%x", cases[i].path, traits(&w), cases[i].traits);
        assert_int_equal(w.file_name_len, strlen(cases[i].file_name));
        assert_memory_equal(w.file_name, cases[i].file_name, w.file_name_len);
        assert_int_equal(win_path_leaves(&w), (cases[i].traits & LEAVES) != 0);
    }
}

/* Texts are not terminated, and end anywhere. */
static void paths_may_be_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t len = 0; len <= strlen(cases[i].path); len++) {
            char *exact = malloc(len + 1); /* a read behind it is seen by the sanitizer */
            assert_non_null(exact);
            char *start = exact + 1, *end = start + len; /* the block ends with the text */
            memcpy(start, cases[i].path, len);
            struct win_path w = win_path_parse(start, len);
            assert_true(w.file_name >= start && w.file_name + w.file_name_len == end);
            free(exact);
        }
    }
}

static void names_are_equal_but_for_case(void **state)
{
    (void)state;
    assert_true(win_name_equal("Parent.VHDX", 11, "parent.vhdx", 11));
    assert_false(win_name_equal("parent.vhdx", 11, "parent.vhd", 10));
    assert_false(win_name_equal("parent.vhdx", 11, "parent.vhdy", 11));
    assert_true(win_name_equal("", 0, "", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_what_they_are),
        cmocka_unit_test(paths_may_be_cut),
        cmocka_unit_test(names_are_equal_but_for_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
