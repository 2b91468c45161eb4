/* SPDX-License-Identifier: MIT */
/*
 * One checked image for people: the verdict, what the image is, then each finding with what is wrong, where, what it
 * means for the guest's data and the next safe step; at the end the log, who opens the file, what was looked at and
 * what was not. The order is that of the HTML page. Findings of one rule stand together: the first is told in full, the
 * others only where they differ.
 */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "check/forecast.h"
#include "format/layout.h"
#include "report/check.h"
#include "report/element.h"
#include "report/out.h"

static enum paint verdict_paint(enum verdict v)
{
    return v == VERDICT_CLEAN ? PAINT_GOOD : v == VERDICT_SUSPICIOUS ? PAINT_WARNING : PAINT_ERROR;
}

static void verdict_line(struct report *r, const struct check_result *res)
{
    struct text word = text_in(report_scratch(r));

    for (const char *c = verdict_name(res->verdict); *c != '\0'; c++)
        text_addf(&word, "%c", toupper((unsigned char)*c));
    out_safe(r, res->image->path);
    out_printf(r, ": ");
    out_paint(r, verdict_paint(res->verdict), text_str(&word), 0);
    out_printf(r, res->complete ? "\n" : " (incomplete: not everything could be looked at)\n");
}

/* ---- one finding ---- */

enum { LABEL_COLUMN = 9, DETAIL_COLUMN = 17 };

static void detail(struct report *r, const char *label, const char *s)
{
    if (s[0] == '\0')
        return;
    out_printf(r, "%*s", LABEL_COLUMN, "");
    out_paint(r, PAINT_DIM, label, DETAIL_COLUMN - LABEL_COLUMN - 1);
    out_printf(r, " ");
    out_wrapped(r, DETAIL_COLUMN, DETAIL_COLUMN, s);
    out_printf(r, "\n");
}

static unsigned head_column(const struct finding *f)
{
    return LABEL_COLUMN + (unsigned)strlen(f->rule->id) + 2;
}

/* Without the end of the line. */
static void head_line(struct report *r, const struct finding *f, const char *text)
{
    out_paint(r, severity_paint(f->severity), severity_name(f->severity), LABEL_COLUMN - 1);
    out_printf(r, " %s  ", f->rule->id);
    out_wrapped(r, head_column(f), head_column(f), text);
}

static void full_finding(struct report *r, const struct image *img, const struct finding *f)
{
    struct arena *a = report_scratch(r);

    head_line(r, f, f->rule->title);
    out_printf(r, "\n");
    detail(r, "where", finding_place_text(a, img, f));
    detail(r, "found", f->message);
    detail(r, "means", finding_means_text(f));
    detail(r, "next", finding_next_step(a, img, f));
    detail(r, "spec", text_format(a, "%s; vhdxray explain %s", rule_spec_text(a, f->rule), f->rule->id));
}

static void further_finding(struct report *r, const struct image *img, const struct finding *f,
                            const struct finding *first)
{
    struct arena *a = report_scratch(r);

    detail(r, "also", finding_place_text(a, img, f));
    detail(r, "", f->message);
    if (strcmp(finding_means_text(f), finding_means_text(first)) != 0)
        detail(r, "means", finding_means_text(f));
    if (strcmp(finding_next_text(f), finding_next_text(first)) != 0)
        detail(r, "next", finding_next_step(a, img, f));
}

/* Infos of one rule on one line, with a hint when there is something to run: a command is never broken, to be copied.
 */
static void info_line(struct report *r, const struct image *img, const struct finding *f, uint64_t count)
{
    enum { GAP = 5 };
    struct arena *a = report_scratch(r);
    const char *next = finding_next_step(a, img, f);
    struct text t = text_in(a);

    text_add(&t, count == 1 ? f->message : f->rule->title);
    if (count > 1)
        text_addf(&t, " (%s times; -v lists them)", group_digits(a, count));
    head_line(r, f, text_str(&t));
    if (strncmp(next, "vhdxray ", 8) == 0) {
        bool own_line = r->width > 0 && head_column(f) + t.len + GAP + strlen(next) > r->width;
        bool command = next[strcspn(next, ":;,")] == '\0';

        out_printf(r, own_line ? "\n%*s" : "%*s", own_line ? (int)head_column(f) : GAP, "");
        if (own_line && !command)
            out_wrapped(r, head_column(f), head_column(f), next);
        else
            out_safe(r, next);
    }
    out_printf(r, "\n");
}

/* Findings of one rule and severity: [first, end). */
static void finding_group(struct report *r, const struct check_result *res, uint64_t first, uint64_t end)
{
    const struct finding *f = res->findings[first];
    uint64_t unlisted = finding_group_unlisted(res, first);

    if (f->severity == SEVERITY_INFO && !r->verbose) {
        info_line(r, res->image, f, end - first + unlisted);
        return;
    }
    full_finding(r, res->image, f);
    for (uint64_t i = first + 1; i < end; i++)
        further_finding(r, res->image, res->findings[i], f);
    if (unlisted > 0) {
        struct arena *a = report_scratch(r);
        detail(r, "",
               text_format(a, "... and %s more that are only counted (--max-findings)", group_digits(a, unlisted)));
    }
}

static void all_findings(struct report *r, const struct check_result *res)
{
    uint64_t end;

    for (uint64_t i = 0; i < res->finding_count; i = end) {
        end = finding_group_end(res, i);
        finding_group(r, res, i, end);
    }
}

/* ---- what else there is to say ---- */

enum { TAIL_INDENT = 2 };

static void tail_line(struct report *r, const struct text *t)
{
    out_wrapped(r, 0, TAIL_INDENT, text_str(t));
    out_printf(r, "\n");
}

/* What lies in the log; nothing when nothing does. */
static void log_line(struct report *r, const struct check_result *res)
{
    const struct log_scan *s = &res->image->log;
    struct arena *a = report_scratch(r);
    struct text t = text_in(a);
    uint64_t invalid = s->entry_count - s->valid_live - s->valid_stale;

    if (s->entry_count == 0)
        return;
    text_addf(&t, "log: %s %s", group_digits(a, s->entry_count), s->entry_count == 1 ? "entry" : "entries");
    text_addf(&t, ", %s to replay", group_digits(a, s->has_active ? s->active_count : 0));
    if (s->valid_stale > 0)
        text_addf(&t, ", %s of earlier sessions", group_digits(a, s->valid_stale));
    if (invalid > 0)
        text_addf(&t, ", %s not valid", group_digits(a, invalid));
    tail_line(r, &t);
}

static void add_reasons(struct text *t, const struct forecast_peer *peer)
{
    enum { NAMED = 3 };

    for (uint32_t i = 0; i < peer->count && i < NAMED; i++)
        text_addf(t, "%s%s", i == 0 ? " (" : ", ", peer->because[i]);
    if (peer->count > NAMED)
        text_addf(t, " and %u more", (unsigned)(peer->count - NAMED));
    text_add(t, ")");
}

/* "forecast: opened by QEMU, VirtualBox; refused by Hyper-V (VHDX-BAT-016)". */
static void forecast_line(struct report *r, const struct check_result *res)
{
    struct text t = text_in(r->scratch);
    const char *gap = " opened by ";
    struct forecast forecast;

    if (forecast_make(r->scratch, res, &forecast) != STATUS_OK)
        return;
    text_add(&t, res->complete ? "forecast:" : "forecast, as far as was looked:");
    for (unsigned bit = 0; bit < PEER_COUNT; bit++) {
        if (forecast.peers[bit].count > 0)
            continue;
        text_addf(&t, "%s%s", gap, peer_title(bit));
        gap = ", ";
    }
    gap = gap[0] == ',' ? "; refused by " : " refused by ";
    for (unsigned bit = 0; bit < PEER_COUNT; bit++) {
        if (forecast.peers[bit].count == 0)
            continue;
        text_addf(&t, "%s%s", gap, peer_title(bit));
        add_reasons(&t, &forecast.peers[bit]);
        gap = ", ";
    }
    tail_line(r, &t);
}

static void add_structures(struct arena *a, struct text *t, const struct image *img)
{
    const struct view *v = img->main;
    uint64_t headers = (img->headers[0].got > 0) + (uint64_t)(img->headers[1].got > 0);
    uint64_t tables = (v->regions[0].got > 0) + (uint64_t)(v->regions[1].got > 0);

    text_addf(t, "looked at: %s, %s", count_noun(a, headers, "header"), count_noun(a, tables, "region table"));
    if (v->metadata.absence == ABSENT_NOT)
        text_addf(t, ", %s", count_noun(a, v->metadata.table.usable_count, "metadata item"));
    if (img->log.scanned)
        text_addf(t, ", %s", count_noun(a, img->log.len / LOG_SECTOR_LEN, "log sector"));
    if (v->survey != NULL)
        text_addf(t, ", %s BAT %s", group_digits(a, v->bat.walk_entries),
                  v->bat.walk_entries == 1 ? "entry" : "entries");
    if (img->parent != NULL && img->parent->state == PARENT_FOUND)
        text_add(t, ", the parent");
}

/* "212 rules, 17 not evaluated (12: no parent given, 5: no valid region table)". */
static void coverage_line(struct report *r, const struct check_result *res)
{
    struct arena *a = report_scratch(r);
    struct text t = text_in(a);
    struct unevaluated *reasons = NULL;
    uint32_t count = unevaluated_reasons(r, res, &reasons), missing = rule_count() - res->evaluated;

    add_structures(a, &t, res->image);
    if (res->deep)
        text_add(&t, ", the content of blocks and of free space");
    text_addf(&t, "; %s", count_noun(a, rule_count(), "rule"));
    if (missing == 0)
        text_add(&t, ", all evaluated");
    else
        text_addf(&t, ", %s not evaluated", group_digits(a, missing));
    for (uint32_t i = 0; i < count; i++) {
        text_add(&t, i == 0 ? " (" : ", ");
        if (count > 1)
            text_addf(&t, "%u: ", (unsigned)reasons[i].rules);
        text_add(&t, reasons[i].reason);
    }
    if (count > 0)
        text_add(&t, ")");
    tail_line(r, &t);
}

static void counts_line(struct report *r, const struct check_result *res)
{
    struct arena *a = report_scratch(r);

    out_printf(r, "%s, %s, %s\n", count_noun(a, res->counts[SEVERITY_ERROR], "error"),
               count_noun(a, res->counts[SEVERITY_WARNING], "warning"),
               count_noun(a, res->counts[SEVERITY_INFO], "note"));
}

void check_text(struct report *r, const struct check_result *res)
{
    if (r->images > 0 && !r->quiet)
        out_printf(r, "\n");
    verdict_line(r, res);
    if (r->quiet) {
        if (r->profile != NULL && !r->profile->ready)
            profile_text(r, r->profile);
        return;
    }
    facts_lines(r, res->image);
    out_printf(r, "\n");
    all_findings(r, res);
    for (uint32_t i = 0; i < res->limit_count; i++) {
        struct text t = text_in(report_scratch(r));

        out_paint(r, PAINT_ERROR, "limit", LABEL_COLUMN - 1);
        text_addf(&t, " %s: %s", res->limits[i].name, res->limits[i].message);
        out_wrapped(r, LABEL_COLUMN - 1, LABEL_COLUMN, text_str(&t));
        out_printf(r, "\n");
    }
    if (r->profile != NULL)
        profile_text(r, r->profile);
    log_line(r, res);
    forecast_line(r, res);
    coverage_line(r, res);
    counts_line(r, res);
}
