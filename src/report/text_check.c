/* SPDX-License-Identifier: MIT */
/*
 * One checked image for people: the verdict, what the image is, then each finding with what is wrong, where, what it
 * means for the guest's data and the next safe step; at the end what was looked at and what was not. Findings of one
 * rule stand together: the first is told in full, the others only where they differ.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
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
    char word[16];
    const char *name = verdict_name(res->verdict);
    size_t i = 0;

    for (; name[i] != '\0' && i + 1 < sizeof(word); i++)
        word[i] = (char)toupper((unsigned char)name[i]);
    word[i] = '\0';
    out_safe(r, res->image->path);
    out_printf(r, ": ");
    out_paint(r, verdict_paint(res->verdict), word, 0);
    out_printf(r, res->complete ? "\n" : " (incomplete: not everything could be looked at)\n");
}

/* ---- one finding ---- */

/*
 * A structure for people, and what its index counts; the second word is left out with the index. Region tables have two
 * kinds of index (copy, entry), so there the file offset alone says where.
 */
static const struct {
    const char *name, *item;
} place_words[] = {
    [STRUCTURE_FILE] = {"file", NULL},
    [STRUCTURE_FILE_ID] = {"file identifier", NULL},
    [STRUCTURE_HEADER] = {"header", ""},
    [STRUCTURE_REGION_TABLE] = {"region table", NULL},
    [STRUCTURE_METADATA] = {"metadata", " entry"},
    [STRUCTURE_BAT] = {"BAT", " entry"},
    [STRUCTURE_SECTOR_BITMAP] = {"sector bitmap", " of chunk"},
    [STRUCTURE_LOG] = {"log", " sector"},
    [STRUCTURE_PARENT_LOCATOR] = {"parent locator", " pair"},
    [STRUCTURE_CHAIN] = {"chain", " link"},
    [STRUCTURE_PAYLOAD] = {"payload", " block"},
};

static const char *place_text(struct arena *a, const struct finding *f, bool two_views)
{
    struct text t = text_in(a);

    text_add(&t, place_words[f->at.structure].name);
    if (f->at.index >= 0 && place_words[f->at.structure].item != NULL)
        text_addf(&t, "%s %" PRId64, place_words[f->at.structure].item, f->at.index);
    text_addf(&t, ", file offset 0x%" PRIx64, f->at.off);
    if (f->at.len > 0)
        text_addf(&t, ", %s", text_size(a, f->at.len));
    if (f->has_guest_range)
        text_addf(&t, "; guest offset 0x%" PRIx64 ", %s", f->guest_off, text_size(a, f->guest_len));
    if (two_views && f->view == VIEW_STORED)
        text_add(&t, "; as stored, before the log is replayed");
    return text_str(&t);
}

static void detail(struct report *r, const char *label, const char *s)
{
    if (s[0] == '\0')
        return;
    out_printf(r, "         ");
    out_paint(r, PAINT_DIM, label, 7);
    out_printf(r, " ");
    out_safe(r, s);
    out_printf(r, "\n");
}

static void head_line(struct report *r, const struct finding *f, const char *text)
{
    out_paint(r, severity_paint(f->severity), severity_name(f->severity), 8);
    out_printf(r, " %s  ", f->rule->id);
    out_safe(r, text);
}

/*
 * The path in the place of the word FILE. In a text that holds a command line only when a shell would read the path as one
 * word; else the word stays, and the reader quotes the path.
 */
static const char *next_text(struct arena *a, const struct image *img, const struct finding *f)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+,:@%/=";
    const char *next = finding_next_text(f);
    bool is_plain = img->path[0] != '-' && img->path[strspn(img->path, plain)] == '\0';
    struct text t = text_in(a);

    if (strstr(next, "vhdxray ") != NULL && !is_plain)
        return next;
    for (const char *at; (at = strstr(next, " FILE")) != NULL;) {
        text_add_bytes(&t, next, (size_t)(at - next));
        next = at + 5;
        text_addf(&t, " %s", *next == '\0' || strchr(" ,;.)", *next) != NULL ? img->path : "FILE");
    }
    text_add(&t, next);
    return text_str(&t);
}

static void full_finding(struct report *r, const struct image *img, const struct finding *f)
{
    struct arena *a = report_scratch(r);

    head_line(r, f, f->rule->title);
    out_printf(r, "\n");
    detail(r, "where", place_text(a, f, img->replayed));
    detail(r, "found", f->message);
    detail(r, "means", finding_means_text(f));
    detail(r, "next", next_text(a, img, f));
    detail(r, "spec", text_format(a, "%s; vhdxray explain %s", rule_spec_text(a, f->rule), f->rule->id));
}

static void further_finding(struct report *r, const struct image *img, const struct finding *f,
                            const struct finding *first)
{
    struct arena *a = report_scratch(r);

    detail(r, "also", place_text(a, f, img->replayed));
    detail(r, "", f->message);
    if (strcmp(finding_means_text(f), finding_means_text(first)) != 0)
        detail(r, "means", finding_means_text(f));
    if (strcmp(finding_next_text(f), finding_next_text(first)) != 0)
        detail(r, "next", next_text(a, img, f));
}

/* Infos of one rule on one line, with a hint when there is something to run. */
static void info_line(struct report *r, const struct image *img, const struct finding *f, uint64_t count)
{
    const char *next = next_text(report_scratch(r), img, f);

    head_line(r, f, count == 1 ? f->message : f->rule->title);
    if (count > 1)
        out_printf(r, " (%s times; -v lists them)", group_digits(r->scratch, count));
    if (strncmp(next, "vhdxray ", 8) == 0) {
        out_printf(r, "     ");
        out_safe(r, next);
    }
    out_printf(r, "\n");
}

/* Findings of one rule and severity: [first, end). */
static void finding_group(struct report *r, const struct check_result *res, uint64_t first, uint64_t end)
{
    const struct finding *f = res->findings[first];
    const struct rule_result *rule = &res->rules[rule_index(f->rule)];
    uint64_t unlisted = rule->count - rule->kept;

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
        const struct finding *f = res->findings[i];
        for (end = i + 1; end < res->finding_count; end++) {
            if (res->findings[end]->rule != f->rule || res->findings[end]->severity != f->severity)
                break;
        }
        finding_group(r, res, i, end);
    }
}

/* ---- what was covered ---- */

static void structures_covered(struct report *r, const struct image *img)
{
    struct arena *a = report_scratch(r);
    const struct view *v = img->main;
    uint64_t headers = (img->headers[0].got > 0) + (uint64_t)(img->headers[1].got > 0);
    uint64_t tables = (v->regions[0].got > 0) + (uint64_t)(v->regions[1].got > 0);

    out_printf(r, "looked at: %s, %s", count_noun(a, headers, "header"), count_noun(a, tables, "region table"));
    if (v->metadata.absence == ABSENT_NOT)
        out_printf(r, ", %s", count_noun(a, v->metadata.table.usable_count, "metadata item"));
    if (img->log.scanned)
        out_printf(r, ", %s", count_noun(a, img->log.len / LOG_SECTOR_LEN, "log sector"));
    if (v->survey != NULL)
        out_printf(r, ", %s BAT %s", group_digits(a, v->bat.walk_entries),
                   v->bat.walk_entries == 1 ? "entry" : "entries");
    if (img->parent != NULL && img->parent->state == PARENT_FOUND)
        out_printf(r, ", the parent");
}

/* "212 rules, 17 not evaluated (12 no parent given, 5 no valid region table)". */
static void rules_covered(struct report *r, const struct check_result *res)
{
    struct arena *a = report_scratch(r);
    uint32_t missing = 0;
    const char *gap = " (";

    for (uint32_t i = 0; i < rule_count(); i++)
        missing += res->rules[i].outcome == RULE_NOT_EVALUATED;
    out_printf(r, "; %s", count_noun(a, rule_count(), "rule"));
    if (missing == 0) {
        out_printf(r, ", all evaluated\n");
        return;
    }
    out_printf(r, ", %s not evaluated", group_digits(a, missing));
    for (uint32_t i = 0; i < rule_count(); i++) {
        const char *reason = res->rules[i].reason;
        uint32_t same = 0;
        bool seen = false;

        if (res->rules[i].outcome != RULE_NOT_EVALUATED || reason == NULL)
            continue;
        for (uint32_t k = 0; k < rule_count(); k++) {
            if (res->rules[k].outcome != RULE_NOT_EVALUATED || res->rules[k].reason == NULL ||
                strcmp(res->rules[k].reason, reason) != 0)
                continue;
            seen = seen || k < i;
            same++;
        }
        if (seen)
            continue;
        if (same == missing)
            out_printf(r, " (%s", reason);
        else
            out_printf(r, "%s%u: %s", gap, (unsigned)same, reason);
        gap = ", ";
    }
    out_printf(r, gap[0] == ',' ? ")\n" : "\n");
}

static void refusals(struct report *r, const struct check_result *res)
{
    static const char *const names[PEER_COUNT] = {"QEMU", "Hyper-V", "VirtualBox", "7-Zip", "libvhdi"};
    const unsigned *stops = peers_stopped(r, res);
    bool any = false;

    for (unsigned bit = 0; bit < PEER_COUNT && stops != NULL; bit++) {
        uint32_t listed = 0, more = 0;

        for (uint32_t i = 0; i < rule_count(); i++) {
            if (!(stops[i] >> bit & 1))
                continue;
            if (listed == 3) {
                more++;
                continue;
            }
            if (listed == 0)
                out_printf(r, "%s%s (%s", any ? "; " : "refused by: ", names[bit], rule_at(i)->id);
            else
                out_printf(r, ", %s", rule_at(i)->id);
            any = true;
            listed++;
        }
        if (more > 0)
            out_printf(r, " and %u more", (unsigned)more);
        if (listed > 0)
            out_printf(r, ")");
    }
    if (any)
        out_printf(r, "\n");
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
    if (r->quiet)
        return;
    facts_lines(r, res->image);
    out_printf(r, "\n");
    all_findings(r, res);
    for (uint32_t i = 0; i < res->limit_count; i++) {
        out_paint(r, PAINT_ERROR, "limit", 8);
        out_printf(r, " %s: ", res->limits[i].name);
        out_safe(r, res->limits[i].message);
        out_printf(r, "\n");
    }
    structures_covered(r, res->image);
    rules_covered(r, res);
    refusals(r, res);
    counts_line(r, res);
}
