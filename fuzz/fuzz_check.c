/* SPDX-License-Identifier: MIT */
/*
 * A whole image, checked as `vhdxray check` does it. Input: a recipe. Its seed says how: bits 0 and 1 without the log
 * and with facts about the host file, bit 2 few findings a rule. A report takes ten times as long as a check, and what
 * reports do an engine would take for news and keep; so under an engine the checksum of the input chooses one input
 * of a thousand to be reported, whatever it holds, and the replay reports all. The words of findings are a quarter of a
 * check: in the same way one input of sixteen has them made, and the findings of the others are only counted.
 *
 * Asserted: the work stays in proportion to what the recipe lays down; counts, verdict and findings agree; the report
 * is strict JSON of the schema's shape that says the same; a second run that is told of data in other pieces gives the
 * same bytes; what a clean image owns are places of its own inside the file, found out here by comparing all with all.
 */
#include <cjson/cJSON.h>

#include "base/crc32c.h"
#include "base/le.h"
#include "base/limits.h"
#include "check/profile.h"
#include "fuzz/schema_check.h"
#include "fuzz/strict.h"
#include "fuzz/whole.h"

enum {
    SEED_NO_REPLAY = 1,
    SEED_HOST = 2,
    SEED_FEW = 4,
    FEW = 2,
    SOME = 3, /* of each rule, under an engine: a thousand are as many times the same code */
    RANGES_MAX = 2048,
    REPORTED_OF = 4096, /* inputs, of which each kind of report takes one */
    WORDED_OF = 16,     /* inputs, of which one keeps its findings; those that are reported among them */
};

/* ---- what an image owns ---- */

struct range {
    uint64_t off, len;
    const char *what;
};

struct ranges {
    struct range items[RANGES_MAX];
    unsigned count;
    bool full;
};

static void own(struct ranges *r, uint64_t off, uint64_t len, const char *what)
{
    if (len == 0)
        return;
    if (r->count == RANGES_MAX)
        r->full = true;
    else
        r->items[r->count++] = (struct range){off, len, what};
}

/* The BAT once more, entry by entry, after [MS-VHDX] 2.5.1. */
static void own_blocks(struct ranges *r, const struct view *v)
{
    const uint64_t block_size = v->metadata.file_parameters.block_size, size = v->metadata.virtual_disk_size;
    const uint64_t ratio = ((uint64_t)v->metadata.logical_sector_size << 23) / block_size;
    const uint64_t blocks = (size + block_size - 1) / block_size;

    for (uint64_t index = 0, block = 0; block < blocks && !r->full; index++) {
        uint8_t entry[8];
        if (source_read(v->src, v->bat_region.off + 8 * index, entry, sizeof(entry)) != STATUS_OK)
            return;
        uint64_t raw = le64(entry), off = raw >> 20 << 20;
        bool bitmap = index % (ratio + 1) == ratio;
        if (bitmap && (raw & 7) == 6)
            own(r, off, MIB, "a sector bitmap block");
        if (!bitmap && (raw & 7) >= 6) /* the last block may end where the disk does */
            own(r, off, u64_min(block_size, size - block * block_size), "a payload block");
        block += !bitmap;
    }
}

static void judge_clean(struct image *img)
{
    static struct ranges r;
    const struct view *v = img->main;
    const struct header *h = image_header(img);

    if (v->geometry.entries > RANGES_MAX)
        return;
    r.count = 0;
    r.full = false;
    own(&r, 0, MIB, "the header section");
    own(&r, h->log_off, h->log_len, "the log");
    for (uint32_t i = 0; i < v->regions[v->used_table].table.usable_count; i++) {
        const struct region_entry *e = &v->regions[v->used_table].entries[i];
        own(&r, e->off, e->len, "a region");
    }
    own_blocks(&r, v);
    for (unsigned i = 0; i < r.count; i++) {
        const struct range *a = &r.items[i];
        ASSERT(a->off <= v->src->size && a->len <= v->src->size - a->off, "%s ends outside the file", a->what);
        ASSERT(i == 0 || (a->off >= MIB && a->off % MIB == 0), "%s at %llu", a->what, (unsigned long long)a->off);
        for (unsigned k = 0; k < i; k++)
            ASSERT(a->off >= r.items[k].off + r.items[k].len || r.items[k].off >= a->off + a->len,
                   "%s and %s share bytes", a->what, r.items[k].what);
    }
}

/* ---- reports ---- */

static uint64_t number_of(const cJSON *o, const char *key)
{
    return (uint64_t)cJSON_GetObjectItemCaseSensitive(o, key)->valuedouble;
}

static const char *write_report(const struct check_result *res, enum report_format format, size_t *ret_len)
{
    struct report r = {.out = whole_text_begin(), .format = format, .verbose = true};

    ASSERT(report_begin(&r, "images") == STATUS_OK);
    report_check(&r, res);
    ASSERT(report_end(&r) == STATUS_OK);
    return whole_text_end(ret_len);
}

static void judge_json(const struct check_result *res)
{
    size_t len;
    const char *text = write_report(res, REPORT_JSON, &len);

    strict_json(text, len);
    cJSON *tree = schema_check(text, len, SCHEMA_CHECK);
    const cJSON *images = cJSON_GetObjectItemCaseSensitive(tree, "images");
    ASSERT(cJSON_GetArraySize(images) == 1);
    const cJSON *image = cJSON_GetArrayItem(images, 0), *item;
    const cJSON *findings = cJSON_GetObjectItemCaseSensitive(image, "findings");
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(image, "counts");
    uint64_t i = 0;

    ASSERT(strcmp(cJSON_GetObjectItemCaseSensitive(image, "verdict")->valuestring, verdict_name(res->verdict)) == 0);
    ASSERT(number_of(counts, "error") == res->counts[SEVERITY_ERROR]);
    ASSERT(number_of(counts, "warning") == res->counts[SEVERITY_WARNING]);
    ASSERT(number_of(counts, "info") == res->counts[SEVERITY_INFO]);
    cJSON_ArrayForEach(item, findings)
    {
        ASSERT(i < res->finding_count);
        ASSERT(strcmp(cJSON_GetObjectItemCaseSensitive(item, "rule")->valuestring, res->findings[i]->rule->id) == 0);
        i++;
    }
    ASSERT(i == res->finding_count);
    cJSON_Delete(tree);
}

static void judge_text(const struct check_result *res)
{
    size_t len;
    const char *text = write_report(res, REPORT_TEXT, &len);

    strict_text(text, len);
}

/* What Azure asks for: every requirement has its words, and the counts follow from them. */
static void judge_profile(const struct check_result *res)
{
    struct profile p = {.kind = PROFILE_NONE};
    uint32_t unmet = 0;

    enum status st = profile_make(res->image->arena, PROFILE_AZURE, res, &p);
    ASSERT(st == STATUS_OK, "status %d", (int)st);
    ASSERT(strcmp(profile_name(p.kind), "azure") == 0 && profile_title(p.kind)[0] != '\0' &&
           profile_name(PROFILE_NONE) == NULL);
    ASSERT(p.kind == PROFILE_AZURE && p.count > 0 && p.count <= REQUIREMENTS_MAX);
    for (uint32_t i = 0; i < p.count; i++) {
        const struct requirement *r = &p.requirements[i];
        bool wanting = r->result == REQUIREMENT_UNMET || r->result == REQUIREMENT_UNKNOWN;
        ASSERT(r->id[0] != '\0' && r->title[0] != '\0' && r->found != NULL && r->found[0] != '\0', "%s", r->id);
        ASSERT(r->next == NULL || r->next[0] != '\0', "%s: nothing to do", r->id);
        ASSERT(requirement_result_name(r->result)[0] != '\0');
        unmet += wanting;
    }
    ASSERT(p.unmet == unmet && p.ready == (unmet == 0));
    ASSERT(!p.ready || (res->complete && res->counts[SEVERITY_ERROR] == 0), "an image with errors is ready");
}

/* ---- runs ---- */

/* most: findings of a rule to keep */
static struct check_result *run(struct whole *w, const struct recipe *r, unsigned options, uint64_t most)
{
    const struct check_options check = {.max_findings = r->seed & SEED_FEW ? u64_min(FEW, most) : most};
    struct check_result *res = NULL;

    options |= (r->seed & SEED_NO_REPLAY ? WHOLE_NO_REPLAY : 0U) | (r->seed & SEED_HOST ? WHOLE_HOST : 0U);
    whole_open(w, r, "image.vhdx", options);
    enum status st = check_run(w->image, &check, NULL, &res);
    ASSERT(st == STATUS_OK, "status %d", (int)st);
    return res;
}

/* Everything again, from other pieces. */
static void judge_second(const struct recipe *r, const struct check_result *first, uint64_t most)
{
    size_t len, again_len;
    struct whole w;
    const char *text = write_report(first, REPORT_JSON, &len);
    char *kept = malloc(len + 1);

    ASSERT(kept != NULL, "out of memory");
    memcpy(kept, text, len + 1);
    text = write_report(run(&w, r, WHOLE_RAGGED, most), REPORT_JSON, &again_len);
    ASSERT(len == again_len && memcmp(kept, text, len) == 0, "the second report is another one");
    free(kept);
    whole_close(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct recipe r;
    struct whole w;

    unsigned chosen = is_replay() ? 0 : crc32c(0, data, size) % REPORTED_OF;
    uint64_t most = is_replay() ? LIMIT_FINDINGS_PER_RULE : chosen < REPORTED_OF / WORDED_OF ? SOME : 0;

    recipe_decode(data, size, &r);
    const struct check_result *res = run(&w, &r, 0, most);
    whole_judge(res);
    if (res->verdict == VERDICT_CLEAN && res->complete)
        judge_clean(w.image);
    if (is_replay() || chosen == 0)
        judge_json(res);
    if (is_replay() || chosen == 1)
        judge_text(res);
    if (is_replay() || chosen == 2)
        judge_second(&r, res, most);
    if (is_replay() || chosen == 3)
        judge_profile(res);
    whole_close(&w);
    recipe_free(&r);
    return 0;
}
