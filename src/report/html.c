/* SPDX-License-Identifier: MIT */
/*
 * The frame of the HTML page and the head of each image: what stands around the sections. Images go to a temporary file
 * one by one; at the end comes the head of the page with its summary, then the table of contents, then the images.
 */
#include "report/html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/check.h"
#include "report/out.h"
#include "report/spool.h"

enum { TITLE_SIZE = 256, TITLE_PATH = 200 };

struct html {
    struct spool body, contents;
    FILE *page;             /* the real output */
    char title[TITLE_SIZE]; /* of the first image, not escaped for HTML; "" when there is none */
};

enum status html_begin(struct report *r)
{
    struct html *h = (struct html *)calloc(1, sizeof(*h));

    if (h == NULL)
        return STATUS_NO_MEMORY;
    if (!spool_open(&h->body) || !spool_open(&h->contents)) {
        spool_close(&h->body);
        spool_close(&h->contents);
        free(h);
        return STATUS_NO_MEMORY;
    }
    h->page = r->out;
    r->out = h->body.file;
    r->html = h;
    return STATUS_OK;
}

uint64_t html_image_number(const struct report *r)
{
    return r->images + r->unopened + 1;
}

/* ---- words of a verdict ---- */

static const struct verdict_words {
    const char *class, *sign, *word, *meaning;
} verdict_words[] = {
    [VERDICT_CLEAN] = {"clean", "\xe2\x9c\x93", "Clean", "no error and no warning was found"},
    [VERDICT_SUSPICIOUS] = {"suspicious", "!", "Suspicious", "there are warnings, and no error"},
    [VERDICT_CORRUPT] = {"corrupt", "\xe2\x9c\x97", "Corrupt", "there is at least one error"},
    [VERDICT_UNREADABLE] = {"unreadable", "\xe2\x9c\x97", "Unreadable",
                            "the structures that are needed to find the guest disk are missing"},
};

static void counts_text(struct report *r, const struct check_result *res)
{
    struct arena *a = report_scratch(r);

    out_printf(r, "%s, %s, %s", count_noun(a, res->counts[SEVERITY_ERROR], "error"),
               count_noun(a, res->counts[SEVERITY_WARNING], "warning"),
               count_noun(a, res->counts[SEVERITY_INFO], "note"));
}

/* ---- table of contents ---- */

/* A long path is cut between two characters. */
static void remember_title(struct report *r, const char *path, const char *word)
{
    struct html *h = r->html;
    const char *text = text_printable(report_scratch(r), path, strlen(path));
    size_t len = strlen(text);

    if (h->title[0] != '\0')
        return;
    if (len > TITLE_PATH) {
        len = TITLE_PATH;
        while (((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    (void)snprintf(h->title, sizeof(h->title), "%.*s%s: %s", (int)len, text, text[len] != '\0' ? "..." : "", word);
}

/* res: NULL for a file that could not be looked at. */
static void contents_row(struct report *r, const char *path, const struct check_result *res)
{
    const char *word = res != NULL ? verdict_words[res->verdict].word : "Not looked at";

    remember_title(r, path, word);
    r->out = r->html->contents.file;
    (void)report_scratch(r);
    out_printf(r, "<tr><th scope=\"row\"><a href=\"#i%" PRIu64 "\">", html_image_number(r));
    html_safe(r, path);
    out_printf(r, "</a></th><td><span class=\"mini %s\">%s</span></td>",
               res != NULL ? verdict_words[res->verdict].class : "unreadable", word);
    for (int s = SEVERITY_ERROR; s >= SEVERITY_INFO; s--) {
        if (res != NULL)
            html_number_cell(r, res->counts[s]);
        else
            out_printf(r, "<td class=\"number\">-</td>");
    }
    out_printf(r, "</tr>\n");
    r->out = r->html->body.file;
}

/* ---- an image ---- */

static void sections_nav(struct report *r, const char *path)
{
    static const struct {
        const char *id, *title;
    } sections[] = {
        {"facts", "Facts"},       {"file", "Map of the file"}, {"disk", "Map of the guest disk"},
        {"findings", "Findings"}, {"log", "Log history"},      {"compatibility", "Compatibility"},
        {"profile", NULL},        {"coverage", "Coverage"},
    };

    out_printf(r, "<nav class=\"sections\" aria-label=\"Sections of ");
    html_safe(r, path);
    out_printf(r, " (%" PRIu64 ")\"><ul>", html_image_number(r));
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        const char *title = sections[i].title;

        if (title == NULL && r->profile == NULL)
            continue;
        out_printf(r, "<li><a href=\"#i%" PRIu64 "-%s\">%s</a></li>", html_image_number(r), sections[i].id,
                   title != NULL ? title : profile_title(r->profile->kind));
    }
    out_printf(r, "</ul></nav>\n");
}

static void article_begin(struct report *r, const char *class, const char *sign, const char *word, const char *path)
{
    uint64_t n = html_image_number(r);

    (void)report_scratch(r);
    out_printf(r,
               "<article class=\"image\" aria-labelledby=\"i%" PRIu64 "\">\n<div class=\"verdict %s\">\n"
               "<p class=\"stamp\"><span aria-hidden=\"true\">%s</span> %s</p>\n<h2 id=\"i%" PRIu64 "\">",
               n, class, sign, word, n);
    html_safe(r, path);
    out_printf(r, "</h2>\n");
}

/* The worst of what was found, one line for each rule. */
static void worst_list(struct report *r, const struct check_result *res)
{
    enum { LISTED = 6 };
    unsigned listed = 0, more = 0;
    uint64_t end;

    for (uint64_t i = 0; i < res->finding_count && res->findings[i]->severity != SEVERITY_INFO; i = end) {
        const struct finding *f = res->findings[i];

        end = finding_group_end(res, i);
        if (listed == LISTED) {
            more++;
            continue;
        }
        out_printf(r, listed++ == 0 ? "<ul class=\"worst\">\n<li>" : "<li>");
        html_finding_link(r, f);
        out_printf(r, " ");
        html_safe(r, f->rule->title);
        out_printf(r, "</li>\n");
    }
    if (more > 0)
        out_printf(r, "<li>and %u more kinds of findings</li>\n", more);
    if (listed > 0)
        out_printf(r, "</ul>\n");
}

static void verdict_head(struct report *r, const struct check_result *res)
{
    const struct verdict_words *w = &verdict_words[res->verdict];
    const struct image *img = res->image;

    article_begin(r, w->class, w->sign, w->word, img->path);
    out_printf(r, "<p class=\"counts\">");
    counts_text(r, res);
    out_printf(r, ": %s.</p>\n", w->meaning);
    if (!res->complete)
        out_printf(r,
                   "<p class=\"incomplete\"><strong>Incomplete:</strong> not everything could be looked at; see "
                   "<a href=\"#i%" PRIu64 "-coverage\">coverage</a>.</p>\n",
                   html_image_number(r));
    worst_list(r, res);
    out_printf(r, "</div>\n");
}

void html_image(struct report *r, const struct check_result *res)
{
    contents_row(r, res->image->path, res);
    verdict_head(r, res);
    sections_nav(r, res->image->path);
    html_facts(r, res);
    html_maps(r, res);
    html_findings(r, res);
    html_log(r, res);
    html_compatibility(r, res);
    if (r->profile != NULL)
        html_profile(r, r->profile);
    html_coverage(r, res);
    out_printf(r, "</article>\n");
}

void html_unopened(struct report *r, const char *path, const char *message)
{
    r->unopened--; /* it is the one that is being written */
    contents_row(r, path, NULL);
    article_begin(r, "unreadable", "?", "Not looked at", path);
    out_printf(r, "<p>");
    html_safe(r, message);
    out_printf(r, "</p>\n</div>\n</article>\n");
    r->unopened++;
}

/* ---- the page ---- */

static void summary_text(struct report *r)
{
    struct arena *a = report_scratch(r);
    const char *gap = ": ";

    out_printf(r, "%s", count_noun(a, r->images + r->unopened, "file"));
    for (int v = 0; v < REPORT_VERDICTS; v++) {
        if (r->verdicts[v] == 0)
            continue;
        out_printf(r, "%s%s %s", gap, group_digits(a, r->verdicts[v]), verdict_name((enum verdict)v));
        gap = ", ";
    }
    if (r->unopened > 0)
        out_printf(r, "%s%s could not be looked at", gap, group_digits(a, r->unopened));
}

void html_document_begin(struct report *r)
{
    out_printf(r,
               "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-%s'; "
               "base-uri 'none'; form-action 'none'\">\n"
               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
               "<meta name=\"color-scheme\" content=\"light dark\">\n"
               "<meta name=\"referrer\" content=\"no-referrer\">\n"
               "<meta name=\"generator\" content=\"%s %s\">\n<title>",
               html_style_digest, TOOL_NAME, TOOL_VERSION);
}

void html_document_body(struct report *r)
{
    out_printf(r, "</title>\n<style>");
    (void)fputs(html_style, r->out);
    out_printf(r, "</style>\n</head>\n<body>\n");
}

void html_document_end(struct report *r, const char *made_from)
{
    out_printf(r,
               "</main>\n<footer class=\"page\"><p>%s It loads nothing and runs no script.</p></footer>\n</body>\n"
               "</html>\n",
               made_from);
}

static void page_head(struct report *r)
{
    html_document_begin(r);
    if (r->images + r->unopened == 1)
        html_safe(r, r->html->title);
    else
        summary_text(r);
    out_printf(r, " - VHDX report");
    html_document_body(r);
    html_patterns(r);
    out_printf(r,
               "<a class=\"skip\" href=\"#report\">Skip to the report</a>\n"
               "<header class=\"page\"><h1>VHDX report</h1><p>%s %s; ",
               TOOL_NAME, TOOL_VERSION);
    summary_text(r);
    out_printf(r, "</p></header>\n");
}

static bool copy(struct report *r, struct spool *s)
{
    FILE *from = spool_read(s);
    char buf[16 * 1024];
    size_t n;

    if (from == NULL)
        return false;
    while ((n = fread(buf, 1, sizeof(buf), from)) > 0)
        (void)fwrite(buf, 1, n, r->out);
    return !ferror(from);
}

enum status html_end(struct report *r)
{
    static const char *const heads[] = {"File", "Verdict", ">Errors", ">Warnings", ">Notes", NULL};
    struct html *h = r->html;
    bool whole = true;

    r->out = h->page;
    page_head(r);
    if (r->images + r->unopened > 1) {
        out_printf(r, "<nav class=\"contents\" aria-label=\"Files\">\n");
        html_table_begin(r, "Files in this report", heads);
        whole = copy(r, &h->contents);
        html_table_end(r);
        out_printf(r, "</nav>\n");
    }
    out_printf(r, "<main id=\"report\">\n");
    whole = copy(r, &h->body) && whole;
    html_document_end(r, "Made from the files alone, which were only read: the same files give the same page.");
    spool_close(&h->body);
    spool_close(&h->contents);
    free(h);
    r->html = NULL;
    return whole ? STATUS_OK : STATUS_IO;
}
