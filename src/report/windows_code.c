/* SPDX-License-Identifier: MIT */
/* One Windows code in full: what it stands for, and the rules whose findings lead there. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/element.h"
#include "report/out.h"

/* Win32 error of an HRESULT that wraps one, or 0. */
static uint32_t win32_of(const struct windows_code *c)
{
    return c->code >> 16 == 0x8007 ? c->code & UINT16_MAX : 0;
}

const char *windows_code_text(struct arena *a, const struct windows_code *c)
{
    return text_format(a, "0x%08" PRIX32, c->code);
}

static cJSON *code_json(struct json *j, struct arena *a, const struct windows_code *c)
{
    cJSON *o = json_object(j), *rules = json_array(j);

    json_put_text(j, o, "code", windows_code_text(a, c));
    json_put_text(j, o, "name", c->name);
    if (win32_of(c) != 0)
        json_put_u64(j, o, "win32_error", win32_of(c));
    else
        json_put_null(j, o, "win32_error");
    json_put_text(j, o, "ntstatus", text_format(a, "0x%08" PRIX32, c->status != 0 ? c->status : c->code));
    json_put_text(j, o, "title", c->title);
    json_put_text(j, o, "means", c->means);
    json_put_text(j, o, "next", c->next);
    for (unsigned i = 0; i < WINDOWS_CODE_RULES && c->rules[i] != NULL; i++)
        json_put_text(j, rules, NULL, c->rules[i]);
    json_put(j, o, "rules", rules);
    return o;
}

cJSON *rule_windows_codes_json(struct json *j, struct arena *a, const struct rule *rule)
{
    cJSON *list = json_array(j);

    for (uint32_t i = 0; i < windows_code_count(); i++) {
        const struct windows_code *c = windows_code_at(i);
        if (!windows_code_has_rule(c, rule))
            continue;
        cJSON *o = json_object(j);
        json_put_text(j, o, "code", windows_code_text(a, c));
        json_put_text(j, o, "name", c->name);
        json_put(j, list, NULL, o);
    }
    return list;
}

void report_windows_code(struct report *r, const struct windows_code *c)
{
    enum { LABEL = 14, TITLE_COLUMN = 12 };
    struct arena *a = report_scratch(r);

    if (r->format != REPORT_TEXT) {
        element_object(r, code_json(&r->json, a, c));
        return;
    }
    out_printf(r, "%s  %s\n\n", windows_code_text(a, c), c->name);
    const struct {
        const char *label, *text;
    } lines[] = {{"what", c->title}, {"means", c->means}, {"next", c->next}};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        out_printf(r, "  %-*s", LABEL - 1, lines[i].label);
        out_wrapped(r, LABEL + 1, LABEL + 1, lines[i].text);
        out_printf(r, "\n");
    }
    if (win32_of(c) != 0)
        out_printf(r, "  %-*s%" PRIu32 "\n", LABEL - 1, "Win32 error", win32_of(c));
    if (c->status != 0)
        out_printf(r, "  %-*s0x%08" PRIX32 "\n", LABEL - 1, "NTSTATUS", c->status);
    if (c->rules[0] == NULL)
        out_printf(r, "  %-*snone: nothing in the file is at fault\n", LABEL - 1, "look for");
    for (unsigned i = 0; i < WINDOWS_CODE_RULES && c->rules[i] != NULL; i++) {
        const struct rule *rule = rule_find(c->rules[i]);
        out_printf(r, "  %-*s%-*s  %s\n", LABEL - 1, i == 0 ? "look for" : "", TITLE_COLUMN + 2, c->rules[i],
                   rule->title);
    }
}
