/* SPDX-License-Identifier: MIT */
/*
 * What the other commands print of a whole image: info, dump, log, map. Input: a recipe; its seed says which one, in
 * which form, and how much of it.
 *
 * Asserted: JSON is strict and has the schema's shape, on one line each as well; text is harmless on a terminal; the
 * file's ranges are in order and cover it; extents of the map cover the disk.
 */
#include <cjson/cJSON.h>

#include "base/limits.h"
#include "fuzz/schema_check.h"
#include "fuzz/strict.h"
#include "fuzz/whole.h"
#include "image/chain.h"
#include "image/guest.h"
#include "image/guest_faults.h"
#include "report/guest.h"

enum { KINDS = 5 };
static const enum schema_kind kinds[KINDS] = {SCHEMA_INFO, SCHEMA_DUMP, SCHEMA_LOG, SCHEMA_LAYOUT, SCHEMA_MAP};
static const char *const lists[KINDS] = {"images", NULL, "images", NULL, NULL};

/* Text of disks and maps without end is not what this is for. */
static const uint64_t MAPPED_MAX = (uint64_t)1 << 36;

static void write_map(struct report *r, struct image *img)
{
    const struct chain_options nothing = {.parent_count = 0};
    const struct guest_options options = {.anchors = false};
    const char *why = NULL;
    struct guest *g = NULL;

    ASSERT(chain_resolve(img, &nothing) == STATUS_OK);
    if (guest_open(img, &options, &g, &why) == STATUS_OK) {
        struct guest_fault_list faults = {.arena = img->arena};
        ASSERT(report_map(r, img->path, g, 0, u64_min(guest_size(g), MAPPED_MAX), &faults) == STATUS_OK);
    } else {
        report_refused(r, img->path, why);
    }
    chain_close(img);
}

static void write_report(struct report *r, struct image *img, unsigned kind, uint8_t seed)
{
    const struct dump_options dump = {
        .parts = seed & 128 ? DUMP_ALL | DUMP_BYTES : DUMP_ALL,
        .hex = (seed & 64) != 0,
        .range_end = img->file_size,
    };
    const char *missing = NULL;

    ASSERT(view_survey(img->main) == STATUS_OK);
    switch (kinds[kind]) {
    case SCHEMA_INFO:
        report_info(r, img);
        break;
    case SCHEMA_DUMP:
        ASSERT(report_dump(r, img, &dump, &missing) == STATUS_OK);
        break;
    case SCHEMA_LOG:
        ASSERT(report_log(r, img, (seed & 64) != 0) == STATUS_OK);
        break;
    case SCHEMA_LAYOUT:
        ASSERT(report_layout(r, img, &missing) == STATUS_OK);
        break;
    default:
        write_map(r, img);
        break;
    }
}

/* Items stand one behind the other from 0 to `end` of the whole. */
static void judge_order(const cJSON *tree, const char *list, const char *end, bool gaps)
{
    const cJSON *item;
    double at = 0;

    if (cJSON_GetObjectItemCaseSensitive(tree, list) == NULL)
        return; /* refused */
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(tree, list))
    {
        double off = cJSON_GetObjectItemCaseSensitive(item, "offset")->valuedouble;
        ASSERT(gaps ? off >= 0 : off == at, "%s: %.0f behind %.0f", list, off, at);
        at = off + cJSON_GetObjectItemCaseSensitive(item, "length")->valuedouble;
    }
    ASSERT(gaps || at == cJSON_GetObjectItemCaseSensitive(tree, end)->valuedouble, "%s: %.0f", list, at);
}

static void judge(const char *text, size_t len, unsigned kind, enum report_format format)
{
    if (format == REPORT_TEXT) {
        strict_text(text, len);
        return;
    }
    if (format == REPORT_JSONL) {
        strict_json_lines(text, len);
        for (const char *line = text, *end; line < text + len; line = end + 1) {
            end = memchr(line, '\n', len - (size_t)(line - text));
            char *copy = strndup(line, (size_t)(end - line));
            ASSERT(copy != NULL, "out of memory");
            cJSON_Delete(schema_check_line(copy, strlen(copy), kinds[kind]));
            free(copy);
        }
        return;
    }
    strict_json(text, len);
    cJSON *tree = schema_check(text, len, kinds[kind]);
    if (kinds[kind] == SCHEMA_MAP)
        judge_order(tree, "extents", "length", false);
    if (kinds[kind] == SCHEMA_LAYOUT)
        judge_order(tree, "ranges", "size", true);
    cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct recipe r;
    struct whole w;
    size_t len;

    recipe_decode(data, size, &r);
    unsigned kind = r.seed % KINDS;
    enum report_format format = (enum report_format)(r.seed / KINDS % 3);
    whole_open(&w, &r, "image.vhdx", WHOLE_HOST);
    struct report report = {.out = whole_text_begin(), .format = format, .verbose = true};
    ASSERT(report_begin(&report, lists[kind]) == STATUS_OK);
    write_report(&report, w.image, kind, r.seed);
    ASSERT(report_end(&report) == STATUS_OK);
    const char *text = whole_text_end(&len);
    judge(text, len, kind, format);
    whole_close(&w);
    recipe_free(&r);
    return 0;
}
