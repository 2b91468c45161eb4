/* SPDX-License-Identifier: MIT */
/* The frame around the images of a run, and images that could not be looked at. */
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

#include "report/element.h"
#include "report/html.h"
#include "report/out.h"
#include "report/sarif.h"

void element_envelope(struct report *r)
{
    struct json *j = &r->json;
    cJSON *tool = json_object(j);

    element_text(r, "schema_version", REPORT_SCHEMA_VERSION);
    json_put_text(j, tool, "name", TOOL_NAME);
    json_put_text(j, tool, "version", TOOL_VERSION);
    json_line(j, "tool", tool);
}

void element_begin(struct report *r)
{
    json_begin(&r->json, NULL, '{');
    if (r->format == REPORT_JSONL || !r->in_list)
        element_envelope(r);
}

void element_end(struct report *r)
{
    json_end(&r->json, '}');
}

void element_object(struct report *r, cJSON *o)
{
    struct json *j = &r->json;

    if (r->format == REPORT_JSON) {
        json_node(j, NULL, o);
        return;
    }
    element_begin(r);
    while (o != NULL && o->child != NULL) {
        cJSON *member = cJSON_DetachItemViaPointer(o, o->child);
        json_line(j, member->string, member);
    }
    cJSON_Delete(o);
    element_end(r);
}

/* A scalar travels as the only item of an array that is never printed: the put functions know all the conversions. */
static void put_scalar(struct report *r, const char *key, cJSON *holder)
{
    cJSON *item = cJSON_DetachItemFromArray(holder, 0);

    cJSON_Delete(holder);
    json_line(&r->json, key, item);
}

void element_text(struct report *r, const char *key, const char *s)
{
    cJSON *holder = json_array(&r->json);

    json_put_text(&r->json, holder, NULL, s);
    put_scalar(r, key, holder);
}

void element_u64(struct report *r, const char *key, uint64_t v)
{
    cJSON *holder = json_array(&r->json);

    json_put_u64(&r->json, holder, NULL, v);
    put_scalar(r, key, holder);
}

void element_bool(struct report *r, const char *key, bool v)
{
    json_line(&r->json, key, cJSON_CreateBool(v));
}

void element_null(struct report *r, const char *key)
{
    json_line(&r->json, key, cJSON_CreateNull());
}

void element_error(struct report *r, const char *error)
{
    cJSON *o;

    if (error == NULL)
        return;
    o = json_object(&r->json);
    json_put_text(&r->json, o, "message", error);
    json_node(&r->json, "error", o);
}

void element_path(struct report *r, const char *path)
{
    bool lossy = false;
    char *escaped = json_escape(path, strlen(path), &lossy);

    json_line(&r->json, "path", escaped != NULL ? cJSON_CreateRaw(escaped) : NULL);
    free(escaped);
    if (lossy)
        element_bool(r, "path_lossy", true);
}

/* What confined this process while it read the image. */
cJSON *element_sandbox(struct report *r)
{
    cJSON *o = json_object(&r->json);

    json_put_u64(&r->json, o, "landlock_abi", (uint64_t)r->landlock_abi);
    json_put_bool(&r->json, o, "seccomp", r->seccomp);
    return o;
}

static enum status begin_or_free(struct report *r, enum status st)
{
    if (st != STATUS_OK) {
        arena_destroy(r->scratch);
        r->scratch = NULL;
    }
    return st;
}

enum status report_begin(struct report *r, const char *list)
{
    r->scratch = arena_create(SCRATCH_BUDGET);
    if (r->scratch == NULL)
        return STATUS_NO_MEMORY;
    r->json = json_to(r->out, r->format == REPORT_JSON || r->format == REPORT_SARIF);
    r->in_list = list != NULL && r->format == REPORT_JSON;
    if (r->in_list) {
        json_begin(&r->json, NULL, '{');
        element_envelope(r);
        json_begin(&r->json, list, '[');
    }
    if (r->format == REPORT_SARIF)
        return begin_or_free(r, sarif_begin(r));
    if (r->format == REPORT_HTML)
        return begin_or_free(r, html_begin(r));
    return STATUS_OK;
}

void report_next_list(struct report *r, const char *list)
{
    if (!r->in_list)
        return;
    json_end(&r->json, ']');
    json_begin(&r->json, list, '[');
}

static void text_summary(struct report *r)
{
    struct arena *a = report_scratch(r);
    bool more = false;

    out_printf(r, r->quiet ? "%s: " : "\n%s: ", count_noun(a, r->images + r->unopened, "file"));
    for (int v = 0; v < REPORT_VERDICTS; v++) {
        if (r->verdicts[v] > 0) {
            out_printf(r, "%s%s %s", more ? ", " : "", group_digits(a, r->verdicts[v]), verdict_name((enum verdict)v));
            more = true;
        }
    }
    if (r->unopened > 0)
        out_printf(r, ", %s could not be looked at", group_digits(a, r->unopened)); /* behind a verdict: report_end() */
    out_printf(r, "\n");
}

bool report_is_whole(const struct report *r)
{
    return !r->json.failed && arena_status(r->scratch) == STATUS_OK;
}

enum status report_end(struct report *r)
{
    enum status st = STATUS_OK;

    if (r->sarif != NULL)
        st = sarif_end(r);
    if (r->html != NULL)
        st = html_end(r);
    if (r->in_list) {
        json_end(&r->json, ']');
        json_end(&r->json, '}');
    }
    uint64_t judged = r->unopened;
    for (int v = 0; v < REPORT_VERDICTS; v++)
        judged += r->verdicts[v];
    if (r->format == REPORT_TEXT && judged > r->unopened && judged > 1)
        text_summary(r);

    if (!report_is_whole(r))
        st = STATUS_NO_MEMORY;
    arena_destroy(r->scratch);
    r->scratch = NULL;
    return st;
}

void report_unopened(struct report *r, const char *path, const char *message)
{
    struct json *j = &r->json;

    r->unopened++;
    if (r->format == REPORT_TEXT)
        return; /* the message went to standard error */
    if (r->format == REPORT_SARIF) {
        sarif_unopened(r, path, message);
        return;
    }
    if (r->format == REPORT_HTML) {
        html_unopened(r, path, message);
        return;
    }
    element_begin(r);
    element_path(r, path);
    element_null(r, "size");
    element_null(r, "verdict");
    element_bool(r, "complete", false);
    element_null(r, "facts");
    json_line(j, "findings", json_array(j));
    cJSON *counts = json_object(j), *rules = json_object(j), *error = json_object(j);
    for (int s = SEVERITY_ERROR; s >= SEVERITY_INFO; s--)
        json_put_u64(j, counts, severity_name((enum severity)s), 0);
    json_line(j, "counts", counts);
    json_put_u64(j, rules, "evaluated", 0);
    json_put(j, rules, "not_evaluated", json_array(j));
    json_line(j, "rules", rules);
    json_line(j, "suppressed", json_object(j));
    json_line(j, "limits", json_array(j));
    element_null(r, "compatibility");
    json_line(j, "sandbox", element_sandbox(r));
    json_put_text(j, error, "message", message);
    json_node(j, "error", error);
    element_end(r);
}
