/* SPDX-License-Identifier: MIT */
/* What redaction keeps of GUIDs and texts, and what it must not: by hand, and over random bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/le.h"
#include "base/utf16.h"
#include "format/layout.h"
#include "write/redact.h"

/* Not one-way, but it tells GUIDs apart. */
static bool mix(void *ctx, const struct guid *g, uint8_t out[16])
{
    (void)ctx;
    for (int i = 0; i < 16; i++)
        out[i] = (uint8_t)(g->bytes[15 - i] * 7 + i * 31 + 3);
    return true;
}

static bool no_mix(void *ctx, const struct guid *g, uint8_t out[16])
{
    (void)ctx;
    (void)g;
    (void)out;
    return false;
}

static struct redaction begin(struct arena **a)
{
    *a = arena_create(16 << 20);
    assert_non_null(*a);
    return (struct redaction){.arena = *a, .mix = mix};
}

static struct guid guid_of(const char *text)
{
    struct guid g;

    assert_true(guid_parse(text, strlen(text), &g));
    return g;
}

static void guids_keep_what_rules_read(void **state)
{
    static const char *const texts[] = {"83ed0bc3-24c8-49d5-a9e4-73edc888b96f",  /* Microsoft: version 4 */
                                        "c30bed83-c824-d549-a9e4-73edc888b96f",  /* the other byte order */
                                        "26a21bda-a627-11d7-9931-806e6f6e6963"}; /* version 1, of 2003 */
    struct arena *a;
    struct redaction r = begin(&a);

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct guid old = guid_of(texts[i]), new = old, again = old;
        uint64_t ticks, new_ticks;
        uint8_t node[6], new_node[6];

        redact_guid(&r, new.bytes);
        redact_guid(&r, again.bytes);
        assert_false(guid_equal(&old, &new));
        assert_true(guid_equal(&new, &again));
        assert_int_equal(guid_form(&old), guid_form(&new));
        bool timed = guid_time_and_node(&old, &ticks, node);
        assert_int_equal(timed, guid_time_and_node(&new, &new_ticks, new_node));
        if (timed) {
            assert_true(memcmp(node, new_node, 6) != 0);
            assert_int_equal(new_ticks / 10000000 / 86400, 159689); /* days from 1582-10-15 to 2020-01-01 */
            assert_true(new_node[0] & 1);
        }
    }
    assert_int_equal(r.guid_count, 3);
    arena_destroy(a);
}

static void some_guids_stay(void **state)
{
    struct guid g[3] = {*known_guid(KNOWN_REGION_BAT)}, before[3];
    struct arena *a;
    struct redaction r = begin(&a);

    (void)state;
    memset(g[2].bytes, 0x41, 16);
    memcpy(before, g, sizeof(g));
    for (int i = 0; i < 3; i++)
        redact_guid(&r, g[i].bytes);
    assert_memory_equal(before, g, sizeof(g));
    assert_int_equal(r.guid_count, 0);
    arena_destroy(a);
}

/* Many of them, found again at every alignment. */
static void known_guids_are_found_anywhere(void **state)
{
    enum { GUIDS = 500 };
    struct guid old[GUIDS], new[GUIDS];
    uint8_t buf[GUIDS * 17 + 16], want[sizeof(buf)];
    struct arena *a;
    struct redaction r = begin(&a);

    (void)state;
    srand(1);
    memset(buf, 0, sizeof(buf));
    for (int i = 0; i < GUIDS; i++) {
        for (int k = 0; k < 16; k++)
            old[i].bytes[k] = (uint8_t)rand();
        new[i] = old[i];
        redact_guid(&r, new[i].bytes);
    }
    memcpy(want, buf, sizeof(buf));
    for (size_t i = 0; i < GUIDS; i++) {
        memcpy(buf + i * 17 + 1, old[i].bytes, 16);
        memcpy(want + i * 17 + 1, new[i].bytes, 16);
    }
    redact_known_guids(&r, buf, sizeof(buf));
    assert_memory_equal(buf, want, sizeof(buf));
    redact_known_guids(&r, buf, 15);
    assert_int_equal(r.status, STATUS_OK);
    arena_destroy(a);
}

/* ASCII, redacted through UTF-16. */
static const char *text_of(struct redaction *r, const char *text, char *out)
{
    uint8_t units[2 * 256];
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++)
        put_le16(units + 2 * i, (uint16_t)(unsigned char)text[i]);
    redact_text(r, units, 2 * n);
    for (size_t i = 0; i < n; i++)
        out[i] = (char)le16(units + 2 * i);
    out[n] = '\0';
    return out;
}

/* The pattern has '~' where a lower-case letter must have come, '^' for an upper-case one. */
static void assert_form(const char *text, const char *old, const char *pattern)
{
    assert_int_equal(strlen(text), strlen(pattern));
    for (size_t i = 0; pattern[i] != '\0'; i++) {
        const char c = text[i];
        if (pattern[i] == '~' ? c < 'a' || c > 'z' : pattern[i] == '^' ? c < 'A' || c > 'Z' : c != pattern[i])
            fail_msg("%s became %s, not like %s", old, text, pattern);
    }
}

static void texts_keep_their_form(void **state)
{
    static const struct {
        const char *text, *pattern;
    } rows[] = {
        {".\\parent.vhdx", ".\\~~~~~~.vhdx"},
        {"..\\..\\a\\Base Disk.AVHDX", "..\\..\\a\\^~~~ ^~~~.AVHDX"},
        {"C:\\Users\\Jane\\vm.vhdx", "C:\\Users\\^~~~\\~~.vhdx"},
        {"\\\\?\\UNC\\server\\share\\x1.vhd", "\\\\?\\UNC\\~~~~~~\\~~~~~\\~~.vhd"},
        {"\\\\.\\pipe\\abc", "\\\\.\\pipe\\~~~"},
        {"COM1", "COM1"},
        {"lpt9", "lpt9"},
        {"com/", "~~~/"},
        {"com:", "~~~:"},
        {"comx", "~~~~"},
        {"com!", "~~~~"},
        {"COM$", "^^^$"},
        {"a.vhdx:stream:$DATA", "a.vhdx:~~~~~~:$DATA"},
        {"parent_linkage2", "parent_linkage2"},
        {"relative_path.\\xyz.vhdxvolume_path", "relative_path.\\~~~.vhdxvolume_path"},
        {"", ""},
        {"x", "x"},
    };
    char out[256];
    struct arena *a;
    struct redaction r = begin(&a);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_form(text_of(&r, rows[i].text, out), rows[i].text, rows[i].pattern);
    arena_destroy(a);
}

static void equal_words_stay_equal(void **state)
{
    char one[256], two[256], other[256];
    struct arena *a;
    struct redaction r = begin(&a);

    (void)state;
    text_of(&r, "C:\\disks\\base.vhdx", one);
    text_of(&r, "D:\\other\\BASE.vhdx", two);
    text_of(&r, "E:\\disks\\bash.vhdx", other);
    assert_int_equal(strncasecmp(one + 9, two + 9, 4), 0);
    assert_int_equal(strncmp(one + 3, other + 3, 5), 0);
    assert_true(strncasecmp(one + 9, other + 9, 4) != 0);
    arena_destroy(a);
}

/* Of one letter there are 26 words, of two 676, and the keys of a table are more. */
static void short_words_run_out(void **state)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz_";
    char word[256], out[256], seen[256] = {0};
    unsigned different = 0;
    struct arena *a;
    struct redaction r = begin(&a);

    (void)state;
    memset(word, 'q', 128); /* a long word goes in pieces: the last one has one letter */
    word[129] = '\0';
    for (size_t i = 0; digits[i] != '\0'; i++) {
        word[128] = digits[i];
        text_of(&r, word, out);
        assert_int_equal(strlen(out), 129);
        assert_true(out[128] >= 'a' && out[128] <= 'z');
        different += seen[(uint8_t)out[128]]++ == 0;
    }
    assert_true(different > 20 && different <= 26);
    for (size_t i = 0; i < sizeof(digits) - 1; i++)
        for (size_t k = 0; k < sizeof(digits) - 1; k++) {
            const char three[] = {digits[i], digits[k], 'z', '\0'};
            text_of(&r, three, out);
            assert_form(out, three, "~~~");
            assert_string_not_equal(out, "vhd"); /* a word that stays says what it is */
            assert_string_not_equal(out, "con");
            assert_string_not_equal(out, "nul");
        }
    assert_int_equal(r.status, STATUS_OK);
    arena_destroy(a);
}

static void guid_texts_follow_the_guids(void **state)
{
    static const char text[] = "83ed0bc3-24c8-49d5-a9e4-73edc888b96f";
    char lower[256], upper[256], inside[256], want[GUID_TEXT_SIZE];
    struct guid g = guid_of(text);
    struct arena *a;
    struct redaction r = begin(&a);

    (void)state;
    redact_guid(&r, g.bytes);
    (void)guid_text(&g, want);
    assert_string_equal(text_of(&r, text, lower), want);
    text_of(&r, "83ED0BC3-24C8-49D5-A9E4-73EDC888B96F", upper);
    assert_int_equal(strcasecmp(upper, want), 0);
    assert_null(strpbrk(upper, "abcdef"));
    text_of(&r, "\\\\?\\Volume{83ed0bc3-24c8-49d5-a9e4-73edc888b96f}\\vm", inside);
    assert_non_null(strstr(inside, want));
    assert_int_equal(r.guid_count, 1);
    arena_destroy(a);
}

/* Controls and lone surrogates are what a rule looks for; pairs are letters. */
static void broken_text_stays_broken(void **state)
{
    static const uint16_t units[] = {'a', 'b', 0, 'c', 'd', 0xd800, 'e', 'f', 0xd83d, 0xde00, 0x1b, 0xdc00};
    uint8_t p[sizeof(units)];
    struct arena *a;
    struct redaction r = begin(&a);

    (void)state;
    for (size_t i = 0; i < sizeof(units) / 2; i++)
        put_le16(p + 2 * i, units[i]);
    redact_text(&r, p, sizeof(p));
    assert_int_equal(le16(p + 4), 0);
    assert_int_equal(le16(p + 10), 0xd800);
    assert_int_equal(le16(p + 20), 0x1b);
    assert_int_equal(le16(p + 22), 0xdc00);
    assert_true(le16(p) >= 'a' && le16(p) <= 'z' && le16(p + 12) >= 'a' && le16(p + 16) >= 'a' && le16(p + 16) <= 'z');
    assert_true(le16(p) != 'a' || le16(p + 2) != 'b');
    arena_destroy(a);
}

static void only_texts_are_found_in_bytes(void **state)
{
    uint8_t p[64] = {0}, before[64];
    struct arena *a;
    struct redaction r = begin(&a);

    (void)state;
    put_le32(p, 0x2000000);              /* a block size */
    put_le64(p + 8, 0x0041004200430000); /* three printable units */
    for (size_t i = 0; i < 6; i++)
        put_le16(p + 32 + 2 * i, (uint16_t) "Secret"[i]);
    memcpy(before, p, sizeof(p));
    redact_texts(&r, p, sizeof(p));
    assert_memory_equal(p, before, 32);
    assert_true(memcmp(p + 32, before + 32, 12) != 0);
    assert_memory_equal(p + 44, before + 44, 20);
    arena_destroy(a);
}

static void random_bytes_do_no_harm(void **state)
{
    enum { LEN = 4096, ROUNDS = 300 };
    uint8_t *p = (uint8_t *)malloc(LEN);
    struct arena *a;
    struct redaction r = begin(&a);

    (void)state;
    assert_non_null(p);
    srand(7);
    for (int round = 0; round < ROUNDS; round++) {
        size_t len = (size_t)rand() % LEN;
        uint8_t *exact = (uint8_t *)malloc(len > 0 ? len : 1);

        assert_non_null(exact);
        for (size_t i = 0; i < len; i++) {
            const int any = rand(), printable = 0x20 + any % 0x60;

            exact[i] = (uint8_t)(round % 2 == 0 ? any : i % 2 == 0 ? printable : 0);
        }
        redact_text(&r, exact, len);
        redact_texts(&r, exact, len);
        redact_known_guids(&r, exact, len);
        free(exact);
    }
    assert_int_equal(r.status, STATUS_OK);
    free(p);
    arena_destroy(a);
}

static void failures_are_kept(void **state)
{
    uint8_t p[16] = {1, 2, 3};
    struct arena *a;
    struct redaction r = begin(&a);

    (void)state;
    r.mix = no_mix;
    redact_guid(&r, p);
    assert_int_equal(r.status, STATUS_INTERNAL);
    arena_destroy(a);
    for (uint64_t n = 1; n < 6; n++) {
        char out[256];

        r = begin(&a);
        if (n < 4) { /* a text alone */
            arena_fail_at(a, n, true);
            text_of(&r, "some\\words", out);
            assert_int_equal(r.status, STATUS_NO_MEMORY);
            arena_destroy(a);
            r = begin(&a);
        }
        arena_fail_at(a, n, true);
        redact_guid(&r, p);
        text_of(&r, "some\\words", out);
        assert_int_equal(r.status, STATUS_NO_MEMORY);
        arena_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guids_keep_what_rules_read),
        cmocka_unit_test(some_guids_stay),
        cmocka_unit_test(known_guids_are_found_anywhere),
        cmocka_unit_test(texts_keep_their_form),
        cmocka_unit_test(equal_words_stay_equal),
        cmocka_unit_test(short_words_run_out),
        cmocka_unit_test(guid_texts_follow_the_guids),
        cmocka_unit_test(broken_text_stays_broken),
        cmocka_unit_test(only_texts_are_found_in_bytes),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(failures_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
