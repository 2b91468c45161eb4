/* SPDX-License-Identifier: MIT */
/* Pieces of HTML that all sections use. Whatever came from an image or a path leaves through html_safe(). */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/html.h"
#include "report/out.h"

enum { LONG_FACT = 100 }; /* bytes of a value that gets a line of its own */

void html_safe_bytes(struct report *r, const char *s, size_t len)
{
    const char *p = text_printable(r->scratch, s, len);

    while (*p != '\0') {
        size_t plain = strcspn(p, "&<>\"'");

        (void)fwrite(p, 1, plain, r->out);
        p += plain;
        switch (*p) {
        case '&':
            (void)fputs("&amp;", r->out);
            break;
        case '<':
            (void)fputs("&lt;", r->out);
            break;
        case '>':
            (void)fputs("&gt;", r->out);
            break;
        case '"':
            (void)fputs("&quot;", r->out);
            break;
        case '\'':
            (void)fputs("&#39;", r->out);
            break;
        default:
            return;
        }
        p++;
    }
}

void html_safe(struct report *r, const char *s)
{
    if (s != NULL)
        html_safe_bytes(r, s, strlen(s));
}

void html_fact(struct report *r, const char *name, const char *value)
{
    out_printf(r, strlen(value) > LONG_FACT ? "<div class=\"wide\"><dt>" : "<div><dt>");
    html_safe(r, name);
    out_printf(r, "</dt><dd>");
    html_safe(r, value);
    out_printf(r, "</dd></div>\n");
}

void html_cell(struct report *r, const char *value)
{
    out_printf(r, "<td>");
    html_safe(r, value);
    out_printf(r, "</td>");
}

void html_code_cell(struct report *r, const char *value)
{
    out_printf(r, "<td><code>");
    html_safe(r, value);
    out_printf(r, "</code></td>");
}

void html_number_cell(struct report *r, uint64_t v)
{
    out_printf(r, "<td class=\"number\">%s</td>", group_digits(r->scratch, v));
}

void html_table_begin(struct report *r, const char *caption, const char *const *heads)
{
    out_printf(r, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table: ");
    html_safe(r, caption);
    out_printf(r, "\"><table>\n<caption>");
    html_safe(r, caption);
    out_printf(r, "</caption>\n<thead><tr>");
    for (; *heads != NULL; heads++) {
        bool number = **heads == '>';

        out_printf(r, number ? "<th scope=\"col\" class=\"number\">" : "<th scope=\"col\">");
        html_safe(r, *heads + number);
        out_printf(r, "</th>");
    }
    out_printf(r, "</tr></thead>\n<tbody>\n");
}

void html_table_end(struct report *r)
{
    out_printf(r, "</tbody></table></div>\n");
}

void html_section_begin(struct report *r, const char *id, const char *title)
{
    uint64_t n = html_image_number(r);

    out_printf(r,
               "<section id=\"i%" PRIu64 "-%s\" aria-labelledby=\"i%" PRIu64 "-%s-title i%" PRIu64
               "\">\n<h3 id=\"i%" PRIu64 "-%s-title\">%s</h3>\n",
               n, id, n, id, n, n, id, title);
}

void html_section_end(struct report *r)
{
    out_printf(r, "</section>\n");
}
