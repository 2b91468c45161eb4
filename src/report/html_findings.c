/* SPDX-License-Identifier: MIT */
/*
 * Findings of the page, in the order of the check: errors and warnings as cards with what is wrong, where, what it
 * means, the next step and the bytes; notes as lines that unfold to the same. Further findings of one rule are rows of
 * a table.
 */
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "report/check.h"
#include "report/element.h"
#include "report/html.h"
#include "report/out.h"

static void finding_id(struct report *r, const struct finding *f)
{
    out_printf(r, "i%" PRIu64 "-%s-%s", html_image_number(r), f->rule->id, severity_name(f->severity));
}

void html_finding_link(struct report *r, const struct finding *f)
{
    out_printf(r, "<a href=\"#");
    finding_id(r, f);
    out_printf(r, "\">%s</a>", f->rule->id);
}

static const char *severity_word(enum severity s)
{
    return s == SEVERITY_ERROR ? "Error" : s == SEVERITY_WARNING ? "Warning" : "Note";
}

static void told(struct report *r, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        html_fact(r, name, text);
}

static void finding_body(struct report *r, const struct image *img, const struct finding *f)
{
    struct arena *a = report_scratch(r);

    out_printf(r, "<dl class=\"told\">\n");
    told(r, "Where", finding_place_text(a, img, f));
    told(r, "Found", f->message);
    told(r, "Expected", f->expected);
    told(r, "Actual", f->actual);
    told(r, "Means", finding_means_text(f));
    told(r, "Next", finding_next_step(a, img, f));
    if (f->repair != REPAIR_NONE)
        told(r, "Repair",
             f->repair == REPAIR_AUTOMATIC ? "automatic: what the guest sees stays as it is"
                                           : "only with consent: it may lose data or evidence");
    told(r, "Quirk", f->quirk != NULL ? text_format(a, "known of images written by %s", f->quirk) : NULL);
    told(r, "Specification", text_format(a, "%s; vhdxray explain %s", rule_spec_text(a, f->rule), f->rule->id));
    out_printf(r, "</dl>\n");
    html_evidence(r, img, f);
}

static void further_row(struct report *r, const struct image *img, const struct finding *f)
{
    struct arena *a = report_scratch(r);

    out_printf(r, "<tr>");
    html_cell(r, finding_place_text(a, img, f));
    html_cell(r, f->message);
    out_printf(r, "<td>");
    html_evidence_line(r, img, f);
    out_printf(r, "</td></tr>\n");
}

/* What follows the first finding of a group: [first + 1, end), and what is only counted. */
static void further_findings(struct report *r, const struct check_result *res, uint64_t first, uint64_t end)
{
    static const char *const heads[] = {"Where", "Found", "Bytes", NULL};
    const struct finding *f = res->findings[first];
    uint64_t listed = end - first - 1 < LIMIT_HTML_FINDINGS ? end - first - 1 : LIMIT_HTML_FINDINGS;
    uint64_t more = end - first - 1 - listed + finding_group_unlisted(res, first);
    struct arena *a = report_scratch(r);

    if (listed + more == 0)
        return;
    out_printf(r, "<details><summary>%s of the same kind</summary>\n", count_noun(a, listed + more, "further finding"));
    if (listed > 0) {
        html_table_begin(r, text_format(a, "Further findings of %s", f->rule->id), heads);
        for (uint64_t i = 0; i < listed; i++)
            further_row(r, res->image, res->findings[first + 1 + i]);
        html_table_end(r);
    }
    if (more > 0)
        out_printf(
            r, "<p>%s not listed here; <code>vhdxray check -f jsonl</code> lists up to --max-findings of them.</p>\n",
            count_noun(report_scratch(r), more, "more finding"));
    out_printf(r, "</details>\n");
}

static void card(struct report *r, const struct check_result *res, uint64_t first, uint64_t end)
{
    const struct finding *f = res->findings[first];
    const char *class = severity_name(f->severity);

    out_printf(r, "<article class=\"finding %s\" aria-labelledby=\"", class);
    finding_id(r, f);
    out_printf(r, "\">\n<h4 id=\"");
    finding_id(r, f);
    out_printf(r, "\"><span class=\"badge %s\">%s</span> <code>%s</code> ", class, severity_word(f->severity),
               f->rule->id);
    html_safe(r, f->rule->title);
    out_printf(r, "</h4>\n");
    finding_body(r, res->image, f);
    further_findings(r, res, first, end);
    out_printf(r, "</article>\n");
}

static void note(struct report *r, const struct check_result *res, uint64_t first, uint64_t end)
{
    const struct finding *f = res->findings[first];
    uint64_t count = end - first + finding_group_unlisted(res, first);

    out_printf(r, "<details class=\"finding info\"><summary id=\"");
    finding_id(r, f);
    out_printf(r, "\"><span class=\"badge info\">Note</span> <code>%s</code> ", f->rule->id);
    html_safe(r, count == 1 ? f->message : f->rule->title);
    if (count > 1)
        out_printf(r, " (%s times)", group_digits(report_scratch(r), count));
    out_printf(r, "</summary>\n");
    finding_body(r, res->image, f);
    further_findings(r, res, first, end);
    out_printf(r, "</details>\n");
}

void html_findings(struct report *r, const struct check_result *res)
{
    uint64_t end;

    html_section_begin(r, "findings", "Findings");
    if (res->finding_count == 0)
        out_printf(r, "<p>Nothing was found.</p>\n");
    else if (res->counts[SEVERITY_ERROR] + res->counts[SEVERITY_WARNING] == 0)
        out_printf(r, "<p>No error and no warning. What is worth knowing:</p>\n");
    for (uint64_t i = 0; i < res->finding_count; i = end) {
        end = finding_group_end(res, i);
        if (res->findings[i]->severity == SEVERITY_INFO)
            note(r, res, i, end);
        else
            card(r, res, i, end);
    }
    html_section_end(r);
}
