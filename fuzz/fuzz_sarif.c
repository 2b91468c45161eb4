/* SPDX-License-Identifier: MIT */
/*
 * The SARIF log of a check. Input: the length of a path (u16), the path, any bytes without a NUL, and a recipe.
 *
 * Asserted: strict JSON whatever image and path hold; one run, a result for each finding that is listed, with a rule
 * that the tool has, a level, a message and a place in an artifact that the run has; URIs hold nothing but what URIs
 * may.
 */
#include <cjson/cJSON.h>

#include "base/limits.h"
#include "fuzz/strict.h"
#include "fuzz/whole.h"
#include "report/sarif.h"

static const cJSON *member(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

    ASSERT(v != NULL, "no %s", key);
    return v;
}

static void judge_uri(const cJSON *location)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%";
    const char *uri = member(location, "uri")->valuestring;

    ASSERT(uri[strspn(uri, allowed)] == '\0', "%s", uri);
}

static void judge_result(const cJSON *result, const struct finding *f)
{
    const cJSON *locations = member(result, "locations");

    ASSERT(strcmp(member(result, "ruleId")->valuestring, f->rule->id) == 0, "%s", f->rule->id);
    ASSERT(member(member(result, "message"), "text")->valuestring[0] != '\0');
    const char *level = member(result, "level")->valuestring;
    ASSERT(strcmp(level, "error") == 0 || strcmp(level, "warning") == 0 || strcmp(level, "note") == 0, "%s", level);
    ASSERT(cJSON_GetArraySize(locations) >= 1);
    judge_uri(member(member(cJSON_GetArrayItem(locations, 0), "physicalLocation"), "artifactLocation"));
}

static cJSON *parse(const char *text, size_t len)
{
    strict_json(text, len);
    cJSON *tree = cJSON_ParseWithLengthOpts(text, len + 1, NULL, 1);
    ASSERT(tree != NULL, "cJSON refuses it");
    return tree;
}

/* Results one by one. */
static void judge_results(const struct check_result *res)
{
    struct arena *a = property_arena((uint64_t)64 << 20);
    size_t len;

    for (uint64_t i = 0; i < res->finding_count; i++) {
        struct json j = json_to(whole_text_begin(), false);
        json_line(&j, NULL, sarif_result_json(&j, a, res->image, res->findings[i], 0));
        ASSERT(!j.failed);
        const char *text = whole_text_end(&len);
        cJSON *result = parse(text, len);
        judge_result(result, res->findings[i]);
        cJSON_Delete(result);
    }
    arena_destroy(a);
}

static void judge_log(const struct check_result *res)
{
    struct report report = {.out = whole_text_begin(), .format = REPORT_SARIF};
    size_t len;

    ASSERT(report_begin(&report, "images") == STATUS_OK);
    report_check(&report, res);
    ASSERT(report_end(&report) == STATUS_OK);
    const char *text = whole_text_end(&len);
    cJSON *tree = parse(text, len);
    ASSERT(strcmp(member(tree, "version")->valuestring, "2.1.0") == 0);
    ASSERT(cJSON_GetArraySize(member(tree, "runs")) == 1);
    const cJSON *run = cJSON_GetArrayItem(member(tree, "runs"), 0), *item;
    const cJSON *rules = member(member(member(run, "tool"), "driver"), "rules");
    uint64_t i = 0;

    cJSON_ArrayForEach(item, member(run, "artifacts")) judge_uri(member(item, "location"));
    cJSON_ArrayForEach(item, member(run, "results"))
    {
        ASSERT(i < res->finding_count);
        const cJSON *rule = cJSON_GetArrayItem(rules, (int)member(item, "ruleIndex")->valuedouble);
        ASSERT(strcmp(member(rule, "id")->valuestring, member(item, "ruleId")->valuestring) == 0);
        judge_result(item, res->findings[i++]);
    }
    ASSERT(i == res->finding_count);
    cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct check_options options = {.max_findings = LIMIT_FINDINGS_PER_RULE};
    struct recipe_part parts[2] = {{data, 0}, {data, 0}};
    struct check_result *res = NULL;
    struct recipe r;
    struct whole w;

    (void)recipe_split(data, size, parts, 2);
    char *path = calloc(1, parts[0].size + 1);
    ASSERT(path != NULL, "out of memory");
    if (parts[0].size > 0)
        memcpy(path, parts[0].data, parts[0].size);
    recipe_decode(parts[1].data, parts[1].size, &r);
    whole_open(&w, &r, path, WHOLE_HOST);
    ASSERT(check_run(w.image, &options, NULL, &res) == STATUS_OK);
    judge_results(res);
    if (r.seed == 0)
        judge_log(res);
    whole_close(&w);
    recipe_free(&r);
    free(path);
    return 0;
}
