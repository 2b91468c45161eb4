/* SPDX-License-Identifier: MIT */
/* One checked image as JSON, in the order of the contract. Findings are written one by one: there may be millions. */
#include "check/forecast.h"
#include "report/check.h"
#include "report/element.h"
#include "report/out.h"

static cJSON *guest_range_json(struct json *j, const struct finding *f)
{
    if (!f->has_guest_range)
        return cJSON_CreateNull();
    cJSON *o = json_object(j);
    json_put_u64(j, o, "offset", f->guest_off);
    json_put_u64(j, o, "length", f->guest_len);
    return o;
}

static void put_index(struct json *j, cJSON *to, int64_t index)
{
    if (index < 0)
        json_put_null(j, to, "index");
    else
        json_put_i64(j, to, "index", index);
}

static cJSON *related_json(struct json *j, const struct finding *f)
{
    cJSON *list = json_array(j);

    for (uint64_t i = 0; i < f->related_count; i++) {
        cJSON *o = json_object(j);
        json_put_text(j, o, "structure", structure_name(f->related[i].structure));
        put_index(j, o, f->related[i].index);
        json_put_u64(j, o, "offset", f->related[i].off);
        json_put(j, list, NULL, o);
    }
    return list;
}

static cJSON *finding_json(struct report *r, const struct finding *f)
{
    struct json *j = &r->json;
    cJSON *o = json_object(j);

    json_put_text(j, o, "rule", f->rule->id);
    json_put_text(j, o, "severity", severity_name(f->severity));
    json_put_text(j, o, "title", f->rule->title);
    json_put_text(j, o, "message", f->message);
    json_put_text(j, o, "structure", structure_name(f->at.structure));
    put_index(j, o, f->at.index);
    json_put_u64(j, o, "offset", f->at.off);
    json_put_u64(j, o, "length", f->at.len);
    json_put_text(j, o, "view", f->view == VIEW_REPLAYED ? "replayed" : "stored");
    json_put_text(j, o, "expected", f->expected);
    json_put_text(j, o, "actual", f->actual);
    json_put(j, o, "guest_range", guest_range_json(j, f));
    json_put_text(j, o, "spec", rule_spec_text(report_scratch(r), f->rule));
    json_put_text(j, o, "repair", repair_class_name(f->repair));
    json_put_text(j, o, "quirk", f->quirk);
    json_put(j, o, "related", related_json(j, f));
    json_put_text(j, o, "means", finding_means_text(f));
    json_put_text(j, o, "next", finding_next_text(f));
    return o;
}

static void put_rules(struct report *r, const struct check_result *res)
{
    struct json *j = &r->json;

    json_begin(j, "rules", '{');
    element_u64(r, "evaluated", res->evaluated);
    json_begin(j, "not_evaluated", '[');
    for (uint32_t i = 0; i < rule_count(); i++) {
        if (res->rules[i].outcome != RULE_NOT_EVALUATED)
            continue;
        cJSON *o = json_object(j);
        json_put_text(j, o, "rule", rule_at(i)->id);
        json_put_text(j, o, "reason", res->rules[i].reason);
        json_line(j, NULL, o);
    }
    json_end(j, ']');
    json_end(j, '}');
}

static cJSON *counts_json(struct json *j, const struct check_result *res)
{
    cJSON *o = json_object(j);

    for (int s = SEVERITY_ERROR; s >= SEVERITY_INFO; s--)
        json_put_u64(j, o, severity_name((enum severity)s), res->counts[s]);
    return o;
}

static cJSON *suppressed_json(struct json *j, const struct check_result *res)
{
    cJSON *o = json_object(j);

    for (uint32_t i = 0; i < rule_count(); i++) {
        if (res->rules[i].count > res->rules[i].kept)
            json_put_u64(j, o, rule_at(i)->id, res->rules[i].count - res->rules[i].kept);
    }
    return o;
}

static cJSON *limits_json(struct json *j, const struct check_result *res)
{
    cJSON *list = json_array(j);

    for (uint32_t i = 0; i < res->limit_count; i++) {
        cJSON *o = json_object(j);
        json_put_text(j, o, "name", res->limits[i].name);
        json_put_text(j, o, "message", res->limits[i].message);
        json_put(j, list, NULL, o);
    }
    return list;
}

static cJSON *peer_json(struct json *j, const struct forecast_peer *peer)
{
    cJSON *o = json_object(j), *because = json_array(j), *limits = json_array(j);

    for (uint32_t i = 0; i < peer->count; i++)
        json_put_text(j, i < peer->rules ? because : limits, NULL, peer->because[i]);
    json_put_bool(j, o, "opens", peer->count == 0);
    json_put(j, o, "because", because);
    json_put(j, o, "limits", limits);
    return o;
}

static void put_compatibility(struct report *r, const struct check_result *res)
{
    struct json *j = &r->json;
    struct forecast forecast;

    if (forecast_make(report_scratch(r), res, &forecast) != STATUS_OK) {
        j->failed = true;
        return;
    }
    json_begin(j, "compatibility", '{');
    for (unsigned bit = 0; bit < PEER_COUNT; bit++)
        json_line(j, peer_name(bit), peer_json(j, &forecast.peers[bit]));
    json_end(j, '}');
}

void check_json(struct report *r, const struct check_result *res)
{
    const struct image *img = res->image;
    struct json *j = &r->json;

    element_begin(r);
    element_path(r, img->path);
    element_u64(r, "size", img->file_size);
    if (img->host.journal != NULL)
        element_text(r, "journal", img->host.journal);
    element_text(r, "verdict", verdict_name(res->verdict));
    element_bool(r, "complete", res->complete);
    json_node(j, "facts", facts_json(j, img));
    json_begin(j, "findings", '[');
    for (uint64_t i = 0; i < res->finding_count; i++)
        json_node(j, NULL, finding_json(r, res->findings[i]));
    json_end(j, ']');
    json_line(j, "counts", counts_json(j, res));
    put_rules(r, res);
    json_node(j, "suppressed", suppressed_json(j, res));
    json_node(j, "limits", limits_json(j, res));
    put_compatibility(r, res);
    if (r->profile != NULL)
        json_node(j, "profile", profile_json(j, r->profile));
    json_line(j, "sandbox", element_sandbox(r));
    element_end(r);
}
