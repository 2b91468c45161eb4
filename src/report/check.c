/* SPDX-License-Identifier: MIT */
/* A checked image in the form that was asked for. */
#include "report/check.h"

#include "report/html.h"
#include "report/sarif.h"

void report_check(struct report *r, const struct check_result *res)
{
    r->verdicts[res->verdict]++;
    switch (r->format) {
    case REPORT_TEXT:
        check_text(r, res);
        break;
    case REPORT_JSON:
    case REPORT_JSONL:
        check_json(r, res);
        break;
    case REPORT_SARIF:
        sarif_image(r, res);
        break;
    case REPORT_HTML:
        html_image(r, res);
        break;
    }
    r->images++;
}
