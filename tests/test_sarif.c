/* SPDX-License-Identifier: MIT */
/*
 * SARIF logs: what the schema cannot say (validate_reports.py asks the schema). Places, levels and rules are those of
 * the findings; fingerprints are stable; the cap keeps the worst; nothing is left out in silence.
 *
 * With VHDXRAY_REPORTS=DIR it also writes NAME.sarif, NAME.json and NAME.html of every case there, for validators.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/limits.h"
#include "report/sarif.h"
#include "reports.h"

#include <cmocka.h> /* last: its macro fail() is the name of a function in check/rule.h */

static cJSON *member(const cJSON *o, const char *path)
{
    char key[32];

    while (*path != '\0') {
        size_t n = strcspn(path, "/");

        assert_true(n < sizeof(key));
        memcpy(key, path, n);
        key[n] = '\0';
        o = key[0] >= '0' && key[0] <= '9' ? cJSON_GetArrayItem(o, atoi(key))
                                           : cJSON_GetObjectItemCaseSensitive(o, key);
        if (o == NULL)
            fail_msg("no %s", key);
        path += path[n] == '/' ? n + 1 : n;
    }
    return (cJSON *)(uintptr_t)o; /* cJSON's own iteration wants it so */
}

static const char *text_of(const cJSON *o, const char *path)
{
    const char *s = cJSON_GetStringValue(member(o, path));
    assert_non_null(s);
    return s;
}

static double number_of(const cJSON *o, const char *path)
{
    assert_true(cJSON_IsNumber(member(o, path)));
    return member(o, path)->valuedouble;
}

/* Notifications with that descriptor id. */
static int notes(const cJSON *log, const char *id)
{
    const cJSON *n;
    int count = 0;

    cJSON_ArrayForEach(n, member(log, "runs/0/invocations/0/toolExecutionNotifications")) count +=
        strcmp(text_of(n, "descriptor/id"), id) == 0;
    return count;
}

static cJSON *parse(char *text)
{
    cJSON *log = cJSON_Parse(text);

    assert_non_null(log);
    free(text);
    assert_string_equal(text_of(log, "version"), "2.1.0");
    assert_int_equal(cJSON_GetArraySize(member(log, "runs")), 1);
    return log;
}

/* ---- every case ---- */

static void compare_result(const cJSON *log, const cJSON *result, const struct image *img, const struct finding *f)
{
    const char *rule = text_of(result, "ruleId");
    char path[64];

    assert_string_equal(rule, f->rule->id);
    (void)snprintf(path, sizeof(path), "runs/0/tool/driver/rules/%d", (int)number_of(result, "ruleIndex"));
    assert_string_equal(text_of(member(log, path), "id"), rule);
    assert_string_equal(text_of(result, "level"), sarif_level(f->severity));
    const cJSON *region = member(result, "locations/0/physicalLocation/region");
    assert_true(number_of(region, "byteOffset") == (double)f->at.off);
    double len = number_of(region, "byteLength");
    assert_true(len >= 0 && (f->at.len == 0 || len <= (double)f->at.len));
    assert_true(len == 0 || (double)f->at.off + len <= (double)img->file_size);
    assert_true(number_of(result, "locations/0/physicalLocation/artifactLocation/index") == 0);
    assert_non_null(member(result, "locations/0/logicalLocations/0/fullyQualifiedName"));
    assert_int_equal(strlen(text_of(result, "partialFingerprints/vhdxrayFinding~v1")), 16);
}

/* cJSON paths here use '/', so the name of the fingerprint is written with '~'. */
static void rename_fingerprints(cJSON *log)
{
    cJSON *result;

    cJSON_ArrayForEach(result, member(log, "runs/0/results"))
    {
        cJSON *prints = member(result, "partialFingerprints");
        cJSON_AddItemToObject(prints, "vhdxrayFinding~v1", cJSON_DetachItemFromObject(prints, "vhdxrayFinding/v1"));
    }
}

static void assert_distinct_fingerprints(const cJSON *results, const char *name)
{
    const cJSON *a, *b;

    cJSON_ArrayForEach(a, results)
    {
        for (b = a->next; b != NULL; b = b->next) {
            if (strcmp(text_of(a, "partialFingerprints/vhdxrayFinding~v1"),
                       text_of(b, "partialFingerprints/vhdxrayFinding~v1")) == 0)
                fail_msg("%s: two results of %s and %s have one fingerprint:\n%s\n%s", name, text_of(a, "ruleId"),
                         text_of(b, "ruleId"), text_of(a, "message/text"), text_of(b, "message/text"));
        }
    }
}

static void one_case(const struct test_case *c, bool guard, void *ctx)
{
    struct case_run run;
    enum status st;
    uint64_t kept = 0;

    (void)ctx;
    case_open(c, guard, &run);
    struct checked checked = {.result = run.result};
    cJSON *log = parse(reports_of(&checked, 1, REPORT_SARIF, 1, &st));
    assert_int_equal(st, STATUS_OK);
    rename_fingerprints(log);
    const cJSON *results = member(log, "runs/0/results");
    assert_int_equal(cJSON_GetArraySize(results), run.result->finding_count);
    const cJSON *result = results->child;
    for (uint64_t i = 0; i < run.result->finding_count; i++, result = result->next)
        compare_result(log, result, run.image, run.result->findings[i]);
    if (run.result->finding_count < 500)
        assert_distinct_fingerprints(results, c->name);

    /* What is not in the results is in the notifications. */
    assert_int_equal(notes(log, "results-incomplete"), run.result->limit_count + run.result->io_error);
    for (uint32_t i = 0; i < rule_count(); i++)
        kept += run.result->rules[i].count > run.result->rules[i].kept;
    assert_int_equal(notes(log, "results-left-out"), kept);
    assert_int_equal(notes(log, "rules-not-evaluated") > 0, run.result->evaluated < rule_count());
    assert_string_equal(text_of(log, "runs/0/artifacts/0/properties/verdict"), verdict_name(run.result->verdict));
    cJSON_Delete(log);
    case_close(&run);
}

static void every_case_is_told_whole(void **state)
{
    (void)state;
    reports_each_case(one_case, NULL);
}

/* ---- files for validators ---- */

static void write_one(const char *folder, const struct test_case *c, bool guard, enum report_format format,
                      const char *extension)
{
    char path[512];
    char *text = reports_of_case(c, guard, format);
    int n = snprintf(path, sizeof(path), "%s/%s%s.%s", folder, c->name, guard ? "-guard" : "", extension);
    assert_true(n > 0 && (size_t)n < sizeof(path));
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
    free(text);
}

static void write_all(const struct test_case *c, bool guard, void *ctx)
{
    write_one((const char *)ctx, c, guard, REPORT_SARIF, "sarif");
    write_one((const char *)ctx, c, guard, REPORT_JSON, "json");
    write_one((const char *)ctx, c, guard, REPORT_HTML, "html");
}

static void reports_are_written_for_validators(void **state)
{
    char *folder = getenv("VHDXRAY_REPORTS");

    (void)state;
    if (folder == NULL)
        skip();
    reports_each_case(write_all, folder);
}

/* ---- identity ---- */

static char *fingerprint_of(const struct checked *c, const char *rule)
{
    for (uint64_t i = 0; i < c->result->finding_count; i++) {
        const struct finding *f = c->result->findings[i];
        if (strcmp(f->rule->id, rule) == 0)
            return strdup(sarif_fingerprint(c->arena, c->image, f));
    }
    fail_msg("no finding of %s", rule);
    return NULL;
}

static void fingerprints_survive_what_does_not_matter(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    img_bat_set(img, 9, img_bat_get(img, 0));
    struct checked a = reports_check(img, "a.vhdx", 1000);
    char *first = fingerprint_of(&a, "VHDX-BAT-016");

    struct checked moved = reports_check(img, "elsewhere/b.vhdx", 1000); /* another path */
    char *second = fingerprint_of(&moved, "VHDX-BAT-016");
    assert_string_equal(first, second);
    free(second);

    struct img *worse = img_clone(img); /* more findings, before and behind it */
    img_bat_set(worse, 2, 4);
    img_header(worse, 0)[100] = 1;
    struct checked other = reports_check(worse, "a.vhdx", 1000);
    second = fingerprint_of(&other, "VHDX-BAT-016");
    assert_string_equal(first, second);
    free(second);

    struct img *elsewhere = img_clone(worse); /* the same fault at another entry */
    img_bat_set(elsewhere, 9, 0);
    img_bat_set(elsewhere, 8, img_bat_get(elsewhere, 0));
    struct checked third = reports_check(elsewhere, "a.vhdx", 1000);
    second = fingerprint_of(&third, "VHDX-BAT-016");
    assert_string_not_equal(first, second);
    free(second);

    img_metadata_item(worse, KNOWN_ITEM_VIRTUAL_DISK_ID)[3] ^= 1; /* the same fault of another disk */
    struct checked fourth = reports_check(worse, "a.vhdx", 1000);
    second = fingerprint_of(&fourth, "VHDX-BAT-016");
    assert_string_not_equal(first, second);
    free(second);
    free(first);
    reports_done(&a);
    reports_done(&moved);
    reports_done(&other);
    reports_done(&third);
    reports_done(&fourth);
    img_free(img);
    img_free(worse);
    img_free(elsewhere);
}

/* ---- pieces ---- */

static void paths_become_uris(void **state)
{
    static const struct {
        const char *path, *uri;
    } rows[] = {
        {"web01.vhdx", "web01.vhdx"},
        {"./a/b.vhdx", "a/b.vhdx"},
        {".//./a.vhdx", "a.vhdx"},
        {"../a.vhdx", "../a.vhdx"},
        {"/var/lib/a.vhdx", "file:///var/lib/a.vhdx"},
        {"//host/a", "file:///host/a"}, /* never a host's name */
        {"two words.vhdx", "two%20words.vhdx"},
        {"c:evil", "c%3Aevil"}, /* never a scheme */
        {"100%#?.vhdx", "100%25%23%3F.vhdx"},
        {"\xc3\xa4\xff\n\"<>\\", "%C3%A4%FF%0A%22%3C%3E%5C"},
        {"-", "-"},
    };
    struct arena *a = arena_create(1 << 20);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(sarif_uri(a, rows[i].path), rows[i].uri);
    arena_destroy(a);
}

static void assert_message(const char *in, const char *out)
{
    struct json j = json_to(NULL, false);
    struct arena *a = arena_create(1 << 20);
    cJSON *o = sarif_message_json(&j, a, in);
    char *text = cJSON_PrintUnformatted(o);
    cJSON *back = cJSON_Parse(text);

    assert_string_equal(text_of(back, "text"), out);
    cJSON_free(text);
    cJSON_Delete(o);
    cJSON_Delete(back);
    arena_destroy(a);
}

static void an_image_cannot_put_links_into_messages(void **state)
{
    (void)state;
    assert_message("header 1 has a wrong checksum", "header 1 has a wrong checksum.");
    assert_message("[a](b\\c)", "\\[a\\](b\\\\c).");
    assert_message("ends here.", "ends here.");
    assert_message("[0] and [1]", "[0] and [1].");
    assert_message("creator \"[click](file:///etc)\"", "creator \"\\[click\\](file:///etc)\".");
}

static void clauses_lead_to_the_nearest_page(void **state)
{
    static const struct {
        const char *spec, *page;
    } rows[] = {
        {"2.2.2", "39d641c2-093c-4d4a-8c9d-bd4b9fc2ff31"},
        {"2.2.2.1", "39d641c2-093c-4d4a-8c9d-bd4b9fc2ff31"},        /* of the clause around it */
        {"2.5.1, 2.5.1.1", "a84d19eb-b843-4c6c-9aca-fbfb05a4015b"}, /* the first one */
        {"2.6.2.6.3", "b6332a98-624d-46b8-bd0e-b77b573662f9"},
        {"2.1", "340e64a4-ae2a-4dc1-b19b-3dd9d57a3359"},
        {"2.50", "340e64a4-ae2a-4dc1-b19b-3dd9d57a3359"}, /* not 2.5 */
        {"1.3", "83e061f8-f6e2-4de1-91bd-5d518a43d477"},  /* the whole */
    };
    struct arena *a = arena_create(1 << 20);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *uri = sarif_clause_uri(a, rows[i].spec);
        assert_non_null(uri);
        assert_string_equal(strrchr(uri, '/') + 1, rows[i].page);
    }
    assert_null(sarif_clause_uri(a, "impl"));
    for (uint32_t i = 0; i < rule_count(); i++)
        assert_int_equal(sarif_clause_uri(a, rule_at(i)->spec) == NULL, strcmp(rule_at(i)->spec, "impl") == 0);
    arena_destroy(a);
}

/* ---- the cap ---- */

static void the_cap_keeps_the_worst(void **state)
{
    (void)state;
    const uint64_t warnings = 20000, errors = 6000;
    struct img *many = img_create(&(struct img_params){.virtual_size = 40000 * MIB, .block_size = MIB, .states = ""});
    struct img *few = img_create(NULL);
    struct checked list[2];
    uint64_t found[SEVERITY_COUNT] = {0};
    enum status st;

    for (uint64_t i = 0; i < warnings; i++)
        img_bat_set(many, img_block_index(many, i), 8); /* reserved bits: VHDX-BAT-007 */
    for (uint64_t i = 0; i < errors; i++)
        img_bat_set(many, img_block_index(many, warnings + i), 4); /* a reserved state: VHDX-BAT-002 */
    img_bat_set(few, 9, img_bat_get(few, 0));
    /* The file with the worst findings comes last. */
    list[0] = reports_check(few, "few.vhdx", UINT64_MAX);
    list[1] = reports_check(many, "many.vhdx", UINT64_MAX);
    cJSON *log = parse(reports_of(list, 2, REPORT_SARIF, 1, &st));
    assert_int_equal(st, STATUS_OK);
    const cJSON *result, *results = member(log, "runs/0/results");
    assert_int_equal(cJSON_GetArraySize(results), LIMIT_SARIF_RESULTS);
    int last = SEVERITY_ERROR;
    cJSON_ArrayForEach(result, results)
    {
        const char *level = text_of(result, "level");
        int severity = strcmp(level, "error") == 0     ? SEVERITY_ERROR
                       : strcmp(level, "warning") == 0 ? SEVERITY_WARNING
                                                       : SEVERITY_INFO;
        assert_true(severity <= last);
        last = severity;
        found[severity]++;
    }
    assert_int_equal(found[SEVERITY_ERROR],
                     list[0].result->counts[SEVERITY_ERROR] + list[1].result->counts[SEVERITY_ERROR]);
    assert_int_equal(found[SEVERITY_WARNING], LIMIT_SARIF_RESULTS - found[SEVERITY_ERROR]);
    assert_int_equal(found[SEVERITY_INFO], 0);
    assert_int_equal(notes(log, "results-left-out"), 1);
    cJSON_Delete(log);
    for (int i = 0; i < 2; i++)
        reports_done(&list[i]);
    img_free(many);
    img_free(few);
}

/* ---- the invocation ---- */

static void the_invocation_tells_the_exit_code(void **state)
{
    static const bool successful[] = {true, true, false, false, false, false, false, false};
    struct img *img = img_create(NULL);
    struct checked c = reports_check(img, "x.vhdx", 1000);
    enum status st;

    (void)state;
    for (int code = 0; code < 8; code++) {
        cJSON *log = parse(reports_of(&c, 1, REPORT_SARIF, code, &st));
        assert_int_equal(st, STATUS_OK);
        assert_int_equal((int)number_of(log, "runs/0/invocations/0/exitCode"), code);
        assert_int_equal(cJSON_IsTrue(member(log, "runs/0/invocations/0/executionSuccessful")), successful[code]);
        cJSON_Delete(log);
    }
    reports_done(&c);
    img_free(img);
}

static void a_file_that_cannot_be_opened_is_a_notification(void **state)
{
    char *text = NULL;
    size_t len = 0;
    struct report r = {.out = open_memstream(&text, &len), .format = REPORT_SARIF, .exit_code = 3};

    (void)state;
    assert_non_null(r.out);
    assert_int_equal(report_begin(&r, "images"), STATUS_OK);
    report_unopened(&r, "a b.vhdx", "a b.vhdx: no such file or directory");
    assert_int_equal(report_end(&r), STATUS_OK);
    assert_int_equal(fclose(r.out), 0);
    cJSON *log = parse(text);
    assert_int_equal(notes(log, "file-not-looked-at"), 1);
    const cJSON *n = member(log, "runs/0/invocations/0/toolExecutionNotifications/0");
    assert_string_equal(text_of(n, "level"), "error");
    assert_string_equal(text_of(n, "message/text"), "a b.vhdx: no such file or directory.");
    assert_string_equal(text_of(n, "locations/0/physicalLocation/artifactLocation/uri"), "a%20b.vhdx");
    assert_int_equal(cJSON_GetArraySize(member(log, "runs/0/results")), 0);
    assert_true(cJSON_IsNull(member(log, "runs/0/artifacts/0/properties/verdict")));
    cJSON_Delete(log);
}

static void the_same_images_give_the_same_bytes(void **state)
{
    struct img *img = img_create(NULL);
    enum status st;

    (void)state;
    img_bat_set(img, 9, img_bat_get(img, 0));
    struct checked c[2] = {reports_check(img, "x.vhdx", 1000), reports_check(img, "x.vhdx", 1000)};
    char *once = reports_of(&c[0], 1, REPORT_SARIF, 1, &st), *twice = reports_of(&c[1], 1, REPORT_SARIF, 1, &st);
    assert_string_equal(once, twice);
    free(once);
    free(twice);
    reports_done(&c[0]);
    reports_done(&c[1]);
    img_free(img);
}

/* ---- temporary files ---- */

static void temporary_files_are_not_needed_but_not_lost_either(void **state)
{
    struct img *img = img_create(NULL);
    enum status st;

    (void)state;
    img_bat_set(img, 9, img_bat_get(img, 0));
    struct checked c = reports_check(img, "x.vhdx", 1000);
    char *whole = reports_of(&c, 1, REPORT_SARIF, 0, &st);
    /* No descriptor is left for one: the same report, from memory. */
    char *text = reports_within(RLIMIT_NOFILE, 0, &c, REPORT_SARIF, &st);
    assert_int_equal(st, STATUS_OK);
    assert_string_equal(text, whole);
    free(text);
    /* They cannot hold it: that is said. */
    text = reports_within(RLIMIT_FSIZE, 1000, &c, REPORT_SARIF, &st);
    assert_int_equal(st, STATUS_IO);
    free(text);
    free(whole);
    reports_done(&c);
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
    struct img *img = img_create(NULL);
    struct checked c = reports_check(img, "x.vhdx", 1000);
    cJSON_Hooks hooks = {.malloc_fn = failing_malloc, .free_fn = free};
    enum status st;

    (void)state;
    cJSON_InitHooks(&hooks);
    char *whole = reports_of(&c, 1, REPORT_SARIF, 0, &st);
    assert_int_equal(st, STATUS_OK);
    for (unsigned long n = 1;; n += 1 + n / 4) {
        fail_in = n;
        char *text = reports_of(&c, 1, REPORT_SARIF, 0, &st);
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
    cJSON_InitHooks(NULL);
    free(whole);
    reports_done(&c);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_told_whole),
        cmocka_unit_test(reports_are_written_for_validators),
        cmocka_unit_test(fingerprints_survive_what_does_not_matter),
        cmocka_unit_test(paths_become_uris),
        cmocka_unit_test(an_image_cannot_put_links_into_messages),
        cmocka_unit_test(clauses_lead_to_the_nearest_page),
        cmocka_unit_test(the_cap_keeps_the_worst),
        cmocka_unit_test(the_invocation_tells_the_exit_code),
        cmocka_unit_test(a_file_that_cannot_be_opened_is_a_notification),
        cmocka_unit_test(the_same_images_give_the_same_bytes),
        cmocka_unit_test(temporary_files_are_not_needed_but_not_lost_either),
        cmocka_unit_test(short_memory_is_admitted),
    };
    return cmocka_run_group_tests_name("sarif", tests, NULL, NULL);
}
