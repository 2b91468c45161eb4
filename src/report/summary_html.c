/* SPDX-License-Identifier: MIT */
/* A summary as a page: verdicts, the worst files, what was found in how many of them. Looks like the reports it sums
 * up. */
#include <inttypes.h>

#include "base/limits.h"
#include "report/html.h"
#include "report/out.h"
#include "report/summary.h"

static const char *verdict_class(unsigned v)
{
    return v < SUMMARY_NOT_JUDGED ? verdict_name((enum verdict)v) : "unreadable";
}

static unsigned worst_verdict(const struct summary *s)
{
    return s->file_count > 0 ? s->files[0].verdict : (unsigned)VERDICT_CLEAN;
}

static void title_text(struct report *r, const struct summary *s)
{
    struct arena *a = report_scratch(r);
    const char *gap = ": ";

    out_printf(r, "%s", count_noun(a, s->file_count, "file"));
    for (unsigned v = 0; v <= SUMMARY_NOT_JUDGED; v++) {
        if (s->verdicts[v] == 0)
            continue;
        out_printf(r, "%s%s %s", gap, group_digits(a, s->verdicts[v]), summary_verdict_name(v));
        gap = ", ";
    }
}

static void section_begin(struct report *r, const char *id, const char *title)
{
    out_printf(r, "<section id=\"%s\" aria-labelledby=\"%s-title\">\n<h3 id=\"%s-title\">%s</h3>\n", id, id, id, title);
}

static void head(struct report *r, const struct summary *s)
{
    const unsigned worst = worst_verdict(s);

    out_printf(r, "<div class=\"verdict %s\">\n<p class=\"stamp\">Worst verdict: %s</p>\n<h2>", verdict_class(worst),
               summary_verdict_name(worst));
    title_text(r, s);
    out_printf(r, "</h2>\n<p class=\"counts\">");
    struct arena *a = report_scratch(r);
    out_printf(r, "%s, %s, %s", count_noun(a, s->counts[SEVERITY_ERROR], "error"),
               count_noun(a, s->counts[SEVERITY_WARNING], "warning"), count_noun(a, s->counts[SEVERITY_INFO], "note"));
    out_printf(r, " in %s.</p>\n", count_noun(a, s->report_count, "report"));
    if (s->incomplete > 0)
        out_printf(
            r,
            "<p class=\"incomplete\"><strong>Incomplete:</strong> %s could not be looked at, or not to the end.</p>\n",
            count_noun(a, s->incomplete, "file"));
    if (s->bad_count > 0)
        out_printf(r,
                   "<p class=\"incomplete\"><strong>Incomplete:</strong> %s of the reports could not be read; see "
                   "<a href=\"#invalid\">lines left out</a>.</p>\n",
                   count_noun(a, s->bad_count, "line"));
    if (s->repeated > 0)
        out_printf(r, "<p>%s about a path that has one already: such files are counted more than once.</p>\n",
                   count_noun(a, s->repeated, "line"));
    if (s->profile_ready + s->profile_not_ready > 0)
        out_printf(r, "<p>Profile: %s ready, %s not.</p>\n", group_digits(a, s->profile_ready),
                   group_digits(a, s->profile_not_ready));
    out_printf(r, "</div>\n");
}

static void file_row(struct report *r, const struct summary_file *f)
{
    (void)report_scratch(r);
    out_printf(r, "<tr><th scope=\"row\">");
    html_safe(r, f->path);
    out_printf(r, "</th><td><span class=\"mini %s\">%s</span>%s</td>", verdict_class(f->verdict),
               summary_verdict_name(f->verdict),
               !f->complete && f->verdict < SUMMARY_NOT_JUDGED ? " (incomplete)" : "");
    for (int i = SEVERITY_ERROR; i >= SEVERITY_INFO; i--)
        html_number_cell(r, f->counts[i]);
    out_printf(r, "<td class=\"ids\">");
    for (unsigned i = 0; i < SUMMARY_RULES_NAMED && f->rules[i] != NULL; i++)
        out_printf(r, "%s%s", i > 0 ? " " : "", f->rules[i]);
    if (f->more_rules > 0)
        out_printf(r, " and %" PRIu32 " more", f->more_rules);
    out_printf(r, "</td></tr>\n");
}

static void files_table(struct report *r, const struct summary *s)
{
    static const char *const heads[] = {"File", "Verdict", ">Errors", ">Warnings", ">Notes", "Worst rules", NULL};
    const uint64_t shown = s->file_count < LIMIT_HTML_FILES ? s->file_count : LIMIT_HTML_FILES;

    section_begin(r, "files", "Files, worst first");
    if (shown == 0)
        out_printf(r, "<p>None.</p>\n");
    if (shown > 0)
        html_table_begin(r, "Files", heads);
    for (uint64_t i = 0; i < shown; i++)
        file_row(r, &s->files[i]);
    if (shown > 0)
        html_table_end(r);
    if (shown < s->file_count)
        out_printf(r,
                   "<p>And %s more, none of them worse; <code>vhdxray summarize -f json</code> lists them all.</p>\n",
                   group_digits(report_scratch(r), s->file_count - shown));
    out_printf(r, "</section>\n");
}

static void rules_table(struct report *r, const struct summary *s)
{
    static const char *const heads[] = {"Rule", "Severity", "What it found", ">Files", ">Findings", NULL};

    section_begin(r, "rules", "Findings by rule");
    if (s->rules_seen == 0)
        out_printf(r, "<p>None.</p>\n");
    if (s->rules_seen > 0)
        html_table_begin(r, "Findings by rule", heads);
    for (uint32_t i = 0; i < s->rules_seen; i++) {
        const struct summary_rule *rule = &s->rules[i];

        (void)report_scratch(r);
        out_printf(r, "<tr><th scope=\"row\"><code>%s</code></th><td><span class=\"badge %s\">%s</span></td>", rule->id,
                   severity_name(rule->severity), severity_name(rule->severity));
        html_cell(r, rule->title != NULL ? rule->title : "not known to this version");
        html_number_cell(r, rule->files);
        html_number_cell(r, rule->findings);
        out_printf(r, "</tr>\n");
    }
    if (s->rules_seen > 0)
        html_table_end(r);
    out_printf(r, "</section>\n");
}

static void bad_lines(struct report *r, const struct summary *s)
{
    static const char *const heads[] = {"Report", ">Line", "Reason", NULL};

    if (s->bad_count == 0)
        return;
    section_begin(r, "invalid", "Lines left out");
    html_table_begin(r, "Lines left out", heads);
    for (uint64_t i = 0; i < s->bad_listed; i++) {
        (void)report_scratch(r);
        out_printf(r, "<tr><th scope=\"row\">");
        html_safe(r, s->bad[i].report);
        out_printf(r, "</th>");
        html_number_cell(r, s->bad[i].line);
        html_cell(r, s->bad[i].reason);
        out_printf(r, "</tr>\n");
    }
    html_table_end(r);
    if (s->bad_listed < s->bad_count)
        out_printf(r, "<p>And %s more.</p>\n", group_digits(report_scratch(r), s->bad_count - s->bad_listed));
    out_printf(r, "</section>\n");
}

void summary_html(struct report *r, const struct summary *s)
{
    html_document_begin(r);
    title_text(r, s);
    out_printf(r, " - VHDX summary");
    html_document_body(r);
    out_printf(r,
               "<a class=\"skip\" href=\"#report\">Skip to the summary</a>\n"
               "<header class=\"page\"><h1>VHDX summary</h1><p>%s %s</p></header>\n<main id=\"report\">\n",
               TOOL_NAME, TOOL_VERSION);
    head(r, s);
    out_printf(r,
               "<nav class=\"sections\" aria-label=\"Sections\"><ul><li><a href=\"#files\">Files</a></li>"
               "<li><a href=\"#rules\">Findings by rule</a></li>%s</ul></nav>\n",
               s->bad_count > 0 ? "<li><a href=\"#invalid\">Lines left out</a></li>" : "");
    files_table(r, s);
    rules_table(r, s);
    bad_lines(r, s);
    html_document_end(r,
                      "Made from JSON lines of <code>vhdxray check</code> alone: the same lines give the same page.");
}
