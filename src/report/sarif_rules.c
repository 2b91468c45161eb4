/* SPDX-License-Identifier: MIT */
/*
 * tool.driver of a SARIF log: the rule catalogue with help, levels and a link to the clause of [MS-VHDX], and what
 * notifications there can be. All rules are listed, so that ruleIndex is the rule's number in the catalogue.
 */
#include "report/sarif.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "report/check.h"
#include "report/element.h"
#include "report/out.h"

const char *sarif_level(enum severity s)
{
    return s == SEVERITY_ERROR ? "error" : s == SEVERITY_WARNING ? "warning" : "note";
}

/* ---- clauses ---- */

static const char SPEC_URI[] = "https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/";

/* Pages of the specification that are known; a clause without one is described on the page of the clause around it. */
static const struct {
    const char *clause, *page;
} pages[] = {
    {"2", "340e64a4-ae2a-4dc1-b19b-3dd9d57a3359"},       {"2.2.1", "23ba288b-4eda-47bf-bd48-6386489d12af"},
    {"2.2.2", "39d641c2-093c-4d4a-8c9d-bd4b9fc2ff31"},   {"2.2.3", "c562ffcd-6c63-421f-a28d-2ee812c94b08"},
    {"2.2.3.1", "538e059e-17bc-46ee-a451-fae4f21669c6"}, {"2.2.3.2", "194899ee-6504-44d5-a9aa-a2b566c2c419"},
    {"2.3", "98acf5fe-7eff-43cf-b6c1-89cf00f24ade"},     {"2.3.1", "19dc2735-9613-4b7f-a411-40243de2346e"},
    {"2.3.1.1", "99aae9a5-2c0a-4ded-8169-54d541f785bd"}, {"2.3.3", "0d588e33-23a6-4c71-b27f-87d97ac3e914"},
    {"2.4", "43b647c6-6e6c-48c3-a436-3deebd622f44"},     {"2.5", "af7334e6-ad2c-4378-9b81-afc1334a6ee7"},
    {"2.5.1", "a84d19eb-b843-4c6c-9aca-fbfb05a4015b"},   {"2.5.1.1", "01da203b-b3d7-487d-928b-22a460bbe177"},
    {"2.6.1.2", "2b46bf83-0887-4025-a9b0-d18b29f1fa9b"}, {"2.6.2", "ef27fead-4178-4756-8d0f-dc76edd7e76d"},
    {"2.6.2.1", "ec0e9d25-69e4-439e-806a-e0c23f0e1ae6"}, {"2.6.2.2", "bb51c7bc-63be-4be6-a77c-f1684573033c"},
    {"2.6.2.3", "a0a7450d-551b-46f6-9025-485121aa6aab"}, {"2.6.2.4", "e45dcf18-f45b-4507-8760-e76fa538a61b"},
    {"2.6.2.5", "17729765-008b-42c9-9aa7-3cfc595ee1d2"}, {"2.6.2.6", "b6332a98-624d-46b8-bd0e-b77b573662f9"},
};

const char *sarif_clause_uri(struct arena *a, const char *spec)
{
    const char *page = "83e061f8-f6e2-4de1-91bd-5d518a43d477"; /* of the whole */
    size_t len = strspn(spec, "0123456789.");

    if (len == 0)
        return NULL;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        size_t n = strlen(pages[i].clause);
        bool around = n <= len && strncmp(spec, pages[i].clause, n) == 0 && (n == len || spec[n] == '.');

        if (around) /* they are in order: a longer one comes later */
            page = pages[i].page;
    }
    return text_format(a, "%s%s", SPEC_URI, page);
}

/* ---- rules ---- */

static cJSON *text_json(struct json *j, const char *text, const char *markdown)
{
    cJSON *o = json_object(j);

    json_put_text(j, o, "text", text);
    if (markdown != NULL)
        json_put_text(j, o, "markdown", markdown);
    return o;
}

/* First letter large, a full stop at the end. s is not empty. */
static const char *sentence(struct arena *a, const char *s)
{
    return text_format(a, "%c%s%s", toupper((unsigned char)s[0]), s + 1, s[strlen(s) - 1] == '.' ? "" : ".");
}

static cJSON *help_json(struct json *j, struct arena *a, const struct rule *rule)
{
    const char *spec = rule_spec_text(a, rule), *uri = sarif_clause_uri(a, rule->spec);
    struct text text = text_in(a), markdown = text_in(a), refused = text_in(a);

    for (unsigned bit = 0; bit < PEER_COUNT; bit++) {
        if (rule->stops >> bit & 1)
            text_addf(&refused, "%s%s", refused.len > 0 ? ", " : "", peer_title(bit));
    }
    text_addf(&text, "%s\nMeans: %s\nNext: %s\n", sentence(a, rule->why), rule->means, rule->next);
    text_addf(&markdown, "%s\n\n- **Means:** %s\n- **Next:** %s\n", sentence(a, rule->why), rule->means, rule->next);
    text_addf(&text, "Repair: %s\n", repair_class_name(rule->repair));
    text_addf(&markdown, "- **Repair:** %s\n", repair_class_name(rule->repair));
    if (refused.len > 0) {
        text_addf(&text, "Refused by: %s\n", text_str(&refused));
        text_addf(&markdown, "- **Refused by:** %s\n", text_str(&refused));
    }
    if (uri != NULL) {
        text_addf(&text, "Specification: %s\n", spec);
        text_addf(&markdown, "- **Specification:** [%s](%s)\n", spec, uri);
    }
    return text_json(j, text_str(&text), text_str(&markdown));
}

static cJSON *rule_properties(struct json *j, struct arena *a, const struct rule *rule)
{
    static const char *const problem[] = {"recommendation", "warning", "error"};
    cJSON *o = json_object(j), *tags = json_array(j), *refused = json_array(j);
    struct text group = text_in(a);

    /* "VHDX-BAT-016": the group is the middle. */
    for (const char *c = rule->id + 5; *c != '-'; c++)
        text_addf(&group, "%c", tolower((unsigned char)*c));
    json_put_text(j, tags, NULL, "vhdx");
    json_put_text(j, tags, NULL, text_str(&group));
    json_put(j, o, "tags", tags);
    json_put_text(j, o, "precision", "very-high");
    json_put_text(j, o, "problem.severity", problem[rule->severity]);
    json_put_text(j, o, "spec", rule_spec_text(a, rule));
    json_put_text(j, o, "repair", repair_class_name(rule->repair));
    for (unsigned bit = 0; bit < PEER_COUNT; bit++) {
        if (rule->stops >> bit & 1)
            json_put_text(j, refused, NULL, peer_name(bit));
    }
    json_put(j, o, "refusedBy", refused);
    return o;
}

static cJSON *rule_descriptor(struct json *j, struct arena *a, const struct rule *rule)
{
    cJSON *o = json_object(j), *configuration = json_object(j);
    const char *uri = sarif_clause_uri(a, rule->spec);

    json_put_text(j, o, "id", rule->id);
    json_put(j, o, "shortDescription", text_json(j, sentence(a, rule->title), NULL));
    json_put(j, o, "fullDescription", text_json(j, sentence(a, rule->why), NULL));
    json_put_text(j, configuration, "level", sarif_level(rule->severity));
    json_put(j, o, "defaultConfiguration", configuration);
    if (uri != NULL)
        json_put_text(j, o, "helpUri", uri);
    json_put(j, o, "help", help_json(j, a, rule));
    json_put(j, o, "properties", rule_properties(j, a, rule));
    return o;
}

/* ---- notifications ---- */

static const struct {
    const char *id, *level, *text;
} notes[] = {
    [SARIF_NOTE_UNREADABLE] = {"file-not-looked-at", "error", "A file could not be opened or read at all."},
    [SARIF_NOTE_INCOMPLETE] = {"results-incomplete", "error",
                               "A limit or a read error left a part of a file unlooked at."},
    [SARIF_NOTE_LEFT_OUT] = {"results-left-out", "warning", "Findings were counted but are not listed."},
    [SARIF_NOTE_NOT_EVALUATED] = {"rules-not-evaluated", "note",
                                  "Rules could say nothing about a file, for this reason."},
};

const char *sarif_note_id(enum sarif_note n)
{
    return notes[n].id;
}

static cJSON *note_descriptor(struct json *j, enum sarif_note n)
{
    cJSON *o = json_object(j), *configuration = json_object(j);

    json_put_text(j, o, "id", notes[n].id);
    json_put(j, o, "shortDescription", text_json(j, notes[n].text, NULL));
    json_put_text(j, configuration, "level", notes[n].level);
    json_put(j, o, "defaultConfiguration", configuration);
    return o;
}

void sarif_driver(struct report *r)
{
    struct json *j = &r->json;

    json_begin(j, "driver", '{');
    element_text(r, "name", TOOL_NAME);
    element_text(r, "semanticVersion", TOOL_VERSION);
    json_line(j, "shortDescription", text_json(j, "Checks VHDX virtual disk images.", NULL));
    json_begin(j, "rules", '[');
    for (uint32_t i = 0; i < rule_count(); i++)
        json_line(j, NULL, rule_descriptor(j, report_scratch(r), rule_at(i)));
    json_end(j, ']');
    json_begin(j, "notifications", '[');
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
        json_line(j, NULL, note_descriptor(j, (enum sarif_note)i));
    json_end(j, ']');
    json_end(j, '}');
}
