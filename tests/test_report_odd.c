/* SPDX-License-Identifier: MIT */
/*
 * Reports of what the checks hardly come to, or never all at once: results, logs and sets of files that are put
 * together by hand, and what each form makes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "build.h"
#include "report/chain.h"
#include "report/change.h"
#include "report/check.h"
#include "report/dump.h"
#include "report/guest.h"
#include "report/log_report.h"
#include "report/out.h"
#include "report/report.h"
#include "report/sarif.h"
#include "report/summary.h"
#include "reports.h"

#include <cmocka.h> /* behind the others: its macro fail() would eat the function of check/rule.h */

#include "said.h"

/* ---- what a report says ---- */

static unsigned times(const struct said *s, const char *words)
{
    unsigned n = 0;
    for (const char *at = s->text; (at = strstr(at, words)) != NULL; at++)
        n++;
    return n;
}

/* ---- words on a terminal ---- */

static char *wrapped(unsigned width, unsigned at, unsigned indent, const char *text)
{
    struct said s;

    said_open(&s, REPORT_TEXT);
    s.r.width = width;
    assert_int_equal(report_begin(&s.r, NULL), STATUS_OK);
    out_wrapped(&s.r, at, indent, text);
    s.r.quiet = true;
    assert_int_equal(report_end(&s.r), STATUS_OK);
    said_close(&s);
    return s.text;
}

static void lines_are_broken_at_spaces(void **state)
{
    static const struct {
        unsigned width, at, indent;
        const char *text, *expected;
    } rows[] = {
        {0, 0, 2, "one two three", "one two three"},
        {8, 0, 2, "one two three", "one two\n  three"},
        {8, 8, 2, "one", "\n  one"},
        {8, 2, 2, "longer-than-a-line", "longer-than-a-line"}, /* nothing is gained by another line */
        {8, 0, 2, "one two   ", "one two   "},                 /* nor by one of spaces */
        {8, 0, 2, "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f two", "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f two"},
        {8, 0, 2, "\xe4\xb8\xad\xe6\x96\x87 two", "\xe4\xb8\xad\xe6\x96\x87 two"}, /* two columns each: eight in sum */
        {7, 0, 2, "\xe4\xb8\xad\xe6\x96\x87 two", "\xe4\xb8\xad\xe6\x96\x87\n  two"},
        {8, 0, 2, "a\x7f\x1f", "a\\u{7f}\\u{1f}"},
        {8, 0, 2, NULL, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = wrapped(rows[i].width, rows[i].at, rows[i].indent, rows[i].text);
        assert_string_equal(text, rows[i].expected);
        free(text);
    }
}

static void strings_and_colours(void **state)
{
    struct said s;

    (void)state;
    said_open(&s, REPORT_TEXT);
    s.r.color = true;
    assert_int_equal(report_begin(&s.r, NULL), STATUS_OK);
    out_safe(&s.r, NULL);
    out_color(&s.r, PAINT_NONE); /* has no code */
    out_paint(&s.r, PAINT_NONE, "plain", 0);
    out_safe(&s.r, "a\x7f");
    out_safe(&s.r, "\xff");
    said_close(&s);
    assert_int_equal(strncmp(s.text, "plaina\\u{7f}", 12), 0);
    assert_silent(&s, "\x1b[");
    assert_silent(&s, "\xff");
    free(s.text);
    s.text = NULL;
    FILE *nothing = fopen("/dev/null", "w");
    assert_non_null(nothing);
    s.r.out = nothing;
    s.r.quiet = true;
    assert_int_equal(report_end(&s.r), STATUS_OK);
    assert_int_equal(fclose(nothing), 0);
}

static void names_beside_bytes(void **state)
{
    static const struct dump_name names[] = {{.off = 0x1008, .len = 4, .name = "first"},
                                             {.off = 0x100c, .len = 4, .name = "second"},
                                             {.off = 0x100e, .len = 2, .name = "third"},
                                             {.off = 0x1010, .len = 2, .name = "elsewhere"}};
    static const uint8_t bytes[16] = {0x41};
    struct said s;

    (void)state;
    said_open(&s, REPORT_TEXT);
    s.r.width = 30;
    s.r.color = true;
    assert_int_equal(report_begin(&s.r, NULL), STATUS_OK);
    hex_row_text(&s.r, 0x1000, bytes, sizeof(bytes), names, 4);
    hex_row_text(&s.r, 0x1000, bytes, 3, NULL, 0);
    s.r.width = 24;
    hex_row_text(&s.r, 0x1000, bytes, sizeof(bytes),
                 (struct dump_name[]){{.off = 0x1000, .len = 16, .name = "a-name-longer-than-a-line"},
                                      {.off = 0x1004, .len = 1, .name = "b"}},
                 2);
    s.r.quiet = true;
    assert_int_equal(report_end(&s.r), STATUS_OK);
    said_close(&s);
    assert_says(&s, "|A.......\x1b[1;36m....\x1b[0m\x1b[1;33m....\x1b[0m|\n              ");
    assert_says(&s, "second\x1b[0m,\n              ");
    assert_silent(&s, "elsewhere");
    assert_says(&s, "  |A..             |\n");
    free(s.text);
}

/* ---- JSON ---- */

static void strings_longer_than_memory(void **state)
{
    bool lossy = false;

    (void)state;
    /* Nothing of it is read but the first byte. */
    assert_true(json_escaped_len("\n", SIZE_MAX) == SIZE_MAX);
    assert_null(json_escape("\n", SIZE_MAX, &lossy));
    char *marks = json_escape("\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", 8, &lossy);
    assert_string_equal(marks, "\"\\u200e\\u200f\\u061c\"");
    assert_false(lossy);
    free(marks);
}

/* ---- results by hand ---- */

static char *reported(const struct check_result *res, enum report_format format, bool verbose, unsigned width)
{
    struct said s;

    said_open(&s, format);
    s.r.verbose = verbose;
    s.r.width = width;
    assert_int_equal(report_begin(&s.r, "images"), STATUS_OK);
    report_check(&s.r, res);
    assert_int_equal(report_end(&s.r), STATUS_OK);
    said_close(&s);
    return s.text;
}

static void assert_reports(const struct check_result *res, enum report_format format, const char *words)
{
    struct said s = {.text = reported(res, format, false, 0)};
    assert_says(&s, words);
    free(s.text);
}

static void assert_does_not_report(const struct check_result *res, enum report_format format, const char *words)
{
    struct said s = {.text = reported(res, format, false, 0)};
    assert_silent(&s, words);
    free(s.text);
}

static void facts_of_the_host(void **state)
{
    struct img *img = img_create(NULL);
    struct checked c = reports_check(img, "x.vhdx", 1000);

    (void)state;
    assert_does_not_report(c.result, REPORT_HTML, "Unfinished repair");
    assert_does_not_report(c.result, REPORT_SARIF, "\"journal\"");
    c.image->host.journal = "applying";
    assert_reports(c.result, REPORT_HTML, "Unfinished repair</dt><dd>a journal lies beside the file: applying");
    assert_reports(c.result, REPORT_SARIF, "\"journal\":\"applying\"");
    reports_done(&c);
    img_free(img);
}

/* Findings of other rules, severities and places than an image has them all at once. */
static void findings_by_hand(void **state)
{
    enum { MANY = 12, RELATED = 66 };
    struct img *img = img_create(NULL);
    static struct finding findings[MANY];
    static struct finding *list[MANY];
    struct related_place related[RELATED];

    (void)state;
    img_bat_set(img, 9, img_bat_get(img, 0));
    img_resize(img, img->size + 5); /* the last bytes are no whole row */
    struct checked c = reports_check(img, "x.vhdx", 1000);
    struct check_result res = *c.result;
    assert_true(res.finding_count > 0);
    for (uint32_t i = 0; i < MANY; i++) {
        findings[i] = *c.result->findings[0];
        findings[i].rule = rule_at(i);
        findings[i].rule_number = i;
        findings[i].severity = i < 9 ? SEVERITY_ERROR : SEVERITY_WARNING;
        findings[i].means = findings[i].next = NULL;
        list[i] = &findings[i];
    }
    res.findings = list;
    res.finding_count = MANY;
    for (uint32_t i = 0; i < MANY; i++)
        res.rules[i].count = 1;

    /* Six kinds on top, the others counted. */
    assert_reports(&res, REPORT_HTML, "<li>and 6 more kinds of findings</li>");
    res.finding_count = 5;
    assert_does_not_report(&res, REPORT_HTML, "more kinds of findings");

    /* One rule with two severities is two groups. */
    findings[1].rule = findings[0].rule;
    findings[1].rule_number = 0;
    findings[1].severity = SEVERITY_WARNING;
    assert_int_equal(finding_group_end(&res, 0), 1);
    findings[1].severity = SEVERITY_ERROR;
    assert_int_equal(finding_group_end(&res, 0), 2);

    /* Further ones at no place, behind the end, at the last bytes. */
    findings[1].at = (struct place){.structure = STRUCTURE_FILE, .index = -1, .off = 0, .len = 0};
    assert_reports(&res, REPORT_HTML, "1 further finding of the same kind");
    findings[1].at.off = img->size + MIB;
    findings[1].at.len = 8;
    assert_reports(&res, REPORT_HTML, "<td>none</td>");
    findings[0].at = (struct place){.structure = STRUCTURE_FILE, .index = -1, .off = img->size - 5, .len = 5};
    assert_reports(&res, REPORT_HTML, "<mark>00 00 00 00 00</mark>");

    /* What to do next: the name of the file for FILE, and nothing for a longer word. */
    findings[0].next = "vhdxray repair FILE, not FILES; or FILE";
    findings[0].severity = SEVERITY_INFO;
    assert_string_equal(finding_next_step(c.arena, c.image, &findings[0]),
                        "vhdxray repair x.vhdx, not FILES; or x.vhdx");
    res.finding_count = 1;
    struct said s = {.text = reported(&res, REPORT_TEXT, false, 400)};
    assert_says(&s, "     vhdxray repair x.vhdx, not FILES; or x.vhdx\n"); /* in the line itself */
    free(s.text);
    s.text = reported(&res, REPORT_TEXT, false, 60);
    assert_says(&s, "\n              "); /* in a line of its own */
    free(s.text);

    /* More related places than are listed; a view that has no other. */
    for (uint64_t i = 0; i < RELATED; i++)
        related[i] = (struct related_place){.structure = STRUCTURE_PAYLOAD, .index = (int64_t)i, .off = i * MIB};
    findings[0].related = related;
    findings[0].related_count = LIMIT_LISTED;
    assert_does_not_report(&res, REPORT_SARIF, "relatedCount");
    findings[0].related_count = RELATED;
    assert_reports(&res, REPORT_SARIF, "\"relatedCount\":66");
    const char *before = sarif_fingerprint(c.arena, c.image, &findings[0]);
    findings[0].view = findings[0].view == VIEW_STORED ? VIEW_REPLAYED : VIEW_STORED;
    assert_string_equal(sarif_fingerprint(c.arena, c.image, &findings[0]), before);

    /* None at all, although something stops a program. */
    res.finding_count = 0;
    assert_reports(&res, REPORT_HTML, "<p>Nothing was found.</p>");
    reports_done(&c);
    img_free(img);
}

/* As many results as a run takes, one severity at a time. */
static void more_results_of_each_severity(void **state)
{
    const uint64_t many = LIMIT_SARIF_RESULTS + 1;
    struct img *img = img_create(NULL);
    struct finding **list = calloc((size_t)many, sizeof(struct finding *));

    (void)state;
    assert_non_null(list);
    img_bat_set(img, 9, img_bat_get(img, 0));
    struct checked c = reports_check(img, "x.vhdx", 1000);
    struct check_result res = *c.result;
    struct finding f = *res.findings[0];
    f.has_guest_range = false;
    for (uint64_t i = 0; i < many; i++)
        list[i] = &f;
    res.findings = list;
    res.finding_count = many;
    for (int severity = SEVERITY_INFO; severity <= SEVERITY_ERROR; severity++) {
        f.severity = (enum severity)severity;
        struct said s = {.text = reported(&res, REPORT_SARIF, false, 0)};
        assert_says(&s, severity == SEVERITY_ERROR     ? "takes 25,000 results: 1 error, 0 warnings, 0 notes;"
                        : severity == SEVERITY_WARNING ? "takes 25,000 results: 0 errors, 1 warning, 0 notes;"
                                                       : "takes 25,000 results: 0 errors, 0 warnings, 1 note;");
        free(s.text);
    }
    free(list);
    reports_done(&c);
    img_free(img);
}

static void exit_codes_in_words(void **state)
{
    static const struct {
        int code;
        const char *words;
    } rows[] = {{0, "completed, nothing at or above --fail-on"},
                {6, "stopped by a limit"},
                {7, "internal error"},
                {8, "internal error"},
                {-1, "internal error"}};
    struct img *img = img_create(NULL);
    struct checked c = reports_check(img, "x.vhdx", 1000);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct said s;
        said_open(&s, REPORT_SARIF);
        s.r.exit_code = rows[i].code;
        assert_int_equal(report_begin(&s.r, "images"), STATUS_OK);
        report_check(&s.r, c.result);
        assert_int_equal(report_end(&s.r), STATUS_OK);
        said_close(&s);
        assert_says(&s, rows[i].words);
        free(s.text);
    }
    reports_done(&c);
    img_free(img);
}

/* A path longer than a title is cut between two characters. */
static void a_long_title(void **state)
{
    char path[400] = "a", title[400] = "<title>a";
    struct img *img = img_create(NULL);

    (void)state;
    for (int i = 0; i < 150; i++) {
        memcpy(path + 1 + 2 * i, "\xc3\xa4", 3);
        if (i < 99) /* 199 bytes: the character at 199 and 200 does not fit */
            memcpy(title + 8 + 2 * i, "\xc3\xa4", 3);
    }
    strcat(title, "...: ");
    struct checked c = reports_check(img, path, 1000);
    assert_reports(c.result, REPORT_HTML, title);
    reports_done(&c);
    img_free(img);
}

/* ---- facts ---- */

static void flags_of_items(void **state)
{
    static const struct {
        uint8_t flags;
        const char *words;
    } rows[] = {{3, ">user, virtual disk<"}, {2, ">virtual disk<"}, {0x10, ">0x10<"}, {0x15, ">user, required, 0x10<"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct img *img = img_create(NULL);
        img_metadata_entry(img, KNOWN_ITEM_VIRTUAL_DISK_ID)[24] = rows[i].flags;
        struct checked c = reports_check(img, "x.vhdx", 1000);
        assert_reports(c.result, REPORT_HTML, rows[i].words);
        reports_done(&c);
        img_free(img);
    }
}

static void facts_twice(void **state)
{
    struct img *img = img_create(NULL);
    struct said s;

    (void)state;
    img_resize(img, 18 * MIB);
    struct checked c = reports_check(img, "x.vhdx", 1000);
    said_open(&s, REPORT_TEXT);
    assert_int_equal(report_begin(&s.r, NULL), STATUS_OK);
    report_info(&s.r, c.image);
    report_info(&s.r, c.image);
    s.r.quiet = true;
    (void)report_end(&s.r);
    said_close(&s);
    assert_int_equal(times(&s, "x.vhdx\n"), 2);
    assert_says(&s, "\n\nx.vhdx\n"); /* an empty line between the two */
    free(s.text);
    assert_reports(c.result, REPORT_TEXT, "in an 18 MiB file");

    /* A log that cannot be replayed, and one of which that is not known. */
    c.image->log_state = LOG_STATE_INVALID;
    c.image->replay = (struct replay){.attempted = true, .refused = true};
    assert_reports(c.result, REPORT_TEXT, "damaged, replay refused");
    c.image->replay.refused = false;
    assert_does_not_report(c.result, REPORT_TEXT, "replay refused");
    reports_done(&c);
    img_free(img);
}

/* ---- logs ---- */

static char *log_of(const struct checked *c, enum report_format format, bool verbose)
{
    struct said s;

    said_open(&s, format);
    s.r.verbose = verbose;
    assert_int_equal(report_begin(&s.r, NULL), STATUS_OK);
    assert_int_equal(report_log(&s.r, c->image, true), STATUS_OK);
    s.r.quiet = true;
    assert_int_equal(report_end(&s.r), STATUS_OK);
    said_close(&s);
    return s.text;
}

static void logs_that_could_not_be_read(void **state)
{
    struct img *img = img_create(NULL);
    struct said s;

    (void)state;
    img_make_dirty_bat(img, 3, 0);
    struct checked c = reports_check(img, "x.vhdx", 1000);
    c.image->log.scanned = false;
    s.text = log_of(&c, REPORT_TEXT, false);
    assert_says(&s, ", not readable\n");
    free(s.text);
    assert_reports(c.result, REPORT_HTML, ", not readable");
    const struct log_scan log = c.image->log;
    c.image->log = (struct log_scan){.off = MIB};
    s.text = log_of(&c, REPORT_TEXT, false);
    assert_silent(&s, "not readable");
    free(s.text);
    assert_does_not_report(c.result, REPORT_HTML, ", not readable");
    c.image->log = log;
    c.image->log.scanned = true;
    c.image->replay.refused = true;
    c.image->replay.fault_count = 0;
    assert_reports(c.result, REPORT_HTML, "to replay, refused: the log could not be read");
    reports_done(&c);
    img_free(img);
}

/* Entries, sessions and sequences of which more are there than are listed. */
static void more_of_a_log_than_is_listed(void **state)
{
    struct img *img = img_create(NULL);
    struct said s;

    (void)state;
    for (uint32_t i = 0; i < 80; i++)
        img_log_write(img, i * 8192,
                      &(struct img_log_entry){
                          .sequence_number = 1 + 2 * i, .tail = i * 8192, .guid = img_guid(IMG_WINDOWS, 'S', i + 1)});
    struct checked c = reports_check(img, "x.vhdx", 1000);
    assert_int_equal(c.image->log.entry_count, 80);
    s.text = log_of(&c, REPORT_TEXT, false);
    assert_says(&s, "... and 16 more; -v lists all");
    free(s.text);
    s.text = log_of(&c, REPORT_TEXT, true);
    assert_silent(&s, "-v lists all");
    free(s.text);
    reports_done(&c);
    img_free(img);
}

static void pages_of_a_plan(void **state)
{
    static const struct {
        enum owner_kind kind;
        uint64_t off;
        const char *structure, *owner;
    } rows[] = {{OWNER_NONE, 64 << 20, NULL, "free space"},
                {OWNER_HEADER_SECTION, 0x10000, "header", "the header section"},
                {OWNER_HEADER_SECTION, 0x30000, "region_table", "region table 1"},
                {OWNER_HEADER_SECTION, 0x40000, "region_table", "region table 2"},
                {OWNER_HEADER_SECTION, 0x50000, "file", "the header section"},
                {OWNER_LOG, MIB, "log", NULL},
                {OWNER_BITMAP, 64 << 20, "sector_bitmap", NULL},
                {OWNER_PAYLOAD, 64 << 20, "payload", "a payload block"},
                {OWNER_ANCHOR, 64 << 20, "payload", NULL}};
    struct img *img = img_create(NULL);
    struct checked c = reports_check(img, "x.vhdx", 1000);
    struct said s;

    (void)state;
    said_open(&s, REPORT_TEXT);
    assert_int_equal(report_begin(&s.r, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct replay_page p = {.off = rows[i].off, .owner = {.kind = rows[i].kind}};
        const char *name = plan_structure_name(c.image, &p);
        if (rows[i].structure == NULL)
            assert_null(name);
        else
            assert_string_equal(name, rows[i].structure);
        if (rows[i].owner != NULL)
            assert_string_equal(plan_owner_text(&s.r, c.image, &p), rows[i].owner);
    }
    /* Regions, by which of them it is. */
    const struct view *v = c.image->main;
    const struct replay_page metadata = {.off = v->metadata_region.off,
                                         .owner = {.kind = OWNER_REGION, .ref = v->metadata_region.entry}},
                             bat = {.off = v->bat.off, .owner = {.kind = OWNER_REGION, .ref = v->bat_region.entry}},
                             other = {.off = 64 << 20, .owner = {.kind = OWNER_REGION, .ref = 7}};
    assert_string_equal(plan_structure_name(c.image, &metadata), "metadata");
    assert_string_equal(plan_structure_name(c.image, &bat), "bat");
    assert_string_equal(plan_structure_name(c.image, &other), "file");
    c.image->main->metadata_region.found = false;
    assert_string_equal(plan_structure_name(c.image, &metadata), "file");
    s.r.quiet = true;
    (void)report_end(&s.r);
    said_close(&s);
    free(s.text);
    reports_done(&c);
    img_free(img);
}

/* What no scan and no replay of this version says. */
static void faults_without_a_name(void **state)
{
    (void)state;
    assert_string_equal(replay_fault_text(REPLAY_FAULT_IN_LOG), "target in the log itself");
    assert_string_equal(replay_fault_text((enum replay_fault_kind)99), "bad target");
    assert_string_equal(log_defect_text(LOG_DEFECT_CHECKSUM), "wrong checksum");
    assert_string_equal(log_defect_text(99), "not valid");
}

static void note_change(void *ctx, uint64_t index, uint64_t old, uint64_t new)
{
    uint64_t *seen = ctx;

    seen[0]++;
    seen[1] = index;
    seen[2] = old;
    seen[3] = new;
}

/* A page that holds a BAT that neither begins nor ends with a page. */
static void pages_at_the_ends_of_a_bat(void **state)
{
    uint8_t old[REPLAY_PAGE_LEN] = {0}, new[REPLAY_PAGE_LEN];
    struct img *img = img_create(NULL);
    struct checked c = reports_check(img, "x.vhdx", 1000);
    struct bat *b = &c.image->main->bat;
    uint64_t seen[4] = {0};

    (void)state;
    memset(new, 1, sizeof(new));
    const uint64_t off = b->off;
    struct replay_page p = {.off = off, .old = old, .new = new};
    b->off = off + 1024;
    b->slots = 3;
    plan_bat_changes(c.image, &p, note_change, seen);
    assert_int_equal(seen[0], 3);
    assert_int_equal(seen[1], 2);
    assert_int_equal(seen[2], 0);
    assert_int_equal(seen[3], 0x0101010101010101);
    p.off = off + REPLAY_PAGE_LEN; /* behind it */
    plan_bat_changes(c.image, &p, note_change, seen);
    assert_int_equal(seen[0], 3);
    reports_done(&c);
    img_free(img);
}

/* ---- what was changed ---- */

static void changes_that_hardly_happen(void **state)
{
    struct said s;

    (void)state;
    said_open(&s, REPORT_TEXT);
    assert_int_equal(report_begin(&s.r, NULL), STATUS_OK);
    report_write(&s.r, &(struct write_report){.path = "a.vhdx", .replayed = true, .complete = true});
    report_write(&s.r, &(struct write_report){.path = "b.vhdx", .complete = true});
    report_replay(&s.r, &(struct replay_report){.path = "c.vhdx",
                                                .replayed = true,
                                                .entries = 1,
                                                .pages_changed = 2,
                                                .old_size = 8 * MIB,
                                                .new_size = 9 * MIB,
                                                .verdict = "clean"});
    s.r.quiet = true;
    report_rules(&s.r);
    (void)report_end(&s.r);
    said_close(&s);
    assert_says(&s, "a.vhdx: nothing to write; its log was replayed\n");
    assert_says(&s, "b.vhdx: nothing to write\n");
    assert_says(&s, "c.vhdx: log replayed: 1 entry, 2 pages changed, file grown to 9 MiB; now clean\n");
    assert_silent(&s, "vhdxray explain ID tells more"); /* the list alone */
    assert_says(&s, "VHDX-BAT-001");
    free(s.text);
}

/* One requirement and several, in words. */
static void profiles_by_hand(void **state)
{
    struct profile p = {.kind = PROFILE_AZURE, .unmet = 1};
    struct said s;

    (void)state;
    said_open(&s, REPORT_TEXT);
    assert_int_equal(report_begin(&s.r, NULL), STATUS_OK);
    profile_text(&s.r, &p);
    p.unmet = 2;
    profile_text(&s.r, &p);
    s.r.quiet = true;
    (void)report_end(&s.r);
    said_close(&s);
    assert_says(&s, "not ready: 1 requirement stands against it\n");
    assert_says(&s, "not ready: 2 requirements stand against it\n");
    free(s.text);
}

/* ---- chains ---- */

enum { FILES = 9 };

static void chains_by_hand(void **state)
{
    struct chain_file files[FILES];
    struct chain_set set = {.files = files, .count = FILES};
    struct said s;

    (void)state;
    for (uint32_t i = 0; i < FILES; i++)
        files[i] = (struct chain_file){.path = "",
                                       .opened = true,
                                       .shown = true,
                                       .used = true,
                                       .same_as = CHAIN_NONE,
                                       .type = i == 0 ? DISK_DYNAMIC : DISK_DIFFERENCING,
                                       .verdict = i == 0 ? LINK_NOT_NEEDED : LINK_FITS,
                                       .parent = CHAIN_NONE,
                                       .first_child = CHAIN_NONE,
                                       .next_sibling = CHAIN_NONE};
    static const char *const paths[FILES] = {"root", "left", "left-leaf", "right", "right-leaf",
                                             "last", "odd",  "deep",      "unused"};
    for (uint32_t i = 0; i < FILES; i++)
        files[i].path = paths[i];
    /* root: left (left-leaf), right (right-leaf), last */
    files[0].first_child = 1;
    files[1].parent = files[3].parent = files[5].parent = 0;
    files[1].next_sibling = 3;
    files[3].next_sibling = 5;
    files[1].first_child = 2;
    files[2].parent = 1;
    files[3].first_child = 4;
    files[4].parent = 3;
    files[6].verdict = LINK_UNKNOWN; /* alone, and says nothing of its parent */
    files[7].verdict = LINK_MISSING;
    files[8].used = false;
    said_open(&s, REPORT_TEXT);
    assert_int_equal(report_begin(&s.r, NULL), STATUS_OK);
    report_chain(&s.r, &set);
    s.r.quiet = true;
    (void)report_end(&s.r);
    said_close(&s);
    const char *order[] = {"root", "left", "left-leaf", "right", "right-leaf", "last", "odd", "deep", "MISSING PARENT"};
    const char *at = s.text;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        at = strstr(at, order[i]);
        if (at == NULL)
            fail_msg("%s is not where it belongs:\n%s", order[i], s.text);
        at += strlen(order[i]);
    }
    assert_silent(&s, "unused");
    free(s.text);

    said_open(&s, REPORT_TEXT);
    s.r.quiet = true;
    assert_int_equal(report_begin(&s.r, NULL), STATUS_OK);
    report_chain(&s.r, &set);
    (void)report_end(&s.r);
    said_close(&s);
    assert_silent(&s, "root");
    assert_says(&s, "1 missing parent");
    free(s.text);
}

/* ---- summaries ---- */

static const char report_line[] = "{\"schema_version\":\"1.0\",\"tool\":{\"name\":\"vhdxray\",\"version\":\"9\"},"
                                  "\"path\":\"a.vhdx\",\"size\":%s,\"verdict\":\"corrupt\",\"complete\":%s,"
                                  "\"findings\":[%s],\"counts\":{\"error\":%s,\"warning\":0,\"info\":0},"
                                  "\"suppressed\":{%s},\"limits\":[]}";

static const char *reason_for(const char *size, const char *complete, const char *findings, const char *errors,
                              const char *suppressed)
{
    struct arena *a = arena_create(16 << 20);
    const char *reason = NULL;
    struct summary sum;
    char *line;

    assert_non_null(a);
    assert_true(summary_begin(&sum, a));
    int len = asprintf(&line, report_line, size, complete, findings, errors, suppressed);
    assert_true(len > 0);
    assert_int_equal(summary_add(&sum, line, (size_t)len, &reason), STATUS_OK);
    assert_int_equal(sum.file_count, reason == NULL);
    free(line);
    arena_destroy(a);
    return reason;
}

static void lines_that_are_no_reports(void **state)
{
    static const struct {
        const char *size, *complete, *findings, *errors, *suppressed, *reason;
    } rows[] = {
        {"4096", "true", "", "0", "", NULL},
        {"null", "false", "", "0", "", NULL},
        {"\"4096\"", "true", "", "0", "", "size is no number"},
        {"1.5", "true", "", "0", "", "size is no number"},
        {"1", "1", "", "0", "", "neither true nor false"},
        {"1", "true", "1", "0", "", "a finding that is none"},
        {"1", "true", "", "true", "", "no whole number"},
        {"1", "true", "", "-1", "", "no whole number"},
        {"1", "true", "", "0", "\"VHDX-BAT-001\":true", "no whole number"},
        {"1", "true", "", "0", "\"VHDX-BAT-0012\":1", "a rule with an impossible id"},
        {"1", "true", "", "0", "\"VHDX-ABCDEFGHIJKLMNOPQRSTUVWXYZ-001\":1", "a rule with an impossible id"},
        {"1", "true", "", "0", "\"VHDX-BAT-001\":18446744073709551615,\"VHDX-BAT-001\":1",
         "an impossible number of findings"},
        {"1", "true",
         "{\"rule\":\"VHDX-BAT-001\",\"severity\":\"info\"},{\"rule\":\"VHDX-BAT-001\",\"severity\":\"error\"}", "1",
         "", NULL},
        {"1", "true", "{\"rule\":\"VHDX-BAT-001\"}", "1", "", "a finding that is none"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *reason =
            reason_for(rows[i].size, rows[i].complete, rows[i].findings, rows[i].errors, rows[i].suppressed);
        if (rows[i].reason == NULL && reason != NULL)
            fail_msg("row %zu: %s", i, reason);
        if (rows[i].reason != NULL) {
            assert_non_null(reason);
            assert_string_equal(reason, rows[i].reason);
        }
    }
}

/* More files that are not clean than are listed. */
static void more_files_than_are_listed(void **state)
{
    struct arena *a = arena_create(16 << 20);
    const char *reason = NULL;
    struct summary sum;
    struct said s;

    (void)state;
    assert_non_null(a);
    assert_true(summary_begin(&sum, a));
    for (int i = 0; i < 30; i++) {
        char *line;
        int len = asprintf(&line, report_line, "1", "true", "", "0", "");
        assert_true(len > 0);
        char path = (char)(i < 26 ? 'A' + i : 'b' + i - 26);
        *(strstr(line, "a.vhdx")) = path;
        assert_int_equal(summary_add(&sum, line, (size_t)len, &reason), STATUS_OK);
        assert_null(reason);
        free(line);
    }
    assert_int_equal(summary_sort(&sum), STATUS_OK);
    for (int verbose = 0; verbose < 2; verbose++) {
        said_open(&s, REPORT_TEXT);
        s.r.verbose = verbose == 1;
        assert_int_equal(report_begin(&s.r, NULL), STATUS_OK);
        report_summary(&s.r, &sum);
        s.r.quiet = true;
        (void)report_end(&s.r);
        said_close(&s);
        assert_int_equal(times(&s, ".vhdx\n"), verbose == 1 ? 30 : 25);
        if (verbose == 1)
            assert_silent(&s, "that are not clean (-v lists all)");
        else
            assert_says(&s, "... and 5 more that are not clean (-v lists all)");
        free(s.text);
    }
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_broken_at_spaces),
        cmocka_unit_test(strings_and_colours),
        cmocka_unit_test(names_beside_bytes),
        cmocka_unit_test(strings_longer_than_memory),
        cmocka_unit_test(facts_of_the_host),
        cmocka_unit_test(findings_by_hand),
        cmocka_unit_test(more_results_of_each_severity),
        cmocka_unit_test(exit_codes_in_words),
        cmocka_unit_test(a_long_title),
        cmocka_unit_test(flags_of_items),
        cmocka_unit_test(facts_twice),
        cmocka_unit_test(logs_that_could_not_be_read),
        cmocka_unit_test(more_of_a_log_than_is_listed),
        cmocka_unit_test(pages_of_a_plan),
        cmocka_unit_test(faults_without_a_name),
        cmocka_unit_test(pages_at_the_ends_of_a_bat),
        cmocka_unit_test(changes_that_hardly_happen),
        cmocka_unit_test(profiles_by_hand),
        cmocka_unit_test(chains_by_hand),
        cmocka_unit_test(lines_that_are_no_reports),
        cmocka_unit_test(more_files_than_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
