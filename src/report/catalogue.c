/* SPDX-License-Identifier: MIT */
/* The rule catalogue as implemented: the list, and one rule in full. Generated from the rules' own tables. */
#include <string.h>

#include "base/text.h"
#include "report/element.h"
#include "report/out.h"

const char *rule_spec_text(struct arena *a, const struct rule *rule)
{
    return strcmp(rule->spec, "impl") == 0 ? "impl" : text_format(a, "MS-VHDX %s", rule->spec);
}

cJSON *rule_json(struct json *j, const struct rule *rule, struct arena *a)
{
    cJSON *o = json_object(j), *refused = json_array(j);

    json_put_text(j, o, "id", rule->id);
    json_put_text(j, o, "severity", severity_name(rule->severity));
    json_put_text(j, o, "title", rule->title);
    json_put_text(j, o, "why", rule->why);
    json_put_text(j, o, "means", rule->means);
    json_put_text(j, o, "next", rule->next);
    json_put_text(j, o, "spec", rule_spec_text(a, rule));
    json_put_text(j, o, "repair", repair_class_name(rule->repair));
    for (unsigned bit = 0; bit < PEER_COUNT; bit++) {
        if (rule->stops >> bit & 1)
            json_put_text(j, refused, NULL, peer_name(bit));
    }
    json_put(j, o, "refused_by", refused);
    json_put(j, o, "windows_codes", rule_windows_codes_json(j, a, rule));
    return o;
}

static void rule_line(struct report *r, const struct rule *rule)
{
    out_printf(r, "%-16s ", rule->id);
    out_paint(r, severity_paint(rule->severity), severity_name(rule->severity), 8);
    out_printf(r, " %s\n", rule->title);
}

void report_rules(struct report *r)
{
    for (uint32_t i = 0; i < rule_count(); i++) {
        if (r->format == REPORT_TEXT)
            rule_line(r, rule_at(i));
        else
            element_object(r, rule_json(&r->json, rule_at(i), report_scratch(r)));
    }
    if (r->format == REPORT_TEXT && !r->quiet)
        out_printf(r, "\n%s; vhdxray explain ID tells more about one\n",
                   count_noun(report_scratch(r), rule_count(), "rule"));
}

static void paragraph(struct report *r, const char *label, const char *text)
{
    if (text[0] != '\0')
        out_printf(r, "  %-12s %s\n", label, text);
}

static const char *repair_words(enum repair_class c)
{
    switch (c) {
    case REPAIR_AUTOMATIC:
        return "automatic: guest-visible bytes stay as they are";
    case REPAIR_CONSENT:
        return "only with consent: may lose guest data or destroy evidence";
    case REPAIR_NONE:
        break;
    }
    return "none";
}

/* What Windows may show, for who comes from there. */
static void windows_lines(struct report *r, const struct rule *rule)
{
    const char *label = "Windows";

    for (uint32_t i = 0; i < windows_code_count(); i++) {
        const struct windows_code *c = windows_code_at(i);
        if (!windows_code_has_rule(c, rule))
            continue;
        out_printf(r, "  %-12s %s %s\n", label, windows_code_text(r->scratch, c), c->name);
        label = "";
    }
}

void report_rule(struct report *r, const struct rule *rule)
{
    struct text peers = text_in(report_scratch(r));

    if (r->format != REPORT_TEXT) {
        element_object(r, rule_json(&r->json, rule, report_scratch(r)));
        return;
    }
    for (unsigned bit = 0; bit < PEER_COUNT; bit++) {
        if (rule->stops >> bit & 1)
            text_addf(&peers, "%s%s", peers.len > 0 ? ", " : "", peer_name(bit));
    }
    out_printf(r, "%s  %s\n\n", rule->id, rule->title);
    paragraph(r, "severity", severity_name(rule->severity));
    paragraph(r, "why", rule->why);
    paragraph(r, "means", rule->means);
    paragraph(r, "next", rule->next);
    paragraph(r, "repair", repair_words(rule->repair));
    paragraph(r, "refused by", peers.len > 0 ? text_str(&peers) : "no program that we know to look at this");
    windows_lines(r, rule);
    paragraph(r, "spec", rule_spec_text(r->scratch, rule));
}
