/* SPDX-License-Identifier: MIT */
/* What a destination asks of the disk (check --profile): a list for people, a member of the image for programs. */
#include "base/text.h"
#include "report/check.h"
#include "report/element.h"
#include "report/html.h"
#include "report/out.h"

cJSON *profile_json(struct json *j, const struct profile *p)
{
    cJSON *o = json_object(j), *list = json_array(j);

    json_put_text(j, o, "name", profile_name(p->kind));
    json_put_bool(j, o, "ready", p->ready);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct requirement *q = &p->requirements[i];
        cJSON *item = json_object(j);

        json_put_text(j, item, "id", q->id);
        json_put_text(j, item, "result", requirement_result_name(q->result));
        json_put_text(j, item, "title", q->title);
        json_put_text(j, item, "found", q->found);
        json_put_text(j, item, "next", q->next);
        json_put(j, list, NULL, item);
    }
    json_put(j, o, "requirements", list);
    return o;
}

static const char *sum_words(struct arena *a, const struct profile *p)
{
    if (p->ready)
        return "ready, once it is converted";
    return text_format(a, "not ready: %s stand%s against it", count_noun(a, p->unmet, "requirement"),
                       p->unmet == 1 ? "s" : "");
}

void profile_text(struct report *r, const struct profile *p)
{
    enum { RESULT = 9, TITLE = 24 };
    static const enum paint paints[] = {
        [REQUIREMENT_MET] = PAINT_GOOD,    [REQUIREMENT_CONVERT] = PAINT_INFO,  [REQUIREMENT_NOTE] = PAINT_INFO,
        [REQUIREMENT_UNMET] = PAINT_ERROR, [REQUIREMENT_UNKNOWN] = PAINT_ERROR,
    };

    out_printf(r, "\n%s: ", profile_title(p->kind));
    out_paint(r, p->ready ? PAINT_GOOD : PAINT_ERROR, sum_words(report_scratch(r), p), 0);
    out_printf(r, "\n");
    for (uint32_t i = 0; i < p->count; i++) {
        const struct requirement *q = &p->requirements[i];
        struct text t = text_in(report_scratch(r));

        out_printf(r, "  ");
        out_paint(r, paints[q->result], requirement_result_name(q->result), RESULT - 1);
        text_addf(&t, "%s: %s", q->title, q->found);
        out_printf(r, " ");
        out_wrapped(r, 2 + RESULT, 2 + RESULT, text_str(&t));
        out_printf(r, "\n");
        if (q->next == NULL)
            continue;
        out_printf(r, "%*s", 2 + RESULT, "");
        out_paint(r, PAINT_DIM, "next", 0);
        out_printf(r, " ");
        out_wrapped(r, 2 + RESULT + 5, 2 + RESULT + 5, q->next);
        out_printf(r, "\n");
    }
    out_printf(r, "\n");
}

void html_profile(struct report *r, const struct profile *p)
{
    static const char *const heads[] = {"What is asked for", "Result", "Found, and what to do", NULL};
    static const struct {
        const char *class, *words;
    } results[] = {
        [REQUIREMENT_MET] = {"clean", "\xe2\x9c\x93 met"}, [REQUIREMENT_CONVERT] = {"clean", "\xe2\x9c\x93 converted"},
        [REQUIREMENT_NOTE] = {"suspicious", "! note"},     [REQUIREMENT_UNMET] = {"corrupt", "\xe2\x9c\x97 not met"},
        [REQUIREMENT_UNKNOWN] = {"corrupt", "? unknown"},
    };

    html_section_begin(r, "profile", profile_title(p->kind));
    out_printf(r, "<p><span class=\"mini %s\">%s</span></p>\n", p->ready ? "clean" : "corrupt",
               sum_words(report_scratch(r), p));
    html_table_begin(r, profile_title(p->kind), heads);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct requirement *q = &p->requirements[i];

        (void)report_scratch(r);
        out_printf(r, "<tr><th scope=\"row\">%s</th><td><span class=\"mini %s\">%s</span></td>", q->title,
                   results[q->result].class, results[q->result].words);
        out_printf(r, "<td>");
        html_safe(r, q->found);
        if (q->next != NULL)
            out_printf(r, "<br>");
        html_safe(r, q->next);
        out_printf(r, "</td>");
        out_printf(r, "</tr>\n");
    }
    html_table_end(r);
    html_section_end(r);
}
