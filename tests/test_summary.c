/* SPDX-License-Identifier: MIT */
/* The JSON reader against texts by hand, and lines of reports: cut anywhere, changed anywhere, memory failing anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "report/json_read.h"
#include "report/summary.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

/* A letter for each event, up to the end or the fault. */
static const char *events(const char *text, size_t len, char *out, size_t room)
{
    static const char letters[] = "E!{}[]ksntf0";
    struct json_reader r = json_reader_of(text, len);
    size_t n = 0;

    while (n + 1 < room) {
        enum json_event e = json_read(&r);
        out[n++] = letters[e];
        if (e == JSON_END || e == JSON_BAD)
            break;
    }
    out[n] = '\0';
    return out;
}

static void grammar(void **state)
{
    static const struct {
        const char *text, *events;
    } rows[] = {
        {"{}", "{}E"},
        {" [ ] ", "[]E"},
        {"{\"a\":1,\"b\":[true,false,null,\"x\"]}", "{knk[tf0s]}E"},
        {"-0.5e+10", "nE"},
        {"\"\\u00e4\\n\"", "sE"},
        {"\t{\r\n\"a\"\t:\r1\n}\n", "{kn}E"},
        {"[1E5,1e-5,1E+5]", "[nnn]E"},
        {"\"\\uABcd\\u00FF\"", "sE"},
        {"\"\\u00G0\"", "!"},
        {"1E", "!"},
        {"1e-", "!"},
        {"", "!"},
        {"{", "{!"},
        {"{\"a\"}", "{k!"},
        {"{\"a\":}", "{k!"},
        {"{\"a\":1,}", "{kn!"},
        {"[1,]", "[n!"},
        {"[1 2]", "[n!"},
        {"[1}", "[n!"},
        {"{1:2}", "{!"},
        {"01", "!"},
        {"1.", "!"},
        {".5", "!"},
        {"+1", "!"},
        {"1e", "!"},
        {"nul", "!"},
        {"\"a", "!"},
        {"\"\\x\"", "!"},
        {"\"\\u12\"", "!"},
        {"\"a\nb\"", "!"},
        {"{} {}", "{}!"},
        {"[]]", "[]!"},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        events(rows[i].text, strlen(rows[i].text), out, sizeof(out));
        if (strcmp(out, rows[i].events) != 0)
            fail_msg("%s: %s, not %s", rows[i].text, out, rows[i].events);
    }
}

static void depth_is_bounded(void **state)
{
    char text[2 * JSON_READ_DEPTH + 4], out[2 * JSON_READ_DEPTH + 8];

    (void)state;
    memset(text, '[', JSON_READ_DEPTH);
    memset(text + JSON_READ_DEPTH, ']', JSON_READ_DEPTH);
    events(text, (size_t)2 * JSON_READ_DEPTH, out, sizeof(out));
    assert_int_equal(out[strlen(out) - 1], 'E');
    memset(text, '[', JSON_READ_DEPTH + 1);
    memset(text + JSON_READ_DEPTH + 1, ']', JSON_READ_DEPTH + 1);
    events(text, (size_t)2 * (JSON_READ_DEPTH + 1), out, sizeof(out));
    assert_int_equal(out[strlen(out) - 1], '!');
    assert_int_equal(strlen(out), JSON_READ_DEPTH + 1);
}

static bool decode(const char *text, char *out, size_t room)
{
    struct json_reader r = json_reader_of(text, strlen(text));
    size_t len = 0;

    assert_int_equal(json_read(&r), JSON_STRING);
    return json_token_text(&r, out, room, &len) && strlen(out) == len;
}

static void strings(void **state)
{
    char out[16];

    (void)state;
    assert_true(decode("\"a\\\"\\\\\\/\\u0041\"", out, sizeof(out)));
    assert_string_equal(out, "a\"\\/A");
    assert_true(decode("\"\\ud83d\\ude00\"", out, sizeof(out)));
    assert_string_equal(out, "\xf0\x9f\x98\x80");
    assert_true(decode("\"\\u00e4\\u20ac\"", out, sizeof(out)));
    assert_string_equal(out, "\xc3\xa4\xe2\x82\xac");
    assert_false(decode("\"\\ud83d\"", out, sizeof(out)));
    assert_false(decode("\"\\ud83dx\"", out, sizeof(out)));
    assert_false(decode("\"\\ude00\"", out, sizeof(out)));
    assert_false(decode("\"\\ud83d\\u0041\"", out, sizeof(out)));
    assert_false(decode("\"\\ud83d\\uffff\"", out, sizeof(out)));
    assert_false(decode("\"\\ud83d\\nnnnn\"", out, sizeof(out)));
    assert_true(decode("\"\\uFFFD\"", out, sizeof(out)));
    assert_string_equal(out, "\xef\xbf\xbd");
    assert_false(decode("\"a\"", out, 0));
    assert_false(decode("\"\"", out, 0));
    assert_false(decode("\"\xff\"", out, sizeof(out)));
    assert_true(decode("\"123456789012345\"", out, sizeof(out)));
    assert_false(decode("\"1234567890123456\"", out, sizeof(out)));
}

/* What is no JSON stays none, however often it is asked. */
static void a_fault_stays(void **state)
{
    struct json_reader r = json_reader_of("[1,]", 4);

    (void)state;
    assert_int_equal(json_read(&r), JSON_ARRAY);
    assert_int_equal(json_read(&r), JSON_NUMBER);
    for (int i = 0; i < 3; i++)
        assert_int_equal(json_read(&r), JSON_BAD);
    assert_non_null(r.fault);
}

static void numbers(void **state)
{
    static const struct {
        const char *text;
        bool fits;
        uint64_t value;
    } rows[] = {{"0", true, 0},
                {"18446744073709551615", true, UINT64_MAX},
                {"18446744073709551616", false, 0},
                {"99999999999999999999999", false, 0},
                {"-1", false, 0},
                {"1.0", false, 0},
                {"1e3", false, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_reader r = json_reader_of(rows[i].text, strlen(rows[i].text));
        uint64_t v = 0;

        assert_int_equal(json_read(&r), JSON_NUMBER);
        assert_int_equal(json_token_u64(&r, &v), rows[i].fits);
        if (rows[i].fits)
            assert_int_equal(v, rows[i].value);
    }
}

/* ---- lines ---- */

static const char line[] =
    "{\"schema_version\":\"1.0\",\"tool\":{\"name\":\"vhdxray\",\"version\":\"9\"},\"path\":\"a\\u00e4.vhdx\",\"size\":"
    "4096,"
    "\"verdict\":\"corrupt\",\"complete\":true,\"facts\":{\"log\":[1,{\"x\":null}]},\"findings\":["
    "{\"rule\":\"VHDX-BAT-016\",\"severity\":\"error\",\"related\":[{\"rule\":\"no\"}]},"
    "{\"rule\":\"VHDX-BAT-016\",\"severity\":\"error\"},{\"rule\":\"VHDX-HDR-003\",\"severity\":\"warning\"},"
    "{\"rule\":\"VHDX-NEW-001\",\"severity\":\"info\"}],\"counts\":{\"error\":7,\"warning\":1,\"info\":1},"
    "\"suppressed\":{\"VHDX-BAT-016\":5},\"profile\":{\"name\":\"azure\",\"ready\":false},\"limits\":[]}";

static const struct summary_rule *row_of(const struct summary *s, const char *id)
{
    for (uint32_t i = 0; i < s->rule_count; i++) {
        if (strcmp(s->rules[i].id, id) == 0)
            return &s->rules[i];
    }
    return NULL;
}

static void a_line_is_counted(void **state)
{
    struct arena *a = arena_create(16 << 20);
    const char *reason = NULL;
    struct summary s;

    (void)state;
    assert_true(summary_begin(&s, a));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(summary_add(&s, line, sizeof(line) - 1, &reason), STATUS_OK);
        assert_null(reason);
    }
    assert_int_equal(summary_sort(&s), STATUS_OK);
    assert_int_equal(s.file_count, 2);
    assert_int_equal(s.repeated, 1);
    assert_string_equal(s.files[0].path, "a\xc3\xa4.vhdx");
    assert_int_equal(s.files[0].size, 4096);
    assert_int_equal(s.verdicts[VERDICT_CORRUPT], 2);
    assert_int_equal(s.counts[SEVERITY_ERROR], 14);
    assert_int_equal(s.profile_not_ready, 2);
    assert_int_equal(s.rules_seen, 3);
    assert_string_equal(s.rules[0].id, "VHDX-BAT-016");
    assert_int_equal(s.rules[0].findings, 14);
    assert_int_equal(s.rules[0].files, 2);
    assert_int_equal(row_of(&s, "VHDX-HDR-003")->severity, SEVERITY_WARNING);
    assert_null(row_of(&s, "VHDX-NEW-001")->title);
    assert_string_equal(s.files[0].rules[0], "VHDX-BAT-016");
    assert_string_equal(s.files[0].rules[1], "VHDX-HDR-003");
    assert_null(s.files[0].rules[2]);
    arena_destroy(a);
}

/* Nothing of a line that is no report may count. */
static void a_cut_line_leaves_no_trace(void **state)
{
    struct arena *a = arena_create(64 << 20);
    struct summary s;

    (void)state;
    assert_true(summary_begin(&s, a));
    for (size_t len = 0; len + 1 < sizeof(line); len++) {
        const char *reason = NULL;

        assert_int_equal(summary_add(&s, line, len, &reason), STATUS_OK);
        assert_non_null(reason);
    }
    assert_int_equal(summary_sort(&s), STATUS_OK);
    assert_int_equal(s.file_count + s.counts[SEVERITY_ERROR] + s.rules_seen + s.incomplete + s.profile_not_ready, 0);
    arena_destroy(a);
}

static void a_changed_line_is_read_or_refused(void **state)
{
    static const char others[] = "\"{}[],:0-\\ax\x00\x80\xff";
    struct arena *a = arena_create(256 << 20);
    uint64_t added = 0;
    struct summary s;
    char copy[sizeof(line)];

    (void)state;
    assert_true(summary_begin(&s, a));
    for (size_t at = 0; at + 1 < sizeof(line); at++) {
        for (size_t k = 0; k + 1 < sizeof(others); k++) {
            const char *reason = NULL;

            memcpy(copy, line, sizeof(line));
            copy[at] = others[k];
            assert_int_equal(summary_add(&s, copy, sizeof(line) - 1, &reason), STATUS_OK);
            added += reason == NULL;
        }
    }
    assert_int_equal(s.file_count, added);
    assert_true(added > 0);
    arena_destroy(a);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct arena *a = arena_create(16 << 20);
        const char *reason = NULL;
        struct summary s;

        arena_fail_at(a, n, false);
        enum status st = summary_begin(&s, a) ? summary_add(&s, line, sizeof(line) - 1, &reason) : STATUS_NO_MEMORY;
        if (st == STATUS_OK)
            st = summary_note(&s, "x", 1, "y");
        if (st == STATUS_OK)
            st = summary_sort(&s);
        arena_destroy(a);
        if (st == STATUS_OK) {
            assert_true(n > 8);
            return;
        }
        assert_int_equal(st, STATUS_NO_MEMORY);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(strings),
        cmocka_unit_test(a_fault_stays),
        cmocka_unit_test(numbers),
        cmocka_unit_test(a_line_is_counted),
        cmocka_unit_test(a_cut_line_leaves_no_trace),
        cmocka_unit_test(a_changed_line_is_read_or_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
