/* SPDX-License-Identifier: MIT */
/*
 * Lines of reports that come back. Input: the text of a file of JSON lines.
 *
 * Asserted: the reader ends, at JSON_END only for what cJSON takes as well; a line is counted as a whole or not at all;
 * the sums are those of the files; the summary is strict text, JSON and a page without a control character.
 */
#include <cjson/cJSON.h>

#include "fuzz/property.h"
#include "fuzz/strict.h"
#include "fuzz/whole.h"
#include "report/json_read.h"
#include "report/summary.h"

static bool read_all(const char *line, size_t len)
{
    struct json_reader r = json_reader_of(line, len);
    enum json_event e;
    size_t events = 0;

    while ((e = json_read(&r)) != JSON_END && e != JSON_BAD)
        ASSERT(++events <= 2 * len + 2);
    ASSERT((e == JSON_BAD) == (r.fault != NULL));
    return e == JSON_END;
}

static void add_line(struct summary *s, const char *line, size_t len)
{
    const uint64_t files = s->file_count;
    const char *reason = NULL;
    bool whole = read_all(line, len);

    enum status st = summary_add(s, line, len, &reason);
    ASSERT(st == STATUS_OK || st == STATUS_LIMIT);
    if (st != STATUS_OK)
        return;
    ASSERT(s->file_count == files + (reason == NULL));
    ASSERT(whole || reason != NULL, "no JSON, and it counts");
    if (reason != NULL)
        ASSERT(summary_note(s, "report", files, reason) == STATUS_OK || arena_status(s->arena) == STATUS_LIMIT);
}

static void judge_sums(const struct summary *s)
{
    uint64_t verdicts = 0, files = 0;

    for (unsigned v = 0; v <= SUMMARY_NOT_JUDGED; v++)
        verdicts += s->verdicts[v];
    ASSERT(verdicts == s->file_count);
    for (uint32_t i = 0; i < s->rule_count; i++) {
        ASSERT((s->rules[i].files > 0) == (i < s->rules_seen));
        ASSERT(s->rules[i].files <= s->file_count);
        files += s->rules[i].files;
    }
    ASSERT(files <= s->file_count * s->rule_count);
    for (uint64_t i = 1; i < s->file_count; i++)
        ASSERT(s->files[i - 1].verdict == s->files[i].verdict || s->files[i].verdict != SUMMARY_NOT_JUDGED);
}

static void write_report(const struct summary *s, enum report_format format)
{
    struct report r = {
        .out = whole_text_begin(), .format = format == REPORT_HTML ? REPORT_TEXT : format, .verbose = true};
    size_t len;

    ASSERT(report_begin(&r, NULL) == STATUS_OK);
    r.format = format;
    report_summary(&r, s);
    ASSERT(report_end(&r) == STATUS_OK);
    const char *text = whole_text_end(&len);
    if (format == REPORT_JSON)
        strict_json(text, len);
    else
        strict_text(text, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = property_arena((uint64_t)16 << 20);
    const char *text = (const char *)data;
    struct summary s;

    ASSERT(summary_begin(&s, a));
    for (size_t at = 0; at < size;) {
        const char *feed = (const char *)memchr(text + at, '\n', size - at);
        size_t end = feed != NULL ? (size_t)(feed - text) : size;
        add_line(&s, text + at, end - at);
        at = end + 1;
    }
    if (summary_sort(&s) == STATUS_OK && arena_status(a) == STATUS_OK) {
        judge_sums(&s);
        write_report(&s, REPORT_TEXT);
        write_report(&s, REPORT_JSON);
        write_report(&s, REPORT_HTML);
    }
    arena_destroy(a);
    return 0;
}
