/* SPDX-License-Identifier: MIT */
/*
 * Many reports in one: what the lines of `check -f jsonl` say, counted. The lines may come from another machine, so
 * they are input like any image: what is no such line is noted with its number and left out.
 */
#ifndef VHDXRAY_REPORT_SUMMARY_H
#define VHDXRAY_REPORT_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "report/report.h"

enum {
    SUMMARY_RULES_NAMED = 4,     /* of a file: those of its worst findings */
    SUMMARY_UNKNOWN_RULES = 256, /* ids that this version does not know; further ones are counted as one */
    SUMMARY_LISTED_LINES = 100,  /* that are no report, named one by one */
    SUMMARY_NOT_JUDGED = REPORT_VERDICTS,
};

struct summary_file {
    const char *path; /* as the report has it */
    uint64_t size;    /* bytes of the file; 0 when it could not be looked at */
    uint64_t counts[SEVERITY_COUNT];
    const char *rules[SUMMARY_RULES_NAMED]; /* of errors and warnings, worst first; NULL behind the last */
    uint32_t more_rules;                    /* that are not named */
    uint8_t verdict;                        /* enum verdict, or SUMMARY_NOT_JUDGED */
    bool complete;
};

struct summary_rule {
    const char *id;
    const char *title;      /* NULL: a rule of another version */
    enum severity severity; /* the worst that was seen */
    uint64_t files, findings;
};

struct summary_bad_line {
    const char *report; /* path of the file with the line */
    uint64_t line;      /* from 1 */
    const char *reason;
};

struct summary {
    struct arena *arena; /* holds everything */
    uint64_t report_count;
    struct summary_file *files; /* worst first after summary_sort() */
    uint64_t file_count, file_cap;
    struct summary_rule *rules; /* after summary_sort() by severity, files, id; those with files > 0 come first */
    uint32_t rule_count, rules_seen;
    uint64_t verdicts[REPORT_VERDICTS + 1]; /* the last: not judged */
    uint64_t incomplete, repeated;          /* repeated: lines about a path that has one already */
    uint64_t counts[SEVERITY_COUNT];
    uint64_t profile_ready, profile_not_ready; /* of check --profile */
    struct summary_bad_line *bad;
    uint64_t bad_count, bad_listed;
    uint32_t *slots; /* of the line that is read: by rule, its number in that line plus one */
    char *text;      /* room for one decoded string */
};

enum { SUMMARY_TEXT_MOST = 64 * 1024 }; /* bytes of a path */

/* False: out of memory, arena_status() says how. */
bool summary_begin(struct summary *s, struct arena *a);
/* A line without its line feed. *ret_reason: why it is no line of a report (it is left out then), or NULL. */
enum status summary_add(struct summary *s, const char *line, size_t len, const char **ret_reason);
/* Notes a line that is left out. */
enum status summary_note(struct summary *s, const char *report, uint64_t line, const char *reason);
/* Once, after the last line. */
enum status summary_sort(struct summary *s);

/* Text, JSON or HTML, as r->format says; for HTML report_begin() was called for another format. */
void report_summary(struct report *r, const struct summary *s);

/* ---- internal to report/ ---- */

const char *summary_verdict_name(unsigned verdict); /* "not looked at" for SUMMARY_NOT_JUDGED */
void summary_html(struct report *r, const struct summary *s);

#endif
