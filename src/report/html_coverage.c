/* SPDX-License-Identifier: MIT */
/* Who will open the image, and what the check looked at: the two ends of how far its answer carries. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "check/forecast.h"
#include "format/layout.h"
#include "report/check.h"
#include "report/html.h"
#include "report/out.h"

enum { FORECAST_MEMORY = 256 * 1024 };

/* What stops it: findings as links, limits of the program as words. */
static void reasons(struct report *r, const struct check_result *res, const struct forecast_peer *peer)
{
    for (uint32_t i = 0; i < peer->count; i++) {
        const struct rule *rule = rule_find(peer->because[i]);

        if (i > 0)
            out_printf(r, "<br>");
        if (rule == NULL) {
            html_safe(r, peer->because[i]);
            continue;
        }
        for (uint64_t k = 0; k < res->finding_count; k++) {
            if (res->findings[k]->rule == rule) {
                html_finding_link(r, res->findings[k]);
                break;
            }
        }
        out_printf(r, " ");
        html_safe(r, rule->title);
    }
    if (peer->count == 0)
        out_printf(r, "nothing that was found stops it");
}

void html_compatibility(struct report *r, const struct check_result *res)
{
    static const char *const heads[] = {"Program", "Forecast", "Because", NULL};
    struct arena *a = arena_create(FORECAST_MEMORY); /* the scratch memory is emptied on the way */
    struct forecast forecast;

    html_section_begin(r, "compatibility", "Compatibility");
    out_printf(r,
               "<p>Which programs will open the image%s. Hyper-V is judged by the rules of Microsoft's open "
               "implementation.</p>\n",
               res->complete ? "" : ", as far as it was looked at");
    html_table_begin(r, "Forecast", heads);
    bool made = a != NULL && forecast_make(a, res, &forecast) == STATUS_OK;
    r->json.failed = r->json.failed || !made;
    for (unsigned bit = 0; made && bit < PEER_COUNT; bit++) {
        bool stopped = forecast.peers[bit].count > 0;

        (void)report_scratch(r);
        out_printf(r, "<tr><th scope=\"row\">%s</th><td><span class=\"mini %s\">%s</span></td><td>", peer_title(bit),
                   stopped ? "corrupt" : "clean", stopped ? "\xe2\x9c\x97 refuses" : "\xe2\x9c\x93 opens");
        reasons(r, res, &forecast.peers[bit]);
        out_printf(r, "</td></tr>\n");
    }
    arena_destroy(a);
    html_table_end(r);
    html_section_end(r);
}

/* ---- coverage ---- */

static void looked_at(struct report *r, const struct check_result *res)
{
    const struct image *img = res->image;
    const struct view *v = img->main;
    struct arena *a = report_scratch(r);

    out_printf(r, "<dl class=\"facts\">\n");
    html_fact(r, "Headers", group_digits(a, (img->headers[0].got > 0) + (uint64_t)(img->headers[1].got > 0)));
    html_fact(r, "Region tables", group_digits(a, (v->regions[0].got > 0) + (uint64_t)(v->regions[1].got > 0)));
    html_fact(r, "Metadata items",
              v->metadata.absence == ABSENT_NOT ? group_digits(a, v->metadata.table.usable_count)
                                                : absence_text(v->metadata.absence));
    html_fact(r, "Log sectors", img->log.scanned ? group_digits(a, img->log.len / LOG_SECTOR_LEN) : "none");
    html_fact(r, "BAT entries",
              v->survey != NULL              ? group_digits(a, v->bat.walk_entries)
              : v->bat.absence != ABSENT_NOT ? absence_text(v->bat.absence)
                                             : "could not be read");
    html_fact(r, "Parent",
              img->main->type != DISK_DIFFERENCING                        ? "none needed"
              : img->parent != NULL && img->parent->state == PARENT_FOUND ? "looked at"
                                                                          : "not looked at");
    html_fact(r, "View", img->replayed ? "with the log replayed in memory, and as stored" : "as stored");
    html_fact(r, "Rules",
              text_format(a, "%s of %s evaluated", group_digits(a, res->evaluated), group_digits(a, rule_count())));
    out_printf(r, "</dl>\n");
}

static void not_evaluated(struct report *r, const struct check_result *res)
{
    static const char *const heads[] = {"Not evaluated because", "Rules", NULL};
    struct unevaluated *reasons = NULL;

    (void)report_scratch(r);
    uint32_t count = unevaluated_reasons(r, res, &reasons);
    if (count == 0)
        return;
    html_table_begin(r, "Rules that could say nothing", heads);
    for (uint32_t k = 0; k < count; k++) {
        uint32_t listed = 0;

        out_printf(r, "<tr><th scope=\"row\">");
        html_safe(r, reasons[k].reason);
        out_printf(r, "</th><td class=\"ids\">");
        for (uint32_t i = 0; i < rule_count(); i++) {
            if (res->rules[i].outcome == RULE_NOT_EVALUATED && strcmp(res->rules[i].reason, reasons[k].reason) == 0)
                out_printf(r, "%s%s", listed++ > 0 ? " " : "", rule_at(i)->id);
        }
        out_printf(r, "</td></tr>\n");
    }
    html_table_end(r);
}

static void limits(struct report *r, const struct check_result *res)
{
    if (res->io_error)
        out_printf(
            r,
            "<p class=\"incomplete\"><strong>Incomplete:</strong> the host could not read the file everywhere.</p>\n");
    for (uint32_t i = 0; i < res->limit_count; i++) {
        (void)report_scratch(r);
        out_printf(r, "<p class=\"incomplete\"><strong>Limit ");
        html_safe(r, res->limits[i].name);
        out_printf(r, ":</strong> ");
        html_safe(r, res->limits[i].message);
        out_printf(r, "</p>\n");
    }
    for (uint32_t i = 0; i < rule_count(); i++) {
        const struct rule_result *rule = &res->rules[i];

        if (rule->count > rule->kept)
            out_printf(r, "<p><code>%s</code>: %s are only counted.</p>\n", rule_at(i)->id,
                       count_noun(report_scratch(r), rule->count - rule->kept, "finding"));
    }
}

void html_coverage(struct report *r, const struct check_result *res)
{
    html_section_begin(r, "coverage", "Coverage");
    limits(r, res);
    looked_at(r, res);
    not_evaluated(r, res);
    html_section_end(r);
}
