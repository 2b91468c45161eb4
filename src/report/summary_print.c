/* SPDX-License-Identifier: MIT */
/* A summary as text and JSON. The text names the worst files first, then what was found, then what could not be read.
 */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/element.h"
#include "report/out.h"
#include "report/summary.h"

/* ---- text ---- */

static enum paint verdict_paint(unsigned v)
{
    return v == VERDICT_CLEAN ? PAINT_GOOD : v == VERDICT_SUSPICIOUS ? PAINT_WARNING : PAINT_ERROR;
}

static void text_head(struct report *r, const struct summary *s)
{
    struct arena *a = report_scratch(r);
    const char *gap = ": ";

    out_printf(r, "%s about %s", count_noun(a, s->report_count, "report"), count_noun(a, s->file_count, "file"));
    for (unsigned v = 0; v <= SUMMARY_NOT_JUDGED; v++) {
        if (s->verdicts[v] == 0)
            continue;
        out_printf(r, "%s%s %s", gap, group_digits(a, s->verdicts[v]), summary_verdict_name(v));
        gap = ", ";
    }
    out_printf(r, "\n");
    if (s->incomplete > s->verdicts[SUMMARY_NOT_JUDGED])
        out_printf(r, "%s not looked at to the end\n",
                   count_noun(a, s->incomplete - s->verdicts[SUMMARY_NOT_JUDGED], "file"));
    if (s->repeated > 0)
        out_printf(r, "%s about a path that has one already\n", count_noun(a, s->repeated, "line"));
    if (s->profile_ready + s->profile_not_ready > 0)
        out_printf(r, "profile: %s ready, %s not\n", group_digits(a, s->profile_ready),
                   group_digits(a, s->profile_not_ready));
}

enum { FILES_SHOWN = 25 };

static void text_file(struct report *r, const struct summary_file *f)
{
    struct arena *a = report_scratch(r);

    out_paint(r, verdict_paint(f->verdict), summary_verdict_name(f->verdict), 13);
    out_printf(r, " %8s %8s %8s  ", group_digits(a, f->counts[SEVERITY_ERROR]),
               group_digits(a, f->counts[SEVERITY_WARNING]), group_digits(a, f->counts[SEVERITY_INFO]));
    out_safe(r, f->path);
    for (unsigned i = 0; i < SUMMARY_RULES_NAMED && f->rules[i] != NULL; i++)
        out_printf(r, "%s%s", i == 0 ? "  " : " ", f->rules[i]);
    if (f->more_rules > 0)
        out_printf(r, " and %" PRIu32 " more", f->more_rules);
    if (!f->complete && f->verdict != SUMMARY_NOT_JUDGED)
        out_printf(r, " (incomplete)");
    out_printf(r, "\n");
}

static void text_files(struct report *r, const struct summary *s)
{
    const uint64_t bad = s->file_count - s->verdicts[VERDICT_CLEAN];
    const uint64_t shown = r->verbose ? s->file_count : bad < FILES_SHOWN ? bad : FILES_SHOWN;

    if (shown == 0)
        return;
    out_printf(r, "\n%-13s %8s %8s %8s  %s\n", "verdict", "errors", "warnings", "notes", "file, worst first");
    for (uint64_t i = 0; i < shown; i++)
        text_file(r, &s->files[i]);
    if (!r->verbose && bad > shown)
        out_printf(r, "... and %s more that are not clean (-v lists all)\n",
                   group_digits(report_scratch(r), bad - shown));
}

static void text_rules(struct report *r, const struct summary *s)
{
    uint32_t shown = 0;

    for (uint32_t i = 0; i < s->rules_seen; i++) {
        const struct summary_rule *rule = &s->rules[i];
        struct arena *a = report_scratch(r);

        if (rule->severity == SEVERITY_INFO && !r->verbose)
            continue;
        if (shown++ == 0)
            out_printf(r, "\n%-8s %8s %10s  %s\n", "severity", "files", "findings", "rule");
        out_paint(r, severity_paint(rule->severity), severity_name(rule->severity), 8);
        out_printf(r, " %8s %10s  %-16s %s\n", group_digits(a, rule->files), group_digits(a, rule->findings), rule->id,
                   rule->title != NULL ? rule->title : "(not known to this version)");
    }
    if (!r->verbose && s->rules_seen > shown)
        out_printf(r, "%s only noted something (-v lists them)\n",
                   count_noun(report_scratch(r), s->rules_seen - shown, "rule"));
}

static void text_summary(struct report *r, const struct summary *s)
{
    text_head(r, s);
    if (r->quiet)
        return;
    text_files(r, s);
    text_rules(r, s);
    if (s->bad_count > 0)
        out_printf(r, "\n%s left out, which %s no report; see above\n",
                   count_noun(report_scratch(r), s->bad_count, "line"), s->bad_count == 1 ? "is" : "are");
}

/* ---- JSON ---- */

static cJSON *counts_json(struct json *j, const uint64_t counts[SEVERITY_COUNT])
{
    cJSON *o = json_object(j);

    for (int i = SEVERITY_ERROR; i >= SEVERITY_INFO; i--)
        json_put_u64(j, o, severity_name((enum severity)i), counts[i]);
    return o;
}

static cJSON *verdicts_json(struct json *j, const struct summary *s)
{
    cJSON *o = json_object(j);

    for (int v = 0; v < REPORT_VERDICTS; v++)
        json_put_u64(j, o, verdict_name((enum verdict)v), s->verdicts[v]);
    json_put_u64(j, o, "not_looked_at", s->verdicts[SUMMARY_NOT_JUDGED]);
    return o;
}

static cJSON *rule_row_json(struct json *j, const struct summary_rule *rule)
{
    cJSON *o = json_object(j);

    json_put_text(j, o, "rule", rule->id);
    json_put_text(j, o, "severity", severity_name(rule->severity));
    json_put_text(j, o, "title", rule->title);
    json_put_u64(j, o, "files", rule->files);
    json_put_u64(j, o, "findings", rule->findings);
    return o;
}

static cJSON *file_json(struct json *j, const struct summary_file *f)
{
    cJSON *o = json_object(j), *rules = json_array(j);

    json_put_text(j, o, "path", f->path);
    json_put_text(j, o, "verdict", f->verdict < SUMMARY_NOT_JUDGED ? verdict_name((enum verdict)f->verdict) : NULL);
    json_put_bool(j, o, "complete", f->complete);
    json_put_u64(j, o, "size", f->size);
    json_put(j, o, "counts", counts_json(j, f->counts));
    for (unsigned i = 0; i < SUMMARY_RULES_NAMED && f->rules[i] != NULL; i++)
        json_put_text(j, rules, NULL, f->rules[i]);
    json_put(j, o, "worst_rules", rules);
    json_put_u64(j, o, "more_rules", f->more_rules);
    return o;
}

static cJSON *profile_counts_json(struct json *j, const struct summary *s)
{
    cJSON *o = json_object(j);

    json_put_u64(j, o, "ready", s->profile_ready);
    json_put_u64(j, o, "not_ready", s->profile_not_ready);
    return o;
}

static void json_summary(struct report *r, const struct summary *s)
{
    struct json *j = &r->json;

    json_begin(j, NULL, '{');
    element_envelope(r);
    element_u64(r, "report_count", s->report_count);
    element_u64(r, "file_count", s->file_count);
    json_line(j, "verdicts", verdicts_json(j, s));
    element_u64(r, "incomplete_count", s->incomplete);
    element_u64(r, "repeated_count", s->repeated);
    json_line(j, "counts", counts_json(j, s->counts));
    if (s->profile_ready + s->profile_not_ready > 0)
        json_line(j, "profile", profile_counts_json(j, s));
    json_begin(j, "rules", '[');
    for (uint32_t i = 0; i < s->rules_seen; i++)
        json_line(j, NULL, rule_row_json(j, &s->rules[i]));
    json_end(j, ']');
    json_begin(j, "files", '[');
    for (uint64_t i = 0; i < s->file_count; i++)
        json_line(j, NULL, file_json(j, &s->files[i]));
    json_end(j, ']');
    element_u64(r, "invalid_line_count", s->bad_count);
    json_begin(j, "invalid_lines", '[');
    for (uint64_t i = 0; i < s->bad_listed; i++) {
        cJSON *o = json_object(j);
        json_put_text(j, o, "report", s->bad[i].report);
        json_put_u64(j, o, "line", s->bad[i].line);
        json_put_text(j, o, "reason", s->bad[i].reason);
        json_line(j, NULL, o);
    }
    json_end(j, ']');
    json_end(j, '}');
}

void report_summary(struct report *r, const struct summary *s)
{
    if (r->format == REPORT_HTML)
        summary_html(r, s);
    else if (r->format == REPORT_TEXT)
        text_summary(r, s);
    else
        json_summary(r, s);
}
