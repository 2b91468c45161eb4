/* SPDX-License-Identifier: MIT */
/*
 * The frame of a SARIF log: one run with its tool, invocation, artifacts and results. Everything but the tool is
 * written to spools, a line of JSON each, while the images come along, and put together at the end: only then the exit
 * code and the number of results of each severity are known.
 */
#include "report/sarif.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "check/forecast.h"
#include "report/check.h"
#include "report/element.h"
#include "report/out.h"
#include "report/spool.h"

static const char SCHEMA_URI[] =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

struct part {
    struct spool spool;
    struct json json;
};

struct sarif {
    struct part results[SEVERITY_COUNT];
    uint64_t found[SEVERITY_COUNT]; /* of all images; at most LIMIT_SARIF_RESULTS of each are kept */
    struct part artifacts, notes;
    uint64_t artifact_count;
};

static bool part_open(struct part *p)
{
    if (!spool_open(&p->spool))
        return false;
    p->json = json_to(p->spool.file, false);
    return true;
}

static void sarif_close(struct sarif *s)
{
    for (int i = 0; i < SEVERITY_COUNT; i++)
        spool_close(&s->results[i].spool);
    spool_close(&s->artifacts.spool);
    spool_close(&s->notes.spool);
    free(s);
}

enum status sarif_begin(struct report *r)
{
    struct sarif *s = (struct sarif *)calloc(1, sizeof(*s));
    bool open = s != NULL;

    for (int i = 0; open && i < SEVERITY_COUNT; i++)
        open = part_open(&s->results[i]);
    open = open && part_open(&s->artifacts) && part_open(&s->notes);
    if (!open) {
        if (s != NULL)
            sarif_close(s);
        return STATUS_NO_MEMORY;
    }
    r->sarif = s;
    return STATUS_OK;
}

/* ---- one image ---- */

static cJSON *artifact_location(struct json *j, struct arena *a, const char *path, uint64_t artifact)
{
    cJSON *o = json_object(j);

    json_put_text(j, o, "uri", sarif_uri(a, path));
    json_put_u64(j, o, "index", artifact);
    return o;
}

/* artifact: UINT64_MAX for a notification about the run. text is copied. */
static void add_note(struct report *r, enum sarif_note what, const char *level, const char *path, uint64_t artifact,
                     const char *text, const char *rule)
{
    struct json *j = &r->sarif->notes.json;
    struct arena *a = r->scratch;
    cJSON *o = json_object(j), *descriptor = json_object(j);

    json_put_text(j, descriptor, "id", sarif_note_id(what));
    json_put_u64(j, descriptor, "index", what);
    json_put(j, o, "descriptor", descriptor);
    json_put_text(j, o, "level", level);
    json_put(j, o, "message", sarif_message_json(j, a, text));
    if (rule != NULL) {
        cJSON *reference = json_object(j);
        json_put_text(j, reference, "id", rule);
        json_put_u64(j, reference, "index", rule_index(rule_find(rule)));
        json_put(j, o, "associatedRule", reference);
    }
    if (artifact != UINT64_MAX) {
        cJSON *list = json_array(j), *place = json_object(j), *physical = json_object(j);
        json_put(j, physical, "artifactLocation", artifact_location(j, a, path, artifact));
        json_put(j, place, "physicalLocation", physical);
        json_put(j, list, NULL, place);
        json_put(j, o, "locations", list);
    }
    json_node(j, NULL, o);
}

static cJSON *counts_json(struct json *j, const struct check_result *res)
{
    cJSON *o = json_object(j);

    for (int s = SEVERITY_ERROR; s >= SEVERITY_INFO; s--)
        json_put_u64(j, o, severity_name((enum severity)s), res->counts[s]);
    return o;
}

/* By peer: what makes it refuse the image; an empty list: it opens. */
static cJSON *refused_json(struct report *r, struct json *j, const struct check_result *res)
{
    cJSON *o = json_object(j);
    struct forecast forecast;

    if (forecast_make(report_scratch(r), res, &forecast) != STATUS_OK) {
        j->failed = true;
        return o;
    }
    for (unsigned bit = 0; bit < PEER_COUNT; bit++) {
        cJSON *because = json_array(j);
        for (uint32_t i = 0; i < forecast.peers[bit].count; i++)
            json_put_text(j, because, NULL, forecast.peers[bit].because[i]);
        json_put(j, o, peer_name(bit), because);
    }
    return o;
}

/* res: NULL for a file that could not be looked at. Returns its number. */
static uint64_t add_artifact(struct report *r, const char *path, const struct check_result *res)
{
    struct json *j = &r->sarif->artifacts.json;
    uint64_t number = r->sarif->artifact_count++;
    cJSON *o = json_object(j), *roles = json_array(j), *properties = json_object(j);

    json_put(j, o, "location", artifact_location(j, report_scratch(r), path, number));
    if (res != NULL)
        json_put_u64(j, o, "length", res->image->file_size);
    json_put_text(j, roles, NULL, "analysisTarget");
    json_put(j, o, "roles", roles);
    if (res != NULL) {
        json_put_text(j, properties, "verdict", verdict_name(res->verdict));
        if (res->image->host.journal != NULL)
            json_put_text(j, properties, "journal", res->image->host.journal);
        json_put_bool(j, properties, "complete", res->complete);
        json_put(j, properties, "counts", counts_json(j, res));
        json_put(j, properties, "refusedBy", refused_json(r, j, res));
        if (r->profile != NULL)
            json_put(j, properties, "profile", profile_json(j, r->profile));
    } else {
        json_put_null(j, properties, "verdict");
        json_put_bool(j, properties, "complete", false);
    }
    json_put(j, o, "properties", properties);
    json_node(j, NULL, o);
    return number;
}

/* Everything that keeps the results from being the whole truth. */
static void add_notes(struct report *r, const struct check_result *res, uint64_t artifact)
{
    const char *path = res->image->path;
    struct unevaluated *reasons = NULL;
    struct arena *a = report_scratch(r);
    uint32_t count;

    if (res->io_error)
        add_note(r, SARIF_NOTE_INCOMPLETE, "error", path, artifact,
                 "the host could not read the file everywhere: the results are not complete", NULL);
    for (uint32_t i = 0; i < res->limit_count; i++)
        add_note(r, SARIF_NOTE_INCOMPLETE, "error", path, artifact,
                 text_format(a, "limit %s: %s", res->limits[i].name, res->limits[i].message), NULL);
    for (uint32_t i = 0; i < rule_count(); i++) {
        const struct rule_result *rule = &res->rules[i];
        if (rule->count > rule->kept)
            add_note(r, SARIF_NOTE_LEFT_OUT, "warning", path, artifact,
                     text_format(a, "%s more of %s are only counted (--max-findings)",
                                 group_digits(a, rule->count - rule->kept), rule_at(i)->id),
                     rule_at(i)->id);
    }
    count = unevaluated_reasons(r, res, &reasons);
    for (uint32_t i = 0; i < count; i++)
        add_note(r, SARIF_NOTE_NOT_EVALUATED, "note", path, artifact,
                 text_format(a, "%s not evaluated: %s", count_noun(a, reasons[i].rules, "rule"), reasons[i].reason),
                 NULL);
}

void sarif_image(struct report *r, const struct check_result *res)
{
    struct sarif *s = r->sarif;
    uint64_t artifact = add_artifact(r, res->image->path, res);

    for (uint64_t i = 0; i < res->finding_count; i++) {
        const struct finding *f = res->findings[i];
        struct json *j = &s->results[f->severity].json;

        if (s->found[f->severity]++ < LIMIT_SARIF_RESULTS)
            json_node(j, NULL, sarif_result_json(j, report_scratch(r), res->image, f, artifact));
    }
    add_notes(r, res, artifact);
}

void sarif_unopened(struct report *r, const char *path, const char *message)
{
    uint64_t artifact = add_artifact(r, path, NULL);

    add_note(r, SARIF_NOTE_UNREADABLE, "error", path, artifact, message, NULL);
}

/* ---- the end ---- */

/* The first `most` lines of a part into the array that is open. */
static bool copy_lines(struct report *r, struct part *p, uint64_t most)
{
    FILE *from = spool_read(&p->spool);
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    if (from == NULL)
        return false;
    while (most-- > 0 && (len = getline(&line, &cap, from)) > 0) {
        line[len - 1] = '\0'; /* its line feed; where the disk was full, the report says so */
        json_line(&r->json, NULL, cJSON_CreateRaw(line));
    }
    free(line);
    r->json.failed = r->json.failed || p->json.failed;
    return !ferror(from);
}

static const char *exit_description(int code)
{
    static const char *const texts[] = {
        "completed, nothing at or above --fail-on",
        "completed, findings at or above --fail-on",
        "usage error",
        "could not complete: cannot open, I/O error, permission",
        "repaired",
        "repair refused or incomplete",
        "stopped by a limit",
        "internal error",
    };
    const int known = sizeof(texts) / sizeof(texts[0]);

    return texts[code >= 0 && code < known ? code : known - 1];
}

static bool put_invocation(struct report *r)
{
    struct json *j = &r->json;
    bool whole;

    json_begin(j, "invocations", '[');
    json_begin(j, NULL, '{');
    element_bool(r, "executionSuccessful", r->exit_code == 0 || r->exit_code == 1);
    json_line(j, "exitCode", cJSON_CreateNumber(r->exit_code));
    element_text(r, "exitCodeDescription", exit_description(r->exit_code));
    json_begin(j, "toolExecutionNotifications", '[');
    whole = copy_lines(r, &r->sarif->notes, UINT64_MAX);
    json_end(j, ']');
    json_end(j, '}');
    json_end(j, ']');
    return whole;
}

/* Of each severity how many results there is room for. */
static void share_out(const struct sarif *s, uint64_t room[SEVERITY_COUNT])
{
    uint64_t left = LIMIT_SARIF_RESULTS;

    for (int i = SEVERITY_ERROR; i >= SEVERITY_INFO; i--) {
        room[i] = s->found[i] < left ? s->found[i] : left;
        left -= room[i];
    }
}

static void note_left_out(struct report *r, const uint64_t room[SEVERITY_COUNT])
{
    const struct sarif *s = r->sarif;
    struct arena *a = report_scratch(r);

    if (s->found[SEVERITY_ERROR] == room[SEVERITY_ERROR] && s->found[SEVERITY_WARNING] == room[SEVERITY_WARNING] &&
        s->found[SEVERITY_INFO] == room[SEVERITY_INFO])
        return;
    add_note(r, SARIF_NOTE_LEFT_OUT, "warning", NULL, UINT64_MAX,
             text_format(a, "left out, because a run takes %s results: %s, %s, %s; the other formats list them all",
                         group_digits(a, LIMIT_SARIF_RESULTS),
                         count_noun(a, s->found[SEVERITY_ERROR] - room[SEVERITY_ERROR], "error"),
                         count_noun(a, s->found[SEVERITY_WARNING] - room[SEVERITY_WARNING], "warning"),
                         count_noun(a, s->found[SEVERITY_INFO] - room[SEVERITY_INFO], "note")),
             NULL);
}

enum status sarif_end(struct report *r)
{
    struct sarif *s = r->sarif;
    struct json *j = &r->json;
    uint64_t room[SEVERITY_COUNT];
    bool whole;

    share_out(s, room);
    note_left_out(r, room);
    json_begin(j, NULL, '{');
    element_text(r, "$schema", SCHEMA_URI);
    element_text(r, "version", "2.1.0");
    json_begin(j, "runs", '[');
    json_begin(j, NULL, '{');
    json_begin(j, "tool", '{');
    sarif_driver(r);
    json_end(j, '}');
    whole = put_invocation(r);
    json_begin(j, "artifacts", '[');
    whole = copy_lines(r, &s->artifacts, UINT64_MAX) && whole;
    json_end(j, ']');
    json_begin(j, "results", '[');
    for (int i = SEVERITY_ERROR; i >= SEVERITY_INFO; i--)
        whole = copy_lines(r, &s->results[i], room[i]) && whole;
    json_end(j, ']');
    json_end(j, '}');
    json_end(j, ']');
    json_end(j, '}');
    sarif_close(s);
    r->sarif = NULL;
    return whole ? STATUS_OK : STATUS_IO;
}
