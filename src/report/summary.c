/* SPDX-License-Identifier: MIT */
/* Counting: the files of a summary in a growing array, the rules in a table that starts as the catalogue. */
#include "report/summary.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

const char *summary_verdict_name(unsigned verdict)
{
    return verdict < SUMMARY_NOT_JUDGED ? verdict_name((enum verdict)verdict) : "not looked at";
}

bool summary_begin(struct summary *s, struct arena *a)
{
    *s = (struct summary){.arena = a, .rule_count = rule_count()};
    s->rules =
        (struct summary_rule *)arena_array(a, (uint64_t)rule_count() + SUMMARY_UNKNOWN_RULES + 1, sizeof(*s->rules));
    s->bad = (struct summary_bad_line *)arena_array(a, SUMMARY_LISTED_LINES, sizeof(*s->bad));
    s->text = (char *)arena_alloc(a, SUMMARY_TEXT_MOST);
    s->slots = (uint32_t *)arena_array(a, (uint64_t)rule_count() + SUMMARY_UNKNOWN_RULES + 1, sizeof(*s->slots));
    if (s->rules == NULL || s->bad == NULL || s->slots == NULL || s->text == NULL)
        return false;
    for (uint32_t i = 0; i < s->rule_count; i++)
        s->rules[i] = (struct summary_rule){.id = rule_at(i)->id, .title = rule_at(i)->title};
    return true;
}

enum status summary_note(struct summary *s, const char *report, uint64_t line, const char *reason)
{
    s->bad_count++;
    if (s->bad_listed == SUMMARY_LISTED_LINES)
        return STATUS_OK;
    struct summary_bad_line *b = &s->bad[s->bad_listed];
    *b = (struct summary_bad_line){.report = arena_copy(s->arena, report, strlen(report)), .line = line};
    b->reason = arena_copy(s->arena, reason, strlen(reason));
    if (b->report == NULL || b->reason == NULL)
        return arena_status(s->arena);
    s->bad_listed++;
    return STATUS_OK;
}

/* ---- order ---- */

/* The worst first; what could not be looked at may be worse than anything. */
static int compare_files(const void *left, const void *right)
{
    static const uint8_t badness[] = {[VERDICT_CLEAN] = 0,
                                      [VERDICT_SUSPICIOUS] = 1,
                                      [VERDICT_CORRUPT] = 2,
                                      [VERDICT_UNREADABLE] = 3,
                                      [SUMMARY_NOT_JUDGED] = 4};
    const struct summary_file *a = (const struct summary_file *)left, *b = (const struct summary_file *)right;
    int d = badness[b->verdict] - badness[a->verdict];

    for (int i = SEVERITY_ERROR; d == 0 && i >= SEVERITY_INFO; i--)
        d = u64_compare(b->counts[i], a->counts[i]);
    return d != 0 ? d : strcmp(a->path, b->path);
}

static int compare_rules(const void *left, const void *right)
{
    const struct summary_rule *a = (const struct summary_rule *)left, *b = (const struct summary_rule *)right;

    if ((a->files > 0) != (b->files > 0))
        return a->files > 0 ? -1 : 1;
    int d = (int)b->severity - (int)a->severity;
    if (d == 0)
        d = u64_compare(b->files, a->files);
    return d != 0 ? d : strcmp(a->id, b->id);
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static enum status count_repeated(struct summary *s)
{
    const char **paths = (const char **)arena_array(s->arena, s->file_count, sizeof(*paths));

    if (paths == NULL)
        return arena_status(s->arena);
    for (uint64_t i = 0; i < s->file_count; i++)
        paths[i] = s->files[i].path;
    qsort(paths, s->file_count, sizeof(*paths), compare_paths);
    for (uint64_t i = 1; i < s->file_count; i++)
        s->repeated += strcmp(paths[i - 1], paths[i]) == 0;
    arena_release(s->arena, paths);
    return STATUS_OK;
}

enum status summary_sort(struct summary *s)
{
    enum status st = s->file_count > 0 ? count_repeated(s) : STATUS_OK;

    if (st != STATUS_OK)
        return st;
    if (s->file_count > 0)
        qsort(s->files, s->file_count, sizeof(*s->files), compare_files);
    qsort(s->rules, s->rule_count, sizeof(*s->rules), compare_rules);
    for (s->rules_seen = 0; s->rules_seen < s->rule_count && s->rules[s->rules_seen].files > 0;)
        s->rules_seen++;
    return STATUS_OK;
}
