/* SPDX-License-Identifier: MIT */
/*
 * JSON out: every byte string becomes a valid and harmless JSON string, numbers keep all digits, the stream indents
 * what it is given, and whole reports over built images are valid, the same twice, and admit it when memory was short.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf16.h"
#include "build.h"
#include "check/run.h"
#include "image/chain.h"
#include "report/json.h"
#include "report/report.h"

#include <cmocka.h> /* last: its macro fail() is the name of a function in check/rule.h */

/* ---- strings ---- */

static void strings_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        const char *out;
        bool lossy;
    } rows[] = {
        {"", 0, "\"\"", false},
        {"plain", 5, "\"plain\"", false},
        {"\"\\/", 3, "\"\\\"\\\\/\"", false},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"", false},
        {"\x1b[31m", 5, "\"\\u001b[31m\"", false},
        {"a\0b", 3, "\"a\\u0000b\"", false},
        {"\x7f", 1, "\"\\u007f\"", false},
        {"\xc2\x9b", 2, "\"\\u009b\"", false},                          /* C1: an escape sequence in one character */
        {"\xe2\x80\xae", 3, "\"\\u202e\"", false},                      /* right-to-left override */
        {"\xe2\x80\xa8\xe2\x80\xa9", 6, "\"\\u2028\\u2029\"", false},   /* line ends in JavaScript */
        {"\xc3\xa4\xe2\x82\xac", 5, "\"\xc3\xa4\xe2\x82\xac\"", false}, /* two and three bytes */
        {"\xf0\x9f\x92\xbe", 4, "\"\xf0\x9f\x92\xbe\"", false},         /* four bytes */
        {"\xff", 1, "\"\xef\xbf\xbd\"", true},
        {"\xc3", 1, "\"\xef\xbf\xbd\"", true},                                 /* cut short */
        {"\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"", true},                 /* overlong NUL */
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", true}, /* surrogate */
        {"\xf4\x90\x80\x80x", 5, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\"", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool lossy = !rows[i].lossy;
        char *out = json_escape(rows[i].in, rows[i].len, &lossy);
        assert_non_null(out);
        assert_string_equal(out, rows[i].out);
        assert_int_equal(lossy, rows[i].lossy);
        free(out);
    }
}

/* Printable ASCII, or well-formed UTF-8 above it; quotes around, and an independent parser accepts it. */
static void assert_harmless(const char *json)
{
    size_t len = strlen(json);
    uint32_t c = 0;

    assert_true(len >= 2 && json[0] == '"' && json[len - 1] == '"');
    for (size_t i = 0; i < len;) {
        size_t n = utf8_next(json + i, len - i, &c);
        assert_true(n > 0 && c >= 0x20 && (c < 0x7f || c > 0x9f));
        i += n;
    }
    cJSON *parsed = cJSON_Parse(json);
    assert_true(cJSON_IsString(parsed));
    cJSON_Delete(parsed);
}

static void any_bytes_become_a_valid_string(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252ULL;

    for (unsigned round = 0; round < 20000; round++) {
        char in[12];
        size_t len = round % sizeof(in);

        for (size_t i = 0; i < len; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            /* Bytes that matter for UTF-8 and for escapes, and any others. */
            static const unsigned char odd[] = {0xc2, 0xe2, 0xed, 0xf0, 0xf4, 0x80, 0x9b, 0xae, 0xbf, '"', '\\', 0};
            in[i] = (char)(x & 1 ? odd[(x >> 8) % sizeof(odd)] : (x >> 16) & 0xff);
        }
        char *out = json_escape(in, len, NULL);
        assert_non_null(out);
        assert_harmless(out);
        free(out);
    }
}

/* ---- the stream ---- */

struct sink {
    FILE *file;
    char *text;
    size_t len;
};

/* The stream keeps the addresses of both members, so a sink stays where it was opened. */
static void sink_open(struct sink *s)
{
    *s = (struct sink){.text = NULL};
    s->file = open_memstream(&s->text, &s->len);
    assert_non_null(s->file);
}

/* The text; free() it. */
static char *sink_close(struct sink *s)
{
    assert_int_equal(fclose(s->file), 0);
    return s->text;
}

static void write_sample(struct json *j)
{
    struct guid g = {.bytes = {1, 2, 3}};
    cJSON *o = json_object(j), *list = json_array(j);

    json_begin(j, NULL, '{');
    json_put_u64(j, o, "most", UINT64_MAX);
    json_put_i64(j, o, "least", INT64_MIN);
    json_put_hex(j, o, "raw", 0xfedcba9876543210);
    json_put_hex(j, o, "zero", 0);
    json_put_text(j, o, "none", NULL);
    json_put_text(j, o, "tab", "a:\tb\n");
    json_put_guid(j, o, "guid", &g);
    json_put_bool(j, list, NULL, true);
    json_put_null(j, list, NULL);
    json_put(j, o, "list", list);
    json_node(j, "object", o);
    json_begin(j, "empty", '[');
    json_end(j, ']');
    json_begin(j, "lines", '[');
    for (uint64_t i = 0; i < 2; i++) {
        cJSON *line = json_object(j);
        json_put_u64(j, line, "i", i);
        json_line(j, NULL, line);
    }
    json_end(j, ']');
    json_end(j, '}');
}

static void the_stream_writes_one_line(void **state)
{
    (void)state;
    struct sink s;
    sink_open(&s);
    struct json j = json_to(s.file, false);

    write_sample(&j);
    char *text = sink_close(&s);
    assert_false(j.failed);
    assert_string_equal(text, "{\"object\":{\"most\":18446744073709551615,\"least\":-9223372036854775808,"
                              "\"raw\":\"0xfedcba9876543210\",\"zero\":\"0x0\",\"none\":null,\"tab\":\"a:\\tb\\n\","
                              "\"guid\":\"00030201-0000-0000-0000-000000000000\",\"list\":[true,null]},"
                              "\"empty\":[],\"lines\":[{\"i\":0},{\"i\":1}]}\n");
    free(text);
}

static void the_stream_indents(void **state)
{
    (void)state;
    struct sink s;
    sink_open(&s);
    struct json j = json_to(s.file, true);

    write_sample(&j);
    char *text = sink_close(&s);
    assert_false(j.failed);
    assert_string_equal(text, "{\n"
                              "  \"object\": {\n"
                              "    \"most\": 18446744073709551615,\n"
                              "    \"least\": -9223372036854775808,\n"
                              "    \"raw\": \"0xfedcba9876543210\",\n"
                              "    \"zero\": \"0x0\",\n"
                              "    \"none\": null,\n"
                              "    \"tab\": \"a:\\tb\\n\",\n"
                              "    \"guid\": \"00030201-0000-0000-0000-000000000000\",\n"
                              "    \"list\": [true, null]\n"
                              "  },\n"
                              "  \"empty\": [],\n"
                              "  \"lines\": [\n"
                              "    {\"i\":0},\n"
                              "    {\"i\":1}\n"
                              "  ]\n"
                              "}\n");
    free(text);
}

/* ---- whole reports ---- */

enum what { WHAT_CHECK, WHAT_INFO, WHAT_LOG, WHAT_DUMP, WHAT_RULES, WHAT_COUNT };

struct checked {
    struct arena *arena;
    struct source *source;
    struct image *image;
    struct check_result *result;
};

static struct checked check_image(const struct img *img, const char *path, uint64_t max_findings)
{
    struct checked c = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .source = img_source(img)};
    struct check_options options = {.max_findings = max_findings};
    struct chain_options chain = {.parent_count = 0};

    assert_non_null(c.arena);
    assert_non_null(c.source);
    assert_int_equal(image_open(c.arena, c.source, path, NULL, NULL, &c.image), STATUS_OK);
    assert_int_equal(chain_resolve(c.image, &chain), STATUS_OK);
    assert_int_equal(check_run(c.image, &options, NULL, &c.result), STATUS_OK);
    return c;
}

static void done(struct checked *c)
{
    chain_close(c->image);
    image_close(c->image);
    source_close(c->source);
    arena_destroy(c->arena);
}

/* The report's bytes; free() them. *ret_status: what report_end() said. */
static char *report_text(struct checked *c, enum what what, enum report_format format, enum status *ret_status)
{
    struct sink s;
    sink_open(&s);
    struct report r = {.out = s.file, .format = format, .verbose = true};
    struct dump_options dump = {.parts = DUMP_ALL, .hex = true};
    const char *missing = NULL;
    const char *list = what == WHAT_DUMP ? NULL : what == WHAT_RULES ? "rules" : "images";

    *ret_status = report_begin(&r, list);
    if (*ret_status == STATUS_OK) {
        switch (what) {
        case WHAT_CHECK:
            report_check(&r, c->result);
            break;
        case WHAT_INFO:
            report_info(&r, c->image);
            break;
        case WHAT_LOG:
            assert_int_equal(report_log(&r, c->image, true), STATUS_OK);
            break;
        case WHAT_DUMP:
            assert_int_equal(report_dump(&r, c->image, &dump, &missing), STATUS_OK);
            break;
        case WHAT_RULES:
        case WHAT_COUNT:
            report_rules(&r);
            break;
        }
        *ret_status = report_end(&r);
    }
    return sink_close(&s);
}

static void assert_valid_json(const char *text, enum report_format format)
{
    while (*text != '\0') {
        const char *end = NULL;
        cJSON *parsed = cJSON_ParseWithOpts(text, &end, false);

        if (parsed == NULL)
            fail_msg("no JSON: %.200s", text);
        cJSON_Delete(parsed);
        assert_int_equal(*end, '\n');
        text = end + 1;
        if (format == REPORT_JSON)
            assert_int_equal(*text, '\0');
    }
}

/* Text may hold line feeds, nothing else below a space; and no escape character in any spelling. */
static void assert_harmless_text(const char *text)
{
    size_t len = strlen(text);
    uint32_t c = 0;

    for (size_t i = 0; i < len;) {
        size_t n = utf8_next(text + i, len - i, &c);
        assert_true(n > 0);
        assert_true(c == '\n' || (c >= 0x20 && (c < 0x7f || c > 0x9f)));
        i += n;
    }
}

static void assert_all_reports(const struct img *img, const char *path)
{
    struct checked c = check_image(img, path, LIMIT_FINDINGS_PER_RULE);

    for (int what = 0; what < WHAT_COUNT; what++) {
        for (int format = REPORT_TEXT; format <= REPORT_JSONL; format++) {
            enum status st;
            char *once = report_text(&c, (enum what)what, (enum report_format)format, &st);
            assert_int_equal(st, STATUS_OK);
            char *twice = report_text(&c, (enum what)what, (enum report_format)format, &st);
            assert_string_equal(once, twice);
            if (format == REPORT_TEXT)
                assert_harmless_text(once);
            else
                assert_valid_json(once, (enum report_format)format);
            free(once);
            free(twice);
        }
    }
    done(&c);
}

static void reports_are_valid_and_stable(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    assert_all_reports(img, "web01.vhdx");
    img_make_dirty_bat(img, 1, 0);
    assert_all_reports(img, "web01.vhdx");
    img_free(img);

    img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    assert_all_reports(img, "child.avhdx");
    img_resize(img, 5 << 20);
    assert_all_reports(img, "child.avhdx");
    img_resize(img, 70000);
    assert_all_reports(img, "child.avhdx");
    img_resize(img, 0);
    assert_all_reports(img, "child.avhdx");
    img_free(img);
}

static void hostile_strings_stay_strings(void **state)
{
    (void)state;
    static const uint8_t creator[] = {'"', 0,    '\\', 0,    '\n', 0,    0x1b, 0,   '[',
                                      0,   0x00, 0xd8, 0x2e, 0x20, 0x9b, 0,    '<', 0};
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    const struct locator_string pairs[] = {
        {"parent_linkage", "\x1b]0;title\x07"}, {"relative_path", "..\\\"\xe2\x80\xae.vhdx"}, {"\x1b[2J", "\x7f"}};

    img_write(img, 8, creator, sizeof(creator));
    img_set_locator(img, pairs, 3);
    assert_all_reports(img, "a\x1b[31m\xff\"\\\n.vhdx");
    img_free(img);
}

static void numbers_of_a_hostile_image_survive(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    uint8_t size[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    enum status st;

    img_write(img, img->item_off[KNOWN_ITEM_VIRTUAL_DISK_SIZE], size, sizeof(size));
    img_bat_set(img, 1, 0xfffffffffff00006);
    struct checked c = check_image(img, "x.vhdx", LIMIT_FINDINGS_PER_RULE);
    char *text = report_text(&c, WHAT_CHECK, REPORT_JSONL, &st);
    assert_non_null(strstr(text, "\"virtual_size\":null,\"virtual_size_stored\":\"0xffffffffffffffff\""));
    assert_null(strstr(text, "e+")); /* no number went through a double */
    free(text);
    done(&c);
    img_free(img);
}

static void suppressed_findings_are_counted(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    enum status st;

    for (uint64_t i = 0; i < 5; i++)
        img_bat_set(img, i, 4); /* a reserved state */
    struct checked c = check_image(img, "x.vhdx", 2);
    char *text = report_text(&c, WHAT_CHECK, REPORT_JSONL, &st);
    assert_non_null(strstr(text, "\"suppressed\":{\"VHDX-BAT-002\":3}"));
    free(text);
    text = report_text(&c, WHAT_CHECK, REPORT_TEXT, &st);
    assert_non_null(strstr(text, "3 more"));
    free(text);
    done(&c);
    img_free(img);
}

/* ---- memory ---- */

static unsigned long fail_in; /* cJSON allocations until one fails; 0: never */

static void *failing_malloc(size_t size)
{
    if (fail_in > 0 && --fail_in == 0)
        return NULL;
    return calloc(1, size); /* MemorySanitizer cannot see what cJSON writes: tests/msan.c */
}

static void short_memory_is_admitted(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct checked c = check_image(img, "x.vhdx", LIMIT_FINDINGS_PER_RULE);
    cJSON_Hooks hooks = {.malloc_fn = failing_malloc, .free_fn = free};
    enum status st = STATUS_OK;

    cJSON_InitHooks(&hooks);
    for (int what = 0; what < WHAT_COUNT; what++) {
        char *whole = report_text(&c, (enum what)what, REPORT_JSON, &st);
        assert_int_equal(st, STATUS_OK);
        for (unsigned long n = 1;; n += 1 + n / 16) {
            fail_in = n;
            char *text = report_text(&c, (enum what)what, REPORT_JSON, &st);
            bool reached = fail_in == 0;
            fail_in = 0;
            if (reached)
                assert_int_equal(st, STATUS_NO_MEMORY);
            else
                assert_string_equal(text, whole);
            free(text);
            if (!reached)
                break;
        }
        free(whole);
    }
    fail_in = 0;
    done(&c);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(any_bytes_become_a_valid_string),
        cmocka_unit_test(the_stream_writes_one_line),
        cmocka_unit_test(the_stream_indents),
        cmocka_unit_test(reports_are_valid_and_stable),
        cmocka_unit_test(hostile_strings_stay_strings),
        cmocka_unit_test(numbers_of_a_hostile_image_survive),
        cmocka_unit_test(suppressed_findings_are_counted),
        cmocka_unit_test(short_memory_is_admitted),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
